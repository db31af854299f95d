//! The paid request: who is sent next, what its answer means, and how a lost answer is settled.
//!
//! At most one paid request is open at any time. A crash or a dropped connection then leaves at most one question, and the
//! account's task list can answer it: with two open questions and one new task nobody could tell whose it is.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::time::Instant;

use super::draft_check::CheckResult;
use super::event_loop::{Engine, Listing, OpenSend, WorkerKind, WorkerResult};
use super::poll_scheduler::Subscriber;
use super::reconcile::{Match, Window, reconcile};
use super::{Connection, LostAnswer, NoticeKind, PauseReason, Sending, Undecided};
use crate::api::{ApiError, ENHANCE_MODEL, ListPage, ListQuery, PaidVerdict, Submitted, enhance_body};
use crate::job::retry::{self, Lost, PaidRepeat};
use crate::job::{Applied, Credits, ErrorClass, HoldReason, IdempotencyKey, Job, JobId, Phase, State, Update};
use crate::store::{BeginSend, NotNow, SendGuard};

/// Drafts are looked at for so many jobs ahead.
const CHECK_AHEAD: usize = 50;
/// The task list is read this long after the last attempt, since it may lag behind (reference §12).
const LIST_LAG: Duration = Duration::from_secs(2);
/// After a paid request could not be written down, the next is tried so much later.
const STORE_WAIT: Duration = Duration::from_secs(5);
/// So long a task that fits the time of a job which was given up may still turn up as its.
const GIVEN_UP_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Rows of a page of the task list, the most there are (reference §4.6).
const LIST_PAGE: u32 = 50;
/// Pages of the task list that are read at most to answer a question: 2,000 tasks.
const MOST_PAGES: u32 = 40;

impl Engine {
    /// Whether anything may be sent at all just now.
    fn sending_is_open(&self) -> bool {
        self.is_engine()
            && self.options.sending != Sending::Nothing
            && self.settings.paused.is_none()
            && self.store_is_well()
            // What cannot be kept must not be paid for.
            && self.results_are_well()
            && self.open.is_none()
            // A connection that is down loses answers; a free read brings it up again first.
            && !matches!(self.connection, Connection::Down { .. })
    }

    /// Whether a lost answer has still to be looked into; nothing new is sent before that.
    fn has_open_questions(&self) -> bool {
        self.listing.is_some()
            || (self.reconcile_at.is_some() && !self.unsure.is_empty())
            || self
                .unsure
                .iter()
                .any(|id| self.jobs.get(id).is_some_and(|job| matches!(&job.phase, Phase::Unsure(doubt) if !doubt.looked)))
    }

    /// Asks for a look at the drafts of the next jobs.
    pub(super) fn precheck_drafts(&mut self) {
        if self.settings.paused.is_some() || self.options.sending == Sending::Nothing {
            return;
        }
        let now = Instant::now();
        for id in self.queue.head(now, CHECK_AHEAD) {
            let Some(job) = self.jobs.get(&id) else { continue };
            if needs_no_check(job) || self.draft_checks.result(&job.source, job.image) != CheckResult::Unknown {
                continue;
            }
            let source = job.source.clone();
            self.draft_checks.asked(&source);
            self.scheduler.ask(Subscriber::Source(source.clone()), &source, now, now);
        }
    }

    /// Starts the next paid request, if one may leave.
    pub(super) fn start_due_sends(&mut self) {
        self.start_due_repeat();
        if !self.sending_is_open() || self.has_open_questions() || self.in_flight.len() >= self.max_in_flight() as usize {
            return;
        }
        let now = Instant::now();
        if self.send_not_before.is_some_and(|at| at > now) || self.gate.may_send(now).is_err() {
            return;
        }
        if let Some(id) = self.resend.pop_front() {
            self.send_same_key(id);
            return;
        }
        for id in self.queue.head(now, CHECK_AHEAD) {
            let Some(job) = self.jobs.get(&id).cloned() else {
                self.queue.remove(id);
                continue;
            };
            if !needs_no_check(&job) {
                match self.draft_checks.result(&job.source, job.image) {
                    CheckResult::Fine => {}
                    CheckResult::Asked | CheckResult::Unknown => return,
                    // One draft that cannot be read must not stop all others.
                    CheckResult::Troubled => continue,
                    CheckResult::Hold(why) => {
                        self.notice(Some(id), NoticeKind::Held(why.clone()));
                        self.write(vec![(id, Update::Hold(why))]);
                        if !self.store_is_well() {
                            return;
                        }
                        continue;
                    }
                }
            }
            self.begin(&job);
            return;
        }
    }

