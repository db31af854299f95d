//! The cheapest encoding: a lower bound that any way of writing the changed cells is measured against.
//!
//! Counted are, for the cells that look different:
//! 1. the bytes of their characters (three for the end of a row that becomes blank, if that is less);
//! 2. for each run of neighbours in one look, the cheapest arrival from any other run or from where the cursor stood: the
//!    cheapest of all moves that [`super::motion`] knows, writing again what stands between included;
//! 3. for each look in use that the pen does not have, one `SGR`: the shortest from any other look in use.
//!
//! The cheapest arrivals need not fit together into one way through all runs, and a look may have to be taken up twice, so the
//! true cheapest encoding is this or more. Brackets of synchronized output and cursor visibility are not counted.

use super::cells::{Grid, Look};
use super::motion;
use super::order::State;
use super::pen;
use super::runs;

/// The bound in bytes for turning the screen `old` into `new`.
pub fn cheapest(start: State, old: &Grid, new: &Grid) -> usize {
    let runs = runs::between(old, new, false);
    let mut looks: Vec<Look> = Vec::new();
    for run in runs.iter().filter(|run| !run.blank) {
        if !looks.contains(&run.look) {
            looks.push(run.look);
        }
    }
    let mut bytes = 0;
    for (at, run) in runs.iter().enumerate() {
        bytes += run.bytes;
        let from_start = motion::cost(start.place, run.start, run.row, Some(&run.look), new);
        let others = runs.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, other)| {
            let before = motion::cost(other.after, run.start, run.row, Some(&other.look), new);
            before.min(motion::cost(other.after, run.start, run.row, Some(&run.look), new))
        });
        bytes += others.chain([from_start]).min().unwrap_or(0);
    }
    for look in looks.iter().filter(|look| Some(**look) != start.pen) {
        let others = looks.iter().filter(|other| *other != look).map(Some);
        bytes += others.chain([start.pen.as_ref()]).map(|from| pen::cost(from, look)).min().unwrap_or(0);
    }
    bytes
}
