//! What hands and eyes expect: live keys in every sentence, nothing hidden, the cursor where it was.

use std::sync::Arc;

use super::super::dialogs::Dialog;
use super::super::effect::{Effect, SessionEffect};
use super::super::event::{Event, News};
use super::super::job_list::Sort;
use super::super::keymap::Keymap;
use super::super::options::{AppOptions, Charset};
use super::super::testing::{ScreenHarness, at, job_in, jobs_in_every_state, many_jobs};
use crate::engine::{Command, CommandError, EngineEvent, Notice, NoticeKind, PauseReason, Undecided};
use crate::job::{Caps, Credits, ErrorClass, Failure, Job, JobId, Phase, State};

pub(super) const SMALL: (u16, u16) = (80, 24);

pub(super) fn every_state() -> ScreenHarness {
    ScreenHarness::new(SMALL, jobs_in_every_state())
}

pub(super) fn after(keys: &str) -> ScreenHarness {
    let mut screen = every_state();
    screen.keys(keys);
    screen
}

pub(super) fn id(state: State) -> JobId {
    jobs_in_every_state().iter().find(|job| job.state() == state).unwrap().id
}

pub(super) fn news(screen: &mut ScreenHarness, job: Job) {
    screen.event(Event::News(News::Engine(EngineEvent::Jobs(vec![Arc::new(job)]))));
}

pub(super) fn waiting(count: u64) -> Vec<Arc<Job>> {
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
