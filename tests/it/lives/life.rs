//! A whole life: processes over one store that are killed, leave, take over, until a last one brings everything home.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use mj_enhance::engine::{EngineEvent, Options, Role, Sending, Services, SessionMessage, attend};
use mj_enhance::job::{Caps, Credits, State};
use mj_enhance::store::{CommitHook, EngineLock, Moment, Store};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::elsewhere;
use super::hardness::Hardness;
use super::permissions::Confirmed;
use super::screen::{Screen, Speaker};
use super::service::LEAVING;
use super::world::World;

/// How a life ended, as far as the checks after it ask.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// The true time of its end.
    pub at: Timestamp,
    /// The user said yes to everything in the end.
    pub confirmed: bool,
    pub pruned: bool,
    pub clock_was_turned: bool,
    /// Three misses of a record are no evidence that it is gone.
    pub misses_are_no_evidence: bool,
}

/// One life.
pub struct Life {
    pub world: World,
    pub rng: fastrand::Rng,
    pub hardness: Hardness,
    pub screen: Arc<Mutex<Screen>>,
    pub drafts: u64,
    pub tickets: u64,
    /// This one has a clock that is turned now and then.
    pub turned_clock: bool,
    /// The user of this process does not say yes by habit.
    pub reluctant: bool,
    pub pruned: bool,
    /// An older copy of the data folder.
    pub copy: Option<PathBuf>,
    caps: Caps,
    folder: tempfile::TempDir,
    other: Option<Store>,
    runs: u32,
    /// A process that leaves while the next one starts.
    pub leaving: Option<JoinHandle<()>>,
}

/// A running process.
pub struct Running {
    pub commands: UnboundedSender<SessionMessage>,
    world: World,
    process: JoinHandle<Result<(), String>>,
    /// Its end was heard of.
    is_over: bool,
}

impl Running {
    /// Killed: nothing of it goes on.
    pub async fn kill(self) {
        self.world.die();
        self.process.abort();
        if self.is_over {
            return;
        }
        if let Err(error) = self.process.await
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }

    /// Killed, while somebody still holds it.
    pub async fn stop_at_once(&mut self) {
        self.world.die();
        self.process.abort();
        while !self.process.is_finished() {
            tokio::task::yield_now().await;
        }
    }

    /// Leaves in order.
    pub async fn leave(mut self) {
        let _ = self.commands.send(SessionMessage::Stop);
        let _ = tokio::time::timeout(LEAVING, self.over()).await;
        self.kill().await;
    }

