//! The search for the tasks of unsure jobs: a walk through the account's task list, page by page, so that each page passes
//! the gate.

use std::collections::HashSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::clock::Now;
use super::index::JobIndex;
use super::notice::{NoticeKind, Undecided};
use super::reconcile::{CLOCK_SKEW, Match, Window, reconcile};
use crate::api::gate::Gate;
use crate::api::{ApiError, ListPage, ListQuery, TaskRow};
use crate::job::{Job, JobId, Model, Phase, Prices, State, TaskId, Update, retry};
use crate::store::StoreError;

/// The task list is read this long after the last attempt, since it may lag behind.
const LIST_LAG: Duration = Duration::from_secs(2);
/// Rows of a page of the task list, the most there are.
const LIST_PAGE: u32 = 50;
/// Pages of the task list that are read at most to answer a question: 2,000 tasks.
const MOST_PAGES: u32 = 40;
/// A job that was given up so long before a question was asked has no part in it, whatever the clocks.
const GIVEN_UP_FOR: SignedDuration = SignedDuration::from_hours(24);
/// After the store could not be read, the list is read again so much later.
const STORE_WAIT: Duration = Duration::from_secs(5);
/// While another request is open whose task may be among the rows, the list is read again so much later.
const SENDING_WAIT: Duration = Duration::from_secs(5);
/// An open question stands in the way of other jobs for so long at most.
const BLOCKS_FOR: Duration = Duration::from_mins(2);
/// So many failures in a row are told.
const TOLD_FAILURES: u32 = 3;

/// A walk under way through the tasks of one model.
#[derive(Clone, Debug)]
struct Listing {
    model: Model,
    /// Pages that were read.
    pages: u32,
    rows: Vec<TaskRow>,
    /// Rows that could not be read.
    unreadable: usize,
    /// Rows that came, of whatever model.
    seen: usize,
    /// The earliest time of a row so far.
    oldest: Option<Timestamp>,
    /// No row so far is newer than one before it, clocks apart. Otherwise an old row says nothing of what follows it.
    newest_first: bool,
    in_air: bool,
}

impl Listing {
    fn new(model: Model) -> Self {
        Self { model, pages: 0, rows: Vec::new(), unreadable: 0, seen: 0, oldest: None, newest_first: true, in_air: false }
    }

    /// Takes note of a page: its order, and rows that are missing from it by its own count.
    fn count(&mut self, page: &ListPage) {
        for created in page.rows.iter().filter_map(|row| row.created_at) {
            self.newest_first &= self.oldest.is_none_or(|oldest| created.duration_since(oldest) <= CLOCK_SKEW);
            self.oldest = Some(self.oldest.map_or(created, |oldest| oldest.min(created)));
        }
        self.seen += page.rows.len() + page.unreadable;
        self.unreadable += page.unreadable;
        if page.rows.is_empty() {
            let total = page.total.map_or(0, |total| usize::try_from(total).unwrap_or(usize::MAX));
            self.unreadable += total.saturating_sub(self.seen);
        }
    }

    /// Whether what follows was made before this time: the list is ordered from the newest on.
    fn is_past(&self, from: Timestamp) -> bool {
        self.newest_first && self.oldest.is_some_and(|oldest| from.duration_since(oldest) > CLOCK_SKEW)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Reconciler {
    at: Option<Instant>,
    listing: Option<Listing>,
    /// The models whose tasks are walked through after that.
    next_models: Vec<Model>,
    failures: u32,
    /// Since when a question stands in the way of new paid requests.
    blocked_since: Option<Instant>,
    /// Unsure jobs that went out again with their key.
    resent: HashSet<JobId>,
    /// Unsure jobs whose key the service answers with the task of another job: asking once more tells nothing new.
    name_others: HashSet<JobId>,
}

/// What the list says of one job, to be done in this order.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Finding {
    pub(super) job: JobId,
    /// To be written.
    pub(super) update: Option<Update>,
    /// To be told.
    pub(super) notice: Option<NoticeKind>,
    /// Nothing fits and the key is young: the same request may go out again.
    pub(super) send_again: bool,
}

/// What a page of the list, or its failure, leads to.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Listed {
    /// The walk goes on.
    More,
    /// The list could not be read; it is tried again, and this is to be told.
    Failed(Option<NoticeKind>),
    /// The walk is over.
    Findings(Vec<Finding>),
}

