//! A modelled service for life tests: every fault of the reference, driven by a seed, under a paused clock.
//!
//! It keeps its own books, so that what the engine believes can be compared with what "really" happened. What it leaves
//! out: sockets, TLS and JSON (tested over loopback against the simulator), gateways that ignore idempotency keys
//! (server_time, repeats within 15 s of a lost answer may be charged twice by product rule 3), and other programs' enhance
//! tasks made in the very minutes of a lost answer (the list does not tell whose they are).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use mj_enhance::api::{ApiError, Balance, ListPage, ListQuery, Service, Submitted, TaskRow};
use mj_enhance::engine::Clock;
use mj_enhance::fetch::{FetchError, FetchRequest, Fetcher};
use mj_enhance::job::{Credits, ErrorClass, Failure, IdempotencyKey, Model, Percent, SavedFile, TaskId, TaskReport, TaskStatus};
use tokio::time::Instant;

use crate::lives::trace;

/// How likely each fault is, from 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub submit_lost_before: f64,
    pub submit_lost_after: f64,
    pub submit_5xx: f64,
    pub submit_unknown: f64,
    pub submit_429: f64,
    pub submit_no_capacity: f64,
    pub submit_402: f64,
    pub submit_rejected: f64,
    pub submit_401: f64,
    pub submit_late: f64,
    pub submit_nonsense: f64,
    pub read_fails: f64,
    pub read_429: f64,
    pub read_missing: f64,
    pub read_nonsense: f64,
    pub list_fails: f64,
    pub fetch_passes: f64,
    pub fetch_expired: f64,
    pub fetch_refused: f64,
    pub fetch_local: f64,
    pub task_fails: f64,
    pub task_cancelled: f64,
    pub task_without_links: f64,
    pub task_vanishes: f64,
    pub task_stuck: f64,
    pub task_odd: f64,
    pub draft_gone: f64,
    pub price_moves: f64,
}

/// A task as the service has it.
#[derive(Clone, Debug)]
pub struct Task {
    pub key: String,
    pub body: String,
    pub created: Timestamp,
    pub made: Instant,
    pub ends: Instant,
    pub end: TaskStatus,
    pub links: usize,
    pub vanished: bool,
    pub odd: bool,
    pub price: Credits,
}

#[derive(Debug, Default)]
pub struct Books {
    pub tasks: BTreeMap<TaskId, Task>,
    pub by_key: BTreeMap<String, TaskId>,
    pub keys_in_air: BTreeSet<String>,
    /// Paid requests that left, by key.
    pub requests: BTreeMap<String, u32>,
    pub next: u64,
    /// Broken promises, in words.
    pub broken: Vec<String>,
    pub counted: BTreeMap<&'static str, u64>,
    /// When the running 429 wait was told, and when it ends. A killed process takes what it was told with it.
    pub wait: Option<(Instant, Instant)>,
    /// Whether this process had an answer, so that it knows what the service's clock shows.
    pub answered: bool,
    /// Which process it is, counted by restarts: what was told to an earlier one is not heard by this one.
    pub life: u64,
    /// Set when the process is "killed": calls that begin afterwards come from a ghost.
    pub dead: bool,
    pub faults: Faults,
    pub consented: BTreeSet<String>,
    pub saved: BTreeMap<String, u64>,
    pub price: Credits,
}

/// The world of one life.
#[derive(Clone)]
pub struct World {
    pub books: Arc<Mutex<Books>>,
    rng: Arc<Mutex<fastrand::Rng>>,
    epoch: Instant,
    start: Timestamp,
    /// By how many seconds the program's clock was turned.
    turned: Arc<AtomicI64>,
    /// By how many seconds the service's clock is ahead of the true time.
    skew: i64,
    /// How far the task list lags behind.
    list_lag: Duration,
}

const NETWORK: ErrorClass = ErrorClass::Network;

fn error(class: ErrorClass, code: &str, status: Option<u16>) -> ApiError {
    ApiError {
        class,
        code: code.into(),
        message: String::new(),
        status,
        request_id: None,
        retry_after: None,
        is_json: !code.is_empty(),
    }
}

