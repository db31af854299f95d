//! The paid request: who is sent next, what its answer means, and what is repeated.
//!
//! At most one paid request is open at any time. A crash or a dropped connection then leaves at most one question, and the
//! account's task list can answer it: with two open questions and one new task nobody could tell whose it is.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::account::Account;
use super::clock::Now;
use super::draft_check::{CheckResult, DraftChecks};
use super::index::JobIndex;
use super::notice::NoticeKind;
use super::queue::Queue;
use super::reconcile::{CLOCK_SKEW, Window};
use super::{PauseReason, Sending};
use crate::api::gate::Gate;
use crate::api::{ApiError, PaidVerdict, Submitted};
use crate::job::retry::{self, Lost, PaidRepeat};
use crate::job::{
    Caps, Credits, ErrorClass, HoldReason, ImageNumber, Job, JobId, LostAnswer, Model, PaidSend, Phase, TaskId, TaskReport,
    Update,
};
use crate::store::{BudgetId, SendGuard, StoreError};

/// Drafts are checked for so many jobs ahead.
const CHECK_AHEAD: usize = 50;
/// After a paid request could not be written down, the next is tried so much later.
const STORE_WAIT: Duration = Duration::from_secs(5);
/// So many repeated answers in a row have to name a task that may be another job's: a gateway that names the wrong tasks may
/// name one of them twice, where there are few.
const NAMED_TO_BE_BELIEVED: u32 = 3;

/// A task seems to be made so long before its request left at most: both are told in whole seconds.
const WHOLE_SECONDS: SignedDuration = SignedDuration::from_secs(1);

/// The paid request whose answer is awaited.
#[derive(Clone, Debug)]
struct OpenSend {
    job: JobId,
    in_air: bool,
    /// When its first attempt of this process began, by all clocks.
    began: Now,
    repeat_at: Option<Instant>,
    repeats: u32,
    unknown_outcomes: u32,
    /// The task that the latest answers named, each of which the service said it repeats, and how many they are.
    named: Option<(TaskId, u32)>,
}

impl OpenSend {
    /// How long ago the first attempt began: the most that any clock says. `None` where they do not agree: this machine
    /// slept, the process was stopped, or a clock was turned, so nobody knows how old the key is (rule 3).
    fn age(&self, now: Now) -> Option<Duration> {
        let waited = now.at.saturating_duration_since(self.began.at);
        let by_runtime = SignedDuration::try_from(waited).ok()?;
        let by_wall = now.wall.duration_since(self.began.wall);
        let by_service = self.began.service.zip(now.service).map(|(began, now)| now.duration_since(began));
        let agree = |other: SignedDuration| (other - by_runtime).abs() <= retry::CLOCKS_AGREE;
        if !agree(by_wall) || by_service.is_some_and(|other| !agree(other)) {
            return None;
        }
        Duration::try_from(by_runtime.max(by_wall).max(by_service.unwrap_or(by_runtime))).ok()
    }

    /// The last moment at which a repeat may begin, counted from the attempt.
    fn window(&self) -> Duration {
        if self.unknown_outcomes > 0 { retry::PAID_OUTCOME_WAIT + retry::PAID_WINDOW * 2 } else { retry::PAID_WINDOW }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Submitter {
    queue: Queue,
    /// Jobs that the store did not let go; they are looked at again later.
    deferred: Vec<JobId>,
    drafts: DraftChecks,
    open: Option<OpenSend>,
    /// Unsure jobs that go out again with their key, before the queue.
    resend: VecDeque<JobId>,
    not_before: Option<Instant>,
    no_capacity: u32,
    sending: Sending,
    /// Where the store counts what a run with a limit sends; such a run sends nothing before it has one.
    budget: Option<BudgetId>,
}

/// A paid request that may leave now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NextSend {
    /// The first of the queue.
    First(JobId),
    /// An unsure job's request once more, with its key.
    SameKey(JobId),
}

/// What comes next: jobs to be held for what their drafts are, and then at most one to send.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Next {
    pub(super) holds: Vec<(JobId, HoldReason)>,
    pub(super) send: Option<NextSend>,
}

