//! When something visible counts: the only reasons for a timer.

use jiff::{Timestamp, ToSpan as _};

use super::app::App;
use super::layout::Page;
use crate::engine::Connection;
use crate::job::{Job, Phase, State};

/// The ages of a balance at which its words change, in seconds.
pub(super) const AGE_STEPS: [i64; 8] = [300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400];

impl App {
    /// The next moment at which something visible counts; `None` while nothing does.
    ///
    /// Clocks turn on whole seconds, with a slow link on quarters of a minute; a grace period always counts seconds.
    #[must_use]
    pub fn next_tick(&self, now: Timestamp) -> Option<Timestamp> {
        let later = |seconds: i64| {
            let at = (now.as_second().div_euclid(seconds) + 1) * seconds;
            Timestamp::from_second(at).ok()
        };
        let clock = if self.options.slow_link { 15 } else { 1 };
        let mut next: Vec<Timestamp> = Vec::new();
        if self.messages.windows().iter().any(|grace| grace.until > now) {
            next.extend(later(1));
        }
        if let Some(status) = &self.status {
            if status.all_wait_until.is_some_and(|until| until > now) {
                next.extend(later(clock));
            }
            if let Connection::Down { since, .. } = &status.connection {
                let minutes = now.duration_since(*since).as_secs().max(0) / 60 + 1;
                next.extend(since.checked_add(minutes.minutes()).ok());
            }
            if let Some(balance) = status.balance {
                // The age is shown in steps, so that a still dashboard stays still.
                let age = now.duration_since(balance.at).as_secs();
                let step = AGE_STEPS.iter().find(|step| **step > age);
                next.extend(step.and_then(|step| balance.at.checked_add(step.seconds()).ok()));
            }
        }
        if self.screens.page() == Page::Jobs {
            if self.visible().any(counts_seconds) {
                next.extend(later(clock));
            } else if self.visible().any(|job| matches!(job.state(), State::ToFetch | State::Fetching)) {
                next.extend(later(60));
            }
        }
        next.extend(self.pictures.next_tick());
        next.extend(self.drafts.next_tick());
        next.extend(self.title.due(&super::title::words(&self.jobs), now));
        next.into_iter().min()
    }
}

/// Whether a row shows a number that changes every second.
fn counts_seconds(job: &Job) -> bool {
    matches!(job.phase, Phase::Running(_) | Phase::Sending)
}
