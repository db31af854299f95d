//! Fates of tasks that were accepted: how they end, and how they do not.

use std::time::Duration;

use mj_enhance::engine::{Command, Level, NoticeKind};
use mj_enhance::job::{Charge, Credits, State};
use mj_enhance::simulator::Route;

use super::{for_each, until_asking};
use crate::stage::{DRAFT, FAST, Setup, Stage, files_below};

fn fated(more: &str, then: &str) -> Stage {
    let mut stage = Stage::start(&format!("{more}\n{FAST}\n[[rules]]\n{then}"), Setup::default());
    stage.add_lines(&[&format!("{DRAFT} 1")]);
    stage
}

#[test]
fn a_completed_task_may_have_no_link_or_up_to_four() {
    for_each(&[1_usize, 2, 3, 4], |links| {
        let mut stage = fated("", &format!("then.links = {links}"));
        until_asking(&mut stage, "saved", |stage| stage.all_are(State::Saved));
        let job = stage.job();
        assert_eq!((job.files.len(), stage.pictures().len()), (*links, *links));
        let unique: std::collections::BTreeSet<_> = job.files.iter().map(|file| &file.path).collect();
        assert_eq!(unique.len(), *links, "no file is another one's");
        assert_eq!(job.charged, Some(Credits::PUBLISHED_PRICE));
    });
    for shape in ["links = 0", "results = \"missing\"", "results = \"null\""] {
        let mut stage = fated("", &format!("then.{shape}"));
        // Its links may come a moment later, so it is read again for three minutes.
        stage.until("it ended without links", |stage| stage.jobs.values().any(|job| job.finished_at.is_some()));
        assert!(stage.all_are(State::Running), "{shape}");
        stage.clock.turn(jiff::SignedDuration::from_mins(3));
        stage.until(shape, |stage| stage.all_are(State::Failed));
        let job = stage.job();
        assert_eq!(job.failure().unwrap().code, "no_links", "{shape}");
        assert_eq!(
            (job.charge, job.charged),
            (Some(Charge::Charged), Some(Credits::PUBLISHED_PRICE)),
            "{shape}: the charge stays"
        );
        assert!(stage.results().is_empty(), "{shape}");
    }
}

#[test]
fn links_that_cannot_be_read_are_not_taken_for_none_and_the_task_is_read_again() {
    for_each(&["file:///etc/passwd", "data:image/png;base64,AAAA"], |link| {
        let mut stage = fated("", &format!("then.link = \"{link}\""));
        stage.until("it ended", |stage| stage.jobs.values().any(|job| job.finished_at.is_some()));
        stage.clock.turn(jiff::SignedDuration::from_mins(4));
        let reads = stage.simulator().counts().of(Route::Read);
        stage.until("read again", |stage| stage.simulator().counts().of(Route::Read) > reads);
        assert!(stage.all_are(State::Running) && stage.results().is_empty(), "{}", stage.picture());
        assert_eq!(stage.job().charge, Some(Charge::Charged));
    });
}

#[test]
fn results_are_found_wherever_they_stand() {
    for_each(&["object", "array", "both", "text"], |shape| {
        let mut stage = fated(
            "",
            &format!(
                "then.results = \"{shape}\"\nthen.extra_fields = true\nthen.drop_fields = [\"object\", \"type\", \"progress\", \"task_info\", \"model\"]"
            ),
        );
        until_asking(&mut stage, shape, |stage| stage.all_are(State::Saved));
        assert_eq!(stage.pictures().len(), 1, "{shape}: a link that is named twice is fetched once");
    });
}

#[test]
fn without_usage_nothing_is_called_charged() {
    let mut stage = fated("", "then.drop_fields = [\"usage\", \"billing\"]");
    until_asking(&mut stage, "saved", |stage| stage.all_are(State::Saved));
    assert_eq!((stage.job().charge, stage.job().charged), (Some(Charge::NotKnown), None));
    assert_eq!(stage.job().spent(), Credits::PUBLISHED_PRICE, "it counts all the same");
}

