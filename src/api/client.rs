//! The real service over HTTP.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tokio::sync::OnceCell;
use url::{Host, Url};

use super::answer::Answer;
use super::error::{ApiError, NOT_CONNECTED};
use super::redact::redact;
use super::{BATCH_MOST, Balance, ClientOptions, ListPage, ListQuery, Service, Submitted};
use crate::http::{self, ProxySettings};
use crate::job::{Credits, ErrorClass, IdempotencyKey, Model, TaskId, TaskReport, text};

/// The most that is read of an answer, unpacked: 50 tasks with long links are far below it.
const ANSWER_MOST: usize = 4 * 1024 * 1024;
/// The most that is read of an error (docs/service.md §7.1: a few kilobytes).
const ERROR_MOST: usize = 16 * 1024;
/// How long a connection may take to stand. Shorter than every other limit, so that a dead line is known as one on
/// which nothing was sent.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Our clocks agree when they differ by no more over the time since the latest answer.
const CLOCKS_AGREE: SignedDuration = SignedDuration::from_secs(10);

/// The real service.
///
/// The connection pool and the certificates are made at the first call, off the caller's thread. Certificates are
/// always checked; there is no switch for it.
pub struct Client {
    base: Url,
    key: SecretString,
    limits: Limits,
    proxies: ProxySettings,
    http: OnceCell<reqwest::Client>,
    time: Mutex<Option<Heard>>,
    /// The last price read, with the mark (`ETag`) to ask "still this one?" by.
    prices: Mutex<HashMap<Model, (HeaderValue, Credits)>>,
    /// How many UC one US dollar buys; 0 where no price answer said so yet.
    uc_per_usd: AtomicI64,
}

/// What the service's clock showed, and when by our two clocks that was heard.
#[derive(Clone, Copy)]
struct Heard {
    date: Timestamp,
    since: Instant,
    at: Timestamp,
}

impl Heard {
    /// What it shows now. `None` when our clocks do not agree on how long ago that was: this machine slept, or its clock
    /// was turned, and the next answer tells.
    fn now(&self) -> Option<Timestamp> {
        let gone = SignedDuration::try_from(self.since.elapsed()).ok()?;
        let by_the_wall = Timestamp::now().duration_since(self.at);
        if (by_the_wall - gone).abs() > CLOCKS_AGREE { None } else { self.date.checked_add(gone).ok() }
    }
}

