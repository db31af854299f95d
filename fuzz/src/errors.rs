//! Error answers, in the shapes of docs/service.md §7.1 and in none.

use std::time::Duration;

use mj_enhance::api::{Answer, ApiError, PaidVerdict};

use super::answers::{KEY, answer, check_failure, check_text};
use super::bytes::Bytes;
use super::samples;

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let (status, headers) =
        answer(&mut bytes, &[400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 520, 200, 302]);
    let answer = Answer { status, headers, body: bytes.rest().to_vec() };
    let error = answer.refused(KEY, samples::at(0));
    assert_eq!(error.status, Some(status));
    assert_eq!(answer.refused(KEY, samples::at(0)), error, "the same answer is the same error");
    check_error(&error);
    // What is not the request's own fault never counts as proof that nothing was made, but for the admission's own codes.
    match error.paid() {
        PaidVerdict::Lost(_) | PaidVerdict::Unpaid | PaidVerdict::Barred => {}
        PaidVerdict::NotNow | PaidVerdict::Rejected => {
            assert!((400..=499).contains(&status) && status != 408, "{status} proves nothing: {error:?}");
        }
    }
    if status == 409 && error.code == "http_409" {
        assert!(matches!(error.paid(), PaidVerdict::Lost(_)), "{error:?}");
    }
}

pub fn check_error(error: &ApiError) {
    check_text(&error.sentence(), 2_800, "a sentence");
    assert_eq!(error.to_string(), error.sentence());
    assert!(!error.sentence().trim().is_empty() && !error.code.is_empty(), "{error:?}");
    check_failure(&error.failure());
    assert_eq!(error.failure().message, error.message, "what is kept is what was said");
    check_text(&error.message, 2_000, "a message");
    check_text(error.request_id.as_deref().unwrap_or_default(), 128, "a request id");
    assert!(error.retry_after.is_none_or(|wait| wait <= Duration::from_hours(24)), "{error:?}");
}
