//! Tests of what the whole room promises.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::job::Credits;

fn nothing() -> (Flags, Environment) {
    (Flags { data_dir: Some("/data".into()), ..Flags::default() }, Environment::default())
}

fn read(text: &str) -> Result<Config, ConfigErrors> {
    let (flags, env) = nothing();
    check(Some(text), Path::new("/etc/mj/config.toml"), &flags, &env)
}

fn wrong(text: &str) -> String {
    read(text).expect_err(text).to_string()
}

#[test]
fn the_example_equals_the_defaults() {
    let (flags, env) = nothing();
    let defaults = check(None, Path::new("/etc/mj/config.toml"), &flags, &env).unwrap();
    let mut example = read(EXAMPLE).unwrap();
    assert_eq!(example.file.take().as_deref(), Some(Path::new("/etc/mj/config.toml")));
    assert_eq!(example, defaults);
}

#[test]
fn the_example_sets_every_option_and_no_other() {
    let table: toml::Table = EXAMPLE.parse().unwrap();
    let mut written: Vec<&str> = table.keys().map(String::as_str).filter(|key| !["keys", "profiles"].contains(key)).collect();
    let mut known: Vec<&str> = OPTIONS.iter().map(|option| option.name).collect();
    written.sort_unstable();
    known.sort_unstable();
    assert_eq!(written, known);
}

#[test]
fn every_option_explains_itself_in_the_example() {
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    for option in OPTIONS {
        let place = lines.iter().position(|line| line.starts_with(&format!("{} = ", option.name))).unwrap();
        assert!(lines[place - 1].starts_with("# "), "{} has no comment", option.name);
    }
}

#[test]
fn a_duration_has_the_same_rules_and_the_same_message_in_file_and_flags() {
    for (text, seconds) in [("90s", 90), ("10m", 600), ("2h", 7_200), ("30d", 2_592_000), ("1m30s", 90), ("0", 0), (" 5s ", 5)] {
        assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
    assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
    for text in ["", "5", "soon", "-5s", "5s ago", "1y", "2mo", "10 m x", "1e3s"] {
        let said = parse_duration(text).unwrap_err();
        assert!(said.ends_with("is not a duration: write it like 90s, 10m, 2h or 30d"), "{text}: {said}");
    }
    assert_eq!(read("submit_gap = 0").unwrap().submit_gap, Duration::ZERO);
    for value in ["5", "\"5\"", "-1"] {
        assert!(wrong(&format!("submit_gap = {value}")).contains("write it like 90s, 10m, 2h or 30d"), "{value}");
    }
}

#[test]
fn mistakes_in_keys_stand_among_the_others_in_the_order_of_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.toml");
    std::fs::write(&file, "grace = true\n[keys]\nhodl = []\n[profiles.work]\nmax_in_flight = 1\n").unwrap();
    let flags = Flags { config: Some(file.clone()), ..Flags::default() };
    let keys = |lines: &[KeyLine]| {
        let mistake = |line: &KeyLine| KeyMistake {
            line: line.line,
            action: line.action.clone(),
            what: "is not an action".to_owned(),
            next: String::new(),
        };
        lines.iter().map(mistake).collect()
    };
    let errors = load(&flags, &Environment::default(), &keys).unwrap_err().to_string();
    let lines: Vec<&str> = errors.lines().collect();
    let begins = |n: usize, rest: &str| lines[n].starts_with(&format!("{}:{rest}", file.display()));
    assert!(
        begins(0, "1: grace: ") && begins(1, "3: keys.hodl: is not an action") && begins(2, "5: max_in_flight: "),
        "{errors}"
    );
}

#[test]
fn an_unknown_option_is_told_with_line_and_nearest_name() {
    let said = wrong("theme = \"dark\"\nmax_inflight = 3\n");
    assert_eq!(said, "/etc/mj/config.toml:2: max_inflight: is not an option; did you mean max_in_flight?");
    assert!(wrong("zzz = 1").contains("config.example.toml lists the options"));
}

