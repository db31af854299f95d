//! Pictures of drafts: the strip below the list, the sheet, one in full, and one beside what was made of it.

use std::path::PathBuf;

use super::super::effect::SessionEffect;
use super::super::event::Event;
use super::super::layout::Page;
use super::super::options::AppOptions;
use super::super::pictures::Want;
use super::super::testing::ScreenHarness;
use super::super::view;
use super::drafts::{enhance, jobs, line, rows, session, task, with};
use super::pictures::{drawn, marks, options, rest};
use crate::engine::Command;
use crate::job::{ImageNumber, Job, JobKind, State, Verdict};
use crate::preview::Cells;

fn shown(size: (u16, u16), keys: &str) -> ScreenHarness {
    with(options("xterm-kitty"), size, jobs(), rows(), keys)
}

fn wants(harness: &ScreenHarness) -> Vec<Want> {
    view::picture_wants(&harness.app, harness.now)
}

/// The files of the draft under the cursor.
fn files(harness: &ScreenHarness) -> Vec<PathBuf> {
    harness.app.drafts.selected().unwrap().files.iter().map(|(_, path)| path.clone()).collect()
}

fn paths(harness: &ScreenHarness) -> Vec<PathBuf> {
    wants(harness).into_iter().map(|want| want.path).collect()
}

fn looks(harness: &ScreenHarness) -> usize {
    session(harness).into_iter().filter(|effect| matches!(effect, SessionEffect::LookAtDraft(_))).count()
}

#[test]
fn the_strip_names_the_four_pictures_of_the_draft_under_the_cursor_in_boxes_of_the_promised_size() {
    for (size, room) in [((80, 24), (18, 9)), ((120, 40), (28, 14))] {
        let mut harness = shown(size, "v g");
        assert!(wants(&harness).is_empty(), "off at start");
        harness.keys("i");
        let wants = wants(&harness);
        assert_eq!(paths(&harness), files(&harness), "{size:?}");
        assert!(wants.iter().all(|want| want.room == Cells::new(room.0, room.1) && want.share == 4), "{size:?}: {wants:?}");
        rest(&mut harness);
        let screen = harness.screen();
        assert!(line(&screen, "── r7u2k9aa ──").ends_with("4 pictures, 232 kB sent ──"), "{screen}");
        assert_eq!(marks(&harness).len(), usize::from(room.0 * room.1) * 4, "{screen}");
        assert!(screen.contains("z2p7f4rc"), "the list stays: {screen}");
        harness.keys("j");
        assert_eq!(paths(&harness), files(&harness), "the next draft");
        assert_eq!(paths(&harness).len(), 3);
        harness.keys("i");
        assert!(self::wants(&harness).is_empty() && marks(&harness).is_empty());
    }
}

#[test]
fn pictures_of_another_program_are_fetched_for_the_strip_when_the_cursor_rests_on_its_draft() {
    let mut harness = shown((80, 24), "v g i");
    harness.effects.clear();
    harness.keys("G k");
    assert_eq!(looks(&harness), 0, "walking by asks for nothing");
    assert!(harness.app.next_tick(harness.now).is_some());
    harness.wait(700);
    harness.event(Event::Tick);
    assert!(session(&harness).contains(&&SessionEffect::LookAtDraft(task("k3v9q2ad"))));
    line(&harness.screen(), "4 pictures, being fetched");
    harness.wait(700);
    harness.event(Event::Tick);
    assert_eq!(looks(&harness), 1);
    let mut without = shown((80, 24), "v G k");
    without.wait(5_000);
    without.event(Event::Tick);
    assert_eq!(looks(&without), 0, "nothing is fetched where no picture is shown");
}

#[test]
fn where_no_pictures_can_be_the_strip_says_why_and_what_is_known() {
    let harness = with(options("linux"), (80, 24), jobs(), rows(), "v g i");
    let screen = harness.screen();
    line(&screen, "no pictures here: TERM=linux shows no pictures");
    line(&screen, "on disk");
    assert!(wants(&harness).is_empty());
    let small = shown((60, 15), "v g i").screen();
    line(&small, "too small here for a strip of pictures; z shows one in full");
}

