//! Reading tasks: what leaves the poll scheduler, and what its answers do.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::event_loop::{Engine, WorkerKind, WorkerResult};
use super::poll_scheduler::{Read, Subscriber};
use crate::api::ApiError;
use crate::job::{ErrorClass, JobId, Phase, Progress, State, TaskId, TaskReport, Update, retry};

/// Reads under way at once; with a round trip of 150 ms that is 26 batch reads, or 1,300 tasks, a second.
const READS_AT_ONCE: usize = 4;
/// So many single reads must miss a task before it counts as gone, since a read may lag behind the submit.
const MISSING_READS: u32 = 3;
/// While the key is refused, reads are tried this seldom.
const LOGIN_WAIT: Duration = Duration::from_mins(1);

impl Engine {
    /// Lets reads leave that are due.
    pub(super) fn start_due_reads(&mut self) {
        let now = Instant::now();
        while self.reads_in_air < READS_AT_ONCE && self.scheduler.next_due().is_some_and(|due| due <= now) {
            if self.gate.take_read(now).is_err() {
                return;
            }
            let Some(read) = self.scheduler.take(now) else { return };
            self.reads_in_air += 1;
            let service = Arc::clone(&self.service);
            let kept = read.clone();
            self.spawn(WorkerKind::Read(read.clone()), async move {
                let result = match &read {
                    Read::One(_, task) => service.task(task).await.map(|report| vec![report]),
                    Read::Many(many) => {
                        let ids: Vec<TaskId> = many.iter().map(|(_, task)| task.clone()).collect();
                        service.batch(&ids).await
                    }
                };
                WorkerResult::Read(kept, result)
            });
        }
    }

    /// When the next read may leave, if one is due.
    pub(super) fn next_read(&mut self, now: Instant) -> Option<Instant> {
        if self.reads_in_air >= READS_AT_ONCE {
            return None;
        }
        let due = self.scheduler.next_due()?;
        if due > now {
            return Some(due);
        }
        // The budget is empty: ask it when it is not any more, without taking anything out.
        Some(self.gate.clone().take_read(now).err().unwrap_or(now))
    }

    /// A read came back.
    pub(super) fn on_read(&mut self, read: Read, result: Result<Vec<TaskReport>, ApiError>) {
        self.reads_in_air = self.reads_in_air.saturating_sub(1);
        self.on_answer(result.as_ref().err());
        let now = Instant::now();
        let (subscribers, from_batch) = match read {
            Read::One(subscriber, task) => (vec![(subscriber, task)], false),
            Read::Many(many) => (many, true),
        };
        match result {
            Ok(reports) => {
                self.read_failures = 0;
                self.deliver(subscribers, reports, from_batch, now);
            }
            Err(error) => self.read_failed(subscribers, from_batch, &error, now),
        }
    }

    fn deliver(&mut self, subscribers: Vec<(Subscriber, TaskId)>, reports: Vec<TaskReport>, from_batch: bool, now: Instant) {
        let mut by_id: HashMap<TaskId, TaskReport> = reports.into_iter().map(|report| (report.id.clone(), report)).collect();
        // One throw for the whole read, so that who was read together stays together.
        let rng = self.rng.f64();
        let mut endings = Vec::new();
        for (subscriber, task) in subscribers {
            let report = match &subscriber {
                // A task and a draft may have the same id in one read.
                Subscriber::Source(_) => by_id.get(&task).cloned(),
                Subscriber::Job(_) => by_id.remove(&task),
            };
            match (report, subscriber) {
                (Some(report), Subscriber::Source(source)) => {
                    self.draft_checks.seen(report);
                    self.scheduler.forget(&Subscriber::Source(source));
                }
                (Some(report), Subscriber::Job(id)) => {
                    if let Some(ending) = self.on_report(id, report, rng, now) {
                        endings.push(ending);
                    }
                }
                (None, subscriber) => self.missed(&subscriber, from_batch, now),
            }
        }
        if !endings.is_empty() {
            let refetch: Vec<JobId> = endings.iter().map(|(id, _)| *id).filter(|id| self.fresh_links.contains_key(id)).collect();
            if refetch.len() < endings.len() {
                self.balance_changed();
            }
            let written = self.write(endings);
            for (job, applied) in &written {
                if !refetch.contains(&job.id) {
                    continue;
                }
                if applied.changed() {
                    self.fresh_links.remove(&job.id);
                    self.scheduler.forget(&Subscriber::Job(job.id));
                } else {
                    self.no_fresh_link(job.id, "the service gave no fresh link");
                }
            }
            self.publish_endings(&written);
        }
    }

