//! What goes in and out of the store, besides jobs.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use crate::job::{
    Caps, Credits, ErrorClass, Failure, HoldReason, Job, JobId, JobKind, Model, PaidRequest, PriceLines, Prices, State, Tag,
    TaskId, Unavailable,
};

/// How a store is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Read and write; folder (mode 0700) and files (0600) are made if missing.
    ReadWrite,
    /// Read only; nothing is made.
    ReadOnly,
}

/// What a store says about how it was opened, for a person to hear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Remark {
    /// Its folder cannot be written to, so its write-ahead log was read in a copy.
    ReadFromCopy,
    /// Its folder is on a medium that cannot be written to.
    ReadOnlyMedium,
    /// The file was made by a program that kept the rest in its write-ahead log, and the log is not there: a copy of the
    /// file alone. Nothing in it can be read.
    LogMissing,
}

/// A job to be recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewJob {
    /// Its id, made from random bits by the caller; a clash is an error of the whole call.
    pub id: JobId,
    /// What it asks for.
    pub kind: JobKind,
    /// The user's word for it.
    pub tag: Option<Tag>,
    /// The job that this one runs again: then the rules of running again hold for it in the same transaction.
    pub again_of: Option<JobId>,
}

/// How often drafts of a prompt were saved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MadeBefore {
    /// How many, at least one.
    pub times: usize,
    /// When the latest was saved.
    pub last: Timestamp,
}

/// How jobs are added.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AddRules {
    /// Before everything in the queue, else behind it.
    pub front: bool,
    /// Also pictures and prompts that have a live job, or that were named before in the same call.
    pub again: bool,
    /// For jobs that run another one again: the user meant these very jobs, so what has a result is run again too.
    pub deliberate: bool,
}

/// Makes the paid request of a job at its approval: a key that no other job has, and the body.
pub type MakeRequest<'a> = &'a mut dyn FnMut(&Job) -> PaidRequest;

/// What [`crate::store::Store::add`] recorded.
#[derive(Clone, Debug, Default)]
pub struct Added {
    /// The new jobs, in the order given.
    pub jobs: Vec<Job>,
    /// The ones that were left out, by their place in what was given, and why.
    pub left_out: Vec<(usize, Unavailable)>,
}

/// What [`crate::store::Store::approve`] approved.
#[derive(Clone, Debug)]
pub struct Approved {
    /// The number of the approval, which no job may have taken.
    pub seq: u64,
    /// The end of its grace period.
    pub not_before: Timestamp,
    /// The jobs that took it.
    pub jobs: Vec<Job>,
    /// The others, and why.
    pub left_out: Vec<(JobId, Unavailable)>,
}

/// What a run with `--max-credits` may spend, kept in the store so that it outlives the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BudgetId(pub(super) i64);

/// A yes, as it was given: what it named and how long it can be taken back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Consent {
    /// How many jobs of each model it was for, and the price of one.
    pub lines: PriceLines,
    /// The grace period in which the yes can be taken back.
    pub grace: std::time::Duration,
}

/// Where to in the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QueueMove {
    /// One place forward.
    Earlier,
    /// One place back.
    Later,
    /// Before everything.
    Front,
    /// Behind everything.
    Back,
}

/// What [`crate::store::Store::move_in_queue`] moved.
#[derive(Clone, Debug, Default)]
pub struct Moved {
    /// All jobs whose place changed, also those that made room.
    pub changed: Vec<Job>,
    /// The ones that were to be moved and were.
    pub moved: Vec<JobId>,
    /// The ones that were not, and why.
    pub left_out: Vec<(JobId, Unavailable)>,
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
        /// The refusal.
        #[serde(alias = "said", deserialize_with = "login_reply")]
        reply: Failure,
    },
    /// Balance or a limit of the key.
    Balance {
        /// The refusal.
        #[serde(alias = "said", deserialize_with = "balance_reply")]
        reply: Failure,
    },
    /// The account, the model or the address is not allowed.
    Access {
        /// The refusal.
        #[serde(alias = "said", deserialize_with = "access_reply")]
        reply: Failure,
    },
    /// The service publishes no price that can be named with certainty.
    NoPrice {
        /// What is wrong with it: `price_unavailable` or `price_unclear`.
        #[serde(alias = "said", deserialize_with = "price_reply")]
        reply: Failure,
    },
    /// So many jobs in a row ended with the same error.
    Failures {
        /// The error's code, clean.
        code: String,
        /// How many.
        count: u32,
    },
}

/// A refusal; stores of earlier versions have a sentence in its place, of which only the kind is kept.
fn reply_of<'de, D: Deserializer<'de>>(deserializer: D, class: ErrorClass, code: &str) -> Result<Failure, D::Error> {
    let stored = serde_json::Value::deserialize(deserializer)?;
    Ok(Failure::deserialize(stored).unwrap_or_else(|_| Failure::new(class, code, "")))
}

fn login_reply<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Failure, D::Error> {
    reply_of(deserializer, ErrorClass::Login, "")
}

fn balance_reply<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Failure, D::Error> {
    reply_of(deserializer, ErrorClass::Balance, "")
}

fn access_reply<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Failure, D::Error> {
    reply_of(deserializer, ErrorClass::Access, "")
}

fn price_reply<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Failure, D::Error> {
    reply_of(deserializer, ErrorClass::InvalidResponse, "price_unclear")
}

