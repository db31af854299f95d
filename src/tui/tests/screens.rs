//! Stored screens: a size, a scenario, keys, and what is to be seen.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::options::{AppOptions, Charset, Theme};
use super::super::testing::{ScreenHarness, at, job_in, jobs_in_every_state, many_jobs, stored};
use crate::engine::{CommandOutcome, Connection, EngineEvent, Notice, NoticeKind, PauseReason, Role};
use crate::job::{ErrorClass, Failure, Phase, State, Tag};
use crate::tui::event::{Event, News};

type Scenario = fn((u16, u16)) -> ScreenHarness;

fn every_state(size: (u16, u16)) -> ScreenHarness {
    ScreenHarness::new(size, jobs_in_every_state())
}

fn nothing(size: (u16, u16)) -> ScreenHarness {
    ScreenHarness::new(size, Vec::new())
}

fn crowd(size: (u16, u16)) -> ScreenHarness {
    ScreenHarness::new(size, many_jobs(2_000))
}

fn ascii(size: (u16, u16)) -> ScreenHarness {
    let options = AppOptions { charset: Charset::Ascii, color: false, theme: Theme::Mono, demo: true, ..AppOptions::default() };
    ScreenHarness::with(options, size, jobs_in_every_state())
}

fn trouble(size: (u16, u16)) -> ScreenHarness {
    let mut screen_harness = every_state(size);
    screen_harness.status(|status| {
        status.paused = Some(PauseReason::You);
        status.all_wait_until = Some(at(27));
        status.connection =
            Connection::Down { since: at(-30), why: Failure::new(ErrorClass::Network, "not_connected", "name did not resolve") };
        status.role = Role::Screen { engine_pid: Some(4711) };
    });
    screen_harness
}

fn strange_names(size: (u16, u16)) -> ScreenHarness {
    let names = [
        "夏夏夏夏夏夏夏夏夏夏夏夏",
        "שלום-עולם-ארוך-מאוד",
        "e\u{301}e\u{301}e\u{301}",
        "👩\u{1f3fd}x",
        "a_very_long_tag_of_32_characters",
    ];
    let jobs = names.iter().zip(0..).map(|(name, n)| {
        let mut job = job_in(n, State::Running);
        job.tag = Tag::new(name).ok();
        job.phase = Phase::Failed(Failure::of_task("x\u{1b}[2J", "bad \u{1b}]0;title\u{7} text \u{202e}gnp"));
        Arc::new(job)
    });
    ScreenHarness::new(size, jobs.collect())
}

fn screen(name: &str, size: (u16, u16), scenario: Scenario, keys: &str) {
    let mut screen_harness = scenario(size);
    screen_harness.keys(keys);
    if screen_harness.app.screens.details_open() && screen_harness.app.jobs.selected().is_some() {
        screen_harness.details();
    }
    stored(name, &screen_harness.screen());
}

const SMALL: (u16, u16) = (80, 24);
const WIDE: (u16, u16) = (120, 40);
const ADD_LINES: &str =
    "a paste:task-unified-1790000100-aaaa0001_0,2|task-unified-1790000100-aaaa0001_2|nonsense|task-unified-1790000100-k3v9q2ad";

macro_rules! screens {
    ($($name:ident $size:expr, $scenario:ident, $keys:expr;)*) => {
        $(#[test]
        fn $name() {
            screen(stringify!($name), $size, $scenario, $keys);
        })*
    };
}

