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
    let now = Now::of_test(0);
    assert!(no_earlier_task(Some(&sending), &answer(at(-90_000)), now).is_ok(), "no service's clock was known");
    // It is known since: by our own the request left 100 s ago.
    let send = sending.send.as_mut().unwrap();
    send.first_at = Now::of_test(-100).wall;
    let known = |second| Now { service: at(100), ..Now::of_test(second) };
    assert!(no_earlier_task(Some(&sending), &answer(at(-61)), known(0)).is_err());
    assert!(no_earlier_task(Some(&sending), &answer(at(-60)), known(0)).is_ok());
    assert!(no_earlier_task(Some(&sending), &answer(at(-61)), known(-101)).is_ok(), "our clock was turned back");
    assert!(no_earlier_task(Some(&sending), &answer(at(-61)), now).is_ok());
    sending.send.as_mut().unwrap().first_server_time = at(0);
    let error = no_earlier_task(Some(&sending), &answer(at(-61)), now).unwrap_err();
    assert!(matches!(error.paid(), PaidVerdict::Lost(_)), "{error}");
    for created in [at(-60), at(5), None] {
        assert!(no_earlier_task(Some(&sending), &answer(created), now).is_ok(), "{created:?}");
    }
}

#[test]
fn what_a_gateway_repeats_is_no_older_than_the_job_that_it_is_for() {
    let (at, now) = (|second: i64| Timestamp::from_second(5_000_000 + second).unwrap(), Now::of_test(0));
    let answer = |second| {
        let report = TaskReport { created: Some(at(second)), ..TaskReport::new(task(1), TaskStatus::Pending) };
        Submitted { report, replayed: true }
    };
    // Our clock is an hour ahead of the service's.
    let mut sending = Job::clone(&job(1, Phase::Sending));
    sending.created_at = at(3_600);
    let send = sending.send.as_mut().unwrap();
    (send.first_at, send.first_server_time) = (at(3_600 + 500), Some(at(500)));
    let error = no_earlier_task(Some(&sending), &answer(-61), now).unwrap_err();
    assert!(matches!(error.paid(), PaidVerdict::Lost(_)), "{error}");
    assert!(no_earlier_task(Some(&sending), &answer(-60), now).is_ok(), "a copy of the store may have sent it");
    sending.created_at = at(9_000);
    assert!(no_earlier_task(Some(&sending), &answer(-90_000), now).is_ok(), "our clock was turned back since");
}

#[tokio::test(start_paused = true)]
async fn a_task_is_believed_where_three_repeated_answers_in_a_row_name_it() {
    let now = Now::of_test(0);
    let mut submitter = submitter(Sending::WithConsent, &[job(1, Phase::Sending)], now);
    let answer = |n, replayed| Submitted { report: TaskReport::new(task(n), TaskStatus::Pending), replayed };
    assert!(!submitter.names_the_same(&answer(1, true)), "nothing was asked");
    submitter.opened(JobId::from_bits(1), now);
    let named = [1, 2, 2, 1, 1, 1, 1, 2].map(|n| submitter.names_the_same(&answer(n, true)));
    assert_eq!(named, [false, false, false, false, false, true, true, false]);
    let named = [true, true, false, true, true, false, true].map(|replayed| submitter.names_the_same(&answer(3, replayed)));
    assert_eq!(named, [false; 7], "what repeats nothing is a wrong name, and the count begins anew");
    submitter.opened(JobId::from_bits(2), now);
    let named = [1, 1].map(|n| submitter.names_the_same(&answer(n, true)));
    assert_eq!(named, [false; 2], "that was another request");
}

