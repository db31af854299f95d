//! A pseudo-terminal with a terminal emulator behind it: the program as its user sees it, and every byte it wrote.

use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::Signal;

use crate::house::{House, signal};

/// How long a condition may take before the test says what it waited for. Nothing sleeps: it is only a bound.
const PATIENCE: Duration = Duration::from_mins(3);

struct Seen {
    emulator: vt100::Parser,
    raw: Vec<u8>,
    /// The other end is closed: the program has ended.
    ended: bool,
}

struct Shared {
    seen: Mutex<Seen>,
    news: Condvar,
    stop: AtomicBool,
}

/// A terminal with the program in it.
pub struct Pty {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn std::io::Write + Send>,
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
    /// The line settings before the program started.
    before: String,
    pid: u32,
}

impl Drop for Pty {
    fn drop(&mut self) {
        // A test that failed must not leave its program behind.
        if !self.has_ended() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// What is left of a program that has ended.
pub struct Ended {
    pub code: u32,
    pub signal: Option<String>,
    pub raw: Vec<u8>,
    /// What the emulator shows now.
    pub screen: String,
    /// The line settings are as before.
    pub line_restored: bool,
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }
}

fn nonzero(number: u16) -> NonZero<u16> {
    NonZero::new(number).unwrap()
}

fn emulator(columns: u16, rows: u16) -> vt100::Parser {
    vt100::Parser::new(nonzero(rows), nonzero(columns), 0)
}

/// The question behind each slice of a picture, and what places it.
const SLICE_END: &[u8] = b"\x1b[5n";
const PLACED: &[u8] = b"\x1b_Ga=p,";

fn count(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).filter(|window| *window == part).count()
}

impl Pty {
    /// The dashboard at 80×24.
    pub fn dashboard(house: &House) -> Self {
        Self::open(house, (80, 24), &[], &[])
    }

    pub fn open(house: &House, size: (u16, u16), args: &[&str], env: &[(&str, &str)]) -> Self {
        let mut command = CommandBuilder::new(assert_cmd::cargo::cargo_bin("mj-enhance"));
        command.args(args);
        Self::start(house, size, command, env)
    }

    /// A shell script, in which `$0` is the program.
    pub fn shell(house: &House, script: &str) -> Self {
        let mut command = CommandBuilder::new("/bin/sh");
        command.args(["-c", script]);
        command.arg(assert_cmd::cargo::cargo_bin("mj-enhance"));
        Self::start(house, (80, 24), command, &[])
    }

