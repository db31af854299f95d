//! Performing a command.

use std::collections::HashSet;

use jiff::Timestamp;

use super::command::{Act, Command, CommandError, CommandOutcome, JobRef};
use crate::job::prompt::{self, PromptError};
use crate::job::{
    Approval, HoldReason, IdempotencyKey, Job, JobId, JobKind, Model, PaidRequest, Prompt, Spec, State, Tag, TaskId, Unavailable,
    Update,
};
use crate::store::{
    AddRules, Added, Approved, Consent, EngineRequest, NewJob, PauseReason, QueueMove, Settings, Store, StoreError,
};

/// What a command needs besides the store.
#[derive(Debug)]
pub struct Context<'a> {
    /// What time it is.
    pub now: Timestamp,
    /// Random numbers for ids and keys.
    pub rng: &'a mut fastrand::Rng,
    /// The configured callback address, part of a request's body.
    pub callback_url: Option<&'a str>,
    /// This process is the engine: what it is asked for is handed back and not written down for another process.
    pub is_engine: bool,
}

/// What a command did, for whoever keeps jobs in memory.
#[derive(Debug, Default)]
pub struct Done {
    /// For the one who asked.
    pub outcome: CommandOutcome,
    /// The jobs that changed, as the store has them now.
    pub changed: Vec<Job>,
    /// The shared settings, where they were changed.
    pub settings: Option<Settings>,
    /// What the engine is asked for, if this process is the engine.
    pub requests: Vec<EngineRequest>,
}

/// Makes the paid request of a job: a new key, and the body for its picture or prompt.
pub fn make_request(rng: &mut fastrand::Rng, callback_url: Option<&str>, job: &Job) -> PaidRequest {
    let mut bytes = [0; 16];
    rng.fill(&mut bytes);
    PaidRequest { key: IdempotencyKey::from_random(bytes), body: job.kind.body(callback_url) }
}

/// Performs a command.
///
/// # Errors
/// Why nothing was changed.
pub fn perform(store: &mut Store, command: Command, context: &mut Context<'_>) -> Result<Done, CommandError> {
    match command {
        Command::Add { specs, tag, front, again, consent } => add(store, specs, tag.as_ref(), (front, again), consent, context),
        Command::Draft { prompts, tag, front, again, consent } => {
            draft(store, prompts, tag.as_ref(), (front, again), consent, context)
        }
        Command::Approve { jobs, consent } => Ok(approve(store, &jobs, consent, context)?),
        Command::Withdraw { approval } => withdraw(store, approval, context),
        Command::Hold { jobs } => each(store, &jobs, Act::Held, context, Job::can_hold, || Update::Hold(HoldReason::You)),
        Command::Cancel { jobs } => each(store, &jobs, Act::Cancelled, context, Job::can_cancel, || Update::Cancel),
        Command::Uncancel { jobs } => each(store, &jobs, Act::Uncancelled, context, Job::can_uncancel, || Update::Uncancel),
        Command::GiveUp { jobs } => each(store, &jobs, Act::GivenUp, context, Job::can_give_up, || Update::GiveUp),
        Command::Unwatch { jobs } => each(store, &jobs, Act::Unwatched, context, Job::can_unwatch, || Update::Unwatch),
        Command::Watch { jobs } => each(store, &jobs, Act::Watched, context, Job::can_watch, || Update::Watch),
        Command::FetchNow { jobs } => fetch(store, &jobs, context),
        Command::AskNow { jobs } => ask(store, jobs, context),
        Command::Adopt { job, task } => adopt(store, job, &task, context),
        Command::RunAgain { jobs, front, deliberate, again, consent } => {
            run_again(store, &jobs, AddRules { front, again, deliberate }, consent, context)
        }
        Command::Move { jobs, to } => move_in_queue(store, &jobs, to, context),
        Command::PutBack { places } => put_back(store, &places, context),
        Command::Retag { jobs, tag } => each(store, &jobs, Act::Tagged, context, |_| Ok(()), || Update::Retag(tag.clone())),
        Command::Judge { jobs, verdict } => {
            each(store, &jobs, Act::Judged(verdict), context, Job::can_judge, || Update::Judge(verdict))
        }
        Command::Remove { jobs, removed: true } => {
            each(store, &jobs, Act::Removed, context, Job::can_remove, || Update::Remove(true))
        }
        Command::Remove { jobs, removed: false } => {
            each(store, &jobs, Act::Restored, context, |_| Ok(()), || Update::Remove(false))
        }
        Command::HideDrafts { tasks, hidden } => {
            let count = store.hide_drafts(&tasks, hidden)?;
            Ok(said_of_drafts(if hidden { Act::DraftsHidden(count) } else { Act::DraftsShown(count) }))
        }
        Command::NoteDrafts { tasks, note } => Ok(said_of_drafts(Act::DraftsNoted(store.note_drafts(&tasks, note.as_ref())?))),
        Command::Pause => change(store, Act::Paused, |settings| settings.paused = Some(PauseReason::You)),
        Command::Resume { jobs, consent } => resume(store, &jobs, consent, context),
        Command::MaxInFlight(most) => {
            let most = most.clamp(1, 10_000);
            change(store, Act::MaxInFlight(most), |settings| settings.max_in_flight = Some(most))
        }
        Command::Caps(caps) => change(store, Act::CapsChanged, |settings| {
            settings.cap_day = Some(caps.day);
            settings.cap_session = Some(caps.session);
        }),
        Command::Import(jobs) => import(store, jobs, context),
    }
}

