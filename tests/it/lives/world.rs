//! A modelled service for life tests: its clocks, its tasks, what passes between it and the program. `service.rs` answers.
//!
//! It keeps its own books, so that what the program believes can be compared with what "really" happened. What it leaves
//! out: sockets, TLS and JSON (tested over loopback against the simulator), gateways that ignore idempotency keys
//! (repeats within 15 s of a lost answer may be charged twice there), and other programs' enhance tasks made in the very
//! minutes of a lost answer (the list does not tell whose they are).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mj_enhance::api::ApiError;
use mj_enhance::engine::Clock;
use mj_enhance::job::{Credits, ErrorClass, Failure, Model, Percent, TaskId, TaskReport, TaskStatus};
use tokio::time::Instant;

use super::books::{Books, OnTheWay, Portal, Task};
use super::faults::Faults;
use super::hardness::Hardness;
use super::permissions::{KEY_LIFE, Sender, model_of};
use super::trace;

/// How long a process waits for the price before its first paid request.
const PRICE_WAIT: Duration = Duration::from_secs(5);

/// What is the same for all processes of a life.
struct Shared {
    rng: Mutex<fastrand::Rng>,
    epoch: Instant,
    start: Timestamp,
    /// By how many seconds the machine's clock was turned.
    turned: AtomicI64,
    /// How many seconds the machine slept: the wall clocks went on, the monotonic one did not.
    slept: AtomicI64,
    /// By how many seconds the service's clock is ahead of the true time.
    skew: i64,
    /// How far the task list lags behind.
    list_lag: SignedDuration,
    hardness: Hardness,
}

/// What one process was told; a killed one takes it with it.
#[derive(Default)]
pub struct Process {
    /// It is killed: calls that begin afterwards come from a ghost.
    dead: AtomicBool,
    told: Mutex<Told>,
    /// The run whose limit it has.
    budget: Option<u32>,
}

#[derive(Default)]
struct Told {
    /// When the running 429 wait was told, and when it ends.
    wait: Option<(Instant, Instant)>,
    /// Whether it had an answer, so that it knows what the service's clock shows.
    answered: bool,
    /// When it first asked for the price of a model, and whether that was answered.
    prices: BTreeMap<Model, (Instant, bool)>,
}

/// The world of one life, as one process sees it.
#[derive(Clone)]
pub struct World {
    pub books: Arc<Mutex<Books>>,
    shared: Arc<Shared>,
    me: Arc<Process>,
}

