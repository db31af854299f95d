//! `wait` and `watch --plain`: follow the store without being the engine.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::args::{WaitArgs, WatchArgs};
use super::context::Context;
use super::exit::Exit;
use super::out::Out;
use super::problem::{Outcome, Problem};
use super::{json, start, wording};
use crate::job::{HoldReason, Job, JobId, Phase, State, text};
use crate::store::Store;

/// How often the store's version is asked for, since SQLite tells no other process of a change: a number in shared memory, so
/// cheap; half of what feels like at once.
const LOOK: Duration = Duration::from_millis(200);

/// A flag that rises at Ctrl+c, Ctrl+\\, SIGTERM and SIGHUP.
fn interruption() -> Result<Arc<AtomicBool>, Problem> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    let flag = Arc::new(AtomicBool::new(false));
    // A SIGHUP that came in ignored stays so: `nohup` keeps the command beyond its terminal.
    let wanted = [SIGINT, SIGTERM, SIGQUIT, SIGHUP].into_iter().filter(|signal| *signal != SIGHUP || !start::is_ignored(SIGHUP));
    for signal in wanted {
        // The second Ctrl+c ends the program at once, whatever it does.
        signal_hook::flag::register_conditional_shutdown(signal, i32::from(Exit::Interrupted.code()), Arc::clone(&flag))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
            .map_err(|error| Problem::input("system", format!("signals cannot be handled: {error}"), "try again"))?;
    }
    Ok(flag)
}

/// Follows the store until a condition says so.
struct Follower {
    store: Option<Store>,
    version: Option<i64>,
    revision: u64,
    jobs: HashMap<JobId, Job>,
}

impl Follower {
    fn new(context: &Context) -> Result<Self, Problem> {
        let mut follower = Self { store: context.store_to_read()?, version: None, revision: 0, jobs: HashMap::new() };
        follower.news(context)?;
        Ok(follower)
    }

    /// Jobs that changed since the last call.
    fn news(&mut self, context: &Context) -> Result<Vec<Job>, Problem> {
        if self.store.is_none() {
            self.store = context.store_to_read()?;
        }
        let Some(store) = &mut self.store else { return Ok(Vec::new()) };
        let version = store.external_version()?;
        if self.version == Some(version) {
            return Ok(Vec::new());
        }
        // A picture of an earlier moment, taken where nobody was writing, does not move by itself.
        store.refresh()?;
        let version = store.external_version()?;
        let changes = store.changes_since(self.revision)?;
        self.version = Some(version);
        self.revision = changes.revision;
        for id in &changes.gone {
            self.jobs.remove(id);
        }
        for job in &changes.jobs {
            self.jobs.insert(job.id, job.clone());
        }
        Ok(changes.jobs)
    }
}

/// Waits until jobs are over.
pub fn wait(args: &WaitArgs, context: &Context) -> Outcome {
    let stop = interruption()?;
    let begun = Instant::now();
    let mut follower = Follower::new(context)?;
    let ids: Vec<JobId> = if args.ids.is_empty() {
        // Unsure ones are not waited for, but whoever goes on after this is told that they are left.
        let counts = |job: &&Job| (job.state().is_under_way() || job.state() == State::Unsure) && !job.removed;
        follower.jobs.values().filter(counts).map(|job| job.id).collect()
    } else {
        let store = follower
            .store
            .as_ref()
            .ok_or_else(|| Problem::input("no_such_job", "the store has no jobs", "`mj-enhance add` records some"))?;
        Context::jobs(store, &args.ids)?.iter().map(|job| job.id).collect()
    };
    let mut told_no_engine = false;
    loop {
        let open = ids.iter().filter(|id| follower.jobs.get(id).is_some_and(|job| job.state().is_under_way())).count();
        if open == 0 {
            break;
        }
        if !told_no_engine && let Some(hint) = context.engine_hint() {
            Out::status(&format!("Waiting for {}, but {hint}.", text::count(open, "job")));
            told_no_engine = true;
        }
        if args.timeout.is_some_and(|limit| begun.elapsed() >= limit) {
            return Err(Problem::new(
                Exit::TimedOut,
                "timeout",
                format!("{} still under way when --timeout passed", text::count(open, "job")),
                "nothing was stopped; wait again",
            ));
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(Exit::Interrupted);
        }
        std::thread::sleep(LOOK);
        follower.news(context)?;
    }
    let mut exits = Vec::new();
    for job in ids.iter().filter_map(|id| follower.jobs.get(id)) {
        context.out.object(&json::job(job))?;
        if !context.out.json {
            context.out.line(&wording::sentence(job))?;
        }
        exits.push(exit_of(job));
    }
    Ok(Exit::first(exits))
}

/// What a job that does not move any more means for the exit code.
pub fn exit_of(job: &Job) -> Exit {
    match &job.phase {
        Phase::Failed(_) => Exit::JobFailed,
        Phase::Unsure(_) => Exit::Unsure,
        Phase::Held(HoldReason::Refused(_) | HoldReason::Cap { .. } | HoldReason::Price { .. } | HoldReason::You) => {
            Exit::NoConsent
        }
        Phase::Held(HoldReason::Source { .. }) => Exit::BadInput,
        _ => Exit::Ok,
    }
}

/// Says every change in a sentence, for screen readers and logs.
pub fn watch_plain(args: &WatchArgs, context: &Context) -> Outcome {
    let stop = interruption()?;
    let mut follower = Follower::new(context)?;
    let mut told: HashMap<JobId, (State, Option<String>)> = HashMap::new();
    let mut jobs: Vec<Job> = follower.jobs.values().cloned().collect();
    jobs.sort_by_key(|job| (job.place, job.id));
    Out::status(&if jobs.is_empty() {
        "There are no jobs yet.".to_owned()
    } else {
        format!("Watching: {}.", super::list::totals(&jobs))
    });
    for job in jobs {
        if job.state().is_under_way() {
            tell(&job, context)?;
        }
        told.insert(job.id, (job.state(), job.reason()));
    }
    loop {
        if args.until_idle && !follower.jobs.values().any(|job| job.state().is_under_way()) {
            return Ok(Exit::Ok);
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(Exit::Interrupted);
        }
        std::thread::sleep(LOOK);
        for job in follower.news(context)? {
            let stands = (job.state(), job.reason());
            if told.get(&job.id) != Some(&stands) {
                tell(&job, context)?;
                told.insert(job.id, stands);
            }
        }
    }
}

/// One change, as a sentence or an object.
pub fn tell(job: &Job, context: &Context) -> Result<(), Problem> {
    if context.out.json { context.out.object(&json::job(job)) } else { context.out.line(&wording::sentence(job)) }
}
