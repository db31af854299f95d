//! What came in, before anybody has looked at it.

use axum::body::Bytes;
use axum::http::{HeaderMap, Method};

/// A request taken apart.
pub(super) struct Call {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}
