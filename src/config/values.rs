//! Values of the file, each from TOML to its type; a mistake is a fragment that reads well after the option's name.

use std::time::Duration;

use toml::de::DeValue;

use super::{Switch, units};
use crate::job::{Credits, text as clean_text};

/// A cap that was set: to an amount, or to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap(pub Option<Credits>);

/// What is wrong with a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WrongValue {
    /// The fragment.
    pub what: String,
    /// It says already how to write the value.
    pub says_how: bool,
}

impl From<String> for WrongValue {
    fn from(what: String) -> Self {
        Self { what, says_how: false }
    }
}

/// A value that is always something, as the table of options takes it.
pub fn some<T, E>(read: Result<T, E>) -> Result<Option<T>, E> {
    read.map(Some)
}

/// A text; an empty one is "not said".
pub fn optional(value: &DeValue<'_>) -> Result<Option<String>, String> {
    Ok(Some(text(value)?).filter(|text| !text.is_empty()))
}

fn not_this(value: &DeValue<'_>) -> String {
    let article = if value.type_str().starts_with(['a', 'i', 'o']) { "an" } else { "a" };
    format!("is {article} {}", value.type_str())
}

pub fn text(value: &DeValue<'_>) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| not_this(value))
}

/// A list of nothing but texts.
pub fn texts(value: &DeValue<'_>) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
}

pub fn flag(value: &DeValue<'_>) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| not_this(value))
}

/// A program with its arguments; empty for none.
pub fn argv(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let list = texts(value).ok_or_else(|| match value {
        DeValue::Array(_) => "is a list with something else than texts in it".to_owned(),
        other => not_this(other),
    })?;
    if list.first().is_some_and(String::is_empty) { Err("names no program".to_owned()) } else { Ok(list) }
}

pub fn template(value: &DeValue<'_>) -> Result<Option<String>, String> {
    let template = text(value)?;
    units::check_template(&template)?;
    Ok(Some(template))
}

pub fn callback(value: &DeValue<'_>) -> Result<Option<String>, String> {
    let address = optional(value)?;
    if let Some(address) = &address {
        units::check_callback(address)?;
    }
    Ok(address)
}

fn integer(value: &DeValue<'_>) -> Option<i128> {
    let number = value.as_integer()?;
    i128::from_str_radix(number.as_str(), number.radix()).ok()
}

pub fn whole(value: &DeValue<'_>, least: u32, most: u32) -> Result<u32, String> {
    let number = integer(value).ok_or_else(|| not_this(value))?;
    match u32::try_from(number) {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("{number} is out of range")),
    }
}

/// A size in bytes: `"200MB"`, or a whole number of bytes.
pub fn size(value: &DeValue<'_>, least: u64, most: u64) -> Result<u64, String> {
    let bytes = match value.as_str() {
        Some(text) => units::parse_size(text)?,
        None => integer(value).and_then(|number| u64::try_from(number).ok()).ok_or_else(|| not_this(value))?,
    };
    if (least..=most).contains(&bytes) { Ok(bytes) } else { Err("is out of range".to_owned()) }
}

/// The same, or `"auto"`.
pub fn size_or_auto(value: &DeValue<'_>, least: u64, most: u64) -> Result<Option<u64>, String> {
    if value.as_str() == Some("auto") { Ok(None) } else { size(value, least, most).map(Some) }
}

/// A duration, by the rules of the command line: a number needs its unit, except for 0.
pub fn duration(value: &DeValue<'_>, least: Duration, most: Duration) -> Result<Duration, WrongValue> {
    let parse = |text: &str| units::parse_duration(text).map_err(|what| WrongValue { what, says_how: true });
    let duration = match value {
        DeValue::String(text) => parse(text)?,
        DeValue::Integer(_) => parse(&integer(value).unwrap_or(-1).to_string())?,
        other => return Err(not_this(other).into()),
    };
    if (least..=most).contains(&duration) {
        Ok(duration)
    } else {
        Err(format!("{} is out of range", units::duration_words(duration)).into())
    }
}

pub fn cap(value: &DeValue<'_>) -> Result<Cap, String> {
    let text = match value {
        DeValue::String(text) if text.trim().eq_ignore_ascii_case("none") => return Ok(Cap(None)),
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(_) => integer(value).unwrap_or(-1).to_string(),
        DeValue::Float(number) => number.as_str().trim_start_matches('+').to_owned(),
        other => return Err(not_this(other)),
    };
    let amount: Credits = text.parse().map_err(|_| format!("{:?} is not an amount", clean_text::clean(&text)))?;
    if amount < Credits::ZERO { Err(format!("{amount} is below zero")) } else { Ok(Cap(Some(amount))) }
}

pub fn switch(value: &DeValue<'_>) -> Result<Switch, String> {
    match value {
        DeValue::Boolean(true) => Ok(Switch::On),
        DeValue::Boolean(false) => Ok(Switch::Off),
        other => word(other, &[("auto", Switch::Auto)]),
    }
}

/// One of a few words.
pub fn word<T: Copy>(value: &DeValue<'_>, words: &[(&str, T)]) -> Result<T, String> {
    let text = value.as_str().ok_or_else(|| not_this(value))?;
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
        let hint = units::nearest(text, words.iter().map(|(word, _)| *word));
        let shown = clean_text::clean(text);
        hint.map_or_else(
            || format!("{shown:?} is not known"),
            |near| format!("{shown:?} is not known, perhaps {near:?} is meant"),
        )
    })
}
