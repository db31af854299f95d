//! Everything that can wake the dashboard.

use std::path::PathBuf;

use crossterm::event::{KeyEvent, MouseEvent};

use crate::engine::EngineEvent;

/// What happened. All events of one batch carry the same `now`.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// A key, as the terminal library gives it; releases are ignored.
    Key(KeyEvent),
    /// Text that was pasted (bracketed paste).
    Paste(String),
    /// The paste just before was longer than the terminal half takes ([`super::terminal::LONGEST_PASTE`]): its rest is gone.
    PasteCut,
    /// The mouse, where it is switched on.
    Mouse(MouseEvent),
    /// The terminal has this many columns and rows now. To be sent once at the start too.
    Resize(u16, u16),
    /// Before a key: the state of this [`super::App::revision`] had been on the terminal for 300 ms when the key was pressed.
    /// A box that no such state showed has not been read, and the key is no confirmation of it.
    Settled(u64),
    /// The window came into focus, or lost it.
    Focus(bool),
    /// The terminal's background is dark, or light.
    Scheme {
        /// Light text on it is easier to read than dark text.
        dark: bool,
    },
    /// The engine said something.
    EngineEvent(EngineEvent),
    /// An export is at this path, or could not be written, and why.
    Exported(Result<PathBuf, String>),
    /// A moment that [`super::App::next_tick`] asked for has come.
    Tick,
    /// Ctrl+c came as a signal: leave.
    Interrupted,
    /// SIGTERM or SIGHUP: leave at once.
    Terminate,
    /// The program is back from suspension: everything must be drawn anew.
    Resumed,
}