    fn guard(&self) -> SendGuard {
        let now = self.clock.now();
        let (run_budget, run_limit) = match self.options.sending {
            Sending::UpTo(limit) => (Some(limit - self.run_sent), limit),
            Sending::Nothing | Sending::WithConsent => (None, Credits::ZERO),
        };
        SendGuard {
            caps: self.options.caps,
            server_time: self.service.time(),
            run_budget,
            run_limit,
            price: self.price(),
            day_start: self.day_start(now),
        }
    }

    fn begin(&mut self, job: &Arc<Job>) {
        let id = job.id;
        let mut bytes = [0; 16];
        self.rng.fill(&mut bytes);
        let key = IdempotencyKey::from_random(bytes);
        let body = enhance_body(&job.source, job.image, self.options.callback_url.as_deref());
        let guard = self.guard();
        match self.store.begin_send(id, key, &body, &guard, self.clock.now()) {
            Ok(BeginSend::Go(job)) => {
                self.count_for_run(&job);
                self.apply_change(job);
                self.launch(id, OpenSend::new(id));
            }
            Ok(BeginSend::Held(job, why)) => {
                self.apply_change(job);
                self.notice(Some(id), NoticeKind::Held(why.clone()));
                if let HoldReason::Price { agreed, now } = why {
                    self.price_differs(agreed, now);
                }
            }
            Ok(BeginSend::No(why)) => {
                tracing::debug!(%id, ?why, "not sent");
                self.queue.remove(id);
                self.deferred.push(id);
            }
            Err(error) => {
                // Nothing was sent. The queue waits until the store takes writes again.
                self.notice(Some(id), NoticeKind::NotSent { error: error.to_string() });
                self.send_not_before = Some(Instant::now() + STORE_WAIT);
            }
        }
    }

    fn count_for_run(&mut self, job: &Job) {
        if self.run_jobs.insert(job.id) {
            self.run_sent += job.send.as_ref().map_or(Credits::ZERO, |send| send.agreed);
        }
    }

    /// The request leaves; body and key are on disk.
    fn launch(&mut self, id: JobId, open: OpenSend) {
        let Some(send) = self.jobs.get(&id).and_then(|job| job.send.clone()) else { return };
        let _ = self.gate.take_send(Instant::now());
        self.open = Some(open);
        let service = Arc::clone(&self.service);
        self.spawn(WorkerKind::Submit(id), async move {
            WorkerResult::Submitted(id, Box::new(service.submit(&send.key, &send.body).await))
        });
    }

    fn start_due_repeat(&mut self) {
        let now = Instant::now();
        let Some(open) = self.open.clone() else { return };
        let Some(at) = open.repeat_at else { return };
        if at > now || open.in_air {
            return;
        }
        if let Some(until) = self.gate.closed_until(now) {
            let window_ends = open.first_loss.unwrap_or(now) + retry::PAID_WINDOW;
            if until <= window_ends {
                self.open = Some(OpenSend { repeat_at: Some(until), ..open });
            } else {
                self.give_up_asking(
                    open.job,
                    "the answer was lost, then the service asked for a longer wait",
                    LostAnswer::LongWait,
                );
            }
            return;
        }
        match self.write_before_sending(open.job, Update::SendRepeated { server_time: self.service.time() }) {
            Some(applied) if applied.changed() => {
                self.launch(open.job, OpenSend { in_air: true, repeat_at: None, repeats: open.repeats + 1, ..open });
            }
            Some(_) => self.open = None,
            // Not written, so not sent. The repeats have their window; after it the job is unsure.
            None if now.saturating_duration_since(open.first_loss.unwrap_or(now)) < retry::PAID_WINDOW => {
                self.open = Some(OpenSend { repeat_at: Some(now + STORE_WAIT), ..open });
            }
            None => self.give_up_asking(
                open.job,
                "the answer was lost, then the store could not be written",
                LostAnswer::StoreUnwritable,
            ),
        }
    }

