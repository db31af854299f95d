//! Trouble with the store and the disk, and two processes over one store.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mj_enhance::engine::{Command as EngineCommand, CommandError, Level, NoticeKind, Role, StartError, StartMode};
use mj_enhance::job::{Charge, State};
use mj_enhance::simulator::{Effect, Fault, Route};
use mj_enhance::store::{Access, Store, StoreError};

use super::until_asking;
use crate::stage::{DRAFT, FAST, OTHER_DRAFT, Setup, Stage, files_below, specs};

const STORE: &str = "mj-enhance.db";

fn eight_saved() -> Stage {
    let mut stage = Stage::start(FAST, Setup::default());
    stage.add_lines(&[&format!("{DRAFT} all"), &format!("{OTHER_DRAFT} all")]);
    until_asking(&mut stage, "eight saved", |stage| stage.jobs.len() == 8 && stage.all_are(State::Saved));
    stage
}

#[test]
fn a_folder_that_cannot_be_written_is_named_at_the_start() {
    // Under /proc nobody can make anything, not even root.
    let folder = std::path::Path::new("/proc/mj-enhance-no-such-folder");
    let said = Store::open(folder, Access::ReadWrite).map(drop).unwrap_err().to_string();
    assert!(
        said.contains("/proc/mj-enhance-no-such-folder") && said.contains("fix its permissions or use another --data-dir"),
        "{said}"
    );
    // A file where the folder should be.
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("data"), "mine").unwrap();
    let said = Store::open(&place.path().join("data"), Access::ReadWrite).map(drop).unwrap_err();
    assert!(matches!(said, StoreError::Unusable { .. }), "{said}");
    assert_eq!(fs::read(place.path().join("data")).unwrap(), b"mine");
}

#[test]
fn a_results_folder_that_cannot_be_made_keeps_the_job_and_says_what_to_do() {
    let mut stage = Stage::set(FAST, Setup::default());
    fs::write(stage.folder().join("results"), "in the way").unwrap();
    stage.open().unwrap();
    stage.add_lines(&[&format!("{DRAFT} 0")]);
    until_asking(&mut stage, "told", |stage| {
        stage.all_are(State::ToFetch) && stage.was_told(Level::Alarm, |kind| matches!(kind, NoticeKind::ResultsUnsavable { .. }))
    });
    assert!(stage.job().reason().unwrap().contains("is in the way of a folder for results"), "{:?}", stage.job().reason());
    assert_eq!(stage.job().charge, Some(Charge::Charged));
    fs::remove_file(stage.folder().join("results")).unwrap();
    let id = stage.job().id;
    stage.send(EngineCommand::FetchNow { jobs: vec![id] });
    until_asking(&mut stage, "saved", |stage| stage.all_are(State::Saved));
    assert_eq!(stage.simulator().counts().of(Route::Submit), 1);
}

