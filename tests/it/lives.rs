//! Whole lives from a seed: jobs, faults, kills and a user who presses keys at bad moments.
//!
//! `LIVES=100000 cargo test --release --test it lives` runs that many; a failing seed prints the line that replays it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mj_enhance::engine::{
    Command, Consent, Engine, EngineEvent, Options, PauseReason, Sending, Services, SessionMessage, Status,
};
use mj_enhance::job::{CancelledBy, Caps, Credits, ImageNumber, Job, JobId, Model, Phase, PriceLines, Spec, State, TaskId};
use mj_enhance::store::Store;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::world::{Faults, World};

/// Says what happens while one seed is replayed.
pub fn trace(what: impl FnOnce() -> String) {
    if std::env::var_os("LIFE_SEED").is_some() {
        println!("{}", what());
    }
}

/// What the user's screen knows.
#[derive(Default)]
struct Screen {
    jobs: BTreeMap<JobId, Arc<Job>>,
    status: Option<Arc<Status>>,
    broken: Vec<String>,
}

impl Screen {
    fn hear(&mut self, news: EngineEvent) {
        match news {
            EngineEvent::Notice(notice) => trace(|| format!("{}  said: {:?} {:?}", notice.at, notice.job, notice.kind)),
            EngineEvent::CommandDone { outcome, .. } => {
                trace(|| format!("  command: {:?}", outcome.map(|done| (done.act, done.left_out))));
            }
            EngineEvent::Jobs(jobs) => {
                for job in jobs {
                    trace(|| format!("  {} {} {} {:?}", job.id, job.state(), job.kind.body(None), job.task));
                    if let Some(before) = self.jobs.get(&job.id) {
                        self.compare(before.clone().as_ref(), &job);
                    }
                    self.jobs.insert(job.id, job);
                }
            }
            EngineEvent::Status(status) => self.status = Some(status),
            EngineEvent::Broken(why) => self.broken.push(format!("the session broke: {why}")),
            _ => {}
        }
    }

    fn compare(&mut self, before: &Job, after: &Job) {
        if before.revision > after.revision {
            return;
        }
        if matches!(before.state(), State::Saved | State::Cancelled) && before.state() != after.state() {
            self.broken.push(format!("{} went from {} to {}", before.id, before.state(), after.state()));
        }
        if let Phase::Failed(failure) = &before.phase
            && after.state() != State::Failed
            && !failure.is_passing_loss()
        {
            self.broken.push(format!("{} went from failed ({}) to {}", before.id, failure.code, after.state()));
        }
        if before.task.is_some() && before.task != after.task {
            self.broken.push(format!("{} changed its task", before.id));
        }
    }

    fn ids(&self, state: State) -> Vec<JobId> {
        self.jobs.values().filter(|job| job.state() == state && !job.removed).map(|job| job.id).collect()
    }
}

/// What a life did, for the table.
#[derive(Default, Debug)]
pub struct Tally {
    pub jobs: u64,
    pub kills: u64,
    pub charges: u64,
    pub counted: BTreeMap<&'static str, u64>,
    pub ends: BTreeMap<State, u64>,
}

fn some_faults(rng: &mut fastrand::Rng) -> Faults {
    let mut p = |most: f64| if rng.bool() { rng.f64() * most } else { 0.0 };
    Faults {
        submit_lost_before: p(0.3),
        submit_lost_after: p(0.3),
        submit_5xx: p(0.2),
        submit_unknown: p(0.1),
        submit_429: p(0.15),
        submit_no_capacity: p(0.1),
        submit_402: p(0.03),
        submit_rejected: p(0.05),
        submit_401: p(0.02),
        submit_late: p(0.2),
        submit_nonsense: p(0.1),
        read_fails: p(0.3),
        read_429: p(0.05),
        read_missing: p(0.1),
        read_nonsense: p(0.05),
        list_fails: p(0.3),
        fetch_passes: p(0.4),
        fetch_expired: p(0.1),
        fetch_refused: p(0.05),
        fetch_local: p(0.1),
        task_fails: p(0.2),
        task_cancelled: p(0.1),
        task_without_links: p(0.1),
        task_vanishes: p(0.03),
        task_stuck: p(0.05),
        task_odd: p(0.1),
        draft_gone: p(0.1),
        price_moves: p(0.02),
    }
}

