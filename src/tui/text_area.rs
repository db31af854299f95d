//! A text field of many lines.
//!
//! `tui-input` has one line only. `ratatui-textarea` draws itself, cursor cell included, and keeps its scroll inside: the add
//! box puts a number and a verdict beside every line that is seen, shows the terminal's own cursor, and must not let an
//! unsafe character in, so what is used of it would be less than what works around it.

use crossterm::event::KeyCode;
use unicode_segmentation::UnicodeSegmentation;

use super::width::columns;

use super::keymap::Key;
use crate::job::text;

/// Text with a cursor. The text never holds unsafe characters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TextArea {
    lines: Vec<String>,
    row: usize,
    /// Byte in the line, at the edge of a grapheme.
    column: usize,
}

impl TextArea {
    pub(crate) fn new() -> Self {
        Self { lines: vec![String::new()], row: 0, column: 0 }
    }

    pub(crate) fn lines(&self) -> &[String] {
        &self.lines
    }

    pub(crate) fn text(&self) -> String {
        self.lines.join("\n")
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.trim().is_empty())
    }

    pub(crate) fn row(&self) -> usize {
        self.row
    }

    /// Columns of the terminal before the cursor.
    pub(crate) fn cells_before(&self) -> usize {
        usize::from(columns(&self.lines[self.row][..self.column]))
    }

    /// Whether the cursor stands in an empty last line below written ones.
    pub(crate) fn is_at_open_end(&self) -> bool {
        self.row + 1 == self.lines.len() && self.lines[self.row].trim().is_empty() && !self.is_empty()
    }

    /// Puts text in at the cursor, as typed or pasted.
    pub(crate) fn insert(&mut self, pasted: &str) {
        let normal = pasted.replace("\r\n", "\n").replace('\r', "\n");
        for (index, line) in normal.split('\n').enumerate() {
            if index > 0 {
                self.break_line();
            }
            let part = text::clean(&line.replace('\t', " ")).into_owned();
            self.put(&part);
        }
    }

    /// Puts a line in the place of the one with the cursor, which stands behind it then.
    pub(crate) fn set_line(&mut self, line: &str) {
        self.lines[self.row].clear();
        self.column = 0;
        let clean = text::clean(line).into_owned();
        self.put(&clean.replace('\n', " "));
    }

    fn put(&mut self, part: &str) {
        self.lines[self.row].insert_str(self.column, part);
        self.column += part.len();
    }

    fn break_line(&mut self) {
        let rest = self.lines[self.row].split_off(self.column);
        self.row += 1;
        self.column = 0;
        self.lines.insert(self.row, rest);
    }

    /// Takes a key; whether the text changed. Keys that a field has no use for change nothing.
    pub(crate) fn press(&mut self, key: Key) -> bool {
        if let Some(c) = key.typed() {
            // A combining mark alone is fine; a control is not typed.
            if text::is_unsafe(c) {
                return false;
            }
            self.put(c.encode_utf8(&mut [0; 4]));
            return true;
        }
        match (key.code, key.ctrl) {
            (KeyCode::Enter, _) | (KeyCode::Char('j'), true) => {
                self.break_line();
                true
            }
            (KeyCode::Backspace, false) => self.delete_back(self.before()),
            (KeyCode::Backspace | KeyCode::Char('w'), true) => self.delete_back(self.word_before()),
            (KeyCode::Delete, _) => self.delete_forward(),
            (KeyCode::Char('u'), true) => self.delete_back(0),
            (KeyCode::Char('k'), true) => {
                let cut = self.column < self.lines[self.row].len();
                self.lines[self.row].truncate(self.column);
                cut
            }
            _ => {
                self.step(key);
                false
            }
        }
    }

    fn step(&mut self, key: Key) {
        let len = self.lines[self.row].len();
        match (key.code, key.ctrl) {
            (KeyCode::Left, false) if self.column == 0 && self.row > 0 => {
                self.row -= 1;
                self.column = self.lines[self.row].len();
            }
            (KeyCode::Left, false) => self.column = self.before(),
            (KeyCode::Right, false) if self.column == len && self.row + 1 < self.lines.len() => {
                self.row += 1;
                self.column = 0;
            }
            (KeyCode::Right, false) => self.column = self.after(),
            (KeyCode::Left, true) => self.column = self.word_before(),
            (KeyCode::Right, true) => {
                let rest = &self.lines[self.row][self.column..];
                let word = rest.split_word_bound_indices().find(|(at, w)| *at > 0 && !w.trim().is_empty());
                self.column = word.map_or(len, |(at, _)| self.column + at);
            }
            (KeyCode::Home, _) | (KeyCode::Char('a'), true) => self.column = 0,
            (KeyCode::End, _) | (KeyCode::Char('e'), true) => self.column = len,
            (KeyCode::Up, _) if self.row > 0 => self.go_to_row(self.row - 1),
            (KeyCode::Down, _) if self.row + 1 < self.lines.len() => self.go_to_row(self.row + 1),
            _ => {}
        }
    }

    fn go_to_row(&mut self, row: usize) {
        let cells = self.cells_before();
        self.row = row;
        let line = &self.lines[row];
        self.column = line
            .grapheme_indices(true)
            .find(|(at, _)| usize::from(columns(&line[..*at])) >= cells)
            .map_or(line.len(), |(at, _)| at);
    }

    fn before(&self) -> usize {
        self.lines[self.row][..self.column].grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        self.column + self.lines[self.row][self.column..].graphemes(true).next().map_or(0, str::len)
    }

    fn word_before(&self) -> usize {
        let head = &self.lines[self.row][..self.column];
        head.split_word_bound_indices().rfind(|(_, word)| !word.trim().is_empty()).map_or(0, |(at, _)| at)
    }

    fn delete_back(&mut self, from: usize) -> bool {
        if self.column == 0 {
            if self.row == 0 {
                return false;
            }
            let line = self.lines.remove(self.row);
            self.row -= 1;
            self.column = self.lines[self.row].len();
            self.lines[self.row].push_str(&line);
            return true;
        }
        self.lines[self.row].replace_range(from..self.column, "");
        self.column = from;
        true
    }

    fn delete_forward(&mut self) -> bool {
        if self.column < self.lines[self.row].len() {
            let end = self.after();
            self.lines[self.row].replace_range(self.column..end, "");
            true
        } else if self.row + 1 < self.lines.len() {
            let next = self.lines.remove(self.row + 1);
            self.lines[self.row].push_str(&next);
            true
        } else {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed(keys: &str, mut field: TextArea) -> TextArea {
        for key in keys.split(' ') {
            field.press(key.parse().unwrap());
        }
        field
    }

    #[test]
    fn a_field_edits_like_an_editor() {
        assert_eq!(typed("a enter b up c down backspace backspace", TextArea::new()).text(), "ac");
        assert_eq!(typed("a b enter c ctrl+w backspace left delete", TextArea::new()).text(), "a");
    }

    #[test]
    fn pasted_text_is_clean_and_keeps_its_lines() {
        let mut field = TextArea::new();
        field.insert("one\r\ntwo\u{1b}[31m\n\tthree");
        assert_eq!(field.text(), "one\ntwo\n three");
    }

    proptest! {
        #[test]
        fn no_keys_break_a_field(keys in proptest::collection::vec(0_usize..18, 0..80), text in ".{0,20}") {
            let known = ["a", "é", "夏", "enter", "left", "right", "up", "down", "home", "end", "backspace", "delete", "ctrl+w",
                "ctrl+u", "ctrl+k", "ctrl+left", "ctrl+right", "space"];
            let mut field = TextArea::new();
            field.insert(&text);
            for key in &keys {
                field.press(known[*key].parse().unwrap());
                let _ = field.cells_before();
            }
        }
    }
}
