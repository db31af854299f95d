//! Fields of an answer as they come: a code may be a string or a number, an amount a decimal string, anything missing.
//!
//! Reading an object never fails: what cannot be read in one field says nothing about the others.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::job::{Credits, Percent};

/// A field of an answer. What stands there and cannot be read is told apart from what is not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Field<T> {
    /// The object has no such field.
    #[default]
    Missing,
    /// `null`.
    Null,
    /// Something else than expected.
    Odd,
    /// What was expected.
    Is(T),
}

impl<T> Field<T> {
    /// What was read.
    pub(super) fn get(self) -> Option<T> {
        match self {
            Self::Is(read) => Some(read),
            Self::Missing | Self::Null | Self::Odd => None,
        }
    }

    /// Whether the object has such a field, be it null.
    pub(super) const fn is_named(&self) -> bool {
        !matches!(self, Self::Missing)
    }

    /// Whether something stands there, readable or not.
    pub(super) const fn is_something(&self) -> bool {
        matches!(self, Self::Odd | Self::Is(_))
    }
}

/// What can be read from a JSON value of more than one type.
pub(super) trait FromField: Sized {
    /// The value, or nothing where it is of no type that is taken.
    fn read(value: &Value) -> Option<Self>;
}

impl<T: FromField> Field<T> {
    /// A field with this value.
    pub(super) fn of(value: &Value) -> Self {
        match T::read(value) {
            Some(read) => Self::Is(read),
            None if value.is_null() => Self::Null,
            None => Self::Odd,
        }
    }
}

impl<'de, T: FromField> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self::of(&value))
    }
}

/// An object; one without any field where there is none. `T` has only fields that cannot fail, all with a default.
pub(super) fn object<T: DeserializeOwned + Default>(value: &Value) -> T {
    // serde would take a list for the fields in their order.
    if value.is_object() { T::deserialize(value).unwrap_or_default() } else { T::default() }
}

/// The same for a field.
pub(super) fn nested<'de, T: DeserializeOwned + Default, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Value::deserialize(deserializer).map(|value| object(&value))
}

/// A string, or a number written out; nothing else.
pub(super) fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// See [`word`].
impl FromField for String {
    fn read(value: &Value) -> Option<Self> {
        word(value)
    }
}

/// A string exactly as it came; no number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Text(pub(super) String);

impl FromField for Text {
    fn read(value: &Value) -> Option<Self> {
        value.as_str().map(|text| Self(text.to_owned()))
    }
}

impl FromField for bool {
    fn read(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

/// A finite number, also where it was sent as a string.
impl FromField for f64 {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().trim_end_matches('%').parse().ok(),
            _ => None,
        }
        .filter(|number: &Self| number.is_finite())
    }
}

/// A whole number, rounded, from zero up.
impl FromField for u32 {
    fn read(value: &Value) -> Option<Self> {
        let number = f64::read(value)?.round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range is checked in the same expression"
        )]
        (0.0..=f64::from(Self::MAX)).contains(&number).then_some(number as Self)
    }
}

impl FromField for Percent {
    fn read(value: &Value) -> Option<Self> {
        Self::new(i64::from(u32::read(value)?))
    }
}

/// An amount, as a number or a decimal string with any count of digits.
impl FromField for Credits {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => text.trim().parse().ok().or_else(|| Self::from_json_number(f64::read(value)?)),
            _ => Self::from_json_number(f64::read(value)?),
        }
    }
}

/// Seconds since 1970, of a time at which the service can have done something: zero, like any time before this century, stands for one
/// that is not known.
impl FromField for Timestamp {
    fn read(value: &Value) -> Option<Self> {
        let second = f64::read(value)?.trunc();
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked in the same expression")]
        (1e9..=1e11).contains(&second).then_some(second as i64).and_then(|second| Self::from_second(second).ok())
    }
}
