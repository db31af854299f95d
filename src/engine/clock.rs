//! Time and dice as arguments, so that a whole life can be replayed from a seed.

use jiff::Timestamp;

/// The wall clock. Waits go by the runtime's own clock; this one is for what is written down.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
