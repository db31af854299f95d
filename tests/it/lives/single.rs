//! One job, or two, in one kind of trouble that whole lives meet too seldom.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mj_enhance::engine::{Command, Consent, PauseReason, Sending};
use mj_enhance::job::{Caps, Charge, Credits, Job, Model, Phase, PriceLines, State};
use mj_enhance::store::{CommitHook, Moment};
use tokio::task::LocalSet;
use tokio::time::Instant;

use super::books::{Books, Portal};
use super::faults::Faults;
use super::hardness::Hardness;
use super::life::{Life, Running};
use super::screen::Meant;
use super::world::World;

/// A life with one process and jobs that were confirmed at once.
fn begin(world: &World, sending: Sending, jobs: usize, disk: Option<CommitHook>) -> (Life, Running) {
    let mut life = Life::new(world.clone(), fastrand::Rng::with_seed(7), Hardness::NONE, Caps::default());
    let mut store = life.open_store();
    store.on_commit(disk);
    let process = life.new_process(sending, &store);
    let running = life.lead(sending, store, process);
    let lines = PriceLines::one(Model::Enhance, jobs, Credits::PUBLISHED_PRICE);
    let act = life.add(Model::Enhance, jobs, Some(Consent { lines, grace: Duration::ZERO }));
    life.send(&running.commands, Some(act));
    (life, running)
}

/// One job in a world whose paid request is lost until `mended`; returns it as it is after `time`.
async fn lost(world: &World, sending: Sending, time: Duration, disk: Option<CommitHook>) -> Job {
    let (life, mut running) = begin(world, sending, 1, disk);
    tokio::select! {
        result = running.over() => result.unwrap(),
        () = tokio::time::sleep(time) => {}
    }
    assert_eq!(world.books.lock().unwrap().broken, Vec::<String>::new());
    running.kill().await;
    life.open_store().jobs().unwrap().remove(0)
}

fn counted(books: &Mutex<Books>, what: &str) -> u64 {
    books.lock().unwrap().counted.get(what).copied().unwrap_or_default()
}