/// Time limits of whole calls, the body included (docs/service.md §7.5).
#[derive(Clone, Copy)]
struct Limits {
    submit: Duration,
    read: Duration,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

/// Whether a URL leads to this machine only: `localhost`, 127.0.0.0/8 or `::1`. Plain http is taken there alone.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

impl Client {
    /// Makes a client; no byte is sent yet.
    ///
    /// # Errors
    /// `bad_base_url` when the base is not https (http for loopback hosts), carries a user name, a query or a fragment,
    /// or ends in `/v1`; `no_key` or `bad_key` when the key is empty or cannot stand in a header.
    pub fn new(options: &ClientOptions) -> Result<Self, ApiError> {
        let mut base = options.base_url.clone();
        let bad = |what: &str| Err(ApiError::new(ErrorClass::Local, "bad_base_url", &format!("the base URL {what}")));
        match base.scheme() {
            _ if base.host().is_none() => return bad("has no host"),
            "https" => {}
            "http" if is_loopback(&base) => {}
            "http" => return bad("must begin with https: plain http is taken for this machine only"),
            _ => return bad("must begin with https"),
        }
        if !base.username().is_empty() || base.password().is_some() {
            return bad("must not hold a user name or password");
        }
        if base.query().is_some() || base.fragment().is_some() {
            return bad("must not hold a query or fragment");
        }
        let path = base.path().trim_end_matches('/').to_owned();
        if path.ends_with("/v1") {
            return bad("is given without /v1");
        }
        base.set_path(&path);
        let key = options.key.expose_secret().trim();
        if key.is_empty() {
            return Err(ApiError::new(ErrorClass::Login, "no_key", "there is no API key"));
        }
        if !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ApiError::new(ErrorClass::Login, "bad_key", "the API key has spaces or characters that no key has"));
        }
        let limits = Limits { submit: Duration::from_secs(30), read: Duration::from_secs(15) };
        Ok(Self {
            base,
            key: key.to_owned().into(),
            limits,
            proxies: ProxySettings::of_process(),
            http: OnceCell::new(),
            time: Mutex::default(),
            prices: Mutex::default(),
            uc_per_usd: AtomicI64::new(0),
        })
    }

    /// Other time limits for whole calls, the body included: the paid request (30 s without this) and reads (15 s,
    /// docs/service.md §7.5).
    #[must_use]
    pub fn with_limits(mut self, submit: Duration, read: Duration) -> Self {
        self.limits = Limits { submit, read };
        self
    }

    /// Other proxies than those of the process's environment.
    #[must_use]
    pub fn with_proxies(mut self, proxies: ProxySettings) -> Self {
        self.proxies = proxies;
        self
    }

    fn key(&self) -> &str {
        self.key.expose_secret()
    }

    /// The connection pool; made once.
    async fn http(&self) -> Result<&reqwest::Client, ApiError> {
        self.http
            .get_or_try_init(|| async {
                let local = is_loopback(&self.base) && self.base.scheme() == "http";
                let name = self.base.domain().map(str::to_owned);
                let proxy = self
                    .proxies
                    .for_url(&self.base)
                    .map_err(|error| ApiError::new(ErrorClass::Local, error.code(), &format!("{error}: {}", error.next())))?;
                let proxy = proxy.cloned();
                // Reading the system's certificates takes tens of milliseconds of disk and parsing.
                let built = tokio::task::spawn_blocking(move || build(local, name.as_deref(), proxy.as_ref())).await;
                match built {
                    Ok(Ok(http)) => Ok(http),
                    Ok(Err(error)) => Err(ApiError::new(ErrorClass::Local, "no_http_client", &self.chain(&error))),
                    Err(_) => Err(ApiError::new(ErrorClass::Local, "no_http_client", "the program is ending")),
                }
            })
            .await
    }

    /// One call, never repeated. Errors are those without an answer, and answers that are too large.
    async fn call(&self, call: Call<'_>) -> Result<Answer, ApiError> {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(call.path);
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        let method = if call.body.is_some() { Method::POST } else { Method::GET };
        let mut request = self
            .http()
            .await?
            .request(method, url)
            .timeout(call.limit)
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        if call.keyed {
            let mut value = HeaderValue::try_from(format!("Bearer {}", self.key()))
                .map_err(|_| ApiError::new(ErrorClass::Login, "bad_key", "the API key cannot stand in a header"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        if let Some(mark) = call.if_none_match {
            request = request.header(IF_NONE_MATCH, mark);
        }
        if let Some(key) = call.idempotency_key {
            request = request.header("Idempotency-Key", key.as_str());
        }
        if let Some(body) = call.body {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body);
        }
        let mut response = request.send().await.map_err(|error| self.broken(error, None))?;
        let status = response.status().as_u16();
        let fine = response.status().is_success();
        let most = if fine { ANSWER_MOST } else { ERROR_MOST };
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= most => body.extend_from_slice(&chunk),
                Ok(Some(_)) if fine => {
                    let message = format!("it has more than {} MiB", ANSWER_MOST / 1024 / 1024);
                    return Err(ApiError::invalid_response("answer_too_large", &message, status));
                }
                // The head of an error says enough, also where the rest is long or does not come.
                Ok(Some(chunk)) => {
                    body.extend_from_slice(&chunk[..most - body.len()]);
                    break;
                }
                Err(_) if !fine => break,
                Ok(None) => break,
                Err(error) => return Err(self.broken(error, Some(status))),
            }
        }
        let answer = Answer { status, headers: response.headers().clone(), body };
        // What needs no key may come out of somebody's cache, and a web page out of anybody's machine.
        if let Some(date) = answer.date().filter(|_| call.keyed && is_like_json(&answer.body)) {
            let heard = Heard { date, since: Instant::now(), at: Timestamp::now() };
            *self.time.lock().unwrap_or_else(PoisonError::into_inner) = Some(heard);
        }
        Ok(answer)
    }

    fn get<'a>(&self, path: &'a [&'a str]) -> Call<'a> {
        Call {
            path,
            query: Vec::new(),
            body: None,
            idempotency_key: None,
            keyed: true,
            if_none_match: None,
            limit: self.limits.read,
        }
    }

    /// A line that failed: before the connection stood, by the clock, or in the middle.
    fn broken(&self, error: reqwest::Error, status: Option<u16>) -> ApiError {
        let (class, code, what) = if status.is_none() && error.is_connect() {
            (ErrorClass::Network, NOT_CONNECTED, "no connection")
        } else if error.is_timeout() {
            (ErrorClass::Network, "timeout", "no answer within the time limit")
        } else if is_garbled(&error) {
            (ErrorClass::InvalidResponse, "unreadable_answer", "the answer could not be unpacked")
        } else {
            (ErrorClass::Network, "line_failed", "the connection broke off")
        };
        let detail = self.chain(&error.without_url());
        ApiError { status, ..ApiError::new(class, code, &format!("{what} ({detail})")) }
    }

    /// The innermost cause: the outer ones only say that a request failed.
    fn chain(&self, error: &reqwest::Error) -> String {
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        redact(&text::shorten(&text::clean(&cause.to_string()), 200), self.key())
    }
}

