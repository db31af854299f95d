//! From the service's JSON to our types, tolerant where the reference calls a field optional.
//!
//! Nothing here calls anything. What cannot be read in an optional field counts as missing; what cannot be missing is
//! an error with class [`ErrorClass::InvalidResponse`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::error::ApiError;
use super::fields::{Field, Text, object};
use super::lenient;
use super::links::links;
use super::price::{self, PriceError};
use super::redact::redact;
use super::shapes::{self, TaskError};
use super::{Balance, ListPage, ListQuery, TaskRow};
use crate::job::{
    Billing, ChargeStatus, Credits, ErrorClass, Failure, Model, RefundStatus, TaskId, TaskReport, TaskStatus, text,
};

/// The most of an answer that is kept for people to read, in bytes.
const RAW_MOST: usize = 8 * 1024;

/// Whether an amount can be the price of a task: below zero it would make room under the caps, and what is beyond a
/// million credits would one day overflow the sums.
fn is_plausible(amount: Credits) -> bool {
    (Credits::ZERO..=Credits::from_uc(1_000_000 * Credits::UC_PER_CREDIT)).contains(&amount)
}

/// Whether something stands there and is no amount that a task can cost.
fn is_no_amount(amount: &Field<Credits>) -> bool {
    match amount {
        Field::Missing | Field::Null => false,
        Field::Odd => true,
        Field::Is(amount) => !is_plausible(*amount),
    }
}

fn price_of(amount: Field<Credits>) -> Option<Credits> {
    amount.get().filter(|amount| is_plausible(*amount))
}

/// A word for people: clean, without secrets, short.
fn shown(word: Field<String>, key: &str) -> Option<String> {
    let said = redact(&text::clean(&word.get()?), key);
    Some(text::shorten(&said, 128).into_owned()).filter(|said| !said.is_empty())
}

/// A task's id. One that repeats our key is none: it would carry the key into the store and onto the screen.
fn task_id(id: Field<Text>, key: &str) -> Option<TaskId> {
    let id = TaskId::new(&id.get()?.0).ok()?;
    Some(id).filter(|id| redact(id.as_str(), key) == id.as_str())
}

fn status(word: Field<String>, key: &str) -> TaskStatus {
    let said = shown(word, key).unwrap_or_default();
    match said.to_ascii_lowercase().as_str() {
        "pending" => TaskStatus::Pending,
        "processing" => TaskStatus::Processing,
        "completed" => TaskStatus::Completed,
        "failed" => TaskStatus::Failed,
        "cancelled" | "canceled" => TaskStatus::Cancelled,
        "" => TaskStatus::Other("no status".into()),
        _ => TaskStatus::Other(said),
    }
}

/// Reads a whole answer as JSON; one value that JSON cannot hold does not make it unreadable.
///
/// # Errors
/// When it is no JSON even after a repair ([`lenient::parse`]), or nested deeper than 128 levels.
pub(super) fn json(status: u16, body: &[u8]) -> Result<Value, ApiError> {
    lenient::parse(body).map_err(|_| {
        let what = if body.is_empty() { "it was empty" } else { "it was no valid JSON" };
        ApiError::invalid_response("unreadable_answer", what, status)
    })
}

/// A task object (docs/service.md §4.1, §4.3); `None` where it has no valid id.
///
/// `key` is cut out of all text.
pub(super) fn report(value: &Value, key: &str) -> Option<TaskReport> {
    let task: shapes::TaskObject = object(value);
    let mut report = TaskReport::new(task_id(task.id, key)?, status(task.status, key));
    report.percent = task.progress.get();
    report.seconds_left = task.task_info.estimated_time.get();
    (report.links, report.links_unread) = links(value);
    report.charge_unread = [&task.usage.credits_used, &task.usage.cost.credits].into_iter().any(is_no_amount);
    // Nothing reserved is no price: as one it would be offered for the next job, and hold nothing under a cap.
    report.reserved = price_of(task.usage.credits_reserved).filter(|amount| *amount > Credits::ZERO);
    report.used = task.usage.credits_used.get().or(task.usage.cost.credits.get()).filter(|amount| is_plausible(*amount));
    report.billing = billing(task.billing);
    report.model = shown(task.model, key);
    report.created = task.created.get().or(task.created_at.get());
    report.ended = report.created.zip(task.duration.get()).and_then(|(created, seconds)| {
        let ran = jiff::SignedDuration::try_from_secs_f64(seconds).ok().filter(|ran| !ran.is_negative())?;
        created.checked_add(ran).ok()
    });
    report.request_id = shown(task.request_id, key);
    report.failure = failure(&report.status, task.error, key);
    if let Some(failure) = &mut report.failure {
        failure.request_id.clone_from(&report.request_id);
    }
    report.raw = Some(raw(value, key));
    Some(report)
}

