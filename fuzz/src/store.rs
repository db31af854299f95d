//! A store that something else wrote into: refused and left as it is, or read as jobs that can be used.

use std::path::Path;
use std::sync::LazyLock;

use mj_enhance::job::query::{Query, Searcher};
use mj_enhance::job::{Caps, Credits, JobId, State, Update};
use mj_enhance::store::{Access, AddRules, BeginSend, Consent, EngineRequest, NewJob, SendGuard, Store, StoreError};
use rusqlite::Connection;
use rusqlite::types::Value;

use super::bytes::Bytes;
use super::samples::{self, at};
use super::text::assert_clean;

const FILE: &str = "mj-enhance.db";

/// A whole store with jobs in every state, as bytes.
static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = folder();
    let mut store = Store::open(folder.path(), Access::ReadWrite).expect("a new store");
    store.import(&samples::jobs(11), jiff::Timestamp::now()).expect("jobs can be brought in");
    let new = NewJob {
        id: JobId::from_bits(77),
        kind: mj_enhance::job::JobKind::Enhance { source: samples::draft(9), image: mj_enhance::job::ImageNumber::ALL[1] },
        tag: None,
        again_of: None,
    };
    let yes = Consent {
        lines: mj_enhance::job::PriceLines::one(mj_enhance::job::Model::Enhance, 1, Credits::PUBLISHED_PRICE),
        grace: std::time::Duration::ZERO,
    };
    store
        .add(&[new], AddRules::default(), Some(yes), &mut |job| samples::request(job.id.bits()), at(-10))
        .expect("a command can be recorded");
    store.ask(&[EngineRequest::ReadAll, EngineRequest::Read(JobId::from_bits(77))]).expect("a question can be kept");
    store.set_screen_state("{}").expect("the screen's words can be kept");
    store.change_settings(&mut |settings| settings.max_in_flight = Some(7)).expect("settings can be kept");
    drop(store);
    std::fs::read(folder.path().join(FILE)).expect("the store is a file")
});

/// In memory where the system has such a place: the promise is about bytes, not about disks.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a folder of our own")
}

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let folder = folder();
    let file = folder.path().join(FILE);
    std::fs::write(&file, &*WHOLE).expect("the copy is written");
    let access = if bytes.yes() { Access::ReadWrite } else { Access::ReadOnly };
    if bytes.yes() {
        change_values(&file, &mut bytes);
    } else {
        change_bytes(&file, &mut bytes);
    }
    let before = std::fs::read(&file).expect("the file is there");
    match Store::open(folder.path(), access) {
        Err(error) => {
            told(&error);
            assert!(std::fs::read(&file).expect("the file is there") == before, "a refused store is left as it is: {error}");
        }
        Ok(store) => {
            use_it(store, access, &mut bytes);
            if access == Access::ReadOnly {
                assert!(std::fs::read(&file).expect("the file is there") == before, "reading changes nothing");
            }
        }
    }
}

fn told(error: &StoreError) {
    let said = error.to_string();
    assert!(!said.is_empty() && said.chars().count() < 2_000, "{said:?}");
    assert_clean(&said, "a store's trouble");
}

fn change_bytes(file: &Path, bytes: &mut Bytes<'_>) {
    let mut all = WHOLE.clone();
    for _ in 0..=bytes.below(6) {
        let at = match bytes.byte() {
            // The head and the first pages decide more than the rest.
            0..=99 => bytes.below(100),
            100..=149 => usize::from(bytes.byte()) * 16 + bytes.below(16),
            _ => (usize::from(bytes.byte()) << 8 | usize::from(bytes.byte())) * 2 + bytes.below(2),
        };
        let length = all.len();
        all[at % length] = bytes.byte();
    }
    if bytes.byte() == 7 {
        let length = all.len();
        all.truncate(length - (usize::from(bytes.byte()) << 8 | usize::from(bytes.byte())).min(length));
    }
    std::fs::write(file, all).expect("the copy is written");
}

const TABLES: [&str; 9] = ["jobs", "jobs", "jobs", "jobs", "meta", "ledger", "approvals", "timeline", "asks"];

