//! What no sequence of updates may break.

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;

use super::charge::Charge;
use super::failure::{ErrorClass, Failure};
use super::id::{IdempotencyKey, ImageNumber, JobId, Tag, TaskId};
use super::life::{Applied, Approval, Job, SavedFile, Update};
use super::money::Credits;
use super::phase::{CancelledBy, CapName, FetchTrouble, HoldReason, Percent, Phase, Progress, State};
use super::report::{TaskReport, TaskStatus};
use super::request::PaidRequest;
use super::verdict::Verdict;

fn request(n: u8) -> PaidRequest {
    PaidRequest { key: IdempotencyKey::from_random([n; 16]), body: "{}".into() }
}

fn tasks() -> impl Strategy<Value = TaskId> {
    (0..3_u8).prop_map(|n| TaskId::new(&format!("task-unified-1790000000-{n}")).unwrap())
}

fn amounts() -> impl Strategy<Value = Credits> {
    (0..200_000_i64).prop_map(Credits::from_uc)
}

fn failures() -> impl Strategy<Value = Failure> {
    use ErrorClass::{BadRequest, Balance, Final, Link, Passing};
    (prop_oneof![Just(Balance), Just(BadRequest), Just(Final), Just(Link), Just(Passing)], any::<Option<u16>>())
        .prop_map(|(class, status)| Failure { status, ..Failure::new(class, "some_code", "some text") })
}

fn holds() -> impl Strategy<Value = HoldReason> {
    prop_oneof![
        Just(HoldReason::You),
        amounts().prop_map(|limit| HoldReason::Cap { cap: CapName::Day, limit }),
        (amounts(), amounts()).prop_map(|(agreed, now)| HoldReason::Price { agreed, now }),
        Just(HoldReason::Source { found: "it is no draft".into() }),
        failures().prop_map(HoldReason::Refused),
    ]
}

fn reports() -> impl Strategy<Value = Box<TaskReport>> {
    use TaskStatus::{Cancelled, Completed, Failed, Pending, Processing};
    let status = prop_oneof![Just(Pending), Just(Processing), Just(Completed), Just(Failed), Just(Cancelled)];
    (tasks(), status, 0..=100_i64, any::<Option<u32>>(), vec("https://[a-c]", 0..3), proptest::option::of(amounts())).prop_map(
        |(id, status, percent, seconds_left, links, used)| {
            Box::new(TaskReport { percent: Percent::new(percent), seconds_left, links, used, ..TaskReport::new(id, status) })
        },
    )
}

fn updates() -> impl Strategy<Value = Update> {
    let words = || "[ -~]{0,8}";
    let approval = (any::<u64>(), amounts()).prop_map(|(seq, price)| {
        let approval = Approval { seq, price, at: Timestamp::UNIX_EPOCH, not_before: Timestamp::UNIX_EPOCH };
        Update::Approve { approval, request: request(7) }
    });
    // The doors to a running job are named more often, so that long lives are common.
    let sent = prop_oneof![
        4 => approval,
        4 => any::<[u8; 16]>()
            .prop_map(|random| Update::SendStarted { key: IdempotencyKey::from_random(random), body: "{}".into(), server_time: None }),
        2 => (reports(), any::<bool>()).prop_map(|(report, replayed)| Update::Accepted { report, replayed }),
        4 => reports().prop_map(Update::Reported),
        1 => Just(Update::SendRepeated { server_time: None }),
        1 => failures().prop_map(Update::AnswerLost),
        1 => failures().prop_map(Update::PutBack),
        1 => failures().prop_map(Update::Refused),
        1 => failures().prop_map(Update::Rejected),
        1 => words().prop_map(|said| Update::RepeatsUsedUp(said.as_str().into())),
        2 => vec(tasks(), 0..2).prop_map(|candidates| Update::ListRead { candidates, server_time: None }),
        2 => Just(Update::SendAgainSameKey { server_time: None }),
        1 => tasks().prop_map(Update::Adopted),
    ];
    let local = prop_oneof![
        holds().prop_map(Update::Hold),
        Just(Update::Cancel),
        Just(Update::Uncancel),
        Just(Update::GiveUp),
        Just(Update::Unwatch),
        Just(Update::Watch),
        Just(Update::Vanished),
        Just(Update::FetchStarted),
        words().prop_map(Update::FetchTroubled),
        failures().prop_map(Update::FetchFailed),
        Just(Update::Saved(vec![SavedFile { path: "/a".into(), sha256: "0".repeat(64), bytes: 1 }])),
        Just(Update::FetchAgain),
        Just(Update::EngineStarted),
        proptest::option::of(Just(Tag::new("tag").unwrap())).prop_map(Update::Retag),
        proptest::option::of(prop_oneof![Just(Verdict::Kept), Just(Verdict::Rejected)]).prop_map(Update::Judge),
        any::<i64>().prop_map(Update::Move),
        any::<bool>().prop_map(Update::Remove),
    ];
    prop_oneof![2 => sent, 1 => local]
}