/// What is due of the open request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Repeat {
    /// Another attempt, which must be written first.
    Attempt(JobId),
    /// No more attempts.
    GiveUp(JobId, LostAnswer),
}

/// What the answer to a paid request means.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Answer {
    /// A task was made.
    Accepted {
        update: Update,
        /// The price agreed to, and what the service reserved.
        agreed: Option<Credits>,
        reserved: Option<Credits>,
    },
    /// Nobody knows; it is repeated, unless the repeats are over for this reason.
    Lost { update: Update, over: Option<LostAnswer> },
    /// Surely nothing was made by this attempt.
    NotAccepted { update: Update, notice: Option<NoticeKind>, pause: Option<PauseReason>, read_balance: bool },
}

impl Submitter {
    pub(super) fn new(sending: Sending) -> Self {
        Self {
            queue: Queue::default(),
            deferred: Vec::new(),
            drafts: DraftChecks::default(),
            open: None,
            resend: VecDeque::new(),
            not_before: None,
            no_capacity: 0,
            sending,
            budget: None,
        }
    }

    /// Takes a job as the store has it now; approvals up to the floor are older than this start.
    pub(super) fn on_job(&mut self, job: &Job, approval_floor: u64, now: Now) {
        match job.approval {
            Some(approval) if job.phase == Phase::Waiting && approval.seq > approval_floor => {
                // By the wall clock no more than the whole period is left, whichever way it was turned meanwhile.
                let whole = Duration::try_from(approval.not_before.duration_since(approval.at)).unwrap_or_default();
                let left = Duration::try_from(approval.not_before.duration_since(now.wall)).unwrap_or_default();
                self.queue.insert(job.id, job.place, approval.seq, now.at + left.min(whole));
            }
            _ => self.queue.remove(job.id),
        }
    }

    /// What this run sends counts for this limit.
    pub(super) fn set_budget(&mut self, budget: BudgetId) {
        self.budget = Some(budget);
    }

    /// Whether this run sends at all.
    pub(super) fn may_send(&self) -> bool {
        match self.sending {
            Sending::Nothing => false,
            Sending::WithConsent => true,
            Sending::UpTo(_) => self.budget.is_some(),
        }
    }

