//! From the bytes a terminal sends to keys, pastes, clicks, focus changes and answers.
//!
//! We read the bytes ourselves (the event types are crossterm's): crossterm's reader turns in a circle when the terminal
//! hangs up, cannot be pointed at a pty in a test, and holds back what follows the first kilobyte of unbracketed input.
//!
//! The rule: what is not known is dropped whole, never typed. A sequence ends where its grammar says (ECMA-48 §5.4),
//! over any number of reads; the rest of one that was given up is still recognised for a while and dropped. Ctrl+c ends
//! whatever is going on, so that no other program can make the keys useless.
//!
//! The parser is driven with bytes and times and reads no clock: [`Parser::feed`] takes what came, [`Parser::expire`] is called
//! when [`Parser::deadline`] has passed and nothing came.

mod csi;
mod event;
mod pasting;
mod reply;
mod shape;

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyModifiers};

use csi::{Meaning, key};
pub use event::{Paste, Reply, TerminalEvent, mark_bursts};
pub use pasting::LONGEST_PASTE;
use pasting::Pasting;
use shape::Shape;

/// How long a lone `Esc` waits for the rest of a sequence before it is the key. A person does not notice this wait.
const ESCAPE_WAIT: Duration = Duration::from_millis(50);
/// How long `Esc` and an introducer of strings (`P`, `]`, …) wait for what tells a string from two keys.
const STRING_WAIT: Duration = Duration::from_millis(500);
/// The same where the `Esc` has been typed already: a person is at the keys and waits for this one.
const LATE_STRING_WAIT: Duration = Duration::from_millis(300);
/// So long after a typed `Esc` what looks like the rest of a sequence is taken for that.
const ESCAPE_MEMORY: Duration = Duration::from_secs(2);
/// So long after it what no key of ours begins, `[` and the introducers of strings besides `P` and `X`, still is.
const NO_KEY_MEMORY: Duration = Duration::from_secs(10);
/// So long after a typed `Esc` and introducer an answer that is one for certain is still its rest: no key is late by this.
const STRING_MEMORY: Duration = Duration::from_mins(1);
/// So long the rest of a sequence that has begun for sure may take and still count.
const REST_WAIT: Duration = Duration::from_secs(1);
/// So long after its last byte the rest of a sequence is still recognised, and dropped.
const REST_MEMORY: Duration = Duration::from_secs(10);
/// A string is over when nothing of it has come for so long.
const STRING_SILENCE: Duration = Duration::from_secs(3);
/// Of a string so many bytes are kept: no answer we know is longer. The rest is swallowed.
const LONGEST_STRING: usize = 4096;
/// Parameters of a control sequence that are kept; a longer sequence is noise and dropped whole.
const LONGEST_SEQUENCE: usize = 256;
/// A person does not type so many keys within [`STRING_WAIT`]: it is a string.
const LONGEST_HELD: usize = 10;

const CTRL_C: u8 = 3;
const BEL: u8 = 7;
const ESC: u8 = 0x1b;
/// The first byte of U+0080 to U+00BF in UTF-8.
const C1_LEAD: u8 = 0xc2;

/// Takes bytes as they come, in pieces of any size.
#[derive(Debug, Default)]
pub struct Parser {
    state: State,
    /// When the last byte came.
    last: Option<Instant>,
    /// When the last paste ended, and whether by silence: what comes later may still belong to it.
    pasted: Option<(Instant, bool)>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Ground,
    /// A character whose first bytes came.
    Character(Vec<u8>),
    /// `Esc` and what followed, not known yet to be a sequence. So many of the bytes were typed as keys already.
    Escape {
        bytes: Vec<u8>,
        typed: usize,
    },
    /// An `Esc` was typed so long ago that only what is no key is its rest.
    LongAfterEscape,
    /// After `CSI`.
    Control {
        parameters: Vec<u8>,
        long: bool,
        late: Late,
    },
    /// After `SS3`.
    Single {
        parameters: Vec<u8>,
        late: Late,
    },
    /// The characters after `CSI M` and its relatives.
    OldMouse {
        characters: Vec<u32>,
        wanted: u8,
        lead: Option<u8>,
        late: Late,
    },
    /// A string. `escaped`: its last byte was `Esc`, perhaps the first half of its end.
    Text {
        introducer: u8,
        body: Vec<u8>,
        escaped: bool,
    },
    Pasting(Pasting),
}