#[test]
fn failed_tasks_say_why_and_are_free_only_with_proof() {
    let cases = [
        (
            "then.end = \"failed\"\nthen.code = \"quota_exceeded\"",
            "honest",
            State::Failed,
            "this is not your balance",
            Charge::Refunded,
        ),
        ("then.end = \"moderated\"", "absent", State::Failed, "moderation refused this picture", Charge::NotKnown),
        (
            "then.end = \"failed\"\nthen.code = \"GENERATION_TIMEOUT\"",
            "refund_pending",
            State::Failed,
            "its own time limit",
            Charge::NotKnown,
        ),
        ("then.end = \"failed\"\nthen.code = \"77\"", "refund_mismatch", State::Failed, "(77)", Charge::NotKnown),
        ("then.end = \"failed\"", "refund_undated", State::Failed, "", Charge::NotKnown),
        ("then.end = \"failed\"", "nonsense", State::Failed, "", Charge::NotKnown),
        ("then.end = \"failed\"", "other_scope", State::Failed, "", Charge::NotKnown),
        ("then.end = \"cancelled\"", "unknown", State::Cancelled, "cancelled by the service", Charge::NotKnown),
    ];
    for_each(&cases, |(then, billing, state, part, charge)| {
        let mut stage = fated(&format!("billing = \"{billing}\""), then);
        until_asking(&mut stage, then, |stage| stage.all_are(*state));
        let job = stage.job();
        assert!(job.reason().unwrap().contains(part), "{then}: {:?}", job.reason());
        assert_eq!(job.charge, Some(*charge), "{then} {billing}");
        assert!(stage.results().is_empty());
        assert_eq!(stage.simulator().counts().of(Route::File), 0);
    });
}

#[test]
fn unknown_words_and_odd_progress_never_end_a_job() {
    let cases = [
        "then.running_status = \"teleporting\"",
        "then.progress = \"backwards\"",
        "then.progress = \"nonsense\"",
        "then.progress = \"absent\"",
        "then.progress = \"jump\"",
        "then.running_status = \"\"",
    ];
    for_each(&cases, |then| {
        let mut stage = fated("time_scale = 4.0", &format!("{then}\nthen.run_seconds = 3.0"));
        until_asking(&mut stage, then, |stage| stage.all_are(State::Saved));
        let mut states: Vec<State> = stage.told.iter().map(|(_, state)| *state).collect();
        states.dedup();
        assert_eq!(
            states,
            [State::Waiting, State::Sending, State::Running, State::ToFetch, State::Fetching, State::Saved],
            "{then}"
        );
    });
    // A status that nobody knows at the end is no end either.
    let mut stage = fated("", "then.final_status = \"exploded\"");
    until_asking(&mut stage, "ten looks", |stage| stage.simulator().counts().of(Route::Read) > 10);
    assert_eq!((stage.job().state(), stage.job().charge), (State::Running, Some(Charge::Reserved)));
    assert!(stage.results().is_empty());
}

#[test]
fn a_record_that_vanishes_gives_up_no_paid_job_within_the_hour() {
    let mut stage = fated("", "then.run_seconds = 600.0\nthen.vanish_seconds = 0.2");
    let before = stage.simulator().counts().of(Route::Read);
    until_asking(&mut stage, "asked again and again", |stage| stage.simulator().counts().of(Route::Read) > before + 6);
    let job = stage.job();
    assert_eq!((job.state(), job.charge), (State::Running, Some(Charge::Reserved)));
    assert!(job.task.is_some(), "the id stays, to name it to the service's support");
    assert_eq!(stage.simulator().counts().of(Route::Submit), 1, "and nothing is sent again");
}

#[test]
fn a_read_that_names_another_task_moves_nobody() {
    let other =
        "[[faults]]\nroute = \"read\"\nfrom = 2\neffect = { kind = \"other_id\", id = \"task-unified-1790000100-othertsk\" }\n";
    let mut stage = Stage::start(&format!("{FAST}\n{other}"), Setup::default());
    stage.add_lines(&[&format!("{DRAFT} 1")]);
    until_asking(&mut stage, "ten looks", |stage| stage.simulator().counts().of(Route::Read) > 10);
    assert_eq!(stage.job().state(), State::Running);
    assert!(stage.results().is_empty());
}

