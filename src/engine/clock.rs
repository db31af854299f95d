//! Time and random numbers as arguments, so that a whole life can be replayed from a seed.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

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

/// What the service's clock is known by is whole seconds, and so is the time of a task: two moments that are closer cannot be
/// told apart by it, and one may even seem to lie before an earlier one.
pub(super) const SERVICE_CLOCK_ERROR: SignedDuration = SignedDuration::from_secs(2);

/// One moment by the clocks that count: what a part is asked with instead of reading a clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    /// The runtime's clock, which waits go by.
    pub(super) at: Instant,
    /// The wall clock, for what is written down.
    pub(super) wall: Timestamp,
    /// What the service's clock shows, where an answer has told.
    pub(super) service: Option<Timestamp>,
}

impl Now {
    /// This moment.
    pub(super) fn read(clock: &dyn Clock, service: Option<Timestamp>) -> Self {
        Self { at: Instant::now(), wall: clock.now(), service }
    }

    /// A moment for tests: the paused clock's, at a second of the wall clock.
    #[cfg(test)]
    pub(super) fn of_test(second: i64) -> Self {
        Self { at: Instant::now(), wall: Timestamp::from_second(1_790_000_000 + second).unwrap(), service: None }
    }

    /// The same, so much later by all clocks.
    #[cfg(test)]
    pub(super) fn after(self, time: Duration) -> Self {
        let later = |at: Timestamp| at.checked_add(time).unwrap();
        Self { at: self.at + time, wall: later(self.wall), service: self.service.map(later) }
    }
}

/// How often the loop looks for other processes while nothing is under way.
///
/// The runtime's wheel of timers turns in steps of 64 and of 4,096 ms. A long timer wakes the process at each step on its way
/// and once more to fire; only one that ends on a step of both wheels wakes it once. Half of the larger step always does.
const AT_REST: Duration = Duration::from_millis(2_048);

/// The next such moment after `now`. `origin` is when the runtime was made; a millisecond more or less costs wake-ups only.
pub(super) fn next_at_rest(origin: Instant, now: Instant) -> Instant {
    let past = now.saturating_duration_since(origin).as_millis() / AT_REST.as_millis();
    origin + AT_REST * u32::try_from(past + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Turns of a loop that waits for such moments, and how often its runtime goes to sleep meanwhile.
    fn sleeps(next: fn(Instant, Instant) -> Instant) -> (u32, u32) {
        let count = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&count);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .on_thread_park(move || {
                seen.fetch_add(1, Ordering::Relaxed);
            })
            .build()
            .unwrap();
        runtime.block_on(async {
            let origin = Instant::now();
            // Whatever happened before, rest begins at no round time.
            tokio::time::sleep(Duration::from_millis(777)).await;
            let (mut turns, before) = (0_u32, count.load(Ordering::Relaxed));
            while turns < 60 {
                tokio::time::sleep_until(next(origin, Instant::now())).await;
                turns += 1;
            }
            (turns, count.load(Ordering::Relaxed) - before)
        })
    }

    #[test]
    fn at_rest_a_look_at_other_processes_wakes_no_more_than_the_shortest_wait() {
        // Under a paused clock one wait is two sleeps.
        assert_eq!(sleeps(|_, now| now + Duration::from_millis(1)), (60, 120));
        assert_eq!(sleeps(next_at_rest), (60, 120));
    }

    #[test]
    fn a_moment_off_the_steps_of_the_wheels_wakes_more_often() {
        let (turns, sleeps) = sleeps(|_, now| now + Duration::from_millis(2_500));
        assert!(sleeps > 3 * turns, "{sleeps} in {turns}: the runtime's wheels have changed, so any round time will do");
    }
}
