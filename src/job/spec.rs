//! What a user types to name pictures of drafts, one per line.
//!
//! Forms: `id` · `id 0,2` · `id:0-3` · `id all` · CSV `id,2,tag`, or with the columns that a header names · JSON lines
//! `{"source_task":"id","image_number":2,"tag":"word"}`. Empty lines and lines that begin with `#` do not count. An id is whole,
//! or the short form of a draft that is known already.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::id::{ImageNumber, Tag, TaskId};
use super::kind::JobKind;
use super::{record, text};

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

/// Checks a whole text line by line. `drafts` finds the known drafts with a short form ([`TaskId::short`]); `known` says whether
/// the store already has a live job for a picture.
pub fn check_lines(text: &str, drafts: impl FnMut(&str) -> Vec<TaskId>, known: impl FnMut(&Spec) -> bool) -> Vec<SpecLine> {
    check_texts([text], drafts, known)
}

/// The same for several texts: their lines are numbered on, and a header counts for the text it stands in.
pub fn check_texts<'a>(
    texts: impl IntoIterator<Item = &'a str>,
    mut drafts: impl FnMut(&str) -> Vec<TaskId>,
    mut known: impl FnMut(&Spec) -> bool,
) -> Vec<SpecLine> {
    let mut seen = HashSet::new();
    let mut reader = Reader { drafts: &mut drafts, header: None };
    let lines = texts.into_iter().flat_map(|text| text.lines().enumerate());
    lines
        .enumerate()
        .filter_map(|(index, (nth, line))| {
            if nth == 0 {
                reader.header = None;
            }
            let number = index + 1;
            let verdict = match reader.line(line) {
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

/// Reads one line that stands alone; an empty list for a line that does not count.
///
/// # Errors
/// A sentence that says what is wrong and what to write instead.
pub fn parse_line(line: &str) -> Result<Vec<Spec>, String> {
    Reader { drafts: &mut |_| Vec::new(), header: None }.line(line)
}

/// Reads lines one after the other: a header counts for those below it.
struct Reader<'a> {
    drafts: &'a mut dyn FnMut(&str) -> Vec<TaskId>,
    header: Option<Header>,
}

/// Which field of a CSV line is which, counted from 0.
#[derive(Clone, Copy)]
struct Header {
    source: usize,
    images: usize,
    tag: Option<usize>,
    columns: usize,
}

/// A CSV line without a header: `id,picture,tag`.
const PLAIN: Header = Header { source: 0, images: 1, tag: Some(2), columns: 3 };

impl Reader<'_> {
    fn line(&mut self, line: &str) -> Result<Vec<Spec>, String> {
        let line = line.trim().trim_start_matches('\u{feff}').trim_start();
        if line.is_empty() || line.starts_with('#') {
            return Ok(Vec::new());
        }
        if line.starts_with('{') {
            return self.json(line);
        }
        if let Some((first, _)) = line.split_once(',')
            && (self.header.is_some() || !first.contains([' ', '\t', ':']))
        {
            return self.csv(line);
        }
        // The bare id alone means its first picture; after a colon a number was meant, and picture 0 would be a guess.
        let (source, images) = match line.split_once([' ', '\t', ':']) {
            Some((id, rest)) => (self.source(id)?, parse_images(rest.trim_start().strip_prefix(':').unwrap_or(rest))?),
            None if self.header.is_some() => {
                self.source(line)?;
                return Err("the header names a column for the picture, and this line has none: 0 to 3".to_owned());
            }
            None => (self.source(line)?, vec![ImageNumber::ALL[0]]),
        };
        Ok(images.into_iter().map(|image| Spec { source: source.clone(), image, tag: None }).collect())
    }

    /// A whole id, or the short form of one draft that is known.
    fn source(&mut self, text: &str) -> Result<TaskId, String> {
        let text = text.trim();
        let shown = || text::shorten(&text::clean(text), 60).into_owned();
        if text.is_empty() {
            return Err("the draft's id is missing".to_owned());
        }
        if !text.starts_with(TaskId::PREFIX) {
            let mut found = (self.drafts)(text);
            return match found.len() {
                0 => Err(format!("{:?} is not a known short id; a whole one begins with {}", shown(), TaskId::PREFIX)),
                1 => Ok(found.remove(0)),
                n => Err(format!("{n} drafts have the short id {:?}: write the whole one", shown())),
            };
        }
        if text.len() == TaskId::PREFIX.len() {
            return Err(format!("{:?} is not a draft id: something must follow the last hyphen", shown()));
        }
        TaskId::new(text).map_err(|_| {
            format!("{:?} is not a draft id: it has a character other than letters, digits, - _ . or is over 128 long", shown())
        })
    }

    fn csv(&mut self, line: &str) -> Result<Vec<Spec>, String> {
        let fields = csv_fields(line).ok_or("a quote is opened and not closed: the line may be cut off")?;
        if let Some(header) = header_of(&fields)? {
            self.header = Some(header);
            return Ok(Vec::new());
        }
        let field = |at: usize| fields.get(at).map_or("", String::as_str);
        let header = self.header.unwrap_or(PLAIN);
        let source = self.source(field(header.source))?;
        if self.header.is_none() && (fields.len() > 3 || (fields.len() == 3 && parse_image(field(2)).is_ok())) {
            return Err("a CSV line is id,picture,tag; for several pictures write a space after the id, like `id 0,2`".to_owned());
        }
        if self.header.is_some() && fields.iter().skip(header.columns).any(|more| !more.is_empty()) {
            return Err(format!("it has {} fields, and the header names {}", fields.len(), header.columns));
        }
        let images = match field(header.images) {
            "" => return Err("the picture number is missing: 0 to 3".to_owned()),
            pictures => parse_images(pictures)?,
        };
        let tag = match header.tag.map_or("", field) {
            "" => None,
            tag => Some(Tag::new(tag).map_err(|wrong| wrong.to_string())?),
        };
        Ok(images.into_iter().map(|image| Spec { source: source.clone(), image, tag: tag.clone() }).collect())
    }

    fn json(&mut self, line: &str) -> Result<Vec<Spec>, String> {
        let Fields { fields: object, twice } =
            serde_json::from_str(line).map_err(|wrong| format!("not a JSON object: {wrong}"))?;
        if let Some(twice) = twice {
            return Err(format!("{:?} stands there twice: once is enough", text::shorten(&text::clean(&twice), 30)));
        }
        if let Some(unknown) = object.keys().find(|key| !is_field(key)) {
            return Err(format!(
                "unknown field {:?}: a line needs \"source_task\" and \"image_number\", and may have \"tag\"",
                text::shorten(&text::clean(unknown), 30)
            ));
        }
        let value = |names: &[&str]| names.iter().find_map(|name| object.get(*name).filter(|value| !value.is_null()));
        let tag = match value(&["tag"]) {
            None => None,
            Some(serde_json::Value::String(tag)) if tag.is_empty() => None,
            Some(serde_json::Value::String(tag)) => Some(Tag::new(tag).map_err(|wrong| wrong.to_string())?),
            Some(_) => return Err("\"tag\" must be text".to_owned()),
        };
        if let Some(spec) = value(&["spec"]) {
            let spec = spec.as_str().filter(|spec| !spec.trim_start().starts_with('{'));
            let mut specs = self.line(spec.ok_or("\"spec\" must be a line like `id 0-3`")?)?;
            if let Some(other) = DECIDES.iter().find(|name| value(&[**name]).is_some()) {
                return Err(format!("\"spec\" names draft and pictures: leave {other:?} out"));
            }
            for spec in &mut specs {
                spec.tag = spec.tag.take().or_else(|| tag.clone());
            }
            return Ok(specs);
        }
        let is_draft_job = match value(&["kind"]) {
            None => false,
            Some(kind) if kind == "enhance" => false,
            Some(kind) if kind == "draft" => true,
            Some(_) => return Err("\"kind\" must be \"enhance\" or \"draft\"".to_owned()),
        };
        let names: &[&str] = if is_draft_job { &["task_id"] } else { &["source_task", "draft_id", "task_id", "id"] };
        let source = match value(names) {
            Some(serde_json::Value::String(id)) => self.source(id)?,
            Some(_) => return Err("\"source_task\" must be text".to_owned()),
            // Nothing is enhanced that nobody saw.
            None if is_draft_job => {
                return Err(
                    "this draft has no pictures yet: wait for it, then add what `mj-enhance drafts --specs` prints".to_owned()
                );
            }
            None => return Err("\"source_task\" is missing".to_owned()),
        };
        if let (Some(one), Some(other)) = (value(&["image_number"]), value(&["image"]))
            && one != other
        {
            return Err(format!("\"image_number\" is {one} and \"image\" is {other}: which picture is meant?"));
        }
        let image = match value(&["image_number", "image"]) {
            // Picture 0 would be a guess, and a paid one.
            None => {
                return Err(
                    "\"image_number\" is missing: 0 to 3 (`mj-enhance drafts --specs` prints lines that can be added)".to_owned()
                );
            }
            Some(serde_json::Value::Number(number)) => number
                .as_u64()
                .and_then(|n| u8::try_from(n).ok())
                .ok_or_else(|| format!("picture {number} does not exist: a draft has pictures 0 to 3"))
                .and_then(|n| ImageNumber::try_from(n).map_err(|wrong| wrong.to_string()))?,
            Some(_) => return Err("\"image_number\" must be a number from 0 to 3".to_owned()),
        };
        Ok(vec![Spec { source, image, tag }])
    }
}

/// The fields that a JSON line or a CSV header may name besides those of a job: what `drafts` prints, and other names for the
/// same.
const OTHER_FIELDS: [&str; 8] = ["schema", "image", "error", "pictures", "draft", "jobs", "spec", "hidden"];

/// Whether a JSON line or a CSV header may name this field: one that `list` or `drafts` prints. Another one may be a slip of
/// the hand in the name of one that decides what is paid for.
fn is_field(name: &str) -> bool {
    record::COLUMNS.contains(&name) || OTHER_FIELDS.contains(&name)
}

/// The fields that say which picture is paid for.
const DECIDES: [&str; 5] = ["source_task", "image_number", "image", "task_id", "id"];

/// The fields of a JSON object, and one that stands there twice: readers of JSON take the last of them in silence.
#[derive(Default)]
struct Fields {
    fields: serde_json::Map<String, serde_json::Value>,
    twice: Option<String>,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut all = Fields::default();
                while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
                    if all.fields.contains_key(&name) {
                        all.twice = Some(name);
                    } else {
                        all.fields.insert(name, value);
                    }
                }
                Ok(all)
            }
        }
        from.deserialize_map(Each)
    }
}

