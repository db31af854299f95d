//! The state behind the routes: tasks, money, remembered keys, faults and counts.
//!
//! Money of ended tasks is settled when somebody next reads: a heap of end times says which tasks are due, so a read costs only what ended
//! since the last one.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};

use tokio::time::{Duration, Instant};

use super::answer::Refusal;
use super::money::Amount;
use super::report::{Counts, Delays, LedgerEntry, Money};
use super::rng::{mix, text};
use super::scenario::{
    Draft, Effect, End, Fault, Outcome, PriceChange, PriceKind, Prices, Route, Rule, Scenario, SeedTask, Speed, made_up_draft,
};
use super::task::{Task, whole};

/// A `mj-v7-enhance` or `mj-v7` request that passed the checks of its fields.
#[derive(Clone, Debug)]
pub(super) enum SubmitRequest {
    Enhance { source: String, image: u8 },
    Generate { speed: Speed },
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
    seen: u64,
    hash: u64,
}

/// A fault that fires now.
#[derive(Clone, Debug)]
pub(super) struct FaultHit {
    pub effect: Effect,
    pub processed: bool,
}

/// Everything that changes.
pub(super) struct World {
    pub scenario: Scenario,
    /// `http://127.0.0.1:port`.
    pub base: String,
    /// In order of creation.
    pub tasks: Vec<Task>,
    pub by_id: HashMap<String, usize>,
    pub keys: HashMap<String, Remembered>,
    pub keys_in_flight: HashSet<String>,
    pub counts: Counts,
    pub delays: Delays,
    pub submits_open: usize,
    pub money: Money,
    /// Paid enhance and draft tasks that have not ended.
    pub running: u32,
    ends: BinaryHeap<Reverse<(u64, usize)>>,
    started: f64,
    used: Amount,
    key_left: Option<Amount>,
    key_used: Amount,
    key_day: String,
    key_daily_used: Amount,
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
    /// The latest first.
    price_changes: Vec<PriceChange>,
}

/// A client that asks this shortly after an announcement may have sent before it heard.
const WAIT_GRACE: Duration = Duration::from_millis(100);

