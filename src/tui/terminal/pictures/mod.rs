//! What pictures the terminal holds and shows, and the bytes that bring it to what the screen names.
//!
//! ```text
//! Screen::pictures ─ named ─▶ frame ─▶ withdraw · cells · place     inside the frame, some forty bytes each
//!                               │
//!                               └─ wanted ─▶ next_write ─▶ slices    writes of their own, paced by the terminal's answers
//! ```
//!
//! The screen draws words into the cells of a picture and marks them [`CellDiffOption::Skip`]; [`Pictures::frame`] leaves
//! them to the picture where the terminal shows it, and makes them plain cells where it does not (yet): its data is still
//! on its way, or a box lies over it. So words stand wherever no picture does, and nothing is ever left over. Under a
//! picture of kitty's protocol the cells are blank. A picture of iTerm2's or sixel stands in the cells themselves: they
//! belong to somebody else ([`super::paint::Painter::cover`]), and are written again when it goes.
//!
//! Rules that a test double of a terminal holds: data never travels inside a frame; between the slices of one picture goes
//! no other command for pictures; whoever clears the terminal calls [`Pictures::forget`], and everything counts as not
//! there; [`Pictures::goodbye`] names every id that was sent, and nothing else is ever deleted.

mod pace;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::buffer::{Buffer, Cell, CellDiffOption};
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};

use crate::preview::kitty::{self, Id};
use crate::preview::tmux::Wrap;
use crate::preview::{Body, Encoded, Way};
use pace::Pace;

/// So many pictures stay in the terminal; the one that was shown longest ago leaves first.
pub const HELD_MOST: usize = 16;

/// A picture that has no place of its own in the terminal (iTerm2, sixel) is sent again at most once in so long.
const INLINE_REST: Duration = Duration::from_millis(300);

/// Two errors within so long: the terminal does not take pictures this way.
const PATIENCE_WITH_ERRORS: Duration = Duration::from_mins(1);

/// A picture that a frame shows.
#[derive(Clone, Debug)]
pub struct Spot {
    /// Names the data: the same number always means the same picture in the same size.
    pub key: u64,
    /// What is sent for it. Pictures of cells are drawn by the screen and never named.
    pub picture: Arc<Encoded>,
    /// The cells it covers: as many as [`Encoded::cells`].
    pub area: Rect,
}

/// A picture in the terminal.
#[derive(Debug)]
struct Held {
    key: u64,
    id: Id,
    /// Counts frames: when it was shown last.
    shown_at: u64,
    /// Its placeholders have been prepared.
    prepared: bool,
    /// Inside tmux a window that nobody looks at may have dropped it.
    unseen: bool,
    wrap: Wrap,
}

/// Data on its way.
#[derive(Debug)]
struct Parcel {
    held: Held,
    /// In the order in which they are sent, the last first.
    left: Vec<Vec<u8>>,
}

/// A picture on the screen.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Shown {
    key: u64,
    area: Rect,
    way: Way,
    /// Its bytes are in the terminal. An inline picture's may still wait for their write.
    drawn: bool,
}

/// What a frame needs besides its cells.
#[derive(Debug, Default)]
pub struct Plan {
    /// Before the frame and its brackets: ends what is half sent, deletes what was lost.
    pub before: Vec<u8>,
    /// At the beginning of the frame.
    pub withdraw: Vec<u8>,
    /// At the end of the frame. The cursor is elsewhere afterwards.
    pub place: Vec<u8>,
}

/// Bytes of a picture, for a write of their own.
#[derive(Debug)]
pub struct Write {
    /// With the question that [`Pictures::answered`] waits for.
    pub bytes: Vec<u8>,
    /// The cells that it draws over; the cursor is elsewhere afterwards.
    pub covers: Option<Rect>,
}

/// What became of a picture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// It is sent once more.
    Again,
    /// The terminal does not take pictures this way: its own words.
    Final(String),
}

/// The pictures of one terminal.
#[derive(Debug)]
pub struct Pictures {
    session: u8,
    held: Vec<Held>,
    parcel: Option<Parcel>,
    shown: Vec<Shown>,
    /// What the last frame named and the terminal does not hold, in order.
    wanted: Vec<Spot>,
    pace: Pace,
    /// Bytes for the beginning of the next frame or write: deletions.
    owed: Vec<u8>,
    inline_not_before: Option<Instant>,
    errors: Vec<Instant>,
    frames: u64,
    focused: bool,
    /// [`Self::goodbye`] says something else than before.
    changed: bool,
    /// A picture is complete: a frame has to place it.
    complete: bool,
}

