use std::path::Path;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use super::*;
use crate::job::{
    CancelledBy, Charge, Credits, Doubt, ErrorClass, Failure, HoldReason, IdempotencyKey, ImageNumber, ImportError, Job, JobId,
    JobKind, Model, PaidRequest, PaidSend, Phase, PriceLines, Prices, Progress, Prompt, SavedFile, Spec, State, TaskId,
    Unavailable, Update, parse_line,
};
use crate::store::{Access, BeginSend, Moment, NotNow, QueueMove, SendGuard, Store};

fn at(second: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn do_it(store: &mut Store, command: Command, when: i64, seed: u64) -> Result<Done, CommandError> {
    let mut rng = fastrand::Rng::with_seed(seed);
    perform(store, command, &mut Context { now: at(when), rng: &mut rng, callback_url: None, is_engine: false })
}

fn consent(count: usize) -> Consent {
    Consent { lines: PriceLines::one(Model::Enhance, count, Credits::PUBLISHED_PRICE), grace: Duration::ZERO }
}

fn twelve() -> Vec<Spec> {
    ["task-unified-1-a all", "task-unified-1-b all", "task-unified-1-c all"]
        .iter()
        .flat_map(|line| parse_line(line).unwrap())
        .collect()
}

fn add(specs: Vec<Spec>) -> Command {
    let consent = Some(consent(specs.len()));
    Command::Add { specs, tag: None, front: false, again: false, consent }
}

fn guard() -> SendGuard {
    SendGuard {
        caps: crate::job::Caps::default(),
        server_time: None,
        budget: None,
        prices: Prices::PUBLISHED,
        day_start: at(-3_600),
    }
}

fn send(store: &mut Store, job: JobId, when: i64) -> BeginSend {
    let spare = IdempotencyKey::from_random([9; 16]);
    store.begin_send(job, spare, "spare", &guard(), at(when)).unwrap()
}

fn key_of(sent: &BeginSend) -> (IdempotencyKey, String) {
    let BeginSend::Go(job) = sent else { panic!("{sent:?}") };
    let request = job.send.clone().unwrap();
    (request.key, request.body)
}

/// Runs the same work in several threads that begin at the same moment, each with a connection of its own.
fn at_once<T: Send + 'static>(
    folder: &Path,
    threads: u64,
    work: impl Fn(&mut Store, u64) -> T + Send + Sync + Clone + 'static,
) -> Vec<T> {
    let barrier = Arc::new(Barrier::new(usize::try_from(threads).unwrap()));
    let all: Vec<_> = (0..threads)
        .map(|n| {
            let (folder, barrier, work) = (folder.to_owned(), Arc::clone(&barrier), work.clone());
            std::thread::spawn(move || {
                let mut store = Store::open(&folder, Access::ReadWrite).unwrap();
                barrier.wait();
                work(&mut store, n)
            })
        })
        .collect();
    all.into_iter().map(|thread| thread.join().unwrap()).collect()
}

#[test]
fn the_same_pictures_added_at_once_are_added_once_and_the_rest_is_told_twice() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path(), Access::ReadWrite).unwrap());
    for round in 0..50_u64 {
        let outcomes = at_once(folder.path(), 2, move |store, n| {
            do_it(store, add(twelve()), i64::try_from(round).unwrap(), round * 10 + n).unwrap().outcome
        });
        let made: usize = outcomes.iter().map(|outcome| outcome.jobs.len()).sum();
        let twice = outcomes.iter().flat_map(|outcome| &outcome.left_out);
        assert_eq!((made, twice.clone().count()), (12, 12), "round {round}");
        assert!(twice.clone().all(|(_, why)| matches!(why, Unavailable::Twice(_))), "{outcomes:?}");
        let mut store = Store::open(folder.path(), Access::ReadWrite).unwrap();
        let jobs: Vec<JobId> = store.jobs().unwrap().iter().filter(|job| job.blocks_duplicate()).map(|job| job.id).collect();
        assert_eq!(jobs.len(), 12, "round {round}");
        do_it(&mut store, Command::Cancel { jobs }, 100, 7).unwrap();
    }
}

#[test]
fn one_job_that_is_run_again_by_six_at_once_becomes_one_new_job() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), Access::ReadWrite).unwrap();
    let done = do_it(&mut store, add(parse_line("task-unified-1-a").unwrap()), 0, 1).unwrap();
    let first = done.outcome.jobs[0];
    do_it(&mut store, Command::Cancel { jobs: vec![first] }, 1, 1).unwrap();
    for deliberate in [false, true] {
        let outcomes = at_once(folder.path(), 6, move |store, n| {
            let consent = consent(1);
            let command = Command::RunAgain { jobs: vec![first], front: false, deliberate, again: false, consent };
            do_it(store, command, 2, n + 100).unwrap().outcome
        });
        let made: Vec<JobId> = outcomes.iter().flat_map(|outcome| outcome.jobs.clone()).collect();
        assert_eq!(made.len(), 1, "{outcomes:?}");
        let twice = outcomes.iter().flat_map(|outcome| &outcome.left_out);
        assert!(twice.clone().all(|(what, why)| *what == JobRef::Job(first) && *why == Unavailable::Twice(made[0])));
        assert_eq!(twice.count(), 5);
        do_it(&mut store, Command::Cancel { jobs: made }, 3, 1).unwrap();
    }
}

