//! Stores that can only be read, and copies that lack their log.

use std::path::Path;

use super::tests::{add, at, new_job};
use super::*;
use crate::job::Phase;

const FILE: &str = "mj-enhance.db";

fn log(folder: &Path) -> PathBuf {
    folder.join("mj-enhance.db-wal")
}

/// What an engine leaves that was killed: the file, and a log that holds a job. No index of the log can be made there.
fn left_by_a_kill(folder: &Path, jobs: u64) {
    let made = tempfile::tempdir().unwrap();
    let mut store = Store::open(made.path(), Access::ReadWrite).unwrap();
    for n in 1..=jobs {
        add(&mut store, &[new_job(n)], false, None, at(0)).unwrap();
    }
    for name in [FILE, "mj-enhance.db-wal"] {
        std::fs::copy(made.path().join(name), folder.join(name)).unwrap();
    }
    // Stands for a folder in which nothing can be made, also for a superuser: SQLite follows no link here.
    let _ = std::os::unix::fs::symlink("nowhere/at-all", folder.join("mj-enhance.db-shm"));
}

#[test]
fn a_log_that_cannot_be_read_in_its_place_is_read_in_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    left_by_a_kill(folder.path(), 2);
    let before = [FILE, "mj-enhance.db-wal"].map(|name| std::fs::read(folder.path().join(name)).unwrap());
    let mut store = Store::open(folder.path(), Access::ReadOnly).unwrap();
    assert_eq!(store.remark(), Some(Remark::ReadFromCopy));
    assert!(store.is_snapshot());
    assert_eq!(store.jobs().unwrap().len(), 2);
    assert!(store.apply(vec![(store.jobs().unwrap()[0].id, Update::Cancel)], at(1)).is_err());
    let after = [FILE, "mj-enhance.db-wal"].map(|name| std::fs::read(folder.path().join(name)).unwrap());
    assert!(before == after, "reading changes nothing");
    // What comes later is seen as in any other snapshot.
    let version = store.external_version().unwrap();
    left_by_a_kill(folder.path(), 3);
    assert_ne!(store.external_version().unwrap(), version);
    store.refresh().unwrap();
    assert_eq!(store.jobs().unwrap().len(), 3);
}

#[test]
fn a_file_whose_log_was_left_behind_says_so() {
    for access in [Access::ReadOnly, Access::ReadWrite] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        let db = Connection::open(&file).unwrap();
        let mode: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal");
        drop(db);
        let store = Store::open(folder.path(), access).unwrap();
        assert!(store.jobs().unwrap().is_empty());
        assert_eq!(store.remark(), Some(Remark::LogMissing), "{access:?}");
    }
    // One that is only new says nothing.
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Store::open(folder.path(), Access::ReadWrite).unwrap().remark(), None);
    assert_eq!(Store::open(folder.path(), Access::ReadOnly).unwrap().remark(), None);
}

#[test]
fn the_file_alone_is_a_store_from_its_first_moment_and_holds_all_after_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), Access::ReadWrite).unwrap();
    let alone = || {
        let copy = tempfile::tempdir().unwrap();
        std::fs::copy(folder.path().join(FILE), copy.path().join(FILE)).unwrap();
        let store = Store::open(copy.path(), Access::ReadOnly).unwrap();
        assert_eq!(store.remark(), None);
        store.jobs().unwrap().len()
    };
    assert_eq!(alone(), 0);
    let before = store.writes();
    add(&mut store, &[new_job(1)], false, None, at(0)).unwrap();
    assert!(store.writes() > before);
    assert!(log(folder.path()).metadata().unwrap().len() > 0);
    store.checkpoint().unwrap();
    assert_eq!(alone(), 1);
}

#[test]
fn a_store_of_an_older_version_is_read_in_a_copy_that_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stores/v1.db");
    std::fs::copy(&old, &file).unwrap();
    let store = Store::open(folder.path(), Access::ReadOnly).unwrap();
    assert!(store.is_snapshot() && !store.jobs().unwrap().is_empty());
    drop(store);
    assert!(std::fs::read(&file).unwrap() == std::fs::read(&old).unwrap(), "what is only read stays as it is");
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}

#[test]
fn the_first_jobs_are_those_that_need_a_person_then_the_head_of_the_line() {
    let mut store = Store::in_memory().unwrap();
    let held: Vec<JobId> = (1..=40).map(|n| add(&mut store, &[new_job(n)], false, None, at(0)).unwrap()[0].id).collect();
    let first: Vec<JobId> = store.first_jobs(30).unwrap().iter().map(|job| job.id).collect();
    assert_eq!(first, held[..30]);
    // The last in line is under way, and the one before it is over.
    let running = Job { phase: Phase::Running(Progress::default()), ..store.job(held[39]).unwrap().unwrap() };
    rows::update(&store.db, &running).unwrap();
    let saved = Job { phase: Phase::Saved, ..store.job(held[0]).unwrap().unwrap() };
    rows::update(&store.db, &saved).unwrap();
    let first: Vec<JobId> = store.first_jobs(3).unwrap().iter().map(|job| job.id).collect();
    assert_eq!(first, [held[39], held[1], held[2]]);
}

#[test]
fn the_cause_decides_what_is_to_be_done_about_a_file() {
    let said = |code: i32| own_file::way_out(&std::io::Error::from_raw_os_error(code), Path::new("/nowhere/x"));
    let of = |errno: rustix::io::Errno| said(errno.raw_os_error());
    assert!(of(rustix::io::Errno::MFILE).contains("ulimit -n") && of(rustix::io::Errno::NFILE).contains("ulimit -n"));
    assert!(of(rustix::io::Errno::NOSPC).contains("free some space") && of(rustix::io::Errno::DQUOT).contains("free some space"));
    assert!(!of(rustix::io::Errno::ROFS).contains("permissions") && of(rustix::io::Errno::ACCESS).contains("permissions"));
}

#[test]
fn a_store_with_code_in_it_is_refused_and_left_as_it_is() {
    for code in [
        "CREATE TRIGGER pay AFTER UPDATE ON meta BEGIN UPDATE jobs SET approval_seq = 999999999, state = 'waiting'; END",
        "CREATE VIEW more AS SELECT * FROM jobs",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), Access::ReadWrite).unwrap();
        add(&mut store, &[new_job(1)], false, None, at(0)).unwrap();
        drop(store);
        let file = folder.path().join(FILE);
        Connection::open(&file).unwrap().execute_batch(code).unwrap();
        let before = std::fs::read(&file).unwrap();
        for access in [Access::ReadWrite, Access::ReadOnly] {
            let Err(error) = Store::open(folder.path(), access) else { panic!("{code}") };
            assert!(matches!(&error, StoreError::Damaged { why, .. } if why.contains("no mj-enhance has written")), "{error}");
        }
        assert!(before == std::fs::read(&file).unwrap(), "it stays as it is");
    }
}

#[test]
fn what_is_written_is_flushed_through_the_drive_and_no_table_is_trusted_with_code() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Access::ReadWrite).unwrap();
    let pragma = |name: &str| store.db.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(["fullfsync", "checkpoint_fullfsync", "trusted_schema"].map(pragma), [1, 1, 0]);
    // Defensive: nobody writes the schema behind SQLite's back, whatever a later line of ours asks for.
    store.db.pragma_update(None, "writable_schema", true).unwrap();
    assert_eq!(pragma("writable_schema"), 0);
}
