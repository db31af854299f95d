//! The frame of a box over the screen, lines of text for it, and what the views of drafts write alike.

use jiff::Timestamp;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::canvas::{Canvas, Piece, Pieces, wrap};
use crate::tui::width::columns;

pub(super) fn sheet_area(room: Rect, width: u16, height: u16) -> Rect {
    Rect::new((room.width - width) / 2, (room.height - height) / 3, width, height)
}

/// A box in the middle, as high as its lines, with them in it. The last lines stay where not all fit: they hold the keys.
pub(super) fn sheet(canvas: &mut Canvas<'_>, room: Rect, title: &str, width: u16, lines: &[Pieces], heavy: bool) -> Rect {
    let width = (width + 4).min(room.width);
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2).min(room.height);
    let area = sheet_area(room, width, height);
    let inner = if heavy { canvas.heavy_frame(area, title) } else { canvas.frame(area, title) };
    let rows = usize::from(inner.height);
    let cut = lines.len().saturating_sub(rows);
    let (head, tail) = if cut > 0 { (rows.saturating_sub(2), lines.len() - rows.min(2)) } else { (lines.len(), lines.len()) };
    for (line, y) in lines[..head.min(lines.len())].iter().chain(&lines[tail..]).zip(inner.top()..inner.bottom()) {
        canvas.pieces(inner.x, y, inner.width, line);
    }
    inner
}

/// Text wrapped to lines of one style.
pub(super) fn put(lines: &mut Vec<Pieces>, said: &str, width: u16, style: Style) {
    lines.extend(wrap(said, width).into_iter().map(|part| vec![(part, style)]));
}

pub(super) fn line_width(line: &[Piece]) -> u16 {
    line.iter().map(|(text, _)| columns(text)).sum()
}

/// `14:03` of today, `Nov 26` of another day.
pub(super) fn moment(canvas: &Canvas<'_>, at: Timestamp) -> String {
    let zone = &canvas.app.options.zone;
    let (local, today) = (at.to_zoned(zone.clone()), canvas.now.to_zoned(zone.clone()));
    let form = if local.date() == today.date() { "%H:%M" } else { "%b %d" };
    local.strftime(form).to_string()
}

/// The sign of what is chosen.
pub(super) fn chosen_sign(canvas: &Canvas<'_>) -> &'static str {
    if canvas.ascii { ">" } else { "▸" }
}
