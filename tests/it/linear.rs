//! Linear output, for people who listen: every command writes sentences and `name: value`, and nothing that has to be seen.

use crate::house::{House, QUICK};
use crate::program::Ran;

const VARIABLE: &str = "MJ_ENHANCE_LINEAR";

fn aloud(house: &House, args: &[&str], variable: &str) -> Ran {
    house.command(args).env(VARIABLE, variable).output().unwrap().into()
}

/// What only an eye makes sense of: columns, an indented value, lines, bars, arrows, colour.
fn is_drawn(line: &str) -> bool {
    let is_sign = |c: char| matches!(c, '\u{1b}' | '\u{2190}'..='\u{21ff}' | '\u{2500}'..='\u{259f}' | '\u{25a0}'..='\u{28ff}');
    line.trim().contains("  ") || line.contains('\t') || line.chars().any(is_sign)
}

/// A store with a job in each of several states and a draft with its pictures.
fn lived_in() -> House {
    let house = House::new(QUICK);
    let specs = house.specs(3);
    house.run(&["add", &specs[0], "--tag", "cats", "--yes", "--max-credits", "5.4"]).expect(0);
    house.run(&["draft", "old pier in winter --ar 3:2", "--tag", "harbour", "--yes", "--max-credits", "2.7"]).expect(0);
    house.run(&["run", "--until-idle", "--yes", "--max-credits", "8.1"]).expect(0);
    house.run(&["add", &specs[1], "--hold"]).expect(0);
    house.run(&["add", &specs[2], "--hold"]).expect(0);
    let held = house.jobs().into_iter().rfind(|job| job["state"] == "held").unwrap();
    house.run(&["cancel", held["id"].as_str().unwrap()]).expect(0);
    house
}

#[test]
fn no_command_draws_a_table_where_output_is_read_aloud() {
    let house = lived_in();
    let jobs = house.jobs();
    let saved = jobs.iter().find(|job| job["state"] == "saved").unwrap()["id"].as_str().unwrap().to_owned();
    let drafted = jobs.iter().find(|job| job["kind"] == "draft").unwrap()["id"].as_str().unwrap().to_owned();
    let spec = house.specs(4).pop().unwrap();
    house.program.file("wrong.toml", "theme = \"pink\"\nmax_inflight = 3\n");
    let commands: [&[&str]; 19] = [
        &["list"],
        &["list", "--color", "always"],
        &["list", "--state", "running"],
        &["show", &saved],
        &["show", &drafted],
        &["drafts"],
        &["drafts", "--specs"],
        &["credits"],
        &["doctor"],
        &["config", "check"],
        &["config", "check", "--config", "wrong.toml"],
        &["config", "path"],
        &["add", &spec, "--dry-run"],
        &["add", &spec],
        &["draft", "a {red, blue} boat", "--dry-run"],
        &["wait", &saved],
        &["watch", "--plain", "--until-idle"],
        &["run", "--until-idle"],
        &["prune", "--older-than", "0s"],
    ];
    for args in commands {
        let ran = aloud(&house, args, "1");
        let lines: Vec<&str> = ran.stdout.lines().chain(ran.stderr.lines()).filter(|line| is_drawn(line)).collect();
        // Colour that was asked for on this very command line is meant.
        let is_painted = args.contains(&"always");
        assert!(lines.is_empty() || (is_painted && lines.iter().all(|line| !line.contains("  "))), "{args:?}: {lines:#?}");
        assert!(!ran.stdout.lines().any(|line| line.starts_with(' ')), "{args:?}: {}", ran.stdout);
    }
}

#[test]
fn the_same_commands_draw_tables_for_the_eye() {
    let house = lived_in();
    let jobs = house.jobs();
    let saved = jobs[0]["id"].as_str().unwrap();
    for args in [&["list"][..], &["show", saved], &["drafts"], &["credits"], &["doctor"], &["config", "check"]] {
        let ran = house.run(args).expect(0);
        assert!(ran.stdout.lines().any(is_drawn), "the check above can fail: {args:?}: {}", ran.stdout);
    }
}

