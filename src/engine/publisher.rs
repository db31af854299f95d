//! The channel to the dashboard: what it is told, each kind in its slot.
//!
//! Transitions and notices go out at once and are never lost. Progress may be skipped: the newest is kept in memory and
//! leaves at most ten times a second. The status leaves when it has changed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{info, warn};

use super::clock::Now;
use super::notice::{Level, Notice, NoticeKind};
use super::{CommandError, CommandOutcome, Details, EngineEvent, Status};
use crate::job::{Applied, Credits, Job, JobId, Phase, Progress, Spent, State};
use crate::store::{Store, StoreError};

/// Progress reaches this process's dashboard at most so often.
const PROGRESS_SLOT: Duration = Duration::from_millis(100);
/// The money figures of the header are counted anew at most so often,
const MONEY_SLOT: Duration = Duration::from_millis(250);
/// and with a long money book so seldom that the counting takes one part in so many of the time.
const MONEY_SHARE: u32 = 50;
/// How many jobs that are over are read in one turn of the loop after the start: a few milliseconds.
const LOAD_BATCH: usize = 500;

/// See the module.
pub(super) struct Publisher {
    events: Box<dyn Fn(EngineEvent) + Send>,
    /// The newest progress known in this process.
    progress: HashMap<JobId, Progress>,
    for_screen: HashSet<JobId>,
    for_disk: HashSet<JobId>,
    progress_published: Instant,
    reserved: Credits,
    spent: Spent,
    money_is_old: bool,
    money_count_at: Option<Instant>,
    /// The last status published, without its list of jobs, which has a number instead.
    published: Option<Status>,
    published_older: u64,
    /// Everything that was in the store at the start has been published; up to where, until then.
    loaded: bool,
    loaded_to: Option<JobId>,
}

impl Publisher {
    /// Events go to `events`, which must not block.
    pub(super) fn new(events: Box<dyn Fn(EngineEvent) + Send>) -> Self {
        Self {
            events,
            progress: HashMap::new(),
            for_screen: HashSet::new(),
            for_disk: HashSet::new(),
            progress_published: Instant::now(),
            reserved: Credits::ZERO,
            spent: Spent::default(),
            money_is_old: true,
            money_count_at: None,
            published: None,
            published_older: 0,
            loaded: false,
            loaded_to: None,
        }
    }

    pub(super) fn send(&self, event: EngineEvent) {
        (self.events)(event);
    }

    /// Jobs as the store has them now.
    pub(super) fn jobs(&mut self, jobs: Vec<Arc<Job>>) {
        if jobs.is_empty() {
            return;
        }
        self.money_is_old = true;
        self.send(EngineEvent::Jobs(jobs));
    }

    /// Jobs that were pruned.
    pub(super) fn gone(&self, ids: Vec<JobId>) {
        if !ids.is_empty() {
            self.send(EngineEvent::Gone(ids));
        }
    }

    /// Something to know; it goes into the log too.
    pub(super) fn notice(&self, at: Timestamp, job: Option<JobId>, kind: NoticeKind) {
        match kind.level() {
            Level::Info => info!(job = ?job, ?kind, "notice"),
            Level::Warning | Level::Alarm => warn!(job = ?job, ?kind, "notice"),
        }
        self.send(EngineEvent::Notice(Notice { at, job, kind }));
    }

    /// The store said this.
    pub(super) fn store_failed(&self, at: Timestamp, error: &StoreError) {
        self.notice(at, None, NoticeKind::StoreFailed { error: error.to_string() });
    }

    /// Tells how jobs ended by what was just written.
    pub(super) fn endings(&self, at: Timestamp, written: &[(Job, Applied)]) {
        for (job, _) in written.iter().filter(|(_, applied)| applied.changed()) {
            let kind = match &job.phase {
                Phase::Saved => NoticeKind::Saved,
                Phase::Failed(failure) => NoticeKind::Failed(failure.clone()),
                Phase::Cancelled(by) => NoticeKind::Cancelled(*by),
                _ => continue,
            };
            self.notice(at, Some(job.id), kind);
        }
    }

    /// The answer to a command.
    pub(super) fn command_done(&self, ticket: u64, outcome: Result<CommandOutcome, CommandError>) {
        self.send(EngineEvent::CommandDone { ticket, outcome });
    }