/// An amount and when and how it was learned.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Seen {
    /// The amount.
    pub amount: Credits,
    /// When it was learned.
    pub at: Timestamp,
    /// The same by the service's clock, where that was known: ours may be turned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub there: Option<Timestamp>,
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
    /// The price of one enhance as last reported by the service; see [`Settings::price`].
    price: Option<Seen>,
    /// The published price of one enhance; see [`Settings::published_price`].
    published_price: Option<Credits>,
    /// The same for one draft.
    draft_price: Option<Seen>,
    published_draft_price: Option<Credits>,
    /// The balance that a send can draw on.
    pub balance: Option<Seen>,
    /// When the account's list was last looked through for drafts.
    pub drafts_listed_at: Option<Timestamp>,
    /// Approvals up to this one wait for a new yes (docs/money-rules.md, rule 4).
    #[serde(rename = "send_floor", default)]
    pub approval_floor: u64,
}

impl Settings {
    /// The price of one job of a model as last reported by the service.
    #[must_use]
    pub const fn price(&self, model: Model) -> Option<Seen> {
        match model {
            Model::Enhance => self.price,
            Model::Draft => self.draft_price,
        }
    }

    /// Notes the price of a model as it was reported.
    pub const fn set_price(&mut self, model: Model, seen: Seen) {
        match model {
            Model::Enhance => self.price = Some(seen),
            Model::Draft => self.draft_price = Some(seen),
        }
    }

    /// The published price of a model as last read; it may differ from what the service reserves for this account.
    #[must_use]
    pub const fn published_price(&self, model: Model) -> Option<Credits> {
        match model {
            Model::Enhance => self.published_price,
            Model::Draft => self.published_draft_price,
        }
    }

    /// Notes the published price of a model.
    pub const fn set_published_price(&mut self, model: Model, price: Credits) {
        match model {
            Model::Enhance => self.published_price = Some(price),
            Model::Draft => self.published_draft_price = Some(price),
        }
    }

    /// What one job of each model costs as far as is known: as last reported, else as published when this program was made.
    #[must_use]
    pub fn prices(&self) -> Prices {
        Prices::each(|model| self.price(model).map_or(model.published_price(), |seen| seen.amount))
    }
}

/// What a send must keep to, checked in the transaction that starts it. What the store knows better is read there: caps that
/// were changed by key, the price as last reported, the pause, the floor, the budget of the run that approved the job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SendGuard {
    /// The configured caps; those in the store's settings go before them.
    pub caps: Caps,
    /// What the service's clock shows, where it is known.
    pub server_time: Option<Timestamp>,
    /// The limit of the run that sends; `None` for a dashboard.
    pub budget: Option<BudgetId>,
    /// The prices where the store's settings have none.
    pub prices: Prices,
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
    /// It is not to be sent now, and stays as it is.
    No(NotNow),
}

/// Why a job is not to be sent now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotNow {
    /// There is no such job.
    Gone,
    /// It is not waiting (to go out again: not unsure, not looked up, or its key is too old).
    NotReady,
    /// Nobody confirmed it in this store.
    NotConfirmed,
    /// Its confirmation is older than this start: it needs a new one.
    OlderThanFloor,
    /// Its grace period is not over.
    InGrace,
    /// Sending is paused.
    Paused,
    /// An unsure job's request may not go out again for the reason that would hold another job.
    Hold(HoldReason),
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
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EngineRequest {
    /// Read the job's task now; for an unsure job: look through the task list now.
    Read(JobId),
    /// Fetch now.
    Fetch(JobId),
    /// Read everything that runs, and the balance, now.
    ReadAll,
    /// Look through the account's list for drafts.
    ListDrafts {
        /// Even if that was done a moment ago.
        now: bool,
    },
    /// Fetch the pictures of this draft of another program's, for a look.
    LookAtDraft(TaskId),
    /// Fetch the pictures of a draft of another program's, whether they are shown or not.
    FetchDraft(TaskId),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_of_an_earlier_version_is_read_by_its_kind() {
        for (word, class) in [("login", ErrorClass::Login), ("balance", ErrorClass::Balance), ("access", ErrorClass::Access)] {
            let old = format!(r#"{{"paused":{{"why":"{word}","said":"the service said this"}}}}"#);
            let settings: Settings = serde_json::from_str(&old).unwrap();
            let reply = match settings.paused.clone().unwrap() {
                PauseReason::Login { reply } | PauseReason::Balance { reply } | PauseReason::Access { reply } => reply,
                other => panic!("{other:?}"),
            };
            assert_eq!((reply.class, reply.message.as_str()), (class, ""), "{word}");
            let again = serde_json::to_string(&settings).unwrap();
            assert_eq!(serde_json::from_str::<Settings>(&again).unwrap().paused, settings.paused);
        }
        let old = r#"{"why":"no_price","said":"no rule"}"#;
        assert!(matches!(serde_json::from_str(old).unwrap(), PauseReason::NoPrice { .. }));
        let reply = Failure::new(ErrorClass::Login, "key_expired", "renew it");
        let text = serde_json::to_string(&PauseReason::Login { reply: reply.clone() }).unwrap();
        assert_eq!(serde_json::from_str::<PauseReason>(&text).unwrap(), PauseReason::Login { reply });
    }
}