#[test]
fn the_sheet_names_its_four_pictures_and_a_box_over_it_withdraws_them_until_it_is_closed() {
    let mut harness = shown((80, 24), "v g enter");
    assert_eq!(paths(&harness), files(&harness));
    rest(&mut harness);
    let whole = marks(&harness);
    assert_eq!(whole.len(), 18 * 9 * 4, "{}", harness.screen());
    harness.keys("?");
    let covered = marks(&harness);
    assert!(covered.len() < whole.len(), "{}", harness.screen());
    harness.keys("esc");
    assert_eq!(marks(&harness), whole, "and they come back");
    harness.keys("i");
    assert!(marks(&harness).is_empty() && wants(&harness).is_empty(), "{}", harness.screen());
    line(&harness.screen(), "on disk");
    harness.keys("i");
    assert_eq!(marks(&harness), whole);
}

#[test]
fn full_shows_each_picture_of_the_draft_in_turn_and_its_digit_chooses_it() {
    for keys in ["v g z", "v g enter z"] {
        let mut harness = shown((80, 24), keys);
        let before = if keys.contains("enter") { Page::Sheet } else { Page::Drafts };
        for file in files(&harness) {
            assert_eq!(paths(&harness), [file], "{keys}");
            harness.keys("tab");
        }
        assert_eq!(paths(&harness), files(&harness)[..1], "round");
        line(&harness.screen(), "draft r7u2k9aa:0");
        line(&harness.screen(), "1 of 4");
        harness.keys("2");
        line(&harness.screen(), "draft r7u2k9aa:2 · ▸ chosen");
        assert_eq!(paths(&harness), files(&harness)[2..3]);
        harness.keys("j j");
        assert_eq!(paths(&harness), files(&harness)[..1], "on to the next draft");
        line(&harness.screen(), "draft p2m8w4xd:0");
        harness.keys("k");
        line(&harness.screen(), "draft r7u2k9aa:3");
        assert!(!session(&harness).contains(&&SessionEffect::ShowDrafts(false)), "the account is read on");
        harness.keys("esc");
        assert_eq!(harness.app.screens.page(), before);
    }
}

#[test]
fn compare_sets_the_picture_beside_the_result_of_its_enhance() {
    let mut jobs = jobs();
    let saved: Vec<Job> =
        jobs.iter().filter(|job| job.kind.source().is_some_and(|(of, _)| *of == task("r7u2k9aa"))).cloned().collect();
    let result = saved[0].files[0].path.clone();
    jobs.reverse();
    let mut harness = with(options("xterm-kitty"), (80, 24), jobs, rows(), "v g c");
    assert_eq!(paths(&harness), [files(&harness)[0].clone(), result.clone()], "{}", harness.screen());
    line(&harness.screen(), "draft r7u2k9aa:0");
    harness.keys("tab");
    assert_eq!(paths(&harness), [result]);
    harness.keys("tab j");
    assert_eq!(paths(&harness), files(&harness)[1..2]);
    line(&harness.screen(), "picture 1 was not enhanced yet");
    harness.keys("3");
    line(&harness.screen(), "there is no result to choose from");
    let jobs_changed = harness.commands().len();
    harness.keys("f b");
    assert_eq!(harness.commands().len(), jobs_changed, "the job list's selection is not touched");
    harness.keys("z");
    assert_eq!(harness.app.screens.draft_picture(), ImageNumber::ALL[1], "full from here");
    harness.keys("esc");
    assert_eq!(harness.app.screens.page(), Page::Drafts);
}

#[test]
fn compare_shows_the_picture_of_another_program_that_was_looked_at() {
    let path = PathBuf::from("/data/previews/k3v9q2ad-1.png");
    let mut rows = rows();
    rows[0].files = vec![(ImageNumber::ALL[1], path.clone())];
    let jobs = vec![enhance(9, "k3v9q2ad", 1, State::Saved), enhance(8, "k3v9q2ad", 2, State::Saved)];
    let result = jobs[0].files[0].path.clone();
    let mut harness = with(options("xterm-kitty"), (80, 24), jobs, rows, "5 g c");
    let other = usize::from(paths(&harness) != [path.clone(), result.clone()]);
    harness.keys(["", "j"][other]);
    assert_eq!(paths(&harness), [path, result]);
    harness.keys(["j", "k"][other]);
    line(&harness.screen(), "not made here");
}

