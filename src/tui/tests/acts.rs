//! Effects: `update` returns exactly these.

use std::sync::Arc;

use super::super::overlay::Overlay;
use super::super::testing::{Desk, at, job_in, jobs_in_every_state, many_jobs, new_job};
use crate::engine::{Command, CommandOutcome, Consent, EngineEvent, PauseReason, QueueMove};
use crate::job::{Caps, Credits, JobId, State, Tag};
use crate::tui::effect::Effect;
use crate::tui::event::Event;
use crate::tui::options::{AppOptions, NotifyMethod};

fn desk() -> Desk {
    Desk::new((80, 24), jobs_in_every_state())
}

fn id(state: State) -> JobId {
    jobs_in_every_state().iter().find(|job| job.state() == state).unwrap().id
}

fn commands(keys: &str) -> Vec<Command> {
    let mut desk = desk();
    desk.keys(keys);
    desk.commands().into_iter().cloned().collect()
}

fn consent(count: usize) -> Consent {
    Consent { count, price: Credits::PUBLISHED_PRICE, grace: std::time::Duration::from_secs(5) }
}

#[test]
fn acts_on_one_row_are_the_commands_they_name() {
    let (held, waiting, running) = (id(State::Held), id(State::Waiting), id(State::Running));
    for (keys, command) in [
        ("2 p", Command::Hold { jobs: vec![waiting] }),
        ("2 G p y", Command::Approve { jobs: vec![held], consent: consent(1) }),
        ("2 x", Command::Cancel { jobs: vec![waiting] }),
        ("2 J", Command::Move { jobs: vec![waiting], to: QueueMove::Later }),
        ("2 K", Command::Move { jobs: vec![waiting], to: QueueMove::Earlier }),
        ("3 G x y", Command::Unwatch { jobs: vec![running] }),
        ("3 x y", Command::Cancel { jobs: vec![id(State::Sending)] }),
        ("7 x y", Command::GiveUp { jobs: vec![id(State::Unsure)] }),
        ("7 r", Command::AskNow { jobs: vec![id(State::Unsure)] }),
        ("2 r", Command::AskNow { jobs: vec![] }),
        ("/ \"state:unwatched\" enter w", Command::Watch { jobs: vec![id(State::Unwatched)] }),
        ("/ \"state:to-fetch\" enter d", Command::FetchNow { jobs: vec![id(State::ToFetch)] }),
        ("6 R y", Command::RunAgain { jobs: vec![id(State::Failed)], consent: consent(1) }),
        ("6 D", Command::Remove { jobs: vec![id(State::Failed)], removed: true }),
        ("+", Command::MaxInFlight(5)),
        ("-", Command::MaxInFlight(3)),
        ("P", Command::Pause),
        ("3 t \"dawn\" enter", Command::Retag { jobs: vec![id(State::Sending)], tag: Tag::new("dawn").ok() }),
        ("$ c ctrl+u \"50\" enter", Command::Caps(Caps { session: None, day: "50".parse().ok() })),
    ] {
        assert_eq!(commands(keys), [command], "{keys}");
    }
}

#[test]
fn a_no_an_enter_and_an_esc_send_nothing() {
    for keys in ["6 R n", "6 R enter enter", "6 R esc", "6 R q", "6 R Y", "6 R space", "2 G p n", "3 G x n", "A D n", "6 R n y"] {
        assert!(commands(keys).is_empty(), "{keys}: {:?}", commands(keys));
    }
}

#[test]
fn keys_typed_before_the_box_opened_are_dropped() {
    let mut desk = desk();
    desk.keys("6");
    desk.wait(100);
    for key in ["R", "y", "y"] {
        let event = super::super::testing::event_of(key.parse().unwrap());
        desk.event(Event::Key(event));
    }
    assert!(desk.commands().is_empty(), "they came with the key that opened the box");
    desk.keys("y");
    assert_eq!(desk.commands().len(), 1);
}

#[test]
fn a_pasted_y_is_no_yes() {
    let mut desk = desk();
    desk.keys("6 R paste:y|y");
    desk.keys("paste:y");
    assert!(desk.commands().is_empty());
    desk.keys("n P");
    assert!(matches!(desk.commands().as_slice(), [Command::Pause]));
}

