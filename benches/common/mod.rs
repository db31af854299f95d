//! What the benches share: jobs as a store holds them, the program in a pseudo terminal, and what the kernel counts.

#![allow(dead_code, missing_docs, reason = "each bench uses a part of it")]

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan as _};
use mj_enhance::job::{
    Approval, Charge, Credits, IdempotencyKey, ImageNumber, Job, JobId, JobKind, Model, PaidRequest, PaidSend, Percent, Phase,
    PriceLines, Progress, SavedFile, Tag, TaskId,
};
use mj_enhance::simulator::{Draft, Outcome, Running, Scenario, SeedTask, Simulator};
use mj_enhance::store::{Access, AddRules, Consent, NewJob, Store};
use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};

/// One line of a bench's table.
pub fn row(what: &str, aim: &str, measured: &str) {
    println!("| {what} | {aim} | {measured} |");
}

pub fn head() {
    println!("| what | aim | measured |\n|---|---|---|");
}

/// Which jobs a store holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Waiting,
    Running,
    Saved,
}

pub fn draft(n: u64) -> TaskId {
    TaskId::new(&format!("task-unified-{}-d{:07}", 1_790_000_000 + n / 4, n / 4)).expect("a task id")
}

pub fn task(n: u64) -> TaskId {
    TaskId::new(&format!("task-unified-{}-t{n:07}", 1_795_000_000 + n)).expect("a task id")
}

/// How long ago the nth running job was sent, in seconds: the store and the simulator agree on it.
pub fn age(n: u64) -> u64 {
    10 + n % 20
}

/// A job with all the facts that such a job has after a real life.
pub fn job(n: u64, kind: Kind, now: Timestamp) -> Job {
    let image = ImageNumber::try_from(u8::try_from(n % 4).unwrap_or(0)).expect("an image number");
    let ago = |seconds: i64| now.checked_sub(seconds.seconds()).unwrap_or(now);
    let place = i64::try_from(n).unwrap_or(0) * 10;
    let mut job = Job::new(JobId::from_bits(0x00ab_0000_0000 + n), JobKind::Enhance { source: draft(n), image }, place, ago(900));
    let price = Credits::PUBLISHED_PRICE;
    job.tag = Tag::new(["harbour", "forest", "portraits"][usize::try_from(n % 3).unwrap_or(0)]).ok();
    job.approval = Some(Approval { seq: 1, price, at: ago(800), not_before: ago(795) });
    job.phase = Phase::Waiting;
    if kind == Kind::Waiting {
        return job;
    }
    let mut rng = [0; 16];
    rng[..8].copy_from_slice(&n.to_le_bytes());
    let sent = ago(i64::try_from(age(n)).unwrap_or(0));
    let body = job.kind.body(None);
    job.send = Some(PaidSend {
        key: IdempotencyKey::from_random(rng),
        body,
        agreed: price,
        first_at: sent,
        last_at: sent,
        first_server_time: None,
        last_server_time: None,
        attempts: 1,
        lost: 0,
        absence_confirmed: false,
        refusals: 0,
    });
    job.task = Some(task(n));
    job.sent_at = Some(sent);
    job.reserved = Some(price);
    job.charge = Some(Charge::Reserved);
    job.estimate = Some(120);
    job.phase = Phase::Running(Progress {
        percent: Percent::new(i64::try_from(n % 100).unwrap_or(0)),
        seconds_left: None,
        at: Some(ago(5)),
    });
    if kind == Kind::Saved {
        let end = ago(i64::try_from(n % 80_000).unwrap_or(0));
        (job.finished_at, job.saved_at) = (Some(end), Some(end));
        job.link_expires_at = end.checked_add(24.hours()).ok();
        job.links = vec![format!("https://files.example.org/results/2026/11/22/{n:012}-0.png?token=0123456789abcdef")];
        job.files = vec![SavedFile {
            path: format!("/home/somebody/Pictures/enhanced/2026-11-22/harbour/t{n:07}-0.png").into(),
            sha256: format!("{n:064x}"),
            bytes: 3_141_592,
        }];
        (job.charge, job.charged) = (Some(Charge::Charged), Some(price));
        job.phase = Phase::Saved;
    }
    job
}

/// Puts jobs in a store; their numbers go on from `from`.
pub fn fill(folder: &Path, from: u64, count: u64, kind: Kind) {
    let mut store = Store::open(folder, Access::ReadWrite).expect("the store opens");
    // On a whole second, so that all clocks of the screen turn together with the wall clock.
    let now = Timestamp::from_second(Timestamp::now().as_second()).expect("now");
    let jobs: Vec<Job> = (from..from + count).map(|n| job(n, kind, now)).collect();
    for part in jobs.chunks(10_000) {
        assert!(store.import(part, now).expect("written").is_empty());
    }
    store.flush().expect("flushed");
}

