//! What screens and scripts command for, written into the store.
//!
//! The same code serves the engine's own screen and the screen of another process: a command is a write, and the engine
//! acts on what it finds written.

use std::collections::HashSet;

use super::event_loop::Engine;
use super::{Command, CommandOutcome, Consent, QueueMove};
use crate::job::{Applied, Job, JobId, Phase, Spec, State, Tag, TaskId, Update, text};
use crate::store::{EngineRequest, NewJob, PauseReason, StoreError};

impl Engine {
    /// Does a command.
    pub(super) fn perform(&mut self, command: Command) -> Result<CommandOutcome, String> {
        let done = self.act(command);
        done.map_err(|refused| match refused {
            Refused::Said(said) => said,
            Refused::Store(error) => format!("nothing was changed: {error}"),
        })
    }

    fn act(&mut self, command: Command) -> Result<CommandOutcome, Refused> {
        match command {
            Command::Add { specs, tag, front, again, consent } => self.add(specs, tag.as_ref(), front, again, consent),
            Command::Approve { jobs, consent } => self.approve(&jobs, consent),
            Command::Withdraw { approval } => self.withdraw(approval),
            Command::Hold { jobs } => self.each(&jobs, "held", |_| Update::Hold(crate::job::HoldReason::You)),
            Command::Cancel { jobs } => self.each(&jobs, "cancelled", |_| Update::Cancel),
            Command::GiveUp { jobs } => self.each(&jobs, "given up", |_| Update::GiveUp),
            Command::Unwatch { jobs } => self.each(&jobs, "no longer watched", |_| Update::Unwatch),
            Command::Watch { jobs } => self.each(&jobs, "watched again", |_| Update::Watch),
            Command::FetchNow { jobs } => self.fetch_jobs(&jobs),
            Command::AskNow { jobs } => self.refresh_jobs(&jobs),
            Command::Adopt { task, .. } if self.has_task(&task) => {
                Err(Refused::Said(format!("nothing was changed: {task} belongs to another job")))
            }
            Command::Adopt { job, task } => self.each(&[job], "settled", |_| Update::Adopted(task.clone())),
            Command::RunAgain { jobs, consent } => self.run_again(&jobs, consent),
            Command::Move { jobs, to } => self.shift(&jobs, to),
            Command::Retag { jobs, tag } => self.each(&jobs, "tagged", |_| Update::Retag(tag.clone())),
            Command::Remove { jobs, removed } => {
                self.each(&jobs, if removed { "taken off the list" } else { "back on the list" }, |_| Update::Remove(removed))
            }
            Command::Pause => {
                self.settings = self.store.change_settings(&mut |settings| settings.paused = Some(PauseReason::You))?;
                Ok(said("sending is paused; what was sent goes on"))
            }
            Command::Resume { jobs, consent } => self.resume(&jobs, consent),
            Command::MaxInFlight(most) => {
                let most = most.clamp(1, 10_000);
                self.settings = self.store.change_settings(&mut |settings| settings.max_in_flight = Some(most))?;
                Ok(said(format!("at most {} in flight", text::count(most as usize, "job"))))
            }
            Command::Caps(caps) => {
                self.settings = self.store.change_settings(&mut |settings| {
                    settings.cap_day = Some(caps.day);
                    settings.cap_session = Some(caps.session);
                })?;
                Ok(said("caps changed"))
            }
        }
    }

    /// Whether some job has this task already.
    pub(super) fn has_task(&self, task: &TaskId) -> bool {
        self.store.find(task.as_str()).is_ok_and(|jobs| jobs.iter().any(|job| job.task.as_ref() == Some(task)))
    }

    /// One update for each job; what it did not fit is left out and named.
    fn each(&mut self, jobs: &[JobId], what: &str, update: impl Fn(&JobId) -> Update) -> Result<CommandOutcome, Refused> {
        let updates = jobs.iter().map(|id| (*id, update(id))).collect();
        let results = self.store.apply(updates, self.clock.now())?;
        Ok(self.sum_up(jobs, results, what))
    }

