//! Bringing results home: a pool of its own, least time left first, and the alarms for links that die.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::NoticeKind;
use super::event_loop::{Engine, WorkerKind, WorkerResult};
use super::poll_scheduler::Subscriber;
use crate::fetch::{FetchError, FetchRequest};
use crate::job::{Applied, Failure, Job, JobId, Phase, SavedFile, State, Update, retry};

/// Hours before the end of a link at which an unsaved result is called out (product §5).
const ALARMS: [(u8, u8); 2] = [(1, 4), (2, 1)];

/// How long a download waits at most for its next try while results cannot be saved here, so that all goes on soon after
/// there is room.
const LOCAL_WAIT_MOST: Duration = Duration::from_secs(30);

/// Why a task whose result is to be fetched is read once more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reread {
    /// A fresh link may help; the next try does not wait for it.
    Meanwhile,
    /// The link's life is over, and it has not been tried since that is known: the next try waits for the answer.
    First,
    /// The link's life is over, and it was refused: without another link it is dead.
    LastWord,
}

/// How long nobody looks for something to fetch where nothing waits, unless something comes.
const NOTHING_TO_FETCH: Duration = Duration::from_hours(1);

impl Engine {
    /// Starts downloads while there are places.
    pub(super) fn start_due_fetches(&mut self) {
        if !self.store_is_well() {
            return;
        }
        let now = Instant::now();
        while self.fetching.len() < self.fetches_at_once() && self.fetch_ready_at.is_none_or(|at| at <= now) {
            let ready = self
                .to_fetch
                .iter()
                .map(|(_, id)| *id)
                .find(|id| !self.waits_for_link(*id) && self.fetch_retry.get(id).is_none_or(|at| *at <= now));
            let Some(id) = ready else {
                self.fetch_ready_at = Some(self.next_retry().unwrap_or(now + NOTHING_TO_FETCH));
                return;
            };
            self.fresh_links.remove(&id);
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
        match result {
            Ok(files) => {
                let written = self.write(vec![(id, Update::Saved(files))]);
                self.publish_endings(&written);
            }
            Err(FetchError::Refused(why)) => {
                let written = self.write(vec![(id, Update::FetchFailed(Failure::result_refused(&why)))]);
                self.publish_endings(&written);
            }
            Err(error) if error.is_local() => {
                self.cannot_save(id, &error.to_string());
                let wait = self.fetch_later(id, error.to_string()).min(LOCAL_WAIT_MOST);
                self.fetch_retry.insert(id, Instant::now() + wait);
            }
            Err(error) if error.is_evidence_after_expiry() && self.link_is_over(id) => {
                self.refused_after_expiry(id, error.to_string());
            }
            Err(error) => {
                self.fetch_later(id, error.to_string());
                self.reread(id, Reread::Meanwhile);
            }
        }
    }

    /// A link whose life is over was refused. A fresh one may come with a fresh answer; asked for once.
    fn refused_after_expiry(&mut self, id: JobId, why: String) {
        self.write(vec![(id, Update::FetchTroubled(why))]);
        if self.alarmed.get(&id).is_some_and(|asked| asked & REREAD != 0) {
            self.link_is_dead(id, "the link is dead, and a fresh one was dead too");
            return;
        }
        *self.alarmed.entry(id).or_default() |= REREAD;
        if !self.reread(id, Reread::LastWord) {
            self.link_is_dead(id, "the link is dead");
        }
    }

    /// Reads the task of a job once more, for a fresh link; `false` where it has none.
    fn reread(&mut self, id: JobId, why: Reread) -> bool {
        let Some(job) = self.jobs.get(&id) else { return false };
        // Still as coming down where its end could not be written yet.
        let (State::ToFetch | State::Fetching, Some(task)) = (job.state(), job.task.clone()) else { return false };
        let now = Instant::now();
        self.fresh_links.insert(id, why);
        self.scheduler.ask(Subscriber::Job(id), &task, now, now);
        if why != Reread::Meanwhile {
            self.scheduler.alone(&Subscriber::Job(id));
        }
        true
    }

    /// The service was asked for a fresh link and has none. That ends a job only where the link was refused after its life.
    pub(super) fn no_fresh_link(&mut self, id: JobId, why: &str) {
        if self.fresh_links.get(&id) == Some(&Reread::LastWord) {
            self.link_is_dead(id, why);
            return;
        }
        self.fresh_links.remove(&id);
        self.scheduler.forget(&Subscriber::Job(id));
        self.fetch_ready_at = None;
    }

    /// The link is dead and there is no other: the charge stays, the job ends.
    fn link_is_dead(&mut self, id: JobId, why: &str) {
        self.fresh_links.remove(&id);
        self.scheduler.forget(&Subscriber::Job(id));
        let written = self.write(vec![(id, Update::FetchFailed(Failure::link_expired(why)))]);
        self.publish_endings(&written);
    }

    fn link_is_over(&self, id: JobId) -> bool {
        let end = self.jobs.get(&id).and_then(|job| job.link_expires_at);
        end.is_none_or(|end| end <= self.clock.now())
    }

    /// Whether the next try of a job waits for a fresh link.
    fn waits_for_link(&self, id: JobId) -> bool {
        self.fresh_links.get(&id).is_some_and(|why| *why != Reread::Meanwhile)
    }

    /// When the next of those that wait may be tried.
    fn next_retry(&self) -> Option<Instant> {
        self.fetch_retry.iter().filter(|(id, _)| !self.waits_for_link(**id)).map(|(_, at)| *at).min()
    }

    /// Tries again later, after a gap that grows; returns the gap.
    fn fetch_later(&mut self, id: JobId, why: String) -> Duration {
        let written = self.write(vec![(id, Update::FetchTroubled(why))]);
        let attempts = written.last().map_or(1, |(job, _)| match &job.phase {
            Phase::ToFetch(error) => error.attempts,
            _ => 1,
        });
        let wait = retry::fetch_wait(attempts, self.rng.f64());
        self.fetch_retry.insert(id, Instant::now() + wait);
        wait
    }

    /// How many downloads may run; one tells whether results can be saved again.
    fn fetches_at_once(&self) -> usize {
        if self.unsavable.is_empty() { self.options.fetches_at_once } else { self.options.fetches_at_once.min(1) }
    }

    /// Whether results can be saved, as far as is known; nothing new is sent while they cannot.
    pub(super) fn results_are_well(&self) -> bool {
        self.unsavable.is_empty()
    }

    /// A result could not be saved for a reason of this machine.
    fn cannot_save(&mut self, id: JobId, why: &str) {
        let first = self.unsavable.is_empty();
        if self.unsavable.insert(id) && first {
            self.notice(Some(id), NoticeKind::ResultsUnsavable { error: why.to_owned() });
        }
    }

    /// A job is saved, or not to be fetched any more: it no longer tells that results cannot be saved. After a success the
    /// others that could not be are tried at once.
    pub(super) fn forget_unsavable(&mut self, id: JobId, is_saved: bool) {
        if !self.unsavable.remove(&id) {
            return;
        }
        self.fetch_ready_at = None;
        if is_saved {
            for other in &self.unsavable {
                self.fetch_retry.remove(other);
            }
        }
        if self.unsavable.is_empty() {
            self.notice(None, NoticeKind::ResultsSavable { is_proven: is_saved });
        }
    }

    /// When a download may be tried again, if there is a place for it.
    pub(super) fn next_fetch(&self) -> Option<Instant> {
        if self.fetching.len() >= self.fetches_at_once() || !self.store_is_well() {
            return None;
        }
        self.fetch_ready_at.or_else(|| self.next_retry())
    }

    /// Fetches at once what waits for its next try, or a dead link once more.
    pub(super) fn fetch_now(&mut self, id: JobId) {
        self.fetch_retry.remove(&id);
        self.fetch_ready_at = None;
        self.alarmed.remove(&id);
        self.write(vec![(id, Update::FetchAgain)]);
        // What is fetched again after its link was called dead begins with a fresh link.
        if self.link_is_over(id) {
            self.reread(id, Reread::First);
        }
    }

    /// Calls out unsaved results whose links have 4 h and 1 h to live.
    pub(super) fn watch_links(&mut self) {
        let now = self.clock.now();
        let dying: Vec<(JobId, u8, u8)> = self
            .to_fetch
            .iter()
            .take_while(|(end, _)| hours_left(*end, now) < ALARMS[0].1.into())
            .filter_map(|(end, id)| {
                let (bit, hours) = ALARMS.into_iter().rev().find(|(_, hours)| hours_left(*end, now) < i64::from(*hours))?;
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
        let job = if let [(id, _, _)] = dying.as_slice() { Some(*id) } else { None };
        self.notice(job, NoticeKind::LinksEnding { results: dying.len(), hours });
    }

    /// Tells how jobs ended, for the events and notices of a screen.
    pub(super) fn publish_endings(&mut self, written: &[(Job, Applied)]) {
        for (job, applied) in written {
            if !applied.changed() {
                continue;
            }
            let kind = match &job.phase {
                Phase::Saved => NoticeKind::Saved,
                Phase::Failed(failure) => NoticeKind::Failed(failure.clone()),
                Phase::Cancelled(by) => NoticeKind::Cancelled(*by),
                _ => continue,
            };
            self.notice(Some(job.id), kind);
        }
    }
}

/// Set in `alarmed` when a fresh link was asked for.
const REREAD: u8 = 0x80;

fn hours_left(end: Timestamp, now: Timestamp) -> i64 {
    Duration::try_from(end.duration_since(now)).map_or(0, |left| i64::try_from(left.as_secs() / 3_600).unwrap_or(i64::MAX))
}
