//! The contact sheet: the pictures of a draft side by side, what is chosen, and its price.
//!
//! Where a picture stands is worked out once ([`places`]), for drawing words here and for whoever draws pictures.

use std::path::PathBuf;

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::app::App;
use super::super::drafts::{is_old, moderated};
use super::super::layout::{Layout, Page};
use super::super::pictures::Want;
use super::super::wording;
use super::canvas::{Canvas, Pieces, wrap, wrap_items};
use super::pictures::{self, Place};
use super::sheet::{chosen_sign, line_width, moment};
use crate::job::drafts::{Draft, Known};
use crate::job::{Credits, ImageNumber, Model, text};
use crate::preview::Cells;
use crate::tui::width::columns;

/// A box for a picture of the draft on the sheet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PicturePlace {
    /// The cells of the picture.
    pub area: Rect,
    pub image: ImageNumber,
    /// The file to show, if it is here.
    pub file: Option<PathBuf>,
}

/// Where everything stands.
struct Areas {
    title: Rect,
    /// One for each picture, or none where there is no room.
    boxes: Vec<Rect>,
    words: Rect,
    /// The price of the choice: the last line.
    price: Rect,
}

/// Boxes of fewer lines than this have no room for a picture, nor for words.
const LEAST: u16 = 6;
/// Lines of words that stay below the pictures.
const WORDS: u16 = 4;

fn areas(layout: &Layout) -> Areas {
    let mut body = layout.body;
    let title = if layout.tabs.height > 0 {
        layout.tabs
    } else {
        let title = Rect { height: 1, ..body };
        body = Rect { y: body.y + 1, height: body.height.saturating_sub(1), ..body };
        title
    };
    let price = Rect { y: body.bottom().saturating_sub(1), height: 1.min(body.height), ..body };
    body.height = body.height.saturating_sub(1);
    let (boxes, words, price) = if layout.narrow {
        (Vec::new(), body, price)
    } else if body.width >= 100 && body.height >= 20 {
        let (boxes, words) = beside(Rect { height: body.height + 1, ..body });
        let price = Rect { y: price.y.saturating_sub(1), x: words.x, width: words.width, ..price };
        (boxes, Rect { height: words.height.saturating_sub(3), ..words }, price)
    } else {
        let (boxes, words) = above(body);
        (boxes, words, price)
    };
    Areas { title, boxes, words, price }
}

/// Four in a row, the words below them. A cell is twice as high as wide.
fn above(body: Rect) -> (Vec<Rect>, Rect) {
    let gap = 2;
    let most = body.width.saturating_sub(3 * gap) / 4;
    let height = (most / 2).min(body.height.saturating_sub(WORDS + 1));
    let width = most.min(height * 2);
    if height < LEAST {
        return (Vec::new(), body);
    }
    let boxes = (0..4).map(|at| Rect::new(body.x + at * (width + gap), body.y + 1, width, height)).collect();
    let used = height + 2;
    let words = Rect { y: body.y + used, height: body.height.saturating_sub(used), ..body };
    (boxes, words)
}

/// Two by two, the words beside them.
fn beside(body: Rect) -> (Vec<Rect>, Rect) {
    let (margin, gap) = (2, 4);
    let height = (body.height.saturating_sub(3) / 2).min(body.width.saturating_sub(58) / 4);
    let width = height * 2;
    let at = |column: u16, row: u16| {
        Rect::new(body.x + margin + column * (width + gap), body.y + 1 + row * (height + 2), width, height)
    };
    let boxes = vec![at(0, 0), at(1, 0), at(0, 1), at(1, 1)];
    let used = margin + 2 * (width + gap);
    let words = Rect { x: body.x + used, width: body.width.saturating_sub(used), ..body };
    (boxes, words)
}

