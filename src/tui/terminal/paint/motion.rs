//! The cursor: where it stands, and the fewest bytes to the next place (ECMA-48 §8.3; DEC VT510 reference for `RI`).
//!
//! Invariant: a relative move is made only from a known place. After the last column (where terminals differ about the
//! pending line break) and after characters of doubtful width the column is not known; `CR` or an absolute move makes it
//! known again. The terminal is in raw mode, so a line feed keeps its column; it is used only above the last row.

use super::cells::{CellStyle, Grid, Shown};

/// Where the cursor stands, counted from 0; `None` where that is not certain.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// Row from the top.
    pub row: Option<u16>,
    /// Column from the left.
    pub column: Option<u16>,
}

impl Place {
    /// A known place.
    pub fn at(column: u16, row: u16) -> Self {
        Self { row: Some(row), column: Some(column) }
    }
}

/// How a move up or down is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Vertical {
    Stay,
    Feeds(u16),
    Down(u16),
    Reverse,
    Up(u16),
    Absolute(u16),
}

/// How a move to the side is made, after the row is right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Horizontal {
    Stay,
    Return,
    Backspaces(u16),
    Back(u16),
    Forward(u16),
    Absolute(u16),
    /// Write again what stands between.
    Rewrite(u16, u16),
    ReturnForward(u16),
    ReturnRewrite(u16),
}

/// A way from one place to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Both(u16, u16),
    Parts(Vertical, Horizontal),
}

/// The length of the cheapest way, in bytes. `pen` and `grid` allow writing again what stands between in the same style.
pub fn cost(from: Place, column: u16, row: u16, pen: Option<&CellStyle>, grid: &Grid) -> usize {
    cheapest(from, column, row, |cell| pen.is_some_and(|pen| cell.fits(pen)), grid).0
}

/// The length of the cheapest way if what stands between could be written again with any pen: no way costs less.
pub fn least(from: Place, column: u16, row: u16, grid: &Grid) -> usize {
    cheapest(from, column, row, |_| true, grid).0
}

/// Appends the cheapest way.
pub fn go(from: Place, column: u16, row: u16, pen: Option<&CellStyle>, grid: &Grid, out: &mut Vec<u8>) {
    let (cost, way) = cheapest(from, column, row, |cell| pen.is_some_and(|pen| cell.fits(pen)), grid);
    let start = out.len();
    match way {
        Way::Both(column, row) => match (row, column) {
            (0, 0) => out.extend_from_slice(b"\x1b[H"),
            (row, 0) => csi(row + 1, b'H', out),
            (row, column) => {
                out.extend_from_slice(b"\x1b[");
                if row > 0 {
                    number(row + 1, out);
                }
                out.push(b';');
                number(column + 1, out);
                out.push(b'H');
            }
        },
        Way::Parts(vertical, horizontal) => {
            match vertical {
                Vertical::Stay => {}
                Vertical::Feeds(n) => out.extend(std::iter::repeat_n(b'\n', usize::from(n))),
                Vertical::Down(n) => csi(n, b'B', out),
                Vertical::Reverse => out.extend_from_slice(b"\x1bM"),
                Vertical::Up(n) => csi(n, b'A', out),
                Vertical::Absolute(row) => csi(row + 1, b'd', out),
            }
            match horizontal {
                Horizontal::Stay => {}
                Horizontal::Return => out.push(b'\r'),
                Horizontal::Backspaces(n) => out.extend(std::iter::repeat_n(8, usize::from(n))),
                Horizontal::Back(n) => csi(n, b'D', out),
                Horizontal::Forward(n) => csi(n, b'C', out),
                Horizontal::Absolute(column) => csi(column + 1, b'G', out),
                Horizontal::Rewrite(from, to) => rewrite(grid, row, from, to, out),
                Horizontal::ReturnForward(n) => {
                    out.push(b'\r');
                    csi(n, b'C', out);
                }
                Horizontal::ReturnRewrite(to) => {
                    out.push(b'\r');
                    rewrite(grid, row, 0, to, out);
                }
            }
        }
    }
    debug_assert_eq!(out.len() - start, cost, "{way:?}");
}

fn cheapest(from: Place, column: u16, row: u16, fits: impl Fn(&Shown) -> bool, grid: &Grid) -> (usize, Way) {
    let absolute = match (row, column) {
        (0, 0) => 3,
        (row, 0) => 3 + digits(row + 1),
        (0, column) => 4 + digits(column + 1),
        (row, column) => 4 + digits(row + 1) + digits(column + 1),
    };
    let both = (absolute, Way::Both(column, row));
    let (down, vertical) = vertical(from.row, row);
    if down >= absolute {
        return both;
    }
    let (aside, horizontal) = horizontal(from.column, column, row, fits, grid);
    if down + aside <= absolute { (down + aside, Way::Parts(vertical, horizontal)) } else { both }
}

fn vertical(from: Option<u16>, to: u16) -> (usize, Vertical) {
    let absolute = (csi_len(to + 1), Vertical::Absolute(to));
    let Some(from) = from else { return absolute };
    let relative = match from.cmp(&to) {
        std::cmp::Ordering::Equal => (0, Vertical::Stay),
        std::cmp::Ordering::Less => {
            let n = to - from;
            if usize::from(n) <= csi_len(n) { (usize::from(n), Vertical::Feeds(n)) } else { (csi_len(n), Vertical::Down(n)) }
        }
        std::cmp::Ordering::Greater if from - to == 1 => (2, Vertical::Reverse),
        std::cmp::Ordering::Greater => (csi_len(from - to), Vertical::Up(from - to)),
    };
    if relative.0 <= absolute.0 { relative } else { absolute }
}

