//! Text from elsewhere, made safe for a terminal.
//!
//! The service's messages, names and ids may hold escape sequences, control characters and characters that turn the
//! reading direction. What this module returns has none of them, so that a screen shows what is there and nothing else.

use std::borrow::Cow;

/// Whether a character may do something to a terminal or to the reading order: controls (C0, C1, DEL), bidirectional
/// controls (Unicode TR 9), zero-width and other invisible format characters, line and paragraph separators, and tags.
#[must_use]
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// The text on one line with every unsafe character taken out; line breaks and tabs become single spaces.
///
/// Whole escape sequences (ECMA-48: CSI, OSC and their kin) go with their parameters, so that no `[31m` is left over.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    // Nearly all text is of these; a look at bytes takes a tenth of one at characters.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => {
                if !out.ends_with(' ') && !out.is_empty() {
                    out.push(' ');
                }
            }
            '\u{1b}' => skip_escape(&mut rest),
            '\u{9b}' => skip_csi(&mut rest),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => skip_string(&mut rest),
            c if is_unsafe(c) => {}
            c => out.push(c),
        }
    }
    while out.ends_with(' ') {
        out.pop();
    }
    Cow::Owned(out)
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn skip_escape(rest: &mut Rest<'_>) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_csi(rest);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            rest.next();
            skip_string(rest);
        }
        Some(' '..='/') => {
            rest.next();
            rest.next();
        }
        Some('0'..='~') => {
            rest.next();
        }
        _ => {}
    }
}

fn skip_csi(rest: &mut Rest<'_>) {
    while let Some(c) = rest.peek().copied() {
        match c {
            ' '..='?' => {
                rest.next();
            }
            '@'..='~' => {
                rest.next();
                return;
            }
            _ => return,
        }
    }
}

fn skip_string(rest: &mut Rest<'_>) {
    // An unterminated string would swallow the whole message; a terminal gives up at a line break, and so do we.
    let mut ahead = rest.clone();
    while let Some(c) = ahead.next() {
        match c {
            '\u{7}' | '\u{9c}' => {
                *rest = ahead;
                return;
            }
            '\u{1b}' => {
                if ahead.peek() == Some(&'\\') {
                    ahead.next();
                }
                *rest = ahead;
                return;
            }
            '\n' => return,
            _ => {}
        }
    }
}

/// At most `most` characters, the last one an ellipsis where something was cut; none at all where there is room for none.
#[must_use]
pub fn shorten(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some(_) if most == 0 => Cow::Borrowed(""),
        Some(_) => Cow::Owned(text.chars().take(most.saturating_sub(1)).chain(['…']).collect()),
    }
}

/// Several lines, each as [`clean`] leaves it; line breaks stay.
#[must_use]
pub fn clean_lines(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| c == '\n' || !is_unsafe(c)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.split('\n').map(clean).collect::<Vec<_>>().join("\n"))
}

/// `one job`, `12 jobs`: a count with its word.
#[must_use]
pub fn count(n: usize, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escape_sequences_leave_nothing_behind() {
        for (dirty, plain) in [
            ("plain text", "plain text"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;https://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("a\u{9b}2Jb", "ab"),
            ("two\r\n\tlines", "two lines"),
            ("rtl \u{202e}gnp.exe", "rtl gnp.exe"),
            ("zero\u{200b}width", "zerowidth"),
            ("bell\u{7}", "bell"),
            ("open \u{1b}]0;never closed", "open 0;never closed"),
            ("\u{1b}", ""),
            ("a\u{1b}(0b\u{1b}(Bc", "abc"),
            ("a\u{1b}7b\u{1b}8c\u{1b}=d", "abcd"),
            ("a\u{1b}\u{e9}b", "a\u{e9}b"),
            ("a\u{1b}]0;not closed\nnext line\u{7}", "a0;not closed next line"),
            ("zw\u{200b}", "zw"),
            ("\u{e9}t\u{e9}", "\u{e9}t\u{e9}"),
        ] {
            assert_eq!(clean(dirty), plain, "{dirty:?}");
        }
    }

    #[test]
    fn what_is_clean_is_not_copied() {
        for text in ["plain", "\u{e9}t\u{e9} 夏"] {
            assert!(matches!(clean(text), Cow::Borrowed(_)), "{text}");
            assert!(matches!(clean_lines(&format!("{text}\n{text}")), Cow::Borrowed(_)), "{text}");
        }
        assert_eq!(clean_lines("a\u{1b}[1m\nb\tc"), "a\nb c");
        assert!(matches!(clean_lines("a\tb"), Cow::Owned(_)));
    }

    #[test]
    fn long_text_ends_in_an_ellipsis() {
        assert_eq!(shorten("abcdef", 4), "abc…");
        assert_eq!(shorten("abcd", 4), "abcd");
        assert_eq!(shorten("夏夏夏", 2), "夏…");
        assert_eq!((shorten("abc", 1), shorten("abc", 0)), ("…".into(), "".into()));
    }

    proptest! {
        #[test]
        fn clean_text_has_no_unsafe_character(text in ".{0,200}") {
            let out = clean(&text).into_owned();
            prop_assert!(!out.chars().any(is_unsafe));
            prop_assert_eq!(clean(&out).into_owned(), out.clone());
        }
    }
}
