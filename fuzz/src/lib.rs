//! What each fuzz target does with its bytes, and what must hold of the outcome.
//!
//! The targets in `fuzz_targets/` call these functions, and so does `tests/it/corpora.rs`, which replays every file of
//! `corpus/` in an ordinary `cargo test`. A broken promise is a panic with a message.

mod answers;
mod bytes;
mod config;
mod errors;
mod keys;
mod life;
mod names;
mod preview;
mod queries;
mod retry_after;
mod samples;
mod specs;
mod store;
mod terminal;
mod text;

/// A target: takes any bytes, and panics when something that must hold does not.
pub type Target = fn(&[u8]);

/// Every target with the name of its folder in `corpus/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("answers", answers::run),
    ("config", config::run),
    ("errors", errors::run),
    ("keys", keys::run),
    ("life", life::run),
    ("names", names::run),
    ("preview", preview::run),
    ("queries", queries::run),
    ("retry_after", retry_after::run),
    ("specs", specs::run),
    ("store", store::run),
    ("terminal", terminal::run),
    ("text", text::run),
];

/// Runs the target of this name.
///
/// # Panics
/// When there is none, or when the bytes break a promise.
pub fn run(name: &str, data: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of this name");
    target(data);
}
