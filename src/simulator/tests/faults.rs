use super::*;

const ALL_BODIES: [&str; 14] = [
    "error", "integer", "upper", "rich", "auth", "success", "message", "text", "html", "empty", "object", "null", "array",
    "control",
];

async fn faulty(route: &str, effect: &str) -> Fixture {
    Fixture::new(&format!("[[faults]]\nroute = \"{route}\"\nat = [1]\neffect = {{ {effect} }}")).await
}

/// Meets the fault with a submit, then repeats it, and says how many tasks there were after the first.
async fn submit_twice(effect: &str) -> (Result<Reply, reqwest::Error>, usize, Reply) {
    let service = faulty("submit", effect).await;
    let body = enhance(&service.draft(), 0);
    let first = service.try_submit(&key(1), &body).await;
    let tasks = service.simulator.ledger().len();
    let second = service.submit(1, &body).await;
    assert_eq!(service.simulator.ledger().len(), 1, "{effect}: one task after all");
    assert_eq!(service.simulator.counts().faults, 1);
    (first, tasks, second)
}

#[tokio::test]
async fn a_reset_before_leaves_nothing_and_a_reset_after_leaves_a_task() {
    let (first, tasks, second) = submit_twice("kind = \"reset_before\"").await;
    assert!(first.is_err() && tasks == 0 && second.header("idempotency-replayed").is_none());
    let (first, tasks, second) = submit_twice("kind = \"reset_after\"").await;
    assert!(first.is_err() && tasks == 1 && second.header("idempotency-replayed") == Some("true"));
}

