//! Ten thousand tasks, submits and downloads: the real program against the simulator over loopback.
//!
//! ```text
//! cargo bench --bench running              # everything, about a quarter of an hour
//! cargo bench --bench running -- delays    # one part: tasks, delays, submits, downloads
//! cargo bench --bench running -- tasks 2   # the same for two minutes instead of ten
//! ```

mod common;

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Counted, Dashboard, Home, Kind, at, fill, head, row, scenario, scenario_of, share, simulate, sorted};
use mj_enhance::simulator::{Estimate, Route, Running};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let (numbers, wanted): (Vec<&String>, Vec<&String>) = words.iter().partition(|word| word.parse::<u64>().is_ok());
    let minutes = numbers.first().and_then(|word| word.parse().ok()).unwrap_or(10).max(1);
    let parts: [(&str, &dyn Fn()); 4] =
        [("tasks", &|| tasks(minutes)), ("delays", &delays), ("submits", &submits), ("downloads", &downloads)];
    head();
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|word| *word == name) {
            part();
        }
    }
}

/// Tasks that go on all the time,
const STAYING: u64 = 10_000;
/// and others, which end one after the other meanwhile.
const ENDING: u64 = 2_000;

/// 10,000 running tasks all the time; 2,000 more end meanwhile, evenly spread, and at last the 10,000 all at once.
fn tasks(minutes: u64) {
    let (all, seconds) = (STAYING + ENDING, minutes * 60);
    let start = 30;
    let simulator = simulate(scenario_of(all, |n| {
        // Which tasks end must have nothing to do with where they stand in the store: 7,919 is prime to 12,000.
        let place = n * 7_919 % all;
        let ends = if place < ENDING { start + place * seconds / ENDING } else { seconds + 36_000 + place };
        f64::from(u32::try_from(common::age(n) + ends).unwrap_or(u32::MAX))
    }));
    let home = Home::new(&simulator, "reads_per_minute = 1200\nmax_in_flight = 10000\n");
    fill(&home.data(), 0, all, Kind::Running);
    let dashboard = Dashboard::open(&home, 120, 40);
    assert!(dashboard.until(Duration::from_secs(30), |d| d.shows(&all.to_string())).is_some(), "the dashboard shows its jobs");
    std::thread::sleep(Duration::from_secs(start).saturating_sub(dashboard.started.elapsed()));
    let (mut before, mut memory, mut shares) = (dashboard.seen(), Vec::new(), Vec::new());
    let (first, looks, reads, ended) = (before.clone(), simulator.delays().reads, simulator.counts(), noticed(&simulator));
    memory.push(before.resident / 1_024);
    for minute in 1..=minutes {
        std::thread::sleep(Duration::from_secs(start + minute * 60).saturating_sub(dashboard.started.elapsed()));
        let now = dashboard.seen();
        memory.push(now.resident / 1_024);
        shares.push(share((now.cpu - before.cpu) * 100, 60_000_000_000, 1));
        before = now;
    }
    let (counts, after) = (simulator.counts(), dashboard.seen());
    let (looks, batches) = (simulator.delays().reads - looks, counts.of(Route::Batch) - reads.of(Route::Batch));
    let singles = counts.of(Route::Read) - reads.of(Route::Read);
    let sizes = &counts.batch_ids[reads.batch_ids.len()..];
    let words = |all: &[String]| all.join(" ");
    row(
        &format!(
            "10,000 running for {minutes} min, one more ending every {} ms: % of a core, by minute",
            seconds * 1_000 / ENDING
        ),
        "< 15",
        &format!("{}; {} on the whole", words(&shares), share((after.cpu - first.cpu) * 100, seconds * 1_000_000_000, 1)),
    );
    let sampled: Vec<String> = memory.iter().map(ToString::to_string).collect();
    row("… memory after 30 s and each minute, MB", "< 60, flat", &format!("{}; peak {}", words(&sampled), after.peak / 1_024));
    row(
        "… reads for one look at each of 10,000",
        "200",
        &format!(
            "{} ({} of {batches} batches full; {singles} single reads)",
            share((batches + singles) * 10_000, looks, 0),
            sizes.iter().filter(|size| **size == 50).count()
        ),
    );
    row("… looks a second", "", &(looks / seconds).to_string());
    let delays = simulator.delays();
    row(
        &format!("… {} ended: finished to seen", noticed(&simulator) - ended),
        "",
        &format!("median {:.1} s, p90 {:.1} s", delays.at(50).unwrap_or_default(), delays.at(90).unwrap_or_default()),
    );
    let by_name = |counted: &Counted| {
        let mut sums: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for (name, cpu, waits) in &counted.threads {
            let sum = sums.entry(name.clone()).or_default();
            *sum = (sum.0 + cpu, sum.1 + waits);
        }
        sums
    };
    let at_first = by_name(&first);
    for (name, (cpu, waits)) in by_name(&after) {
        let (cpu_before, waits_before) = at_first.get(&name).copied().unwrap_or_default();
        row(
            &format!("… threads {name}"),
            "",
            &format!(
                "{} ms a minute, {} wake-ups/s",
                cpu.saturating_sub(cpu_before) / 1_000_000 / minutes,
                waits.saturating_sub(waits_before) / seconds
            ),
        );
    }
    let (began, last) = (Instant::now(), simulator.finish_all());
    let seen = wait(300, || noticed(&simulator) >= all);
    let took = began.elapsed();
    let saved = wait(600, || {
        std::thread::sleep(Duration::from_millis(500));
        open_jobs(&home) == 0
    });
    row(
        &format!("… then {last} end in one moment: all seen; all downloaded"),
        "",
        &if seen && saved { format!("after {took:.0?}; after {:.0?}", began.elapsed()) } else { "NOT ALL WERE".to_owned() },
    );
    row("… memory then, MB", "", &format!("{}", dashboard.seen().resident / 1_024));
    dashboard.leave();
    let open = open_jobs(&home);
    let charged = simulator.ledger().iter().filter(|entry| entry.seeded && entry.settled).count();
    row(
        "… ended at the service; noticed by a read; open in the store; result files",
        &format!("{all}; {all}; 0; {all}"),
        &format!("{charged}; {}; {open}; {}", noticed(&simulator), files(home.folder.path())),
    );
}

