use super::*;

const ENHANCE: &str = "/v1/catalog/models/mj-v7-enhance/pricing-rules?view=full";

async fn component(service: &Fixture, model: &str) -> Value {
    service.fetch(&format!("/v1/catalog/models/{model}/pricing-rules?view=full")).await.json()["model"]["components"][0].clone()
}

#[tokio::test]
async fn a_price_has_the_published_form() {
    let service = Fixture::new("").await;
    let reply = service.fetch(ENHANCE).await;
    assert_eq!(reply.status, 200, "no key needed");
    let body = reply.json();
    let meta = &body["meta"];
    assert_eq!(
        (&meta["schema_version"], &meta["currency"], &meta["price_scope"]),
        (&json!("2"), &json!("USD"), &json!("public_default"))
    );
    let time = |name: &str| meta[name].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok()).expect("a time");
    let ahead = time("fresh_until").as_second() - time("updated_at").as_second();
    assert!((240..=360).contains(&ahead), "{ahead}");
    let model = &body["model"];
    for (name, wanted) in [
        ("model_id", "mj-v7-enhance"),
        ("product_id", "mj-v7"),
        ("operation", "image_upscale"),
        ("modality", "image"),
        ("lifecycle", "active"),
        ("pricing_status", "available"),
        ("settlement_basis", "request_only"),
        ("policy_source", "published"),
    ] {
        assert_eq!(model[name], wanted, "{name}");
    }
    assert_eq!(model["policy_checksum"].as_str().map(str::len), Some(64));
    let component = &model["components"][0];
    let rate = json!({"uc": "54000", "credits": "5.4", "cny": "0.54", "usd": "0.07941176"});
    assert_eq!((&component["rate"], &component["minimum_charge"]), (&rate, &rate));
    assert_eq!(component["quantity_rule"], json!({"op": "constant", "value": "1"}));
    assert_eq!(component["rounding"], json!({"point": "per_component_subtotal", "mode": "half_up"}));
    assert_eq!((&component["id"], &component["pricing_status"]), (&json!("request"), &json!("available")));
    assert_eq!(service.fetch("/v1/catalog/models/mj-v9/pricing-rules").await.code(), "model_not_found");
    assert_eq!(service.fetch("/v1/catalog/models/mj%2Dv7%2Denhance/pricing-rules").await.status, 200);
}

#[tokio::test]
async fn a_draft_is_priced_by_a_table_of_speeds() {
    let service = Fixture::new("[prices]\ndraft = 2\nfast = 5\nturbo = 8").await;
    let component = component(&service, "mj-v7").await;
    assert_eq!(component["rate"]["credits"], "2");
    let wanted = json!({"op": "lookup", "key": {"op": "variable", "name": "speed"},
        "values": {"draft": "1", "fast": "2.5", "turbo": "4"}});
    assert_eq!(component["quantity_rule"], wanted);
    for (speed, price) in [("draft", 2.0), ("fast", 5.0), ("turbo", 8.0)] {
        let body = json!({"model": "mj-v7", "prompt": "a hill", "model_params": {"speed": speed}});
        assert_eq!(service.post("/v1/images/generations", &body).await.json()["usage"]["credits_reserved"], price, "{speed}");
    }
}

