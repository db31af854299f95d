//! Keys, pastes, the mouse, sizes and news into the dashboard, drawn after each.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use jiff::{SignedDuration, Timestamp};
use mj_enhance::engine::{
    Act, Command, CommandError, CommandOutcome, Connection, Consent, Details, EngineEvent, Notice, NoticeKind, PauseReason, Role,
    Seen, Status, StoreError,
};
use mj_enhance::job::text::is_unsafe;
use mj_enhance::job::{Caps, Credits, ErrorClass, Failure, Job, JobId, Model, Prices, Quote, Spent, State};
use mj_enhance::tui::terminal;
use mj_enhance::tui::{App, AppOptions, Charset, Effect, Event, News, NotifyMethod, SessionEffect, Theme, view};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::bytes::Bytes;
use super::samples::{self, at};

static JOBS: LazyLock<Vec<Arc<Job>>> = LazyLock::new(|| samples::jobs(33).into_iter().map(Arc::new).collect());

pub(crate) fn status() -> Status {
    Status {
        role: Role::Engine,
        connection: Connection::Up,
        all_wait_until: None,
        paused: None,
        in_flight: 2,
        max_in_flight: 4,
        waiting_for_go: Vec::new(),
        prices: Prices::PUBLISHED,
        reported_prices: Model::ALL.to_vec(),
        uc_per_usd: None,
        balance: Some(Seen { amount: Credits::from_uc(5_124_000), at: at(-60), there: None }),
        reserved: Credits::from_uc(108_000),
        spent: Spent::default(),
        caps: Caps { session: None, day: Some(Credits::from_uc(1_000_000)) },
        idle: false,
        unread: std::sync::Arc::default(),
    }
}

struct ScreenHarness {
    app: App,
    now: Timestamp,
    size: (u16, u16),
    status: Status,
    tickets: Vec<u64>,
    read_only: bool,
    /// The revision that was drawn last, the last one that was before a person's eyes long enough, and since which one the
    /// present price box is there.
    drawn: u64,
    settled: u64,
    asked_since: u64,
}

/// At most so many events from one input.
const MOST: usize = 160;

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let flags = bytes.byte();
    let options = AppOptions {
        charset: if flags & 1 == 0 { Charset::Unicode } else { Charset::Ascii },
        theme: bytes.pick(&[Theme::Auto, Theme::Dark, Theme::Light, Theme::Mono]),
        color: flags & 2 == 0,
        slow_link: flags & 4 != 0,
        read_only: flags & 0x78 == 0x78,
        mouse: flags & 16 != 0,
        notify: NotifyMethod::Desktop,
        remembered: (flags & 128 != 0).then(|| bytes.text(60)),
        grace: Duration::from_secs(5),
        ..AppOptions::default()
    };
    let read_only = options.read_only;
    let now = at(0);
    let mut screen_harness = ScreenHarness {
        app: App::new(options, now),
        now,
        size: (80, 24),
        status: status(),
        tickets: Vec::new(),
        read_only,
        drawn: 0,
        settled: 0,
        asked_since: 0,
    };
    screen_harness.event(&Event::Resize(80, 24));
    screen_harness.event(&Event::News(News::Engine(EngineEvent::Status(Arc::new(status())))));
    screen_harness.event(&Event::News(News::Engine(EngineEvent::Jobs(JOBS.clone()))));
    screen_harness.event(&Event::News(News::Engine(EngineEvent::Loaded)));
    for _ in 0..MOST {
        if bytes.is_empty() || screen_harness.app.is_finished() {
            break;
        }
        screen_harness.pass(bytes.byte());
        let event = screen_harness.choose(&mut bytes);
        screen_harness.event(&event);
        screen_harness.draw();
    }
}

impl ScreenHarness {
    fn pass(&mut self, byte: u8) {
        let millis = match byte {
            0..=63 => 0,
            64..=199 => i64::from(byte),
            200..=239 => i64::from(byte) * 500,
            _ => i64::from(byte) * 100_000,
        };
        self.now = self.now.checked_add(SignedDuration::from_millis(millis)).unwrap_or(self.now);
        if millis > 0 {
            self.event(&Event::Settled(self.drawn));
        }
    }

    fn choose(&mut self, bytes: &mut Bytes<'_>) -> Event {
        match bytes.byte() {
            0..=159 => Event::Key(key(bytes)),
            160..=169 => Event::Key(KeyEvent::new(KeyCode::Char('y'), KeyModifiers::NONE)),
            170..=179 => Event::Paste(terminal::Paste::from(match bytes.byte() % 4 {
                0 => "task-unified-1790000100-aaaa0001 all\nyyy\n".to_owned(),
                1 => format!("{} 0-3", samples::draft(u64::from(bytes.byte()))),
                _ => bytes.text(60),
            })),
            180..=189 => Event::Mouse(MouseEvent {
                kind: bytes.pick(&[
                    MouseEventKind::Down(MouseButton::Left),
                    MouseEventKind::ScrollDown,
                    MouseEventKind::ScrollUp,
                    MouseEventKind::Moved,
                    MouseEventKind::Down(MouseButton::Right),
                ]),
                column: u16::from(bytes.byte()),
                row: u16::from(bytes.byte()),
                modifiers: KeyModifiers::NONE,
            }),
            190..=209 => {
                let size = (u16::from(bytes.byte()), u16::from(bytes.byte() % 80));
                self.size = size;
                Event::Resize(size.0, size.1)
            }
            210..=214 => Event::Focus(bytes.yes()),
            215..=219 => Event::Tick,
            220 => Event::Resumed,
            _ => Event::News(News::Engine(self.news(bytes))),
        }
    }