struct Life {
    world: World,
    rng: fastrand::Rng,
    caps: Caps,
    folder: Arc<tempfile::TempDir>,
    screen: Arc<Mutex<Screen>>,
    drafts: u64,
}

impl Life {
    fn options(&self, sending: Sending) -> Options {
        Options {
            data_dir: self.folder.path().to_owned(),
            sending,
            max_in_flight: 8,
            submit_gap: Duration::from_millis(100),
            reads_per_minute: 600,
            caps: self.caps,
            pause_after_failures: 0,
            callback_url: None,
            fetches_at_once: 4,
            time_zone: jiff::tz::TimeZone::UTC,
        }
    }

    fn engine(&mut self, store: Store, sending: Sending) -> Engine {
        let end = std::time::Instant::now() + crate::stage::PATIENCE;
        let mut lock = Store::lock_engine(self.folder.path()).unwrap();
        while lock.is_none() {
            // Another test of this process may be starting a program: until that runs, it has a copy of every open file.
            assert!(std::time::Instant::now() < end, "the lock of a dead engine is free");
            lock = Store::lock_engine(self.folder.path()).unwrap();
        }
        let screen = Arc::clone(&self.screen);
        let services = Services {
            service: Arc::new(self.world.clone()),
            fetcher: Arc::new(self.world.clone()),
            clock: Arc::new(self.world.clone()),
            rng: fastrand::Rng::with_seed(self.rng.u64(..)),
        };
        Engine::new(
            store,
            lock.unwrap(),
            self.options(sending),
            services,
            Box::new(move |news| screen.lock().unwrap().hear(news)),
        )
    }

    fn consent(&self, count: usize) -> Consent {
        let price = self.screen.lock().unwrap().status.as_ref().map_or(Credits::PUBLISHED_PRICE, |status| status.prices.enhance);
        Consent { lines: PriceLines::one(Model::Enhance, count, price), grace: Duration::from_secs(5) }
    }

    fn note_consent(&self, jobs: &[JobId]) {
        let screen = self.screen.lock().unwrap();
        let mut books = self.world.books.lock().unwrap();
        for job in jobs.iter().filter_map(|id| screen.jobs.get(id)) {
            books.consented.insert(job.kind.body(None));
        }
    }

    fn new_specs(&mut self, count: usize) -> Vec<Spec> {
        (0..count)
            .map(|_| {
                self.drafts += 1;
                let source = TaskId::new(&format!("task-unified-1-{:08}", self.drafts / 4)).unwrap();
                let image = ImageNumber::ALL[usize::try_from(self.drafts % 4).unwrap()];
                Spec { source, image, tag: None }
            })
            .collect()
    }