#[test]
fn jobs_that_were_moved_to_the_front_go_back_to_where_they_were() {
    let mut store = Store::in_memory().unwrap();
    do_it(&mut store, add(twelve()), 0, 1).unwrap();
    let order = |store: &Store| -> Vec<(i64, JobId)> {
        let mut order: Vec<_> = store.jobs().unwrap().iter().map(|job| (job.place, job.id)).collect();
        order.sort_unstable();
        order
    };
    let before = order(&store);
    let moved = [before[5], before[8]];
    for to in [QueueMove::Front, QueueMove::Back] {
        let jobs = moved.iter().map(|(_, id)| *id).collect();
        do_it(&mut store, Command::Move { jobs, to }, 1, 1).unwrap();
        assert_ne!(order(&store), before);
        let places = moved.iter().map(|(place, id)| (*id, *place)).collect();
        let done = do_it(&mut store, Command::PutBack { places }, 2, 1).unwrap();
        assert_eq!((done.outcome.act, done.outcome.jobs.len(), order(&store)), (Some(Act::PutBack), 2, before.clone()));
    }
    // What was sent or cancelled meanwhile has no place any more.
    do_it(&mut store, Command::Cancel { jobs: vec![moved[0].1] }, 3, 1).unwrap();
    let done = do_it(&mut store, Command::PutBack { places: vec![(moved[0].1, 0)] }, 4, 1).unwrap();
    assert!(done.outcome.jobs.is_empty() && done.outcome.left_out.len() == 1);
}

#[test]
fn a_confirmation_covers_no_more_jobs_than_it_named() {
    let mut store = Store::in_memory().unwrap();
    let specs = twelve();
    let command = Command::Add { specs, tag: None, front: false, again: false, consent: Some(consent(11)) };
    let refused = do_it(&mut store, command, 0, 1).unwrap_err();
    assert!(matches!(refused, CommandError::Store(crate::store::StoreError::NotConfirmed { confirmed: 11, asked: 12 })));
    assert_eq!(store.jobs().unwrap(), []);
    // What is left out needs no confirmation.
    do_it(&mut store, add(parse_line("task-unified-1-a").unwrap()), 0, 2).unwrap();
    let command = Command::Add { specs: twelve(), tag: None, front: false, again: false, consent: Some(consent(11)) };
    let done = do_it(&mut store, command, 1, 3).unwrap();
    assert_eq!((done.outcome.jobs.len(), done.outcome.left_out.len()), (11, 1));
}

#[test]
fn a_copy_of_a_store_sends_what_was_approved_before_it_with_the_same_key_and_body() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut store = Store::open(folder.path(), Access::ReadWrite).unwrap();
    let jobs = do_it(&mut store, add(twelve()), 0, 1).unwrap().outcome.jobs;
    store.flush().unwrap();
    std::fs::copy(folder.path().join("mj-enhance.db"), other.path().join("mj-enhance.db")).unwrap();
    let mut copy = Store::open(other.path(), Access::ReadWrite).unwrap();
    // A restored backup asks for a new confirmation, with random numbers of its own.
    copy.raise_approval_floor().unwrap();
    do_it(&mut copy, Command::Approve { jobs: jobs.clone(), consent: consent(12) }, 5, 99).unwrap();
    let mut keys = std::collections::BTreeSet::new();
    for job in jobs {
        let sent = key_of(&send(&mut store, job, 10));
        assert_eq!(sent, key_of(&send(&mut copy, job, 20)));
        let job = store.job(job).unwrap().unwrap();
        assert_eq!(sent.1, job.kind.body(None));
        keys.insert(sent.0);
    }
    assert_eq!(keys.len(), 12, "one key for one job");
}

#[test]
fn an_approval_that_was_taken_back_keeps_its_key_and_a_proven_refusal_ends_it() {
    let mut store = Store::in_memory().unwrap();
    let consent = Consent { grace: Duration::from_secs(5), ..consent(1) };
    let specs = parse_line("task-unified-1-a").unwrap();
    let command = Command::Add { specs, tag: None, front: false, again: false, consent: Some(consent) };
    let outcome = do_it(&mut store, command, 0, 1).unwrap().outcome;
    let (job, approval) = (outcome.jobs[0], outcome.approval.unwrap().0);
    let first = store.job(job).unwrap().unwrap().request.unwrap();
    do_it(&mut store, Command::Withdraw { approval }, 1, 2).unwrap();
    do_it(&mut store, Command::Cancel { jobs: vec![job] }, 2, 3).unwrap();
    let back = do_it(&mut store, Command::Uncancel { jobs: vec![job] }, 3, 4).unwrap();
    assert_eq!(back.changed[0].phase, Phase::Held(HoldReason::You));
    do_it(&mut store, Command::Approve { jobs: vec![job], consent }, 4, 5).unwrap();
    assert_eq!(key_of(&send(&mut store, job, 10)).0, first.key);
    let refusal = Failure::new(ErrorClass::Balance, "insufficient_quota", "");
    store.apply(vec![(job, Update::Refused(refusal))], at(11)).unwrap();
    do_it(&mut store, Command::Approve { jobs: vec![job], consent }, 12, 6).unwrap();
    assert_eq!(key_of(&send(&mut store, job, 20)).0, first.key, "a copy of the store may hold it");
}

