//! A job as a row, and back.
//!
//! What is sorted, counted or summed has its own column. The rare parts of a phase (why it is held, what failed, the
//! doubt) share the JSON column `detail`, which is NULL for the common ones, so that a long list loads fast.

use std::sync::LazyLock;

use jiff::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, named_params, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::DbError;
use crate::job::{
    Approval, CancelledBy, Charge, Credits, FetchTrouble, HoldReason, IdempotencyKey, ImageNumber, Job, JobId, JobKind, Model,
    PaidRequest, PaidSend, Percent, Phase, Progress, Prompt, State, Tag, TaskId, Verdict,
};

/// The columns in the order in which [`read`] takes them; `id` is the first.
const COLUMNS: [&str; 49] = [
    "id",
    "source",
    "image",
    "kind",
    "prompt",
    "template",
    "tag",
    "place",
    "state",
    "detail",
    "percent",
    "seconds_left",
    "heard_at",
    "created_at",
    "approval_seq",
    "approval_price",
    "approved_at",
    "not_before",
    "request_key",
    "request_body",
    "send_key",
    "send_body",
    "send_agreed",
    "send_first_at",
    "send_last_at",
    "send_attempts",
    "send_lost",
    "send_cleared",
    "send_first_there",
    "send_last_there",
    "send_refusals",
    "stop_wish",
    "source_confirmed",
    "task",
    "request_id",
    "sent_at",
    "finished_at",
    "saved_at",
    "link_expires_at",
    "estimate",
    "links",
    "files",
    "reserved",
    "charged",
    "charge",
    "again_of",
    "removed",
    "verdict",
    "revision",
];

static SELECT: LazyLock<String> = LazyLock::new(|| format!("SELECT {} FROM jobs", COLUMNS.join(",")));
static INSERT: LazyLock<String> = LazyLock::new(|| insert_sql(false));
static INSERT_AGAIN: LazyLock<String> = LazyLock::new(|| insert_sql(true));
static UPDATE: LazyLock<String> = LazyLock::new(|| {
    let sets: Vec<String> = COLUMNS[1..].iter().map(|name| format!("{name} = :{name}")).collect();
    format!("UPDATE jobs SET {} WHERE id = :id", sets.join(","))
});

fn insert_sql(again: bool) -> String {
    let slots: Vec<String> = COLUMNS.iter().map(|name| format!(":{name}")).collect();
    format!("INSERT INTO jobs ({}, again) VALUES ({}, {})", COLUMNS.join(","), slots.join(","), u8::from(again))
}

