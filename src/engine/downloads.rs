//! Bringing results home: a pool of its own, least time left first, and the alarms for links that die.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::event_loop::{Engine, WorkerKind, WorkerResult};
use super::poll_scheduler::Subscriber;
use super::{Level, Notice};
use crate::fetch::{FetchError, FetchRequest};
use crate::job::{Applied, Failure, Job, JobId, Phase, SavedFile, State, Update, retry};

/// Hours before the end of a link at which an unsaved result is called out (product §5).
const ALARMS: [(u8, i64); 2] = [(1, 4), (2, 1)];

/// How long nobody looks for something to fetch where nothing waits, unless something comes.
const NOTHING_TO_FETCH: Duration = Duration::from_hours(1);

impl Engine {
    /// Starts downloads while there are places.
    pub(super) fn start_due_fetches(&mut self) {
        if !self.store_is_well() {
            return;
        }
        let now = Instant::now();
        while self.fetching.len() < self.options.fetches_at_once && self.fetch_ready_at.is_none_or(|at| at <= now) {
            let ready = self
                .to_fetch
                .iter()
                .map(|(_, id)| *id)
                .find(|id| !self.fresh_links.contains(id) && self.fetch_retry.get(id).is_none_or(|at| *at <= now));
            let Some(id) = ready else {
                let waiting = self.fetch_retry.iter().filter(|(id, _)| !self.fresh_links.contains(id)).map(|(_, at)| *at);
                self.fetch_ready_at = Some(waiting.min().unwrap_or(now + NOTHING_TO_FETCH));
                return;
            };
            let written = self.write(vec![(id, Update::FetchStarted)]);
            let Some((job, Applied::Changed(_))) = written.last() else { return };
            let request = self.request(job);
            self.fetching.insert(id);
            // Its time has come; kept, it would wake the loop again and again while the download runs.
            self.fetch_retry.remove(&id);
            let fetcher = Arc::clone(&self.fetcher);
            self.spawn(WorkerKind::Fetch(id), async move { WorkerResult::Fetched(id, fetcher.fetch(&request).await) });
        }
    }

    fn request(&self, job: &Job) -> FetchRequest {
        let finished = job.finished_at.unwrap_or(job.created_at).to_zoned(self.options.time_zone.clone());
        let mut sidecar = serde_json::Map::new();
        sidecar.insert("job".into(), job.id.to_string().into());
        sidecar.insert("source_task".into(), job.source.as_str().into());
        sidecar.insert("image_number".into(), job.image.get().into());
        sidecar.insert("task_id".into(), job.task.as_ref().map(|task| task.as_str().to_owned()).into());
        sidecar.insert("tag".into(), job.tag.as_ref().map(|tag| tag.as_str().to_owned()).into());
        sidecar.insert("created_at".into(), job.created_at.to_string().into());
        sidecar.insert("sent_at".into(), job.sent_at.map(|at| at.to_string()).into());
        sidecar.insert("finished_at".into(), job.finished_at.map(|at| at.to_string()).into());
        sidecar.insert("credits_reserved".into(), job.reserved.map(|credits| credits.to_string()).into());
        sidecar.insert("credits_charged".into(), job.charged.map(|credits| credits.to_string()).into());
        FetchRequest {
            links: job.links.clone(),
            date: finished.date().to_string(),
            tag: job.tag.as_ref().map(|tag| tag.as_str().to_owned()),
            task: job.task.as_ref().map_or_else(|| job.id.to_string(), |task| task.as_str().to_owned()),
            image: job.image.get(),
            job: job.id.to_string(),
            sidecar,
        }
    }

    /// A download ended.
    pub(super) fn on_fetched(&mut self, id: JobId, result: Result<Vec<SavedFile>, FetchError>) {
        self.fetching.remove(&id);
        let now = Instant::now();
        match result {
            Ok(files) => {
                let written = self.write(vec![(id, Update::Saved(files))]);
                self.publish_endings(&written);
            }
            Err(FetchError::Expired(why)) => {
                self.write(vec![(id, Update::FetchTroubled(why))]);
                // A fresh link may come with a fresh answer (reference §4.4); asked for once.
                match self.jobs.get(&id).and_then(|job| job.task.clone()) {
                    Some(task) if self.alarmed.get(&id).is_none_or(|asked| asked & REREAD == 0) => {
                        *self.alarmed.entry(id).or_default() |= REREAD;
                        self.fresh_links.insert(id);
                        self.scheduler.ask(Subscriber::Job(id), &task, now, now);
                        self.scheduler.alone(&Subscriber::Job(id));
                    }
                    _ => self.link_is_dead(id, "the link is dead, and a fresh one was dead too"),
                }
            }
            Err(FetchError::Refused(why)) => {
                let written = self.write(vec![(id, Update::FetchFailed(Failure::result_refused(&why)))]);
                self.publish_endings(&written);
            }
            Err(FetchError::Passing(why)) => self.fetch_later(id, why),
            Err(FetchError::Local(why)) => {
                self.notice(Level::Alarm, Some(id), format!("{id} could not be saved: {why}"));
                self.fetch_later(id, why);
            }
        }
    }

