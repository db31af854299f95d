//! What the bytes of a terminal can mean.

use crossterm::event::{KeyEvent, MouseEvent};

/// One thing that came from the terminal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TerminalEvent {
    /// A key was pressed or repeats; a release is no event. Its character is the one the person's layout types: nothing is
    /// guessed from where the key lies, and nothing pasted comes this way.
    Key(KeyEvent),
    /// A key that came in one read with others ([`mark_bursts`]): of a person who types ahead, or of what only looks like keys.
    /// Whoever answers a question presses one key, after reading it.
    KeyInBurst(KeyEvent),
    /// Text came in one piece (bracketed paste).
    Paste(Paste),
    /// A mouse button or the wheel.
    Mouse(MouseEvent),
    /// The window came into focus, or left it.
    Focus(bool),
    /// The terminal answered a question, or told of a change it was asked to tell.
    Reply(Reply),
}

/// Tells keys that came together in one read from a key that came alone.
pub fn mark_bursts(events: &mut [TerminalEvent]) {
    let keys = events.iter().filter(|event| matches!(event, TerminalEvent::Key(_))).count();
    if keys < 2 {
        return;
    }
    for event in events {
        if let TerminalEvent::Key(key) = event {
            *event = TerminalEvent::KeyInBurst(*key);
        }
    }
}

/// Pasted text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Paste {
    /// The text with line breaks as `\n`; not cleaned otherwise.
    pub text: String,
    /// It was longer than [`super::LONGEST_PASTE`]: the rest is gone.
    pub cut: bool,
}

impl From<String> for Paste {
    /// Text that came whole.
    fn from(text: String) -> Self {
        Self { text, cut: false }
    }
}

/// An answer of the terminal. Whether anybody asked is not known here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// Background colour, 8 bits for each of red, green and blue (OSC 11).
    Background([u8; 3]),
    /// Primary device attributes (DA1): every terminal answers them, so they mark the end of earlier answers.
    Attributes(Vec<u32>),
    /// Name and version as the terminal writes them, cut to 80 printable characters (XTVERSION).
    Version(String),
    /// Nothing is wrong (`CSI 0 n`): everything written before the question has been read.
    Ready,
    /// Size of a cell in pixels (`CSI 6 ; height ; width t`).
    CellSize {
        /// Pixels across.
        width: u16,
        /// Pixels down.
        height: u16,
    },
    /// Answer of the kitty graphics protocol.
    Graphics {
        /// The picture's number, where the answer names one.
        id: Option<u32>,
        /// `OK`, or why not (`ENOENT:…`), cut to 80 printable characters.
        message: String,
    },
    /// State of a private mode (DECRPM): 0 unknown, 1 on, 2 off, 3 always on, 4 always off.
    Mode {
        /// Its number.
        mode: u32,
        /// Its state.
        state: u32,
    },
    /// The colours changed to dark (`true`) or light (mode 2031).
    Scheme {
        /// Light text on a dark background.
        dark: bool,
    },
    /// The keyboard flags of kitty's protocol that are on (`CSI ? flags u`).
    KeyboardFlags(u32),
}
