//! Why a job stands where it stands, and the one safe next step, in words with the live keys.

use super::keymap::{Action, Keymap};
use crate::job::{CancelledBy, ErrorClass, Failure, HoldReason, Job, LostAnswer, Model, Phase, State, text};

/// How every sentence names a job: as the table does, `h8m4t7xe:2`.
pub(super) fn name(job: &Job) -> String {
    job.label()
}

/// Why the job stands where it stands; `None` where its state says it all. Clean.
pub(super) fn reason(job: &Job) -> Option<String> {
    let said = match &job.phase {
        Phase::Held(why) => held(why, job.kind.model()),
        Phase::Unsure(doubt) => match &doubt.why {
            LostAnswer::Failed(failure) => format!("reply lost ({})", failure.brief()),
            LostAnswer::Said(text) => format!("reply lost ({text})"),
            LostAnswer::LongWait
            | LostAnswer::StoreUnwritable
            | LostAnswer::TimePassed
            | LostAnswer::RefusedLater { .. }
            | LostAnswer::OtherTask
            | LostAnswer::ProgramEnded => doubt.why.to_string(),
        },
        Phase::Failed(failure) => failed(failure, job.kind.model()),
        Phase::Cancelled(CancelledBy::You) => "cancelled before it was sent (free)".to_owned(),
        Phase::Cancelled(CancelledBy::YouUnsure) => "given up while unsure; it may have been charged".to_owned(),
        Phase::Cancelled(CancelledBy::Service) => "cancelled by the service".to_owned(),
        Phase::Unwatched => "still running at EvoLink, not watched".to_owned(),
        _ => job.reason()?,
    };
    Some(text::clean(&said).into_owned())
}

fn held(why: &HoldReason, model: Model) -> String {
    match why {
        HoldReason::Refused(failure) => failed(failure, model),
        HoldReason::You | HoldReason::Cap { .. } | HoldReason::Price { .. } | HoldReason::Source { .. } => why.to_string(),
    }
}

/// `service failed (service_error)`: short enough for a row, with the code to look up.
pub(super) fn failed(failure: &Failure, model: Model) -> String {
    let said = match failure.class {
        ErrorClass::Content => "refused by moderation",
        ErrorClass::Server | ErrorClass::Passing if failure.code != "quota_exceeded" => "the service failed",
        ErrorClass::NoCapacity => "the service has no capacity now",
        _ => return format!("{} ({})", failure.meaning_for(model), failure.code),
    };
    if failure.code.is_empty() { said.to_owned() } else { format!("{said} ({})", failure.code) }
}

/// A step that a person can take: an action of the keymap, or something outside.
enum Step {
    Press(Action, &'static str),
    Do(&'static str),
    Then(&'static str, Action, &'static str),
}

/// The one safe next step, key first: `w: choose its task (free)`.
pub(super) fn next_step(job: &Job, keymap: &Keymap) -> Option<String> {
    let step = match &job.phase {
        Phase::Failed(failure) | Phase::Held(HoldReason::Refused(failure)) if is_refused_prompt(job, failure) => {
            Step::Press(Action::NewFrom, "write another prompt; the same one will be refused again")
        }
        Phase::Failed(failure) | Phase::Held(HoldReason::Refused(failure)) => after(failure, job.state()),
        Phase::Held(_) => Step::Press(Action::Hold, "release it (shows the price)"),
        Phase::Unsure(doubt) if !doubt.candidates.is_empty() => Step::Press(Action::Watch, "choose its task (free)"),
        Phase::Unsure(_) => Step::Press(Action::Ask, "look for its task (free)"),
        Phase::ToFetch(trouble) if trouble.last.is_some() => Step::Press(Action::Fetch, "fetch now (free)"),
        Phase::Unwatched => Step::Press(Action::Watch, "watch it again"),
        Phase::Cancelled(_) => Step::Press(Action::RunAgain, "run again (new paid job)"),
        Phase::Saved if job.kind.prompt().is_some() => Step::Press(Action::Drafts, "look at its pictures and choose"),
        Phase::Saved => Step::Press(Action::Show, "path, link and scp line"),
        _ => return None,
    };
    Some(match step {
        Step::Press(action, does) => format!("{}: {does}", keymap.named(action)),
        Step::Do(what) => what.to_owned(),
        Step::Then(what, action, does) => format!("{what}, then {}: {does}", keymap.named(action)),
    })
}

fn is_refused_prompt(job: &Job, failure: &Failure) -> bool {
    matches!(failure.class, ErrorClass::Content | ErrorClass::BadSource) && job.kind.prompt().is_some()
}

fn after(failure: &Failure, state: State) -> Step {
    let held = state == State::Held;
    match failure.class {
        ErrorClass::Content => Step::Do("choose another picture; the same one will be refused again"),
        ErrorClass::BadSource | ErrorClass::NotFound => {
            Step::Do("check the draft's id; a draft whose record is gone cannot be enhanced")
        }
        ErrorClass::BadRequest | ErrorClass::Final | ErrorClass::KeyConflict => {
            Step::Do("the same request would fail again; give the request id to support")
        }
        ErrorClass::Login => Step::Do("check the key with `mj-enhance doctor`"),
        ErrorClass::Balance => Step::Then("top up at evolink.ai/dashboard/credits", again_key(held), "send it"),
        ErrorClass::KeyTotal => Step::Then("raise the key's limit at evolink.ai/dashboard/keys", again_key(held), "send it"),
        ErrorClass::KeyDaily => Step::Then("wait for the key's reset or raise its daily limit", again_key(held), "send it"),
        ErrorClass::ModelDenied | ErrorClass::Access => Step::Do("check what the key may do at evolink.ai/dashboard/keys"),
        ErrorClass::Link => Step::Press(Action::Fetch, "ask for a fresh link (free)"),
        ErrorClass::Local => Step::Then("fix the folder or disk", Action::Fetch, "fetch again (free)"),
        ErrorClass::PaidOutcomeUnknown | ErrorClass::Network | ErrorClass::InvalidResponse => {
            Step::Press(Action::Ask, "ask the service (free)")
        }
        ErrorClass::NoCapacity | ErrorClass::Passing | ErrorClass::Server | ErrorClass::RateLimited => {
            Step::Press(Action::RunAgain, "run again later (new paid job)")
        }
        ErrorClass::Unknown => Step::Press(Action::RunAgain, "run again (new paid job), after a look at the details"),
    }
}

fn again_key(held: bool) -> Action {
    if held { Action::Hold } else { Action::RunAgain }
}
