//! What may be asked, and what comes back: values, no sentences.

use jiff::Timestamp;

use crate::job::prompt::PromptError;
use crate::job::{Caps, ImportError, Job, JobId, JobKind, Prompt, Spec, Tag, TaskId, Unavailable, Verdict};
use crate::store::{Consent, QueueMove, StoreError};

/// What a dashboard or a script wants done. Everything here is local and free except what carries a [`Consent`].
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// Record jobs. With a consent they join the queue, without they are held. Pictures that have a live job are left out and named unless `again`.
    Add {
        /// The pictures.
        specs: Vec<Spec>,
        /// The tag.
        tag: Option<Tag>,
        /// Before everything that waits.
        front: bool,
        /// Also pictures that have a live job.
        again: bool,
        /// The confirmation.
        consent: Option<Consent>,
    },
    /// Record draft jobs, as [`Command::Add`] does enhances. Prompts of which a draft is not over are left out and named unless
    /// `again`.
    Draft {
        /// The prompts as they are sent, each with the line it was made from where that says something else.
        prompts: Vec<(Prompt, Option<String>)>,
        /// The tag.
        tag: Option<Tag>,
        /// Before everything that waits.
        front: bool,
        /// Also prompts that are on their way, or given twice.
        again: bool,
        /// The confirmation.
        consent: Option<Consent>,
    },
    /// Confirm held or waiting jobs: they may be sent.
    Approve {
        /// Which jobs.
        jobs: Vec<JobId>,
        /// The confirmation.
        consent: Consent,
    },
    /// Take a confirmation back in its grace period: its jobs that wait are held.
    Withdraw {
        /// Its number, from [`CommandOutcome::approval`].
        approval: u64,
    },
    /// Hold waiting jobs.
    Hold {
        /// Which jobs.
        jobs: Vec<JobId>,
    },
    /// Not sent: dropped. On the wire: unwatched when answered.
    Cancel {
        /// Which jobs.
        jobs: Vec<JobId>,
    },
    /// Take a cancelling back, where nothing had been sent: held again.
    Uncancel {
        /// Which jobs.
        jobs: Vec<JobId>,
    },
    /// Give up unsure jobs.
    GiveUp {
        /// Which jobs.
        jobs: Vec<JobId>,
    },
    /// Stop watching running jobs; they keep running and are charged if they complete.
    Unwatch {
        /// Which jobs.
        jobs: Vec<JobId>,
    },
    /// Watch unwatched jobs again, and those that were given up for trouble that may be over.
    Watch {
        /// Which jobs.
        jobs: Vec<JobId>,
    },
    /// Download now: what waits for its next try, what was given up for trouble, and unwatched jobs once they are done.
    FetchNow {
        /// Which jobs.
        jobs: Vec<JobId>,
    },
    /// Ask the service now; empty: about everything.
    AskNow {
        /// Which jobs.
        jobs: Vec<JobId>,
    },
    /// This task is the one of this unsure job.
    Adopt {
        /// Which job.
        job: JobId,
        /// One of its candidates.
        task: TaskId,
    },
    /// New paid jobs for the same pictures.
    RunAgain {
        /// Which jobs.
        jobs: Vec<JobId>,
        /// Before everything that waits.
        front: bool,
        /// The user meant these very jobs (one chosen alone, `--again`): also what has a result, or may have one.
        deliberate: bool,
        /// Also pictures that have another live job.
        again: bool,
        /// The confirmation.
        consent: Consent,
    },
    /// Change positions in the queue.
    Move {
        /// Which jobs.
        jobs: Vec<JobId>,
        /// Where to.
        to: QueueMove,
    },
    /// Give unsent jobs the positions back that they had in the queue.
    PutBack {
        /// Each with its position then, as [`crate::job::Job::place`].
        places: Vec<(JobId, i64)>,
    },
    /// Give another tag, or none.
    Retag {
        /// Which jobs.
        jobs: Vec<JobId>,
        /// The tag.
        tag: Option<Tag>,
    },
    /// Keep or reject results, or neither.
    Judge {
        /// Which jobs.
        jobs: Vec<JobId>,
        /// What a person thinks of them.
        verdict: Option<Verdict>,
    },
    /// Remove from the list, or restore; files stay.
    Remove {
        /// Which jobs.
        jobs: Vec<JobId>,
        /// Remove, or restore.
        removed: bool,
    },
    /// Hide drafts, ours or others', or show them again.
    HideDrafts {
        /// Their tasks.
        tasks: Vec<TaskId>,
        /// Hide, or show.
        hidden: bool,
    },
    /// Give drafts, ours or others', a word that names the results of their pictures, or take it away.
    NoteDrafts {
        /// Their tasks.
        tasks: Vec<TaskId>,
        /// The word.
        note: Option<Tag>,
    },
    /// Stop sending; running jobs continue.
    Pause,
    /// Resume sending. With a consent, these jobs (approved before this start, or held for the price) are approved anew.
    Resume {
        /// Which jobs.
        jobs: Vec<JobId>,
        /// The confirmation.
        consent: Option<Consent>,
    },
    /// How many jobs may be in flight: 1 to 10,000.
    MaxInFlight(u32),
    /// Other caps.
    Caps(Caps),
    /// Take in jobs of another store, each with its line; nothing of them can spend here.
    Import(Vec<(usize, Job)>),
}

