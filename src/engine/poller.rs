//! The polling worker: it tracks every running job, and asks about a draft before its first picture is sent.
//!
//! One worker asks for all jobs, not a task for each: a batch read costs one request for up to 50 jobs, and who is due
//! together can only be seen from one place. What is due leaves in as few reads as possible ([`PollScheduler`]), under the
//! gate's budget and at most four at once; what the answers say comes back as [`PollNews`], for the event loop to write.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::clock::Now;
use super::index::JobIndex;
use super::poll_scheduler::{PollScheduler, Read, Subscriber};
use crate::api::ApiError;
use crate::api::gate::Gate;
use crate::job::{ErrorClass, Failure, Job, JobId, Phase, Progress, TaskId, TaskReport, TaskStatus, poll_interval, retry};

/// Reads under way at once; with a round trip of 150 ms that is 26 batch reads, or 1,300 tasks, a second.
const READS_AT_ONCE: usize = 4;
/// So many single reads must miss a task before it counts as gone, since a read may lag behind the submit,
const MISSING_READS: u32 = 3;
/// over at least this long, with other reads succeeding meanwhile (`docs/money-rules.md`, rule 11): a job is paid for, and an
/// outage must not end it.
const MISSING_FOR: Duration = Duration::from_hours(1);
/// A task that a read missed is asked about again this much later,
const MISSING_WAIT: Duration = Duration::from_secs(20);
/// A task that completed without links, which may come yet, is asked about again this much later,
const LINKS_WAIT: Duration = Duration::from_secs(5);
/// and later this much.
const LINKS_WAIT_MOST: Duration = Duration::from_mins(2);
/// and after some misses this seldom.
const MISSING_WAIT_LATER: Duration = Duration::from_mins(2);
/// After so many batch answers in a row that could not be read, each task is asked about alone: one odd task must not hide
/// its neighbours.
const UNREADABLE_BATCHES: u32 = 2;
/// While the key is refused, reads are tried this seldom.
const LOGIN_WAIT: Duration = Duration::from_mins(1);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Poller {
    scheduler: PollScheduler,
    in_air: usize,
    failures: u32,
    /// Batch answers in a row that could not be read.
    unreadable_batches: u32,
    /// Since when the service says that it does not know these jobs' tasks.
    unknown_since: HashMap<JobId, Instant>,
    /// When a call with the key last brought an answer about anything but a task it does not know.
    last_success: Option<Instant>,
    /// Jobs whose task has a status that is not known, which was told.
    odd_status: HashSet<JobId>,
    /// Running jobs whose latest read did not tell how they stand; shared with who is told.
    unread: Arc<BTreeSet<JobId>>,
}

/// What a read says, in the order in which it is to be taken up.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum PollNews {
    /// The task ended, or the answer may bring the fresh link that is waited for: to be written.
    Report(JobId, Box<TaskReport>),
    /// It runs; the job had the first of these when it was last written.
    Progress(JobId, Progress, Progress),
    /// The service no longer knows the task, said often enough: to be written.
    Vanished(JobId),
    /// The same, for a job that waits for a fresh link.
    NoLink(JobId),
    /// The task has a status that is not known; told once for each.
    OddStatus(JobId, String),
    /// Answers to batches could not be read several times in a row; each task is asked about alone.
    Unreadable(Failure),
    /// A draft as it is.
    Draft(Box<TaskReport>),
    /// The service has no such draft.
    NoDraft(TaskId),
    /// A draft could not be read; it is asked about again.
    DraftUnread(TaskId),
}

/// What the answer to a read is judged by.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) jobs: &'a JobIndex,
    /// For which jobs a fresh link is waited for.
    pub(super) awaits_link: &'a dyn Fn(JobId) -> bool,
    pub(super) gate: &'a Gate,
    pub(super) now: Now,
}