    /// Writes that an attempt begins; `None`: it is not written, so the request must not leave. Unlike what the engine has
    /// learned, this is not kept for later: written without a request behind it, it would claim one that never was.
    fn write_before_sending(&mut self, id: JobId, update: Update) -> Option<Applied> {
        if !self.store_is_well() {
            // What was learned before comes first.
            self.write(Vec::new());
            if !self.store_is_well() {
                return None;
            }
        }
        match self.store.apply(vec![(id, update)], self.clock.now()) {
            Ok(mut results) => {
                let Some((job, applied)) = results.pop() else { return Some(Applied::Ignored("it is gone")) };
                if applied.changed() {
                    self.apply_change(job);
                }
                Some(applied)
            }
            Err(error) => {
                self.notice(Some(id), NoticeKind::NotRepeated { error: error.to_string() });
                self.send_not_before = Some(Instant::now() + STORE_WAIT);
                None
            }
        }
    }

    /// `said` stays with the job.
    fn give_up_asking(&mut self, id: JobId, said: &str, why: LostAnswer) {
        self.open = None;
        self.write(vec![(id, Update::RepeatsUsedUp(said.to_owned()))]);
        self.notice(Some(id), NoticeKind::BecameUnsure(why));
        self.reconcile_later();
    }

    /// From when on the task list may be looked through for this job: its last request may still be on its way at the
    /// service, also when the process that sent it is gone.
    pub(super) fn may_reconcile_from(&self, job: &Job, now: Instant) -> Instant {
        now + LIST_LAG.saturating_sub(self.since_last_attempt(job))
    }

    fn since_last_attempt(&self, job: &Job) -> Duration {
        let since = job.send.as_ref().map(|send| send.since_last(self.clock.now(), self.service.time()));
        since.and_then(|since| Duration::try_from(since).ok()).unwrap_or_default()
    }

    /// Whether a task that its latest attempt made must be in the task list by now.
    fn list_has_settled(&self, id: JobId) -> bool {
        let Some(send) = self.jobs.get(&id).and_then(|job| job.send.as_ref()) else { return true };
        send.since_last(self.clock.now(), self.service.time()) >= retry::LIST_SETTLES
    }

    fn reconcile_later(&mut self) {
        self.reconcile_at_earliest(Instant::now() + LIST_LAG);
    }

    fn reconcile_at_earliest(&mut self, at: Instant) {
        self.reconcile_at = Some(self.reconcile_at.map_or(at, |before| before.max(at)));
    }

    /// The answer to a paid request.
    pub(super) fn on_submitted(&mut self, id: JobId, result: Result<Submitted, ApiError>) {
        let now = Instant::now();
        self.on_answer(result.as_ref().err());
        let Some(open) = self.open.clone().filter(|open| open.job == id) else { return };
        self.balance_changed();
        let result = result.and_then(|answer| self.no_others_task(id, answer));
        match result {
            Ok(answer) => {
                self.open = None;
                self.no_capacity = 0;
                let agreed = self.jobs.get(&id).and_then(|job| job.send.as_ref()).map(|send| send.agreed);
                let reserved = answer.report.reserved;
                self.write(vec![(id, Update::Accepted { report: Box::new(answer.report), replayed: answer.replayed })]);
                if let Some(now) = reserved {
                    let seen = super::Seen { amount: now, at: self.clock.now() };
                    if self.settings.price.is_none_or(|before| before.amount != now) {
                        self.change_settings(|settings| settings.price = Some(seen));
                    }
                    if let Some(agreed) = agreed
                        && agreed != now
                    {
                        self.price_differs(agreed, now);
                    }
                }
            }
            Err(error) => {
                let said = error.sentence();
                match error.paid() {
                    PaidVerdict::Lost(lost) => {
                        self.write(vec![(id, Update::AnswerLost(said.clone()))]);
                        let first_loss = open.first_loss.unwrap_or(now);
                        let unknown_outcomes = open.unknown_outcomes + u32::from(lost == Lost::OutcomeUnknown);
                        let since = now.saturating_duration_since(first_loss);
                        match retry::paid_repeat(lost, open.repeats, since, unknown_outcomes, self.rng.f64()) {
                            PaidRepeat::After(wait) => {
                                self.open = Some(OpenSend {
                                    in_air: false,
                                    repeat_at: Some(now + wait),
                                    first_loss: Some(first_loss),
                                    unknown_outcomes,
                                    ..open
                                });
                            }
                            PaidRepeat::Unsure => self.give_up_asking(
                                id,
                                &format!("the answer was lost: {said}"),
                                LostAnswer::Failed(error.failure()),
                            ),
                        }
                    }
                    PaidVerdict::NotNow => {
                        // A 429 closes the gate, and a connection that is down is tried by free reads first.
                        if !matches!(error.class, ErrorClass::RateLimited | ErrorClass::Network) {
                            self.no_capacity += 1;
                            self.send_not_before = Some(now + retry::rate_limit_wait(error.retry_after, self.no_capacity));
                            self.notice(Some(id), NoticeKind::SendingDeferred(error.failure()));
                        }
                        self.not_accepted(id, Update::PutBack(said));
                    }
                    PaidVerdict::Barred => {
                        self.not_accepted(id, Update::PutBack(said.clone()));
                        self.pause(&if error.class == ErrorClass::Login {
                            PauseReason::Login { said }
                        } else {
                            PauseReason::Access { said }
                        });
                    }
                    PaidVerdict::Unpaid => {
                        self.not_accepted(id, Update::Refused(error.failure()));
                        self.pause(&PauseReason::Balance { said });
                        self.balance_now();
                    }
                    PaidVerdict::Rejected => {
                        if let Some(job) = self.jobs.get(&id) {
                            let source = job.source.clone();
                            self.draft_checks.forget(&source);
                        }
                        self.not_accepted(id, Update::Rejected(error.failure()));
                        self.notice(Some(id), NoticeKind::Refused(error.failure()));
                    }
                }
            }
        }
    }

