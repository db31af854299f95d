//! What is taken from a file, up to its borders, and what becomes of it here.

use jiff::{SignedDuration, Timestamp};

use super::charge::Charge;
use super::failure::{ErrorClass, Failure};
use super::id::{IdempotencyKey, ImageNumber, JobId, TaskId};
use super::import::ImportError;
use super::kind::JobKind;
use super::life::{Approval, Job, PaidSend, SavedFile};
use super::money::Credits;
use super::phase::{CapName, Doubt, FetchTrouble, HoldReason, LostAnswer, Phase, Progress, State};
use super::prompt::Prompt;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn credits(uc: i64) -> Credits {
    Credits::from_uc(uc)
}

fn job(phase: Phase) -> Job {
    let kind = JobKind::Enhance { source: TaskId::new("task-unified-1790000000-draft").unwrap(), image: ImageNumber::ALL[0] };
    Job { phase, ..Job::new(JobId::from_bits(1), kind, 1, at(0)) }
}

fn paid(job: Job, attempts: u32, lost: u32, refusals: u32) -> Job {
    let send = PaidSend {
        key: IdempotencyKey::from_random([1; 16]),
        body: job.kind.body(None),
        agreed: credits(54_000),
        first_at: at(1),
        last_at: at(1),
        first_server_time: None,
        last_server_time: None,
        attempts,
        lost,
        absence_confirmed: false,
        refusals,
    };
    Job { send: Some(send), ..job }
}

fn with_task(phase: Phase) -> Job {
    let job = paid(job(phase), 1, 0, 0);
    Job { task: TaskId::new("task-unified-1790000001-made").ok(), charge: Some(Charge::Reserved), ..job }
}

fn file(n: usize) -> SavedFile {
    SavedFile { path: format!("/r/{n}.png").into(), sha256: "0123456789abcdefABCDEF0123456789".repeat(2), bytes: 9 }
}

fn saved(files: usize, links: usize) -> Job {
    let files = (0..files).map(file).collect();
    let links = (0..links).map(|n| format!("https://h.example/{n}.png")).collect();
    Job { links, files, ..with_task(Phase::Saved) }
}

fn unsure() -> Phase {
    Phase::Unsure(Doubt { why: LostAnswer::TimePassed, looked: false, candidates: Vec::new() })
}

fn checked(mut job: Job) -> Result<(), ImportError> {
    job.check_import()
}

#[test]
fn amounts_are_between_nothing_and_a_million_wherever_they_stand() {
    let million = 1_000_000 * Credits::UC_PER_CREDIT;
    for (amount, fits) in [(0, true), (-1, false), (54_000, true), (million, true), (million + 1, false), (i64::MAX, false)] {
        let amount = credits(amount);
        let held = |reason| job(Phase::Held(reason));
        let fine = credits(1);
        let approval = Approval { seq: 1, price: amount, at: at(0), not_before: at(0) };
        let mut agreed = with_task(Phase::Running(Progress::default()));
        agreed.send.as_mut().unwrap().agreed = amount;
        for (place, job) in [
            ("reserved", Job { reserved: Some(amount), ..saved(1, 0) }),
            ("charged", Job { charged: Some(amount), ..saved(1, 0) }),
            ("cap", held(HoldReason::Cap { cap: CapName::Day, limit: amount })),
            ("agreed price", held(HoldReason::Price { agreed: amount, now: fine })),
            ("price now", held(HoldReason::Price { agreed: fine, now: amount })),
            ("approval", Job { approval: Some(approval), ..job(Phase::Waiting) }),
            ("send", agreed),
        ] {
            let wanted = if fits { Ok(()) } else { Err(ImportError::Amount(amount)) };
            assert_eq!(checked(job), wanted, "{place}: {amount}");
        }
    }
}

#[test]
fn a_job_has_at_most_64_links_and_64_files() {
    for (files, links, fits) in [(1, 0, true), (64, 64, true), (65, 1, false), (1, 65, false), (65, 65, false)] {
        let wanted = if fits { Ok(()) } else { Err(ImportError::TooMany) };
        assert_eq!(checked(saved(files, links)), wanted, "{files} {links}");
    }
}

