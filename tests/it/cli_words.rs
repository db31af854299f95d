//! Help, completions, manual pages, arguments that are wrong.

use std::process::{Command, Stdio};

use crate::program::Program;

#[test]
fn help_and_version_are_no_errors() {
    let program = Program::new();
    let help = program.run(&["--help"]).expect(0);
    for word in ["add", "until-idle", "Exit codes", "--demo", "EVOLINK_API_KEY"] {
        assert!(help.stdout.contains(word) || word == "until-idle", "{word} is missing:\n{}", help.stdout);
    }
    assert!(program.run(&["run", "--help"]).expect(0).stdout.contains("--until-idle"));
    assert!(program.run(&["--version"]).expect(0).stdout.starts_with("mj-enhance "));
}

#[test]
fn wrong_arguments_are_bad_input_in_words_and_in_json() {
    let program = Program::new();
    let ran = program.run(&["list", "--colour"]).expect(2);
    assert!(ran.stderr.contains("--colour") && ran.stderr.contains("--color"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    let ran = program.run(&["frobnicate", "--json"]).expect(2);
    assert_eq!(ran.error()["code"], "bad_arguments");
    let ran = program.run(&["list", "--state", "sleeping", "--json"]).expect(2);
    assert!(ran.stderr.contains("to-fetch"), "{}", ran.stderr);
}

/// Sets a title, clears the screen, turns the reading direction; in C1 controls too.
const HOSTILE: &str = "x\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}y";

#[test]
fn what_stands_on_the_command_line_or_in_a_files_name_does_nothing_to_the_terminal() {
    let program = Program::new();
    let named = program.file(HOSTILE, "{oops");
    let named = named.to_str().unwrap();
    for args in [
        &["import", HOSTILE][..],
        &["import", named],
        &["add", HOSTILE],
        &["add", "-f", named],
        &["show", HOSTILE],
        &["list", "--query", HOSTILE],
        &["list", "--state", HOSTILE],
        &["list", "--tag", HOSTILE],
        &["--config", HOSTILE, "list"],
        &["--config", named, "list"],
        &["--profile", HOSTILE, "list"],
        &["--base-url", HOSTILE, "credits"],
        &["simulate", "--scenario", HOSTILE],
        &["simulate", "--scenario", named],
        &["draft", HOSTILE],
        &["config", "set", HOSTILE, HOSTILE],
        &["completions", HOSTILE],
        &["run", "--max-credits", HOSTILE],
        &["wait", "--timeout", HOSTILE],
        &["prune", "--older-than", HOSTILE],
        &["export", "--out", "/dev/null/\u{1b}[2J"],
        &[HOSTILE],
        &[&format!("--{HOSTILE}")],
    ] {
        for json in [&[][..], &["--json"]] {
            let output = program.command().args(args).args(json).output().unwrap();
            assert!(!output.status.success() || args[0] == "list", "{args:?}");
            for said in [output.stdout, output.stderr] {
                let said = String::from_utf8(said).unwrap();
                let bad = said.chars().find(|c| *c != '\n' && (c.is_control() || *c == '\u{202e}'));
                assert_eq!(bad, None, "{args:?} {json:?}: {said:?}");
            }
        }
    }
}

#[test]
fn every_shell_gets_completions() {
    let program = Program::new();
    for shell in ["bash", "zsh", "fish", "nushell", "elvish", "powershell"] {
        let script = program.run(&["completions", shell]).expect(0).stdout;
        // All but that of nushell ask the program.
        let knows = if shell == "nushell" { "until-idle" } else { "MJ_ENHANCE_COMPLETE" };
        assert!(script.contains("mj-enhance") && script.contains(knows), "{shell}: {script}");
    }
}

#[test]
fn manual_pages_come_from_the_same_words_as_the_help() {
    let program = Program::new();
    let page = program.run(&["man"]).expect(0).stdout;
    assert!(page.contains(".TH mj-enhance 1"), "{page}");
    assert!(page.contains("EVOLINK_API_KEY") && page.contains("\\fB130\\fR") && !page.contains(".SH EXTRA"), "{page}");
    program.run(&["man", "--dir", "pages"]).expect(0);
    let folder = program.home().join("pages");
    let pages: Vec<String> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(pages.len() > 25 && pages.contains(&"mj-enhance-config-init.1".to_owned()), "{pages:?}");
    for name in &pages {
        let page = std::fs::read_to_string(folder.join(name)).unwrap();
        for section in ["EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO"] {
            assert!(page.contains(&format!(".SH \"{section}\"")), "{section} is missing in {name}: {page}");
        }
        // Every page that one leads to is there.
        for line in page.lines().filter(|line| line.starts_with("\\fBmj") && line.contains("(1)")) {
            let other = line.trim_start_matches("\\fB").split_once("\\fR").unwrap().0.replace("\\-", "-");
            assert!(pages.contains(&format!("{other}.1")), "{name} leads to {other}");
        }
    }
    let add = std::fs::read_to_string(folder.join("mj-enhance-add.1")).unwrap();
    assert!(add.contains("max\\-credits") && add.contains("mj\\-enhance\\-add"), "{add}");
}

/// `.ci/run` installs mandoc.
#[test]
fn manual_pages_have_no_errors_for_mandoc() {
    let program = Program::new();
    program.run(&["man", "--dir", "pages"]).expect(0);
    for page in std::fs::read_dir(program.home().join("pages")).unwrap() {
        let page = page.unwrap().path();
        let ran =
            Command::new("mandoc").args(["-T", "lint", "-W", "error"]).arg(&page).output().expect("mandoc is not installed");
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success() && said.is_empty(), "{}: {said}", page.display());
    }
}

#[test]
fn the_dashboard_needs_a_terminal_and_says_what_to_do_instead() {
    let program = Program::new();
    let ran = program.command().env("EVOLINK_API_KEY", "sk-test-1").output().unwrap();
    let ran = crate::program::Ran::from(ran).expect(2);
    assert!(ran.stderr.contains("needs a terminal"), "{}", ran.stderr);
    let ran = program.run(&["--demo", "list"]).expect(2);
    assert!(ran.stderr.contains("takes no command"), "{}", ran.stderr);
    assert!(!program.data().exists());
}

#[test]
fn a_closed_pipe_is_quiet() {
    let program = Program::new();
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("mj-enhance"))
        .args(["completions", "bash"])
        .env_clear()
        .env("HOME", program.home())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Nobody reads: the write fails as soon as the pipe is closed or full.
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}
