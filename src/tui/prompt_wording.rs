//! What is said of a line of prompts, in few words.

use super::prompt_dialog::Made;
use crate::job::Prompt;
use crate::job::prompt::{MOST_VARIANTS, Needed, PromptError, PromptLine, PromptRemark, PromptVerdict};
use crate::job::text;

/// How good a line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mood {
    Good,
    /// It can be sent, with something to know; or it is left out.
    Remark,
    Wrong,
}

/// What a line says of itself. `made` is what became of its prompts before; `clock` words its moment.
pub(crate) fn verdict(line: &PromptLine, made: Option<Made>, clock: impl Fn(jiff::Timestamp) -> String) -> (String, Mood) {
    let (prompts, twice, remarks) = match &line.verdict {
        PromptVerdict::Wrong(errors) => {
            let first = errors.first().map(|first| with_value(first, line)).unwrap_or_default();
            let more = errors.len().saturating_sub(1);
            return (if more > 0 { format!("{first} (+{more})") } else { first }, Mood::Wrong);
        }
        PromptVerdict::Ok { prompts, twice, remarks } => (prompts.len(), twice.len(), remarks),
    };
    let mut said = match (prompts, twice) {
        (0, _) => return ("twice: on its way, or above".to_owned(), Mood::Remark),
        (1, 0) => "ok".to_owned(),
        (several, 0) => format!("ok, {several}"),
        (new, twice) => format!("ok {new}, twice {twice}"),
    };
    let mut mood = if twice > 0 { Mood::Remark } else { Mood::Good };
    if let Some(remark) = remarks.first() {
        said = format!("{said} · {}", self::remark(remark));
        mood = Mood::Remark;
    }
    if let Some(made) = made {
        said = format!("{said} · {}", before(made, clock));
    }
    (said, mood)
}

/// `made 2 times, last 14:03`.
pub(crate) fn before(made: Made, clock: impl Fn(jiff::Timestamp) -> String) -> String {
    format!("made {}, last {}", text::count(made.times, "time"), clock(made.last))
}

/// Why a line cannot be sent; a repair is named with the value that goes with it.
fn with_value(wrong: &PromptError, line: &PromptLine) -> String {
    let said = error(wrong);
    let (PromptError::LongDash { meant, .. } | PromptError::Misspelled { meant, .. }) = wrong else { return said };
    let Some(repaired) = line.repaired() else { return said };
    let value = repaired.split_whitespace().skip_while(|word| word != meant).nth(1).filter(|word| !word.starts_with("--"));
    value.map_or_else(|| said.clone(), |value| format!("{said} {value}"))
}

/// Why a line cannot be sent.
pub(crate) fn error(error: &PromptError) -> String {
    use PromptError as E;
    match error {
        E::Empty => "empty".to_owned(),
        E::NoWords => "an id or a line of JSON is no prompt; `add` takes those".to_owned(),
        E::TooLong { characters } => format!("{characters} characters; at most {}", Prompt::MOST_CHARACTERS),
        E::UnsafeCharacter { position, .. } => format!("invisible character at {position}: Ctrl+f removes it"),
        E::UnclosedBrace { position } => format!("{{ at {position} is not closed; a plain one is \\{{"),
        E::UnopenedBrace { position } => format!("}} at {position} closes nothing; a plain one is \\}}"),
        E::EmptyChoice { position } => format!("empty choice at {position}"),
        E::TooManyVariants { count: u64::MAX } => format!("countless variants; at most {MOST_VARIANTS}"),
        E::TooManyVariants { count } => format!("{count} variants; at most {MOST_VARIANTS}"),
        E::LongDash { meant, .. } => format!("long dash: Ctrl+f makes it {meant}"),
        E::Misspelled { written, meant } => format!("{written}: Ctrl+f makes it {meant}"),
        E::TextAfterParameters { word } => format!("\"{word}\" stands behind the parameters"),
        E::MissingValue { parameter } => format!("{parameter} needs a value"),
        E::NotANumber { parameter, value, whole } => {
            format!("{parameter} {value}: not a {}", if *whole { "whole number" } else { "number" })
        }
        E::OutOfRange { parameter, value, least, most } => format!("{parameter} {value}: only {least} to {most}"),
        E::NotARatio { parameter, value } => format!("{parameter} {value}: write it like 3:2"),
        E::UnknownPrice { parameter } => format!("{parameter} changes the price: not in a draft"),
        E::NotInDraft { parameter } => format!("{parameter} does not go with a draft"),
        E::Unsupported { parameter } => format!("{parameter} is not supported by the service"),
        E::MultiPrompt { .. } => ":: goes only with --sref".to_owned(),
        E::Needs { parameter, needed } => {
            let needed = match needed {
                Needed::StyleReference => "--sref",
                Needed::ObjectReference => "--oref, which no draft has",
                Needed::Picture => "a picture's address at the front",
                Needed::Words => "words",
            };
            format!("{parameter} needs {needed}")
        }
        E::LonePicture => "one picture alone; add words or a second one".to_owned(),
        E::OnlyParameters => "only parameters; add words".to_owned(),
    }
}

/// What to know of a line that can be sent.
pub(crate) fn remark(remark: &PromptRemark) -> String {
    match remark {
        PromptRemark::CutOut { parameter } => format!("{parameter} is cut out; it stays a draft"),
        PromptRemark::UnknownParameter { parameter } => format!("{parameter} is not known here"),
        PromptRemark::LongDash { word } => format!("{word} counts as a word"),
        PromptRemark::PictureAfterWords { .. } => "a picture counts only at the front".to_owned(),
    }
}
