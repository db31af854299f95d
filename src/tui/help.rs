//! What the help shows: every action of the keymap, in groups or by a word.

use super::app::App;
use super::dialogs::HelpDialog;
use super::keymap::{Action, Group, Row, TABLE};

/// Actions whose box may end in a paid request.
pub(super) const fn may_cost(action: Action) -> bool {
    matches!(
        action,
        Action::Add | Action::NewDrafts | Action::NewFrom | Action::Enhance | Action::Hold | Action::Pause | Action::RunAgain
    )
}

impl App {
    /// The rows of the help that fit the search, in the order of the groups.
    pub(super) fn help_rows(&self, help: &HelpDialog) -> Vec<&'static Row> {
        let word = help.search.line().trim().to_lowercase();
        let fits = |row: &&Row| {
            let keys = self.options.keymap.keys(row.action);
            word.is_empty()
                || row.help.to_lowercase().contains(&word)
                || row.name.contains(&word)
                || row.action.synonyms().iter().any(|synonym| synonym.starts_with(&word))
                || keys.iter().any(|key| key.shown().to_lowercase() == word)
        };
        // One line tells of all the numbers.
        let is_told = |row: &&Row| !matches!(row.action, Action::Choose1 | Action::Choose2 | Action::Choose3);
        let mut rows: Vec<&Row> = TABLE.iter().filter(is_told).filter(fits).collect();
        rows.sort_by_key(|row| Group::ALL.iter().position(|group| *group == row.group));
        rows
    }

    /// The keys that choose pictures: `0-3`, or each of them where they are others.
    pub(super) fn choosing_keys(&self) -> String {
        let keys = [Action::Choose0, Action::Choose1, Action::Choose2, Action::Choose3];
        let keys = keys.map(|action| self.options.keymap.named(action));
        if keys == ["0", "1", "2", "3"] { "0-3".to_owned() } else { keys.join(" ") }
    }

    /// The keys of an action as the help prints them.
    pub(super) fn help_keys(&self, row: &Row) -> String {
        if row.action == Action::Choose0 {
            return self.choosing_keys();
        }
        let keys: Vec<String> = self.options.keymap.keys(row.action).iter().map(|key| key.shown()).collect();
        if keys.is_empty() { format!(":{}", row.name) } else { keys.join(" ") }
    }
}
