//! What the server's tasks and the handle share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::clock::Clock;
use super::files::Gallery;
use super::world::World;

/// One simulator's insides.
pub(super) struct Shared {
    world: Mutex<World>,
    pub clock: Clock,
    pub gallery: Gallery,
}

impl Shared {
    pub(super) fn new(world: World, clock: Clock) -> Self {
        Self { world: Mutex::new(world), clock, gallery: Gallery::default() }
    }

    /// The state; held for moments only, never over an await.
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A submit's answer was lost: for a while the gateway does not know its outcome either.
    pub(super) fn forget_outcome(&self, key: Option<&(usize, String)>) {
        let now = self.clock.now();
        let mut world = self.world();
        let until = now + world.scenario.paid_outcome_unknown_seconds;
        if let Some(memory) = key.and_then(|key| world.keys.get_mut(key)) {
            memory.unknown_until = until;
        }
    }
}
