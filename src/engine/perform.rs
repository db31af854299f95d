//! A command of this process's dashboard or script: performed on the store as by any other process, then taken in here.

use super::event_loop::Engine;
use super::{Act, Command, CommandError, CommandOutcome};
use crate::commands::{self, Context};
use crate::store::EngineRequest;

impl Engine {
    /// Performs a command, takes what changed into the indices, and wakes the parts that have something to do.
    pub(super) fn perform(&mut self, command: Command) -> Result<CommandOutcome, CommandError> {
        let callback_url = self.options.callback_url.clone();
        let mut context = Context {
            now: self.clock.now(),
            is_engine: self.is_engine(),
            rng: &mut self.rng,
            callback_url: callback_url.as_deref(),
        };
        let done = commands::perform(&mut self.store, command, &mut context)?;
        if let Some(settings) = done.settings {
            self.settings = settings;
        }
        if matches!(done.outcome.act, Some(Act::Approved | Act::Resumed)) {
            // Confirming a job that was held for its draft answers what the check found; others are checked afresh.
            for job in done.changed.iter().filter(|job| !job.source_confirmed) {
                self.draft_checks.forget_if_unfit(&job.source, job.image);
            }
        }
        self.apply_changes(done.changed);
        self.serve(done.requests);
        Ok(done.outcome)
    }

    /// Does what the engine is asked for, by this process or another one.
    pub(super) fn serve(&mut self, requests: Vec<EngineRequest>) {
        for request in requests {
            match request {
                EngineRequest::Read(job) => self.refresh_now(&[job]),
                EngineRequest::Fetch(job) => self.fetch_now(job),
                EngineRequest::ReadAll => self.refresh_now(&[]),
            }
        }
    }
}