/// Jobs that are not over, by the store.
fn open_jobs(home: &Home) -> usize {
    let store = mj_enhance::store::Store::open(&home.data(), mj_enhance::store::Access::ReadOnly).expect("the store opens");
    store.open_jobs().expect("read").jobs.len()
}

/// Tasks whose end was shown by a read.
fn noticed(simulator: &Running) -> u64 {
    simulator.delays().seconds.len() as u64
}

/// Pictures below a folder.
fn files(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&entry.path()),
            Ok(_) if entry.path().extension().is_some_and(|end| end == "png") => 1,
            _ => 0,
        })
        .sum()
}

/// Tasks that end: how soon it is noticed, and at how many looks, by what the service says of the end.
fn delays() {
    for (says, estimate, progress) in [
        ("seconds left, single percents", Estimate::SecondsLeft, 100),
        ("seconds left, progress by tens", Estimate::SecondsLeft, 10),
        ("45 s for each, progress by tens", Estimate::WholeRun, 10),
        ("nothing", Estimate::Absent, 1),
    ] {
        let mut scenario = scenario_of(400, |n| 30.0 + f64::from(u32::try_from(n * 7 % 400).unwrap_or(0)) * 0.075);
        (scenario.estimate, scenario.progress_steps, scenario.run_seconds) = (estimate, progress, 45.0);
        let simulator = simulate(scenario);
        let home = Home::new(&simulator, "reads_per_minute = 600\nmax_in_flight = 10000\n");
        fill(&home.data(), 0, 400, Kind::Running);
        let dashboard = Dashboard::open(&home, 120, 40);
        let all_noticed = wait(90, || noticed(&simulator) >= 400);
        let (delays, counts) = (simulator.delays(), simulator.counts());
        row(
            &format!("400 tasks of 30 to 60 s, the service says {says}: finished to seen"),
            "median ≤ 1.5 s (half of 3 s)",
            &format!("median {:.2} s, p90 {:.2} s", delays.at(50).unwrap_or_default(), delays.at(90).unwrap_or_default()),
        );
        row("… completions noticed", "400", &format!("{}{}", delays.seconds.len(), if all_noticed { "" } else { ", NOT ALL" }));
        let [ends, news] = [400, delays.reads - delays.wasted - 400].map(|part| share(part * 100, delays.reads, 0));
        row(
            "… looks for a finished job; reads for one; looks that told the end, progress only, nothing new",
            "",
            &format!(
                "{}; {}; {ends} %, {news} %, {:.0} %",
                share(delays.reads, 400, 1),
                share(counts.of(Route::Batch) + counts.of(Route::Read), 400, 2),
                delays.wasted_share() * 100.0
            ),
        );
        dashboard.leave();
    }
}

