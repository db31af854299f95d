//! What came of the jobs since nothing was under way.

use jiff::Timestamp;

use crate::job::{Credits, text};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Batch {
    /// When it began; `None` while nothing is under way.
    since: Option<Timestamp>,
    result: BatchResult,
}

/// What came of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct BatchResult {
    pub saved: usize,
    /// Drafts among them.
    pub drafts: usize,
    pub failed: usize,
    /// What its jobs cost.
    pub spent: Credits,
    /// Seconds from begin to end.
    pub seconds: i64,
}

impl BatchResult {
    /// `18 saved · 2 failed · 97.2 credits`; how long it took is put behind it by who shows it.
    pub(crate) fn words(&self) -> String {
        let mut parts = vec![format!("{} saved", self.saved)];
        if self.failed > 0 {
            parts.push(format!("{} failed", self.failed));
        }
        parts.push(if self.spent == Credits::from_uc(Credits::UC_PER_CREDIT) {
            text::count(1, "credit")
        } else {
            format!("{} credits", self.spent)
        });
        parts.join(" · ")
    }
}

impl Batch {
    /// What there was at the start.
    pub(crate) fn start(&mut self, busy: bool, now: Timestamp) {
        self.since = busy.then_some(now);
    }

    pub(crate) fn saved(&mut self, is_draft: bool, spent: Credits) {
        self.result.saved += 1;
        self.result.drafts += usize::from(is_draft);
        self.result.spent += spent;
    }

    pub(crate) fn failed(&mut self, spent: Credits) {
        self.result.failed += 1;
        self.result.spent += spent;
    }

    /// Takes in whether anything is under way; what came of the batch, once, where it has ended.
    pub(crate) fn turn(&mut self, busy: bool, now: Timestamp) -> Option<BatchResult> {
        let Some(since) = self.since else {
            if busy {
                (self.since, self.result) = (Some(now), BatchResult::default());
            }
            return None;
        };
        if busy {
            return None;
        }
        self.since = None;
        let result = BatchResult { seconds: now.duration_since(since).as_secs().max(0), ..self.result };
        (result.saved + result.failed > 0).then_some(result)
    }
}
