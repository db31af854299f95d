//! `doctor`: checks everything a first run can stumble over. Nothing is paid and nothing is changed.

use std::io::IsTerminal;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use url::Url;

use super::context::STORE_FILE;
use super::environment;
use super::exit::Exit;
use super::json::SCHEMA;
use super::out::{Out, Paint};
use super::problem::{Outcome, Problem};
use super::start;
use crate::api::{Client, ClientOptions, ListQuery, Service};
use crate::config::{self, Config, Environment, Flags, KeySource};
use crate::http::ProxySettings;
use crate::store::{Access, AccountCheck, Store};
use crate::tui::width::columns;

/// Less free space than this is worth a word: about a hundred pictures.
const LITTLE_SPACE: u64 = 500 * 1024 * 1024;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Good,
    Note,
    Bad(Exit),
}

struct Check {
    name: &'static str,
    verdict: Verdict,
    found: String,
    next: String,
}

struct Report(Vec<Check>);

impl Report {
    fn good(&mut self, name: &'static str, found: impl Into<String>) {
        self.0.push(Check { name, verdict: Verdict::Good, found: found.into(), next: String::new() });
    }
    fn note(&mut self, name: &'static str, found: impl Into<String>, next: impl Into<String>) {
        self.0.push(Check { name, verdict: Verdict::Note, found: found.into(), next: next.into() });
    }
    fn bad(&mut self, name: &'static str, problem: Problem) {
        self.0.push(Check { name, verdict: Verdict::Bad(problem.exit), found: problem.message, next: problem.next });
    }
}

/// Columns before what was found.
const MARGIN: u16 = 21;

/// Checks everything, tells everything, and gives the code of what is worst.
///
/// # Errors
/// When stdout cannot be written.
pub fn doctor(flags: &Flags, env: &Environment, out: Out) -> Outcome {
    let (report, linear) = report(flags, env);
    tell(&report, out.linear(linear), |_| true)
}

/// The same for somebody who has just typed the key: without what is said of the terminal, which would push the rest off it.
/// With `--json` everything is told.
///
/// # Errors
/// When stdout cannot be written.
pub fn doctor_of_key(flags: &Flags, env: &Environment, out: Out) -> Outcome {
    let (report, linear) = report(flags, env);
    let exit = tell(&report, out.linear(linear), |check| !matches!(check.name, "terminal" | "tmux"))?;
    if exit == Exit::Ok {
        Out::status("Next: `mj-enhance config set cap_day 100` sets a cap, `mj-enhance` starts.");
    }
    Ok(exit)
}

/// What was found, and whether it is read aloud.
fn report(flags: &Flags, env: &Environment) -> (Report, bool) {
    let mut report = Report(Vec::new());
    let loaded = super::config_file::load(flags, env);
    match &loaded {
        Ok(config) => {
            let file = config.file.as_ref().map_or_else(
                || format!("no file at {}, defaults are used", config::file_place(flags, env).0.display()),
                |file| format!("{} is in order", file.display()),
            );
            report.good("configuration", file);
            for note in &config.notes {
                report.note("configuration", note.clone(), "");
            }
            let key = service(config, env, &mut report);
            disk("data folder", &config.data_dir, &mut report);
            disk("results", &config.results_dir, &mut report);
            others(config, &mut report);
            store(config, key.as_ref(), &mut report);
        }
        Err(errors) => {
            for error in &errors.0 {
                report.bad("configuration", config::ConfigErrors(vec![error.clone()]).into());
            }
        }
    }
    terminal(loaded.as_ref().ok(), env, &mut report);
    tmux(env, &mut report);
    let linear =
        loaded.map_or_else(|_| config::asks_for_linear(flags, env).ok().flatten().unwrap_or(false), |config| config.linear);
    (report, linear)
}

/// A text in the lines that a terminal has room for right of the margin; elsewhere one line, for other programs.
fn in_lines(said: &str) -> String {
    let stdout = std::io::stdout();
    let wide = rustix::termios::tcgetwinsize(&stdout).ok().filter(|_| stdout.is_terminal()).map(|size| size.ws_col);
    folded(said, wide.map_or(u16::MAX, |wide| wide.saturating_sub(MARGIN)))
}

