//! A terminal that shows pictures: text by `vt100`, pictures by the rules of kitty's protocol, iTerm2's and sixel.
//!
//! It panics where a program breaks a rule: data inside a frame, a command between two slices, an id that it never sent.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU16;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ratatui::layout::Rect;

use crate::preview::kitty::PLACEHOLDER;

/// Stands in the cells of an inline picture until something else is written there.
const INLINE: u32 = 0xe100;

pub struct Double {
    screen: vt100::Parser,
    size: (u16, u16),
    /// Inside mode 2026.
    in_frame: bool,
    /// The id that is being sent, its text so far.
    loading: Option<(u32, String)>,
    /// By id: the key in the data.
    data: BTreeMap<u32, u64>,
    /// The one that came last.
    newest: Option<u32>,
    placed: BTreeMap<u32, Rect>,
    /// Placements for placeholders.
    prepared: BTreeSet<u32>,
    sent: BTreeSet<u32>,
    inline: BTreeMap<u64, Rect>,
    /// What it answers: id and error.
    pub errors: Vec<(u32, String)>,
}

impl Double {
    pub fn new(size: (u16, u16)) -> Self {
        Self {
            screen: vt100::Parser::new(nonzero(size.1), nonzero(size.0), 0),
            size,
            in_frame: false,
            loading: None,
            data: BTreeMap::new(),
            newest: None,
            placed: BTreeMap::new(),
            prepared: BTreeSet::new(),
            sent: BTreeSet::new(),
            inline: BTreeMap::new(),
            errors: Vec::new(),
        }
    }

    pub fn resize(&mut self, size: (u16, u16)) {
        self.size = size;
        self.screen.screen_mut().set_size(nonzero(size.1), nonzero(size.0));
        self.lose();
    }

    fn clear(&mut self) {
        assert!(self.loading.is_none(), "cleared in the middle of a picture");
        self.lose();
    }

    fn lose(&mut self) {
        self.data.clear();
        self.placed.clear();
        self.prepared.clear();
        self.inline.clear();
    }

    /// It runs out of memory for pictures: those that it does not show are gone. As in kitty, the one that came last is the last
    /// to go: it makes room by the time of the last use.
    pub fn evict(&mut self) {
        let Self { data, newest, placed, prepared, .. } = self;
        data.retain(|id, _| placed.contains_key(id) || prepared.contains(id) || *newest == Some(*id));
    }

    pub fn take(&mut self, bytes: &[u8]) {
        let mut rest = std::str::from_utf8(bytes).expect("all of it is text");
        while !rest.is_empty() {
            let at = ["\x1b_G", "\x1bPtmux;", "\x1bP0;1;0q", "\x1b]1337;"].iter().filter_map(|begin| rest.find(begin)).min();
            let (plain, string) = rest.split_at(at.unwrap_or(rest.len()));
            self.plain(plain);
            if string.is_empty() {
                return;
            }
            let end = if string.starts_with("\x1b]") { "\x07" } else { "\x1b\\" };
            let end = if let Some(inner) = string.strip_prefix("\x1bPtmux;") {
                // The end of the envelope: an escape character that is not doubled.
                let mut at = 0;
                while inner[at..].starts_with("\x1b\x1b") || !inner[at..].starts_with('\x1b') {
                    at += if inner[at..].starts_with("\x1b\x1b") { 2 } else { 1 };
                }
                self.string(&inner[..at].replace("\x1b\x1b", "\x1b"));
                string.len() - inner.len() + at + 2
            } else {
                let length = string.find(end).expect("a string ends in its write") + end.len();
                self.string(&string[..length]);
                length
            };
            rest = &string[end..];
        }
    }

    fn plain(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find("\x1b[") {
            let end = at + 2 + rest[at + 2..].find(|c: char| ('@'..='~').contains(&c)).expect("a whole sequence") + 1;
            match &rest[at..end] {
                "\x1b[?2026h" => self.in_frame = true,
                "\x1b[?2026l" => self.in_frame = false,
                "\x1b[2J" => {
                    self.screen.process(&rest.as_bytes()[..at]);
                    self.clear();
                    rest = &rest[at..];
                    self.screen.process(b"\x1b[2J");
                    rest = &rest[4..];
                    continue;
                }
                _ => {}
            }
            self.screen.process(&rest.as_bytes()[..end]);
            rest = &rest[end..];
        }
        self.screen.process(rest.as_bytes());
    }

    fn string(&mut self, string: &str) {
        if let Some(command) = string.strip_prefix("\x1b_G").and_then(|rest| rest.strip_suffix("\x1b\\")) {
            let (keys, payload) = command.split_once(';').unwrap_or((command, ""));
            let keys: BTreeMap<&str, &str> = keys.split(',').filter_map(|pair| pair.split_once('=')).collect();
            self.graphics(&keys, payload);
            return;
        }
        assert!(!self.in_frame, "data inside a frame");
        let (key, columns, rows) = if let Some(rest) = string.strip_prefix("\x1b]1337;") {
            let number = |name: &str| rest.split(name).nth(1).unwrap().split([';', ':', '\x07']).next().unwrap().parse().unwrap();
            (number(":"), number("width="), number("height="))
        } else {
            let numbers = string.trim_start_matches("\x1bP0;1;0q").trim_end_matches("\x1b\\");
            let numbers: Vec<u64> = numbers.split(',').map(|part| part.parse().unwrap()).collect();
            (numbers[0], u16::try_from(numbers[1]).unwrap().into(), u16::try_from(numbers[2]).unwrap().into())
        };
        let [columns, rows] = [columns, rows].map(|n: u64| u16::try_from(n).unwrap());
        let (x, y) = self.cursor();
        assert!(y + rows < self.size.1, "it would scroll");
        self.inline.insert(key, Rect::new(x, y, columns, rows));
        let mark = char::from_u32(INLINE + u32::try_from(key).unwrap()).unwrap().to_string().repeat(columns.into());
        for row in 0..rows {
            self.screen.process(format!("\x1b[{};{}H{mark}", y + row + 1, x + 1).as_bytes());
        }
    }

