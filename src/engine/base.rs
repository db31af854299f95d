//! What the engine and a follower of another engine have in common: the store, the jobs in memory, and who is told.
//!
//! It is handed over as one value when a follower becomes the engine.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::account::Account;
use super::clock::{Clock, Now};
use super::drafts::DraftsView;
use super::index::JobIndex;
use super::link_alarms::LinkAlarms;
use super::notice::NoticeKind;
use super::peers::Peers;
use super::publisher::{Publisher, end_of_wait};
use super::{Command, CommandError, EngineEvent, Options, Role, Status};
use crate::api::Service;
use crate::commands::{self, Context, Done};
use crate::fetch::Fetcher;
use crate::job::{Job, JobId, Model, TaskId};
use crate::store::{Changes, ScreenLock, Store, StoreError};

/// More rows than a screen has.
const FIRST_ROWS: usize = 200;
/// So many jobs are published at a time while the store is read: a few milliseconds.
const PART: usize = 1_000;

/// A task that nobody watches is over after this long: its links would have ended (docs/service.md §4.4).
const LONGEST_UNWATCHED: SignedDuration = SignedDuration::from_hours(24);

/// What the engine is handed: the network, the clock and random numbers.
pub struct Services {
    /// EvoLink.
    pub service: Arc<dyn Service>,
    /// Downloads.
    pub fetcher: Arc<dyn Fetcher>,
    /// Downloads of pictures that are only looked at, into a folder of their own ([`previews_dir`]).
    pub previews: Arc<dyn Fetcher>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Random numbers for ids, keys and waits.
    pub rng: fastrand::Rng,
}

/// Where pictures go that are only looked at.
#[must_use]
pub fn previews_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("previews")
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
    /// The dashboard shows drafts from now on, or no more: [`EngineEvent::Drafts`] tells of them meanwhile.
    ShowDrafts(bool),
    /// Look through the account's list for drafts now.
    ListDrafts,
    /// The dashboard shows the pictures of this draft of another program's: fetch them.
    LookAtDraft(TaskId),
    /// Fetch the pictures of a draft of another program's, whether they are shown or not.
    FetchDraft(TaskId),
    /// Remember this for the next screen.
    SaveScreenState(String),
    /// Leave.
    Stop,
}

/// See the module. Each part keeps its own fields to itself.
pub(super) struct Base {
    pub(super) store: Store,
    pub(super) options: Options,
    pub(super) services: Services,
    pub(super) jobs: JobIndex,
    pub(super) publisher: Publisher,
    pub(super) account: Account,
    pub(super) peers: Peers,
    pub(super) drafts: DraftsView,
    link_alarms: LinkAlarms,
}

impl Base {
    /// `origin` is when the runtime was made; `screen` marks this process as one that shows progress.
    pub(super) fn new(
        store: Store,
        options: Options,
        services: Services,
        events: Box<dyn Fn(EngineEvent) + Send>,
        origin: Instant,
        screen: Option<ScreenLock>,
    ) -> Self {
        Self {
            store,
            account: Account::new(&options),
            options,
            services,
            jobs: JobIndex::default(),
            publisher: Publisher::new(events),
            peers: Peers::new(origin, screen),
            drafts: DraftsView::default(),
            link_alarms: LinkAlarms::default(),
        }
    }

    pub(super) fn now(&self) -> Now {
        Now::read(&*self.services.clock, self.services.service.time())
    }

    pub(super) fn notice(&self, job: Option<JobId>, kind: NoticeKind) {
        self.publisher.notice(self.services.clock.now(), job, kind);
    }

    /// While there is still time to fetch.
    pub(super) fn tell_of_ending_links(&mut self) {
        let now = self.services.clock.now();
        if let Some((job, kind)) = self.link_alarms.due(&self.jobs, now) {
            self.publisher.notice(now, job, kind);
        }
    }

    pub(super) fn store_failed(&self, error: &StoreError) {
        self.publisher.store_failed(self.services.clock.now(), error);
    }

