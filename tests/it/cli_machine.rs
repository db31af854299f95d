//! The machine around the program: signals, pipes and limits of the shell, variables, folders, keys.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::house::{House, QUICK, signal, until};
use crate::program::{Program, Ran};
use crate::pty::Pty;

/// Far shorter than the helper that would be waited for, and longer than anything else takes on a busy machine.
const LESS_THAN_THE_HELPER: Duration = Duration::from_mins(2);

/// Never-ending jobs, so that an engine has something to do.
const SLOW: &str = "run_seconds = 3600\nmore_drafts = 4\n[balance]\naccount = 1000\n";

fn add(house: &House, pictures: usize) {
    let file = house.spec_file(pictures);
    house.run(&["add", "-f", file.to_str().unwrap(), "--yes", "--max-credits", "1000"]).expect(0);
}

#[test]
fn under_nohup_a_hangup_ends_neither_run_nor_wait() {
    let house = House::new(SLOW);
    add(&house, 1);
    let under_nohup = |args: &[&str]| {
        Command::new("nohup")
            .arg(assert_cmd::cargo::cargo_bin("mj-enhance"))
            .args(args)
            .env_clear()
            .envs(house.environment())
            .current_dir(house.home())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut engine = under_nohup(&["run", "--yes", "--max-credits", "100"]);
    until(|| house.count("running") == 1);
    signal(engine.id(), Signal::HUP);
    // It still sends what is approved from now on.
    let specs = house.specs(2);
    house.run(&["add", &specs[1].replace(' ', ":"), "--yes", "--max-credits", "10"]).expect(0);
    until(|| house.count("running") == 2);
    signal(engine.id(), Signal::TERM);
    assert_eq!(engine.wait().unwrap().code(), Some(130));

    // Without an engine it says so, once it follows the store.
    let id = house.jobs()[0]["id"].as_str().unwrap().to_owned();
    let mut waiting = under_nohup(&["wait", &id]);
    let mut said = String::new();
    let mut words = BufReader::new(waiting.stderr.take().unwrap());
    while !said.contains("Waiting for") {
        said.clear();
        assert!(words.read_line(&mut said).unwrap() > 0, "it ended");
    }
    signal(waiting.id(), Signal::HUP);
    house.run(&["cancel", &id]).expect(0);
    assert_eq!(waiting.wait().unwrap().code(), Some(0), "it waited until nobody watched the job any more");
    assert_eq!(house.paid(), 2);
}

#[test]
fn a_hangup_ends_run_where_it_is_not_ignored() {
    let house = House::new(SLOW);
    add(&house, 1);
    let mut engine = house.spawn(&["run", "--yes", "--max-credits", "100"]);
    until(|| house.count("running") == 1);
    signal(engine.id(), Signal::HUP);
    assert_eq!(engine.wait().unwrap().code(), Some(130));
}

#[test]
fn a_reader_that_goes_away_and_a_full_output_leave_no_job_behind() {
    let house = House::new(QUICK);
    let args = ["run", "--json", "--until-idle", "--yes", "--max-credits", "1000"];
    add(&house, 5);
    let mut engine = house.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(engine.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with('{'), "{line}");
    let ended = engine.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(said.matches("its reader is gone").count(), 1, "{said}");
    house.assert_all_saved(5);

    let house = House::new(QUICK);
    add(&house, 5);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran = Ran::from(house.command(&args).stdout(full).output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("The output ends here").count(), 1, "{}", ran.stderr);
    house.assert_all_saved(5);
}

#[test]
fn a_limit_on_file_sizes_kills_nothing_and_loses_nothing() {
    let house = House::new(QUICK);
    add(&house, 8);
    // Smaller than the store's log becomes.
    let script = "ulimit -f 250; exec \"$0\" run --yes --max-credits 1000";
    let mut engine = Command::new("/bin/sh")
        .args(["-c", script])
        .arg(assert_cmd::cargo::cargo_bin("mj-enhance"))
        .env_clear()
        .envs(house.environment())
        .current_dir(house.home())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let log = house.program.data().join("mj-enhance.log");
    let is_full = || std::fs::read_to_string(&log).is_ok_and(|log| log.contains("mj-enhance.db failed"));
    until(|| is_full() || engine.try_wait().unwrap().is_some());
    signal(engine.id(), Signal::TERM);
    let ended = engine.wait().unwrap();
    assert_eq!(ended.code(), Some(130), "it was not ended by the limit: {ended:?}");
    house.run(&["run", "--until-idle", "--yes", "--max-credits", "1000"]).expect(0);
    house.assert_all_saved(8);
}

#[test]
fn variables_that_are_not_text_are_paths_or_refused_by_name() {
    let program = Program::new();
    let odd = |text: &str| OsString::from_vec([text.as_bytes(), b"caf\xe9"].concat());
    let ran = |name: &str, value: OsString| Ran::from(program.command().arg("list").env(name, value).output().unwrap());
    let refused = ran("EVOLINK_BASE_URL", odd("https://")).expect(2);
    assert!(refused.stderr.contains("EVOLINK_BASE_URL") && refused.stderr.contains("not text"), "{}", refused.stderr);
    let refused = ran("EVOLINK_API_KEY", odd("sk-")).expect(2);
    assert!(refused.stderr.contains("EVOLINK_API_KEY") && !refused.stderr.contains("caf"), "{}", refused.stderr);
    // A file that is there is read, whatever its name.
    let config = program.home().join(odd(""));
    std::fs::write(&config, "nonsense = 1\n").unwrap();
    let refused = ran("MJ_ENHANCE_CONFIG", config.into_os_string()).expect(2);
    assert!(refused.stderr.contains("nonsense: is not an option"), "{}", refused.stderr);
    let folder = program.home().join(odd("data-"));
    let mut command = program.command();
    command.args(["add", "task-unified-1790000100-k3v9q2ad", "--hold"]).env("MJ_ENHANCE_DATA_DIR", &folder);
    Ran::from(command.output().unwrap()).expect(0);
    assert!(folder.join("mj-enhance.db").exists() && !program.data().exists());
}

#[test]
fn a_key_commands_helper_is_not_waited_for() {
    let house = House::new(QUICK);
    let config = std::fs::read_to_string(house.home().join("c.toml")).unwrap();
    let command = format!("key_command = [\"sh\", \"-c\", \"sleep 600 & echo {}\"]", house.simulator.key());
    house.program.file("c.toml", &config.replace("key_file = \"key\"", &command));
    let begun = Instant::now();
    // Its outputs are closed: the helper would hold a pipe of ours open as well.
    assert_eq!(house.spawn(&["credits"]).wait().unwrap().code(), Some(0));
    assert!(begun.elapsed() < LESS_THAN_THE_HELPER, "{:?}", begun.elapsed());
}

#[test]
fn doctor_names_folders_that_others_can_write_to_and_what_tmux_drops() {
    let program = Program::new();
    std::fs::create_dir(program.data()).unwrap();
    let mode = |mode| std::fs::set_permissions(program.data(), std::fs::Permissions::from_mode(mode)).unwrap();
    let tmux = program.file("tmux", "#!/bin/sh\ncase $3 in set-clipboard) echo external;; *) echo on;; esac\n");
    std::fs::set_permissions(&tmux, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", program.home().display());
    let notes = || {
        let mut command = program.command();
        command.args(["doctor", "--json"]).env("TMUX", "/tmp/x,1,0").env("PATH", &path);
        let ran = Ran::from(command.output().unwrap());
        let checks = ran.objects().remove(0)["checks"].clone();
        let found = checks.as_array().unwrap().iter().filter(|check| check["status"] == "note").map(ToString::to_string);
        found.collect::<Vec<_>>().join("\n")
    };
    for (open, is_told) in [(0o700, false), (0o770, true), (0o777, true), (0o1777, false)] {
        mode(open);
        let said = notes();
        assert_eq!(said.contains("others can write to"), is_told, "{open:o}: {said}");
        assert_eq!(said.contains("chmod go-w"), is_told, "{said}");
    }
    let said = notes();
    assert!(said.contains("set-clipboard is external") && said.contains("tmux set -g set-clipboard on"), "{said}");
}

#[test]
fn login_keeps_the_key_where_only_its_owner_reads_it_and_shows_it_nowhere() {
    let house = House::new(QUICK);
    let key = house.simulator.key();
    std::fs::remove_file(house.home().join("key")).unwrap();
    let before = std::fs::read_to_string(house.home().join("c.toml")).unwrap();
    house.program.file("c.toml", &before.replace("key_file = \"key\"\n", ""));
    house.run(&["credits"]).expect(6);
    let mut terminal = Pty::open(&house, (100, 30), &["login"], &[]);
    terminal.shows("EvoLink API key");
    terminal.keys("wrong\x15");
    terminal.keys(&key);
    terminal.keys("\r");
    let ended = terminal.ended();
    assert_eq!(ended.code, 0, "{}", ended.screen);
    assert!(ended.line_restored, "the echo is back");
    assert!(!ended.raw.windows(6).any(|part| key.as_bytes().starts_with(part)), "it was shown: {}", ended.screen);
    assert!(ended.screen.contains("accepted"), "doctor ran: {}", ended.screen);
    let raw = String::from_utf8_lossy(&ended.raw);
    assert!(raw.contains("Next: ") && !raw.contains("synchronized frames"), "only what the key is about: {raw}");
    let file = house.home().join("key");
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), key);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    house.run(&["credits"]).expect(0);
    // Broken off, nothing changes.
    let mut terminal = Pty::open(&house, (100, 30), &["login"], &[]);
    terminal.shows("EvoLink API key");
    terminal.keys("sk-other\x03");
    assert_eq!(terminal.ended().code, 130);
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), key);
}

