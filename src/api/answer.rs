//! What an answer says, once all of it is here. Nothing here calls anything, so every answer can be tried without a line.

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap};
use serde_json::Value;

use super::error::{ApiError, request_id};
use super::{Balance, ListPage, ListQuery, Submitted, retry_after, wire};
use crate::job::{Credits, Model, TaskId, TaskReport};

/// An answer as it came. `key` is cut out of every text that is read from it; `now` is what dates in it are counted from.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, unpacked; of an error perhaps only its head.
    pub body: Vec<u8>,
}

impl Answer {
    /// The answer to the paid request (docs/service.md §4.1).
    ///
    /// # Errors
    /// What the service said instead, or `unreadable_answer`, `no_task_id`, `refused_with_task`.
    pub fn submitted(&self, key: &str, now: Timestamp) -> Result<Submitted, ApiError> {
        // Only a refusal without a task is one (docs/service.md §7.3): this one may have been paid for.
        if !(200..300).contains(&self.status) && self.names_a_task() {
            return Err(self.invalid_response("refused_with_task", "it refuses the request and names a task", key));
        }
        let body = self.json(key, now)?;
        let replayed = self.headers.get("idempotency-replayed").is_some_and(|said| said.as_bytes().eq_ignore_ascii_case(b"true"));
        let report = self.report(&body, key).ok_or_else(|| self.invalid_response("no_task_id", "it names no task", key))?;
        Ok(Submitted { report, replayed })
    }

    /// The task that was asked for (docs/service.md §4.3).
    ///
    /// # Errors
    /// What the service said instead, or `unreadable_answer`, `other_task`.
    pub fn task(&self, id: &TaskId, key: &str, now: Timestamp) -> Result<TaskReport, ApiError> {
        let body = self.json(key, now)?;
        // Other calls have their answer under `data`; whatever stands there counts only with the very id that was asked for.
        let inner = || body.get("data").and_then(|data| self.report(data, key)).filter(|report| report.id == *id);
        let report = match self.report(&body, key).or_else(inner) {
            Some(report) => report,
            // A failed task has an `error` too, so only an answer without an id is taken as a refusal.
            None if wire::is_error_body(&body) => return Err(wire::soften(self.refused(key, now))),
            None => return Err(self.invalid_response("unreadable_answer", "it names no task", key)),
        };
        if report.id == *id {
            Ok(report)
        } else {
            Err(self.invalid_response("other_task", &format!("{id} was asked for, and {} came", report.id), key))
        }
    }

    /// Those of the asked tasks that are in it (docs/service.md §4.5).
    ///
    /// # Errors
    /// What the service said instead, or `unreadable_answer`.
    pub fn batch(&self, asked: &[TaskId], key: &str, now: Timestamp) -> Result<Vec<TaskReport>, ApiError> {
        let body = self.data(key, now)?;
        let mut reports = wire::batch(self.status, &body, asked, key).map_err(|error| self.named(error, key))?;
        for report in &mut reports {
            let id = report.request_id.take().or_else(|| request_id(&self.headers, key));
            report.request_id = id;
        }
        Ok(reports)
    }

    /// A page of the task list (docs/service.md §4.6).
    ///
    /// # Errors
    /// What the service said instead, or `unreadable_answer`, `other_page`.
    pub fn list(&self, query: &ListQuery, key: &str, now: Timestamp) -> Result<ListPage, ApiError> {
        let body = self.data(key, now)?;
        wire::list(self.status, &body, query, key).map_err(|error| self.named(error, key))
    }

    /// What the service's clock showed (`Date`, RFC 9110 §6.6.1).
    #[must_use]
    pub fn date(&self) -> Option<Timestamp> {
        self.headers.get(DATE)?.to_str().ok().and_then(retry_after::http_date)
    }

    /// The balance (docs/service.md §4.7).
    ///
    /// # Errors
    /// What the service said instead, or `unreadable_answer`.
    pub fn credits(&self, key: &str, now: Timestamp) -> Result<Balance, ApiError> {
        let body = self.data(key, now)?;
        wire::balance(self.status, &body, key).map_err(|error| self.named(error, key))
    }

    /// The model ids (docs/service.md §4.8).
    ///
    /// # Errors
    /// What the service said instead, or `unreadable_answer`.
    pub fn models(&self, key: &str, now: Timestamp) -> Result<Vec<String>, ApiError> {
        let body = self.data(key, now)?;
        wire::models(self.status, &body, key).map_err(|error| self.named(error, key))
    }

    /// The price of one task of a model, as we ask for it (docs/service.md §4.9).
    ///
    /// # Errors
    /// What the service said instead, or `price_unclear`.
    pub fn price(&self, model: Model, key: &str, now: Timestamp) -> Result<Credits, ApiError> {
        let body = self.data(key, now)?;
        wire::price(self.status, &body, model).map_err(|error| self.named(error, key))
    }

    /// How many UC one US dollar buys, by the same answer; `None` where it does not say.
    #[must_use]
    pub fn uc_per_usd(&self, model: Model, key: &str, now: Timestamp) -> Option<i64> {
        wire::uc_per_usd(&self.data(key, now).ok()?, model)
    }

