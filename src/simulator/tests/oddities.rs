use super::*;

#[tokio::test]
async fn a_web_page_can_stand_before_everything_for_a_while() {
    let service = Fixture::with(stored("captive_portal")).await;
    let task = service.task(1).await;
    let sketch = link(&service.read(&service.draft()).await);
    for (seconds, status) in [(21.0, 200), (40.0, 404), (20.0, 403), (15.0, 503)] {
        service.advance(seconds);
        for path in [&format!("/v1/tasks/{task}"), "/v1/credits", "/v1/models", "/v1/tasks", "/v1/catalog/models", &sketch] {
            let reply = service.get(path).await;
            assert_eq!((reply.status, reply.header("content-type")), (status, Some("text/html; charset=utf-8")), "{path}");
        }
        let lost = service.submit(9, &enhance(&service.draft(), 2)).await;
        assert_eq!(lost.status, status);
    }
    assert_eq!(service.simulator.ledger().len(), 1, "the portal lets nothing through");
    service.advance(15.0);
    assert_eq!(service.read(&task).await["status"], "completed");
    assert_eq!(service.fetch(&sketch).await.header("content-type"), Some("image/png"));
}

#[tokio::test]
async fn a_fault_can_be_about_one_task() {
    let service = Fixture::new("").await;
    let (one, two) = (service.task(1).await, service.task(2).await);
    let effect = Effect::Status {
        status: 404,
        code: None,
        message: None,
        retry_after: None,
        retry_after_form: RetryAfterForm::Absent,
        body: ErrorBody::Html,
    };
    service.simulator.add_fault(Fault { task: Some(one.clone()), ..Fault::new(Route::Any, effect) }).expect("a good fault");
    let status = async |id: &str| service.get(&format!("/v1/tasks/{id}")).await.status;
    assert_eq!((status(&one).await, status(&two).await), (404, 200));
    assert_eq!(service.post("/v1/tasks/batch", &json!({"task_ids": [two, one]})).await.status, 404);
    assert_eq!(service.post("/v1/tasks/batch", &json!({"task_ids": [two]})).await.status, 200);
}

#[tokio::test]
async fn links_can_come_late_or_stand_elsewhere() {
    let service = Fixture::with(stored("late_results")).await;
    let mut ids = Vec::new();
    for n in 0..12 {
        ids.push(service.task(n).await);
    }
    service.advance(6.0);
    let early = async |n: usize| {
        let task = service.read(&ids[n]).await;
        assert_eq!(task["status"], "completed");
        task.get("results").cloned()
    };
    assert_eq!((early(0).await, early(1).await, early(2).await), (Some(json!([])), Some(Value::Null), None));
    let rows = service.get("/v1/tasks?model=mj-v7-enhance&page_size=50").await.json();
    assert_eq!((&rows["data"][11]["has_results"], &rows["data"][11]["result_count"]), (&json!(false), &json!(0)));
    service.advance(20.0);
    for id in &ids[..3] {
        assert_eq!(service.fetch(&link(&service.read(id).await)).await.status, 200);
    }
    let at =
        async |n: usize, pointer: &str| service.read(&ids[n]).await.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let links = [
        at(3, "/results/1/url").await,
        at(4, "/results/0/image_url").await,
        at(7, "/images/0").await,
        at(8, "/image_urls/0").await,
        at(9, "/output/results/0").await,
        at(10, "/results").await,
    ];
    for link in links {
        assert_eq!(service.fetch(&link.expect("a link")).await.status, 200);
    }
    let listed: Vec<String> = serde_json::from_str(&at(5, "/results").await.expect("a text")).expect("JSON in a text");
    assert_eq!(listed.len(), 2);
    let data: Value = serde_json::from_str(&at(6, "/result_data").await.expect("a text")).expect("JSON in a text");
    assert!(data[0]["image_url"].is_string());
    assert_eq!(service.read(&ids[11]).await["status"], "succeeded");
}

#[tokio::test]
async fn files_can_be_out_of_reach_at_first() {
    let service = Fixture::with(stored("file_trouble")).await;
    let mut links = Vec::new();
    for n in 0..8 {
        let id = service.task(n).await;
        service.simulator.end_task(&id, End::Completed);
        links.push(link(&service.read(&id).await));
    }
    let first = async |n: usize| service.fetch(&links[n]).await;
    assert_eq!((first(0).await.status, first(1).await.status), (404, 403));
    assert!(first(2).await.body.starts_with(b"<!DOCTYPE"));
    let packed = first(3).await;
    let unnamed = first(4).await;
    assert_eq!((unnamed.header("content-encoding"), unnamed.body.starts_with(&[0x1F, 0x8B])), (None, true));
    // The client of the tests unpacks what names itself.
    assert!(image::load_from_memory(&packed.body).is_ok());
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(unnamed.body.as_slice()), &mut unpacked).expect("true gzip");
    assert!(image::load_from_memory(&unpacked).is_ok());
    let raw = first(5).await;
    let place = raw.headers.get("location").expect("a place").as_bytes().to_vec();
    let place = String::from_utf8(place).expect("UTF-8, sent as it is");
    assert!(raw.status == 302 && place.starts_with("/files/größe/file_"), "{place}");
    assert_eq!(service.fetch(&place).await.header("content-type"), Some("image/png"));
    let moved = first(6).await;
    assert_eq!(moved.status, 308);
    assert_eq!(service.fetch(moved.header("location").expect("a place")).await.status, 200);
    let nowhere = first(7).await;
    assert_eq!((nowhere.status, nowhere.header("location")), (302, None));
    service.advance(31.0);
    for link in &links[..5] {
        let reply = service.fetch(link).await;
        assert!(reply.status == 200 && image::load_from_memory(&reply.body).is_ok(), "{link}");
    }
}

