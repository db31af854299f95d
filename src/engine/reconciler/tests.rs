use super::super::account::tests::{error, gate};
use super::super::index::tests::{at, index, job, task, unsure};
use super::*;
use crate::job::{ErrorClass, TaskStatus};
use std::sync::Arc;

fn row(n: u64, second: i64) -> TaskRow {
    TaskRow {
        id: task(n),
        model: Model::Enhance.wire_name().to_owned(),
        status: TaskStatus::Processing,
        percent: None,
        created_at: Some(at(second)),
        result_count: None,
        used: None,
    }
}

fn page(rows: Vec<TaskRow>) -> ListPage {
    ListPage { rows, unreadable: 0, total: None }
}

/// A reconciler that waits for the first page, for one unsure job.
fn asking(now: Now) -> (Reconciler, JobIndex) {
    let job = job(1, unsure());
    let (mut reconciler, jobs) = (Reconciler::default(), index(std::slice::from_ref(&job)));
    reconciler.on_job(&job, now);
    let query = reconciler.next_read(&jobs, &mut gate(), now).unwrap();
    assert_eq!((query.page, query.model), (1, Some(Model::Enhance)));
    (reconciler, jobs)
}

fn listed(reconciler: &mut Reconciler, jobs: &JobIndex, result: Result<ListPage, ApiError>, now: Now) -> Listed {
    let scene =
        Scene { jobs, given_up: &|_| Ok(Vec::new()), is_known: &|_, _| false, prices: Prices::PUBLISHED, may_send: true, now };
    reconciler.on_listed(result, &mut fastrand::Rng::with_seed(1), scene)
}

#[tokio::test(start_paused = true)]
async fn the_list_is_read_once_it_can_know_the_last_attempt() {
    let (now, job) = (Now::of_test(0), job(1, unsure()));
    let (mut reconciler, jobs) = (Reconciler::default(), index(std::slice::from_ref(&job)));
    reconciler.on_job(&job, now);
    assert_eq!(reconciler.next_deadline(now.at), Some(now.at + LIST_LAG));
    assert!(reconciler.has_open_questions(&jobs));
    assert_eq!(reconciler.next_read(&jobs, &mut gate(), now), None);
    assert!(reconciler.next_read(&jobs, &mut gate(), now.after(LIST_LAG)).is_some());
    assert_eq!(reconciler.next_deadline(now.at), None, "the page is under way");
}

#[tokio::test(start_paused = true)]
async fn an_old_row_ends_the_walk_only_where_the_newest_come_first() {
    let now = Now::of_test(5);
    let (mut reconciler, jobs) = asking(now);
    let oldest_first = (0..50).map(|n| row(100 + n, -9_000 + 30 * i64::try_from(n).unwrap())).collect();
    assert_eq!(listed(&mut reconciler, &jobs, Ok(page(oldest_first)), now), Listed::More);
    reconciler.next_read(&jobs, &mut gate(), now).unwrap();
    let spelled = TaskRow { model: "Maker/MJ-V7-Enhance ".to_owned(), ..row(7, 1) };
    assert_eq!(listed(&mut reconciler, &jobs, Ok(page(vec![spelled])), now), Listed::More);
    reconciler.next_read(&jobs, &mut gate(), now).unwrap();
    let Listed::Findings(found) = listed(&mut reconciler, &jobs, Ok(page(vec![])), now) else { panic!() };
    assert_eq!(found[0].update, Some(Update::Adopted(task(7))));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_counts_more_than_it_shows_proves_nothing() {
    let now = Now::of_test(5);
    let (mut reconciler, jobs) = asking(now);
    let counted = ListPage { total: Some(1), ..page(vec![]) };
    let Listed::Findings(found) = listed(&mut reconciler, &jobs, Ok(counted), now) else { panic!() };
    assert!(!found[0].send_again, "the one that is not shown may be it");
    assert_eq!(found[0].notice, Some(NoticeKind::StaysUnsure(Undecided::UnreadableRows(1))));
}

#[tokio::test(start_paused = true)]
async fn the_walk_goes_on_until_it_is_past_the_first_attempt() {
    let now = Now::of_test(5);
    let (mut reconciler, jobs) = asking(now);
    assert_eq!(listed(&mut reconciler, &jobs, Ok(page(vec![row(7, 1)])), now), Listed::More);
    assert_eq!(reconciler.next_read(&jobs, &mut gate(), now).map(|query| query.page), Some(2));
    let Listed::Findings(found) = listed(&mut reconciler, &jobs, Ok(page(vec![row(8, -900)])), now) else { panic!() };
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].update, Some(Update::Adopted(task(7))));
    assert_eq!(found[0].notice, Some(NoticeKind::TaskFound(task(7))));
}

