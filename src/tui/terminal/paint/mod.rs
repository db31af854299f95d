//! From a screen full of cells to the fewest bytes that show it.
//!
//! The painter remembers what the terminal shows, where its cursor stands and which attributes are on, from frame to
//! frame, and appends to a buffer what turns one screen into the next. It writes nothing by itself and asks the terminal
//! nothing. A frame that looks like the one before has no bytes at all.

pub mod bound;
pub mod cells;
pub mod links;
pub mod motion;
pub mod order;
pub mod pen;
pub mod runs;

#[cfg(test)]
mod tests;

use ratatui::backend::{Backend as _, CrosstermBackend};
use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::{Position, Rect};
use ratatui::style::Color;

use cells::{CellStyle, Grid};
use motion::Place;
pub use order::Order;
use order::State;

/// Who encodes the frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Encoder {
    /// Ours: the fewest bytes.
    #[default]
    Thrifty,
    /// The stock backend of ratatui, as a way out where a terminal does not take ours well.
    Stock,
}

/// How frames are encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Style {
    /// Who encodes.
    pub encoder: Encoder,
    /// Which orders of writing are tried.
    pub order: Order,
    /// Use `REP` (ECMA-48 §8.3.103) for repeated ASCII characters. Off by default: not every terminal knows it.
    pub repeat: bool,
    /// Leave every colour out (`NO_COLOR`), whatever the views ask for. Bold, underline, reverse and so on stay.
    pub colourless: bool,
}

/// Clears the screen. Erasing uses the background of the pen, so the pen comes first.
const CLEAR: &[u8] = b"\x1b[m\x1b[2J";

/// What the terminal shows, and how to change it.
pub struct Painter {
    style: Style,
    shown: Grid,
    /// The room of the screen before, for the next one.
    spare: Grid,
    /// Kept for the stock encoder only.
    buffer: Buffer,
    state: State,
    /// Where the visible cursor is; `None` while it is hidden.
    cursor: Option<Position>,
    /// The next frame clears the screen first.
    fresh: bool,
    /// The links that were written over the frame.
    linked: Vec<links::Spot>,
}

impl Painter {
    /// A painter for a terminal of which nothing is known but that its cursor is hidden.
    pub fn new(style: Style) -> Self {
        Self {
            style,
            shown: Grid::empty(0, 0),
            spare: Grid::empty(0, 0),
            buffer: Buffer::empty(Rect::ZERO),
            state: State::default(),
            cursor: None,
            fresh: true,
            linked: Vec::new(),
        }
    }

    /// Forgets what the terminal shows: the next frame clears it and writes everything. For a resize, a redraw on demand
    /// and the return from elsewhere.
    pub fn forget(&mut self) {
        self.fresh = true;
        self.state = State::default();
    }

    /// Says that other bytes went to the terminal, so that neither cursor nor pen is known any more.
    pub fn lose_track(&mut self) {
        self.state = State::default();
    }

    /// Says that the cursor was hidden from outside (the terminal was entered anew).
    pub fn cursor_was_hidden(&mut self) {
        self.cursor = None;
    }

    /// Says that a picture was drawn over these cells: they belong to somebody else, and whatever takes its place is written
    /// in full.
    pub fn cover(&mut self, area: Rect) {
        self.shown.cover(area);
        let area = area.intersection(self.buffer.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                self.buffer[(x, y)].set_diff_option(CellDiffOption::Skip);
            }
        }
    }

    /// Says that other bytes moved the cursor, and appends what brings it back where it is visible. The pen is as it was.
    pub fn cursor_was_moved(&mut self, out: &mut Vec<u8>) {
        self.state.place = Place::default();
        self.place_cursor(self.cursor, out);
    }

    /// Appends what makes the terminal show `next` and the cursor (hidden: `None`). Appends nothing if it already does.
    pub fn paint(&mut self, next: &Buffer, cursor: Option<Position>, out: &mut Vec<u8>) {
        if self.style.colourless {
            let mut plain = next.clone();
            for cell in &mut plain.content {
                (cell.fg, cell.bg, cell.underline_color) = (Color::Reset, Color::Reset, Color::Reset);
            }
            self.paint_as_is(&plain, cursor, out);
        } else {
            self.paint_as_is(next, cursor, out);
        }
    }

    /// Appends what makes these addresses links where the frame just painted shows them; nothing where they are already.
    pub fn link(&mut self, shown: &Buffer, addresses: &[String], out: &mut Vec<u8>) {
        if addresses.is_empty() && self.linked.is_empty() {
            return;
        }
        let spots = links::find(shown, addresses, self.style.colourless);
        if spots != self.linked {
            let before = out.len();
            links::write(&spots, addresses, out);
            if out.len() > before {
                self.lose_track();
            }
            self.linked = spots;
        }
    }

    fn paint_as_is(&mut self, next: &Buffer, cursor: Option<Position>, out: &mut Vec<u8>) {
        let mut grid = std::mem::replace(&mut self.spare, Grid::empty(0, 0));
        grid.take(next);
        if (grid.width, grid.height) != (self.shown.width, self.shown.height) {
            self.forget();
        }
        if self.fresh {
            self.fresh = false;
            self.linked.clear();
            out.extend_from_slice(CLEAR);
            self.state = State { place: Place::default(), pen: Some(CellStyle::PLAIN) };
            self.shown = Grid::empty(grid.width, grid.height);
            self.buffer = Buffer::empty(next.area);
        }
        match self.style.encoder {
            Encoder::Thrifty => {
                let runs = runs::between(&self.shown, &grid, true);
                self.state = order::write(self.state, &runs, &grid, self.style.order, self.style.repeat, out);
            }
            Encoder::Stock => {
                let changed = self.buffer.diff(next);
                if !changed.is_empty() {
                    let drawn = CrosstermBackend::new(&mut *out).draw(changed.into_iter());
                    debug_assert!(drawn.is_ok(), "a buffer in memory takes everything");
                    self.state = State::default();
                }
                self.buffer.clone_from(next);
            }
        }
        self.spare = std::mem::replace(&mut self.shown, grid);
        self.place_cursor(cursor, out);
    }

    fn place_cursor(&mut self, cursor: Option<Position>, out: &mut Vec<u8>) {
        match cursor {
            Some(at) if at.x < self.shown.width && at.y < self.shown.height => {
                motion::go(self.state.place, at.x, at.y, self.state.pen.as_ref(), &self.shown, out);
                self.state.place = Place::at(at.x, at.y);
                if self.cursor.is_none() {
                    out.extend_from_slice(b"\x1b[?25h");
                }
                self.cursor = Some(at);
            }
            _ => {
                if self.cursor.take().is_some() {
                    out.extend_from_slice(b"\x1b[?25l");
                }
            }
        }
    }

    /// The lower bound of [`bound::cheapest`] for turning what is shown into `next`, in bytes.
    pub fn bound(&self, next: &Buffer) -> usize {
        let grid = Grid::of(next);
        if self.fresh || (grid.width, grid.height) != (self.shown.width, self.shown.height) {
            let state = State { place: Place::default(), pen: Some(CellStyle::PLAIN) };
            return CLEAR.len() + bound::cheapest(state, &Grid::empty(grid.width, grid.height), &grid);
        }
        bound::cheapest(self.state, &self.shown, &grid)
    }
}
