//! Money under trouble: refusals, prices, caps, keys that are ignored.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mj_enhance::engine::{Command, Level, NoticeKind, PauseReason, Undecided};
use mj_enhance::job::{Caps, Charge, Credits, HoldReason, Model, Phase, PriceLines, State};
use mj_enhance::simulator::{Amount, Effect, Fault, Route};

use super::{for_each, say, say_json, serve, until_asking};
use crate::stage::{DRAFT, FAST, OTHER_DRAFT, Setup, Stage, specs, yes};

fn all_lines() -> [String; 2] {
    [format!("{DRAFT} all"), format!("{OTHER_DRAFT} all")]
}

fn add_all(stage: &mut Stage) {
    let specs = specs(&all_lines());
    stage.add(specs);
}

#[test]
fn when_the_money_runs_out_the_rest_waits_and_a_new_yes_goes_on() {
    let mut stage = Stage::start(&FAST.replace("100000.0", "12.0"), Setup::default());
    add_all(&mut stage);
    until_asking(&mut stage, "paused for the balance", |stage| {
        stage.count(State::Saved) == 2
            && stage.status.as_ref().is_some_and(|status| matches!(status.paused, Some(PauseReason::Balance { .. })))
    });
    assert_eq!((stage.count(State::Held), stage.count(State::Waiting)), (1, 5), "{}", stage.picture());
    let refused = stage.in_line().into_iter().find(|job| job.state() == State::Held).unwrap();
    assert!(matches!(&refused.phase, Phase::Held(HoldReason::Refused(_))) && refused.charge.is_none(), "{refused:?}");
    assert_eq!(stage.simulator().ledger().len(), 2);
    stage.simulator().set_balance(Amount::from_uc(10_000_000));
    let jobs: Vec<_> =
        stage.jobs.values().filter(|job| matches!(job.state(), State::Held | State::Waiting)).map(|job| job.id).collect();
    let consent = Some(yes(jobs.len()));
    stage.send(Command::Resume { jobs, consent });
    until_asking(&mut stage, "all saved", |stage| stage.all_are(State::Saved));
    let ledger = stage.simulator().ledger();
    assert_eq!(ledger.len(), 8);
    let again = stage.jobs[&refused.id].send.as_ref().unwrap().key.clone();
    assert_eq!(Some(again), refused.send.as_ref().map(|send| send.key.clone()), "a copy of the store may hold the key");
}

#[test]
fn a_refused_key_pauses_and_keeps_the_job_with_its_key() {
    let mut stage = Stage::start(FAST, Setup::default());
    stage.simulator().add_fault(Fault::new(Route::Submit, status(401)).at(&[1])).unwrap();
    stage.add_lines(&[&format!("{DRAFT} 0")]);
    stage.until("paused", |stage| {
        stage.status.as_ref().is_some_and(|status| matches!(status.paused, Some(PauseReason::Login { .. })))
    });
    let before = stage.job();
    assert_eq!((before.state(), before.charge), (State::Waiting, None));
    stage.send(Command::Resume { jobs: Vec::new(), consent: None });
    until_asking(&mut stage, "saved", |stage| stage.all_are(State::Saved));
    assert_eq!(stage.job().send.as_ref().unwrap().key, before.send.as_ref().unwrap().key);
    assert_eq!(stage.simulator().ledger().len(), 1);
}

fn status(status: u16) -> Effect {
    Effect::Status {
        status,
        code: None,
        message: None,
        retry_after: None,
        retry_after_form: mj_enhance::simulator::RetryAfterForm::Absent,
        body: mj_enhance::simulator::ErrorBody::Error,
    }
}

