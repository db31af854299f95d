//! What a job asks for: pictures of a prompt, or a picture of a draft made well. Everything that differs between the two
//! stands here.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::id::{ImageNumber, TaskId};
use super::money::Credits;
use super::phase::State;
use super::prompt::Prompt;
use super::text;

/// A model of the service that this program pays for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Model {
    /// One picture of a draft, enhanced.
    Enhance,
    /// Up to four pictures of a prompt, at draft speed.
    Draft,
}

impl Model {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 2] = [Self::Enhance, Self::Draft];

    /// Its id at the service.
    #[must_use]
    pub const fn wire_name(self) -> &'static str {
        match self {
            Self::Enhance => "mj-v7-enhance",
            Self::Draft => "mj-v7",
        }
    }

    /// Whether a name that the service gives means this model, however it is spelled and with or without a maker before it: a
    /// task of ours whose model is not recognised would count as somebody else's.
    #[must_use]
    pub fn is_named(self, name: &str) -> bool {
        let bare = name.trim().rsplit('/').next().unwrap_or_default();
        bare.eq_ignore_ascii_case(self.wire_name())
    }

    /// The model with this id at the service.
    #[must_use]
    pub fn from_wire_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|model| model.wire_name() == name)
    }

    /// The word for a job of it in files, queries and JSON: `enhance` or `draft`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Enhance => "enhance",
            Self::Draft => "draft",
        }
    }

    /// The model of such jobs.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|model| model.word() == word)
    }

    /// The price when it was last published (docs/service.md §9.1, price rules of 10 Oct 2026).
    #[must_use]
    pub const fn published_price(self) -> Credits {
        match self {
            Self::Enhance => Credits::PUBLISHED_PRICE,
            Self::Draft => Credits::PUBLISHED_DRAFT_PRICE,
        }
    }

    /// The parameters of our requests on which its price depends.
    #[must_use]
    pub const fn price_parameters(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Enhance => &[],
            Self::Draft => &[("speed", "draft")],
        }
    }

    /// The most pictures of one task.
    pub const MOST_PICTURES: usize = 4;
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What a job asks for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum JobKind {
    /// One picture of a draft, enhanced.
    Enhance {
        /// The draft's task.
        source: TaskId,
        /// Which of its pictures.
        image: ImageNumber,
    },
    /// A draft of a prompt.
    Draft {
        /// The prompt as it is sent.
        prompt: Prompt,
        /// The line it was typed as, where that says something else: choices in braces.
        template: Option<String>,
    },
}

