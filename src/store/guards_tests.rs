//! What the writing transaction refuses, and that it asks by index.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::job::{
    CapName, Caps, Charge, Credits, ErrorClass, Failure, HoldReason, IdempotencyKey, ImageNumber, JobKind, Model, PaidRequest,
    Phase, PriceLines, Prices, Prompt, TaskId, TaskReport, TaskStatus,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn id(n: u64) -> JobId {
    JobId::from_bits(n)
}

fn price() -> Credits {
    Credits::PUBLISHED_PRICE
}

fn draft(n: u64) -> TaskId {
    TaskId::new(&format!("task-unified-1-draft{n}")).unwrap()
}

fn task(n: u64) -> TaskId {
    TaskId::new(&format!("task-unified-2-task{n}")).unwrap()
}

fn make(job: &Job) -> PaidRequest {
    let mut bytes = [7; 16];
    bytes[..8].copy_from_slice(&job.id.bits().to_le_bytes());
    PaidRequest { key: IdempotencyKey::from_random(bytes), body: job.kind.body(None) }
}

fn new_job(n: u64) -> NewJob {
    NewJob { id: id(n), kind: JobKind::Enhance { source: draft(n), image: ImageNumber::ALL[0] }, tag: None, again_of: None }
}

fn consent(count: usize) -> Consent {
    Consent { lines: PriceLines::one(Model::Enhance, count, price()), grace: Duration::ZERO }
}

fn approved(store: &mut Store, numbers: std::ops::RangeInclusive<u64>) {
    let new: Vec<NewJob> = numbers.map(new_job).collect();
    let added = store.add(&new, AddRules::default(), Some(consent(new.len())), &mut make, at(0)).unwrap();
    assert_eq!(added.jobs.len(), new.len());
}

fn guard() -> SendGuard {
    SendGuard { caps: Caps::default(), server_time: None, budget: None, prices: Prices::PUBLISHED, day_start: at(-3_600) }
}

fn send(store: &mut Store, n: u64, when: i64) -> BeginSend {
    store.begin_send(id(n), IdempotencyKey::from_random([255; 16]), "spare", &guard(), at(when)).unwrap()
}

fn apply(store: &mut Store, n: u64, update: Update, when: i64) -> Job {
    store.apply(vec![(id(n), update)], at(when)).unwrap().remove(0).0
}

fn accepted(task: TaskId) -> Update {
    Update::Accepted { report: Box::new(TaskReport::new(task, TaskStatus::Pending)), replayed: false }
}

fn unsure(store: &mut Store, n: u64, when: i64) {
    assert!(matches!(send(store, n, when), BeginSend::Go(_)));
    apply(store, n, Update::AnswerLost(Failure::new(ErrorClass::Server, "reset", "")), when);
    apply(store, n, Update::RepeatsUsedUp("reset".into()), when);
    apply(store, n, Update::ListRead { candidates: vec![], server_time: None }, when + 1);
}

#[test]
fn a_cap_a_price_and_a_pause_that_another_process_wrote_bind_the_very_next_send() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = Store::open(folder.path(), Access::ReadWrite).unwrap();
    let mut other = Store::open(folder.path(), Access::ReadWrite).unwrap();
    approved(&mut engine, 1..=5);
    assert!(matches!(send(&mut engine, 1, 1), BeginSend::Go(_)));
    // The engine has not read this: its guard knows of no cap.
    other.change_settings(&mut |settings| settings.cap_day = Some(Some(price()))).unwrap();
    let held = send(&mut engine, 2, 2);
    assert!(matches!(held, BeginSend::Held(_, HoldReason::Cap { cap: CapName::Day, limit }) if limit == price()), "{held:?}");
    other.change_settings(&mut |settings| settings.cap_day = Some(None)).unwrap();
    let dearer = Seen { amount: Credits::from_uc(81_000), at: at(3), there: None };
    other.change_settings(&mut |settings| settings.set_price(Model::Enhance, dearer)).unwrap();
    assert!(matches!(send(&mut engine, 3, 3), BeginSend::Held(_, HoldReason::Price { .. })));
    other.change_settings(&mut |settings| settings.set_price(Model::Enhance, Seen { amount: price(), ..dearer })).unwrap();
    other.change_settings(&mut |settings| settings.paused = Some(PauseReason::You)).unwrap();
    assert_eq!(send(&mut engine, 4, 4), BeginSend::No(NotNow::Paused));
    other.change_settings(&mut |settings| settings.paused = None).unwrap();
    other.raise_approval_floor().unwrap();
    assert_eq!(send(&mut engine, 5, 5), BeginSend::No(NotNow::OlderThanFloor));
}

