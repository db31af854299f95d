//! What the help shows: every action of the keymap, in groups or by a word.

use super::app::App;
use super::availability::changes;
use super::dialogs::HelpDialog;
use super::keymap::{Action, Group, Row, TABLE};

/// Actions whose box may end in a paid request.
pub(super) const fn may_cost(action: Action) -> bool {
    matches!(
        action,
        Action::Add | Action::NewDrafts | Action::NewFrom | Action::Enhance | Action::Hold | Action::Pause | Action::RunAgain
    )
}

/// Actions whose keys stand in one line of the help, and what that line says.
const TOGETHER: [(&[Action], &str); 7] = [
    (
        &[
            Action::ViewAll,
            Action::ViewWaiting,
            Action::ViewRunning,
            Action::ViewToFetch,
            Action::ViewSaved,
            Action::ViewFailed,
            Action::ViewUnsure,
        ],
        "all, held and waiting, running, to fetch, saved, failed, unsure",
    ),
    (&[Action::Choose0, Action::Choose1, Action::Choose2, Action::Choose3], "choose the picture, or not"),
    (&[Action::Picture0, Action::Picture1, Action::Picture2, Action::Picture3], "which result is shown"),
    (&[Action::Down, Action::Up], "next, previous row"),
    (&[Action::Top, Action::Bottom], "first, last row"),
    (&[Action::NextPane, Action::PreviousPane], "next, previous pane"),
    (&[Action::NextDraft, Action::PreviousDraft], "next, previous draft"),
];

impl App {
    /// The rows of the help that fit the search, in the order of the groups.
    pub(super) fn help_rows(&self, help: &HelpDialog) -> Vec<&'static Row> {
        let word = help.search.line().trim().to_lowercase();
        let fits = |row: &&Row| {
            if self.options.read_only && changes(row.action) {
                return false;
            }
            let keys = self.options.keymap.keys(row.action);
            if word.is_empty() {
                return !TOGETHER.iter().any(|(actions, _)| actions[1..].contains(&row.action));
            }
            row.help.to_lowercase().contains(&word)
                || row.name.contains(&word)
                || row.action.synonyms().iter().any(|synonym| synonym.starts_with(&word))
                || keys.iter().any(|key| key.shown().to_lowercase() == word)
        };
        let mut rows: Vec<&Row> = TABLE.iter().filter(fits).collect();
        rows.sort_by_key(|row| Group::ALL.iter().position(|group| *group == row.group));
        rows
    }

    /// The keys of a row as the help prints them, and what they do.
    pub(super) fn help_entry(&self, row: &Row, help: &HelpDialog) -> (String, &'static str) {
        let together = TOGETHER.iter().find(|(actions, _)| actions[0] == row.action && help.search.is_empty());
        if let Some((actions, said)) = together {
            return (self.keys_of_all(actions), said);
        }
        let keys: Vec<String> = self.options.keymap.keys(row.action).iter().map(|key| key.shown()).collect();
        (if keys.is_empty() { format!(":{}", row.name) } else { keys.join(" ") }, row.help)
    }

    /// The keys of actions that belong together: `0-3` where they follow each other, else each of them.
    pub(super) fn keys_of_all(&self, actions: &[Action]) -> String {
        let keys = actions.iter().map(|action| {
            let keys: Vec<String> = self.options.keymap.keys(*action).iter().map(|key| key.shown()).collect();
            if keys.is_empty() { format!(":{}", action.name()) } else { keys.join(" ") }
        });
        let keys: Vec<String> = keys.collect();
        let digits: Vec<u32> = keys.iter().filter_map(|key| key.parse().ok()).collect();
        let in_order = digits.len() == keys.len() && digits.windows(2).all(|pair| pair[0] + 1 == pair[1]);
        match (keys.first(), keys.last()) {
            (Some(first), Some(last)) if in_order => format!("{first}-{last}"),
            _ => keys.join(" "),
        }
    }

    /// The keys that are named as one where this one is: `0-3`.
    pub(super) fn keys_named_with(&self, first: Action) -> Option<String> {
        TOGETHER.iter().find(|(actions, _)| actions[0] == first).map(|(actions, _)| self.keys_of_all(actions))
    }
}
