//! What is set where, and what is said when it is wrong.

use std::os::unix::fs::PermissionsExt;

use crate::program::{Program, Ran};

#[test]
fn all_mistakes_of_the_file_are_told_at_once() {
    let program = Program::new();
    let text =
        "theme = \"dark\"\nmax_inflight = 3\ngrace = true\n[keys]\ncancel = 3\nhodl = [\"x\"]\nquit = [\"q\", \"Ctrl+c\"]\n";
    let file = program.file("c.toml", text);
    let file = file.to_str().unwrap();
    for command in ["list", "config"] {
        let args = if command == "config" { vec!["config", "check"] } else { vec![command] };
        let ran = program.command().args(args).args(["--config", file, "--json"]).output().unwrap();
        let ran = Ran::from(ran).expect(2);
        let lines = ran.error()["lines"].as_array().unwrap().len();
        assert_eq!(lines, 5, "{}", ran.stdout);
        let mut last = 0;
        for part in [
            "c.toml:2: max_inflight: ",
            "did you mean max_in_flight?",
            "c.toml:3: grace: ",
            "c.toml:5: keys.cancel: ",
            "c.toml:6: keys.hodl: ",
            "c.toml:7: keys.quit: ",
        ] {
            let at = ran.stderr.find(part).unwrap_or_else(|| panic!("{part} is missing: {}", ran.stderr));
            assert!(at > last, "in the order of their lines: {}", ran.stderr);
            last = at;
        }
    }
    assert!(!program.data().exists(), "nothing is made by a refused command");
}

#[test]
fn check_names_key_files_and_programs_that_are_not_there_beside_all_other_mistakes() {
    let program = Program::new();
    program.file("open key", "sk-test-0123456789");
    let text = "key_file = \"no key\"\ngrace = 3\non_done = [\"no-such-hook\", \"x\"]\non_failed = [\"/bin/sh\"]\non_batch = [\"sh\"]\n\
                [profiles.a]\nkey_file = \"open key\"\n[profiles.b]\nkey_command = [\"./no-such-command\"]\n[keys]\nhodl = []\n";
    program.file("c.toml", text);
    let mut command = program.command();
    command.args(["config", "check", "--config", "c.toml", "--json"]).env("PATH", "/usr/bin:/bin");
    let ran = Ran::from(command.output().unwrap()).expect(2);
    let lines = ran.error()["lines"].clone();
    let places: Vec<&str> = lines.as_array().unwrap().iter().map(|line| line["line"].as_str().unwrap()).collect();
    assert_eq!(
        places,
        [
            "c.toml:1: key_file",
            "c.toml:2: grace",
            "c.toml:3: on_done",
            "c.toml:7: key_file",
            "c.toml:9: key_command",
            "c.toml:11: keys.hodl"
        ]
    );
    for part in ["'no key'", "no-such-hook", "chmod 600", "./no-such-command"] {
        assert!(ran.stderr.contains(part), "{part} is missing: {}", ran.stderr);
    }
    assert!(!ran.stderr.contains("0123456789"), "{}", ran.stderr);
    let doctor = program.run(&["doctor", "--config", "c.toml", "--json"]).expect(2);
    let report = doctor.objects().remove(0);
    let checks = report["checks"].as_array().unwrap().clone();
    let of = |status: &str| checks.iter().filter(|check| check["name"] == "configuration" && check["status"] == status).count();
    assert_eq!((of("ok"), of("bad")), (0, 2), "both mistakes, and it is not called ok as well: {report}");
}

#[test]
fn a_file_of_config_init_stays_valid_with_any_line_uncommented() {
    let program = Program::new();
    let path = program.run(&["config", "path"]).expect(0).stdout.trim().to_owned();
    program.run(&["config", "init"]).expect(0);
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let mut tried = 0;
    for (index, line) in lines.iter().enumerate() {
        let Some(setting) = line.strip_prefix("# ").filter(|rest| rest.contains(" = ") || rest.starts_with('[')) else {
            continue;
        };
        tried += 1;
        let mut changed = lines.clone();
        changed[index] = setting;
        std::fs::write(&path, changed.join("\n")).unwrap();
        let ran = program.run(&["config", "check"]);
        assert_eq!(ran.code, 0, "{setting}: {}", ran.stderr);
    }
    assert!(tried >= 3);
}

