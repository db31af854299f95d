use std::sync::Arc;

use super::super::account::tests::{error, gate, options};
use super::super::index::tests::{index, job, task};
use super::*;
use crate::job::{CancelledBy, Doubt, JobKind, LostAnswer, Prices, Prompt, TaskStatus, Update};
use crate::store::Store;
use jiff::Timestamp;

/// A submitter whose queue holds these jobs, their drafts checked and fine.
fn submitter(sending: Sending, jobs: &[Arc<Job>], now: Now) -> Submitter {
    let mut submitter = Submitter::new(sending);
    for job in jobs {
        submitter.on_job(job, 0, now);
        fine(&mut submitter, job);
    }
    submitter
}

fn fine(submitter: &mut Submitter, job: &Job) {
    let mut draft = TaskReport::new(job.kind.source().unwrap().0.clone(), TaskStatus::Completed);
    draft.links = vec![String::new(); 4];
    submitter.drafts().seen(draft, Prices::PUBLISHED);
}

fn answered(submitter: &mut Submitter, error: ApiError, now: Now) -> Answer {
    let sending = job(1, Phase::Sending);
    submitter.on_submitted(Err(error), Some(&sending), &mut fastrand::Rng::with_seed(1), now).unwrap()
}

#[tokio::test(start_paused = true)]
async fn one_request_is_open_at_a_time() {
    let now = Now::of_test(0);
    let jobs = [job(1, Phase::Waiting), job(2, Phase::Waiting)];
    let (mut submitter, index) = (submitter(Sending::WithConsent, &jobs, now), index(&jobs));
    assert_eq!(submitter.next_deadline(true, &Model::ALL, &index, &gate(), now), Some(now.at));
    let next = submitter.next(true, &Model::ALL, &index, &gate(), now);
    assert_eq!(next.send, Some(NextSend::First(JobId::from_bits(1))));
    submitter.opened(JobId::from_bits(1), now);
    assert_eq!(submitter.next(true, &Model::ALL, &index, &gate(), now), Next::default());
    assert_eq!(submitter.next_deadline(true, &Model::ALL, &index, &gate(), now), None);
    submitter.close();
    assert_eq!(submitter.next(false, &Model::ALL, &index, &gate(), now), Next::default(), "something stands in the way");
}

