//! How jobs are kept, found and changed together; who is the engine; what changed since a revision.
//!
//! This room knows SQLite and the job room. It knows no HTTP and no screen, and it reads no clock: times are arguments.
//!
//! Invariants: every change of a job goes through [`Job::apply`] inside one immediate transaction, so two processes
//! cannot overwrite each other; what carries money is synced before the call returns, with its row in the money book; a
//! store that is damaged or newer is refused and left as it is.
//!
//! | file | holds |
//! |---|---|
//! | `types` | what goes in and out besides jobs |
//! | `open` | folder, file, modes, refusals |
//! | `schema` | the tables, as numbered steps |
//! | `rows` | a job as a row |
//! | `write` | one write: transaction, revision, sync, test hook |
//! | `money` | jobs and their approval, the start of a send, import |
//! | `guards` | what must be unique: a task's owner, the live job of a picture or prompt |
//! | `queue` | places in the queue |
//! | `ledger` | the money book and its sums |
//! | `drafts` | what is kept of other programs' drafts, and what the user said of any |
//! | `reading` | everything that only reads |
//! | `first_rows` | the first rows of a screen |
//! | `lock` | who is the engine, who looks on |
//! | `own_file` | opening what only this program makes |
//! | `account` | whose store it is |
//! | `error` | errors and their sentences |

mod account;
mod drafts;
mod error;
mod first_rows;
mod guards;
#[cfg(test)]
mod guards_tests;
mod ledger;
mod lock;
mod money;
mod open;
#[cfg(test)]
mod open_tests;
mod own_file;
mod queue;
mod reading;
mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod types;
mod write;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::job::{Applied, Job, JobId, Percent, Progress, State, TaskId, Unavailable, Update};

pub use account::{Account, AccountCheck};
pub use drafts::MOST_DRAFTS;
pub use error::StoreError;
pub use ledger::LedgerRow;
pub use lock::{EngineLock, ScreenLock};
pub use own_file::open_own;
pub use types::{
    Access, AddRules, Added, Approved, BeginSend, BudgetId, Changes, Consent, EngineRequest, MadeBefore, MakeRequest, Moved,
    NewJob, NotNow, PauseReason, QueueMove, Remark, Seen, SendGuard, Settings, TimelineEntry,
};
pub use write::{CommitHook, Moment};

use error::DbError;
use rows::{bits, job_id, nanos, signed};
use write::{Sync, Writing, carries_money};

/// The store: one connection, used from one thread.
pub struct Store {
    db: Connection,
    file: PathBuf,
    snapshot: bool,
    remark: Option<Remark>,
    sync: Option<Sync>,
    hook: Option<CommitHook>,
    /// Moves with every write of this process.
    writes: u64,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("file", &self.file).field("snapshot", &self.snapshot).finish_non_exhaustive()
    }
}

impl From<open::Opened> for Store {
    fn from(opened: open::Opened) -> Self {
        let open::Opened { db, file, snapshot, remark } = opened;
        Self { db, file, snapshot, remark, sync: None, hook: None, writes: 0 }
    }
}

/// Changes the shared settings in an open write; see [`Store::change_settings`].
fn write_settings(writing: &Writing<'_>, change: &mut dyn FnMut(&mut Settings)) -> Result<Settings, DbError> {
    let before = reading::settings(&writing.db)?;
    let mut settings = before.clone();
    change(&mut settings);
    if settings != before {
        writing.moved();
        writing.db.prepare_cached("UPDATE meta SET settings = ?1")?.execute(params![rows::to_json(&settings)?])?;
    }
    Ok(settings)
}

impl Store {
    /// Opens (and makes, migrates) `mj-enhance.db` in a folder.
    ///
    /// Read only, nothing is made; where no process has the store open for writing, a picture of this moment is read
    /// ([`Store::is_snapshot`]), and where its log cannot be read in its place, a copy of both in a folder for temporary
    /// files, so that a folder that cannot be written will do ([`Store::remark`]).
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when folder or file cannot be made, read or written, or does not exist for reading;
    /// [`StoreError::Newer`] for a newer program's store; [`StoreError::Damaged`] for anything that is no whole store
    /// of ours, which is left as it is.
    pub fn open(folder: &Path, access: Access) -> Result<Self, StoreError> {
        open::open(folder, access).map(Self::from)
    }

