//! The poll scheduler: which tasks to ask about next, gathered into as few reads as possible.
//!
//! It is a plain value. With up to three open tasks it asks one by one, with more by batches of at most 50 (docs/service.md
//! §8). A batch takes who is due first, and fills up with who is due soon, so a round over `n` tasks costs ⌈n/50⌉ reads.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use crate::job::poll_interval::{self, EtaEstimate, MOST_BATCH_SLACK};
use crate::job::{JobId, Percent, TaskId};

/// Most ids in a batch read (docs/service.md §4.5).
pub(super) const BATCH: usize = 50;
/// Up to so many open tasks are asked about one by one.
const SINGLY: usize = 3;
/// A task that has not moved for this long is read on its own, in case batch answers lag (docs/service.md §8).
const UNMOVED: Duration = Duration::from_mins(1);

/// Who asked for a task to be read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Subscriber {
    /// The job whose task it is.
    Job(JobId),
    /// The look at a draft before its first picture is sent.
    Source(TaskId),
}

/// One read to make.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Read {
    One(Subscriber, TaskId),
    Many(Vec<(Subscriber, TaskId)>),
}

/// What the scheduler keeps of a task it asks about.
#[derive(Clone, Debug)]
struct Entry {
    task: TaskId,
    /// `None` while a read is under way.
    due: Option<Instant>,
    /// Read it on its own.
    alone: bool,
    last: Option<Percent>,
    moved_at: Instant,
    missing: u32,
    /// It may join a read that leaves so much before it is due.
    batch_slack: Duration,
    /// When its task was born, as far as is known: so old it was when watching began, and when that was.
    age: (Duration, Instant),
    eta: EtaEstimate,
}

/// The scheduler.
#[derive(Clone, Debug, Default)]
pub(super) struct PollScheduler {
    entries: HashMap<Subscriber, Entry>,
    due: BTreeSet<(Instant, Subscriber)>,
    batch_is_missing: bool,
    last_alone: Option<Instant>,
}

impl PollScheduler {
    /// Begins to watch a running task of this age, whose submit gave this estimate in seconds.
    pub(super) fn watch(
        &mut self,
        subscriber: &Subscriber,
        task: &TaskId,
        due: Instant,
        age: Duration,
        estimate: Option<u32>,
        now: Instant,
    ) {
        self.ask(subscriber.clone(), task, due, now);
        if let Some(entry) = self.entries.get_mut(subscriber) {
            (entry.age, entry.eta) = ((age, now), EtaEstimate::new(estimate));
        }
    }

    /// Begins to ask about a task, or changes when to ask next.
    pub(super) fn ask(&mut self, subscriber: Subscriber, task: &TaskId, due: Instant, now: Instant) {
        match self.entries.get_mut(&subscriber) {
            Some(entry) if entry.task == *task => {
                if let Some(before) = entry.due.replace(due) {
                    self.due.remove(&(before, subscriber.clone()));
                }
            }
            _ => {
                self.forget(&subscriber);
                let entry = Entry {
                    task: task.clone(),
                    due: Some(due),
                    alone: false,
                    last: None,
                    moved_at: now,
                    missing: 0,
                    batch_slack: MOST_BATCH_SLACK,
                    age: (Duration::ZERO, now),
                    eta: EtaEstimate::default(),
                };
                self.entries.insert(subscriber.clone(), entry);
            }
        }
        self.due.insert((due, subscriber));
    }

    /// Whether a task is asked about for this subscriber.
    pub(super) fn knows(&self, subscriber: &Subscriber) -> bool {
        self.entries.contains_key(subscriber)
    }

    /// Stops asking.
    pub(super) fn forget(&mut self, subscriber: &Subscriber) {
        if let Some(entry) = self.entries.remove(subscriber)
            && let Some(due) = entry.due
        {
            self.due.remove(&(due, subscriber.clone()));
        }
    }