    /// Reads what is not over, and publishes it while it is read, but for the jobs that are about to change. What is over is
    /// only looked at, and follows turn by turn.
    pub(super) fn open(&mut self, changes_soon: impl Fn(&Job) -> bool) -> Result<Vec<Arc<Job>>, StoreError> {
        self.peers.start(&self.store)?;
        if let Some(remark) = self.store.remark() {
            self.notice(None, NoticeKind::StoreOpened(remark));
        }
        // A hundred thousand that wait take half a second to read; what a screen shows first does not wait for them.
        let wanted = self.store.screen_state()?.map(|state| (self.options.first_rows)(&state)).unwrap_or_default();
        let first = self.store.first_rows(&wanted, FIRST_ROWS, self.services.clock.now())?;
        let first: Vec<Job> = first.into_iter().filter(|job| !changes_soon(job)).collect();
        let told: HashMap<JobId, u64> = first.iter().map(|job| (job.id, job.revision)).collect();
        self.publisher.jobs(first.into_iter().map(Arc::new).collect());
        let mut jobs = Vec::new();
        let publisher = &mut self.publisher;
        let mut take = |part: Vec<Job>| {
            let part: Vec<Arc<Job>> = part.into_iter().map(Arc::new).collect();
            let is_news = |job: &&Arc<Job>| !changes_soon(job) && told.get(&job.id) != Some(&job.revision);
            publisher.jobs(part.iter().filter(is_news).cloned().collect());
            jobs.extend(part);
        };
        let Changes { revision, settings, .. } = self.store.open_jobs_in_parts(PART, &mut take)?;
        self.jobs.has_read_to(revision);
        self.account.set_settings(settings);
        Ok(jobs)
    }

    /// Takes a job as the store has it now into the index; returns it with its newest progress, and as it was before.
    pub(super) fn take(&mut self, mut job: Job) -> (Arc<Job>, Option<Arc<Job>>) {
        self.publisher.on_job(&mut job);
        self.jobs.has_written(job.revision);
        let job = Arc::new(job);
        let before = self.jobs.put(&job, self.account.settings().approval_floor);
        (job, before)
    }

    /// Takes in what other processes wrote, but for the jobs, which are returned, and whether approvals count differently now.
    pub(super) fn external_changes(&mut self) -> Result<Option<(Vec<Job>, bool)>, StoreError> {
        let Some(changes) = self.peers.changes(&mut self.store, self.jobs.revision())? else { return Ok(None) };
        let floor_moved = changes.settings.approval_floor != self.account.settings().approval_floor;
        self.account.set_settings(changes.settings);
        self.jobs.has_read_to(changes.revision);
        self.jobs.forget(&changes.gone);
        self.publisher.gone(changes.gone);
        self.publish_drafts();
        let mut jobs = changes.jobs;
        jobs.retain(|job| self.jobs.is_news(job));
        Ok(Some((jobs, floor_moved)))
    }

    /// Tells the dashboard what is new of the drafts it shows.
    pub(super) fn publish_drafts(&mut self) {
        match self.drafts.news(&self.store, self.account.settings().drafts_listed_at) {
            Ok(Some(news)) => self.publisher.send(news),
            Ok(None) => {}
            Err(error) => self.store_failed(&error),
        }
    }

