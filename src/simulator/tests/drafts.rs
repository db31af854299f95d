use super::*;

fn draft(prompt: &str) -> Value {
    json!({"model": "mj-v7", "prompt": prompt, "model_params": {"speed": "draft"}})
}

async fn pictures(service: &Fixture, task: &Value) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for link in task["results"].as_array().expect("links") {
        files.push(service.fetch(link.as_str().expect("text")).await.body);
    }
    files
}

#[tokio::test]
async fn a_draft_has_four_different_pictures_of_512_pixels_from_its_prompt_and_seed() {
    let service = Fixture::with(Scenario { picture_size: 1024, ..stored("drafts") }).await;
    let mut sets = Vec::new();
    for (n, prompt) in ["a hill --seed 5", "a hill --seed 5 --ar 1:1", "a hill --seed 6", "a lake --seed 5", "a hill", "a hill"]
        .into_iter()
        .enumerate()
    {
        let reply = service.submit(n as u64, &draft(prompt)).await;
        assert_eq!(reply.json()["usage"]["credits_reserved"], 2.7);
        service.advance(7.0);
        let task = service.read(&reply.id()).await;
        assert!(task.get("prompt").is_none() && task.get("model_params").is_none(), "the service does not repeat them");
        sets.push(pictures(&service, &task).await);
    }
    let mut first = sets[0].clone();
    let picture = image::load_from_memory(&first[3]).expect("a picture");
    assert_eq!((picture.width(), picture.height()), (512, 512));
    first.sort();
    first.dedup();
    assert_eq!(first.len(), 4);
    assert_eq!(sets[0], sets[1], "the same words and seed show the same");
    assert!(sets[0] != sets[2] && sets[0] != sets[3] && sets[4] != sets[5]);
    let ledger = service.simulator.ledger();
    assert_eq!((ledger[3].prompt.as_deref(), ledger[3].source.as_deref()), (Some("a lake --seed 5"), None));
}

#[tokio::test]
async fn an_enhanced_picture_looks_like_the_one_it_was_made_from() {
    let service = Fixture::with(stored("drafts")).await;
    let made = service.submit(1, &draft("a hill")).await.id();
    service.advance(7.0);
    let small = |bytes: &[u8]| {
        let image = image::load_from_memory(bytes).expect("a picture");
        image.resize_exact(8, 8, image::imageops::FilterType::Triangle).into_rgb8()
    };
    let distance = |a: &image::RgbImage, b: &image::RgbImage| -> u64 {
        a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum()
    };
    for (n, source) in [(2, made.as_str()), (3, "task-unified-1790000100-k3v9q2ad")] {
        let sketches = pictures(&service, &service.read(source).await).await;
        let id = service.submit(n, &enhance(source, 2)).await.id();
        service.advance(7.0);
        let result = small(&pictures(&service, &service.read(&id).await).await[0]);
        let distances: Vec<u64> = sketches.iter().map(|sketch| distance(&small(sketch), &result)).collect();
        assert!(distances.iter().enumerate().all(|(n, other)| n == 2 || distances[2] < *other), "{source}: {distances:?}");
    }
}

#[tokio::test]
async fn words_of_a_prompt_decide_what_becomes_of_it() {
    let service = Fixture::with(stored("drafts")).await;
    let refused = service.submit(1, &draft("Blood, on snow --ar 1:1")).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "content_policy_violation"));
    assert!(service.simulator.ledger().is_empty(), "nothing was created or reserved");
    let submit = async |n: u64, prompt: &str| service.submit(n, &draft(prompt)).await.id();
    let (crowd, mirror, battle) =
        (submit(2, "a crowd at dawn").await, submit(3, "a mirror").await, submit(4, "the battle").await);
    let (cathedral, bloodhound) = (submit(5, "cathedral").await, submit(6, "a bloodhound").await);
    service.advance(7.0);
    let crowd = service.read(&crowd).await;
    assert_eq!((crowd["results"].as_array().map(Vec::len), &crowd["usage"]["credits_used"]), (Some(3), &json!(2.7)));
    assert_eq!(service.read(&mirror).await["results"], json!([]));
    assert_eq!(service.read(&battle).await["error"]["code"], "content_policy_violation");
    assert_eq!(service.read(&cathedral).await["status"], "pending");
    assert_eq!(service.read(&bloodhound).await["results"].as_array().map(Vec::len), Some(4), "only whole words count");
}

#[tokio::test]
async fn parameters_that_do_not_go_together_are_refused_before_anything_is_paid() {
    let service = Fixture::with(stored("drafts")).await;
    for (prompt, code) in [
        ("a hill --tile", "invalid_parameters"),
        ("a hill --oref https://x.example/a.png", "invalid_parameters"),
        ("a hill --s 2000", "invalid_parameters"),
        ("a hill --ar 3:2 in rain", "invalid_parameters"),
        ("a hill --niji 6", "unsupported_parameters"),
        ("{red, blue} hill", "unsupported_parameters"),
    ] {
        let reply = service.submit(1, &draft(prompt)).await;
        assert_eq!((reply.status, reply.code().as_str(), reply.param().as_str()), (400, code, "prompt"), "{prompt}");
    }
    assert!(service.simulator.ledger().is_empty());
    let dear = service.submit(2, &draft("a hill --q 2")).await;
    assert_eq!(dear.json()["usage"]["credits_reserved"], 5.4, "quality costs more");
}

#[tokio::test]
async fn after_half_a_minute_of_the_demo_one_answer_is_lost_among_two_tasks() {
    let service = Fixture::with(Scenario { picture_size: 64, ..demo() }).await;
    let drafts = service.simulator.draft_ids();
    assert_eq!(service.submit(1, &enhance(&drafts[0], 0)).await.status, 200);
    let before = service.get("/v1/tasks?model=mj-v7-enhance&status=processing").await.json()["total"].clone();
    assert_eq!(before, 2, "calm at the start: the job just sent, and one that nobody watches");
    service.advance(26.0);
    let body = enhance(&drafts[0], 1);
    for _ in 0..5 {
        assert!(service.try_submit(&key(2), &body).await.is_err(), "every repeat is lost too");
    }
    assert_eq!(service.submit(3, &enhance(&drafts[0], 2)).await.status, 200, "the next job is not");
    let list = service.get("/v1/tasks?model=mj-v7-enhance&page_size=3").await.json();
    let fresh = list["data"].as_array().expect("rows").iter().filter(|row| row["status"] == "pending").count();
    assert_eq!(fresh, 3, "two tasks may be the answer, besides the next job's");
    assert_eq!(service.simulator.ledger().iter().filter(|entry| !entry.seeded).count(), 3);
}
