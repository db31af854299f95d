use super::*;

#[tokio::test]
async fn a_submit_answers_the_published_task_object() {
    let service = Fixture::new("").await;
    let reply = service.submit(1, &enhance(&service.draft(), 2)).await;
    let task = reply.json();
    assert_eq!(reply.status, 200);
    assert!(reply.header("x-request-id").is_some());
    assert!(reply.header("idempotency-replayed").is_none());
    let id = reply.id();
    let parts: Vec<&str> = id.split('-').collect();
    assert_eq!((parts[0], parts[1], parts.len(), parts[3].len()), ("task", "unified", 4, 8), "{id}");
    assert_eq!(parts[2].parse::<i64>().expect("Unix seconds"), task["created"].as_i64().expect("an integer"));
    assert_eq!(task["object"], "image.generation.task");
    assert_eq!(task["model"], "mj-v7-enhance");
    assert_eq!(task["type"], "image");
    assert_eq!(task["status"], "pending");
    assert_eq!(task["progress"], 0);
    assert_eq!(task["task_info"], json!({"can_cancel": true, "estimated_time": 5}));
    assert_eq!(task["usage"], json!({"billing_rule": "per_call", "credits_reserved": 5.4, "user_group": "default"}));
    assert!(task.get("results").is_none() && task.get("error").is_none() && task.get("model_params").is_none());
}

#[tokio::test]
async fn the_picture_number_defaults_to_0() {
    let service = Fixture::new("").await;
    let body = json!({"model": "mj-v7-enhance", "model_params": {"task_id": service.draft()}});
    assert_eq!(service.submit(1, &body).await.status, 200);
    assert_eq!(service.simulator.ledger()[0].image, Some(0));
}

#[tokio::test]
async fn wrong_fields_are_refused_by_name() {
    let service = Fixture::new("").await;
    let draft = service.draft();
    let with = |params: Value| json!({"model": "mj-v7-enhance", "model_params": params});
    let good = json!({"task_id": draft});
    let table = [
        (json!([]), "invalid_request", ""),
        (json!({}), "invalid_parameters", "model"),
        (json!({"model": 7}), "invalid_parameters", "model"),
        (json!({"model": "mj-v9", "model_params": good}), "invalid_parameters", "model"),
        (json!({"model": "mj-v7-enhance"}), "invalid_parameters", "model_params"),
        (with(json!("x")), "invalid_parameters", "model_params"),
        (with(json!({})), "invalid_parameters", "model_params.task_id"),
        (with(json!({"task_id": 5})), "invalid_parameters", "model_params.task_id"),
        (with(json!({"task_id": "other-1"})), "invalid_parameters", "model_params.task_id"),
        (with(json!({"task_id": "task-unified-1-aaaaaaaa"})), "invalid_parameters", "model_params.task_id"),
        (with(json!({"task_id": draft, "image_number": 4})), "invalid_parameters", "model_params.image_number"),
        (with(json!({"task_id": draft, "image_number": -1})), "invalid_parameters", "model_params.image_number"),
        (with(json!({"task_id": draft, "image_number": "1"})), "invalid_parameters", "model_params.image_number"),
        (with(json!({"task_id": draft, "image_number": 1.5})), "invalid_parameters", "model_params.image_number"),
        (with(json!({"task_id": draft, "image_number": null})), "invalid_parameters", "model_params.image_number"),
        (with(json!({"task_id": draft, "speed": "fast"})), "unsupported_parameters", "model_params.speed"),
        (json!({"model": "mj-v7-enhance", "model_params": good, "prompt": "x"}), "unsupported_parameters", "prompt"),
        (
            json!({"model": "mj-v7-enhance", "model_params": good, "callback_url": "http://example.com"}),
            "invalid_parameters",
            "callback_url",
        ),
        (
            json!({"model": "mj-v7-enhance", "model_params": good, "callback_url": "https://127.0.0.1/"}),
            "invalid_parameters",
            "callback_url",
        ),
        (
            json!({"model": "mj-v7-enhance", "model_params": good, "callback_url": "https://10.1.2.3/"}),
            "invalid_parameters",
            "callback_url",
        ),
        (
            json!({"model": "mj-v7-enhance", "model_params": good, "callback_url": "nonsense"}),
            "invalid_parameters",
            "callback_url",
        ),
        (json!({"model": "mj-v7"}), "invalid_parameters", "prompt"),
        (json!({"model": "mj-v7", "prompt": "x".repeat(8193)}), "invalid_parameters", "prompt"),
        (json!({"model": "mj-v7", "prompt": "https://example.com/a.png"}), "invalid_parameters", "prompt"),
        (json!({"model": "mj-v7", "prompt": "x", "model_params": {"speed": "slow"}}), "invalid_parameters", "model_params.speed"),
    ];
    for (n, (body, code, param)) in table.into_iter().enumerate() {
        let reply = service.submit(n as u64, &body).await;
        assert_eq!((reply.status, reply.code().as_str(), reply.param().as_str()), (400, code, param), "{body}");
        assert!(reply.json()["error"]["message"].is_string() && reply.json()["error"]["type"].is_string());
    }
    assert!(service.simulator.ledger().is_empty(), "nothing was created");
}

