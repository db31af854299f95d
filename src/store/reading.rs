//! Everything that only reads.

use std::time::UNIX_EPOCH;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::error::{DbError, StoreError};
use super::ledger::{self, LedgerRow};
use super::rows::{self, bits, job_id, signed, time, unsigned};
use super::{Changes, Settings, Store, TimelineEntry, open};
use crate::job::{Credits, Job, JobId, Spent, State, Tag};

/// The order of the line; ids settle ties so that every reader sees the same.
const IN_LINE: &str = "ORDER BY place, id";

/// Jobs that are over, word for word as in the index of the others.
pub(super) const OVER: &str = "state IN ('saved', 'failed', 'cancelled', 'unwatched')";

pub(super) fn settings(db: &Connection) -> Result<Settings, DbError> {
    let text: String = db.prepare_cached("SELECT settings FROM meta")?.query_row([], |row| row.get(0))?;
    rows::from_json(&text, "the shared settings")
}

fn revision(db: &Connection) -> Result<u64, DbError> {
    unsigned(db.prepare_cached("SELECT revision FROM meta")?.query_row([], |row| row.get(0))?)
}

impl Store {
    /// Runs a reading piece of work and names the file in its errors.
    pub(super) fn see<T>(&self, work: impl FnOnce(&Connection) -> Result<T, DbError>) -> Result<T, StoreError> {
        work(&self.db).map_err(|error| error.at(&self.file))
    }