fn failure(status: &TaskStatus, error: Field<TaskError>, key: &str) -> Option<Failure> {
    // A cancelled task without an error is told apart by the code that the vendor's client puts in (docs/service.md §6).
    let missing = match status {
        TaskStatus::Failed => "unknown_error",
        TaskStatus::Cancelled => "request_cancelled",
        // A completed task may say why it has no picture.
        TaskStatus::Completed if error.is_something() => "unknown_error",
        _ => return None,
    };
    let TaskError { code, message, suggestion } = error.get().unwrap_or_default();
    let said = |word: Field<String>| word.get().filter(|word| !word.is_empty());
    let code = said(code);
    let mut message = said(message).unwrap_or_default();
    if let Some(suggestion) = said(suggestion) {
        message = [message, format!("({suggestion})")].join(" ").trim_start().into();
    }
    let clean = |text: &str| redact(&text::clean(text), key);
    Some(Failure::of_task(&clean(code.as_deref().unwrap_or(missing)), &clean(&message)))
}

fn billing(said: shapes::Billing) -> Option<Billing> {
    if said.refund_scope.get()?.0 != "account_balance" {
        return None;
    }
    Some(Billing {
        charge_status: match said.charge_status.get().as_deref() {
            Some("reserved") => ChargeStatus::Reserved,
            Some("charged") => ChargeStatus::Charged,
            Some("released") => ChargeStatus::Released,
            _ => ChargeStatus::Unknown,
        },
        refund_status: match said.refund_status.get().as_deref() {
            Some("not_required") => RefundStatus::NotRequired,
            Some("pending") => RefundStatus::Pending,
            Some("failed") => RefundStatus::Failed,
            Some("completed") => RefundStatus::Completed,
            _ => RefundStatus::Unknown,
        },
        reserved: price_of(said.reserved_credits),
        charged: price_of(said.charged_credits),
        refunded: price_of(said.refunded_credits),
        refunded_at_is_set: said.refunded_at.get().is_some_and(|Text(at)| at.ends_with('Z') && at.parse::<Timestamp>().is_ok()),
    })
}

/// The answer as compact JSON, clean, without secrets, at most [`RAW_MOST`] bytes.
fn raw(value: &Value, key: &str) -> String {
    let mut said = redact(&text::clean(&value.to_string()), key);
    if said.len() > RAW_MOST {
        said.truncate(said.floor_char_boundary(RAW_MOST - '…'.len_utf8()));
        said.push('…');
    }
    said
}

/// The tasks of a batch answer that were asked for, each once (docs/service.md §4.5).
///
/// # Errors
/// When there is no list of tasks in it.
pub(super) fn batch(status: u16, body: &Value, asked: &[TaskId], key: &str) -> Result<Vec<TaskReport>, ApiError> {
    let rows = rows(status, body)?;
    let mut reports: Vec<TaskReport> = Vec::with_capacity(rows.len().min(asked.len()));
    for report in rows.iter().filter_map(|row| report(row, key)) {
        if asked.contains(&report.id) && !reports.iter().any(|known| known.id == report.id) {
            reports.push(report);
        }
    }
    Ok(reports)
}

fn rows(status: u16, body: &Value) -> Result<&Vec<Value>, ApiError> {
    body.get("data")
        .and_then(Value::as_array)
        .ok_or_else(|| ApiError::invalid_response("unreadable_answer", "it has no list in it", status))
}

