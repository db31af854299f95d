//! A store belongs to one service address and one account.

use crate::house::{House, QUICK, signal, until};
use crate::program::Ran;

/// One job that runs for ever.
const SLOW: &str = "run_seconds = 3600\nmore_drafts = 1\n[balance]\naccount = 1000\n";

/// A house with one job running at its own service, and no engine.
fn with_a_running_job() -> House {
    let house = House::new(SLOW);
    let file = house.spec_file(1);
    house.run(&["add", "-f", file.to_str().unwrap(), "--yes", "--max-credits", "10"]).expect(0);
    let mut engine = house.spawn(&["run", "--yes", "--max-credits", "10"]);
    until(|| house.count("running") == 1);
    signal(engine.id(), rustix::process::Signal::TERM);
    engine.wait().unwrap();
    house
}

/// One house's store with another address and key.
fn at(house: &House, address: &str, key: &str, args: &[&str]) -> Ran {
    house.command(args).env("EVOLINK_BASE_URL", address).env("EVOLINK_API_KEY", key).output().unwrap().into()
}

#[test]
fn another_address_or_key_is_refused_before_anything_is_sent_while_jobs_are_open() {
    let house = with_a_running_job();
    let other = House::new(QUICK);
    let (here, there) = (house.simulator.base_url(), other.simulator.base_url());
    for args in [&["run", "--until-idle", "--json"][..], &["run", "--yes", "--max-credits", "100", "--json"]] {
        let before = house.requests();
        for (address, key) in [(&there, other.simulator.key()), (&here, "sk-another-0123456789".to_owned())] {
            let ran = at(&house, address, &key, args).expect(2);
            assert_eq!(ran.error()["code"], "other_account", "{}", ran.stdout);
            for part in [here.as_str(), address, "--data-dir", "--profile", "config adopt-account"] {
                assert!(ran.stderr.contains(part), "{part} is missing: {}", ran.stderr);
            }
            assert!(!ran.stderr.contains(&key) && !ran.stderr.contains(&house.simulator.key()), "{}", ran.stderr);
        }
        assert_eq!((house.requests(), other.requests()), (before, 0), "nobody was asked");
    }
    assert_eq!(house.count("running"), 1);
    let ran = at(&house, &there, &other.simulator.key(), &["doctor"]).expect(2);
    assert!(ran.stdout.contains("belong to"), "{}", ran.stdout);
}

#[test]
fn a_store_with_nothing_open_changes_hands_and_says_so_once() {
    let house = with_a_running_job();
    let id = house.jobs()[0]["id"].as_str().unwrap().to_owned();
    house.run(&["cancel", &id]).expect(0);
    let other = House::new(QUICK);
    let (address, key) = (other.simulator.base_url(), other.simulator.key());
    let ran = at(&house, &address, &key, &["run", "--until-idle"]).expect(0);
    assert!(ran.stderr.contains("This store belonged to") && ran.stderr.contains(&address), "{}", ran.stderr);
    let ran = at(&house, &address, &key, &["run", "--until-idle"]).expect(0);
    assert!(!ran.stderr.contains("belonged"), "{}", ran.stderr);
}

#[test]
fn a_wrong_key_is_not_learned_and_the_right_one_is() {
    let house = House::new(QUICK);
    let file = house.spec_file(1);
    house.run(&["add", "-f", file.to_str().unwrap(), "--yes", "--max-credits", "10"]).expect(0);
    let run = ["run", "--until-idle", "--yes", "--max-credits", "10"];
    at(&house, &house.simulator.base_url(), "sk-wrong-0123456789", &run).expect(6);
    house.run(&run).expect(0);
    house.assert_all_saved(1);
}

#[test]
fn a_lost_answer_binds_the_store_to_the_account_it_was_sent_to() {
    let fault = "\n[[faults]]\nroute = \"submit\"\nsticky = true\neffect = { kind = \"reset_after\" }\n\
                 [[faults]]\nroute = \"list\"\nsticky = true\neffect = { kind = \"status\", status = 500 }\n";
    let house = House::new(&format!("{SLOW}{fault}"));
    let file = house.spec_file(1);
    house.run(&["add", "-f", file.to_str().unwrap(), "--yes", "--max-credits", "10"]).expect(0);
    let mut engine = house.spawn(&["run", "--yes", "--max-credits", "10"]);
    until(|| house.paid() == 1);
    engine.kill().unwrap();
    engine.wait().unwrap();
    let other = House::new(QUICK);
    at(&house, &other.simulator.base_url(), &other.simulator.key(), &["run", "--until-idle"]).expect(2);
    assert_eq!(other.requests(), 0);
}

#[test]
fn a_renewed_key_is_adopted_where_the_service_knows_the_tasks_and_another_account_is_not() {
    let house = with_a_running_job();
    let other = House::new(QUICK);
    let ran = at(&house, &other.simulator.base_url(), &other.simulator.key(), &["config", "adopt-account", "--json"]).expect(2);
    assert_eq!(ran.error()["code"], "other_account");
    assert!(ran.stderr.contains("knows none of the 1 task"), "{}", ran.stderr);
    // The same service under another name: its tasks are known.
    let renamed = house.simulator.base_url().replace("127.0.0.1", "localhost");
    at(&house, &renamed, &house.simulator.key(), &["run", "--until-idle"]).expect(2);
    at(&house, &renamed, &house.simulator.key(), &["config", "adopt-account"]).expect(0);
    house.simulator.finish_all();
    at(&house, &renamed, &house.simulator.key(), &["run", "--until-idle"]).expect(0);
    assert_eq!(house.count("saved"), 1);
}

#[test]
fn the_demo_never_opens_a_store() {
    let house = House::new(QUICK);
    house.run(&["add", "task-unified-1790000100-k3v9q2ad", "--hold"]).expect(0);
    let before = house.jobs();
    let folder = house.program.data();
    let ran = house.run(&["--demo", "--data-dir", folder.to_str().unwrap()]).expect(2);
    assert!(ran.stderr.contains("--demo never opens a store"), "{}", ran.stderr);
    assert_eq!(house.jobs(), before);
}
