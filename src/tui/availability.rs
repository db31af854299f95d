//! Whether an action fits now: the one question that dispatch, footer, help and palette ask.

use std::borrow::Cow;

use super::app::App;
use super::drafts::can_look;
use super::job_list::View;
use super::keymap::Action;
use super::layout::Page;
use super::outcomes;
use crate::job::{HoldReason, Job, Phase, Prompt, State, Unavailable};

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
        let key = |action: Action| self.options.keymap.named(action);
        let starting = "the engine has not answered yet; try again in a moment";
        if changes(action) && self.options.read_only {
            return no("read-only: nothing can be changed here");
        }
        if changes(action) && self.broken.is_some() {
            return Err(format!("the session cannot continue; leave with {} and start again", key(A::Quit)).into());
        }
        if self.screens.is_on_drafts()
            && let Some(answer) = self.allows_in_drafts(action)
        {
            return answer;
        }
        match action {
            A::Add | A::NewDrafts | A::NewFrom | A::Pause | A::More | A::Fewer | A::EditCaps if self.status.is_none() => {
                no(starting)
            }
            A::NewFrom if self.prompt_under_cursor().is_none() => no("only a draft made here has a prompt to begin with"),
            A::Hold => self
                .any(|job| hold(job).or_else(|_| release(job)), || "only waiting and held jobs can be held or released".into()),
            A::Later | A::Earlier | A::ToFront | A::ToBack => {
                self.any(movable, || "only jobs that are not sent have a place in the queue".into())
            }
            A::Cancel => self.any(stoppable, || format!("nothing to cancel; {} removes it from the list", key(A::Remove)).into()),
            A::Watch => self.any(watchable, || format!("{} is for unwatched and unsure jobs", key(A::Watch)).into()),
            A::Fetch => self.any(fetchable, || "nothing to fetch yet".into()),
            A::RunAgain => {
                if self.status.is_none() {
                    return no(starting);
                }
                let alone = self.jobs.marks().is_empty();
                let only_saved = !alone && self.jobs.marked().any(|job| job.state() == State::Saved);
                self.any(
                    move |job| again(job, alone),
                    || {
                        if only_saved {
                            "saved jobs are left out of a bulk run; unmark to run one again".into()
                        } else {
                            "only finished jobs can be run again".into()
                        }
                    },
                )
            }
            A::Remove => self
                .any(removable, || format!("only finished jobs can be removed; cancel it with {} first", key(A::Cancel)).into()),
            A::Keep | A::Reject if self.screens.page().is_picture() => match self.shown_job() {
                Some(job) if judgeable(job).is_ok() => Ok(()),
                Some(job) => Err(format!("only results can be kept or rejected (it is {})", job.state()).into()),
                None => no("only results can be kept or rejected"),
            },
            A::Keep | A::Reject => self.any(judgeable, || "only results can be kept or rejected".into()),
            A::Show => self.any(shown, || "there is no result, and there will be none".into()),
            A::Full | A::Compare if self.jobs.selected_job().is_none() => Err(self.no_job()),
            A::Pictures if self.jobs.selected_job().is_none() && !self.pictures.in_details => Err(self.no_job()),
            A::Tag | A::CopyMenu | A::Open if self.screens.page() == Page::Jobs => self.any(|_| Ok(()), || Cow::Borrowed("")),
            A::CopyId => match self.jobs.selected_job() {
                None => Err(self.no_job()),
                Some(job) if job.task.is_some() => Ok(()),
                Some(job) if job.state() == State::Unsure => {
                    Err(format!("its task is not known yet; {} chooses it", key(A::Watch)).into())
                }
                Some(job) => Err(format!("it has no task id: it was not accepted (it is {})", job.state()).into()),
            },
            A::Mark | A::MarkRange | A::MarkAll | A::MarkInvert if self.jobs.order().is_empty() => Err(self.no_job()),
            A::Unmark if self.jobs.marks().is_empty() => no("nothing is marked"),
            A::Undo if !self.messages.can_undo() => no("nothing to undo"),
            A::More | A::Fewer => {
                let now = self.status.as_ref().map_or(1, |status| status.max_in_flight);
                match action {
                    A::More if now >= 10_000 => no("maximum is 10,000"),
                    A::Fewer if now <= 1 => Err(format!("minimum is 1 · {} pauses", key(A::Pause)).into()),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// The line that the draft under the cursor was made from: with its choices, where it had some.
    pub(super) fn prompt_under_cursor(&self) -> Option<String> {
        if self.screens.is_on_drafts() {
            let draft = self.drafts.selected()?;
            return draft.template.clone().or_else(|| draft.prompt.as_ref().map(Prompt::as_line));
        }
        super::prompt_dialog::prompt_line(&self.jobs.selected_job()?.kind)
    }

    /// Whether an action fits the drafts that are shown; `None` where it has nothing to do with them.
    fn allows_in_drafts(&self, action: Action) -> Option<Result<(), Reason>> {
        use Action as A;
        let key = |action: Action| self.options.keymap.named(action);
        let no = |said: &'static str| Some(Err(Cow::Borrowed(said)));
        match action {
            A::Sheet | A::Hide | A::Note | A::Show | A::CopyId | A::CopyMenu | A::Mark | A::MarkAll | A::Full | A::Compare
                if self.drafts.selected().is_none() =>
            {
                Some(Err(format!("no drafts · {} makes some from prompts", key(A::NewDrafts)).into()))
            }
            A::Sheet | A::Hide | A::Note | A::Show | A::CopyId | A::CopyMenu | A::Mark | A::MarkAll | A::Full | A::Compare => {
                Some(Ok(()))
            }
            A::Keep | A::Reject if self.screens.page() == Page::Full => {
                Some(Err(format!("a picture of a draft is chosen; {} shows its result", key(A::Compare)).into()))
            }
            A::Keep | A::Reject if !self.screens.page().is_picture() => {
                Some(Err(format!("{} shows results beside their drafts", key(A::Compare)).into()))
            }
            A::Enhance | A::RunAgain if self.status.is_none() => no("the engine has not answered yet; try again in a moment"),
            A::Enhance => {
                let chosen = self.drafts.selected().is_some_and(|draft| !self.drafts.chosen(&draft.task).is_empty());
                let digits = self.keys_named_with(A::Choose0).unwrap_or_default();
                let said = || format!("nothing is chosen: {digits} choose, {} all", key(A::ChooseAll));
                Some(if chosen { Ok(()) } else { Err(said().into()) })
            }
            A::RunAgain => {
                let ours = self.drafts.targets().into_iter().filter_map(|draft| self.jobs.job(draft.job?));
                let fits = ours.into_iter().any(|job| again(job, true).is_ok());
                Some(if fits { Ok(()) } else { Err("not made here: its prompt is not known".into()) })
            }
            A::Fetch => {
                let ours = self.drafts.targets().into_iter().filter_map(|draft| self.jobs.job(draft.job?));
                let others = self.drafts.targets().into_iter().any(can_look);
                let fits = others || ours.into_iter().any(|job| fetchable(job).is_ok());
                Some(if fits { Ok(()) } else { Err("nothing to fetch: its pictures are here".into()) })
            }
            _ => None,
        }
    }

    /// Why there is no row: what is shown hides the jobs that there are, or there are none.
    fn no_job(&self) -> Reason {
        let key = |action| self.options.keymap.named(action);
        if self.jobs.count_of(View::All) > 0 {
            let (said, way) = if self.jobs.filter().is_empty() {
                ("no jobs here", format!("{} shows all", key(Action::ViewAll)))
            } else {
                ("no job matches", format!("{} clears the filter", key(Action::Escape)))
            };
            return format!("{said} · {way}").into();
        }
        if self.options.read_only {
            return Cow::Borrowed("no jobs");
        }
        format!("no jobs · {} adds", self.options.keymap.named(Action::Add)).into()
    }

    /// Whether an act fits at least one target.
    fn any(&self, fits: impl Fn(&Job) -> Availability, said: impl FnOnce() -> Reason) -> Result<(), Reason> {
        if self.jobs.marks().is_empty() {
            let Some(job) = self.jobs.selected_job() else { return Err(self.no_job()) };
            return if fits(job).is_ok() { Ok(()) } else { Err(format!("{} (it is {})", said(), job.state()).into()) };
        }
        let some = self.jobs.marks().kinds().iter().filter_map(|id| self.jobs.job(*id)).any(|job| fits(job).is_ok());
        if some { Ok(()) } else { Err(format!("{} (none of the marked)", said()).into()) }
    }
}

/// Whether an action changes anything besides the screen.
pub(crate) const fn changes(action: Action) -> bool {
    use Action as A;
    matches!(
        action,
        A::Add
            | A::NewDrafts
            | A::NewFrom
            | A::Hold
            | A::Pause
            | A::Later
            | A::Earlier
            | A::ToFront
            | A::ToBack
            | A::More
            | A::Fewer
            | A::Cancel
            | A::Watch
            | A::Fetch
            | A::Ask
            | A::RunAgain
            | A::Enhance
            | A::Note
            | A::Hide
            | A::Remove
            | A::Tag
            | A::Keep
            | A::Reject
            | A::EditCaps
    )
}

/// Whether there is a result to be found, now or later.
pub(crate) fn shown(job: &Job) -> Availability {
    let none = job.state() == State::Cancelled || (job.state() == State::Failed && job.links.is_empty());
    if job.files.is_empty() && none { Err(job.state().word()) } else { Ok(()) }
}

fn in_words(fits: Result<(), Unavailable>) -> Availability {
    fits.map_err(|why| outcomes::reason(&why))
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

/// Whether a new job for the same picture makes sense. `alone`: it was chosen alone and not among others.
pub(crate) fn again(job: &Job, alone: bool) -> Availability {
    in_words(job.can_run_again(alone))
}

/// Whether there is a result to keep or reject.
pub(crate) fn judgeable(job: &Job) -> Availability {
    in_words(job.can_judge())
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
