//! The terminal is given back whatever happens, and an idle dashboard is silent.

use std::time::Duration;

use rustix::process::Signal;

use crate::house::{House, QUICK, until};
use crate::pty::Pty;

fn open(house: &House, env: &[(&str, &str)]) -> Pty {
    let pty = Pty::open(house, (80, 24), &[], env);
    pty.shows("connected");
    pty
}

#[test]
fn q_gives_the_terminal_back() {
    let house = House::new(QUICK);
    let mut pty = open(&house, &[]);
    pty.keys("q");
    let ended = pty.ended();
    assert_eq!((ended.code, &ended.signal), (0, &None));
    ended.assert_restored();
}

#[test]
fn ctrl_c_twice_gives_the_terminal_back() {
    let house = House::new(QUICK);
    let mut pty = open(&house, &[]);
    pty.keys("\x03\x03");
    let ended = pty.ended();
    assert_eq!((ended.code, &ended.signal), (0, &None));
    ended.assert_restored();
}

#[test]
fn signals_give_the_terminal_back() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT] {
        let house = House::new(QUICK);
        // With the mouse, which is one more thing to give back.
        let mut pty = open(&house, &[]);
        pty.keys("M");
        pty.signal(signal);
        let ended = pty.ended();
        assert_eq!(ended.signal, None, "{signal:?}");
        assert_eq!(ended.code, if signal == Signal::INT { 0 } else { 130 }, "{signal:?}");
        ended.assert_restored();
    }
}

#[test]
fn a_panic_gives_the_terminal_back_before_it_speaks() {
    let house = House::new(QUICK);
    let mut pty = open(&house, &[("MJ_ENHANCE_TEST_PANIC", "screen")]);
    pty.paste("panic");
    let ended = pty.ended();
    ended.assert_restored();
    assert_ne!(ended.code, 0);
    for word in ["MJ_ENHANCE_TEST_PANIC", "This is a bug in mj-enhance", "mj-enhance.log"] {
        assert!(ended.screen.contains(word), "{word}: {}", ended.screen);
    }
    // The words stand in full on the screen that came back.
    let left = ended.raw.windows(8).rposition(|window| window == b"\x1b[?1049l").unwrap();
    assert!(String::from_utf8_lossy(&ended.raw[left..]).contains("MJ_ENHANCE_TEST_PANIC"));
    // And the store is whole.
    assert!(house.jobs().is_empty());
}

fn with_saved_results() -> House {
    let house = House::new(QUICK);
    house.program.add(&house.specs(4).iter().map(String::as_str).collect::<Vec<_>>());
    house.run(&["run", "--until-idle", "--yes", "--max-credits", "100"]).expect(0);
    house
}

#[test]
fn an_idle_dashboard_writes_not_one_byte_in_thirty_seconds() {
    let (plain, pictured) = (with_saved_results(), with_saved_results());
    let plain = open(&plain, &[]);
    plain.shows("saved");
    let mut pictured = open(&pictured, &[("TERM", "xterm-kitty")]);
    pictured.shows("saved");
    pictured.press_for_a_picture("5i");
    // Time is the subject here: what a settling screen still has to say comes in the first seconds.
    std::thread::sleep(Duration::from_secs(2));
    let both = [plain, pictured];
    let before = both.each_ref().map(Pty::bytes);
    std::thread::sleep(Duration::from_secs(30));
    for (pty, before) in both.into_iter().zip(before) {
        let written = pty.bytes() - before;
        let all = pty.kill().raw;
        assert_eq!(written, 0, "{:?}", String::from_utf8_lossy(&all[before..]));
    }
}

#[test]
fn over_a_slow_line_and_inside_tmux_nothing_is_asked_and_over_a_slow_line_no_picture_is_sent() {
    for (args, env, said) in [
        (&["--slow-link"][..], &[("TERM", "xterm-kitty")][..], "no pictures here: --slow-link"),
        (&[], &[("TERM", "tmux-256color"), ("TMUX", "/nowhere/tmux,1,0")], "blocks"),
    ] {
        let house = with_saved_results();
        let mut pty = Pty::open(&house, (80, 24), args, env);
        pty.shows("saved");
        // With two frames a second a message of the start may take the place of the answer to a key before that was drawn.
        pty.shows("connected");
        pty.shows("balance");
        pty.press("5z", said);
        let about_pictures = [&b"\x1b_G"[..], b"\x1b[>q", b"\x1b[16t"].map(|question| pty.wrote(question));
        assert_eq!(about_pictures, [0; 3], "{args:?}");
        assert!(pty.wrote(b"\x1b[c") <= pty.wrote(b"\x1b]11;?"), "{args:?}: only the background is asked for");
        pty.keys("qq");
        pty.ended().assert_restored();
    }
}

