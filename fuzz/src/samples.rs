//! Jobs in every state, made by the way every job goes: updates.

use jiff::Timestamp;
use mj_enhance::job::{
    Approval, Credits, Failure, IdempotencyKey, ImageNumber, Job, JobId, JobKind, PaidRequest, Percent, Progress, SavedFile,
    State, Tag, TaskId, TaskReport, TaskStatus, Update,
};

/// A moment, in seconds after the beginning of the samples' time: 2026-11-22 14:00:00 UTC.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_356_000 + seconds.clamp(-1_000_000_000, 1_000_000_000)).expect("a moment within range")
}

pub fn task(n: u64) -> TaskId {
    TaskId::new(&format!("task-unified-1795355900-t{n:07}")).expect("a task id")
}

pub fn draft(n: u64) -> TaskId {
    TaskId::new(&format!("task-unified-1790000100-d{n:07}")).expect("a task id")
}

/// A job in a state.
pub fn job(n: u64, state: State) -> Job {
    let image = ImageNumber::ALL[usize::try_from(n % 4).expect("small")];
    let mut job = Job::new(
        JobId::from_bits(0x00ab_0000_0000 + n),
        JobKind::Enhance { source: draft(n / 4), image },
        i64::try_from(n).expect("small") * 10,
        at(-600),
    );
    job.tag = n.is_multiple_of(3).then(|| Tag::new("sunset").expect("a tag"));
    job.revision = n + 1;
    for update in way(n, state) {
        job.apply(update, at(-60));
    }
    assert_eq!(job.state(), state, "the way of the samples leads where it should");
    job
}

/// One job for every state, `count` in all.
pub fn jobs(count: u64) -> Vec<Job> {
    (0..count).zip(State::ALL.into_iter().cycle()).map(|(n, state)| job(n, state)).collect()
}

/// The request of the n-th job.
pub fn request(n: u64) -> PaidRequest {
    PaidRequest { key: key(n), body: "{}".to_owned() }
}

fn way(n: u64, state: State) -> Vec<Update> {
    let price = Credits::PUBLISHED_PRICE;
    let approval = Approval { seq: 1, price, at: at(-500), not_before: at(-495) };
    let approve = Update::Approve { approval, request: request(n) };
    let send = Update::SendStarted { key: key(n), body: "{}".to_owned(), server_time: None };
    let mut report = TaskReport::new(task(n), TaskStatus::Processing);
    report.percent = Percent::new(42);
    report.seconds_left = Some(70);
    report.reserved = Some(price);
    let accept = Update::Accepted { report: Box::new(report.clone()), replayed: false };
    let ended = |status: TaskStatus| {
        let mut report = report.clone();
        report.links = vec![format!("https://files.example.org/r/{n}.png")];
        report.used = Some(price);
        if status == TaskStatus::Failed {
            report.failure = Some(Failure::of_task("content_policy_violation", "refused by moderation"));
        }
        report.status = status;
        Update::Reported(Box::new(report))
    };
    let running = [approve.clone(), send.clone(), accept];
    let done = |more: &[Update]| [running.as_slice(), &[ended(TaskStatus::Completed)], more].concat();
    match state {
        State::Held => vec![],
        State::Waiting => vec![approve],
        State::Sending => vec![approve, send],
        State::Unsure => {
            vec![
                approve,
                send,
                Update::RepeatsUsedUp("no answer within 30 s".into()),
                Update::ListRead { candidates: vec![task(n), task(n + 1)], server_time: None },
            ]
        }
        State::Running => running.to_vec(),
        State::ToFetch => done(&[Update::FetchTroubled("the line was cut".to_owned())]),
        State::Fetching => done(&[Update::FetchStarted]),
        State::Saved => done(&[Update::Saved(vec![SavedFile {
            path: format!("/data/results/{n}.png").into(),
            sha256: "ab".repeat(32),
            bytes: 3_141_592,
        }])]),
        State::Failed => [running.as_slice(), &[ended(TaskStatus::Failed)]].concat(),
        State::Cancelled => vec![Update::Cancel],
        State::Unwatched => [running.as_slice(), &[Update::Unwatch]].concat(),
    }
}

pub fn key(n: u64) -> IdempotencyKey {
    let mut rng = [7; 16];
    rng[..8].copy_from_slice(&n.to_le_bytes());
    IdempotencyKey::from_random(rng)
}

pub fn progress(percent: u8) -> Progress {
    Progress { percent: Percent::new(i64::from(percent)), seconds_left: Some(u32::from(percent)), at: Some(at(0)) }
}
