//! One key, as it is pressed, written in the file, and shown.

use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// A key press without what terminals differ in: capitals carry no Shift, Backtab is Shift+Tab, releases are nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key {
    /// Which key.
    pub code: KeyCode,
    /// With Ctrl.
    pub ctrl: bool,
    /// With Shift; never for characters, which are what Shift made of them.
    pub shift: bool,
}

const NAMES: &[(&str, KeyCode)] = &[
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pgup", KeyCode::PageUp),
    ("pgdn", KeyCode::PageDown),
    ("space", KeyCode::Char(' ')),
];

impl Key {
    /// A character without Ctrl.
    #[must_use]
    pub const fn char(c: char) -> Self {
        Self { code: KeyCode::Char(c), ctrl: false, shift: false }
    }

    /// A key that is no character.
    #[must_use]
    pub const fn code(code: KeyCode) -> Self {
        Self { code, ctrl: false, shift: false }
    }

    /// The key of a terminal event; `None` for releases, for Alt and other layers, and for keys that have no name here.
    #[must_use]
    pub fn from_event(event: &KeyEvent) -> Option<Self> {
        let others = KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::HYPER | KeyModifiers::META;
        if event.kind == KeyEventKind::Release || event.modifiers.intersects(others) {
            return None;
        }
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        let shift = event.modifiers.contains(KeyModifiers::SHIFT);
        Some(match event.code {
            KeyCode::Char('h' | 'H') if ctrl => Self::code(KeyCode::Backspace),
            KeyCode::Char(c) if ctrl => Self { code: KeyCode::Char(c.to_ascii_lowercase()), ctrl, shift: false },
            KeyCode::Char(c) if shift && c.is_ascii_lowercase() => Self::char(c.to_ascii_uppercase()),
            KeyCode::Char(c) => Self::char(c),
            KeyCode::BackTab => Self { code: KeyCode::Tab, ctrl, shift: true },
            KeyCode::F(_) => Self { code: event.code, ctrl, shift },
            code if NAMES.iter().any(|(_, known)| *known == code) => Self { code, ctrl, shift },
            _ => return None,
        })
    }

    /// The character that this key types into a field.
    #[must_use]
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if !self.ctrl => Some(c),
            _ => None,
        }
    }

    /// The key for people: `j`, `Ctrl+d`, `Shift+Tab`, `Space`, `PgDn`, `↓` is written `Down`.
    #[must_use]
    pub fn shown(self) -> String {
        let mut out = String::new();
        if self.ctrl {
            out.push_str("Ctrl+");
        }
        if self.shift {
            out.push_str("Shift+");
        }
        match self.code {
            KeyCode::Char(' ') => out.push_str("Space"),
            KeyCode::Char(c) => out.push(c),
            KeyCode::F(n) => out.extend(['F'].into_iter().chain(n.to_string().chars())),
            KeyCode::PageDown => out.push_str("PgDn"),
            KeyCode::PageUp => out.push_str("PgUp"),
            code => {
                let name = NAMES.iter().find(|(_, known)| *known == code).map_or("?", |(name, _)| name);
                let mut letters = name.chars();
                out.extend(letters.next().map(|c| c.to_ascii_uppercase()));
                out.push_str(letters.as_str());
            }
        }
        out
    }
}

impl fmt::Display for Key {
    /// The form of the file: `ctrl+d`, `shift+tab`, `space`, `f1`, `G`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            KeyCode::Char(c) if c != ' ' => write!(f, "{}{c}", if self.ctrl { "ctrl+" } else { "" }),
            _ => f.write_str(&self.shown().to_lowercase()),
        }
    }
}

impl FromStr for Key {
    type Err = String;

    /// Reads the form of the file.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a key: write one like j, G, ctrl+d, shift+tab, space, esc, pgdn or f1");
        let (mut rest, mut ctrl, mut shift) = (text, false, false);
        loop {
            let lower = rest.to_ascii_lowercase();
            if lower.starts_with("ctrl+") && rest.len() > 5 {
                (rest, ctrl) = (&rest[5..], true);
            } else if lower.starts_with("shift+") && rest.len() > 6 {
                (rest, shift) = (&rest[6..], true);
            } else {
                break;
            }
        }
        let mut letters = rest.chars();
        if let (Some(c), None) = (letters.next(), letters.next()) {
            return match c {
                _ if c.is_control() || c.is_whitespace() => Err(wrong()),
                _ if ctrl => Ok(Self { code: KeyCode::Char(c.to_ascii_lowercase()), ctrl, shift: false }),
                _ if shift && !c.is_alphabetic() => Err(wrong()),
                _ if shift => Ok(Self::char(c.to_ascii_uppercase())),
                _ => Ok(Self::char(c)),
            };
        }
        let lower = rest.to_ascii_lowercase();
        if let Some(number) = lower.strip_prefix('f').and_then(|n| n.parse::<u8>().ok()).filter(|n| (1..=12).contains(n)) {
            return Ok(Self { code: KeyCode::F(number), ctrl, shift });
        }
        let lower = match lower.as_str() {
            "escape" => "esc",
            "return" => "enter",
            "pagedown" => "pgdn",
            "pageup" => "pgup",
            "del" => "delete",
            other => other,
        };
        let code = NAMES.iter().find(|(name, _)| *name == lower).map(|(_, code)| *code).ok_or_else(wrong)?;
        Ok(Self { code, ctrl, shift })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_as_they_are_written() {
        for text in ["j", "G", "ctrl+d", "shift+tab", "space", "esc", "pgdn", "f1", "+", "*", "$", ":", "ctrl+space", "down"] {
            let key: Key = text.parse().unwrap();
            assert_eq!(key.to_string(), text);
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        for bad in ["", "jj", "alt+x", "ctrl+", "f13", "shift+1"] {
            assert!(bad.parse::<Key>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_terminals_differ_in_is_taken_out() {
        let event = |code, modifiers| KeyEvent::new(code, modifiers);
        let key = |text: &str| text.parse::<Key>().ok();
        assert_eq!(Key::from_event(&event(KeyCode::Char('G'), KeyModifiers::SHIFT)), key("G"));
        assert_eq!(Key::from_event(&event(KeyCode::Char('g'), KeyModifiers::SHIFT)), key("G"));
        assert_eq!(Key::from_event(&event(KeyCode::BackTab, KeyModifiers::SHIFT)), key("shift+tab"));
        assert_eq!(Key::from_event(&event(KeyCode::Char('h'), KeyModifiers::CONTROL)), key("backspace"));
        assert_eq!(Key::from_event(&event(KeyCode::Char('x'), KeyModifiers::ALT)), None);
        let mut release = event(KeyCode::Char('y'), KeyModifiers::NONE);
        release.kind = KeyEventKind::Release;
        assert_eq!(Key::from_event(&release), None);
    }
}
