//! What a user types to name pictures of drafts, one per line.
//!
//! Forms: `id` · `id 0,2` · `id:0-3` · `id all` · CSV `id,2,tag` with an optional header · JSON lines
//! `{"source_task":"id","image_number":2,"tag":"word"}`. Empty lines and lines that begin with `#` do not count.

use std::collections::HashSet;

use super::id::{ImageNumber, Tag, TaskId};
use super::kind::JobKind;
use super::text;

/// One picture of one draft, with a tag if the line gave one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Spec {
    /// The draft's task.
    pub source: TaskId,
    /// Which of its pictures.
    pub image: ImageNumber,
    /// The line's own tag.
    pub tag: Option<Tag>,
}

impl Spec {
    /// What a job for it asks for.
    #[must_use]
    pub fn kind(&self) -> JobKind {
        JobKind::Enhance { source: self.source.clone(), image: self.image }
    }
}

/// What a line says of itself while it is typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LineVerdict {
    /// Everything in it is new: these pictures.
    Ok(Vec<Spec>),
    /// Something in it was given before, here or in the store: what is new, and how many were left out.
    Twice {
        /// The pictures that are new; may be empty.
        new: Vec<Spec>,
        /// The pictures that are left out.
        twice: Vec<Spec>,
    },
    /// It cannot be read; the sentence says what is wrong and what to write.
    Wrong(String),
}

/// A line that counts, with its number in the text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpecLine {
    /// From 1.
    pub number: usize,
    /// What it is.
    pub verdict: LineVerdict,
}

/// Checks a whole text line by line. `known` says whether the store already has a live job for a picture.
pub fn check_lines(text: &str, mut known: impl FnMut(&Spec) -> bool) -> Vec<SpecLine> {
    let mut seen = HashSet::new();
    text.lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let number = index + 1;
            let verdict = match parse_line(line) {
                Ok(specs) if specs.is_empty() => return None,
                Ok(specs) => {
                    let (new, twice): (Vec<_>, Vec<_>) =
                        specs.into_iter().partition(|spec| seen.insert((spec.source.clone(), spec.image)) && !known(spec));
                    if twice.is_empty() { LineVerdict::Ok(new) } else { LineVerdict::Twice { new, twice } }
                }
                Err(wrong) => LineVerdict::Wrong(wrong),
            };
            Some(SpecLine { number, verdict })
        })
        .collect()
}

/// Reads one line; an empty list for a line that does not count.
///
/// # Errors
/// A sentence that says what is wrong and what to write instead.
pub fn parse_line(line: &str) -> Result<Vec<Spec>, String> {
    let line = line.trim().trim_start_matches('\u{feff}');
    if line.is_empty() || line.starts_with('#') {
        return Ok(Vec::new());
    }
    if line.starts_with('{') {
        return parse_json(line);
    }
    if let Some((first, rest)) = line.split_once(',')
        && !first.contains([' ', '\t', ':'])
    {
        return parse_csv(first, rest);
    }
    let (id, pictures) = match line.split_once([' ', '\t', ':']) {
        Some((id, rest)) => (id, rest.trim()),
        None => (line, ""),
    };
    let source = parse_source(id)?;
    let images = if pictures.is_empty() { vec![ImageNumber::ALL[0]] } else { parse_images(pictures)? };
    Ok(images.into_iter().map(|image| Spec { source: source.clone(), image, tag: None }).collect())
}

fn parse_source(text: &str) -> Result<TaskId, String> {
    let text = text.trim();
    let shown = || text::shorten(&text::clean(text), 60).into_owned();
    if text.is_empty() {
        return Err("the draft's id is missing".to_owned());
    }
    if !text.starts_with(TaskId::PREFIX) {
        return Err(format!("{:?} is not a draft id: one begins with {}", shown(), TaskId::PREFIX));
    }
    if text.len() == TaskId::PREFIX.len() {
        return Err(format!("{:?} is not a draft id: something must follow the last hyphen", shown()));
    }
    TaskId::new(text).map_err(|_| {
        format!("{:?} is not a draft id: it has a character other than letters, digits, - _ . or is over 128 long", shown())
    })
}

