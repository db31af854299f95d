//! How a call can end badly, and what that means for money.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use serde_json::Value;

use super::fields;
use super::lenient;
use super::redact::redact;
use super::retry_after;
use crate::job::retry::Lost;
use crate::job::{ErrorClass, Failure, text};

/// How a call ended other than with the answer it was made for. All text is clean and free of secrets.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct ApiError {
    /// The kind, by the code first and the status second (docs/service.md §7).
    pub class: ErrorClass,
    /// The service's code, lower case, or ours: `http_502` where there was none, `timeout`, `not_connected`,
    /// `line_failed`, `unreadable_answer`, `no_task_id`, `other_task`, `other_page`, `answer_too_large`.
    pub code: String,
    /// What the service said, at most 2,000 characters; empty where it said nothing.
    pub message: String,
    /// HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The request id to name to the service's support.
    pub request_id: Option<String>,
    /// `Retry-After`, at most 24 hours.
    pub retry_after: Option<Duration>,
    /// The body was JSON, as the service's own errors are. A page of a proxy, a portal or a server without the program is
    /// none, and says nothing about the task or the request.
    pub is_json: bool,
}

/// What an error means for a paid request (docs/service.md §7.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PaidVerdict {
    /// Nobody knows whether a task was made: time-out, reset, 408, 5xx, unreadable 2xx.
    Lost(Lost),
    /// Surely nothing was made, and later it may work without anybody's doing: 429, no capacity (4xx), no connection
    /// at all (nothing was sent).
    NotNow,
    /// Surely nothing was made; the key, the account or its rights must be mended first: 401, account-level 403.
    Barred,
    /// Surely nothing was made; balance or a key limit must be raised first: 402 codes.
    Unpaid,
    /// Surely nothing was made, and this request never will be: 400, 404, 413, 415, 422, content.
    Rejected,
}

impl ApiError {
    /// An error of ours. The text is cleaned here; secrets are the caller's to cut out.
    pub(super) fn new(class: ErrorClass, code: &str, message: &str) -> Self {
        let failure = Failure::new(class, code, message);
        Self {
            class,
            code: failure.code,
            message: failure.message,
            status: None,
            request_id: None,
            retry_after: None,
            is_json: false,
        }
    }

    /// An answer that could not be read, or says something that cannot be.
    pub(super) fn invalid_response(code: &str, message: &str, status: u16) -> Self {
        Self { status: Some(status), ..Self::new(ErrorClass::InvalidResponse, code, message) }
    }