/// A time as it is stored. What lies outside the years 1677 to 2262 is moved to their edge.
pub(super) fn nanos(at: Timestamp) -> i64 {
    let nanos = at.as_nanosecond();
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// A stored time.
pub(super) fn time(nanos: i64) -> Result<Timestamp, DbError> {
    Timestamp::from_nanosecond(i128::from(nanos)).map_err(|_| DbError::Damaged("a time is out of range".to_owned()))
}

/// A job id as it is stored.
pub(super) fn bits(id: JobId) -> i64 {
    i64::try_from(id.bits()).unwrap_or(i64::MAX)
}

/// A stored job id.
pub(super) fn job_id(bits: i64) -> Result<JobId, DbError> {
    let id = u64::try_from(bits).ok().map(JobId::from_bits);
    id.filter(|id| self::bits(*id) == bits).ok_or_else(|| DbError::Damaged("a job's id is out of range".to_owned()))
}

/// A number that counts up from 0, as it is stored.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A stored number that counts up from 0.
pub(super) fn unsigned(number: i64) -> Result<u64, DbError> {
    u64::try_from(number).map_err(|_| DbError::Damaged("a number is negative".to_owned()))
}

/// A small value as JSON text.
pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, DbError> {
    serde_json::to_string(value).map_err(|error| DbError::Said(format!("a value cannot be written down: {error}")))
}

/// A value that was kept as JSON text.
pub(super) fn from_json<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, DbError> {
    serde_json::from_str(text).map_err(|error| DbError::Damaged(format!("{what} cannot be read: {error}")))
}

/// Reads columns one after the other, borrowing their text.
struct Columns<'a, 'stmt> {
    row: &'a Row<'stmt>,
    next: usize,
}

impl<'a> Columns<'a, '_> {
    fn value(&mut self) -> Result<ValueRef<'a>, DbError> {
        let at = self.next;
        self.next += 1;
        Ok(self.row.get_ref(at)?)
    }

    fn wrong(&self) -> DbError {
        DbError::Damaged(format!("column {} of a job holds something else", COLUMNS[self.next - 1]))
    }

    fn text(&mut self) -> Result<Option<&'a str>, DbError> {
        match self.value()? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(bytes) => std::str::from_utf8(bytes).map(Some).map_err(|_| self.wrong()),
            _ => Err(self.wrong()),
        }
    }

    fn number(&mut self) -> Result<Option<i64>, DbError> {
        match self.value()? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(number) => Ok(Some(number)),
            _ => Err(self.wrong()),
        }
    }

    fn small<T: TryFrom<i64>>(&mut self) -> Result<Option<T>, DbError> {
        self.number()?.map(T::try_from).transpose().map_err(|_| self.wrong())
    }

    fn time(&mut self) -> Result<Option<Timestamp>, DbError> {
        self.number()?.map(time).transpose()
    }

    fn credits(&mut self) -> Result<Option<Credits>, DbError> {
        Ok(self.number()?.map(Credits::from_uc))
    }

    fn yes(&mut self) -> Result<bool, DbError> {
        Ok(self.number()?.unwrap_or(0) != 0)
    }

    fn must<T>(&self, value: Option<T>) -> Result<T, DbError> {
        value.ok_or_else(|| self.wrong())
    }

    fn parsed<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, DbError> {
        match self.text()? {
            None => Ok(None),
            Some(text) => parse(text).map(Some).ok_or_else(|| self.wrong()),
        }
    }

    fn json<T: DeserializeOwned + Default>(&mut self) -> Result<T, DbError> {
        match self.text()? {
            None => Ok(T::default()),
            Some(text) => from_json(text, COLUMNS[self.next - 1]),
        }
    }

    /// A list; without the room that reading leaves for more, which in a long list of jobs is a seventh of all memory.
    fn items<T: DeserializeOwned>(&mut self) -> Result<Vec<T>, DbError> {
        let mut items: Vec<T> = self.json()?;
        items.shrink_to_fit();
        Ok(items)
    }
}

/// The job of a row of [`SELECT`].
fn read(row: &Row<'_>) -> Result<Job, DbError> {
    let mut c = Columns { row, next: 0 };
    let id = c.number()?;
    let id = job_id(c.must(id)?)?;
    let kind = kind(&mut c)?;
    let tag = c.parsed(|text| Tag::new(text).ok())?;
    let place = c.number()?;
    let place = c.must(place)?;
    let state = c.parsed(State::from_word)?;
    let state = c.must(state)?;
    let detail = c.text()?;
    let progress = Progress {
        percent: match c.number()? {
            None => None,
            Some(number) => Some(c.must(Percent::new(number))?),
        },
        seconds_left: c.small()?,
        at: c.time()?,
    };
    let created_at = c.time()?;
    let created_at = c.must(created_at)?;
    let approval = match (c.small::<u64>()?, c.credits()?, c.time()?, c.time()?) {
        (Some(seq), Some(price), Some(at), Some(not_before)) => Some(Approval { seq, price, at, not_before }),
        (None, None, None, None) => None,
        _ => return Err(c.wrong()),
    };
    let request = match (c.parsed(|text| IdempotencyKey::new(text).ok())?, c.text()?) {
        (Some(key), Some(body)) => Some(PaidRequest { key, body: body.to_owned() }),
        (None, None) => None,
        _ => return Err(c.wrong()),
    };
    let key = c.parsed(|text| IdempotencyKey::new(text).ok())?;
    let body = c.text()?;
    let (agreed, first_at, last_at) = (c.credits()?, c.time()?, c.time()?);
    let (attempts, lost, cleared) = (c.small()?, c.small()?, c.yes()?);
    let (first_server_time, last_server_time) = (c.time()?, c.time()?);
    let refusals = c.small()?.unwrap_or_default();
    let send = match (key, body, agreed, first_at, last_at, attempts, lost) {
        (Some(key), Some(body), Some(agreed), Some(first_at), Some(last_at), Some(attempts), Some(lost)) => {
            let body = body.to_owned();
            Some(PaidSend {
                key,
                body,
                agreed,
                first_at,
                last_at,
                first_server_time,
                last_server_time,
                attempts,
                lost,
                absence_confirmed: cleared,
                refusals,
            })
        }
        (None, None, None, None, None, None, None) => None,
        _ => return Err(c.wrong()),
    };
    Ok(Job {
        id,
        kind,
        tag,
        place,
        phase: phase(state, detail, progress)?,
        created_at,
        approval,
        request,
        send,
        stop_requested: c.yes()?,
        source_confirmed: c.yes()?,
        task: c.parsed(|text| TaskId::new(text).ok())?,
        request_id: c.text()?.map(str::to_owned),
        sent_at: c.time()?,
        finished_at: c.time()?,
        saved_at: c.time()?,
        link_expires_at: c.time()?,
        estimate: c.small()?,
        links: c.items()?,
        files: c.items()?,
        reserved: c.credits()?,
        charged: c.credits()?,
        charge: c.parsed(Charge::from_word)?,
        again_of: c.number()?.map(job_id).transpose()?,
        removed: c.yes()?,
        verdict: c.parsed(Verdict::from_word)?,
        revision: {
            let revision = c.small()?;
            c.must(revision)?
        },
    })
}

