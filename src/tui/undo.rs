//! What can be taken back, and what an answer of the engine will be used for.

use std::collections::HashSet;

use jiff::Timestamp;

use super::drafts::Chosen;
use super::job_list::Sort;
use crate::engine::QueueMove;
use crate::job::{Caps, JobId, Tag, TaskId, Verdict};

/// Jobs that were confirmed and can still be stopped.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct UndoWindow {
    pub approval: u64,
    pub until: Timestamp,
    pub jobs: usize,
    /// The jobs that the act made: they go with it.
    pub made: Vec<JobId>,
}

/// What an answer to a command will be used for.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Pending {
    /// A consent; it may have been taken back before the answer came.
    Consent { withdraw: bool, makes: bool },
    /// Held jobs.
    Added,
    /// A confirmation was taken back; what its act made goes too.
    Withdrawal { made: Vec<JobId> },
    /// An act that has to be told of as final when the next undo comes.
    Final(&'static str),
    /// Part of another act, whose sentence says it all.
    Quiet,
    /// An act of here that can be undone; that may have been asked for before the answer came.
    Local { undo: Undo, back: bool },
    /// Everything else.
    Plain,
}

impl Pending {
    pub(crate) fn local(undo: Undo) -> Self {
        Self::Local { undo, back: false }
    }

    /// Whether `u` reaches it.
    pub(crate) fn can_be_taken_back(&self) -> bool {
        matches!(self, Self::Consent { withdraw: false, .. } | Self::Local { back: false, .. })
    }
}

/// How to take a local act back.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Undo {
    /// Release again: goes through the price box.
    Hold(Vec<JobId>),
    Move(Vec<JobId>, QueueMove),
    /// Back to the places in the queue that the jobs had.
    Places(Vec<(JobId, i64)>),
    Retag(Vec<(Option<Tag>, Vec<JobId>)>),
    Judge(Vec<(Option<Verdict>, Vec<JobId>)>),
    Remove(Vec<JobId>),
    /// Back, held.
    Cancel(Vec<JobId>),
    /// Watch again what was stopped being watched.
    Unwatch(Vec<JobId>),
    /// Pause again.
    Resume,
    /// Nothing takes it back; why.
    Final(&'static str),
    /// It was sent with this approval: final once its undo window is over.
    Sent(u64),
    /// Marks that were set, and marks that were taken away.
    Marks {
        set: Vec<JobId>,
        taken: Vec<JobId>,
    },
    Filter(String),
    DraftFilter(String),
    /// Drafts that were marked.
    DraftMarks(HashSet<TaskId>),
    /// What was chosen of a draft.
    Choice(TaskId, Chosen),
    /// A column that was hidden or shown.
    Column(&'static str),
    HideDrafts(Vec<TaskId>),
    NoteDrafts(Vec<(Option<Tag>, Vec<TaskId>)>),
    Order(Sort, bool),
    InFlight(u32),
    Caps(Caps),
    /// Go on: goes through the price box where something would be sent.
    Pause,
}

impl Undo {
    /// Only what an act reached is taken back by its undo.
    pub(crate) fn limited_to(&self, reached: &[JobId]) -> Self {
        if reached.is_empty() {
            return self.clone();
        }
        let reached: HashSet<JobId> = reached.iter().copied().collect();
        let keep = |ids: &[JobId]| ids.iter().copied().filter(|id| reached.contains(id)).collect::<Vec<_>>();
        match self {
            Self::Hold(ids) => Self::Hold(keep(ids)),
            Self::Move(ids, place) => Self::Move(keep(ids), *place),
            Self::Places(places) => Self::Places(places.iter().filter(|(id, _)| reached.contains(id)).copied().collect()),
            Self::Remove(ids) => Self::Remove(keep(ids)),
            Self::Unwatch(ids) => Self::Unwatch(keep(ids)),
            Self::Cancel(ids) => Self::Cancel(keep(ids)),
            Self::Retag(groups) => Self::Retag(groups.iter().map(|(tag, ids)| (tag.clone(), keep(ids))).collect()),
            Self::Judge(groups) => Self::Judge(groups.iter().map(|(verdict, ids)| (*verdict, keep(ids))).collect()),
            other => other.clone(),
        }
    }
}
