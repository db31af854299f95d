use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::job::{
    Approval, CapName, Caps, Charge, Credits, ErrorClass, Failure, HoldReason, IdempotencyKey, ImageNumber, JobKind, Model,
    PaidRequest, Phase, PriceLines, Prices, SavedFile, Tag, TaskId, TaskReport, TaskStatus,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn id(n: u64) -> JobId {
    JobId::from_bits(n)
}

fn key(n: u8) -> IdempotencyKey {
    IdempotencyKey::from_random([n; 16])
}

fn price() -> Credits {
    Credits::PUBLISHED_PRICE
}

fn draft() -> TaskId {
    TaskId::new("task-unified-1790000000-draftaaa").unwrap()
}

fn new_job(n: u64) -> NewJob {
    NewJob {
        id: id(n),
        kind: JobKind::Enhance { source: draft(), image: ImageNumber::ALL[usize::try_from(n % 4).unwrap()] },
        tag: Some(Tag::new("büro").unwrap()),
        again_of: None,
    }
}

fn make(job: &Job) -> PaidRequest {
    let n = job.id.bits();
    let key = u8::try_from(n).map_or_else(
        |_| {
            let mut bytes = [255; 16];
            bytes[..8].copy_from_slice(&n.to_le_bytes());
            IdempotencyKey::from_random(bytes)
        },
        key,
    );
    PaidRequest { key, body: "{\"body\":1}".to_owned() }
}

/// Adds jobs, also for pictures that have one: [`new_job`] has only four.
fn add(
    store: &mut Store,
    new: &[NewJob],
    front: bool,
    consent: Option<Consent>,
    when: Timestamp,
) -> Result<Vec<Job>, StoreError> {
    let rules = AddRules { front, again: true, deliberate: false };
    store.add(new, rules, consent, &mut make, when).map(|added| added.jobs)
}

fn yes(count: usize) -> Consent {
    Consent { lines: PriceLines::one(Model::Enhance, count, price()), grace: Duration::ZERO }
}

fn guard() -> SendGuard {
    SendGuard {
        caps: Caps::default(),
        server_time: None,
        run_budget: None,
        run_limit: Credits::ZERO,
        prices: Prices::PUBLISHED,
        day_start: at(-3_600),
    }
}

fn task(n: u64) -> TaskId {
    TaskId::new(&format!("task-unified-1790000001-task{n:04}")).unwrap()
}

fn accepted(n: u64) -> Update {
    let mut report = TaskReport::new(task(n), TaskStatus::Pending);
    report.reserved = Some(price());
    report.raw = Some(format!("{{\"id\":{n}}}"));
    Update::Accepted { report: Box::new(report), replayed: false }
}

fn completed(n: u64) -> Update {
    let mut report = TaskReport::new(task(n), TaskStatus::Completed);
    report.used = Some(price());
    report.links = vec!["https://results.example/a.png".to_owned()];
    report.raw = Some("{\"status\":\"completed\"}".to_owned());
    // It ended when we heard of it: the clock of the service is ahead.
    report.ended = Some(Timestamp::MAX);
    Update::Reported(Box::new(report))
}

/// A store with these jobs approved and in line.
fn with_approved(count: u64) -> Store {
    let mut store = Store::in_memory().unwrap();
    let requests: Vec<_> = (1..=count).map(new_job).collect();
    add(&mut store, &requests, false, Some(yes(requests.len())), at(0)).unwrap();
    store
}

fn one(store: &mut Store, n: u64, update: Update, when: i64) -> Job {
    store.apply(vec![(id(n), update)], at(when)).unwrap().remove(0).0
}

fn send(store: &mut Store, n: u64, when: i64) -> BeginSend {
    store.begin_send(id(n), key(u8::try_from(n).unwrap()), "{\"body\":1}", &guard(), at(when)).unwrap()
}

/// One job in every state, all fields used somewhere.
fn every_state(store: &mut Store) {
    let requests: Vec<_> = (1..=12).map(new_job).collect();
    add(store, &requests, false, Some(yes(12)), at(0)).unwrap();
    for n in 3..=12 {
        assert!(matches!(send(store, n, 10), BeginSend::Go(_)), "{n}");
    }
    one(store, 1, Update::Hold(HoldReason::Cap { cap: CapName::Day, limit: price() }), 11);
    one(store, 4, Update::AnswerLost(Failure::new(ErrorClass::Server, "reset", "")), 12);
    one(store, 4, Update::RepeatsUsedUp("time is up".into()), 13);
    one(store, 4, Update::ListRead { candidates: vec![task(90), task(91)], server_time: None }, 14);
    for n in 5..=12 {
        one(store, n, accepted(n), 15);
    }
    store
        .save_progress(&[(id(5), Progress { percent: crate::job::Percent::new(40), seconds_left: Some(9), at: Some(at(16)) })])
        .unwrap();
    for n in 6..=8 {
        one(store, n, completed(n), 20);
        one(store, n, Update::FetchStarted, 21);
    }
    one(store, 6, Update::FetchTroubled("the host is slow".into()), 22);
    one(store, 8, Update::Saved(vec![SavedFile { path: "/results/ä b.png".into(), sha256: "0".repeat(64), bytes: 7 }]), 23);
    let mut report = TaskReport::new(task(9), TaskStatus::Failed);
    report.failure = Some(Failure::of_task("content_policy_violation", "no"));
    report.request_id = Some("req-1".into());
    one(store, 9, Update::Reported(Box::new(report)), 24);
    one(store, 10, Update::Reported(Box::new(TaskReport::new(task(10), TaskStatus::Cancelled))), 25);
    one(store, 11, Update::Unwatch, 26);
    // Completed, and says itself that it has no picture.
    let mut moderated = TaskReport::new(task(12), TaskStatus::Completed);
    moderated.failure = Some(Failure::of_task("moderation_blocked", "no"));
    one(store, 12, Update::Reported(Box::new(moderated)), 27);
    one(store, 12, Update::Remove(true), 28);
}

#[test]
fn a_job_in_any_state_is_read_back_as_it_was_written() {
    let mut store = Store::in_memory().unwrap();
    every_state(&mut store);
    let jobs = store.jobs().unwrap();
    let states: Vec<_> = jobs.iter().map(Job::state).collect();
    for state in State::ALL {
        assert!(states.contains(&state), "{state} is missing in {states:?}");
    }
    let mut other = Store::in_memory().unwrap();
    assert_eq!(other.import(&jobs).unwrap(), []);
    for job in &jobs {
        let mut expected = job.clone();
        expected.disarm(price());
        expected.apply(Update::EngineStarted, at(10));
        expected.revision = 1;
        assert_eq!(other.job(job.id).unwrap().unwrap(), expected);
    }
    assert_eq!(other.import(&jobs).unwrap().len(), 12, "what is there already is left out");
    assert_eq!(other.spent(at(30), at(0), at(0)).unwrap(), store.spent(at(30), at(0), at(0)).unwrap());
}

#[test]
fn wishes_without_a_yes_are_held_and_go_where_they_are_told() {
    let mut store = Store::in_memory().unwrap();
    add(&mut store, &[new_job(1), new_job(2)], false, None, at(0)).unwrap();
    add(&mut store, &[new_job(3), new_job(4)], true, None, at(0)).unwrap();
    let order: Vec<_> = store.jobs().unwrap().iter().map(|job| job.id.bits()).collect();
    assert_eq!(order, [3, 4, 1, 2]);
    assert!(store.jobs().unwrap().iter().all(|job| job.phase == Phase::Held(HoldReason::You)));
    let error = add(&mut store, &[new_job(9), new_job(1)], false, None, at(0)).unwrap_err();
    assert!(error.to_string().contains("taken"), "{error}");
    assert_eq!(store.job(id(9)).unwrap(), None, "the whole call failed");
}

#[test]
fn a_send_is_kept_with_body_and_key_and_goes_into_the_money_book() {
    let mut store = with_approved(1);
    let BeginSend::Go(job) = send(&mut store, 1, 5) else { panic!("it may go") };
    assert_eq!(job.send.as_ref().unwrap().key, key(1));
    assert_eq!(job.send.as_ref().unwrap().body, "{\"body\":1}");
    assert_eq!(store.job(job.id).unwrap(), Some(job));
    let book = store.ledger_rows().unwrap();
    assert_eq!((book.len(), book[0].amount, book[0].charge), (1, price(), Some(Charge::Reserved)));
    assert_eq!(send(&mut store, 1, 6), BeginSend::No(NotNow::NotReady));
}

#[test]
fn nothing_is_sent_without_a_yes_of_this_start_or_in_its_grace_or_while_paused() {
    let mut store = Store::in_memory().unwrap();
    add(&mut store, &[new_job(1)], false, None, at(0)).unwrap();
    assert!(matches!(send(&mut store, 1, 1), BeginSend::No(_)), "held");
    let grace = Consent { grace: Duration::from_secs(5), ..yes(1) };
    assert!(matches!(
        store.approve(&[id(1), id(77)], yes(1), None, &mut make, at(9)),
        Err(StoreError::NotConfirmed { confirmed: 1, asked: 2 })
    ));
    let grace = Consent { grace: grace.grace, ..yes(2) };
    let approved = store.approve(&[id(1), id(77)], grace, None, &mut make, at(10)).unwrap();
    assert_eq!((approved.jobs.len(), approved.left_out.as_slice()), (1, &[(id(77), Unavailable::Gone)][..]));
    let approval = (approved.seq, approved.not_before);
    assert_eq!(send(&mut store, 1, 14), BeginSend::No(NotNow::InGrace));
    store.change_settings(&mut |settings| settings.paused = Some(PauseReason::You)).unwrap();
    assert_eq!(send(&mut store, 1, 15), BeginSend::No(NotNow::Paused));
    store.change_settings(&mut |settings| settings.paused = None).unwrap();
    assert_eq!(store.raise_approval_floor().unwrap().approval_floor, approval.0);
    assert!(matches!(send(&mut store, 1, 15), BeginSend::No(NotNow::OlderThanFloor)));
    store.approve(&[id(1)], yes(1), None, &mut make, at(16)).unwrap();
    assert!(matches!(send(&mut store, 1, 16), BeginSend::Go(_)));
}

#[test]
fn a_yes_can_be_taken_back_only_in_its_grace_period() {
    let mut store = Store::in_memory().unwrap();
    let grace = Consent { grace: Duration::from_secs(5), ..yes(2) };
    let jobs = add(&mut store, &[new_job(1), new_job(2)], false, Some(grace), at(0)).unwrap();
    let seq = jobs[0].approval.unwrap().seq;
    assert_eq!(store.withdraw(seq, at(5)).unwrap(), []);
    one(&mut store, 2, Update::Cancel, 1);
    let held = store.withdraw(seq, at(4)).unwrap();
    assert_eq!(held.iter().map(|job| job.id).collect::<Vec<_>>(), [id(1)]);
    assert_eq!(held[0].phase, Phase::Held(HoldReason::You));
    assert_eq!(store.withdraw(99, at(4)).unwrap(), []);
}

#[test]
fn a_price_a_cap_and_a_run_limit_hold_the_job() {
    let mut store = with_approved(4);
    let begin = |store: &mut Store, n: u64, guard: SendGuard| {
        store.begin_send(id(n), key(u8::try_from(n).unwrap()), "{}", &guard, at(10)).unwrap()
    };
    let dearer = Credits::from_uc(60_000);
    let held = begin(&mut store, 1, SendGuard { prices: Prices::each(|_| dearer), ..guard() });
    assert!(matches!(held, BeginSend::Held(job, HoldReason::Price { now, .. }) if now == dearer && job.state() == State::Held));
    let day = Caps { day: Some(price()), session: None };
    assert!(matches!(begin(&mut store, 2, SendGuard { caps: day, ..guard() }), BeginSend::Go(_)));
    let held = begin(&mut store, 3, SendGuard { caps: day, ..guard() });
    assert!(matches!(held, BeginSend::Held(_, HoldReason::Cap { cap: CapName::Day, .. })));
    let short = SendGuard { run_budget: Some(Credits::from_uc(1)), run_limit: dearer, ..guard() };
    let held = begin(&mut store, 4, short);
    assert!(matches!(held, BeginSend::Held(_, HoldReason::Cap { cap: CapName::MaxCredits, limit }) if limit == dearer));
}

#[test]
fn one_key_never_serves_two_wishes() {
    let mut store = with_approved(2);
    assert!(matches!(send(&mut store, 1, 1), BeginSend::Go(_)));
    store.db.execute("UPDATE jobs SET request_key = ?1 WHERE id = 2", params![key(1).as_str()]).unwrap();
    let error = store.begin_send(id(2), key(2), "{}", &guard(), at(2)).unwrap_err();
    assert!(error.to_string().contains("used before"), "{error}");
    assert_eq!(store.job(id(2)).unwrap().unwrap().state(), State::Waiting);
    assert_eq!(store.ledger_rows().unwrap().len(), 1);
}

#[test]
fn money_that_is_surely_not_taken_or_given_back_does_not_count() {
    let mut store = with_approved(3);
    let day = |store: &Store| store.spent(at(100_000), at(0), at(0)).unwrap().day;
    send(&mut store, 1, 1);
    assert_eq!(day(&store), price());
    one(&mut store, 1, Update::PutBack(Failure::new(ErrorClass::Server, "429", "")), 2);
    assert_eq!(day(&store), Credits::ZERO);
    let BeginSend::Go(job) = store.begin_send(id(1), key(200), "other", &guard(), at(90_000)).unwrap() else { panic!() };
    assert_eq!(job.send.unwrap().key, key(1), "the key stays with its new_job");
    assert_eq!(store.ledger_rows().unwrap()[0].at, at(90_000), "it is spending of the day it went out");
    one(&mut store, 1, Update::Refused(Failure::new(ErrorClass::Balance, "insufficient_quota", "")), 90_001);
    store.approve(&[id(1)], yes(1), None, &mut |_| PaidRequest { key: key(201), body: "new".to_owned() }, at(90_002)).unwrap();
    let BeginSend::Go(job) = store.begin_send(id(1), key(202), "newer", &guard(), at(90_003)).unwrap() else { panic!() };
    assert_eq!(job.send.unwrap().key, key(201), "a refusal and a new yes are a new new_job");
    assert_eq!((store.ledger_rows().unwrap().len(), day(&store)), (2, price()));
}

#[test]
fn a_session_is_a_chain_of_sends_less_than_four_hours_apart() {
    let mut store = with_approved(4);
    let hours = |n: i64| n * 3_600;
    send(&mut store, 1, 0);
    send(&mut store, 2, hours(4));
    send(&mut store, 3, hours(4) + hours(4) - 1);
    let spent = |when: i64| store.spent(at(when), at(hours(5)), at(-1)).unwrap();
    let now = spent(hours(8));
    assert_eq!((now.session, now.day, now.month), (price() * 2, price(), price() * 3));
    assert_eq!(spent(hours(12) - 1).session, Credits::ZERO, "four hours after the last send it is over");
    assert_eq!(spent(hours(12) - 2).session, price() * 2);
}

#[test]
fn the_lock_of_the_engine_names_its_process_whoever_held_it_before() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("engine.lock");
    for before in ["", "1\n", "99999999999999999999\nnonsense"] {
        std::fs::write(&file, before).unwrap();
        let _lock = Store::lock_engine(folder.path()).unwrap().unwrap();
        assert_eq!(Store::engine_pid(folder.path()), Some(std::process::id()));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{}\n", std::process::id()));
    }
}

