//! What comments and documents cite is in the repository: the file, and the heading with that number in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Folders whose sources are read.
const SOURCES: &[&str] = &["src", "tests", "benches", "fuzz/src", "fuzz/fuzz_targets", "contrib"];
/// Documents at the root.
const DOCUMENTS: &[&str] =
    &["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "config.example.toml", "justfile"];
/// What may stand before a section of a public standard: the last word, or the one before a number.
const STANDARDS: &[&str] = &["RFC", "ECMA-48", "Definitions"];
/// The file of the rules that are cited as `money rule n`.
const MONEY_RULES: &str = "docs/money-rules.md";

/// A document that a text names, with the numbers of its headings that it cites; no document where the text says only `§n`.
#[derive(PartialEq, Eq, Debug)]
struct Citation {
    document: Option<String>,
    number: Option<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_under(folder: &Path, endings: &[&str], out: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files_under(&path, endings, out);
        } else if path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known)) {
            out.push(path);
        }
    }
}

/// The text as running words: marks of comments at the beginning of lines go, so that a citation may be broken by a line's end.
fn running(text: &str) -> String {
    let words = text.lines().flat_map(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("//!").or_else(|| line.strip_prefix("//")).unwrap_or(line);
        line.trim_start_matches(['/', '#', '|', '>', '*']).split_whitespace()
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The number at the beginning of a text: `3`, `3.1`, without a full stop behind it.
fn number(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number = text[..end].trim_end_matches('.');
    (!number.is_empty()).then(|| number.to_owned())
}

/// The last word, without the marks around it.
fn last_word(text: &str) -> Option<&str> {
    let word = text.split_whitespace().next_back()?;
    Some(word.trim_matches(|c: char| !c.is_ascii_alphanumeric()))
}

/// Whether a section of a public standard is meant by what stands before its sign.
fn is_standard(before: &str) -> bool {
    let Some(word) = last_word(before) else { return false };
    let name = if word.bytes().all(|b| b.is_ascii_digit()) {
        before.trim_end().strip_suffix(word).and_then(last_word).unwrap_or("")
    } else {
        word
    };
    STANDARDS.contains(&name)
}

/// Everything that a text cites. A list such as `docs/x.md §1, §2` cites one document twice.
fn citations(text: &str) -> Vec<Citation> {
    let text = running(text);
    let mut out = Vec::new();
    for (at, _) in text.match_indices(".md") {
        let begin = text[..at]
            .rfind(|c: char| !c.is_ascii_alphanumeric() && !"/._-".contains(c))
            .map_or(0, |i| i + text[i..].chars().next().map_or(0, char::len_utf8));
        let after = &text[at + 3..];
        let name = &text[begin..at];
        if name.is_empty() || after.starts_with(|c: char| c.is_ascii_alphanumeric()) || text[..begin].ends_with("//") {
            continue;
        }
        let rule = after.trim_start_matches(['`', ',', ')']).trim_start().strip_prefix("rule ").and_then(number);
        out.push(Citation { document: Some(format!("{name}.md")), number: rule });
    }
    for (at, _) in text.match_indices("money rule ") {
        if let Some(number) = number(&text[at + "money rule ".len()..]) {
            out.push(Citation { document: Some(MONEY_RULES.to_owned()), number: Some(number) });
        }
    }
    let mut last: Option<(usize, Option<String>)> = None;
    for (at, sign) in text.match_indices('§') {
        let Some(number) = number(&text[at + sign.len()..]) else { continue };
        let before = text[..at].trim_end_matches([' ', '`', ',', ')']);
        let document = match &last {
            // `… §1, §2`: the same document, as long as nothing but a comma stands between.
            Some((end, document)) if before.len() <= *end => document.clone(),
            _ if is_standard(before) => {
                last = None;
                continue;
            }
            _ if before.strip_suffix(".md").is_some() => {
                let begin = before.rfind(|c: char| !c.is_ascii_alphanumeric() && !"/._-".contains(c)).map_or(0, |i| i + 1);
                before.get(begin..).map(str::to_owned)
            }
            _ => None,
        };
        last = Some((at + sign.len() + number.len(), document.clone()));
        out.push(Citation { document, number: Some(number) });
    }
    out
}

/// The numbers that the headings of a document begin with.
fn headings(text: &str) -> BTreeSet<String> {
    text.lines().filter(|line| line.starts_with('#')).filter_map(|line| number(line.trim_start_matches(['#', ' ']))).collect()
}

/// Where a document that is named in a file of this folder lies: beside that file, in `docs`, or at the root.
fn find(name: &str, folder: &Path) -> Option<PathBuf> {
    [folder, &root().join("docs"), root()].into_iter().map(|from| from.join(name)).find(|path| path.is_file())
}

#[test]
fn what_is_cited_is_in_the_repository() {
    let mut files = Vec::new();
    for folder in SOURCES {
        files_under(&root().join(folder), &["rs", "toml", "service"], &mut files);
    }
    files_under(&root().join("docs"), &["md"], &mut files);
    files.extend(DOCUMENTS.iter().map(|name| root().join(name)));
    let mut known: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
    let (mut wrong, mut followed) = (Vec::new(), 0);
    // This file's own samples are wrong on purpose.
    for path in files.iter().filter(|path| !path.ends_with("citations.rs")) {
        let text = std::fs::read_to_string(path).unwrap();
        let shown = path.strip_prefix(root()).unwrap().display();
        let is_document = path.extension().is_some_and(|ending| ending == "md");
        for citation in citations(&text) {
            let target = match &citation.document {
                Some(name) => find(name, path.parent().unwrap()),
                // Within a document, a bare section is its own.
                None => is_document.then(|| path.clone()),
            };
            let Some(target) = target else {
                wrong.push(format!("{shown}: {citation:?} names no file of the repository"));
                continue;
            };
            let Some(number) = &citation.number else { continue };
            followed += 1;
            let headings =
                known.entry(target.clone()).or_insert_with_key(|target| headings(&std::fs::read_to_string(target).unwrap()));
            if !headings.contains(number) {
                wrong.push(format!("{shown}: {citation:?}: no heading of {} has this number", target.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "cite docs/service.md or docs/money-rules.md, or state the fact itself:\n{}", wrong.join("\n"));
    assert!(followed > 100, "only {followed} citations were found: is this test still reading the sources?");
}

#[test]
fn every_form_of_a_citation_is_understood() {
    let cite = |document: Option<&str>, number: Option<&str>| Citation {
        document: document.map(str::to_owned),
        number: number.map(str::to_owned),
    };
    let service = |number| cite(Some("docs/service.md"), Some(number));
    let named = |name| cite(Some(name), None);
    for (text, expected) in [
        ("// as said (docs/service.md §3.2).", vec![named("docs/service.md"), service("3.2")]),
        ("/// (docs/service.md §4.5, §4.6): both", vec![named("docs/service.md"), service("4.5"), service("4.6")]),
        ("//! at most 50 (docs/service.md\n//! §8). A batch", vec![named("docs/service.md"), service("8")]),
        ("see `docs/service.md` §2", vec![named("docs/service.md"), service("2")]),
        ("/// (docs/money-rules.md,\n    /// rule 4). Synced", vec![cite(Some("docs/money-rules.md"), Some("4"))]),
        ("as money rule 12 says", vec![cite(Some("docs/money-rules.md"), Some("12"))]),
        ("[fields](json.md)", vec![named("json.md")]),
        ("// (reference §4.1)", vec![cite(None, Some("4.1"))]),
        ("// product §2, rule 7", vec![cite(None, Some("2"))]),
        ("// (RFC 9110 §5.6.7) and (ECMA-48 §8.3; more)", vec![]),
        ("// POSIX, Base Definitions §8.2", vec![]),
        ("// §9.4 alone", vec![cite(None, Some("9.4"))]),
        ("// no sign here, a rule 3 of something else", vec![]),
    ] {
        assert_eq!(citations(text), expected, "{text}");
    }
    assert_eq!(headings("# Title\n## 3. Three\n### 3.1 Of it\ntext 4.\n## Four"), ["3".to_owned(), "3.1".to_owned()].into());
}