    /// An answer that names the task of another job says nothing about this one.
    fn no_others_task(&self, id: JobId, answer: Submitted) -> Result<Submitted, ApiError> {
        let task = &answer.report.id;
        // What cannot be read counts as taken.
        let message = match (self.store.task_owner(task), self.store.task_is_known(task)) {
            (Ok(Some(owner)), _) if owner == id => return Ok(answer),
            (Ok(None), Ok(false)) => return Ok(answer),
            (Ok(Some(owner)), _) => format!("it names the task of job {owner}"),
            (Ok(None), Ok(true)) => "it names a draft".to_owned(),
            (Err(error), _) | (_, Err(error)) => format!("whose task it names could not be read: {error}"),
        };
        Err(ApiError {
            class: ErrorClass::InvalidResponse,
            code: "other_task".into(),
            message,
            status: Some(200),
            request_id: answer.report.request_id,
            retry_after: None,
            is_json: true,
        })
    }

    /// The service surely made nothing, unless an earlier attempt is open: then the job is unsure.
    fn not_accepted(&mut self, id: JobId, update: Update) {
        self.open = None;
        let agreed = self.jobs.get(&id).and_then(|job| job.send.as_ref()).map_or(Credits::ZERO, |send| send.agreed);
        let written = self.write(vec![(id, update)]);
        let Some((job, _)) = written.last() else { return };
        match job.state() {
            State::Unsure => self.reconcile_later(),
            _ if self.run_jobs.remove(&id) => self.run_sent = (self.run_sent - agreed).max(Credits::ZERO),
            _ => {}
        }
    }

    /// The price is not the agreed one: nothing more is sent at it without a new yes (product §2, rule 6).
    fn price_differs(&mut self, agreed: Credits, now: Credits) {
        let waiting: Vec<(JobId, Update)> = self
            .queue
            .ids()
            .filter(|id| self.jobs.get(id).and_then(|job| job.approval).is_some_and(|yes| yes.price != now))
            .map(|id| (id, Update::Hold(HoldReason::Price { agreed, now })))
            .collect();
        self.write(waiting);
        self.pause(&PauseReason::Price { agreed, now });
    }