    /// The answer to an open paid request is awaited, or its next attempt.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// An attempt is under way.
    pub(super) fn is_in_air(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.in_air)
    }

    /// Whether this job's answer is the one that is awaited.
    pub(super) fn awaits(&self, id: JobId) -> bool {
        self.open.as_ref().is_some_and(|open| open.job == id)
    }

    /// An answer to the open request is here. Whether it names the task that the latest ones named, often enough to be believed:
    /// of each the service said that it repeats an earlier one.
    pub(super) fn names_the_same(&mut self, answer: &Submitted) -> bool {
        let Some(open) = self.open.as_mut() else { return false };
        let before = open.named.take().filter(|(task, _)| *task == answer.report.id).map_or(0, |(_, times)| times);
        open.named = answer.replayed.then(|| (answer.report.id.clone(), before.saturating_add(1)));
        answer.replayed && before + 1 >= NAMED_TO_BE_BELIEVED
    }

    /// Whether something waits that this run may send.
    pub(super) fn has_work(&self) -> bool {
        self.may_send() && (!self.queue.is_empty() || !self.resend.is_empty() || !self.deferred.is_empty())
    }

    /// The drafts to check before their first pictures are sent; each is named once.
    pub(super) fn drafts_to_check(&mut self, jobs: &JobIndex, now: Now) -> Vec<TaskId> {
        let mut unknown = Vec::new();
        if !self.may_send() {
            return unknown;
        }
        for id in self.queue.head(now.at, CHECK_AHEAD) {
            if let Some(job) = jobs.get(id)
                && let Some((source, image)) = to_check(job)
                && self.drafts.result(source, image) == CheckResult::Unknown
            {
                self.drafts.asked(source);
                unknown.push(source.clone());
            }
        }
        unknown
    }

    /// The checks of the drafts, for their answers.
    pub(super) fn drafts(&mut self) -> &mut DraftChecks {
        &mut self.drafts
    }

    /// The models of the jobs that are to be sent next, and of some that wait behind them or for their grace period.
    pub(super) fn waiting_models(&mut self, jobs: &JobIndex, now: Now) -> Vec<Model> {
        if !self.may_send() {
            return Vec::new();
        }
        let head = self.queue.head(now.at, CHECK_AHEAD);
        let others = self.queue.ids().take(CHECK_AHEAD);
        let ids = head.into_iter().chain(others).chain(self.resend.iter().copied()).chain(self.deferred.iter().copied());
        let mut models = Vec::new();
        for job in ids.filter_map(|id| jobs.get(id)) {
            if !models.contains(&job.kind.model()) {
                models.push(job.kind.model());
                if models.len() == Model::ALL.len() {
                    break;
                }
            }
        }
        models
    }

    /// Who is next. `clear`: nothing else stands in the way of a paid request; `priced`: the models whose price is known.
    pub(super) fn next(&mut self, clear: bool, priced: &[Model], jobs: &JobIndex, gate: &Gate, now: Now) -> Next {
        let mut next = Next::default();
        if !clear || !self.may_send() || self.is_open() || self.not_before.is_some_and(|at| at > now.at) {
            return next;
        }
        if gate.may_send(now.at).is_err() {
            return next;
        }
        if let Some(id) = self.resend.front().copied() {
            if jobs.get(id).is_none_or(|job| priced.contains(&job.kind.model())) {
                self.resend.pop_front();
                next.send = Some(NextSend::SameKey(id));
            }
            return next;
        }
        for id in self.queue.head(now.at, CHECK_AHEAD) {
            let Some(job) = jobs.get(id) else {
                self.queue.remove(id);
                continue;
            };
            if !priced.contains(&job.kind.model()) {
                // Its price is being read: it keeps its turn.
                break;
            }
            match self.check(job) {
                CheckResult::Fine => {
                    next.send = Some(NextSend::First(id));
                    break;
                }
                CheckResult::Asked | CheckResult::Unknown => break,
                // One draft that cannot be read must not stop all others.
                CheckResult::Troubled => {}
                CheckResult::Hold(why) => next.holds.push((id, why)),
            }
        }
        next
    }

    fn check(&self, job: &Job) -> CheckResult {
        to_check(job).map_or(CheckResult::Fine, |(source, image)| self.drafts.result(source, image))
    }

    /// What a send must keep to; the store applies the caps that were changed by key itself.
    pub(super) fn guard(&self, caps: Caps, account: &Account, now: Now) -> SendGuard {
        SendGuard {
            caps,
            server_time: now.service,
            budget: self.budget,
            prices: account.prices(),
            day_start: account.day_start(now.wall),
        }
    }

    /// The store did not let the job go; it is looked at again with [`Submitter::take_deferred`].
    pub(super) fn defer(&mut self, id: JobId) {
        self.queue.remove(id);
        self.deferred.push(id);
    }

    /// The jobs that were deferred.
    pub(super) fn take_deferred(&mut self) -> Vec<JobId> {
        std::mem::take(&mut self.deferred)
    }

    /// The store took no write before a paid request: the next is tried later.
    pub(super) fn store_refused(&mut self, now: Now) {
        self.not_before = Some(now.at + STORE_WAIT);
    }

    /// The unsure job's request goes out again with its key when it may.
    pub(super) fn send_again(&mut self, id: JobId) {
        if !self.resend.contains(&id) {
            self.resend.push_back(id);
        }
    }

    /// The same, before all others: it was its turn already.
    pub(super) fn send_again_first(&mut self, id: JobId) {
        self.resend.push_front(id);
    }

    /// The first attempt of this process leaves.
    pub(super) fn opened(&mut self, id: JobId, now: Now) {
        self.open =
            Some(OpenSend { job: id, in_air: true, began: now, repeat_at: None, repeats: 0, unknown_outcomes: 0, named: None });
    }

    /// Nothing more is awaited.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    /// What is due of the open request, if anything is.
    pub(super) fn due_repeat(&mut self, gate: &Gate, now: Now) -> Option<Repeat> {
        let open = self.open.as_mut()?;
        if open.in_air || open.repeat_at.is_none_or(|at| at > now.at) {
            return None;
        }
        let Some(left) = open.age(now).and_then(|age| open.window().checked_sub(age)) else {
            return Some(Repeat::GiveUp(open.job, LostAnswer::TimePassed));
        };
        let Some(until) = gate.closed_until(now.at) else { return Some(Repeat::Attempt(open.job)) };
        if until <= now.at + left {
            open.repeat_at = Some(until);
            return None;
        }
        Some(Repeat::GiveUp(open.job, LostAnswer::LongWait))
    }

    /// The repeat leaves.
    pub(super) fn repeated(&mut self) {
        if let Some(open) = &mut self.open {
            (open.in_air, open.repeat_at) = (true, None);
            open.repeats += 1;
        }
    }

    /// The repeat was not written, so it does not leave. The repeats have their window; whether it is over.
    pub(super) fn repeat_not_written(&mut self, now: Now) -> bool {
        let Some(open) = &mut self.open else { return false };
        if open.age(now).is_some_and(|age| age + STORE_WAIT < open.window()) {
            open.repeat_at = Some(now.at + STORE_WAIT);
            return false;
        }
        true
    }

    /// What the answer to the open request means; `job` is its job as it is now.
    pub(super) fn on_submitted(
        &mut self,
        result: Result<Submitted, ApiError>,
        job: Option<&Job>,
        rng: &mut fastrand::Rng,
        now: Now,
    ) -> Option<Answer> {
        self.open.as_ref()?;
        let error = match result {
            Ok(answer) => {
                self.open = None;
                self.no_capacity = 0;
                let reserved = answer.report.reserved;
                let update = Update::Accepted { report: Box::new(answer.report), replayed: answer.replayed };
                return Some(Answer::Accepted { update, agreed: job.and_then(agreed), reserved });
            }
            Err(error) => error,
        };
        let (mut notice, mut pause) = (None, None);
        let verdict = error.paid();
        let update = match verdict {
            PaidVerdict::Lost(lost) => return Some(self.lost(lost, &error, rng, now)),
            PaidVerdict::NotNow => {
                // A 429 closes the gate, and a connection that is down is tried by free reads first.
                if !matches!(error.class, ErrorClass::RateLimited | ErrorClass::Network) {
                    self.no_capacity += 1;
                    self.not_before = Some(now.at + retry::rate_limit_wait(error.retry_after, self.no_capacity));
                    notice = Some(NoticeKind::SendingDeferred(error.failure()));
                }
                Update::PutBack(error.failure())
            }
            PaidVerdict::Barred => {
                let reply = error.failure();
                let login = error.class == ErrorClass::Login;
                pause = Some(if login { PauseReason::Login { reply } } else { PauseReason::Access { reply } });
                Update::PutBack(error.failure())
            }
            PaidVerdict::Unpaid => {
                pause = Some(PauseReason::Balance { reply: error.failure() });
                Update::Refused(error.failure())
            }
            PaidVerdict::Rejected => {
                if let Some((source, _)) = job.and_then(|job| job.kind.source()) {
                    self.drafts.forget(source);
                }
                notice = Some(NoticeKind::Refused(error.failure()));
                Update::Rejected(error.failure())
            }
        };
        self.open = None;
        Some(Answer::NotAccepted { update, notice, pause, read_balance: verdict == PaidVerdict::Unpaid })
    }

    fn lost(&mut self, lost: Lost, error: &ApiError, rng: &mut fastrand::Rng, now: Now) -> Answer {
        let mut over = None;
        if let Some(open) = &mut self.open {
            open.unknown_outcomes += u32::from(lost == Lost::OutcomeUnknown);
            // Clocks that do not agree end the repeats.
            let again = open
                .age(now)
                .map_or(PaidRepeat::Unsure, |age| retry::paid_repeat(lost, open.repeats, age, open.unknown_outcomes, rng.f64()));
            match again {
                PaidRepeat::After(wait) => (open.in_air, open.repeat_at) = (false, Some(now.at + wait)),
                PaidRepeat::Unsure => {
                    self.open = None;
                    over = Some(LostAnswer::Failed(error.failure()));
                }
            }
        }
        Answer::Lost { update: Update::AnswerLost(error.failure()), over }
    }

    /// The approved jobs of a model that were approved at another price than this.
    pub(super) fn approved_at_other_price(&self, jobs: &JobIndex, model: Model, price: Credits) -> Vec<JobId> {
        let approval = |id: &JobId| jobs.get(*id).filter(|job| job.kind.model() == model).and_then(|job| job.approval);
        self.queue.ids().filter(|id| approval(id).is_some_and(|approval| approval.price != price)).collect()
    }

    /// When the next attempt of the open request is due.
    pub(super) fn next_repeat(&self) -> Option<Instant> {
        self.open.as_ref().and_then(|open| open.repeat_at)
    }

    /// When the next paid request may leave, if one waits for nothing but time.
    pub(super) fn next_deadline(
        &mut self,
        clear: bool,
        priced: &[Model],
        jobs: &JobIndex,
        gate: &Gate,
        now: Now,
    ) -> Option<Instant> {
        if !clear || !self.may_send() || self.is_open() {
            return None;
        }
        let is_priced = |job: &Job| priced.contains(&job.kind.model());
        let ready =
            self.queue.head(now.at, CHECK_AHEAD).into_iter().find_map(|id| match jobs.get(id).map(|job| self.check(job)) {
                _ if jobs.get(id).is_some_and(|job| !is_priced(job)) => Some(false),
                Some(CheckResult::Troubled) => None,
                Some(CheckResult::Asked) => Some(false),
                _ => Some(true),
            });
        let at = match ready {
            // A price wakes the loop by itself, as does the end of the wait for it.
            _ if self.resend.front().and_then(|id| jobs.get(*id)).is_some_and(|job| !is_priced(job)) => return None,
            _ if !self.resend.is_empty() => now.at,
            Some(true) => now.at,
            // An answer about a draft wakes the loop by itself.
            Some(false) => return None,
            None => self.queue.next_admission()?,
        };
        let at = self.not_before.map_or(at, |not_before| at.max(not_before));
        Some(gate.may_send(now.at).err().map_or(at, |open| at.max(open)))
    }
}

