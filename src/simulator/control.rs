//! The handle of a running simulator, and the `/sim/…` routes that do the same from another process.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal};
use super::call::Call;
use super::error::SimulatorError;
use super::money::Amount;
use super::report::{Counts, Delays, LedgerEntry, Money};
use super::scenario::{End, Fault, PriceChange};
use super::shared::Shared;

/// Looks into a running simulator and steers it. Cheap to clone; works from any thread.
#[derive(Clone)]
pub struct Controls {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Controls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Controls").field("base_url", &self.base_url()).finish_non_exhaustive()
    }
}

impl Controls {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The API base, `http://127.0.0.1:<port>`, without `/v1` and without a slash at the end.
    pub fn base_url(&self) -> String {
        self.shared.world().base.clone()
    }

    /// The API key it accepts.
    pub fn key(&self) -> String {
        self.shared.world().scenario.key.clone()
    }

    /// The drafts of the scenario, in its order.
    pub fn draft_ids(&self) -> Vec<String> {
        self.shared.world().scenario.drafts.iter().map(|draft| draft.id.clone()).collect()
    }

    /// One entry per paid task, oldest first; booked up to now.
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        let now = self.now();
        let mut world = self.shared.world();
        world.settle(now);
        world.ledger()
    }

    /// The money of the first account, booked up to now.
    pub fn money(&self) -> Money {
        let now = self.now();
        let mut world = self.shared.world();
        world.settle(now);
        world.accounts[0].money
    }

    /// How clients have called so far.
    pub fn counts(&self) -> Counts {
        self.shared.world().counts.clone()
    }

    /// How soon clients noticed the end of tasks so far.
    pub fn delays(&self) -> Delays {
        self.shared.world().delays.clone()
    }

    /// Simulated Unix time in seconds.
    pub fn now(&self) -> f64 {
        self.shared.clock.now()
    }

    /// Moves simulated time on: tasks run, links die, keys are forgotten. Waits of faults and rate limits are real time and stay.
    pub fn advance(&self, by: Duration) {
        self.shared.clock.advance(by);
    }

    /// Sets what the first account can spend.
    pub fn set_balance(&self, balance: Amount) {
        let now = self.now();
        let mut world = self.shared.world();
        world.settle(now);
        world.accounts[0].set_balance(balance);
    }

    /// Changes the price of `mj-v7-enhance`, published and reserved, for later submits.
    pub fn set_enhance_price(&self, price: Amount) {
        self.change_prices(&PriceChange { enhance: Some(price), ..PriceChange::default() });
    }

    /// Changes prices now, whatever the change says about its time.
    pub fn change_prices(&self, change: &PriceChange) {
        let now = self.now();
        self.shared.world().change_prices(now, change);
    }

    /// Adds a fault; its counting starts now.
    ///
    /// # Errors
    /// [`SimulatorError::Scenario`] if a value of it is out of range.
    pub fn add_fault(&self, fault: Fault) -> Result<(), SimulatorError> {
        fault.check("fault")?;
        let now = self.now();
        self.shared.world().add_fault(now, fault);
        Ok(())
    }

    /// Ends every unfinished task now, those that never end included, and says how many.
    pub fn finish_all(&self) -> usize {
        let now = self.now();
        self.shared.world().finish_all(now)
    }

    /// Ends one unfinished task now, in the given way ([`End::Never`] counts as completed); false if there is no such task.
    pub fn end_task(&self, task_id: &str, end: End) -> bool {
        let now = self.now();
        self.shared.world().end_task(now, task_id, end)
    }

    /// What `GET /sim/info` answers: `url`, `key`, `drafts`.
    pub fn info(&self) -> Value {
        json!({"url": self.base_url(), "key": self.key(), "drafts": self.draft_ids()})
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ending {
    task_id: String,
    end: End,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credits {
    credits: Amount,
}

/// Answers a `/sim/…` request.
pub(super) fn handle(shared: &Arc<Shared>, call: &Call) -> Answer {
    let controls = Controls::new(Arc::clone(shared));
    let bad = |reason: String| Refusal::new(400, "invalid_request", reason).answer("simulator_error", false);
    let done = || Answer::json(200, json!({"ok": true}));
    match (&call.method, call.path.as_str()) {
        (&Method::GET, "/sim/info") => Answer::json(200, controls.info()),
        (&Method::GET, "/sim/ledger") => {
            let entries: Vec<Value> = controls.ledger().iter().map(LedgerEntry::to_json).collect();
            Answer::json(200, json!({"entries": entries, "money": controls.money().to_json(), "now": controls.now()}))
        }
        (&Method::GET, "/sim/counts") => Answer::json(200, controls.counts().to_json()),
        (&Method::GET, "/sim/delays") => Answer::json(200, controls.delays().to_json()),
        (&Method::POST, "/sim/advance") => match read::<Advance>(call).map(|body| Duration::try_from_secs_f64(body.seconds)) {
            Ok(Ok(by)) => {
                controls.advance(by);
                Answer::json(200, json!({"now": controls.now()}))
            }
            Ok(Err(error)) => bad(format!("seconds: {error}")),
            Err(reason) => bad(reason),
        },
        (&Method::POST, "/sim/fault") => {
            match read::<Fault>(call).and_then(|fault| controls.add_fault(fault).map_err(|error| error.to_string())) {
                Ok(()) => done(),
                Err(reason) => bad(reason),
            }
        }
        (&Method::POST, "/sim/balance") => match read::<Credits>(call) {
            Ok(body) => {
                controls.set_balance(body.credits);
                done()
            }
            Err(reason) => bad(reason),
        },
        (&Method::POST, "/sim/price") => match read::<Credits>(call) {
            Ok(body) => {
                controls.set_enhance_price(body.credits);
                done()
            }
            Err(reason) => bad(reason),
        },
        (&Method::POST, "/sim/prices") => match read::<PriceChange>(call) {
            Ok(change) => {
                controls.change_prices(&change);
                done()
            }
            Err(reason) => bad(reason),
        },
        (&Method::POST, "/sim/end") => match read::<Ending>(call) {
            Ok(body) => Answer::json(200, json!({"ended": controls.end_task(&body.task_id, body.end)})),
            Err(reason) => bad(reason),
        },
        (&Method::POST, "/sim/finish_all") => Answer::json(200, json!({"finished": controls.finish_all()})),
        _ => Refusal::new(404, "not_found", "There is no such control route.").answer("simulator_error", false),
    }
}

fn read<'a, T: Deserialize<'a>>(call: &'a Call) -> Result<T, String> {
    serde_json::from_slice(&call.body).map_err(|error| error.to_string())
}

#[cfg(test)]
impl Controls {
    /// Creates a task without a request, so that a test of many tasks is not a test of many sockets.
    pub(super) fn submit_directly(&self, source: &str, image: u64) {
        let body = json!({"model": "mj-v7-enhance", "model_params": {"task_id": source, "image_number": image}});
        let now = self.now();
        let accepted = super::submit::submit(&mut self.shared.world(), now, 0, &axum::http::HeaderMap::new(), &body);
        assert!(accepted.is_ok(), "{accepted:?}");
    }
}