/// A page of the task list (docs/service.md §4.6).
///
/// # Errors
/// When there is no list, or the answer says that it is another page than asked for.
pub(super) fn list(status_code: u16, body: &Value, query: &ListQuery, key: &str) -> Result<ListPage, ApiError> {
    let page: shapes::ListHead = object(body);
    for (name, asked, said) in [("page", query.page, page.page), ("page_size", query.page_size, page.page_size)] {
        if let Some(said) = said.get()
            && (said - f64::from(asked)).abs() > 0.5
        {
            let message = format!("{name} {asked} was asked for, and {said} came");
            return Err(ApiError::invalid_response("other_page", &message, status_code));
        }
    }
    let row = |row: &Value| {
        let row: shapes::Row = object(row);
        Some(TaskRow {
            id: task_id(row.id, key)?,
            model: shown(row.model, key).unwrap_or_default(),
            status: status(row.status, key),
            percent: row.progress.get(),
            created_at: row.created_at.get().or(row.created.get()),
            result_count: row.result_count.get(),
            used: row.credits_used.get(),
        })
    };
    let (mut readable, mut unreadable) = (Vec::new(), 0);
    for any in rows(status_code, body)? {
        if let Some(row) = row(any) {
            readable.push(row);
        } else {
            let named = any.get("model").and_then(Value::as_str);
            let fits = named.zip(query.model).is_none_or(|(name, model)| model.is_named(name));
            unreadable += usize::from(fits);
        }
    }
    Ok(ListPage { rows: readable, unreadable, total: page.total.get().map(u64::from) })
}

/// The balance (docs/service.md §4.7).
///
/// # Errors
/// When the account's amount is missing, or the key has a limit of its own and its amount is missing.
pub(super) fn balance(status: u16, body: &Value, key: &str) -> Result<Balance, ApiError> {
    let missing =
        |what: &str| ApiError::invalid_response("unreadable_answer", &format!("the balance of {what} is not in it"), status);
    let shapes::Left { user, token } = object(body.get("data").unwrap_or(body));
    let is_unlimited = match token.unlimited_credits {
        Field::Is(said) => said,
        Field::Missing => !token.remaining_credits.is_named(),
        Field::Null | Field::Odd => false,
    };
    // A limit of zero is read as "none": were it meant, the service would refuse the send with 402.
    let daily = token.daily_limit_credits.get().filter(|limit| *limit > Credits::ZERO);
    Ok(Balance {
        account: user.remaining_credits.get().ok_or_else(|| missing("the account"))?,
        key: if is_unlimited { None } else { Some(token.remaining_credits.get().ok_or_else(|| missing("the key"))?) },
        key_today: daily.zip(token.daily_used_credits.get()).map(|(limit, used)| limit - used),
        reset_timezone: shown(token.reset_timezone, key),
    })
}

/// The ids of a model list (docs/service.md §4.8).
///
/// # Errors
/// When there is no list in it.
pub(super) fn models(status: u16, body: &Value, key: &str) -> Result<Vec<String>, ApiError> {
    Ok(rows(status, body)?.iter().filter_map(|row| shown(Field::of(row.get("id").unwrap_or(row)), key)).collect())
}

/// The price of one task of a model, as we ask for it, in a pricing-rules answer.
///
/// # Errors
/// `price_unavailable` where the service says that it sells none now; `price_unclear` where its rules cannot be evaluated with
/// certainty; `price_missing` where the model is not in it.
pub(super) fn price(status: u16, body: &Value, model: Model) -> Result<Credits, ApiError> {
    let parameters: BTreeMap<&str, &str> = model.price_parameters().iter().copied().collect();
    price::published(body, model.wire_name(), &parameters).map_err(|error| {
        let code = match error {
            PriceError::Unavailable(_) => "price_unavailable",
            PriceError::Missing(_) => "price_missing",
            PriceError::Unclear(_) => "price_unclear",
        };
        ApiError::invalid_response(code, &error.to_string(), status)
    })
}

/// How many UC one US dollar buys, by a pricing-rules answer.
pub(super) fn uc_per_usd(body: &Value, model: Model) -> Option<i64> {
    price::uc_per_usd(body, model.wire_name())
}

/// The error in a 200 answer that says `success: false`, or brings an error instead of data (docs/service.md §7.1).
pub(super) fn is_error_body(body: &Value) -> bool {
    body.get("success") == Some(&Value::Bool(false))
        || (body.get("data").is_none() && body.get("error").is_some_and(|error| !error.is_null()))
}

/// The class of an answer that says no with status 200 and names no code.
pub(super) fn soften(mut error: ApiError) -> ApiError {
    if error.class == ErrorClass::InvalidResponse {
        error.class = ErrorClass::Server;
    }
    error
}

#[cfg(test)]
mod tests {
    use super::super::Answer;
    use super::*;
    use proptest::prelude::*;
    use reqwest::header::HeaderMap;
    use serde_json::json;

    use crate::job::Percent;

    fn read(value: &Value) -> TaskReport {
        report(value, "SECRETKEY").unwrap()
    }