/// An answer that names the task of another job, for an enhance a draft, or a task of another model says nothing about this one. What cannot be read counts as
/// taken; the repeat with the same key is answered with the same task. `is_known`: as a job's task or as a draft.
pub(super) fn no_others_task(
    id: JobId,
    model: Model,
    report: &TaskReport,
    owner: Result<Option<JobId>, StoreError>,
    is_known: Result<bool, StoreError>,
) -> Result<(), ApiError> {
    let other_model = report.model.as_deref().filter(|other| !model.is_named(other));
    let message = match (owner, is_known) {
        _ if other_model.is_some() => format!("it reports a task of {}", other_model.unwrap_or_default()),
        (Ok(Some(owner)), _) if owner == id => return Ok(()),
        (Ok(None), Ok(false)) => return Ok(()),
        (Ok(Some(owner)), _) => format!("it names the task of job {owner}"),
        (Ok(None), Ok(true)) => "it names a draft".to_owned(),
        (Err(error), _) | (_, Err(error)) => format!("whose task it names could not be read: {error}"),
    };
    Err(no_answer(report, message))
}

/// When a request first left, by the service's clock. Where no answer had told by then what that shows, ours says how long ago
/// it was; one that was turned back since says nothing.
fn first_left(send: &PaidSend, now: Now) -> Option<Timestamp> {
    let by_ours = || {
        let age = now.wall.duration_since(send.first_at);
        now.service.filter(|_| !age.is_negative())?.checked_sub(age).ok()
    };
    send.first_server_time.or_else(by_ours)
}

