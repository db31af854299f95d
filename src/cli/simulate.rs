//! `simulate`: the simulator for other programs.

use std::io::IsTerminal as _;

use serde_json::json;

use super::args::SimulateArgs;
use super::exit::Exit;
use super::json::SCHEMA;
use super::out::Out;
use super::problem::{Outcome, Problem};
use crate::simulator::{self, Running, Scenario, Simulator, SimulatorError};

/// Starts the simulator on a thread of its own; it runs until it is dropped.
///
/// # Errors
/// A scenario that cannot be read, a port in use.
pub fn start(scenario: Scenario, port: u16) -> Result<Running, Problem> {
    Simulator::start_in_background(scenario, port).map_err(|error| problem(&error))
}

fn problem(error: &SimulatorError) -> Problem {
    Problem::input("simulator", error.to_string(), "fix the scenario, or pass another --port (0 takes a free one)")
}

/// Serves until it is interrupted.
pub fn simulate(args: &SimulateArgs, out: Out) -> Outcome {
    let scenario = match &args.scenario {
        None => simulator::served(),
        Some(path) => Scenario::read(path).map_err(|error| problem(&error))?,
    };
    let stop = super::run::signals()?;
    let running = start(scenario, args.port)?;
    // JSON with and without --json, as this command is made for programs; a person at a terminal reads the lines below only.
    if out.json || !std::io::stdout().is_terminal() {
        let mut about = running.info();
        about["schema"] = json!(SCHEMA);
        Out::raw(&format!("{about}\n"))?;
    }
    // A line each, so that a narrow terminal breaks none of them.
    let (url, key) = (running.base_url(), running.key());
    Out::status(&format!(
        "Simulator ready (Ctrl+c ends it). In another terminal:\n  export EVOLINK_BASE_URL={url}\n  export EVOLINK_API_KEY={key}\n  mj-enhance"
    ));
    // Ends when a signal comes; the other end lives as long as this program.
    let _ = stop.recv();
    Ok(Exit::Interrupted)
}