#[test]
fn what_a_run_may_spend_is_kept_with_its_approval_and_binds_whoever_takes_over() {
    let mut store = Store::in_memory().unwrap();
    approved(&mut store, 1..=4);
    let budget = store.open_budget(price() * 2, at(1)).unwrap();
    let all: Vec<JobId> = (1..=4).map(id).collect();
    store.approve(&all, consent(4), Some(budget), &mut make, at(2)).unwrap();
    assert!(matches!(send(&mut store, 1, 3), BeginSend::Go(_)));
    assert!(matches!(send(&mut store, 2, 4), BeginSend::Go(_)));
    // No run has a memory of it any more: the guard names no limit.
    let held = send(&mut store, 3, 5);
    assert!(matches!(held, BeginSend::Held(_, HoldReason::Cap { cap: CapName::MaxCredits, limit }) if limit == price() * 2));
    // What surely was not taken makes room again, a confirmation of its own needs none.
    apply(&mut store, 2, Update::PutBack(Failure::new(ErrorClass::Server, "429", "")), 6);
    assert!(matches!(send(&mut store, 4, 7), BeginSend::Go(_)));
    assert!(matches!(send(&mut store, 2, 8), BeginSend::Held(_, HoldReason::Cap { cap: CapName::MaxCredits, .. })));
    store.approve(&[id(3)], consent(1), None, &mut make, at(9)).unwrap();
    assert!(matches!(send(&mut store, 3, 10), BeginSend::Go(_)));
}

#[test]
fn what_a_run_sends_counts_for_its_limit_whoever_confirmed_it_and_with_what_was_really_charged() {
    let mut store = Store::in_memory().unwrap();
    approved(&mut store, 1..=4);
    let budget = store.open_budget(price() * 3, at(1)).unwrap();
    let run = SendGuard { budget: Some(budget), ..guard() };
    let begin = |store: &mut Store, n: u64, when: i64| {
        store.begin_send(id(n), IdempotencyKey::from_random([u8::try_from(n).unwrap(); 16]), "{}", &run, at(when)).unwrap()
    };
    // None of them was approved under the limit: a dashboard confirmed them while the run was at work.
    assert!(matches!(begin(&mut store, 1, 2), BeginSend::Go(_)));
    apply(&mut store, 1, accepted(task(1)), 3);
    let mut report = TaskReport::new(task(1), TaskStatus::Completed);
    (report.used, report.links) = (Some(price() + Credits::from_uc(1)), vec!["https://files.example/a.png".into()]);
    apply(&mut store, 1, Update::Reported(Box::new(report)), 4);
    assert!(matches!(begin(&mut store, 2, 5), BeginSend::Go(_)));
    let held = begin(&mut store, 3, 6);
    assert!(matches!(held, BeginSend::Held(_, HoldReason::Cap { cap: CapName::MaxCredits, limit }) if limit == price() * 3));
    // What is unsure goes out again without counting twice.
    apply(&mut store, 2, Update::RepeatsUsedUp("lost".into()), 7);
    apply(&mut store, 2, Update::ListRead { candidates: Vec::new(), server_time: None }, 8);
    assert!(matches!(store.begin_resend(id(2), &run, at(9)).unwrap(), BeginSend::Go(_)));
    // One that an earlier run sent counts for this one when it goes out again.
    let next = store.open_budget(price() - Credits::from_uc(1), at(10)).unwrap();
    apply(&mut store, 2, Update::RepeatsUsedUp("lost".into()), 11);
    apply(&mut store, 2, Update::ListRead { candidates: Vec::new(), server_time: None }, 12);
    let short = store.begin_resend(id(2), &SendGuard { budget: Some(next), ..guard() }, at(13)).unwrap();
    assert!(matches!(short, BeginSend::No(NotNow::Hold(HoldReason::Cap { cap: CapName::MaxCredits, .. }))));
}

