//! Bringing results home: a pool of its own, least time left first.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::Instant;

use super::index::JobIndex;
use super::notice::NoticeKind;
use crate::fetch::{FetchError, FetchRequest};
use crate::job::{Applied, Failure, Job, JobId, JobKind, Phase, SavedFile, State, TaskId, Update, retry};

/// How long a download waits at most for its next try while results cannot be saved here, so that all goes on soon after
/// there is room.
const LOCAL_WAIT_MOST: Duration = Duration::from_secs(30);
/// How long nobody looks for something to fetch where nothing waits, unless something comes.
const NOTHING_TO_FETCH: Duration = Duration::from_hours(1);
/// So many refusals of a link end a job, with an answer of the service about fresh links between each two: what refused it
/// first may have been a page in the host's place.
const MOST_REFUSALS: u32 = 3;

/// See the module.
#[derive(Debug)]
pub(super) struct Downloads {
    at_once: usize,
    /// The end of its link first; a job without one last.
    to_fetch: BTreeSet<(Timestamp, JobId)>,
    fetching: HashSet<JobId>,
    retry: BTreeMap<JobId, Instant>,
    /// Nothing to fetch is ready before this; unknown after a change.
    ready_at: Option<Instant>,
    /// Jobs to be fetched whose tasks are read once more, for a fresh link.
    fresh_links: HashMap<JobId, Reread>,
    /// Jobs whose results could not be saved for a reason of this machine.
    unsavable: HashSet<JobId>,
    /// Jobs whose link was refused, after its end or for what it led to, and how often: a fresh one was asked for each time.
    refusals: HashMap<JobId, u32>,
}

/// Why a task whose result is to be fetched is read once more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reread {
    /// A fresh link may help; the next try does not wait for it.
    Meanwhile,
    /// The link's life is over, and it has not been tried since that is known: the next try waits for the answer.
    First,
    /// The link was refused, after its life or for what it led to; the next try waits for the answer.
    AfterRefusal,
}

/// How a download ended, to be done in this order.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Ended {
    /// To be told.
    pub(super) notice: Option<NoticeKind>,
    /// To be written.
    pub(super) update: Update,
    /// What follows then.
    pub(super) after: AfterFetch,
}

/// What follows when the end of a download is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum AfterFetch {
    /// It is over.
    Over,
    /// It is tried again later, see [`Downloads::retry_later`]; if it has a task, that may have a fresh link meanwhile.
    Later(Option<TaskId>),
    /// The service is asked for a fresh link first.
    FreshLink(TaskId),
}

impl Downloads {
    /// So many at once.
    pub(super) fn new(at_once: usize) -> Self {
        Self {
            at_once,
            to_fetch: BTreeSet::new(),
            fetching: HashSet::new(),
            retry: BTreeMap::new(),
            ready_at: None,
            fresh_links: HashMap::new(),
            unsavable: HashSet::new(),
            refusals: HashMap::new(),
        }
    }

    /// Takes a job as the store has it now, and as it was before. Returns what is to be told.
    pub(super) fn on_job(&mut self, before: Option<&Job>, job: &Job) -> Option<NoticeKind> {
        for expiry in [before.and_then(|before| before.link_expires_at), Some(Timestamp::MAX)].into_iter().flatten() {
            self.to_fetch.remove(&(expiry, job.id));
        }
        if job.state() == State::ToFetch {
            self.to_fetch.insert((job.link_expires_at.unwrap_or(Timestamp::MAX), job.id));
            self.ready_at = None;
        }
        if !matches!(job.state(), State::ToFetch | State::Fetching) {
            self.retry.remove(&job.id);
            self.fresh_links.remove(&job.id);
            self.refusals.remove(&job.id);
            return self.forget_unsavable(job.id, job.state() == State::Saved);
        }
        None
    }