#[test]
fn links_and_files_of_a_job_that_is_read_have_no_room_to_spare() {
    let mut store = Store::in_memory().unwrap();
    let mut job = Job::new(id(1), JobKind::Enhance { source: draft(), image: ImageNumber::ALL[0] }, 1, at(0));
    job.links = vec!["https://x/1.png".to_owned()];
    job.files = vec![SavedFile { path: "/r/1.png".into(), sha256: "ab".repeat(32), bytes: 1 }];
    job.phase = Phase::Saved;
    assert!(store.import(&[job]).unwrap().is_empty());
    let read = store.job(id(1)).unwrap().unwrap();
    assert_eq!((read.links.capacity(), read.files.capacity()), (1, 1));
}

proptest::proptest! {
    /// One walk that ends early must find what three separate ones find.
    #[test]
    fn the_sums_of_one_walk_are_those_of_the_whole_book(
        sends in proptest::collection::vec((0..60_000_i64, 1..50_i64, proptest::bool::weighted(0.8)), 0..30),
        now in 0..80_000_i64, day in 0..60_000_i64, month in -1..60_000_i64,
    ) {
        let store = Store::in_memory().unwrap();
        for (n, (second, amount, counts)) in sends.iter().enumerate() {
            let charge = counts.then_some("charged");
            let row = params![n.to_string(), signed(n as u64), nanos(at(*second)), amount, charge];
            store.db.execute("INSERT INTO ledger (key, job, at, amount, charge) VALUES (?1, ?2, ?3, ?4, ?5)", row).unwrap();
        }
        let mut book: Vec<(i64, i64)> = sends.iter().filter(|send| send.2).map(|send| (send.0, send.1)).collect();
        book.sort_unstable_by_key(|send| std::cmp::Reverse(*send));
        let from = |start: i64| Credits::from_uc(book.iter().filter(|send| send.0 >= start).map(|send| send.1).sum());
        let mut later = now;
        let chain = book.iter().take_while(|send| std::mem::replace(&mut later, send.0) - send.0 < 4 * 3_600);
        let session = Credits::from_uc(chain.map(|send| send.1).sum());
        let spent = store.spent(at(now), at(day), at(month)).unwrap();
        proptest::prop_assert_eq!((spent.session, spent.day, spent.month), (session, from(day), from(month)));
    }
}

