//! Pictures: which are shown where, what stands in their place, and what is kept or rejected.

use std::sync::Arc;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, CellDiffOption};

use super::super::effect::{Effect, SessionEffect};
use super::super::event::{Event, News};
use super::super::options::AppOptions;
use super::super::pictures::PictureOptions;
use super::super::testing::{ScreenHarness, job_in};
use super::super::view;
use crate::engine::{Act, Command, CommandOutcome};
use crate::job::{Job, State, Verdict};
use crate::preview::detect::{Answers, Environment, Setting};
use crate::preview::{Body, Encoded, Finished, Grid, Pixels, Request, Way};

pub(super) fn options(term: &str) -> AppOptions {
    let environment = Environment { term: term.to_owned(), many_colours: true, ..Environment::default() };
    AppOptions { pictures: PictureOptions { environment, ..PictureOptions::default() }, ..AppOptions::default() }
}

fn saved(n: u64) -> Arc<Job> {
    Arc::new(job_in(n, State::Saved))
}

fn harness(term: &str, size: (u16, u16)) -> ScreenHarness {
    ScreenHarness::with(options(term), size, (0..3).map(saved).collect())
}

/// What is asked of the thread, the last time.
pub(super) fn asked(harness: &ScreenHarness) -> Vec<Request> {
    let mut all = harness.effects.iter().filter_map(|effect| match effect {
        Effect::Session(SessionEffect::Pictures(requests)) => Some(requests.clone()),
        _ => None,
    });
    all.next_back().unwrap_or_default()
}

/// The cursor rests, and the thread makes what was asked for: square pictures.
pub(super) fn rest(harness: &mut ScreenHarness) {
    harness.wait(700);
    harness.event(Event::Tick);
    for request in asked(harness) {
        let cells = crate::preview::fit(request.room, Pixels::USUAL_CELL, Pixels::new(1, 1)).cells;
        let body = match request.way {
            Way::Blocks => {
                let cell = crate::preview::Cell {
                    symbol: '▀',
                    fg: crate::preview::Colour::Indexed(20),
                    bg: crate::preview::Colour::Rgb([1, 2, 3]),
                };
                Body::Grid(Grid { cells, content: vec![cell; cells.count()] })
            }
            _ => Body::Png(vec![0; 100]),
        };
        let encoded = Encoded {
            way: request.way,
            cells,
            source: Pixels::new(1024, 1024),
            sent: Pixels::new(400, 400),
            bytes: 58_000,
            body,
            notes: Vec::new(),
        };
        harness.event(Event::News(News::Picture(Finished { request, result: Ok(encoded) })));
    }
}

/// What the screen draws, with what is left to pictures.
pub(super) fn drawn(harness: &ScreenHarness) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(harness.size.0, harness.size.1)).unwrap();
    let mut drawn = Buffer::default();
    let draw = |frame: &mut ratatui::Frame<'_>| {
        drop(view::screen(&harness.app, frame, harness.now));
        drawn = frame.buffer_mut().clone();
    };
    terminal.draw(draw).unwrap();
    drawn
}

/// The cells that are left to pictures.
pub(super) fn marks(harness: &ScreenHarness) -> Vec<(u16, u16)> {
    let cells = drawn(harness);
    let all = (0..harness.size.1).flat_map(|y| (0..harness.size.0).map(move |x| (x, y)));
    all.filter(|at| cells[*at].diff_option == CellDiffOption::Skip).collect()
}

/// The box of these cells: left, top, width, height.
fn marked(harness: &ScreenHarness) -> Option<(u16, u16, u16, u16)> {
    let at = marks(harness);
    let (first, last) = (at.first()?, at.last()?);
    Some((first.0, first.1, last.0 - first.0 + 1, last.1 - first.1 + 1))
}