#[tokio::test]
async fn a_paid_answer_can_name_a_task_that_is_not_its_own() {
    let service = Fixture::with(stored("wrong_ids")).await;
    let source = service.draft();
    let mut answered = Vec::new();
    for n in 0..7 {
        answered.push(service.submit(n, &enhance(&source, n % 4)).await.id());
    }
    let made: Vec<String> = service.simulator.ledger().into_iter().map(|entry| entry.task_id).collect();
    assert_eq!(made.len(), 7, "every task exists");
    assert_eq!((&answered[0], &answered[3], answered[6].as_str()), (&source, &made[2], "task-unified-1-zzzzzzzz"));
    assert_eq!((&answered[1], &answered[4]), (&made[1], &made[4]));
    assert_eq!(service.submit(0, &enhance(&source, 0)).await.id(), made[0], "the same key finds the true one");
}

#[tokio::test]
async fn one_malformed_task_spoils_the_batch_it_stands_in() {
    let service = Fixture::with(stored("malformed")).await;
    let mut ids = Vec::new();
    for n in 0..12 {
        ids.push(service.task(n).await);
    }
    let batch = async |ids: &[&String]| service.post("/v1/tasks/batch", &json!({ "task_ids": ids })).await.body;
    for (n, text) in [(1, r#""progress":NaN"#), (3, r#""note":"a smile \ud83d""#), (5, r#""created":1e999"#), (7, "[[[[")] {
        let spoilt = batch(&[&ids[0], &ids[n]]).await;
        assert!(String::from_utf8_lossy(&spoilt).contains(text), "{}", String::from_utf8_lossy(&spoilt));
        assert!(serde_json::from_slice::<Value>(&spoilt).is_err(), "{text}");
    }
    let good: Value = serde_json::from_slice(&batch(&[&ids[0], &ids[2]]).await).expect("JSON");
    assert_eq!(good["data"].as_array().map(Vec::len), Some(2));
    assert!(service.read(&ids[1]).await.is_null(), "a single read as well");
    assert_eq!(service.read(&ids[5]).await["id"], ids[5].as_str(), "unless only batches are malformed");
    let odd: Value = serde_json::from_slice(&batch(&[&ids[9], &ids[11]]).await).expect("JSON");
    let rows = odd["data"].as_array().expect("rows");
    assert!(rows.contains(&json!("a task")) && rows.iter().any(|row| row["id"] == 4711), "{odd}");
}

#[tokio::test]
async fn money_can_differ_from_what_was_agreed() {
    let service = Fixture::with(stored("odd_money")).await;
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(service.task(n).await);
    }
    let usage = async |n: usize| service.read(&ids[n]).await["usage"].clone();
    assert!(usage(2).await.get("credits_reserved").is_none());
    service.advance(6.0);
    assert_eq!((usage(0).await["credits_used"].clone(), usage(0).await["credits_reserved"].clone()), (json!(8.1), json!(5.4)));
    assert_eq!(usage(1).await["credits_used"], 10.8);
    assert_eq!(service.simulator.ledger()[1].charged, Amount::from_credits(5.4));
    assert!(usage(3).await.get("credits_used").is_none() && usage(3).await.get("cost").is_none());
    let published = async || {
        let body = service.fetch("/v1/catalog/models/mj-v7-enhance/pricing-rules").await.json();
        body["model"]["components"][0]["rate"]["credits"].clone()
    };
    let reserved =
        async |n: u64| service.submit(n, &enhance(&service.draft(), 0)).await.json()["usage"]["credits_reserved"].clone();
    assert_eq!((published().await, reserved(10).await), (json!("5.4"), json!(5.4)));
    service.advance(30.0);
    assert_eq!((published().await, reserved(11).await), (json!("6.2"), json!(5.4)));
    service.advance(60.0);
    assert_eq!((published().await, reserved(12).await), (json!("6.2"), json!(6.2)));
}

#[tokio::test]
async fn the_list_can_be_gone_and_an_answer_lost_at_every_repeat() {
    let service = Fixture::with(stored("no_list")).await;
    let gone = service.get("/v1/tasks").await;
    assert_eq!((gone.status, gone.code().as_str()), (404, "not_found"));
    service.task(1).await;
    let body = enhance(&service.draft(), 3);
    for _ in 0..3 {
        assert!(service.try_submit(&key(2), &body).await.is_err());
    }
    service.task(3).await;
    let decoys = service.simulator.ledger().iter().filter(|entry| entry.seeded).count();
    assert_eq!((decoys, service.simulator.counts().faults), (1, 3));
}

#[tokio::test]
async fn an_answer_can_be_packed() {
    let service = Fixture::new("[[faults]]\nroute = \"credits\"\nat = [1]\neffect = { kind = \"gzip\" }").await;
    assert_eq!(service.get("/v1/credits").await.json()["success"], true);
    let effect = Effect::Redirect { location: String::new(), status: 307 };
    service.simulator.add_fault(Fault::new(Route::Credits, effect)).expect("a good fault");
    let reply = service.get("/v1/credits").await;
    assert_eq!((reply.status, reply.header("location")), (307, None));
}
