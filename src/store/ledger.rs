//! The money book: one row for one paid job. It is kept in step with the job in the same transaction, and outlives it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::error::DbError;
use super::rows::{bits, job_id, nanos, time};
use crate::job::retry::CLOCKS_AGREE;
use crate::job::{Charge, Credits, IdempotencyKey, Job, JobId, Spent, Tag};

/// A session ends when this long passes without a paid send (docs/money-rules.md, rule 5).
pub(super) const SESSION_GAP: SignedDuration = SignedDuration::from_hours(4);

/// One paid job.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LedgerRow {
    /// The key under which it was sent.
    pub key: IdempotencyKey,
    /// Its job, which may be pruned by now.
    pub job: JobId,
    /// The job's tag.
    pub tag: Option<Tag>,
    /// When its sending began; after a proven refusal, when it began anew.
    pub at: Timestamp,
    /// What counts against the caps.
    pub amount: Credits,
    /// What is known about the money; `None` where the service surely took nothing.
    pub charge: Option<Charge>,
}

/// Brings the book in step with a job that changed.
pub(super) fn follow(db: &Connection, before: Option<&Job>, job: &Job, at: Timestamp) -> Result<(), DbError> {
    if before.is_some_and(|before| before.tag != job.tag) {
        db.prepare_cached("UPDATE ledger SET tag = ?2 WHERE job = ?1")?
            .execute(params![bits(job.id), job.tag.as_ref().map(Tag::as_str)])?;
    }
    let Some(send) = &job.send else { return Ok(()) };
    let same = before.is_some_and(|before| {
        before.charge == job.charge
            && before.spent() == job.spent()
            && before.send.as_ref().is_some_and(|old| old.key == send.key)
    });
    if same {
        return Ok(());
    }
    // A job that was surely not taken and goes out anew is spending of the day on which it goes out.
    let written = db
        .prepare_cached(
            "INSERT INTO ledger (key, job, tag, at, amount, charge) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (key) DO UPDATE SET amount = excluded.amount, charge = excluded.charge,
                 at = CASE WHEN charge IS NULL AND excluded.charge IS NOT NULL THEN excluded.at ELSE at END
             WHERE job = excluded.job",
        )?
        .execute(params![
            send.key.as_str(),
            bits(job.id),
            job.tag.as_ref().map(Tag::as_str),
            nanos(at),
            job.spent().uc(),
            job.charge.map(Charge::word),
        ])?;
    if written == 0 {
        return Err(DbError::Said(format!(
            "the idempotency key for job {} belongs to another paid job: nothing was sent; this is a fault of mj-enhance",
            job.id
        )));
    }
    Ok(())
}

fn sum_from(db: &Connection, from: Timestamp) -> Result<Credits, DbError> {
    let uc: i64 = db
        .prepare_cached("SELECT COALESCE(SUM(amount), 0) FROM ledger WHERE charge IS NOT NULL AND at >= ?1")?
        .query_row(params![nanos(from)], |row| row.get(0))?;
    Ok(Credits::from_uc(uc))
}

/// What is reserved since a time for jobs that nobody watches any more.
pub(super) fn unwatched(db: &Connection, from: Timestamp) -> Result<Credits, DbError> {
    let uc: i64 = db
        .prepare_cached(
            // The few jobs first, by an index of their own, and not the many sends. (CROSS JOIN keeps the order.)
            "SELECT COALESCE(SUM(l.amount), 0) FROM jobs j CROSS JOIN ledger l ON l.job = j.id
             WHERE j.state = 'unwatched' AND l.charge IS NOT NULL AND l.at >= ?1 AND l.charge = ?2",
        )?
        .query_row(params![nanos(from), Charge::Reserved.word()], |row| row.get(0))?;
    Ok(Credits::from_uc(uc))
}

const NEWEST_FIRST: &str = "SELECT at, amount FROM ledger WHERE charge IS NOT NULL ORDER BY at DESC, amount DESC";

/// The chain of sends, each less than four hours after the one before, that reaches up to now: a session. What seems to lie
/// ahead was sent before the clock was turned back: it counts as of now, and hides nothing that was sent since.
struct Chain {
    now: i64,
    later: i64,
    ended: bool,
    sum: i64,
}

