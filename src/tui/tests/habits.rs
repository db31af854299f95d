//! What hands and eyes expect: live keys in every sentence, nothing hidden, the cursor where it was, undo of the last act only.

use std::sync::Arc;

use super::super::dialogs::Dialog;
use super::super::effect::{Effect, SessionEffect};
use super::super::event::{Event, News};
use super::super::job_list::Sort;
use super::super::keymap::Keymap;
use super::super::options::{AppOptions, Charset};
use super::super::testing::{ScreenHarness, at, job_in, jobs_in_every_state, many_jobs};
use crate::engine::{Command, CommandError, CommandOutcome, EngineEvent, Notice, NoticeKind, PauseReason, Role, Undecided};
use crate::job::{Caps, Credits, ErrorClass, Failure, Job, JobId, Phase, State};

const SMALL: (u16, u16) = (80, 24);
const DRAFT: &str = "task-unified-1790000100-aaaa0001";

fn every_state() -> ScreenHarness {
    ScreenHarness::new(SMALL, jobs_in_every_state())
}

fn after(keys: &str) -> ScreenHarness {
    let mut screen = every_state();
    screen.keys(keys);
    screen
}

fn id(state: State) -> JobId {
    jobs_in_every_state().iter().find(|job| job.state() == state).unwrap().id
}

fn reached(jobs: &[JobId]) -> CommandOutcome {
    CommandOutcome { jobs: jobs.to_vec(), ..CommandOutcome::default() }
}

fn news(screen: &mut ScreenHarness, job: Job) {
    screen.event(Event::News(News::Engine(EngineEvent::Jobs(vec![Arc::new(job)]))));
}

fn waiting(count: u64) -> Vec<Arc<Job>> {
    (0..count).map(|n| Arc::new(job_in(n, State::Waiting))).collect()
}

#[test]
fn sentences_name_the_keys_that_are_bound() {
    let bound = |key: &str| vec![key.to_owned()];
    let overrides = [
        ("add", bound("I"), 1),
        ("undo", bound("Z"), 2),
        ("watch", bound("W"), 3),
        ("hold", bound("H"), 4),
        ("pause", bound("O"), 5),
        ("run_again", bound("X"), 6),
        ("fetch", bound("F"), 7),
    ];
    let keymap = Keymap::with_overrides(&overrides).unwrap();
    let options = || AppOptions { keymap: keymap.clone(), ..AppOptions::default() };
    let with = |jobs: Vec<Arc<Job>>, keys: &str| {
        let mut screen = ScreenHarness::with(options(), SMALL, jobs);
        screen.keys(keys);
        screen
    };
    let all = jobs_in_every_state;
    for (keys, part) in [
        ("7", "W: choose its task"),
        ("2 G", "H: release it"),
        ("6 y", "sent to the terminal's clipboard"),
        ("7 y", "W chooses it"),
        ("6 X", "to stop it with Z"),
        ("/ \"state:held\" enter esc", "Z restores it"),
        ("A esc", "Z restores them"),
        ("- - - -", "O pauses"),
        ("?", "I   add jobs"),
        (": \"add\"", "I"),
        ("/ \"state:cancelled\" enter", "X: run again"),
        ("/ \"state:to-fetch\" enter", "F: fetch now"),
        ("3 x", "cancel 1?"),
        ("3 G x", "W watches it again"),
        ("A D", "Z restores them"),
    ] {
        let mut screen = with(all(), keys);
        if keys.starts_with('-') {
            screen.status(|status| status.max_in_flight = 1);
            screen.keys("-");
        }
        let said = screen.screen();
        assert!(said.contains(part), "{keys}: {part}: {said}");
    }
    assert!(with(Vec::new(), "").screen().contains("I adds jobs"));
    let mut screen = with(all(), "");
    screen.status(|status| status.waiting_for_go = vec![id(State::Waiting)]);
    assert!(screen.screen().contains("1 approved earlier · O sends"), "{}", screen.screen());
    screen.keys("q");
    assert!(screen.app.exit().unwrap().exit_summary.contains("press O and y"), "{:?}", screen.app.exit());

    // Notices and errors.
    let reply = || Failure::new(ErrorClass::Balance, "insufficient_quota", "");
    for (kind, part) in [
        (NoticeKind::StaysUnsure(Undecided::SeveralTasks(2)), "· W chooses"),
        (NoticeKind::LinksEnding { results: 2, hours: 4 }, "· F fetches now"),
        (NoticeKind::Paused(PauseReason::Balance { reply: reply() }), "· O resumes"),
        (NoticeKind::Paused(PauseReason::Access { reply: reply() }), "· O resumes"),
        (NoticeKind::Paused(PauseReason::NoPrice { reply: reply() }), "· O resumes"),
        (NoticeKind::Paused(PauseReason::Failures { code: "x".into(), count: 5 }), "· O resumes"),
        (
            NoticeKind::Paused(PauseReason::Price { agreed: Credits::from_uc(1), now: Credits::from_uc(2) }),
            "· O confirms the new price",
        ),
        (NoticeKind::StaysUnsure(Undecided::OldKey), "· Q stops looking"),
        (NoticeKind::StaysUnsure(Undecided::MoreTasks(50)), "· Q stops looking"),
        (NoticeKind::StaysUnsure(Undecided::UnreadableRows(2)), "· Q stops looking"),
        (NoticeKind::TaskListUnreadable(reply()), "Q on the unsure job stops looking"),
    ] {
        let overrides = [overrides.as_slice(), &[("cancel", bound("Q"), 8)]].concat();
        let keymap = Keymap::with_overrides(&overrides).unwrap();
        let notice = Notice { at: at(0), job: None, kind };
        let said = crate::tui::notices::notice_text(&notice, &|id| id.to_string(), &keymap);
        assert!(said.contains(part), "{said}");
        let late = crate::tui::outcomes::error(&CommandError::TooLate, &keymap);
        assert!(late.contains("Q stops watching"), "{late}");
    }
    for class in [
        ErrorClass::Balance,
        ErrorClass::KeyTotal,
        ErrorClass::KeyDaily,
        ErrorClass::Link,
        ErrorClass::Local,
        ErrorClass::Network,
        ErrorClass::Server,
        ErrorClass::Unknown,
    ] {
        let mut job = job_in(3, State::Failed);
        job.phase = Phase::Failed(Failure::new(class, "x", ""));
        let next = crate::tui::reasons::next_step(&job, &keymap).unwrap();
        let named = ["X: ", "F: ", "r: "].iter().any(|key| next.starts_with(key) || next.contains(&format!("then {key}")));
        assert!(named, "{class:?}: {next}");
    }
}

