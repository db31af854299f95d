//! A job's life, from any updates in any order.

use jiff::Timestamp;
use mj_enhance::job::{
    Applied, Approval, Charge, Credits, ErrorClass, Failure, HoldReason, Job, Percent, Phase, SavedFile, State, Tag, TaskReport,
    TaskStatus, Update,
};

use super::bytes::Bytes;
use super::samples::{at, job, key, task};
use super::text::assert_clean;

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut job = job(1, State::Held);
    let mut now = at(0);
    let mut tasks = 0;
    while !bytes.is_empty() {
        now = now.checked_add(jiff::SignedDuration::from_secs(i64::from(bytes.byte()) * 60 - 600)).unwrap_or(now);
        let update = update(&mut bytes, now);
        let before = job.clone();
        let is_yes = matches!(update, Update::Approve { .. });
        let starts = matches!(update, Update::SendStarted { .. });
        let name = format!("{update:?}");
        let applied = job.apply(update, now);
        check(&before, &job, &applied, is_yes, starts, &name);
        if before.task.is_none() && job.task.is_some() {
            tasks += 1;
        }
        assert!(tasks <= 1, "one command has one task");
    }
}

fn check(before: &Job, job: &Job, applied: &Applied, is_yes: bool, starts: bool, name: &str) {
    match applied {
        Applied::Ignored(why) => {
            assert!(!why.is_empty());
            assert_eq!(before, job, "{name} was ignored");
        }
        Applied::Changed(note) => assert_clean(note, "a note"),
    }
    let (from, to) = (before.state(), job.state());
    assert_eq!((before.id, &before.kind, before.created_at), (job.id, &job.kind, job.created_at));
    // Money: nothing is sent without a yes, and a paid command keeps its key and its bytes.
    if to == State::Sending && from != State::Sending {
        assert!(job.approval.is_some() && job.send.is_some(), "{name} sends without a yes");
        assert!(starts || from == State::Unsure, "{name} sends from {from}");
    }
    if let (Some(old), Some(new)) = (&before.send, &job.send) {
        assert_eq!((&old.key, &old.body, old.first_at), (&new.key, &new.body, new.first_at), "{name} changes a paid command");
        assert!(new.attempts >= old.attempts && new.lost >= old.lost);
    }
    if before.send.is_some() && job.send.is_none() {
        assert!(is_yes && from == State::Held, "{name} forgets a paid command");
    }
    if matches!(to, State::Sending | State::Unsure | State::Running) {
        // A task that has ended, and whose links may come yet, may have told its charge already.
        let ended = job.state() == State::Running && job.finished_at.is_some();
        assert!(ended || job.charge == Some(Charge::Reserved), "{name}: what is open is reserved, not {:?}", job.charge);
    }
    assert!(job.spent() >= Credits::ZERO);
    // Final phases absorb what comes late; a dead link may be tried again.
    if from.is_final() && to != from {
        let link = before.failure().is_some_and(|failure| failure.class == ErrorClass::Link);
        assert!(from == State::Failed && to == State::ToFetch && link, "{name} wakes a {from} job to {to}");
    }
    if from.is_final() {
        assert_eq!(before.charge, job.charge, "{name} changes the money of what is over");
    }
    if matches!(to, State::Running | State::Unwatched | State::ToFetch | State::Fetching | State::Saved) {
        assert!(job.task.is_some(), "{name}: {to} without a task");
    }
    assert!(before.task.is_none() || before.task == job.task, "{name} changes the task");
    assert_eq!(to == State::Saved, job.saved_at.is_some(), "{name}");
    assert!(!job.removed || to.is_final() || to == State::Unwatched, "{name}: {to} and off the list");
    if let Some(reason) = job.reason() {
        assert_clean(&reason, "a reason");
    }
    if let Phase::Unsure(doubt) = &job.phase {
        assert!(doubt.looked || doubt.candidates.is_empty(), "{name}: found without looking");
    }
}

