//! The window's title.

use std::fmt::Write as _;

use jiff::{Timestamp, ToSpan as _};

use super::job_list::{JobList, View};

/// The title as the terminal has it; it changes once a second at most.
#[derive(Debug, Default)]
pub(super) struct Title {
    shown: String,
    at: Option<Timestamp>,
}

impl Title {
    /// When a new title may be set; `None` where it may be now, or is set.
    pub(super) fn due(&self, words: &str, now: Timestamp) -> Option<Timestamp> {
        let at = self.at.filter(|_| words != self.shown)?;
        at.checked_add(1.second()).ok().filter(|at| *at > now)
    }

    /// Takes a new title; whether it is to be set now.
    pub(super) fn set(&mut self, words: &str, now: Timestamp) -> bool {
        let soon = self.at.is_some_and(|at| now.duration_since(at).as_millis() < 1_000);
        if words == self.shown || soon {
            return false;
        }
        words.clone_into(&mut self.shown);
        self.at = Some(now);
        true
    }
}

/// `mj 3 run 12 wait 1 fail`.
pub(super) fn words(jobs: &JobList) -> String {
    let mut title = "mj".to_owned();
    for view in [View::Running, View::ToFetch, View::Waiting, View::Failed, View::Unsure] {
        let count = jobs.count_of(view);
        if count > 0 {
            let _ = write!(title, " {count} {}", view.short());
        }
    }
    title
}