/// A task that was made before its first request left, by the service's clock, is not what the request made; unless the
/// gateway says that it repeats an earlier answer, as it does for a copy of the store. What it repeats then is no older than
/// the job, which its key is younger than.
pub(super) fn no_earlier_task(job: Option<&Job>, answer: &Submitted, now: Now) -> Result<(), ApiError> {
    let asking = job.and_then(|job| Some((job, job.send.as_ref()?)));
    let (Some((job, send)), Some(made)) = (asking, answer.report.created) else { return Ok(()) };
    let Some(first) = first_left(send, now) else { return Ok(()) };
    let job_age = send.first_at.duration_since(job.created_at);
    let earliest = match answer.replayed {
        false => first,
        // A clock that was turned back since tells nothing.
        true if job_age.is_negative() => return Ok(()),
        true => first.checked_sub(job_age).unwrap_or(Timestamp::MIN),
    };
    if earliest.duration_since(made) <= CLOCK_SKEW {
        return Ok(());
    }
    Err(no_answer(&answer.report, "it names a task that was made before it was asked for".to_owned()))
}

/// A task that was made before this job's request first left, at a time when another of our requests was open whose answer
/// never came, may be that one's: where a question is open or its job was given up, nobody can tell, so the answer says
/// nothing about this request. Asked once more with its key, the service says which task is its own. An answer that does not
/// tell the model of its task may name one of any. `is_certain`: the service was asked again and again and named the same task
/// ([`Submitter::names_the_same`]); a copy of the store may have sent the request before. `questions`: the jobs whose answers
/// were lost; what cannot be read counts as fitting.
pub(super) fn no_questions_task(
    job: Option<&Job>,
    answer: &Submitted,
    is_certain: bool,
    questions: impl FnOnce() -> Result<Vec<Job>, StoreError>,
    now: Now,
) -> Result<(), ApiError> {
    let first = job.and_then(|job| first_left(job.send.as_ref()?, now));
    let (Some(job), Some(first), Some(made)) = (job, first, answer.report.created) else { return Ok(()) };
    if first.duration_since(made) <= WHOLE_SECONDS || (answer.replayed && is_certain) {
        return Ok(());
    }
    let fits = |other: &Job| {
        let is_other = other.id != job.id && (answer.report.model.is_none() || other.kind.model() == job.kind.model());
        is_other && Window::new(other, Credits::ZERO).is_some_and(|window| window.is_at(made))
    };
    let message = match questions() {
        Ok(others) => match others.iter().find(|other| fits(other)) {
            None => return Ok(()),
            Some(other) => format!("it names a task that may be the lost one of job {}", other.id),
        },
        Err(error) => format!("whose task it names could not be read: {error}"),
    };
    Err(no_answer(&answer.report, message))
}

/// An answer that says nothing about the request.
fn no_answer(report: &TaskReport, message: String) -> ApiError {
    ApiError {
        class: ErrorClass::InvalidResponse,
        code: "other_task".into(),
        message,
        status: Some(200),
        request_id: report.request_id.clone(),
        retry_after: None,
        is_json: true,
    }
}

fn agreed(job: &Job) -> Option<Credits> {
    job.send.as_ref().map(|send| send.agreed)
}

/// The draft's picture to be checked before it is first sent; none after a look by the user or an earlier attempt, and none
/// for a job that makes a draft.
fn to_check(job: &Job) -> Option<(&TaskId, ImageNumber)> {
    job.kind.source().filter(|_| !job.source_confirmed && job.send.is_none())
}

#[cfg(test)]
mod tests;
