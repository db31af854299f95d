//! Where a job stands, with what exists only there.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::id::TaskId;
use super::money::Credits;

/// The word for where a job stands; the same in rows, JSON, queries and the store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Not sent until somebody releases it; the reason is with it.
    Held,
    /// Approved and in line.
    Waiting,
    /// The paid request is being made.
    Sending,
    /// The answer to the paid request was lost.
    Unsure,
    /// EvoLink has it: pending or processing.
    Running,
    /// Completed at EvoLink; the picture is not here yet.
    ToFetch,
    /// The picture is coming.
    Fetching,
    /// On disk, whole and checked.
    Saved,
    /// Ended without a result.
    Failed,
    /// Dropped before it was sent, or ended by the service.
    Cancelled,
    /// Sent, but the user stopped watching.
    Unwatched,
}

impl State {
    /// Every state, in the order of a job's life.
    pub const ALL: [Self; 11] = [
        Self::Held,
        Self::Waiting,
        Self::Sending,
        Self::Unsure,
        Self::Running,
        Self::ToFetch,
        Self::Fetching,
        Self::Saved,
        Self::Failed,
        Self::Cancelled,
        Self::Unwatched,
    ];

    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Waiting => "waiting",
            Self::Sending => "sending",
            Self::Unsure => "unsure",
            Self::Running => "running",
            Self::ToFetch => "to-fetch",
            Self::Fetching => "fetching",
            Self::Saved => "saved",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Unwatched => "unwatched",
        }
    }

    /// The state with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether nothing more will happen by itself and no money is open: saved, failed or cancelled.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Saved | Self::Failed | Self::Cancelled)
    }

    /// Whether the job takes one of the places in flight: from the send until EvoLink is done with it.
    #[must_use]
    pub const fn is_in_flight(self) -> bool {
        matches!(self, Self::Sending | Self::Running)
    }

    /// Whether something still moves automatically, given an engine: approved, being sent, running or coming down. What
    /// is held, unsure or unwatched waits for a person.
    #[must_use]
    pub const fn is_under_way(self) -> bool {
        matches!(self, Self::Waiting | Self::Sending | Self::Running | Self::ToFetch | Self::Fetching)
    }

    /// Whether the job's paid request may have left this machine.
    #[must_use]
    pub const fn may_have_been_sent(self) -> bool {
        !matches!(self, Self::Held | Self::Waiting)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Why a job is held.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum HoldReason {
    /// The user said so (`p`, `--hold`), or took a yes back in its grace period.
    You,
    /// Sending it would cross a cap.
    Cap {
        /// `cap_day`, `cap_session` or `--max-credits`.
        cap: CapName,
        /// How high that cap is.
        limit: Credits,
    },
    /// The service's price is not the one that was agreed to.
    Price {
        /// The price agreed to.
        agreed: Credits,
        /// The price now.
        now: Credits,
    },
    /// The free look at the draft says that it cannot be enhanced.
    Source {
        /// What was found, as a sentence.
        found: String,
    },
    /// The service refused the paid request for want of balance or of room in the key's limits.
    Refused(Failure),
}

/// Which limit was in the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapName {
    /// `cap_session`.
    Session,
    /// `cap_day`.
    Day,
    /// `--max-credits` of the run that would have sent it.
    MaxCredits,
}

impl fmt::Display for CapName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Session => "cap_session",
            Self::Day => "cap_day",
            Self::MaxCredits => "--max-credits",
        })
    }
}

impl fmt::Display for HoldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::You => f.write_str("held by you"),
            Self::Cap { cap, limit } => write!(f, "would cross {cap} of {limit} credits"),
            Self::Price { agreed, now } => write!(f, "the price is {now} now, agreed were {agreed}"),
            Self::Source { found } => f.write_str(found),
            Self::Refused(failure) => write!(f, "{} ({})", failure.meaning(), failure.code),
        }
    }
}

/// A percentage as the service gives it: 0 to 100.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Percent(u8);

impl Percent {
    /// The percentage for a number of an answer; `None` outside 0 to 100.
    #[must_use]
    pub fn new(number: i64) -> Option<Self> {
        u8::try_from(number).ok().filter(|n| *n <= 100).map(Self)
    }

    /// 0 to 100.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// The last that EvoLink said of an unfinished task. It may go back, jump, or be missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Percent done, where the service gave a number.
    pub percent: Option<Percent>,
    /// Seconds left as the service estimates them, counted from `at`.
    pub seconds_left: Option<u32>,
    /// When we heard it.
    pub at: Option<Timestamp>,
}

/// What is known of a paid request whose answer was lost.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Doubt {
    /// Why the answer counts as lost.
    pub why: String,
    /// Whether the account's task list has been looked through since.
    pub looked: bool,
    /// Tasks of the account that fit this job and belong to no other job; more than one, or one that fits several jobs, is for the user to settle.
    pub candidates: Vec<TaskId>,
}

/// Who ended a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelledBy {
    /// The user, before it was sent: nothing was paid.
    You,
    /// The user gave up a job whose paid request is unsure: it may have been paid.
    YouUnsure,
    /// The service's task ended as `cancelled`.
    Service,
}

impl fmt::Display for CancelledBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::You => "cancelled by you before it was sent",
            Self::YouUnsure => "given up by you while unsure; it may have been paid",
            Self::Service => "cancelled by the service",
        })
    }
}

/// A download that has not succeeded yet.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FetchTrouble {
    /// How often it was tried.
    pub attempts: u32,
    /// What the last try said.
    pub last: Option<String>,
}

/// Where a job stands, with what exists only there.
///
/// ```text
///  held ◀──▶ waiting ──▶ sending ──▶ running ──▶ to-fetch ◀──▶ fetching ──▶ saved
///    │          │           │  ▲        │ ▲           │            │
///    ▼          ▼           ▼  │        ▼ │           ▼            ▼
///   cancelled (free)      unsure     unwatched      failed (the charge stays)
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// See [`State::Held`].
    Held(HoldReason),
    /// See [`State::Waiting`].
    Waiting,
    /// See [`State::Sending`].
    Sending,
    /// See [`State::Unsure`].
    Unsure(Doubt),
    /// See [`State::Running`].
    Running(Progress),
    /// See [`State::ToFetch`].
    ToFetch(FetchTrouble),
    /// See [`State::Fetching`].
    Fetching(FetchTrouble),
    /// See [`State::Saved`].
    Saved,
    /// See [`State::Failed`].
    Failed(Failure),
    /// See [`State::Cancelled`].
    Cancelled(CancelledBy),
    /// See [`State::Unwatched`].
    Unwatched,
}

impl Phase {
    /// The word for it.
    #[must_use]
    pub const fn state(&self) -> State {
        match self {
            Self::Held(_) => State::Held,
            Self::Waiting => State::Waiting,
            Self::Sending => State::Sending,
            Self::Unsure(_) => State::Unsure,
            Self::Running(_) => State::Running,
            Self::ToFetch(_) => State::ToFetch,
            Self::Fetching(_) => State::Fetching,
            Self::Saved => State::Saved,
            Self::Failed(_) => State::Failed,
            Self::Cancelled(_) => State::Cancelled,
            Self::Unwatched => State::Unwatched,
        }
    }
}