/// Whether a sequence has taken too long to count: then it is only swallowed, for so long after its last byte.
type Late = Option<Duration>;

impl Parser {
    /// Takes bytes that came at `now` and appends what they mean.
    pub fn feed(&mut self, bytes: &[u8], now: Instant, events: &mut Vec<TerminalEvent>) {
        let mut at = self.late_paste(bytes, now, events) + self.late_string(bytes);
        while at < bytes.len() {
            if let State::Pasting(pasting) = &mut self.state {
                let (used, paste) = pasting.feed(&bytes[at..]);
                at += used;
                if let Some(paste) = paste {
                    events.extend(paste.event.map(TerminalEvent::Paste));
                    if paste.over {
                        self.state = State::Ground;
                        self.pasted = Some((now, false));
                    }
                }
            } else {
                self.byte(bytes[at], events);
                at += 1;
            }
        }
        if !bytes.is_empty() {
            self.last = Some(now);
        }
    }

    /// When [`Self::expire`] is to be called if no bytes come before; `None`: never.
    pub fn deadline(&self) -> Option<Instant> {
        let last = self.last?;
        let wait = match &self.state {
            State::Ground => return None,
            State::Character(_) => REST_WAIT,
            State::Escape { bytes, typed } => match (bytes.len(), *typed) {
                (1, 0) => ESCAPE_WAIT,
                (1, 1) => ESCAPE_MEMORY,
                (all, typed) if typed == all => STRING_MEMORY,
                (_, 0) => STRING_WAIT,
                _ => LATE_STRING_WAIT,
            },
            State::LongAfterEscape => NO_KEY_MEMORY,
            State::Control { late, .. } | State::Single { late, .. } | State::OldMouse { late, .. } => late.unwrap_or(REST_WAIT),
            State::Text { .. } => STRING_SILENCE,
            State::Pasting(_) => pasting::SILENCE,
        };
        Some(last + wait)
    }

