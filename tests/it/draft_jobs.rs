//! Every command that takes jobs takes draft jobs too, and speaks of prompts where it would speak of a picture of a draft.

use std::process::Stdio;

use serde_json::Value;

use crate::house::{House, QUICK, assert_whole, signal, until};
use crate::program::Ran;

const RUN: [&str; 5] = ["run", "--until-idle", "--yes", "--max-credits", "1000"];

/// [`QUICK`], with prompts that the service refuses, and with tasks that fail.
fn strict() -> String {
    let rules = [
        ("blood", "{ refuse = \"content_policy_violation\", message = \"Refused.\" }"),
        ("gone", "{ end = \"failed\", code = \"resource_not_found\" }"),
        ("odd", "{ end = \"failed\", code = \"invalid_parameters\" }"),
        ("sick", "{ end = \"failed\", code = \"service_error\" }"),
    ];
    let rules = rules.map(|(word, then)| format!("[[rules]]\nprompt = \"{word}\"\nthen = {then}\n"));
    format!("{QUICK}{}", rules.concat())
}

/// Records prompts as held draft jobs and gives their ids.
fn held(house: &House, prompts: &[&str]) -> Vec<String> {
    let args = [&["draft", "--hold", "--json", "--tag", "harbour"], prompts].concat();
    ids(&house.run(&args).expect(0))
}

fn ids(ran: &Ran) -> Vec<String> {
    ran.objects().iter().filter_map(|object| object["id"].as_str().map(str::to_owned)).collect()
}

/// Makes drafts from prompts, to their end.
fn made(house: &House, prompts: &[&str]) -> Vec<String> {
    let ids = held(house, prompts);
    house.run(&["release", "--all", "--yes", "--max-credits", "1000"]).expect(0);
    house.run(&RUN);
    ids
}

fn job(house: &House, id: &str) -> Value {
    house.run(&["show", id, "--json"]).expect(0).objects().remove(0)
}

/// What a failed draft must never be told: it has no source.
fn assert_speaks_of_a_prompt(said: &str) {
    for wrong in ["this picture", "same picture", "another picture", "draft's id", "draft's record", "its draft", "this source"] {
        assert!(!said.contains(wrong), "{wrong}: {said}");
    }
}

