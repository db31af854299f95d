//! What must be unique: a task's owner, a picture's live job. Asked inside the transaction that writes.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::error::{DbError, StoreError};
use super::rows::{self, bits, job_id, nanos};
use super::{Store, ledger};
use crate::job::{CancelledBy, IdempotencyKey, ImageNumber, Job, JobId, Phase, TaskId};

/// Jobs that do not block a second job for their picture, word for word as in the index of the others.
const OVER_IN_VAIN: &str = "state IN ('failed', 'cancelled')";

/// The newest live job for a picture.
pub(super) fn live(db: &Connection, source: &TaskId, image: ImageNumber) -> Result<Option<JobId>, DbError> {
    let sql = format!(
        "SELECT id FROM jobs WHERE source = ?1 AND image = ?2 AND NOT ({OVER_IN_VAIN}) ORDER BY created_at DESC, place DESC LIMIT 1"
    );
    let found: Option<i64> =
        db.prepare_cached(&sql)?.query_row(params![source.as_str(), image.get()], |row| row.get(0)).optional()?;
    found.map(job_id).transpose()
}

/// The newest live job for a picture besides one job; `unfinished`: only one that may still be paid for.
pub(super) fn other_live(
    db: &Connection,
    source: &TaskId,
    image: ImageNumber,
    but: JobId,
    unfinished: bool,
) -> Result<Option<JobId>, DbError> {
    let sql = format!(
        "SELECT id FROM jobs WHERE source = ?1 AND image = ?2 AND NOT ({OVER_IN_VAIN}) AND id <> ?3
         AND (?4 = 0 OR state <> 'saved') ORDER BY created_at DESC, place DESC LIMIT 1"
    );
    let found: Option<i64> = db
        .prepare_cached(&sql)?
        .query_row(params![source.as_str(), image.get(), bits(but), unfinished], |row| row.get(0))
        .optional()?;
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

/// Whether a task is the draft of a job: then it is no result.
pub(super) fn is_source(db: &Connection, task: &TaskId) -> Result<bool, DbError> {
    let mut statement = db.prepare_cached("SELECT EXISTS (SELECT 1 FROM jobs WHERE source = ?1)")?;
    Ok(statement.query_row(params![task.as_str()], |row| row.get(0))?)
}

/// Whether a task may become this job's.
pub(super) fn task_is_free(db: &Connection, task: &TaskId, job: JobId) -> Result<bool, DbError> {
    Ok(owner(db, task)?.is_none_or(|owner| owner == job) && !is_source(db, task)?)
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
    /// The newest job that blocks a second job for this picture, if there is one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn duplicate(&self, source: &TaskId, image: ImageNumber) -> Result<Option<JobId>, StoreError> {
        self.see(|db| live(db, source, image))
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

    /// Whether the store has ever known this task, as a job's or as the draft of one: it is never given to another job.
    ///
    /// # Errors
    /// When the store cannot be read. Then the task must count as known.
    pub fn task_is_known(&self, task: &TaskId) -> Result<bool, StoreError> {
        self.see(|db| Ok(owner(db, task)?.is_some() || is_source(db, task)?))
    }
}
