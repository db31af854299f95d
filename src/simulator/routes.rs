//! From a request to an answer: which route it is, which fault applies, who may ask.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use serde_json::Value;

use super::answer::{Answer, Refusal};
use super::call::Call;
use super::clock::http_date;
use super::effects::{apply, error_type, with_id, with_retry_after};
use super::scenario::{Effect, RetryAfterForm, Route};
use super::shared::Shared;
use super::socket::Conn;
use super::world::{Subject, World};
use super::{catalog, control, files, reads, submit};

/// Bodies above this get 413.
const BODY_LIMIT: usize = 1 << 20;

/// Answers every request.
pub(super) async fn dispatch(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(conn): ConnectInfo<Conn>,
    request: Request<Body>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let route = classify(&head.method, &path, shared.world().scenario.batch_route);
    let _open = (route == Route::Submit).then(|| OpenSubmit::new(&shared));
    let read = axum::body::to_bytes(body, BODY_LIMIT).await;
    let too_large = read.is_err();
    let call = Call { method: head.method, path, query, headers: head.headers, body: read.unwrap_or_default() };
    let hit = note(&shared, route, &call);
    if let Some(hit) = hit.as_ref().filter(|hit| !hit.processed) {
        match hit.effect {
            Effect::ResetBefore => {
                add_decoys(&shared, &call, hit.decoys);
                conn.reset();
                return Response::new(Body::empty());
            }
            Effect::SlowHeaders { seconds } => wait(seconds).await,
            _ => {}
        }
    }
    if too_large {
        let refusal = Refusal::new(413, "request_too_large", "The body is larger than 1 MiB.");
        return refusal.answer(error_type(413, route), false).into_response();
    }
    let Some(hit) = hit else {
        let (answer, _flight) = perform(&shared, route, &call).await;
        return finish(&shared, route, answer);
    };
    let skipped = !hit.processed && !matches!(hit.effect, Effect::SlowHeaders { .. });
    let (answer, flight) =
        if skipped { (Answer::json(200, serde_json::json!({})), None) } else { perform(&shared, route, &call).await };
    add_decoys(&shared, &call, hit.decoys);
    if hit.processed && !matches!(hit.effect, Effect::SlowHeaders { .. } | Effect::SlowBody { .. }) {
        shared.forget_outcome(flight.as_ref().map(|flight| &flight.key));
    }
    match hit.effect {
        Effect::ResetAfter | Effect::ResetBefore => {
            conn.reset();
            return Response::new(Body::empty());
        }
        Effect::SlowHeaders { seconds } if hit.processed => wait(seconds).await,
        _ => {}
    }
    let answer = match hit.effect {
        Effect::SourceId => with_id(answer, source_of(&call).as_deref()),
        Effect::PreviousId => {
            let world = shared.world();
            let previous = account_of(&world, &call.headers).and_then(|account| world.previous(account));
            with_id(answer, previous)
        }
        _ => answer,
    };
    if let Effect::Status { status: 429, retry_after, retry_after_form, .. } = &hit.effect {
        shared.world().note_too_many(retry_after.filter(|_| *retry_after_form != RetryAfterForm::Absent));
    }
    finish(&shared, route, apply(answer, &hit.effect, route, shared.clock.now()))
}

async fn wait(seconds: f64) {
    // A day stands for ever: nobody waits that long.
    tokio::time::sleep(Duration::try_from_secs_f64(seconds).unwrap_or_default().min(Duration::from_hours(24))).await;
}

fn note(shared: &Shared, route: Route, call: &Call) -> Option<super::world::FaultHit> {
    let now = shared.clock.now();
    let mut world = shared.world();
    if route == Route::Control {
        return None;
    }
    if route == Route::File && call.headers.contains_key(header::AUTHORIZATION) {
        world.counts.keyed_downloads += 1;
    }
    if call.method == Method::DELETE || call.path.contains("cancel") {
        world.counts.cancel_attempts += 1;
    }
    let key = call.headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    let path = percent_decoded(&call.path);
    world.arrive(now, &Subject { route, path: &path, body: &call.body, key })
}

/// The draft that a submit names.
fn source_of(call: &Call) -> Option<String> {
    let body: Value = serde_json::from_slice(&call.body).ok()?;
    Some(body.get("model_params")?.get("task_id")?.as_str()?.to_owned())
}

