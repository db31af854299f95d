//! The box for new drafts: typed, checked, priced, confirmed.

use std::sync::Arc;

use super::super::dialogs::Dialog;
use super::super::options::AppOptions;
use super::super::testing::{ScreenHarness, at, draft_job_in, job_in};
use crate::engine::{Command, CommandOutcome};
use crate::job::{Credits, Job, Model, Prompt, State, Tag};

const SMALL: (u16, u16) = (80, 24);

fn screen(jobs: Vec<Job>, keys: &str) -> ScreenHarness {
    let mut screen = ScreenHarness::new(SMALL, jobs.into_iter().map(Arc::new).collect());
    screen.keys(keys);
    screen
}

fn line<'a>(screen: &'a str, part: &str) -> &'a str {
    screen.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part:?} is not in\n{screen}"))
}

#[test]
fn each_line_says_what_is_right_or_wrong_with_it_at_the_right_edge() {
    let shown = screen(vec![], "n paste:oil_lamp|{red,_blue}_boat|pier_--q_4|pier_—ar_3:2|pier_--tile").screen();
    for (part, said) in [
        ("oil lamp", "ok"),
        ("{red, blue} boat", "ok, 2"),
        ("pier --q 4", "--q changes the price: not in a draft"),
        ("pier —ar 3:2", "long dash: Ctrl+f makes it --ar 3:2"),
        ("pier --tile", "--tile does not go with a draft"),
    ] {
        let line = line(&shown, part);
        assert!(line.trim_end_matches(['│', ' ']).ends_with(said), "{line}");
    }
    line(&shown, "3 ok · 3 lines wrong · 3 × 2.7 = 8.1 credits");
}

#[test]
fn ctrl_f_repairs_the_line_under_the_cursor() {
    let mut screen = screen(vec![], "n paste:old_pier_—ar_3:2");
    screen.keys("ctrl+f");
    assert!(line(&screen.screen(), "old pier --ar 3:2").contains("ok"));
    screen.keys("ctrl+f");
    assert!(screen.screen().contains("nothing to repair in this line"), "{}", screen.screen());
}

#[test]
fn earlier_prompts_come_back_the_newest_first_and_give_the_typed_line_back() {
    let mut older = draft_job_in(1, State::Saved, "older boat");
    older.created_at = at(-900);
    let mut screen = screen(vec![older, draft_job_in(2, State::Saved, "newer boat"), job_in(3, State::Saved)], "n \"mine\"");
    for (key, shown) in [("ctrl+p", "newer boat"), ("ctrl+p", "older boat"), ("ctrl+p", "older boat"), ("ctrl+n", "newer boat")] {
        screen.keys(key);
        line(&screen.screen(), shown);
    }
    screen.keys("ctrl+n");
    line(&screen.screen(), "1 mine");
}

#[test]
fn a_saved_prompt_is_said_and_one_on_its_way_is_twice() {
    let made = [draft_job_in(1, State::Saved, "boat"), draft_job_in(2, State::Saved, "boat")];
    let shown = screen(made.to_vec(), "n \"boat\"").screen();
    assert!(line(&shown, "1 boat").contains("ok · made 2 times, last 13:59:40"), "{shown}");
    let shown = screen(vec![draft_job_in(1, State::Running, "boat")], "n \"boat\" ctrl+d").screen();
    line(&shown, "twice: a draft of this prompt is on its way already");
}

#[test]
fn wrong_lines_hold_the_price_box_back_and_are_left_out_when_asked_again() {
    let mut screen = screen(vec![], "n paste:boat|pier_--q_4 ctrl+d");
    line(&screen.screen(), "fix line 2 first; nothing is queued yet · Ctrl+d again");
    screen.keys("ctrl+d");
    line(&screen.screen(), "make 1 draft?");
    screen.keys("y");
    match screen.commands().as_slice() {
        [Command::Draft { prompts, consent: Some(yes), again: false, .. }] => {
            assert_eq!(prompts, &[(Prompt::new("boat").unwrap(), None)]);
            assert_eq!((yes.lines.count(), yes.lines.total()), (1, Credits::PUBLISHED_DRAFT_PRICE));
        }
        other => panic!("{other:?}"),
    }
    let mut screen = self::screen(vec![], "n \"pier_--q_4\" ctrl+d ctrl+d ctrl+d");
    line(&screen.screen(), "fix line 1 first");
    screen.keys("y");
    assert!(screen.commands().is_empty());
}

