//! The doors between the rooms, as `ARCHITECTURE.md` draws them: a line that opens another one fails here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms it may use.
const DOORS: &[(&str, &[&str])] = &[
    ("job", &[]),
    ("failpoint", &[]),
    ("simulator", &[]),
    ("preview", &[]),
    ("http", &[]),
    ("api", &["http", "job"]),
    ("store", &["job", "failpoint"]),
    ("fetch", &["http", "job", "failpoint"]),
    ("commands", &["store", "job"]),
    ("engine", &["api", "commands", "store", "fetch", "job"]),
    ("tui", &["engine", "job", "preview"]),
    ("config", &["job"]),
    ("cli", &["api", "commands", "config", "engine", "fetch", "http", "job", "simulator", "store", "tui"]),
    ("main", &["cli"]),
];

/// Crates that a room must not know.
const STRANGERS: &[(&str, &[&str])] = &[
    ("job", &["tokio", "reqwest", "rusqlite", "ratatui", "crossterm", "axum"]),
    ("api", &["rusqlite", "ratatui", "crossterm"]),
    ("store", &["tokio", "reqwest", "ratatui", "crossterm"]),
    ("commands", &["tokio", "reqwest", "rusqlite", "ratatui", "crossterm", "clap"]),
    ("fetch", &["rusqlite", "ratatui", "crossterm"]),
    ("engine", &["reqwest", "rusqlite", "ratatui", "crossterm", "clap"]),
    ("preview", &["tokio", "reqwest", "rusqlite", "ratatui", "crossterm", "axum", "clap"]),
    ("tui", &["reqwest", "rusqlite", "axum", "clap"]),
    ("config", &["tokio", "reqwest", "rusqlite", "ratatui"]),
];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            into.push(path);
        }
    }
}

fn room_of(path: &Path, src: &Path) -> String {
    let first = path.strip_prefix(src).unwrap().components().next().unwrap();
    first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

fn words_after<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(prefix).filter_map(move |(at, _)| {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            return None;
        }
        let rest = &text[at + prefix.len()..];
        rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next()
    })
}

#[test]
fn doors_open_one_way() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    assert!(files.len() > 30, "the sources were found");
    let known: BTreeSet<&str> = DOORS.iter().map(|(room, _)| *room).collect();
    let mut wrong = Vec::new();
    for file in files {
        let room = room_of(&file, &src);
        if room == "lib" {
            continue;
        }
        let Some((_, doors)) = DOORS.iter().find(|(name, _)| *name == room) else {
            wrong.push(format!("{}: no room of the picture", file.display()));
            continue;
        };
        let text = fs::read_to_string(&file).unwrap();
        let strangers = STRANGERS.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, list)| *list);
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for used in words_after(code, "crate::").chain(words_after(code, "mj_enhance::")) {
                if known.contains(used) && used != room && !doors.contains(&used) {
                    wrong.push(format!("{}:{}: {room} opens a door to {used}", file.display(), number + 1));
                }
            }
            for stranger in strangers {
                if words_after(code, stranger).any(str::is_empty) && code.contains(&format!("{stranger}::")) {
                    wrong.push(format!("{}:{}: {room} must not know {stranger}", file.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
