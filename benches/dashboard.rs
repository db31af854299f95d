//! The real program in a pseudo terminal: start, stillness, memory, keys under load, a stuck line and a thin one.
//!
//! ```text
//! cargo bench --bench dashboard             # everything, about five minutes
//! cargo bench --bench dashboard -- idle     # one part: start, idle, memory, keys, ticking, stalled, thin
//! ```

mod common;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::{Dashboard, Home, Kind, at, fill, head, row, scenario, share, simulate, sorted};

const SOON: Duration = Duration::from_secs(30);

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let parts: [(&str, fn()); 7] = [
        ("start", start),
        ("idle", idle),
        ("memory", memory),
        ("keys", keys),
        ("ticking", ticking),
        ("stalled", stalled),
        ("thin", thin),
    ];
    head();
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            part();
        }
    }
}

fn home(running: u64, saved: u64, reads: u32) -> (mj_enhance::simulator::Running, Home) {
    let simulator = simulate(scenario(running, 900.0));
    let home = Home::new(&simulator, &format!("reads_per_minute = {reads}\nmax_in_flight = 10000\n"));
    fill(&home.data(), 0, running, Kind::Running);
    fill(&home.data(), running, saved, Kind::Saved);
    (simulator, home)
}

fn start() {
    for saved in [0, 100_000] {
        let (_simulator, home) = home(30, saved, 60);
        let (mut first, mut rows, mut all, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..7 {
            let dashboard = Dashboard::open(&home, 80, 24);
            dashboard.until(SOON, |d| d.bytes() > 200);
            first.push(dashboard.started.elapsed());
            dashboard.until(SOON, |d| d.shows("running") && d.chosen().is_some());
            rows.push(dashboard.started.elapsed());
            bytes.push(dashboard.bytes());
            let count = saved.to_string();
            dashboard.until(SOON, |d| saved == 0 || d.shows(&count));
            all.push(dashboard.started.elapsed());
            dashboard.leave();
        }
        bytes.sort_unstable();
        let (first, rows, all) = (sorted(first), sorted(rows), sorted(all));
        row(
            &format!("start with {saved} saved and 30 running jobs: first bytes on the screen"),
            "< 50 ms",
            &format!("median {:.1?}, worst of 7 {:.1?}", at(&first, 50), at(&first, 100)),
        );
        row("… running rows on the screen", "< 50 ms", &format!("median {:.1?}, worst {:.1?}", at(&rows, 50), at(&rows, 100)));
        row("… everything counted", "< 500 ms", &format!("median {:.1?}, worst {:.1?}", at(&all, 50), at(&all, 100)));
        row("… bytes up to the first rows, 80x24", "< 6000", &format!("median {}, most {}", bytes[3], bytes[6]));
    }
}

fn idle() {
    let (_simulator, home) = home(0, 1_000, 60);
    let dashboard = Dashboard::open(&home, 120, 40);
    dashboard.until(SOON, |d| d.shows("saved"));
    // What follows the start (balance, price, helpers of the runtime that end after 10 s) is not idleness.
    std::thread::sleep(Duration::from_secs(13));
    let (before, bytes, seconds) = (dashboard.seen(), dashboard.bytes(), 30);
    std::thread::sleep(Duration::from_secs(seconds));
    let after = dashboard.seen();
    row("idle: bytes in 30 s", "0", &(dashboard.bytes() - bytes).to_string());
    row("idle: wake-ups a second, all threads", "≤ 1", &share(after.waits - before.waits, seconds, 2));
    row("idle: share of a core", "< 0.05 %", &format!("{} %", share((after.cpu - before.cpu) * 100, seconds * 1_000_000_000, 4)));
    for ((name, cpu, waits), (_, cpu_before, waits_before)) in after.threads.iter().zip(&before.threads) {
        if waits > waits_before {
            row(
                &format!("… thread {name}"),
                "",
                &format!("{} wake-ups, {} µs", waits - waits_before, (cpu - cpu_before) / 1_000),
            );
        }
    }
    dashboard.leave();
}

fn memory() {
    for saved in [0, 1_000, 10_000, 100_000] {
        let (_simulator, home) = home(0, saved, 60);
        let dashboard = Dashboard::open(&home, 120, 40);
        let count = saved.to_string();
        dashboard.until(SOON, |d| saved == 0 || d.shows(&count));
        std::thread::sleep(Duration::from_secs(1));
        let seen = dashboard.seen();
        row(
            &format!("memory with {saved} saved jobs"),
            "",
            &format!("{} MB, peak {} MB", seen.resident / 1_024, seen.peak / 1_024),
        );
        dashboard.leave();
    }
}

fn keys() {
    let (simulator, home) = home(10_000, 0, 1_200);
    let mut dashboard = Dashboard::open(&home, 120, 40);
    dashboard.until(SOON, |d| d.shows("10000"));
    std::thread::sleep(Duration::from_secs(12));
    let (reads, began) = (simulator.delays().reads, Instant::now());
    let mut took = Vec::new();
    let mut sizes = Vec::new();
    for n in 0..400 {
        let Some(before) = dashboard.chosen() else { continue };
        // Down and up, so that the list does not scroll.
        let key: &[u8] = if n % 2 == 0 { b"j" } else { b"k" };
        let bytes = dashboard.bytes();
        let pressed = Instant::now();
        dashboard.press(key);
        if dashboard.until(Duration::from_secs(1), |d| d.chosen().is_some_and(|row| row != before)).is_some() {
            took.push(dashboard.screen.lock().map(|screen| screen.1.max(pressed) - pressed).unwrap_or_default());
            sizes.push(dashboard.bytes() - bytes);
        }
        std::thread::sleep(Duration::from_millis(23));
    }
    let updates = (simulator.delays().reads - reads) * 1_000 / u64::try_from(began.elapsed().as_millis()).unwrap_or(1).max(1);
    let took = sorted(took);
    sizes.sort_unstable();
    row(
        &format!("key to changed screen in a pty, 10,000 running, {updates} updates a second, {} keys", took.len()),
        "median < 1 ms, p99 < 8 ms",
        &format!("median {:.2?}, p99 {:.2?}, worst {:.2?}", at(&took, 50), at(&took, 99), at(&took, 100)),
    );
    row("bytes of such a key, other changes in the frame too", "≤ 300", &format!("median {}", sizes[sizes.len() / 2]));
    let seen = dashboard.seen();
    row("memory with 10,000 running jobs", "< 60 MB", &format!("{} MB", seen.resident / 1_024));
    dashboard.leave();
}

fn ticking() {
    for (columns, rows) in [(120, 40), (80, 24)] {
        let (_simulator, home) = home(20, 200, 600);
        let dashboard = Dashboard::open(&home, columns, rows);
        dashboard.until(SOON, |d| d.shows("running"));
        std::thread::sleep(Duration::from_secs(5));
        let (before, bytes) = (dashboard.seen(), dashboard.bytes());
        std::thread::sleep(Duration::from_secs(20));
        let after = dashboard.seen();
        row(
            &format!("20 running jobs at {columns}x{rows}, the real program against the simulator"),
            "",
            &format!(
                "{} B/s, {} % of a core, {} wake-ups/s",
                (dashboard.bytes() - bytes) / 20,
                share((after.cpu - before.cpu) * 100, 20_000_000_000, 2),
                (after.waits - before.waits) / 20
            ),
        );
        dashboard.leave();
    }
}

fn stalled() {
    let (simulator, home) = home(1_000, 0, 1_200);
    let dashboard = Dashboard::open(&home, 120, 40);
    dashboard.until(SOON, |d| d.shows("1000"));
    std::thread::sleep(Duration::from_secs(3));
    let reads = |seconds| {
        let before = simulator.delays().reads;
        std::thread::sleep(Duration::from_secs(seconds));
        (simulator.delays().reads - before) / seconds
    };
    let usual = reads(10);
    dashboard.line.stalled.store(true, Ordering::Relaxed);
    let bytes = dashboard.bytes();
    let meanwhile = reads(30);
    let memory = dashboard.seen().resident;
    dashboard.line.stalled.store(false, Ordering::Relaxed);
    std::thread::sleep(Duration::from_millis(60));
    let drained = dashboard.bytes() - bytes;
    row("a line stuck for 30 s: bytes that come when it moves again", "pty (4 to 64 kB) + one frame", &drained.to_string());
    row("… looks at tasks a second before and meanwhile", "the same", &format!("{usual} and {meanwhile}"));
    row("… memory then", "flat", &format!("{} MB", memory / 1_024));
    dashboard.leave();
}

fn thin() {
    let (_simulator, home) = home(1_000, 0, 1_200);
    let mut dashboard = Dashboard::open(&home, 120, 40);
    dashboard.until(SOON, |d| d.shows("1000"));
    // 56 kbit/s, 8 bits a byte; the round trip of 150 ms is added to what was measured.
    dashboard.line.rate.store(7_000, Ordering::Relaxed);
    std::thread::sleep(Duration::from_secs(5));
    let (bytes, began) = (dashboard.bytes(), Instant::now());
    let mut took = Vec::new();
    for n in 0..120 {
        let before = dashboard.chosen();
        let pressed = Instant::now();
        dashboard.press(if n % 2 == 0 { b"j" } else { b"k" });
        if dashboard.until(Duration::from_secs(5), |d| d.chosen().is_some() && d.chosen() != before).is_some() {
            took.push(pressed.elapsed() + Duration::from_millis(150));
        }
        std::thread::sleep(Duration::from_millis(231));
    }
    let rate = (dashboard.bytes() - bytes) * 1_000 / u64::try_from(began.elapsed().as_millis()).unwrap_or(1);
    let took = sorted(took);
    row(
        "150 ms and 56 kbit/s, 1,000 running: key to changed screen, round trip included",
        "one round trip + one frame",
        &format!("median {:.0?}, p99 {:.0?}, worst {:.0?}; {rate} B/s of 7,000", at(&took, 50), at(&took, 99), at(&took, 100)),
    );
    dashboard.leave();
}
