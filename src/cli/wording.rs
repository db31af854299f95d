//! Jobs in sentences, for people who read lines instead of a screen.

use crate::job::record::next_step_of;
use crate::job::{CancelledBy, HoldReason, Job, Phase, text};

/// `0000002d (k3v9q2ad:2, cats)`: a job's id, what it enhances, its tag.
pub fn name(job: &Job) -> String {
    let tag = job.tag.as_ref().map_or_else(String::new, |tag| format!(", {tag}"));
    format!("{} ({}{tag})", job.id, job.label())
}

/// Where a job stands now, as one sentence in full words.
pub fn sentence(job: &Job) -> String {
    let name = name(job);
    let reason = job.reason().map_or_else(String::new, |why| format!(": {why}"));
    let task = || job.task.as_ref().map_or_else(String::new, |task| format!(" as {task}"));
    match &job.phase {
        Phase::Held(_) | Phase::Cancelled(_) => format!("{name} is {}.", with_reason(job)),
        Phase::Waiting => format!("{name} is waiting in the queue."),
        Phase::Sending => format!("{name} is being sent."),
        Phase::Unsure(_) => format!("{name} is unsure{reason}."),
        Phase::Running(_) => format!("{name} is running at EvoLink{}.", task()),
        Phase::ToFetch(_) => format!("{name} is finished at EvoLink and to be fetched{reason}."),
        Phase::Fetching(_) => format!("{name} is being fetched."),
        Phase::Saved => {
            let files: Vec<String> = job.files.iter().map(|file| file.path.display().to_string()).collect();
            format!("{name} is saved: {}.", text::clean(&files.join(", ")))
        }
        Phase::Failed(failure) => format!("{name} has failed{reason}; {}; {}.", money(job), next_step_of(job, failure)),
        Phase::Unwatched => format!("{name} is still running at EvoLink, not watched; it is charged if it completes."),
    }
}

/// A row of the list, read aloud: where a job stands, how far it is, what was paid. Of several files the first is named.
pub fn row(job: &Job) -> String {
    let stands = match (&job.phase, job.files.as_slice()) {
        (Phase::Saved, [first, more @ ..]) if !more.is_empty() => {
            let path = first.path.display().to_string();
            format!("{} is saved: {} and {}.", name(job), text::clean(&path), text::count(more.len(), "more file"))
        }
        _ => sentence(job),
    };
    let done = job.progress().and_then(|progress| progress.percent).map(|percent| format!("{} percent done.", percent.get()));
    // A failure tells its money itself.
    let paid = (job.charge.is_some() && !matches!(job.phase, Phase::Failed(_))).then(|| format!("{}.", money(job)));
    [Some(stands), done, paid].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The state and why, without saying the state twice: `held by you`, `held: over today's cap (5)`.
fn with_reason(job: &Job) -> String {
    let state = job.state().word();
    match (&job.phase, job.reason()) {
        (_, None) => state.to_owned(),
        (Phase::Held(HoldReason::You) | Phase::Cancelled(CancelledBy::You | CancelledBy::Service), Some(why)) => why,
        (_, Some(why)) => format!("{state}: {why}"),
    }
}

/// What is known of a job's money, in words.
pub fn money(job: &Job) -> String {
    match (job.charge, job.charged.or(job.reserved)) {
        (None, _) => "nothing was paid".to_owned(),
        (Some(charge), Some(amount)) if charge != crate::job::Charge::Refunded => format!("{amount} credits {}", charge.word()),
        (Some(crate::job::Charge::NotKnown), None) => "whether it was charged is not known".to_owned(),
        (Some(charge), _) => charge.word().to_owned(),
    }
}
