//! One write: an immediate transaction with its revision, its way to the disk, and the hook of the life tests.

use std::cell::Cell;

use jiff::Timestamp;
use rusqlite::{Transaction, TransactionBehavior, params};

use super::error::{DbError, StoreError};
use super::rows::{self, bits, nanos, signed, unsigned};
use super::{Store, guards, ledger};
use crate::failpoint;
use crate::job::{Applied, Job, JobId, LostAnswer, TaskReport, Update};

/// The moments of a write at which a test can stop it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// Everything is ready, nothing is written.
    Before,
    /// It is written; the caller has not heard of it.
    After,
}

/// What [`Store::on_commit`] takes.
pub type CommitHook = Box<dyn FnMut(Moment) -> bool + Send>;

/// How surely a write is on disk when the call returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sync {
    /// Synced: it survives a power cut. For everything that carries money.
    Full,
    /// Consistent, but the last moment may be lost with the power.
    Normal,
}

/// An open write.
pub(super) struct Writing<'a> {
    pub db: Transaction<'a>,
    /// The revision of what this write changes.
    pub revision: u64,
    moved: Cell<bool>,
    wrote: Cell<bool>,
}

impl Writing<'_> {
    /// Something changed that belongs to a revision.
    pub fn moved(&self) {
        self.moved.set(true);
        self.wrote.set(true);
    }

    /// Something changed that no screen needs to hear of.
    pub fn wrote(&self) {
        self.wrote.set(true);
    }

    /// Writes a new job with its book entry. Where another live job has its picture or prompt, it counts as wanted all the same:
    /// whoever adds jobs has looked for it in this transaction.
    pub fn insert(&self, job: &mut Job, now: Timestamp) -> Result<(), DbError> {
        self.moved();
        job.revision = self.revision;
        let again = job.blocks_duplicate() && guards::live(&self.db, &job.kind)?.is_some();
        rows::insert(&self.db, job, again)?;
        self.keep_task(job)?;
        self.db.prepare_cached("DELETE FROM gone WHERE job = ?1")?.execute(params![bits(job.id)])?;
        ledger::follow(&self.db, None, job, now)
    }

    /// The picture or prompt of this job may have another live job.
    fn mark_again(&self, job: &Job) -> Result<(), DbError> {
        self.db.prepare_cached("UPDATE jobs SET again = 1 WHERE id = ?1")?.execute(params![bits(job.id)])?;
        Ok(())
    }

    /// Writes down for good whose task it is.
    fn keep_task(&self, job: &Job) -> Result<(), DbError> {
        if let Some(task) = &job.task {
            self.db
                .prepare_cached("INSERT OR IGNORE INTO tasks (task, job) VALUES (?1, ?2)")?
                .execute(params![task.as_str(), bits(job.id)])?;
        }
        Ok(())
    }

    /// One task belongs to one job: an answer that names the task of another job, or a draft of ours, says nothing about
    /// this one, so its answer counts as lost; such a task is not taken for it either.
    fn check_task(&self, job: &Job, update: Update) -> Result<Result<Update, Applied>, DbError> {
        let task = match &update {
            Update::Accepted { report, .. } => &report.id,
            Update::Adopted(task) => task,
            _ => return Ok(Ok(update)),
        };
        if guards::task_is_free(&self.db, task, job)? {
            return Ok(Ok(update));
        }
        Ok(match update {
            Update::Accepted { .. } => Ok(Update::RepeatsUsedUp(LostAnswer::OtherTask)),
            _ => Err(Applied::Ignored("the task belongs to another job")),
        })
    }

    /// The live job that has the picture or prompt of a cancelled one which is to come back.
    pub fn has_duplicate(&self, job: &Job, update: &Update) -> Result<Option<JobId>, DbError> {
        match update {
            Update::Uncancel => guards::live(&self.db, &job.kind),
            _ => Ok(None),
        }
    }

    /// Lets a job take an update, and writes all that follows from it.
    pub fn apply(&self, job: &mut Job, update: Update, now: Timestamp) -> Result<Applied, DbError> {
        let update = match self.check_task(job, update)? {
            Ok(update) => update,
            Err(ignored) => return Ok(ignored),
        };
        let raw = raw_of(&update);
        let before = job.clone();
        let applied = job.apply(update, now);
        if let Applied::Changed(note) = &applied {
            self.moved();
            job.revision = self.revision;
            if !before.blocks_duplicate() && job.blocks_duplicate() && guards::live(&self.db, &job.kind)?.is_some() {
                // It is taken up again while a newer job has its picture or prompt.
                self.mark_again(job)?;
            }
            rows::update(&self.db, job)?;
            if before.task != job.task {
                self.keep_task(job)?;
            }
            ledger::follow(&self.db, Some(&before), job, now)?;
            self.note(job, note, now)?;
            if let Some(raw) = raw {
                self.db
                    .prepare_cached(
                        "INSERT INTO answers (job, raw) VALUES (?1, ?2) ON CONFLICT (job) DO UPDATE SET raw = excluded.raw",
                    )?
                    .execute(params![bits(job.id), raw])?;
            }
        }
        Ok(applied)
    }

    /// Adds a line to a job's history; nothing for an empty note.
    pub fn note(&self, job: &Job, note: &str, now: Timestamp) -> Result<(), DbError> {
        if !note.is_empty() {
            self.db.prepare_cached("INSERT INTO timeline (job, at, state, note) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
                bits(job.id),
                nanos(now),
                job.state().word(),
                note
            ])?;
        }
        Ok(())
    }
}

