//! What the dashboard wants done: data that can be compared and printed, no closures.

use crate::engine::Command;
use crate::job::JobId;

/// The format of an export.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExportFormat {
    /// Comma-separated values with a header line (RFC 4180).
    Csv,
    /// One JSON object per line.
    Json,
}

impl ExportFormat {
    /// The usual ending of a file name, without the dot.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "jsonl",
        }
    }
}

/// An act on the world outside. The only ones that cost money are commands with a consent.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Hand this command to the engine; its answer is [`crate::engine::EngineEvent::CommandDone`] with the same ticket.
    Command {
        /// Names the answer.
        ticket: u64,
        /// What is outcomes.
        command: Command,
    },
    /// Ask for the details of a job; the answer is [`crate::engine::EngineEvent::Details`].
    LoadDetails(JobId),
    /// Put text on the clipboard of the user's terminal (OSC 52).
    Copy(String),
    /// Ring the bell.
    Bell,
    /// A desktop notice through the terminal.
    Notify {
        /// A few words.
        title: String,
        /// One sentence.
        body: String,
    },
    /// Set the window's title.
    Title(String),
    /// Give the terminal back and stop until `fg`.
    Suspend,
    /// Draw every cell anew.
    Redraw,
    /// Switch mouse reports on or off.
    Mouse(bool),
    /// Remember this for [`super::AppOptions::remembered`] of the next start.
    SaveScreenState(String),
    /// Write an export beside the results, and say where as a notice.
    Export {
        /// In which format `content` is.
        format: ExportFormat,
        /// The whole file.
        content: String,
    },
    /// End the loop.
    Quit,
}
