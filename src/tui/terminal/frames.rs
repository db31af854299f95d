//! When a frame is drawn: at once for keys, in the next slot for everything else, never without need.

use std::time::{Duration, Instant};

/// How soon a changed screen is to be seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Urgency {
    /// In the next slot.
    Slot,
    /// At once: somebody waits for it.
    Now,
}

/// Decides when the next frame is due. It reads no clock and sets no timer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrameLimiter {
    slot: Duration,
    key: Duration,
    last: Option<Instant>,
    asked: Option<Urgency>,
}

impl FrameLimiter {
    /// At most ten frames a second for updates, keys at once.
    pub fn new() -> Self {
        Self { slot: Duration::from_millis(100), key: Duration::ZERO, last: None, asked: None }
    }

    /// At most two frames a second, for a slow line; the first key after half a second of rest is still answered at once.
    pub fn slow() -> Self {
        Self { slot: Duration::from_millis(500), key: Duration::from_millis(500), ..Self::new() }
    }

    /// Something on the screen has changed.
    pub fn ask(&mut self, urgency: Urgency) {
        self.asked = self.asked.max(Some(urgency));
    }

    /// When the frame that was asked for is due; `None` if none was. `now` is returned for one that is due already.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        let gap = match self.asked? {
            Urgency::Slot => self.slot,
            Urgency::Now => self.key,
        };
        Some(self.last.map_or(now, |last| (last + gap).max(now)))
    }

    /// Whether a frame is to be drawn now.
    pub fn is_due(&self, now: Instant) -> bool {
        self.deadline(now).is_some_and(|deadline| deadline <= now)
    }

    /// A frame was drawn.
    pub fn drawn(&mut self, now: Instant) {
        self.last = Some(now);
        self.asked = None;
    }
}

impl Default for FrameLimiter {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(10);

    #[test]
    fn nothing_is_due_before_something_has_changed() {
        let now = Instant::now();
        let mut frames = FrameLimiter::new();
        assert_eq!(frames.deadline(now), None);
        frames.ask(Urgency::Slot);
        assert!(frames.is_due(now));
        frames.drawn(now);
        assert_eq!(frames.deadline(now), None);
        assert!(!frames.is_due(now + Duration::from_secs(9)));
    }

    #[test]
    fn updates_wait_for_their_slot_and_keys_do_not() {
        let start = Instant::now();
        let mut frames = FrameLimiter::new();
        frames.drawn(start);
        frames.ask(Urgency::Slot);
        assert!(!frames.is_due(start + TICK));
        assert_eq!(frames.deadline(start + TICK), Some(start + TICK * 10));
        assert!(frames.is_due(start + TICK * 10));
        frames.ask(Urgency::Now);
        assert!(frames.is_due(start + TICK));
        frames.ask(Urgency::Slot);
        assert!(frames.is_due(start + TICK), "a key keeps its right when an update follows");
    }

    #[test]
    fn a_flood_of_updates_for_a_second_makes_ten_frames_and_two_on_a_slow_line() {
        for (mut frames, most) in [(FrameLimiter::new(), 10), (FrameLimiter::slow(), 2)] {
            let start = Instant::now();
            let mut drawn = 0;
            for at in 0..1000 {
                let now = start + Duration::from_millis(at);
                frames.ask(Urgency::Slot);
                if frames.is_due(now) {
                    frames.drawn(now);
                    drawn += 1;
                }
            }
            assert_eq!(drawn, most);
        }
    }
}
