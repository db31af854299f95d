//! The screen of the README: an SVG and a block of text, both drawn by the program from the jobs of the demo. `just examples`
//! makes them anew.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use super::super::event::{Event, News};
use super::super::options::AppOptions;
use super::super::testing::{ScreenHarness, at, job_in};
use crate::engine::{EngineEvent, Seen};
use crate::job::{Credits, Failure, ImageNumber, Job, JobKind, Percent, Phase, Progress, SavedFile, Spent, State, Tag, TaskId};

/// One job of the demo: draft, picture, tag, state.
type Line = (&'static str, u8, &'static str, State);

const JOBS: [Line; 16] = [
    ("1790000100-k3v9q2ad", 0, "harbour", State::Saved),
    ("1790000100-k3v9q2ad", 1, "harbour", State::Saved),
    ("1790000100-k3v9q2ad", 2, "harbour", State::Saved),
    ("1790000100-k3v9q2ad", 3, "harbour", State::Running),
    ("1790000460-h8m4t7xe", 0, "harbour", State::Running),
    ("1790000460-h8m4t7xe", 1, "harbour", State::Failed),
    ("1790000460-h8m4t7xe", 2, "harbour", State::Running),
    ("1790000820-c2w6r9ps", 0, "forest", State::Running),
    ("1790000820-c2w6r9ps", 3, "forest", State::Waiting),
    ("1790001180-n5j1z8bf", 0, "forest", State::Waiting),
    ("1790001180-n5j1z8bf", 1, "forest", State::Waiting),
    ("1790001540-q7d3y6ug", 0, "portraits", State::Waiting),
    ("1790001540-q7d3y6ug", 3, "portraits", State::Waiting),
    ("1790001540-q7d3y6ug", 1, "portraits", State::Held),
    ("1790001540-q7d3y6ug", 2, "portraits", State::Held),
    ("1790001180-n5j1z8bf", 3, "earlier", State::Cancelled),
];

fn job(n: u64, (draft, image, tag, state): Line) -> Job {
    let mut job = job_in(n, state);
    let source = TaskId::new(&format!("task-unified-{draft}")).unwrap();
    job.kind = JobKind::Enhance { source, image: ImageNumber::try_from(image).unwrap() };
    job.tag = Tag::new(tag).ok();
    let seconds = i64::try_from(n % 4).unwrap();
    job.sent_at = job.sent_at.map(|_| at(-19 + 4 * seconds));
    job.created_at = at(-40);
    if let Phase::Running(_) = job.phase {
        let percent = 88 - 22 * seconds;
        let seconds_left = u32::try_from(3 + 4 * seconds).unwrap();
        job.phase =
            Phase::Running(Progress { percent: Percent::new(percent), seconds_left: Some(seconds_left), at: Some(at(0)) });
    }
    if state.is_final() && state != State::Cancelled {
        job.sent_at = Some(at(-36));
        job.finished_at = Some(at(-22 + seconds));
    }
    if state == State::Failed {
        job.phase = Phase::Failed(Failure::of_task("service_error", "The upstream service could not finish this task."));
        job.charge = Some(crate::job::Charge::Refunded);
        job.charged = Some(Credits::ZERO);
    }
    if state == State::Saved {
        let path =
            format!("/home/ada/.local/share/mj-enhance/results/2026-11-22/{tag}/task-unified-1795355964-v6eqyws{n}-{image}.png");
        job.files = vec![SavedFile { path: path.into(), sha256: "ab".repeat(32), bytes: 1_412_332 + n * 51_001 }];
    }
    job
}

/// The demo, half a minute after its start.
fn demo(size: (u16, u16)) -> ScreenHarness {
    let options = AppOptions { demo: true, user: "ada".to_owned(), host: "box".to_owned(), ..AppOptions::default() };
    let jobs: Vec<Job> = JOBS.into_iter().zip(0..).map(|(line, n)| job(n, line)).collect();
    // What has happened since the start is told, so that the activity has something to show.
    let before = jobs.iter().map(|job| {
        let mut before = job.clone();
        if job.sent_at.is_some() {
            (before.phase, before.sent_at) = (Phase::Sending, None);
        }
        Arc::new(before)
    });
    let mut screen = ScreenHarness::with(options, size, before.collect());
    screen.status(|status| {
        status.in_flight = 4;
        status.balance = Some(Seen { amount: Credits::from_uc(3_911_500), at: at(0), there: None });
        status.reserved = Credits::from_uc(216_000);
        status.spent = Spent { day: Credits::from_uc(378_000), ..status.spent };
        status.caps.day = Some(Credits::from_uc(1_000_000));
    });
    for job in jobs.iter().filter(|job| job.sent_at.is_some()) {
        let mut running = job.clone();
        if matches!(job.state(), State::Saved | State::Failed) {
            running.phase = Phase::Running(Progress::default());
            running.finished_at = None;
        }
        screen.event(Event::News(News::Engine(EngineEvent::Jobs(vec![Arc::new(running)]))));
    }
    for job in jobs.iter().filter(|job| job.state().is_final()) {
        screen.event(Event::News(News::Engine(EngineEvent::Jobs(vec![Arc::new(job.clone())]))));
        let kind = match &job.phase {
            Phase::Saved => crate::engine::NoticeKind::Saved,
            Phase::Failed(failure) => crate::engine::NoticeKind::Failed(failure.clone()),
            _ => continue,
        };
        let notice = crate::engine::Notice { at: job.finished_at.unwrap(), job: Some(job.id), kind };
        screen.event(Event::News(News::Engine(EngineEvent::Notice(notice))));
    }
    screen.keys("g j k");
    screen.details();
    screen
}