#[test]
fn a_cancelled_job_comes_back_only_while_nobody_else_has_its_picture() {
    let mut store = Store::in_memory().unwrap();
    let specs = || parse_line("task-unified-1-a").unwrap();
    let first = do_it(&mut store, add(specs()), 0, 1).unwrap().outcome.jobs[0];
    do_it(&mut store, Command::Cancel { jobs: vec![first] }, 1, 2).unwrap();
    let second = do_it(&mut store, add(specs()), 2, 3).unwrap().outcome.jobs[0];
    let done = do_it(&mut store, Command::Uncancel { jobs: vec![first] }, 3, 4).unwrap();
    assert_eq!(done.outcome.left_out, [(JobRef::Job(first), Unavailable::Twice(second))]);
    do_it(&mut store, Command::Cancel { jobs: vec![second] }, 4, 5).unwrap();
    assert_eq!(do_it(&mut store, Command::Uncancel { jobs: vec![first] }, 5, 6).unwrap().outcome.jobs, [first]);
}

#[test]
fn what_is_asked_of_an_engine_is_written_down_by_others_and_handed_back_to_itself() {
    let mut store = Store::in_memory().unwrap();
    do_it(&mut store, Command::AskNow { jobs: vec![] }, 0, 1).unwrap();
    assert_eq!(store.take_engine_requests().unwrap(), [crate::store::EngineRequest::ReadAll]);
    let mut rng = fastrand::Rng::with_seed(1);
    let mut context = Context { now: at(0), rng: &mut rng, callback_url: None, is_engine: true };
    let done = perform(&mut store, Command::AskNow { jobs: vec![] }, &mut context).unwrap();
    assert_eq!(done.requests, [crate::store::EngineRequest::ReadAll]);
    assert_eq!(store.take_engine_requests().unwrap(), []);
}

fn imported(phase: Phase) -> Job {
    let source = TaskId::new("task-unified-1-a").unwrap();
    let mut job = Job::new(JobId::from_bits(5), JobKind::Enhance { source, image: ImageNumber::ALL[1] }, 1, at(-100));
    job.phase = phase;
    job
}

fn sent(job: &Job) -> PaidSend {
    PaidSend {
        key: IdempotencyKey::from_random([3; 16]),
        body: job.kind.body(None),
        agreed: Credits::from_uc(1),
        first_at: at(-90),
        last_at: at(-90),
        first_server_time: None,
        last_server_time: None,
        attempts: 1,
        lost: 1,
        absence_confirmed: false,
        refusals: 0,
    }
}

fn unsure() -> Job {
    let mut job = imported(Phase::Unsure(Doubt::default()));
    job.send = Some(sent(&job));
    job.charge = Some(Charge::Reserved);
    job
}

#[test]
fn an_imported_unsure_job_is_looked_up_and_goes_out_again_only_after_a_confirmation_here() {
    let mut store = Store::in_memory().unwrap();
    store.change_settings(&mut |settings| settings.cap_day = Some(Some(Credits::PUBLISHED_PRICE))).unwrap();
    do_it(&mut store, Command::Import(vec![(1, unsure())]), 0, 1).unwrap();
    let id = JobId::from_bits(5);
    assert_eq!(store.job(id).unwrap().unwrap().send.unwrap().agreed, Credits::PUBLISHED_PRICE, "not what the file says");
    store.apply(vec![(id, Update::ListRead { candidates: vec![], server_time: None })], at(100)).unwrap();
    assert_eq!(store.begin_resend(id, &guard(), at(101)).unwrap(), BeginSend::No(NotNow::NotConfirmed));
    let by_hand = store.apply(vec![(id, Update::SendAgainSameKey { server_time: None })], at(101)).unwrap();
    assert!(!by_hand[0].1.changed());
    let done = do_it(&mut store, Command::Approve { jobs: vec![id], consent: consent(1) }, 102, 2).unwrap();
    assert!(matches!(&done.changed[0].phase, Phase::Unsure(doubt) if !doubt.looked), "the list is read again first");
    assert_eq!(store.begin_resend(id, &guard(), at(103)).unwrap(), BeginSend::No(NotNow::NotReady));
    store.apply(vec![(id, Update::ListRead { candidates: vec![], server_time: None })], at(104)).unwrap();
    let sent = store.begin_resend(id, &guard(), at(105)).unwrap();
    assert_eq!(key_of(&sent).0, IdempotencyKey::from_random([3; 16]), "never a new key");
}