#[test]
fn a_task_that_may_be_the_lost_one_of_another_job_is_no_answer() {
    let (at, now) = (|second: i64| Timestamp::from_second(5_000_000 + second).ok(), Now::of_test(0));
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
    let asked = |answer: &Submitted, certain, others: &[Job]| {
        no_questions_task(Some(&sending), answer, certain, || Ok(others.to_vec()), now)
    };
    let takes = |answer: &Submitted, others: &[Job]| asked(answer, false, others);
    let given_up = sent(2, Phase::Cancelled(CancelledBy::YouUnsure), -20);
    let unsure = sent(3, Phase::Unsure(Doubt::default()), -20);
    for other in [&given_up, &unsure] {
        let error = takes(&answer(at(-16), false), std::slice::from_ref(other)).unwrap_err();
        assert!(matches!(error.paid(), PaidVerdict::Lost(_)), "{error}");
        assert!(takes(&answer(at(-2), false), std::slice::from_ref(other)).is_err());
        // What was made since may be its own.
        for created in [at(-1), at(1), None] {
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
    assert!(no_questions_task(Some(&sending), &answer(at(-16), false), false, locked, now).is_err());
    assert!(no_questions_task(Some(&sending), &answer(at(0), false), false, locked, now).is_ok(), "nothing is asked");
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

#[tokio::test(start_paused = true)]
async fn with_clocks_that_agree_a_lost_answer_is_repeated_within_its_window_by_the_slowest_of_them() {
    let seconds = |n: i64| jiff::SignedDuration::from_secs(n);
    let start = Now { service: Timestamp::from_second(5_000_000).ok(), ..Now::of_test(0) };
    // So long after the attempt by the runtime, and what the wall's and the service's clock show more or less than that.
    for (after, wall, service, repeated) in [
        (1, 0, 0, true),
        (1, 10, 0, true),
        (1, 0, 10, true),
        (1, -10, -10, true),
        (1, 11, 0, false),
        (1, 0, 11, false),
        (1, -11, 0, false),
        (1, 0, -11, false),
        (14, 0, 0, true),
        (15, 0, 0, true),
        (16, 0, 0, false),
        // The clock that shows most counts.
        (10, 5, 0, true),
        (10, 6, 0, false),
        (10, 0, 6, false),
    ] {
        let mut submitter = submitter(Sending::WithConsent, &[], start);
        let id = JobId::from_bits(1);
        submitter.opened(id, start);
        let Answer::Lost { over: None, .. } = answered(&mut submitter, error(ErrorClass::Network), start) else { panic!() };
        let later = start.after(Duration::from_secs(after));
        let due = Now {
            wall: later.wall.checked_add(seconds(wall)).unwrap(),
            service: start.service.map(|at| at + seconds(i64::try_from(after).unwrap() + service)),
            ..later
        };
        let wanted = if repeated { Repeat::Attempt(id) } else { Repeat::GiveUp(id, LostAnswer::TimePassed) };
        assert_eq!(submitter.due_repeat(&gate(), due), Some(wanted), "{after} {wall} {service}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_the_service_does_not_know_yet_is_asked_for_once_more_after_a_minute() {
    let now = Now::of_test(0);
    let mut submitter = submitter(Sending::WithConsent, &[], now);
    let id = JobId::from_bits(1);
    submitter.opened(id, now);
    let unknown = || ApiError { status: Some(409), ..error(ErrorClass::PaidOutcomeUnknown) };
    let Answer::Lost { over: None, .. } = answered(&mut submitter, unknown(), now) else { panic!() };
    assert_eq!(submitter.next_repeat(), Some(now.at + retry::PAID_OUTCOME_WAIT));
    let late = |seconds| now.after(Duration::from_secs(seconds));
    assert_eq!(submitter.due_repeat(&gate(), late(59)), None);
    assert_eq!(submitter.due_repeat(&gate(), late(60)), Some(Repeat::Attempt(id)));
    assert_eq!(submitter.due_repeat(&gate(), late(90)), Some(Repeat::Attempt(id)), "its window is longer");
    assert_eq!(submitter.due_repeat(&gate(), late(91)), Some(Repeat::GiveUp(id, LostAnswer::TimePassed)));
    submitter.repeated();
    assert!(submitter.is_in_air() && submitter.next_repeat().is_none());
    let Answer::Lost { over, .. } = answered(&mut submitter, unknown(), late(60)) else { panic!() };
    assert!(matches!(over, Some(LostAnswer::Failed(_))) && !submitter.is_open(), "asked twice, it is looked for");
}

#[tokio::test(start_paused = true)]
async fn repeats_are_counted() {
    let now = Now::of_test(0);
    let mut submitter = submitter(Sending::WithConsent, &[], now);
    submitter.opened(JobId::from_bits(1), now);
    let mut over = None;
    for repeats in 0..=retry::PAID_REPEATS {
        assert!(over.is_none(), "{repeats}");
        // At the same moment, so that only their number ends them.
        let Answer::Lost { over: ended, .. } = answered(&mut submitter, error(ErrorClass::Server), now) else { panic!() };
        over = ended;
        submitter.repeated();
    }
    assert!(over.is_some(), "one attempt and {} repeats", retry::PAID_REPEATS);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_that_could_not_be_written_waits_as_long_as_its_window_lasts() {
    let now = Now::of_test(0);
    let mut submitter = submitter(Sending::WithConsent, &[], now);
    assert!(!submitter.repeat_not_written(now), "nothing is open");
    submitter.opened(JobId::from_bits(1), now);
    assert!(!submitter.repeat_not_written(now.after(Duration::from_secs(9))));
    assert_eq!(submitter.next_repeat(), Some(now.at + Duration::from_secs(9) + STORE_WAIT));
    assert!(submitter.repeat_not_written(now.after(Duration::from_secs(10))), "the next would leave as the window ends");
    let slept = Now { wall: now.wall.checked_add(jiff::SignedDuration::from_hours(25)).unwrap(), ..now };
    assert!(submitter.repeat_not_written(slept));
}

#[tokio::test(start_paused = true)]
async fn only_the_open_request_is_awaited_and_only_while_it_is_open() {
    let now = Now::of_test(0);
    let jobs = [job(1, Phase::Waiting)];
    let (mut submitter, index) = (submitter(Sending::WithConsent, &jobs, now), index(&jobs));
    let [one, other] = [1, 2].map(JobId::from_bits);
    assert!(!submitter.is_open() && !submitter.is_in_air() && !submitter.awaits(one));
    submitter.opened(one, now);
    assert!(submitter.is_open() && submitter.is_in_air() && submitter.awaits(one) && !submitter.awaits(other));
    answered(&mut submitter, error(ErrorClass::Server), now);
    assert!(submitter.is_open() && !submitter.is_in_air(), "between two attempts nothing is in the air");
    submitter.close();
    assert!(!submitter.is_open() && !submitter.awaits(one) && submitter.next_repeat().is_none());
    assert!(submitter.next(true, &Model::ALL, &index, &gate(), now).send.is_some());
    assert!(submitter.on_submitted(Err(error(ErrorClass::Server)), None, &mut fastrand::Rng::with_seed(1), now).is_none());
}

#[tokio::test(start_paused = true)]
async fn work_is_what_waits_goes_again_or_was_deferred_where_this_run_may_send() {
    let now = Now::of_test(0);
    let jobs = [job(1, Phase::Waiting)];
    let id = JobId::from_bits(1);
    let empty = || submitter(Sending::WithConsent, &[], now);
    assert!(!empty().has_work());
    let mut queued = submitter(Sending::WithConsent, &jobs, now);
    assert!(queued.has_work());
    queued.defer(id);
    assert!(queued.has_work() && queued.next(true, &Model::ALL, &index(&jobs), &gate(), now) == Next::default(), "it waits");
    assert_eq!(queued.take_deferred(), [id]);
    assert!(queued.take_deferred().is_empty() && !queued.has_work());
    let mut again = empty();
    again.send_again(id);
    assert!(again.has_work());
    for sending in [Sending::Nothing, Sending::UpTo(Credits::PUBLISHED_PRICE)] {
        assert!(!submitter(sending, &jobs, now).has_work(), "{sending:?}: it may not send, or not yet");
    }
}

#[tokio::test(start_paused = true)]
async fn what_goes_again_goes_once_in_its_order_and_for_its_price() {
    let now = Now::of_test(0);
    let jobs = [1, 2, 3].map(|n| job(n, Phase::Waiting));
    let [one, two, three] = [1, 2, 3].map(JobId::from_bits);
    let (mut submitter, index) = (submitter(Sending::WithConsent, &jobs[2..], now), index(&jobs));
    submitter.send_again(one);
    submitter.send_again(one);
    submitter.send_again_first(two);
    assert_eq!(submitter.next_deadline(true, &[], &index, &gate(), now), None, "its price is being read");
    submitter.on_job(&job(3, Phase::Held(HoldReason::You)), 0, now);
    assert_eq!(submitter.next_deadline(true, &Model::ALL, &index, &gate(), now), Some(now.at), "also with an empty queue");
    submitter.on_job(&jobs[2], 0, now);
    assert_eq!(submitter.next_deadline(true, &Model::ALL, &index, &gate(), now), Some(now.at));
    let mut next = |priced: &[Model]| submitter.next(true, priced, &index, &gate(), now).send;
    assert_eq!(next(&[Model::Draft]), None);
    let all: Vec<_> = (0..3).map(|_| next(&Model::ALL)).collect();
    assert_eq!(all, [Some(NextSend::SameKey(two)), Some(NextSend::SameKey(one)), Some(NextSend::First(three))]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_no_write_makes_the_next_request_wait() {
    let now = Now::of_test(0);
    let jobs = [job(1, Phase::Waiting)];
    let (mut submitter, index) = (submitter(Sending::WithConsent, &jobs, now), index(&jobs));
    submitter.store_refused(now);
    assert_eq!(submitter.next(true, &Model::ALL, &index, &gate(), now), Next::default());
    assert_eq!(submitter.next_deadline(true, &Model::ALL, &index, &gate(), now), Some(now.at + STORE_WAIT));
    assert!(submitter.next(true, &Model::ALL, &index, &gate(), now.after(STORE_WAIT)).send.is_some());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_due_while_something_stands_in_the_way_or_a_draft_is_being_checked() {
    let now = Now::of_test(0);
    let jobs = [job(1, Phase::Waiting)];
    let index = index(&jobs);
    let mut ready = submitter(Sending::WithConsent, &jobs, now);
    assert_eq!(ready.next_deadline(false, &Model::ALL, &index, &gate(), now), None);
    assert_eq!(ready.next_deadline(true, &[Model::Draft], &index, &gate(), now), None, "its price wakes the loop");
    assert_eq!(submitter(Sending::Nothing, &jobs, now).next_deadline(true, &Model::ALL, &index, &gate(), now), None);
    let mut asked = Submitter::new(Sending::WithConsent);
    asked.on_job(&jobs[0], 0, now);
    asked.drafts_to_check(&index, now);
    assert_eq!(asked.next_deadline(true, &Model::ALL, &index, &gate(), now), None, "its answer wakes the loop");
}

#[tokio::test(start_paused = true)]
async fn only_a_confirmation_of_this_start_is_in_the_queue_and_its_grace_is_waited_for() {
    let now = Now::of_test(0);
    let waiting = job(1, Phase::Waiting);
    let seq = waiting.approval.unwrap().seq;
    for (floor, queued) in [(seq - 1, true), (seq, false), (seq + 1, false)] {
        let mut submitter = Submitter::new(Sending::WithConsent);
        submitter.on_job(&waiting, floor, now);
        assert_eq!(submitter.has_work(), queued, "{floor}");
    }
    let mut submitter = submitter(Sending::WithConsent, std::slice::from_ref(&waiting), now);
    submitter.on_job(&job(1, Phase::Held(HoldReason::You)), 0, now);
    assert!(!submitter.has_work(), "what is held again leaves the queue");
    // Five seconds of grace, of which two are over.
    let mut graced = Job::clone(&waiting);
    let approval = graced.approval.as_mut().unwrap();
    approval.at = now.wall.checked_sub(jiff::SignedDuration::from_secs(2)).unwrap();
    approval.not_before = now.wall.checked_add(jiff::SignedDuration::from_secs(3)).unwrap();
    let jobs = [Arc::new(graced)];
    let index = index(&jobs);
    let mut submitter = Submitter::new(Sending::WithConsent);
    submitter.on_job(&jobs[0], 0, now);
    fine(&mut submitter, &jobs[0]);
    let due = now.at + Duration::from_secs(3);
    assert_eq!(submitter.next_deadline(true, &Model::ALL, &index, &gate(), now), Some(due));
    assert_eq!(submitter.next(true, &Model::ALL, &index, &gate(), now), Next::default());
    assert!(submitter.next(true, &Model::ALL, &index, &gate(), now.after(Duration::from_secs(3))).send.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_and_a_closed_door_pause_by_their_own_names() {
    let now = Now::of_test(0);
    let paused = |class, status| {
        let mut submitter = submitter(Sending::WithConsent, &[], now);
        submitter.opened(JobId::from_bits(1), now);
        match answered(&mut submitter, ApiError { status: Some(status), ..error(class) }, now) {
            Answer::NotAccepted { update: Update::PutBack(_), pause, .. } => pause,
            other => panic!("{other:?}"),
        }
    };
    assert!(matches!(paused(ErrorClass::Login, 401), Some(PauseReason::Login { .. })));
    assert!(matches!(paused(ErrorClass::Access, 403), Some(PauseReason::Access { .. })));
    assert!(matches!(paused(ErrorClass::ModelDenied, 403), Some(PauseReason::Access { .. })));
}

#[tokio::test(start_paused = true)]
async fn want_of_capacity_makes_the_waits_longer_until_an_answer_comes() {
    let now = Now::of_test(0);
    let jobs = [job(1, Phase::Waiting)];
    let (mut submitter, index) = (submitter(Sending::WithConsent, &jobs, now), index(&jobs));
    let mut waits = Vec::new();
    for _ in 0..4 {
        submitter.opened(JobId::from_bits(1), now);
        answered(&mut submitter, ApiError { status: Some(400), ..error(ErrorClass::NoCapacity) }, now);
        waits.push((submitter.next_deadline(true, &Model::ALL, &index, &gate(), now).unwrap() - now.at).as_secs());
    }
    assert_eq!(waits, [30, 60, 120, 120]);
    submitter.opened(JobId::from_bits(1), now);
    let report = TaskReport::new(task(1), TaskStatus::Pending);
    let sending = job(1, Phase::Sending);
    let accepted = Submitted { report, replayed: false };
    let answer = submitter.on_submitted(Ok(accepted), Some(&sending), &mut fastrand::Rng::with_seed(1), now).unwrap();
    let Answer::Accepted { agreed, .. } = answer else { panic!("{answer:?}") };
    assert_eq!(agreed, sending.send.as_ref().map(|send| send.agreed), "it is compared with what was agreed to");
    submitter.opened(JobId::from_bits(1), now);
    answered(&mut submitter, ApiError { status: Some(400), ..error(ErrorClass::NoCapacity) }, now);
    assert_eq!((submitter.next_deadline(true, &Model::ALL, &index, &gate(), now).unwrap() - now.at).as_secs(), 30);
}

#[test]
fn a_draft_is_checked_before_the_first_attempt_unless_somebody_looked() {
    let waiting = Job::clone(&job(1, Phase::Waiting));
    let sent = Job { send: job(1, Phase::Sending).send.clone(), ..waiting.clone() };
    assert!(to_check(&waiting).is_some() && sent.send.is_some());
    assert!(to_check(&sent).is_none() && to_check(&Job { source_confirmed: true, ..waiting }).is_none());
    assert!(to_check(&Job { source_confirmed: true, ..sent }).is_none());
}