#[test]
fn nothing_is_asked_before_a_picture_is_wanted() {
    let mut harness = harness("xterm-256color", (120, 40));
    harness.keys("j k tab tab");
    harness.wait(5_000);
    harness.event(Event::Tick);
    let about_pictures = |effect: &Effect| {
        matches!(effect, Effect::AskAboutPictures | Effect::Session(SessionEffect::Pictures(_) | SessionEffect::InspectTmux))
    };
    assert!(!harness.effects.iter().any(about_pictures), "{:?}", harness.effects);
    harness.keys("i");
    assert_eq!(harness.effects.iter().filter(|effect| about_pictures(effect)).count(), 1);
    assert!(harness.screen().contains("asking the terminal"), "{}", harness.screen());
    let answers = Answers { name: Some("kitty(0.41)".to_owned()), attributes: Some(vec![62]), kitty: None };
    harness.event(Event::PictureAnswers(answers));
    rest(&mut harness);
    assert!(marked(&harness).is_some(), "{}", harness.screen());
}

#[test]
fn the_details_show_a_picture_of_34_by_17_beside_the_list_and_16_by_8_below() {
    for (size, width, height) in [((120, 40), 34, 17), ((80, 24), 16, 8)] {
        let mut harness = ScreenHarness::with(options("xterm-kitty"), size, (0..30).map(saved).collect());
        harness.keys("i");
        if !harness.app.screens.details_open() {
            harness.keys("enter");
        }
        rest(&mut harness);
        let (_, _, w, h) = marked(&harness).unwrap();
        assert_eq!((w, h), (width, height), "{size:?}\n{}", harness.screen());
        let screen = harness.screen();
        assert!(screen.contains("1024×1024 · kitty, 58 kB"), "{screen}");
        assert!(screen.contains("saved"), "the words stay: {screen}");
        harness.keys("i");
        assert_eq!(marked(&harness), None);
    }
}

#[test]
fn a_picture_yields_where_six_lines_of_text_would_not_be_left() {
    let mut harness = harness("xterm-kitty", (100, 16));
    harness.keys("i enter");
    rest(&mut harness);
    assert_eq!(marked(&harness), None, "{}", harness.screen());
}

#[test]
fn a_picture_in_full_takes_44_by_22_cells_of_the_usual_screen_and_a_box_lies_over_it() {
    let mut harness = harness("xterm-kitty", (80, 24));
    harness.keys("z");
    rest(&mut harness);
    let (_, top, width, height) = marked(&harness).unwrap();
    assert_eq!((top, width, height), (1, 44, 22), "{}", harness.screen());
    let whole = marks(&harness).len();
    harness.keys("?");
    assert!(marks(&harness).len() < whole, "the box unmarks what it covers");
    harness.keys("esc tab");
    assert!(asked(&harness).is_empty() || harness.screen().contains("2 of 3"), "{}", harness.screen());
    harness.keys("esc");
    assert!(harness.screen().contains("1 all"), "back in the list");
}

#[test]
fn compare_lays_one_in_the_place_of_the_other_and_says_why_a_side_is_missing() {
    let mut harness = harness("xterm-kitty", (80, 24));
    harness.keys("c");
    rest(&mut harness);
    let screen = harness.screen();
    assert!(screen.contains("not made here"), "{screen}");
    let (left, _, width, height) = marked(&harness).unwrap();
    assert_eq!((left >= 40, width, height), (true, 38, 19), "{screen}");
    harness.keys("tab");
    rest(&mut harness);
    assert!(marked(&harness).unwrap().0 < 2, "in the place of the draft: {}", harness.screen());
    harness.keys("tab z");
    assert!(harness.screen().contains("of 3"), "full from here");
    harness.keys("3");
    assert!(harness.screen().contains("there is one result: 0"), "{}", harness.screen());
}

#[test]
fn a_result_that_was_made_here_stands_at_the_left_of_what_was_made_from_it() {
    let first = saved(1);
    let mut second = job_in(2, State::Saved);
    let source = first.task.clone().unwrap();
    second.kind = crate::job::JobKind::Enhance { source, image: 0.try_into().unwrap() };
    let mut harness = ScreenHarness::with(options("xterm-kitty"), (80, 24), vec![Arc::new(second)]);
    harness.event(Event::News(News::Engine(crate::engine::EngineEvent::Jobs(vec![first.clone()]))));
    harness.keys("c");
    harness.wait(700);
    harness.event(Event::Tick);
    let paths: Vec<_> = asked(&harness).into_iter().map(|request| request.path).collect();
    assert!(paths.contains(&first.files[0].path), "{paths:?}");
}