impl Poller {
    /// Takes a job as the store has it now: what runs is watched. `awaits_link`: a fresh link is waited for.
    pub(super) fn on_job(&mut self, job: &Job, awaits_link: bool, rng: &mut fastrand::Rng, now: Now) {
        let subscriber = Subscriber::Job(job.id);
        match &job.phase {
            Phase::Running(progress) => {
                if !self.scheduler.knows(&subscriber)
                    && let Some(task) = &job.task
                {
                    let due = now.at + first_poll(job, progress, rng, now);
                    self.scheduler.watch(&subscriber, task, due, age(job, now), job.estimate, now.at);
                }
            }
            Phase::ToFetch(_) if awaits_link => {}
            _ => {
                self.scheduler.forget(&subscriber);
                self.unknown_since.remove(&job.id);
                self.odd_status.remove(&job.id);
                self.note_read(job.id, true);
            }
        }
    }

    /// The running jobs whose latest read did not tell how they stand.
    pub(super) fn unread(&self) -> Arc<BTreeSet<JobId>> {
        Arc::clone(&self.unread)
    }

    /// Whether the latest read told how the job stands.
    fn note_read(&mut self, id: JobId, told: bool) {
        if self.unread.contains(&id) == told {
            let unread = Arc::make_mut(&mut self.unread);
            if told {
                unread.remove(&id)
            } else {
                unread.insert(id)
            };
        }
    }

    /// A call with the key brought an answer: the connection, the address and the key are sound.
    pub(super) fn service_answers(&mut self, now: Now) {
        self.last_success = Some(now.at);
    }

    /// Asks about a draft.
    pub(super) fn check_draft(&mut self, source: &TaskId, now: Now) {
        self.scheduler.ask(Subscriber::Source(source.clone()), source, now.at, now.at);
    }

    /// Asks about the job's task now, together with others that are due.
    pub(super) fn ask(&mut self, id: JobId, task: &TaskId, now: Now) {
        self.scheduler.ask(Subscriber::Job(id), task, now.at, now.at);
    }

    /// Asks about the job's task now, in a read of its own.
    pub(super) fn ask_now(&mut self, id: JobId, task: &TaskId, now: Now) {
        self.scheduler.ask(Subscriber::Job(id), task, now.at, now.at);
        self.scheduler.alone(&Subscriber::Job(id));
    }

    /// What was read of the job is written, and it still runs: its task has ended, but its links may come yet.
    pub(super) fn await_links(&mut self, job: &Job, now: Now) {
        if let (Phase::Running(_), Some(ended), Some(task)) = (&job.phase, job.finished_at, &job.task) {
            // What has not come within minutes may come within hours: what stands there may only not be readable.
            let waited = Duration::try_from(now.wall.duration_since(ended)).unwrap_or_default();
            let wait = (waited / 10).clamp(LINKS_WAIT, LINKS_WAIT_MOST);
            self.note_read(job.id, false);
            self.scheduler.ask(Subscriber::Job(job.id), task, now.at + wait, now.at);
        }
    }

    /// Asks about everything now.
    pub(super) fn ask_all(&mut self, now: Now) {
        self.scheduler.ask_all(now.at);
    }

    /// Stops asking about the job's task.
    pub(super) fn forget(&mut self, id: JobId) {
        self.scheduler.forget(&Subscriber::Job(id));
    }

    /// The next read that may leave now, out of the gate's budget.
    pub(super) fn next_read(&mut self, gate: &mut Gate, now: Now) -> Option<Read> {
        if self.in_air >= READS_AT_ONCE || self.scheduler.next_due().is_none_or(|due| due > now.at) {
            return None;
        }
        gate.take_read(now.at).ok()?;
        let read = self.scheduler.take(now.at)?;
        self.in_air += 1;
        Some(read)
    }

