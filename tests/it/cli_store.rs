//! Commands that work on the store alone: what they store, refuse, show and change.

use serde_json::Value;

use crate::program::{Program, Ran};

const DRAFT: &str = "task-unified-1790000100-k3v9q2ad";

fn list(program: &Program) -> Vec<Value> {
    program.run(&["list", "--json"]).expect(0).objects()
}

#[test]
fn nothing_is_stored_without_a_whole_yes() {
    let program = Program::new();
    for consent in [&[][..], &["--yes"], &["--max-credits", "100"], &["--yes", "--max-credits", "21.5"]] {
        let ran = program.run(&[&["add", "--json", "task-unified-1790000100-k3v9q2ad:0-3"], consent].concat()).expect(3);
        let error = ran.error();
        assert_eq!(error["code"], "no_consent");
        assert!(error["message"].as_str().unwrap().contains("21.6 credits"), "{error}");
        assert!(!program.data().exists(), "nothing is made by a refused command");
    }
    let ran = program.run(&["add", "--json", "task-unified-1790000100-k3v9q2ad:0-3", "--yes", "--max-credits", "21.6"]).expect(0);
    assert_eq!(ran.objects().len(), 4);
    assert!(list(&program).iter().all(|job| job["state"] == "waiting" && job["charge"].is_null()));
}

#[test]
fn hold_stores_held_jobs_without_a_yes() {
    let program = Program::new();
    program.run(&["add", DRAFT, "--hold", "--tag", "cats"]).expect(0);
    let jobs = list(&program);
    assert_eq!(jobs.len(), 1);
    assert_eq!((jobs[0]["state"].as_str(), jobs[0]["tag"].as_str()), (Some("held"), Some("cats")));
    assert_eq!(jobs[0]["reason"], "held by you");
    assert!(jobs[0]["id"].as_str().unwrap().len() <= 16);
}

#[test]
fn every_bad_line_is_told_and_none_is_stored() {
    let program = Program::new();
    program.file("list.txt", "# mine\ntask-unified-1-a 4\n\ntask-unified-1-b\nfoo\ntask-unified-1-c 3-1\n");
    let ran = program.run(&["add", "-f", "list.txt", "--yes", "--max-credits", "99", "--json"]).expect(2);
    let error = ran.error();
    assert_eq!(error["code"], "bad_lines");
    let lines: Vec<&str> = error["lines"].as_array().unwrap().iter().map(|line| line["line"].as_str().unwrap()).collect();
    assert_eq!(lines, ["list.txt line 2", "list.txt line 5", "list.txt line 6"]);
    for part in ["list.txt line 2: picture 4 does not exist", "list.txt line 5", "list.txt line 6"] {
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }
    assert!(list(&program).is_empty());
}

#[test]
fn specs_come_from_arguments_files_and_stdin() {
    let program = Program::new();
    program.file("a.csv", "id,picture,tag\ntask-unified-1-b,1,dogs\n");
    let mut command = program.command();
    command.args(["add", DRAFT, "0,2", "-f", "a.csv", "-f", "-", "--tag", "cats", "--hold", "--json"]);
    let ran =
        Ran::from(command.write_stdin("{\"source_task\":\"task-unified-1-c\",\"image_number\":3}\n").output().unwrap()).expect(0);
    let jobs: Vec<(String, u64, String)> = ran
        .objects()
        .iter()
        .map(|job| {
            let text = |field: &str| job[field].as_str().unwrap().to_owned();
            (text("source_task"), job["image_number"].as_u64().unwrap(), text("tag"))
        })
        .collect();
    let expected = [(DRAFT, 0, "cats"), (DRAFT, 2, "cats"), ("task-unified-1-b", 1, "dogs"), ("task-unified-1-c", 3, "cats")];
    let expected: Vec<(String, u64, String)> = expected.map(|(a, b, c)| (a.to_owned(), b, c.to_owned())).to_vec();
    assert_eq!(jobs, expected);
}

