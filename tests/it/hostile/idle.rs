//! An engine with nothing to do does nothing, also when something is in trouble: its loop turns a few times a second.

use std::io::Write as _;
use std::time::{Duration, Instant};

use mj_enhance::engine::Command;
use mj_enhance::job::State;
use mj_enhance::simulator::{Effect, Fault, Route};

use super::{serve, until_asking};
use crate::stage::{DRAFT, FAST, OTHER_DRAFT, Setup, Stage};

/// Watched for so long.
const SPAN: Duration = Duration::from_secs(2);
/// Looks at the clock in that time: one or two for each turn, two turns a second, and room for what is due anyway.
const MOST_LOOKS: u64 = 20;

fn assert_at_rest(what: &str, stage: &mut Stage) {
    let (start, before) = (Instant::now(), stage.clock.looks());
    stage.until(what, |_| start.elapsed() >= SPAN);
    let looks = stage.clock.looks() - before;
    assert!(looks <= MOST_LOOKS, "{what}: {looks} looks at the clock in {SPAN:?}");
}

#[test]
fn with_nothing_to_do() {
    let mut stage = Stage::start(FAST, Setup::default());
    stage.add_lines(&[&format!("{DRAFT} 0")]);
    until_asking(&mut stage, "idle", |stage| {
        stage.all_are(State::Saved) && stage.status.as_ref().is_some_and(|status| status.idle)
    });
    assert_at_rest("idle", &mut stage);
}

#[test]
fn while_a_download_drips_after_an_earlier_one_failed() {
    let first = std::sync::atomic::AtomicBool::new(true);
    let base = serve(move |_, _, stream| {
        if first.swap(false, std::sync::atomic::Ordering::SeqCst) {
            return super::say(stream, "503 Busy", "", b"");
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 100000\r\n\r\n\x89PNG\r\n\x1a\n").ok();
        std::thread::park_timeout(Duration::from_mins(1));
    });
    let mut stage = Stage::start(&format!("{FAST}\n[[rules]]\nthen.link = \"{base}/x.png\"\n"), Setup::default());
    stage.add_lines(&[&format!("{DRAFT} 0")]);
    until_asking(&mut stage, "the second try", |stage| stage.all_are(State::Fetching) && stage.job().reason().is_some());
    assert_at_rest("a download drips", &mut stage);
}

#[test]
fn while_the_budget_of_reads_is_used_up() {
    let mut stage = Stage::start(
        &FAST.replace("run_seconds = 0.3", "run_seconds = 600.0"),
        Setup { reads_per_minute: 6, ..Setup::default() },
    );
    stage.add_lines(&[&format!("{DRAFT} all"), &format!("{OTHER_DRAFT} all")]);
    stage.until("all running", |stage| stage.count(State::Running) == 8);
    // What was saved up is used up by now; after this each read costs ten seconds, and everything is due.
    let ticket = stage.send(Command::AskNow { jobs: Vec::new() });
    stage.until("asked", |stage| stage.outcomes.contains_key(&ticket));
    assert_at_rest("no budget", &mut stage);
}

#[test]
fn while_an_announced_wait_runs() {
    let mut stage = Stage::start(FAST, Setup::default());
    let effect = Effect::Status {
        status: 429,
        code: None,
        message: None,
        retry_after: Some(60.0),
        retry_after_form: mj_enhance::simulator::RetryAfterForm::Seconds,
        body: mj_enhance::simulator::ErrorBody::Error,
    };
    stage.simulator().add_fault(Fault::new(Route::Submit, effect)).unwrap();
    stage.add_lines(&[&format!("{DRAFT} all")]);
    stage.until("the wait", |stage| stage.status.as_ref().is_some_and(|status| status.all_wait_until.is_some()));
    assert_at_rest("a 429 wait", &mut stage);
    assert_eq!(stage.simulator().counts().during_wait, 0);
}

#[test]
fn while_a_draft_cannot_be_read_and_the_task_list_neither() {
    let base = serve(|_, _, stream| super::say(stream, "500 No", "", b""));
    let mut stage = Stage::at(&base, Setup::default());
    stage.add_lines(&[&format!("{DRAFT} all")]);
    stage.until("in line", |stage| stage.jobs.len() == 4);
    assert_at_rest("nothing can be read", &mut stage);
    assert_eq!(stage.count(State::Waiting), 4);
}
