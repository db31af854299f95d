//! The API key: where it is, and how it is read without anybody else seeing it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use secrecy::SecretString;

use super::Environment;

/// The variable that may hold the key. No child process gets it.
pub const KEY_VARIABLE: &str = "EVOLINK_API_KEY";

/// How long a key command may take; long enough to unlock a password store by hand.
const COMMAND_LIMIT: Duration = Duration::from_mins(1);

/// How often it is looked at whether a key command has ended: the standard library has no wait for a program's end that also
/// ends at a time limit.
const STEP: Duration = Duration::from_millis(10);
/// and how long the rest of its output may take to arrive after that.
const REST: Duration = Duration::from_millis(500);

/// No key is longer than this; more is a mix-up.
const LONGEST: u64 = 16 * 1024;

/// Where the key is found. Never the key itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeySource {
    /// `EVOLINK_API_KEY`.
    Environment,
    /// `key_file`: readable by its owner only.
    File(PathBuf),
    /// `key_command`: what it prints.
    Command(Vec<String>),
    /// Nowhere.
    Missing,
}

/// Why there is no key. The sentence says what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what}; {next}")]
pub struct KeyError {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub next: String,
}

fn error(what: impl Into<String>, next: impl Into<String>) -> KeyError {
    KeyError { what: what.into(), next: next.into() }
}

impl KeySource {
    /// The source in words, for `doctor`.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Environment => format!("the variable {KEY_VARIABLE}"),
            Self::File(path) => format!("key_file {}", shell_quoted(path)),
            Self::Command(argv) => format!("key_command {}", argv.first().map_or("", String::as_str)),
            Self::Missing => "not set".to_owned(),
        }
    }

    /// Reads the key.
    ///
    /// # Errors
    /// When there is none, the file is open to others, the command fails or takes over a minute, or the text cannot be a key.
    pub fn read(&self, env: &Environment) -> Result<SecretString, KeyError> {
        let (text, from) = match self {
            Self::Environment => (env.get(KEY_VARIABLE).unwrap_or_default().to_owned(), KEY_VARIABLE.to_owned()),
            Self::File(path) => (read_file(path)?, format!("key_file {}", shell_quoted(path))),
            Self::Command(argv) => (run(argv, COMMAND_LIMIT)?, "key_command".to_owned()),
            Self::Missing => {
                return Err(error(
                    "there is no API key",
                    format!("run `mj-enhance login`, or set {KEY_VARIABLE}; `mj-enhance --demo` needs none"),
                ));
            }
        };
        check_key(&text, &from)
    }
}

/// Checks what shall be the key: one word of ordinary characters. `from` names its place in the message, which never shows it.
///
/// # Errors
/// When it is empty, too long, or cannot be a key.
pub fn check_key(text: &str, from: &str) -> Result<SecretString, KeyError> {
    let key = text.trim();
    if key.is_empty() {
        return Err(error(format!("{from} holds no key"), "put the key there, on one line"));
    }
    if key.len() as u64 >= LONGEST || !key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(error(
            format!("what {from} holds cannot be a key: it has several lines, a space or an unusual character, or is too long"),
            "put the key alone there, on one line",
        ));
    }
    Ok(SecretString::from(key.to_owned()))
}

fn read_file(path: &Path) -> Result<String, KeyError> {
    let shown = shell_quoted(path);
    let unreadable = |why: &dyn std::fmt::Display| {
        error(format!("key_file {shown} cannot be read: {why}"), "fix the file, or set key_file to another one")
    };
    // Not blocking: a pipe in its place would wait for a writer before it could be told from a file.
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, rustix::fs::Mode::empty()).map_err(|why| unreadable(&why))?;
    let file = std::fs::File::from(file);
    // Asked of the open file, so that nobody can swap it between look and read.
    let stat = rustix::fs::fstat(&file).map_err(|why| unreadable(&why))?;
    if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() {
        return Err(unreadable(&"it is not an ordinary file"));
    }
    if stat.st_mode & 0o077 != 0 {
        return Err(error(
            format!("key_file {shown} can be used by others (mode {:04o})", stat.st_mode & 0o7777),
            format!("close it with `chmod 600 {}`", shell_quoted(path)),
        ));
    }
    let me = rustix::process::geteuid();
    if stat.st_uid != me.as_raw() {
        return Err(error(
            format!("key_file {shown} belongs to another user (uid {})", stat.st_uid),
            format!("make it yours with `chown {} {}`, then check that the key is still secret", me.as_raw(), shell_quoted(path)),
        ));
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(|why| unreadable(&why))?;
    Ok(text)
}

/// A path as a shell takes it.
#[must_use]
pub fn shell_quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | ':' | '@' | ',' | '=');
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

