//! The table of keys, row by row: each key, in each place it names, does what the row says.

use super::super::dialogs::Dialog;
use super::super::job_list::{Sort, View};
use super::super::keymap::{Action, Contexts, Keymap, TABLE};
use super::super::layout::Page;
use super::super::testing::{ScreenHarness, jobs_in_every_state, many_jobs};
use crate::tui::effect::{Effect, SessionEffect};

fn screen_harness(keys: &str) -> ScreenHarness {
    let mut screen_harness = ScreenHarness::new((80, 24), jobs_in_every_state());
    screen_harness.keys(keys);
    screen_harness
}

fn row_after(keys: &str) -> usize {
    let mut screen_harness = ScreenHarness::new((80, 24), many_jobs(100));
    screen_harness.keys(keys);
    screen_harness.app.jobs.cursor_row()
}

#[test]
fn moving() {
    assert_eq!(row_after("down j j up"), 2);
    assert_eq!(row_after("j k k"), 0);
    assert_eq!(row_after("G"), 99);
    assert_eq!(row_after("end g"), 0);
    assert_eq!(row_after("end home"), 0);
    assert!(row_after("pgdn") > row_after("ctrl+d") && row_after("ctrl+d") > 0);
    assert_eq!(row_after("pgdn pgup"), 0);
    assert_eq!(row_after("ctrl+d ctrl+u"), 0);
}

#[test]
fn details_open_and_close() {
    for keys in ["enter", "right", "l"] {
        assert!(screen_harness(keys).app.screens.details_open(), "{keys}");
        for back in ["left", "h", "esc", "q"] {
            let after = screen_harness(&format!("{keys} {back}"));
            assert!(!after.app.screens.details_open() && !after.app.is_finished(), "{keys} {back}");
        }
    }
    assert!(
        screen_harness("enter").effects.iter().any(|effect| matches!(effect, Effect::Session(SessionEffect::LoadDetails(_))))
    );
    assert!(screen_harness("enter tab").app.screens.in_details());
    assert!(!screen_harness("enter tab shift+tab").app.screens.in_details());
    assert!(screen_harness("6 enter tab j").app.screens.details_scroll() > 0);
}

#[test]
fn views() {
    for (key, view) in ('1'..='7').zip(View::ALL) {
        let screen_harness = screen_harness(&key.to_string());
        assert_eq!(screen_harness.app.jobs.view_filter().view, view);
        assert_eq!(screen_harness.app.jobs.order().len(), screen_harness.app.jobs.count_of(view));
    }
}

#[test]
fn filter_and_sort() {
    let found = screen_harness("/ \"state:failed\"");
    assert_eq!(found.app.jobs.order().len(), 1, "it filters as you type");
    assert_eq!(screen_harness("/ \"state:failed\" esc").app.jobs.order().len(), 11);
    assert_eq!(screen_harness("/ \"state:failed\" enter esc").app.jobs.order().len(), 11);
    assert_eq!(screen_harness("s t").app.jobs.view_filter().sort, Sort::Tag);
    assert!(screen_harness("S").app.jobs.view_filter().reverse);
}

#[test]
fn marking() {
    let marked = screen_harness("space");
    assert_eq!((marked.app.jobs.marks().len(), marked.app.jobs.cursor_row()), (1, 1), "marks and steps down");
    assert_eq!(screen_harness("V j j V").app.jobs.marks().len(), 3);
    assert_eq!(screen_harness("A").app.jobs.marks().len(), 11);
    assert_eq!(screen_harness("A A").app.jobs.marks().len(), 0);
    assert_eq!(screen_harness("space *").app.jobs.marks().len(), 10);
    assert_eq!(screen_harness(": \"mark_state:failed,saved\" enter").app.jobs.marks().len(), 2);
}