    /// The next read is made on its own.
    pub(super) fn alone(&mut self, subscriber: &Subscriber) {
        if let Some(entry) = self.entries.get_mut(subscriber) {
            entry.alone = true;
        }
    }

    /// The gateway has no batch route: from now on one by one.
    pub(super) fn batch_is_missing(&mut self) {
        self.batch_is_missing = true;
    }

    /// When somebody is due next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The next read to make, if somebody is due; who is in it stays out of the scheduler's sight until its answer is here.
    pub(super) fn take(&mut self, now: Instant) -> Option<Read> {
        let (due, first) = self.due.first().cloned()?;
        if due > now {
            return None;
        }
        let unmoved = self.entries.get(&first).is_some_and(|entry| now.saturating_duration_since(entry.moved_at) >= UNMOVED);
        let rested = self.last_alone.is_none_or(|last| now.saturating_duration_since(last) >= UNMOVED / 2);
        let alone = self.entries.get(&first).is_some_and(|entry| entry.alone);
        if alone || self.batch_is_missing || self.entries.len() <= SINGLY || (unmoved && rested) {
            if unmoved {
                self.last_alone = Some(now);
            }
            let task = self.start(&first)?;
            return Some(Read::One(first, task));
        }
        let joining: Vec<Subscriber> = self
            .due
            .iter()
            .take_while(|(due, _)| *due <= now + MOST_BATCH_SLACK)
            .filter(|(due, subscriber)| {
                self.entries.get(subscriber).is_some_and(|entry| !entry.alone && *due <= now + entry.batch_slack)
            })
            .map(|(_, subscriber)| subscriber)
            .take(BATCH)
            .cloned()
            .collect();
        let many: Vec<(Subscriber, TaskId)> =
            joining.into_iter().filter_map(|subscriber| Some((subscriber.clone(), self.start(&subscriber)?))).collect();
        Some(Read::Many(many))
    }

    fn start(&mut self, subscriber: &Subscriber) -> Option<TaskId> {
        let entry = self.entries.get_mut(subscriber)?;
        if let Some(due) = entry.due.take() {
            self.due.remove(&(due, subscriber.clone()));
        }
        Some(entry.task.clone())
    }

    /// A read said something about this unfinished task; what it said decides when it is asked about again.
    pub(super) fn on_report(
        &mut self,
        subscriber: &Subscriber,
        percent: Option<Percent>,
        seconds_left: Option<u32>,
        rng: f64,
        now: Instant,
    ) {
        if let Some(entry) = self.entries.get_mut(subscriber) {
            if entry.last != percent {
                entry.last = percent;
                entry.moved_at = now;
            }
            entry.alone = false;
            entry.missing = 0;
            let age = entry.age.0 + now.saturating_duration_since(entry.age.1);
            entry.eta.on_report(age, percent, seconds_left);
            let look = poll_interval::next_poll(age, &entry.eta, rng);
            entry.batch_slack = look.batch_slack;
            let task = entry.task.clone();
            self.ask(subscriber.clone(), &task, now + look.after, now);
        }
    }

    /// A read failed on the way; asked again at `next`.
    pub(super) fn failed(&mut self, subscriber: &Subscriber, next: Instant, now: Instant) {
        if let Some(entry) = self.entries.get(subscriber) {
            let task = entry.task.clone();
            self.ask(subscriber.clone(), &task, next, now);
        }
    }

    /// The answer did not hold this task. From a batch that means little: it is read on its own next. Returns how often a single read missed it.
    pub(super) fn missing(&mut self, subscriber: &Subscriber, from_batch: bool, next: Instant, now: Instant) -> u32 {
        let Some(entry) = self.entries.get_mut(subscriber) else { return 0 };
        entry.alone = true;
        if !from_batch {
            entry.missing += 1;
        }
        let (count, task) = (entry.missing, entry.task.clone());
        self.ask(subscriber.clone(), &task, if from_batch { now } else { next }, now);
        count
    }

