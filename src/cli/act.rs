//! `cancel`, `retry`, `fetch`, `hold`, `release`: commands about jobs that exist. A running engine notices them in the store.

use super::args::{CancelArgs, IdsArgs, ReleaseArgs, RetryArgs};
use super::context::Context;
use super::exit::Exit;
use super::out::Out;
use super::problem::{Outcome, Problem};
use super::{add, consent, json, outcomes, wording};
use crate::commands::{Command, CommandOutcome, JobRef};
use crate::job::{Job, JobId, State, Unavailable, text};
use crate::store::{AddRules, NewJob, Store};

/// The store, to write; nothing is made where there is none, since it has no job to act on.
fn existing(context: &Context) -> Result<Store, Problem> {
    context.may_write()?;
    if context.store_to_look_into()?.is_none() {
        return Err(Problem::input("no_such_job", "the store has no jobs", "`mj-enhance add` records some"));
    }
    context.store()
}

/// What was reached and what was left out, job by job.
struct Report {
    jobs: Vec<Job>,
    left_out: Vec<(JobId, Unavailable)>,
}

impl Report {
    fn new(jobs: Vec<Job>) -> Self {
        Self { jobs, left_out: Vec::new() }
    }

    fn pick(&self, fits: impl Fn(&Job) -> bool) -> Vec<JobId> {
        self.jobs.iter().filter(|job| fits(job)).map(|job| job.id).collect()
    }

    /// Performs a command over jobs, if there are any for it.
    fn perform(
        &mut self,
        store: &mut Store,
        jobs: Vec<JobId>,
        command: fn(Vec<JobId>) -> Command,
        context: &Context,
    ) -> Result<(), Problem> {
        if jobs.is_empty() {
            return Ok(());
        }
        let done = outcomes::perform(store, command(jobs), context)?;
        self.take(done.outcome);
        Ok(())
    }

    fn take(&mut self, outcome: CommandOutcome) {
        self.left_out.extend(outcome.left_out.into_iter().filter_map(|(what, why)| match what {
            JobRef::Job(id) => Some((id, why)),
            JobRef::Kind(_) => None,
        }));
    }

    /// Tells how every job stands now, each with its note.
    fn tell(&self, store: &Store, note: impl Fn(&Job, &Job) -> (Option<String>, Exit), context: &Context) -> Outcome {
        let mut exits = Vec::new();
        for before in &self.jobs {
            let job = store.job(before.id)?.unwrap_or_else(|| before.clone());
            context.out.object(&json::job(&job))?;
            let (said, exit) = note(before, &job);
            // Another process was quicker: what it wrote is the truth.
            let late = self.left_out.iter().find(|(id, _)| *id == job.id).filter(|_| before.state() != job.state());
            if let Some((_, why)) = late {
                context.out.line(&format!("{} Nothing was changed: {}.", wording::sentence(&job), outcomes::reason(why)))?;
            } else if before.state() != job.state() || said.is_none() {
                context.out.line(&wording::sentence(&job))?;
            }
            if let Some(said) = said.filter(|_| late.is_none()) {
                context.out.line(&said)?;
            }
            exits.push(exit);
        }
        Ok(Exit::first(exits))
    }
}

/// Drops what is not sent, stops watching what is.
pub fn cancel(args: &CancelArgs, context: &Context) -> Outcome {
    let mut store = existing(context)?;
    let mut report = Report::new(Context::selected(&store, &args.jobs, |job| {
        job.can_cancel().is_ok() || job.can_unwatch().is_ok() || (args.give_up && job.can_give_up().is_ok())
    })?);
    let (drop, unwatch) = (report.pick(|job| job.can_cancel().is_ok()), report.pick(|job| job.can_unwatch().is_ok()));
    let give_up = if args.give_up { report.pick(|job| job.can_give_up().is_ok()) } else { Vec::new() };
    report.perform(&mut store, drop, |jobs| Command::Cancel { jobs }, context)?;
    report.perform(&mut store, unwatch, |jobs| Command::Unwatch { jobs }, context)?;
    report.perform(&mut store, give_up, |jobs| Command::GiveUp { jobs }, context)?;
    report.tell(&store, |before, _| after_cancel(before, args.give_up), context)
}

