//! Fields of an answer as they come: a code may be a string or a number.

use serde_json::Value;

/// A string, or a number written out; nothing else.
pub(super) fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
