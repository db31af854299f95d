//! Pictures on a real pty: data in slices between frames, paced by answers; nothing left behind.

use std::sync::Arc;

use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::Rect;

use super::*;
use crate::preview::{Body, Cells, Encoded, Way};

const AREA: Rect = Rect::new(4, 1, 10, 4);

/// A picture of three slices.
pub(super) fn spot() -> Spot {
    let pixels = Pixels::new(1, 1);
    let picture = Encoded {
        way: Way::Kitty,
        cells: Cells::new(AREA.width, AREA.height),
        source: pixels,
        sent: pixels,
        bytes: 8_000,
        body: Body::Png(vec![7; 8_000]),
        notes: Vec::new(),
    };
    Spot { key: 1, picture: Arc::new(picture), area: AREA }
}

pub(super) fn mark(buffer: &mut Buffer) {
    let area = AREA.intersection(buffer.area);
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            buffer[(x, y)].reset();
            buffer[(x, y)].set_symbol("w").set_diff_option(CellDiffOption::Skip);
        }
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

/// Answers every question of a picture until it was placed so many times.
fn load(stage: &mut Stage, answers: &mut dyn std::io::Write, times: usize) {
    let placed = |stage: &Stage| count(&stage.bytes, b"\x1b_Ga=p,") >= times;
    let mut answered = stage.answered;
    while !placed(stage) {
        stage.until("a slice", |stage| placed(stage) || count(&stage.bytes, b"\x1b[5n") > answered);
        while answered < count(&stage.bytes, b"\x1b[5n") {
            answers.write_all(b"\x1b[0n").unwrap();
            answered += 1;
        }
    }
    stage.answered = answered;
}

/// Data and brackets in their order: data inside of a frame is a fault.
fn check_no_data_in_frames(bytes: &[u8]) {
    let mut inside = false;
    for at in 0..bytes.len() {
        let rest = &bytes[at..];
        if rest.starts_with(b"\x1b[?2026h") {
            inside = true;
        } else if rest.starts_with(b"\x1b[?2026l") {
            inside = false;
        } else if rest.starts_with(b"\x1b_Ga=t") || rest.starts_with(b"\x1b_Gq=1,m=") {
            assert!(!inside, "data in a frame");
        }
    }
}

#[test]
fn a_picture_comes_in_slices_that_wait_for_the_terminal_and_keys_go_first() {
    let mut stage = Stage::open((40, 8), true);
    stage.until_shown("40x8 0");
    let mut keys = stage.master().take_writer().unwrap();
    keys.write_all(b"p").unwrap();
    stage.until("the first slice", |stage| count(&stage.bytes, b"\x1b[5n") == 1);
    // The terminal has not answered: no slice follows, but a key is answered at once.
    keys.write_all(b"n").unwrap();
    stage.until_shown("40x8 1");
    assert_eq!(count(&stage.bytes, b"\x1b[5n"), 1);
    assert!(stage.terminal.screen().contents().contains("wwwwwwwwww"), "words until the picture is there");
    keys.write_all(b"\x1b[0n").unwrap();
    stage.until("the second slice", |stage| count(&stage.bytes, b"\x1b[5n") >= 2);
    keys.write_all(b"\x1b[0n\x1b[0n").unwrap();
    stage.until_written(b"\x1b_Ga=p,");
    stage.until("the end of the frame", |stage| stage.bytes.ends_with(b"\x1b[?2026l"));
    keys.write_all(b"\x1b[0n").unwrap();
    check_no_data_in_frames(&stage.bytes);
    assert!(!stage.terminal.screen().contents().contains('w'), "blank below the picture");
    // Idle: news that change nothing cost nothing, with the picture on the screen.
    let before = stage.bytes.len();
    for _ in 0..50 {
        stage.mailbox.news(0);
        stage.press('s');
    }
    keys.write_all(b"q").unwrap();
    stage.until_written(LEFT);
    let after = &stage.bytes[before..];
    assert!(after.starts_with(b"\x1b_Ga=d,d=I,i="), "{:?}", String::from_utf8_lossy(after));
    assert!(after.len() < 300);
}

#[test]
fn who_leaves_suspends_or_panics_in_the_middle_of_a_picture_takes_it_along() {
    for (key, loaded) in [('q', false), ('q', true), ('!', false), ('!', true)] {
        let mut stage = Stage::open((40, 8), true);
        stage.until_shown("40x8 0");
        let mut keys = stage.master().take_writer().unwrap();
        keys.write_all(b"p").unwrap();
        if loaded {
            load(&mut stage, &mut keys, 1);
        } else {
            stage.until("the first slice", |stage| count(&stage.bytes, b"\x1b[5n") == 1);
        }
        let before = stage.bytes.len();
        keys.write_all(key.to_string().as_bytes()).unwrap();
        stage.until_written(LEFT);
        let after = &stage.bytes[before..];
        let deleted = find(after, b"\x1b_Ga=d,d=I,i=").expect("deleted by its id");
        assert!(deleted < find(after, b"\x1b[?1049l").unwrap(), "before the screen is left");
        assert_eq!(find(after, b"\x1b_Gq=2,m=0;").is_some(), !loaded, "what is half sent is ended");
        assert_eq!(count(after, b"\x1b[2J"), 0);
    }
}

