//! The printed completions in the shells they are for: each is a real shell with a real `mj-enhance` beside it.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::program::Program;

/// Where a shell is.
///
/// # Panics
/// Where it is not installed: `.ci/run` installs all three.
#[track_caller]
fn shell(name: &str) -> std::path::PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.exists())
        .unwrap_or_else(|| panic!("{name} is not installed, and its completion can only be tested in it: install {name}"))
}

/// Has a shell run a script in which `{comp}` is the file with the completions, and gives what it printed.
#[track_caller]
fn offered(program: &Program, name: &str, script: &str) -> String {
    let printed = program.run(&["completions", name]).expect(0).stdout;
    // As zsh looks for it in its `fpath`.
    let file = program.file("_mj-enhance", &printed);
    let bin = assert_cmd::cargo::cargo_bin("mj-enhance");
    let folder = bin.parent().unwrap_or(Path::new("."));
    // What is never offered would be waited for without an end.
    let mut command = Command::new("timeout");
    command.arg("30").arg(shell(name));
    command.args(match name {
        "bash" => &["--norc", "--noprofile", "-c"][..],
        "zsh" => &["-f", "-c"],
        _ => &["--no-config", "-c"],
    });
    let ran = command
        .arg(script.replace("{comp}", file.to_str().unwrap()))
        .env_clear()
        .env("HOME", program.home())
        .env("MJ_ENHANCE_DATA_DIR", program.data())
        .env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
        .env("LANG", "C.UTF-8")
        .env("TERM", "xterm")
        .current_dir(program.home())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr))
}

/// What each shell offers for a line whose last word is to be completed.
fn everywhere(program: &Program, line: &str, wanted: &[&str]) -> Vec<(&'static str, String)> {
    let words: Vec<&str> = line.split(' ').collect();
    let last = words.len() - 1;
    // As bash itself calls it: the program's name, the word, the word before it.
    let bash = format!(
        "source {{comp}}; COMP_WORDS=({}); COMP_CWORD={last}; \
         f=$(complete -p mj-enhance | sed 's/.*-F \\([^ ]*\\).*/\\1/'); $f mj-enhance '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
        words[last],
        words[last - 1],
    );
    let zsh = zsh("autoload -U compinit; compinit -u -D; source {comp}", line, wanted);
    let fish = format!("source {{comp}}; complete -C '{line}'");
    [("bash", bash), ("zsh", zsh), ("fish", fish)].map(|(shell, script)| (shell, offered(program, shell, &script))).to_vec()
}

/// zsh completes only in a line editor: a zsh of its own in a pseudo-terminal types the line and asks for the list. It breaks a
/// list off when more is typed, so nothing is before all that is waited for has come.
fn zsh(load: &str, line: &str, wanted: &[&str]) -> String {
    let missing: Vec<String> = wanted.iter().map(|word| format!("$out != *{word}*")).collect();
    let reads = format!(
        "out=; while [[ {} ]]; do zpty -r z part '?' || break; out+=$part; done; print -r -- \"$out\";",
        missing.join(" || ")
    );
    format!(
        "zmodload zsh/zpty; zpty z zsh -f -i; \
         zpty -w z 'PS1=; {load}; zstyle \":completion:*\" list-colors \"\"; \
         LISTMAX=10000; COLUMNS=200; bindkey \"^I\" list-choices; echo READ\"\"Y'; \
         zpty -r z out '*READY*'; \
         zpty -w -n z $'{line}\\t'; {reads} zpty -d z"
    )
}

#[test]
fn every_shell_completes_commands_and_what_stands_after_one() {
    for (line, wanted, unwanted) in [
        ("mj-enhance l", &["list"][..], "until-idle"),
        ("mj-enhance list --", &["--state", "--tag"], "--until-idle"),
        ("mj-enhance run --", &["--until-idle", "--max-credits"], "--give-up"),
        ("mj-enhance config ", &["init", "check", "path"], "--until-idle"),
        ("mj-enhance list --state ", &["to-fetch", "unsure"], "--until-idle"),
    ] {
        for (shell, said) in everywhere(&Program::new(), line, wanted) {
            for word in wanted {
                assert!(said.contains(word), "{shell} does not offer {word} after {line:?}: {said}");
            }
            assert!(!said.contains(unwanted), "{shell} offers {unwanted} after {line:?}: {said}");
        }
    }
}

