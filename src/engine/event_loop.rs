//! The engine: one event in, to the part it is for; what the part returns is written to the store, then published.
//!
//! One value on one thread owns the store and the parts. Calls to the service and downloads run as workers that end in a
//! [`WorkerResult`]. After every event the loop starts whatever can be started and sleeps until the next deadline of a part.

mod commands;
mod drafts;
mod reads;
mod sends;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;
use tracing::{info, warn};

use super::account::{AccountRead, SettingsChange};
use super::backlog::{Backlog, Written};
use super::base::{Base, Services, SessionMessage};
use super::clock::Now;
use super::downloads::Downloads;
use super::draft_reader::DraftReader;
use super::notice::NoticeKind;
use super::poller::Poller;
use super::reconciler::Reconciler;
use super::start::{become_engine, was_interrupted};
use super::submitter::Submitter;
use super::workers::{WorkerKind, WorkerResult, Workers};
use super::{EngineEvent, Options, PauseReason, Role, Sending};
use crate::api::ApiError;
use crate::api::gate::Gate;
use crate::job::{Applied, Charge, Job, JobId, State, Update};
use crate::store::{BudgetId, EngineLock, Store, StoreError};

/// How long leaving waits for the answer to an open paid request; without it the job is looked for at the next start.
const LAST_ANSWER: Duration = Duration::from_millis(700);
/// So many events are taken in one turn of the loop, so that a burst costs one turn.
const MOST_EVENTS: usize = 256;

/// The engine of a store. Its lock ends with it.
pub struct Engine {
    base: Base,
    lock: EngineLock,
    gate: Gate,
    backlog: Backlog,
    /// Changes of the settings that the store did not take, one of each kind; they hold in memory, are tried again each
    /// second, and nothing is sent until they are written: the price and the pause are read where a send is written.
    unwritten_settings: Vec<SettingsChange>,
    submitter: Submitter,
    reconciler: Reconciler,
    poller: Poller,
    downloads: Downloads,
    draft_reader: DraftReader,
    workers: Workers,
    stopping: bool,
}

impl Engine {
    /// Makes the engine of an open store; `lock` proves that it is the only one.
    ///
    /// Must be called inside a tokio runtime. Events go to `events`, which must not block.
    #[must_use]
    pub fn new(
        store: Store,
        lock: EngineLock,
        options: Options,
        services: Services,
        events: Box<dyn Fn(EngineEvent) + Send>,
    ) -> Self {
        Self::over(Base::new(store, options, services, events, Instant::now(), None), lock)
    }

    pub(super) fn over(base: Base, lock: EngineLock) -> Self {
        let options = &base.options;
        Self {
            gate: Gate::new(options.reads_per_minute, options.submit_gap, Instant::now()),
            backlog: Backlog::default(),
            unwritten_settings: Vec::new(),
            submitter: Submitter::new(options.sending),
            reconciler: Reconciler::default(),
            poller: Poller::default(),
            downloads: Downloads::new(options.fetches_at_once),
            draft_reader: DraftReader::default(),
            workers: Workers::default(),
            stopping: false,
            base,
            lock,
        }
    }

    /// Goes on in place of an engine that ended, with what its follower had.
    ///
    /// # Errors
    /// When the store cannot be read or written: what the follower had, to follow on; the lock is free again.
    pub(super) fn take_over(base: Base, lock: EngineLock) -> Result<Self, Box<Base>> {
        base.notice(None, NoticeKind::TookOver);
        let mut engine = Self::over(base, lock);
        match engine.take_up_known() {
            Ok(()) => Ok(engine),
            Err(error) => {
                engine.base.store_failed(&error);
                Err(Box::new(engine.base))
            }
        }
    }

    /// Tells the dashboard that the session is over.
    pub(super) fn publish_broken(&self, error: &StoreError) {
        self.base.publisher.broken(error);
    }

    /// Reads the store and runs until told to stop, or until the commands' other end is gone.
    ///
    /// # Errors
    /// When the store cannot be read at the start.
    pub async fn run(&mut self, commands: &mut UnboundedReceiver<SessionMessage>) -> Result<(), StoreError> {
        self.start()?;
        self.serve(commands).await
    }

