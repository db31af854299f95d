//! Scenarios: what the pretended service holds and how it behaves, as a TOML file or built in code.
//!
//! Every option has a default, and the defaults are the "simulator default" column of reference §12. An unknown option is an error.
//! Times of tasks are seconds of the simulator's own clock (see [`Scenario::time_scale`]); waits of faults are real seconds.

use std::path::Path;

use serde::Deserialize;

use super::SimulatorError;
use super::dice::{mix, unit};
use super::money::Amount;
use super::picture::PictureFormat;

/// Everything a simulator starts from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Decides every die: ids, chances, the order of batch answers, pictures.
    pub seed: u64,
    /// The only API key that is accepted.
    pub key: String,
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
    /// Result links of a completed enhance task (0–4); reference §12: 1.
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
    /// Whether result files are refused (403, `error code: 1010`) without a `User-Agent`, as the CDN does (reference §3.1).
    pub refuse_anonymous_downloads: bool,
    /// Pixels per side of an enhanced picture.
    pub picture_size: u32,
    /// File type of results.
    pub picture_format: PictureFormat,
    /// Money at the start.
    pub balance: Balance,
    /// Prices.
    pub prices: Prices,
    /// Draft tasks the account holds.
    pub drafts: Vec<Draft>,
    /// Enhance tasks that were submitted before the start.
    pub tasks: Vec<SeedTask>,
    /// Fates of tasks; the first rule that fits decides.
    pub rules: Vec<Rule>,
    /// HTTP faults; the first that fires decides.
    pub faults: Vec<Fault>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            seed: 1,
            key: "sk-simulator-0123456789abcdef".into(),
            time_scale: 1.0,
            start_unix: None,
            run_seconds: 5.0,
            run_jitter: 0.0,
            pending_share: 0.1,
            progress_steps: 10,
            result_links: 1,
            link_life_hours: 24.0,
            fresh_links: false,
            record_life_hours: 7.0 * 24.0,
            idempotency: Idempotency::Honoured,
            idempotency_hours: 24.0,
            paid_outcome_unknown_seconds: 0.0,
            batch_route: true,
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
            drafts: Vec::new(),
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
        if self.key.is_empty() || !self.key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return fail("`key` must be visible ASCII characters without spaces".into());
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

/// Whether a byte may stand in a task id (reference §4.1).
pub(super) fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-')
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
    /// 400 `invalid_parameters`, the default of reference §12.
    #[default]
    Reject,
    /// 403 `permission_denied`.
    Forbid,
    /// 404 `task_not_found`.
    NotFound,
    /// The task is accepted and fails with `invalid_parameters`.
    Fail,
}

/// Variants of the `billing` object (reference §9.4).
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

/// The form of a `Retry-After` header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfterForm {
    /// Seconds, whole if they are.
    #[default]
    Seconds,
    /// An HTTP date.
    Date,
    /// No header.
    Absent,
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

/// Credits per request (reference §9.1).
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

/// How a task ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// With results, charged.
    #[default]
    Completed,
    /// With an error, not charged.
    Failed,
    /// Failed with `content_policy_violation`.
    Moderated,
    /// Ended by the service, not charged, charge not told.
    Cancelled,
    /// Not at all.
    #[serde(alias = "processing")]
    Never,
}

/// Speeds of `mj-v7` (reference §4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speed {
    /// The only speed whose tasks can be enhanced.
    #[default]
    Draft,
    /// The service's default.
    Fast,
    /// Twice the price.
    Turbo,
}

/// A `mj-v7` task the account holds from the start.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Draft {
    /// Its task id.
    pub id: String,
    /// How it ends; `processing` and `never` mean it is still running.
    pub status: End,
    /// How many pictures it made (0–4).
    pub pictures: u8,
    /// Pictures that moderation took away (0–3); their links are missing.
    pub removed: Vec<u8>,
    /// Its speed; anything but draft cannot be enhanced.
    pub speed: Speed,
    /// How long ago it was submitted, in seconds.
    pub age_seconds: f64,
    /// How long it ran, in seconds.
    pub run_seconds: f64,
    /// Whether it belongs to somebody else.
    pub foreign: bool,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            id: String::new(),
            status: End::Completed,
            pictures: 4,
            removed: Vec::new(),
            speed: Speed::Draft,
            age_seconds: 600.0,
            run_seconds: 12.0,
            foreign: false,
        }
    }
}

