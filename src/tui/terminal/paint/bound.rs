//! The cheapest encoding: a lower bound that any way of writing the changed cells is measured against.
//!
//! Counted are, for the cells that look different:
//! 1. the bytes of their characters (three for the end of a row that becomes blank, if that is less);
//! 2. for each run of neighbours in one style, its arrival from another run or from where the cursor stood: the cheapest of
//!    all moves that [`super::motion`] knows, writing again what stands between included (in whatever style);
//! 3. for each style that characters need and the pen does not have, one `SGR`: the shortest from any other style in use.
//!
//! Two sums of these are worked out, and the larger counts. One takes for each run the cheapest arrival by itself. The other
//! knows that every run is followed by one other at most, and that who comes from another style needs an `SGR` (blanks
//! apart): the cheapest choice of a predecessor for each run, with a price on every change to a style of which one is needed
//! anyway. Whatever the prices are, it is a lower bound (a Lagrangian relaxation of the way through all runs, as of M. Held
//! and R. M. Karp 1970); those that make it large are searched for.
//!
//! The chosen arrivals need not fit together into one way, so the true cheapest encoding is this or more; a property test
//! holds it against what the painter writes. Brackets of synchronized output and cursor visibility are not counted.

mod assignment;

use assignment::NEVER;

use super::cells::{CellStyle, Grid};
use super::motion;
use super::order::State;
use super::pen;
use super::runs::{self, Run};

/// The choice of predecessors is worked out for up to so many runs; it takes time with the third power of their number.
const MOST_RUNS: usize = 64;
/// Costs are counted in these parts of a byte while prices are searched for.
const PARTS: i64 = 64;
/// So many prices are tried.
const TRIES: u32 = 30;

/// The bound in bytes for turning the screen `old` into `new`.
pub fn cheapest(start: State, old: &Grid, new: &Grid) -> usize {
    let frame = Frame::new(start, runs::between(old, new, false), new);
    let characters: usize = frame.runs.iter().map(|run| run.bytes).sum();
    let ways = if frame.runs.len() <= MOST_RUNS { frame.together() } else { 0 };
    characters + ways.max(frame.each_alone())
}

/// What is to be written, and what moves and pens cost.
struct Frame {
    runs: Vec<Run>,
    /// The move to each run from the start, and from each run.
    moves: Vec<Vec<usize>>,
    start_pen: Option<CellStyle>,
    /// The styles that characters need and the pen does not have, each with the shortest `SGR` to it.
    needed: Vec<(CellStyle, usize)>,
}

impl Frame {
    fn new(start: State, runs: Vec<Run>, new: &Grid) -> Self {
        let places = std::iter::once(start.place).chain(runs.iter().map(|run| run.after));
        let moves = places.map(|place| runs.iter().map(|run| motion::least(place, run.start, run.row, new)).collect()).collect();
        let (mut needed, mut used): (Vec<CellStyle>, Vec<CellStyle>) = (Vec::new(), Vec::new());
        for run in &runs {
            if !run.blank && !needed.contains(&run.style) && Some(run.style) != start.pen {
                needed.push(run.style);
            }
            if !used.contains(&run.style) {
                used.push(run.style);
            }
        }
        let shortest = |style: CellStyle| {
            let others = used.iter().filter(|other| **other != style).map(Some);
            others.chain([start.pen.as_ref()]).map(|from| pen::cost(from, &style)).min().unwrap_or(0)
        };
        let needed = needed.into_iter().map(|style| (style, shortest(style))).collect();
        Self { runs, moves, start_pen: start.pen, needed }
    }

    /// The moves and pens if each is the cheapest by itself.
    fn each_alone(&self) -> usize {
        let arrival = |at: usize| {
            let others = self.moves.iter().enumerate().filter(|(from, _)| *from != at + 1);
            others.map(|(_, moves)| moves[at]).min().unwrap_or(0)
        };
        (0..self.runs.len()).map(arrival).sum::<usize>() + self.needed.iter().map(|(_, pen)| pen).sum::<usize>()
    }

    /// The moves and pens if every run has a predecessor of its own, by the best prices that are found.
    fn together(&self) -> usize {
        let mut prices = vec![0; self.needed.len()];
        let mut best = 0;
        // The steps become smaller, from two bytes on.
        let mut step = 2 * PARTS;
        for _ in 0..TRIES {
            let (bound, changes) = self.priced(&prices);
            best = best.max(bound);
            if changes.iter().all(|changes| *changes == 1) {
                // No prices give more.
                break;
            }
            for (price, changes) in prices.iter_mut().zip(changes) {
                *price = (*price + step * (1 - changes)).max(0);
            }
            step = (step * 15 / 16).max(1);
        }
        // A part of a byte is a whole one.
        usize::try_from((best + PARTS - 1).div_euclid(PARTS)).unwrap_or(0)
    }

    /// The bound with these prices of the needed styles, in parts of a byte, and how often each style is changed to.
    fn priced(&self, prices: &[i64]) -> (i64, Vec<i64>) {
        let arrivals = |at: usize| (0..self.moves.len()).map(move |from| self.arrival(from, at, prices).0).collect();
        let costs: Vec<Vec<i64>> = (0..self.runs.len()).map(arrivals).collect();
        let (cost, chosen) = assignment::cheapest(&costs);
        let mut changes = vec![0; prices.len()];
        for (at, from) in chosen.into_iter().enumerate() {
            if let Some(style) = self.arrival(from, at, prices).1 {
                changes[style] += 1;
            }
        }
        (cost + prices.iter().sum::<i64>(), changes)
    }

    /// What it costs to come to a run from another one, or from the start (0), in parts of a byte and less the price of the
    /// style that the pen changes to; and which of the needed styles that is.
    fn arrival(&self, from: usize, at: usize, prices: &[i64]) -> (i64, Option<usize>) {
        if from == at + 1 {
            return (NEVER, None);
        }
        let parts = |bytes: usize| i64::try_from(bytes).unwrap_or(NEVER) * PARTS;
        let moved = parts(self.moves[from][at]);
        let run = &self.runs[at];
        let before = from.checked_sub(1).map(|from| &self.runs[from]);
        // With which pen a blank is written is not known: a change there, or none, whichever is better.
        let wanted = self.needed.iter().position(|(style, _)| !run.blank && *style == run.style);
        if run.blank || before.is_some_and(|before| before.blank) {
            let candidates = if run.blank { 0..self.needed.len() } else { wanted.map_or(0..0, |style| style..style + 1) };
            let change = candidates.map(|style| (parts(self.needed[style].1) - prices[style], style)).min();
            return match change {
                Some((change, style)) if change < 0 => (moved + change, Some(style)),
                _ => (moved, None),
            };
        }
        let pen = before.map_or(self.start_pen.as_ref(), |before| Some(&before.style));
        let change = parts(pen::cost(pen, &run.style));
        let style = wanted.filter(|_| pen != Some(&run.style));
        (moved + change - style.map_or(0, |style| prices[style]), style)
    }
}
