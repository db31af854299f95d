//! The engine with its real client, downloader and store, against the simulator or any other server on loopback.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use mj_enhance::api::{Client, ClientOptions};
use mj_enhance::engine::{
    AccountDrafts, Clock, Command, CommandError, CommandOutcome, Consent, Details, EngineEvent, Level, Notice, NoticeKind,
    Options, Sending, Services, Session, StartError, StartMode, Status, previews_dir,
};
use mj_enhance::fetch::{Downloader, FetchOptions};
use mj_enhance::job::{Caps, Credits, Job, JobId, Model, PriceLines, Progress, Spec, State, parse_line};
use mj_enhance::simulator::{Running, Scenario, Simulator};
use mj_enhance::store::Store;

/// How long a condition may take before the test says what it waited for. Nothing sleeps: it is only a bound.
pub const PATIENCE: Duration = Duration::from_mins(3);

/// The machine's clock, turned by a test.
#[derive(Debug, Default)]
pub struct TurnedClock(AtomicI64, AtomicU64);

impl TurnedClock {
    /// Turns it on, or back with a negative number.
    pub fn turn(&self, by: SignedDuration) {
        self.0.fetch_add(by.as_secs(), Ordering::SeqCst);
    }

    /// How often it was looked at; the engine looks at least once in every turn of its loop.
    pub fn looks(&self) -> u64 {
        self.1.load(Ordering::SeqCst)
    }
}

impl Clock for TurnedClock {
    fn now(&self) -> Timestamp {
        self.1.fetch_add(1, Ordering::SeqCst);
        Timestamp::now() + SignedDuration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// How a session on the stage is started.
#[derive(Clone)]
pub struct Setup {
    pub max_in_flight: u32,
    pub reads_per_minute: u32,
    pub submit_gap: Duration,
    pub caps: Caps,
    pub sending: Sending,
    pub join: StartMode,
    pub allow_loopback: bool,
    pub fetches_at_once: usize,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            max_in_flight: 8,
            reads_per_minute: 6_000,
            submit_gap: Duration::ZERO,
            caps: Caps::default(),
            sending: Sending::WithConsent,
            join: StartMode::EngineOrFollower,
            allow_loopback: true,
            fetches_at_once: 4,
        }
    }
}

/// A program without a screen, and what it was told.
pub struct Stage {
    simulator: Option<Arc<Running>>,
    base_url: String,
    key: String,
    folder: Arc<tempfile::TempDir>,
    pub setup: Setup,
    pub clock: Arc<TurnedClock>,
    pub session: Option<Session>,
    news: Receiver<EngineEvent>,
    pub jobs: BTreeMap<JobId, Arc<Job>>,
    pub progress: BTreeMap<JobId, Progress>,
    pub details: BTreeMap<JobId, Arc<Details>>,
    pub status: Option<Arc<Status>>,
    pub drafts: Arc<AccountDrafts>,
    pub notices: Vec<Notice>,
    pub outcomes: BTreeMap<u64, Result<CommandOutcome, CommandError>>,
    /// Every state that any job was told to be in, in order.
    pub told: Vec<(JobId, State)>,
    /// How often anything was told.
    pub heard: usize,
}

impl Stage {
    /// Starts a simulator and a session with it.
    pub fn start(scenario: &str, setup: Setup) -> Self {
        let mut stage = Self::set(scenario, setup);
        stage.open().unwrap();
        stage
    }

    /// Starts a simulator; the session is left to [`Stage::open`].
    pub fn set(scenario: &str, setup: Setup) -> Self {
        let scenario = Scenario::from_toml(scenario).expect("the scenario is right");
        let simulator = Simulator::start_in_background(scenario, 0).expect("a free port");
        let (base_url, key) = (simulator.base_url(), simulator.key());
        Self { simulator: Some(Arc::new(simulator)), ..Self::with(base_url, key, setup) }
    }

    /// A session with any other server.
    pub fn at(base_url: &str, setup: Setup) -> Self {
        let mut stage = Self::with(base_url.to_owned(), "sk-hostile-0123456789abcdef".to_owned(), setup);
        stage.open().unwrap();
        stage
    }

    fn with(base_url: String, key: String, setup: Setup) -> Self {
        Self {
            simulator: None,
            base_url,
            key,
            folder: Arc::new(tempfile::tempdir().unwrap()),
            setup,
            clock: Arc::default(),
            session: None,
            news: channel().1,
            jobs: BTreeMap::new(),
            progress: BTreeMap::new(),
            details: BTreeMap::new(),
            status: None,
            drafts: Arc::default(),
            notices: Vec::new(),
            outcomes: BTreeMap::new(),
            told: Vec::new(),
            heard: 0,
        }
    }