/// What the job asks for, from the five columns that say so.
fn kind(c: &mut Columns<'_, '_>) -> Result<JobKind, DbError> {
    let source = c.parsed(|text| TaskId::new(text).ok())?;
    let image = match c.small::<u8>()? {
        None => None,
        Some(number) => Some(c.must(ImageNumber::try_from(number).ok())?),
    };
    let model = c.parsed(Model::from_word)?;
    let model = c.must(model)?;
    let prompt = c.parsed(|text| Prompt::new(text).ok())?;
    let template = c.text()?.map(str::to_owned);
    match (model, source, image, prompt) {
        (Model::Enhance, Some(source), Some(image), None) => Ok(JobKind::Enhance { source, image }),
        (Model::Draft, None, None, Some(prompt)) => Ok(JobKind::Draft { prompt, template }),
        _ => Err(DbError::Damaged(format!("a job that is to {model} does not say what"))),
    }
}

fn phase(state: State, detail: Option<&str>, progress: Progress) -> Result<Phase, DbError> {
    let missing = || DbError::Damaged(format!("a {state} job does not say why"));
    let error = || match detail {
        None => Ok(FetchTrouble::default()),
        Some(text) => from_json(text, "a download's error"),
    };
    Ok(match state {
        State::Held => Phase::Held(match detail {
            None => HoldReason::You,
            Some(text) => from_json(text, "the reason of a held job")?,
        }),
        State::Waiting => Phase::Waiting,
        State::Sending => Phase::Sending,
        State::Unsure => Phase::Unsure(from_json(detail.ok_or_else(missing)?, "the doubt about a job")?),
        State::Running => Phase::Running(progress),
        State::ToFetch => Phase::ToFetch(error()?),
        State::Fetching => Phase::Fetching(error()?),
        State::Saved => Phase::Saved,
        State::Failed => Phase::Failed(from_json(detail.ok_or_else(missing)?, "the failure of a job")?),
        State::Cancelled => Phase::Cancelled(match detail {
            None => CancelledBy::You,
            Some(text) => from_json(text, "who cancelled a job")?,
        }),
        State::Unwatched => Phase::Unwatched,
    })
}

/// The text for column `detail`.
fn detail(phase: &Phase) -> Result<Option<String>, DbError> {
    Ok(match phase {
        Phase::Held(HoldReason::You)
        | Phase::Cancelled(CancelledBy::You)
        | Phase::Waiting
        | Phase::Sending
        | Phase::Running(_)
        | Phase::Saved
        | Phase::Unwatched => None,
        Phase::ToFetch(error) | Phase::Fetching(error) if *error == FetchTrouble::default() => None,
        Phase::ToFetch(error) | Phase::Fetching(error) => Some(to_json(error)?),
        Phase::Held(why) => Some(to_json(why)?),
        Phase::Unsure(doubt) => Some(to_json(doubt)?),
        Phase::Failed(failure) => Some(to_json(failure)?),
        Phase::Cancelled(by) => Some(to_json(by)?),
    })
}

/// JSON of a list; NULL for an empty one.
fn list<T: Serialize>(items: &[T]) -> Result<Option<String>, DbError> {
    if items.is_empty() { Ok(None) } else { to_json(&items).map(Some) }
}

