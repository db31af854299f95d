use std::path::PathBuf;

use super::*;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

#[test]
fn every_scenario_file_can_be_read() {
    let mut files = 0;
    for entry in std::fs::read_dir(folder()).expect("the folder") {
        let path = entry.expect("an entry").path();
        Scenario::read(&path).unwrap_or_else(|error| panic!("{error}"));
        files += 1;
    }
    assert!(files >= 15, "{files} files");
}

#[test]
fn mistakes_in_a_scenario_are_named() {
    for (text, wanted) in [
        ("sped = 1", "unknown field `sped`"),
        ("time_scale = 0", "time_scale"),
        ("run_seconds = -1", "run_seconds"),
        ("key = \"\"", "key"),
        ("[[drafts]]\nid = \"x\"", "`x`"),
        ("[[drafts]]\nid = \"task-unified-1-a\"\n[[drafts]]\nid = \"task-unified-1-a\"", "used twice"),
        ("[[rules]]\nprobability = 2", "rule 1"),
        ("[[rules]]\nat = [0]", "counting starts at 1"),
        ("[[rules]]\nthen = { links = 5 }", "`links`"),
        ("[[rules]]\nthen = { file = \"redirect\" }", "redirect_to"),
        ("[[faults]]\neffect = { kind = \"status\", status = 99 }", "fault 1"),
        ("[[faults]]\neffect = { kind = \"slow_headers\", seconds = -1 }", "fault 1"),
        ("[[faults]]\neffect = { kind = \"reset\" }", "reset"),
        ("[[faults]]\neffect = { kind = \"cut_body\", kep = 5 }", "kep"),
        ("picture_size = 0", "picture_size"),
        ("[[accounts]]\nname = \"a\"\nkey = \"sk-simulator-0123456789abcdef\"", "two accounts"),
        ("[[accounts]]\nname = \"\"\nkey = \"sk-x\"", "account name"),
        ("[[drafts]]\nid = \"task-unified-1-a\"\naccount = \"b\"", "no account `b`"),
        ("[[price_changes]]\nafter_seconds = -1", "price change 1"),
        ("[[published]]\nmodel = \"mj-v8\"", "published price 1"),
        ("[[faults]]\nafter_seconds = -1\neffect = { kind = \"html\" }", "after_seconds"),
        ("[[rules]]\nthen = { removed = [4] }", "`removed`"),
        ("[[rules]]\nthen = { redirect_status = 200 }", "`redirect_status`"),
        ("[[rules]]\nthen = { results_late_seconds = -1 }", "times"),
    ] {
        let error = Scenario::from_toml(text).expect_err(text).to_string();
        assert!(error.contains(wanted), "{text}: {error}");
    }
    let error = Scenario::read(&folder().join("none.toml")).expect_err("there is none").to_string();
    assert!(error.contains("none.toml"), "{error}");
}

#[test]
fn what_is_served_without_a_file_is_the_demo_without_what_is_timed_for_its_watcher() {
    let (demo, served) = (demo(), crate::simulator::served());
    assert_eq!((served.drafts.len(), served.faults.len()), (demo.drafts.len(), demo.faults.len() - 1));
    assert!(served.faults.iter().all(|fault| fault.decoys == 0));
}

#[tokio::test]
async fn the_demo_has_drafts_money_and_trouble() {
    let mut demo = demo();
    demo.picture_size = 64;
    let service = Fixture::with(demo).await;
    let balance = service.get("/v1/credits").await.json();
    assert_eq!(balance["data"]["user"], json!({"remaining_credits": 412.75, "used_credits": 88.3}));
    let mut ends = std::collections::BTreeMap::<String, usize>::new();
    let mut ids = Vec::new();
    for (n, draft) in service.simulator.draft_ids().iter().take(6).enumerate() {
        for image in 0..4 {
            let number = n as u64 * 4 + image;
            let mut reply = service.submit(number, &enhance(draft, image)).await;
            if reply.status == 429 {
                reply = service.submit(number, &enhance(draft, image)).await;
            }
            if (n, image) == (5, 2) {
                assert_eq!(reply.param(), "model_params.image_number", "moderation took that picture");
            } else {
                ids.push(reply.id());
            }
        }
    }
    service.advance(40.0);
    let slow = service.get("/v1/tasks?status=processing&model=mj-v7-enhance").await.json();
    assert_eq!(slow["total"], 2, "one is slow, besides the one of an earlier hour");
    service.advance(200.0);
    for id in ids {
        let task = service.read(&id).await;
        let code = task["error"]["code"].as_str().map_or(String::new(), |code| format!(" {code}"));
        *ends.entry(format!("{}{code}", task["status"].as_str().expect("a status"))).or_default() += 1;
    }
    assert_eq!(ends["failed content_policy_violation"], 1);
    assert_eq!(ends["failed service_error"], 1);
    assert_eq!(ends["failed generation_timeout"], 1);
    assert_eq!(ends["cancelled"], 1);
    assert_eq!(ends["completed"], 19);
}