/// Puts jobs in a store that wait for their turn with an approval, or are held; their numbers go on from `from`.
pub fn fill_waiting(folder: &Path, from: u64, count: u64, held: bool) {
    let mut store = Store::open(folder, Access::ReadWrite).expect("the store opens");
    let now = Timestamp::from_second(Timestamp::now().as_second()).expect("now");
    let new: Vec<NewJob> = (from..from + count)
        .map(|n| {
            let Job { id, kind, tag, .. } = job(n, Kind::Waiting, now);
            NewJob { id, kind, tag, again_of: None }
        })
        .collect();
    let mut make = |job: &Job| {
        let mut rng = [3; 16];
        rng[..8].copy_from_slice(&job.id.bits().to_le_bytes());
        PaidRequest { key: IdempotencyKey::from_random(rng), body: job.kind.body(None) }
    };
    for part in new.chunks(10_000) {
        let consent =
            Consent { lines: PriceLines::one(Model::Enhance, part.len(), Credits::PUBLISHED_PRICE), grace: Duration::ZERO };
        store.add(part, AddRules::default(), (!held).then_some(consent), &mut make, now).expect("written");
    }
    store.flush().expect("flushed");
}

/// The tasks of `count` running jobs of [`fill`], known to a simulator; they run this long, each a little differently.
pub fn scenario(count: u64, run_seconds: f64) -> Scenario {
    scenario_of(count, |n| run_seconds * (1.0 + f64::from(u32::try_from(n % 1_000).unwrap_or(0)) / 1_000.0))
}

/// The same with the length of each run in seconds, from its submit on.
pub fn scenario_of(count: u64, run_seconds: impl Fn(u64) -> f64) -> Scenario {
    Scenario {
        drafts: (0..count.div_ceil(4).max(1)).map(|n| Draft { id: draft(n * 4).as_str().into(), ..Draft::default() }).collect(),
        tasks: (0..count)
            .map(|n| SeedTask {
                id: Some(task(n).as_str().into()),
                source: draft(n).as_str().into(),
                image: u8::try_from(n % 4).unwrap_or(0),
                account: None,
                key: None,
                age_seconds: f64::from(u32::try_from(age(n)).unwrap_or(0)),
                then: Outcome { run_seconds: Some(run_seconds(n)), ..Outcome::default() },
            })
            .collect(),
        progress_steps: 100,
        picture_size: 64,
        balance: mj_enhance::simulator::Balance {
            account: mj_enhance::simulator::Amount::from_credits(1e6),
            ..Default::default()
        },
        ..Scenario::default()
    }
}

pub fn simulate(scenario: Scenario) -> Running {
    Simulator::start_in_background(scenario, 0).expect("the simulator starts")
}

/// A home with a configuration for this simulator.
pub struct Home {
    pub folder: tempfile::TempDir,
}

impl Home {
    pub fn new(simulator: &Running, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = folder.path().join("key");
        std::fs::write(&key, simulator.key()).expect("written");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("modes");
        let config = format!("key_file = \"key\"\nbase_url = \"{}\"\nsubmit_gap = 0\n{more}\n", simulator.base_url());
        std::fs::write(folder.path().join("c.toml"), config).expect("written");
        Self { folder }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

/// What the reader of the pseudo terminal does.
#[derive(Default)]
pub struct Line {
    /// Bytes that came.
    pub bytes: AtomicU64,
    /// It reads nothing while this is set.
    pub stalled: AtomicBool,
}

/// A line between the pseudo terminal and the one who looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    /// Bytes a second in each direction.
    pub rate: u32,
    /// How long a byte takes to the other end.
    pub one_way: Duration,
}

impl Wire {
    /// How long so many bytes take to leave.
    fn takes(self, count: usize) -> Duration {
        Duration::from_secs_f64(u32::try_from(count).map_or(0.0, f64::from) / f64::from(self.rate))
    }
}

/// A direction of a wire: bytes leave one after the other and arrive later. Whoever sends waits until all but the last
/// piece have left, so nothing gathers before the wire but in the pseudo terminal itself.
struct Direction {
    wire: Wire,
    free_at: Instant,
    to: std::sync::mpsc::Sender<(Instant, Vec<u8>)>,
}

impl Direction {
    fn new(wire: Wire, mut arrive: impl FnMut(&[u8]) + Send + 'static) -> Self {
        let (to, from) = std::sync::mpsc::channel::<(Instant, Vec<u8>)>();
        std::thread::spawn(move || {
            for (at, bytes) in from {
                std::thread::sleep(at.saturating_duration_since(Instant::now()));
                arrive(&bytes);
            }
        });
        Self { wire, free_at: Instant::now(), to }
    }

