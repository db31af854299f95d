//! From the bytes a terminal sends to keys, pastes, clicks and focus changes.
//!
//! We read the bytes ourselves (the event types are crossterm's): crossterm's reader turns in a circle when the terminal
//! hangs up, cannot be pointed at a pty in a test, and holds back what follows the first kilobyte of unbracketed input.
//! Known are the sequences of xterm, VT220, the Linux console and rxvt, SGR mouse reports and `CSI u`.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

/// Something a person did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Typed {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted as one piece (bracketed paste), line breaks as `\n`.
    Paste(String),
    /// A mouse button or the wheel.
    Mouse(MouseEvent),
    /// The window came into focus, or left it.
    Focus(bool),
}

/// A paste longer than this is cut (1 MiB): nobody pastes more jobs, and memory stays bounded.
const LONGEST_PASTE: usize = 1 << 20;
/// No known sequence is longer; what is, is noise and dropped.
const LONGEST_SEQUENCE: usize = 64;

/// Takes bytes as they come, in pieces of any size.
#[derive(Debug, Default)]
pub struct Parser {
    waiting: Vec<u8>,
    paste: Option<Vec<u8>>,
}

enum Step {
    /// So many bytes are used up.
    Done(usize, Option<Typed>),
    /// So many bytes are used up, and a paste begins.
    Paste(usize),
    /// More bytes are needed.
    More,
}

impl Parser {
    /// Takes bytes and appends what they mean.
    pub fn feed(&mut self, bytes: &[u8], typed: &mut Vec<Typed>) {
        self.waiting.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            if self.paste.is_some() {
                if !self.feed_paste(&mut at, typed) {
                    break;
                }
                continue;
            }
            if at >= self.waiting.len() {
                break;
            }
            match step(&self.waiting[at..]) {
                Step::Done(used, event) => {
                    at += used;
                    typed.extend(event);
                }
                Step::Paste(used) => {
                    at += used;
                    self.paste = Some(Vec::new());
                }
                Step::More => break,
            }
        }
        self.waiting.drain(..at);
    }

    /// Whether an unfinished sequence is held, which may be just the Esc key.
    pub fn is_waiting(&self) -> bool {
        self.paste.is_none() && !self.waiting.is_empty()
    }

    /// Nothing came after an unfinished sequence: `Esc` was the key, the rest is taken as it is.
    pub fn give_up_waiting(&mut self, typed: &mut Vec<Typed>) {
        if !self.is_waiting() {
            return;
        }
        let held = std::mem::take(&mut self.waiting);
        match held[..] {
            [0x1b] => typed.push(key(KeyCode::Esc, KeyModifiers::NONE)),
            [0x1b, c @ 0x20..=0x7e] => {
                typed.push(key(KeyCode::Esc, KeyModifiers::NONE));
                typed.push(key(KeyCode::Char(char::from(c)), KeyModifiers::NONE));
            }
            // The rest of a sequence that the line has torn apart: noise.
            _ => {}
        }
    }

    /// `false` if more bytes are needed.
    fn feed_paste(&mut self, at: &mut usize, typed: &mut Vec<Typed>) -> bool {
        const END: &[u8] = b"\x1b[201~";
        let Some(text) = self.paste.as_mut() else { return false };
        let rest = &self.waiting[*at..];
        let end = rest.windows(END.len()).position(|window| window == END);
        // The end mark may be torn apart: its possible beginning stays.
        let sure = end.unwrap_or_else(|| {
            let held = (1..END.len().min(rest.len() + 1)).rev().find(|n| rest.ends_with(&END[..*n])).unwrap_or(0);
            rest.len() - held
        });
        let room = LONGEST_PASTE.saturating_sub(text.len());
        text.extend_from_slice(&rest[..sure.min(room)]);
        *at += sure;
        if end.is_none() {
            return false;
        }
        *at += END.len();
        let text = String::from_utf8_lossy(text).replace("\r\n", "\n").replace('\r', "\n");
        typed.push(Typed::Paste(text));
        self.paste = None;
        true
    }
}

fn key(code: KeyCode, modifiers: KeyModifiers) -> Typed {
    Typed::Key(KeyEvent::new(code, modifiers))
}

