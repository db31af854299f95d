//! Whether an action fits now: the one question that dispatch, footer, help and palette ask.

use std::borrow::Cow;

use super::app::App;
use super::keymap::Action;
use super::layout::Page;
use crate::job::{ErrorClass, HoldReason, Job, Phase, State};

/// Why an action does not fit, as a sentence for the status line.
pub type Reason = Cow<'static, str>;

/// Why an act does not fit one job, in the few words of "left out: 2 running".
pub(crate) type Availability = Result<(), &'static str>;

impl App {
    /// Whether an action fits now.
    ///
    /// # Errors
    /// Why it does not, as a sentence.
    pub fn allows(&self, action: Action) -> Result<(), Reason> {
        use Action as A;
        let no = |said: &'static str| Err(Cow::Borrowed(said));
        let changes = matches!(
            action,
            A::Add
                | A::Hold
                | A::Pause
                | A::Later
                | A::Earlier
                | A::More
                | A::Fewer
                | A::Cancel
                | A::Watch
                | A::Fetch
                | A::Ask
                | A::RunAgain
                | A::Remove
                | A::Tag
                | A::EditCaps
        );
        if changes && self.options.read_only {
            return no("this dashboard only looks (--read-only)");
        }
        if changes && self.broken.is_some() {
            return no("the session cannot go on; leave with q and start again");
        }
        match action {
            A::Add | A::Pause | A::More | A::Fewer | A::EditCaps if self.status.is_none() => {
                no("the engine has not answered yet; try again in a moment")
            }
            A::Hold => self.any(|job| hold(job).or_else(|_| release(job)), "nothing here can be held or released"),
            A::Later | A::Earlier => self.any(movable, "only jobs that are not sent have a place in line"),
            A::Cancel => self.any(stoppable, "it is over; D removes it from the list"),
            A::Watch => self.any(watchable, "it is watched; w is for unwatched and unsure jobs"),
            A::Fetch => self.any(fetchable, "there is nothing to fetch for it"),
            A::RunAgain => {
                if self.status.is_none() {
                    return no("the engine has not answered yet; try again in a moment");
                }
                let alone = self.jobs.marks().is_empty();
                self.any(move |job| again(job, alone), "only what is over can be run again")
            }
            A::Remove => self.any(removable, "only what is over can leave the list; x cancels it first"),
            A::Tag | A::Show | A::CopyMenu | A::Open if self.screens.page() == Page::Jobs => {
                self.any(|_| Ok(()), "there is no job here; a adds some")
            }
            A::CopyId => {
                self.any(|job| if job.task.is_some() { Ok(()) } else { Err("no task") }, "it has no task id: it was not sent")
            }
            A::Mark | A::MarkRange | A::MarkAll | A::MarkInvert if self.jobs.order().is_empty() => {
                no("there is no job here; a adds some")
            }
            A::Unmark if self.jobs.marks().is_empty() => no("nothing is marked"),
            A::Undo if !self.messages.can_undo() => no("there is nothing to undo"),
            A::More | A::Fewer => {
                let now = self.status.as_ref().map_or(1, |status| status.max_in_flight);
                match action {
                    A::More if now >= 10_000 => no("10,000 in flight is the most"),
                    A::Fewer if now <= 1 => no("one in flight is the least; P pauses sending"),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// Whether an act fits at least one target.
    fn any(&self, fits: impl Fn(&Job) -> Availability, said: &'static str) -> Result<(), Reason> {
        if self.jobs.marks().is_empty() {
            let Some(job) = self.jobs.selected_job() else {
                return Err(Cow::Borrowed("there is no job here; a adds some"));
            };
            return if fits(job).is_ok() { Ok(()) } else { Err(Cow::Owned(format!("{said} (it is {})", job.state()))) };
        }
        let some = self.jobs.marks().kinds().iter().filter_map(|id| self.jobs.job(*id)).any(|job| fits(job).is_ok());
        if some { Ok(()) } else { Err(Cow::Owned(format!("{said} (none of the marked)"))) }
    }
}

pub(crate) fn hold(job: &Job) -> Availability {
    in_words(job.can_hold())
}

pub(crate) fn release(job: &Job) -> Availability {
    in_words(job.can_release())
}

pub(crate) fn movable(job: &Job) -> Availability {
    in_words(job.can_move())
}

/// Whether `x` has something to do: cancel, stop watching or give up.
pub(crate) fn stoppable(job: &Job) -> Availability {
    in_words(job.can_cancel().or_else(|why| job.can_unwatch().or_else(|_| job.can_give_up()).map_err(|_| why)))
}

/// Whether `w` has something to do: watch again, or choose a task.
pub(crate) fn watchable(job: &Job) -> Availability {
    in_words(job.can_watch().or_else(|why| job.can_adopt().map_err(|_| why)))
}

pub(crate) fn fetchable(job: &Job) -> Availability {
    in_words(job.can_fetch())
}

/// Whether a new job for the same picture makes sense. `alone`: it was chosen by itself and not among others.
pub(crate) fn again(job: &Job, alone: bool) -> Availability {
    in_words(job.can_run_again(alone))
}

pub(crate) fn removable(job: &Job) -> Availability {
    in_words(job.can_remove())
}

/// Whether the service can say anything new about it.
pub(crate) fn askable(job: &Job) -> bool {
    job.can_ask().is_ok()
}

/// Whether it is held because the price moved.
pub(crate) fn held_for_price(job: &Job) -> bool {
    matches!(job.phase, Phase::Held(HoldReason::Price { .. }))
}