#[test]
fn another_price_pauses_after_the_first_that_shows_it_and_holds_the_rest() {
    let mut stage = Stage::start(FAST, Setup { max_in_flight: 1, ..Setup::default() });
    // The public price stays; only the answer to a paid request tells.
    stage.simulator().add_fault(Fault::new(Route::Price, status(500))).unwrap();
    stage.simulator().set_enhance_price(Amount::from_uc(60_000));
    add_all(&mut stage);
    until_asking(&mut stage, "paused for the price", |stage| {
        stage.count(State::Saved) == 1
            && stage.status.as_ref().is_some_and(|status| matches!(status.paused, Some(PauseReason::Price { .. })))
    });
    assert_eq!(stage.count(State::Held), 7);
    assert!(
        stage
            .jobs
            .values()
            .filter(|job| job.state() == State::Held)
            .all(|job| matches!(job.phase, Phase::Held(HoldReason::Price { .. })))
    );
    assert!(stage.was_told(Level::Alarm, |kind| {
        let (agreed, now) = (Credits::PUBLISHED_PRICE, Credits::from_uc(60_000));
        *kind == NoticeKind::Paused(PauseReason::Price { agreed, now })
    }));
    assert_eq!(stage.simulator().ledger().len(), 1);
    // A yes to the old price sends nothing; one to the new price does.
    let jobs: Vec<_> = stage.jobs.values().filter(|job| job.state() == State::Held).map(|job| job.id).collect();
    stage.send(Command::Resume { jobs: jobs.clone(), consent: Some(yes(7)) });
    stage.until("held again", |stage| {
        stage.count(State::Held) == 7 && stage.told.iter().filter(|(_, state)| *state == State::Held).count() >= 14
    });
    assert_eq!(stage.simulator().ledger().len(), 1);
    let consent = mj_enhance::engine::Consent { lines: PriceLines::one(Model::Enhance, 7, Credits::from_uc(60_000)), ..yes(7) };
    stage.send(Command::MaxInFlight(8));
    stage.send(Command::Resume { jobs, consent: Some(consent) });
    until_asking(&mut stage, "all saved", |stage| stage.all_are(State::Saved));
    assert_eq!(stage.simulator().ledger().len(), 8);
}

#[test]
fn a_charge_that_is_no_amount_pauses_and_says_so() {
    let rules = format!("{FAST}\n[[rules]]\nfrom = 1\nthen = {{ reported_charge = 2000000.0 }}\n");
    let mut stage = Stage::start(&rules, Setup { max_in_flight: 1, ..Setup::default() });
    add_all(&mut stage);
    until_asking(&mut stage, "one saved, and paused", |stage| {
        let paused = stage.status.as_ref().and_then(|status| status.paused.as_ref());
        stage.count(State::Saved) == 1 && matches!(paused, Some(PauseReason::NoPrice { .. }))
    });
    assert_eq!((stage.simulator().ledger().len(), stage.count(State::Waiting)), (1, 7));
}

#[test]
fn a_final_charge_other_than_the_agreed_price_pauses_holds_the_rest_and_counts() {
    let silent = "drop_fields = [\"usage.credits_reserved\"]";
    for_each(
        &[
            "charge = 54.0".to_owned(),
            format!("charge = 54.0, {silent}"),
            "charge = 2.0".to_owned(),
            "reported_charge = 10.8".to_owned(),
        ],
        |then| {
            let rules = format!("{FAST}\n[[rules]]\nat = [1, 2, 3, 4, 5, 6, 7, 8]\nthen = {{ {then} }}\n");
            let mut stage = Stage::start(&rules, Setup { max_in_flight: 1, ..Setup::default() });
            add_all(&mut stage);
            until_asking(&mut stage, "one saved, the rest held, and paused", |stage| {
                stage.count(State::Saved) == 1
                    && stage.count(State::Held) == 7
                    && stage.status.as_ref().is_some_and(|status| matches!(status.paused, Some(PauseReason::Price { .. })))
            });
            assert_eq!(stage.simulator().ledger().len(), 1, "{then}");
            let charged = stage.jobs.values().find_map(|job| job.charged).unwrap();
            assert_ne!(charged, Credits::PUBLISHED_PRICE, "{then}");
            let agreed = Credits::PUBLISHED_PRICE;
            assert!(
                stage.was_told(Level::Alarm, |kind| { *kind == NoticeKind::Paused(PauseReason::Price { agreed, now: charged }) })
            );
            stage.until("what was charged counts", |stage| stage.status.as_ref().unwrap().spent.day == charged);
        },
    );
}

