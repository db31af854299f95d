//! The paid request: from its first attempt to the task it made, through lost answers and refusals.

use jiff::Timestamp;

use super::super::charge::Charge;
use super::super::failure::Failure;
use super::super::id::{IdempotencyKey, TaskId};
use super::super::phase::{CancelledBy, Doubt, HoldReason, LostAnswer, Phase, Progress};
use super::super::report::TaskReport;
use super::super::request::PaidRequest;
use super::super::{retry, text};
use super::{Applied, Job, PaidSend, changed, noted};

impl Job {
    pub(super) fn start_send(
        &mut self,
        key: IdempotencyKey,
        body: String,
        now: Timestamp,
        server_time: Option<Timestamp>,
    ) -> Applied {
        if self.phase != Phase::Waiting {
            return Applied::Ignored("only a waiting job can be sent");
        }
        let Some(yes) = self.approval else { return Applied::Ignored("it was not confirmed") };
        let request = self.request.take().unwrap_or(PaidRequest { key, body });
        let send = self.send.get_or_insert(PaidSend {
            key: request.key,
            body: request.body,
            agreed: yes.price,
            first_at: now,
            last_at: now,
            first_server_time: server_time,
            last_server_time: server_time,
            attempts: 0,
            lost: 0,
            absence_confirmed: false,
            refusals: 0,
        });
        send.agreed = yes.price;
        send.begin(now, server_time);
        self.charge = Some(Charge::Reserved);
        self.phase = Phase::Sending;
        changed("sending")
    }

    pub(super) fn repeat_send(&mut self, now: Timestamp, server_time: Option<Timestamp>) -> Applied {
        match (&self.phase, &mut self.send) {
            (Phase::Sending, Some(send)) if !send.is_young(now, server_time) => {
                // The gateway may have forgotten the key: the same request would be a second payment.
                Applied::Ignored("its key is too old to be relied on")
            }
            (Phase::Sending, Some(send)) => {
                send.begin(now, server_time);
                changed(format!("attempt {} with the same key", send.attempts))
            }
            _ => Applied::Ignored("it is not being sent"),
        }
    }

    pub(super) fn lose_answer(&mut self, why: &Failure) -> Applied {
        match (&self.phase, &mut self.send) {
            (Phase::Sending, Some(send)) => {
                send.lose();
                changed(noted("reply lost", why))
            }
            _ => Applied::Ignored("it is not being sent"),
        }
    }

    pub(super) fn put_back(&mut self, why: Failure, now: Timestamp) -> Applied {
        match (&self.phase, &self.send) {
            (Phase::Sending, Some(send)) if send.refusal_is_proof() => {
                self.charge = None;
                self.stand(Phase::Waiting, now);
                changed(noted("back in the queue", &why))
            }
            (Phase::Sending, Some(_)) => self.become_unsure(LostAnswer::Failed(why)),
            _ => Applied::Ignored("it is not being sent"),
        }
    }

    pub(super) fn refuse(&mut self, failure: Failure, now: Timestamp) -> Applied {
        match (&self.phase, &mut self.send) {
            (Phase::Sending, Some(send)) if send.refusal_is_proof() => {
                let note = format!("refused: {}", failure.code);
                send.refusals = send.refusals.saturating_add(1);
                self.charge = None;
                self.request_id.clone_from(&failure.request_id);
                self.stand(Phase::Held(HoldReason::Refused(failure)), now);
                changed(note)
            }
            (Phase::Sending, Some(_)) => self.become_unsure(LostAnswer::RefusedLater { code: failure.code }),
            _ => Applied::Ignored("it is not being sent"),
        }
    }

    /// Where an unpaid job stands after a refusal: where it would, or nowhere if it was to be cancelled.
    pub(super) fn stand(&mut self, phase: Phase, now: Timestamp) {
        if std::mem::take(&mut self.stop_requested) {
            self.phase = Phase::Cancelled(CancelledBy::You);
            self.finished_at = Some(now);
        } else {
            self.phase = phase;
        }
    }

    pub(super) fn reject(&mut self, failure: Failure, now: Timestamp) -> Applied {
        match (&self.phase, &self.send) {
            (Phase::Sending, Some(send)) if send.refusal_is_proof() => {
                let note = format!("refused: {}", failure.code);
                self.charge = Some(Charge::NotKnown);
                if failure.status.is_some_and(|status| (400..500).contains(&status)) {
                    // No task was made, so there is nothing that could be charged (docs/service.md §7.3).
                    self.charge = None;
                }
                self.request_id.clone_from(&failure.request_id);
                self.finished_at = Some(now);
                self.phase = Phase::Failed(failure);
                changed(note)
            }
            (Phase::Sending, Some(_)) => self.become_unsure(LostAnswer::RefusedLater { code: failure.code }),
            _ => Applied::Ignored("it is not being sent"),
        }
    }