#[test]
fn what_a_script_left_empty_buys_no_other_picture() {
    let program = Program::new();
    let consent = ["--yes", "--max-credits", "99"];
    for empty in [&["add", DRAFT, ""][..], &["add", DRAFT, " "], &["add", "", DRAFT]] {
        let ran = program.run(&[empty, &consent].concat()).expect(2);
        assert!(ran.stderr.contains("is empty"), "{empty:?}: {}", ran.stderr);
    }
    program.file("table.csv", "id,picture\ntask-unified-1-b,1\n");
    program.file("ragged.csv", "id,picture\ntask-unified-1-b\n");
    program.file("list.txt", "task-unified-1-c 0,2\n");
    assert!(program.run(&["add", "-f", "ragged.csv", "--hold"]).expect(2).stderr.contains("has none"));
    // A header counts for its own file.
    let ran = program.run(&["add", "-f", "table.csv", "-f", "list.txt", "--dry-run"]).expect(0);
    assert_eq!(ran.stdout.lines().count(), 3, "{}", ran.stdout);
    assert!(list(&program).is_empty());
    // An address that was not found is not the real service's.
    for name in ["EVOLINK_BASE_URL", "MJ_ENHANCE_DATA_DIR", "MJ_ENHANCE_CONFIG"] {
        let ran = Ran::from(program.command().args(["list"]).env(name, "").output().unwrap()).expect(2);
        assert!(ran.stderr.contains(name) && ran.stderr.contains("set to nothing"), "{}", ran.stderr);
    }
}

#[test]
fn a_picture_given_twice_is_left_out_and_named() {
    let program = Program::new();
    let ids = program.add(&[DRAFT]);
    let ran = program.run(&["add", DRAFT, &format!("{DRAFT}:0,1"), "--yes", "--max-credits", "5.4", "--json"]).expect(0);
    assert!(ran.stderr.contains("twice") && ran.stderr.contains(&ids[0]), "{}", ran.stderr);
    assert_eq!(ran.objects().iter().filter(|object| object["id"].is_string()).count(), 1);
    assert_eq!(ran.objects().iter().filter(|object| object["twice"].is_object()).count(), 2);
    // Nothing new is no error and needs no yes.
    program.run(&["add", DRAFT]).expect(0);
    assert_eq!(list(&program).len(), 2);
    program.run(&["add", DRAFT, "--again", "--yes", "--max-credits", "5.4"]).expect(0);
    assert_eq!(list(&program).len(), 3);
    // A cancelled job blocks nothing.
    let program = Program::new();
    let ids = program.add(&[DRAFT]);
    program.run(&["cancel", &ids[0]]).expect(0);
    assert_eq!(program.add(&[DRAFT]).len(), 1);
}

#[test]
fn a_dry_run_prices_everything_and_makes_nothing() {
    let program = Program::new();
    let ran = program.run(&["add", DRAFT, "all", "--dry-run", "--json"]).expect(0);
    let objects = ran.objects();
    assert_eq!(objects.len(), 5);
    assert_eq!(objects[4]["quote"]["total"], "21.6");
    assert!(!program.data().exists());
}

#[test]
fn front_goes_before_all_others() {
    let program = Program::new();
    program.add(&["task-unified-1-a", "task-unified-1-b"]);
    program.run(&["add", "task-unified-1-c", "--front", "--hold"]).expect(0);
    let order: Vec<String> = list(&program).iter().map(|job| job["source_task"].as_str().unwrap().to_owned()).collect();
    assert_eq!(order, ["task-unified-1-c", "task-unified-1-a", "task-unified-1-b"]);
}

#[test]
fn list_of_nothing_is_empty_and_makes_nothing() {
    let program = Program::new();
    assert_eq!(program.run(&["list", "--json"]).expect(0).stdout, "");
    assert!(program.run(&["list"]).expect(0).stderr.contains("No jobs"));
    assert!(!program.data().exists());
}

#[test]
fn list_filters_by_state_and_tag() {
    let program = Program::new();
    program.add(&["task-unified-1-a", "--tag", "x"]);
    program.run(&["add", "task-unified-1-b", "--hold", "--tag", "y"]).expect(0);
    let count = |args: &[&str]| program.run(&[&["list", "--json"], args].concat()).expect(0).objects().len();
    assert_eq!(count(&["--state", "held"]), 1);
    assert_eq!(count(&["--state", "held", "--state", "waiting"]), 2);
    assert_eq!(count(&["--tag", "x"]), 1);
    assert_eq!(count(&["--tag", "x", "--state", "held"]), 0);
    let table = program.run(&["list"]).expect(0);
    assert!(table.stdout.contains("waiting") && !table.stdout.contains('\u{1b}'), "{}", table.stdout);
    let painted = program.run(&["list", "--color", "always"]).expect(0);
    assert!(painted.stdout.contains("\u{1b}["), "{}", painted.stdout);
}

