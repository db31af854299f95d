//! What the dashboard is told, each kind in its slot.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tracing::{info, warn};

use super::super::{EngineEvent, Level, Notice, NoticeKind, Role, Sending, Status};
use super::{Engine, PROGRESS_SLOT};
use crate::job::{JobId, Phase, Progress};

/// The money figures of the header are counted anew at most so often,
const MONEY_SLOT: Duration = Duration::from_millis(250);
/// and with a long money book so seldom that the counting takes one part in so many of the time.
const MONEY_SHARE: u32 = 50;

impl Engine {
    /// The newest progress known in this process.
    pub(in crate::engine) fn known_progress(&self, id: JobId) -> Option<Progress> {
        self.progress.get(&id).copied()
    }

    /// New progress of a running job: kept in memory, published in slots.
    pub(in crate::engine) fn progressed(&mut self, id: JobId, progress: Progress) {
        self.progress.insert(id, progress);
        self.progress_for_screen.insert(id);
        self.progress_for_disk.insert(id);
    }

    pub(in crate::engine) fn send(&self, news: EngineEvent) {
        (self.events)(news);
    }

    pub(in crate::engine) fn notice(&self, job: Option<JobId>, kind: NoticeKind) {
        match kind.level() {
            Level::Info => info!(job = ?job, ?kind, "notice"),
            Level::Warning | Level::Alarm => warn!(job = ?job, ?kind, "notice"),
        }
        self.send(EngineEvent::Notice(Notice { at: self.clock.now(), job, kind }));
    }

    /// Tells the screen what is new, each kind in its slot.
    pub(super) fn publish(&mut self) {
        let now = Instant::now();
        if !self.progress_for_screen.is_empty() && now >= self.progress_published + PROGRESS_SLOT {
            self.progress_published = now;
            let news = self.progress_for_screen.drain().filter_map(|id| self.progress.get(&id).map(|p| (id, *p))).collect();
            self.send(EngineEvent::Progress(news));
        }
        let stamp = self.clock.now();
        if self.money_is_old && self.money_count_at.is_none_or(|at| now >= at) {
            self.money_is_old = false;
            let reserved =
                self.jobs.values().filter(|job| job.charge == Some(crate::job::Charge::Reserved)).map(|job| job.spent()).sum();
            match self.store.spent(stamp, self.day_start(stamp), self.month_start(stamp)) {
                Ok(spent) => self.money = (reserved, spent),
                Err(error) => warn!(%error, "the spending could not be counted"),
            }
            let counted = Instant::now();
            self.money_count_at = Some(counted + MONEY_SLOT.max((counted - now) * MONEY_SHARE));
        }
        let status = self.status(stamp);
        if self.published_older != self.older_than_floor_version || self.published.as_ref() != Some(&status) {
            let mut waiting: Vec<(i64, JobId)> = self.older_than_floor.iter().map(|(id, place)| (*place, *id)).collect();
            waiting.sort_unstable();
            let waiting_for_go = waiting.into_iter().map(|(_, id)| id).collect();
            self.published_older = self.older_than_floor_version;
            self.published = Some(status.clone());
            self.send(EngineEvent::Status(Arc::new(Status { waiting_for_go, ..status })));
        }
    }

    /// The state without the jobs that wait for a go.
    pub(super) fn status(&self, stamp: Timestamp) -> Status {
        let now = Instant::now();
        let all_wait_until = self.gate.closed_until(now).and_then(|until| {
            let left = SignedDuration::try_from(until - now).ok()?;
            // Whole seconds, so that the same wait is the same status each time it is asked for.
            Timestamp::from_second(stamp.checked_add(left).ok()?.as_second() + 1).ok()
        });
        Status {
            role: if self.is_engine() { Role::Engine } else { Role::Screen { engine_pid: self.peer_pid } },
            connection: self.connection.clone(),
            all_wait_until: match &self.published {
                // Rounding may differ by a second between two looks at one wait.
                Some(published) if near(published.all_wait_until, all_wait_until) => published.all_wait_until,
                _ => all_wait_until,
            },
            paused: self.settings.paused.clone(),
            in_flight: u32::try_from(self.in_flight.len()).unwrap_or(u32::MAX),
            max_in_flight: self.max_in_flight(),
            waiting_for_go: Vec::new(),
            price: self.price(),
            price_is_reported: self.settings.price.is_some(),
            balance: self.settings.balance,
            reserved: self.money.0,
            spent: self.money.1,
            caps: self.caps(),
            idle: self.is_idle(),
        }
    }

    /// Whether an engine without a screen may end: nothing is under way and nothing that may be sent is in the queue.
    pub(super) fn is_idle(&self) -> bool {
        let may_send = self.settings.paused.is_none() && self.options.sending != Sending::Nothing;
        let unsettled = self
            .unsure
            .iter()
            .any(|id| self.jobs.get(id).is_some_and(|job| matches!(&job.phase, Phase::Unsure(doubt) if !doubt.looked)));
        self.loaded
            && self.backlog.is_empty()
            && self.in_flight.is_empty()
            && self.to_fetch.is_empty()
            && self.fetching.is_empty()
            && self.open.is_none()
            && !(unsettled && self.is_engine())
            && !(may_send && (!self.queue.is_empty() || !self.resend.is_empty() || !self.deferred.is_empty()))
    }
}

/// Whether two ends of a wait differ by no more than the rounding.
fn near(a: Option<Timestamp>, b: Option<Timestamp>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if (a.as_second() - b.as_second()).abs() <= 1)
}