    fn send(&mut self, bytes: &[u8]) {
        std::thread::sleep(self.free_at.saturating_duration_since(Instant::now()));
        self.free_at = self.free_at.max(Instant::now()) + self.wire.takes(bytes.len());
        let _ = self.to.send((self.free_at + self.wire.one_way, bytes.to_vec()));
    }
}

enum Keys {
    Direct(Box<dyn Write + Send>),
    Over(Direction),
}

/// The dashboard in a pseudo terminal.
pub struct Dashboard {
    pub pid: u32,
    pub started: Instant,
    pub line: Arc<Line>,
    /// The terminal's screen, and when it last changed.
    pub screen: Arc<Mutex<(vt100::Parser, Instant)>>,
    master: Box<dyn MasterPty + Send>,
    keys: Keys,
    child: Box<dyn portable_pty::Child + Send + Sync>,
}

impl Dashboard {
    pub fn open(home: &Home, columns: u16, rows: u16) -> Self {
        Self::open_over(None, home, columns, rows)
    }

    /// The same with a line in between; without one, bytes are seen as they come.
    pub fn open_over(wire: Option<Wire>, home: &Home, columns: u16, rows: u16) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pty");
        let mut command = CommandBuilder::new(program());
        command.env_clear();
        command.args(["--config", "c.toml"]);
        for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("PATH", "/usr/bin:/bin")] {
            command.env(name, value);
        }
        command.env("HOME", home.folder.path());
        command.env("MJ_ENHANCE_DATA_DIR", home.data());
        command.cwd(home.folder.path());
        let screen = Arc::new(Mutex::new((
            vt100::Parser::new(rows.try_into().expect("rows"), columns.try_into().expect("columns"), 0),
            Instant::now(),
        )));
        let line = Arc::new(Line::default());
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let keys = pair.master.take_writer().expect("a writer");
        let started = Instant::now();
        let child = pair.slave.spawn_command(command).expect("the program starts");
        let (shown, counted) = (Arc::clone(&screen), Arc::clone(&line));
        let arrive = move |bytes: &[u8]| {
            let mut screen = shown.lock().expect("no panic");
            screen.0.process(bytes);
            screen.1 = Instant::now();
            counted.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        };
        let reads = Arc::clone(&line);
        std::thread::spawn(move || {
            // A wire takes small pieces, so that one write does not hold up what is shown of it.
            let mut bytes = vec![0; if wire.is_some() { 64 } else { 4_096 }];
            let mut next = || {
                while reads.stalled.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(1));
                }
                reader.read(&mut bytes).ok().filter(|count| *count > 0).map(|count| bytes[..count].to_vec())
            };
            if let Some(wire) = wire {
                let mut direction = Direction::new(wire, arrive);
                while let Some(bytes) = next() {
                    direction.send(&bytes);
                }
            } else {
                while let Some(bytes) = next() {
                    arrive(&bytes);
                }
            }
        });
        let keys = match wire {
            None => Keys::Direct(keys),
            Some(wire) => {
                let mut keys = keys;
                Keys::Over(Direction::new(wire, move |bytes| keys.write_all(bytes).and_then(|()| keys.flush()).expect("typed")))
            }
        };
        Self { pid: child.process_id().unwrap_or(0), started, line, screen, master: pair.master, keys, child }
    }

    pub fn bytes(&self) -> u64 {
        self.line.bytes.load(Ordering::Relaxed)
    }

    pub fn press(&mut self, keys: &[u8]) {
        match &mut self.keys {
            Keys::Direct(to) => to.write_all(keys).and_then(|()| to.flush()).expect("typed"),
            Keys::Over(direction) => direction.send(keys),
        }
    }

    pub fn shows(&self, text: &str) -> bool {
        self.screen.lock().expect("no panic").0.screen().contents().contains(text)
    }

    /// The row that is chosen.
    pub fn chosen(&self) -> Option<u16> {
        let screen = self.screen.lock().expect("no panic");
        let screen = screen.0.screen();
        (0..screen.size().0.into()).find(|row| screen.cell(*row, 0).is_some_and(|cell| cell.contents() == "▌"))
    }

    /// What stands in each row.
    pub fn words(&self) -> Vec<String> {
        let screen = self.screen.lock().expect("no panic");
        let screen = screen.0.screen();
        screen.rows(0, screen.size().1.into()).collect()
    }

    /// What the eye sees of the screen, row by row: characters with their colours; of a blank only what lies behind it.
    pub fn painted(&self) -> Vec<String> {
        let screen = self.screen.lock().expect("no panic");
        let screen = screen.0.screen();
        let (rows, columns) = (screen.size().0.into(), screen.size().1.into());
        let seen = |row: u16, column: u16| {
            let cell = screen.cell(row, column)?;
            let blank = cell.contents().trim().is_empty();
            let front = (!blank).then(|| (cell.fgcolor(), cell.bold(), cell.dim(), cell.italic(), cell.contents().to_owned()));
            Some(format!("{front:?}{:?}{}{}", cell.bgcolor(), cell.underline(), cell.inverse()))
        };
        (0..rows).map(|row| (0..columns).filter_map(|column| seen(row, column)).collect()).collect()
    }

    /// Waits until no byte has come for so long, and says how many came until then.
    pub fn quiet(&self, gap: Duration, most: Duration) -> u64 {
        let (first, began) = (self.bytes(), Instant::now());
        let (mut last, mut since) = (first, Instant::now());
        while since.elapsed() < gap && began.elapsed() < most {
            std::thread::sleep(Duration::from_millis(1));
            if self.bytes() != last {
                (last, since) = (self.bytes(), Instant::now());
            }
        }
        last - first
    }

    /// Waits for something on the screen, at most `most`, and says how long it took.
    pub fn until(&self, most: Duration, fits: impl Fn(&Self) -> bool) -> Option<Duration> {
        let began = Instant::now();
        while !fits(self) {
            if began.elapsed() > most {
                return None;
            }
            std::thread::sleep(Duration::from_micros(50));
        }
        Some(began.elapsed())
    }

    pub fn seen(&self) -> Counted {
        Counted::of(self.pid)
    }

    pub fn leave(mut self) {
        self.press(b"q");
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end {
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the kernel knows about a process, over all its threads.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// Nanoseconds on a processor.
    pub cpu: u64,
    /// Times a thread slept and was woken.
    pub waits: u64,
    /// kB in memory now, and at most so far.
    pub resident: u64,
    pub peak: u64,
    /// By thread.
    pub threads: Vec<(String, u64, u64)>,
}

impl Counted {
    pub fn of(pid: u32) -> Self {
        let read = |path: String| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| -> u64 {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
        };
        let whole = read(format!("/proc/{pid}/status"));
        let mut counted = Self { resident: field(&whole, "VmRSS:"), peak: field(&whole, "VmHWM:"), ..Self::default() };
        let mut threads: Vec<PathBuf> =
            std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        threads.sort();
        for thread in threads {
            let file = |name| read(format!("{}/{name}", thread.display()));
            let cpu = file("schedstat").split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0);
            let waits = field(&file("status"), "voluntary_ctxt_switches:");
            counted.threads.push((file("comm").trim().to_owned(), cpu, waits));
            counted.cpu += cpu;
            counted.waits += waits;
        }
        counted
    }
}

