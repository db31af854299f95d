//! Commands that ask the service, against the simulator; and what the key is kept out of.

use mj_enhance::simulator::{self, Simulator};

use crate::program::{Program, Ran};

fn ask(program: &Program, url: &str, key: &str, args: &[&str]) -> Ran {
    program.command().args(args).env("EVOLINK_BASE_URL", url).env("EVOLINK_API_KEY", key).output().unwrap().into()
}

#[test]
fn credits_are_told_as_decimal_text() {
    let simulator = Simulator::start_in_background(simulator::demo(), 0).unwrap();
    let program = Program::new();
    let ran = ask(&program, &simulator.base_url(), &simulator.key(), &["credits", "--json"]).expect(0);
    let balance = ran.objects().remove(0);
    assert_eq!(balance["account"], "412.75");
    assert!(balance["usable"].is_string());
    let ran = ask(&program, &simulator.base_url(), &simulator.key(), &["credits"]).expect(0);
    assert!(ran.stdout.contains("credits can be spent"), "{}", ran.stdout);
}

#[test]
fn drafts_are_listed_with_what_is_guessed() {
    let simulator = Simulator::start_in_background(simulator::demo(), 0).unwrap();
    let program = Program::new();
    let ran = ask(&program, &simulator.base_url(), &simulator.key(), &["drafts", "--json"]).expect(0);
    let drafts = ran.objects();
    assert!(!drafts.is_empty(), "{}", ran.stderr);
    let known = simulator.draft_ids();
    for draft in &drafts {
        assert!(known.iter().any(|id| draft["source_task"] == id.as_str()) || draft["draft"] != "likely", "{draft}");
    }
    assert!(drafts.iter().any(|draft| draft["draft"] == "likely"), "{drafts:?}");
    assert!(ran.stderr.contains("Guessed"), "{}", ran.stderr);
}

#[test]
fn a_refused_key_is_a_matter_of_login_and_shown_nowhere() {
    let simulator = Simulator::start_in_background(simulator::demo(), 0).unwrap();
    let program = Program::new();
    for args in [&["credits", "--json", "-vv"][..], &["doctor", "--json"], &["drafts", "--json"]] {
        let ran = ask(&program, &simulator.base_url(), "sk-wrong-7777777777", args).expect(6);
        assert!(!ran.stdout.contains("7777777") && !ran.stderr.contains("7777777"), "{}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn a_service_that_is_not_there_is_a_matter_of_the_network() {
    let simulator = Simulator::start_in_background(simulator::demo(), 0).unwrap();
    let (url, key) = (simulator.base_url(), simulator.key());
    simulator.shutdown();
    let program = Program::new();
    let ran = ask(&program, &url, &key, &["credits", "--json"]).expect(5);
    assert_eq!(ran.error()["code"], "service");
}

#[test]
fn doctor_finds_a_sound_setup_sound_and_pays_nothing() {
    let simulator = Simulator::start_in_background(simulator::demo(), 0).unwrap();
    let program = Program::new();
    let before = simulator.money();
    let ran = ask(&program, &simulator.base_url(), &simulator.key(), &["doctor", "--json"]).expect(0);
    let report = ran.objects().remove(0);
    assert_eq!(report["ok"], true, "{report}");
    let names: Vec<&str> = report["checks"].as_array().unwrap().iter().filter_map(|check| check["name"].as_str()).collect();
    for name in ["configuration", "key", "balance", "clock", "data folder", "results", "store", "engine", "terminal"] {
        assert!(names.contains(&name), "{name} is missing: {names:?}");
    }
    assert_eq!(simulator.money(), before);
    assert!(!program.data().exists(), "doctor makes nothing");
}

#[test]
fn doctor_names_the_variable_of_a_socks_proxy() {
    let program = Program::new();
    let mut command = program.command();
    command
        .args(["doctor", "--json"])
        .env("EVOLINK_API_KEY", "sk-evo-0123456789abcdef")
        .env("ALL_PROXY", "socks5h://u:pw@127.0.0.1:9");
    let ran: Ran = command.output().unwrap().into();
    let report = ran.objects().remove(0);
    let check = report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "proxy").unwrap();
    assert_eq!((&check["status"], ran.code), (&"bad".into(), 2), "{report}");
    let said = format!("{} {}", check["found"], check["next"]);
    assert!(said.contains("ALL_PROXY names a SOCKS proxy; SOCKS is not supported") && said.contains("HTTPS_PROXY"), "{said}");
    assert!(!ran.stdout.contains("pw@"), "{}", ran.stdout);
}

#[test]
fn simulate_prints_what_another_program_needs() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("mj-enhance"))
        .args(["simulate", "--port", "0"])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let about: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(about["schema"], 1);
    assert!(about["drafts"].as_array().is_some_and(|drafts| !drafts.is_empty()), "{about}");
    let program = Program::new();
    ask(&program, about["url"].as_str().unwrap(), about["key"].as_str().unwrap(), &["credits"]).expect(0);
    let port = about["url"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let ran = program.run(&["simulate", "--port", &port]).expect(2);
    assert!(ran.stderr.contains("in use"), "{}", ran.stderr);
    child.kill().unwrap();
    child.wait().unwrap();
}