    fn sum_up(&mut self, asked: &[JobId], results: Vec<(Job, Applied)>, what: &str) -> CommandOutcome {
        let mut done = CommandOutcome::default();
        let mut changed = Vec::new();
        for (job, applied) in results {
            match applied {
                Applied::Changed(_) => {
                    done.jobs.push(job.id);
                    changed.push(job);
                }
                Applied::Ignored(why) => done.left_out.push((job.id.to_string(), why.to_owned())),
            }
        }
        for id in asked {
            if !done.jobs.contains(id) && !done.left_out.iter().any(|(name, _)| *name == id.to_string()) {
                done.left_out.push((id.to_string(), "it is gone".to_owned()));
            }
        }
        self.apply_changes(changed);
        done.said = summary(&done, what);
        done
    }

    fn add(
        &mut self,
        specs: Vec<Spec>,
        tag: Option<&Tag>,
        front: bool,
        again: bool,
        consent: Option<Consent>,
    ) -> Result<CommandOutcome, Refused> {
        let mut done = CommandOutcome::default();
        let mut seen = HashSet::new();
        let mut new = Vec::with_capacity(specs.len());
        for spec in specs {
            let name = format!("{} picture {}", spec.source, spec.image);
            if !seen.insert((spec.source.clone(), spec.image)) {
                done.left_out.push((name, "twice".to_owned()));
                continue;
            }
            if !again && let Some(duplicate) = self.store.duplicate(&spec.source, spec.image)? {
                done.left_out.push((name, format!("twice: job {duplicate} has it")));
                continue;
            }
            let id = self.new_id()?;
            new.push(NewJob {
                id,
                source: spec.source,
                image: spec.image,
                tag: spec.tag.or_else(|| tag.cloned()),
                again_of: None,
            });
        }
        if new.is_empty() {
            return Ok(CommandOutcome { said: "nothing new to add".to_owned(), ..done });
        }
        if let Some(consent) = consent
            && new.len() > consent.count
        {
            return Err(Refused::Said(format!("nothing was added: the yes was for {}, these are {}", consent.count, new.len())));
        }
        let jobs = self.store.add(&new, front, consent, self.clock.now())?;
        done.jobs = jobs.iter().map(|job| job.id).collect();
        done.approval = approval_of(&jobs);
        done.said = summary(&done, if consent.is_some() { "added and approved" } else { "added, held" });
        self.apply_changes(jobs);
        Ok(done)
    }

    fn new_id(&mut self) -> Result<JobId, StoreError> {
        loop {
            let id = JobId::from_bits(self.rng.u64(..));
            if self.store.job(id)?.is_none() {
                return Ok(id);
            }
        }
    }

    fn approve(&mut self, ids: &[JobId], consent: Consent) -> Result<CommandOutcome, Refused> {
        if ids.len() > consent.count {
            return Err(Refused::Said(format!(
                "nothing was approved: the yes was for {}, these are {}",
                consent.count,
                ids.len()
            )));
        }
        let (approval, jobs, left_out) = self.store.approve(ids, consent, self.clock.now())?;
        let mut done = CommandOutcome {
            jobs: jobs.iter().map(|job| job.id).collect(),
            left_out: left_out.into_iter().map(|(id, why)| (id.to_string(), why.to_owned())).collect(),
            approval: Some((approval.seq, approval.not_before)),
            ..CommandOutcome::default()
        };
        done.said = summary(&done, "approved");
        // A yes to a job that was held for its draft is an answer to what the look found; others are looked at afresh.
        for job in &jobs {
            if !job.source_confirmed {
                let source = job.source.clone();
                self.draft_checks.forget_if_unfit(&source, job.image);
            }
        }
        self.apply_changes(jobs);
        Ok(done)
    }

