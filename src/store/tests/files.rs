//! What lies on disk: folders, locks, damage, full disks, stores of other versions.

use super::*;

#[test]
fn the_lock_of_the_engine_names_its_process_whoever_held_it_before() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("engine.lock");
    for before in ["", "1\n", "99999999999999999999\nnonsense"] {
        std::fs::write(&file, before).unwrap();
        let mut lock = Store::lock_engine(folder.path()).unwrap().unwrap();
        assert_eq!(Store::engine_pid(folder.path()), Some(std::process::id()));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{}\n", std::process::id()));
        assert!(!lock.follows_ready());
        lock.ready().unwrap();
        assert_eq!(Store::engine_pid(folder.path()), Some(std::process::id()));
        drop(lock);
        assert!(Store::lock_engine(folder.path()).unwrap().unwrap().follows_ready());
        assert!(!Store::lock_engine(folder.path()).unwrap().unwrap().follows_ready(), "that one did not start");
        let mut leaving = Store::lock_engine(folder.path()).unwrap().unwrap();
        leaving.not_ready().unwrap();
        leaving.ready().unwrap();
        leaving.not_ready().unwrap();
        drop(leaving);
        assert!(!Store::lock_engine(folder.path()).unwrap().unwrap().follows_ready(), "that one took it back");
    }
}

#[test]
fn a_write_that_is_stopped_happened_wholly_or_not_at_all() {
    let mut store = with_approved(1);
    store.on_commit(Some(Box::new(|moment| moment == Moment::After)));
    assert!(store.begin_send(id(1), key(1), "{}", &guard(), at(1)).is_err());
    assert_eq!(store.job(id(1)).unwrap().unwrap().state(), State::Waiting);
    assert_eq!(store.ledger_rows().unwrap(), []);
    store.on_commit(Some(Box::new(|moment| moment == Moment::Before)));
    assert!(store.begin_send(id(1), key(1), "{}", &guard(), at(1)).is_err());
    store.on_commit(None);
    assert_eq!(store.job(id(1)).unwrap().unwrap().state(), State::Sending, "written, though nobody heard of it");
    assert_eq!(store.ledger_rows().unwrap().len(), 1);
}

#[test]
fn two_threads_that_change_the_same_job_do_not_overwrite_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let work = |tag: &'static str| {
        let folder = folder.path().to_owned();
        std::thread::spawn(move || {
            let mut store = Store::open(&folder, Access::ReadWrite).unwrap();
            for n in 0..50 {
                let tag = Tag::new(&format!("{tag}{n}")).unwrap();
                store.apply(vec![(id(1), Update::Retag(Some(tag))), (id(1), Update::Move(n))], at(n)).unwrap();
            }
        })
    };
    let mut store = Store::open(folder.path(), Access::ReadWrite).unwrap();
    add(&mut store, &[new_job(1)], false, Some(yes(1)), at(0)).unwrap();
    let version = store.external_version().unwrap();
    let both = [work("a"), work("b")];
    assert!(matches!(send(&mut store, 1, 1), BeginSend::Go(_)));
    for thread in both {
        thread.join().unwrap();
    }
    let job = store.job(id(1)).unwrap().unwrap();
    assert_eq!((job.state(), job.send.is_some(), job.revision), (State::Sending, true, 102));
    assert_ne!(store.external_version().unwrap(), version);
}

#[test]
fn two_processes_may_make_the_same_store_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let open = |n: u64| {
        let folder = folder.path().join("new");
        std::thread::spawn(move || add(&mut Store::open(&folder, Access::ReadWrite)?, &[new_job(n)], false, None, at(0)))
    };
    let all: Vec<_> = (1..=4).map(open).collect();
    for one in all {
        one.join().unwrap().unwrap();
    }
    assert_eq!(Store::open(&folder.path().join("new"), Access::ReadOnly).unwrap().jobs().unwrap().len(), 4);
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn only_the_user_can_read_folder_and_files() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("a/b");
    let mut store = Store::open(&inner, Access::ReadWrite).unwrap();
    add(&mut store, &[new_job(1)], false, None, at(0)).unwrap();
    let _lock = Store::lock_engine(&inner).unwrap().unwrap();
    let _screen = Store::lock_screen(&inner).unwrap();
    assert_eq!(mode(&inner), 0o700);
    for file in ["mj-enhance.db", "mj-enhance.db-wal", "mj-enhance.db-shm", "engine.lock", "screens.lock"] {
        assert_eq!(mode(&inner.join(file)), 0o600, "{file}");
    }
    store.flush().unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_store_whose_making_was_cut_off_reads_as_empty_and_is_finished_by_the_next_writer() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mj-enhance.db"), b"").unwrap();
    let mut reader = Store::open(folder.path(), Access::ReadOnly).unwrap();
    assert!(reader.is_snapshot() && reader.jobs().unwrap().is_empty());
    assert_eq!(std::fs::read(folder.path().join("mj-enhance.db")).unwrap(), b"", "reading changes nothing");
    drop(Store::open(folder.path(), Access::ReadWrite).unwrap());
    reader.refresh().unwrap();
    assert!(reader.jobs().unwrap().is_empty());
}