fn run(argv: &[String], limit: Duration) -> Result<String, KeyError> {
    let program = argv.first().map_or("", String::as_str);
    let next = "try the command by hand, then fix key_command";
    let mut child = Command::new(program)
        .args(argv.iter().skip(1))
        .env_remove(KEY_VARIABLE)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // What it says to people goes to people; only its output is the key.
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|why| error(format!("key_command {program:?} cannot be started: {why}"), next))?;
    let text = Arc::new(Mutex::new(Vec::new()));
    let (tell, told) = mpsc::channel::<()>();
    if let Some(output) = child.stdout.take() {
        let text = Arc::clone(&text);
        std::thread::spawn(move || {
            let mut output = output.take(LONGEST);
            let mut buffer = [0; 1024];
            while let Ok(n @ 1..) = output.read(&mut buffer) {
                text.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..n]);
            }
            drop(tell);
        });
    }
    // The command's end counts and not that of its pipe, which a helper that it leaves behind may hold open.
    let begun = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if begun.elapsed() < limit => std::thread::sleep(STEP),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(error(format!("key_command {program:?} took longer than {} s and was ended", limit.as_secs()), next));
            }
            Err(why) => return Err(error(format!("key_command {program:?}: {why}"), next)),
        }
    };
    // What it wrote before it ended is in the pipe; without a helper the pipe ends at once.
    let _ = told.recv_timeout(REST);
    let text = std::mem::take(&mut *text.lock().unwrap_or_else(PoisonError::into_inner));
    if !status.success() {
        return Err(error(format!("key_command {program:?} failed ({status})"), next));
    }
    String::from_utf8(text).map_err(|_| error(format!("what key_command {program:?} prints is not text"), next))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use secrecy::ExposeSecret;

    use super::*;

    fn argv(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_key_file_must_be_closed_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my key");
        std::fs::write(&path, "sk-test-1234\n").unwrap();
        for mode in [0o640, 0o604, 0o660, 0o644] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let wrong = KeySource::File(path.clone()).read(&Environment::default()).unwrap_err().to_string();
            assert!(wrong.contains("chmod 600 '") && wrong.contains(&format!("{mode:04o}")), "{wrong}");
            assert!(!wrong.contains("sk-test"), "{wrong}");
        }
        for mode in [0o600, 0o400] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let key = KeySource::File(path.clone()).read(&Environment::default()).unwrap();
            assert_eq!(key.expose_secret(), "sk-test-1234");
        }
    }

    #[test]
    fn a_key_command_gives_its_trimmed_output_and_never_sees_the_variable() {
        let key = run(&argv(&["sh", "-c", "echo '  sk-test-5678  '"]), COMMAND_LIMIT).unwrap();
        assert_eq!(key.trim(), "sk-test-5678");
        let shown = run(&argv(&["sh", "-c", "echo [${EVOLINK_API_KEY-unset}]"]), COMMAND_LIMIT).unwrap();
        assert_eq!(shown.trim(), "[unset]");
    }

    #[test]
    fn a_helper_that_a_key_command_leaves_behind_is_not_waited_for() {
        let begun = Instant::now();
        let key = run(&argv(&["sh", "-c", "sleep 100 & echo sk-test-9012"]), COMMAND_LIMIT).unwrap();
        assert_eq!(key.trim(), "sk-test-9012");
        assert!(begun.elapsed() < COMMAND_LIMIT / 2, "the helper was waited for");
    }

    #[test]
    fn a_pipe_in_place_of_a_key_file_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg("-m600").arg(&path).status().unwrap().success());
        let wrong = KeySource::File(path).read(&Environment::default()).unwrap_err().to_string();
        assert!(wrong.contains("not an ordinary file"), "{wrong}");
    }

    #[test]
    fn a_key_command_that_fails_or_hangs_is_a_sentence() {
        let failed = run(&argv(&["false"]), COMMAND_LIMIT).unwrap_err().to_string();
        assert!(failed.contains("failed"), "{failed}");
        let missing = run(&argv(&["/no/such/program"]), COMMAND_LIMIT).unwrap_err().to_string();
        assert!(missing.contains("cannot be started"), "{missing}");
        let slow = run(&argv(&["sleep", "60"]), Duration::from_millis(20)).unwrap_err().to_string();
        assert!(slow.contains("took longer"), "{slow}");
    }

    #[test]
    fn what_cannot_be_a_key_is_refused_without_showing_it() {
        let env = Environment::of([(KEY_VARIABLE, "sk-one two")]);
        let wrong = KeySource::Environment.read(&env).unwrap_err().to_string();
        assert!(wrong.contains("cannot be a key") && !wrong.contains("sk-one"), "{wrong}");
        let missing = KeySource::Missing.read(&env).unwrap_err().to_string();
        assert!(missing.contains("EVOLINK_API_KEY") && missing.contains("--demo"), "{missing}");
        assert!(!format!("{env:?}").contains("sk-one"));
    }
}