/// An enhance task that was submitted before the start; its price was already reserved then.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeedTask {
    /// Its task id; made up when absent.
    pub id: Option<String>,
    /// The draft it enhances.
    pub source: String,
    /// Which picture (0–3).
    pub image: u8,
    /// The idempotency key it was sent with.
    pub key: Option<String>,
    /// How long ago it was submitted, in seconds.
    pub age_seconds: f64,
    /// Its fate.
    pub then: Outcome,
}

/// Gives tasks a fate. Every condition that is present must hold.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// The nth accepted submits, from 1.
    pub at: Vec<u64>,
    /// From this submit on.
    pub from: Option<u64>,
    /// Up to and with this submit.
    pub to: Option<u64>,
    /// Every nth submit.
    pub every: Option<u64>,
    /// By chance (0–1).
    pub probability: Option<f64>,
    /// The draft that is enhanced.
    pub source: Option<String>,
    /// The picture that is enhanced.
    pub image: Option<u8>,
    /// The model.
    pub model: Option<String>,
    /// What happens to the task.
    pub then: Outcome,
}

impl Rule {
    pub(super) fn pick(&self) -> Pick<'_> {
        Pick { at: &self.at, from: self.from, to: self.to, every: self.every, probability: self.probability }
    }
}

/// The numeric part of a condition.
pub(super) struct Pick<'a> {
    at: &'a [u64],
    from: Option<u64>,
    to: Option<u64>,
    every: Option<u64>,
    probability: Option<f64>,
}

impl Pick<'_> {
    fn check(&self, place: &str) -> Result<(), SimulatorError> {
        if self.every == Some(0) || self.at.contains(&0) || self.from == Some(0) || self.to == Some(0) {
            return Err(SimulatorError::Scenario(format!("{place}: counting starts at 1")));
        }
        if self.probability.is_some_and(|chance| !(0.0..=1.0).contains(&chance)) {
            return Err(SimulatorError::Scenario(format!("{place}: `probability` must be between 0 and 1")));
        }
        Ok(())
    }

    /// Whether number `n` (from 1) is meant; `seed` names the die.
    pub(super) fn takes(&self, n: u64, seed: u64) -> bool {
        (self.at.is_empty() || self.at.contains(&n))
            && self.from.is_none_or(|from| n >= from)
            && self.to.is_none_or(|to| n <= to)
            && self.every.is_none_or(|every| n % every == 0)
            && self.probability.is_none_or(|chance| unit(mix(seed, n)) < chance)
    }
}

/// The fate of a task.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outcome {
    /// How it ends.
    pub end: End,
    /// How long it runs, in simulated seconds.
    pub run_seconds: Option<f64>,
    /// Result links (0–4).
    pub links: Option<u8>,
    /// `error.code` of a failed task.
    pub code: Option<String>,
    /// `error.message` of a failed task.
    pub message: Option<String>,
    /// `error.suggestion` of a failed task.
    pub suggestion: Option<String>,
    /// How progress moves.
    pub progress: Progress,
    /// The status word while it runs, instead of `pending` and `processing`.
    pub running_status: Option<String>,
    /// The status word at the end, instead of the true one.
    pub final_status: Option<String>,
    /// The record vanishes (404) so many seconds after the submit.
    pub vanish_seconds: Option<f64>,
    /// How long its links work, in simulated seconds; 0: they are dead from the start.
    pub link_life_seconds: Option<f64>,
    /// Stands in `results` in place of every real link.
    pub link: Option<String>,
    /// What the file server answers.
    pub file: FileFate,
    /// Where `file = "redirect"` leads.
    pub redirect_to: Option<String>,
    /// Pixels per side.
    pub picture_size: Option<u32>,
    /// File type of the results.
    pub picture_format: Option<PictureFormat>,
    /// Where the links stand in the answer.
    pub results: ResultShape,
    /// Whether answers carry fields nobody knows.
    pub extra_fields: bool,
    /// Fields left out of every read (top level).
    pub drop_fields: Vec<String>,
    /// The id that reads answer instead of the one asked for.
    pub answer_id: Option<String>,
    /// The `billing` object.
    pub billing: Option<Billing>,
    /// Credits reserved at submit, instead of the price.
    pub reserve: Option<Amount>,
    /// Credits charged on completion, instead of the reserve.
    pub charge: Option<Amount>,
}

