//! `POST /v1/images/generations`: the checks of its fields, of the source and of the idempotency key.

use axum::http::HeaderMap;
use serde_json::{Map, Value, json};

use super::answer::Refusal;
use super::prompt;
use super::scenario::{End, Idempotency, Outcome, Speed, WrongSource, is_id_byte};
use super::world::{Remembered, SubmitRequest, World};

/// An accepted submit.
#[derive(Debug)]
pub(super) struct Accepted {
    pub body: Value,
    pub replayed: bool,
    /// The key that is in flight until the answer is out.
    pub key: Option<(usize, String)>,
}

/// Handles a submit whose body is JSON.
pub(super) fn submit(
    world: &mut World,
    now: f64,
    account: usize,
    headers: &HeaderMap,
    body: &Value,
) -> Result<Accepted, Refusal> {
    let key = idempotency_key(headers)?;
    let key =
        if world.scenario.idempotency == Idempotency::Ignored { None } else { key.map(|key| ((account, key), body.to_string())) };
    if let Some((key, text)) = &key
        && let Some(accepted) = replay(world, now, key, text)?
    {
        return Ok(accepted);
    }
    let sent_key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let request = read_request(world, body)?;
    let fails = match &request {
        SubmitRequest::Enhance { source, image } => check_source(world, now, account, source, *image)?,
        SubmitRequest::Generate { .. } => None,
    };
    let index = world.accept(now, account, &request, sent_key.as_deref(), fails)?;
    let answer = first_answer(world, index, now);
    let Some((key, text)) = key else { return Ok(Accepted { body: answer, replayed: false, key: None }) };
    let memory = Remembered { body: text, task: index, at: now, first_answer: answer.clone(), unknown_until: now };
    world.keys.insert(key.clone(), memory);
    world.keys_in_flight.insert(key.clone());
    Ok(Accepted { body: answer, replayed: false, key: Some(key) })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().unwrap_or_default();
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if (16..=96).contains(&key.len()) && key.bytes().all(good) {
        return Ok(Some(key.to_owned()));
    }
    Err(Refusal::field("Idempotency-Key", "Idempotency-Key must have 16 to 96 characters out of A-Z a-z 0-9 . _ -"))
}

/// What the memory of a key says.
fn replay(world: &mut World, now: f64, key: &(usize, String), body: &str) -> Result<Option<Accepted>, Refusal> {
    let life = world.scenario.idempotency_hours * 3600.0;
    let Some(memory) = world.keys.get(key).filter(|memory| now < memory.at + life) else {
        world.keys.remove(key);
        return Ok(None);
    };
    if memory.body != body {
        return Err(Refusal::new(409, "idempotency_conflict", "This Idempotency-Key was used for another request."));
    }
    if world.keys_in_flight.contains(key) || now < memory.unknown_until {
        return Err(Refusal::new(
            409,
            "paid_outcome_unknown",
            "The first request with this Idempotency-Key has no known outcome yet.",
        ));
    }
    let (index, first) = (memory.task, memory.first_answer.clone());
    let body =
        if world.scenario.idempotency == Idempotency::HonouredWithPresentState { first_answer(world, index, now) } else { first };
    world.counts.replays += 1;
    Ok(Some(Accepted { body, replayed: true, key: None }))
}

/// The submit answer: a task object, not counted as a read.
fn first_answer(world: &World, index: usize, now: f64) -> Value {
    world.tasks[index].object(index, now, now, &world.scenario, &world.base)
}

pub(super) fn read_request(world: &World, body: &Value) -> Result<SubmitRequest, Refusal> {
    let Some(fields) = body.as_object() else {
        return Err(Refusal::new(400, "invalid_request", "The body must be a JSON object."));
    };
    let model = match fields.get("model") {
        Some(Value::String(model)) => model.as_str(),
        Some(_) => return Err(Refusal::field("model", "model must be a string")),
        None => return Err(Refusal::field("model", "model is required")),
    };
    if !matches!(model, "mj-v7" | "mj-v7-enhance") {
        return Err(Refusal::field("model", format!("unknown model '{}'", model.chars().take(60).collect::<String>())));
    }
    if !world.scenario.models.iter().any(|allowed| allowed == model) {
        return Err(Refusal::new(403, "key_model_not_allowed", "This API key may not use this model.")
            .with("allowed_models", json!(world.scenario.models)));
    }
    check_callback(fields.get("callback_url"))?;
    if model == "mj-v7" {
        only(fields, "", &["model", "model_params", "prompt", "callback_url"])?;
        return read_generate(fields);
    }
    only(fields, "", &["model", "model_params", "callback_url"])?;
    let params = match fields.get("model_params") {
        Some(Value::Object(params)) => params,
        Some(_) => return Err(Refusal::field("model_params", "model_params must be an object")),
        None => return Err(Refusal::field("model_params", "model_params is required")),
    };
    only(params, "model_params.", &["task_id", "image_number"])?;
    let source = match params.get("task_id") {
        Some(Value::String(id)) => id.clone(),
        Some(_) => return Err(Refusal::field("model_params.task_id", "task_id must be a string")),
        None => return Err(Refusal::field("model_params.task_id", "task_id is required")),
    };
    let image = match params.get("image_number") {
        None => 0,
        Some(value) => value.as_u64().and_then(|n| u8::try_from(n).ok()).filter(|n| *n <= 3).ok_or_else(|| {
            Refusal::field("model_params.image_number", "image_number must be 0, 1, 2 or 3")
                .with("allowed_values", json!([0, 1, 2, 3]))
        })?,
    };
    Ok(SubmitRequest::Enhance { source, image })
}

