//! What a terminal sends by itself does nothing, and a yes counts only for a box that was seen.

use crate::house::House;
use crate::pty::Pty;

/// Jobs that wait for P and y.
fn waiting(env: &[(&str, &str)]) -> (House, Pty) {
    let house = House::new("run_seconds = 3600\nmore_drafts = 10\n[balance]\naccount = 1000\n");
    house.program.add(&house.specs(4).iter().map(String::as_str).collect::<Vec<_>>());
    let pty = Pty::open(&house, (80, 24), &[], env);
    pty.shows("4 approved earlier");
    (house, pty)
}

#[test]
fn late_answers_of_the_terminal_press_no_key() {
    let (house, mut pty) = waiting(&[]);
    for answer in [
        "\x1bP>|ghostty 1.1.3\x1b\\",
        "\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\",
        "\x1b_Gi=31;OK\x1b\\",
        "\x1b[?62;22c\x1b[24;80R\x1b[<0;5;10M\x1b[M !!",
        "\x1b[80;1:3u\x1b[121;1:3u",
        "\u{90}>|Pyyy\u{9c}",
    ] {
        // In two writes, and in one; that the palette opens afterwards says that all of it was read.
        let (first, second) = answer.split_at(answer.len() / 2 - usize::from(!answer.is_char_boundary(answer.len() / 2)));
        pty.keys(first);
        pty.keys(second);
        pty.keys(answer);
        let screen = pty.press(":", "every action by name");
        assert!(!screen.contains("y send"), "{answer:?}: {screen}");
        pty.keys("\x1b");
        pty.until("the palette is closed", |screen| !screen.contains("every action by name"));
    }
    assert_eq!(house.paid(), 0);
    pty.keys("q");
    pty.ended().assert_restored();
}

#[test]
fn a_release_and_a_y_in_the_packet_that_opens_the_box_pay_nothing() {
    let (house, mut pty) = waiting(&[]);
    pty.press("Py", "press y again");
    // The release of y, y with Super, 9 of the number pad, whose sequence ends in a y.
    pty.keys("\x1b[121;1:3u\x1b[121;9u\x1bOy");
    // And the N key of a phonetic Cyrillic layout.
    pty.press("\u{43d}n", "nothing was sent");
    assert_eq!(house.paid(), 0);
    pty.press("P", "y send 4 jobs");
    pty.confirm();
    pty.shows("● running");
    pty.keys("q");
    pty.ended().assert_restored();
}

#[test]
fn a_window_too_small_for_the_price_takes_no_y() {
    let (house, mut pty) = waiting(&[]);
    pty.press("P", "y send 4 jobs");
    pty.resize(80, 9);
    pty.shows("window too small to confirm");
    for _ in 0..3 {
        pty.keys("y");
    }
    pty.press("n", "nothing was sent");
    assert_eq!(house.paid(), 0);
    pty.keys("q");
    pty.ended().assert_restored();
}

#[test]
fn a_paste_without_an_end_leaves_the_keys_alive() {
    let (house, mut pty) = waiting(&[]);
    pty.keys("\x1b[200~task-unified-1790000100-aaaa0001");
    pty.shows("add jobs");
    pty.keys("\x1b[200~more");
    pty.keys("\x03");
    pty.ended().assert_restored();
    assert_eq!(house.paid(), 0);
}

#[test]
fn a_white_background_brings_the_light_palette_and_tmux_no_brackets() {
    let (_house, mut pty) = waiting(&[("TMUX", "/tmp/none,1,0")]);
    pty.keys("\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62;4c");
    // Its keys are drawn in the palette.
    pty.press("P", "y send 4 jobs");
    pty.keys("nq");
    let ended = pty.ended();
    ended.assert_restored();
    let written = String::from_utf8_lossy(&ended.raw).into_owned();
    let asked = written.find("\x1b]11;?\x1b\\\x1b[c").expect("the background was asked for");
    assert!(asked > written.find("mj-enhance").unwrap(), "after the first frame");
    assert!(written[asked..].contains("38;5;25m"), "{}", written[asked..].escape_debug());
    assert!(!written.contains("\x1b[?2026"), "no brackets inside tmux");
}

#[test]
fn inside_gnu_screen_the_terminal_behind_it_is_asked_and_no_bracket_is_written() {
    let house = House::new("run_seconds = 3600\nmore_drafts = 10\n");
    // Also in the demo, which keeps little of the environment; screen may call itself anything.
    for args in [&["--demo"][..], &[]] {
        let mut pty = Pty::open(&house, (80, 24), args, &[("STY", "1.pts"), ("TERM", "xterm-256color")]);
        // The question follows the first frame, and this is in a later one.
        pty.until("the balance", |screen| screen.contains("connected"));
        pty.keys("\x1b]11;rgb:ffff/ffff/ffff\x07\x1b[?64;1;2c");
        pty.press(":", "every action by name");
        pty.keys("\x03");
        let ended = pty.ended();
        ended.assert_restored();
        let written = String::from_utf8_lossy(&ended.raw).into_owned();
        assert!(written.contains("\x1bP\x1b]11;?\x07\x1b[c\x1b\\"), "{args:?}: {}", written.escape_debug());
        assert!(written.contains("38;5;25m"), "the light palette: {args:?}");
        assert!(!written.contains("\x1b[?2026h"), "{args:?}");
    }
}
