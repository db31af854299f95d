//! The drafts of the account, a row each.

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::super::app::App;
use super::super::dialogs::Dialog;
use super::super::keymap::Action;
use super::super::layout::Layout;
use super::canvas::{Canvas, Pieces, wrap};
use super::draft_pictures::{draw_strip, strip};
use super::sheet::{chosen_sign, line_width, moment};
use crate::job::drafts::{Draft, Known};
use crate::job::{Model, text};
use crate::tui::width::columns;

/// Where the title stands, and the rows with their headings.
struct Areas {
    title: Rect,
    list: Rect,
    has_headings: bool,
}

fn areas(app: &App, layout: &Layout) -> Areas {
    let mut body = layout.body;
    if let Some(strip) = strip(app, layout) {
        body.height = strip.title.y - body.y;
    }
    let one = |y| Rect { y, height: 1, ..body };
    if layout.tabs.height > 0 {
        return Areas { title: layout.tabs, list: body, has_headings: true };
    }
    let list = Rect { y: body.y + 1, height: body.height.saturating_sub(1), ..body };
    Areas { title: one(body.y), list, has_headings: false }
}

/// How many rows have room.
pub(crate) fn rows(app: &App, layout: &Layout) -> usize {
    let areas = areas(app, layout);
    usize::from(areas.list.height.saturating_sub(u16::from(areas.has_headings)))
}

/// The draft of a place on the screen, counted from the first row shown.
pub(super) fn row_at(app: &App, layout: &Layout, y: u16) -> Option<usize> {
    let areas = areas(app, layout);
    let first = areas.list.y + u16::from(areas.has_headings);
    (y < areas.list.bottom()).then(|| y.checked_sub(first)).flatten().map(usize::from)
}

/// A column: its heading, its width, and what stands in it.
type Column = (&'static str, u16, fn(&Canvas<'_>, &Draft) -> (String, Style));

/// Columns of the screen before the table: cursor, mark, and one to part them from the rest.
const GUTTER: u16 = 3;

/// The columns for a width; the prompt takes the rest.
fn plan(width: u16) -> (u16, Vec<Column>) {
    let wide = width >= 100;
    let gap = if wide { 2 } else { 1 };
    let mut all: Vec<Column> = vec![
        ("made", 6, made),
        ("draft", 8, |canvas, draft| (draft.task.short().to_owned(), canvas.styles.plain)),
        ("pics", 4, pictures),
        ("credits", 7, credit),
        ("known", 6, known),
        ("enhanced", 11, enhanced),
    ];
    if wide {
        all.push(("tag", 10, |canvas, draft| (draft.label().unwrap_or_default().to_owned(), canvas.styles.dim)));
    }
    if width < 76 {
        all.retain(|(name, ..)| *name != "credits");
    }
    if width < 66 {
        all.retain(|(name, ..)| *name != "known");
    }
    if width < 45 {
        all.retain(|(name, ..)| *name != "enhanced");
    }
    (gap, all)
}

fn made(canvas: &Canvas<'_>, draft: &Draft) -> (String, Style) {
    (draft.made_at.map_or_else(|| "?".to_owned(), |at| moment(canvas, at)), canvas.styles.plain)
}

fn pictures(canvas: &Canvas<'_>, draft: &Draft) -> (String, Style) {
    match draft.pictures {
        None => ("?".to_owned(), canvas.styles.dim),
        Some(left) if draft.missing().is_some() => (format!("{left} !"), canvas.styles.warn),
        Some(all) => (all.to_string(), canvas.styles.plain),
    }
}

fn credit(canvas: &Canvas<'_>, draft: &Draft) -> (String, Style) {
    match draft.price {
        Some(price) => (price.to_string(), canvas.styles.plain),
        None => ("?".to_owned(), canvas.styles.dim),
    }
}

fn known(canvas: &Canvas<'_>, draft: &Draft) -> (String, Style) {
    let style = match draft.known {
        Known::Ours => canvas.styles.good,
        Known::Likely => canvas.styles.plain,
        Known::Maybe | Known::No => canvas.styles.dim,
    };
    (draft.known.word().to_owned(), style)
}

