use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use crossterm::event::{KeyCode, KeyEvent};
use portable_pty::{MasterPty, PtyPair, PtySize, native_pty_system};

use super::super::inbox::Mailbox;
use super::*;

mod pictures;

/// So long a test waits for what must come; only a failing test does.
const LONG: Duration = Duration::from_mins(1);

/// Shows a number, and as many of its digits as there is room.
#[derive(Default)]
struct Demo {
    number: u32,
    size: (u16, u16),
    pasted: String,
    dirty: bool,
    finished: bool,
    /// Grows with every input.
    revision: u32,
    settled: u32,
    /// Shows a picture.
    pictured: bool,
}

impl Screen for Demo {
    type News = u32;
    type Effect = u32;

    fn update(&mut self, _: Timestamp, event: Event<u32>) -> Vec<Effect<u32>> {
        self.revision += 1;
        match event {
            Event::PictureAnswers(answers) => {
                return vec![Effect::Session(answers.attributes.map_or(2_000, |all| all[0].into()))];
            }
            Event::PictureRefused { last, .. } => return vec![Effect::Session(if last { 3_001 } else { 3_000 })],
            Event::Scheme { dark } => return vec![Effect::Session(if dark { 1_001 } else { 1_000 })],
            Event::Settled(revision) => self.settled = u32::try_from(revision).unwrap(),
            Event::News(0) => {}
            Event::News(number) => {
                self.number = number;
                self.dirty = true;
                return vec![Effect::Session(number)];
            }
            Event::Paste(paste) => {
                self.pasted = paste.text;
                self.dirty = true;
            }
            Event::Resize(columns, rows) => {
                self.size = (columns, rows);
                self.dirty = true;
            }
            Event::Key(key) | Event::KeyInBurst(key) => match key.code {
                KeyCode::Char('q') => self.finished = true,
                KeyCode::Char('n') => {
                    self.number += 1;
                    self.dirty = true;
                    return vec![Effect::Session(self.number)];
                }
                KeyCode::Char('s') => self.dirty = true,
                KeyCode::Char('p') => (self.pictured, self.dirty) = (!self.pictured, true),
                KeyCode::Char('?') => return vec![Effect::AskAboutPictures],
                // Opens a box, and says which state shows it.
                KeyCode::Char('b') => {
                    self.number += 1;
                    self.dirty = true;
                    return vec![Effect::Session(self.revision)];
                }
                // Answers it, and says what was seen.
                KeyCode::Char('y') => return vec![Effect::Session(self.settled)],
                KeyCode::Char('!') => panic!("as the test wants"),
                KeyCode::Char('o') => {
                    return vec![
                        Effect::Title("mj 3 run".into()),
                        Effect::Copy("task".into()),
                        Effect::Notify { title: "mj".into(), body: "1 failed".into() },
                        Effect::Mouse(true),
                        Effect::Bell,
                    ];
                }
                KeyCode::Char('r') => return vec![Effect::Redraw],
                _ => {}
            },
            _ => {}
        }
        Vec::new()
    }

    fn draw(&self, frame: &mut Frame, _: Timestamp) {
        let area = frame.area();
        let line = format!("{}x{} {} {} ", self.size.0, self.size.1, self.number, self.pasted);
        let buffer = frame.buffer_mut();
        buffer.set_string(0, 0, &line, ratatui::style::Style::new());
        for y in 1..area.height {
            let text = format!("{} ", u64::from(self.number) * 7919 * u64::from(y)).repeat(usize::from(area.width));
            buffer.set_stringn(0, y, text, usize::from(area.width), ratatui::style::Style::new());
        }
        if self.pictured {
            pictures::mark(buffer);
        }
    }

    fn pictures(&self) -> Vec<Spot> {
        if self.pictured { vec![pictures::spot()] } else { Vec::new() }
    }

    fn revision(&self) -> u64 {
        self.revision.into()
    }

    fn take_dirty(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }

    fn next_tick(&self, _: Timestamp) -> Option<Timestamp> {
        None
    }

    fn is_finished(&self) -> bool {
        self.finished
    }
}

