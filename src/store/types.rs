//! What goes in and out of the store, besides jobs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::job::{Caps, Credits, HoldReason, ImageNumber, Job, JobId, State, Tag, TaskId};

/// How a store is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Read and write; folder (mode 0700) and files (0600) are made if missing.
    ReadWrite,
    /// Read only; nothing is made.
    ReadOnly,
}

/// A job to be recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewJob {
    /// Its id, made from random bits by the caller; a clash is an error of the whole call.
    pub id: JobId,
    /// The draft's task.
    pub source: TaskId,
    /// Which of its pictures.
    pub image: ImageNumber,
    /// The user's word for it.
    pub tag: Option<Tag>,
    /// The job that this one runs again.
    pub again_of: Option<JobId>,
}

/// A yes, as it was given: what it named and how long it can be taken back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Consent {
    /// How many jobs it was for.
    pub count: usize,
    /// Credits for one.
    pub price: Credits,
    /// The grace period in which the yes can be taken back.
    pub grace: std::time::Duration,
}

/// Why sending is paused.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum PauseReason {
    /// The user pressed `P`.
    You,
    /// The price is not the one agreed to.
    Price {
        /// The price agreed to.
        agreed: Credits,
        /// The price now.
        now: Credits,
    },
    /// The key was refused.
    Login {
        /// What the service said, clean.
        said: String,
    },
    /// Balance or a limit of the key.
    Balance {
        /// What the service said, clean.
        said: String,
    },
    /// The account, the model or the address is not allowed.
    Access {
        /// What the service said, clean.
        said: String,
    },
}

/// An amount and when and how it was learned.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Seen {
    /// The amount.
    pub amount: Credits,
    /// When it was learned.
    pub at: Timestamp,
}

/// What all processes of a store share besides the jobs.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Sending is paused.
    pub paused: Option<PauseReason>,
    /// Jobs in flight at most, where it was changed by key; else the configured number.
    pub max_in_flight: Option<u32>,
    /// `cap_session` where it was changed by key, else the configured one; `Some(None)` is "no cap".
    #[serde(with = "twice")]
    pub cap_session: Option<Option<Credits>>,
    /// `cap_day`, likewise.
    #[serde(with = "twice")]
    pub cap_day: Option<Option<Credits>>,
    /// The price of one enhance as last reported by the service.
    pub price: Option<Seen>,
    /// The balance that a send can draw on.
    pub balance: Option<Seen>,
    /// Approvals up to this one wait for a new yes (product §2, rule 4).
    #[serde(rename = "send_floor", default)]
    pub approval_floor: u64,
}

/// What a send must keep to, checked in the transaction that starts it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SendGuard {
    /// The caps that hold now.
    pub caps: Caps,
    /// What the service's clock shows, where it is known.
    pub server_time: Option<Timestamp>,
    /// What the present run may still send; `None` without such a limit.
    pub run_budget: Option<Credits>,
    /// The limit that `run_budget` is what is left of, for the reason shown.
    pub run_limit: Credits,
    /// The service's price now.
    pub price: Credits,
    /// Start of the user's local day.
    pub day_start: Timestamp,
}

/// How [`crate::store::Store::begin_send`] ended.
#[derive(Clone, PartialEq, Debug)]
pub enum BeginSend {
    /// Body and key are on disk, synced: the request may leave now.
    Go(Job),
    /// It must not be sent; it is held now, with the reason.
    Held(Job, HoldReason),
    /// It is not to be sent (any more): not waiting, no yes, yes too old, grace not over, paused.
    No(&'static str),
}

/// What changed since a revision.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// The store's revision now.
    pub revision: u64,
    /// New and changed ones, in line order.
    pub jobs: Vec<Job>,
    /// Pruned.
    pub gone: Vec<JobId>,
    /// What all processes share, as it is now.
    pub settings: Settings,
}

/// One line of a job's history.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// When it happened.
    pub at: Timestamp,
    /// Where the job stood after it.
    pub state: State,
    /// What happened, clean.
    pub note: String,
}

/// A question for the engine that changes no job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EngineRequest {
    /// Read the job's task now; for an unsure job: look through the task list now.
    Read(JobId),
    /// Fetch now.
    Fetch(JobId),
    /// Read everything that runs, and the balance, now.
    ReadAll,
}

/// `Option<Option<T>>` in JSON, as a list of none or one: plain JSON cannot tell "not changed" from "none".
mod twice {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, clippy::option_option, reason = "the shape that serde calls")]
    pub fn serialize<T: Serialize, S: Serializer>(value: &Option<Option<T>>, to: S) -> Result<S::Ok, S::Error> {
        value.iter().collect::<Vec<_>>().serialize(to)
    }

    #[expect(clippy::option_option, reason = "the shape that serde calls")]
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
        Ok(Vec::<Option<T>>::deserialize(from)?.pop())
    }
}
