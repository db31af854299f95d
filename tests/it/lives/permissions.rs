//! The book of confirmations, kept beside the book of money: what the user confirmed, and whether each paid request that
//! leaves stands on it. It is written from what the user did and what the service told, never from what the program counts.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use mj_enhance::engine::PauseReason;
use mj_enhance::job::{Caps, Charge, Credits, Job, JobId, Model, Prices, State, TaskId};
use mj_enhance::store::{Seen, Settings};
use tokio::time::Instant;

use super::trace;

/// So long a gateway remembers a key.
pub const KEY_LIFE: SignedDuration = SignedDuration::from_hours(24);
/// A session of spending ends when so long nothing is sent.
const SESSION_GAP: SignedDuration = SignedDuration::from_hours(4);

/// Who tells amounts of earlier tasks: the price of now only where none was told since.
const LATE: [&str; 2] = ["late reserve", "repeated reserve"];

/// A job that somebody said yes to and that was not sent since.
#[derive(Clone, Copy, Debug)]
pub struct Confirmed {
    /// The price that was named.
    pub price: Credits,
    /// The run whose limit it stands under.
    pub budget: Option<u32>,
}

/// An amount that the program was told, and when; what is told in this very instant it may not have heard.
#[derive(Clone, Copy, Debug)]
struct Told {
    amount: Credits,
    at: Instant,
    before: Option<Credits>,
}

impl Told {
    fn new(earlier: Option<Self>, amount: Credits) -> Self {
        let now = Instant::now();
        let before = earlier.and_then(|told| if told.at < now { Some(told.amount) } else { told.before });
        Self { amount, at: now, before }
    }

    /// Known before this instant.
    fn known(amount: Credits) -> Self {
        Self { amount, at: Instant::now(), before: Some(amount) }
    }

    fn heard(self) -> Option<Credits> {
        if self.at < Instant::now() { Some(self.amount) } else { self.before }
    }
}

/// A key under which a paid request left.
#[derive(Clone, Debug)]
pub struct Paid {
    /// The job it was for.
    pub job: Option<JobId>,
    /// The confirmation it left under.
    confirmed: Confirmed,
    told: Option<Told>,
    /// What a repeated answer reserves: told when the job takes its task, since it may name another job's.
    repeated: Option<Credits>,
    /// The service said that it took nothing in the end.
    refunded: bool,
    /// By the program's clock, when its sending began or began anew.
    counts_at: Timestamp,
    /// By the true time, the first attempt whose end is not known to be a refusal.
    open_since: Timestamp,
    budgets: BTreeSet<u32>,
    /// The service surely made nothing and the program was told so.
    refused: bool,
    /// An attempt got no usable answer.
    lost: bool,
    /// The user gave the job up.
    given_up: bool,
    /// The job was unsure since the latest attempt.
    was_unsure: bool,
    /// The job has its task, and that is written down.
    has_task: bool,
}

impl Paid {
    fn new(job: JobId, confirmed: Confirmed, counts_at: Timestamp, open_since: Timestamp) -> Self {
        Self {
            job: Some(job),
            confirmed,
            told: None,
            repeated: None,
            refunded: false,
            counts_at,
            open_since,
            budgets: confirmed.budget.into_iter().collect(),
            refused: false,
            lost: false,
            given_up: false,
            was_unsure: false,
            has_task: false,
        }
    }

    /// What the program must count.
    fn amount(&self) -> Credits {
        if self.refused || self.refunded {
            Credits::ZERO
        } else {
            self.told.and_then(Told::heard).unwrap_or(self.confirmed.price)
        }
    }
}

/// A job as it was last published.
#[derive(Clone, Debug)]
struct Known {
    body: String,
    key: Option<String>,
    task: Option<TaskId>,
    state: State,
}

/// Who sends, and what it was told.
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    /// The run whose limit it has.
    pub budget: Option<u32>,
    /// What the machine's clock shows.
    pub now: Timestamp,
    /// The true time.
    pub true_now: Timestamp,
    /// It had an answer of the service, so that it knows what its clock shows.
    pub knows_time: bool,
}