/// A loop on a pty, and the terminal at its other end.
struct Stage {
    pty: Option<PtyPair>,
    device: Device,
    mailbox: Mailbox<u32>,
    done: Receiver<u32>,
    thread: JoinHandle<thread::Result<Exit>>,
    output: Option<Receiver<Vec<u8>>>,
    bytes: Vec<u8>,
    /// Questions of pictures that were answered.
    answered: usize,
    terminal: vt100::Parser,
}

impl Stage {
    fn open(size: (u16, u16), reading: bool) -> Self {
        Self::with(size, reading, |_| {})
    }

    fn with(size: (u16, u16), reading: bool, change: impl FnOnce(&mut Options)) -> Self {
        let pty = native_pty_system().openpty(PtySize { rows: size.1, cols: size.0, pixel_width: 0, pixel_height: 0 }).unwrap();
        let name = pty.master.tty_name().unwrap();
        let open = || OpenOptions::new().read(true).write(true).open(&name).unwrap();
        let device = Device::of(open().into(), open().into());
        let (send, mailbox) = mpsc::channel();
        let (ack, done) = mpsc::channel();
        let mine = device.clone();
        let mut options = Options {
            signals: false,
            patience: Duration::from_millis(if reading { 60_000 } else { 20 }),
            copy_limit: 1000,
            notices: Notifier::Osc9,
            modes: Modes { title: true, foreign: true, ..Modes::default() },
            ..Options::default()
        };
        change(&mut options);
        let thread = thread::spawn(move || {
            let inbox = Inbox::default();
            send.send(inbox.mailbox()).unwrap();
            let act = |act| ack.send(act).unwrap();
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                run(&mut Demo::default(), &inbox, mine, &options, act).unwrap()
            }))
        });
        let mailbox = mailbox.recv().unwrap();
        let terminal = vt100::Parser::new(NonZeroU16::new(size.1).unwrap(), NonZeroU16::new(size.0).unwrap(), 0);
        let mut stage =
            Self { pty: Some(pty), device, mailbox, done, thread, output: None, bytes: Vec::new(), answered: 0, terminal };
        if reading {
            stage.read();
        }
        stage
    }

    fn master(&self) -> &dyn MasterPty {
        &*self.pty.as_ref().unwrap().master
    }

    /// From now on the terminal takes what is written.
    fn read(&mut self) {
        let mut reader = self.master().try_clone_reader().unwrap();
        let (send, output): (Sender<Vec<u8>>, _) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if send.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        self.output = Some(output);
    }

    /// Reads until the terminal's screen is as asked.
    fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            match self.output.as_ref().unwrap().recv_timeout(LONG) {
                Ok(bytes) => {
                    self.terminal.process(&bytes);
                    self.bytes.extend(bytes);
                }
                Err(error) => panic!("{what} did not come ({error}): {:?}", self.terminal.screen().contents()),
            }
        }
    }

    fn until_shown(&mut self, text: &str) {
        self.until(text, |stage| stage.terminal.screen().contents().starts_with(text));
    }

    fn until_written(&mut self, text: &[u8]) {
        self.until("bytes", |stage| stage.bytes.windows(text.len()).any(|window| window == text));
    }

    /// Presses a key so long from now, and says what the screen answered.
    fn answer(&self, key: char, after: Duration) -> u32 {
        let key = TerminalEvent::Key(KeyEvent::from(KeyCode::Char(key)));
        self.mailbox.send(Message::Terminal(key, Instant::now() + after));
        self.done.recv_timeout(LONG).unwrap()
    }

    fn press(&self, key: char) {
        self.mailbox.send(Message::Terminal(TerminalEvent::Key(KeyEvent::from(KeyCode::Char(key))), Instant::now()));
    }

    fn end(self) -> (Exit, Device) {
        (self.thread.join().unwrap().unwrap(), self.device)
    }

    fn raw(&self) -> bool {
        !self.device.settings().unwrap().local_modes.contains(rustix::termios::LocalModes::ICANON)
    }
}

fn count(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).filter(|window| *window == part).count()
}

