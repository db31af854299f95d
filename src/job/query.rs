//! The query language over jobs: `state:failed age>2h credits>5 tag:x text`.
//!
//! A query is a list of terms, all of which must hold. A term is `key:value[,value…]`, a comparison like `age>2h`, or a
//! word that is looked for; `-` before a term turns it round. Quotes keep spaces together. A word is found in whatever a row
//! shows: fuzzily in tag, state and error code, letter by letter in ids, reasons and names of files.

use std::fmt;
use std::ops::Range;

use jiff::Timestamp;
use nucleo_matcher::pattern::{Atom, AtomKind, CaseMatching, Normalization};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::{Charge, Credits, ImageNumber, Job, Model, Progress, Prompt, State, Verdict};

/// What is wrong in a query, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueryError {
    /// The bytes of the text that are wrong; never empty.
    pub range: Range<usize>,
    /// One sentence: what is wrong and what to write.
    pub message: String,
}

/// A question about a job, answered by yes or no.
///
/// Printing it gives the canonical text, which reads back as the same query.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Query {
    terms: Vec<Term>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Term {
    negated: bool,
    test: Test,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Test {
    State(Vec<State>),
    Tag(Vec<String>),
    Id(Vec<String>),
    Source(Vec<String>),
    Task(Vec<String>),
    Image(Vec<ImageNumber>),
    Kind(Vec<Model>),
    Prompt(Vec<String>),
    Error(Vec<String>),
    Charge(Vec<Charge>),
    Verdict(Vec<Verdict>),
    Age(Compare, i64),
    Link(Compare, i64),
    Credits(Compare, Credits),
    Progress(Compare, u8),
    Text(String, Box<Atom>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Compare {
    Less,
    AtMost,
    Equal,
    AtLeast,
    More,
}

impl Compare {
    const SIGNS: [(&'static str, Self); 6] = [
        (">=", Self::AtLeast),
        ("<=", Self::AtMost),
        (">", Self::More),
        ("<", Self::Less),
        ("=", Self::Equal),
        (":", Self::Equal),
    ];

    fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::Equal => left == right,
            Self::AtLeast => left >= right,
            Self::More => left > right,
        }
    }

    const fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Equal => "=",
            Self::AtLeast => ">=",
            Self::More => ">",
        }
    }
}

/// The keys of the language with an example each, for help and completion.
pub const QUERY_KEYS: &[(&str, &str)] = &[
    ("state:", "state:failed,unsure"),
    ("tag:", "tag:sunset, tag:* for any, -tag:* for none"),
    ("id:", "id:7k2m"),
    ("source:", "source:k3v9q2ad"),
    ("task:", "task:p8w2m5xc"),
    ("image:", "image:0,2"),
    ("kind:", "kind:draft, or kind:enhance"),
    ("prompt:", "prompt:fog, any part of it"),
    ("error:", "error:link_expired"),
    ("charge:", "charge:\"not known\""),
    ("verdict:", "verdict:kept, or verdict:rejected"),
    ("age", "age>2h, since it was added"),
    ("link", "link<4h, until the link expires"),
    ("credits", "credits>5, so far"),
    ("progress", "progress>50"),
];

/// What a search needs besides the query; kept between searches because it is large.
pub struct Searcher {
    matcher: Matcher,
    buffer: Vec<char>,
    shown: fn(&Job) -> Vec<String>,
}

impl Searcher {
    /// `shown`: what else of a job stands before the user's eyes, in the words of the place that shows it.
    #[must_use]
    pub fn with(shown: fn(&Job) -> Vec<String>) -> Self {
        Self { matcher: Matcher::new(Config::DEFAULT), buffer: Vec::new(), shown }
    }
}

impl Default for Searcher {
    fn default() -> Self {
        Self::with(|job| job.reason().into_iter().collect())
    }
}

impl fmt::Debug for Searcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Searcher")
    }
}

impl Query {
    /// Reads a query; a term that is wrong refuses the whole.
    ///
    /// # Errors
    /// Every term that cannot be read, with its place in the text.
    pub fn parse(text: &str) -> Result<Self, Vec<QueryError>> {
        let (query, wrong) = Self::read(text);
        if wrong.is_empty() { Ok(query) } else { Err(wrong) }
    }

