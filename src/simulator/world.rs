//! The state behind the routes: tasks, money, remembered keys, faults and counts.
//!
//! Money of ended tasks is settled when somebody next reads: a heap of end times says which tasks are due, so a read costs only what ended
//! since the last one.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};

use tokio::time::{Duration, Instant};

use super::account::Account;
use super::answer::Refusal;
use super::money::Amount;
use super::prompt::Prompt;
use super::report::{Counts, Delays, LedgerEntry};
use super::rng::{mix, text};
use super::scenario::{
    Draft, Effect, End, Fault, Outcome, PriceChange, PriceKind, Prices, Route, Rule, Scenario, SeedTask, Speed, made_up_draft,
};
use super::task::{Task, whole};

/// A `mj-v7-enhance` or `mj-v7` request that passed the checks of its fields.
#[derive(Clone, Debug)]
pub(super) enum SubmitRequest {
    Enhance { source: String, image: u8 },
    Generate { speed: Speed, prompt: Prompt },
}

/// A remembered idempotency key.
#[derive(Clone, Debug)]
pub(super) struct Remembered {
    pub body: String,
    pub task: usize,
    pub at: f64,
    pub first_answer: serde_json::Value,
    /// Until then the gateway does not know the outcome.
    pub unknown_until: f64,
}

struct ActiveFault {
    fault: Fault,
    /// When it was added.
    since: f64,
    seen: u64,
    /// The idempotency keys that meet it again at every repeat.
    met: HashSet<String>,
    hash: u64,
}

/// A fault that fires now.
#[derive(Clone, Debug)]
pub(super) struct FaultHit {
    pub effect: Effect,
    pub processed: bool,
    /// Tasks that another program makes at the same moment.
    pub decoys: u8,
}

/// What a fault may want to know of a request.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    pub route: Route,
    /// The path, percent-decoded.
    pub path: &'a str,
    pub body: &'a [u8],
    pub key: Option<&'a str>,
}

impl Subject<'_> {
    fn is_about(&self, task: &str) -> bool {
        self.path.ends_with(task) || self.body.windows(task.len().max(1)).any(|part| part == task.as_bytes())
    }
}

/// Everything that changes.
pub(super) struct World {
    pub scenario: Scenario,
    /// `http://127.0.0.1:port`.
    pub base: String,
    /// In order of creation.
    pub tasks: Vec<Task>,
    pub by_id: HashMap<String, usize>,
    pub keys: HashMap<(usize, String), Remembered>,
    pub keys_in_flight: HashSet<(usize, String)>,
    pub counts: Counts,
    pub delays: Delays,
    pub submits_open: usize,
    /// The first one is the scenario's own.
    pub accounts: Vec<Account>,
    /// Paid enhance and draft tasks that have not ended.
    pub running: u32,
    ends: BinaryHeap<Reverse<(u64, usize)>>,
    started: f64,
    accepted: u64,
    answers: u64,
    faults: Vec<ActiveFault>,
    recent: VecDeque<Instant>,
    wait: Option<(Instant, Instant)>,
    /// What the catalog says; what submits reserve is [`Scenario::prices`].
    pub published: Prices,
    /// When a published price last changed.
    pub priced_at: f64,
    /// Estimates answered.
    pub estimates: u64,
    /// Prompts of drafts that were there at the start, by id.
    prompts: HashMap<String, String>,
    /// The latest first.
    price_changes: Vec<PriceChange>,
}

/// A client that asks this shortly after an announcement may have sent before it heard.
const WAIT_GRACE: Duration = Duration::from_millis(100);

