//! The paid request of a job: what is posted, and under which key.

use serde::{Deserialize, Serialize};

use super::id::{IdempotencyKey, ImageNumber, TaskId};

/// The model's name on the wire.
pub const ENHANCE_MODEL: &str = "mj-v7-enhance";

/// A paid request as it is made when its job is approved: from then on every attempt, of this store and of any copy of it,
/// is this one, so that the gateway knows a second attempt as such.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PaidRequest {
    /// One key for one paid job.
    pub key: IdempotencyKey,
    /// The request body, byte for byte.
    pub body: String,
}

/// The body of an enhance request: the same bytes for the same request, always.
#[must_use]
pub fn enhance_body(source: &TaskId, image: ImageNumber, callback_url: Option<&str>) -> String {
    // Written by hand so that the order of the fields can never change with a library: a key that is repeated with
    // other bytes would be answered with `idempotency_conflict`.
    let source = serde_json::Value::from(source.as_str());
    let callback = callback_url.map(|url| format!(r#","callback_url":{}"#, serde_json::Value::from(url))).unwrap_or_default();
    format!(r#"{{"model":"{ENHANCE_MODEL}","model_params":{{"task_id":{source},"image_number":{image}}}{callback}}}"#)
}

/// Whether a body is the one for this picture, with any callback address or none.
#[must_use]
pub fn is_enhance_body(body: &str, source: &TaskId, image: ImageNumber) -> bool {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(body) else { return false };
    let callback = match value.get("callback_url") {
        None => None,
        Some(serde_json::Value::String(url)) => Some(url.as_str()),
        Some(_) => return false,
    };
    enhance_body(source, image, callback) == body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_known_by_its_picture_whatever_its_callback() {
        let source = TaskId::new("task-unified-1-a").unwrap();
        let image = ImageNumber::ALL[2];
        for callback in [None, Some("https://example.com/\"x")] {
            assert!(is_enhance_body(&enhance_body(&source, image, callback), &source, image), "{callback:?}");
        }
        let other = TaskId::new("task-unified-1-b").unwrap();
        for body in [
            String::new(),
            "{}".to_owned(),
            enhance_body(&other, image, None),
            enhance_body(&source, ImageNumber::ALL[1], None),
            enhance_body(&source, image, None).replace(ENHANCE_MODEL, "mj-v7"),
            enhance_body(&source, image, None).replace("}}", "},\"speed\":\"turbo\"}"),
            format!(" {}", enhance_body(&source, image, None)),
        ] {
            assert!(!is_enhance_body(&body, &source, image), "{body}");
        }
    }
}
