//! Published prices: the public catalog, the older price list, and the entity tags that spare reading them again.

use std::collections::HashMap;

use axum::http::{HeaderMap, header};
use serde_json::{Value, json};

use super::answer::{Answer, Refusal, remove_field};
use super::money::Amount;
use super::rng::text;
use super::task::{utc, whole};
use super::world::World;

/// Where the older price list stands.
pub(super) const PRICE_LIST: &str = "/web/api/models/pricing";

/// What stands before every path of the catalog.
pub(super) const CATALOG: &str = "/v1/catalog/";

const MODELS: [&str; 2] = ["mj-v7", "mj-v7-enhance"];

/// Answers a catalog path (percent-decoded) or the older price list. No key is needed.
pub(super) fn answer(world: &mut World, now: f64, path: &str, query: &str, headers: &HeaderMap) -> Result<Answer, Refusal> {
    let missing = || Refusal::new(404, "model_not_found", "There is no such model in the catalog.");
    world.settle(now);
    if path == PRICE_LIST {
        return Ok(Answer::json(200, json!({"success": true, "data": price_list(world)})));
    }
    let query: HashMap<String, String> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let model = |id: &str| json!({"model_id": id, "aliases": [], "capabilities": ["image"], "protocols": ["tasks"], "lifecycle": "active"});
    let path = path.strip_prefix(CATALOG).ok_or_else(missing)?;
    let (name, rules) = match path {
        "models" => return Ok(Answer::json(200, json!({"models": MODELS.map(model)}))),
        "health" => {
            let rows = MODELS.map(|id| json!({"model_id": id, "status": "available"}));
            return Ok(Answer::json(200, json!({ "models": rows })));
        }
        "pricing-rules" => {
            let wanted = Filters::read(&query)?;
            let full = wants_full(&query)?;
            let rules = MODELS.iter().map(|id| pricing(world, id)).filter(|rules| wanted.fit(rules));
            ("models", rules.map(|rules| view(rules, full)).collect::<Value>())
        }
        _ => {
            let id = path.strip_prefix("models/").and_then(|rest| rest.strip_suffix("/pricing-rules")).ok_or_else(missing)?;
            let full = wants_full(&query)?;
            let id = MODELS.iter().find(|known| **known == id).ok_or_else(missing)?;
            let rules = view(pricing(world, id), full);
            if world.scenario.price_list_form { ("models", json!([rules])) } else { ("model", rules) }
        }
    };
    let version = format!("{:016x}", text(world.scenario.seed, &rules.to_string()));
    let tag = format!("\"{version}\"");
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if world.scenario.price_etag && known.is_some_and(|known| names(known, &tag)) {
        world.counts.not_modified += 1;
        let answer = Answer::bytes(304, "application/json", axum::body::Bytes::new());
        return Ok(answer.with(header::ETAG, tag));
    }
    let answer = Answer::json(200, json!({"meta": meta(&version, world.priced_at, now), name: rules}));
    Ok(if world.scenario.price_etag { answer.with(header::ETAG, tag) } else { answer })
}

/// Whether an `If-None-Match` names this tag; weak and strong ones are the same there.
fn names(known: &str, tag: &str) -> bool {
    known.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

/// Whether everything is wanted, or only the head of each model.
fn wants_full(query: &HashMap<String, String>) -> Result<bool, Refusal> {
    let view = choice(query, "view", &["summary", "full"])?;
    Ok(view.is_none_or(|view| view == "full"))
}

fn choice<'a>(query: &'a HashMap<String, String>, name: &str, allowed: &[&str]) -> Result<Option<&'a str>, Refusal> {
    match query.get(name).map(String::as_str).filter(|text| !text.is_empty()) {
        Some(text) if !allowed.contains(&text) => {
            let refusal = Refusal::field(name, format!("{name} must be one of {}", allowed.join(", ")));
            Err(refusal.with("allowed_values", json!(allowed)))
        }
        other => Ok(other),
    }
}

fn view(mut rules: Value, full: bool) -> Value {
    if !full {
        for field in ["components", "policy_version", "policy_checksum", "policy_source"] {
            remove_field(&mut rules, field);
        }
    }
    rules
}

/// The filters of the price list.
struct Filters<'a>([(&'static str, Option<&'a str>); 4]);

impl<'a> Filters<'a> {
    fn read(query: &'a HashMap<String, String>) -> Result<Self, Refusal> {
        let lifecycle = choice(query, "lifecycle", &["active", "preview", "deprecated"])?;
        let any = |name: &str| query.get(name).map(String::as_str).filter(|text| !text.is_empty());
        Ok(Self([
            ("product_id", any("product_id")),
            ("operation", any("operation")),
            ("modality", any("modality")),
            ("lifecycle", lifecycle),
        ]))
    }

    fn fit(&self, rules: &Value) -> bool {
        self.0.iter().all(|(name, wanted)| wanted.is_none_or(|wanted| rules[name] == wanted))
    }
}