#[tokio::test(start_paused = true)]
async fn a_draft_is_checked_before_its_first_picture_and_an_unfit_one_is_held() {
    let now = Now::of_test(0);
    let jobs = [job(1, Phase::Waiting), job(2, Phase::Waiting)];
    let index = index(&jobs);
    let mut submitter = Submitter::new(Sending::WithConsent);
    for job in &jobs {
        submitter.on_job(job, 0, now);
    }
    assert_eq!(submitter.drafts_to_check(&index, now), [task(1_001), task(1_002)]);
    assert!(submitter.drafts_to_check(&index, now).is_empty(), "each is asked about once");
    assert_eq!(submitter.next(true, &Model::ALL, &index, &gate(), now), Next::default(), "its check is under way");
    submitter.drafts().missing(&task(1_001));
    fine(&mut submitter, &jobs[1]);
    let next = submitter.next(true, &Model::ALL, &index, &gate(), now);
    assert!(matches!(next.holds.as_slice(), [(id, HoldReason::Source { .. })] if *id == JobId::from_bits(1)));
    assert_eq!(next.send, Some(NextSend::First(JobId::from_bits(2))));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_repeated_in_its_window_and_then_given_up() {
    let mut now = Now::of_test(0);
    let mut submitter = submitter(Sending::WithConsent, &[], now);
    let id = JobId::from_bits(1);
    submitter.opened(id, now);
    let mut attempts = 1;
    loop {
        let Answer::Lost { over, .. } = answered(&mut submitter, error(ErrorClass::Server), now) else { panic!() };
        let Some(due) = submitter.next_repeat() else {
            assert!(matches!(over, Some(LostAnswer::Failed(_))));
            break;
        };
        assert!(over.is_none() && submitter.due_repeat(&gate(), now).is_none(), "not before its time");
        now = now.after(due - now.at);
        assert_eq!(submitter.due_repeat(&gate(), now), Some(Repeat::Attempt(id)));
        submitter.repeated();
        assert!(submitter.is_in_air());
        attempts += 1;
    }
    assert!(attempts > 1 && !submitter.is_open(), "{attempts}");
}

#[tokio::test(start_paused = true)]
async fn after_a_sleep_or_with_clocks_that_disagree_nothing_is_repeated() {
    let now = Now::of_test(0);
    let hours = |n| jiff::SignedDuration::from_hours(n);
    let service = |now: Now, at: i64| Now { service: Timestamp::from_second(5_000_000 + at).ok(), ..now };
    let turned = |now: Now, by| Now { wall: now.wall.checked_add(by).unwrap(), ..now };
    // What the clocks show when the answer is lost, and when the repeat is due a second later.
    let cases: [(&str, Now, Now, Now); 5] = [
        ("the machine slept before the answer was lost", now, turned(now, hours(25)), turned(now, hours(25))),
        ("it slept before the repeat", now, now, turned(now.after(Duration::from_secs(1)), hours(25))),
        ("our clock was turned back", now, now, turned(now.after(Duration::from_secs(1)), hours(-1))),
        ("the service's clock says so", service(now, 0), service(now, 0), service(now.after(Duration::from_secs(1)), 90_000)),
        ("the process was stopped for a minute", now, now, now.after(Duration::from_mins(1))),
    ];
    for (what, began, lost, due) in cases {
        let mut submitter = submitter(Sending::WithConsent, &[], began);
        let id = JobId::from_bits(1);
        submitter.opened(id, began);
        let Answer::Lost { over, .. } = answered(&mut submitter, error(ErrorClass::Network), lost) else { panic!("{what}") };
        if over.is_none() {
            assert_eq!(submitter.due_repeat(&gate(), due), Some(Repeat::GiveUp(id, LostAnswer::TimePassed)), "{what}");
        }
        assert!(over.is_none() || !submitter.is_open(), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_after_its_window_is_looked_for_and_not_repeated() {
    let now = Now::of_test(0);
    let mut submitter = submitter(Sending::WithConsent, &[], now);
    submitter.opened(JobId::from_bits(1), now);
    let timed_out = now.after(Duration::from_secs(30));
    let Answer::Lost { over, .. } = answered(&mut submitter, error(ErrorClass::Network), timed_out) else { panic!() };
    assert!(over.is_some() && !submitter.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_429_moves_a_repeat_within_its_window_and_ends_it_beyond() {
    let now = Now::of_test(0);
    let mut submitter = submitter(Sending::WithConsent, &[], now);
    submitter.opened(JobId::from_bits(1), now);
    answered(&mut submitter, error(ErrorClass::Server), now);
    let due = submitter.next_repeat().unwrap();
    let at = now.after(due - now.at);
    let mut gate = gate();
    let until = gate.refused(at.at, Some(Duration::from_secs(5)));
    assert_eq!(submitter.due_repeat(&gate, at), None);
    assert_eq!(submitter.next_repeat(), Some(until));
    let long = gate.refused(at.at, Some(2 * retry::PAID_WINDOW));
    assert!(long > now.at + retry::PAID_WINDOW);
    let later = now.after(until - now.at);
    assert_eq!(submitter.due_repeat(&gate, later), Some(Repeat::GiveUp(JobId::from_bits(1), LostAnswer::LongWait)));
}

#[tokio::test(start_paused = true)]
async fn no_capacity_makes_the_queue_wait_and_no_balance_pauses_it() {
    let now = Now::of_test(0);
    let jobs = [job(1, Phase::Waiting)];
    let (mut submitter, index) = (submitter(Sending::WithConsent, &jobs, now), index(&jobs));
    submitter.opened(JobId::from_bits(1), now);
    let error_of = |class, status| ApiError { status: Some(status), ..error(class) };
    let answer = answered(&mut submitter, error_of(ErrorClass::NoCapacity, 400), now);
    assert!(matches!(answer, Answer::NotAccepted { update: Update::PutBack(_), notice: Some(_), pause: None, .. }));
    let due = submitter.next_deadline(true, &Model::ALL, &index, &gate(), now).unwrap();
    assert!(due > now.at && submitter.next(true, &Model::ALL, &index, &gate(), now).send.is_none());
    assert!(submitter.next(true, &Model::ALL, &index, &gate(), now.after(due - now.at)).send.is_some());
    submitter.opened(JobId::from_bits(1), now);
    let answer = answered(&mut submitter, error_of(ErrorClass::Balance, 402), now);
    let Answer::NotAccepted { pause, read_balance, .. } = answer else { panic!("{answer:?}") };
    assert!(matches!(pause, Some(PauseReason::Balance { .. })) && read_balance);
}

#[tokio::test(start_paused = true)]
async fn a_run_with_a_limit_sends_nothing_before_the_store_counts_for_it() {
    let now = Now::of_test(0);
    let jobs = [job(1, Phase::Waiting)];
    let (mut submitter, index) = (submitter(Sending::UpTo(Credits::PUBLISHED_PRICE), &jobs, now), index(&jobs));
    assert_eq!(submitter.next(true, &Model::ALL, &index, &gate(), now), Next::default());
    let budget = Store::in_memory().unwrap().open_budget(Credits::PUBLISHED_PRICE, now.wall).unwrap();
    submitter.set_budget(budget);
    assert_eq!(submitter.next(true, &Model::ALL, &index, &gate(), now).send, Some(NextSend::First(JobId::from_bits(1))));
    assert_eq!(submitter.guard(Caps::default(), &Account::new(&options()), now).budget, Some(budget));
}

#[test]
fn a_task_that_is_older_than_its_request_is_no_answer() {
    let at = |second: i64| Timestamp::from_second(5_000_000 + second).ok();
    let mut sending = Job::clone(&job(1, Phase::Sending));
    let answer = |created| {
        let report = TaskReport { created, ..TaskReport::new(task(1), TaskStatus::Pending) };
        Submitted { report, replayed: false }
    };
    assert!(no_earlier_task(Some(&sending), &answer(at(-90_000))).is_ok(), "no service's clock was known");
    sending.send.as_mut().unwrap().first_server_time = at(0);
    let error = no_earlier_task(Some(&sending), &answer(at(-61))).unwrap_err();
    assert!(matches!(error.paid(), PaidVerdict::Lost(_)), "{error}");
    for created in [at(-60), at(5), None] {
        assert!(no_earlier_task(Some(&sending), &answer(created)).is_ok(), "{created:?}");
    }
}

#[test]
fn what_a_gateway_repeats_is_no_older_than_the_job_that_it_is_for() {
    let at = |second: i64| Timestamp::from_second(5_000_000 + second).unwrap();
    let answer = |second| {
        let report = TaskReport { created: Some(at(second)), ..TaskReport::new(task(1), TaskStatus::Pending) };
        Submitted { report, replayed: true }
    };
    // Our clock is an hour ahead of the service's.
    let mut sending = Job::clone(&job(1, Phase::Sending));
    sending.created_at = at(3_600);
    let send = sending.send.as_mut().unwrap();
    (send.first_at, send.first_server_time) = (at(3_600 + 500), Some(at(500)));
    let error = no_earlier_task(Some(&sending), &answer(-61)).unwrap_err();
    assert!(matches!(error.paid(), PaidVerdict::Lost(_)), "{error}");
    assert!(no_earlier_task(Some(&sending), &answer(-60)).is_ok(), "a copy of the store may have sent it");
    sending.created_at = at(9_000);
    assert!(no_earlier_task(Some(&sending), &answer(-90_000)).is_ok(), "our clock was turned back since");
}

#[tokio::test(start_paused = true)]
async fn a_task_is_named_twice_where_two_answers_to_one_request_name_it() {
    let now = Now::of_test(0);
    let mut submitter = submitter(Sending::WithConsent, &[job(1, Phase::Sending)], now);
    assert!(!submitter.names_again(&task(1)), "nothing was asked");
    submitter.opened(JobId::from_bits(1), now);
    let named = [1, 2, 2, 1].map(|n| submitter.names_again(&task(n)));
    assert_eq!(named, [false, false, true, false]);
    submitter.opened(JobId::from_bits(2), now);
    assert!(!submitter.names_again(&task(1)), "that was another request");
}

#[test]
fn a_task_that_may_be_the_lost_one_of_another_job_is_no_answer() {
    let at = |second: i64| Timestamp::from_second(5_000_000 + second).ok();
    let sent = |n, phase, second| {
        let mut job = Job::clone(&job(n, phase));
        let send = job.send.as_mut().unwrap();
        (send.first_server_time, send.last_server_time) = (at(second), at(second));
        job
    };
    let sending = sent(1, Phase::Sending, 0);
    let answer = |created, replayed| {
        let report = TaskReport { created, ..TaskReport::new(task(1), TaskStatus::Pending) };
        Submitted { report, replayed }
    };
    let asked =
        |answer: &Submitted, twice, others: &[Job]| no_questions_task(Some(&sending), answer, twice, || Ok(others.to_vec()));
    let takes = |answer: &Submitted, others: &[Job]| asked(answer, false, others);
    let given_up = sent(2, Phase::Cancelled(CancelledBy::YouUnsure), -20);
    let unsure = sent(3, Phase::Unsure(Doubt::default()), -20);
    for other in [&given_up, &unsure] {
        let error = takes(&answer(at(-16), false), std::slice::from_ref(other)).unwrap_err();
        assert!(matches!(error.paid(), PaidVerdict::Lost(_)), "{error}");
        // What was made since may be its own.
        for created in [at(-2), at(1), None] {
            assert!(takes(&answer(created, false), std::slice::from_ref(other)).is_ok(), "{created:?}");
        }
        // What the gateway repeats may be the answer to a copy of the store, or to nobody: asked again it says the same.
        assert!(takes(&answer(at(-16), true), std::slice::from_ref(other)).is_err());
        assert!(asked(&answer(at(-16), true), true, std::slice::from_ref(other)).is_ok());
        assert!(asked(&answer(at(-16), false), true, std::slice::from_ref(other)).is_err(), "it repeats nothing");
    }
    let draft = JobKind::Draft { prompt: Prompt::new("old pier").unwrap(), template: None };
    let draft = Job { kind: draft, ..unsure.clone() };
    assert!(takes(&answer(at(-16), false), std::slice::from_ref(&draft)).is_err(), "nobody told of which model the task is");
    let mut told = answer(at(-16), false);
    told.report.model = Some(Model::Enhance.wire_name().to_owned());
    assert!(takes(&told, std::slice::from_ref(&draft)).is_ok());
    for other in [sent(2, unsure.phase, -120), sending.clone()] {
        assert!(takes(&answer(at(-16), false), std::slice::from_ref(&other)).is_ok(), "{other:?}");
    }
    let locked = || Err(StoreError::Database("locked".to_owned()));
    assert!(no_questions_task(Some(&sending), &answer(at(-16), false), false, locked).is_err());
    assert!(no_questions_task(Some(&sending), &answer(at(0), false), false, locked).is_ok(), "nothing is asked");
}

#[test]
fn the_task_of_another_job_is_no_answer_and_what_cannot_be_read_counts_as_taken() {
    let report = TaskReport::new(task(1), TaskStatus::Pending);
    let (one, two) = (JobId::from_bits(1), JobId::from_bits(2));
    assert!(no_others_task(one, Model::Enhance, &report, Ok(None), Ok(false)).is_ok());
    assert!(no_others_task(one, Model::Enhance, &report, Ok(Some(one)), Ok(true)).is_ok());
    let other = TaskReport { model: Some("mj-v7".to_owned()), ..report.clone() };
    assert!(
        no_others_task(one, Model::Enhance, &other, Ok(None), Ok(false)).is_err(),
        "a task of another model is not what was asked for"
    );
    let locked = || StoreError::Database("locked".to_owned());
    for (owner, is_known) in
        [(Ok(Some(two)), Ok(true)), (Ok(None), Ok(true)), (Err(locked()), Ok(false)), (Ok(None), Err(locked()))]
    {
        let error = no_others_task(one, Model::Enhance, &report, owner, is_known).unwrap_err();
        assert!(matches!(error.paid(), PaidVerdict::Lost(_)), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_draft_needs_no_check_and_waits_for_its_own_price_in_its_turn() {
    let now = Now::of_test(0);
    let prompt = crate::job::Prompt::new("old pier").unwrap();
    let draft = Job { kind: crate::job::JobKind::Draft { prompt, template: None }, ..Job::clone(&job(1, Phase::Waiting)) };
    let jobs = [Arc::new(draft), job(2, Phase::Waiting)];
    let index = index(&jobs);
    let mut submitter = Submitter::new(Sending::WithConsent);
    for job in &jobs {
        submitter.on_job(job, 0, now);
    }
    fine(&mut submitter, &jobs[1]);
    assert!(submitter.drafts_to_check(&index, now).is_empty());
    let mut waiting = submitter.waiting_models(&index, now);
    waiting.sort_unstable();
    assert_eq!(waiting, Model::ALL);
    assert_eq!(submitter.next(true, &[Model::Enhance], &index, &gate(), now), Next::default(), "its turn is kept");
    assert_eq!(submitter.next_deadline(true, &[Model::Enhance], &index, &gate(), now), None);
    let next = submitter.next(true, &[Model::Draft], &index, &gate(), now);
    assert_eq!(next.send, Some(NextSend::First(JobId::from_bits(1))));
    let dear = Credits::from_uc(1);
    assert_eq!(submitter.approved_at_other_price(&index, Model::Draft, dear), [JobId::from_bits(1)]);
    assert_eq!(submitter.approved_at_other_price(&index, Model::Enhance, dear), [JobId::from_bits(2)]);
    let report = TaskReport { model: Some("mj-v7".to_owned()), ..TaskReport::new(task(1), TaskStatus::Pending) };
    assert!(no_others_task(JobId::from_bits(1), Model::Draft, &report, Ok(None), Ok(false)).is_ok());
    assert!(no_others_task(JobId::from_bits(2), Model::Enhance, &report, Ok(None), Ok(false)).is_err());
}