impl Default for Pictures {
    fn default() -> Self {
        // Beside other programs in the same terminal: a random byte, never zero, since small numbers are what others use.
        let random = RandomState::new().hash_one(std::process::id());
        Self::new(random.to_le_bytes()[0].max(1))
    }
}

impl Pictures {
    /// `session` goes into every id.
    pub fn new(session: u8) -> Self {
        Self {
            session,
            held: Vec::new(),
            parcel: None,
            shown: Vec::new(),
            wanted: Vec::new(),
            pace: Pace::default(),
            owed: Vec::new(),
            inline_not_before: None,
            errors: Vec::new(),
            frames: 0,
            focused: true,
            changed: false,
            complete: false,
        }
    }

    /// Whether a frame without pictures needs nothing from here.
    pub fn is_idle(&self) -> bool {
        !self.complete && self.shown.is_empty() && self.wanted.is_empty() && self.parcel.is_none() && self.owed.is_empty()
    }

    /// Brings a frame and the terminal together: makes words, blanks or placeholders of the marked cells, and says what is
    /// to be written round them.
    pub fn frame(&mut self, named: Vec<Spot>, buffer: &mut Buffer, now: Instant) -> Plan {
        self.frames += 1;
        self.complete = false;
        let before = std::mem::take(&mut self.shown);
        let (mut show, mut wanted): (Vec<(Spot, Shown)>, Vec<Spot>) = (Vec::new(), Vec::new());
        let mut free: Vec<Rect> = Vec::new();
        for spot in named {
            let way = spot.picture.way;
            let good = is_visible(&spot, buffer) && !show.iter().any(|(other, _)| other.key == spot.key);
            let inline = matches!(spot.picture.body, Body::Sequence(_));
            let held = good && matches!(spot.picture.body, Body::Png(_)) && self.touch(spot.key);
            let at = Shown { key: spot.key, area: spot.area, way, drawn: held };
            if held {
                show.push((spot, at));
            } else if good && inline {
                let drawn = before.iter().any(|old| *old == Shown { drawn: true, ..at.clone() });
                if !drawn {
                    free.push(spot.area);
                    wanted.push(spot.clone());
                }
                show.push((spot, Shown { drawn, ..at }));
            } else {
                if good && matches!(spot.picture.body, Body::Png(_)) {
                    wanted.push(spot.clone());
                }
                free.push(spot.area);
            }
        }
        let mut plan = Plan::default();
        // What is marked and not shown becomes plain cells.
        for area in free {
            for_each(buffer, area, |cell| {
                if cell.diff_option == CellDiffOption::Skip {
                    cell.set_diff_option(CellDiffOption::None);
                }
            });
        }
        let owed = std::mem::take(&mut self.owed);
        let mut commands = !owed.is_empty();
        for old in before.iter().filter(|old| old.drawn && !show.iter().any(|(_, new)| new.key == old.key)) {
            match old.way {
                Way::Kitty => {
                    if let Some(held) = self.held.iter().find(|held| held.key == old.key) {
                        plan.withdraw.extend(kitty::withdraw(held.id, held.wrap));
                        commands = true;
                    }
                }
                Way::Iterm2 | Way::Sixel => self.inline_not_before = Some(now + INLINE_REST),
                // Their cells are written again.
                Way::KittyPlaceholders | Way::Blocks => {}
            }
        }
        for (spot, at) in &show {
            let placed = before.iter().find(|old| old.key == spot.key && old.drawn).is_some_and(|old| old.area == at.area);
            match at.way {
                Way::Kitty => {
                    for_each(buffer, at.area, Cell::reset);
                    let Some(held) = self.held.iter().find(|held| held.key == spot.key && !placed) else { continue };
                    plan.place.extend_from_slice(goto(at.area).as_bytes());
                    plan.place.extend(kitty::place(held.id, spot.picture.cells));
                    commands = true;
                }
                Way::KittyPlaceholders => {
                    let Some(held) = self.held.iter_mut().find(|held| held.key == spot.key) else { continue };
                    if !std::mem::replace(&mut held.prepared, true) {
                        plan.withdraw.extend(kitty::place_virtually(held.id, spot.picture.cells, held.wrap));
                        commands = true;
                    }
                    fill_with_placeholders(buffer, at.area, held.id);
                }
                _ => {}
            }
        }
        self.shown = show.into_iter().map(|(_, at)| at).collect();
        // Between two slices goes no other command, and what nobody wants any more is not sent to its end.
        let unwanted = self.parcel.as_ref().is_some_and(|parcel| !wanted.iter().any(|spot| spot.key == parcel.held.key));
        if commands || unwanted {
            self.cut_short(&mut plan.before);
        }
        plan.before.extend(owed);
        self.wanted = wanted;
        plan
    }

