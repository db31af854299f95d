//! The paid call: written before it leaves, and its answer written before anything follows from it.

use std::sync::Arc;

use jiff::Timestamp;

use super::super::PauseReason;
use super::super::clock::Now;
use super::super::notice::{NoticeKind, Undecided};
use super::super::submitter::{Answer, NextSend, Repeat, no_earlier_task, no_others_task, no_questions_task};
use super::super::workers::{WorkerKind, WorkerResult};
use super::Engine;
use crate::api::{ApiError, Submitted};
use crate::job::{Applied, CapName, Credits, HoldReason, IdempotencyKey, Job, JobId, LostAnswer, Model, State, Update};
use crate::store::{BeginSend, NotNow, StoreError};

impl Engine {
    /// Starts the next attempt of the open request, if it is due.
    pub(super) fn start_due_repeat(&mut self, now: Now) {
        match self.submitter.due_repeat(&self.gate, now) {
            None => {}
            Some(Repeat::GiveUp(id, why)) => {
                self.give_up_asking(id, why);
            }
            Some(Repeat::Attempt(id)) => match self.write_before_sending(id, Update::SendRepeated { server_time: now.service }) {
                Some(applied) if applied.changed() => {
                    self.submitter.repeated();
                    self.launch(id);
                }
                // The job does not take a repeat: its key is too old, or it is not being sent any more.
                Some(_) => self.give_up_asking(id, LostAnswer::TimePassed),
                None if self.submitter.repeat_not_written(now) => {
                    self.give_up_asking(id, LostAnswer::StoreUnwritable);
                }
                None => {}
            },
        }
    }

    /// Starts the next paid request, if one may leave.
    pub(super) fn start_due_send(&mut self, now: Now) {
        let priced = self.base.account.priced(now);
        let next = self.submitter.next(self.is_clear(now), &priced, &self.base.jobs, &self.gate, now);
        for (id, why) in next.holds {
            self.base.notice(Some(id), NoticeKind::Held(why.clone()));
            self.write(vec![(id, Update::Hold(why))]);
            if !self.backlog.is_empty() {
                // Nothing is sent before this is written.
                return;
            }
        }
        match next.send {
            None => {}
            Some(NextSend::SameKey(id)) => self.send_same_key(id),
            Some(NextSend::First(id)) => self.begin(id),
        }
    }

    fn begin(&mut self, id: JobId) {
        let Some(job) = self.base.jobs.get(id) else { return };
        let now = self.base.now();
        let mut bytes = [0; 16];
        self.base.services.rng.fill(&mut bytes);
        let key = IdempotencyKey::from_random(bytes);
        let model = job.kind.model();
        let body = job.kind.body(self.base.options.callback_url.as_deref());
        let guard = self.submitter.guard(self.base.options.caps, &self.base.account, now);
        match self.base.store.begin_send(id, key, &body, &guard, now.wall) {
            Ok(BeginSend::Go(job)) => {
                let agreed = job.send.as_ref().map(|send| send.agreed);
                if let Some(price) = agreed.filter(|_| self.base.account.sends_without_price(model)) {
                    self.base.notice(None, NoticeKind::PriceUnread(price));
                }
                self.take(vec![job]);
                self.open(id);
            }
            Ok(BeginSend::Held(job, why)) => {
                self.take(vec![job]);
                self.base.notice(Some(id), NoticeKind::Held(why.clone()));
                if let HoldReason::Price { agreed, now } = why {
                    self.price_differs(model, agreed, now);
                }
            }
            Ok(BeginSend::No(why)) => {
                tracing::debug!(%id, ?why, "not sent");
                self.submitter.defer(id);
            }
            Err(error) => {
                // Nothing was sent. The queue waits until the store takes writes again.
                self.base.notice(Some(id), NoticeKind::NotSent { error: error.to_string() });
                self.submitter.store_refused(now);
            }
        }
    }

    /// Nothing fits and the key is young: the very same request goes out again.
    fn send_same_key(&mut self, id: JobId) {
        if !self.has_caught_up() {
            self.submitter.send_again_first(id);
            return;
        }
        let now = self.base.now();
        let guard = self.submitter.guard(self.base.options.caps, &self.base.account, now);
        match self.base.store.begin_resend(id, &guard, now.wall) {
            Ok(BeginSend::Go(job)) => {
                self.reconciler.sent_again(id);
                self.take_at(vec![job], now);
                self.open(id);
            }
            Ok(BeginSend::No(NotNow::Hold(HoldReason::Cap { cap: CapName::MaxCredits, limit }))) => {
                self.base.notice(Some(id), NoticeKind::StaysUnsure(Undecided::OverRunLimit(limit)));
            }
            Ok(BeginSend::No(NotNow::Hold(why))) => {
                self.base.notice(Some(id), NoticeKind::StaysUnsure(Undecided::Held(why)));
            }
            Ok(BeginSend::No(NotNow::NotConfirmed)) => {
                self.base.notice(Some(id), NoticeKind::StaysUnsure(Undecided::NotConfirmed));
            }
            Ok(BeginSend::No(why)) => tracing::debug!(%id, ?why, "not sent again"),
            Ok(BeginSend::Held(..)) => {}
            Err(error) => {
                self.not_repeated(id, &error);
                self.submitter.send_again_first(id);
            }
        }
    }

    /// Whether the store has all that was learned before, which comes first.
    fn has_caught_up(&mut self) -> bool {
        if !self.backlog.is_empty() {
            self.write(Vec::new());
        }
        self.backlog.is_empty()
    }

    /// The store did not take the write before a repeat: nothing leaves.
    fn not_repeated(&mut self, id: JobId, error: &StoreError) {
        self.base.notice(Some(id), NoticeKind::NotRepeated { error: error.to_string() });
        self.submitter.store_refused(self.base.now());
    }

