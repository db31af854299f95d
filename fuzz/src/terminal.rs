//! What a terminal sends by itself, torn and mixed with anything, through the parser into the dashboard.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEventKind};
use mj_enhance::engine::EngineEvent;
use mj_enhance::job::{Job, State};
use mj_enhance::tui::terminal::TerminalEvent;
use mj_enhance::tui::terminal::parser::Parser;
use mj_enhance::tui::{App, AppOptions, Effect, Event, News, SessionEffect};

use super::bytes::Bytes;
use super::keys::status;
use super::samples::{self, at};

/// At most so many pieces from one input.
const MOST: usize = 120;

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    // Odd: nothing but what a terminal sends by itself, so nothing may be typed.
    let harmless = bytes.yes();
    let mut app = App::new(AppOptions { mouse: bytes.yes(), ..AppOptions::default() }, at(0));
    let jobs: Vec<Arc<Job>> = samples::jobs(33).into_iter().map(Arc::new).collect();
    let mut status = status();
    status.waiting_for_go = jobs.iter().filter(|job| job.state() == State::Waiting).map(|job| job.id).collect();
    let start = [EngineEvent::Status(Arc::new(status)), EngineEvent::Jobs(jobs), EngineEvent::Loaded]
        .map(|news| Event::News(News::Engine(news)));
    for event in [Event::Resize(80, 24)].into_iter().chain(start) {
        let _ = app.update(at(0), event);
    }
    let mut stream = Vec::new();
    for _ in 0..MOST {
        if bytes.is_empty() {
            break;
        }
        if harmless || bytes.yes() { sent_by_itself(&mut bytes, &mut stream) } else { stream.extend_from_slice(bytes.some(12)) }
    }
    let mut line = Line { parser: Parser::default(), now: Instant::now(), app, harmless, escapes: 0 };
    let mut rest = &stream[..];
    // The same input decides where it is torn and how long that takes.
    let mut cuts = Bytes::new(data);
    while !rest.is_empty() {
        let (piece, more) = rest.split_at((usize::from(cuts.byte()) % 40 + 1).min(rest.len()));
        rest = more;
        line.send(piece);
        line.wait(Duration::from_millis(u64::from(cuts.byte())));
    }
    // What was begun is remembered for a minute after its wait.
    line.wait(Duration::from_mins(2));
    assert!(line.parser.deadline().is_none(), "nothing waits for ever");
}

struct Line {
    parser: Parser,
    now: Instant,
    app: App,
    harmless: bool,
    /// How often a lone `Esc` waited longer than its time, which is the key.
    escapes: usize,
}

impl Line {
    fn send(&mut self, piece: &[u8]) {
        let mut events = Vec::new();
        self.parser.feed(piece, self.now, &mut events);
        self.escapes += usize::from(piece.ends_with(b"\x1b"));
        self.take(events);
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(deadline) = self.parser.deadline().filter(|deadline| *deadline <= end) {
            let mut events = Vec::new();
            self.parser.expire(deadline, &mut events);
            assert!(self.parser.deadline().is_none_or(|next| next > deadline), "time goes on");
            self.take(events);
        }
        self.now = end;
    }

    fn take(&mut self, events: Vec<TerminalEvent>) {
        for event in events {
            let event = match event {
                TerminalEvent::Key(key) | TerminalEvent::KeyInBurst(key) => {
                    assert_ne!(key.kind, KeyEventKind::Release, "a release is nothing");
                    if self.harmless {
                        assert!(key.code == KeyCode::Esc && self.escapes > 0, "{key:?} was typed by the terminal");
                        self.escapes -= 1;
                    }
                    Event::Key(key)
                }
                TerminalEvent::Paste(paste) => {
                    assert!(!self.harmless, "{paste:?} was pasted by the terminal");
                    Event::Paste(paste)
                }
                TerminalEvent::Mouse(mouse) => Event::Mouse(mouse),
                TerminalEvent::Focus(focused) => Event::Focus(focused),
                TerminalEvent::Reply(_) => continue,
            };
            // Nothing of this was ever drawn, so nothing can be confirmed.
            let paid = self.app.asked_price().is_some();
            for effect in self.app.update(at(1), event.clone()) {
                if let Effect::Session(SessionEffect::Command { command, .. }) = effect {
                    assert!(!self.harmless, "{event:?} made {command:?}");
                    assert!(!paid || super::keys::consent(&command).is_none(), "{event:?} paid: {command:?}");
                }
            }
            assert!(!self.harmless || self.app.asked_price().is_none(), "a price box opened by itself");
        }
    }
}

