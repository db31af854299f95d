//! Inside the process: what a key, an update and a frame cost with 10,000 jobs, and what the real dashboard writes.
//!
//! ```text
//! cargo bench --bench frames
//! cargo bench --bench frames -- ticking    # one part: keys, ticking, loading
//! ```

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Kind, at, head, job, row, sorted};
use crossterm::event::{KeyCode, KeyEvent};
use jiff::Timestamp;
use mj_enhance::engine::{Connection, EngineEvent, Role, Status};
use mj_enhance::job::{Caps, Credits, Job, JobKind, Model, Percent, Phase, Prices, Progress, Prompt, Spent};
use mj_enhance::tui::terminal::offscreen::Offscreen;
use mj_enhance::tui::terminal::paint::{Encoder, Painter, Style};
use mj_enhance::tui::{App, AppOptions, Event, News, view};

/// The dashboard with its painter, without a terminal.
struct Stage {
    app: App,
    offscreen: Offscreen,
    painter: Painter,
    out: Vec<u8>,
}

impl Stage {
    fn new(size: (u16, u16), jobs: &[Arc<Job>], encoder: Encoder, now: Timestamp) -> Self {
        let mut app = App::new(AppOptions::default(), now);
        let _ = app.update(now, Event::Resize(size.0, size.1));
        for part in jobs.chunks(500) {
            let _ = app.update(now, Event::News(News::Engine(EngineEvent::Jobs(part.to_vec()))));
        }
        let _ = app.update(now, Event::News(News::Engine(EngineEvent::Loaded)));
        let _ = app.update(now, Event::News(News::Engine(EngineEvent::Status(Arc::new(status(jobs.len()))))));
        let painter = Painter::new(Style { encoder, ..Style::default() });
        Self { app, offscreen: Offscreen::new(size.0, size.1), painter, out: Vec::new() }
    }

    /// Draws a frame; its bytes, and the fewest there could be.
    fn frame(&mut self, now: Timestamp, measure: bool) -> (usize, usize) {
        self.out.clear();
        let (buffer, cursor) = self.offscreen.draw(|frame| drop(view::screen(&self.app, frame, now)));
        let bound = if measure { self.painter.bound(buffer) } else { 0 };
        self.painter.paint(buffer, cursor, &mut self.out);
        (self.out.len(), bound)
    }
}

fn status(in_flight: usize) -> Status {
    Status {
        role: Role::Engine,
        connection: Connection::Up,
        all_wait_until: None,
        paused: None,
        in_flight: u32::try_from(in_flight).unwrap_or(0),
        max_in_flight: 10_000,
        waiting_for_go: Vec::new(),
        prices: Prices::PUBLISHED,
        reported_prices: Model::ALL.to_vec(),
        uc_per_usd: Some(680_000),
        balance: None,
        reserved: Credits::ZERO,
        spent: Spent::default(),
        caps: Caps { session: None, day: None },
        idle: false,
        unread: Arc::default(),
    }
}

fn second(now: Timestamp, seconds: i64) -> Timestamp {
    now + jiff::SignedDuration::from_secs(seconds)
}

/// A part of the bench, by its name.
type Part = (&'static str, fn(Timestamp));

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    head();
    let now = Timestamp::now();
    let parts: [Part; 3] = [("keys", keys), ("ticking", ticking), ("loading", loading)];
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            part(now);
        }
    }
}

/// A key between updates that come one by one.
fn keys(now: Timestamp) {
    let jobs: Vec<Arc<Job>> = (0..10_000).map(|n| Arc::new(job(n, Kind::Running, now))).collect();
    let mut stage = Stage::new((120, 40), &jobs, Encoder::Thrifty, now);
    let (_, first) = (stage.frame(now, false), stage.out.len());
    row("first paint of the list at 120x40, bytes", "", &first.to_string());
    let mut small = Stage::new((80, 24), &jobs, Encoder::Thrifty, now);
    small.frame(now, false);
    row("first paint of the list at 80x24, bytes", "< 6000", &small.out.len().to_string());
    let (mut key, mut update, mut draw, mut whole) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for n in 0..2_000_usize {
        let mut moved = Job::clone(&jobs[n * 7 % jobs.len()]);
        moved.phase = Phase::Running(Progress {
            percent: Percent::new(i64::try_from(n % 100).unwrap_or(0)),
            seconds_left: None,
            at: Some(now),
        });
        moved.revision += 1_000_000;
        let moved = Arc::new(moved);
        let began = Instant::now();
        let _ = stage.app.update(now, Event::News(News::Engine(EngineEvent::Jobs(vec![moved]))));
        update.push(began.elapsed());
        let code = if n % 60 < 30 { KeyCode::Down } else { KeyCode::Up };
        let began = Instant::now();
        let _ = stage.app.update(now, Event::Key(KeyEvent::from(code)));
        key.push(began.elapsed());
        stage.frame(now, false);
        whole.push(began.elapsed());
        draw.push(began.elapsed().saturating_sub(key[n]));
    }
    for (what, aim, took) in [
        ("key to the frame's bytes, 10,000 jobs, an update before each key", "< 1 ms; p99 < 8 ms", whole),
        ("… taking the key in", "", key),
        ("… drawing and encoding (frame time, 120x40)", "", draw),
        ("one changed job", "< 100 µs", update),
    ] {
        let took = sorted(took);
        row(what, aim, &format!("median {:.0?}, p99 {:.0?}, worst {:.0?}", at(&took, 50), at(&took, 99), at(&took, 100)));
    }
    // Only the selection moves.
    let mut sizes: Vec<usize> = (0..30)
        .map(|_| {
            let _ = stage.app.update(now, Event::Key(KeyEvent::from(KeyCode::Up)));
            stage.frame(now, false).0 + 16
        })
        .collect();
    sizes.sort_unstable();
    row("a key that moves the selection, bytes with brackets", "≤ 200", &format!("median {}, most {}", sizes[15], sizes[29]));
    let news: Vec<_> = jobs
        .iter()
        .take(100)
        .map(|job| (job.id, Progress { percent: Percent::new(50), seconds_left: None, at: Some(now) }))
        .collect();
    let took = sorted(
        (0..500)
            .map(|_| {
                let news = EngineEvent::Progress(news.clone());
                let began = Instant::now();
                let _ = stage.app.update(now, Event::News(News::Engine(news)));
                began.elapsed()
            })
            .collect::<Vec<Duration>>(),
    );
    row("progress of 100 jobs in one slot (1,000 a second)", "< 1 ms", &format!("median {:.0?}", at(&took, 50)));
}

