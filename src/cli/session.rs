//! From settings to a running engine.

use std::sync::Arc;

use secrecy::ExposeSecret as _;

use super::account::{self, Witness};
use super::context::Context;
use super::problem::{Problem, locked};
use crate::api::{Client, ClientOptions, Service};
use crate::engine::{EngineEvent, Options, Sending, Services, Session, StartError, StartMode, SystemClock, previews_dir};
use crate::fetch::{Downloader, FetchOptions};
use crate::store::Account;

/// How pictures are named that are only looked at.
const PREVIEW_TEMPLATE: &str = "{task}-{image}.{ext}";

/// Downloads to where results go.
///
/// # Errors
/// An unusable results folder.
pub fn downloader(context: &Context) -> Result<Downloader, Problem> {
    let config = &context.config;
    let options = FetchOptions {
        results_dir: config.results_dir.clone(),
        name_template: config.name_template.clone(),
        draft_template: config.draft_template.clone(),
        allow_loopback: config.is_loopback(),
    };
    let next = "fix the folder, or set results_dir to another one";
    Downloader::new(options).map_err(|error| Problem::input("unusable_folder", error.to_string(), next))
}

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
    // Before anything is read or sent.
    let store = account::enter(context, &key, join != StartMode::ReadOnly)?;
    let client = Client::new(&ClientOptions { base_url: config.base_url.clone(), key: key.clone() })?;
    let service: Arc<dyn Service> = match store {
        None => Arc::new(client),
        Some(store) => {
            let account = Account::new(config.base_url.as_str(), key.expose_secret(), fastrand::u128(..));
            Arc::new(Witness::new(client, account, store)?)
        }
    };
    let fetcher = downloader(context)?;
    let previews = Downloader::new(FetchOptions {
        results_dir: previews_dir(&config.data_dir),
        name_template: config.name_template.clone(),
        draft_template: PREVIEW_TEMPLATE.to_owned(),
        allow_loopback: config.is_loopback(),
    })
    .map_err(|error| Problem::input("unusable_folder", error.to_string(), "name another one with --data-dir"))?;
    let services = Services {
        service,
        fetcher: Arc::new(fetcher),
        previews: Arc::new(previews),
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
        pause_after_failures: config.pause_after_failures,
        callback_url: config.callback_url.clone(),
        fetches_at_once: config.fetches_at_once,
        preview_cache: config.preview_cache,
        first_rows: crate::tui::first_rows,
        time_zone: jiff::tz::TimeZone::system(),
    };
    Session::start(options, join, services, sink).map_err(|error| match error {
        StartError::Store(error) => error.into(),
        StartError::Locked { pid } => locked(pid),
        StartError::Thread(_) => Problem::input("system", error.to_string(), "close other programs, then try again"),
    })
}
