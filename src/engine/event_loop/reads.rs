//! The free calls: what their answers say goes to the store and to the parts it is for.

use std::sync::Arc;

use super::super::PauseReason;
use super::super::account::is_later;
use super::super::clock::Now;
use super::super::downloads::{self, AfterFetch};
use super::super::notice::NoticeKind;
use super::super::poll_scheduler::Read;
use super::super::poller::{self, PollNews};
use super::super::reconciler::{Listed, Scene};
use super::super::workers::{WorkerKind, WorkerResult};
use super::Engine;
use crate::api::{ApiError, ListPage};
use crate::fetch::FetchError;
use crate::job::{
    Applied, Charge, Credits, ErrorClass, Failure, Job, JobId, Model, SavedFile, TaskId, TaskReport, TaskStatus, Update,
};

impl Engine {
    pub(super) fn start_read(&mut self, read: Read) {
        let service = Arc::clone(&self.base.services.service);
        self.workers.spawn(WorkerKind::Read(read.clone()), async move {
            let result = match &read {
                Read::One(_, task) => service.task(task).await.map(|report| vec![report]),
                Read::Many(many) => {
                    let ids: Vec<TaskId> = many.iter().map(|(_, task)| task.clone()).collect();
                    service.batch(&ids).await
                }
            };
            WorkerResult::Read(read, result)
        });
    }

    /// A read of tasks came back.
    pub(super) fn on_read(&mut self, read: Read, result: Result<Vec<TaskReport>, ApiError>, now: Now) {
        self.on_answer(result.as_ref().err(), now);
        let downloads = &self.downloads;
        let awaits_link = |id| downloads.awaits_link(id);
        let scene = poller::Scene { jobs: &self.base.jobs, awaits_link: &awaits_link, gate: &self.gate, now };
        let rng = &mut self.base.services.rng;
        let (mut endings, mut odd, mut unreadable, mut charge_unread) = (Vec::new(), Vec::new(), None, false);
        for news in self.poller.on_read(read, result, rng, scene) {
            match news {
                PollNews::Report(id, report) => {
                    charge_unread |= report.status == TaskStatus::Completed && report.charge_unread;
                    endings.push((id, Update::Reported(report)));
                }
                PollNews::Progress(id, before, heard) => self.base.publisher.progressed(id, before, heard),
                PollNews::Vanished(id) => drop(self.write_ending(id, Update::Vanished)),
                PollNews::NoLink(id) => self.no_fresh_link(id),
                PollNews::OddStatus(id, word) => odd.push((id, word)),
                PollNews::Unreadable(failure) => unreadable = Some(failure),
                PollNews::Draft(report) => self.submitter.drafts().seen(*report, self.base.account.prices()),
                PollNews::NoDraft(source) => self.submitter.drafts().missing(&source),
                PollNews::DraftUnread(source) => self.submitter.drafts().troubled(&source),
            }
        }
        for (id, word) in odd {
            self.base.notice(Some(id), NoticeKind::UnknownStatus { word });
        }
        if let Some(failure) = unreadable {
            self.base.notice(None, NoticeKind::AnswersUnreadable(failure));
        }
        if endings.is_empty() {
            return;
        }
        if charge_unread {
            self.pause_for_unread_charge();
        }
        let waited: Vec<JobId> = endings.iter().map(|(id, _)| *id).filter(|id| self.downloads.awaits_link(*id)).collect();
        if waited.len() < endings.len() {
            self.base.account.balance_changed(now);
        }
        let written = self.write(endings);
        for (job, applied) in written.iter().filter(|(job, _)| waited.contains(&job.id)) {
            if applied.changed() {
                self.downloads.link_settled(job.id);
                self.poller.forget(job.id);
            } else {
                self.no_fresh_link(job.id);
            }
        }
        self.notice_endings(&written);
    }

    /// What was charged in the end is compared with what was agreed, as the reserve is: another amount pauses sending. The
    /// money book counts what was charged, so caps and limits do too. `charged`: jobs whose charge is news.
    pub(super) fn check_charges(&mut self, charged: &[Job], now: Now) {
        for model in Model::ALL {
            let other = charged.iter().filter(|job| job.kind.model() == model).find_map(|job| {
                let (agreed, charged) = (job.send.as_ref()?.agreed, job.charged.filter(|_| job.charge == Some(Charge::Charged))?);
                (agreed != charged && charged > Credits::ZERO).then_some((charged, job))
            });
            if let Some((charged, job)) = other {
                self.check_late_amount(job, charged, now);
            }
        }
    }

    /// What a task of an earlier time was reserved or charged: another amount than the agreed one pauses sending. It is the
    /// price of now only where none was told since.
    pub(super) fn check_late_amount(&mut self, job: &Job, amount: Credits, now: Now) {
        let Some(agreed) = job.send.as_ref().map(|send| send.agreed).filter(|agreed| *agreed != amount) else { return };
        let model = job.kind.model();
        if self.base.account.price_moved_since(job, amount) {
            let change = self.base.account.price_told_again(model);
            self.change_settings(change);
            self.pause(PauseReason::Price { agreed, now: amount });
            return;
        }
        let change = self.base.account.on_late_amount(model, amount, now);
        self.change_settings(change);
        self.price_differs(model, agreed, amount);
    }

