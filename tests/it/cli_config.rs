//! What is set where, and what is said when it is wrong.

use std::os::unix::fs::PermissionsExt;

use crate::program::{Program, Ran};

#[test]
fn all_mistakes_of_the_file_are_told_at_once() {
    let program = Program::new();
    let file = program.file("c.toml", "theme = \"dark\"\nmax_inflight = 3\ngrace = true\n[keys]\ncancel = 3\n");
    let file = file.to_str().unwrap();
    for command in ["list", "config"] {
        let args = if command == "config" { vec!["config", "check"] } else { vec![command] };
        let ran = program.command().args(args).args(["--config", file, "--json"]).output().unwrap();
        let ran = Ran::from(ran).expect(2);
        let lines = ran.error()["lines"].as_array().unwrap().len();
        assert_eq!(lines, 3, "{}", ran.stdout);
        for part in ["c.toml:2: max_inflight", "did you mean max_in_flight?", "c.toml:3: grace", "c.toml:5: keys.cancel"] {
            assert!(ran.stderr.contains(part), "{part} is missing: {}", ran.stderr);
        }
    }
    assert!(!program.data().exists(), "nothing is made by a refused command");
}

#[test]
fn flags_win_over_environment_over_file() {
    let program = Program::new();
    program.file("c.toml", "base_url = \"https://file.example\"\ndata_dir = \"from-file\"\n");
    let check = |args: &[&str], env: &[(&str, &str)]| {
        let mut command = program.command();
        command.env_remove("MJ_ENHANCE_DATA_DIR").env("MJ_ENHANCE_CONFIG", "c.toml");
        let ran = Ran::from(command.args(["config", "check", "--json"]).args(args).envs(env.iter().copied()).output().unwrap());
        ran.expect(0).objects().remove(0)
    };
    let found = check(&[], &[]);
    assert_eq!(found["base_url"], "https://file.example/");
    assert!(found["data_dir"].as_str().unwrap().ends_with("/from-file"), "{found}");
    let env = [("EVOLINK_BASE_URL", "https://env.example"), ("MJ_ENHANCE_DATA_DIR", "from-env")];
    let found = check(&[], &env);
    assert_eq!(found["base_url"], "https://env.example/");
    assert!(found["data_dir"].as_str().unwrap().ends_with("/from-env"), "{found}");
    let found = check(&["--base-url", "http://127.0.0.1:9", "--data-dir", "from-flag"], &env);
    assert_eq!(found["base_url"], "http://127.0.0.1:9/");
    assert!(found["data_dir"].as_str().unwrap().ends_with("/from-flag"), "{found}");
    assert!(found["results_dir"].as_str().unwrap().ends_with("/from-flag/results"), "{found}");
}

#[test]
fn an_address_with_v1_or_in_the_clear_is_refused() {
    let program = Program::new();
    let ran = program.run(&["list", "--base-url", "https://api.evolink.ai/v1"]).expect(2);
    assert!(ran.stderr.contains("without /v1"), "{}", ran.stderr);
    let ran = program.run(&["list", "--base-url", "http://api.evolink.ai"]).expect(2);
    assert!(ran.stderr.contains("in the clear"), "{}", ran.stderr);
}

#[test]
fn init_writes_the_example_once() {
    let program = Program::new();
    let path = program.run(&["config", "path"]).expect(0).stdout.trim().to_owned();
    program.run(&["config", "init"]).expect(0);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), include_str!("../../config.example.toml"));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let ran = program.run(&["config", "init"]).expect(2);
    assert!(ran.stderr.contains("was left as it is"), "{}", ran.stderr);
    program.run(&["config", "check"]).expect(0);
}

#[test]
fn a_missing_or_open_key_is_a_matter_of_login() {
    let program = Program::new();
    let ran = program.run(&["credits", "--json"]).expect(6);
    assert_eq!(ran.error()["code"], "no_key");
    assert!(ran.stderr.contains("EVOLINK_API_KEY") && ran.stderr.contains("--demo"), "{}", ran.stderr);
    let key = program.file("key", "sk-secret-1234");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    program.file("c.toml", "key_file = \"key\"\n");
    let ran = program.run(&["credits", "--config", "c.toml"]).expect(6);
    assert!(ran.stderr.contains("chmod 600") && !ran.stderr.contains("sk-secret"), "{}", ran.stderr);
}

#[test]
fn an_unknown_profile_is_named_with_the_nearest() {
    let program = Program::new();
    program.file("c.toml", "[profiles.work]\ncap_day = 3\n");
    let ran = program.run(&["list", "--config", "c.toml", "--profile", "wrok"]).expect(2);
    assert!(ran.stderr.contains("did you mean work?"), "{}", ran.stderr);
    program.run(&["list", "--config", "c.toml", "--profile", "work"]).expect(0);
}

#[test]
fn a_data_folder_that_cannot_be_used_is_one_sentence() {
    let program = Program::new();
    program.file("plain", "not a folder");
    for args in [&["list"][..], &["add", "task-unified-1-a", "--hold"]] {
        let ran = program.command().args(args).args(["--data-dir", "plain", "--json"]).output().unwrap();
        let ran = Ran::from(ran).expect(2);
        assert!(ran.error()["message"].as_str().unwrap().contains("plain"), "{}", ran.stdout);
    }
}
