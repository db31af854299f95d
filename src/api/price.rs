//! The published price of one job, from a pricing-rules answer (`docs/service.md`, prices).
//!
//! A price is named only where every part of it is understood: an operation, a rounding or a status that is not known
//! makes it *unclear*, never a guess, since what is agreed to is this amount.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::job::Credits;

/// Why no price can be named.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum PriceError {
    /// The service has the model, and does not sell it now.
    #[error("the service publishes no price for it now (pricing status \"{0}\")")]
    Unavailable(String),
    /// The answer is no price list, or not one with this model: as good as not read.
    #[error("{0}")]
    Missing(&'static str),
    /// Something in the rules of the model is missing or not known to this program.
    #[error("{0}")]
    Unclear(String),
}

fn unclear(what: impl Into<String>) -> PriceError {
    PriceError::Unclear(what.into())
}

/// A pricing-rules answer: of one model (`model`), of several (`models`), or the model itself.
#[derive(Deserialize)]
struct PricingRules {
    #[serde(default)]
    model: Option<Value>,
    #[serde(default)]
    models: Vec<Value>,
}

/// The price rules of one model.
#[derive(Deserialize)]
struct ModelRules {
    pricing_status: Option<String>,
    #[serde(default)]
    settlement_basis: Value,
    components: Vec<Component>,
    #[serde(default)]
    minimum_charge: Option<Amount>,
}

/// One part of a price; the parts are summed.
#[derive(Deserialize)]
struct Component {
    rate: Amount,
    #[serde(default)]
    minimum_charge: Option<Amount>,
    pricing_status: Option<String>,
    #[serde(default)]
    quantity_rule: Value,
    #[serde(default)]
    rounding: Option<Rounding>,
    #[serde(default)]
    tiers: Vec<Value>,
    #[serde(default)]
    billing_unit_size: Value,
    #[serde(default)]
    billing_rule: Value,
}

/// The same amount in several units; decimal strings, or numbers.
#[derive(Deserialize)]
struct Amount {
    #[serde(default)]
    uc: Value,
    #[serde(default)]
    credits: Value,
    #[serde(default)]
    usd: Value,
    #[serde(default)]
    cny: Value,
}

#[derive(Deserialize)]
struct Rounding {
    mode: Option<String>,
}

impl Amount {
    /// In units of 1/10,000 credit.
    fn uc(&self) -> Option<Ratio> {
        let in_credits = Ratio::of(&self.credits).and_then(|credits| credits.times(Ratio::whole(UC_PER_CREDIT)));
        let in_uc = Ratio::of(&self.uc);
        match (in_credits, in_uc) {
            // Two amounts that differ are no amount.
            (Some(credits), Some(uc)) if credits != uc => None,
            (credits, uc) => credits.or(uc),
        }
        .filter(|amount| amount.over >= 0)
    }
}

const UC_PER_CREDIT: i128 = Credits::UC_PER_CREDIT as i128;

/// An exact fraction: prices are decimal strings, and a float would round them before the service does.
#[derive(Clone, Copy, Debug)]
struct Ratio {
    over: i128,
    under: i128,
}

impl PartialEq for Ratio {
    fn eq(&self, other: &Self) -> bool {
        self.over.checked_mul(other.under).zip(other.over.checked_mul(self.under)).is_some_and(|(a, b)| a == b)
    }
}

impl Ratio {
    const fn whole(number: i128) -> Self {
        Self { over: number, under: 1 }
    }

    /// A decimal number, as a JSON number or string.
    fn of(value: &Value) -> Option<Self> {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        let (sign, digits) = text.strip_prefix('-').map_or((1, text.as_str()), |rest| (-1, rest));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let part = part.trim_end_matches('0');
        let sound = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || whole.len() > 15 || part.len() > 12 || !sound(whole) || !sound(part) {
            return None;
        }
        let under = 10_i128.checked_pow(u32::try_from(part.len()).ok()?)?;
        let over: i128 = format!("{whole}{part}").parse().ok()?;
        Some(Self { over: over * sign, under })
    }

    fn times(self, other: Self) -> Option<Self> {
        Some(Self { over: self.over.checked_mul(other.over)?, under: self.under.checked_mul(other.under)? }.reduced())
    }