fn meta(version: &str, changed: f64, now: f64) -> Value {
    json!({
        "schema_version": "2",
        "catalog_version": "cat_simulator",
        "pricing_version": format!("prc_{version}"),
        "price_scope": "public_default",
        "currency": "USD",
        "exchange_rate_version": "pricing-fx/v1:USD-CNY=6.8",
        "updated_at": utc(changed),
        "fresh_until": utc((now / 60.0).floor() * 60.0 + 300.0),
    })
}

/// The price rules of one of [`MODELS`], in the published form.
fn pricing(world: &World, id: &str) -> Value {
    let odd = world.scenario.published.iter().find(|odd| odd.model == id).cloned().unwrap_or_default();
    let prices = &world.published;
    let (operation, sku, unit, rule) = if id == "mj-v7" {
        // The rate is that of a draft; the other speeds are multiples of it.
        let base = [prices.draft, prices.fast, prices.turbo].into_iter().find(|price| *price > Amount::ZERO);
        let base = base.unwrap_or(Amount::ZERO);
        let times = |price: Amount| if base == Amount::ZERO { "0".into() } else { decimal(price.credits() / base.credits()) };
        let values = json!({"draft": times(prices.draft), "fast": times(prices.fast), "turbo": times(prices.turbo)});
        let rule = json!({"op": "lookup", "key": {"op": "variable", "name": "speed"}, "values": values});
        ("image_generation", "1811", base, rule)
    } else {
        ("image_upscale", "1814", prices.enhance, json!({"op": "constant", "value": "1"}))
    };
    let rate = odd.rate.unwrap_or(unit);
    let components = odd.components.unwrap_or_else(|| {
        json!([{
            "id": "request",
            "role": "request",
            "dimension": "request",
            "sku_id": sku,
            "unit": "request",
            "billing_unit_size": 1,
            "display_unit_size": 1,
            "rate": units(rate),
            "minimum_charge": units(odd.minimum_charge.unwrap_or(rate)),
            "billing_rule": "per_call",
            "pricing_status": odd.component_status.as_deref().unwrap_or("available"),
            "effective_at": utc(world.priced_at),
            "quantity_rule": odd.quantity_rule.unwrap_or(rule),
            "rounding": {"point": "per_component_subtotal", "mode": "half_up"},
            "tiers": [],
        }])
    });
    let mut rules = json!({
        "model_id": id,
        "product_id": "mj-v7",
        "operation": operation,
        "modality": "image",
        "lifecycle": "active",
        "pricing_status": odd.pricing_status.as_deref().unwrap_or("available"),
        "settlement_basis": "request_only",
        "policy_version": 1,
        "policy_checksum": format!("{:016x}", text(1, id)).repeat(4),
        "policy_source": "published",
        "components": components,
    });
    for field in &odd.drop_fields {
        remove_field(&mut rules, field);
    }
    rules
}

/// The older list: one row for each thing that has a price.
fn price_list(world: &World) -> Vec<Value> {
    let prices = &world.published;
    let rows = [
        ("1811", "mj-v7", "draft", prices.draft),
        ("1812", "mj-v7", "fast", prices.fast),
        ("1813", "mj-v7", "turbo", prices.turbo),
        ("1814", "mj-v7-enhance", "", prices.enhance),
    ];
    let row = |(sku, model, speed, price): (&str, &str, &str, Amount)| {
        json!({
            "sku_id": sku,
            "model_id": model,
            "specification": speed,
            "unit": "request",
            "billing_rule": "per_call",
            "price": units(price),
        })
    };
    rows.into_iter().map(row).collect()
}

/// The same amount in four units, as decimal strings.
fn units(amount: Amount) -> Value {
    let credits = amount.credits();
    json!({
        "uc": amount.uc().to_string(),
        "credits": decimal(credits),
        "cny": decimal(credits / 10.0),
        "usd": decimal(credits / 68.0),
    })
}

/// At most eight decimals, without zeros at the end.
fn decimal(number: f64) -> String {
    let text = format!("{number:.8}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The answer to `POST /v1/agent-estimates`: what one request would reserve.
pub(super) fn estimate(world: &mut World, now: f64, body: &Value) -> Result<Value, Refusal> {
    let field = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    world.settle(now);
    let price = match (field("model_id"), field("operation")) {
        ("mj-v7-enhance", "image_upscale") => world.price(None),
        ("mj-v7", "image_generation") => {
            let speed = body.get("parameters").and_then(|parameters| parameters.get("speed")).and_then(Value::as_str);
            let speed = super::submit::speed_of(speed.unwrap_or("fast"));
            world.price(Some(speed.ok_or_else(|| Refusal::new(400, "unsupported_parameters", "Unknown speed."))?))
        }
        _ => return Err(Refusal::new(400, "pricing_policy_not_found", "There is no price for this model and operation.")),
    };
    world.estimates += 1;
    Ok(json!({
        "estimate_id": format!("est_{:016x}", super::rng::mix(world.scenario.seed ^ 0xE571, world.estimates)),
        "amounts": units(price),
        "components": [{"id": "request", "quantity": "1", "subtotal": units(price)}],
        "created_at": whole(now),
        "expires_at": whole(now) + 300,
    }))
}