#[test]
fn reading_only_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none");
    assert!(matches!(Store::open(&missing, Access::ReadOnly), Err(StoreError::Unusable { .. })));
    assert!(!missing.exists());
    let mut store = Store::open(folder.path(), Access::ReadWrite).unwrap();
    add(&mut store, &[new_job(1)], false, None, at(0)).unwrap();
    let beside = Store::open(folder.path(), Access::ReadOnly).unwrap();
    assert!(!beside.is_snapshot());
    assert_eq!(beside.jobs().unwrap().len(), 1);
    drop(beside);
    drop(store);
    assert_eq!(names(folder.path()), ["mj-enhance.db"]);
    let mut snapshot = Store::open(folder.path(), Access::ReadOnly).unwrap();
    assert!(snapshot.is_snapshot());
    assert_eq!(snapshot.jobs().unwrap().len(), 1);
    assert!(snapshot.apply(vec![(id(1), Update::Cancel)], at(1)).is_err());
    snapshot.flush().unwrap();
    assert_eq!(names(folder.path()), ["mj-enhance.db"]);
    let before = snapshot.external_version().unwrap();
    let mut store = Store::open(folder.path(), Access::ReadWrite).unwrap();
    add(&mut store, &[new_job(2)], false, None, at(1)).unwrap();
    assert_ne!(snapshot.external_version().unwrap(), before);
    snapshot.refresh().unwrap();
    assert_eq!(snapshot.jobs().unwrap().len(), 2);
}

#[test]
fn a_folder_that_cannot_be_made_is_named_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Store::open(&file.join("data"), Access::ReadWrite).unwrap_err();
    assert!(matches!(error, StoreError::Unusable { .. }));
    assert!(error.to_string().contains("--data-dir"), "{error}");
}

#[test]
fn a_damaged_store_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mj-enhance.db");
    let refused = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        let error = Store::open(folder.path(), Access::ReadWrite).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), bytes, "left as it was");
    };
    refused(b"SQL");
    refused(&[7; 5_000]);
    let whole = {
        let other = tempfile::tempdir().unwrap();
        let mut store = Store::open(other.path(), Access::ReadWrite).unwrap();
        every_state(&mut store);
        drop(store);
        std::fs::read(other.path().join("mj-enhance.db")).unwrap()
    };
    refused(&whole[..whole.len() / 2]);
    let mut holed = whole.clone();
    for byte in &mut holed[8_192..20_000] {
        *byte = 0xa5;
    }
    refused(&holed);
}

#[test]
fn a_foreign_database_and_a_newer_store_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mj-enhance.db");
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(matches!(Store::open(folder.path(), Access::ReadWrite), Err(StoreError::Damaged { .. })));
    std::fs::remove_file(&file).unwrap();
    drop(Store::open(folder.path(), Access::ReadWrite).unwrap());
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = Store::open(folder.path(), Access::ReadWrite).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
}

#[test]
fn a_row_that_makes_no_sense_is_damage_and_not_a_panic() {
    let mut store = with_approved(1);
    for broken in ["state = 'dancing'", "image = 9", "source = ''", "detail = '{', state = 'failed'", "approval_price = NULL"] {
        store.db.execute_batch("SAVEPOINT try").unwrap();
        store.db.execute_batch(&format!("UPDATE jobs SET {broken}")).unwrap();
        assert!(matches!(store.jobs(), Err(StoreError::Damaged { .. })), "{broken}");
        store.db.execute_batch("ROLLBACK TO try; RELEASE try").unwrap();
    }
    assert!(matches!(send(&mut store, 1, 1), BeginSend::Go(_)));
}