    /// A read came back.
    pub(super) fn on_read(
        &mut self,
        read: Read,
        result: Result<Vec<TaskReport>, ApiError>,
        rng: &mut fastrand::Rng,
        scene: Scene<'_>,
    ) -> Vec<PollNews> {
        self.in_air = self.in_air.saturating_sub(1);
        let (subscribers, from_batch) = match read {
            Read::One(subscriber, task) => (vec![(subscriber, task)], false),
            Read::Many(many) => (many, true),
        };
        match result {
            Ok(reports) => {
                self.failures = 0;
                if from_batch {
                    self.unreadable_batches = 0;
                }
                if !reports.is_empty() {
                    self.last_success = Some(scene.now.at);
                }
                self.delivered(subscribers, reports, rng, scene)
            }
            Err(error) => self.failed(subscribers, from_batch, &error, rng, scene),
        }
    }

    fn delivered(
        &mut self,
        subscribers: Vec<(Subscriber, TaskId)>,
        reports: Vec<TaskReport>,
        rng: &mut fastrand::Rng,
        scene: Scene<'_>,
    ) -> Vec<PollNews> {
        let mut by_id: HashMap<TaskId, TaskReport> = reports.into_iter().map(|report| (report.id.clone(), report)).collect();
        // One random number for the whole read, so that who was read together stays together.
        let random = rng.f64();
        let mut news = Vec::new();
        for (subscriber, task) in subscribers {
            let report = match &subscriber {
                // A task and a draft may have the same id in one read.
                Subscriber::Source(_) => by_id.get(&task).cloned(),
                Subscriber::Job(_) => by_id.remove(&task),
            };
            match (report, &subscriber) {
                (Some(report), Subscriber::Source(_)) => {
                    self.scheduler.forget(&subscriber);
                    news.push(PollNews::Draft(Box::new(report)));
                }
                (Some(report), Subscriber::Job(id)) => {
                    let Some(job) = scene.jobs.get(*id) else {
                        // Unwatched while the read was under way: what its task cost still counts.
                        if report.status.is_final() {
                            news.push(PollNews::Report(*id, Box::new(report)));
                        }
                        continue;
                    };
                    self.unknown_since.remove(id);
                    if let TaskStatus::Other(word) = &report.status
                        && self.odd_status.insert(*id)
                    {
                        news.push(PollNews::OddStatus(*id, word.clone()));
                    }
                    if report.status.is_final() || (scene.awaits_link)(*id) {
                        news.push(PollNews::Report(*id, Box::new(report)));
                    } else if let Phase::Running(before) = &job.phase {
                        self.note_read(*id, !matches!(report.status, TaskStatus::Other(_)));
                        let (percent, seconds_left) = (report.percent, report.seconds_left);
                        self.scheduler.on_report(&subscriber, percent, seconds_left, random, scene.now.at);
                        let heard = Progress { percent, seconds_left, at: Some(scene.now.wall) };
                        news.push(PollNews::Progress(*id, *before, heard));
                    } else {
                        self.scheduler.forget(&subscriber);
                    }
                }
                (None, _) => news.extend(self.missed(&subscriber, false, scene)),
            }
        }
        news
    }

    /// An answer came and was not about this task. A batch may lag behind, so only a read of its own counts, and of those
    /// only the service's own word that it does not know the task (`says_unknown`).
    fn missed(&mut self, subscriber: &Subscriber, says_unknown: bool, scene: Scene<'_>) -> Option<PollNews> {
        let now = scene.now.at;
        let known_for_long = matches!(subscriber, Subscriber::Job(id) if self.unknown_since.contains_key(id));
        let wait = if known_for_long { MISSING_WAIT_LATER } else { MISSING_WAIT };
        let count = self.scheduler.missing(subscriber, !says_unknown, now + wait, now);
        if let Subscriber::Job(id) = subscriber {
            self.note_read(*id, false);
        }
        if !says_unknown {
            return None;
        }
        match subscriber {
            Subscriber::Source(source) => {
                self.scheduler.forget(subscriber);
                Some(PollNews::NoDraft(source.clone()))
            }
            Subscriber::Job(id) if (scene.awaits_link)(*id) => Some(PollNews::NoLink(*id)),
            Subscriber::Job(id) => {
                let since = *self.unknown_since.entry(*id).or_insert(now);
                let others_answer = self.last_success.is_some_and(|at| at > since);
                let gone = count >= MISSING_READS && now.saturating_duration_since(since) >= MISSING_FOR && others_answer;
                gone.then_some(PollNews::Vanished(*id))
            }
        }
    }