#[test]
fn jobs_are_found_by_id_and_by_a_beginning_that_only_one_has() {
    let program = Program::new();
    let ids = program.add(&[&format!("{DRAFT}:0-3"), "task-unified-2-b:0-3"]);
    let first = &ids[0];
    for name in [first.clone(), first.to_uppercase()] {
        let shown = program.run(&["show", &name, "--json"]).expect(0).objects().remove(0);
        assert_eq!(shown["id"], first.as_str());
    }
    let shortest = (1..=8).find(|n| ids.iter().filter(|id| id.starts_with(&first[..*n])).count() == 1).unwrap();
    program.run(&["show", &first[..shortest]]).expect(0);
    if shortest > 1 {
        let ran = program.run(&["show", &first[..shortest - 1], "--json"]).expect(2);
        assert!(ran.error()["message"].as_str().unwrap().contains("ids begin so"), "{}", ran.stdout);
    }
    let ran = program.run(&["cancel", first, "zzzzzzzz", "--json"]).expect(2);
    assert!(ran.error()["message"].as_str().unwrap().contains("zzzzzzzz"), "{}", ran.stdout);
    assert!(list(&program).iter().all(|job| job["state"] == "waiting"), "all or none");
}

#[test]
fn acting_on_jobs_that_do_not_exist_makes_no_store() {
    let program = Program::new();
    for command in ["cancel", "fetch", "retry", "show", "wait"] {
        let ran = program.run(&[command, "zzzzzzzz", "--json"]).expect(2);
        assert_eq!(ran.error()["code"], "no_such_job", "{command}");
        assert!(!program.data().exists(), "{command}");
    }
}

#[test]
fn cancelling_what_was_not_sent_costs_nothing() {
    let program = Program::new();
    let ids = program.add(&[DRAFT]);
    let job = program.run(&["cancel", &ids[0], "--json"]).expect(0).objects().remove(0);
    assert_eq!((job["state"].as_str(), job["charge"].is_null()), (Some("cancelled"), true));
    let again = program.run(&["cancel", &ids[0]]).expect(0);
    assert!(again.stdout.contains("cancelled already"), "{}", again.stdout);
    let shown = program.run(&["show", &ids[0]]).expect(0);
    assert!(shown.stdout.contains("nothing was paid"), "{}", shown.stdout);
}

#[test]
fn running_again_is_a_new_paid_job() {
    let program = Program::new();
    let ids = program.add(&[DRAFT]);
    program.run(&["retry", &ids[0], "--yes", "--max-credits", "9"]).expect(2);
    program.run(&["cancel", &ids[0]]).expect(0);
    program.run(&["retry", &ids[0]]).expect(3);
    assert_eq!(list(&program).len(), 1);
    let ran = program.run(&["retry", &ids[0], "--yes", "--max-credits", "5.4", "--json"]).expect(0);
    assert_ne!(ran.objects()[0]["id"], ids[0].as_str());
    // The new one is alive now.
    program.run(&["retry", &ids[0], "--yes", "--max-credits", "5.4"]).expect(2);
    assert_eq!(list(&program).len(), 2);
}

#[test]
fn fetch_says_what_there_is_to_fetch() {
    let program = Program::new();
    let ids = program.add(&[DRAFT]);
    let ran = program.run(&["fetch", &ids[0]]).expect(2);
    assert!(ran.stdout.contains("no result yet"), "{}", ran.stdout);
}

#[test]
fn read_only_forbids_what_writes_and_nothing_else() {
    let program = Program::new();
    let ids = program.add(&[DRAFT]);
    for args in [&["add", "task-unified-1-b", "--hold"][..], &["cancel", &ids[0]], &["prune"], &["run"], &["config", "init"]] {
        let ran = program.run(&[args, &["--read-only", "--json"]].concat()).expect(2);
        assert_eq!(ran.error()["code"], "read_only");
    }
    program.run(&["list", "--read-only"]).expect(0);
    program.run(&["add", DRAFT, "--dry-run", "--read-only"]).expect(0);
}