const LEFT: &[u8] = b"\x1b[?1049l\x1b[23;2t";
const FRAME: &[u8] = b"\x1b[?2026h";

#[test]
fn a_key_typed_at_the_terminal_is_seen_and_the_terminal_is_given_back_as_it_was() {
    let mut stage = Stage::open((40, 6), true);
    stage.until_shown("40x6 0");
    assert!(stage.raw() && stage.terminal.screen().alternate_screen() && stage.terminal.screen().hide_cursor());
    let mut keys = stage.master().take_writer().unwrap();
    keys.write_all(b"nn\x1b[200~hello\rthere\x1b[201~").unwrap();
    stage.until_shown("40x6 2 hello");
    keys.write_all(b"q").unwrap();
    stage.until_written(LEFT);
    assert!(!stage.terminal.screen().alternate_screen() && !stage.terminal.screen().hide_cursor());
    assert!(!stage.terminal.screen().bracketed_paste());
    // The loop puts the line settings back after the bytes; the pty stays open until it has.
    let pty = stage.pty.take();
    let (exit, device) = stage.end();
    assert_eq!(exit, Exit::Quit);
    assert!(device.settings().unwrap().local_modes.contains(rustix::termios::LocalModes::ICANON));
    drop(pty);
}

#[test]
fn news_and_keys_that_change_nothing_cost_no_byte() {
    let mut stage = Stage::open((40, 6), true);
    stage.until_shown("40x6 0");
    stage.until_written(b"\x1b[?2026l");
    let before = stage.bytes.len();
    for _ in 0..100 {
        stage.mailbox.news(0);
        stage.press('s');
    }
    stage.press('q');
    stage.until_written(LEFT);
    let after = String::from_utf8(stage.bytes[before..].to_vec()).unwrap();
    let left = after.strip_prefix("\x1b[?1004l\x1b[?2004l\x1b[<u").unwrap_or_else(|| panic!("{after:?}"));
    assert!(left.ends_with("2004r\x1b[m\x1b[?25h\x1b[?1049l\x1b[23;2t") && left.len() < 120, "{after:?}");
}

#[test]
fn a_terminal_that_takes_nothing_costs_no_time_and_is_right_one_frame_after_it_drains() {
    let mut stage = Stage::open((120, 40), false);
    for wanted in 1..=200 {
        stage.press('n');
        assert_eq!(stage.done.recv_timeout(LONG).unwrap(), wanted, "the loop goes on");
    }
    stage.read();
    stage.until_shown("120x40 200\n");
    stage.until("the last frame", |stage| stage.bytes.ends_with(b"\x1b[?2026l"));
    let frames = count(&stage.bytes, FRAME);
    // A pty of Linux holds some 64 KiB; a frame here has about 5 kB.
    assert!(frames < 40, "{frames} frames for 200 changes");
    for row in 1..40_u64 {
        let first = format!("{} ", 200 * 7919 * row);
        let line = stage.terminal.screen().contents().lines().nth(usize::try_from(row).unwrap()).unwrap().to_owned();
        assert!(line.starts_with(&first), "row {row}: {line}");
    }
    stage.press('q');
    stage.until_written(LEFT);
}

#[test]
fn a_terminal_that_takes_nothing_does_not_keep_the_program_from_leaving() {
    let stage = Stage::open((120, 40), false);
    for wanted in 1..=60 {
        stage.press('n');
        assert_eq!(stage.done.recv_timeout(LONG).unwrap(), wanted);
    }
    stage.mailbox.send(Message::Signal(Signal::Terminate));
    let pty = stage.pty.is_some();
    let (thread, device) = (stage.thread, stage.device);
    assert_eq!(thread.join().unwrap().unwrap(), Exit::Terminated);
    assert!(pty && device.settings().unwrap().local_modes.contains(rustix::termios::LocalModes::ICANON));
}

#[test]
fn a_terminal_that_is_gone_ends_the_run() {
    let mut stage = Stage::open((40, 6), true);
    stage.until_shown("40x6 0");
    // The reading thread holds a copy of the master: it ends when its channel is gone and the next bytes come.
    stage.output = None;
    stage.press('n');
    stage.pty = None;
    assert_eq!(stage.end().0, Exit::HungUp);
}