fn read_generate(fields: &Map<String, Value>) -> Result<SubmitRequest, Refusal> {
    let params = match fields.get("model_params") {
        None => &Map::new(),
        Some(Value::Object(params)) => params,
        Some(_) => return Err(Refusal::field("model_params", "model_params must be an object")),
    };
    only(params, "model_params.", &["speed"])?;
    let named = params.get("speed").map_or(Some("fast"), Value::as_str);
    let Some(speed) = named.and_then(speed_of) else {
        return Err(Refusal::field("model_params.speed", "speed must be draft, fast or turbo")
            .with("allowed_values", json!(["draft", "fast", "turbo"])));
    };
    let text = fields.get("prompt").and_then(Value::as_str).unwrap_or_default();
    Ok(SubmitRequest::Generate { speed, prompt: prompt::read(text, speed)? })
}

/// The speed of that name.
pub(super) fn speed_of(name: &str) -> Option<Speed> {
    match name {
        "draft" => Some(Speed::Draft),
        "fast" => Some(Speed::Fast),
        "turbo" => Some(Speed::Turbo),
        _ => None,
    }
}

/// Refuses fields that the model does not have.
fn only(fields: &Map<String, Value>, prefix: &str, known: &[&str]) -> Result<(), Refusal> {
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let param = format!("{prefix}{}", name.chars().take(60).collect::<String>());
            let message = format!("'{param}' is not supported by this model");
            Err(Refusal { param: Some(param), ..Refusal::new(400, "unsupported_parameters", message) })
        }
    }
}

/// Callbacks go to public https addresses only.
fn check_callback(value: Option<&Value>) -> Result<(), Refusal> {
    let refuse = |reason: &str| Err(Refusal::field("callback_url", format!("callback_url {reason}")));
    let Some(value) = value else { return Ok(()) };
    let Some(text) = value.as_str() else { return refuse("must be a string") };
    if text.len() > 2048 {
        return refuse("must have at most 2048 characters");
    }
    let Ok(link) = url::Url::parse(text) else { return refuse("must be a URL") };
    if link.scheme() != "https" {
        return refuse("must use https");
    }
    let private = match link.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified(),
        Some(url::Host::Ipv6(ip)) => {
            ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => true,
    };
    if private { refuse("must not lead to a private address") } else { Ok(()) }
}

/// Checks that the source is a finished draft of this account with that picture. `Some` is the outcome of a task that is accepted and fails.
fn check_source(world: &World, now: f64, account: usize, source: &str, image: u8) -> Result<Option<Outcome>, Refusal> {
    const PARAM: &str = "model_params.task_id";
    let wrong = |message: String| match world.scenario.wrong_source {
        WrongSource::Reject => Err(Refusal::field(PARAM, message)),
        WrongSource::Forbid => Err(Refusal { param: Some(PARAM.into()), ..Refusal::new(403, "permission_denied", message) }),
        WrongSource::NotFound => Err(Refusal { param: Some(PARAM.into()), ..Refusal::new(404, "task_not_found", message) }),
        WrongSource::Fail => {
            let code = Some("invalid_parameters".to_owned());
            Ok(Some(Outcome { end: End::Failed, code, message: Some(message), ..Outcome::default() }))
        }
    };
    if !source.starts_with("task-unified-") || source.len() > 128 || !source.bytes().all(is_id_byte) {
        return Err(Refusal::field(PARAM, "task_id must be the id of a draft task (task-unified-…)"));
    }
    let Some(index) = world.find(source, now) else { return wrong("the source task does not exist or has expired".into()) };
    let draft = &world.tasks[index];
    if draft.owner != Some(account) {
        return wrong("the source task belongs to another account".into());
    }
    if draft.speed != Some(Speed::Draft) {
        return wrong("the source task was not generated in draft mode".into());
    }
    let status = draft.phase(now, &world.scenario).status;
    if status != "completed" {
        return wrong(format!("the source task is {status}, not completed"));
    }
    if !draft.pictures.contains(&image) {
        return Err(Refusal::field("model_params.image_number", format!("the source task has no picture {image}")));
    }
    Ok(None)
}