/// The boxes of the pictures on the sheet; empty where it is not shown, or has no room for them.
pub(crate) fn places(app: &App) -> Vec<PicturePlace> {
    if app.screens.page() != Page::Sheet {
        return Vec::new();
    }
    let Some(draft) = app.drafts.selected() else { return Vec::new() };
    let boxes = areas(&app.layout()).boxes;
    let place = |(area, image): (Rect, ImageNumber)| PicturePlace { area, image, file: draft.file(image).cloned() };
    boxes.into_iter().zip(ImageNumber::ALL).map(place).collect()
}

/// The pictures of the sheet that are on disk, where this terminal shows pictures.
pub(super) fn pictures(app: &App) -> Vec<Place> {
    if app.pictures.off_on_sheet || app.pictures.chosen().is_some_and(|chosen| chosen.way.is_none()) {
        return Vec::new();
    }
    places(app).into_iter().filter_map(shown).collect()
}

fn shown(place: PicturePlace) -> Option<Place> {
    let PicturePlace { area: room, image, file } = place;
    let want = Want { path: file?, room: Cells::new(room.width, room.height), share: 4 };
    Some(Place { room, file: Ok(want), name: image.to_string(), upper_left: false })
}

pub(super) fn draw(canvas: &mut Canvas<'_>, layout: &Layout) {
    let app = canvas.app;
    let Some(draft) = app.drafts.selected() else { return };
    let Areas { title, words, price, .. } = areas(layout);
    head(canvas, title, draft);
    let places = places(app);
    for place in &places {
        picture(canvas, place, draft);
    }
    let lines = facts(canvas, draft, words.width, places.is_empty());
    for (line, y) in lines.iter().zip(words.top()..words.bottom()) {
        canvas.pieces(words.x, y, words.width, line);
    }
    let sum = sum(canvas, draft, price.width);
    canvas.pieces(price.x, price.y, price.width, &sum);
}

/// `draft r7u2k9aa · made here 14:03 · 4 pictures · charged 2.7`, and which of how many on the right.
fn head(canvas: &mut Canvas<'_>, area: Rect, draft: &Draft) {
    let (app, styles) = (canvas.app, canvas.styles);
    // A filter is seen here too: it says why there are not more.
    let filter = app.drafts.filter();
    let filter = if filter.is_empty() { String::new() } else { format!("/{} ", text::shorten(filter, 20)) };
    let place = format!("{filter}{} of {}", app.drafts.cursor_row() + 1, app.drafts.len());
    let made = draft.made_at.map(|at| format!(" {}", moment(canvas, at))).unwrap_or_default();
    let how = match draft.known {
        Known::Ours => format!("made here{made}"),
        known => format!("not made here,{made} · {}", known.word()),
    };
    let pictures = draft.pictures.map_or_else(|| "pictures not known".to_owned(), |count| text::count(count, "picture"));
    let price = draft.price.map_or_else(|| "price not known".to_owned(), |price| format!("charged {price}"));
    let room = area.width.saturating_sub(columns(&place) + 2);
    let mut pieces: Pieces = vec![(format!("draft {}", draft.task.short()), styles.strong)];
    // What has no room is left out, not cut.
    for part in [how, pictures, price] {
        let part = (format!(" · {part}"), styles.dim);
        if line_width(&pieces) + columns(&part.0) <= room {
            pieces.push(part);
        }
    }
    canvas.pieces(area.x, area.y, room, &pieces);
    canvas.right(area.x, area.y, area.width, &place, styles.dim);
}

/// A picture's number and mark above its box; in the box what is known of it in words.
fn picture(canvas: &mut Canvas<'_>, place: &PicturePlace, draft: &Draft) {
    let styles = canvas.styles;
    let (area, image) = (place.area, place.image);
    let number = (format!(" {image} "), styles.accent.add_modifier(styles.bold));
    let mark = chosen_mark(canvas, draft, image);
    canvas.pieces(area.x, area.y - 1, area.width, &[number, (mark, styles.strong)]);
    let ready = |picture: &Place| !canvas.app.pictures.off_on_sheet && pictures::ready(canvas.app, picture).is_some();
    if let Some(picture) = shown(place.clone()).filter(ready) {
        return pictures::draw_place(canvas, &picture);
    }
    let inner = canvas.frame(area, "");
    let mut y = inner.y;
    let size = place.file.as_ref().and_then(|path| {
        let job = canvas.app.jobs.job(draft.job?)?;
        job.files.iter().find(|file| file.path == *path).map(|file| (wording::bytes(file.bytes), styles.dim))
    });
    for (said, style) in known_of(canvas, draft, image).into_iter().chain(size) {
        for part in wrap(&said, inner.width) {
            if y >= inner.bottom() {
                return;
            }
            canvas.text(inner.x, y, inner.width, &part, style);
            y += 1;
        }
    }
}