    #[test]
    fn a_full_task_object_is_read() {
        let report = read(&json!({
            "id": "task-unified-1790000777-p8w2m5xc", "object": "image.generation.task", "created": 1_790_000_777,
            "model": "mj-v7-enhance", "type": "image", "status": "completed", "progress": 100, "duration": 31.5,
            "results": ["https://files.example/a.png", "https://files.example/a.png", "ftp://x/y", 7, null],
            "result_data": [{"image_url": "http://files.example/b.png"}, {"video_url": "https://files.example/c.mp4"}],
            "task_info": {"estimated_time": 60, "can_cancel": false},
            "usage": {"credits_reserved": 5.4, "credits_used": 5.4, "cost": {"credits": 9}},
            "request_id": "req-1", "extra": {"token": "sk-abcdefghijk"}
        }));
        assert_eq!(report.status, TaskStatus::Completed);
        assert_eq!(report.percent, Percent::new(100));
        assert_eq!(report.seconds_left, Some(60));
        assert_eq!(report.links, ["https://files.example/a.png", "http://files.example/b.png"]);
        assert_eq!((report.reserved, report.used), (Some(Credits::PUBLISHED_PRICE), Some(Credits::PUBLISHED_PRICE)));
        assert_eq!(report.created.map(Timestamp::as_second), Some(1_790_000_777));
        assert_eq!(report.ended.map(Timestamp::as_millisecond), Some(1_790_000_808_500));
        assert_eq!(report.request_id.as_deref(), Some("req-1"));
        let raw = report.raw.unwrap();
        assert!(raw.contains("[cut]") && !raw.contains("sk-abc"), "{raw}");
    }

    #[test]
    fn everything_but_the_id_may_be_missing_null_or_of_another_type() {
        assert_eq!(read(&json!({"id": "a"})).status, TaskStatus::Other("no status".into()));
        let odd = read(&json!({"id": "a", "status": "PENDING", "progress": "45.6", "results": null, "usage": [], "task_info": 7,
            "created": "1790000777", "model": null, "error": null, "billing": "x", "result_data": {"image_url": "https://h/x"}}));
        assert_eq!((odd.status, odd.percent), (TaskStatus::Pending, Percent::new(46)));
        assert_eq!(odd.links, ["https://h/x"]);
        for progress in [json!(-1), json!(101), json!(1e300), json!([]), json!("x"), json!(null), json!(true)] {
            assert_eq!(read(&json!({"id": "a", "progress": progress})).percent, None, "{progress}");
        }
        for no_time in [json!(0), json!(-5), json!(1), json!(1_790_000_777_000_i64), json!("2026-11-27T00:00:00Z")] {
            assert_eq!(read(&json!({"id": "a", "created": no_time})).created, None, "{no_time}");
        }
        assert_eq!(read(&json!({"id": "a", "status": "canceled"})).status, TaskStatus::Cancelled);
        assert_eq!(read(&json!({"id": "a", "status": "par\u{1b}[31mked"})).status, TaskStatus::Other("parked".into()));
        for bad in [json!({}), json!({"id": 7}), json!({"id": ""}), json!({"id": "a b"}), json!([]), json!(null)] {
            assert_eq!(report(&bad, ""), None, "{bad}");
        }
    }

    #[test]
    fn an_amount_that_stands_there_and_is_none_is_not_as_agreed() {
        for (usage, unread) in [
            (json!({}), false),
            (json!({"credits_reserved": null, "credits_used": 0}), false),
            (json!({"credits_reserved": "5.4", "cost": {"credits": 5.4}}), false),
            (json!({"credits_used": -5.4}), true),
            (json!({"credits_used": 2_000_000}), true),
            (json!({"credits_used": "free"}), true),
            (json!({"credits_reserved": [], "cost": {"credits": "much"}}), true),
            (json!({"credits_used": 5.4, "cost": {"credits": 1e30}}), true),
        ] {
            let report = read(&json!({"id": "a", "status": "completed", "usage": usage}));
            assert_eq!(report.charge_unread, unread, "{usage}");
        }
    }

