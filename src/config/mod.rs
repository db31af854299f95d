//! What the user set: flags over environment over file over defaults, read once into one checked [`Config`].
//!
//! This room knows option names, units and ranges, the file's form and where the key comes from. It does not know what
//! the options do. It reads the environment only through [`Environment`], so that a test can hand in its own.
//!
//! Invariants: every mistake is found in one pass and told with its place; a [`Config`] that exists is in range; the key
//! is never part of it, only the place where it is found.

mod environment;
mod file;
mod key;
mod options;
mod places;
mod units;
mod values;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use crate::job::{Caps, text as job_text};
use environment::PLACES;
use places::{NO_HOME, project_folders};

pub use environment::Environment;
pub use file::{Named, text as file_text};
pub use key::{KEY_VARIABLE, KeyError, KeySource, check_key, shell_quoted};
pub use options::{OPTIONS, OptionInfo};
pub use places::{file_place, place_to_write};
pub use units::{duration_words, is_loopback, parse_base_url, parse_duration};

/// The file that `config init` writes: every option with its meaning, unit and default.
pub const EXAMPLE: &str = include_str!("../../config.example.toml");

/// The variables this program reads for its settings, the key apart.
pub mod variables {
    /// The service's address, without `/v1`.
    pub const BASE_URL: &str = "EVOLINK_BASE_URL";
    /// The configuration file.
    pub const CONFIG: &str = "MJ_ENHANCE_CONFIG";
    /// The folder of store, log and results.
    pub const DATA_DIR: &str = "MJ_ENHANCE_DATA_DIR";
    /// Whether commands write sentences and no tables: `1` or `0`, over what the file says.
    pub const LINEAR: &str = "MJ_ENHANCE_LINEAR";
}

/// Which colours the screen may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Theme {
    /// As the terminal's background suggests.
    #[default]
    Auto,
    /// For dark backgrounds.
    Dark,
    /// For light backgrounds.
    Light,
    /// Bold, dim and reverse only.
    Mono,
}

/// When colour is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Always, also into pipes.
    Always,
    /// Never.
    Never,
}

/// Something that decides by itself unless it is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Switch {
    /// Decide by the environment.
    #[default]
    Auto,
    /// Yes.
    On,
    /// No.
    Off,
}

/// How a notice leaves the terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Notify {
    /// The best form the terminal is known for, else the bell.
    #[default]
    Auto,
    /// Not at all.
    Off,
    /// The bell.
    Bell,
    /// `OSC 9`.
    Osc9,
    /// `OSC 777`.
    Osc777,
    /// `OSC 99`.
    Osc99,
}

/// Which way pictures take to the screen.
///
/// `preview` has the same list: neither room knows the other, and `cli` turns one into the other (`cli/environment.rs`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum PictureWay {
    /// By what the terminal is.
    #[default]
    Auto,
    /// None: words.
    Off,
    /// kitty's protocol.
    Kitty,
    /// iTerm2's protocol.
    Iterm2,
    /// Sixel.
    Sixel,
    /// Coloured characters.
    Blocks,
}

/// Which characters make pictures where there is no other way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PictureBlocks {
    /// Two pixels a cell; every font has them.
    #[default]
    Half,
    /// Two by two.
    Quadrant,
    /// Two by three.
    Sextant,
    /// Two by four.
    Octant,
}

/// Which code writes the terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TerminalBackend {
    /// Ours: the cheapest encoding of what changed.
    #[default]
    Own,
    /// The stock one, to compare with.
    Stock,
}

/// Programs to start when something ends; each is an argument list, empty for none. They get the job as JSON on their input.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hooks {
    /// When a job is saved.
    pub on_done: Vec<String>,
    /// When a job fails.
    pub on_failed: Vec<String>,
    /// When nothing is under way any more.
    pub on_batch: Vec<String>,
    /// How long one may run before it is ended.
    pub timeout: Duration,
}

