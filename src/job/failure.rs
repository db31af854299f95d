//! What went wrong, said once: classes of errors, and what each means.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Model, text};

/// What kind of trouble an answer of the service is. The code decides, the HTTP status only where no code is known
/// (docs/service.md §7).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The request itself is wrong: parameters, form, size.
    BadRequest,
    /// The draft does not exist, is no draft, is not ours, or its record is gone.
    BadSource,
    /// Refused by content moderation.
    Content,
    /// No upstream capacity; HTTP 400 or 5xx, and temporary either way.
    NoCapacity,
    /// The API key is missing, wrong, switched off or expired.
    Login,
    /// The account's balance does not cover the request.
    Balance,
    /// The key's total limit does not cover the request.
    KeyTotal,
    /// The key's daily limit is used up.
    KeyDaily,
    /// This key may not use the model.
    ModelDenied,
    /// The account, the address or the key is not allowed in.
    Access,
    /// No such task.
    NotFound,
    /// The same key was used for another request: a fault of ours.
    KeyConflict,
    /// The gateway does not know yet how the first attempt with this key ended.
    PaidOutcomeUnknown,
    /// Too many requests.
    RateLimited,
    /// The service or something before it is in trouble.
    Server,
    /// The task failed for a reason of the service's that may pass.
    Passing,
    /// The task failed, and the same request would fail again.
    Final,
    /// The connection dropped, the name did not resolve, the time limit passed.
    Network,
    /// An answer that could not be read.
    #[serde(rename = "nonsense")]
    InvalidResponse,
    /// The result link is dead or was refused.
    Link,
    /// Something here: disk, folder, a fault of ours.
    Local,
    /// A code nobody has described.
    Unknown,
}

impl ErrorClass {
    /// Sorts an answer by its code, and by its status only where the code says nothing.
    ///
    /// `code` is expected trimmed and in lower case.
    #[must_use]
    pub fn of_answer(status: u16, code: &str) -> Self {
        match code {
            "no_available_channel" | "model_unavailable" | "channel_selection_failed" => return Self::NoCapacity,
            c if c.starts_with("channel:") || c.starts_with("channel_") => return Self::NoCapacity,
            "content_policy_violation"
            | "content_filter"
            | "sensitive_content"
            | "moderation_blocked"
            | "input_moderation_failed" => {
                return Self::Content;
            }
            "unauthorized" | "invalid_token" | "invalid_api_key" | "key_disabled" | "key_expired" => return Self::Login,
            "insufficient_quota" | "insufficient_user_quota" | "quota_not_enough" | "account_balance_insufficient" => {
                return Self::Balance;
            }
            "quota_exceeded" if status == 402 => return Self::Balance,
            "insufficient_token_quota" | "key_quota_exhausted" => return Self::KeyTotal,
            "token_daily_quota_exceeded" | "key_daily_quota_exhausted" => return Self::KeyDaily,
            "model_access_denied" | "key_model_not_allowed" => return Self::ModelDenied,
            "ip_restricted" | "user_disabled" => return Self::Access,
            c if ["mcp_", "connection_", "session_", "agent_session_"].iter().any(|p| c.starts_with(p)) => return Self::Access,
            "task_not_found" | "resource_not_found" => return Self::NotFound,
            "idempotency_conflict" => return Self::KeyConflict,
            "paid_outcome_unknown" => return Self::PaidOutcomeUnknown,
            "rate_limit_exceeded" => return Self::RateLimited,
            "service_unavailable" | "upstream_error" | "internal_error" => return Self::Server,
            _ => {}
        }
        match status {
            401 => Self::Login,
            402 => Self::Balance,
            403 => Self::Access,
            404 => Self::NotFound,
            408 => Self::Network,
            409 => Self::PaidOutcomeUnknown,
            429 => Self::RateLimited,
            400..=499 => Self::BadRequest,
            500..=599 => Self::Server,
            _ => Self::InvalidResponse,
        }
    }

    /// Sorts the code of a failed task (docs/service.md §7.4). There, `quota_exceeded` is an upstream limit and not the balance.
    #[must_use]
    pub fn of_task(code: &str) -> Self {
        match code {
            "content_policy_violation" | "content_filter" | "sensitive_content" | "moderation_blocked" => Self::Content,
            "invalid_parameters" | "resource_not_found" => Self::BadSource,
            "image_processing_error" | "image_dimension_mismatch" => Self::Final,
            "request_cancelled"
            | "generation_failed_no_content"
            | "service_error"
            | "generation_timeout"
            | "resource_exhausted"
            | "quota_exceeded"
            | "service_unavailable" => Self::Passing,
            c if c.starts_with("channel_") || c.starts_with("channel:") => Self::Passing,
            _ => Self::Unknown,
        }
    }
}

