//! The configuration file: reading it for every command, and `config init`, `check`, `path`, `edit`.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::exit::Exit;
use super::json::SCHEMA;
use super::out::Out;
use super::problem::{Outcome, Problem};
use crate::config::{
    self, Config, ConfigError, ConfigErrors, Environment, Flags, KEY_VARIABLE, KeyLine, KeyMistake, KeySource, Named,
};
use crate::job::Credits;
use crate::store::{Access, Store};
use crate::tui::Keymap;

/// What every command reads first.
///
/// # Errors
/// All mistakes of file, variables and flags, the names of keys included.
pub fn load(flags: &Flags, env: &Environment) -> Result<Config, ConfigErrors> {
    config::load(flags, env, &key_mistakes)
}

/// Every unknown action, unknown key and clash under `[keys]`.
fn key_mistakes(lines: &[KeyLine]) -> Vec<KeyMistake> {
    let wrong = keymap(lines).err().unwrap_or_default();
    wrong
        .into_iter()
        .map(|wrong| {
            // A question is a next step itself.
            let next = if wrong.what.ends_with('?') { "" } else { "press ? in the dashboard for every action and its key" };
            KeyMistake { line: wrong.line, action: wrong.action, what: wrong.what, next: next.to_owned() }
        })
        .collect()
}

/// The keys with the user's changes.
///
/// # Errors
/// As [`key_mistakes`].
pub fn keymap(lines: &[KeyLine]) -> Result<Keymap, Vec<crate::tui::KeymapError>> {
    let overrides: Vec<(&str, Vec<String>, usize)> =
        lines.iter().map(|key| (key.action.as_str(), key.keys.clone(), key.line)).collect();
    Keymap::with_overrides(&overrides)
}

fn forbid(read_only: bool) -> Result<(), Problem> {
    if read_only {
        return Err(Problem::input("read_only", "--read-only forbids this command", "leave --read-only out"));
    }
    Ok(())
}

/// Makes a new file that only its owner can read, with its folder.
///
/// # Errors
/// When there is one already, or it cannot be made.
pub fn create(path: &Path, content: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content.as_bytes()).inspect_err(|_| {
        // A part of it (a full disk) would be read as the whole later.
        let _ = std::fs::remove_file(path);
    })
}

/// Writes the example where the configuration is looked for, unless a file is there.
pub fn init(flags: &Flags, env: &Environment, out: Out, read_only: bool) -> Outcome {
    forbid(read_only)?;
    let path = config::place_to_write(flags, env)?;
    create(&path, config::EXAMPLE).map_err(|error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            Problem::input(
                "exists",
                format!("{} exists and was left as it is", path.display()),
                "check it with `mj-enhance config check`, or name another place with --config",
            )
        } else {
            unusable(&path, &error)
        }
    })?;
    out.object(&json!({ "schema": SCHEMA, "config": path.to_string_lossy() }))?;
    out.line(&format!("Wrote {} (every option, default values).", path.display()))?;
    Ok(Exit::Ok)
}

fn unusable(path: &Path, error: &std::io::Error) -> Problem {
    Problem::input("unusable_folder", format!("{}: {error}", path.display()), "name another place with --config")
}

/// Prints where the configuration is looked for.
pub fn path(flags: &Flags, env: &Environment, out: Out) -> Outcome {
    let path = config::place_to_write(flags, env)?;
    out.object(&json!({ "schema": SCHEMA, "config": path.to_string_lossy(), "exists": path.exists() }))?;
    out.line(&path.display().to_string())?;
    Ok(Exit::Ok)
}

