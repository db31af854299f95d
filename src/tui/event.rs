//! Everything that can wake the dashboard.

use std::path::PathBuf;

use super::terminal;
use crate::engine::EngineEvent;
use crate::preview::Finished;
use crate::preview::tmux::Inspection;

/// What happened: at the terminal, or in the rest of the program. All events of one batch carry the same `now`.
pub type Event = terminal::Event<News>;

/// What happened in the rest of the program.
#[derive(Clone, PartialEq, Debug)]
pub enum News {
    /// The engine said something.
    Engine(EngineEvent),
    /// An export is at this path, or could not be written, and why.
    Exported(Result<PathBuf, String>),
    /// A picture is ready, or cannot be shown.
    Picture(Finished),
    /// What tmux lets through.
    Tmux(Inspection),
}