    /// Looks through the account's task list for unsure jobs.
    pub(super) fn start_due_reconcile(&mut self) {
        let now = Instant::now();
        if !self.store_is_well() {
            return;
        }
        if self.listing.is_none() && self.reconcile_at.is_some_and(|at| at <= now) {
            self.reconcile_at = None;
            let asked = !self.windows().is_empty();
            self.listing = asked.then(Listing::default);
        }
        let Some(listing) = &mut self.listing else { return };
        if listing.in_air || self.gate.take_read(now).is_err() {
            return;
        }
        listing.in_air = true;
        let query = ListQuery { model: Some(ENHANCE_MODEL), status: None, page: listing.pages + 1, page_size: LIST_PAGE };
        let service = Arc::clone(&self.service);
        self.spawn(WorkerKind::List, async move { WorkerResult::Listed(service.list(query).await) });
    }

    /// When the task list may be read on, if it is to be.
    pub(super) fn next_page(&self, now: Instant) -> Option<Instant> {
        match &self.listing {
            _ if !self.store_is_well() => None,
            Some(listing) if listing.in_air => None,
            Some(_) => Some(self.gate.clone().take_read(now).err().unwrap_or(now)),
            None => self.reconcile_at,
        }
    }

    fn windows(&self) -> Vec<Window> {
        self.unsure
            .iter()
            .filter_map(|id| self.jobs.get(id))
            .filter_map(|job| job.send.as_ref().map(|send| Window::new(job.id, send)))
            .collect()
    }

    /// A page of the account's task list is here.
    pub(super) fn on_listed(&mut self, result: Result<ListPage, ApiError>) {
        let now = Instant::now();
        self.on_answer(result.as_ref().err());
        let Some(mut listing) = self.listing.take() else { return };
        let looked_through;
        match result {
            Ok(page) => {
                self.list_failures = 0;
                let from = self.windows().iter().map(|window| window.from).min();
                let past = page.rows.iter().any(|row| row.created_at.zip(from).is_some_and(|(created, from)| created < from));
                looked_through = past || (page.rows.is_empty() && page.unreadable == 0);
                listing.unreadable += page.unreadable;
                listing.pages += 1;
                // A gateway that does not know the filter lists other models' tasks too; they are nobody's answer here.
                listing.rows.extend(page.rows.into_iter().filter(|row| row.model.is_empty() || row.model == ENHANCE_MODEL));
                if !looked_through && listing.pages < MOST_PAGES {
                    listing.in_air = false;
                    self.listing = Some(listing);
                    return;
                }
            }
            Err(error) => {
                self.list_failures = self.list_failures.saturating_add(1);
                if self.list_failures == 3 {
                    self.notice(None, NoticeKind::TaskListUnreadable(error.failure()));
                }
                self.reconcile_at = Some(now + retry::read_wait(self.list_failures, error.retry_after, self.rng.f64()));
                return;
            }
        }
        let rows = listing.rows;
        // A task may be that of a job which was given up meanwhile: what fits it, too, is for the user to decide.
        let given_up = self.clock.now().checked_sub(GIVEN_UP_FOR).map(|since| self.store.given_up(since));
        let Ok(Ok(given_up)) = given_up else {
            self.reconcile_at = Some(now + STORE_WAIT);
            return;
        };
        let mut windows = self.windows();
        windows.extend(given_up.iter().filter_map(|job| Some(Window::new(job.id, job.send.as_ref()?))));
        let mut findings = reconcile(&windows, &rows, |task| self.store.task_is_known(task).unwrap_or(true));
        findings.retain(|id, _| self.unsure.contains(id));
        for (id, finding) in findings {
            let looked = self.jobs.get(&id).is_some_and(|job| matches!(&job.phase, Phase::Unsure(doubt) if doubt.looked));
            match finding {
                Match::Is(task) => {
                    self.notice(Some(id), NoticeKind::TaskFound(task.clone()));
                    self.write(vec![(id, Update::Adopted(task))]);
                }
                Match::Nothing if self.resent.contains(&id) && !self.list_has_settled(id) => {
                    // It went out again once already. What comes next must be sure, so the list is read again later.
                    let since = self.jobs.get(&id).map(|job| self.since_last_attempt(job)).unwrap_or_default();
                    self.reconcile_at_earliest(
                        now + Duration::try_from(retry::LIST_SETTLES).unwrap_or_default().saturating_sub(since),
                    );
                }
                Match::Nothing => {
                    self.write(vec![(id, Update::ListRead { candidates: Vec::new(), server_time: self.service.time() })]);
                    if looked {
                        continue;
                    }
                    if listing.unreadable > 0 {
                        self.notice(Some(id), NoticeKind::StaysUnsure(Undecided::UnreadableRows(listing.unreadable)));
                    } else if looked_through {
                        self.after_nothing_fits(id);
                    } else {
                        self.notice(Some(id), NoticeKind::StaysUnsure(Undecided::MoreTasks(rows.len())));
                    }
                }
                Match::Ambiguous(tasks) => {
                    if !looked {
                        self.notice(Some(id), NoticeKind::StaysUnsure(Undecided::SeveralTasks(tasks.len())));
                    }
                    self.write(vec![(id, Update::ListRead { candidates: tasks, server_time: self.service.time() })]);
                }
            }
        }
    }

