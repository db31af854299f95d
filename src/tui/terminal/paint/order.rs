//! In which order the runs are written.
//!
//! Every order gives the same screen; they differ in the bytes for cursor moves and pen changes. The costs between two
//! runs are known exactly, so this is the way of a travelling salesman through the changed cells. Row by row and style by
//! style (within a style column by column, going down) are simple tours; for frames with few runs a nearest-neighbour tour is added
//! and the best one is improved by moving chains to better places (Or-opt). The cheapest tour, as really written, wins.

use std::collections::HashMap;

use super::cells::{CellStyle, Grid};
use super::motion::{self, Place};
use super::pen;
use super::runs::{Run, RunKind};

/// Where the cursor stands and which attributes are on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct State {
    /// The cursor.
    pub place: Place,
    /// The pen; `None` if not known.
    pub pen: Option<CellStyle>,
}

/// Up to so many runs the search is tried; it takes time with the square of their number (about 0.3 ms for 60 runs). A frame
/// of more is a page that changed, of which the moves are a small part.
const SEARCHED: usize = 80;
/// So many places are looked at for better tours: a bound for the time of one frame, not met by clocks that tick.
const MOST_STEPS: usize = 120_000;
/// Up to so many styles the tour by styles is tried; it takes time with the square of their number. With more, as in a picture
/// of true colours, it saves nothing over the rows.
const MOST_STYLES: usize = 500;
/// Chains of up to so many runs are moved together.
const CHAIN: usize = 6;

/// Which orders are tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// All; the cheapest is taken.
    #[default]
    Cheapest,
    /// Row by row only.
    Rows,
    /// Style by style and column by column only.
    Styles,
}

/// Appends the runs in the cheapest order found and returns how the terminal is left.
pub fn write(start: State, runs: &[Run], grid: &Grid, order: Order, repeat: bool, out: &mut Vec<u8>) -> State {
    let rows: Vec<usize> = (0..runs.len()).collect();
    let mut tours = match order {
        Order::Rows => vec![rows],
        Order::Styles => by_style(start, runs, usize::MAX).into_iter().collect(),
        Order::Cheapest if runs.len() < 2 => vec![rows],
        Order::Cheapest => std::iter::once(rows).chain(by_style(start, runs, MOST_STYLES)).collect(),
    };
    if order == Order::Cheapest && (2..=SEARCHED).contains(&runs.len()) {
        let costs = Costs::new(start, runs, grid);
        tours.push(costs.nearest());
        if let Some(mut tour) = tours.iter().min_by_key(|tour| costs.length(tour)).cloned() {
            costs.improve(&mut tour);
            tours.push(tour);
        }
    }
    let begin = out.len();
    let mut best: Option<(Vec<u8>, State)> = None;
    for tour in tours {
        let state = write_tour(start, &tour, runs, grid, repeat, out);
        if best.as_ref().is_none_or(|(bytes, _)| out.len() - begin < bytes.len()) {
            best = Some((out[begin..].to_vec(), state));
        }
        out.truncate(begin);
    }
    best.map_or(start, |(bytes, state)| {
        out.extend_from_slice(&bytes);
        state
    })
}

fn write_tour(start: State, tour: &[usize], runs: &[Run], grid: &Grid, repeat: bool, out: &mut Vec<u8>) -> State {
    let mut state = start;
    for run in tour.iter().map(|at| &runs[*at]) {
        let pen = state.pen.filter(|pen| run.fits(pen)).unwrap_or(run.style);
        let (early, late) = approach(state, run, &pen, grid);
        if early <= late {
            motion::go(state.place, run.start, run.row, state.pen.as_ref(), grid, out);
        }
        pen::change(state.pen.as_ref(), &pen, out);
        if early > late {
            motion::go(state.place, run.start, run.row, Some(&pen), grid, out);
        }
        match run.kind {
            RunKind::Erase => out.extend_from_slice(b"\x1b[K"),
            RunKind::Write => write_cells(run, grid, repeat, out),
        }
        state = State { place: run.after, pen: Some(pen) };
    }
    state
}

/// The cost of the move before and after the pen changes: what stands between may be written again in either style.
fn approach(state: State, run: &Run, pen: &CellStyle, grid: &Grid) -> (usize, usize) {
    let early = motion::cost(state.place, run.start, run.row, state.pen.as_ref(), grid);
    if state.pen.as_ref() == Some(pen) {
        return (early, early);
    }
    (early, motion::cost(state.place, run.start, run.row, Some(pen), grid))
}

fn write_cells(run: &Run, grid: &Grid, repeat: bool, out: &mut Vec<u8>) {
    let cells = &grid.row(run.row)[usize::from(run.start)..usize::from(run.end)];
    let mut at = 0;
    while at < cells.len() {
        let text = cells[at].bytes();
        out.extend_from_slice(text.as_bytes());
        at += 1;
        if repeat && text.len() == 1 {
            let more = cells[at..].iter().take_while(|cell| cell.text() == &*text).count();
            let code = format!("\x1b[{more}b");
            if more > code.len() {
                out.extend_from_slice(code.as_bytes());
                at += more;
            }
        }
    }
}