/// The columns by their names, where a line is a header and not a draft.
fn header_of(fields: &[String]) -> Result<Option<Header>, String> {
    let names: Vec<String> = fields.iter().map(|field| field.to_ascii_lowercase()).collect();
    if !names.first().is_some_and(|name| is_field(name)) {
        return Ok(None);
    }
    let find = |wanted: &[&str]| wanted.iter().find_map(|wanted| names.iter().position(|name| name == wanted));
    if let Some(unknown) = names.iter().find(|name| !is_field(name) && *name != "picture") {
        return Err(format!(
            "unknown column {:?}: the columns are source_task, image_number, tag",
            text::shorten(&text::clean(unknown), 30)
        ));
    }
    if let Some((_, twice)) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        return Err(format!("the header names {:?} twice", text::shorten(&text::clean(twice), 30)));
    }
    let source = find(&["source_task", "draft", "task_id", "id"]).ok_or("the header names no column source_task")?;
    if names.iter().filter(|name| ["image_number", "image", "picture"].contains(&name.as_str())).count() > 1 {
        return Err("the header names two columns for the picture: leave one of them".to_owned());
    }
    // Not "pictures": in what `drafts` prints that is how many there are.
    let images = find(&["image_number", "image", "picture"]).ok_or("the header names no column image_number")?;
    Ok(Some(Header { source, images, tag: find(&["tag"]), columns: names.len() }))
}

