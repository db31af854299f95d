//! The store with 100,000 jobs: opening, reading, changing.
//!
//! ```text
//! cargo bench --bench store
//! ```

mod common;

use std::time::{Duration, Instant};

use common::{Kind, at, fill, head, row, sorted};
use jiff::Timestamp;
use mj_enhance::job::{FirstRows, Job, JobId, Update};
use mj_enhance::store::{Access, Store};

fn times<T>(count: usize, mut work: impl FnMut() -> T) -> Vec<Duration> {
    sorted(
        (0..count)
            .map(|_| {
                let began = Instant::now();
                std::hint::black_box(work());
                began.elapsed()
            })
            .collect(),
    )
}

fn say(what: &str, aim: &str, took: &[Duration]) {
    row(what, aim, &format!("median {:.2?}, best {:.2?}, worst {:.2?}", at(took, 50), at(took, 0), at(took, 100)));
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let began = Instant::now();
    fill(folder.path(), 0, 1_000, Kind::Running);
    fill(folder.path(), 1_000, 99_000, Kind::Saved);
    let filled = began.elapsed();
    head();
    row("writing 100,000 jobs with their money", "", &format!("{filled:.1?}"));
    let size = std::fs::metadata(folder.path().join("mj-enhance.db")).map_or(0, |about| about.len());
    row("size of the store", "", &format!("{} MB, {} B a job", size >> 20, size / 100_000));
    row("size of a job in memory, its texts apart", "", &format!("{} B", size_of::<Job>()));
    say("opening", "", &times(9, || Store::open(folder.path(), Access::ReadWrite).expect("opens")));
    let mut store = Store::open(folder.path(), Access::ReadWrite).expect("opens");
    say("reading all 100,000 jobs", "< 0.5 s", &times(7, || store.changes_since(0).expect("read")));
    say("reading the 1,000 that are not over", "< 20 ms", &times(9, || store.open_jobs().expect("read")));
    say(
        "reading the first 200 rows of a screen",
        "< 5 ms",
        &times(9, || store.first_rows(&FirstRows::default(), 200, Timestamp::now()).expect("read")),
    );
    let now = Timestamp::now();
    let day = now - jiff::SignedDuration::from_hours(12);
    say("sums of the money jobs", "< 20 ms", &times(9, || store.spent(now, day, day).expect("read")));
    let mut n = 0;
    say(
        "one change of a job, synced",
        "",
        &times(200, || {
            n += 1;
            store.apply(vec![(JobId::from_bits(0x00ab_0000_0000 + n), Update::Unwatch)], now).expect("written")
        }),
    );
}