/// Columns and lines of a character cell in the picture, in its units.
const CELL: (usize, usize) = (9, 19);

/// The screen as a picture of text: each run of one style at its place, so that no font moves it.
fn svg(buffer: &Buffer) -> String {
    let (width, height) = (usize::from(buffer.area.width) * CELL.0, usize::from(buffer.area.height) * CELL.1);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"-12 -10 {0} {1}\" font-size=\"15\" \
         font-family=\"ui-monospace, SFMono-Regular, Menlo, 'DejaVu Sans Mono', Consolas, monospace\">\n\
         <rect x=\"-12\" y=\"-10\" width=\"{0}\" height=\"{1}\" rx=\"8\" fill=\"#16181d\"/>\n",
        width + 24,
        height + 20
    );
    for y in 0..buffer.area.height {
        let mut x = 0;
        while x < buffer.area.width {
            let first = &buffer[(x, y)];
            let end = (x..buffer.area.width).find(|at| !is_like(first, &buffer[(*at, y)])).unwrap_or(buffer.area.width);
            let text: String = (x..end).map(|at| buffer[(at, y)].symbol()).collect();
            run(&mut out, first, (x, y), end - x, &text);
            x = end;
        }
    }
    out.push_str("</svg>\n");
    out
}

fn is_like(one: &Cell, other: &Cell) -> bool {
    one.fg == other.fg && one.modifier == other.modifier
}

/// Text that is set in the one style of a cell.
fn run(out: &mut String, style: &Cell, (x, y): (u16, u16), columns: u16, text: &str) {
    let is_reversed = style.modifier.contains(Modifier::REVERSED);
    let dim = style.modifier.contains(Modifier::DIM);
    let colour = match (style.fg, dim) {
        (Color::Cyan, false) => "#56c8d8",
        (Color::Green, false) => "#7ec16e",
        (Color::Green, true) => "#5a8552",
        (Color::Yellow, _) => "#e0b354",
        (Color::Red, _) => "#e5706b",
        (_, true) => "#7d828c",
        _ => "#d5d8de",
    };
    let (left, top) = (usize::from(x) * CELL.0, usize::from(y) * CELL.1);
    let width = usize::from(columns) * CELL.0;
    if is_reversed {
        let _ = writeln!(out, "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{}\" fill=\"{colour}\"/>", CELL.1);
    }
    let shown = text.trim();
    if shown.is_empty() {
        return;
    }
    let before = text.chars().take_while(|c| *c == ' ').count();
    let colour = if is_reversed { "#16181d" } else { colour };
    let weight = if style.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let escaped = shown.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace(' ', "\u{a0}");
    let _ = writeln!(
        out,
        "<text x=\"{}\" y=\"{}\" textLength=\"{}\" fill=\"{colour}\"{weight}>{escaped}</text>",
        left + before * CELL.0,
        top + 14,
        shown.chars().count() * CELL.0,
    );
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Holds a file to what the program makes of it now; `EXAMPLES=write` writes it anew.
fn compare(name: &str, now: &str) {
    if std::env::var_os("EXAMPLES").is_some_and(|how| how == "write") {
        std::fs::write(path(name), now).unwrap();
    }
    let stored = std::fs::read_to_string(path(name)).unwrap_or_default();
    assert!(stored == now, "{name} is not what the program shows; `just examples` makes it anew:\n{now}");
}

#[test]
fn the_readme_shows_what_the_program_shows() {
    compare("docs/screen.svg", &svg(&demo((120, 34)).cells()));
    let readme = std::fs::read_to_string(path("README.md")).unwrap();
    let (before, rest) = readme.split_once("<!-- screen -->\n").expect("the place of the screen");
    let (_, after) = rest.split_once("<!-- /screen -->").expect("the end of the screen");
    let picture = "![The dashboard: jobs, details and activity](docs/screen.svg)";
    let text = demo((80, 24)).screen();
    compare("README.md", &format!("{before}<!-- screen -->\n{picture}\n\n```text\n{text}```\n<!-- /screen -->{after}"));
}

#[test]
fn the_picture_has_every_word_of_the_screen() {
    let screen = demo((120, 34));
    let (svg, text) = (svg(&screen.cells()), screen.screen());
    let words = text.split_whitespace().filter(|word| word.chars().all(|c| c.is_ascii_alphanumeric()));
    for word in words {
        assert!(svg.contains(word), "{word}");
    }
    assert!(text.contains("activity") && text.contains("k3v9q2ad:0 saved"), "{text}");
}
