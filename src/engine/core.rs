//! The engine's loop and its memory of what is under way.
//!
//! One value on one thread owns the store and all indices; calls to the service and downloads run as tasks that end in
//! a [`Done`]. After every event the loop starts whatever can be started (`pump`) and sleeps until the next known time.

mod account;
mod keeping;
mod others;
mod start;
mod telling;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::warn;

use super::clock::Clock;
use super::desk::{Desk, Read};
use super::line::Line;
use super::source::Sources;
use super::{Connection, Details, Level, News, Options, Status, Wish};
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

/// The engine, or a screen's follower of another engine: see [`Role`](super::Role).
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

    /// Whether this process sends.
    pub(super) fn is_engine(&self) -> bool {
        self.lock.is_some()
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

/// Waits until then, or only lets others have a turn.
async fn until(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => tokio::task::yield_now().await,
    }
}
