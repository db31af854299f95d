//! `cancel`, `retry`, `fetch`: commands about jobs that exist. A running engine notices them in the store.

use super::args::{CancelArgs, IdsArgs, RetryArgs};
use super::context::{Context, now};
use super::exit::Exit;
use super::out::Out;
use super::problem::{Outcome, Problem};
use super::{add, consent, json, wording};
use crate::job::{Applied, Job, JobId, Phase, State, Update, text};
use crate::store::{EngineRequest, NewJob, Store};

/// What one job gets.
struct Act {
    job: Job,
    update: Option<Update>,
    ask: Option<EngineRequest>,
    /// What is said where nothing is changed, or in addition to it.
    note: Option<String>,
    exit: Exit,
}

impl Act {
    fn new(job: Job) -> Self {
        Self { job, update: None, ask: None, note: None, exit: Exit::Ok }
    }
    fn update(mut self, update: Update) -> Self {
        self.update = Some(update);
        self
    }
    fn ask(mut self, ask: EngineRequest) -> Self {
        self.ask = Some(ask);
        self
    }
    fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
    fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

/// The store, to write; nothing is made where there is none, since it has no job to act on.
fn existing(context: &Context) -> Result<Store, Problem> {
    context.may_write()?;
    if context.store_to_read()?.is_none() {
        return Err(Problem::input("no_such_job", "the store has no jobs", "`mj-enhance add` records some"));
    }
    context.store()
}

/// Drops what is not sent, stops watching what is (product §2, rule 9).
pub fn cancel(args: &CancelArgs, context: &Context) -> Outcome {
    let mut store = existing(context)?;
    let jobs = Context::jobs(&store, &args.ids)?;
    let acts = jobs.into_iter().map(|job| plan_cancel(job, args.give_up)).collect();
    perform(&mut store, acts, context)
}

fn plan_cancel(job: Job, give_up: bool) -> Act {
    let name = wording::name(&job);
    let act = Act::new(job);
    match act.job.state() {
        State::Held | State::Waiting => act.update(Update::Cancel),
        State::Sending => act.update(Update::Cancel).note(format!(
            "{name} is being sent: its answer is awaited, then it is no longer watched; it goes on at EvoLink and is paid for if it completes."
        )),
        State::Running => {
            let id = act.job.id;
            act.update(Update::Unwatch).note(format!("`mj-enhance fetch {id}` watches it again."))
        }
        State::ToFetch | State::Fetching => {
            act.note(format!("{name} is finished and paid for; its picture is still fetched, which costs nothing."))
        }
        State::Unsure if give_up => act.update(Update::GiveUp),
        State::Unsure => act.exit(Exit::Unsure).note(format!(
            "{name} stays unsure: its paid request got no answer, so it may run and be paid for. A dashboard or `mj-enhance run` looks it \
             up in the account's task list; `cancel --give-up` gives it up."
        )),
        state @ (State::Saved | State::Failed | State::Cancelled) => act.note(format!("{name} is {state} already; nothing was changed.")),
        State::Unwatched => act.note(format!("{name} is unwatched already; it goes on at EvoLink and is paid for if it completes.")),
    }
}

/// Fetches now, and watches unwatched jobs again; free.
pub fn fetch(args: &IdsArgs, context: &Context) -> Outcome {
    let mut store = existing(context)?;
    let jobs = Context::jobs(&store, &args.ids)?;
    let acts: Vec<Act> = jobs.into_iter().map(plan_fetch).collect();
    let is_work = acts.iter().any(|act| act.ask.is_some());
    let outcome = perform(&mut store, acts, context)?;
    if is_work && let Some(hint) = context.engine_hint() {
        Out::status(&format!("Nothing is fetched yet: {hint}."));
    }
    Ok(outcome)
}

fn plan_fetch(job: Job) -> Act {
    let name = wording::name(&job);
    let act = Act::new(job);
    let id = act.job.id;
    match &act.job.phase {
        Phase::ToFetch(_) => act.update(Update::FetchAgain).ask(EngineRequest::Fetch(id)),
        Phase::Failed(failure) if failure.class == crate::job::ErrorClass::Link => {
            act.update(Update::FetchAgain).ask(EngineRequest::Fetch(id))
        }
        Phase::Unwatched => act.update(Update::Watch).ask(EngineRequest::Read(id)),
        Phase::Fetching(_) => act.note(format!("{name} is being fetched already.")),
        Phase::Saved => act.note(format!("{name} is saved already; nothing was changed.")),
        Phase::Running(_) => {
            act.ask(EngineRequest::Read(id)).note(format!("{name} is running; it is fetched by itself when it is done."))
        }
        Phase::Held(_) | Phase::Waiting | Phase::Sending | Phase::Unsure(_) => {
            act.exit(Exit::BadInput).note(format!("{name} has no result yet; nothing was changed."))
        }
        Phase::Failed(_) | Phase::Cancelled(_) => {
            act.exit(Exit::BadInput).note(format!("{name} ended without a result; there is nothing to fetch."))
        }
    }
}

fn perform(store: &mut Store, acts: Vec<Act>, context: &Context) -> Outcome {
    let updates: Vec<(JobId, Update)> = acts.iter().filter_map(|act| Some((act.job.id, act.update.clone()?))).collect();
    let asks: Vec<EngineRequest> = acts.iter().filter_map(|act| act.ask).collect();
    let changed = if updates.is_empty() { Vec::new() } else { store.apply(updates, now())? };
    if !asks.is_empty() {
        store.ask(&asks)?;
    }
    let mut exits = Vec::new();
    for act in acts {
        let result = changed.iter().find(|(job, _)| job.id == act.job.id);
        let job = result.map_or(&act.job, |(job, _)| job);
        context.out.object(&json::job(job))?;
        match result {
            // Another process was quicker: what it says now is the truth.
            Some((job, Applied::Ignored(why))) if act.job.state() != job.state() => {
                context.out.line(&format!("{} Nothing was changed: {why}.", wording::sentence(job)))?;
            }
            Some((job, _)) => context.out.line(&wording::sentence(job))?,
            None => {}
        }
        if let Some(note) = &act.note {
            context.out.line(note)?;
        }
        exits.push(act.exit);
    }
    Ok(Exit::first(exits))
}

/// Runs jobs again: new paid commands.
pub fn retry(args: &RetryArgs, context: &Context) -> Outcome {
    let store = existing(context)?;
    let jobs = Context::jobs(&store, &args.ids)?;
    let (mut take, mut left_out) = (Vec::new(), Vec::new());
    for job in jobs {
        match why_not_again(&job, &store, args.again)? {
            None => take.push(job),
            Some(why) => left_out.push((job, why)),
        }
    }
    if take.is_empty() {
        let message = match left_out.as_slice() {
            [(job, why)] => format!("{} cannot be run again: {why}", wording::name(job)),
            many => format!("none of {} can be run again", text::count(many.len(), "job")),
        };
        let lines = left_out.iter().map(|(job, why)| (wording::name(job), why.clone())).collect();
        let next = "only failed and cancelled jobs are run again without --again; nothing was stored";
        return Err(Problem { lines, ..Problem::input("nothing_to_retry", message, next) });
    }
    for (job, why) in &left_out {
        Out::status(&format!("{} is left out: {why}", wording::name(job)));
    }
    let quote = consent::quote(take.len(), &store.settings()?);
    let yes = consent::check(args.consent, &quote, "")?;
    drop(store);
    let new: Vec<NewJob> = take
        .into_iter()
        .map(|job| NewJob {
            id: JobId::from_bits(fastrand::u64(..)),
            source: job.source,
            image: job.image,
            tag: job.tag,
            again_of: Some(job.id),
        })
        .collect();
    let jobs = context.store()?.add(&new, args.front, Some(yes), now())?;
    add::tell_added(&jobs, true, &consent::quote_words(&quote), context)?;
    Ok(Exit::Ok)
}

fn why_not_again(job: &Job, store: &Store, again: bool) -> Result<Option<String>, Problem> {
    Ok(match job.state() {
        State::Failed | State::Cancelled => match store.duplicate(&job.source, job.image)? {
            Some(duplicate) if !again => Some(format!("job {duplicate} enhances the same picture; --again takes it")),
            _ => None,
        },
        State::Saved | State::Unwatched if again => None,
        state @ (State::Saved | State::Unwatched) => Some(format!("it is {state}; --again takes it")),
        State::Held => Some("it is held and was never sent; release it in the dashboard with p".to_owned()),
        State::Unsure => Some("it is unsure and may be running; settle that first".to_owned()),
        state => Some(format!("it is {state}; wait for its end")),
    })
}
