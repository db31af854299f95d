//! The free routes: one task, many tasks, the list, balance, models and prices.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::answer::Refusal;
use super::rng::{mix, shuffle};
use super::scenario::StrangersTask;
use super::world::World;

/// Most ids of a batch read, and most rows of a page.
const MOST: usize = 50;

/// `GET /v1/tasks/{id}`.
pub(super) fn one(world: &mut World, now: f64, account: usize, id: &str) -> Result<Value, Refusal> {
    if !id.starts_with("task-unified-") {
        return Err(Refusal {
            param: Some("task_id".into()),
            ..Refusal::new(400, "invalid_task_id", "The task id is not valid.")
        });
    }
    world.settle(now);
    let missing = || Refusal::new(404, "task_not_found", "The task does not exist or has expired.");
    let index = world.find(id, now).ok_or_else(missing)?;
    if world.tasks[index].owner != Some(account) {
        if world.scenario.strangers_task == StrangersTask::NotFound {
            return Err(missing());
        }
        return Err(Refusal::new(403, "permission_denied", "This task belongs to another account."));
    }
    Ok(world.poll(index, now, 0.0, false))
}

/// `POST /v1/tasks/batch`.
pub(super) fn batch(world: &mut World, now: f64, account: usize, body: &Value) -> Result<Value, Refusal> {
    let ids = body.get("task_ids").and_then(Value::as_array);
    let ids: Option<Vec<&str>> = ids.and_then(|ids| ids.iter().map(Value::as_str).collect());
    let Some(ids) = ids.filter(|ids| !ids.is_empty() && ids.len() <= MOST) else {
        return Err(Refusal::field("task_ids", "task_ids must be a list of 1 to 50 strings").with("max", MOST));
    };
    world.settle(now);
    world.counts.batch_ids.push(ids.len());
    let lag = world.scenario.batch_lag_seconds;
    let mut found: Vec<usize> =
        ids.iter().filter_map(|id| world.find(id, now)).filter(|index| world.tasks[*index].owner == Some(account)).collect();
    found.sort_unstable();
    found.dedup();
    found.retain(|index| world.tasks[*index].created <= now - lag || lag == 0.0);
    shuffle(mix(world.scenario.seed, world.counts.batch_ids.len() as u64), &mut found);
    let data: Vec<Value> = found.into_iter().map(|index| world.poll(index, now, lag, true)).collect();
    Ok(json!({"code": 200, "data": data}))
}

/// `GET /v1/tasks`.
pub(super) fn list(world: &mut World, now: f64, account: usize, query: &str) -> Result<Value, Refusal> {
    let query: HashMap<String, String> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let number = |name: &str, default: usize| match query.get(name).filter(|text| !text.is_empty()) {
        None => Ok(default),
        Some(text) => text
            .parse::<usize>()
            .ok()
            .filter(|n| *n > 0)
            .ok_or_else(|| Refusal::field(name, format!("{name} must be a number from 1"))),
    };
    let page = number("page", 1)?;
    let page_size = number("page_size", 20)?.min(MOST);
    let choice =
        |name: &str, allowed: &[&str]| match query.get(name).map(String::as_str).filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) if allowed.contains(&text) => Ok(Some(text.to_owned())),
            Some(_) => Err(Refusal::field(name, format!("{name} must be one of {}", allowed.join(", ")))
                .with("allowed_values", json!(allowed))),
        };
    let status = choice("status", &["processing", "completed", "failed", "cancelled"])?;
    let kind = choice("type", &["image", "video", "audio"])?;
    let model = query.get("model").filter(|text| !text.is_empty());
    world.settle(now);
    let at = now - world.scenario.list_lag_seconds;
    let scenario = &world.scenario;
    let fits = |task: &&super::task::Task| {
        task.created <= at
            && task.owner == Some(account)
            && task.exists(now, scenario)
            && kind.as_deref().is_none_or(|kind| kind == "image")
            && model.is_none_or(|model| model == task.model)
            && status.as_deref().is_none_or(|wanted| {
                let status = task.phase(at, scenario).status;
                wanted == if status == "pending" { "processing" } else { status }
            })
    };
    let skip = (page - 1).saturating_mul(page_size);
    let (mut total, mut data) = (0_usize, Vec::new());
    for task in world.tasks.iter().rev().filter(fits) {
        if total >= skip && data.len() < page_size {
            data.push(task.row(at, scenario));
        }
        total += 1;
    }
    Ok(json!({"object": "list", "data": data, "total": total, "page": page, "page_size": page_size}))
}

/// `GET /v1/models`.
pub(super) fn models(world: &World) -> Value {
    let row = |id: &String| json!({"id": id, "object": "model", "created": 1_756_000_000, "owned_by": "evolink"});
    json!({"object": "list", "data": world.scenario.models.iter().map(row).collect::<Vec<_>>()})
}