impl Outcome {
    fn check(&self, place: &str) -> Result<(), SimulatorError> {
        let fail = |reason: &str| Err(SimulatorError::Scenario(format!("{place}: {reason}")));
        let times = [self.run_seconds, self.vanish_seconds, self.link_life_seconds];
        if times.iter().flatten().any(|value| !(value.is_finite() && *value >= 0.0)) {
            return fail("times must be 0 or more");
        }
        if self.links.is_some_and(|links| links > 4) {
            return fail("`links` must be between 0 and 4");
        }
        if self.picture_size.is_some_and(|size| !(1..=8192).contains(&size)) {
            return fail("`picture_size` must be between 1 and 8192");
        }
        if self.file == FileFate::Redirect && self.redirect_to.is_none() {
            return fail("`file = \"redirect\"` needs `redirect_to`");
        }
        Ok(())
    }
}

/// How progress moves while a task runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Up, in steps.
    #[default]
    Steps,
    /// Up, back in the middle, and up again.
    Backwards,
    /// 0 until the end.
    Jump,
    /// No `progress` field.
    Absent,
    /// A number outside 0–100.
    Nonsense,
}

/// What the file server answers for a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFate {
    /// The picture.
    #[default]
    Good,
    /// A web page with status 200.
    Html,
    /// The picture, called `text/plain`.
    WrongType,
    /// The picture without a media type.
    NoType,
    /// A web page called `image/png`.
    Disguised,
    /// Half of what `Content-Length` promises, then the connection closes.
    Truncated,
    /// Half of a picture, with a `Content-Length` that fits: only opening the file shows it.
    HalfPicture,
    /// Two GiB that begin like a PNG.
    Huge,
    /// Endless bytes without `Content-Length`.
    Endless,
    /// Status 200 and no bytes.
    Empty,
    /// 302 to `redirect_to`.
    Redirect,
    /// 302 to itself.
    RedirectLoop,
    /// 404.
    Missing,
    /// 403 with the text of a refused link.
    Forbidden,
    /// 500.
    Broken,
    /// The picture, without support for ranges.
    NoRanges,
}

/// Where links stand in a completed task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultShape {
    /// In `results`.
    #[default]
    Results,
    /// In `result_data`, an object.
    Object,
    /// In `result_data`, an array of objects.
    Array,
    /// In both; the array repeats the links.
    Both,
    /// `results` is missing.
    Missing,
    /// `results` is null.
    Null,
    /// `results` is a single string.
    Text,
}

/// The kinds of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// Any of the others except `control`.
    #[default]
    Any,
    /// `POST /v1/images/generations`.
    Submit,
    /// `GET /v1/tasks/{id}`.
    Read,
    /// `POST /v1/tasks/batch`.
    Batch,
    /// `GET /v1/tasks`.
    List,
    /// `GET /v1/credits`.
    Credits,
    /// `GET /v1/models`.
    Models,
    /// `GET /v1/catalog/…`.
    Price,
    /// `GET /files/…`.
    File,
    /// Anything that does not exist, cancel calls included.
    Other,
    /// `/sim/…`; never faulty.
    #[serde(skip)]
    Control,
}

impl Route {
    /// Its name in counts and scenarios.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Submit => "submit",
            Self::Read => "read",
            Self::Batch => "batch",
            Self::List => "list",
            Self::Credits => "credits",
            Self::Models => "models",
            Self::Price => "price",
            Self::File => "file",
            Self::Other => "other",
            Self::Control => "control",
        }
    }

    /// Whether a request of kind `other` is meant by this one.
    pub(super) fn covers(self, other: Self) -> bool {
        self == other || (self == Self::Any && !matches!(other, Self::Control | Self::File))
    }
}

/// Damages requests. Counting starts when the fault is added; every condition that is present must hold.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which requests it counts; `any` leaves out files.
    #[serde(default)]
    pub route: Route,
    /// The nth requests, from 1.
    #[serde(default)]
    pub at: Vec<u64>,
    /// From this request on.
    #[serde(default)]
    pub from: Option<u64>,
    /// Up to and with this request.
    #[serde(default)]
    pub to: Option<u64>,
    /// Every nth request.
    #[serde(default)]
    pub every: Option<u64>,
    /// By chance (0–1).
    #[serde(default)]
    pub probability: Option<f64>,
    /// Whether the service does its work (a submit creates its task) although the answer is spoilt. By default only `status` faults and
    /// `reset_before` leave it undone.
    #[serde(default)]
    pub processed: Option<bool>,
    /// What goes wrong.
    pub effect: Effect,
}