/// One line of `[keys]`: an action and the keys that shall do it (none: unbound).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyLine {
    /// The action's name.
    pub action: String,
    /// The keys, as written.
    pub keys: Vec<String>,
    /// Line in the file, from 1, for messages.
    pub line: usize,
}

/// Everything that was set, checked.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
    /// The profile in use.
    pub profile: Option<String>,
    /// Store and log.
    pub data_dir: PathBuf,
    /// Pictures.
    pub results_dir: PathBuf,
    /// Like `{date}/{tag}/{task}-{image}.{ext}`.
    pub name_template: String,
    /// The same for the pictures of drafts.
    pub draft_template: String,
    /// The service, without `/v1`; https unless it is loopback.
    pub base_url: Url,
    /// Where the key is found.
    pub key: KeySource,
    /// Jobs between send and end at most: 1 to 10,000.
    pub max_in_flight: u32,
    /// Between two sends; may be zero.
    pub submit_gap: Duration,
    /// Free reads: 1 to 6,000 a minute.
    pub reads_per_minute: u32,
    /// Limits to spending.
    pub caps: Caps,
    /// So many jobs in a row that fail alike pause sending; 0 is off.
    pub pause_after_failures: u32,
    /// How long a confirmation in the dashboard can be taken back.
    pub grace: Duration,
    /// Downloads at once: 1 to 64.
    pub fetches_at_once: usize,
    /// Passed through to the service; https, public.
    pub callback_url: Option<String>,
    /// See [`Theme`].
    pub theme: Theme,
    /// See [`ColorWhen`].
    pub color: ColorWhen,
    /// Draw with ASCII only.
    pub ascii: Switch,
    /// Fewer bytes: no pictures, no sparkline, 2 frames a second.
    pub slow_link: bool,
    /// For screen readers: sentences and `name: value`, no tables and no full screen.
    pub linear: bool,
    /// Take the mouse.
    pub mouse: Switch,
    /// See [`Notify`].
    pub notify: Notify,
    /// See [`PictureWay`].
    pub pictures: PictureWay,
    /// See [`PictureBlocks`].
    pub picture_blocks: PictureBlocks,
    /// The most bytes of one picture on its way to the terminal; `None`: as the line suggests.
    pub picture_bytes: Option<u64>,
    /// The most bytes of previews kept in the data folder.
    pub preview_cache: u64,
    /// See [`Hooks`].
    pub hooks: Hooks,
    /// See [`TerminalBackend`].
    pub terminal_backend: TerminalBackend,
    /// `[keys]`, in the file's order.
    pub keys: Vec<KeyLine>,
    /// What the user should know though nothing is wrong; one sentence each.
    pub notes: Vec<String>,
}

impl Config {
    /// Whether the service is on this machine: the simulator or a test. Only then are plain http and loopback links taken.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.base_url)
    }
}

/// What the command line says about settings.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Flags {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
    /// `--base-url`
    pub base_url: Option<String>,
    /// `--profile`
    pub profile: Option<String>,
    /// `--color`
    pub color: Option<ColorWhen>,
    /// `--ascii`
    pub ascii: bool,
    /// `--slow-link`
    pub slow_link: bool,
    /// `--linear`
    pub linear: bool,
    /// `--pictures`
    pub pictures: Option<PictureWay>,
}

/// One mistake in what was set.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{place}: {what}{}{next}", if next.is_empty() { "" } else { "; " })]
pub struct ConfigError {
    /// `FILE:LINE: key`, a variable's or a flag's name.
    pub place: String,
    /// What is wrong, as a lower-case fragment.
    pub what: String,
    /// What to do, as a lower-case fragment; empty where `what` says it.
    pub next: String,
}

/// All mistakes that were found, in the order of their places.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// What is wrong with a line of `[keys]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyMistake {
    /// The line, from 1.
    pub line: usize,
    /// The action, as written.
    pub action: String,
    /// What is wrong, as a lower-case fragment.
    pub what: String,
    /// What to do, as a lower-case fragment.
    pub next: String,
}

