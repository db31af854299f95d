//! What dashboards and scripts want: commands of this process's dashboard, and what others ask by the store.

use super::super::base::SessionMessage;
use super::super::{Act, Command, CommandError, CommandOutcome};
use super::Engine;
use crate::job::{JobId, State, Update};
use crate::store::EngineRequest;

impl Engine {
    pub(super) fn command(&mut self, message: SessionMessage) {
        match message {
            SessionMessage::Command { ticket, command } => {
                let outcome = self.perform(command);
                self.base.publisher.command_done(ticket, outcome);
            }
            SessionMessage::Details(job) => self.base.publisher.details(job, &self.base.store),
            SessionMessage::ShowDrafts(shown) => {
                self.show_drafts(shown);
            }
            SessionMessage::ListDrafts => self.on_request(EngineRequest::ListDrafts { now: true }),
            SessionMessage::LookAtDraft(task) => self.on_request(EngineRequest::LookAtDraft(task)),
            SessionMessage::FetchDraft(task) => self.on_request(EngineRequest::FetchDraft(task)),
            SessionMessage::SaveScreenState(state) => self.base.save_screen_state(&state),
            SessionMessage::Stop => self.stopping = true,
        }
    }

    /// Does a command, and what it asks of the engine.
    fn perform(&mut self, command: Command) -> Result<CommandOutcome, CommandError> {
        // What the user says comes after what was learned before.
        self.write_settings();
        let done = self.base.perform(command, true)?;
        if matches!(done.outcome.act, Some(Act::Approved | Act::Resumed)) {
            // Confirming a job that was held for its draft answers what the check found; others are checked afresh.
            for job in done.changed.iter().filter(|job| !job.source_confirmed) {
                if let Some((source, image)) = job.kind.source() {
                    self.submitter.drafts().forget_if_unfit(source, image);
                }
            }
        }
        self.take(done.changed);
        for request in done.requests {
            self.on_request(request);
        }
        Ok(done.outcome)
    }

    /// What a dashboard or a script asks of the engine.
    pub(super) fn on_request(&mut self, request: EngineRequest) {
        let now = self.base.now();
        match request {
            EngineRequest::ReadAll => {
                self.poller.ask_all(now);
                self.base.account.balance_now(now);
                let unsure: Vec<(JobId, Update)> = self.base.jobs.unsure().map(|job| (job.id, Update::Recheck)).collect();
                if !unsure.is_empty() {
                    self.write(unsure);
                    self.reconciler.read_now(now);
                }
            }
            EngineRequest::Read(id) => {
                let Some(job) = self.base.jobs.get(id).cloned() else { return };
                match (job.state(), &job.task) {
                    (State::Running, Some(task)) => self.poller.ask_now(id, task, now),
                    (State::Unsure, _) => {
                        self.write(vec![(id, Update::Recheck)]);
                        self.reconciler.read_now(now);
                    }
                    (State::Held, _) => {
                        if let Some((source, _)) = job.kind.source() {
                            self.submitter.drafts().forget(source);
                        }
                    }
                    _ => {}
                }
            }
            EngineRequest::ListDrafts { now: at_once } => self.list_drafts(at_once, now),
            EngineRequest::LookAtDraft(task) => self.draft_reader.look_at(task),
            EngineRequest::FetchDraft(task) => self.draft_reader.fetch(task),
            EngineRequest::Fetch(id) => {
                self.downloads.fetch_now(id);
                self.write(vec![(id, Update::FetchAgain)]);
                let job = self.base.jobs.get(id);
                if let Some(task) = job.and_then(|job| self.downloads.await_fresh_link(job, now.wall)) {
                    self.poller.ask_now(id, &task, now);
                }
            }
        }
    }
}
