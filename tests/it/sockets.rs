//! The engine with its real client, downloader and store against the simulator over loopback.

use std::fmt::Write as _;

use mj_enhance::engine::Command;
use mj_enhance::job::{Charge, Credits, State};

use crate::stage::{FAST, Setup, Stage, specs, yes};

fn draft_lines() -> Vec<String> {
    vec!["task-unified-1790000100-k3v9q2ad all".into(), "task-unified-1790000460-h8m4t7xe all".into()]
}

#[test]
fn jobs_go_from_a_yes_to_files_on_disk_with_one_charge_each() {
    let mut stage = Stage::start(FAST, Setup { max_in_flight: 4, ..Setup::default() });
    let specs = specs(&draft_lines());
    assert_eq!(specs.len(), 8);
    stage.add(specs);
    stage.until("eight saved jobs", |stage| stage.jobs.len() == 8 && stage.all_are(State::Saved));
    for job in stage.jobs.values() {
        assert_eq!(job.charge, Some(Charge::Charged), "{job:?}");
        assert_eq!(job.charged, Some(Credits::PUBLISHED_PRICE));
        let file = &job.files[0];
        let bytes = std::fs::read(&file.path).unwrap();
        assert_eq!(bytes.len() as u64, file.bytes);
        assert!(bytes.starts_with(b"\x89PNG"));
    }
    let ledger = stage.simulator().ledger();
    assert_eq!(ledger.len(), 8, "one charge each");
    stage.until("idle", |stage| stage.status.as_ref().is_some_and(|status| status.idle));
}

#[test]
fn what_was_sent_goes_on_after_leaving_and_what_was_not_waits_for_a_new_yes() {
    let mut stage =
        Stage::start(&FAST.replace("run_seconds = 0.3", "run_seconds = 1.0"), Setup { max_in_flight: 2, ..Setup::default() });
    let specs = specs(&draft_lines());
    stage.add(specs);
    stage.until("two running", |stage| stage.counts().get(&State::Running) == Some(&2));
    stage.stop();
    let sent = stage.simulator().ledger().len();
    stage.setup.max_in_flight = 8;
    stage.open().unwrap();
    stage.until("what was sent is saved, the rest waits", |stage| {
        stage.counts().get(&State::Saved) == Some(&sent)
            && stage.status.as_ref().is_some_and(|status| status.waiting_for_go.len() == 8 - sent)
    });
    assert_eq!(stage.simulator().ledger().len(), sent, "a restart spends nothing by itself");
    let jobs = stage.status.as_ref().unwrap().waiting_for_go.clone();
    let consent = Some(yes(jobs.len()));
    stage.send(Command::Resume { jobs, consent });
    stage.until("all saved", |stage| stage.jobs.len() == 8 && stage.all_are(State::Saved));
    assert_eq!(stage.simulator().ledger().len(), 8);
}

#[test]
fn a_thousand_running_jobs_cost_twenty_reads_a_round() {
    let drafts: Vec<String> = (0..250).map(|n| format!("task-unified-1790000100-{n:08}")).collect();
    // A service that says nothing of the end is asked every 3 s, so that rounds are short.
    let mut scenario =
        String::from("run_seconds = 600.0\nestimate = \"absent\"\nprogress_steps = 1\n[balance]\naccount = 100000.0\n");
    for id in &drafts {
        writeln!(scenario, "[[drafts]]\nid = \"{id}\"").unwrap();
    }
    let mut stage = Stage::start(&scenario, Setup { max_in_flight: 1_000, reads_per_minute: 1_000_000, ..Setup::default() });
    let lines: Vec<String> = drafts.iter().map(|id| format!("{id} all")).collect();
    let specs = specs(&lines);
    stage.add(specs);
    stage.until("a thousand running", |stage| stage.counts().get(&State::Running) == Some(&1_000));
    // Rounds of the scheduler, counted by the service: first one in which tasks that came one by one find together, then three.
    let asked = |stage: &Stage| stage.simulator().counts().batch_ids.iter().sum::<usize>();
    let come = asked(&stage);
    stage.until("a round", |stage| asked(stage) >= come + 1_000);
    let before = stage.simulator().counts().batch_ids.len();
    let round = |stage: &Stage| -> Vec<usize> { stage.simulator().counts().batch_ids[before..].to_vec() };
    stage.until("three rounds", |stage| round(stage).iter().sum::<usize>() >= 3_000);
    let batches = round(&stage);
    let mut ids = 0;
    let reads = batches.iter().take_while(|size| {
        let more = ids < 3_000;
        ids += **size;
        more
    });
    let reads = reads.count();
    // A read that leaves with 46 of them is no fault; one that leaves with few would be.
    assert!(reads <= 3 * 20 + 2, "{reads} reads for three rounds over 1,000 tasks: {batches:?}");
    // A command is answered while all of them run.
    let id = *stage.jobs.keys().next().unwrap();
    stage.send(Command::Retag { jobs: vec![id], tag: Some(mj_enhance::job::Tag::new("quick").unwrap()) });
    stage.until("the tag", |stage| stage.jobs[&id].tag.is_some());
}
