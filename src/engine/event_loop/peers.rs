//! Other processes over the same store: what they wrote, and whether their engine is gone.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::warn;

use super::super::clock::next_at_rest;
use super::super::{EngineEvent, NoticeKind};
use super::{Engine, TICK};
use crate::job::{Job, JobId, Progress};
use crate::store::{Store, StoreError};

impl Engine {
    /// What is due once a second: other processes' changes, the engine's lock, progress on disk, dying links.
    pub(super) fn tick(&mut self) {
        let now = Instant::now();
        if now < self.tick_at {
            return;
        }
        let rests = self.published.as_ref().is_some_and(|published| published.idle);
        self.tick_at = if rests { next_at_rest(self.origin, now) } else { now + TICK };
        match self.read_external_changes() {
            Ok(()) => self.store_unreadable = false,
            // Told once, not every second.
            Err(error) if !std::mem::replace(&mut self.store_unreadable, true) => {
                self.notice(None, NoticeKind::StoreFailed { error: error.to_string() });
            }
            Err(_) => {}
        }
        if self.is_engine() {
            for id in std::mem::take(&mut self.deferred) {
                if let Some(job) = self.jobs.get(&id).cloned() {
                    self.index(&job);
                }
            }
            self.write_progress();
            self.watch_links();
            return;
        }
        if self.read_only {
            self.peer_pid = Store::engine_pid(&self.options.data_dir);
            return;
        }
        match Store::lock_engine(&self.options.data_dir) {
            Ok(Some(lock)) => {
                self.lock = Some(lock);
                self.peer_pid = None;
                self.notice(None, NoticeKind::TookOver);
                if let Err(error) = self.take_over() {
                    self.lock = None;
                    self.notice(None, NoticeKind::StoreFailed { error: error.to_string() });
                }
            }
            Ok(None) => self.peer_pid = Store::engine_pid(&self.options.data_dir),
            Err(error) => self.notice(None, NoticeKind::StoreFailed { error: error.to_string() }),
        }
    }

    /// Takes in what other processes wrote.
    pub(super) fn read_external_changes(&mut self) -> Result<(), StoreError> {
        let external_version = self.store.external_version()?;
        if external_version == self.external_version {
            return Ok(());
        }
        self.external_version = external_version;
        self.store.refresh()?;
        let changes = self.store.changes_since(self.revision)?;
        let floor_moved = changes.settings.approval_floor != self.settings.approval_floor;
        self.settings = changes.settings;
        self.revision = changes.revision;
        if !changes.gone.is_empty() {
            for id in &changes.gone {
                self.jobs.remove(id);
            }
            self.send(EngineEvent::Gone(changes.gone));
        }
        let mut jobs = changes.jobs;
        jobs.retain(|job| self.jobs.get(&job.id).is_none_or(|known| known.revision != job.revision));
        self.apply_changes(jobs);
        if floor_moved {
            let all: Vec<Arc<Job>> = self.jobs.values().cloned().collect();
            for job in all {
                self.index(&job);
            }
        }
        if self.is_engine() {
            let requests = self.store.take_engine_requests()?;
            self.serve(requests);
        }
        Ok(())
    }

    /// Progress reaches the screens of other processes through the store, and only while there are any.
    pub(super) fn write_progress(&mut self) {
        if self.progress_for_disk.is_empty() || !Store::other_screens(&self.options.data_dir, self.screen.as_ref()) {
            return;
        }
        let rows: Vec<(JobId, Progress)> =
            self.progress_for_disk.drain().filter_map(|id| self.progress.get(&id).map(|progress| (id, *progress))).collect();
        if let Err(error) = self.store.save_progress(&rows) {
            warn!(%error, "progress was not written; it is only for the eye");
        }
    }
}