/// One sequence of a terminal, of any content.
fn sent_by_itself(bytes: &mut Bytes<'_>, out: &mut Vec<u8>) {
    let numbers = |bytes: &mut Bytes<'_>| format!("{};{};{}", bytes.byte(), bytes.byte(), bytes.byte());
    let body = |bytes: &mut Bytes<'_>| -> String {
        bytes.some(30).iter().map(|byte| char::from(byte % 95 + b' ')).filter(|c| *c != '\\').collect()
    };
    let end = |bytes: &mut Bytes<'_>| bytes.pick(&["\x1b\\", "\x07", "\u{9c}"]);
    let text = match bytes.byte() % 20 {
        0 => format!("\x1bP>|{}{}", body(bytes), end(bytes)),
        1 => format!("\x1bP{}${}{}", bytes.byte(), body(bytes), end(bytes)),
        2 => format!("\x1b]{};{}{}", bytes.byte(), body(bytes), end(bytes)),
        3 => format!("\x1b_G{}{}", body(bytes), end(bytes)),
        4 => format!("{}{}{}", bytes.pick(&["\u{90}", "\u{98}", "\u{9d}", "\u{9e}", "\u{9f}"]), body(bytes), end(bytes)),
        5 => format!("\x1b[{}{}{}", bytes.pick(&["?", ">", "="]), numbers(bytes), bytes.pick(&["c", "n", "u", "S", "R", "$y"])),
        6 => format!("\x1b[<{}{}", numbers(bytes), bytes.pick(&["M", "m"])),
        7 => format!("\x1b[{}M", numbers(bytes)),
        8 => format!("\x1b[{};1:3{}", bytes.byte(), bytes.pick(&["u", "~"])),
        9 => format!("\x1b[1;{}:3{}", bytes.byte() | 1, bytes.pick(&["A", "B", "H", "P"])),
        10 => {
            bytes.pick(&["\x1b[I", "\x1b[O", "\x1b[24;80R", "\x1b[6;20;10t", "\x1b[0n", "\x1b[201~", "\x1b[57441;2u"]).to_owned()
        }
        // Win32 input mode, which no other program may have left on: virtual key, scan code, character, down, state, repeats.
        11 => format!("\x1b[{};{};{};{};32;1_", bytes.byte(), bytes.byte(), bytes.byte(), bytes.byte() % 2),
        // Sizes that come by themselves (mode 2048), the colour scheme, titles, checksums of the screen.
        12 => bytes
            .pick(&["\x1b[48;24;80;480;800t", "\x1b[?997;2n", "\x1b]lyes y\x1b\\", "\x1b]Ly\x1b\\", "\x1bP1!~79\x1b\\"])
            .to_owned(),
        // A release of kitty's with all its fields, and of a key whose place is that of y.
        13 => format!("\x1b[{}:89:121;{}:3;121u", 1_040 + u32::from(bytes.byte()), bytes.byte() | 1),
        // 8-bit introducers, which are no UTF-8.
        14 => {
            out.push(bytes.pick(&[0x90, 0x98, 0x9d, 0x9e, 0x9f]));
            out.extend_from_slice(body(bytes).as_bytes());
            out.extend_from_slice(b"\x1b\\");
            return;
        }
        // Strings that no terminal of today answers with, in their 7-bit form.
        15 => format!("{}{}{}", bytes.pick(&["\x1b^", "\x1bX"]), body(bytes), end(bytes)),
        // Answers whose end is lost.
        16 => format!("{}{}", bytes.pick(&["\x1b]11;", "\x1bP>|", "\x1b_G", "\u{98}", "\u{9e}"]), body(bytes)),
        // Reports with intermediate bytes, and what ends in a letter that would be a key.
        17 => format!("\x1b[{}{}", numbers(bytes), bytes.pick(&["$y", "&w", "*y", "x", "R", "t", "\"|", " q"])),
        // 8-bit introducers with the 8-bit end.
        18 => {
            out.push(bytes.pick(&[0x90, 0x98, 0x9d, 0x9e, 0x9f]));
            out.extend_from_slice(body(bytes).as_bytes());
            out.push(0x9c);
            return;
        }
        _ => {
            out.extend_from_slice(b"\x1b[M");
            // Below 194, where a byte may be the first of a character of mode 1005.
            out.extend((0..3).map(|_| bytes.byte() % 162 + 32));
            return;
        }
    };
    out.extend_from_slice(text.as_bytes());
}