#[test]
fn a_full_disk_is_said_and_the_store_stays_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), Access::ReadWrite).unwrap();
    add(&mut store, &[new_job(1)], false, None, at(0)).unwrap();
    let pages: i64 = store.db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    store.db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
    let many: Vec<_> = (2..2_000).map(new_job).collect();
    let error = add(&mut store, &many, false, None, at(1)).unwrap_err();
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert_eq!(store.jobs().unwrap().len(), 1);
    store.db.query_row("PRAGMA max_page_count = 1000000", [], |_| Ok(())).unwrap();
    assert_eq!(add(&mut store, &many, false, None, at(1)).unwrap().len(), 1_998);
}

#[test]
fn there_is_one_engine_and_its_number_is_known_only_while_it_lives() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Store::engine_pid(folder.path()), None);
    let lock = Store::lock_engine(folder.path()).unwrap().unwrap();
    assert!(Store::lock_engine(folder.path()).unwrap().is_none());
    assert_eq!(Store::engine_pid(folder.path()), Some(std::process::id()));
    drop(lock);
    // Another test of this process may be starting a program: until that runs, it has a copy of every open file.
    let end = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while Store::engine_pid(folder.path()).is_some() {
        assert!(std::time::Instant::now() < end, "a lock that was given back is free");
    }
    assert!(Store::lock_engine(folder.path()).unwrap().is_some());
}

#[test]
fn an_engine_knows_whether_anybody_else_looks_on() {
    let folder = tempfile::tempdir().unwrap();
    assert!(!Store::other_screens(folder.path(), None));
    let own = Store::lock_screen(folder.path()).unwrap();
    assert!(Store::other_screens(folder.path(), None));
    assert!(!Store::other_screens(folder.path(), Some(&own)));
    let other = Store::lock_screen(folder.path()).unwrap();
    assert!(Store::other_screens(folder.path(), Some(&own)));
    drop(other);
    assert!(!Store::other_screens(folder.path(), Some(&own)));
    assert!(Store::other_screens(folder.path(), None), "our own mark is still there");
}

#[test]
fn a_store_of_the_first_version_opens() {
    let folder = tempfile::tempdir().unwrap();
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stores/v1.db");
    std::fs::copy(old, folder.path().join("mj-enhance.db")).unwrap();
    let mut store = Store::open(folder.path(), Access::ReadWrite).unwrap();
    let jobs = store.jobs().unwrap();
    let mut expected = Store::in_memory().unwrap();
    every_state(&mut expected);
    let mut expected_jobs = expected.jobs().unwrap();
    for job in &mut expected_jobs {
        // Keys were made at the send then; what waits gets one at its next approval or at its send.
        job.request = None;
    }
    // A task without links ended at the first look then.
    assert_eq!(jobs[11].failure().map(|failure| failure.code.as_str()), Some("no_links"));
    expected_jobs[11].phase = jobs[11].phase.clone();
    assert_eq!(jobs, expected_jobs);
    assert_eq!(store.ledger_rows().unwrap(), expected.ledger_rows().unwrap());
    assert!(matches!(send(&mut store, 2, 49), BeginSend::Go(job) if job.send.as_ref().unwrap().key == key(2)));
    one(&mut store, 2, Update::PutBack(Failure::new(ErrorClass::Server, "429", "")), 49);
    one(&mut store, 2, Update::Cancel, 50);
    assert_eq!(store.job(id(2)).unwrap().unwrap().state(), State::Cancelled);
}

#[test]
fn an_unsure_job_of_an_older_store_has_an_attempt_that_no_early_look_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mj-enhance.db");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stores/v1.db"), &file).unwrap();
    let db = rusqlite::Connection::open(&file).unwrap();
    db.execute("UPDATE jobs SET send_lost = 0, send_cleared = 1 WHERE state = 'unsure'", []).unwrap();
    drop(db);
    let store = Store::open(folder.path(), Access::ReadWrite).unwrap();
    let send = store.job(id(4)).unwrap().unwrap().send.unwrap();
    assert_eq!((send.lost, send.absence_confirmed, send.refusal_is_proof()), (1, false, false));
}