/// What the list is judged by.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) jobs: &'a JobIndex,
    /// The jobs that were given up while unsure since then.
    pub(super) given_up: &'a dyn Fn(Timestamp) -> Result<Vec<Job>, StoreError>,
    /// Whether the store has ever known the task; what cannot be read counts as known.
    pub(super) is_known: &'a dyn Fn(&TaskId, Model) -> bool,
    /// What one job of each model costs now.
    pub(super) prices: Prices,
    /// Whether this run sends.
    pub(super) may_send: bool,
    pub(super) now: Now,
}

impl Reconciler {
    /// Takes a job as the store has it now.
    pub(super) fn on_job(&mut self, job: &Job, now: Now) {
        if let Phase::Unsure(doubt) = &job.phase
            && !doubt.looked
        {
            // Its last request may still be on its way at the service, also when the process that sent it is gone.
            self.not_before(now.at + LIST_LAG.saturating_sub(since_last_attempt(job, now)));
        }
        if !matches!(job.state(), State::Sending | State::Unsure) {
            self.resent.remove(&job.id);
            self.name_others.remove(&job.id);
        }
    }

    /// The service says of this job's key that it made the task of another job.
    pub(super) fn names_other(&mut self, id: JobId) {
        self.name_others.insert(id);
    }

    /// An unsure job's request went out again with its key: only a list that is read late enough can say that it made nothing.
    pub(super) fn sent_again(&mut self, id: JobId) {
        self.resent.insert(id);
    }

    /// A paid request has just ended without an answer: the list is read when it has caught up.
    pub(super) fn after_attempt(&mut self, now: Now) {
        self.not_before(now.at + LIST_LAG);
    }

    /// The user wants the list read now.
    pub(super) fn read_now(&mut self, now: Now) {
        self.at.get_or_insert(now.at);
    }

    fn not_before(&mut self, at: Instant) {
        self.at = Some(self.at.map_or(at, |before| before.max(at)));
    }

    /// Whether a lost answer that has still to be looked for stands in the way of new paid requests: for two minutes at
    /// most, so that a task list that cannot be read does not stop all other jobs (`docs/money-rules.md`, rule 3).
    pub(super) fn blocks_sending(&self, jobs: &JobIndex, now: Now) -> bool {
        self.has_open_questions(jobs) && self.blocked_since.is_none_or(|since| now.at < since + BLOCKS_FOR)
    }

    /// When an open question stops standing in the way.
    pub(super) fn block_ends(&self, now: Now) -> Option<Instant> {
        self.blocked_since.map(|since| since + BLOCKS_FOR).filter(|at| *at > now.at)
    }

    /// Whether the list could not be read so often that nobody waits for it any more; it is still tried.
    pub(super) fn has_given_up_reading(&self) -> bool {
        self.failures >= TOLD_FAILURES
    }

    /// Notes whether a question is open now; asked once in each turn.
    pub(super) fn note_questions(&mut self, jobs: &JobIndex, now: Now) {
        if !self.has_open_questions(jobs) {
            // A job that went out again is the same question still, whose two minutes do not begin anew.
            if self.resent.is_empty() {
                self.blocked_since = None;
            }
        } else if self.blocked_since.is_none() {
            self.blocked_since = Some(now.at);
        }
    }

    /// Whether a lost answer has still to be looked for.
    pub(super) fn has_open_questions(&self, jobs: &JobIndex) -> bool {
        self.listing.is_some()
            || !self.next_models.is_empty()
            || (self.at.is_some() && jobs.unsure().next().is_some())
            || jobs.has_unread_unsure()
    }

