use super::*;

async fn with(then: &str) -> (Fixture, Value) {
    let service = Fixture::new(&format!("[[rules]]\nat = [1]\nthen = {{ {then} }}")).await;
    let task = service.finished(1).await;
    (service, task)
}

#[tokio::test]
async fn a_result_is_a_picture_behind_a_link_with_an_extension() {
    let mut scenario = scenario("more_drafts = 2");
    scenario.picture_size = 1024;
    let service = Fixture::with(scenario).await;
    let task = service.finished(1).await;
    let link = link(&task);
    assert!(link.starts_with(&format!("{}/files/", service.simulator.base_url())), "{link}");
    assert_eq!(std::path::Path::new(&link).extension(), Some("png".as_ref()));
    let reply = service.fetch(&link).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("image/png")));
    assert_eq!(reply.header("content-length"), Some(reply.body.len().to_string().as_str()));
    let picture = image::load_from_memory(&reply.body).expect("a picture");
    assert_eq!((picture.width(), picture.height()), (1024, 1024));
    assert_eq!(service.fetch(&link).await.body, reply.body, "the same bytes every time");
}

#[tokio::test]
async fn a_draft_shows_four_different_sketches() {
    let service = Fixture::new("").await;
    let draft = service.read(&service.draft()).await;
    let links = draft["results"].as_array().expect("links").clone();
    let mut bodies = Vec::new();
    for link in &links {
        bodies.push(service.fetch(link.as_str().expect("text")).await.body);
    }
    bodies.sort();
    bodies.dedup();
    assert_eq!((links.len(), bodies.len()), (4, 4));
}

#[tokio::test]
async fn other_file_types_have_their_own_extension_and_type() {
    for (format, extension, kind) in [("jpeg", "jpg", "image/jpeg"), ("webp", "webp", "image/webp")] {
        let (service, task) = with(&format!("picture_format = \"{format}\"")).await;
        let link = link(&task);
        assert_eq!(std::path::Path::new(&link).extension(), Some(extension.as_ref()));
        let reply = service.fetch(&link).await;
        assert_eq!(reply.header("content-type"), Some(kind));
        image::load_from_memory(&reply.body).expect("a picture");
    }
}