#[tokio::test]
async fn only_json_called_json_is_read() {
    let service = Fixture::new("").await;
    let request = |kind: &str, body: &str| {
        let request = service.http.post(service.url("/v1/images/generations")).bearer_auth(service.simulator.key());
        Fixture::run(request.header("Content-Type", kind).body(body.to_owned()))
    };
    let good = enhance(&service.draft(), 0).to_string();
    assert_eq!(request("text/plain", &good).await.expect("an answer").status, 400);
    assert_eq!(request("application/json", "{not json").await.expect("an answer").status, 400);
    assert_eq!(request("application/json", "").await.expect("an answer").status, 400);
    assert_eq!(request("application/json", &format!("\"{}\"", "x".repeat(2 << 20))).await.expect("an answer").status, 413);
    assert_eq!(request("application/json; charset=utf-8", &good).await.expect("an answer").status, 200);
}

#[tokio::test]
async fn every_keyed_route_wants_the_bearer_key() {
    let service = Fixture::new("").await;
    let post = |path: &str| service.http.post(service.url(path)).json(&json!({}));
    let get = |path: &str| service.http.get(service.url(path));
    let requests = [
        post("/v1/images/generations"),
        post("/v1/tasks/batch"),
        get("/v1/tasks"),
        get("/v1/tasks/task-unified-1-aaaaaaaa"),
        get("/v1/credits"),
        get("/v1/models"),
    ];
    for request in requests {
        let bare = Fixture::run(request.try_clone().expect("clones")).await.expect("an answer");
        let wrong = Fixture::run(request.try_clone().expect("clones").bearer_auth("sk-wrong")).await.expect("an answer");
        let basic = Fixture::run(request.basic_auth("user", Some(service.simulator.key()))).await.expect("an answer");
        assert_eq!((bare.status, wrong.status, basic.status), (401, 401, 401));
    }
    assert_eq!(service.simulator.counts().unauthorized, 18);
    let credits = Fixture::run(get("/v1/credits")).await.expect("an answer").json();
    assert_eq!(credits["error"]["code"], 401, "the credits page answers integer codes");
    assert_eq!(Fixture::run(get("/v1/tasks")).await.expect("an answer").code(), "unauthorized");
}

#[tokio::test]
async fn sources_that_are_no_finished_drafts_are_refused() {
    let text = r#"
        [[drafts]]
        id = "task-unified-1790000001-running0"
        status = "processing"
        [[drafts]]
        id = "task-unified-1790000001-failed00"
        status = "failed"
        [[drafts]]
        id = "task-unified-1790000001-fastfast"
        speed = "fast"
        [[drafts]]
        id = "task-unified-1790000001-foreign0"
        foreign = true
        [[drafts]]
        id = "task-unified-1790000001-toosmall"
        pictures = 2
        [[drafts]]
        id = "task-unified-1790000001-removed1"
        removed = [1]
        [[drafts]]
        id = "task-unified-1780000001-expired0"
        age_seconds = 9000000
    "#;
    let service = Fixture::new(text).await;
    let own = service.task(1).await;
    let refused = async |id: &str, image: u64| service.submit(99, &enhance(id, image)).await;
    for id in ["running0", "failed00", "fastfast", "foreign0"] {
        let reply = refused(&format!("task-unified-1790000001-{id}"), 0).await;
        assert_eq!(
            (reply.status, reply.code().as_str(), reply.param().as_str()),
            (400, "invalid_parameters", "model_params.task_id"),
            "{id}"
        );
    }
    assert_eq!(refused("task-unified-1780000001-expired0", 0).await.param(), "model_params.task_id");
    assert_eq!(refused(&own, 0).await.param(), "model_params.task_id", "an enhance is no source");
    assert_eq!(refused("task-unified-1790000001-toosmall", 2).await.param(), "model_params.image_number");
    assert_eq!(refused("task-unified-1790000001-removed1", 1).await.param(), "model_params.image_number");
    assert_eq!(refused("task-unified-1790000001-removed1", 3).await.status, 200, "numbers count the original four");
}

