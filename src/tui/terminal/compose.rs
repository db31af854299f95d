//! One frame: cells, links and pictures between the brackets of a synchronized update.

use std::time::Instant;

use ratatui::buffer::Buffer;
use ratatui::layout::Position;

use super::paint::Painter;
use super::pictures::{Pictures, Spot};

/// What a frame shows.
pub struct Frame<'a> {
    /// Its cells; those of pictures are marked.
    pub buffer: &'a Buffer,
    /// The visible cursor.
    pub cursor: Option<Position>,
    /// Its pictures.
    pub spots: Vec<Spot>,
    /// Addresses that become links.
    pub links: &'a [String],
    /// Bracket it by mode 2026.
    pub synchronized: bool,
}

/// Appends what makes the terminal show the frame; `false` if nothing looks different.
pub fn append(frame: Frame<'_>, painter: &mut Painter, pictures: &mut Pictures, now: Instant, out: &mut Vec<u8>) -> bool {
    let Frame { buffer, cursor, spots, links, synchronized } = frame;
    if spots.is_empty() && pictures.is_idle() {
        return bracketed(synchronized, out, |out| {
            painter.paint(buffer, cursor, out);
            painter.link(buffer, links, out);
        });
    }
    let mut buffer = buffer.clone();
    let plan = pictures.frame(spots, &mut buffer, now);
    out.extend_from_slice(&plan.before);
    bracketed(synchronized, out, |out| {
        out.extend_from_slice(&plan.withdraw);
        painter.paint(&buffer, cursor, out);
        painter.link(&buffer, links, out);
        if !plan.place.is_empty() {
            out.extend_from_slice(&plan.place);
            painter.cursor_was_moved(out);
        }
    })
}

fn bracketed(synchronized: bool, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> bool {
    let start = out.len();
    if synchronized {
        out.extend_from_slice(b"\x1b[?2026h");
    }
    let empty = out.len();
    write(out);
    if out.len() == empty {
        out.truncate(start);
        return false;
    }
    if synchronized {
        out.extend_from_slice(b"\x1b[?2026l");
    }
    true
}
