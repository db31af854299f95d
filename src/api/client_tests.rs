//! The client over real sockets on loopback.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

use super::*;
use crate::api::PaidVerdict;
use crate::job::Model;
use crate::job::retry::Lost;

const KEY: &str = "sk-evo-0123456789abcdef";

/// A server on a free port that reads one whole request from each connection and hands it to `answer`.
fn serve(answer: impl Fn(&str, &mut TcpStream) + Send + 'static) -> (Client, mpsc::Receiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (heard, hear) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = read_request(&mut stream);
            heard.send(request.clone()).ok();
            answer(&request, &mut stream);
        }
    });
    (client(&base), hear)
}

fn client(base: &str) -> Client {
    Client::new(&ClientOptions { base_url: base.parse().unwrap(), key: KEY.to_owned().into() }).unwrap()
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some(head) = text.find("\r\n\r\n") {
            let length =
                text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok()).unwrap_or(0);
            if bytes.len() >= head + 4 + length {
                return String::from_utf8_lossy(&bytes).into_owned();
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return String::new(),
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
        }
    }
}

fn say(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n", body.len());
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).ok();
}

fn always(status: &'static str, headers: &'static str, body: &'static str) -> (Client, mpsc::Receiver<String>) {
    serve(move |_, stream| say(stream, status, headers, body.as_bytes()))
}

fn id(text: &str) -> TaskId {
    TaskId::new(text).unwrap()
}

fn key() -> IdempotencyKey {
    IdempotencyKey::from_random([3; 16])
}

#[tokio::test]
async fn a_send_goes_out_byte_for_byte_with_its_key() {
    let (client, hear) = always(
        "200 OK",
        "X-Request-Id: r1\r\nIdempotency-Replayed: TRUE\r\n",
        r#"{"id":"task-unified-1-a","status":"pending","usage":{"credits_reserved":5.4}}"#,
    );
    let body = r#"{"model":"mj-v7-enhance"}"#;
    let submitted = client.submit(&key(), body).await.unwrap();
    assert!(submitted.replayed);
    assert_eq!(submitted.report.request_id.as_deref(), Some("r1"));
    assert_eq!(submitted.report.reserved, Some(Credits::PUBLISHED_PRICE));
    let heard = hear.recv().unwrap();
    let lower = heard.to_lowercase();
    assert!(heard.starts_with("POST /v1/images/generations HTTP/1.1\r\n"), "{heard}");
    assert!(heard.ends_with(&format!("\r\n\r\n{body}")), "{heard}");
    for header in [
        format!("authorization: bearer {KEY}"),
        format!("idempotency-key: {}", key().as_str()),
        "content-type: application/json".into(),
        "accept: application/json".into(),
        format!("user-agent: mj-enhance/{}", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(lower.contains(&format!("\r\n{header}\r\n")), "{header} in {heard}");
    }
}

#[tokio::test]
async fn a_send_is_never_repeated_and_a_reset_is_a_lost_answer() {
    let (client, hear) = serve(|_, _| {});
    let error = client.submit(&key(), "{}").await.unwrap_err();
    assert_eq!((error.class, error.paid()), (ErrorClass::Network, PaidVerdict::Lost(Lost::Answer)));
    assert!(hear.recv().is_ok());
    drop(client);
    assert!(hear.try_recv().is_err(), "one request, one connection");
}

#[tokio::test]
async fn a_port_nobody_listens_on_proves_that_nothing_was_sent() {
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let error = client(&format!("http://127.0.0.1:{port}")).submit(&key(), "{}").await.unwrap_err();
    assert_eq!((error.code.as_str(), error.paid()), (NOT_CONNECTED, PaidVerdict::NotNow));
}

#[tokio::test]
async fn a_slow_or_cut_body_is_a_lost_answer() {
    let (mut client, _hear) = serve(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"id\":").ok();
        // Held open until the other side gives up.
        stream.read_exact(&mut [0; 1]).ok();
    });
    client.limits.submit = Duration::from_millis(200);
    let error = client.submit(&key(), "{}").await.unwrap_err();
    assert_eq!((error.code.as_str(), error.paid()), ("timeout", PaidVerdict::Lost(Lost::Answer)));

    let (client, _hear) = serve(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"id\":").ok();
    });
    let error = client.submit(&key(), "{}").await.unwrap_err();
    assert_eq!((error.class, error.paid()), (ErrorClass::Network, PaidVerdict::Lost(Lost::Answer)));
}

