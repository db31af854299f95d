//! From settings to a running engine.

use std::sync::Arc;

use super::context::Context;
use super::exit::Exit;
use super::problem::Problem;
use crate::api::{Client, ClientOptions};
use crate::engine::{EngineEvent, Options, Sending, Services, Session, StartError, StartMode, SystemClock};
use crate::fetch::{Downloader, FetchOptions};

/// Starts the engine with the real service, real downloads, and this machine's clock and rng.
///
/// # Errors
/// No key, an unusable store or results folder, or another engine where this one was to be it.
pub fn start(
    context: &Context,
    sending: Sending,
    join: StartMode,
    sink: Box<dyn Fn(EngineEvent) + Send>,
) -> Result<Session, Problem> {
    let config = &context.config;
    let key = config.key.read(&context.env)?;
    let client = Client::new(&ClientOptions { base_url: config.base_url.clone(), key })?;
    let fetcher = Downloader::new(FetchOptions {
        results_dir: config.results_dir.clone(),
        name_template: config.name_template.clone(),
        allow_loopback: config.is_loopback(),
    })
    .map_err(|error| {
        Problem::input("unusable_folder", error.to_string(), "mend the folder, or set results_dir to another one")
    })?;
    let services = Services {
        service: Arc::new(client),
        fetcher: Arc::new(fetcher),
        clock: Arc::new(SystemClock),
        rng: fastrand::Rng::new(),
    };
    let options = Options {
        data_dir: config.data_dir.clone(),
        sending,
        max_in_flight: config.max_in_flight,
        submit_gap: config.submit_gap,
        reads_per_minute: config.reads_per_minute,
        caps: config.caps,
        pause_after_failures: 5,
        callback_url: config.callback_url.clone(),
        fetches_at_once: config.fetches_at_once,
        time_zone: jiff::tz::TimeZone::system(),
    };
    Session::start(options, join, services, sink).map_err(|error| match error {
        StartError::Store(error) => error.into(),
        StartError::Locked { pid } => locked(pid),
        StartError::Thread(_) => Problem::input("system", error.to_string(), "close other programs, then try again"),
    })
}

/// Another process is the engine of the store.
pub fn locked(pid: Option<u32>) -> Problem {
    let who = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
    Problem::new(
        Exit::Locked,
        "locked",
        format!("{who} is the engine of this store already"),
        "look on with `mj-enhance watch --plain`, or end the other one first",
    )
}
