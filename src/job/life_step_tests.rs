//! The steps of a life one by one: what each takes, what it leaves, and what it does not fit.

use jiff::Timestamp;

use super::charge::Charge;
use super::failure::{ErrorClass, Failure};
use super::id::{IdempotencyKey, ImageNumber, JobId, TaskId};
use super::kind::JobKind;
use super::life::{Applied, Approval, Job, SavedFile, Update};
use super::money::Credits;
use super::phase::{FetchTrouble, HoldReason, LostAnswer, Percent, Phase, Progress, State};
use super::prompt::Prompt;
use super::report::{TaskReport, TaskStatus};
use super::request::PaidRequest;
use super::verdict::Verdict;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000 + second).unwrap()
}

fn task(n: u8) -> TaskId {
    TaskId::new(&format!("task-unified-1790000000-{n}")).unwrap()
}

fn standing(phase: Phase) -> Job {
    let kind = JobKind::Enhance { source: TaskId::new("task-unified-1790000000-draft").unwrap(), image: ImageNumber::ALL[0] };
    let mut job = Job::new(JobId::from_bits(1), kind, 1, at(0));
    job.phase = phase;
    job
}

fn approval(seq: u64, second: i64) -> Update {
    let approval = Approval { seq, price: Credits::PUBLISHED_PRICE, at: at(second), not_before: at(second) };
    Update::Approve { approval, request: PaidRequest { key: IdempotencyKey::from_random([7; 16]), body: "{}".into() } }
}

/// Confirmed, and its paid request on the wire.
fn sending() -> Job {
    let mut job = standing(Phase::Held(HoldReason::You));
    job.apply(approval(1, 0), at(0));
    let key = IdempotencyKey::from_random([1; 16]);
    assert!(job.apply(Update::SendStarted { key, body: String::new(), server_time: None }, at(0)).changed());
    job
}

fn lost() -> Failure {
    Failure::new(ErrorClass::Network, "reset", "")
}

fn unsure() -> Job {
    let mut job = sending();
    job.apply(Update::AnswerLost(lost()), at(1));
    assert!(job.apply(Update::RepeatsUsedUp(LostAnswer::TimePassed), at(2)).changed());
    job
}

fn running(percent: Option<i64>, seconds_left: Option<u32>, heard: Option<i64>) -> Job {
    let progress = Progress { percent: percent.and_then(Percent::new), seconds_left, at: heard.map(at) };
    Job { task: Some(task(0)), ..standing(Phase::Running(progress)) }
}

fn report(status: TaskStatus) -> TaskReport {
    TaskReport::new(task(0), status)
}

fn hear(job: &mut Job, report: &TaskReport, second: i64) -> Applied {
    job.apply(Update::Reported(Box::new(report.clone())), at(second))
}

fn is_changed(mut job: Job, update: Update) -> bool {
    let before = job.clone();
    let changed = job.apply(update, at(9)).changed();
    assert!(changed || job == before, "what is ignored changes nothing");
    changed
}

#[test]
fn an_answer_about_a_running_task_is_news_where_a_number_moved() {
    let mut heard = report(TaskStatus::Processing);
    (heard.percent, heard.seconds_left) = (Percent::new(40), Some(30));
    for (percent, seconds_left, before, news) in [
        (Some(40), Some(30), Some(1), false),
        (Some(39), Some(30), Some(1), true),
        (None, Some(30), Some(1), true),
        (Some(40), Some(31), Some(1), true),
        (Some(40), None, Some(1), true),
        (Some(39), Some(31), Some(1), true),
        (Some(40), Some(30), None, true),
    ] {
        let mut job = running(percent, seconds_left, before);
        assert_eq!(hear(&mut job, &heard, 5).changed(), news, "{percent:?} {seconds_left:?} {before:?}");
        let at_last = if news { Some(at(5)) } else { before.map(at) };
        assert_eq!(job.progress().unwrap().at, at_last, "only news is written down");
    }
    let mut job = running(None, None, None);
    assert!(!job.apply(Update::Reported(Box::new(TaskReport::new(task(1), TaskStatus::Processing))), at(5)).changed());
}