/// What two jobs have in common if one of them doubles the other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Subject<'a> {
    /// A picture of a draft.
    Picture(&'a TaskId, ImageNumber),
    /// A prompt.
    Prompt(&'a Prompt),
}

impl JobKind {
    /// The model that is paid for.
    #[must_use]
    pub const fn model(&self) -> Model {
        match self {
            Self::Enhance { .. } => Model::Enhance,
            Self::Draft { .. } => Model::Draft,
        }
    }

    /// What is enhanced: the draft's task and the number of the picture; `None` for a draft.
    #[must_use]
    pub const fn source(&self) -> Option<(&TaskId, ImageNumber)> {
        match self {
            Self::Enhance { source, image } => Some((source, *image)),
            Self::Draft { .. } => None,
        }
    }

    /// Whether this task is the draft of it.
    #[must_use]
    pub fn is_of(&self, task: &TaskId) -> bool {
        self.source().is_some_and(|(source, _)| source == task)
    }

    /// The prompt of a draft.
    #[must_use]
    pub const fn prompt(&self) -> Option<&Prompt> {
        match self {
            Self::Enhance { .. } => None,
            Self::Draft { prompt, .. } => Some(prompt),
        }
    }

    /// The line that the prompt of a draft was made from, where that says something else.
    #[must_use]
    pub fn template(&self) -> Option<&str> {
        match self {
            Self::Enhance { .. } => None,
            Self::Draft { template, .. } => template.as_deref(),
        }
    }

    /// What another job must not have too, to be no double of this one.
    #[must_use]
    pub const fn subject(&self) -> Subject<'_> {
        match self {
            Self::Enhance { source, image } => Subject::Picture(source, *image),
            Self::Draft { prompt, .. } => Subject::Prompt(prompt),
        }
    }

    /// The same without its template: equal for jobs that double each other.
    #[must_use]
    pub fn bare(&self) -> Self {
        match self {
            Self::Enhance { .. } => self.clone(),
            Self::Draft { prompt, .. } => Self::Draft { prompt: prompt.clone(), template: None },
        }
    }

    /// Whether a job of the other kind would double one of this: the same picture, or the same prompt.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.subject() == other.subject()
    }

    /// Whether a job of this kind that stands there makes a second one a double. The picture of a draft is enhanced once,
    /// unless that was in vain; a prompt may be drafted again as soon as its job is over, since each draft is another one.
    #[must_use]
    pub const fn blocks_duplicate(&self, state: State) -> bool {
        match self {
            Self::Enhance { .. } => !matches!(state, State::Failed | State::Cancelled),
            Self::Draft { .. } => !state.is_final(),
        }
    }

    /// How many pictures a complete result has, where that is known.
    #[must_use]
    pub const fn expected_pictures(&self) -> Option<usize> {
        match self {
            Self::Enhance { .. } => None,
            Self::Draft { .. } => Some(Model::MOST_PICTURES),
        }
    }

    /// A short name: `k3v9q2ad:2`, or the first words of the prompt in quotes.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Enhance { source, image } => format!("{}:{image}", source.short()),
            Self::Draft { prompt, .. } => format!("\"{}\"", first_words(prompt.as_str(), MOST_LABEL)),
        }
    }

    /// The request body: the same bytes for the same request, always.
    #[must_use]
    pub fn body(&self, callback_url: Option<&str>) -> String {
        // Written by hand so that the order of the fields can never change with a library: a key that is repeated with
        // other bytes would be answered with `idempotency_conflict`.
        let model = self.model().wire_name();
        let callback = callback_url.map(|url| format!(r#","callback_url":{}"#, serde_json::Value::from(url))).unwrap_or_default();
        match self {
            Self::Enhance { source, image } => {
                let source = serde_json::Value::from(source.as_str());
                format!(r#"{{"model":"{model}","model_params":{{"task_id":{source},"image_number":{image}}}{callback}}}"#)
            }
            Self::Draft { prompt, .. } => {
                let prompt = serde_json::Value::from(prompt.as_str());
                format!(r#"{{"model":"{model}","prompt":{prompt},"model_params":{{"speed":"draft"}}{callback}}}"#)
            }
        }
    }

    /// Whether a body is the one for this, with any callback address or none.
    #[must_use]
    pub fn is_body(&self, body: &str) -> bool {
        let Ok(value) = serde_json::from_str::<serde_json::Value>(body) else { return false };
        let callback = match value.get("callback_url") {
            None => None,
            Some(serde_json::Value::String(url)) => Some(url.as_str()),
            Some(_) => return false,
        };
        self.body(callback) == body
    }
}

/// The most characters of a prompt in a label, without the quotes.
const MOST_LABEL: usize = 24;

/// Whole words from the beginning of a text, as many as fit; a first word that is too long is cut.
fn first_words(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let columns = word.chars().count() + usize::from(length > 0);
        // Room for the sign that more follows.
        if length + columns + 1 > most {
            break;
        }
        if length > 0 {
            out.push(' ');
        }
        out.push_str(word);
        length += columns;
    }
    if out.is_empty() { text::shorten(text, most).into_owned() } else { format!("{out}…") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enhance(source: &str, image: usize) -> JobKind {
        JobKind::Enhance { source: TaskId::new(source).unwrap(), image: ImageNumber::ALL[image] }
    }

    fn draft(prompt: &str) -> JobKind {
        JobKind::Draft { prompt: Prompt::new(prompt).unwrap(), template: None }
    }

    #[test]
    fn a_body_is_known_by_what_it_asks_for_whatever_its_callback() {
        let kind = enhance("task-unified-1-a", 2);
        for callback in [None, Some("https://example.com/\"x")] {
            assert!(kind.is_body(&kind.body(callback)), "{callback:?}");
        }
        let made = kind.body(None);
        for body in [
            String::new(),
            "{}".to_owned(),
            enhance("task-unified-1-b", 2).body(None),
            enhance("task-unified-1-a", 1).body(None),
            draft("a boat").body(None),
            made.replace(Model::Enhance.wire_name(), "mj-v7"),
            made.replace("}}", "},\"speed\":\"turbo\"}"),
            format!(" {made}"),
        ] {
            assert!(!kind.is_body(&body), "{body}");
        }
        let kind = draft("a boat");
        let made = kind.body(None);
        assert!(kind.is_body(&made));
        for body in [draft("two boats").body(None), made.replace(":\"draft\"", ":\"turbo\""), made.replace("}}", "},\"n\":2}")] {
            assert!(!kind.is_body(&body), "{body}");
        }
    }

    #[test]
    fn a_body_has_the_same_bytes_every_time() {
        let kind = enhance("task-unified-1790000100-k3v9q2ad", 2);
        assert_eq!(
            kind.body(None),
            r#"{"model":"mj-v7-enhance","model_params":{"task_id":"task-unified-1790000100-k3v9q2ad","image_number":2}}"#
        );
        let with = kind.body(Some("https://example.com/\"x"));
        assert!(with.ends_with(r#""image_number":2},"callback_url":"https://example.com/\"x"}"#), "{with}");
        assert!(serde_json::from_str::<serde_json::Value>(&with).is_ok());
    }

    #[test]
    fn a_drafts_body_is_its_prompt_at_draft_speed() {
        assert_eq!(
            draft("a \"boat\" --ar 3:2").body(Some("https://example.com/x")),
            r#"{"model":"mj-v7","prompt":"a \"boat\" --ar 3:2","model_params":{"speed":"draft"},"callback_url":"https://example.com/x"}"#
        );
    }

    #[test]
    fn a_second_job_is_a_double_by_picture_or_prompt() {
        assert!(enhance("task-unified-1-a", 1).same_as(&enhance("task-unified-1-a", 1)));
        assert!(!enhance("task-unified-1-a", 1).same_as(&enhance("task-unified-1-a", 2)));
        assert!(!enhance("task-unified-1-a", 1).same_as(&draft("task-unified-1-a")));
        let made = JobKind::Draft { prompt: Prompt::new("red boat").unwrap(), template: Some("{red} boat".to_owned()) };
        assert!(draft("red boat").same_as(&made), "where it came from makes no difference");
        assert!(!draft("red boat").same_as(&draft("Red boat")));
        for state in State::ALL {
            assert_eq!(draft("x").blocks_duplicate(state), !state.is_final(), "{state}");
            let in_vain = matches!(state, State::Failed | State::Cancelled);
            assert_eq!(enhance("task-unified-1-a", 1).blocks_duplicate(state), !in_vain, "{state}");
        }
    }

    #[test]
    fn a_draft_is_called_by_its_first_words() {
        assert_eq!(enhance("task-unified-1-k3v9q2ad", 2).label(), "k3v9q2ad:2");
        for (prompt, label) in [
            ("old pier", "\"old pier\""),
            ("lighthouse in fog, oil on canvas", "\"lighthouse in fog, oil…\""),
            ("exactly twenty-four chars", "\"exactly twenty-four…\""),
            ("twenty-four chars, whole", "\"twenty-four chars, whole\""),
            ("a word then twenty-three x", "\"a word then…\""),
            ("one two three four five ab", "\"one two three four five…\""),
            ("one two three four fives ab", "\"one two three four…\""),
            ("a-word-that-does-not-fit-into-a-label at all", "\"a-word-that-does-not-fi…\""),
        ] {
            assert_eq!(draft(prompt).label(), label);
        }
    }

    #[test]
    fn words_and_wire_names_read_back() {
        for model in Model::ALL {
            assert_eq!(Model::from_wire_name(model.wire_name()), Some(model));
            let spelled = format!(" evolink/{} ", model.wire_name().to_uppercase());
            assert_eq!(Model::ALL.map(|other| other.is_named(&spelled)), Model::ALL.map(|other| other == model), "{spelled}");
            assert_eq!(Model::from_word(model.word()), Some(model));
        }
        assert_eq!((Model::from_wire_name("mj-v8"), Model::from_word("")), (None, None));
    }
}