    /// A job is saved, or not to be fetched any more: it no longer tells that results cannot be saved. After a success the
    /// others that could not be are tried at once.
    fn forget_unsavable(&mut self, id: JobId, is_saved: bool) -> Option<NoticeKind> {
        if !self.unsavable.remove(&id) {
            return None;
        }
        self.ready_at = None;
        if is_saved {
            for other in &self.unsavable {
                self.retry.remove(other);
            }
        }
        self.unsavable.is_empty().then_some(NoticeKind::ResultsSavable { is_proven: is_saved })
    }

    /// Whether results can be saved, as far as is known; nothing new is sent while they cannot.
    pub(super) fn can_save(&self) -> bool {
        self.unsavable.is_empty()
    }

    /// How many downloads may run; one tells whether results can be saved again.
    fn at_once(&self) -> usize {
        if self.can_save() { self.at_once } else { self.at_once.min(1) }
    }

    /// Whether nothing is to be fetched or coming down.
    pub(super) fn is_empty(&self) -> bool {
        self.to_fetch.is_empty() && self.fetching.is_empty()
    }

    /// Whether its task is read once more for a fresh link.
    pub(super) fn awaits_link(&self, id: JobId) -> bool {
        self.fresh_links.contains_key(&id)
    }

    /// Whether the next try of a job waits for a fresh link.
    fn waits_for_link(&self, id: JobId) -> bool {
        self.fresh_links.get(&id).is_some_and(|why| *why != Reread::Meanwhile)
    }

    /// The next job to fetch, if there is a place for it; it has the place only with [`Downloads::started`].
    pub(super) fn next(&mut self, now: Instant) -> Option<JobId> {
        if self.fetching.len() >= self.at_once() || self.ready_at.is_some_and(|at| at > now) {
            return None;
        }
        let waits = |id: &JobId| self.waits_for_link(*id) || self.retry.get(id).is_some_and(|at| *at > now);
        let ready = self.to_fetch.iter().map(|(_, id)| *id).find(|id| !waits(id));
        match ready {
            // What the answer may say is not waited for.
            Some(id) => drop(self.fresh_links.remove(&id)),
            None => self.ready_at = Some(self.next_retry().unwrap_or(now + NOTHING_TO_FETCH)),
        }
        ready
    }

    /// The download of this job begins.
    pub(super) fn started(&mut self, id: JobId) {
        self.fetching.insert(id);
        // Its time has come; kept, it would wake the loop again and again while the download runs.
        self.retry.remove(&id);
    }

    /// A download ended; `job` is its job, if it is still there.
    pub(super) fn on_fetched(
        &mut self,
        id: JobId,
        result: Result<Vec<SavedFile>, FetchError>,
        job: Option<&Job>,
        now: Timestamp,
    ) -> Ended {
        self.fetching.remove(&id);
        let error = match result {
            Ok(files) => return Ended { notice: None, update: Update::Saved(files), after: AfterFetch::Over },
            Err(FetchError::Refused(why)) => return self.refused(id, Failure::result_refused(&why), why, job),
            Err(error) => error,
        };
        let mut notice = None;
        let after = if error.is_local() {
            let first = self.unsavable.is_empty();
            if self.unsavable.insert(id) && first {
                notice = Some(NoticeKind::ResultsUnsavable { error: error.to_string() });
            }
            AfterFetch::Later(None)
        } else if error.is_evidence_after_expiry() && job.is_none_or(|job| link_is_over(job, now)) {
            let dead = "the link is dead, and the service gave none that leads to the picture";
            return self.refused(id, Failure::link_expired(dead), error.to_string(), job);
        } else {
            AfterFetch::Later(job.and_then(|job| self.reread(job, Reread::Meanwhile)))
        };
        Ended { notice, update: Update::FetchTroubled(error.to_string()), after }
    }