fn program(home: &Home, args: &[&str]) -> Child {
    Command::new(common::program())
        .args(args)
        .args(["--config", "c.toml"])
        .env_clear()
        .env("HOME", home.folder.path())
        .env("MJ_ENHANCE_DATA_DIR", home.data())
        .current_dir(home.folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts")
}

fn wait(most: u64, what: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while !what() {
        if began.elapsed() > Duration::from_secs(most) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}

fn submitted(simulator: &Running) -> u64 {
    simulator.counts().of(Route::Submit)
}

/// How long a synced write of a page takes in this folder, in the middle of a hundred.
fn synced_write(folder: &std::path::Path) -> Duration {
    let mut file = std::fs::File::create(folder.join("synced")).expect("a file");
    let once = |_| {
        let began = Instant::now();
        std::io::Write::write_all(&mut file, &[7; 4_096]).and_then(|()| file.sync_data()).expect("written");
        began.elapsed()
    };
    at(&sorted((0..100).map(once).collect()), 50)
}

fn submits() {
    for stored in [0, 100_000] {
        submits_beside(stored);
    }
}

fn submits_beside(stored: u64) {
    let simulator = simulate(mj_enhance::simulator::Scenario { run_seconds: 900.0, ..scenario(2_000, 900.0) });
    let home = Home::new(&simulator, "reads_per_minute = 6000\nmax_in_flight = 10000\n");
    // Behind those that are sent.
    fill(&home.data(), 10_000, stored, Kind::Saved);
    let list: Vec<String> = (0..500).map(|n| format!("{} all", common::draft(n * 4).as_str())).collect();
    let file = home.folder.path().join("list.txt");
    std::fs::write(&file, list.join("\n")).expect("written");
    let consent = ["--yes", "--max-credits", "100000"];
    let added = program(&home, &[&["add", "--file", "list.txt", "--again"], consent.as_slice()].concat()).wait();
    assert!(added.is_ok_and(|ended| ended.success()), "the jobs are added");
    let mut child = program(&home, &[&["run"], consent.as_slice()].concat());
    let started = wait(30, || submitted(&simulator) >= 100);
    let (began, from, before) = (Instant::now(), submitted(&simulator), Counted::of(child.id()));
    wait(60, || submitted(&simulator) >= 1_500 || !started);
    let (count, took, after) = (submitted(&simulator) - from, began.elapsed(), Counted::of(child.id()));
    let millis = u64::try_from(took.as_millis()).unwrap_or(1).max(1);
    let synced = synced_write(home.folder.path());
    row(
        &format!("submits without a gap beside {stored} saved jobs, one open at a time, two synced writes each"),
        &format!("what the disk allows: {} a second", 1_000_000 / (2 * synced.as_micros()).max(1)),
        &format!("{} a second, {} µs of a core each", count * 1_000 / millis, (after.cpu - before.cpu) / 1_000 / count.max(1)),
    );
    let of_engine =
        |counted: &Counted| counted.threads.iter().filter(|(name, ..)| name == "engine").map(|(_, cpu, _)| cpu).sum::<u64>();
    row(
        "… of it the engine's thread",
        "< 2000 µs each",
        &format!("{} µs", (of_engine(&after) - of_engine(&before)) / 1_000 / count.max(1)),
    );
    let _ = child.kill();
    let _ = child.wait();
}

fn downloads() {
    for (size, count) in [(64, 400), (1_024, 60)] {
        let mut scenario = scenario(count, 0.5);
        scenario.picture_size = size;
        let simulator = simulate(scenario);
        let home = Home::new(&simulator, "reads_per_minute = 6000\nmax_in_flight = 10000\n");
        fill(&home.data(), 0, count, Kind::Running);
        let saved = || std::fs::read_dir(home.folder.path().join("data")).is_ok() && simulator.counts().of(Route::File) >= count;
        let began = Instant::now();
        let mut child = program(&home, &["run", "--until-idle"]);
        wait(120, saved);
        let mut before = Counted::of(child.id());
        let took = began.elapsed();
        if before.cpu == 0 {
            before = Counted::default();
        }
        let _ = child.wait();
        let synced = synced_write(home.folder.path());
        row(
            &format!("{count} downloads of {size}x{size} pictures: checked, synced, renamed, recorded"),
            &format!("one synced write takes {synced:.1?} here"),
            &format!(
                "{} a second, {} µs of a core each, peak {} MB (the simulator draws them on the same machine)",
                count * 1_000 / u64::try_from(took.as_millis()).unwrap_or(1).max(1),
                before.cpu / 1_000 / count,
                before.peak / 1_024
            ),
        );
    }
}