impl World {
    pub(super) fn new(mut scenario: Scenario, base: String, now: f64) -> Self {
        let more = std::mem::take(&mut scenario.more_drafts);
        scenario.drafts.extend((0..more).map(made_up_draft));
        let balance = scenario.balance.clone();
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
            money: Money { opening: balance.account, remaining: balance.account, ..Money::default() },
            running: 0,
            ends: BinaryHeap::new(),
            started: now,
            used: balance.used,
            key_left: balance.key,
            key_used: balance.key_used,
            key_day: String::new(),
            key_daily_used: balance.key_daily_used,
            accepted: 0,
            answers: 0,
            faults: Vec::new(),
            recent: VecDeque::new(),
            wait: None,
            published: scenario.prices.clone(),
            priced_at: now,
            estimates: 0,
            price_changes,
            scenario,
        };
        world.key_day = world.day(now);
        let mut seeds: Vec<Task> = world.scenario.drafts.iter().map(|draft| world.seed_draft(draft, now)).collect();
        for (n, task) in world.scenario.tasks.iter().enumerate() {
            seeds.push(world.seed_task(n, task, now));
        }
        seeds.sort_by(|a, b| a.created.total_cmp(&b.created));
        for task in seeds {
            if task.paid {
                world.money.opening += task.reserved;
                world.money.reserved += task.reserved;
            }
            world.insert(task);
        }
        for fault in world.scenario.faults.clone() {
            world.add_fault(fault);
        }
        world.settle(now);
        world
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
            foreign: draft.foreign,
            paid: false,
            seeded: true,
            key: None,
            reserved: price,
            charged: Amount::ZERO,
            released: Amount::ZERO,
            settled: true,
            motif: text(self.scenario.seed, &draft.id),
            shown: None,
            seen_final: false,
        }
    }

    fn seed_task(&self, n: usize, seed: &SeedTask, now: f64) -> Task {
        let created = now - seed.age_seconds;
        let hash = mix(self.scenario.seed, 70_000 + n as u64);
        let id = seed.id.clone().unwrap_or_else(|| new_id(created, hash));
        let request = SubmitRequest::Enhance { source: seed.source.clone(), image: seed.image };
        Task { seeded: true, key: seed.key.clone(), ..self.new_task(id, &request, created, hash, seed.then.clone()) }
    }

    fn new_task(&self, id: String, request: &SubmitRequest, created: f64, hash: u64, outcome: Outcome) -> Task {
        let jitter = (super::rng::unit(mix(hash, 3)) * 2.0 - 1.0) * self.scenario.run_jitter;
        let run = outcome.run_seconds.unwrap_or(self.scenario.run_seconds * (1.0 + jitter));
        let (model, source, speed, motif) = match request {
            SubmitRequest::Enhance { source, image } => {
                let motif = mix(text(self.scenario.seed, source), u64::from(*image));
                ("mj-v7-enhance", Some((source.clone(), *image)), None, motif)
            }
            SubmitRequest::Generate { speed } => ("mj-v7", None, Some(*speed), text(self.scenario.seed, &id)),
        };
        Task {
            model,
            created,
            ends: if outcome.end == End::Never { f64::INFINITY } else { created + run },
            source,
            speed,
            pictures: (0..outcome.links.unwrap_or(4)).collect(),
            foreign: false,
            paid: true,
            seeded: false,
            key: None,
            reserved: outcome.reserve.unwrap_or_else(|| self.price(speed)),
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
            self.money.reserved -= reserved;
            self.money.charged += charged;
            self.money.remaining += reserved - charged;
            self.used += charged;
            self.key_used += charged;
            let back = reserved - charged;
            if self.scenario.release_restores_key || back < Amount::ZERO {
                self.key_left = self.key_left.map(|left| left + back);
                if self.day(ends) == self.key_day {
                    self.key_daily_used -= back;
                }
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

    fn day(&self, now: f64) -> String {
        let at = jiff::Timestamp::from_second(whole(now)).unwrap_or_default();
        match at.in_tz(&self.scenario.balance.reset_timezone) {
            Ok(local) => local.date().to_string(),
            Err(_) => at.strftime("%Y-%m-%d").to_string(),
        }
    }

    fn turn_day(&mut self, now: f64) {
        let today = self.day(now);
        if today != self.key_day {
            self.key_day = today;
            self.key_daily_used = Amount::ZERO;
        }
    }

    /// Sets what the account can spend.
    pub(super) fn set_balance(&mut self, now: f64, amount: Amount) {
        self.settle(now);
        self.money.opening += amount - self.money.remaining;
        self.money.remaining = amount;
    }

    /// The body of `GET /v1/credits`.
    pub(super) fn credits(&mut self, now: f64) -> serde_json::Value {
        self.settle(now);
        self.turn_day(now);
        let balance = &self.scenario.balance;
        let mut token = serde_json::json!({
            "remaining_credits": self.key_left.unwrap_or(Amount::ZERO).credits(),
            "used_credits": self.key_used.credits(),
            "unlimited_credits": self.key_left.is_none(),
        });
        if let Some(daily) = balance.key_daily {
            token["daily_limit_credits"] = daily.credits().into();
            token["daily_used_credits"] = self.key_daily_used.credits().into();
            token["reset_timezone"] = balance.reset_timezone.clone().into();
        }
        serde_json::json!({"success": true, "message": "", "data": {
            "user": {"remaining_credits": self.money.remaining.credits(), "used_credits": self.used.credits()},
            "token": token,
        }})
    }

    /// Checks the limits and takes the reserve.
    fn reserve(&mut self, now: f64, amount: Amount) -> Result<(), Refusal> {
        self.turn_day(now);
        let short = |code: &str, message: &str, scope: &str| {
            Refusal::new(402, code, message)
                .with("limit_scope", scope)
                .with("estimated_credits", amount.credits())
                .with("action_url", "/dashboard/credits")
        };
        if self.money.remaining < amount {
            return Err(short("insufficient_user_quota", "The account balance does not cover this request.", "account")
                .with("account_balance_credits", self.money.remaining.credits()));
        }
        if let Some(left) = self.key_left.filter(|left| *left < amount) {
            return Err(short("key_quota_exhausted", "The total limit of this API key does not cover this request.", "key")
                .with("remaining_credits", left.credits())
                .with("used_credits", self.key_used.credits()));
        }
        if let Some(daily) = self.scenario.balance.key_daily.filter(|daily| self.key_daily_used + amount > *daily) {
            return Err(short(
                "key_daily_quota_exhausted",
                "The daily limit of this API key does not cover this request.",
                "key_daily",
            )
            .with("daily_limit_credits", daily.credits())
            .with("daily_used_credits", self.key_daily_used.credits())
            .with("reset_timezone", self.scenario.balance.reset_timezone.clone()));
        }
        self.money.remaining -= amount;
        self.money.reserved += amount;
        self.key_left = self.key_left.map(|left| left - amount);
        self.key_daily_used += amount;
        Ok(())
    }

    /// Creates a paid task.
    pub(super) fn accept(
        &mut self,
        now: f64,
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
        let hash = mix(self.scenario.seed, nth);
        let mut id = new_id(now, hash);
        while self.by_id.contains_key(&id) {
            id = new_id(now, mix(text(hash, &id), 9));
        }
        let task = Task { key: key.map(Into::into), ..self.new_task(id, request, now, hash, outcome) };
        self.reserve(now, task.reserved)?;
        self.accepted = nth;
        if key.is_none() {
            self.counts.submits_without_key += 1;
        }
        Ok(self.insert(task))
    }

    fn outcome(&self, nth: u64, request: &SubmitRequest) -> Outcome {
        let (model, source, image) = match request {
            SubmitRequest::Enhance { source, image } => ("mj-v7-enhance", Some(source), Some(*image)),
            SubmitRequest::Generate { .. } => ("mj-v7", None, None),
        };
        let fits = |(n, rule): &(usize, &Rule)| {
            rule.model.as_deref().is_none_or(|wanted| wanted == model)
                && rule.source.as_ref().is_none_or(|wanted| Some(wanted) == source)
                && rule.image.is_none_or(|wanted| Some(wanted) == image)
                && rule.pick().takes(nth, mix(self.scenario.seed, 500 + *n as u64))
        };
        self.scenario.rules.iter().enumerate().find(fits).map(|(_, rule)| rule.then.clone()).unwrap_or_default()
    }

    pub(super) fn add_fault(&mut self, fault: Fault) {
        let hash = mix(self.scenario.seed, 900 + self.faults.len() as u64);
        self.faults.push(ActiveFault { fault, seen: 0, hash });
    }

    /// Notes that a request came and says what goes wrong with it.
    pub(super) fn arrive(&mut self, route: Route) -> Option<FaultHit> {
        *self.counts.requests.entry(route.name()).or_default() += 1;
        if Route::Any.covers(route)
            && self.wait.is_some_and(|(said, until)| said + WAIT_GRACE <= Instant::now() && Instant::now() < until)
        {
            self.counts.during_wait += 1;
        }
        let mut hit = None;
        for active in &mut self.faults {
            if !active.fault.route.covers(route) {
                continue;
            }
            active.seen += 1;
            if hit.is_none() && active.fault.pick().takes(active.seen, active.hash) {
                hit = Some(FaultHit { effect: active.fault.effect.clone(), processed: active.fault.processed() });
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
    pub(super) fn poll(&mut self, index: usize, now: f64, lag: f64) -> serde_json::Value {
        let at = (now - lag).max(self.tasks[index].created);
        let object = self.tasks[index].object(index, at, now, &self.scenario, &self.base);
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
            key: task.key.clone(),
            task_id: task.id.clone(),
            model: task.model.into(),
            source: task.source.as_ref().map(|(source, _)| source.clone()),
            image: task.source.as_ref().map(|(_, image)| *image),
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

/// `task-unified-<unix>-<8 lower-case alphanumerics>`.
fn new_id(now: f64, hash: u64) -> String {
    format!("task-unified-{}-{}", whole(now), super::rng::word(hash, 8))
}

/// Moments as whole numbers, which a heap can order.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a moment of this century")]
fn micros(unix: f64) -> u64 {
    (unix.max(0.0) * 1e6) as u64
}