    /// One thing a user might do.
    fn user_act(&mut self) -> Option<Command> {
        let pick = |rng: &mut fastrand::Rng, ids: Vec<JobId>| -> Vec<JobId> {
            let most = rng.usize(1..=5);
            let mut ids = ids;
            rng.shuffle(&mut ids);
            ids.truncate(most);
            ids
        };
        let ids = |state| self.screen.lock().unwrap().ids(state);
        let command = match self.rng.u8(0..16) {
            0..=2 => {
                let count = self.rng.usize(1..6);
                let specs = self.new_specs(count);
                let mut books = self.world.books.lock().unwrap();
                for spec in &specs {
                    books.consented.insert(spec.kind().body(None));
                }
                drop(books);
                let consent = Some(self.consent(specs.len()));
                Command::Add { specs, tag: None, front: self.rng.bool(), again: false, consent }
            }
            3 => Command::Cancel { jobs: pick(&mut self.rng, ids(State::Waiting)) },
            4 => Command::Cancel { jobs: pick(&mut self.rng, ids(State::Sending)) },
            5 => Command::Unwatch { jobs: pick(&mut self.rng, ids(State::Running)) },
            6 => Command::Watch { jobs: ids(State::Unwatched) },
            7 => Command::Hold { jobs: pick(&mut self.rng, ids(State::Waiting)) },
            8 | 9 => {
                let jobs = pick(&mut self.rng, ids(State::Held));
                self.note_consent(&jobs);
                Command::Approve { consent: self.consent(jobs.len()), jobs }
            }
            10 => Command::AskNow { jobs: Vec::new() },
            11 => Command::FetchNow { jobs: [ids(State::ToFetch), ids(State::Failed)].concat() },
            12 => {
                let jobs = pick(&mut self.rng, ids(State::Failed));
                self.note_consent(&jobs);
                Command::RunAgain { consent: self.consent(jobs.len()), jobs, front: false, deliberate: false, again: false }
            }
            13 => Command::Pause,
            14 => return self.go_on(),
            _ => Command::MaxInFlight(self.rng.u32(1..12)),
        };
        Some(command)
    }

    /// `P` and `y`.
    fn go_on(&self) -> Option<Command> {
        let jobs = {
            let screen = self.screen.lock().unwrap();
            let mut jobs = screen.status.as_ref()?.waiting_for_go.clone();
            jobs.extend(screen.jobs.values().filter(|job| job.state() == State::Held).map(|job| job.id));
            jobs
        };
        self.note_consent(&jobs);
        let consent = Some(self.consent(jobs.len()));
        Some(Command::Resume { jobs, consent })
    }

    fn send(commands: &UnboundedSender<SessionMessage>, command: Option<Command>) {
        if let Some(command) = command {
            let _ = commands.send(SessionMessage::Command { ticket: 0, command });
        }
    }
}