impl World {
    pub fn new(seed: u64, faults: Faults) -> Self {
        let books = Books { faults, price: Credits::PUBLISHED_PRICE, ..Books::default() };
        let mut rng = fastrand::Rng::with_seed(seed);
        Self {
            books: Arc::new(Mutex::new(books)),
            epoch: Instant::now(),
            start: Timestamp::from_second(1_795_000_000).unwrap(),
            turned: Arc::default(),
            skew: if rng.bool() { rng.i64(-900..900) } else { 0 },
            list_lag: Duration::from_millis(if rng.bool() { rng.u64(0..6_000) } else { 0 }),
            rng: Arc::new(Mutex::new(rng)),
        }
    }

    /// Turns the program's clock on, or back with a negative number.
    pub fn turn_clock(&self, seconds: i64) {
        self.turned.fetch_add(seconds, Ordering::Relaxed);
        self.count("the clock was turned");
    }

    fn service_now(&self) -> Timestamp {
        let gone = SignedDuration::try_from(Instant::now() - self.epoch).unwrap();
        self.start.checked_add(gone + SignedDuration::from_secs(self.skew)).unwrap()
    }

    fn roll(&self, chance: f64) -> bool {
        self.rng.lock().unwrap().f64() < chance
    }

    fn millis(&self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.rng.lock().unwrap().u64(range))
    }

    pub fn count(&self, what: &'static str) {
        trace(|| format!("{} world: {what}", self.now()));
        *self.books.lock().unwrap().counted.entry(what).or_default() += 1;
    }

    /// A call begins: the ghost of a killed process gets no answer, and nothing may leave inside a 429 wait.
    async fn begin(&self, paid: bool) {
        let dead = self.books.lock().unwrap().dead;
        if dead {
            std::future::pending::<()>().await;
        }
        let mut books = self.books.lock().unwrap();
        // What leaves in the very instant of the 429 left before it could be heard.
        if books.wait.is_some_and(|(told, until)| told < Instant::now() && Instant::now() < until) {
            let what = if paid { "a paid request" } else { "a read" };
            books.broken.push(format!("{what} left inside a 429 wait"));
        }
    }

    fn refuse_429(&self, life: u64) -> ApiError {
        let wait = self.roll(0.5).then(|| self.millis(1_000..20_000));
        let now = Instant::now();
        let until = now + wait.unwrap_or(Duration::from_secs(30));
        let mut books = self.books.lock().unwrap();
        if books.life == life {
            books.wait = Some(
                books
                    .wait
                    .map_or((now, until), |(told, before)| if before > now { (told, before.max(until)) } else { (now, until) }),
            );
        }
        ApiError { retry_after: wait, ..error(ErrorClass::RateLimited, "rate_limit_exceeded", Some(429)) }
    }

    fn create(&self, key: &str, body: &str) -> TaskId {
        let faults = self.books.lock().unwrap().faults;
        let stuck = self.roll(faults.task_stuck);
        let ends = Instant::now() + if stuck { self.millis(3_600_000..21_600_000) } else { self.millis(2_000..90_000) };
        let end = if self.roll(faults.task_fails) {
            TaskStatus::Failed
        } else if self.roll(faults.task_cancelled) {
            TaskStatus::Cancelled
        } else {
            TaskStatus::Completed
        };
        let links = if self.roll(faults.task_without_links) { 0 } else { self.rng.lock().unwrap().usize(1..=4) };
        let vanished = self.roll(faults.task_vanishes);
        let odd = self.roll(faults.task_odd);
        let moves = self.roll(faults.price_moves);
        let created = self.service_now();
        for (happened, what) in [
            (stuck, "task: hours long"),
            (odd, "task: unknown status"),
            (vanished, "task: its record vanishes"),
            (links == 0, "task: completed without a link"),
            (end == TaskStatus::Failed, "task: failed"),
            (end == TaskStatus::Cancelled, "task: cancelled by the service"),
            (moves, "the price moved"),
        ] {
            if happened {
                self.count(what);
            }
        }
        let mut books = self.books.lock().unwrap();
        if moves {
            books.price =
                if books.price == Credits::PUBLISHED_PRICE { Credits::from_uc(60_000) } else { Credits::PUBLISHED_PRICE };
        }
        books.next += 1;
        let id = TaskId::new(&format!("task-unified-{}-{:08}", created.as_second(), books.next)).unwrap();
        if let Some(before) = books.by_key.insert(key.to_owned(), id.clone()) {
            books.broken.push(format!("key {key} made a second task after {before}"));
        }
        if !books.consented.contains(body) {
            books.broken.push(format!("sent without a yes: {body}"));
        }
        let price = books.price;
        trace(|| format!("{created} world: made {id} for {key}: {body}"));
        let (key, body) = (key.to_owned(), body.to_owned());
        books.tasks.insert(id.clone(), Task { key, body, created, made: Instant::now(), ends, end, links, vanished, odd, price });
        id
    }

    fn report(&self, id: &TaskId) -> Option<TaskReport> {
        let books = self.books.lock().unwrap();
        let Some(task) = books.tasks.get(id) else {
            // A draft: complete, four pictures, unless it is gone.
            if books.faults.draft_gone > 0.0 && id.as_str().ends_with('3') {
                return None;
            }
            let mut report = TaskReport::new(id.clone(), TaskStatus::Completed);
            report.model = Some("mj-v7".into());
            report.links = (0..4).map(|n| format!("https://files.example/{id}/{n}.png")).collect();
            return id.as_str().starts_with("task-unified-1-").then_some(report);
        };
        let over = Instant::now() >= task.ends;
        if over && task.vanished {
            return None;
        }
        let status = match () {
            () if over => task.end.clone(),
            () if task.odd => TaskStatus::Other("queued_elsewhere".into()),
            () => TaskStatus::Processing,
        };
        let mut report = TaskReport::new(id.clone(), status.clone());
        report.model = Some("mj-v7-enhance".into());
        report.reserved = Some(task.price);
        if over {
            match status {
                TaskStatus::Completed => {
                    report.used = Some(task.price);
                    report.links = (0..task.links).map(|n| format!("https://files.example/{id}/{n}.png")).collect();
                }
                TaskStatus::Failed => report.failure = Some(Failure::of_task("service_error", "trouble")),
                _ => {}
            }
        } else {
            report.percent = Percent::new(i64::try_from((task.ends - Instant::now()).as_secs().min(100)).unwrap());
        }
        Some(report)
    }

    async fn read_trouble(&self) -> Result<(), ApiError> {
        self.begin(false).await;
        let life = self.books.lock().unwrap().life;
        tokio::time::sleep(self.millis(20..400)).await;
        let faults = self.books.lock().unwrap().faults;
        if self.roll(faults.read_429) {
            self.count("429 on a read");
            return Err(self.refuse_429(life));
        }
        if self.roll(faults.read_fails) {
            self.count("read lost");
            return Err(error(NETWORK, "timeout", None));
        }
        self.books.lock().unwrap().answered = true;
        if self.roll(faults.read_nonsense) {
            self.count("read: an answer about something else");
            return Err(error(ErrorClass::InvalidResponse, "other_task", Some(200)));
        }
        Ok(())
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        let gone = SignedDuration::try_from(Instant::now() - self.epoch).unwrap();
        self.start.checked_add(gone + SignedDuration::from_secs(self.turned.load(Ordering::Relaxed))).unwrap()
    }
}

