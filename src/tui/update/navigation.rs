//! Moving, panes and marks.

use std::collections::HashSet;

use super::super::app::{App, LoggedEvent, Page, Undo};
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
        match self.page {
            Page::Events => self.events_scroll = moved(self.events_scroll, by, self.shown_events().count().saturating_sub(1)),
            Page::Spending => {}
            Page::Jobs if self.in_details => {
                self.details_scroll = moved(self.details_scroll, by, view::details_height(self).saturating_sub(1));
            }
            Page::Jobs => {
                let order = self.jobs.order();
                self.row = moved(self.row, by, order.len().saturating_sub(1));
                self.selected = order.get(self.row).copied();
            }
        }
    }

    /// Moves by half pages.
    pub(super) fn page(&mut self, halves: isize) {
        let rows = match self.page {
            Page::Jobs if !self.in_details => self.layout().rows(),
            _ => usize::from(self.size.1).saturating_sub(6),
        };
        let half = isize::try_from(rows / 2).unwrap_or(1).max(1);
        self.step(half * halves);
    }

    pub(super) fn open_details(&mut self) {
        if self.details_open {
            self.in_details = true;
        }
        self.details_open = true;
        if self.layout().list.width == 0 || self.layout().list.height == 0 {
            self.in_details = true;
        }
    }

    pub(super) fn next_pane(&mut self) {
        if self.page == Page::Jobs && self.details_open {
            self.in_details = !self.in_details;
        }
    }

    pub(crate) fn shown_events(&self) -> impl Iterator<Item = &LoggedEvent> {
        let word = self.events_filter.to_lowercase();
        self.events.iter().rev().filter(move |notice| {
            word.is_empty()
                || notice.text.to_lowercase().contains(&word)
                || notice.job.is_some_and(|job| job.to_string().contains(&word))
        })
    }

    pub(super) fn set_marks(&mut self, marks: HashSet<JobId>) {
        if marks != self.marks {
            let set = marks.difference(&self.marks).copied().collect();
            let taken = self.marks.difference(&marks).copied().collect();
            self.marks = marks;
            self.push_undo(Undo::Marks { set, taken });
            self.refresh_mark_kinds();
        }
    }

    pub(super) fn mark_and_step(&mut self) {
        let Some(id) = self.selected else { return };
        // One mark among many thousands must not cost a look at all of them.
        if self.marks.remove(&id) {
            self.push_undo(Undo::Marks { set: Vec::new(), taken: vec![id] });
            if self.mark_kinds.contains(&id) {
                self.refresh_mark_kinds();
            }
        } else {
            self.marks.insert(id);
            self.push_undo(Undo::Marks { set: vec![id], taken: Vec::new() });
            self.note_mark_kind(id);
        }
        self.step(1);
    }

    pub(super) fn mark_range(&mut self) {
        let Some(id) = self.selected else { return };
        match self.anchor.take().and_then(|anchor| self.jobs.row(anchor)) {
            None => {
                self.anchor = Some(id);
                self.say(Level::Info, "the range begins here; V again ends it, Esc drops it");
            }
            Some(from) => {
                let (from, to) = (from.min(self.row), from.max(self.row));
                let mut marks = self.marks.clone();
                marks.extend(self.jobs.order().iter().skip(from).take(to - from + 1));
                self.set_marks(marks);
            }
        }
    }

    pub(super) fn mark_all(&mut self) {
        let shown: HashSet<JobId> = self.jobs.order().iter().copied().collect();
        let marks: HashSet<JobId> = if shown.is_subset(&self.marks) {
            self.marks.difference(&shown).copied().collect()
        } else {
            self.marks.union(&shown).copied().collect()
        };
        self.set_marks(marks);
    }

    pub(super) fn mark_invert(&mut self) {
        let shown: HashSet<JobId> = self.jobs.order().iter().copied().collect();
        self.set_marks(self.marks.symmetric_difference(&shown).copied().collect());
    }

    /// Adds what fits a query to the marks.
    pub(super) fn mark_fitting(&mut self, ids: Vec<JobId>) {
        let count = ids.len();
        let mut marks = self.marks.clone();
        marks.extend(ids);
        self.set_marks(marks);
        self.say(Level::Info, format!("{} marked by the query", text::count(count, "job")));
    }
}