/// Running rows for a minute: the clock each second, a percent more every third. In every view.
fn ticking(now: Timestamp) {
    let list: &[KeyCode] = &[];
    for (view, size, rows, keys) in [
        ("the list with details and activity beside it", (120, 40), 20, list),
        ("the list", (80, 24), 17, list),
        ("the details of one job", (80, 24), 17, &[KeyCode::Enter]),
        ("the drafts", (120, 40), 20, &[KeyCode::Char('v')]),
    ] {
        let jobs: Vec<Arc<Job>> = (0..rows)
            .map(|n| {
                let mut job = job(n, Kind::Running, now);
                if keys == [KeyCode::Char('v')] {
                    let prompt = Prompt::new(&format!("a red boat at an old pier in the fog, number {n}")).expect("a prompt");
                    job.kind = JobKind::Draft { prompt, template: None };
                }
                Arc::new(job)
            })
            .collect();
        let mut sums = Vec::new();
        let mut bound = 0;
        for encoder in [Encoder::Thrifty, Encoder::Stock] {
            let mut stage = Stage::new(size, &jobs, encoder, now);
            stage.frame(now, false);
            for key in keys {
                let _ = stage.app.update(now, Event::Key(KeyEvent::from(*key)));
            }
            stage.frame(now, false);
            let mut sum = 0;
            for seconds in 1..=60 {
                let then = second(now, seconds);
                let news = jobs
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| (i64::try_from(*at).unwrap_or(0) + seconds) % 3 == 0)
                    .map(|(at, job)| {
                        let percent = Percent::new((i64::try_from(at).unwrap_or(0) * 3 + seconds) % 100);
                        (job.id, Progress { percent, seconds_left: None, at: Some(then) })
                    })
                    .collect();
                let _ = stage.app.update(then, Event::News(News::Engine(EngineEvent::Progress(news))));
                let _ = stage.app.update(then, Event::Tick);
                let (bytes, fewest) = stage.frame(then, encoder == Encoder::Thrifty);
                (sum, bound) = (sum + bytes, bound + fewest);
            }
            sums.push(sum);
        }
        let percent = (sums[0] * 100).checked_div(bound).unwrap_or(100);
        row(
            &format!("{view}, {rows} running, at {}x{}, bytes a second", size.0, size.1),
            "≤ 1.05 × bound, ≤ half of stock",
            &format!(
                "{} (bound {}, ratio {}.{:02}; stock {})",
                sums[0] / 60,
                bound / 60,
                percent / 100,
                percent % 100,
                sums[1] / 60
            ),
        );
    }
}

/// 100,000 jobs told at the start.
fn loading(now: Timestamp) {
    let jobs: Vec<Arc<Job>> = (0..100_000).map(|n| Arc::new(job(n, Kind::Saved, now))).collect();
    let began = Instant::now();
    let mut stage = Stage::new((120, 40), &jobs, Encoder::Thrifty, now);
    row("the screen takes 100,000 jobs in", "", &format!("{:.0?}", began.elapsed()));
    let took = sorted(
        (0..100)
            .map(|_| {
                let began = Instant::now();
                let _ = stage.app.update(now, Event::Key(KeyEvent::from(KeyCode::Down)));
                stage.frame(now, false);
                began.elapsed()
            })
            .collect(),
    );
    row("… a key then", "< 1 ms", &format!("median {:.0?}, worst {:.0?}", at(&took, 50), at(&took, 100)));
}
