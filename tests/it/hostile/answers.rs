//! Spoilt answers to paid requests and to reads.

use std::io::Write as _;
use std::time::Duration;

use mj_enhance::api::{Client, ClientOptions, Service};
use mj_enhance::engine::{Level, NoticeKind, PauseReason};
use mj_enhance::job::{Charge, ErrorClass, State, TaskId};
use mj_enhance::simulator::Route;

use super::{for_each, serve, until_asking};
use crate::stage::{DRAFT, FAST, Setup, Stage};

fn one_job(faults: &str) -> Stage {
    let mut stage = Stage::start(&format!("{FAST}\n{faults}"), Setup::default());
    stage.add_lines(&[&format!("{DRAFT} 2")]);
    stage
}

fn fault(route: &str, at: &str, effect: &str) -> String {
    format!("[[faults]]\nroute = \"{route}\"\nat = {at}\neffect = {effect}\n")
}

fn notes(stage: &mut Stage) -> String {
    let id = stage.job().id;
    let lines: Vec<String> =
        stage.details_of(id).timeline.iter().map(|entry| format!("{}: {}", entry.state, entry.note)).collect();
    lines.join("\n")
}

#[test]
fn a_lost_answer_to_a_paid_request_ends_with_one_charge_and_one_picture() {
    let cases = [
        ("reset_before", "{ kind = \"reset_before\" }", 0, "the connection broke off"),
        ("reset_after", "{ kind = \"reset_after\" }", 1, "the connection broke off"),
        ("cut", "{ kind = \"cut_body\", keep = 20 }", 1, "the connection broke off"),
        ("html", "{ kind = \"html\" }", 1, "it was no valid JSON"),
        ("no id", "{ kind = \"no_id\" }", 1, "it names no task"),
        ("bad id", "{ kind = \"other_id\", id = \"../../etc/passwd\" }", 1, "it names no task"),
        ("empty", "{ kind = \"empty_body\" }", 1, "it was empty"),
        ("half", "{ kind = \"half_json\" }", 1, "it was no valid JSON"),
        ("null", "{ kind = \"null_body\" }", 1, "it names no task"),
        ("utf-8", "{ kind = \"invalid_utf8\" }", 1, "it names no task"),
        // Small enough to be through before the repeats' window is over, also on a busy machine.
        ("6 MB", "{ kind = \"huge_body\", megabytes = 6 }", 1, "it has more than 4 MiB"),
        ("redirect", "{ kind = \"redirect\", location = \"http://169.254.169.254/\" }", 1, "302"),
        ("500", "{ kind = \"status\", status = 500 }", 0, "HTTP 500"),
        ("502 page", "{ kind = \"status\", status = 502, body = \"html\" }", 0, "HTTP 502"),
        ("503 empty", "{ kind = \"status\", status = 503, body = \"empty\" }", 0, "HTTP 503"),
        ("504", "{ kind = \"status\", status = 504, body = \"upper\" }", 0, "HTTP 504"),
        ("408", "{ kind = \"status\", status = 408, code = \"\", body = \"integer\" }", 0, "HTTP 408"),
    ];
    for_each(&cases, |(name, effect, replays, said)| {
        let mut stage = one_job(&fault("submit", "[1]", effect));
        until_asking(&mut stage, name, |stage| stage.jobs.len() == 1 && stage.all_are(State::Saved));
        let job = stage.job();
        assert_eq!((job.charge, job.files.len()), (Some(Charge::Charged), 1), "{name}");
        assert_eq!(std::fs::metadata(&job.files[0].path).unwrap().len(), job.files[0].bytes, "{name}");
        let send = job.send.as_ref().unwrap();
        assert_eq!((send.attempts, send.lost), (2, 1), "{name}");
        let notes = notes(&mut stage);
        assert!(notes.contains("sending: reply lost (") && notes.contains(said), "{name}: {notes}");
        assert!(notes.contains("attempt 2 with the same key"), "{name}: {notes}");
        let (ledger, counts) = (stage.simulator().ledger(), stage.simulator().counts());
        assert_eq!(ledger.len(), 1, "{name}: one charge");
        assert_eq!(ledger[0].key.as_deref(), Some(send.key.as_str()), "{name}");
        assert_eq!((counts.of(Route::Submit), counts.replays), (2, *replays), "{name}");
        assert_eq!((counts.submits_without_key, counts.keyed_downloads, counts.cancel_attempts), (0, 0, 0), "{name}");
    });
}