/// Breaks at spaces only: a path stays whole, to be copied.
fn folded(said: &str, room: u16) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in said.split(' ') {
        match lines.last_mut() {
            Some(line) if columns(line).saturating_add(1).saturating_add(columns(word)) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join(&format!("\n{}", " ".repeat(usize::from(MARGIN))))
}

/// A check as it is read aloud.
fn sentence(check: &Check) -> String {
    let verdict = match check.verdict {
        Verdict::Good => "ok",
        Verdict::Note => "note",
        Verdict::Bad(_) => "bad",
    };
    let next = if check.next.is_empty() { String::new() } else { format!(" Next: {}.", check.next) };
    format!("{}: {verdict}, {}.{next}", check.name, check.found)
}

fn tell(report: &Report, out: Out, is_told: impl Fn(&Check) -> bool) -> Outcome {
    let exit = Exit::first(report.0.iter().filter_map(|check| match check.verdict {
        Verdict::Bad(exit) => Some(exit),
        Verdict::Good | Verdict::Note => None,
    }));
    let checks: Vec<_> = report
        .0
        .iter()
        .map(|check| {
            let status = match check.verdict {
                Verdict::Good => "ok",
                Verdict::Note => "note",
                Verdict::Bad(_) => "bad",
            };
            json!({ "name": check.name, "status": status, "found": check.found, "next": check.next })
        })
        .collect();
    out.object(&json!({ "schema": SCHEMA, "ok": exit == Exit::Ok, "checks": checks }))?;
    if !out.json {
        for check in report.0.iter().filter(|check| is_told(check)) {
            if out.linear {
                out.line(&sentence(check))?;
                continue;
            }
            let (word, paint) = match check.verdict {
                Verdict::Good => ("ok  ", Paint::Green),
                Verdict::Note => ("note", Paint::Yellow),
                Verdict::Bad(_) => ("BAD ", Paint::Red),
            };
            out.line(&format!("{}  {:<13}  {}", out.paint(paint, word), check.name, in_lines(&check.found)))?;
            if !check.next.is_empty() {
                out.line(&format!("      {:<13}  {}", "", in_lines(&format!("→ {}", check.next))))?;
            }
        }
    }
    Ok(exit)
}

/// Gives the key, where there is one that may be asked with.
fn service(config: &Config, env: &Environment, report: &mut Report) -> Option<SecretString> {
    report.good("service", format!("{}{}", config.base_url, if config.is_loopback() { " (on this machine)" } else { "" }));
    if !proxy(&config.base_url, env, report) {
        return None;
    }
    let key = match config.key.read(env) {
        Ok(key) => key,
        Err(error) => {
            report.bad("key", error.into());
            return None;
        }
    };
    let asked = start::runtime().and_then(|runtime| {
        let client = Client::new(&ClientOptions { base_url: config.base_url.clone(), key: key.clone() })?;
        let balance = runtime.block_on(client.credits())?;
        let query = ListQuery { model: None, status: None, page: 1, page_size: 1 };
        // Only used for the clock; its failing says nothing new.
        let newest = runtime.block_on(client.list(query)).ok().and_then(|page| page.rows.first()?.created_at);
        let models = runtime.block_on(client.models()).ok();
        Ok((balance, newest, models))
    });
    match asked {
        Ok((balance, newest, models)) => {
            report.good("key", format!("from {}, accepted", config.key.words()));
            report.good("balance", format!("{} credits can be spent", balance.usable()));
            match models {
                Some(models) if models.iter().any(|model| model == crate::job::Model::Enhance.wire_name()) => {
                    report.good("model", format!("this key may use {}", crate::job::Model::Enhance.wire_name()));
                }
                Some(_) => report.note(
                    "model",
                    format!("the service does not list {} for this key", crate::job::Model::Enhance.wire_name()),
                    "check https://evolink.ai/dashboard/keys",
                ),
                None => report.note("model", "the list of models could not be read", ""),
            }
            clock(newest, report);
        }
        Err(mut problem) => {
            let name = if problem.exit == Exit::Login { "key" } else { "network" };
            // Elsewhere the next step is this command.
            if problem.next.contains("doctor") {
                problem.next = format!("check {}; keys are made at https://evolink.ai/dashboard/keys", config.key.words());
            }
            report.bad(name, problem);
        }
    }
    Some(key)
}

/// The proxy that calls and downloads take; `false` where it cannot be used, so that asking the service is in vain.
fn proxy(base: &Url, env: &Environment, report: &mut Report) -> bool {
    // As the calls read them: what is no text names no proxy, and is told.
    match ProxySettings::read(|name| env.path(name).map(|value| value.to_string_lossy().into_owned())).for_url(base) {
        Ok(Some(proxy)) => {
            let port = proxy.port_or_known_default().unwrap_or_default();
            report.good("proxy", format!("{}:{port}, for calls and downloads", proxy.host_str().unwrap_or_default()));
        }
        Ok(None) => {}
        Err(error) => {
            report.bad("proxy", Problem::new(Exit::BadInput, error.code(), error.to_string(), error.next()));
            return false;
        }
    }
    true
}

/// The service tells no time of its own; a task made in our future shows that this clock is behind.
fn clock(newest: Option<Timestamp>, report: &mut Report) {
    let now = Timestamp::now();
    match newest {
        Some(made) if made.duration_since(now) > SignedDuration::from_secs(60) => report.note(
            "clock",
            format!("the account's newest task was made {} s from now", made.duration_since(now).as_secs()),
            "set this machine's clock; times and searches for lost sends depend on it",
        ),
        Some(_) => report.good("clock", format!("{now:.0}, not behind the service")),
        None => report.good("clock", format!("{now:.0}; the account has no task to compare it with")),
    }
}

fn disk(name: &'static str, folder: &Path, report: &mut Report) {
    // What is not made yet lies on the disk of the nearest folder that is.
    let Some(there) = folder.ancestors().find(|path| path.exists()) else {
        return report.note(name, format!("{} and what is above it do not exist", folder.display()), "");
    };
    let unusable = |why: String| {
        Problem::input(
            "unusable_folder",
            format!("{}: {why}", there.display()),
            "fix the folder, or name another one with --data-dir",
        )
    };
    if !there.is_dir() {
        return report.bad(name, unusable("is not a folder".to_owned()));
    }
    if let Err(error) = rustix::fs::access(there, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK) {
        return report.bad(name, unusable(format!("cannot be written to ({error})")));
    }
    let made = if there == folder { "" } else { " (made when needed)" };
    match rustix::fs::statvfs(there) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let found = format!("{}{made}, {} MB free", folder.display(), free / (1024 * 1024));
            if free < LITTLE_SPACE {
                report.note(name, found, "make room: results that cannot be saved wait, and their links expire after 24 h");
            } else {
                report.good(name, found);
            }
        }
        Err(error) => report.note(name, format!("{}{made}, free space unknown ({error})", folder.display()), ""),
    }
}

