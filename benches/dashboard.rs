//! The real program in a pseudo terminal: start, stillness, memory, keys under load, a stuck line and a thin one.
//!
//! ```text
//! cargo bench --bench dashboard             # everything, about ten minutes
//! cargo bench --bench dashboard -- idle     # one part: start, idle, memory, keys, ticking, stalled, thin
//! cargo bench --bench dashboard -- thin 1   # the thin line for one minute instead of five
//! ```

mod common;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::{Dashboard, Home, Kind, at, fill, fill_waiting, head, row, scenario, scenario_of, share, simulate, sorted};
use mj_enhance::simulator::{Delays, Estimate, Route};

const SOON: Duration = Duration::from_secs(30);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let (numbers, wanted): (Vec<&String>, Vec<&String>) = words.iter().partition(|word| word.parse::<u64>().is_ok());
    let minutes = numbers.first().and_then(|word| word.parse().ok()).unwrap_or(5).max(1);
    let parts: [(&str, &dyn Fn()); 7] = [
        ("start", &start),
        ("idle", &idle),
        ("memory", &memory),
        ("keys", &keys),
        ("ticking", &ticking),
        ("stalled", &stalled),
        ("thin", &|| thin(minutes)),
    ];
    head();
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|word| *word == name) {
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
    for (kind, saved) in [("saved", 0), ("saved", 100_000), ("held", 100_000), ("waiting", 100_000)] {
        // Where all of them wait, nothing runs: the rows are theirs.
        let (running, word) = if kind == "saved" { (30, "running") } else { (0, kind) };
        let (_simulator, home) = home(running, if kind == "saved" { saved } else { 0 }, 60);
        if kind != "saved" {
            fill_waiting(&home.data(), 0, saved, kind == "held");
        }
        let (mut first, mut rows, mut all, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..7 {
            let dashboard = Dashboard::open(&home, 80, 24);
            dashboard.until(SOON, |d| d.bytes() > 200);
            first.push(dashboard.started.elapsed());
            dashboard.until(SOON, |d| d.shows(word) && d.chosen().is_some());
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
            &format!("start with {saved} {kind} and {running} running jobs: first bytes on the screen"),
            "< 50 ms",
            &format!("median {:.1?}, worst of 7 {:.1?}", at(&first, 50), at(&first, 100)),
        );
        row(
            &format!("… {word} rows on the screen"),
            "< 50 ms",
            &format!("median {:.1?}, worst {:.1?}", at(&rows, 50), at(&rows, 100)),
        );
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
    // An estimate that never moves and progress by single percents: looks as often as the budget allows, each with news.
    let mut told = scenario(10_000, 200.0);
    told.estimate = Estimate::WholeRun;
    let simulator = simulate(told);
    let home = Home::new(&simulator, "reads_per_minute = 1200\nmax_in_flight = 10000\n");
    fill(&home.data(), 0, 10_000, Kind::Running);
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
        "median < 1 ms, p99 < 3 ms",
        &format!("median {:.2?}, p99 {:.2?}, worst {:.2?}", at(&took, 50), at(&took, 99), at(&took, 100)),
    );
    row("bytes of such a key, other changes in the frame too", "≤ 200", &format!("median {}", sizes[sizes.len() / 2]));
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

/// The reader of the pseudo terminal stops for half a minute while a thousand jobs go on and end.
fn stalled() {
    // 300 end before the stall, 300 during its first part, 400 all at once in it: when it is over, nothing moves any more.
    let (first, jobs) = (25, 1_000);
    let simulator = simulate(scenario_of(jobs, |n| {
        let place = u32::try_from(n * 7 % jobs).unwrap_or(0);
        f64::from(u32::try_from(common::age(n)).unwrap_or(0)) + 5.0 + if place < 600 { f64::from(place) * 0.0667 } else { 9e5 }
    }));
    let home = Home::new(&simulator, "reads_per_minute = 1200\nmax_in_flight = 10000\n");
    fill(&home.data(), 0, jobs, Kind::Running);
    let mut dashboard = Dashboard::open(&home, 120, 40);
    dashboard.until(SOON, |d| d.shows("1000"));
    std::thread::sleep(Duration::from_secs(first).saturating_sub(dashboard.started.elapsed()));
    let (before, resident) = (simulator.delays(), dashboard.seen().resident);
    dashboard.line.stalled.store(true, Ordering::Relaxed);
    // A read that was under way takes one more piece.
    std::thread::sleep(Duration::from_millis(150));
    let (bytes, stall) = (dashboard.bytes(), Instant::now());
    std::thread::sleep(Duration::from_secs(20));
    let meanwhile = simulator.delays();
    simulator.finish_all();
    let all_over = || simulator.counts().of(Route::File) >= jobs;
    while stall.elapsed() < Duration::from_secs(30) || (!all_over() && stall.elapsed() < Duration::from_mins(3)) {
        std::thread::sleep(Duration::from_millis(20));
    }
    // The last ones are written down.
    std::thread::sleep(Duration::from_secs(3));
    let (seconds, downloaded, memory) =
        (stall.elapsed().as_secs(), simulator.counts().of(Route::File), dashboard.seen().resident);
    let stuck = dashboard.bytes() - bytes;
    dashboard.line.stalled.store(false, Ordering::Relaxed);
    let drained = dashboard.quiet(Duration::from_millis(80), SOON);
    dashboard.quiet(Duration::from_secs(2), SOON);
    // Any key takes the last message away, the redraw's too; that is not what is compared.
    dashboard.press(b"\x1b");
    dashboard.quiet(Duration::from_secs(1), SOON);
    let (shown, words) = (dashboard.painted(), dashboard.words());
    dashboard.press(b"\x0c");
    let frame = dashboard.quiet(Duration::from_millis(500), SOON);
    dashboard.quiet(Duration::from_secs(1), SOON);
    let fresh = dashboard.painted();
    let wrong: Vec<usize> = (0..fresh.len()).filter(|row| shown[*row] != fresh[*row]).collect();
    for row in &wrong {
        eprintln!("row {row} before and after a fresh paint:\n{}\n{}", words[*row], dashboard.words()[*row]);
    }
    let (by_little, by_much) = (common::pty_holds(128), common::pty_holds(2_048));
    row(
        &format!("a line stuck for {seconds} s: bytes that come when it moves again"),
        &format!("≤ what the pty holds ({by_little} in writes of 128 B, {by_much} of 2 kB) + one frame ({frame})"),
        &format!("{drained} ({stuck} came meanwhile)"),
    );
    row("… rows of the screen then that a fresh paint of everything changes", "0 of 40", &wrong.len().to_string());
    row("… it shows all 1,000 jobs as saved", "yes", if dashboard.shows("saved 1000") { "yes" } else { "NO" });
    let part = |later: &Delays, earlier: usize| Delays { seconds: later.seconds[earlier..].to_vec(), ..Delays::default() };
    let words = |delays: &Delays| {
        let (median, p90) = (delays.at(50).unwrap_or_default(), delays.at(90).unwrap_or_default());
        format!("median {median:.2} s, p90 {p90:.2} s ({} jobs)", delays.seconds.len())
    };
    row(
        "… finished to seen before the stall; in it",
        "the same",
        &format!("{}; {}", words(&before), words(&part(&meanwhile, before.seconds.len()))),
    );
    row(
        "… seen and downloaded by the end of the stall",
        "1000; 1000",
        &format!("{}; {downloaded}", simulator.delays().seconds.len()),
    );
    row("… memory before and at its end", "flat", &format!("{} and {} MB", resident / 1_024, memory / 1_024));
    dashboard.leave();
}

/// A line of 150 ms there and back and 56 kbit/s each way, for some minutes.
fn thin(minutes: u64) {
    let (_simulator, home) = home(1_000, 0, 1_200);
    let wire = common::Wire { rate: 7_000, one_way: Duration::from_millis(75) };
    let mut dashboard = Dashboard::open_over(Some(wire), &home, 120, 40);
    dashboard.until(SOON, |d| d.shows("1000") && d.chosen().is_some());
    std::thread::sleep(Duration::from_secs(5));
    let chosen = dashboard.chosen().expect("a row is chosen");
    let (bytes, began) = (dashboard.bytes(), Instant::now());
    let (mut keys, mut clocks, mut offset, mut missed) = (Vec::new(), Vec::new(), None, 0_u32);
    let mut elapsed = clock_of(&dashboard.words()[usize::from(chosen)]);
    let (mut pressed, mut press_at, mut n) = (None, began, 0_u64);
    while began.elapsed() < Duration::from_secs(minutes * 60) {
        std::thread::sleep(Duration::from_micros(500));
        // Clocks turn on whole seconds of the wall clock; one that turns at the far end is late by the rest.
        let now = clock_of(&dashboard.words()[usize::from(chosen)]);
        if now != elapsed
            && let Some(shown) = now
        {
            let wall = jiff::Timestamp::now().as_millisecond();
            let offset = *offset.get_or_insert(wall.div_euclid(1_000) - shown);
            let late = wall - (shown + offset) * 1_000;
            clocks.push(Duration::from_millis(late.try_into().unwrap_or(0)));
            missed += u32::from(elapsed.is_some_and(|before| shown != before + 1));
            elapsed = now;
        }
        match pressed {
            Some((at, before)) => {
                let at: Instant = at;
                if dashboard.chosen().is_some() && dashboard.chosen() != before {
                    keys.push(at.elapsed());
                    (pressed, press_at) = (None, Instant::now() + Duration::from_millis(731));
                } else if at.elapsed() > Duration::from_secs(5) {
                    missed += 1;
                    (pressed, press_at) = (None, Instant::now());
                }
            }
            None if Instant::now() >= press_at => {
                pressed = Some((Instant::now(), dashboard.chosen()));
                dashboard.press(if n.is_multiple_of(2) { b"j" } else { b"k" });
                n += 1;
            }
            None => {}
        }
    }
    let rate = (dashboard.bytes() - bytes) * 1_000 / u64::try_from(began.elapsed().as_millis()).unwrap_or(1);
    let words = |took: Vec<Duration>| {
        let (count, took) = (took.len(), sorted(took));
        format!("median {:.0?}, p99 {:.0?}, worst {:.0?} of {count}", at(&took, 50), at(&took, 99), at(&took, 100))
    };
    row(
        &format!("150 ms and 56 kbit/s, 1,000 running, {minutes} min: key to changed screen, there and back"),
        "150 ms + one frame",
        &words(keys),
    );
    row("… a clock turns, seen at the far end (one way)", "75 ms + one frame", &words(clocks));
    row("… clocks that jumped and keys that were lost", "0", &missed.to_string());
    row("… bytes a second of 7,000", "", &rate.to_string());
    dashboard.leave();
}

/// The seconds that a row says its job has been running: `45s` or `12m03s`.
fn clock_of(row: &str) -> Option<i64> {
    row.split_whitespace().find_map(|word| {
        let word = word.strip_suffix('s')?;
        let (minutes, seconds) = word.split_once('m').unwrap_or(("0", word));
        Some(minutes.parse::<i64>().ok()? * 60 + seconds.parse::<i64>().ok()?)
    })
}
