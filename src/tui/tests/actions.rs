//! Effects: `update` returns exactly these.

use std::sync::Arc;

use super::super::dialogs::Dialog;
use super::super::keymap::Key;
use super::super::testing::{ScreenHarness, at, event_of, job_in, jobs_in_every_state, many_jobs, new_job};
use crate::engine::{Command, CommandOutcome, Consent, EngineEvent, Notice, NoticeKind, PauseReason, QueueMove};
use crate::job::{Caps, Credits, ErrorClass, Failure, JobId, Model, Phase, PriceLines, State, Tag};
use crate::tui::effect::{Effect, SessionEffect};
use crate::tui::event::{Event, News};
use crate::tui::options::{AppOptions, NotifyMethod};

fn screen_harness() -> ScreenHarness {
    ScreenHarness::new((80, 24), jobs_in_every_state())
}

fn id(state: State) -> JobId {
    jobs_in_every_state().iter().find(|job| job.state() == state).unwrap().id
}

fn commands(keys: &str) -> Vec<Command> {
    let mut screen_harness = screen_harness();
    screen_harness.keys(keys);
    screen_harness.commands().into_iter().cloned().collect()
}

fn consent(count: usize) -> Consent {
    Consent { lines: PriceLines::one(Model::Enhance, count, Credits::PUBLISHED_PRICE), grace: std::time::Duration::from_secs(5) }
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
        (
            "6 R y",
            Command::RunAgain {
                jobs: vec![id(State::Failed)],
                front: false,
                deliberate: true,
                again: false,
                consent: consent(1),
            },
        ),
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
    let mut screen_harness = screen_harness();
    screen_harness.keys("6");
    screen_harness.wait(100);
    for key in ["R", "y", "y"] {
        let event = event_of(key.parse().unwrap());
        screen_harness.event(Event::Key(event));
    }
    assert!(screen_harness.commands().is_empty(), "they came with the key that opened the box");
    screen_harness.keys("y");
    assert_eq!(screen_harness.commands().len(), 1);
}

#[test]
fn only_a_latin_y_that_was_typed_is_a_yes_and_letters_of_another_layout_are_nothing() {
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    // `н` and `т` lie where `y` and `n` do; on phonetic layouts `н` is the N key.
    for keys in ["6 R", "3 G x"] {
        let mut screen_harness = screen_harness();
        screen_harness.keys(keys);
        for other in "нНтТυטЙйρу".chars() {
            screen_harness.key(other.to_string().parse().unwrap());
            assert_eq!(screen_harness.app.dialogs.len(), 1, "{other} leaves the box as it is");
        }
        for modifiers in [KeyModifiers::CONTROL, KeyModifiers::ALT, KeyModifiers::SUPER, KeyModifiers::SHIFT] {
            screen_harness.wait(1_000);
            screen_harness.event(Event::Key(KeyEvent::new(KeyCode::Char('y'), modifiers)));
        }
        assert!(screen_harness.commands().is_empty(), "{keys}: {:?}", screen_harness.commands());
        screen_harness.keys("y");
        assert_eq!(screen_harness.commands().len(), 1, "{keys}");
    }
    // Outside of such a box the letters still count by their place.
    let mut screen_harness = screen_harness();
    screen_harness.keys("6 К");
    assert!(matches!(screen_harness.app.dialogs.top(), Some(Dialog::Price(_))), "К lies where R does");
}