    /// One sentence for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        self.failure().words()
    }

    /// As a failure to keep with a job.
    #[must_use]
    pub fn failure(&self) -> Failure {
        Failure {
            status: self.status,
            request_id: self.request_id.clone(),
            ..Failure::new(self.class, &self.code, &self.message)
        }
    }

    /// What it means for a paid request.
    ///
    /// Where the evidence does not prove that nothing was made, the answer is [`PaidVerdict::Lost`]. An error after an
    /// earlier lost answer proves nothing about that earlier attempt.
    #[must_use]
    pub fn paid(&self) -> PaidVerdict {
        if let Some(verdict) = proven(&self.code) {
            return verdict;
        }
        let Some(status) = self.status else {
            return match (self.class, self.code.as_str()) {
                // Without a connection not one byte of the request has left this machine.
                (_, NOT_CONNECTED) => PaidVerdict::NotNow,
                (ErrorClass::Local | ErrorClass::Login, _) => PaidVerdict::Barred,
                _ => PaidVerdict::Lost(Lost::Answer),
            };
        };
        match (status, self.class) {
            (400..=499, ErrorClass::KeyConflict) => PaidVerdict::Rejected,
            (409, _) | (_, ErrorClass::PaidOutcomeUnknown) => PaidVerdict::Lost(Lost::OutcomeUnknown),
            (408 | 0..=399 | 500.., _) => PaidVerdict::Lost(Lost::Answer),
            (429, _) | (_, ErrorClass::RateLimited | ErrorClass::NoCapacity) => PaidVerdict::NotNow,
            // Whose source it is, and what it is, is the request's matter and not the account's (docs/service.md §10).
            (403, _) if self.code == "permission_denied" => PaidVerdict::Rejected,
            (_, ErrorClass::Login | ErrorClass::ModelDenied | ErrorClass::Access) => PaidVerdict::Barred,
            (_, ErrorClass::Balance | ErrorClass::KeyTotal | ErrorClass::KeyDaily) => PaidVerdict::Unpaid,
            // Something else answered in the service's place, so this says nothing about the request; nor would it about
            // the next one, so sending stops.
            (_, ErrorClass::BadRequest | ErrorClass::NotFound | ErrorClass::BadSource) if !self.is_from_service() => {
                PaidVerdict::Barred
            }
            (_, ErrorClass::BadRequest | ErrorClass::BadSource | ErrorClass::Content | ErrorClass::NotFound) => {
                PaidVerdict::Rejected
            }
            // A 4xx whose code speaks of trouble at the service proves nothing.
            _ => PaidVerdict::Lost(Lost::Answer),
        }
    }

    /// Whether the service itself refused this: its own JSON, and for a path that is not there its own code too.
    fn is_from_service(&self) -> bool {
        self.is_json && !matches!(self.code.as_str(), "http_404" | "http_405" | "http_410")
    }

    /// Whether the service says that it does not know the task that was asked for: its own code for that, in JSON. Any
    /// other 404, that of a web page above all, is trouble of the connection.
    #[must_use]
    pub fn says_task_is_unknown(&self) -> bool {
        self.is_json && self.code == "task_not_found"
    }

    /// Reads an error answer in any of the shapes of docs/service.md §7.1.
    pub(super) fn from_answer(status: u16, headers: &HeaderMap, body: &[u8], key: &str, now: Timestamp) -> Self {
        let said = Said::read(body);
        let clean = |text: &str| redact(&text::clean(text), key);
        let code = clean(said.code.trim()).to_lowercase();
        let number = code.parse::<u16>().ok();
        // A code that is a number is a status over again; where the real status says "fine", the number decides.
        let effective = number.filter(|n| status < 400 && (400..600).contains(n)).unwrap_or(status);
        let code = if code.is_empty() || number.is_some() { format!("http_{effective}") } else { code };
        let class = ErrorClass::of_answer(effective, &code);
        let (message, named) = strip_request_id(&clean(&said.message));
        // Where the request id stood, two halves of a key may have come together.
        let message = clean(&message);
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let request_id = request_id(headers, key).or(said.request_id).or(named);
        let retry_after = headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| retry_after::parse(value, header(DATE.as_str()), now));
        Self {
            status: Some(status),
            request_id: request_id.map(|id| text::shorten(&clean(&id), 128).into_owned()),
            retry_after,
            is_json: said.is_json,
            ..Self::new(class, &code, &message)
        }
    }
}

/// Our code for a call that found no connection: nothing was sent.
pub(super) const NOT_CONNECTED: &str = "not_connected";

/// The codes of the gateway's admission checks: surely nothing was charged, whatever the status (docs/service.md §7.3).
fn proven(code: &str) -> Option<PaidVerdict> {
    match code {
        "insufficient_quota"
        | "insufficient_user_quota"
        | "quota_not_enough"
        | "account_balance_insufficient"
        | "insufficient_token_quota"
        | "key_quota_exhausted"
        | "token_daily_quota_exceeded"
        | "key_daily_quota_exhausted" => Some(PaidVerdict::Unpaid),
        "key_disabled" | "key_expired" | "key_model_not_allowed" | "user_disabled" => Some(PaidVerdict::Barred),
        code if ["mcp_", "connection_", "session_", "agent_session_"].iter().any(|start| code.starts_with(start)) => {
            Some(PaidVerdict::Barred)
        }
        _ => None,
    }
}

