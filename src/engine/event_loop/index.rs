//! What the engine keeps of its jobs, in step with the store.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::super::poll_scheduler::Subscriber;
use super::super::{EngineEvent, NoticeKind};
use super::Engine;
use crate::job::{Applied, Job, JobId, Phase, Progress, State, TaskId, Update, poll_interval};

impl Engine {
    /// Keeps the engine's indices in step with one job.
    pub(super) fn index(&mut self, job: &Arc<Job>) {
        let id = job.id;
        let now = Instant::now();
        if let Some(before) = self.jobs.get(&id)
            && let Some(expiry) = before.link_expires_at
        {
            self.to_fetch.remove(&(expiry, id));
        }
        self.to_fetch.remove(&(Timestamp::MAX, id));
        if job.phase != Phase::Waiting {
            self.queue.remove(id);
        }
        let behind = self.older_than_floor.remove(&id);
        self.in_flight.remove(&id);
        self.unsure.remove(&id);
        let subscriber = Subscriber::Job(id);
        let mut asks = false;
        match &job.phase {
            Phase::Waiting => match job.approval {
                Some(yes) if yes.seq > self.settings.approval_floor => {
                    // By the wall clock no more than the whole period is left, whichever way it was turned meanwhile.
                    let whole = Duration::try_from(yes.not_before.duration_since(yes.at)).unwrap_or_default();
                    let left = Duration::try_from(yes.not_before.duration_since(self.clock.now())).unwrap_or_default();
                    self.queue.insert(id, job.place, yes.seq, now + left.min(whole));
                }
                _ => {
                    self.queue.remove(id);
                    self.older_than_floor.insert(id, job.place);
                }
            },
            Phase::Sending => {
                self.in_flight.insert(id);
            }
            Phase::Unsure(doubt) => {
                self.unsure.insert(id);
                if !doubt.looked {
                    let at = self.may_reconcile_from(job, now);
                    self.reconcile_at = Some(self.reconcile_at.map_or(at, |before| before.max(at)));
                }
            }
            Phase::Running(progress) => {
                self.in_flight.insert(id);
                asks = true;
                if !self.scheduler.knows(&subscriber)
                    && let Some(task) = &job.task
                    && self.is_engine()
                {
                    let due = now + self.first_poll(job, progress);
                    self.scheduler.watch(&subscriber, task, due, self.age(job), job.estimate, now);
                }
            }
            Phase::ToFetch(_) => {
                asks = self.fresh_links.contains_key(&id);
                self.to_fetch.insert((job.link_expires_at.unwrap_or(Timestamp::MAX), id));
                self.fetch_ready_at = None;
            }
            Phase::Fetching(_) | Phase::Held(_) | Phase::Saved | Phase::Failed(_) | Phase::Cancelled(_) | Phase::Unwatched => {}
        }
        if behind != self.older_than_floor.get(&id).copied() {
            self.older_than_floor_version += 1;
        }
        if !asks {
            self.scheduler.forget(&subscriber);
        }
        if !matches!(job.state(), State::Sending | State::Unsure) {
            self.resent.remove(&id);
        }
        if job.state() != State::Running {
            self.progress.remove(&id);
            self.progress_for_screen.remove(&id);
            self.progress_for_disk.remove(&id);
        }
        if !matches!(job.state(), State::ToFetch | State::Fetching) {
            self.fetch_retry.remove(&id);
            self.fresh_links.remove(&id);
            self.alarmed.remove(&id);
            self.forget_unsavable(id, job.state() == State::Saved);
        }
        if job.state().is_final() || job.state() == State::Unwatched {
            self.jobs.remove(&id);
        } else {
            self.jobs.insert(id, Arc::clone(job));
        }
    }

    pub(super) fn first_poll(&mut self, job: &Job, progress: &Progress) -> Duration {
        let sent_now = job.sent_at.is_some_and(|sent| sent == self.clock.now());
        if progress.at.is_none() || !sent_now {
            // Taken up after a restart or found in the list: nobody knows how it stands.
            return Duration::ZERO;
        }
        let estimate = job.estimate.map(|seconds| Duration::from_secs(seconds.into()));
        poll_interval::first_poll(estimate, self.rng.f64())
    }

    /// How long ago its task was on_submitted, as far as is known.
    pub(super) fn age(&self, job: &Job) -> Duration {
        job.sent_at.and_then(|sent| Duration::try_from(self.clock.now().duration_since(sent)).ok()).unwrap_or_default()
    }

    /// Takes a job as the store has it now, and tells the screen.
    pub(in crate::engine) fn apply_change(&mut self, job: Job) {
        self.apply_changes(vec![job]);
    }

    /// Takes jobs as the store has them now, and tells the screen.
    pub(in crate::engine) fn apply_changes(&mut self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        self.money_is_old = true;
        let mut published = Vec::with_capacity(jobs.len());
        for mut job in jobs {
            if let (Phase::Running(progress), Some(newer)) = (&mut job.phase, self.progress.get(&job.id)) {
                *progress = *newer;
            }
            // Only if nobody wrote in between: what lies there has not been read yet.
            if job.revision == self.revision + 1 {
                self.revision = job.revision;
            }
            let job = Arc::new(job);
            self.index(&job);
            published.push(job);
        }
        self.send(EngineEvent::Jobs(published));
    }

    /// Writes updates of the engine's own doing. What cannot be written is kept and tried again; until then nothing is sent.
    pub(in crate::engine) fn write(&mut self, updates: Vec<(JobId, Update)>) -> Vec<(Job, Applied)> {
        if updates.is_empty() && self.backlog.is_empty() {
            return Vec::new();
        }
        self.backlog.extend(updates);
        match self.store.apply(self.backlog.clone(), self.clock.now()) {
            Ok(results) => {
                let waited: HashSet<JobId> = self.backlog.drain(..).map(|(id, _)| id).collect();
                let mut again = Vec::new();
                if self.backlog_at.take().is_some() {
                    self.notice(None, NoticeKind::StoreWritable);
                    again = self.settle_fresh_links(&waited, &results);
                }
                let changed = results.iter().filter(|(_, applied)| applied.changed()).map(|(job, _)| job.clone()).collect();
                self.apply_changes(changed);
                let now = Instant::now();
                for (id, task) in again {
                    self.scheduler.ask(Subscriber::Job(id), &task, now, now);
                    self.scheduler.alone(&Subscriber::Job(id));
                }
                results
            }
            Err(error) => {
                if self.backlog_at.is_none() {
                    self.notice(None, NoticeKind::StoreUnwritable { error: error.to_string() });
                }
                self.backlog_at = Some(Instant::now() + Duration::from_secs(1));
                Vec::new()
            }
        }
    }

    /// Answers about fresh links may be among what had to wait for the store: who got one is on_fetched, and who still
    /// waits for one is returned, to be asked about once more.
    pub(super) fn settle_fresh_links(&mut self, waited: &HashSet<JobId>, results: &[(Job, Applied)]) -> Vec<(JobId, TaskId)> {
        let mut again = Vec::new();
        for id in waited.iter().filter(|id| self.fresh_links.contains_key(id)).copied().collect::<Vec<_>>() {
            let Some(after) = results.iter().rev().map(|(job, _)| job).find(|job| job.id == id) else { continue };
            if self.jobs.get(&id).is_some_and(|before| before.links != after.links) {
                self.fresh_links.remove(&id);
            } else if let Some(task) = &after.task {
                again.push((id, task.clone()));
            }
        }
        again
    }

    /// Whether the store takes what the engine has to write.
    pub(in crate::engine) fn store_is_well(&self) -> bool {
        self.backlog.is_empty()
    }
}
