//! The table of jobs: each column is one value.

use jiff::{SignedDuration, Timestamp};
use ratatui::layout::{Alignment, Rect};
use ratatui::style::{Modifier, Style};

use super::super::app::App;
use super::super::job_list::{Entry, Sort, View};
use super::super::keymap::Action;
use super::super::layout::Layout;
use super::super::reasons;
use super::super::wording;
use super::canvas::{Canvas, wrap};
use crate::job::{Job, Phase, State, text};
use crate::tui::width::columns;

/// One column.
#[derive(Clone, Copy)]
struct Column {
    /// Its name and heading; the same word as in menus and filters.
    name: &'static str,
    /// Whether it can be hidden.
    stays: bool,
    /// By which order it is marked.
    sort: Option<Sort>,
    /// Columns it needs, and the most it can use.
    least: u16,
    most: u16,
    /// Which goes first where there is no room: the highest.
    rank: u8,
    align: Alignment,
    cell: fn(&Canvas<'_>, &Entry) -> (String, Style),
}

const LEFT: Alignment = Alignment::Left;
const RIGHT: Alignment = Alignment::Right;

const COLUMNS: [Column; 9] = [
    Column { name: "job", stays: false, sort: None, least: 8, most: 8, rank: 9, align: LEFT, cell: job_id },
    Column { name: "state", stays: true, sort: Some(Sort::State), least: 11, most: 11, rank: 0, align: LEFT, cell: state },
    Column { name: "draft", stays: true, sort: Some(Sort::Draft), least: 10, most: 10, rank: 0, align: LEFT, cell: draft },
    Column { name: "tag", stays: false, sort: Some(Sort::Tag), least: 7, most: 20, rank: 5, align: LEFT, cell: tag },
    // What changes every second stands together.
    Column {
        name: "progress",
        stays: false,
        sort: Some(Sort::Progress),
        least: 15,
        most: 72,
        rank: 1,
        align: LEFT,
        cell: |p, _| (String::new(), p.styles.plain),
    },
    Column { name: "elapsed", stays: false, sort: Some(Sort::Sent), least: 7, most: 8, rank: 2, align: RIGHT, cell: elapsed },
    Column { name: "left", stays: false, sort: None, least: 7, most: 9, rank: 4, align: RIGHT, cell: left },
    Column { name: "credits", stays: false, sort: Some(Sort::Cost), least: 7, most: 9, rank: 3, align: RIGHT, cell: credits },
    // Only while a row has one.
    Column { name: "link", stays: false, sort: None, least: 6, most: 6, rank: 6, align: RIGHT, cell: link },
];

/// Columns of the screen before the table: cursor, mark, and one to part them from the rest.
const GUTTER: u16 = 3;

fn job_id(canvas: &Canvas<'_>, entry: &Entry) -> (String, Style) {
    (entry.job.id.to_string(), canvas.styles.dim)
}

fn state(canvas: &Canvas<'_>, entry: &Entry) -> (String, Style) {
    let job = &entry.job;
    let state = job.state();
    let status = canvas.app.status.as_ref();
    let (word, style) = match state {
        State::Sending if job.stop_requested => ("stopping", canvas.state_style(state)),
        State::Waiting if status.is_some_and(|status| status.waiting_for_go.contains(&job.id)) => {
            ("approve?", canvas.styles.warn)
        }
        State::Saved => (state.word(), canvas.styles.good.add_modifier(canvas.styles.pale)),
        _ => (state.word(), canvas.state_style(state)),
    };
    (format!("{} {word}", canvas.sign(state)), style)
}

fn draft(canvas: &Canvas<'_>, entry: &Entry) -> (String, Style) {
    (entry.job.label(), canvas.styles.plain)
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
    let text = wording::credits(&entry.job, canvas.app.status.as_ref().map(|status| &status.prices));
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

/// The columns that fit, each with its place (from the left edge of the screen) and width.
fn plan(app: &App, now: Timestamp, width: u16) -> Vec<(Column, u16, u16)> {
    let tagged = app.jobs.tags().keys().any(|tag| !tag.is_empty());
    let expiring = has_waiting_link(app, now);
    let shown = |column: &&Column| match column.name {
        _ if column.stays => true,
        name if app.jobs.hidden().contains(name) => false,
        "tag" => tagged,
        "link" => expiring,
        _ => true,
    };
    let all: Vec<Column> = COLUMNS.iter().filter(shown).copied().collect();
    let gap = gap(width);
    let mut room = width.saturating_sub(GUTTER);
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
        // Progress, with the reasons in its place, gets what the others leave.
        if widths[index] > 0 && column.name != "progress" {
            let more = room.min(column.most - column.least.min(column.most));
            widths[index] += more;
            room -= more;
        }
    }
    if let Some(index) = all.iter().position(|column| column.name == "progress").filter(|index| widths[*index] > 0) {
        widths[index] += room.min(all[index].most - all[index].least);
    }
    let mut x = GUTTER;
    let mut out = Vec::new();
    for (column, width) in all.into_iter().zip(widths).filter(|(_, width)| *width > 0) {
        out.push((column, x, width));
        x += width + gap;
    }
    out
}

/// Whether a link is worth its column: its picture did not come at once. A column that comes and goes with every download would
/// move all rows each time.
fn has_waiting_link(app: &App, now: Timestamp) -> bool {
    let soon = now.checked_add(FRESH_LINK).unwrap_or(now);
    app.jobs.expiring().iter().take(MOST_LOOKED_AT).any(|(end, id)| {
        let tried = |job: &Job| matches!(&job.phase, Phase::ToFetch(trouble) | Phase::Fetching(trouble) if trouble.attempts > 0);
        *end < soon || app.jobs.job(*id).is_some_and(|job| tried(job))
    })
}

/// What a link has left while its picture is as good as here.
const FRESH_LINK: SignedDuration = SignedDuration::from_mins(23 * 60 + 50);
/// So many links are looked at, those that end first.
const MOST_LOOKED_AT: usize = 200;

fn gap(width: u16) -> u16 {
    if width >= 100 { 2 } else { 1 }
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
    let columns = plan(app, canvas.now, area.width);
    let shown: Vec<&Entry> =
        app.jobs.order().iter().skip(app.jobs.offset()).take(layout.rows()).filter_map(|id| app.jobs.entry(*id)).collect();
    if !layout.narrow {
        headings(canvas, area.y, &columns);
    }
    for (entry, y) in shown.iter().zip(layout.first_row()..) {
        row(canvas, y, &columns, gap(area.width), entry);
    }
    signs(canvas, layout, &columns, &shown);
}

/// Cursor and marks; the selection runs from the left edge to the end of the tag.
fn signs(canvas: &mut Canvas<'_>, layout: &Layout, columns: &[(Column, u16, u16)], shown: &[&Entry]) {
    let app = canvas.app;
    let styles = canvas.styles;
    let cursor = app.jobs.cursor_row();
    let range = app.jobs.marks().anchor().and_then(|id| app.jobs.row(id)).map(|row| row.min(cursor)..=row.max(cursor));
    for ((index, entry), y) in shown.iter().enumerate().zip(layout.first_row()..) {
        let id = entry.job.id;
        let marked = app.jobs.marks().contains(id);
        if marked || range.as_ref().is_some_and(|range| range.contains(&(index + app.jobs.offset()))) {
            let sign = match (marked, canvas.ascii) {
                (true, false) => "◆",
                (true, true) => "#",
                (false, false) => "┆",
                (false, true) => ":",
            };
            canvas.text(1, y, 1, sign, styles.accent);
        }
        if app.jobs.selected() == Some(id) {
            let core = columns.iter().filter(|(column, ..)| column.stays || column.name == "tag");
            let end = core.map(|(_, x, width)| x + width).max().unwrap_or(GUTTER);
            canvas.restyle(Rect::new(0, y, end, 1), styles.plain.add_modifier(Modifier::REVERSED | Modifier::BOLD));
            let sign = if canvas.ascii { ">" } else { "▌" };
            canvas.text(0, y, 1, sign, styles.accent.add_modifier(styles.bold));
        }
    }
}

/// The word of each column, and the present order.
fn headings(canvas: &mut Canvas<'_>, y: u16, columns: &[(Column, u16, u16)]) {
    let view_filter = canvas.app.jobs.view_filter();
    for (column, x, width) in columns {
        let mut title = match column.name {
            "left" if *width >= 9 => "left est.".to_owned(),
            name => name.to_owned(),
        };
        if column.sort == Some(view_filter.sort) && self::columns(&title) < *width {
            title.push_str(if view_filter.reverse { "▼" } else { "▲" });
        }
        aligned(canvas, *x, y, *width, column.align, &title, canvas.styles.dim);
    }
}

fn aligned(canvas: &mut Canvas<'_>, x: u16, y: u16, width: u16, align: Alignment, text: &str, style: Style) {
    if align == RIGHT { canvas.right(x, y, width, text, style) } else { _ = canvas.text(x, y, width, text, style) }
}

fn row(canvas: &mut Canvas<'_>, y: u16, columns: &[(Column, u16, u16)], gap: u16, entry: &Entry) {
    let app = canvas.app;
    let selected = app.jobs.selected() == Some(entry.job.id);
    let mut at = 0;
    while let Some((column, x, width)) = columns.get(at) {
        at += 1;
        if column.name == "progress" {
            // A reason takes the place of progress, and of what is empty beside it.
            let note = reasons::reason(&entry.job);
            let mut room = *width;
            while let (Some(note), Some((next, _, width))) = (&note, columns.get(at)) {
                // Times give way to a reason that would be cut.
                let gives_way = matches!(next.name, "elapsed" | "left") && self::columns(note) > room;
                if !gives_way && !(next.cell)(canvas, entry).0.is_empty() {
                    break;
                }
                (room, at) = (room + width + gap, at + 1);
            }
            match note {
                Some(note) => _ = canvas.text(*x, y, room, shortened(&note, room), note_style(canvas, &entry.job)),
                None => progress(canvas, *x, y, room, entry),
            }
            continue;
        }
        let (text, style) = (column.cell)(canvas, entry);
        let core = selected && (column.stays || matches!(column.name, "tag" | "job"));
        let style = if core { canvas.styles.plain } else { style };
        aligned(canvas, *x, y, *width, column.align, &text, style);
    }
}

/// Without what stands in brackets or after a comma at its end, where the whole has no room: the details have it.
fn shortened(note: &str, room: u16) -> &str {
    let mut short = note;
    while columns(short) > room {
        let ends = [" (", ", ", "; "].into_iter().filter_map(|end| short.rfind(end));
        match ends.max() {
            Some(at) if at > 0 => short = &short[..at],
            _ => return note,
        }
    }
    short
}

/// A reason is as legible as a state; what is over for good is not as loud.
fn note_style(canvas: &Canvas<'_>, job: &Job) -> Style {
    match job.state() {
        State::Cancelled | State::Unwatched => canvas.styles.dim,
        State::Unsure => canvas.styles.warn,
        _ => canvas.styles.plain,
    }
}

/// A bar and a number where the service gave a number, the file where there is one, and nothing else.
fn progress(canvas: &mut Canvas<'_>, x: u16, y: u16, width: u16, entry: &Entry) {
    let styles = canvas.styles;
    if let Some(name) = saved_as(&entry.job, width, canvas.ascii) {
        canvas.text(x, y, width, &name, styles.dim);
        return;
    }
    let Some(percent) = entry.progress().and_then(|progress| progress.percent) else { return };
    let (done, rest) = canvas.bar(percent.get(), width.saturating_sub(5).min(MOST_BAR));
    let number = format!("{:>4}%", percent.get());
    canvas.pieces(x, y, width, &[(done, styles.accent), (rest, styles.dim), (number, styles.plain)]);
}

/// A longer bar tells nothing more.
const MOST_BAR: u16 = 40;

/// The telling end of a saved file's name, and its size where there is room.
fn saved_as(job: &Job, width: u16, ascii: bool) -> Option<String> {
    let file = job.files.first().filter(|_| job.state() == State::Saved)?;
    let name = text::clean(&file.path.file_name()?.to_string_lossy()).into_owned();
    let more = job.files.len() - 1;
    let more = if more > 0 { format!(" +{more}") } else { String::new() };
    let room = usize::from(width).saturating_sub(more.len());
    let dots = if ascii { ".." } else { "…" };
    let wide = columns(&name) as usize;
    if wide <= room {
        let size = format!("  {}", wording::bytes(file.bytes));
        let size = if wide + size.len() <= room { size } else { String::new() };
        return Some(name + &more + &size);
    }
    let keep = room.saturating_sub(dots.chars().count());
    let tail: String = name.chars().rev().take(keep).collect::<Vec<_>>().into_iter().rev().collect();
    Some(format!("{dots}{tail}{more}"))
}

/// By what a click on the heading in this column of the screen orders.
pub(super) fn heading_at(app: &App, now: Timestamp, layout: &Layout, column: u16) -> Option<Sort> {
    let columns = plan(app, now, layout.list.width);
    columns.into_iter().find(|(_, x, width)| (*x..x + width).contains(&column)).and_then(|(heading, ..)| heading.sort)
}

/// What to do where there is nothing.
fn empty(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let key = |action| app.options.keymap.named(action);
    let (title, hint) = if !app.jobs.is_loaded() {
        ("opening the store".to_owned(), String::new())
    } else if !app.jobs.filter().is_empty() {
        ("no match".to_owned(), format!("{} clears the filter", key(Action::Escape)))
    } else if app.jobs.count_of(View::All) > 0 {
        let view = app.jobs.view_filter().view;
        let none = if view == View::ToFetch { "no jobs to fetch".to_owned() } else { format!("no {} jobs", view.word()) };
        (none, format!("{} shows all", key(Action::ViewAll)))
    } else if app.options.read_only {
        ("no jobs yet".to_owned(), String::new())
    } else {
        let (add, drafts, help) = (key(Action::Add), key(Action::Drafts), key(Action::Help));
        ("no jobs yet".to_owned(), format!("{add} adds jobs · {drafts} shows drafts · {help} keys"))
    };
    let lines: Vec<(String, Style)> = [(title, canvas.styles.strong), (String::new(), canvas.styles.plain)]
        .into_iter()
        .chain(wrap(&hint, area.width.saturating_sub(4).max(1)).into_iter().map(|line| (line, canvas.styles.dim)))
        .collect();
    let top = area.y + area.height.saturating_sub(u16::try_from(lines.len()).unwrap_or(0)) / 3;
    for ((line, style), y) in lines.iter().zip(top..area.bottom()) {
        canvas.text(area.x + area.width.saturating_sub(columns(line)) / 2, y, area.width, line, *style);
    }
}