    /// The answer to a question about one job.
    pub(super) fn details(&self, job: JobId, store: &Store) {
        let details =
            Details { timeline: store.timeline(job).unwrap_or_default(), raw: store.raw_answer(job).unwrap_or_default() };
        self.send(EngineEvent::Details { job, details: Arc::new(details) });
    }

    /// The session is over because of this.
    pub(super) fn broken(&self, error: &StoreError) {
        self.send(EngineEvent::Broken(error.clone()));
    }

    /// The newest progress goes into a job as it is published; what is not running has none.
    pub(super) fn on_job(&mut self, job: &mut Job) {
        if let (Phase::Running(progress), Some(newer)) = (&mut job.phase, self.progress.get(&job.id)) {
            *progress = *newer;
        }
        if job.state() != State::Running {
            self.progress.remove(&job.id);
            self.for_screen.remove(&job.id);
            self.for_disk.remove(&job.id);
        }
    }

    /// Progress of a running job, which had `before` when it was last written; it counts if it says something new.
    pub(super) fn progressed(&mut self, id: JobId, before: Progress, heard: Progress) {
        let known = self.progress.get(&id).copied().unwrap_or(before);
        if known.percent != heard.percent || known.seconds_left != heard.seconds_left || known.at.is_none() {
            self.progress.insert(id, heard);
            self.for_screen.insert(id);
            self.for_disk.insert(id);
        }
    }

    /// Whether there is progress that other processes have not seen.
    pub(super) fn has_progress_for_disk(&self) -> bool {
        !self.for_disk.is_empty()
    }

    /// Progress for the dashboards of other processes.
    pub(super) fn take_progress_for_disk(&mut self) -> Vec<(JobId, Progress)> {
        let progress = &self.progress;
        self.for_disk.drain().filter_map(|id| progress.get(&id).map(|progress| (id, *progress))).collect()
    }

    /// Publishes progress in its slot.
    pub(super) fn publish_progress(&mut self, now: Instant) {
        if !self.for_screen.is_empty() && now >= self.progress_published + PROGRESS_SLOT {
            self.progress_published = now;
            let progress = &self.progress;
            let heard = self.for_screen.drain().filter_map(|id| progress.get(&id).map(|p| (id, *p))).collect();
            self.send(EngineEvent::Progress(heard));
        }
    }

    /// Counts the money of the header when it is time: what is reserved, and what was spent according to the store.
    pub(super) fn count_money(&mut self, now: Instant, count: impl FnOnce() -> Result<(Credits, Spent), StoreError>) {
        if !self.money_is_old || self.money_count_at.is_some_and(|at| now < at) {
            return;
        }
        self.money_is_old = false;
        let began = Instant::now();
        match count() {
            Ok(counted) => (self.reserved, self.spent) = counted,
            Err(error) => warn!(%error, "the spending could not be counted"),
        }
        let counted = Instant::now();
        self.money_count_at = Some(counted + MONEY_SLOT.max((counted - began) * MONEY_SHARE));
    }

    pub(super) fn reserved(&self) -> Credits {
        self.reserved
    }

    pub(super) fn spent(&self) -> Spent {
        self.spent
    }

    /// Publishes the status if it has changed. `older_version` stands for the jobs that wait for a new approval, which
    /// `older` lists.
    pub(super) fn publish_status(&mut self, mut status: Status, older_version: u64, older: impl FnOnce() -> Vec<JobId>) {
        if let Some(published) = &self.published
            && near(published.all_wait_until, status.all_wait_until)
        {
            // Rounding may differ by a second between two looks at one wait.
            status.all_wait_until = published.all_wait_until;
        }
        if self.published_older != older_version || self.published.as_ref() != Some(&status) {
            self.published_older = older_version;
            self.published = Some(status.clone());
            self.send(EngineEvent::Status(Arc::new(Status { waiting_for_go: older(), ..status })));
        }
    }

