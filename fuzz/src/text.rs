//! Text from elsewhere: nothing in it may do anything to a terminal.

use mj_enhance::job::text::{clean, count, is_unsafe, shorten};
use mj_enhance::tui::width::columns;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

pub fn assert_clean(said: &str, what: &str) {
    let bad = said.chars().find(|c| is_unsafe(*c));
    assert!(bad.is_none(), "{what} holds {bad:?}: {said:?}");
}

pub fn run(data: &[u8]) {
    let raw = String::from_utf8_lossy(data);
    let cleaned = clean(&raw);
    assert_clean(&cleaned, "clean text");
    assert!(!cleaned.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{200b}', '\n', '\t', '\u{7f}']), "{cleaned:?}");
    assert_eq!(clean(&cleaned), cleaned, "cleaning twice is cleaning once");
    assert!(cleaned.chars().count() <= raw.chars().count(), "cleaning never adds");
    // What is left stands in the text, in the same order.
    let mut letters = raw.chars();
    for c in cleaned.chars().filter(|c| *c != ' ') {
        assert!(letters.any(|from| from == c), "{c:?} of {cleaned:?} comes from {raw:?}");
    }
    for most in [0, 1, 2, usize::from(data.first().copied().unwrap_or(9))] {
        let short = shorten(&cleaned, most);
        assert!(short.chars().count() <= most, "{most}: {short:?}");
        assert_clean(&short, "short text");
        assert_eq!(*short == *cleaned, cleaned.chars().count() <= most, "only what is too long is cut");
    }
    // The screen puts it into as many columns as it is wide.
    let wide = usize::from(columns(&cleaned));
    if wide > 0 && wide < 2_000 {
        let mut buffer = Buffer::empty(Rect::new(0, 0, u16::try_from(wide + 4).expect("below 2,004"), 1));
        let (end, _) = buffer.set_string_end(&cleaned);
        assert_eq!(usize::from(end), wide, "{cleaned:?} takes as many columns as it is wide");
    }
    assert!(count(data.len(), "byte").starts_with(&data.len().to_string()));
}

trait Drawn {
    fn set_string_end(&mut self, text: &str) -> (u16, u16);
}

impl Drawn for Buffer {
    fn set_string_end(&mut self, text: &str) -> (u16, u16) {
        self.set_stringn(0, 0, text, usize::MAX, Style::new())
    }
}