#[test]
fn spending_is_told_by_tag_and_follows_a_new_tag_and_outlives_its_job() {
    let mut store = with_approved(2);
    send(&mut store, 1, 1);
    send(&mut store, 2, 1);
    one(&mut store, 2, Update::Retag(None), 2);
    let tag = Tag::new("büro").unwrap();
    one(&mut store, 1, accepted(1), 3);
    one(&mut store, 1, completed(1), 4);
    one(&mut store, 1, Update::Saved(Vec::new()), 5);
    assert_eq!(store.prune(at(5), false).unwrap(), []);
    assert_eq!(store.prune(at(6), true).unwrap(), []);
    assert_eq!(store.prune(at(6), false).unwrap(), [id(1)]);
    let sums = store.spending_by_tag(at(0)).unwrap();
    assert_eq!(sums.len(), 2);
    assert!(sums.contains(&(Some(tag), price(), 1)) && sums.contains(&(None, price(), 1)), "{sums:?}");
    assert_eq!(store.timeline(id(1)).unwrap(), []);
    assert!(add(&mut store, &[new_job(1)], false, None, at(7)).is_err(), "a pruned id is not used again");
}

#[test]
fn changes_are_told_since_a_revision() {
    let mut store = with_approved(3);
    let first = store.changes_since(0).unwrap();
    assert_eq!((first.jobs.len(), first.revision), (3, 1));
    assert!(store.changes_since(first.revision).unwrap().jobs.is_empty());
    one(&mut store, 2, Update::Cancel, 1);
    one(&mut store, 2, Update::Cancel, 2);
    store.change_settings(&mut |settings| settings.cap_day = Some(None)).unwrap();
    let next = store.changes_since(first.revision).unwrap();
    assert_eq!((next.jobs.len(), next.jobs[0].id, next.revision), (1, id(2), 3), "what changed nothing moves nothing");
    assert_eq!(next.settings.cap_day, Some(None), "no cap is not the same as unchanged");
    store.prune(at(5), false).unwrap();
    assert_eq!(store.changes_since(next.revision).unwrap().gone, [id(2)]);
}