impl Service for World {
    fn submit<'a>(&'a self, key: &'a IdempotencyKey, body: &'a str) -> BoxFuture<'a, Result<Submitted, ApiError>> {
        let world = self.clone();
        let (key, body) = (key.as_str().to_owned(), body.to_owned());
        async move {
            world.begin(true).await;
            let life = {
                let mut books = world.books.lock().unwrap();
                *books.counted.entry("submit").or_default() += 1;
                if !books.keys_in_air.is_empty() {
                    books.broken.push("two paid requests were open at once".into());
                }
                books.keys_in_air.insert(key.clone());
                *books.requests.entry(key.clone()).or_default() += 1;
                books.life
            };
            // What reaches the service goes on there, even when the caller dies: so it runs on its own.
            let server = world.clone();
            let (k, b) = (key.clone(), body);
            let answer = tokio::spawn(async move { server.serve_submit(&k, &b, life).await }).await.unwrap();
            world.books.lock().unwrap().keys_in_air.remove(&key);
            answer
        }
        .boxed()
    }

    fn task<'a>(&'a self, id: &'a TaskId) -> BoxFuture<'a, Result<TaskReport, ApiError>> {
        async move {
            self.read_trouble().await?;
            let missing = self.books.lock().unwrap().faults.read_missing;
            if self.roll(missing) {
                self.count("task missing in a read");
                return Err(error(ErrorClass::NotFound, "task_not_found", Some(404)));
            }
            self.report(id).ok_or_else(|| error(ErrorClass::NotFound, "task_not_found", Some(404)))
        }
        .boxed()
    }

    fn batch<'a>(&'a self, ids: &'a [TaskId]) -> BoxFuture<'a, Result<Vec<TaskReport>, ApiError>> {
        async move {
            if ids.len() > 50 {
                self.books.lock().unwrap().broken.push(format!("a batch of {}", ids.len()));
            }
            self.read_trouble().await?;
            let missing = self.books.lock().unwrap().faults.read_missing;
            Ok(ids.iter().filter(|_| !self.roll(missing)).filter_map(|id| self.report(id)).collect())
        }
        .boxed()
    }

    fn list(&self, query: ListQuery) -> BoxFuture<'_, Result<ListPage, ApiError>> {
        async move {
            self.read_trouble().await?;
            let fails = self.books.lock().unwrap().faults.list_fails;
            if self.roll(fails) {
                self.count("list failed");
                return Err(error(ErrorClass::Server, "", Some(500)));
            }
            self.count("list");
            let books = self.books.lock().unwrap();
            let mut rows: Vec<(Timestamp, TaskRow)> = books
                .tasks
                .iter()
                .filter(|(_, task)| Instant::now() >= task.made + self.list_lag)
                .map(|(id, task)| {
                    let over = Instant::now() >= task.ends;
                    let row = TaskRow {
                        id: id.clone(),
                        model: "mj-v7-enhance".into(),
                        status: if over { task.end.clone() } else { TaskStatus::Processing },
                        percent: None,
                        created_at: Timestamp::from_second(task.created.as_second()).ok(),
                        result_count: None,
                        used: None,
                    };
                    (task.created, row)
                })
                .collect();
            // Of other programs: a draft of this minute, and enhances of last week.
            let others = [("mj-v7", 0), ("mj-v7-enhance", 7 * 86_400), ("mj-v7-enhance", 8 * 86_400)];
            rows.extend(others.iter().map(|(model, ago)| {
                let created = self.service_now() - SignedDuration::from_secs(*ago);
                let row = TaskRow {
                    id: TaskId::new(&format!("task-unified-{}-stranger", created.as_second())).unwrap(),
                    model: (*model).into(),
                    status: TaskStatus::Completed,
                    percent: None,
                    created_at: Some(created),
                    result_count: Some(4),
                    used: None,
                };
                (created, row)
            }));
            rows.sort_by_key(|(created, row)| (std::cmp::Reverse(*created), std::cmp::Reverse(row.id.clone())));
            let skip = ((query.page - 1) * query.page_size) as usize;
            let total = rows.len() as u64;
            let rows = rows.into_iter().skip(skip).take(query.page_size as usize).map(|(_, row)| row).collect();
            Ok(ListPage { rows, unreadable: 0, total: Some(total) })
        }
        .boxed()
    }

    fn credits(&self) -> BoxFuture<'_, Result<Balance, ApiError>> {
        async move {
            self.read_trouble().await?;
            Ok(Balance { account: "100000".parse().unwrap(), key: None, key_today: None, reset_timezone: None })
        }
        .boxed()
    }

    fn models(&self) -> BoxFuture<'_, Result<Vec<String>, ApiError>> {
        async { Ok(vec!["mj-v7-enhance".into()]) }.boxed()
    }

    fn time(&self) -> Option<Timestamp> {
        self.books.lock().unwrap().answered.then(|| self.service_now())
    }

    fn price(&self, _: Model) -> BoxFuture<'_, Result<Credits, ApiError>> {
        async move {
            self.read_trouble().await?;
            Ok(self.books.lock().unwrap().price)
        }
        .boxed()
    }
}