fn store(config: &Config, key: Option<&SecretString>, report: &mut Report) {
    let file = config.data_dir.join(STORE_FILE);
    match file.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => report.good("store", "nothing stored yet"),
        Err(error) => {
            report.bad("store", Problem::input("unusable_folder", format!("{}: {error}", file.display()), "fix the folder"));
        }
        Ok(_) => {
            let read = Store::open(&config.data_dir, Access::ReadOnly).and_then(|store| {
                let address = config.base_url.as_str();
                let account = key.map(|key| store.check_account(address, key.expose_secret())).transpose()?;
                Ok((store.jobs()?, account, store.remark()))
            });
            match read {
                Ok((jobs, account, remark)) => {
                    report.good("store", format!("opens, {} jobs: {}", jobs.len(), super::list::totals(&jobs)));
                    if let Some(remark) = remark {
                        report.note("store", super::notices::remark(remark), "");
                    }
                    if let (Some(AccountCheck::Refused { known, open }), Some(key)) = (account, key) {
                        let now = known.alike(config.base_url.as_str(), key.expose_secret());
                        report.bad("account", super::account::refused(&known, &now, open));
                    }
                }
                Err(error) => report.bad("store", error.into()),
            }
        }
    }
    match Store::engine_pid(&config.data_dir) {
        Some(pid) => report.good("engine", format!("pid {pid}")),
        None => report.good("engine", "none is running"),
    }
}