#[tokio::test]
async fn two_hundreds_without_a_task_are_lost_answers() {
    for body in ["", "<html>ok</html>", "{}", r#"{"id":"bad id"}"#, r#"{"success":false,"message":"no"}"#, "[]", "null"] {
        let (client, _hear) = always("200 OK", "", body);
        let error = client.submit(&key(), "{}").await.unwrap_err();
        assert_eq!((error.class, error.paid()), (ErrorClass::InvalidResponse, PaidVerdict::Lost(Lost::Answer)), "{body}");
    }
}

#[tokio::test]
async fn packed_answers_are_asked_for_and_unpacked() {
    // `{"id":"a","status":"pending"}`, packed.
    let packed = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\xca\x4c\x51\xb2\x52\x4a\x54\xd2\x51\x2a\x2e\x49\x2c\x29\x2d\x06\x72\x0a\x52\xf3\x52\x32\xf3\xd2\x95\x6a\x01\x78\x99\x62\xa0\x1d\x00\x00\x00";
    let (client, hear) = serve(move |_, stream| say(stream, "200 OK", "Content-Encoding: gzip\r\n", packed));
    assert_eq!(client.task(&id("a")).await.unwrap().status, crate::job::TaskStatus::Pending);
    assert!(hear.recv().unwrap().to_lowercase().contains("\r\naccept-encoding: gzip\r\n"));
}

#[tokio::test]
async fn an_answer_that_does_not_unpack_is_nonsense_and_lost() {
    let (client, _hear) = always("200 OK", "Content-Encoding: gzip\r\n", "this was never packed, whatever the header says");
    let error = client.submit(&key(), "{}").await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::InvalidResponse, "unreadable_answer"), "{error}");
    assert_eq!(error.paid(), PaidVerdict::Lost(Lost::Answer));
}

#[tokio::test]
async fn a_small_answer_that_unpacks_without_end_is_left_at_the_limit() {
    // 1 GiB of blanks in about 1 MB, after which JSON would begin.
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let blanks = vec![b' '; 1 << 20];
    for _ in 0..64 {
        packed.write_all(&blanks).unwrap();
    }
    let member = packed.finish().unwrap();
    let bomb = member.repeat(16);
    assert!(bomb.len() < 8 << 20, "{}", bomb.len());
    let (client, _hear) = serve(move |_, stream| say(stream, "200 OK", "Content-Encoding: gzip\r\n", &bomb));
    let error = client.task(&id("a")).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::InvalidResponse, "answer_too_large"));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (client, hear) = always("307 Temporary Redirect", "Location: /elsewhere\r\n", "");
    let error = client.submit(&key(), "{}").await.unwrap_err();
    assert_eq!((error.status, error.paid()), (Some(307), PaidVerdict::Lost(Lost::Answer)));
    assert_eq!(hear.iter().take(1).count(), 1);
    assert!(hear.try_recv().is_err());
}

#[tokio::test]
async fn an_answer_about_another_task_is_no_answer() {
    let (client, hear) = always("200 OK", "", r#"{"id":"task-unified-1-b","status":"completed"}"#);
    let error = client.task(&id("task-unified-1-a")).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::InvalidResponse, "other_task"));
    assert!(hear.recv().unwrap().starts_with("GET /v1/tasks/task-unified-1-a HTTP/1.1"));
}