    /// The next page to ask for, if one may be asked for now.
    pub(super) fn next_read(&mut self, jobs: &JobIndex, gate: &mut Gate, now: Now) -> Option<ListQuery> {
        if self.listing.is_none() && self.at.is_some_and(|at| at <= now.at) {
            self.at = None;
            self.next_models =
                Model::ALL.into_iter().filter(|model| !windows(jobs, *model, &Prices::PUBLISHED).is_empty()).collect();
        }
        if self.listing.is_none() && !self.next_models.is_empty() {
            self.listing = Some(Listing::new(self.next_models.remove(0)));
        }
        let listing = self.listing.as_mut().filter(|listing| !listing.in_air)?;
        gate.take_read(now.at).ok()?;
        listing.in_air = true;
        Some(ListQuery { model: Some(listing.model), status: None, page: listing.pages + 1, page_size: LIST_PAGE })
    }

    /// A page of the list is here.
    pub(super) fn on_listed(&mut self, result: Result<ListPage, ApiError>, rng: &mut fastrand::Rng, scene: Scene<'_>) -> Listed {
        let Scene { jobs, now, .. } = scene;
        let Some(mut listing) = self.listing.take() else { return Listed::More };
        let page = match result {
            Ok(page) => page,
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                // All of them are walked through anew.
                self.next_models.clear();
                self.at = Some(now.at + retry::read_wait(self.failures, error.retry_after, rng.f64()));
                let tell = self.failures == TOLD_FAILURES;
                return Listed::Failed(tell.then(|| NoticeKind::TaskListUnreadable(error.failure())));
            }
        };
        self.failures = 0;
        let model = listing.model;
        let mut windows = windows(jobs, model, &scene.prices);
        let from = windows.iter().map(|window| window.from).min();
        listing.count(&page);
        let complete = from.is_some_and(|from| listing.is_past(from)) || (page.rows.is_empty() && page.unreadable == 0);
        listing.pages += 1;
        // A gateway that does not know the filter lists other models' tasks too; they are nobody's answer here.
        listing.rows.extend(page.rows.into_iter().filter(|row| row.model.is_empty() || model.is_named(&row.model)));
        if !complete && listing.pages < MOST_PAGES {
            listing.in_air = false;
            self.listing = Some(listing);
            return Listed::More;
        }
        // A task may be that of a job which was given up meanwhile: what fits it, too, is for the user to decide.
        // The question may be days old, and what was given up in its time is no less ambiguous for that.
        let began = jobs.unsure().filter_map(|job| job.send.as_ref().map(|send| send.first_at)).min();
        let since = began.map_or(now.wall, |began| began.min(now.wall)).checked_sub(GIVEN_UP_FOR);
        let given_up = since.ok().and_then(|since| (scene.given_up)(since).ok());
        let Some(given_up) = given_up else {
            self.at = Some(now.at + STORE_WAIT);
            self.next_models.clear();
            return Listed::More;
        };
        // So may it be that of the job whose request is open: its answer is waited for.
        let is_sending = jobs.sending().any(|job| job.kind.model() == model);
        let others = given_up.iter().chain(jobs.sending().map(|job| &**job)).filter(|job| job.kind.model() == model);
        windows.extend(others.filter_map(|job| Window::new(job, scene.prices.of(model))));
        let matches = reconcile(&windows, &listing.rows, |task| (scene.is_known)(task, model));
        let mut findings = Vec::new();
        for (id, found) in matches {
            let Some(job) = jobs.get(id).filter(|job| job.state() == State::Unsure) else { continue };
            if is_sending && matches!(found, Match::Ambiguous(_)) {
                self.not_before(now.at + SENDING_WAIT);
            } else {
                findings.push(self.finding(job, found, &listing, complete, scene));
            }
        }
        Listed::Findings(findings)
    }

    fn finding(&mut self, job: &Job, found: Match, listing: &Listing, complete: bool, scene: Scene<'_>) -> Finding {
        let Scene { may_send, now, .. } = scene;
        let read = |candidates| Some(Update::ListRead { candidates, server_time: now.service });
        let was_read = matches!(&job.phase, Phase::Unsure(doubt) if doubt.looked);
        let mut finding = Finding { job: job.id, update: None, notice: None, send_again: false };
        let mut undecided = |why| finding.notice = (!was_read).then_some(NoticeKind::StaysUnsure(why));
        match found {
            Match::Is(task) => {
                finding.notice = Some(NoticeKind::TaskFound(task.clone()));
                finding.update = Some(Update::Adopted(task));
            }
            Match::Nothing if self.resent.contains(&job.id) && !list_has_settled(job, now) => {
                // It went out again once already. What comes next must be sure, so the list is read again later.
                let settles = Duration::try_from(retry::LIST_SETTLES).unwrap_or_default();
                self.not_before(now.at + settles.saturating_sub(since_last_attempt(job, now)));
            }
            Match::Nothing => {
                if listing.unreadable > 0 {
                    undecided(Undecided::UnreadableRows(listing.unreadable));
                } else if !complete {
                    undecided(Undecided::MoreTasks(listing.rows.len()));
                } else if !job.key_is_young(now.wall, now.service) {
                    undecided(Undecided::OldKey);
                } else if !may_send {
                    undecided(Undecided::NotSending);
                } else if self.name_others.contains(&job.id) {
                    undecided(Undecided::NamesOther);
                } else {
                    finding.send_again = !was_read;
                }
                finding.update = read(Vec::new());
            }
            Match::Ambiguous(tasks) => {
                undecided(Undecided::SeveralTasks(tasks.len()));
                finding.update = read(tasks);
            }
        }
        finding
    }

    /// When the next page may be asked for. `read_from`: no read may leave before this.
    pub(super) fn next_deadline(&self, read_from: Instant) -> Option<Instant> {
        match &self.listing {
            Some(listing) if listing.in_air => None,
            Some(_) => Some(read_from),
            None if !self.next_models.is_empty() => Some(read_from),
            None => self.at,
        }
    }
}