fn step(bytes: &[u8]) -> Step {
    match bytes {
        [] | [0x1b] | [0x1b, b'O'] => Step::More,
        [0x1b, b'[', rest @ ..] => control(rest),
        [0x1b, b'O', last, ..] => Step::Done(3, letter(*last, KeyModifiers::NONE)),
        // A terminal sends Alt+x as Esc and x. No key of ours has Alt (product §4, rule 2), but Esc and a key in one packet
        // are common over SSH: two keys.
        [0x1b, _, ..] => Step::Done(1, Some(key(KeyCode::Esc, KeyModifiers::NONE))),
        _ => plain(bytes),
    }
}

/// A character or a control character.
fn plain(bytes: &[u8]) -> Step {
    let one = |code, modifiers| Step::Done(1, Some(key(code, modifiers)));
    match bytes[0] {
        b'\r' => one(KeyCode::Enter, KeyModifiers::NONE),
        b'\t' => one(KeyCode::Tab, KeyModifiers::NONE),
        0x7f => one(KeyCode::Backspace, KeyModifiers::NONE),
        0 => one(KeyCode::Char(' '), KeyModifiers::CONTROL),
        c @ 0x01..=0x1a => one(KeyCode::Char(char::from(c - 1 + b'a')), KeyModifiers::CONTROL),
        c @ 0x1c..=0x1f => one(KeyCode::Char(char::from(c - 0x1c + b'4')), KeyModifiers::CONTROL),
        first => {
            let length = match first {
                0xc2..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf4 => 4,
                _ => 1,
            };
            match std::str::from_utf8(&bytes[..length.min(bytes.len())]) {
                Ok(text) => {
                    let event = text.chars().next().map(|c| {
                        let shift = if c.is_uppercase() { KeyModifiers::SHIFT } else { KeyModifiers::NONE };
                        key(KeyCode::Char(c), shift)
                    });
                    Step::Done(length, event)
                }
                Err(error) if error.error_len().is_none() && bytes.len() < length => Step::More,
                Err(_) => Step::Done(1, None),
            }
        }
    }
}

/// What follows `CSI`.
fn control(rest: &[u8]) -> Step {
    // The Linux console sends `CSI [ A` for F1.
    if rest.first() == Some(&b'[') {
        return match rest.get(1) {
            None => Step::More,
            Some(c @ b'A'..=b'E') => Step::Done(4, Some(key(KeyCode::F(c - b'A' + 1), KeyModifiers::NONE))),
            Some(_) => Step::Done(4, None),
        };
    }
    let Some(end) = rest.iter().take(LONGEST_SEQUENCE).position(|c| !(0x20..=0x3f).contains(c)) else {
        return if rest.len() >= LONGEST_SEQUENCE { Step::Done(LONGEST_SEQUENCE + 2, None) } else { Step::More };
    };
    let (parameters, last) = (&rest[..end], rest[end]);
    if !(0x40..=0x7e).contains(&last) {
        // A new sequence, or noise, in the middle of this one.
        return Step::Done(end + 2, None);
    }
    let used = end + 3;
    if let Some(report) = parameters.strip_prefix(b"<") {
        return Step::Done(used, mouse(report, last));
    }
    if parameters.first().is_some_and(|c| matches!(c, b'?' | b'>' | b'=')) {
        // An answer to a question we never ask.
        return Step::Done(used, None);
    }
    let numbers = numbers(parameters);
    let modifiers = numbers.get(1).map_or(KeyModifiers::NONE, |n| modifiers(*n));
    let event = match last {
        b'~' => match numbers.first() {
            Some(200) => return Step::Paste(used),
            Some(n) => numbered(*n).map(|code| key(code, modifiers)),
            None => None,
        },
        b'u' => numbers.first().and_then(|n| char::from_u32(u32::from(*n))).map(|c| {
            let code = match c {
                '\r' => KeyCode::Enter,
                '\t' => KeyCode::Tab,
                '\u{1b}' => KeyCode::Esc,
                '\u{7f}' => KeyCode::Backspace,
                c => KeyCode::Char(c),
            };
            key(code, modifiers)
        }),
        b'I' => Some(Typed::Focus(true)),
        b'O' => Some(Typed::Focus(false)),
        last => letter(last, modifiers),
    };
    Step::Done(used, event)
}