#[tokio::test]
async fn a_failed_task_is_an_answer_and_not_an_error() {
    let (client, _hear) = always(
        "200 OK",
        "X-Request-Id: r9\r\n",
        r#"{"id":"a","status":"failed","error":{"code":"service_error","message":"x"}}"#,
    );
    let report = client.task(&id("a")).await.unwrap();
    assert_eq!(report.failure.unwrap().request_id.as_deref(), Some("r9"));
}

#[tokio::test]
async fn no_more_is_read_than_the_limit() {
    let (client, _hear) = serve(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok();
        while stream.write_all(&[b' '; 8_192]).is_ok() {}
    });
    let error = client.task(&id("a")).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::InvalidResponse, "answer_too_large"));

    let (client, _hear) = serve(|_, stream| {
        stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html><title>Down</title>").ok();
        while stream.write_all(&[b' '; 8_192]).is_ok() {}
    });
    let error = client.task(&id("a")).await.unwrap_err();
    assert_eq!((error.class, error.message.as_str()), (ErrorClass::Server, "the answer was a web page: Down"));
}

#[tokio::test]
async fn batches_lists_balance_models_and_price_are_asked_as_the_reference_says() {
    let (client, hear) = serve(|request, stream| {
        let body = match request.split(' ').nth(1).unwrap_or_default() {
            "/v1/tasks/batch" => r#"{"code":200,"data":[{"id":"a","status":"processing"},{"id":"z"}]}"#,
            "/v1/tasks?status=completed&type=image&model=mj-v7&page=1&page_size=50" => r#"{"data":[{"id":"a"}],"page":1}"#,
            "/v1/credits" => {
                r#"{"success":true,"data":{"user":{"remaining_credits":412.75},"token":{"unlimited_credits":true,"remaining_credits":0}}}"#
            }
            "/v1/models" => r#"{"data":[{"id":"mj-v7-enhance"}]}"#,
            "/v1/catalog/models/mj-v7-enhance/pricing-rules?view=full" => {
                r#"{"model":{"model_id":"mj-v7-enhance","components":[{"rate":{"credits":"5.4"}}]}}"#
            }
            "/v1/catalog/models/mj-v7/pricing-rules?view=full" => {
                r#"{"model":{"model_id":"mj-v7","components":[{"rate":{"credits":"2.7"},"quantity_rule":{"op":"lookup","key":{"op":"variable","name":"speed"},"values":{"draft":"1","fast":"2","turbo":"4"}}}]}}"#
            }
            _ => r#"{"error":{"code":"nowhere"}}"#,
        };
        say(stream, "200 OK", "", body.as_bytes());
    });
    assert_eq!(client.batch(&[]).await, Ok(Vec::new()));
    assert_eq!(client.batch(&[id("a"), id("b")]).await.unwrap().len(), 1);
    assert!(hear.recv().unwrap().ends_with(r#"{"task_ids":["a","b"]}"#));
    assert_eq!(client.batch(&vec![id("a"); 51]).await.unwrap_err().code, "too_many_ids");
    let query = ListQuery { model: Some(Model::Draft), status: Some("completed"), page: 1, page_size: 50 };
    assert_eq!(client.list(query).await.unwrap().rows.len(), 1);
    let balance = client.credits().await.unwrap();
    assert_eq!((balance.account.to_string().as_str(), balance.key), ("412.75", None));
    assert_eq!(client.models().await.unwrap(), ["mj-v7-enhance"]);
    let keyed = hear.iter().take(3).filter(|request| request.contains(KEY)).count();
    assert_eq!(keyed, 3);
    assert_eq!(client.price(Model::Enhance).await, Ok(Credits::PUBLISHED_PRICE));
    assert_eq!(client.price(Model::Draft).await, Ok(Credits::PUBLISHED_DRAFT_PRICE));
    assert!(hear.iter().take(2).all(|request| !request.contains(KEY)), "the public catalog gets no key");
}

#[tokio::test]
async fn a_price_that_did_not_change_is_not_sent_again() {
    let body = r#"{"model":{"model_id":"mj-v7-enhance","components":[{"rate":{"credits":"8.1"}}]}}"#;
    let (client, hear) = serve(move |request, stream| {
        if request.to_lowercase().contains("if-none-match: \"p1\"") {
            say(stream, "304 Not Modified", "ETag: \"p1\"\r\n", b"");
        } else {
            say(stream, "200 OK", "ETag: \"p1\"\r\n", body.as_bytes());
        }
    });
    for _ in 0..3 {
        assert_eq!(client.price(Model::Enhance).await, Ok(Credits::from_uc(81_000)));
    }
    assert_eq!(hear.iter().take(3).filter(|request| request.to_lowercase().contains("if-none-match")).count(), 2);
    let (client, _) = always("304 Not Modified", "", "");
    assert!(client.price(Model::Enhance).await.is_err(), "not modified, compared with nothing");
}

#[tokio::test]
async fn a_page_in_the_services_place_bars_sending_and_rejects_no_job() {
    for (status, body, verdict) in [
        ("404 Not Found", "<html><title>404</title></html>", PaidVerdict::Barred),
        ("404 Not Found", "", PaidVerdict::Barred),
        ("404 Not Found", r#"{"detail":"Not Found"}"#, PaidVerdict::Barred),
        ("405 Method Not Allowed", "<html>", PaidVerdict::Barred),
        ("400 Bad Request", "<html><title>400 The plain HTTP request was sent to HTTPS port</title>", PaidVerdict::Barred),
        ("403 Forbidden", "<html>Access denied</html>", PaidVerdict::Barred),
        ("404 Not Found", r#"{"error":{"code":"resource_not_found","message":"no draft"}}"#, PaidVerdict::Rejected),
        ("400 Bad Request", r#"{"error":{"code":"invalid_parameters","message":"bad"}}"#, PaidVerdict::Rejected),
    ] {
        let (client, _) = always(status, "", body);
        assert_eq!(client.submit(&key(), "{}").await.unwrap_err().paid(), verdict, "{status} {body}");
    }
}

#[tokio::test]
async fn only_the_services_own_words_say_that_a_task_is_unknown() {
    for (status, body, unknown) in [
        ("404 Not Found", r#"{"error":{"code":"task_not_found","message":"no","type":"x"}}"#, true),
        ("404 Not Found", r#"{"error":{"code":404,"message":"no"}}"#, false),
        ("404 Not Found", "<html>task_not_found</html>", false),
        ("404 Not Found", "task_not_found", false),
        ("403 Forbidden", r#"{"error":{"code":"permission_denied","message":"no"}}"#, false),
    ] {
        let (client, _) = always(status, "", body);
        let error = client.task(&id("task-unified-1-a")).await.unwrap_err();
        assert_eq!(error.says_task_is_unknown(), unknown, "{status} {body}");
    }
}

#[tokio::test]
async fn a_balance_that_is_error_body_is_an_error() {
    let (client, _hear) = always("200 OK", "", r#"{"success":false,"message":"database is down"}"#);
    let error = client.credits().await.unwrap_err();
    assert_eq!((error.class, error.message.as_str()), (ErrorClass::Server, "database is down"));
    let (client, _hear) = always("200 OK", "", r#"{"success":false,"code":401,"msg":"who?"}"#);
    assert_eq!(client.credits().await.unwrap_err().class, ErrorClass::Login);
}

#[tokio::test]
async fn the_key_is_in_no_debug_form_and_no_error() {
    let (client, _hear) = serve(|request, stream| say(stream, "401 Unauthorized", "", request.as_bytes()));
    let error = client.credits().await.unwrap_err();
    for said in [format!("{client:?}"), format!("{error:?}"), error.to_string()] {
        assert!(!said.contains("0123456789abcdef"), "{said}");
    }
}

#[test]
fn bad_bases_and_keys_are_told_at_once() {
    let make = |base: &str, key: &str| {
        Client::new(&ClientOptions { base_url: base.parse().unwrap(), key: key.to_owned().into() }).map_err(|error| error.code)
    };
    for base in [
        "http://api.evolink.ai",
        "ftp://x",
        "https://u:p@x",
        "https://x/?a",
        "https://x/v1/",
        "http://127.0.0.1.nip.io",
        "data:x",
    ] {
        assert_eq!(make(base, KEY).unwrap_err(), "bad_base_url", "{base}");
    }
    for base in [
        "https://api.evolink.ai",
        "https://api.evolink.ai/",
        "http://127.0.0.1:9/",
        "http://[::1]:9",
        "http://localhost:9",
        "https://x/proxy/",
    ] {
        assert!(make(base, KEY).is_ok(), "{base}");
    }
    assert_eq!(make("https://x", " ").unwrap_err(), "no_key");
    assert_eq!(make("https://x", "a\nb").unwrap_err(), "bad_key");
}

#[tokio::test]
async fn a_client_with_certificates_can_be_built() {
    assert!(client("https://api.evolink.ai").http().await.is_ok());
    assert!(client("http://localhost:9").http().await.is_ok());
}

#[tokio::test]
async fn the_services_clock_is_known_from_keyed_answers_and_goes_on() {
    let dated = "Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n";
    let date = Timestamp::from_second(784_887_151).unwrap();
    let (client, _hear) = always("200 OK", dated, r#"{"id":"a","status":"pending"}"#);
    assert_eq!(client.time(), None);
    // The public price may come out of a cache, and its date with it.
    let _ = client.price(Model::Enhance).await;
    assert_eq!(client.time(), None);
    client.task(&id("a")).await.unwrap();
    let shown = client.time().unwrap();
    assert!(shown >= date && shown < date + SignedDuration::from_mins(5), "{shown}");
    // The page of a portal has a clock of its own.
    for (status, body) in [("200 OK", "<html>log in</html>"), ("403 Forbidden", "no"), ("502 Bad Gateway", "")] {
        let (client, _hear) = always(status, dated, body);
        let _ = client.task(&id("a")).await.unwrap_err();
        assert_eq!(client.time(), None, "{status}");
    }
}

#[test]
fn a_machine_that_slept_or_whose_clock_was_turned_does_not_know_the_services_time() {
    let date = Timestamp::from_second(784_887_151).unwrap();
    for (off, known) in [(0, true), (5, true), (-5, true), (60, false), (-60, false)] {
        let at = Timestamp::now() + SignedDuration::from_secs(off);
        let heard = Heard { date, since: Instant::now(), at };
        assert_eq!(heard.now().is_some(), known, "{off} s");
    }
}

fn proxied(pairs: &[(&str, &str)]) -> Client {
    let pairs: Vec<(String, String)> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    client("https://api.example").with_proxies(ProxySettings::read(move |name| {
        pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }))
}

#[tokio::test]
async fn calls_take_the_proxy_of_the_environment() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let proxy = format!("http://user:word@{}", listener.local_addr().unwrap());
    let (heard, hear) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        heard.send(read_request(&mut stream)).unwrap();
        say(&mut stream, "502 Bad Gateway", "", b"");
    });
    let error = proxied(&[("HTTPS_PROXY", &proxy)]).credits().await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Network, "{error:?}");
    let request = hear.recv().unwrap().to_lowercase();
    assert!(
        request.starts_with("connect api.example:443 http/1.1\r\n") && request.contains("proxy-authorization: basic "),
        "{request}"
    );
    assert!(!request.contains("bearer"), "the key goes through the tunnel alone: {request}");
}

#[tokio::test]
async fn a_socks_proxy_is_named_with_its_variable() {
    let error = proxied(&[("ALL_PROXY", "socks5h://user:word@127.0.0.1:1080")]).credits().await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Local, "socks_not_supported"));
    assert!(error.message.contains("ALL_PROXY") && error.message.contains("SOCKS is not supported"), "{error:?}");
    assert!(!error.message.contains("word@"), "{error:?}");
}
