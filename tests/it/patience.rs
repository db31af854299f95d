//! `run --until-idle` ends by `--patience` whatever stays in trouble: nothing is lost, and what is left is named.

use std::process::{Command, Stdio};

use crate::house::House;
use crate::program::Ran;

const QUICK: &str = "run_seconds = 0.2\npicture_size = 64\nmore_drafts = 2\n[balance]\naccount = 1000\n";
const RUN: [&str; 7] = ["run", "--until-idle", "--patience", "2s", "--yes", "--max-credits", "100"];

/// On a busy machine a run may lose its patience before the trouble has begun; the next one meets it.
const MOST_RUNS: usize = 30;

/// One job in this trouble: a run ends with this code, says this, and leaves the job so.
fn ends(trouble: &str, code: i32, said: &str, state: &str) -> House {
    let house = House::new(&format!("{QUICK}{trouble}"));
    house.program.add(&[&house.specs(1)[0]]);
    let mut heard = String::new();
    for _ in 0..MOST_RUNS {
        let ran = house.run(&RUN);
        assert_eq!(ran.code, code, "{trouble}: {}", ran.stderr);
        if ran.stderr.contains(said) {
            assert_eq!(house.count(state), 1, "{trouble}: {}", ran.stderr);
            return house;
        }
        heard.push_str(&ran.stderr);
    }
    panic!("{trouble}: {heard}");
}

#[test]
fn a_run_ends_by_patience_when_the_state_of_its_jobs_cannot_be_read() {
    let said = "stay running. Nothing is lost";
    for trouble in [
        "[[rules]]\nat = [1]\nthen = { results_late_seconds = 100000 }\n",
        "[[rules]]\nat = [1]\nthen = { final_status = \"succeeded\" }\n",
        "[[rules]]\nat = [1]\nthen = { malformed = \"no_id\" }\n",
        "[[faults]]\nroute = \"batch\"\neffect = { kind = \"status\", status = 500 }\n[[faults]]\nroute = \"read\"\nfrom = 2\neffect = { kind = \"status\", status = 500 }\n",
    ] {
        let house = ends(trouble, 1, said, "running");
        assert_eq!(house.paid(), 1);
    }
}

#[test]
fn a_run_ends_by_patience_when_a_draft_cannot_be_read_and_nothing_is_sent() {
    let trouble = "[[faults]]\nroute = \"batch\"\neffect = { kind = \"status\", status = 500 }\n[[faults]]\nroute = \"read\"\neffect = { kind = \"status\", status = 500 }\n";
    let house = ends(trouble, 1, "What could not be sent stays waiting", "waiting");
    assert_eq!(house.paid(), 0);
}

#[test]
fn a_run_ends_by_patience_when_results_cannot_be_written_and_a_later_one_brings_them_home() {
    let house = House::new(&QUICK.replace("picture_size = 64", "picture_size = 2048"));
    house.program.add(&house.specs(2).iter().map(String::as_str).collect::<Vec<_>>());
    // Smaller than a picture.
    let script = "ulimit -f 900; exec \"$0\" \"$@\"";
    let limited = || {
        let mut limited = Command::new("/bin/sh");
        limited.args(["-c", script]).arg(assert_cmd::cargo::cargo_bin("mj-enhance")).args(RUN);
        limited.env_clear().envs(house.environment()).current_dir(house.home()).stdin(Stdio::null());
        let ran = Ran::from(limited.output().unwrap());
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        ran.stderr
    };
    // The store may have met the limit as well.
    let is_said = |said: &str| said.contains("Nothing is lost") && said.contains("could not be saved");
    assert!((0..MOST_RUNS).any(|_| is_said(&limited())), "it never said so");
    let paid = house.paid();
    house.run(&["run", "--until-idle", "--yes", "--max-credits", "100"]).expect(0);
    assert!(paid >= 1);
    house.assert_all_saved(2);
}
