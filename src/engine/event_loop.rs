//! The engine's loop and its memory of what is under way.
//!
//! One value on one thread owns the store and all indices; calls to the service and downloads run as tasks that end in
//! a [`WorkerResult`]. After every event the loop starts whatever can be started (`start_due_work`) and sleeps until the next known time.

mod account;
mod index;
mod peers;
mod publisher;
mod start;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::warn;

use super::clock::Clock;
use super::downloads::Reread;
use super::draft_check::DraftChecks;
use super::poll_scheduler::{PollScheduler, Read};
use super::queue::Queue;
use super::{Command, CommandError, Connection, Details, EngineEvent, NoticeKind, Options, Status};
use crate::api::gate::Gate;
use crate::api::{ApiError, Balance, ListPage, Service, Submitted, TaskRow};
use crate::fetch::{FetchError, Fetcher};
use crate::job::{Credits, ErrorClass, Job, JobId, Progress, SavedFile, Spent, TaskReport, Update};
use crate::store::{EngineLock, ScreenLock, Settings, Store, StoreError};

/// How often the loop looks for changes of other processes and tries to become the engine.
pub(super) const TICK: Duration = Duration::from_secs(1);
/// Progress reaches this process's screen at most so often.
const PROGRESS_SLOT: Duration = Duration::from_millis(100);
/// So late, balance and price go before the reads of tasks.
const MONEY_LATE: Duration = Duration::from_secs(10);
/// How long leaving waits for the answer to an open paid request; without it the job is looked into at the next start.
const LAST_ANSWER: Duration = Duration::from_millis(700);

/// What the engine is handed: the network, the clock and random numbers.
pub struct Services {
    /// EvoLink.
    pub service: Arc<dyn Service>,
    /// Downloads.
    pub fetcher: Arc<dyn Fetcher>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Random numbers for ids, keys and waits.
    pub rng: fastrand::Rng,
}

/// What a session is told to do.
#[derive(Debug)]
pub enum SessionMessage {
    /// Do this; the answer comes as [`EngineEvent::CommandDone`].
    Command {
        /// Comes back with the answer.
        ticket: u64,
        /// What to do.
        command: Command,
    },
    /// Tell everything about a job; the answer comes as [`EngineEvent::Details`].
    Details(JobId),
    /// Remember this for the next screen.
    SaveScreenState(String),
    /// Leave.
    Stop,
}

/// How a task of the loop ended.
pub(super) enum WorkerResult {
    Submitted(JobId, Box<Result<Submitted, ApiError>>),
    Read(Read, Result<Vec<TaskReport>, ApiError>),
    Listed(Result<ListPage, ApiError>),
    Fetched(JobId, Result<Vec<SavedFile>, FetchError>),
    Balance(Result<Balance, ApiError>),
    Price(Result<Credits, ApiError>),
}

/// Which task it is, for when it panics.
#[derive(Clone, Debug)]
pub(super) enum WorkerKind {
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

/// The engine, or a screen's follower of another engine: see [`Role`](super::Role).
pub struct Engine {
    pub(super) store: Store,
    pub(super) options: Options,
    pub(super) service: Arc<dyn Service>,
    pub(super) fetcher: Arc<dyn Fetcher>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rng: fastrand::Rng,
    events: Box<dyn Fn(EngineEvent) + Send>,
    lock: Option<EngineLock>,
    read_only: bool,
    screen: Option<ScreenLock>,
    peer_pid: Option<u32>,
    revision: u64,
    external_version: i64,
    pub(super) settings: Settings,

    /// Jobs that are not over.
    pub(super) jobs: HashMap<JobId, Arc<Job>>,
    pub(super) queue: Queue,
    pub(super) deferred: Vec<JobId>,
    /// Approved jobs whose yes is older than this start, with their places.
    older_than_floor: BTreeMap<JobId, i64>,
    /// Moves whenever they change, so that thousands of them are not compared in every turn of the loop.
    older_than_floor_version: u64,
    pub(super) in_flight: BTreeSet<JobId>,
    pub(super) unsure: BTreeSet<JobId>,
    pub(super) to_fetch: BTreeSet<(Timestamp, JobId)>,
    pub(super) fetching: HashSet<JobId>,
    pub(super) fetch_retry: BTreeMap<JobId, Instant>,
    /// Nothing to fetch is ready before this; unknown after a change.
    pub(super) fetch_ready_at: Option<Instant>,
    /// Jobs to be fetched whose tasks are read once more, for a fresh link.
    pub(super) fresh_links: HashMap<JobId, Reread>,
    /// Jobs whose results could not be saved for a reason of this machine.
    pub(super) unsavable: HashSet<JobId>,
    pub(super) alarmed: HashMap<JobId, u8>,

