//! What a screen hears first when an engine starts.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use mj_enhance::api::{Client, ClientOptions};
use mj_enhance::engine::{Engine, EngineEvent, Options, Sending, Services, SessionMessage, SystemClock};
use mj_enhance::fetch::{Downloader, FetchOptions};
use mj_enhance::job::{
    Caps, Credits, ErrorClass, Failure, HoldReason, IdempotencyKey, Job, JobId, JobKind, Model, PaidRequest, Phase, PriceLines,
    Prices, State, Tag, TaskId,
};
use mj_enhance::store::{Access, AddRules, Consent, Moment, NewJob, SendGuard, Store};
use tokio::sync::mpsc::unbounded_channel;

fn services(folder: &Path) -> Services {
    let base_url = "http://127.0.0.1:1".parse().unwrap();
    let client = Client::new(&ClientOptions { base_url, key: "sk-test".to_owned().into() }).unwrap();
    let fetcher = Downloader::new(FetchOptions {
        results_dir: folder.join("results"),
        name_template: "{task}-{image}.{ext}".to_owned(),
        draft_template: "drafts/{task}-{image}.{ext}".to_owned(),
        allow_loopback: true,
    });
    let fetcher = Arc::new(fetcher.unwrap());
    Services {
        service: Arc::new(client),
        previews: fetcher.clone(),
        fetcher,
        clock: Arc::new(SystemClock),
        rng: fastrand::Rng::with_seed(1),
    }
}

fn options(folder: &Path) -> Options {
    Options {
        data_dir: folder.to_owned(),
        sending: Sending::WithConsent,
        max_in_flight: 3,
        submit_gap: Duration::from_secs(1),
        reads_per_minute: 60,
        caps: Caps::default(),
        pause_after_failures: 0,
        callback_url: None,
        fetches_at_once: 1,
        preview_cache: 0,
        first_rows: mj_enhance::tui::first_rows,
        time_zone: jiff::tz::TimeZone::UTC,
    }
}

#[derive(PartialEq, Eq, Debug)]
enum Seen {
    Told(JobId, State),
    Written,
}

/// Starts an engine over the store, tells it to leave at once, and says what happened in which order.
fn started(folder: &Path, mut store: Store) -> Vec<Seen> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (told, written) = (Arc::clone(&seen), Arc::clone(&seen));
    store.on_commit(Some(Box::new(move |moment| {
        if moment == Moment::Before {
            written.lock().unwrap().push(Seen::Written);
        }
        true
    })));
    let sink = Box::new(move |news| {
        if let EngineEvent::Jobs(jobs) = news {
            told.lock().unwrap().extend(jobs.iter().map(|job| Seen::Told(job.id, job.state())));
        }
    });
    let lock = Store::lock_engine(folder).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut engine = Engine::new(store, lock.unwrap(), options(folder), services(folder), sink);
        let (commands, mut inbox) = unbounded_channel();
        commands.send(SessionMessage::Stop).unwrap();
        engine.run(&mut inbox).await.unwrap();
    });
    std::mem::take(&mut *seen.lock().unwrap())
}

/// A store with two approved jobs.
fn store(folder: &Path) -> Store {
    let mut store = Store::open(folder, Access::ReadWrite).unwrap();
    let job = |n: u64| NewJob {
        id: JobId::from_bits(n),
        kind: JobKind::Enhance {
            source: TaskId::new("task-unified-1790000000-abcdefgh").unwrap(),
            image: u8::try_from(n).unwrap().try_into().unwrap(),
        },
        tag: None,
        again_of: None,
    };
    let consent = Consent { lines: PriceLines::one(Model::Enhance, 2, Credits::PUBLISHED_PRICE), grace: Duration::ZERO };
    let mut make = |job: &Job| PaidRequest {
        key: IdempotencyKey::from_random([u8::try_from(job.id.bits()).unwrap(); 16]),
        body: job.kind.body(None),
    };
    store.add(&[job(1), job(2)], AddRules::default(), Some(consent), &mut make, Timestamp::now()).unwrap();
    store
}

#[test]
fn rows_are_told_before_a_start_waits_for_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    // The approval is older than the start, so the start has to write that it needs a new one.
    let seen = started(folder.path(), store(folder.path()));
    let [one, two] = [1, 2].map(|n| Seen::Told(JobId::from_bits(n), State::Waiting));
    assert_eq!(seen[..3], [one, two, Seen::Written], "{seen:?}");
}

#[test]
fn a_job_in_the_middle_of_a_send_is_told_only_as_the_start_has_written_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(folder.path());
    let guard = SendGuard {
        server_time: None,
        prices: Prices::PUBLISHED,
        caps: Caps::default(),
        day_start: Timestamp::UNIX_EPOCH,
        budget: None,
    };
    let id = JobId::from_bits(1);
    store.begin_send(id, IdempotencyKey::from_random([7; 16]), "{}", &guard, Timestamp::now()).unwrap();
    assert_eq!(store.job(id).unwrap().unwrap().state(), State::Sending);
    let seen = started(folder.path(), store);
    let of_it: Vec<_> = seen.iter().filter(|seen| !matches!(seen, Seen::Told(other, _) if *other != id)).collect();
    assert_eq!(of_it[..1], [&Seen::Written], "{seen:?}");
    assert!(of_it.contains(&&Seen::Told(id, State::Unsure)) && !of_it.contains(&&Seen::Told(id, State::Sending)), "{seen:?}");
}