impl World {
    async fn serve_submit(&self, key: &str, body: &str, life: u64) -> Result<Submitted, ApiError> {
        tokio::time::sleep(self.millis(20..900)).await;
        let faults = self.books.lock().unwrap().faults;
        for (chance, what, class, code, status) in [
            (faults.submit_lost_before, "submit lost before it was taken", NETWORK, "reset", None),
            (faults.submit_no_capacity, "submit: no capacity", ErrorClass::NoCapacity, "no_available_channel", Some(400)),
            (faults.submit_402, "submit: no balance", ErrorClass::Balance, "insufficient_quota", Some(402)),
            (faults.submit_401, "submit: key refused", ErrorClass::Login, "unauthorized", Some(401)),
            (faults.submit_rejected, "submit: rejected", ErrorClass::BadRequest, "invalid_parameters", Some(400)),
            (faults.submit_5xx, "submit: 5xx", ErrorClass::Server, "internal_error", Some(500)),
        ] {
            if self.roll(chance) {
                self.count(what);
                return Err(error(class, code, status));
            }
        }
        if self.roll(faults.submit_429) {
            self.count("submit: 429");
            return Err(self.refuse_429(life));
        }
        if self.roll(faults.submit_late) {
            self.count("submit: the line broke, and the request arrived later");
            let (server, key, body) = (self.clone(), key.to_owned(), body.to_owned());
            let later = self.millis(0..25_000);
            tokio::spawn(async move {
                tokio::time::sleep(later).await;
                let known = server.books.lock().unwrap().by_key.contains_key(&key);
                if !known {
                    server.create(&key, &body);
                }
            });
            return Err(error(NETWORK, "reset", None));
        }
        let known = self.books.lock().unwrap().by_key.get(key).cloned();
        let (id, replayed) = match known {
            Some(id) => {
                self.count("replayed");
                (id, true)
            }
            None => (self.create(key, body), false),
        };
        if self.roll(faults.submit_unknown) {
            self.count("submit: outcome unknown");
            return Err(error(ErrorClass::PaidOutcomeUnknown, "paid_outcome_unknown", Some(409)));
        }
        if self.roll(faults.submit_nonsense) {
            self.count("submit: a page with status 200");
            return Err(error(ErrorClass::InvalidResponse, "unreadable_answer", Some(200)));
        }
        if self.roll(faults.submit_lost_after) {
            self.count("submit lost after the task was made");
            tokio::time::sleep(self.millis(0..30_000)).await;
            return Err(error(NETWORK, "timeout", None));
        }
        let mut report = TaskReport::new(id.clone(), TaskStatus::Pending);
        report.reserved = self.books.lock().unwrap().tasks.get(&id).map(|task| task.price);
        report.seconds_left = Some(45);
        Ok(Submitted { report, replayed })
    }
}

impl Fetcher for World {
    fn fetch<'a>(&'a self, request: &'a FetchRequest) -> BoxFuture<'a, Result<Vec<SavedFile>, FetchError>> {
        async move {
            if self.books.lock().unwrap().dead {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(self.millis(50..2_000)).await;
            let faults = self.books.lock().unwrap().faults;
            for (chance, what, trouble) in [
                (faults.fetch_passes, "download cut", FetchError::Passing("cut".into())),
                (faults.fetch_expired, "link expired", FetchError::NoPicture("403".into())),
                (faults.fetch_refused, "result refused", FetchError::Refused("a page".into())),
                (faults.fetch_local, "disk full", FetchError::ResultsDiskFull("disk full".into())),
            ] {
                if self.roll(chance) {
                    self.count(what);
                    return Err(trouble);
                }
            }
            *self.books.lock().unwrap().saved.entry(request.task.clone()).or_default() += 1;
            Ok(request
                .links
                .iter()
                .map(|link| SavedFile {
                    path: PathBuf::from(format!("/results/{}", link.len())),
                    sha256: "0".repeat(64),
                    bytes: 1,
                })
                .collect())
        }
        .boxed()
    }
}