#[test]
fn a_hangup_draws_nothing_more_but_restores_a_terminal_that_is_still_there() {
    let mut stage = Stage::open((40, 6), true);
    stage.until_shown("40x6 0");
    stage.until_written(b"\x1b[?2026l");
    stage.press('n');
    stage.mailbox.send(Message::Signal(Signal::HangUp));
    stage.until_written(LEFT);
    let pty = stage.pty.take();
    assert_eq!(stage.end().0, Exit::HungUp);
    drop(pty);
}

#[test]
fn a_panic_restores_the_terminal() {
    let mut stage = Stage::open((40, 6), true);
    stage.until_shown("40x6 0");
    stage.press('!');
    stage.until_written(LEFT);
    assert!(!stage.terminal.screen().alternate_screen() && !stage.terminal.screen().hide_cursor());
    let pty = stage.pty.take();
    assert!(stage.thread.join().unwrap().is_err());
    assert!(stage.device.settings().unwrap().local_modes.contains(rustix::termios::LocalModes::ICANON));
    drop(pty);
}

#[test]
fn a_new_size_and_a_redraw_write_the_whole_screen() {
    let mut stage = Stage::open((40, 6), true);
    stage.until_shown("40x6 0");
    let size = PtySize { rows: 10, cols: 60, pixel_width: 0, pixel_height: 0 };
    stage.master().resize(size).unwrap();
    stage.terminal.screen_mut().set_size(10.try_into().unwrap(), 60.try_into().unwrap());
    stage.mailbox.send(Message::Signal(Signal::Resize));
    stage.until_shown("60x10 0");
    let before = count(&stage.bytes, b"\x1b[2J");
    stage.press('r');
    stage.until("a cleared screen", |stage| count(&stage.bytes, b"\x1b[2J") > before);
    stage.until_shown("60x10 0");
    stage.press('q');
    stage.until_written(LEFT);
}

#[test]
fn title_copy_notice_mouse_and_bell_reach_the_terminal_and_mouse_is_switched_off_again() {
    let mut stage = Stage::open((40, 6), true);
    stage.until_shown("40x6 0");
    stage.press('o');
    stage.until_written(b"\x1b[?1000;1006h");
    stage.until_written(b"\x1b]2;mj 3 run\x1b\\\x1b]52;c;dGFzaw==\x1b\\\x1b]9;mj: 1 failed\x1b\\\x07");
    stage.press('q');
    stage.until_written(LEFT);
    assert_eq!(count(&stage.bytes, b"\x1b[?1000;1006l"), 1);
}

#[test]
fn a_key_answers_only_what_the_terminal_has_taken_300_ms_before() {
    let mut stage = Stage::open((40, 6), true);
    stage.until_shown("40x6 0");
    let opened = stage.answer('b', Duration::ZERO);
    stage.until_shown("40x6 1");
    for early in [0, 3, 100] {
        assert!(stage.answer('y', Duration::from_millis(early)) < opened, "{early} ms");
    }
    // The bytes arrived, so the writer's word of it is on its way at most.
    let end = Instant::now() + LONG;
    while stage.answer('y', Duration::from_secs(10)) < opened {
        assert!(Instant::now() < end, "it is never settled");
    }
    // In one packet with what opens the next one.
    stage.press('b');
    stage.press('y');
    let opened = stage.done.recv_timeout(LONG).unwrap();
    assert!(stage.done.recv_timeout(LONG).unwrap() < opened);
    stage.press('q');
    stage.until_written(LEFT);
}

#[test]
fn a_terminal_that_takes_nothing_has_shown_nothing_however_long_it_takes() {
    let mut stage = Stage::open((120, 40), false);
    // The pty takes some 64 KiB by itself; then the writer is stuck.
    for wanted in 1..=200 {
        stage.press('n');
        assert_eq!(stage.done.recv_timeout(LONG).unwrap(), wanted);
    }
    let opened = stage.answer('b', Duration::ZERO);
    for later in [1, 10, 3_600] {
        assert!(stage.answer('y', Duration::from_secs(later)) < opened, "{later} s");
    }
    stage.read();
    stage.until_shown("120x40 201\n");
    let end = Instant::now() + LONG;
    while stage.answer('y', Duration::from_hours(1)) < opened {
        assert!(Instant::now() < end, "it is never settled");
    }
    stage.press('q');
    stage.until_written(LEFT);
}