    /// A store in memory, for tests.
    ///
    /// # Errors
    /// When SQLite cannot make one.
    pub fn in_memory() -> Result<Self, StoreError> {
        open::in_memory().map(Self::from)
    }

    /// Whether this is a picture of the moment of opening, which later changes do not reach: see [`Store::open`].
    pub fn is_snapshot(&self) -> bool {
        self.snapshot
    }

    /// What a person should hear about how it was opened.
    pub fn remark(&self) -> Option<Remark> {
        self.remark
    }

    /// Opens a snapshot anew, to see what changed since; nothing to do for any other store.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn refresh(&mut self) -> Result<(), StoreError> {
        if self.snapshot {
            let folder = self.file.parent().unwrap_or(Path::new("."));
            *self = Self::open(folder, Access::ReadOnly)?;
        }
        Ok(())
    }

    /// Tries to become the engine of the store in this folder; `None` if another process is. The file holds our process
    /// id for people and for [`Store::engine_pid`].
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the lock file cannot be made, written or locked.
    pub fn lock_engine(folder: &Path) -> Result<Option<EngineLock>, StoreError> {
        lock::engine(folder)
    }

    /// Process id that the present engine wrote; `None` if nobody holds the lock.
    pub fn engine_pid(folder: &Path) -> Option<u32> {
        lock::engine_pid(folder)
    }

    /// Says that this process looks on, until the lock is dropped; any number may.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the lock file cannot be made or locked.
    pub fn lock_screen(folder: &Path) -> Result<ScreenLock, StoreError> {
        lock::screen(folder)
    }

    /// Whether any other process looks on, so that progress is worth writing. To be asked by the engine only, with its
    /// own process's lock if it has one. When in doubt, somebody does. A few system calls; never waits for long.
    pub fn other_screens(folder: &Path, own: Option<&ScreenLock>) -> bool {
        lock::other_screens(folder, own)
    }

    /// Applies updates in one transaction, in order. Synced when one of them carries money (send, answer, task id, end).
    /// Unknown ids are ignored. The jobs come back as they are after it, one for each update.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it could not be written; then nothing changed.
    pub fn apply(&mut self, updates: Vec<(JobId, Update)>, now: Timestamp) -> Result<Vec<(Job, Applied)>, StoreError> {
        if updates.is_empty() {
            return Ok(Vec::new());
        }
        let sync = if updates.iter().any(|(_, update)| carries_money(update)) { Sync::Full } else { Sync::Normal };
        self.write(sync, |writing| {
            let mut done = Vec::with_capacity(updates.len());
            for (id, update) in updates {
                let Some(mut job) = rows::one(&writing.db, id)? else { continue };
                let applied = writing.apply(&mut job, update, now)?;
                done.push((job, applied));
            }
            Ok(done)
        })
    }

    /// Lets each of these jobs take the update that `plan` finds for it, in one synced transaction: what fits is decided
    /// from the job as it is then. One result for each id, in order: the job after it, or why it was left as it is.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it could not be written; then nothing changed.
    #[expect(clippy::type_complexity, reason = "one result for each id, named in the doc")]
    pub fn act(
        &mut self,
        jobs: &[JobId],
        plan: &dyn Fn(&Job) -> Result<Update, Unavailable>,
        now: Timestamp,
    ) -> Result<Vec<(JobId, Result<Job, Unavailable>)>, StoreError> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        self.write(Sync::Full, |writing| {
            let mut done = Vec::with_capacity(jobs.len());
            for id in jobs {
                let result = match rows::one(&writing.db, *id)? {
                    None => Err(Unavailable::Gone),
                    Some(mut job) => match plan(&job) {
                        Err(why) => Err(why),
                        Ok(update) => match writing.has_duplicate(&job, &update)? {
                            Some(other) => Err(Unavailable::Twice(other)),
                            None => match writing.apply(&mut job, update, now)? {
                                Applied::Changed(_) => Ok(job),
                                Applied::Ignored(_) => Err(Unavailable::Unchanged),
                            },
                        },
                    },
                };
                done.push((*id, result));
            }
            Ok(done)
        })
    }

    /// Writes the latest progress of running jobs, for other processes' screens. Not synced: the service can be asked
    /// again. Jobs that do not run (any more) are left as they are.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it could not be written; then nothing changed.
    pub fn save_progress(&mut self, heard: &[(JobId, Progress)]) -> Result<(), StoreError> {
        if heard.is_empty() {
            return Ok(());
        }
        self.write(Sync::Normal, |writing| {
            let mut statement = writing.db.prepare_cached(
                "UPDATE jobs SET percent = ?2, seconds_left = ?3, heard_at = ?4, revision = ?5 WHERE id = ?1 AND state = ?6",
            )?;
            for (id, progress) in heard {
                let changed = statement.execute(params![
                    bits(*id),
                    progress.percent.map(Percent::get),
                    progress.seconds_left,
                    progress.at.map(nanos),
                    signed(writing.revision),
                    State::Running.word(),
                ])?;
                if changed > 0 {
                    writing.moved();
                }
            }
            Ok(())
        })
    }

    /// Changes the shared settings in one synced transaction, and returns them as they are after it.
    ///
    /// # Errors
    /// [`StoreError::Database`] when they could not be written; then nothing changed.
    pub fn change_settings(&mut self, change: &mut dyn FnMut(&mut Settings)) -> Result<Settings, StoreError> {
        self.write(Sync::Full, |writing| write_settings(writing, change))
    }

    /// Keeps questions for the engine.
    ///
    /// # Errors
    /// [`StoreError::Database`] when they could not be written.
    pub fn ask(&mut self, asks: &[EngineRequest]) -> Result<(), StoreError> {
        self.write(Sync::Normal, |writing| {
            for ask in asks {
                let (kind, job, task) = match ask {
                    EngineRequest::Read(id) => ("read", Some(*id), None),
                    EngineRequest::Fetch(id) => ("fetch", Some(*id), None),
                    EngineRequest::ReadAll => ("read-all", None, None),
                    EngineRequest::ListDrafts { now: true } => ("list-drafts-now", None, None),
                    EngineRequest::ListDrafts { now: false } => ("list-drafts", None, None),
                    EngineRequest::LookAtDraft(task) => ("look-at-draft", None, Some(task.as_str())),
                    EngineRequest::FetchDraft(task) => ("fetch-draft", None, Some(task.as_str())),
                };
                writing.db.prepare_cached("INSERT INTO asks (kind, job, task) VALUES (?1, ?2, ?3)")?.execute(params![
                    kind,
                    job.map(bits),
                    task
                ])?;
                writing.wrote();
            }
            Ok(())
        })
    }

    /// Takes all open asks out, in the order in which they were made.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the store could not be read or written.
    pub fn take_engine_requests(&mut self) -> Result<Vec<EngineRequest>, StoreError> {
        if !self.see(|db| Ok(db.prepare_cached("SELECT EXISTS (SELECT 1 FROM asks)")?.query_row([], |row| row.get(0))?))? {
            return Ok(Vec::new());
        }
        self.write(Sync::Normal, |writing| {
            let mut asks = Vec::new();
            let mut statement = writing.db.prepare_cached("SELECT kind, job, task FROM asks ORDER BY seq")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (kind, job, task): (String, Option<i64>, Option<String>) = (row.get(0)?, row.get(1)?, row.get(2)?);
                let task = task.and_then(|task| TaskId::new(&task).ok());
                asks.push(match (kind.as_str(), job, task) {
                    ("read", Some(job), None) => EngineRequest::Read(job_id(job)?),
                    ("fetch", Some(job), None) => EngineRequest::Fetch(job_id(job)?),
                    ("read-all", None, None) => EngineRequest::ReadAll,
                    ("list-drafts-now", None, None) => EngineRequest::ListDrafts { now: true },
                    ("list-drafts", None, None) => EngineRequest::ListDrafts { now: false },
                    ("look-at-draft", None, Some(task)) => EngineRequest::LookAtDraft(task),
                    ("fetch-draft", None, Some(task)) => EngineRequest::FetchDraft(task),
                    _ => return Err(DbError::Damaged("a question for the engine cannot be read".to_owned())),
                });
            }
            writing.db.prepare_cached("DELETE FROM asks")?.execute([])?;
            writing.wrote();
            Ok(asks)
        })
    }

    /// Deletes jobs that ended before a time: removed ones, and unless `only_removed` also all saved, failed and
    /// cancelled ones. Never their files, never their entries in the money book. A job that was given up while unsure stays
    /// for a day more, and for as long as another one waits whose request first left before that: a task of the account that
    /// fits its time must not be taken for another job's (docs/money-rules.md, rule 3).
    ///
    /// # Errors
    /// [`StoreError::Database`] when it could not be written; then nothing changed.
    pub fn prune(&mut self, ended_before: Timestamp, only_removed: bool) -> Result<Vec<JobId>, StoreError> {
        self.write(Sync::Normal, |writing| {
            let mut statement = writing.db.prepare_cached(
                "SELECT id, state, removed FROM jobs WHERE COALESCE(saved_at, finished_at, sent_at, created_at) < ?1
                    AND NOT (state = 'cancelled' AND send_key IS NOT NULL AND task IS NULL AND (finished_at >= ?2
                        OR EXISTS (SELECT 1 FROM jobs other WHERE other.send_first_at <= jobs.finished_at
                            AND other.state IN ('waiting', 'held', 'sending', 'unsure'))))",
            )?;
            let a_day_before = ended_before.checked_sub(jiff::SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
            let mut rows = statement.query(params![nanos(ended_before), nanos(a_day_before)])?;
            let mut gone = Vec::new();
            while let Some(row) = rows.next()? {
                let (id, word, removed): (i64, String, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
                let state = State::from_word(&word).ok_or_else(|| DbError::Damaged(format!("a job stands at {word:?}")))?;
                let over = state.is_final() || state == State::Unwatched;
                if (removed && over) || (!only_removed && state.is_final()) {
                    gone.push(job_id(id)?);
                }
            }
            for id in &gone {
                writing.moved();
                writing.db.prepare_cached("DELETE FROM jobs WHERE id = ?1")?.execute(params![bits(*id)])?;
                writing
                    .db
                    .prepare_cached("INSERT OR REPLACE INTO gone (job, revision) VALUES (?1, ?2)")?
                    .execute(params![bits(*id), signed(writing.revision)])?;
            }
            Ok(gone)
        })
    }

    /// Keeps what a screen wants to remember (sort, filter, columns), as one text that only screens understand.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it could not be written.
    pub fn set_screen_state(&mut self, text: &str) -> Result<(), StoreError> {
        self.write(Sync::Normal, |writing| {
            writing.wrote();
            writing.db.prepare_cached("UPDATE meta SET screen = ?1")?.execute(params![text])?;
            Ok(())
        })
    }

    /// A number that moves whenever this process has written something.
    pub fn writes(&self) -> u64 {
        self.writes
    }

    /// Brings what is in the write-ahead log into the store's own file, as far as nobody reads older states, so that a copy
    /// of that file alone lacks only what was written since. It does not wait for other processes.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the disk refuses; nothing is lost by it.
    pub fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.see(|db| Ok(db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?))
    }

    /// Writes what is in memory to disk; part of leaving. It does not wait for other processes.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the disk refuses.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        if self.db.is_readonly(rusqlite::MAIN_DB).unwrap_or(true) {
            return Ok(());
        }
        // Synced even where the last write was not, so that nothing hangs on the power any more.
        self.sync = None;
        let file = &self.file;
        let run = || {
            self.db.pragma_update(None, "synchronous", "FULL")?;
            self.db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
        };
        run().map_err(|error: rusqlite::Error| DbError::from(error).at(file))
    }
}