#[tokio::test(start_paused = true)]
async fn where_nothing_fits_the_same_request_goes_again_once_and_then_only_after_a_settled_list() {
    let now = Now::of_test(5);
    let (mut reconciler, jobs) = asking(now);
    let Listed::Findings(found) = listed(&mut reconciler, &jobs, Ok(page(Vec::new())), now) else { panic!() };
    assert!(found[0].send_again && matches!(found[0].update, Some(Update::ListRead { .. })));
    let (mut reconciler, jobs) = asking(now);
    reconciler.sent_again(JobId::from_bits(1));
    let Listed::Findings(found) = listed(&mut reconciler, &jobs, Ok(page(Vec::new())), now) else { panic!() };
    assert!(!found[0].send_again && found[0].update.is_none());
    let settled = now.at + Duration::try_from(retry::LIST_SETTLES).unwrap() - Duration::from_secs(5);
    assert_eq!(reconciler.next_deadline(now.at), Some(settled));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_read_stops_the_other_jobs_for_two_minutes_and_keeps_no_run_alive() {
    let start = Now::of_test(5);
    let (mut reconciler, jobs) = asking(start);
    reconciler.note_questions(&jobs, start);
    let mut now = start;
    while now.at < start.at + BLOCKS_FOR {
        assert!(reconciler.blocks_sending(&jobs, now));
        listed(&mut reconciler, &jobs, Err(error(ErrorClass::NotFound)), now);
        let due = reconciler.next_deadline(now.at).unwrap();
        now = now.after(due - now.at);
        reconciler.note_questions(&jobs, now);
        reconciler.next_read(&jobs, &mut gate(), now);
    }
    assert!(!reconciler.blocks_sending(&jobs, now) && reconciler.has_open_questions(&jobs));
    assert!(reconciler.has_given_up_reading());
    assert_eq!(reconciler.block_ends(start), Some(start.at + BLOCKS_FOR));
}

#[tokio::test(start_paused = true)]
async fn the_third_failure_in_a_row_is_told_and_reading_goes_on() {
    let mut now = Now::of_test(5);
    let (mut reconciler, jobs) = asking(now);
    let mut told = Vec::new();
    for _ in 0..4 {
        let Listed::Failed(notice) = listed(&mut reconciler, &jobs, Err(error(ErrorClass::Server)), now) else { panic!() };
        told.push(notice.is_some());
        let due = reconciler.next_deadline(now.at).unwrap();
        assert!(due > now.at);
        now = now.after(due - now.at);
        assert!(reconciler.next_read(&jobs, &mut gate(), now).is_some());
    }
    assert_eq!(told, [false, false, true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_fits_the_open_request_of_another_job_is_not_taken_and_the_list_is_read_again() {
    let now = Now::of_test(5);
    let (one, two) = (job(1, unsure()), job(2, Phase::Sending));
    let (mut reconciler, jobs) = (Reconciler::default(), index(&[Arc::clone(&one), two]));
    reconciler.on_job(&one, now);
    reconciler.next_read(&jobs, &mut gate(), now).unwrap();
    let Listed::Findings(found) = listed(&mut reconciler, &jobs, Ok(page(vec![row(7, 1), row(8, -900)])), now) else { panic!() };
    assert_eq!((found, reconciler.next_deadline(now.at)), (Vec::new(), Some(now.at + SENDING_WAIT)));
    assert!(reconciler.has_open_questions(&jobs));
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_key_is_answered_with_the_task_of_another_is_for_the_user_and_does_not_go_out_again() {
    let now = Now::of_test(5);
    let (mut reconciler, jobs) = asking(now);
    reconciler.names_other(JobId::from_bits(1));
    let Listed::Findings(found) = listed(&mut reconciler, &jobs, Ok(page(Vec::new())), now) else { panic!() };
    assert_eq!((found[0].send_again, found[0].notice.clone()), (false, Some(NoticeKind::StaysUnsure(Undecided::NamesOther))));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_goes_out_again_and_again_stops_the_others_for_two_minutes_in_all() {
    let mut now = Now::of_test(5);
    let (mut reconciler, jobs) = asking(now);
    let sending = index(&[job(1, Phase::Sending)]);
    let mut rounds = 0;
    while rounds == 0 || reconciler.blocks_sending(&jobs, now) {
        reconciler.note_questions(&jobs, now);
        reconciler.sent_again(JobId::from_bits(1));
        now = now.after(Duration::from_secs(30));
        reconciler.listing = None;
        reconciler.at = None;
        reconciler.note_questions(&sending, now);
        rounds += 1;
        assert!(rounds <= 4, "after two minutes the others go");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_fits_a_job_that_was_given_up_is_for_the_user_and_without_the_store_nothing_is_decided() {
    let now = Now::of_test(5);
    let (mut reconciler, jobs) = asking(now);
    let given_up = Job::clone(&job(2, Phase::Cancelled(crate::job::CancelledBy::YouUnsure)));
    let known = |_: Timestamp| Ok(vec![given_up.clone()]);
    let scene = Scene { jobs: &jobs, given_up: &known, is_known: &|_, _| false, prices: Prices::PUBLISHED, may_send: true, now };
    let rows = vec![row(7, 1), row(8, -900)];
    let Listed::Findings(found) = reconciler.on_listed(Ok(page(rows)), &mut fastrand::Rng::with_seed(1), scene) else { panic!() };
    assert_eq!(found.len(), 1, "the other is over");
    assert_eq!(found[0].notice, Some(NoticeKind::StaysUnsure(Undecided::SeveralTasks(1))));
    // Also where the question is older than a day, as after a sleep: what was given up then was given up in its time.
    let later = now.after(Duration::from_hours(50));
    let (mut reconciler, jobs) = asking(later);
    let known = |since: Timestamp| Ok(if since < at(0) { vec![given_up.clone()] } else { Vec::new() });
    let scene = Scene { jobs: &jobs, given_up: &known, now: later, ..scene };
    let rows = vec![row(7, 1), row(8, -900)];
    let Listed::Findings(found) = reconciler.on_listed(Ok(page(rows)), &mut fastrand::Rng::with_seed(1), scene) else { panic!() };
    assert_eq!(found[0].notice, Some(NoticeKind::StaysUnsure(Undecided::SeveralTasks(1))));
    let (mut reconciler, jobs) = asking(now);
    let unreadable = |_: Timestamp| Err(StoreError::Database("locked".to_owned()));
    let scene = Scene { jobs: &jobs, given_up: &unreadable, now, ..scene };
    let listed = reconciler.on_listed(Ok(page(Vec::new())), &mut fastrand::Rng::with_seed(1), scene);
    assert_eq!((listed, reconciler.next_deadline(now.at)), (Listed::More, Some(now.at + STORE_WAIT)));
}

#[tokio::test(start_paused = true)]
async fn rows_that_could_not_be_read_are_counted_over_all_pages_with_those_that_are_missing() {
    let now = Now::of_test(5);
    let (mut reconciler, jobs) = asking(now);
    let told = |rows, unreadable, total| ListPage { rows, unreadable, total };
    assert_eq!(listed(&mut reconciler, &jobs, Ok(told(vec![row(7, 900)], 2, Some(9))), now), Listed::More);
    reconciler.next_read(&jobs, &mut gate(), now).unwrap();
    assert_eq!(listed(&mut reconciler, &jobs, Ok(told(vec![row(8, 800)], 1, Some(9))), now), Listed::More);
    reconciler.next_read(&jobs, &mut gate(), now).unwrap();
    // Nine there are, two were read and three were not: four more are nowhere.
    let Listed::Findings(found) = listed(&mut reconciler, &jobs, Ok(told(vec![], 0, Some(9))), now) else { panic!() };
    assert_eq!(found[0].notice, Some(NoticeKind::StaysUnsure(Undecided::UnreadableRows(7))));
}

#[test]
fn a_list_is_past_a_time_when_a_row_is_older_by_more_than_clocks_may_differ() {
    let mut listing = Listing::new(Model::Enhance);
    assert!(!listing.is_past(at(0)), "an empty list is past nothing");
    let skew = CLOCK_SKEW.as_secs();
    listing.count(&page(vec![row(1, 5), row(2, -skew)]));
    assert!(!listing.is_past(at(0)));
    listing.count(&page(vec![row(3, -skew - 1)]));
    assert!(listing.is_past(at(0)));
    listing.count(&page(vec![row(4, 9_000)]));
    assert!(!listing.is_past(at(0)), "it is not ordered");
}

#[tokio::test(start_paused = true)]
async fn a_walk_ends_after_forty_pages_and_says_that_there_is_more() {
    let now = Now::of_test(5);
    let (mut reconciler, jobs) = asking(now);
    for read in 1..MOST_PAGES {
        assert_eq!(listed(&mut reconciler, &jobs, Ok(page(vec![row(7, 900)])), now), Listed::More, "{read}");
        let query = reconciler.next_read(&jobs, &mut Gate::new(6_000, Duration::ZERO, now.at), now).unwrap();
        assert_eq!(query.page, read + 1);
    }
    let Listed::Findings(found) = listed(&mut reconciler, &jobs, Ok(page(vec![row(7, 900)])), now) else { panic!() };
    assert_eq!(found[0].notice, Some(NoticeKind::StaysUnsure(Undecided::MoreTasks(40))));
}

#[tokio::test(start_paused = true)]
async fn the_list_is_read_late_enough_after_an_attempt_and_at_once_for_the_user() {
    let (now, job) = (Now::of_test(9_000), job(1, unsure()));
    let jobs = index(std::slice::from_ref(&job));
    let mut asked = Reconciler::default();
    asked.read_now(now);
    assert_eq!(asked.next_deadline(now.at), Some(now.at));
    asked.after_attempt(now);
    assert_eq!(asked.next_deadline(now.at), Some(now.at + LIST_LAG));
    asked.read_now(now);
    assert_eq!(asked.next_deadline(now.at), Some(now.at + LIST_LAG), "the user makes no list settle sooner");
    assert_eq!(asked.next_read(&jobs, &mut gate(), now), None);
    assert!(asked.next_read(&jobs, &mut gate(), now.after(LIST_LAG)).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_question_is_open_from_a_lost_answer_to_the_end_of_the_walk() {
    let now = Now::of_test(5);
    let none = index(&[]);
    let looked = Phase::Unsure(crate::job::Doubt { looked: true, ..crate::job::Doubt::default() });
    let (unread, read) = (index(&[job(1, unsure())]), index(&[job(1, looked)]));
    let mut reconciler = Reconciler::default();
    assert!(!reconciler.has_open_questions(&none) && !reconciler.has_open_questions(&read));
    assert!(reconciler.has_open_questions(&unread), "nobody has looked for it yet");
    reconciler.read_now(now);
    assert!(!reconciler.has_open_questions(&none), "there is nothing to look for");
    assert!(reconciler.has_open_questions(&read), "it is looked for once more");
    reconciler.next_read(&read, &mut gate(), now).unwrap();
    assert!(reconciler.has_open_questions(&none), "a page is under way");
    assert_eq!(reconciler.next_deadline(now.at), None);
    assert_eq!(listed(&mut reconciler, &read, Ok(page(vec![row(7, 900)])), now), Listed::More);
    let read_from = now.at + Duration::from_secs(3);
    assert_eq!(reconciler.next_deadline(read_from), Some(read_from), "the next page waits for the gate alone");
    reconciler.next_read(&read, &mut gate(), now).unwrap();
    listed(&mut reconciler, &read, Ok(page(vec![])), now);
    assert!(!reconciler.has_open_questions(&none) && !reconciler.has_open_questions(&read));
    reconciler.next_models = vec![Model::Draft];
    assert!(reconciler.has_open_questions(&none), "the other model's tasks come next");
    assert_eq!(reconciler.next_deadline(read_from), Some(read_from));
}

#[tokio::test(start_paused = true)]
async fn a_question_stands_in_the_way_for_two_minutes_from_its_first_turn() {
    let now = Now::of_test(5);
    let jobs = index(&[job(1, unsure())]);
    let mut reconciler = Reconciler::default();
    assert!(reconciler.blocks_sending(&jobs, now) && reconciler.block_ends(now).is_none());
    reconciler.note_questions(&jobs, now);
    let end = now.after(BLOCKS_FOR);
    assert_eq!(reconciler.block_ends(now), Some(end.at));
    assert_eq!(reconciler.block_ends(end), None, "what is over wakes nobody");
    assert!(!reconciler.blocks_sending(&jobs, end));
    assert!(!reconciler.has_given_up_reading());
    for failures in 1..=TOLD_FAILURES {
        reconciler.failures = failures;
        assert_eq!(reconciler.has_given_up_reading(), failures == TOLD_FAILURES);
    }
}

#[tokio::test(start_paused = true)]
async fn that_a_job_went_out_again_is_remembered_until_it_is_decided() {
    let now = Now::of_test(5);
    let mut reconciler = Reconciler::default();
    for (phase, remembered) in [
        (unsure(), true),
        (Phase::Sending, true),
        (super::super::index::tests::running(), false),
        (Phase::Held(crate::job::HoldReason::You), false),
    ] {
        reconciler.sent_again(JobId::from_bits(1));
        reconciler.names_other(JobId::from_bits(1));
        reconciler.on_job(&job(1, phase.clone()), now);
        let found = (reconciler.resent.is_empty(), reconciler.name_others.is_empty());
        assert_eq!(found, (!remembered, !remembered), "{phase:?}");
    }
}

#[test]
fn a_list_has_settled_a_minute_after_the_latest_attempt() {
    let sent = job(1, unsure());
    let settles = retry::LIST_SETTLES.as_secs();
    assert!(!list_has_settled(&sent, Now::of_test(settles - 1)) && list_has_settled(&sent, Now::of_test(settles)));
    assert!(list_has_settled(&job(1, Phase::Waiting), Now::of_test(0)), "nothing was sent");
}
