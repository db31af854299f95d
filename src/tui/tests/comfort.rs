//! What makes the screen good to read: nothing is lost that was typed, nothing is cut before its point, no key is hidden.

use std::sync::Arc;

use super::super::keymap::Keymap;
use super::super::options::{AppOptions, Charset};
use super::super::testing::{ScreenHarness, at, draft_job_in, job_in};
use crate::engine::{Act, CommandOutcome, Details, EngineEvent, PauseReason, TimelineEntry};
use crate::job::{Job, State};
use crate::tui::event::{Event, News};

fn screen(size: (u16, u16), keys: &str) -> ScreenHarness {
    let jobs = vec![job_in(2, State::Running), draft_job_in(1, State::Saved, "red boat")];
    let mut screen = ScreenHarness::new(size, jobs.into_iter().map(Arc::new).collect());
    screen.keys(keys);
    screen
}

/// The lines of a box as one.
fn joined(screen: &str) -> String {
    screen.lines().map(|line| line.trim_matches(['│', ' '])).collect::<Vec<_>>().join(" ")
}

fn last(screen: &str) -> &str {
    screen.lines().last().unwrap()
}

#[test]
fn prompts_that_were_typed_come_back_after_esc() {
    let mut screen = screen((80, 24), "5 n \"boat\" esc");
    assert!(screen.screen().contains("nothing added; n brings the prompts back"), "{}", screen.screen());
    screen.keys("n");
    assert!(screen.screen().contains("1 boat"), "{}", screen.screen());
    // What begins with the words of a draft does not take their place, unless it was changed.
    screen.keys("esc N");
    assert!(screen.screen().contains("1 red boat"), "{}", screen.screen());
    screen.keys("esc n");
    assert!(screen.screen().contains("1 boat"), "{}", screen.screen());
    screen.keys("esc N \"_at_dawn\" esc n");
    assert!(screen.screen().contains("1 red boat at dawn"), "{}", screen.screen());
    assert!(screen.commands().is_empty());
}

#[test]
fn the_boxes_that_are_typed_into_show_how_to_leave_them_in_every_width() {
    for key in ["a", "n"] {
        for size in [(80, 24), (60, 15), (40, 10)] {
            let shown = screen(size, key).screen();
            assert!(last(&shown).contains("Esc back") && last(&shown).contains("Ctrl+d price"), "{key} {size:?}: {shown}");
        }
    }
    assert!(last(&screen((80, 24), "n").screen()).contains("Ctrl+f repair  Ctrl+p Ctrl+n earlier"));
}

#[test]
fn what_is_wrong_is_said_to_its_end() {
    let shown = screen((80, 24), "n \"boat\" tab tab \"a_tag_that_is_much_too_long_for_what_a_tag_may_be\" ctrl+d").screen();
    let whole = joined(&shown);
    assert!(whole.contains("is not a tag: use 1 to 32 characters") && whole.contains("not beginning with a dot"), "{shown}");
    let shown = screen((80, 24), "n paste:boat|pier_--q_4 ctrl+d").screen();
    assert!(joined(&shown).contains("Ctrl+d again: only the 1 prompt that can be sent"), "{shown}");
    // A way out is told once.
    let shown = screen((80, 24), "n paste:pier_—ar_3:2").screen();
    assert!(shown.contains("│ Ctrl+f: pier --ar 3:2 "), "{shown}");
}

#[test]
fn the_footer_offers_the_place_of_a_result_only_where_there_is_one() {
    let mut screen = screen((120, 40), "3");
    assert!(!last(&screen.screen()).contains("o where"), "{}", screen.screen());
    screen.keys("5");
    assert!(last(&screen.screen()).contains("o where"), "{}", screen.screen());
}

#[test]
fn a_timeline_says_in_few_words_what_happened_and_uses_the_width() {
    let mut job = job_in(3, State::Unsure);
    job.revision = 9;
    let mut screen = ScreenHarness::new((120, 40), vec![Arc::new(job)]);
    let id = screen.app.jobs.selected().unwrap();
    let entry = |seconds, note: &str| TimelineEntry { at: at(seconds), state: State::Sending, note: note.to_owned() };
    let timeline = vec![
        entry(-90, "approved at 5.4 credits"),
        entry(-60, "sending"),
        entry(
            -59,
            "reply lost (connection reset) · the connection broke off (Connection reset by peer (os error 104)) (line_failed)",
        ),
        entry(-58, "attempt 2 with the same key"),
    ];
    let details = Details { timeline, raw: None };
    screen.event(Event::News(News::Engine(EngineEvent::Details { job: id, details: Arc::new(details) })));
    let shown = screen.screen();
    for line in ["+30s  sending", " +1s  reply lost (connection reset)", " +1s  attempt 2 with the same key"] {
        assert!(shown.lines().any(|shown| shown.ends_with(line)), "{line}: {shown}");
    }
    assert!(!shown.contains("os error"), "{shown}");
}

#[test]
fn a_page_with_room_shows_the_hours_of_a_day_as_bars_and_a_small_one_in_a_line() {
    let shown = screen((120, 40), "$").screen();
    let axis = shown.lines().find(|line| line.contains("03") && line.contains("06") && line.contains("21"));
    assert!(axis.is_some() && shown.contains("finished, last 24 h, most "), "{shown}");
    let shown = screen((80, 24), "$").screen();
    assert!(shown.lines().any(|line| line.contains("per hour") && line.contains("·····")), "{shown}");
}