    fn start(house: &House, (columns, rows): (u16, u16), mut command: CommandBuilder, env: &[(&str, &str)]) -> Self {
        let pair = native_pty_system().openpty(size(columns, rows)).unwrap();
        command.env_clear();
        command.cwd(house.home());
        for (name, value) in house.environment() {
            command.env(name, value);
        }
        command.env("TERM", "xterm-256color");
        for (name, value) in env {
            command.env(name, value);
        }
        let before = settings(&*pair.master);
        let child = pair.slave.spawn_command(command).unwrap();
        // Only the program holds the other end now, so that its end is the end of the stream.
        drop(pair.slave);
        let shared = Arc::new(Shared {
            seen: Mutex::new(Seen { emulator: emulator(columns, rows), raw: Vec::new(), ended: false }),
            news: Condvar::new(),
            stop: AtomicBool::new(false),
        });
        let mut from = pair.master.try_clone_reader().unwrap();
        let told = Arc::clone(&shared);
        let reader = std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while !told.stop.load(Ordering::SeqCst) {
                let read = from.read(&mut buffer).unwrap_or(0);
                let mut seen = told.seen.lock().unwrap_or_else(PoisonError::into_inner);
                if read == 0 {
                    seen.ended = true;
                } else {
                    seen.emulator.process(&buffer[..read]);
                    seen.raw.extend_from_slice(&buffer[..read]);
                }
                let ended = seen.ended;
                drop(seen);
                told.news.notify_all();
                if ended {
                    return;
                }
            }
        });
        let writer = pair.master.take_writer().unwrap();
        let pid = child.process_id().unwrap();
        Self { child, master: pair.master, writer, shared, reader: Some(reader), before, pid }
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is on the screen.
    pub fn text(&self) -> String {
        self.seen().emulator.screen().contents()
    }

    /// Whether the line settings are those of before the program.
    pub fn line_is_restored(&self) -> bool {
        settings(&*self.master) == self.before
    }

    /// How many bytes were written so far.
    pub fn bytes(&self) -> usize {
        self.seen().raw.len()
    }

    /// How often these bytes were written.
    pub fn wrote(&self, part: &[u8]) -> usize {
        count(&self.seen().raw, part)
    }

    /// Presses keys that show a picture of kitty's protocol, and answers like a terminal until it is placed.
    #[track_caller]
    pub fn press_for_a_picture(&mut self, keys: &str) {
        let mut answered = self.wrote(SLICE_END);
        self.keys(keys);
        while self.wrote(PLACED) == 0 {
            let end = Instant::now() + PATIENCE;
            let mut seen = self.seen();
            let mut asked = count(&seen.raw, SLICE_END);
            while asked == answered && count(&seen.raw, PLACED) == 0 {
                let left = end.saturating_duration_since(Instant::now());
                assert!(!left.is_zero() && !seen.ended, "waited for a picture:\n{}", seen.emulator.screen().contents());
                seen = self.shared.news.wait_timeout(seen, left).unwrap().0;
                asked = count(&seen.raw, SLICE_END);
            }
            drop(seen);
            self.keys(&"\x1b[0n".repeat(asked - answered));
            answered = asked;
        }
    }

    /// Types; a terminal that is gone takes nothing, which the next look tells.
    pub fn keys(&mut self, keys: &str) {
        let _ = self.writer.write_all(keys.as_bytes());
        let _ = self.writer.flush();
    }

    /// Pastes as a terminal with bracketed paste does.
    pub fn paste(&mut self, text: &str) {
        assert!(self.seen().emulator.screen().bracketed_paste(), "the program asks for bracketed paste");
        self.keys(&format!("\x1b[200~{}\x1b[201~", text.replace('\n', "\r")));
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.seen().emulator.screen_mut().set_size(nonzero(rows), nonzero(columns));
        self.master.resize(size(columns, rows)).unwrap();
    }

    /// Waits until the screen fulfils a condition. `what` is told when it never does.
    #[track_caller]
    pub fn until(&self, what: &str, condition: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + PATIENCE;
        let mut seen = self.seen();
        loop {
            let text = seen.emulator.screen().contents();
            if condition(&text) {
                return text;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !seen.ended, "waited for {what}; ended: {}; the screen:\n{text}", seen.ended);
            seen = self.shared.news.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// Waits until a text is on the screen.
    #[track_caller]
    pub fn shows(&self, text: &str) -> String {
        self.until(&format!("{text:?}"), |screen| screen.contains(text))
    }

    /// Types, then waits until a text is on the screen.
    #[track_caller]
    pub fn press(&mut self, keys: &str, shows: &str) -> String {
        self.keys(keys);
        self.shows(shows)
    }

    /// Says yes to the box that asks. A `y` before the box has been on the terminal for 300 ms is dropped: a person presses
    /// again, as the box says.
    #[track_caller]
    pub fn confirm(&mut self) {
        let end = Instant::now() + PATIENCE;
        loop {
            self.keys("y");
            if self.within(Duration::from_millis(350), |screen| !screen.contains("n back")) {
                return;
            }
            assert!(Instant::now() < end && !self.has_ended(), "the box takes no y:\n{}", self.text());
        }
    }

    /// Waits until the screen fulfils a condition or the time is over; whether it does.
    pub fn within(&self, time: Duration, condition: impl Fn(&str) -> bool) -> bool {
        let end = Instant::now() + time;
        let mut seen = self.seen();
        loop {
            if condition(&seen.emulator.screen().contents()) {
                return true;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || seen.ended {
                return false;
            }
            seen = self.shared.news.wait_timeout(seen, left).unwrap().0;
        }
    }

    pub fn signal(&self, what: Signal) {
        signal(self.pid, what);
    }

    /// Whether the program has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Kills it as the system would, and takes its body away.
    pub fn kill(mut self) -> Ended {
        // It may have ended by itself.
        if !self.has_ended() {
            self.signal(Signal::KILL);
        }
        self.ended()
    }

    /// Waits for the end.
    #[track_caller]
    pub fn ended(mut self) -> Ended {
        let end = Instant::now() + PATIENCE;
        let mut seen = self.seen();
        while !seen.ended {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the program does not end; the screen:\n{}", seen.emulator.screen().contents());
            seen = self.shared.news.wait_timeout(seen, left).unwrap().0;
        }
        drop(seen);
        let status = self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        let line_restored = settings(&*self.master) == self.before;
        let seen = self.seen();
        Ended {
            code: status.exit_code(),
            signal: status.signal().map(str::to_owned),
            raw: seen.raw.clone(),
            screen: seen.emulator.screen().contents(),
            line_restored,
        }
    }

    /// The line drops: the terminal's side is closed. Gives the exit code and how long the end took.
    pub fn hang_up(mut self) -> (u32, Duration) {
        // The reading thread holds a copy of our side; it lets go after the next bytes, which a redraw brings.
        self.shared.stop.store(true, Ordering::SeqCst);
        self.keys("\x0c");
        self.reader.take().unwrap().join().unwrap();
        let begun = Instant::now();
        self.writer = Box::new(std::io::sink());
        self.master = native_pty_system().openpty(size(80, 24)).unwrap().master;
        let status = self.child.wait().unwrap();
        (status.exit_code(), begun.elapsed())
    }
}

fn settings(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().unwrap())
}

impl Ended {
    /// The terminal is as it was: main screen, cursor shown, no reports, no open frame, line settings as before.
    #[track_caller]
    pub fn assert_restored(&self) {
        let last = |bytes: &[u8]| self.raw.windows(bytes.len()).rposition(|window| window == bytes);
        for (on, off, what) in [
            ("\x1b[?1049h", "\x1b[?1049l", "the alternate screen"),
            ("\x1b[?25l", "\x1b[?25h", "the hidden cursor"),
            ("\x1b[?2004h", "\x1b[?2004l", "bracketed paste"),
            ("\x1b[?1004h", "\x1b[?1004l", "focus reports"),
            ("\x1b[?1000;1006h", "\x1b[?1000;1006l", "mouse reports"),
            ("\x1b[?2026h", "\x1b[?2026l", "an open frame"),
        ] {
            assert!(last(off.as_bytes()) >= last(on.as_bytes()), "{what} was left on");
        }
        assert!(last(b"\x1b[?1049l").is_some(), "it was on the alternate screen");
        let count = |bytes: &[u8]| self.raw.windows(bytes.len()).filter(|window| *window == bytes).count();
        assert_eq!(count(b"\x1b[>0u"), count(b"\x1b[<u"), "keyboard flags are popped as often as they were pushed");
        assert_eq!(count(b";2004s"), count(b";2004r"), "modes are restored as often as they were saved");
        let mut emulator = emulator(80, 24);
        emulator.process(&self.raw);
        let screen = emulator.screen();
        assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste());
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        assert_eq!((screen.fgcolor(), screen.bgcolor()), (vt100::Color::Default, vt100::Color::Default));
        assert!(self.line_restored, "the line settings are as before");
    }
}