impl World {
    pub(super) fn new(mut scenario: Scenario, base: String, now: f64) -> Self {
        let more = std::mem::take(&mut scenario.more_drafts);
        scenario.drafts.extend((0..more).map(made_up_draft));
        let own_keys = std::iter::once(&scenario.key).chain(&scenario.more_keys).cloned().collect();
        let mut accounts = vec![Account::new("", own_keys, &scenario.balance, now)];
        accounts.extend(
            scenario.accounts.iter().map(|other| Account::new(&other.name, vec![other.key.clone()], &other.balance, now)),
        );
        let mut price_changes = std::mem::take(&mut scenario.price_changes);
        price_changes.sort_by(|a, b| b.after_seconds.total_cmp(&a.after_seconds));
        let mut world = Self {
            base,
            tasks: Vec::new(),
            by_id: HashMap::new(),
            keys: HashMap::new(),
            keys_in_flight: HashSet::new(),
            counts: Counts::default(),
            delays: Delays::default(),
            submits_open: 0,
            accounts,
            running: 0,
            ends: BinaryHeap::new(),
            started: now,
            accepted: 0,
            answers: 0,
            faults: Vec::new(),
            recent: VecDeque::new(),
            wait: None,
            published: scenario.prices.clone(),
            priced_at: now,
            estimates: 0,
            prompts: scenario.drafts.iter().filter_map(|draft| Some((draft.id.clone(), draft.prompt.clone()?))).collect(),
            price_changes,
            scenario,
        };
        let mut seeds: Vec<Task> = world.scenario.drafts.iter().map(|draft| world.seed_draft(draft, now)).collect();
        for (n, task) in world.scenario.tasks.iter().enumerate() {
            seeds.push(world.seed_task(n, task, now));
        }
        seeds.sort_by(|a, b| a.created.total_cmp(&b.created));
        for task in seeds {
            if let Some(owner) = task.owner.filter(|_| task.paid) {
                world.accounts[owner].reserved_before(task.reserved);
            }
            world.insert(task);
        }
        for fault in world.scenario.faults.clone() {
            world.add_fault(now, fault);
        }
        world.settle(now);
        world
    }

    /// The account of that name; the first one without a name.
    fn owner(&self, name: Option<&str>) -> Option<usize> {
        self.accounts.iter().position(|account| account.name == name.unwrap_or_default())
    }

    fn seed_draft(&self, draft: &Draft, now: f64) -> Task {
        let created = now - draft.age_seconds;
        let ends = if draft.status == End::Never { f64::INFINITY } else { created + draft.run_seconds };
        let price = self.price(Some(draft.speed));
        Task {
            id: draft.id.clone(),
            model: "mj-v7",
            created,
            ends,
            outcome: Outcome { end: draft.status, ..Outcome::default() },
            source: None,
            speed: Some(draft.speed),
            pictures: (0..draft.pictures).filter(|n| !draft.removed.contains(n)).collect(),
            owner: if draft.foreign { None } else { self.owner(draft.account.as_deref()) },
            paid: false,
            seeded: true,
            key: None,
            reserved: price,
            charged: Amount::ZERO,
            released: Amount::ZERO,
            settled: true,
            motif: draft_motif(self.scenario.seed, &draft.id, draft.prompt.as_deref()),
            prompt: draft.prompt.clone(),
            shown: None,
            seen_final: false,
        }
    }

    fn seed_task(&self, n: usize, seed: &SeedTask, now: f64) -> Task {
        let created = now - seed.age_seconds;
        let hash = mix(self.scenario.seed, 70_000 + n as u64);
        let id = seed.id.clone().unwrap_or_else(|| new_id(created, hash));
        let request = SubmitRequest::Enhance { source: seed.source.clone(), image: seed.image };
        let owner = self.owner(seed.account.as_deref());
        Task { seeded: true, owner, key: seed.key.clone(), ..self.new_task(id, &request, created, hash, seed.then.clone()) }
    }

    fn new_task(&self, id: String, request: &SubmitRequest, created: f64, hash: u64, outcome: Outcome) -> Task {
        let (prompt, factor) = match request {
            SubmitRequest::Enhance { .. } => (None, 1),
            SubmitRequest::Generate { prompt, .. } => (Some(prompt.text.clone()), prompt.price_factor),
        };
        let jitter = (super::rng::unit(mix(hash, 3)) * 2.0 - 1.0) * self.scenario.run_jitter;
        let run = outcome.run_seconds.unwrap_or(self.scenario.run_seconds * (1.0 + jitter));
        let (model, source, speed, motif) = match request {
            SubmitRequest::Enhance { source, image } => {
                let motif = if let Some(draft) = self.by_id.get(source) {
                    self.tasks[*draft].picture_motif(*image)
                } else {
                    let prompt = self.prompts.get(source).map(String::as_str);
                    mix(draft_motif(self.scenario.seed, source, prompt), u64::from(*image))
                };
                ("mj-v7-enhance", Some((source.clone(), *image)), None, motif)
            }
            SubmitRequest::Generate { speed, prompt } => {
                // The same prompt with the same --seed shows the same; without one every run is another.
                let seed = prompt.seed.unwrap_or_else(|| text(self.scenario.seed, &id));
                ("mj-v7", None, Some(*speed), text(seed, &prompt.words))
            }
        };
        Task {
            model,
            created,
            ends: if outcome.end == End::Never { f64::INFINITY } else { created + run },
            source,
            speed,
            prompt,
            pictures: (0..outcome.links.unwrap_or(4)).filter(|n| !outcome.removed.contains(n)).collect(),
            owner: Some(0),
            paid: true,
            seeded: false,
            key: None,
            reserved: outcome.reserve.unwrap_or_else(|| self.price(speed).scaled(f64::from(factor))),
            charged: Amount::ZERO,
            released: Amount::ZERO,
            settled: false,
            motif,
            shown: None,
            seen_final: false,
            outcome,
            id,
        }
    }