/// `▸ chosen` where the picture is.
pub(super) fn chosen_mark(canvas: &Canvas<'_>, draft: &Draft, image: ImageNumber) -> String {
    let chosen = canvas.app.drafts.chosen(&draft.task).contains(&image);
    if chosen { format!("{} chosen", chosen_sign(canvas)) } else { String::new() }
}

/// What is known of a picture, in words.
pub(super) fn known_of(canvas: &Canvas<'_>, draft: &Draft, image: ImageNumber) -> Vec<(String, Style)> {
    let styles = canvas.styles;
    let at = usize::from(image.get());
    let mut out = Vec::new();
    let has_link = draft.links.len() > at && draft.links_expire_at.is_none_or(|end| end > canvas.now);
    out.push(match draft.pictures {
        Some(left) if at >= left => ("taken by moderation?".to_owned(), styles.warn),
        _ if draft.file(image).is_some() => ("on disk".to_owned(), styles.plain),
        _ if has_link => ("not fetched".to_owned(), styles.dim),
        _ => ("not here".to_owned(), styles.dim),
    });
    for child in draft.children.iter().filter(|child| child.image == image) {
        let style = canvas.state_style(child.state);
        out.push((format!("enhanced: {} {}", canvas.sign(child.state), child.state), style));
    }
    out
}

/// Columns of the names.
const NAMES: u16 = 9;

/// A name and its value, wrapped under itself.
fn fact(canvas: &Canvas<'_>, lines: &mut Vec<Pieces>, width: u16, name: &str, value: &str) {
    row(canvas, lines, name, wrap(value, width.saturating_sub(NAMES)));
}

/// A name and what belongs to it, none of them broken where it can be kept whole.
fn items(canvas: &Canvas<'_>, lines: &mut Vec<Pieces>, width: u16, name: &str, items: &[String]) {
    row(canvas, lines, name, wrap_items(items, width.saturating_sub(NAMES)));
}

fn row(canvas: &Canvas<'_>, lines: &mut Vec<Pieces>, name: &str, parts: Vec<String>) {
    for (index, part) in parts.into_iter().enumerate() {
        let name = if index == 0 { name } else { "" };
        lines.push(vec![(format!("{name:<9}"), canvas.styles.dim), (part, canvas.styles.plain)]);
    }
}

fn facts(canvas: &Canvas<'_>, draft: &Draft, width: u16, without_boxes: bool) -> Vec<Pieces> {
    let mut lines: Vec<Pieces> = Vec::new();
    let app = canvas.app;
    let tall = width >= 40 && canvas.buffer.area.height >= 30;
    match &draft.prompt {
        Some(prompt) => fact(canvas, &mut lines, width, "prompt", prompt.as_str()),
        None => fact(canvas, &mut lines, width, "prompt", "not made here: not known"),
    }
    if !tall {
        // The rest has to have room too.
        lines.truncate(2);
    }
    if let Some(template) = draft.template.as_ref().filter(|_| tall) {
        fact(canvas, &mut lines, width, "from", template);
    }
    if tall {
        fact(canvas, &mut lines, width, "task", draft.task.as_str());
    }
    if let Some(label) = draft.label() {
        fact(canvas, &mut lines, width, "tag", label);
    }
    items(canvas, &mut lines, width, "files", &files(canvas, draft, tall));
    items(canvas, &mut lines, width, "enhanced", &enhanced(app, draft));
    if let Some(said) = moderated(draft) {
        fact(canvas, &mut lines, width, "note", &said);
    } else if is_old(draft, canvas.now) {
        fact(canvas, &mut lines, width, "note", "older than 24 h: the service may refuse it");
    }
    if without_boxes {
        for image in ImageNumber::ALL {
            let mut line: Pieces = vec![(format!("{image}        "), canvas.styles.accent.add_modifier(canvas.styles.bold))];
            if app.drafts.chosen(&draft.task).contains(&image) {
                line.push((format!("{} chosen · ", chosen_sign(canvas)), canvas.styles.strong));
            }
            for (index, piece) in known_of(canvas, draft, image).into_iter().enumerate() {
                if index > 0 {
                    line.push((" · ".to_owned(), canvas.styles.dim));
                }
                line.push(piece);
            }
            lines.push(line);
        }
    }
    lines
}