    /// Nothing came until the deadline: ends what waits. Does nothing before it.
    pub fn expire(&mut self, now: Instant, events: &mut Vec<TerminalEvent>) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match &mut self.state {
            State::Escape { bytes, typed } if *typed < bytes.len() => {
                let unsent = bytes[*typed..].to_vec();
                *typed = bytes.len();
                self.last = Some(now);
                type_out(&unsent, events);
            }
            State::Escape { bytes, .. } if bytes.len() == 1 => {
                self.state = State::LongAfterEscape;
                self.last = Some(now);
            }
            State::Control { late, .. } | State::Single { late, .. } | State::OldMouse { late, .. } if late.is_none() => {
                *late = Some(REST_MEMORY);
                self.last = Some(now);
            }
            State::Pasting(pasting) => {
                events.extend(pasting.end().map(TerminalEvent::Paste));
                self.state = State::Ground;
                self.pasted = Some((now, true));
            }
            _ => self.state = State::Ground,
        }
    }

    /// The rest of a paste that was ended by silence: how many of these bytes belong to it. A line that stalls longer than
    /// the silence must not turn what was pasted into keys.
    fn late_paste(&mut self, bytes: &[u8], now: Instant, events: &mut Vec<TerminalEvent>) -> usize {
        let Some((ended, by_silence)) = self.pasted else { return 0 };
        if !matches!(self.state, State::Ground) || now.saturating_duration_since(ended) > REST_MEMORY {
            return 0;
        }
        let Some(length) = pasting::late(bytes, by_silence) else { return 0 };
        if length == bytes.len() {
            // No end mark yet: the paste goes on.
            self.state = State::Pasting(Pasting::default());
            return 0;
        }
        let mut pasting = Pasting::default();
        let (used, paste) = pasting.feed(&bytes[..length]);
        events.extend(paste.and_then(|paste| paste.event).filter(|paste| !paste.text.is_empty()).map(TerminalEvent::Paste));
        used
    }

    /// The rest of a string that was given up as keys, of whatever kind, where it came in one piece with its end: how many of
    /// these bytes belong to it. Nobody types text and the end of a string at once.
    fn late_string(&mut self, bytes: &[u8]) -> usize {
        let State::Escape { bytes: held, typed } = &self.state else { return 0 };
        if *typed < held.len() || held.len() < 2 {
            return 0;
        }
        let is_text = |byte: &u8| matches!(byte, 0x20..=0x7e) || *byte >= 0x80;
        let text = bytes.iter().take_while(|byte| is_text(byte)).count();
        let end = match &bytes[text..] {
            [BEL, ..] => 1,
            [ESC, b'\\', ..] => 2,
            _ => return 0,
        };
        if text == 0 {
            return 0;
        }
        self.state = State::Ground;
        text + end
    }

    fn byte(&mut self, byte: u8, events: &mut Vec<TerminalEvent>) {
        if byte == CTRL_C && !matches!(self.state, State::Ground) {
            self.state = State::Ground;
        }
        match std::mem::take(&mut self.state) {
            State::Character(mut bytes) => {
                if !(0x80..=0xbf).contains(&byte) {
                    // The character was cut off by something else, which counts.
                    self.ground(byte, events);
                    return;
                }
                bytes.push(byte);
                if bytes.len() < length(bytes[0]) {
                    self.state = State::Character(bytes);
                } else if bytes[0] == C1_LEAD && byte < 0xa0 {
                    self.control_character(byte);
                } else {
                    type_out(&bytes, events);
                }
            }
            State::Escape { bytes, typed } => self.escape(bytes, typed, byte, events),
            State::LongAfterEscape if matches!(byte, b'[' | b']' | b'_' | b'^') => self.escape(vec![ESC], 1, byte, events),
            State::Ground | State::LongAfterEscape => self.ground(byte, events),
            State::Control { parameters, long, late } => self.control(parameters, long, late, byte, events),
            State::Single { mut parameters, late } => match byte {
                b'0'..=b'9' | b';' if parameters.len() < LONGEST_SEQUENCE => {
                    parameters.push(byte);
                    self.state = State::Single { parameters, late };
                }
                0x20..=0x7e => {
                    events.extend(csi::single_shift(&parameters, byte).filter(|_| late.is_none()));
                }
                _ => self.ground(byte, events),
            },
            State::OldMouse { characters, wanted, lead, late } => {
                self.old_mouse(characters, wanted, lead, late, byte, events);
            }
            State::Text { introducer, body, escaped } => self.text(introducer, body, escaped, byte, events),
            State::Pasting(pasting) => {
                debug_assert!(false, "pastes are fed in pieces");
                self.state = State::Pasting(pasting);
            }
        }
    }

    fn ground(&mut self, byte: u8, events: &mut Vec<TerminalEvent>) {
        match byte {
            ESC => self.state = State::Escape { bytes: vec![ESC], typed: 0 },
            0x00..=0x7f => type_out(&[byte], events),
            // The 8-bit form of a control character; in UTF-8 it cannot stand here.
            0x80..=0x9f => self.control_character(byte),
            byte if length(byte) > 1 => self.state = State::Character(vec![byte]),
            _ => {}
        }
    }

    /// U+0080 to U+009F: introducers that no key can be. The others are dropped.
    fn control_character(&mut self, byte: u8) {
        self.state = match byte {
            0x9b => State::Control { parameters: Vec::new(), long: false, late: None },
            0x8f => State::Single { parameters: Vec::new(), late: None },
            0x90 | 0x98 | 0x9d | 0x9e | 0x9f => State::Text { introducer: byte - 0x40, body: Vec::new(), escaped: false },
            _ => State::Ground,
        };
    }

    /// A byte after `Esc` and these bytes, of which `typed` were given up as keys.
    fn escape(&mut self, mut bytes: Vec<u8>, typed: usize, byte: u8, events: &mut Vec<TerminalEvent>) {
        // A rest so soon after a typed `Esc` is no key of a person, but if it is, only one is lost.
        let late = (typed > 0).then_some(ESCAPE_MEMORY);
        if bytes.len() == 1 {
            match byte {
                b'[' => self.state = State::Control { parameters: Vec::new(), long: false, late },
                b'O' => self.state = State::Single { parameters: Vec::new(), late },
                byte if shape::is_introducer(byte) => {
                    bytes.push(byte);
                    self.state = State::Escape { bytes, typed };
                }
                // A terminal sends Alt+x as Esc and x. No key of ours has Alt, but Esc and a key in one packet are common
                // over SSH: two keys.
                byte => {
                    type_out(&bytes[typed..], events);
                    self.ground(byte, events);
                }
            }
            return;
        }
        let introducer = bytes[1];
        // Once all was typed, only what is an answer for certain is its rest.
        let held = typed < bytes.len();
        if bytes.len() > 2 && bytes.last() == Some(&ESC) {
            if byte != b'\\' {
                // Not the end of a string but Esc and another key, or a sequence.
                bytes.pop();
                type_out(&bytes[typed.min(bytes.len())..], events);
                self.state = State::Escape { bytes: vec![ESC], typed: 0 };
                self.byte(byte, events);
            }
            return;
        }
        if byte == ESC && held {
            bytes.push(ESC);
            self.state = State::Escape { bytes, typed };
            return;
        }
        if byte == BEL && held {
            return;
        }
        bytes.push(byte);
        let ended = bytes.ends_with(&[C1_LEAD, 0x9c]);
        let text = (0x20..=0x7e).contains(&byte) || byte >= 0x80;
        match shape::of(introducer, &bytes[2..]) {
            _ if ended => {}
            Shape::Answer => {
                let body = bytes[2..].to_vec();
                self.state = State::Text { introducer, body, escaped: false };
            }
            // Keys, or a string nobody knows: if its end comes soon, it is one.
            Shape::Perhaps | Shape::Other if text && held && bytes.len() > LONGEST_HELD => {
                self.state = State::Text { introducer, body: bytes[2..].to_vec(), escaped: false };
            }
            Shape::Perhaps => self.state = State::Escape { bytes, typed },
            Shape::Other if text && held => self.state = State::Escape { bytes, typed },
            Shape::Other => {
                bytes.pop();
                type_out(&bytes[typed.min(bytes.len())..], events);
                self.ground(byte, events);
            }
        }
    }

    fn control(&mut self, mut parameters: Vec<u8>, mut long: bool, late: Late, byte: u8, events: &mut Vec<TerminalEvent>) {
        // The Linux console sends `CSI [ A` for F1.
        let console = parameters == [b'['];
        match byte {
            0x20..=0x7e if console => {
                if let (b'A'..=b'E', None) = (byte, late) {
                    events.push(key(KeyCode::F(byte - b'A' + 1), KeyModifiers::NONE));
                }
            }
            b'[' if parameters.is_empty() => {
                parameters.push(byte);
                self.state = State::Control { parameters, long, late };
            }
            0x20..=0x3f => {
                long |= parameters.len() >= LONGEST_SEQUENCE;
                if !long {
                    parameters.push(byte);
                }
                // rxvt ends some keys with `$`, which is no final byte anywhere else.
                let ends = byte == b'$'
                    && (2..=3).contains(&parameters.len())
                    && parameters[..parameters.len() - 1].iter().all(u8::is_ascii_digit);
                if !ends {
                    self.state = State::Control { parameters, long, late };
                } else if let (Meaning::Events(found), None) = (csi::meaning(&parameters, b'$'), late) {
                    events.extend(found);
                }
            }
            0x40..=0x7e if long => {}
            0x40..=0x7e => match csi::meaning(&parameters, byte) {
                Meaning::Events(_) if late.is_some() => {}
                Meaning::Events(found) => events.extend(found),
                Meaning::PasteBegins => self.state = State::Pasting(Pasting::default()),
                Meaning::MouseFollows(wanted) => {
                    self.state = State::OldMouse { characters: Vec::new(), wanted, lead: None, late };
                }
            },
            // A new sequence, or noise, in the middle of this one.
            _ => self.ground(byte, events),
        }
    }

    /// One byte of a mouse report of characters: plain bytes (X10) or UTF-8 (mode 1005).
    fn old_mouse(
        &mut self,
        mut characters: Vec<u32>,
        wanted: u8,
        lead: Option<u8>,
        late: Late,
        byte: u8,
        events: &mut Vec<TerminalEvent>,
    ) {
        if byte < 0x20 {
            self.ground(byte, events);
            return;
        }
        match (lead, byte) {
            (Some(lead), 0x80..=0xbf) => characters.push(u32::from(lead & 0x1f) << 6 | u32::from(byte & 0x3f)),
            (Some(lead), _) => characters.extend([u32::from(lead), u32::from(byte)]),
            (None, 0xc2..=0xdf) => {
                self.state = State::OldMouse { characters, wanted, lead: Some(byte), late };
                return;
            }
            (None, _) => characters.push(u32::from(byte)),
        }
        if characters.len() < usize::from(wanted) {
            self.state = State::OldMouse { characters, wanted, lead: None, late };
        } else {
            events.extend(csi::old_mouse(&characters).filter(|_| late.is_none()));
        }
    }

    fn text(&mut self, introducer: u8, mut body: Vec<u8>, escaped: bool, byte: u8, events: &mut Vec<TerminalEvent>) {
        let after_c1_lead = body.last() == Some(&C1_LEAD);
        let after_ascii = body.last().is_none_or(|byte| *byte < 0x80);
        let ends = (escaped && byte == b'\\') || byte == BEL || (byte == 0x9c && (after_c1_lead || after_ascii));
        if ends {
            if after_c1_lead && byte == 0x9c {
                body.pop();
            }
            if body.len() < LONGEST_STRING {
                events.extend(reply::of_string(introducer, &body).map(TerminalEvent::Reply));
            }
            return;
        }
        // CAN and SUB end any sequence; nobody answers with Ctrl+x or Ctrl+z in it.
        if matches!(byte, 0x18 | 0x1a) {
            self.ground(byte, events);
            return;
        }
        if escaped {
            // `Esc` ends a string in any case; what follows is a sequence of its own.
            self.state = State::Escape { bytes: vec![ESC], typed: 0 };
            self.byte(byte, events);
            return;
        }
        if byte != ESC && body.len() < LONGEST_STRING {
            body.push(byte);
        }
        self.state = State::Text { introducer, body, escaped: byte == ESC };
    }
}