#[test]
fn an_unsure_job_goes_out_again_only_at_the_confirmed_price_and_within_the_caps() {
    let mut store = Store::in_memory().unwrap();
    approved(&mut store, 1..=3);
    unsure(&mut store, 1, 1);
    let resend = |store: &mut Store, guard: &SendGuard, when: i64| store.begin_resend(id(1), guard, at(when)).unwrap();
    let dearer = SendGuard { prices: Prices::each(|_| Credits::from_uc(81_000)), ..guard() };
    assert!(matches!(resend(&mut store, &dearer, 5), BeginSend::No(NotNow::Hold(HoldReason::Price { .. }))));
    // Its own first attempt is in the sums, and is not counted twice.
    let one = SendGuard { caps: Caps { day: Some(price()), session: Some(price()) }, ..guard() };
    assert!(matches!(send(&mut store, 2, 6), BeginSend::Go(_)));
    assert!(matches!(resend(&mut store, &one, 7), BeginSend::No(NotNow::Hold(HoldReason::Cap { .. }))));
    apply(&mut store, 2, Update::PutBack(Failure::new(ErrorClass::Server, "429", "")), 8);
    // On the next day it counts there.
    let tomorrow = SendGuard { day_start: at(80_000), ..one };
    assert!(matches!(resend(&mut store, &tomorrow, 80_001), BeginSend::Go(_)));
    assert_eq!(store.spent(at(80_002), at(80_000), at(0)).unwrap().day, price());
    assert_eq!(store.begin_resend(id(3), &guard(), at(80_003)).unwrap(), BeginSend::No(NotNow::NotReady));
}

#[test]
fn a_task_that_the_store_has_ever_known_is_given_to_no_other_job() {
    let mut store = Store::in_memory().unwrap();
    approved(&mut store, 1..=5);
    send(&mut store, 1, 1);
    apply(&mut store, 1, accepted(task(1)), 2);
    apply(&mut store, 1, Update::Reported(Box::new(TaskReport::new(task(1), TaskStatus::Failed))), 3);
    assert_eq!(store.prune(at(100), false).unwrap(), [id(1)]);
    assert_eq!(store.task_owner(&task(1)).unwrap(), Some(id(1)), "pruned, and still known");
    assert!(store.task_is_known(&task(1), Model::Enhance).unwrap() && store.task_is_known(&draft(2), Model::Enhance).unwrap());
    assert!(!store.task_is_known(&task(2), Model::Enhance).unwrap());
    for (n, foreign) in [(2, task(1)), (3, draft(4))] {
        send(&mut store, n, 10);
        let job = apply(&mut store, n, accepted(foreign.clone()), 11);
        assert_eq!((job.state(), job.task), (State::Unsure, None), "{foreign}: such an answer counts as lost");
        let (job, applied) = store.apply(vec![(id(n), Update::Adopted(foreign))], at(12)).unwrap().remove(0);
        assert_eq!((job.state(), applied.changed()), (State::Unsure, false));
    }
    let job = apply(&mut store, 2, Update::Adopted(task(2)), 13);
    assert_eq!((job.state(), store.task_owner(&task(2)).unwrap()), (State::Running, Some(id(2))));
}

#[test]
fn a_check_that_cannot_be_read_means_no() {
    let mut store = Store::in_memory().unwrap();
    approved(&mut store, 1..=1);
    store.db.execute_batch("ALTER TABLE tasks RENAME TO elsewhere").unwrap();
    assert!(store.task_owner(&task(1)).is_err() && store.task_is_known(&task(1), Model::Enhance).is_err());
    store.db.execute_batch("ALTER TABLE ledger RENAME TO away").unwrap();
    let caps = Caps { day: Some(price()), session: None };
    let key = IdempotencyKey::from_random([1; 16]);
    assert!(store.begin_send(id(1), key, "{}", &SendGuard { caps, ..guard() }, at(1)).is_err());
    assert_eq!(store.job(id(1)).unwrap().unwrap().state(), State::Waiting);
}