#[test]
fn files_are_taken_whole_or_not_at_all() {
    // Fate, state, code, part of the reason, pictures.
    let cases = [
        ("file = \"html\"", State::ToFetch, "", "sent text/html instead of a picture", 0),
        ("file = \"disguised\"", State::ToFetch, "", "a web page instead of a picture", 0),
        ("file = \"huge\"", State::Failed, "result_refused", "larger than", 0),
        ("file = \"redirect\"\nthen.redirect_to = \"https://10.0.0.1/x.png\"", State::ToFetch, "", "not a public address", 0),
        (
            "file = \"redirect\"\nthen.redirect_to = \"https://[::ffff:192.168.1.1]/x.png\"",
            State::ToFetch,
            "",
            "not a public address",
            0,
        ),
        ("file = \"redirect\"\nthen.redirect_to = \"file:///etc/passwd\"", State::ToFetch, "", "redirects", 0),
        (
            "file = \"redirect\"\nthen.redirect_to = \"http://example.org/x.png\"",
            State::ToFetch,
            "",
            "does not begin with https",
            0,
        ),
        ("file = \"redirect_loop\"", State::ToFetch, "", "redirects more than 5 times", 0),
        ("file = \"missing\"", State::ToFetch, "", "answered 404", 0),
        ("file = \"forbidden\"", State::ToFetch, "", "answered 403", 0),
        ("link_life_seconds = 0.0", State::ToFetch, "", "answered 403", 0),
        ("file = \"truncated\"", State::ToFetch, "", "", 0),
        ("file = \"half_picture\"", State::ToFetch, "", "is not whole", 0),
        ("file = \"empty\"", State::ToFetch, "", "empty", 0),
        ("file = \"broken\"", State::ToFetch, "", "answered 500", 0),
        ("file = \"no_type\"", State::Saved, "", "", 1),
        ("file = \"wrong_type\"", State::Saved, "", "", 1),
        ("file = \"no_ranges\"", State::Saved, "", "", 1),
        ("picture_format = \"webp\"", State::Saved, "", "", 1),
        ("picture_format = \"jpeg\"", State::Saved, "", "", 1),
    ];
    for_each(&cases, |(fate, state, code, part, pictures)| {
        let mut stage = fated("", &format!("then.{fate}"));
        until_asking(&mut stage, fate, |stage| {
            stage.all_are(*state) && (*state != State::ToFetch || stage.job().reason().is_some())
        });
        let job = stage.job();
        let words = format!(
            "{} {}",
            job.reason().unwrap_or_default(),
            job.failure().map(|failure| failure.message.clone()).unwrap_or_default()
        );
        assert!(words.contains(part), "{fate}: {words}");
        assert_eq!(job.failure().map_or("", |failure| failure.code.as_str()), *code, "{fate}");
        assert_eq!(
            (job.charge, job.charged),
            (Some(Charge::Charged), Some(Credits::PUBLISHED_PRICE)),
            "{fate}: the charge stays"
        );
        assert_eq!(stage.pictures().len(), *pictures, "{fate}: {:?}", stage.results());
        assert_eq!(stage.simulator().counts().of(Route::Submit), 1, "{fate}: a download is never repaired by sending");
        let biggest =
            files_below(stage.folder()).into_iter().filter(|(name, _)| name.starts_with("results")).map(|(_, size)| size).max();
        assert!(biggest.unwrap_or(0) < 1 << 20, "{fate}: nothing huge is written");
    });
}

#[test]
fn a_dead_link_costs_one_more_read_and_a_fresh_link_is_taken() {
    let mut stage = fated("fresh_links = true\nlink_life_hours = 1.0", "then.file = \"good\"");
    // The first download fails on the way; then the link dies; the fresh answer brings another one.
    stage
        .simulator()
        .add_fault(mj_enhance::simulator::Fault::new(Route::File, mj_enhance::simulator::Effect::ResetBefore).at(&[1]))
        .unwrap();
    until_asking(&mut stage, "a first try", |stage| stage.all_are(State::ToFetch) && stage.job().reason().is_some());
    let first = stage.job().links.clone();
    stage.pass(Duration::from_secs(5_000));
    let id = stage.job().id;
    stage.send(Command::FetchNow { jobs: vec![id] });
    until_asking(&mut stage, "saved", |stage| stage.all_are(State::Saved));
    assert_ne!(stage.job().links, first);
    assert_eq!(stage.pictures().len(), 1);
}

#[test]
fn the_same_task_for_two_commands_is_no_answer_for_the_second() {
    let mut stage = Stage::start(FAST, Setup::default());
    stage.add_lines(&[&format!("{DRAFT} 0")]);
    stage.until("sent", |stage| stage.jobs.len() == 1 && stage.job().task.is_some());
    let id = stage.job().task.clone().unwrap().to_string();
    stage
        .simulator()
        .add_fault(
            mj_enhance::simulator::Fault::new(Route::Submit, mj_enhance::simulator::Effect::OtherId { id: id.clone() }).at(&[1]),
        )
        .unwrap();
    stage.add_lines(&[&format!("{DRAFT} 1")]);
    until_asking(&mut stage, "both saved", |stage| stage.jobs.len() == 2 && stage.all_are(State::Saved));
    let tasks: std::collections::BTreeSet<_> = stage.jobs.values().map(|job| job.task.clone().unwrap()).collect();
    assert_eq!(tasks.len(), 2, "each has its own");
    assert_eq!((stage.simulator().ledger().len(), stage.pictures().len()), (2, 2));
    assert!(!stage.was_told(Level::Warning, |kind| matches!(kind, NoticeKind::Failed(_))));
}