    fn plus(self, other: Self) -> Option<Self> {
        let left = self.over.checked_mul(other.under)?;
        let right = other.over.checked_mul(self.under)?;
        Some(Self { over: left.checked_add(right)?, under: self.under.checked_mul(other.under)? }.reduced())
    }

    fn divided_by(self, other: Self) -> Option<Self> {
        if other.over <= 0 {
            return None;
        }
        Some(Self { over: self.over.checked_mul(other.under)?, under: self.under.checked_mul(other.over)? }.reduced())
    }

    /// `None` where the two are too large to compare.
    fn less_than(self, other: Self) -> Option<bool> {
        Some(self.over.checked_mul(other.under)? < other.over.checked_mul(self.under)?)
    }

    fn reduced(self) -> Self {
        let (mut a, mut b) = (self.over.abs(), self.under);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        if a == 0 { self } else { Self { over: self.over / a, under: self.under / a } }
    }

    /// Rounded half up, for amounts from zero up; `None` beyond all measure.
    fn half_up(self) -> Option<i128> {
        Some(self.over.checked_mul(2)?.checked_add(self.under)?.div_euclid(self.under.checked_mul(2)?))
    }

    fn is_whole(self) -> bool {
        self.over % self.under == 0
    }
}

/// The price of one job of this model made with these parameters: for each component the rate times its quantity, at
/// least its minimum charge, rounded half up; the components summed.
///
/// # Errors
/// [`PriceError`] where it cannot be named with certainty, or is not above zero.
pub(super) fn published(body: &Value, model: &str, parameters: &BTreeMap<&str, &str>) -> Result<Credits, PriceError> {
    let mut prices = all_rules(body, model)?.into_iter().map(|rules| price_by(&rules?, parameters));
    let first = prices.next().unwrap_or(Err(PriceError::Missing(NOT_LISTED)))?;
    // Which of them is charged, nobody says.
    if prices.any(|other| other.as_ref() != Ok(&first)) {
        return Err(unclear("the price list has several prices for it"));
    }
    Ok(first)
}

fn price_by(rules: &ModelRules, parameters: &BTreeMap<&str, &str>) -> Result<Credits, PriceError> {
    available(rules.pricing_status.as_deref())?;
    is_by_request(&rules.settlement_basis, "request_only")?;
    if rules.components.is_empty() {
        return Err(unclear("the price has no components"));
    }
    let out_of_range = || unclear("the price is out of range");
    let mut sum: i128 = 0;
    for component in &rules.components {
        sum = sum.checked_add(component_price(component, parameters)?).ok_or_else(out_of_range)?;
    }
    let least = minimum(rules.minimum_charge.as_ref())?.half_up().ok_or_else(out_of_range)?;
    let uc = i64::try_from(sum.max(least)).map_err(|_| out_of_range())?;
    if uc <= 0 {
        return Err(unclear("the price is zero or missing"));
    }
    if uc > 1_000_000 * Credits::UC_PER_CREDIT {
        return Err(out_of_range());
    }
    Ok(Credits::from_uc(uc))
}

/// How many UC one US dollar buys, by the rate that the price names in both; `None` where it does not, or where the numbers make
/// no sense together. Good for an "about" and for nothing that decides.
pub(super) fn uc_per_usd(body: &Value, model: &str) -> Option<i64> {
    let rules = all_rules(body, model).ok()?.into_iter().next()?.ok()?;
    let rate = &rules.components.first()?.rate;
    let (uc, usd) = (rate.uc()?, Ratio::of(&rate.usd).filter(|usd| usd.over > 0)?);
    let rate = i64::try_from(uc.divided_by(usd)?.half_up()?).ok()?;
    // From a tenth of a credit to 10,000 credits for a dollar.
    (Credits::UC_PER_CREDIT / 10..=Credits::UC_PER_CREDIT * 10_000).contains(&rate).then_some(rate)
}

const NOT_LISTED: &str = "the model is not in the price list";