#[tokio::test]
async fn answers_without_use_still_leave_a_task() {
    for effect in ["html", "no_id", "invalid_utf8", "empty_body", "half_json", "null_body"] {
        let (first, tasks, second) = submit_twice(&format!("kind = \"{effect}\"")).await;
        let first = first.expect("an answer");
        assert_eq!((first.status, tasks), (200, 1), "{effect}");
        assert!(first.json().get("id").is_none(), "{effect}");
        assert_eq!(second.header("idempotency-replayed"), Some("true"), "{effect}");
        match effect {
            "html" => assert!(first.body.starts_with(b"<!DOCTYPE")),
            "invalid_utf8" => assert!(std::str::from_utf8(&first.body).is_err()),
            "no_id" => assert_eq!(first.json()["model"], "mj-v7-enhance"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_cut_body_breaks_off() {
    let (first, tasks, second) = submit_twice("kind = \"cut_body\", keep = 20").await;
    assert!(first.is_err() && tasks == 1 && second.status == 200);
}

#[tokio::test]
async fn statuses_have_every_published_body() {
    for body in ALL_BODIES {
        let (first, tasks, _) = submit_twice(&format!("kind = \"status\", status = 503, body = \"{body}\"")).await;
        let first = first.expect("an answer");
        assert_eq!((first.status, tasks), (503, 0), "{body}: by default the work is not done");
        let json = first.json();
        match body {
            "error" | "rich" => assert_eq!(first.code(), "service_unavailable"),
            "upper" => assert_eq!(first.code(), "SERVICE_UNAVAILABLE"),
            "integer" => assert_eq!(json["error"]["code"], 503),
            "auth" => assert!(json["error"].is_string() && json["error_description"].is_string()),
            "success" => assert_eq!(json["success"], false),
            "message" => assert!(json["message"].is_string()),
            "object" => assert_eq!(json, json!({})),
            "array" => assert_eq!(json, json!([])),
            "null" => assert_eq!(first.body, b"null"),
            "empty" => assert!(first.body.is_empty()),
            "control" => assert!(json["error"]["message"].as_str().is_some_and(|text| text.contains('\u{1b}'))),
            _ => assert!(json.is_null() && !first.body.is_empty()),
        }
    }
}

#[tokio::test]
async fn a_bad_gateway_can_hide_a_task() {
    let text = "[[faults]]\nroute = \"submit\"\nat = [1]\nprocessed = true\neffect = { kind = \"status\", status = 502, body = \"html\" }";
    let service = Fixture::new(text).await;
    assert_eq!(service.submit(1, &enhance(&service.draft(), 0)).await.status, 502);
    assert_eq!(service.simulator.ledger().len(), 1);
}

#[tokio::test]
async fn both_kinds_of_409_can_be_told() {
    for code in ["idempotency_conflict", "paid_outcome_unknown"] {
        let (first, tasks, _) = submit_twice(&format!("kind = \"status\", status = 409, code = \"{code}\"")).await;
        assert_eq!((first.expect("an answer").code().as_str(), tasks), (code, 0));
    }
}

#[tokio::test]
async fn a_429_can_announce_its_wait_in_seconds_as_a_date_or_not() {
    let (first, ..) = submit_twice("kind = \"status\", status = 429, retry_after = 7").await;
    let first = first.expect("an answer");
    assert_eq!((first.status, first.code().as_str(), first.header("retry-after")), (429, "rate_limit_exceeded", Some("7")));
    assert_eq!(first.json()["error"]["type"], "rate_limit_error");
    let (first, ..) = submit_twice("kind = \"status\", status = 429, retry_after = 0.5").await;
    assert_eq!(first.expect("an answer").header("retry-after"), Some("0.5"));
    let (first, ..) = submit_twice("kind = \"status\", status = 429, retry_after = 7, retry_after_form = \"date\"").await;
    let first = first.expect("an answer");
    let date = first.header("retry-after").expect("a date");
    let at = jiff::fmt::rfc2822::parse(date).expect("an HTTP date").timestamp();
    let wait = at.as_second() - jiff::Timestamp::now().as_second();
    assert!(date.ends_with("GMT") && (1..=8).contains(&wait), "{date}");
    let (first, ..) = submit_twice("kind = \"status\", status = 429").await;
    assert_eq!(first.expect("an answer").header("retry-after"), None);
}

#[tokio::test]
async fn requests_during_an_announced_wait_are_counted() {
    let service = faulty("read", "kind = \"status\", status = 429, retry_after = 60").await;
    let path = format!("/v1/tasks/{}", service.draft());
    assert_eq!(service.get(&path).await.status, 429);
    let count = async || {
        service.get("/v1/credits").await;
        service.simulator.counts()
    };
    // What was on its way may still come; soon after, it counts.
    while count().await.during_wait == 0 {}
    assert_eq!(service.simulator.counts().too_many, 1);
}

#[tokio::test]
async fn a_rate_limit_really_counts() {
    let text = "[rate_limit]\nrequests = 3\nwindow_seconds = 3600\nroute = \"submit\"";
    let service = Fixture::new(text).await;
    for n in 0..3 {
        service.task(n).await;
    }
    let reply = service.submit(9, &enhance(&service.draft(), 0)).await;
    assert_eq!((reply.status, reply.code().as_str()), (429, "rate_limit_exceeded"));
    let wait: f64 = reply.header("retry-after").expect("a wait").parse().expect("seconds");
    assert!((3590.0..=3600.0).contains(&wait), "{wait}");
    assert_eq!(service.get("/v1/credits").await.status, 200, "reads are not limited");
}

#[tokio::test]
async fn the_service_can_refuse_more_running_tasks() {
    let service = Fixture::new("max_running = 2").await;
    service.task(1).await;
    service.task(2).await;
    let reply = service.submit(3, &enhance(&service.draft(), 0)).await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, None));
    service.advance(6.0);
    service.task(3).await;
}

#[tokio::test]
async fn headers_can_be_slow() {
    let service = faulty("credits", "kind = \"slow_headers\", seconds = 0.2").await;
    let begin = std::time::Instant::now();
    assert_eq!(service.get("/v1/credits").await.status, 200);
    assert!(begin.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn a_client_that_leaves_before_the_work_leaves_nothing() {
    let text = "[[faults]]\nroute = \"submit\"\nat = [1]\nprocessed = false\neffect = { kind = \"slow_headers\", seconds = 60 }";
    let service = Fixture::new(text).await;
    let request = service.http.post(service.url("/v1/images/generations")).bearer_auth(service.simulator.key());
    let request = request.timeout(Duration::from_millis(150)).json(&enhance(&service.draft(), 0));
    assert!(Fixture::run(request).await.is_err_and(|error| error.is_timeout()));
    assert!(service.simulator.ledger().is_empty());
}

#[tokio::test]
async fn a_body_can_drip() {
    let service = faulty("credits", "kind = \"slow_body\", bytes = 20, interval_ms = 5").await;
    let begin = std::time::Instant::now();
    let reply = service.get("/v1/credits").await;
    assert_eq!(reply.json()["success"], true, "it arrives whole");
    assert!(begin.elapsed() >= Duration::from_millis(25));
}

#[tokio::test]
async fn a_body_can_be_huge() {
    let service = faulty("read", "kind = \"huge_body\", megabytes = 3").await;
    let reply = service.get(&format!("/v1/tasks/{}", service.draft())).await;
    assert!(reply.status == 200 && reply.body.len() > 3 << 20 && reply.json()["id"].is_string());
}

#[tokio::test]
async fn a_read_can_answer_another_id_or_lead_elsewhere() {
    let service = faulty("read", "kind = \"other_id\", id = \"task-unified-1-zzzzzzzz\"").await;
    assert_eq!(service.read(&service.draft()).await["id"], "task-unified-1-zzzzzzzz");
    let service = faulty("read", "kind = \"redirect\", location = \"http://127.0.0.1:9/\"").await;
    let reply = service.get(&format!("/v1/tasks/{}", service.draft())).await;
    assert_eq!((reply.status, reply.header("location")), (302, Some("http://127.0.0.1:9/")));
}

#[tokio::test]
async fn faults_meet_the_requests_they_name() {
    let text = "[[faults]]\nroute = \"credits\"\nfrom = 2\nto = 5\nevery = 2\neffect = { kind = \"status\", status = 500 }\n\
        [[faults]]\nroute = \"any\"\nat = [8]\neffect = { kind = \"status\", status = 502 }";
    let service = Fixture::new(text).await;
    let mut seen = Vec::new();
    for _ in 0..7 {
        seen.push(service.get("/v1/credits").await.status);
    }
    assert_eq!(seen, [200, 500, 200, 500, 200, 200, 200]);
    assert_eq!(service.get("/v1/models").await.status, 502, "the eighth of all");
    let fault = Fault::new(Route::Models, Effect::Html).at(&[2]);
    service.simulator.add_fault(fault).expect("a good fault");
    assert_eq!(service.get("/v1/models").await.json()["object"], "list");
    assert!(service.get("/v1/models").await.json().is_null(), "counting started with the fault");
    assert_eq!(service.simulator.counts().of(Route::Credits), 7);
}

#[tokio::test]
async fn chance_repeats_with_its_seed() {
    let statuses = async |seed: u64| {
        let text = format!(
            "seed = {seed}\n[[faults]]\nroute = \"credits\"\nprobability = 0.4\neffect = {{ kind = \"status\", status = 500 }}"
        );
        let service = Fixture::new(&text).await;
        let mut seen = Vec::new();
        for _ in 0..30 {
            seen.push(service.get("/v1/credits").await.status);
        }
        seen
    };
    let first = statuses(5).await;
    assert_eq!(first, statuses(5).await);
    assert_ne!(first, statuses(6).await);
    let hits = first.iter().filter(|status| **status == 500).count();
    assert!((4..=22).contains(&hits), "{hits} of 30");
}