#[test]
fn check_says_which_cap_counts_and_where_it_comes_from() {
    use mj_enhance::store::{Access, Store};
    let program = Program::new();
    program.file("c.toml", "cap_session = 30\n");
    let mut store = Store::open(&program.data(), Access::ReadWrite).unwrap();
    store.change_settings(&mut |settings| settings.cap_day = Some(Some("70".parse().unwrap()))).unwrap();
    let ran = program.run(&["config", "check", "--config", "c.toml"]).expect(0);
    assert!(ran.stdout.contains("cap_day      70 credits (set in the dashboard; file: none)"), "{}", ran.stdout);
    assert!(ran.stdout.contains("cap_session  30 credits\n"), "{}", ran.stdout);
    let found = program.run(&["config", "check", "--config", "c.toml", "--json"]).expect(0).objects().remove(0);
    assert_eq!((found["cap_day"].as_str(), found["cap_day_from"].as_str()), (Some("70"), Some("dashboard")));
    assert_eq!((found["cap_session"].as_str(), found["cap_session_from"].as_str()), (Some("30"), Some("file")));
}

#[test]
fn edit_opens_the_editor_and_checks_what_it_left() {
    let program = Program::new();
    let path = program.run(&["config", "path"]).expect(0).stdout.trim().to_owned();
    let edit = |editor: &str| {
        let mut command = program.command();
        command.args(["config", "edit"]).env("EDITOR", "false").env("VISUAL", editor).env("PATH", "/usr/bin:/bin");
        Ran::from(command.env("EVOLINK_API_KEY", "sk-secret-1234").output().unwrap())
    };
    // With an argument of its own, and never with the key.
    let ran = edit("sh -c 'sed -i \"s/^max_in_flight = 4/max_in_flight = 7/\" \"$1\"; env' x").expect(0);
    assert!(ran.stdout.contains("is in order") && !ran.stdout.contains("sk-secret"), "{}", ran.stdout);
    assert!(std::fs::read_to_string(&path).unwrap().contains("max_in_flight = 7"));
    let ran = edit("sh -c 'echo \"nonsense = 1\" > \"$1\"' x").expect(2);
    assert!(ran.stderr.contains(":1: nonsense: is not an option"), "{}", ran.stderr);
    let ran = edit("false").expect(2);
    assert!(ran.stderr.contains("ended with"), "{}", ran.stderr);
}

#[test]
fn a_duration_without_its_unit_gets_one_message_everywhere() {
    let program = Program::new();
    program.file("c.toml", "grace = 5\n");
    for args in [
        &["wait", "--timeout", "5"][..],
        &["prune", "--older-than", "3"],
        &["run", "--patience", "soon"],
        &["list", "--config", "c.toml"],
    ] {
        let ran = program.run(args).expect(2);
        assert!(ran.stderr.contains("is not a duration: write it like 90s, 10m, 2h or 30d"), "{args:?}: {}", ran.stderr);
    }
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
    assert!(ran.stderr.contains("mj-enhance login") && ran.stderr.lines().all(|line| line.len() <= 80), "{}", ran.stderr);
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

#[test]
fn set_changes_one_option_and_refuses_what_would_make_the_file_wrong() {
    let program = Program::new();
    let path = program.run(&["config", "path"]).expect(0).stdout.trim().to_owned();
    program.run(&["config", "set", "cap_day", "70"]).expect(0);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\ncap_day = 70\n"), "{text}");
    for (name, value, said) in [("cap_day", "much", "cap_day"), ("cap_dya", "70", "cap_day"), ("keys.quit", "x", "config edit")] {
        let ran = program.run(&["config", "set", name, value]).expect(2);
        assert!(ran.stderr.contains(said), "{name}: {}", ran.stderr);
    }
    program.run(&["--read-only", "config", "set", "cap_day", "1"]).expect(2);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "what is refused changes nothing");
    program.run(&["config", "set", "theme", "light"]).expect(0);
    let found = program.run(&["config", "check"]).expect(0);
    assert!(found.stdout.contains("70 credits"), "{}", found.stdout);
    // Whoever lowers a cap while an engine runs is told that it does not bind it yet.
    program.add(&["task-unified-1-b:0"]);
    let lock = mj_enhance::store::Store::lock_engine(&program.data()).unwrap();
    let told = program.run(&["config", "set", "cap_day", "5"]).expect(0).stderr;
    assert!(told.contains(&std::process::id().to_string()) && told.contains("until it is started again"), "{told}");
    drop(lock);
    assert!(!program.run(&["config", "set", "cap_day", "70"]).expect(0).stderr.contains("Process"));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\ntheme = \"light\"\n"), "{text}");
}
