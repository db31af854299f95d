//! Names of things: our job ids, the service's task ids, picture numbers, tags and idempotency keys.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::text;

/// Our own short name of a job: 40 bits, written as eight lower-case characters of Crockford's base 32.
///
/// It carries no meaning; the line order and the times are fields of the job.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(u64);

/// Crockford's alphabet without `i`, `l`, `o` and `u`, in lower case.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl JobId {
    /// How many characters an id is written with.
    pub const WIDTH: usize = 8;
    const MASK: u64 = (1 << 40) - 1;

    /// Makes an id from random bits; only the low 40 bits count.
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self(bits & Self::MASK)
    }

    /// The 40 bits, for the store.
    #[must_use]
    pub fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = [0_u8; Self::WIDTH];
        for (place, slot) in out.iter_mut().enumerate() {
            let shift = 5 * (Self::WIDTH - 1 - place);
            *slot = ALPHABET[usize::try_from((self.0 >> shift) & 31).unwrap_or(0)];
        }
        f.pad(std::str::from_utf8(&out).unwrap_or("????????"))
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobId({self})")
    }
}

/// Why a piece of text is not the name it was taken for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(String);

impl FromStr for JobId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong =
            || NameError(format!("{:?} is not a job id: one has 8 letters and digits, as `list` shows it", text::clean(text)));
        if text.len() != Self::WIDTH {
            return Err(wrong());
        }
        let mut bits = 0;
        for byte in text.bytes() {
            let digit = ALPHABET.iter().position(|known| *known == byte.to_ascii_lowercase()).ok_or_else(wrong)?;
            bits = (bits << 5) | digit as u64;
        }
        Ok(Self(bits))
    }
}

impl Serialize for JobId {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for JobId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The service's id of a task, ours or a draft's.
///
/// Accepted are the forms that the vendor's client accepts: 1 to 128 characters of `A–Z a–z 0–9 . _ : -` (docs/service.md §4.1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaskId(Box<str>);

impl TaskId {
    /// What ids of readable tasks begin with; others are answered with `invalid_task_id` (docs/service.md §4.3).
    pub const PREFIX: &str = "task-unified-";

    /// Checks the form.
    ///
    /// # Errors
    /// When the text is empty, longer than 128 characters, or has a character outside the set.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let fits = (1..=128).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-'));
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(NameError(format!("{:?} is not a task id", text::shorten(&text::clean(text), 40))))
        }
    }

    /// The id as the service writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The telling end of the id: what follows the last hyphen, at most eight characters.
    #[must_use]
    pub fn short(&self) -> &str {
        let tail = self.0.rsplit('-').next().unwrap_or(&self.0);
        &tail[tail.len().saturating_sub(8)..]
    }

    /// When the task was made, where its name says so: `task-unified-1795355900-r7u2k9aa`, in seconds.
    #[must_use]
    pub fn made_at(&self) -> Option<Timestamp> {
        let seconds = self.0.strip_prefix(Self::PREFIX)?.split('-').next()?.parse().ok()?;
        Timestamp::from_second(seconds).ok()
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskId({})", self.0)
    }
}

impl TryFrom<String> for TaskId {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl From<TaskId> for String {
    fn from(id: TaskId) -> Self {
        id.0.into()
    }
}

/// Which picture of a draft: 0 to 3, as the service counts them (docs/service.md §10).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct ImageNumber(u8);

impl ImageNumber {
    /// All four, in order.
    pub const ALL: [Self; 4] = [Self(0), Self(1), Self(2), Self(3)];

    /// The number as it is sent.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for ImageNumber {
    type Error = NameError;