    pub(super) gate: Gate,
    pub(super) scheduler: PollScheduler,
    pub(super) draft_checks: DraftChecks,
    pub(super) open: Option<OpenSend>,
    pub(super) resend: VecDeque<JobId>,
    /// Unsure jobs that went out again with their key.
    pub(super) resent: HashSet<JobId>,
    pub(super) send_not_before: Option<Instant>,
    pub(super) no_capacity: u32,
    /// What this run has sent, and for which jobs: a command that goes out again with its key counts once.
    pub(super) run_sent: Credits,
    pub(super) run_jobs: HashSet<JobId>,
    pub(super) reconcile_at: Option<Instant>,
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

    ops: JoinSet<WorkerResult>,
    worker_kinds: HashMap<tokio::task::Id, WorkerKind>,
    backlog: Vec<(JobId, Update)>,
    backlog_at: Option<Instant>,

    progress: HashMap<JobId, Progress>,
    progress_for_screen: HashSet<JobId>,
    progress_for_disk: HashSet<JobId>,
    progress_published: Instant,
    money: (Credits, Spent),
    money_is_old: bool,
    money_count_at: Option<Instant>,
    /// The last status published, without its list of jobs, which has a number instead.
    published: Option<Status>,
    published_older: u64,
    /// When the runtime was made.
    origin: Instant,
    tick_at: Instant,
    /// Everything that was in the store at the start has been published; up to where, until then.
    loaded: bool,
    loaded_to: Option<JobId>,
    /// The store could not be read when it was last looked at.
    store_unreadable: bool,
    stopping: bool,
}

impl Engine {
    /// Makes an engine over an open store. `lock` says whether this process is the engine; without it, it follows
    /// another one and takes over when that one is gone.
    ///
    /// Must be called inside a tokio runtime. EngineEvent go to `events`, which must not block.
    #[must_use]
    pub fn new(
        store: Store,
        lock: Option<EngineLock>,
        options: Options,
        services: Services,
        events: Box<dyn Fn(EngineEvent) + Send>,
    ) -> Self {
        let now = Instant::now();
        Self {
            gate: Gate::new(options.reads_per_minute, options.submit_gap, now),
            store,
            options,
            service: services.service,
            fetcher: services.fetcher,
            clock: services.clock,
            rng: services.rng,
            events,
            lock,
            read_only: false,
            screen: None,
            peer_pid: None,
            revision: 0,
            external_version: 0,
            settings: Settings::default(),
            jobs: HashMap::new(),
            queue: Queue::default(),
            deferred: Vec::new(),
            older_than_floor: BTreeMap::new(),
            older_than_floor_version: 0,
            in_flight: BTreeSet::new(),
            unsure: BTreeSet::new(),
            to_fetch: BTreeSet::new(),
            fetching: HashSet::new(),
            fetch_retry: BTreeMap::new(),
            fetch_ready_at: None,
            fresh_links: HashMap::new(),
            unsavable: HashSet::new(),
            alarmed: HashMap::new(),
            scheduler: PollScheduler::default(),
            draft_checks: DraftChecks::default(),
            open: None,
            resend: VecDeque::new(),
            resent: HashSet::new(),
            send_not_before: None,
            no_capacity: 0,
            run_sent: Credits::ZERO,
            run_jobs: HashSet::new(),
            reconcile_at: None,
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
            worker_kinds: HashMap::new(),
            backlog: Vec::new(),
            backlog_at: None,
            progress: HashMap::new(),
            progress_for_screen: HashSet::new(),
            progress_for_disk: HashSet::new(),
            progress_published: now,
            money: (Credits::ZERO, Spent::default()),
            money_is_old: true,
            money_count_at: None,
            published: None,
            published_older: 0,
            origin: now,
            tick_at: now + TICK,
            loaded: false,
            loaded_to: None,
            store_unreadable: false,
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
    pub fn set_read_only(&mut self) {
        self.read_only = true;
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
    pub async fn run(&mut self, commands: &mut UnboundedReceiver<SessionMessage>) -> Result<(), StoreError> {
        self.start()?;
        while !self.stopping {
            self.start_due_work();
            self.publish();
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
    pub(super) fn publish_broken(&self, error: &StoreError) {
        self.send(EngineEvent::Broken(error.to_string()));
    }

    /// Whether this process sends.
    pub(super) fn is_engine(&self) -> bool {
        self.lock.is_some()
    }

    /// Starts whatever can be started now.
    fn start_due_work(&mut self) {
        if self.backlog_at.is_some_and(|at| at <= Instant::now()) {
            self.write(Vec::new());
        }
        if !self.is_engine() {
            return;
        }
        self.precheck_drafts();
        self.start_due_reconcile();
        self.start_due_sends();
        // A full scheduler takes every read there is; what the header shows of the money must not starve behind it.
        let late = Instant::now().checked_sub(MONEY_LATE);
        if late.is_some_and(|late| [self.balance_at, self.price_at].into_iter().flatten().any(|at| at <= late)) {
            self.start_due_account_reads();
        }
        self.start_due_reads();
        self.start_due_fetches();
        self.start_due_account_reads();
    }

    pub(super) fn spawn(&mut self, worker: WorkerKind, work: impl Future<Output = WorkerResult> + Send + 'static) {
        let handle = self.ops.spawn(work);
        self.worker_kinds.insert(handle.id(), worker);
    }

    fn done(&mut self, done: Result<(tokio::task::Id, WorkerResult), tokio::task::JoinError>) {
        match done {
            Ok((id, done)) => {
                self.worker_kinds.remove(&id);
                match done {
                    WorkerResult::Submitted(job, result) => self.on_submitted(job, *result),
                    WorkerResult::Read(read, result) => self.on_read(read, result),
                    WorkerResult::Listed(result) => self.on_listed(result),
                    WorkerResult::Fetched(job, result) => self.on_fetched(job, result),
                    WorkerResult::Balance(result) => self.on_balance(result),
                    WorkerResult::Price(result) => self.on_price(result),
                }
            }
            Err(panicked) => {
                let Some(worker) = self.worker_kinds.remove(&panicked.id()) else { return };
                warn!(?worker, %panicked, "a worker ended by a fault of this program");
                let error = ApiError {
                    class: ErrorClass::Local,
                    code: "worker_fault".into(),
                    message: "this program's worker failed; the log says more".into(),
                    status: None,
                    request_id: None,
                    retry_after: None,
                    is_json: false,
                };
                match worker {
                    WorkerKind::Submit(job) => self.on_submitted(job, Err(ApiError { class: ErrorClass::Network, ..error })),
                    WorkerKind::Read(read) => self.on_read(read, Err(error)),
                    WorkerKind::List => self.on_listed(Err(error)),
                    WorkerKind::Fetch(job) => self.on_fetched(job, Err(FetchError::Passing(error.message))),
                    WorkerKind::Balance => self.on_balance(Err(error)),
                    WorkerKind::Price => self.on_price(Err(error)),
                }
            }
        }
    }

    fn command(&mut self, command: SessionMessage) {
        match command {
            SessionMessage::Command { ticket, command } => {
                let outcome = if self.read_only { Err(CommandError::ReadOnly) } else { self.perform(command) };
                self.send(EngineEvent::CommandDone { ticket, outcome });
            }
            SessionMessage::Details(job) => {
                let details = Details {
                    timeline: self.store.timeline(job).unwrap_or_default(),
                    raw: self.store.raw_answer(job).unwrap_or_default(),
                };
                self.send(EngineEvent::Details { job, details: Arc::new(details) });
            }
            SessionMessage::SaveScreenState(_) if self.read_only => {}
            SessionMessage::SaveScreenState(state) => {
                if let Err(error) = self.store.set_screen_state(&state) {
                    self.notice(None, NoticeKind::ViewNotSaved { error: error.to_string() });
                }
            }
            SessionMessage::Stop => self.stopping = true,
        }
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
            at_latest(Some(self.progress_published + PROGRESS_SLOT));
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
        if self.read_only {
            return;
        }
        if let Err(error) = self.store.flush() {
            warn!(%error, "the store could not be flushed; it is whole all the same");
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
