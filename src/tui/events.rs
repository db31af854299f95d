//! The events that are shown.

use super::app::App;
use super::messages::LoggedEvent;

impl App {
    /// The events that the filter of their page lets through, newest first.
    pub(super) fn shown_events(&self) -> impl Iterator<Item = &LoggedEvent> {
        let word = self.screens.events_filter().to_lowercase();
        self.messages.events().rev().filter(move |notice| {
            word.is_empty()
                || notice.text.to_lowercase().contains(&word)
                || notice.job.is_some_and(|job| job.to_string().contains(&word))
        })
    }
}