#[tokio::test]
async fn a_wrong_source_can_also_fail_later_or_be_forbidden() {
    for (knob, status, code) in [("forbid", 403, "permission_denied"), ("not_found", 404, "task_not_found"), ("fail", 200, "")] {
        let service = Fixture::new(&format!("wrong_source = \"{knob}\"")).await;
        let reply = service.submit(1, &enhance("task-unified-1-aaaaaaaa", 0)).await;
        assert_eq!((reply.status, reply.code().as_str()), (status, code));
        if knob == "fail" {
            service.advance(10.0);
            let task = service.read(&reply.id()).await;
            assert_eq!((&task["status"], &task["error"]["code"]), (&json!("failed"), &json!("invalid_parameters")));
        }
    }
}

#[tokio::test]
async fn a_submitted_draft_can_be_enhanced_when_it_is_done() {
    let service = Fixture::new("").await;
    let body = json!({"model": "mj-v7", "prompt": "a hill --ar 3:2", "model_params": {"speed": "draft"}});
    let draft = service.submit(1, &body).await;
    assert_eq!(draft.json()["usage"]["credits_reserved"], 2.7);
    let source = draft.id();
    assert_eq!(service.submit(2, &enhance(&source, 0)).await.status, 400, "it still runs");
    service.advance(6.0);
    assert_eq!(service.read(&source).await["results"].as_array().map(Vec::len), Some(4));
    assert_eq!(service.submit(3, &enhance(&source, 3)).await.status, 200);
    let fast = service.submit(4, &json!({"model": "mj-v7", "prompt": "a hill"})).await;
    assert_eq!(fast.json()["usage"]["credits_reserved"], 5.4, "fast is the default");
}

#[tokio::test]
async fn keys_must_have_their_form() {
    let service = Fixture::new("").await;
    let body = enhance(&service.draft(), 0);
    for bad in ["short", &"x".repeat(97), "has space in the middle", "run_ümlaut_000000000000"] {
        let Ok(value) = reqwest::header::HeaderValue::from_bytes(bad.as_bytes()) else { panic!("{bad}") };
        let request = service.http.post(service.url("/v1/images/generations")).bearer_auth(service.simulator.key());
        let reply = Fixture::run(request.header("Idempotency-Key", value).json(&body)).await.expect("an answer");
        assert_eq!((reply.status, reply.param().as_str()), (400, "Idempotency-Key"), "{bad}");
    }
    for good in ["x".repeat(16), "x".repeat(96), "cli-0f6E.a_b-0000".to_owned()] {
        assert_eq!(service.try_submit(&good, &body).await.expect("an answer").status, 200, "{good}");
    }
}

#[tokio::test]
async fn a_repeated_key_gets_the_original_task_and_no_second_charge() {
    let service = Fixture::new("").await;
    let body = enhance(&service.draft(), 1);
    let first = service.submit(7, &body).await;
    service.advance(3.0);
    // The same request with its fields in another order is the same request.
    let text = format!(r#"{{"model_params":{{"image_number":1,"task_id":"{}"}},"model":"mj-v7-enhance"}}"#, service.draft());
    let again = service.submit(7, &serde_json::from_str(&text).expect("JSON")).await;
    assert_eq!(again.status, 200);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.json(), first.json(), "the first answer, not the present state");
    assert_eq!(service.simulator.ledger().len(), 1);
    assert_eq!(service.simulator.counts().replays, 1);
}

#[tokio::test]
async fn a_replay_can_also_show_the_present_state() {
    let service = Fixture::new("idempotency = \"honoured_with_present_state\"").await;
    let id = service.task(7).await;
    service.advance(9.0);
    let again = service.submit(7, &enhance(&service.draft(), 3)).await;
    assert_eq!((again.id(), &again.json()["status"]), (id, &json!("completed")));
}