#[test]
fn the_first_rows_come_before_the_rest_and_every_job_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), Access::ReadWrite).unwrap();
    let held: Vec<NewJob> = (1..=2_500)
        .map(|n| NewJob {
            id: JobId::from_bits(n),
            kind: JobKind::Enhance {
                source: TaskId::new(&format!("task-unified-1790000000-d{n:07}")).unwrap(),
                image: 0.try_into().unwrap(),
            },
            tag: None,
            again_of: None,
        })
        .collect();
    let mut make = |_: &Job| unreachable!("nothing is approved");
    store.add(&held, AddRules::default(), None, &mut make, Timestamp::now()).unwrap();
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&sizes);
    let sink = Box::new(move |news| {
        if let EngineEvent::Jobs(jobs) = news {
            told.lock().unwrap().push(jobs.iter().map(|job| job.id).collect::<Vec<_>>());
        }
    });
    let lock = Store::lock_engine(folder.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut engine = Engine::new(store, lock.unwrap(), options(folder.path()), services(folder.path()), sink);
        let (commands, mut inbox) = unbounded_channel();
        commands.send(SessionMessage::Stop).unwrap();
        engine.run(&mut inbox).await.unwrap();
    });
    let told = std::mem::take(&mut *sizes.lock().unwrap());
    assert!(told[0].len() <= 500 && told.len() > 3, "a screenful first, then the rest in parts: {}", told.len());
    assert!((1..).zip(&told[0]).all(|(n, id)| *id == JobId::from_bits(n)), "the head of the list");
    let all: Vec<JobId> = told.into_iter().flatten().collect();
    let once: std::collections::BTreeSet<&JobId> = all.iter().collect();
    assert_eq!((all.len(), once.len()), (2_500, 2_500));
}

/// A store with 3,000 results and some jobs of other kinds.
fn mixed_store(folder: &Path) {
    let mut store = Store::open(folder, Access::ReadWrite).unwrap();
    let job = |n: u64, phase: Phase| {
        let source = TaskId::new(&format!("task-unified-1790000000-d{n:07}")).unwrap();
        let kind = JobKind::Enhance { source, image: 0.try_into().unwrap() };
        let at = Timestamp::from_second(1_790_000_000 + i64::try_from(n).unwrap()).unwrap();
        let mut job = Job::new(JobId::from_bits(n), kind, i64::try_from(n).unwrap(), at);
        job.phase = phase;
        job.tag = Tag::new(if n.is_multiple_of(1_000) { "rare" } else { "usual" }).ok();
        (job.finished_at, job.saved_at) = (Some(at), Some(at));
        job
    };
    let mut jobs: Vec<Job> = (1..=3_000).map(|n| job(n, Phase::Saved)).collect();
    let failed = || Phase::Failed(Failure::new(ErrorClass::Content, "content_policy_violation", ""));
    jobs.extend((3_001..=3_300).map(|n| job(n, if n % 2 == 0 { failed() } else { Phase::Held(HoldReason::You) })));
    store.import(&jobs, Timestamp::now()).unwrap();
}

/// The rows of that store that a screen with this remembered state is told of first.
fn told_first(folder: &Path, remembered: &str) -> Vec<(u64, State)> {
    let mut store = Store::open(folder, Access::ReadWrite).unwrap();
    store.set_screen_state(remembered).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let first = Arc::clone(&told);
    let sink = Box::new(move |news| {
        if let EngineEvent::Jobs(jobs) = news {
            first.lock().unwrap().push(jobs.iter().map(|job| (job.id.bits(), job.state())).collect::<Vec<_>>());
        }
    });
    let lock = Store::lock_engine(folder).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut engine = Engine::new(store, lock.unwrap(), options(folder), services(folder), sink);
        let (commands, mut inbox) = unbounded_channel();
        commands.send(SessionMessage::Stop).unwrap();
        engine.run(&mut inbox).await.unwrap();
    });
    let told = std::mem::take(&mut *told.lock().unwrap());
    assert!(told[0].len() <= 200, "a screenful, and not more: {}", told[0].len());
    told.into_iter().next().unwrap()
}

#[test]
fn the_first_rows_are_those_of_the_tab_the_order_and_the_filter_that_are_remembered() {
    let folder = tempfile::tempdir().unwrap();
    mixed_store(folder.path());
    let told_first = |remembered: &str| told_first(folder.path(), remembered);
    let held = |first: &[(u64, State)]| first.iter().filter(|(_, state)| *state == State::Held).count();
    // The usual screen: what is held, then what failed, the latest first.
    let first = told_first("{}");
    assert_eq!((held(&first), first[0], first[150]), (150, (3_001, State::Held), (3_300, State::Failed)));
    // The tab of results, which are 3,000: the newest, and turned round the oldest.
    let newest: Vec<(u64, State)> = (2_801..=3_000).rev().map(|n| (n, State::Saved)).collect();
    assert_eq!(told_first(r#"{"view":5}"#), newest);
    assert_eq!(told_first(r#"{"view":5,"reverse":true}"#)[..2], [(1, State::Saved), (2, State::Saved)]);
    // The tab of failures in the order in which they were added, all in one, and a filter.
    assert_eq!(told_first(r#"{"view":6,"sort":"added"}"#)[..2], [(3_002, State::Failed), (3_004, State::Failed)]);
    assert_eq!(told_first(r#"{"sort":"added"}"#)[..2], [(1, State::Saved), (2, State::Saved)]);
    assert_eq!(told_first(r#"{"view":5,"filter":"tag:rare"}"#)[..2], [(3_000, State::Saved), (2_000, State::Saved)]);
}