/// One life. The error is a list of broken promises.
async fn live(seed: u64, most_jobs: usize) -> Result<Tally, String> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let faults = some_faults(&mut rng);
    let cap = rng.bool().then(|| Credits::from_uc(54_000 * rng.i64(5..200)));
    let world = World::new(rng.u64(..), faults);
    let folder = Arc::new(tempfile::tempdir().map_err(|e| e.to_string())?);
    let mut life = Life {
        world: world.clone(),
        caps: Caps { session: None, day: cap },
        rng: fastrand::Rng::with_seed(rng.u64(..)),
        folder,
        screen: Arc::default(),
        drafts: 0,
    };
    let mut store = Store::in_memory().map_err(|e| e.to_string())?;
    let mut tally = Tally::default();
    let first = rng.usize(1..=most_jobs.max(1));
    // Of so many lives one has a disk that is full now and then, and one a clock that is turned.
    let (full_disk, turned_clock) = (rng.u8(0..4) == 0, rng.u8(0..4) == 0);
    let epochs = rng.usize(1..6);
    for epoch in 0..epochs {
        // The process lives until it is killed: at a moment of a write, or at any time.
        let killed = Arc::new(AtomicBool::new(false));
        let writes_left = rng.usize(0..60 + first);
        let before = rng.bool();
        let flag = Arc::clone(&killed);
        let died = Arc::new(tokio::sync::Notify::new());
        let bell = Arc::clone(&died);
        let mut left = writes_left;
        let books = Arc::clone(&world.books);
        let mut disk = fastrand::Rng::with_seed(rng.u64(..));
        let (mut refusals, refused) = (0, Arc::new(AtomicBool::new(false)));
        let was_refused = Arc::clone(&refused);
        store.on_commit(Some(Box::new(move |moment| {
            if flag.load(Ordering::Relaxed) {
                return false;
            }
            if full_disk && moment == mj_enhance::store::Moment::Before {
                if refusals == 0 && disk.u8(0..20) == 0 {
                    refusals = disk.u32(1..8);
                }
                if refusals > 0 {
                    refusals -= 1;
                    was_refused.store(true, Ordering::Relaxed);
                    *books.lock().unwrap().counted.entry("the store refused a write").or_default() += 1;
                    return false;
                }
            }
            let this = (moment == mj_enhance::store::Moment::Before) == before;
            if this {
                if left == 0 {
                    flag.store(true, Ordering::Relaxed);
                    let mut books = books.lock().unwrap();
                    books.dead = true;
                    *books.counted.entry(if before { "killed before a write" } else { "killed after a write" }).or_default() += 1;
                    bell.notify_one();
                    return false;
                }
                left -= 1;
            }
            true
        })));
        {
            let mut books = world.books.lock().unwrap();
            books.dead = false;
            books.wait = None;
            books.life += 1;
            books.answered = false;
        }
        let mut engine = life.engine(store, Sending::WithConsent);
        let (commands, mut inbox) = unbounded_channel();
        if epoch == 0 {
            let specs = life.new_specs(first);
            for spec in &specs {
                world.books.lock().unwrap().consented.insert(spec.kind().body(None));
            }
            let consent =
                Some(Consent { lines: PriceLines::one(Model::Enhance, first, Credits::PUBLISHED_PRICE), grace: Duration::ZERO });
            Life::send(&commands, Some(Command::Add { specs, tag: None, front: false, again: false, consent }));
        } else {
            // The jobs approved before wait for P and y.
            tokio::task::yield_now().await;
        }
        let lifetime = Duration::from_millis(rng.u64(100..240_000));
        {
            let user = async {
                for turn in 0.. {
                    tokio::time::sleep(Duration::from_millis(life.rng.u64(10..8_000))).await;
                    if turned_clock && life.rng.u8(0..20) == 0 {
                        world.turn_clock(life.rng.i64(-86_400..86_400));
                    }
                    let command = if turn % 5 == 0 { life.go_on() } else { life.user_act() };
                    Life::send(&commands, command);
                }
            };
            tokio::select! {
                result = engine.run(&mut inbox) => {
                    // Without a disk it does not start; the next start finds things as they were.
                    if !killed.load(Ordering::Relaxed) && !refused.load(Ordering::Relaxed) {
                        result.map_err(|e| format!("the engine ended: {e}"))?;
                    }
                }
                () = user => {}
                () = died.notified() => {}
                () = tokio::time::sleep(lifetime) => {
                    world.count("killed at any time");
                    world.books.lock().unwrap().dead = true;
                }
            }
        }
        tally.kills += 1;
        store = engine.into_store();
        world.books.lock().unwrap().keys_in_air.clear();
        life.screen.lock().unwrap().status = None;
    }
    // The last start: the world is kind, the user says yes to everything, and all comes home.
    store.on_commit(None);
    {
        let mut books = world.books.lock().unwrap();
        books.dead = false;
        books.wait = None;
        books.life += 1;
        books.answered = false;
        books.faults = Faults::default();
    }
    let mut engine = life.engine(store, Sending::WithConsent);
    let (commands, mut inbox) = unbounded_channel();
    let user = async {
        Life::send(&commands, Some(Command::MaxInFlight(50)));
        for turn in 0..2_000_u32 {
            tokio::time::sleep(Duration::from_secs(30)).await;
            let status = life.screen.lock().unwrap().status.clone();
            let Some(status) = status else { continue };
            if turn > 2 && status.idle && status.waiting_for_go.is_empty() && status.paused.is_none() {
                break;
            }
            if turn < 3
                || !status.waiting_for_go.is_empty()
                || matches!(status.paused, Some(PauseReason::Price { .. } | PauseReason::You))
            {
                Life::send(&commands, life.go_on());
            }
        }
    };
    tokio::select! {
        result = engine.run(&mut inbox) => result.map_err(|e| format!("the engine ended: {e}"))?,
        () = user => {}
    }
    let store = engine.into_store();
    check(&life, &store, &mut tally)
}