    fn insert(&mut self, task: Task) -> usize {
        let index = self.tasks.len();
        if !task.settled {
            self.running += 1;
            if task.ends.is_finite() {
                self.ends.push(Reverse((micros(task.ends), index)));
            }
        }
        self.by_id.insert(task.id.clone(), index);
        self.tasks.push(task);
        index
    }

    /// What this account pays for a request.
    pub(super) fn price(&self, speed: Option<Speed>) -> Amount {
        let prices = &self.scenario.prices;
        let public = match speed {
            None => prices.enhance,
            Some(Speed::Draft) => prices.draft,
            Some(Speed::Fast) => prices.fast,
            Some(Speed::Turbo) => prices.turbo,
        };
        public.scaled(prices.group_factor)
    }

    /// Changes prices now.
    pub(super) fn change_prices(&mut self, now: f64, change: &PriceChange) {
        if change.applies_to != PriceKind::Published {
            change.change(&mut self.scenario.prices);
        }
        if change.applies_to != PriceKind::Reserved {
            change.change(&mut self.published);
            self.priced_at = now;
        }
    }

    /// Books what has ended, and changes the prices whose time has come.
    pub(super) fn settle(&mut self, now: f64) {
        let started = self.started;
        while let Some(change) = self.price_changes.pop_if(|change| started + change.after_seconds <= now) {
            self.change_prices(started + change.after_seconds, &change);
        }
        let due = micros(now);
        while let Some(Reverse((_, index))) = self.ends.peek().copied().filter(|Reverse((ends, _))| *ends <= due) {
            self.ends.pop();
            let task = &mut self.tasks[index];
            if task.settled {
                continue;
            }
            task.settled = true;
            let completed = matches!(task.outcome.end, End::Completed | End::Never);
            task.charged = if completed { task.charge() } else { Amount::ZERO };
            task.released = (task.reserved - task.charged).max(Amount::ZERO);
            let (reserved, charged, ends) = (task.reserved, task.charged, task.ends);
            self.running -= 1;
            if let Some(owner) = task.owner {
                self.accounts[owner].settle(ends, reserved, charged, self.scenario.release_restores_key);
            }
        }
    }

    /// Ends every unfinished task now.
    pub(super) fn finish_all(&mut self, now: f64) -> usize {
        let mut ended = 0;
        for index in 0..self.tasks.len() {
            let task = &mut self.tasks[index];
            if task.ends <= now {
                continue;
            }
            task.ends = now;
            ended += 1;
            if !task.settled {
                self.ends.push(Reverse((micros(now), index)));
            }
        }
        self.settle(now);
        ended
    }

    /// Ends one unfinished task now, in the given way; false if there is none.
    pub(super) fn end_task(&mut self, now: f64, id: &str, end: End) -> bool {
        self.settle(now);
        let Some(index) = self.by_id.get(id).copied().filter(|index| self.tasks[*index].ends > now) else { return false };
        let task = &mut self.tasks[index];
        task.outcome.end = end;
        task.ends = now;
        if !task.settled {
            self.ends.push(Reverse((micros(now), index)));
        }
        self.settle(now);
        true
    }

    /// The account that a key belongs to.
    pub(super) fn account_of(&self, key: &str) -> Option<usize> {
        self.accounts.iter().position(|account| account.keys.iter().any(|own| own == key))
    }

    /// Creates a paid task.
    pub(super) fn accept(
        &mut self,
        now: f64,
        account: usize,
        request: &SubmitRequest,
        key: Option<&str>,
        fails: Option<Outcome>,
    ) -> Result<usize, Refusal> {
        self.settle(now);
        if self.scenario.max_running.is_some_and(|max| self.running >= max) {
            return Err(Refusal::new(429, "rate_limit_exceeded", "Too many tasks are running."));
        }
        let nth = self.accepted + 1;
        let outcome = fails.unwrap_or_else(|| self.outcome(nth, request));
        if let Some(code) = &outcome.refuse {
            let message = outcome.message.as_deref().unwrap_or("The request was stopped by moderation.");
            return Err(Refusal::new(400, code, message));
        }
        let hash = mix(self.scenario.seed, nth);
        let mut id = new_id(now, hash);
        while self.by_id.contains_key(&id) {
            id = new_id(now, mix(text(hash, &id), 9));
        }
        let task = Task { key: key.map(Into::into), owner: Some(account), ..self.new_task(id, request, now, hash, outcome) };
        self.accounts[account].reserve(now, task.reserved)?;
        self.accepted = nth;
        if key.is_none() {
            self.counts.submits_without_key += 1;
        }
        Ok(self.insert(task))
    }