    fn withdraw(&mut self, approval: u64) -> Result<CommandOutcome, Refused> {
        let jobs = self.store.withdraw(approval, self.clock.now())?;
        if jobs.is_empty() {
            return Err(Refused::Said("too late: the grace period is over".to_owned()));
        }
        let mut done = CommandOutcome { jobs: jobs.iter().map(|job| job.id).collect(), ..CommandOutcome::default() };
        done.said = format!("{} held, nothing was sent", text::count(done.jobs.len(), "job"));
        self.apply_changes(jobs);
        Ok(done)
    }

    fn resume(&mut self, ids: &[JobId], consent: Option<Consent>) -> Result<CommandOutcome, Refused> {
        let done = match consent {
            Some(consent) if !ids.is_empty() => self.approve(ids, consent)?,
            _ => said("sending goes on"),
        };
        self.settings = self.store.change_settings(&mut |settings| settings.paused = None)?;
        Ok(done)
    }

    fn run_again(&mut self, ids: &[JobId], consent: Consent) -> Result<CommandOutcome, Refused> {
        let mut done = CommandOutcome::default();
        let mut new = Vec::new();
        let mut seen = HashSet::new();
        for id in ids {
            let Some(job) = self.store.job(*id)? else {
                done.left_out.push((id.to_string(), "it is gone".to_owned()));
                continue;
            };
            if !job.state().is_final() {
                done.left_out.push((id.to_string(), format!("it is {}", job.state())));
                continue;
            }
            if !seen.insert((job.source.clone(), job.image)) {
                done.left_out.push((id.to_string(), "twice: the same picture".to_owned()));
                continue;
            }
            if let Some(duplicate) = self.store.duplicate(&job.source, job.image)?
                && duplicate != *id
                && self.store.job(duplicate)?.is_some_and(|duplicate| !duplicate.state().is_final())
            {
                done.left_out.push((id.to_string(), format!("job {duplicate} runs it already")));
                continue;
            }
            let fresh = self.new_id()?;
            new.push(NewJob { id: fresh, source: job.source, image: job.image, tag: job.tag, again_of: Some(*id) });
        }
        if new.is_empty() {
            done.said = summary(&done, "run again");
            return Ok(done);
        }
        if new.len() > consent.count {
            return Err(Refused::Said(format!(
                "nothing was run again: the yes was for {}, these are {}",
                consent.count,
                new.len()
            )));
        }
        let jobs = self.store.add(&new, false, Some(consent), self.clock.now())?;
        done.jobs = jobs.iter().map(|job| job.id).collect();
        done.approval = approval_of(&jobs);
        done.said = summary(&done, "run again");
        self.apply_changes(jobs);
        Ok(done)
    }

    /// Moves jobs in the queue, as a block that keeps its own order.
    fn shift(&mut self, ids: &[JobId], to: QueueMove) -> Result<CommandOutcome, Refused> {
        let mut queue: Vec<(i64, JobId)> = self
            .jobs
            .values()
            .filter(|job| matches!(job.state(), State::Waiting | State::Held))
            .map(|job| (job.place, job.id))
            .collect();
        queue.sort_unstable();
        let moving: HashSet<JobId> = ids.iter().copied().filter(|id| queue.iter().any(|(_, other)| other == id)).collect();
        if moving.is_empty() {
            return Err(Refused::Said("only jobs that wait or are held have a place in the queue".to_owned()));
        }
        let mut order: Vec<JobId> = queue.iter().map(|(_, id)| *id).collect();
        match to {
            QueueMove::Front => order.sort_by_key(|id| !moving.contains(id)),
            QueueMove::Earlier => {
                for at in 1..order.len() {
                    if moving.contains(&order[at]) && !moving.contains(&order[at - 1]) {
                        order.swap(at, at - 1);
                    }
                }
            }
            QueueMove::Later => {
                for at in (0..order.len().saturating_sub(1)).rev() {
                    if moving.contains(&order[at]) && !moving.contains(&order[at + 1]) {
                        order.swap(at, at + 1);
                    }
                }
            }
        }
        // The places stay the same set; only who stands on them changes. Two jobs on one place get places of their own.
        let mut places: Vec<i64> = queue.iter().map(|(place, _)| *place).collect();
        for at in 1..places.len() {
            places[at] = places[at].max(places[at - 1] + 1);
        }
        let updates: Vec<(JobId, Update)> = order
            .iter()
            .zip(places)
            .filter(|(id, place)| self.jobs.get(id).is_some_and(|job| job.place != *place))
            .map(|(id, place)| (*id, Update::Move(place)))
            .collect();
        let results = self.store.apply(updates, self.clock.now())?;
        self.apply_changes(results.into_iter().filter(|(_, applied)| applied.changed()).map(|(job, _)| job).collect());
        let mut done =
            CommandOutcome { jobs: ids.iter().copied().filter(|id| moving.contains(id)).collect(), ..CommandOutcome::default() };
        done.said = summary(
            &done,
            match to {
                QueueMove::Front => "moved to the front",
                QueueMove::Earlier => "moved earlier",
                QueueMove::Later => "moved later",
            },
        );
        Ok(done)
    }

