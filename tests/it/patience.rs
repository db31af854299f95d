//! `run --until-idle` ends by `--patience` whatever stays in trouble: nothing is lost, and what is left is named.
//!
//! A first run without an end brings the jobs into their trouble; so the one that is to lose its patience begins with it,
//! and nothing depends on how fast the machine gets there.

use std::process::{Child, Command, Stdio};

use rustix::process::Signal;

use crate::house::{House, signal};
use crate::program::Ran;
use crate::stage::PATIENCE;

const QUICK: &str = "run_seconds = 0.2\npicture_size = 64\nmore_drafts = 2\n[balance]\naccount = 1000\n";
const CONSENT: [&str; 3] = ["--yes", "--max-credits", "100"];
/// Long enough for the first answer on a busy machine.
const RUN: [&str; 7] = ["run", "--until-idle", "--patience", "8s", "--yes", "--max-credits", "100"];

/// Waits until it is so, and ends the engine in order. What it waits for may never be so: then it says what is.
fn until_then_leave(mut engine: Child, house: &House, mut is_so: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + PATIENCE;
    while !is_so() {
        assert!(std::time::Instant::now() < end, "waited in vain: {:?}", house.jobs());
    }
    signal(engine.id(), Signal::TERM);
    engine.wait().unwrap();
}

fn end_without_patience(house: &House, said: &str, state: &str, name: &str) {
    let ran = house.run(&RUN);
    assert_eq!(ran.code, 1, "{name}: {}", ran.stderr);
    assert!(ran.stderr.contains(said), "{name}: {}", ran.stderr);
    assert_eq!(house.count(state), 1, "{name}: {}", ran.stderr);
}

#[test]
fn a_run_ends_by_patience_when_the_state_of_its_jobs_cannot_be_read() {
    let failing = |route| format!("[[faults]]\nroute = \"{route}\"\nfrom = 2\neffect = {{ kind = \"status\", status = 500 }}\n");
    let troubles = [
        "[[rules]]\nat = [1]\nthen = { results_late_seconds = 100000 }\n".to_owned(),
        "[[rules]]\nat = [1]\nthen = { final_status = \"succeeded\" }\n".to_owned(),
        "[[rules]]\nat = [1]\nthen = { malformed = \"no_id\" }\n".to_owned(),
        // The first read is that of the draft; the task is read by batches and alone.
        format!("{}{}", failing("batch").replace("from = 2\n", ""), failing("read")),
    ];
    std::thread::scope(|scope| {
        for trouble in &troubles {
            scope.spawn(move || {
                let house = House::new(&format!("{QUICK}{trouble}"));
                house.program.add(&[&house.specs(1)[0]]);
                let engine = house.spawn(&[&["run"], CONSENT.as_slice()].concat());
                until_then_leave(engine, &house, || house.count("running") == 1);
                end_without_patience(&house, "stay running. Nothing is lost", "running", trouble);
                assert_eq!(house.paid(), 1);
            });
        }
    });
}

#[test]
fn a_run_ends_by_patience_when_a_draft_cannot_be_read_and_nothing_is_sent() {
    let trouble = "[[faults]]\nroute = \"batch\"\neffect = { kind = \"status\", status = 500 }\n[[faults]]\nroute = \"read\"\neffect = { kind = \"status\", status = 500 }\n";
    let house = House::new(&format!("{QUICK}{trouble}"));
    house.program.add(&[&house.specs(1)[0]]);
    end_without_patience(&house, "What could not be sent stays waiting", "waiting", trouble);
    assert_eq!(house.paid(), 0);
}

#[test]
fn a_run_ends_by_patience_when_results_cannot_be_written_and_a_later_one_brings_them_home() {
    let house = House::new(&QUICK.replace("picture_size = 64", "picture_size = 4096"));
    house.program.add(&house.specs(2).iter().map(String::as_str).collect::<Vec<_>>());
    // Smaller than a picture, and more than the store and its log need here. Blocks are of 512 bytes.
    let limited = |args: &[&str]| {
        let mut limited = Command::new("/bin/sh");
        limited.args(["-c", "ulimit -f 2600; exec \"$0\" \"$@\""]).arg(assert_cmd::cargo::cargo_bin("mj-enhance")).args(args);
        limited.env_clear().envs(house.environment()).current_dir(house.home()).stdin(Stdio::null());
        limited
    };
    let engine = limited(&[&["run"], CONSENT.as_slice()].concat()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let is_in_trouble = |job: &serde_json::Value| job["state"] == "to-fetch" && job["reason"].is_string();
    until_then_leave(engine, &house, || house.jobs().iter().all(is_in_trouble));
    let ran = Ran::from(limited(&RUN).output().unwrap());
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("Nothing is lost") && ran.stderr.contains("could not be saved"), "{}", ran.stderr);
    assert_eq!(house.paid(), 2);
    house.run(&["run", "--until-idle", "--yes", "--max-credits", "100"]).expect(0);
    house.assert_all_saved(2);
    let smallest =
        house.jobs().iter().map(|job| std::fs::metadata(job["files"][0]["path"].as_str().unwrap()).unwrap().len()).min();
    assert!(smallest > Some(2_600 * 512), "the limit was no limit: {smallest:?} bytes");
}