#[test]
fn history_answers_questions_and_screen_memory_are_kept() {
    let mut store = with_approved(1);
    send(&mut store, 1, 1);
    one(&mut store, 1, accepted(1), 2);
    assert_eq!(store.raw_answer(id(1)).unwrap().as_deref(), Some("{\"id\":1}"));
    one(&mut store, 1, completed(1), 3);
    assert_eq!(store.raw_answer(id(1)).unwrap().as_deref(), Some("{\"status\":\"completed\"}"));
    let notes: Vec<_> = store.timeline(id(1)).unwrap().into_iter().map(|entry| (entry.state, entry.note)).collect();
    assert_eq!(notes[0], (State::Held, "recorded".to_owned()));
    assert_eq!(notes.last().unwrap(), &(State::ToFetch, "completed".to_owned()));
    let asks = [EngineRequest::Read(id(1)), EngineRequest::ReadAll, EngineRequest::Fetch(id(1))];
    store.ask(&asks).unwrap();
    assert_eq!(store.take_engine_requests().unwrap(), asks);
    assert_eq!(store.take_engine_requests().unwrap(), []);
    assert_eq!(store.screen_state().unwrap(), None);
    store.set_screen_state("sort=age").unwrap();
    assert_eq!(store.screen_state().unwrap().as_deref(), Some("sort=age"));
}

