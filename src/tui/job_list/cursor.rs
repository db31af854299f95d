//! Which row is selected, and which rows are on the screen.

use crate::job::JobId;

/// The selection is a job: rows move while the user reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Cursor {
    selected: Option<JobId>,
    /// The row where the selection was seen last.
    row: usize,
    /// The first row shown.
    offset: usize,
    /// The cursor goes where its job goes. At the top it stays at the top unless the job was chosen by name.
    follows: bool,
}

impl Cursor {
    pub(super) fn selected(&self) -> Option<JobId> {
        self.selected
    }

    pub(super) fn row(&self) -> usize {
        self.row
    }

    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// Selects a job; its row is found by [`Cursor::settle`].
    pub(super) fn select(&mut self, id: JobId) {
        self.selected = Some(id);
        self.follows = true;
    }

    /// Selects the job of a row, or the last one there is.
    pub(super) fn go_to(&mut self, row: usize, order: &[JobId]) {
        self.row = row.min(order.len().saturating_sub(1));
        self.follows = self.row > 0;
        self.selected = order.get(self.row).copied();
    }

    /// Back to the first row.
    pub(super) fn reset(&mut self, order: &[JobId]) {
        (self.row, self.offset, self.follows) = (0, 0, false);
        self.selected = order.first().copied();
    }

    /// Brings row and scroll in line with the order: `found` is where the selection stands in it, `rows` how many rows have
    /// room.
    pub(super) fn settle(&mut self, order: &[JobId], found: Option<usize>, rows: usize) {
        if order.is_empty() {
            *self = Self::default();
            return;
        }
        self.row = found.filter(|_| self.follows).unwrap_or(self.row).min(order.len() - 1);
        self.selected = Some(order[self.row]);
        let rows = rows.max(1);
        self.offset = self.offset.min(order.len().saturating_sub(rows)).min(self.row);
        if self.row >= self.offset + rows {
            self.offset = self.row + 1 - rows;
        }
    }
}