#[test]
fn slow_answers_are_waited_for_and_nothing_is_repeated() {
    for_each(
        &["{ kind = \"slow_headers\", seconds = 0.7 }", "{ kind = \"slow_body\", bytes = 40, interval_ms = 20 }"],
        |effect| {
            let mut stage = one_job(&fault("submit", "[1]", effect));
            until_asking(&mut stage, effect, |stage| stage.all_are(State::Saved));
            assert_eq!(stage.job().send.as_ref().unwrap().attempts, 1);
            assert_eq!(stage.simulator().counts().of(Route::Submit), 1);
        },
    );
}

#[test]
fn five_lost_answers_make_a_job_unsure_and_the_task_list_settles_it() {
    // The task was made at the first attempt; no answer ever says so.
    let mut stage = one_job(
        "[[faults]]\nroute = \"submit\"\nto = 1\neffect = { kind = \"reset_after\" }\n[[faults]]\nroute = \"submit\"\nfrom = 1\neffect = { kind = \"status\", status = 409, code = \"paid_outcome_unknown\" }\n",
    );
    stage.until("the wait of a minute", |stage| {
        stage.jobs.values().any(|job| job.send.as_ref().is_some_and(|send| send.lost == 2 && send.attempts == 2))
    });
    assert!(notes(&mut stage).contains("paid_outcome_unknown"));
    // Nobody waits that minute here: the program ends and comes back.
    stage.restart();
    until_asking(&mut stage, "found and saved", |stage| stage.all_are(State::Saved));
    assert!(stage.was_told(Level::Info, |kind| matches!(kind, NoticeKind::TaskFound(_))));
    assert_eq!(stage.simulator().ledger().len(), 1);
    assert_eq!(stage.simulator().counts().of(Route::Submit), 2, "nothing was sent after the look");
    assert_eq!(stage.job().charge, Some(Charge::Charged));
}