#[tokio::test]
async fn the_demo_loses_an_answer_while_one_watches_and_not_before() {
    let service = Fixture::with(Scenario { picture_size: 64, ..demo() }).await;
    let drafts = service.simulator.draft_ids();
    let total = async || service.get("/v1/tasks?model=mj-v7-enhance").await.json()["total"].as_u64().expect("a number");
    assert_eq!(service.submit(0, &enhance(&drafts[0], 0)).await.status, 200, "calm at the start");
    service.advance(24.0);
    assert_eq!(service.submit(1, &enhance(&drafts[0], 1)).await.status, 200, "and for as long as one looks around");
    let before = total().await;
    service.advance(2.0);
    // Every repeat with the same key is lost too, so that the job stays unsure for whoever watches; the account has two tasks
    // that could be its own.
    for attempt in 0..4 {
        assert!(service.try_submit(&key(2), &enhance(&drafts[0], 2)).await.is_err(), "attempt {attempt}");
    }
    assert_eq!(total().await, before + 2);
    assert_eq!(service.submit(3, &enhance(&drafts[0], 3)).await.status, 200, "the others go on");
}

#[tokio::test]
async fn odd_tasks_are_as_odd_as_their_file_says() {
    let service = Fixture::with(stored("odd_tasks")).await;
    let drafts = service.simulator.draft_ids();
    let mut ids = vec![String::new()];
    for n in 0..22_u64 {
        let reply = service.submit(n, &enhance(&drafts[usize::try_from(n / 4).expect("small")], n % 4)).await;
        assert_eq!(reply.status, 200, "{}", reply.json());
        let ledger = service.simulator.ledger();
        ids.push(ledger.last().expect("an entry").task_id.clone());
    }
    assert_eq!(service.read(&ids[3]).await["status"], "pending");
    service.advance(1.8);
    let up = service.read(&ids[3]).await["progress"].clone();
    service.advance(1.0);
    assert_eq!(service.read(&ids[1]).await["status"], "queued_upstream");
    assert!(service.read(&ids[3]).await["progress"].as_u64() < up.as_u64(), "progress went back");
    assert_eq!(service.read(&ids[4]).await["progress"], 4711);
    assert!(service.read(&ids[5]).await.get("progress").is_none());
    service.advance(3.0);
    let done = async |n: usize| service.read(&ids[n]).await;
    assert_eq!(done(2).await["status"], "canceled");
    assert!(done(6).await["result_data"]["image_url"].is_string());
    assert_eq!(done(7).await["result_data"].as_array().map(Vec::len), Some(3));
    let twice = done(8).await;
    assert_eq!(twice["results"][1], twice["result_data"][1]["image_url"]);
    assert!(done(9).await["results"].is_null());
    assert!(done(10).await["trace"].is_object());
    assert!(done(11).await.get("usage").is_none());
    assert_eq!(done(12).await["id"], "task-unified-1-otherone");
    assert_eq!(done(13).await["error"]["code"], "task_not_found");
    assert_eq!(done(14).await["billing"]["charge_status"], "maybe");
    assert_eq!(done(15).await["billing"]["refunded_credits"], 2.7);
    assert_eq!(done(16).await["billing"]["refund_status"], "failed");
    assert_eq!(done(19).await["results"].as_array().map(Vec::len), Some(4));
    assert_eq!(done(20).await["usage"]["credits_reserved"], 7.2);
    assert_eq!(done(21).await["usage"]["credits_used"], 2.7);
    assert_eq!(done(22).await["status"], "archived");
}