#[test]
fn login_from_a_pipe_makes_the_configuration_and_refuses_what_cannot_be_a_key() {
    let program = Program::new();
    let config = program.home().join("conf/config.toml");
    let login = |key: &str, args: &[&str]| {
        let mut command = program.command();
        command.env("MJ_ENHANCE_CONFIG", &config).args(["login", "--base-url", "http://127.0.0.1:1"]).args(args);
        Ran::from(command.write_stdin(key.to_owned()).output().unwrap())
    };
    let ran = login("two words\n", &[]).expect(6);
    assert!(ran.stderr.contains("cannot be a key") && !config.exists(), "{}", ran.stderr);
    // Kept, though nobody can check it here.
    let ran = login("sk-test-0123456789\n", &[]).expect(5);
    assert!(!ran.stderr.contains("0123456789") && !ran.stdout.contains("0123456789"), "{}", ran.stderr);
    let text = std::fs::read_to_string(&config).unwrap();
    assert!(text.contains("\nkey_file = \"key\"\n"), "{text}");
    login("sk-work-0123456789\n", &["--profile", "work"]).expect(5);
    let changed = std::fs::read_to_string(&config).unwrap();
    assert_eq!(changed, format!("{text}\n[profiles.work]\nkey_file = \"key-work\"\n"));
    assert_eq!(std::fs::read_to_string(config.with_file_name("key-work")).unwrap(), "sk-work-0123456789\n");
    // One that names its key by a command is not changed behind its back.
    std::fs::write(&config, "key_command = [\"pass\"]\n").unwrap();
    let ran = login("sk-test-1\n", &[]).expect(2);
    assert!(ran.stderr.contains("key_command"), "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(&config).unwrap(), "key_command = [\"pass\"]\n");
}

#[test]
fn watch_is_a_read_only_dashboard() {
    let house = House::new(SLOW);
    add(&house, 1);
    let mut watch = Pty::open(&house, (100, 30), &["watch"], &[]);
    let screen = watch.until("a read-only header", |screen| screen.contains("read-only") || screen.contains("only looking"));
    assert!(!screen.contains("add jobs"), "{screen}");
    watch.keys("q");
    assert_eq!(watch.ended().code, 0);
    assert_eq!(house.requests(), 0, "it asks nobody anything");
}

#[test]
fn leaving_the_demo_says_that_nothing_was_kept() {
    let house = House::new(QUICK);
    let mut demo = Pty::open(&house, (100, 30), &["--demo"], &[]);
    demo.shows("running");
    demo.keys("q");
    let ended = demo.ended();
    assert_eq!(ended.code, 0);
    assert!(ended.screen.contains("demo over, nothing was kept"), "{}", ended.screen);
    assert!(!ended.screen.contains("EvoLink"), "{}", ended.screen);
    assert!(!house.program.data().exists());
}

/// The program where this folder can only be read: on a mount for a superuser, whom modes do not stop, else by modes.
fn where_only_reading_is_possible(house: &House, folder: &std::path::Path, args: &[&str]) -> Command {
    let program = assert_cmd::cargo::cargo_bin("mj-enhance");
    let mut command = if rustix::process::geteuid().is_root() {
        let script = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && shift && exec \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script, "sh"]).arg(folder).arg(program);
        command
    } else {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o555)).unwrap();
        Command::new(program)
    };
    let mut environment = house.environment();
    environment.retain(|(name, _)| *name != "MJ_ENHANCE_DATA_DIR");
    command.args(args).env_clear().envs(environment).env("MJ_ENHANCE_DATA_DIR", folder).current_dir(house.home());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn a_store_on_a_read_only_medium_is_read_and_says_so() {
    let house = House::new(SLOW);
    add(&house, 2);
    let mut engine = house.spawn(&["run", "--yes", "--max-credits", "100"]);
    until(|| house.count("running") == 2);
    engine.kill().unwrap();
    engine.wait().unwrap();
    let id = house.jobs()[0]["id"].as_str().unwrap().to_owned();
    // As the killed engine left it: with and without the index of its log, and with nothing but the file.
    for beside in [&["mj-enhance.db", "mj-enhance.db-wal"][..], &["mj-enhance.db", "mj-enhance.db-shm", "mj-enhance.db-wal"]] {
        let medium = tempfile::tempdir_in(house.home()).unwrap();
        for name in beside {
            std::fs::copy(house.program.data().join(name), medium.path().join(name)).unwrap();
        }
        let run = |args: &[&str]| Ran::from(where_only_reading_is_possible(&house, medium.path(), args).output().unwrap());
        let is_said = |said: &str| {
            let told = said.contains("read-only medium") || said.contains("read in a copy");
            told || !rustix::process::geteuid().is_root()
        };
        for args in [&["list"][..], &["show", &id], &["export"], &["list", "--json"]] {
            let ran = run(args).expect(0);
            assert!(ran.stdout.contains(&id), "{args:?}: {}", ran.stdout);
            assert!(is_said(&ran.stderr), "{args:?}: {}", ran.stderr);
            assert!(!ran.stderr.contains("permissions") && !ran.stderr.contains("unable to open"), "{args:?}: {}", ran.stderr);
        }
        let mut watch = where_only_reading_is_possible(&house, medium.path(), &["watch", "--plain"]).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(watch.stderr.take().unwrap()).read_line(&mut line).unwrap();
        watch.kill().unwrap();
        watch.wait().unwrap();
        assert!(is_said(&line), "{line}");
        let doctor = run(&["doctor"]);
        assert!(doctor.stdout.contains("opens, 2 jobs: 2 running"), "{}", doctor.stdout);
        // What would write says why it cannot, and what can be done here.
        let refused = run(&["cancel", &id]).expect(2);
        assert!(refused.stderr.contains("ead-only file system") || !rustix::process::geteuid().is_root(), "{}", refused.stderr);
        let mut names: Vec<_> = medium.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, beside, "nothing was made");
        std::fs::set_permissions(medium.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn a_copy_of_the_file_alone_never_pays_twice() {
    let house = House::new(SLOW);
    add(&house, 3);
    // All three are approved in the file when it is copied, and are sent afterwards.
    let backup = tempfile::tempdir_in(house.home()).unwrap();
    std::fs::copy(house.program.data().join("mj-enhance.db"), backup.path().join("mj-enhance.db")).unwrap();
    let mut engine = house.spawn(&["run", "--yes", "--max-credits", "100"]);
    until(|| house.count("running") == 3);
    signal(engine.id(), Signal::TERM);
    engine.wait().unwrap();
    assert_eq!(house.paid(), 3);
    std::fs::remove_dir_all(house.program.data()).unwrap();
    std::fs::rename(backup.keep(), house.program.data()).unwrap();
    assert_eq!(house.count("waiting"), 3, "the file alone holds what was approved");
    // Without a new confirmation nothing leaves, with one the keys are those of the first time.
    let mut engine = house.spawn(&["run", "--yes", "--max-credits", "100"]);
    until(|| house.count("running") == 3);
    signal(engine.id(), Signal::TERM);
    engine.wait().unwrap();
    assert_eq!(house.paid(), 3, "each answer was that of the first request");
    house.assert_books(&house.jobs(), 3);
}