#[test]
fn the_details_say_which_picture_they_show() {
    let mut jobs = jobs();
    jobs.push(enhance(9, "r7u2k9aa", 2, State::Running));
    let mut harness = with(options("xterm-kitty"), (120, 40), jobs, rows(), "1 G i");
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..harness.app.jobs.order().len() {
        rest(&mut harness);
        let job = harness.app.jobs.selected_job().unwrap().clone();
        let what = match &job.kind {
            JobKind::Draft { .. } => "draft 0 ·",
            JobKind::Enhance { .. } if job.files.is_empty() => "draft 2 ·",
            JobKind::Enhance { .. } => "result 0 ·",
        };
        if !wants(&harness).is_empty() && !marks(&harness).is_empty() {
            line(&harness.screen(), what);
            seen.insert(what);
        }
        harness.keys("k");
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn a_result_beside_its_draft_is_kept_or_rejected_and_no_other() {
    let mut harness = with(options("xterm-kitty"), (80, 24), jobs(), rows(), "v g c");
    let shown = jobs().into_iter().find(|job| job.kind.source().is_some_and(|(of, _)| *of == task("r7u2k9aa"))).unwrap().id;
    line(&harness.screen(), "f keep");
    harness.keys("f");
    assert!(
        matches!(harness.commands().last(), Some(Command::Judge { jobs, verdict: Some(Verdict::Kept) }) if *jobs == [shown]),
        "{:?}",
        harness.commands()
    );
    let before = harness.commands().len();
    harness.keys("esc : \"keep\" enter");
    line(&harness.screen(), "c shows results beside their drafts");
    harness.keys("z : \"reject\" enter");
    line(&harness.screen(), "a picture of a draft is chosen; c shows its result");
    assert_eq!(harness.commands().len(), before);
}

#[test]
fn the_footer_of_pictures_names_the_digits_where_they_do_something() {
    let mut harness = with(options("xterm-kitty"), (80, 24), jobs(), rows(), "v g z");
    line(&harness.screen(), "0-3 choose");
    harness.keys("c");
    assert!(!harness.screen().contains("0-3"), "one result: {}", harness.screen());
    harness.keys("esc v 5 G z");
    let files = harness.app.jobs.selected_job().unwrap().files.len();
    assert_eq!(harness.screen().contains("0-3 which result"), files > 1, "{files} {}", harness.screen());
}

#[test]
fn acts_on_a_picture_of_a_draft_are_for_the_draft() {
    let mut harness = shown((80, 24), "v G k z");
    assert!(session(&harness).contains(&&SessionEffect::LookAtDraft(task("k3v9q2ad"))), "it is looked at");
    harness.keys("y");
    let copied = harness
        .effects
        .iter()
        .any(|effect| matches!(effect, super::super::effect::Effect::Copy(text) if text.ends_with("k3v9q2ad")));
    assert!(copied, "{:?}", harness.effects);
    assert!(harness.screen().contains("k3v9q2ad"), "{}", harness.screen());
}

#[test]
fn pictures_of_drafts_stand_at_every_size() {
    for size in [(1, 1), (9, 2), (30, 6), (59, 14), (60, 15), (76, 20), (80, 24), (99, 20), (100, 24), (250, 80)] {
        for keys in ["v i G", "v i z", "v enter c", "v enter i z tab"] {
            for options in [options("xterm-kitty"), options("xterm-256color"), options("linux"), AppOptions::default()] {
                let mut harness = with(options, size, jobs(), rows(), keys);
                rest(&mut harness);
                let boxes = wants(&harness).into_iter().map(|want| want.room).collect::<Vec<_>>();
                assert!(boxes.iter().all(|room| room.columns <= size.0 && room.rows <= size.1), "{size:?} {boxes:?}");
                harness.screen();
            }
        }
    }
}

#[test]
fn whatever_lies_over_a_picture_takes_its_cells_on_every_page() {
    let pages = ["5 i enter", "5 z", "5 c", "v g i", "v g enter", "v g z", "v g c", "v g enter 1 2 i i"];
    for size in [(80, 24), (120, 40)] {
        for page in pages {
            let mut covered = 0;
            for over in ["?", ":", "n", "o", "Y", "R", "a", "t", ": \"new\" enter"] {
                let mut harness = shown(size, page);
                rest(&mut harness);
                let (before, marked) = (drawn(&harness), marks(&harness));
                assert!(!marked.is_empty(), "{size:?} {page}: {}", harness.screen());
                harness.keys(over);
                if harness.app.dialogs.is_empty() {
                    continue;
                }
                let (after, still) = (drawn(&harness), marks(&harness));
                assert!(
                    still.iter().all(|at| marked.contains(at) && after[*at].symbol() == before[*at].symbol()),
                    "{page} {over}"
                );
                covered += usize::from(still.len() < marked.len());
                harness.keys("esc");
                assert!(!harness.app.dialogs.is_empty() || marks(&harness) == marked, "{size:?} {page} {over}: it comes back");
            }
            assert!(covered > 2, "{size:?} {page}: {covered} boxes lie over it");
        }
    }
}