fn parse_images(text: &str) -> Result<Vec<ImageNumber>, String> {
    if text.eq_ignore_ascii_case("all") {
        return Ok(ImageNumber::ALL.to_vec());
    }
    let mut images = Vec::new();
    for part in text.split([',', ' ', '\t']).map(str::trim).filter(|part| !part.is_empty()) {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (parse_image(from)?, parse_image(to)?);
        if from > to {
            return Err(format!("{part:?} runs backwards: write {to}-{from}"));
        }
        images.extend(ImageNumber::ALL.into_iter().filter(|image| (from..=to).contains(image)));
    }
    let mut seen = HashSet::new();
    images.retain(|image| seen.insert(*image));
    if images.is_empty() {
        Err("the picture number is missing: write 0 to 3, a list like 0,2, a range like 0-3, or all".to_owned())
    } else {
        Ok(images)
    }
}

fn parse_image(text: &str) -> Result<ImageNumber, String> {
    let text = text.trim();
    match text.parse::<u8>() {
        Ok(number) if text.bytes().all(|b| b.is_ascii_digit()) => {
            ImageNumber::try_from(number).map_err(|wrong| wrong.to_string())
        }
        _ => Err(format!(
            "{:?} is not a picture number: write 0 to 3, a list like 0,2, a range like 0-3, or all",
            text::shorten(&text::clean(text), 30)
        )),
    }
}

fn parse_csv(first: &str, rest: &str) -> Result<Vec<Spec>, String> {
    let unquote = |field: &str| field.trim().trim_matches('"').to_owned();
    let first = unquote(first);
    if ["source_task", "task_id", "id", "draft"].contains(&first.to_ascii_lowercase().as_str()) {
        return Ok(Vec::new());
    }
    let source = parse_source(&first)?;
    let fields: Vec<String> = rest.split(',').map(unquote).collect();
    if fields.len() > 2 || (fields.len() == 2 && parse_image(&fields[1]).is_ok()) {
        return Err("a CSV line is id,picture,tag; for several pictures write a space after the id, like `id 0,2`".to_owned());
    }
    let images = match fields.first().map(String::as_str) {
        None | Some("") => vec![ImageNumber::ALL[0]],
        Some(pictures) => parse_images(pictures)?,
    };
    let tag = match fields.get(1).map(String::as_str) {
        None | Some("") => None,
        Some(tag) => Some(Tag::new(tag).map_err(|wrong| wrong.to_string())?),
    };
    Ok(images.into_iter().map(|image| Spec { source: source.clone(), image, tag: tag.clone() }).collect())
}

