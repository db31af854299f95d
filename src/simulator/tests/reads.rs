use super::*;

#[tokio::test]
async fn a_task_runs_from_pending_to_completed() {
    let service = Fixture::new("").await;
    let id = service.task(1).await;
    assert_eq!(service.read(&id).await["status"], "pending");
    service.advance(2.6);
    let task = service.read(&id).await;
    assert_eq!((&task["status"], &task["progress"]), (&json!("processing"), &json!(50)));
    assert!(task.get("results").is_none());
    service.advance(2.6);
    let task = service.read(&id).await;
    assert_eq!((&task["status"], &task["progress"]), (&json!("completed"), &json!(100)));
    assert_eq!(task["results"].as_array().map(Vec::len), Some(1));
    assert_eq!(task["usage"]["credits_used"], 5.4);
    assert_eq!(task["usage"]["cost"], json!({"credits": 5.4, "usd": 0.0794, "cny": 0.54}));
    assert_eq!(task["task_info"]["can_cancel"], false);
    assert_eq!(task["duration"], 5.0);
    service.advance(100.0);
    assert_eq!(service.read(&id).await, task, "the same final answer on every later read");
}

#[tokio::test]
async fn an_id_is_looked_at_before_the_task() {
    let text = "[[drafts]]\nid = \"task-unified-1790000001-foreign0\"\nforeign = true";
    let service = Fixture::new(text).await;
    let other = service.get("/v1/tasks/abc").await;
    assert_eq!((other.status, other.code().as_str(), other.param().as_str()), (400, "invalid_task_id", "task_id"));
    let unknown = service.get("/v1/tasks/task-unified-1-aaaaaaaa").await;
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "task_not_found"));
    assert_eq!(unknown.json()["error"]["type"], "evo_api_error");
    assert_eq!(service.get("/v1/tasks/task-unified-1790000001-foreign0").await.code(), "permission_denied");
}

#[tokio::test]
async fn there_is_no_cancel_call() {
    let service = Fixture::new("").await;
    let id = service.task(1).await;
    let key = service.simulator.key();
    let delete =
        Fixture::run(service.http.delete(service.url(&format!("/v1/tasks/{id}"))).bearer_auth(&key)).await.expect("an answer");
    let cancel = service.post(&format!("/v1/tasks/{id}/cancel"), &json!({})).await;
    assert_eq!((delete.status, cancel.status), (404, 404));
    assert_eq!(service.simulator.counts().cancel_attempts, 2);
    assert_eq!(service.read(&id).await["status"], "pending");
}

#[tokio::test]
async fn records_vanish_after_their_life() {
    let service = Fixture::new("").await;
    let id = service.task(1).await;
    service.advance(7.0 * 86400.0);
    assert_eq!(service.read(&id).await["status"], "completed");
    service.advance(6.0);
    assert_eq!(service.get(&format!("/v1/tasks/{id}")).await.status, 404);
}

#[tokio::test]
async fn a_batch_answers_what_exists_in_any_order() {
    let service = Fixture::new("").await;
    let mut ids = Vec::new();
    for n in 0..12 {
        ids.push(service.task(n).await);
    }
    let mut asked = ids.clone();
    asked.push("task-unified-1-aaaaaaaa".into());
    asked.push(ids[0].clone());
    let mut orders = Vec::new();
    for _ in 0..3 {
        let reply = service.post("/v1/tasks/batch", &json!({ "task_ids": asked })).await.json();
        assert_eq!(reply["code"], 200);
        let order: Vec<String> =
            reply["data"].as_array().expect("a list").iter().map(|task| task["id"].as_str().expect("an id").into()).collect();
        let mut sorted = order.clone();
        sorted.sort();
        let mut wanted = ids.clone();
        wanted.sort();
        assert_eq!(sorted, wanted);
        orders.push(order);
    }
    assert!(orders.iter().any(|order| *order != ids), "the order is shuffled");
    assert_eq!(service.simulator.counts().batch_ids, [14, 14, 14]);
    let single = service.read(&ids[0]).await;
    let batch = service.post("/v1/tasks/batch", &json!({"task_ids": [ids[0]]})).await.json();
    assert_eq!(batch["data"][0]["created"], single["created"], "the same objects as single reads");
}

