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
async fn a_task_is_gone_after_three_single_reads_that_miss_it() {
    let mut now = Now::of_test(9);
    let (mut poller, jobs) = watching(1, now);
    let mut news = Vec::new();
    for _ in 0..MISSING_READS {
        assert!(news.is_empty());
        let read = poller.next_read(&mut gate(), now).unwrap();
        news = back(&mut poller, &jobs, read, Err(error(ErrorClass::NotFound)), now);
        assert_eq!(poller.next_deadline(now.at), Some(now.at + MISSING_WAIT));
        now = now.after(MISSING_WAIT);
    }
    assert_eq!(news, [PollNews::Vanished(JobId::from_bits(1))]);
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
