//! The program was off for most of a day while its tasks finished.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::SignedDuration;
use mj_enhance::engine::{Command, Level, NoticeKind};
use mj_enhance::job::{Charge, Credits, JobId, State};
use mj_enhance::simulator::{Amount, Effect, Fault, Route};

use crate::stage::{DRAFT, FAST, Setup, Stage, specs};

const HOUR: Duration = Duration::from_hours(1);

fn many(drafts: usize, more: &str) -> (String, Vec<String>) {
    let ids: Vec<String> = (0..drafts).map(|n| format!("task-unified-1790000100-{n:08}")).collect();
    let mut scenario = format!(
        "run_seconds = 3600.0\nrun_jitter = 0.9\nrecord_life_hours = 200.0\npicture_size = 16\n{more}\n[balance]\naccount = 100000.0\n"
    );
    for id in &ids {
        writeln!(scenario, "[[drafts]]\nid = \"{id}\"").unwrap();
    }
    (scenario, ids.iter().map(|id| format!("{id} all")).collect())
}

#[test]
fn five_hundred_results_of_a_day_come_home_and_the_dead_ones_say_so() {
    // Every tenth link lives for an hour only.
    let (scenario, lines) = many(125, "");
    let scenario = format!("{scenario}[[rules]]\nevery = 10\nthen.link_life_seconds = 3600.0\n");
    let setup = Setup { max_in_flight: 1_000, reads_per_minute: 100_000, fetches_at_once: 2, ..Setup::default() };
    let mut stage = Stage::start(&scenario, setup);
    let specs = specs(&lines);
    stage.add(specs);
    stage.until("five hundred running", |stage| stage.count(State::Running) == 500);
    stage.stop();
    stage.pass(23 * HOUR);
    stage.told.clear();
    stage.open().unwrap();
    // A link that is refused before its life is over may only be in trouble.
    stage.until("the living are saved", |stage| stage.jobs.len() == 500 && stage.count(State::Saved) == 450);
    let refused: Vec<JobId> = stage.jobs.values().filter(|job| job.state() != State::Saved).map(|job| job.id).collect();
    stage.until("the others were tried", |stage| {
        refused.iter().all(|id| stage.jobs[id].state() == State::ToFetch && stage.jobs[id].reason().is_some())
    });
    stage.pass(5 * HOUR);
    stage.send(Command::FetchNow { jobs: refused });
    stage.until("all over", |stage| stage.jobs.values().all(|job| job.state().is_final()));
    assert_eq!((stage.count(State::Saved), stage.count(State::Failed)), (450, 50), "{}", stage.picture());
    for job in stage.jobs.values() {
        assert_eq!((job.charge, job.charged), (Some(Charge::Charged), Some(Credits::PUBLISHED_PRICE)), "{job:?}");
        match job.failure() {
            None => assert_eq!(std::fs::metadata(&job.files[0].path).unwrap().len(), job.files[0].bytes),
            Some(failure) => {
                assert_eq!(failure.code, "link_expired");
                assert!(job.reason().unwrap().contains("the result's link is dead (link_expired)"));
            }
        }
    }
    assert_eq!(stage.pictures().len(), 450);
    let counts = stage.simulator().counts();
    assert_eq!(counts.of(Route::Submit), 500, "nothing is sent again");
    assert_eq!(stage.simulator().money().charged, Amount::from_uc(500 * 54_000));
    // The time that is left is counted from the end of the task, not from our hearing of it a day later.
    let now = jiff::Timestamp::now() + SignedDuration::from_hours(23);
    let left: Vec<i64> = stage.jobs.values().map(|job| job.link_expires_at.unwrap().duration_since(now).as_hours()).collect();
    assert!(left.iter().all(|hours| *hours <= 3), "{left:?}");
    // Once all of them were known to be fetched, the one with the least time left always went first.
    let order: Vec<(usize, JobId)> = stage
        .told
        .iter()
        .enumerate()
        .filter(|(_, (_, state))| *state == State::Fetching)
        .map(|(at, (id, _))| (at, *id))
        .collect();
    let mut first_known: BTreeMap<JobId, usize> = BTreeMap::new();
    for (at, (id, state)) in stage.told.iter().enumerate() {
        if *state == State::ToFetch {
            first_known.entry(*id).or_insert(at);
        }
    }
    let known = *first_known.values().max().unwrap();
    let mut seen = std::collections::BTreeSet::new();
    let ends: Vec<_> = order
        .into_iter()
        .filter(|(at, id)| seen.insert(*id) && *at > known)
        .map(|(_, id)| stage.jobs[&id].link_expires_at.unwrap())
        .collect();
    assert!(ends.len() > 100, "{} of 500 were fetched after all were known", ends.len());
    assert!(ends.is_sorted(), "least time left first");
}

