//! Which task of the account belongs to which unsure job: a pure comparison of times.
//!
//! List rows do not name the source of a task (docs/service.md §12), so only times and exclusion can speak. A task is taken
//! for a job only if neither fits anything else; anything less certain is for the user to decide.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::api::TaskRow;
use crate::job::{Credits, Job, JobId, Model, TaskId, TaskStatus, retry};

/// How far the service's clock may be from ours (docs/service.md §12: `created_at` ≥ submit time − 60 s).
pub(super) const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(60);
/// A request is given up after 30 s; a task it made cannot be younger than that, skew apart.
const REQUEST_TIME: SignedDuration = SignedDuration::from_secs(30);

/// The time in which an unsure job's task must have been made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Window {
    pub(super) job: JobId,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// An earlier task is not surely its own: an attempt before this one ended without a task, and the window begins with the
    /// first attempt of the key all the same. Where nothing ended so it is the window's beginning.
    sure_from: Timestamp,
    /// For a draft, its price: a task of its model that cost much more is none.
    pub(super) draft_price: Option<Credits>,
}

impl Window {
    /// From the first attempt to the end of the last, widened by what clocks may differ: by the service's clock where that
    /// was known when they began.
    ///
    /// `None` for a job that has no paid request. `price` is that of its model now.
    pub(super) fn new(job: &Job, price: Credits) -> Option<Self> {
        let send = job.send.as_ref()?;
        let (first, last) = (send.first_server_time.unwrap_or(send.first_at), send.last_server_time.unwrap_or(send.last_at));
        let from = first.checked_sub(CLOCK_SKEW).unwrap_or(Timestamp::MIN);
        // Put back in the queue, or refused and confirmed anew: of the attempts since, those in a row are surely open.
        let was_put_back = send.attempts > send.lost;
        let in_a_row = SignedDuration::try_from(retry::PAID_OUTCOME_WAIT + retry::PAID_WINDOW * 2).unwrap_or_default();
        let sure_from = last.checked_sub(CLOCK_SKEW + in_a_row).unwrap_or(Timestamp::MIN);
        Some(Self {
            job: job.id,
            from,
            sure_from: if was_put_back { from.max(sure_from) } else { from },
            to: last.checked_add(CLOCK_SKEW + REQUEST_TIME).unwrap_or(Timestamp::MAX),
            draft_price: (job.kind.model() == Model::Draft).then_some(send.agreed.max(price)),
        })
    }

    fn holds(&self, row: &TaskRow) -> bool {
        // A row without a time fits every window: it can make a case ambiguous, never certain in the wrong way.
        row.created_at.is_none_or(|created| self.is_at(created)) && !self.costs_too_much(row)
    }

    /// Whether the job's task may have been made then.
    pub(super) fn is_at(&self, created: Timestamp) -> bool {
        (self.from..=self.to).contains(&created)
    }

    /// Whether a task that fits must be this job's, if it is no other's.
    fn surely_holds(&self, row: &TaskRow) -> bool {
        row.created_at.is_none_or(|created| created >= self.sure_from)
    }

    /// Whether what the task cost in the end shows that it is no draft: at the other speeds a task of the same model costs
    /// twice and four times as much, whatever discount an account has, so what is nearer to twice the price is none.
    fn costs_too_much(&self, row: &TaskRow) -> bool {
        let charged = row.used.filter(|_| row.status == TaskStatus::Completed);
        self.draft_price.zip(charged).is_some_and(|(price, charged)| charged * 2 > price * 3)
    }
}

/// What the list says of one unsure job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Match {
    /// This task and no other, and it fits no other job.
    Is(TaskId),
    /// Nothing fits.
    Nothing,
    /// These might be it.
    Ambiguous(Vec<TaskId>),
}