#[test]
fn show_wait_and_list_tell_a_draft_by_its_prompt() {
    let house = House::new(&strict());
    let ids = made(&house, &["{red, blue} boat --ar 3:2", "Blood, on snow"]);
    let shown = house.run(&["show", &ids[0]]).expect(0).stdout;
    for part in
        ["prompt       red boat --ar 3:2", "template     {red, blue} boat --ar 3:2", "2.7 credits charged", "saved 4 files"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert_eq!(shown.matches("\n  file ").count(), 4, "{shown}");
    assert!(!shown.contains("image_number"), "{shown}");
    let one = job(&house, &ids[0]);
    assert_eq!((&one["kind"], &one["prompt"]), (&"draft".into(), &"red boat --ar 3:2".into()));
    assert!(one["source_task"].is_null() && one["image_number"].is_null(), "{one}");
    let waited = house.run(&["wait", &ids[0], "--json"]).expect(0).objects();
    assert_eq!(waited, [one]);
    let refused = house.run(&["wait", &ids[2]]).expect(1).stdout;
    assert!(refused.contains("moderation refused this prompt") && refused.contains("write another prompt"), "{refused}");
    let list = house.run(&["list"]).expect(0).stdout;
    // A longer label moves the columns of all.
    let column = list.lines().next().unwrap().find("TAG").unwrap();
    assert!(list.lines().skip(1).all(|line| line.find("harbour") == Some(column)), "{list}");
    let fits = house.run(&["list", "--json", "--query", "kind:draft prompt:blood"]).expect(0);
    assert_eq!(self::ids(&fits), [ids[2].as_str()]);
}

#[test]
fn a_failed_draft_is_told_of_its_prompt_by_every_command() {
    let house = House::new(&strict());
    let ids = made(&house, &["Blood, on snow", "gone fish", "odd angles", "sick gull"]);
    for id in &ids {
        let fails = job(&house, id);
        assert_eq!(fails["state"], "failed", "{fails}");
        let all = [&["show", id][..], &["wait", id], &["retry", id], &["fetch", id], &["cancel", id], &["hold", id]];
        for args in all {
            let ran = house.run(args);
            assert_speaks_of_a_prompt(&format!("{}{}{fails}", ran.stdout, ran.stderr));
        }
        // Who insists may pay for the same prompt once more: nothing of it is gone.
        house.run(&["retry", id, "--again"]).expect(3);
    }
    let csv = house.run(&["export", "--format", "csv"]).expect(0).stdout;
    assert_speaks_of_a_prompt(&csv);
}

#[test]
fn retry_makes_the_same_prompt_again_as_a_new_paid_job() {
    let house = House::new(&strict());
    let ids = made(&house, &["{sick, red} gull"]);
    house.run(&["retry", &ids[0]]).expect(3);
    let again = house.run(&["retry", &ids[0], "--yes", "--max-credits", "2.7", "--json"]).expect(0).objects().remove(0);
    let first = job(&house, &ids[0]);
    for field in ["kind", "prompt", "template", "tag"] {
        assert_eq!(again[field], first[field], "{field}");
    }
    assert_ne!(again["id"], first["id"]);
    let twice = house.run(&["retry", &ids[0]]).expect(2).stderr;
    assert!(twice.contains("has the same prompt"), "{twice}");
    // A saved one only when it is meant.
    let refused = house.run(&["retry", &ids[1]]).expect(2).stderr;
    assert!(refused.contains("--again"), "{refused}");
    house.run(&["retry", &ids[1], "--again", "--yes", "--max-credits", "2.7"]).expect(0);
    house.run(&RUN);
    assert_eq!((house.paid(), house.jobs().len()), (4, 4), "each with a payment of its own");
}

#[test]
fn cancel_stops_watching_a_draft_and_fetch_gets_all_four() {
    let house = House::new(&QUICK.replace("0.3", "3600"));
    let ids = held(&house, &["old pier", "new pier"]);
    house.run(&["cancel", &ids[1]]).expect(0);
    assert_eq!(job(&house, &ids[1])["state"], "cancelled");
    house.run(&["release", &ids[0], "--yes", "--max-credits", "2.7"]).expect(0);
    let mut engine = house.spawn(&["run", "--yes", "--max-credits", "2.7"]);
    until(|| house.count("running") == 1);
    let said = house.run(&["cancel", &ids[0]]).expect(0).stdout;
    assert!(said.contains("charged if it completes"), "{said}");
    until(|| house.count("unwatched") == 1);
    house.simulator.finish_all();
    house.run(&["fetch", &ids[0]]).expect(0);
    until(|| house.count("saved") == 1);
    signal(engine.id(), rustix::process::Signal::TERM);
    engine.wait().unwrap();
    let saved = job(&house, &ids[0]);
    assert_whole(&saved);
    assert_eq!((saved["files"].as_array().unwrap().len(), house.paid()), (4, 1));
}

#[test]
fn a_draft_is_held_and_released_at_its_own_price() {
    let house = House::new(QUICK);
    let ids = held(&house, &["old pier"]);
    let said = house.run(&["release", &ids[0]]).expect(3).stderr;
    assert!(said.contains("2.7 credits"), "{said}");
    house.run(&["release", &ids[0], "--yes", "--max-credits", "2.6"]).expect(3);
    house.run(&["release", &ids[0], "--yes", "--max-credits", "2.7"]).expect(0);
    house.run(&["hold", &ids[0]]).expect(0);
    house.run(&RUN);
    assert_eq!((house.paid(), house.count("held")), (0, 1));
}

#[test]
fn an_exported_draft_is_taken_in_with_its_prompt_and_without_permission() {
    let house = House::new(QUICK);
    let ids = made(&house, &["{red, blue} boat, at \"dawn\""]);
    house.run(&["draft", "old pier", "--yes", "--max-credits", "2.7"]).expect(0);
    let lines = house.run(&["export"]).expect(0);
    let exported = lines.objects();
    let file = house.program.file("jobs.jsonl", &lines.stdout);
    let csv = house.run(&["export", "--format", "csv"]).expect(0).stdout;
    let head: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    assert!(["kind", "prompt", "template", "source_task", "image_number"].iter().all(|name| head.contains(name)), "{head:?}");
    assert!(csv.contains(",draft,\"red boat, at \"\"dawn\"\"\",\"{red, blue} boat, at \"\"dawn\"\"\","), "{csv}");
    assert!(csv.lines().skip(1).all(|line| line.split(',').nth(1) == Some("") && line.split(',').nth(2) == Some("")), "{csv}");

    let other = House::new(QUICK);
    let taken = other.run(&["import", file.to_str().unwrap(), "--json"]).expect(0);
    assert!(taken.stderr.contains("1 job is sent only after you confirm"), "{}", taken.stderr);
    let saved = job(&other, &ids[0]);
    let before = exported.iter().find(|job| job["id"] == ids[0].as_str()).unwrap();
    for field in ["kind", "prompt", "template", "files", "state", "credits_charged"] {
        assert_eq!(saved[field], before[field], "{field}");
    }
    other.run(&RUN);
    assert_eq!(other.paid(), 0, "the yes of another store is none here");
}

#[test]
fn watch_run_and_hooks_tell_of_drafts() {
    let hooks = "on_done = [\"sh\", \"-c\", \"cat >> done\"]\non_failed = [\"sh\", \"-c\", \"cat >> failed\"]\n\
                 on_batch = [\"sh\", \"-c\", \"cat >> batch\"]\n";
    let house = House::with(&strict(), hooks);
    held(&house, &["{red, blue} boat", "Blood, on snow"]);
    house.run(&["release", "--all", "--yes", "--max-credits", "8.1"]).expect(0);
    let watcher = house.command(&["watch", "--plain", "--until-idle"]).stdout(Stdio::piped()).spawn().unwrap();
    let ran = house.run(&["run", "--until-idle", "--yes", "--max-credits", "8.1", "--json"]).expect(1);
    let told = ran.objects();
    assert!(told.iter().all(|job| job["kind"] == "draft" && job["source_task"].is_null()), "{told:?}");
    assert_eq!(told.iter().filter(|job| job["state"] == "saved").count(), 2);
    assert_speaks_of_a_prompt(&format!("{}{}", ran.stdout, ran.stderr));
    let said = String::from_utf8(watcher.wait_with_output().unwrap().stdout).unwrap();
    assert!(said.contains("(\"red boat\", harbour) is waiting") && said.contains("has failed"), "{said}");
    assert_speaks_of_a_prompt(&said);
    let read = |name: &str| std::fs::read_to_string(house.home().join(name)).unwrap();
    let done: Vec<Value> = read("done").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(done.len(), 2);
    for job in &done {
        assert_whole(job);
        assert_eq!((&job["kind"], job["files"].as_array().unwrap().len()), (&"draft".into(), 4));
        assert_eq!(job["template"], "{red, blue} boat");
    }
    assert!(read("failed").contains("write another prompt"), "{}", read("failed"));
    assert!(read("batch").contains("\"failed\":1,\"saved\":2"), "{}", read("batch"));
}

#[test]
fn prune_forgets_drafts_and_leaves_their_pictures() {
    let house = House::new(QUICK);
    let ids = made(&house, &["old pier"]);
    let saved = job(&house, &ids[0]);
    let pruned = house.run(&["prune", "--older-than", "0s", "--json"]).expect(0).objects().remove(0);
    assert_eq!(pruned["pruned"][0], ids[0].as_str());
    assert!(house.jobs().is_empty());
    assert_whole(&saved);
}

/// `from | into`: two processes with a real pipe between them.
fn piped(house: &House, from: &[&str], into: &[&str]) -> Ran {
    let mut first = house.command(from).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let second = house.command(into).stdin(first.stdout.take().unwrap()).output().unwrap();
    assert!(first.wait().unwrap().success(), "{from:?}");
    second.into()
}

#[test]
fn three_commands_lead_from_a_prompt_to_saved_enhances() {
    let house = House::new(QUICK);
    let mut engine = house.spawn(&["run", "--yes", "--max-credits", "24.3"]);
    until(|| house.requests() > 0);
    house.run(&["draft", "lighthouse in fog", "--yes", "--max-credits", "2.7"]).expect(0);
    house.run(&["wait"]).expect(0);
    let add = ["add", "-f", "-", "--yes", "--max-credits", "21.6", "--json"];
    let added = piped(&house, &["drafts", "--limit", "1", "--specs"], &add).expect(0).objects();
    let images: Vec<Option<u64>> = added.iter().map(|job| job["image_number"].as_u64()).collect();
    assert_eq!(images, [Some(0), Some(1), Some(2), Some(3)]);
    house.run(&["wait"]).expect(0);
    signal(engine.id(), rustix::process::Signal::TERM);
    engine.wait().unwrap();
    house.assert_all_saved(5);
    let jobs = house.jobs();
    let draft = jobs.iter().find(|job| job["kind"] == "draft").unwrap();
    assert!(added.iter().all(|job| job["source_task"] == draft["task_id"]), "{added:?}");
}

#[test]
fn a_draft_is_not_enhanced_before_its_pictures_are_there_or_without_a_choice() {
    let house = House::new(QUICK);
    let refused = piped(&house, &["draft", "old pier", "--hold", "--json"], &["add", "-f", "-", "--hold"]).expect(2);
    assert!(refused.stderr.contains("no pictures yet") && refused.stderr.contains("drafts --specs"), "{}", refused.stderr);
    assert_eq!(house.jobs().len(), 1);
    house.run(&["release", "--all", "--yes", "--max-credits", "2.7"]).expect(0);
    house.run(&RUN).expect(0);
    for from in [&["list", "--json"][..], &["drafts", "--json", "--limit", "1"]] {
        let refused = piped(&house, from, &["add", "-f", "-", "--hold"]).expect(2);
        assert!(refused.stderr.contains("\"image_number\" is missing"), "{}", refused.stderr);
    }
    // With the choice written into it, its line is one for `add`.
    let mut line = house.jobs().remove(0);
    line["image_number"] = 2.into();
    let file = house.program.file("chosen.jsonl", &format!("{line}\n"));
    let added = house.run(&["add", "-f", file.to_str().unwrap(), "--hold", "--json"]).expect(0).objects().remove(0);
    assert_eq!((&added["source_task"], &added["image_number"]), (&line["task_id"], &2.into()));
}

/// Two drafts and two enhances that wait in turn, confirmed.
fn mixed(house: &House) {
    let specs = house.specs(2);
    for (n, spec) in specs.iter().enumerate() {
        house.run(&["draft", &format!("pier {n}"), "--yes", "--max-credits", "2.7"]).expect(0);
        let file = house.program.file("spec.txt", spec);
        house.run(&["add", "-f", file.to_str().unwrap(), "--yes", "--max-credits", "5.4"]).expect(0);
    }
}

#[test]
fn max_credits_counts_both_kinds_together_to_the_last_credit() {
    // 2.7 + 5.4 + 2.7 + 5.4
    for (limit, paid) in [("16.2", 4), ("16.1", 3), ("10.8", 3), ("8.1", 2), ("2.7", 1), ("2.6", 0)] {
        let house = House::new(QUICK);
        mixed(&house);
        house.run(&["run", "--until-idle", "--yes", "--max-credits", limit]).expect(if paid == 4 { 0 } else { 3 });
        assert_eq!(house.paid(), paid, "{limit}: {:?}", house.jobs());
        house.assert_books(&house.jobs(), house.count("saved"));
    }
}

#[test]
fn a_cap_counts_both_kinds_together_to_the_last_credit() {
    for (cap, paid) in [("16.2", 4), ("16.1", 3), ("10.8", 3), ("8.1", 2)] {
        let house = House::with(QUICK, &format!("cap_day = \"{cap}\"\n"));
        mixed(&house);
        house.run(&RUN);
        assert_eq!(house.paid(), paid, "{cap}: {:?}", house.jobs());
        let over = house.jobs().into_iter().filter(|job| job["state"] == "held").collect::<Vec<_>>();
        assert_eq!(over.len(), 4 - paid, "{cap}");
        assert!(over.iter().all(|job| job["reason"].as_str().unwrap().contains("cap")), "{over:?}");
    }
}
