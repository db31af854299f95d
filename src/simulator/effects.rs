//! What a fault does to an answer.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header;
use futures_util::stream;
use serde_json::json;

use super::answer::{Answer, Payload};
use super::clock::http_date;
use super::scenario::{Effect, ErrorBody, RetryAfterForm, Route};

/// Applies a fault to an answer at the simulated time `now`. Resets and waits are the dispatcher's business.
pub(super) fn apply(answer: Answer, effect: &Effect, route: Route, now: f64) -> Answer {
    match effect {
        Effect::ResetBefore | Effect::ResetAfter | Effect::SlowHeaders { .. } | Effect::SourceId | Effect::PreviousId => answer,
        Effect::SlowBody { bytes, interval_ms } => drip(answer, *bytes, Duration::from_millis(*interval_ms)),
        Effect::CutBody { keep } => cut(answer, *keep),
        Effect::Status { status, code, message, retry_after, retry_after_form, body } => {
            let code = code.as_deref().unwrap_or(usual_code(*status));
            let message = message.as_deref().unwrap_or("The simulator was told to answer this.");
            let answer = error_body(*status, code, message, *body, route);
            with_retry_after(answer, *retry_after, *retry_after_form, now)
        }
        Effect::Html => Answer::page(200, "Just a moment..."),
        Effect::NoId => with_id(answer, None),
        Effect::OtherId { id } => with_id(answer, Some(id)),
        Effect::InvalidUtf8 => Answer::bytes(200, "application/json", Bytes::from_static(b"{\"id\":\"task-\xff\xfe\xc3\x28\"}")),
        Effect::HugeBody { megabytes } => huge(*megabytes),
        Effect::EmptyBody => Answer::bytes(200, "application/json", Bytes::new()),
        Effect::HalfJson => {
            let bytes = answer.into_bytes();
            Answer::bytes(200, "application/json", bytes.slice(..bytes.len() / 2))
        }
        Effect::NullBody => Answer::json(200, json!(null)),
        Effect::Redirect { location, status } => redirect(*status, location),
        Effect::Gzip => gzipped(answer),
    }
}

/// The code that goes with a status.
fn usual_code(status: u16) -> &'static str {
    match status {
        400 => "invalid_parameters",
        401 => "unauthorized",
        402 => "insufficient_user_quota",
        403 => "permission_denied",
        404 => "task_not_found",
        409 => "paid_outcome_unknown",
        429 => "rate_limit_exceeded",
        502 => "upstream_error",
        503 | 504 => "service_unavailable",
        _ => "internal_error",
    }
}

/// `error.type` as each page writes it.
pub(super) fn error_type(status: u16, route: Route) -> &'static str {
    match (route, status) {
        (Route::Submit, 429) => "rate_limit_error",
        (Route::Submit, 401) => "authentication_error",
        (Route::Submit, 400 | 402 | 403 | 404 | 409) => "invalid_request_error",
        _ => "evo_api_error",
    }
}

fn error_body(status: u16, code: &str, message: &str, shape: ErrorBody, route: Route) -> Answer {
    let kind = error_type(status, route);
    let error = |code: serde_json::Value, message: &str| json!({"error": {"code": code, "message": message, "type": kind}});
    match shape {
        ErrorBody::Error => Answer::json(status, error(json!(code), message)),
        ErrorBody::Integer => Answer::json(status, error(json!(status), message)),
        ErrorBody::Upper => Answer::json(status, error(json!(code.to_uppercase()), message)),
        ErrorBody::Rich => {
            let mut body = error(json!(code), &format!("{message} (request id: req-rich-1)"));
            body["error"]["action_url"] = json!("/dashboard/keys");
            body["error"]["request_id"] = json!("req-rich-1");
            body["error"]["fallback_suggestion"] = json!("try later");
            Answer::json(status, body)
        }
        ErrorBody::Auth => Answer::json(status, json!({"error": code, "error_description": message})),
        ErrorBody::Success => Answer::json(status, json!({"success": false, "code": status, "msg": message})),
        ErrorBody::Message => Answer::json(status, json!({"message": message})),
        ErrorBody::Text => Answer::bytes(status, "text/plain; charset=UTF-8", format!("{message}\n")),
        ErrorBody::Html => Answer::page(status, &format!("{status} {message}")),
        ErrorBody::Empty => Answer { status, headers: Vec::new(), body: Payload::Bytes(Bytes::new()) },
        ErrorBody::Object => Answer::json(status, json!({})),
        ErrorBody::Null => Answer::json(status, json!(null)),
        ErrorBody::Array => Answer::json(status, json!([])),
        ErrorBody::Control => Answer::json(status, error(json!(code), "\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}evil\u{0}\r\n")),
    }
}

