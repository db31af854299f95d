//! How often to look at a running task: rarely while its end is far, closely where the end is expected.
//!
//! Pure functions of the task's age and of what the service has said about its end so far. The field `estimated_time` may
//! count down or stay the estimate of the whole run, and progress may jump, go back or be missing (docs/service.md §4.3, §12), so
//! what is expected is only ever a reason to look sooner or later, never a reason to stop looking.

use std::time::Duration;

use super::phase::Percent;

/// Around the expected end looks are no closer than this.
const CLOSE: Duration = Duration::from_millis(1_500);
/// While the end is expected later, looks are no further apart than this,
const FAR: Duration = Duration::from_secs(6);
/// or than this where the task is old,
const FAR_AND_OLD: Duration = Duration::from_secs(10);
/// or than this where the service counts down reliably and minutes are left.
const FAR_AND_SURE: Duration = Duration::from_secs(20);
/// So near a reliable end the next look waits for it,
const NEAR: Duration = Duration::from_millis(3_500);
/// and comes this much later, so that it does not come a moment too early.
const JUST_AFTER: Duration = Duration::from_millis(150);
/// A count-down may be off by so much between two looks, by rounding and by the way of the answer.
const ROUNDING: Duration = Duration::from_secs(2);
/// Progress says something about the end after it has moved by so many percent.
const ENOUGH_PERCENT: u8 = 10;
/// Nobody batch_slack another's read earlier than this before its own time.
pub const MOST_BATCH_SLACK: Duration = Duration::from_secs(2);

/// When to look next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NextPoll {
    /// After this time.
    pub after: Duration,
    /// It may be so much earlier if a read leaves anyway.
    pub batch_slack: Duration,
}

/// When a task is expected to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expected {
    /// How old it is then.
    pub age: Duration,
    /// The service counts down to it at the pace of the clock.
    pub sure: bool,
}

/// What the answers about one task let expect of its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EtaEstimate {
    /// The last number of seconds, and how old the task was when it was first told.
    told: Option<(u32, Duration)>,
    sure: bool,
    /// The progress from which its pace is measured, and the newest one, each with the age at which it was first seen.
    from: Option<(u8, Duration)>,
    to: Option<(u8, Duration)>,
}

impl EtaEstimate {
    /// The eta of a task that was submitted at age 0 and whose estimate was told then.
    #[must_use]
    pub fn new(estimate: Option<u32>) -> Self {
        Self { told: estimate.map(|seconds| (seconds, Duration::ZERO)), ..Self::default() }
    }

    /// Takes in an answer about an unfinished task that is this old.
    pub fn on_report(&mut self, age: Duration, percent: Option<Percent>, seconds_left: Option<u32>) {
        match (seconds_left, self.told) {
            (None, _) => (self.told, self.sure) = (None, false),
            // The same number again: a count-down that stands, or an estimate of the whole run.
            (Some(seconds), Some((before, _))) if seconds == before => {}
            (Some(seconds), before) => {
                let end = age + Duration::from_secs(seconds.into());
                self.sure = before.is_some_and(|(seconds, at)| {
                    let expected = at + Duration::from_secs(seconds.into());
                    end.abs_diff(expected) <= ROUNDING
                });
                self.told = Some((seconds, age));
            }
        }
        match (percent.map(Percent::get), self.to) {
            (None, _) => (self.from, self.to) = (None, None),
            (Some(now), Some((before, _))) if now == before => {}
            (Some(now), Some((before, _))) if now > before => self.to = Some((now, age)),
            (Some(now), _) => (self.from, self.to) = (Some((now, age)), Some((now, age))),
        }
    }

    /// When the end is expected, if anything speaks for a time.
    #[must_use]
    pub fn expected(&self) -> Option<Expected> {
        let told = self.told.map(|(seconds, at)| Expected { age: at + Duration::from_secs(seconds.into()), sure: self.sure });
        // A number that never moves says less than progress that does.
        told.filter(|told| told.sure).or_else(|| self.by_progress()).or(told)
    }

    fn by_progress(&self) -> Option<Expected> {
        let ((first, from), (last, to)) = (self.from?, self.to?);
        let moved = last.checked_sub(first).filter(|moved| *moved >= ENOUGH_PERCENT)?;
        let rest = to.checked_sub(from)? * u32::from(100_u8.saturating_sub(last)) / u32::from(moved);
        Some(Expected { age: to + rest, sure: false })
    }
}