fn numbers(parameters: &[u8]) -> Vec<u16> {
    let text = std::str::from_utf8(parameters).unwrap_or("");
    // Of `97:65` only the first is the key.
    text.split(';').map(|part| part.split(':').next().and_then(|n| n.parse().ok()).unwrap_or(0)).collect()
}

/// xterm: one more than a sum of 1 (Shift), 2 (Alt), 4 (Ctrl).
fn modifiers(number: u16) -> KeyModifiers {
    let bits = number.saturating_sub(1);
    let mut modifiers = KeyModifiers::NONE;
    modifiers.set(KeyModifiers::SHIFT, bits & 1 != 0);
    modifiers.set(KeyModifiers::ALT, bits & 2 != 0);
    modifiers.set(KeyModifiers::CONTROL, bits & 4 != 0);
    modifiers
}

fn letter(last: u8, modifiers: KeyModifiers) -> Option<Typed> {
    let code = match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'H' => KeyCode::Home,
        b'F' => KeyCode::End,
        b'M' => KeyCode::Enter,
        b'P'..=b'S' => KeyCode::F(last - b'P' + 1),
        b'Z' => return Some(key(KeyCode::BackTab, modifiers | KeyModifiers::SHIFT)),
        _ => return None,
    };
    Some(key(code, modifiers))
}

fn numbered(number: u16) -> Option<KeyCode> {
    let f = |n: u16| u8::try_from(n).ok().map(KeyCode::F);
    match number {
        1 | 7 => Some(KeyCode::Home),
        2 => Some(KeyCode::Insert),
        3 => Some(KeyCode::Delete),
        4 | 8 => Some(KeyCode::End),
        5 => Some(KeyCode::PageUp),
        6 => Some(KeyCode::PageDown),
        11..=15 => f(number - 10),
        17..=21 => f(number - 11),
        23..=26 => f(number - 12),
        28..=29 => f(number - 13),
        31..=34 => f(number - 14),
        _ => None,
    }
}

