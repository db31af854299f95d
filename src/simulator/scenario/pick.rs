//! Which of the counted requests or submits a fault or rule is meant for.

use super::super::error::SimulatorError;
use super::super::rng::{mix, unit};

/// The numeric part of a condition.
pub(in super::super) struct Pick<'a> {
    pub at: &'a [u64],
    pub from: Option<u64>,
    pub to: Option<u64>,
    pub every: Option<u64>,
    pub probability: Option<f64>,
}

impl Pick<'_> {
    pub(super) fn check(&self, place: &str) -> Result<(), SimulatorError> {
        if self.every == Some(0) || self.at.contains(&0) || self.from == Some(0) || self.to == Some(0) {
            return Err(SimulatorError::Scenario(format!("{place}: counting starts at 1")));
        }
        if self.probability.is_some_and(|chance| !(0.0..=1.0).contains(&chance)) {
            return Err(SimulatorError::Scenario(format!("{place}: `probability` must be between 0 and 1")));
        }
        Ok(())
    }

    /// Whether number `n` (from 1) is meant; `seed` keeps rules apart.
    pub(in super::super) fn takes(&self, n: u64, seed: u64) -> bool {
        (self.at.is_empty() || self.at.contains(&n))
            && self.from.is_none_or(|from| n >= from)
            && self.to.is_none_or(|to| n <= to)
            && self.every.is_none_or(|every| n.is_multiple_of(every))
            && self.probability.is_none_or(|chance| unit(mix(seed, n)) < chance)
    }
}