/// What cancelling a job that stood so means beyond its new state.
fn after_cancel(job: &Job, give_up: bool) -> (Option<String>, Exit) {
    let name = wording::name(job);
    let said = match job.state() {
        State::Held | State::Waiting => return (None, Exit::Ok),
        State::Unsure if give_up => return (None, Exit::Ok),
        State::Sending => format!(
            "{name} is being sent: when its answer is here it is no longer watched; it keeps running at EvoLink and is charged if it completes."
        ),
        State::Running => format!("`mj-enhance fetch {}` watches it again.", job.id),
        State::ToFetch | State::Fetching => {
            let what = if job.kind.prompt().is_some() { "its pictures are" } else { "its picture is" };
            format!("{name} is finished and charged; {what} still fetched (free).")
        }
        State::Unsure => {
            let said = format!(
                "{name} stays unsure: the reply to its paid request was lost, so it may run and be charged. A dashboard or `mj-enhance run` \
                 looks it up in the account's task list; `cancel --give-up` stops looking."
            );
            return (Some(said), Exit::Unsure);
        }
        state @ (State::Saved | State::Failed | State::Cancelled) => {
            format!("{name} is {state} already; nothing was changed.")
        }
        State::Unwatched => format!("{name} is unwatched already: still running at EvoLink, charged if it completes."),
    };
    (Some(said), Exit::Ok)
}

/// Fetches now, and watches unwatched jobs again; free.
pub fn fetch(args: &IdsArgs, context: &Context) -> Outcome {
    let mut store = existing(context)?;
    let mut report = Report::new(Context::selected(&store, &args.jobs, |job| {
        job.can_fetch().is_ok() || job.can_watch().is_ok() || job.state() == State::Running
    })?);
    let fetch = report.pick(|job| job.can_fetch().is_ok() || job.can_watch().is_ok());
    let ask = report.pick(|job| job.state() == State::Running);
    let is_work = !fetch.is_empty() || !ask.is_empty();
    report.perform(&mut store, fetch, |jobs| Command::FetchNow { jobs }, context)?;
    report.perform(&mut store, ask, |jobs| Command::AskNow { jobs }, context)?;
    let exit = report.tell(&store, |before, _| after_fetch(before), context)?;
    if is_work && let Some(hint) = context.engine_hint() {
        Out::status(&format!("Nothing is fetched yet: {hint}."));
    }
    Ok(exit)
}

fn after_fetch(job: &Job) -> (Option<String>, Exit) {
    let name = wording::name(job);
    if job.can_fetch().is_ok() || job.can_watch().is_ok() {
        return (None, Exit::Ok);
    }
    match job.state() {
        State::Fetching => (Some(format!("{name} is being fetched already.")), Exit::Ok),
        State::Saved => (Some(format!("{name} is saved already; nothing was changed.")), Exit::Ok),
        State::Running => (Some(format!("{name} is running; it is fetched automatically when it is done.")), Exit::Ok),
        State::Held | State::Waiting | State::Sending | State::Unsure => {
            (Some(format!("{name} has no result yet ({}); nothing was changed.", job.state())), Exit::BadInput)
        }
        State::Failed | State::Cancelled | State::ToFetch | State::Unwatched => {
            (Some(format!("{name} ended without a result; there is nothing to fetch.")), Exit::BadInput)
        }
    }
}

/// Holds waiting jobs back.
pub fn hold(args: &IdsArgs, context: &Context) -> Outcome {
    let mut store = existing(context)?;
    let mut report = Report::new(Context::selected(&store, &args.jobs, |job| job.can_hold().is_ok())?);
    let waiting = report.pick(|job| job.can_hold().is_ok());
    report.perform(&mut store, waiting, |jobs| Command::Hold { jobs }, context)?;
    let note = |before: &Job, _: &Job| match before.can_hold() {
        Ok(()) => (None, Exit::Ok),
        Err(_) if before.state() == State::Held => (Some(format!("{} is held already.", wording::name(before))), Exit::Ok),
        Err(why) => (Some(cannot(before, "held", &why)), Exit::BadInput),
    };
    report.tell(&store, note, context)
}