/// Tasks that another program of the account makes at the moment of this submit.
fn add_decoys(shared: &Shared, call: &Call, count: u8) {
    if count == 0 {
        return;
    }
    let now = shared.clock.now();
    let mut world = shared.world();
    let body = serde_json::from_slice(&call.body).unwrap_or(Value::Null);
    if let Some(account) = account_of(&world, &call.headers)
        && let Ok(request) = submit::read_request(&world, &body)
    {
        world.add_decoys(now, account, &request, count);
    }
}

/// The account of the bearer key.
fn account_of(world: &World, headers: &HeaderMap) -> Option<usize> {
    let sent = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    world.account_of(sent.strip_prefix("Bearer ")?)
}

fn finish(shared: &Shared, route: Route, answer: Answer) -> Response<Body> {
    let mut response = answer.into_response();
    if !matches!(route, Route::File | Route::Control) {
        let id = shared.world().request_id();
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
        }
        if let Some(date) = http_date(shared.clock.now()).and_then(|date| HeaderValue::try_from(date).ok()) {
            response.headers_mut().insert(header::DATE, date);
        }
    }
    response
}

fn classify(method: &Method, path: &str, batch_route: bool) -> Route {
    let get = method == Method::GET || method == Method::HEAD;
    match path {
        "/v1/images/generations" if method == Method::POST => Route::Submit,
        "/v1/tasks/batch" if method == Method::POST && batch_route => Route::Batch,
        "/v1/tasks" if get => Route::List,
        "/v1/credits" if get => Route::Credits,
        "/v1/models" if get => Route::Models,
        _ if path.starts_with("/sim/") => Route::Control,
        _ if get && path.starts_with("/files/") => Route::File,
        "/v1/agent-estimates" if method == Method::POST => Route::Estimate,
        _ if get && (path.starts_with(catalog::CATALOG) || path == catalog::PRICE_LIST) => Route::Price,
        _ if get && path.strip_prefix("/v1/tasks/").is_some_and(|id| !id.is_empty() && !id.contains('/')) => Route::Read,
        _ => Route::Other,
    }
}

/// The methods of a route that exists. Single tasks have no entry: a cancel or delete call finds nothing there.
fn allowed_methods(path: &str) -> Option<&'static str> {
    match path {
        "/v1/images/generations" => Some("POST"),
        "/v1/tasks" | "/v1/credits" | "/v1/models" | catalog::PRICE_LIST => Some("GET, HEAD"),
        _ if path.starts_with(catalog::CATALOG) || path.starts_with("/files/") => Some("GET, HEAD"),
        _ => None,
    }
}

/// A path with its `%XX` resolved; what is no such triple stays as it is.
fn percent_decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *first == b'%').and_then(|two| std::str::from_utf8(two).ok());
        let byte = hex.filter(|two| !two.starts_with('+')).and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Does the work of a route.
async fn perform(shared: &Arc<Shared>, route: Route, call: &Call) -> (Answer, Option<Flight>) {
    match route {
        Route::Control => (control::handle(shared, call), None),
        Route::File => (file(shared, call).await, None),
        Route::Price => {
            let now = shared.clock.now();
            // Two statements: a lock lives as long as its statement.
            let allowed = shared.world().check_rate(route);
            let answer = allowed.and_then(|()| {
                let path = percent_decoded(&call.path);
                catalog::answer(&mut shared.world(), now, &path, &call.query, &call.headers)
            });
            (answer.unwrap_or_else(|refusal| refuse(shared, route, &refusal)), None)
        }
        Route::Other if allowed_methods(&call.path).is_some() => {
            let refusal = Refusal::new(405, "method_not_allowed", "This route has no such method.");
            let allowed = allowed_methods(&call.path).unwrap_or_default();
            (refusal.answer(error_type(405, route), false).with(header::ALLOW, allowed), None)
        }
        Route::Submit => match keyed(shared, route, &call.headers)
            .and_then(|account| json_body(call).map(|body| (account, body)))
            .and_then(|(account, body)| {
                let now = shared.clock.now();
                submit::submit(&mut shared.world(), now, account, &call.headers, &body)
            }) {
            Ok(accepted) => {
                let answer = Answer::json(200, accepted.body);
                let flight = accepted.key.map(|key| Flight { shared: Arc::clone(shared), key });
                if !accepted.replayed {
                    return (answer, flight);
                }
                (answer.with(HeaderName::from_static("idempotency-replayed"), "true"), flight)
            }
            Err(refusal) => (refuse(shared, route, &refusal), None),
        },
        _ => {
            let answer = free(shared, route, call).map(|body| Answer::json(200, body));
            (answer.unwrap_or_else(|refusal| refuse(shared, route, &refusal)), None)
        }
    }
}

