//! The account: what is known of balance, price and connection, what is shared by all processes, and what pauses sending.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::Instant;
use tracing::info;

use super::clock::{Now, SERVICE_CLOCK_ERROR};
use super::{Connection, Options, PauseReason, Seen};
use crate::api::gate::Gate;
use crate::api::{ApiError, Balance};
use crate::job::{Caps, Credits, ErrorClass, Job, Model, Phase, Prices, retry};
use crate::store::Settings;

/// The balance is read this long after something that changed it, so that a burst costs one read.
const BALANCE_DELAY: Duration = Duration::from_secs(2);
/// While jobs run, the balance is read so often anyway.
const BALANCE_EVERY: Duration = Duration::from_mins(1);
/// The price is read so often while jobs wait.
const PRICE_EVERY: Duration = Duration::from_mins(10);
/// So long sending waits for the first price of a process; then the last known one counts (`docs/money-rules.md`, rule 6).
const PRICE_WAIT: Duration = Duration::from_secs(5);
/// While the connection is down it is tried this soon, by a free read.
const PROBE_DELAY: Duration = Duration::from_secs(5);
/// So late, balance and price go before the reads of tasks.
const LATE: Duration = Duration::from_secs(10);

/// A free read about the account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AccountRead {
    Balance,
    Price(Model),
}

/// A change of what all processes share, to be written to the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum SettingsChange {
    Balance(Seen),
    Price(Model, Seen),
    /// The published price of a model, which counts from now on.
    Published(Model, Seen),
    Pause(PauseReason),
}

impl SettingsChange {
    /// Whether nothing is left of the other one once this is made.
    pub(super) fn replaces(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Price(one, _), Self::Price(other, _)) | (Self::Published(one, ..), Self::Published(other, ..)) => one == other,
            (Self::Balance(_), Self::Balance(_)) | (Self::Pause(_), Self::Pause(_)) => true,
            _ => false,
        }
    }

    /// Makes the change.
    pub(super) fn apply(&self, settings: &mut Settings) {
        match self {
            Self::Balance(seen) => settings.balance = Some(*seen),
            Self::Price(model, seen) => settings.set_price(*model, *seen),
            Self::Published(model, seen) => {
                settings.set_published_price(*model, seen.amount);
                settings.set_price(*model, *seen);
            }
            Self::Pause(why) => settings.paused = Some(why.clone()),
        }
    }
}

/// When a figure is read next.
#[derive(Clone, Copy, Debug, Default)]
struct Schedule {
    at: Option<Instant>,
    in_air: bool,
}

impl Schedule {
    fn is_due(&self, now: Instant) -> bool {
        !self.in_air && self.at.is_some_and(|at| at <= now)
    }

    fn start(&mut self) {
        (self.at, self.in_air) = (None, true);
    }

    fn sooner(&mut self, at: Instant) {
        self.at = Some(self.at.map_or(at, |before| before.min(at)));
    }
}

/// What is known of the published price of a model in this process.
#[derive(Clone, Copy, Debug, Default)]
struct PriceSchedule {
    read: Schedule,
    /// It was read, or cannot be named.
    is_known: bool,
    /// A job waits for it.
    wanted: bool,
    /// When the read that the job waits for left.
    left: Option<Instant>,
    /// It was told that a job is sent without it.
    told: bool,
    /// What a reserve said last that it is, in this process.
    reserved: Option<Seen>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Account {
    settings: Settings,
    caps: Caps,
    max_in_flight: u32,
    zone: TimeZone,
    connection: Connection,
    balance: Schedule,
    balance_failures: u32,
    prices: [PriceSchedule; Model::ALL.len()],
    /// Sending pauses after so many jobs in a row that end with the same error; 0: never.
    pause_after_failures: u32,
    /// The error of the last job that ended, and how many in a row ended so.
    failures_in_a_row: Option<(String, u32)>,
}

/// Whether an amount was learned after a job was sent. By the service's clock where it can tell, since ours may have been turned
/// in between.
pub(super) fn is_later(seen: &Seen, job: &Job) -> bool {
    let sent = job.send.as_ref().and_then(|send| send.last_server_time);
    match seen.there.zip(sent).map(|(there, sent)| there.duration_since(sent)) {
        Some(later) if later.abs() > SERVICE_CLOCK_ERROR => later.is_positive(),
        _ => job.sent_at.is_some_and(|sent| seen.at > sent),
    }
}

impl Account {
    /// An account of which nothing is known. Caps and the number of jobs in flight hold unless they were changed by key.
    pub(super) fn new(options: &Options) -> Self {
        Self {
            settings: Settings::default(),
            caps: options.caps,
            max_in_flight: options.max_in_flight,
            zone: options.time_zone.clone(),
            connection: Connection::Unknown,
            balance: Schedule::default(),
            balance_failures: 0,
            prices: [PriceSchedule::default(); Model::ALL.len()],
            pause_after_failures: options.pause_after_failures,
            failures_in_a_row: None,
        }
    }

