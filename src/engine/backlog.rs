//! What the engine has learned and the store has not taken yet: kept, tried again, and in front of everything newer.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use super::clock::Now;
use crate::job::{Applied, Job, JobId, Update};
use crate::store::{Store, StoreError};

/// A write that failed is tried again so much later.
const RETRY: Duration = Duration::from_secs(1);

/// See the module. While it is not empty, nothing is sent.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    updates: Vec<(JobId, Update)>,
    retry_at: Option<Instant>,
}

/// How a write ended.
#[derive(Debug)]
pub(super) enum Written {
    /// There was nothing to write.
    Nothing,
    /// All is written. `caught_up`: it had failed before, and these jobs had something waiting.
    All {
        /// One for each update that found its job, in order.
        results: Vec<(Job, Applied)>,
        caught_up: Option<HashSet<JobId>>,
    },
    /// The first failure after writes that went well.
    Failed(StoreError),
    /// One more failure.
    FailedAgain,
}

impl Backlog {
    /// Writes these updates, after those that still wait.
    pub(super) fn write(&mut self, updates: Vec<(JobId, Update)>, store: &mut Store, now: Now) -> Written {
        if updates.is_empty() && self.updates.is_empty() {
            return Written::Nothing;
        }
        self.updates.extend(updates);
        match store.apply(self.updates.clone(), now.wall) {
            Ok(results) => {
                let waited: HashSet<JobId> = self.updates.drain(..).map(|(id, _)| id).collect();
                Written::All { results, caught_up: self.retry_at.take().map(|_| waited) }
            }
            Err(error) => match self.retry_at.replace(now.at + RETRY) {
                None => Written::Failed(error),
                Some(_) => Written::FailedAgain,
            },
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.updates.is_empty()
    }

    /// When what waits is tried again.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.retry_at
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::super::index::tests::{job, task};
    use super::*;
    use crate::job::{Phase, State};

    #[tokio::test(start_paused = true)]
    async fn what_the_store_does_not_take_is_kept_and_written_in_order() {
        let mut store = Store::in_memory().unwrap();
        let unwatched = Job { task: Some(task(1)), ..Job::clone(&job(1, Phase::Unwatched)) };
        store.import(&[unwatched], jiff::Timestamp::MAX).unwrap();
        let full = Arc::new(AtomicBool::new(true));
        let disk = Arc::clone(&full);
        store.on_commit(Some(Box::new(move |_| !disk.load(Ordering::Relaxed))));
        let (mut backlog, now, id) = (Backlog::default(), Now::of_test(0), JobId::from_bits(1));
        assert!(matches!(backlog.write(vec![(id, Update::Watch)], &mut store, now), Written::Failed(_)));
        assert!(matches!(backlog.write(vec![(id, Update::Unwatch)], &mut store, now), Written::FailedAgain));
        assert_eq!(backlog.next_deadline(), Some(now.at + RETRY));
        full.store(false, Ordering::Relaxed);
        let Written::All { results, caught_up } = backlog.write(Vec::new(), &mut store, now.after(RETRY)) else { panic!() };
        assert_eq!(results.iter().map(|(job, _)| job.state()).collect::<Vec<_>>(), [State::Running, State::Unwatched]);
        assert_eq!(caught_up, Some(HashSet::from([id])));
        assert!(backlog.is_empty() && backlog.next_deadline().is_none());
    }
}