fn parse_json(line: &str) -> Result<Vec<Spec>, String> {
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(line).map_err(|wrong| format!("not a JSON object: {wrong}"))?;
    let text_of = |names: &[&str]| names.iter().find_map(|name| object.get(*name)).filter(|value| !value.is_null());
    let source = match text_of(&["source_task", "task_id", "id"]) {
        Some(serde_json::Value::String(id)) => parse_source(id)?,
        Some(_) => return Err("\"source_task\" must be text".to_owned()),
        None => return Err("\"source_task\" is missing".to_owned()),
    };
    let image = match text_of(&["image_number", "image"]) {
        None => ImageNumber::ALL[0],
        Some(serde_json::Value::Number(number)) => number
            .as_u64()
            .and_then(|n| u8::try_from(n).ok())
            .ok_or_else(|| format!("picture {number} does not exist: a draft has pictures 0 to 3"))
            .and_then(|n| ImageNumber::try_from(n).map_err(|wrong| wrong.to_string()))?,
        Some(_) => return Err("\"image_number\" must be a number from 0 to 3".to_owned()),
    };
    let tag = match text_of(&["tag"]) {
        None => None,
        Some(serde_json::Value::String(tag)) if tag.is_empty() => None,
        Some(serde_json::Value::String(tag)) => Some(Tag::new(tag).map_err(|wrong| wrong.to_string())?),
        Some(_) => return Err("\"tag\" must be text".to_owned()),
    };
    Ok(vec![Spec { source, image, tag }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "task-unified-1790000100-k3v9q2ad";

    fn images(line: &str) -> Vec<u8> {
        parse_line(line).unwrap().iter().map(|spec| spec.image.get()).collect()
    }

    #[test]
    fn every_form_of_a_line_is_read() {
        for (line, numbers) in [
            (ID.to_owned(), vec![0]),
            (format!("  {ID}  "), vec![0]),
            (format!("{ID} 0,2"), vec![0, 2]),
            (format!("{ID} 0, 2"), vec![0, 2]),
            (format!("{ID} 2 2 1"), vec![2, 1]),
            (format!("{ID}:0-3"), vec![0, 1, 2, 3]),
            (format!("{ID}:3"), vec![3]),
            (format!("{ID} all"), vec![0, 1, 2, 3]),
            (format!("{ID},2"), vec![2]),
            (format!("{ID},2,sunset"), vec![2]),
            (format!("\"{ID}\",\"1\",\"sunset\""), vec![1]),
            (format!("{{\"source_task\":\"{ID}\",\"image_number\":1}}"), vec![1]),
            (format!("{{\"source_task\":\"{ID}\"}}"), vec![0]),
            (String::new(), vec![]),
            ("# a remark".to_owned(), vec![]),
            ("source_task,image_number,tag".to_owned(), vec![]),
        ] {
            assert_eq!(images(&line), numbers, "{line}");
        }
        assert_eq!(parse_line(&format!("{ID},2,sunset")).unwrap()[0].tag, Some(Tag::new("sunset").unwrap()));
    }

    #[test]
    fn wrong_lines_say_what_to_write() {
        for (line, part) in [
            ("hello", "begins with task-unified-"),
            ("task-unified-", "must follow"),
            (&format!("{ID} 4"), "0 to 3"),
            (&format!("{ID}:3-1"), "runs backwards"),
            (&format!("{ID} some"), "is not a picture number"),
            (&format!("{ID}:"), ""),
            (&format!("{ID},0,2"), "for several pictures"),
            (&format!("{ID},1,a/b"), "is not a tag"),
            ("{\"image_number\":1}", "is missing"),
            ("{oops", "not a JSON object"),
            (&format!("{{\"source_task\":\"{ID}\",\"image_number\":-1}}"), "0 to 3"),
        ] {
            match parse_line(line) {
                Err(said) => assert!(said.contains(part), "{line}: {said}"),
                Ok(specs) => assert!(part.is_empty(), "{line}: {specs:?}"),
            }
        }
    }

    #[test]
    fn a_picture_given_twice_is_named_and_left_out() {
        let text = format!("{ID} 0,1\n\n{ID} 1,2\nnonsense\n{ID} 3");
        let lines = check_lines(&text, |spec| spec.image.get() == 3);
        let numbers: Vec<usize> = lines.iter().map(|line| line.number).collect();
        assert_eq!(numbers, [1, 3, 4, 5]);
        assert!(matches!(&lines[0].verdict, LineVerdict::Ok(specs) if specs.len() == 2));
        assert!(matches!(&lines[1].verdict, LineVerdict::Twice { new, twice } if new.len() == 1 && twice.len() == 1));
        assert!(matches!(&lines[2].verdict, LineVerdict::Wrong(_)));
        assert!(matches!(&lines[3].verdict, LineVerdict::Twice { new, .. } if new.is_empty()), "in the store already");
    }

    proptest! {
        #[test]
        fn no_line_panics(line in ".{0,200}") {
            let _ = parse_line(&line);
        }
    }
}