/// Compares unsure jobs with the rows of the account's list. `belongs` says whether a task is some job's already.
pub(super) fn reconcile(windows: &[Window], rows: &[TaskRow], belongs: impl Fn(&TaskId) -> bool) -> BTreeMap<JobId, Match> {
    let mut seen = BTreeSet::new();
    let free: Vec<&TaskRow> = rows.iter().filter(|row| !belongs(&row.id) && seen.insert(&row.id)).collect();
    let fitting = |window: &Window| -> Vec<&TaskRow> { free.iter().copied().filter(|row| window.holds(row)).collect() };
    let fits = |window: &Window, task: &TaskId| fitting(window).iter().any(|row| row.id == *task);
    windows
        .iter()
        .map(|window| {
            let mine = fitting(window);
            let finding = match mine.as_slice() {
                [] => Match::Nothing,
                [only]
                    if window.surely_holds(only)
                        && !windows.iter().any(|other| other.job != window.job && fits(other, &only.id)) =>
                {
                    Match::Is(only.id.clone())
                }
                several => Match::Ambiguous(several.iter().map(|row| row.id.clone()).collect()),
            };
            (window.job, finding)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{IdempotencyKey, ImageNumber, JobKind, PaidSend, Prompt};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn row(name: &str, created: Option<i64>) -> TaskRow {
        TaskRow {
            id: task(name),
            model: "mj-v7-enhance".into(),
            status: TaskStatus::Processing,
            percent: None,
            created_at: created.map(at),
            result_count: None,
            used: None,
        }
    }

    fn task(name: &str) -> TaskId {
        TaskId::new(&format!("task-unified-1-{name}")).unwrap()
    }

    fn job(id: u64, send: PaidSend) -> Job {
        let kind = JobKind::Enhance { source: task("draft"), image: ImageNumber::ALL[0] };
        Job { send: Some(send), ..Job::new(JobId::from_bits(id), kind, 0, at(0)) }
    }

    fn window(id: u64, second: i64) -> Window {
        Window::new(&job(id, sent(second)), Credits::PUBLISHED_PRICE).unwrap()
    }

    #[test]
    fn what_was_charged_like_a_fast_run_is_no_draft() {
        let prompt = Prompt::new("old pier").unwrap();
        let send = PaidSend { agreed: Credits::PUBLISHED_DRAFT_PRICE, ..sent(1_000) };
        let draft = Job { kind: JobKind::Draft { prompt, template: None }, ..job(1, send) };
        let window = Window::new(&draft, Credits::PUBLISHED_DRAFT_PRICE).unwrap();
        let cost = |name: &str, status: TaskStatus, used: &str| TaskRow {
            status,
            used: Some(used.parse().unwrap()),
            ..row(name, Some(1_001))
        };
        for (used, is_draft) in [
            ("2.7", true),
            ("2.43", true),
            ("0", true),
            ("4.05", true),
            ("4.0501", false),
            ("5.4", false),
            ("4.86", false),
            ("10.8", false),
        ] {
            let found = reconcile(&[window], &[cost("a", TaskStatus::Completed, used)], |_| false);
            assert_eq!(found[&JobId::from_bits(1)] == Match::Is(task("a")), is_draft, "{used}");
        }
        let rows = [cost("a", TaskStatus::Completed, "5.4"), cost("b", TaskStatus::Processing, "5.4"), row("c", Some(1_001))];
        let found = reconcile(&[window], &rows, |_| false);
        assert_eq!(found[&JobId::from_bits(1)], Match::Ambiguous(vec![task("b"), task("c")]), "what is not final says nothing");
    }

    #[test]
    fn a_task_of_before_a_job_was_put_back_is_for_the_user_to_decide() {
        // Attempted at 1,000, put back, and sent again at 9,000, when the answer was lost.
        let put_back = PaidSend { last_at: at(9_000), attempts: 2, lost: 1, ..sent(1_000) };
        let never = PaidSend { lost: 2, ..put_back.clone() };
        for (send, created, wanted) in [
            (&put_back, 1_030, Match::Ambiguous(vec![task("a")])),
            (&put_back, 8_849, Match::Ambiguous(vec![task("a")])),
            (&put_back, 8_850, Match::Is(task("a"))),
            (&put_back, 9_010, Match::Is(task("a"))),
            (&put_back, 900, Match::Nothing),
            (&never, 1_030, Match::Is(task("a"))),
        ] {
            let window = Window::new(&job(1, send.clone()), Credits::PUBLISHED_PRICE).unwrap();
            let found = reconcile(&[window], &[row("a", Some(created))], |_| false);
            assert_eq!(found[&JobId::from_bits(1)], wanted, "{created}");
        }
    }

    fn sent(second: i64) -> PaidSend {
        PaidSend {
            key: IdempotencyKey::from_random([0; 16]),
            body: String::new(),
            agreed: Credits::PUBLISHED_PRICE,
            first_at: at(second),
            last_at: at(second),
            first_server_time: None,
            last_server_time: None,
            attempts: 1,
            lost: 1,
            absence_confirmed: false,
            refusals: 0,
        }
    }

    #[test]
    fn one_job_and_one_task_belong_together() {
        let found =
            reconcile(&[window(1, 1_000)], &[row("a", Some(1_001)), row("old", Some(500)), row("new", Some(2_000))], |_| false);
        assert_eq!(found[&JobId::from_bits(1)], Match::Is(task("a")));
    }

    #[test]
    fn what_the_services_clock_showed_counts_more_than_ours() {
        let send = PaidSend { first_server_time: Some(at(9_000)), last_server_time: Some(at(9_001)), ..sent(1_000) };
        let window = Window::new(&job(1, send), Credits::PUBLISHED_PRICE).unwrap();
        let found = reconcile(&[window], &[row("a", Some(9_002)), row("b", Some(1_001))], |_| false);
        assert_eq!(found[&JobId::from_bits(1)], Match::Is(task("a")));
    }

    #[test]
    fn tasks_of_other_jobs_do_not_count() {
        let found = reconcile(&[window(1, 1_000)], &[row("a", Some(1_001))], |id| *id == task("a"));
        assert_eq!(found[&JobId::from_bits(1)], Match::Nothing);
    }

    #[test]
    fn two_jobs_that_fit_one_task_are_for_the_user() {
        let found = reconcile(&[window(1, 1_000), window(2, 1_002)], &[row("a", Some(1_001))], |_| false);
        assert_eq!(found[&JobId::from_bits(1)], Match::Ambiguous(vec![task("a")]));
        assert_eq!(found[&JobId::from_bits(2)], Match::Ambiguous(vec![task("a")]));
    }

    #[test]
    fn two_tasks_that_fit_one_job_are_for_the_user() {
        let found =
            reconcile(&[window(1, 1_000)], &[row("a", Some(1_001)), row("b", Some(990)), row("a", Some(1_001))], |_| false);
        assert_eq!(found[&JobId::from_bits(1)], Match::Ambiguous(vec![task("a"), task("b")]));
    }

    #[test]
    fn a_row_without_a_time_makes_nothing_certain_in_the_wrong_way() {
        let found = reconcile(&[window(1, 1_000)], &[row("a", Some(1_001)), row("b", None)], |_| false);
        assert!(matches!(found[&JobId::from_bits(1)], Match::Ambiguous(_)));
    }
}