/// The request id of an answer's headers (docs/service.md §3.2), with `key` cut out of it.
pub(super) fn request_id(headers: &HeaderMap, key: &str) -> Option<String> {
    ["x-request-id", "x-oneapi-request-id"]
        .into_iter()
        .find_map(|name| headers.get(name)?.to_str().ok())
        .map(|id| text::shorten(&redact(&text::clean(id.trim()), key), 128).into_owned())
        .filter(|id| !id.is_empty())
}

/// What an error body says, whatever its shape.
#[derive(Default)]
struct Said {
    code: String,
    message: String,
    request_id: Option<String>,
    is_json: bool,
}

impl Said {
    fn read(body: &[u8]) -> Self {
        let raw = String::from_utf8_lossy(body);
        let raw = raw.trim();
        match lenient::parse(raw.as_bytes()) {
            Ok(Value::Object(body)) => {
                let word = |of: &Value, names: &[&str]| {
                    names.iter().find_map(|name| fields::word(of.get(*name)?)).filter(|word| !word.is_empty())
                };
                let body = Value::Object(body);
                let inner = body.get("error").filter(|error| error.is_object());
                let flat = body.get("error").and_then(fields::word);
                let of = inner.unwrap_or(&body);
                let code = word(of, &["code"]).or_else(|| flat.clone()).unwrap_or_default();
                let mut message = word(of, &["message", "msg", "error_description", "detail"])
                    .or_else(|| word(&body, &["message", "msg"]))
                    .unwrap_or_default();
                let facts: Vec<String> =
                    FACTS.iter().filter_map(|(name, label)| Some(format!("{label} {}", word(of, &[*name])?))).collect();
                if !facts.is_empty() {
                    message = [message, format!("({})", facts.join(", "))].join(" ").trim_start().into();
                }
                Self {
                    code,
                    message,
                    request_id: word(of, &["request_id"]).or_else(|| word(&body, &["request_id"])),
                    is_json: true,
                }
            }
            Ok(Value::String(message)) => Self { message, ..Self::default() },
            Ok(_) => Self::default(),
            Err(_) => Self { message: page_text(raw), ..Self::default() },
        }
    }
}

/// Fields of an error object that help its reader, with the words to show them with (docs/service.md §7.1, shape 3).
const FACTS: [(&str, &str); 9] = [
    ("param", "field"),
    ("estimated_credits", "needs"),
    ("account_balance_credits", "account has"),
    ("key_name", "key"),
    ("total_limit_credits", "total limit"),
    ("daily_limit_credits", "daily limit"),
    ("daily_used_credits", "used today"),
    ("remaining_credits", "left"),
    ("reset_timezone", "resets at midnight in"),
];

/// The readable part of a body that is no JSON: a page's title, or the text itself.
fn page_text(raw: &str) -> String {
    if !raw.starts_with('<') {
        return raw.chars().take(Failure::LONGEST_MESSAGE).collect();
    }
    let lower = raw.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|start| {
        let start = start + "<title>".len();
        let end = lower[start..].find("</title>")?;
        Some(raw[start..start + end].trim().to_owned())
    });
    title.map_or_else(|| "the answer was a web page".into(), |title| format!("the answer was a web page: {title}"))
}