#[test]
fn who_leaves_with_a_picture_takes_it_along() {
    let house = with_saved_results();
    let mut pty = open(&house, &[("TERM", "xterm-kitty")]);
    pty.shows("saved");
    pty.press_for_a_picture("5z");
    pty.keys("qq");
    let ended = pty.ended();
    let text = String::from_utf8_lossy(&ended.raw);
    let deleted = text.rfind("\x1b_Ga=d,d=I,i=").expect("deleted by its id");
    assert!(deleted < text.rfind("\x1b[?1049l").unwrap(), "before the screen is left");
    ended.assert_restored();
}

#[test]
fn ctrl_z_gives_the_terminal_back_until_fg() {
    let house = House::new(QUICK);
    // A shell with job control, which asks before it brings the program back.
    let mut pty = Pty::shell(&house, "set -m; \"$0\"; echo stopped here; read answer; fg; echo left");
    pty.shows("connected");
    pty.keys("\x1a");
    pty.shows("stopped here");
    until(|| pty.line_is_restored());
    pty.keys("go on\r");
    pty.shows("connected");
    pty.keys("q");
    let ended = pty.ended();
    assert!(ended.screen.contains("left"), "{}", ended.screen);
    ended.assert_restored();
}

#[test]
fn every_size_of_the_terminal_is_drawn_and_none_breaks_the_screen() {
    let house = House::new(QUICK);
    house.program.add(&house.specs(8).iter().map(String::as_str).collect::<Vec<_>>());
    let mut pty = open(&house, &[]);
    for (columns, rows) in [(120, 40), (60, 15), (59, 14), (40, 10), (29, 5), (1, 1), (2, 1), (300, 3), (80, 24)] {
        let before = pty.bytes();
        pty.resize(columns, rows);
        until(|| pty.bytes() > before);
    }
    pty.until("the whole screen again", |screen| screen.contains("wait·8") && screen.contains("8 approved earlier"));
    pty.keys("q");
    pty.ended().assert_restored();
}

/// Environment, arguments, whether signs outside ASCII come, whether colours come.
type Environment<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], bool, bool);

#[test]
fn the_environment_chooses_face_and_colours() {
    let cases: [Environment; 7] = [
        (&[("LANG", "C.UTF-8")], &[], true, true),
        (&[("LANG", "C"), ("LC_ALL", "C")], &[], false, true),
        (&[("LANG", "C.UTF-8"), ("NO_COLOR", "1")], &[], true, false),
        (&[("LANG", "C.UTF-8"), ("NO_COLOR", "1")], &["--color", "always"], true, true),
        (&[("LANG", "C.UTF-8"), ("TERM", "never-heard-of")], &[], true, true),
        (&[("LANG", "C.UTF-8"), ("TERM", "linux")], &["--ascii"], false, true),
        (&[("LANG", "C.UTF-8")], &["--color", "never", "--ascii"], false, false),
    ];
    for (env, args, unicode, colours) in cases {
        let house = House::new(QUICK);
        let mut pty = Pty::open(&house, (80, 24), args, env);
        pty.shows("connected");
        pty.keys("a");
        pty.shows("add jobs");
        pty.keys("\x1b");
        pty.shows("no jobs yet");
        pty.keys("q");
        let ended = pty.ended();
        ended.assert_restored();
        assert_eq!(!ended.raw.is_ascii(), unicode, "{env:?} {args:?}");
        // SGR with a colour of the sixteen, alone or among others (ECMA-48 §8.3.117).
        let text = String::from_utf8_lossy(&ended.raw).into_owned();
        let coloured = text.split("\x1b[").skip(1).filter_map(|rest| rest.split_once('m')).any(|(codes, _)| {
            codes.split(';').filter_map(|code| code.parse::<u8>().ok()).any(|code| matches!(code, 30..=37 | 90..=97))
                && codes.bytes().all(|byte| byte.is_ascii_digit() || byte == b';')
        });
        assert_eq!(coloured, colours, "{env:?} {args:?}");
    }
}

#[test]
fn a_terminal_without_a_screen_is_told_what_to_use_instead() {
    let house = House::new(QUICK);
    let pty = Pty::open(&house, (80, 24), &[], &[("TERM", "dumb")]);
    let ended = pty.ended();
    assert_eq!(ended.code, 2);
    assert!(ended.screen.contains("TERM=dumb") && ended.screen.contains("watch --plain"), "{}", ended.screen);
    assert!(!ended.raw.contains(&0x1b), "no escape code went to a terminal that knows none");
}