#[test]
fn a_waiting_job_of_a_file_comes_in_held_and_its_draft_is_checked_like_any_other() {
    let mut store = Store::in_memory().unwrap();
    let mut waiting = imported(Phase::Waiting);
    waiting.approval =
        Some(crate::job::Approval { seq: 4_000_000, price: Credits::from_uc(1), at: at(-10), not_before: at(-10) });
    waiting.send = Some(PaidSend { lost: 0, ..sent(&waiting) });
    waiting.source_confirmed = true;
    do_it(&mut store, Command::Import(vec![(1, waiting)]), 0, 1).unwrap();
    let job = store.job(JobId::from_bits(5)).unwrap().unwrap();
    assert_eq!((job.phase.clone(), job.send.is_none()), (Phase::Held(HoldReason::You), true));
    assert!(!job.source_confirmed, "what somebody elsewhere said of its draft is no word of this user");
    assert_eq!(send(&mut store, job.id, 1), BeginSend::No(NotNow::NotReady));
    do_it(&mut store, Command::Approve { jobs: vec![job.id], consent: consent(1) }, 2, 2).unwrap();
    assert_eq!(key_of(&send(&mut store, job.id, 3)).0, IdempotencyKey::from_random([3; 16]), "its key goes with it");
}

#[test]
fn an_imported_job_calls_nobody_elsewhere_and_is_not_left_alone_when_it_is_paid() {
    let mut store = Store::in_memory().unwrap();
    let mut waiting = imported(Phase::Waiting);
    waiting.stop_requested = true;
    waiting.send = Some(PaidSend { body: waiting.kind.body(Some("https://elsewhere.example/")), lost: 0, ..sent(&waiting) });
    do_it(&mut store, Command::Import(vec![(1, waiting)]), 0, 1).unwrap();
    do_it(&mut store, Command::Approve { jobs: vec![JobId::from_bits(5)], consent: consent(1) }, 2, 2).unwrap();
    let BeginSend::Go(job) = send(&mut store, JobId::from_bits(5), 3) else { panic!() };
    assert_eq!(job.send.as_ref().unwrap().body, job.kind.body(None));
    assert!(!job.stop_requested, "its result would never be fetched");
    // One key with two bodies may be two requests: what may have arrived goes out again as it was.
    for phase in [Phase::Unsure(Doubt::default()), Phase::Sending, Phase::Waiting] {
        let mut store = Store::in_memory().unwrap();
        let mut lost = imported(phase.clone());
        let body = lost.kind.body(Some("https://elsewhere.example/"));
        lost.send = Some(PaidSend { body: body.clone(), ..sent(&lost) });
        do_it(&mut store, Command::Import(vec![(1, lost)]), 0, 1).unwrap();
        let job = store.jobs().unwrap().remove(0);
        let kept = job.send.map(|send| send.body).or(job.request.map(|request| request.body));
        assert_eq!(kept, Some(body), "{phase:?}");
    }
}

