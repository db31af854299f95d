//! The footer: only keys that work now.

use super::app::App;
use super::keymap::{Action, Row};
use super::layout::Page;
use crate::job::{Job, JobId, State, Verdict};

impl App {
    /// The actions for the footer that fit now, the most important first, each with its key and word.
    pub(crate) fn hints(&self) -> Vec<(Action, String, &'static str)> {
        let place = self.screens.context();
        let mut rows: Vec<_> = super::keymap::TABLE
            .iter()
            .filter(|row| row.hint.1 > 0 && row.places.meets(place) && self.is_worth_a_hint(row.action))
            .filter(|row| self.allows(row.action).is_ok())
            .collect();
        rows.sort_by_key(|row| self.weight(row));
        rows.into_iter()
            .filter_map(|row| {
                let key = self.options.keymap.shown(row.action)?;
                let together = matches!(row.action, Action::Choose0 | Action::Picture0);
                let key = self.keys_named_with(row.action).filter(|_| together).unwrap_or(key);
                Some((row.action, key, self.hint_word(row.action, row.hint.0)))
            })
            .collect()
    }

    /// How important a key is here, 1 is first: the drafts and the sheet put other keys first than the list.
    fn weight(&self, row: &Row) -> u8 {
        use Action as A;
        match (self.screens.page(), row.action) {
            (Page::Drafts, A::NewDrafts | A::NewFrom) => 17,
            (Page::Drafts, A::Filter) => 39,
            (Page::Sheet, A::NextDraft) => 13,
            (Page::Sheet, A::Full) => 14,
            (Page::Sheet, A::Compare) => 15,
            (Page::Sheet, A::Back) => 16,
            _ => row.hint.1,
        }
    }

    /// Whether a key that could be pressed is worth its place in the footer.
    fn is_worth_a_hint(&self, action: Action) -> bool {
        match action {
            Action::Pause => {
                self.status.as_ref().is_some_and(|status| status.paused.is_some() || !status.waiting_for_go.is_empty())
            }
            Action::Earlier | Action::Later => self.jobs.count(State::Waiting) + self.jobs.count(State::Held) > 1,
            Action::Events => self.screens.page() == Page::Jobs,
            Action::Spending | Action::Ask | Action::CopyMenu if self.screens.page().is_picture() => false,
            Action::Picture0 if self.screens.is_on_drafts() && self.screens.page() == Page::Full => self.drafts.len() > 0,
            Action::Picture0 => self.shown_job().is_some_and(|job| job.files.len() > 1),
            Action::Spending => self.screens.page() != Page::Spending,
            Action::Open => !self.screens.details_open(),
            Action::Back => self.screens.page().is_of_drafts(),
            Action::Drafts | Action::Quit => !self.screens.page().is_of_drafts(),
            // In the list it would be in the way of what is used more.
            Action::NewFrom => self.screens.page().is_of_drafts() || self.screens.in_details(),
            Action::Undo => self.messages.is_worth_undoing(),
            Action::Pictures if self.screens.page() == Page::Sheet => false,
            Action::Pictures | Action::Full | Action::Compare if self.screens.page().is_of_drafts() => self.drafts.len() > 0,
            Action::Pictures | Action::Compare if !self.screens.page().is_picture() => {
                self.screens.details_open() && self.jobs.selected_job().is_some_and(|job| !job.files.is_empty())
            }
            Action::Full if self.screens.page() == Page::Jobs => false,
            // Elsewhere it still opens and says that nothing is here yet.
            Action::Show if matches!(self.screens.page(), Page::Jobs) => {
                self.jobs.selected_job().is_some_and(|job| !job.files.is_empty() || !job.links.is_empty())
            }
            _ => true,
        }
    }

    fn hint_word(&self, action: Action, word: &'static str) -> &'static str {
        let job = self.jobs.selected_job();
        match action {
            Action::Hold if self.sort_of_hold() == State::Held => "release",
            Action::Cancel if self.jobs.marks().is_empty() => match job.map(|job| job.state()) {
                Some(State::Running) => "stop watching",
                Some(State::Unsure) => "give up",
                _ => word,
            },
            Action::Watch if job.is_some_and(|job| job.state() == State::Unsure) => "choose task",
            Action::Watch => "watch again",
            Action::Pause if self.status.as_ref().is_some_and(|status| status.paused.is_none()) => "send",
            Action::Undo if !self.messages.windows().is_empty() => "stop the send",
            Action::NewDrafts if self.screens.page().is_of_drafts() => "new",
            Action::RunAgain if self.screens.page().is_of_drafts() => "again, paid",
            Action::Keep if self.shown_job().is_some_and(|job| job.verdict == Some(Verdict::Kept)) => "not kept",
            Action::Reject if self.shown_job().is_some_and(|job| job.verdict == Some(Verdict::Rejected)) => "not rejected",
            Action::Full if self.screens.page() == Page::Full => "back",
            Action::Compare if self.screens.page() == Page::Compare => "back",
            Action::Flip if self.screens.page() == Page::Full => "next",
            Action::Picture0 if self.screens.is_on_drafts() && self.screens.page() == Page::Full => "choose",
            Action::Quit if self.screens.page() != Page::Jobs || self.screens.details_open() => "back",
            _ => word,
        }
    }

    /// The job whose result a screen of pictures shows, if there is one.
    pub(super) fn shown_job(&self) -> Option<&Job> {
        if self.screens.is_on_drafts() {
            return super::view::draft_pictures::compared_job(self);
        }
        self.jobs.selected_job().map(AsRef::as_ref)
    }

    /// What `p` would do: hold (waiting) or release (held).
    fn sort_of_hold(&self) -> State {
        let waiting = |id: &JobId| self.jobs.job(*id).is_some_and(|job| job.state() == State::Waiting);
        let any = if self.jobs.marks().is_empty() {
            self.jobs.selected().iter().any(waiting)
        } else {
            self.jobs.marks().kinds().iter().any(waiting)
        };
        if any { State::Waiting } else { State::Held }
    }
}