#[test]
fn what_is_drawn_again_is_sent_again() {
    let mut stage = Stage::open((40, 8), true);
    stage.until_shown("40x8 0");
    let mut keys = stage.master().take_writer().unwrap();
    keys.write_all(b"p").unwrap();
    load(&mut stage, &mut keys, 1);
    keys.write_all(b"r").unwrap();
    stage.until("the data again", |stage| count(&stage.bytes, b"\x1b_Ga=t,") == 2);
    let cleared = stage.bytes.windows(4).rposition(|window| window == b"\x1b[2J").unwrap();
    let deleted = find(&stage.bytes, b"\x1b_Ga=d,d=I").unwrap();
    assert!(deleted < cleared);
    // It goes: withdrawn in the frame, its data stays.
    load(&mut stage, &mut keys, 2);
    keys.write_all(b"p").unwrap();
    stage.until_written(b"\x1b_Ga=d,d=i,");
    check_no_data_in_frames(&stage.bytes);
}

#[test]
fn an_error_is_told_and_answers_press_no_key() {
    let mut stage = Stage::open((40, 8), true);
    stage.until_shown("40x8 0");
    let mut keys = stage.master().take_writer().unwrap();
    keys.write_all(b"?").unwrap();
    stage.until_written(b"\x1b[c");
    keys.write_all(b"\x1bP>|kitty(0.41)\x1b\\\x1b_Gi=31;OK\x1b\\\x1b[6;18;9t\x1b[?62;4c").unwrap();
    assert_eq!(stage.done.recv_timeout(LONG).unwrap(), 62);
    keys.write_all(b"p").unwrap();
    load(&mut stage, &mut keys, 1);
    let at = find(&stage.bytes, b"\x1b_Ga=t,f=100,t=d,i=").unwrap() + 19;
    let id: String = stage.bytes[at..].iter().map(|byte| char::from(*byte)).take_while(char::is_ascii_digit).collect();
    for (wanted, sent) in [(3_000, 2), (3_001, 3)] {
        keys.write_all(format!("\x1b_Gi={id};ENOENT:gone\x1b\\").as_bytes()).unwrap();
        assert_eq!(stage.done.recv_timeout(LONG).unwrap(), wanted);
        load(&mut stage, &mut keys, sent);
        assert_eq!(count(&stage.bytes, b"\x1b_Ga=t,"), sent, "sent again");
    }
    // None of it was a key: the number is as it was.
    assert!(stage.terminal.screen().contents().starts_with("40x8 0"));
}

#[test]
fn a_terminal_that_does_not_answer_is_told_as_silent() {
    let mut stage = Stage::open((40, 8), true);
    stage.until_shown("40x8 0");
    stage.press('?');
    assert_eq!(stage.done.recv_timeout(LONG).unwrap(), 2_000);
}

#[test]
fn a_question_about_pictures_never_stands_between_two_slices() {
    let mut stage = Stage::open((40, 8), true);
    stage.until_shown("40x8 0");
    let mut keys = stage.master().take_writer().unwrap();
    keys.write_all(b"p").unwrap();
    stage.until("the first slice", |stage| count(&stage.bytes, b"\x1b[5n") == 1);
    keys.write_all(b"?").unwrap();
    stage.until_written(b"\x1b[c");
    let ended = find(&stage.bytes, b"\x1b_Gq=2,m=0;").expect("the half sent picture is ended first");
    assert!(ended < find(&stage.bytes, crate::preview::detect::QUESTION).unwrap());
    // It begins anew, and comes whole.
    load(&mut stage, &mut keys, 1);
    assert_eq!(count(&stage.bytes, b"\x1b_Ga=t,"), 2);
}

#[test]
fn who_was_stopped_from_outside_deletes_what_it_sent_and_sends_it_again() {
    let mut stage = Stage::open((40, 8), true);
    stage.until_shown("40x8 0");
    let mut keys = stage.master().take_writer().unwrap();
    keys.write_all(b"p").unwrap();
    load(&mut stage, &mut keys, 1);
    // As after SIGSTOP and SIGCONT: nobody could give the terminal back in between.
    stage.mailbox.send(Message::Signal(Signal::Continue));
    load(&mut stage, &mut keys, 2);
    let again = stage.bytes.windows(6).rposition(|window| window == b"\x1b_Ga=t").unwrap();
    assert!(find(&stage.bytes, b"\x1b_Ga=d,d=I,i=").expect("deleted by its id") < again);
}
