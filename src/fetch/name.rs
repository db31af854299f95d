//! Names of results: the template, and what is done to values before they become part of a path.

use std::path::PathBuf;

use super::FetchRequest;
use crate::job::text;

/// The most bytes of one part of a path. File systems take 255; the rest is for suffixes and sidecars.
const PART_MOST: usize = 120;
/// What template fields there are.
const FIELDS: [&str; 6] = ["date", "tag", "task", "image", "job", "ext"];

/// Checks a name template.
///
/// It is a relative path whose parts are divided by `/`, with the fields `{date}`, `{tag}`, `{task}`, `{image}`, `{job}`
/// and, in the file name only, `{ext}`. Without `{ext}` at the end the extension is appended.
///
/// # Errors
/// A sentence that names what is wrong: an unknown field, a brace without its partner, an absolute path, an empty part
/// or one of dots only.
pub fn check_template(template: &str) -> Result<(), String> {
    Template::parse(template).map(drop)
}

/// Where the result of the link at `place` (from 0) goes, below `results_dir`; `ext` is without its dot. Where a file of
/// that name is there already, the real one gets a number more.
///
/// # Errors
/// As [`check_template`].
pub fn result_path(template: &str, request: &FetchRequest, place: usize, ext: &str) -> Result<PathBuf, String> {
    let template = Template::parse(template)?;
    Ok(template.folder(request).join(format!("{}.{ext}", template.stem(request, place, ext))))
}

/// A checked template.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Template {
    folders: Vec<Vec<Piece>>,
    file: Vec<Piece>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    Text(String),
    Field(&'static str),
}

impl Template {
    pub(super) fn parse(template: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("the name template {:?} {what}", text::shorten(&text::clean(template), 100));
        if template.starts_with('/') {
            return Err(wrong("must not begin with /: results stay below results_dir"));
        }
        if template.contains('\\') || template.chars().any(text::is_unsafe) {
            return Err(wrong("must not hold backslashes or control characters"));
        }
        let mut parts = Vec::new();
        for part in template.split('/') {
            if part.is_empty() || part.bytes().all(|b| b == b'.') {
                return Err(wrong("has an empty part or one of dots only"));
            }
            if part.starts_with('.') {
                return Err(wrong("has a part that begins with a dot; such files are hidden"));
            }
            parts.push(pieces(part).map_err(|what| wrong(&what))?);
        }
        let mut file = parts.pop().ok_or_else(|| wrong("is empty"))?;
        if parts.iter().flatten().any(|piece| *piece == Piece::Field("ext")) {
            return Err(wrong("uses {ext} in a folder: it is known only when the file is there, and belongs in the file name"));
        }
        if file.last() == Some(&Piece::Field("ext")) {
            file.pop();
            if let Some(Piece::Text(before)) = file.last_mut()
                && before.ends_with('.')
            {
                before.pop();
            }
            file.retain(|piece| *piece != Piece::Text(String::new()));
        }
        if file.is_empty() {
            return Err(wrong("has no file name but the extension"));
        }
        Ok(Self { folders: parts, file })
    }

    /// The folder below `results_dir`.
    pub(super) fn folder(&self, request: &FetchRequest) -> PathBuf {
        self.folders.iter().map(|part| safe(&fill(part, request, 0, ""), PART_MOST)).collect()
    }

    /// The file name of the link at `place` (from 0), without `.` and extension.
    pub(super) fn stem(&self, request: &FetchRequest, place: usize, ext: &str) -> String {
        // The pictures of a draft have names of their own already where the number is part of them.
        let numbered = request.image.is_none() && self.file.contains(&Piece::Field("image"));
        let suffix = if place == 0 || numbered { String::new() } else { format!("-{place}") };
        let stem = safe(&fill(&self.file, request, place, ext), PART_MOST - ext.len() - 1 - suffix.len());
        format!("{stem}{suffix}")
    }
}

