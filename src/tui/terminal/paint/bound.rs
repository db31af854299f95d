//! The cheapest encoding: a lower bound that any way of writing the changed cells is measured against.
//!
//! Counted are, for the cells that look different:
//! 1. the bytes of their characters (three for the end of a row that becomes blank, if that is less);
//! 2. for each run of neighbours in one style, the cheapest arrival from any other run or from where the cursor stood: the
//!    cheapest of all moves that [`super::motion`] knows, writing again what stands between included (in whatever style);
//! 3. for each style that characters need and the pen does not have, one `SGR`: the shortest from any other style in use.
//!
//! The cheapest arrivals need not fit together into one way through all runs, and a style may have to be taken up twice, so the
//! true cheapest encoding is this or more; a property test holds it against what the painter writes. Brackets of
//! synchronized output and cursor visibility are not counted.

use super::cells::{CellStyle, Grid};
use super::motion;
use super::order::State;
use super::pen;
use super::runs;

/// The bound in bytes for turning the screen `old` into `new`.
pub fn cheapest(start: State, old: &Grid, new: &Grid) -> usize {
    let runs = runs::between(old, new, false);
    let (mut needed, mut used): (Vec<CellStyle>, Vec<CellStyle>) = (Vec::new(), Vec::new());
    for run in &runs {
        if !run.blank && !needed.contains(&run.style) {
            needed.push(run.style);
        }
        if !used.contains(&run.style) {
            used.push(run.style);
        }
    }
    let mut bytes = 0;
    for (at, run) in runs.iter().enumerate() {
        let others = runs.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, other)| other.after);
        let arrivals = others.chain([start.place]).map(|place| motion::least(place, run.start, run.row, new));
        bytes += run.bytes + arrivals.min().unwrap_or(0);
    }
    for style in needed.iter().filter(|style| Some(**style) != start.pen) {
        let others = used.iter().filter(|other| *other != style).map(Some);
        bytes += others.chain([start.pen.as_ref()]).map(|from| pen::cost(from, style)).min().unwrap_or(0);
    }
    bytes
}