fn change(store: &mut Store, act: Act, mut change: impl FnMut(&mut Settings)) -> Result<Done, CommandError> {
    let settings = store.change_settings(&mut change)?;
    Ok(Done {
        outcome: CommandOutcome { act: Some(act), ..CommandOutcome::default() },
        settings: Some(settings),
        ..Done::default()
    })
}

fn said_of_drafts(act: Act) -> Done {
    Done { outcome: CommandOutcome { act: Some(act), ..CommandOutcome::default() }, ..Done::default() }
}

/// One update for each job that it fits; the others are left out and named.
fn each(
    store: &mut Store,
    ids: &[JobId],
    act: Act,
    context: &Context<'_>,
    fits: impl Fn(&Job) -> Result<(), Unavailable>,
    update: impl Fn() -> Update,
) -> Result<Done, CommandError> {
    let results = store.act(ids, &|job| fits(job).map(|()| update()), context.now)?;
    let mut done = Done { outcome: CommandOutcome { act: Some(act), ..CommandOutcome::default() }, ..Done::default() };
    done.take(results);
    Ok(done)
}

impl Done {
    fn take(&mut self, results: Vec<(JobId, Result<Job, Unavailable>)>) {
        for (id, result) in results {
            match result {
                Ok(job) => {
                    self.outcome.jobs.push(id);
                    self.changed.push(job);
                }
                Err(why) => self.outcome.left_out.push((JobRef::Job(id), why)),
            }
        }
    }
}

/// An id that no job of the store has.
fn new_id(store: &Store, rng: &mut fastrand::Rng) -> Result<JobId, StoreError> {
    loop {
        let id = JobId::from_bits(rng.u64(..));
        if store.job(id)?.is_none() {
            return Ok(id);
        }
    }
}

fn added(added: Added, act: Act, name: impl Fn(usize) -> JobRef) -> Done {
    let Added { jobs, left_out } = added;
    let approval = jobs.first().and_then(|job| job.approval).map(shown);
    let left_out = left_out.into_iter().map(|(at, why)| (name(at), why)).collect();
    let outcome = CommandOutcome { act: Some(act), jobs: jobs.iter().map(|job| job.id).collect(), left_out, approval };
    Done { outcome, changed: jobs, ..Done::default() }
}

fn shown(approval: Approval) -> (u64, Timestamp) {
    (approval.seq, approval.not_before)
}

fn add(
    store: &mut Store,
    specs: Vec<Spec>,
    tag: Option<&Tag>,
    (front, again): (bool, bool),
    consent: Option<Consent>,
    context: &mut Context<'_>,
) -> Result<Done, CommandError> {
    let mut new = Vec::with_capacity(specs.len());
    for spec in specs {
        let id = new_id(store, context.rng)?;
        let tag = spec.tag.clone().or_else(|| tag.cloned());
        new.push(NewJob { id, kind: spec.kind(), tag, again_of: None });
    }
    record(store, &new, (front, again), consent, context)
}

/// Records draft jobs. What the service would refuse, or charge at a price that nobody publishes, stores nothing.
fn draft(
    store: &mut Store,
    prompts: Vec<(Prompt, Option<String>)>,
    tag: Option<&Tag>,
    (front, again): (bool, bool),
    consent: Option<Consent>,
    context: &mut Context<'_>,
) -> Result<Done, CommandError> {
    let wrong =
        |(at, (prompt, _)): (usize, &(Prompt, _))| prompt::check(prompt.as_str()).0.into_iter().next().map(|error| (at, error));
    let wrong: Vec<(usize, PromptError)> = prompts.iter().enumerate().filter_map(wrong).collect();
    if !wrong.is_empty() {
        return Err(CommandError::BadPrompts(wrong));
    }
    let mut new = Vec::with_capacity(prompts.len());
    for (prompt, template) in prompts {
        let id = new_id(store, context.rng)?;
        new.push(NewJob { id, kind: JobKind::Draft { prompt, template }, tag: tag.cloned(), again_of: None });
    }
    record(store, &new, (front, again), consent, context)
}