#[test]
fn what_a_row_shows_is_said() {
    let house = lived_in();
    let listed = aloud(&house, &["list"], "1").expect(0).stdout;
    let lines: Vec<&str> = listed.lines().collect();
    let saved = lines.iter().find(|line| line.contains("cats")).unwrap();
    assert!(saved.contains(" is saved: ") && saved.ends_with(". 5.4 credits charged."), "{saved}");
    assert!(lines.iter().any(|line| line.ends_with(" is held by you.")), "{listed}");
    assert!(lines.iter().any(|line| line.ends_with(" is cancelled by you before it was sent.")), "{listed}");
    let draft = lines.iter().find(|line| line.contains("harbour")).unwrap();
    assert!(
        draft.matches("/results/").count() == 1 && draft.ends_with("-0.png and 3 more files. 2.7 credits charged."),
        "{draft}"
    );
    let jobs = house.jobs();
    let id = jobs.iter().find(|job| job["tag"] == "cats").unwrap()["id"].as_str().unwrap();
    let shown = aloud(&house, &["show", id], "1").expect(0).stdout;
    for part in ["\nmoney: 5.4 credits charged\n", "\nfile: ", "\nsha256: ", ": saved, saved 1 file\n"] {
        assert!(shown.contains(part), "{part:?} is missing: {shown}");
    }
    let drafts = aloud(&house, &["drafts"], "1").expect(0).stdout;
    assert!(drafts.contains(" is a draft of ours, made "), "{drafts}");
    assert!(drafts.contains(" ago: 4 pictures, 2.7 credits. Prompt: old pier in winter --ar 3:2."), "{drafts}");
    assert!(drafts.contains(" Enhanced: picture 0 is saved, picture 1 is held, picture 2 is cancelled."), "{drafts}");
    let doctor = aloud(&house, &["doctor"], "1").expect(0).stdout;
    assert!(doctor.contains("\nterminal: note, stdout is not a terminal. Next: the dashboard needs one; `run`"), "{doctor}");
    let credits = aloud(&house, &["credits"], "1").expect(0).stdout;
    assert!(credits.contains("\nkey: no limit of its own\n"), "{credits}");
}

#[test]
fn flag_goes_before_variable_and_variable_before_the_file() {
    let is_linear = |house: &House, args: &[&str], variable: &str| {
        let ran = aloud(house, args, variable).expect(0);
        assert!(ran.stdout.contains("held by you"), "{}", ran.stdout);
        !ran.stdout.lines().any(is_drawn)
    };
    for (file, variable, flag, wanted) in [
        ("", "", false, false),
        ("linear = true\n", "", false, true),
        ("linear = true\n", "0", false, false),
        ("linear = false\n", "1", false, true),
        ("", "YES", false, true),
        ("", "off", false, false),
        ("linear = false\n", "0", true, true),
    ] {
        let house = House::with(QUICK, file);
        house.run(&["add", &house.specs(1)[0], "--hold"]).expect(0);
        let args: &[&str] = if flag { &["list", "--linear"] } else { &["list"] };
        assert_eq!(is_linear(&house, args, variable), wanted, "{file:?} {variable:?} {flag}");
    }
    let house = House::new(QUICK);
    let said = aloud(&house, &["list"], "maybe").expect(2).stderr;
    assert!(said.contains("MJ_ENHANCE_LINEAR: is \"maybe\"; it must be 1 or 0"), "{said}");
    let objects = aloud(&house, &["credits", "--json"], "1").expect(0).objects();
    assert_eq!(objects.len(), 1, "JSON stays JSON");
}

#[test]
fn watching_needs_no_plain_and_the_full_screen_says_what_to_use() {
    let house = lived_in();
    for args in [&[][..], &["--demo"]] {
        let ran = aloud(&house, args, "1").expect(2);
        assert!(ran.stderr.contains("linear output is set, and the dashboard is a full screen"), "{}", ran.stderr);
        assert!(ran.stderr.contains("`run`, `watch`, `list` and `show`"), "{}", ran.stderr);
    }
    let eyes = house.run(&["watch", "--until-idle"]).expect(2);
    assert!(eyes.stderr.contains("--until-idle needs --plain"), "{}", eyes.stderr);
    let watched = aloud(&house, &["watch", "--until-idle"], "1");
    assert!(watched.stderr.contains("Watching: "), "{}{}", watched.stdout, watched.stderr);
}