#[test]
fn an_open_box_is_frozen() {
    let mut desk = desk();
    desk.keys("A R");
    let mut jobs = many_jobs(40);
    jobs.drain(..11);
    desk.event(Event::EngineEvent(EngineEvent::Jobs(jobs)));
    desk.status(|status| status.price = "9".parse().unwrap());
    desk.keys("y");
    match desk.commands().as_slice() {
        [Command::RunAgain { jobs, consent: yes }] => {
            assert_eq!((jobs.len(), yes.count, yes.price), (1, 1, Credits::PUBLISHED_PRICE));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bulk_act_names_what_it_leaves_out() {
    let mut desk = desk();
    desk.keys("A R");
    let Some(Overlay::Price(price)) = desk.app.overlays.last() else { panic!("{}", desk.screen()) };
    let said = format!("{}; {}", price.title, price.notes.join("; "));
    for part in ["run 1 again", "10 left out: ", "1 running", "1 saved", "1 refused by moderation"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(desk.screen().contains("y run again 1 job, 5.4 credits"), "{}", desk.screen());
}

#[test]
fn adding_needs_every_line_right_and_leaves_doubles_out() {
    let known = new_job(0);
    let mut desk = Desk::new((100, 30), vec![Arc::new(known.clone())]);
    desk.keys("a paste:oops ctrl+d");
    assert!(desk.screen().contains("cannot be read"));
    desk.keys("ctrl+u");
    desk.keys(&format!("paste:{}_0,1 tab \"dawn\" enter", known.source));
    assert!(desk.screen().contains("1 picture left out"), "{}", desk.screen());
    desk.keys("y");
    match desk.commands().as_slice() {
        [Command::Add { specs, tag, consent: yes, again: false, .. }] => {
            assert_eq!(specs.len(), 1);
            assert_eq!(specs[0].image.get(), 1);
            assert_eq!(*tag, Tag::new("dawn").ok());
            assert_eq!(*yes, Some(consent(1)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn lines_survive_going_back() {
    let mut desk = Desk::new((100, 30), vec![]);
    desk.keys("a paste:task-unified-1-abc esc a");
    assert!(desk.screen().contains("task-unified-1-abc"));
    desk.keys("ctrl+d n");
    assert!(desk.screen().contains("task-unified-1-abc"), "n leads back to the lines");
    desk.keys("ctrl+d h");
    assert!(matches!(desk.commands().as_slice(), [Command::Add { consent: None, .. }]), "held, without a yes");
}

#[test]
fn u_stops_a_send_in_its_grace_period_even_before_the_engine_answered() {
    let mut desk = desk();
    desk.keys("6 R y");
    desk.answer(CommandOutcome {
        said: "1 job in line".to_owned(),
        jobs: vec![id(State::Failed)],
        left_out: vec![],
        approval: Some((9, at(5))),
    });
    assert!(desk.screen().contains("1 job goes in 5 s"), "{}", desk.screen());
    assert_eq!(desk.app.next_tick(desk.now), Some(at(1)));
    desk.effects.clear();
    desk.keys("u");
    assert_eq!(desk.commands(), [&Command::Withdraw { approval: 9 }]);

    desk.effects.clear();
    desk.keys("R y u");
    desk.effects.clear();
    desk.answer(CommandOutcome { approval: Some((10, at(9))), jobs: vec![id(State::Failed)], ..CommandOutcome::default() });
    assert_eq!(desk.commands(), [&Command::Withdraw { approval: 10 }]);
}

#[test]
fn every_local_act_can_be_undone() {
    let waiting = id(State::Waiting);
    let reached = |jobs: &[JobId]| CommandOutcome { jobs: jobs.to_vec(), ..CommandOutcome::default() };
    for (keys, undone) in [
        ("2 J", Command::Move { jobs: vec![waiting], to: QueueMove::Earlier }),
        ("2 t \"x\" enter", Command::Retag { jobs: vec![waiting], tag: None }),
        ("+", Command::MaxInFlight(4)),
        ("$ c ctrl+u \"1\" enter", Command::Caps(super::super::testing::status().caps)),
    ] {
        let mut desk = desk();
        desk.keys(keys);
        desk.answer(if keys.starts_with('2') { reached(&[waiting]) } else { reached(&[]) });
        desk.effects.clear();
        desk.keys("u");
        assert_eq!(desk.commands(), [&undone], "{keys}");
    }
    let mut desk = desk();
    desk.keys("6 D");
    desk.answer(reached(&[id(State::Failed)]));
    desk.effects.clear();
    desk.keys("u");
    assert_eq!(desk.commands(), [&Command::Remove { jobs: vec![id(State::Failed)], removed: false }]);
}

#[test]
fn the_undo_of_a_hold_shows_the_price_because_it_sends() {
    let mut desk = desk();
    desk.keys("2 p");
    desk.answer(CommandOutcome { jobs: vec![id(State::Waiting)], ..CommandOutcome::default() });
    let mut job = job_in(1, State::Held);
    job.revision = 99;
    desk.event(Event::EngineEvent(EngineEvent::Jobs(vec![Arc::new(job)])));
    desk.effects.clear();
    desk.keys("u");
    assert!(desk.commands().is_empty());
    assert!(desk.screen().contains("release 1 held job?"), "{}", desk.screen());
    desk.keys("y");
    assert!(matches!(desk.commands().as_slice(), [Command::Approve { .. }]));
}

#[test]
fn an_undo_before_the_engine_answered_takes_back_that_act_and_no_older_one() {
    let waiting = id(State::Waiting);
    let mut desk = desk();
    desk.keys("+");
    desk.answer(CommandOutcome::default());
    desk.keys("2 J");
    desk.effects.clear();
    desk.keys("u");
    assert!(desk.commands().is_empty(), "the answer is waited for");
    desk.answer(CommandOutcome { jobs: vec![waiting], ..CommandOutcome::default() });
    assert_eq!(desk.commands(), [&Command::Move { jobs: vec![waiting], to: QueueMove::Earlier }]);
    desk.answer(CommandOutcome::default());
    desk.effects.clear();
    desk.keys("u");
    assert_eq!(desk.commands(), [&Command::MaxInFlight(4)], "the older one comes next");
}

#[test]
fn marks_and_filters_come_back() {
    let mut desk = desk();
    desk.keys("A");
    let all = desk.app.marks.len();
    desk.keys("esc");
    assert!(desk.app.marks.is_empty());
    desk.keys("u");
    assert_eq!(desk.app.marks.len(), all);
    desk.keys("/ \"state:failed\" enter esc");
    assert_eq!(desk.app.filter, "");
    desk.keys("u");
    assert_eq!(desk.app.filter, "state:failed");
}

#[test]
fn going_on_names_the_price_of_what_waited() {
    let mut desk = desk();
    desk.status(|status| status.waiting_for_go = vec![id(State::Waiting)]);
    desk.keys("P");
    assert!(desk.screen().contains("go on sending 1 job?"), "{}", desk.screen());
    desk.keys("y");
    assert_eq!(desk.commands(), [&Command::Resume { jobs: vec![id(State::Waiting)], consent: Some(consent(1)) }]);

    let mut desk = Desk::new((80, 24), vec![Arc::new(job_in(3, State::Running))]);
    desk.status(|status| status.paused = Some(PauseReason::You));
    desk.keys("P");
    assert_eq!(desk.commands(), [&Command::Resume { jobs: vec![], consent: None }], "nothing would be sent, so nothing is asked");
}

#[test]
fn a_candidate_can_be_adopted() {
    let mut desk = desk();
    desk.keys("7 w 2");
    assert!(matches!(desk.commands().as_slice(), [Command::Adopt { task, .. }] if task.short() == "two00002"));
}

#[test]
fn notices_come_once_a_batch_and_only_while_nobody_looks() {
    let notified = |desk: &Desk| {
        let is = |effect: &&Effect| matches!(effect, Effect::Notify { .. });
        desk.effects.iter().filter(is).count()
    };
    let options = AppOptions { notify: NotifyMethod::Desktop, ..AppOptions::default() };
    let run = |focused: bool| {
        let mut desk = Desk::with(options.clone(), (80, 24), (0..3).map(|n| Arc::new(job_in(n, State::Running))).collect());
        desk.event(Event::Focus(focused));
        for n in 0..3 {
            desk.event(Event::EngineEvent(EngineEvent::Jobs(vec![Arc::new(job_in(n, State::Saved))])));
        }
        notified(&desk)
    };
    assert_eq!(run(false), 1);
    assert_eq!(run(true), 0);
    let mut desk = Desk::with(options.clone(), (80, 24), (0..3).map(|n| Arc::new(job_in(n, State::Running))).collect());
    desk.event(Event::Focus(false));
    desk.event(Event::EngineEvent(EngineEvent::Jobs(vec![
        Arc::new(job_in(0, State::Failed)),
        Arc::new(job_in(1, State::Failed)),
    ])));
    assert_eq!(notified(&desk), 1, "failures at once, but one notice for what fails together");
}

#[test]
fn a_dying_link_is_named_at_four_hours_and_at_one() {
    let mut desk = Desk::new((80, 24), vec![Arc::new(job_in(0, State::ToFetch))]);
    for (hours_left, rings) in [(5, 0), (4, 1), (3, 0), (1, 1), (1, 0)] {
        desk.now = at(86_380 - hours_left * 3_600);
        desk.effects.clear();
        desk.event(Event::Tick);
        assert_eq!(desk.effects.iter().filter(|effect| **effect == Effect::Bell).count(), rings, "{hours_left} h");
    }
}

#[test]
fn an_idle_dashboard_asks_for_no_tick_that_shows_nothing() {
    let idle: Vec<_> = [State::Saved, State::Failed, State::Held, State::Waiting]
        .into_iter()
        .zip(0..)
        .map(|(state, n)| Arc::new(job_in(n, state)))
        .collect();
    let mut desk = Desk::new((80, 24), idle);
    desk.status(|status| status.balance = None);
    desk.wait(5_000);
    desk.event(Event::Tick);
    assert_eq!(desk.app.next_tick(desk.now), None);
    let desk = self::desk();
    assert_eq!(desk.app.next_tick(at(0)), Some(at(1)));
    let slow =
        Desk::with(AppOptions { slow_link: true, ..AppOptions::default() }, (80, 24), vec![Arc::new(job_in(0, State::Running))]);
    assert_eq!(slow.app.next_tick(at(1)), Some(at(60)));
}

#[test]
fn what_the_screen_looked_like_is_remembered() {
    let mut desk = desk();
    desk.keys("6 s t / \"cost>5\" enter : \"columns\" enter a esc");
    let state = desk
        .effects
        .iter()
        .rev()
        .find_map(|effect| match effect {
            Effect::SaveScreenState(state) => Some(state.clone()),
            _ => None,
        })
        .unwrap();
    let again =
        Desk::with(AppOptions { remembered: Some(state.clone()), ..AppOptions::default() }, (80, 24), jobs_in_every_state());
    assert_eq!(again.app.screen_state(), state);
    assert_eq!(again.app.book.lens(), desk.app.book.lens());
    let broken = AppOptions { remembered: Some("{]".to_owned()), ..AppOptions::default() };
    let _ = Desk::with(broken, (80, 24), vec![]);
}

#[test]
fn leaving_says_what_goes_on() {
    let mut desk = desk();
    desk.keys("q");
    assert!(desk.app.is_finished());
    let said = &desk.app.exit().unwrap().farewell;
    assert!(said.contains("2 jobs go on at EvoLink") && said.contains("2 pictures to fetch"), "{said}");
    assert_eq!(desk.effects.last(), Some(&Effect::Quit));
}

#[test]
fn read_only_commands_nothing() {
    let options = AppOptions { read_only: true, ..AppOptions::default() };
    let mut desk = Desk::with(options, (80, 24), jobs_in_every_state());
    desk.keys("a 6 R y D 2 p x + - P 7 r w t");
    assert!(desk.commands().is_empty());
}

#[test]
fn the_mouse_chooses_a_row_and_opens_it() {
    use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
    let click = MouseEvent { kind: MouseEventKind::Down(MouseButton::Left), column: 5, row: 6, modifiers: KeyModifiers::NONE };
    let mut desk = desk();
    desk.event(Event::Mouse(click));
    assert_eq!(desk.app.row, 0, "the mouse is off");
    desk.keys("M");
    desk.event(Event::Mouse(click));
    assert_eq!(desk.app.row, 2);
    desk.event(Event::Mouse(click));
    assert!(desk.app.details_open);
}

#[test]
fn the_cursor_stays_with_its_job_while_rows_move() {
    let mut desk = desk();
    desk.keys("/ \"state:running\" enter esc");
    let running = id(State::Running);
    desk.app.selected = Some(running);
    let mut job = job_in(4, State::Saved);
    job.revision = 50;
    desk.event(Event::EngineEvent(EngineEvent::Jobs(vec![Arc::new(job)])));
    assert_eq!(desk.app.selected, Some(running));
    assert_eq!(desk.app.book.order()[desk.app.row], running);
}

#[test]
fn what_nobody_sees_draws_nothing() {
    let mut desk = Desk::new((80, 24), many_jobs(200));
    assert!(desk.app.take_dirty());
    let far = *desk.app.book.order().last().unwrap();
    desk.event(Event::EngineEvent(EngineEvent::Progress(vec![(far, crate::job::Progress::default())])));
    desk.event(Event::WriterReady);
    desk.event(Event::Focus(true));
    assert!(!desk.app.needs_draw());
    desk.keys("j");
    assert!(desk.app.needs_draw());
}
