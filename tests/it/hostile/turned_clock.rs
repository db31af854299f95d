//! The wall clock jumps by a day, either way, at bad moments.

use std::time::Duration;

use jiff::SignedDuration;
use mj_enhance::engine::{Command, Consent, NoticeKind, Undecided};
use mj_enhance::job::{Caps, Charge, Credits, HoldReason, Phase, State};

use super::{for_each, until_asking};
use crate::stage::{DRAFT, FAST, OTHER_DRAFT, Setup, Stage, specs, yes};

const DAYS: [i64; 2] = [24, -24];

#[test]
fn a_jump_in_the_grace_period_neither_sends_at_once_nor_waits_for_a_day() {
    for_each(&DAYS, |hours| {
        let mut stage = Stage::start(FAST, Setup::default());
        let specs = specs(&[format!("{DRAFT} 0")]);
        let grace = Duration::from_secs(2);
        let before = std::time::Instant::now();
        let ticket =
            stage.send(Command::Add { specs, tag: None, front: false, again: false, consent: Some(Consent { grace, ..yes(1) }) });
        stage.until("in line", |stage| stage.outcomes.contains_key(&ticket));
        stage.clock.turn(SignedDuration::from_hours(*hours));
        stage.until("sent", |stage| stage.all_are(State::Running));
        let took = before.elapsed();
        assert!(took >= grace, "{hours} h: sent after {took:?}");
        assert!(took < Duration::from_secs(15), "{hours} h: sent after {took:?}");
        until_asking(&mut stage, "saved", |stage| stage.all_are(State::Saved));
        assert_eq!(stage.simulator().ledger().len(), 1);
    });
}

#[test]
fn a_jump_while_jobs_run_loses_nothing() {
    for_each(&DAYS, |hours| {
        let mut stage = Stage::start(&FAST.replace("run_seconds = 0.3", "run_seconds = 1.0"), Setup::default());
        stage.add_lines(&[&format!("{DRAFT} all")]);
        stage.until("all running", |stage| stage.count(State::Running) == 4);
        stage.clock.turn(SignedDuration::from_hours(*hours));
        until_asking(&mut stage, "saved", |stage| stage.all_are(State::Saved));
        assert!(stage.jobs.values().all(|job| job.charge == Some(Charge::Charged)));
        assert_eq!(stage.simulator().ledger().len(), 4);
    });
}

#[test]
fn a_jump_between_a_lost_answer_and_the_look_pays_nothing_twice() {
    for_each(&DAYS, |hours| {
        let slow =
            "[[faults]]\nroute = \"submit\"\nat = [1]\nprocessed = true\neffect = { kind = \"slow_headers\", seconds = 60.0 }\n";
        let mut stage = Stage::start(&format!("{FAST}\n{slow}"), Setup::default());
        stage.add_lines(&[&format!("{DRAFT} 0")]);
        stage.until("taken", |stage| {
            stage.simulator().ledger().len() == 1 && stage.jobs.values().any(|job| job.state() == State::Sending)
        });
        stage.stop();
        stage.clock.turn(SignedDuration::from_hours(*hours));
        stage.open().unwrap();
        until_asking(&mut stage, "saved", |stage| stage.all_are(State::Saved));
        assert_eq!(stage.simulator().ledger().len(), 1, "{hours} h");
    });
}

/// A request that the service never took, on whose answer the program was waiting when it ended.
fn ended_on_the_wire() -> Stage {
    let slow =
        "[[faults]]\nroute = \"submit\"\nat = [1]\nprocessed = false\neffect = { kind = \"slow_headers\", seconds = 60.0 }\n";
    let mut stage = Stage::start(&format!("{FAST}\n{slow}"), Setup::default());
    stage.add_lines(&[&format!("{DRAFT} 0")]);
    stage.until("on the wire", |stage| stage.simulator().counts().faults == 1);
    stage.stop();
    stage
}

#[test]
fn a_key_is_as_old_as_the_services_clock_says_whatever_ours_shows() {
    for_each(&DAYS, |hours| {
        let mut stage = ended_on_the_wire();
        stage.clock.turn(SignedDuration::from_hours(*hours));
        stage.open().unwrap();
        until_asking(&mut stage, "saved", |stage| stage.all_are(State::Saved));
        assert_eq!(stage.simulator().ledger().len(), 1, "{hours} h");
        assert_eq!(stage.job().send.as_ref().unwrap().attempts, 2, "{hours} h");
    });
}

#[test]
fn a_key_of_another_day_is_not_sent_again() {
    let mut stage = ended_on_the_wire();
    stage.pass(Duration::from_mins(24 * 60 + 1));
    stage.open().unwrap();
    stage.until("told", |stage| {
        stage.was_told(mj_enhance::engine::Level::Alarm, |kind| *kind == NoticeKind::StaysUnsure(Undecided::OldKey))
    });
    assert_eq!((stage.job().state(), stage.job().charge), (State::Unsure, Some(Charge::Reserved)));
    assert!(stage.simulator().ledger().is_empty());
}

#[test]
fn a_clock_that_is_turned_back_makes_no_room_under_a_cap() {
    let price = Credits::PUBLISHED_PRICE;
    for_each(&[Caps { session: Some(price * 4), day: None }, Caps { session: None, day: Some(price * 4) }], |caps| {
        let mut stage = Stage::start(FAST, Setup { caps: *caps, ..Setup::default() });
        stage.add_lines(&[&format!("{DRAFT} all")]);
        until_asking(&mut stage, "four saved", |stage| stage.count(State::Saved) == 4);
        stage.clock.turn(SignedDuration::from_hours(-24));
        stage.restart();
        stage.add_lines(&[&format!("{OTHER_DRAFT} all")]);
        stage.until("held", |stage| {
            stage.jobs.values().filter(|job| matches!(job.phase, Phase::Held(HoldReason::Cap { .. }))).count() == 4
        });
        assert_eq!(stage.simulator().ledger().len(), 4);
    });
}
