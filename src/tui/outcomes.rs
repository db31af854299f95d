//! What became of a command, in words: the one table of the dashboard.

use super::keymap::{Action, Keymap};
use crate::engine::{Act, CommandError, CommandOutcome, JobRef, LeftOut, QueueMove};
use crate::job::{JobId, State, Unavailable, text};

/// Why an act does not fit a job, in the few words of "3 left out: 2 running".
pub(crate) fn reason(why: &Unavailable) -> &'static str {
    match why {
        Unavailable::Gone => "gone",
        Unavailable::State(state) => state.word(),
        Unavailable::StoppingAlready => "stopping already",
        Unavailable::SourceGone => "source gone",
        Unavailable::RefusedByModeration => "refused by moderation",
        Unavailable::MayHaveBeenPaid => "given up, may have been paid",
        Unavailable::NoTask => "no task",
        Unavailable::TaskTaken(_) => "task of another job",
        Unavailable::TaskIsASource(_) => "a draft, not a result",
        Unavailable::Twice(_) => "already in the list",
        Unavailable::GivenTwice => "given twice",
        Unavailable::Unchanged => "unchanged",
    }
}

/// What was done, the act first; `None` where there is nothing to say. `name` names a job as the table does.
pub(crate) fn sentence(done: &CommandOutcome, name: impl Fn(JobId) -> String) -> Option<String> {
    let jobs = text::count(done.jobs.len(), "job");
    let act = done.act?;
    if done.jobs.is_empty()
        && let [(what, why)] = done.left_out.as_slice()
    {
        return Some(nothing(act, what, why, name));
    }
    let said = match act {
        Act::Paused => return Some("sending paused; running jobs continue".to_owned()),
        Act::Resumed if done.jobs.is_empty() => "sending resumed".to_owned(),
        Act::Resumed => format!("sending resumed, {jobs} approved"),
        Act::MaxInFlight(most) => return Some(format!("limit: {most} in flight")),
        Act::CapsChanged => return Some("caps changed".to_owned()),
        Act::Asking if done.jobs.is_empty() => return Some("asking the service".to_owned()),
        Act::Asking => format!("asking the service about {jobs}"),
        Act::Added { .. } | Act::RanAgain if done.jobs.is_empty() => "nothing new to add".to_owned(),
        Act::Added { approved: true } => format!("{jobs} added and approved"),
        Act::Added { approved: false } => format!("{jobs} added, held"),
        Act::Approved => format!("{jobs} approved"),
        Act::Withdrawn => format!("{jobs} held, nothing was sent"),
        Act::Held => format!("{jobs} held"),
        Act::Cancelled => format!("{jobs} cancelled"),
        Act::Uncancelled => format!("{jobs} back, held"),
        Act::GivenUp => format!("{jobs} given up"),
        Act::Unwatched => format!("{jobs} no longer watched"),
        Act::Watched => format!("watching {jobs} again"),
        Act::Fetching => format!("fetching {jobs} now"),
        Act::Adopted => "task chosen; watching it".to_owned(),
        Act::RanAgain => format!("{jobs} to run again"),
        Act::Moved(QueueMove::Front) => format!("{jobs} moved to the front"),
        Act::Moved(QueueMove::Back) => format!("{jobs} moved to the end"),
        Act::Moved(QueueMove::Earlier) => format!("{jobs} moved earlier"),
        Act::Moved(QueueMove::Later) => format!("{jobs} moved later"),
        Act::PutBack => format!("{jobs} back in the old place"),
        Act::Tagged => format!("{jobs} tagged"),
        Act::Judged(Some(verdict)) => format!("{jobs} {verdict}"),
        Act::Judged(None) => format!("{jobs} neither kept nor rejected"),
        Act::Removed => format!("{jobs} removed from the list"),
        Act::Restored => format!("{jobs} restored"),
        Act::DraftsHidden(count) => return Some(format!("{} hidden", text::count(count, "draft"))),
        Act::DraftsShown(count) => return Some(format!("{} shown again", text::count(count, "draft"))),
        Act::DraftsNoted(count) => return Some(format!("{} tagged", text::count(count, "draft"))),
        Act::Imported => format!("{jobs} imported"),
    };
    Some(match left_out(&done.left_out) {
        None => said,
        Some(rest) => format!("{said}; {rest}"),
    })
}

