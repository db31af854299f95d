//! The queue of approved jobs: who is next, and whose yes can still be taken back.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use crate::job::JobId;

/// Approved jobs in the order of their places; jobs in their grace period stand aside until it is over.
///
/// The period is waited out by the runtime's clock, so a wall clock that is turned back does not stop the queue for a day.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    ready: BTreeSet<(i64, JobId)>,
    grace: BTreeSet<(Instant, JobId)>,
    places: BTreeMap<JobId, Stand>,
}

/// Where a job stands in the queue.
#[derive(Clone, Copy, Debug)]
struct Stand {
    at: i64,
    /// The number of the yes whose grace period is waited for.
    yes: u64,
    due: Instant,
}

impl Queue {
    /// Puts a job in, or moves it. A job that is moved goes on waiting for the end that was set when its yes came in.
    pub(super) fn insert(&mut self, id: JobId, place: i64, yes: u64, due: Instant) {
        let due = self.places.get(&id).filter(|before| before.yes == yes).map_or(due, |before| before.due);
        self.remove(id);
        self.places.insert(id, Stand { at: place, yes, due });
        self.grace.insert((due, id));
    }

    /// Takes a job out.
    pub(super) fn remove(&mut self, id: JobId) {
        if let Some(Stand { at, due, .. }) = self.places.remove(&id) {
            self.ready.remove(&(at, id));
            self.grace.remove(&(due, id));
        }
    }

    /// The first jobs that may be sent, in order.
    pub(super) fn head(&mut self, now: Instant, most: usize) -> Vec<JobId> {
        self.admit(now);
        self.ready.iter().take(most).map(|(_, id)| *id).collect()
    }

    /// When the next grace period ends.
    pub(super) fn next_admission(&self) -> Option<Instant> {
        self.grace.first().map(|(due, _)| *due)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = JobId> + '_ {
        self.places.keys().copied()
    }

    fn admit(&mut self, now: Instant) {
        while let Some((due, id)) = self.grace.first().copied() {
            if due > now {
                return;
            }
            self.grace.remove(&(due, id));
            if let Some(Stand { at, .. }) = self.places.get(&id) {
                self.ready.insert((*at, id));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn jobs_go_by_place_once_their_grace_is_over() {
        let [a, b, c] = [1, 2, 3].map(JobId::from_bits);
        let start = Instant::now();
        let at = |seconds| start + std::time::Duration::from_secs(seconds);
        let mut queue = Queue::default();
        queue.insert(a, 10, 2, at(5));
        queue.insert(b, 20, 1, at(0));
        queue.insert(c, 15, 1, at(0));
        queue.insert(a, 10, 2, at(9));
        assert_eq!(queue.head(at(1), 9), [c, b]);
        assert_eq!(queue.next_admission(), Some(at(5)));
        assert_eq!(queue.head(at(5), 1), [a], "the end that was set first counts");
        queue.insert(a, 30, 3, at(0));
        assert_eq!(queue.head(at(6), 9), [c, b, a], "a new place counts");
        queue.remove(c);
        assert_eq!(queue.head(at(6), 1), [b]);
    }
}
