//! Which job made a task, and which jobs were made from it.
//!
//! The details ask for both in every frame, so among 100,000 jobs nothing may look at each of them. Kept are hashes and
//! not the ids themselves, which every job holds already; whoever looks something up compares the ids.

use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};

use crate::job::{Job, JobId, TaskId};

/// An index over jobs by their own task and by the task they were made from. Taking a job out leaves nothing behind.
#[derive(PartialEq, Eq, Debug, Default)]
pub(super) struct Lineage {
    by_task: BTreeSet<(u64, JobId)>,
    by_source: BTreeSet<(u64, JobId)>,
}

impl Lineage {
    pub(super) fn insert(&mut self, job: &Job) {
        self.by_task.extend(job.task.as_ref().map(|task| (hash(task), job.id)));
        self.by_source.extend(job.kind.source().map(|(source, _)| (hash(source), job.id)));
    }

    /// Takes out what [`Lineage::insert`] put in for the same job.
    pub(super) fn remove(&mut self, job: &Job) {
        if let Some(task) = &job.task {
            self.by_task.remove(&(hash(task), job.id));
        }
        if let Some((source, _)) = job.kind.source() {
            self.by_source.remove(&(hash(source), job.id));
        }
    }

    /// Jobs that may have made this task: all that did, and by a rare chance others.
    pub(super) fn makers(&self, task: &TaskId) -> impl Iterator<Item = JobId> {
        found(&self.by_task, task)
    }

    /// Jobs that may be made from this task, in the same way.
    pub(super) fn children(&self, task: &TaskId) -> impl Iterator<Item = JobId> {
        found(&self.by_source, task)
    }
}

fn found(index: &BTreeSet<(u64, JobId)>, task: &TaskId) -> impl Iterator<Item = JobId> {
    let hash = hash(task);
    index.range((hash, JobId::from_bits(0))..=(hash, JobId::from_bits(u64::MAX))).map(|(_, id)| *id)
}

fn hash(task: &TaskId) -> u64 {
    let mut hasher = DefaultHasher::new();
    task.hash(&mut hasher);
    hasher.finish()
}