/// Style by style, the next style being the one with the shortest pen change; within a style by columns, going down. `None`
/// with more than `most` styles.
fn by_style(start: State, runs: &[Run], most: usize) -> Option<Vec<usize>> {
    let mut left: Vec<(CellStyle, Vec<usize>)> = Vec::new();
    let mut known: HashMap<CellStyle, usize> = HashMap::new();
    for (at, run) in runs.iter().enumerate() {
        let group = *known.entry(run.style).or_insert(left.len());
        if group == left.len() {
            if group == most {
                return None;
            }
            left.push((run.style, Vec::new()));
        }
        left[group].1.push(at);
    }
    let mut tour = Vec::with_capacity(runs.len());
    let mut pen = start.pen;
    while let Some(at) = (0..left.len()).min_by_key(|at| pen::cost(pen.as_ref(), &left[*at].0)) {
        let (style, mut group) = left.swap_remove(at);
        let mut starts: Vec<u16> = group.iter().map(|at| runs[*at].start).collect();
        starts.sort_unstable();
        starts.dedup();
        // Numbers that grow change at neighbouring columns: starts up to three cells apart make one column.
        let mut columns: Vec<(u16, usize)> = Vec::with_capacity(starts.len());
        for start in starts {
            let column = match columns.last() {
                Some((before, column)) if start - before <= 3 => *column,
                Some((_, column)) => column + 1,
                None => 0,
            };
            columns.push((start, column));
        }
        let column = |start: u16| columns.binary_search_by_key(&start, |(start, _)| *start).map_or(0, |at| columns[at].1);
        group.sort_by_key(|at| (column(runs[*at].start), runs[*at].row, runs[*at].start));
        tour.extend(group);
        pen = Some(style);
    }
    Some(tour)
}

/// The bytes between every two runs: pen change and move. Row `n` is the start.
pub struct Costs {
    count: usize,
    table: Vec<u16>,
}

impl Costs {
    /// Works them out.
    pub fn new(start: State, runs: &[Run], grid: &Grid) -> Self {
        let mut styles: Vec<CellStyle> = Vec::new();
        let mut number = |style: CellStyle| {
            styles.iter().position(|known| *known == style).unwrap_or_else(|| {
                styles.push(style);
                styles.len() - 1
            })
        };
        let numbers: Vec<usize> = runs.iter().map(|run| number(run.style)).collect();
        let pens: Vec<Vec<usize>> = styles
            .iter()
            .map(Some)
            .chain([start.pen.as_ref()])
            .map(|from| styles.iter().map(|to| pen::cost(from, to)).collect())
            .collect();
        let count = runs.len();
        let mut table = Vec::with_capacity((count + 1) * count);
        for from in 0..=count {
            let (state, known) = runs
                .get(from)
                .map_or((start, styles.len()), |run| (State { place: run.after, pen: Some(run.style) }, numbers[from]));
            for (to, run) in runs.iter().enumerate() {
                let pen = state.pen.filter(|pen| run.fits(pen));
                let turn = if pen.is_some() { 0 } else { pens[known][numbers[to]] };
                let (early, late) = approach(state, run, &pen.unwrap_or(run.style), grid);
                table.push(u16::try_from(turn + early.min(late)).unwrap_or(u16::MAX));
            }
        }
        Self { count, table }
    }

    /// The bytes between the runs of a whole tour.
    fn length(&self, tour: &[usize]) -> i32 {
        let from = std::iter::once(self.count).chain(tour.iter().copied());
        from.zip(tour).map(|(from, to)| self.between(from, *to)).sum()
    }

    fn between(&self, from: usize, to: usize) -> i32 {
        i32::from(self.table[from * self.count + to])
    }

    /// Always the cheapest next run; the nearest row, then column, where several cost the same.
    fn nearest(&self) -> Vec<usize> {
        let mut left: Vec<usize> = (0..self.count).collect();
        let mut at = self.count;
        let mut tour = Vec::with_capacity(self.count);
        while let Some(next) = (0..left.len()).min_by_key(|next| (self.between(at, left[*next]), left[*next].abs_diff(at))) {
            at = left.remove(next);
            tour.push(at);
        }
        tour
    }

    /// Moves chains of runs to better places until nothing gets better.
    fn improve(&self, tour: &mut [usize]) {
        let n = tour.len();
        let mut steps = 0;
        loop {
            let mut better = false;
            for length in 1..=CHAIN.min(n - 1) {
                for from in 0..=n - length {
                    better |= self.move_chain(tour, from, length);
                    steps += n;
                    if steps > MOST_STEPS {
                        return;
                    }
                }
            }
            if !better {
                return;
            }
        }
    }

    fn move_chain(&self, tour: &mut [usize], from: usize, length: usize) -> bool {
        let n = tour.len();
        let before = |at: usize| if at == 0 { self.count } else { tour[at - 1] };
        let (head, last) = (tour[from], tour[from + length - 1]);
        let after = tour.get(from + length).copied();
        let cut = self.between(before(from), head)
            + after.map_or(0, |after| self.between(last, after) - self.between(before(from), after));
        let mut best = (0, None);
        for to in (0..from).chain(from + length + 1..=n) {
            let left = before(to);
            let right = tour.get(to).copied();
            let gain =
                cut - self.between(left, head) - right.map_or(0, |right| self.between(last, right) - self.between(left, right));
            if gain > best.0 {
                best = (gain, Some(to));
            }
        }
        let Some(to) = best.1 else { return false };
        if to < from {
            tour[to..from + length].rotate_right(length);
        } else {
            tour[from..to].rotate_left(length);
        }
        true
    }
}
