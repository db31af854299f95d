use std::sync::Arc;

use super::super::account::tests::{error, gate};
use super::super::index::tests::{index, job, running, task};
use super::*;
use crate::job::{FetchTrouble, TaskStatus};

fn rng() -> fastrand::Rng {
    fastrand::Rng::with_seed(1)
}

/// A poller that watches so many running jobs.
fn watching(count: u64, now: Now) -> (Poller, JobIndex) {
    let jobs: Vec<Arc<Job>> = (1..=count).map(|n| job(n, running())).collect();
    let mut poller = Poller::default();
    for job in &jobs {
        poller.on_job(job, false, &mut rng(), now);
    }
    (poller, index(&jobs))
}

fn back(poller: &mut Poller, jobs: &JobIndex, read: Read, result: Result<Vec<TaskReport>, ApiError>, now: Now) -> Vec<PollNews> {
    poller.on_read(read, result, &mut rng(), Scene { jobs, awaits_link: &|_| false, gate: &gate(), now })
}

#[tokio::test(start_paused = true)]
async fn many_jobs_leave_in_batches_four_at_once_and_under_the_budget() {
    let now = Now::of_test(9);
    let (mut poller, _) = watching(1_000, now);
    assert_eq!(poller.next_deadline(now.at), Some(now.at));
    let reads: Vec<Read> = std::iter::from_fn(|| poller.next_read(&mut gate(), now)).collect();
    assert_eq!(reads.len(), READS_AT_ONCE);
    assert!(reads.iter().all(|read| matches!(read, Read::Many(many) if many.len() == 50)));
    assert_eq!(poller.next_deadline(now.at), None, "an answer makes room");
    let (mut poller, _) = watching(1, now);
    let mut closed = gate();
    let until = closed.refused(now.at, None);
    assert_eq!(poller.next_read(&mut closed, now), None);
    assert_eq!(poller.next_deadline(until), Some(until));
}

#[tokio::test(start_paused = true)]
async fn an_end_is_to_be_written_and_progress_is_not() {
    let now = Now::of_test(9);
    let (mut poller, jobs) = watching(2, now);
    let read = Read::Many((1..=2).map(|n| (Subscriber::Job(JobId::from_bits(n)), task(n))).collect());
    let mut moving = TaskReport::new(task(1), TaskStatus::Processing);
    moving.percent = crate::job::Percent::new(40);
    let done = TaskReport::new(task(2), TaskStatus::Completed);
    let news = back(&mut poller, &jobs, read, Ok(vec![done.clone(), moving]), now);
    assert!(matches!(news[0], PollNews::Progress(id, _, heard) if id == JobId::from_bits(1) && heard.at == Some(now.wall)));
    assert_eq!(news[1], PollNews::Report(JobId::from_bits(2), Box::new(done)));
}

#[tokio::test(start_paused = true)]
async fn what_a_task_cost_is_told_where_its_job_was_unwatched_while_the_read_was_under_way() {
    let now = Now::of_test(9);
    let (mut poller, mut jobs) = watching(1, now);
    let read = poller.next_read(&mut gate(), now).unwrap();
    let unwatched = job(1, Phase::Unwatched);
    jobs.put(&unwatched, 0);
    poller.on_job(&unwatched, false, &mut rng(), now);
    assert_eq!(jobs.get(unwatched.id), None);
    let moving = TaskReport::new(task(1), TaskStatus::Processing);
    assert_eq!(back(&mut poller, &jobs, read.clone(), Ok(vec![moving]), now), Vec::new());
    let done = TaskReport::new(task(1), TaskStatus::Completed);
    let news = back(&mut poller, &jobs, read, Ok(vec![done.clone()]), now);
    assert_eq!(news, [PollNews::Report(unwatched.id, Box::new(done))]);
    assert_eq!(poller.next_deadline(now.at), None, "it is not asked about again");
}

/// The service's own word that it does not know a task.
fn unknown() -> ApiError {
    ApiError { code: "task_not_found".into(), status: Some(404), is_json: true, ..error(ErrorClass::NotFound) }
}