#[test]
fn what_another_program_left_on_is_switched_off_and_put_back_on_every_way_out() {
    let (save, off) = (&b";1016;2004s\x1b[>0u\x1b[?1;9;1000;"[..], &b";1015;1016l\x1b>\x1b[>4;0m\x1b[?2004h"[..]);
    let back = b"\x1b[<u\x1b[>4m\x1b[?1;9;1000;";
    for way in ["quit", "panic", "SIGTERM", "SIGHUP"] {
        let mut stage = Stage::open((40, 6), true);
        stage.until_shown("40x6 0");
        assert_eq!((count(&stage.bytes, save), count(&stage.bytes, off)), (1, 1), "{:?}", String::from_utf8_lossy(&stage.bytes));
        // The alternate screen has keyboard flags of its own: pushed after it is entered, popped before it is left.
        let at = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).position(|window| window == part).unwrap();
        assert!(at(&stage.bytes, b"\x1b[?1049h") < at(&stage.bytes, b"\x1b[>0u"));
        match way {
            "quit" => stage.press('q'),
            "panic" => stage.press('!'),
            "SIGTERM" => assert!(stage.mailbox.send(Message::Signal(Signal::Terminate))),
            _ => assert!(stage.mailbox.send(Message::Signal(Signal::HangUp))),
        }
        stage.until_written(LEFT);
        assert_eq!(count(&stage.bytes, back), 1, "{way}");
        assert!(at(&stage.bytes, back) < at(&stage.bytes, b"\x1b[?1049l"), "{way}");
    }
}

const ASKS: &[u8] = b"\x1b]11;?\x1b\\\x1b[c";

#[test]
fn the_background_is_asked_for_once_the_first_frame_is_there_and_only_then_an_answer_counts() {
    let mut stage = Stage::with((40, 6), true, |options| {
        options.ask_background = true;
        options.modes.scheme = true;
    });
    stage.until_written(ASKS);
    let at = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).position(|window| window == part).unwrap();
    assert!(at(&stage.bytes, b"40x6 0") < at(&stage.bytes, ASKS), "the first frame comes first");
    let mut keys = stage.master().take_writer().unwrap();
    keys.write_all(b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\").unwrap();
    assert_eq!(stage.done.recv_timeout(LONG).unwrap(), 1_000);
    // DA1 ends the question: what comes later, and twice, was not asked for. Changes are told of (mode 2031).
    keys.write_all(b"\x1b[?62;4c\x1b]11;rgb:0/0/0\x1b\\\x1b[?997;1n\x1b[?997;2nn").unwrap();
    let told: Vec<u32> = (0..3).map(|_| stage.done.recv_timeout(LONG).unwrap()).collect();
    assert_eq!(told, [1_001, 1_000, 1]);
    keys.write_all(b"q").unwrap();
    stage.until_written(LEFT);
    assert_eq!(count(&stage.bytes, ASKS), 1);
    assert_eq!((count(&stage.bytes, b"\x1b[?2031h"), count(&stage.bytes, b"\x1b[?2031l")), (1, 1));
}

#[test]
fn what_nobody_asked_for_is_dropped() {
    let mut stage = Stage::open((40, 6), true);
    stage.until_shown("40x6 0");
    let mut keys = stage.master().take_writer().unwrap();
    keys.write_all(b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62;4c\x1b[?997;2n\x1b[0n\x1bP>|ghostty 1.1.3\x1b\\n").unwrap();
    assert_eq!(stage.done.recv_timeout(LONG).unwrap(), 1, "only the key was told");
    keys.write_all(b"q").unwrap();
    stage.until_written(LEFT);
    assert_eq!(count(&stage.bytes, ASKS), 0);
}
