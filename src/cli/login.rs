//! `login`: asks for the key without showing it, keeps it in a file that only its owner can read, names that file in the
//! configuration, and checks it.

use std::io::{BufRead as _, IsTerminal, Read as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::{ExposeSecret as _, SecretString};

use super::doctor;
use super::exit::Exit;
use super::out::Out;
use super::problem::{Outcome, Problem};
use crate::config::{self, Environment, Flags, KEY_VARIABLE, KeySource};

/// Longer than any key: more is a mix-up.
const LONGEST: u64 = 16 * 1024;

/// Asks, keeps, checks.
pub fn login(flags: &Flags, env: &Environment, out: Out, read_only: bool) -> Outcome {
    if read_only {
        return Err(Problem::input("read_only", "--read-only forbids this command", "leave --read-only out"));
    }
    let (config_path, _) = config::file_place(flags, env);
    let text = match std::fs::read_to_string(&config_path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => config::EXAMPLE.to_owned(),
        Err(error) => {
            let message = format!("{}: {error}", config_path.display());
            return Err(Problem::input("bad_config", message, "fix the file, or name another one with --config"));
        }
    };
    let key_path = beside(&config_path, flags.profile.as_deref());
    let name = key_path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let changed = set_key_file(&text, flags.profile.as_deref(), &name);
    let without_key = Environment::default();
    let reads =
        |text: &str| config::check(Some(text), &config_path, flags, &with_home(env, &without_key)).map(|config| config.key);
    // Before anything is asked for: a file that would not be understood afterwards stays as it is.
    match reads(&changed) {
        Ok(KeySource::File(file)) if same_place(&file, &key_path) => {}
        Ok(_) => {
            return Err(Problem::input(
                "bad_config",
                format!("{} names the key in a way that this command cannot change", config_path.display()),
                format!("set key_file = {name:?} there yourself, and take key_command out"),
            ));
        }
        Err(errors) => return Err(errors.into()),
    }
    let Some(key) = ask()? else { return Ok(Exit::Interrupted) };
    let key = config::check_key(key.expose_secret(), "the input")?;
    let failed = |path: &Path, error: &std::io::Error| {
        Problem::input(
            "unusable_folder",
            format!("{}: {error}", path.display()),
            "fix the folder, or name another place with --config",
        )
    };
    write_private(&key_path, &format!("{}\n", key.expose_secret())).map_err(|error| failed(&key_path, &error))?;
    if changed != text || !config_path.exists() {
        write_private(&config_path, &changed).map_err(|error| failed(&config_path, &error))?;
    }
    Out::status(&format!("Wrote the key to {} (mode 0600); key_file in {} names it.", key_path.display(), config_path.display()));
    if env.get(KEY_VARIABLE).is_some() {
        Out::status(&format!("{KEY_VARIABLE} is set and goes before it: unset it to use the key that was just written."));
    }
    doctor::doctor(flags, env, out)
}

/// The environment without the key, in which the file alone names it.
fn with_home(env: &Environment, otherwise: &Environment) -> Environment {
    env.get("HOME").map_or_else(|| otherwise.clone(), |home| Environment::of([("HOME", home)]))
}

fn same_place(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    whole(one) == whole(other)
}

/// `key` beside the configuration, `key-NAME` for a profile.
fn beside(config: &Path, profile: Option<&str>) -> PathBuf {
    config.with_file_name(profile.map_or_else(|| "key".to_owned(), |name| format!("key-{name}")))
}

/// Writes a file that only its owner can read: whole or not at all, and in the place that a link leads to.
fn write_private(path: &Path, content: &str) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // Made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

/// The configuration with `key_file` set, in the table of a profile where one is named; all other lines stay. An option that
/// names the key in another way is left for the check of the result to find.
fn set_key_file(text: &str, profile: Option<&str>, name: &str) -> String {
    let line = format!("key_file = {name:?}");
    let header = profile.map(|profile| format!("[profiles.{profile}]"));
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let is_header = |line: &str| line.trim_start().starts_with('[');
    let begin = match &header {
        None => Some(0),
        Some(header) => lines.iter().position(|line| line.trim() == header).map(|at| at + 1),
    };
    match begin {
        None => {
            lines.extend([String::new(), header.unwrap_or_default(), line]);
        }
        Some(begin) => {
            let end = lines[begin..].iter().position(|line| is_header(line)).map_or(lines.len(), |at| begin + at);
            let sets = |line: &String| {
                let rest = line.trim_start().strip_prefix("key_file");
                rest.is_some_and(|rest| rest.trim_start().starts_with('='))
            };
            match lines[begin..end].iter().position(sets) {
                Some(at) => lines[begin + at] = line,
                // Above the first comment of a file without it would be above its title.
                None => lines.insert(if header.is_some() { begin } else { end }, line),
            }
        }
    }
    lines.join("\n") + "\n"
}

/// Reads one line: from a terminal without showing it, else as it is. `None` when the user breaks off.
fn ask() -> Result<Option<SecretString>, Problem> {
    let stdin = std::io::stdin();
    let unread =
        |error: std::io::Error| Problem::input("stdin", format!("the key cannot be read: {error}"), "try again on a terminal");
    if !stdin.is_terminal() {
        let mut line = String::new();
        stdin.lock().take(LONGEST).read_line(&mut line).map_err(unread)?;
        return Ok(Some(line.into()));
    }
    let typed = {
        // Hidden before the question stands there: what is typed at once must not be shown either.
        let _hidden = Hidden::begin().map_err(|error| unread(error.into()))?;
        let question = "EvoLink API key (from https://evolink.ai/dashboard/keys; it is not shown): ";
        let _ = write!(std::io::stderr().lock(), "{question}");
        type_line(&mut stdin.lock()).map_err(unread)?
    };
    Out::status("");
    Ok(typed.map(SecretString::from))
}

/// One line of keys: Enter ends it, Backspace and Ctrl+u take back, Ctrl+c and Ctrl+d break off.
fn type_line(keys: &mut impl std::io::BufRead) -> std::io::Result<Option<String>> {
    let mut typed = Vec::new();
    for byte in keys.take(LONGEST).bytes() {
        match byte? {
            b'\r' | b'\n' => return Ok(Some(String::from_utf8_lossy(&typed).into_owned())),
            0x03 => return Ok(None),
            0x04 if typed.is_empty() => return Ok(None),
            0x08 | 0x7f => drop(typed.pop()),
            0x15 => typed.clear(),
            byte => typed.push(byte),
        }
    }
    Ok(None)
}

/// A terminal that does not show what is typed, until this is dropped or a signal ends the program.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> rustix::io::Result<Self> {
        let before = tcgetattr(std::io::stdin())?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        let restore = before.clone();
        // Told to leave meanwhile, the shell must not be left without its echo.
        if let Ok(mut signals) = signal_hook::iterator::Signals::new([signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP])
        {
            std::thread::spawn(move || {
                if signals.forever().next().is_some() {
                    let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &restore);
                    std::process::exit(i32::from(Exit::Interrupted.code()));
                }
            });
        }
        // What was typed before the question stood there is dropped.
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &hidden)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_typed_with_corrections_and_broken_off() {
        let typed = |keys: &str| type_line(&mut keys.as_bytes()).unwrap();
        assert_eq!(typed("sk-ab\x7fc\r").as_deref(), Some("sk-ac"));
        assert_eq!(typed("wrong\x15sk-x\n").as_deref(), Some("sk-x"));
        assert_eq!(typed("sk-\x03"), None);
        assert_eq!(typed("\x04"), None);
    }

    #[test]
    fn key_file_is_set_in_its_table_and_nothing_else_changes() {
        let example = set_key_file(config::EXAMPLE, None, "key");
        let changed: Vec<(&str, &str)> =
            config::EXAMPLE.lines().zip(example.lines()).filter(|(before, after)| before != after).collect();
        assert_eq!(changed, [("key_file = \"\"", "key_file = \"key\"")]);
        assert_eq!(set_key_file("theme = \"dark\"\n[keys]\n", None, "key"), "theme = \"dark\"\nkey_file = \"key\"\n[keys]\n");
        let profile = "key_file = \"a\"\n[profiles.work]\ncap_day = 3\n[keys]\n";
        assert_eq!(
            set_key_file(profile, Some("work"), "key-work"),
            "key_file = \"a\"\n[profiles.work]\nkey_file = \"key-work\"\ncap_day = 3\n[keys]\n"
        );
        assert_eq!(set_key_file("", Some("new"), "key-new"), "\n[profiles.new]\nkey_file = \"key-new\"\n");
    }
}
