//! Other processes over the same store: what they wrote, whether any shows progress, and when to look.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::clock::next_at_rest;
use crate::store::{Changes, ScreenLock, Store, StoreError};

/// How often the loop looks for changes of other processes, and a follower tries to become the engine.
const TICK: Duration = Duration::from_secs(1);

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
}

impl Peers {
    pub(super) fn new(origin: Instant, screen: Option<ScreenLock>) -> Self {
        Self { external_version: 0, unreadable: false, screen, origin, tick_at: Instant::now() + TICK }
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
    async fn a_store_that_cannot_be_read_is_told_once() {
        let mut peers = Peers::new(Instant::now(), None);
        assert!(!peers.looked(true) && peers.looked(false) && !peers.looked(false));
        assert!(!peers.looked(true) && peers.looked(false));
    }
}