/// Opens the file in the user's editor, made where it is missing, and checks it afterwards.
pub fn edit(flags: &Flags, env: &Environment, out: Out, read_only: bool) -> Outcome {
    forbid(read_only)?;
    let path = config::place_to_write(flags, env)?;
    match create(&path, config::EXAMPLE) {
        Ok(()) => Out::status(&format!("Wrote {} (every option, default values).", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(unusable(&path, &error)),
    }
    // Its bytes as they are: a path need not be text.
    let editor = env.path("VISUAL").or(env.path("EDITOR")).unwrap_or_else(|| PathBuf::from("vi"));
    let failed = |why: String| {
        Problem::input(
            "editor",
            format!("the editor {:?} {why}", editor.to_string_lossy()),
            "set VISUAL or EDITOR to your editor, then try again",
        )
    };
    // By the shell, since the variable may hold arguments too.
    let status = Command::new("/bin/sh")
        .arg("-c")
        .arg({
            let mut script = editor.clone().into_os_string();
            script.push(" \"$1\"");
            script
        })
        .arg("sh")
        .arg(&path)
        .env_remove(KEY_VARIABLE)
        .status()
        .map_err(|error| failed(format!("cannot be started: {error}")))?;
    if !status.success() {
        return Err(failed(format!("ended with {status}; what it saved was not checked")));
    }
    check(flags, env, out)
}

/// Reports every mistake at once, what the file names and is not there included; else what counts.
pub fn check(flags: &Flags, env: &Environment, out: Out) -> Outcome {
    let mut reading = config::read(flags, env, &key_mistakes)?;
    let (path, _) = config::file_place(flags, env);
    let missing: Vec<(usize, ConfigError)> =
        reading.named.iter().filter_map(|named| Some((named.line, absent(named, &path, env)?))).collect();
    // Beside the other mistakes of the file, in the order of its lines.
    for (line, error) in missing {
        let prefix = |error: &ConfigError| line_of(&error.place, &path);
        let at = reading.errors.iter().position(|other| prefix(other).is_none_or(|other| other > line));
        reading.errors.insert(at.unwrap_or(reading.errors.len()), error);
    }
    if !reading.errors.is_empty() {
        return Err(ConfigErrors(reading.errors).into());
    }
    for note in &reading.config.notes {
        Out::status(&format!("mj-enhance: {note}"));
    }
    tell(&reading.config, out.linear(reading.config.linear))
}

/// The line of a place in the file.
fn line_of(place: &str, path: &Path) -> Option<usize> {
    let rest = place.strip_prefix(&path.display().to_string())?.strip_prefix(':')?;
    rest.split(':').next()?.parse().ok()
}

/// What is wrong with a key file or a program that the file names.
fn absent(named: &Named, path: &Path, env: &Environment) -> Option<ConfigError> {
    let place = format!("{}:{}: {}", path.display(), named.line, named.option);
    if !named.is_program {
        let error = KeySource::File(named.path.clone()).read(env).err()?;
        return Some(ConfigError { place, what: error.what, next: error.next });
    }
    let found = if named.what.contains('/') {
        is_program(&named.path)
    } else {
        let folders = env.path("PATH").unwrap_or_else(|| PathBuf::from("/usr/bin:/bin"));
        std::env::split_paths(&folders).any(|folder| is_program(&folder.join(&named.what)))
    };
    (!found).then(|| ConfigError {
        place,
        what: format!("there is no program {:?}", crate::job::text::clean(&named.what)),
        next: "fix its name, or write its whole path".to_owned(),
    })
}

fn is_program(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// A cap with where it comes from: the dashboard's goes before the file's.
#[expect(clippy::option_option, reason = "as the store keeps it: not set in the dashboard, or set there to a cap or to none")]
fn cap(set: Option<Option<Credits>>, file: Option<Credits>) -> (Option<Credits>, &'static str, String) {
    let words = |cap: Option<Credits>| cap.map_or_else(|| "none".to_owned(), |amount| format!("{amount} credits"));
    match set {
        Some(cap) => (cap, "dashboard", format!("{} (set in the dashboard; file: {})", words(cap), words(file))),
        None => (file, "file", words(file)),
    }
}

fn tell(config: &Config, out: Out) -> Outcome {
    // A store that cannot be read is the matter of `doctor`.
    let store = Store::open(&config.data_dir, Access::ReadOnly).and_then(|store| store.settings()).unwrap_or_default();
    let session = cap(store.cap_session, config.caps.session);
    let day = cap(store.cap_day, config.caps.day);
    out.object(&json!({
        "schema": SCHEMA,
        "config": config.file.as_ref().map(|file| file.to_string_lossy()),
        "profile": config.profile,
        "data_dir": config.data_dir.to_string_lossy(),
        "results_dir": config.results_dir.to_string_lossy(),
        "base_url": config.base_url.as_str(),
        "key": config.key.words(),
        "cap_session": session.0.map(|amount| amount.to_string()),
        "cap_session_from": session.1,
        "cap_day": day.0.map(|amount| amount.to_string()),
        "cap_day_from": day.1,
    }))?;
    if out.json {
        return Ok(Exit::Ok);
    }
    match &config.file {
        Some(file) => out.line(&format!("{} is in order.", file.display()))?,
        None => out.line("There is no configuration file; defaults are used. `mj-enhance config init` writes one.")?,
    }
    for (name, value) in [
        ("profile", config.profile.clone().unwrap_or_else(|| "none".to_owned())),
        ("service", config.base_url.to_string()),
        ("key", config.key.words()),
        ("data", config.data_dir.display().to_string()),
        ("results", config.results_dir.display().to_string()),
        ("cap_session", session.2),
        ("cap_day", day.2),
    ] {
        out.field(name, 12, &value)?;
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example with each of its commented lines uncommented, one at a time, as `config init` writes it.
    #[test]
    fn every_commented_line_of_the_example_may_be_uncommented() {
        let lines: Vec<&str> = config::EXAMPLE.lines().collect();
        let is_setting = |text: &str| {
            let name = text.split(" = ").next().unwrap_or_default();
            text.starts_with('[') || (text.contains(" = ") && !name.contains(' '))
        };
        let mut tried = 0;
        for (index, line) in lines.iter().enumerate() {
            let Some(setting) = line.strip_prefix("# ").filter(|text| is_setting(text)) else { continue };
            tried += 1;
            let mut changed = lines.clone();
            changed[index] = setting;
            let (path, flags, env) = (Path::new("c.toml"), Flags::default(), Environment::default());
            let config = config::check(Some(&changed.join("\n")), path, &flags, &env)
                .unwrap_or_else(|errors| panic!("{setting}: {errors}"));
            assert_eq!(key_mistakes(&config.keys), [], "{setting}");
        }
        assert!(tried >= 3, "there are lines to uncomment");
    }
}