fn horizontal(from: Option<u16>, to: u16, row: u16, fits: impl Fn(&Shown) -> bool, grid: &Grid) -> (usize, Horizontal) {
    if from == Some(to) {
        return (0, Horizontal::Stay);
    }
    if to == 0 {
        return (1, Horizontal::Return);
    }
    let mut best = (csi_len(to + 1), Horizontal::Absolute(to));
    let mut take = |cost: usize, way: Horizontal| {
        if cost < best.0 {
            best = (cost, way);
        }
    };
    take(1 + csi_len(to), Horizontal::ReturnForward(to));
    match from {
        Some(from) if from > to => {
            let n = from - to;
            take(usize::from(n), Horizontal::Backspaces(n));
            take(csi_len(n), Horizontal::Back(n));
        }
        Some(from) => {
            take(csi_len(to - from), Horizontal::Forward(to - from));
            if let Some(cost) = rewritten(grid, row, from, to, &fits) {
                take(cost, Horizontal::Rewrite(from, to));
            }
        }
        None => {}
    }
    if let Some(cost) = rewritten(grid, row, 0, to, &fits) {
        take(1 + cost, Horizontal::ReturnRewrite(to));
    }
    best
}

/// The bytes of these cells, if they can be written with the pen and for less than any move costs.
fn rewritten(grid: &Grid, row: u16, from: u16, to: u16, fits: &impl Fn(&Shown) -> bool) -> Option<usize> {
    // `CSI nnn C` has 6 bytes; nothing longer can win.
    if to - from > 6 {
        return None;
    }
    let mut cost = 0;
    for cell in &grid.row(row)[usize::from(from)..usize::from(to)] {
        if !cell.is_simple() || !fits(cell) {
            return None;
        }
        cost += cell.text().len();
    }
    Some(cost)
}

fn rewrite(grid: &Grid, row: u16, from: u16, to: u16, out: &mut Vec<u8>) {
    for cell in &grid.row(row)[usize::from(from)..usize::from(to)] {
        out.extend_from_slice(cell.text().as_bytes());
    }
}

/// The length of `CSI n X`, where 1 is left out.
fn csi_len(n: u16) -> usize {
    if n == 1 { 3 } else { 3 + digits(n) }
}

fn digits(n: u16) -> usize {
    match n {
        0..=9 => 1,
        10..=99 => 2,
        100..=999 => 3,
        1000..=9999 => 4,
        _ => 5,
    }
}

fn csi(n: u16, last: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\x1b[");
    if n != 1 {
        number(n, out);
    }
    out.push(last);
}

fn number(n: u16, out: &mut Vec<u8>) {
    let mut text = [0_u8; 5];
    let mut at = text.len();
    let mut rest = n;
    loop {
        at -= 1;
        text[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&text[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::buffer::Buffer;

    fn text(from: Place, column: u16, row: u16) -> String {
        let grid = Grid::of(&Buffer::with_lines(["ab█d              ▶                    "; 30]));
        let mut out = Vec::new();
        go(from, column, row, Some(&CellStyle::PLAIN), &grid, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_cheapest_way_is_taken() {
        let unknown = Place::default();
        for (from, column, row, wanted) in [
            (unknown, 0, 0, "\x1b[H"),
            (unknown, 0, 4, "\x1b[5H"),
            (unknown, 4, 0, "\x1b[;5H"),
            (unknown, 4, 11, "\x1b[12;5H"),
            (Place::at(4, 4), 4, 4, ""),
            (Place::at(12, 4), 10, 5, "\n\x08\x08"),
            (Place::at(12, 4), 0, 5, "\n\r"),
            (Place::at(12, 4), 12, 3, "\x1bM"),
            (Place::at(12, 4), 12, 2, "\x1b[2A"),
            (Place::at(12, 4), 12, 20, "\x1b[21d"),
            (Place::at(0, 4), 2, 4, "ab"),
            (Place::at(0, 4), 3, 4, "\x1b[3C"),
            (Place::at(30, 4), 2, 4, "\rab"),
            (Place::at(14, 4), 30, 4, "\x1b[31G"),
            (Place { row: Some(4), column: None }, 30, 4, "\x1b[31G"),
            (Place { row: Some(4), column: None }, 0, 4, "\r"),
            (Place::at(30, 4), 25, 4, "\x1b[5D"),
            (Place::at(30, 4), 27, 4, "\x08\x08\x08"),
        ] {
            let got = text(from, column, row);
            assert_eq!(got.len(), wanted.len(), "{from:?} to {column},{row}: {got:?}");
        }
        assert_eq!(text(Place::at(0, 4), 2, 4), "ab");
        assert_eq!(text(Place::at(30, 4), 2, 4), "\rab");
        assert_eq!(text(Place::at(12, 4), 10, 5), "\n\x08\x08");
    }

    #[test]
    fn doubtful_characters_are_never_written_again_on_the_way() {
        assert!(!text(Place::at(17, 4), 19, 4).contains('▶'));
    }
}
