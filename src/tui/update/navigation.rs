//! Moving, panes and marks.

use std::collections::HashSet;

use jiff::Timestamp;

use super::super::app::App;
use super::super::keymap::Action;
use super::super::layout::Page;
use super::super::undo::Undo;
use super::super::view;
use crate::engine::Level;
use crate::job::JobId;
use crate::job::text;

fn moved(from: usize, by: isize, last: usize) -> usize {
    from.saturating_add_signed(by).min(last)
}

impl App {
    /// Moves what the keys move here: the selection, or what is scrolled. The extremes go to the ends.
    pub(super) fn step(&mut self, by: isize) {
        match self.screens.page() {
            Page::Events => {
                let last = self.shown_events().count().saturating_sub(1);
                self.screens.scroll_page(moved(self.screens.page_scroll(), by, last));
            }
            Page::Spending => {
                let last = view::spending_last(self, Timestamp::UNIX_EPOCH);
                self.screens.scroll_page(moved(self.screens.page_scroll(), by, last));
            }
            Page::Drafts | Page::Sheet => {
                let last = self.drafts.len().saturating_sub(1);
                self.drafts.select_row(moved(self.drafts.cursor_row(), by, last));
            }
            Page::Jobs if self.screens.in_details() => {
                let last = view::details_height(self).saturating_sub(1);
                self.screens.scroll_details(moved(self.screens.details_scroll(), by, last));
            }
            Page::Full | Page::Compare if self.screens.is_on_drafts() => self.step_draft_picture(by),
            Page::Jobs | Page::Full | Page::Compare => {
                let last = self.jobs.order().len().saturating_sub(1);
                self.jobs.select_row(moved(self.jobs.cursor_row(), by, last));
            }
        }
    }

    /// Moves by half pages.
    pub(super) fn page(&mut self, halves: isize) {
        let rows = match self.screens.page() {
            Page::Jobs if !self.screens.in_details() => self.layout().rows(),
            Page::Drafts => view::draft_rows(self),
            Page::Sheet => 2,
            _ => usize::from(self.screens.size().1).saturating_sub(6),
        };
        let half = isize::try_from(rows / 2).unwrap_or(1).max(1);
        self.step(half * halves);
    }

    pub(super) fn set_marks(&mut self, marks: HashSet<JobId>) {
        let before = self.jobs.marks().ids();
        if marks != *before {
            let set = marks.difference(before).copied().collect();
            let taken = before.difference(&marks).copied().collect();
            self.jobs.set_marks(marks);
            self.messages.push_undo(Undo::Marks { set, taken });
        }
    }

    pub(super) fn mark_and_step(&mut self) {
        let Some(id) = self.jobs.selected() else { return };
        let (set, taken) = if self.jobs.toggle_mark(id) { (vec![id], vec![]) } else { (vec![], vec![id]) };
        self.messages.push_undo(Undo::Marks { set, taken });
        self.step(1);
    }

    pub(super) fn mark_range(&mut self) {
        let Some(id) = self.jobs.selected() else { return };
        let anchor = self.jobs.marks().anchor();
        self.jobs.set_anchor(None);
        match anchor.and_then(|anchor| self.jobs.row(anchor)) {
            None => {
                self.jobs.set_anchor(Some(id));
                let key = |action| self.options.keymap.named(action);
                let (end, drop) = (key(Action::MarkRange), key(Action::Escape));
                self.say(Level::Info, format!("the range starts here; {end} again ends it, {drop} drops it"));
            }
            Some(from) => {
                let (from, to) = (from.min(self.jobs.cursor_row()), from.max(self.jobs.cursor_row()));
                let mut marks = self.jobs.marks().ids().clone();
                marks.extend(self.jobs.order().iter().skip(from).take(to - from + 1));
                self.set_marks(marks);
            }
        }
    }

    pub(super) fn mark_all(&mut self) {
        let shown: HashSet<JobId> = self.jobs.order().iter().copied().collect();
        let marked = self.jobs.marks().ids();
        let marks: HashSet<JobId> = if shown.is_subset(marked) {
            marked.difference(&shown).copied().collect()
        } else {
            marked.union(&shown).copied().collect()
        };
        self.set_marks(marks);
    }

    pub(super) fn mark_invert(&mut self) {
        let shown: HashSet<JobId> = self.jobs.order().iter().copied().collect();
        self.set_marks(self.jobs.marks().ids().symmetric_difference(&shown).copied().collect());
    }

    /// Adds what fits a query to the marks.
    pub(super) fn mark_fitting(&mut self, ids: Vec<JobId>) {
        let count = ids.len();
        let mut marks = self.jobs.marks().ids().clone();
        marks.extend(ids);
        self.set_marks(marks);
        self.say(Level::Info, format!("{} marked by the query", text::count(count, "job")));
    }
}
