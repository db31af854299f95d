//! The calls and downloads under way. One that panics ends like one that failed, so nothing waits for it for ever.

use std::collections::HashMap;

use tokio::task::{Id, JoinError, JoinSet};
use tracing::warn;

use super::poll_scheduler::Read;
use crate::api::{ApiError, Balance, ListPage, Submitted};
use crate::fetch::FetchError;
use crate::job::{Credits, ErrorClass, JobId, Model, SavedFile, TaskId, TaskReport};

/// How a worker ended.
#[derive(Debug)]
pub(super) enum WorkerResult {
    Submitted(JobId, Box<Result<Submitted, ApiError>>),
    Read(Read, Result<Vec<TaskReport>, ApiError>),
    Listed(Result<ListPage, ApiError>),
    Fetched(JobId, Result<Vec<SavedFile>, FetchError>),
    Balance(Result<Balance, ApiError>),
    Price(Model, Result<Credits, ApiError>),
    DraftsListed(Result<ListPage, ApiError>),
    DraftsRead(Vec<TaskId>, Result<Vec<TaskReport>, ApiError>),
    Previewed(TaskId, Result<Vec<SavedFile>, FetchError>),
}

/// Which worker it is, for when it panics.
#[derive(Clone, Debug)]
pub(super) enum WorkerKind {
    Submit(JobId),
    Read(Read),
    List,
    Fetch(JobId),
    Balance,
    Price(Model),
    ListDrafts,
    ReadDrafts(Vec<TaskId>),
    Preview(TaskId),
}

impl WorkerKind {
    /// How it ended when it panicked.
    fn panicked(self) -> WorkerResult {
        let error = ApiError {
            class: ErrorClass::Local,
            code: "worker_fault".into(),
            message: "this program's worker failed; the log says more".into(),
            status: None,
            request_id: None,
            retry_after: None,
            is_json: false,
        };
        match self {
            // The request may have left: only the service knows what became of it.
            Self::Submit(job) => WorkerResult::Submitted(job, Box::new(Err(ApiError { class: ErrorClass::Network, ..error }))),
            Self::Read(read) => WorkerResult::Read(read, Err(error)),
            Self::List => WorkerResult::Listed(Err(error)),
            Self::Fetch(job) => WorkerResult::Fetched(job, Err(FetchError::Passing(error.message))),
            Self::Balance => WorkerResult::Balance(Err(error)),
            Self::Price(model) => WorkerResult::Price(model, Err(error)),
            Self::ListDrafts => WorkerResult::DraftsListed(Err(error)),
            Self::ReadDrafts(tasks) => WorkerResult::DraftsRead(tasks, Err(error)),
            Self::Preview(task) => WorkerResult::Previewed(task, Err(FetchError::Passing(error.message))),
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Workers {
    ops: JoinSet<WorkerResult>,
    kinds: HashMap<Id, WorkerKind>,
}

impl Workers {
    /// Starts a worker.
    pub(super) fn spawn(&mut self, kind: WorkerKind, work: impl Future<Output = WorkerResult> + Send + 'static) {
        let handle = self.ops.spawn(work);
        self.kinds.insert(handle.id(), kind);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// Waits for the next that ends; `None` when none is under way. Dropping the wait loses nothing.
    pub(super) async fn next(&mut self) -> Option<WorkerResult> {
        loop {
            let ended = self.ops.join_next_with_id().await?;
            if let Some(result) = self.result(ended) {
                return Some(result);
            }
        }
    }

    /// One that has ended already.
    pub(super) fn try_next(&mut self) -> Option<WorkerResult> {
        loop {
            let ended = self.ops.try_join_next_with_id()?;
            if let Some(result) = self.result(ended) {
                return Some(result);
            }
        }
    }

    /// Drops what is under way, as a crash would.
    pub(super) fn abort_all(&mut self) {
        self.ops.abort_all();
    }

    fn result(&mut self, ended: Result<(Id, WorkerResult), JoinError>) -> Option<WorkerResult> {
        match ended {
            Ok((id, result)) => {
                self.kinds.remove(&id);
                Some(result)
            }
            Err(panicked) => {
                let kind = self.kinds.remove(&panicked.id())?;
                warn!(worker = ?kind, %panicked, "a worker ended by a fault of this program");
                Some(kind.panicked())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_kind_of_worker_that_panics_comes_back_as_a_failed_call() {
        let job = JobId::from_bits(1);
        let kinds = [
            WorkerKind::Submit(job),
            WorkerKind::Read(Read::Many(Vec::new())),
            WorkerKind::List,
            WorkerKind::Fetch(job),
            WorkerKind::Balance,
            WorkerKind::Price(Model::Draft),
            WorkerKind::ListDrafts,
            WorkerKind::ReadDrafts(Vec::new()),
            WorkerKind::Preview(TaskId::new("task-unified-1-a").unwrap()),
        ];
        let mut workers = Workers::default();
        for kind in kinds {
            workers.spawn(kind, async { panic!("a fault for a test") });
        }
        let mut seen = [0; 9];
        while let Some(result) = workers.next().await {
            let nth = match result {
                WorkerResult::Submitted(_, result) => {
                    assert_eq!(result.unwrap_err().class, ErrorClass::Network, "it may have left");
                    0
                }
                WorkerResult::Read(_, Err(_)) => 1,
                WorkerResult::Listed(Err(_)) => 2,
                WorkerResult::Fetched(_, Err(FetchError::Passing(_))) => 3,
                WorkerResult::Balance(Err(_)) => 4,
                WorkerResult::Price(Model::Draft, Err(_)) => 5,
                WorkerResult::DraftsListed(Err(_)) => 6,
                WorkerResult::DraftsRead(_, Err(_)) => 7,
                WorkerResult::Previewed(_, Err(_)) => 8,
                other => panic!("{other:?}"),
            };
            seen[nth] += 1;
        }
        assert_eq!(seen, [1; 9]);
        assert!(workers.is_empty() && workers.try_next().is_none());
    }
}