/// The rules of a model: usually one set; more where the list names it more than once.
fn all_rules(body: &Value, model: &str) -> Result<Vec<Result<ModelRules, PriceError>>, PriceError> {
    let body = body.get("data").filter(|data| data.is_object()).unwrap_or(body);
    let answer = PricingRules::deserialize(body).map_err(|_| PriceError::Missing("it is not a price list"))?;
    let found: Vec<_> = answer
        .model
        .iter()
        .chain(&answer.models)
        .chain([body])
        .filter(|rules| rules.get("components").is_some())
        .filter(|rules| rules.get("model_id").is_none_or(|id| id.as_str() == Some(model)))
        .map(|rules| ModelRules::deserialize(rules).map_err(|_| unclear("a rate is missing")))
        .collect();
    if found.is_empty() { Err(PriceError::Missing(NOT_LISTED)) } else { Ok(found) }
}

fn available(status: Option<&str>) -> Result<(), PriceError> {
    match status {
        None | Some("available") => Ok(()),
        Some(other) => Err(PriceError::Unavailable(crate::job::text::clean(other).chars().take(40).collect())),
    }
}

/// A price by the second or the token is known only when the job is over: this many of its units is nobody's to say before.
fn is_by_request(said: &Value, known: &str) -> Result<(), PriceError> {
    if said.is_null() || said == known { Ok(()) } else { Err(unclear("the price is not one for each request")) }
}

fn component_price(component: &Component, parameters: &BTreeMap<&str, &str>) -> Result<i128, PriceError> {
    available(component.pricing_status.as_deref())?;
    is_by_request(&component.billing_rule, "per_call")?;
    if !component.tiers.is_empty() {
        return Err(unclear("the price has tiers"));
    }
    let rate = component.rate.uc().ok_or_else(|| unclear("a rate in credits is missing"))?;
    let rate = match &component.billing_unit_size {
        Value::Null => rate,
        size => Ratio::of(size).and_then(|size| rate.divided_by(size)).ok_or_else(|| unclear("a billing unit cannot be read"))?,
    };
    let count = quantity(&component.quantity_rule, parameters, 0)?;
    if count.over < 0 || Ratio::whole(1_000_000).less_than(count) != Some(false) {
        return Err(unclear("a quantity is out of range"));
    }
    let price = rate.times(count).ok_or_else(|| unclear("the price is out of range"))?;
    let least = minimum(component.minimum_charge.as_ref())?;
    let is_less = price.less_than(least).ok_or_else(|| unclear("the price is out of range"))?;
    let price = if is_less { least } else { price };
    let mode = component.rounding.as_ref().and_then(|rounding| rounding.mode.as_deref());
    if !price.is_whole() && mode.is_some_and(|mode| mode != "half_up") {
        return Err(unclear("the price is rounded in a way that is not known"));
    }
    price.half_up().ok_or_else(|| unclear("the price is out of range"))
}

fn minimum(amount: Option<&Amount>) -> Result<Ratio, PriceError> {
    match amount {
        None | Some(Amount { uc: Value::Null, credits: Value::Null, usd: Value::Null, cny: Value::Null }) => Ok(Ratio::whole(0)),
        Some(amount) => amount.uc().ok_or_else(|| unclear("a minimum charge cannot be read")),
    }
}

/// Deeper rules than this are not followed.
const DEEPEST: u32 = 16;

