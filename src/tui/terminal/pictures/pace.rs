//! How much of a picture may be on the line at once.
//!
//! sshd takes megabytes at a time, so neither a write nor the writer's slot feels a slow line; only the terminal's answer
//! does. Every write of picture data ends with a question that all terminals answer at once when they have read so far.
//! While answers come quickly more writes may be open; a slow one takes that back. So a key never waits behind more than
//! what the line carries in about half a second.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Device status report (ECMA-48 §8.3.35); the answer is `CSI 0 n`.
pub const QUESTION: &[u8] = b"\x1b[5n";

/// An answer that comes sooner says that the line carries more.
const QUICK: Duration = Duration::from_millis(250);
/// One that comes later says that it is full.
const SLOW: Duration = Duration::from_millis(400);
/// So many writes are open at most.
const MOST: usize = 16;
/// An answer that has not come after so long is lost; and the time that the bytes themselves may take, at 4 kB a second.
const LOST: Duration = Duration::from_secs(3);
const BYTES_A_MILLISECOND: u64 = 4;

#[derive(Debug)]
struct Open {
    at: Instant,
    lost_at: Instant,
}

/// The writes whose answers have not come.
#[derive(Debug)]
pub struct Pace {
    window: usize,
    open: VecDeque<Open>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { window: 1, open: VecDeque::new() }
    }
}

impl Pace {
    /// Whether another write may go out; forgets answers that are lost.
    pub fn allows(&mut self, now: Instant) -> bool {
        while self.open.front().is_some_and(|open| open.lost_at <= now) {
            self.open.pop_front();
            self.window = 1;
        }
        self.open.len() < self.window
    }

    /// When another write may go out if no answer comes.
    pub fn opens_at(&self, now: Instant) -> Instant {
        if self.open.len() < self.window {
            return now;
        }
        self.open.front().map_or(now, |open| open.lost_at.max(now))
    }

    /// A write of so many bytes, with its question, goes out.
    pub fn sent(&mut self, bytes: usize, now: Instant) {
        let travel = Duration::from_millis(bytes as u64 / BYTES_A_MILLISECOND);
        self.open.push_back(Open { at: now, lost_at: now + LOST + travel });
    }

    /// An answer came. Answers come in order; one that nobody waits for is dropped.
    pub fn answered(&mut self, at: Instant) {
        let Some(open) = self.open.pop_front() else { return };
        let took = at.saturating_duration_since(open.at);
        if took < QUICK {
            self.window = (self.window * 2).min(MOST);
        } else if took > SLOW {
            self.window = (self.window / 2).max(1);
        }
    }

    /// Answers that may still come.
    pub fn open(&self, now: Instant) -> usize {
        self.open.iter().filter(|open| now < open.lost_at).count()
    }
}
