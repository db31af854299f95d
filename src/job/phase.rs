//! Where a job stands, with what exists only there.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::id::{ImageNumber, TaskId};
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
        /// What was found.
        found: SourceFault,
    },
    /// The service refused the paid request for want of balance or of room in the key's limits.
    Refused(Failure),
}

/// What is wrong with a draft. All its text is clean.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fault")]
pub enum SourceFault {
    /// The service has no such task.
    Missing,
    /// It is not finished yet.
    Unfinished,
    /// It failed.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// Its status is not known, so it may not be finished.
    UnknownStatus {
        /// The status.
        status: String,
    },
    /// It was made by another model than the one whose drafts can be enhanced.
    OtherModel {
        /// That model.
        model: String,
    },
    /// It completed without pictures.
    NoPictures,
    /// It has fewer pictures than a complete draft, and this one is not among them.
    NotAmong {
        /// How many it has.
        shown: usize,
        /// Which one was asked for.
        image: ImageNumber,
    },
    /// It has fewer pictures than a complete draft, so which number is which is not certain: a person must look.
    Incomplete {
        /// How many it has.
        shown: usize,
        /// Which one was asked for.
        image: ImageNumber,
    },
    /// Its price says that it was made at another speed, and only drafts can be enhanced.
    OtherPrice {
        /// What it was charged with.
        price: Credits,
    },
    /// As a store of an earlier version says it.
    #[serde(untagged)]
    Said(String),
}

/// Pictures that a complete draft has.
const COMPLETE_DRAFT: usize = ImageNumber::ALL.len();

impl From<&str> for SourceFault {
    fn from(said: &str) -> Self {
        Self::Said(super::text::clean(said).into_owned())
    }
}

impl fmt::Display for SourceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the service has no such draft; its record may be gone"),
            Self::Unfinished => f.write_str("the draft is not finished yet"),
            Self::Failed => f.write_str("the draft failed, so it has no pictures"),
            Self::Cancelled => f.write_str("the draft was cancelled, so it has no pictures"),
            Self::UnknownStatus { status } => write!(f, "the draft is \"{status}\", which is not known to be finished"),
            Self::OtherModel { model } => write!(f, "the source was made by {model}, only mj-v7 drafts can be enhanced"),
            Self::NoPictures => f.write_str("the draft completed without pictures"),
            Self::OtherPrice { price } => write!(f, "its price says it was no draft ({price} credits)"),
            Self::NotAmong { shown, image } => {
                write!(f, "the draft shows {shown} of {COMPLETE_DRAFT} pictures, number {image} is not among them")
            }
            Self::Incomplete { shown, image } => write!(
                f,
                "the draft shows only {shown} of {COMPLETE_DRAFT} pictures, so their numbers are not certain; release it if {image} is right"
            ),
            Self::Said(text) => f.write_str(text),
        }
    }
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
            Self::Cap { cap: CapName::Day, limit } => write!(f, "over today's cap ({limit})"),
            Self::Cap { cap: CapName::Session, limit } => write!(f, "over the session's cap ({limit})"),
            Self::Cap { cap: CapName::MaxCredits, limit } => write!(f, "over --max-credits ({limit})"),
            Self::Price { agreed, now } => write!(f, "the price is {now} now, confirmed were {agreed}"),
            Self::Source { found } => found.fmt(f),
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
    pub why: LostAnswer,
    /// Whether the account's task list has been looked through since.
    pub looked: bool,
    /// Tasks of the account that fit this job and belong to no other job; more than one, or one that fits several jobs, is for the user to settle.
    pub candidates: Vec<TaskId>,
}

/// Why the answer to a paid request counts as lost. All its text is clean.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "how")]
pub enum LostAnswer {
    /// The last repeat ended like this too.
    Failed(Failure),
    /// The service asked for a wait that is longer than the repeats may take.
    LongWait,
    /// The store took no write before the next repeat.
    StoreUnwritable,
    /// Too long after the attempt by one of the clocks, or they do not agree: this machine slept, the process was stopped or
    /// a clock was turned.
    TimePassed,
    /// A repeat was refused, which says nothing of the attempt before it.
    RefusedLater {
        /// The code of the refusal.
        code: String,
    },
    /// The answer named a task that is not this job's.
    OtherTask,
    /// The program ended before the answer was written down.
    #[default]
    ProgramEnded,
    /// As a store of an earlier version says it.
    #[serde(untagged)]
    Said(String),
}

impl From<&str> for LostAnswer {
    fn from(said: &str) -> Self {
        Self::Said(super::text::clean(said).into_owned())
    }
}

impl fmt::Display for LostAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => write!(f, "reply lost: {}", failure.words()),
            Self::LongWait => f.write_str("reply lost, then the service asked for a longer wait"),
            Self::StoreUnwritable => f.write_str("reply lost, then the store could not be written"),
            Self::TimePassed => f.write_str("reply lost, and too much time has passed since"),
            Self::RefusedLater { code } => write!(f, "reply lost, then refused ({code})"),
            Self::OtherTask => f.write_str("the reply named a task that is not this job's"),
            Self::ProgramEnded => f.write_str("the program ended before the reply was written down"),
            Self::Said(text) => f.write_str(text),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::super::failure::ErrorClass;
    use super::*;

    #[test]
    fn reasons_are_kept_as_values_and_sentences_of_earlier_versions_are_read() {
        let image = ImageNumber::ALL[2];
        for found in [
            SourceFault::Missing,
            SourceFault::Unfinished,
            SourceFault::Failed,
            SourceFault::Cancelled,
            SourceFault::UnknownStatus { status: "parked".into() },
            SourceFault::OtherModel { model: "mj-v6".into() },
            SourceFault::NoPictures,
            SourceFault::NotAmong { shown: 2, image },
            SourceFault::Incomplete { shown: 3, image },
            "it is no draft".into(),
        ] {
            let held = HoldReason::Source { found };
            let text = serde_json::to_string(&held).unwrap();
            assert_eq!(serde_json::from_str::<HoldReason>(&text).unwrap(), held, "{text}");
        }
        let old = r#"{"why":"source","found":"the draft is not finished yet"}"#;
        assert_eq!(serde_json::from_str::<HoldReason>(old).unwrap().to_string(), "the draft is not finished yet");
        for why in [
            LostAnswer::Failed(Failure::new(ErrorClass::Network, "connection_reset", "")),
            LostAnswer::LongWait,
            LostAnswer::StoreUnwritable,
            LostAnswer::TimePassed,
            LostAnswer::RefusedLater { code: "insufficient_quota".into() },
            LostAnswer::OtherTask,
            LostAnswer::ProgramEnded,
            "no answer within 30 s".into(),
        ] {
            let doubt = Doubt { why, looked: true, candidates: Vec::new() };
            let text = serde_json::to_string(&doubt).unwrap();
            assert_eq!(serde_json::from_str::<Doubt>(&text).unwrap(), doubt, "{text}");
        }
        let old = r#"{"why":"the answer was lost: reset","looked":false,"candidates":[]}"#;
        assert_eq!(serde_json::from_str::<Doubt>(old).unwrap().why, LostAnswer::Said("the answer was lost: reset".into()));
    }
}