/// Checks the lines of `[keys]`. The names of actions and keys are known elsewhere.
pub type KeyCheck<'a> = &'a dyn Fn(&[KeyLine]) -> Vec<KeyMistake>;

/// Everything that was set, with all that is wrong with it.
#[derive(Debug)]
pub struct Reading {
    /// What counts; a wrong value counts as not set.
    pub config: Config,
    /// All mistakes, in the order of their places: the file's by line, then variables and flags.
    pub errors: Vec<ConfigError>,
    /// What the file names on this machine, in any of its tables.
    pub named: Vec<Named>,
    /// The names of its profiles.
    pub profiles: Vec<String>,
}

/// Reads and checks everything.
///
/// # Errors
/// All mistakes at once: syntax, unknown names, wrong types, values out of range, keys, a named file that is missing.
pub fn load(flags: &Flags, env: &Environment, keys: KeyCheck<'_>) -> Result<Config, ConfigErrors> {
    let reading = read(flags, env, keys)?;
    if reading.errors.is_empty() { Ok(reading.config) } else { Err(ConfigErrors(reading.errors)) }
}

/// Reads everything, and goes on where something is wrong.
///
/// # Errors
/// Only when the file itself cannot be read.
pub fn read(flags: &Flags, env: &Environment, keys: KeyCheck<'_>) -> Result<Reading, ConfigErrors> {
    let (path, named) = file_place(flags, env);
    let nowhere = !named && project_folders().is_none();
    let text = match file::text(&path) {
        // Beside whatever folder the program was started in, a file of this name is anybody's.
        _ if nowhere => None,
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => None,
        Err(error) => {
            let next = if error.kind() == std::io::ErrorKind::NotFound {
                "make it with `mj-enhance config init`, or name another file with --config"
            } else {
                "fix the file, or name another one with --config"
            };
            return Err(ConfigErrors(vec![ConfigError {
                place: path.display().to_string(),
                what: format!("the configuration cannot be read: {error}"),
                next: next.to_owned(),
            }]));
        }
    };
    let mut reading = examine(text.as_deref(), &path, flags, env, keys);
    if nowhere {
        reading.config.notes.push(format!("{NO_HOME}, so no configuration file was read; name one with --config"));
    }
    Ok(reading)
}

/// Checks a file's text together with flags and environment; [`load`] without the disk, and without the names of keys.
///
/// # Errors
/// As [`load`].
pub fn check(text: Option<&str>, path: &Path, flags: &Flags, env: &Environment) -> Result<Config, ConfigErrors> {
    let reading = examine(text, path, flags, env, &|_| Vec::new());
    if reading.errors.is_empty() { Ok(reading.config) } else { Err(ConfigErrors(reading.errors)) }
}