    /// Another process, as far as the store can tell: its own session over the same folder and service.
    pub fn companion(&self) -> Self {
        let mut other = Self::with(self.base_url.clone(), self.key.clone(), self.setup.clone());
        other.simulator.clone_from(&self.simulator);
        other.folder = Arc::clone(&self.folder);
        other.clock = Arc::clone(&self.clock);
        other
    }

    /// Another server stands before the simulator.
    pub fn through(&mut self, base_url: &str) {
        base_url.clone_into(&mut self.base_url);
    }

    /// Starts a session over what the folder holds.
    pub fn open(&mut self) -> Result<(), StartError> {
        let client =
            Client::new(&ClientOptions { base_url: self.base_url.parse().unwrap(), key: self.key.clone().into() }).unwrap();
        let fetch = FetchOptions {
            results_dir: self.folder.path().join("results"),
            name_template: "{date}/{tag}/{task}-{image}.{ext}".into(),
            draft_template: "drafts/{date}/{tag}/{task}-{image}.{ext}".into(),
            allow_loopback: self.setup.allow_loopback,
        };
        let previews = FetchOptions {
            results_dir: previews_dir(&self.data_dir()),
            draft_template: "{task}-{image}.{ext}".into(),
            ..fetch.clone()
        };
        let services = Services {
            service: Arc::new(client),
            previews: Arc::new(Downloader::new(previews).unwrap()),
            fetcher: Arc::new(Downloader::new(fetch).unwrap()),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            rng: fastrand::Rng::new(),
        };
        let options = Options {
            first_rows: |_| mj_enhance::job::FirstRows::default(),
            data_dir: self.data_dir(),
            sending: self.setup.sending,
            max_in_flight: self.setup.max_in_flight,
            submit_gap: self.setup.submit_gap,
            reads_per_minute: self.setup.reads_per_minute,
            caps: self.setup.caps,
            pause_after_failures: 0,
            callback_url: None,
            fetches_at_once: self.setup.fetches_at_once,
            preview_cache: 200_000_000,
            time_zone: jiff::tz::TimeZone::UTC,
        };
        let (sink, news) = channel();
        let session = Session::start(options, self.setup.join, services, Box::new(move |said| drop(sink.send(said))))?;
        self.session = Some(session);
        self.news = news;
        self.jobs.clear();
        self.progress.clear();
        self.status = None;
        Ok(())
    }

    /// Leaves in order.
    pub fn stop(&mut self) {
        if let Some(session) = self.session.take() {
            session.stop();
        }
    }

    /// Leaves in order and comes back.
    pub fn restart(&mut self) {
        self.stop();
        // Another test of this process may be starting a program: until that runs, it has a copy of every open file, so the
        // lock seems to be held. With a companion it is held for good.
        let end = Instant::now() + Duration::from_millis(200);
        while Store::engine_pid(&self.data_dir()).is_some() && Instant::now() < end {
            std::thread::yield_now();
        }
        self.open().unwrap();
    }

    pub fn simulator(&self) -> &Running {
        self.simulator.as_ref().expect("this stage has a simulator")
    }

    pub fn data_dir(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Both clocks go on: the simulator's and the program's.
    pub fn pass(&self, time: Duration) {
        self.simulator().advance(time);
        self.clock.turn(SignedDuration::try_from(time).unwrap());
    }

    /// Adds with a yes, without a grace period.
    pub fn add(&mut self, specs: Vec<Spec>) {
        let consent = Some(yes(specs.len()));
        self.send(Command::Add { specs, tag: None, front: false, again: false, consent });
    }

    /// The same for lines of text.
    pub fn add_lines(&mut self, lines: &[&str]) {
        self.add(specs(lines));
    }

    pub fn send(&mut self, command: Command) -> u64 {
        self.session.as_mut().unwrap().send(command)
    }

    fn hear(&mut self, news: EngineEvent) {
        self.heard += 1;
        match news {
            EngineEvent::Jobs(jobs) => {
                for job in jobs {
                    self.told.push((job.id, job.state()));
                    self.jobs.insert(job.id, job);
                }
            }
            EngineEvent::Progress(heard) => self.progress.extend(heard),
            EngineEvent::Status(status) => self.status = Some(status),
            EngineEvent::Notice(notice) => self.notices.push(notice),
            EngineEvent::Details { job, details } => drop(self.details.insert(job, details)),
            EngineEvent::CommandDone { ticket, outcome } => drop(self.outcomes.insert(ticket, outcome)),
            EngineEvent::Broken(said) => panic!("{said}"),
            EngineEvent::Drafts(drafts) => self.drafts = drafts,
            EngineEvent::Loaded | EngineEvent::Gone(_) => {}
        }
    }

    /// Waits for a condition over what was told.
    pub fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !done(self) {
            // EngineEvent may be silent while a server's counts change, so the condition is looked at now and then anyway.
            let left = end.saturating_duration_since(Instant::now());
            match self.news.recv_timeout(left.min(Duration::from_millis(20))) {
                Ok(news) => self.hear(news),
                Err(_) => assert!(!left.is_zero(), "waited in vain for: {what}; {}", self.picture()),
            }
        }
    }