/// Text and fields of one part.
fn pieces(part: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = part;
    while !rest.is_empty() {
        let end = rest.find(['{', '}']).unwrap_or(rest.len());
        if end > 0 {
            pieces.push(Piece::Text(rest[..end].to_owned()));
        }
        rest = &rest[end..];
        if rest.starts_with('}') {
            return Err("has a } without its {".into());
        }
        if let Some(field) = rest.strip_prefix('{') {
            let end = field.find('}').ok_or("has a { without its }")?;
            let name = &field[..end];
            let known = FIELDS.into_iter().find(|known| *known == name).ok_or_else(|| {
                format!("uses the unknown field {{{}}}; there are {{{}}}", text::shorten(name, 20), FIELDS.join("}, {"))
            })?;
            pieces.push(Piece::Field(known));
            rest = &field[end + 1..];
        }
    }
    Ok(pieces)
}

fn fill(pieces: &[Piece], request: &FetchRequest, place: usize, ext: &str) -> String {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Field("date") => out.push_str(&request.date),
            Piece::Field("tag") => out.push_str(request.tag.as_deref().unwrap_or("untagged")),
            Piece::Field("task") => out.push_str(&request.task),
            Piece::Field("image") => out.push_str(&request.image.map_or_else(|| place.to_string(), |image| image.to_string())),
            Piece::Field("job") => out.push_str(&request.job),
            Piece::Field(_) => out.push_str(ext),
        }
    }
    out
}

/// One part of a path that can do nothing but name, in any shell, on any file system, and when it is given to another
/// machine's shell by `scp`: no separators, no characters that a shell gives a meaning to, no control or invisible ones, no
/// spaces but plain ones, no `-` or `.` at its beginning, no dots or spaces at its end, none of the names that Windows
/// keeps for devices, not empty, at most `most` bytes.
pub(super) fn safe(text: &str, most: usize) -> String {
    let mut out: String = text
        .chars()
        .filter(|c| !text::is_unsafe(*c))
        .map(|c| if SPECIAL.contains(c) || (c.is_whitespace() && c != ' ') { '_' } else { c })
        .collect();
    out.drain(..out.len() - out.trim_start_matches(['.', '-', ' ']).len());
    if is_device(&out) {
        out.insert(0, '_');
    }
    out.truncate(out.floor_char_boundary(most));
    let kept = out.trim_end_matches(['.', ' ']).len();
    out.truncate(kept);
    if out.is_empty() { "_".into() } else { out }
}

/// Characters that mean something to a shell, to `scp`, or to a file system.
const SPECIAL: &str = "/\\:*?\"<>|$`;&()'~!#[]{}";

/// Whether Windows takes the name for a device, whatever follows its first dot.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let numbered = |device: &str| stem.strip_prefix(device).is_some_and(|n| matches!(n.as_bytes(), [b'1'..=b'9']));
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}

#[cfg(test)]
mod tests {
    use std::path::Component;

    use super::*;
    use proptest::prelude::*;

    fn request() -> FetchRequest {
        FetchRequest {
            links: Vec::new(),
            date: "2026-11-22".into(),
            tag: None,
            task: "task-unified-1-a".into(),
            image: Some(2),
            job: "0000001f".into(),
            sidecar: serde_json::Map::new(),
        }
    }

    #[test]
    fn the_default_template_gives_the_promised_names() {
        let template = Template::parse("{date}/{tag}/{task}-{image}.{ext}").unwrap();
        assert_eq!(template.folder(&request()), PathBuf::from("2026-11-22/untagged"));
        assert_eq!(template.stem(&request(), 0, "png"), "task-unified-1-a-2");
        assert_eq!(template.stem(&request(), 1, "png"), "task-unified-1-a-2-1");
        let template = Template::parse("{job}").unwrap();
        assert_eq!((template.folder(&request()), template.stem(&request(), 0, "jpg")), (PathBuf::new(), "0000001f".into()));
        let draft = FetchRequest { image: None, ..request() };
        let template = Template::parse("drafts/{date}/{tag}/{task}-{image}.{ext}").unwrap();
        assert_eq!(template.folder(&draft), PathBuf::from("drafts/2026-11-22/untagged"));
        assert_eq!(template.stem(&draft, 0, "png"), "task-unified-1-a-0");
        assert_eq!(template.stem(&draft, 3, "png"), "task-unified-1-a-3");
        let unnumbered = Template::parse("{task}").unwrap();
        assert_eq!(unnumbered.stem(&draft, 3, "png"), "task-unified-1-a-3", "the pictures of a draft never have one name");
        assert_eq!(Template::parse("{ext}-{image}").unwrap().stem(&request(), 0, "jpg"), "jpg-2");
    }