#[test]
fn a_y_counts_only_once_the_box_has_been_seen_and_says_so() {
    let y = || Event::Key(event_of(Key::char('y')));
    for (open, size) in [("6 R", (80, 24)), ("3 G x", (80, 24)), ("6 R", (40, 18))] {
        let mut screen_harness = ScreenHarness::new(size, jobs_in_every_state());
        screen_harness.keys(open);
        let drawn = screen_harness.app.revision();
        // Time alone is nothing: the terminal may be stuck.
        screen_harness.wait(10_000);
        screen_harness.event(y());
        assert!(screen_harness.commands().is_empty(), "{open}: nobody has seen the box");
        assert!(screen_harness.screen().contains("press y again"), "{open}: {}", screen_harness.screen());
        // Seen was the state before the box.
        screen_harness.event(Event::Settled(drawn - 1));
        screen_harness.event(y());
        assert!(screen_harness.commands().is_empty(), "{open}: that was before the box");
        // A box that was resized since, or lost its terminal, must be drawn and seen again.
        screen_harness.event(Event::Settled(drawn));
        for lost in [Event::Resize(size.0, size.1), Event::Resumed] {
            screen_harness.event(lost.clone());
            screen_harness.event(y());
            assert!(screen_harness.commands().is_empty(), "{open}: unseen since {lost:?}");
            screen_harness.event(Event::Settled(drawn));
            screen_harness.event(y());
            assert!(screen_harness.commands().is_empty(), "{open}: unseen since {lost:?}");
        }
        let now = screen_harness.app.revision();
        screen_harness.event(Event::Settled(now));
        // A y among other keys of one read may be the rest of anything.
        screen_harness.event(Event::KeyInBurst(event_of(Key::char('y'))));
        assert!(screen_harness.commands().is_empty(), "{open}: it did not come alone");
        assert!(screen_harness.screen().contains("press y again"), "{open}: {}", screen_harness.screen());
        screen_harness.event(y());
        assert_eq!(screen_harness.commands().len(), 1, "{open}");
    }
}

#[test]
fn another_box_has_to_be_seen_again() {
    let mut screen_harness = screen_harness();
    screen_harness.keys("6 R");
    screen_harness.read();
    for key in ["n", "R", "y"] {
        screen_harness.event(Event::Key(event_of(key.parse().unwrap())));
    }
    assert!(screen_harness.commands().is_empty(), "it is another box, though it says the same");
}

#[test]
fn a_window_too_small_for_the_whole_box_takes_no_y_and_says_so() {
    for size in [(80, 9), (30, 24), (60, 7), (29, 5)] {
        let mut screen_harness = ScreenHarness::new((80, 24), jobs_in_every_state());
        screen_harness.keys("6 R");
        screen_harness.size = size;
        screen_harness.event(Event::Resize(size.0, size.1));
        screen_harness.keys("y y");
        assert!(screen_harness.commands().is_empty(), "{size:?}");
        if size != (29, 5) {
            let screen = screen_harness.screen();
            assert!(screen.contains("window too small") && screen.contains("n back"), "{size:?}: {screen}");
        }
        screen_harness.size = (80, 24);
        screen_harness.event(Event::Resize(80, 24));
        screen_harness.keys("y");
        assert_eq!(screen_harness.commands().len(), 1, "{size:?}");
    }
}

#[test]
fn a_pasted_y_is_no_yes() {
    let mut screen_harness = screen_harness();
    screen_harness.keys("6 R paste:y|y");
    screen_harness.keys("paste:y");
    assert!(screen_harness.commands().is_empty());
    screen_harness.keys("n P");
    assert!(matches!(screen_harness.commands().as_slice(), [Command::Pause]));
}