/// `…/r7u2k9aa-0.png … -3 · links expire in 23h41m`.
fn files(canvas: &Canvas<'_>, draft: &Draft, all: bool) -> Vec<String> {
    let mut parts = Vec::new();
    if let (Some(first), count) = (draft.files.first().map(|(_, path)| path), draft.files.len()) {
        let first = text::clean(&first.to_string_lossy()).into_owned();
        parts.push(if count > 1 { format!("{first} … -{}", count - 1) } else { first });
    } else {
        parts.push("none here".to_owned());
    }
    if let Some(end) = draft.links_expire_at.filter(|_| !draft.links.is_empty()) {
        let left = end.duration_since(canvas.now).as_secs();
        parts.push(if left > 0 { format!("links expire in {}", wording::minutes(left)) } else { "links expired".to_owned() });
    }
    // In a small window the telling end of the path has to be seen.
    if !all && let Some(path) = parts.first_mut() {
        let short = path.rsplit('/').take(4).collect::<Vec<_>>();
        *path = short.into_iter().rev().collect::<Vec<_>>().join("/");
    }
    parts
}

/// `0 saved x5j8d3qa-0.png · 2 –`.
fn enhanced(app: &App, draft: &Draft) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut children: Vec<_> = draft.children.iter().collect();
    children.sort_by_key(|child| child.image);
    for child in children {
        let file = app.jobs.job(child.job).and_then(|job| {
            let name = text::clean(&job.files.first()?.path.file_name()?.to_string_lossy()).into_owned();
            // A name that begins with the whole task id needs its telling end only.
            let task = job.task.as_ref();
            Some(match task.and_then(|task| Some(format!("{}{}", task.short(), name.strip_prefix(task.as_str())?))) {
                Some(short) => format!(" {short}"),
                None => format!(" {name}"),
            })
        });
        let file = file.unwrap_or_default();
        parts.push(format!("{} {}{file}", child.image, child.state));
    }
    if parts.is_empty() {
        parts.push("–".to_owned());
    }
    parts
}

/// `0 and 2 chosen: 2 × 5.4 = 10.8 · balance 391.2 → 380.4`.
fn sum(canvas: &Canvas<'_>, draft: &Draft, width: u16) -> Pieces {
    let (app, styles) = (canvas.app, canvas.styles);
    let Some(status) = &app.status else { return Vec::new() };
    let price = status.prices.of(Model::Enhance);
    let chosen = app.drafts.chosen(&draft.task);
    if chosen.is_empty() {
        return vec![(format!("nothing chosen · {price} credits a picture"), styles.dim)];
    }
    let total = price.times(chosen.len());
    let mut pieces = vec![(format!("{} chosen: {} × {price} = {total}", chosen.len(), chosen.len()), styles.strong)];
    if let Some(balance) = status.balance.map(|seen| seen.amount) {
        let after = (balance - total).max(Credits::ZERO);
        let style = if balance < total { styles.warn } else { styles.plain };
        pieces.push((format!(" · balance {balance} → {after}"), style));
    }
    if chosen.len() == Model::MOST_PICTURES && width >= 100 {
        pieces.push((format!(" · a fast run of four costs {price} elsewhere"), styles.dim));
    }
    pieces
}