/// A trouble that belongs to one job, kept with it and shown in its row and details. All its text is clean.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// The service's code, or ours, in lower case: `content_policy_violation`, `link_expired`.
    pub code: String,
    /// What the service said, at most 2,000 characters; empty where it said nothing.
    pub message: String,
    /// The kind.
    pub class: ErrorClass,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The request id to name to the service's support.
    pub request_id: Option<String>,
}

impl Failure {
    /// Longest message that is kept, in characters (docs/service.md §7.1).
    pub const LONGEST_MESSAGE: usize = 2_000;

    /// A failure with its text cleaned and shortened.
    #[must_use]
    pub fn new(class: ErrorClass, code: &str, message: &str) -> Self {
        Self {
            code: text::shorten(&text::clean(code), 80).into_owned(),
            message: text::shorten(&text::clean(message), Self::LONGEST_MESSAGE).into_owned(),
            class,
            status: None,
            request_id: None,
        }
    }

    /// The failure of a task that ended `failed` with this code.
    #[must_use]
    pub fn of_task(code: &str, message: &str) -> Self {
        let code = code.trim().to_ascii_lowercase();
        Self::new(ErrorClass::of_task(&code), &code, message)
    }

    /// A dead link: 403, 404 or 410 at the result's host, also after the task was read once more (docs/service.md §12).
    #[must_use]
    pub fn link_expired(message: &str) -> Self {
        Self::new(ErrorClass::Link, "link_expired", message)
    }

    /// A result that must not be taken: a private address, a page instead of a picture, too large.
    #[must_use]
    pub fn result_refused(message: &str) -> Self {
        Self::new(ErrorClass::Link, "result_refused", message)
    }

    /// Whether a paid task's result was given up for trouble that may be over by now, so that it can be taken up again for
    /// nothing: a dead or refused link, a full disk, a task that was not found for a while, a completed one without links.
    #[must_use]
    pub fn is_passing_loss(&self) -> bool {
        matches!(self.class, ErrorClass::Link | ErrorClass::Local | ErrorClass::NotFound) || self.code == "no_links"
    }

