//! The simulator: EvoLink's published API as a real HTTP server on loopback, with drafts to enhance, pictures made on the fly, a ledger, and
//! every fault such a service can have.
//!
//! It serves `mj-enhance simulate`, `--demo` and the tests, from the same scenario files. It knows nothing of the client's types: its JSON is
//! written from the vendor's published pages, so a wrong field name cannot agree with itself.
//!
//! What holds:
//! - It listens on 127.0.0.1 only.
//! - No timer runs for a task. Its state is worked out from the time of the read, and money is booked for what ended since the last one.
//! - Chance comes from the scenario's seed; the same requests in the same order get the same answers.
//! - Two times: tasks, links, records and keys live in simulated time ([`Scenario::time_scale`], [`Controls::advance`]); waits of faults and
//!   rate limits are real time, because the client really waits.

mod account;
mod answer;
mod call;
mod catalog;
mod clock;
mod control;
mod effects;
mod error;
mod files;
mod money;
mod picture;
mod prompt;
mod reads;
mod report;
mod rng;
mod routes;
mod scenario;
mod shared;
mod socket;
mod submit;
mod task;
mod world;

#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use control::Controls;
pub use error::SimulatorError;
pub use money::Amount;
pub use picture::PictureFormat;
pub use report::{Counts, Delays, LedgerEntry, Money};
pub use scenario::{
    Balance, Billing, Draft, Effect, End, ErrorBody, Estimate, Fault, FileAnswer, Idempotency, LateResults, Malformed,
    OtherAccount, Outcome, PriceChange, PriceKind, Prices, Progress, PublishedPrice, RateLimit, ResultShape, RetryAfterForm,
    Route, Rule, Scenario, SeedTask, Speed, StrangersTask, WrongSource,
};

/// The scenario behind `--demo`: finished drafts, real prices, a balance of 412.75 credits, and jobs of which some fail, one is moderated and
/// one is slow.
///
/// # Panics
/// Never: a test reads the same text.
pub fn demo() -> Scenario {
    Scenario::from_toml(include_str!("demo.toml")).expect("the demo's scenario is part of the program and tested")
}

/// The demo's account for other programs, at any time: without the lost reply, which is timed for somebody who watches the demo
/// from its start and would meet whoever comes first later.
#[must_use]
pub fn served() -> Scenario {
    let mut scenario = demo();
    scenario.faults.retain(|fault| fault.after_seconds.is_none());
    scenario
}

/// A simulator that runs on the caller's tokio runtime. Dropping it ends it.
#[derive(Debug)]
pub struct Simulator {
    controls: Controls,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl Simulator {
    /// Starts a server on `127.0.0.1:port`; port 0 takes a free one. Must be called on a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// A wrong scenario or a port that cannot be used.
    pub async fn start(scenario: Scenario, port: u16) -> Result<Self, SimulatorError> {
        scenario.check()?;
        let failed = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::AddrInUse => SimulatorError::PortInUse(port),
            _ => SimulatorError::Port { port, source },
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
        let base = format!("http://{}", listener.local_addr().map_err(failed)?);
        let clock = clock::Clock::new(scenario.start_unix, scenario.time_scale);
        let world = world::World::new(scenario, base, clock.now());
        let shared = Arc::new(shared::Shared::new(world, clock));
        let controls = Controls::new(Arc::clone(&shared));
        let stop = CancellationToken::new();
        let router = Router::new().fallback(routes::dispatch).with_state(shared);
        let service = router.into_make_service_with_connect_info::<socket::Conn>();
        let listener = socket::Listener { listener, stop: stop.clone() };
        let stopped = stop.clone().cancelled_owned();
        let server = tokio::spawn(async move {
            // `serve` never fails: accept errors are handled by the listener.
            let _ = axum::serve(listener, service).with_graceful_shutdown(stopped).await;
        });
        Ok(Self { controls, stop, server })
    }

    /// Starts a server on a thread of its own, for callers without a runtime.
    ///
    /// # Errors
    /// As [`Simulator::start`], and if the thread cannot be started.
    pub fn start_in_background(scenario: Scenario, port: u16) -> Result<Running, SimulatorError> {
        let (sender, receiver) = std::sync::mpsc::channel();
        let work = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(sender.send(Err(SimulatorError::Thread(error)))),
            };
            runtime.block_on(async {
                match Simulator::start(scenario, port).await {
                    Ok(mut simulator) => {
                        let _ = sender.send(Ok((simulator.controls.clone(), simulator.stop.clone())));
                        let _ = (&mut simulator.server).await;
                    }
                    Err(error) => drop(sender.send(Err(error))),
                }
            });
            // A picture still being made must not hold up the end.
            runtime.shutdown_timeout(Duration::from_millis(200));
        };
        let thread = std::thread::Builder::new().name("simulator".into()).spawn(work).map_err(SimulatorError::Thread)?;
        match receiver.recv() {
            Ok(Ok((controls, stop))) => Ok(Running { controls, stop, thread: Some(thread) }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(SimulatorError::Thread(std::io::Error::other("it ended before it began"))),
        }
    }

    /// Ends the server: the port is free and every connection closed when this returns.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        // Connections end by themselves; the limit is for the case that one does not.
        if tokio::time::timeout(Duration::from_secs(5), &mut self.server).await.is_err() {
            self.server.abort();
        }
    }
}

impl Deref for Simulator {
    type Target = Controls;
    fn deref(&self) -> &Controls {
        &self.controls
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A simulator on a thread of its own. Dropping it ends it.
#[derive(Debug)]
pub struct Running {
    controls: Controls,
    stop: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    /// Ends the server; the port is free when this returns.
    pub fn shutdown(self) {}

    /// Waits until the server ends, which it does only if it breaks; for a program that does nothing else.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Deref for Running {
    type Target = Controls;
    fn deref(&self) -> &Controls {
        &self.controls
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
