//! A picture on the screen: what it shows, where it stands in the details, and how it or the words in its place are drawn.

use std::sync::Arc;

use ratatui::buffer::CellDiffOption;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};

use super::super::app::App;
use super::super::layout::Layout;
use super::super::pictures::{PictureState, Want, words};
use super::super::reasons;
use super::super::wording;
use super::canvas::{Canvas, wrap};
use crate::job::{Job, JobKind, State, text};
use crate::preview::{self, Body, Cells, Colour, Encoded};
use crate::tui::terminal::pictures::Spot;
use crate::tui::width::columns;

/// Fewer lines of text than this are not left beside a picture: then the text has all the room.
const LINES_OF_TEXT: u16 = 6;

/// What stands in a box.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub room: Rect,
    /// The file, or why there is none.
    pub file: Result<Want, String>,
    /// `result 0`, `draft k3v9q2ad:0`.
    pub name: String,
    /// At the upper left of its box instead of in the middle.
    pub upper_left: bool,
}

impl Place {
    pub(super) fn new(room: Rect, subject: Subject) -> Self {
        let cells = Cells::new(room.width, room.height);
        let Subject { name, file } = subject;
        Self { room, file: file.map(|path| Want { path, room: cells, share: 1 }), name, upper_left: false }
    }
}

/// A picture of a job or of a draft.
pub(super) struct Subject {
    pub name: String,
    /// The file, or why there is none.
    pub file: Result<std::path::PathBuf, String>,
}

/// The result of a job that is shown: the one chosen, of those that there are.
pub(super) fn result(app: &App, job: &Job) -> Subject {
    let number = app.screens.picture_number().min(job.files.len().saturating_sub(1));
    let task = job.task.as_ref().map_or("", |task| task.short());
    let name = match (&job.kind, job.files.len()) {
        (JobKind::Draft { .. }, 0) => format!("draft {task}"),
        (JobKind::Draft { .. }, _) => format!("draft {task}:{number}"),
        (JobKind::Enhance { .. }, 0) => "result".to_owned(),
        (JobKind::Enhance { .. }, 1) => format!("result {task}"),
        (JobKind::Enhance { .. }, count) => format!("result {task}, {} of {count}", number + 1),
    };
    let file = match job.files.get(number) {
        Some(file) => Ok(file.path.clone()),
        None => Err(no_result(app, job)),
    };
    Subject { name: name.trim_end().to_owned(), file }
}

fn no_result(app: &App, job: &Job) -> String {
    match job.state() {
        State::Saved => "the result has no file".to_owned(),
        State::Failed => format!("no result: {}", reasons::reason(job).unwrap_or_else(|| "the job failed".to_owned())),
        State::Cancelled => "no result: the job was cancelled".to_owned(),
        State::ToFetch | State::Fetching => {
            format!("the result is not saved yet; {} fetches it", app.options.keymap.named(super::super::keymap::Action::Fetch))
        }
        state => format!("no result yet: the job is {state}"),
    }
}

/// The picture that a job was made from, where it is on disk.
pub(super) fn draft(app: &App, job: &Job, now: jiff::Timestamp) -> Subject {
    let Some((source, image)) = job.kind.source() else {
        return Subject { name: "prompt".to_owned(), file: Err("a draft is made from a prompt, not from a picture".to_owned()) };
    };
    let name = format!("draft {}:{image}", source.short());
    let number = usize::from(image.get());
    let made_here = app.jobs.made(source);
    // Those of other programs are kept for a while once they were looked at.
    let looked_at = app.drafts.told(source).and_then(|row| row.files.iter().find(|(known, _)| *known == image));
    let file = match made_here.map(|made| made.files.get(number)) {
        Some(Some(file)) => Ok(file.path.clone()),
        Some(None) => Err("this picture of the draft is not saved here".to_owned()),
        None if let Some((_, path)) = looked_at => Ok(path.clone()),
        None => {
            let gone = source.made_at().and_then(|made| made.checked_add(jiff::SignedDuration::from_hours(24)).ok());
            Err(match gone {
                Some(gone) if gone < now => {
                    format!("not made here, and its links expired {} ago", wording::minutes(wording::since(gone, now)))
                }
                _ => "not made here".to_owned(),
            })
        }
    };
    Subject { name, file }
}

pub(super) fn result_or_draft(app: &App, job: &Job, now: jiff::Timestamp) -> Subject {
    let result = result(app, job);
    if result.file.is_ok() {
        return result;
    }
    let draft = draft(app, job, now);
    if draft.file.is_ok() { draft } else { result }
}

/// The picture of the details: at the head of the pane beside the list, at its right below it.
pub(super) fn in_details(app: &App, job: &Job, now: jiff::Timestamp) -> Option<Place> {
    let layout = app.layout();
    let area = layout.details;
    if !app.pictures.in_details || area.height == 0 || app.pictures.chosen().is_some_and(|chosen| chosen.way.is_none()) {
        return None;
    }
    let room = if layout.beside {
        let inner = area.width - 1;
        let most = area.height.saturating_sub(2 + LINES_OF_TEXT);
        let rows = app.pictures.square(inner * 5 / 6).min(most);
        Rect::new(area.x + 1, area.y + 1, inner * 5 / 6, rows)
    } else {
        let rows = area.height.saturating_sub(1);
        let columns = (rows * 2).min(area.width / 3);
        Rect::new(area.right() - columns, area.y + 1, columns, rows)
    };
    let cells = Cells::new(room.width, room.height);
    let place = || Place { upper_left: layout.beside, ..Place::new(room, result_or_draft(app, job, now)) };
    preview::SMALLEST_BOX.is_within(cells).then(place)
}

