//! The engine's loop and its memory of what is under way.
//!
//! One value on one thread owns the store and all indices; calls to the service and downloads run as tasks that end in
//! a [`Done`]. After every event the loop starts whatever can be started (`pump`) and sleeps until the next known time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{info, warn};

use super::clock::{Clock, next_at_rest};
use super::desk::{Asker, Desk, Read};
use super::line::Line;
use super::source::Sources;
use super::{Connection, Details, Level, News, Notice, Options, PauseReason, Role, Seen, Sending, Status, Wish};
use crate::api::gate::Gate;
use crate::api::{ApiError, Balance, ListPage, Service, Submitted, TaskRow};
use crate::fetch::{FetchError, Fetcher};
use crate::job::{
    Applied, Caps, Credits, ErrorClass, Job, JobId, Phase, Progress, SavedFile, Spent, State, TaskId, TaskReport, Update, pace,
    retry,
};
use crate::store::{Ask, EngineLock, ScreenLock, Settings, Store, StoreError};

/// How often the loop looks for changes of other processes and tries to become the engine.
pub(super) const TICK: Duration = Duration::from_secs(1);
/// Progress reaches this process's screen at most so often.
const PROGRESS_SLOT: Duration = Duration::from_millis(100);
/// The money figures of the header are counted anew at most so often,
const MONEY_SLOT: Duration = Duration::from_millis(250);
/// and with a long money book so seldom that the counting takes one part in so many of the time.
const MONEY_SHARE: u32 = 50;
/// The balance is read this long after something that changed it, so that a burst costs one read.
const BALANCE_DELAY: Duration = Duration::from_secs(2);
/// While jobs run, the balance is read so often anyway.
const BALANCE_EVERY: Duration = Duration::from_mins(1);
/// So late, balance and price go before the reads of tasks.
const MONEY_LATE: Duration = Duration::from_secs(10);
/// The price is read so often while jobs wait.
const PRICE_EVERY: Duration = Duration::from_mins(10);
/// How many jobs that are over are read in one turn of the loop after the start: a few milliseconds.
const LOAD_BATCH: usize = 500;
/// How long leaving waits for the answer to an open paid request; without it the job is looked into at the next start.
const LAST_ANSWER: Duration = Duration::from_millis(700);

/// What the engine is handed: the network, the clock and the dice.
pub struct Services {
    /// EvoLink.
    pub service: Arc<dyn Service>,
    /// Downloads.
    pub fetcher: Arc<dyn Fetcher>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Dice for ids, keys and waits.
    pub dice: fastrand::Rng,
}

/// What a session is told to do.
#[derive(Debug)]
pub enum Command {
    /// Do this; the answer comes as [`News::Wished`].
    Wish {
        /// Comes back with the answer.
        ticket: u64,
        /// What to do.
        wish: Wish,
    },
    /// Tell everything about a job; the answer comes as [`News::Details`].
    Details(JobId),
    /// Remember this for the next screen.
    SaveScreenState(String),
    /// Leave.
    Stop,
}

/// How a task of the loop ended.
pub(super) enum Done {
    Submitted(JobId, Box<Result<Submitted, ApiError>>),
    Read(Read, Result<Vec<TaskReport>, ApiError>),
    Listed(Result<ListPage, ApiError>),
    Fetched(JobId, Result<Vec<SavedFile>, FetchError>),
    Balance(Result<Balance, ApiError>),
    Price(Result<Credits, ApiError>),
}

/// Which task it is, for when it panics.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Submit(JobId),
    Read(Read),
    List,
    Fetch(JobId),
    Balance,
    Price,
}

/// The paid request whose answer is awaited: at most one, so that a crash or a lost answer leaves at most one question.
#[derive(Clone, Debug)]
pub(super) struct OpenSend {
    pub(super) job: JobId,
    pub(super) in_air: bool,
    pub(super) repeat_at: Option<Instant>,
    pub(super) repeats: u32,
    pub(super) first_loss: Option<Instant>,
    pub(super) unknown_outcomes: u32,
}

impl OpenSend {
    /// The first attempt of this process.
    pub(super) fn new(job: JobId) -> Self {
        Self { job, in_air: true, repeat_at: None, repeats: 0, first_loss: None, unknown_outcomes: 0 }
    }
}

/// A walk through the account's task list, page by page, so that each page passes the gate.
#[derive(Clone, Debug, Default)]
pub(super) struct Listing {
    /// Pages that were read.
    pub(super) pages: u32,
    pub(super) rows: Vec<TaskRow>,
    /// Rows that could not be read.
    pub(super) unreadable: usize,
    pub(super) in_air: bool,
}