fn new_job() -> Job {
    let source = TaskId::new("task-unified-1790000000-draft").unwrap();
    Job::new(JobId::from_bits(1), crate::job::JobKind::Enhance { source, image: ImageNumber::ALL[0] }, 1, Timestamp::UNIX_EPOCH)
}

/// Holds one step against every rule.
fn check(before: &Job, update: &Update, applied: &Applied, after: &Job) {
    if matches!(applied, Applied::Ignored(_)) {
        assert_eq!(before, after, "what is ignored changes nothing: {update:?}");
        return;
    }
    let (from, to) = (before.state(), after.state());
    if from.is_final() && from != to {
        let passing = before.failure().is_some_and(Failure::is_passing_loss);
        let taken_up = matches!(update, Update::FetchAgain | Update::Watch) && from == State::Failed && passing;
        let uncancelled = matches!(update, Update::Uncancel) && before.phase == Phase::Cancelled(CancelledBy::You);
        assert!(taken_up || uncancelled, "{from} → {to} by {update:?}");
    }
    if matches!(from, State::Saved | State::Cancelled) {
        let fits = matches!(update, Update::Remove(_) | Update::Retag(_) | Update::Judge(_) | Update::Move(_) | Update::Uncancel);
        assert!(fits, "{from} took {update:?}");
    }
    if to == State::Sending {
        assert!(after.approval.is_some() && after.send.is_some(), "sending needs a yes, a key and a body");
    }
    if let Some(request) = &before.request {
        match (&after.request, &after.send) {
            (Some(later), _) => assert_eq!(request, later, "{update:?}"),
            (None, Some(send)) => assert_eq!((&request.key, &request.body), (&send.key, &send.body), "{update:?}"),
            (None, None) => panic!("{update:?} dropped the request of a {from} job"),
        }
    }
    assert!(to != State::Waiting || after.request.is_some() || after.send.is_some(), "what waits has its key");
    if let Some(send) = &before.send {
        match &after.send {
            Some(later) => assert_eq!((&send.key, &send.body), (&later.key, &later.body), "{update:?}"),
            None => assert!(
                matches!(update, Update::Approve { approval, .. } if send.refusals > 1
                    || (send.refusals == 1 && !send.is_young(approval.at, None)))
                    && from == State::Held,
                "{update:?} dropped a key of a {from} job"
            ),
        }
    }
    if after.phase == Phase::Cancelled(CancelledBy::You) {
        assert!(after.task.is_none() && after.charge.is_none(), "what was sent is not called cancelled by {update:?}");
    }
    if matches!(from, State::Sending | State::Unsure) {
        assert!(after.send.is_some(), "the key of an open send is kept");
    }
    if before.task.is_some() {
        assert_eq!(before.task, after.task, "{update:?}");
        assert!(!matches!(to, State::Held | State::Waiting | State::Sending | State::Unsure), "sent again by {update:?}");
    }
    if matches!(to, State::Running | State::Unwatched | State::ToFetch | State::Fetching | State::Saved) {
        assert!(after.task.is_some(), "{to} without a task");
    }
    match to {
        State::Sending => assert_eq!(after.charge, Some(Charge::Reserved), "an open send counts"),
        // What ended by evidence keeps it when its result is asked for once more.
        State::Running => assert!(!matches!(after.charge, None | Some(Charge::NotKnown)), "an open send counts"),
        State::Unsure => assert!(after.charge.is_some(), "money in doubt counts"),
        State::Held | State::Waiting => assert_eq!(after.charge, None, "what surely was not sent is free"),
        _ => {}
    }
    if after.removed {
        assert!(to.is_final() || to == State::Unwatched, "a {to} job is off the list");
    }
    assert_eq!((before.id, &before.kind), (after.id, &after.kind));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_updates_breaks_a_rule(steps in vec((updates(), 0..40_000_i64), 1..60)) {
        let (mut job, mut now) = (new_job(), Timestamp::UNIX_EPOCH);
        for (update, seconds) in steps {
            now = now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
            let before = job.clone();
            let applied = job.apply(update.clone(), now);
            check(&before, &update, &applied, &job);
        }
    }

    #[test]
    fn a_lost_answer_is_followed_by_no_new_key(steps in vec(updates(), 1..60)) {
        let mut job = new_job();
        let mut open: Option<IdempotencyKey> = None;
        for update in steps {
            job.apply(update, Timestamp::UNIX_EPOCH);
            if let Some(key) = &open && job.state() == State::Sending {
                assert_eq!(&job.send.as_ref().unwrap().key, key);
            }
            open = job.send.as_ref().filter(|send| !send.refusal_is_proof()).map(|send| send.key.clone()).or(
                // Once nobody can tell any more, the job is over or its key stays.
                open.filter(|_| job.state() == State::Unsure),
            );
        }
    }
}

