//! Scheduling: the queue, the polling worker and its scheduler, resuming, back-off, caps at the moment of sending.
//!
//! This room knows `job`, `api`, `store`, `commands` and `fetch`. It knows no screen and no arguments.
//!
//! The [`Engine`] holds its parts and little else. Each part keeps its fields to itself, is asked with a moment, and returns
//! what shall happen and its next deadline; the event loop takes an event to its part, writes what comes back to the store,
//! and publishes it:
//!
//! - `account`: balance, price, pause, connection;
//! - `submitter` (with `queue` and `draft_check`): the one open paid request, its repeats, the budget of a run;
//! - `reconciler` (with `reconcile`): the search for the tasks of unsure jobs;
//! - `poller` (with `poll_scheduler`): the polling worker that tracks all running jobs;
//! - `downloads`: results on their way to disk;
//! - `draft_reader`, `drafts`: the account's drafts, for the screens that show them;
//! - `index`, `publisher`, `peers`, `link_alarms`: the jobs in memory, the channel to the dashboard, other processes, links
//!   that end; these and the account are the `base` that an engine shares with the `follower` of another process's engine, which is a type of its own;
//! - `backlog`, `workers`: what the store has not taken yet, and the calls under way.

mod account;
mod backlog;
mod base;
mod clock;
mod downloads;
mod draft_check;
mod draft_reader;
mod drafts;
mod event_loop;
mod follower;
mod index;
mod link_alarms;
mod notice;
mod peers;
mod poll_scheduler;
mod poller;
mod publisher;
mod queue;
mod reconcile;
mod reconciler;
mod session;
mod start;
mod submitter;
mod workers;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::job::drafts::DraftRow;

pub use crate::commands::{Act, Command, CommandError, CommandOutcome, Consent, JobRef, LeftOut, QueueMove};
use crate::job::{Caps, Credits, Failure, FirstRows, Job, JobId, Model, Prices, Progress, Spent};
pub use crate::store::{PauseReason, Remark, Seen, StoreError, TimelineEntry};

pub use base::{Services, SessionMessage, previews_dir};
pub use clock::{Clock, SystemClock};
pub use event_loop::Engine;
pub use notice::{Level, Notice, NoticeKind, Undecided};
pub use session::{Session, StartError, StartMode, attend};

/// What a dashboard is told: written first, then published.
#[derive(Clone, PartialEq, Debug)]
pub enum EngineEvent {
    /// Jobs that are new or changed; at the start all of them, in batches, then [`EngineEvent::Loaded`].
    Jobs(Vec<Arc<Job>>),
    /// Everything that was in the store at the start has been published.
    Loaded,
    /// Jobs that were pruned.
    Gone(Vec<JobId>),
    /// Progress of running jobs; the last one counts, some may be skipped.
    Progress(Vec<(JobId, Progress)>),
    /// The engine's state; only when it changed.
    Status(Arc<Status>),
    /// Something to know.
    Notice(Notice),
    /// The answer to a command.
    CommandDone {
        /// Its ticket.
        ticket: u64,
        /// What was done, or why nothing was.
        outcome: Result<CommandOutcome, CommandError>,
    },
    /// The answer to a question about one job.
    Details {
        /// Which job.
        job: JobId,
        /// What is known.
        details: Arc<Details>,
    },
    /// What is known of the account's drafts, while the dashboard shows them; only when it changed.
    Drafts(Arc<AccountDrafts>),
    /// The session cannot go on: store lost, disk full for good.
    Broken(StoreError),
}

/// What is known of one job beyond its row.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Details {
    /// Its history, oldest first.
    pub timeline: Vec<TimelineEntry>,
    /// The last raw answer, secrets cut out.
    pub raw: Option<String>,
}

/// What is known of the account's drafts besides the jobs; [`crate::job::drafts::merge`] puts both together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AccountDrafts {
    /// What the account's list told of other programs' tasks, and what the user said of any.
    pub rows: Vec<DraftRow>,
    /// When the list was read; `None`: never.
    pub listed_at: Option<Timestamp>,
    /// How reading it fails at present, where this process is the engine.
    pub trouble: Option<Failure>,
}

/// Whether this process sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Role {
    /// This process is the engine.
    Engine,
    /// Another one is.
    Screen {
        /// That one's process id, where it is known.
        engine_pid: Option<u32>,
    },
}

/// How the connection to the service is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Connection {
    /// Nothing was asked yet.
    Unknown,
    /// The last call came back.
    Up,
    /// The last call failed on the way.
    Down {
        /// When the first of the failing calls failed.
        since: Timestamp,
        /// How that call ended.
        why: Failure,
    },
}

/// The engine's state as the header shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// Who sends.
    pub role: Role,
    /// The connection to the service.
    pub connection: Connection,
    /// End of a 429 wait.
    pub all_wait_until: Option<Timestamp>,
    /// Why sending is paused, if it is.
    pub paused: Option<PauseReason>,
    /// Jobs being sent or running.
    pub in_flight: u32,
    /// How many may be.
    pub max_in_flight: u32,
    /// Approved jobs whose yes is older than this start of the engine: they wait for `P` and `y`.
    pub waiting_for_go: Vec<JobId>,
    /// What one job of each model costs; as the service reported it, else as last published.
    pub prices: Prices,
    /// The models whose price the service has named.
    pub reported_prices: Vec<Model>,
    /// How many UC one US dollar buys, where the service said so to this process.
    pub uc_per_usd: Option<i64>,
    /// What a send can draw on, and when it was read.
    pub balance: Option<Seen>,
    /// Held by the service for jobs that are not over, those that are not watched any more among them for a day.
    pub reserved: Credits,
    /// Spent or reserved, counted from the store.
    pub spent: Spent,
    /// The limits in force.
    pub caps: Caps,
    /// Nothing is being sent, run, fetched or looked into, and nothing that may be sent is in the queue.
    pub idle: bool,
    /// Running jobs whose latest read did not tell how they stand: it failed or could not be read, the status is not known,
    /// the task was not among the answers, or it completed and its links have not come. A 429 is no such trouble.
    pub unread: Arc<BTreeSet<JobId>>,
}

/// How a session is started.
pub struct Options {
    /// Where the store is.
    pub data_dir: PathBuf,
    /// May this process send: a dashboard sends what gets a yes on its screen; `run` without consent sends nothing.
    pub sending: Sending,
    /// Jobs in flight at most, 1 to 10,000, unless it was changed by key.
    pub max_in_flight: u32,
    /// Least time between two paid requests; may be nothing.
    pub submit_gap: Duration,
    /// Budget of free reads.
    pub reads_per_minute: u32,
    /// The configured caps, unless they were changed by key.
    pub caps: Caps,
    /// Sending pauses after so many jobs in a row that end with the same error; 0: never.
    pub pause_after_failures: u32,
    /// Passed through to the service (docs/service.md §11).
    pub callback_url: Option<String>,
    /// Downloads at once.
    pub fetches_at_once: usize,
    /// The most bytes of other programs' pictures that are kept to be looked at.
    pub preview_cache: u64,
    /// What a screen shows first, from what the last one wanted to be remembered: read before everything else.
    pub first_rows: fn(&str) -> FirstRows,
    /// Where the user's day begins and which date a result is filed under.
    pub time_zone: jiff::tz::TimeZone,
}

/// What a session may send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sending {
    /// Nothing: watch, fetch and look into unsure jobs only.
    Nothing,
    /// What has a yes of this start.
    WithConsent,
    /// What has a yes, also an older one, up to this many credits (`run --yes --max-credits N`).
    UpTo(Credits),
}
