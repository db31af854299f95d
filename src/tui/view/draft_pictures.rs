//! The pictures of a draft outside its sheet: four in a strip below the list, one in full, and one beside what was made
//! of it.

use std::path::PathBuf;

use jiff::Timestamp;
use ratatui::layout::Rect;

use super::super::app::App;
use super::super::keymap::Action;
use super::super::layout::{Layout, Page};
use super::super::pictures::{PictureState, Want, words};
use super::super::wording;
use super::canvas::Canvas;
use super::contact_sheet::{chosen_mark, known_of};
use super::pictures::{self, Place, Subject};
use crate::job::drafts::{Child, Draft};
use crate::job::{ImageNumber, Job, text};
use crate::preview::Cells;
use crate::tui::width::columns;

/// Rows that the list keeps above the strip: its headings and a few drafts.
const LIST: u16 = 6;
/// Boxes with fewer rows than this have no room for a picture.
const LEAST: u16 = 4;
/// Columns between two boxes.
const GAP: u16 = 2;
/// Rows of words where no pictures can be.
const WORDS: u16 = 2;

/// Where the strip stands.
pub(super) struct Strip {
    /// The line that names the draft.
    pub title: Rect,
    /// A box for each picture; its number stands in the line above.
    pub boxes: Vec<Rect>,
}

/// The strip below the drafts, where it is on and has room.
pub(super) fn strip(app: &App, layout: &Layout) -> Option<Strip> {
    if app.screens.page() != Page::Drafts || !app.pictures.in_details || layout.narrow || app.drafts.len() == 0 {
        return None;
    }
    let body = layout.body;
    let width = body.width.saturating_sub(3 * GAP) / 4;
    let height = if shows_pictures(app) {
        let height = app.pictures.square(width).min(body.height.saturating_sub(LIST + 2));
        if height < LEAST {
            return None;
        }
        height
    } else {
        WORDS
    };
    let width = if shows_pictures(app) { width.min(height * 2) } else { width };
    let top = body.bottom().saturating_sub(height + 2);
    if top < body.y + LIST.min(body.height / 2) {
        return None;
    }
    let boxes = (0..4).map(|at| Rect::new(body.x + at * (width + GAP), top + 2, width, height)).collect();
    Some(Strip { title: Rect { y: top, height: 1, ..body }, boxes })
}

/// Whether the strip has room.
pub(crate) fn has_room(app: &App) -> bool {
    strip(app, &app.layout()).is_some()
}

/// Whether pictures can be here, as far as it is known.
fn shows_pictures(app: &App) -> bool {
    app.pictures.chosen().is_none_or(|chosen| chosen.way.is_some())
}

/// The pictures of the strip that are on disk.
pub(super) fn in_strip(app: &App) -> Vec<Place> {
    if !shows_pictures(app) {
        return Vec::new();
    }
    let (Some(draft), Some(strip)) = (app.drafts.selected(), strip(app, &app.layout())) else { return Vec::new() };
    strip.boxes.into_iter().zip(ImageNumber::ALL).filter_map(|(room, image)| place(draft, room, image)).collect()
}

fn place(draft: &Draft, room: Rect, image: ImageNumber) -> Option<Place> {
    let want = Want { path: draft.file(image)?.clone(), room: Cells::new(room.width, room.height), share: 4 };
    Some(Place { room, file: Ok(want), name: image.to_string(), upper_left: true })
}

/// Draws the strip: its title, and each picture or what is known of it.
pub(super) fn draw_strip(canvas: &mut Canvas<'_>, strip: &Strip) {
    let app = canvas.app;
    let Some(draft) = app.drafts.selected() else { return };
    let with_pictures = shows_pictures(app);
    let mut sent = 0;
    for (room, image) in strip.boxes.iter().zip(ImageNumber::ALL) {
        let styles = canvas.styles;
        let number = (format!(" {image} "), styles.accent.add_modifier(styles.bold));
        let mark = (chosen_mark(canvas, draft, image), styles.strong);
        canvas.pieces(room.x, room.y - 1, room.width, &[number, mark]);
        let place = place(draft, *room, image).filter(|_| with_pictures);
        match place.as_ref().map(|place| (place, state(app, place))) {
            Some((place, Some(PictureState::Ready(_, encoded)))) => {
                sent += encoded.bytes;
                pictures::draw_place(canvas, place);
            }
            Some((place, Some(PictureState::Failed(_)))) => pictures::draw_place(canvas, place),
            _ => {
                let inner = if with_pictures { canvas.frame(*room, "") } else { Rect { x: room.x + 1, ..*room } };
                let said = known_of(canvas, draft, image);
                for ((said, style), y) in said.into_iter().zip(inner.top()..inner.bottom()) {
                    canvas.text(inner.x, y, inner.width, &said, style);
                }
            }
        }
    }
    title(canvas, strip.title, draft, sent);
}

