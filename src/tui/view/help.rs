//! The help: every key in groups, or what a word finds.

use ratatui::layout::Rect;

use super::super::app::App;
use super::super::dialogs::HelpDialog;
use super::super::help::may_cost;
use super::super::keymap::{Action, Group, Row};
use super::canvas::{Canvas, Pieces, Styles, wrap};
use super::fields::field;
use crate::tui::width::columns;

/// Most columns for the keys.
const MOST_KEYS: u16 = 14;

/// The box, with one column of text, or two where both have room.
fn area(room: Rect) -> (Rect, u16) {
    let width = room.width.min(112);
    let halves = if width >= 76 { 2 } else { 1 };
    (Rect::new((room.width - width) / 2, 0, width, room.height), halves)
}

/// The lines of the columns, all equally many.
fn lines(app: &App, styles: Styles, help: &HelpDialog, halves: u16, width: u16) -> Vec<Vec<Pieces>> {
    let rows = app.help_rows(help);
    let mut blocks: Vec<Vec<Pieces>> = Vec::new();
    for group in Group::ALL {
        let of_group: Vec<&&Row> = rows.iter().filter(|row| row.group == group).collect();
        if of_group.is_empty() {
            continue;
        }
        let keys = of_group.iter().map(|row| columns(&app.help_keys(row))).max().unwrap_or(0).min(MOST_KEYS);
        let mut block = vec![vec![(group.word().to_owned(), styles.strong)]];
        for row in of_group {
            block.extend(entry(app, styles, row, keys, width));
        }
        block.push(Pieces::new());
        blocks.push(block);
    }
    let all: usize = blocks.iter().map(Vec::len).sum();
    let mut out: Vec<Vec<Pieces>> = vec![Vec::new()];
    for block in blocks {
        // The next column begins with a group, once this one is as long as the other can get.
        if out.len() < usize::from(halves) && out[0].len() + block.len() / 2 > all / usize::from(halves) {
            out.push(Vec::new());
        }
        if let Some(last) = out.last_mut() {
            last.extend(block);
        }
    }
    out
}

fn entry(app: &App, styles: Styles, row: &Row, key_width: u16, width: u16) -> Vec<Pieces> {
    let fits = app.allows(row.action).is_ok();
    let (key_style, style) = if fits { (styles.accent, styles.plain) } else { (styles.dim, styles.dim) };
    let keys = app.help_keys(row);
    let pad = " ".repeat(usize::from(key_width.saturating_sub(columns(&keys))));
    let cost = if may_cost(row.action) { " $" } else { "" };
    let parts = wrap(&format!("{}{cost}", row.help), width.saturating_sub(key_width + 1));
    let mut out = Vec::new();
    for (index, part) in parts.into_iter().enumerate() {
        let head = if index == 0 { format!("{keys}{pad} ") } else { " ".repeat(usize::from(key_width) + 1) };
        out.push(vec![(head, key_style), (part, style)]);
    }
    out
}

fn inner_width(width: u16, halves: u16) -> u16 {
    (width.saturating_sub(4 + (halves - 1) * 2)) / halves
}

/// The first line at the very end.
pub(super) fn last(app: &App, styles: Styles, room: Rect, help: &HelpDialog) -> usize {
    let (area, halves) = area(room);
    let columns = lines(app, styles, help, halves, inner_width(area.width, halves));
    let longest = columns.iter().map(Vec::len).max().unwrap_or(0);
    longest.saturating_sub(usize::from(area.height.saturating_sub(3)))
}

pub(super) fn draw(canvas: &mut Canvas<'_>, room: Rect, help: &HelpDialog) {
    let styles = canvas.styles;
    let (area, halves) = area(room);
    let inner = canvas.frame(area, "keys");
    if inner.height == 0 {
        return;
    }
    let width = inner_width(area.width, halves);
    let columns = lines(canvas.app, styles, help, halves, width);
    if help.searching {
        let used = canvas.text(inner.x, inner.y, inner.width, "search  ", styles.dim);
        field(canvas, inner.x + used, inner.y, inner.width.saturating_sub(used), &help.search, styles.plain, true);
    } else {
        let key = canvas.app.options.keymap.named(Action::Filter);
        let said = format!("{key} or any letter searches · $ may cost, asks first");
        canvas.text(inner.x, inner.y, inner.width, &said, styles.dim);
    }
    if canvas.app.help_rows(help).is_empty() {
        canvas.text(inner.x, inner.y + 1, inner.width, "no match · Esc clears", styles.dim);
        return;
    }
    let rows = usize::from(inner.height.saturating_sub(1));
    let longest = columns.iter().map(Vec::len).max().unwrap_or(0);
    let first = help.scroll.min(longest.saturating_sub(rows));
    let mut x = inner.x;
    for column in &columns {
        for (line, y) in column.iter().skip(first).zip(inner.y + 1..inner.bottom()) {
            canvas.pieces(x, y, width, line);
        }
        x += width + 2;
    }
    let edge = Rect::new(area.x, inner.y + 1, area.width, inner.height.saturating_sub(1));
    canvas.scrollbar(edge, longest, first);
}
