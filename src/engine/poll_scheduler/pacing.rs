//! What the looks cost and how soon an end is seen: the real scheduler, gate and pace against a modelled service, in computed time.
//!
//! One service says nothing about the end: there the pace goes by age alone, which is what the others are compared with.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::api::gate::Gate;

/// There and back; the service answers half-way.
const ROUND_TRIP: Duration = Duration::from_millis(150);
/// Reads under way at once, as in the engine.
const AT_ONCE: usize = 4;

/// What a service says about unfinished tasks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Says {
    /// Neither seconds nor progress.
    Nothing,
    /// The seconds that are left, and progress by single percents.
    SecondsLeft,
    /// The same, and progress by tens that stands still for a while.
    SecondsLeftAndTens,
    /// The estimate of the whole run, up to 30 % wrong, and nothing else.
    WholeRun,
    /// The same and progress by tens.
    WholeRunAndTens,
    /// Progress by tens.
    Tens,
}

/// How many tasks at once, how many in all, how long each runs, what it costs.
#[derive(Clone, Copy, Debug)]
struct Case {
    says: Says,
    at_once: usize,
    all: usize,
    /// Seconds of an average run; single ones differ by up to 30 %.
    run: f64,
    reads_per_minute: u32,
}

#[derive(Clone, Copy, Debug)]
struct Figures {
    median: Duration,
    p90: Duration,
    /// For one task that ended.
    looks: f64,
    /// The longest time a running task went without a look.
    longest: Duration,
}

struct Model {
    case: Case,
    rng: fastrand::Rng,
    /// Birth and end of the nth task.
    tasks: Vec<(Instant, Instant)>,
    looked: Vec<Instant>,
}

impl Model {
    fn begin(&mut self, scheduler: &mut PollScheduler, now: Instant) {
        let n = self.tasks.len();
        if n >= self.case.all {
            return;
        }
        let run = self.case.run * (0.7 + 0.6 * self.rng.f64());
        self.tasks.push((now, now + Duration::from_secs_f64(run)));
        self.looked.push(now);
        let estimate = self.says(n, now).1;
        let due = now + poll_interval::first_poll(estimate.map(|seconds| Duration::from_secs(seconds.into())), self.rng.f64());
        scheduler.watch(&Subscriber::Job(JobId::from_bits(n as u64)), &tests::task(n), due, Duration::ZERO, estimate, now);
    }