#[test]
fn import_takes_what_export_prints() {
    let program = Program::new();
    let ids = program.add(&[&format!("{DRAFT}:0-2"), "--tag", "cats"]);
    program.run(&["cancel", &ids[1]]).expect(0);
    let exported = program.run(&["export"]).expect(0);
    program.file("jobs.jsonl", &exported.stdout);
    let other = Program::new();
    other.file("jobs.jsonl", &exported.stdout);
    let taken = other.run(&["import", "jobs.jsonl", "--json"]).expect(0);
    assert_eq!(taken.objects().len(), 3);
    // Complete, except that a confirmation of another store counts for nothing here: what waited there is held.
    let mut expected = list(&program);
    for job in expected.iter_mut().filter(|job| job["state"] == "waiting") {
        (job["state"], job["reason"]) = ("held".into(), "held by you".into());
    }
    assert_eq!(list(&other), expected);
    let again = other.run(&["import", "jobs.jsonl", "--json"]).expect(0);
    assert_eq!(again.objects().len(), 0);
    assert!(again.stderr.contains("0 jobs imported, 3 left out"), "{}", again.stderr);
    // A picture that has a job here comes in all the same, and is named: released, it is paid for twice.
    let third = Program::new();
    let there = third.add(&[&format!("{DRAFT}:0")]);
    third.file("jobs.jsonl", &exported.stdout);
    let taken = third.run(&["import", "jobs.jsonl"]).expect(0);
    assert_eq!(taken.stderr.matches("is for the same picture").count(), 1, "{}", taken.stderr);
    assert!(taken.stderr.contains(&there[0]), "{}", taken.stderr);
    std::fs::write(third.home().join("wide.jsonl"), b"\xff\xfe{\0}\0").unwrap();
    assert!(third.run(&["import", "wide.jsonl"]).expect(2).stderr.contains("wide.jsonl line 1: this is not UTF-8 text"));
    let csv = program.run(&["export", "--format", "csv"]).expect(0);
    assert_eq!(csv.stdout.lines().count(), 4);
    program.file("jobs.csv", &csv.stdout);
    let ran = program.run(&["import", "jobs.csv", "--json"]).expect(2);
    assert_eq!(ran.error()["lines"].as_array().unwrap().len(), 4);
}

#[test]
fn prune_forgets_only_what_ended_long_ago() {
    let program = Program::new();
    let ids = program.add(&[&format!("{DRAFT}:0,1")]);
    program.run(&["cancel", &ids[0]]).expect(0);
    let pruned = program.run(&["prune", "--json"]).expect(0).objects().remove(0);
    assert_eq!(pruned["pruned"].as_array().unwrap().len(), 0);
    let pruned = program.run(&["prune", "--older-than", "0s", "--json"]).expect(0).objects().remove(0);
    assert_eq!(pruned["pruned"], serde_json::json!([ids[0]]));
    assert_eq!(list(&program).len(), 1);
}

#[test]
fn wait_ends_at_once_where_nothing_moves_and_in_time_where_something_does() {
    let program = Program::new();
    program.run(&["wait"]).expect(0);
    let ids = program.add(&[DRAFT]);
    let ran = program.run(&["wait", "--timeout", "0s", "--json"]).expect(8);
    assert_eq!(ran.error()["code"], "timeout");
    assert_eq!(ran.stderr.matches("no engine is running").count(), 1, "{}", ran.stderr);
    program.run(&["cancel", &ids[0]]).expect(0);
    let waited = program.run(&["wait", &ids[0], "--json"]).expect(0).objects();
    assert_eq!(waited[0]["state"], "cancelled");
    program.run(&["add", "task-unified-1-b", "--hold"]).expect(0);
    program.run(&["wait"]).expect(0);
    program.run(&["watch", "--plain", "--until-idle"]).expect(0);
}

#[test]
fn the_store_and_its_folder_are_closed_to_others() {
    use std::os::unix::fs::PermissionsExt;
    let program = Program::new();
    program.run(&["add", DRAFT, "--hold", "-v"]).expect(0);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&program.data()), 0o700);
    for entry in std::fs::read_dir(program.data()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
    }
}

#[test]
fn a_store_of_a_newer_program_is_refused() {
    let program = Program::new();
    program.run(&["add", DRAFT, "--hold"]).expect(0);
    let store = rusqlite::Connection::open(program.data().join("mj-enhance.db")).unwrap();
    store.pragma_update(None, "user_version", 9_999).unwrap();
    drop(store);
    for args in [&["list", "--json"][..], &["add", "task-unified-1-b", "--hold", "--json"], &["run", "--json"]] {
        let ran = program.run(args);
        assert!(ran.code == 2 || (args[0] == "run" && ran.code == 6), "{}", ran.stderr);
    }
    let ran = program.run(&["list", "--json"]).expect(2);
    assert_eq!(ran.error()["code"], "newer_store");
}