impl Chain {
    fn new(now: Timestamp) -> Self {
        Self { now: nanos(now), later: nanos(now), ended: false, sum: 0 }
    }

    /// Takes the next older row in, unless the chain has ended before it.
    fn takes(&mut self, at: i64, amount: i64) -> bool {
        let gap = i64::try_from(SESSION_GAP.as_nanos()).unwrap_or(i64::MAX);
        let at = at.min(self.now);
        self.ended |= self.later.saturating_sub(at) >= gap;
        if !self.ended {
            self.later = at;
            self.sum = self.sum.saturating_add(amount);
        }
        !self.ended
    }
}

/// What was spent in the session of this moment.
fn session(db: &Connection, now: Timestamp) -> Result<Credits, DbError> {
    let mut chain = Chain::new(now);
    let mut statement = db.prepare_cached(NEWEST_FIRST)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if !chain.takes(row.get(0)?, row.get(1)?) {
            break;
        }
    }
    Ok(Credits::from_uc(chain.sum))
}

/// The sums that caps and header need, in one walk over the book from its newest row.
pub(super) fn spent(db: &Connection, now: Timestamp, day: Timestamp, month: Timestamp) -> Result<Spent, DbError> {
    let (day, month) = (nanos(day), nanos(month));
    let mut chain = Chain::new(now);
    let (mut of_day, mut of_month) = (0_i64, 0_i64);
    let mut statement = db.prepare_cached(NEWEST_FIRST)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (at, amount): (i64, i64) = (row.get(0)?, row.get(1)?);
        if !chain.takes(at, amount) && at < day && at < month {
            break;
        }
        if at >= day {
            of_day = of_day.saturating_add(amount);
        }
        if at >= month {
            of_month = of_month.saturating_add(amount);
        }
    }
    let credits = Credits::from_uc;
    Ok(Spent { session: credits(chain.sum), day: credits(of_day), month: credits(of_month) })
}

/// The sums of [`spent`] that the caps ask for; the others are zero.
pub(super) fn spent_for(db: &Connection, caps: &crate::job::Caps, now: Timestamp, day: Timestamp) -> Result<Spent, DbError> {
    let mut spent = Spent::default();
    if caps.session.is_some() {
        spent.session = session(db, now)?;
    }
    if caps.day.is_some() {
        spent.day = sum_from(db, day)?;
    }
    Ok(spent)
}

/// Whether a paid job has this key already.
pub(super) fn key_is_taken(db: &Connection, key: &IdempotencyKey) -> Result<bool, DbError> {
    let mut statement = db.prepare_cached("SELECT EXISTS (SELECT 1 FROM ledger WHERE key = ?1)")?;
    Ok(statement.query_row(params![key.as_str()], |row| row.get(0))?)
}

/// Whether another paid job has this key.
pub(super) fn key_is_anothers(db: &Connection, key: &IdempotencyKey, job: JobId) -> Result<bool, DbError> {
    let mut statement = db.prepare_cached("SELECT EXISTS (SELECT 1 FROM ledger WHERE key = ?1 AND job <> ?2)")?;
    Ok(statement.query_row(params![key.as_str(), bits(job)], |row| row.get(0))?)
}

/// What a request that is open counts for in the sums of its day, its session and its run.
#[derive(Clone, Copy)]
pub(super) struct Own {
    pub(super) at: Timestamp,
    pub(super) amount: Credits,
    pub(super) budget: Option<i64>,
}