#[test]
fn a_damaged_store_is_refused_and_stays_as_it_is_byte_for_byte() {
    let mut stage = eight_saved();
    stage.stop();
    let path = stage.data_dir().join(STORE);
    let whole = fs::read(&path).unwrap();
    let page = usize::from(u16::from_be_bytes([whole[16], whole[17]]));
    let (mut refused, mut opened) = (0, 0);
    // Heads of pages, where damage is always seen, and everywhere else in steps.
    let heads = (1..whole.len() / page).map(|n| n * page);
    let steps = (0..whole.len()).step_by(1_499);
    for place in [0, 5].into_iter().chain(heads.clone()).chain(steps) {
        let mut bytes = whole.clone();
        bytes[place..(place + 3).min(whole.len())].iter_mut().for_each(|byte| *byte ^= 0x55);
        fs::write(&path, &bytes).unwrap();
        match Store::open(&stage.data_dir(), Access::ReadWrite) {
            Err(error) => {
                refused += 1;
                assert_eq!(fs::read(&path).unwrap(), bytes, "left as it is, damaged at {place}");
                let said = error.to_string();
                assert!(said.contains(STORE), "{said}");
                if matches!(error, StoreError::Damaged { .. }) {
                    assert!(said.contains("it was left as it is"), "{said}");
                }
            }
            // A changed letter inside a text cannot be seen by anybody; reading it must not panic.
            Ok(store) => {
                opened += 1;
                let _ = store.changes_since(0);
                assert!(!heads.clone().any(|head| head == place), "damage at the head of a page is always seen: {place}");
            }
        }
        for ending in ["-wal", "-shm"] {
            fs::remove_file(stage.data_dir().join(format!("{STORE}{ending}"))).ok();
        }
    }
    assert!(refused > 10, "{refused} refused, {opened} opened");
    // A session says the same and touches nothing.
    let mut bytes = whole.clone();
    bytes[page] ^= 0xff;
    fs::write(&path, &bytes).unwrap();
    let said = stage.open().unwrap_err();
    assert!(matches!(said, StartError::Store(StoreError::Damaged { .. })), "{said}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
    fs::write(&path, &whole).unwrap();
    stage.open().unwrap();
    stage.until("all there again", |stage| stage.jobs.len() == 8 && stage.all_are(State::Saved));
}

#[test]
fn a_store_copied_while_it_is_open_opens_with_all_jobs() {
    let stage = eight_saved();
    let copy = tempfile::tempdir().unwrap();
    for name in files_below(&stage.data_dir()).into_keys() {
        fs::copy(stage.data_dir().join(&name), copy.path().join(&name)).unwrap();
    }
    let there = Store::open(copy.path(), Access::ReadWrite).unwrap();
    let mut jobs = there.changes_since(0).unwrap().jobs;
    jobs.sort_by_key(|job| job.id);
    let here: Vec<_> = stage.jobs.values().map(|job| mj_enhance::job::Job::clone(job)).collect();
    assert_eq!(jobs.len(), 8);
    for (there, here) in jobs.iter().zip(&here) {
        assert_eq!(
            (there.id, there.state(), &there.task, &there.files, there.charged),
            (here.id, here.state(), &here.task, &here.files, here.charged)
        );
    }
}

#[test]
fn of_two_that_start_at_once_exactly_one_is_the_engine() {
    for _ in 0..5 {
        let mut one = Stage::set(FAST, Setup::default());
        let mut two = one.companion();
        let barrier = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            for stage in [&mut one, &mut two] {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    stage.open().unwrap();
                });
            }
        });
        for stage in [&mut one, &mut two] {
            stage.until("a role", |stage| stage.status.is_some());
        }
        let engines = [&one, &two].iter().filter(|stage| stage.status.as_ref().unwrap().role == Role::Engine).count();
        assert_eq!(engines, 1);
        let mut third = one.companion();
        third.setup.join = StartMode::EngineOnly;
        let said = third.open().unwrap_err();
        assert!(matches!(said, StartError::Locked { pid: Some(pid) } if pid == std::process::id()), "{said}");
    }
}

#[test]
fn a_second_screen_sees_progress_and_its_commands_are_acted_on() {
    let scenario = FAST.replace("run_seconds = 0.3", "run_seconds = 30.0\nprogress_steps = 1000");
    let mut engine = Stage::start(&scenario, Setup { max_in_flight: 2, ..Setup::default() });
    engine.until("the engine", |stage| stage.status.as_ref().is_some_and(|status| status.role == Role::Engine));
    let mut screen = engine.companion();
    screen.open().unwrap();
    screen.until("a follower", |stage| {
        matches!(stage.status.as_ref().map(|status| status.role.clone()), Some(Role::Screen { .. }))
    });
    screen.add_lines(&[&format!("{DRAFT} all")]);
    screen.until("two run", |stage| stage.count(State::Running) == 2);
    let percent = |stage: &Stage| -> u8 {
        stage.jobs.values().filter_map(|job| job.progress()?.percent).map(mj_enhance::job::Percent::get).sum()
    };
    let first = percent(&screen);
    until_asking(&mut screen, "progress comes through the store", |stage| percent(stage) > first + 5);
    let waiting = screen.jobs.values().find(|job| job.state() == State::Waiting).unwrap().id;
    screen.send(EngineCommand::Hold { jobs: vec![waiting] });
    engine.until("the hold is known", |stage| stage.jobs.get(&waiting).is_some_and(|job| job.state() == State::Held));
    screen.send(EngineCommand::MaxInFlight(5));
    engine.until("all the others run", |stage| stage.count(State::Running) == 3);
    engine.simulator().finish_all();
    until_asking(&mut screen, "three saved", |stage| stage.count(State::Saved) == 3);
    assert_eq!(screen.jobs[&waiting].state(), State::Held);
    assert_eq!(screen.simulator().ledger().len(), 3);
}

