//! The file: TOML with places, so that a mistake can be told with its line.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use url::Url;

use super::options::{OPTIONS, OptionInfo, info};
use super::{ColorWhen, ConfigError, KeyLine, Notify, Switch, TerminalBackend, Theme, units};
use crate::job::Credits;

/// A cap that was set: to an amount, or to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap(pub Option<Credits>);

/// What one table sets; `None` is "not said".
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    pub key_file: Option<String>,
    pub key_command: Option<Vec<String>>,
    pub base_url: Option<Url>,
    pub data_dir: Option<String>,
    pub results_dir: Option<String>,
    pub name_template: Option<String>,
    pub max_in_flight: Option<u32>,
    pub submit_gap: Option<Duration>,
    pub reads_per_minute: Option<u32>,
    pub cap_session: Option<Cap>,
    pub cap_day: Option<Cap>,
    pub grace: Option<Duration>,
    pub fetches_at_once: Option<u32>,
    pub callback_url: Option<String>,
    pub theme: Option<Theme>,
    pub color: Option<ColorWhen>,
    pub ascii: Option<Switch>,
    pub slow_link: Option<bool>,
    pub mouse: Option<Switch>,
    pub notify: Option<Notify>,
    pub on_done: Option<Vec<String>>,
    pub on_failed: Option<Vec<String>>,
    pub on_batch: Option<Vec<String>>,
    pub hook_timeout: Option<Duration>,
    pub terminal_backend: Option<TerminalBackend>,
}

impl Settings {
    /// The options that name one path, as they stand.
    pub fn paths(&self) -> Vec<(&'static str, String)> {
        [("key_file", &self.key_file), ("data_dir", &self.data_dir), ("results_dir", &self.results_dir)]
            .into_iter()
            .filter_map(|(name, text)| Some((name, text.clone()?)))
            .collect()
    }

    /// What a profile says, and for the rest what the file says. A profile sets only the options marked so.
    pub fn or(self, below: Self) -> Self {
        Self {
            key_file: self.key_file.or(below.key_file),
            key_command: self.key_command.or(below.key_command),
            base_url: self.base_url.or(below.base_url),
            data_dir: self.data_dir.or(below.data_dir),
            results_dir: self.results_dir.or(below.results_dir),
            cap_session: self.cap_session.or(below.cap_session),
            cap_day: self.cap_day.or(below.cap_day),
            ..below
        }
    }
}

/// What a whole file says.
#[derive(Debug, Default)]
pub struct FileContent {
    pub settings: Settings,
    pub profiles: BTreeMap<String, Settings>,
    pub keys: Vec<KeyLine>,
}

/// Reads a file's text. Mistakes go to `errors`, in the order of their lines.
pub fn read(text: &str, path: &Path, errors: &mut Vec<ConfigError>) -> FileContent {
    let mut reader = Reader { path, text, errors: Vec::new() };
    let content = reader.file();
    let mut found = reader.errors;
    found.sort_by_key(|(line, _)| *line);
    errors.extend(found.into_iter().map(|(_, error)| error));
    content
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    errors: Vec<(usize, ConfigError)>,
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
            self.errors.push((line, ConfigError { place, what, next: "mend this line".to_owned() }));
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
            self.wrong(name.span(), &shown, "is no profile name", "use 1 to 32 letters, digits, - and _");
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
            self.wrong(span, name, "is no option", &next);
            return;
        };
        if in_profile && !option.in_profile {
            self.wrong(span, name, "cannot be set in a profile", "set it above the first [table] of the file");
            return;
        }
        if let Err(what) = set(option, value.get_ref(), into) {
            let line_span = value.span();
            self.wrong(line_span, name, &what, &format!("it must be {}", option.form));
            return;
        }
        if into.key_file.is_some() && into.key_command.is_some() {
            self.wrong(span, name, "key_file and key_command are both set", "keep one of them");
            into.key_command = None;
        }
    }

    fn wrong(&mut self, span: Range<usize>, key: &str, what: &str, next: &str) {
        let line = self.line(&span);
        let place = format!("{}:{line}: {}", self.path.display(), crate::job::text::clean(key));
        self.errors.push((line, ConfigError { place, what: what.to_owned(), next: next.to_owned() }));
    }

    /// From 1.
    fn line(&self, span: &Range<usize>) -> usize {
        let until = span.start.min(self.text.len());
        self.text.as_bytes()[..until].split(|byte| *byte == b'\n').count()
    }
}