fn record(
    store: &mut Store,
    new: &[NewJob],
    (front, again): (bool, bool),
    consent: Option<Consent>,
    context: &mut Context<'_>,
) -> Result<Done, CommandError> {
    let rules = AddRules { front, again, deliberate: false };
    let (rng, url) = (&mut *context.rng, context.callback_url);
    let result = store.add(new, rules, consent, &mut |job| make_request(rng, url, job), context.now)?;
    Ok(added(result, Act::Added { approved: consent.is_some() }, |at| JobRef::Kind(new[at].kind.clone())))
}

fn run_again(
    store: &mut Store,
    ids: &[JobId],
    rules: AddRules,
    consent: Consent,
    context: &mut Context<'_>,
) -> Result<Done, CommandError> {
    let (mut new, mut gone) = (Vec::with_capacity(ids.len()), Vec::new());
    for id in ids {
        let Some(job) = store.job(*id)? else {
            gone.push((JobRef::Job(*id), Unavailable::Gone));
            continue;
        };
        let fresh = new_id(store, context.rng)?;
        new.push(NewJob { id: fresh, kind: job.kind, tag: job.tag, again_of: Some(*id) });
    }
    let (rng, url) = (&mut *context.rng, context.callback_url);
    let result = store.add(&new, rules, Some(consent), &mut |job| make_request(rng, url, job), context.now)?;
    let name = |at: usize| new[at].again_of.map_or(JobRef::Kind(new[at].kind.clone()), JobRef::Job);
    let mut done = added(result, Act::RanAgain, name);
    done.outcome.left_out.extend(gone);
    Ok(done)
}

fn approve(store: &mut Store, ids: &[JobId], consent: Consent, context: &mut Context<'_>) -> Result<Done, StoreError> {
    let (rng, url) = (&mut *context.rng, context.callback_url);
    Ok(approved(store.approve(ids, consent, None, &mut |job| make_request(rng, url, job), context.now)?))
}

fn approved(approved: Approved) -> Done {
    let outcome = CommandOutcome {
        act: Some(Act::Approved),
        jobs: approved.jobs.iter().map(|job| job.id).collect(),
        left_out: approved.left_out.into_iter().map(|(id, why)| (JobRef::Job(id), why)).collect(),
        approval: Some((approved.seq, approved.not_before)),
    };
    Done { outcome, changed: approved.jobs, ..Done::default() }
}

fn withdraw(store: &mut Store, approval: u64, context: &Context<'_>) -> Result<Done, CommandError> {
    let jobs = store.withdraw(approval, context.now)?;
    if jobs.is_empty() {
        return Err(CommandError::TooLate);
    }
    let ids = jobs.iter().map(|job| job.id).collect();
    let outcome = CommandOutcome { act: Some(Act::Withdrawn), jobs: ids, ..CommandOutcome::default() };
    Ok(Done { outcome, changed: jobs, ..Done::default() })
}

/// One write for both: who is told that it failed has approved nothing.
fn resume(store: &mut Store, ids: &[JobId], consent: Option<Consent>, context: &mut Context<'_>) -> Result<Done, CommandError> {
    let (rng, url) = (&mut *context.rng, context.callback_url);
    let (mut done, settings) = match consent {
        Some(consent) if !ids.is_empty() => {
            let (jobs, settings) = store.resume(ids, consent, &mut |job| make_request(rng, url, job), context.now)?;
            (approved(jobs), settings)
        }
        _ => (Done::default(), store.change_settings(&mut |settings| settings.paused = None)?),
    };
    done.outcome.act = Some(Act::Resumed);
    done.settings = Some(settings);
    Ok(done)
}

fn adopt(store: &mut Store, job: JobId, task: &TaskId, context: &Context<'_>) -> Result<Done, CommandError> {
    let mut done = Done::default();
    done.outcome.act = Some(Act::Adopted);
    // Asked once more in the transaction: this one only finds the words.
    let model = store.job(job)?.map_or(Model::Enhance, |job| job.kind.model());
    let taken = match store.task_owner(task)? {
        Some(owner) if owner != job => Some(Unavailable::TaskTaken(owner)),
        None if store.task_is_known(task, model)? => Some(Unavailable::TaskIsASource(task.clone())),
        _ => None,
    };
    if let Some(why) = taken {
        done.outcome.left_out.push((JobRef::Job(job), why));
        return Ok(done);
    }
    done.take(store.act(&[job], &|job| job.can_adopt().map(|()| Update::Adopted(task.clone())), context.now)?);
    Ok(done)
}

