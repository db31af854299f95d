//! What changed between two screens, cut into runs: neighbours in one row that are written in one go in one style.

use super::cells::{CellStyle, Grid, Shown};
use super::motion::Place;

/// What a run does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunKind {
    /// Writes its cells.
    Write,
    /// `CSI K`: erases from its first cell to the end of the row.
    Erase,
}

/// Cells that are written together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// Its row.
    pub row: u16,
    /// Its first column.
    pub start: u16,
    /// The column behind its last one.
    pub end: u16,
    /// How its characters are styled.
    pub style: CellStyle,
    /// Only blanks: any pen will do that looks the same on a blank.
    pub blank: bool,
    /// What it does.
    pub kind: RunKind,
    /// The bytes of its characters, or of the erasing.
    pub bytes: usize,
    /// Where the cursor is afterwards.
    pub after: Place,
}

impl Run {
    /// Whether it comes out right with this pen.
    pub fn fits(&self, pen: &CellStyle) -> bool {
        if self.blank { self.style.same_on_blank(pen) } else { self.style == *pen }
    }
}

/// The runs that turn `old` into `new`, row by row. With `join`, runs of one style with a single one-byte cell between them
/// become one: no way around that cell costs less than writing it again.
pub fn between(old: &Grid, new: &Grid, join: bool) -> Vec<Run> {
    let mut runs = Vec::new();
    for y in 0..new.height {
        if old.row(y) != new.row(y) {
            row(old, new, y, join, &mut runs);
        }
    }
    runs
}

fn row(old: &Grid, new: &Grid, y: u16, join: bool, runs: &mut Vec<Run>) {
    let (was, is) = (old.row(y), new.row(y));
    let changed = |x: u16| {
        let cell = &is[usize::from(x)];
        !matches!(cell, Shown::Behind | Shown::Foreign) && *cell != was[usize::from(x)]
    };
    let tail = new.tail(y);
    let stale: Vec<u16> = (tail..new.width).filter(|x| changed(*x)).collect();
    // Blanks, which every terminal takes as erasing a picture too; not every one does so at `CSI K`.
    let pictured = stale.iter().any(|x| was[usize::from(*x)] == Shown::Foreign);
    let erase = stale.first().copied().filter(|_| stale.len() > 3 && !pictured);
    let first = runs.len();
    for x in (0..erase.unwrap_or(new.width)).filter(|x| changed(*x)) {
        let cell = &is[usize::from(x)];
        if let Some(run) = runs[first..].last_mut() {
            if run.end == x && take(run, cell, new.width) {
                continue;
            }
            let bridge = &is[usize::from(x) - 1];
            if join
                && run.end + 1 == x
                && run.after.column.is_some()
                && bridge.text().len() == 1
                && bridge.is_simple()
                && bridge.fits(&run.style)
                && (cell.fits(&run.style) && !run.blank)
            {
                let taken = take(run, bridge, new.width) && take(run, cell, new.width);
                debug_assert!(taken, "both fit");
                continue;
            }
        }
        runs.push(begin(y, x, cell, new.width));
    }
    if let Some(start) = erase {
        runs.push(Run {
            row: y,
            start,
            end: new.width,
            style: CellStyle::PLAIN,
            blank: true,
            kind: RunKind::Erase,
            bytes: 3,
            after: Place::at(start, y),
        });
    }
}

fn begin(row: u16, x: u16, cell: &Shown, width: u16) -> Run {
    let mut run = Run {
        row,
        start: x,
        end: x,
        style: cell.style(),
        blank: matches!(cell, Shown::Blank(_)),
        kind: RunKind::Write,
        bytes: 0,
        after: Place::at(x, row),
    };
    extend(&mut run, cell, width);
    run
}

/// Takes the next cell into the run if they go together.
fn take(run: &mut Run, cell: &Shown, width: u16) -> bool {
    // After a character of doubtful width the next one needs an absolute move, so it begins its own run.
    if run.after.column.is_none() {
        return false;
    }
    match cell {
        Shown::Glyph { style, .. } if run.blank && run.style.same_on_blank(style) => {
            run.style = *style;
            run.blank = false;
        }
        cell if run.blank && !matches!(cell, Shown::Blank(style) if *style == run.style) => return false,
        cell if !run.blank && !cell.fits(&run.style) => return false,
        _ => {}
    }
    extend(run, cell, width);
    true
}

fn extend(run: &mut Run, cell: &Shown, width: u16) {
    run.end += cell.columns();
    run.bytes += cell.bytes().len();
    let sure = cell.is_simple() && run.end < width;
    run.after = Place { row: Some(run.row), column: sure.then_some(run.end) };
}