/// `0✓ 2●`, and what is chosen and not enhanced: `3▸`.
fn enhanced(canvas: &Canvas<'_>, draft: &Draft) -> (String, Style) {
    let chosen = canvas.app.drafts.chosen(&draft.task);
    let mut parts: Vec<(u8, String)> = Vec::new();
    for child in &draft.children {
        parts.push((child.image.get(), format!("{}{}", child.image, canvas.sign(child.state))));
    }
    for image in chosen {
        parts.push((image.get(), format!("{image}{}", chosen_sign(canvas))));
    }
    parts.sort();
    parts.dedup();
    if parts.is_empty() {
        return ("–".to_owned(), canvas.styles.dim);
    }
    (parts.into_iter().map(|(_, part)| part).collect::<Vec<_>>().join(" "), canvas.styles.plain)
}

/// The prompt; where it is not known, that and what else there is to say.
fn prompt(canvas: &Canvas<'_>, draft: &Draft, wide: bool) -> (String, Style) {
    let styles = canvas.styles;
    let note =
        draft.label().filter(|_| !wide && canvas.buffer.area.width >= 76).map(|note| format!("[{note}] ")).unwrap_or_default();
    let mut more: Vec<String> = Vec::new();
    if let Some(taken) = draft.missing() {
        more.push(format!("moderation took {taken} of {}", Model::MOST_PICTURES));
    }
    if let Some(prompt) = &draft.prompt {
        more.insert(0, prompt.as_str().to_owned());
        return (format!("{note}{}", more.join(" · ")), styles.plain);
    }
    if draft.price.is_none() {
        more.push("no price: may be no draft".to_owned());
    }
    more.push("not made here".to_owned());
    (format!("{note}{}", more.join(" · ")), styles.dim)
}

pub(super) fn draw(canvas: &mut Canvas<'_>, layout: &Layout) {
    let Areas { title, list, has_headings } = areas(canvas.app, layout);
    head(canvas, title);
    let app = canvas.app;
    if let Some(strip) = strip(app, layout) {
        draw_strip(canvas, &strip);
    }
    if app.drafts.len() == 0 {
        return empty(canvas, list);
    }
    let (gap, plan) = plan(list.width);
    if has_headings {
        let mut x = list.x + GUTTER;
        for (heading, width, _) in &plan {
            canvas.text(x, list.y, *width, heading, canvas.styles.dim);
            x += width + gap;
        }
        canvas.text(x, list.y, list.right().saturating_sub(x), "prompt", canvas.styles.dim);
    }
    let first = list.y + u16::from(has_headings);
    let cursor = app.drafts.cursor_row();
    for ((draft, index), y) in app.drafts.rows().zip(app.drafts.offset()..).zip(first..list.bottom()) {
        row(canvas, Rect { y, height: 1, ..list }, (gap, &plan), draft);
        let styles = canvas.styles;
        if app.drafts.marks().contains(&draft.task) {
            canvas.text(1, y, 1, if canvas.ascii { "#" } else { "◆" }, styles.accent);
        }
        if index == cursor {
            // To the end of the draft's name, as in the list.
            let end = GUTTER + plan.iter().map(|(_, width, _)| width + gap).take(2).sum::<u16>() - gap;
            canvas
                .restyle(Rect::new(0, y, end.min(list.width), 1), styles.plain.add_modifier(Modifier::REVERSED | Modifier::BOLD));
            canvas.text(0, y, 1, if canvas.ascii { ">" } else { "▌" }, styles.accent.add_modifier(styles.bold));
        }
    }
}

fn row(canvas: &mut Canvas<'_>, area: Rect, (gap, plan): (u16, &[Column]), draft: &Draft) {
    let mut x = area.x + GUTTER;
    for (_, width, cell) in plan {
        let (said, style) = cell(canvas, draft);
        canvas.text(x, area.y, (*width).min(area.right().saturating_sub(x)), &said, style);
        x += width + gap;
    }
    let (said, style) = prompt(canvas, draft, area.width >= 100);
    canvas.text(x, area.y, area.right().saturating_sub(x), &said, style);
}