#[test]
fn a_result_that_waits_takes_fresh_links_and_nothing_else() {
    let links = |links: &[&str]| links.iter().map(|link| (*link).to_owned()).collect::<Vec<_>>();
    for phase in [Phase::ToFetch(FetchTrouble::default()), Phase::Fetching(FetchTrouble::default())] {
        let job = Job { task: Some(task(0)), links: links(&["https://h/1"]), ..standing(phase.clone()) };
        for (status, told, news) in [
            (TaskStatus::Completed, links(&["https://h/2"]), true),
            (TaskStatus::Completed, links(&["https://h/1"]), false),
            (TaskStatus::Completed, links(&[]), false),
            (TaskStatus::Processing, links(&["https://h/2"]), false),
            (TaskStatus::Failed, links(&["https://h/2"]), false),
        ] {
            let mut after = job.clone();
            let told = TaskReport { links: told, ..report(status.clone()) };
            assert_eq!(hear(&mut after, &told, 5).changed(), news, "{status:?} {:?}", told.links);
            assert_eq!(after.links, if news { told.links } else { job.links.clone() });
            assert_eq!(after.phase, phase);
        }
    }
}

#[test]
fn a_charge_that_is_told_while_links_are_awaited_is_written_down() {
    let mut job = Job { charge: Some(Charge::Reserved), ..running(None, None, Some(0)) };
    let silent = report(TaskStatus::Completed);
    assert!(hear(&mut job, &silent, 10).changed(), "its end is written down");
    assert!(!hear(&mut job, &silent, 10).changed(), "the same in the same moment is no news");
    assert!(!hear(&mut job, &silent, 20).changed());
    assert_eq!((job.charge, job.charged), (Some(Charge::Reserved), None), "without evidence it stays reserved");
    let charged = TaskReport { used: Some(Credits::PUBLISHED_PRICE), ..silent.clone() };
    assert!(hear(&mut job, &charged, 30).changed());
    assert_eq!((job.charge, job.charged), (Some(Charge::Charged), Some(Credits::PUBLISHED_PRICE)));
    assert!(!hear(&mut job, &charged, 40).changed());
    assert!(hear(&mut job, &charged, 5).changed(), "a clock that was turned back sets the end back");
    assert_eq!(job.finished_at, Some(at(5)));
}

#[test]
fn what_is_taken_up_again_keeps_what_is_known_of_its_money() {
    let ended = |charge, links: &[&str]| {
        let gone = Failure::new(ErrorClass::NotFound, "task_not_found", "");
        let links = links.iter().map(|link| (*link).to_owned()).collect();
        Job { task: Some(task(0)), charge, links, finished_at: Some(at(1)), ..standing(Phase::Failed(gone)) }
    };
    for (charge, links, then) in [
        (Some(Charge::NotKnown), &[][..], (Some(Charge::Reserved), State::Running, None)),
        (Some(Charge::Charged), &[], (Some(Charge::Charged), State::Running, None)),
        (Some(Charge::NotKnown), &["https://h/1"], (Some(Charge::NotKnown), State::ToFetch, Some(at(1)))),
    ] {
        for update in [Update::FetchAgain, Update::Watch] {
            let mut job = ended(charge, links);
            assert!(job.apply(update.clone(), at(9)).changed(), "{update:?}");
            assert_eq!((job.charge, job.state(), job.finished_at), then, "{update:?}");
        }
    }
}

#[test]
fn a_download_is_given_up_or_tried_anew_only_where_there_is_one() {
    let dead = || Update::FetchFailed(Failure::new(ErrorClass::Link, "link_expired", ""));
    let trouble = |attempts| FetchTrouble { attempts, last: (attempts > 0).then(|| "reset".to_owned()) };
    for (phase, ends) in [
        (Phase::ToFetch(trouble(1)), true),
        (Phase::Fetching(trouble(0)), true),
        (Phase::Running(Progress::default()), false),
        (Phase::Saved, false),
    ] {
        assert_eq!(is_changed(standing(phase.clone()), dead()), ends, "{phase:?}");
    }
    for (phase, anew) in [
        (Phase::ToFetch(trouble(0)), false),
        (Phase::ToFetch(trouble(1)), true),
        (Phase::ToFetch(trouble(2)), true),
        (Phase::Fetching(trouble(2)), false),
    ] {
        let mut job = standing(phase.clone());
        assert_eq!(job.apply(Update::FetchAgain, at(9)).changed(), anew, "{phase:?}");
        assert!(!anew || job.phase == Phase::ToFetch(FetchTrouble::default()));
    }
}