/// The line takes no paid request until the task list was read.
fn lost_until_the_list_was_read() -> World {
    let world = World::new(1, Faults { submit_lost_before: 1.0, ..Faults::default() });
    let books = Arc::clone(&world.books);
    tokio::spawn(async move {
        while counted(&books, "list") == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        books.lock().unwrap().faults = Faults::default();
    });
    world
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_is_full_when_a_lost_request_goes_out_again_delays_it_and_no_more() {
    let here = LocalSet::new();
    // Which write begins the second round is found by trying: each of the first twenty is refused three times.
    for first in 0..20_u32 {
        let world = lost_until_the_list_was_read();
        let mut writes = 0;
        let hook = move |moment| {
            writes += u32::from(moment == Moment::Before);
            moment != Moment::Before || !(first..first + 3).contains(&(writes - 1)) || first == 0
        };
        let job = here.run_until(lost(&world, Sending::WithConsent, Duration::from_mins(5), Some(Box::new(hook)))).await;
        assert_eq!(job.state(), State::Saved, "write {first} was refused: {job:?}");
        let books = world.books.lock().unwrap();
        assert_eq!(books.tasks.len(), 1);
        let send = job.send.unwrap();
        assert!(books.requests[send.key.as_str()] <= send.attempts, "write {first} was refused: an attempt is not on disk");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_goes_out_again_counts_once_for_the_limit_of_a_run() {
    let world = lost_until_the_list_was_read();
    let limit = Sending::UpTo(Credits::PUBLISHED_PRICE);
    let job = LocalSet::new().run_until(lost(&world, limit, Duration::from_mins(5), None)).await;
    assert_eq!(job.state(), State::Saved, "{job:?}");
    assert!(job.send.unwrap().attempts > 5, "it was looked into and went out again");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_lost_again_and_again_is_repeated_once_in_a_minute_or_so() {
    let world = World::new(1, Faults { submit_lost_before: 1.0, ..Faults::default() });
    let job = LocalSet::new().run_until(lost(&world, Sending::WithConsent, Duration::from_hours(1), None)).await;
    assert!(matches!(job.state(), State::Sending | State::Unsure), "{job:?}");
    let submits = counted(&world.books, "submit");
    assert!((50..300).contains(&submits), "{submits} in an hour");
}

#[tokio::test(start_paused = true)]
async fn a_price_that_was_learned_while_the_store_took_no_write_binds_the_next_send() {
    let here = LocalSet::new();
    // The first reserve names another price; which write notes that is found by trying: some are refused for ten seconds.
    for first in 0..20_u32 {
        let world = World::new(1, Faults { price_moves: 1.0, ..Faults::default() });
        let (mut writes, mut until) = (0, None);
        let hook = move |moment| {
            writes += u32::from(moment == Moment::Before);
            if moment == Moment::Before && writes == first + 1 {
                until = Some(tokio::time::Instant::now() + Duration::from_secs(10));
            }
            moment != Moment::Before || until.is_none_or(|until| tokio::time::Instant::now() >= until)
        };
        let life = here.run_until(async {
            let (life, running) = begin(&world, Sending::WithConsent, 3, Some(Box::new(hook)));
            tokio::time::sleep(Duration::from_mins(3)).await;
            running.kill().await;
            life
        });
        let life = life.await;
        assert!(world.books.lock().unwrap().tasks.len() <= 1, "write {first} was refused: {:?}", life.open_store().jobs());
    }
}

#[tokio::test(start_paused = true)]
async fn another_amount_pauses_whoever_goes_on_after_a_kill_at_any_write() {
    let here = LocalSet::new();
    let mut amounts = 0;
    for charges in [true, false] {
        for last in 4..15_u32 {
            let faults = if charges {
                Faults { other_charge: 1.0, ..Faults::default() }
            } else {
                Faults { price_moves: 1.0, ..Faults::default() }
            };
            let world = World::new(1, faults);
            let mut writes = 0;
            // Its last write is on disk, and nobody hears of it any more.
            let hook = move |moment| {
                writes += u32::from(moment == Moment::Before);
                if moment == Moment::Before { writes <= last } else { writes < last }
            };
            let jobs_and_settings = here.run_until(async {
                let (mut life, mut first) = begin(&world, Sending::WithConsent, 2, Some(Box::new(hook)));
                tokio::select! {
                    _ = first.over() => {}
                    () = tokio::time::sleep(Duration::from_mins(3)) => {}
                }
                first.kill().await;
                let store = life.open_store();
                let before: Vec<Job> = store.jobs().unwrap();
                let process = life.new_process(Sending::WithConsent, &store);
                let second = life.lead(Sending::WithConsent, store, process);
                // Less than a read of the service takes: it knows no more than what is on disk.
                tokio::time::sleep(Duration::from_millis(5)).await;
                second.kill().await;
                (before, life.open_store().settings().unwrap())
            });
            let (jobs, settings) = jobs_and_settings.await;
            let other = jobs.iter().find(|job| {
                let amount = job.charged.filter(|_| job.charge == Some(Charge::Charged)).or(job.reserved);
                // What is over is not looked at again: by then its amount was heard of.
                job.state() != State::Saved && amount.zip(job.send.as_ref()).is_some_and(|(amount, send)| amount != send.agreed)
            });
            if let Some(job) = other {
                amounts += 1;
                // Where the price is written and the pause is not, the price holds whoever was to be sent next.
                let known = settings.price(job.kind.model()).map(|price| price.amount);
                let binds = known.is_some() && known != job.send.as_ref().map(|send| send.agreed);
                let pauses = matches!(settings.paused, Some(PauseReason::Price { .. }));
                assert!(pauses || binds, "killed after write {last}: {job:?} {settings:?}");
            }
        }
    }
    assert!(amounts > 2, "{amounts} kills came after another amount");
}

#[tokio::test(start_paused = true)]
async fn what_a_repeated_answer_reserved_before_the_price_moved_is_no_price_of_now_and_not_after_a_start_either() {
    let world = World::new(1, Faults::default());
    let moved = Credits::from_uc(Credits::PUBLISHED_PRICE.uc() * 3 / 2);
    let user = async {
        let mut life = Life::new(world.clone(), fastrand::Rng::with_seed(7), Hardness::NONE, Caps::default());
        let start = |life: &mut Life| {
            let store = life.open_store();
            let process = life.new_process(Sending::WithConsent, &store);
            life.lead(Sending::WithConsent, store, process)
        };
        let first = start(&mut life);
        let lines = PriceLines::one(Model::Enhance, 1, Credits::PUBLISHED_PRICE);
        let act = life.add(Model::Enhance, 1, Some(Consent { lines, grace: Duration::from_secs(5) }));
        life.send(&first.commands, Some(act));
        until(&life, |jobs| jobs.iter().any(|job| job.state() == State::Waiting)).await;
        life.copy_store();
        until(&life, |jobs| jobs.iter().all(|job| job.state() == State::Saved)).await;
        first.kill().await;
        world.books.lock().unwrap().set_price(Model::Enhance, 150);
        let copy = life.copy.take().unwrap();
        life.put_back(&copy);
        let second = start(&mut life);
        until(&life, |jobs| jobs.iter().all(|job| job.state() == State::Waiting)).await;
        while life.open_store().settings().unwrap().price(Model::Enhance).is_none_or(|price| price.amount != moved) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let act = life.go_on();
        life.send(&second.commands, act);
        until(&life, |jobs| jobs.iter().all(|job| job.state() == State::Saved)).await;
        second.kill().await;
        let (job, settings) = (life.open_store().jobs().unwrap().remove(0), life.open_store().settings().unwrap());
        assert_eq!(job.reserved, Some(Credits::PUBLISHED_PRICE), "the same task was named");
        assert!(matches!(settings.paused, Some(PauseReason::Price { agreed, .. }) if agreed == moved), "{settings:?}");
        let third = start(&mut life);
        // Less than a read of the service takes: it knows no more than what is on disk.
        tokio::time::sleep(Duration::from_millis(5)).await;
        third.kill().await;
        [settings, life.open_store().settings().unwrap()].map(|settings| settings.price(Model::Enhance).unwrap().amount)
    };
    assert_eq!(LocalSet::new().run_until(user).await, [moved, moved]);
    let books = world.books.lock().unwrap();
    assert_eq!((books.tasks.len(), books.counted.get("replayed"), &books.broken), (1, Some(&1), &Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_was_found_in_the_list_and_whose_task_the_service_then_forgets_comes_to_an_end() {
    let faults = Faults { submit_lost_after: 1.0, task_vanishes: 1.0, ..Faults::default() };
    let world = World::new(1, faults);
    let user = async {
        let (mut life, first) = begin(&world, Sending::WithConsent, 1, None);
        until(&life, |jobs| jobs.iter().any(|job| job.state() == State::Sending)).await;
        while world.books.lock().unwrap().tasks.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        first.kill().await;
        // The balance is read at the start, when nothing runs yet.
        let store = life.open_store();
        let process = life.new_process(Sending::WithConsent, &store);
        let second = life.lead(Sending::WithConsent, store, process);
        let over = until(&life, |jobs| jobs.iter().all(|job| job.state() == State::Failed));
        tokio::time::timeout(Duration::from_hours(12), over).await.expect("it is over within hours");
        second.kill().await;
        life.open_store().jobs().unwrap().remove(0)
    };
    let job = LocalSet::new().run_until(user).await;
    assert!(matches!(&job.phase, Phase::Failed(failure) if failure.code == "task_not_found"), "{job:?}");
    assert!(counted(&world.books, "list") > 0);
}

#[tokio::test(start_paused = true)]
async fn twenty_running_jobs_survive_half_an_hour_of_pages_404_and_403_on_every_route_and_all_are_saved() {
    let world = World::new(1, Faults { task_stuck: 1.0, ..Faults::default() });
    let user = async {
        let (life, running) = begin(&world, Sending::WithConsent, 20, None);
        let more = mj_enhance::engine::SessionMessage::Command { ticket: 900, command: Command::MaxInFlight(20) };
        running.commands.send(more).unwrap();
        until(&life, |jobs| jobs.iter().all(|job| job.state() == State::Running)).await;
        for portal in [Portal::Page, Portal::NotFound, Portal::Forbidden] {
            world.books.lock().unwrap().portal = Some((Instant::now() + Duration::from_mins(10), portal));
            tokio::time::sleep(Duration::from_mins(10)).await;
            let jobs = life.open_store().jobs().unwrap();
            assert!(jobs.iter().all(|job| job.state() == State::Running), "{portal:?}: {jobs:?}");
        }
        until(&life, |jobs| jobs.iter().all(|job| job.state() == State::Saved)).await;
        running.kill().await;
    };
    LocalSet::new().run_until(user).await;
    let books = world.books.lock().unwrap();
    assert_eq!((books.tasks.len(), books.broken.len()), (20, 0), "{:?}", books.broken);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_remembers_a_refusal_holds_a_job_up_for_one_more_confirmation_and_not_for_a_day() {
    let world = World::new(1, Faults { submit_402: 1.0, ..Faults::default() });
    world.books.lock().unwrap().remembers_refusals = true;
    let user = async {
        let (mut life, running) = begin(&world, Sending::WithConsent, 1, None);
        until(&life, |jobs| jobs.first().is_some_and(|job| job.state() == State::Held)).await;
        // The account was topped up. What is known of the refusal outlives the process.
        world.books.lock().unwrap().faults = Faults::default();
        running.kill().await;
        life.nobody_is_left(false);
        let store = life.open_store();
        let process = life.new_process(Sending::WithConsent, &store);
        let running = life.lead(Sending::WithConsent, store, process);
        for submits in [2, 3] {
            // Never without a confirmation.
            tokio::time::sleep(Duration::from_hours(1)).await;
            assert_eq!(counted(&world.books, "submit"), submits - 1);
            let act = life.go_on();
            life.send(&running.commands, act);
            until(&life, |jobs| jobs[0].state() != State::Held).await;
            until(&life, |jobs| matches!(jobs[0].state(), State::Held | State::Saved)).await;
            assert_eq!(counted(&world.books, "submit"), submits);
        }
        running.kill().await;
        assert_eq!(life.open_store().jobs().unwrap()[0].state(), State::Saved);
    };
    LocalSet::new().run_until(user).await;
    let books = world.books.lock().unwrap();
    let mut requests: Vec<u32> = books.requests.values().copied().collect();
    requests.sort_unstable();
    assert_eq!((requests, books.tasks.len(), &books.broken), (vec![1, 2], 1, &Vec::new()), "the first key twice, then another");
}

#[tokio::test(start_paused = true)]
async fn a_lost_request_goes_out_again_within_a_day_and_not_after_it() {
    for (hours, goes_out) in [(20, true), (23, true), (24, false), (25, false), (200, false)] {
        let world = World::new(1, Faults { submit_lost_before: 1.0, ..Faults::default() });
        let user = async {
            let (life, running) = begin(&world, Sending::WithConsent, 1, None);
            until(&life, |jobs| jobs.first().is_some_and(|job| job.state() == State::Unsure)).await;
            let before = counted(&world.books, "submit");
            world.sleep(jiff::SignedDuration::from_hours(hours));
            world.books.lock().unwrap().faults = Faults::default();
            tokio::time::sleep(Duration::from_mins(30)).await;
            running.kill().await;
            let state = life.open_store().jobs().unwrap()[0].state();
            let expected = if goes_out { (State::Saved, true) } else { (State::Unsure, false) };
            assert_eq!((state, counted(&world.books, "submit") > before), expected, "after {hours} h");
        };
        LocalSet::new().run_until(user).await;
        let books = world.books.lock().unwrap();
        assert_eq!((books.tasks.len(), &books.broken), (usize::from(goes_out), &Vec::new()), "after {hours} h");
    }
}

/// Waits until the jobs of a life are so; a day is long enough for everything.
async fn until(life: &Life, are: impl Fn(&[Job]) -> bool) {
    for _ in 0..86_400 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if are(&life.open_store().jobs().unwrap()) {
            return;
        }
    }
    panic!("{:?}", life.open_store().jobs());
}

#[tokio::test(start_paused = true)]
async fn giving_up_a_job_that_is_waited_for_lets_the_queue_go_on_at_once() {
    let world = World::new(1, Faults { submit_lost_before: 1.0, ..Faults::default() });
    let user = async {
        let (mut life, running) = begin(&world, Sending::WithConsent, 2, None);
        // The second reading of the list is too early to prove anything, so it is waited for a third.
        while counted(&world.books, "list") < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.books.lock().unwrap().faults = Faults::default();
        let jobs = life.screen.lock().unwrap().ids(State::Unsure);
        assert_eq!(jobs.len(), 1);
        life.send(&running.commands, Some((Command::GiveUp { jobs }, Meant::GiveUp)));
        tokio::time::sleep(Duration::from_secs(3)).await;
        running.kill().await;
    };
    LocalSet::new().run_until(user).await;
    assert_eq!(world.books.lock().unwrap().tasks.len(), 1, "the other one was sent");
}

/// Another process starts while the first one still leaves: it sends none of the three that wait.
async fn started_while_it_leaves(life: &mut Life, first: Running) -> Running {
    let store = life.open_store();
    let process = life.new_process(Sending::WithConsent, &store);
    let second = life.look_on(store, process);
    tokio::time::sleep(Duration::from_secs(1)).await;
    first.kill().await;
    tokio::time::sleep(Duration::from_mins(3)).await;
    let states: Vec<State> = life.open_store().jobs().unwrap().iter().map(Job::state).collect();
    assert_eq!(states.iter().filter(|state| **state == State::Waiting).count(), 3, "{states:?}");
    second
}

#[tokio::test(start_paused = true)]
async fn a_start_within_the_second_in_which_the_program_leaves_sends_nothing_by_itself() {
    for gap in [20, 50, 300, 690, 900, 1_200] {
        // The answer to the first request takes seconds, so leaving waits for it and keeps the lock meanwhile.
        let world = World::new(1, Faults { submit_lost_after: 1.0, ..Faults::default() });
        let user = async {
            let (mut life, first) = begin(&world, Sending::WithConsent, 4, None);
            while counted(&world.books, "submit") == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let _ = first.commands.send(mj_enhance::engine::SessionMessage::Stop);
            tokio::time::sleep(Duration::from_millis(gap)).await;
            life.nobody_is_left(false);
            world.books.lock().unwrap().faults = Faults::default();
            let second = started_while_it_leaves(&mut life, first).await;
            // With a new yes all goes on.
            let act = life.go_on();
            life.send(&second.commands, act);
            until(&life, |jobs| jobs.iter().all(|job| job.state() == State::Saved)).await;
            second.kill().await;
        };
        LocalSet::new().run_until(user).await;
        let books = world.books.lock().unwrap();
        assert_eq!((books.requests.len(), books.tasks.len(), &books.broken), (4, 4, &Vec::new()), "{gap} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_names_the_lost_task_of_a_job_that_was_given_up_is_asked_for_again() {
    let mut named = 0;
    // Half of the wrong answers name the draft, the others the only task there is besides the right one.
    for (seed, repeated) in (0..16).map(|n| (n / 2, n % 2 == 1)) {
        let world = World::new(seed, Faults { submit_nonsense: 1.0, list_fails: 1.0, ..Faults::default() });
        let user = async {
            let (mut life, running) = begin(&world, Sending::WithConsent, 2, None);
            until(&life, |jobs| jobs.iter().any(|job| job.state() == State::Unsure)).await;
            let jobs = life.screen.lock().unwrap().ids(State::Unsure);
            let wrong = Faults { submit_wrong_id: 1.0, ..Faults::default() };
            if !repeated {
                world.books.lock().unwrap().faults = wrong;
            }
            life.send(&running.commands, Some((Command::GiveUp { jobs }, Meant::GiveUp)));
            // The answer that names the wrong task is one that the service says it repeats.
            while repeated && world.books.lock().unwrap().tasks.len() < 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            world.books.lock().unwrap().faults = wrong;
            while counted(&world.books, "submit: another task's id") == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            world.books.lock().unwrap().faults = Faults::default();
            until(&life, |jobs| jobs.iter().all(|job| matches!(job.state(), State::Saved | State::Cancelled))).await;
            running.kill().await;
            life.open_store().jobs().unwrap()
        };
        let jobs = LocalSet::new().run_until(user).await;
        let books = world.books.lock().unwrap();
        let saved = jobs.iter().find(|job| job.state() == State::Saved).unwrap();
        let body = &books.tasks[saved.task.as_ref().unwrap()].body;
        assert_eq!((body, books.tasks.len()), (&saved.kind.body(None), 2), "seed {seed} {repeated}");
        let age = |job: &Job| job.send.as_ref().unwrap().first_at;
        let (first, second) = (jobs.iter().map(age).min().unwrap(), age(saved));
        named += u32::from(second.duration_since(first).as_secs() < 60);
    }
    assert_eq!(named, 16, "the lost task was young enough to be taken for its own");
}

#[tokio::test(start_paused = true)]
async fn what_was_confirmed_ends_with_its_process_also_where_the_disk_is_full_when_it_leaves() {
    let world = World::new(1, Faults { submit_lost_after: 1.0, ..Faults::default() });
    let full = Arc::new(AtomicBool::new(false));
    let disk = Arc::clone(&full);
    let user = async {
        let hook: CommitHook = Box::new(move |moment| moment != Moment::Before || !disk.load(Ordering::Relaxed));
        let (mut life, first) = begin(&world, Sending::WithConsent, 4, Some(hook));
        while counted(&world.books, "submit") == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        full.store(true, Ordering::Relaxed);
        let _ = first.commands.send(mj_enhance::engine::SessionMessage::Stop);
        tokio::time::sleep(Duration::from_millis(300)).await;
        life.nobody_is_left(false);
        world.books.lock().unwrap().faults = Faults::default();
        let second = started_while_it_leaves(&mut life, first).await;
        second.kill().await;
    };
    LocalSet::new().run_until(user).await;
    let books = world.books.lock().unwrap();
    assert_eq!((books.requests.len(), &books.broken), (1, &Vec::new()));
}