#[test]
fn choices_times_and_tag_reach_the_command() {
    let mut screen = screen(vec![], "n \"{red,_blue}_boat\" tab backspace \"3\" tab \"harbour\"");
    line(&screen.screen(), "6 × 2.7 = 16.2 credits");
    screen.keys("enter");
    line(&screen.screen(), "make 6 drafts?");
    line(&screen.screen(), "2 prompts × 3 times each");
    screen.keys("y");
    match screen.commands().as_slice() {
        [Command::Draft { prompts, tag, again: true, consent: Some(yes), .. }] => {
            let count = |prompt| prompts.iter().filter(|(known, _)| known.as_str() == prompt).count();
            assert_eq!((count("red boat"), count("blue boat"), prompts.len()), (3, 3, 6));
            assert!(prompts.iter().all(|(_, template)| template.as_deref() == Some("{red, blue} boat")));
            assert_eq!(*tag, Tag::new("harbour").ok());
            assert_eq!(yes.lines.iter().map(|line| (line.model, line.count)).collect::<Vec<_>>(), [(Model::Draft, 6)]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn times_is_a_number_that_steps() {
    let mut screen = screen(vec![], "n \"boat\" tab up up down");
    line(&screen.screen(), "2 × 2.7 = 5.4 credits");
    screen.keys("backspace \"900\" enter");
    line(&screen.screen(), "times: \"900\" is not a number from 1 to 40");
}

#[test]
fn back_from_the_price_leads_to_the_prompts_and_esc_sends_nothing() {
    let mut screen = screen(vec![], "n \"boat\" ctrl+d n");
    line(&screen.screen(), "1 boat");
    screen.keys("esc");
    assert!(screen.commands().is_empty());
    screen.keys("n ctrl+d h");
    assert!(matches!(screen.commands().as_slice(), [Command::Draft { consent: None, .. }]), "held, without a yes");
}

#[test]
fn a_stopped_send_brings_its_prompts_back() {
    let mut screen = screen(vec![], "n \"boat\" ctrl+d y");
    let made = vec![draft_job_in(1, State::Waiting, "boat").id];
    screen.answer(CommandOutcome {
        act: Some(crate::engine::Act::Added { approved: true }),
        jobs: made.clone(),
        left_out: vec![],
        approval: Some((9, at(5))),
    });
    screen.keys("u");
    screen.answer(CommandOutcome { act: Some(crate::engine::Act::Withdrawn), jobs: made, ..CommandOutcome::default() });
    screen.keys("n");
    line(&screen.screen(), "1 boat");
}

#[test]
fn a_new_draft_begins_with_the_line_of_the_one_under_the_cursor() {
    let mut job = draft_job_in(1, State::Saved, "red boat");
    job.kind =
        crate::job::JobKind::Draft { prompt: Prompt::new("red boat").unwrap(), template: Some("{red, blue} boat".to_owned()) };
    let mut screen = screen(vec![job], "N");
    line(&screen.screen(), "1 {red, blue} boat");
    screen.keys("\"_at_dawn\"");
    line(&screen.screen(), "1 {red, blue} boat at dawn");
    let refused = self::screen(vec![job_in(3, State::Saved)], "N").screen();
    line(&refused, "only a draft made here has a prompt to begin with");
}

#[test]
fn a_long_prompt_is_seen_in_full_with_the_cursor_in_it() {
    let long = "lighthouse_in_fog,_oil_on_canvas,_thick_paint,_".repeat(4);
    let mut screen = screen(vec![], &format!("n \"{long}end\""));
    let shown = screen.screen();
    assert!(shown.contains("1 lighthouse in fog") && shown.contains("thick paint, end"), "{shown}");
    screen.keys("enter \"boat\"");
    assert!(line(&screen.screen(), "1 lighthouse in fog").trim_end_matches(['│', ' ']).ends_with("ok"), "{}", screen.screen());
}

#[test]
fn a_dashboard_that_only_looks_makes_no_drafts() {
    let options = AppOptions { read_only: true, ..AppOptions::default() };
    let mut screen = ScreenHarness::with(options, SMALL, vec![]);
    screen.keys("n");
    assert!(screen.app.dialogs.is_empty() && screen.screen().contains("read-only"));
}

#[test]
fn the_box_stands_at_every_size() {
    for size in [(1, 1), (12, 4), (29, 5), (30, 6), (40, 10), (60, 15), (80, 24), (120, 40), (200, 60)] {
        let mut screen = ScreenHarness::new(size, vec![]);
        screen.keys("n paste:{red,_blue}_boat|夏の舟_--ar_3:2|pier_--q_4");
        screen.screen();
        screen.keys("tab tab \"夏\" ctrl+d ctrl+d");
        screen.screen();
        assert!(size.0 < 30 || !matches!(screen.app.dialogs.top(), None | Some(Dialog::Prompts(_))), "{size:?}");
    }
}