#[test]
fn six_adds_of_one_picture_at_one_moment_make_one_job_and_five_are_told_twice() {
    let program = Program::new();
    // The store is there, so that no process is late for having made it.
    program.run(&["add", "task-unified-1-other", "--hold"]).expect(0);
    for picture in ["0", "1", "2", "3"] {
        let spec = format!("{DRAFT}:{picture}");
        let outputs: Vec<Ran> = std::thread::scope(|scope| {
            let add =
                || Ran::from(program.command().args(["add", &spec, "--yes", "--max-credits", "6", "--json"]).output().unwrap());
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(add)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let mut made = 0;
        for ran in outputs {
            let objects = ran.expect(0).objects();
            let twice = objects.iter().filter(|object| object["twice"].is_object()).count();
            let jobs = objects.iter().filter(|object| object["id"].is_string()).count();
            assert_eq!(jobs + twice, 1, "each is told what became of its picture: {objects:?}");
            made += jobs;
        }
        assert_eq!(made, 1, "picture {picture}");
    }
    assert_eq!(list(&program).len(), 5);
}

#[test]
fn six_retries_of_one_job_at_one_moment_make_one_new_job() {
    let program = Program::new();
    let id = program.add(&[DRAFT]).remove(0);
    program.run(&["cancel", &id]).expect(0);
    let codes: Vec<i32> = std::thread::scope(|scope| {
        let retry = || Ran::from(program.command().args(["retry", &id, "--yes", "--max-credits", "6"]).output().unwrap()).code;
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(retry)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1, "{codes:?}");
    assert_eq!(list(&program).iter().filter(|job| job["state"] == "waiting").count(), 1);
}

#[test]
fn hold_and_release_are_one_act_each_and_a_release_needs_its_confirmation() {
    let program = Program::new();
    let id = program.add(&[DRAFT]).remove(0);
    let state = || list(&program)[0]["state"].as_str().unwrap().to_owned();
    program.run(&["hold", &id]).expect(0);
    assert_eq!(state(), "held");
    assert!(program.run(&["hold", &id]).expect(0).stdout.contains("held already"));
    let refused = program.run(&["release", &id, "--json"]).expect(3);
    assert_eq!(refused.error()["code"], "no_consent");
    assert_eq!(state(), "held");
    program.run(&["release", &id, "--yes", "--max-credits", "5.4"]).expect(0);
    assert_eq!(state(), "waiting");
    program.run(&["cancel", &id]).expect(0);
    assert_eq!(program.run(&["release", &id, "--yes", "--max-credits", "9", "--json"]).expect(2).error()["code"], "not_held");
    program.run(&["hold", &id]).expect(2);
}

/// A line of an export with some of its fields changed.
fn forged(program: &Program, change: impl Fn(&mut Value)) -> String {
    let exported = program.run(&["export"]).expect(0).stdout;
    let mut line: Value = serde_json::from_str(exported.lines().next().unwrap()).unwrap();
    change(&mut line);
    line.to_string()
}

#[test]
fn wait_without_an_id_tells_which_jobs_are_left_unsure() {
    let program = Program::new();
    program.add(&[DRAFT]);
    let line = forged(&program, |line| {
        let (key, body) = (line["record"]["request"]["key"].clone(), line["record"]["request"]["body"].clone());
        line["record"]["send"] = serde_json::json!({
            "key": key, "body": body, "agreed": "5.4", "first_at": "2026-11-22T10:00:00Z", "last_at": "2026-11-22T10:00:00Z",
            "attempts": 1, "lost": 1, "absence_confirmed": false
        });
        line["record"]["phase"] = serde_json::json!({ "unsure": { "why": "lost", "looked": false, "candidates": [] } });
    });
    let other = Program::new();
    other.file("jobs.jsonl", &line);
    other.run(&["import", "jobs.jsonl"]).expect(0);
    assert_eq!(list(&other)[0]["state"], "unsure");
    let told = other.run(&["wait", "--json"]).expect(4).objects();
    assert_eq!((told.len(), told[0]["state"].as_str()), (1, Some("unsure")));
}

#[test]
fn a_file_that_would_spend_or_paint_the_terminal_is_refused_by_its_line() {
    let program = Program::new();
    program.add(&[DRAFT]);
    let good = forged(&program, |line| line["id"] = "22222222".into());
    let send = serde_json::json!({
        "key": "mj-enhance-forged-0001", "body": "{\"model\":\"mj-v7\",\"speed\":\"turbo\"}", "agreed": "0.0001",
        "first_at": "2026-11-22T10:00:00Z", "last_at": "2026-11-22T10:00:00Z", "attempts": 1, "lost": 1, "absence_confirmed": false
    });
    let unsure = serde_json::json!({ "unsure": { "why": "lost", "looked": false, "candidates": [] } });
    let bad = [
        forged(&program, |line| {
            (line["record"]["phase"], line["record"]["send"]) = (unsure.clone(), send.clone());
        }),
        forged(&program, |line| line["record"]["phase"] = unsure.clone()),
        forged(&program, |line| line["credits_charged"] = "-100000".into()),
        forged(&program, |line| line["record"]["links"] = serde_json::json!(["file:///etc/passwd"])),
        forged(&program, |line| line["record"]["approval"]["price"] = "-1".into()),
    ];
    let other = Program::new();
    for line in &bad {
        other.file("jobs.jsonl", &format!("{good}\n\n{line}\n"));
        let ran = other.run(&["import", "jobs.jsonl", "--json"]).expect(2);
        assert_eq!(ran.error()["lines"][0]["line"], "jobs.jsonl line 3", "{line}");
        assert!(list(&other).is_empty(), "nothing half done");
    }
    // A mark at the beginning of a file is none of its first line.
    other.file("jobs.jsonl", &format!("\u{feff}{good}\n"));
    other.run(&["import", "jobs.jsonl"]).expect(0);
    assert_eq!(list(&other)[0]["state"], "held");
    let dirty = forged(&program, |line| {
        line["id"] = "33333333".into();
        line["record"]["phase"] = serde_json::json!({ "held": { "why": "source", "found": "\u{1b}]0;owned\u{7}\u{202e}x" } });
    });
    let other = Program::new();
    other.file("jobs.jsonl", &dirty);
    other.run(&["import", "jobs.jsonl"]).expect(0);
    for args in [&["list"][..], &["show", "33333333"], &["export", "--format", "csv"], &["list", "--json"]] {
        let shown = other.run(args).expect(0).stdout;
        assert!(!shown.contains("owned") && !shown.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{args:?}: {shown:?}");
    }
}

#[test]
fn a_failed_job_tells_the_same_next_step_wherever_it_is_exported() {
    let program = Program::new();
    program.add(&[DRAFT]);
    for class in [
        "bad_request",
        "bad_source",
        "content",
        "no_capacity",
        "login",
        "balance",
        "key_total",
        "key_daily",
        "model_denied",
        "access",
        "not_found",
        "key_conflict",
        "paid_outcome_unknown",
        "rate_limited",
        "server",
        "passing",
        "final",
        "network",
        "nonsense",
        "link",
        "local",
        "unknown",
    ] {
        let failure = serde_json::json!({ "code": "x", "message": "", "class": class, "status": null, "request_id": null });
        let line = forged(&program, |line| {
            line["id"] = "44444444".into();
            line["record"]["approval"] = Value::Null;
            line["record"]["phase"] = serde_json::json!({ "failed": failure });
        });
        let other = Program::new();
        other.file("jobs.jsonl", &line);
        other.run(&["import", "jobs.jsonl"]).expect(0);
        let next = |args: &[&str]| {
            let objects = other.run(args).expect(0).objects();
            objects[0]["error"]["next"].as_str().unwrap_or_else(|| panic!("{args:?}: {objects:?}")).to_owned()
        };
        let said = next(&["list", "--json"]);
        assert_eq!(next(&["show", "44444444", "--json"]), said);
        assert_eq!(next(&["export"]), said);
        let shown = other.run(&["show", "44444444"]).expect(0).stdout;
        assert!(shown.contains(&said), "{class}: {said}: {shown}");
        // A script has no keys to press.
        assert!(!said.contains(" with p") && !said.contains(" with R") && !said.contains(" with d"), "{class}: {said}");
    }
}