/// When to look next at a task of this age. `random` from 0 to 1 spreads the looks by ±20 %.
///
/// Without any idea of the end: 3 s apart in the first minute, 5 s up to five minutes, 10 s up to twenty, 45 s after that
/// (docs/service.md §8). With one: a third of the time to the expected end, or half of it where the service counts down
/// reliably, between 1.5 s and 6 s (10 s for old tasks, 20 s with minutes to go). Past the expected end: a third of the
/// time since, up to the steps of the age.
#[must_use]
pub fn next_poll(age: Duration, eta: &EtaEstimate, random: f64) -> NextPoll {
    let by_age = by_age(age);
    let wait = match eta.expected() {
        None => by_age,
        Some(end) => match end.age.checked_sub(age) {
            // Joining another's read would bring it before the end again.
            Some(left) if end.sure && left <= NEAR => return NextPoll { after: left + JUST_AFTER, batch_slack: Duration::ZERO },
            Some(left) => {
                let far = if end.sure { FAR_AND_SURE.min((left / 6).max(FAR)) } else { FAR.max(by_age).min(FAR_AND_OLD) };
                (left / if end.sure { 2 } else { 3 }).clamp(CLOSE, far)
            }
            None => (age.saturating_sub(end.age) / 3).clamp(CLOSE, by_age),
        },
    };
    let after = wait.mul_f64(0.8 + 0.4 * random.clamp(0.0, 1.0));
    NextPoll { after, batch_slack: (after / 2).min(MOST_BATCH_SLACK) }
}

/// When to look first at a task that was submitted just now: after a third of the estimate, at least 1 s and at most 5 s
/// (docs/service.md §8), so that a fresh task is never far from its first look.
#[must_use]
pub fn first_poll(estimate: Option<Duration>, random: f64) -> Duration {
    let base = estimate.map_or(Duration::from_secs(3), |whole| whole / 3).clamp(Duration::from_secs(1), Duration::from_secs(5));
    base.mul_f64(0.8 + 0.4 * random.clamp(0.0, 1.0))
}

