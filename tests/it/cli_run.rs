//! The whole way by script, against the simulator: add, run, and what is left afterwards.

use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use mj_enhance::simulator::{Running, Scenario, Simulator};

use crate::program::{Program, Ran};

const QUICK: &str = "run_seconds = 0.3\npicture_size = 64\nmore_drafts = 8\n[balance]\naccount = 1000\n";

struct Stage {
    simulator: Running,
    program: Program,
}

impl Stage {
    fn new(scenario: &str) -> Self {
        let simulator = Simulator::start_in_background(Scenario::from_toml(scenario).unwrap(), 0).unwrap();
        let program = Program::new();
        let key = program.file("key", &simulator.key());
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        let config = format!(
            "key_file = \"key\"\nbase_url = \"{}\"\nsubmit_gap = 0\nreads_per_minute = 6000\nmax_in_flight = 20\n",
            simulator.base_url()
        );
        program.file("c.toml", &config);
        Self { simulator, program }
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.program.run(&[args, &["--config", "c.toml"]].concat())
    }

    fn specs(&self, pictures: usize) -> Vec<String> {
        let ids = self.simulator.draft_ids();
        ids.iter().flat_map(|id| (0..4).map(move |image| format!("{id}:{image}"))).take(pictures).collect()
    }

    fn add(&self, pictures: usize) -> Vec<String> {
        let specs = self.specs(pictures);
        self.program.add(&specs.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Tasks that were made by paid requests, and what they cost in UC.
    fn paid(&self) -> usize {
        self.simulator.ledger().iter().filter(|entry| !entry.seeded).count()
    }

    fn spawn(&self, args: &[&str]) -> Child {
        Command::new(assert_cmd::cargo::cargo_bin("mj-enhance"))
            .args(args)
            .args(["--config", "c.toml"])
            .env_clear()
            .env("HOME", self.program.home())
            .env("MJ_ENHANCE_DATA_DIR", self.program.data())
            .current_dir(self.program.home())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn requests(&self) -> u64 {
        self.simulator.counts().requests.values().sum()
    }
}

/// Waits for a condition; a test that waits for ever is ended by its runner.
fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        std::thread::yield_now();
    }
}

#[test]
fn twenty_jobs_by_script_are_saved_and_paid_once_each() {
    let stage = Stage::new(QUICK);
    stage.add(20);
    let ran = stage.run(&["run", "--until-idle", "--yes", "--max-credits", "108", "--json"]).expect(0);
    let states: Vec<String> = ran.objects().iter().map(|job| job["state"].as_str().unwrap().to_owned()).collect();
    for (state, times) in [("running", 20), ("saved", 20)] {
        assert_eq!(states.iter().filter(|word| *word == state).count(), times, "{state}: {states:?}");
    }
    assert_eq!(stage.paid(), 20);
    for job in stage.run(&["list", "--json"]).expect(0).objects() {
        assert_eq!((job["state"].as_str(), job["charge"].as_str()), (Some("saved"), Some("charged")), "{job}");
        assert_eq!(job["credits_charged"], "5.4");
        let file = &job["files"][0];
        let bytes = std::fs::metadata(file["path"].as_str().unwrap()).unwrap().len();
        assert_eq!(file["bytes"].as_u64(), Some(bytes));
    }
    // Once more does nothing.
    stage.run(&["run", "--until-idle", "--yes", "--max-credits", "108"]).expect(0);
    assert_eq!(stage.paid(), 20);
    assert!(!ran.stderr.contains(&stage.simulator.key()));
}

#[test]
fn a_run_without_consent_sends_nothing_and_says_so() {
    let stage = Stage::new(QUICK);
    stage.add(2);
    let ran = stage.run(&["run", "--until-idle"]).expect(3);
    assert!(ran.stderr.contains("run --yes --max-credits N"), "{}", ran.stderr);
    assert_eq!(stage.paid(), 0);
    stage.run(&["run", "--yes"]).expect(3);
    stage.run(&["run", "--max-credits", "9"]).expect(3);
}

#[test]
fn a_run_sends_no_more_than_its_limit() {
    let stage = Stage::new(QUICK);
    stage.add(3);
    let ran = stage.run(&["run", "--until-idle", "--yes", "--max-credits", "11", "--json"]).expect(3);
    assert_eq!(stage.paid(), 2, "{}", ran.stderr);
    let left = stage.run(&["list", "--state", "held", "--json"]).expect(0).objects();
    assert_eq!(left.len(), 1);
    assert!(left[0]["reason"].as_str().unwrap().contains("--max-credits"), "{}", left[0]);
}

#[test]
fn a_refused_key_ends_the_run_with_the_code_for_login() {
    let stage = Stage::new(QUICK);
    stage.add(1);
    let key = stage.program.file("key", "sk-wrong-7777777777");
    assert_eq!(std::fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
    let ran = stage.run(&["run", "--until-idle", "--yes", "--max-credits", "9", "--json"]).expect(6);
    assert_eq!(ran.error()["code"], "login");
    assert!(!ran.stderr.contains("7777777777"), "{}", ran.stderr);
    assert_eq!(stage.paid(), 0);
    // With the right one it goes on.
    stage.program.file("key", &stage.simulator.key());
    stage.run(&["run", "--until-idle", "--yes", "--max-credits", "9"]).expect(0);
    assert_eq!(stage.paid(), 1);
}

#[test]
fn a_network_that_is_down_is_given_up_only_when_patience_ends() {
    let stage = Stage::new(QUICK);
    stage.add(1);
    let Stage { simulator, program } = stage;
    simulator.shutdown();
    let args = ["run", "--until-idle", "--patience", "1s", "--yes", "--max-credits", "9", "--config", "c.toml"];
    let ran = program.run(&args).expect(5);
    assert!(ran.stderr.contains("nothing is lost"), "{}", ran.stderr);
    assert_eq!(program.run(&["list", "--json"]).objects()[0]["state"], "waiting");
}

#[test]
fn a_second_engine_is_refused_and_ctrl_c_leaves_the_first_in_order() {
    let stage = Stage::new("run_seconds = 3600\nmore_drafts = 1\n[balance]\naccount = 100\n");
    stage.add(1);
    let mut first = stage.spawn(&["run", "--yes", "--max-credits", "9"]);
    until(|| stage.paid() == 1);
    let ran = stage.run(&["run", "--json"]).expect(7);
    assert_eq!(ran.error()["code"], "locked");
    let state = || stage.run(&["list", "--json"]).expect(0).objects()[0]["state"].as_str().unwrap().to_owned();
    until(|| state() == "running");
    let pid = rustix::process::Pid::from_child(&first);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(first.wait().unwrap().code(), Some(130));
    assert_eq!(state(), "running");
    let id = stage.run(&["list", "--json"]).objects()[0]["id"].as_str().unwrap().to_owned();
    // Sent, so it can only be unwatched, which says what goes on.
    let ran = stage.run(&["cancel", &id]).expect(0);
    assert!(ran.stdout.contains("goes on at EvoLink and is paid for if it completes"), "{}", ran.stdout);
    assert_eq!(state(), "unwatched");
    stage.run(&["run", "--until-idle"]).expect(0);
    stage.run(&["fetch", &id]).expect(0);
    assert_eq!(state(), "running");
    stage.simulator.finish_all();
    stage.run(&["run", "--until-idle"]).expect(0);
    assert_eq!(state(), "saved");
    assert_eq!(stage.paid(), 1);
}

#[test]
fn a_killed_run_loses_no_job_and_pays_none_twice() {
    // Each round is killed one request later than the one before, so that every moment of the way is hit.
    let stage = Stage::new(QUICK);
    stage.add(6);
    for round in 1..=12 {
        let goal = stage.requests() + round;
        let mut child = stage.spawn(&["run", "--until-idle", "--yes", "--max-credits", "1000"]);
        until(|| stage.requests() >= goal || child.try_wait().unwrap().is_some());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let ran = stage.run(&["run", "--until-idle", "--yes", "--max-credits", "1000"]);
    let jobs = stage.run(&["list", "--json"]).expect(0).objects();
    assert_eq!(jobs.len(), 6);
    let settled = jobs.iter().all(|job| job["state"] == "saved" || job["state"] == "unsure");
    assert!(settled, "{jobs:?}\n{}", ran.stderr);
    let saved = jobs.iter().filter(|job| job["state"] == "saved").count();
    assert!(stage.paid() >= saved && stage.paid() <= 6, "{} paid, {saved} saved", stage.paid());
}

#[test]
fn the_key_is_in_no_file_that_was_written() {
    let stage = Stage::new(QUICK);
    stage.add(2);
    stage.run(&["run", "--until-idle", "--yes", "--max-credits", "20", "-vv"]).expect(0);
    let key = stage.simulator.key();
    let mut folders = vec![stage.program.data()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(key.len()).any(|window| window == key.as_bytes()), "{}", path.display());
        }
    }
    assert!(files >= 4, "store, log, picture and side file at least");
}
