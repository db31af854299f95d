//! What was said, what happened, what can be taken back, and which commands have no answer yet.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;

use super::undo::{Pending, Undo, UndoWindow};
use crate::engine::Level;
use crate::job::JobId;

/// Most events that are kept.
const MOST_EVENTS: usize = 1_000;
/// Most acts that can be undone.
const MOST_UNDO: usize = 100;

/// A line of the events and of the activity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LoggedEvent {
    pub at: Timestamp,
    pub level: Level,
    /// Which job it is about.
    pub job: Option<JobId>,
    /// Clean.
    pub text: String,
}

#[derive(Debug, Default)]
pub(crate) struct Messages {
    message: Option<(Level, String)>,
    events: VecDeque<LoggedEvent>,
    undo: Vec<Undo>,
    undo_windows: Vec<UndoWindow>,
    tickets: HashMap<u64, Pending>,
    last_ticket: u64,
}

/// What `u` reaches first.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum NextUndo {
    /// A send in its grace period.
    Send(UndoWindow),
    /// A consent that has no answer yet; it is withdrawn as soon as the answer is here.
    PendingConsent,
    /// An act that has no answer yet; it is taken back as soon as the answer is here.
    PendingAct,
    /// An act that was done.
    Act(Undo),
}

impl Messages {
    pub(crate) fn message(&self) -> Option<&(Level, String)> {
        self.message.as_ref()
    }

    pub(crate) fn say(&mut self, level: Level, said: impl Into<String>) {
        self.message = Some((level, said.into()));
    }

    pub(crate) fn clear_message(&mut self) {
        self.message = None;
    }

    /// Events, the oldest first.
    pub(crate) fn events(&self) -> impl DoubleEndedIterator<Item = &LoggedEvent> {
        self.events.iter()
    }

    /// Keeps an event; what is more than good to know is also said, unless something weightier stands there.
    pub(crate) fn log(&mut self, event: LoggedEvent) {
        let weightier = self.message.as_ref().is_none_or(|(level, _)| event.level >= *level);
        if event.level > Level::Info && weightier {
            self.message = Some((event.level, event.text.clone()));
        }
        if self.events.len() == MOST_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// A ticket for a command.
    pub(crate) fn ticket(&mut self, pending: Pending) -> u64 {
        self.last_ticket += 1;
        self.tickets.insert(self.last_ticket, pending);
        self.last_ticket
    }

    #[cfg(test)]
    pub(crate) fn last_ticket(&self) -> u64 {
        self.last_ticket
    }

    /// What the answer with this ticket is for; once.
    pub(crate) fn answered(&mut self, ticket: u64) -> Option<Pending> {
        self.tickets.remove(&ticket)
    }

    pub(crate) fn push_undo(&mut self, undo: Undo) {
        if self.undo.len() == MOST_UNDO {
            self.undo.remove(0);
        }
        self.undo.push(undo);
    }

    pub(crate) fn open_window(&mut self, window: UndoWindow) {
        self.undo_windows.push(window);
    }

    pub(crate) fn windows(&self) -> &[UndoWindow] {
        &self.undo_windows
    }

    pub(crate) fn close_windows(&mut self, now: Timestamp) {
        self.undo_windows.retain(|window| window.until > now);
    }

    /// A confirmation was taken back: nothing is left of its send.
    pub(crate) fn forget_send(&mut self, approval: u64) {
        self.undo.retain(|undo| *undo != Undo::Sent(approval));
    }

    /// Whether the last act can be taken back.
    pub(crate) fn is_worth_undoing(&self) -> bool {
        // A choice is taken back by its own key.
        let is_final = matches!(self.undo.last(), Some(Undo::Final(_) | Undo::Sent(_) | Undo::Choice(..)));
        self.can_undo() && !(is_final && self.undo_windows.is_empty())
    }

    pub(crate) fn can_undo(&self) -> bool {
        !self.undo.is_empty()
            || !self.undo_windows.is_empty()
            || self.tickets.values().any(|pending| pending.can_be_taken_back() || matches!(pending, Pending::Final(_)))
    }

    /// Takes the last act that can be taken back: a send in its grace period first, then what has no answer yet.
    pub(crate) fn next_undo(&mut self) -> Option<NextUndo> {
        if let Some(window) = self.undo_windows.pop() {
            return Some(NextUndo::Send(window));
        }
        let last = |pending: &Pending| pending.can_be_taken_back() || matches!(pending, Pending::Final(_));
        let open = self.tickets.iter_mut().filter(|(_, pending)| last(pending));
        match open.max_by_key(|(ticket, _)| **ticket).map(|(_, pending)| pending) {
            Some(Pending::Consent { withdraw, .. }) => {
                *withdraw = true;
                Some(NextUndo::PendingConsent)
            }
            Some(Pending::Local { back, .. }) => {
                *back = true;
                Some(NextUndo::PendingAct)
            }
            Some(pending @ Pending::Final(_)) => {
                // Said now, not once more when its answer is here.
                match std::mem::replace(pending, Pending::Plain) {
                    Pending::Final(why) => Some(NextUndo::Act(Undo::Final(why))),
                    _ => None,
                }
            }
            _ => self.undo.pop().map(NextUndo::Act),
        }
    }
}
