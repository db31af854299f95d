//! Which frame a person has had before their eyes when they pressed a key.
//!
//! A key that answers a box counts only if the box was there to be read: its frame was taken by the terminal, and some time
//! has passed since. The runner notes both here; times are those of the monotonic clock, so a turned wall clock changes nothing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So long a frame is on the terminal before a key counts as an answer to it.
pub const SETTLE: Duration = Duration::from_millis(300);

/// The frames on their way to the terminal and on it. A frame is named by the revision of the screen that it shows.
#[derive(Debug, Default)]
pub struct FrameLog {
    /// Its revision, and the number of the write.
    on_its_way: Option<(u64, u64)>,
    /// Frames the terminal took less than [`SETTLE`] ago, or of which nobody asked yet; the oldest first.
    taken: VecDeque<(u64, Instant)>,
    settled: u64,
}

impl FrameLog {
    /// The frame of this revision was handed to the writer as this write.
    pub fn submitted(&mut self, revision: u64, write: u64) {
        self.on_its_way = Some((revision, write));
    }

    /// The terminal took this write at this time.
    pub fn taken(&mut self, write: u64, at: Instant) {
        if let Some((revision, _)) = self.on_its_way.take_if(|(_, number)| *number == write) {
            self.shows(revision, at);
        }
    }

    /// The terminal shows this revision since this time at the latest: a frame without bytes.
    pub fn shows(&mut self, revision: u64, at: Instant) {
        self.settle(at);
        self.taken.push_back((revision, at));
    }

    /// What was on the terminal is gone (resized, suspended): only frames from now on count.
    pub fn forget(&mut self) {
        self.on_its_way = None;
        self.taken.clear();
    }

    /// The newest revision that a person who pressed a key at this time has had before their eyes for [`SETTLE`]; 0 if none.
    pub fn settled(&mut self, key: Instant) -> u64 {
        self.settle(key);
        self.settled
    }

    fn settle(&mut self, now: Instant) {
        while let Some((revision, _)) = self.taken.front().filter(|(_, at)| now.saturating_duration_since(*at) >= SETTLE) {
            self.settled = self.settled.max(*revision);
            self.taken.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_frame_is_settled_300_ms_after_the_terminal_took_it() {
        let start = Instant::now();
        let mut log = FrameLog::default();
        assert_eq!(log.settled(start), 0);
        log.submitted(7, 2);
        log.taken(1, start);
        assert_eq!(log.settled(start + MS * 9_000), 0, "the terminal has not taken it");
        log.taken(2, start + MS * 9_000);
        assert_eq!(log.settled(start + MS * 9_000), 0);
        assert_eq!(log.settled(start + MS * 9_299), 0);
        assert_eq!(log.settled(start + MS * 9_300), 7);
    }

    #[test]
    fn frames_that_follow_each_other_settle_one_after_the_other() {
        let start = Instant::now();
        let mut log = FrameLog::default();
        for frame in 1..=100 {
            log.submitted(frame, frame);
            log.taken(frame, start + MS * 100 * u32::try_from(frame).unwrap());
            assert!(log.taken.len() <= 4, "what has settled is not kept");
        }
        assert_eq!(log.settled(start + MS * 10_000), 97);
        assert_eq!(log.settled(start + MS * 10_299), 99);
        assert_eq!(log.settled(start + MS * 10_300), 100);
    }

    #[test]
    fn what_was_lost_never_settles() {
        let start = Instant::now();
        let mut log = FrameLog::default();
        log.submitted(1, 1);
        log.forget();
        log.taken(1, start);
        log.shows(2, start);
        log.forget();
        assert_eq!(log.settled(start + MS * 1_000), 0);
    }
}
