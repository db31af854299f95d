//! The account: balance, price and caps, and what stops sending.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::info;

use super::super::{Connection, NoticeKind, PauseReason, Seen};
use super::{Engine, WorkerKind, WorkerResult};
use crate::api::{ApiError, Balance};
use crate::job::{Caps, Credits, ErrorClass, retry};
use crate::store::Settings;

/// The balance is read this long after something that changed it, so that a burst costs one read.
const BALANCE_DELAY: Duration = Duration::from_secs(2);
/// While jobs run, the balance is read so often anyway.
const BALANCE_EVERY: Duration = Duration::from_mins(1);
/// The price is read so often while jobs wait.
const PRICE_EVERY: Duration = Duration::from_mins(10);

impl Engine {
    /// Reads balance and price when it is time.
    pub(super) fn start_due_account_reads(&mut self) {
        let now = Instant::now();
        if self.gate.closed_until(now).is_some() {
            return;
        }
        if !self.balance_in_air && self.balance_at.is_some_and(|at| at <= now) && self.gate.take_read(now).is_ok() {
            self.balance_at = None;
            self.balance_in_air = true;
            let service = Arc::clone(&self.service);
            self.spawn(WorkerKind::Balance, async move { WorkerResult::Balance(service.credits().await) });
        }
        if !self.price_in_air && self.price_at.is_some_and(|at| at <= now) && self.gate.take_read(now).is_ok() {
            self.price_at = None;
            self.price_in_air = true;
            let service = Arc::clone(&self.service);
            self.spawn(WorkerKind::Price, async move { WorkerResult::Price(service.price().await) });
        }
    }

    /// The balance has probably changed.
    pub(in crate::engine) fn balance_changed(&mut self) {
        let at = Instant::now() + BALANCE_DELAY;
        self.balance_at = Some(self.balance_at.map_or(at, |before| before.min(at)));
    }

    /// Reads the balance as soon as possible.
    pub(in crate::engine) fn balance_now(&mut self) {
        self.balance_at = Some(Instant::now());
    }

    pub(super) fn on_balance(&mut self, result: Result<Balance, ApiError>) {
        self.balance_in_air = false;
        match result {
            Ok(balance) => {
                self.on_answer(None);
                self.balance_failures = 0;
                let seen = Seen { amount: balance.usable(), at: self.clock.now() };
                self.change_settings(|settings| settings.balance = Some(seen));
                if !self.in_flight.is_empty() {
                    self.balance_at.get_or_insert(Instant::now() + BALANCE_EVERY);
                }
            }
            Err(error) => {
                self.on_answer(Some(&error));
                self.balance_failures += 1;
                let wait = retry::read_wait(self.balance_failures, error.retry_after, self.rng.f64());
                self.balance_at = Some(Instant::now() + wait.max(Duration::from_secs(5)));
            }
        }
    }

    pub(super) fn on_price(&mut self, result: Result<Credits, ApiError>) {
        self.price_in_air = false;
        self.price_at = Some(Instant::now() + PRICE_EVERY);
        match result {
            Ok(price) => {
                self.on_answer(None);
                // The reserve of the latest answer is authoritative (reference §4.9); the public price counts while
                // there is none, or when it moves.
                let moved = self.catalog_price.replace(price).is_some_and(|before| before != price);
                if self.settings.price.is_none() || moved {
                    let seen = Seen { amount: price, at: self.clock.now() };
                    self.change_settings(|settings| settings.price = Some(seen));
                }
            }
            // The price is a help, not a need: the agreed one stands, and the answer to a send tells the truth.
            Err(error) => self.on_answer(Some(&error)),
        }
    }

    /// Notes what a call says about the connection, whatever it was for.
    pub(in crate::engine) fn on_answer(&mut self, error: Option<&ApiError>) {
        let now = Instant::now();
        match error {
            Some(error) if error.class == ErrorClass::RateLimited => {
                self.connection = Connection::Up;
                let until = self.gate.refused(now, error.retry_after);
                info!(wait = ?until.saturating_duration_since(now), "too many requests: all wait");
            }
            Some(error) if error.class == ErrorClass::Network => {
                if !matches!(self.connection, Connection::Down { .. }) {
                    self.connection = Connection::Down { since: self.clock.now(), why: error.failure() };
                    let probe = now + Duration::from_secs(5);
                    self.balance_at = Some(self.balance_at.map_or(probe, |at| at.min(probe)));
                }
            }
            Some(error) if error.class == ErrorClass::Login => {
                self.connection = Connection::Up;
                self.gate.answered(now);
                self.pause(&PauseReason::Login { said: error.sentence() });
            }
            _ => {
                self.connection = Connection::Up;
                self.gate.answered(now);
            }
        }
    }

    /// Pauses sending for a reason of the service's.
    pub(in crate::engine) fn pause(&mut self, why: &PauseReason) {
        if self.settings.paused.as_ref() == Some(why) {
            return;
        }
        self.notice(None, NoticeKind::Paused(why.clone()));
        self.change_settings(|settings| settings.paused = Some(why.clone()));
    }

    pub(in crate::engine) fn change_settings(&mut self, mut change: impl FnMut(&mut Settings)) {
        match self.store.change_settings(&mut change) {
            Ok(settings) => self.settings = settings,
            Err(error) => {
                // Kept in memory at least: a pause must hold even when the disk is full.
                change(&mut self.settings);
                self.notice(None, NoticeKind::StoreFailed { error: error.to_string() });
            }
        }
    }

    pub(in crate::engine) fn caps(&self) -> Caps {
        Caps {
            session: self.settings.cap_session.unwrap_or(self.options.caps.session),
            day: self.settings.cap_day.unwrap_or(self.options.caps.day),
        }
    }

    pub(in crate::engine) fn max_in_flight(&self) -> u32 {
        self.settings.max_in_flight.unwrap_or(self.options.max_in_flight)
    }

    /// The price of one enhance as far as it is known.
    pub(in crate::engine) fn price(&self) -> Credits {
        self.settings.price.map_or(Credits::PUBLISHED_PRICE, |seen| seen.amount)
    }

    pub(in crate::engine) fn day_start(&self, now: Timestamp) -> Timestamp {
        let day = now.to_zoned(self.options.time_zone.clone());
        day.start_of_day().map_or(now, |start| start.timestamp())
    }

    pub(super) fn month_start(&self, now: Timestamp) -> Timestamp {
        let day = now.to_zoned(self.options.time_zone.clone());
        day.first_of_month().and_then(|first| first.start_of_day()).map_or(now, |start| start.timestamp())
    }
}