    /// The first attempt of this process leaves.
    fn open(&mut self, id: JobId) {
        self.submitter.opened(id, self.base.now());
        self.launch(id);
    }

    /// The request leaves; body and key are on disk.
    fn launch(&mut self, id: JobId) {
        let Some(send) = self.base.jobs.get(id).and_then(|job| job.send.clone()) else {
            self.submitter.close();
            return;
        };
        let _ = self.gate.take_send(self.base.now().at);
        let service = Arc::clone(&self.base.services.service);
        self.workers.spawn(WorkerKind::Submit(id), async move {
            WorkerResult::Submitted(id, Box::new(service.submit(&send.key, &send.body).await))
        });
    }

    /// Writes that an attempt begins; `None`: it is not written, so the request must not leave. Unlike what the engine has
    /// learned, this is not kept for later: written without a request behind it, it would claim one that never was.
    fn write_before_sending(&mut self, id: JobId, update: Update) -> Option<Applied> {
        if !self.has_caught_up() {
            return None;
        }
        let now = self.base.now();
        match self.base.store.apply(vec![(id, update)], now.wall) {
            Ok(mut results) => {
                let Some((job, applied)) = results.pop() else { return Some(Applied::Ignored("it is gone")) };
                if applied.changed() {
                    self.take_at(vec![job], now);
                }
                Some(applied)
            }
            Err(error) => {
                self.not_repeated(id, &error);
                None
            }
        }
    }

    /// The repeats are over.
    fn give_up_asking(&mut self, id: JobId, why: LostAnswer) {
        self.submitter.close();
        let written = self.write(vec![(id, Update::RepeatsUsedUp(why.clone()))]);
        // It may have left *sending* by another way meanwhile; what it is then was told with it.
        if written.last().is_none_or(|(job, _)| job.state() == State::Unsure) {
            self.base.notice(Some(id), NoticeKind::BecameUnsure(why));
        }
        self.reconciler.after_attempt(self.base.now());
    }

    /// The answer to a paid request.
    pub(super) fn on_submitted(&mut self, id: JobId, result: Result<Submitted, ApiError>, now: Now) {
        self.on_answer(result.as_ref().err(), now);
        if !self.submitter.awaits(id) {
            return;
        }
        self.base.account.balance_changed(now);
        let store = &self.base.store;
        let job = self.base.jobs.get(id).map(|job| &**job);
        let model = job.map_or(Model::Enhance, |job| job.kind.model());
        let is_repeated = result.as_ref().is_ok_and(|answer| answer.replayed);
        if let Ok(answer) = &result
            && answer.replayed
            && store.task_owner(&answer.report.id).is_ok_and(|owner| owner.is_some_and(|owner| owner != id))
        {
            self.reconciler.names_other(id);
        }
        let is_certain = result.as_ref().is_ok_and(|answer| self.submitter.names_the_same(answer));
        let unsure = self.base.jobs.unsure();
        let questions = || {
            let mut jobs = store.given_up(Timestamp::UNIX_EPOCH)?;
            jobs.extend(unsure.map(|job| Job::clone(job)));
            Ok(jobs)
        };
        let result = result.and_then(|answer| {
            let task = &answer.report.id;
            no_others_task(id, model, &answer.report, store.task_owner(task), store.task_is_known(task, model))?;
            no_earlier_task(job, &answer, now)?;
            no_questions_task(job, &answer, is_certain, questions, now)?;
            Ok(answer)
        });
        match self.submitter.on_submitted(result, job, &mut self.base.services.rng, now) {
            None => {}
            Some(Answer::Accepted { update, agreed, reserved }) => {
                let mut repeated = job.filter(|_| is_repeated).cloned();
                if let Some(job) = &mut repeated {
                    job.apply(update.clone(), now.wall);
                }
                self.write(vec![(id, update)]);
                let Some(price) = reserved else { return };
                if let Some(job) = repeated {
                    // What it repeats may have been made before the price moved.
                    self.check_late_amount(&job, price, now);
                    return;
                }
                let change = self.base.account.on_reserved(model, price, now);
                self.change_settings(change);
                if let Some(agreed) = agreed.filter(|agreed| *agreed != price) {
                    self.price_differs(model, agreed, price);
                }
            }
            Some(Answer::Lost { update, over }) => {
                self.write(vec![(id, update)]);
                if let Some(why) = over {
                    self.give_up_asking(id, why);
                }
            }
            Some(Answer::NotAccepted { update, notice, pause, read_balance }) => {
                let written = self.write(vec![(id, update)]);
                if written.last().is_some_and(|(job, _)| job.state() == State::Unsure) {
                    // An earlier attempt is open, so this refusal proves nothing.
                    self.reconciler.after_attempt(self.base.now());
                }
                if let Some(kind) = notice {
                    self.base.notice(Some(id), kind);
                }
                let in_a_row = written.last().and_then(|(job, _)| self.base.account.on_end(&job.phase));
                if let Some(why) = pause.or(in_a_row) {
                    self.pause(why);
                }
                if read_balance {
                    self.base.account.balance_now(now);
                }
            }
        }
    }

    /// The price of a model is not the agreed one: no job of it is sent without a new approval.
    pub(super) fn price_differs(&mut self, model: Model, agreed: Credits, now: Credits) {
        let hold = |id| (id, Update::Hold(HoldReason::Price { agreed, now }));
        let waiting = self.submitter.approved_at_other_price(&self.base.jobs, model, now).into_iter().map(hold).collect();
        self.write(waiting);
        self.pause(PauseReason::Price { agreed, now });
    }
}