/// What a command did to the jobs it reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// Recorded; `approved` or held.
    Added {
        /// With a consent.
        approved: bool,
    },
    /// Confirmed.
    Approved,
    /// Their confirmation was taken back: held, nothing was sent.
    Withdrawn,
    /// Held.
    Held,
    /// Cancelled before they were sent, or to be unwatched when their answer is here.
    Cancelled,
    /// Held again after they were cancelled.
    Uncancelled,
    /// Given up while unsure.
    GivenUp,
    /// No longer watched.
    Unwatched,
    /// Watched again.
    Watched,
    /// To be fetched now.
    Fetching,
    /// The service is asked about them, or about everything.
    Asking,
    /// Their task was chosen.
    Adopted,
    /// New paid jobs were made for their pictures.
    RanAgain,
    /// Moved in the queue.
    Moved(QueueMove),
    /// Back in the queue where they were before.
    PutBack,
    /// Tagged.
    Tagged,
    /// Kept or rejected, or neither any more.
    Judged(Option<Verdict>),
    /// Removed from the list.
    Removed,
    /// Restored to the list.
    Restored,
    /// So many drafts are hidden.
    DraftsHidden(usize),
    /// So many drafts are shown again.
    DraftsShown(usize),
    /// So many drafts have another word, or none.
    DraftsNoted(usize),
    /// Sending is paused.
    Paused,
    /// Sending goes on; the jobs it reached were approved anew.
    Resumed,
    /// So many may be in flight.
    MaxInFlight(u32),
    /// The caps are other ones.
    CapsChanged,
    /// Taken in from another store.
    Imported,
}

/// A job, or what was to become one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JobRef {
    /// A job.
    Job(JobId),
    /// What was asked for.
    Kind(JobKind),
}

/// What a command did not reach, and why.
pub type LeftOut = Unavailable;

/// What became of a command.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CommandOutcome {
    /// What was done.
    pub act: Option<Act>,
    /// The jobs it reached.
    pub jobs: Vec<JobId>,
    /// What it did not reach, and why.
    pub left_out: Vec<(JobRef, LeftOut)>,
    /// The approval that a consent made, for [`Command::Withdraw`], and the end of its grace period.
    pub approval: Option<(u64, Timestamp)>,
}

/// Why a command changed nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CommandError {
    /// The store could not be read or written, or refused.
    Store(StoreError),
    /// The grace period is over, or nothing of the approval waits.
    TooLate,
    /// Jobs of a file cannot be taken, by their lines.
    BadImport(Vec<(usize, ImportError)>),
    /// Prompts cannot be drafted at a price that can be named, or at all: by their places from 0, each with what is wrong.
    BadPrompts(Vec<(usize, PromptError)>),
    /// This dashboard only looks.
    ReadOnly,
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
