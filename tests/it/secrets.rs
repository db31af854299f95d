//! The key appears in nothing that the program writes: files, log, screen, words, arguments, its children's environment.

use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::house::{House, until};
use crate::pty::Pty;

/// What no byte anywhere may hold; the whole keys are longer.
const SECRET: &str = "canary4711";
const RIGHT: &str = "sk-right-canary4711-0123456789";
const WRONG: &str = "sk-wrong-canary4711-9876543210";

/// A service that gives the key back in its own words where it can.
fn scenario() -> String {
    format!(
        "run_seconds = 0.3\npicture_size = 48\nmore_drafts = 4\nkey = \"{RIGHT}\"\n[balance]\naccount = 1000\n\
         [[rules]]\nat = [2]\nthen = {{ end = \"failed\", code = \"service_error\", message = \"key {RIGHT} had no luck\" }}\n\
         [[faults]]\nroute = \"credits\"\nat = [1]\n\
         effect = {{ kind = \"status\", status = 401, message = \"Incorrect API key provided: {RIGHT}\" }}\n"
    )
}

/// Hooks that write down what they can see of the program that started them.
fn hooks() -> String {
    let look = "cat > /dev/null; { env; tr '\\\\0' ' ' < /proc/$PPID/cmdline; cat /proc/self/cmdline; } >> hook-saw.txt";
    format!(
        "on_done = [\"sh\", \"-c\", \"{look}\"]\non_failed = [\"sh\", \"-c\", \"{look}\"]\non_batch = [\"sh\", \"-c\", \"{look}\"]\n"
    )
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}

#[track_caller]
fn assert_silent(what: &str, bytes: &[u8]) {
    let at = bytes.windows(SECRET.len()).position(|window| window == SECRET.as_bytes());
    if let Some(at) = at {
        let around = &bytes[at.saturating_sub(200)..(at + 100).min(bytes.len())];
        panic!("the key is in {what}: {}", String::from_utf8_lossy(around));
    }
}

/// Looks through every file below the home except the key's own.
fn assert_no_file_tells(house: &House) {
    let mut found = Vec::new();
    files(house.home(), &mut found);
    let key = house.home().join("key");
    found.retain(|path| *path != key);
    assert!(found.iter().any(|path| path.ends_with("mj-enhance.log")), "{found:?}");
    for path in &found {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(name != "core" && !name.starts_with("core."), "a core file: {name}");
        assert_silent(&path.display().to_string(), &std::fs::read(path).unwrap());
    }
}

fn assert_arguments_silent(pid: u32) {
    if cfg!(target_os = "linux") {
        assert_silent("the arguments", &std::fs::read(format!("/proc/{pid}/cmdline")).unwrap());
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    }
}

#[test]
fn scripts_with_right_and_wrong_keys_write_the_key_nowhere() {
    let house = House::with(&scenario(), &hooks());
    let specs = house.specs(6);
    let specs: Vec<&str> = specs.iter().map(String::as_str).collect();
    house.program.add(&specs);
    let commands: [&[&str]; 9] = [
        &["run", "--until-idle", "--yes", "--max-credits", "100", "-vv", "--json"],
        &["list", "--json", "-vv"],
        &["credits", "--json", "-vv"],
        &["drafts", "-vv"],
        &["doctor", "-vv"],
        &["export"],
        &["config", "check"],
        &["show", "--json", "none"],
        &[
            "run",
            "--yes",
            "--max-credits",
            "1",
            "--json",
            "--base-url",
            "http://127.0.0.1:1",
            "--until-idle",
            "--patience",
            "1s",
            "-vv",
        ],
    ];
    // The wrong key first, from the environment and from the file; then the right one, both ways.
    for (in_file, in_env) in [(WRONG, None), (RIGHT, Some(WRONG)), (WRONG, Some(RIGHT)), (RIGHT, None)] {
        house.program.file("key", in_file);
        for args in commands {
            let mut command = house.command(args);
            if let Some(key) = in_env {
                command.env("EVOLINK_API_KEY", key);
            }
            let output = command.output().unwrap();
            assert_silent(&format!("the output of {args:?}"), &[output.stdout, output.stderr].concat());
        }
    }
    assert!(house.simulator.counts().unauthorized > 0, "the wrong key was tried");
    let jobs = house.jobs();
    assert_eq!(jobs.iter().filter(|job| job["state"] == "saved").count(), 5, "{jobs:?}");
    let failed = jobs.iter().find(|job| job["state"] == "failed").unwrap();
    assert!(failed["error"]["message"].as_str().unwrap().contains("had no luck"), "{failed}");
    assert!(std::fs::read_to_string(house.home().join("hook-saw.txt")).unwrap().contains("mj-enhance"), "the hooks looked");
    assert_no_file_tells(&house);
}

#[test]
fn the_dashboard_shows_and_writes_the_key_nowhere_not_even_when_it_panics() {
    let house = House::with(&scenario(), &hooks());
    let specs = house.specs(4);
    house.program.add(&specs.iter().map(String::as_str).collect::<Vec<_>>());
    // Refused: the screen says so, without the key.
    house.program.file("key", WRONG);
    let mut pty = Pty::open(&house, (120, 40), &["-vv"], &[]);
    pty.until("the refusal", |screen| screen.contains("key refused"));
    assert_arguments_silent(pty.pid());
    pty.keys("q");
    let ended = pty.ended();
    assert_silent("the terminal", &ended.raw);
    // Accepted, from the environment; every page is looked at, then it panics.
    let env = [("EVOLINK_API_KEY", RIGHT), ("MJ_ENHANCE_TEST_PANIC", "screen")];
    let mut pty = Pty::open(&house, (120, 40), &["-vv"], &env);
    pty.shows("approved earlier");
    pty.press("P", "y send 4 jobs");
    pty.confirm();
    pty.until("the end of all", |screen| screen.contains("saved·3") && screen.contains("failed·1"));
    pty.keys("6");
    pty.until("only the failed one", |screen| !screen.contains("✓ saved"));
    pty.press("\r", "had no luck");
    for keys in ["e", "$", "?"] {
        pty.keys(keys);
        let before = pty.text();
        pty.within(std::time::Duration::from_millis(500), |screen| screen != before);
    }
    assert_arguments_silent(pty.pid());
    pty.keys("\x1b");
    pty.until("no box", |screen| !screen.contains("search"));
    pty.paste("panic");
    let ended = pty.ended();
    ended.assert_restored();
    assert_ne!(ended.code, 0);
    assert_silent("the terminal", &ended.raw);
    until(|| house.home().join("hook-saw.txt").exists());
    assert_no_file_tells(&house);
}

#[test]
fn a_program_that_is_aborted_leaves_no_core_file() {
    let house = House::new(&scenario());
    let pty = Pty::open(&house, (80, 24), &[], &[("EVOLINK_API_KEY", RIGHT)]);
    pty.shows("engine here");
    assert_arguments_silent(pty.pid());
    pty.signal(Signal::ABORT);
    assert_eq!(pty.ended().signal.as_deref(), Some("Aborted"));
    assert_no_file_tells(&house);
}