#[test]
fn blocks_are_cells_and_where_no_picture_can_be_words_say_why() {
    let mut blocks = harness("xterm-256color", (80, 24));
    blocks.keys(":");
    blocks.keys("\"pictures_blocks\" enter z");
    rest(&mut blocks);
    assert!(blocks.screen().contains('▀') && marked(&blocks).is_none(), "{}", blocks.screen());

    let mut console = harness("linux", (80, 24));
    console.keys("z");
    assert!(console.screen().contains("TERM=linux shows no pictures"), "{}", console.screen());
    assert!(asked(&console).is_empty());
    let mut small = harness("xterm-kitty", (59, 24));
    small.keys("z");
    assert!(small.screen().contains("60 columns and 15 rows"), "{}", small.screen());
}

#[test]
fn another_way_counts_at_once_and_a_wrong_one_is_named() {
    let mut harness = harness("xterm-kitty", (80, 24));
    harness.keys("z");
    rest(&mut harness);
    harness.keys(":");
    harness.keys("\"pictures_sexel\" enter");
    assert!(harness.screen().contains("auto, off, kitty, iterm2, sixel, blocks"), "{}", harness.screen());
    harness.keys(":");
    harness.keys("\"pictures_iterm2\" enter");
    harness.wait(700);
    harness.event(Event::Tick);
    assert_eq!(asked(&harness)[0].way, Way::Iterm2);
    assert_eq!(harness.app.pictures.options().setting, Setting::Iterm2);
}

#[test]
fn a_terminal_that_refuses_twice_gets_blocks_and_the_events_say_so() {
    let mut harness = harness("xterm-kitty", (120, 40));
    harness.keys("z");
    rest(&mut harness);
    harness.event(Event::PictureRefused { why: "ENOSPC".to_owned(), last: false });
    assert!(marked(&harness).is_some());
    harness.event(Event::PictureRefused { why: "ENOSPC".to_owned(), last: true });
    rest(&mut harness);
    assert!(harness.screen().contains('▀'), "{}", harness.screen());
    harness.keys("esc e");
    assert!(harness.screen().contains("the terminal refused a picture: ENOSPC"), "{}", harness.screen());
}

#[test]
fn the_first_picture_over_ssh_says_what_one_takes() {
    let mut options = options("xterm-kitty");
    (options.pictures.over_ssh, options.pictures.budget) = (true, 64_000);
    let mut harness = ScreenHarness::with(options, (120, 40), vec![saved(0)]);
    harness.keys("i");
    let screen = harness.screen();
    assert!(screen.contains("a picture takes up to 64 kB over this line") && screen.contains("picture_bytes"), "{screen}");
    harness.keys("i i");
    assert!(!harness.screen().contains("64 kB over this line"), "once");
}

#[test]
fn a_result_is_kept_or_rejected_by_one_key_and_neither_by_the_same() {
    let mut harness = harness("xterm-kitty", (80, 24));
    harness.keys("z f");
    let judged = |harness: &ScreenHarness| match harness.commands().last() {
        Some(Command::Judge { verdict, .. }) => *verdict,
        other => panic!("{other:?}"),
    };
    assert_eq!(judged(&harness), Some(Verdict::Kept));
    let mut job = Job::clone(&saved(0));
    (job.verdict, job.revision) = (Some(Verdict::Kept), 99);
    let id = job.id;
    let done = CommandOutcome { act: Some(Act::Judged(Some(Verdict::Kept))), jobs: vec![id], left_out: vec![], approval: None };
    harness.answer(done);
    harness.event(Event::News(News::Engine(crate::engine::EngineEvent::Jobs(vec![Arc::new(job)]))));
    assert!(harness.screen().contains("1 job kept"), "{}", harness.screen());
    harness.keys("f");
    assert_eq!(judged(&harness), None, "not any more");
    harness.keys("b");
    assert_eq!(judged(&harness), Some(Verdict::Rejected));
    harness.keys("esc u");
    assert!(matches!(harness.commands().last(), Some(Command::Judge { .. })));
    let before = harness.commands().len();
    harness.keys("f b");
    assert_eq!(harness.commands().len(), before, "no keys of the list");
}

