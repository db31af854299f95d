//! Parameters that would count as words: long dashes that a system put there while one typed, one hyphen or three, a
//! missing space. Only what a parameter of this service can be is called so; a dash between words stays one.

use std::ops::Range;

use super::error::PromptError;
use super::parameters;

/// One slip: what is to be replaced in the text, by what, and how to call it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Slip {
    range: Range<usize>,
    replacement: String,
    pub(super) error: PromptError,
}

/// Hyphens and dashes: what a keyboard has, and what systems, fonts and web pages put in its place.
pub(super) fn is_dash(c: char) -> bool {
    c == '-' || is_long(c)
}

fn is_long(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}')
}

/// Whether a word is a long dash and letters.
pub(super) fn begins_with_long_dash(word: &str) -> bool {
    let name = word.trim_start_matches(is_dash);
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && word[..word.len() - name.len()].contains(is_long)
}

/// What stands behind a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    /// A blank and a digit.
    Number,
    /// A digit at once, or after so many bytes of `=` or `:`.
    Glued(usize),
    /// The end of the word.
    End,
    /// Anything else.
    Other,
}

fn behind(text: &str) -> Behind {
    let is_digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let trimmed = text.trim_start();
    if trimmed.len() < text.len() && is_digit(trimmed) {
        Behind::Number
    } else if is_digit(text) {
        Behind::Glued(0)
    } else if is_digit(text.strip_prefix(['=', ':']).unwrap_or("")) {
        Behind::Glued(1)
    } else if text.is_empty() || text.starts_with(|c: char| c.is_whitespace() || matches!(c, ',' | '}')) {
        Behind::End
    } else {
        Behind::Other
    }
}

fn name_at(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    &text[..end]
}

/// Every slip in a text, from left to right; none of them overlap.
pub(super) fn find(text: &str) -> Vec<Slip> {
    let mut slips = Vec::new();
    let mut at = 0;
    while let Some(begin) = text[at..].find(is_dash).map(|offset| at + offset) {
        let name_begin = text[begin..].find(|c| !is_dash(c)).map_or(text.len(), |offset| begin + offset);
        at = name_begin;
        if let Some(slip) = slip_at(text, begin, name_begin) {
            at = at.max(slip.range.end);
            slips.push(slip);
        }
    }
    slips
}

/// The slip that the dashes of `begin..name_begin` are, if they are one.
fn slip_at(text: &str, begin: usize, name_begin: usize) -> Option<Slip> {
    let dashes = &text[begin..name_begin];
    let (count, is_long) = (dashes.chars().count(), dashes.contains(is_long));
    let starts_word = text[..begin].chars().next_back().is_none_or(char::is_whitespace);
    let name = name_at(&text[name_begin..]);
    let name_end = name_begin + name.len();
    let (is_known, takes_number) = (parameters::find(name).is_some(), parameters::takes_number(name));
    let next = behind(&text[name_end..]);
    let (range, replacement) = match next {
        // A right one, or a hyphenated word.
        Behind::Number | Behind::End if starts_word && dashes == "--" && !name.is_empty() => return None,
        Behind::Number | Behind::End if starts_word && is_known && (is_long || count > 2) => (begin..name_begin, "--".to_owned()),
        Behind::Number if starts_word && takes_number => (begin..name_begin, "--".to_owned()),
        Behind::Number if takes_number && (is_long || count > 1) && !in_address(text, begin) => {
            (begin..name_begin, " --".to_owned())
        }
        Behind::Glued(separator) if starts_word && takes_number && (is_long || count > 1) => {
            (begin..name_end + separator, format!("--{name} "))
        }
        // `-- ar 3:2`.
        Behind::End if starts_word && name.is_empty() && (is_long || count > 1) => {
            let blanks = text[name_begin..].len() - text[name_begin..].trim_start().len();
            let name = name_at(&text[name_begin + blanks..]);
            let meant = parameters::takes_number(name) && behind(&text[name_begin + blanks + name.len()..]) == Behind::Number;
            if !meant {
                return None;
            }
            (begin..name_begin + blanks, "--".to_owned())
        }
        _ => return None,
    };
    // Shown with what follows up to the next blank, so that one sees which it is.
    let end = text[range.end..].find(char::is_whitespace).map_or(text.len(), |offset| range.end + offset);
    let written = text[begin..end].to_owned();
    let meant = format!("{}{}", replacement.trim_start(), &text[range.end..end]);
    let error = if is_long { PromptError::LongDash { written, meant } } else { PromptError::Misspelled { written, meant } };
    Some(Slip { range, replacement, error })
}

/// Whether a place lies inside an address.
fn in_address(text: &str, at: usize) -> bool {
    text[..at].rsplit(char::is_whitespace).next().is_some_and(|word| word.contains("://"))
}

/// The text with every slip put right.
pub(super) fn repair(text: &str) -> String {
    let mut text = text.to_owned();
    loop {
        let slips = find(&text);
        if slips.is_empty() {
            return text;
        }
        // One put right may show the next, as in `–ar--s 250`. Each leaves two hyphens that begin a word, so there is an end.
        for slip in slips.into_iter().rev() {
            text.replace_range(slip.range, &slip.replacement);
        }
    }
}
