//! Settings of the whole service: idempotency, limits, money, billing evidence.

use serde::Deserialize;

use super::super::money::Amount;
use super::fault::{RetryAfterForm, Route};

/// What `task_info.estimated_time` says of an unfinished task; the service leaves it open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Estimate {
    /// The seconds that are left, always right.
    #[default]
    SecondsLeft,
    /// `run_seconds`, however long this task really runs.
    WholeRun,
    /// The field is missing.
    Absent,
}

/// What `Idempotency-Key` does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Idempotency {
    /// A repeat gets the first answer again.
    #[default]
    Honoured,
    /// A repeat gets the original task in its present state.
    HonouredWithPresentState,
    /// The header has no effect: every submit is a new task.
    Ignored,
}

/// What happens to an enhance whose source is not a finished draft of this account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrongSource {
    /// 400 `invalid_parameters`.
    #[default]
    Reject,
    /// 403 `permission_denied`.
    Forbid,
    /// 404 `task_not_found`.
    NotFound,
    /// The task is accepted and fails with `invalid_parameters`.
    Fail,
}

/// Variants of the `billing` object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Billing {
    /// No `billing` field.
    #[default]
    Absent,
    /// True and complete evidence.
    Honest,
    /// A failed task's refund stays `pending`.
    RefundPending,
    /// A failed task's refund `failed`.
    RefundFailed,
    /// Says refunded with another amount than was reserved.
    RefundMismatch,
    /// Says refunded without `refunded_at`.
    RefundUndated,
    /// Both states are `unknown`.
    Unknown,
    /// Another `refund_scope`: must be ignored by clients.
    OtherScope,
    /// Words nobody knows and negative numbers.
    Nonsense,
}

/// A second account with its own key, money and tasks.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherAccount {
    /// How drafts and tasks of the scenario name it.
    pub name: String,
    /// Its API key.
    pub key: String,
    /// Its money at the start.
    #[serde(default)]
    pub balance: Balance,
}

/// What reads of a task of another account answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StrangersTask {
    /// 403 `permission_denied`, as documented.
    #[default]
    Forbidden,
    /// 404 `task_not_found`, as if it did not exist.
    NotFound,
}

/// A rate limit that really counts.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimit {
    /// Requests taken within a window.
    pub requests: u32,
    /// Length of the sliding window, in real seconds.
    pub window_seconds: f64,
    /// Which requests count.
    pub route: Route,
    /// How the wait is announced.
    pub retry_after: RetryAfterForm,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { requests: 60, window_seconds: 60.0, route: Route::Any, retry_after: RetryAfterForm::Seconds }
    }
}

/// Money at the start, in credits.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Balance {
    /// What the account can spend.
    pub account: Amount,
    /// What the account has spent.
    pub used: Amount,
    /// What the key may spend in all from now on; without it the key is unlimited.
    pub key: Option<Amount>,
    /// What the key has spent.
    pub key_used: Amount,
    /// What the key may spend in a day.
    pub key_daily: Option<Amount>,
    /// What the key has spent today.
    pub key_daily_used: Amount,
    /// Where the key's day begins, an IANA time zone.
    pub reset_timezone: String,
}

impl Default for Balance {
    fn default() -> Self {
        Self {
            account: Amount::from_uc(4_127_500),
            used: Amount::from_uc(883_000),
            key: None,
            key_used: Amount::ZERO,
            key_daily: None,
            key_daily_used: Amount::ZERO,
            reset_timezone: "Asia/Shanghai".into(),
        }
    }
}
