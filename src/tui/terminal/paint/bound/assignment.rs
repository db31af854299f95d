//! The assignment problem: who comes after whom at the least cost, if everybody comes after somebody else of their own.

/// So much costs what may not be.
pub const NEVER: i64 = i64::MAX / 1_000_000;

/// The cheapest choice of another column for every row (the Hungarian method with potentials, after H. W. Kuhn 1955 and
/// J. Munkres 1957): its cost, and the column of each row. There are at least as many columns as rows.
pub fn cheapest(costs: &[Vec<i64>]) -> (i64, Vec<usize>) {
    let columns = costs.first().map_or(0, Vec::len);
    debug_assert!(costs.iter().all(|row| row.len() == columns) && columns >= costs.len(), "everybody finds somebody");
    // Column 0 stands for the row that looks for its column.
    let mut of_row = vec![0; costs.len() + 1];
    let mut of_column = vec![0; columns + 1];
    let mut taken_by = vec![0; columns + 1];
    for row in 1..=costs.len() {
        taken_by[0] = row;
        let mut at = 0;
        let mut came_from = vec![0; columns + 1];
        let mut least = vec![i64::MAX; columns + 1];
        let mut seen = vec![false; columns + 1];
        while taken_by[at] != 0 {
            seen[at] = true;
            let here = taken_by[at];
            let (mut step, mut next) = (i64::MAX, 0);
            for column in (1..=columns).filter(|column| !seen[*column]) {
                let cost = costs[here - 1][column - 1] - of_row[here] - of_column[column];
                if cost < least[column] {
                    (least[column], came_from[column]) = (cost, at);
                }
                if least[column] < step {
                    (step, next) = (least[column], column);
                }
            }
            for column in 0..=columns {
                if seen[column] {
                    of_row[taken_by[column]] += step;
                    of_column[column] -= step;
                } else if column > 0 {
                    least[column] -= step;
                }
            }
            at = next;
        }
        while at != 0 {
            taken_by[at] = taken_by[came_from[at]];
            at = came_from[at];
        }
    }
    let mut chosen = vec![0; costs.len()];
    for column in (1..=columns).filter(|column| taken_by[*column] != 0) {
        chosen[taken_by[column] - 1] = column - 1;
    }
    (chosen.iter().zip(costs).map(|(column, row)| row[*column]).sum(), chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By trying all.
    fn tried(costs: &[Vec<i64>], taken: &mut Vec<usize>) -> i64 {
        let Some(row) = costs.get(taken.len()) else { return 0 };
        let mut best = i64::MAX;
        for (column, cost) in row.iter().enumerate() {
            if !taken.contains(&column) {
                taken.push(column);
                best = best.min(cost + tried(costs, taken));
                taken.pop();
            }
        }
        best
    }

    #[test]
    fn no_other_choice_costs_less() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..200 {
            let rows = rng.usize(0..6);
            let columns = rows + rng.usize(0..3);
            let costs: Vec<Vec<i64>> = (0..rows).map(|_| (0..columns).map(|_| rng.i64(-9..20)).collect()).collect();
            let (cost, chosen) = cheapest(&costs);
            assert_eq!(cost, tried(&costs, &mut Vec::new()), "{costs:?}");
            let mut sorted = chosen.clone();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), rows, "each another one: {chosen:?}");
        }
    }
}