fn write(db: &Connection, sql: &str, job: &Job) -> Result<usize, DbError> {
    let progress = job.progress().copied().unwrap_or_default();
    let (yes, send) = (job.approval.as_ref(), job.send.as_ref());
    Ok(db.prepare_cached(sql)?.execute(named_params! {
        ":id": bits(job.id),
        ":source": job.kind.source().map(|(source, _)| source.as_str()),
        ":image": job.kind.source().map(|(_, image)| image.get()),
        ":kind": job.kind.model().word(),
        ":prompt": job.kind.prompt().map(Prompt::as_str),
        ":template": job.kind.template(),
        ":tag": job.tag.as_ref().map(Tag::as_str),
        ":place": job.place,
        ":state": job.state().word(),
        ":detail": detail(&job.phase)?,
        ":percent": progress.percent.map(Percent::get),
        ":seconds_left": progress.seconds_left,
        ":heard_at": progress.at.map(nanos),
        ":created_at": nanos(job.created_at),
        ":approval_seq": yes.map(|yes| signed(yes.seq)),
        ":approval_price": yes.map(|yes| yes.price.uc()),
        ":approved_at": yes.map(|yes| nanos(yes.at)),
        ":not_before": yes.map(|yes| nanos(yes.not_before)),
        ":request_key": job.request.as_ref().map(|request| request.key.as_str()),
        ":request_body": job.request.as_ref().map(|request| request.body.as_str()),
        ":send_key": send.map(|send| send.key.as_str()),
        ":send_body": send.map(|send| send.body.as_str()),
        ":send_agreed": send.map(|send| send.agreed.uc()),
        ":send_first_at": send.map(|send| nanos(send.first_at)),
        ":send_last_at": send.map(|send| nanos(send.last_at)),
        ":send_attempts": send.map(|send| send.attempts),
        ":send_lost": send.map(|send| send.lost),
        ":send_cleared": send.map(|send| send.absence_confirmed),
        ":send_first_there": send.and_then(|send| send.first_server_time).map(nanos),
        ":send_last_there": send.and_then(|send| send.last_server_time).map(nanos),
        ":send_refusals": send.map(|send| send.refusals),
        ":stop_wish": job.stop_requested,
        ":source_confirmed": job.source_confirmed,
        ":task": job.task.as_ref().map(TaskId::as_str),
        ":request_id": job.request_id,
        ":sent_at": job.sent_at.map(nanos),
        ":finished_at": job.finished_at.map(nanos),
        ":saved_at": job.saved_at.map(nanos),
        ":link_expires_at": job.link_expires_at.map(nanos),
        ":estimate": job.estimate,
        ":links": list(&job.links)?,
        ":files": list(&job.files)?,
        ":reserved": job.reserved.map(Credits::uc),
        ":charged": job.charged.map(Credits::uc),
        ":charge": job.charge.map(Charge::word),
        ":again_of": job.again_of.map(bits),
        ":removed": job.removed,
        ":verdict": job.verdict.map(Verdict::word),
        ":revision": signed(job.revision),
    })?)
}

/// Puts a new job in; `again`: its picture or prompt may have another live job.
pub(super) fn insert(db: &Connection, job: &Job, again: bool) -> Result<(), DbError> {
    write(db, if again { &INSERT_AGAIN } else { &INSERT }, job).map(drop)
}

/// Writes a job that is there already.
pub(super) fn update(db: &Connection, job: &Job) -> Result<(), DbError> {
    write(db, &UPDATE, job).map(drop)
}

/// One job.
pub(super) fn one(db: &Connection, id: JobId) -> Result<Option<Job>, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| format!("{} WHERE id = ?1", *SELECT));
    let mut statement = db.prepare_cached(&SQL)?;
    let mut rows = statement.query(params![bits(id)])?;
    rows.next()?.map(read).transpose()
}

/// Hands out the jobs that an SQL tail picks, at most `size` at a time, while the next ones are read.
pub(super) fn in_parts(db: &Connection, tail: &str, size: usize, each: &mut dyn FnMut(Vec<Job>)) -> Result<(), DbError> {
    let mut statement = db.prepare_cached(&format!("{} {tail}", *SELECT))?;
    let mut rows = statement.query([])?;
    let mut part = Vec::new();
    while let Some(row) = rows.next()? {
        part.push(read(row)?);
        if part.len() >= size {
            each(std::mem::take(&mut part));
        }
    }
    if !part.is_empty() {
        each(part);
    }
    Ok(())
}

/// The jobs that an SQL tail (`WHERE …`, `ORDER BY …`) picks.
pub(super) fn many(db: &Connection, tail: &str, with: impl rusqlite::Params) -> Result<Vec<Job>, DbError> {
    let mut statement = db.prepare_cached(&format!("{} {tail}", *SELECT))?;
    let mut rows = statement.query(with)?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next()? {
        jobs.push(read(row)?);
    }
    Ok(jobs)
}