#[test]
fn a_result_is_taken_up_again_also_when_its_picture_has_a_newer_job() {
    let mut store = Store::in_memory().unwrap();
    approved(&mut store, 1..=1);
    send(&mut store, 1, 1);
    apply(&mut store, 1, accepted(task(1)), 2);
    apply(&mut store, 1, Update::Vanished, 3);
    let again = NewJob { id: id(2), again_of: Some(id(1)), ..new_job(1) };
    let added = store.add(&[again], AddRules::default(), Some(consent(1)), &mut make, at(4)).unwrap();
    assert_eq!(added.jobs.len(), 1);
    assert_eq!(apply(&mut store, 1, Update::FetchAgain, 5).state(), State::Running);
    let third = NewJob { id: id(3), ..new_job(1) };
    let refused = store.add(&[third], AddRules::default(), Some(consent(1)), &mut make, at(6)).unwrap();
    assert!(matches!(refused.left_out.as_slice(), [(0, Unavailable::Twice(_))]));
}

#[test]
fn a_live_picture_has_one_job_whatever_code_writes_it() {
    let mut store = Store::in_memory().unwrap();
    approved(&mut store, 1..=2);
    let error = store.db.execute("UPDATE jobs SET source = ?1", params![draft(1).as_str()]).unwrap_err();
    assert!(error.to_string().contains("UNIQUE"), "{error}");
    let error = store.db.execute("UPDATE jobs SET task = 'task-unified-9-x'", []).unwrap_err();
    assert!(error.to_string().contains("UNIQUE"), "{error}");
}

/// A store of the version before, with two jobs that have one task and two live jobs for one picture.
fn store_with_doubles(folder: &Path) {
    let db = Connection::open(folder.join("mj-enhance.db")).unwrap();
    for step in &schema::STEPS[..3] {
        db.execute_batch(step).unwrap();
    }
    db.pragma_update(None, "application_id", schema::APPLICATION_ID).unwrap();
    db.pragma_update(None, "user_version", 3).unwrap();
    let insert = |n: i64, source: &str, state: &str, task: Option<&str>, key: Option<&str>, charge: &str| {
        let sent = key.map(|_| 1);
        db.execute(
            "INSERT INTO jobs (id, source, image, place, state, created_at, send_key, send_body, send_agreed, send_first_at,
                 send_last_at, send_attempts, send_lost, send_cleared, stop_wish, source_confirmed, task, charge, removed, revision)
             VALUES (?1, ?2, 0, ?1, ?3, ?1, ?4, CASE WHEN ?5 IS NULL THEN NULL ELSE '{}' END, ?5, ?5, ?5, ?5, CASE WHEN ?5 IS NULL
                 THEN NULL ELSE 0 END, CASE WHEN ?5 IS NULL THEN NULL ELSE 0 END, 0, 0, ?6, ?7, 0, 1)",
            params![n, source, state, key, sent, task, charge],
        )
        .unwrap();
        if let Some(key) = key {
            let row = params![key, n, charge];
            db.execute("INSERT INTO ledger (key, job, at, amount, charge) VALUES (?1, ?2, 1, 1, ?3)", row).unwrap();
        }
    };
    let shared = Some("task-unified-2-shared");
    insert(1, "task-unified-1-a", "saved", shared, Some("key-of-sixteen-1"), "given back");
    insert(2, "task-unified-1-b", "running", shared, Some("key-of-sixteen-2"), "reserved");
    insert(3, "task-unified-1-c", "running", shared, None, "reserved");
    insert(4, "task-unified-1-d", "saved", shared, Some("key-of-sixteen-4"), "charged");
    insert(5, "task-unified-1-a", "saved", None, None, "charged");
    insert(6, "task-unified-1-e", "cancelled", None, None, "charged");
    insert(7, "task-unified-1-e", "saved", None, None, "charged");
}