#[test]
fn a_reserve_of_nothing_below_it_or_beyond_all_measure_makes_no_room_under_a_cap() {
    for_each(&["0", "\"0.0\"", "0.00001", "-54", "-1e9", "9e11", "\"-5.4\"", "NaN", "null"], |amount| {
        let price = Credits::PUBLISHED_PRICE;
        let caps = Caps { session: None, day: Some(price * 2) };
        let mut stage = Stage::set(FAST, Setup { caps, ..Setup::default() });
        let count = std::sync::atomic::AtomicU32::new(0);
        let amount = (*amount).to_owned();
        let said = amount.clone();
        let base = serve(move |head, _, stream| match head.split(' ').nth(1).unwrap_or_default() {
            "/v1/images/generations" => {
                let n = count.fetch_add(1, Ordering::SeqCst);
                say_json(
                    stream,
                    &format!(r#"{{"id":"task-unified-1-n{n}","status":"pending","usage":{{"credits_reserved":{said}}}}}"#),
                );
            }
            path if path.contains(DRAFT) => say_json(stream, &super::draft_json(DRAFT)),
            _ => say(stream, "500 No", "", b""),
        });
        stage.through(&base);
        stage.open().unwrap();
        stage.add_lines(&[&format!("{DRAFT} all")]);
        stage.until("two sent, two held by the cap", |stage| {
            stage.count(State::Running) == 2
                && stage.jobs.values().filter(|job| matches!(job.phase, Phase::Held(HoldReason::Cap { .. }))).count() == 2
        });
        stage.until(&format!("{amount} counts as the agreed price"), |stage| {
            stage.status.as_ref().unwrap().spent.day == price * 2
        });
    });
}

#[test]
fn caps_hold_to_the_last_credit_over_restarts_and_new_ways_in() {
    // Room for three and a breath less than a fourth.
    let room = Credits::PUBLISHED_PRICE * 3 + Credits::from_uc(53_999);
    for_each(&[Caps { session: Some(room), day: None }, Caps { session: None, day: Some(room) }], |caps| {
        let mut stage = Stage::start(FAST, Setup { caps: *caps, ..Setup::default() });
        add_all(&mut stage);
        for round in 1..=3 {
            until_asking(&mut stage, "three saved, five held", |stage| {
                stage.count(State::Saved) == 3
                    && stage.jobs.values().filter(|job| matches!(job.phase, Phase::Held(HoldReason::Cap { .. }))).count() == 5
            });
            assert_eq!(stage.simulator().ledger().len(), 3, "round {round}");
            stage.restart();
            stage.until("loaded", |stage| stage.jobs.len() == 8 && stage.status.is_some());
            let jobs: Vec<_> = stage.jobs.values().filter(|job| job.state() == State::Held).map(|job| job.id).collect();
            let before = stage.told.len();
            stage.send(Command::Approve { jobs, consent: yes(5) });
            stage.until("looked at anew", |stage| stage.told.len() >= before + 10);
        }
        // A failed task without proof of a refund counts on; nothing crept in.
        assert_eq!(stage.simulator().money().charged, Amount::from_uc(162_000));
    });
}

#[test]
fn with_ignored_keys_a_lost_answer_is_settled_by_the_task_list_and_never_sent_again() {
    // The request is taken, the answer never comes, and the program ends while it waits.
    let faults = "idempotency = \"ignored\"\n";
    let mut stage = Stage::start(
        &format!(
            "{faults}{FAST}\n[[faults]]\nroute = \"submit\"\nat = [1]\nprocessed = true\neffect = {{ kind = \"slow_headers\", seconds = 60.0 }}\n"
        ),
        Setup::default(),
    );
    stage.add_lines(&[&format!("{DRAFT} 0")]);
    stage.until("the request was taken", |stage| {
        stage.simulator().ledger().len() == 1 && stage.jobs.values().any(|job| job.state() == State::Sending)
    });
    stage.restart();
    until_asking(&mut stage, "saved", |stage| stage.all_are(State::Saved));
    assert_eq!(stage.simulator().ledger().len(), 1, "one charge");
    assert_eq!(stage.simulator().counts().of(Route::Submit), 1, "and one request");
    assert_eq!(stage.job().send.as_ref().unwrap().attempts, 1);
    assert!(stage.told.iter().any(|(_, state)| *state == State::Unsure));
}

#[test]
fn a_task_list_of_another_models_tasks_settles_nothing() {
    // A gateway that does not know the filter lists a draft that was made in the same minute.
    let now = jiff::Timestamp::now().as_second();
    let submits = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&submits);
    let base = serve(move |head, body, stream| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        match path.split('?').next().unwrap_or_default() {
            "/v1/images/generations" => {
                let key = head
                    .to_lowercase()
                    .split("idempotency-key: ")
                    .nth(1)
                    .and_then(|rest| Some(rest.split("\r\n").next()?.to_owned()));
                let mut seen = seen.lock().unwrap();
                seen.push((key, body.to_owned()));
                if seen.len() == 1 {
                    // Accepted by nobody, answered by nobody: the program ends meanwhile.
                    drop(seen);
                    std::thread::park_timeout(std::time::Duration::from_secs(30));
                    return;
                }
                say_json(stream, r#"{"id":"task-unified-1-ours","status":"pending","usage":{"credits_reserved":5.4}}"#);
            }
            "/v1/tasks" => {
                let row = format!(r#"{{"id":"task-unified-1-draft","model":"mj-v7","status":"completed","created_at":{now}}}"#);
                let rows = if path.contains("page=1&") || path.ends_with("page=1") { row } else { String::new() };
                say_json(stream, &format!(r#"{{"data":[{rows}]}}"#));
            }
            path if path.contains(DRAFT) => say_json(stream, &super::draft_json(DRAFT)),
            path if path.ends_with("ours") => say_json(stream, r#"{"id":"task-unified-1-ours","status":"processing"}"#),
            _ => say(stream, "500 No", "", b""),
        }
    });
    let mut stage = Stage::at(&base, Setup::default());
    stage.add_lines(&[&format!("{DRAFT} 0")]);
    stage.until("on the wire", |_| submits.lock().unwrap().len() == 1);
    stage.restart();
    stage.until("running", |stage| stage.all_are(State::Running));
    assert_eq!(stage.job().task.as_ref().unwrap().as_str(), "task-unified-1-ours", "a draft is not taken for our task");
    let submits = submits.lock().unwrap().clone();
    assert_eq!(submits.len(), 2);
    assert_eq!(submits[0], submits[1], "the very same request, with the same key");
    assert!(submits[0].0.is_some());
}

/// A service that never answers a paid request, and lists what `list` says for the address asked for. Returns where it is and
/// how many paid requests it got.
fn silent(list: impl Fn(&str) -> String + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let submits = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&submits);
    let base = serve(move |head, _, stream| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        match path.split('?').next().unwrap_or_default() {
            "/v1/images/generations" => {
                count.fetch_add(1, Ordering::SeqCst);
                std::thread::park_timeout(std::time::Duration::from_secs(30));
            }
            "/v1/tasks" => say_json(stream, &list(path)),
            path if path.contains(DRAFT) => say_json(stream, &super::draft_json(DRAFT)),
            _ => say(stream, "500 No", "", b""),
        }
    });
    (base, submits)
}

#[test]
fn a_task_list_without_end_proves_nothing_and_nothing_is_sent_again() {
    let pages = Arc::new(AtomicUsize::new(0));
    let turned = Arc::clone(&pages);
    let later = jiff::Timestamp::now().as_second() + 1_000_000;
    let (base, submits) = silent(move |_| {
        let page = turned.fetch_add(1, Ordering::SeqCst);
        let rows: Vec<String> = (0..50)
            .map(|n| {
                format!(
                    r#"{{"id":"task-unified-1-p{page}n{n}","model":"mj-v7-enhance","status":"completed","created_at":{later}}}"#
                )
            })
            .collect();
        format!(r#"{{"data":[{}]}}"#, rows.join(","))
    });
    let mut stage = Stage::at(&base, Setup::default());
    stage.add_lines(&[&format!("{DRAFT} 0")]);
    stage.until("on the wire", |_| submits.load(Ordering::SeqCst) == 1);
    stage.restart();
    stage.until("told", |stage| {
        stage.was_told(Level::Alarm, |kind| matches!(kind, NoticeKind::StaysUnsure(Undecided::MoreTasks(2_000))))
    });
    assert_eq!((stage.job().state(), stage.job().charge), (State::Unsure, Some(Charge::Reserved)));
    assert_eq!(pages.load(Ordering::SeqCst), 40);
    // The user gives it up; then the line is free again.
    let id = stage.job().id;
    stage.send(Command::GiveUp { jobs: vec![id] });
    stage.until("given up", |stage| stage.all_are(State::Cancelled));
    assert_eq!(submits.load(Ordering::SeqCst), 1);
}

#[test]
fn a_row_of_the_task_list_that_cannot_be_read_may_be_the_lost_task() {
    let (base, submits) = silent(|path| {
        let row = r#"{"id":null,"model":"mj-v7-enhance","status":"processing"}"#;
        format!(r#"{{"data":[{}]}}"#, if path.contains("page=1&") { row } else { "" })
    });
    let mut stage = Stage::at(&base, Setup::default());
    stage.add_lines(&[&format!("{DRAFT} 0")]);
    stage.until("on the wire", |_| submits.load(Ordering::SeqCst) == 1);
    stage.restart();
    stage.until("told", |stage| {
        stage.was_told(Level::Alarm, |kind| matches!(kind, NoticeKind::StaysUnsure(Undecided::UnreadableRows(1))))
    });
    assert_eq!((stage.job().state(), stage.job().charge), (State::Unsure, Some(Charge::Reserved)));
    assert_eq!(submits.load(Ordering::SeqCst), 1, "nothing was sent again");
}

#[test]
fn a_task_list_that_cannot_be_read_is_told_and_nothing_new_is_sent_before() {
    let submits = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&submits);
    let base = serve(move |head, _, stream| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        match path.split('?').next().unwrap_or_default() {
            "/v1/images/generations" => {
                if count.fetch_add(1, Ordering::SeqCst) == 0 {
                    std::thread::park_timeout(std::time::Duration::from_secs(30));
                    return;
                }
                say_json(stream, r#"{"id":"task-unified-1-second","status":"pending","usage":{"credits_reserved":5.4}}"#);
            }
            path if path.contains(DRAFT) => say_json(stream, &super::draft_json(DRAFT)),
            _ => say(stream, "404 No", "", b""),
        }
    });
    let mut stage = Stage::at(&base, Setup::default());
    stage.add_lines(&[&format!("{DRAFT} 0")]);
    stage.until("on the wire", |_| submits.load(Ordering::SeqCst) == 1);
    stage.restart();
    stage.add_lines(&[&format!("{DRAFT} 1")]);
    until_asking(&mut stage, "told", |stage| {
        stage.was_told(Level::Alarm, |kind| matches!(kind, NoticeKind::TaskListUnreadable(_)))
    });
    assert_eq!((stage.count(State::Unsure), stage.count(State::Waiting)), (1, 1));
    assert_eq!(submits.load(Ordering::SeqCst), 1);
    // The user decides; then the line goes on.
    let unsure = stage.jobs.values().find(|job| job.state() == State::Unsure).unwrap().id;
    stage.send(Command::GiveUp { jobs: vec![unsure] });
    stage.until("the other one is sent", |stage| stage.count(State::Running) == 1);
    assert_eq!(stage.jobs[&unsure].charge, Some(Charge::NotKnown));
}