fn state<'a>(app: &'a App, place: &Place) -> Option<PictureState<'a>> {
    place.file.as_ref().ok().map(|want| app.pictures.state(want))
}

/// `── r7u2k9aa ──────── 4 pictures, 55 kB sent ──`.
fn title(canvas: &mut Canvas<'_>, area: Rect, draft: &Draft, sent: usize) {
    let (app, styles) = (canvas.app, canvas.styles);
    let mut right = draft.pictures.map_or_else(|| "pictures not known".to_owned(), |count| text::count(count, "picture"));
    if let Some(chosen) = app.pictures.chosen().filter(|chosen| chosen.way.is_none()) {
        right = format!("no pictures here: {}", words::why(&chosen.reason));
    } else if sent > 0 {
        right = format!("{right}, {} sent", wording::bytes(sent as u64));
    } else if draft.files.is_empty() && app.drafts.is_looked_at(&draft.task) {
        right = format!("{right}, being fetched");
    }
    let line = if canvas.ascii { "-" } else { "─" };
    canvas.text(area.x, area.y, area.width, &line.repeat(usize::from(area.width)), styles.dim);
    let name = format!(" {} ", draft.task.short());
    canvas.text(area.x + 2, area.y, area.width.saturating_sub(4), &name, styles.strong);
    let right = format!(" {right} ");
    let room = area.width.saturating_sub(columns(&name) + 6);
    let width = columns(&right).min(room);
    canvas.text(area.right().saturating_sub(width + 2), area.y, width, &right, styles.dim);
}

/// The picture of the draft that is shown in full.
pub(super) fn in_full(app: &App, now: Timestamp) -> Option<Subject> {
    app.drafts.selected().map(|draft| subject(app, draft, app.screens.draft_picture(), now))
}

/// The picture of the draft, and what was made of it.
pub(super) fn compared(app: &App, now: Timestamp) -> Option<(Subject, Subject)> {
    let draft = app.drafts.selected()?;
    let image = app.screens.draft_picture();
    let right = match enhanced(app, draft, image) {
        Some(job) => pictures::result(app, job),
        None => Subject { name: "result".to_owned(), file: Err(format!("picture {image} was not enhanced yet")) },
    };
    Some((subject(app, draft, image, now), right))
}

/// The enhance whose result is compared with a picture of a draft: the newest that has a file, else the newest.
pub(super) fn enhanced<'a>(app: &'a App, draft: &Draft, image: ImageNumber) -> Option<&'a Job> {
    let of_it = |child: &&Child| child.image == image;
    let jobs: Vec<&Job> =
        draft.children.iter().filter(of_it).filter_map(|child| Some(app.jobs.job(child.job)?.as_ref())).collect();
    let newest = |jobs: &mut dyn Iterator<Item = &'a Job>| jobs.max_by_key(|job| (job.finished_at, job.id));
    newest(&mut jobs.iter().copied().filter(|job| !job.files.is_empty())).or_else(|| newest(&mut jobs.iter().copied()))
}

/// The job whose result a comparison of the draft under the cursor shows.
pub(crate) fn compared_job(app: &App) -> Option<&Job> {
    enhanced(app, app.drafts.selected()?, app.screens.draft_picture())
}

fn subject(app: &App, draft: &Draft, image: ImageNumber, now: Timestamp) -> Subject {
    let file: Result<PathBuf, String> = draft.file(image).cloned().ok_or_else(|| missing(app, draft, image, now));
    Subject { name: format!("draft {}:{image}", draft.task.short()), file }
}

/// Why a picture of a draft is not here.
fn missing(app: &App, draft: &Draft, image: ImageNumber, now: Timestamp) -> String {
    let at = usize::from(image.get());
    let fetch = app.options.keymap.named(Action::Fetch);
    match draft.links_expire_at {
        _ if draft.pictures.is_some_and(|left| at >= left) => {
            "there are fewer than four: this one may have been taken by moderation".to_owned()
        }
        Some(end) if end <= now => {
            let ago = wording::minutes(wording::since(end, now));
            let made = if draft.job.is_some() { "not saved" } else { "not made here" };
            format!("{made}, and its links expired {ago} ago")
        }
        _ if draft.job.is_none() && app.drafts.is_looked_at(&draft.task) => "being fetched".to_owned(),
        _ => format!("not fetched; {fetch} fetches it"),
    }
}