/// Adds a `Retry-After` header; a date counts from the simulated time `now`, as `Date` does.
pub(super) fn with_retry_after(answer: Answer, seconds: Option<f64>, form: RetryAfterForm, now: f64) -> Answer {
    let Some(seconds) = seconds else { return answer };
    match form {
        RetryAfterForm::Absent => answer,
        RetryAfterForm::Seconds => answer.with(header::RETRY_AFTER, seconds.to_string()),
        RetryAfterForm::Date => {
            // A date has whole seconds: round up, so that the announced wait is never shorter than the meant one.
            match http_date((now + seconds).ceil()) {
                Some(date) => answer.with(header::RETRY_AFTER, date),
                None => answer,
            }
        }
    }
}

/// A redirect; an empty place means no `Location`.
pub(super) fn redirect(status: u16, location: &str) -> Answer {
    let answer = Answer::bytes(status, "text/plain", Bytes::new());
    if location.is_empty() { answer } else { answer.with(header::LOCATION, location) }
}

/// The same answer packed with gzip, whether the client asked for that or not.
pub(super) fn gzipped(mut answer: Answer) -> Answer {
    let (status, headers) = (answer.status, std::mem::take(&mut answer.headers));
    let packed = gzip(&answer.into_bytes());
    Answer { status, headers, body: Payload::Bytes(packed.into()) }.with(header::CONTENT_ENCODING, "gzip")
}

/// A gzip file (RFC 1952) whose blocks are stored, not squeezed: it need only be valid.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255];
    let blocks = bytes.len().div_ceil(0xFFFF).max(1);
    for n in 0..blocks {
        let block = &bytes[n * 0xFFFF..bytes.len().min((n + 1) * 0xFFFF)];
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        file.push(u8::from(n + 1 == blocks));
        file.extend_from_slice(&length.to_le_bytes());
        file.extend_from_slice(&(!length).to_le_bytes());
        file.extend_from_slice(block);
    }
    file.extend_from_slice(&crc32(bytes).to_le_bytes());
    file.extend_from_slice(&u32::try_from(bytes.len() & 0xFFFF_FFFF).unwrap_or(0).to_le_bytes());
    file
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { (sum >> 1) ^ 0xEDB8_8320 } else { sum >> 1 };
    !bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), step))
}

pub(super) fn with_id(mut answer: Answer, id: Option<&str>) -> Answer {
    if let Payload::Json(body) = &mut answer.body
        && let Some(object) = body.as_object_mut()
    {
        match id {
            Some(id) => object.insert("id".into(), json!(id)),
            None => object.remove("id"),
        };
    }
    answer
}

/// Sends a body in small steps.
fn drip(mut answer: Answer, step: usize, wait: Duration) -> Answer {
    let (status, headers) = (answer.status, std::mem::take(&mut answer.headers));
    let bytes = answer.into_bytes();
    let length = bytes.len();
    let chunks = stream::unfold(bytes, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(wait).await;
        let chunk = rest.split_to(step.clamp(1, rest.len()));
        Some((Ok::<_, Infallible>(chunk), rest))
    });
    Answer { status, headers, body: Payload::Stream(Body::from_stream(chunks)) }.with(header::CONTENT_LENGTH, length.to_string())
}

/// Sends the first bytes of a body and closes the connection.
pub(super) fn cut(mut answer: Answer, keep: usize) -> Answer {
    let (status, headers) = (answer.status, std::mem::take(&mut answer.headers));
    let bytes = answer.into_bytes();
    let length = bytes.len();
    let kept = bytes.slice(..keep.min(length.saturating_sub(1)));
    let chunks = stream::unfold(Some(kept), |kept| async move {
        if let Some(kept) = kept {
            return Some((Ok(kept), None));
        }
        // The server needs a turn to write what it has before it hears of the end.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Some((Err(io::Error::from(io::ErrorKind::ConnectionAborted)), None))
    });
    Answer { status, headers, body: Payload::Stream(Body::from_stream(chunks)) }.with(header::CONTENT_LENGTH, length.to_string())
}

fn huge(megabytes: u64) -> Answer {
    let chunk = Bytes::from(vec![b'x'; 1 << 16]);
    let total = megabytes * 16;
    let chunks = stream::unfold(0_u64, move |n| {
        let bytes = match n {
            0 => Bytes::from_static(b"{\"id\":\"task-unified-1-aaaaaaaa\",\"note\":\""),
            n if n <= total => chunk.clone(),
            _ => Bytes::from_static(b"\"}"),
        };
        async move { (n <= total + 1).then_some((Ok::<_, Infallible>(bytes), n + 1)) }
    });
    let mut answer = Answer::bytes(200, "application/json", Bytes::new());
    answer.body = Payload::Stream(Body::from_stream(chunks));
    answer
}