#[test]
fn a_note_of_the_time_line_is_a_few_words_with_the_facts_behind_them() {
    let mut job = Job { phase: Phase::Waiting, ..new_job() };
    let approval =
        Approval { seq: 1, price: Credits::PUBLISHED_PRICE, at: Timestamp::UNIX_EPOCH, not_before: Timestamp::UNIX_EPOCH };
    job.apply(Update::Approve { approval, request: request(1) }, Timestamp::UNIX_EPOCH);
    let key = IdempotencyKey::from_random([1; 16]);
    job.apply(Update::SendStarted { key, body: String::new(), server_time: None }, Timestamp::UNIX_EPOCH);
    let why =
        Failure::new(ErrorClass::Network, "line_failed", "the connection broke off (Connection reset by peer (os error 104))");
    let Applied::Changed(note) = job.apply(Update::AnswerLost(why), Timestamp::UNIX_EPOCH) else { panic!("it was being sent") };
    assert_eq!(crate::job::brief_note(&note), "reply lost (connection reset)");
    assert!(note.contains("os error 104") && note.contains("line_failed"), "{note}");
    assert_eq!(crate::job::brief_note("saved 1 file"), "saved 1 file");
}

#[test]
fn cancel_drops_what_was_not_sent_and_leaves_the_rest_as_it_is() {
    let at = |phase: Phase| Job { phase, task: TaskId::new("task-unified-1-a").ok(), ..new_job() };
    for phase in [Phase::Running(Progress::default()), Phase::ToFetch(FetchTrouble::default()), Phase::Unwatched, Phase::Saved] {
        let mut job = at(phase);
        let before = job.clone();
        assert!(!job.apply(Update::Cancel, Timestamp::UNIX_EPOCH).changed(), "a {} job was sent", before.state());
        assert_eq!(job, before);
    }
    let mut waiting = Job { phase: Phase::Waiting, ..new_job() };
    assert!(waiting.apply(Update::Cancel, Timestamp::UNIX_EPOCH).changed());
    assert_eq!((waiting.phase, waiting.charge), (Phase::Cancelled(CancelledBy::You), None));
}

#[test]
fn a_links_life_is_counted_from_the_end_of_its_task_and_not_from_our_hearing_of_it() {
    let at = |hours: i64| Timestamp::UNIX_EPOCH.checked_add(jiff::SignedDuration::from_hours(hours)).unwrap();
    let ends = |ended: Option<Timestamp>, heard: i64| {
        let mut job = new_job();
        let task = TaskId::new("task-unified-1790000000-0").unwrap();
        let approval = Approval { seq: 1, price: Credits::PUBLISHED_PRICE, at: at(1), not_before: at(1) };
        job.apply(Update::Approve { approval, request: request(1) }, at(1));
        job.apply(
            Update::SendStarted { key: IdempotencyKey::from_random([1; 16]), body: String::new(), server_time: None },
            at(1),
        );
        let report = Box::new(TaskReport::new(task.clone(), TaskStatus::Pending));
        job.apply(Update::Accepted { report, replayed: false }, at(1));
        let mut report = TaskReport::new(task, TaskStatus::Completed);
        report.links = vec!["https://a".into()];
        report.ended = ended;
        job.apply(Update::Reported(Box::new(report)), at(heard));
        job.link_expires_at.unwrap()
    };
    assert_eq!(ends(Some(at(2)), 24), at(26));
    assert_eq!(ends(None, 24), at(25), "it may have ended as soon as we stopped looking");
    assert_eq!(ends(Some(at(99)), 24), at(48), "never later than a day after we heard of it");
    assert_eq!(ends(Some(at(-99)), 24), at(25), "nor before it was sent");
    assert_eq!(ends(Some(at(2)), -24), at(0), "a clock that was turned back gives no more time");
}