fn change_values(file: &Path, bytes: &mut Bytes<'_>) {
    let db = Connection::open(file).expect("the copy is a store");
    for _ in 0..=bytes.below(4) {
        let table = bytes.pick(&TABLES);
        let columns: Vec<String> = {
            let mut statement = db.prepare(&format!("SELECT name FROM pragma_table_info('{table}')")).expect("a statement");
            let names = statement.query_map([], |row| row.get(0)).expect("the columns");
            names.map(|name| name.expect("a name")).collect()
        };
        if columns.is_empty() {
            continue;
        }
        let column = bytes.pick(&columns);
        let value = match bytes.below(8) {
            0 => Value::Null,
            1 | 2 => Value::Integer(bytes.odd_number()),
            3 => Value::Real(f64::from_bits(bytes.number().cast_unsigned())),
            4 => Value::Blob(bytes.some(30).to_vec()),
            5 => Value::Text(bytes.pick(&State::ALL).word().to_owned()),
            _ => Value::Text(bytes.text(120)),
        };
        let row = i64::from(bytes.byte() % 16);
        // What the tables themselves forbid cannot come in this way.
        let _ = db.execute(
            &format!("UPDATE {table} SET {column} = ?1 WHERE rowid IN (SELECT rowid FROM {table} LIMIT 1 OFFSET ?2)"),
            rusqlite::params![value, row],
        );
    }
    if bytes.byte() == 9 {
        let _ = db.pragma_update(None, "user_version", i32::from(bytes.byte()) - 9);
    }
    if bytes.byte() == 9 {
        let _ = db.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()));
    }
    drop(db);
}

/// Calls everything; each call says what it found or what is wrong.
fn use_it(mut store: Store, access: Access, bytes: &mut Bytes<'_>) {
    fn ok<T>(result: Result<T, StoreError>) -> Option<T> {
        result.map_err(|error| told(&error)).ok()
    }
    let now = at(0);
    let jobs = ok(store.jobs());
    ok(store.changes_since(0));
    ok(store.settings());
    ok(store.spent(now, at(-40_000), at(-1_000_000)));
    ok(store.spending_by_tag(at(-1_000_000)));
    ok(store.ledger_rows());
    ok(store.screen_state());
    ok(store.find("task"));
    for n in 0..2 {
        let id = JobId::from_bits(0x00ab_0000_0000 + n);
        ok(store.timeline(id));
        ok(store.raw_answer(id));
        ok(store.job(id));
    }
    let mut searcher = Searcher::default();
    let query = Query::parse("age>1h left<4h cost>=0 -state:held sunset").expect("a query");
    for job in jobs.iter().flatten() {
        let _ = (
            job.spent(),
            job.key_is_young(now, None),
            job.blocks_duplicate(),
            job.reason(),
            query.matches(job, None, now, &mut searcher),
        );
        let text = serde_json::to_string(&job.phase).expect("a phase can be written");
        assert_eq!(serde_json::from_str::<mj_enhance::job::Phase>(&text).ok().as_ref(), Some(&job.phase), "{text}");
    }
    if access == Access::ReadOnly {
        return;
    }
    let ids: Vec<JobId> = jobs.iter().flatten().map(|job| job.id).collect();
    let sent_before = ok(store.ledger_rows()).map(|rows| rows.len());
    ok(store.apply(ids.iter().map(|id| (*id, Update::EngineStarted)).collect(), now));
    ok(store.take_engine_requests());
    if bytes.yes() {
        ok(store.raise_approval_floor());
    }
    let price = Credits::PUBLISHED_PRICE;
    let caps = Caps { session: None, day: Some(price) };
    let guard = SendGuard {
        caps,
        server_time: None,
        budget: None,
        prices: mj_enhance::job::Prices::each(|_| price),
        day_start: at(-40_000),
    };
    let spent = ok(store.spent(now, at(-40_000), at(-1_000_000)));
    for (id, n) in ids.iter().zip(500..) {
        if let Some(BeginSend::Go(job)) = ok(store.begin_send(*id, samples::key(n), "{}", &guard, now)) {
            assert!(job.approval.is_some(), "nothing is sent without a yes: {job:?}");
            assert!(spent.is_some_and(|spent| spent.day + price <= price), "the cap holds: {job:?}");
            break;
        }
    }
    let sent_after = ok(store.ledger_rows()).map(|rows| rows.len());
    assert!(sent_after.zip(sent_before).is_none_or(|(after, before)| after <= before + 1), "one send is one row of the jobs");
    ok(store.prune(at(1_000_000), false));
    ok(store.flush());
}