/// How many bytes a character has that begins with this one.
fn length(first: u8) -> usize {
    match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    }
}

/// Appends the keys of these bytes: characters and control characters.
fn type_out(bytes: &[u8], events: &mut Vec<TerminalEvent>) {
    for c in String::from_utf8_lossy(bytes).chars() {
        let (code, modifiers) = match c {
            '\r' => (KeyCode::Enter, KeyModifiers::NONE),
            '\t' => (KeyCode::Tab, KeyModifiers::NONE),
            '\u{1b}' => (KeyCode::Esc, KeyModifiers::NONE),
            '\u{7f}' => (KeyCode::Backspace, KeyModifiers::NONE),
            '\0' => (KeyCode::Char(' '), KeyModifiers::CONTROL),
            c @ '\u{1}'..='\u{1a}' => (KeyCode::Char(char::from(b'a' - 1 + c as u8)), KeyModifiers::CONTROL),
            c @ '\u{1c}'..='\u{1f}' => (KeyCode::Char(char::from(b'4' - 0x1c + c as u8)), KeyModifiers::CONTROL),
            '\u{80}'..='\u{9f}' | '\u{fffd}' => continue,
            c => (KeyCode::Char(c), if c.is_uppercase() { KeyModifiers::SHIFT } else { KeyModifiers::NONE }),
        };
        events.push(key(code, modifiers));
    }
}