#[test]
fn an_unsaved_result_is_called_out_at_four_hours_and_at_one() {
    let mut stage = Stage::start(FAST, Setup::default());
    let effect = Effect::Status {
        status: 500,
        code: None,
        message: None,
        retry_after: None,
        retry_after_form: mj_enhance::simulator::RetryAfterForm::Absent,
        body: mj_enhance::simulator::ErrorBody::Error,
    };
    stage.simulator().add_fault(Fault { to: Some(2), ..Fault::new(Route::File, effect) }).unwrap();
    stage.add_lines(&[&format!("{DRAFT} 0")]);
    stage.until("the download fails", |stage| stage.all_are(State::ToFetch) && stage.job().reason().is_some());
    let alarms = |stage: &Stage| -> Vec<NoticeKind> {
        let kinds = stage.notices.iter().filter(|notice| notice.level() == Level::Alarm).map(|notice| notice.kind.clone());
        kinds.filter(|kind| matches!(kind, NoticeKind::LinksEnding { .. })).collect()
    };
    assert_eq!(alarms(&stage), []);
    // The program is off for 21 hours; the link has three left.
    stage.stop();
    stage.simulator().add_fault(Fault::new(Route::File, Effect::ResetBefore)).unwrap();
    stage.pass(21 * HOUR);
    stage.open().unwrap();
    stage.until("the first alarm", |stage| alarms(stage).len() == 1);
    assert_eq!(alarms(&stage), [NoticeKind::LinksEnding { results: 1, hours: 4 }]);
    stage.clock.turn(SignedDuration::from_mins(135));
    stage.until("the second alarm", |stage| alarms(stage).len() == 2);
    assert_eq!(alarms(&stage)[1], NoticeKind::LinksEnding { results: 1, hours: 1 });
    // The charge stays, and the job is fetched as soon as the host is well.
    assert_eq!((stage.job().state().word().contains("fetch"), stage.job().charge), (true, Some(Charge::Charged)));
    let id = stage.job().id;
    stage.send(Command::FetchNow { jobs: vec![id] });
    let ticket = stage.send(Command::Retag { jobs: vec![id], tag: None });
    stage.until("answered", |stage| stage.outcomes.contains_key(&ticket));
    assert_eq!(stage.simulator().counts().of(Route::Submit), 1);
}

#[test]
fn a_link_that_died_meanwhile_is_asked_for_once_more_and_a_fresh_one_is_taken() {
    let fresh = format!("fresh_links = true\nlink_life_hours = 2.0\n{FAST}").replace("run_seconds = 0.3", "run_seconds = 60.0");
    let mut stage = Stage::start(&fresh, Setup::default());
    stage.add_lines(&[&format!("{DRAFT} all")]);
    stage.until("four running", |stage| stage.count(State::Running) == 4);
    stage.stop();
    stage.pass(23 * HOUR);
    stage.open().unwrap();
    stage.until("all saved", |stage| stage.count(State::Saved) == 4);
    assert_eq!((stage.pictures().len(), stage.simulator().ledger().len()), (4, 4));
}
