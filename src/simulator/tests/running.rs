use super::*;

#[tokio::test]
async fn a_port_in_use_is_a_clear_error() {
    let service = Fixture::new("").await;
    let port: u16 = service.simulator.base_url().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let error = Simulator::start(Scenario::default(), port).await.expect_err("in use");
    assert!(matches!(error, SimulatorError::PortInUse(taken) if taken == port));
    assert!(error.to_string().contains(&format!("port {port} on 127.0.0.1 is in use")), "{error}");
}

#[tokio::test]
async fn shutdown_frees_the_port_and_ends_open_connections() {
    let text = "[[faults]]\nroute = \"credits\"\neffect = { kind = \"slow_headers\", seconds = 600 }";
    let Fixture { simulator, http } = Fixture::new(text).await;
    let port: u16 = simulator.base_url().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let request = http.get(format!("{}/v1/credits", simulator.base_url())).bearer_auth(simulator.key());
    let waiting = tokio::spawn(Fixture::run(request));
    while simulator.counts().of(Route::Credits) == 0 {
        tokio::task::yield_now().await;
    }
    simulator.shutdown().await;
    assert!(waiting.await.expect("no panic").is_err());
    Simulator::start(Scenario::default(), port).await.expect("the port is free again").shutdown().await;
}

#[test]
fn it_runs_on_its_own_thread_for_programs_without_a_runtime() {
    let running = Simulator::start_in_background(scenario("more_drafts = 3"), 0).expect("it starts");
    assert_eq!(running.draft_ids().len(), 3);
    let url = running.base_url();
    let port: u16 = url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    assert!(matches!(Simulator::start_in_background(Scenario::default(), port), Err(SimulatorError::PortInUse(_))));
    running.shutdown();
    Simulator::start_in_background(Scenario::default(), port).expect("the port is free again").shutdown();
}

#[tokio::test]
async fn the_control_routes_do_what_the_handle_does() {
    let service = Fixture::new("run_seconds = 100").await;
    let info = service.fetch("/sim/info").await.json();
    assert_eq!(
        info,
        json!({"url": service.simulator.base_url(), "key": service.simulator.key(), "drafts": service.simulator.draft_ids()})
    );
    let id = service.task(1).await;
    let post =
        async |path: &str, body: Value| Fixture::run(service.http.post(service.url(path)).json(&body)).await.expect("an answer");
    assert_eq!(post("/sim/advance", json!({"seconds": 50})).await.status, 200);
    assert_eq!(service.read(&id).await["progress"], 50);
    assert_eq!(post("/sim/finish_all", json!({})).await.json(), json!({"finished": 1}));
    assert_eq!(service.read(&id).await["status"], "completed");
    let ledger = service.fetch("/sim/ledger").await.json();
    let entry = &ledger["entries"][0];
    assert_eq!((&entry["task_id"], &entry["charged"], &entry["key"]), (&json!(id), &json!(5.4), &json!(key(1))));
    assert_eq!(ledger["money"]["charged"], 5.4);
    let fault = json!({"route": "credits", "at": [1], "effect": {"kind": "status", "status": 500}});
    assert_eq!(post("/sim/fault", fault).await.status, 200);
    assert_eq!(service.get("/v1/credits").await.status, 500);
    assert_eq!(post("/sim/balance", json!({"credits": 7.5})).await.status, 200);
    assert_eq!(service.get("/v1/credits").await.json()["data"]["user"]["remaining_credits"], 7.5);
    assert_eq!(post("/sim/price", json!({"credits": 6})).await.status, 200);
    let counts = service.fetch("/sim/counts").await.json();
    assert_eq!(
        (&counts["requests"]["submit"], &counts["requests"]["credits"], &counts["faults"]),
        (&json!(1), &json!(2), &json!(1))
    );
    assert_eq!(service.fetch("/sim/delays").await.json()["reads"], 2);
    for (path, body) in [
        ("/sim/advance", json!({"seconds": -1})),
        ("/sim/advance", json!({"hours": 1})),
        ("/sim/fault", json!({"effect": {"kind": "magic"}})),
        ("/sim/fault", json!({"effect": {"kind": "html"}, "at": [0]})),
    ] {
        assert_eq!(post(path, body.clone()).await.status, 400, "{path} {body}");
    }
    assert_eq!(service.fetch("/sim/else").await.status, 404);
}

#[tokio::test]
async fn simulated_time_can_run_faster() {
    let service = Fixture::new("time_scale = 1000\nrun_seconds = 100").await;
    let id = service.task(1).await;
    // A tenth of a real second.
    while service.read(&id).await["status"] != "completed" {}
    assert_eq!(service.read(&id).await["duration"], 100.0);
}

#[tokio::test]
async fn ten_thousand_running_tasks_cost_little() {
    let text = "run_seconds = 100000\n[balance]\naccount = 100000";
    let service = Fixture::new(text).await;
    let shared = service.simulator.clone();
    let draft = service.draft();
    for n in 0..10_000_u64 {
        shared.submit_directly(&draft, n % 4);
    }
    let ids: Vec<String> = service.simulator.ledger().into_iter().map(|entry| entry.task_id).collect();
    assert_eq!(ids.len(), 10_000);
    for part in ids.chunks(50) {
        let reply = service.post("/v1/tasks/batch", &json!({ "task_ids": part })).await;
        assert_eq!(reply.json()["data"].as_array().map(Vec::len), Some(50));
    }
    assert_eq!(service.simulator.counts().batch_ids.len(), 200);
}

#[tokio::test]
async fn a_running_task_can_be_ended_from_outside() {
    let service = Fixture::new("billing = \"honest\"").await;
    let (one, two) = (service.task(1).await, service.task(2).await);
    assert!(service.simulator.end_task(&one, End::Cancelled));
    let task = service.read(&one).await;
    assert_eq!((&task["status"], &task["billing"]["charge_status"]), (&json!("cancelled"), &json!("unknown")));
    assert!(task.get("results").is_none() && task.get("error").is_none());
    let request = service.http.post(service.url("/sim/end")).json(&json!({"task_id": two, "end": "moderated"}));
    assert_eq!(Fixture::run(request).await.expect("an answer").json(), json!({"ended": true}));
    assert_eq!(service.read(&two).await["error"]["code"], "content_policy_violation");
    assert!(!service.simulator.end_task(&two, End::Completed), "what has ended stays as it is");
    assert_eq!(service.simulator.money().remaining, Amount::from_credits(412.75));
}