#[test]
fn a_refusal_ends_what_was_sent_only_where_no_earlier_attempt_is_open() {
    let refusal = |status| Failure { status, ..Failure::new(ErrorClass::BadRequest, "invalid_parameters", "") };
    let after = |lost_before: bool, update: Update| {
        let mut job = sending();
        if lost_before {
            job.apply(Update::AnswerLost(lost()), at(1));
            assert!(job.apply(Update::SendRepeated { server_time: None }, at(2)).changed());
        }
        assert!(job.apply(update, at(3)).changed());
        (job.state(), job.charge)
    };
    let not_known = Some(Charge::NotKnown);
    let reserved = Some(Charge::Reserved);
    for (update, first, repeat) in [
        (Update::PutBack(lost()), (State::Waiting, None), (State::Unsure, reserved)),
        (Update::Refused(refusal(Some(402))), (State::Held, None), (State::Unsure, reserved)),
        (Update::Rejected(refusal(Some(400))), (State::Failed, None), (State::Unsure, reserved)),
        // Whoever said so did not say that nothing was made.
        (Update::Rejected(refusal(Some(500))), (State::Failed, not_known), (State::Unsure, reserved)),
        (Update::Rejected(refusal(None)), (State::Failed, not_known), (State::Unsure, reserved)),
    ] {
        assert_eq!(after(false, update.clone()), first, "{update:?}");
        assert_eq!(after(true, update.clone()), repeat, "{update:?} of a repeat");
        for elsewhere in [Phase::Waiting, Phase::Running(Progress::default()), Phase::Held(HoldReason::You)] {
            assert!(!is_changed(standing(elsewhere.clone()), update.clone()), "{update:?} at {elsewhere:?}");
        }
    }
}

#[test]
fn the_task_list_is_news_where_it_shows_something_else() {
    let look = |job: &mut Job, tasks: &[u8]| {
        let candidates = tasks.iter().map(|n| task(*n)).collect();
        job.apply(Update::ListRead { candidates, server_time: None }, at(100))
    };
    let mut job = unsure();
    assert!(look(&mut job, &[]).changed(), "the first look is news, also of nothing");
    assert_eq!(look(&mut job, &[]), Applied::Ignored("nothing new in the task list"));
    assert!(look(&mut job, &[1]).changed());
    assert_eq!(look(&mut job, &[1]), Applied::Ignored("nothing new in the task list"));
    assert!(look(&mut job, &[1, 2]).changed());
    assert_eq!(look(&mut sending(), &[1]), Applied::Ignored("it is not unsure"));
    // Asked for once more, it is looked through anew; where it is being looked through, there is nothing to begin.
    assert!(job.apply(Update::EngineStarted, at(101)).changed());
    assert!(!is_changed(job.clone(), Update::EngineStarted));
    assert!(look(&mut job, &[1, 2]).changed(), "the same after a new look is news");
}

#[test]
fn an_unsure_job_goes_out_again_only_with_a_look_that_found_nothing_a_young_key_and_a_confirmation() {
    let looked = |tasks: &[u8]| {
        let mut job = unsure();
        let candidates = tasks.iter().map(|n| task(*n)).collect();
        job.apply(Update::ListRead { candidates, server_time: None }, at(100));
        job
    };
    let send = |mut job: Job, second: i64| job.apply(Update::SendAgainSameKey { server_time: None }, at(second)).changed();
    assert!(send(looked(&[]), 101));
    assert!(!send(looked(&[1]), 101), "a task fits");
    assert!(!send(unsure(), 101), "nobody looked");
    assert!(send(looked(&[]), 86_399) && !send(looked(&[]), 86_400), "the key has a day");
    let mut elsewhere = looked(&[]);
    elsewhere.approval.as_mut().unwrap().seq = Approval::ELSEWHERE;
    assert_eq!(
        elsewhere.clone().apply(Update::SendAgainSameKey { server_time: None }, at(101)),
        Applied::Ignored("nobody confirmed it in this store")
    );
    // A new confirmation lets it be looked for, and then go out.
    assert!(elsewhere.apply(approval(5, 102), at(102)).changed());
    assert!(!send(elsewhere.clone(), 103), "it is looked for first");
    elsewhere.apply(Update::ListRead { candidates: Vec::new(), server_time: None }, at(104));
    assert!(send(elsewhere, 105));
    assert!(!is_changed(looked(&[]), approval(5, 102)), "what was confirmed here needs no other confirmation");
    assert_eq!(sending().apply(Update::SendAgainSameKey { server_time: None }, at(1)), Applied::Ignored("it is not unsure"));
}