/// Confirms held jobs, so that they may be sent.
pub fn release(args: &ReleaseArgs, context: &Context) -> Outcome {
    let mut store = existing(context)?;
    let mut report = Report::new(Context::selected(&store, &args.jobs, |job| job.can_approve().is_ok())?);
    let wrong: Vec<(String, String)> =
        report.jobs.iter().filter_map(|job| Some((wording::name(job), outcomes::reason(&job.can_approve().err()?)))).collect();
    if !wrong.is_empty() {
        let message = match wrong.as_slice() {
            [(name, why)] => format!("{name} cannot be released: {why}"),
            many => format!("{} cannot be released", text::count(many.len(), "job")),
        };
        let next = "only held and waiting jobs are released; nothing was changed";
        return Err(Problem { lines: wrong, ..Problem::input("not_held", message, next) });
    }
    let quote = consent::quote_for(&report.jobs, &store.settings()?);
    let consent = consent::check(args.consent, &quote, "")?;
    let jobs = report.pick(|_| true);
    let done = outcomes::perform(&mut store, Command::Approve { jobs, consent }, context)?;
    report.take(done.outcome);
    let exit = report.tell(&store, |_, _| (None, Exit::Ok), context)?;
    add::tell_next(true, &consent::quote_words(&quote), report.jobs.len(), context);
    Ok(exit)
}

fn cannot(job: &Job, what: &str, why: &Unavailable) -> String {
    format!("{} cannot be {what}: {}; nothing was changed.", wording::name(job), outcomes::reason(why))
}

/// Runs jobs again: new paid jobs.
pub fn retry(args: &RetryArgs, context: &Context) -> Outcome {
    let mut store = existing(context)?;
    let jobs = Context::selected(&store, &args.jobs, |job| job.can_run_again(args.again).is_ok())?;
    let rules = AddRules { front: args.front, again: args.again, deliberate: args.again };
    let left_out = store.check_add(&jobs.iter().map(as_new).collect::<Vec<_>>(), rules)?;
    let left_out: Vec<(JobId, Unavailable)> = left_out.into_iter().map(|(at, why)| (jobs[at].id, why)).collect();
    let take: Vec<JobId> = jobs.iter().map(|job| job.id).filter(|id| !left_out.iter().any(|(other, _)| other == id)).collect();
    let named = |left_out: &[(JobId, Unavailable)]| -> Vec<(String, String)> {
        let name = |id: &JobId| jobs.iter().find(|job| job.id == *id).map_or_else(|| id.to_string(), wording::name);
        left_out
            .iter()
            .map(|(id, why)| {
                let is_draft = jobs.iter().any(|job| job.id == *id && job.kind.prompt().is_some());
                (name(id), again_reason(why, is_draft))
            })
            .collect()
    };
    if take.is_empty() {
        return Err(nothing_to_retry(named(&left_out)));
    }
    let quote = consent::quote_for(jobs.iter().filter(|job| take.contains(&job.id)), &store.settings()?);
    let consent = consent::check(args.consent, &quote, "")?;
    let command = Command::RunAgain { jobs: take, front: args.front, deliberate: args.again, again: args.again, consent };
    let done = outcomes::perform(&mut store, command, context)?;
    let mut all = left_out;
    all.extend(done.outcome.left_out.into_iter().filter_map(|(what, why)| match what {
        JobRef::Job(id) => Some((id, why)),
        JobRef::Kind(_) => None,
    }));
    if done.changed.is_empty() {
        return Err(nothing_to_retry(named(&all)));
    }
    for (name, why) in named(&all) {
        Out::status(&format!("{name} is left out: {why}"));
    }
    let quote = consent::quote_for(&done.changed, &store.settings()?);
    add::tell_added(&done.changed, true, &consent::quote_words(&quote), context)?;
    Ok(Exit::Ok)
}

fn as_new(job: &Job) -> NewJob {
    NewJob { id: job.id, kind: job.kind.clone(), tag: job.tag.clone(), again_of: Some(job.id) }
}

fn again_reason(why: &Unavailable, is_draft: bool) -> String {
    match why {
        Unavailable::State(state @ (State::Saved | State::Unwatched)) => format!("it is {state}; `--again` runs it anyway"),
        Unavailable::State(State::Held) => "it is held and was never sent; `mj-enhance release` sends it".to_owned(),
        Unavailable::State(State::Unsure) => "it is unsure and may be running".to_owned(),
        Unavailable::State(state) => format!("it is {state}; wait for its end"),
        Unavailable::Twice(job) => {
            format!("job {job} has the same {}; `--again` runs it anyway", if is_draft { "prompt" } else { "picture" })
        }
        why => outcomes::reason(why),
    }
}

fn nothing_to_retry(lines: Vec<(String, String)>) -> Problem {
    let message = match lines.as_slice() {
        [(name, why)] => format!("{name} cannot be run again: {why}"),
        many => format!("none of {} can be run again", text::count(many.len(), "job")),
    };
    let next = "only failed and cancelled jobs are run again without --again; nothing was stored";
    Problem { lines, ..Problem::input("nothing_to_retry", message, next) }
}