fn by_age(age: Duration) -> Duration {
    Duration::from_secs(match age.as_secs() {
        0..60 => 3,
        60..300 => 5,
        300..1_200 => 10,
        _ => 45,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn wait(age: u64, eta: &EtaEstimate) -> Duration {
        next_poll(s(age), eta, 0.5).after
    }

    #[test]
    fn without_an_idea_of_the_end_looks_grow_apart_with_age() {
        let at = |age| wait(age, &EtaEstimate::default()).as_secs();
        assert_eq!([at(0), at(59), at(100), at(600), at(3_000)], [3, 3, 5, 10, 45]);
        let first = |estimate: Option<u64>| first_poll(estimate.map(s), 0.5);
        assert_eq!([first(None), first(Some(45)), first(Some(9)), first(Some(0))], [s(3), s(5), s(3), s(1)]);
    }

    #[test]
    fn looks_are_rare_early_and_close_around_an_estimated_end() {
        let eta = EtaEstimate::new(Some(60));
        let millis = |age| wait(age, &eta).as_millis();
        let ages = [10, 30, 48, 54, 58, 60, 63, 69, 75, 300];
        assert_eq!(ages.map(millis), [6_000, 6_000, 4_000, 2_000, 1_500, 1_500, 1_500, 3_000, 5_000, 10_000]);
    }

    #[test]
    fn a_reliable_count_down_is_met_just_after_its_end() {
        let mut eta = EtaEstimate::new(Some(60));
        eta.on_report(s(5), None, Some(55));
        assert_eq!(eta.expected(), Some(Expected { age: s(60), sure: true }));
        assert_eq!(wait(50, &eta), s(5), "half of what is left");
        assert_eq!(next_poll(s(57), &eta, 0.0), NextPoll { after: s(3) + JUST_AFTER, batch_slack: Duration::ZERO });
        let mut long = EtaEstimate::new(Some(900));
        long.on_report(s(5), None, Some(895));
        assert_eq!(wait(10, &long), s(20), "a long run is looked at more rarely");
    }

    #[test]
    fn a_look_may_wait_for_half_of_its_time_to_be_read_with_another() {
        let slack = |age| next_poll(s(age), &EtaEstimate::default(), 0.5);
        let all = [0, 100, 600, 3_000].map(|age| (slack(age).after, slack(age).batch_slack));
        let half = |after: Duration| (after / 2).min(MOST_BATCH_SLACK);
        assert_eq!(all, all.map(|(after, _)| (after, half(after))));
        assert!(all[0].1 == Duration::from_millis(1_500) && all[3].1 == MOST_BATCH_SLACK, "{all:?}");
    }

    #[test]
    fn progress_that_falls_back_begins_anew() {
        let percent = |n| Percent::new(n);
        let mut eta = EtaEstimate::default();
        for (age, n) in [(0, 0), (10, 20), (10, 20), (20, 10), (30, 30)] {
            eta.on_report(s(age), percent(n), None);
        }
        // 20 percent in the ten seconds since it fell back: 70 percent are 35 s.
        assert_eq!(eta.expected(), Some(Expected { age: s(65), sure: false }));
    }

    #[test]
    fn an_estimate_that_never_moves_is_one_of_the_whole_run() {
        let mut eta = EtaEstimate::new(Some(45));
        for age in [5, 11, 17] {
            eta.on_report(s(age), None, Some(45));
        }
        assert_eq!(eta.expected(), Some(Expected { age: s(45), sure: false }));
    }

    #[test]
    fn a_count_down_that_slips_is_not_relied_on() {
        let mut eta = EtaEstimate::new(Some(60));
        eta.on_report(s(5), None, Some(55));
        eta.on_report(s(11), None, Some(70));
        assert_eq!(eta.expected(), Some(Expected { age: s(81), sure: false }));
        eta.on_report(s(17), None, Some(64));
        assert!(eta.expected().unwrap().sure, "until it counts again");
    }

    #[test]
    fn progress_speaks_where_the_service_is_error_body_seconds() {
        let mut eta = EtaEstimate::default();
        eta.on_report(s(10), Percent::new(20), None);
        assert_eq!(eta.expected(), None, "one number has no pace");
        eta.on_report(s(15), Percent::new(29), None);
        assert_eq!(eta.expected(), None, "so little is no pace yet");
        eta.on_report(s(20), Percent::new(40), None);
        assert_eq!(eta.expected(), Some(Expected { age: s(50), sure: false }));
        eta.on_report(s(30), Percent::new(10), None);
        assert_eq!(eta.expected(), None, "what goes back starts again");
        let mut both = EtaEstimate::new(Some(45));
        both.on_report(s(10), Percent::new(10), Some(45));
        both.on_report(s(20), Percent::new(20), Some(45));
        assert_eq!(both.expected(), Some(Expected { age: s(100), sure: false }), "before an estimate that never moves");
    }

    proptest! {
        #[test]
        fn whatever_is_told_looks_stay_within_their_bounds(
            answers in prop::collection::vec((0_u64..4_000, prop::option::of(-5_i64..105), prop::option::of(any::<u32>())), 0..12),
            estimate in prop::option::of(any::<u32>()),
            age in 0_u64..100_000,
            random in -1.0..2.0_f64,
        ) {
            let mut eta = EtaEstimate::new(estimate);
            for (age, percent, left) in answers {
                eta.on_report(s(age), percent.and_then(Percent::new), left);
            }
            let poll = next_poll(s(age), &eta, random);
            prop_assert!(poll.after >= JUST_AFTER, "{poll:?}");
            prop_assert!(poll.after <= by_age(s(age)).max(FAR_AND_SURE).mul_f64(1.2), "{poll:?}");
            prop_assert!(poll.batch_slack <= MOST_BATCH_SLACK && poll.batch_slack <= poll.after / 2, "{poll:?}");
            let first = first_poll(estimate.map(|seconds| s(seconds.into())), random);
            prop_assert!(first >= Duration::from_millis(800) && first <= s(6), "{first:?}");
        }

        #[test]
        fn a_look_is_never_closer_than_a_close_one_unless_the_end_is_sure(age in 0_u64..10_000, left in 0_u32..10_000, random in 0.0..1.0_f64) {
            let mut eta = EtaEstimate::default();
            eta.on_report(s(age), None, Some(left));
            prop_assert!(next_poll(s(age), &eta, random).after >= CLOSE.mul_f64(0.8));
        }
    }
}