    /// Reads what can be read, for a filter that works while it is typed.
    #[must_use]
    pub fn read(text: &str) -> (Self, Vec<QueryError>) {
        let (mut terms, mut wrong) = (Vec::new(), Vec::new());
        for range in words(text) {
            match term(&text[range.clone()]) {
                Ok(term) => terms.push(term),
                Err(message) => wrong.push(QueryError { range, message }),
            }
        }
        (Self { terms }, wrong)
    }

    /// Whether every job fits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether the answer may change with time alone (`age`, `link`).
    #[must_use]
    pub fn depends_on_time(&self) -> bool {
        self.terms.iter().any(|term| matches!(term.test, Test::Age(..) | Test::Link(..)))
    }

    /// Whether the job fits. `progress` is the last heard, which may be newer than the job.
    pub fn matches(&self, job: &Job, progress: Option<&Progress>, now: Timestamp, searcher: &mut Searcher) -> bool {
        self.terms.iter().all(|term| term.test.holds(job, progress, now, searcher) != term.negated)
    }
}

impl Test {
    fn holds(&self, job: &Job, progress: Option<&Progress>, now: Timestamp, searcher: &mut Searcher) -> bool {
        match self {
            Self::State(states) => states.contains(&job.state()),
            Self::Tag(tags) => job.tag.as_ref().is_some_and(|has| tags.iter().any(|tag| tag == "*" || tag == has.as_str())),
            Self::Id(ids) => {
                let own = job.id.to_string();
                ids.iter().any(|id| own.starts_with(id.as_str()) || own.ends_with(id.as_str()))
            }
            Self::Source(ids) => job.kind.source().is_some_and(|(source, _)| ids.iter().any(|id| ends(source.as_str(), id))),
            Self::Task(ids) => job.task.as_ref().is_some_and(|task| ids.iter().any(|id| ends(task.as_str(), id))),
            Self::Image(images) => job.kind.source().is_some_and(|(_, image)| images.contains(&image)),
            Self::Kind(models) => models.contains(&job.kind.model()),
            Self::Prompt(parts) => {
                let texts = [job.kind.prompt().map(Prompt::as_str), job.kind.template()];
                texts.into_iter().flatten().any(|text| parts.iter().any(|part| contains_ignoring_case(text, part)))
            }
            Self::Error(codes) => job.failure().is_some_and(|failure| codes.iter().any(|code| failure.code.contains(code))),
            Self::Charge(charges) => job.charge.is_some_and(|charge| charges.contains(&charge)),
            Self::Verdict(verdicts) => job.verdict.is_some_and(|verdict| verdicts.contains(&verdict)),
            Self::Age(compare, seconds) => compare.holds(&now.duration_since(job.created_at).as_secs(), seconds),
            Self::Link(compare, seconds) => {
                !job.state().is_final()
                    && job.link_expires_at.is_some_and(|end| compare.holds(&end.duration_since(now).as_secs(), seconds))
            }
            Self::Credits(compare, credits) => compare.holds(&job.spent(), credits),
            Self::Progress(compare, percent) => {
                progress.and_then(|p| p.percent).is_some_and(|has| compare.holds(&has.get(), percent))
            }
            Self::Text(word, atom) => finds(word, atom, job, searcher),
        }
    }
}

/// An id fits by its beginning or its end; a whole id fits only itself.
fn ends(whole: &str, part: &str) -> bool {
    whole.starts_with(part) || whole.ends_with(part)
}

fn finds(word: &str, atom: &Atom, job: &Job, searcher: &mut Searcher) -> bool {
    let Searcher { matcher, buffer, shown } = searcher;
    let mut fits = |text: &str| atom.score(Utf32Str::new(text, buffer), matcher).is_some();
    // Words of a person's are found fuzzily; ids are random letters, so any three letters would be "found" in most of them.
    if job.tag.as_ref().is_some_and(|tag| fits(tag.as_str())) || fits(job.state().word()) {
        return true;
    }
    if job.failure().is_some_and(|failure| fits(&failure.code)) {
        return true;
    }
    let holds = |text: &str| contains_ignoring_case(text, word);
    job.kind.source().is_some_and(|(source, _)| holds(source.as_str()))
        || job.kind.prompt().is_some_and(|prompt| holds(prompt.as_str()))
        || job.task.as_ref().is_some_and(|task| holds(task.as_str()))
        || holds(&job.id.to_string())
        || holds(&job.label())
        || job.files.iter().any(|file| file.path.file_name().is_some_and(|name| holds(&name.to_string_lossy())))
        || shown(job).iter().any(|text| holds(text))
}

