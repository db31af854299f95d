//! The jobs that are not over, as the store has them: what every other part asks about a job.
//!
//! It is in step with the store because nothing goes in but what the store has written or read.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::job::{Charge, Credits, Job, JobId, Phase, State};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct JobIndex {
    jobs: HashMap<JobId, Arc<Job>>,
    in_flight: BTreeSet<JobId>,
    unsure: BTreeSet<JobId>,
    /// Waiting jobs with an approval of this start.
    approved: HashSet<JobId>,
    /// The end of its link first; a job without one last.
    to_fetch: BTreeSet<(Timestamp, JobId)>,
    /// Approved jobs whose approval is older than this start, with their positions.
    older_than_floor: BTreeMap<JobId, i64>,
    /// Moves whenever they change, so that thousands of them are not compared in every turn of the loop.
    older_version: u64,
    /// The store's revision up to which everything is here.
    revision: u64,
}

impl JobIndex {
    pub(super) fn get(&self, id: JobId) -> Option<&Arc<Job>> {
        self.jobs.get(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// All jobs that are not over.
    pub(super) fn all(&self) -> Vec<Arc<Job>> {
        self.jobs.values().cloned().collect()
    }

    /// How many jobs are being sent or running.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    pub(super) fn unsure(&self) -> impl Iterator<Item = &Arc<Job>> {
        self.unsure.iter().filter_map(|id| self.jobs.get(id))
    }

    /// The job whose paid request is open now, if one is.
    pub(super) fn sending(&self) -> impl Iterator<Item = &Arc<Job>> {
        self.in_flight.iter().filter_map(|id| self.jobs.get(id)).filter(|job| job.state() == State::Sending)
    }

    /// Whether the task list has not been read for some unsure job.
    pub(super) fn has_unread_unsure(&self) -> bool {
        self.unsure().any(|job| matches!(&job.phase, Phase::Unsure(doubt) if !doubt.looked))
    }

    pub(super) fn has_to_fetch(&self) -> bool {
        !self.to_fetch.is_empty()
    }

    /// Jobs to be fetched with the ends of their links, the next to end first.
    pub(super) fn to_fetch(&self) -> impl Iterator<Item = (Timestamp, JobId)> {
        self.to_fetch.iter().copied()
    }

    pub(super) fn has_approved(&self) -> bool {
        !self.approved.is_empty()
    }

    /// Approved jobs whose approval is older than this start, in the order of their positions.
    pub(super) fn older_than_floor(&self) -> Vec<JobId> {
        let mut waiting: Vec<(i64, JobId)> = self.older_than_floor.iter().map(|(id, place)| (*place, *id)).collect();
        waiting.sort_unstable();
        waiting.into_iter().map(|(_, id)| id).collect()
    }

    /// A number that moves whenever [`JobIndex::older_than_floor`] does.
    pub(super) fn older_version(&self) -> u64 {
        self.older_version
    }

    /// What the service holds for the jobs here.
    pub(super) fn reserved(&self) -> Credits {
        self.jobs.values().filter(|job| job.charge == Some(Charge::Reserved)).map(|job| job.spent()).sum()
    }

    /// Takes a job as the store has it. Approvals up to `approval_floor` are older than this start. Returns the job as it
    /// was here before.
    pub(super) fn put(&mut self, job: &Arc<Job>, approval_floor: u64) -> Option<Arc<Job>> {
        let id = job.id;
        let older_before = self.older_than_floor.remove(&id);
        for set in [&mut self.in_flight, &mut self.unsure] {
            set.remove(&id);
        }
        self.approved.remove(&id);
        if let Some(before) = self.jobs.get(&id) {
            self.to_fetch.remove(&(link_end(before), id));
        }
        match &job.phase {
            Phase::Waiting if job.approval.is_some_and(|approval| approval.seq > approval_floor) => {
                self.approved.insert(id);
            }
            Phase::Waiting => {
                self.older_than_floor.insert(id, job.place);
            }
            Phase::Sending | Phase::Running(_) => {
                self.in_flight.insert(id);
            }
            Phase::Unsure(_) => {
                self.unsure.insert(id);
            }
            Phase::ToFetch(_) => {
                self.to_fetch.insert((link_end(job), id));
            }
            Phase::Fetching(_) | Phase::Held(_) | Phase::Saved | Phase::Failed(_) | Phase::Cancelled(_) | Phase::Unwatched => {}
        }
        if older_before != self.older_than_floor.get(&id).copied() {
            self.older_version += 1;
        }
        if job.state().is_final() || job.state() == State::Unwatched {
            self.jobs.remove(&id)
        } else {
            self.jobs.insert(id, Arc::clone(job))
        }
    }

    /// Forgets jobs that were pruned.
    pub(super) fn forget(&mut self, ids: &[JobId]) {
        for id in ids {
            self.jobs.remove(id);
        }
    }

    /// Up to where everything of the store is here.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Everything up to this revision has been read.
    pub(super) fn has_read_to(&mut self, revision: u64) {
        self.revision = revision;
    }

    /// This process wrote this revision. It counts only if nobody wrote in between: what lies there has not been read yet.
    pub(super) fn has_written(&mut self, revision: u64) {
        if revision == self.revision + 1 {
            self.revision = revision;
        }
    }

    /// Whether a job as read from the store is another than the one here.
    pub(super) fn is_news(&self, job: &Job) -> bool {
        self.jobs.get(&job.id).is_none_or(|known| known.revision != job.revision)
    }
}

fn link_end(job: &Job) -> Timestamp {
    job.link_expires_at.unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::job::{Approval, Doubt, FetchTrouble, IdempotencyKey, ImageNumber, PaidSend, Progress, TaskId};

    /// A second of the tests' wall clock.
    pub(in crate::engine) fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    pub(in crate::engine) fn task(n: u64) -> TaskId {
        TaskId::new(&format!("task-unified-1-{n:08}")).unwrap()
    }

    pub(in crate::engine) fn running() -> Phase {
        Phase::Running(Progress::default())
    }

    pub(in crate::engine) fn unsure() -> Phase {
        Phase::Unsure(Doubt::default())
    }

    /// The nth job in this phase, approved as number `n` and, unless it waits, with a paid request from second 0 on.
    pub(in crate::engine) fn job(n: u64, phase: Phase) -> Arc<Job> {
        let place = i64::try_from(n).unwrap();
        let mut job = Job::new(
            JobId::from_bits(n),
            crate::job::JobKind::Enhance { source: task(1_000 + n), image: ImageNumber::ALL[0] },
            place,
            at(0),
        );
        job.approval = Some(Approval { seq: n, price: Credits::PUBLISHED_PRICE, at: at(0), not_before: at(0) });
        if !matches!(phase, Phase::Waiting | Phase::Held(_)) {
            job.send = Some(PaidSend {
                key: IdempotencyKey::from_random([0; 16]),
                body: "{}".to_owned(),
                agreed: Credits::PUBLISHED_PRICE,
                first_at: at(0),
                last_at: at(0),
                first_server_time: None,
                last_server_time: None,
                attempts: 1,
                lost: 0,
                absence_confirmed: false,
                refusals: 0,
            });
        }
        if matches!(phase, Phase::Running(_) | Phase::ToFetch(_) | Phase::Fetching(_)) {
            job.task = Some(task(n));
            job.sent_at = Some(at(0));
        }
        job.phase = phase;
        Arc::new(job)
    }

    /// An index of these jobs; no approval is too old.
    pub(in crate::engine) fn index(jobs: &[Arc<Job>]) -> JobIndex {
        let mut index = JobIndex::default();
        for job in jobs {
            index.put(job, 0);
        }
        index
    }

    #[test]
    fn a_job_stands_where_its_phase_says_and_nowhere_else() {
        let mut index = index(&[job(1, Phase::Waiting)]);
        assert!(index.has_approved() && index.in_flight() == 0);
        index.put(&job(1, running()), 0);
        assert!(!index.has_approved() && index.in_flight() == 1);
        index.put(&job(1, unsure()), 0);
        assert!(index.has_unread_unsure() && index.in_flight() == 0);
        index.put(&job(1, Phase::ToFetch(FetchTrouble::default())), 0);
        assert!(index.has_to_fetch() && !index.has_unread_unsure());
        let before = index.put(&job(1, Phase::Saved), 0);
        assert_eq!(before.map(|job| job.state()), Some(State::ToFetch));
        assert!(index.get(JobId::from_bits(1)).is_none() && !index.has_to_fetch(), "what is over is not kept");
    }

    #[test]
    fn an_approval_up_to_the_floor_waits_for_a_new_one() {
        let mut index = JobIndex::default();
        index.put(&job(2, Phase::Waiting), 2);
        index.put(&job(1, Phase::Waiting), 2);
        assert_eq!(index.older_than_floor(), [1, 2].map(JobId::from_bits), "in the order of the queue");
        let version = index.older_version();
        index.put(&job(1, Phase::Waiting), 2);
        assert_eq!(index.older_version(), version, "nothing has changed");
        index.put(&job(2, Phase::Waiting), 1);
        assert!(index.has_approved() && index.older_version() > version);
    }

    #[test]
    fn a_revision_counts_only_without_a_gap() {
        let mut index = JobIndex::default();
        index.has_read_to(7);
        index.has_written(9);
        assert_eq!(index.revision(), 7, "another process wrote 8, which has not been read");
        index.has_written(8);
        assert_eq!(index.revision(), 8);
    }
}