/// Lets this error answer every read for so long; what is told, and how many reads that took.
fn for_so_long(minutes: u64, error: &ApiError, others_answer: bool) -> (Vec<PollNews>, usize) {
    let mut now = Now::of_test(9);
    let (mut poller, jobs) = watching(1, now);
    let (end, mut told, mut reads) = (now.at + Duration::from_secs(minutes * 60), Vec::new(), 0);
    while let Some(due) = poller.next_deadline(now.at).filter(|due| *due <= end) {
        now = now.after(due.saturating_duration_since(now.at));
        let read = poller.next_read(&mut gate(), now).unwrap();
        reads += 1;
        told.extend(back(&mut poller, &jobs, read, Err(error.clone()), now));
        if others_answer {
            poller.service_answers(now);
        }
    }
    (told, reads)
}

#[tokio::test(start_paused = true)]
async fn a_task_is_gone_only_by_the_services_own_word_over_an_hour_in_which_other_reads_succeed() {
    let (told, reads) = for_so_long(59, &unknown(), true);
    assert!(told.is_empty() && (20..60).contains(&reads), "{told:?} after {reads} reads");
    let (told, _) = for_so_long(65, &unknown(), true);
    assert_eq!(told.first(), Some(&PollNews::Vanished(JobId::from_bits(1))));
    assert!(for_so_long(600, &unknown(), false).0.is_empty(), "where nothing else answers, nothing is known");
}

