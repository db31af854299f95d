//! What happens before and around a command: no core files, error reports, the log file, the runtime.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::problem::Problem;
use crate::config::{Config, Environment};

/// A log that grows beyond this is put aside; one old one is kept.
const LOG_LIMIT: u64 = 10 * 1024 * 1024;

/// How many lines may wait for the disk; more at once are dropped. The room for all of them is made at the start, and for the
/// 128,000 that it would be otherwise that is 4 MB and a fifth of the processor time to the first frame.
const LINES_MOST: usize = 4_096;

/// Sees to it that memory, which holds the key, is never written to a core file.
pub fn no_core_files() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    // Lowering a limit is always allowed; where it is not known there are no core files either.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// Whether a signal was ignored when this process began (or is now): asked of the kernel where it tells, else `false`.
pub fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Sees to it that a limit on file sizes (`ulimit -f`) is an error of the write that meets it, as a full disk is, and does
/// not end the process in the middle of a paid request. Programs that are started from here get the usual way back.
pub fn survive_file_limits() {
    // Where no handler can be set, all stays as it was.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, std::sync::Arc::default());
}

/// The log file in use, for the report of a panic.
static LOG: OnceLock<PathBuf> = OnceLock::new();

/// Keeps the log's writer alive until the program ends.
static LOG_GUARD: OnceLock<WorkerGuard> = OnceLock::new();

/// Sets up the reports for errors and panics: plain words, no environment, no source text.
///
/// # Errors
/// When they are set up already.
pub fn install_reports(env: &Environment) -> color_eyre::Result<()> {
    use std::io::IsTerminal;
    let plain = env.get("NO_COLOR").is_some() || env.get("TERM") == Some("dumb") || !std::io::stderr().is_terminal();
    let theme = if plain { color_eyre::config::Theme::new() } else { color_eyre::config::Theme::dark() };
    color_eyre::config::HookBuilder::default()
        .theme(theme)
        .display_env_section(false)
        .panic_section("This is a bug in mj-enhance. Running jobs continue, and nothing is sent twice: start it again.")
        .install()?;
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        tracing::error!("panic: {info}");
        report(info);
        if let Some(log) = LOG.get() {
            super::out::Out::status(&format!("The log is {}", log.display()));
        }
    }));
    Ok(())
}

/// Sends the log to a file in the data folder that only its owner can read. A second call changes nothing.
///
/// # Errors
/// When the file cannot be opened.
pub fn log_to(config: &Config, verbose: u8) -> Result<(), Problem> {
    let path = config.data_dir.join("mj-enhance.log");
    if LOG.get().is_some() {
        return Ok(());
    }
    let file = Log::open(&path, LOG_LIMIT).map_err(|error| {
        Problem::input(
            "unusable_folder",
            format!("the log {} cannot be written: {error}", path.display()),
            if error.kind() == std::io::ErrorKind::InvalidInput {
                "move it away, or name another folder with --data-dir"
            } else {
                "fix the folder, or name another one with --data-dir"
            },
        )
    })?;
    let (writer, guard) = NonBlockingBuilder::default().buffered_lines_limit(LINES_MOST).finish(file);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    let log = tracing_subscriber::registry().with(lines).with(wanted(verbose));
    if log.try_init().is_ok() {
        let _ = LOG.set(path);
        let _ = LOG_GUARD.set(guard);
        tracing::info!(version = env!("CARGO_PKG_VERSION"), pid = std::process::id(), "start");
    }
    Ok(())
}

/// What is written to the log. Other crates stay at warnings: their finer words may show headers.
fn wanted(verbose: u8) -> Targets {
    let ours = match verbose {
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    Targets::new().with_default(LevelFilter::WARN).with_target("mj_enhance", ours)
}

/// The log file with its limit. A dashboard may run for weeks.
struct Log {
    path: PathBuf,
    file: File,
    size: u64,
    limit: u64,
}

impl Log {
    fn open(path: &Path, limit: u64) -> std::io::Result<Self> {
        let file = open_log(path)?;
        let size = file.metadata()?.len();
        let mut log = Self { path: path.to_owned(), file, size, limit };
        log.put_aside()?;
        Ok(log)
    }

    /// Goes on in a new file when this one is full.
    fn put_aside(&mut self) -> std::io::Result<()> {
        if self.size <= self.limit {
            return Ok(());
        }
        // Several processes write to one log: the first to notice has put it aside, and the others only follow.
        let now_there = std::fs::metadata(&self.path).map(|about| about.len()).unwrap_or_default();
        if now_there > self.limit {
            std::fs::rename(&self.path, self.path.with_extension("log.old"))?;
        }
        self.file = open_log(&self.path)?;
        self.size = self.file.metadata()?.len();
        Ok(())
    }
}

impl std::io::Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        // What cannot be put aside goes on growing: a line too many is better than one too few.
        if self.put_aside().is_err() {
            self.size = 0;
        }
        let written = self.file.write(line)?;
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

fn open_log(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::APPEND | rustix::fs::OFlags::CREATE;
    let file = crate::store::open_own(path, flags)?;
    // A file of an earlier time may be open to others.
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

/// A small runtime for a command that asks the service a few things.
///
/// # Errors
/// When the system gives no threads or descriptors.
pub fn runtime() -> Result<tokio::runtime::Runtime, Problem> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Problem::input("system", format!("the system gives no room to work: {error}"), "close other programs, then try again")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_process_leaves_no_core_file_and_shows_its_memory_to_nobody() {
        use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};
        no_core_files();
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
    }

    #[test]
    fn the_log_is_closed_to_others_even_if_it_was_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/mj-enhance.log");
        drop(open_log(&path).unwrap());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        drop(open_log(&path).unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn other_crates_say_no_more_than_warnings_whatever_is_asked_for() {
        use tracing::Level;
        for (verbose, most) in [(0, Level::INFO), (1, Level::DEBUG), (2, Level::TRACE), (9, Level::TRACE)] {
            let wanted = wanted(verbose);
            assert!(wanted.would_enable("hyper::proto", &Level::WARN) && !wanted.would_enable("hyper::proto", &Level::INFO));
            assert!(wanted.would_enable("mj_enhance::engine", &most));
            assert_eq!(wanted.would_enable("mj_enhance", &Level::TRACE), most == Level::TRACE);
        }
    }

    #[test]
    fn a_long_log_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mj-enhance.log");
        File::create(&path).unwrap().set_len(LOG_LIMIT + 1).unwrap();
        drop(Log::open(&path, LOG_LIMIT).unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
        assert!(path.with_extension("log.old").exists());
    }

    #[test]
    fn a_log_that_grows_while_the_program_runs_keeps_to_twice_its_limit_and_its_last_lines() {
        use std::io::Write as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mj-enhance.log");
        // Two processes, one log.
        let mut logs = [Log::open(&path, 100).unwrap(), Log::open(&path, 100).unwrap()];
        for n in 0..200 {
            writeln!(logs[n % 2], "line {n}").unwrap();
        }
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        let (now, old) = (read(&path), read(&path.with_extension("log.old")));
        assert!(now.len() <= 250 && old.len() <= 250, "{} {}", now.len(), old.len());
        assert!(format!("{old}{now}").contains("line 199"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "one old one");
    }
}