    #[test]
    fn bad_templates_are_told_with_their_fault() {
        for (template, fault) in [
            ("{date}/{colour}.{ext}", "unknown field {colour}; there are {date}, {tag}"),
            ("/tmp/{task}", "must not begin with /"),
            ("../{task}", "dots only"),
            ("a//{task}", "empty part"),
            ("", "empty part"),
            ("a/", "empty part"),
            (".hidden/{task}", "begins with a dot"),
            ("a\\{task}", "backslashes"),
            ("{task", "{ without its }"),
            ("task}", "} without its {"),
            ("{ext}/{task}", "{ext} in a folder"),
            ("x/{ext}", "no file name"),
        ] {
            let said = check_template(template).unwrap_err();
            assert!(said.contains(fault), "{template}: {said}");
        }
        for good in ["{date}/{tag}/{task}-{image}.{ext}", "{task}", "x y/{job}{image}.{ext}", "ä/{tag}"] {
            assert_eq!(check_template(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn values_cannot_leave_their_part_of_the_path() {
        for (value, safe_value) in [
            ("../../etc", "_.._etc"),
            ("..", "_"),
            ("", "_"),
            ("a\u{202e}b\u{1b}", "ab"),
            ("  .x. ", "x"),
            ("C:\\x", "C__x"),
            ("-rf", "rf"),
            ("--", "_"),
            ("-.- x", "x"),
            ("$(reboot)", "__reboot_"),
            ("a;b&c`d`", "a_b_c_d_"),
            ("it's ~x!", "it_s _x_"),
            ("a\nb\tc\rd", "abcd"),
            ("a\u{a0}b\u{3000}c", "a_b_c"),
            ("[x]{y}#?*<>|\"", "_x__y________"),
            ("wald und see", "wald und see"),
            ("con", "_con"),
            ("NUL.txt", "_NUL.txt"),
            ("com1", "_com1"),
            ("lpt9 .x", "_lpt9 .x"),
            ("com0", "com0"),
            ("console", "console"),
            ("-con", "_con"),
            ("größe-木", "größe-木"),
        ] {
            assert_eq!(safe(value, 120), safe_value, "{value}");
        }
    }

    /// Any text, and much of what a shell or a file system minds.
    fn hostile() -> impl Strategy<Value = String> {
        let bad = "[-.$`;&()<>|\"'*?~!#\\[\\]{}/\\\\: \n\r\t\u{1b}\u{9b}\u{202e}\u{2066}\u{feff}a]{0,200}";
        prop_oneof![".{0,200}", bad, "(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])[. ]?.{0,3}", "\\PC{150,300}"]
    }

    proptest! {
        #[test]
        fn every_path_stays_below_the_results(tag in hostile(), task in hostile(), date in ".{0,20}", job in ".{0,20}", place in 0_usize..9) {
            let request = FetchRequest { tag: Some(tag), task, date, job, ..request() };
            let template = Template::parse("{date}/{tag}{job}/{task}{image}.{ext}").unwrap();
            let path = template.folder(&request).join(format!("{}.png", template.stem(&request, place, "png")));
            prop_assert_eq!(path.components().count(), 3);
            for part in path.components() {
                let Component::Normal(part) = part else { panic!("{path:?}") };
                prop_assert!(part.len() <= PART_MOST && !part.is_empty());
                let part = part.to_str().unwrap();
                prop_assert!(!part.starts_with(['.', '-', ' ']) && !part.ends_with(['.', ' ']), "{}", part);
                prop_assert!(!part.chars().any(|c| text::is_unsafe(c) || SPECIAL.contains(c)), "{}", part);
                prop_assert!(part.chars().all(|c| c == ' ' || !c.is_whitespace()), "{}", part);
                prop_assert!(!is_device(part), "{}", part);
            }
        }
    }
}