    /// One job; `None` if there is none with this id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.see(|db| rows::one(db, id))
    }

    /// All jobs, removed ones too, in line order: newest place last.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn jobs(&self) -> Result<Vec<Job>, StoreError> {
        self.see(|db| rows::many(db, IN_LINE, []))
    }

    /// The jobs that a text names: the whole id or task id first; else all whose id begins with it or whose task id ends
    /// in it. Nothing for an empty text.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn find(&self, text: &str) -> Result<Vec<Job>, StoreError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Vec::new());
        }
        self.see(|db| {
            if let Ok(id) = text.parse()
                && let Some(job) = rows::one(db, id)?
            {
                return Ok(vec![job]);
            }
            let whole = rows::many(db, "WHERE task = ?1 ORDER BY place, id", params![text])?;
            if !whole.is_empty() {
                return Ok(whole);
            }
            let (first, last) = id_range(text).map_or((1, 0), |(first, last)| (bits(first), bits(last)));
            let tail = "WHERE id BETWEEN ?1 AND ?2 OR (task IS NOT NULL AND length(?3) <= length(task) AND substr(task, -length(?3)) = ?3) ORDER BY place, id";
            rows::many(db, tail, params![first, last, text])
        })
    }

    /// Everything that changed after this revision (0: everything), as one moment saw it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn changes_since(&self, revision: u64) -> Result<Changes, StoreError> {
        self.see(|_| {
            let db = self.db.unchecked_transaction()?;
            let mut changes = Changes { revision: self::revision(&db)?, settings: settings(&db)?, ..Changes::default() };
            if revision == 0 {
                changes.jobs = rows::many(&db, IN_LINE, [])?;
            } else if revision < changes.revision {
                changes.jobs = rows::many(&db, "WHERE revision > ?1 ORDER BY place, id", params![signed(revision)])?;
                let mut statement = db.prepare_cached("SELECT job FROM gone WHERE revision > ?1")?;
                let mut rows = statement.query(params![signed(revision)])?;
                while let Some(row) = rows.next()? {
                    changes.gone.push(job_id(row.get(0)?)?);
                }
            }
            Ok(changes)
        })
    }

    /// Some jobs that are not over, for a first screen: at most so many, those that need a person or may be lost first, then
    /// those under way, then the next in line, then the held ones.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn first_jobs(&self, most: usize) -> Result<Vec<Job>, StoreError> {
        use State::{Fetching, Held, Running, Sending, ToFetch, Unsure, Waiting};
        self.see(|_| {
            let db = self.db.unchecked_transaction()?;
            let mut jobs = Vec::new();
            for state in [Unsure, ToFetch, Fetching, Sending, Running, Waiting, Held] {
                let left = i64::try_from(most.saturating_sub(jobs.len())).unwrap_or(i64::MAX);
                let tail = format!("WHERE state = ?1 AND NOT ({OVER}) {IN_LINE} LIMIT ?2");
                jobs.extend(rows::many(&db, &tail, params![state.word(), left])?);
            }
            Ok(jobs)
        })
    }

    /// Hands out the jobs that are not over (neither final nor unwatched) in line order, at most `size` at a time, and returns
    /// everything else of the same moment as [`Store::changes_since`] tells it. The rest comes by [`Store::jobs_over`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open_jobs_in_parts(&self, size: usize, each: &mut dyn FnMut(Vec<Job>)) -> Result<Changes, StoreError> {
        self.see(|_| {
            let db = self.db.unchecked_transaction()?;
            rows::in_parts(&db, &format!("WHERE NOT ({OVER}) {IN_LINE}"), size, each)?;
            Ok(Changes { revision: self::revision(&db)?, settings: settings(&db)?, ..Changes::default() })
        })
    }

    /// The same in one piece.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open_jobs(&self) -> Result<Changes, StoreError> {
        let mut jobs = Vec::new();
        let changes = self.open_jobs_in_parts(usize::MAX, &mut |part| jobs.extend(part))?;
        Ok(Changes { jobs, ..changes })
    }

    /// At most so many jobs that are over, in the order of their ids, from the one after `after` on.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn jobs_over(&self, after: Option<JobId>, most: usize) -> Result<Vec<Job>, StoreError> {
        let after = after.map_or(-1, bits);
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.see(|db| rows::many(db, &format!("WHERE id > ?1 AND {OVER} ORDER BY id LIMIT ?2"), params![after, most]))
    }

    /// At most so many of the tags in use, in the order of the alphabet.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn tags(&self, most: usize) -> Result<Vec<String>, StoreError> {
        self.see(|db| {
            let mut statement = db.prepare("SELECT DISTINCT tag FROM jobs WHERE tag IS NOT NULL ORDER BY tag LIMIT ?1")?;
            let tags = statement.query_map(params![i64::try_from(most).unwrap_or(i64::MAX)], |row| row.get(0))?;
            Ok(tags.collect::<Result<_, _>>()?)
        })
    }

    /// A number that moves when another process changed the store (SQLite `PRAGMA data_version`); cheap.
    ///
    /// Of a snapshot it moves with the file; call [`Store::refresh`] then.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn external_version(&self) -> Result<i64, StoreError> {
        if self.snapshot {
            // The log of a process that opened it since, and the file.
            let stamp = [open::beside(&self.file, "-wal"), self.file.clone()].iter().fold(0_u64, |sum, file| {
                let about = file.metadata().ok();
                let since = about.as_ref().and_then(|about| about.modified().ok()?.duration_since(UNIX_EPOCH).ok());
                let nanos = since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
                sum.rotate_left(7) ^ nanos ^ about.map_or(0, |about| about.len())
            });
            return Ok(stamp.cast_signed());
        }
        self.see(|db| Ok(db.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?))
    }

    /// What all processes share besides the jobs.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn settings(&self) -> Result<Settings, StoreError> {
        self.see(settings)
    }

    /// What was spent or is reserved, counted from the money book; money that is proven to be back does not count.
    ///
    /// A session is the chain of sends with less than four hours between one and the next that reaches up to `now`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn spent(&self, now: Timestamp, day_start: Timestamp, month_start: Timestamp) -> Result<Spent, StoreError> {
        self.see(|db| ledger::spent(db, now, day_start, month_start))
    }
    /// What the service still holds, as far as is known, for jobs that were sent since a time and are not watched any more.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn reserved_unwatched(&self, from: Timestamp) -> Result<Credits, StoreError> {
        self.see(|db| ledger::unwatched(db, from))
    }

    /// What was spent since a time and on how many paid jobs, by tag, the dearest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn spending_by_tag(&self, from: Timestamp) -> Result<Vec<(Option<Tag>, Credits, usize)>, StoreError> {
        self.see(|db| ledger::by_tag(db, from))
    }

    /// The whole money book, oldest first; also of jobs that were pruned.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn ledger_rows(&self) -> Result<Vec<LedgerRow>, StoreError> {
        self.see(ledger::rows)
    }

    /// A job's history, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn timeline(&self, job: JobId) -> Result<Vec<TimelineEntry>, StoreError> {
        self.see(|db| {
            let mut statement = db.prepare_cached("SELECT at, state, note FROM timeline WHERE job = ?1 ORDER BY seq")?;
            let mut rows = statement.query(params![bits(job)])?;
            let mut entries = Vec::new();
            while let Some(row) = rows.next()? {
                let word: String = row.get(1)?;
                let state = State::from_word(&word)
                    .ok_or_else(|| DbError::Damaged(format!("a job's history names the state {word:?}")))?;
                entries.push(TimelineEntry { at: time(row.get(0)?)?, state, note: row.get(2)? });
            }
            Ok(entries)
        })
    }

    /// The last raw answer kept for a job: that of its acceptance or of its end.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn raw_answer(&self, job: JobId) -> Result<Option<String>, StoreError> {
        self.see(|db| {
            let mut statement = db.prepare_cached("SELECT raw FROM answers WHERE job = ?1")?;
            Ok(statement.query_row(params![bits(job)], |row| row.get(0)).optional()?)
        })
    }

    /// What a screen wanted to remember; see [`Store::set_screen_state`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn screen_state(&self) -> Result<Option<String>, StoreError> {
        self.see(|db| Ok(db.prepare_cached("SELECT screen FROM meta")?.query_row([], |row| row.get(0))?))
    }
}

/// The first and the last id that begin with this text.
fn id_range(text: &str) -> Option<(JobId, JobId)> {
    let width = JobId::WIDTH;
    let first = format!("{text:0<width$}").parse().ok()?;
    let last = format!("{text:z<width$}").parse().ok()?;
    Some((first, last))
}

/// The end of an approval's grace period.
pub(super) fn not_before(db: &Connection, seq: u64) -> Result<Option<Timestamp>, DbError> {
    let nanos: Option<i64> = db
        .prepare_cached("SELECT not_before FROM approvals WHERE seq = ?1")?
        .query_row(params![signed(seq)], |row| row.get(0))
        .optional()?;
    nanos.map(time).transpose()
}

/// The smallest and the largest place in line.
pub(super) fn ends_of_line(db: &Connection) -> Result<(i64, i64), DbError> {
    let read = |sql| -> Result<i64, DbError> {
        Ok(db.prepare_cached(sql)?.query_row([], |row| row.get::<_, Option<i64>>(0))?.unwrap_or(0))
    };
    Ok((read("SELECT MIN(place) FROM jobs")?, read("SELECT MAX(place) FROM jobs")?))
}