#[test]
fn a_refusal_after_a_lost_answer_is_believed_only_when_the_task_list_had_settled() {
    let second = |n: i64| Timestamp::from_second(1_000 + n).unwrap();
    let no_balance = || Failure::new(ErrorClass::Balance, "insufficient_quota", "");
    // ListRead into so long after the latest attempt, by our clock and by theirs: what a refusal of the repeat means then.
    for (ours, theirs, believed) in
        [(3, None, false), (59, None, false), (60, None, true), (3, Some(60), true), (9_999, Some(3), false)]
    {
        let mut job = new_job();
        let yes = Approval { seq: 1, price: Credits::PUBLISHED_PRICE, at: second(0), not_before: second(0) };
        job.apply(Update::Approve { approval: yes, request: request(1) }, second(0));
        let server_time = theirs.map(|_| second(500_000));
        let key = IdempotencyKey::from_random([1; 16]);
        job.apply(Update::SendStarted { key, body: String::new(), server_time }, second(0));
        // The program is killed, starts again, finds nothing in the list, and repeats.
        job.apply(Update::EngineStarted, second(1));
        let server_time = theirs.map(|seconds| second(500_000 + seconds));
        job.apply(Update::ListRead { candidates: Vec::new(), server_time }, second(ours));
        assert!(job.apply(Update::SendAgainSameKey { server_time }, second(ours)).changed());
        job.apply(Update::Refused(no_balance()), second(ours));
        let state = if believed { State::Held } else { State::Unsure };
        assert_eq!(job.state(), state, "looked after {ours} s by our clock, {theirs:?} by theirs");
    }
}

#[test]
fn a_key_that_was_refused_is_used_once_more_and_then_another_one_by_a_new_confirmation() {
    let hour = |n: i64| Timestamp::UNIX_EPOCH.checked_add(jiff::SignedDuration::from_hours(n)).unwrap();
    // The hours of the three confirmations, and whether the second and the third send with the key of the one before.
    for (hours, same) in [([0, 1, 2], [true, false]), ([0, 23, 47], [true, false]), ([0, 24, 25], [false, true])] {
        // Also where the user held it, or cancelled it and took that back, between refusal and confirmation.
        for between in [vec![], vec![Update::Cancel, Update::Uncancel]] {
            let mut job = new_job();
            let mut keys = Vec::new();
            for (n, at) in (1..).zip(hours.map(hour)) {
                let approval = Approval { seq: n, price: Credits::PUBLISHED_PRICE, at, not_before: at };
                assert!(job.apply(Update::Approve { approval, request: request(u8::try_from(n).unwrap()) }, at).changed());
                let key = IdempotencyKey::from_random([99; 16]);
                // A refusal for a moment is no refusal of the key.
                for _ in 0..3 {
                    let later = Update::PutBack(Failure::new(ErrorClass::RateLimited, "later", ""));
                    job.apply(Update::SendStarted { key: key.clone(), body: String::new(), server_time: None }, at);
                    assert!(job.apply(later, at).changed());
                }
                job.apply(Update::SendStarted { key: key.clone(), body: String::new(), server_time: None }, at);
                keys.push(job.send.as_ref().unwrap().key.clone());
                let refused = Failure::new(ErrorClass::Balance, "insufficient_quota", "");
                assert!(job.apply(Update::Refused(refused), at).changed());
                for update in &between {
                    assert!(job.apply(update.clone(), at).changed(), "{update:?}");
                }
            }
            assert_eq!([keys[0] == keys[1], keys[1] == keys[2]], same, "{hours:?}");
        }
    }
}

#[test]
fn a_job_that_was_to_be_cancelled_ends_when_its_send_is_refused() {
    let at = Timestamp::from_second(7).unwrap();
    for refusal in [
        Update::PutBack(Failure::new(ErrorClass::RateLimited, "later", "")),
        Update::Refused(Failure::new(ErrorClass::Balance, "insufficient_quota", "")),
    ] {
        let mut job = new_job();
        let approval = Approval { seq: 1, price: Credits::PUBLISHED_PRICE, at, not_before: at };
        job.apply(Update::Approve { approval, request: request(1) }, at);
        job.apply(Update::SendStarted { key: IdempotencyKey::from_random([1; 16]), body: String::new(), server_time: None }, at);
        job.apply(Update::Cancel, at);
        job.apply(refusal, at);
        assert_eq!((job.phase, job.finished_at, job.charge), (Phase::Cancelled(CancelledBy::You), Some(at), None));
    }
}