fn examine(text: Option<&str>, path: &Path, flags: &Flags, env: &Environment, keys: KeyCheck<'_>) -> Reading {
    let mut in_file = Vec::new();
    let mut read = match text {
        Some(text) => file::read(text, path, &mut in_file),
        None => file::FileContent::default(),
    };
    in_file.extend(keys(&read.keys).into_iter().map(|mistake| {
        let place = file::place(path, mistake.line, &format!("keys.{}", mistake.action));
        (mistake.line, ConfigError { place, what: mistake.what, next: mistake.next })
    }));
    in_file.sort_by_key(|(line, _)| *line);
    let profiles = read.profiles.keys().cloned().collect();
    let mut errors: Vec<ConfigError> = in_file.into_iter().map(|(_, error)| error).collect();
    let mut chosen = options::Settings::default();
    if let Some(name) = &flags.profile {
        match read.profiles.remove(name) {
            Some(profile) => chosen = profile,
            None => errors.push(unknown_profile(name, path, &read)),
        }
    }
    let has_profile_folder = chosen.data_dir.is_some();
    let profile_has_key = chosen.key_file.is_some() || chosen.key_command.is_some();
    // A key source of the profile replaces whichever source the file has.
    if profile_has_key {
        read.settings.key_file = None;
        read.settings.key_command = None;
    }
    let mut settings = chosen.or(read.settings);

    // A setting that is there is never dropped in silence: another address or key would be used in its place.
    for name in [variables::BASE_URL, variables::LINEAR, KEY_VARIABLE] {
        let is_flagged = match name {
            variables::BASE_URL => flags.base_url.is_some(),
            variables::LINEAR => flags.linear,
            _ => false,
        };
        if env.is_no_text(name) && !is_flagged {
            errors.push(ConfigError {
                place: name.to_owned(),
                what: "the variable is not text (not UTF-8)".to_owned(),
                next: "set it again, or unset it".to_owned(),
            });
        }
    }
    let flagged = [flags.base_url.is_some(), flags.config.is_some(), flags.data_dir.is_some()];
    for (name, _) in PLACES.into_iter().zip(flagged).filter(|(name, flagged)| !flagged && env.is_left_empty(name)) {
        errors.push(ConfigError {
            place: name.to_owned(),
            what: "the variable is set to nothing".to_owned(),
            next: "set it again, or unset it".to_owned(),
        });
    }
    let mut base_url = |text: &str, place: &str| match parse_base_url(text) {
        Ok(url) => Some(url),
        Err(what) => {
            let next = "write it like https://api.evolink.ai".to_owned();
            errors.push(ConfigError { place: place.to_owned(), what, next });
            None
        }
    };
    if let Some(url) = &flags.base_url {
        settings.base_url = base_url(url, "--base-url").or(settings.base_url);
    } else if let Some(url) = env.get(variables::BASE_URL) {
        settings.base_url = base_url(url, variables::BASE_URL).or(settings.base_url);
    }

    let linear = asks_for_linear(flags, env).unwrap_or_else(|error| {
        errors.push(error);
        None
    });

    let home = env.path("HOME");
    if home.is_none() {
        let in_home = settings.paths().into_iter().filter(|(_, text)| text.starts_with("~/"));
        errors.extend(in_home.map(|(name, text)| ConfigError {
            place: name.to_owned(),
            what: format!("{text:?} begins in the home folder, and HOME is not set"),
            next: "set HOME, or write the whole path".to_owned(),
        }));
    }
    let file_folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let from_file = |text: &str| in_file_folder(text, &file_folder, home.as_deref());
    let data_dir = if let Some(folder) = &flags.data_dir {
        folder.clone()
    } else if let Some(folder) = env.path(variables::DATA_DIR) {
        folder
    } else {
        let usual = || project_folders().map(|folders| folders.data_dir().to_path_buf());
        let base = settings.data_dir.as_deref().map(&from_file).or_else(usual).unwrap_or_else(|| {
            errors.push(ConfigError {
                place: "HOME".to_owned(),
                what: format!("{NO_HOME}, so there is no usual folder for store and log"),
                next: "set HOME to the whole path of your home folder, or name a folder with --data-dir".to_owned(),
            });
            PathBuf::from("mj-enhance-data")
        });
        // Two accounts in one store would look for each other's tasks: a profile gets a folder of its own.
        match &flags.profile {
            Some(name) if !has_profile_folder => base.join("profiles").join(name),
            _ => base,
        }
    };
    let data_dir = std::path::absolute(&data_dir).unwrap_or(data_dir);
    let results_dir = settings.results_dir.as_deref().map_or_else(|| data_dir.join("results"), &from_file);
    let results_dir = std::path::absolute(&results_dir).unwrap_or(results_dir);

    let mut notes = Vec::new();
    let key = if env.get(KEY_VARIABLE).is_some() {
        if let (Some(name), true) = (&flags.profile, profile_has_key) {
            notes.push(format!("{KEY_VARIABLE} is set and used instead of the key of profile {name}"));
        }
        KeySource::Environment
    } else if let Some(file) = &settings.key_file {
        KeySource::File(from_file(file))
    } else if let Some(command) = settings.key_command.clone() {
        KeySource::Command(command)
    } else {
        KeySource::Missing
    };

    let mut named = read.named;
    for named in named.iter_mut().filter(|named| !named.is_program) {
        named.path = from_file(&named.what);
    }
    let config = Config {
        file: text.map(|_| path.to_path_buf()),
        profile: flags.profile.clone(),
        data_dir,
        results_dir,
        draft_template: settings.draft_template.unwrap_or_else(|| "drafts/{date}/{tag}/{task}-{image}.{ext}".to_owned()),
        name_template: settings.name_template.unwrap_or_else(|| "{date}/{tag}/{task}-{image}.{ext}".to_owned()),
        base_url: settings.base_url.unwrap_or_else(units::default_base_url),
        key,
        max_in_flight: settings.max_in_flight.unwrap_or(4),
        submit_gap: settings.submit_gap.unwrap_or(Duration::from_secs(1)),
        reads_per_minute: settings.reads_per_minute.unwrap_or(60),
        caps: Caps { session: settings.cap_session.and_then(|cap| cap.0), day: settings.cap_day.and_then(|cap| cap.0) },
        pause_after_failures: settings.pause_after_failures.unwrap_or(5),
        grace: settings.grace.unwrap_or(Duration::from_secs(5)),
        fetches_at_once: settings.fetches_at_once.map_or(4, |n| usize::try_from(n).unwrap_or(4)),
        callback_url: settings.callback_url,
        theme: settings.theme.unwrap_or_default(),
        color: flags.color.or(settings.color).unwrap_or_default(),
        ascii: if flags.ascii { Switch::On } else { settings.ascii.unwrap_or_default() },
        slow_link: flags.slow_link || settings.slow_link.unwrap_or(false),
        linear: linear.or(settings.linear).unwrap_or(false),
        mouse: settings.mouse.unwrap_or_default(),
        notify: settings.notify.unwrap_or_default(),
        pictures: flags.pictures.or(settings.pictures).unwrap_or_default(),
        picture_blocks: settings.picture_blocks.unwrap_or_default(),
        picture_bytes: settings.picture_bytes,
        preview_cache: settings.preview_cache.unwrap_or(200_000_000),
        hooks: Hooks {
            on_done: settings.on_done.unwrap_or_default(),
            on_failed: settings.on_failed.unwrap_or_default(),
            on_batch: settings.on_batch.unwrap_or_default(),
            timeout: settings.hook_timeout.unwrap_or(Duration::from_secs(30)),
        },
        terminal_backend: settings.terminal_backend.unwrap_or_default(),
        keys: read.keys,
        notes,
    };
    Reading { config, errors, named, profiles }
}