/// One job was named, and it stays as it is.
fn nothing(act: Act, what: &JobRef, why: &LeftOut, name: impl Fn(JobId) -> String) -> String {
    let what = match what {
        JobRef::Job(id) => name(*id),
        JobRef::Kind(kind) => kind.label(),
    };
    match (act, why) {
        (_, Unavailable::Twice(job)) => format!("nothing added: {what} is in the list already as {}", name(*job)),
        (_, Unavailable::TaskTaken(job)) => format!("not chosen: the task belongs to {}", name(*job)),
        (_, Unavailable::TaskIsASource(_)) => "not chosen: the task is a draft of the list".to_owned(),
        (Act::Moved(QueueMove::Front | QueueMove::Earlier), Unavailable::Unchanged) => format!("{what} is at the front already"),
        (Act::Moved(QueueMove::Back | QueueMove::Later), Unavailable::Unchanged) => format!("{what} is at the end already"),
        (Act::Moved(_), Unavailable::State(state)) => format!("nothing moved: {what} is {state}; only unsent jobs have a place"),
        (Act::PutBack, Unavailable::State(state)) => format!("nothing moved: {what} is {state} meanwhile"),
        (Act::Tagged, Unavailable::Unchanged) => format!("nothing changed: {what} has that tag already"),
        (Act::Cancelled, Unavailable::State(State::Running)) => format!("nothing changed: {what} was sent meanwhile"),
        (_, why) => format!("nothing changed: {what} is {}", reason(why)),
    }
}

/// `3 left out: 2 running, 1 gone`.
fn left_out(all: &[(JobRef, LeftOut)]) -> Option<String> {
    let mut reasons: Vec<(&'static str, usize)> = Vec::new();
    for (_, why) in all {
        let word = reason(why);
        match reasons.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => reasons.push((word, 1)),
        }
    }
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let words: Vec<String> = reasons.iter().map(|(word, count)| format!("{count} {word}")).collect();
    (!all.is_empty()).then(|| format!("{} left out: {}", all.len(), words.join(", ")))
}

/// Why a command changed nothing.
pub(crate) fn error(error: &CommandError, keymap: &Keymap) -> String {
    match error {
        CommandError::Store(error) => format!("nothing was changed: {error}"),
        CommandError::TooLate => match keymap.shown(Action::Cancel) {
            Some(key) => format!("too late to undo: the jobs are being sent; {key} stops watching them"),
            None => "too late to undo: the jobs are being sent".to_owned(),
        },
        CommandError::BadImport(lines) => format!("nothing was imported: {} cannot be taken", text::count(lines.len(), "line")),
        CommandError::BadPrompts(prompts) => {
            format!("nothing was added: {} cannot be drafted", text::count(prompts.len(), "prompt"))
        }
        CommandError::ReadOnly => "nothing was changed: this dashboard only looks (--read-only)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_says_the_act_first_and_what_was_left_out_by_reason() {
        let id = JobId::from_bits;
        let gone = |n: u64| (JobRef::Job(id(n)), Unavailable::Gone);
        let running = |n: u64| (JobRef::Job(id(n)), Unavailable::State(State::Running));
        let outcome = |act, jobs: &[u64], left_out| CommandOutcome {
            act: Some(act),
            jobs: jobs.iter().map(|n| id(*n)).collect(),
            left_out,
            approval: None,
        };
        let name = |id: JobId| format!("job{}", id.bits());
        for (outcome, said) in [
            (outcome(Act::Held, &[1, 2], vec![gone(3), running(4), running(5)]), "2 jobs held; 3 left out: 2 running, 1 gone"),
            (outcome(Act::Held, &[], vec![running(4)]), "nothing changed: job4 is running"),
            (
                outcome(Act::Moved(QueueMove::Back), &[], vec![(JobRef::Job(id(7)), Unavailable::Unchanged)]),
                "job7 is at the end already",
            ),
            (outcome(Act::MaxInFlight(7), &[], vec![]), "limit: 7 in flight"),
            (
                outcome(Act::Adopted, &[], vec![(JobRef::Job(id(7)), Unavailable::TaskTaken(id(8)))]),
                "not chosen: the task belongs to job8",
            ),
        ] {
            assert_eq!(sentence(&outcome, name).as_deref(), Some(said));
        }
    }
}