    fn news(&mut self, bytes: &mut Bytes<'_>) -> EngineEvent {
        let n = u64::from(bytes.byte() % 40);
        let id = JobId::from_bits(0x00ab_0000_0000 + n);
        match bytes.byte() % 12 {
            0..=2 => {
                let mut job = samples::job(n, bytes.pick(&State::ALL));
                job.revision = 1_000 + u64::from(bytes.byte());
                job.removed = bytes.byte() == 5 && job.state().is_final();
                EngineEvent::Jobs(vec![Arc::new(job)])
            }
            3 => EngineEvent::Gone(vec![id]),
            4 => EngineEvent::Progress(vec![(id, samples::progress(bytes.byte() % 101))]),
            5 | 6 => {
                self.change_status(bytes);
                EngineEvent::Status(Arc::new(self.status.clone()))
            }
            7 => EngineEvent::Notice(Notice {
                at: self.now,
                job: Some(id),
                kind: match bytes.byte() % 3 {
                    0 => NoticeKind::TookOver,
                    1 => NoticeKind::StoreFailed { error: bytes.text(60) },
                    _ => NoticeKind::Failed(Failure::of_task(&bytes.text(20), &bytes.text(40))),
                },
            }),
            8 | 9 => {
                let ticket = if self.tickets.is_empty() { u64::from(bytes.byte()) } else { self.tickets.remove(0) };
                let done = CommandOutcome {
                    act: bytes.yes().then_some(Act::Held),
                    jobs: vec![id],
                    left_out: Vec::new(),
                    approval: bytes.yes().then(|| {
                        (u64::from(bytes.byte()), self.now.checked_add(SignedDuration::from_secs(5)).unwrap_or(self.now))
                    }),
                };
                EngineEvent::CommandDone {
                    ticket,
                    outcome: if bytes.byte().is_multiple_of(5) { Err(CommandError::TooLate) } else { Ok(done) },
                }
            }
            10 => {
                EngineEvent::Details { job: id, details: Arc::new(Details { timeline: Vec::new(), raw: Some(bytes.text(60)) }) }
            }
            _ if bytes.byte() == 3 => EngineEvent::Broken(StoreError::Database(bytes.text(20))),
            _ => EngineEvent::Loaded,
        }
    }

    fn change_status(&mut self, bytes: &mut Bytes<'_>) {
        let status = &mut self.status;
        match bytes.byte() % 8 {
            0 => status.prices.enhance = Credits::from_uc(bytes.odd_number().checked_abs().unwrap_or(1).max(1)),
            1 => {
                status.paused = bytes
                    .yes()
                    .then(|| PauseReason::Login { reply: Failure::new(ErrorClass::Login, "unauthorized", &bytes.text(20)) });
            }
            2 => status.paused = bytes.yes().then_some(PauseReason::You),
            3 => {
                status.waiting_for_go =
                    (0..u64::from(bytes.byte() % 5)).map(|n| JobId::from_bits(0x00ab_0000_0000 + n)).collect();
            }
            4 => {
                status.balance =
                    bytes.yes().then(|| Seen { amount: Credits::from_uc(bytes.odd_number()), at: self.now, there: None });
            }
            5 => status.caps.day = bytes.yes().then(|| Credits::from_uc(bytes.odd_number())),
            6 => status.all_wait_until = self.now.checked_add(SignedDuration::from_secs(i64::from(bytes.byte()))).ok(),
            _ => status.spent.day = Credits::from_uc(bytes.odd_number()),
        }
    }

    fn event(&mut self, event: &Event) {
        let asked = self.app.asked_price();
        if let Event::Settled(revision) = event {
            self.settled = *revision;
        }
        let effects = self.app.update(self.now, event.clone());
        for effect in effects {
            self.check(&effect, asked, event);
            if let Effect::Session(SessionEffect::Command { ticket, .. }) = effect {
                self.tickets.push(ticket);
            }
        }
        if self.app.asked_price() != asked || matches!(event, Event::Resize(..) | Event::Resumed) {
            self.asked_since = self.app.revision();
        }
        if let Some(quote) = self.app.asked_price() {
            assert!(quote.count() > 0, "a price box asks about something");
        }
        let _ = self.app.next_tick(self.now).inspect(|next| assert!(*next > self.now, "a tick lies ahead"));
    }