#[test]
fn the_key_itself_in_the_file_gets_its_own_hint_and_is_not_shown() {
    let said = wrong("api_key = \"sk-secret\"");
    assert!(said.contains("key_file") && !said.contains("sk-secret"), "{said}");
}

#[test]
fn wrong_types_and_ranges_are_told_each_on_its_line() {
    let said = wrong("max_in_flight = 0\nsubmit_gap = \"soon\"\ncap_day = -1\nmouse = 3\non_done = \"ls\"\ntheme = \"drak\"\n");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 6, "{said}");
    for (index, (key, part)) in [
        ("max_in_flight", "0 is out of range; it must be a whole number from 1 to 10000"),
        ("submit_gap", "\"soon\" is not a duration: write it like 90s, 10m, 2h or 30d"),
        ("cap_day", "-1 is below zero"),
        ("mouse", "is an integer; it must be \"auto\", true or false"),
        ("on_done", "is a string; it must be a list of texts"),
        ("theme", "perhaps \"dark\" is meant"),
    ]
    .into_iter()
    .enumerate()
    {
        assert!(lines[index].starts_with(&format!("/etc/mj/config.toml:{}: {key}: ", index + 1)), "{}", lines[index]);
        assert!(lines[index].contains(part), "{}", lines[index]);
    }
}

#[test]
fn broken_toml_is_told_with_its_line() {
    let said = wrong("theme = \"dark\"\ngrace = = 3\n");
    assert!(said.starts_with("/etc/mj/config.toml:2: this is not TOML"), "{said}");
}

#[test]
fn values_are_read_in_all_their_forms() {
    let config = read(
        "max_in_flight = 10_000\nsubmit_gap = 0\ngrace = \"1m30s\"\ncap_day = 64.8\ncap_session = \"100\"\nascii = true\n\
         mouse = \"auto\"\nkey_command = [\"pass\", \"show\", \"x\"]\nresults_dir = \"out\"\n[keys]\ncancel = [\"x\", \"Ctrl+x\"]\nquit = []\n",
    )
    .unwrap();
    assert_eq!(config.max_in_flight, 10_000);
    assert_eq!(config.submit_gap, Duration::ZERO);
    assert_eq!(config.grace, Duration::from_secs(90));
    assert_eq!(config.caps.day, Some(Credits::from_uc(648_000)));
    assert_eq!(config.caps.session, Some(Credits::from_uc(1_000_000)));
    assert_eq!(config.ascii, Switch::On);
    assert_eq!(config.results_dir, Path::new("/etc/mj/out"));
    assert_eq!(config.key, KeySource::Command(vec!["pass".into(), "show".into(), "x".into()]));
    let keys: Vec<(&str, usize, usize)> = config.keys.iter().map(|k| (k.action.as_str(), k.keys.len(), k.line)).collect();
    assert_eq!(keys, [("cancel", 2, 11), ("quit", 0, 12)]);
}

#[test]
fn flags_win_over_environment_over_profile_over_file() {
    let file = "base_url = \"https://file.example\"\ncap_day = 10\nkey_file = \"k\"\n\
                [profiles.work]\nbase_url = \"https://work.example\"\ncap_day = 20\nkey_command = [\"pass\"]\n";
    let path = Path::new("/etc/mj/config.toml");
    let base = |flags: &Flags, env: &Environment| check(Some(file), path, flags, env).unwrap().base_url.to_string();
    let mut flags = Flags::default();
    let mut env = Environment::default();
    assert_eq!(base(&flags, &env), "https://file.example/");
    flags.profile = Some("work".into());
    assert_eq!(base(&flags, &env), "https://work.example/");
    let config = check(Some(file), path, &flags, &env).unwrap();
    assert_eq!(config.caps.day, Some(Credits::from_uc(200_000)));
    assert_eq!(config.key, KeySource::Command(vec!["pass".into()]));
    assert!(config.data_dir.ends_with("profiles/work"));
    env = Environment::of([(variables::BASE_URL, "https://env.example"), (KEY_VARIABLE, "sk-x")]);
    assert_eq!(base(&flags, &env), "https://env.example/");
    assert_eq!(check(Some(file), path, &flags, &env).unwrap().notes.len(), 1);
    flags.base_url = Some("http://127.0.0.1:4000".into());
    assert_eq!(base(&flags, &env), "http://127.0.0.1:4000/");
}

