//! What a simulator reports about what happened.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::money::Amount;

/// One paid task.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerEntry {
    /// The name of the account; empty for the first one.
    pub account: String,
    /// The idempotency key of the submit.
    pub key: Option<String>,
    /// The task id.
    pub task_id: String,
    /// The model.
    pub model: String,
    /// The draft of an enhance.
    pub source: Option<String>,
    /// The picture of an enhance (0–3).
    pub image: Option<u8>,
    /// The prompt of a `mj-v7` task.
    pub prompt: Option<String>,
    /// When it was submitted, in simulated Unix seconds.
    pub created: f64,
    /// What the submit reserved.
    pub reserved: Amount,
    /// What was charged at the end.
    pub charged: Amount,
    /// What was given back at the end.
    pub released: Amount,
    /// Whether the task has ended.
    pub settled: bool,
    /// Whether the scenario brought it along.
    pub seeded: bool,
}

impl LedgerEntry {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "account": self.account, "key": self.key, "task_id": self.task_id, "model": self.model, "source": self.source, "image": self.image, "prompt": self.prompt,
            "created": self.created, "reserved": self.reserved.credits(), "charged": self.charged.credits(),
            "released": self.released.credits(), "settled": self.settled, "seeded": self.seeded,
        })
    }
}

/// The account's money. `opening = remaining + reserved + charged` holds at every moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Money {
    /// What there was at the start, reserves of seeded tasks included.
    pub opening: Amount,
    /// What can be spent.
    pub remaining: Amount,
    /// What unfinished tasks hold.
    pub reserved: Amount,
    /// What finished tasks have cost since the start.
    pub charged: Amount,
}

impl Money {
    pub(super) fn to_json(self) -> Value {
        json!({"opening": self.opening.credits(), "remaining": self.remaining.credits(), "reserved": self.reserved.credits(),
            "charged": self.charged.credits()})
    }
}

/// How often and how clients called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests per route name (see [`super::Route::name`]).
    pub requests: BTreeMap<&'static str, u64>,
    /// Ids in each batch read, in order.
    pub batch_ids: Vec<usize>,
    /// The most submits that were open at once.
    pub max_concurrent_submits: usize,
    /// Answers with status 429.
    pub too_many: u64,
    /// API requests that arrived while an announced 429 wait was running.
    pub during_wait: u64,
    /// Faults that fired.
    pub faults: u64,
    /// Submits answered with `Idempotency-Replayed`.
    pub replays: u64,
    /// Accepted submits without `Idempotency-Key`.
    pub submits_without_key: u64,
    /// Requests to the file server that carried `Authorization`; a client must never do that.
    pub keyed_downloads: u64,
    /// Calls to cancel or delete routes, which do not exist.
    pub cancel_attempts: u64,
    /// Price answers 304 without a body.
    pub not_modified: u64,
    /// Requests with a missing or wrong API key.
    pub unauthorized: u64,
}

impl Counts {
    /// Requests of one kind.
    pub fn of(&self, route: super::Route) -> u64 {
        self.requests.get(route.name()).copied().unwrap_or(0)
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "requests": self.requests, "batch_ids": self.batch_ids, "max_concurrent_submits": self.max_concurrent_submits,
            "too_many": self.too_many, "during_wait": self.during_wait, "faults": self.faults, "replays": self.replays,
            "submits_without_key": self.submits_without_key, "keyed_downloads": self.keyed_downloads,
            "cancel_attempts": self.cancel_attempts, "not_modified": self.not_modified, "unauthorized": self.unauthorized,
        })
    }
}

/// How soon clients notice, over enhance tasks that ended while the simulator ran.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delays {
    /// Simulated seconds from the end of a task to the first read that showed it.
    pub seconds: Vec<f64>,
    /// Times a task was read, by single or batch reads.
    pub reads: u64,
    /// Those of them that brought nothing new: status and progress as in the read before, and the seconds that are left the
    /// same or only counted down with the clock.
    pub wasted: u64,
}

impl Delays {
    /// Share of reads that brought nothing new (0–1).
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    pub fn wasted_share(&self) -> f64 {
        if self.reads == 0 { 0.0 } else { self.wasted as f64 / self.reads as f64 }
    }

    /// The middle delay in simulated seconds.
    pub fn median(&self) -> Option<f64> {
        self.at(50)
    }

    /// The delay that so many percent of the tasks do not exceed, in simulated seconds.
    pub fn at(&self, percent: usize) -> Option<f64> {
        let mut seconds = self.seconds.clone();
        seconds.sort_by(f64::total_cmp);
        let last = seconds.len().checked_sub(1)?;
        seconds.get((seconds.len() * percent / 100).min(last)).copied()
    }

    pub(super) fn to_json(&self) -> Value {
        json!({"seconds": self.seconds, "reads": self.reads, "wasted": self.wasted, "wasted_share": self.wasted_share(),
            "median": self.median(), "p90": self.at(90)})
    }
}