/// A store with a held job, a waiting one and one that was cancelled.
fn with_jobs() -> (Program, [String; 3]) {
    let program = Program::new();
    let add = |spec: &str, tag: &str| -> String {
        let args = ["add", spec, "--tag", tag, "--json", "--yes", "--max-credits", "10"];
        program.run(&args).expect(0).objects()[0]["id"].as_str().unwrap().to_owned()
    };
    let ids = [
        add("task-unified-1790000100-k3v9q2ad:0", "harbour"),
        add("task-unified-1790000100-k3v9q2ad:1", "forest"),
        add("task-unified-1790000100-k3v9q2ad:2", "portraits"),
    ];
    program.run(&["hold", &ids[0]]).expect(0);
    program.run(&["cancel", &ids[2]]).expect(0);
    (program, ids)
}

#[test]
fn every_shell_completes_the_jobs_tags_and_profiles_that_are_there() {
    let (program, [held, waiting, cancelled]) = with_jobs();
    let config = program.home().join(".config/mj-enhance");
    std::fs::create_dir_all(&config).unwrap();
    // A mistake elsewhere in the file takes nothing away.
    std::fs::write(config.join("config.toml"), "nonsense = 1\n[profiles.studio]\ncap_day = 100\n[profiles.home]\n").unwrap();
    for (line, wanted, unwanted) in [
        ("mj-enhance cancel ", &[held.as_str(), &waiting][..], cancelled.as_str()),
        ("mj-enhance hold ", &[&waiting], &held),
        ("mj-enhance retry ", &[&cancelled], &waiting),
        ("mj-enhance show ", &[&held, &waiting, &cancelled], "harbour:"),
        (&format!("mj-enhance release {}", &held[..7]), &[&held], &cancelled),
        ("mj-enhance list --tag ", &["forest", "harbour", "portraits"], &held),
        ("mj-enhance --profile ", &["home", "studio"], "--profile"),
        ("mj-enhance list --state waiting,uns", &["waiting,unsure"], "to-fetch"),
        ("mj-enhance config set th", &["theme"], "cap_day"),
        ("mj-enhance config set theme ", &["dark", "light", "mono"], "studio"),
    ] {
        for (shell, said) in everywhere(&program, line, wanted) {
            for word in wanted {
                assert!(said.contains(word), "{shell} does not offer {word} after {line:?}: {said}");
            }
            // What stands on the line is shown again by a line editor.
            let said = said.replace(line, "");
            assert!(!said.contains(unwanted), "{shell} offers {unwanted} after {line:?}: {said}");
        }
    }
}

#[test]
fn a_tab_neither_complains_nor_writes_where_nothing_can_be_read() {
    let nothing = Program::new();
    let damaged = Program::new();
    std::fs::create_dir_all(damaged.data()).unwrap();
    std::fs::write(damaged.data().join("mj-enhance.db"), "no store").unwrap();
    let no_config = Program::new();
    std::fs::create_dir_all(no_config.home().join(".config/mj-enhance/config.toml")).unwrap();
    for program in [&nothing, &damaged, &no_config] {
        for (shell, said) in everywhere(program, "mj-enhance show --", &["--raw"]) {
            assert!(!said.contains("no store") && !said.contains("mj-enhance:"), "{shell}: {said}");
        }
        for args in [&["show", ""][..], &["list", "--tag", ""], &["--profile", ""], &["nonsense", "--", ""]] {
            let ran = program
                .command()
                .env("MJ_ENHANCE_COMPLETE", "fish")
                .args([&["--", "mj-enhance"], args].concat())
                .output()
                .unwrap();
            assert!(ran.status.success(), "{args:?}");
            assert_eq!(String::from_utf8_lossy(&ran.stderr), "", "{args:?}");
        }
    }
    assert!(!nothing.data().exists(), "a Tab made the data folder");
    // Not even words of a shell that is not known land on the line.
    let ran = nothing.command().env("MJ_ENHANCE_COMPLETE", "tcsh").args(["--", "mj-enhance", ""]).output().unwrap();
    assert_eq!((ran.stdout, ran.stderr, ran.status.code()), (vec![], vec![], Some(0)));
    // The variable that other programs use turns no command into nothing.
    assert_eq!(nothing.command().env("COMPLETE", "bash").arg("--version").output().unwrap().stdout, b"mj-enhance 0.1.0\n");
}

#[test]
fn zsh_completes_from_its_fpath_at_the_first_tab() {
    let program = Program::new();
    let script = zsh("fpath=({comp}(:h) $fpath); autoload -U compinit; compinit -u -D", "mj-enhance run --", &["--until-idle"]);
    let script = script.replace("{comp}(:h)", program.home().to_str().unwrap());
    let said = offered(&program, "zsh", &script);
    assert!(said.contains("--until-idle"), "{said}");
}