#[tokio::test]
async fn a_key_used_for_another_body_is_a_conflict() {
    let service = Fixture::new("").await;
    service.submit(7, &enhance(&service.draft(), 1)).await;
    let reply = service.submit(7, &enhance(&service.draft(), 2)).await;
    assert_eq!((reply.status, reply.code().as_str()), (409, "idempotency_conflict"));
    assert_eq!(service.simulator.ledger().len(), 1);
}

#[tokio::test]
async fn a_key_is_forgotten_after_24_hours() {
    let service = Fixture::new("").await;
    let body = enhance(&service.draft(), 1);
    let first = service.submit(7, &body).await.id();
    service.advance(24.0 * 3600.0 - 60.0);
    assert_eq!(service.submit(7, &body).await.id(), first);
    service.advance(61.0);
    let second = service.submit(7, &body).await;
    assert!(second.status == 200 && second.id() != first && second.header("idempotency-replayed").is_none());
    assert_eq!(service.simulator.ledger().len(), 2);
}

#[tokio::test]
async fn a_rejection_is_not_remembered() {
    let service = Fixture::new("[balance]\naccount = 1").await;
    let body = enhance(&service.draft(), 1);
    assert_eq!(service.submit(7, &body).await.status, 402);
    service.simulator.set_balance(Amount::from_credits(100.0));
    let reply = service.submit(7, &body).await;
    assert!(reply.status == 200 && reply.header("idempotency-replayed").is_none());
}

#[tokio::test]
async fn keys_can_be_without_effect() {
    let service = Fixture::new("idempotency = \"ignored\"").await;
    let body = enhance(&service.draft(), 1);
    assert_ne!(service.submit(7, &body).await.id(), service.submit(7, &body).await.id());
    assert_eq!(service.simulator.ledger().len(), 2);
}

#[tokio::test]
async fn while_the_first_answer_is_on_its_way_its_outcome_is_unknown() {
    let text = "[[faults]]\nroute = \"submit\"\nat = [1]\neffect = { kind = \"slow_headers\", seconds = 600 }";
    let service = Fixture::new(text).await;
    let body = enhance(&service.draft(), 1);
    let key = key(7);
    let mut first = std::pin::pin!(service.try_submit(&key, &body));
    // Drive the first send until the service has its task, then repeat it.
    let created = async {
        while service.simulator.ledger().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = &mut first => panic!("the first answer takes ten minutes"),
        () = created => {}
    }
    let second = tokio::select! {
        _ = &mut first => panic!("the first answer takes ten minutes"),
        reply = service.submit(7, &body) => reply,
    };
    assert_eq!((second.status, second.code().as_str()), (409, "paid_outcome_unknown"));
    assert_eq!(service.simulator.counts().max_concurrent_submits, 2);
    assert_eq!(service.simulator.ledger().len(), 1);
}

#[tokio::test]
async fn after_a_lost_answer_the_outcome_can_stay_unknown_for_a_while() {
    let text = "paid_outcome_unknown_seconds = 60\n[[faults]]\nroute = \"submit\"\nat = [1]\neffect = { kind = \"reset_after\" }";
    let service = Fixture::new(text).await;
    let body = enhance(&service.draft(), 1);
    assert!(service.try_submit(&key(7), &body).await.is_err());
    assert_eq!(service.submit(7, &body).await.code(), "paid_outcome_unknown");
    service.advance(61.0);
    let reply = service.submit(7, &body).await;
    assert_eq!((reply.status, reply.header("idempotency-replayed")), (200, Some("true")));
    assert_eq!(service.simulator.ledger().len(), 1);
}

#[tokio::test]
async fn a_model_can_be_closed_to_the_key() {
    let service = Fixture::new("models = [\"mj-v7\"]").await;
    let reply = service.submit(1, &enhance(&service.draft(), 0)).await;
    assert_eq!((reply.status, reply.code().as_str()), (403, "key_model_not_allowed"));
    assert_eq!(service.get("/v1/models").await.json()["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn submits_without_a_key_are_counted() {
    let service = Fixture::new("").await;
    assert_eq!(service.post("/v1/images/generations", &enhance(&service.draft(), 0)).await.status, 200);
    assert_eq!(service.simulator.counts().submits_without_key, 1);
}