#[tokio::test]
async fn a_part_of_a_file_can_be_asked_for() {
    let service = Fixture::new("").await;
    let link = link(&service.finished(1).await);
    let whole = service.fetch(&link).await;
    let total = whole.body.len();
    let tag = whole.header("etag").expect("a tag").to_owned();
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let part = |range: String| Fixture::run(service.http.get(&link).header("Range", range));
    for (range, from, to) in [
        ("bytes=0-9".to_owned(), 0, 9),
        (format!("bytes={}-", total - 5), total - 5, total - 1),
        ("bytes=-7".to_owned(), total - 7, total - 1),
        (format!("bytes=10-{}", total + 100), 10, total - 1),
    ] {
        let reply = part(range.clone()).await.expect("an answer");
        assert_eq!(reply.status, 206, "{range}");
        assert_eq!(reply.header("content-range"), Some(format!("bytes {from}-{to}/{total}").as_str()));
        assert_eq!(reply.body, whole.body[from..=to]);
    }
    let beyond = part(format!("bytes={total}-")).await.expect("an answer");
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some(format!("bytes */{total}").as_str())));
    let kept = service.http.get(&link).header("Range", "bytes=5-").header("If-Range", &tag);
    assert_eq!(Fixture::run(kept).await.expect("an answer").status, 206);
    let changed = service.http.get(&link).header("Range", "bytes=5-").header("If-Range", "\"other\"");
    assert_eq!(Fixture::run(changed).await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_link_dies_after_24_hours_and_reading_again_does_not_help() {
    let service = Fixture::new("").await;
    let id = service.task(1).await;
    service.advance(5.5);
    let first = link(&service.read(&id).await);
    service.advance(24.0 * 3600.0 - 60.0);
    assert_eq!(service.fetch(&first).await.status, 200);
    service.advance(61.0);
    assert_eq!(service.fetch(&first).await.status, 403);
    assert_eq!(link(&service.read(&id).await), first);
}

#[tokio::test]
async fn a_fresh_link_can_come_from_reading_again() {
    let service = Fixture::new("fresh_links = true").await;
    let id = service.task(1).await;
    service.advance(5.5);
    let first = link(&service.read(&id).await);
    service.advance(25.0 * 3600.0);
    let second = link(&service.read(&id).await);
    assert_ne!(first, second);
    assert_eq!((service.fetch(&first).await.status, service.fetch(&second).await.status), (403, 200));
}

#[tokio::test]
async fn links_cannot_be_guessed_or_used_early() {
    let service = Fixture::new("").await;
    let link = link(&service.finished(1).await);
    let (path, file) = link.rsplit_once('/').expect("a path");
    for bad in
        ["file_0000.png".to_owned(), "file_x.png".to_owned(), file.replace(".png", ".jpg"), file.replace("file_", "file_f")]
    {
        assert_eq!(service.fetch(&format!("{path}/{bad}")).await.status, 404, "{bad}");
    }
    assert_eq!(service.fetch("/files/").await.status, 404);
}

#[tokio::test]
async fn the_file_server_can_be_hostile() {
    for (answer, status, kind) in [
        ("html", 200, Some("text/html; charset=utf-8")),
        ("disguised", 200, Some("image/png")),
        ("wrong_type", 200, Some("text/plain")),
        ("no_type", 200, None),
        ("empty", 200, Some("image/png")),
        ("missing", 404, Some("text/html; charset=utf-8")),
        ("forbidden", 403, Some("text/html; charset=utf-8")),
        ("broken", 500, Some("text/html; charset=utf-8")),
        ("half_picture", 200, Some("image/png")),
    ] {
        let (service, task) = with(&format!("file = \"{answer}\"")).await;
        let reply = service.fetch(&link(&task)).await;
        assert_eq!((reply.status, reply.header("content-type")), (status, kind), "{answer}");
        let opens = image::load_from_memory(&reply.body).is_ok();
        assert_eq!(opens, matches!(answer, "wrong_type" | "no_type"), "{answer}");
    }
}

#[tokio::test]
async fn a_truncated_file_breaks_off() {
    let (service, task) = with("file = \"truncated\"").await;
    assert!(Fixture::run(service.http.get(link(&task))).await.is_err());
}

#[tokio::test]
async fn huge_files_are_announced_or_endless() {
    let (service, task) = with("file = \"huge\"").await;
    let mut response = service.http.get(link(&task)).send().await.expect("headers");
    assert_eq!(response.content_length(), Some(2 << 30));
    assert!(response.chunk().await.expect("bytes").expect("bytes").starts_with(b"\x89PNG"));
    let (service, task) = with("file = \"endless\"").await;
    let mut response = service.http.get(link(&task)).send().await.expect("headers");
    assert_eq!(response.content_length(), None);
    let mut seen = 0;
    while seen < 1 << 20 {
        seen += response.chunk().await.expect("bytes").expect("no end").len();
    }
}

#[tokio::test]
async fn redirects_lead_where_the_scenario_says() {
    let (service, task) = with("file = \"redirect\", redirect_to = \"http://192.168.1.1/x.png\"").await;
    let reply = service.fetch(&link(&task)).await;
    assert_eq!((reply.status, reply.header("location")), (302, Some("http://192.168.1.1/x.png")));
    let (service, task) = with("file = \"redirect_loop\"").await;
    let reply = service.fetch(&link(&task)).await;
    assert!(link(&task).ends_with(reply.header("location").expect("a place")));
}

#[tokio::test]
async fn ranges_can_be_unsupported() {
    let (service, task) = with("file = \"no_ranges\"").await;
    let reply = Fixture::run(service.http.get(link(&task)).header("Range", "bytes=5-")).await.expect("an answer");
    assert_eq!((reply.status, reply.header("accept-ranges")), (200, None));
}

#[tokio::test]
async fn nameless_clients_and_api_keys_at_the_file_server_are_noticed() {
    let service = Fixture::new("refuse_anonymous_downloads = true").await;
    let link = link(&service.finished(1).await);
    let reply = service.fetch(&link).await;
    assert_eq!((reply.status, reply.body.as_slice()), (403, b"error code: 1010".as_slice()));
    assert_eq!(Fixture::run(service.http.get(&link).header("User-Agent", "tool/1")).await.expect("an answer").status, 200);
    assert_eq!(service.simulator.counts().keyed_downloads, 0);
    service.get(&link).await;
    assert_eq!(service.simulator.counts().keyed_downloads, 1);
}