#[tokio::test(start_paused = true)]
async fn a_web_page_or_a_404_on_every_route_ends_no_job() {
    let page = ApiError { code: "http_404".into(), status: Some(404), ..error(ErrorClass::NotFound) };
    let json = ApiError { code: "http_404".into(), status: Some(404), is_json: true, ..error(ErrorClass::NotFound) };
    let denied = ApiError { code: "permission_denied".into(), status: Some(403), is_json: true, ..error(ErrorClass::Access) };
    for trouble in [page, json, denied] {
        let (told, reads) = for_so_long(600, &trouble, true);
        assert!(told.is_empty() && reads > 5, "{trouble}: {told:?} after {reads} reads");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_was_found_again_counts_from_the_beginning() {
    let mut now = Now::of_test(9);
    let (mut poller, jobs) = watching(1, now);
    let mut told = Vec::new();
    for round in 0..120 {
        let due = poller.next_deadline(now.at).unwrap();
        now = now.after(due.saturating_duration_since(now.at));
        let read = poller.next_read(&mut gate(), now).unwrap();
        poller.service_answers(now);
        let answer = if round % 20 == 19 { Ok(vec![TaskReport::new(task(1), TaskStatus::Processing)]) } else { Err(unknown()) };
        told.extend(back(&mut poller, &jobs, read, answer, now).into_iter().filter(|news| matches!(news, PollNews::Vanished(_))));
    }
    assert!(told.is_empty(), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn one_odd_task_does_not_hide_the_others_of_its_batch_for_long() {
    let mut now = Now::of_test(9);
    let (mut poller, jobs) = watching(10, now);
    let odd = ApiError { code: "unreadable_answer".into(), status: Some(200), ..error(ErrorClass::InvalidResponse) };
    let (mut told, mut single) = (Vec::new(), HashSet::new());
    for _ in 0..40 {
        let Some(due) = poller.next_deadline(now.at) else { break };
        now = now.after(due.saturating_duration_since(now.at));
        match poller.next_read(&mut gate(), now).unwrap() {
            read @ Read::Many(_) => told.extend(back(&mut poller, &jobs, read, Err(odd.clone()), now)),
            Read::One(Subscriber::Job(id), task) => {
                single.insert(id);
                let report = TaskReport::new(task.clone(), TaskStatus::Completed);
                let news = back(&mut poller, &jobs, Read::One(Subscriber::Job(id), task), Ok(vec![report]), now);
                assert!(matches!(news.as_slice(), [PollNews::Report(..)]));
                poller.on_job(&job(id.bits(), Phase::Saved), false, &mut rng(), now);
            }
            Read::One(..) => unreachable!("no draft is asked about"),
        }
    }
    assert_eq!(single.len(), 10, "each task was read on its own");
    assert_eq!(told.len(), 1, "and it was said once: {told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_status_that_is_not_known_is_told_once_and_is_no_end() {
    let now = Now::of_test(9);
    let (mut poller, jobs) = watching(1, now);
    let mut odd = Vec::new();
    for _ in 0..3 {
        let report = TaskReport::new(task(1), TaskStatus::Other("succeeded".into()));
        let read = Read::One(Subscriber::Job(JobId::from_bits(1)), task(1));
        odd.extend(back(&mut poller, &jobs, read, Ok(vec![report]), now));
    }
    let odd: Vec<_> = odd.into_iter().filter(|news| !matches!(news, PollNews::Progress(..))).collect();
    assert_eq!(odd, [PollNews::OddStatus(JobId::from_bits(1), "succeeded".into())]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_read_waits_and_a_draft_in_it_is_said_to_be_unread() {
    let now = Now::of_test(9);
    let mut poller = Poller::default();
    poller.check_draft(&task(9), now);
    let read = poller.next_read(&mut gate(), now).unwrap();
    let news = back(&mut poller, &JobIndex::default(), read, Err(error(ErrorClass::Server)), now);
    assert_eq!(news, [PollNews::DraftUnread(task(9))]);
    let due = poller.next_deadline(now.at).unwrap();
    assert!(due > now.at && poller.next_read(&mut gate(), now).is_none());
    let later = now.after(due - now.at);
    let read = poller.next_read(&mut gate(), later).unwrap();
    let draft = TaskReport::new(task(9), TaskStatus::Completed);
    let news = back(&mut poller, &JobIndex::default(), read, Ok(vec![draft.clone()]), later);
    assert_eq!(news, [PollNews::Draft(Box::new(draft))]);
    assert_eq!(poller.next_deadline(later.at), None, "it is known");
}

#[tokio::test(start_paused = true)]
async fn a_finished_job_is_asked_about_only_while_a_fresh_link_is_waited_for() {
    let now = Now::of_test(9);
    let (mut poller, _) = watching(1, now);
    let done = job(1, Phase::ToFetch(FetchTrouble::default()));
    poller.on_job(&done, true, &mut rng(), now);
    assert!(poller.next_deadline(now.at).is_some());
    poller.on_job(&done, false, &mut rng(), now);
    assert_eq!(poller.next_deadline(now.at), None);
    poller.ask_now(done.id, &task(1), now);
    let read = poller.next_read(&mut gate(), now).unwrap();
    let report = TaskReport::new(task(1), TaskStatus::Completed);
    let jobs = index(&[done]);
    let scene = Scene { jobs: &jobs, awaits_link: &|_| true, gate: &gate(), now };
    let news = poller.on_read(read, Ok(vec![report]), &mut rng(), scene);
    assert!(matches!(news.as_slice(), [PollNews::Report(..)]));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_completed_without_links_is_asked_about_until_its_job_is_over() {
    let now = Now::of_test(9);
    let (mut poller, jobs) = watching(1, now);
    let read = poller.next_read(&mut gate(), now).unwrap();
    let report = TaskReport::new(task(1), TaskStatus::Completed);
    assert!(matches!(back(&mut poller, &jobs, read, Ok(vec![report]), now).as_slice(), [PollNews::Report(..)]));
    assert_eq!(poller.next_deadline(now.at), None);
    let mut waiting = Job::clone(&job(1, running()));
    waiting.finished_at = Some(now.wall);
    poller.on_job(&waiting, false, &mut rng(), now);
    poller.await_links(&waiting, now);
    assert_eq!(poller.next_deadline(now.at), Some(now.at + LINKS_WAIT));
    let failed = job(1, Phase::Unwatched);
    poller.on_job(&failed, false, &mut rng(), now);
    poller.await_links(&failed, now);
    assert_eq!(poller.next_deadline(now.at), None);
}