    /// A link was refused whose life is over, or what it led to must not be taken. Its task may have a fresh one, and what
    /// refused it may have been a portal: the service is asked before each further try, and `end` comes with the last.
    fn refused(&mut self, id: JobId, end: Failure, why: String, job: Option<&Job>) -> Ended {
        let refusals = self.refusals.entry(id).or_default();
        *refusals += 1;
        let is_last = *refusals >= MOST_REFUSALS;
        match job.filter(|_| !is_last).and_then(|job| self.reread(job, Reread::AfterRefusal)) {
            Some(task) => Ended { notice: None, update: Update::FetchTroubled(why), after: AfterFetch::FreshLink(task) },
            None => Ended { notice: None, update: Update::FetchFailed(end), after: AfterFetch::Over },
        }
    }

    /// The task of a job is read once more, for a fresh link; `None` where it has none.
    fn reread(&mut self, job: &Job, why: Reread) -> Option<TaskId> {
        // Still as coming down where its end is not written yet.
        let (State::ToFetch | State::Fetching, Some(task)) = (job.state(), &job.task) else { return None };
        self.fresh_links.insert(job.id, why);
        Some(task.clone())
    }

    /// The failed download is written, in the job if it could be; the next try is later the more there were, but soon while
    /// results cannot be saved.
    pub(super) fn retry_later(&mut self, id: JobId, written: Option<&Job>, rng: &mut fastrand::Rng, now: Instant) {
        let attempts = written.map_or(1, |job| match &job.phase {
            Phase::ToFetch(error) => error.attempts,
            _ => 1,
        });
        let wait = retry::fetch_wait(attempts, rng.f64());
        let most = if self.unsavable.contains(&id) { LOCAL_WAIT_MOST } else { Duration::MAX };
        self.retry.insert(id, now + wait.min(most));
    }

    /// The user wants it fetched now.
    pub(super) fn fetch_now(&mut self, id: JobId) {
        self.retry.remove(&id);
        self.ready_at = None;
        self.refusals.remove(&id);
    }

    /// A job that is to be fetched again after its link ended begins with a fresh link: the task to ask about.
    pub(super) fn await_fresh_link(&mut self, job: &Job, now: Timestamp) -> Option<TaskId> {
        if link_is_over(job, now) { self.reread(job, Reread::First) } else { None }
    }

    /// The service was asked for a fresh link and has none: the old one is tried once more.
    pub(super) fn no_fresh_link(&mut self, id: JobId, rng: &mut fastrand::Rng, now: Instant) {
        if self.fresh_links.remove(&id) == Some(Reread::AfterRefusal) {
            let refusals = self.refusals.get(&id).copied().unwrap_or_default();
            self.retry.insert(id, now + retry::fetch_wait(refusals, rng.f64()));
        }
        self.ready_at = None;
    }

    /// No fresh link is waited for any more.
    pub(super) fn link_settled(&mut self, id: JobId) {
        self.fresh_links.remove(&id);
    }

    /// Answers about fresh links may be among what had to wait for the store: who got one is settled, and who still waits
    /// for one is returned, to be asked about once more. `jobs` are as they were before.
    pub(super) fn settle_links(
        &mut self,
        waited: &HashSet<JobId>,
        results: &[(Job, Applied)],
        jobs: &JobIndex,
    ) -> Vec<(JobId, TaskId)> {
        let mut again = Vec::new();
        for id in waited.iter().filter(|id| self.awaits_link(**id)).copied().collect::<Vec<_>>() {
            let Some(after) = results.iter().rev().map(|(job, _)| job).find(|job| job.id == id) else { continue };
            if jobs.get(id).is_some_and(|before| before.links != after.links) {
                self.fresh_links.remove(&id);
            } else if let Some(task) = &after.task {
                again.push((id, task.clone()));
            }
        }
        again
    }

    fn next_retry(&self) -> Option<Instant> {
        self.retry.iter().filter(|(id, _)| !self.waits_for_link(**id)).map(|(_, at)| *at).min()
    }