#[test]
fn an_open_box_is_frozen() {
    let mut screen_harness = screen_harness();
    screen_harness.keys("A R");
    let mut jobs = many_jobs(40);
    jobs.drain(..11);
    screen_harness.event(Event::News(News::Engine(EngineEvent::Jobs(jobs))));
    screen_harness.status(|status| status.prices.enhance = "9".parse().unwrap());
    screen_harness.keys("y");
    match screen_harness.commands().as_slice() {
        [Command::RunAgain { jobs, consent: yes, .. }] => {
            assert_eq!((jobs.len(), yes.lines), (1, PriceLines::one(Model::Enhance, 1, Credits::PUBLISHED_PRICE)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bulk_act_names_what_it_leaves_out() {
    let mut screen_harness = screen_harness();
    screen_harness.keys("A R");
    let Some(Dialog::Price(price)) = screen_harness.app.dialogs.top() else { panic!("{}", screen_harness.screen()) };
    let said = format!("{}; {}", price.title, price.notes.join("; "));
    for part in ["run 1 job again", "10 left out: ", "1 running", "1 saved", "1 refused by moderation"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(screen_harness.screen().contains(" y run again 1 job, 5.4 credits"), "{}", screen_harness.screen());
}

#[test]
fn adding_needs_every_line_right_and_leaves_doubles_out() {
    let known = new_job(0);
    let mut screen_harness = ScreenHarness::new((100, 30), vec![Arc::new(known.clone())]);
    screen_harness.keys("a paste:oops ctrl+d");
    assert!(screen_harness.screen().contains("fix line 1 first"));
    screen_harness.keys("ctrl+u");
    screen_harness.keys(&format!("paste:{}_0,1 tab \"dawn\" enter", known.kind.source().unwrap().0));
    assert!(screen_harness.screen().contains("1 picture left out"), "{}", screen_harness.screen());
    screen_harness.keys("y");
    match screen_harness.commands().as_slice() {
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
    let mut screen_harness = ScreenHarness::new((100, 30), vec![]);
    screen_harness.keys("a paste:task-unified-1-abc esc a");
    assert!(screen_harness.screen().contains("task-unified-1-abc"));
    screen_harness.keys("ctrl+d n");
    assert!(screen_harness.screen().contains("task-unified-1-abc"), "n leads back to the lines");
    screen_harness.keys("ctrl+d h");
    assert!(matches!(screen_harness.commands().as_slice(), [Command::Add { consent: None, .. }]), "held, without a yes");
}

#[test]
fn u_stops_a_send_in_its_grace_period_even_before_the_engine_answered() {
    let mut screen_harness = screen_harness();
    screen_harness.keys("6 R y");
    screen_harness.answer(CommandOutcome {
        act: Some(crate::engine::Act::RanAgain),
        jobs: vec![id(State::Failed)],
        left_out: vec![],
        approval: Some((9, at(5))),
    });
    assert!(screen_harness.screen().contains("sending 1 job in 5 s · u stops"), "{}", screen_harness.screen());
    assert_eq!(screen_harness.app.next_tick(screen_harness.now), Some(at(1)));
    screen_harness.effects.clear();
    screen_harness.keys("u");
    assert_eq!(screen_harness.commands(), [&Command::Withdraw { approval: 9 }]);

    screen_harness.effects.clear();
    screen_harness.keys("R y u");
    screen_harness.effects.clear();
    screen_harness.answer(CommandOutcome {
        approval: Some((10, at(9))),
        jobs: vec![id(State::Failed)],
        ..CommandOutcome::default()
    });
    assert_eq!(screen_harness.commands(), [&Command::Withdraw { approval: 10 }]);
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
        let mut screen_harness = screen_harness();
        screen_harness.keys(keys);
        screen_harness.answer(if keys.starts_with('2') { reached(&[waiting]) } else { reached(&[]) });
        screen_harness.effects.clear();
        screen_harness.keys("u");
        assert_eq!(screen_harness.commands(), [&undone], "{keys}");
    }
    let mut screen_harness = screen_harness();
    screen_harness.keys("6 D");
    screen_harness.answer(reached(&[id(State::Failed)]));
    screen_harness.effects.clear();
    screen_harness.keys("u");
    assert_eq!(screen_harness.commands(), [&Command::Remove { jobs: vec![id(State::Failed)], removed: false }]);
}

#[test]
fn the_undo_of_a_hold_shows_the_price_because_it_sends() {
    let mut screen_harness = screen_harness();
    screen_harness.keys("2 p");
    screen_harness.answer(CommandOutcome { jobs: vec![id(State::Waiting)], ..CommandOutcome::default() });
    let mut job = job_in(1, State::Held);
    job.revision = 99;
    screen_harness.event(Event::News(News::Engine(EngineEvent::Jobs(vec![Arc::new(job)]))));
    screen_harness.effects.clear();
    screen_harness.keys("u");
    assert!(screen_harness.commands().is_empty());
    assert!(screen_harness.screen().contains("undo the hold: send 1 held job?"), "{}", screen_harness.screen());
    screen_harness.keys("y");
    assert!(matches!(screen_harness.commands().as_slice(), [Command::Approve { .. }]));
}

#[test]
fn an_undo_before_the_engine_answered_takes_back_that_act_and_no_older_one() {
    let waiting = id(State::Waiting);
    let mut screen_harness = screen_harness();
    screen_harness.keys("+");
    screen_harness.answer(CommandOutcome::default());
    screen_harness.keys("2 J");
    screen_harness.effects.clear();
    screen_harness.keys("u");
    assert!(screen_harness.commands().is_empty(), "the answer is waited for");
    screen_harness.answer(CommandOutcome { jobs: vec![waiting], ..CommandOutcome::default() });
    assert_eq!(screen_harness.commands(), [&Command::Move { jobs: vec![waiting], to: QueueMove::Earlier }]);
    screen_harness.answer(CommandOutcome::default());
    screen_harness.effects.clear();
    screen_harness.keys("u");
    assert_eq!(screen_harness.commands(), [&Command::MaxInFlight(4)], "the older one comes next");
}

#[test]
fn marks_and_filters_come_back() {
    let mut screen_harness = screen_harness();
    screen_harness.keys("A");
    let all = screen_harness.app.jobs.marks().len();
    screen_harness.keys("esc");
    assert!(screen_harness.app.jobs.marks().is_empty());
    screen_harness.keys("u");
    assert_eq!(screen_harness.app.jobs.marks().len(), all);
    screen_harness.keys("/ \"state:failed\" enter esc");
    assert_eq!(screen_harness.app.jobs.filter(), "");
    screen_harness.keys("u");
    assert_eq!(screen_harness.app.jobs.filter(), "state:failed");
}

#[test]
fn going_on_names_the_price_of_what_waited() {
    let mut screen_harness = screen_harness();
    screen_harness.status(|status| status.waiting_for_go = vec![id(State::Waiting)]);
    screen_harness.keys("P");
    assert!(screen_harness.screen().contains("resume sending 1 job?"), "{}", screen_harness.screen());
    screen_harness.keys("y");
    assert_eq!(screen_harness.commands(), [&Command::Resume { jobs: vec![id(State::Waiting)], consent: Some(consent(1)) }]);

    let mut screen_harness = ScreenHarness::new((80, 24), vec![Arc::new(job_in(3, State::Running))]);
    screen_harness.status(|status| status.paused = Some(PauseReason::You));
    screen_harness.keys("P");
    assert_eq!(
        screen_harness.commands(),
        [&Command::Resume { jobs: vec![], consent: None }],
        "nothing would be sent, so nothing is asked"
    );
}

#[test]
fn a_candidate_can_be_adopted() {
    let mut screen_harness = screen_harness();
    screen_harness.keys("7 w 2");
    assert!(matches!(screen_harness.commands().as_slice(), [Command::Adopt { task, .. }] if task.short() == "two00002"));
}

#[test]
fn notices_come_once_a_batch_and_only_while_nobody_looks() {
    let notified = |screen_harness: &ScreenHarness| {
        let is = |effect: &&Effect| matches!(effect, Effect::Notify { .. });
        screen_harness.effects.iter().filter(is).count()
    };
    let options = AppOptions { notify: NotifyMethod::Desktop, ..AppOptions::default() };
    let run = |focused: bool| {
        let mut screen_harness =
            ScreenHarness::with(options.clone(), (80, 24), (0..3).map(|n| Arc::new(job_in(n, State::Running))).collect());
        screen_harness.event(Event::Focus(focused));
        for n in 0..3 {
            screen_harness.event(Event::News(News::Engine(EngineEvent::Jobs(vec![Arc::new(job_in(n, State::Saved))]))));
        }
        notified(&screen_harness)
    };
    assert_eq!(run(false), 1);
    assert_eq!(run(true), 0);
    let mut screen_harness =
        ScreenHarness::with(options.clone(), (80, 24), (0..3).map(|n| Arc::new(job_in(n, State::Running))).collect());
    screen_harness.event(Event::Focus(false));
    screen_harness.event(Event::News(News::Engine(EngineEvent::Jobs(vec![
        Arc::new(job_in(0, State::Failed)),
        Arc::new(job_in(1, State::Failed)),
    ]))));
    assert_eq!(notified(&screen_harness), 1, "failures at once, but one notice for what fails together");
}

#[test]
fn an_export_of_the_dashboard_tells_the_next_step_of_the_command_line() {
    let mut failed = job_in(0, State::Failed);
    for class in [ErrorClass::Balance, ErrorClass::Local, ErrorClass::Link, ErrorClass::Network, ErrorClass::Unknown] {
        let failure = Failure::new(class, "x", "");
        failed.phase = Phase::Failed(failure.clone());
        let mut screen_harness = ScreenHarness::new((80, 24), vec![Arc::new(failed.clone())]);
        screen_harness.keys(": \"export_json\" enter");
        let content = screen_harness.effects.iter().find_map(|effect| match effect {
            Effect::Session(SessionEffect::Export { content, .. }) => Some(content.clone()),
            _ => None,
        });
        let object: serde_json::Value = serde_json::from_str(&content.expect("an export")).unwrap();
        assert_eq!(object["error"]["next"], crate::job::record::next_step(&failure), "{class:?}");
    }
}

#[test]
fn a_link_that_ends_is_said_with_the_key_that_fetches_and_rings() {
    let mut screen_harness = ScreenHarness::new((80, 24), vec![Arc::new(job_in(0, State::ToFetch))]);
    let kind = NoticeKind::LinksEnding { results: 1, hours: 4 };
    screen_harness.event(Event::News(News::Engine(EngineEvent::Notice(Notice { at: at(0), job: None, kind }))));
    let said = screen_harness.screen();
    assert!(said.contains("1 result not saved yet, its link expires in under 4 h · d fetches now"), "{said}");
    assert_eq!(screen_harness.effects.iter().filter(|effect| **effect == Effect::Bell).count(), 1);
}

#[test]
fn an_idle_dashboard_asks_for_no_tick_that_shows_nothing() {
    let idle: Vec<_> = [State::Saved, State::Failed, State::Held, State::Waiting]
        .into_iter()
        .zip(0..)
        .map(|(state, n)| Arc::new(job_in(n, state)))
        .collect();
    let mut screen_harness = ScreenHarness::new((80, 24), idle);
    screen_harness.status(|status| status.balance = None);
    screen_harness.wait(5_000);
    screen_harness.event(Event::Tick);
    assert_eq!(screen_harness.app.next_tick(screen_harness.now), None);
    let screen_harness = self::screen_harness();
    assert_eq!(screen_harness.app.next_tick(at(0)), Some(at(1)));
    let slow = ScreenHarness::with(
        AppOptions { slow_link: true, ..AppOptions::default() },
        (80, 24),
        vec![Arc::new(job_in(0, State::Running))],
    );
    assert_eq!(slow.app.next_tick(at(1)), Some(at(15)));
}

#[test]
fn what_the_screen_looked_like_is_remembered() {
    let mut screen_harness = screen_harness();
    screen_harness.keys("6 s t / \"credits>5\" enter : \"columns\" enter a esc");
    let state = screen_harness
        .effects
        .iter()
        .rev()
        .find_map(|effect| match effect {
            Effect::Session(SessionEffect::SaveScreenState(state)) => Some(state.clone()),
            _ => None,
        })
        .unwrap();
    let again = ScreenHarness::with(
        AppOptions { remembered: Some(state.clone()), ..AppOptions::default() },
        (80, 24),
        jobs_in_every_state(),
    );
    assert_eq!(again.app.saved_state, state);
    assert_eq!(again.app.jobs.view_filter(), screen_harness.app.jobs.view_filter());
    let broken = AppOptions { remembered: Some("{]".to_owned()), ..AppOptions::default() };
    let _ = ScreenHarness::with(broken, (80, 24), vec![]);
}

#[test]
fn leaving_says_what_goes_on() {
    let mut screen_harness = screen_harness();
    screen_harness.keys("q");
    assert!(screen_harness.app.is_finished());
    let said = &screen_harness.app.exit().unwrap().exit_summary;
    assert!(said.contains("2 jobs keep running at EvoLink") && said.contains("2 pictures to fetch"), "{said}");
    assert_eq!(screen_harness.effects.last(), Some(&Effect::Quit));
}

#[test]
fn read_only_commands_nothing() {
    let options = AppOptions { read_only: true, ..AppOptions::default() };
    let mut screen_harness = ScreenHarness::with(options, (80, 24), jobs_in_every_state());
    screen_harness.keys("a 6 R y D 2 p x + - P 7 r w t");
    assert!(screen_harness.commands().is_empty());
}

#[test]
fn the_mouse_chooses_a_row_and_opens_it() {
    use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
    let click = MouseEvent { kind: MouseEventKind::Down(MouseButton::Left), column: 5, row: 6, modifiers: KeyModifiers::NONE };
    let mut screen_harness = screen_harness();
    screen_harness.event(Event::Mouse(click));
    assert_eq!(screen_harness.app.jobs.cursor_row(), 0, "the mouse is off");
    screen_harness.keys("M");
    screen_harness.event(Event::Mouse(click));
    assert_eq!(screen_harness.app.jobs.cursor_row(), 2);
    screen_harness.event(Event::Mouse(click));
    assert!(screen_harness.app.screens.details_open());
}

#[test]
fn the_cursor_stays_with_its_job_while_rows_move() {
    let mut screen_harness = screen_harness();
    screen_harness.keys("/ \"state:running\" enter esc");
    let running = id(State::Running);
    screen_harness.app.jobs.select(running);
    let mut job = job_in(4, State::Saved);
    job.revision = 50;
    screen_harness.event(Event::News(News::Engine(EngineEvent::Jobs(vec![Arc::new(job)]))));
    assert_eq!(screen_harness.app.jobs.selected(), Some(running));
    assert_eq!(screen_harness.app.jobs.order()[screen_harness.app.jobs.cursor_row()], running);
}

#[test]
fn what_nobody_sees_draws_nothing() {
    let mut screen_harness = ScreenHarness::new((80, 24), many_jobs(200));
    assert!(screen_harness.app.take_dirty());
    let far = *screen_harness.app.jobs.order().last().unwrap();
    screen_harness.event(Event::News(News::Engine(EngineEvent::Progress(vec![(far, crate::job::Progress::default())]))));
    screen_harness.event(Event::Focus(true));
    assert!(!screen_harness.app.needs_draw());
    screen_harness.keys("j");
    assert!(screen_harness.app.needs_draw());
}

#[test]
fn a_paste_that_was_cut_says_so() {
    let mut harness = screen_harness();
    harness.event(Event::Paste(crate::tui::terminal::Paste {
        text: "task-unified-1790000100-aaaa0001 all\n".to_owned(),
        cut: true,
    }));
    assert!(harness.screen().contains("the paste was cut at 1 MiB"), "{}", harness.screen());
}
