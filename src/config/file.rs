//! The file: TOML with places, so that a mistake can be told with its line.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::options::{OPTIONS, Settings, info};
use super::values::texts;
use super::{ConfigError, KeyLine, units};

/// What a whole file says.
#[derive(Debug, Default)]
pub struct FileContent {
    pub settings: Settings,
    pub profiles: BTreeMap<String, Settings>,
    pub keys: Vec<KeyLine>,
    /// Key files and programs of all tables: what must be there when it is needed.
    pub named: Vec<Named>,
}

/// Something on this machine that the file names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// The line, from 1.
    pub line: usize,
    /// The option.
    pub option: &'static str,
    /// What it names, as written.
    pub what: String,
    /// Where that is; for a program only where it has a slash.
    pub path: PathBuf,
    /// Whether it is a program, and not a file.
    pub is_program: bool,
}

/// No configuration is longer than this, in bytes; more is a mix-up.
const LONGEST: u64 = 1 << 20;
/// So long what is no ordinary file may take to end.
const PIPE_LIMIT: Duration = Duration::from_secs(5);

/// The text of a configuration file. A pipe (`--config <(make-config)`) is read to its end, and given up where nobody writes to
/// it: it would be waited for for ever.
///
/// # Errors
/// What the system says; [`io::ErrorKind::InvalidData`] for what is no text or longer than 1 MiB; [`io::ErrorKind::TimedOut`].
pub fn text(path: &Path) -> io::Result<String> {
    let read = |path: &Path| -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let about = path.metadata()?;
    let bytes = if about.is_file() || about.is_dir() {
        read(path)?
    } else {
        let (tell, told) = mpsc::channel();
        let path = path.to_owned();
        // The thread ends with the pipe or with the program.
        std::thread::spawn(move || tell.send(read(&path)));
        let silent = || io::Error::new(io::ErrorKind::TimedOut, "it is no ordinary file, and nothing came from it for 5 s");
        told.recv_timeout(PIPE_LIMIT).map_err(|_| silent())??
    };
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    if bytes.len() as u64 > LONGEST {
        return Err(wrong("it is longer than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| wrong("it is not text (not UTF-8)"))
}

/// Reads a file's text. Mistakes go to `errors`, each with its line.
pub fn read(text: &str, path: &Path, errors: &mut Vec<(usize, ConfigError)>) -> FileContent {
    let mut reader = Reader { path, text, errors: Vec::new(), named: Vec::new() };
    let mut content = reader.file();
    content.named = reader.named;
    errors.extend(reader.errors);
    content
}

/// A place in the file, as every mistake names it.
pub fn place(path: &Path, line: usize, key: &str) -> String {
    format!("{}:{line}: {}", path.display(), crate::job::text::clean(key))
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    errors: Vec<(usize, ConfigError)>,
    named: Vec<Named>,
}

type Value<'i> = Spanned<DeValue<'i>>;

impl Reader<'_> {
    fn file(&mut self) -> FileContent {
        let text = self.text.strip_prefix('\u{feff}').unwrap_or(self.text);
        self.text = text;
        let (table, syntax) = DeTable::parse_recoverable(text);
        for error in &syntax {
            let line = self.line(&error.span().unwrap_or(0..0));
            let place = format!("{}:{line}", self.path.display());
            let what = format!("this is not TOML: {}", crate::job::text::clean(error.message()));
            self.errors.push((line, ConfigError { place, what, next: "fix this line".to_owned() }));
        }
        // What a broken file seems to say would only give follow-up messages.
        if !syntax.is_empty() {
            return FileContent::default();
        }
        let mut content = FileContent::default();
        for (key, value) in table.get_ref() {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("keys", DeValue::Table(keys)) => content.keys = self.keys(keys),
                ("profiles", DeValue::Table(profiles)) => {
                    for (name, profile) in profiles {
                        self.profile(name, profile, &mut content.profiles);
                    }
                }
                ("keys" | "profiles", _) => {
                    self.wrong(key.span(), key.get_ref(), "must be a table", &format!("write it as [{}]", key.get_ref()));
                }
                (name, _) => self.option(name, key.span(), value, false, &mut content.settings),
            }
        }
        content.keys.sort_by_key(|key| key.line);
        content
    }

    fn profile(&mut self, name: &Spanned<std::borrow::Cow<'_, str>>, value: &Value<'_>, into: &mut BTreeMap<String, Settings>) {
        let text = name.get_ref().as_ref();
        let shown = format!("profiles.{text}");
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if text.is_empty() || text.len() > 32 || !text.chars().all(fits) {
            self.wrong(name.span(), &shown, "is not a profile name", "use 1 to 32 letters, digits, - and _");
            return;
        }
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong(name.span(), &shown, "must be a table", &format!("write it as [{shown}]"));
            return;
        };
        let mut settings = Settings::default();
        for (key, value) in table {
            self.option(key.get_ref(), key.span(), value, true, &mut settings);
        }
        into.insert(text.to_owned(), settings);
    }

    fn keys(&mut self, table: &DeTable<'_>) -> Vec<KeyLine> {
        let mut lines = Vec::new();
        for (action, value) in table {
            let line = self.line(&action.span());
            let keys = match value.get_ref() {
                DeValue::String(key) => Some(vec![key.to_string()]),
                other => texts(other),
            };
            match keys {
                Some(keys) => lines.push(KeyLine { action: action.get_ref().to_string(), keys, line }),
                None => self.wrong(
                    value.span(),
                    &format!("keys.{}", action.get_ref()),
                    "must be a list of keys",
                    "write it like [\"x\", \"Ctrl+x\"], or [] for no key",
                ),
            }
        }
        lines
    }

    fn option(&mut self, name: &str, span: Range<usize>, value: &Value<'_>, in_profile: bool, into: &mut Settings) {
        let Some(option) = info(name) else {
            let next = if ["key", "api_key", "apikey", "token"].contains(&name.to_ascii_lowercase().as_str()) {
                "the key itself never stands in this file: set key_file or key_command, or the variable EVOLINK_API_KEY"
                    .to_owned()
            } else {
                match units::nearest(name, OPTIONS.iter().map(|option| option.name).chain(["keys", "profiles"])) {
                    Some(near) => format!("did you mean {near}?"),
                    None => "take it out; config.example.toml lists the options".to_owned(),
                }
            };
            self.wrong(span, name, "is not an option", &next);
            return;
        };
        if in_profile && !option.in_profile {
            self.wrong(span, name, "cannot be set in a profile", "set it above the first [table] of the file");
            return;
        }
        if let Err(wrong) = into.set(option.name, value.get_ref()) {
            let line_span = value.span();
            let next = if wrong.says_how { String::new() } else { format!("it must be {}", option.form) };
            self.wrong(line_span, name, &wrong.what, &next);
            return;
        }
        let line = self.line(&span);
        if let Some((option, program)) = into.programs().into_iter().find(|(set, _)| *set == option.name) {
            self.named.push(Named { line, option, what: program.to_owned(), path: PathBuf::from(program), is_program: true });
        }
        if let (Some(file), "key_file") = (&into.key_file, option.name) {
            self.named.push(Named { line, option: "key_file", what: file.clone(), path: PathBuf::from(file), is_program: false });
        }
        if into.key_file.is_some() && into.key_command.is_some() {
            self.wrong(span, name, "key_file and key_command are both set", "keep one of them");
            into.key_command = None;
        }
    }

    fn wrong(&mut self, span: Range<usize>, key: &str, what: &str, next: &str) {
        let line = self.line(&span);
        let place = place(self.path, line, key);
        self.errors.push((line, ConfigError { place, what: what.to_owned(), next: next.to_owned() }));
    }

    /// From 1.
    fn line(&self, span: &Range<usize>) -> usize {
        let until = span.start.min(self.text.len());
        self.text.as_bytes()[..until].split(|byte| *byte == b'\n').count()
    }
}