#[test]
fn what_narrows_the_list_is_never_hidden() {
    for size in [(60, 15), (80, 24), (120, 40), (59, 14), (44, 10)] {
        let mut screen = ScreenHarness::new(size, jobs_in_every_state());
        screen.status(|status| {
            status.paused = Some(crate::engine::PauseReason::You);
            status.role = crate::engine::Role::Screen { engine_pid: Some(4711) };
        });
        screen.keys("/ \"state:failed,saved\" enter");
        let said = screen.screen();
        assert!(said.contains("PAUSED"), "{size:?}: {said}");
        assert!(said.contains(" 2 of 11"), "{size:?}: {said}");
        screen.keys("esc A s t");
        let said = screen.screen();
        assert!(said.contains("11 marked"), "{size:?}: {said}");
        if size.0 >= 60 {
            assert!(said.contains("11 marked, 54"), "marks tell what they cost: {said}");
            assert!(said.contains("by tag ▲"), "{size:?}: {said}");
        }
    }
    assert!(!every_state().screen().contains("by urgency"), "the usual order is no news");
}

#[test]
fn no_tab_is_ever_cut_away() {
    for width in 60..130 {
        let screen = ScreenHarness::new((width, 20), many_jobs(2_000)).screen();
        let tabs = screen.lines().nth(2).unwrap();
        for number in 1..=7 {
            assert!(tabs.contains(&number.to_string()), "{width}: {tabs}");
        }
        assert!(tabs.contains('+'), "waiting and held apart: {tabs}");
    }
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
fn the_cursor_keeps_its_row_when_its_job_leaves() {
    let mut screen = ScreenHarness::new(SMALL, waiting(6));
    screen.keys("j j x");
    let gone = screen.app.jobs.selected().unwrap();
    let mut job = (**screen.app.jobs.job(gone).unwrap()).clone();
    job.phase = job_in(0, State::Cancelled).phase;
    news(&mut screen, job);
    assert_eq!(screen.app.jobs.cursor_row(), 2);
    assert_ne!(screen.app.jobs.selected(), Some(gone), "a second x must not hit the cancelled one");
}

#[test]
fn at_the_top_the_cursor_stays_at_the_top_and_below_it_follows_its_job() {
    let jobs: Vec<_> = (0..3).map(|n| Arc::new(job_in(n, State::Running))).collect();
    let mut screen = ScreenHarness::new(SMALL, jobs.clone());
    let first = screen.app.jobs.selected().unwrap();
    let n = jobs.iter().position(|job| job.id == first).unwrap();
    news(&mut screen, job_in(n as u64, State::Saved));
    assert_eq!(screen.app.jobs.cursor_row(), 0);
    assert_ne!(screen.app.jobs.selected(), Some(first));
    screen.keys("j");
    let second = screen.app.jobs.selected().unwrap();
    let n = jobs.iter().position(|job| job.id == second).unwrap();
    news(&mut screen, job_in(n as u64, State::Failed));
    assert_eq!(screen.app.jobs.selected(), Some(second));
}

#[test]
fn every_letter_goes_to_the_search_of_the_help() {
    for word in ["quit", "queue", "undo", "add", "tag", "retry", "delete", "cost", "budget", "download", "copy", "rerun"] {
        let mut screen = after("?");
        screen.keys(&format!("\"{word}\""));
        let Some(Dialog::Help(help)) = screen.app.dialogs.top() else { panic!("{word}: {}", screen.screen()) };
        assert_eq!(help.search.line(), word);
        assert!(!screen.app.help_rows(help).is_empty(), "{word}");
        assert!(screen.commands().is_empty() && !screen.app.is_finished());
    }
    let scrolled = after("? j j");
    assert!(matches!(scrolled.app.dialogs.top(), Some(Dialog::Help(help)) if help.scroll == 2 && help.search.is_empty()));
    assert!(matches!(after("? / j k").app.dialogs.top(), Some(Dialog::Help(help)) if help.search.line() == "jk"));
    assert!(after("? q esc esc").app.dialogs.is_empty());
}

#[test]
fn arguments_after_a_colon_are_taken_or_refused() {
    for (line, command) in [
        ("more-in-flight_8", Command::MaxInFlight(8)),
        ("caps_50", Command::Caps(Caps { session: None, day: "50".parse().ok() })),
        ("caps_50_20", Command::Caps(Caps { session: "20".parse().ok(), day: "50".parse().ok() })),
        ("tag_cats", Command::Retag { jobs: vec![id(State::Unsure)], tag: crate::job::Tag::new("cats").ok() }),
        ("tag_-", Command::Retag { jobs: vec![id(State::Unsure)], tag: None }),
    ] {
        let screen = after(&format!(": \"{line}\" enter"));
        assert_eq!(screen.commands(), [&command], "{line}: {}", screen.screen());
    }
    assert_eq!(after(": \"sort_tag\" enter").app.jobs.view_filter().sort, Sort::Tag);
    assert!(after(": \"columns_link\" enter").app.jobs.hidden().contains("link"));
    let exported = after(": \"export_csv\" enter");
    assert!(exported.effects.iter().any(|effect| matches!(effect, Effect::Session(SessionEffect::Export { .. }))));
    for (line, said) in [
        ("pause_now", "takes no argument"),
        ("view_saved_x", "takes no argument"),
        ("sort_nonsense", "unknown order"),
        ("more_in_flight_many", "is not a number"),
        ("caps_-5", "below zero"),
        ("export_pdf", "unknown format"),
    ] {
        let screen = after(&format!(": \"{line}\" enter"));
        assert!(screen.commands().is_empty() && screen.app.dialogs.is_empty(), "{line}");
        assert!(screen.screen().contains(said), "{line}: {}", screen.screen());
    }
}

#[test]
fn an_export_says_where_it_is() {
    let mut screen = every_state();
    screen.event(Event::News(News::Exported(Ok("/data/jobs.csv".into()))));
    assert!(screen.screen().contains("exported 11 jobs to /data/jobs.csv"), "{}", screen.screen());
    screen.event(Event::News(News::Exported(Err("the disk is full".to_owned()))));
    assert!(screen.screen().contains("not exported: the disk is full"), "{}", screen.screen());
}

#[test]
fn read_only_offers_no_key_that_changes_anything() {
    let options = AppOptions { read_only: true, ..AppOptions::default() };
    for keys in ["", "2", "3", "6", "7", "A", "enter tab", "$"] {
        let mut screen = ScreenHarness::with(options.clone(), SMALL, jobs_in_every_state());
        screen.keys(keys);
        for (action, key, _) in screen.app.hints() {
            assert!(!super::super::availability::changes(action), "{keys}: {key}");
        }
        assert!(screen.screen().contains("read-only"));
    }
    let mut screen = ScreenHarness::with(options, SMALL, jobs_in_every_state());
    screen.keys("7");
    assert!(!screen.screen().contains("w: "), "no step that cannot be taken: {}", screen.screen());
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
fn a_big_screen_shows_details_and_activity_by_itself() {
    let big = ScreenHarness::new((100, 30), jobs_in_every_state());
    assert!(big.screen().contains("activity") && big.screen().contains("result   unsure"), "{}", big.screen());
    let mut closed = ScreenHarness::new((100, 30), jobs_in_every_state());
    closed.keys("h");
    assert!(!closed.screen().contains("result   unsure"));
    let small = ScreenHarness::new((99, 30), jobs_in_every_state());
    assert!(!small.screen().contains("result   unsure"));
    let mut leaving = ScreenHarness::new((100, 30), jobs_in_every_state());
    leaving.keys("q");
    assert!(leaving.app.is_finished(), "what opened without being asked for is no step back");
    let slow = AppOptions { slow_link: true, ..AppOptions::default() };
    assert!(!ScreenHarness::with(slow, (120, 40), jobs_in_every_state()).screen().contains("result   "));
}

#[test]
fn the_last_response_is_folded() {
    let mut screen = after("6 enter");
    screen.details();
    assert!(!screen.screen().contains("\"status\""));
    screen.keys("tab enter G");
    assert!(screen.screen().contains("\"status\": \"failed\""), "{}", screen.screen());
}

#[test]
fn where_it_is_stands_in_lines_without_a_frame() {
    let screen = after("5 o").screen();
    for whole in ["/data/results/2026-11-22/untagged/t0000007-0.png", "https://files.example.org/r/7.png"] {
        assert!(screen.lines().any(|line| line == whole), "{screen}");
    }
    assert!(screen.lines().any(|line| line.starts_with("scp ada@box:/data/")), "{screen}");
    let cancelled = after("/ \"state:cancelled\" enter o");
    assert!(cancelled.app.dialogs.is_empty() && !cancelled.app.hints().iter().any(|(_, key, _)| key == "o"));
}

#[test]
fn saved_jobs_are_left_out_of_a_bulk_run_and_it_says_so() {
    assert!(after("5 space R").screen().contains("unmark to run one again"));
    assert!(matches!(after("5 R").app.dialogs.top(), Some(Dialog::Price(_))));
}

#[test]
fn the_mouse_reaches_tabs_headings_menus_and_footer_but_no_price() {
    use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
    let find = |screen: &ScreenHarness, what: &str| {
        let text = screen.screen();
        let (row, line) = text.lines().enumerate().find(|(_, line)| line.contains(what)).unwrap();
        let column = line[..line.find(what).unwrap()].chars().count();
        (u16::try_from(column).unwrap(), u16::try_from(row).unwrap())
    };
    let click = |screen: &mut ScreenHarness, what: &str| {
        let (column, row) = find(screen, what);
        let kind = MouseEventKind::Down(MouseButton::Left);
        screen.event(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
    };
    let mut screen = after("M");
    click(&mut screen, "saved·1");
    assert_eq!(screen.app.jobs.view_filter().view, super::super::job_list::View::Saved);
    click(&mut screen, "all·11");
    click(&mut screen, "draft ");
    assert_eq!(screen.app.jobs.view_filter().sort, Sort::Draft);
    screen.keys("s");
    click(&mut screen, "oldest first");
    assert_eq!(screen.app.jobs.view_filter().sort, Sort::Added);
    click(&mut screen, "? help");
    assert!(matches!(screen.app.dialogs.top(), Some(Dialog::Help(_))));
    screen.keys("esc 6 R");
    screen.effects.clear();
    click(&mut screen, " y run again");
    assert!(screen.commands().is_empty() && matches!(screen.app.dialogs.top(), Some(Dialog::Price(_))));
}

#[test]
fn the_present_order_is_marked_in_menu_and_heading() {
    let screen = after("s t s").screen();
    assert!(screen.lines().any(|line| line.contains('●') && line.contains("tag")), "{screen}");
    let screen = after("s t").screen();
    assert!(screen.contains("tag▲"), "{screen}");
    assert!(after("s t S").screen().contains("tag▼"));
}

#[test]
fn one_word_for_each_thing() {
    let screen = ScreenHarness::new((160, 40), jobs_in_every_state()).screen();
    for heading in ["job", "elapsed", "left", "credits", "link", "progress", "tag", "draft", "state"] {
        assert!(screen.lines().nth(3).unwrap().contains(heading), "{heading}: {screen}");
    }
    assert!(!ScreenHarness::new((160, 40), waiting(2)).screen().contains("link"), "only while a row has one");
    let menu = after("C").screen();
    for column in super::super::job_list::COLUMN_NAMES {
        assert!(menu.contains(column), "{menu}");
    }
}

#[test]
fn a_bar_is_thin_and_grows_with_the_screen() {
    let running = || vec![Arc::new(job_in(0, State::Running))];
    let bar = |screen: String| screen.chars().filter(|c| matches!(c, '━' | '╸')).count();
    let small = ScreenHarness::new(SMALL, running()).screen();
    let mut wide = ScreenHarness::new((200, 29), running());
    wide.keys("esc");
    assert!(bar(wide.screen()) > bar(small.clone()) && bar(small) > 2);
    let ascii = AppOptions { charset: Charset::Ascii, ..AppOptions::default() };
    assert!(ScreenHarness::with(ascii, SMALL, running()).screen().contains("==="));
}

#[test]
fn a_clock_of_a_slow_link_goes_in_quarters_of_a_minute() {
    let options = AppOptions { slow_link: true, ..AppOptions::default() };
    let mut job = job_in(0, State::Running);
    job.sent_at = Some(at(-50));
    let screen = ScreenHarness::with(options, SMALL, vec![Arc::new(job)]).screen();
    assert!(screen.contains(" 45s "), "{screen}");
}

#[test]
fn what_is_shown_is_found() {
    let found = |keys: &str| after(keys).app.jobs.order().len();
    assert_eq!(found("/ \"held_by\" enter"), 1);
    assert_eq!(found("/ \"\"\"reply_lost\"\"\" enter"), 1);
    assert_eq!(found("/ \"still_running\" enter"), 1, "the reason of an unwatched job");
    assert_eq!(found("/ \"t0000007-0.png\" enter"), 1);
    assert!(found("/ \"credits>5\" enter") > 1);
    assert!(after("/ \"wating:x\"").screen().contains("did you mean"), "{}", after("/ \"wating:x\"").screen());
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

#[test]
fn the_demo_begins_with_a_word_of_welcome_and_a_running_row() {
    let options = AppOptions { demo: true, ..AppOptions::default() };
    let jobs = [State::Waiting, State::Running, State::Held].into_iter().zip(0..).map(|(state, n)| Arc::new(job_in(n, state)));
    let mut screen = ScreenHarness::with(options, SMALL, jobs.collect());
    assert!(screen.screen().contains("demo: nothing here costs anything"), "{}", screen.screen());
    assert_eq!(screen.app.jobs.selected_job().map(|job| job.state()), Some(State::Running));
    screen.keys("j");
    assert!(!screen.screen().contains("costs anything"), "said once");
}

#[test]
fn a_saved_job_says_how_long_it_took_and_what_it_cost() {
    let mut screen = ScreenHarness::new((120, 40), vec![Arc::new(job_in(7, State::Saved)), Arc::new(job_in(9, State::Failed))]);
    let saved =
        crate::engine::Notice { at: at(0), job: Some(job_in(7, State::Saved).id), kind: crate::engine::NoticeKind::Saved };
    screen.event(Event::News(News::Engine(EngineEvent::Notice(saved))));
    assert!(screen.screen().contains("c4u3k8rb:3 saved · 1m03s, 5.4 credits"), "{}", screen.screen());
}

#[test]
fn the_whole_help_stands_on_a_big_screen() {
    let screen = ScreenHarness::new((120, 40), jobs_in_every_state()).keys("?").screen();
    for part in ["add jobs", "undo the last local act", "invert the marks", "suspend; fg resumes", "clear all marks"] {
        assert!(screen.contains(part), "{part}: {screen}");
    }
}