/// What the text of the details leaves to the picture: rows above it, columns at its right.
pub(super) fn reserved(app: &App, layout: &Layout, now: jiff::Timestamp) -> (u16, u16) {
    let Some(job) = app.jobs.selected_job() else { return (0, 0) };
    match in_details(app, job, now) {
        // And a line for what it is.
        Some(place) if layout.beside => (place.room.height + 1, 0),
        Some(place) => (0, place.room.width + 1),
        None => (0, 0),
    }
}

/// Which picture the details show; the title of the pane names the job.
fn which(app: &App, job: &Job) -> String {
    let number = app.screens.picture_number().min(job.files.len().saturating_sub(1));
    match &job.kind {
        JobKind::Enhance { image, .. } if job.files.is_empty() => format!("draft {image}"),
        JobKind::Enhance { .. } => format!("result {number}"),
        JobKind::Draft { .. } => format!("draft {number}"),
    }
}

/// Draws the picture of the details and its title.
pub(super) fn draw_in_details(canvas: &mut Canvas<'_>, layout: &Layout) {
    let app = canvas.app;
    let Some(job) = app.jobs.selected_job() else { return };
    let Some(place) = in_details(app, job, canvas.now) else { return };
    let caption = match ready(app, &place) {
        Some(encoded) => format!("{} · {}", which(app, job), words::facts(encoded)),
        // Words in the box say why there is none.
        None if place.file.is_err() => String::new(),
        None => place.name.clone(),
    };
    draw_place(canvas, &place);
    if layout.beside {
        let y = place.room.bottom();
        let room = layout.details.right() - place.room.x;
        let caption = if columns(&caption) > room { caption.replace(" sent", "") } else { caption };
        canvas.text(place.room.x, y, room, &caption, canvas.styles.dim);
    } else {
        let y = layout.details.y;
        canvas.right(layout.details.x, y, layout.details.width, &format!(" {caption}"), canvas.styles.dim);
    }
}

/// What a box shows: which picture, its pixels, its way and its bytes.
pub(super) fn caption(app: &App, place: &Place) -> String {
    match place.file.as_ref().map(|want| app.pictures.state(want)) {
        Ok(PictureState::Ready(_, encoded)) => format!("{} · {}", place.name, words::facts(encoded)),
        _ => place.name.clone(),
    }
}

/// Draws a picture into the middle of its box, or the words that stand for it.
pub(super) fn draw_place(canvas: &mut Canvas<'_>, place: &Place) {
    let app = canvas.app;
    let said = match place.file.as_ref().map(|want| app.pictures.state(want)) {
        Err(why) => why.clone(),
        Ok(PictureState::Ready(key, encoded)) => return draw_picture(canvas, place, key, encoded),
        Ok(PictureState::Coming) if app.pictures.chosen().is_none() => "asking the terminal for its pictures".to_owned(),
        Ok(PictureState::Coming) => String::new(),
        Ok(PictureState::Failed(error)) => format!("not shown: {error}"),
        Ok(PictureState::None(reason)) => format!("no pictures here: {}", words::why(reason)),
        Ok(PictureState::TooSmall) => "too small for a picture".to_owned(),
    };
    say(canvas, place.room, &said);
}

/// Words in the middle of a box.
pub(super) fn say(canvas: &mut Canvas<'_>, room: Rect, said: &str) {
    if said.is_empty() || room.width < 2 {
        return;
    }
    let lines = wrap(&text::clean(said), room.width.saturating_sub(2));
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(room.height);
    for (line, y) in lines.iter().zip(room.y + (room.height - rows) / 2..room.bottom()) {
        let indent = room.width.saturating_sub(columns(line)) / 2;
        canvas.text(room.x + indent, y, room.width - indent, line, canvas.styles.dim);
    }
}

fn draw_picture(canvas: &mut Canvas<'_>, place: &Place, key: u64, encoded: &Arc<Encoded>) {
    let (Cells { columns, rows }, room) = (encoded.cells, place.room);
    let middle = |room: u16, side: u16| if place.upper_left { 0 } else { room.saturating_sub(side) / 2 };
    let area = Rect::new(room.x + middle(room.width, columns), room.y + middle(room.height, rows), columns, rows);
    if area.intersection(canvas.buffer.area) != area {
        return;
    }
    canvas.blank(area);
    if let Body::Grid(grid) = &encoded.body {
        let cells = grid.content.chunks(usize::from(columns).max(1)).zip(area.top()..area.bottom());
        for (row, y) in cells {
            for (cell, x) in row.iter().zip(area.left()..area.right()) {
                let style = Style::new().fg(colour(cell.fg)).bg(colour(cell.bg));
                canvas.buffer[(x, y)].set_char(cell.symbol).set_style(style);
            }
        }
        return;
    }
    // Until its data is there, these words stand in its place.
    say(canvas, area, &format!("{} on the way", wording::bytes(encoded.bytes as u64)));
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            canvas.buffer[(x, y)].set_diff_option(CellDiffOption::Skip);
        }
    }
    canvas.spots.push(Spot { key, picture: Arc::clone(encoded), area });
}

fn colour(colour: Colour) -> Color {
    match colour {
        Colour::Rgb([r, g, b]) => Color::Rgb(r, g, b),
        Colour::Indexed(index) => Color::Indexed(index),
    }
}

pub(super) fn ready<'a>(app: &'a App, place: &Place) -> Option<&'a Encoded> {
    match place.file.as_ref().map(|want| app.pictures.state(want)) {
        Ok(PictureState::Ready(_, encoded)) => Some(encoded),
        _ => None,
    }
}
