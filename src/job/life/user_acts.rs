//! What the user asks of a job.

use jiff::Timestamp;

use super::super::charge::Charge;
use super::super::id::Tag;
use super::super::phase::{CancelledBy, HoldReason, Phase};
use super::super::request::PaidRequest;
use super::super::verdict::Verdict;
use super::{Applied, Approval, Job, changed};

impl Job {
    pub(super) fn approve(&mut self, yes: Approval, request: PaidRequest) -> Applied {
        let applied = match &self.phase {
            Phase::Held(why) => {
                if matches!(why, HoldReason::Source { .. }) {
                    self.source_confirmed = true;
                }
                // Proven not charged, and confirmed anew; whatever it was held for since.
                if self.send.as_ref().is_some_and(|send| send.is_spent(yes.at)) {
                    (self.send, self.request) = (None, None);
                }
                self.charge = None;
                self.phase = Phase::Waiting;
                self.approval = Some(yes);
                changed(format!("approved at {} credits", yes.price))
            }
            Phase::Waiting => {
                self.approval = Some(yes);
                changed(format!("approved at {} credits", yes.price))
            }
            Phase::Unsure(_) if self.is_approved_elsewhere() => {
                self.approval = Some(yes);
                // The account's list may hold its task by now.
                self.recheck();
                changed(format!("approved at {} credits; may be sent again if no task fits", yes.price))
            }
            _ => Applied::Ignored("only what has not been sent can be approved"),
        };
        if applied.changed() && self.send.is_none() {
            self.request.get_or_insert(request);
        }
        applied
    }

    pub(super) fn hold(&mut self, why: HoldReason) -> Applied {
        if self.phase != Phase::Waiting {
            return Applied::Ignored("only a waiting job can be held");
        }
        let note = why.to_string();
        self.phase = Phase::Held(why);
        changed(note)
    }

    pub(super) fn cancel(&mut self, now: Timestamp) -> Applied {
        match self.phase {
            Phase::Held(_) | Phase::Waiting => {
                self.phase = Phase::Cancelled(CancelledBy::You);
                self.finished_at = Some(now);
                self.charge = None;
                changed("cancelled before it was sent (free)")
            }
            Phase::Sending if !self.stop_requested => {
                self.stop_requested = true;
                changed("no longer watched once the reply is here")
            }
            _ => Applied::Ignored("it was sent; watching can be stopped"),
        }
    }

    pub(super) fn uncancel(&mut self) -> Applied {
        if self.phase != Phase::Cancelled(CancelledBy::You) {
            return Applied::Ignored("it was not cancelled before it was sent");
        }
        self.phase = Phase::Held(HoldReason::You);
        self.finished_at = None;
        self.removed = false;
        changed("back from cancelled, held")
    }

    pub(super) fn give_up(&mut self, now: Timestamp) -> Applied {
        if !matches!(self.phase, Phase::Unsure(_)) {
            return Applied::Ignored("only an unsure job can be given up");
        }
        self.phase = Phase::Cancelled(CancelledBy::YouUnsure);
        self.finished_at = Some(now);
        self.charge = Some(Charge::NotKnown);
        changed("given up while unsure; it may have been charged")
    }

    pub(super) fn unwatch(&mut self) -> Applied {
        if !matches!(self.phase, Phase::Running(_)) {
            return Applied::Ignored("only a running job can be unwatched");
        }
        self.phase = Phase::Unwatched;
        changed("no longer watched; charged if it completes")
    }

    pub(super) fn watch(&mut self) -> Applied {
        if self.can_watch().is_err() {
            return Applied::Ignored("only an unwatched job can be watched again");
        }
        self.stop_requested = false;
        self.take_up_again();
        // What is under way again belongs on the list.
        self.removed = false;
        changed("watched again")
    }

    pub(super) fn retag(&mut self, tag: Option<Tag>) -> Applied {
        if self.tag == tag {
            return Applied::Ignored("it has that tag");
        }
        self.tag = tag;
        changed(String::new())
    }

    pub(super) fn judge(&mut self, verdict: Option<Verdict>) -> Applied {
        if self.can_judge().is_err() {
            return Applied::Ignored("it has no result");
        }
        if self.verdict == verdict {
            return Applied::Ignored("that was said of it already");
        }
        self.verdict = verdict;
        changed(String::new())
    }

    pub(super) fn shift(&mut self, place: i64) -> Applied {
        if self.place == place {
            return Applied::Ignored("it is there");
        }
        self.place = place;
        changed(String::new())
    }

    pub(super) fn remove(&mut self, removed: bool) -> Applied {
        if removed && self.can_remove().is_err() {
            return Applied::Ignored("only finished jobs can be removed");
        }
        if self.removed == removed {
            return Applied::Ignored("it is so already");
        }
        self.removed = removed;
        changed(if removed { "removed from the list" } else { "restored to the list" })
    }
}
