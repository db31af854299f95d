//! The filter of the drafts: words that must all be there.

use crate::job::drafts::Draft;

/// A word of the filter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Word {
    /// It must not be there.
    not: bool,
    /// Where it is looked for: `tag`, `prompt`, `known`, or nothing for all of it.
    place: String,
    text: String,
}

/// The words of a filter; letters count without their case.
pub(super) fn words(filter: &str) -> Vec<Word> {
    let word = |typed: &str| {
        let (not, typed) = match typed.strip_prefix('-') {
            Some(rest) if !rest.is_empty() && !rest.starts_with('-') => (true, rest),
            _ => (false, typed),
        };
        let (place, text) = match typed.split_once(':') {
            Some((place @ ("tag" | "prompt" | "known"), text)) => (place.to_owned(), text),
            _ => (String::new(), typed),
        };
        Word { not, place, text: text.to_owned() }
    };
    filter.to_lowercase().split_whitespace().map(word).collect()
}

impl Word {
    pub(super) fn fits(&self, draft: &Draft) -> bool {
        let in_text = |text: &str| text.to_lowercase().contains(&self.text);
        let prompt = || draft.prompt.as_ref().is_some_and(|prompt| in_text(prompt.as_str()));
        let tag = || draft.label().is_some_and(in_text);
        let known = || draft.known.word().contains(&self.text);
        let found = match self.place.as_str() {
            "tag" => tag(),
            "prompt" => prompt(),
            "known" => known(),
            _ => prompt() || tag() || known() || in_text(draft.task.as_str()),
        };
        found != self.not
    }
}