#[test]
fn what_carries_money_is_synced_and_the_rest_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), Access::ReadWrite).unwrap();
    let level = |store: &Store| store.db.query_row("PRAGMA synchronous", [], |row| row.get::<_, i64>(0)).unwrap();
    let (full, normal) = (2, 1);
    add(&mut store, &[new_job(1)], false, Some(yes(1)), at(0)).unwrap();
    assert_eq!(level(&store), full);
    one(&mut store, 1, Update::Move(9), 1);
    assert_eq!(level(&store), normal);
    send(&mut store, 1, 2);
    assert_eq!(level(&store), full);
    store.save_progress(&[(id(1), Progress::default())]).unwrap();
    assert_eq!(level(&store), normal);
    one(&mut store, 1, accepted(1), 3);
    assert_eq!(level(&store), full);
    one(&mut store, 1, Update::Reported(Box::new(TaskReport::new(task(1), TaskStatus::Processing))), 4);
    assert_eq!(level(&store), normal);
    one(&mut store, 1, completed(1), 5);
    assert_eq!(level(&store), full);
}

#[test]
fn a_store_of_an_impossible_version_is_refused_before_its_log_is_switched() {
    for version in [-9, 0] {
        let folder = tempfile::tempdir().unwrap();
        drop(Store::open(folder.path(), Access::ReadWrite).unwrap());
        let file = folder.path().join("mj-enhance.db");
        let db = rusqlite::Connection::open(&file).unwrap();
        db.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).unwrap();
        db.pragma_update(None, "user_version", version).unwrap();
        drop(db);
        let before = std::fs::read(&file).unwrap();
        let refused = Store::open(folder.path(), Access::ReadWrite);
        assert!(matches!(refused, Err(StoreError::Damaged { .. })), "{version}: {refused:?}");
        assert!(std::fs::read(&file).unwrap() == before, "{version}: the file is left as it is");
    }
}

/// Makes the store of version `n` from the one of the first version, with a draft of ours and one of another program where
/// that version can hold them.
fn make_version(n: usize, file: &Path) {
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stores/v1.db"), file).unwrap();
    let db = Connection::open(file).unwrap();
    for step in &schema::STEPS[1..n] {
        db.execute_batch(step).unwrap();
    }
    if n >= 6 {
        db.execute_batch(
            "INSERT INTO jobs (id, place, state, created_at, stop_wish, source_confirmed, removed, revision, kind, prompt, template)
                VALUES (99, 99, 'unwatched', 1790000099000000000, 0, 0, 0, 38, 'draft', 'a red boat', 'a {red, blue} boat');
             INSERT INTO drafts (task, made_at, pictures, hidden, note, revision)
                VALUES ('task-unified-1-theirs', 1790000099000000000, 4, 1, 'red', 38);",
        )
        .unwrap();
    }
    db.pragma_update(None, "user_version", i64::try_from(n).unwrap()).unwrap();
}

#[test]
fn a_store_of_every_version_opens_with_everything_also_for_two_at_once() {
    for n in 1..=schema::STEPS.len() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mj-enhance.db");
        make_version(n, &file);
        let all = |store: &Store| (store.jobs().unwrap(), store.ledger_rows().unwrap(), store.drafts().unwrap().1);
        let before = std::fs::read(&file).unwrap();
        let reader = Store::open(folder.path(), Access::ReadOnly).unwrap();
        let seen = all(&reader);
        drop(reader);
        assert!(std::fs::read(&file).unwrap() == before, "{n}: what is only read stays as it is");
        let (jobs, ledger, drafts) = &seen;
        let new = usize::from(n >= 6);
        assert_eq!((jobs.len(), ledger.is_empty(), drafts.len()), (12 + new, false, new), "{n}");
        if let Some(job) = jobs.iter().find(|job| job.id == id(99)) {
            assert_eq!(
                (job.kind.prompt().map(crate::job::Prompt::as_str), job.kind.template()),
                (Some("a red boat"), Some("a {red, blue} boat"))
            );
        }
        let open = |_| {
            let folder = folder.path().to_owned();
            std::thread::spawn(move || Store::open(&folder, Access::ReadWrite))
        };
        let opened: Vec<_> = (0..4).map(open).collect();
        for thread in opened {
            assert_eq!(all(&thread.join().unwrap().unwrap()), seen, "{n}");
        }
        let version: i64 = Connection::open(&file).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        assert_eq!(version, schema::known());
    }
}
