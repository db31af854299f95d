//! Every answer of the service, as the client reads it.

use jiff::Timestamp;
use mj_enhance::api::{Answer, ApiError, ListQuery};
use mj_enhance::job::{Credits, Failure, TaskId, TaskReport, TaskStatus};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::bytes::Bytes;
use super::errors::check_error;
use super::samples;
use super::text::assert_clean;

/// The key of the pretended account; no text that comes out may hold it.
pub const KEY: &str = "K3yThatNobodyMaySee";

const NAMES: [&str; 5] = ["x-request-id", "x-oneapi-request-id", "retry-after", "date", "idempotency-replayed"];

/// Status and headers by a few bytes, the rest is the body.
pub fn answer(bytes: &mut Bytes<'_>, statuses: &[u16]) -> (u16, HeaderMap) {
    let status = match bytes.byte() {
        255 => 100 + u16::from(bytes.byte()) * 2,
        n => statuses[usize::from(n) % statuses.len()],
    };
    let mut headers = HeaderMap::new();
    let which = bytes.byte();
    for (place, name) in NAMES.into_iter().enumerate() {
        if which & (1 << place) != 0
            && let Ok(value) = HeaderValue::from_bytes(bytes.some(60))
        {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    (status, headers)
}

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let reader = bytes.below(7);
    let (status, headers) = answer(&mut bytes, &[200, 200, 200, 201, 202, 204, 400, 404, 429, 500]);
    let answer = Answer { status, headers, body: bytes.rest().to_vec() };
    let (a, b) = (samples::task(1), samples::task(2));
    let now = samples::at(0);
    let query = ListQuery { model: None, status: None, page: 1, page_size: 50 };
    let error = match reader {
        0 => answer.submitted(KEY, now).map(|done| check_report(&done.report)).err(),
        1 => answer.task(&a, KEY, now).map(|report| assert_eq!(check_report(&report), a, "the task that was asked for")).err(),
        2 => answer.batch(&[a.clone(), b.clone()], KEY, now).map(|reports| check_batch(&reports, &[a, b])).err(),
        3 => answer.list(&query, KEY, now).map(|page| page.rows.iter().for_each(check_row)).err(),
        4 => answer.credits(KEY, now).map(|balance| check_balance(&balance)).err(),
        5 => answer.models(KEY, now).map(|ids| ids.iter().for_each(|id| check_text(id, 128, "a model"))).err(),
        _ => answer
            .price(mj_enhance::job::Model::Draft, KEY, now)
            .map(|price| assert!(price > Credits::ZERO && money(price), "{price}"))
            .err(),
    };
    if let Some(error) = error {
        check_answer_error(&error, status);
    }
}

fn check_answer_error(error: &ApiError, status: u16) {
    check_error(error);
    assert_eq!(error.status, Some(status), "an answer's error names its status");
}

pub fn check_text(said: &str, most: usize, what: &str) {
    assert_clean(said, what);
    assert!(said.chars().count() <= most, "{what} has {} characters", said.chars().count());
    assert!(!said.contains(KEY), "{what} holds the key: {said:?}");
}

pub fn check_failure(failure: &Failure) {
    check_text(&failure.code, 80, "a code");
    check_text(&failure.message, Failure::LONGEST_MESSAGE, "a message");
    check_text(failure.request_id.as_deref().unwrap_or_default(), 128, "a request id");
    check_text(&failure.meaning(), 400, "a meaning");
    assert!(!mj_enhance::job::record::next_step(failure).is_empty());
}

fn money(amount: Credits) -> bool {
    amount.uc().unsigned_abs() < 1 << 62
}

fn check_report(report: &TaskReport) -> TaskId {
    if let TaskStatus::Other(word) = &report.status {
        check_text(word, 128, "a status");
    }
    for link in &report.links {
        let url = url::Url::parse(link).expect("a link is an address");
        assert!(matches!(url.scheme(), "http" | "https") && url.has_host(), "{link}");
        assert_clean(link, "a link");
    }
    assert!(report.links.len() <= 64);
    if let Some(failure) = &report.failure {
        check_failure(failure);
    }
    assert!(report.failure.is_none() || matches!(report.status, TaskStatus::Failed | TaskStatus::Cancelled));
    check_text(report.model.as_deref().unwrap_or_default(), 128, "a model");
    check_text(report.request_id.as_deref().unwrap_or_default(), 128, "a request id");
    check_text(report.raw.as_deref().unwrap_or_default(), 8 * 1024, "a raw answer");
    assert!(report.raw.as_ref().is_some_and(|raw| raw.len() <= 8 * 1024));
    assert!([report.reserved, report.used].into_iter().flatten().all(money));
    assert!(report.created.is_none_or(|created| created >= Timestamp::UNIX_EPOCH));
    let (_, amount) = report.charge();
    assert!(amount.is_none_or(money));
    report.id.clone()
}

fn check_batch(reports: &[TaskReport], asked: &[TaskId]) {
    for (place, report) in reports.iter().enumerate() {
        let id = check_report(report);
        assert!(asked.contains(&id), "{id} was not asked for");
        assert!(reports[..place].iter().all(|other| other.id != id), "{id} comes once");
    }
}

fn check_row(row: &mj_enhance::api::TaskRow) {
    check_text(&row.model, 128, "a model");
    assert!(row.used.is_none_or(money));
}

fn check_balance(balance: &mj_enhance::api::Balance) {
    assert!(balance.usable() >= Credits::ZERO);
    assert!(balance.usable() <= balance.account.max(Credits::ZERO));
    check_text(balance.reset_timezone.as_deref().unwrap_or_default(), 128, "a time zone");
}
