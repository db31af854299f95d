//! One prompt against the rules of the service for drafts (docs/service.md §4.2).

use super::error::{Needed, PromptError, PromptRemark};
use super::parameters::{Rule, find};
use super::slips;

/// The letters behind the two hyphens, if the word is a parameter.
fn name_of(word: &str) -> Option<&str> {
    let name = word.strip_prefix("--")?;
    let end = name.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(name.len());
    (end > 0).then(|| &name[..end])
}

/// Whether a word is an address.
fn is_address(word: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| word.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme)))
}

/// Whether a word is the address of a picture, as the service tells by its ending.
fn is_picture(word: &str) -> bool {
    let path = word.split(['?', '#']).next().unwrap_or(word);
    let ending = path.rsplit('.').next().unwrap_or("").to_ascii_lowercase();
    is_address(word) && ["png", "gif", "webp", "jpg", "jpeg"].contains(&ending.as_str())
}

/// What is wrong with one prompt without choices, and what is worth saying about it. The form ([`super::Prompt::new`]) is not looked at.
#[must_use]
pub fn check(prompt: &str) -> (Vec<PromptError>, Vec<PromptRemark>) {
    let slips = slips::find(prompt);
    if !slips.is_empty() {
        // Everything behind such a word would be read differently than it was meant.
        return (slips.into_iter().map(|slip| slip.error).collect(), Vec::new());
    }
    let words: Vec<&str> = prompt.split_whitespace().collect();
    let begin = words.iter().position(|word| name_of(word).is_some()).unwrap_or(words.len());
    let (front, mut rest) = words.split_at(begin);
    let mut checked = Checked::default();
    checked.read_front(front);
    while let Some((parameter, behind)) = rest.split_first() {
        let end = behind.iter().position(|word| name_of(word).is_some()).unwrap_or(behind.len());
        let values = &behind[..end];
        checked.read_parameter(parameter, values);
        rest = &behind[end..];
    }
    checked.compare();
    (checked.errors, checked.remarks)
}

/// What was read of a prompt.
#[derive(Default)]
struct Checked<'a> {
    errors: Vec<PromptError>,
    remarks: Vec<PromptRemark>,
    has_words: bool,
    /// At the front: behind words a picture's address counts as words.
    has_picture: bool,
    addresses: usize,
    /// The parameters with their shortest names and as they were typed.
    given: Vec<(&'static str, &'a str)>,
}

impl<'a> Checked<'a> {
    /// The addresses and words before the parameters.
    fn read_front(&mut self, front: &[&'a str]) {
        for word in front {
            self.refuse_weights(word);
            if is_address(word) {
                self.addresses += 1;
                self.has_picture |= is_picture(word) && !self.has_words;
                if self.has_words && is_picture(word) {
                    self.remarks.push(PromptRemark::PictureAfterWords { address: (*word).to_owned() });
                }
            } else {
                // A dash between words is none.
                self.has_words |= !word.chars().all(slips::is_dash);
            }
            if slips::begins_with_long_dash(word) {
                self.remarks.push(PromptRemark::LongDash { word: (*word).to_owned() });
            }
        }
    }

    /// One parameter with all words up to the next.
    fn read_parameter(&mut self, parameter: &'a str, values: &[&'a str]) {
        let name = name_of(parameter).unwrap_or_default();
        let owned = || parameter.to_owned();
        // `--v7` and `--tile.` are what they seem; `--stop-motion` is another word.
        let is_exact = |rule: &Rule| match parameter[name.len() + 2..].chars().next() {
            None => true,
            Some('-' | '_') => false,
            Some(_) => matches!(rule, Rule::Unsupported | Rule::Tile | Rule::ObjectReference),
        };
        let Some((name, rule)) = find(name).filter(|(_, rule)| is_exact(rule)) else {
            // What an unknown parameter takes is not known either.
            self.remarks.push(PromptRemark::UnknownParameter { parameter: owned() });
            for word in [&[parameter], values].concat() {
                self.refuse_weights(word);
            }
            return;
        };
        self.given.push((name, parameter));
        if rule != Rule::StyleReference {
            for word in values {
                self.refuse_weights(word);
            }
        }
        let (value, behind) = match values.split_first() {
            Some((value, behind)) => (Some(*value), behind),
            None => (None, values),
        };
        let after = match rule {
            Rule::Whole(..) | Rule::Number(..) | Rule::Ratio | Rule::Quality => {
                let error = match value {
                    None => Some(PromptError::MissingValue { parameter: owned() }),
                    Some(value) => wrong_value(parameter, value, rule),
                };
                self.errors.extend(error);
                behind.first()
            }
            Rule::Words | Rule::StyleReference if value.is_none() => {
                self.errors.push(PromptError::MissingValue { parameter: owned() });
                None
            }
            Rule::StyleReference => values.iter().find(|value| !is_style(value)),
            Rule::Flag => values.first(),
            Rule::Tile => {
                self.errors.push(PromptError::NotInDraft { parameter: owned() });
                values.first()
            }
            Rule::CutOut => {
                self.remarks.push(PromptRemark::CutOut { parameter: owned() });
                values.first()
            }
            Rule::ObjectReference => {
                self.errors.push(PromptError::NotInDraft { parameter: owned() });
                None
            }
            Rule::Unsupported => {
                self.errors.push(PromptError::Unsupported { parameter: owned() });
                None
            }
            Rule::Words => None,
        };
        if let Some(word) = after {
            self.errors.push(PromptError::TextAfterParameters { word: (*word).to_owned() });
        }
    }

