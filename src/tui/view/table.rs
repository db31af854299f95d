//! The table of jobs: each column is one value.

use jiff::Timestamp;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::super::app::App;
use super::super::job_list::{Entry, View};
use super::super::keymap::Action;
use super::canvas::{Canvas, wrap};
use super::{Layout, wording};
use crate::job::{Job, Phase, State, text};
use crate::tui::width::columns;

/// One column.
#[derive(Clone, Copy)]
struct Column {
    /// For hiding; empty for those that stay.
    name: &'static str,
    title: &'static str,
    /// Columns it needs, and the most it can use.
    least: u16,
    most: u16,
    /// Which goes first where there is no room: the highest.
    rank: u8,
    right: bool,
    cell: fn(&Canvas<'_>, &Entry) -> (String, Style),
}

const COLUMNS: [Column; 8] = [
    Column {
        name: "id",
        title: "job",
        least: 8,
        most: 8,
        rank: 9,
        right: false,
        cell: |p, e| (e.job.id.to_string(), p.styles.dim),
    },
    Column { name: "", title: "state", least: 11, most: 11, rank: 0, right: false, cell: state },
    Column { name: "", title: "draft", least: 10, most: 10, rank: 0, right: false, cell: draft },
    Column { name: "tag", title: "tag", least: 8, most: 16, rank: 6, right: false, cell: tag },
    // What changes every second stands together.
    Column {
        name: "progress",
        title: "progress",
        least: 15,
        most: 25,
        rank: 1,
        right: false,
        cell: |p, _| (String::new(), p.styles.plain),
    },
    Column { name: "elapsed", title: "time", least: 6, most: 6, rank: 2, right: true, cell: elapsed },
    Column { name: "left", title: "est.", least: 7, most: 7, rank: 5, right: true, cell: left },
    Column { name: "credits", title: "credit", least: 6, most: 6, rank: 3, right: true, cell: credits },
];
const LINK: Column = Column { name: "link", title: "link", least: 6, most: 6, rank: 4, right: true, cell: link };

fn state(canvas: &Canvas<'_>, entry: &Entry) -> (String, Style) {
    let state = entry.job.state();
    let word = if entry.job.stop_requested && state == State::Sending { "stopping" } else { state.word() };
    (format!("{} {word}", canvas.sign(state)), canvas.state_style(state))
}

fn draft(canvas: &Canvas<'_>, entry: &Entry) -> (String, Style) {
    (format!("{}:{}", entry.job.source.short(), entry.job.image), canvas.styles.plain)
}

fn tag(canvas: &Canvas<'_>, entry: &Entry) -> (String, Style) {
    (entry.job.tag.as_ref().map_or_else(String::new, |tag| tag.as_str().to_owned()), canvas.styles.dim)
}

fn elapsed(canvas: &Canvas<'_>, entry: &Entry) -> (String, Style) {
    let job = &entry.job;
    let slow = canvas.app.options.slow_link;
    let began = job.sent_at.or_else(|| job.send.as_ref().map(|send| send.first_at));
    match (began, job.finished_at, job.state()) {
        (Some(began), None, State::Running | State::Sending) => {
            (wording::duration(wording::since(began, canvas.now), slow), canvas.styles.plain)
        }
        (Some(began), Some(end), _) if job.sent_at.is_some() => {
            (wording::duration(wording::since(began, end), slow), canvas.styles.dim)
        }
        _ => (String::new(), canvas.styles.dim),
    }
}

/// Time left as the service estimates it; never ours.
fn left(canvas: &Canvas<'_>, entry: &Entry) -> (String, Style) {
    let left = seconds_left(entry, canvas.now);
    (
        left.map_or_else(String::new, |left| format!("~{}", wording::duration(left, canvas.app.options.slow_link))),
        canvas.styles.dim,
    )
}

fn seconds_left(entry: &Entry, now: Timestamp) -> Option<i64> {
    let job = &entry.job;
    let progress = entry.progress()?;
    let (from, seconds) = match (progress.seconds_left, progress.at) {
        (Some(left), Some(at)) => (at, i64::from(left)),
        _ => (job.sent_at?, i64::from(job.estimate?)),
    };
    let left = seconds - wording::since(from, now);
    (left > 0).then_some(left)
}

fn credits(canvas: &Canvas<'_>, entry: &Entry) -> (String, Style) {
    let text = wording::credits(&entry.job, canvas.app.status.as_ref().map(|status| status.price));
    let style = if text.ends_with('?') {
        canvas.styles.warn
    } else if text.starts_with('~') {
        canvas.styles.dim
    } else {
        canvas.styles.plain
    };
    (text, style)
}

/// Hours to the dead link, for what is not saved yet.
fn link(canvas: &Canvas<'_>, entry: &Entry) -> (String, Style) {
    let unsaved = matches!(entry.job.state(), State::ToFetch | State::Fetching);
    match entry.job.link_expires_at.filter(|_| unsaved) {
        Some(end) => {
            let left = end.duration_since(canvas.now).as_secs();
            let style = if left < 3_600 {
                canvas.styles.bad
            } else if left < 4 * 3_600 {
                canvas.styles.warn
            } else {
                canvas.styles.plain
            };
            (wording::minutes(left), style)
        }
        None => (String::new(), canvas.styles.dim),
    }
}

/// The columns that fit, each with its place and width.
fn plan(app: &App, width: u16) -> Vec<(Column, u16, u16)> {
    let tagged = app.jobs.tags().keys().any(|tag| !tag.is_empty());
    let shown = |column: &&Column| !app.jobs.hidden().contains(column.name) && (column.name != "tag" || tagged);
    let all: Vec<Column> = COLUMNS.iter().chain([&LINK]).filter(shown).copied().collect();
    let gap = if width >= 100 { 2 } else { 1 };
    // Two columns for cursor and mark, one to part them from the rest.
    let mut room = width.saturating_sub(3);
    let mut by_rank: Vec<usize> = (0..all.len()).collect();
    by_rank.sort_by_key(|index| all[*index].rank);
    let mut widths = vec![0; all.len()];
    for index in by_rank {
        let need = all[index].least + gap;
        if need <= room + gap {
            widths[index] = all[index].least;
            room = room.saturating_sub(need);
        } else if all[index].rank == 0 && room > 0 {
            widths[index] = room;
            room = 0;
        }
    }
    for (index, column) in all.iter().enumerate() {
        if widths[index] > 0 {
            let more = room.min(column.most - column.least.min(column.most));
            widths[index] += more;
            room -= more;
        }
    }
    let mut x = 3;
    let mut out = Vec::new();
    for (column, width) in all.into_iter().zip(widths).filter(|(_, width)| *width > 0) {
        out.push((column, x, width));
        x += width + gap;
    }
    out
}

pub(super) fn draw(canvas: &mut Canvas<'_>, layout: &Layout) {
    let app = canvas.app;
    let area = layout.list;
    if area.height == 0 {
        return;
    }
    if app.jobs.order().is_empty() {
        return empty(canvas, area);
    }
    let columns = plan(app, area.width);
    if !layout.narrow {
        for (column, x, width) in &columns {
            let title = if column.title == "est." && *width >= 7 { "est." } else { column.title };
            if column.right {
                canvas.right(*x, area.y, *width, title, canvas.styles.dim);
            } else {
                canvas.text(*x, area.y, *width, title, canvas.styles.dim);
            }
        }
    }
    let range = app
        .jobs
        .marks()
        .anchor()
        .and_then(|id| app.jobs.row(id))
        .map(|row| row.min(app.jobs.cursor_row())..=row.max(app.jobs.cursor_row()));
    let shown = app.jobs.order().iter().enumerate().skip(app.jobs.offset()).take(layout.rows());
    for ((index, id), y) in shown.zip(layout.first_row()..) {
        if let Some(entry) = app.jobs.entry(*id) {
            let marked = app.jobs.marks().contains(*id);
            let in_range = range.as_ref().is_some_and(|range| range.contains(&index));
            row(canvas, y, &columns, entry, app.jobs.selected() == Some(*id), marked, in_range);
        }
    }
}

fn row(
    canvas: &mut Canvas<'_>,
    y: u16,
    columns: &[(Column, u16, u16)],
    entry: &Entry,
    selected: bool,
    marked: bool,
    in_range: bool,
) {
    let styles = canvas.styles;
    if selected {
        let sign = if canvas.ascii { ">" } else { "▌" };
        canvas.text(0, y, 1, sign, styles.accent.add_modifier(Modifier::BOLD));
    }
    if marked || in_range {
        let sign = match (marked, canvas.ascii) {
            (true, false) => "◆",
            (true, true) => "#",
            (false, false) => "┆",
            (false, true) => ":",
        };
        canvas.text(1, y, 1, sign, styles.accent);
    }
    // The columns that never go are the mark of the selection, in one piece with the gap between them. Narrow on purpose:
    // a reversed line would cost a key three times the bytes.
    let chosen = styles.plain.add_modifier(Modifier::REVERSED | Modifier::BOLD);
    let core = || columns.iter().filter(|(column, ..)| column.rank == 0);
    if selected && let (Some((_, from, _)), Some((_, to, width))) = (core().next(), core().next_back()) {
        canvas.restyle(Rect::new(*from, y, to + width - from, 1), chosen);
    }
    let mut note_from = None;
    let mut note_to = 0;
    for (column, x, width) in columns {
        match column.name {
            "progress" => {
                progress(canvas, entry, *x, y, *width);
                if let Some(name) = saved_as(&entry.job, *width, canvas.ascii) {
                    canvas.text(*x, y, *width, &name, styles.dim);
                }
                note_from = Some(*x);
                note_to = x + width;
            }
            "elapsed" | "left" if note_from.is_some() && note(&entry.job, u16::MAX).is_some() => note_to = x + width,
            _ => {
                let (text, style) = (column.cell)(canvas, entry);
                let style = if selected && column.rank == 0 { chosen } else { style };
                if column.right {
                    canvas.right(*x, y, *width, &text, style);
                } else {
                    canvas.text(*x, y, *width, &text, style);
                }
            }
        }
    }
    if let Some(x) = note_from
        && let Some(said) = note(&entry.job, note_to - x)
    {
        let style = if entry.job.state() == State::Cancelled { styles.dim } else { canvas.state_style(entry.job.state()) };
        canvas.text(x, y, note_to - x, &said, style.add_modifier(canvas.styles.pale));
    }
}

/// A bar and a number where the service gave a number, and nothing where it did not.
fn progress(canvas: &mut Canvas<'_>, entry: &Entry, x: u16, y: u16, width: u16) {
    let Some(percent) = entry.progress().and_then(|progress| progress.percent) else { return };
    let bar_width = width.saturating_sub(5);
    let (done, rest) = canvas.bar(percent.get(), bar_width);
    let styles = canvas.styles;
    let used = canvas.text(x, y, bar_width, &done, styles.accent);
    canvas.text(x + used, y, bar_width - used, &rest, styles.dim);
    canvas.right(x + bar_width, y, width - bar_width, &format!("{}%", percent.get()), styles.plain);
}

/// Why a row stands where it stands, in the place where running rows have their progress.
fn note(job: &Job, width: u16) -> Option<String> {
    match &job.phase {
        Phase::Failed(failure) => {
            let meaning = failure.meaning();
            Some(if columns(&meaning) <= width { meaning.into_owned() } else { failure.code.replace('_', " ") })
        }
        Phase::Held(_) | Phase::Unsure(_) | Phase::Cancelled(_) | Phase::ToFetch(_) => job.reason(),
        Phase::Unwatched => Some("goes on at EvoLink, unwatched".to_owned()),
        _ => None,
    }
}

/// The telling end of a saved file's name, in the place where running rows have their progress.
fn saved_as(job: &Job, width: u16, ascii: bool) -> Option<String> {
    let file = job.files.first().filter(|_| job.state() == State::Saved)?;
    let name = text::clean(&file.path.file_name()?.to_string_lossy()).into_owned();
    let more = job.files.len() - 1;
    let more = if more > 0 { format!(" +{more}") } else { String::new() };
    let room = usize::from(width).saturating_sub(more.len());
    let dots = if ascii { ".." } else { "…" };
    if columns(&name) as usize <= room {
        return Some(name + &more);
    }
    let keep = room.saturating_sub(dots.chars().count());
    let tail: String = name.chars().rev().take(keep).collect::<Vec<_>>().into_iter().rev().collect();
    Some(format!("{dots}{tail}{more}"))
}

/// What to do where there is nothing.
fn empty(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let key = |action| app.options.keymap.shown(action).unwrap_or_else(|| format!(":{}", Action::name(action)));
    let (title, hint) = if !app.jobs.is_loaded() {
        ("opening the store".to_owned(), String::new())
    } else if !app.jobs.filter().is_empty() {
        ("the filter finds nothing".to_owned(), format!("{} clears it", key(Action::Escape)))
    } else if app.jobs.count_of(View::All) > 0 {
        let view = app.jobs.view_filter().view;
        (format!("no job is {}", view.word()), format!("{} shows all", key(Action::ViewAll)))
    } else {
        (
            "no jobs yet".to_owned(),
            format!(
                "{} adds some: paste the ids of finished drafts, one per line. Nothing is sent before you say yes to its price. {} shows all keys.",
                key(Action::Add),
                key(Action::Help)
            ),
        )
    };
    let width = area.width.saturating_sub(4).min(60);
    let lines = if hint.is_empty() { Vec::new() } else { wrap(&hint, width) };
    let height = u16::try_from(lines.len()).unwrap_or(0) + 2;
    let mut y = area.y + area.height.saturating_sub(height) / 3;
    let centre = |text: &str| (area.width.saturating_sub(columns(text))) / 2;
    if y < area.bottom() {
        canvas.text(area.x + centre(&title), y, area.width, &title, canvas.styles.strong);
    }
    y += 2;
    for line in lines {
        if y >= area.bottom() {
            break;
        }
        canvas.text(area.x + centre(&line), y, area.width, &line, canvas.styles.dim);
        y += 1;
    }
}
