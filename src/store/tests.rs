//! The store on real files and in memory, by subject; here is what the subjects share.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::job::{
    Approval, CapName, Caps, Charge, Credits, ErrorClass, Failure, HoldReason, IdempotencyKey, ImageNumber, JobKind, Model,
    PaidRequest, Phase, PriceLines, Prices, SavedFile, Tag, TaskId, TaskReport, TaskStatus,
};

mod files;
mod jobs;
mod money;

pub(super) fn at(second: i64) -> Timestamp {
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

pub(super) fn new_job(n: u64) -> NewJob {
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
pub(super) fn add(
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
    SendGuard { caps: Caps::default(), server_time: None, budget: None, prices: Prices::PUBLISHED, day_start: at(-3_600) }
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