#[test]
fn a_key_counts_as_young_only_for_a_day() {
    let job = sending();
    assert!(job.key_is_young(at(86_399), None) && !job.key_is_young(at(86_400), None));
    assert!(!standing(Phase::Waiting).key_is_young(at(0), None), "there is none");
}

#[test]
fn a_new_start_of_the_engine_takes_up_what_was_under_way() {
    let trouble = FetchTrouble { attempts: 2, last: Some("reset".to_owned()) };
    let mut fetching = standing(Phase::Fetching(trouble.clone()));
    assert!(fetching.apply(Update::EngineStarted, at(9)).changed());
    assert_eq!(fetching.phase, Phase::ToFetch(trouble), "how often it was tried is kept");
    let mut sent = sending();
    assert!(sent.apply(Update::EngineStarted, at(9)).changed());
    assert_eq!((sent.state(), sent.send.unwrap().lost), (State::Unsure, 1));
    for phase in [Phase::Waiting, Phase::Saved, Phase::Running(Progress::default()), Phase::Unwatched] {
        assert!(!is_changed(standing(phase.clone()), Update::EngineStarted), "{phase:?}");
    }
}

#[test]
fn a_confirmation_makes_a_request_only_where_there_is_none() {
    let mut fresh = standing(Phase::Held(HoldReason::You));
    fresh.apply(approval(1, 0), at(0));
    let made = fresh.request.clone().unwrap();
    fresh.apply(Update::Hold(HoldReason::You), at(1));
    let other = PaidRequest { key: IdempotencyKey::from_random([9; 16]), body: "{}".into() };
    let Update::Approve { approval, .. } = approval(2, 2) else { unreachable!() };
    fresh.apply(Update::Approve { approval, request: other.clone() }, at(2));
    assert_eq!(fresh.request, Some(made), "its key is the one it had");
    // One that was on the wire has its request in what was sent.
    let mut back = sending();
    back.apply(Update::PutBack(lost()), at(1));
    assert!(back.apply(Update::Approve { approval, request: other.clone() }, at(2)).changed());
    assert_eq!(back.request, None);
    // Nor does a confirmation that is not taken leave one behind.
    let mut running = Job { task: Some(task(0)), ..standing(Phase::Running(Progress::default())) };
    assert!(!running.apply(Update::Approve { approval, request: other }, at(2)).changed());
    assert_eq!(running.request, None);
}

#[test]
fn what_is_on_the_wire_is_told_once_that_it_is_not_wanted() {
    let mut job = sending();
    assert_eq!((job.reason(), job.can_cancel().is_ok()), (None, true));
    assert!(job.apply(Update::Cancel, at(1)).changed());
    assert_eq!(job.reason().as_deref(), Some("stops being watched when the answer is here"));
    assert!(job.can_cancel().is_err() && !is_changed(job, Update::Cancel));
}

#[test]
fn a_verdict_is_news_where_it_is_another_one() {
    let file = SavedFile { path: "/r/a.png".into(), sha256: "ab".repeat(32), bytes: 9 };
    let mut job = Job { files: vec![file], ..standing(Phase::Saved) };
    for (verdict, news) in
        [(Some(Verdict::Kept), true), (Some(Verdict::Kept), false), (Some(Verdict::Rejected), true), (None, true), (None, false)]
    {
        assert_eq!(job.apply(Update::Judge(verdict), at(1)).changed(), news, "{verdict:?}");
        assert_eq!(job.verdict, verdict);
    }
    assert!(!is_changed(standing(Phase::Waiting), Update::Judge(Some(Verdict::Kept))));
}

