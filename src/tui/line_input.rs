//! A text field of one line.

use crossterm::event::KeyCode;
use tui_input::{Input, InputRequest};

use super::keymap::Key;
use super::width::columns;
use crate::job::text;

/// Text with a cursor. The text never holds unsafe characters: what goes in is cleaned.
#[derive(Clone, Debug, Default)]
pub(crate) struct LineInput(Input);

impl PartialEq for LineInput {
    fn eq(&self, other: &Self) -> bool {
        (self.0.value(), self.0.cursor()) == (other.0.value(), other.0.cursor())
    }
}

impl LineInput {
    /// A field with this text, and the cursor behind it.
    pub(crate) fn new(text: &str) -> Self {
        Self(Input::new(text::clean(text).into_owned()))
    }

    pub(crate) fn line(&self) -> &str {
        self.0.value()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.line().trim().is_empty()
    }

    /// Columns of the terminal before the cursor.
    pub(crate) fn cells_before(&self) -> usize {
        usize::from(columns(&self.line()[..self.byte()]))
    }

    pub(crate) fn set(&mut self, text: &str) {
        *self = Self::new(text);
    }

    /// Puts text in at the cursor, as pasted.
    pub(crate) fn insert(&mut self, pasted: &str) {
        let part = text::clean(&pasted.replace("\r\n", "\n").replace('\r', "\n")).into_owned();
        let (head, tail) = self.line().split_at(self.byte());
        // In one piece: a long paste must not cost its square.
        let cursor = self.0.cursor() + part.chars().count();
        self.0 = Input::new(format!("{head}{part}{tail}")).with_cursor(cursor);
    }

    /// Takes a key; whether the text changed. Keys that a field has no use for change nothing.
    pub(crate) fn press(&mut self, key: Key) -> bool {
        use InputRequest as R;
        if let Some(c) = key.typed() {
            // A combining mark alone is fine; a control is not typed.
            return !text::is_unsafe(c) && self.change(R::InsertChar(c));
        }
        let request = match (key.code, key.ctrl) {
            (KeyCode::Backspace, false) => R::DeletePrevChar,
            (KeyCode::Backspace | KeyCode::Char('w'), true) => R::DeletePrevWord,
            (KeyCode::Delete, _) => R::DeleteNextChar,
            (KeyCode::Char('u'), true) => R::DeleteFromStart,
            (KeyCode::Char('k'), true) => R::DeleteTillEnd,
            (KeyCode::Left, false) => R::GoToPrevChar,
            (KeyCode::Right, false) => R::GoToNextChar,
            (KeyCode::Left, true) => R::GoToPrevWord,
            (KeyCode::Right, true) => R::GoToNextWord,
            (KeyCode::Home, _) | (KeyCode::Char('a'), true) => R::GoToStart,
            (KeyCode::End, _) | (KeyCode::Char('e'), true) => R::GoToEnd,
            _ => return false,
        };
        self.change(request)
    }

    fn change(&mut self, request: InputRequest) -> bool {
        self.0.handle(request).is_some_and(|changed| changed.value)
    }

    /// The byte before which the cursor stands.
    fn byte(&self) -> usize {
        self.line().char_indices().nth(self.0.cursor()).map_or(self.line().len(), |(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed(keys: &str, text: &str) -> LineInput {
        let mut field = LineInput::new(text);
        for key in keys.split(' ') {
            field.press(key.parse().unwrap());
        }
        field
    }

    #[test]
    fn a_field_edits_like_a_shell_line() {
        assert_eq!(typed("a b c left backspace", "").line(), "ac");
        assert_eq!(typed("ctrl+w", "one two").line(), "one ");
        assert_eq!(typed("home delete end d", "夏ab").line(), "abd");
        assert_eq!(typed("ctrl+u", "x y").line(), "");
        assert_eq!(typed("home right ctrl+k", "x y").line(), "x");
        assert_eq!(typed("backspace", "ae\u{301}").line(), "a", "a letter goes with its marks");
    }

    #[test]
    fn pasted_text_is_clean_and_stays_one_line() {
        let mut field = typed("left", "xy");
        field.insert("a\r\nb\u{1b}[31m");
        assert_eq!(field.line(), "xa by");
        assert_eq!(field.cells_before(), 4);
    }

    proptest! {
        #[test]
        fn no_keys_break_a_field(keys in proptest::collection::vec(0_usize..18, 0..80), text in ".{0,20}") {
            let known = ["a", "é", "夏", "enter", "left", "right", "up", "down", "home", "end", "backspace", "delete", "ctrl+w",
                "ctrl+u", "ctrl+k", "ctrl+left", "ctrl+right", "space"];
            let mut field = LineInput::new(&text);
            field.insert(&text);
            for key in &keys {
                field.press(known[*key].parse().unwrap());
                let _ = field.cells_before();
            }
        }
    }
}