/// A quantity rule: a number, or an operation on rules. Missing, it is one.
fn quantity(rule: &Value, parameters: &BTreeMap<&str, &str>, depth: u32) -> Result<Ratio, PriceError> {
    if depth > DEEPEST {
        return Err(unclear("a quantity rule is nested too deep"));
    }
    let fields = match rule {
        Value::Null => return Ok(Ratio::whole(1)),
        Value::Object(fields) if fields.is_empty() => return Ok(Ratio::whole(1)),
        Value::Object(fields) => fields,
        Value::String(word) if word == "constant" || word == "fixed" => return Ok(Ratio::whole(1)),
        other => return Ratio::of(other).ok_or_else(|| unclear("a quantity is not a number")),
    };
    let next = |rule: &Value| quantity(rule, parameters, depth + 1);
    let operands = || -> Result<Vec<Ratio>, PriceError> {
        let list =
            ["args", "operands", "values", "factors", "terms", "rules"].iter().find_map(|name| fields.get(*name)?.as_array());
        match list {
            Some(list) if !list.is_empty() => list.iter().map(next).collect(),
            _ => match (fields.get("left"), fields.get("right")) {
                (Some(left), Some(right)) => Ok(vec![next(left)?, next(right)?]),
                _ => Err(unclear("a quantity rule has nothing to work on")),
            },
        }
    };
    let fold = |first: Ratio, join: fn(Ratio, Ratio) -> Option<Ratio>| -> Result<Ratio, PriceError> {
        operands()?.into_iter().try_fold(first, join).ok_or_else(|| unclear("a quantity is out of range"))
    };
    let pick = |largest: bool| -> Result<Ratio, PriceError> {
        let mut all = operands()?.into_iter();
        let first = all.next().ok_or_else(|| unclear("a quantity rule has nothing to work on"))?;
        let better = |one: Ratio, best: Ratio| if largest { best.less_than(one) } else { one.less_than(best) };
        all.try_fold(first, |best, one| Some(if better(one, best)? { one } else { best }))
            .ok_or_else(|| unclear("a quantity is out of range"))
    };
    match ["op", "type", "kind", "rule"].iter().find_map(|name| fields.get(*name)?.as_str()) {
        Some("constant" | "fixed") | None => {
            let held = ["value", "constant", "quantity"].iter().find_map(|name| fields.get(*name));
            match held {
                Some(value) => Ratio::of(value).ok_or_else(|| unclear("a quantity is not a number")),
                None if fields.keys().all(|name| ["op", "type", "kind", "rule"].contains(&name.as_str())) => Ok(Ratio::whole(1)),
                None => Err(unclear("a quantity rule is not known")),
            }
        }
        Some("variable" | "parameter") => {
            let value = parameter(fields, parameters)?;
            Ratio::of(&Value::from(value)).ok_or_else(|| unclear("a parameter is not a number"))
        }
        Some("lookup") => {
            let key = match fields.get("key") {
                Some(Value::Object(of)) => parameter(of, parameters)?,
                Some(Value::String(name)) => named(name, parameters)?,
                _ => return Err(unclear("a price table has no key")),
            };
            let found = ["values", "table", "cases"].iter().find_map(|name| fields.get(*name)?.as_object()?.get(key));
            match found.or_else(|| fields.get("default")) {
                Some(rule) => next(rule),
                None => Err(unclear(format!("the price table has no entry for \"{key}\""))),
            }
        }
        Some("multiply" | "product" | "mul") => fold(Ratio::whole(1), Ratio::times),
        Some("add" | "sum") => fold(Ratio::whole(0), Ratio::plus),
        Some("max") => pick(true),
        Some("min") => pick(false),
        Some(other) => {
            let name: String = crate::job::text::clean(other).chars().take(40).collect();
            Err(unclear(format!("the quantity rule \"{name}\" is not known")))
        }
    }
}

fn parameter<'a>(fields: &serde_json::Map<String, Value>, parameters: &BTreeMap<&str, &'a str>) -> Result<&'a str, PriceError> {
    let name = ["name", "parameter", "field"].iter().find_map(|name| fields.get(*name)?.as_str());
    name.map_or_else(|| Err(unclear("a parameter has no name")), |name| named(name, parameters))
}

