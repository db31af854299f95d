//! EvoLink over HTTP: requests, wire types, error classes, the shared rate gate.
//!
//! This room knows the service. It knows no job's life, no disk and no screen.
//!
//! Invariants: no call is repeated by this room; redirects are never followed; the key goes to the base URL only, and
//! into no text that leaves this room; every answer is read up to a limit; all text in what is returned is clean and
//! has everything that looks like a secret cut out.

mod answer;
mod client;
mod error;
mod fields;
pub mod gate;
mod lenient;
mod links;
mod price;
mod redact;
mod retry_after;
mod shapes;
mod wire;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use crate::job::{Credits, IdempotencyKey, Model, Percent, TaskId, TaskReport, TaskStatus};

pub use answer::Answer;
pub use client::{Client, is_loopback};
pub use error::{ApiError, PaidVerdict};
pub use gate::Gate;
pub use redact::redact;
pub use retry_after::parse as parse_retry_after;

/// The answer to an accepted paid request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Submitted {
    /// The task as the service first showed it; its status may already be final (docs/service.md §4.1).
    pub report: TaskReport,
    /// `Idempotency-Replayed: true`: the task is that of an earlier request with the same key, perhaps in its first
    /// state; read it before believing its status (docs/service.md §3.1).
    pub replayed: bool,
}

/// A row of the account's task list (docs/service.md §4.6). It has no links and no error details.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TaskRow {
    /// The task.
    pub id: TaskId,
    /// Its model; empty where the row had none.
    pub model: String,
    /// Its status.
    pub status: TaskStatus,
    /// `progress`, where it was a number from 0 to 100.
    pub percent: Option<Percent>,
    /// `created_at`, by the service's clock.
    pub created_at: Option<Timestamp>,
    /// How many results the service says there are.
    pub result_count: Option<u32>,
    /// `credits_used`.
    pub used: Option<Credits>,
}

/// Which part of the task list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListQuery {
    /// Of one model, or of all.
    pub model: Option<Model>,
    /// `processing`, `completed`, `failed` or `cancelled`; other words are not valid (docs/service.md §4.6).
    pub status: Option<&'static str>,
    /// From 1.
    pub page: u32,
    /// At most 50.
    pub page_size: u32,
}

/// A page of the task list, newest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListPage {
    /// The rows that could be read; a row without a valid id is left out.
    pub rows: Vec<TaskRow>,
    /// How many rows were left out that may be of the model asked for: what is not in a list with such rows may still be there.
    pub unreadable: usize,
    /// How many rows there are on all pages, where the service said so.
    pub total: Option<u64>,
}

/// `GET /v1/credits` (docs/service.md §4.7). Amounts may be negative.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Balance {
    /// What the account has left.
    pub account: Credits,
    /// What is left of the key's total limit; `None` for a key without a limit of its own.
    pub key: Option<Credits>,
    /// What is left of the key's daily limit, where it has one.
    pub key_today: Option<Credits>,
    /// The time zone in whose midnight the daily limit begins anew, like `Asia/Shanghai`.
    pub reset_timezone: Option<String>,
}

impl Balance {
    /// What a send can draw on: the least of the three, not below zero.
    #[must_use]
    pub fn usable(&self) -> Credits {
        [Some(self.account), self.key, self.key_today].into_iter().flatten().min().unwrap_or_default().max(Credits::ZERO)
    }
}

/// The service as the engine sees it; the real one is [`Client`].
///
/// Dropping a future stops waiting; it takes nothing back at the service.
pub trait Service: Send + Sync {
    /// The one paid request. Never repeated by itself. `body` is sent byte for byte.
    fn submit<'a>(&'a self, key: &'a IdempotencyKey, body: &'a str) -> BoxFuture<'a, Result<Submitted, ApiError>>;
    /// One task.
    fn task<'a>(&'a self, id: &'a TaskId) -> BoxFuture<'a, Result<TaskReport, ApiError>>;
    /// At most 50 tasks; unknown ones are missing from the answer, the order is any.
    fn batch<'a>(&'a self, ids: &'a [TaskId]) -> BoxFuture<'a, Result<Vec<TaskReport>, ApiError>>;
    /// A page of the account's task list.
    fn list(&self, query: ListQuery) -> BoxFuture<'_, Result<ListPage, ApiError>>;
    /// What is left on account and key.
    fn credits(&self) -> BoxFuture<'_, Result<Balance, ApiError>>;
    /// The model ids that this key may use.
    fn models(&self) -> BoxFuture<'_, Result<Vec<String>, ApiError>>;
    /// What the service's clock shows now, counted on from its latest answer; `None` before one told.
    fn time(&self) -> Option<Timestamp>;
    /// How many UC one US dollar buys, as the latest price answer said; `None` before one did.
    fn uc_per_usd(&self) -> Option<i64> {
        None
    }
    /// The public price of one task as we ask for it (docs/service.md §4.9).
    fn price(&self, model: Model) -> BoxFuture<'_, Result<Credits, ApiError>>;
}

/// The most task ids in one batch read (docs/service.md §4.5).
pub const BATCH_MOST: usize = 50;

/// How a client is made.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Without `/v1`, like `https://api.evolink.ai`. Plain http is taken for loopback hosts only.
    pub base_url: url::Url,
    /// Printing it shows nothing.
    pub key: secrecy::SecretString,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_of_three_limits_is_usable_and_never_below_zero() {
        let balance = |account, key: Option<i64>, today: Option<i64>| Balance {
            account: Credits::from_uc(account),
            key: key.map(Credits::from_uc),
            key_today: today.map(Credits::from_uc),
            reset_timezone: None,
        };
        assert_eq!(balance(90, Some(70), Some(80)).usable(), Credits::from_uc(70));
        assert_eq!(balance(90, None, None).usable(), Credits::from_uc(90));
        assert_eq!(balance(-90, Some(5), None).usable(), Credits::ZERO);
    }
}