/// The message without a closing `(request id: …)`, and that id.
fn strip_request_id(message: &str) -> (String, Option<String>) {
    let lower = message.to_ascii_lowercase();
    let Some(start) = lower.rfind("(request id:").or_else(|| lower.rfind("(request_id:")) else {
        return (message.to_owned(), None);
    };
    let Some(length) = message[start..].find(')') else {
        return (message.to_owned(), None);
    };
    let id = message[start + "(request id:".len()..start + length].trim();
    let said = format!("{}{}", message[..start].trim_end(), &message[start + length + 1..]);
    (said.trim().to_owned(), Some(id.to_owned()).filter(|id| !id.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(status: u16, body: &str) -> ApiError {
        ApiError::from_answer(status, &HeaderMap::new(), body.as_bytes(), "SECRETKEY", Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn every_shape_of_an_error_body_is_read() {
        for (status, body, class, code, message) in [
            (
                404,
                r#"{"error":{"code":"task_not_found","message":"no such task","type":"x"}}"#,
                ErrorClass::NotFound,
                "task_not_found",
                "no such task",
            ),
            (
                400,
                r#"{"error":{"code":"INVALID_PARAMETERS","message":"bad","param":"model_params.task_id"}}"#,
                ErrorClass::BadRequest,
                "invalid_parameters",
                "bad (field model_params.task_id)",
            ),
            (402, r#"{"error":{"code":402,"message":"pay"}}"#, ErrorClass::Balance, "http_402", "pay"),
            (
                402,
                r#"{"error":{"code":"insufficient_quota","message":"no","estimated_credits":5.4,"account_balance_credits":1.2}}"#,
                ErrorClass::Balance,
                "insufficient_quota",
                "no (needs 5.4, account has 1.2)",
            ),
            (401, r#"{"error":"invalid_token","error_description":"expired"}"#, ErrorClass::Login, "invalid_token", "expired"),
            (200, r#"{"success":false,"code":401,"msg":"who?"}"#, ErrorClass::Login, "http_401", "who?"),
            (400, r#"{"success":false,"message":"broken"}"#, ErrorClass::BadRequest, "http_400", "broken"),
            (500, r#"{"message":"oops"}"#, ErrorClass::Server, "http_500", "oops"),
            (403, "error code: 1010", ErrorClass::Access, "http_403", "error code: 1010"),
            (
                502,
                "<html><title>Bad Gateway</title></html>",
                ErrorClass::Server,
                "http_502",
                "the answer was a web page: Bad Gateway",
            ),
            (504, "", ErrorClass::Server, "http_504", ""),
            (503, "{}", ErrorClass::Server, "http_503", ""),
            (503, "null", ErrorClass::Server, "http_503", ""),
            (503, "[1,2]", ErrorClass::Server, "http_503", ""),
            (
                400,
                r#"{"error":{"code":"no_available_channel","message":""}}"#,
                ErrorClass::NoCapacity,
                "no_available_channel",
                "",
            ),
            (302, "", ErrorClass::InvalidResponse, "http_302", ""),
        ] {
            let error = read(status, body);
            assert_eq!((error.class, error.code.as_str(), error.message.as_str()), (class, code, message), "{status} {body}");
            assert_eq!(error.status, Some(status));
        }
    }

    #[test]
    fn the_request_id_leaves_the_message_for_its_own_place() {
        let error = read(500, r#"{"error":{"code":"internal_error","message":"try later (request id: 2026-abc)"}}"#);
        assert_eq!((error.message.as_str(), error.request_id.as_deref()), ("try later", Some("2026-abc")));
        let mut headers = HeaderMap::new();
        headers.insert("x-oneapi-request-id", "two".parse().unwrap());
        let error =
            ApiError::from_answer(500, &headers, br#"{"error":{"message":"a (request id: one)"}}"#, "", Timestamp::UNIX_EPOCH);
        assert_eq!((error.message.as_str(), error.request_id.as_deref()), ("a", Some("two")));
        headers.insert("x-request-id", "three".parse().unwrap());
        assert_eq!(request_id(&headers, "").as_deref(), Some("three"));
    }

    #[test]
    fn no_secret_and_no_control_character_comes_through() {
        let error =
            read(401, r#"{"error":{"code":"unauthorized","message":"key SECRETKEY or sk-abcdefgh123\u001b[31m\u202e bad"}}"#);
        assert_eq!(error.message, "key [cut] or [cut] bad");
        assert_eq!(error.sentence(), "the API key was not accepted: key [cut] or [cut] bad (HTTP 401, unauthorized)");
        assert_eq!(error.to_string(), error.sentence());
    }

    #[test]
    fn retry_after_is_kept() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, "27".parse().unwrap());
        let error = ApiError::from_answer(429, &headers, b"", "", Timestamp::UNIX_EPOCH);
        assert_eq!(error.retry_after, Some(Duration::from_secs(27)));
    }

    #[test]
    fn what_an_error_means_for_a_paid_request() {
        use PaidVerdict::{Barred, NotNow, Rejected, Unpaid};
        let lost = PaidVerdict::Lost(Lost::Answer);
        let unknown = PaidVerdict::Lost(Lost::OutcomeUnknown);
        for (status, code, verdict) in [
            (400, "invalid_request", Rejected),
            (400, "invalid_parameters", Rejected),
            (400, "content_policy_violation", Rejected),
            // Not the service: something on the way, so the job is kept.
            (400, "", Barred),
            (400, "no_available_channel", NotNow),
            (400, "channel:unavailable", NotNow),
            (400, "rate_limit_exceeded", NotNow),
            (400, "insufficient_quota", Unpaid),
            (400, "service_unavailable", lost),
            (401, "", Barred),
            (401, "unauthorized", Barred),
            (401, "key_disabled", Barred),
            (401, "key_expired", Barred),
            (402, "", Unpaid),
            (402, "quota_exceeded", Unpaid),
            (402, "insufficient_user_quota", Unpaid),
            (402, "quota_not_enough", Unpaid),
            (402, "account_balance_insufficient", Unpaid),
            (402, "insufficient_token_quota", Unpaid),
            (402, "key_quota_exhausted", Unpaid),
            (402, "token_daily_quota_exceeded", Unpaid),
            (402, "key_daily_quota_exhausted", Unpaid),
            (403, "", Barred),
            (403, "permission_denied", Rejected),
            (403, "ip_restricted", Barred),
            (403, "user_disabled", Barred),
            (403, "model_access_denied", Barred),
            (403, "key_model_not_allowed", Barred),
            (404, "task_not_found", Rejected),
            (404, "", Barred),
            (408, "", lost),
            (409, "idempotency_conflict", Rejected),
            (409, "paid_outcome_unknown", unknown),
            (409, "", unknown),
            (413, "", Barred),
            (415, "", Barred),
            (422, "", Barred),
            (429, "rate_limit_exceeded", NotNow),
            (429, "", NotNow),
            (500, "internal_error", lost),
            (500, "no_available_channel", lost),
            (502, "", lost),
            (503, "model_unavailable", lost),
            (503, "key_disabled", Barred),
            (503, "insufficient_quota", Unpaid),
            (503, "paid_outcome_unknown", unknown),
            (504, "quota_exceeded", lost),
            (302, "", lost),
        ] {
            let body = if code.is_empty() { String::new() } else { format!(r#"{{"error":{{"code":"{code}"}}}}"#) };
            assert_eq!(read(status, &body).paid(), verdict, "{status} {code}");
        }
        for (class, code, verdict) in [
            (ErrorClass::Network, "timeout", lost),
            (ErrorClass::Network, "line_failed", lost),
            (ErrorClass::Network, NOT_CONNECTED, NotNow),
            (ErrorClass::Local, "bad_base_url", Barred),
            (ErrorClass::Login, "no_key", Barred),
        ] {
            assert_eq!(ApiError::new(class, code, "").paid(), verdict, "{code}");
        }
        assert_eq!(ApiError::invalid_response("unreadable_answer", "", 200).paid(), lost);
        assert_eq!(ApiError::invalid_response("no_task_id", "", 200).paid(), lost);
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(status in 100_u16..999, body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let error = ApiError::from_answer(status, &HeaderMap::new(), &body, "k", Timestamp::UNIX_EPOCH);
            prop_assert!(!error.sentence().chars().any(text::is_unsafe));
            prop_assert!(status < 500 || error.paid() == PaidVerdict::Lost(Lost::Answer));
        }

        #[test]
        fn no_json_makes_it_panic(code in ".{0,20}", message in ".{0,60}") {
            let body = serde_json::json!({"error": {"code": code, "message": message}}).to_string();
            let error = read(400, &body);
            prop_assert!(!error.sentence().chars().any(text::is_unsafe));
        }
    }
}