#[test]
fn a_line_that_cannot_be_true_is_named_and_nothing_is_taken() {
    let file = |path: &str, sha256: String| SavedFile { path: path.into(), sha256, bytes: 1 };
    let saved = || {
        let mut job = imported(Phase::Saved);
        job.task = TaskId::new("task-unified-2-b").ok();
        job.files = vec![file("/r/a.png", "a".repeat(64))];
        job
    };
    let with = |mut job: Job, change: &dyn Fn(&mut Job)| {
        change(&mut job);
        job
    };
    let bad: Vec<(Job, ImportError)> = vec![
        (with(saved(), &|job| job.charged = Some(Credits::from_uc(-1))), ImportError::Amount(Credits::from_uc(-1))),
        (with(saved(), &|job| job.reserved = Some(Credits::from_uc(i64::MAX))), ImportError::Amount(Credits::from_uc(i64::MAX))),
        (
            with(unsure(), &|job| job.send.as_mut().unwrap().agreed = Credits::from_uc(-5)),
            ImportError::Amount(Credits::from_uc(-5)),
        ),
        (with(saved(), &|job| job.links = vec!["javascript:alert(1)".into()]), ImportError::Link),
        (with(saved(), &|job| job.links = vec!["https://x/\u{1b}[2J".into()]), ImportError::Link),
        (with(saved(), &|job| job.links = vec!["https:///nowhere".into()]), ImportError::Link),
        (with(saved(), &|job| job.files = vec![file("/r/a.png", "z".repeat(64))]), ImportError::Checksum),
        (with(saved(), &|job| job.files = vec![file("a.png", "a".repeat(64))]), ImportError::Path),
        (with(saved(), &|job| job.files = vec![file("/r/\u{202e}gnp.exe", "a".repeat(64))]), ImportError::Path),
        (with(saved(), &|job| job.files = Vec::new()), ImportError::Files),
        (imported(Phase::Unsure(Doubt::default())), ImportError::NoRequest(State::Unsure)),
        (imported(Phase::Sending), ImportError::NoRequest(State::Sending)),
        (imported(Phase::Unwatched), ImportError::NoTask(State::Unwatched)),
        (with(imported(Phase::Waiting), &|job| job.task = TaskId::new("task-unified-2-b").ok()), ImportError::SentAndNotSent),
        (with(unsure(), &|job| job.send.as_mut().unwrap().body = r#"{"model":"mj-v7"}"#.into()), ImportError::Body),
        (with(unsure(), &|job| job.send.as_mut().unwrap().body = String::new()), ImportError::Body),
        (
            with(unsure(), &|job| {
                let key = IdempotencyKey::from_random([4; 16]);
                job.request = Some(crate::job::PaidRequest { key, body: r#"{"model":"mj-v7"}"#.into() });
            }),
            ImportError::Body,
        ),
        (
            with(unsure(), &|job| {
                job.kind = JobKind::Enhance { source: job.kind.source().unwrap().0.clone(), image: ImageNumber::ALL[3] }
            }),
            ImportError::Body,
        ),
        (with(unsure(), &|job| job.send.as_mut().unwrap().attempts = 0), ImportError::Attempts),
    ];
    for (job, why) in bad {
        let mut store = Store::in_memory().unwrap();
        let mut good = saved();
        good.id = JobId::from_bits(6);
        good.task = TaskId::new("task-unified-2-c").ok();
        let refused = do_it(&mut store, Command::Import(vec![(1, good), (2, job)]), 0, 1).unwrap_err();
        assert_eq!(refused, CommandError::BadImport(vec![(2, why.clone())]));
        assert_eq!(store.jobs().unwrap(), [], "{why}");
    }
}

#[test]
fn texts_of_a_file_are_cleaned_before_anything_shows_them() {
    let dirty = "\u{1b}]0;owned\u{7}\u{202e}x\u{9b}2J";
    let failure =
        Failure { code: dirty.into(), message: dirty.into(), request_id: Some(dirty.into()), ..Failure::of_task("a", "b") };
    let mut phases = vec![
        imported(Phase::Failed(failure.clone())),
        imported(Phase::Held(HoldReason::Refused(failure))),
        imported(Phase::Held(HoldReason::Source { found: dirty.into() })),
        unsure(),
        imported(Phase::Cancelled(CancelledBy::You)),
    ];
    if let Phase::Unsure(doubt) = &mut phases[3].phase {
        doubt.why = dirty.into();
    }
    for mut job in phases {
        job.request_id = Some(dirty.into());
        let mut store = Store::in_memory().unwrap();
        do_it(&mut store, Command::Import(vec![(1, job)]), 0, 1).unwrap();
        let job = &store.jobs().unwrap()[0];
        let shown = format!("{:?} {:?} {}", job.phase, job.request_id, crate::job::record::json(job));
        assert!(!shown.contains("owned") && !shown.chars().any(crate::job::text::is_unsafe), "{shown}");
        assert!(!shown.contains("\\u{"), "{shown}");
    }
}

#[test]
fn a_task_of_a_file_that_belongs_to_a_job_here_is_left_out() {
    let mut store = Store::in_memory().unwrap();
    let mut running = imported(Phase::Unwatched);
    running.task = TaskId::new("task-unified-2-b").ok();
    do_it(&mut store, Command::Import(vec![(1, running.clone())]), 0, 1).unwrap();
    let mut thief = running.clone();
    thief.id = JobId::from_bits(9);
    let mut draft = running.clone();
    draft.id = JobId::from_bits(10);
    draft.task = Some(running.kind.source().unwrap().0.clone());
    let done =
        do_it(&mut store, Command::Import(vec![(1, thief), (2, draft), (3, running.clone()), (4, running)]), 1, 2).unwrap();
    assert_eq!((done.outcome.jobs.len(), done.outcome.left_out.len()), (0, 4));
}

fn prompts(texts: &[&str]) -> Vec<(Prompt, Option<String>)> {
    texts.iter().map(|text| (Prompt::new(text).unwrap(), None)).collect()
}

fn drafts(texts: &[&str]) -> Command {
    let lines = PriceLines::one(Model::Draft, texts.len(), Credits::PUBLISHED_DRAFT_PRICE);
    let consent = Some(Consent { lines, grace: Duration::ZERO });
    Command::Draft { prompts: prompts(texts), tag: None, front: false, again: false, consent }
}

#[test]
fn prompts_become_draft_jobs_and_one_whose_price_nobody_publishes_stores_nothing() {
    let mut store = Store::in_memory().unwrap();
    for bad in ["old pier --q 4", "old pier --oref https://x.example/a.png", "old pier --tile", "a::2 b", "old pier --repeat 3"] {
        let refused = do_it(&mut store, drafts(&["fine", bad]), 0, 1).unwrap_err();
        assert!(matches!(&refused, CommandError::BadPrompts(wrong) if wrong[0].0 == 1), "{bad}: {refused:?}");
        assert_eq!(store.jobs().unwrap(), [], "{bad}");
    }
    let done = do_it(&mut store, drafts(&["old pier --ar 3:2", "fog"]), 0, 1).unwrap();
    assert_eq!(done.changed.iter().map(Job::label).collect::<Vec<_>>(), ["\"old pier --ar 3:2\"", "\"fog\""]);
    let body = r#"{"model":"mj-v7","prompt":"old pier --ar 3:2","model_params":{"speed":"draft"}}"#;
    assert_eq!(done.changed[0].request.as_ref().unwrap().body, body, "as it will be sent, on disk at the approval");
    let twice = do_it(&mut store, drafts(&["fog"]), 1, 2).unwrap();
    assert_eq!(twice.outcome.left_out, [(JobRef::Kind(done.changed[1].kind.clone()), Unavailable::Twice(done.outcome.jobs[1]))]);
    do_it(&mut store, Command::Cancel { jobs: vec![done.outcome.jobs[1]] }, 2, 3).unwrap();
    let lines = PriceLines::one(Model::Draft, 1, Credits::PUBLISHED_DRAFT_PRICE);
    let consent = Consent { lines, grace: Duration::ZERO };
    let again = Command::RunAgain { jobs: vec![done.outcome.jobs[1]], front: false, deliberate: false, again: false, consent };
    let again = do_it(&mut store, again, 3, 4).unwrap();
    assert_eq!(again.changed[0].kind, done.changed[1].kind);
}

#[test]
fn drafts_of_a_file_are_checked_like_enhances() {
    let kind = |prompt: &str, template: Option<&str>| JobKind::Draft {
        prompt: Prompt::new(prompt).unwrap(),
        template: template.map(str::to_owned),
    };
    let held = |n: u64, kind: JobKind| Job::new(JobId::from_bits(n), kind, 1, at(0));
    for bad in [kind("old pier --q 2", None), kind("old pier", Some("\u{1b}[2J")), kind("old pier", Some(""))] {
        let mut store = Store::in_memory().unwrap();
        let refused = do_it(&mut store, Command::Import(vec![(1, held(1, bad.clone()))]), 0, 1).unwrap_err();
        assert_eq!(refused, CommandError::BadImport(vec![(1, ImportError::Prompt)]), "{bad:?}");
    }
    let mut store = Store::in_memory().unwrap();
    let mut other = held(1, kind("fog", None));
    other.request = Some(PaidRequest { key: IdempotencyKey::from_random([3; 16]), body: kind("rain", None).body(None) });
    let refused = do_it(&mut store, Command::Import(vec![(1, other)]), 0, 1).unwrap_err();
    assert_eq!(refused, CommandError::BadImport(vec![(1, ImportError::Body)]));
    let mut sent = held(2, kind("old pier", Some("{old, new} pier")));
    sent.task = TaskId::new("task-unified-2-drafted").ok();
    sent.phase = Phase::Running(Progress::default());
    let enhance = held(3, JobKind::Enhance { source: sent.task.clone().unwrap(), image: ImageNumber::ALL[0] });
    // The enhance stands first: that its draft is one of ours is known only later.
    let done = do_it(&mut store, Command::Import(vec![(1, enhance), (2, sent.clone())]), 0, 1).unwrap();
    assert_eq!(done.outcome.left_out, []);
    assert_eq!(store.job(sent.id).unwrap().unwrap().kind, sent.kind);
}

#[test]
fn what_pauses_sending_and_what_is_held_stay_as_they_are_where_going_on_could_not_be_written() {
    for refused in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), Access::ReadWrite).unwrap();
        let held = Command::Add { specs: twelve(), tag: None, front: false, again: false, consent: None };
        let jobs = do_it(&mut store, held, 0, 1).unwrap().outcome.jobs;
        do_it(&mut store, Command::Pause, 1, 2).unwrap();
        let before = (store.jobs().unwrap(), store.settings().unwrap());
        let mut writes = 0;
        store.on_commit(Some(Box::new(move |moment| {
            writes += u32::from(moment == Moment::Before);
            moment != Moment::Before || writes != refused + 1
        })));
        let done = do_it(&mut store, Command::Resume { consent: Some(consent(jobs.len())), jobs }, 2, 3);
        let after = (store.jobs().unwrap(), store.settings().unwrap());
        if done.is_ok() {
            assert!(refused > 0 && after.1.paused.is_none() && after.0.iter().all(|job| job.state() == State::Waiting));
            break;
        }
        assert_eq!(after, before, "write {refused} was refused");
    }
}

/// A job that is sent, accepted as the task of this number, and runs.
fn running(store: &mut Store, spec: &str, n: u64) -> JobId {
    let id = do_it(store, add(parse_line(spec).unwrap()), 0, n).unwrap().outcome.jobs[0];
    assert!(matches!(send(store, id, 1), BeginSend::Go(_)));
    accept(store, id, n);
    id
}

fn task(n: u64) -> TaskId {
    TaskId::new(&format!("task-unified-2-made{n:04}")).unwrap()
}

fn accept(store: &mut Store, id: JobId, n: u64) {
    let report = Box::new(crate::job::TaskReport::new(task(n), crate::job::TaskStatus::Pending));
    let accepted = store.apply(vec![(id, Update::Accepted { report, replayed: false })], at(2)).unwrap();
    assert!(accepted[0].1.changed());
}

#[test]
fn every_command_says_what_it_did_and_hands_out_what_changed() {
    let mut store = Store::in_memory().unwrap();
    let ids = do_it(&mut store, add(twelve()), 0, 1).unwrap().outcome.jobs;
    let one = || vec![ids[0]];
    let gone = JobId::from_bits(1 << 40);
    for (command, act) in [
        (Command::Hold { jobs: vec![ids[0], gone] }, Act::Held),
        (Command::Approve { jobs: one(), consent: consent(1) }, Act::Approved),
        (Command::Cancel { jobs: one() }, Act::Cancelled),
        (Command::Uncancel { jobs: one() }, Act::Uncancelled),
        (Command::Move { jobs: vec![ids[5]], to: QueueMove::Front }, Act::Moved(QueueMove::Front)),
        (Command::PutBack { places: vec![(ids[5], 99)] }, Act::PutBack),
        (Command::Retag { jobs: one(), tag: crate::job::Tag::new("cats").ok() }, Act::Tagged),
        (Command::Cancel { jobs: one() }, Act::Cancelled),
        (Command::Remove { jobs: one(), removed: true }, Act::Removed),
        (Command::Remove { jobs: one(), removed: false }, Act::Restored),
    ] {
        let said = format!("{command:?}");
        let done = do_it(&mut store, command, 3, 2).unwrap();
        assert_eq!(done.outcome.act, Some(act), "{said}");
        assert_eq!(done.outcome.jobs.len(), 1, "{said}");
        let changed: Vec<JobId> = done.changed.iter().map(|job| job.id).collect();
        assert!(changed.contains(&done.outcome.jobs[0]), "{said}");
        for job in &done.changed {
            assert_eq!(store.job(job.id).unwrap().as_ref(), Some(job), "{said}: as the store has it");
        }
        let left_out: Vec<&JobRef> = done.outcome.left_out.iter().map(|(what, _)| what).collect();
        assert!(left_out.iter().all(|what| **what == JobRef::Job(gone)), "{said}: {left_out:?}");
    }
    for (command, act) in [
        (Command::Pause, Act::Paused),
        (Command::Resume { jobs: vec![], consent: None }, Act::Resumed),
        (Command::Resume { jobs: vec![], consent: Some(consent(0)) }, Act::Resumed),
        (Command::MaxInFlight(7), Act::MaxInFlight(7)),
        (Command::Caps(crate::job::Caps::default()), Act::CapsChanged),
    ] {
        let done = do_it(&mut store, command, 4, 3).unwrap();
        assert_eq!((done.outcome.act, done.changed.len(), done.outcome.approval), (Some(act), 0, None));
        assert_eq!(done.settings, Some(store.settings().unwrap()), "{act:?}");
    }
    let draft = TaskId::new("task-unified-1-a").unwrap();
    for (command, act) in [
        (Command::HideDrafts { tasks: vec![draft.clone()], hidden: true }, Act::DraftsHidden(1)),
        (Command::HideDrafts { tasks: vec![draft.clone()], hidden: false }, Act::DraftsShown(1)),
        (Command::NoteDrafts { tasks: vec![draft], note: None }, Act::DraftsNoted(0)),
    ] {
        assert_eq!(do_it(&mut store, command, 5, 4).unwrap().outcome.act, Some(act));
    }
}

#[test]
fn a_confirmation_is_named_with_the_end_of_its_grace_and_taken_back_by_its_number() {
    let mut store = Store::in_memory().unwrap();
    let grace = Consent { grace: Duration::from_secs(5), ..consent(1) };
    let command = Command::Add {
        specs: parse_line("task-unified-1-a").unwrap()[..1].to_vec(),
        tag: None,
        front: false,
        again: false,
        consent: Some(grace),
    };
    let added = do_it(&mut store, command, 10, 1).unwrap();
    let job = added.changed[0].clone();
    let approval = job.approval.unwrap();
    assert_eq!(added.outcome.approval, Some((approval.seq, at(15))));
    assert_eq!(approval.not_before, at(15));
    let withdrawn = do_it(&mut store, Command::Withdraw { approval: approval.seq }, 14, 2).unwrap();
    assert_eq!((withdrawn.outcome.act, withdrawn.outcome.jobs), (Some(Act::Withdrawn), vec![job.id]));
    assert_eq!(withdrawn.changed, [store.job(job.id).unwrap().unwrap()]);
    assert_eq!(withdrawn.changed[0].phase, Phase::Held(HoldReason::You));
    let late = do_it(&mut store, Command::Withdraw { approval: approval.seq }, 14, 2);
    assert!(matches!(late, Err(CommandError::TooLate)), "there is nothing left of it: {late:?}");
}

#[test]
fn a_task_is_chosen_for_an_unsure_job_unless_it_belongs_to_another_or_is_a_source() {
    let mut store = Store::in_memory().unwrap();
    let other = running(&mut store, "task-unified-1-b 0", 1);
    do_it(&mut store, Command::Import(vec![(1, unsure())]), 0, 1).unwrap();
    let id = JobId::from_bits(5);
    for (chosen, why) in [
        (task(1), Unavailable::TaskTaken(other)),
        (TaskId::new("task-unified-1-b").unwrap(), Unavailable::TaskIsASource(TaskId::new("task-unified-1-b").unwrap())),
    ] {
        let done = do_it(&mut store, Command::Adopt { job: id, task: chosen }, 3, 1).unwrap();
        assert_eq!(done.outcome.act, Some(Act::Adopted));
        assert_eq!((done.outcome.left_out, done.changed.len()), (vec![(JobRef::Job(id), why)], 0));
        assert_eq!(store.job(id).unwrap().unwrap().state(), State::Unsure);
    }
    let done = do_it(&mut store, Command::Adopt { job: id, task: task(7) }, 4, 1).unwrap();
    assert_eq!((done.outcome.act, done.outcome.jobs.as_slice()), (Some(Act::Adopted), &[id][..]));
    assert_eq!((done.changed[0].task.clone(), done.changed[0].state()), (Some(task(7)), State::Running));
    // Its own task again is nobody else's: what stands in the way is where the job stands.
    let done = do_it(&mut store, Command::Adopt { job: id, task: task(7) }, 5, 1).unwrap();
    assert_eq!(done.outcome.left_out, [(JobRef::Job(id), Unavailable::State(State::Running))]);
}

#[test]
fn what_is_to_be_fetched_is_read_where_it_runs_and_fetched_where_it_has_links() {
    use crate::store::EngineRequest;
    let mut store = Store::in_memory().unwrap();
    let unwatched = running(&mut store, "task-unified-1-a 0", 1);
    do_it(&mut store, Command::Unwatch { jobs: vec![unwatched] }, 3, 1).unwrap();
    let finished = running(&mut store, "task-unified-1-a 1", 2);
    let mut report = crate::job::TaskReport::new(task(2), crate::job::TaskStatus::Completed);
    report.links = vec!["https://h.example/a.png".to_owned()];
    store.apply(vec![(finished, Update::Reported(Box::new(report)))], at(3)).unwrap();
    let waiting = do_it(&mut store, add(parse_line("task-unified-1-a 2").unwrap()), 3, 3).unwrap().outcome.jobs[0];
    let done = do_it(&mut store, Command::FetchNow { jobs: vec![unwatched, finished, waiting] }, 4, 1).unwrap();
    assert_eq!((done.outcome.act, done.outcome.jobs), (Some(Act::Fetching), vec![unwatched, finished]));
    assert_eq!(done.outcome.left_out, [(JobRef::Job(waiting), Unavailable::State(State::Waiting))]);
    assert_eq!(done.changed.iter().map(|job| (job.id, job.state())).collect::<Vec<_>>(), [(unwatched, State::Running)]);
    assert_eq!(store.take_engine_requests().unwrap(), [EngineRequest::Read(unwatched), EngineRequest::Fetch(finished)]);
    let asked = do_it(&mut store, Command::AskNow { jobs: vec![unwatched] }, 5, 1).unwrap();
    assert_eq!((asked.outcome.act, asked.outcome.jobs), (Some(Act::Asking), vec![unwatched]));
    assert_eq!(store.take_engine_requests().unwrap(), [EngineRequest::Read(unwatched)]);
}

#[test]
fn of_two_lines_of_a_file_with_one_id_the_first_counts() {
    let mut store = Store::in_memory().unwrap();
    let first = imported(Phase::Held(HoldReason::You));
    let second = Job { place: 9, created_at: at(-7), ..first.clone() };
    let done = do_it(&mut store, Command::Import(vec![(1, first.clone()), (2, second)]), 0, 1).unwrap();
    assert_eq!((done.outcome.act, done.outcome.jobs), (Some(Act::Imported), vec![first.id]));
    assert_eq!(done.outcome.left_out, [(JobRef::Job(first.id), Unavailable::Twice(first.id))]);
    assert_eq!(store.job(first.id).unwrap().unwrap().created_at, first.created_at);
}
