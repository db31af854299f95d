//! Scenarios: what the pretended service holds and how it behaves, as a TOML file or built in code.
//!
//! Every option has a default, and the defaults are what the service most likely does. An unknown option is an error.
//! Times of tasks are seconds of the simulator's own clock (see [`Scenario::time_scale`]); waits of faults are real seconds.

use std::path::Path;

use serde::Deserialize;

use super::error::SimulatorError;
use super::picture::PictureFormat;
use super::rng::word;

mod fault;
mod options;
mod outcome;
mod pick;
mod prices;

pub use fault::{Effect, ErrorBody, Fault, RetryAfterForm, Route};
pub use options::{Balance, Billing, Estimate, Idempotency, OtherAccount, RateLimit, StrangersTask, WrongSource};
pub use outcome::{Draft, End, FileAnswer, LateResults, Malformed, Outcome, Progress, ResultShape, Rule, SeedTask, Speed};
pub use prices::{PriceChange, PriceKind, Prices, PublishedPrice};

/// Everything a simulator starts from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Decides everything random: ids, chances, the order of batch answers, pictures.
    pub seed: u64,
    /// The API key of the account.
    pub key: String,
    /// Further API keys of the same account.
    pub more_keys: Vec<String>,
    /// Further accounts.
    pub accounts: Vec<OtherAccount>,
    /// What reads of a task of another account answer.
    pub strangers_task: StrangersTask,
    /// Simulated seconds per real second; above 0.
    pub time_scale: f64,
    /// Simulated Unix time at the start, in seconds; the machine's clock when absent.
    pub start_unix: Option<f64>,
    /// How long a task runs, in simulated seconds.
    pub run_seconds: f64,
    /// How far single tasks differ from [`Scenario::run_seconds`], as a share of it (0–1).
    pub run_jitter: f64,
    /// The first part of a run that is still `pending`, as a share (0–1).
    pub pending_share: f64,
    /// In how many steps progress climbs.
    pub progress_steps: u32,
    /// What `task_info.estimated_time` says of an unfinished task.
    pub estimate: Estimate,
    /// Result links of a completed enhance task (0–4).
    pub result_links: u8,
    /// How long a result link works, in simulated hours.
    pub link_life_hours: f64,
    /// Whether reading a task again gives links that work again.
    pub fresh_links: bool,
    /// How long a finished task can be read, in simulated hours after its end.
    pub record_life_hours: f64,
    /// Whether `Idempotency-Key` does anything.
    pub idempotency: Idempotency,
    /// How long a key is remembered, in simulated hours.
    pub idempotency_hours: f64,
    /// After a submit whose answer was lost by a fault, repeats get 409 `paid_outcome_unknown` for so many simulated seconds.
    pub paid_outcome_unknown_seconds: f64,
    /// Whether `POST /v1/tasks/batch` exists.
    pub batch_route: bool,
    /// Whether `GET /v1/tasks` exists.
    pub list_route: bool,
    /// How old the news of a batch answer is, in simulated seconds.
    pub batch_lag_seconds: f64,
    /// How old the news of the list is, in simulated seconds.
    pub list_lag_seconds: f64,
    /// A real rate limit.
    pub rate_limit: Option<RateLimit>,
    /// Unfinished paid tasks the service takes at once; more get 429.
    pub max_running: Option<u32>,
    /// What happens to an enhance of something that is no finished draft.
    pub wrong_source: WrongSource,
    /// Models this key may use.
    pub models: Vec<String>,
    /// Whether answers carry `task_info.can_cancel`.
    pub can_cancel_flag: bool,
    /// The `billing` object of reads.
    pub billing: Billing,
    /// Whether a released reserve gives room back to the key's limits.
    pub release_restores_key: bool,
    /// Whether result files are refused (403, `error code: 1010`) without a `User-Agent`, as the CDN does.
    pub refuse_anonymous_downloads: bool,
    /// Pixels per side of an enhanced picture.
    pub picture_size: u32,
    /// File type of results.
    pub picture_format: PictureFormat,
    /// Money at the start.
    pub balance: Balance,
    /// Prices at the start, published and reserved.
    pub prices: Prices,
    /// Other prices later.
    pub price_changes: Vec<PriceChange>,
    /// Models whose published price has another form than usual.
    pub published: Vec<PublishedPrice>,
    /// Whether the price answer of one model has the form of the list, `models` in place of `model`.
    pub price_list_form: bool,
    /// Whether price answers carry an `ETag` and honour `If-None-Match`.
    pub price_etag: bool,
    /// Whether `POST /v1/agent-estimates` exists.
    pub estimate_route: bool,
    /// Draft tasks the account holds.
    pub drafts: Vec<Draft>,
    /// So many more finished drafts with four pictures and made-up ids, after the named ones.
    pub more_drafts: u32,
    /// Enhance tasks that were submitted before the start.
    pub tasks: Vec<SeedTask>,
    /// What becomes of tasks; the first rule that fits decides.
    pub rules: Vec<Rule>,
    /// HTTP faults; the first that fires decides.
    pub faults: Vec<Fault>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            seed: 1,
            key: "sk-simulator-0123456789abcdef".into(),
            more_keys: Vec::new(),
            accounts: Vec::new(),
            strangers_task: StrangersTask::Forbidden,
            time_scale: 1.0,
            start_unix: None,
            run_seconds: 5.0,
            run_jitter: 0.0,
            pending_share: 0.1,
            progress_steps: 10,
            estimate: Estimate::SecondsLeft,
            result_links: 1,
            link_life_hours: 24.0,
            fresh_links: false,
            record_life_hours: 7.0 * 24.0,
            idempotency: Idempotency::Honoured,
            idempotency_hours: 24.0,
            paid_outcome_unknown_seconds: 0.0,
            batch_route: true,
            list_route: true,
            batch_lag_seconds: 0.0,
            list_lag_seconds: 0.0,
            rate_limit: None,
            max_running: None,
            wrong_source: WrongSource::Reject,
            models: vec!["mj-v7".into(), "mj-v7-enhance".into()],
            can_cancel_flag: true,
            billing: Billing::Absent,
            release_restores_key: true,
            refuse_anonymous_downloads: false,
            picture_size: 1024,
            picture_format: PictureFormat::Png,
            balance: Balance::default(),
            prices: Prices::default(),
            price_changes: Vec::new(),
            published: Vec::new(),
            price_list_form: false,
            price_etag: true,
            estimate_route: false,
            drafts: Vec::new(),
            more_drafts: 0,
            tasks: Vec::new(),
            rules: Vec::new(),
            faults: Vec::new(),
        }
    }
}