#[test]
fn links_checksums_and_paths_are_what_ours_could_be() {
    let file_with = |change: fn(&mut SavedFile)| {
        let mut job = saved(1, 1);
        change(&mut job.files[0]);
        checked(job)
    };
    assert_eq!(file_with(|_| ()), Ok(()));
    assert_eq!(file_with(|file| file.sha256.truncate(63)), Err(ImportError::Checksum));
    assert_eq!(file_with(|file| file.sha256.push('0')), Err(ImportError::Checksum));
    assert_eq!(file_with(|file| file.sha256.replace_range(0..1, "g")), Err(ImportError::Checksum));
    assert_eq!(file_with(|file| file.path = "r/a.png".into()), Err(ImportError::Path));
    assert_eq!(file_with(|file| file.path = "/r/\u{1b}[2J.png".into()), Err(ImportError::Path));
    for (link, fits) in [
        ("https://h/a.png", true),
        ("http://127.0.0.1:9/a", true),
        ("https://h", true),
        ("ftp://h/a", false),
        ("https://", false),
        ("https:///a", false),
        ("https://h/a b", false),
        ("https://h/a\u{202e}", false),
        ("h/a.png", false),
    ] {
        let job = Job { links: vec![link.to_owned()], ..saved(1, 0) };
        assert_eq!(checked(job), if fits { Ok(()) } else { Err(ImportError::Link) }, "{link}");
    }
    for (length, fits) in [(8 * 1024, true), (8 * 1024 + 1, false)] {
        let link = format!("{:a<length$}", "https://h/");
        assert_eq!(checked(Job { links: vec![link], ..saved(1, 0) }).is_ok(), fits, "{length}");
    }
}

#[test]
fn attempts_of_a_request_add_up() {
    for (attempts, lost, refusals, fits) in
        [(1, 0, 0, true), (1, 1, 0, true), (1, 0, 1, true), (0, 0, 0, false), (1, 2, 0, false), (1, 0, 2, false), (3, 3, 3, true)]
    {
        let job = paid(job(unsure()), attempts, lost, refusals);
        assert_eq!(checked(job).is_ok(), fits, "{attempts} {lost} {refusals}");
    }
    let with_times = |first, last| {
        let mut job = paid(job(unsure()), 2, 1, 0);
        let send = job.send.as_mut().unwrap();
        (send.first_at, send.last_at) = (at(first), at(last));
        checked(job)
    };
    assert_eq!([with_times(1, 2), with_times(1, 1)], [Ok(()), Ok(())]);
    assert_eq!(with_times(2, 1), Err(ImportError::Attempts));
}

#[test]
fn a_state_has_what_it_needs_and_nothing_of_a_later_one() {
    let task = || TaskId::new("task-unified-1790000001-made").ok();
    let not_sent = Err(ImportError::SentAndNotSent);
    for phase in [Phase::Waiting, Phase::Held(HoldReason::You)] {
        assert_eq!(checked(job(phase.clone())), Ok(()));
        assert_eq!(checked(Job { task: task(), ..job(phase.clone()) }), not_sent);
        assert_eq!(checked(Job { charge: Some(Charge::Reserved), ..job(phase.clone()) }), not_sent, "money was taken");
        assert_eq!(checked(Job { charged: Some(credits(54_000)), ..job(phase) }), not_sent, "money was taken");
    }
    for phase in [Phase::Sending, unsure()] {
        let state = job(phase.clone()).state();
        assert_eq!(checked(job(phase.clone())), Err(ImportError::NoRequest(state)));
        assert_eq!(checked(paid(job(phase.clone()), 1, 0, 0)), Ok(()));
        assert_eq!(checked(Job { task: task(), ..paid(job(phase), 1, 0, 0) }), not_sent);
    }
    let trouble = FetchTrouble::default;
    for phase in [Phase::Running(Progress::default()), Phase::ToFetch(trouble()), Phase::Fetching(trouble()), Phase::Unwatched] {
        let state = job(phase.clone()).state();
        assert_eq!(checked(job(phase.clone())), Err(ImportError::NoTask(state)));
        assert_eq!(checked(with_task(phase.clone())), Ok(()));
        assert_eq!(checked(Job { files: vec![file(0)], ..with_task(phase) }), Err(ImportError::Files));
    }
    assert_eq!(checked(saved(0, 1)), Err(ImportError::Files));
    let other_body = |job: Job| {
        let mut job = paid(job, 1, 0, 0);
        job.send.as_mut().unwrap().body = "{}".to_owned();
        checked(job)
    };
    assert_eq!(other_body(job(unsure())), Err(ImportError::Body));
}

#[test]
fn a_prompt_that_is_still_to_be_sent_is_checked_like_one_that_is_typed() {
    let draft = |text: &str, template: Option<&str>, phase: Phase| {
        let prompt = serde_json::from_value::<Prompt>(text.into()).unwrap();
        let kind = JobKind::Draft { prompt, template: template.map(str::to_owned) };
        checked(Job { kind, ..job(phase) })
    };
    let gone = || Phase::Failed(Failure::new(ErrorClass::Final, "no_links", ""));
    assert_eq!(draft("boat", Some("{boat, pier}"), Phase::Waiting), Ok(()));
    assert_eq!(draft("boat --v 6", None, Phase::Waiting), Err(ImportError::Prompt));
    assert_eq!(draft("boat --v 6", None, gone()), Ok(()), "what was sent is what it is");
    for (length, fits) in [(1, true), (256 * 1024, true), (256 * 1024 + 1, false), (0, false)] {
        assert_eq!(draft("boat", Some(&"a".repeat(length)), gone()).is_ok(), fits, "{length}");
    }
    assert_eq!(draft("boat", Some("a\u{1b}[2J"), gone()), Err(ImportError::Prompt));
}

