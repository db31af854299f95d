//! Every relative link of a document leads to a file that is there, and to a heading in it; every page is in the book.

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Markdown files of the repository, by paths from its root.
fn documents() -> Vec<PathBuf> {
    let folders = ["", "docs", "contrib", ".github", ".github/ISSUE_TEMPLATE"];
    let mut found: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(root().join(folder)).unwrap())
        .map(|entry| entry.unwrap().path().strip_prefix(root()).unwrap().to_owned())
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .collect();
    found.sort();
    found
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The lines outside of code fences and comments.
fn prose(text: &str) -> Vec<&str> {
    let mut is_code = false;
    text.lines()
        .filter(|line| {
            let is_fence = line.trim_start().starts_with("```");
            is_code ^= is_fence;
            !is_code && !is_fence
        })
        .collect()
}

/// Where the links of a document lead.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        // What stands between backticks is typed and no link.
        let outside: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let mut rest = outside.as_str();
        while let Some((_, after)) = rest.split_once("](") {
            let (target, after) = after.split_once(')').unwrap_or((after, ""));
            found.push(target.to_owned());
            rest = after;
        }
    }
    found
}

/// What stands behind `#` in a link to a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept: String = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_')).collect();
    kept.replace(' ', "-")
}

#[test]
fn every_link_leads_to_something() {
    let mut followed = 0;
    for document in documents() {
        let folder = document.parent().unwrap();
        for link in links(&read(&document)) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            followed += 1;
            let (file, heading) = link.split_once('#').map_or((link.as_str(), None), |(file, heading)| (file, Some(heading)));
            let file = if file.is_empty() { document.clone() } else { folder.join(file) };
            assert!(root().join(&file).exists(), "{}: {link} leads nowhere", document.display());
            if let Some(heading) = heading {
                let text = read(&file);
                let is_there =
                    prose(&text).iter().any(|line| line.starts_with('#') && anchor(line.trim_start_matches('#')) == heading);
                assert!(is_there, "{}: {link} has no such heading", document.display());
            }
        }
    }
    assert!(followed > 80, "{followed}");
}

#[test]
fn every_page_is_in_the_book() {
    let summary = read(Path::new("docs/SUMMARY.md"));
    for page in documents().iter().filter(|path| path.starts_with("docs")) {
        let name = page.file_name().unwrap().to_str().unwrap();
        assert!(name == "SUMMARY.md" || summary.contains(&format!("({name})")), "{name} is not in docs/SUMMARY.md");
    }
}

#[test]
fn links_and_headings_are_read_as_they_are_written() {
    assert_eq!(links("a [b](c#d) and `[x](y)`, [e](f)\n```\n[g](h)\n```\n"), ["c#d", "f"]);
    assert_eq!(anchor(" What is where"), "what-is-where");
    assert_eq!(anchor("The event stream of `run` and `watch --plain`"), "the-event-stream-of-run-and-watch---plain");
}
