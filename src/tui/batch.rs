//! What came of the jobs since the queue was last empty.

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Batch {
    busy: bool,
    saved: usize,
    failed: usize,
}

impl Batch {
    /// What there was at the start.
    pub(crate) fn start(&mut self, busy: bool) {
        self.busy = busy;
    }

    pub(crate) fn saved(&mut self) {
        self.saved += 1;
    }

    pub(crate) fn failed(&mut self) {
        self.failed += 1;
    }

    /// Takes in whether anything is still to come; what came of the batch (saved and failed jobs), once, where it has ended.
    pub(crate) fn turn(&mut self, busy: bool) -> Option<(usize, usize)> {
        let ended = (!busy && self.busy && self.saved + self.failed > 0).then_some((self.saved, self.failed));
        if busy && !self.busy {
            (self.saved, self.failed) = (0, 0);
        }
        self.busy = busy;
        ended
    }
}
