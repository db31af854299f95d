//! What became of a command, in words: the one table of the command line. And the one way from here to a command.

use super::context::{Context, now};
use super::exit::Exit;
use super::problem::Problem;
use crate::commands::{self, Command, CommandError, Done};
use crate::job::{Unavailable, text};
use crate::store::Store;

/// Performs a command on the store, as the dashboard and the engine do.
///
/// # Errors
/// Why nothing was changed.
pub fn perform(store: &mut Store, command: Command, context: &Context) -> Result<Done, Problem> {
    let mut rng = fastrand::Rng::new();
    let callback_url = context.config.callback_url.as_deref();
    let mut given = commands::Context { now: now(), rng: &mut rng, callback_url, is_engine: false };
    Ok(commands::perform(store, command, &mut given)?)
}

/// Why an act does not fit a job, to stand behind its name and a colon.
pub fn reason(why: &Unavailable) -> String {
    match why {
        Unavailable::Gone => "no such job".to_owned(),
        Unavailable::State(state) => format!("it is {state}"),
        Unavailable::StoppingAlready => "it stops being watched as soon as its answer is here".to_owned(),
        Unavailable::SourceGone => "its draft is gone or cannot be enhanced".to_owned(),
        Unavailable::RefusedByModeration => "moderation refused it; `--again` tries the same once more".to_owned(),
        Unavailable::MayHaveBeenPaid => {
            "it was given up while unsure and may have been charged; `--again` runs it anyway".to_owned()
        }
        Unavailable::NoTask => "no task of it is known".to_owned(),
        Unavailable::TaskTaken(job) => format!("the task belongs to job {job}"),
        Unavailable::TaskIsASource(task) => format!("{task} is a draft, not a result"),
        Unavailable::Twice(job) => format!("already added as {job}; skipped (`--again` adds it anyway)"),
        Unavailable::GivenTwice => "given before; skipped (`--again` adds it anyway)".to_owned(),
        Unavailable::Unchanged => "unchanged".to_owned(),
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Store(error) => error.into(),
            CommandError::TooLate => Self::input("too_late", "the grace period is over", "`mj-enhance cancel` stops watching"),
            CommandError::BadPrompts(prompts) => Self::input(
                "bad_lines",
                format!("{} cannot be drafted", text::count(prompts.len(), "prompt")),
                "fix them and try again; nothing was stored",
            ),
            CommandError::ReadOnly => Self::input("read_only", "--read-only forbids this command", "leave --read-only out"),
            CommandError::BadImport(lines) => {
                let message = format!("{} cannot be imported; nothing was changed", text::count(lines.len(), "line"));
                let lines = lines.into_iter().map(|(line, why)| (format!("line {line}"), why.to_string())).collect();
                let next = "fix these lines, or export the jobs again";
                Self { lines, ..Self::new(Exit::BadInput, "bad_lines", message, next) }
            }
        }
    }
}
