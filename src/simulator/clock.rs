//! The simulator's own time: real time, stretched by a factor and pushed on by tests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// A clock that can be moved on but never back.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    start_unix: f64,
    scale: f64,
    /// Added by [`Clock::advance`], in microseconds.
    added: AtomicU64,
}

impl Clock {
    pub(super) fn new(start_unix: Option<f64>, scale: f64) -> Self {
        let unix = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        Self { start: Instant::now(), start_unix: start_unix.unwrap_or_else(unix), scale, added: AtomicU64::new(0) }
    }

    /// Simulated Unix time in seconds.
    pub(super) fn now(&self) -> f64 {
        let added = Duration::from_micros(self.added.load(Ordering::SeqCst)).as_secs_f64();
        self.start_unix + self.start.elapsed().as_secs_f64() * self.scale + added
    }

    /// Moves simulated time on.
    pub(super) fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_micros()).unwrap_or(u64::MAX / 4);
        self.added.fetch_add(by, Ordering::SeqCst);
    }
}

/// A Unix time in seconds as HTTP writes it (RFC 9110 §5.6.7); parts of a second are cut off.
pub(super) fn http_date(unix: f64) -> Option<String> {
    let at = jiff::Timestamp::from_duration(jiff::SignedDuration::try_from_secs_f64(unix.floor()).ok()?).ok()?;
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()
}