    /// Waits for its end; what it ended with.
    pub async fn over(&mut self) -> Result<(), String> {
        if self.is_over {
            return Ok(());
        }
        let ended = (&mut self.process).await;
        self.is_over = true;
        match ended {
            Ok(result) => result,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Where a life keeps its data: in memory where the machine has such a place, since nothing here is about the disk.
fn data_folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.or_else(|_| tempfile::tempdir()).expect("a folder")
}

impl Life {
    pub fn new(world: World, rng: fastrand::Rng, hardness: Hardness, caps: Caps) -> Self {
        world.books.lock().unwrap().permissions.set_caps(caps);
        Self {
            world,
            rng,
            hardness,
            screen: Arc::new(Mutex::new(Screen { errors_change_nothing: hardness.half_done, ..Screen::default() })),
            drafts: 0,
            tickets: 0,
            turned_clock: false,
            reluctant: false,
            pruned: false,
            copy: None,
            caps,
            folder: data_folder(),
            other: None,
            runs: 0,
            leaving: None,
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn open_store(&self) -> Store {
        elsewhere::store(&self.data())
    }

    /// The store as another process has it open.
    pub fn other_process(&mut self) -> &mut Store {
        let data = self.data();
        self.other.get_or_insert_with(|| elsewhere::store(&data))
    }

    /// A copy of the data folder, as a backup makes it.
    pub fn copy_store(&mut self) {
        let copy = self.folder.path().join("copy");
        copy_folder(&self.data(), &copy);
        self.copy = Some(copy);
        let jobs = self.other_process().jobs().expect("the store can be read");
        let confirmed = jobs.iter().filter(|job| matches!(job.state(), State::Waiting | State::Sending | State::Unsure));
        self.world.books.lock().unwrap().permissions.copied(confirmed.map(|job| job.id));
        self.world.count("the data folder was copied");
    }

    /// The copy stands in the place of the store; nobody has it open.
    pub fn put_back(&mut self, copy: &Path) {
        self.other = None;
        std::fs::remove_dir_all(self.data()).expect("the data folder can be removed");
        copy_folder(copy, &self.data());
        let (jobs, now) = (self.open_store().jobs().expect("the copy is whole"), self.world.true_now());
        let mut books = self.world.books.lock().unwrap();
        books.permissions.copied_back(&jobs, now);
        books.copied_back = true;
        drop(books);
        let mut screen = self.screen.lock().unwrap();
        let broken = std::mem::take(&mut screen.broken);
        *screen = Screen { broken, errors_change_nothing: self.hardness.half_done, ..Screen::default() };
        drop(screen);
        self.world.count("an older copy was put back");
    }

    fn options(&self, sending: Sending) -> Options {
        Options {
            data_dir: self.data(),
            sending,
            max_in_flight: 8,
            submit_gap: Duration::from_millis(100),
            reads_per_minute: 600,
            caps: self.caps,
            pause_after_failures: 0,
            callback_url: None,
            fetches_at_once: 4,
            preview_cache: 0,
            first_rows: |_| mj_enhance::job::FirstRows::default(),
            time_zone: jiff::tz::TimeZone::UTC,
        }
    }

    /// A process that is to be started, with what it may send.
    pub fn new_process(&mut self, sending: Sending, store: &Store) -> World {
        let budget = match sending {
            Sending::UpTo(limit) => Some(self.open_budget(limit, store)),
            Sending::Nothing | Sending::WithConsent => None,
        };
        self.world.for_process(budget)
    }

    /// Starts a process as the engine.
    pub fn lead(&mut self, sending: Sending, store: Store, world: World) -> Running {
        // Another test of this process may be starting a program: until that runs, it has a copy of every open file.
        let end = std::time::Instant::now() + crate::stage::PATIENCE;
        let mut lock = None;
        while lock.is_none() {
            assert!(std::time::Instant::now() < end, "the lock of a dead engine is free");
            lock = Store::lock_engine(&self.data()).expect("the lock file can be made");
        }
        self.attend(store, lock, sending, world)
    }

    /// Starts a dashboard: the engine, or one that looks on while another process is.
    pub fn look_on(&mut self, store: Store, world: World) -> Running {
        let lock = Store::lock_engine(&self.data()).expect("the lock file can be made");
        self.attend(store, lock, Sending::WithConsent, world)
    }

    fn attend(&mut self, store: Store, lock: Option<EngineLock>, sending: Sending, world: World) -> Running {
        let (screen, books) = (Arc::clone(&self.screen), Arc::clone(&world.books));
        let services = Services {
            service: Arc::new(world.clone()),
            fetcher: Arc::new(world.clone()),
            previews: Arc::new(world.clone()),
            clock: Arc::new(world.clone()),
            rng: fastrand::Rng::with_seed(self.rng.u64(..)),
        };
        // What a dashboard that only looks on says of a job may be a second old.
        let leads = AtomicBool::new(lock.is_some());
        let broke = Arc::new(Mutex::new(None));
        let why = Arc::clone(&broke);
        let process = world.clone();
        let sink = Box::new(move |news| {
            if let EngineEvent::Broken(error) = &news {
                *why.lock().unwrap() = Some(error.to_string());
                return;
            }
            if let EngineEvent::Status(status) = &news {
                leads.store(status.role == Role::Engine, Ordering::Relaxed);
            }
            let from = Speaker { acts: leads.load(Ordering::Relaxed), is_dead: process.is_dead() };
            screen.lock().unwrap().hear(news, from, &books);
        });
        let options = self.options(sending);
        let (commands, mut inbox) = unbounded_channel();
        let process = tokio::task::spawn_local(async move {
            attend(store, lock, options, services, sink, &mut inbox).await;
            broke.lock().unwrap().take().map_or(Ok(()), Err)
        });
        Running { commands, world, process, is_over: false }
    }

    /// `run --yes --max-credits N` confirms what was approved before, at the price agreed then, up to N.
    fn open_budget(&mut self, limit: Credits, store: &Store) -> u32 {
        self.runs += 1;
        let budget = Some(self.runs);
        let jobs = store.jobs().expect("the store can be read");
        let mut books = self.world.books.lock().unwrap();
        books.permissions.budgets.insert(self.runs, limit);
        for job in jobs.iter().filter(|job| job.state() == State::Waiting) {
            if let Some(approval) = job.approval {
                books.permissions.hear(job, false);
                books.permissions.confirm_at(job.id, Confirmed { price: approval.price, budget });
            }
        }
        books.permissions.resumed();
        books.count("a run with a limit");
        self.runs
    }

    /// The process that sent died, and another one goes on. `writing`: in a write, or after one that was refused.
    pub fn sender_died(&mut self, writing: bool) {
        let store = self.open_store();
        let (jobs, settings) = (store.jobs().expect("the store can be read"), store.settings().expect("the store can be read"));
        let permissions = &mut self.world.books.lock().unwrap().permissions;
        if writing { permissions.sender_died_writing(&jobs, &settings) } else { permissions.sender_died() }
    }

    /// The process that was leaving is gone.
    pub async fn left(&mut self) {
        if let Some(leaving) = self.leaving.take() {
            leaving.await.expect("leaving ends");
        }
    }

    /// Nobody runs any more. `writing`: the last one died in a write, or after one that was refused.
    pub fn nobody_is_left(&mut self, writing: bool) {
        let (store, now) = (self.open_store(), self.world.true_now());
        let (jobs, settings) = (store.jobs().expect("the store can be read"), store.settings().expect("the store can be read"));
        let permissions = &mut self.world.books.lock().unwrap().permissions;
        if writing {
            permissions.forget_what_was_not_written(&jobs, &settings);
        }
        permissions.nobody_is_left(&jobs, now);
        self.screen.lock().unwrap().status = None;
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("the folder can be read") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_owned();
        // The index of the log is made anew by who opens it.
        if !name.to_string_lossy().ends_with("-shm") && !name.to_string_lossy().ends_with(".lock") {
            std::fs::copy(&path, to.join(name)).expect("a copy");
        }
    }
}

/// Stops a store's writes as a kill does: at the nth one, before it or after it. `refuses`: a disk that is full now and then.
pub struct Fate {
    pub died: Arc<tokio::sync::Notify>,
    /// Whether it was killed or had a write refused, so that it may end with an error.
    pub met: Arc<AtomicBool>,
}

impl Fate {
    pub fn of(store: &mut Store, rng: &mut fastrand::Rng, most_writes: usize, full_disk: bool, world: &World) -> Self {
        let fate = Self { died: Arc::default(), met: Arc::default() };
        let (died, met, mut killed) = (Arc::clone(&fate.died), Arc::clone(&fate.met), false);
        let before = rng.bool();
        let mut left = rng.usize(0..most_writes);
        let mut disk = fastrand::Rng::with_seed(rng.u64(..));
        let mut refusals = 0;
        let world = world.clone();
        let hook: CommitHook = Box::new(move |moment| {
            if killed {
                return false;
            }
            if full_disk && moment == Moment::Before {
                if refusals == 0 && disk.u8(0..20) == 0 {
                    refusals = disk.u32(1..8);
                }
                if refusals > 0 {
                    refusals -= 1;
                    met.store(true, Ordering::Relaxed);
                    world.books.lock().unwrap().count("the store refused a write");
                    return false;
                }
            }
            if (moment == Moment::Before) == before {
                if left == 0 {
                    killed = true;
                    met.store(true, Ordering::Relaxed);
                    world.die();
                    world.books.lock().unwrap().count(if before { "killed before a write" } else { "killed after a write" });
                    died.notify_one();
                    return false;
                }
                left -= 1;
            }
            true
        });
        store.on_commit(Some(hook));
        fate
    }
}