/// SGR mouse report: `button;column;row`, counted from 1.
fn mouse(report: &[u8], last: u8) -> Option<Typed> {
    let numbers = numbers(report);
    let [button, column, row] = numbers[..] else { return None };
    let which = || match button & 3 {
        0 => MouseButton::Left,
        1 => MouseButton::Middle,
        _ => MouseButton::Right,
    };
    let kind = match (button & 0b1100_0000, last) {
        (64, _) => match button & 3 {
            0 => MouseEventKind::ScrollUp,
            1 => MouseEventKind::ScrollDown,
            2 => MouseEventKind::ScrollLeft,
            _ => MouseEventKind::ScrollRight,
        },
        (0, b'm') => MouseEventKind::Up(which()),
        (0, b'M') if button & 32 != 0 && button & 3 == 3 => MouseEventKind::Moved,
        (0, b'M') if button & 32 != 0 => MouseEventKind::Drag(which()),
        (0, b'M') => MouseEventKind::Down(which()),
        _ => return None,
    };
    let mut modifiers = KeyModifiers::NONE;
    modifiers.set(KeyModifiers::SHIFT, button & 4 != 0);
    modifiers.set(KeyModifiers::ALT, button & 8 != 0);
    modifiers.set(KeyModifiers::CONTROL, button & 16 != 0);
    Some(Typed::Mouse(MouseEvent { kind, column: column.saturating_sub(1), row: row.saturating_sub(1), modifiers }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed(bytes: &[u8]) -> Vec<Typed> {
        let mut parser = Parser::default();
        let mut typed = Vec::new();
        parser.feed(bytes, &mut typed);
        parser.give_up_waiting(&mut typed);
        typed
    }

    #[test]
    fn keys_are_known() {
        use KeyCode as K;
        const NONE: KeyModifiers = KeyModifiers::NONE;
        const CONTROL: KeyModifiers = KeyModifiers::CONTROL;
        for (bytes, code, modifiers) in [
            ("a", K::Char('a'), NONE),
            ("A", K::Char('A'), KeyModifiers::SHIFT),
            ("é", K::Char('é'), NONE),
            ("夏", K::Char('夏'), NONE),
            ("\r", K::Enter, NONE),
            ("\n", K::Char('j'), CONTROL),
            ("\t", K::Tab, NONE),
            ("\x1b[Z", K::BackTab, KeyModifiers::SHIFT),
            ("\x7f", K::Backspace, NONE),
            ("\x03", K::Char('c'), CONTROL),
            ("\x1a", K::Char('z'), CONTROL),
            ("\x0c", K::Char('l'), CONTROL),
            ("\0", K::Char(' '), CONTROL),
            ("\x1b", K::Esc, NONE),
            ("\x1b[A", K::Up, NONE),
            ("\x1bOB", K::Down, NONE),
            ("\x1b[1;5C", K::Right, CONTROL),
            ("\x1b[1;2D", K::Left, KeyModifiers::SHIFT),
            ("\x1b[H", K::Home, NONE),
            ("\x1b[4~", K::End, NONE),
            ("\x1b[3~", K::Delete, NONE),
            ("\x1b[5~", K::PageUp, NONE),
            ("\x1b[6;5~", K::PageDown, CONTROL),
            ("\x1bOP", K::F(1), NONE),
            ("\x1b[[A", K::F(1), NONE),
            ("\x1b[15~", K::F(5), NONE),
            ("\x1b[24~", K::F(12), NONE),
            ("\x1b[99;5u", K::Char('c'), CONTROL),
        ] {
            assert_eq!(typed(bytes.as_bytes()), [key(code, modifiers)], "{bytes:?}");
        }
    }

    #[test]
    fn esc_and_a_key_in_one_packet_are_two_keys() {
        let plain = |code| key(code, KeyModifiers::NONE);
        assert_eq!(typed(b"\x1bq"), [plain(KeyCode::Esc), plain(KeyCode::Char('q'))]);
        assert_eq!(typed(b"\x1b1\x1b[A"), [plain(KeyCode::Esc), plain(KeyCode::Char('1')), plain(KeyCode::Up)]);
        assert_eq!(typed(b"\x1b\x1b"), [plain(KeyCode::Esc), plain(KeyCode::Esc)]);
    }

    #[test]
    fn pastes_clicks_and_focus_are_known_and_answers_are_dropped() {
        assert_eq!(
            typed(b"\x1b[200~a\r\nb\rc\x1b[31m\x1b[201~q"),
            [Typed::Paste("a\nb\nc\x1b[31m".into()), key(KeyCode::Char('q'), KeyModifiers::NONE)]
        );
        assert_eq!(typed(b"\x1b[I\x1b[O"), [Typed::Focus(true), Typed::Focus(false)]);
        let click =
            MouseEvent { kind: MouseEventKind::Down(MouseButton::Left), column: 4, row: 9, modifiers: KeyModifiers::NONE };
        assert_eq!(typed(b"\x1b[<0;5;10M"), [Typed::Mouse(click)]);
        assert_eq!(typed(b"\x1b[<65;5;10M"), [Typed::Mouse(MouseEvent { kind: MouseEventKind::ScrollDown, ..click })]);
        assert_eq!(typed(b"\x1b[?62;22c\x1b[?2026;2$y"), []);
    }

    #[test]
    fn an_unfinished_sequence_waits_and_a_lone_escape_is_a_key_only_when_nothing_follows() {
        let mut parser = Parser::default();
        let mut typed = Vec::new();
        parser.feed(b"\x1b", &mut typed);
        assert!(typed.is_empty() && parser.is_waiting());
        parser.feed(b"[A", &mut typed);
        assert_eq!(typed, [key(KeyCode::Up, KeyModifiers::NONE)]);
        assert!(!parser.is_waiting());
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_mean_the_same(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
            let mut whole = Vec::new();
            Parser::default().feed(&bytes, &mut whole);
            let mut pieces = Vec::new();
            let mut parser = Parser::default();
            let cut = cut.min(bytes.len());
            parser.feed(&bytes[..cut], &mut pieces);
            parser.feed(&bytes[cut..], &mut pieces);
            prop_assert_eq!(whole, pieces);
        }

        #[test]
        fn a_paste_comes_out_as_it_went_in(text in "[ -~\n夏]{0,300}", size in 1_usize..50) {
            let mut parser = Parser::default();
            let mut typed = Vec::new();
            for piece in format!("\x1b[200~{text}\x1b[201~").as_bytes().chunks(size) {
                parser.feed(piece, &mut typed);
            }
            prop_assert_eq!(typed, vec![Typed::Paste(text)]);
        }
    }
}