    fn fetch_later(&mut self, id: JobId, why: String) {
        let written = self.write(vec![(id, Update::FetchTroubled(why))]);
        let attempts = written.last().map_or(1, |(job, _)| match &job.phase {
            Phase::ToFetch(error) => error.attempts,
            _ => 1,
        });
        let wait = retry::fetch_wait(attempts, self.rng.f64());
        self.fetch_retry.insert(id, Instant::now() + wait);
    }

    /// When a download may be tried again, if there is a place for it.
    pub(super) fn next_fetch(&self) -> Option<Instant> {
        if self.fetching.len() >= self.options.fetches_at_once || !self.store_is_well() {
            return None;
        }
        self.fetch_ready_at
            .or_else(|| self.fetch_retry.iter().filter(|(id, _)| !self.fresh_links.contains(id)).map(|(_, at)| *at).min())
    }

    /// Fetches at once what waits for its next try, or a dead link once more.
    pub(super) fn fetch_now(&mut self, id: JobId) {
        self.fetch_retry.remove(&id);
        self.fetch_ready_at = None;
        self.alarmed.remove(&id);
        self.write(vec![(id, Update::FetchAgain)]);
        // What is on_fetched again after its link was called dead begins with a fresh link.
        if let Some(job) = self.jobs.get(&id)
            && job.state() == State::ToFetch
            && job.link_expires_at.is_none_or(|end| end <= self.clock.now())
            && let Some(task) = job.task.clone()
        {
            let now = Instant::now();
            self.fresh_links.insert(id);
            self.scheduler.ask(Subscriber::Job(id), &task, now, now);
            self.scheduler.alone(&Subscriber::Job(id));
        }
    }

    /// Calls out unsaved results whose links have 4 h and 1 h to live.
    pub(super) fn watch_links(&mut self) {
        let now = self.clock.now();
        let dying: Vec<(JobId, u8, i64)> = self
            .to_fetch
            .iter()
            .take_while(|(end, _)| hours_left(*end, now) < ALARMS[0].1)
            .filter_map(|(end, id)| {
                let (bit, hours) = ALARMS.into_iter().rev().find(|(_, hours)| hours_left(*end, now) < *hours)?;
                let published = self.alarmed.get(id).copied().unwrap_or_default();
                (published & bit == 0).then_some((*id, bit, hours))
            })
            .collect();
        if dying.is_empty() {
            return;
        }
        for (id, bit, _) in &dying {
            *self.alarmed.entry(*id).or_default() |= bit;
        }
        let hours = dying.iter().map(|(_, _, hours)| *hours).min().unwrap_or(1);
        let text = format!(
            "{} not saved yet, under {hours} h to the dead link; d fetches now",
            crate::job::text::count(dying.len(), "result")
        );
        let job = if let [(id, _, _)] = dying.as_slice() { Some(*id) } else { None };
        self.notice(Level::Alarm, job, text);
    }

    /// Tells how jobs ended, for the events and notices of a screen.
    pub(super) fn publish_endings(&mut self, written: &[(Job, Applied)]) {
        for (job, applied) in written {
            if !applied.changed() {
                continue;
            }
            let (level, text) = match &job.phase {
                Phase::Saved => (Level::Info, format!("{} is saved", job.id)),
                Phase::Failed(failure) => {
                    (Level::Warning, format!("{} failed: {} ({})", job.id, failure.meaning(), failure.code))
                }
                Phase::Cancelled(by) => (Level::Warning, format!("{} was {by}", job.id)),
                _ => continue,
            };
            self.send(super::EngineEvent::Notice(Notice { at: self.clock.now(), level, job: Some(job.id), text }));
        }
    }
}

/// Set in `alarmed` when a fresh link was asked for.
const REREAD: u8 = 0x80;

fn hours_left(end: Timestamp, now: Timestamp) -> i64 {
    Duration::try_from(end.duration_since(now)).map_or(0, |left| i64::try_from(left.as_secs() / 3_600).unwrap_or(i64::MAX))
}