/// Whether a body begins as an answer of the service does.
fn is_like_json(body: &[u8]) -> bool {
    body.trim_ascii_start().first().is_some_and(|first| matches!(first, b'{' | b'['))
}

/// Whether bytes came that do not unpack. The library calls every error while unpacking a decoding error, a broken line too.
fn is_garbled(error: &reqwest::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = error.is_decode().then_some(error);
    while let Some(inner) = cause {
        if inner.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::InvalidData) {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// A pool for the service at one address: unpacks answers, and knows a dead connection.
fn build(local: bool, name: Option<&str>, proxy: Option<&Url>) -> Result<reqwest::Client, reqwest::Error> {
    let proxy = proxy.map(|proxy| reqwest::Proxy::all(proxy.clone())).transpose()?;
    http::build(|| {
        let mut builder = http::builder()
            .gzip(true)
            .connect_timeout(CONNECT_LIMIT)
            // A connection that died in silence, as after a sleep of this machine, must not be used again and again.
            .http2_keep_alive_interval(Duration::from_secs(5))
            .http2_keep_alive_timeout(Duration::from_secs(8))
            .pool_idle_timeout(Duration::from_mins(1));
        if local {
            // No certificate is needed. The name is pinned so that plain http stays on this machine.
            builder = builder.tls_certs_only([]);
            if let Some(name) = name {
                let here = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].map(|ip| SocketAddr::new(ip, 0));
                builder = builder.resolve_to_addrs(name, &here);
            }
        }
        match proxy.clone() {
            Some(proxy) => builder.proxy(proxy),
            None => builder,
        }
    })
}

struct Call<'a> {
    path: &'a [&'a str],
    query: Vec<(&'static str, String)>,
    body: Option<String>,
    idempotency_key: Option<&'a IdempotencyKey>,
    keyed: bool,
    /// The mark of an answer that is known already: the service may say "not modified" instead of sending it again.
    if_none_match: Option<HeaderValue>,
    limit: Duration,
}

