//! Taking up the work: at a start, and in place of an engine that is gone.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::info;

use super::super::{Consent, EngineEvent, PauseReason, Sending};
use super::Engine;
use crate::commands::make_request;
use crate::job::{Credits, Job, JobId, Phase, State, Update};
use crate::store::{Store, StoreError};

/// How many jobs that are over are read in one turn of the loop after the start: a few milliseconds.
const LOAD_BATCH: usize = 500;

impl Engine {
    /// Reads the store and takes up what was under way.
    pub(super) fn start(&mut self) -> Result<(), StoreError> {
        self.external_version = self.store.external_version()?;
        // What is not over is small and acts; what is over is only looked at, and follows turn by turn.
        let changes = self.store.open_jobs()?;
        self.revision = changes.revision;
        self.settings = changes.settings;
        let mut jobs: Vec<Arc<Job>> = changes.jobs.into_iter().map(Arc::new).collect();
        // What becoming the engine does not change is shown before its synced writes: a slow disk takes its time for them.
        let (changing, lasting): (Vec<_>, Vec<_>) = jobs.iter().cloned().partition(|job| was_interrupted(job));
        if !lasting.is_empty() {
            self.send(EngineEvent::Jobs(lasting));
        }
        let mut unpublished: HashSet<JobId> = changing.iter().map(|job| job.id).collect();
        if self.lock.is_some() {
            let taken_up: HashMap<JobId, Job> = self.become_engine(true, &jobs)?.into_iter().map(|job| (job.id, job)).collect();
            unpublished.extend(taken_up.keys());
            for job in &mut jobs {
                // The revision stays: another process may have written in between, and is read only then.
                if let Some(now) = taken_up.get(&job.id) {
                    *job = Arc::new(now.clone());
                }
            }
        } else {
            self.peer_pid = Store::engine_pid(&self.options.data_dir);
        }
        for job in &jobs {
            self.index(job);
        }
        jobs.retain(|job| unpublished.contains(&job.id));
        if !jobs.is_empty() {
            self.send(EngineEvent::Jobs(jobs));
        }
        info!(jobs = self.jobs.len(), engine = self.is_engine(), "what is not over is read");
        Ok(())
    }

    /// Tells some more of the jobs that were over at the start. They are read as they are now, so it does not matter what
    /// was changed and published in the meantime.
    pub(super) fn load_more(&mut self) -> Result<(), StoreError> {
        let jobs = self.store.jobs_over(self.loaded_to, LOAD_BATCH)?;
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

    /// Takes up the engine's work over these jobs; returns those that changed. `fresh`: this process has just started, so
    /// earlier approvals need a new yes; a screen that takes over from a dead engine is no restart.
    pub(super) fn become_engine(&mut self, fresh: bool, jobs: &[Arc<Job>]) -> Result<Vec<Job>, StoreError> {
        let now = self.clock.now();
        let interrupted: Vec<(JobId, Update)> =
            jobs.iter().filter(|job| was_interrupted(job)).map(|job| (job.id, Update::EngineStarted)).collect();
        let results = self.store.apply(interrupted, now)?;
        let mut changed: Vec<Job> = results.into_iter().filter(|(_, applied)| applied.changed()).map(|(job, _)| job).collect();
        if fresh {
            self.settings = self.store.raise_approval_floor()?;
            // What the service refused earlier may be mended by now; nothing is sent without a new yes either way.
            if matches!(
                self.settings.paused,
                Some(PauseReason::Login { .. } | PauseReason::Balance { .. } | PauseReason::Access { .. })
            ) {
                self.settings = self.store.change_settings(&mut |settings| settings.paused = None)?;
            }
            if matches!(self.options.sending, Sending::UpTo(_)) {
                changed.extend(self.approve_earlier(jobs, now)?);
            }
        }
        let soon = Instant::now();
        self.balance_at = Some(soon);
        self.price_at = Some(soon);
        Ok(changed)
    }

    /// A screen goes on in place of an engine that is gone.
    pub(super) fn take_over(&mut self) -> Result<(), StoreError> {
        self.read_external_changes()?;
        let known: Vec<Arc<Job>> = self.jobs.values().cloned().collect();
        let changed = self.become_engine(false, &known)?;
        for job in &known {
            self.index(job);
        }
        self.apply_changes(changed);
        Ok(())
    }

    /// `run --yes --max-credits N` is a yes to what was approved before; each job keeps the price that was agreed for it.
    pub(super) fn approve_earlier(&mut self, jobs: &[Arc<Job>], now: Timestamp) -> Result<Vec<Job>, StoreError> {
        let mut by_price: BTreeMap<Credits, Vec<JobId>> = BTreeMap::new();
        for job in jobs.iter().filter(|job| job.phase == Phase::Waiting) {
            if let Some(yes) = job.approval {
                by_price.entry(yes.price).or_default().push(job.id);
            }
        }
        let mut approved = Vec::new();
        // Kept in the store, so that whoever takes over from this run spends no more than it may.
        let budget = match self.options.sending {
            Sending::UpTo(limit) if !by_price.is_empty() => Some(self.store.open_budget(limit, now)?),
            Sending::UpTo(_) | Sending::WithConsent | Sending::Nothing => None,
        };
        let Self { store, rng, options, .. } = self;
        let mut make = |job: &Job| make_request(rng, options.callback_url.as_deref(), job);
        for (price, ids) in by_price {
            let consent = Consent { count: ids.len(), price, grace: Duration::ZERO };
            approved.extend(store.approve(&ids, consent, budget, &mut make, now)?.jobs);
        }
        if self.settings.paused.is_some() {
            self.settings = self.store.change_settings(&mut |settings| settings.paused = None)?;
        }
        Ok(approved)
    }
}

/// Whether an engine that died left it in the middle of something.
fn was_interrupted(job: &Job) -> bool {
    matches!(job.state(), State::Sending | State::Fetching | State::Unsure)
}