#[test]
fn jobs_are_found_by_the_beginning_of_their_id_and_the_end_of_their_task() {
    let mut store = with_approved(3);
    send(&mut store, 2, 1);
    one(&mut store, 2, accepted(2), 2);
    let ids = |text: &str| store.find(text).unwrap().iter().map(|job| job.id.bits()).collect::<Vec<_>>();
    assert_eq!(ids("00000002"), [2]);
    assert_eq!(ids("0000"), [1, 2, 3]);
    assert_eq!(ids(task(2).as_str()), [2]);
    assert_eq!(ids("TASK0002".to_lowercase().as_str()), [2]);
    assert_eq!(ids("%"), [0_u64; 0]);
    assert_eq!(ids(""), [0_u64; 0]);
}

#[test]
fn a_twin_is_the_newest_job_that_is_not_over_in_vain() {
    let mut store = Store::in_memory().unwrap();
    add(&mut store, &[new_job(1)], false, None, at(0)).unwrap();
    add(&mut store, &[new_job(5)], false, None, at(1)).unwrap();
    let image = ImageNumber::ALL[1];
    assert_eq!(store.duplicate(&JobKind::Enhance { source: draft(), image }).unwrap(), Some(id(5)));
    one(&mut store, 5, Update::Cancel, 2);
    assert_eq!(store.duplicate(&JobKind::Enhance { source: draft(), image }).unwrap(), Some(id(1)));
    assert_eq!(store.duplicate(&JobKind::Enhance { source: draft(), image: ImageNumber::ALL[2] }).unwrap(), None);
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
fn ten_thousand_jobs_are_written_and_read_in_one_go() {
    let mut store = Store::in_memory().unwrap();
    let requests: Vec<_> = (1..=10_000).map(new_job).collect();
    add(&mut store, &requests, false, Some(yes(10_000)), at(0)).unwrap();
    let jobs = store.jobs().unwrap();
    assert_eq!(jobs.len(), 10_000);
    assert!(jobs.is_sorted_by_key(|job| job.place));
    let progress = Progress { percent: None, seconds_left: Some(1), at: Some(at(1)) };
    let heard: Vec<_> = jobs.iter().map(|job| (job.id, progress)).collect();
    let before = store.changes_since(0).unwrap().revision;
    store.save_progress(&heard).unwrap();
    assert_eq!(store.changes_since(0).unwrap().revision, before, "nothing runs");
}

#[test]
fn an_import_never_brings_a_yes_that_could_spend() {
    let mut store = Store::in_memory().unwrap();
    let mut job = Job::new(id(1), JobKind::Enhance { source: draft(), image: ImageNumber::ALL[0] }, 1, at(0));
    let approval = Approval { seq: 9, price: price(), at: at(0), not_before: at(0) };
    job.apply(Update::Approve { approval, request: make(&job) }, at(0));
    store.import(&[job]).unwrap();
    assert_eq!(store.job(id(1)).unwrap().unwrap().phase, Phase::Held(HoldReason::You));
    assert!(matches!(send(&mut store, 1, 1), BeginSend::No(NotNow::NotReady)));
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