/// The engine, or a screen's follower of another engine: see [`Role`].
pub struct Engine {
    pub(super) store: Store,
    pub(super) options: Options,
    pub(super) service: Arc<dyn Service>,
    pub(super) fetcher: Arc<dyn Fetcher>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) dice: fastrand::Rng,
    sink: Box<dyn Fn(News) + Send>,
    lock: Option<EngineLock>,
    looks_on: bool,
    screen: Option<ScreenLock>,
    other_pid: Option<u32>,
    revision: u64,
    outside: i64,
    pub(super) settings: Settings,

    /// Jobs that are not over.
    pub(super) jobs: HashMap<JobId, Arc<Job>>,
    pub(super) line: Line,
    pub(super) set_aside: Vec<JobId>,
    /// Approved jobs whose yes is older than this start, with their places.
    behind_floor: BTreeMap<JobId, i64>,
    /// Moves whenever they change, so that thousands of them are not compared in every turn of the loop.
    behind_moved: u64,
    pub(super) in_flight: BTreeSet<JobId>,
    pub(super) unsure: BTreeSet<JobId>,
    pub(super) to_fetch: BTreeSet<(Timestamp, JobId)>,
    pub(super) fetching: HashSet<JobId>,
    pub(super) fetch_retry: BTreeMap<JobId, Instant>,
    /// Nothing to fetch is ready before this; unknown after a change.
    pub(super) fetch_ready_at: Option<Instant>,
    pub(super) fresh_links: HashSet<JobId>,
    pub(super) alarmed: HashMap<JobId, u8>,

    pub(super) gate: Gate,
    pub(super) desk: Desk,
    pub(super) sources: Sources,
    pub(super) open: Option<OpenSend>,
    pub(super) resend: VecDeque<JobId>,
    /// Unsure jobs that went out again with their key.
    pub(super) resent: HashSet<JobId>,
    pub(super) send_not_before: Option<Instant>,
    pub(super) no_capacity: u32,
    /// What this run has sent, and for which jobs: a wish that goes out again with its key counts once.
    pub(super) run_sent: Credits,
    pub(super) run_jobs: HashSet<JobId>,
    pub(super) settle_at: Option<Instant>,
    pub(super) listing: Option<Listing>,
    pub(super) list_failures: u32,
    pub(super) reads_in_air: usize,
    pub(super) read_failures: u32,
    pub(super) connection: Connection,

    balance_at: Option<Instant>,
    balance_in_air: bool,
    balance_failures: u32,
    price_at: Option<Instant>,
    price_in_air: bool,
    catalog_price: Option<Credits>,

    ops: JoinSet<Done>,
    kinds: HashMap<tokio::task::Id, Kind>,
    backlog: Vec<(JobId, Update)>,
    backlog_at: Option<Instant>,

    progress: HashMap<JobId, Progress>,
    progress_for_screen: HashSet<JobId>,
    progress_for_disk: HashSet<JobId>,
    progress_told: Instant,
    money: (Credits, Spent),
    money_is_old: bool,
    money_count_at: Option<Instant>,
    /// The last status told, without its list of jobs, which has a number instead.
    told: Option<Status>,
    told_behind: u64,
    /// When the runtime was made.
    origin: Instant,
    tick_at: Instant,
    /// Everything that was in the store at the start has been told; up to where, until then.
    loaded: bool,
    loaded_to: Option<JobId>,
    /// The store could not be read when it was last looked at.
    deaf: bool,
    stopping: bool,
}

impl Engine {
    /// Makes an engine over an open store. `lock` says whether this process is the engine; without it, it follows
    /// another one and takes over when that one is gone.
    ///
    /// Must be called inside a tokio runtime. News go to `sink`, which must not block.
    #[must_use]
    pub fn new(
        store: Store,
        lock: Option<EngineLock>,
        options: Options,
        services: Services,
        sink: Box<dyn Fn(News) + Send>,
    ) -> Self {
        let now = Instant::now();
        Self {
            gate: Gate::new(options.reads_per_minute, options.submit_gap, now),
            store,
            options,
            service: services.service,
            fetcher: services.fetcher,
            clock: services.clock,
            dice: services.dice,
            sink,
            lock,
            looks_on: false,
            screen: None,
            other_pid: None,
            revision: 0,
            outside: 0,
            settings: Settings::default(),
            jobs: HashMap::new(),
            line: Line::default(),
            set_aside: Vec::new(),
            behind_floor: BTreeMap::new(),
            behind_moved: 0,
            in_flight: BTreeSet::new(),
            unsure: BTreeSet::new(),
            to_fetch: BTreeSet::new(),
            fetching: HashSet::new(),
            fetch_retry: BTreeMap::new(),
            fetch_ready_at: None,
            fresh_links: HashSet::new(),
            alarmed: HashMap::new(),
            desk: Desk::default(),
            sources: Sources::default(),
            open: None,
            resend: VecDeque::new(),
            resent: HashSet::new(),
            send_not_before: None,
            no_capacity: 0,
            run_sent: Credits::ZERO,
            run_jobs: HashSet::new(),
            settle_at: None,
            listing: None,
            list_failures: 0,
            reads_in_air: 0,
            read_failures: 0,
            connection: Connection::Unknown,
            balance_at: None,
            balance_in_air: false,
            balance_failures: 0,
            price_at: None,
            price_in_air: false,
            catalog_price: None,
            ops: JoinSet::new(),
            kinds: HashMap::new(),
            backlog: Vec::new(),
            backlog_at: None,
            progress: HashMap::new(),
            progress_for_screen: HashSet::new(),
            progress_for_disk: HashSet::new(),
            progress_told: now,
            money: (Credits::ZERO, Spent::default()),
            money_is_old: true,
            money_count_at: None,
            told: None,
            told_behind: 0,
            origin: now,
            tick_at: now + TICK,
            loaded: false,
            loaded_to: None,
            deaf: false,
            stopping: false,
        }
    }

    /// Marks this process as a screen for the engine of another process.
    pub fn attach_screen(&mut self, screen: ScreenLock) {
        self.screen = Some(screen);
    }

