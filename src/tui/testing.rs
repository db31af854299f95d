//! Builders of jobs, news and screens for the tests of this room.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::{Timestamp, ToSpan as _};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, CellWidth as _};

use super::app::App;
use super::effect::{Effect, SessionEffect};
use super::event::{Event, News};
use super::keymap::Key;
use super::options::AppOptions;
use super::view;
use crate::engine::{Command, CommandOutcome, Connection, Details, EngineEvent, Role, Seen, Status, TimelineEntry};
use crate::job::{
    Approval, Caps, Charge, Credits, Doubt, Failure, FetchTrouble, HoldReason, IdempotencyKey, ImageNumber, Job, JobId, JobKind,
    Model, PaidSend, Percent, Phase, Prices, Progress, Prompt, SavedFile, Spent, State, Tag, TaskId,
};

/// Compares a text with the stored one of this name.
#[track_caller]
pub(crate) fn stored(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// A moment, in seconds after the beginning of the tests' time: 2026-11-22 14:00:00 UTC.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_356_000 + seconds).unwrap()
}

pub(crate) fn draft(n: u64) -> TaskId {
    const LETTERS: [&str; 8] = ["k3v9q2ad", "p8w2m5xc", "b7n4t1zz", "m2c6r9he", "x5j8d3qa", "f1y7g4wp", "h9s2v6tn", "c4u3k8rb"];
    let at = usize::try_from(n % 8).unwrap();
    let name = if n < 8 { LETTERS[at].to_owned() } else { format!("{}{:04}", &LETTERS[at][..4], n % 10_000) };
    TaskId::new(&format!("task-unified-{}-{name}", 1_790_000_100 + n)).unwrap()
}

pub(crate) fn new_job(n: u64) -> Job {
    let image = ImageNumber::try_from(u8::try_from(n % 4).unwrap()).unwrap();
    let mut job = Job::new(
        JobId::from_bits(0x00ab_0000_0000 + n),
        JobKind::Enhance { source: draft(n), image },
        i64::try_from(n).unwrap() * 10,
        at(-600),
    );
    job.revision = n + 1;
    job
}

/// A job in a state, with all the facts that such a job has.
pub(crate) fn job_in(n: u64, state: State) -> Job {
    let mut job = new_job(n);
    let price = Credits::PUBLISHED_PRICE;
    if state.may_have_been_sent() && state != State::Cancelled {
        job.approval = Some(Approval { seq: 1, price, at: at(-500), not_before: at(-495) });
        job.send = Some(PaidSend {
            key: IdempotencyKey::from_random([7; 16]),
            body: "{}".to_owned(),
            agreed: price,
            first_at: at(-90),
            last_at: at(-90),
            first_server_time: None,
            last_server_time: None,
            attempts: 1,
            lost: 0,
            absence_confirmed: false,
            refusals: 0,
        });
        job.charge = Some(Charge::Reserved);
    }
    if !matches!(state, State::Held | State::Waiting | State::Sending | State::Unsure | State::Cancelled) {
        job.task = Some(TaskId::new(&format!("task-unified-1795355900-t{n:07}")).unwrap());
        job.sent_at = Some(at(-83));
        job.reserved = Some(price);
        job.estimate = Some(120);
    }
    if matches!(state, State::ToFetch | State::Fetching | State::Saved) {
        job.finished_at = Some(at(-20));
        job.link_expires_at = Some(at(86_380));
        job.links = vec![format!("https://files.example.org/r/{n}.png")];
        job.charge = Some(Charge::Charged);
        job.charged = Some(price);
    }
    job.phase = match state {
        State::Held => Phase::Held(HoldReason::You),
        State::Waiting => {
            job.approval = Some(Approval { seq: 1, price, at: at(-500), not_before: at(-495) });
            Phase::Waiting
        }
        State::Sending => Phase::Sending,
        State::Unsure => Phase::Unsure(Doubt {
            why: "no answer within 30 s".into(),
            looked: true,
            candidates: vec![
                TaskId::new("task-unified-1795355910-one00001").unwrap(),
                TaskId::new("task-unified-1795355911-two00002").unwrap(),
            ],
        }),
        State::Running => Phase::Running(Progress { percent: Percent::new(42), seconds_left: Some(70), at: Some(at(-10)) }),
        State::ToFetch => Phase::ToFetch(FetchTrouble { attempts: 2, last: Some("connection cut at 40%".to_owned()) }),
        State::Fetching => Phase::Fetching(FetchTrouble::default()),
        State::Saved => {
            job.saved_at = Some(at(-18));
            job.files = vec![SavedFile {
                path: format!("/data/results/2026-11-22/untagged/t{n:07}-0.png").into(),
                sha256: "ab".repeat(32),
                bytes: 3_141_592,
            }];
            Phase::Saved
        }
        State::Failed => {
            job.finished_at = Some(at(-30));
            job.charge = Some(Charge::NotKnown);
            job.request_id = Some("req-77".to_owned());
            Phase::Failed(Failure::of_task("content_policy_violation", "refused by moderation"))
        }
        State::Cancelled => {
            job.finished_at = Some(at(-40));
            Phase::Cancelled(crate::job::CancelledBy::You)
        }
        State::Unwatched => Phase::Unwatched,
    };
    job
}