impl Service for Client {
    fn submit<'a>(&'a self, key: &'a IdempotencyKey, body: &'a str) -> BoxFuture<'a, Result<Submitted, ApiError>> {
        async move {
            let call = Call {
                body: Some(body.to_owned()),
                idempotency_key: Some(key),
                limit: self.limits.submit,
                ..self.get(&["v1", "images", "generations"])
            };
            self.call(call).await?.submitted(self.key(), Timestamp::now())
        }
        .boxed()
    }

    fn task<'a>(&'a self, id: &'a TaskId) -> BoxFuture<'a, Result<TaskReport, ApiError>> {
        async move {
            let path = ["v1", "tasks", id.as_str()];
            self.call(self.get(&path)).await?.task(id, self.key(), Timestamp::now())
        }
        .boxed()
    }

    fn batch<'a>(&'a self, ids: &'a [TaskId]) -> BoxFuture<'a, Result<Vec<TaskReport>, ApiError>> {
        async move {
            if ids.is_empty() {
                return Ok(Vec::new());
            }
            if ids.len() > BATCH_MOST {
                let message = format!("{} tasks were asked for at once; {BATCH_MOST} is the most", ids.len());
                return Err(ApiError::new(ErrorClass::Local, "too_many_ids", &message));
            }
            let wanted: Vec<&str> = ids.iter().map(TaskId::as_str).collect();
            let body = json!({ "task_ids": wanted }).to_string();
            let call = Call { body: Some(body), ..self.get(&["v1", "tasks", "batch"]) };
            self.call(call).await?.batch(ids, self.key(), Timestamp::now())
        }
        .boxed()
    }

    fn list(&self, query: ListQuery) -> BoxFuture<'_, Result<ListPage, ApiError>> {
        async move {
            let words = [("status", query.status), ("type", Some("image")), ("model", query.model.map(Model::wire_name))];
            let mut pairs: Vec<(&'static str, String)> =
                words.into_iter().filter_map(|(name, value)| Some((name, value?.to_owned()))).collect();
            pairs.push(("page", query.page.to_string()));
            pairs.push(("page_size", query.page_size.to_string()));
            let call = Call { query: pairs, ..self.get(&["v1", "tasks"]) };
            self.call(call).await?.list(&query, self.key(), Timestamp::now())
        }
        .boxed()
    }

    fn credits(&self) -> BoxFuture<'_, Result<Balance, ApiError>> {
        async move { self.call(self.get(&["v1", "credits"])).await?.credits(self.key(), Timestamp::now()) }.boxed()
    }

    fn models(&self) -> BoxFuture<'_, Result<Vec<String>, ApiError>> {
        async move { self.call(self.get(&["v1", "models"])).await?.models(self.key(), Timestamp::now()) }.boxed()
    }

    fn time(&self) -> Option<Timestamp> {
        let heard = *self.time.lock().unwrap_or_else(PoisonError::into_inner);
        heard.as_ref().and_then(Heard::now)
    }

    fn uc_per_usd(&self) -> Option<i64> {
        Some(self.uc_per_usd.load(Ordering::Relaxed)).filter(|rate| *rate > 0)
    }

    fn price(&self, model: Model) -> BoxFuture<'_, Result<Credits, ApiError>> {
        async move {
            // The catalog is public: it gets no key (docs/service.md §3.1).
            let path = ["v1", "catalog", "models", model.wire_name(), "pricing-rules"];
            let known = self.prices.lock().unwrap_or_else(PoisonError::into_inner).get(&model).cloned();
            let if_none_match = known.as_ref().map(|(mark, _)| mark.clone());
            let call = Call { query: vec![("view", "full".into())], keyed: false, if_none_match, ..self.get(&path) };
            let answer = self.call(call).await?;
            if let (304, Some((_, price))) = (answer.status, known) {
                return Ok(price);
            }
            let now = Timestamp::now();
            let price = answer.price(model, self.key(), now);
            self.uc_per_usd.store(answer.uc_per_usd(model, self.key(), now).unwrap_or(0), Ordering::Relaxed);
            let marked = price.as_ref().ok().and_then(|price| Some((answer.headers.get(ETAG)?.clone(), *price)));
            let mut prices = self.prices.lock().unwrap_or_else(PoisonError::into_inner);
            match marked {
                Some(marked) => prices.insert(model, marked),
                None => prices.remove(&model),
            };
            drop(prices);
            price
        }
        .boxed()
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