    /// When the runtime was made, as exactly as the caller knows; without it, when the engine was.
    pub fn runtime_made(&mut self, at: Instant) {
        self.origin = at;
    }

    /// This process never takes over and writes nothing.
    pub fn only_look_on(&mut self) {
        self.looks_on = true;
    }

    /// Gives the store back; what is under way is dropped as it would be by a crash.
    #[must_use]
    pub fn into_store(self) -> Store {
        self.store
    }

    /// Runs until told to stop, or until the commands' other end is gone.
    ///
    /// # Errors
    /// When the store cannot be read at the start.
    pub async fn run(&mut self, commands: &mut UnboundedReceiver<Command>) -> Result<(), StoreError> {
        self.start()?;
        while !self.stopping {
            self.pump();
            self.tell();
            let wake = if self.loaded {
                Some(self.next_wake())
            } else {
                self.load_more()?;
                None
            };
            tokio::select! {
                // Commands first: a key must not wait behind a thousand answers.
                biased;
                command = commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => self.stopping = true,
                },
                Some(done) = self.ops.join_next_with_id(), if !self.ops.is_empty() => self.done(done),
                () = until(wake) => {}
            }
            // Whatever else is ready is taken in the same turn, so a burst costs one turn of the loop.
            for _ in 0..256 {
                if let Ok(command) = commands.try_recv() {
                    self.command(command);
                } else if let Some(done) = self.ops.try_join_next_with_id() {
                    self.done(done);
                } else {
                    break;
                }
            }
            self.tick();
        }
        self.leave().await;
        Ok(())
    }

    /// Tells the screen that the session is over.
    pub(super) fn tell_broken(&self, trouble: &StoreError) {
        self.send(News::Broken(trouble.to_string()));
    }

    /// Reads the store and takes up what was under way.
    fn start(&mut self) -> Result<(), StoreError> {
        self.outside = self.store.outside_version()?;
        // What is not over is small and acts; what is over is only looked at, and follows turn by turn.
        let changes = self.store.open_jobs()?;
        self.revision = changes.revision;
        self.settings = changes.settings;
        let mut jobs: Vec<Arc<Job>> = changes.jobs.into_iter().map(Arc::new).collect();
        // What becoming the engine does not change is shown before its synced writes: a slow disk takes its time for them.
        let (changing, lasting): (Vec<_>, Vec<_>) = jobs.iter().cloned().partition(|job| was_interrupted(job));
        if !lasting.is_empty() {
            self.send(News::Jobs(lasting));
        }
        let mut untold: HashSet<JobId> = changing.iter().map(|job| job.id).collect();
        if self.lock.is_some() {
            let taken_up: HashMap<JobId, Job> = self.become_engine(true, &jobs)?.into_iter().map(|job| (job.id, job)).collect();
            untold.extend(taken_up.keys());
            for job in &mut jobs {
                // The revision stays: another process may have written in between, and is heard only then.
                if let Some(now) = taken_up.get(&job.id) {
                    *job = Arc::new(now.clone());
                }
            }
        } else {
            self.other_pid = Store::engine_pid(&self.options.data_dir);
        }
        for job in &jobs {
            self.index(job);
        }
        jobs.retain(|job| untold.contains(&job.id));
        if !jobs.is_empty() {
            self.send(News::Jobs(jobs));
        }
        info!(jobs = self.jobs.len(), engine = self.is_engine(), "what is not over is read");
        Ok(())
    }

    /// Tells some more of the jobs that were over at the start. They are read as they are now, so it does not matter what
    /// was changed and told in the meantime.
    fn load_more(&mut self) -> Result<(), StoreError> {
        let jobs = self.store.jobs_over(self.loaded_to, LOAD_BATCH)?;
        self.loaded = jobs.len() < LOAD_BATCH;
        self.loaded_to = jobs.last().map_or(self.loaded_to, |job| Some(job.id));
        if !jobs.is_empty() {
            self.send(News::Jobs(jobs.into_iter().map(Arc::new).collect()));
        }
        if self.loaded {
            self.send(News::Loaded);
        }
        Ok(())
    }

    /// Takes up the engine's work over these jobs; returns those that changed. `fresh`: this process has just started, so
    /// earlier approvals need a new yes; a screen that takes over from a dead engine is no restart.
    fn become_engine(&mut self, fresh: bool, jobs: &[Arc<Job>]) -> Result<Vec<Job>, StoreError> {
        let now = self.clock.now();
        let interrupted: Vec<(JobId, Update)> =
            jobs.iter().filter(|job| was_interrupted(job)).map(|job| (job.id, Update::EngineStarted)).collect();
        let results = self.store.apply(interrupted, now)?;
        let mut changed: Vec<Job> = results.into_iter().filter(|(_, applied)| applied.changed()).map(|(job, _)| job).collect();
        if fresh {
            self.settings = self.store.raise_send_floor()?;
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
    fn take_over(&mut self) -> Result<(), StoreError> {
        self.hear_others()?;
        let known: Vec<Arc<Job>> = self.jobs.values().cloned().collect();
        let changed = self.become_engine(false, &known)?;
        for job in &known {
            self.index(job);
        }
        self.absorb_all(changed);
        Ok(())
    }

    /// `run --yes --max-credits N` is a yes to what was approved before; each job keeps the price that was agreed for it.
    fn approve_earlier(&mut self, jobs: &[Arc<Job>], now: Timestamp) -> Result<Vec<Job>, StoreError> {
        let mut by_price: BTreeMap<Credits, Vec<JobId>> = BTreeMap::new();
        for job in jobs.iter().filter(|job| job.phase == Phase::Waiting) {
            if let Some(yes) = job.approval {
                by_price.entry(yes.price).or_default().push(job.id);
            }
        }
        let mut approved = Vec::new();
        for (price, ids) in by_price {
            let consent = super::Consent { count: ids.len(), price, grace: Duration::ZERO };
            approved.extend(self.store.approve(&ids, consent, now)?.1);
        }
        if self.settings.paused.is_some() {
            self.settings = self.store.change_settings(&mut |settings| settings.paused = None)?;
        }
        Ok(approved)
    }

    /// Whether this process sends.
    pub(super) fn is_engine(&self) -> bool {
        self.lock.is_some()
    }

    /// Keeps the engine's indices in step with one job.
    fn index(&mut self, job: &Arc<Job>) {
        let id = job.id;
        let now = Instant::now();
        if let Some(before) = self.jobs.get(&id)
            && let Some(expiry) = before.link_expires_at
        {
            self.to_fetch.remove(&(expiry, id));
        }
        self.to_fetch.remove(&(Timestamp::MAX, id));
        if job.phase != Phase::Waiting {
            self.line.remove(id);
        }
        let behind = self.behind_floor.remove(&id);
        self.in_flight.remove(&id);
        self.unsure.remove(&id);
        let asker = Asker::Job(id);
        let mut asks = false;
        match &job.phase {
            Phase::Waiting => match job.approval {
                Some(yes) if yes.seq > self.settings.send_floor => {
                    // By the wall clock no more than the whole period is left, whichever way it was turned meanwhile.
                    let whole = Duration::try_from(yes.not_before.duration_since(yes.at)).unwrap_or_default();
                    let left = Duration::try_from(yes.not_before.duration_since(self.clock.now())).unwrap_or_default();
                    self.line.insert(id, job.place, yes.seq, now + left.min(whole));
                }
                _ => {
                    self.line.remove(id);
                    self.behind_floor.insert(id, job.place);
                }
            },
            Phase::Sending => {
                self.in_flight.insert(id);
            }
            Phase::Unsure(doubt) => {
                self.unsure.insert(id);
                if !doubt.looked {
                    let at = self.may_look_from(job, now);
                    self.settle_at = Some(self.settle_at.map_or(at, |before| before.max(at)));
                }
            }
            Phase::Running(progress) => {
                self.in_flight.insert(id);
                asks = true;
                if !self.desk.knows(&asker)
                    && let Some(task) = &job.task
                    && self.is_engine()
                {
                    let due = now + self.first_look(job, progress);
                    self.desk.watch(&asker, task, due, self.age(job), job.estimate, now);
                }
            }
            Phase::ToFetch(_) => {
                asks = self.fresh_links.contains(&id);
                self.to_fetch.insert((job.link_expires_at.unwrap_or(Timestamp::MAX), id));
                self.fetch_ready_at = None;
            }
            Phase::Fetching(_) | Phase::Held(_) | Phase::Saved | Phase::Failed(_) | Phase::Cancelled(_) | Phase::Unwatched => {}
        }
        if behind != self.behind_floor.get(&id).copied() {
            self.behind_moved += 1;
        }
        if !asks {
            self.desk.forget(&asker);
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
        }
        if job.state().is_final() || job.state() == State::Unwatched {
            self.jobs.remove(&id);
        } else {
            self.jobs.insert(id, Arc::clone(job));
        }
    }

    fn first_look(&mut self, job: &Job, progress: &Progress) -> Duration {
        let sent_now = job.sent_at.is_some_and(|sent| sent == self.clock.now());
        if progress.at.is_none() || !sent_now {
            // Taken up after a restart or found in the list: nobody knows how it stands.
            return Duration::ZERO;
        }
        let estimate = job.estimate.map(|seconds| Duration::from_secs(seconds.into()));
        pace::first_look(estimate, self.dice.f64())
    }

    /// How long ago its task was submitted, as far as is known.
    fn age(&self, job: &Job) -> Duration {
        job.sent_at.and_then(|sent| Duration::try_from(self.clock.now().duration_since(sent)).ok()).unwrap_or_default()
    }

    /// Takes a job as the store has it now, and tells the screen.
    pub(super) fn absorb(&mut self, job: Job) {
        self.absorb_all(vec![job]);
    }

    /// Takes jobs as the store has them now, and tells the screen.
    pub(super) fn absorb_all(&mut self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        self.money_is_old = true;
        let mut told = Vec::with_capacity(jobs.len());
        for mut job in jobs {
            if let (Phase::Running(progress), Some(newer)) = (&mut job.phase, self.progress.get(&job.id)) {
                *progress = *newer;
            }
            // Only if nobody wrote in between: what lies there has not been heard yet.
            if job.revision == self.revision + 1 {
                self.revision = job.revision;
            }
            let job = Arc::new(job);
            self.index(&job);
            told.push(job);
        }
        self.send(News::Jobs(told));
    }

    /// Writes updates of the engine's own doing. What cannot be written is kept and tried again; until then nothing is sent.
    pub(super) fn write(&mut self, updates: Vec<(JobId, Update)>) -> Vec<(Job, Applied)> {
        if updates.is_empty() && self.backlog.is_empty() {
            return Vec::new();
        }
        self.backlog.extend(updates);
        match self.store.apply(self.backlog.clone(), self.clock.now()) {
            Ok(results) => {
                let waited: HashSet<JobId> = self.backlog.drain(..).map(|(id, _)| id).collect();
                let mut again = Vec::new();
                if self.backlog_at.take().is_some() {
                    self.notice(Level::Info, None, "the store can be written again; nothing was lost");
                    again = self.settle_fresh_links(&waited, &results);
                }
                let changed = results.iter().filter(|(_, applied)| applied.changed()).map(|(job, _)| job.clone()).collect();
                self.absorb_all(changed);
                let now = Instant::now();
                for (id, task) in again {
                    self.desk.ask(Asker::Job(id), &task, now, now);
                    self.desk.alone(&Asker::Job(id));
                }
                results
            }
            Err(trouble) => {
                if self.backlog_at.is_none() {
                    self.notice(Level::Alarm, None, format!("{trouble}; sending is stopped until the store can be written"));
                }
                self.backlog_at = Some(Instant::now() + Duration::from_secs(1));
                Vec::new()
            }
        }
    }

    /// Answers about fresh links may be among what had to wait for the store: who got one is fetched, and who still
    /// waits for one is returned, to be asked about once more.
    fn settle_fresh_links(&mut self, waited: &HashSet<JobId>, results: &[(Job, Applied)]) -> Vec<(JobId, TaskId)> {
        let mut again = Vec::new();
        for id in waited.iter().filter(|id| self.fresh_links.contains(id)).copied().collect::<Vec<_>>() {
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
    pub(super) fn store_is_well(&self) -> bool {
        self.backlog.is_empty()
    }

    /// Starts whatever can be started now.
    fn pump(&mut self) {
        if self.backlog_at.is_some_and(|at| at <= Instant::now()) {
            self.write(Vec::new());
        }
        if !self.is_engine() {
            return;
        }
        self.pump_looks();
        self.pump_settling();
        self.pump_sends();
        // A full desk takes every read there is; what the header shows of the money must not starve behind it.
        let late = Instant::now().checked_sub(MONEY_LATE);
        if late.is_some_and(|late| [self.balance_at, self.price_at].into_iter().flatten().any(|at| at <= late)) {
            self.pump_money();
        }
        self.pump_reads();
        self.pump_fetches();
        self.pump_money();
    }

    /// Reads balance and price when it is time.
    fn pump_money(&mut self) {
        let now = Instant::now();
        if self.gate.closed_until(now).is_some() {
            return;
        }
        if !self.balance_in_air && self.balance_at.is_some_and(|at| at <= now) && self.gate.take_read(now).is_ok() {
            self.balance_at = None;
            self.balance_in_air = true;
            let service = Arc::clone(&self.service);
            self.spawn(Kind::Balance, async move { Done::Balance(service.credits().await) });
        }
        if !self.price_in_air && self.price_at.is_some_and(|at| at <= now) && self.gate.take_read(now).is_ok() {
            self.price_at = None;
            self.price_in_air = true;
            let service = Arc::clone(&self.service);
            self.spawn(Kind::Price, async move { Done::Price(service.price().await) });
        }
    }

    /// The balance has probably changed.
    pub(super) fn balance_changed(&mut self) {
        let at = Instant::now() + BALANCE_DELAY;
        self.balance_at = Some(self.balance_at.map_or(at, |before| before.min(at)));
    }

    /// Reads the balance as soon as possible.
    pub(super) fn balance_now(&mut self) {
        self.balance_at = Some(Instant::now());
    }

    pub(super) fn spawn(&mut self, kind: Kind, work: impl Future<Output = Done> + Send + 'static) {
        let handle = self.ops.spawn(work);
        self.kinds.insert(handle.id(), kind);
    }

    fn done(&mut self, done: Result<(tokio::task::Id, Done), tokio::task::JoinError>) {
        match done {
            Ok((id, done)) => {
                self.kinds.remove(&id);
                match done {
                    Done::Submitted(job, result) => self.submitted(job, *result),
                    Done::Read(read, result) => self.has_read(read, result),
                    Done::Listed(result) => self.listed(result),
                    Done::Fetched(job, result) => self.fetched(job, result),
                    Done::Balance(result) => self.has_balance(result),
                    Done::Price(result) => self.has_price(result),
                }
            }
            Err(panicked) => {
                let Some(kind) = self.kinds.remove(&panicked.id()) else { return };
                warn!(?kind, %panicked, "a worker ended by a fault of this program");
                let fault = ApiError {
                    class: ErrorClass::Local,
                    code: "worker_fault".into(),
                    message: "this program's worker failed; the log says more".into(),
                    status: None,
                    request_id: None,
                    retry_after: None,
                };
                match kind {
                    Kind::Submit(job) => self.submitted(job, Err(ApiError { class: ErrorClass::Network, ..fault })),
                    Kind::Read(read) => self.has_read(read, Err(fault)),
                    Kind::List => self.listed(Err(fault)),
                    Kind::Fetch(job) => self.fetched(job, Err(FetchError::Passing(fault.message))),
                    Kind::Balance => self.has_balance(Err(fault)),
                    Kind::Price => self.price_in_air = false,
                }
            }
        }
    }

    fn has_balance(&mut self, result: Result<Balance, ApiError>) {
        self.balance_in_air = false;
        match result {
            Ok(balance) => {
                self.came_back(None);
                self.balance_failures = 0;
                let seen = Seen { amount: balance.usable(), at: self.clock.now() };
                self.change_settings(|settings| settings.balance = Some(seen));
                if !self.in_flight.is_empty() {
                    self.balance_at.get_or_insert(Instant::now() + BALANCE_EVERY);
                }
            }
            Err(error) => {
                self.came_back(Some(&error));
                self.balance_failures += 1;
                let wait = retry::read_wait(self.balance_failures, error.retry_after, self.dice.f64());
                self.balance_at = Some(Instant::now() + wait.max(Duration::from_secs(5)));
            }
        }
    }

    fn has_price(&mut self, result: Result<Credits, ApiError>) {
        self.price_in_air = false;
        self.price_at = Some(Instant::now() + PRICE_EVERY);
        match result {
            Ok(price) => {
                self.came_back(None);
                // The reserve of the latest answer is authoritative (reference §4.9); the public price counts while
                // there is none, or when it moves.
                let moved = self.catalog_price.replace(price).is_some_and(|before| before != price);
                if self.settings.price.is_none() || moved {
                    let seen = Seen { amount: price, at: self.clock.now() };
                    self.change_settings(|settings| settings.price = Some(seen));
                }
            }
            // The price is a help, not a need: the agreed one stands, and the answer to a send tells the truth.
            Err(error) => self.came_back(Some(&error)),
        }
    }

    /// Notes what a call says about the line, whatever it was for.
    pub(super) fn came_back(&mut self, error: Option<&ApiError>) {
        let now = Instant::now();
        match error {
            Some(error) if error.class == ErrorClass::RateLimited => {
                self.connection = Connection::Up;
                let until = self.gate.refused(now, error.retry_after);
                info!(wait = ?until.saturating_duration_since(now), "too many requests: all wait");
            }
            Some(error) if error.class == ErrorClass::Network => {
                if !matches!(self.connection, Connection::Down { .. }) {
                    self.connection = Connection::Down { since: self.clock.now(), why: error.sentence() };
                    let knock = now + Duration::from_secs(5);
                    self.balance_at = Some(self.balance_at.map_or(knock, |at| at.min(knock)));
                }
            }
            Some(error) if error.class == ErrorClass::Login => {
                self.connection = Connection::Up;
                self.gate.answered(now);
                self.pause(&PauseReason::Login { said: error.sentence() });
            }
            _ => {
                self.connection = Connection::Up;
                self.gate.answered(now);
            }
        }
    }

    /// Pauses sending for a reason of the service's.
    pub(super) fn pause(&mut self, why: &PauseReason) {
        if self.settings.paused.as_ref() == Some(why) {
            return;
        }
        let said = match why {
            PauseReason::You => "sending is paused".to_owned(),
            PauseReason::Price { agreed, now } => {
                format!("sending is paused: the price is {now} credits now, agreed were {agreed}; P asks for a new yes")
            }
            PauseReason::Login { said } => format!("sending is paused: {said}"),
            PauseReason::Balance { said } | PauseReason::Access { said } => format!("sending is paused: {said}; P goes on"),
        };
        self.notice(Level::Alarm, None, said);
        self.change_settings(|settings| settings.paused = Some(why.clone()));
    }

    pub(super) fn change_settings(&mut self, mut change: impl FnMut(&mut Settings)) {
        match self.store.change_settings(&mut change) {
            Ok(settings) => self.settings = settings,
            Err(trouble) => {
                // Kept in memory at least: a pause must hold even when the disk is full.
                change(&mut self.settings);
                self.notice(Level::Alarm, None, trouble.to_string());
            }
        }
    }

    pub(super) fn caps(&self) -> Caps {
        Caps {
            session: self.settings.cap_session.unwrap_or(self.options.caps.session),
            day: self.settings.cap_day.unwrap_or(self.options.caps.day),
        }
    }

    pub(super) fn max_in_flight(&self) -> u32 {
        self.settings.max_in_flight.unwrap_or(self.options.max_in_flight)
    }

    /// The price of one enhance as far as it is known.
    pub(super) fn price(&self) -> Credits {
        self.settings.price.map_or(Credits::PUBLISHED_PRICE, |seen| seen.amount)
    }

    pub(super) fn day_start(&self, now: Timestamp) -> Timestamp {
        let day = now.to_zoned(self.options.time_zone.clone());
        day.start_of_day().map_or(now, |start| start.timestamp())
    }

    fn month_start(&self, now: Timestamp) -> Timestamp {
        let day = now.to_zoned(self.options.time_zone.clone());
        day.first_of_month().and_then(|first| first.start_of_day()).map_or(now, |start| start.timestamp())
    }

    /// The newest progress heard in this process.
    pub(super) fn known_progress(&self, id: JobId) -> Option<Progress> {
        self.progress.get(&id).copied()
    }

    /// New progress of a running job: kept in memory, told in slots.
    pub(super) fn progressed(&mut self, id: JobId, progress: Progress) {
        self.progress.insert(id, progress);
        self.progress_for_screen.insert(id);
        self.progress_for_disk.insert(id);
    }

    pub(super) fn send(&self, news: News) {
        (self.sink)(news);
    }

    pub(super) fn notice(&self, level: Level, job: Option<JobId>, text: impl Into<String>) {
        let text = text.into();
        match level {
            Level::Info => info!(job = ?job, "{text}"),
            Level::Warning | Level::Alarm => warn!(job = ?job, "{text}"),
        }
        self.send(News::Notice(Notice { at: self.clock.now(), level, job, text }));
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Wish { ticket, wish } => {
                let outcome = if self.looks_on {
                    Err("nothing was changed: this screen only looks on".to_owned())
                } else {
                    self.perform(wish)
                };
                self.send(News::Wished { ticket, outcome });
            }
            Command::Details(job) => {
                let details = Details {
                    timeline: self.store.timeline(job).unwrap_or_default(),
                    raw: self.store.raw_answer(job).unwrap_or_default(),
                };
                self.send(News::Details { job, details: Arc::new(details) });
            }
            Command::SaveScreenState(_) if self.looks_on => {}
            Command::SaveScreenState(state) => {
                if let Err(trouble) = self.store.set_screen_state(&state) {
                    self.notice(Level::Warning, None, format!("the view could not be remembered: {trouble}"));
                }
            }
            Command::Stop => self.stopping = true,
        }
    }

    /// What is due once a second: other processes' changes, the engine's lock, progress on disk, dying links.
    fn tick(&mut self) {
        let now = Instant::now();
        if now < self.tick_at {
            return;
        }
        let rests = self.told.as_ref().is_some_and(|told| told.idle);
        self.tick_at = if rests { next_at_rest(self.origin, now) } else { now + TICK };
        match self.hear_others() {
            Ok(()) => self.deaf = false,
            // Told once, not every second.
            Err(trouble) if !std::mem::replace(&mut self.deaf, true) => self.notice(Level::Alarm, None, trouble.to_string()),
            Err(_) => {}
        }
        if self.is_engine() {
            for id in std::mem::take(&mut self.set_aside) {
                if let Some(job) = self.jobs.get(&id).cloned() {
                    self.index(&job);
                }
            }
            self.write_progress();
            self.watch_links();
            return;
        }
        if self.looks_on {
            self.other_pid = Store::engine_pid(&self.options.data_dir);
            return;
        }
        match Store::lock_engine(&self.options.data_dir) {
            Ok(Some(lock)) => {
                self.lock = Some(lock);
                self.other_pid = None;
                self.notice(Level::Warning, None, "the engine was gone: this process goes on in its place");
                if let Err(trouble) = self.take_over() {
                    self.lock = None;
                    self.notice(Level::Alarm, None, trouble.to_string());
                }
            }
            Ok(None) => self.other_pid = Store::engine_pid(&self.options.data_dir),
            Err(trouble) => self.notice(Level::Alarm, None, trouble.to_string()),
        }
    }

    /// Takes in what other processes wrote.
    fn hear_others(&mut self) -> Result<(), StoreError> {
        let outside = self.store.outside_version()?;
        if outside == self.outside {
            return Ok(());
        }
        self.outside = outside;
        self.store.refresh()?;
        let changes = self.store.changes_since(self.revision)?;
        let floor_moved = changes.settings.send_floor != self.settings.send_floor;
        self.settings = changes.settings;
        self.revision = changes.revision;
        if !changes.gone.is_empty() {
            for id in &changes.gone {
                self.jobs.remove(id);
            }
            self.send(News::Gone(changes.gone));
        }
        let mut jobs = changes.jobs;
        jobs.retain(|job| self.jobs.get(&job.id).is_none_or(|known| known.revision != job.revision));
        self.absorb_all(jobs);
        if floor_moved {
            let all: Vec<Arc<Job>> = self.jobs.values().cloned().collect();
            for job in all {
                self.index(&job);
            }
        }
        if self.is_engine() {
            for ask in self.store.take_asks()? {
                match ask {
                    Ask::Read(job) => self.ask_now(&[job]),
                    Ask::Fetch(job) => self.fetch_now(job),
                    Ask::ReadAll => self.ask_now(&[]),
                }
            }
        }
        Ok(())
    }

    /// Progress reaches the screens of other processes through the store, and only while there are any.
    fn write_progress(&mut self) {
        if self.progress_for_disk.is_empty() || !Store::other_screens(&self.options.data_dir, self.screen.as_ref()) {
            return;
        }
        let rows: Vec<(JobId, Progress)> =
            self.progress_for_disk.drain().filter_map(|id| self.progress.get(&id).map(|progress| (id, *progress))).collect();
        if let Err(trouble) = self.store.save_progress(&rows) {
            warn!(%trouble, "progress was not written; it is only for the eye");
        }
    }

    /// Tells the screen what is new, each kind in its slot.
    fn tell(&mut self) {
        let now = Instant::now();
        if !self.progress_for_screen.is_empty() && now >= self.progress_told + PROGRESS_SLOT {
            self.progress_told = now;
            let news = self.progress_for_screen.drain().filter_map(|id| self.progress.get(&id).map(|p| (id, *p))).collect();
            self.send(News::Progress(news));
        }
        let stamp = self.clock.now();
        if self.money_is_old && self.money_count_at.is_none_or(|at| now >= at) {
            self.money_is_old = false;
            let reserved =
                self.jobs.values().filter(|job| job.charge == Some(crate::job::Charge::Reserved)).map(|job| job.spent()).sum();
            match self.store.spent(stamp, self.day_start(stamp), self.month_start(stamp)) {
                Ok(spent) => self.money = (reserved, spent),
                Err(trouble) => warn!(%trouble, "the spending could not be counted"),
            }
            let counted = Instant::now();
            self.money_count_at = Some(counted + MONEY_SLOT.max((counted - now) * MONEY_SHARE));
        }
        let status = self.status(stamp);
        if self.told_behind != self.behind_moved || self.told.as_ref() != Some(&status) {
            let mut waiting: Vec<(i64, JobId)> = self.behind_floor.iter().map(|(id, place)| (*place, *id)).collect();
            waiting.sort_unstable();
            let waiting_for_go = waiting.into_iter().map(|(_, id)| id).collect();
            self.told_behind = self.behind_moved;
            self.told = Some(status.clone());
            self.send(News::Status(Arc::new(Status { waiting_for_go, ..status })));
        }
    }

    /// The state without the jobs that wait for a go.
    fn status(&self, stamp: Timestamp) -> Status {
        let now = Instant::now();
        let all_wait_until = self.gate.closed_until(now).and_then(|until| {
            let left = SignedDuration::try_from(until - now).ok()?;
            // Whole seconds, so that the same wait is the same status each time it is asked for.
            Timestamp::from_second(stamp.checked_add(left).ok()?.as_second() + 1).ok()
        });
        Status {
            role: if self.is_engine() { Role::Engine } else { Role::Screen { engine_pid: self.other_pid } },
            connection: self.connection.clone(),
            all_wait_until: match &self.told {
                // Rounding may differ by a second between two looks at one wait.
                Some(told) if near(told.all_wait_until, all_wait_until) => told.all_wait_until,
                _ => all_wait_until,
            },
            paused: self.settings.paused.clone(),
            in_flight: u32::try_from(self.in_flight.len()).unwrap_or(u32::MAX),
            max_in_flight: self.max_in_flight(),
            waiting_for_go: Vec::new(),
            price: self.price(),
            price_is_reported: self.settings.price.is_some(),
            balance: self.settings.balance,
            reserved: self.money.0,
            spent: self.money.1,
            caps: self.caps(),
            idle: self.is_idle(),
        }
    }

    /// Whether an engine without a screen may end: nothing is under way and nothing that may be sent is in line.
    fn is_idle(&self) -> bool {
        let may_send = self.settings.paused.is_none() && self.options.sending != Sending::Nothing;
        let unsettled = self
            .unsure
            .iter()
            .any(|id| self.jobs.get(id).is_some_and(|job| matches!(&job.phase, Phase::Unsure(doubt) if !doubt.looked)));
        self.loaded
            && self.backlog.is_empty()
            && self.in_flight.is_empty()
            && self.to_fetch.is_empty()
            && self.fetching.is_empty()
            && self.open.is_none()
            && !(unsettled && self.is_engine())
            && !(may_send && (!self.line.is_empty() || !self.resend.is_empty() || !self.set_aside.is_empty()))
    }

    /// The earliest time at which the loop has something to do by itself.
    fn next_wake(&mut self) -> Instant {
        let now = Instant::now();
        let mut wake = self.tick_at;
        let mut at_latest = |at: Option<Instant>| {
            if let Some(at) = at {
                wake = wake.min(at);
            }
        };
        at_latest(self.backlog_at);
        if !self.progress_for_screen.is_empty() {
            at_latest(Some(self.progress_told + PROGRESS_SLOT));
        }
        if self.money_is_old {
            at_latest(self.money_count_at);
        }
        if self.lock.is_some() {
            let closed = self.gate.closed_until(now);
            at_latest(closed);
            if closed.is_none() {
                // Never before the budget has a read for it: a time that has passed would be looked at again and again.
                let budget = self.gate.clone().take_read(now).err().unwrap_or(now);
                at_latest(self.balance_at.filter(|_| !self.balance_in_air).map(|at| at.max(budget)));
                at_latest(self.price_at.filter(|_| !self.price_in_air).map(|at| at.max(budget)));
                at_latest(self.next_page(now));
                at_latest(self.open.as_ref().and_then(|open| open.repeat_at));
                at_latest(self.next_read(now));
            }
            at_latest(self.next_send(now));
            at_latest(self.next_fetch());
        }
        // A time that has passed is taken up in the next turn, but never in a busy loop.
        wake.max(now + Duration::from_millis(1))
    }

    async fn leave(&mut self) {
        if !self.store_is_well() {
            self.write(Vec::new());
        }
        if self.open.as_ref().is_some_and(|open| open.in_air) {
            let deadline = Instant::now() + LAST_ANSWER;
            while self.open.as_ref().is_some_and(|open| open.in_air) {
                match tokio::time::timeout_at(deadline, self.ops.join_next_with_id()).await {
                    Ok(Some(done)) => self.done(done),
                    Ok(None) | Err(_) => break,
                }
            }
        }
        self.ops.abort_all();
        if self.looks_on {
            return;
        }
        if let Err(trouble) = self.store.flush() {
            warn!(%trouble, "the store could not be flushed; it is whole all the same");
        }
    }
}

/// Whether an engine that died left it in the middle of something.
fn was_interrupted(job: &Job) -> bool {
    matches!(job.state(), State::Sending | State::Fetching | State::Unsure)
}

/// Waits until then, or only lets others have a turn.
async fn until(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => tokio::task::yield_now().await,
    }
}

/// Whether two ends of a wait differ by no more than the rounding.
fn near(a: Option<Timestamp>, b: Option<Timestamp>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if (a.as_second() - b.as_second()).abs() <= 1)
}