/// A running job, and the answer that its task completed with these links.
fn completed(links: &[&str], unread: bool) -> (Job, TaskReport) {
    let task = TaskId::new("task-unified-1790000000-0").unwrap();
    let job = Job { phase: Phase::Running(Progress::default()), task: Some(task.clone()), ..new_job() };
    let mut report = TaskReport::new(task, TaskStatus::Completed);
    report.links = links.iter().map(|link| (*link).to_owned()).collect();
    report.links_unread = unread;
    report.used = Some(Credits::PUBLISHED_PRICE);
    (job, report)
}

#[test]
fn a_completed_task_without_links_is_read_again_for_three_minutes() {
    let at = |second: i64| Timestamp::from_second(1_000 + second).unwrap();
    let (mut job, empty) = completed(&[], false);
    let hear = |job: &mut Job, report: &TaskReport, second| {
        job.apply(Update::Reported(Box::new(report.clone())), at(second));
        job.state()
    };
    assert_eq!(hear(&mut job, &empty, 0), State::Running);
    assert_eq!((job.charge, job.finished_at), (Some(Charge::Charged), Some(at(0))), "the charge is known at once");
    assert_eq!(hear(&mut job, &empty, 179), State::Running);
    let mut late = job.clone();
    assert_eq!(hear(&mut late, &completed(&["https://h/a.png"], false).1, 179), State::ToFetch, "links that come late are taken");
    assert_eq!(hear(&mut job, &empty, 180), State::Failed);
    assert_eq!(job.failure().unwrap().code, "no_links");
    // A clock that was turned back ends nothing early.
    let (mut job, _) = completed(&[], false);
    assert_eq!((hear(&mut job, &empty, 0), hear(&mut job, &empty, -900)), (State::Running, State::Running));
    // And it does not make the job wait for as long as it was turned.
    assert_eq!((hear(&mut job, &empty, -721), hear(&mut job, &empty, -720)), (State::Running, State::Failed));
}

#[test]
fn unreadable_is_not_empty_and_moderation_is_an_end_at_once() {
    let at = |second: i64| Timestamp::from_second(second).unwrap();
    let (mut job, odd) = completed(&[], true);
    for second in [0, 200, 86_399] {
        job.apply(Update::Reported(Box::new(odd.clone())), at(second));
        assert_eq!(job.state(), State::Running, "what cannot be read may be a picture");
    }
    job.apply(Update::Reported(Box::new(odd)), at(86_400));
    assert_eq!(job.state(), State::Failed, "a link that was there has expired");
    let (mut job, mut moderated) = completed(&[], false);
    moderated.failure = Some(Failure::of_task("moderation_blocked", "all four"));
    job.apply(Update::Reported(Box::new(moderated)), at(0));
    assert_eq!((job.state(), job.failure().unwrap().code.as_str()), (State::Failed, "moderation_blocked"));
}

#[test]
fn a_key_is_young_for_a_day_and_a_second_of_the_services_clock_is_no_turn_of_it() {
    let at = |second: i64| Timestamp::from_second(1_790_000_000 + second).unwrap();
    let mut job = new_job();
    let approval = Approval { seq: 1, price: Credits::PUBLISHED_PRICE, at: at(0), not_before: at(0) };
    job.apply(Update::Approve { approval, request: request(1) }, at(0));
    let key = IdempotencyKey::from_random([1; 16]);
    job.apply(Update::SendStarted { key, body: String::new(), server_time: Some(at(100)) }, at(0));
    job.apply(Update::AnswerLost(Failure::new(ErrorClass::Network, "reset", "")), at(0));
    let repeats =
        |ours: i64, theirs: i64| job.clone().apply(Update::SendRepeated { server_time: Some(at(theirs)) }, at(ours)).changed();
    for (ours, theirs, young) in [
        (0, 100, true),
        // HTTP dates have whole seconds.
        (0, 99, true),
        (0, 90, true),
        (0, 89, false),
        (0, 100 + 86_399, true),
        (0, 100 + 86_400, false),
        (86_400, 101, true),
    ] {
        assert_eq!(repeats(ours, theirs), young, "{ours} {theirs}");
    }
}