#[tokio::test]
async fn a_batch_has_1_to_50_ids() {
    let service = Fixture::new("").await;
    let ids = |n: usize| json!({"task_ids": (0..n).map(|n| format!("task-unified-{n}-aaaaaaaa")).collect::<Vec<_>>()});
    assert_eq!(service.post("/v1/tasks/batch", &ids(50)).await.json(), json!({"code": 200, "data": []}));
    for bad in [ids(51), ids(0), json!({}), json!({"task_ids": [1]}), json!({"task_ids": "x"})] {
        let reply = service.post("/v1/tasks/batch", &bad).await;
        assert_eq!((reply.status, reply.param().as_str()), (400, "task_ids"), "{bad}");
    }
}

#[tokio::test]
async fn the_batch_route_can_be_missing() {
    let service = Fixture::new("batch_route = false").await;
    assert_eq!(service.post("/v1/tasks/batch", &json!({"task_ids": ["task-unified-1-aaaaaaaa"]})).await.status, 404);
}

#[tokio::test]
async fn the_list_has_rows_newest_first_in_pages() {
    let service = Fixture::new("").await;
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(service.task(n).await);
        service.advance(0.1);
    }
    let page = service.get("/v1/tasks?model=mj-v7-enhance&page=2&page_size=3").await.json();
    let wanted: Vec<&String> = ids.iter().rev().skip(3).take(3).collect();
    let got: Vec<&str> = page["data"].as_array().expect("rows").iter().map(|row| row["id"].as_str().expect("an id")).collect();
    assert_eq!(got, wanted);
    assert_eq!(
        (&page["object"], &page["total"], &page["page"], &page["page_size"]),
        (&json!("list"), &json!(7), &json!(2), &json!(3))
    );
    let all = service.get("/v1/tasks?page_size=500").await.json();
    assert_eq!((&all["page_size"], &all["total"]), (&json!(50), &json!(9)), "clamped at 50; drafts belong to the account too");
    let beyond = service.get("/v1/tasks?page=100").await.json();
    assert_eq!(beyond["data"], json!([]));
    assert_eq!(service.get("/v1/tasks").await.json()["page_size"], 20);
}

#[tokio::test]
async fn a_row_differs_from_a_task() {
    let service = Fixture::new("[[rules]]\nat = [2]\nthen = { end = \"failed\" }").await;
    service.task(1).await;
    service.task(2).await;
    let fresh = service.get("/v1/tasks?status=processing").await.json();
    let row = fresh["data"][0].as_object().expect("a row").clone();
    let mut names: Vec<&str> = row.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["created_at", "id", "model", "progress", "status", "type"]);
    service.advance(6.0);
    let failed = service.get("/v1/tasks?status=failed").await.json();
    assert_eq!(failed["total"], 1);
    assert_eq!((&failed["data"][0]["has_error"], &failed["data"][0]["has_results"]), (&json!(true), &json!(false)));
    assert!(failed["data"][0].get("error").is_none());
    let done = service.get("/v1/tasks?status=completed&model=mj-v7-enhance").await.json();
    assert_eq!((&done["data"][0]["result_count"], &done["data"][0]["credits_used"]), (&json!(1), &json!(5.4)));
    assert!(done["data"][0].get("results").is_none() && done["data"][0].get("created").is_none());
}

#[tokio::test]
async fn unknown_filter_values_are_refused() {
    let service = Fixture::new("").await;
    for (query, param) in [
        ("status=pending", "status"),
        ("status=queued", "status"),
        ("status=canceled", "status"),
        ("status=Completed", "status"),
        ("status=all", "status"),
        ("type=text", "type"),
        ("page=0", "page"),
        ("page=x", "page"),
        ("page_size=0", "page_size"),
    ] {
        let reply = service.get(&format!("/v1/tasks?{query}")).await;
        assert_eq!((reply.status, reply.param().as_str()), (400, param), "{query}");
    }
    for query in ["status=cancelled", "type=audio", "model=mj-v8"] {
        assert_eq!(service.get(&format!("/v1/tasks?{query}")).await.json()["total"], 0, "{query}");
    }
}

