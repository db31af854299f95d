//! Other processes over the same store: what they wrote, whether any shows progress, when to look, and when the store's own
//! file is brought up to date for whoever copies it.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::clock::next_at_rest;
use crate::store::{Changes, ScreenLock, Store, StoreError};

/// How often the loop looks for changes of other processes, and a follower tries to become the engine.
const TICK: Duration = Duration::from_secs(1);

/// The store's own file is behind its log by at most so much and a tick: who copies the file alone lacks no more than a minute.
const CHECKPOINT: Duration = Duration::from_secs(40);

/// See the module.
#[derive(Debug)]
pub(super) struct Peers {
    external_version: i64,
    /// The store could not be read when it was last looked at.
    unreadable: bool,
    /// Marks this process as one that shows progress.
    screen: Option<ScreenLock>,
    /// When the runtime was made.
    origin: Instant,
    tick_at: Instant,
    checkpoint: Checkpoint,
}

/// What the store's own file holds, as far as this process knows.
#[derive(Debug)]
struct Checkpoint {
    /// The writes of this process and the version of others' that are in it.
    holds: Option<(u64, i64)>,
    /// Something newer is in the log at least since then.
    behind_since: Option<Instant>,
}

impl Peers {
    pub(super) fn new(origin: Instant, screen: Option<ScreenLock>) -> Self {
        Self {
            external_version: 0,
            unreadable: false,
            screen,
            origin,
            tick_at: Instant::now() + TICK,
            checkpoint: Checkpoint { holds: None, behind_since: None },
        }
    }

    /// What is in the store now is about to be read.
    pub(super) fn start(&mut self, store: &Store) -> Result<(), StoreError> {
        self.external_version = store.external_version()?;
        Ok(())
    }

    /// Whether it is time to look; `rests`: nothing is under way.
    pub(super) fn take_tick(&mut self, now: Instant, rests: bool) -> bool {
        if now < self.tick_at {
            return false;
        }
        self.tick_at = if rests { next_at_rest(self.origin, now) } else { now + TICK };
        true
    }

    /// What other processes wrote after this revision, if anything was written.
    pub(super) fn changes(&mut self, store: &mut Store, revision: u64) -> Result<Option<Changes>, StoreError> {
        let external_version = store.external_version()?;
        if external_version == self.external_version {
            return Ok(None);
        }
        self.external_version = external_version;
        store.refresh()?;
        store.changes_since(revision).map(Some)
    }

    /// Brings the store's own file up to date when it has been behind for long enough; to be asked at a tick, by the engine.
    ///
    /// # Errors
    /// When the disk refuses. It is tried again as much later.
    pub(super) fn checkpoint(&mut self, store: &mut Store, now: Instant) -> Result<(), StoreError> {
        let newest = (store.writes(), self.external_version);
        if self.checkpoint.holds == Some(newest) {
            return Ok(());
        }
        let since = *self.checkpoint.behind_since.get_or_insert(now);
        if now < since + CHECKPOINT {
            return Ok(());
        }
        self.checkpoint = Checkpoint { holds: Some(newest), behind_since: None };
        let done = store.checkpoint();
        if done.is_err() {
            self.checkpoint.holds = None;
        }
        done
    }

    /// Notes how looking went; whether it must be told: once, not every second.
    pub(super) fn looked(&mut self, went_well: bool) -> bool {
        !std::mem::replace(&mut self.unreadable, !went_well) && !went_well
    }

    /// Whether another process shows progress.
    pub(super) fn other_screens(&self, data_dir: &Path) -> bool {
        Store::other_screens(data_dir, self.screen.as_ref())
    }

    pub(super) fn next_deadline(&self) -> Instant {
        self.tick_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_looks_once_a_second_and_seldomer_at_rest() {
        let start = Instant::now();
        let mut peers = Peers::new(start, None);
        assert!(!peers.take_tick(start, false));
        assert_eq!(peers.next_deadline(), start + TICK);
        assert!(peers.take_tick(start + TICK, false) && !peers.take_tick(start + TICK, false));
        assert_eq!(peers.next_deadline(), start + 2 * TICK);
        assert!(peers.take_tick(start + 3 * TICK, true));
        assert!(peers.next_deadline() > start + 4 * TICK);
    }

    #[tokio::test(start_paused = true)]
    async fn the_file_alone_is_never_more_than_a_minute_behind() {
        use super::super::index::tests::job;
        use crate::job::{Job, Phase};
        use crate::store::Access;

        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), Access::ReadWrite).unwrap();
        let alone = || {
            let copy = tempfile::tempdir().unwrap();
            std::fs::copy(folder.path().join("mj-enhance.db"), copy.path().join("mj-enhance.db")).unwrap();
            Store::open(copy.path(), Access::ReadOnly).unwrap().jobs().unwrap().len()
        };
        let mut peers = Peers::new(Instant::now(), None);
        let mut other = Store::open(folder.path(), Access::ReadWrite).unwrap();
        // Its own writes, and those of another process.
        for (n, by_other) in [(1, false), (2, true)] {
            if by_other { &mut other } else { &mut store }
                .import(&[Job::clone(&job(n, Phase::Waiting))], jiff::Timestamp::MAX)
                .unwrap();
            peers.changes(&mut store, 0).unwrap();
            let written = Instant::now();
            while alone() < usize::try_from(n).unwrap() {
                assert!(written.elapsed() < Duration::from_mins(1), "job {n}");
                tokio::time::advance(TICK).await;
                peers.checkpoint(&mut store, Instant::now()).unwrap();
            }
            assert!(written.elapsed() > Duration::from_secs(30), "not at every write");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_cannot_be_read_is_told_once() {
        let mut peers = Peers::new(Instant::now(), None);
        assert!(!peers.looked(true) && peers.looked(false) && !peers.looked(false));
        assert!(!peers.looked(true) && peers.looked(false));
    }
}
