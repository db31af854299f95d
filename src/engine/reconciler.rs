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
mod tests;