    /// The loop, over jobs that are known.
    pub(super) async fn serve(&mut self, commands: &mut UnboundedReceiver<SessionMessage>) -> Result<(), StoreError> {
        while !self.stopping {
            // One look at the clocks for a turn.
            let now = self.base.now();
            self.start_due_work(now);
            let (closed, idle) = (self.gate.closed_until(now.at), self.is_idle());
            self.base.publish(Role::Engine, closed, idle, self.poller.unread(), now);
            let wake = if self.base.publisher.is_loaded() {
                Some(self.next_wake(now))
            } else {
                self.base.publisher.load_more(&self.base.store)?;
                None
            };
            tokio::select! {
                // Commands first: a key must not wait behind a thousand answers.
                biased;
                command = commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => self.stopping = true,
                },
                Some(result) = self.workers.next(), if !self.workers.is_empty() => self.on_result(result),
                () = until(wake) => {}
            }
            for _ in 0..MOST_EVENTS {
                if let Ok(command) = commands.try_recv() {
                    self.command(command);
                } else if let Some(result) = self.workers.try_next() {
                    self.on_result(result);
                } else {
                    break;
                }
            }
            self.tick();
        }
        self.leave().await;
        Ok(())
    }

    fn start(&mut self) -> Result<(), StoreError> {
        // What becoming the engine does not change is shown before its synced writes: a slow disk takes its time for them.
        let mut jobs = self.base.open(was_interrupted)?;
        let mut unpublished: HashSet<JobId> = jobs.iter().filter(|job| was_interrupted(job)).map(|job| job.id).collect();
        let budget = self.open_budget()?;
        let taken_up: HashMap<JobId, Job> =
            become_engine(&mut self.base, true, budget, &jobs)?.into_iter().map(|job| (job.id, job)).collect();
        self.has_started();
        unpublished.extend(taken_up.keys());
        for job in &mut jobs {
            // The revision stays: another process may have written in between, and is read only then.
            if let Some(now) = taken_up.get(&job.id) {
                *job = Arc::new(now.clone());
            }
        }
        let now = self.base.now();
        for job in &jobs {
            let before = self.base.jobs.put(job, self.base.account.settings().approval_floor);
            self.on_job(before.as_deref(), job, now);
        }
        self.take_up_amounts(&jobs, now);
        jobs.retain(|job| unpublished.contains(&job.id));
        self.base.publisher.jobs(jobs);
        info!(jobs = self.base.jobs.len(), "the engine starts; what is not over is read");
        Ok(())
    }

    /// Notes that what a start has to do is done.
    fn has_started(&mut self) {
        if let Err(error) = self.lock.ready() {
            warn!(%error, "the lock file was not written; whoever takes over asks for a new confirmation");
        }
    }

    /// Writes down what a run with a limit may spend, so that it binds whoever takes over from it as well.
    fn open_budget(&mut self) -> Result<Option<BudgetId>, StoreError> {
        let Sending::UpTo(limit) = self.base.options.sending else { return Ok(None) };
        let budget = self.base.store.open_budget(limit, self.base.now().wall)?;
        self.submitter.set_budget(budget);
        Ok(Some(budget))
    }

    fn take_up_known(&mut self) -> Result<(), StoreError> {
        self.read_external_changes()?;
        let known = self.base.jobs.all();
        // An engine that ended before it had started was a restart, whose earlier approvals were to wait.
        let changed = become_engine(&mut self.base, !self.lock.follows_ready(), None, &known)?;
        self.has_started();
        self.take_again(known.clone());
        self.take(changed);
        self.take_up_amounts(&known, self.base.now());
        if self.base.drafts.is_shown() {
            self.list_drafts(false, self.base.now());
        }
        Ok(())
    }

    /// Starts whatever can be started now.
    fn start_due_work(&mut self, now: Now) {
        if !self.base.account.is_paused() {
            for model in self.submitter.waiting_models(&self.base.jobs, now) {
                self.base.account.want_price(model, now);
            }
        }
        self.reconciler.note_questions(&self.base.jobs, now);
        if self.backlog.next_deadline().is_some_and(|at| at <= now.at) {
            self.write(Vec::new());
        }
        if !self.base.account.is_paused() {
            for source in self.submitter.drafts_to_check(&self.base.jobs, now) {
                self.poller.check_draft(&source, now);
            }
        }
        if self.backlog.is_empty()
            && let Some(query) = self.reconciler.next_read(&self.base.jobs, &mut self.gate, now)
        {
            let service = Arc::clone(&self.base.services.service);
            self.workers.spawn(WorkerKind::List, async move { WorkerResult::Listed(service.list(query).await) });
        }
        self.start_due_repeat(now);
        self.start_due_send(now);
        if self.base.account.is_late(now) {
            self.start_due_account_reads(now);
        }
        while let Some(read) = self.poller.next_read(&mut self.gate, now) {
            self.start_read(read);
        }
        self.start_due_fetches(now);
        self.start_due_account_reads(now);
        self.start_due_draft_reads(now);
    }

    fn start_due_account_reads(&mut self, now: Now) {
        while let Some(read) = self.base.account.next_read(&mut self.gate, now) {
            let service = Arc::clone(&self.base.services.service);
            match read {
                AccountRead::Balance => {
                    self.workers.spawn(WorkerKind::Balance, async move { WorkerResult::Balance(service.credits().await) });
                }
                AccountRead::Price(model) => {
                    let read = async move { WorkerResult::Price(model, service.price(model).await) };
                    self.workers.spawn(WorkerKind::Price(model), read);
                }
            }
        }
    }

    fn on_result(&mut self, result: WorkerResult) {
        let now = self.base.now();
        match result {
            WorkerResult::Submitted(job, result) => self.on_submitted(job, *result, now),
            WorkerResult::Read(read, result) => self.on_read(read, result, now),
            WorkerResult::Listed(result) => {
                if result.is_ok() {
                    self.poller.service_answers(now);
                }
                self.on_listed(result, now);
            }
            WorkerResult::Fetched(job, result) => self.on_fetched(job, result, now),
            WorkerResult::DraftsListed(result) => self.on_drafts_listed(result, now),
            WorkerResult::DraftsRead(asked, result) => self.on_drafts_read(&asked, result, now),
            WorkerResult::Previewed(task, result) => self.on_previewed(&task, result, now),
            WorkerResult::Balance(result) => {
                self.on_answer(result.as_ref().err(), now);
                if result.is_ok() {
                    self.poller.service_answers(now);
                }
                let in_flight = self.base.jobs.in_flight() > 0;
                let change = self.base.account.on_balance(&result, in_flight, &mut self.base.services.rng, now);
                self.change_settings(change);
            }
            WorkerResult::Price(model, result) => {
                self.on_answer(result.as_ref().err(), now);
                match self.base.account.on_price(model, &result, now) {
                    Some(SettingsChange::Pause(why)) => self.pause(why),
                    change => self.change_settings(change),
                }
            }
        }
    }

    /// Writes updates of the engine's own doing. What cannot be written is kept and tried again; until then nothing is sent.
    fn write(&mut self, updates: Vec<(JobId, Update)>) -> Vec<(Job, Applied)> {
        let now = self.base.now();
        match self.backlog.write(updates, &mut self.base.store, now) {
            Written::Nothing | Written::FailedAgain => Vec::new(),
            Written::Failed(error) => {
                self.base.notice(None, NoticeKind::StoreUnwritable { error: error.to_string() });
                Vec::new()
            }
            Written::All { results, caught_up } => {
                let mut again = Vec::new();
                if let Some(waited) = caught_up {
                    self.base.notice(None, NoticeKind::StoreWritable);
                    again = self.downloads.settle_links(&waited, &results, &self.base.jobs);
                }
                let changed: Vec<Job> =
                    results.iter().filter(|(_, applied)| applied.changed()).map(|(job, _)| job.clone()).collect();
                // Asked here and not where the answer arrives, since the store may have taken it only now.
                let is_charged = |job: &Job| job.charge == Some(Charge::Charged);
                let was_charged = |job: &Job| self.base.jobs.get(job.id).is_some_and(|before| is_charged(before));
                let news: Vec<Job> = changed.iter().filter(|job| is_charged(job) && !was_charged(job)).cloned().collect();
                self.take_at(changed, now);
                self.check_charges(&news, now);
                for (job, _) in &results {
                    self.poller.await_links(job, now);
                }
                for (id, task) in again {
                    self.poller.ask_now(id, &task, now);
                }
                results
            }
        }
    }

    /// Takes jobs as the store has them now to all parts, and publishes them.
    fn take(&mut self, jobs: Vec<Job>) {
        if !jobs.is_empty() {
            self.take_at(jobs, self.base.now());
        }
    }

    /// The same, for what was written at this moment.
    fn take_at(&mut self, jobs: Vec<Job>, now: Now) {
        let mut published = Vec::with_capacity(jobs.len());
        for job in jobs {
            let (job, before) = self.base.take(job);
            self.on_job(before.as_deref(), &job, now);
            published.push(job);
        }
        self.base.publisher.jobs(published);
    }

    /// Takes jobs to all parts again that have not changed themselves.
    fn take_again(&mut self, jobs: Vec<Arc<Job>>) {
        if jobs.is_empty() {
            return;
        }
        let now = self.base.now();
        for job in jobs {
            let before = self.base.jobs.put(&job, self.base.account.settings().approval_floor);
            self.on_job(before.as_deref(), &job, now);
        }
    }

    fn on_job(&mut self, before: Option<&Job>, job: &Job, now: Now) {
        self.submitter.on_job(job, self.base.account.settings().approval_floor, now);
        self.reconciler.on_job(job, now);
        if job.state() == State::Running {
            self.base.account.job_runs(now);
        }
        if let Some(kind) = self.downloads.on_job(before, job) {
            self.base.notice(None, kind);
        }
        self.poller.on_job(job, self.downloads.awaits_link(job.id), &mut self.base.services.rng, now);
    }

    fn read_external_changes(&mut self) -> Result<(), StoreError> {
        let Some((jobs, floor_moved)) = self.base.external_changes()? else { return Ok(()) };
        self.take(jobs);
        if floor_moved {
            self.take_again(self.base.jobs.all());
        }
        for request in self.base.store.take_engine_requests()? {
            self.on_request(request);
        }
        Ok(())
    }

    /// What is due once a second: other processes' changes, progress for their dashboards, links that end.
    fn tick(&mut self) {
        let rests = self.base.publisher.is_idle();
        if !self.base.peers.take_tick(Instant::now(), rests) {
            return;
        }
        self.write_settings();
        let looked = self.read_external_changes();
        if self.base.peers.looked(looked.is_ok())
            && let Err(error) = looked
        {
            self.base.store_failed(&error);
        }
        let deferred = self.submitter.take_deferred();
        self.take_again(deferred.into_iter().filter_map(|id| self.base.jobs.get(id).cloned()).collect());
        // Progress reaches the dashboards of other processes through the store, and only while there are any.
        if self.base.publisher.has_progress_for_disk() && self.base.peers.other_screens(&self.base.options.data_dir) {
            let rows = self.base.publisher.take_progress_for_disk();
            if let Err(error) = self.base.store.save_progress(&rows) {
                warn!(%error, "progress was not written; it is only for the eye");
            }
        }
        if let Err(error) = self.base.peers.checkpoint(&mut self.base.store, Instant::now()) {
            warn!(%error, "the log of the store was not brought into its file; nothing is lost");
        }
        self.base.tell_of_ending_links();
    }

    /// Notes what a call says about connection and gate, whatever it was for.
    fn on_answer(&mut self, error: Option<&ApiError>, now: Now) {
        if let Some(why) = self.base.account.on_answer(error, &mut self.gate, now) {
            self.pause(why);
        }
    }

    /// Pauses sending for a reason of the service's.
    fn pause(&mut self, why: PauseReason) {
        if self.base.account.settings().paused.as_ref() != Some(&why) {
            self.base.notice(None, NoticeKind::Paused(why.clone()));
        }
        // Also where it is known here: another process may have let sending go on a moment ago.
        self.change_settings(Some(SettingsChange::Pause(why)));
    }

    fn change_settings(&mut self, change: Option<SettingsChange>) {
        let Some(change) = change else { return };
        self.base.account.change_in_memory(&change);
        self.unwritten_settings.retain(|other| !change.replaces(other));
        self.unwritten_settings.push(change);
        self.write_settings();
    }

    /// Writes what was learned about price, balance and pause, what could not be written before included.
    fn write_settings(&mut self) {
        if self.unwritten_settings.is_empty() {
            return;
        }
        let changes = &self.unwritten_settings;
        match self.base.store.change_settings(&mut |settings| changes.iter().for_each(|change| change.apply(settings))) {
            Ok(settings) => {
                self.base.account.set_settings(settings);
                self.unwritten_settings.clear();
            }
            Err(error) => self.base.store_failed(&error),
        }
    }

    /// Whether nothing but the submitter's own state stands in the way of a paid request.
    fn is_clear(&self, now: Now) -> bool {
        let Base { jobs, account, .. } = &self.base;
        account.lets_send()
            && self.backlog.is_empty()
            && self.unwritten_settings.is_empty()
            // What cannot be kept must not be paid for.
            && self.downloads.can_save()
            && !self.reconciler.blocks_sending(jobs, now)
            && jobs.in_flight() < account.max_in_flight() as usize
    }

    /// Whether an engine without a dashboard may end: nothing is under way and nothing that may be sent is in the queue.
    fn is_idle(&self) -> bool {
        let Base { jobs, account, publisher, .. } = &self.base;
        publisher.is_loaded()
            && self.backlog.is_empty()
            && jobs.in_flight() == 0
            && self.downloads.is_empty()
            && !self.submitter.is_open()
            && (!jobs.has_unread_unsure() || self.reconciler.has_given_up_reading())
            && (account.is_paused() || !self.submitter.has_work())
    }

    /// The earliest time at which some part has something to do by itself.
    fn next_wake(&mut self, now: Now) -> Instant {
        let (clear, priced) = (self.is_clear(now), self.base.account.priced(now));
        let closed = self.gate.closed_until(now.at);
        let mut wake = self.base.peers.next_deadline();
        let mut at_latest = |at: Option<Instant>| wake = at.map_or(wake, |at| wake.min(at));
        at_latest(closed);
        at_latest(self.base.account.price_deadline(now));
        at_latest(self.reconciler.block_ends(now));
        at_latest(self.backlog.next_deadline());
        at_latest(self.base.publisher.next_deadline());
        at_latest(self.submitter.next_deadline(clear, &priced, &self.base.jobs, &self.gate, now));
        if closed.is_none() {
            let read_from = self.gate.clone().take_read(now.at).err().unwrap_or(now.at);
            at_latest(self.base.account.next_deadline(read_from));
            at_latest(self.poller.next_deadline(read_from));
            at_latest(self.submitter.next_repeat());
            at_latest(self.draft_reader.next_deadline(read_from));
            at_latest(self.reconciler.next_deadline(read_from).filter(|_| self.backlog.is_empty()));
        }
        at_latest(self.downloads.next_deadline().filter(|_| self.backlog.is_empty()));
        // A time that has passed is taken up in the next turn, but never in a busy loop.
        wake.max(Instant::now() + Duration::from_millis(1))
    }

    async fn leave(&mut self) {
        // What was confirmed here must not go out by a quick restart, which may take over while this process still waits for
        // an answer. Another dashboard that stays saw the same confirmation and goes on.
        if !self.base.peers.other_screens(&self.base.options.data_dir) {
            match self.base.store.raise_approval_floor() {
                Ok(settings) => self.base.account.set_settings(settings),
                Err(error) => {
                    self.base.store_failed(&error);
                    if let Err(error) = self.lock.not_ready() {
                        warn!(%error, "neither the store nor the lock file says that what was confirmed here ends");
                    }
                }
            }
        }
        self.write(Vec::new());
        let deadline = Instant::now() + LAST_ANSWER;
        while self.submitter.is_in_air() {
            match tokio::time::timeout_at(deadline, self.workers.next()).await {
                Ok(Some(result)) => self.on_result(result),
                Ok(None) | Err(_) => break,
            }
        }
        self.workers.abort_all();
        if let Err(error) = self.base.store.flush() {
            warn!(%error, "the store could not be flushed; it is complete all the same");
        }
    }
}

/// Waits until then, or only lets others have a turn.
async fn until(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => tokio::task::yield_now().await,
    }
}

#[cfg(test)]
mod tests;