    fn failed(
        &mut self,
        subscribers: Vec<(Subscriber, TaskId)>,
        from_batch: bool,
        error: &ApiError,
        rng: &mut fastrand::Rng,
        scene: Scene<'_>,
    ) -> Vec<PollNews> {
        // Only the service's own words count: a web page, or a 404 on every route, is trouble of the connection.
        let no_batch = from_batch && error.is_json && matches!(error.status, Some(404 | 405 | 501));
        if no_batch {
            self.scheduler.batch_is_missing();
        }
        if no_batch || (from_batch && error.is_json && error.class == ErrorClass::BadRequest) {
            for (subscriber, _) in subscribers {
                self.scheduler.failed(&subscriber, scene.now.at, scene.now.at);
                if !no_batch {
                    // One id spoils the rest: each on its own.
                    self.scheduler.alone(&subscriber);
                }
            }
            return Vec::new();
        }
        let refuses_draft = error.is_json
            && matches!(error.class, ErrorClass::BadRequest | ErrorClass::BadSource | ErrorClass::Access | ErrorClass::NotFound);
        if !from_batch
            && let [(subscriber, _)] = subscribers.as_slice()
            && (error.says_task_is_unknown() || (matches!(subscriber, Subscriber::Source(_)) && refuses_draft))
        {
            return self.missed(subscriber, true, scene).into_iter().collect();
        }
        // A batch that cannot be read, for one odd task or because something else answers on its route.
        let mut news = Vec::new();
        let odd_batch =
            from_batch && (error.class == ErrorClass::InvalidResponse || matches!(error.status, Some(404 | 405 | 501)));
        self.unreadable_batches = if odd_batch { self.unreadable_batches.saturating_add(1) } else { 0 };
        let alone = odd_batch && self.unreadable_batches >= UNREADABLE_BATCHES;
        if alone && self.unreadable_batches == UNREADABLE_BATCHES {
            news.push(PollNews::Unreadable(error.failure()));
        }
        let wait = match error.class {
            ErrorClass::RateLimited => {
                scene.gate.closed_until(scene.now.at).map_or(Duration::from_secs(1), |until| until - scene.now.at)
            }
            ErrorClass::Login => LOGIN_WAIT,
            _ => {
                self.failures = self.failures.saturating_add(1);
                retry::read_wait(self.failures, error.retry_after, rng.f64())
            }
        };
        for (subscriber, _) in subscribers {
            self.scheduler.failed(&subscriber, scene.now.at + wait, scene.now.at);
            if let Subscriber::Job(id) = &subscriber
                && error.class != ErrorClass::RateLimited
            {
                self.note_read(*id, false);
            }
            if alone {
                self.scheduler.alone(&subscriber);
            }
            if let Subscriber::Source(source) = subscriber {
                news.push(PollNews::DraftUnread(source));
            }
        }
        news
    }

    /// When the next read may leave. `read_from`: no read may leave before this.
    pub(super) fn next_deadline(&self, read_from: Instant) -> Option<Instant> {
        let due = self.scheduler.next_due().filter(|_| self.in_air < READS_AT_ONCE)?;
        Some(due.max(read_from))
    }
}

fn first_poll(job: &Job, progress: &Progress, rng: &mut fastrand::Rng, now: Now) -> Duration {
    if progress.at.is_none() || job.sent_at != Some(now.wall) {
        // Taken up after a restart or found in the list: nobody knows how it stands.
        return Duration::ZERO;
    }
    let estimate = job.estimate.map(|seconds| Duration::from_secs(seconds.into()));
    poll_interval::first_poll(estimate, rng.f64())
}

/// How long ago its task was made, as far as is known.
fn age(job: &Job, now: Now) -> Duration {
    job.sent_at.and_then(|sent| Duration::try_from(now.wall.duration_since(sent)).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