#[tokio::test]
async fn all_prices_come_as_a_list_that_can_be_filtered() {
    let service = Fixture::new("").await;
    let models = async |query: &str| -> Vec<String> {
        let body = service.fetch(&format!("/v1/catalog/pricing-rules?{query}")).await.json();
        let models = body["models"].as_array().expect("a list").iter();
        models.map(|model| model["model_id"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(models("").await, ["mj-v7", "mj-v7-enhance"]);
    assert_eq!(models("modality=image&view=full&lifecycle=active&product_id=mj-v7").await.len(), 2);
    assert_eq!(models("operation=image_upscale").await, ["mj-v7-enhance"]);
    assert_eq!(models("modality=video").await.len() + models("lifecycle=preview").await.len(), 0);
    for (query, param) in [("view=half", "view"), ("lifecycle=old", "lifecycle")] {
        let reply = service.fetch(&format!("/v1/catalog/pricing-rules?{query}")).await;
        assert_eq!((reply.status, reply.param().as_str()), (400, param));
    }
    let short = service.fetch("/v1/catalog/pricing-rules?view=summary").await.json();
    assert!(short["models"][0].get("components").is_none() && short["models"][0]["pricing_status"] == "available");
}

#[tokio::test]
async fn the_older_price_list_has_a_row_per_speed() {
    let service = Fixture::new("").await;
    let body = service.fetch("/web/api/models/pricing").await.json();
    assert_eq!(body["success"], true);
    let rows = body["data"].as_array().expect("a list");
    let prices: Vec<&str> = rows.iter().map(|row| row["price"]["credits"].as_str().expect("text")).collect();
    assert_eq!(prices, ["2.7", "5.4", "10.8", "5.4"]);
}

#[tokio::test]
async fn an_unchanged_price_is_not_sent_again() {
    let service = Fixture::new("").await;
    let tag = service.fetch(ENHANCE).await.header("etag").expect("a tag").to_owned();
    let again = async |known: String| {
        Fixture::run(service.http.get(service.url(ENHANCE)).header("If-None-Match", known)).await.expect("an answer")
    };
    service.advance(3600.0);
    for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".into()] {
        let reply = again(known.clone()).await;
        assert_eq!((reply.status, reply.body.len(), reply.header("etag")), (304, 0, Some(tag.as_str())), "{known}");
    }
    assert_eq!(again("\"other\"".into()).await.status, 200);
    assert_eq!(service.simulator.counts().not_modified, 4);
    service.simulator.set_enhance_price(Amount::from_credits(6.0));
    let changed = again(tag.clone()).await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.json()["model"]["components"][0]["rate"]["credits"], "6");
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
    let plain = Fixture::new("price_etag = false").await;
    assert_eq!(plain.fetch(ENHANCE).await.header("etag"), None);
}

#[tokio::test]
async fn prices_change_at_their_time_published_or_reserved_or_both() {
    let text = "[[price_changes]]\nafter_seconds = 20\napplies_to = \"reserved\"\nenhance = 7\n\
        [[price_changes]]\nafter_seconds = 10\napplies_to = \"published\"\nenhance = 6\ndraft = 3\n\
        [[price_changes]]\nafter_seconds = 30\nenhance = 8";
    let service = Fixture::new(text).await;
    let mut seen = Vec::new();
    for n in 0..4 {
        let published = component(&service, "mj-v7-enhance").await["rate"]["credits"].as_str().expect("text").to_owned();
        let reserved = service.submit(n, &enhance(&service.draft(), 0)).await.json()["usage"]["credits_reserved"].clone();
        seen.push((published, reserved.as_f64().expect("a number")));
        service.advance(10.1);
    }
    let seen: Vec<(&str, f64)> = seen.iter().map(|(published, reserved)| (published.as_str(), *reserved)).collect();
    assert_eq!(seen, [("5.4", 5.4), ("6", 5.4), ("6", 7.0), ("8", 8.0)]);
    assert_eq!(component(&service, "mj-v7").await["rate"]["credits"], "3");
    let change = json!({"enhance": 9.5, "applies_to": "published"});
    let request = service.http.post(service.url("/sim/prices")).json(&change);
    assert_eq!(Fixture::run(request).await.expect("an answer").status, 200);
    assert_eq!(component(&service, "mj-v7-enhance").await["rate"]["credits"], "9.5");
    assert_eq!(service.submit(9, &enhance(&service.draft(), 0)).await.json()["usage"]["credits_reserved"], 8.0);
}

#[tokio::test]
async fn a_published_price_can_take_every_form() {
    let text = r#"
        price_list_form = true
        [[published]]
        model = "mj-v7-enhance"
        rate = 2.7
        minimum_charge = 6
        component_status = "unavailable"
        quantity_rule = { op = "multiply", values = [{ op = "constant", value = "2" }, { op = "sum", values = [] }] }
        drop_fields = ["components.rounding", "policy_checksum"]
        [[published]]
        model = "mj-v7"
        pricing_status = "unavailable"
        components = []
    "#;
    let service = Fixture::new(text).await;
    let body = service.fetch(ENHANCE).await.json();
    assert!(body.get("model").is_none());
    let model = &body["models"][0];
    let component = &model["components"][0];
    assert_eq!((&component["rate"]["uc"], &component["minimum_charge"]["uc"]), (&json!("27000"), &json!("60000")));
    assert_eq!((&component["pricing_status"], &model["pricing_status"]), (&json!("unavailable"), &json!("available")));
    let rule = json!({"op": "multiply", "values": [{"op": "constant", "value": "2"}, {"op": "sum", "values": []}]});
    assert_eq!(component["quantity_rule"], rule);
    assert!(component.get("rounding").is_none() && model.get("policy_checksum").is_none());
    let draft = service.fetch("/v1/catalog/models/mj-v7/pricing-rules").await.json()["models"][0].clone();
    assert_eq!((&draft["pricing_status"], &draft["components"]), (&json!("unavailable"), &json!([])));
    assert_eq!(service.submit(1, &enhance(&service.draft(), 0)).await.json()["usage"]["credits_reserved"], 5.4);
    assert!(Scenario::from_toml("[[published]]\nmodel = \"mj-v8\"").is_err());
}

#[tokio::test]
async fn an_estimate_names_what_a_submit_would_reserve() {
    let body = json!({"model_id": "mj-v7", "operation": "image_generation", "parameters": {"speed": "turbo"}});
    assert_eq!(Fixture::new("").await.post("/v1/agent-estimates", &body).await.status, 404, "switched off by default");
    let service = Fixture::new("estimate_route = true\n[prices]\ngroup_factor = 0.5").await;
    let estimate = service.post("/v1/agent-estimates", &body).await.json();
    assert_eq!(estimate["amounts"]["credits"], "5.4");
    assert!(estimate["estimate_id"].is_string() && estimate["expires_at"].is_i64());
    let other = service.post("/v1/agent-estimates", &json!({"model_id": "mj-v8"})).await;
    assert_eq!((other.status, other.code().as_str()), (400, "pricing_policy_not_found"));
    assert_eq!(
        Fixture::run(service.http.post(service.url("/v1/agent-estimates")).json(&body)).await.expect("an answer").status,
        401
    );
}
