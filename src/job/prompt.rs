//! Prompts of drafts: what a person types, one a line, checked before anything is paid.
//!
//! A line may hold choices, `{red, blue} boat`, and then stands for several prompts. The service knows no choices and
//! no repeats, and takes parameters by rules of its own (docs/service.md §4.2); what it would refuse, cut out or charge at an
//! unpublished price is found here. Everything found is a value: sentences are made where a person reads them.
//! `docs/prompts.md` tells users the same rules.

mod check;
mod error;
mod expand;
mod parameters;
mod slips;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{TaskId, text};
pub use check::check;
pub use error::{Needed, PromptError, PromptRemark};
pub use expand::{MOST_VARIANTS, expand};

/// A prompt in the form in which it is sent: one line of 1 to 8,192 characters, nothing around it, and no character that
/// could do something to a terminal.
///
/// This is the form alone, so that a stored prompt can always be read again. Whether the service takes it says [`check`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prompt(Box<str>);

impl Prompt {
    /// The most characters of a prompt (docs/service.md §4.2).
    pub const MOST_CHARACTERS: usize = 8_192;

    /// Takes blanks from both ends and checks the form.
    ///
    /// # Errors
    /// [`PromptError::Empty`], [`PromptError::TooLong`] or [`PromptError::UnsafeCharacter`].
    pub fn new(text: &str) -> Result<Self, PromptError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(PromptError::Empty);
        }
        if let Some(error) = unsafe_character(text) {
            return Err(error);
        }
        match text.chars().count() {
            characters if characters > Self::MOST_CHARACTERS => Err(PromptError::TooLong { characters }),
            _ => Ok(Self(text.into())),
        }
    }

    /// The prompt as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The line that stands for exactly this prompt: the same text, with a backslash where a brace or a `#` at the
    /// beginning would mean something else to [`parse_line`] or [`parse_prompts`].
    #[must_use]
    pub fn as_line(&self) -> String {
        let mut line = String::with_capacity(self.0.len());
        if self.0.trim_start_matches('\\').starts_with('#') {
            line.push('\\');
        }
        line.push_str(&expand::escape(&self.0));
        line
    }
}

impl fmt::Display for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prompt({:?})", self.as_str())
    }
}

impl TryFrom<String> for Prompt {
    type Error = PromptError;

    fn try_from(text: String) -> Result<Self, PromptError> {
        Self::new(&text)
    }
}

impl From<Prompt> for String {
    fn from(prompt: Prompt) -> Self {
        prompt.0.into()
    }
}

/// What a line says of itself while it is typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PromptVerdict {
    /// It can be sent.
    Ok {
        /// The prompts that it stands for, without those given before; may be empty.
        prompts: Vec<Prompt>,
        /// Those given before, in this text or where `known` says so; left out unless asked for.
        twice: Vec<Prompt>,
        /// What a person should know; each once.
        remarks: Vec<PromptRemark>,
    },
    /// It cannot: why, the first reason first, each once; never empty.
    Wrong(Vec<PromptError>),
}

/// A line that counts, with its number in the text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PromptLine {
    /// From 1.
    pub number: usize,
    /// As it was typed, without the blanks around it.
    pub text: String,
    /// What it is.
    pub verdict: PromptVerdict,
}

impl PromptLine {
    /// The line as it was probably meant, where dashes, spaces or characters that cannot be sent are wrong; to be offered,
    /// never taken without asking.
    #[must_use]
    pub fn repaired(&self) -> Option<String> {
        repaired(&self.text)
    }

    /// The line, if it says something else than the prompts it stands for: to be kept with each of them.
    #[must_use]
    pub fn template(&self) -> Option<&str> {
        match &self.verdict {
            PromptVerdict::Ok { prompts, twice, .. } => {
                prompts.iter().chain(twice).any(|prompt| prompt.as_str() != self.text).then_some(self.text.as_str())
            }
            PromptVerdict::Wrong(_) => None,
        }
    }
}