    /// Tells the dashboard what is new, each kind in its slot. `closed_until` is the end of a 429 wait.
    pub(super) fn publish(
        &mut self,
        role: Role,
        closed_until: Option<Instant>,
        idle: bool,
        unread: Arc<BTreeSet<JobId>>,
        now: Now,
    ) {
        self.publisher.publish_progress(now.at);
        let (account, store) = (&self.account, &self.store);
        let count = || {
            let spent = store.spent(now.wall, account.day_start(now.wall), account.month_start(now.wall))?;
            let since = now.wall.checked_sub(LONGEST_UNWATCHED).unwrap_or(Timestamp::MIN);
            Ok((self.jobs.reserved() + store.reserved_unwatched(since)?, spent))
        };
        self.publisher.count_money(now.at, count);
        let settings = account.settings();
        let status = Status {
            role,
            connection: account.connection().clone(),
            all_wait_until: closed_until.and_then(|until| end_of_wait(until, now)),
            paused: settings.paused.clone(),
            in_flight: u32::try_from(self.jobs.in_flight()).unwrap_or(u32::MAX),
            max_in_flight: account.max_in_flight(),
            waiting_for_go: Vec::new(),
            prices: settings.prices(),
            reported_prices: Model::ALL.into_iter().filter(|model| settings.price(*model).is_some()).collect(),
            uc_per_usd: self.services.service.uc_per_usd(),
            balance: settings.balance,
            reserved: self.publisher.reserved(),
            spent: self.publisher.spent(),
            caps: account.caps(),
            idle,
            unread,
        };
        self.publisher.publish_status(status, self.jobs.older_version(), || self.jobs.older_than_floor());
    }

    /// Performs a command of this process's dashboard or script on the store, as any other process would. Takes the settings;
    /// the jobs that changed and what is asked of the engine are the caller's to take.
    pub(super) fn perform(&mut self, command: Command, is_engine: bool) -> Result<Done, CommandError> {
        let mut context = Context {
            now: self.services.clock.now(),
            rng: &mut self.services.rng,
            callback_url: self.options.callback_url.as_deref(),
            is_engine,
        };
        let mut done = commands::perform(&mut self.store, command, &mut context)?;
        if let Some(settings) = done.settings.take() {
            self.account.set_settings(settings);
        }
        self.publish_drafts();
        Ok(done)
    }

    /// Remembers how the dashboard looks.
    pub(super) fn save_screen_state(&mut self, state: &str) {
        if let Err(error) = self.store.set_screen_state(state) {
            self.notice(None, NoticeKind::ViewNotSaved { error: error.to_string() });
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use futures_util::future::{BoxFuture, FutureExt as _, pending};
    use jiff::Timestamp;

    use super::super::SystemClock;
    use super::*;
    use crate::api::{ApiError, Balance, ListPage, ListQuery, Submitted};
    use crate::fetch::{FetchError, FetchRequest};
    use crate::job::{Credits, IdempotencyKey, Model, SavedFile, TaskId, TaskReport};

    /// A network that never answers.
    struct Silent;

    impl Service for Silent {
        fn submit<'a>(&'a self, _: &'a IdempotencyKey, _: &'a str) -> BoxFuture<'a, Result<Submitted, ApiError>> {
            pending().boxed()
        }
        fn task<'a>(&'a self, _: &'a TaskId) -> BoxFuture<'a, Result<TaskReport, ApiError>> {
            pending().boxed()
        }
        fn batch<'a>(&'a self, _: &'a [TaskId]) -> BoxFuture<'a, Result<Vec<TaskReport>, ApiError>> {
            pending().boxed()
        }
        fn list(&self, _: ListQuery) -> BoxFuture<'_, Result<ListPage, ApiError>> {
            pending().boxed()
        }
        fn credits(&self) -> BoxFuture<'_, Result<Balance, ApiError>> {
            pending().boxed()
        }
        fn models(&self) -> BoxFuture<'_, Result<Vec<String>, ApiError>> {
            pending().boxed()
        }
        fn time(&self) -> Option<Timestamp> {
            None
        }
        fn price(&self, _: Model) -> BoxFuture<'_, Result<Credits, ApiError>> {
            pending().boxed()
        }
    }

    impl Fetcher for Silent {
        fn fetch<'a>(&'a self, _: &'a FetchRequest) -> BoxFuture<'a, Result<Vec<SavedFile>, FetchError>> {
            pending().boxed()
        }
    }

    /// Services whose network never answers.
    pub(in crate::engine) fn silent() -> Services {
        Services {
            service: Arc::new(Silent),
            fetcher: Arc::new(Silent),
            previews: Arc::new(Silent),
            clock: Arc::new(SystemClock),
            rng: fastrand::Rng::with_seed(1),
        }
    }
}
