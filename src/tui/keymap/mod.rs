//! The keymap: one table that drives dispatch, help, footer, palette, the names under `[keys]` and `docs/keys.md`.

mod key;
mod layout;
mod table;

use std::collections::{BTreeMap, HashMap};

pub use key::Key;
pub(crate) use layout::by_place;
pub use table::{Action, ActionKind, Contexts, Group, Row, TABLE};

/// Which key does what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keymap {
    keys: BTreeMap<Action, Vec<Key>>,
    actions: HashMap<Key, Vec<Action>>,
}

/// What is wrong with a line of `[keys]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeymapError {
    /// The line of the file, from 1.
    pub line: usize,
    /// The action's name, as written.
    pub action: String,
    /// What is wrong, as a lower-case fragment.
    pub what: String,
}

impl Default for Keymap {
    fn default() -> Self {
        let keys = TABLE.iter().map(|row| (row.action, row.default_keys())).collect();
        Self::from_keys(keys)
    }
}

impl Keymap {
    fn from_keys(keys: BTreeMap<Action, Vec<Key>>) -> Self {
        let mut actions: HashMap<Key, Vec<Action>> = HashMap::new();
        for (action, bound) in &keys {
            for key in bound {
                actions.entry(*key).or_default().push(*action);
            }
        }
        Self { keys, actions }
    }

    /// The defaults with the user's changes: an action's name, its keys (none unbinds it), and the line of the file.
    ///
    /// # Errors
    /// Every unknown name (with the nearest), unknown key and clash, each with its line.
    pub fn with_overrides(overrides: &[(&str, Vec<String>, usize)]) -> Result<Self, Vec<KeymapError>> {
        let mut wrong = Vec::new();
        let mut mistake =
            |line: usize, action: &str, what: String| wrong.push(KeymapError { line, action: action.to_owned(), what });
        let mut keys = Self::default().keys;
        let mut lines: HashMap<Action, usize> = HashMap::new();
        for (name, texts, line) in overrides {
            let Some(action) = Action::from_name(name) else {
                let near = TABLE.iter().map(|row| row.name).min_by_key(|known| strsim::osa_distance(known, name));
                mistake(*line, name, format!("is not an action; did you mean {:?}?", near.unwrap_or("help")));
                continue;
            };
            let mut bound = Vec::new();
            for text in texts {
                match text.parse::<Key>() {
                    Ok(key) if !bound.contains(&key) => bound.push(key),
                    Ok(_) => {}
                    Err(why) => mistake(*line, name, why),
                }
            }
            lines.insert(action, *line);
            keys.insert(action, bound);
        }
        let all: Vec<_> = keys.iter().flat_map(|(action, bound)| bound.iter().map(move |key| (*key, *action))).collect();
        for (index, (key, action)) in all.iter().enumerate() {
            for (other_key, other) in &all[..index] {
                if key == other_key && action.row().places.meets(other.row().places) {
                    // The later line is the one that was just written.
                    let (mine, theirs) = if lines.get(action) > lines.get(other) { (action, other) } else { (other, action) };
                    let line = lines.get(mine).copied().unwrap_or_default();
                    let what = format!("{key} is the key of {} as well: take it from one of them", theirs.name());
                    mistake(line, mine.name(), what);
                }
            }
        }
        if wrong.is_empty() { Ok(Self::from_keys(keys)) } else { Err(wrong) }
    }

    /// What a key does in a place. A letter of a non-Latin layout counts by where it lies on the keyboard.
    #[must_use]
    pub fn action(&self, key: Key, place: Contexts) -> Option<Action> {
        let find = |key: &Key| self.actions.get(key)?.iter().copied().find(|action| action.row().places.meets(place));
        find(&key).or_else(|| find(&by_place(key)?))
    }

    /// The keys of an action, the first one first.
    #[must_use]
    pub fn keys(&self, action: Action) -> &[Key] {
        self.keys.get(&action).map_or(&[], Vec::as_slice)
    }

    /// How a sentence names an action: by its key, or by its name for the command line where it has none.
    #[must_use]
    pub fn named(&self, action: Action) -> String {
        self.shown(action).unwrap_or_else(|| format!(":{}", action.name()))
    }

