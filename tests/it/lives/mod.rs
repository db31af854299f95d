//! Whole lives from a seed: jobs, faults, kills and a user who presses keys at bad moments.
//!
//! `LIVES=100000 cargo test --release --test it lives_from` runs that many; a failing seed prints the line that replays it.
//!
//! | file | holds |
//! |---|---|
//! | `hardness` | what a life may meet beyond the everyday faults, each to be switched alone |
//! | `driver` | what happens in a life: its processes and how each ends |
//! | `life` | one life: its store, its processes |
//! | `user`, `elsewhere` | what somebody does at the dashboard, and with a second process |
//! | `screen` | what the dashboards were told |
//! | `world`, `service`, `faults` | the modelled service |
//! | `books`, `permissions` | what really happened; what was confirmed |
//! | `invariants` | what must be true afterwards |
//! | `single` | one job in one kind of trouble |

mod books;
mod driver;
mod elsewhere;
mod faults;
mod hardness;
mod invariants;
mod life;
mod permissions;
mod screen;
mod service;
mod single;
mod user;
mod world;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use mj_enhance::job::State;

/// Says what happens while one seed is replayed.
pub fn trace(what: impl FnOnce() -> String) {
    if std::env::var_os("LIFE_SEED").is_some() {
        println!("{}", what());
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

/// A search ends after so many broken lives.
const MOST_FAILURES: usize = 12;

fn run_one(seed: u64) -> Result<Tally, String> {
    let most = match seed % 100 {
        0 => 500,
        1..=9 => 100,
        _ => 12,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let here = tokio::task::LocalSet::new();
    let run = || here.block_on(&runtime, driver::live(seed, most));
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    ended.unwrap_or_else(|_| Err("a panic".into()))
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
    // More than there are cores: a life waits for locks in real time.
    let threads = 3 * std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + lives || failed.lock().unwrap().len() >= MOST_FAILURES {
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