    /// What is known, for the message of a failed test.
    pub fn picture(&self) -> String {
        let reasons: Vec<_> = self.jobs.values().take(5).map(|job| (job.state().word(), job.reason())).collect();
        let notices: Vec<_> = self.notices.iter().rev().take(5).map(|notice| &notice.kind).collect();
        format!("{:?} {reasons:?} {notices:?} {:?}", self.counts(), self.status)
    }

    pub fn counts(&self) -> BTreeMap<State, usize> {
        let mut counts = BTreeMap::new();
        for job in self.jobs.values() {
            *counts.entry(job.state()).or_default() += 1;
        }
        counts
    }

    pub fn count(&self, state: State) -> usize {
        self.counts().get(&state).copied().unwrap_or(0)
    }

    pub fn all_are(&self, state: State) -> bool {
        !self.jobs.is_empty() && self.jobs.values().all(|job| job.state() == state)
    }

    /// All jobs, in line order.
    pub fn in_line(&self) -> Vec<Arc<Job>> {
        let mut jobs: Vec<Arc<Job>> = self.jobs.values().cloned().collect();
        jobs.sort_by_key(|job| (job.place, job.id));
        jobs
    }

    /// The only job there is.
    pub fn job(&self) -> Arc<Job> {
        assert_eq!(self.jobs.len(), 1, "{}", self.picture());
        Arc::clone(self.jobs.values().next().unwrap())
    }

    /// Whether somebody was told this.
    pub fn was_told(&self, level: Level, what: impl Fn(&NoticeKind) -> bool) -> bool {
        self.notices.iter().any(|notice| notice.level() == level && what(&notice.kind))
    }

    /// Everything that is known about a job.
    pub fn details_of(&mut self, id: JobId) -> Arc<Details> {
        self.details.remove(&id);
        self.session.as_ref().unwrap().details(id);
        self.until("the details", |stage| stage.details.contains_key(&id));
        Arc::clone(&self.details[&id])
    }

    /// All result files by their path, with their size; hidden ones too.
    pub fn results(&self) -> BTreeMap<String, u64> {
        files_below(&self.folder.path().join("results"))
    }

    /// Only pictures under their final names.
    pub fn pictures(&self) -> Vec<String> {
        self.results().into_keys().filter(|name| !name.contains(".json") && !name.contains("/.")).collect()
    }
}

/// The pictures that lines of text name.
pub fn specs(lines: &[impl AsRef<str>]) -> Vec<Spec> {
    lines.iter().flat_map(|line| parse_line(line.as_ref()).unwrap()).collect()
}

/// A yes for so many jobs at the published price, without a grace period.
pub fn yes(count: usize) -> Consent {
    Consent { lines: PriceLines::one(Model::Enhance, count, Credits::PUBLISHED_PRICE), grace: Duration::ZERO }
}

/// All files below a folder by their path in it, with their size.
pub fn files_below(top: &Path) -> BTreeMap<String, u64> {
    let mut files = BTreeMap::new();
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for entry in entries {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(top).unwrap().to_str().unwrap().to_owned();
                files.insert(name, entry.metadata().map_or(0, |about| about.len()));
            }
        }
    }
    files
}

/// Two drafts with four pictures each, quick runs, small pictures, plenty of money.
pub const FAST: &str = r#"
run_seconds = 0.3
picture_size = 64
[balance]
account = 100000.0
[[drafts]]
id = "task-unified-1790000100-k3v9q2ad"
[[drafts]]
id = "task-unified-1790000460-h8m4t7xe"
"#;

/// The first draft of [`FAST`].
pub const DRAFT: &str = "task-unified-1790000100-k3v9q2ad";
/// The second one.
pub const OTHER_DRAFT: &str = "task-unified-1790000460-h8m4t7xe";