#[test]
fn an_older_store_with_doubles_opens_and_says_what_became_of_them() {
    let folder = tempfile::tempdir().unwrap();
    store_with_doubles(folder.path());
    let store = Store::open(folder.path(), Access::ReadWrite).unwrap();
    let job = |n: u64| store.job(id(n)).unwrap().unwrap();
    let shared = TaskId::new("task-unified-2-shared").unwrap();
    assert_eq!((job(1).state(), job(1).task, job(1).charge), (State::Saved, Some(shared.clone()), Some(Charge::Refunded)));
    assert!(matches!(&job(2).phase, Phase::Unsure(doubt) if !doubt.looked && doubt.candidates.is_empty()));
    let send = job(2).send.unwrap();
    assert_eq!((job(2).task, job(2).charge, send.lost), (None, Some(Charge::NotKnown), 1));
    assert_eq!((job(3).state(), job(3).task), (State::Unwatched, None), "there is no request to look for");
    assert_eq!((job(4).state(), job(4).task), (State::Saved, None), "what is over stays as it is");
    assert_eq!(store.task_owner(&shared).unwrap(), Some(id(1)));
    for n in 2..=4 {
        assert!(store.timeline(id(n)).unwrap()[0].note.contains("belongs to another job"), "{n}");
    }
    assert_eq!(store.ledger_rows().unwrap()[0].charge, Some(Charge::Refunded));
    let again = |n: i64| store.db.query_row("SELECT again FROM jobs WHERE id = ?1", [n], |row| row.get::<_, bool>(0)).unwrap();
    assert_eq!([1, 5, 6, 7].map(again), [false, true, false, false]);
}

