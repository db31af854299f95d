//! Ten thousand tasks, submits and downloads: the real program against the simulator over loopback.
//!
//! ```text
//! cargo bench --bench running            # everything, about four minutes
//! cargo bench --bench running -- tasks   # one part: tasks, submits, downloads
//! ```

mod common;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Counted, Dashboard, Home, Kind, fill, head, row, scenario, share, simulate};
use mj_enhance::simulator::{Route, Running};

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let parts: [(&str, fn()); 4] = [("tasks", tasks), ("delays", delays), ("submits", submits), ("downloads", downloads)];
    head();
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            part();
        }
    }
}

/// 10,000 tasks that do not end for a minute.
fn tasks() {
    let simulator = simulate(scenario(10_000, 900.0));
    let home = Home::new(&simulator, "reads_per_minute = 1200\nmax_in_flight = 10000\n");
    fill(&home.data(), 0, 10_000, Kind::Running);
    let dashboard = Dashboard::open(&home, 120, 40);
    dashboard.until(Duration::from_secs(30), |d| d.shows("10000"));
    std::thread::sleep(Duration::from_secs(15));
    let (before, looks, reads) = (dashboard.seen(), simulator.delays().reads, simulator.counts().of(Route::Batch));
    std::thread::sleep(Duration::from_mins(1));
    let (after, counts) = (dashboard.seen(), simulator.counts());
    let (looks, reads) = (simulator.delays().reads - looks, counts.of(Route::Batch) - reads);
    let sizes = &counts.batch_ids;
    let full = sizes.iter().filter(|size| **size == 50).count();
    row(
        "10,000 running: share of a core (engine and screen)",
        "< 15 %",
        &format!("{} %", share((after.cpu - before.cpu) * 100, 60_000_000_000, 1)),
    );
    row(
        "… memory at 15 s and at 75 s",
        "< 60 MB, flat",
        &format!("{} and {} MB", before.resident / 1_024, after.resident / 1_024),
    );
    row(
        "… batch reads for a look at each of 10,000",
        "200",
        &format!("{} ({} of {} batches full)", share(reads * 10_000, looks, 0), full, sizes.len()),
    );
    row("… looks a second", "", &(looks / 60).to_string());
    for ((name, cpu, waits), (_, cpu_before, waits_before)) in after.threads.iter().zip(&before.threads) {
        row(
            &format!("… thread {name}"),
            "",
            &format!("{} ms of 60 s, {} wake-ups/s", (cpu - cpu_before) / 1_000_000, (waits - waits_before) / 60),
        );
    }
    dashboard.leave();
}

/// Tasks that end: how soon it is noticed, and at how many looks.
fn delays() {
    let simulator = simulate(scenario(400, 30.0));
    let home = Home::new(&simulator, "reads_per_minute = 600\nmax_in_flight = 10000\n");
    fill(&home.data(), 0, 400, Kind::Running);
    let dashboard = Dashboard::open(&home, 120, 40);
    let began = Instant::now();
    while simulator.delays().seconds.len() < 400 && began.elapsed() < Duration::from_secs(90) {
        std::thread::sleep(Duration::from_millis(100));
    }
    let delays = simulator.delays();
    let median = delays.median().unwrap_or_default();
    row("400 tasks of 30 to 60 s: finished to seen", "median ≤ 1.5 s (half of 3 s)", &format!("median {median:.2} s"));
    row("… completions noticed", "400", &delays.seconds.len().to_string());
    row(
        "… looks for a finished job; told nothing new",
        "",
        &format!("{}; {:.0} %", share(delays.reads, 400, 1), delays.wasted_share() * 100.0),
    );
    dashboard.leave();
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

fn submits() {
    let simulator = simulate(mj_enhance::simulator::Scenario { run_seconds: 900.0, ..scenario(2_000, 900.0) });
    let home = Home::new(&simulator, "reads_per_minute = 60\nmax_in_flight = 10000\n");
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
    row(
        "submits without a gap, one open at a time, two synced writes each",
        "",
        &format!("{} a second, {} µs of a core each", count * 1_000 / millis, (after.cpu - before.cpu) / 1_000 / count.max(1)),
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
        row(
            &format!("{count} downloads of {size}x{size} pictures: checked, synced, renamed, recorded"),
            "",
            &format!(
                "{} a second, {} µs of a core each, peak {} MB (the simulator draws them on the same machine)",
                count * 1_000 / u64::try_from(took.as_millis()).unwrap_or(1).max(1),
                before.cpu / 1_000 / count,
                before.peak / 1_024
            ),
        );
    }
}