    /// Ends the picture that is half sent, so that another command for pictures may follow. The next frame that names it
    /// begins it anew.
    pub fn cut_short(&mut self, out: &mut Vec<u8>) {
        if let Some(parcel) = self.parcel.take() {
            out.extend(kitty::cut_short(parcel.held.id, parcel.held.wrap));
            self.changed = true;
        }
    }

    /// Whether the terminal holds this picture; if so, it counts as used.
    fn touch(&mut self, key: u64) -> bool {
        let frames = self.frames;
        self.held.iter_mut().find(|held| held.key == key).map(|held| held.shown_at = frames).is_some()
    }

    /// The next bytes that may be written now, in a write of their own; `None` if there are none or the terminal has to
    /// answer first. To be called only while no frame is due.
    pub fn next_write(&mut self, now: Instant) -> Option<Write> {
        if self.complete || (self.parcel.is_none() && self.wanted.is_empty()) || !self.pace.allows(now) {
            return None;
        }
        let (mut out, mut covers) = (Vec::new(), None);
        if self.parcel.is_none() {
            let spot = self.wanted.first()?.clone();
            match &spot.picture.body {
                Body::Png(png) => self.begin(&spot, png, &mut out),
                Body::Sequence(sequence) => {
                    if self.inline_not_before.is_some_and(|at| now < at) {
                        return None;
                    }
                    self.wanted.remove(0);
                    out.extend_from_slice(goto(spot.area).as_bytes());
                    out.extend_from_slice(sequence);
                    covers = Some(spot.area);
                    for shown in self.shown.iter_mut().filter(|shown| shown.key == spot.key) {
                        shown.drawn = true;
                    }
                }
                Body::Grid(_) => {
                    self.wanted.remove(0);
                    return None;
                }
            }
        }
        if let Some(parcel) = &mut self.parcel {
            out.extend(parcel.left.pop()?);
            parcel.held.unseen |= parcel.held.wrap == Wrap::Tmux && !self.focused;
            if parcel.left.is_empty()
                && let Some(parcel) = self.parcel.take()
            {
                self.wanted.retain(|spot| spot.key != parcel.held.key);
                self.held.push(parcel.held);
                (self.complete, self.changed) = (true, true);
            }
        }
        out.extend_from_slice(pace::QUESTION);
        self.pace.sent(out.len(), now);
        Some(Write { bytes: out, covers })
    }

    fn begin(&mut self, spot: &Spot, png: &[u8], out: &mut Vec<u8>) {
        out.append(&mut self.owed);
        while self.held.len() >= HELD_MOST {
            let shown = |held: &Held| self.shown.iter().any(|shown| shown.key == held.key);
            let oldest = (0..self.held.len()).min_by_key(|at| (shown(&self.held[*at]), self.held[*at].shown_at)).unwrap_or(0);
            let held = self.held.swap_remove(oldest);
            self.shown.retain(|shown| shown.key != held.key);
            out.extend(kitty::delete(held.id, held.wrap));
        }
        let taken = |colour: &u8| self.held.iter().any(|held| held.id.colour() == *colour);
        let colour = Id::COLOURS.rev().find(|colour| !taken(colour));
        let Some(id) = colour.and_then(|colour| Id::new(self.session, colour)) else { return };
        let wrap = if spot.picture.way == Way::KittyPlaceholders { Wrap::Tmux } else { Wrap::Plain };
        let mut left = kitty::transmit(id, png, wrap);
        left.reverse();
        let held = Held { key: spot.key, id, shown_at: self.frames, prepared: false, unseen: false, wrap };
        self.parcel = Some(Parcel { held, left });
        self.changed = true;
    }

    /// Whether a picture is complete and waits for the frame that places it.
    pub fn wants_frame(&self) -> bool {
        self.complete
    }