/// A line as it was probably meant; `None` where there is nothing to repair. See [`PromptLine::repaired`].
#[must_use]
pub fn repaired(line: &str) -> Option<String> {
    let line = line.trim();
    let clean = text::clean(line);
    let repaired = slips::repair(clean.trim());
    (repaired != line && !repaired.is_empty()).then_some(repaired)
}

/// Checks a text, one prompt a line. Empty lines and remarks (`#` and a blank) do not count.
#[must_use]
pub fn parse_prompts(text: &str) -> Vec<PromptLine> {
    check_prompts(text, |_| false)
}

/// [`parse_prompts`], where `known` says whether a prompt is *twice*: on its way in the store, for instance.
pub fn check_prompts(text: &str, mut known: impl FnMut(&Prompt) -> bool) -> Vec<PromptLine> {
    let mut seen = HashSet::new();
    lines(text.trim_start_matches('\u{feff}'))
        .enumerate()
        .filter_map(|(index, line)| {
            let line = line.trim();
            let first = line.split_whitespace().next()?;
            if first.chars().all(|c| c == '#') {
                return None;
            }
            let verdict = match parse_line(line) {
                Ok((prompts, remarks)) => {
                    let (prompts, twice) = prompts.into_iter().partition(|prompt| seen.insert(prompt.clone()) && !known(prompt));
                    PromptVerdict::Ok { prompts, twice, remarks }
                }
                Err(errors) => PromptVerdict::Wrong(errors),
            };
            Some(PromptLine { number: index + 1, text: line.to_owned(), verdict })
        })
        .collect()
}

/// The prompts that one line or argument stands for, as often as they come, and what to know about them.
///
/// # Errors
/// Everything that is wrong with it, each once.
pub fn parse_line(line: &str) -> Result<(Vec<Prompt>, Vec<PromptRemark>), Vec<PromptError>> {
    let line = line.trim();
    if let Some(error) = unsafe_character(line) {
        return Err(vec![error]);
    }
    if is_data(line) {
        return Err(vec![PromptError::NoWords]);
    }
    let line = match line.strip_prefix('\\') {
        Some(rest) if rest.trim_start_matches('\\').starts_with('#') => rest,
        _ => line,
    };
    let (mut prompts, mut errors, mut remarks) = (Vec::new(), Vec::new(), Vec::new());
    for variant in expand(line).map_err(|error| vec![error])? {
        match Prompt::new(&variant) {
            // A choice may be one too; a brace that was kept plain is a person's.
            Ok(prompt) if !prompt.as_str().starts_with('{') && is_data(prompt.as_str()) => {
                add_new(&mut errors, vec![PromptError::NoWords]);
            }
            Ok(prompt) => {
                let (wrong, said) = check(prompt.as_str());
                add_new(&mut errors, wrong);
                add_new(&mut remarks, said);
                prompts.push(prompt);
            }
            Err(error) => add_new(&mut errors, vec![error]),
        }
    }
    if errors.is_empty() { Ok((prompts, remarks)) } else { Err(errors) }
}

/// Whether a line is what other commands take or print: its braces would make several paid prompts of its fields.
fn is_data(line: &str) -> bool {
    let is_json = || serde_json::from_str::<serde_json::Value>(line).is_ok_and(|value| value.is_object() || value.is_array());
    line.starts_with(TaskId::PREFIX) || (line.starts_with(['{', '[']) && is_json())
}

/// The lines of a text, however they end: a terminal pastes a carriage return alone.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

/// The first character that cannot be sent.
fn unsafe_character(text: &str) -> Option<PromptError> {
    let (index, character) = text.chars().enumerate().find(|(_, c)| text::is_unsafe(*c))?;
    Some(PromptError::UnsafeCharacter { character, position: index + 1 })
}

fn add_new<T: PartialEq>(all: &mut Vec<T>, more: Vec<T>) {
    for one in more {
        if !all.contains(&one) {
            all.push(one);
        }
    }
}