fn contains_ignoring_case(text: &str, word: &str) -> bool {
    let (text, word) = (text.as_bytes(), word.as_bytes());
    word.len() <= text.len() && text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}

/// The words of a text: parted by white space outside quotes.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = None;
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        if c == '"' {
            quoted = !quoted;
        }
        if c.is_whitespace() && !quoted {
            if let Some(from) = start.take() {
                out.push(from..at);
            }
        } else if start.is_none() {
            start = Some(at);
        }
    }
    if let Some(from) = start {
        out.push(from..text.len());
    }
    out
}

fn term(word: &str) -> Result<Term, String> {
    if word.matches('"').count() % 2 == 1 {
        return Err("a quote is not closed".to_owned());
    }
    let (negated, body) = match word.strip_prefix('-') {
        Some("") => return Err("a word must follow the -".to_owned()),
        Some(rest) => (true, rest),
        None => (false, word),
    };
    Ok(Term { negated, test: test(body)? })
}

fn test(body: &str) -> Result<Test, String> {
    let key_len = body.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (key, rest) = body.split_at(key_len);
    let sign = Compare::SIGNS.into_iter().find(|(sign, _)| rest.starts_with(sign));
    let Some((sign, compare)) = sign.filter(|_| key_len > 0) else { return text(body) };
    let value = rest[sign.len()..].trim();
    let lower = key.to_ascii_lowercase();
    let list = || -> Result<Vec<String>, String> {
        if sign != ":" && sign != "=" {
            return Err(format!("{lower} takes a colon: {lower}:value"));
        }
        let values: Vec<String> = unquote(value).split(',').map(|v| v.trim().to_owned()).filter(|v| !v.is_empty()).collect();
        if values.is_empty() { Err(format!("a value must follow {lower}{sign}")) } else { Ok(values) }
    };
    match lower.as_str() {
        "state" => list()?.iter().map(|word| state(word)).collect::<Result<_, _>>().map(Test::State),
        "tag" => Ok(Test::Tag(list()?)),
        "id" => Ok(Test::Id(list()?.into_iter().map(|id| id.to_ascii_lowercase()).collect())),
        "source" | "draft" => Ok(Test::Source(list()?)),
        "task" => Ok(Test::Task(list()?)),
        "error" | "code" => Ok(Test::Error(list()?.into_iter().map(|code| code.to_ascii_lowercase()).collect())),
        "image" | "picture" => list()?
            .iter()
            .map(|number| number.parse::<u8>().ok().and_then(|n| ImageNumber::try_from(n).ok()))
            .collect::<Option<_>>()
            .map(Test::Image)
            .ok_or_else(|| "pictures are numbered 0 to 3".to_owned()),
        "kind" => list()?
            .iter()
            .map(|word| Model::from_word(&word.to_ascii_lowercase()))
            .collect::<Option<_>>()
            .map(Test::Kind)
            .ok_or_else(|| "kind is draft or enhance".to_owned()),
        "prompt" => Ok(Test::Prompt(list()?)),
        "charge" => list()?
            .iter()
            .map(|word| Charge::from_word(word))
            .collect::<Option<_>>()
            .map(Test::Charge)
            .ok_or_else(|| "charge is reserved, charged, refunded or \"not known\"".to_owned()),
        "verdict" => list()?
            .iter()
            .map(|word| Verdict::from_word(&word.to_ascii_lowercase()))
            .collect::<Option<_>>()
            .map(Test::Verdict)
            .ok_or_else(|| "verdict is kept or rejected".to_owned()),
        "age" => Ok(Test::Age(compare, seconds(value)?)),
        "link" | "left" => Ok(Test::Link(compare, seconds(value)?)),
        "credits" | "cost" => {
            let credits = value.parse().map_err(|_| "credits is a number, like credits>5.4".to_owned())?;
            Ok(Test::Credits(compare, credits))
        }
        "progress" => value
            .trim_end_matches('%')
            .parse::<u8>()
            .ok()
            .filter(|n| *n <= 100)
            .map(|n| Test::Progress(compare, n))
            .ok_or_else(|| "progress is a number from 0 to 100, like progress>50".to_owned()),
        // The name of a job as rows show it, where its short id has no digit.
        _ if key.len() == 8 && sign == ":" && matches!(value, "0" | "1" | "2" | "3") => text(body),
        _ => Err(unknown_key(&lower, sign)),
    }
}