screens! {
    all_states_small SMALL, every_state, "";
    all_states_wide WIDE, every_state, "";
    a_crowd_at_the_end SMALL, crowd, "G";
    no_jobs_yet SMALL, nothing, "";
    ascii_without_colour SMALL, ascii, "space space";
    ascii_price_box SMALL, ascii, "6 R";
    in_trouble SMALL, trouble, "";
    in_trouble_wide WIDE, trouble, "";
    one_column (59, 15), every_state, "";
    one_column_details (40, 14), every_state, "6 enter";
    one_column_small (40, 10), every_state, "";
    a_sentence (29, 5), every_state, "";
    strange_names_small SMALL, strange_names, "j";
    details_below SMALL, every_state, "6 enter";
    details_beside WIDE, every_state, "6 enter";
    details_of_an_unsure_job WIDE, every_state, "7 enter";
    details_scrolled SMALL, every_state, "6 enter tab j j j";
    events_of_nothing SMALL, every_state, "e";
    spending_small SMALL, every_state, "$";
    caps_box SMALL, every_state, "$ c";
    help SMALL, every_state, "?";
    help_searched SMALL, every_state, "? \"order\"";
    palette SMALL, every_state, ":";
    palette_searched SMALL, every_state, ": \"ma\"";
    sort_menu SMALL, every_state, "s";
    filter_finds SMALL, every_state, "/ \"state:failed,held\"";
    filter_wrong SMALL, every_state, "/ \"state:faild_tag:x\"";
    filter_finds_nothing SMALL, every_state, "/ \"tag:none\" enter";
    marks_and_range SMALL, every_state, "j space j V j j";
    add_box_empty SMALL, nothing, "a";
    add_box_with_lines SMALL, nothing, ADD_LINES;
    add_price SMALL, nothing, "a paste:task-unified-1790000100-aaaa0001_all ctrl+d";
    run_again_of_many SMALL, every_state, "A R";
    release_price SMALL, every_state, "2 G p";
    stop_watching SMALL, every_state, "3 j x";
    cancel_of_many SMALL, every_state, "A x";
    remove_of_many SMALL, every_state, "A D";
    adopt_menu SMALL, every_state, "7 w";
    copy_menu SMALL, every_state, "5 Y";
    show_box SMALL, every_state, "5 o";
    tag_box SMALL, every_state, "t \"su\"";
    columns_menu SMALL, every_state, ": \"columns\" enter";
}

#[test]
fn a_yes_counts_down_and_can_be_stopped() {
    let mut screen_harness = nothing(SMALL);
    screen_harness.keys("a paste:task-unified-1790000100-aaaa0001_all ctrl+d y");
    let jobs: Vec<_> = (0..4).map(|n| job_in(n, State::Waiting).id).collect();
    screen_harness.answer(CommandOutcome {
        act: Some(crate::engine::Act::Added { approved: true }),
        jobs,
        left_out: vec![],
        approval: Some((3, at(5))),
    });
    stored("grace_countdown", &screen_harness.screen());
}

#[test]
fn events_are_listed_newest_first() {
    let mut screen_harness = every_state(SMALL);
    let wait = Failure::new(ErrorClass::NoCapacity, "no_capacity", "");
    let kinds = [
        (0, None, NoticeKind::TookOver),
        (1, Some(job_in(1, State::Running).id), NoticeKind::SendingDeferred(wait)),
        (2, None, NoticeKind::StoreUnwritable { error: "the disk is full".to_owned() }),
    ];
    for (seconds, job, kind) in kinds {
        screen_harness.event(Event::News(News::Engine(EngineEvent::Notice(Notice { at: at(seconds), job, kind }))));
    }
    screen_harness.keys("e");
    stored("events_listed", &screen_harness.screen());
}

#[test]
fn themes_differ_in_colour_only() {
    let text = |theme, color| {
        let options = AppOptions { theme, color, ..AppOptions::default() };
        ScreenHarness::with(options, SMALL, jobs_in_every_state()).screen()
    };
    let auto = text(Theme::Auto, true);
    for (theme, color) in [(Theme::Dark, true), (Theme::Light, true), (Theme::Mono, true), (Theme::Auto, false)] {
        assert_eq!(text(theme, color), auto);
    }
}

#[test]
fn an_automatic_theme_becomes_light_when_the_terminal_says_so_and_no_other_one_does() {
    let cells = |theme, schemes: &[bool]| {
        let options = AppOptions { theme, rich_color: true, ..AppOptions::default() };
        let mut screen_harness = ScreenHarness::with(options, SMALL, jobs_in_every_state());
        let _ = screen_harness.app.take_dirty();
        for dark in schemes {
            screen_harness.event(Event::Scheme { dark: *dark });
        }
        (screen_harness.cells(), screen_harness.app.needs_draw())
    };
    let usual = cells(Theme::Auto, &[]).0;
    let light = cells(Theme::Light, &[]).0;
    assert_ne!(usual, light);
    assert_eq!(cells(Theme::Auto, &[false]), (light, true));
    assert_eq!(cells(Theme::Auto, &[true]), (usual.clone(), false), "dark stays as it was, without a byte");
    assert_eq!(cells(Theme::Auto, &[false, true]), (usual, true));
    for theme in [Theme::Dark, Theme::Light, Theme::Mono] {
        assert_eq!(cells(theme, &[false]), cells(theme, &[]), "{theme:?}");
    }
}