fn move_in_queue(store: &mut Store, ids: &[JobId], to: QueueMove, context: &Context<'_>) -> Result<Done, CommandError> {
    let moved = store.move_in_queue(ids, to, context.now)?;
    let outcome = CommandOutcome {
        act: Some(Act::Moved(to)),
        jobs: moved.moved,
        left_out: moved.left_out.into_iter().map(|(id, why)| (JobRef::Job(id), why)).collect(),
        approval: None,
    };
    Ok(Done { outcome, changed: moved.changed, ..Done::default() })
}

fn put_back(store: &mut Store, places: &[(JobId, i64)], context: &Context<'_>) -> Result<Done, CommandError> {
    let mut done = Done::default();
    done.outcome.act = Some(Act::PutBack);
    let ids: Vec<JobId> = places.iter().map(|(id, _)| *id).collect();
    let place = |job: &Job| places.iter().find(|(id, _)| *id == job.id).map_or(job.place, |(_, place)| *place);
    done.take(store.act(&ids, &|job| job.can_move().map(|()| Update::Move(place(job))), context.now)?);
    Ok(done)
}

fn fetch(store: &mut Store, ids: &[JobId], context: &Context<'_>) -> Result<Done, CommandError> {
    let mut done = Done::default();
    done.outcome.act = Some(Act::Fetching);
    let plan = |job: &Job| match job.state() {
        State::Unwatched => job.can_watch().map(|()| Update::Watch),
        _ => job.can_fetch().map(|()| Update::FetchAgain),
    };
    for (id, result) in store.act(ids, &plan, context.now)? {
        match result {
            Ok(job) => done.changed.push(job),
            // What comes down for the first time has nothing to change, and is fetched all the same.
            Err(Unavailable::Unchanged) => {}
            Err(why) => {
                done.outcome.left_out.push((JobRef::Job(id), why));
                continue;
            }
        }
        done.outcome.jobs.push(id);
    }
    let running: HashSet<JobId> = done.changed.iter().filter(|job| job.state() == State::Running).map(|job| job.id).collect();
    let request = |id: &JobId| if running.contains(id) { EngineRequest::Read(*id) } else { EngineRequest::Fetch(*id) };
    done.requests = done.outcome.jobs.iter().map(request).collect();
    hand_over(store, done, context)
}

fn ask(store: &mut Store, ids: Vec<JobId>, context: &Context<'_>) -> Result<Done, CommandError> {
    let requests =
        if ids.is_empty() { vec![EngineRequest::ReadAll] } else { ids.iter().copied().map(EngineRequest::Read).collect() };
    let outcome = CommandOutcome { act: Some(Act::Asking), jobs: ids, ..CommandOutcome::default() };
    let done = Done { outcome, requests, ..Done::default() };
    hand_over(store, done, context)
}

/// The engine does what it is asked for; any other process writes it down for the engine.
fn hand_over(store: &mut Store, mut done: Done, context: &Context<'_>) -> Result<Done, CommandError> {
    if !context.is_engine && !done.requests.is_empty() {
        store.ask(&done.requests)?;
        done.requests.clear();
    }
    Ok(done)
}

fn import(store: &mut Store, jobs: Vec<(usize, Job)>, context: &Context<'_>) -> Result<Done, CommandError> {
    let mut done = Done::default();
    done.outcome.act = Some(Act::Imported);
    let (mut good, mut wrong, mut seen) = (Vec::with_capacity(jobs.len()), Vec::new(), HashSet::new());
    for (line, mut job) in jobs {
        match job.check_import() {
            Err(why) => wrong.push((line, why)),
            Ok(()) if seen.insert(job.id) => {
                job.call_back(context.callback_url);
                good.push(job);
            }
            // Of two lines with one id the first counts.
            Ok(()) => done.outcome.left_out.push((JobRef::Job(job.id), Unavailable::Twice(job.id))),
        }
    }
    if !wrong.is_empty() {
        return Err(CommandError::BadImport(wrong));
    }
    let left_out: HashSet<JobId> =
        if good.is_empty() { HashSet::new() } else { store.import(&good, context.now)?.into_iter().collect() };
    for job in good {
        if left_out.contains(&job.id) {
            done.outcome.left_out.push((JobRef::Job(job.id), Unavailable::Twice(job.id)));
        } else {
            done.outcome.jobs.push(job.id);
        }
    }
    for id in &done.outcome.jobs {
        done.changed.extend(store.job(*id)?);
    }
    Ok(done)
}