    /// What a task of ours cost in the end cannot be read, so nobody knows whether it is what was agreed.
    fn pause_for_unread_charge(&mut self) {
        let said = "the service reported a charge that cannot be read";
        self.pause(PauseReason::NoPrice { reply: Failure::new(ErrorClass::InvalidResponse, "price_unclear", said) });
    }

    /// The engine before this one may have been killed after it wrote what a job was reserved or charged, and before it wrote
    /// that this is the price now: whoever goes on pauses in its place.
    pub(super) fn take_up_amounts(&mut self, jobs: &[Arc<Job>], now: Now) {
        for model in Model::ALL {
            let price = self.base.account.settings().price(model);
            let other = jobs.iter().filter(|job| job.kind.model() == model).find_map(|job| {
                let agreed = job.send.as_ref().filter(|_| job.sent_at.is_some())?.agreed;
                let amount = job.charged.filter(|_| job.charge == Some(Charge::Charged)).or(job.reserved)?;
                let is_news = price.is_none_or(|price| !is_later(&price, job) && price.amount != amount);
                (is_news && amount != agreed && amount > Credits::ZERO).then_some((agreed, amount))
            });
            let Some((agreed, amount)) = other else { continue };
            let change = self.base.account.on_late_amount(model, amount, now);
            self.change_settings(change);
            self.price_differs(model, agreed, amount);
        }
    }

    /// A page of the account's task list is here.
    pub(super) fn on_listed(&mut self, result: Result<ListPage, ApiError>, now: Now) {
        self.on_answer(result.as_ref().err(), now);
        let may_send = self.submitter.may_send();
        let store = &self.base.store;
        // What cannot be read counts as known: a task must never become that of two jobs.
        let is_known = |task: &TaskId, model| store.task_is_known(task, model).unwrap_or(true);
        let given_up = |since| store.given_up(since);
        let scene = Scene {
            jobs: &self.base.jobs,
            given_up: &given_up,
            is_known: &is_known,
            prices: self.base.account.prices(),
            may_send,
            now,
        };
        let rng = &mut self.base.services.rng;
        match self.reconciler.on_listed(result, rng, scene) {
            Listed::More | Listed::Failed(None) => {}
            Listed::Failed(Some(kind)) => self.base.notice(None, kind),
            Listed::Findings(findings) => {
                for finding in findings {
                    if let Some(update) = finding.update {
                        self.write(vec![(finding.job, update)]);
                    }
                    if let Some(kind) = finding.notice {
                        self.base.notice(Some(finding.job), kind);
                    }
                    if finding.send_again {
                        self.submitter.send_again(finding.job);
                    }
                }
            }
        }
    }

    /// Starts downloads while there are places.
    pub(super) fn start_due_fetches(&mut self, now: Now) {
        while self.backlog.is_empty() {
            let Some(id) = self.downloads.next(now.at) else { return };
            let written = self.write(vec![(id, Update::FetchStarted)]);
            let Some((job, Applied::Changed(_))) = written.last() else { return };
            let request = downloads::request(job, &self.base.options.time_zone);
            self.downloads.started(id);
            let fetcher = Arc::clone(&self.base.services.fetcher);
            self.workers.spawn(WorkerKind::Fetch(id), async move { WorkerResult::Fetched(id, fetcher.fetch(&request).await) });
        }
    }

    /// A download ended.
    pub(super) fn on_fetched(&mut self, id: JobId, result: Result<Vec<SavedFile>, FetchError>, now: Now) {
        let job = self.base.jobs.get(id).map(|job| &**job);
        let ended = self.downloads.on_fetched(id, result, job, now.wall);
        if let Some(kind) = ended.notice {
            self.base.notice(Some(id), kind);
        }
        let written = self.write_ending(id, ended.update);
        match ended.after {
            AfterFetch::Over => {}
            AfterFetch::Later(task) => {
                let job = written.last().map(|(job, _)| job);
                self.downloads.retry_later(id, job, &mut self.base.services.rng, now.at);
                if let Some(task) = task {
                    self.poller.ask(id, &task, now);
                }
            }
            AfterFetch::FreshLink(task) => self.poller.ask_now(id, &task, now),
        }
    }

    /// The service was asked for a fresh link and has none.
    fn no_fresh_link(&mut self, id: JobId) {
        self.poller.forget(id);
        let now = self.base.now();
        self.downloads.no_fresh_link(id, &mut self.base.services.rng, now.at);
    }

    /// Writes an update that may end the job, and tells if it does.
    fn write_ending(&mut self, id: JobId, update: Update) -> Vec<(Job, Applied)> {
        let written = self.write(vec![(id, update)]);
        self.notice_endings(&written);
        written
    }

    fn notice_endings(&mut self, written: &[(Job, Applied)]) {
        self.base.publisher.endings(self.base.now().wall, written);
        for (job, _) in written.iter().filter(|(_, applied)| applied.changed()) {
            if let Some(why) = self.base.account.on_end(&job.phase) {
                self.pause(why);
            }
        }
    }
}
