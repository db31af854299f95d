//! What a terminal sends by itself, from a seed, torn and late: the dashboard does nothing.

use std::time::{Duration, Instant};

use crossterm::event::KeyCode;

use super::super::terminal::TerminalEvent;
use super::super::terminal::parser::Parser;
use super::super::testing::{ScreenHarness, many_jobs};
use crate::tui::event::Event;

/// One sequence, of a content that would do a lot if it were typed.
fn sequence(rng: &mut fastrand::Rng) -> Vec<u8> {
    const KEYS: &[u8] = b"PyRaxDpA 6JK;:qj\rGdwutM$e?1";
    let mut number = || rng.u8(..).to_string();
    let numbers = format!("{};{};{}", number(), number(), number());
    let body: String = (0..rng.usize(..30)).map(|_| char::from(KEYS[rng.usize(..KEYS.len())])).filter(|c| *c != '\r').collect();
    let end = ["\x1b\\", "\x07", "\u{9c}"][rng.usize(..3)];
    let pick = |from: &[&str], rng: &mut fastrand::Rng| from[rng.usize(..from.len())].to_owned();
    match rng.u8(..10) {
        0 => format!("\x1bP>|{body}{end}"),
        1 => format!("\x1bP1$r{body}{end}"),
        2 => format!("\x1b]11;{body}{end}"),
        3 => format!("\x1b_G{body}{end}"),
        4 => format!("{}{body}{end}", pick(&["\u{90}", "\u{98}", "\u{9d}", "\u{9e}", "\u{9f}"], rng)),
        5 => format!("\x1b[?{numbers}{}", pick(&["c", "n", "u", "$y"], rng)),
        6 => format!("\x1b[<{numbers}{}", pick(&["M", "m"], rng)),
        7 => format!("\x1b[{};1:3u", rng.u8(32..127)),
        8 => pick(&["\x1b[1;1:3A", "\x1b[I", "\x1b[O", "\x1b[24;80R", "\x1b[6;20;10t", "\x1b[0n", "\x1b[57441;2u"], rng),
        _ => format!("\x1b[M{}{}{}", char::from(rng.u8(32..127)), char::from(rng.u8(33..127)), char::from(rng.u8(33..127))),
    }
    .into_bytes()
}

#[test]
fn a_hundred_thousand_bytes_of_a_terminal_change_nothing_but_its_focus() {
    let mut rng = fastrand::Rng::with_seed(18);
    let jobs = many_jobs(60);
    let waiting = jobs[1].id;
    let mut harness = ScreenHarness::new((80, 24), jobs);
    harness.status(|status| status.waiting_for_go = vec![waiting]);
    harness.effects.clear();
    let before = harness.screen();
    let (mut parser, mut now, mut events, mut sent) = (Parser::default(), Instant::now(), Vec::new(), 0);
    while sent < 100_000 {
        let bytes: Vec<u8> = (0..rng.usize(1..4)).flat_map(|_| sequence(&mut rng)).collect();
        sent += bytes.len();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            // Not after the Esc alone: after 50 ms that is a key like any other.
            let mut length = rng.usize(1..=rest.len());
            length += usize::from(rest[length - 1] == 0x1b && length < rest.len());
            let piece;
            (piece, rest) = rest.split_at(length);
            parser.feed(piece, now, &mut events);
            now += Duration::from_millis(rng.u64(..250));
            while let Some(deadline) = parser.deadline().filter(|deadline| *deadline <= now) {
                parser.expire(deadline, &mut events);
            }
        }
    }
    assert!(events.len() > 1_000, "{} events: the sequences say too little", events.len());
    for event in events {
        match event {
            TerminalEvent::Mouse(mouse) => harness.event(Event::Mouse(mouse)),
            TerminalEvent::Focus(focused) => harness.event(Event::Focus(focused)),
            TerminalEvent::Reply(_) => {}
            typed @ (TerminalEvent::Key(_) | TerminalEvent::KeyInBurst(_) | TerminalEvent::Paste(_)) => {
                panic!("the terminal typed {typed:?}")
            }
        }
    }
    assert_eq!((harness.screen(), harness.effects.len()), (before, 0));
    // And a key still is one.
    parser.feed(b"P", now, &mut Vec::new());
    let mut typed = Vec::new();
    parser.feed(b"q", now, &mut typed);
    assert!(matches!(typed[..], [TerminalEvent::Key(key)] if key.code == KeyCode::Char('q')));
}
