//! HTTP faults of a scenario: which requests they meet and what they do.

use serde::Deserialize;

use super::super::error::SimulatorError;
use super::pick::Pick;

/// The kinds of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// Any call of the API: all of the others except `all`, `file` and `control`.
    #[default]
    Any,
    /// Any call of the API and any file, as behind a captive portal.
    All,
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
    /// `GET /v1/catalog/…` and `GET /web/api/models/pricing`.
    Price,
    /// `POST /v1/agent-estimates`.
    Estimate,
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
            Self::All => "all",
            Self::Submit => "submit",
            Self::Read => "read",
            Self::Batch => "batch",
            Self::List => "list",
            Self::Credits => "credits",
            Self::Models => "models",
            Self::Price => "price",
            Self::Estimate => "estimate",
            Self::File => "file",
            Self::Other => "other",
            Self::Control => "control",
        }
    }

    /// Whether a request of kind `other` is meant by this one.
    pub(in super::super) fn covers(self, other: Self) -> bool {
        match self {
            Self::All => other != Self::Control,
            Self::Any => !matches!(other, Self::Control | Self::File),
            one => one == other,
        }
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
    /// Only requests from so many simulated seconds after the start on, or after the fault was added; earlier ones are not counted.
    #[serde(default)]
    pub after_seconds: Option<f64>,
    /// Only requests before so many simulated seconds after the start, or after the fault was added; later ones are not counted.
    #[serde(default)]
    pub until_seconds: Option<f64>,
    /// Only requests about this task: single reads, batches that name it, enhances of it.
    #[serde(default)]
    pub task: Option<String>,
    /// Whether a submit that met the fault meets it again at every repeat with the same `Idempotency-Key`.
    #[serde(default)]
    pub sticky: bool,
    /// So many tasks of the same model that another program of the account makes at the moment in which a submit meets the fault.
    #[serde(default)]
    pub decoys: u8,
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
        Self {
            route,
            at: Vec::new(),
            from: None,
            to: None,
            every: None,
            probability: None,
            after_seconds: None,
            until_seconds: None,
            task: None,
            sticky: false,
            decoys: 0,
            processed: None,
            effect,
        }
    }

    /// The same fault for these requests only, counted from 1.
    #[must_use]
    pub fn at(mut self, requests: &[u64]) -> Self {
        self.at = requests.to_vec();
        self
    }

    pub(in super::super) fn pick(&self) -> Pick<'_> {
        Pick { at: &self.at, from: self.from, to: self.to, every: self.every, probability: self.probability }
    }

    pub(in super::super) fn processed(&self) -> bool {
        self.processed.unwrap_or(!matches!(self.effect, Effect::ResetBefore | Effect::Status { .. }))
    }

    pub(in super::super) fn check(&self, place: &str) -> Result<(), SimulatorError> {
        self.pick().check(place)?;
        if [self.after_seconds, self.until_seconds].iter().flatten().any(|at| !(at.is_finite() && *at >= 0.0)) {
            return Err(SimulatorError::Scenario(format!("{place}: `after_seconds` and `until_seconds` must be 0 or more")));
        }
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
        /// The shape of the body.
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
    /// The answer to an enhance with the `id` of the draft it was made from.
    SourceId,
    /// The answer to a submit with the `id` of the paid task before it.
    PreviousId,
    /// The body packed with gzip, and a header that says so.
    Gzip,
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
        /// Where to; sent as it stands, bytes beyond ASCII included. Empty: no `Location`.
        location: String,
        /// HTTP status.
        #[serde(default = "found")]
        status: u16,
    },
}

const fn found() -> u16 {
    302
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

/// Shapes of an error body.
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