    /// One job's news: an ending to be written, or progress to be kept in memory.
    fn on_report(&mut self, id: JobId, report: TaskReport, rng: f64, now: Instant) -> Option<(JobId, Update)> {
        let job = self.jobs.get(&id)?;
        let subscriber = Subscriber::Job(id);
        if report.status.is_final() || self.fresh_links.contains_key(&id) {
            return Some((id, Update::Reported(Box::new(report))));
        }
        let Phase::Running(before) = &job.phase else {
            self.scheduler.forget(&subscriber);
            return None;
        };
        self.scheduler.on_report(&subscriber, report.percent, report.seconds_left, rng, now);
        let on_report = Progress { percent: report.percent, seconds_left: report.seconds_left, at: Some(self.clock.now()) };
        let known = self.known_progress(id).unwrap_or(*before);
        if known.percent != on_report.percent || known.seconds_left != on_report.seconds_left || known.at.is_none() {
            self.progressed(id, on_report);
        }
        None
    }

    fn missed(&mut self, subscriber: &Subscriber, from_batch: bool, now: Instant) {
        let next = now + Duration::from_secs(20);
        let count = self.scheduler.missing(subscriber, from_batch, next, now);
        if from_batch {
            return;
        }
        match subscriber {
            Subscriber::Source(source) => {
                self.scheduler.forget(subscriber);
                self.draft_checks.missing(source);
            }
            Subscriber::Job(id) if self.fresh_links.contains_key(id) => {
                self.no_fresh_link(*id, "the service no longer knows the task");
            }
            Subscriber::Job(id) if count >= MISSING_READS => {
                let written = self.write(vec![(*id, Update::Vanished)]);
                self.publish_endings(&written);
            }
            Subscriber::Job(_) => {}
        }
    }

    fn read_failed(&mut self, subscribers: Vec<(Subscriber, TaskId)>, from_batch: bool, error: &ApiError, now: Instant) {
        let gone = error.class == ErrorClass::NotFound || error.status == Some(404);
        if from_batch && (gone || matches!(error.status, Some(405 | 501))) {
            self.scheduler.batch_is_missing();
            for (subscriber, _) in subscribers {
                self.scheduler.failed(&subscriber, now, now);
            }
            return;
        }
        if from_batch && error.class == ErrorClass::BadRequest {
            // One id spoils the rest: each on its own.
            for (subscriber, _) in subscribers {
                self.scheduler.failed(&subscriber, now, now);
                self.scheduler.alone(&subscriber);
            }
            return;
        }
        if !from_batch
            && let [(subscriber, _)] = subscribers.as_slice()
            && (gone
                || (matches!(subscriber, Subscriber::Source(_))
                    && matches!(error.class, ErrorClass::BadRequest | ErrorClass::BadSource | ErrorClass::Access)))
        {
            self.missed(&subscriber.clone(), false, now);
            return;
        }
        let wait = match error.class {
            ErrorClass::RateLimited => self.gate.closed_until(now).map_or(Duration::from_secs(1), |until| until - now),
            ErrorClass::Login => LOGIN_WAIT,
            _ => {
                self.read_failures = self.read_failures.saturating_add(1);
                retry::read_wait(self.read_failures, error.retry_after, self.rng.f64())
            }
        };
        for (subscriber, _) in subscribers {
            self.scheduler.failed(&subscriber, now + wait, now);
            if let Subscriber::Source(source) = subscriber {
                self.draft_checks.troubled(&source);
            }
        }
    }

    /// Reads these jobs' tasks now, or everything that runs.
    pub(super) fn refresh_now(&mut self, jobs: &[JobId]) {
        let now = Instant::now();
        if jobs.is_empty() {
            self.scheduler.ask_all(now);
            self.balance_now();
            let unsure: Vec<(JobId, Update)> = self.unsure.iter().map(|id| (*id, Update::Recheck)).collect();
            if !unsure.is_empty() {
                self.write(unsure);
                self.reconcile_at.get_or_insert(now);
            }
            return;
        }
        for id in jobs {
            let Some(job) = self.jobs.get(id).cloned() else { continue };
            match (job.state(), &job.task) {
                (State::Running, Some(task)) => {
                    self.scheduler.ask(Subscriber::Job(*id), task, now, now);
                    self.scheduler.alone(&Subscriber::Job(*id));
                }
                (State::Unsure, _) => {
                    self.write(vec![(*id, Update::Recheck)]);
                    self.reconcile_at.get_or_insert(now);
                }
                (State::Held, _) => self.draft_checks.forget(&job.source),
                _ => {}
            }
        }
    }
}
