//! What is known about the money of a sent job.

use serde::{Deserialize, Serialize};

/// What is known about a job's money, from the service's evidence only (docs/money-rules.md, rule 7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Charge {
    /// Held by the service until the task ends, or assumed so while a send is open.
    Reserved,
    /// Taken.
    Charged,
    /// Proven to be back on the account.
    #[serde(alias = "given_back")]
    Refunded,
    /// The service gave no evidence.
    NotKnown,
}

impl Charge {
    /// The words that every screen, `--json` and `docs/json.md` use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Charged => "charged",
            Self::Refunded => "refunded",
            Self::NotKnown => "not known",
        }
    }

    /// The charge with these words; also with those that earlier versions wrote.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        if word == "given back" {
            return Some(Self::Refunded);
        }
        [Self::Reserved, Self::Charged, Self::Refunded, Self::NotKnown].into_iter().find(|c| c.word() == word)
    }
}
