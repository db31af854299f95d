//! What must be unique: a task's owner, the live job of a picture or prompt. Asked inside the transaction that writes.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::error::{DbError, StoreError};
use super::rows::{self, bits, job_id, nanos, time};
use super::types::MadeBefore;
use super::{Store, ledger};
use crate::job::{CancelledBy, IdempotencyKey, Job, JobId, JobKind, Model, Phase, Prompt, Subject, TaskId};

/// Jobs of a picture that do not block a second one, word for word as in the index of the others.
const OVER_IN_VAIN: &str = "state IN ('failed', 'cancelled')";
/// The same for jobs of a prompt: each draft of it is another one, so what is over blocks nothing.
const OVER: &str = "state IN ('saved', 'failed', 'cancelled')";

/// The newest live job for a picture or prompt.
pub(super) fn live(db: &Connection, kind: &JobKind) -> Result<Option<JobId>, DbError> {
    newest(db, kind, "1", params![])
}

/// The newest live job for a picture or prompt besides one job; `unfinished`: only one that may still be paid for.
pub(super) fn other_live(db: &Connection, kind: &JobKind, but: JobId, unfinished: bool) -> Result<Option<JobId>, DbError> {
    newest(db, kind, "id <> ?3 AND (?4 = 0 OR state <> 'saved')", params![bits(but), unfinished])
}

/// The newest job that blocks another one like `kind`, of those for which `more` holds; its parameters begin with the third.
fn newest(db: &Connection, kind: &JobKind, more: &str, with: &[&dyn ToSql]) -> Result<Option<JobId>, DbError> {
    let image = kind.source().map(|(_, image)| image.get());
    let (same, subject): (_, &dyn ToSql) = match kind.subject() {
        Subject::Picture(source, _) => (format!("source = ?1 AND image = ?2 AND NOT ({OVER_IN_VAIN})"), &source.as_str()),
        Subject::Prompt(prompt) => (format!("prompt = ?1 AND ?2 IS NULL AND NOT ({OVER})"), &prompt.as_str()),
    };
    let sql = format!("SELECT id FROM jobs WHERE {same} AND {more} ORDER BY created_at DESC, place DESC LIMIT 1");
    let with: Vec<&dyn ToSql> = [subject, &image].into_iter().chain(with.iter().copied()).collect();
    let found: Option<i64> = db.prepare_cached(&sql)?.query_row(with.as_slice(), |row| row.get(0)).optional()?;
    found.map(job_id).transpose()
}

/// The job that a task belongs to, or belonged to before it was pruned.
pub(super) fn owner(db: &Connection, task: &TaskId) -> Result<Option<JobId>, DbError> {
    let found: Option<i64> = db
        .prepare_cached("SELECT job FROM tasks WHERE task = ?1")?
        .query_row(params![task.as_str()], |row| row.get(0))
        .optional()?;
    found.map(job_id).transpose()
}

/// Whether a task is the draft of an enhance: then it is no enhance itself.
pub(super) fn is_source(db: &Connection, task: &TaskId) -> Result<bool, DbError> {
    let mut statement = db.prepare_cached("SELECT EXISTS (SELECT 1 FROM jobs WHERE source = ?1)")?;
    Ok(statement.query_row(params![task.as_str()], |row| row.get(0))?)
}

/// Whether a task may become this job's. A draft of which something is enhanced already may be the lost one of a draft job.
pub(super) fn task_is_free(db: &Connection, task: &TaskId, job: &Job) -> Result<bool, DbError> {
    Ok(owner(db, task)?.is_none_or(|owner| owner == job.id) && (job.kind.model() == Model::Draft || !is_source(db, task)?))
}

/// Whether a key was made or used for another job.
pub(super) fn key_is_anothers(db: &Connection, key: &IdempotencyKey, job: JobId) -> Result<bool, DbError> {
    let mut statement = db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM jobs WHERE request_key = ?1 AND id <> ?2)
             OR EXISTS (SELECT 1 FROM jobs WHERE send_key = ?1 AND id <> ?2)",
    )?;
    let held: bool = statement.query_row(params![key.as_str(), bits(job)], |row| row.get(0))?;
    Ok(held || ledger::key_is_anothers(db, key, job)?)
}

impl Store {
    /// The newest job that blocks a second job for this picture or prompt, if there is one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn duplicate(&self, kind: &JobKind) -> Result<Option<JobId>, StoreError> {
        self.see(|db| live(db, kind))
    }

    /// The same besides one job.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn duplicate_of(&self, job: &Job) -> Result<Option<JobId>, StoreError> {
        self.see(|db| other_live(db, &job.kind, job.id, false))
    }

    /// How often drafts of this prompt were saved, and when last; `None` if never. Those are no doubles.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn made_before(&self, prompt: &Prompt) -> Result<Option<MadeBefore>, StoreError> {
        self.see(|db| {
            let mut statement =
                db.prepare_cached("SELECT COUNT(*), MAX(saved_at) FROM jobs WHERE prompt = ?1 AND state = 'saved'")?;
            let (times, last): (i64, Option<i64>) =
                statement.query_row(params![prompt.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let Some(last) = last else { return Ok(None) };
            Ok(Some(MadeBefore { times: usize::try_from(times).unwrap_or(usize::MAX), last: time(last)? }))
        })
    }

    /// The job that a task belongs to; also one that was pruned or removed.
    ///
    /// # Errors
    /// When the store cannot be read. Then the task must count as taken.
    pub fn task_owner(&self, task: &TaskId) -> Result<Option<JobId>, StoreError> {
        self.see(|db| owner(db, task))
    }

    /// The jobs that were given up while unsure since then: a task of the account that fits the time of one of them may be its.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn given_up(&self, since: Timestamp) -> Result<Vec<Job>, StoreError> {
        self.see(|db| {
            let tail = "WHERE state = 'cancelled' AND send_key IS NOT NULL AND finished_at >= ?1 ORDER BY finished_at";
            let mut jobs = rows::many(db, tail, params![nanos(since)])?;
            jobs.retain(|job| job.phase == Phase::Cancelled(CancelledBy::YouUnsure));
            Ok(jobs)
        })
    }

    /// Whether the store has ever known this task as a job's, or, where it is looked for as an enhance, as the draft of one:
    /// it is never given to another job.
    ///
    /// # Errors
    /// When the store cannot be read. Then the task must count as known.
    pub fn task_is_known(&self, task: &TaskId, model: Model) -> Result<bool, StoreError> {
        self.see(|db| Ok(owner(db, task)?.is_some() || (model == Model::Enhance && is_source(db, task)?)))
    }
}