    fn after_nothing_fits(&mut self, id: JobId) {
        let Some(job) = self.jobs.get(&id) else { return };
        if !job.key_is_young(self.clock.now(), self.service.time()) {
            self.notice(Some(id), NoticeKind::StaysUnsure(Undecided::OldKey));
        } else if self.options.sending == Sending::Nothing {
            self.notice(Some(id), NoticeKind::StaysUnsure(Undecided::NotSending));
        } else if !self.resend.contains(&id) {
            self.resend.push_back(id);
        }
    }

    /// Nothing fits and the key is young: the very same request goes out again.
    fn send_same_key(&mut self, id: JobId) {
        let Some(job) = self.jobs.get(&id).cloned() else { return };
        let agreed = job.send.as_ref().map_or(Credits::ZERO, |send| send.agreed);
        if let Sending::UpTo(limit) = self.options.sending
            && !self.run_jobs.contains(&id)
            && self.run_sent + agreed > limit
        {
            self.notice(Some(id), NoticeKind::StaysUnsure(Undecided::OverRunLimit(limit)));
            return;
        }
        if !self.store_is_well() {
            // What was learned before comes first.
            self.write(Vec::new());
            if !self.store_is_well() {
                self.resend.push_front(id);
                return;
            }
        }
        let guard = SendGuard { run_budget: None, ..self.guard() };
        match self.store.begin_resend(id, &guard, self.clock.now()) {
            Ok(BeginSend::Go(job)) => {
                self.count_for_run(&job);
                self.resent.insert(id);
                self.apply_change(job);
                self.launch(id, OpenSend::new(id));
            }
            Ok(BeginSend::No(NotNow::Hold(why))) => {
                self.notice(Some(id), NoticeKind::StaysUnsure(Undecided::Held(why)));
            }
            Ok(BeginSend::No(NotNow::NotConfirmed)) => {
                self.notice(Some(id), NoticeKind::StaysUnsure(Undecided::NotConfirmed));
            }
            Ok(BeginSend::No(why)) => tracing::debug!(%id, ?why, "not sent again"),
            Ok(BeginSend::Held(..)) => {}
            Err(error) => {
                self.notice(Some(id), NoticeKind::NotRepeated { error: error.to_string() });
                self.send_not_before = Some(Instant::now() + STORE_WAIT);
                self.resend.push_front(id);
            }
        }
    }

    /// When the next paid request may leave, if one is waiting for nothing but time.
    pub(super) fn next_send(&mut self, now: Instant) -> Option<Instant> {
        if !self.sending_is_open() || self.has_open_questions() || self.in_flight.len() >= self.max_in_flight() as usize {
            return None;
        }
        let ready = self.queue.head(now, CHECK_AHEAD).into_iter().find_map(|id| {
            let result =
                self.jobs.get(&id).filter(|job| !needs_no_check(job)).map(|job| self.draft_checks.result(&job.source, job.image));
            match result {
                Some(CheckResult::Troubled) => None,
                Some(CheckResult::Asked) => Some(false),
                _ => Some(true),
            }
        });
        let at = match ready {
            _ if !self.resend.is_empty() => now,
            Some(true) => now,
            // An answer about a draft wakes the loop by itself.
            Some(false) => return None,
            None => self.queue.next_admission()?,
        };
        let at = self.send_not_before.map_or(at, |not_before| at.max(not_before));
        Some(self.gate.may_send(now).err().map_or(at, |open| at.max(open)))
    }
}

/// A draft is looked at once before its picture is first sent; not again after a look by the user or an earlier attempt.
fn needs_no_check(job: &Job) -> bool {
    job.source_confirmed || job.send.is_some()
}
