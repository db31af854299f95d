//! The domain: what a job is, how it lives, what it costs.
//!
//! This room knows specs, phases, transitions, money, caps, retry policy and queries over jobs. It does not know tokio,
//! HTTP, SQL or a terminal, and it reads neither a clock nor random numbers: both are arguments.
//!
//! Invariants: one function moves a job ([`Job::apply`]); final phases absorb what comes late; a paid job keeps its
//! idempotency key for life; what cannot be proven about money is called *not known*.

mod available;
mod charge;
pub mod drafts;
mod failure;
mod first_rows;
mod id;
mod import;
#[cfg(test)]
mod import_tests;
mod kind;
mod life;
#[cfg(test)]
mod life_step_tests;
#[cfg(test)]
mod life_tests;
mod money;
mod phase;
pub mod poll_interval;
pub mod prompt;
pub mod query;
mod quote;
pub mod record;
mod report;
mod request;
pub mod retry;
mod spec;
pub mod text;
mod verdict;

pub use available::{Availability, Unavailable};
pub use charge::Charge;
pub use failure::{ErrorClass, Failure};
pub use first_rows::{FirstRows, Sort};
pub use id::{IdempotencyKey, ImageNumber, JobId, NameError, Tag, TaskId};
pub use import::ImportError;
pub use kind::{JobKind, Model, Subject};
pub use life::{Applied, Approval, Job, LINK_LIFE_HOURS, PaidSend, SavedFile, Update, brief_note};
pub use money::{Credits, CreditsError};
pub use phase::{
    CancelledBy, CapName, Doubt, FetchTrouble, HoldReason, LostAnswer, Percent, Phase, Progress, SourceFault, State,
};
pub use prompt::Prompt;
pub use quote::{Caps, PriceLine, PriceLines, Prices, Quote, Spent};
pub use report::{Billing, ChargeStatus, RefundStatus, TaskReport, TaskStatus};
pub use request::PaidRequest;
pub use spec::{LineVerdict, Spec, SpecLine, check_lines, check_texts, parse_line};
pub use verdict::Verdict;
