//! What a user types to name pictures: lines, CSV, JSON lines.

use std::collections::HashSet;

use mj_enhance::job::{LineVerdict, Spec, SpecLine, Tag, check_lines, parse_line};

use super::text::assert_clean;

pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let lines = check_lines(&text, |_| Vec::new(), |_| false);
    assert_eq!(check_lines(&text, |_| Vec::new(), |_| false), lines, "the same text is read the same way");
    let mut seen = HashSet::new();
    let mut last = 0;
    for SpecLine { number, verdict } in &lines {
        assert!(*number > last && *number <= text.lines().count(), "line {number} after {last}");
        last = *number;
        let new = match verdict {
            LineVerdict::Ok(new) => {
                assert!(!new.is_empty(), "a line that counts names something");
                new
            }
            LineVerdict::Twice { new, twice } => {
                assert!(!twice.is_empty(), "something is left out");
                assert!(twice.iter().all(|spec| seen.contains(&(spec.source.clone(), spec.image)) || new.contains(spec)));
                new
            }
            LineVerdict::Wrong(said) => {
                assert!(!said.is_empty() && said.chars().count() < 400, "a sentence: {said:?}");
                assert_clean(said, "what is wrong with a line");
                continue;
            }
        };
        for spec in new {
            assert!(seen.insert((spec.source.clone(), spec.image)), "no picture is new twice: {spec:?}");
            reads_back(spec);
        }
    }
    for SpecLine { verdict, .. } in check_lines(&text, |_| Vec::new(), |_| true) {
        assert!(!matches!(verdict, LineVerdict::Ok(_)), "what the store knows is never new");
        if let LineVerdict::Twice { new, .. } = verdict {
            assert!(new.is_empty(), "what the store knows is never new: {new:?}");
        }
    }
}

/// Every form that can hold a spec gives it back.
fn reads_back(spec: &Spec) {
    let (id, image, tag) = (spec.source.as_str(), spec.image, spec.tag.as_ref().map(Tag::as_str));
    let json = serde_json::json!({"source_task": id, "image_number": image.get(), "tag": tag}).to_string();
    assert_eq!(parse_line(&json), Ok(vec![spec.clone()]), "{json}");
    // A colon ends an id outside JSON, and a tag that is a number would be another picture in CSV.
    if id.contains(':') {
        return;
    }
    match tag {
        None => {
            for line in [format!("{id} {image}"), format!("{id}:{image}"), format!("{id},{image}")] {
                assert_eq!(parse_line(&line), Ok(vec![spec.clone()]), "{line}");
            }
        }
        Some(tag) if tag.parse::<u8>().is_err() => {
            let line = format!("{id},{image},{tag}");
            assert_eq!(parse_line(&line), Ok(vec![spec.clone()]), "{line}");
        }
        Some(_) => {}
    }
}