/// How many bytes a pseudo terminal of this machine takes while nobody reads, in writes of this size.
pub fn pty_holds(write: usize) -> u64 {
    let pair = native_pty_system().openpty(PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 }).expect("a pty");
    let mut command = CommandBuilder::new("/bin/dd");
    command.args(["if=/dev/zero".to_owned(), format!("bs={write}"), "count=100000".to_owned()]);
    let mut child = pair.slave.spawn_command(command).expect("dd starts");
    let path = format!("/proc/{}/io", child.process_id().unwrap_or(0));
    let written = || -> u64 {
        let io = std::fs::read_to_string(&path).unwrap_or_default();
        io.lines().find_map(|line| line.strip_prefix("wchar: ")).and_then(|count| count.trim().parse().ok()).unwrap_or(0)
    };
    let (mut last, mut same) = (0, 0);
    while same < 20 {
        std::thread::sleep(Duration::from_millis(25));
        let now = written();
        same = if now == last && now > 0 { same + 1 } else { 0 };
        last = now;
    }
    let _ = child.kill();
    let _ = child.wait();
    last
}

/// Sorted, for medians and percentiles.
pub fn sorted(mut all: Vec<Duration>) -> Vec<Duration> {
    all.sort();
    all
}

pub fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// Hundredths as a number for people.
pub fn share(part: u64, whole: u64, places: u32) -> String {
    let scale = 10_u64.pow(places);
    let value = (u128::from(part) * u128::from(scale)).checked_div(u128::from(whole)).unwrap_or(0);
    let (scale, places) = (u128::from(scale), places as usize);
    if places == 0 { value.to_string() } else { format!("{}.{:0places$}", value / scale, value % scale) }
}

/// The program that is measured: that of this build, or the one that `BENCH_PROGRAM` names, to compare two builds.
pub fn program() -> String {
    std::env::var("BENCH_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_mj-enhance").to_owned())
}