fn unknown_key(key: &str, sign: &str) -> String {
    let names = QUERY_KEYS.iter().map(|(name, _)| name.trim_end_matches(':'));
    let near = names.min_by_key(|name| strsim::osa_distance(name, key)).unwrap_or("state");
    format!("unknown filter \"{}{sign}\"; did you mean {near}?", super::text::clean(key))
}

fn state(word: &str) -> Result<State, String> {
    let word = word.to_ascii_lowercase();
    State::from_word(&word).ok_or_else(|| {
        let near = State::ALL.into_iter().map(State::word).min_by_key(|known| strsim::osa_distance(known, &word));
        format!("unknown state \"{}\"; did you mean {}?", super::text::clean(&word), near.unwrap_or("held"))
    })
}

fn seconds(value: &str) -> Result<i64, String> {
    let said = || "write a time like 30s, 20m, 2h or 3d".to_owned();
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = value.split_at(digits);
    let number: i64 = number.parse().map_err(|_| said())?;
    let unit = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(said()),
    };
    number.checked_mul(unit).ok_or_else(said)
}

fn text(body: &str) -> Result<Test, String> {
    let word = unquote(body);
    if word.is_empty() {
        return Err("a word must stand between the quotes".to_owned());
    }
    let atom = Atom::new(&word, CaseMatching::Ignore, Normalization::Smart, AtomKind::Fuzzy, false);
    Ok(Test::Text(word, Box::new(atom)))
}

fn unquote(text: &str) -> String {
    text.replace('"', "")
}

/// Quotes what would read as something else.
fn quoted(word: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !matches!(c, ':' | '<' | '>' | '=' | ',');
    if word.chars().all(plain) && !word.starts_with('-') { word.to_owned() } else { format!("\"{word}\"") }
}

fn time(seconds: i64) -> String {
    for (unit, name) in [(86_400, "d"), (3_600, "h"), (60, "m")] {
        if seconds != 0 && seconds % unit == 0 {
            return format!("{}{name}", seconds / unit);
        }
    }
    format!("{seconds}s")
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            let space = if index > 0 { " " } else { "" };
            let minus = if term.negated { "-" } else { "" };
            write!(f, "{space}{minus}{}", term.test)?;
        }
        Ok(())
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list<T: ToString>(values: &[T]) -> String {
            let joined = values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            if joined.contains(char::is_whitespace) { format!("\"{joined}\"") } else { joined }
        }
        match self {
            Self::State(states) => write!(f, "state:{}", list(states)),
            Self::Tag(tags) => write!(f, "tag:{}", list(tags)),
            Self::Id(ids) => write!(f, "id:{}", list(ids)),
            Self::Source(ids) => write!(f, "source:{}", list(ids)),
            Self::Task(ids) => write!(f, "task:{}", list(ids)),
            Self::Image(images) => write!(f, "image:{}", list(images)),
            Self::Kind(models) => write!(f, "kind:{}", list(models)),
            Self::Prompt(parts) => write!(f, "prompt:{}", list(parts)),
            Self::Error(codes) => write!(f, "error:{}", list(codes)),
            Self::Charge(charges) => {
                write!(f, "charge:{}", list(&charges.iter().map(|charge| charge.word()).collect::<Vec<_>>()))
            }
            Self::Verdict(verdicts) => write!(f, "verdict:{}", list(verdicts)),
            Self::Age(compare, seconds) => write!(f, "age{}{}", compare.sign(), time(*seconds)),
            Self::Link(compare, seconds) => write!(f, "link{}{}", compare.sign(), time(*seconds)),
            Self::Credits(compare, credits) => write!(f, "credits{}{credits}", compare.sign()),
            Self::Progress(compare, percent) => write!(f, "progress{}{percent}", compare.sign()),
            Self::Text(word, _) => f.write_str(&quoted(word)),
        }
    }
}

#[cfg(test)]
mod tests;