    /// Everybody is due now.
    pub(super) fn ask_all(&mut self, now: Instant) {
        let waiting: Vec<(Subscriber, TaskId)> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.due.is_some())
            .map(|(subscriber, entry)| (subscriber.clone(), entry.task.clone()))
            .collect();
        for (subscriber, task) in waiting {
            self.ask(subscriber, &task, now, now);
        }
    }
}

#[cfg(test)]
mod pacing;

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn task(n: usize) -> TaskId {
        TaskId::new(&format!("task-unified-1-{n}")).unwrap()
    }

    fn subscriber(n: usize) -> Subscriber {
        Subscriber::Job(JobId::from_bits(n as u64))
    }

    fn scheduler_of(n: usize, due: impl Fn(usize) -> Instant, now: Instant) -> PollScheduler {
        let mut scheduler = PollScheduler::default();
        for i in 0..n {
            scheduler.ask(subscriber(i), &task(i), due(i), now);
        }
        scheduler
    }

    #[tokio::test(start_paused = true)]
    async fn three_are_asked_about_singly_and_four_together() {
        let now = Instant::now();
        let mut scheduler = scheduler_of(3, |_| now, now);
        assert!(matches!(scheduler.take(now), Some(Read::One(..))));
        let mut scheduler = scheduler_of(4, |_| now, now);
        assert!(matches!(scheduler.take(now), Some(Read::Many(ids)) if ids.len() == 4));
        assert_eq!(scheduler.take(now), None, "who is being read is not read twice");
    }

    #[tokio::test(start_paused = true)]
    async fn a_round_over_a_thousand_costs_twenty_reads() {
        let now = Instant::now();
        let mut scheduler = scheduler_of(1_000, |i| now + Duration::from_millis(i as u64), now);
        let later = now + Duration::from_secs(1);
        let mut reads = 0;
        while let Some(read) = scheduler.take(later) {
            assert!(matches!(read, Read::Many(ids) if ids.len() == BATCH));
            reads += 1;
        }
        assert_eq!(reads, 20);
        assert_eq!(scheduler.next_due(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_batch_route_each_is_read_on_its_own() {
        let now = Instant::now();
        let mut scheduler = scheduler_of(10, |_| now, now);
        scheduler.batch_is_missing();
        let singles = std::iter::from_fn(|| scheduler.take(now)).filter(|read| matches!(read, Read::One(..))).count();
        assert_eq!(singles, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_missing_in_a_batch_is_read_alone_at_once() {
        let now = Instant::now();
        let mut scheduler = scheduler_of(10, |_| now, now);
        assert!(matches!(scheduler.take(now), Some(Read::Many(_))));
        let next = now + Duration::from_secs(9);
        assert_eq!(scheduler.missing(&subscriber(3), true, next, now), 0);
        assert_eq!(scheduler.take(now), Some(Read::One(subscriber(3), task(3))));
        assert_eq!(scheduler.missing(&subscriber(3), false, next, now), 1);
        assert_eq!(scheduler.take(now), None);
        assert_eq!(scheduler.next_due(), Some(next));
    }

    #[tokio::test(start_paused = true)]
    async fn an_unmoved_task_is_read_alone_now_and_then() {
        let start = Instant::now();
        let mut scheduler = scheduler_of(100, |_| start, start);
        let later = start + UNMOVED;
        assert!(matches!(scheduler.take(later), Some(Read::One(..))));
        assert!(matches!(scheduler.take(later), Some(Read::Many(_))), "the others go together");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_forgotten_is_not_read() {
        let now = Instant::now();
        let mut scheduler = scheduler_of(2, |_| now, now);
        scheduler.forget(&subscriber(0));
        assert!(!scheduler.knows(&subscriber(0)));
        assert_eq!(scheduler.take(now), Some(Read::One(subscriber(1), task(1))));
        scheduler.on_report(&subscriber(0), None, None, 0.5, now);
        assert_eq!(scheduler.take(now), None, "a late answer does not bring it back");
    }
}
