//! The engine with its real client, downloader and store against the simulator over loopback.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use mj_enhance::api::{Client, ClientOptions};
use mj_enhance::engine::{Consent, Join, News, Options, Sending, Services, Session, Status, SystemClock, Wish};
use mj_enhance::fetch::{Downloader, FetchOptions};
use mj_enhance::job::{Caps, Charge, Credits, Job, JobId, Spec, State, parse_line};
use mj_enhance::simulator::{Running, Scenario, Simulator};

/// How long a condition may take before the test says what it waited for. Nothing sleeps: it is only a bound.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program without a screen, and what it was told.
struct Stage {
    simulator: Running,
    folder: tempfile::TempDir,
    session: Option<Session>,
    news: Receiver<News>,
    jobs: std::collections::BTreeMap<JobId, Arc<Job>>,
    status: Option<Arc<Status>>,
}

fn options(folder: &tempfile::TempDir, max_in_flight: u32, reads_per_minute: u32) -> Options {
    Options {
        data_dir: folder.path().join("data"),
        sending: Sending::WithConsent,
        max_in_flight,
        submit_gap: Duration::ZERO,
        reads_per_minute,
        caps: Caps::default(),
        callback_url: None,
        fetches_at_once: 4,
        time_zone: jiff::tz::TimeZone::UTC,
    }
}

impl Stage {
    fn start(scenario: &str, max_in_flight: u32, reads_per_minute: u32) -> Self {
        let scenario = Scenario::from_toml(scenario).expect("the scenario is right");
        let simulator = Simulator::start_in_background(scenario, 0).expect("a free port");
        let folder = tempfile::tempdir().unwrap();
        let (session, news) = Self::session(&simulator, &folder, options(&folder, max_in_flight, reads_per_minute));
        Self { simulator, folder, session: Some(session), news, jobs: std::collections::BTreeMap::new(), status: None }
    }

    fn session(simulator: &Running, folder: &tempfile::TempDir, options: Options) -> (Session, Receiver<News>) {
        let base_url = simulator.base_url().parse().unwrap();
        let client = Client::new(&ClientOptions { base_url, key: simulator.key().into() }).unwrap();
        let fetch = FetchOptions {
            results_dir: folder.path().join("results"),
            name_template: "{date}/{tag}/{task}-{image}.{ext}".into(),
            allow_loopback: true,
        };
        let services = Services {
            service: Arc::new(client),
            fetcher: Arc::new(Downloader::new(fetch).unwrap()),
            clock: Arc::new(SystemClock),
            dice: fastrand::Rng::new(),
        };
        let (sink, news) = channel();
        let session = Session::start(options, Join::AsScreenToo, services, Box::new(move |said| drop(sink.send(said)))).unwrap();
        (session, news)
    }

    fn specs(&self, lines: &[String]) -> Vec<Spec> {
        lines.iter().flat_map(|line| parse_line(line).unwrap()).collect()
    }

    fn add(&mut self, specs: Vec<Spec>) {
        let consent = Some(Consent { count: specs.len(), price: Credits::PUBLISHED_PRICE, grace: Duration::ZERO });
        self.wish(Wish::Add { specs, tag: None, front: false, again: false, consent });
    }

    fn wish(&mut self, wish: Wish) {
        self.session.as_mut().unwrap().wish(wish);
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Jobs(jobs) => self.jobs.extend(jobs.into_iter().map(|job| (job.id, job))),
            News::Status(status) => self.status = Some(status),
            News::Wished { outcome: Err(said), .. } => panic!("a wish was refused: {said}"),
            News::Broken(said) => panic!("{said}"),
            _ => {}
        }
    }

    fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !done(self) {
            let left = end.saturating_duration_since(Instant::now());
            match self.news.recv_timeout(left) {
                Ok(news) => self.hear(news),
                Err(_) => panic!("waited in vain for: {what}; {:?} {:?}", self.counts(), self.status),
            }
        }
    }

    fn counts(&self) -> std::collections::BTreeMap<State, usize> {
        let mut counts = std::collections::BTreeMap::new();
        for job in self.jobs.values() {
            *counts.entry(job.state()).or_default() += 1;
        }
        counts
    }

    fn all_are(&self, state: State) -> bool {
        !self.jobs.is_empty() && self.jobs.values().all(|job| job.state() == state)
    }
}

const FAST: &str = r#"
run_seconds = 0.3
picture_size = 64
[balance]
account = 100000.0
[[drafts]]
id = "task-unified-1790000100-k3v9q2ad"
[[drafts]]
id = "task-unified-1790000460-h8m4t7xe"
"#;