    fn check(&self, effect: &Effect, asked: Option<Quote>, event: &Event) {
        match effect {
            Effect::Session(SessionEffect::Command { command, .. }) => {
                assert!(!self.read_only, "who looks on commands nothing: {command:?}");
                if let Some((count, yes)) = consent(command) {
                    let quote = asked.unwrap_or_else(|| panic!("paid without a price box: {command:?}"));
                    assert_eq!((yes.lines, count), (quote.lines, quote.count()), "what was named is what is sent");
                    assert!(self.settled >= self.asked_since, "confirmed before the box was seen");
                    let Event::Key(key) = event else { panic!("{event:?} is no yes") };
                    let yes = matches!(key.code, KeyCode::Char('y')) && key.kind != KeyEventKind::Release;
                    assert!(yes && !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT), "{key:?} is no yes");
                }
                let weighty = matches!(
                    command,
                    Command::Remove { removed: true, .. }
                        | Command::RunAgain { .. }
                        | Command::GiveUp { .. }
                        | Command::Unwatch { .. }
                );
                if weighty {
                    let Event::Key(key) = event else { panic!("{event:?} made {command:?}") };
                    // A lower-case letter does so as a yes to a box or by a name that was typed, never by itself.
                    let lower = matches!(key.code, KeyCode::Char(c) if c.is_ascii_lowercase() && c != 'y' && !key.modifiers.contains(KeyModifiers::SHIFT));
                    assert!(!lower, "{key:?} made {command:?}");
                }
            }
            Effect::Title(said) => assert!(!said.chars().any(is_unsafe), "{said:?}"),
            Effect::Notify { title, body } => assert!(!title.chars().chain(body.chars()).any(is_unsafe), "{title:?} {body:?}"),
            _ => {}
        }
    }

    fn draw(&mut self) {
        let (width, height) = (self.size.0.min(220), self.size.1.min(80));
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a screen in memory");
        terminal.draw(|frame| drop(view::screen(&self.app, frame, self.now))).expect("a drawn frame");
        for cell in terminal.backend().buffer().content() {
            let bad = cell.symbol().chars().find(|c| is_unsafe(*c));
            assert!(bad.is_none(), "the screen shows {bad:?} in {:?}", cell.symbol());
        }
        self.drawn = self.app.revision();
        let _ = self.app.take_dirty();
    }
}

/// How many jobs a paid command is for, and its yes.
pub(crate) fn consent(command: &Command) -> Option<(usize, &Consent)> {
    match command {
        Command::Add { specs, consent: Some(yes), .. } => Some((specs.len(), yes)),
        Command::Approve { jobs, consent: yes }
        | Command::RunAgain { jobs, consent: yes, .. }
        | Command::Resume { jobs, consent: Some(yes) } => Some((jobs.len(), yes)),
        _ => None,
    }
}

fn key(bytes: &mut Bytes<'_>) -> KeyEvent {
    let code = match bytes.byte() {
        c @ 0x20..=0x7e => KeyCode::Char(char::from(c)),
        1 => KeyCode::Enter,
        2 => KeyCode::Esc,
        3 => KeyCode::Tab,
        4 => KeyCode::BackTab,
        5 => KeyCode::Backspace,
        6 => KeyCode::Delete,
        7 => KeyCode::Left,
        8 => KeyCode::Right,
        9 => KeyCode::Up,
        10 => KeyCode::Down,
        11 => KeyCode::Home,
        12 => KeyCode::End,
        13 => KeyCode::PageUp,
        14 => KeyCode::PageDown,
        15 => KeyCode::F(1),
        16 => KeyCode::Char(
            bytes.pick(&['é', 'й', 'н', 'φ', 'υ', 'ש', 'ט', '夏', '\u{301}', '\u{202e}', '👩', '\u{7f}', '\u{0}', 'Я']),
        ),
        17 => return KeyEvent::new(KeyCode::Char('d'), KeyModifiers::CONTROL),
        18 => return KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL),
        19 => return KeyEvent::new(KeyCode::Char('w'), KeyModifiers::CONTROL),
        20 => {
            let c = char::from(b'a' + bytes.byte() % 26);
            // Leaving ends the run; there is little to see after it.
            return KeyEvent::new(KeyCode::Char(if c == 'c' { 'l' } else { c }), KeyModifiers::CONTROL);
        }
        21 => {
            let mut event = KeyEvent::new(KeyCode::Char(char::from(b'a' + bytes.byte() % 26)), KeyModifiers::NONE);
            event.kind = bytes.pick(&[KeyEventKind::Release, KeyEventKind::Repeat]);
            return event;
        }
        22 => {
            return KeyEvent::new(
                KeyCode::Char('y'),
                bytes.pick(&[KeyModifiers::ALT, KeyModifiers::SHIFT, KeyModifiers::CONTROL]),
            );
        }
        // What brings on boxes comes more often.
        more => KeyCode::Char(bytes_key(more)),
    };
    let shift = matches!(code, KeyCode::Char(c) if c.is_uppercase());
    KeyEvent::new(code, if shift { KeyModifiers::SHIFT } else { KeyModifiers::NONE })
}

fn bytes_key(byte: u8) -> char {
    const KEYS: &[u8] = b"aRpPxDA uytgGjJkK1234567se$cEo:/?YdrwVMn+-h";
    char::from(KEYS[usize::from(byte) % KEYS.len()])
}