#[tokio::test]
async fn lost_answers_come_back_with_the_same_key() {
    let service = Fixture::with(stored("lost_answers")).await;
    let draft = service.draft();
    for n in 0..8 {
        let body = enhance(&draft, n % 4);
        let id = loop {
            if let Ok(reply) = service.try_submit(&key(n), &body).await
                && reply.status == 200
                && let Some(id) = reply.json()["id"].as_str()
            {
                break id.to_owned();
            }
            service.advance(1.0);
        };
        assert_eq!(service.simulator.ledger().last().expect("an entry").task_id, id);
    }
    assert_eq!(service.simulator.ledger().len(), 8);
}

#[tokio::test]
async fn tasks_from_before_the_start_go_on() {
    let service = Fixture::with(stored("already_running")).await;
    let status = async |id: &str| service.read(id).await["status"].clone();
    assert_eq!(status("task-unified-1789900000-f1n1shed").await, "completed");
    assert_eq!(status("task-unified-1789900001-fa1led00").await, "failed");
    assert_eq!(status("task-unified-1790000700-runn1ng1").await, "processing");
    service.advance(9.0);
    let done = service.read("task-unified-1790000700-runn1ng1").await;
    assert_eq!(done["status"], "completed");
    assert_eq!(service.fetch(&link(&done)).await.status, 200);
    assert_eq!(status("task-unified-1790000701-runn1ng2").await, "processing");
    assert_eq!(service.simulator.ledger().len(), 4);
}

#[tokio::test]
async fn hostile_links_stand_in_the_answers() {
    let service = Fixture::with(stored("hostile_links")).await;
    let first = service.finished(0).await;
    assert_eq!(link(&first), "file:///etc/passwd");
    let second = service.finished(1).await;
    assert_eq!(link(&second), "http://10.0.0.7/file_1.png");
}

#[tokio::test]
async fn a_thousand_pictures_can_be_paid_for() {
    let scenario = stored("thousand");
    assert!(scenario.balance.account.uc() >= 1000 * scenario.prices.enhance.uc());
    let service = Fixture::with(scenario).await;
    let drafts = service.simulator.draft_ids();
    assert_eq!(drafts.len() * 4, 1000);
    assert_eq!(service.read(&drafts[249]).await["results"].as_array().map(Vec::len), Some(4));
}

fn document() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/scenarios.md");
    std::fs::read_to_string(path).expect("the document")
}

/// `SlowHeaders` as scenarios write it: `slow_headers`.
fn snake_case(name: &str) -> String {
    let mut written = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !written.is_empty() {
            written.push('_');
        }
        written.push(letter.to_ascii_lowercase());
    }
    written
}

#[test]
fn every_field_and_value_of_a_scenario_stands_in_its_document() {
    let document = document();
    let sources = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/simulator/scenario");
    let mut seen = 0;
    for entry in std::fs::read_dir(sources).expect("the folder") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("a source");
        let mut in_enum = false;
        let mut hidden = false;
        for line in text.lines() {
            if let Some(kind) = line.strip_prefix("pub ") {
                in_enum = kind.starts_with("enum ");
            } else if line == "}" {
                in_enum = false;
            }
            let inner = line.strip_prefix("    ").unwrap_or_default();
            let is_variant = in_enum && inner.starts_with(|first: char| first.is_ascii_uppercase());
            let name = if is_variant {
                inner.split([',', ' ', '{']).next().map(snake_case)
            } else {
                inner.strip_prefix("pub ").and_then(|field| field.split_once(": ")).map(|(name, _)| name.to_owned())
            };
            if let Some(name) = name.filter(|name| {
                !hidden && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
            }) {
                assert!(document.contains(&format!("| `{name}`")), "docs/scenarios.md does not name `{name}`");
                seen += 1;
            }
            hidden = inner.starts_with("#[serde(skip)]");
        }
    }
    assert!(seen > 150, "{seen} names");
}

#[test]
fn the_document_names_every_file_and_its_example_can_be_read() {
    let document = document();
    for entry in std::fs::read_dir(folder()).expect("the folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        assert!(document.contains(&format!("| `{name}` |")), "docs/scenarios.md does not name {name}");
    }
    let example = document.split("```toml").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    Scenario::from_toml(example).expect("a good example");
}
