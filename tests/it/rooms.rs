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

/// The module that a source file is: `tui/view/table`; a `mod.rs` is its folder.
fn module_of(path: &Path, src: &Path) -> Vec<String> {
    let mut parts: Vec<String> =
        path.strip_prefix(src).unwrap().with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// What a file's paths lead to: `super::a::b`, `crate::a`, and each name of a braced list behind them.
fn paths_of(code: &str, module: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["super::", "crate::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_') || code[..at].ends_with("super::") {
                continue;
            }
            let mut rest = &code[at..];
            let mut path = if let Some(after) = rest.strip_prefix("crate::") {
                rest = after;
                Vec::new()
            } else {
                let mut ups = 0;
                while let Some(after) = rest.strip_prefix("super::") {
                    (rest, ups) = (after, ups + 1);
                }
                module[..module.len().saturating_sub(ups)].to_vec()
            };
            loop {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
                if end > 0 {
                    path.push(rest[..end].to_owned());
                }
                match rest[end..].strip_prefix("::") {
                    Some(after) if end > 0 => rest = after,
                    _ => {
                        rest = &rest[end..];
                        break;
                    }
                }
            }
            if let Some(list) = rest.strip_prefix('{').and_then(|list| list.split('}').next()) {
                for name in list.split(',') {
                    let first = name.trim().split("::").next().unwrap_or_default();
                    found.push([path.clone(), vec![first.to_owned()]].concat());
                }
            } else {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn no_files_of_a_room_import_each_other_in_a_circle() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    files.retain(|path| !path.iter().any(|part| part.to_str().is_some_and(|part| part.contains("test"))));
    let modules: BTreeSet<Vec<String>> = files.iter().map(|path| module_of(path, &src)).collect();
    let mut arrows = std::collections::BTreeMap::<Vec<String>, BTreeSet<Vec<String>>>::new();
    for path in &files {
        let module = module_of(path, &src);
        let text = fs::read_to_string(path).unwrap();
        let code: String = text.lines().map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n").collect();
        let code = code.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for target in paths_of(code, &module) {
            // The longest beginning that is a module; a folder and what lies in it are one family.
            let known = (1..=target.len()).rev().map(|length| target[..length].to_vec()).find(|path| modules.contains(path));
            let Some(known) = known.filter(|known| *known != module && known.first() == module.first()) else { continue };
            if !known.starts_with(&module) && !module.starts_with(&known) {
                arrows.entry(module.clone()).or_default().insert(known);
            }
        }
    }
    assert!(arrows.len() > 100, "the test reads the arrows: {}", arrows.len());
    // What has no arrow left to a file that remains is in no circle; the rest is.
    loop {
        let ends: BTreeSet<Vec<String>> = arrows.keys().cloned().collect();
        for targets in arrows.values_mut() {
            targets.retain(|target| ends.contains(target));
        }
        let before = arrows.len();
        arrows.retain(|_, targets| !targets.is_empty());
        if arrows.len() == before {
            break;
        }
    }
    assert!(arrows.is_empty(), "in a circle, or on the way to one: {arrows:?}");
}