    fn graphics(&mut self, keys: &BTreeMap<&str, &str>, payload: &str) {
        let more = keys.get("m") == Some(&"1");
        let id: Option<u32> = keys.get("i").map(|id| id.parse().unwrap());
        match keys.get("a") {
            None => {
                assert!(!self.in_frame, "data inside a frame");
                let Some((id, text)) = &mut self.loading else { panic!("a slice of nothing") };
                text.push_str(payload);
                let (id, text) = (*id, text.clone());
                if !more {
                    self.loading = None;
                    self.load(id, &text);
                }
            }
            Some(action) => {
                assert!(self.loading.is_none(), "a={action} between two slices");
                let id = id.expect("every command names its picture");
                match *action {
                    "t" => {
                        assert!(!self.in_frame, "data inside a frame");
                        self.sent.insert(id);
                        if more {
                            self.loading = Some((id, payload.to_owned()));
                        } else {
                            self.load(id, payload);
                        }
                    }
                    "p" if keys.get("U") == Some(&"1") => {
                        if self.data.contains_key(&id) {
                            self.prepared.insert(id);
                        }
                    }
                    "p" => {
                        if self.data.contains_key(&id) {
                            let (x, y) = self.cursor();
                            self.placed.insert(id, Rect::new(x, y, keys["c"].parse().unwrap(), keys["r"].parse().unwrap()));
                        } else {
                            self.errors.push((id, "ENOENT:no such picture".to_owned()));
                        }
                    }
                    "d" => {
                        assert!(self.sent.contains(&id), "{id} is somebody else's");
                        self.placed.remove(&id);
                        self.prepared.remove(&id);
                        match keys["d"] {
                            "I" => _ = self.data.remove(&id),
                            "i" => {}
                            other => panic!("deletes {other}"),
                        }
                    }
                    other => panic!("a={other}"),
                }
            }
        }
    }

    fn load(&mut self, id: u32, text: &str) {
        let bytes = STANDARD.decode(text).unwrap_or_default();
        // Whole pictures of these tests are longer than what a cut one can be.
        if bytes.len() == 9_000 {
            self.data.insert(id, bytes[0].into());
            self.newest = Some(id);
        }
    }

    /// What a person sees: the key of every picture, and where it is in full.
    pub fn shown(&self) -> Vec<(u64, Rect)> {
        let mut shown: Vec<(u64, Rect)> = self.placed.iter().map(|(id, area)| (self.data[id], *area)).collect();
        for (key, area) in &self.inline {
            let mark = char::from_u32(INLINE + u32::try_from(*key).unwrap()).unwrap().to_string();
            let cells = self.cells(*area);
            let left = cells.iter().filter(|text| **text == mark).count();
            if left > 0 {
                assert_eq!(left, cells.len(), "a part of picture {key} is left over");
                shown.push((*key, *area));
            }
        }
        shown.extend(self.placeholders());
        shown
    }

    /// Pictures by their placeholders: runs that begin with a cell of three marks.
    fn placeholders(&self) -> Vec<(u64, Rect)> {
        let mut areas: BTreeMap<u32, Rect> = BTreeMap::new();
        for y in 0..self.size.1 {
            for x in 0..self.size.0 {
                let Some(cell) = self.screen.screen().cell(y, x) else { continue };
                if !cell.contents().starts_with(PLACEHOLDER) {
                    continue;
                }
                let vt100::Color::Idx(colour) = cell.fgcolor() else { panic!("a placeholder without its colour") };
                let id = u32::from(colour) | 77 << 24;
                if cell.contents().chars().count() == 4 {
                    let area = areas.entry(id).or_insert(Rect::new(x, y, 0, 0));
                    assert_eq!(area.x, x, "rows begin in one column");
                    area.height += 1;
                }
                let area = areas.get_mut(&id).expect("a row begins with its marks");
                area.width = area.width.max(x - area.x + 1);
            }
        }
        areas
            .into_iter()
            .filter(|(id, _)| self.prepared.contains(id) && self.data.contains_key(id))
            .map(|(id, area)| (self.data[&id], area))
            .collect()
    }

    fn cells(&self, area: Rect) -> Vec<String> {
        (area.top()..area.bottom())
            .flat_map(|y| (area.left()..area.right()).map(move |x| (x, y)))
            .map(|(x, y)| self.text(x, y))
            .collect()
    }

    pub fn text(&self, x: u16, y: u16) -> String {
        let text = self.screen.screen().cell(y, x).map_or("", vt100::Cell::contents);
        if text.is_empty() { " ".to_owned() } else { text.to_owned() }
    }

    /// Column and row.
    pub fn cursor(&self) -> (u16, u16) {
        let (row, column) = self.screen.screen().cursor_position();
        (column, row)
    }

    pub fn held(&self) -> usize {
        self.data.len()
    }

    pub fn ids(&self) -> Vec<u32> {
        self.data.keys().copied().collect()
    }

    pub fn check_nothing_is_left(&self) {
        assert!(self.loading.is_none() && self.data.is_empty() && self.placed.is_empty() && self.prepared.is_empty());
    }
}

fn nonzero(side: u16) -> NonZeroU16 {
    NonZeroU16::new(side).unwrap()
}