    /// What the code means, in words for the owner of an enhance job; see [`Self::meaning_for`].
    #[must_use]
    pub fn meaning(&self) -> Cow<'static, str> {
        self.meaning_for(Model::Enhance)
    }

    /// What the code means, in words for the owner of a job of this kind: an enhance was asked for by a picture of a draft, a
    /// draft by a prompt.
    #[must_use]
    pub fn meaning_for(&self, model: Model) -> Cow<'static, str> {
        if model == Model::Draft
            && let Some(said) = self.meaning_for_draft()
        {
            return Cow::Borrowed(said);
        }
        let said = match self.code.as_str() {
            "content_policy_violation"
            | "content_filter"
            | "sensitive_content"
            | "moderation_blocked"
            | "input_moderation_failed" => "the service's moderation refused this picture",
            "invalid_parameters" | "invalid_parameter" => {
                "the service does not take this source; it is probably not a finished draft"
            }
            "invalid_task_id" => "the service does not know ids of this form",
            "resource_not_found" | "task_not_found" => "the draft's record is gone or was never there",
            "image_processing_error" => "the service could not process this picture",
            "image_dimension_mismatch" => "the picture has a size the service does not take",
            "request_cancelled" => "the service or its provider ended the task",
            "generation_failed_no_content" => "the run ended without a picture",
            "service_error" | "service_unavailable" | "internal_error" | "upstream_error" => "the service failed",
            "generation_timeout" => "the service gave up after its own time limit",
            "resource_exhausted" => "the service had no free machine",
            "quota_exceeded" if self.status == Some(402) => "the account's balance does not cover the job",
            "quota_exceeded" => "an upstream limit was reached; this is not your balance",
            "link_expired" => "the result's link is dead",
            "result_refused" => "what the link led to was not taken",
            "idempotency_conflict" => "the key of this request was used for another request; this is a fault of this program",
            "no_links" => "the task completed without a picture",
            "source_not_draft" | "source_not_finished" => "the source is not a finished draft",
            _ => match self.class {
                ErrorClass::BadRequest => "the service refused the request",
                ErrorClass::BadSource => "the service does not take this source",
                ErrorClass::Content => "the service's moderation refused this picture",
                ErrorClass::NoCapacity => "the service has no capacity just now",
                ErrorClass::Login => "the API key was not accepted",
                ErrorClass::Balance => "the account's balance does not cover the job",
                ErrorClass::KeyTotal => "the key's total limit does not cover the job",
                ErrorClass::KeyDaily => "the key's daily limit is used up",
                ErrorClass::ModelDenied => "this key may not use mj-v7-enhance",
                ErrorClass::Access => "the service did not let this request in",
                ErrorClass::NotFound => "the service has no such record",
                ErrorClass::KeyConflict => "the key of this request was used for another request",
                ErrorClass::PaidOutcomeUnknown => "the service does not know yet how the first attempt ended",
                ErrorClass::RateLimited => "too many requests",
                ErrorClass::Server => "the service failed",
                ErrorClass::Passing => "the service failed in a way that may pass",
                ErrorClass::Final => "the same request would fail again",
                ErrorClass::Network => "the connection to the service failed",
                ErrorClass::InvalidResponse => "the answer could not be read",
                ErrorClass::Link => "the result's link did not lead to a picture",
                ErrorClass::Local => "something on this machine failed",
                ErrorClass::Unknown => "the service gave a code that is not described",
            },
        };
        Cow::Borrowed(said)
    }

    /// Where the general words would speak of a source, which a draft has not.
    fn meaning_for_draft(&self) -> Option<&'static str> {
        match self.code.as_str() {
            "invalid_parameters" | "invalid_parameter" => return Some("the service does not take this prompt"),
            "resource_not_found" | "task_not_found" => return Some("the service has no such record"),
            "image_processing_error" => return Some("the service could not process a picture of this prompt"),
            "image_dimension_mismatch" => return Some("a picture of this prompt has a size the service does not take"),
            "generation_failed_no_content" => return Some("the run ended without pictures"),
            "no_links" => return Some("the task completed without pictures"),
            _ => {}
        }
        match self.class {
            ErrorClass::Content => Some("the service's moderation refused this prompt"),
            ErrorClass::BadSource => Some("the service does not take this prompt"),
            ErrorClass::ModelDenied => Some("this key may not use mj-v7"),
            _ => None,
        }
    }

    /// Whether running the same request again has a chance. It is a new paid job either way.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(
            self.class,
            ErrorClass::NoCapacity | ErrorClass::Passing | ErrorClass::Server | ErrorClass::RateLimited | ErrorClass::Network
        )
    }

    /// What it means and what the service said of it, with the facts to look it up by: `the API key was not accepted (HTTP 401,
    /// unauthorized, request r1)`. Clean, as its parts are.
    #[must_use]
    pub fn words(&self) -> String {
        let said = self.reply();
        let code = (!self.code.starts_with("http_") && !self.code.is_empty()).then(|| self.code.clone());
        let facts: Vec<String> = [
            self.status.map(|status| format!("HTTP {status}")),
            code,
            self.request_id.as_ref().map(|id| format!("request {id}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        if facts.is_empty() { said } else { format!("{said} ({})", facts.join(", ")) }
    }

    /// The shortest that still says what happened to a request, without brackets: `connection reset`, `HTTP 502`.
    #[must_use]
    pub fn brief(&self) -> String {
        if self.class != ErrorClass::Network {
            return self.status.map_or_else(|| self.meaning().into_owned(), |status| format!("HTTP {status}"));
        }
        // What the system said, where it said something: `the connection broke off (Connection reset by peer (os error 104))`.
        let (said, detail) = self.message.split_once(" (").unwrap_or((&self.message, ""));
        let detail = detail.split(" (os error").next().unwrap_or_default().trim_end_matches(')');
        match detail.trim_end_matches(" by peer") {
            "" if said.is_empty() => self.meaning().into_owned(),
            "" | "operation timed out" => said.to_owned(),
            detail => {
                let mut letters = detail.chars();
                letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
            }
        }
    }

    /// What it means, and what the service said of it.
    #[must_use]
    pub fn reply(&self) -> String {
        self.reply_for(Model::Enhance)
    }

    /// The same for a job of this kind.
    #[must_use]
    pub fn reply_for(&self, model: Model) -> String {
        let meaning = self.meaning_for(model);
        if self.message.is_empty() || self.message == meaning {
            return meaning.into_owned();
        }
        format!("{meaning}: {}", self.message.trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_decides_before_the_status() {
        for (status, code, class) in [
            (400, "no_available_channel", ErrorClass::NoCapacity),
            (503, "channel:unavailable", ErrorClass::NoCapacity),
            (402, "quota_exceeded", ErrorClass::Balance),
            (402, "key_daily_quota_exhausted", ErrorClass::KeyDaily),
            (403, "insufficient_token_quota", ErrorClass::KeyTotal),
            (401, "", ErrorClass::Login),
            (401, "key_expired", ErrorClass::Login),
            (403, "key_model_not_allowed", ErrorClass::ModelDenied),
            (403, "1010", ErrorClass::Access),
            (404, "", ErrorClass::NotFound),
            (409, "idempotency_conflict", ErrorClass::KeyConflict),
            (409, "paid_outcome_unknown", ErrorClass::PaidOutcomeUnknown),
            (413, "", ErrorClass::BadRequest),
            (429, "", ErrorClass::RateLimited),
            (400, "rate_limit_exceeded", ErrorClass::RateLimited),
            (500, "", ErrorClass::Server),
            (504, "", ErrorClass::Server),
            (302, "", ErrorClass::InvalidResponse),
        ] {
            assert_eq!(ErrorClass::of_answer(status, code), class, "{status} {code}");
        }
    }

    #[test]
    fn every_code_of_the_reference_is_sorted_whatever_the_status() {
        use ErrorClass as C;
        for (codes, class) in [
            ("no_available_channel model_unavailable channel_selection_failed channel:x channel_x", C::NoCapacity),
            ("content_policy_violation content_filter sensitive_content moderation_blocked input_moderation_failed", C::Content),
            ("unauthorized invalid_token invalid_api_key key_disabled key_expired", C::Login),
            ("insufficient_quota insufficient_user_quota quota_not_enough account_balance_insufficient", C::Balance),
            ("insufficient_token_quota key_quota_exhausted", C::KeyTotal),
            ("token_daily_quota_exceeded key_daily_quota_exhausted", C::KeyDaily),
            ("model_access_denied key_model_not_allowed", C::ModelDenied),
            ("ip_restricted user_disabled mcp_x connection_x session_x agent_session_x", C::Access),
            ("task_not_found resource_not_found", C::NotFound),
            ("idempotency_conflict", C::KeyConflict),
            ("paid_outcome_unknown", C::PaidOutcomeUnknown),
            ("rate_limit_exceeded", C::RateLimited),
            ("service_unavailable upstream_error internal_error", C::Server),
        ] {
            // Each of these would be another class by itself, but for one or two that mean the same.
            for (status, code) in [400, 401, 418, 429, 500].into_iter().flat_map(|n| codes.split(' ').map(move |code| (n, code)))
            {
                assert_eq!(C::of_answer(status, code), class, "{status} {code}");
            }
        }
        for (status, class) in [
            (400, C::BadRequest),
            (401, C::Login),
            (402, C::Balance),
            (403, C::Access),
            (404, C::NotFound),
            (408, C::Network),
            (409, C::PaidOutcomeUnknown),
            (429, C::RateLimited),
            (499, C::BadRequest),
            (599, C::Server),
            (600, C::InvalidResponse),
            (200, C::InvalidResponse),
        ] {
            for code in ["", "never_heard_of", "http_418"] {
                assert_eq!(C::of_answer(status, code), class, "{status} {code}");
            }
        }
        assert_eq!(C::of_answer(402, "quota_exceeded"), C::Balance);
        assert_eq!(C::of_answer(429, "quota_exceeded"), C::RateLimited, "without 402 it is a limit upstream");
    }

    #[test]
    fn every_code_of_a_failed_task_is_sorted() {
        use ErrorClass as C;
        for (codes, class, passes) in [
            ("content_policy_violation content_filter sensitive_content moderation_blocked", C::Content, false),
            ("invalid_parameters resource_not_found", C::BadSource, false),
            ("image_processing_error image_dimension_mismatch", C::Final, false),
            (
                "request_cancelled generation_failed_no_content service_error generation_timeout resource_exhausted \
                 quota_exceeded service_unavailable channel_x channel:x",
                C::Passing,
                true,
            ),
            ("never_heard_of", C::Unknown, false),
        ] {
            for code in codes.split_whitespace() {
                let failure = Failure::of_task(code, "");
                assert_eq!((failure.class, failure.may_pass()), (class, passes), "{code}");
            }
        }
    }

    #[test]
    fn every_code_says_what_it_means_to_the_owner_of_a_picture_and_of_a_prompt() {
        let codes = "content_policy_violation content_filter sensitive_content moderation_blocked input_moderation_failed \
                     invalid_parameters invalid_parameter invalid_task_id resource_not_found task_not_found \
                     image_processing_error image_dimension_mismatch request_cancelled generation_failed_no_content \
                     service_error service_unavailable internal_error upstream_error generation_timeout resource_exhausted \
                     quota_exceeded link_expired result_refused idempotency_conflict no_links source_not_draft \
                     source_not_finished";
        let said = |failure: &Failure| {
            let (picture, prompt) = (failure.meaning_for(Model::Enhance), failure.meaning_for(Model::Draft));
            if picture == prompt { picture.into_owned() } else { format!("{picture} | {prompt}") }
        };
        let mut table: Vec<String> = codes
            .split_whitespace()
            // The class alone would say something else.
            .map(|code| format!("{code}: {}", said(&Failure::new(ErrorClass::Unknown, code, ""))))
            .collect();
        let balance = Failure { status: Some(402), ..Failure::new(ErrorClass::Balance, "quota_exceeded", "") };
        table.push(format!("402 quota_exceeded: {}", said(&balance)));
        insta::assert_snapshot!(table.join("\n"));
    }

    #[test]
    fn the_shortest_words_say_what_the_system_said() {
        let network = |message: &str| Failure::new(ErrorClass::Network, "not_connected", message);
        for (message, brief) in [
            ("", "the connection to the service failed"),
            ("no connection", "no connection"),
            ("no connection (Connection refused (os error 111))", "connection refused"),
            ("the connection broke off (Connection reset by peer (os error 104))", "connection reset"),
            ("no answer in time (operation timed out)", "no answer in time"),
        ] {
            assert_eq!(network(message).brief(), brief, "{message:?}");
        }
        let bad_gateway = Failure { status: Some(502), ..Failure::new(ErrorClass::Server, "", "") };
        assert_eq!(bad_gateway.brief(), "HTTP 502");
        assert_eq!(bad_gateway.words(), "the service failed (HTTP 502)");
        let coded = Failure { status: Some(401), ..Failure::new(ErrorClass::Login, "unauthorized", "No key.") };
        assert_eq!(coded.words(), "the API key was not accepted: No key (HTTP 401, unauthorized)");
        let numbered = Failure { code: "http_502".to_owned(), ..bad_gateway };
        assert_eq!(numbered.words(), "the service failed (HTTP 502)", "a code that repeats the status is no fact of its own");
    }

    #[test]
    fn quota_exceeded_in_a_task_is_not_the_balance() {
        let failure = Failure::of_task("QUOTA_EXCEEDED", "slow down");
        assert_eq!(failure.class, ErrorClass::Passing);
        assert!(failure.meaning().contains("not your balance"));
    }

    #[test]
    fn server_text_is_clean_and_short() {
        let failure = Failure::of_task("x\u{1b}[2J", &format!("\u{202e}{}", "a".repeat(5_000)));
        assert_eq!(failure.code, "x");
        assert_eq!(failure.message.chars().count(), Failure::LONGEST_MESSAGE);
    }

    #[test]
    fn a_draft_is_never_told_of_a_source() {
        let task = ["content_filter", "invalid_parameters", "resource_not_found", "image_processing_error", "whatever"];
        let classes = [ErrorClass::Content, ErrorClass::BadSource, ErrorClass::NotFound, ErrorClass::ModelDenied];
        let failures = task.map(|code| Failure::of_task(code, "")).into_iter();
        for failure in failures.chain(classes.map(|class| Failure::new(class, "", ""))) {
            let said = failure.meaning_for(Model::Draft);
            for wrong in ["this picture", "source", "draft's", "mj-v7-enhance"] {
                assert!(!said.contains(wrong), "{failure:?}: {said}");
            }
        }
        assert!(Failure::of_task("content_filter", "").reply_for(Model::Enhance).contains("this picture"));
    }
}