pub fn error(class: ErrorClass, code: &str, status: Option<u16>) -> ApiError {
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

/// What the client makes of an answer that is not the service's.
fn page(portal: Portal) -> ApiError {
    let (class, code, status) = match portal {
        Portal::Page => (ErrorClass::InvalidResponse, "unreadable_answer", 200),
        Portal::NotFound => (ErrorClass::NotFound, "http_404", 404),
        Portal::Forbidden => (ErrorClass::Access, "http_403", 403),
    };
    ApiError { is_json: false, ..error(class, code, Some(status)) }
}

impl World {
    pub fn new(seed: u64, faults: Faults) -> Self {
        Self::hard(seed, faults, Hardness::NONE)
    }

    pub fn hard(seed: u64, faults: Faults, hardness: Hardness) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let skew = if rng.bool() { rng.i64(-900..900) } else { 0 };
        let list_lag = SignedDuration::from_millis(if rng.bool() { rng.i64(0..6_000) } else { 0 });
        let shared = Shared {
            rng: Mutex::new(rng),
            epoch: Instant::now(),
            start: Timestamp::from_second(1_795_000_000).unwrap(),
            turned: AtomicI64::new(0),
            slept: AtomicI64::new(0),
            skew,
            list_lag,
            hardness,
        };
        Self { books: Arc::new(Mutex::new(Books::new(faults))), shared: Arc::new(shared), me: Arc::default() }
    }

    /// The same world for another process, which was told nothing yet.
    pub fn for_process(&self, budget: Option<u32>) -> Self {
        Self { me: Arc::new(Process { budget, ..Process::default() }), ..self.clone() }
    }

    /// This process is killed.
    pub fn die(&self) {
        self.me.dead.store(true, Ordering::Relaxed);
    }

    pub fn is_dead(&self) -> bool {
        self.me.dead.load(Ordering::Relaxed)
    }

    /// Turns the machine's clock on, or back with a negative number.
    pub fn turn_clock(&self, seconds: i64) {
        self.shared.turned.fetch_add(seconds, Ordering::Relaxed);
        self.count("the clock was turned");
        let permissions = &mut self.books.lock().unwrap().permissions;
        (permissions.sums_are_lost, permissions.clock_was_turned) = (true, true);
    }

    /// The machine sleeps. What was under way reaches the service or not, and its answer is lost.
    pub fn sleep(&self, time: SignedDuration) {
        self.count("the machine slept");
        let mut books = self.books.lock().unwrap();
        let awake = books.on_the_way.values_mut().filter(|request| !request.slept);
        let open: Vec<OnTheWay> = awake
            .map(|request| {
                request.slept = true;
                request.clone()
            })
            .collect();
        drop(books);
        for request in open {
            if self.roll(0.7) {
                self.comes_through(&request.key, &request.body);
            }
        }
        self.shared.slept.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    /// The time that is not turned.
    pub fn true_now(&self) -> Timestamp {
        let gone = SignedDuration::try_from(Instant::now() - self.shared.epoch).unwrap();
        self.shared.start + gone + SignedDuration::from_secs(self.shared.slept.load(Ordering::Relaxed))
    }

    /// What the service's clock shows then.
    pub fn there(&self, at: Timestamp) -> Timestamp {
        at + SignedDuration::from_secs(self.shared.skew)
    }

    /// What the service's clock shows, if this process had an answer.
    pub fn server_time(&self) -> Option<Timestamp> {
        self.me.told.lock().unwrap().answered.then(|| self.there(self.true_now()))
    }

    pub fn roll(&self, chance: f64) -> bool {
        self.shared.rng.lock().unwrap().f64() < chance
    }

    pub fn number(&self, range: std::ops::Range<u64>) -> u64 {
        self.shared.rng.lock().unwrap().u64(range)
    }

    pub fn millis(&self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.number(range))
    }

    fn later(&self, seconds: std::ops::Range<u64>) -> Timestamp {
        self.true_now() + SignedDuration::try_from(self.millis(seconds.start * 1_000..seconds.end * 1_000)).unwrap()
    }

    pub fn count(&self, what: &'static str) {
        trace(|| format!("{} world: {what}", self.now()));
        self.books.lock().unwrap().count(what);
    }

    pub fn faults(&self) -> Faults {
        self.books.lock().unwrap().faults
    }

    /// A call begins: the ghost of a killed process gets no answer, and nothing may leave inside a 429 wait.
    pub async fn begin(&self, paid: bool) {
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
        // What leaves in the very instant of the 429 left before it could be heard.
        if self.me.told.lock().unwrap().wait.is_some_and(|(told, until)| told < Instant::now() && Instant::now() < until) {
            let what = if paid { "a paid request" } else { "a read" };
            self.books.lock().unwrap().broken.push(format!("{what} left inside a 429 wait"));
        }
    }

    /// A paid request leaves: the books are compared.
    pub fn leaves(&self, key: &str, body: &str) {
        trace(|| format!("{} world: {key} leaves: {body}", self.now()));
        if self.shared.hardness.price_first {
            self.rule_6_the_price_is_asked_before_the_first_paid_request(model_of(body));
        }
        let sender = Sender {
            budget: self.me.budget,
            now: self.now(),
            true_now: self.true_now(),
            knows_time: self.server_time().is_some(),
        };
        let mut books = self.books.lock().unwrap();
        books.count("submit");
        if !books.keys_in_air.is_empty() {
            books.broken.push("two paid requests were open at once".into());
        }
        books.keys_in_air.insert(key.to_owned());
        *books.requests.entry(key.to_owned()).or_default() += 1;
        let broken = books.permissions.leaves(key, body, sender);
        for broken in &broken {
            trace(|| format!("  BROKEN {broken}"));
        }
        books.broken.extend(broken);
    }

    fn rule_6_the_price_is_asked_before_the_first_paid_request(&self, model: Model) {
        let asked = self.me.told.lock().unwrap().prices.get(&model).copied();
        let fine = asked.is_some_and(|(at, answered)| answered || Instant::now() >= at + PRICE_WAIT);
        if !fine {
            self.books.lock().unwrap().broken.push(format!("rule 6: a paid request left and the price was asked for {asked:?}"));
        }
    }

    pub fn price_is_asked(&self, model: Model) {
        self.me.told.lock().unwrap().prices.entry(model).or_insert((Instant::now(), false));
    }

    pub fn price_is_told(&self, model: Model, price: Credits) {
        if let Some((_, answered)) = self.me.told.lock().unwrap().prices.get_mut(&model) {
            *answered = true;
        }
        if self.shared.hardness.other_prices {
            self.books.lock().unwrap().permissions.tell_price(model, "list", price);
        }
    }

    /// The answer to this paid request arrives: where it went, and what the books make of it.
    pub fn arrives<T>(&self, key: &str, answer: &Result<T, ApiError>) {
        use mj_enhance::api::PaidVerdict::{Barred, Lost, NotNow, Rejected, Unpaid};
        let mut books = self.books.lock().unwrap();
        if self.is_dead() {
            return;
        }
        match answer.as_ref().err().map(ApiError::paid) {
            None => {}
            Some(Lost(_)) => books.permissions.tell_nothing(key),
            Some(NotNow | Barred) => books.permissions.tell_refusal(key, true),
            Some(Unpaid | Rejected) => books.permissions.tell_refusal(key, false),
        }
    }

    pub fn answered(&self) {
        self.me.told.lock().unwrap().answered = true;
    }

    pub fn refuse_429(&self) -> ApiError {
        let wait = self.roll(0.5).then(|| self.millis(1_000..20_000));
        let now = Instant::now();
        let until = now + wait.unwrap_or(Duration::from_secs(30));
        let mut told = self.me.told.lock().unwrap();
        let longer = |(told, before): (Instant, Instant)| if before > now { (told, before.max(until)) } else { (now, until) };
        told.wait = Some(told.wait.map_or((now, until), longer));
        ApiError { retry_after: wait, ..error(ErrorClass::RateLimited, "rate_limit_exceeded", Some(429)) }
    }

    /// What stands in the service's place, as an error.
    pub fn portal(&self) -> Option<ApiError> {
        let portal = self.books.lock().unwrap().portal();
        portal.map(|portal| {
            self.count("a page in the service's place");
            page(portal)
        })
    }

    /// The task of a key that the gateway still remembers.
    pub fn remembered(&self, key: &str) -> Option<TaskId> {
        let now = self.true_now();
        let books = self.books.lock().unwrap();
        let id = books.by_key.get(key)?;
        (now.duration_since(books.tasks[id].created) < KEY_LIFE).then(|| id.clone())
    }

    /// A paid request reaches the service, and nobody hears its answer. A key that is remembered makes nothing, whether a task
    /// or a refusal is remembered.
    pub fn comes_through(&self, key: &str, body: &str) {
        let is_refused = self.books.lock().unwrap().refused_keys.contains(key);
        if !is_refused && self.remembered(key).is_none() {
            self.create(key, body);
        }
    }

    pub fn create(&self, key: &str, body: &str) -> TaskId {
        let faults = self.faults();
        let created = self.true_now();
        let stuck = self.roll(faults.task_stuck);
        let ends = if stuck { self.later(3_600..21_600) } else { self.later(2..90) };
        let end = if self.roll(faults.task_fails) {
            TaskStatus::Failed
        } else if self.roll(faults.task_cancelled) {
            TaskStatus::Cancelled
        } else {
            TaskStatus::Completed
        };
        let links = if self.roll(faults.task_without_links) { 0 } else { self.shared.rng.lock().unwrap().usize(1..=4) };
        let seconds = |range| SignedDuration::from_secs(i64::try_from(self.number(range)).unwrap_or_default());
        let late = self.roll(faults.links_late);
        let links_from = if late { ends + seconds(2..120) } else { ends };
        let vanished = self.roll(faults.task_vanishes);
        let odd = self.roll(faults.task_odd);
        let odd_until = odd.then(|| if self.shared.hardness.odd_words { ends + seconds(0..600) } else { ends });
        let hidden = self.roll(faults.task_missing);
        let missing = hidden.then(|| created + seconds(5..60)).map(|from| (from, from + seconds(30..1_200)));
        let moves = self.roll(faults.price_moves);
        let other = self.roll(faults.other_charge);
        let silent = other && self.roll(0.5);
        for (happened, what) in [
            (stuck, "task: hours long"),
            (odd, "task: unknown status"),
            (vanished, "task: its record vanishes"),
            (links == 0, "task: completed without a link"),
            (late, "task: completed before its links"),
            (hidden, "task: said to be unknown for minutes"),
            (end == TaskStatus::Failed, "task: failed"),
            (end == TaskStatus::Cancelled, "task: cancelled by the service"),
            (moves, "the price moved"),
            (other, "task: charged another amount"),
        ] {
            if happened {
                self.count(what);
            }
        }
        let mut books = self.books.lock().unwrap();
        let model = model_of(body);
        if moves {
            let percent = if books.prices.of(model) == model.published_price() { 111 } else { 100 };
            books.set_price(model, percent);
        }
        books.next += 1;
        let id = TaskId::new(&format!("task-unified-{}-{:08}", self.there(created).as_second(), books.next)).unwrap();
        if let Some(before) = books.by_key.insert(key.to_owned(), id.clone()) {
            books.broken.push(format!("rule 3: key {key} made a second task after {before}"));
        }
        trace(|| format!("{created} world: made {id} for {key}: {body}"));
        let now = books.prices.of(model);
        let reserve = (!silent).then_some(now);
        let price = if other { now + Credits::from_uc(27_000) } else { now };
        let (key, body) = (key.to_owned(), body.to_owned());
        let task = Task { key, body, created, ends, end, links, links_from, vanished, odd_until, missing, reserve, price };
        books.tasks.insert(id.clone(), task);
        id
    }

    /// What the service says of a task; `None`: that it does not know it.
    pub fn report(&self, id: &TaskId) -> Option<TaskReport> {
        let now = self.true_now();
        let mut books = self.books.lock().unwrap();
        let Some(task) = books.tasks.get(id).cloned() else {
            // A draft: complete, four pictures, unless it is gone.
            if books.faults.draft_gone > 0.0 && id.as_str().ends_with('3') {
                return None;
            }
            let mut report = TaskReport::new(id.clone(), TaskStatus::Completed);
            report.model = Some("mj-v7".into());
            report.links = (0..4).map(|n| format!("https://files.example/{id}/{n}.png")).collect();
            return id.as_str().starts_with("task-unified-1-").then_some(report);
        };
        let over = now >= task.ends;
        if (over && task.vanished) || task.missing.is_some_and(|(from, to)| from <= now && now < to) {
            return None;
        }
        let status = match task.odd_until {
            Some(until) if now < until => TaskStatus::Other(if over { "succeeded" } else { "queued_elsewhere" }.into()),
            _ if over => task.end.clone(),
            _ => TaskStatus::Processing,
        };
        let mut report = TaskReport::new(id.clone(), status.clone());
        report.model = Some(model_of(&task.body).wire_name().into());
        report.reserved = task.reserve;
        match status {
            TaskStatus::Completed => {
                report.used = Some(task.price);
                if now >= task.links_from {
                    report.links = (0..task.links).map(|n| format!("https://files.example/{id}/{n}.png")).collect();
                }
                let who = if self.shared.hardness.other_charges { "charge" } else { "late reserve" };
                books.permissions.tell_charge(id, task.price, who);
            }
            TaskStatus::Failed => {
                report.failure = Some(Failure::of_task("service_error", "trouble"));
                books.permissions.tell_refund(id);
            }
            TaskStatus::Cancelled => books.permissions.tell_refund(id),
            TaskStatus::Processing => {
                report.percent = Percent::new(task.ends.duration_since(now).as_secs().min(100));
            }
            _ => {}
        }
        Some(report)
    }

    /// The tasks that the list shows by now, newest first is the caller's matter.
    pub fn listed(&self) -> Vec<(Timestamp, TaskId, TaskStatus, Model, Option<Credits>)> {
        let now = self.true_now();
        let books = self.books.lock().unwrap();
        let shown = books.tasks.iter().filter(|(_, task)| now >= task.created + self.shared.list_lag);
        shown
            .map(|(id, task)| {
                let status = if now >= task.ends { task.end.clone() } else { TaskStatus::Processing };
                let used = (status == TaskStatus::Completed).then_some(task.price);
                (self.there(task.created), id.clone(), status, model_of(&task.body), used)
            })
            .collect()
    }

    /// Whether its task list takes a filter.
    pub fn knows_filters(&self) -> bool {
        self.shared.skew % 2 == 0
    }

    /// What the service's clock showed when this life began.
    pub fn service_start(&self) -> Timestamp {
        self.there(self.shared.start)
    }

    /// What the service's clock shows, for who asks the service.
    pub fn service_now(&self) -> Timestamp {
        self.there(self.true_now())
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        self.true_now() + SignedDuration::from_secs(self.shared.turned.load(Ordering::Relaxed))
    }
}