    /// The error that it is, in any of the shapes of docs/service.md §7.1.
    #[must_use]
    pub fn refused(&self, key: &str, now: Timestamp) -> ApiError {
        ApiError::from_answer(self.status, &self.headers, &self.body, key, now)
    }

    /// The JSON of an answer that must be 2xx.
    fn json(&self, key: &str, now: Timestamp) -> Result<Value, ApiError> {
        if !(200..300).contains(&self.status) {
            return Err(self.refused(key, now));
        }
        wire::json(self.status, &self.body).map_err(|error| self.named(error, key))
    }

    /// The same for reads, where a 200 may still say no.
    fn data(&self, key: &str, now: Timestamp) -> Result<Value, ApiError> {
        let body = self.json(key, now)?;
        if wire::is_error_body(&body) { Err(wire::soften(self.refused(key, now))) } else { Ok(body) }
    }

    /// Whether it is a task's object, whatever else it says.
    fn names_a_task(&self) -> bool {
        let is_task = |value: Option<&Value>| {
            let id = value.and_then(|value| value.get("id")).and_then(Value::as_str);
            id.is_some_and(|id| id.starts_with(TaskId::PREFIX) && TaskId::new(id).is_ok())
        };
        let Ok(body) = wire::json(self.status, &self.body) else { return false };
        is_task(Some(&body)) || is_task(body.get("data"))
    }

    fn report(&self, body: &Value, key: &str) -> Option<TaskReport> {
        let mut report = wire::report(body, key)?;
        let id = report.request_id.take().or_else(|| request_id(&self.headers, key));
        if let Some(failure) = report.failure.as_mut().filter(|failure| failure.request_id.is_none()) {
            failure.request_id.clone_from(&id);
        }
        report.request_id = id;
        Some(report)
    }

    fn invalid_response(&self, code: &str, message: &str, key: &str) -> ApiError {
        self.named(ApiError::invalid_response(code, message, self.status), key)
    }

    fn named(&self, mut error: ApiError, key: &str) -> ApiError {
        error.request_id = request_id(&self.headers, key);
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::ErrorClass;

    #[test]
    fn a_task_counts_under_data_too_with_the_very_id_that_was_asked_for() {
        let id = TaskId::new("task-unified-1-a").unwrap();
        let task = |body: &str| {
            let answer = Answer { status: 200, headers: HeaderMap::new(), body: body.as_bytes().to_vec() };
            answer.task(&id, "", Timestamp::UNIX_EPOCH)
        };
        let wrapped =
            r#"{"code":200,"message":"ok","data":{"id":"task-unified-1-a","status":"completed","results":["https://h/a.png"]}}"#;
        assert_eq!(task(wrapped).unwrap().links, ["https://h/a.png"]);
        for other in [
            r#"{"code":200,"data":{"id":"task-unified-1-b","status":"completed"}}"#,
            r#"{"code":200,"data":[{"id":"task-unified-1-a","status":"completed"}]}"#,
            r#"{"code":200,"data":null}"#,
            r#"{"id":"task-unified-1-b","data":{"id":"task-unified-1-a","status":"completed"}}"#,
        ] {
            assert_eq!(task(other).unwrap_err().class, ErrorClass::InvalidResponse, "{other}");
        }
    }

    #[test]
    fn a_refusal_that_names_a_task_is_none() {
        let submitted = |status: u16, body: &str| {
            let answer = Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() };
            answer.submitted("", Timestamp::UNIX_EPOCH).unwrap_err()
        };
        for status in [400, 402, 404, 409, 429] {
            for body in [
                r#"{"id":"task-unified-1-a","status":"pending","error":{"code":"odd"}}"#,
                r#"{"code":400,"data":{"id":"task-unified-1-a"}}"#,
            ] {
                assert_eq!(submitted(status, body).class, ErrorClass::InvalidResponse, "{status} {body}");
            }
        }
        // The draft that was asked for is no task that was made, nor is the number of a request.
        for body in [
            r#"{"error":{"code":"invalid_parameters","task_id":"task-unified-1-a"},"task_id":"task-unified-1-a"}"#,
            r#"{"id":"req-1","error":{"code":"invalid_parameters"}}"#,
        ] {
            assert_eq!(submitted(400, body).class, ErrorClass::BadRequest, "{body}");
        }
    }

    #[test]
    fn a_key_that_is_echoed_as_a_request_id_is_cut_out() {
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", "req-SECRETKEY-1".parse().unwrap());
        let id = TaskId::new("task-unified-1-a").unwrap();
        let answer = |body: &str| Answer { status: 200, headers: headers.clone(), body: body.as_bytes().to_vec() };
        let report =
            answer(r#"{"id":"task-unified-1-a","status":"failed"}"#).task(&id, "SECRETKEY", Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(report.request_id.as_deref(), Some("req-[cut]-1"));
        assert_eq!(report.failure.unwrap().request_id.as_deref(), Some("req-[cut]-1"));
        let error = answer("{}").task(&id, "SECRETKEY", Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!(error.request_id.as_deref(), Some("req-[cut]-1"));
    }
}