fn check(life: &Life, store: &Store, tally: &mut Tally) -> Result<Tally, String> {
    let mut broken = std::mem::take(&mut life.screen.lock().unwrap().broken);
    let books = life.world.books.lock().unwrap();
    broken.extend(books.broken.iter().cloned());
    let jobs = store.jobs().map_err(|e| e.to_string())?;

    let mut charges_by_key: BTreeMap<&str, u64> = BTreeMap::new();
    let mut spent = Credits::ZERO;
    for task in books.tasks.values() {
        *charges_by_key.entry(&task.key).or_default() += 1;
        spent += task.price;
    }
    for (key, charges) in &charges_by_key {
        if *charges > 1 {
            broken.push(format!("key {key} was charged {charges} times"));
        }
    }
    // By body: never more tasks than commands for that picture that were sent.
    let mut commands: BTreeMap<String, u64> = BTreeMap::new();
    let mut owners: BTreeSet<&TaskId> = BTreeSet::new();
    for job in &jobs {
        if job.send.is_some() || job.task.is_some() {
            *commands.entry(job.kind.body(None)).or_default() += 1;
        }
        if let Some(task) = &job.task {
            if !owners.insert(task) {
                broken.push(format!("two jobs own {task}"));
            }
            let body = job.kind.body(None);
            if books.tasks.get(task).is_none_or(|known| known.body != body) {
                broken.push(format!("{} has the task of another picture", job.id));
            }
        }
    }
    // Every attempt was written down before its request left.
    for send in jobs.iter().filter_map(|job| job.send.as_ref()) {
        let requests = books.requests.get(send.key.as_str()).copied().unwrap_or_default();
        if requests > send.attempts {
            broken.push(format!("{requests} requests with key {}, {} attempts on disk", send.key.as_str(), send.attempts));
        }
    }
    let mut made: BTreeMap<&str, u64> = BTreeMap::new();
    for task in books.tasks.values() {
        *made.entry(&task.body).or_default() += 1;
    }
    for (body, count) in &made {
        if *count > commands.get(*body).copied().unwrap_or_default() {
            broken.push(format!("{count} tasks for {body}, commands: {:?}", commands.get(*body)));
        }
    }
    // No paid task without its job, unless the job is unsure or given up.
    for (id, task) in &books.tasks {
        if owners.contains(id) {
            continue;
        }
        let open = jobs.iter().any(|job| {
            job.send.as_ref().is_some_and(|send| send.key.as_str() == task.key)
                && matches!(job.state(), State::Unsure | State::Cancelled)
        });
        if !open {
            broken.push(format!("{id} was paid and no job has it"));
        }
    }
    if let Some(cap) = life.caps.day
        && !books.counted.contains_key("the clock was turned")
        && books.price == Credits::PUBLISHED_PRICE
        && books.tasks.values().all(|task| task.price == Credits::PUBLISHED_PRICE)
        && spent > cap
    {
        broken.push(format!("{spent} credits spent, the cap was {cap}"));
    }
    for job in &jobs {
        let settled = match &job.phase {
            Phase::Saved | Phase::Failed(_) | Phase::Cancelled(_) | Phase::Unwatched | Phase::Unsure(_) | Phase::Held(_) => true,
            Phase::Waiting | Phase::Sending | Phase::Running(_) | Phase::ToFetch(_) | Phase::Fetching(_) => false,
        };
        if !settled {
            broken.push(format!("{} ended as {}", job.id, job.state()));
        }
        if job.phase == Phase::Cancelled(CancelledBy::You) && job.task.is_some() {
            broken.push(format!("{} is called cancelled although it was sent", job.id));
        }
        if job.state() == State::Saved {
            let task = job.task.as_ref().map(TaskId::as_str).unwrap_or_default();
            if job.files.is_empty() || !books.saved.contains_key(task) {
                broken.push(format!("{} is saved without a file", job.id));
            }
        }
        *tally.ends.entry(job.state()).or_default() += 1;
    }
    tally.jobs += jobs.len() as u64;
    tally.charges += books.tasks.len() as u64;
    for (what, count) in &books.counted {
        *tally.counted.entry(what).or_default() += count;
    }
    if broken.is_empty() { Ok(std::mem::take(tally)) } else { Err(broken.join("\n  ")) }
}