/// The raw answer worth keeping: of the acceptance and of the end, not of every look in between.
fn raw_of(update: &Update) -> Option<String> {
    let keep = |report: &TaskReport| report.raw.clone();
    match update {
        Update::Accepted { report, .. } => keep(report),
        Update::Reported(report) if report.status.is_final() => keep(report),
        _ => None,
    }
}

/// Whether an update carries money, so that its write is synced.
pub(super) fn carries_money(update: &Update) -> bool {
    match update {
        Update::Reported(report) => report.status.is_final(),
        Update::Approve { .. }
        | Update::Hold(_)
        | Update::Cancel
        | Update::Uncancel
        | Update::GiveUp
        | Update::Unwatch
        | Update::Watch
        | Update::SendStarted { .. }
        | Update::SendRepeated { .. }
        | Update::AnswerLost(_)
        | Update::PutBack(_)
        | Update::Refused(_)
        | Update::Rejected(_)
        | Update::RepeatsUsedUp(_)
        | Update::ListRead { .. }
        | Update::Recheck
        | Update::SendAgainSameKey { .. }
        | Update::Accepted { .. }
        | Update::Adopted(_)
        | Update::Vanished
        | Update::Saved(_)
        | Update::FetchFailed(_)
        | Update::EngineStarted => true,
        Update::FetchStarted
        | Update::FetchTroubled(_)
        | Update::FetchAgain
        | Update::Retag(_)
        | Update::Judge(_)
        | Update::Move(_)
        | Update::Remove(_) => false,
    }
}

impl Store {
    /// Runs one write. What fails is rolled back as a whole; what changed nothing is not written at all.
    pub(super) fn write<T>(
        &mut self,
        sync: Sync,
        work: impl FnOnce(&Writing<'_>) -> Result<T, DbError>,
    ) -> Result<T, StoreError> {
        let file = self.file.clone();
        self.try_write(sync, work).map_err(|error| error.at(&file))
    }

    fn try_write<T>(&mut self, sync: Sync, work: impl FnOnce(&Writing<'_>) -> Result<T, DbError>) -> Result<T, DbError> {
        if self.sync != Some(sync) {
            self.db.pragma_update(None, "synchronous", if sync == Sync::Full { "FULL" } else { "NORMAL" })?;
            self.sync = Some(sync);
        }
        let db = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let revision = unsigned(db.prepare_cached("SELECT revision FROM meta")?.query_row([], |row| row.get(0))?)?;
        let writing = Writing { db, revision: revision.saturating_add(1), moved: Cell::new(false), wrote: Cell::new(false) };
        let done = work(&writing)?;
        if writing.moved.get() {
            writing.db.prepare_cached("UPDATE meta SET revision = ?1")?.execute(params![signed(writing.revision)])?;
        }
        if !writing.wrote.get() {
            return Ok(done);
        }
        ask(&mut self.hook, Moment::Before)?;
        writing.db.commit()?;
        self.writes += 1;
        ask(&mut self.hook, Moment::After)?;
        Ok(done)
    }

    /// Hands every write's moments to a test, which stops the write by answering `false`: before it is written, or after
    /// it, when the caller never hears of it. Either way the call fails with [`StoreError::Database`].
    pub fn on_commit(&mut self, hook: Option<CommitHook>) {
        self.hook = hook;
    }
}

fn ask(hook: &mut Option<CommitHook>, moment: Moment) -> Result<(), DbError> {
    failpoint::hit(match moment {
        Moment::Before => "before a write to the store",
        Moment::After => "after a write to the store",
    });
    let go_on = hook.as_mut().is_none_or(|hook| hook(moment));
    if go_on { Ok(()) } else { Err(DbError::Said("stopped by a test".to_owned())) }
}