/// A draft job in a state, of a prompt.
pub(crate) fn draft_job_in(n: u64, state: State, prompt: &str) -> Job {
    let mut job = job_in(n, state);
    job.kind = JobKind::Draft { prompt: Prompt::new(prompt).unwrap(), template: None };
    let price = Credits::PUBLISHED_DRAFT_PRICE;
    job.approval = job.approval.map(|approval| Approval { price, ..approval });
    job.reserved = job.reserved.map(|_| price);
    job.charged = job.charged.map(|_| price);
    if state == State::Saved {
        let file = |image| SavedFile {
            path: format!("/data/results/drafts/2026-11-22/harbour/t{n:07}-{image}.png").into(),
            sha256: "cd".repeat(32),
            bytes: 1_100_000,
        };
        job.files = (0..4).map(file).collect();
        job.links = (0..4).map(|image| format!("https://files.example.org/d/{n}-{image}.png")).collect();
    }
    job
}

pub(crate) fn jobs_in_every_state() -> Vec<Arc<Job>> {
    State::ALL
        .into_iter()
        .zip(0..)
        .map(|(state, n)| {
            let mut job = job_in(n, state);
            job.tag = (n % 3 == 0).then(|| Tag::new("sunset").unwrap());
            Arc::new(job)
        })
        .collect()
}

/// So many jobs in all states.
pub(crate) fn many_jobs(count: u64) -> Vec<Arc<Job>> {
    (0..count).map(|n| Arc::new(job_in(n, State::ALL[usize::try_from(n).unwrap() % State::ALL.len()]))).collect()
}

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
        reported_prices: vec![Model::Enhance],
        uc_per_usd: Some(680_000),
        balance: Some(Seen { amount: Credits::from_uc(5_124_000), at: at(-60), there: None }),
        reserved: Credits::from_uc(108_000),
        spent: Spent { session: Credits::from_uc(162_000), day: Credits::from_uc(216_000), month: Credits::from_uc(540_000) },
        caps: Caps { session: None, day: Some(Credits::from_uc(1_000_000)) },
        idle: false,
        unread: Arc::default(),
    }
}

/// A dashboard at work in a test: it has a size, and time goes on by a tenth of a second with every key.
pub(crate) struct ScreenHarness {
    pub app: App,
    pub now: Timestamp,
    pub effects: Vec<Effect>,
    pub size: (u16, u16),
}

impl ScreenHarness {
    pub(crate) fn with(options: AppOptions, size: (u16, u16), jobs: Vec<Arc<Job>>) -> Self {
        let mut screen_harness = Self { app: App::new(options, at(0)), now: at(0), effects: Vec::new(), size };
        screen_harness.event(Event::Resize(size.0, size.1));
        screen_harness.event(Event::News(News::Engine(EngineEvent::Status(Arc::new(status())))));
        screen_harness.event(Event::News(News::Engine(EngineEvent::Jobs(jobs))));
        screen_harness.event(Event::News(News::Engine(EngineEvent::Loaded)));
        screen_harness.effects.clear();
        screen_harness
    }