    /// The key to print for an action, if it has one.
    #[must_use]
    pub fn shown(&self, action: Action) -> Option<String> {
        self.keys(action).first().map(|key| key.shown())
    }
}

/// The table of `docs/keys.md`, in Markdown, from the same table as everything else.
#[must_use]
pub fn keys_table_markdown() -> String {
    use std::fmt::Write as _;
    let mut out = String::from("| Key | Where | Does | Kind | Name |\n|---|---|---|---|---|\n");
    for row in TABLE {
        let keys: Vec<String> = row.default_keys().iter().map(|key| format!("`{}`", key.shown())).collect();
        let keys = if keys.is_empty() { "`:` only".to_owned() } else { keys.join(" ") };
        let _ = writeln!(out, "| {keys} | {} | {} | {} | `{}` |", row.places.words(), row.help, row.kind.word(), row.name);
    }
    out.replace("`|`", "`\\|`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_actions_share_a_key_in_one_place() {
        assert_eq!(Keymap::with_overrides(&[]), Ok(Keymap::default()));
    }

    #[test]
    fn the_table_is_sound() {
        for row in TABLE {
            assert_eq!(Action::from_name(row.name), Some(row.action));
            assert!(row.default_keys().len() == row.keys.split_whitespace().count(), "{}: a key cannot be read", row.name);
            assert!(!row.help.is_empty());
        }
    }

    #[test]
    fn no_default_belongs_to_another_layer() {
        let forbidden = ["ctrl+a", "ctrl+h", "ctrl+j", "ctrl+k", "ctrl+s", "ctrl+q", "ctrl+space"];
        for row in TABLE {
            let keys: Vec<_> = row.keys.split_whitespace().collect();
            for key in &keys {
                assert!(!forbidden.contains(key), "{}: {key}", row.name);
                assert!(!key.contains("alt+"), "{}", row.name);
            }
            assert!(keys != ["ctrl+b"], "{} is on tmux's own key alone", row.name);
            let function_key = |key: &&str| key.len() > 1 && key.starts_with('f') && key[1..].parse::<u8>().is_ok();
            assert!(keys.is_empty() || !keys.iter().all(function_key), "{} is on a function key alone", row.name);
        }
    }

    #[test]
    fn lower_case_never_spends() {
        for row in TABLE.iter().filter(|row| row.kind == ActionKind::Paid) {
            assert!(row.keys.chars().all(char::is_uppercase), "{}", row.name);
        }
    }

    #[test]
    fn changes_of_the_user_are_taken_or_refused_with_line_and_nearest_name() {
        let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        let map = Keymap::with_overrides(&[("hold", keys(&["b", "ctrl+y"]), 3), ("tag", vec![], 4)]).unwrap();
        assert_eq!(map.action("b".parse().unwrap(), Contexts::LIST), Some(Action::Hold));
        assert_eq!(map.action("p".parse().unwrap(), Contexts::LIST), None);
        assert_eq!(map.action("t".parse().unwrap(), Contexts::LIST), None);

        let wrong = Keymap::with_overrides(&[("hodl", vec![], 7), ("add", keys(&["p"]), 8), ("sort", keys(&["meta+x"]), 9)]);
        let wrong: Vec<String> =
            wrong.unwrap_err().into_iter().map(|error| format!("{}: {}: {}", error.line, error.action, error.what)).collect();
        let wrong = wrong.join("\n");
        assert!(wrong.contains("7: hodl: ") && wrong.contains("\"hold\""), "{wrong}");
        assert!(wrong.contains("8: add: p is the key of hold as well"), "{wrong}");
        assert!(wrong.contains("9: sort: ") && wrong.contains("meta+x"), "{wrong}");
    }

    #[test]
    fn letters_count_by_place_on_other_layouts() {
        let map = Keymap::default();
        for (key, action) in
            [("ф", Action::Add), ("о", Action::Down), ("К", Action::RunAgain), ("ξ", Action::Down), ("ש", Action::Add)]
        {
            assert_eq!(map.action(key.parse().unwrap(), Contexts::LIST), Some(action), "{key}");
        }
    }
}
