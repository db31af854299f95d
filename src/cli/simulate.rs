//! `simulate`: the simulator for other programs.

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
pub fn simulate(args: &SimulateArgs) -> Outcome {
    let scenario = match &args.scenario {
        None => simulator::demo(),
        Some(path) => Scenario::read(path).map_err(|error| problem(&error))?,
    };
    let stop = super::run::signals()?;
    let running = start(scenario, args.port)?;
    // JSON with and without --json: this command is made for programs.
    let mut about = running.info();
    about["schema"] = json!(SCHEMA);
    Out::raw(&format!("{about}\n"))?;
    Out::status(&format!(
        "Simulator ready. In another terminal: EVOLINK_BASE_URL={} EVOLINK_API_KEY={} mj-enhance   (Ctrl+c ends it)",
        running.base_url(),
        running.key()
    ));
    // Ends when a signal comes; the other end lives as long as this program.
    let _ = stop.recv();
    Ok(Exit::Interrupted)
}