/// The fields of one CSV line (RFC 4180), without their quotes and the spaces around them; `None` where a quote stays open.
fn csv_fields(line: &str) -> Option<Vec<String>> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let last = fields.len() - 1;
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                fields[last].push('"');
            }
            '"' if quoted => quoted = false,
            '"' if fields[last].trim().is_empty() => quoted = true,
            ',' if !quoted => fields.push(String::new()),
            c => fields[last].push(c),
        }
    }
    (!quoted).then(|| fields.iter().map(|field| field.trim().to_owned()).collect())
}

fn parse_images(text: &str) -> Result<Vec<ImageNumber>, String> {
    let mut images = Vec::new();
    if text.contains(',') && text.split(',').any(|part| part.trim().is_empty()) {
        return Err(format!(
            "{:?} has a comma with no picture beside it: write the pictures on both sides of it",
            text::shorten(&text::clean(text.trim()), 30)
        ));
    }
    for part in text.split([',', ' ', '\t']).map(str::trim).filter(|part| !part.is_empty()) {
        if part.eq_ignore_ascii_case("all") {
            images.extend(ImageNumber::ALL);
            continue;
        }
        if !images.is_empty() && !part.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(format!(
                "{:?} is left over: a tag goes into the tag field, or stands third in a CSV line: id,0,tag",
                text::shorten(&text::clean(part), 30)
            ));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "task-unified-1790000100-k3v9q2ad";

    fn images(line: &str) -> Vec<u8> {
        parse_line(line).unwrap().iter().map(|spec| spec.image.get()).collect()
    }

    #[test]
    fn quotes_of_a_csv_line_stand_around_fields_and_twice_within() {
        for (line, fields) in [
            ("a,b", Some(vec!["a", "b"])),
            ("\"a,b\",c", Some(vec!["a,b", "c"])),
            ("\"a \"\"b\"\" c\",d", Some(vec!["a \"b\" c", "d"])),
            (" \"a\" , b ", Some(vec!["a", "b"])),
            ("5\" wide,b", Some(vec!["5\" wide", "b"])),
            ("\"\"\"\"", Some(vec!["\""])),
            ("\"open,b", None),
            ("", Some(vec![""])),
        ] {
            let wanted = fields.map(|fields| fields.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(csv_fields(line), wanted, "{line}");
        }
    }

    #[test]
    fn a_picture_is_one_digit_and_nothing_else() {
        for wrong in ["+1", "01x", "-1", "4", "256", "one", "1.0", "\u{661}"] {
            assert!(parse_image(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_image(" 2 "), Ok(ImageNumber::ALL[2]));
    }

    #[test]
    fn what_a_draft_job_prints_names_its_own_task_and_an_empty_tag_is_none() {
        let id = "task-unified-1790000100-k3v9q2ad";
        let line = format!("{{\"kind\":\"draft\",\"task_id\":\"{id}\",\"source_task\":null,\"image_number\":1,\"tag\":\"\"}}");
        let specs = parse_line(&line).unwrap();
        assert_eq!((specs.len(), specs[0].source.as_str(), specs[0].tag.clone()), (1, id, None));
        let without = "{\"kind\":\"draft\",\"task_id\":null,\"image_number\":1}";
        assert!(parse_line(without).unwrap_err().contains("has no pictures yet"));
        let enhance = "{\"kind\":\"enhance\",\"source_task\":null,\"image_number\":1}";
        assert!(parse_line(enhance).unwrap_err().contains("is missing"));
        assert!(parse_line("{\"kind\":\"video\",\"image_number\":1}").unwrap_err().contains("\"kind\" must be"));
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
            (format!("{{\"source_task\":\"{ID}\",\"image_number\":3,\"state\":\"saved\",\"id\":\"7k2m\"}}"), vec![3]),
            (format!("{{\"schema\":1,\"spec\":\"{ID} 0-2\"}}"), vec![0, 1, 2]),
            (format!("{ID},all,sunset"), vec![0, 1, 2, 3]),
            (String::new(), vec![]),
            ("# a remark".to_owned(), vec![]),
            ("\u{feff} # a remark".to_owned(), vec![]),
            (format!("\u{feff} {ID} 1"), vec![1]),
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
            (&format!("{ID}:"), "is missing"),
            (&format!("{ID} :"), "is missing"),
            (&format!("{ID}: "), "is missing"),
            (&format!("{ID},"), "is missing"),
            (&format!("{ID},,sunset"), "is missing"),
            (&format!("{ID} 0,"), "comma"),
            (&format!("{ID}:,2"), "comma"),
            (&format!("{ID},0,2"), "for several pictures"),
            (&format!("{ID},1,a/b"), "is not a tag"),
            (&format!("{ID} all cats"), "\"cats\" is left over: a tag goes into the tag field"),
            (&format!("{ID} 0,2 cats dogs"), "\"cats\" is left over"),
            (&format!("{ID} 0 4"), "0 to 3"),
            ("{\"image_number\":1}", "is missing"),
            // A draft as `drafts --json` prints it: which picture is meant, nobody said.
            (
                &format!("{{\"schema\":1,\"source_task\":\"{ID}\",\"pictures\":4,\"draft\":\"likely\",\"jobs\":[]}}"),
                "drafts --specs",
            ),
            (&format!("{{\"source_task\":\"{ID}\"}}"), "\"image_number\" is missing"),
            (&format!("{{\"source_task\":\"{ID}\",\"image_nubmer\":2}}"), "unknown field \"image_nubmer\""),
            ("source_task,image_number,tga", "unknown column \"tga\""),
            ("source_task,tag", "no column image_number"),
            // A count of pictures is no picture's number.
            ("source_task,pictures", "no column image_number"),
            ("source_task,image_number,image_number", "\"image_number\" twice"),
            ("source_task,image_number,image", "two columns"),
            ("{oops", "not a JSON object"),
            (&format!("{ID} 0,,2"), "no picture beside it"),
            (&format!("{ID},\"2,3"), "not closed"),
            (&format!("{{\"kind\":\"upscale\",\"source_task\":\"{ID}\",\"image_number\":1}}"), "\"kind\" must be"),
            ("{\"source_task\":7,\"image_number\":0}", "must be text"),
            (&format!("{{\"source_task\":\"{ID}\",\"image_number\":0,\"image_number\":3}}"), "stands there twice"),
            (&format!("{{\"source_task\":\"{ID}\",\"image_number\":0,\"image\":3}}"), "which picture is meant"),
            (&format!("{{\"spec\":\"{ID}\",\"image_number\":2}}"), "leave \"image_number\" out"),
            (&format!("{{\"spec\":\"{ID} 1\",\"source_task\":\"{ID}\"}}"), "leave \"source_task\" out"),
            (&format!("{{\"spec\":7,\"source_task\":\"{ID}\",\"image_number\":2}}"), "\"spec\" must be"),
            (&format!("{{\"source_task\":\"{ID}\",\"image_number\":\"2\"}}"), "a number from 0 to 3"),
            (&format!("{{\"source_task\":\"{ID}\",\"image_number\":1e300}}"), "0 to 3"),
            (&format!("{{\"source_task\":\"{ID}\",\"image_number\":null}}"), "\"image_number\" is missing"),
            (&format!("{{\"source_task\":\"{ID}\",\"image_number\":-1}}"), "0 to 3"),
        ] {
            let said = parse_line(line).expect_err(line);
            assert!(said.contains(part), "{line}: {said}");
        }
    }

    #[test]
    fn a_picture_given_twice_is_named_and_left_out() {
        let text = format!("{ID} 0,1\n\n{ID} 1,2\nnonsense\n{ID} 3");
        let lines = check_lines(&text, |_| Vec::new(), |spec| spec.image.get() == 3);
        let numbers: Vec<usize> = lines.iter().map(|line| line.number).collect();
        assert_eq!(numbers, [1, 3, 4, 5]);
        assert!(matches!(&lines[0].verdict, LineVerdict::Ok(specs) if specs.len() == 2));
        assert!(matches!(&lines[1].verdict, LineVerdict::Twice { new, twice } if new.len() == 1 && twice.len() == 1));
        assert!(matches!(&lines[2].verdict, LineVerdict::Wrong(_)));
        assert!(matches!(&lines[3].verdict, LineVerdict::Twice { new, .. } if new.is_empty()), "in the store already");
    }

    #[test]
    fn a_header_names_the_columns_of_the_lines_below_it() {
        let text = format!(
            "\u{feff}id,source_task,image_number,tag,reason\n7k2m,{ID},2,sunset,\"over today's cap, held\"\n7k2n,{ID},,x,\n{ID} 1"
        );
        let lines = check_lines(&text, |_| Vec::new(), |_| false);
        let LineVerdict::Ok(specs) = &lines[0].verdict else { panic!("{lines:?}") };
        assert_eq!((specs[0].image.get(), specs[0].tag.as_ref().map(Tag::as_str)), (2, Some("sunset")));
        assert!(matches!(&lines[1].verdict, LineVerdict::Wrong(why) if why.contains("missing")), "no guessed picture: {lines:?}");
        assert!(matches!(&lines[2].verdict, LineVerdict::Ok(_)));
        // `0,2` without quotes would be picture 0 alone.
        let lines = check_lines(&format!("source_task,image_number\n{ID},0,2\n{ID},1,"), |_| Vec::new(), |_| false);
        assert!(matches!(&lines[0].verdict, LineVerdict::Wrong(why) if why.contains("3 fields")), "{lines:?}");
        assert!(matches!(&lines[1].verdict, LineVerdict::Ok(specs) if specs[0].image.get() == 1), "{lines:?}");
    }

    #[test]
    fn a_row_without_a_picture_is_no_picture_and_a_header_ends_with_its_text() {
        let header = "source_task,image_number";
        let ragged = check_lines(&format!("{header}\n{ID}"), |_| Vec::new(), |_| false);
        assert!(matches!(&ragged[0].verdict, LineVerdict::Wrong(why) if why.contains("has none")), "{ragged:?}");
        let (table, list) = (format!("{header}\n{ID},1\n"), format!("{ID} 0,2\n{ID}\n"));
        let lines = check_texts([table.as_str(), list.as_str()], |_| Vec::new(), |_| false);
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [2, 3, 4]);
        assert!(matches!(&lines[1].verdict, LineVerdict::Ok(specs) if specs.len() == 2), "{lines:?}");
        assert!(matches!(&lines[2].verdict, LineVerdict::Twice { .. }), "{lines:?}");
    }

    #[test]
    fn a_tag_beside_a_line_in_json_is_its_tag() {
        let specs = parse_line(&format!("{{\"spec\":\"{ID} 0-1\",\"tag\":\"dusk\"}}")).unwrap();
        assert!(specs.len() == 2 && specs.iter().all(|spec| spec.tag.as_ref().is_some_and(|tag| tag.as_str() == "dusk")));
    }

    #[test]
    fn the_short_id_of_a_known_draft_is_an_id() {
        let whole = TaskId::new(ID).unwrap();
        let drafts = |short: &str| match short {
            "k3v9q2ad" => vec![whole.clone()],
            "aaaaaaaa" => vec![whole.clone(), whole.clone()],
            _ => Vec::new(),
        };
        let json = "{\"source_task\":\"k3v9q2ad\",\"image_number\":3}";
        let lines = check_lines(&format!("k3v9q2ad:0\nk3v9q2ad 1,2\n{json}\naaaaaaaa\nbbbbbbbb"), drafts, |_| false);
        for line in &lines[..3] {
            assert!(matches!(&line.verdict, LineVerdict::Ok(specs) if specs[0].source == whole), "{line:?}");
        }
        assert!(matches!(&lines[3].verdict, LineVerdict::Wrong(why) if why.contains("2 drafts have the short id")));
        assert!(matches!(&lines[4].verdict, LineVerdict::Wrong(why) if why.contains("begins with task-unified-")));
    }

    #[test]
    fn what_list_prints_is_read() {
        let at = jiff::Timestamp::UNIX_EPOCH;
        let kind = super::super::JobKind::Enhance { source: TaskId::new(ID).unwrap(), image: ImageNumber::ALL[2] };
        let job = super::super::Job::new(super::super::JobId::from_bits(7), kind, 0, at);
        assert_eq!(images(&super::super::record::json(&job).to_string()), [2]);
        let csv = format!("{}\n{}", super::super::record::csv_head(), super::super::record::csv_line(&job));
        let lines = check_lines(&csv, |_| Vec::new(), |_| false);
        assert!(matches!(&lines[0].verdict, LineVerdict::Ok(specs) if specs[0].image.get() == 2), "{lines:?}");
    }

    proptest! {
        #[test]
        fn no_line_panics(line in ".{0,200}") {
            let _ = parse_line(&line);
        }
    }
}