#[test]
fn refusals_say_what_is_wrong_and_cost_nothing() {
    // Effect, state, part of the reason, class, pause.
    let cases = [
        ("status = 400", State::Failed, "does not take this source", ErrorClass::BadRequest, ""),
        (
            "status = 400, body = \"upper\", code = \"content_policy_violation\"",
            State::Failed,
            "moderation refused",
            ErrorClass::Content,
            "",
        ),
        ("status = 404, body = \"text\"", State::Waiting, "", ErrorClass::NotFound, "access"),
        ("status = 404, body = \"html\"", State::Waiting, "", ErrorClass::NotFound, "access"),
        ("status = 409, code = \"idempotency_conflict\"", State::Failed, "idempotency_conflict", ErrorClass::KeyConflict, ""),
        ("status = 409, code = \"IDEMPOTENCY_CONFLICT\"", State::Failed, "idempotency_conflict", ErrorClass::KeyConflict, ""),
        ("status = 402", State::Held, "balance", ErrorClass::Balance, "balance"),
        ("status = 402, body = \"integer\"", State::Held, "balance", ErrorClass::Balance, "balance"),
        ("status = 402, body = \"empty\"", State::Held, "balance", ErrorClass::Balance, "balance"),
        (
            "status = 402, body = \"upper\", code = \"key_daily_quota_exhausted\"",
            State::Held,
            "",
            ErrorClass::KeyDaily,
            "balance",
        ),
        ("status = 401, body = \"auth\"", State::Waiting, "", ErrorClass::Login, "login"),
        ("status = 401, body = \"success\"", State::Waiting, "", ErrorClass::Login, "login"),
        ("status = 403, code = \"ip_restricted\"", State::Waiting, "", ErrorClass::Access, "access"),
    ];
    for_each(&cases, |(effect, state, part, class, pause)| {
        let mut stage = one_job(&fault("submit", "[1]", &format!("{{ kind = \"status\", {effect} }}")));
        stage.until(effect, |stage| {
            stage.simulator().counts().of(Route::Submit) == 1
                && stage.all_are(*state)
                && (pause.is_empty() || stage.status.as_ref().is_some_and(|status| status.paused.is_some()))
        });
        let job = stage.job();
        assert!(job.reason().unwrap_or_default().contains(part), "{effect}: {:?}", job.reason());
        assert_eq!(job.charge, None, "{effect}: nothing was made");
        if let Some(failure) = job.failure() {
            assert_eq!(failure.class, *class, "{effect}: {failure:?}");
        }
        let paused = stage.status.as_ref().unwrap().paused.clone();
        let paused = match paused {
            None => "",
            Some(PauseReason::Login { .. }) => "login",
            Some(PauseReason::Balance { .. }) => "balance",
            Some(PauseReason::Access { .. }) => "access",
            Some(other) => panic!("{effect}: {other:?}"),
        };
        assert_eq!(paused, *pause, "{effect}");
        // The header's sums are counted a few times a second at most.
        stage.until(effect, |stage| stage.status.as_ref().is_some_and(|status| status.spent.day.uc() == 0));
        assert!(stage.simulator().ledger().is_empty(), "{effect}");
        assert!(stage.pictures().is_empty(), "{effect}");
    });
}

#[test]
fn no_capacity_puts_the_job_back_in_line_with_its_key() {
    let mut stage = one_job(&fault(
        "submit",
        "[1]",
        "{ kind = \"status\", status = 400, code = \"NO_AVAILABLE_CHANNEL\", retry_after = 1.0 }",
    ));
    until_asking(&mut stage, "saved", |stage| stage.all_are(State::Saved));
    assert!(stage.was_told(Level::Warning, |kind| matches!(kind, NoticeKind::SendingDeferred(_))));
    let ledger = stage.simulator().ledger();
    assert_eq!((ledger.len(), stage.simulator().counts().of(Route::Submit)), (1, 2));
    assert_eq!(ledger[0].key.as_deref(), Some(stage.job().send.as_ref().unwrap().key.as_str()));
}

#[test]
fn nothing_arrives_while_a_429_wait_runs() {
    for_each(&["seconds", "date"], |form| {
        let burst = format!("{{ kind = \"status\", status = 429, retry_after = 1.0, retry_after_form = \"{form}\" }}");
        let mut stage = Stage::start(
            &format!("{FAST}\n{}{}", fault("submit", "[2, 3]", &burst), fault("read", "[3]", &burst)),
            Setup::default(),
        );
        stage.add_lines(&[&format!("{DRAFT} all")]);
        stage.until("the wait is told", |stage| stage.status.as_ref().is_some_and(|status| status.all_wait_until.is_some()));
        until_asking(&mut stage, "all saved", |stage| stage.jobs.len() == 4 && stage.all_are(State::Saved));
        let counts = stage.simulator().counts();
        assert!(counts.too_many >= 2, "{form}: {counts:?}");
        assert_eq!(counts.during_wait, 0, "{form}: {counts:?}");
        assert_eq!(stage.simulator().ledger().len(), 4, "{form}");
        assert!(stage.jobs.values().all(|job| job.send.as_ref().unwrap().lost == 0), "a 429 is no lost answer");
    });
}