#[test]
fn a_profile_may_not_set_everything_and_must_exist() {
    let said = wrong("[profiles.work]\ngrace = \"1s\"\n");
    assert!(said.contains(":2: grace: cannot be set in a profile"), "{said}");
    let flags = Flags { profile: Some("wrok".into()), ..Flags::default() };
    let said = check(Some("[profiles.work]\ncap_day = 1\n"), Path::new("c.toml"), &flags, &Environment::default())
        .unwrap_err()
        .to_string();
    assert!(said.contains("did you mean work?"), "{said}");
}

#[test]
fn base_urls_are_checked() {
    for (text, part) in [
        ("https://api.evolink.ai/v1", "without /v1"),
        ("https://api.evolink.ai/v1/", "without /v1"),
        ("http://api.evolink.ai", "in the clear"),
        ("http://10.0.0.1:80", "in the clear"),
        ("ftp://api.evolink.ai", "must begin with https"),
        ("https://me:secret@api.evolink.ai", "password"),
        ("https://api.evolink.ai/x", "more than a host"),
        ("https://api.evolink.ai/?a=1", "more than a host"),
        ("api.evolink.ai", "is not an address"),
    ] {
        let said = parse_base_url(text).unwrap_err();
        assert!(said.contains(part) && !said.contains("secret"), "{text}: {said}");
    }
    for text in ["https://api.evolink.ai", "http://127.0.0.1:8080/", "http://[::1]:9", "http://localhost:1", "https://localhost"]
    {
        assert!(parse_base_url(text).is_ok(), "{text}");
    }
}

#[test]
fn templates_must_name_each_picture_and_stay_inside() {
    for text in ["{task}.{ext}", "../{job}.{ext}", "/{job}.{ext}", "{job}.png", "{jbo}.{ext}", "{job.{ext}", "a//{job}.{ext}"] {
        assert!(read(&format!("name_template = \"{text}\"")).is_err(), "{text}");
    }
    assert!(read("name_template = \"{job}.{ext}\"").is_ok());
    assert!(read("draft_template = \"{colour}\"").is_err());
    assert_eq!(read("draft_template = \"d/{job}.{ext}\"").unwrap().draft_template, "d/{job}.{ext}");
}

#[test]
fn callbacks_must_be_public_https() {
    for text in ["http://example.com", "https://127.0.0.1/x", "https://192.168.1.1", "https://localhost", "nonsense"] {
        assert!(read(&format!("callback_url = \"{text}\"")).is_err(), "{text}");
    }
    assert!(read("callback_url = \"https://example.com/hook\"").is_ok());
}

#[test]
fn both_key_sources_at_once_are_a_mistake() {
    assert!(wrong("key_file = \"a\"\nkey_command = [\"b\"]").contains("both set"));
}

#[test]
fn a_named_file_that_is_missing_is_a_mistake_and_an_unnamed_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut flags = Flags { config: Some(folder.path().join("no.toml")), ..Flags::default() };
    assert!(load(&flags, &Environment::default(), &|_| Vec::new()).unwrap_err().to_string().contains("config init"));
    flags.config = None;
    let env = Environment::of([(variables::CONFIG, folder.path().join("other.toml").to_str().unwrap())]);
    assert!(load(&flags, &env, &|_| Vec::new()).is_err());
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*") {
        let _ = read(&text);
    }

    #[test]
    fn almost_toml_never_panics(lines in proptest::collection::vec("(max_in_flight|grace|cap_day|keys|x)( = |=)(\"[a-z0-9.]{0,6}\"|[-0-9.]{1,6}|\\[\\]|true)", 0..8)) {
        let _ = read(&lines.join("\n"));
    }

    #[test]
    fn durations_come_back_as_they_were(millis in 0_u64..100_000_000_000) {
        let time = Duration::from_millis(millis);
        prop_assert_eq!(parse_duration(&duration_words(time)).unwrap(), time);
    }
}