impl Scenario {
    /// Reads a scenario from TOML text and checks it.
    ///
    /// # Errors
    /// [`SimulatorError::Scenario`] with the place and the reason.
    pub fn from_toml(text: &str) -> Result<Self, SimulatorError> {
        let scenario: Self =
            toml::from_str(text).map_err(|error| SimulatorError::Scenario(error.to_string().trim_end().to_owned()))?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Reads a scenario from a TOML file and checks it.
    ///
    /// # Errors
    /// [`SimulatorError::Scenario`] with the file, the place and the reason.
    pub fn read(path: &Path) -> Result<Self, SimulatorError> {
        let named = |reason: String| SimulatorError::Scenario(format!("{}: {reason}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
        Self::from_toml(&text).map_err(|error| match error {
            SimulatorError::Scenario(reason) => named(reason),
            other => other,
        })
    }

    /// Checks the ranges that types cannot hold.
    ///
    /// # Errors
    /// [`SimulatorError::Scenario`] naming the option.
    pub fn check(&self) -> Result<(), SimulatorError> {
        let fail = |reason: String| Err(SimulatorError::Scenario(reason));
        let mut keys = std::collections::HashSet::new();
        let own = std::iter::once(&self.key).chain(&self.more_keys);
        for key in own.chain(self.accounts.iter().map(|account| &account.key)) {
            if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
                return fail("`key` must be visible ASCII characters without spaces".into());
            }
            if !keys.insert(key) {
                return fail("the same `key` belongs to two accounts".into());
            }
        }
        let mut names = std::collections::HashSet::new();
        if let Some(account) = self.accounts.iter().find(|account| account.name.is_empty() || !names.insert(&account.name)) {
            return fail(format!("the account name `{}` is empty or used twice", account.name));
        }
        let mentioned = self.drafts.iter().map(|draft| &draft.account).chain(self.tasks.iter().map(|task| &task.account));
        if let Some(name) = mentioned.flatten().find(|name| !names.contains(name)) {
            return fail(format!("there is no account `{name}`"));
        }
        if !(self.time_scale.is_finite() && self.time_scale > 0.0) {
            return fail("`time_scale` must be above 0".into());
        }
        let times = [
            ("run_seconds", self.run_seconds),
            ("link_life_hours", self.link_life_hours),
            ("record_life_hours", self.record_life_hours),
            ("idempotency_hours", self.idempotency_hours),
            ("paid_outcome_unknown_seconds", self.paid_outcome_unknown_seconds),
            ("batch_lag_seconds", self.batch_lag_seconds),
            ("list_lag_seconds", self.list_lag_seconds),
            ("start_unix", self.start_unix.unwrap_or(0.0)),
        ];
        if let Some((name, _)) = times.iter().find(|(_, value)| !(value.is_finite() && *value >= 0.0)) {
            return fail(format!("`{name}` must be 0 or more"));
        }
        let shares = [("run_jitter", self.run_jitter), ("pending_share", self.pending_share)];
        if let Some((name, _)) = shares.iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
            return fail(format!("`{name}` must be between 0 and 1"));
        }
        if !(1..=8192).contains(&self.picture_size) {
            return fail("`picture_size` must be between 1 and 8192".into());
        }
        if self.result_links > 4 {
            return fail("`result_links` must be between 0 and 4".into());
        }
        let ids = self.drafts.iter().map(|draft| &draft.id).chain(self.tasks.iter().filter_map(|task| task.id.as_ref()));
        let mut seen = std::collections::HashSet::new();
        for id in ids {
            if !id.starts_with("task-unified-") || id.len() > 128 || !id.bytes().all(is_id_byte) {
                return fail(format!("the id `{id}` must look like task-unified-<unix>-<8 letters or digits>"));
            }
            if !seen.insert(id) {
                return fail(format!("the id `{id}` is used twice"));
            }
        }
        if let Some(draft) = self.drafts.iter().find(|draft| draft.pictures > 4 || draft.removed.iter().any(|n| *n > 3)) {
            return fail(format!("draft `{}`: `pictures` must be at most 4 and `removed` between 0 and 3", draft.id));
        }
        for (n, change) in self.price_changes.iter().enumerate() {
            change.check(&format!("price change {}", n + 1))?;
        }
        for (n, published) in self.published.iter().enumerate() {
            published.check(&format!("published price {}", n + 1))?;
        }
        for (n, task) in self.tasks.iter().enumerate() {
            if task.image > 3 {
                return fail(format!("task {}: `image` must be between 0 and 3", n + 1));
            }
            task.then.check(&format!("task {}", n + 1))?;
        }
        for (n, rule) in self.rules.iter().enumerate() {
            rule.pick().check(&format!("rule {}", n + 1))?;
            rule.then.check(&format!("rule {}", n + 1))?;
        }
        for (n, fault) in self.faults.iter().enumerate() {
            fault.check(&format!("fault {}", n + 1))?;
        }
        Ok(())
    }
}

/// The nth draft of [`Scenario::more_drafts`], from 0; its id depends on the number only, so tests can name it.
pub(super) fn made_up_draft(n: u32) -> Draft {
    Draft { id: format!("task-unified-{}-{}", 1_790_000_000 + u64::from(n), word(u64::from(n), 8)), ..Draft::default() }
}

/// Whether a byte may stand in a task id.
pub(super) fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-')
}
