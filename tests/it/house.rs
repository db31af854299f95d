//! A simulator, a home with a key and a configuration, and the real binary between them. What it did is judged by the
//! simulator's money book and by `list --json`, never by the program's own word alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use mj_enhance::simulator::{Running, Scenario, Simulator};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::program::{Program, Ran};

/// A service that is quick and has enough drafts and money.
pub const QUICK: &str = "run_seconds = 0.3\npicture_size = 48\nmore_drafts = 10\n[balance]\naccount = 100000\n";

/// Tests that are started with hangups ignored (`nohup`) would hand that on, and the program keeps it so. What is caught here
/// is set back to the default in whatever is started.
fn hear_hangups() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let heard = std::sync::Arc::default();
        signal_hook::flag::register(signal_hook::consts::SIGHUP, heard).unwrap();
    });
}

pub struct House {
    pub simulator: Running,
    pub program: Program,
}

impl House {
    pub fn new(scenario: &str) -> Self {
        Self::with(scenario, "")
    }

    /// With lines of configuration that come before all others.
    pub fn with(scenario: &str, lines: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let simulator = Simulator::start_in_background(Scenario::from_toml(scenario).unwrap(), 0).unwrap();
        let program = Program::new();
        let key = program.file("key", &simulator.key());
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        let mut config = format!("key_file = \"key\"\nbase_url = \"{}\"\n{lines}", simulator.base_url());
        let mut preset = |name: &str, value: &str| {
            if !lines.contains(name) {
                config = format!("{name} = {value}\n{config}");
            }
        };
        preset("submit_gap", "0");
        preset("reads_per_minute", "6000");
        preset("max_in_flight", "20");
        preset("grace", "0");
        program.file("c.toml", &config);
        Self { simulator, program }
    }

    pub fn home(&self) -> &Path {
        self.program.home()
    }

    /// The environment of every program here, and nothing of the tester's.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let path = |path: PathBuf| path.to_str().unwrap().to_owned();
        vec![
            ("HOME", path(self.home().to_owned())),
            ("MJ_ENHANCE_DATA_DIR", path(self.program.data())),
            ("MJ_ENHANCE_CONFIG", path(self.home().join("c.toml"))),
            ("PATH", "/usr/bin:/bin".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
        ]
    }

    pub fn command(&self, args: &[&str]) -> Command {
        hear_hangups();
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("mj-enhance"));
        command.args(args).env_clear().envs(self.environment()).current_dir(self.home()).stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    /// In the background, without a terminal.
    pub fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Lines for `add`, one picture each.
    pub fn specs(&self, pictures: usize) -> Vec<String> {
        let ids = self.simulator.draft_ids();
        ids.iter().flat_map(|id| (0..4).map(move |image| format!("{id} {image}"))).take(pictures).collect()
    }

    /// The same in a file.
    pub fn spec_file(&self, pictures: usize) -> PathBuf {
        self.program.file("specs.txt", &(self.specs(pictures).join("\n") + "\n"))
    }

    pub fn jobs(&self) -> Vec<Value> {
        self.run(&["list", "--json"]).expect(0).objects()
    }

    /// How many jobs stand at a state.
    pub fn count(&self, state: &str) -> usize {
        self.jobs().iter().filter(|job| job["state"] == state).count()
    }

    /// Paid requests that the service accepted.
    pub fn paid(&self) -> usize {
        self.simulator.ledger().iter().filter(|entry| !entry.seeded).count()
    }

    pub fn requests(&self) -> u64 {
        self.simulator.counts().requests.values().sum()
    }

    /// Every job is saved with its whole file, paid once, and the service has taken money for nothing else.
    pub fn assert_all_saved(&self, count: usize) {
        let jobs = self.jobs();
        assert_eq!(jobs.len(), count, "jobs in = jobs accounted for");
        for job in &jobs {
            assert_eq!(job["state"], "saved", "{job}");
            assert_whole(job);
        }
        self.assert_books(&jobs, count);
    }

    /// The service's book has exactly one entry for each sent job, and no entry that no job knows.
    pub fn assert_books(&self, jobs: &[Value], sent: usize) {
        let book: Vec<_> = self.simulator.ledger().into_iter().filter(|entry| !entry.seeded).collect();
        let paid: BTreeSet<&str> = book.iter().map(|entry| entry.task_id.as_str()).collect();
        let known: BTreeSet<&str> = jobs.iter().filter_map(|job| job["task_id"].as_str()).collect();
        assert_eq!(paid, known, "the service's tasks are the jobs' tasks");
        assert_eq!(book.len(), sent, "one charge for each accepted command: {jobs:?}");
        let keys: BTreeSet<_> = book.iter().filter_map(|entry| entry.key.as_deref()).collect();
        assert_eq!(keys.len(), book.len(), "each with a key of its own");
        assert_eq!(self.simulator.counts().submits_without_key, 0);
        let commands: Vec<_> = book.iter().map(|entry| (entry.source.clone(), entry.image)).collect();
        let of_jobs: Vec<_> = jobs
            .iter()
            .filter(|job| job["task_id"].is_string())
            .map(|job| {
                (job["source_task"].as_str().map(str::to_owned), job["image_number"].as_u64().and_then(|n| u8::try_from(n).ok()))
            })
            .collect();
        let sorted = |mut list: Vec<(Option<String>, Option<u8>)>| {
            list.sort();
            list
        };
        assert_eq!(sorted(commands), sorted(of_jobs), "and for the pictures that were outcomes");
    }
}

/// The files of a saved job are there as its record says.
pub fn assert_whole(job: &Value) {
    let files = job["files"].as_array().unwrap();
    assert!(!files.is_empty(), "{job}");
    for file in files {
        let bytes = std::fs::read(file["path"].as_str().unwrap()).unwrap();
        assert_eq!(file["bytes"].as_u64(), Some(bytes.len() as u64));
        let sum = Sha256::digest(&bytes).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        assert_eq!(file["sha256"].as_str(), Some(sum.as_str()), "{job}");
    }
    let price = if job["kind"] == "draft" { "2.7" } else { "5.4" };
    assert_eq!((job["charge"].as_str(), job["credits_charged"].as_str()), (Some("charged"), Some(price)), "{job}");
}

/// Waits for a condition; a test that waits for ever is ended by its runner.
pub fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        std::thread::yield_now();
    }
}

/// Sends a signal to a child of ours.
pub fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}