    fn refuse_weights(&mut self, word: &str) {
        if word.contains("::") {
            self.errors.push(PromptError::MultiPrompt { word: word.to_owned() });
        }
    }

    /// What belongs together.
    fn compare(&mut self) {
        let has = |name: &str| self.given.iter().any(|(known, _)| *known == name);
        let (has_style, has_object) = (has("sref"), has("oref"));
        if !self.has_words && self.addresses < 2 {
            let only = if self.addresses == 1 { PromptError::LonePicture } else { PromptError::OnlyParameters };
            self.errors.insert(0, only);
        }
        let mut missing = Vec::new();
        for (name, parameter) in &self.given {
            let needed = match *name {
                "sv" | "sw" if !has_style => Needed::StyleReference,
                "ow" if !has_object => Needed::ObjectReference,
                "iw" if !self.has_picture => Needed::Picture,
                "s" | "w" | "sref" if !self.has_words && self.addresses > 1 => Needed::Words,
                _ => continue,
            };
            missing.push(PromptError::Needs { parameter: (*parameter).to_owned(), needed });
        }
        self.errors.append(&mut missing);
    }
}

/// What is wrong with the value of a parameter that takes a number.
fn wrong_value(parameter: &str, value: &str, rule: Rule) -> Option<PromptError> {
    let (parameter, value) = (parameter.to_owned(), value.to_owned());
    let unsigned = value.strip_prefix(['-', '+']).unwrap_or(&value);
    match rule {
        Rule::Ratio => {
            let side = |text: &str| is_whole(text) && text.parse::<u32>().is_ok_and(|side| side > 0);
            let fits = value.split_once(':').is_some_and(|(width, height)| side(width) && side(height));
            (!fits).then_some(PromptError::NotARatio { parameter, value })
        }
        Rule::Whole(least, most) if is_whole(unsigned) => {
            let fits = is_whole(&value) && value.parse::<u32>().is_ok_and(|number| (least..=most).contains(&number));
            (!fits).then_some(PromptError::OutOfRange { parameter, value, least, most })
        }
        Rule::Quality if is_whole(unsigned) => {
            let is_one = is_whole(&value) && value.parse() == Ok(1_u32);
            (!is_one).then_some(PromptError::UnknownPrice { parameter })
        }
        Rule::Number(least, most) if is_decimal(unsigned) => {
            let range = f64::from(least)..=f64::from(most);
            let fits = is_decimal(&value) && value.parse::<f64>().is_ok_and(|number| range.contains(&number));
            (!fits).then_some(PromptError::OutOfRange { parameter, value, least, most })
        }
        _ => Some(PromptError::NotANumber { parameter, value, whole: !matches!(rule, Rule::Number(..)) }),
    }
}

/// Digits alone.
fn is_whole(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Digits with at most one full stop among them.
fn is_decimal(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && text.bytes().filter(|b| *b == b'.').count() <= 1
}

/// A style: an address, the number of one, or `random`, each perhaps with a weight (`::2`).
fn is_style(value: &str) -> bool {
    let style = match value.rsplit_once("::") {
        Some((style, weight)) if is_decimal(weight) => style,
        Some(_) => return false,
        None => value,
    };
    is_address(style) || is_whole(style) || style.eq_ignore_ascii_case("random")
}