    /// When [`Self::next_write`] may have something that it has not now, without anything happening.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        if self.complete || (self.parcel.is_none() && self.wanted.is_empty()) {
            return None;
        }
        let inline =
            self.parcel.is_none() && self.wanted.first().is_some_and(|spot| matches!(spot.picture.body, Body::Sequence(_)));
        let rest = self.inline_not_before.filter(|_| inline).unwrap_or(now);
        Some(self.pace.opens_at(now).max(rest).max(now))
    }

    /// The terminal has read everything up to a question of [`Self::next_write`].
    pub fn answered(&mut self, at: Instant) {
        self.pace.answered(at);
    }

    /// So many questions are open at this time: their answers are still on the line.
    pub fn open_questions(&self, now: Instant) -> usize {
        self.pace.open(now)
    }

    /// The terminal said something about a picture. `None`: it was none of ours, or no error.
    pub fn heard(&mut self, id: Option<u32>, message: &str, now: Instant) -> Option<Refusal> {
        if message.starts_with("OK") {
            return None;
        }
        let ours = |held: &Held| id.is_none_or(|id| id == held.id.number());
        if self.parcel.as_ref().is_some_and(|parcel| ours(&parcel.held)) {
            if let Some(parcel) = self.parcel.take() {
                self.owed.extend(kitty::cut_short(parcel.held.id, parcel.held.wrap));
            }
        } else if let Some(at) = self.held.iter().position(ours).filter(|_| id.is_some()) {
            let held = self.held.swap_remove(at);
            self.shown.retain(|shown| shown.key != held.key);
            self.owed.extend(kitty::delete(held.id, held.wrap));
        } else {
            return None;
        }
        self.changed = true;
        // The frame that follows names it again.
        self.complete = true;
        self.errors.retain(|error| now.saturating_duration_since(*error) < PATIENCE_WITH_ERRORS);
        self.errors.push(now);
        Some(if self.errors.len() > 1 { Refusal::Final(message.to_owned()) } else { Refusal::Again })
    }

    /// The window is looked at, or not any more. `true`: a frame has to bring back what tmux may have dropped.
    pub fn focus(&mut self, focused: bool) -> bool {
        self.focused = focused;
        if !focused {
            return false;
        }
        let Some((lost, held)) = self.part(|held| held.unseen) else { return false };
        self.held = held;
        for held in lost {
            self.shown.retain(|shown| shown.key != held.key);
            self.owed.extend(kitty::delete(held.id, held.wrap));
        }
        self.changed = true;
        true
    }

    fn part(&mut self, lost: impl Fn(&Held) -> bool) -> Option<(Vec<Held>, Vec<Held>)> {
        if !self.held.iter().any(&lost) {
            return None;
        }
        Some(std::mem::take(&mut self.held).into_iter().partition(lost))
    }

    /// The terminal is going to be cleared, or was rearranged: nothing is there any more. What some terminals keep in spite of
    /// that is deleted with the next frame.
    pub fn forget(&mut self) {
        self.owed = self.goodbye();
        self.reset();
    }

    /// [`Self::goodbye`] was written.
    pub fn left(&mut self) {
        self.owed.clear();
        self.reset();
    }

    fn reset(&mut self) {
        self.changed |= !self.held.is_empty() || self.parcel.is_some();
        self.held.clear();
        self.parcel = None;
        self.shown.clear();
        self.wanted.clear();
        self.complete = false;
    }

    /// What deletes everything of ours; empty if nothing was sent.
    pub fn goodbye(&self) -> Vec<u8> {
        let mut out = self.owed.clone();
        if let Some(parcel) = &self.parcel {
            out.extend(kitty::cut_short(parcel.held.id, parcel.held.wrap));
        }
        for held in &self.held {
            out.extend(kitty::delete(held.id, held.wrap));
        }
        out
    }

    /// Whether [`Self::goodbye`] says something else than when this was asked last.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }
}

fn goto(area: Rect) -> String {
    format!("\x1b[{};{}H", u32::from(area.y) + 1, u32::from(area.x) + 1)
}

/// Whether every cell of the picture is still marked: nothing lies over it. A picture that ends in the last row would make
/// some terminals scroll.
fn is_visible(spot: &Spot, buffer: &Buffer) -> bool {
    let Rect { x, y, width, height } = spot.area;
    let fits =
        spot.area.intersection(buffer.area) == spot.area && !spot.area.is_empty() && spot.area.bottom() < buffer.area.bottom();
    fits && (width, height) == (spot.picture.cells.columns, spot.picture.cells.rows)
        && (y..y + height).all(|y| (x..x + width).all(|x| buffer[(x, y)].diff_option == CellDiffOption::Skip))
}

fn for_each(buffer: &mut Buffer, area: Rect, mut change: impl FnMut(&mut Cell)) {
    let area = area.intersection(buffer.area);
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            change(&mut buffer[(x, y)]);
        }
    }
}

fn fill_with_placeholders(buffer: &mut Buffer, area: Rect, id: Id) {
    for (row, y) in (area.top()..area.bottom()).enumerate() {
        for (column, x) in (area.left()..area.right()).enumerate() {
            let [column, row] = [column, row].map(|place| u16::try_from(place).unwrap_or(u16::MAX));
            let cell = &mut buffer[(x, y)];
            cell.reset();
            cell.set_symbol(&kitty::placeholder(id, column, row)).set_style(Style::new().fg(Color::Indexed(id.colour())));
        }
    }
}
