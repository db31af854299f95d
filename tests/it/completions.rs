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

/// Has a shell run a script in which `comp` is the file with the completions, and gives what it printed.
#[track_caller]
fn offered(name: &str, script: &str) -> String {
    let program = Program::new();
    let printed = program.run(&["completions", name]).expect(0).stdout;
    let file = program.file("comp", &printed);
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
fn everywhere(line: &str, wanted: &[&str]) -> Vec<(&'static str, String)> {
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
    // zsh completes only in a line editor: a zsh of its own in a pseudo-terminal types the line and asks for the list. It
    // breaks a list off when more is typed, so nothing is before all that is waited for has come.
    let missing: Vec<String> = wanted.iter().map(|word| format!("$out != *{word}*")).collect();
    let reads = format!(
        "out=; while [[ {} ]]; do zpty -r z part '?' || break; out+=$part; done; print -r -- \"$out\";",
        missing.join(" || ")
    );
    let zsh = format!(
        "zmodload zsh/zpty; zpty z zsh -f -i; \
         zpty -w z 'PS1=; autoload -U compinit; compinit -u -D; source {{comp}}; zstyle \":completion:*\" list-colors \"\"; \
         LISTMAX=10000; COLUMNS=200; bindkey \"^I\" list-choices; echo READ\"\"Y'; \
         zpty -r z out '*READY*'; \
         zpty -w -n z $'{line}\\t'; {reads} zpty -d z"
    );
    let fish = format!("source {{comp}}; complete -C '{line}'");
    vec![("bash", offered("bash", &bash)), ("zsh", offered("zsh", &zsh)), ("fish", offered("fish", &fish))]
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
        for (shell, said) in everywhere(line, wanted) {
            for word in wanted {
                assert!(said.contains(word), "{shell} does not offer {word} after {line:?}: {said}");
            }
            assert!(!said.contains(unwanted), "{shell} offers {unwanted} after {line:?}: {said}");
        }
    }
}