#[test]
fn pages_boxes_and_the_rest() {
    for place in ["", "enter tab ", "e ", "$ "] {
        assert!(matches!(screen_harness(&format!("{place}?")).app.dialogs.top(), Some(Dialog::Help(_))), "{place}");
        assert!(matches!(screen_harness(&format!("{place}f1")).app.dialogs.top(), Some(Dialog::Help(_))));
        assert!(matches!(screen_harness(&format!("{place}:")).app.dialogs.top(), Some(Dialog::Command(_))));
        assert!(screen_harness(&format!("{place}ctrl+l")).effects.contains(&Effect::Redraw));
        assert!(screen_harness(&format!("{place}ctrl+z")).effects.contains(&Effect::Suspend));
        assert!(screen_harness(&format!("{place}ctrl+c")).app.is_finished());
        assert!(screen_harness(&format!("{place}M")).effects.contains(&Effect::Mouse(true)));
        assert_eq!(screen_harness(&format!("{place}r")).commands().len(), 1);
        assert_eq!(screen_harness(&format!("{place}ctrl+r")).commands().len(), 1);
    }
    for place in ["", "enter tab "] {
        assert_eq!(screen_harness(&format!("{place}e")).app.screens.page(), Page::Events);
        assert_eq!(screen_harness(&format!("{place}$")).app.screens.page(), Page::Spending);
        assert!(matches!(screen_harness(&format!("5 {place}o")).app.dialogs.top(), Some(Dialog::Show(_))));
        assert!(!screen_harness(&format!("5 {place}o")).app.links().is_empty(), "the addresses in the box are links");
        assert!(matches!(screen_harness(&format!("5 {place}Y")).app.dialogs.top(), Some(Dialog::Menu(_))));
        let copied = screen_harness(&format!("5 {place}y"));
        assert!(copied.effects.iter().any(|effect| matches!(effect, Effect::Copy(text) if text.starts_with("task-unified-"))));
    }
    assert_eq!(screen_harness("e q").app.screens.page(), Page::Jobs);
    assert!(screen_harness("q").app.is_finished());
    let mut all = screen_harness("e enter esc esc esc esc esc");
    assert!(!all.app.is_finished(), "Esc never quits");
    all.keys("esc");
    assert!(!all.app.is_finished());
    let Some(Effect::Copy(line)) = screen_harness("5 Y s").effects.into_iter().find(|effect| matches!(effect, Effect::Copy(_)))
    else {
        panic!("the scp line is copied")
    };
    assert!(line.starts_with("scp ada@box:/data/results/"), "{line}");
    assert!(
        matches!(screen_harness("$ E j").effects.iter().find(|e| matches!(e, Effect::Session(SessionEffect::Export { .. }))), Some(Effect::Session(SessionEffect::Export { content, .. })) if content.lines().count() == 11)
    );
}

#[test]
fn text_fields_take_letters_as_they_are() {
    let mut screen_harness = screen_harness("/ \"сайт\"");
    assert_eq!(screen_harness.app.jobs.filter(), "сайт", "never by place in a field");
    screen_harness.keys("esc о");
    assert_eq!(screen_harness.app.jobs.cursor_row(), 1, "by place in command mode");
}

#[test]
fn footer_help_palette_and_dispatch_agree() {
    for keys in ["", "2", "3", "4", "5", "6", "7", "A", "enter tab", "e", "$", "2 G"] {
        let screen_harness = screen_harness(keys);
        for (_, key, _) in screen_harness.app.hints() {
            let pressed = match key.as_str() {
                "Space" | "Enter" | "Esc" => key.to_lowercase(),
                other => other.to_owned(),
            };
            let action = Keymap::default().action(pressed.parse().unwrap(), screen_harness.app.screens.context()).unwrap();
            assert!(screen_harness.app.allows(action).is_ok(), "{keys}: {key}");
        }
    }
}

#[test]
fn a_refused_key_says_why() {
    for (keys, part) in [
        ("5 p", "held or released"),
        ("5 x", "nothing to cancel; D removes"),
        ("2 d", "nothing to fetch"),
        ("3 R", "only finished jobs"),
        ("2 y", "not accepted"),
        ("u", "nothing to undo"),
    ] {
        let said = screen_harness(keys).screen();
        assert!(said.contains(part), "{keys}: {said}");
    }
}

#[test]
fn every_action_is_known_by_name_and_reached_by_the_command_line() {
    for row in TABLE {
        let mut screen_harness = screen_harness("5");
        assert!(screen_harness.app.dialogs.is_empty());
        screen_harness.keys(":");
        for c in row.name.chars() {
            screen_harness.key(super::super::keymap::Key::char(c));
        }
        let Some(Dialog::Command(line)) = screen_harness.app.dialogs.top() else { panic!("{}", row.name) };
        assert_eq!(line.fitting().first(), Some(&row.action), "{}", row.name);
    }
    assert!(TABLE.iter().any(|row| row.places == Contexts::ALL && row.action == Action::Help));
}