#[test]
fn a_real_rate_limit_is_kept_to_and_all_comes_home() {
    let limit = "[rate_limit]\nrequests = 6\nwindow_seconds = 1.0\n";
    let mut stage = Stage::start(&format!("{FAST}\n{limit}"), Setup::default());
    stage.add_lines(&[&format!("{DRAFT} all")]);
    stage.until("all saved", |stage| stage.jobs.len() == 4 && stage.all_are(State::Saved));
    assert_eq!(stage.simulator().counts().during_wait, 0, "{:?}", stage.simulator().counts());
    assert_eq!(stage.simulator().ledger().len(), 4);
}

#[test]
fn a_429_without_a_hint_waits_thirty_seconds_and_says_until_when() {
    let mut stage = one_job(&fault("submit", "[1]", "{ kind = \"status\", status = 429, retry_after_form = \"absent\" }"));
    stage.until("the wait", |stage| stage.status.as_ref().is_some_and(|status| status.all_wait_until.is_some()));
    let left = stage.status.as_ref().unwrap().all_wait_until.unwrap().duration_since(jiff::Timestamp::now()).as_secs();
    assert!((27..=31).contains(&left), "{left}");
    assert_eq!((stage.job().state(), stage.job().charge), (State::Waiting, None));
    let before = stage.simulator().counts().requests;
    // Even the user's own question waits.
    let ticket = stage.send(mj_enhance::engine::Command::AskNow { jobs: Vec::new() });
    stage.until("the command is heard", |stage| stage.outcomes.contains_key(&ticket));
    assert_eq!(stage.simulator().counts().requests, before);
}

#[test]
fn spoilt_reads_change_nothing_and_the_job_comes_home() {
    let cases = [
        "{ kind = \"reset_before\" }",
        "{ kind = \"cut_body\" }",
        "{ kind = \"html\" }",
        "{ kind = \"no_id\" }",
        "{ kind = \"other_id\", id = \"task-unified-1790000100-zzzzzzzz\" }",
        "{ kind = \"empty_body\" }",
        "{ kind = \"null_body\" }",
        "{ kind = \"half_json\" }",
        "{ kind = \"invalid_utf8\" }",
        "{ kind = \"huge_body\", megabytes = 100 }",
        "{ kind = \"redirect\", location = \"/v1/credits\" }",
        "{ kind = \"status\", status = 500 }",
        "{ kind = \"status\", status = 503, body = \"array\" }",
        "{ kind = \"status\", status = 404 }",
        "{ kind = \"slow_body\", bytes = 60, interval_ms = 10 }",
    ];
    for_each(&cases, |effect| {
        // The first read is the look at the draft, which is left alone.
        let mut stage = one_job(&fault("read", "[2, 3]", effect));
        until_asking(&mut stage, effect, |stage| stage.all_are(State::Saved));
        let states: Vec<State> = stage.told.iter().map(|(_, state)| *state).collect();
        assert!(!states.contains(&State::Failed) && !states.contains(&State::Unsure), "{effect}: {states:?}");
        assert_eq!(stage.simulator().ledger().len(), 1, "{effect}");
        assert_eq!(stage.simulator().counts().of(Route::Submit), 1, "{effect}");
    });
}

#[test]
fn a_draft_that_cannot_be_read_holds_up_nobody_else() {
    let mut stage = Stage::set(FAST, Setup::default());
    // Reads of one draft fail for ever; the simulator cannot tell drafts apart, so a gateway of our own stands before it.
    let behind = stage.simulator().base_url();
    let gateway = serve(move |head, body, stream| {
        if head.starts_with(&format!("GET /v1/tasks/{DRAFT}")) {
            return super::say(stream, "500 Oops", "", b"");
        }
        pass_on(&behind, head, body, stream);
    });
    stage.through(&gateway);
    stage.open().unwrap();
    stage.add_lines(&[&format!("{DRAFT} 0"), &format!("{} 0", crate::stage::OTHER_DRAFT)]);
    stage.until("the other one is sent", |stage| stage.in_line().get(1).is_some_and(|job| job.state() == State::Running));
    assert_eq!(stage.in_line()[0].state(), State::Waiting);
    assert_eq!(stage.in_line()[0].charge, None);
}