#[test]
fn moderation_took_as_many_pictures_as_a_draft_has_fewer_than_four() {
    let draft = |links: usize, files: usize| {
        let kind = JobKind::Draft { prompt: Prompt::new("boat").unwrap(), template: None };
        let links = (0..links).map(|n| format!("https://h/{n}")).collect();
        let files =
            (0..files).map(|n| SavedFile { path: format!("/r/{n}.png").into(), sha256: "ab".repeat(32), bytes: 9 }).collect();
        Job { kind, links, files, ..standing(Phase::Saved) }.pictures_missing()
    };
    for (links, files, missing) in
        [(0, 0, None), (4, 0, None), (4, 4, None), (3, 0, Some(1)), (0, 2, Some(2)), (3, 2, Some(1)), (5, 0, None)]
    {
        assert_eq!(draft(links, files), missing, "{links} {files}");
    }
    assert_eq!(Job { links: vec!["https://h/0".into()], ..standing(Phase::Saved) }.pictures_missing(), None, "no draft");
}

#[test]
fn a_job_has_a_place_in_flight_from_its_send_to_the_end_of_its_task() {
    let in_flight: Vec<State> = State::ALL.into_iter().filter(|state| state.is_in_flight()).collect();
    assert_eq!(in_flight, [State::Sending, State::Running]);
}

#[test]
fn why_an_answer_counts_as_lost_is_said_in_words() {
    let said: Vec<String> = [
        LostAnswer::Failed(Failure::new(ErrorClass::Network, "reset", "the connection broke off")),
        LostAnswer::LongWait,
        LostAnswer::StoreUnwritable,
        LostAnswer::TimePassed,
        LostAnswer::RefusedLater { code: "quota".to_owned() },
        LostAnswer::OtherTask,
        LostAnswer::ProgramEnded,
        LostAnswer::from("as it\u{7} was"),
    ]
    .into_iter()
    .map(|why| why.to_string())
    .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_key_that_was_never_refused_stays_with_its_job_however_late_it_is_confirmed_again() {
    let mut job = sending();
    let key = job.send.as_ref().unwrap().key.clone();
    job.apply(Update::PutBack(lost()), at(1));
    job.apply(Update::Hold(HoldReason::You), at(2));
    assert!(job.apply(approval(2, 200_000), at(200_000)).changed());
    assert_eq!(job.send.unwrap().key, key, "a copy of the store may hold it and send it");
}

#[test]
fn what_a_task_cost_counts_also_where_nobody_watches_it_any_more() {
    let unwatched = || Job { task: Some(task(0)), charge: Some(Charge::Reserved), ..standing(Phase::Unwatched) };
    let used = |status| TaskReport { used: Some(Credits::PUBLISHED_PRICE), ..report(status) };
    let mut job = unwatched();
    assert!(hear(&mut job, &used(TaskStatus::Completed), 5).changed());
    assert_eq!((job.state(), job.charge, job.charged), (State::Unwatched, Some(Charge::Charged), Some(Credits::PUBLISHED_PRICE)));
    assert!(!hear(&mut job, &used(TaskStatus::Completed), 6).changed(), "said once");
    assert!(!hear(&mut unwatched(), &report(TaskStatus::Processing), 5).changed(), "it is not over");
    assert!(!hear(&mut unwatched(), &report(TaskStatus::Completed), 5).changed(), "nothing is said of its cost");
}

#[test]
fn a_repeated_answer_dates_the_request_to_when_its_task_was_made() {
    let sent = |first, last| {
        let mut job = sending();
        let send = job.send.as_mut().unwrap();
        (send.first_server_time, send.last_server_time) = (first, last);
        job
    };
    let accepted = |mut job: Job, created: Option<i64>, replayed| {
        let report = TaskReport { created: created.map(at), ..TaskReport::new(task(0), TaskStatus::Pending) };
        assert!(job.apply(Update::Accepted { report: Box::new(report), replayed }, at(700)).changed());
        job.send.map(|send| (send.first_server_time, send.last_server_time)).unwrap()
    };
    let (first, last) = (Some(at(500)), Some(at(600)));
    for (created, replayed, expected) in [
        (Some(100), true, (Some(at(100)), Some(at(100)))),
        (Some(550), true, (first, Some(at(550)))),
        (Some(650), true, (first, last)),
        (None, true, (first, last)),
        (Some(100), false, (first, last)),
    ] {
        assert_eq!(accepted(sent(first, last), created, replayed), expected, "{created:?} {replayed}");
    }
    assert_eq!(
        accepted(sent(None, None), Some(100), true),
        (Some(at(100)), Some(at(100))),
        "its clock was not known at the send"
    );
}