fn set(option: &OptionInfo, value: &DeValue<'_>, into: &mut Settings) -> Result<(), String> {
    match option.name {
        "key_file" => into.key_file = optional(text(value)?),
        "key_command" => into.key_command = Some(argv(value)?).filter(|list| !list.is_empty()),
        "base_url" => into.base_url = Some(units::parse_base_url(&text(value)?)?),
        "data_dir" => into.data_dir = optional(text(value)?),
        "results_dir" => into.results_dir = optional(text(value)?),
        "name_template" => {
            let template = text(value)?;
            units::check_template(&template)?;
            into.name_template = Some(template);
        }
        "max_in_flight" => into.max_in_flight = Some(whole(value, 1, 10_000)?),
        "submit_gap" => into.submit_gap = Some(time(value, Duration::ZERO, Duration::from_hours(1))?),
        "reads_per_minute" => into.reads_per_minute = Some(whole(value, 1, 6_000)?),
        "cap_session" => into.cap_session = Some(Cap(money(value)?)),
        "cap_day" => into.cap_day = Some(Cap(money(value)?)),
        "grace" => into.grace = Some(time(value, Duration::ZERO, Duration::from_mins(10))?),
        "fetches_at_once" => into.fetches_at_once = Some(whole(value, 1, 64)?),
        "callback_url" => {
            into.callback_url = optional(text(value)?);
            if let Some(url) = &into.callback_url {
                units::check_callback(url)?;
            }
        }
        "theme" => {
            into.theme = Some(word(
                value,
                &[("auto", Theme::Auto), ("dark", Theme::Dark), ("light", Theme::Light), ("mono", Theme::Mono)],
            )?);
        }
        "color" => {
            let words = [("auto", ColorWhen::Auto), ("always", ColorWhen::Always), ("never", ColorWhen::Never)];
            into.color = Some(word(value, &words)?);
        }
        "ascii" => into.ascii = Some(switch(value)?),
        "slow_link" => into.slow_link = Some(value.as_bool().ok_or_else(|| not_this(value))?),
        "mouse" => into.mouse = Some(switch(value)?),
        "notify" => {
            let words = [
                ("auto", Notify::Auto),
                ("off", Notify::Off),
                ("bell", Notify::Bell),
                ("osc9", Notify::Osc9),
                ("osc777", Notify::Osc777),
                ("osc99", Notify::Osc99),
            ];
            into.notify = Some(word(value, &words)?);
        }
        "on_done" => into.on_done = Some(argv(value)?),
        "on_failed" => into.on_failed = Some(argv(value)?),
        "on_batch" => into.on_batch = Some(argv(value)?),
        "hook_timeout" => into.hook_timeout = Some(time(value, Duration::from_secs(1), Duration::from_hours(1))?),
        "terminal_backend" => {
            into.terminal_backend = Some(word(value, &[("own", TerminalBackend::Own), ("stock", TerminalBackend::Stock)])?);
        }
        _ => return Err("is not read by this version".to_owned()),
    }
    Ok(())
}

fn optional(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn not_this(value: &DeValue<'_>) -> String {
    let article = if value.type_str().starts_with(['a', 'i', 'o']) { "an" } else { "a" };
    format!("is {article} {}", value.type_str())
}

fn text(value: &DeValue<'_>) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| not_this(value))
}

fn texts(value: &DeValue<'_>) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
}

fn argv(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let list = texts(value).ok_or_else(|| match value {
        DeValue::Array(_) => "is a list with something else than texts in it".to_owned(),
        other => not_this(other),
    })?;
    if list.first().is_some_and(String::is_empty) { Err("names no program".to_owned()) } else { Ok(list) }
}

fn integer(value: &DeValue<'_>) -> Option<i128> {
    let number = value.as_integer()?;
    i128::from_str_radix(number.as_str(), number.radix()).ok()
}

fn whole(value: &DeValue<'_>, least: u32, most: u32) -> Result<u32, String> {
    let number = integer(value).ok_or_else(|| not_this(value))?;
    match u32::try_from(number) {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("{number} is out of range")),
    }
}

fn time(value: &DeValue<'_>, least: Duration, most: Duration) -> Result<Duration, String> {
    let time = match value {
        DeValue::String(text) => units::parse_duration(text)?,
        // A bare number counts seconds.
        DeValue::Integer(_) => {
            let number = integer(value).unwrap_or(-1);
            Duration::from_secs(u64::try_from(number).map_err(|_| format!("{number} is out of range"))?)
        }
        other => return Err(not_this(other)),
    };
    if (least..=most).contains(&time) { Ok(time) } else { Err(format!("{} is out of range", units::duration_words(time))) }
}

fn money(value: &DeValue<'_>) -> Result<Option<Credits>, String> {
    let text = match value {
        DeValue::String(text) if text.trim().eq_ignore_ascii_case("none") => return Ok(None),
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(_) => integer(value).unwrap_or(-1).to_string(),
        DeValue::Float(number) => number.as_str().trim_start_matches('+').to_owned(),
        other => return Err(not_this(other)),
    };
    let amount: Credits = text.parse().map_err(|_| format!("{:?} is no amount", crate::job::text::clean(&text)))?;
    if amount < Credits::ZERO { Err(format!("{amount} is below zero")) } else { Ok(Some(amount)) }
}

fn switch(value: &DeValue<'_>) -> Result<Switch, String> {
    match value {
        DeValue::Boolean(true) => Ok(Switch::On),
        DeValue::Boolean(false) => Ok(Switch::Off),
        other => word(other, &[("auto", Switch::Auto)]),
    }
}

fn word<T: Copy>(value: &DeValue<'_>, words: &[(&str, T)]) -> Result<T, String> {
    let text = value.as_str().ok_or_else(|| not_this(value))?;
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
        let hint = units::nearest(text, words.iter().map(|(word, _)| *word));
        let shown = crate::job::text::clean(text);
        hint.map_or_else(
            || format!("{shown:?} is not known"),
            |near| format!("{shown:?} is not known, perhaps {near:?} is meant"),
        )
    })
}