    fn fetch_jobs(&mut self, ids: &[JobId]) -> Result<CommandOutcome, Refused> {
        let mut done = CommandOutcome::default();
        for id in ids {
            match self.store.job(*id)? {
                Some(job) if matches!(job.phase, Phase::ToFetch(_)) || may_fetch_again(&job) => done.jobs.push(*id),
                Some(job) => done.left_out.push((id.to_string(), format!("it is {}", job.state()))),
                None => done.left_out.push((id.to_string(), "it is gone".to_owned())),
            }
        }
        let wanted = done.jobs.clone();
        if self.is_engine() {
            for id in wanted {
                self.fetch_now(id);
            }
        } else {
            self.store.ask(&wanted.into_iter().map(EngineRequest::Fetch).collect::<Vec<_>>())?;
        }
        done.said = summary(&done, "to be on_fetched now");
        Ok(done)
    }

    fn refresh_jobs(&mut self, ids: &[JobId]) -> Result<CommandOutcome, Refused> {
        if self.is_engine() {
            self.refresh_now(ids);
        } else if ids.is_empty() {
            self.store.ask(&[EngineRequest::ReadAll])?;
        } else {
            self.store.ask(&ids.iter().map(|id| EngineRequest::Read(*id)).collect::<Vec<_>>())?;
        }
        let mut done = said("asking the service");
        done.jobs = ids.to_vec();
        Ok(done)
    }
}

/// Why a command was not done: said in words, or by the store.
enum Refused {
    Said(String),
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn said(text: impl Into<String>) -> CommandOutcome {
    CommandOutcome { said: text.into(), ..CommandOutcome::default() }
}

fn may_fetch_again(job: &Job) -> bool {
    let mut copy = job.clone();
    copy.apply(Update::FetchAgain, job.created_at).changed()
}

fn approval_of(jobs: &[Job]) -> Option<(u64, jiff::Timestamp)> {
    jobs.first().and_then(|job| job.approval).map(|yes| (yes.seq, yes.not_before))
}

/// `37 jobs run again; 3 left out: 2 running, 1 gone`.
fn summary(done: &CommandOutcome, what: &str) -> String {
    if done.jobs.is_empty()
        && let [(_, why)] = done.left_out.as_slice()
    {
        return format!("nothing was changed: {why}");
    }
    let mut out = format!("{} {what}", text::count(done.jobs.len(), "job"));
    if !done.left_out.is_empty() {
        let mut reasons: Vec<(usize, &str)> = Vec::new();
        for (_, why) in &done.left_out {
            let why = why.split(':').next().unwrap_or(why);
            match reasons.iter_mut().find(|(_, known)| *known == why) {
                Some((count, _)) => *count += 1,
                None => reasons.push((1, why)),
            }
        }
        let reasons: Vec<String> = reasons.iter().map(|(count, why)| format!("{count} ({why})")).collect();
        out = format!("{out}; {} left out: {}", done.left_out.len(), reasons.join(", "));
    }
    out
}
