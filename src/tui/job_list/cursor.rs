//! Which row is selected, and which rows are on the screen.

use crate::job::JobId;

/// The selection is a job, or another thing with an id: rows move while the user reads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cursor<Id = JobId> {
    selected: Option<Id>,
    /// The row where the selection was seen last.
    row: usize,
    /// The first row shown.
    offset: usize,
    /// The cursor goes where its job goes. At the top it stays at the top unless the job was chosen by name.
    follows: bool,
    /// What is selected fills a screen of its own: another must not take its place while it is looked at.
    held: bool,
}

impl<Id> Default for Cursor<Id> {
    fn default() -> Self {
        Self { selected: None, row: 0, offset: 0, follows: false, held: false }
    }
}

impl<Id: Clone> Cursor<Id> {
    pub(crate) fn selected(&self) -> Option<Id> {
        self.selected.clone()
    }

    pub(crate) fn row(&self) -> usize {
        self.row
    }

    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// Selects a job; its row is found by [`Cursor::settle`].
    pub(crate) fn select(&mut self, id: Id) {
        self.selected = Some(id);
        self.follows = true;
    }

    /// Selects the job of a row, or the last one there is.
    pub(crate) fn go_to(&mut self, row: usize, order: &[Id]) {
        self.row = row.min(order.len().saturating_sub(1));
        self.follows = self.row > 0;
        self.selected = order.get(self.row).cloned();
    }

    /// Back to the first row.
    pub(crate) fn reset(&mut self, order: &[Id]) {
        (self.row, self.offset, self.follows) = (0, 0, false);
        self.selected = order.first().cloned();
    }

    /// Says whether the selection fills a screen of its own: the cursor then goes where it goes, from the top too.
    pub(crate) fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Brings row and scroll in line with the order: `found` is where the selection stands in it, `rows` how many rows have
    /// room.
    pub(crate) fn settle(&mut self, order: &[Id], found: Option<usize>, rows: usize) {
        if order.is_empty() {
            *self = Self::default();
            return;
        }
        self.row = found.filter(|_| self.follows || self.held).unwrap_or(self.row).min(order.len() - 1);
        self.follows |= self.held && self.row > 0;
        self.selected = order.get(self.row).cloned();
        let rows = rows.max(1);
        self.offset = self.offset.min(order.len().saturating_sub(rows)).min(self.row);
        if self.row >= self.offset + rows {
            self.offset = self.row + 1 - rows;
        }
    }
}