    fn try_from(number: u8) -> Result<Self, NameError> {
        if number < 4 {
            Ok(Self(number))
        } else {
            Err(NameError(format!("picture {number} does not exist: a draft has pictures 0 to 3")))
        }
    }
}

impl From<ImageNumber> for u8 {
    fn from(number: ImageNumber) -> Self {
        number.0
    }
}

impl fmt::Display for ImageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A word of the user's that groups jobs: 1 to 32 characters without spaces, commas, colons, slashes and control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(Box<str>);

impl Tag {
    /// Checks the form.
    ///
    /// # Errors
    /// When the word is empty, too long, or has a character that would break a file name, a query or a screen.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let bad =
            |c: char| c.is_whitespace() || text::is_unsafe(c) || matches!(c, ',' | ':' | '/' | '\\' | '"' | '\'' | '{' | '}');
        let count = text.chars().count();
        if count == 0 || count > 32 || text.starts_with('.') || text.contains(bad) {
            return Err(NameError(format!(
                "{:?} is not a tag: use 1 to 32 characters without spaces, commas, colons, quotes, braces and slashes, not beginning with a dot",
                text::shorten(&text::clean(text), 40)
            )));
        }
        Ok(Self(text.into()))
    }

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Tag {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0.into()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The name of one paid job towards the service: 16 to 96 characters of `A–Z a–z 0–9 . _ -` (docs/service.md §3.1).
///
/// It is written to disk before the send and repeated with every repeat of that request, never with another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdempotencyKey(Box<str>);

impl IdempotencyKey {
    /// Makes a key from 128 random bits, as a random UUID (RFC 9562, version 4) behind our name.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(format!("mj-enhance-{}", uuid::Builder::from_random_bytes(bytes).into_uuid()).into())
    }

    /// Checks the form.
    ///
    /// # Errors
    /// When the length or a character is outside what the service takes.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let fits =
            (16..=96).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if fits { Ok(Self(text.into())) } else { Err(NameError("not an idempotency key".into())) }
    }

    /// The key as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for IdempotencyKey {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl From<IdempotencyKey> for String {
    fn from(key: IdempotencyKey) -> Self {
        key.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_ids_read_back_as_they_are_written() {
        for bits in [0, 1, 31, 32, 0x00ff_1234_5678, JobId::MASK] {
            let id = JobId::from_bits(bits);
            assert_eq!(id.to_string().len(), JobId::WIDTH);
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(id.to_string().to_uppercase().parse(), Ok(id), "a shouted id is the same id");
        }
        assert!("abc".parse::<JobId>().is_err());
        assert!("abcdefgi".parse::<JobId>().is_err(), "i is not in the alphabet");
    }

    #[test]
    fn task_ids_keep_to_the_service_form() {
        assert_eq!(TaskId::new("task-unified-1790000777-p8w2m5xc").unwrap().short(), "p8w2m5xc");
        let made_at = |task| TaskId::new(task).unwrap().made_at().map(Timestamp::as_second);
        assert_eq!(made_at("task-unified-1790000777-p8w2m5xc"), Some(1_790_000_777));
        for other in ["task-unified-now-p8w2m5xc", "task-1790000777-p8w2m5xc", "task-unified-99999999999999999-a"] {
            assert_eq!(made_at(other), None, "{other}");
        }
        assert!(TaskId::new("").is_err());
        assert!(TaskId::new(&"a".repeat(129)).is_err());
        assert!(TaskId::new("task unified").is_err());
        assert!(TaskId::new("task\u{1b}[31m").is_err());
    }

    #[test]
    fn picture_four_does_not_exist() {
        assert_eq!(ImageNumber::try_from(3).unwrap().get(), 3);
        let said = ImageNumber::try_from(4).unwrap_err().to_string();
        assert!(said.contains("0 to 3"), "{said}");
    }

    #[test]
    fn tags_cannot_break_a_path_or_a_query() {
        for good in ["sunset", "v2", "büro", "夏"] {
            assert!(Tag::new(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a/b", "..", "a:b", "x\u{202e}y", "{date}", &"x".repeat(33)] {
            assert!(Tag::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_have_the_form_the_gateway_takes() {
        let key = IdempotencyKey::from_random([7; 16]);
        assert_eq!(IdempotencyKey::new(key.as_str()), Ok(key));
        assert!(IdempotencyKey::new("short").is_err());
    }
}
