//! `login`: asks for the key without showing it, keeps it in a file that only its owner can read, names that file in the
//! configuration, and checks it.

use std::io::{BufRead as _, IsTerminal, Read as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::{ExposeSecret as _, SecretString};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::config_set::{with_option, write_private};
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
    let config_path = config::place_to_write(flags, env)?;
    let text = match config::file_text(&config_path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => config::EXAMPLE.to_owned(),
        Err(error) => {
            let message = format!("{}: {error}", config_path.display());
            return Err(Problem::input("bad_config", message, "fix the file, or name another one with --config"));
        }
    };
    let key_path = beside(&config_path, flags.profile.as_deref());
    let name = key_path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let changed = with_option(&text, flags.profile.as_deref(), "key_file", &format!("{name:?}"));
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
    doctor::doctor_of_key(flags, env, out)
}

/// The environment without the key, in which the file alone names it.
fn with_home(env: &Environment, otherwise: &Environment) -> Environment {
    env.path("HOME").map_or_else(|| otherwise.clone(), |home| Environment::of([("HOME", home)]))
}

fn same_place(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    whole(one) == whole(other)
}

/// `key` beside the configuration, `key-NAME` for a profile.
fn beside(config: &Path, profile: Option<&str>) -> PathBuf {
    config.with_file_name(profile.map_or_else(|| "key".to_owned(), |name| format!("key-{name}")))
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
        if let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGTERM, SIGHUP, SIGINT, SIGQUIT]) {
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
}