fn run_one(seed: u64) -> Result<Tally, String> {
    let most = match seed % 100 {
        0 => 1_000,
        1..=9 => 100,
        _ => 12,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let life = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(live(seed, most))));
    life.unwrap_or_else(|_| Err("a panic".into()))
}

#[test]
fn lives_from_seeds_break_no_promise() {
    if let Ok(seed) = std::env::var("LIFE_SEED") {
        let seed = seed.parse().expect("LIFE_SEED is a number");
        match run_one(seed) {
            Ok(tally) => println!("{tally:#?}"),
            Err(broken) => panic!("seed {seed}:\n  {broken}"),
        }
        return;
    }
    let lives: u64 = std::env::var("LIVES").ok().map_or(150, |n| n.parse().expect("LIVES is a number"));
    let from: u64 = std::env::var("LIVES_FROM").ok().map_or(1, |n| n.parse().expect("LIVES_FROM is a number"));
    let next = AtomicU64::new(from);
    let failed = Mutex::new(Vec::new());
    let total = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + lives || failed.lock().unwrap().len() >= 5 {
                        return;
                    }
                    match run_one(seed) {
                        Ok(tally) => {
                            let mut total = total.lock().unwrap();
                            total.jobs += tally.jobs;
                            total.kills += tally.kills;
                            total.charges += tally.charges;
                            for (what, count) in tally.counted {
                                *total.counted.entry(what).or_default() += count;
                            }
                            for (state, count) in tally.ends {
                                *total.ends.entry(state).or_default() += count;
                            }
                        }
                        Err(broken) => failed.lock().unwrap().push((seed, broken)),
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    let total = total.into_inner().unwrap();
    println!("{lives} lives from seed {from}: {total:#?}");
    for (seed, broken) in &failed {
        println!("seed {seed}: {broken}\n  replay: LIFE_SEED={seed} cargo test --test it lives -- --nocapture");
    }
    assert!(failed.is_empty(), "{} of {lives} lives broke a promise", failed.len());
}

/// One job in a world whose paid request is lost until `mended`; returns it as it is after `time`.
async fn lost(world: &World, sending: Sending, time: Duration, disk: Option<mj_enhance::store::CommitHook>) -> Job {
    let caps = Caps::default();
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let rng = fastrand::Rng::with_seed(7);
    let mut life = Life { world: world.clone(), rng, caps, folder, screen: Arc::default(), drafts: 0 };
    let mut store = Store::in_memory().unwrap();
    store.on_commit(disk);
    let mut engine = life.engine(store, sending);
    let (commands, mut inbox) = unbounded_channel();
    let specs = life.new_specs(1);
    world.books.lock().unwrap().consented.insert(specs[0].kind().body(None));
    let consent = Some(Consent { lines: PriceLines::one(Model::Enhance, 1, Credits::PUBLISHED_PRICE), grace: Duration::ZERO });
    Life::send(&commands, Some(Command::Add { specs, tag: None, front: false, again: false, consent }));
    tokio::select! {
        result = engine.run(&mut inbox) => result.unwrap(),
        () = tokio::time::sleep(time) => {}
    }
    assert_eq!(world.books.lock().unwrap().broken, Vec::<String>::new());
    engine.into_store().jobs().unwrap().remove(0)
}

/// The line takes no paid request until the task list was read.
fn lost_until_the_list_was_read() -> World {
    let world = World::new(1, Faults { submit_lost_before: 1.0, ..Faults::default() });
    let books = Arc::clone(&world.books);
    tokio::spawn(async move {
        while !books.lock().unwrap().counted.contains_key("list") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        books.lock().unwrap().faults = Faults::default();
    });
    world
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_is_full_when_a_lost_request_goes_out_again_delays_it_and_no_more() {
    // Which write begins the second round is found by trying: each of the first twenty is refused three times.
    for first in 0..20_u32 {
        let world = lost_until_the_list_was_read();
        let mut writes = 0;
        let hook = move |moment| {
            writes += u32::from(moment == mj_enhance::store::Moment::Before);
            moment != mj_enhance::store::Moment::Before || !(first..first + 3).contains(&(writes - 1)) || first == 0
        };
        let job = lost(&world, Sending::WithConsent, Duration::from_mins(5), Some(Box::new(hook))).await;
        assert_eq!(job.state(), State::Saved, "write {first} was refused: {job:?}");
        let books = world.books.lock().unwrap();
        assert_eq!(books.tasks.len(), 1);
        let send = job.send.unwrap();
        assert!(books.requests[send.key.as_str()] <= send.attempts, "write {first} was refused: an attempt is not on disk");
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_that_goes_out_again_counts_once_for_the_limit_of_a_run() {
    let world = lost_until_the_list_was_read();
    let job = lost(&world, Sending::UpTo(Credits::PUBLISHED_PRICE), Duration::from_mins(5), None).await;
    assert_eq!(job.state(), State::Saved, "{job:?}");
    assert!(job.send.unwrap().attempts > 5, "it was looked into and went out again");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_lost_again_and_again_is_repeated_once_in_a_minute_or_so() {
    let world = World::new(1, Faults { submit_lost_before: 1.0, ..Faults::default() });
    let job = lost(&world, Sending::WithConsent, Duration::from_hours(1), None).await;
    assert!(matches!(job.state(), State::Sending | State::Unsure), "{job:?}");
    let submits = world.books.lock().unwrap().counted["submit"];
    assert!((50..300).contains(&submits), "{submits} in an hour");
}

#[tokio::test(start_paused = true)]
async fn giving_up_a_job_that_is_waited_for_lets_the_line_go_on_at_once() {
    let world = World::new(1, Faults { submit_lost_before: 1.0, ..Faults::default() });
    let (caps, folder) = (Caps::default(), Arc::new(tempfile::tempdir().unwrap()));
    let rng = fastrand::Rng::with_seed(7);
    let mut life = Life { world: world.clone(), rng, caps, folder, screen: Arc::default(), drafts: 0 };
    let mut engine = life.engine(Store::in_memory().unwrap(), Sending::WithConsent);
    let (commands, mut inbox) = unbounded_channel();
    let specs = life.new_specs(2);
    for spec in &specs {
        world.books.lock().unwrap().consented.insert(spec.kind().body(None));
    }
    let consent = Some(Consent { lines: PriceLines::one(Model::Enhance, 2, Credits::PUBLISHED_PRICE), grace: Duration::ZERO });
    Life::send(&commands, Some(Command::Add { specs, tag: None, front: false, again: false, consent }));
    let user = async {
        // The second reading of the list is too early to prove anything, so it is waited for a third.
        while world.books.lock().unwrap().counted.get("list").copied().unwrap_or_default() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.books.lock().unwrap().faults = Faults::default();
        let jobs = life.screen.lock().unwrap().ids(State::Unsure);
        assert_eq!(jobs.len(), 1);
        Life::send(&commands, Some(Command::GiveUp { jobs }));
        tokio::time::sleep(Duration::from_secs(3)).await;
    };
    tokio::select! {
        result = engine.run(&mut inbox) => result.unwrap(),
        () = user => {}
    }
    assert_eq!(world.books.lock().unwrap().tasks.len(), 1, "the other one was sent");
}
