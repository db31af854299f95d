//! Pages of pictures and little else: one in full, or one beside the other.
//!
//! Where a picture stands is worked out once ([`places`]), for asking and for drawing alike.

use ratatui::layout::Rect;

use super::super::app::App;
use super::super::layout::{Layout, Page};
use super::super::wording;
use super::canvas::Canvas;
use super::contact_sheet::chosen_mark;
use super::draft_pictures;
use super::pictures::{Place, caption, draft, draw_place, in_details, ready, result, result_or_draft, say};
use crate::preview;

/// Where pictures stand now.
pub(crate) fn places(app: &App, now: jiff::Timestamp) -> Vec<Place> {
    let (width, height) = app.screens.size();
    if app.layout().narrow {
        return Vec::new();
    }
    let on_drafts = app.screens.is_on_drafts();
    let job = app.jobs.selected_job();
    match app.screens.page() {
        Page::Jobs => job.and_then(|job| in_details(app, job, now)).into_iter().collect(),
        Page::Full => {
            let room = Rect::new(0, 1, width, height.saturating_sub(2));
            let subject =
                if on_drafts { draft_pictures::in_full(app, now) } else { job.map(|job| result_or_draft(app, job, now)) };
            subject.map(|subject| Place::new(room, subject)).into_iter().collect()
        }
        Page::Compare => {
            let half = width.saturating_sub(1) / 2;
            let room = |x| Rect::new(x, 1, half.saturating_sub(1), height.saturating_sub(3));
            let (left, right) = (room(0), room(half + 2));
            let both = if on_drafts {
                draft_pictures::compared(app, now)
            } else {
                job.map(|job| (draft(app, job, now), result(app, job)))
            };
            let Some((draft, result)) = both else { return Vec::new() };
            if app.screens.is_flipped() {
                // One in the place of the other: only the left box is used.
                return vec![Place::new(left, result)];
            }
            vec![Place::new(left, draft), Place::new(right, result)]
        }
        _ => Vec::new(),
    }
}

/// One picture, or two, and nothing else but a title.
pub(super) fn page(canvas: &mut Canvas<'_>, layout: &Layout) {
    let (app, styles) = (canvas.app, canvas.styles);
    let (width, height) = (canvas.buffer.area.width, canvas.buffer.area.height);
    let on_drafts = app.screens.is_on_drafts();
    let verdict = match app.screens.page() {
        Page::Compare if on_drafts => draft_pictures::compared_job(app).and_then(|job| job.verdict),
        _ if on_drafts => None,
        _ => app.jobs.selected_job().and_then(|job| job.verdict),
    };
    let places = self::places(app, canvas.now);
    if places.is_empty() && layout.narrow {
        let room = Rect::new(0, 1, width, height.saturating_sub(3));
        say(canvas, room, "too small for a picture: it takes 60 columns and 15 rows");
        return;
    }
    for place in &places {
        draw_place(canvas, place);
    }
    let chosen = app.drafts.selected().filter(|_| on_drafts).map(|draft| {
        let mark = chosen_mark(canvas, draft, app.screens.draft_picture());
        if mark.is_empty() { mark } else { format!(" · {mark}") }
    });
    let chosen = chosen.unwrap_or_default();
    match app.screens.page() {
        Page::Compare => {
            let half = width.saturating_sub(1) / 2;
            let line = if canvas.ascii { "|" } else { "│" };
            if !app.screens.is_flipped() {
                for y in 0..height.saturating_sub(2) {
                    canvas.text(half, y, 1, line, styles.dim);
                }
            }
            for (number, place) in places.iter().enumerate() {
                let is_result = app.screens.is_flipped() || number == 1;
                let verdict = verdict.filter(|_| is_result).map(|verdict| format!(" · {verdict}")).unwrap_or_default();
                let title = match ready(app, place) {
                    Some(encoded) => format!(" {} · {}{verdict}", place.name, encoded.source),
                    None => format!(" {}{verdict}", place.name),
                };
                canvas.text(place.room.x, 0, place.room.width, &title, styles.strong);
            }
            let sent: usize = places.iter().filter_map(|place| ready(app, place)).map(|encoded| encoded.bytes).sum();
            if let Some(way) = places.iter().find_map(|place| ready(app, place)).map(|encoded| encoded.way) {
                let flip = if way == preview::Way::Kitty { " · a flip 67 B" } else { "" };
                let said = format!("{} · {} sent{flip} ", way.name(), wording::bytes(sent as u64));
                canvas.right(0, height.saturating_sub(2), width, &said, styles.dim);
            }
        }
        _ => {
            for place in &places {
                let verdict = verdict.map(|verdict| format!(" · {verdict}")).unwrap_or_default();
                canvas.text(0, 0, width, &format!(" {}{verdict}{chosen}", caption(app, place)), styles.strong);
            }
        }
    }
    let (row, count) = if on_drafts {
        (app.drafts.cursor_row() + 1, app.drafts.len())
    } else {
        (app.jobs.cursor_row() + 1, app.jobs.order().len())
    };
    if layout.footer.height > 0 && app.screens.page() == Page::Full {
        canvas.right(0, 0, width, &format!(" {row} of {count} "), styles.dim);
    }
}