#[tokio::test]
async fn batch_and_list_can_tell_old_news() {
    let service = Fixture::new("batch_lag_seconds = 3\nlist_lag_seconds = 6").await;
    let id = service.task(1).await;
    service.advance(5.5);
    let batch = async || service.post("/v1/tasks/batch", &json!({"task_ids": [id]})).await.json()["data"][0]["status"].clone();
    let list = async || service.get("/v1/tasks?model=mj-v7-enhance").await.json();
    assert_eq!(service.read(&id).await["status"], "completed");
    assert_eq!(batch().await, "processing");
    assert_eq!(list().await["total"], 0, "the list has not heard of it");
    service.advance(3.0);
    assert_eq!(batch().await, "completed");
    assert_eq!(list().await["data"][0]["status"], "processing");
    service.advance(3.0);
    assert_eq!(list().await["data"][0]["status"], "completed");
}

#[tokio::test]
async fn delays_and_wasted_reads_are_measured() {
    let service = Fixture::new("progress_steps = 1").await;
    let id = service.task(1).await;
    for _ in 0..3 {
        service.read(&id).await;
    }
    service.advance(7.0);
    service.read(&id).await;
    let delays = service.simulator.delays();
    assert_eq!((delays.reads, delays.wasted), (4, 2));
    assert!((2.0..2.5).contains(&delays.median().expect("one task")), "{delays:?}");
}

#[tokio::test]
async fn a_mere_count_down_is_no_news_and_a_step_of_progress_is() {
    let service = Fixture::new("run_seconds = 1000\nprogress_steps = 10\npending_share = 0").await;
    let id = service.task(1).await;
    let wasted = async |pass: f64| {
        service.advance(pass);
        let left = service.read(&id).await["task_info"]["estimated_time"].as_u64();
        (left.is_some_and(|left| left < 1_000), service.simulator.delays().wasted)
    };
    service.read(&id).await;
    assert_eq!(wasted(30.0).await, (true, 1), "only the clock moved");
    assert_eq!(wasted(40.0).await, (true, 2));
    assert_eq!(wasted(50.0).await, (true, 2), "from 0 to 10 percent");
    assert_eq!(wasted(60.0).await, (true, 3));
}

#[tokio::test]
async fn an_estimate_may_count_down_or_name_the_whole_run_or_be_missing() {
    for (estimate, told) in [("seconds_left", Some(600)), ("whole_run", Some(1_000)), ("absent", None)] {
        let service = Fixture::new(&format!("run_seconds = 1000\nestimate = \"{estimate}\"")).await;
        let id = service.task(1).await;
        service.advance(400.0);
        let task = service.read(&id).await;
        assert_eq!(task["task_info"]["estimated_time"].as_u64(), told, "{estimate}");
        service.read(&id).await;
        assert_eq!(service.simulator.delays().wasted, 1, "{estimate}: nothing changed between two reads at once");
    }
}

#[tokio::test]
async fn ids_in_paths_may_be_percent_encoded() {
    let service = Fixture::new("").await;
    let id = service.task(1).await;
    let coded = id.bytes().fold(String::new(), |all, byte| format!("{all}%{byte:02X}"));
    assert_eq!(service.read(&coded).await["id"], id.as_str());
    assert_eq!(service.read(&id.replace('-', "%2d")).await["id"], id.as_str());
    for bad in ["task-unified-%zz", "task-unified-%", "task-unified-%2"] {
        assert_eq!(service.get(&format!("/v1/tasks/{bad}")).await.code(), "task_not_found", "{bad}");
    }
    assert_eq!(service.get("/v1/tasks/%FF").await.code(), "invalid_task_id");
}

#[tokio::test]
async fn another_method_is_refused_with_those_that_exist() {
    let service = Fixture::new("").await;
    for (path, method, allowed) in [
        ("/v1/images/generations", "GET", "POST"),
        ("/v1/tasks", "POST", "GET, HEAD"),
        ("/v1/credits", "PUT", "GET, HEAD"),
        ("/v1/models", "DELETE", "GET, HEAD"),
        ("/v1/catalog/pricing-rules", "POST", "GET, HEAD"),
        ("/web/api/models/pricing", "POST", "GET, HEAD"),
        ("/files/x.png", "POST", "GET, HEAD"),
    ] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let reply = Fixture::run(service.http.request(method, service.url(path))).await.expect("an answer");
        assert_eq!((reply.status, reply.code().as_str()), (405, "method_not_allowed"), "{path}");
        assert_eq!(reply.header("allow"), Some(allowed), "{path}");
    }
}