fn terminal(config: Option<&Config>, env: &Environment, report: &mut Report) {
    let name = "terminal";
    if !std::io::stdout().is_terminal() {
        return report.note(name, "stdout is not a terminal", "the dashboard needs one; `run` and `watch --plain` do not");
    }
    let term = env.get("TERM").unwrap_or("not set");
    report.good(name, format!("TERM is {term}"));
    if let Some(config) = config {
        let here = environment::capabilities(config, env);
        for (what, value, why) in here.report() {
            report.good(name, format!("{what}: {value}, because {why}"));
        }
        let mouse = environment::mouse(config, &here);
        report.good(name, format!("mouse: {}, because {}", if mouse.value { "yes" } else { "no" }, mouse.why));
        // Nothing is asked here: an answer could come after this program has ended.
        let cell = rustix::termios::tcgetwinsize(std::io::stdout()).ok().and_then(|size| {
            let cell = (size.ws_xpixel.checked_div(size.ws_col)?, size.ws_ypixel.checked_div(size.ws_row)?);
            (cell.0 > 0 && cell.1 > 0).then_some(cell)
        });
        let options = environment::pictures(config, &here, env);
        for (what, value, why) in crate::tui::pictures::report(&options, cell, environment::tmux) {
            report.good(name, format!("{what}: {value}, because {why}"));
        }
        if here.ssh.value {
            report.good(name, "over SSH; --slow-link sends fewer bytes");
        }
    }
    if let Ok(size) = rustix::termios::tcgetwinsize(std::io::stdout()) {
        let found = format!("{} columns, {} rows", size.ws_col, size.ws_row);
        if size.ws_col < 80 || size.ws_row < 24 {
            report.note(name, found, "the dashboard is made for 80×24 and shows less below that");
        } else {
            report.good(name, found);
        }
    }
}

/// Folders in which other users can put a file in the place of ours: store, results, configuration, key.
fn others(config: &Config, report: &mut Report) {
    let key = match &config.key {
        KeySource::File(file) => file.parent(),
        _ => None,
    };
    let folders = [
        ("data folder", Some(config.data_dir.as_path())),
        ("results", Some(config.results_dir.as_path())),
        ("configuration", config.file.as_deref().and_then(Path::parent)),
        ("key", key),
    ];
    let mut told: Vec<&Path> = Vec::new();
    for (name, folder) in folders.into_iter().filter_map(|(name, folder)| Some((name, folder?))) {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let Ok(stat) = rustix::fs::stat(folder) else { continue };
        let mode = stat.st_mode & 0o7777;
        // With the sticky bit, as /tmp has it, nobody can rename or remove what is another's.
        let open = mode & 0o022 != 0 && mode & 0o1000 == 0;
        let foreign = stat.st_uid != 0 && stat.st_uid != rustix::process::geteuid().as_raw();
        if (!open && !foreign) || told.contains(&folder) {
            continue;
        }
        told.push(folder);
        if open {
            let next = format!("close it with `chmod go-w {}`", config::shell_quoted(folder));
            report.note(name, format!("others can write to {} (mode {mode:04o})", folder.display()), next);
        } else {
            let found = format!("{} belongs to another user (uid {})", folder.display(), stat.st_uid);
            report.note(name, found, "use a folder of your own");
        }
    }
}

/// Settings of tmux that decide what gets through to the terminal.
fn tmux(env: &Environment, report: &mut Report) {
    if env.get("TMUX").is_none() {
        return;
    }
    let option = |name: &str| Some(environment::tmux(&["show-options", "-gv", name])?.trim().to_owned());
    for (name, good, why) in [
        ("allow-passthrough", &["on", "all"][..], "notices and pictures reach the terminal"),
        // With `external`, its default, tmux copies by itself but drops what a program inside it sends.
        ("set-clipboard", &["on"][..], "copying with y reaches the terminal"),
        ("focus-events", &["on"][..], "notices come only when you look elsewhere"),
    ] {
        match option(name) {
            Some(value) if good.contains(&value.as_str()) => report.good("tmux", format!("{name} is {value}")),
            Some(value) => report.note(
                "tmux",
                format!("{name} is {}", crate::job::text::clean(&value)),
                format!("`tmux set -g {name} {}` so that {why}", good[0]),
            ),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_broken_at_spaces_under_itself() {
        let margin = " ".repeat(usize::from(MARGIN));
        assert_eq!(folded("synchronized frames: no, because", 20), format!("synchronized frames:\n{margin}no, because"));
        assert_eq!(folded("/a/path/that/is/longer is fine", 12), format!("/a/path/that/is/longer\n{margin}is fine"));
        assert_eq!(folded("one line elsewhere", u16::MAX), "one line elsewhere");
    }
}
