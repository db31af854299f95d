//! The dashboard, the demo, and `watch`: what is prepared before the screen opens.

use std::io::IsTerminal;

use super::args::Global;
use super::context::Context;
use super::exit::Exit;
use super::out::Out;
use super::problem::{Outcome, Problem};
use super::{simulate, start};
use crate::config::{self, Environment, KEY_VARIABLE, variables};
use crate::engine::Sending;
use crate::simulator;

/// Opens the dashboard.
pub fn dashboard(context: &Context) -> Outcome {
    needs_terminal(context)?;
    let sending = if context.read_only { Sending::Nothing } else { Sending::WithConsent };
    open(context, sending)
}

/// Opens the dashboard and changes nothing.
pub fn watch(context: &Context) -> Outcome {
    needs_terminal(context)?;
    open(context, Sending::Nothing)
}

/// The dashboard on a simulator of its own, with a store that goes away.
pub fn demo(global: &Global, env: &Environment) -> Outcome {
    // Refused before anything is started.
    let mut flags = global.flags();
    let probe = config::load(&flags, &Environment::default())?;
    let temporary = tempfile::Builder::new().prefix("mj-enhance-demo-").tempdir().map_err(|error| {
        Problem::input("unusable_folder", format!("no temporary folder can be made: {error}"), "look at TMPDIR and the disk")
    })?;
    if flags.data_dir.is_none() {
        flags.data_dir = Some(temporary.path().join("data"));
    }
    let out = Out::new(global.json, probe.color);
    let context = |config, env| Context { config, env, out, read_only: global.read_only, verbose: global.verbose };
    needs_terminal(&context(probe, Environment::default()))?;
    let simulator = simulate::start(simulator::demo(), 0)?;
    // The demo knows no key but the simulator's, and none of the user's places.
    let kept = ["HOME", "TERM", "COLORTERM", "LANG", "LC_ALL", "LC_CTYPE", "NO_COLOR", "TMUX", "SSH_TTY", "SSH_CONNECTION"];
    let mut pairs: Vec<(String, String)> =
        kept.iter().filter_map(|name| Some(((*name).to_owned(), env.get(name)?.to_owned()))).collect();
    pairs.push((KEY_VARIABLE.to_owned(), simulator.key()));
    pairs.push((variables::BASE_URL.to_owned(), simulator.base_url()));
    flags.base_url = None;
    flags.profile = None;
    let env = Environment::of(pairs);
    let mut config = config::load(&flags, &env)?;
    config.results_dir = config.data_dir.join("results");
    config.hooks = config::Hooks::default();
    config.callback_url = None;
    open(&context(config, env), Sending::WithConsent)
}

fn needs_terminal(context: &Context) -> Result<(), Problem> {
    if context.out.json {
        return Err(Problem::input(
            "no_terminal",
            "the dashboard has no --json",
            "use `list --json`, `run --json` or `watch --plain --json`",
        ));
    }
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return Ok(());
    }
    Err(Problem::input(
        "no_terminal",
        "the dashboard needs a terminal",
        "in a script, use `add`, `run`, `list` and `wait`; `mj-enhance --help` shows them",
    ))
}

/// INTEGRATOR: start `engine::Session` (as a screen too, unless read-only) and `tui::run` on it here; `config.keys` goes
/// to `Keymap::with_overrides`, its mistakes are [`Problem`]s with exit 2 before the screen opens; `hooks::Hooks` sees the
/// engine's jobs on their way to the screen.
fn open(context: &Context, sending: Sending) -> Outcome {
    let _ = sending;
    context.config.key.read(&context.env)?;
    start::log_to(&context.config, context.verbose)?;
    Err(Problem {
        exit: Exit::BadInput,
        ..Problem::input("screen", "the screen is not part of this build", "take a build that has it")
    })
}