fn windows(jobs: &JobIndex, model: Model, prices: &Prices) -> Vec<Window> {
    jobs.unsure().filter(|job| job.kind.model() == model).filter_map(|job| Window::new(job, prices.of(model))).collect()
}

fn since_last_attempt(job: &Job, now: Now) -> Duration {
    let since = job.send.as_ref().map(|send| send.since_last(now.wall, now.service));
    since.and_then(|since| Duration::try_from(since).ok()).unwrap_or_default()
}

/// Whether a task that its latest attempt made must be in the task list by now.
fn list_has_settled(job: &Job, now: Now) -> bool {
    job.send.as_ref().is_none_or(|send| send.since_last(now.wall, now.service) >= retry::LIST_SETTLES)
}

#[cfg(test)]
mod tests {
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
        let scene = Scene {
            jobs,
            given_up: &|_| Ok(Vec::new()),
            is_known: &|_, _| false,
            prices: Prices::PUBLISHED,
            may_send: true,
            now,
        };
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
        let Listed::Findings(found) = listed(&mut reconciler, &jobs, Ok(page(vec![row(7, 1), row(8, -900)])), now) else {
            panic!()
        };
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
        let scene =
            Scene { jobs: &jobs, given_up: &known, is_known: &|_, _| false, prices: Prices::PUBLISHED, may_send: true, now };
        let rows = vec![row(7, 1), row(8, -900)];
        let Listed::Findings(found) = reconciler.on_listed(Ok(page(rows)), &mut fastrand::Rng::with_seed(1), scene) else {
            panic!()
        };
        assert_eq!(found.len(), 1, "the other is over");
        assert_eq!(found[0].notice, Some(NoticeKind::StaysUnsure(Undecided::SeveralTasks(1))));
        // Also where the question is older than a day, as after a sleep: what was given up then was given up in its time.
        let later = now.after(Duration::from_hours(50));
        let (mut reconciler, jobs) = asking(later);
        let known = |since: Timestamp| Ok(if since < at(0) { vec![given_up.clone()] } else { Vec::new() });
        let scene = Scene { jobs: &jobs, given_up: &known, now: later, ..scene };
        let rows = vec![row(7, 1), row(8, -900)];
        let Listed::Findings(found) = reconciler.on_listed(Ok(page(rows)), &mut fastrand::Rng::with_seed(1), scene) else {
            panic!()
        };
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
}
