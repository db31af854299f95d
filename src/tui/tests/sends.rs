//! From a key to what is sent and back: the price box, what rides along, undo, the sum at the end.

use std::sync::Arc;

use super::super::dialogs::Dialog;
use super::super::event::Event;
use super::super::options::AppOptions;
use super::super::testing::{ScreenHarness, at, job_in, jobs_in_every_state};
use super::habits::{SMALL, after, every_state, id, news, waiting};
use crate::engine::{Command, CommandOutcome, Role};
use crate::job::{Caps, JobId, State};

const DRAFT: &str = "task-unified-1790000100-aaaa0001";

fn reached(jobs: &[JobId]) -> CommandOutcome {
    CommandOutcome { jobs: jobs.to_vec(), ..CommandOutcome::default() }
}

#[test]
fn a_price_box_counts_what_is_approved_and_follows_the_balance() {
    let mut screen = ScreenHarness::new(SMALL, waiting(6));
    screen.keys(&format!("a paste:{DRAFT}_all ctrl+d"));
    let said = screen.screen();
    for part in
        ["4 × 5.4", "21.6 credits", "about 0.32 USD", "balance now", "512.4", "approved before (6)", "−32.4", "−21.6", "458.4"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(said.contains("21.6 → 75.6 of 100"), "today counts both: {said}");
    screen.status(|status| status.balance.as_mut().unwrap().amount = "50".parse().unwrap());
    let said = screen.screen();
    assert!(said.contains("the balance covers 3 of 4; 1 will be held"), "{said}");
    assert!(said.contains(" y send 3 of 4 jobs, 16.2 credits"), "{said}");
    screen.status(|status| status.balance.as_mut().unwrap().amount = "30".parse().unwrap());
    let said = screen.screen();
    assert!(!said.lines().any(|line| line.contains("balance after") && line.contains('-')), "never negative: {said}");
    screen.status(|status| status.caps = Caps { session: None, day: "65".parse().ok() });
    let said = screen.screen();
    assert!(said.contains("the caps leave room for 2 of 4; 2 will be held"), "{said}");
    assert!(said.contains("64.8 of 65"), "only what will be sent is counted: {said}");
}

#[test]
fn a_box_that_is_not_whole_on_the_screen_takes_no_y() {
    for size in [(29, 5), (40, 8), (80, 9)] {
        let mut screen = ScreenHarness::new(SMALL, Vec::new());
        screen.keys(&format!("a paste:{DRAFT}_all ctrl+d"));
        screen.size = size;
        screen.event(Event::Resize(size.0, size.1));
        screen.keys("y");
        assert!(screen.commands().is_empty(), "{size:?}: {}", screen.screen());
        assert!(screen.screen().to_lowercase().contains("larger"), "{size:?}: {}", screen.screen());
        screen.size = SMALL;
        screen.event(Event::Resize(80, 24));
        screen.keys("y");
        assert_eq!(screen.commands().len(), 1, "{size:?}");
    }
}

#[test]
fn an_undo_never_takes_back_an_older_act() {
    let mut screen = every_state();
    screen.keys("+");
    screen.answer(CommandOutcome::default());
    screen.keys("7 x y");
    screen.answer(reached(&[id(State::Unsure)]));
    screen.effects.clear();
    screen.keys("u");
    assert!(screen.commands().is_empty(), "{:?}", screen.commands());
    assert!(screen.screen().contains("giving up is final"), "{}", screen.screen());

    // The same before the answer is here.
    let mut screen = every_state();
    screen.keys("+");
    screen.answer(CommandOutcome::default());
    screen.keys("7 x y");
    screen.effects.clear();
    screen.keys("u");
    assert!(screen.commands().is_empty(), "{:?}", screen.commands());

    let mut screen = every_state();
    screen.keys("+");
    screen.answer(CommandOutcome::default());
    screen.keys("2 x");
    screen.answer(reached(&[id(State::Waiting)]));
    screen.effects.clear();
    screen.keys("u");
    assert_eq!(screen.commands(), [&Command::Uncancel { jobs: vec![id(State::Waiting)] }], "held again, and nothing older");

    let mut screen = every_state();
    screen.keys("3 G x y");
    screen.answer(reached(&[id(State::Running)]));
    screen.effects.clear();
    screen.keys("u");
    assert_eq!(screen.commands(), [&Command::Watch { jobs: vec![id(State::Running)] }]);
}

#[test]
fn front_and_end_of_the_queue_are_one_key_away() {
    use crate::engine::QueueMove;
    for (key, to) in [("T", QueueMove::Front), ("B", QueueMove::Back)] {
        let screen = after(&format!("2 {key}"));
        let waiting = id(State::Waiting);
        assert_eq!(screen.commands(), [&Command::Move { jobs: vec![waiting], to }]);
        // And back with `u`, to where it was.
        let place = screen.app.jobs.job(waiting).unwrap().place;
        let mut screen = screen;
        screen.answer(reached(&[waiting]));
        screen.effects.clear();
        screen.keys("u");
        assert_eq!(screen.commands(), [&Command::PutBack { places: vec![(waiting, place)] }]);
    }
}

#[test]
fn a_send_that_was_stopped_leaves_no_trace() {
    let made: Vec<JobId> = (0..4).map(|n| job_in(n, State::Waiting).id).collect();
    let mut screen = ScreenHarness::new(SMALL, Vec::new());
    screen.keys(&format!("a paste:{DRAFT}_all ctrl+d y"));
    screen.answer(CommandOutcome { approval: Some((3, at(5))), ..reached(&made) });
    screen.keys("u");
    screen.effects.clear();
    screen.answer(reached(&made));
    let wanted = [Command::Cancel { jobs: made.clone() }, Command::Remove { jobs: made, removed: true }];
    assert_eq!(screen.commands(), wanted.iter().collect::<Vec<_>>());
    assert!(screen.screen().contains("nothing was sent"), "{}", screen.screen());
    screen.keys("a");
    assert!(screen.screen().contains("aaaa0001"), "the lines are back: {}", screen.screen());
}

#[test]
fn a_send_that_is_over_is_final() {
    let mut screen = every_state();
    screen.keys("+");
    screen.answer(CommandOutcome::default());
    screen.keys("6 R y");
    screen.answer(CommandOutcome { approval: Some((3, at(5))), ..reached(&[id(State::Failed)]) });
    screen.wait(20_000);
    screen.event(Event::Tick);
    screen.effects.clear();
    screen.keys("u");
    assert!(screen.commands().is_empty());
    assert!(screen.screen().contains("too late to undo"), "{}", screen.screen());
}

#[test]
fn leaving_says_what_is_true() {
    let leave = |options: AppOptions, role| {
        let mut screen = ScreenHarness::with(options, SMALL, jobs_in_every_state());
        screen.status(|status| status.role = role);
        screen.keys("q");
        screen.app.exit().unwrap().exit_summary.clone()
    };
    let said = leave(AppOptions::default(), Role::Screen { engine_pid: None });
    assert!(said.contains("no engine is running"), "{said}");
    let said = leave(AppOptions::default(), Role::Screen { engine_pid: Some(42) });
    assert!(said.contains("pid 42"), "{said}");
    let said = leave(AppOptions { demo: true, ..AppOptions::default() }, Role::Engine);
    assert!(said.contains("nothing was kept"), "{said}");
}

#[test]
fn different_tags_are_kept_by_an_empty_answer() {
    assert!(after("A t").screen().contains("(various)"));
    assert!(after("A t enter").commands().is_empty());
    let removed = after("A t \"-\" enter");
    assert!(matches!(removed.commands().as_slice(), [Command::Retag { tag: None, jobs }] if jobs.len() == 11));
}

#[test]
fn a_giving_up_never_rides_along() {
    let screen = after("A x");
    assert!(screen.screen().contains("cancel 3 and stop watching 1?"), "{}", screen.screen());
    let mut screen = after("A x y");
    assert!(!screen.commands().iter().any(|command| matches!(command, Command::GiveUp { .. })));
    screen.keys("esc");
    assert!(after("7 x").screen().contains("give up 1?"));
}

#[test]
fn wrong_lines_can_be_left_out_on_a_second_try() {
    let mut screen = ScreenHarness::new(SMALL, Vec::new());
    screen.keys(&format!("a paste:{DRAFT}|nonsense|{DRAFT}_2 ctrl+d"));
    assert!(screen.screen().contains("fix line 2 first"), "{}", screen.screen());
    assert!(!matches!(screen.app.dialogs.top(), Some(Dialog::Price(_))));
    screen.keys("ctrl+d");
    assert!(screen.screen().contains("1 line left out: cannot be read"), "{}", screen.screen());
    screen.keys("y");
    assert!(matches!(screen.commands().as_slice(), [Command::Add { specs, .. }] if specs.len() == 2));
}

#[test]
fn a_batch_ends_with_one_summary() {
    let mut screen = ScreenHarness::new((120, 40), (0..3).map(|n| Arc::new(job_in(n, State::Running))).collect());
    screen.wait(102_000);
    news(&mut screen, job_in(0, State::Saved));
    news(&mut screen, job_in(1, State::Saved));
    news(&mut screen, job_in(2, State::Failed));
    let said = screen.screen();
    assert!(said.contains("batch: 2 saved · 1 failed · 16.2 credits · 1m42s"), "{said}");
    assert_eq!(said.matches("batch: ").count(), 2, "in the message and in the activity: {said}");
}

#[test]
fn saved_jobs_are_left_out_of_a_bulk_run_and_it_says_so() {
    assert!(after("5 space R").screen().contains("unmark to run one again"));
    assert!(matches!(after("5 R").app.dialogs.top(), Some(Dialog::Price(_))));
}

#[test]
fn the_short_id_on_the_screen_is_an_id_in_the_add_box() {
    let mut screen = every_state();
    screen.keys("a paste:k3v9q2ad:3|k3v9q2ad_1,2 ctrl+d y");
    let commands = screen.commands();
    let Some(Command::Add { specs, .. }) = commands.first() else { panic!("{}", screen.screen()) };
    assert!(specs.len() == 3 && specs.iter().all(|spec| spec.source == crate::tui::testing::draft(0)), "{specs:?}");
    assert!(after("a paste:nodraft1").screen().contains("is not a known short id"));
}

#[test]
fn the_reason_of_a_wrong_line_stands_in_full() {
    let screen = after("a paste:task-unified-1790000100-aaaa0001_all_cats").screen();
    let said: String = screen.lines().map(|line| line.trim_matches(['│', ' '])).collect::<Vec<_>>().join(" ");
    assert!(said.contains("a tag goes into the tag field, or stands third in a CSV line: id,0,tag"), "{screen}");
}
