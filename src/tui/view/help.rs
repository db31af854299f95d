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

/// The box, and in how many columns its text stands.
fn area(room: Rect) -> (Rect, u16) {
    // A few columns beside the box would only be noise.
    let width = if room.width > 132 { 120 } else { room.width };
    let columns = match width {
        114.. => 3,
        76.. => 2,
        _ => 1,
    };
    (Rect::new((room.width - width) / 2, 0, width, room.height), columns)
}

/// A group with its heading, and an empty line below it.
fn block(
    app: &App,
    styles: Styles,
    help: &HelpDialog,
    (group, rows): &(Group, Vec<&Row>),
    key_width: u16,
    width: u16,
) -> Vec<Pieces> {
    let mut block = vec![vec![(group.word().to_owned(), styles.strong)]];
    for row in rows {
        block.extend(entry(app, styles, &app.help_entry(row, help), row, (key_width, width)));
    }
    block.push(Pieces::new());
    block
}

/// The lines of each column. A column begins with a group, and its words stand below each other.
fn lines(app: &App, styles: Styles, help: &HelpDialog, count: u16, width: u16) -> Vec<Vec<Pieces>> {
    let rows = app.help_rows(help);
    let groups: Vec<(Group, Vec<&Row>)> = Group::ALL
        .into_iter()
        .map(|group| (group, rows.iter().copied().filter(|row| row.group == group).collect::<Vec<_>>()))
        .filter(|(_, rows)| !rows.is_empty())
        .collect();
    let keys = |(_, rows): &(Group, Vec<&Row>)| {
        rows.iter().map(|row| columns(&app.help_entry(row, help).0)).max().unwrap_or(0).min(MOST_KEYS)
    };
    let heights: Vec<usize> = groups.iter().map(|group| block(app, styles, help, group, keys(group), width).len()).collect();
    let share = heights.iter().sum::<usize>().div_ceil(usize::from(count));
    let mut sides: Vec<Vec<&(Group, Vec<&Row>)>> = vec![Vec::new()];
    let mut filled = 0;
    for (group, height) in groups.iter().zip(heights) {
        // The next column begins once this one is as long as its share.
        if filled > 0 && sides.len() < usize::from(count) && filled + height / 2 > share {
            sides.push(Vec::new());
            filled = 0;
        }
        filled += height;
        if let Some(side) = sides.last_mut() {
            side.push(group);
        }
    }
    let side = |side: Vec<&(Group, Vec<&Row>)>| {
        let keys = side.iter().map(|group| keys(group)).max().unwrap_or(0);
        let mut lines: Vec<Pieces> = side.into_iter().flat_map(|group| block(app, styles, help, group, keys, width)).collect();
        lines.pop_if(|line| line.is_empty());
        lines
    };
    sides.into_iter().map(side).collect()
}

fn entry(app: &App, styles: Styles, (keys, said): &(String, &str), row: &Row, (key_width, width): (u16, u16)) -> Vec<Pieces> {
    let fits = app.allows(row.action).is_ok();
    let (key_style, style) = if fits { (styles.accent, styles.plain) } else { (styles.dim, styles.dim) };
    let pad = " ".repeat(usize::from(key_width.saturating_sub(columns(keys))));
    let cost = if may_cost(row.action) { " $" } else { "" };
    let parts = wrap(&format!("{said}{cost}"), width.saturating_sub(key_width + 1));
    let mut out = Vec::new();
    for (index, part) in parts.into_iter().enumerate() {
        let head = if index == 0 { format!("{keys}{pad} ") } else { " ".repeat(usize::from(key_width) + 1) };
        out.push(vec![(head, key_style), (part, style)]);
    }
    out
}

fn inner_width(width: u16, count: u16) -> u16 {
    (width.saturating_sub(4 + (count - 1) * 2)) / count
}

/// The first line at the very end.
pub(super) fn last(app: &App, styles: Styles, room: Rect, help: &HelpDialog) -> usize {
    let (area, count) = area(room);
    let columns = lines(app, styles, help, count, inner_width(area.width, count));
    let longest = columns.iter().map(Vec::len).max().unwrap_or(0);
    longest.saturating_sub(usize::from(area.height.saturating_sub(3)))
}

pub(super) fn draw(canvas: &mut Canvas<'_>, room: Rect, help: &HelpDialog) {
    let styles = canvas.styles;
    let (area, count) = area(room);
    let inner = canvas.frame(area, "keys");
    if inner.height == 0 {
        return;
    }
    let width = inner_width(area.width, count);
    let columns = lines(canvas.app, styles, help, count, width);
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