    /// Whether the last status said that nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.published.as_ref().is_some_and(|published| published.idle)
    }

    /// Whether everything that was in the store at the start has been published.
    pub(super) fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// Publishes some more of the jobs that were over at the start. They are read as they are now, so it does not matter
    /// what was changed and published in the meantime.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn load_more(&mut self, store: &Store) -> Result<(), StoreError> {
        let jobs = store.jobs_over(self.loaded_to, LOAD_BATCH)?;
        self.loaded = jobs.len() < LOAD_BATCH;
        self.loaded_to = jobs.last().map_or(self.loaded_to, |job| Some(job.id));
        if !jobs.is_empty() {
            self.send(EngineEvent::Jobs(jobs.into_iter().map(Arc::new).collect()));
        }
        if self.loaded {
            self.send(EngineEvent::Loaded);
        }
        Ok(())
    }

    /// When something is due by itself.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let progress = (!self.for_screen.is_empty()).then(|| self.progress_published + PROGRESS_SLOT);
        let money = self.money_count_at.filter(|_| self.money_is_old);
        [progress, money].into_iter().flatten().min()
    }
}

/// The end of a wait as the header shows it: in whole seconds, so that the same wait is the same status each time.
pub(super) fn end_of_wait(until: Instant, now: Now) -> Option<Timestamp> {
    let left = jiff::SignedDuration::try_from(until.saturating_duration_since(now.at)).ok()?;
    Timestamp::from_second(now.wall.checked_add(left).ok()?.as_second() + 1).ok()
}

/// Whether two ends of a wait differ by no more than the rounding.
fn near(a: Option<Timestamp>, b: Option<Timestamp>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if (a.as_second() - b.as_second()).abs() <= 1)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::index::tests::{at, job, running};
    use super::*;
    use crate::job::Percent;

    /// A publisher and what it said.
    fn publisher() -> (Publisher, Arc<Mutex<Vec<EngineEvent>>>) {
        let said = Arc::new(Mutex::new(Vec::new()));
        let events = Arc::clone(&said);
        (Publisher::new(Box::new(move |event| events.lock().unwrap().push(event))), said)
    }

    fn percent(percent: i64) -> Progress {
        Progress { percent: Percent::new(percent), seconds_left: None, at: Some(at(1)) }
    }

    #[tokio::test(start_paused = true)]
    async fn progress_waits_for_its_slot_and_the_newest_counts() {
        let (mut publisher, said) = publisher();
        let start = Instant::now();
        let id = JobId::from_bits(1);
        publisher.progressed(id, Progress::default(), percent(10));
        publisher.progressed(id, Progress::default(), percent(20));
        publisher.publish_progress(start);
        assert!(said.lock().unwrap().is_empty());
        let due = start + PROGRESS_SLOT;
        assert_eq!(publisher.next_deadline(), Some(due));
        publisher.publish_progress(due);
        assert_eq!(*said.lock().unwrap(), [EngineEvent::Progress(vec![(id, percent(20))])]);
        publisher.progressed(id, Progress::default(), percent(20));
        assert_eq!(publisher.next_deadline(), None, "the same again is no news");
    }

    #[tokio::test(start_paused = true)]
    async fn a_published_job_has_the_newest_progress_and_keeps_it_only_while_it_runs() {
        let (mut publisher, _) = publisher();
        publisher.progressed(JobId::from_bits(1), Progress::default(), percent(30));
        let mut running = Job::clone(&job(1, running()));
        publisher.on_job(&mut running);
        assert_eq!(running.progress(), Some(&percent(30)));
        publisher.on_job(&mut Job::clone(&job(1, Phase::Unwatched)));
        assert!(!publisher.has_progress_for_disk() && publisher.next_deadline().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn money_is_counted_once_a_slot_and_only_after_a_change() {
        let (mut publisher, _) = publisher();
        let mut counts = 0;
        let mut count = |publisher: &mut Publisher| {
            publisher.count_money(Instant::now(), || {
                counts += 1;
                Ok((Credits::ZERO, Spent::default()))
            });
            counts
        };
        assert_eq!(count(&mut publisher), 1);
        assert_eq!(count(&mut publisher), 1, "nothing changed");
        publisher.jobs(vec![job(1, running())]);
        assert_eq!(count(&mut publisher), 1, "not yet");
        let due = publisher.next_deadline().unwrap();
        tokio::time::sleep_until(due).await;
        assert_eq!(count(&mut publisher), 2);
    }
}