#[test]
fn a_picture_that_is_shown_makes_no_clock_tick_and_a_tick_changes_nothing() {
    for term in ["xterm-kitty", "xterm-256color"] {
        for keys in ["5 i", "5 i enter", "5 z", "5 c", "5 c tab"] {
            let mut harness = harness(term, (80, 24));
            harness.keys(keys);
            if term != "xterm-kitty" {
                harness.event(Event::PictureAnswers(Answers { attributes: Some(vec![62]), ..Answers::default() }));
            }
            rest(&mut harness);
            let before = drawn(&harness);
            assert!(!marks(&harness).is_empty() || before.content.iter().any(|cell| cell.symbol() == "▀"), "{term} {keys}");
            // The age of the balance is said in steps of minutes; nothing else counts.
            let next = harness.app.next_tick(harness.now);
            assert!(next.is_none_or(|at| at.duration_since(harness.now).as_secs() > 30), "{term} {keys}: {next:?}");
            let asked = harness.effects.len();
            harness.wait(29_000);
            harness.event(Event::Tick);
            assert_eq!(drawn(&harness), before, "{term} {keys}");
            assert_eq!(harness.effects.len(), asked, "{term} {keys}: {:?}", harness.effects.last());
        }
    }
}

/// A job that comes to the top of the list: the newest.
fn newest(harness: &mut ScreenHarness) {
    let job = Job { saved_at: Some(super::super::testing::at(500)), ..Job::clone(&saved(50)) };
    harness.event(Event::News(News::Engine(crate::engine::EngineEvent::Jobs(vec![Arc::new(job)]))));
}

#[test]
fn a_picture_that_is_looked_at_stays_when_another_is_saved() {
    for keys in ["5 g z", "5 g c", "5 g enter enter", "5 j j z k k"] {
        let mut harness = harness("xterm-kitty", (80, 24));
        harness.keys(keys);
        let (before, row) = (harness.app.jobs.selected(), harness.app.jobs.cursor_row());
        assert_eq!(row, 0, "{keys}");
        newest(&mut harness);
        assert_eq!(harness.app.jobs.selected(), before, "{keys}");
        assert_eq!(harness.app.jobs.cursor_row(), 1, "{keys}: the other is at the top");
        harness.keys("esc");
        newest(&mut harness);
        assert_eq!(harness.app.jobs.selected(), before, "{keys}: nor when one is back on the list");
    }
    // On the list the top stays the top.
    let mut harness = harness("xterm-kitty", (80, 24));
    harness.keys("5 g z z");
    newest(&mut harness);
    assert_eq!(harness.app.jobs.cursor_row(), 0);
}

#[test]
fn the_picture_shown_is_kept_whatever_is_marked_behind_it() {
    let mut harness = harness("xterm-kitty", (80, 24));
    harness.keys("5 g space space z");
    let shown = harness.app.jobs.selected().unwrap();
    assert_eq!(harness.app.jobs.marks().len(), 2);
    harness.keys("f");
    assert!(
        matches!(harness.commands().last(), Some(Command::Judge { jobs, .. }) if *jobs == [shown]),
        "{:?}",
        harness.commands()
    );
    harness.keys("esc : \"reject\" enter");
    assert!(
        matches!(harness.commands().last(), Some(Command::Judge { jobs, .. }) if jobs.len() == 2),
        "{:?}",
        harness.commands()
    );
}

#[test]
fn a_resize_hides_the_picture_until_it_is_over() {
    let mut harness = harness("xterm-kitty", (80, 24));
    harness.keys("z");
    rest(&mut harness);
    harness.size = (80, 30);
    harness.event(Event::Resize(80, 30));
    assert_eq!(marked(&harness), None);
    rest(&mut harness);
    assert!(marked(&harness).is_some());
}