    /// Another program of the account makes tasks of the same kind.
    pub(super) fn add_decoys(&mut self, now: f64, account: usize, request: &SubmitRequest, count: u8) {
        for _ in 0..count {
            let hash = mix(self.scenario.seed ^ 0xDEC0, self.tasks.len() as u64);
            let request = match request {
                SubmitRequest::Enhance { image, .. } => {
                    SubmitRequest::Enhance { source: new_id(now - 900.0, hash), image: *image }
                }
                SubmitRequest::Generate { .. } => request.clone(),
            };
            let id = new_id(now, hash);
            let task = Task { owner: Some(account), seeded: true, ..self.new_task(id, &request, now, hash, Outcome::default()) };
            if self.accounts[account].reserve(now, task.reserved).is_ok() {
                self.insert(task);
            }
        }
    }

    /// The paid task of an account before its newest one.
    pub(super) fn previous(&self, account: usize) -> Option<&str> {
        self.tasks.iter().rev().filter(|task| task.paid && task.owner == Some(account)).nth(1).map(|task| task.id.as_str())
    }

    fn outcome(&self, nth: u64, request: &SubmitRequest) -> Outcome {
        let (model, source, image) = match request {
            SubmitRequest::Enhance { source, image } => ("mj-v7-enhance", Some(source), Some(*image)),
            SubmitRequest::Generate { .. } => ("mj-v7", None, None),
        };
        let words = match request {
            SubmitRequest::Enhance { .. } => None,
            SubmitRequest::Generate { prompt, .. } => Some(prompt.words.as_str()),
        };
        let fits = |(n, rule): &(usize, &Rule)| {
            rule.model.as_deref().is_none_or(|wanted| wanted == model)
                && rule.source.as_ref().is_none_or(|wanted| Some(wanted) == source)
                && rule.prompt.as_ref().is_none_or(|wanted| words.is_some_and(|words| says(words, wanted)))
                && rule.image.is_none_or(|wanted| Some(wanted) == image)
                && rule.pick().takes(nth, mix(self.scenario.seed, 500 + *n as u64))
        };
        self.scenario.rules.iter().enumerate().find(fits).map(|(_, rule)| rule.then.clone()).unwrap_or_default()
    }

    pub(super) fn add_fault(&mut self, now: f64, fault: Fault) {
        let hash = mix(self.scenario.seed, 900 + self.faults.len() as u64);
        self.faults.push(ActiveFault { fault, since: now, seen: 0, met: HashSet::new(), hash });
    }

    /// Notes that a request came and says what goes wrong with it.
    pub(super) fn arrive(&mut self, now: f64, subject: &Subject<'_>) -> Option<FaultHit> {
        let route = subject.route;
        *self.counts.requests.entry(route.name()).or_default() += 1;
        if Route::Any.covers(route)
            && self.wait.is_some_and(|(said, until)| said + WAIT_GRACE <= Instant::now() && Instant::now() < until)
        {
            self.counts.during_wait += 1;
        }
        let mut hit = None;
        for active in &mut self.faults {
            let fault = &active.fault;
            if !fault.route.covers(route) || fault.task.as_ref().is_some_and(|task| !subject.is_about(task)) {
                continue;
            }
            let again = subject.key.is_some_and(|key| active.met.contains(key));
            let age = now - active.since;
            let in_time = fault.after_seconds.is_none_or(|from| age >= from) && fault.until_seconds.is_none_or(|to| age < to);
            if !again && !in_time {
                continue;
            }
            active.seen += u64::from(!again);
            if hit.is_none() && (again || fault.pick().takes(active.seen, active.hash)) {
                let decoys = if again { 0 } else { fault.decoys };
                hit = Some(FaultHit { effect: fault.effect.clone(), processed: fault.processed(), decoys });
                active.met.extend(subject.key.filter(|_| fault.sticky).map(str::to_owned));
            }
        }
        if hit.is_some() {
            self.counts.faults += 1;
        }
        hit
    }

