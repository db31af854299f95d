//! What a dashboard, a script and the log are told in passing, as values: the sentence is made where it is shown.

use jiff::Timestamp;

use crate::job::{CancelledBy, Credits, Failure, HoldReason, JobId, LostAnswer, TaskId};
use crate::store::{PauseReason, Remark};

/// How serious a notice is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Good to know.
    Info,
    /// Something did not go as it should.
    Warning,
    /// Money, results or the store are at stake.
    Alarm,
}

/// Something to know, for the status line, the events and the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// When.
    pub at: Timestamp,
    /// Which job, if it is about one.
    pub job: Option<JobId>,
    /// What.
    pub kind: NoticeKind,
}

impl Notice {
    /// How serious it is.
    #[must_use]
    pub fn level(&self) -> Level {
        self.kind.level()
    }
}

/// What a notice is about.
///
/// An `error` is what the store or the disk said, clean; it may name a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoticeKind {
    /// The job was held instead of sent.
    Held(HoldReason),
    /// The job was not sent: the store did not take the write before it.
    NotSent {
        /// What the store said.
        error: String,
    },
    /// The same for a repeat of a paid request with its key.
    NotRepeated {
        /// What the store said.
        error: String,
    },
    /// The repeats of the paid request ended without an answer; the account's task list is read next.
    BecameUnsure(LostAnswer),
    /// The service takes no paid request just now; it is tried again.
    SendingDeferred(Failure),
    /// The service refused the job's paid request for good.
    Refused(Failure),
    /// The account's task list could not be read several times in a row; other jobs wait for two minutes at
    /// most.
    TaskListUnreadable(Failure),
    /// Answers about many tasks at once could not be read several times in a row; each task is asked about alone.
    AnswersUnreadable(Failure),
    /// The job's task has a status that this program does not know; it is watched on.
    UnknownStatus {
        /// The status, clean.
        word: String,
    },
    /// The unsure job's task was found in the task list.
    TaskFound(TaskId),
    /// The task list was read and did not settle the unsure job.
    StaysUnsure(Undecided),
    /// Sending is paused from now on.
    Paused(PauseReason),
    /// A request is sent although the published price could not be read: this one, known from before, counts.
    PriceUnread(Credits),
    /// The store could not be read or changed; what was to be changed holds in memory.
    StoreFailed {
        /// What the store said.
        error: String,
    },
    /// What the engine learned could not be written; it is kept, tried again, and nothing is sent meanwhile.
    StoreUnwritable {
        /// What the store said.
        error: String,
    },
    /// The store takes writes again, and all that was kept is written.
    StoreWritable,
    /// How the store was opened, where a person should know.
    StoreOpened(Remark),
    /// The engine of another process ended, and this process is the engine now.
    TookOver,
    /// How the dashboard looked could not be remembered for the next start.
    ViewNotSaved {
        /// What the store said.
        error: String,
    },
    /// The job's picture could not be written to disk, for a reason of this machine; it is tried again, and nothing new is
    /// sent until results can be kept.
    ResultsUnsavable {
        /// What the disk said.
        error: String,
    },
    /// Nothing stands in the way of keeping results any more, and sending continues.
    ResultsSavable {
        /// One was saved; else none waits for the disk any more.
        is_proven: bool,
    },
    /// Results that are not saved yet have links that end soon.
    LinksEnding {
        /// How many results.
        results: usize,
        /// The least that is left, as a limit in full hours: "under 4".
        hours: u8,
    },
    /// The job's picture is on disk.
    Saved,
    /// The job failed.
    Failed(Failure),
    /// The job was cancelled.
    Cancelled(CancelledBy),
}

/// Why the task list did not settle an unsure job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Undecided {
    /// So many tasks fit; the user chooses.
    SeveralTasks(usize),
    /// So many rows of the list could not be read, and its task may be among them.
    UnreadableRows(usize),
    /// Nothing fits in the newest tasks, so many, and there are more.
    MoreTasks(usize),
    /// Nothing fits, and the key is too old to be sent again.
    OldKey,
    /// Nothing fits, and this run may not send.
    NotSending,
    /// Nothing fits, and sending it again would cross this limit of the run.
    OverRunLimit(Credits),
    /// Nothing fits, and this stands in the way of sending it again.
    Held(HoldReason),
    /// Nothing fits, and it was not confirmed in this store.
    NotConfirmed,
    /// Nothing fits, and the service answers its request with the task of another job.
    NamesOther,
}

impl NoticeKind {
    /// How serious it is.
    #[must_use]
    pub fn level(&self) -> Level {
        match self {
            Self::TaskFound(_)
            | Self::StoreWritable
            | Self::StoreOpened(Remark::ReadFromCopy | Remark::ReadOnlyMedium)
            | Self::ResultsSavable { .. }
            | Self::Saved => Level::Info,
            Self::Held(_)
            | Self::SendingDeferred(_)
            | Self::Refused(_)
            | Self::StaysUnsure(
                Undecided::NotSending | Undecided::OverRunLimit(_) | Undecided::Held(_) | Undecided::NotConfirmed,
            )
            | Self::PriceUnread(_)
            | Self::TookOver
            | Self::StoreOpened(Remark::LogMissing)
            | Self::AnswersUnreadable(_)
            | Self::UnknownStatus { .. }
            | Self::ViewNotSaved { .. }
            | Self::Failed(_)
            | Self::Cancelled(_) => Level::Warning,
            Self::NotSent { .. }
            | Self::NotRepeated { .. }
            | Self::BecameUnsure(_)
            | Self::TaskListUnreadable(_)
            | Self::StaysUnsure(_)
            | Self::Paused(_)
            | Self::StoreFailed { .. }
            | Self::StoreUnwritable { .. }
            | Self::ResultsUnsavable { .. }
            | Self::LinksEnding { .. } => Level::Alarm,
        }
    }
}