fn named<'a>(name: &str, parameters: &BTreeMap<&str, &'a str>) -> Result<&'a str, PriceError> {
    parameters.get(name).copied().ok_or_else(|| {
        let name: String = crate::job::text::clean(name).chars().take(40).collect();
        unclear(format!("the price depends on \"{name}\", which this request does not set"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn enhance(body: &Value) -> Result<Credits, PriceError> {
        published(body, "mj-v7-enhance", &BTreeMap::new())
    }

    /// The published answer, with some fields of its only component replaced.
    fn answer(changes: &Value) -> Value {
        let mut component = json!({"id": "request", "role": "request", "dimension": "request", "sku_id": "1814", "unit": "request",
            "billing_unit_size": 1, "display_unit_size": 1,
            "rate": {"uc": "54000", "credits": "5.4", "cny": "0.54", "usd": "0.07941176"},
            "minimum_charge": {"uc": "54000", "credits": "5.4", "cny": "0.54", "usd": "0.07941176"},
            "billing_rule": "per_call", "pricing_status": "available", "effective_at": "2026-04-11T14:04:31Z",
            "quantity_rule": {"op": "constant", "value": "1"},
            "rounding": {"point": "per_component_subtotal", "mode": "half_up"}, "tiers": []});
        for (name, value) in changes.as_object().unwrap() {
            component[name] = value.clone();
        }
        json!({"meta": {"schema_version": "2"}, "model": {"model_id": "mj-v7-enhance", "product_id": "mj-v7",
            "pricing_status": "available", "settlement_basis": "request_only", "components": [component]}})
    }

    #[test]
    fn the_published_answer_and_its_variations_are_read() {
        let credits = |uc| Ok(Credits::from_uc(uc));
        let times = |by: Value| json!({"op": "multiply", "args": [{"op": "constant", "value": "1.5"}, by]});
        for (what, changes, right) in [
            ("as published", json!({}), credits(54_000)),
            ("a minimum above the rate", json!({"minimum_charge": {"uc": "81000", "credits": "8.1"}}), credits(81_000)),
            ("no minimum", json!({"minimum_charge": null}), credits(54_000)),
            ("a quantity", json!({"quantity_rule": {"op": "constant", "value": "3"}}), credits(162_000)),
            ("multiply", json!({"quantity_rule": times(json!("2"))}), credits(162_000)),
            (
                "nested",
                json!({"quantity_rule": times(json!({"op": "add", "args": ["1", {"op": "max", "args": [1, 2]}]}))}),
                credits(243_000),
            ),
            ("half up", json!({"rate": {"credits": "5.40005"}, "minimum_charge": null}), credits(54_001)),
            ("a unit of two", json!({"billing_unit_size": 2, "minimum_charge": null}), credits(27_000)),
            ("numbers", json!({"rate": {"credits": 5.4}}), credits(54_000)),
            ("units only", json!({"rate": {"uc": "54000"}}), credits(54_000)),
        ] {
            assert_eq!(enhance(&answer(&changes)), right, "{what}");
        }
        let listed = json!({"models": [{"model_id": "mj-v7", "components": []}, answer(&json!({}))["model"]]});
        assert_eq!(enhance(&listed), credits(54_000), "the list form");
        assert_eq!(enhance(&json!({"data": answer(&json!({}))})), credits(54_000));
    }

    #[test]
    fn a_price_that_is_settled_by_something_else_than_the_request_is_none() {
        let mut body = answer(&json!({}));
        body["model"]["settlement_basis"] = json!("usage");
        assert!(enhance(&body).unwrap_err().to_string().contains("for each request"));
        body["model"]["settlement_basis"] = json!(null);
        assert!(enhance(&body).is_ok());
    }

    #[test]
    fn the_rate_of_the_dollar_is_read_where_it_makes_sense() {
        let rate = |changes: Value| uc_per_usd(&answer(&changes), "mj-v7-enhance");
        assert!(rate(json!({})).is_some_and(|rate| (679_990..=680_010).contains(&rate)), "{:?}", rate(json!({})));
        for usd in [json!(null), json!("0"), json!("-1"), json!("cheap"), json!("0.000000000001")] {
            assert_eq!(rate(json!({"rate": {"uc": "54000", "usd": usd}})), None);
        }
    }

    #[test]
    fn what_is_not_understood_names_no_price() {
        for changes in [
            json!({"billing_rule": "per_second"}),
            json!({"billing_rule": 1}),
            json!({"quantity_rule": {"op": "tiered", "value": "1"}}),
            json!({"quantity_rule": {"op": "lookup", "key": {"op": "variable", "name": "speed"}, "values": {"draft": "1"}}}),
            json!({"quantity_rule": {"op": "multiply", "args": []}}),
            json!({"quantity_rule": {"op": "multiply", "args": ["1", {"op": "odd"}]}}),
            json!({"quantity_rule": {"op": "constant", "value": "-1"}}),
            json!({"quantity_rule": {"op": "constant", "value": "0"}, "minimum_charge": null}),
            json!({"quantity_rule": true}),
            json!({"rate": {"usd": "1"}}),
            json!({"rate": {"credits": "-5"}}),
            json!({"rate": {"credits": "5.4", "uc": "27000"}}),
            json!({"rate": {"credits": "9999999999999999999"}}),
            json!({"minimum_charge": {"credits": "much"}}),
            json!({"minimum_charge": {"usd": "1"}}),
            json!({"minimum_charge": {"credits": null, "cny": "7"}}),
            json!({"minimum_charge": "8.1"}),
            json!({"rate": {"credits": "NaN"}}),
            json!({"rate": {"credits": "5,4"}}),
            json!({"pricing_status": 1}),
            json!({"tiers": [{"from": 10}]}),
            json!({"billing_unit_size": 0}),
            json!({"rate": {"credits": "5.40005"}, "minimum_charge": null, "rounding": {"mode": "bankers"}}),
        ] {
            assert!(matches!(enhance(&answer(&changes)), Err(PriceError::Unclear(_))), "{changes}");
        }
        for body in [json!({}), json!([]), json!(null), json!({"model": {"model_id": "mj-v7", "components": []}})] {
            assert!(matches!(enhance(&body), Err(PriceError::Missing(_))), "{body}");
        }
        assert!(matches!(enhance(&json!({"model": {"components": []}})), Err(PriceError::Unclear(_))));
        let mut deep = json!("1");
        for _ in 0..100 {
            deep = json!({"op": "multiply", "args": [deep]});
        }
        assert!(enhance(&answer(&json!({"quantity_rule": deep}))).is_err());
    }

    #[test]
    fn a_model_that_is_listed_twice_has_a_price_only_where_both_agree() {
        let rules = |changes: Value| answer(&changes)["model"].clone();
        let dearer = json!({"minimum_charge": {"credits": "8.1"}});
        for (list, right) in [
            (json!([rules(json!({})), rules(json!({}))]), Some(Credits::from_uc(54_000))),
            (json!([rules(json!({})), rules(dearer.clone())]), None),
            (json!([rules(dearer), rules(json!({}))]), None),
            (json!([rules(json!({})), rules(json!({"rate": {}}))]), None),
            (json!([rules(json!({})), {"model_id": "mj-v7", "components": []}]), Some(Credits::from_uc(54_000))),
        ] {
            assert_eq!(enhance(&json!({"models": list})).ok(), right, "{list}");
        }
    }

    #[test]
    fn amounts_beyond_all_measure_name_no_price_and_overflow_nothing() {
        let vast = "999999999999999.999999999999";
        for quantity in ["1", "136.123456789", "999999.999999999999", "12.345678", "0.000000000001"] {
            let body = answer(&json!({"rate": {"credits": vast}, "minimum_charge": null, "quantity_rule": quantity}));
            let price = enhance(&body);
            assert!(!matches!(price, Ok(price) if price > Credits::from_uc(1_000_000 * Credits::UC_PER_CREDIT)), "{price:?}");
            let rule = json!({"op": "max", "args": [quantity, vast, {"op": "multiply", "args": [vast, vast]}]});
            assert!(enhance(&answer(&json!({"quantity_rule": rule}))).is_err(), "{quantity}");
        }
    }

    #[test]
    fn a_price_that_is_not_available_is_told_apart() {
        assert_eq!(
            enhance(&answer(&json!({"pricing_status": "unavailable"}))),
            Err(PriceError::Unavailable("unavailable".into()))
        );
        let mut body = answer(&json!({}));
        body["model"]["pricing_status"] = json!("unpublished");
        assert_eq!(enhance(&body), Err(PriceError::Unavailable("unpublished".into())));
    }

    #[test]
    fn a_table_is_looked_up_by_the_parameters_of_the_request() {
        let table = json!({"op": "lookup", "key": {"op": "variable", "name": "speed"}, "values": {"draft": "1", "fast": "2", "turbo": "4"}});
        let body = json!({"model": {"model_id": "mj-v7", "components": [{"rate": {"credits": "2.7"}, "quantity_rule": table}]}});
        let price = |speed| published(&body, "mj-v7", &BTreeMap::from([("speed", speed)]));
        assert_eq!(price("draft"), Ok(Credits::from_uc(27_000)));
        assert_eq!(price("turbo"), Ok(Credits::from_uc(108_000)));
        assert!(price("hyper").is_err());
    }
}