/// What a request that is open counts for, so that it is not counted twice when it goes out once more.
pub(super) fn own(db: &Connection, key: &IdempotencyKey) -> Result<Option<Own>, DbError> {
    let row: Option<(i64, i64, Option<i64>)> = db
        .prepare_cached("SELECT at, amount, budget FROM ledger WHERE key = ?1 AND charge IS NOT NULL")?
        .query_row(params![key.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    row.map(|(at, amount, budget)| Ok(Own { at: time(at)?, amount: Credits::from_uc(amount), budget })).transpose()
}

/// A request that goes out once more is spending of the day on which it does.
pub(super) fn move_to(db: &Connection, key: &IdempotencyKey, at: Timestamp) -> Result<(), DbError> {
    db.prepare_cached("UPDATE ledger SET at = max(at, ?2) WHERE key = ?1")?.execute(params![key.as_str(), nanos(at)])?;
    Ok(())
}

/// What was sent before the clock was turned back, or was said by a file to be, becomes spending of this moment: counted as it
/// stands it would fill the caps of every day and session up to its date. Only for a time that the service's clock bears out,
/// since by a wrong one today's spending would be moved to another day. Returns whether there was any.
pub(super) fn bring_back(db: &Connection, now: Timestamp) -> Result<bool, DbError> {
    let ahead = now.saturating_add(CLOCKS_AGREE).map_err(|error| DbError::Said(error.to_string()))?;
    let moved = db
        .prepare_cached("UPDATE ledger SET at = ?1 WHERE charge IS NOT NULL AND at > ?2")?
        .execute(params![nanos(now), nanos(ahead)])?;
    Ok(moved > 0)
}

/// Lets a paid job count for a run's budget, or for none.
pub(super) fn charge_to(db: &Connection, key: &IdempotencyKey, budget: Option<i64>) -> Result<(), DbError> {
    db.prepare_cached("UPDATE ledger SET budget = ?2 WHERE key = ?1")?.execute(params![key.as_str(), budget])?;
    Ok(())
}

/// The limit of a run and what it has spent of it.
pub(super) fn budget(db: &Connection, id: i64) -> Result<(Credits, Credits), DbError> {
    let most: i64 = db.prepare_cached("SELECT most FROM budgets WHERE id = ?1")?.query_row(params![id], |row| row.get(0))?;
    let spent: i64 = db
        .prepare_cached(
            "SELECT COALESCE(SUM(amount), 0) FROM ledger WHERE budget = ?1 AND budget IS NOT NULL AND charge IS NOT NULL",
        )?
        .query_row(params![id], |row| row.get(0))?;
    Ok((Credits::from_uc(most), Credits::from_uc(spent)))
}

/// Sum and count of paid jobs since a time, by tag, the dearest first.
pub(super) fn by_tag(db: &Connection, from: Timestamp) -> Result<Vec<(Option<Tag>, Credits, usize)>, DbError> {
    let mut statement = db.prepare_cached("SELECT tag, amount FROM ledger WHERE charge IS NOT NULL AND at >= ?1")?;
    let mut rows = statement.query(params![nanos(from)])?;
    let mut sums: BTreeMap<Option<String>, (i64, usize)> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let tag: Option<String> = row.get(0)?;
        let (sum, count) = sums.entry(tag).or_default();
        *sum = sum.saturating_add(row.get(1)?);
        *count += 1;
    }
    let mut sums: Vec<_> = sums
        .into_iter()
        .map(|(tag, (sum, count))| Ok((tag.as_deref().map(read_tag).transpose()?, Credits::from_uc(sum), count)))
        .collect::<Result<_, DbError>>()?;
    sums.sort_by_key(|(_, sum, _)| std::cmp::Reverse(*sum));
    Ok(sums)
}

fn read_tag(text: &str) -> Result<Tag, DbError> {
    Tag::new(text).map_err(|error| DbError::Damaged(error.to_string()))
}

/// The whole book, oldest first.
pub(super) fn rows(db: &Connection) -> Result<Vec<LedgerRow>, DbError> {
    let mut statement = db.prepare_cached("SELECT key, job, tag, at, amount, charge FROM ledger ORDER BY at, key")?;
    let mut rows = statement.query([])?;
    let mut book = Vec::new();
    while let Some(row) = rows.next()? {
        let (key, tag): (String, Option<String>) = (row.get(0)?, row.get(2)?);
        let charge: Option<String> = row.get(5)?;
        let wrong = || DbError::Damaged("a row of the money book cannot be read".to_owned());
        book.push(LedgerRow {
            key: IdempotencyKey::new(&key).map_err(|_| wrong())?,
            job: job_id(row.get(1)?)?,
            tag: tag.as_deref().map(read_tag).transpose()?,
            at: time(row.get(3)?)?,
            amount: Credits::from_uc(row.get(4)?),
            charge: charge.map(|word| Charge::from_word(&word).ok_or_else(wrong)).transpose()?,
        });
    }
    Ok(book)
}