    /// What all processes share, as the store had it last.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Takes what all processes share as the store has it.
    pub(super) fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Makes a change in memory that the store did not take: a pause must hold even when the disk is full.
    pub(super) fn change_in_memory(&mut self, change: &SettingsChange) {
        change.apply(&mut self.settings);
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Whether pause and connection let paid requests leave. A connection that is down loses answers; a free read brings
    /// it up again first.
    pub(super) fn lets_send(&self) -> bool {
        !self.is_paused() && !matches!(self.connection, Connection::Down { .. })
    }

    /// Whether the published price of a model was read before the first paid request of this process for it, or could not be
    /// in time. What waits for it is told by [`Account::price_deadline`].
    pub(super) fn price_is_known(&self, model: Model, now: Now) -> bool {
        let price = &self.prices[model as usize];
        price.is_known || price.left.is_some_and(|since| now.at >= since + PRICE_WAIT)
    }

    /// A job of this model is sent: whether that is the first one without its published price, to be told once.
    pub(super) fn sends_without_price(&mut self, model: Model) -> bool {
        let price = &mut self.prices[model as usize];
        !price.is_known && !std::mem::replace(&mut price.told, true)
    }

    /// The models whose price is known so far that jobs of them may be sent.
    pub(super) fn priced(&self, now: Now) -> Vec<Model> {
        Model::ALL.into_iter().filter(|model| self.price_is_known(*model, now)).collect()
    }

    /// A job of this model waits to be sent: its price is read now, if it was not yet.
    pub(super) fn want_price(&mut self, model: Model, now: Now) {
        let price = &mut self.prices[model as usize];
        if !price.is_known && !price.wanted {
            price.wanted = true;
            if price.read.in_air {
                price.left = Some(now.at);
            } else {
                price.read.sooner(now.at);
            }
        }
    }

    /// When sending stops waiting for a price.
    pub(super) fn price_deadline(&self, now: Now) -> Option<Instant> {
        let ends = self.prices.iter().filter(|price| !price.is_known).filter_map(|price| price.left);
        ends.map(|since| since + PRICE_WAIT).filter(|at| *at > now.at).min()
    }

    pub(super) fn is_paused(&self) -> bool {
        self.settings.paused.is_some()
    }

    pub(super) fn caps(&self) -> Caps {
        Caps {
            session: self.settings.cap_session.unwrap_or(self.caps.session),
            day: self.settings.cap_day.unwrap_or(self.caps.day),
        }
    }

    pub(super) fn max_in_flight(&self) -> u32 {
        self.settings.max_in_flight.unwrap_or(self.max_in_flight)
    }

    /// What one job of each model costs as far as it is known.
    pub(super) fn prices(&self) -> Prices {
        self.settings.prices()
    }

    /// When the user's day began.
    pub(super) fn day_start(&self, now: Timestamp) -> Timestamp {
        let day = now.to_zoned(self.zone.clone());
        day.start_of_day().map_or(now, |start| start.timestamp())
    }

    /// When the user's month began.
    pub(super) fn month_start(&self, now: Timestamp) -> Timestamp {
        let day = now.to_zoned(self.zone.clone());
        day.first_of_month().and_then(|first| first.start_of_day()).map_or(now, |start| start.timestamp())
    }

    /// Reads balance and prices as soon as possible. A price that nobody has asked for, and that the store does not know
    /// either, can wait until a job needs it.
    pub(super) fn refresh(&mut self, now: Now) {
        self.balance.at = Some(now.at);
        for model in Model::ALL {
            let price = &mut self.prices[model as usize];
            if model == Model::Enhance || price.wanted || self.settings.price(model).is_some() {
                price.read.at = Some(now.at);
            }
        }
    }

    /// The balance has probably changed.
    pub(super) fn balance_changed(&mut self, now: Now) {
        self.balance.sooner(now.at + BALANCE_DELAY);
    }

    /// A job runs, so the balance is read again and again. Where the service does not know the job's task any more, this also
    /// tells that it answers at all.
    pub(super) fn job_runs(&mut self, now: Now) {
        if !self.balance.in_air {
            self.balance.at.get_or_insert(now.at + BALANCE_EVERY);
        }
    }

    /// Reads the balance as soon as possible.
    pub(super) fn balance_now(&mut self, now: Now) {
        self.balance.at = Some(now.at);
    }

    /// Whether a read waits for so long that it goes before the reads of tasks: those take every read there is when many
    /// jobs run, and what the header shows of the money must not starve behind them.
    pub(super) fn is_late(&self, now: Now) -> bool {
        let late = now.at.checked_sub(LATE);
        late.is_some_and(|late| self.schedules().filter_map(|schedule| schedule.at).any(|at| at <= late))
    }

    /// The next read that may leave now, out of the gate's budget.
    pub(super) fn next_read(&mut self, gate: &mut Gate, now: Now) -> Option<AccountRead> {
        let (schedule, read) = if self.balance.is_due(now.at) {
            (&mut self.balance, AccountRead::Balance)
        } else {
            let model = Model::ALL.into_iter().find(|model| self.prices[*model as usize].read.is_due(now.at))?;
            (&mut self.prices[model as usize].read, AccountRead::Price(model))
        };
        gate.take_read(now.at).ok()?;
        schedule.start();
        if let AccountRead::Price(model) = read {
            let price = &mut self.prices[model as usize];
            if price.wanted {
                price.left.get_or_insert(now.at);
            }
        }
        Some(read)
    }

    /// The balance was read. `in_flight`: jobs are being sent or running.
    pub(super) fn on_balance(
        &mut self,
        result: &Result<Balance, ApiError>,
        in_flight: bool,
        rng: &mut fastrand::Rng,
        now: Now,
    ) -> Option<SettingsChange> {
        self.balance.in_air = false;
        match result {
            Ok(balance) => {
                self.balance_failures = 0;
                if in_flight {
                    self.balance.at.get_or_insert(now.at + BALANCE_EVERY);
                }
                Some(SettingsChange::Balance(Seen { amount: balance.usable(), at: now.wall, there: now.service }))
            }
            Err(error) => {
                self.balance_failures = self.balance_failures.saturating_add(1);
                let wait = retry::read_wait(self.balance_failures, error.retry_after, rng.f64());
                self.balance.at = Some(now.at + wait.max(PROBE_DELAY));
                None
            }
        }
    }

    /// The published price was read, or could not be: then the last known one stands. A price that the service does not
    /// name, or that cannot be understood, pauses sending: what would be paid is not known.
    pub(super) fn on_price(&mut self, model: Model, result: &Result<Credits, ApiError>, now: Now) -> Option<SettingsChange> {
        let known = &mut self.prices[model as usize];
        known.read = Schedule { at: Some(now.at + PRICE_EVERY), in_air: false };
        let price = match result {
            Ok(price) => *price,
            Err(error) if ["price_unclear", "price_unavailable"].contains(&error.code.as_str()) => {
                known.is_known = true;
                let reply = error.failure();
                return (!self.is_paused()).then_some(SettingsChange::Pause(PauseReason::NoPrice { reply }));
            }
            Err(_) => return None,
        };
        known.is_known = true;
        if self.settings.published_price(model) == Some(price) {
            return None;
        }
        // The reserve of the latest answer is authoritative, since it knows discounts; the published price counts while there
        // is none, and when it moves, also between two starts. A store that knows a reserve and no published price cannot
        // tell whether it moved: then it counts as well, and is confirmed once.
        Some(SettingsChange::Published(model, Seen { amount: price, at: now.wall, there: now.service }))
    }

    /// What the service reserved for a send of this model: its price, if that is news.
    pub(super) fn on_reserved(&mut self, model: Model, amount: Credits, now: Now) -> Option<SettingsChange> {
        self.prices[model as usize].reserved = Some(Seen { amount, at: now.wall, there: now.service });
        self.on_late_amount(model, amount, now)
    }

    /// What a task was reserved or charged, heard after its answer: the price, if that is news. It was told when the task was
    /// made, so it says nothing of what the price is at this moment.
    pub(super) fn on_late_amount(&self, model: Model, amount: Credits, now: Now) -> Option<SettingsChange> {
        let is_news = self.settings.price(model).is_none_or(|before| before.amount != amount);
        is_news.then_some(SettingsChange::Price(model, Seen { amount, at: now.wall, there: now.service }))
    }

    /// The price that counts, as a reserve told it last, where that was after it was learned: for whoever starts next, who
    /// would take an amount of before that for news.
    pub(super) fn price_told_again(&self, model: Model) -> Option<SettingsChange> {
        let (price, reserved) = (self.settings.price(model)?, self.prices[model as usize].reserved?);
        let is_later = match reserved.there.zip(price.there) {
            Some((reserved, price)) => reserved > price,
            None => reserved.at > price.at,
        };
        (reserved.amount == price.amount && is_later).then_some(SettingsChange::Price(model, reserved))
    }

    /// Whether the price became another one than this charge, or was told to be another one, after the job was sent: then the
    /// charge says nothing about the price of now.
    pub(super) fn price_moved_since(&self, job: &Job, charged: Credits) -> bool {
        let model = job.kind.model();
        let Some(price) = self.settings.price(model).filter(|price| price.amount != charged) else { return false };
        let told = self.prices[model as usize].reserved.filter(|told| told.amount == price.amount);
        [Some(price), told].into_iter().flatten().any(|seen| is_later(&seen, job))
    }

    /// A job ended, here. Returns why sending must pause: what goes wrong again and again is better looked at first.
    pub(super) fn on_end(&mut self, phase: &Phase) -> Option<PauseReason> {
        match phase {
            Phase::Failed(failure) => {
                let before = self.failures_in_a_row.take().filter(|(code, _)| *code == failure.code);
                let count = before.map_or(0, |(_, count)| count) + 1;
                if self.pause_after_failures > 0 && count >= self.pause_after_failures {
                    return Some(PauseReason::Failures { code: failure.code.clone(), count });
                }
                self.failures_in_a_row = Some((failure.code.clone(), count));
            }
            Phase::Saved | Phase::ToFetch(_) => self.failures_in_a_row = None,
            _ => {}
        }
        None
    }

    /// Notes what a call says about the connection and the gate, whatever it was for. Returns why sending must pause.
    pub(super) fn on_answer(&mut self, error: Option<&ApiError>, gate: &mut Gate, now: Now) -> Option<PauseReason> {
        match error {
            Some(error) if error.class == ErrorClass::RateLimited => {
                self.connection = Connection::Up;
                let until = gate.refused(now.at, error.retry_after);
                info!(wait = ?until.saturating_duration_since(now.at), "too many requests: all wait");
            }
            Some(error) if error.class == ErrorClass::Network => {
                if !matches!(self.connection, Connection::Down { .. }) {
                    self.connection = Connection::Down { since: now.wall, why: error.failure() };
                    self.balance.sooner(now.at + PROBE_DELAY);
                }
            }
            Some(error) if error.class == ErrorClass::Login => {
                self.connection = Connection::Up;
                gate.answered(now.at);
                return Some(PauseReason::Login { reply: error.failure() });
            }
            _ => {
                self.connection = Connection::Up;
                gate.answered(now.at);
            }
        }
        None
    }

    /// When the next read is due. `read_from`: no read may leave before this; a time that has passed would be looked at
    /// again and again.
    pub(super) fn next_deadline(&self, read_from: Instant) -> Option<Instant> {
        let due = self.schedules().filter(|schedule| !schedule.in_air).filter_map(|schedule| schedule.at);
        due.map(|at| at.max(read_from)).min()
    }

    fn schedules(&self) -> impl Iterator<Item = Schedule> {
        std::iter::once(self.balance).chain(self.prices.iter().map(|price| price.read))
    }
}

#[cfg(test)]
pub(super) mod tests;