#[test]
fn no_question_on_the_way_of_a_send_reads_all_jobs() {
    let store = Store::in_memory().unwrap();
    for sql in [
        "SELECT job FROM tasks WHERE task = ?1",
        "SELECT EXISTS (SELECT 1 FROM jobs WHERE source = ?1)",
        "SELECT EXISTS (SELECT 1 FROM jobs WHERE request_key = ?1 AND id <> ?2)
             OR EXISTS (SELECT 1 FROM jobs WHERE send_key = ?1 AND id <> ?2)",
        "SELECT id FROM jobs WHERE source = ?1 AND image = ?2 AND NOT (state IN ('failed', 'cancelled'))
             ORDER BY created_at DESC, place DESC LIMIT 1",
        "SELECT id FROM jobs WHERE prompt = ?1 AND NOT (state IN ('saved', 'failed', 'cancelled'))
             ORDER BY created_at DESC, place DESC LIMIT 1",
        "SELECT COUNT(*), MAX(saved_at) FROM jobs WHERE prompt = ?1 AND state = 'saved'",
        "SELECT EXISTS (SELECT 1 FROM ledger WHERE key = ?1 AND job <> ?2)",
        "SELECT COALESCE(SUM(amount), 0) FROM ledger WHERE charge IS NOT NULL AND at >= ?1",
        "SELECT COALESCE(SUM(amount), 0) FROM ledger WHERE budget = ?1 AND budget IS NOT NULL AND charge IS NOT NULL",
        "SELECT budget FROM approvals WHERE seq = ?1",
        "SELECT * FROM jobs WHERE state = 'cancelled' AND send_key IS NOT NULL AND finished_at >= ?1 ORDER BY finished_at",
        "SELECT MIN(place) FROM jobs",
        "SELECT MAX(place) FROM jobs",
        "SELECT place, id FROM jobs WHERE NOT (state IN ('saved', 'failed', 'cancelled', 'unwatched'))
             AND +state IN ('waiting', 'held') ORDER BY place, id",
        "UPDATE jobs SET place = 1 WHERE id = ?1",
    ] {
        let mut statement = store.db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let count = statement.parameter_count();
        let plan: Vec<String> = statement
            .query_map(rusqlite::params_from_iter(vec![1_i64; count]), |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let bare = plan.iter().find(|step| step.starts_with("SCAN") && !step.contains("INDEX") && !step.contains("CONSTANT"));
        assert_eq!(bare, None, "{sql}: {plan:?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{sql}: {plan:?}");
    }
}

#[test]
fn a_refused_request_keeps_its_key_while_the_gateway_may_know_it_and_gets_another_a_day_later() {
    let mut store = Store::in_memory().unwrap();
    approved(&mut store, 1..=1);
    let refused = || Update::Refused(Failure::new(ErrorClass::Balance, "insufficient_quota", ""));
    let BeginSend::Go(first) = send(&mut store, 1, 1) else { panic!() };
    apply(&mut store, 1, refused(), 2);
    let fresh = PaidRequest { key: IdempotencyKey::from_random([42; 16]), body: "{}".to_owned() };
    // A copy of the store that was made before the refusal may send the first key: then one task serves both.
    store.approve(&[id(1)], consent(1), None, &mut |_| fresh.clone(), at(3)).unwrap();
    let BeginSend::Go(second) = send(&mut store, 1, 4) else { panic!() };
    assert_eq!(first.send.unwrap().key, second.send.unwrap().key);
    apply(&mut store, 1, refused(), 5);
    let next_day = 1 + 86_400;
    store.approve(&[id(1)], consent(1), None, &mut |_| fresh.clone(), at(next_day)).unwrap();
    let BeginSend::Go(third) = send(&mut store, 1, next_day + 1) else { panic!() };
    assert_eq!(third.send.unwrap().key, fresh.key);
}

#[test]
fn jobs_that_were_given_up_are_known_for_a_while_and_others_are_not_among_them() {
    let mut store = Store::in_memory().unwrap();
    approved(&mut store, 1..=3);
    for n in 1..=2 {
        unsure(&mut store, n, 1);
    }
    apply(&mut store, 1, Update::GiveUp, 10);
    apply(&mut store, 3, Update::Cancel, 10);
    let ids = |since: i64| store.given_up(at(since)).unwrap().iter().map(|job| job.id).collect::<Vec<_>>();
    assert_eq!((ids(10), ids(11)), (vec![id(1)], vec![]));
}

#[test]
fn what_was_given_up_is_not_pruned_while_its_task_may_be_taken_for_anothers() {
    const DAY: i64 = 86_400;
    let mut store = Store::in_memory().unwrap();
    approved(&mut store, 1..=3);
    unsure(&mut store, 1, 1);
    apply(&mut store, 1, Update::GiveUp, 10);
    apply(&mut store, 3, Update::Cancel, 10);
    assert_eq!(store.prune(at(20), false).unwrap(), [id(3)], "what never left goes at once");
    assert_eq!(store.given_up(at(0)).unwrap().len(), 1);
    // The request of the second first left before the first was given up, and it may be asked about for days.
    assert!(matches!(send(&mut store, 2, 5), BeginSend::Go(_)));
    apply(&mut store, 2, Update::PutBack(Failure::new(ErrorClass::RateLimited, "429", "")), 6);
    assert!(store.prune(at(3 * DAY), false).unwrap().is_empty());
    apply(&mut store, 2, Update::Cancel, 3 * DAY);
    assert!(store.prune(at(DAY), false).unwrap().is_empty(), "a day after it ended");
    assert_eq!(store.prune(at(DAY + 11), false).unwrap(), [id(1)]);
}

fn draft_job(n: u64, prompt: &str) -> NewJob {
    let kind = JobKind::Draft { prompt: Prompt::new(prompt).unwrap(), template: Some(format!("{{{prompt}}}")) };
    NewJob { id: id(n), kind, tag: None, again_of: None }
}

fn both(drafts: usize, enhances: usize) -> Consent {
    let lines = PriceLines::new(&Prices::PUBLISHED, |model| if model == Model::Draft { drafts } else { enhances });
    Consent { lines, grace: Duration::ZERO }
}

#[test]
fn a_store_of_the_version_before_drafts_opens_with_every_job_and_time_line() {
    let folder = tempfile::tempdir().unwrap();
    let db = Connection::open(folder.path().join("mj-enhance.db")).unwrap();
    db.pragma_update(None, "foreign_keys", true).unwrap();
    for step in &schema::STEPS[..5] {
        db.execute_batch(step).unwrap();
    }
    db.pragma_update(None, "application_id", schema::APPLICATION_ID).unwrap();
    db.pragma_update(None, "user_version", 5).unwrap();
    for (n, state) in [(1, "held"), (2, "saved"), (3, "cancelled")] {
        let row = params![n, format!("task-unified-1-{n}"), state];
        db.execute(
            "INSERT INTO jobs (id, source, image, place, state, created_at, stop_wish, source_confirmed, removed, revision)
             VALUES (?1, ?2, 3, ?1, ?3, ?1, 0, 0, 0, 1)",
            row,
        )
        .unwrap();
        db.execute("INSERT INTO timeline (job, at, state, note) VALUES (?1, 1, 'held', 'recorded')", [n]).unwrap();
        db.execute("INSERT INTO answers (job, raw) VALUES (?1, '{}')", [n]).unwrap();
    }
    let settings = r#"{"price":{"amount":"5.2","at":"2026-11-22T14:00:00Z"},"published_price":"5.4"}"#;
    db.execute("UPDATE meta SET settings = ?1", [settings]).unwrap();
    db.execute("INSERT INTO approvals (at, price, count, not_before) VALUES (1, 54000, 1, 1)", []).unwrap();
    drop(db);
    let mut store = Store::open(folder.path(), Access::ReadWrite).unwrap();
    for n in 1..=3 {
        let kind = JobKind::Enhance { source: TaskId::new(&format!("task-unified-1-{n}")).unwrap(), image: ImageNumber::ALL[3] };
        assert_eq!(store.job(id(n)).unwrap().unwrap().kind, kind);
        assert_eq!(store.timeline(id(n)).unwrap().len(), 1, "{n}");
        assert_eq!(store.raw_answer(id(n)).unwrap().as_deref(), Some("{}"));
    }
    let settings = store.settings().unwrap();
    let five_two = "5.2".parse().unwrap();
    assert_eq!(settings.prices(), Prices { enhance: five_two, ..Prices::PUBLISHED });
    assert_eq!((settings.published_price(Model::Enhance), settings.published_price(Model::Draft)), (Some(price()), None));
    let added = store
        .add(&[NewJob { id: id(9), ..new_job(1) }, draft_job(10, "old pier")], AddRules::default(), None, &mut make, at(5))
        .unwrap();
    assert_eq!(added.jobs.len(), 2, "both kinds go in: {added:?}");
    drop(store);
    let store = Store::open(folder.path(), Access::ReadWrite).unwrap();
    assert_eq!(store.job(id(10)).unwrap().unwrap().kind, draft_job(10, "old pier").kind);
}

#[test]
fn a_prompt_is_twice_while_it_is_on_its_way_and_in_one_batch_and_not_once_it_is_saved() {
    let mut store = Store::in_memory().unwrap();
    let rules = AddRules::default();
    let batch = [draft_job(1, "old pier"), draft_job(2, "old pier"), draft_job(3, "Old pier")];
    let added = store.add(&batch, rules, Some(both(3, 0)), &mut make, at(0)).unwrap();
    assert_eq!((added.jobs.len(), &added.left_out[..]), (2, &[(1, Unavailable::GivenTwice)][..]));
    let again = store.add(&[draft_job(4, "old pier")], rules, Some(both(1, 0)), &mut make, at(1)).unwrap();
    assert_eq!(again.left_out, [(0, Unavailable::Twice(id(1)))]);
    assert_eq!(store.duplicate(&draft_job(4, "old pier").kind).unwrap(), Some(id(1)));
    let wanted = AddRules { again: true, ..rules };
    store.add(&[draft_job(5, "old pier"), draft_job(6, "old pier")], wanted, Some(both(2, 0)), &mut make, at(1)).unwrap();
    let prompt = Prompt::new("old pier").unwrap();
    assert_eq!(store.made_before(&prompt).unwrap(), None);
    for n in [1, 5, 6] {
        let spare = IdempotencyKey::from_random([99; 16]);
        let BeginSend::Go(sent) = store.begin_send(id(n), spare, "", &guard(), at(2)).unwrap() else { panic!("{n}") };
        let paid = sent.send.as_ref().unwrap();
        assert_eq!((paid.agreed, &paid.body), (Credits::PUBLISHED_DRAFT_PRICE, &sent.kind.body(None)));
        let accepted = Box::new(TaskReport::new(task(n), TaskStatus::Pending));
        apply(&mut store, n, Update::Accepted { report: accepted, replayed: false }, 3);
        let mut report = TaskReport::new(task(n), TaskStatus::Completed);
        report.links = (0..3).map(|place| format!("https://files.example/{n}-{place}.png")).collect();
        apply(&mut store, n, Update::Reported(Box::new(report)), 3);
        apply(&mut store, n, Update::FetchStarted, 4);
        let file = crate::job::SavedFile { path: "/r/a.png".into(), sha256: "a".repeat(64), bytes: 1 };
        apply(&mut store, n, Update::Saved(vec![file; 3]), 4 + i64::try_from(n).unwrap());
    }
    assert_eq!(store.made_before(&prompt).unwrap(), Some(MadeBefore { times: 3, last: at(10) }));
    assert_eq!(store.job(id(1)).unwrap().unwrap().pictures_missing(), Some(1), "moderation took one");
    assert_eq!(store.duplicate(&draft_job(4, "old pier").kind).unwrap(), None, "saved ones block nothing");
    let added = store.add(&[draft_job(7, "old pier")], rules, Some(both(1, 0)), &mut make, at(20)).unwrap();
    assert_eq!(added.jobs.len(), 1);
    // A draft of ours is the source of an enhance, and stays the draft job's task.
    let picture = JobKind::Enhance { source: task(1), image: ImageNumber::ALL[1] };
    let enhance = NewJob { id: id(8), kind: picture, tag: None, again_of: None };
    assert_eq!(store.add(&[enhance], rules, None, &mut make, at(21)).unwrap().jobs.len(), 1);
    assert_eq!(store.task_owner(&task(1)).unwrap(), Some(id(1)));
    assert!(store.task_is_known(&draft(2), Model::Draft).is_ok_and(|known| !known));
}

#[test]
fn each_kind_has_its_own_price_and_all_count_against_the_same_caps() {
    let mut store = Store::in_memory().unwrap();
    let jobs = [draft_job(1, "one"), new_job(2), draft_job(3, "two"), new_job(4)];
    let few = store.add(&jobs, AddRules::default(), Some(both(3, 1)), &mut make, at(0)).unwrap_err();
    assert_eq!(few, StoreError::NotConfirmed { confirmed: 1, asked: 2 }, "drafts that were confirmed are no enhances");
    let added = store.add(&jobs, AddRules::default(), Some(both(2, 2)), &mut make, at(0)).unwrap();
    let prices: Vec<Credits> = added.jobs.iter().map(|job| job.approval.unwrap().price).collect();
    let draft_price = Credits::PUBLISHED_DRAFT_PRICE;
    assert_eq!(prices, [draft_price, price(), draft_price, price()]);
    let lines: String = store.db.query_row("SELECT lines FROM approvals", [], |row| row.get(0)).unwrap();
    assert_eq!(lines, r#"[{"kind":"enhance","count":2,"price":"5.4"},{"kind":"draft","count":2,"price":"2.7"}]"#);
    let caps = Caps { day: Some("10.8".parse().unwrap()), session: None };
    let mut begin = |n: u64| {
        let spare = IdempotencyKey::from_random([99; 16]);
        store.begin_send(id(n), spare, "", &SendGuard { caps, ..guard() }, at(1)).unwrap()
    };
    assert!(matches!(begin(1), BeginSend::Go(_)) && matches!(begin(2), BeginSend::Go(_)));
    assert!(matches!(begin(4), BeginSend::Held(_, HoldReason::Cap { .. })), "2.7 and 5.4 leave no room for 5.4");
    assert!(matches!(begin(3), BeginSend::Go(_)), "but for 2.7");
    assert_eq!(store.spent(at(1), at(-1), at(-1)).unwrap().day, "10.8".parse().unwrap());
    store.add(&[draft_job(5, "three"), new_job(6)], AddRules::default(), Some(both(1, 1)), &mut make, at(2)).unwrap();
    let dearer = Seen { amount: "3".parse().unwrap(), at: at(3), there: None };
    store.change_settings(&mut |settings| settings.set_price(Model::Draft, dearer)).unwrap();
    let mut begin = |n: u64| {
        let spare = IdempotencyKey::from_random([99; 16]);
        store.begin_send(id(n), spare, "", &guard(), at(3)).unwrap()
    };
    assert!(matches!(begin(5), BeginSend::Held(_, HoldReason::Price { .. })));
    assert!(matches!(begin(6), BeginSend::Go(_)), "the price of the other kind is what it was");
}
