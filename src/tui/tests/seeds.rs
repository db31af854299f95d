//! Long runs of random keys: nothing is ever paid for without a box and a yes.

use super::super::dialogs::Dialog;
use super::super::keymap::{Key, TABLE};
use super::super::options::AppOptions;
use super::super::testing::{ScreenHarness, many_jobs};
use crate::engine::{Command, CommandOutcome};
use crate::tui::effect::{Effect, SessionEffect};

fn consent(command: &Command) -> bool {
    match command {
        Command::Add { consent, .. } | Command::Draft { consent, .. } | Command::Resume { consent, .. } => consent.is_some(),
        Command::Approve { .. } | Command::RunAgain { .. } => true,
        _ => false,
    }
}

fn all_keys() -> Vec<Key> {
    let mut keys: Vec<Key> = (' '..='~').map(Key::char).chain("éйцяφש夏".chars().map(Key::char)).collect();
    for row in TABLE {
        keys.extend(row.default_keys());
    }
    for more in ["enter", "esc", "tab", "shift+tab", "backspace", "delete", "left", "right", "ctrl+d", "ctrl+w"] {
        // What brings on boxes and leaves them is pressed more often.
        keys.extend(std::iter::repeat_n(more.parse::<Key>().unwrap(), 4));
    }
    for more in ["a", "R", "p", "P", "x", "D", "A", "space", "u"] {
        keys.extend(std::iter::repeat_n(more.parse::<Key>().unwrap(), 6));
    }
    keys.retain(|key| !matches!((key.code, key.ctrl), (crossterm::event::KeyCode::Char('c'), true)));
    keys
}

fn screen_harness() -> ScreenHarness {
    let mut screen_harness = ScreenHarness::with(AppOptions::default(), (80, 24), many_jobs(60));
    screen_harness.status(|status| status.waiting_for_go = vec![many_jobs(2)[1].id]);
    screen_harness
}

/// Plays so many random keys; `check` sees the overlay before each key and the effects of it.
fn play(seed: u64, count: usize, keys: &[Key], mut check: impl FnMut(Option<&Dialog>, Key, &[Effect])) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut screen_harness = screen_harness();
    for turn in 0..count {
        let key = keys[rng.usize(..keys.len())];
        let before = screen_harness.app.dialogs.top().cloned();
        screen_harness.effects.clear();
        screen_harness.key(key);
        let effects = std::mem::take(&mut screen_harness.effects);
        check(before.as_ref(), key, &effects);
        for effect in &effects {
            if let Effect::Session(SessionEffect::Command { ticket, .. }) = effect
                && rng.bool()
            {
                let done = CommandOutcome { jobs: many_jobs(2).iter().map(|job| job.id).collect(), ..CommandOutcome::default() };
                screen_harness.event(crate::tui::event::Event::News(crate::tui::event::News::Engine(
                    crate::engine::EngineEvent::CommandDone { ticket: *ticket, outcome: Ok(done) },
                )));
            }
        }
        if turn % 500 == 0 && rng.bool() {
            screen_harness
                .event(crate::tui::event::Event::Paste("task-unified-1790000100-aaaa0001 all\nyyy\n".to_owned().into()));
        }
        if turn % 2_000 == 0 {
            screen_harness.app.exit = None;
            screen_harness.screen();
        }
    }
}

#[test]
fn a_hundred_thousand_keys_without_y_pay_nothing_and_change_only_what_they_may() {
    let mut keys = all_keys();
    keys.retain(|key| !matches!(key.code, crossterm::event::KeyCode::Char('y')));
    let (mut commands, mut boxes) = (0, 0);
    play(1, 100_000, &keys, |overlay, key, effects| {
        boxes += usize::from(matches!(overlay, Some(Dialog::Price(_))));
        for effect in effects {
            let Effect::Session(SessionEffect::Command { command, .. }) = effect else { continue };
            commands += 1;
            assert!(!consent(command), "{key} made {command:?}");
            let weighty =
                matches!(command, Command::Unwatch { .. } | Command::GiveUp { .. } | Command::Remove { removed: true, .. });
            let single_removal = matches!(command, Command::Remove { jobs, .. } if jobs.len() == 1);
            let by_name = matches!(overlay, Some(Dialog::Command(_)));
            if weighty {
                assert!(single_removal && (key == Key::char('D') || by_name), "{key} made {command:?}");
            }
        }
    });
    assert!(commands > 500 && boxes > 500, "{commands} commands and {boxes} keys in price boxes: the keys reach too little");
}

#[test]
fn a_hundred_thousand_pairs_with_y_pay_only_from_a_price_box() {
    let keys = all_keys();
    let y = Key::char('y');
    let mut pairs = Vec::new();
    let mut rng = fastrand::Rng::with_seed(7);
    for _ in 0..100_000 {
        pairs.push(keys[rng.usize(..keys.len())]);
        pairs.push(y);
    }
    let mut screen_harness = screen_harness();
    let mut paid = 0;
    for (turn, key) in pairs.into_iter().enumerate() {
        let before = screen_harness.app.dialogs.top().cloned();
        screen_harness.effects.clear();
        screen_harness.key(key);
        for command in screen_harness.commands() {
            if consent(command) {
                paid += 1;
                let Some(Dialog::Price(price)) = &before else { panic!("{key} paid without a box: {command:?}") };
                let named = match command {
                    Command::Add { specs, consent: Some(yes), .. } => (specs.len(), yes.lines.count()),
                    Command::Draft { prompts, consent: Some(yes), .. } => (prompts.len(), yes.lines.count()),
                    Command::Approve { jobs, consent: yes }
                    | Command::RunAgain { jobs, consent: yes, .. }
                    | Command::Resume { jobs, consent: Some(yes) } => (jobs.len(), yes.lines.count()),
                    other => panic!("{other:?}"),
                };
                assert_eq!(named, (price.quote.count(), price.quote.count()), "what the box named is what is sent");
                assert_eq!(key, y, "nothing else is a yes");
            }
        }
        if turn % 700 == 0 {
            screen_harness.app.exit = None;
            screen_harness.app.dialogs.clear();
            screen_harness.event(crate::tui::event::Event::Paste("task-unified-1790000100-aaaa0001 all\n".to_owned().into()));
        }
    }
    assert!(paid > 100, "{paid}: the keys reach too little");
}
