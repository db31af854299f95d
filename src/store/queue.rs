//! Places in the queue, changed in one transaction over the queue as it is then.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use rusqlite::Connection;

use super::error::{DbError, StoreError};
use super::rows::{self, job_id};
use super::write::Sync;
use super::{Moved, QueueMove, Store, reading};
use crate::job::{JobId, Unavailable, Update};

/// Held and waiting jobs in their order.
fn queue(db: &Connection) -> Result<Vec<(i64, JobId)>, DbError> {
    let mut statement = db.prepare_cached(
        "SELECT place, id FROM jobs WHERE NOT (state IN ('saved', 'failed', 'cancelled', 'unwatched'))
         AND +state IN ('waiting', 'held') ORDER BY place, id",
    )?;
    let mut rows = statement.query([])?;
    let mut queue = Vec::new();
    while let Some(row) = rows.next()? {
        queue.push((row.get(0)?, job_id(row.get(1)?)?));
    }
    Ok(queue)
}

/// The jobs that get another place, and which of the moving ones stand elsewhere after it.
type Places = (Vec<(JobId, i64)>, HashSet<JobId>);

/// Finds the new places; a block keeps its own order.
fn places(queue: &[(i64, JobId)], moving: &HashSet<JobId>, to: QueueMove, ends: (i64, i64)) -> Places {
    let block: Vec<JobId> = queue.iter().map(|(_, id)| *id).filter(|id| moving.contains(id)).collect();
    let count = i64::try_from(block.len()).unwrap_or(i64::MAX);
    let is_block = |part: &[(i64, JobId)]| part.iter().all(|(_, id)| moving.contains(id));
    match to {
        QueueMove::Front if is_block(&queue[..block.len()]) => return Places::default(),
        QueueMove::Back if is_block(&queue[queue.len() - block.len()..]) => return Places::default(),
        // Only the block gets new places: a long queue behind it is not written anew.
        QueueMove::Front => return (block.into_iter().zip(ends.0.saturating_sub(count)..).collect(), moving.clone()),
        QueueMove::Back => return (block.into_iter().zip(ends.1.saturating_add(1)..).collect(), moving.clone()),
        QueueMove::Earlier | QueueMove::Later => {}
    }
    let mut order: Vec<JobId> = queue.iter().map(|(_, id)| *id).collect();
    if to == QueueMove::Earlier {
        for at in 1..order.len() {
            if moving.contains(&order[at]) && !moving.contains(&order[at - 1]) {
                order.swap(at, at - 1);
            }
        }
    } else {
        for at in (0..order.len().saturating_sub(1)).rev() {
            if moving.contains(&order[at]) && !moving.contains(&order[at + 1]) {
                order.swap(at, at + 1);
            }
        }
    }
    // The places stay the same set; only who stands on them changes. Two jobs on one place get places of their own.
    let mut places: Vec<i64> = queue.iter().map(|(place, _)| *place).collect();
    for at in 1..places.len() {
        places[at] = places[at].max(places[at - 1].saturating_add(1));
    }
    let moved = queue.iter().zip(&order).filter(|((_, before), after)| before != *after).map(|(_, after)| *after);
    let moved = moved.filter(|id| moving.contains(id)).collect();
    let before: HashMap<JobId, i64> = queue.iter().map(|(place, id)| (*id, *place)).collect();
    (order.into_iter().zip(places).filter(|(id, place)| before.get(id) != Some(place)).collect(), moved)
}

impl Store {
    /// Moves jobs in the queue, as a block that keeps its own order. Linear in the length of the queue.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it could not be written; then nothing moved.
    pub fn move_in_queue(&mut self, jobs: &[JobId], to: QueueMove, now: Timestamp) -> Result<Moved, StoreError> {
        self.write(Sync::Normal, |writing| {
            let queue = queue(&writing.db)?;
            let in_queue: HashSet<JobId> = queue.iter().map(|(_, id)| *id).collect();
            let moving: HashSet<JobId> = jobs.iter().copied().filter(|id| in_queue.contains(id)).collect();
            let mut done = Moved::default();
            let (changed, moved) = places(&queue, &moving, to, reading::ends_of_line(&writing.db)?);
            for (id, place) in changed {
                let Some(mut job) = rows::one(&writing.db, id)? else { continue };
                if writing.apply(&mut job, Update::Move(place), now)?.changed() {
                    done.changed.push(job);
                }
            }
            for id in jobs {
                if moved.contains(id) {
                    done.moved.push(*id);
                } else if in_queue.contains(id) {
                    done.left_out.push((*id, Unavailable::Unchanged));
                } else {
                    let why = rows::one(&writing.db, *id)?.map_or(Unavailable::Gone, |job| Unavailable::State(job.state()));
                    done.left_out.push((*id, why));
                }
            }
            Ok(done)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(numbers: &[u64]) -> Vec<JobId> {
        numbers.iter().map(|n| JobId::from_bits(*n)).collect()
    }

    fn after(queue: &[(i64, u64)], moving: &[u64], to: QueueMove) -> (Vec<u64>, usize, usize) {
        let queue: Vec<(i64, JobId)> = queue.iter().map(|(place, id)| (*place, JobId::from_bits(*id))).collect();
        let (changed, moved) = places(&queue, &ids(moving).into_iter().collect(), to, (0, 100));
        let mut all: HashMap<JobId, i64> = queue.iter().map(|(place, id)| (*id, *place)).collect();
        all.extend(changed.iter().copied());
        let mut order: Vec<(i64, u64)> = all.into_iter().map(|(id, place)| (place, id.bits())).collect();
        order.sort_unstable();
        (order.into_iter().map(|(_, id)| id).collect(), changed.len(), moved.len())
    }

    #[test]
    fn a_block_moves_in_its_own_order_and_writes_no_more_than_it_must() {
        let queue = [(1, 1), (2, 2), (2, 3), (9, 4), (10, 5)];
        for (moving, to, order, written, moved) in [
            (&[4, 3][..], QueueMove::Front, vec![3, 4, 1, 2, 5], 2, 2),
            (&[1, 4], QueueMove::Back, vec![2, 3, 5, 1, 4], 2, 2),
            (&[1, 2], QueueMove::Front, vec![1, 2, 3, 4, 5], 0, 0),
            (&[5], QueueMove::Back, vec![1, 2, 3, 4, 5], 0, 0),
            (&[1], QueueMove::Back, vec![2, 3, 4, 5, 1], 1, 1),
            (&[5], QueueMove::Front, vec![5, 1, 2, 3, 4], 1, 1),
            (&[5], QueueMove::Earlier, vec![1, 2, 3, 5, 4], 3, 1),
            // Two jobs had one place: the second of the block comes forward without a new one.
            (&[2, 3], QueueMove::Earlier, vec![2, 3, 1, 4, 5], 2, 2),
            (&[1, 3], QueueMove::Earlier, vec![1, 3, 2, 4, 5], 1, 1),
            (&[1], QueueMove::Later, vec![2, 1, 3, 4, 5], 3, 1),
        ] {
            assert_eq!(after(&queue, moving, to), (order, written, moved), "{moving:?} {to:?}");
        }
    }
}