    #[test]
    fn a_failed_task_says_why() {
        let failed = read(&json!({"id": "a", "status": "failed", "error": {"code": "CONTENT_POLICY_VIOLATION",
            "message": "line one\nline two", "suggestion": "other words"}, "request_id": "r"}));
        let failure = failed.failure.unwrap();
        assert_eq!((failure.code.as_str(), failure.class), ("content_policy_violation", ErrorClass::Content));
        assert_eq!(failure.message, "line one line two (other words)");
        assert_eq!(failure.request_id.as_deref(), Some("r"));
        let code = |value: Value| read(&value).failure.map(|failure| failure.code);
        assert_eq!(code(json!({"id": "a", "status": "failed"})).as_deref(), Some("unknown_error"));
        assert_eq!(code(json!({"id": "a", "status": "failed", "error": {"code": 500}})).as_deref(), Some("500"));
        assert_eq!(code(json!({"id": "a", "status": "failed", "error": "service_error"})).as_deref(), Some("service_error"));
        assert_eq!(code(json!({"id": "a", "status": "cancelled"})).as_deref(), Some("request_cancelled"));
        assert_eq!(
            code(json!({"id": "a", "status": "completed", "error": {"code": "moderation_blocked"}})).as_deref(),
            Some("moderation_blocked")
        );
        assert_eq!(code(json!({"id": "a", "status": "completed", "error": null})), None);
    }

    #[test]
    fn refund_evidence_needs_its_scope_and_a_time() {
        let with = |scope: &str, at: &str| {
            read(&json!({"id": "a", "status": "failed", "billing": {"refund_scope": scope, "charge_status": "released",
                "refund_status": "completed", "reserved_credits": 5.4, "refunded_credits": 5.4, "refunded_at": at}}))
            .billing
        };
        assert!(with("account_balance", "2026-11-20T10:00:00Z").unwrap().proves_refund());
        assert!(!with("account_balance", "yesterday Z").unwrap().proves_refund());
        assert_eq!(with("other", "2026-11-20T10:00:00Z"), None);
    }

    #[test]
    fn raw_answers_are_at_most_eight_kilobytes() {
        let raw = read(&json!({"id": "a", "prompt": "ä".repeat(20_000)})).raw.unwrap();
        assert!(raw.len() <= RAW_MOST && raw.ends_with('…'));
    }

    #[test]
    fn hostile_json_is_an_error_and_no_panic() {
        let deep = "[".repeat(100_000);
        for body in [b"".as_slice(), b"{", b"\xff\xfe", b"{\"id\":\"cut", b"<html>", deep.as_bytes()] {
            let error = json(200, body).unwrap_err();
            assert_eq!((error.class, error.status), (ErrorClass::InvalidResponse, Some(200)));
        }
    }

    #[test]
    fn a_batch_keeps_what_was_asked_for_once() {
        let ids = [TaskId::new("a").unwrap(), TaskId::new("b").unwrap()];
        let body = json!({"code": 200, "data": [{"id": "b"}, {"id": "stranger"}, {"id": "b"}, {"id": null}, 7]});
        let got = batch(200, &body, &ids, "").unwrap();
        assert_eq!(got.iter().map(|report| report.id.as_str()).collect::<Vec<_>>(), ["b"]);
        assert!(batch(200, &json!({"code": 200, "data": null}), &ids, "").is_err());
    }

    #[test]
    fn another_page_than_asked_for_is_distrusted() {
        let query = ListQuery { model: Some(Model::Draft), status: None, page: 2, page_size: 50 };
        let row = json!({"id": "a", "model": "mj-v7", "status": "completed", "created_at": 1_790_000_000, "result_count": 4, "credits_used": 2.7});
        let page =
            list(200, &json!({"data": [row, {"id": ""}, {"id": "", "model": "suno-v5"}], "total": 120, "page": 2}), &query, "")
                .unwrap();
        assert_eq!((page.rows.len(), page.total, page.rows[0].result_count), (1, Some(120), Some(4)));
        assert_eq!(page.unreadable, 1, "another model's row cannot be ours");
        assert_eq!(page.rows[0].used, Some(Credits::from_uc(27_000)));
        for wrong in [json!({"data": [], "page": 1}), json!({"data": [], "page_size": 20})] {
            assert_eq!(list(200, &wrong, &query, "").unwrap_err().code, "other_page");
        }
        assert_eq!(list(200, &json!({"rows": []}), &query, "").unwrap_err().code, "unreadable_answer");
    }

