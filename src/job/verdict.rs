//! What a person thought of a result.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether a result is kept or rejected. It changes nothing else: files, charge and state stay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Worth keeping.
    Kept,
    /// Not wanted.
    Rejected,
}

impl Verdict {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Kept, Self::Rejected];

    /// Its word, in the store, in JSON and in queries.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Rejected => "rejected",
        }
    }

    /// The verdict of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.word() == word)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
