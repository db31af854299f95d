//! What happens before and around a command: no core files, error reports, the log file, the runtime.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::problem::Problem;
use crate::config::{Config, Environment};

/// A log larger than this is put aside at the next start; one old one is kept.
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
        .panic_section("This is a fault of mj-enhance. Jobs that were sent go on, and nothing is sent twice: start it again.")
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
    let file = open_log(&path).map_err(|error| {
        Problem::input(
            "unusable_folder",
            format!("the log {} cannot be written: {error}", path.display()),
            "mend the folder, or name another one with --data-dir",
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

fn open_log(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    if std::fs::metadata(path).is_ok_and(|meta| meta.len() > LOG_LIMIT) {
        std::fs::rename(path, path.with_extension("log.old"))?;
    }
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
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
        drop(open_log(&path).unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
        assert!(path.with_extension("log.old").exists());
    }
}