#[test]
fn a_screen_goes_on_in_place_of_an_engine_that_is_gone_without_a_new_yes() {
    let scenario = FAST.replace("run_seconds = 0.3", "run_seconds = 600.0");
    let mut engine = Stage::start(&scenario, Setup { max_in_flight: 2, ..Setup::default() });
    let mut screen = engine.companion();
    engine.until("the engine", |stage| stage.status.is_some());
    screen.open().unwrap();
    engine.add_lines(&[&format!("{DRAFT} all"), &format!("{OTHER_DRAFT} all")]);
    screen.until("two run, six wait", |stage| stage.count(State::Running) == 2 && stage.count(State::Waiting) == 6);
    engine.stop();
    screen.until("it takes over", |stage| stage.status.as_ref().is_some_and(|status| status.role == Role::Engine));
    assert!(screen.status.as_ref().unwrap().waiting_for_go.is_empty(), "no new yes is asked for");
    until_asking(&mut screen, "all saved", |stage| {
        stage.simulator().finish_all();
        stage.count(State::Saved) == 8
    });
    assert_eq!(screen.simulator().ledger().len(), 8, "one charge for each");
    assert!(screen.was_told(Level::Warning, |kind| matches!(kind, NoticeKind::TookOver)));
    // A fresh start, however, asks for one.
    let mut fresh = screen.companion();
    screen.stop();
    fresh.open().unwrap();
    fresh.until("loaded", |stage| stage.jobs.len() == 8);
}

/// A limit on the size of files holds for a whole process, so such a test runs itself once more in one of its own. There
/// it gets the function that sets the limit, in bytes, or takes it away.
fn in_a_process_of_its_own(test: &str) -> Option<impl Fn(Option<u64>)> {
    const CHILD: &str = "MJ_ENHANCE_TEST_CHILD";
    if std::env::var_os(CHILD).is_none() {
        let name = format!("hostile::store::{test}");
        let out = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &name, "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success() && said.contains("1 passed"), "{said}");
        return None;
    }
    // Without a handler the signal that comes with EFBIG ends the process.
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false))).unwrap();
    Some(|bytes: Option<u64>| {
        let maximum = rustix::process::getrlimit(rustix::process::Resource::Fsize).maximum;
        let limit = rustix::process::Rlimit { current: bytes.or(maximum), maximum };
        rustix::process::setrlimit(rustix::process::Resource::Fsize, limit).unwrap();
    })
}

#[test]
fn a_fresh_link_that_came_while_the_disk_was_full_is_used_afterwards() {
    let Some(limit) = in_a_process_of_its_own("a_fresh_link_that_came_while_the_disk_was_full_is_used_afterwards") else {
        return;
    };
    // Without downloads at first, so that the link is dead before anybody tries it.
    let later = Setup { fetches_at_once: 0, ..Setup::default() };
    let mut stage = Stage::start(&format!("fresh_links = true\nlink_life_hours = 1.0\n{FAST}"), later);
    stage.add_lines(&[&format!("{DRAFT} 0")]);
    until_asking(&mut stage, "a result to fetch", |stage| stage.all_are(State::ToFetch));
    let dead = stage.job().links.clone();
    stage.simulator().advance(std::time::Duration::from_hours(2));
    // The disk fills up while the host takes its time to say that the link is dead.
    stage.simulator().add_fault(Fault::new(Route::File, Effect::SlowHeaders { seconds: 3.0 }).at(&[1])).unwrap();
    stage.setup.fetches_at_once = 1;
    stage.restart();
    stage.until("the first try", |stage| stage.simulator().counts().of(Route::File) == 1);
    let reads = stage.simulator().counts().of(Route::Read);
    limit(Some(1));
    stage.until("told", |stage| stage.was_told(Level::Alarm, |kind| matches!(kind, NoticeKind::StoreUnwritable { .. })));
    stage.until("the fresh link came", |stage| stage.simulator().counts().of(Route::Read) > reads);
    limit(None);
    stage.until("saved", |stage| stage.all_are(State::Saved));
    assert_ne!(stage.job().links, dead);
    assert_eq!((stage.pictures().len(), stage.simulator().counts().of(Route::Submit)), (1, 1));
}