    pub(crate) fn new(size: (u16, u16), jobs: Vec<Arc<Job>>) -> Self {
        Self::with(AppOptions { user: "ada".to_owned(), host: "box".to_owned(), ..AppOptions::default() }, size, jobs)
    }

    pub(crate) fn event(&mut self, event: Event) {
        let effects = self.app.update(self.now, event);
        self.effects.extend(effects);
    }

    pub(crate) fn wait(&mut self, milliseconds: i64) {
        self.now = self.now.checked_add(milliseconds.milliseconds()).unwrap();
    }

    pub(crate) fn key(&mut self, key: Key) {
        self.wait(100);
        self.read();
        self.event(Event::Key(event_of(key)));
    }

    /// What is drawn now has been before the person's eyes long enough for a key to answer it.
    pub(crate) fn read(&mut self) {
        self.event(Event::Settled(self.app.revision()));
    }

    /// Presses keys in the syntax of the keymap; `"text"` types it; `paste:text` pastes it (`|` is a line break).
    pub(crate) fn keys(&mut self, keys: &str) -> &mut Self {
        for part in keys.split_whitespace() {
            if let Some(text) = part.strip_prefix("paste:") {
                self.event(Event::Paste(text.replace('|', "\n").replace('_', " ").into()));
            } else if let Some(text) = part.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).filter(|t| !t.is_empty()) {
                for c in text.chars() {
                    self.key(Key::char(if c == '_' { ' ' } else { c }));
                }
            } else {
                self.key(part.parse().unwrap());
            }
        }
        self
    }

    pub(crate) fn status(&mut self, change: impl FnOnce(&mut Status)) -> &mut Self {
        let mut status = status();
        change(&mut status);
        self.event(Event::News(News::Engine(EngineEvent::Status(Arc::new(status)))));
        self
    }

    /// Answers the last command.
    pub(crate) fn answer(&mut self, done: CommandOutcome) -> &mut Self {
        let ticket = self.app.messages.last_ticket();
        self.event(Event::News(News::Engine(EngineEvent::CommandDone { ticket, outcome: Ok(done) })));
        self
    }

    pub(crate) fn commands(&self) -> Vec<&Command> {
        self.effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Session(SessionEffect::Command { command, .. }) => Some(command),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn details(&mut self) -> &mut Self {
        let id = self.app.jobs.selected().unwrap();
        let entry = |seconds, state, note: &str| TimelineEntry { at: at(seconds), state, note: note.to_owned() };
        let details = Details {
            timeline: vec![
                entry(-600, State::Held, "recorded"),
                entry(-500, State::Waiting, "approved at 5.4 credits"),
                entry(-90, State::Sending, ""),
                entry(-83, State::Running, "accepted"),
            ],
            raw: Some("{\n  \"status\": \"failed\",\n  \"error\": {\"code\": \"x\"}\n}".to_owned()),
        };
        self.event(Event::News(News::Engine(EngineEvent::Details { job: id, details: Arc::new(details) })));
        self
    }

    /// The screen as cells.
    pub(crate) fn cells(&self) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(self.size.0, self.size.1)).unwrap();
        terminal.draw(|frame| drop(view::screen(&self.app, frame, self.now))).unwrap();
        terminal.backend().buffer().clone()
    }

    /// The screen as text, trailing spaces cut.
    pub(crate) fn screen(&self) -> String {
        let buffer = self.cells();
        let mut out = String::new();
        for y in 0..buffer.area.height {
            let mut skip = 0;
            let mut line = String::new();
            for x in 0..buffer.area.width {
                let symbol = buffer[(x, y)].symbol();
                if skip == 0 {
                    line.push_str(symbol);
                }
                skip = usize::from(symbol.cell_width()).max(skip).saturating_sub(1);
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

pub(crate) fn event_of(key: Key) -> KeyEvent {
    let mut modifiers = KeyModifiers::NONE;
    if key.ctrl {
        modifiers |= KeyModifiers::CONTROL;
    }
    if key.shift || matches!(key.code, KeyCode::Char(c) if c.is_uppercase()) {
        modifiers |= KeyModifiers::SHIFT;
    }
    KeyEvent::new(key.code, modifiers)
}
