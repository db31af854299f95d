//! Which jobs are marked, and the range that is being drawn.

use std::collections::HashSet;

use crate::job::{CancelledBy, ErrorClass, Job, JobId, Phase, State};

/// Marked jobs. Marks are tied to ids, so they stay with their jobs.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Marks {
    ids: HashSet<JobId>,
    /// One marked job of each kind that acts differ in: what is asked instead of all of them.
    kinds: Vec<JobId>,
    /// Where the range begins.
    anchor: Option<JobId>,
}

impl Marks {
    pub(crate) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn contains(&self, id: JobId) -> bool {
        self.ids.contains(&id)
    }

    pub(crate) fn ids(&self) -> &HashSet<JobId> {
        &self.ids
    }

    /// One marked job of each kind.
    pub(crate) fn kinds(&self) -> &[JobId] {
        &self.kinds
    }

    pub(crate) fn anchor(&self) -> Option<JobId> {
        self.anchor
    }

    pub(crate) fn set_anchor(&mut self, anchor: Option<JobId>) {
        self.anchor = anchor;
    }

    /// Marks exactly these; `job` finds a job that is still on the list.
    pub(super) fn set<'a>(&mut self, ids: HashSet<JobId>, job: impl Fn(JobId) -> Option<&'a Job>) {
        self.ids = ids;
        self.refresh(job);
    }

    pub(super) fn insert<'a>(&mut self, id: JobId, job: impl Fn(JobId) -> Option<&'a Job>) {
        self.ids.insert(id);
        self.note_kind(id, &job);
    }

    /// Takes a mark away; whether there was one.
    pub(super) fn remove<'a>(&mut self, id: JobId, job: impl Fn(JobId) -> Option<&'a Job>) -> bool {
        let had = self.ids.remove(&id);
        // One mark among many thousands must not cost a look at all of them.
        if had && self.kinds.contains(&id) {
            self.refresh(job);
        }
        had
    }

    /// Forgets what is gone, and finds one job of each kind anew.
    pub(super) fn refresh<'a>(&mut self, job: impl Fn(JobId) -> Option<&'a Job>) {
        self.ids.retain(|id| job(*id).is_some());
        self.kinds.clear();
        for id in self.ids.iter().copied().collect::<Vec<_>>() {
            self.note_kind(id, &job);
        }
    }

    fn note_kind<'a>(&mut self, id: JobId, job: &impl Fn(JobId) -> Option<&'a Job>) {
        let Some(new) = job(id) else { return };
        let mut known = self.kinds.iter().filter_map(|id| job(*id));
        if !known.any(|other| kind(other) == kind(new)) {
            self.kinds.push(id);
        }
    }
}

/// What decides which acts fit a job.
fn kind(job: &Job) -> (State, Option<(ErrorClass, bool)>, bool, bool, bool) {
    let failure = job.failure().map(|failure| (failure.class, failure.is_passing_loss()));
    let given_up = job.phase == Phase::Cancelled(CancelledBy::YouUnsure);
    (job.state(), failure, job.stop_requested || given_up, job.task.is_some(), job.is_approved_elsewhere())
}