    pub(super) fn become_unsure(&mut self, why: LostAnswer) -> Applied {
        if self.phase != Phase::Sending {
            return Applied::Ignored("it is not being sent");
        }
        let note = match &why {
            LostAnswer::Failed(failure) => noted("unsure: reply lost", failure),
            why => format!("unsure: {why}"),
        };
        self.phase = Phase::Unsure(Doubt { why, looked: false, candidates: Vec::new() });
        changed(note)
    }

    pub(super) fn look(&mut self, candidates: Vec<TaskId>, now: Timestamp, server_time: Option<Timestamp>) -> Applied {
        match &mut self.phase {
            Phase::Unsure(doubt) if !doubt.looked || doubt.candidates != candidates => {
                let note = match candidates.len() {
                    0 => "nothing in the task list fits".to_owned(),
                    n => format!("{} could be it", text::count(n, "task")),
                };
                if let Some(send) = &mut self.send {
                    send.absence_confirmed = candidates.is_empty() && send.since_last(now, server_time) >= retry::LIST_SETTLES;
                }
                doubt.looked = true;
                doubt.candidates = candidates;
                changed(note)
            }
            Phase::Unsure(_) => Applied::Ignored("nothing new in the task list"),
            _ => Applied::Ignored("it is not unsure"),
        }
    }

    pub(super) fn recheck(&mut self) -> Applied {
        match &mut self.phase {
            Phase::Unsure(doubt) if doubt.looked => {
                doubt.looked = false;
                doubt.candidates = Vec::new();
                changed(String::new())
            }
            _ => Applied::Ignored("there is nothing to look for"),
        }
    }

    pub(super) fn send_again(&mut self, now: Timestamp, server_time: Option<Timestamp>) -> Applied {
        let young = self.key_is_young(now, server_time);
        let agreed = self.approval.filter(|_| !self.is_approved_elsewhere()).map(|approval| approval.price);
        match (&self.phase, &mut self.send) {
            (Phase::Unsure(_), _) if agreed.is_none() => Applied::Ignored("nobody confirmed it in this store"),
            (Phase::Unsure(doubt), Some(send)) if doubt.looked && doubt.candidates.is_empty() && young => {
                send.agreed = agreed.unwrap_or(send.agreed);
                send.begin(now, server_time);
                self.phase = Phase::Sending;
                changed(format!("nothing fits: attempt {} with the same key", send.attempts))
            }
            (Phase::Unsure(_), _) => {
                Applied::Ignored("the task list was not looked through, something there fits, or the key is too old")
            }
            _ => Applied::Ignored("it is not unsure"),
        }
    }

    pub(super) fn accept(&mut self, report: &TaskReport, replayed: bool, now: Timestamp) -> Applied {
        if !matches!(self.phase, Phase::Sending | Phase::Unsure(_)) {
            return Applied::Ignored("it is not being sent");
        }
        self.task = Some(report.id.clone());
        self.sent_at = Some(now);
        self.reserved = report.reserved.or(self.reserved);
        self.estimate = report.seconds_left;
        self.charge = Some(Charge::Reserved);
        if let Some((send, made)) = self.send.as_mut().filter(|_| replayed).zip(report.created) {
            send.was_answered(made);
        }
        if report.request_id.is_some() {
            self.request_id.clone_from(&report.request_id);
        }
        let note = if replayed { format!("recovered as {}", report.id) } else { format!("accepted as {}", report.id) };
        if std::mem::take(&mut self.stop_requested) {
            self.phase = Phase::Unwatched;
            return changed(format!("{note}, not watched: charged if it completes"));
        }
        // The body of a replay may be old (docs/service.md §3.1), and a first answer may already be final: the next read says.
        self.phase = Phase::Running(Progress { percent: report.percent, seconds_left: report.seconds_left, at: Some(now) });
        changed(note)
    }

    pub(super) fn adopt(&mut self, task: TaskId, now: Timestamp) -> Applied {
        if !matches!(self.phase, Phase::Unsure(_)) {
            return Applied::Ignored("it is not unsure");
        }
        let note = format!("found in the task list: {task}");
        self.task = Some(task);
        self.sent_at = Some(self.send.as_ref().map_or(now, |send| send.last_at));
        self.charge = Some(Charge::Reserved);
        self.phase =
            if std::mem::take(&mut self.stop_requested) { Phase::Unwatched } else { Phase::Running(Progress::default()) };
        changed(note)
    }

    pub(super) fn restart(&mut self) -> Applied {
        match &mut self.phase {
            Phase::Sending => {
                if let Some(send) = &mut self.send {
                    send.lose();
                }
                self.become_unsure(LostAnswer::ProgramEnded)
            }
            Phase::Fetching(trouble) => {
                self.phase = Phase::ToFetch(std::mem::take(trouble));
                changed(String::new())
            }
            Phase::Unsure(_) => self.recheck(),
            _ => Applied::Ignored("nothing was under way"),
        }
    }
}