#[test]
fn nothing_more_is_sent_while_results_cannot_be_saved_and_sending_continues_by_itself() {
    let mut stage = Stage::set(FAST, Setup { max_in_flight: 1, ..Setup::default() });
    fs::write(stage.folder().join("results"), "in the way").unwrap();
    stage.open().unwrap();
    stage.add_lines(&[&format!("{DRAFT} all"), &format!("{OTHER_DRAFT} all")]);
    until_asking(&mut stage, "told", |stage| {
        stage.was_told(Level::Alarm, |kind| matches!(kind, NoticeKind::ResultsUnsavable { .. }))
    });
    until_asking(&mut stage, "what was sent ends", |stage| stage.count(State::Running) + stage.count(State::Sending) == 0);
    let sent = stage.simulator().counts().of(Route::Submit);
    assert!(sent < 4, "{sent} of 8 were sent");
    let fetches = |stage: &Stage| stage.told.iter().filter(|(_, state)| *state == State::Fetching).count();
    let tried = fetches(&stage);
    stage.until("the disk is tried again", |stage| fetches(stage) > tried + 1);
    assert_eq!(stage.simulator().counts().of(Route::Submit), sent, "nothing more was paid");
    fs::remove_file(stage.folder().join("results")).unwrap();
    until_asking(&mut stage, "all saved", |stage| stage.count(State::Saved) == 8);
    assert!(stage.was_told(Level::Info, |kind| *kind == NoticeKind::ResultsSavable { is_proven: true }));
    assert_eq!(stage.simulator().counts().of(Route::Submit), 8);
}

#[test]
fn a_file_size_limit_is_an_error_and_not_the_end_of_the_process() {
    let program = crate::program::Program::new();
    let exe = assert_cmd::cargo::cargo_bin("mj-enhance");
    let out = Command::new("sh")
        .args(["-c", "ulimit -f 1; exec \"$0\" \"$@\""])
        .arg(exe)
        .args(["add", "--hold", &format!("{DRAFT}:1")])
        .env_clear()
        .env("HOME", program.home())
        .env("MJ_ENHANCE_DATA_DIR", program.data())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.code().is_some_and(|code| code != 0), "{:?}: {said}", out.status);
    assert!(said.starts_with("mj-enhance: "), "{said}");
}

#[test]
fn a_full_disk_stops_sending_loses_nothing_and_is_told() {
    let Some(limit) = in_a_process_of_its_own("a_full_disk_stops_sending_loses_nothing_and_is_told") else { return };
    let mut stage = Stage::start(&FAST.replace("run_seconds = 0.3", "run_seconds = 600.0"), Setup::default());
    stage.add_lines(&[&format!("{DRAFT} all")]);
    stage.until("four running", |stage| stage.count(State::Running) == 4);
    limit(Some(1));
    stage.simulator().finish_all();
    until_asking(&mut stage, "told", |stage| {
        stage.was_told(Level::Alarm, |kind| matches!(kind, NoticeKind::StoreUnwritable { .. }))
    });
    let specs = specs(&[format!("{OTHER_DRAFT} all")]);
    let ticket =
        stage.send(EngineCommand::Add { specs, tag: None, front: false, again: false, consent: Some(crate::stage::yes(4)) });
    stage.until("refused", |stage| stage.outcomes.contains_key(&ticket));
    let refused = stage.outcomes[&ticket].clone().unwrap_err();
    assert!(matches!(refused, CommandError::Store(StoreError::Database(_))), "{refused:?}");
    assert_eq!(stage.simulator().counts().of(Route::Submit), 4);
    assert!(stage.pictures().is_empty());
    limit(None);
    until_asking(&mut stage, "all saved", |stage| stage.count(State::Saved) == 4);
    assert!(stage.was_told(Level::Info, |kind| matches!(kind, NoticeKind::StoreWritable)));
    assert_eq!(stage.simulator().ledger().len(), 4);
    // And the store is whole.
    stage.restart();
    stage.until("all there", |stage| stage.count(State::Saved) == 4);
    stage.add_lines(&[&format!("{OTHER_DRAFT} 0")]);
    stage.until("sending goes on", |stage| stage.count(State::Running) == 1);
}
