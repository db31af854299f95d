//! The one gate that every call passes: the 429 wait, the read budget and the gap between paid sends.
//!
//! It is a plain value that is asked with a time, so the engine's loop stays the only place that waits.

use std::time::Duration;

use tokio::time::Instant;

use crate::job::retry;

/// How many unused reads the budget saves up at most, as a share of a minute's budget.
const BURST_SHARE: f64 = 1.0 / 6.0;

/// When calls may leave. Reads and paid sends have separate budgets, so polling never starves (docs/service.md §8).
#[derive(Clone, Debug)]
pub struct Gate {
    closed_until: Option<Instant>,
    refusals_in_a_row: u32,
    reads_per_second: f64,
    burst: f64,
    reads: f64,
    refilled_at: Instant,
    submit_gap: Duration,
    next_send: Instant,
}

impl Gate {
    /// A gate that is open. `reads_per_minute` is at least 1; `submit_gap` may be nothing.
    #[must_use]
    pub fn new(reads_per_minute: u32, submit_gap: Duration, now: Instant) -> Self {
        let per_minute = f64::from(reads_per_minute.max(1));
        let burst = (per_minute * BURST_SHARE).max(4.0);
        Self {
            closed_until: None,
            refusals_in_a_row: 0,
            reads_per_second: per_minute / 60.0,
            burst,
            reads: burst,
            refilled_at: now,
            submit_gap,
            next_send: now,
        }
    }

    /// End of the running 429 wait, if one runs.
    #[must_use]
    pub fn closed_until(&self, now: Instant) -> Option<Instant> {
        self.closed_until.filter(|until| *until > now)
    }

    /// A call was answered with 429: all wait. Returns when it is over.
    pub fn refused(&mut self, now: Instant, retry_after: Option<Duration>) -> Instant {
        // Calls that were under way when the wait began are answered with 429 too; they do not make it longer twice.
        if self.closed_until(now).is_none() {
            self.refusals_in_a_row = self.refusals_in_a_row.saturating_add(1);
        }
        let until = now + retry::rate_limit_wait(retry_after, self.refusals_in_a_row);
        let until = self.closed_until.map_or(until, |before| before.max(until));
        self.closed_until = Some(until);
        until
    }

    /// A call that was not refused came back.
    pub fn answered(&mut self, now: Instant) {
        if self.closed_until(now).is_none() {
            self.closed_until = None;
            self.refusals_in_a_row = 0;
        }
    }

    /// Takes one read out of the budget.
    ///
    /// # Errors
    /// The earliest time at which it is worth asking again.
    pub fn take_read(&mut self, now: Instant) -> Result<(), Instant> {
        if let Some(until) = self.closed_until(now) {
            return Err(until);
        }
        let gained = now.saturating_duration_since(self.refilled_at).as_secs_f64() * self.reads_per_second;
        self.reads = (self.reads + gained).min(self.burst);
        self.refilled_at = now;
        if self.reads >= 1.0 {
            self.reads -= 1.0;
            return Ok(());
        }
        // A millisecond more than computed, so that rounding cannot make the caller come back a moment too early for ever.
        Err(now + Duration::from_secs_f64((1.0 - self.reads) / self.reads_per_second) + Duration::from_millis(1))
    }

    /// Whether a paid send may leave now; taking it starts the gap to the next.
    ///
    /// # Errors
    /// The earliest time at which it is worth asking again.
    pub fn take_send(&mut self, now: Instant) -> Result<(), Instant> {
        self.may_send(now)?;
        self.next_send = now + self.submit_gap;
        Ok(())
    }

    /// Whether a paid send might leave now, without taking it.
    ///
    /// # Errors
    /// The earliest time at which it is worth asking again.
    pub fn may_send(&self, now: Instant) -> Result<(), Instant> {
        match self.closed_until(now) {
            Some(until) => Err(until.max(self.next_send)),
            None if self.next_send > now => Err(self.next_send),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_429_closes_the_gate_for_reads_and_sends_alike() {
        let start = Instant::now();
        let mut gate = Gate::new(60, Duration::ZERO, start);
        assert_eq!(gate.take_send(start), Ok(()));
        let until = gate.refused(start, None);
        assert_eq!(until, start + Duration::from_secs(30));
        assert_eq!(gate.take_read(start), Err(until));
        assert_eq!(gate.take_send(start), Err(until));
        gate.refused(start, None);
        assert_eq!(gate.closed_until(start), Some(until), "a second 429 of the same burst does not double the wait");
        assert_eq!(gate.refused(until, None), until + Duration::from_mins(1), "the next one does");
        let open = until + Duration::from_mins(1);
        assert_eq!(gate.take_read(open), Ok(()));
        gate.answered(open);
        assert_eq!(gate.refused(open, None), open + Duration::from_secs(30), "an answer starts the count again");
    }

    #[tokio::test(start_paused = true)]
    async fn the_budget_lets_through_what_it_says_over_a_minute() {
        let start = Instant::now();
        let mut gate = Gate::new(60, Duration::ZERO, start);
        let mut now = start;
        let mut reads = 0;
        while now < start + Duration::from_mins(10) {
            match gate.take_read(now) {
                Ok(()) => reads += 1,
                Err(later) => {
                    assert!(later > now);
                    now = later;
                }
            }
        }
        assert!((600..=612).contains(&reads), "{reads}");
    }

    #[tokio::test(start_paused = true)]
    async fn paid_sends_keep_their_gap() {
        let start = Instant::now();
        let mut gate = Gate::new(60, Duration::from_secs(1), start);
        assert_eq!(gate.take_send(start), Ok(()));
        assert_eq!(gate.take_send(start), Err(start + Duration::from_secs(1)));
        assert_eq!(gate.take_send(start + Duration::from_secs(1)), Ok(()));
    }
}
