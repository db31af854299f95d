//! The real binary killed at any moment and at every named one, through three doors: script, headless engine, dashboard.
//! After each kill the next start goes on from what is on disk. `KILLS=n` raises the count; `KILLS_SEED=n` repeats the rng.

use std::collections::BTreeMap;
use std::process::Child;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mj_enhance::job::{Credits, Job, State};
use mj_enhance::store::{Access, Store};
use rustix::process::Signal;

use crate::house::{House, QUICK, signal, until};
use crate::pty::Pty;

/// Jobs of one store; it is killed until they are all home, then the books are compared and the next store begins.
const JOBS: usize = 24;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn rng() -> fastrand::Rng {
    let seed = number("KILLS_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("KILLS_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// What came of one door.
#[derive(Default)]
struct Row {
    door: &'static str,
    stores: usize,
    kills: usize,
    starts: usize,
    jobs: usize,
    saved: usize,
    charges: usize,
}

impl Row {
    /// Compares the books of a store that came to rest.
    fn close(&mut self, house: &House) {
        house.assert_all_saved(JOBS);
        self.stores += 1;
        self.jobs += JOBS;
        self.saved += house.count("saved");
        self.charges += house.paid();
    }
}

fn print(rows: &[Row]) {
    println!("| door | stores | starts | kills | jobs in | saved | charges | double charges |");
    println!("|---|---|---|---|---|---|---|---|");
    for row in rows {
        let Row { door, stores, kills, starts, jobs, saved, charges } = row;
        println!("| {door} | {stores} | {starts} | {kills} | {jobs} | {saved} | {charges} | {} |", charges - jobs);
    }
}

/// Kills a process after a random time, unless it ended before; whether it was killed. The time is the subject here.
fn kill_after(child: &mut Child, time: Duration) -> bool {
    std::thread::sleep(time);
    if child.try_wait().unwrap().is_some() {
        return false;
    }
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

/// A random moment: often early, where the money is, sometimes late.
fn moment(rng: &mut fastrand::Rng) -> Duration {
    let most = if rng.bool() { 200 } else { 1200 };
    Duration::from_micros(rng.u64(5_000..most * 1_000))
}

/// `add` until one is not killed: a killed one has stored all or nothing.
fn add(house: &House, rng: &mut fastrand::Rng, row: &mut Row, goal: usize) {
    let file = house.spec_file(JOBS);
    let args = ["add", "-f", file.to_str().unwrap(), "--yes", "--max-credits", "1000"];
    loop {
        row.starts += 1;
        let mut child = house.spawn(&args);
        if row.kills >= goal || !kill_after(&mut child, Duration::from_micros(rng.u64(1_000..120_000))) {
            assert!(child.wait().unwrap().success());
            assert_eq!(house.jobs().len(), JOBS);
            return;
        }
        row.kills += 1;
        let stored = house.jobs().len();
        assert!(stored == 0 || stored == JOBS, "{stored} jobs of one add");
    }
}

/// The script: `add`, then `run --until-idle`, until it ends by itself.
fn by_script(goal: usize) -> Row {
    let mut row = Row { door: "script", ..Row::default() };
    let mut rng = rng();
    while row.kills < goal {
        let house = House::new(QUICK);
        add(&house, &mut rng, &mut row, goal);
        loop {
            row.starts += 1;
            let mut child = house.spawn(&["run", "--until-idle", "--yes", "--max-credits", "1000"]);
            if row.kills >= goal || !kill_after(&mut child, moment(&mut rng)) {
                assert_eq!(child.wait().unwrap().code(), Some(0));
                break;
            }
            row.kills += 1;
        }
        row.close(&house);
    }
    row
}

/// The engine as a service runs it: without end and without a terminal.
fn headless(goal: usize) -> Row {
    let mut row = Row { door: "headless", ..Row::default() };
    let mut rng = rng();
    while row.kills < goal {
        let house = House::new(QUICK);
        house.program.add(&house.specs(JOBS).iter().map(String::as_str).collect::<Vec<_>>());
        while row.kills < goal && house.count("saved") < JOBS {
            row.starts += 1;
            let mut child = house.spawn(&["run", "--yes", "--max-credits", "1000"]);
            assert!(kill_after(&mut child, moment(&mut rng)), "it runs without end");
            row.kills += 1;
        }
        row.starts += 1;
        house.run(&["run", "--until-idle", "--yes", "--max-credits", "1000"]).expect(0);
        row.close(&house);
    }
    row
}

/// The dashboard, with a user who says yes to what waits after every start.
fn on_screen(goal: usize) -> Row {
    let mut row = Row { door: "dashboard", ..Row::default() };
    let mut rng = rng();
    while row.kills < goal {
        let house = House::new(QUICK);
        house.program.add(&house.specs(JOBS).iter().map(String::as_str).collect::<Vec<_>>());
        while row.kills < goal && house.count("saved") < JOBS {
            row.starts += 1;
            let mut pty = Pty::dashboard(&house);
            // It can only be killed at a moment of sending if somebody says yes.
            if rng.u8(..4) > 0 && pty.within(Duration::from_secs(1), |screen| screen.contains("approved earlier")) {
                pty.keys("P");
                if pty.within(Duration::from_secs(1), |screen| screen.contains("y send")) {
                    pty.confirm();
                }
            }
            pty.within(moment(&mut rng), |_| false);
            assert_eq!(pty.kill().signal.as_deref(), Some("Killed"));
            row.kills += 1;
        }
        row.starts += 1;
        house.run(&["run", "--until-idle", "--yes", "--max-credits", "1000"]).expect(0);
        row.close(&house);
    }
    row
}

#[test]
fn fifty_kills_at_any_moment_of_the_script_end_with_every_job_saved_and_paid_once() {
    let row = by_script(50);
    assert_eq!(row.kills, 50);
    print(&[row]);
}

#[test]
fn kills_through_three_doors_lose_no_job_and_pay_none_twice() {
    let goal = usize::try_from(number("KILLS").unwrap_or(24)).unwrap();
    let each = goal.div_ceil(3);
    let doors: [fn(usize) -> Row; 3] = [by_script, headless, on_screen];
    let rows: Vec<Row> = std::thread::scope(|scope| {
        let running: Vec<_> = doors.map(|door| scope.spawn(move || door(each))).into_iter().collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(rows.iter().map(|row| row.kills).sum::<usize>() >= goal);
    print(&rows);
}

/// Of the jobs of a store with limits, so many fit under its cap.
const UNDER_THE_CAP: usize = 18;

/// So many jobs, in credits.
fn credits(jobs: usize) -> String {
    Credits::PUBLISHED_PRICE.times(jobs).to_string()
}

/// Confirms what is held.
fn release_held(house: &House) {
    let jobs = house.jobs();
    let held: Vec<&str> = jobs.iter().filter(|job| job["state"] == "held").map(|job| job["id"].as_str().unwrap()).collect();
    if !held.is_empty() {
        house.run(&[&["release", "--yes", "--max-credits", "1000"], held.as_slice()].concat()).expect(0);
    }
}

/// Waits until nothing more is sent by a dashboard that goes on in place of a dead run: what is left is held by the run's
/// limit, or waits for the user. Asked of the store: a narrow header has no room to say all of it.
fn until_at_rest(house: &House) {
    until(|| {
        let store = Store::open(&house.program.data(), Access::ReadOnly).unwrap();
        let (jobs, settings) = (store.jobs().unwrap(), store.settings().unwrap());
        let asks = |job: &Job| job.approval.is_none_or(|approval| approval.seq <= settings.approval_floor);
        jobs.iter().all(|job| match job.state() {
            State::Sending | State::Unsure => false,
            State::Waiting => settings.paused.is_some() || asks(job),
            _ => true,
        })
    });
}

/// The keys and attempts of paid requests: of those that are open, or of all.
fn attempts(house: &House, open: bool) -> BTreeMap<String, u32> {
    let store = Store::open(&house.program.data(), Access::ReadOnly).unwrap();
    let is_open = |job: &Job| matches!(job.state(), State::Sending | State::Unsure);
    let jobs = store.jobs().unwrap().into_iter().filter(|job| !open || is_open(job));
    jobs.filter_map(|job| job.send.map(|send| (send.key.as_str().to_owned(), send.attempts))).collect()
}

/// How many of the requests that were open before a run were paid since, and not by it. What was still on the wire counts for
/// the run that sent it. A dashboard that goes on in a run's place has no limit of its own, and what it asks for again counts
/// for the limit under which that was confirmed.
fn paid_for_others(house: &House, paid: usize, open: &BTreeMap<String, u32>, by_dashboard: bool) -> usize {
    let now = attempts(house, false);
    let ledger = house.simulator.ledger();
    let news = ledger.iter().filter(|entry| !entry.seeded).skip(paid).filter_map(|entry| entry.key.as_ref());
    news.filter(|key| open.get(*key).is_some_and(|before| by_dashboard || now.get(*key) == Some(before))).count()
}

/// Runs with a limit of one to three jobs under a cap that binds, each killed; beside every other one a dashboard looks on
/// and goes on in its place. Returns kills, charges, and how many runs were stopped by their limit.
fn within_limits(goal: usize) -> (usize, usize, usize) {
    let mut rng = rng();
    let (mut kills, mut charges, mut bound) = (0, 0, 0);
    while kills < goal {
        // The cap of a session and not of a day: a test may run at midnight.
        let house = House::with(QUICK, &format!("cap_session = {}\n", credits(UNDER_THE_CAP)));
        house.program.add(&house.specs(JOBS).iter().map(String::as_str).collect::<Vec<_>>());
        while kills < goal && house.paid() < UNDER_THE_CAP {
            let (before, open) = (house.paid(), attempts(&house, true));
            let limit = rng.usize(1..=3);
            release_held(&house);
            let mut run = house.spawn(&["run", "--yes", "--max-credits", &credits(limit)]);
            let beside = rng.bool().then(|| {
                until(|| Store::engine_pid(&house.program.data()) == Some(run.id()));
                Pty::dashboard(&house)
            });
            assert!(kill_after(&mut run, moment(&mut rng)), "it runs without end");
            kills += 1;
            let by_dashboard = beside.is_some();
            if let Some(pty) = beside {
                until(|| Store::engine_pid(&house.program.data()) == Some(pty.pid()));
                until_at_rest(&house);
                pty.kill();
                kills += 1;
            }
            // What was on the wire has arrived by the time another program has looked.
            house.jobs();
            let sent = house.paid() - before - paid_for_others(&house, before, &open, by_dashboard);
            assert!(sent <= limit, "{sent} jobs were sent on a limit of {limit}");
            assert!(house.paid() <= UNDER_THE_CAP, "{} jobs were sent under a cap of {UNDER_THE_CAP}", house.paid());
            bound += usize::from(sent == limit);
        }
        release_held(&house);
        house.run(&["run", "--until-idle", "--yes", "--max-credits", "1000"]);
        assert_eq!(house.paid(), UNDER_THE_CAP);
        house.assert_books(&house.jobs(), UNDER_THE_CAP);
        assert_eq!((house.count("saved"), house.count("held")), (UNDER_THE_CAP, JOBS - UNDER_THE_CAP));
        charges += house.paid();
    }
    (kills, charges, bound)
}

#[test]
fn kills_under_limits_that_bind_pay_nothing_twice_and_nothing_beyond_them() {
    let goal = usize::try_from(number("KILLS").unwrap_or(12)).unwrap();
    let (kills, charges, bound) = within_limits(goal);
    println!("{kills} kills under limits, {charges} charges, {bound} runs sent as many as they might, none sent more");
    assert!(kills >= goal);
}

/// Kills at the nth named moment around a durable write; whether there was an nth one.
fn kill_at(n: usize, args: &[&str], house: &House) -> bool {
    let ran = house.command(args).env("MJ_ENHANCE_TEST_KILL", n.to_string()).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    let killed = ran.status.code().is_none();
    assert_eq!(killed, said.contains("killed at moment"), "{said}");
    assert!(killed || ran.status.success(), "{said}");
    killed
}

#[test]
fn a_kill_at_each_named_moment_around_a_durable_write_loses_nothing() {
    kill_at_each_moment(|house| vec!["add".to_owned(), "-f".to_owned(), house.spec_file(2).to_str().unwrap().to_owned()]);
}

#[test]
fn a_kill_at_each_named_moment_makes_one_charge_of_one_prompt() {
    kill_at_each_moment(|_| vec!["draft".to_owned(), "{red, blue} boat".to_owned()]);
}

/// `add` gives the arguments that record two jobs.
fn kill_at_each_moment(add: impl Fn(&House) -> Vec<String> + Sync) {
    const JOBS: usize = 2;
    let quick = QUICK.replace("0.3", "0.02");
    let confirmed = |house: &House| [add(house), ["--yes", "--max-credits", "1000"].map(str::to_owned).to_vec()].concat();
    let run = ["run", "--until-idle", "--yes", "--max-credits", "1000"];
    // The moments of recording.
    let mut moments = 0;
    for n in 1.. {
        let house = House::new(&quick);
        let args = confirmed(&house);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        if !kill_at(n, &args, &house) {
            break;
        }
        moments += 1;
        house.run(&args).expect(0);
        house.run(&run).expect(0);
        house.assert_all_saved(JOBS);
    }
    assert!(moments >= 2, "{moments}");
    // Those of `run`: each in a store of its own, a few side by side.
    let (next, last) = (AtomicUsize::new(1), AtomicUsize::new(usize::MAX));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::SeqCst);
                    if n > last.load(Ordering::SeqCst) {
                        return;
                    }
                    let house = House::new(&quick);
                    let args = confirmed(&house);
                    house.run(&args.iter().map(String::as_str).collect::<Vec<_>>()).expect(0);
                    if !kill_at(n, &run, &house) {
                        last.fetch_min(n, Ordering::SeqCst);
                    }
                    house.run(&run).expect(0);
                    house.assert_all_saved(JOBS);
                }
            });
        }
    });
    let moments = last.into_inner() - 1;
    println!("{moments} moments of `run`, each with a kill");
    assert!(moments >= 4 * JOBS, "{moments}");
}

#[test]
fn signals_end_a_headless_engine_in_order_and_the_next_one_goes_on() {
    for (what, code) in [(Signal::TERM, Some(130)), (Signal::HUP, Some(130)), (Signal::INT, Some(130)), (Signal::KILL, None)] {
        let house = House::new("run_seconds = 3600\nmore_drafts = 2\n[balance]\naccount = 100\n");
        house.program.add(&house.specs(4).iter().map(String::as_str).collect::<Vec<_>>());
        let mut child = house.spawn(&["run", "--yes", "--max-credits", "1000"]);
        until(|| house.paid() >= 2);
        signal(child.id(), what);
        assert_eq!(child.wait().unwrap().code(), code, "{what:?}");
        house.simulator.finish_all();
        // What is sent now runs without end until it is told to end.
        let mut child = house.spawn(&["run", "--until-idle", "--yes", "--max-credits", "1000"]);
        until(|| {
            house.simulator.finish_all();
            child.try_wait().unwrap().is_some()
        });
        assert_eq!(child.wait().unwrap().code(), Some(0));
        house.assert_all_saved(4);
    }
}