impl Fault {
    /// A fault for every request of a kind; set the conditions afterwards.
    pub fn new(route: Route, effect: Effect) -> Self {
        Self { route, at: Vec::new(), from: None, to: None, every: None, probability: None, processed: None, effect }
    }

    /// The same fault for these requests only, counted from 1.
    #[must_use]
    pub fn at(mut self, requests: &[u64]) -> Self {
        self.at = requests.to_vec();
        self
    }

    pub(super) fn pick(&self) -> Pick<'_> {
        Pick { at: &self.at, from: self.from, to: self.to, every: self.every, probability: self.probability }
    }

    pub(super) fn processed(&self) -> bool {
        self.processed.unwrap_or(!matches!(self.effect, Effect::ResetBefore | Effect::Status { .. }))
    }

    pub(super) fn check(&self, place: &str) -> Result<(), SimulatorError> {
        self.pick().check(place)?;
        let wait = match &self.effect {
            Effect::SlowHeaders { seconds } => *seconds,
            Effect::Status { status, retry_after, .. } => {
                if !(200..=599).contains(status) {
                    return Err(SimulatorError::Scenario(format!("{place}: `status` must be between 200 and 599")));
                }
                retry_after.unwrap_or(0.0)
            }
            _ => 0.0,
        };
        if wait.is_finite() && wait >= 0.0 {
            return Ok(());
        }
        Err(SimulatorError::Scenario(format!("{place}: waits must be 0 or more seconds")))
    }
}

/// What goes wrong with a request.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// The connection is reset and nothing happened.
    ResetBefore,
    /// The connection is reset after the work was done.
    ResetAfter,
    /// The answer comes late.
    SlowHeaders {
        /// Real seconds. With `processed = false` the wait comes before the work, so a client that leaves leaves nothing behind.
        seconds: f64,
    },
    /// The body drips.
    SlowBody {
        /// Bytes per step.
        #[serde(default = "one")]
        bytes: usize,
        /// Real milliseconds between steps.
        #[serde(default = "hundred")]
        interval_ms: u64,
    },
    /// The body ends too early and the connection closes.
    CutBody {
        /// Bytes that arrive.
        #[serde(default = "ten")]
        keep: usize,
    },
    /// Another status and body.
    Status {
        /// HTTP status.
        status: u16,
        /// `error.code`; one that fits the status when absent.
        #[serde(default)]
        code: Option<String>,
        /// `error.message`.
        #[serde(default)]
        message: Option<String>,
        /// `Retry-After`, in real seconds.
        #[serde(default)]
        retry_after: Option<f64>,
        /// Its form.
        #[serde(default)]
        retry_after_form: RetryAfterForm,
        /// The shape of the body (reference §7.1).
        #[serde(default)]
        body: ErrorBody,
    },
    /// Status 200 with a web page.
    Html,
    /// The answer without its `id`.
    NoId,
    /// The answer with another `id`.
    OtherId {
        /// That id.
        id: String,
    },
    /// Status 200 with bytes that are no UTF-8.
    InvalidUtf8,
    /// Status 200 with JSON that never seems to end.
    HugeBody {
        /// Its size.
        #[serde(default = "sixty_four")]
        megabytes: u64,
    },
    /// Status 200 with nothing.
    EmptyBody,
    /// Status 200 with the first half of the answer, complete as far as HTTP can tell.
    HalfJson,
    /// The answer as `null`, in valid JSON.
    NullBody,
    /// A redirect to another address; a keyed call must not follow it.
    Redirect {
        /// Where to.
        location: String,
    },
}

const fn one() -> usize {
    1
}
const fn ten() -> usize {
    10
}
const fn hundred() -> u64 {
    100
}
const fn sixty_four() -> u64 {
    64
}

/// Shapes of an error body (reference §7.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorBody {
    /// `{"error":{"code":"…","message":"…","type":"…"}}`.
    #[default]
    Error,
    /// The same with the HTTP status as integer code.
    Integer,
    /// The same with the code in upper case.
    Upper,
    /// With `action_url`, `request_id` and more.
    Rich,
    /// `{"error":"…","error_description":"…"}`.
    Auth,
    /// `{"success":false,"code":…,"msg":"…"}`.
    Success,
    /// `{"message":"…"}`.
    Message,
    /// Plain text.
    Text,
    /// A web page.
    Html,
    /// Nothing.
    Empty,
    /// `{}`.
    Object,
    /// `null`.
    Null,
    /// `[]`.
    Array,
    /// Terminal control characters in the message.
    Control,
}