    #[test]
    fn balances_keep_their_sign_and_unlimited_keys_have_none() {
        let read = |token: Value| {
            balance(200, &json!({"success": true, "data": {"user": {"remaining_credits": -1.5}, "token": token}}), "")
        };
        let limited = read(json!({"remaining_credits": 50.0, "unlimited_credits": false, "daily_limit_credits": 40.0,
            "daily_used_credits": 48.1, "reset_timezone": "Asia/Shanghai"}))
        .unwrap();
        assert_eq!(limited.account, Credits::from_uc(-15_000));
        assert_eq!((limited.key, limited.key_today), (Some(Credits::from_uc(500_000)), Some(Credits::from_uc(-81_000))));
        assert_eq!(limited.reset_timezone.as_deref(), Some("Asia/Shanghai"));
        assert_eq!(read(json!({"remaining_credits": 1, "unlimited_credits": true})).unwrap().key, None);
        assert_eq!(read(json!(null)).unwrap().key, None);
        assert!(read(json!({"unlimited_credits": false})).is_err());
        assert!(balance(200, &json!({"data": {}}), "").is_err());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            Just(json!("task-unified-1-a")),
            Just(json!("completed")),
            Just(json!("https://h/x.png")),
        ];
        let names = prop_oneof![
            Just("id"),
            Just("status"),
            Just("progress"),
            Just("results"),
            Just("result_data"),
            Just("usage"),
            Just("error"),
            Just("code"),
            Just("data"),
            Just("user"),
            Just("token"),
            Just("remaining_credits"),
            Just("billing"),
            Just("model"),
            Just("components"),
            Just("rate"),
            Just("credits"),
            Just("page"),
            Just("image_url"),
            Just("created"),
            Just("quantity_rule"),
            Just("value"),
            Just("unlimited_credits")
        ];
        leaf.prop_recursive(5, 60, 8, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::vec((names.clone(), inner), 0..8)
                    .prop_map(|fields| Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())),
            ]
        })
    }

    /// A reader of the answers must not find in any JSON that a task is not there, only that it cannot be read.
    fn answer(body: &Value) -> Answer {
        Answer { status: 200, headers: HeaderMap::new(), body: body.to_string().into_bytes() }
    }

    #[test]
    fn a_list_is_no_object_with_its_fields_in_order() {
        assert_eq!(report(&json!(["a", "completed"]), ""), None);
        let report =
            read(&json!({"id": "a", "status": "completed", "usage": [5.4, 5.4], "error": [], "billing": ["account_balance"]}));
        assert_eq!((report.used, report.billing), (None, None));
        assert!(balance(200, &json!({"data": [[7], [1, true]]}), "").is_err());
    }

    proptest! {
        #[test]
        fn no_json_makes_any_reader_panic(body in any_json()) {
            let query = ListQuery { model: None, status: None, page: 1, page_size: 50 };
            if let Some(report) = report(&body, "key") {
                prop_assert!(report.raw.is_some_and(|raw| raw.len() <= RAW_MOST && !raw.chars().any(text::is_unsafe)));
            }
            let _ = (batch(200, &body, &[], "key"), list(200, &body, &query, "key"), balance(200, &body, "key"));
            let _ = (models(200, &body, "key"), price(200, &body, Model::Draft), is_error_body(&body));
        }

        #[test]
        fn an_object_with_an_id_is_a_task_whatever_else_stands_there(mut fields in any_json().prop_filter("an object", Value::is_object)) {
            let id = TaskId::new("task-unified-1-a").unwrap();
            fields["id"] = json!(id.as_str());
            let now = Timestamp::UNIX_EPOCH;
            prop_assert_eq!(answer(&fields).task(&id, "key", now).unwrap().id, id.clone());
            let listed = answer(&json!({"data": [7, fields]})).batch(std::slice::from_ref(&id), "key", now).unwrap();
            prop_assert_eq!(listed.iter().map(|report| &report.id).collect::<Vec<_>>(), [&id]);
            let query = ListQuery { model: None, status: None, page: 1, page_size: 50 };
            let page = answer(&json!({"data": [null, fields]})).list(&query, "key", now).unwrap();
            prop_assert_eq!((page.rows.len(), page.unreadable), (1, 1));
        }

        #[test]
        fn no_json_says_that_a_task_is_not_there(body in any_json()) {
            let id = TaskId::new("task-unified-1-b").unwrap();
            let now = Timestamp::UNIX_EPOCH;
            if let Err(error) = answer(&body).task(&id, "key", now) {
                prop_assert!(!matches!(error.class, ErrorClass::NotFound | ErrorClass::BadSource), "{error:?}");
            }
        }
    }
}
