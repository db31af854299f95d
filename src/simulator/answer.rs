//! Answers before they become HTTP, and refused requests.

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

/// What a route answers.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: Vec<(HeaderName, String)>,
    pub body: Payload,
}

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Payload {
    Json(Value),
    Bytes(Bytes),
    Stream(Body),
}

impl Answer {
    pub(super) fn json(status: u16, body: Value) -> Self {
        let headers = vec![(header::CONTENT_TYPE, "application/json; charset=utf-8".to_owned())];
        Self { status, headers, body: Payload::Json(body) }
    }

    pub(super) fn bytes(status: u16, media_type: &str, body: impl Into<Bytes>) -> Self {
        let headers = vec![(header::CONTENT_TYPE, media_type.to_owned())];
        Self { status, headers, body: Payload::Bytes(body.into()) }
    }

    pub(super) fn page(status: u16, title: &str) -> Self {
        let page =
            format!("<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1><hr>nginx</body></html>\n");
        Self::bytes(status, "text/html; charset=utf-8", page)
    }

    #[must_use]
    pub(super) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Replaces the media type.
    pub(super) fn set_media_type(&mut self, media_type: Option<&str>) {
        self.headers.retain(|(name, _)| name != header::CONTENT_TYPE);
        if let Some(media_type) = media_type {
            self.headers.push((header::CONTENT_TYPE, media_type.to_owned()));
        }
    }

    /// The body as bytes; empty for a stream.
    pub(super) fn into_bytes(self) -> Bytes {
        match self.body {
            Payload::Json(value) => Bytes::from(written(&value)),
            Payload::Bytes(bytes) => bytes,
            Payload::Stream(_) => Bytes::new(),
        }
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let body = match self.body {
            Payload::Json(value) => Body::from(written(&value)),
            Payload::Bytes(bytes) => Body::from(bytes),
            Payload::Stream(body) => body,
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// Begins the placeholder of something that JSON cannot hold; nobody else uses this character.
const ODD: char = '\u{F8FF}';

/// A value that is written as `text`, which need not be JSON.
pub(super) fn odd(text: &str) -> Value {
    Value::String(format!("{ODD}{text}{ODD}"))
}

fn written(value: &Value) -> String {
    let text = value.to_string();
    if !text.contains(ODD) {
        return text;
    }
    let mut parts = text.split(ODD);
    let mut written = parts.next().unwrap_or_default().to_owned();
    while let Some(odd) = parts.next() {
        // The quotation marks around a placeholder go; what JSON put before quotation marks and backslashes too.
        written.pop();
        written.push_str(&odd.replace("\\\"", "\"").replace("\\\\", "\\"));
        written.push_str(parts.next().and_then(|rest| rest.strip_prefix('"')).unwrap_or_default());
    }
    written
}

/// Removes a field; a dot leads below another field, and into every element of a list.
pub(super) fn remove_field(value: &mut Value, path: &str) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(|one| remove_field(one, path)),
        Value::Object(fields) => match path.split_once('.') {
            Some((first, rest)) => fields.get_mut(first).into_iter().for_each(|below| remove_field(below, rest)),
            None => drop(fields.remove(path)),
        },
        _ => {}
    }
}

/// A refused request.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refusal {
    pub status: u16,
    pub code: String,
    pub message: String,
    pub param: Option<String>,
    /// Further fields of `error`.
    pub extra: Map<String, Value>,
    /// A wait to announce, in real seconds.
    pub retry_after: Option<f64>,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), param: None, extra: Map::new(), retry_after: None }
    }

    /// 400 `invalid_parameters` about one field.
    pub(super) fn field(param: &str, message: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..Self::new(400, "invalid_parameters", message) }
    }

    #[must_use]
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.into(), value.into());
        self
    }

    /// As a body of shape 1 or 3; the credits page uses integer codes (shape 2).
    pub(super) fn answer(&self, kind: &str, integer_code: bool) -> Answer {
        let code = if integer_code { json!(self.status) } else { json!(self.code) };
        let mut error = json!({"code": code, "message": self.message, "type": kind});
        if let Some(object) = error.as_object_mut() {
            if let Some(param) = &self.param {
                object.insert("param".into(), json!(param));
            }
            object.extend(self.extra.clone());
        }
        Answer::json(self.status, json!({ "error": error }))
    }
}
