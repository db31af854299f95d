//! The environment as a value, so that a test can hand in its own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use super::key::KEY_VARIABLE;
use super::variables;

/// The environment as far as it is of interest; empty variables count as not set, but for those that name where this program
/// works ([`Environment::is_left_empty`]).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Environment(BTreeMap<String, OsString>);

/// Variables that say whom to pay and from which store.
pub(super) const PLACES: [&str; 3] = [variables::BASE_URL, variables::CONFIG, variables::DATA_DIR];

impl Environment {
    /// The process's environment.
    #[must_use]
    pub fn of_process() -> Self {
        Self::of(std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))))
    }

    /// An environment made by hand.
    #[must_use]
    pub fn of<N: Into<String>, V: Into<OsString>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let pairs = pairs.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self(pairs.filter(|(name, value): &(String, OsString)| !value.is_empty() || PLACES.contains(&name.as_str())).collect())
    }

    /// All of it but the key, as far as it is text.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, String> {
        self.0
            .iter()
            .filter(|(name, _)| *name != KEY_VARIABLE)
            .filter_map(|(name, value)| Some((name.clone(), value.to_str()?.to_owned())))
            .collect()
    }

    /// The value of a variable that is set, not empty, and text.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().filter(|value| !value.is_empty())
    }

    /// Whether a variable is set to nothing that says whom to pay, or from which store: a script in which the value was not
    /// found meant another service, or another folder, than the usual one.
    #[must_use]
    pub fn is_left_empty(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| value.is_empty())
    }

    /// The path in a variable that is set and not empty: its bytes as they are, since a path need not be text.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.0.get(name).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    /// Whether a variable is set, to something that is no text.
    #[must_use]
    pub fn is_no_text(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| value.to_str().is_none())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values may hold the key.
        f.debug_set().entries(self.0.keys()).finish()
    }
}