#[test]
fn no_word_of_the_light_theme_is_dim_or_in_a_colour_of_dark_backgrounds() {
    use ratatui::style::{Color, Modifier};
    for rich_color in [true, false] {
        for keys in
            ["", "A x", "6 enter", "1 enter tab", "$", "/ \"state:faild\"", ": \"x\"", "a", "6 R", "e", "?", "o", "Y", "P"]
        {
            let options = AppOptions { theme: Theme::Light, rich_color, ..AppOptions::default() };
            let mut screen_harness = ScreenHarness::with(options, WIDE, jobs_in_every_state());
            screen_harness.keys(keys);
            for cell in screen_harness.cells().content() {
                let known = match cell.fg {
                    Color::Reset => true,
                    Color::Indexed(25 | 28 | 94 | 124 | 240) => rich_color,
                    // Bold blue is a bright one in many terminals, and dark enough.
                    Color::Blue => !rich_color,
                    Color::Red | Color::Magenta => !rich_color && !cell.modifier.contains(Modifier::BOLD),
                    _ => false,
                };
                assert!(known && !cell.modifier.contains(Modifier::DIM), "{keys}: {cell:?}");
            }
        }
    }
}

#[test]
fn backgrounds_are_never_painted_and_no_colour_means_none() {
    use ratatui::style::Color;
    for (theme, color) in
        [(Theme::Auto, true), (Theme::Dark, true), (Theme::Light, true), (Theme::Mono, true), (Theme::Auto, false)]
    {
        for keys in ["", "A x", "6 enter", "$", "/ \"state:faild\"", ": \"x\"", "a"] {
            let mut screen_harness =
                ScreenHarness::with(AppOptions { theme, color, ..AppOptions::default() }, WIDE, jobs_in_every_state());
            screen_harness.keys(keys);
            for cell in screen_harness.cells().content() {
                assert_eq!(cell.bg, Color::Reset, "{theme:?} {keys}");
                assert!(!matches!(cell.fg, Color::Rgb(..) | Color::Indexed(_)), "16 colours only");
                if !color || theme == Theme::Mono {
                    assert_eq!(cell.fg, Color::Reset, "{theme:?} {keys}");
                }
            }
        }
    }
}

#[test]
fn moving_the_selection_changes_few_cells() {
    let idle: Vec<_> = (0..60).map(|n| Arc::new(job_in(n, State::Saved))).collect();
    let mut screen_harness = ScreenHarness::new(WIDE, idle);
    screen_harness.keys("h j");
    let before = screen_harness.cells();
    screen_harness.keys("j");
    let after = screen_harness.cells();
    let changed = before.diff(&after).len();
    // Two rows from the left edge to the end of the tag change their style, and no text: some hundred bytes, since a run of one
    // style is written with one change of style.
    assert!(changed <= 90, "{changed} cells");
}

#[test]
fn the_ascii_face_is_ascii() {
    for keys in ["", "?", ":", "A x", "6 enter", "$", "5 o", "s", "a", "e"] {
        let mut screen_harness = ascii(WIDE);
        screen_harness.keys(keys);
        assert!(screen_harness.screen().is_ascii(), "{keys}: {}", screen_harness.screen());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_panics_at_any_size(width in 1_u16..200, height in 1_u16..60, which in 0_usize..24, resized in 1_u16..200) {
        let keys = ["", "enter", "A x", "A R", "? \"x\"", ": \"ma\"", "$", "$ c", "e", "a", "7 w", "5 Y", "5 o", "t", "/ \"state:x\"",
            "6 enter tab G", "s", "G pgup", "A D", "V j j", "3 j x", "2 G p", "a paste:x|y|task-unified-1-夏 tab \"tag\"", ": \"columns\" enter"];
        for scenario in [every_state, ascii, strange_names, trouble, nothing] {
            let mut screen_harness = scenario((width, height));
            screen_harness.keys(keys[which]);
            if screen_harness.app.jobs.selected().is_some() {
                screen_harness.details();
            }
            screen_harness.screen();
            // The frame may be of another size than the last event said.
            screen_harness.size = (resized, height);
            screen_harness.screen();
        }
    }
}
