//! The simulator seen from outside: real sockets, JSON by hand.

mod accounts;
mod drafts;
mod faults;
mod files;
mod money;
mod oddities;
mod prices;
mod reads;
mod running;
mod scenarios;
mod submit;

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::*;

/// A service with at least two finished drafts, and a client of it.
struct Fixture {
    simulator: Simulator,
    http: reqwest::Client,
}

/// An answer read to its end.
#[derive(Debug)]
struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    fn param(&self) -> String {
        self.json()["error"]["param"].as_str().unwrap_or_default().to_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("ASCII"))
    }

    fn id(&self) -> String {
        self.json()["id"].as_str().expect("an id").to_owned()
    }
}

/// A key in the form the service wants.
fn key(n: u64) -> String {
    format!("run_{n:032x}")
}

fn enhance(source: &str, image: u64) -> Value {
    json!({"model": "mj-v7-enhance", "model_params": {"task_id": source, "image_number": image}})
}

/// A stored scenario with small pictures.
fn stored(name: &str) -> Scenario {
    let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    Scenario { picture_size: 64, ..Scenario::read(&folder.join(format!("{name}.toml"))).expect("a good scenario") }
}

/// Small pictures, so that tests spend no time on art.
fn scenario(text: &str) -> Scenario {
    let mut scenario = Scenario::from_toml(text).expect("a good scenario");
    scenario.picture_size = 64;
    scenario
}

impl Fixture {
    async fn new(text: &str) -> Self {
        Self::with(scenario(&format!("more_drafts = 2\n{text}"))).await
    }

    async fn with(mut scenario: Scenario) -> Self {
        // Real time all but stands still, so that a busy machine changes nothing; `advance` moves it.
        if (scenario.time_scale - 1.0).abs() < f64::EPSILON {
            scenario.time_scale = 0.0001;
        }
        let simulator = Simulator::start(scenario, 0).await.expect("a free port");
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .build()
            .expect("a client");
        Self { simulator, http }
    }

    fn draft(&self) -> String {
        self.simulator.draft_ids().pop().expect("the scenario has drafts")
    }

    fn advance(&self, seconds: f64) {
        self.simulator.advance(Duration::from_secs_f64(seconds));
    }

    async fn run(request: reqwest::RequestBuilder) -> Result<Reply, reqwest::Error> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Reply { status, headers, body: response.bytes().await?.to_vec() })
    }

    fn url(&self, path: &str) -> String {
        if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.simulator.base_url()) }
    }

    async fn try_get(&self, path: &str) -> Result<Reply, reqwest::Error> {
        Self::run(self.http.get(self.url(path)).bearer_auth(self.simulator.key())).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.try_get(path).await.expect("an answer")
    }

    /// Without the API key, as for files.
    async fn fetch(&self, link: &str) -> Reply {
        Self::run(self.http.get(self.url(link))).await.expect("an answer")
    }

    async fn post(&self, path: &str, body: &Value) -> Reply {
        Self::run(self.http.post(self.url(path)).bearer_auth(self.simulator.key()).json(body)).await.expect("an answer")
    }

    async fn try_submit(&self, key: &str, body: &Value) -> Result<Reply, reqwest::Error> {
        let request = self.http.post(self.url("/v1/images/generations")).bearer_auth(self.simulator.key());
        Self::run(request.header("Idempotency-Key", key).json(body)).await
    }

    async fn submit(&self, n: u64, body: &Value) -> Reply {
        self.try_submit(&key(n), body).await.expect("an answer")
    }

    /// Submits picture `n % 4` of a draft and gives the task id.
    async fn task(&self, n: u64) -> String {
        let reply = self.submit(n, &enhance(&self.draft(), n % 4)).await;
        assert_eq!(reply.status, 200, "{}", reply.json());
        reply.id()
    }

    /// Reads with another key.
    async fn get_as(&self, key: &str, path: &str) -> Reply {
        Self::run(self.http.get(self.url(path)).bearer_auth(key)).await.expect("an answer")
    }

    async fn read(&self, id: &str) -> Value {
        self.get(&format!("/v1/tasks/{id}")).await.json()
    }

    /// Submits, waits until it is done, and reads it.
    async fn finished(&self, n: u64) -> Value {
        let id = self.task(n).await;
        self.advance(10_000.0);
        self.read(&id).await
    }
}

/// The first link of a task.
fn link(task: &Value) -> String {
    task["results"][0].as_str().expect("a link").to_owned()
}
