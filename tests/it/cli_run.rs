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
        std::thread::park_timeout(std::time::Duration::from_millis(2));
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
    let stands = || stage.run(&["list", "--json"]).expect(0).objects()[0]["state"].as_str().unwrap().to_owned();
    until(|| stands() == "running");
    let pid = rustix::process::Pid::from_child(&first);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(first.wait().unwrap().code(), Some(130));
    assert_eq!(stands(), "running");
    let id = stage.run(&["list", "--json"]).objects()[0]["id"].as_str().unwrap().to_owned();
    // Sent, so it can only be unwatched, which says what goes on.
    let ran = stage.run(&["cancel", &id]).expect(0);
    assert!(ran.stdout.contains("still running at EvoLink, not watched; it is charged if it completes"), "{}", ran.stdout);
    assert_eq!(stands(), "unwatched");
    stage.run(&["run", "--until-idle"]).expect(0);
    stage.run(&["fetch", &id]).expect(0);
    assert_eq!(stands(), "running");
    stage.simulator.finish_all();
    stage.run(&["run", "--until-idle"]).expect(0);
    assert_eq!(stands(), "saved");
    assert_eq!(stage.paid(), 1);
}

#[test]
fn two_processes_that_add_the_same_twelve_pictures_at_once_make_twelve_jobs_and_twelve_charges() {
    const ROUNDS: usize = 50;
    let stage = Stage::new(&QUICK.replace("more_drafts = 8", "more_drafts = 160").replace("= 1000", "= 10000"));
    let specs = stage.specs(12 * ROUNDS);
    // The store is there, so that no process is late for having made it.
    stage.program.run(&["add", "task-unified-1-other", "--hold"]).expect(0);
    for (round, twelve) in specs.chunks(12).enumerate() {
        let barrier = std::sync::Barrier::new(2);
        let runs: Vec<Ran> = std::thread::scope(|scope| {
            let add = || {
                let mut command = stage.program.command();
                command.args(["add", "--yes", "--max-credits", "65", "--json"]).args(twelve);
                barrier.wait();
                Ran::from(command.output().unwrap())
            };
            let threads = [scope.spawn(add), scope.spawn(add)];
            threads.map(|thread| thread.join().unwrap()).into()
        });
        let told: Vec<_> = runs.into_iter().flat_map(|ran| ran.expect(0).objects()).collect();
        let made = told.iter().filter(|object| object["id"].is_string()).count();
        let twice = told.iter().filter(|object| object["twice"]["job"].is_string()).count();
        assert_eq!((made, twice), (12, 12), "round {round}: {told:?}");
    }
    stage.run(&["run", "--until-idle", "--yes", "--max-credits", "10000"]).expect(0);
    let states = stage.run(&["list", "--json"]).expect(0).objects();
    let saved = states.iter().filter(|job| job["state"] == "saved").count();
    assert_eq!((states.len(), saved, stage.paid()), (12 * ROUNDS + 1, 12 * ROUNDS, 12 * ROUNDS));
}

#[test]
fn fifty_killed_runs_lose_no_job_and_pay_none_twice() {
    let stage = Stage::new(QUICK);
    let jobs = 30;
    stage.add(jobs);
    for round in 0..50 {
        // After one to seven requests more: before, between and after the steps of a job's way.
        let goal = stage.requests() + 1 + round % 7;
        let mut child = stage.spawn(&["run", "--until-idle", "--yes", "--max-credits", "1000"]);
        until(|| stage.requests() >= goal || child.try_wait().unwrap().is_some());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let ran = stage.run(&["run", "--until-idle", "--yes", "--max-credits", "1000"]);
    let left: Vec<String> = stage
        .run(&["list", "--json"])
        .expect(0)
        .objects()
        .iter()
        .filter(|job| job["state"] != "saved")
        .map(ToString::to_string)
        .collect();
    assert!(left.is_empty(), "{left:?}\n{}", ran.stderr);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(stage.paid(), jobs);
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

#[test]
fn others_look_on_and_wait_while_an_engine_runs() {
    let stage = Stage::new(QUICK);
    let ids = stage.add(2);
    let mut engine = stage.spawn(&["run", "--yes", "--max-credits", "20"]);
    let waited = stage.run(&["wait", &ids[0], &ids[1], "--json"]).expect(0);
    assert_eq!(waited.objects().iter().filter(|job| job["state"] == "saved").count(), 2);
    // A job that is added meanwhile is noticed; its yes is younger than the engine's start.
    let specs = stage.specs(3);
    stage.program.run(&["add", &specs[2], "--yes", "--max-credits", "5.4"]).expect(0);
    let watched = stage.run(&["watch", "--plain", "--until-idle"]).expect(0);
    assert!(!watched.stdout.contains('\u{1b}'));
    assert!(watched.stdout.contains(" is saved: ") || watched.stderr.contains("3 saved"), "{}{}", watched.stdout, watched.stderr);
    let pid = rustix::process::Pid::from_child(&engine);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(engine.wait().unwrap().code(), Some(130));
    assert_eq!(stage.paid(), 3);
}

#[test]
fn hooks_are_started_for_what_ends_and_never_get_the_key() {
    let stage = Stage::new(QUICK);
    stage.add(2);
    let config = std::fs::read_to_string(stage.program.home().join("c.toml")).unwrap();
    let hooks = "on_done = [\"sh\", \"-c\", \"cat >> done; echo ${EVOLINK_API_KEY-unset} >> env\"]\non_batch = [\"sh\", \"-c\", \"cat >> batch\"]\n";
    stage.program.file("c.toml", &format!("{hooks}{config}"));
    stage.run(&["run", "--until-idle", "--yes", "--max-credits", "20"]).expect(0);
    let read = |name: &str| std::fs::read_to_string(stage.program.home().join(name)).unwrap();
    assert_eq!(read("done").lines().count(), 2);
    assert_eq!(read("env"), "unset\nunset\n");
    assert!(read("batch").contains("\"saved\":2"), "{}", read("batch"));
}

#[test]
fn a_failed_job_gives_the_run_its_code_and_says_what_to_do() {
    let scenario = format!("{QUICK}\n[[rules]]\nthen = {{ end = \"failed\", code = \"service_error\" }}\n");
    let stage = Stage::new(&scenario);
    stage.add(1);
    let ran = stage.run(&["run", "--until-idle", "--yes", "--max-credits", "9", "--json"]).expect(1);
    let job = ran.objects().pop().unwrap();
    assert_eq!((job["state"].as_str(), job["error"]["code"].as_str()), (Some("failed"), Some("service_error")), "{job}");
    let id = job["id"].as_str().unwrap();
    stage.run(&["wait", id]).expect(1);
    // Failed jobs of earlier runs are no news.
    stage.run(&["run", "--until-idle"]).expect(0);
    stage.run(&["retry", id]).expect(3);
    stage.run(&["retry", id, "--yes", "--max-credits", "5.4"]).expect(0);
}