fn failure(bytes: &mut Bytes<'_>) -> Failure {
    use ErrorClass::{BadRequest, Balance, Final, KeyDaily, Link, Passing};
    let class = bytes.pick(&[Balance, BadRequest, Final, Link, Passing, KeyDaily]);
    let status = bytes.yes().then(|| 100 + u16::from(bytes.byte()) * 2);
    Failure { status, ..Failure::new(class, &bytes.text(20), &bytes.text(20)) }
}

fn report(bytes: &mut Bytes<'_>) -> Box<TaskReport> {
    use TaskStatus::{Cancelled, Completed, Failed, Pending, Processing};
    let status = bytes.pick(&[Completed, Processing, Pending, Failed, Cancelled, TaskStatus::Other("parked".to_owned())]);
    let mut report = TaskReport::new(task(u64::from(bytes.byte() % 2)), status);
    let flags = bytes.byte();
    report.percent = Percent::new(i64::from(flags));
    report.seconds_left = (flags & 1 != 0).then_some(u32::from(flags));
    report.links = (0..flags & 3).map(|n| format!("https://files.example.org/{n}.png")).collect();
    report.used = (flags & 4 != 0).then(|| Credits::from_uc(i64::from(bytes.byte()) * 1_000));
    report.reserved = (flags & 8 != 0).then(|| Credits::from_uc(i64::from(bytes.byte()) * 1_000));
    report.failure = (flags & 16 != 0).then(|| Failure::of_task(&bytes.text(30), &bytes.text(30)));
    Box::new(report)
}

/// The doors to a running job are named more often, so that long lives are common.
fn update(bytes: &mut Bytes<'_>, now: Timestamp) -> Update {
    match bytes.below(40) {
        0..=3 => Update::Approve {
            approval: Approval {
                seq: u64::from(bytes.byte()),
                price: Credits::from_uc(i64::from(bytes.byte()) * 1_000),
                at: now,
                not_before: now,
            },
            request: super::samples::request(u64::from(bytes.byte())),
        },
        4..=7 => Update::SendStarted { key: key(u64::from(bytes.byte())), body: bytes.text(10), server_time: None },
        8..=10 => Update::Accepted { report: report(bytes), replayed: bytes.yes() },
        11..=14 => Update::Reported(report(bytes)),
        15 => Update::SendRepeated { server_time: None },
        16 => Update::AnswerLost(Failure::new(ErrorClass::Network, "reset", &bytes.text(20))),
        17 => Update::PutBack(Failure::new(ErrorClass::RateLimited, "busy", &bytes.text(20))),
        18 => Update::Refused(failure(bytes)),
        19 => Update::Rejected(failure(bytes)),
        20 => Update::RepeatsUsedUp(bytes.text(20).as_str().into()),
        21 => Update::ListRead { candidates: (0..bytes.byte() % 3).map(|n| task(u64::from(n))).collect(), server_time: None },
        22 => Update::Recheck,
        23 => Update::SendAgainSameKey { server_time: None },
        24 => Update::Adopted(task(u64::from(bytes.byte() % 2))),
        25 => Update::Vanished,
        26 => Update::FetchStarted,
        27 => Update::FetchTroubled(bytes.text(20)),
        28 => Update::FetchFailed(failure(bytes)),
        29 => Update::Saved(
            (0..bytes.byte() % 3)
                .map(|n| SavedFile { path: format!("/r/{n}").into(), sha256: "0".repeat(64), bytes: 1 })
                .collect(),
        ),
        30 => Update::FetchAgain,
        31 => Update::EngineStarted,
        32 => Update::Hold(match bytes.byte() % 3 {
            0 => HoldReason::You,
            1 => HoldReason::Source { found: "it is no draft".into() },
            _ => HoldReason::Price { agreed: Credits::ZERO, now: Credits::PUBLISHED_PRICE },
        }),
        33 => Update::Cancel,
        34 => Update::GiveUp,
        35 => Update::Unwatch,
        36 => Update::Watch,
        37 => Update::Retag(Tag::new(&bytes.text(10)).ok()),
        38 => Update::Move(bytes.odd_number()),
        _ => Update::Remove(bytes.yes()),
    }
}
