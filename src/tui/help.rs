//! What the help shows.

use super::app::App;
use super::dialogs::HelpDialog;
use super::keymap::{Row, TABLE};

impl App {
    /// The rows of the help that fit the search.
    pub(crate) fn help_rows(&self, help: &HelpDialog) -> Vec<&'static Row> {
        let word = help.search.line().trim().to_lowercase();
        TABLE
            .iter()
            .filter(|row| {
                let keys = self.options.keymap.keys(row.action);
                word.is_empty()
                    || row.help.to_lowercase().contains(&word)
                    || row.name.contains(&word)
                    || keys.iter().any(|key| key.shown().to_lowercase() == word)
            })
            .collect()
    }
}