fn free(shared: &Shared, route: Route, call: &Call) -> Result<Value, Refusal> {
    let missing = || Refusal::new(404, "not_found", "There is no such route.");
    let account = keyed(shared, route, &call.headers)?;
    let body = if matches!(route, Route::Batch | Route::Estimate) { json_body(call)? } else { Value::Null };
    let now = shared.clock.now();
    let mut world = shared.world();
    match route {
        Route::Read => {
            let id = call.path.strip_prefix("/v1/tasks/").ok_or_else(missing)?;
            reads::one(&mut world, now, account, &percent_decoded(id))
        }
        Route::Estimate if world.scenario.estimate_route => catalog::estimate(&mut world, now, &body),
        Route::Batch => reads::batch(&mut world, now, account, &body),
        Route::List if !world.scenario.list_route => Err(missing()),
        Route::List => reads::list(&mut world, now, account, &call.query),
        Route::Credits => {
            world.settle(now);
            Ok(world.accounts[account].credits(now))
        }
        Route::Models => Ok(reads::models(&world)),
        _ => Err(missing()),
    }
}

async fn file(shared: &Shared, call: &Call) -> Answer {
    let found = {
        let now = shared.clock.now();
        let direct = call.query == "direct";
        files::find(&shared.world(), now, &call.path, direct, &call.headers)
    };
    match found {
        Ok(found) => files::serve(&shared.gallery, found, &call.headers, &call.path).await,
        Err(answer) => answer,
    }
}

fn refuse(shared: &Shared, route: Route, refusal: &Refusal) -> Answer {
    let answer = refusal.answer(error_type(refusal.status, route), route == Route::Credits);
    if refusal.status != 429 {
        return answer;
    }
    let mut world = shared.world();
    let form = world.scenario.rate_limit.as_ref().map(|limit| limit.retry_after).unwrap_or_default();
    let wait = refusal.retry_after.filter(|_| form != RetryAfterForm::Absent);
    world.note_too_many(wait);
    with_retry_after(answer, wait, form, shared.clock.now())
}

/// The bearer check and the rate limit; gives the account of the key.
fn keyed(shared: &Shared, route: Route, headers: &HeaderMap) -> Result<usize, Refusal> {
    let mut world = shared.world();
    let sent =
        headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|text| text.strip_prefix("Bearer "));
    let Some(account) = sent.and_then(|key| world.account_of(key)) else {
        world.counts.unauthorized += 1;
        let message = if sent.is_none() { "A bearer token is required." } else { "The API key is not valid." };
        return Err(Refusal::new(401, "unauthorized", message));
    };
    world.check_rate(route).map(|()| account)
}

fn json_body(call: &Call) -> Result<Value, Refusal> {
    let media_type = call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Refusal::new(400, "invalid_request", "Content-Type must be application/json."));
    }
    serde_json::from_slice(&call.body)
        .map_err(|error| Refusal::new(400, "invalid_request", format!("The body is not valid JSON: {error}")))
}

/// A submit between its arrival and its answer.
struct OpenSubmit(Arc<Shared>);

impl OpenSubmit {
    fn new(shared: &Arc<Shared>) -> Self {
        let mut world = shared.world();
        world.submits_open += 1;
        world.counts.max_concurrent_submits = world.counts.max_concurrent_submits.max(world.submits_open);
        Self(Arc::clone(shared))
    }
}

impl Drop for OpenSubmit {
    fn drop(&mut self) {
        self.0.world().submits_open -= 1;
    }
}

/// A key whose answer is on its way; ends also when the client leaves.
struct Flight {
    shared: Arc<Shared>,
    key: (usize, String),
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.shared.world().keys_in_flight.remove(&self.key);
    }
}