/// What flag or variable say of linear output; `None` where neither does.
///
/// # Errors
/// When the variable is neither a yes nor a no.
pub fn asks_for_linear(flags: &Flags, env: &Environment) -> Result<Option<bool>, ConfigError> {
    if flags.linear {
        return Ok(Some(true));
    }
    let Some(text) = env.get(variables::LINEAR) else { return Ok(None) };
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(Some(true)),
        "0" | "false" | "no" | "off" => Ok(Some(false)),
        _ => Err(ConfigError {
            place: variables::LINEAR.to_owned(),
            what: format!("is {:?}; it must be 1 or 0", job_text::shorten(&job_text::clean(text), 40)),
            next: String::new(),
        }),
    }
}

fn unknown_profile(name: &str, path: &Path, read: &file::FileContent) -> ConfigError {
    let next = match units::nearest(name, read.profiles.keys().map(String::as_str)) {
        Some(near) => format!("did you mean {near}?"),
        None if read.profiles.is_empty() => format!("add a [profiles.{name}] table to {}", path.display()),
        None => format!("the file has {}", read.profiles.keys().cloned().collect::<Vec<_>>().join(", ")),
    };
    ConfigError { place: "--profile".to_owned(), what: format!("there is no profile {name:?}"), next }
}

/// A path of the file: `~/` is the home folder, a relative one begins at the file's folder.
fn in_file_folder(text: &str, folder: &Path, home: Option<&Path>) -> PathBuf {
    match (text.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => folder.join(text),
    }
}

#[cfg(test)]
mod tests;
