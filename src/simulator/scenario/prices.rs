//! Prices: what is reserved, what is published, when they change, and odd forms of the published answer.

use serde::Deserialize;
use serde_json::Value;

use super::super::error::SimulatorError;
use super::super::money::Amount;

/// Credits per request.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prices {
    /// `mj-v7-enhance`.
    pub enhance: Amount,
    /// `mj-v7`, speed draft.
    pub draft: Amount,
    /// `mj-v7`, speed fast.
    pub fast: Amount,
    /// `mj-v7`, speed turbo.
    pub turbo: Amount,
    /// What this account pays in relation to the public price.
    pub group_factor: f64,
    /// `usage.user_group`.
    pub user_group: String,
}

impl Default for Prices {
    fn default() -> Self {
        Self {
            enhance: Amount::from_uc(54_000),
            draft: Amount::from_uc(27_000),
            fast: Amount::from_uc(54_000),
            turbo: Amount::from_uc(108_000),
            group_factor: 1.0,
            user_group: "default".into(),
        }
    }
}

/// Other prices from a moment on. What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PriceChange {
    /// When it happens, in simulated seconds after the start.
    pub after_seconds: f64,
    /// Which prices change.
    pub applies_to: PriceKind,
    /// `mj-v7-enhance`.
    pub enhance: Option<Amount>,
    /// `mj-v7`, speed draft.
    pub draft: Option<Amount>,
    /// `mj-v7`, speed fast.
    pub fast: Option<Amount>,
    /// `mj-v7`, speed turbo.
    pub turbo: Option<Amount>,
}

impl PriceChange {
    pub(in super::super) fn change(&self, prices: &mut Prices) {
        prices.enhance = self.enhance.unwrap_or(prices.enhance);
        prices.draft = self.draft.unwrap_or(prices.draft);
        prices.fast = self.fast.unwrap_or(prices.fast);
        prices.turbo = self.turbo.unwrap_or(prices.turbo);
    }

    pub(in super::super) fn check(&self, place: &str) -> Result<(), SimulatorError> {
        if self.after_seconds.is_finite() && self.after_seconds >= 0.0 {
            return Ok(());
        }
        Err(SimulatorError::Scenario(format!("{place}: `after_seconds` must be 0 or more")))
    }
}

/// The two places where a price stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceKind {
    /// The published price and what submits reserve.
    #[default]
    Both,
    /// Only the published price.
    Published,
    /// Only what submits reserve.
    Reserved,
}

/// How the published price of one model differs from the usual form. What is absent stays usual; what submits reserve is not touched.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PublishedPrice {
    /// The model: `mj-v7-enhance` or `mj-v7`.
    pub model: String,
    /// The rate of its component, in credits.
    pub rate: Option<Amount>,
    /// The least a request costs, in credits.
    pub minimum_charge: Option<Amount>,
    /// `pricing_status` of the model, for example `unavailable`.
    pub pricing_status: Option<String>,
    /// `pricing_status` of its component.
    pub component_status: Option<String>,
    /// Replaces the quantity rule: `{ op = "constant", value = "2" }`, a `lookup`, a `multiply` of rules, an `op` nobody knows.
    pub quantity_rule: Option<Value>,
    /// Replaces the whole list of components.
    pub components: Option<Value>,
    /// Fields left out, with a dot below another field: `components.rate`.
    pub drop_fields: Vec<String>,
}

impl PublishedPrice {
    pub(super) fn check(&self, place: &str) -> Result<(), SimulatorError> {
        if matches!(self.model.as_str(), "mj-v7" | "mj-v7-enhance") {
            return Ok(());
        }
        Err(SimulatorError::Scenario(format!("{place}: `model` must be mj-v7 or mj-v7-enhance")))
    }
}
