//! The real service over HTTP.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use url::{Host, Url};

use super::error::{ApiError, NOT_CONNECTED, request_id};
use super::redact::redact;
use super::{BATCH_MOST, Balance, ClientOptions, ENHANCE_MODEL, ListPage, ListQuery, Service, Submitted, wire};
use crate::job::{Credits, ErrorClass, IdempotencyKey, TaskId, TaskReport, text};

/// What we call ourselves (reference §3.1: an honest product name).
const USER_AGENT: &str = concat!("mj-enhance/", env!("CARGO_PKG_VERSION"));
/// The most that is read of an answer, unpacked: 50 tasks with long links are far below it.
const ANSWER_MOST: usize = 4 * 1024 * 1024;
/// The most that is read of an error (reference §7.1: "a few KB").
const ERROR_MOST: usize = 16 * 1024;
/// How long a connection may take to stand. Shorter than every other limit, so that a dead line is known as one on
/// which nothing was sent.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// The real service.
///
/// The connection pool and the certificates are made at the first call, off the caller's thread. Certificates are
/// always checked; there is no switch for it.
pub struct Client {
    base: Url,
    key: SecretString,
    limits: Limits,
    http: OnceCell<reqwest::Client>,
}

/// Time limits of whole calls, the body included (reference §7.5).
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
        Ok(Self { base, key: key.to_owned().into(), limits, http: OnceCell::new() })
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
                // Reading the system's certificates takes tens of milliseconds of disk and parsing.
                let built = tokio::task::spawn_blocking(move || build(local, name.as_deref())).await;
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
                    return Err(ApiError::nonsense("answer_too_large", &message, status));
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
        Ok(Answer { status, headers: response.headers().clone(), body })
    }

    /// A call whose answer must be 2xx and JSON.
    async fn ask(&self, call: Call<'_>) -> Result<(Answer, Value), ApiError> {
        let answer = self.call(call).await?;
        if !(200..300).contains(&answer.status) {
            return Err(self.refused(&answer));
        }
        let body = wire::json(answer.status, &answer.body).map_err(|error| with_id(error, &answer))?;
        Ok((answer, body))
    }

    /// The same for reads, where a 200 may still say no.
    async fn read(&self, call: Call<'_>) -> Result<(Answer, Value), ApiError> {
        let (answer, body) = self.ask(call).await?;
        if wire::says_no(&body) {
            return Err(wire::soften(self.refused(&answer)));
        }
        Ok((answer, body))
    }

    fn refused(&self, answer: &Answer) -> ApiError {
        ApiError::from_answer(answer.status, &answer.headers, &answer.body, self.key(), Timestamp::now())
    }

    fn get<'a>(&self, path: &'a [&'a str]) -> Call<'a> {
        Call { path, query: Vec::new(), body: None, idempotency_key: None, keyed: true, limit: self.limits.read }
    }

    /// A line that failed: before the connection stood, by the clock, or in the middle.
    fn broken(&self, error: reqwest::Error, status: Option<u16>) -> ApiError {
        let (class, code, what) = if status.is_none() && error.is_connect() {
            (ErrorClass::Network, NOT_CONNECTED, "no connection")
        } else if error.is_timeout() {
            (ErrorClass::Network, "timeout", "no answer within the time limit")
        } else if is_garbled(&error) {
            (ErrorClass::Nonsense, "unreadable_answer", "the answer could not be unpacked")
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

    fn report(&self, body: &Value, answer: &Answer) -> Option<TaskReport> {
        let mut report = wire::report(body, self.key())?;
        let id = report.request_id.take().or_else(|| request_id(&answer.headers));
        if let Some(failure) = report.failure.as_mut().filter(|failure| failure.request_id.is_none()) {
            failure.request_id.clone_from(&id);
        }
        report.request_id = id;
        Some(report)
    }
}

/// Whether bytes came that do not unpack. The library calls every fault while unpacking a decoding error, a broken line too.
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

fn with_id(mut error: ApiError, answer: &Answer) -> ApiError {
    error.request_id = request_id(&answer.headers);
    error
}

/// A pool that repeats nothing, follows nothing and sends nothing of ours but the name.
fn build(local: bool, name: Option<&str>) -> Result<reqwest::Client, reqwest::Error> {
    let builder = || {
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .gzip(true)
            .connect_timeout(CONNECT_LIMIT)
            .tcp_keepalive(Duration::from_secs(30));
        if local {
            // No certificate is needed, and no proxy is asked. The name is pinned so that plain http stays on this machine.
            builder = builder.no_proxy().tls_certs_only([]);
            if let Some(name) = name {
                let here = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].map(|ip| SocketAddr::new(ip, 0));
                builder = builder.resolve_to_addrs(name, &here);
            }
        }
        builder
    };
    builder().build().or_else(|_| {
        // A slim image has no certificates of its own.
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().filter_map(|der| reqwest::Certificate::from_der(der).ok());
        builder().tls_certs_only(roots).build()
    })
}

struct Call<'a> {
    path: &'a [&'a str],
    query: Vec<(&'static str, String)>,
    body: Option<String>,
    idempotency_key: Option<&'a IdempotencyKey>,
    keyed: bool,
    limit: Duration,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
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
            let (answer, body) = self.ask(call).await?;
            let replayed =
                answer.headers.get("idempotency-replayed").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
            let report = self
                .report(&body, &answer)
                .ok_or_else(|| with_id(ApiError::nonsense("no_task_id", "it names no task", answer.status), &answer))?;
            Ok(Submitted { report, replayed })
        }
        .boxed()
    }

    fn task<'a>(&'a self, id: &'a TaskId) -> BoxFuture<'a, Result<TaskReport, ApiError>> {
        async move {
            let (answer, body) = self.ask(self.get(&["v1", "tasks", id.as_str()])).await?;
            let report = match self.report(&body, &answer) {
                Some(report) => report,
                // A failed task has an `error` too, so only an answer without an id is taken as a refusal.
                None if wire::says_no(&body) => return Err(wire::soften(self.refused(&answer))),
                None => return Err(with_id(ApiError::nonsense("unreadable_answer", "it names no task", answer.status), &answer)),
            };
            if report.id == *id {
                Ok(report)
            } else {
                let message = format!("{id} was asked for, and {} came", report.id);
                Err(with_id(ApiError::nonsense("other_task", &message, answer.status), &answer))
            }
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
            let (answer, body) = self.read(Call { body: Some(body), ..self.get(&["v1", "tasks", "batch"]) }).await?;
            let mut reports = wire::batch(answer.status, &body, ids, self.key()).map_err(|error| with_id(error, &answer))?;
            for report in &mut reports {
                let id = report.request_id.take().or_else(|| request_id(&answer.headers));
                report.request_id = id;
            }
            Ok(reports)
        }
        .boxed()
    }

    fn list(&self, query: ListQuery) -> BoxFuture<'_, Result<ListPage, ApiError>> {
        async move {
            let words = [("status", query.status), ("type", Some("image")), ("model", query.model)];
            let mut pairs: Vec<(&'static str, String)> =
                words.into_iter().filter_map(|(name, value)| Some((name, value?.to_owned()))).collect();
            pairs.push(("page", query.page.to_string()));
            pairs.push(("page_size", query.page_size.to_string()));
            let (answer, body) = self.read(Call { query: pairs, ..self.get(&["v1", "tasks"]) }).await?;
            wire::list(answer.status, &body, &query, self.key()).map_err(|error| with_id(error, &answer))
        }
        .boxed()
    }

    fn credits(&self) -> BoxFuture<'_, Result<Balance, ApiError>> {
        async move {
            let (answer, body) = self.read(self.get(&["v1", "credits"])).await?;
            wire::balance(answer.status, &body, self.key()).map_err(|error| with_id(error, &answer))
        }
        .boxed()
    }

    fn models(&self) -> BoxFuture<'_, Result<Vec<String>, ApiError>> {
        async move {
            let (answer, body) = self.read(self.get(&["v1", "models"])).await?;
            wire::models(answer.status, &body, self.key()).map_err(|error| with_id(error, &answer))
        }
        .boxed()
    }

    fn price(&self) -> BoxFuture<'_, Result<Credits, ApiError>> {
        async move {
            // The catalog is public: it gets no key (reference §3.1).
            let path = ["v1", "catalog", "models", ENHANCE_MODEL, "pricing-rules"];
            let call = Call { query: vec![("view", "full".into())], keyed: false, ..self.get(&path) };
            let (answer, body) = self.read(call).await?;
            wire::price(answer.status, &body).map_err(|error| with_id(error, &answer))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc;

    use super::super::PaidVerdict;
    use super::*;
    use crate::job::retry::Lost;

    const KEY: &str = "sk-evo-0123456789abcdef";

    /// A server on a free port that reads one whole request from each connection and hands it to `answer`.
    fn serve(answer: impl Fn(&str, &mut TcpStream) + Send + 'static) -> (Client, mpsc::Receiver<String>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (heard, hear) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = read_request(&mut stream);
                heard.send(request.clone()).ok();
                answer(&request, &mut stream);
            }
        });
        (client(&base), hear)
    }

    fn client(base: &str) -> Client {
        Client::new(&ClientOptions { base_url: base.parse().unwrap(), key: KEY.to_owned().into() }).unwrap()
    }

    fn read_request(stream: &mut TcpStream) -> String {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let text = String::from_utf8_lossy(&bytes).to_lowercase();
            if let Some(head) = text.find("\r\n\r\n") {
                let length =
                    text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok()).unwrap_or(0);
                if bytes.len() >= head + 4 + length {
                    return String::from_utf8_lossy(&bytes).into_owned();
                }
            }
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return String::new(),
                Ok(n) => bytes.extend_from_slice(&buffer[..n]),
            }
        }
    }

    fn say(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n", body.len());
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).ok();
    }

    fn always(status: &'static str, headers: &'static str, body: &'static str) -> (Client, mpsc::Receiver<String>) {
        serve(move |_, stream| say(stream, status, headers, body.as_bytes()))
    }

    fn id(text: &str) -> TaskId {
        TaskId::new(text).unwrap()
    }

    fn wish() -> IdempotencyKey {
        IdempotencyKey::from_dice([3; 16])
    }

    #[tokio::test]
    async fn a_send_goes_out_byte_for_byte_with_its_key() {
        let (client, hear) = always(
            "200 OK",
            "X-Request-Id: r1\r\nIdempotency-Replayed: TRUE\r\n",
            r#"{"id":"task-unified-1-a","status":"pending","usage":{"credits_reserved":5.4}}"#,
        );
        let body = r#"{"model":"mj-v7-enhance"}"#;
        let submitted = client.submit(&wish(), body).await.unwrap();
        assert!(submitted.replayed);
        assert_eq!(submitted.report.request_id.as_deref(), Some("r1"));
        assert_eq!(submitted.report.reserved, Some(Credits::PUBLISHED_PRICE));
        let heard = hear.recv().unwrap();
        let lower = heard.to_lowercase();
        assert!(heard.starts_with("POST /v1/images/generations HTTP/1.1\r\n"), "{heard}");
        assert!(heard.ends_with(&format!("\r\n\r\n{body}")), "{heard}");
        for header in [
            format!("authorization: bearer {KEY}"),
            format!("idempotency-key: {}", wish().as_str()),
            "content-type: application/json".into(),
            "accept: application/json".into(),
            format!("user-agent: mj-enhance/{}", env!("CARGO_PKG_VERSION")),
        ] {
            assert!(lower.contains(&format!("\r\n{header}\r\n")), "{header} in {heard}");
        }
    }

    #[tokio::test]
    async fn a_send_is_never_repeated_and_a_reset_is_a_lost_answer() {
        let (client, hear) = serve(|_, _| {});
        let error = client.submit(&wish(), "{}").await.unwrap_err();
        assert_eq!((error.class, error.paid()), (ErrorClass::Network, PaidVerdict::Lost(Lost::Answer)));
        assert!(hear.recv().is_ok());
        drop(client);
        assert!(hear.try_recv().is_err(), "one request, one connection");
    }

    #[tokio::test]
    async fn a_port_nobody_listens_on_proves_that_nothing_was_sent() {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let error = client(&format!("http://127.0.0.1:{port}")).submit(&wish(), "{}").await.unwrap_err();
        assert_eq!((error.code.as_str(), error.paid()), (NOT_CONNECTED, PaidVerdict::NotNow));
    }

    #[tokio::test]
    async fn a_slow_or_cut_body_is_a_lost_answer() {
        let (mut client, _hear) = serve(|_, stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"id\":").ok();
            // Held open until the other side gives up.
            stream.read(&mut [0; 1]).ok();
        });
        client.limits.submit = Duration::from_millis(200);
        let error = client.submit(&wish(), "{}").await.unwrap_err();
        assert_eq!((error.code.as_str(), error.paid()), ("timeout", PaidVerdict::Lost(Lost::Answer)));

        let (client, _hear) = serve(|_, stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"id\":").ok();
        });
        let error = client.submit(&wish(), "{}").await.unwrap_err();
        assert_eq!((error.class, error.paid()), (ErrorClass::Network, PaidVerdict::Lost(Lost::Answer)));
    }

    #[tokio::test]
    async fn two_hundreds_without_a_task_are_lost_answers() {
        for body in ["", "<html>ok</html>", "{}", r#"{"id":"bad id"}"#, r#"{"success":false,"message":"no"}"#, "[]", "null"] {
            let (client, _hear) = always("200 OK", "", body);
            let error = client.submit(&wish(), "{}").await.unwrap_err();
            assert_eq!((error.class, error.paid()), (ErrorClass::Nonsense, PaidVerdict::Lost(Lost::Answer)), "{body}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_does_not_unpack_is_nonsense_and_lost() {
        let (client, _hear) = always("200 OK", "Content-Encoding: gzip\r\n", "this was never packed, whatever the header says");
        let error = client.submit(&wish(), "{}").await.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Nonsense, "unreadable_answer"), "{error}");
        assert_eq!(error.paid(), PaidVerdict::Lost(Lost::Answer));
    }

    #[tokio::test]
    async fn redirects_are_not_followed() {
        let (client, hear) = always("307 Temporary Redirect", "Location: /elsewhere\r\n", "");
        let error = client.submit(&wish(), "{}").await.unwrap_err();
        assert_eq!((error.status, error.paid()), (Some(307), PaidVerdict::Lost(Lost::Answer)));
        assert_eq!(hear.iter().take(1).count(), 1);
        assert!(hear.try_recv().is_err());
    }

    #[tokio::test]
    async fn an_answer_about_another_task_is_no_answer() {
        let (client, hear) = always("200 OK", "", r#"{"id":"task-unified-1-b","status":"completed"}"#);
        let error = client.task(&id("task-unified-1-a")).await.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Nonsense, "other_task"));
        assert!(hear.recv().unwrap().starts_with("GET /v1/tasks/task-unified-1-a HTTP/1.1"));
    }

    #[tokio::test]
    async fn a_failed_task_is_an_answer_and_not_an_error() {
        let (client, _hear) = always(
            "200 OK",
            "X-Request-Id: r9\r\n",
            r#"{"id":"a","status":"failed","error":{"code":"service_error","message":"x"}}"#,
        );
        let report = client.task(&id("a")).await.unwrap();
        assert_eq!(report.failure.unwrap().request_id.as_deref(), Some("r9"));
    }

    #[tokio::test]
    async fn no_more_is_read_than_the_limit() {
        let (client, _hear) = serve(|_, stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok();
            while stream.write_all(&[b' '; 65_536]).is_ok() {}
        });
        let error = client.task(&id("a")).await.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Nonsense, "answer_too_large"));

        let (client, _hear) = serve(|_, stream| {
            stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html><title>Down</title>").ok();
            while stream.write_all(&[b' '; 65_536]).is_ok() {}
        });
        let error = client.task(&id("a")).await.unwrap_err();
        assert_eq!((error.class, error.message.as_str()), (ErrorClass::Server, "the answer was a web page: Down"));
    }

    #[tokio::test]
    async fn batches_lists_balance_models_and_price_are_asked_as_the_reference_says() {
        let (client, hear) = serve(|request, stream| {
            let body = match request.split(' ').nth(1).unwrap_or_default() {
                "/v1/tasks/batch" => r#"{"code":200,"data":[{"id":"a","status":"processing"},{"id":"z"}]}"#,
                "/v1/tasks?status=completed&type=image&model=mj-v7&page=1&page_size=50" => r#"{"data":[{"id":"a"}],"page":1}"#,
                "/v1/credits" => {
                    r#"{"success":true,"data":{"user":{"remaining_credits":412.75},"token":{"unlimited_credits":true,"remaining_credits":0}}}"#
                }
                "/v1/models" => r#"{"data":[{"id":"mj-v7-enhance"}]}"#,
                "/v1/catalog/models/mj-v7-enhance/pricing-rules?view=full" => {
                    r#"{"model":{"model_id":"mj-v7-enhance","components":[{"rate":{"credits":"5.4"}}]}}"#
                }
                _ => r#"{"error":{"code":"nowhere"}}"#,
            };
            say(stream, "200 OK", "", body.as_bytes());
        });
        assert_eq!(client.batch(&[]).await, Ok(Vec::new()));
        assert_eq!(client.batch(&[id("a"), id("b")]).await.unwrap().len(), 1);
        assert!(hear.recv().unwrap().ends_with(r#"{"task_ids":["a","b"]}"#));
        assert_eq!(client.batch(&vec![id("a"); 51]).await.unwrap_err().code, "too_many_ids");
        let query = ListQuery { model: Some("mj-v7"), status: Some("completed"), page: 1, page_size: 50 };
        assert_eq!(client.list(query).await.unwrap().rows.len(), 1);
        let balance = client.credits().await.unwrap();
        assert_eq!((balance.account.to_string().as_str(), balance.key), ("412.75", None));
        assert_eq!(client.models().await.unwrap(), ["mj-v7-enhance"]);
        let keyed = hear.iter().take(3).filter(|request| request.contains(KEY)).count();
        assert_eq!(keyed, 3);
        assert_eq!(client.price().await, Ok(Credits::PUBLISHED_PRICE));
        assert!(!hear.recv().unwrap().contains(KEY), "the public catalog gets no key");
    }

    #[tokio::test]
    async fn a_balance_that_says_no_is_an_error() {
        let (client, _hear) = always("200 OK", "", r#"{"success":false,"message":"database is down"}"#);
        let error = client.credits().await.unwrap_err();
        assert_eq!((error.class, error.message.as_str()), (ErrorClass::Server, "database is down"));
        let (client, _hear) = always("200 OK", "", r#"{"success":false,"code":401,"msg":"who?"}"#);
        assert_eq!(client.credits().await.unwrap_err().class, ErrorClass::Login);
    }

    #[tokio::test]
    async fn the_key_is_in_no_debug_form_and_no_error() {
        let (client, _hear) = serve(|request, stream| say(stream, "401 Unauthorized", "", request.as_bytes()));
        let error = client.credits().await.unwrap_err();
        for said in [format!("{client:?}"), format!("{error:?}"), error.to_string()] {
            assert!(!said.contains("0123456789abcdef"), "{said}");
        }
    }

    #[test]
    fn bad_bases_and_keys_are_told_at_once() {
        let make = |base: &str, key: &str| {
            Client::new(&ClientOptions { base_url: base.parse().unwrap(), key: key.to_owned().into() })
                .map_err(|error| error.code)
        };
        for base in [
            "http://api.evolink.ai",
            "ftp://x",
            "https://u:p@x",
            "https://x/?a",
            "https://x/v1/",
            "http://127.0.0.1.nip.io",
            "data:x",
        ] {
            assert_eq!(make(base, KEY).unwrap_err(), "bad_base_url", "{base}");
        }
        for base in [
            "https://api.evolink.ai",
            "https://api.evolink.ai/",
            "http://127.0.0.1:9/",
            "http://[::1]:9",
            "http://localhost:9",
            "https://x/proxy/",
        ] {
            assert!(make(base, KEY).is_ok(), "{base}");
        }
        assert_eq!(make("https://x", " ").unwrap_err(), "no_key");
        assert_eq!(make("https://x", "a\nb").unwrap_err(), "bad_key");
    }

    #[tokio::test]
    async fn a_client_with_certificates_can_be_built() {
        assert!(client("https://api.evolink.ai").http().await.is_ok());
        assert!(client("http://localhost:9").http().await.is_ok());
    }
}
