//! What the dashboard wants done: data that can be compared and printed, no closures.

use super::terminal;
use crate::engine::Command;
use crate::job::{JobId, TaskId};
use crate::preview::Request;

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

/// What the dashboard wants done, by the terminal half or by the session.
pub type Effect = terminal::Effect<SessionEffect>;

/// What the terminal half hands on to the session. The only ones that cost money are commands with a consent.
#[derive(Clone, PartialEq, Debug)]
pub enum SessionEffect {
    /// Hand this command to the engine; its answer is [`crate::engine::EngineEvent::CommandDone`] with the same ticket.
    Command {
        /// Names the answer.
        ticket: u64,
        /// What is to be done.
        command: Command,
    },
    /// Ask for the details of a job; the answer is [`crate::engine::EngineEvent::Details`].
    LoadDetails(JobId),
    /// The drafts are shown, or no more; while they are, [`crate::engine::EngineEvent::Drafts`] tells of them.
    ShowDrafts(bool),
    /// Read the account's list for drafts now.
    ListDrafts,
    /// The pictures of this draft of another program's are shown: fetch them.
    LookAtDraft(TaskId),
    /// Fetch the pictures of a draft of another program's, whether they are shown or not.
    FetchDraft(TaskId),
    /// Remember this for [`super::AppOptions::remembered`] of the next start.
    SaveScreenState(String),
    /// Make these pictures, in this order, instead of those asked for before; each comes as [`super::News::Picture`].
    Pictures(Vec<Request>),
    /// Read what tmux lets through; the answer is [`super::News::Tmux`].
    InspectTmux,
    /// Write an export beside the results, and say where as a notice.
    Export {
        /// In which format `content` is.
        format: ExportFormat,
        /// The whole file.
        content: String,
    },
}
