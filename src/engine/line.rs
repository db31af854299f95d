//! The line of approved jobs: who is next, and whose yes can still be taken back.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::job::JobId;

/// Approved jobs in the order of their places; jobs in their grace period stand aside until it is over.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    ready: BTreeSet<(i64, JobId)>,
    grace: BTreeSet<(Timestamp, JobId)>,
    places: BTreeMap<JobId, (i64, Timestamp)>,
}

impl Line {
    /// Puts a job in, or moves it.
    pub(super) fn insert(&mut self, id: JobId, place: i64, not_before: Timestamp) {
        self.remove(id);
        self.places.insert(id, (place, not_before));
        self.grace.insert((not_before, id));
    }

    /// Takes a job out.
    pub(super) fn remove(&mut self, id: JobId) {
        if let Some((place, not_before)) = self.places.remove(&id) {
            self.ready.remove(&(place, id));
            self.grace.remove(&(not_before, id));
        }
    }

    /// The first job whose grace period is over.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<JobId> {
        self.admit(now);
        self.ready.first().map(|(_, id)| *id)
    }

    /// The first jobs that may be sent, in order.
    pub(super) fn head(&mut self, now: Timestamp, most: usize) -> Vec<JobId> {
        self.admit(now);
        self.ready.iter().take(most).map(|(_, id)| *id).collect()
    }

    /// When the next grace period ends.
    pub(super) fn next_admission(&self) -> Option<Timestamp> {
        self.grace.first().map(|(not_before, _)| *not_before)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = JobId> + '_ {
        self.places.keys().copied()
    }

    fn admit(&mut self, now: Timestamp) {
        while let Some((not_before, id)) = self.grace.first().copied() {
            if not_before > now {
                return;
            }
            self.grace.remove(&(not_before, id));
            if let Some((place, _)) = self.places.get(&id) {
                self.ready.insert((*place, id));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn jobs_go_by_place_once_their_grace_is_over() {
        let [a, b, c] = [1, 2, 3].map(JobId::from_bits);
        let mut line = Line::default();
        line.insert(a, 10, at(5));
        line.insert(b, 20, at(0));
        line.insert(c, 15, at(0));
        assert_eq!(line.head(at(1), 9), [c, b]);
        assert_eq!(line.next_admission(), Some(at(5)));
        assert_eq!(line.next(at(5)), Some(a));
        line.insert(a, 30, at(0));
        assert_eq!(line.head(at(6), 9), [c, b, a], "a new place counts");
        line.remove(c);
        assert_eq!(line.next(at(6)), Some(b));
    }
}