    /// When a download may be tried, if there is a place for it.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        if self.fetching.len() >= self.at_once() {
            return None;
        }
        self.ready_at.or_else(|| self.next_retry())
    }
}

/// What to fetch for a job, how to name it, and what goes into the JSON sidecar.
pub(super) fn request(job: &Job, zone: &TimeZone) -> FetchRequest {
    let finished = job.finished_at.unwrap_or(job.created_at).to_zoned(zone.clone());
    let mut sidecar = serde_json::Map::new();
    sidecar.insert("job".into(), job.id.to_string().into());
    sidecar.insert("kind".into(), job.kind.model().word().into());
    match &job.kind {
        JobKind::Enhance { source, image } => {
            sidecar.insert("source_task".into(), source.as_str().into());
            sidecar.insert("image_number".into(), image.get().into());
        }
        JobKind::Draft { prompt, template } => {
            sidecar.insert("prompt".into(), prompt.as_str().into());
            sidecar.insert("template".into(), template.clone().into());
        }
    }
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
        image: job.kind.source().map(|(_, image)| image.get()),
        job: job.id.to_string(),
        sidecar,
    }
}

fn link_is_over(job: &Job, now: Timestamp) -> bool {
    job.link_expires_at.is_none_or(|end| end <= now)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::index::tests::{at, job, task};
    use super::*;
    use crate::job::FetchTrouble;

    const HOUR: i64 = 3_600;

    /// The nth job, finished, with a link that ends at this second.
    fn finished(n: u64, link_ends: i64) -> Arc<Job> {
        let mut job = Job::clone(&job(n, Phase::ToFetch(FetchTrouble { attempts: 2, last: None })));
        job.link_expires_at = Some(at(link_ends));
        Arc::new(job)
    }

    fn downloads(at_once: usize, jobs: &[Arc<Job>]) -> Downloads {
        let mut downloads = Downloads::new(at_once);
        for job in jobs {
            downloads.on_job(None, job);
        }
        downloads
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_the_least_time_left_goes_first_while_there_are_places() {
        let now = Instant::now();
        let (late, soon) = (finished(1, 9 * HOUR), finished(2, HOUR));
        let mut downloads = downloads(1, &[late.clone(), soon.clone()]);
        assert_eq!(downloads.next(now), Some(soon.id));
        downloads.started(soon.id);
        assert_eq!((downloads.next(now), downloads.next_deadline()), (None, None), "its end makes room");
        let ended = downloads.on_fetched(soon.id, Ok(Vec::new()), Some(&soon), at(0));
        assert_eq!(ended, Ended { notice: None, update: Update::Saved(Vec::new()), after: AfterFetch::Over });
        downloads.on_job(Some(&soon), &job(2, Phase::Saved));
        assert_eq!(downloads.next(now), Some(late.id));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_download_is_tried_again_later() {
        let now = Instant::now();
        let one = finished(1, 9 * HOUR);
        let mut downloads = downloads(2, std::slice::from_ref(&one));
        downloads.started(one.id);
        let ended = downloads.on_fetched(one.id, Err(FetchError::Passing("cut off".to_owned())), Some(&one), at(0));
        assert_eq!(ended.after, AfterFetch::Later(Some(task(1))), "a fresh link may come meanwhile");
        downloads.retry_later(one.id, Some(&one), &mut fastrand::Rng::with_seed(1), now);
        assert_eq!(downloads.next(now), None);
        let due = downloads.next_deadline().unwrap();
        assert!(due > now && due < now + NOTHING_TO_FETCH);
        assert_eq!(downloads.next(due), Some(one.id));
        downloads.fetch_now(one.id);
        assert_eq!(downloads.next(now), Some(one.id), "asked for by hand, at once");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_link_is_the_end_only_after_three_tries_with_an_answer_of_the_service_before_each() {
        let one = finished(1, 9 * HOUR);
        let cases = [
            (FetchError::NoPicture("403".to_owned()), 9 * HOUR, "link_expired"),
            (FetchError::Refused("a private address".to_owned()), 0, "result_refused"),
        ];
        for ((error, seconds, code), has_fresh) in cases.iter().flat_map(|case| [(case, false), (case, true)]) {
            let mut now = Instant::now();
            let mut downloads = downloads(2, std::slice::from_ref(&one));
            for _ in 1..MOST_REFUSALS {
                assert_eq!(downloads.next(now), Some(one.id));
                downloads.started(one.id);
                let ended = downloads.on_fetched(one.id, Err(error.clone()), Some(&one), at(*seconds));
                assert_eq!(ended.after, AfterFetch::FreshLink(task(1)), "the charge is paid, and asking is free");
                assert!(downloads.awaits_link(one.id) && downloads.next(now).is_none());
                if has_fresh {
                    downloads.link_settled(one.id);
                    downloads.on_job(Some(&one), &one);
                } else {
                    downloads.no_fresh_link(one.id, &mut fastrand::Rng::with_seed(1), now);
                    assert_eq!(downloads.next(now), None, "what refused it may stand there for a moment longer");
                    now = downloads.next_deadline().unwrap();
                }
            }
            downloads.started(one.id);
            let ended = downloads.on_fetched(one.id, Err(error.clone()), Some(&one), at(*seconds));
            assert!(matches!(&ended.update, Update::FetchFailed(failure) if failure.code == *code), "{ended:?}");
            assert_eq!(ended.after, AfterFetch::Over);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_link_whose_life_is_over_is_tried_where_there_is_no_fresh_one() {
        let now = Instant::now();
        let one = finished(1, 9 * HOUR);
        let mut downloads = downloads(2, std::slice::from_ref(&one));
        assert_eq!(downloads.await_fresh_link(&one, at(0)), None, "its link lives");
        assert_eq!(downloads.await_fresh_link(&one, at(9 * HOUR)), Some(task(1)));
        assert_eq!(downloads.next(now), None);
        downloads.no_fresh_link(one.id, &mut fastrand::Rng::with_seed(1), now);
        assert!(!downloads.awaits_link(one.id));
        assert_eq!(downloads.next(now), Some(one.id), "it may be there all the same");
    }

    #[tokio::test(start_paused = true)]
    async fn while_results_cannot_be_saved_one_download_tells_when_they_can() {
        let now = Instant::now();
        let jobs = [finished(1, 8 * HOUR), finished(2, 9 * HOUR)];
        let mut downloads = downloads(2, &jobs);
        let full = || Err(FetchError::ResultsDiskFull("no space".to_owned()));
        let told: Vec<bool> = jobs
            .iter()
            .map(|job| {
                downloads.started(job.id);
                let ended = downloads.on_fetched(job.id, full(), Some(job), at(0));
                downloads.retry_later(job.id, Some(job), &mut fastrand::Rng::with_seed(1), now);
                ended.notice.is_some()
            })
            .collect();
        assert_eq!((told, downloads.can_save()), (vec![true, false], false));
        assert_eq!(downloads.next(now), None);
        let due = downloads.next_deadline().unwrap();
        assert!(due <= now + LOCAL_WAIT_MOST);
        let first = downloads.next(now + LOCAL_WAIT_MOST).unwrap();
        downloads.started(first);
        assert_eq!(downloads.next(now + LOCAL_WAIT_MOST), None, "one tells");
        downloads.on_fetched(first, Ok(Vec::new()), Some(&jobs[0]), at(60));
        assert_eq!(downloads.on_job(Some(&jobs[0]), &job(1, Phase::Saved)), None, "the other still waits");
        assert_eq!(downloads.next(now), Some(jobs[1].id), "at once");
        let told = downloads.on_job(Some(&jobs[1]), &job(2, Phase::Saved));
        assert_eq!((told, downloads.can_save()), (Some(NoticeKind::ResultsSavable { is_proven: true }), true));
    }
}