/// `drafts 14 · made here 6 · of the account 8 · refreshed 14:05`, and the filter on the right.
fn head(canvas: &mut Canvas<'_>, area: Rect) {
    let (app, styles) = (canvas.app, canvas.styles);
    let all = app.drafts.all();
    let ours = all.iter().filter(|draft| draft.known == Known::Ours).count();
    let mut parts: Pieces = Vec::new();
    if !all.is_empty() {
        parts.push((format!(" · made here {ours}"), styles.dim));
        parts.push((format!(" · of the account {}", all.len() - ours), styles.dim));
    }
    let being_made = app.drafts.being_made();
    if being_made > 0 {
        parts.push((format!(" · {being_made} being made"), styles.accent));
    }
    let asked = app.drafts.refreshed_at().map(|at| format!(" · refreshed {}", moment(canvas, at)));
    parts.extend(asked.map(|asked| (asked, styles.dim)));
    let mut right = String::new();
    if !app.drafts.filter().is_empty() && !matches!(app.dialogs.top(), Some(Dialog::Filter(_))) {
        right = format!("/{} {} of {}", text::shorten(app.drafts.filter(), 20), app.drafts.len(), all.len());
    }
    if !app.drafts.marks().is_empty() {
        let gap = if right.is_empty() { "" } else { "  " };
        right = format!("{right}{gap}{} marked", app.drafts.marks().len());
    }
    let room = area.width.saturating_sub(columns(&right) + 2);
    let mut pieces: Pieces = vec![("drafts".to_owned(), styles.strong), (format!(" {}", all.len()), styles.strong)];
    // What has no room is left out, not cut.
    for part in parts {
        if line_width(&pieces) + columns(&part.0) <= room {
            pieces.push(part);
        }
    }
    canvas.pieces(area.x, area.y, room, &pieces);
    canvas.right(area.x, area.y, area.width, &right, styles.accent.add_modifier(styles.bold));
}

/// What to do where there is nothing.
fn empty(canvas: &mut Canvas<'_>, area: Rect) {
    let app = canvas.app;
    let key = |action| app.options.keymap.named(action);
    let (title, hint) = if !app.drafts.filter().is_empty() {
        ("no match".to_owned(), format!("{} clears the filter", key(Action::Escape)))
    } else if !app.jobs.is_loaded() {
        ("opening the store".to_owned(), String::new())
    } else if app.drafts.being_made() > 0 {
        (
            format!("{} being made", text::count(app.drafts.being_made(), "draft")),
            "they stand here when their pictures come".to_owned(),
        )
    } else if app.drafts.refreshed_at().is_none() && !app.options.read_only {
        ("asking the account for its drafts".to_owned(), format!("{} makes some from prompts", key(Action::NewDrafts)))
    } else if app.options.read_only {
        ("no drafts yet".to_owned(), String::new())
    } else {
        (
            "no drafts yet".to_owned(),
            format!("{} makes some from prompts · {} asks the account", key(Action::NewDrafts), key(Action::Ask)),
        )
    };
    centred(canvas, area, &title, &hint);
}

fn centred(canvas: &mut Canvas<'_>, area: Rect, title: &str, hint: &str) {
    let styles = canvas.styles;
    let lines = [(title.to_owned(), styles.strong), (String::new(), styles.plain)].into_iter();
    let hint = wrap(hint, area.width.saturating_sub(4).max(1)).into_iter().map(|line| (line, styles.dim));
    let lines: Vec<(String, Style)> = lines.chain(hint).collect();
    let top = area.y + area.height.saturating_sub(u16::try_from(lines.len()).unwrap_or(0)) / 3;
    for ((line, style), y) in lines.iter().zip(top..area.bottom()) {
        canvas.text(area.x + area.width.saturating_sub(columns(line)) / 2, y, area.width, line, *style);
    }
}

/// Where the rows of the drafts have room.
pub(crate) fn draft_rows(app: &App) -> usize {
    rows(app, &app.layout())
}
