//! When to repeat what, as pure functions: the random part comes in as a number from 0 to 1.

use std::time::Duration;

use jiff::SignedDuration;

/// How often a lost paid request is repeated, with the same key, before the job becomes unsure (docs/money-rules.md, rule 3).
pub const PAID_REPEATS: u32 = 4;
/// How long after the attempt the last repeat may begin, by every clock.
pub const PAID_WINDOW: Duration = Duration::from_secs(15);
/// Clocks agree on how much time has passed when they differ by no more: HTTP dates have whole seconds, and a busy machine
/// lets some pass between two looks.
pub const CLOCKS_AGREE: SignedDuration = SignedDuration::from_secs(10);
/// The one wait after `paid_outcome_unknown`.
pub const PAID_OUTCOME_WAIT: Duration = Duration::from_mins(1);
/// How long a key may be relied on (docs/service.md §12).
pub const KEY_LIFE: Duration = Duration::from_hours(24);
/// A key that was refused so often, each time after a confirmation of its own, is used no more.
pub const REFUSALS_OF_A_KEY: u32 = 2;

/// So long after the last attempt of a paid request the account's task list tells surely that no task was made: a request
/// is given up after 30 s, and the list may lag behind (docs/service.md §12).
pub const LIST_SETTLES: SignedDuration = SignedDuration::from_secs(60);

/// How the answer to a paid request was lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lost {
    /// Time-out, reset, 5xx, or a 2xx that could not be read.
    Answer,
    /// The gateway said 409 `paid_outcome_unknown`.
    OutcomeUnknown,
}

/// What to do after a lost answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PaidRepeat {
    /// Repeat with the same key after this wait.
    After(Duration),
    /// Stop: the job is unsure.
    Unsure,
}

/// Decides on the repeat of a paid request with the same key.
///
/// `repeats` were made so far, `since_attempt` has passed since the first attempt began (the most that any clock says), and
/// `unknown_outcomes` counts the `paid_outcome_unknown` answers including the present one.
#[must_use]
pub fn paid_repeat(lost: Lost, repeats: u32, since_attempt: Duration, unknown_outcomes: u32, random: f64) -> PaidRepeat {
    if lost == Lost::OutcomeUnknown {
        return if unknown_outcomes <= 1 { PaidRepeat::After(PAID_OUTCOME_WAIT) } else { PaidRepeat::Unsure };
    }
    if repeats >= PAID_REPEATS {
        return PaidRepeat::Unsure;
    }
    let base = [500, 1_500, 3_500, 6_000][usize::try_from(repeats).unwrap_or(3).min(3)];
    let wait = Duration::from_millis(base).mul_f64(0.8 + 0.4 * random.clamp(0.0, 1.0));
    if since_attempt + wait > PAID_WINDOW { PaidRepeat::Unsure } else { PaidRepeat::After(wait) }
}

/// The wait after a 429: what `Retry-After` says, else 30 s doubling to 120 s, never under a second and never over an hour.
#[must_use]
pub fn rate_limit_wait(retry_after: Option<Duration>, in_a_row: u32) -> Duration {
    let wait = retry_after.unwrap_or_else(|| Duration::from_secs(30 << in_a_row.saturating_sub(1).min(2)));
    wait.clamp(Duration::from_secs(1), Duration::from_hours(1))
}

/// The wait before a failed read is repeated: 1.5 s doubling to a minute, ±20 %, or what `Retry-After` says if that is longer.
#[must_use]
pub fn read_wait(failures: u32, retry_after: Option<Duration>, random: f64) -> Duration {
    let base = Duration::from_millis(1_500).saturating_mul(1 << failures.saturating_sub(1).min(6)).min(Duration::from_mins(1));
    base.mul_f64(0.8 + 0.4 * random.clamp(0.0, 1.0)).max(retry_after.unwrap_or_default().min(Duration::from_hours(1)))
}

/// The wait before a download is tried again: 2 s doubling to five minutes, ±20 %.
#[must_use]
pub fn fetch_wait(attempts: u32, random: f64) -> Duration {
    let base = Duration::from_secs(2).saturating_mul(1 << attempts.saturating_sub(1).min(8)).min(Duration::from_mins(5));
    base.mul_f64(0.8 + 0.4 * random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_answer_is_repeated_four_times_within_fifteen_seconds() {
        let mut since = Duration::ZERO;
        let mut repeats = 0;
        while let PaidRepeat::After(wait) = paid_repeat(Lost::Answer, repeats, since, 0, 1.0) {
            since += wait;
            repeats += 1;
        }
        assert_eq!(repeats, PAID_REPEATS);
        assert!(since <= PAID_WINDOW, "{since:?}");
        assert_eq!(paid_repeat(Lost::Answer, 1, Duration::from_secs(14), 0, 0.5), PaidRepeat::Unsure);
    }

    #[test]
    fn waits_of_a_repeat_grow_and_are_spread_by_a_fifth() {
        let wait = |repeats, random| paid_repeat(Lost::Answer, repeats, Duration::ZERO, 0, random);
        let millis = |n| PaidRepeat::After(Duration::from_millis(n));
        assert_eq!([0, 1, 2, 3].map(|repeats| wait(repeats, 0.0)), [400, 1_200, 2_800, 4_800].map(millis));
        assert_eq!([0, 1, 2, 3].map(|repeats| wait(repeats, 0.5)), [500, 1_500, 3_500, 6_000].map(millis));
        assert_eq!([0, 1, 2, 3].map(|repeats| wait(repeats, 1.0)), [600, 1_800, 4_200, 7_200].map(millis));
        // The repeat that would leave in the very second of the window's end still leaves.
        let last = |left| paid_repeat(Lost::Answer, 0, PAID_WINDOW.saturating_sub(Duration::from_millis(left)), 0, 0.5);
        assert_eq!([last(501), last(500), last(499)], [millis(500), millis(500), PaidRepeat::Unsure]);
    }

    #[test]
    fn an_unknown_outcome_is_asked_for_once_more_after_a_minute() {
        assert_eq!(paid_repeat(Lost::OutcomeUnknown, 0, Duration::ZERO, 1, 0.0), PaidRepeat::After(PAID_OUTCOME_WAIT));
        assert_eq!(paid_repeat(Lost::OutcomeUnknown, 1, PAID_OUTCOME_WAIT, 2, 0.0), PaidRepeat::Unsure);
    }

    #[test]
    fn a_429_without_a_hint_waits_thirty_then_doubles_to_two_minutes() {
        let waits: Vec<u64> = (1..=5).map(|n| rate_limit_wait(None, n).as_secs()).collect();
        assert_eq!(waits, [30, 60, 120, 120, 120]);
        assert_eq!(rate_limit_wait(Some(Duration::from_millis(1_500)), 9), Duration::from_millis(1_500));
        assert_eq!(rate_limit_wait(Some(Duration::from_hours(99)), 1), Duration::from_hours(1));
        assert_eq!(rate_limit_wait(Some(Duration::ZERO), 1), Duration::from_secs(1));
    }

    #[test]
    fn back_off_grows_to_its_ceiling_and_stays() {
        let waits: Vec<u64> = (1..=8).map(|n| read_wait(n, None, 0.5).as_secs()).collect();
        assert_eq!(waits, [1, 3, 6, 12, 24, 48, 60, 60]);
        let waits: Vec<u64> = (1..=10).map(|n| fetch_wait(n, 0.5).as_secs()).collect();
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(read_wait(1, Some(Duration::from_secs(9)), 0.5), Duration::from_secs(9));
    }
}