    /// Notes an answer with status 429 and the wait it announces.
    pub(super) fn note_too_many(&mut self, wait: Option<f64>) {
        self.counts.too_many += 1;
        if let Some(wait) = wait.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
            let now = Instant::now();
            let until = now + wait;
            self.wait = Some(self.wait.filter(|(_, old)| *old > until).unwrap_or((now, until)));
        }
    }

    /// Counts a request against the rate limit; the refusal says how long to wait.
    pub(super) fn check_rate(&mut self, route: Route) -> Result<(), Refusal> {
        let Some(limit) = self.scenario.rate_limit.as_ref().filter(|limit| limit.route.covers(route)) else { return Ok(()) };
        let now = Instant::now();
        let window = Duration::try_from_secs_f64(limit.window_seconds).unwrap_or(Duration::from_mins(1));
        while self.recent.front().is_some_and(|first| now.duration_since(*first) >= window) {
            self.recent.pop_front();
        }
        if self.recent.len() < limit.requests as usize {
            self.recent.push_back(now);
            return Ok(());
        }
        let wait = self.recent.front().map_or(window, |first| window.saturating_sub(now.duration_since(*first)));
        let mut refusal = Refusal::new(429, "rate_limit_exceeded", "Too many requests. Slow down.");
        refusal.retry_after = Some(wait.as_secs_f64().ceil().max(1.0));
        Err(refusal)
    }

    /// Finds a task that can be read.
    pub(super) fn find(&self, id: &str, now: f64) -> Option<usize> {
        self.by_id.get(id).copied().filter(|index| self.tasks[*index].exists(now, &self.scenario))
    }

    /// The task object, with the state some seconds ago; notes what this read showed.
    pub(super) fn poll(&mut self, index: usize, now: f64, lag: f64, batch: bool) -> serde_json::Value {
        let at = (now - lag).max(self.tasks[index].created);
        let task = &self.tasks[index];
        let object = task.damage(task.object(index, at, now, &self.scenario, &self.base), batch);
        let is_final = self.tasks[index].phase(at, &self.scenario).is_final;
        let shows = self.tasks[index].shows(at, &self.scenario);
        let task = &mut self.tasks[index];
        if task.source.is_some() && task.ends >= self.started {
            self.delays.reads += 1;
            if task.shown.is_some_and(|before| shows.repeats(&before)) {
                self.delays.wasted += 1;
            }
            task.shown = Some(shows);
            if is_final && !task.seen_final {
                task.seen_final = true;
                self.delays.seconds.push(now - task.ends);
            }
        }
        object
    }

    /// A new request id.
    pub(super) fn request_id(&mut self) -> String {
        self.answers += 1;
        format!("req-{:016x}", mix(self.scenario.seed ^ 0x5EED, self.answers))
    }

    pub(super) fn ledger(&self) -> Vec<LedgerEntry> {
        let entry = |task: &Task| LedgerEntry {
            account: task.owner.map(|owner| self.accounts[owner].name.clone()).unwrap_or_default(),
            key: task.key.clone(),
            task_id: task.id.clone(),
            model: task.model.into(),
            source: task.source.as_ref().map(|(source, _)| source.clone()),
            image: task.source.as_ref().map(|(_, image)| *image),
            prompt: task.prompt.clone(),
            created: task.created,
            reserved: task.reserved,
            charged: task.charged,
            released: task.released,
            settled: task.settled,
            seeded: task.seeded,
        };
        self.tasks.iter().filter(|task| task.paid).map(entry).collect()
    }
}

/// What decides the pictures of a draft that was there at the start.
fn draft_motif(seed: u64, id: &str, prompt: Option<&str>) -> u64 {
    let own = text(seed, id);
    prompt.map_or(own, |prompt| text(own, prompt))
}

/// Whether words stand in a text, as whole words and in any case.
fn says(text: &str, wanted: &str) -> bool {
    let plain = |text: &str| -> String {
        let parts = text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty());
        parts.fold(" ".to_owned(), |all, part| all + &part.to_lowercase() + " ")
    };
    plain(text).contains(&plain(wanted))
}

/// `task-unified-<unix>-<8 lower-case alphanumerics>`.
fn new_id(now: f64, hash: u64) -> String {
    format!("task-unified-{}-{}", whole(now), super::rng::word(hash, 8))
}

/// Moments as whole numbers, which a heap can order.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a moment of this century")]
fn micros(unix: f64) -> u64 {
    (unix.max(0.0) * 1e6) as u64
}