/// Hands a request on as it came, and the answer back.
fn pass_on(base: &str, head: &str, body: &str, stream: &mut std::net::TcpStream) {
    let host = base.trim_start_matches("http://");
    let Ok(mut there) = std::net::TcpStream::connect(host) else { return };
    let (line, rest) = head.split_once("\r\n").unwrap();
    let message = format!("{line}\r\nconnection: close\r\n{rest}{body}");
    there.write_all(message.as_bytes()).ok();
    std::io::copy(&mut there, stream).ok();
}

#[tokio::test]
async fn one_byte_a_second_and_bodies_without_end_are_bounded_by_the_clients_own_limits() {
    let id = TaskId::new("task-unified-1-a").unwrap();
    let base = serve(|_, _, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").ok();
        // A byte at a time until the other side has had enough.
        while stream.write_all(b" ").is_ok() {
            std::thread::park_timeout(Duration::from_millis(20));
        }
    });
    let options = ClientOptions { base_url: base.parse().unwrap(), key: "sk-0123456789".to_owned().into() };
    let client = Client::new(&options).unwrap().with_limits(Duration::from_millis(300), Duration::from_millis(200));
    let start = std::time::Instant::now();
    let error = client.task(&id).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Network, "timeout"));
    assert!(start.elapsed() < Duration::from_secs(5));
    let key = mj_enhance::job::IdempotencyKey::from_random([7; 16]);
    let error = client.submit(&key, "{}").await.unwrap_err();
    assert_eq!(error.code, "timeout");
    assert!(matches!(error.paid(), mj_enhance::api::PaidVerdict::Lost(_)), "a paid request may have been taken");
}

#[tokio::test]
async fn deep_json_and_impossible_numbers_are_unreadable_or_left_out() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let bodies = [
        (deep, None),
        (format!(r#"{{"id":"task-unified-1-a","extra":{}1{}}}"#, "{\"a\":".repeat(50_000), "}".repeat(50_000)), None),
        (r#"{"id":"task-unified-1-a","status":"processing","progress":1e999}"#.to_owned(), Some(())),
        (r#"{"id":"task-unified-1-a","status":"processing","progress":-1e300,"created":1e300,"duration":1e300,"task_info":{"estimated_time":-5},"usage":{"credits_reserved":-54,"credits_used":1e300}}"#.to_owned(), Some(())),
        (r#"{"id":"task-unified-1-a","status":"processing","progress":18446744073709551616,"usage":{"credits_reserved":9e15}}"#.to_owned(), Some(())),
        (r#"{"id":"task-unified-1-a","status":"processing","progress":"a lot","created":"now","usage":[],"task_info":7,"results":{},"error":[1],"billing":"no"}"#.to_owned(), Some(())),
    ];
    for (body, fine) in bodies {
        let answer = body.clone();
        let base = serve(move |_, _, stream| super::say_json(stream, &answer));
        let client =
            Client::new(&ClientOptions { base_url: base.parse().unwrap(), key: "sk-0123456789".to_owned().into() }).unwrap();
        let heard = client.task(&TaskId::new("task-unified-1-a").unwrap()).await;
        let short: String = body.chars().take(60).collect();
        if fine.is_none() {
            assert_eq!(heard.unwrap_err().class, ErrorClass::InvalidResponse, "{short}");
            continue;
        }
        let report = heard.unwrap_or_else(|error| panic!("{short}: {error}"));
        assert_eq!((report.percent, report.reserved, report.used, report.ended), (None, None, None, None), "{short}");
        assert_eq!((report.seconds_left, report.links.len()), (None, 0), "{short}");
    }
}