#[test]
fn where_a_filter_or_a_tab_hides_every_job_a_key_says_so() {
    for (keys, said) in [
        ("/ \"zzz\" enter x", "no job matches · Esc clears the filter"),
        ("6 R", "no jobs here · 1 shows all"),
        ("6 i", "no jobs here · 1 shows all"),
    ] {
        let shown = screen((80, 24), keys).screen();
        assert!(shown.contains(said), "{shown}");
    }
}

#[test]
fn what_a_row_wants_is_not_said_while_the_keys_are_for_marks() {
    let jobs = vec![job_in(2, State::Held), job_in(3, State::Held)];
    let mut screen = ScreenHarness::new((80, 24), jobs.into_iter().map(Arc::new).collect());
    assert!(screen.screen().contains("held by you · p: release it"), "{}", screen.screen());
    screen.keys("A");
    assert!(!screen.screen().contains("release it"), "{}", screen.screen());
}

#[test]
fn a_price_box_that_does_not_fit_says_why_to_its_end_and_cuts_no_amount() {
    for size in [(30, 8), (34, 9), (40, 10)] {
        let shown = screen(size, "a \"task-unified-1-a:0\" ctrl+d").screen();
        let whole: String = joined(&shown.replace('┃', " ")).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(whole.contains("window too small to confirm; make it larger · n back"), "{size:?}: {shown}");
        assert!(shown.contains(" 5.4 ") && !shown.contains("…"), "{size:?}: {shown}");
    }
}

#[test]
fn undo_says_what_there_is_again_and_what_there_is_not() {
    let mut screen = screen((80, 24), "/ \"boat\" enter A");
    for said in ["no marks again", "no filter again"] {
        screen.keys("u");
        assert!(screen.screen().contains(said), "{said}: {}", screen.screen());
    }
    screen.keys("/ \"boat\" enter / \"s\" enter u");
    assert!(screen.screen().contains("the filter is back"), "{}", screen.screen());
}

#[test]
fn tabs_and_choices_are_named_by_the_keys_they_have_now() {
    let keys =
        [("view_all", &["F1"][..]), ("view_running", &[]), ("view_failed", &["0"]), ("choose_0", &["Z"]), ("help", &["F2"])];
    let overrides: Vec<_> = keys
        .iter()
        .zip(1..)
        .map(|((name, keys), line)| (*name, keys.iter().map(|key| (*key).to_owned()).collect(), line))
        .collect();
    let keymap = Keymap::with_overrides(&overrides).unwrap();
    let jobs = vec![job_in(2, State::Running), draft_job_in(1, State::Saved, "red boat")];
    let options = AppOptions { keymap, ..AppOptions::default() };
    let mut screen = ScreenHarness::with(options, (80, 24), jobs.into_iter().map(Arc::new).collect());
    let tabs = screen.screen().lines().nth(2).unwrap().to_owned();
    assert!(tabs.starts_with("F1 all·2") && tabs.contains("  run·1") && tabs.contains("0 fail·0"), "{tabs}");
    assert!(!tabs.contains("3 run") && !tabs.contains("6 fail") && tabs.contains("7 unsure·0"), "{tabs}");
    screen.keys("v enter a");
    assert!(screen.screen().contains("nothing is chosen: Z 1 2 3 choose, A all"), "{}", screen.screen());
}

#[test]
fn in_ascii_no_hyphen_makes_a_minus_of_a_count() {
    let options = AppOptions { charset: Charset::Ascii, ..AppOptions::default() };
    let shown = ScreenHarness::with(options, (80, 24), vec![Arc::new(job_in(2, State::Running))]).screen();
    assert!(shown.contains("1 all:1 ") && shown.contains("3 run:1 ") && !shown.contains("all-1"), "{shown}");
}

#[test]
fn a_filter_of_the_drafts_is_seen_on_the_sheet_too() {
    let shown = screen((80, 24), "v / \"boat\" enter enter").screen();
    assert!(shown.lines().nth(2).is_some_and(|line| line.trim_end().ends_with("/boat 1 of 1")), "{shown}");
}

#[test]
fn undo_takes_back_what_was_done_last_and_never_something_older() {
    // Each with an older act below it, which has to stay.
    for (keys, said) in [
        ("v enter 0", "nothing of t0000001 chosen again"),
        ("v enter 0 A", "1 picture of t0000001 chosen again"),
        ("v space", "no marks again"),
        ("v A esc", "1 draft marked again"),
        ("C t esc", "column tag shown again"),
        (": \"columns_tag\" enter", "column tag shown again"),
    ] {
        let mut screen = screen((80, 24), "P");
        screen.answer(CommandOutcome { act: Some(Act::Paused), ..CommandOutcome::default() });
        screen.status(|status| status.paused = Some(PauseReason::You));
        screen.keys(keys);
        screen.effects.clear();
        screen.keys("u");
        let shown = screen.screen();
        assert!(shown.contains(said) && shown.contains("PAUSED"), "{keys}: {shown}");
        assert!(screen.commands().is_empty(), "{keys}: {:?}", screen.commands());
    }
}

#[test]
fn who_made_drafts_is_told_how_to_choose_from_them() {
    let mut job = draft_job_in(1, State::Running, "red boat");
    let mut screen = ScreenHarness::new((80, 24), vec![Arc::new(job.clone())]);
    job = Job { revision: job.revision + 1, ..draft_job_in(1, State::Saved, "red boat") };
    screen.event(Event::News(News::Engine(EngineEvent::Jobs(vec![Arc::new(job)]))));
    let shown = screen.screen();
    assert!(shown.contains("batch: 1 saved · 2.7 credits") && shown.contains("· v shows the drafts"), "{shown}");
    screen.keys("enter");
    assert!(screen.screen().contains("v: look at its pictures and choose"), "{}", screen.screen());
}