/// What the user allows.
#[derive(Debug, Default)]
pub struct Permissions {
    jobs: BTreeMap<JobId, Known>,
    live: BTreeMap<JobId, Confirmed>,
    /// Pictures of which nobody can tell whether their confirmation was written down.
    maybe: Vec<(String, Credits)>,
    /// Every key that left.
    pub paid: BTreeMap<String, Paid>,
    /// The limits of runs.
    pub budgets: BTreeMap<u32, Credits>,
    caps: Caps,
    caps_before: Caps,
    caps_changed: Option<Instant>,
    /// Other caps that a process wrote, or did not: it was killed before it heard.
    caps_in_doubt: Option<Caps>,
    /// What the program was last told of the price, by who said it: a reserve may be the list's price less a discount.
    prices: BTreeMap<(Model, &'static str), Told>,
    /// What the list told last, whoever read it.
    published: BTreeMap<Model, Credits>,
    /// All that repeated answers told since the price was last told otherwise: which of their tasks is the youngest, and whether
    /// it is younger than the price, only the service's clock tells.
    repeated: BTreeSet<(Model, Credits)>,
    /// Since when another amount than the agreed one is known.
    alarm: Option<Instant>,
    /// The same when the store was copied.
    prices_in_copy: BTreeMap<(Model, &'static str), Told>,
    /// The confirmations that lived when the store was copied.
    live_in_copy: BTreeMap<JobId, Confirmed>,
    /// Jobs that were confirmed when the store was copied: they had their key by then.
    pub confirmed_in_copy: BTreeSet<JobId>,
    /// Jobs that had no key in a copy that was put back: there they get another one. A job that was confirmed in one copy and has
    /// no key in another was held by the first when nobody had confirmed it yet, or its key was used up between the two; either
    /// way no copy holds the key of the overwritten life, so one charge for each confirmation is all that can be asked.
    pub without_key_in_copy: BTreeSet<JobId>,
    /// How often the program was told that a job's request is refused for want of balance.
    pub refusals: BTreeMap<JobId, u32>,
    /// Keys that left first when the service's clock was not known: how old they are is told by the machine's clock alone, and
    /// where that is turned, nobody can tell.
    timeless: BTreeSet<String>,
    /// By the true time, when each key left first.
    began: BTreeMap<String, Timestamp>,
    /// The clock was turned or an older copy was put back: sums of the day cannot be told from outside.
    pub sums_are_lost: bool,
    pub clock_was_turned: bool,
}

impl Permissions {
    /// The user confirmed this job at the price of its kind.
    pub fn confirm(&mut self, job: JobId, prices: &Prices) {
        if let Some(known) = self.jobs.get(&job) {
            let price = prices.of(model_of(&known.body));
            self.live.insert(job, Confirmed { price, budget: None });
        }
    }

    /// The user confirmed this job so.
    pub fn confirm_at(&mut self, job: JobId, confirmed: Confirmed) {
        self.live.insert(job, confirmed);
    }

    /// The user confirmed these requests, and nobody can tell whether that was written down.
    pub fn may_be_confirmed(&mut self, bodies: Vec<String>, prices: &Prices) {
        self.maybe.extend(bodies.into_iter().map(|body| {
            let price = prices.of(model_of(&body));
            (body, price)
        }));
    }

    /// The user took it back, held or dropped it.
    pub fn drop_job(&mut self, job: JobId) {
        // What is written as being sent leaves all the same, if only in this very moment.
        if self.jobs.get(&job).is_none_or(|known| known.state != State::Sending) {
            self.live.remove(&job);
        }
    }

    /// The user gave it up.
    pub fn give_up(&mut self, job: JobId) {
        self.live.remove(&job);
        self.paid.values_mut().filter(|paid| paid.job == Some(job)).for_each(|paid| paid.given_up = true);
    }

    /// Sending goes on, by the user's word.
    pub fn resumed(&mut self) {
        trace(|| "  sending goes on by the user's word".into());
        self.alarm = None;
    }

    /// Other caps are written.
    pub fn set_caps(&mut self, caps: Caps) {
        let now = Instant::now();
        if self.caps_changed != Some(now) {
            self.caps_before = self.caps;
        }
        (self.caps, self.caps_changed, self.caps_in_doubt) = (caps, Some(now), None);
    }

    /// Other caps were to be written by a process that was killed before it heard.
    pub fn caps_may_be(&mut self, caps: Caps) {
        self.caps_in_doubt = Some(caps);
    }

    /// The process that sent died: what it was told of the price last may not be written down. Whoever goes on asks again.
    pub fn sender_died(&mut self) {
        self.prices.retain(|(_, who), _| *who != "list");
    }

    /// The process that sent died in a write. What it was told of another amount binds whoever goes on as far as it is written
    /// down: where it died before that write, nobody but the service knows.
    pub fn sender_died_writing(&mut self, jobs: &[Job], settings: &Settings) {
        self.sender_died();
        self.forget_what_was_not_written(jobs, settings);
        let is_paused = matches!(settings.paused, Some(PauseReason::Price { .. }));
        if !is_paused && !jobs.iter().any(|job| tells_another_amount(job, settings)) {
            self.alarm = None;
        }
    }

    /// Amounts that a process was told which died in a write, or while its store took none: what is not in the store is known to
    /// the service alone.
    pub fn forget_what_was_not_written(&mut self, jobs: &[Job], settings: &Settings) {
        for model in Model::ALL {
            let written = settings.price(model).map(|seen| seen.amount);
            let is_kept = |who: &str, told: &Told| matches!(who, "list" | "charge") || Some(told.amount) == written;
            self.prices.retain(|(of, who), told| *of != model || is_kept(who, told));
            if let Some(amount) = written {
                self.prices.insert((model, "reserve"), Told::known(amount));
            }
            // Whoever goes on takes an amount that no price on disk tells for the price.
            let taken_up = jobs.iter().find(|job| job.kind.model() == model && tells_another_amount(job, settings));
            if let Some(amount) = taken_up.and_then(amount_on_disk) {
                self.prices.insert((model, "repeated reserve"), Told::known(amount));
            }
        }
        for job in jobs {
            let Some(paid) = job.send.as_ref().and_then(|send| self.paid.get_mut(send.key.as_str())) else { continue };
            let written = amount_on_disk(job);
            if paid.told.map(|told| told.amount) != written {
                paid.told = written.map(Told::known);
            }
        }
    }

    /// Nobody runs any more: what was approved and not sent waits for a new confirmation. `jobs` is what lies in the store, `now` the true time.
    pub fn nobody_is_left(&mut self, jobs: &[Job], now: Timestamp) {
        let live = std::mem::take(&mut self.live);
        self.maybe.clear();
        self.alarm = None;
        self.sender_died();
        for job in jobs {
            let Some(send) = &job.send else { continue };
            let key = send.key.as_str();
            if let (State::Sending | State::Unsure, Some(confirmed)) = (job.state(), live.get(&job.id)) {
                // Killed after the attempt was written down and before it left: nobody can tell that from one that left.
                let paid = self.paid.entry(key.to_owned()).or_insert_with(|| Paid::new(job.id, *confirmed, send.last_at, now));
                // What was refused before was confirmed anew, at the price of then.
                paid.confirmed = *confirmed;
            }
            let Some(paid) = self.paid.get_mut(key) else { continue };
            // A refusal that was not written down any more leaves a question, and the same request may answer it.
            match job.state() {
                State::Sending | State::Unsure => (paid.refused, paid.lost) = (false, true),
                State::Waiting | State::Held => paid.refused = true,
                _ => {}
            }
        }
    }

    /// The store is copied with all that the program was told by then. `confirmed`: jobs that were by then.
    pub fn copied(&mut self, confirmed: impl Iterator<Item = JobId>) {
        self.confirmed_in_copy.extend(confirmed);
        self.prices_in_copy.clone_from(&self.prices);
        self.live_in_copy.clone_from(&self.live);
    }

    /// An older copy of the store stands in its place.
    pub fn copied_back(&mut self, jobs: &[Job], now: Timestamp) {
        // An attempt that was written down and never left: in the copy it may have left, and it was not given up since.
        for job in jobs.iter().filter(|job| matches!(job.state(), State::Sending | State::Unsure)) {
            let left = job.send.as_ref().is_some_and(|send| self.paid.contains_key(send.key.as_str()));
            if let Some(confirmed) = self.live_in_copy.get(&job.id).filter(|_| !left) {
                self.live.insert(job.id, *confirmed);
            }
        }
        self.nobody_is_left(jobs, now);
        self.jobs.clear();
        self.prices.clone_from(&self.prices_in_copy);
        self.sender_died();
        self.sums_are_lost = true;
        // What the user did since is forgotten with everything else.
        self.paid.values_mut().for_each(|paid| (paid.given_up, paid.has_task) = (false, false));
        let has_key = |job: &&Job| job.send.is_some() || job.request.is_some();
        self.without_key_in_copy.extend(jobs.iter().filter(|job| !has_key(job)).map(|job| job.id));
        for job in jobs {
            self.hear(job, true);
        }
    }

    /// A job was published. `acts`: by the process that sends, whose word is of this moment.
    pub fn hear(&mut self, job: &Job, acts: bool) {
        let key = job.send.as_ref().map(|send| &send.key).or_else(|| job.request.as_ref().map(|request| &request.key));
        let key = key.map(|key| key.as_str().to_owned());
        let body = job.kind.body(None);
        let state = job.state();
        let mut repeated = None;
        if let Some(paid) = key.as_ref().and_then(|key| self.paid.get_mut(key)) {
            if state != State::Sending && paid.job == Some(job.id) {
                repeated = paid.repeated.take().filter(|_| job.task.is_some() && state != State::Unsure);
            }
            paid.has_task |= job.task.is_some() && paid.job == Some(job.id);
            if state == State::Unsure && paid.job == Some(job.id) {
                // An attempt may have been written down whose end the dead process did not tell: the same request answers it.
                // Nothing stricter can be asked: whoever was told of the refusal is dead, or its store took no write, and what
                // the store says is that the request may have been taken. Then the same key must go out, and no other.
                paid.was_unsure = true;
                if std::mem::take(&mut paid.refused) {
                    paid.confirmed = self.live.remove(&job.id).unwrap_or(paid.confirmed);
                }
                paid.lost = true;
            }
            if acts && state == State::Waiting && !paid.refused && paid.job == Some(job.id) {
                // Back in the queue: its confirmation holds on.
                paid.refused = true;
                self.live.entry(job.id).or_insert(paid.confirmed);
            }
            // Held again, or failed without a task: refused, and believed although an answer was lost before, since the list was
            // empty of it for long enough. Where a task was made all the same, no job will have it.
            // So is one that was to be cancelled meanwhile, and of which the service surely took nothing.
            let is_dropped = state == State::Cancelled && job.charge.is_none();
            if acts
                && (matches!(state, State::Held | State::Failed) || is_dropped)
                && job.task.is_none()
                && paid.job == Some(job.id)
            {
                paid.refused = true;
            }
        }
        if acts && matches!(state, State::Held | State::Cancelled) {
            self.live.remove(&job.id);
        }
        if let Some((key, amount)) = key.as_ref().zip(repeated) {
            self.tell_amount(key, amount, "repeated reserve");
        }
        self.jobs.insert(job.id, Known { body, key, task: job.task.clone(), state });
    }

    /// The program is told a price of the next job.
    pub fn tell_price(&mut self, model: Model, who: &'static str, price: Credits) {
        trace(|| format!("  told by the {who}: {price} a {model}"));
        let before = self.prices.get(&(model, who)).copied();
        self.prices.insert((model, who), Told::new(before, price));
        // What was learned late of an earlier price is over with the next one. A reserve goes before the list, also a late or
        // repeated one, unless the list moves.
        let is_news = who == "reserve" || before.is_some_and(|before| before.amount != price);
        let moves = who == "reserve" || (who == "list" && self.published.insert(model, price) != Some(price));
        if who == "repeated reserve" {
            self.repeated.insert((model, price));
        } else if is_news && !LATE.contains(&who) {
            self.repeated.retain(|(of, _)| *of != model);
        }
        for late in LATE {
            let is_over = !LATE.contains(&who) && (is_news || (late == "late reserve" && moves));
            if let Some(told) = self.prices.get_mut(&(model, late)).filter(|_| is_over) {
                *told = Told::new(Some(*told), price);
            }
        }
    }

    /// The program reads what a task was charged with. After an older copy was put back it may be another job's than the one
    /// whose request made it. `who`: where charges are as reserved, another amount than the agreed one is a reserve whose
    /// answer was lost, and tells the price of then.
    pub fn tell_charge(&mut self, task: &TaskId, amount: Credits, who: &'static str) {
        let is_read = |known: &&Known| matches!(known.state, State::Running | State::Unwatched);
        let owner = self.jobs.values().find(|known| is_read(known) && known.task.as_ref() == Some(task));
        // One that was under way when the user unwatched the job counts, too.
        if let Some(key) = owner.and_then(|known| known.key.clone()) {
            self.tell_amount(&key, amount, who);
        }
    }

    /// The program reads that a task ended without a charge.
    pub fn tell_refund(&mut self, task: &TaskId) {
        let owner = self.jobs.values().find(|known| known.state == State::Running && known.task.as_ref() == Some(task));
        if let Some(paid) = owner.and_then(|known| known.key.clone()).and_then(|key| self.paid.get_mut(&key)) {
            paid.refunded = true;
        }
    }

    /// A repeated answer reserves this. Whether it is taken shows with the job.
    pub fn tell_repeated(&mut self, key: &str, amount: Credits) {
        if let Some(paid) = self.paid.get_mut(key) {
            paid.repeated = Some(amount);
        }
    }

    /// The program is told what a task costs.
    pub fn tell_amount(&mut self, key: &str, amount: Credits, who: &'static str) {
        let Some(paid) = self.paid.get_mut(key) else { return };
        let Some(job) = paid.job.and_then(|job| self.jobs.get(&job)) else { return };
        let model = model_of(&job.body);
        let awaits = match who {
            "reserve" | "repeated reserve" => job.state == State::Sending,
            _ => matches!(job.state, State::Running | State::Unwatched),
        };
        if !awaits {
            return;
        }
        let news = paid.told.is_none_or(|told| told.amount != amount);
        paid.told = Some(Told::new(paid.told, amount));
        let paid_at = paid.confirmed.price;
        if news && amount != paid_at {
            self.alarm.get_or_insert_with(Instant::now);
        }
        // A charge as agreed is no news; a reserve is the price of now.
        if who == "reserve" || amount != paid_at {
            self.tell_price(model, who, amount);
        }
    }

    /// The program is told that this request was surely not taken. `back`: the job stands in the queue again.
    pub fn tell_refusal(&mut self, key: &str, back: bool) {
        let Some(paid) = self.paid.get_mut(key) else { return };
        if let Some(job) = paid.job.filter(|_| !back) {
            *self.refusals.entry(job).or_default() += 1;
        }
        if paid.lost {
            return;
        }
        paid.refused = true;
        if let Some(job) = paid.job.filter(|_| back) {
            self.live.insert(job, paid.confirmed);
        }
    }

    /// The answer to this request did not reach the program.
    pub fn tell_nothing(&mut self, key: &str) {
        if let Some(paid) = self.paid.get_mut(key) {
            paid.lost = true;
        }
    }

    /// By the true time, when the first request with this key left.
    pub fn first_left(&self, key: &str) -> Option<Timestamp> {
        self.began.get(key).copied()
    }

    fn job_of(&self, key: &str, body: &str) -> Option<JobId> {
        let fits = |job: &&JobId| self.jobs[*job].body == body;
        let by_key = self.jobs.iter().find(|(_, job)| job.key.as_deref() == Some(key)).map(|(id, _)| id);
        by_key.or_else(|| self.live.keys().filter(|job| self.jobs.contains_key(*job)).find(fits)).filter(fits).copied()
    }

    /// The confirmation under which a job's request leaves.
    fn use_up(&mut self, job: JobId, body: &str) -> Option<Confirmed> {
        self.live.remove(&job).or_else(|| {
            let at = self.maybe.iter().position(|(picture, _)| picture == body)?;
            Some(Confirmed { price: self.maybe.swap_remove(at).1, budget: None })
        })
    }

    /// A paid request leaves: what it breaks, in words.
    pub fn leaves(&mut self, key: &str, body: &str, sender: Sender) -> Vec<String> {
        let mut broken = Vec::new();
        let job = self.job_of(key, body);
        let before = self.paid.get(key).cloned();
        if let Entry::Vacant(first) = self.began.entry(key.to_owned()) {
            first.insert(sender.true_now);
            if !sender.knows_time {
                self.timeless.insert(key.to_owned());
            }
        }
        match before {
            Some(paid) if !paid.refused => {
                broken.extend(rule_3_the_user_gave_it_up(&paid, key));
                if !(self.clock_was_turned && self.timeless.contains(key)) {
                    broken.extend(rule_3_the_key_is_young(&paid, key, sender.true_now));
                }
                broken.extend(rule_8_what_has_its_task_is_not_paid_for_again(&paid, key));
                let unsure = paid.was_unsure;
                if let Some(paid) = self.paid.get_mut(key) {
                    paid.was_unsure = false;
                    if unsure {
                        paid.counts_at = sender.now;
                        paid.budgets.extend(sender.budget);
                    }
                }
                if unsure {
                    broken.extend(self.rule_6_the_price_is_the_agreed_one(paid.confirmed, body));
                    broken.extend(self.rule_5_the_caps_hold(Credits::ZERO, sender.now));
                    broken.extend(self.rule_4_the_limits_of_runs_hold(Credits::ZERO, sender.budget));
                }
            }
            _ => {
                let confirmed = job.and_then(|job| self.use_up(job, body).map(|confirmed| (job, confirmed)));
                let Some((job, confirmed)) = confirmed else {
                    broken.push(format!("rule 2: {body} left under {key} ({job:?}) without a confirmation that lives"));
                    return broken;
                };
                broken.extend(self.rule_1_a_key_that_was_refused_once_is_used_again(job, key, sender.true_now));
                broken.extend(self.rule_6_the_price_is_the_agreed_one(confirmed, body));
                broken.extend(self.rule_6_another_amount_pauses(body));
                let mut paid = Paid::new(job, confirmed, sender.now, sender.true_now);
                // What was refused before is spent by nobody: only who confirmed it now and who sends it now count.
                paid.budgets.extend(sender.budget);
                for budget in &paid.budgets {
                    broken.extend(self.rule_4_the_limits_of_runs_hold(confirmed.price, Some(*budget)));
                }
                broken.extend(self.rule_5_the_caps_hold(confirmed.price, sender.now));
                self.paid.insert(key.to_owned(), paid);
            }
        }
        broken
    }

    /// A job gets another key only when its own was refused after two confirmations, or after a day: a copy of the store may
    /// hold it.
    fn rule_1_a_key_that_was_refused_once_is_used_again(&self, job: JobId, key: &str, now: Timestamp) -> Option<String> {
        let is_young = |other: &str| self.began.get(other).is_some_and(|at| now.duration_since(*at) < KEY_LIFE);
        let mut others = self.paid.iter().filter(|(other, paid)| other.as_str() != key && paid.job == Some(job));
        let first = others.find(|(other, _)| is_young(other.as_str()))?.0;
        let refusals = self.refusals.get(&job).copied().unwrap_or_default();
        (refusals < 2 && !self.sums_are_lost)
            .then(|| format!("rule 1: {job} left under {key} after {first}, which was refused {refusals} times"))
    }

    /// No amount that the program knows contradicts the confirmed price.
    fn rule_6_the_price_is_the_agreed_one(&self, confirmed: Confirmed, body: &str) -> Option<String> {
        // Where final charges differ, more than one amount is right; then the pause is what counts.
        let model = model_of(body);
        if self.prices.contains_key(&(model, "charge")) || !self.prices.contains_key(&(model, "list")) {
            return None;
        }
        let of_it = || self.prices.iter().filter(move |((other, _), _)| *other == model);
        let heard: Vec<(&str, Credits)> =
            of_it().filter_map(|((_, who), told)| told.heard().map(|amount| (*who, amount))).collect();
        // What is told in this very moment may have been heard, too.
        let fits = heard.is_empty()
            || heard.iter().any(|(_, amount)| *amount == confirmed.price)
            || of_it().any(|(_, told)| told.amount == confirmed.price)
            || self.repeated.contains(&(model, confirmed.price));
        (!fits).then(|| format!("rule 6: {body} left at {} although {heard:?} was known", confirmed.price))
    }

    /// A reserve or charge other than the agreed one pauses until the user says go on.
    fn rule_6_another_amount_pauses(&self, body: &str) -> Option<String> {
        let known = self.alarm.is_some_and(|since| since < Instant::now());
        known.then(|| format!("rule 6: {body} left although another amount than the agreed one was told and nobody said go on"))
    }

    /// What a run may spend binds it and whoever goes on in its place.
    fn rule_4_the_limits_of_runs_hold(&self, more: Credits, budget: Option<u32>) -> Option<String> {
        let budget = budget?;
        let limit = *self.budgets.get(&budget)?;
        let spent: Credits = self.paid.values().filter(|paid| paid.budgets.contains(&budget)).map(Paid::amount).sum();
        (spent + more > limit && !self.sums_are_lost)
            .then(|| format!("rule 4: {spent} + {more} credits are sent on a --max-credits of {limit} (run {budget})"))
    }

    /// What is known to be spent on this day and in this session stays under the caps.
    fn rule_5_the_caps_hold(&self, more: Credits, now: Timestamp) -> Option<String> {
        if self.sums_are_lost {
            return None;
        }
        let just_changed = self.caps_changed == Some(Instant::now());
        let day_of = |at: Timestamp| at.to_zoned(jiff::tz::TimeZone::UTC).date();
        let day: Credits =
            self.paid.values().filter(|paid| day_of(paid.counts_at) == day_of(now)).map(Paid::amount).sum::<Credits>() + more;
        let mut times: Vec<(Timestamp, Credits)> =
            self.paid.values().filter(|paid| !paid.refused).map(|paid| (paid.counts_at, paid.amount())).collect();
        times.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let (mut later, mut session) = (now, more);
        for (at, amount) in times {
            if later.duration_since(at) >= SESSION_GAP {
                break;
            }
            (later, session) = (at, session + amount);
        }
        let over = |cap: fn(&Caps) -> Option<Credits>, spent: Credits| {
            let limit = cap(&self.caps)?;
            let earlier = cap(&self.caps_before).is_none_or(|before| spent <= before);
            let in_doubt = self.caps_in_doubt.is_some_and(|caps| cap(&caps).is_none_or(|other| spent <= other));
            (spent > limit && !(just_changed && earlier) && !in_doubt).then_some((spent, limit))
        };
        trace(|| {
            let line =
                |(key, paid): (&String, &Paid)| format!("\n    {key} {:?} {} at {}", paid.job, paid.amount(), paid.counts_at);
            let counted = self.paid.iter().filter(|(_, paid)| paid.amount() > Credits::ZERO);
            format!("  caps {:?}, day {day}, session {session}:{}", self.caps, counted.map(line).collect::<String>())
        });
        over(|caps| caps.day, day)
            .map(|(spent, limit)| format!("rule 5: {spent} credits are sent today, cap_day is {limit}"))
            .or_else(|| {
                over(|caps| caps.session, session)
                    .map(|(spent, limit)| format!("rule 5: {spent} credits are sent in this session, cap_session is {limit}"))
            })
    }
}

/// What the store says that a job cost.
fn amount_on_disk(job: &Job) -> Option<Credits> {
    job.charged.filter(|_| job.charge == Some(Charge::Charged)).or(job.reserved)
}

/// Whether a job that is under way has another amount than the agreed one on disk, of which no price on disk tells. A price that is
/// written holds whoever was to be sent at the old one, and somebody may have said yes to it since.
fn tells_another_amount(job: &Job, settings: &Settings) -> bool {
    let (Some(send), Some(sent_at), Some(amount)) = (&job.send, job.sent_at, amount_on_disk(job)) else { return false };
    let by_service = |price: &Seen| Some(price.there?.duration_since(send.last_server_time?));
    let is_later = |price: &Seen| match by_service(price) {
        Some(later) if later.abs() > SignedDuration::from_secs(2) => later.is_positive(),
        _ => price.at > sent_at,
    };
    let is_news = settings.price(job.kind.model()).is_none_or(|price| !is_later(&price) && price.amount != amount);
    let is_over = matches!(job.state(), State::Saved | State::Failed | State::Cancelled | State::Unwatched);
    amount != send.agreed && is_news && !is_over
}

/// What a request body asks for.
pub fn model_of(body: &str) -> Model {
    let body: serde_json::Value = serde_json::from_str(body).expect("a body is JSON");
    body["model"].as_str().and_then(Model::from_wire_name).expect("a body names its model")
}

/// A given-up job's request does not go out again.
fn rule_3_the_user_gave_it_up(paid: &Paid, key: &str) -> Option<String> {
    paid.given_up.then(|| format!("rule 3: {key} left again although the user gave its job up"))
}

/// Whatever happens to its pictures, a job that has its task asks for no other.
fn rule_8_what_has_its_task_is_not_paid_for_again(paid: &Paid, key: &str) -> Option<String> {
    paid.has_task.then(|| format!("rule 8: {key} left again although its job has its task"))
}

/// A gateway forgets a key after 24 hours: then the same request is another one.
fn rule_3_the_key_is_young(paid: &Paid, key: &str, now: Timestamp) -> Option<String> {
    let age = now.duration_since(paid.open_since);
    (age >= KEY_LIFE).then(|| format!("rule 3: {key} left again after {} h", age.as_hours()))
}