#[test]
fn what_the_file_may_call_results_the_downloads_take_and_messages_stay_clean() {
    for template in ["{\u{202e}task}-{image}.{ext}", ".x/{job}.{ext}", "a}{job}.{ext}", "{job}}.{ext}", "{ext}/{job}.{ext}"] {
        let said = super::units::check_template(template).unwrap_err();
        assert!(!said.chars().any(crate::job::text::is_unsafe), "{said:?}");
    }
    assert_eq!(super::units::check_template("{date}/{tag}/{task}-{image}.{ext}"), Ok(()));
}

#[test]
fn a_variable_that_is_no_text_is_a_path_or_an_error_and_never_left_out() {
    use std::os::unix::ffi::OsStringExt as _;
    let odd = |text: &str| std::ffi::OsString::from_vec([text.as_bytes(), b"/caf\xe9"].concat());
    let env = Environment::of([(variables::DATA_DIR, odd("/tmp"))]);
    let config = check(None, Path::new("c.toml"), &Flags::default(), &env).unwrap();
    assert_eq!(config.data_dir, PathBuf::from(odd("/tmp")));
    let env = Environment::of([(variables::CONFIG, odd("/tmp"))]);
    assert_eq!(file_place(&Flags::default(), &env), (PathBuf::from(odd("/tmp")), true));
    assert!(load(&Flags::default(), &env, &|_| Vec::new()).is_err(), "a named file that is not there is an error");
    for name in [variables::BASE_URL, variables::LINEAR, KEY_VARIABLE] {
        let env = Environment::of([(name, odd("https://h"))]);
        let wrong = check(None, Path::new("c.toml"), &Flags::default(), &env).unwrap_err().to_string();
        assert!(wrong.contains(name) && wrong.contains("not text"), "{wrong}");
        assert!(!wrong.contains("caf"), "{wrong}");
    }
}

#[test]
fn a_variable_that_says_whom_to_pay_and_is_empty_is_no_default() {
    let check = |flags: &Flags, name: &str| check(None, Path::new("c.toml"), flags, &Environment::of([(name, "")]));
    for name in [variables::BASE_URL, variables::DATA_DIR, variables::CONFIG] {
        let wrong = check(&Flags::default(), name).unwrap_err().to_string();
        assert!(wrong.contains(name) && wrong.contains("set to nothing"), "{wrong}");
    }
    let flags = Flags { base_url: Some("https://h".to_owned()), data_dir: Some("/d".into()), ..Flags::default() };
    assert!(check(&flags, variables::BASE_URL).is_ok() && check(&flags, variables::DATA_DIR).is_ok(), "a flag goes before");
    assert!(check(&Flags::default(), "HTTPS_PROXY").is_ok());
}

#[test]
fn without_a_home_a_path_in_it_is_an_error() {
    let text = "results_dir = \"~/pictures\"\n";
    let wrong = check(Some(text), Path::new("/etc/c.toml"), &Flags::default(), &Environment::default()).unwrap_err().to_string();
    assert!(wrong.contains("results_dir") && wrong.contains("HOME is not set"), "{wrong}");
    let env = Environment::of([("HOME", "/home/me")]);
    let config = check(Some(text), Path::new("/etc/c.toml"), &Flags::default(), &env).unwrap();
    assert_eq!(config.results_dir, PathBuf::from("/home/me/pictures"));
}
