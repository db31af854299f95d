//! Tasks of a scenario and what becomes of them.

use serde::Deserialize;

use super::super::error::SimulatorError;
use super::super::money::Amount;
use super::super::picture::PictureFormat;
use super::options::Billing;
use super::pick::Pick;

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
    /// Ended by the service, not charged, charge not reported.
    Cancelled,
    /// Not at all.
    #[serde(alias = "processing")]
    Never,
}

/// Speeds of `mj-v7`.
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
    /// The prompt it was made from; with the id it decides what the pictures show.
    pub prompt: Option<String>,
    /// Its speed; anything but draft cannot be enhanced.
    pub speed: Speed,
    /// How long ago it was submitted, in seconds.
    pub age_seconds: f64,
    /// How long it ran, in seconds.
    pub run_seconds: f64,
    /// Whether it belongs to somebody who has no key here.
    pub foreign: bool,
    /// The account it belongs to; the first one when absent.
    pub account: Option<String>,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            id: String::new(),
            status: End::Completed,
            pictures: 4,
            removed: Vec::new(),
            prompt: None,
            speed: Speed::Draft,
            age_seconds: 600.0,
            run_seconds: 12.0,
            foreign: false,
            account: None,
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
    /// The account it belongs to; the first one when absent.
    pub account: Option<String>,
    /// The idempotency key it was sent with.
    pub key: Option<String>,
    /// How long ago it was submitted, in seconds.
    pub age_seconds: f64,
    /// What becomes of it.
    pub then: Outcome,
}

/// Decides what becomes of tasks. Every condition that is present must hold.
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
    /// A word or words in the prompt of `mj-v7`; case does not matter.
    pub prompt: Option<String>,
    /// The picture that is enhanced.
    pub image: Option<u8>,
    /// The model.
    pub model: Option<String>,
    /// What happens to the task.
    pub then: Outcome,
}

impl Rule {
    pub(in super::super) fn pick(&self) -> Pick<'_> {
        Pick { at: &self.at, from: self.from, to: self.to, every: self.every, probability: self.probability }
    }
}

/// What becomes of a task.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outcome {
    /// How it ends.
    pub end: End,
    /// How long it runs, in simulated seconds.
    pub run_seconds: Option<f64>,
    /// Result links (0–4).
    pub links: Option<u8>,
    /// Pictures of a draft that moderation takes away (0–3).
    pub removed: Vec<u8>,
    /// The submit is refused with status 400 and this code, with `message`; there is no task.
    pub refuse: Option<String>,
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
    pub file: FileAnswer,
    /// Where `file = "redirect"` leads: sent as it stands, with `{base}` and `{name}` replaced by the address of the simulator and the
    /// name of the file; `{base}/files/{name}?direct` is the good file. Empty: no `Location`.
    pub redirect_to: Option<String>,
    /// Status of the redirect.
    pub redirect_status: Option<u16>,
    /// After so many simulated seconds from the end of the task the file is good; for ever as `file` says when absent.
    pub file_seconds: Option<f64>,
    /// Pixels per side.
    pub picture_size: Option<u32>,
    /// File type of the results.
    pub picture_format: Option<PictureFormat>,
    /// Where the links stand in the answer.
    pub results: ResultShape,
    /// The links come so many simulated seconds after the task was first `completed`.
    pub results_late_seconds: f64,
    /// What stands there until then.
    pub results_late: LateResults,
    /// What makes the task object unreadable.
    pub malformed: Option<Malformed>,
    /// Whether only batches are malformed, single reads not.
    pub malformed_in_batch_only: bool,
    /// Whether answers carry fields nobody knows.
    pub extra_fields: bool,
    /// Fields left out of every read, with a dot below another field: `usage.credits_reserved`.
    pub drop_fields: Vec<String>,
    /// The id that reads answer instead of the one asked for.
    pub answer_id: Option<String>,
    /// The `billing` object.
    pub billing: Option<Billing>,
    /// Credits reserved at submit, instead of the price.
    pub reserve: Option<Amount>,
    /// Credits charged on completion, instead of the reserve.
    pub charge: Option<Amount>,
    /// What reads say was charged, whatever the account pays.
    pub reported_charge: Option<Amount>,
}

impl Outcome {
    pub(super) fn check(&self, place: &str) -> Result<(), SimulatorError> {
        let fail = |reason: &str| Err(SimulatorError::Scenario(format!("{place}: {reason}")));
        let late = Some(self.results_late_seconds);
        let times = [self.run_seconds, self.vanish_seconds, self.link_life_seconds, self.file_seconds, late];
        if times.iter().flatten().any(|value| !(value.is_finite() && *value >= 0.0)) {
            return fail("times must be 0 or more");
        }
        if self.removed.iter().any(|n| *n > 3) {
            return fail("`removed` must be between 0 and 3");
        }
        if self.redirect_status.is_some_and(|status| !(300..=399).contains(&status)) {
            return fail("`redirect_status` must be between 300 and 399");
        }
        if self.links.is_some_and(|links| links > 4) {
            return fail("`links` must be between 0 and 4");
        }
        if self.picture_size.is_some_and(|size| !(1..=8192).contains(&size)) {
            return fail("`picture_size` must be between 1 and 8192");
        }
        if self.file == FileAnswer::Redirect && self.redirect_to.is_none() {
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
pub enum FileAnswer {
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
    /// The picture packed with gzip, also if nobody asked for that.
    Gzip,
    /// The picture packed with gzip, without a header that says so.
    GzipUnnamed,
}

/// What stands in place of links that are late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateResults {
    /// `results` is an empty array.
    #[default]
    Empty,
    /// `results` is null.
    Null,
    /// There is no `results`.
    Missing,
}

/// What makes one task object unreadable, alone or in a batch with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Malformed {
    /// `progress` is `NaN`.
    Nan,
    /// `progress` is `Infinity`.
    Infinity,
    /// `created` is `1e999`.
    HugeNumber,
    /// A text holds half of a surrogate pair, `\ud83d`.
    LoneSurrogate,
    /// A field holds arrays in arrays, 200 deep.
    Deep,
    /// There is no `id`.
    NoId,
    /// `id` is a number.
    NumberId,
    /// A text stands in place of the object.
    Text,
    /// `null` stands in place of the object.
    Null,
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
    /// `results` is an array of objects with `url`.
    UrlObjects,
    /// `results` is an array of objects with `image_url`.
    ImageObjects,
    /// `results` is a text that holds a JSON array of links.
    ListText,
    /// `result_data` is a text that holds a JSON array of objects.
    DataText,
    /// In a field of another name, `images`.
    Images,
    /// In a field of another name, `image_urls`.
    ImageUrls,
    /// Below a field of another name, `output.results`.
    Output,
}