    /// Progress and seconds as reported at a moment.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers")]
    fn says(&self, n: usize, at: Instant) -> (Option<Percent>, Option<u32>) {
        let (born, ends) = self.tasks[n];
        let share = (at - born).as_secs_f64() / (ends - born).as_secs_f64();
        let percent = Percent::new((share * 100.0) as i64);
        let tens = Percent::new((share * 10.0) as i64 * 10);
        let left = Some((ends - at).as_secs_f64().ceil() as u32);
        let whole = Some(self.case.run as u32);
        match self.case.says {
            Says::Nothing => (None, None),
            Says::SecondsLeft => (percent, left),
            Says::SecondsLeftAndTens => (tens, left),
            Says::WholeRun => (None, whole),
            Says::WholeRunAndTens => (tens, whole),
            Says::Tens => (tens, None),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "an average")]
fn run(case: Case, seed: u64) -> Figures {
    let start = Instant::now() + Duration::from_hours(1);
    let mut model = Model { case, rng: fastrand::Rng::with_seed(seed), tasks: Vec::new(), looked: Vec::new() };
    let (mut scheduler, mut gate) = (PollScheduler::default(), Gate::new(case.reads_per_minute, Duration::ZERO, start));
    let mut births: BTreeMap<Instant, usize> = BTreeMap::new();
    for _ in 0..case.at_once {
        *births.entry(start + Duration::from_secs_f64(model.rng.f64() * case.run)).or_default() += 1;
    }
    let mut in_air: Vec<(Instant, Read)> = Vec::new();
    let (mut delays, mut looks, mut longest, mut now) = (Vec::<Duration>::new(), 0_usize, Duration::ZERO, start);
    while delays.len() < case.all {
        while let Some(first) = births.first_entry().filter(|first| *first.key() <= now) {
            for _ in 0..first.remove() {
                model.begin(&mut scheduler, now);
            }
        }
        let back: Vec<Read> = in_air.extract_if(.., |(at, _)| *at <= now).map(|(_, read)| read).collect();
        for read in back {
            let rng = model.rng.f64();
            let many = match read {
                Read::One(subscriber, _) => vec![subscriber],
                Read::Many(many) => many.into_iter().map(|(subscriber, _)| subscriber).collect(),
            };
            for subscriber in many {
                let Subscriber::Job(id) = &subscriber else { continue };
                let n = usize::try_from(id.bits()).unwrap();
                let looked = now - ROUND_TRIP / 2;
                longest = longest.max(looked - model.looked[n]);
                model.looked[n] = looked;
                if looked >= model.tasks[n].1 {
                    delays.push(looked - model.tasks[n].1);
                    scheduler.forget(&subscriber);
                    model.begin(&mut scheduler, now);
                } else {
                    let (percent, left) = model.says(n, looked);
                    scheduler.on_report(&subscriber, percent, left, rng, now);
                }
            }
        }
        let mut budget = None;
        while in_air.len() < AT_ONCE && scheduler.next_due().is_some_and(|due| due <= now) {
            if let Err(later) = gate.take_read(now) {
                budget = Some(later);
                break;
            }
            let read = scheduler.take(now).unwrap();
            looks += match &read {
                Read::One(..) => 1,
                Read::Many(many) => many.len(),
            };
            in_air.push((now + ROUND_TRIP, read));
        }
        let due = scheduler.next_due().filter(|_| in_air.len() < AT_ONCE).map(|due| budget.map_or(due, |later| due.max(later)));
        let next = in_air.iter().map(|(at, _)| *at).chain(due).chain(births.keys().next().copied()).min();
        now = next.unwrap_or(now).max(now);
    }
    delays.sort();
    let at = |percent: usize| delays[delays.len() * percent / 100];
    Figures { median: at(50), p90: at(90), looks: looks as f64 / case.all as f64, longest }
}

/// A third of an hour of tasks at most, so that the whole table takes a moment.
const CASES: [Case; 4] = [
    Case { says: Says::Nothing, at_once: 5, all: 150, run: 45.0, reads_per_minute: 60 },
    Case { says: Says::Nothing, at_once: 20, all: 150, run: 100.0, reads_per_minute: 60 },
    Case { says: Says::Nothing, at_once: 400, all: 1_200, run: 45.0, reads_per_minute: 600 },
    Case { says: Says::Nothing, at_once: 400, all: 1_200, run: 100.0, reads_per_minute: 600 },
];

#[test]
fn what_the_service_says_of_the_end_makes_it_seen_sooner_at_fewer_looks() {
    for case in CASES {
        let by_age = run(case, 1);
        for says in [Says::SecondsLeft, Says::SecondsLeftAndTens, Says::WholeRun, Says::WholeRunAndTens, Says::Tens] {
            let published = run(Case { says, ..case }, 1);
            let figures = format!("{:?}: {published:?}; by age alone: {by_age:?}", Case { says, ..case });
            assert!(published.median < by_age.median, "{figures}");
            assert!(published.looks < by_age.looks, "{figures}");
            if says != Says::WholeRun {
                assert!(
                    published.median < Duration::from_millis(1_100) && published.p90 < Duration::from_millis(1_800),
                    "{figures}"
                );
            }
            if matches!(says, Says::SecondsLeft | Says::SecondsLeftAndTens) {
                assert!(published.looks < 0.8 * by_age.looks, "{figures}");
            }
        }
    }
}

#[test]
fn by_age_alone_the_delay_is_half_the_interval_of_that_age() {
    let short = run(CASES[2], 2).median;
    assert!((Duration::from_millis(1_300)..Duration::from_millis(1_700)).contains(&short), "3 s apart: {short:?}");
    let long = run(CASES[3], 2).median;
    assert!((Duration::from_millis(2_200)..Duration::from_millis(2_800)).contains(&long), "5 s apart: {long:?}");
}

#[test]
fn with_a_small_budget_every_task_has_its_turn() {
    for says in [Says::Nothing, Says::SecondsLeft, Says::WholeRunAndTens] {
        // A read a second: a round over a thousand takes 20 s.
        let figures = run(Case { says, at_once: 1_000, all: 3_000, run: 60.0, reads_per_minute: 60 }, 3);
        assert!(figures.longest < Duration::from_secs(32), "{says:?}: {figures:?}");
    }
}