#[test]
fn why_a_job_is_not_taken_is_said_in_words() {
    let said: Vec<String> = [
        ImportError::Amount(credits(-54_000)),
        ImportError::Link,
        ImportError::Checksum,
        ImportError::Path,
        ImportError::TooMany,
        ImportError::NoRequest(State::Unsure),
        ImportError::NoTask(State::Running),
        ImportError::SentAndNotSent,
        ImportError::Body,
        ImportError::Prompt,
        ImportError::Attempts,
        ImportError::Files,
    ]
    .into_iter()
    .map(|error| error.to_string())
    .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn what_is_not_settled_counts_with_the_price_of_here_or_with_what_is_reserved_where_that_is_more() {
    let price = credits(54_000);
    for (charge, reserved, then) in [
        (Some(Charge::Reserved), Some(30_000), None),
        (Some(Charge::Reserved), Some(54_000), Some(54_000)),
        (Some(Charge::Reserved), Some(90_000), Some(90_000)),
        (Some(Charge::NotKnown), Some(30_000), None),
        (None, Some(30_000), None),
        // What is settled is what it is.
        (Some(Charge::Charged), Some(30_000), Some(30_000)),
        (Some(Charge::Refunded), Some(30_000), Some(30_000)),
    ] {
        let mut job = Job { charge, reserved: reserved.map(credits), ..with_task(Phase::Unwatched) };
        job.send.as_mut().unwrap().agreed = credits(1);
        job.disarm(price, at(100));
        assert_eq!(job.reserved, then.map(credits), "{charge:?} {reserved:?}");
        let is_open = !matches!(charge, Some(Charge::Charged | Charge::Refunded));
        assert_eq!(job.send.unwrap().agreed, if is_open { price } else { credits(1) }, "{charge:?}");
    }
}

#[test]
fn money_of_a_job_that_was_sent_is_not_known_where_the_file_says_nothing() {
    let gone = Phase::Failed(Failure::new(ErrorClass::Final, "no_links", ""));
    for (job, then) in [
        (paid(job(unsure()), 1, 1, 0), Some(Charge::NotKnown)),
        (Job { charge: None, ..with_task(Phase::Running(Progress::default())) }, Some(Charge::NotKnown)),
        (Job { charge: None, ..saved(1, 0) }, Some(Charge::NotKnown)),
        (saved(1, 0), Some(Charge::Reserved)),
        (Job { charge: Some(Charge::Charged), ..saved(1, 0) }, Some(Charge::Charged)),
        (job(Phase::Held(HoldReason::You)), None),
        (job(Phase::Waiting), None),
        (job(gone), None),
    ] {
        let mut after = job.clone();
        after.disarm(credits(54_000), at(100));
        assert_eq!(after.charge, then, "{:?} {:?}", job.phase, job.charge);
    }
}

#[test]
fn what_comes_from_a_file_waits_for_a_confirmation_and_for_no_time_ahead() {
    let approval = Approval { seq: 9, price: credits(54_000), at: at(0), not_before: at(0) };
    let mut waiting = Job { approval: Some(approval), stop_requested: true, source_confirmed: true, ..job(Phase::Waiting) };
    waiting.created_at = at(500);
    waiting.disarm(credits(54_000), at(100));
    assert_eq!(waiting.phase, Phase::Held(HoldReason::You));
    assert!(waiting.is_approved_elsewhere() && !waiting.stop_requested && !waiting.source_confirmed);
    assert_eq!(waiting.created_at, at(100));
    let mut held = paid(job(Phase::Held(HoldReason::You)), 1, 0, 1);
    let key = held.send.as_ref().unwrap().key.clone();
    held.disarm(credits(54_000), at(100));
    assert_eq!((held.send, held.request.unwrap().key), (None, key), "its key stays, its attempts do not count");
    let day = SignedDuration::from_hours(24);
    for (expires, then) in [(at(50), at(50)), (at(100) + day, at(100) + day), (at(101) + day, at(100) + day)] {
        let mut linked = Job { link_expires_at: Some(expires), ..saved(1, 1) };
        linked.disarm(credits(54_000), at(100));
        assert_eq!(linked.link_expires_at, Some(then));
    }
}