fn draft_lines() -> Vec<String> {
    vec!["task-unified-1790000100-k3v9q2ad all".into(), "task-unified-1790000460-h8m4t7xe all".into()]
}

#[test]
fn jobs_go_from_a_yes_to_files_on_disk_with_one_charge_each() {
    let mut stage = Stage::start(FAST, 4, 6_000);
    let specs = stage.specs(&draft_lines());
    assert_eq!(specs.len(), 8);
    stage.add(specs);
    stage.until("eight saved jobs", |stage| stage.jobs.len() == 8 && stage.all_are(State::Saved));
    for job in stage.jobs.values() {
        assert_eq!(job.charge, Some(Charge::Charged), "{job:?}");
        assert_eq!(job.charged, Some(Credits::PUBLISHED_PRICE));
        let file = &job.files[0];
        let bytes = std::fs::read(&file.path).unwrap();
        assert_eq!(bytes.len() as u64, file.bytes);
        assert!(bytes.starts_with(b"\x89PNG"));
    }
    let ledger = stage.simulator.ledger();
    assert_eq!(ledger.len(), 8, "one charge each");
    stage.until("idle", |stage| stage.status.as_ref().is_some_and(|status| status.idle));
}

#[test]
fn what_was_sent_goes_on_after_leaving_and_what_was_not_waits_for_a_new_yes() {
    let mut stage = Stage::start(&FAST.replace("run_seconds = 0.3", "run_seconds = 1.0"), 2, 6_000);
    let specs = stage.specs(&draft_lines());
    stage.add(specs);
    stage.until("two running", |stage| stage.counts().get(&State::Running) == Some(&2));
    stage.session.take().unwrap().stop();
    let sent = stage.simulator.ledger().len();
    let (session, news) = Stage::session(&stage.simulator, &stage.folder, options(&stage.folder, 8, 6_000));
    stage.session = Some(session);
    stage.news = news;
    stage.jobs.clear();
    stage.status = None;
    stage.until("what was sent is saved, the rest waits", |stage| {
        stage.counts().get(&State::Saved) == Some(&sent)
            && stage.status.as_ref().is_some_and(|status| status.waiting_for_go.len() == 8 - sent)
    });
    assert_eq!(stage.simulator.ledger().len(), sent, "a restart spends nothing by itself");
    let jobs = stage.status.as_ref().unwrap().waiting_for_go.clone();
    let consent = Some(Consent { count: jobs.len(), price: Credits::PUBLISHED_PRICE, grace: Duration::ZERO });
    stage.wish(Wish::Resume { jobs, consent });
    stage.until("all saved", |stage| stage.jobs.len() == 8 && stage.all_are(State::Saved));
    assert_eq!(stage.simulator.ledger().len(), 8);
}

#[test]
fn a_thousand_running_jobs_cost_twenty_reads_a_round() {
    let drafts: Vec<String> = (0..250).map(|n| format!("task-unified-1790000100-{n:08}")).collect();
    let mut scenario = String::from("run_seconds = 600.0\n[balance]\naccount = 100000.0\n");
    for id in &drafts {
        scenario.push_str(&format!("[[drafts]]\nid = \"{id}\"\n"));
    }
    let mut stage = Stage::start(&scenario, 1_000, 1_000_000);
    let lines: Vec<String> = drafts.iter().map(|id| format!("{id} all")).collect();
    let specs = stage.specs(&lines);
    stage.add(specs);
    stage.until("a thousand running", |stage| stage.counts().get(&State::Running) == Some(&1_000));
    // Rounds of the desk, counted by the service: from here on, until it has been asked about 3,000 tasks.
    let before = stage.simulator.counts().batch_ids.len();
    let round = |stage: &Stage| -> Vec<usize> { stage.simulator.counts().batch_ids[before..].to_vec() };
    stage.until("three rounds", |stage| round(stage).iter().sum::<usize>() >= 3_000);
    let batches = round(&stage);
    let mut ids = 0;
    let reads = batches.iter().take_while(|size| {
        let more = ids < 3_000;
        ids += **size;
        more
    });
    let reads = reads.count();
    assert!(reads <= 3 * 20 + 1, "{reads} reads for three rounds over 1,000 tasks: {batches:?}");
    // A wish is answered while all of them run.
    let id = *stage.jobs.keys().next().unwrap();
    stage.wish(Wish::Retag { jobs: vec![id], tag: Some(mj_enhance::job::Tag::new("quick").unwrap()) });
    stage.until("the tag", |stage| stage.jobs[&id].tag.is_some());
}
