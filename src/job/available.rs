//! What may be done to a job, and why not: the one place that dashboard, engine and command line ask.

use super::failure::ErrorClass;
use super::id::{JobId, TaskId};
use super::life::Job;
use super::phase::{CancelledBy, Phase, State};

/// Why an act does not fit a job. The words for it are made where it is shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Unavailable {
    /// The store has no such job (any more).
    Gone,
    /// It stands where the act makes no sense.
    State(State),
    /// It stops being watched already, as soon as its answer is here.
    StoppingAlready,
    /// Its draft is gone or cannot be enhanced, so a new job would end the same way.
    SourceGone,
    /// Moderation refused the picture; among others it would be paid for again by accident.
    RefusedByModeration,
    /// It was given up while unsure: the first request may have been paid.
    MayHaveBeenPaid,
    /// The service never told a task for it.
    NoTask,
    /// The task belongs to this job, now or once.
    TaskTaken(JobId),
    /// The task is the draft of a job, so it can be no result.
    TaskIsASource(TaskId),
    /// This job has the same picture and is not failed or cancelled, or the same prompt and is not over.
    Twice(JobId),
    /// The same picture or prompt was named before in the same command.
    GivenTwice,
    /// It is so already: the tag, the place in the queue, removed or not.
    Unchanged,
}

/// The answer of a `can_…` question.
pub type Availability = Result<(), Unavailable>;

impl Job {
    fn only(&self, fits: bool) -> Availability {
        if fits { Ok(()) } else { Err(Unavailable::State(self.state())) }
    }

    /// Whether it can be held back: it waits in the queue.
    ///
    /// # Errors
    /// Why not.
    pub fn can_hold(&self) -> Availability {
        self.only(self.state() == State::Waiting)
    }

    /// Whether a confirmation would let it be sent where it could not be: it is held, or it is unsure and was imported.
    ///
    /// # Errors
    /// Why not.
    pub fn can_release(&self) -> Availability {
        self.only(match self.phase {
            Phase::Held(_) => true,
            Phase::Unsure(_) => self.is_approved_elsewhere(),
            _ => false,
        })
    }

    /// Whether it takes a confirmation: what can be released, and what waits for a newer one.
    ///
    /// # Errors
    /// Why not.
    pub fn can_approve(&self) -> Availability {
        if self.state() == State::Waiting { Ok(()) } else { self.can_release() }
    }

    /// Whether it can be cancelled: free before it is sent; on the wire it stops being watched when its answer is here.
    ///
    /// # Errors
    /// Why not.
    pub fn can_cancel(&self) -> Availability {
        match self.phase {
            Phase::Sending if self.stop_requested => Err(Unavailable::StoppingAlready),
            _ => self.only(matches!(self.phase, Phase::Held(_) | Phase::Waiting | Phase::Sending)),
        }
    }

    /// Whether a cancelling can be taken back: nothing had been sent.
    ///
    /// # Errors
    /// Why not.
    pub fn can_uncancel(&self) -> Availability {
        self.only(self.phase == Phase::Cancelled(CancelledBy::You))
    }

    /// Whether the search for its task can be given up.
    ///
    /// # Errors
    /// Why not.
    pub fn can_give_up(&self) -> Availability {
        self.only(self.state() == State::Unsure)
    }

    /// Whether it can stop being watched.
    ///
    /// # Errors
    /// Why not.
    pub fn can_unwatch(&self) -> Availability {
        self.only(self.state() == State::Running)
    }

    /// Whether it can be watched again: nobody watches its task, or its end was given up for trouble that may be over.
    ///
    /// # Errors
    /// Why not.
    pub fn can_watch(&self) -> Availability {
        match &self.phase {
            Phase::Unwatched if self.task.is_none() => Err(Unavailable::NoTask),
            Phase::Unwatched => Ok(()),
            Phase::Failed(failure) => self.only(failure.is_passing_loss() && self.task.is_some()),
            _ => self.only(false),
        }
    }

    /// Whether its task can be chosen from the account's tasks.
    ///
    /// # Errors
    /// Why not.
    pub fn can_adopt(&self) -> Availability {
        self.only(self.state() == State::Unsure)
    }

    /// Whether there is a result to fetch now, or one that was given up for trouble that may be over.
    ///
    /// # Errors
    /// Why not.
    pub fn can_fetch(&self) -> Availability {
        match &self.phase {
            Phase::ToFetch(_) => Ok(()),
            Phase::Failed(_) => self.can_watch(),
            _ => self.only(false),
        }
    }

    /// Whether the service can say anything new about it.
    ///
    /// # Errors
    /// Why not.
    pub fn can_ask(&self) -> Availability {
        self.only(matches!(self.state(), State::Unsure | State::Running | State::ToFetch | State::Unwatched))
    }

    /// Whether a new paid job for the same picture makes sense. `deliberate`: the user meant this very job (chosen alone,
    /// `--again`), so that what has a result or may have one can be paid for once more.
    ///
    /// # Errors
    /// Why not.
    pub fn can_run_again(&self, deliberate: bool) -> Availability {
        match &self.phase {
            Phase::Failed(failure) => match failure.class {
                // A draft has no source: what the service did not take was its prompt.
                ErrorClass::BadSource | ErrorClass::NotFound if self.kind.prompt().is_some() => Ok(()),
                ErrorClass::BadSource => Err(Unavailable::SourceGone),
                // A task that was not found is no draft that was not found.
                ErrorClass::NotFound if self.task.is_none() => Err(Unavailable::SourceGone),
                ErrorClass::Content if !deliberate => Err(Unavailable::RefusedByModeration),
                _ => Ok(()),
            },
            Phase::Cancelled(CancelledBy::YouUnsure) if !deliberate => Err(Unavailable::MayHaveBeenPaid),
            Phase::Cancelled(_) => Ok(()),
            _ => self.only(deliberate && matches!(self.state(), State::Saved | State::Unwatched)),
        }
    }

    /// Whether it has a place in the queue.
    ///
    /// # Errors
    /// Why not.
    pub fn can_move(&self) -> Availability {
        self.only(matches!(self.state(), State::Held | State::Waiting))
    }

    /// Whether it can be removed from the list: nothing more happens to it automatically.
    ///
    /// # Errors
    /// Why not.
    pub fn can_remove(&self) -> Availability {
        self.only(self.state().is_final() || self.state() == State::Unwatched)
    }

    /// Whether it has a result to keep or reject.
    ///
    /// # Errors
    /// Why not.
    pub fn can_judge(&self) -> Availability {
        self.only(!self.files.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::job::{Failure, HoldReason};

    fn job(phase: Phase, task: bool) -> Job {
        let draft = TaskId::new("task-unified-1-a").unwrap();
        let mut job = Job::new(
            JobId::from_bits(1),
            crate::job::JobKind::Enhance { source: draft, image: crate::job::ImageNumber::ALL[0] },
            1,
            Timestamp::UNIX_EPOCH,
        );
        job.task = task.then(|| TaskId::new("task-unified-2-b").unwrap());
        job.phase = phase;
        job
    }

    fn failed(class: ErrorClass, code: &str, task: bool) -> Job {
        job(Phase::Failed(Failure::new(class, code, "")), task)
    }

    #[test]
    fn what_ended_by_trouble_can_be_fetched_and_watched_again_and_what_ended_by_evidence_cannot() {
        for (class, code, fits) in [
            (ErrorClass::Link, "link_expired", true),
            (ErrorClass::Local, "disk_full", true),
            (ErrorClass::NotFound, "task_not_found", true),
            (ErrorClass::Final, "no_links", true),
            (ErrorClass::Content, "content_policy_violation", false),
            (ErrorClass::Passing, "service_error", false),
        ] {
            let job = failed(class, code, true);
            assert_eq!((job.can_fetch().is_ok(), job.can_watch().is_ok()), (fits, fits), "{code}");
            let mut after = job.clone();
            let applied = after.apply(crate::job::Update::FetchAgain, Timestamp::UNIX_EPOCH);
            assert_eq!(applied.changed(), fits, "{code}");
            assert_eq!(after.state(), if fits { State::Running } else { State::Failed }, "{code}: no links are known");
            assert!(failed(class, code, false).can_fetch().is_err(), "{code} without a task");
        }
        let mut linked = failed(ErrorClass::Link, "link_expired", true);
        linked.links = vec!["https://files.example/a.png".to_owned()];
        linked.apply(crate::job::Update::Watch, Timestamp::UNIX_EPOCH);
        assert_eq!(linked.state(), State::ToFetch);
    }

    #[test]
    fn what_may_have_been_paid_is_run_again_only_when_it_was_meant() {
        let given_up = job(Phase::Cancelled(CancelledBy::YouUnsure), false);
        assert_eq!(given_up.can_run_again(false), Err(Unavailable::MayHaveBeenPaid));
        assert_eq!(given_up.can_run_again(true), Ok(()));
        assert_eq!(job(Phase::Cancelled(CancelledBy::You), false).can_run_again(false), Ok(()));
        assert_eq!(failed(ErrorClass::BadSource, "invalid_parameters", false).can_run_again(true), Err(Unavailable::SourceGone));
        assert_eq!(job(Phase::Saved, true).can_run_again(false), Err(Unavailable::State(State::Saved)));
        assert_eq!(job(Phase::Held(HoldReason::You), false).can_run_again(true), Err(Unavailable::State(State::Held)));
    }

    #[test]
    fn a_refused_prompt_can_be_paid_for_again_and_a_source_that_is_gone_cannot() {
        let draft = |class, task| {
            let kind = crate::job::JobKind::Draft { prompt: crate::job::Prompt::new("boat").unwrap(), template: None };
            Job { kind, ..failed(class, "x", task) }.can_run_again(true)
        };
        for class in [ErrorClass::BadSource, ErrorClass::NotFound] {
            assert_eq!([draft(class, false), draft(class, true)], [Ok(()), Ok(())], "{class:?}");
            assert_eq!(failed(class, "x", false).can_run_again(true), Err(Unavailable::SourceGone), "{class:?}");
        }
        assert_eq!(failed(ErrorClass::NotFound, "x", true).can_run_again(true), Ok(()), "a task that was not found is no source");
        assert_eq!(failed(ErrorClass::BadSource, "x", true).can_run_again(true), Err(Unavailable::SourceGone));
        assert_eq!(failed(ErrorClass::Content, "x", true).can_run_again(false), Err(Unavailable::RefusedByModeration));
        assert_eq!(failed(ErrorClass::Content, "x", true).can_run_again(true), Ok(()));
    }

    #[test]
    fn what_has_no_task_cannot_be_watched() {
        assert_eq!(job(Phase::Unwatched, false).can_watch(), Err(Unavailable::NoTask));
        assert_eq!(job(Phase::Unwatched, true).can_watch(), Ok(()));
    }

    #[test]
    fn only_what_was_cancelled_before_it_was_sent_comes_back() {
        let mut cancelled = job(Phase::Held(HoldReason::You), false);
        cancelled.apply(crate::job::Update::Cancel, Timestamp::UNIX_EPOCH);
        assert_eq!(cancelled.can_uncancel(), Ok(()));
        cancelled.apply(crate::job::Update::Uncancel, Timestamp::UNIX_EPOCH);
        assert_eq!((cancelled.phase, cancelled.finished_at), (Phase::Held(HoldReason::You), None));
        let mut given_up = job(Phase::Cancelled(CancelledBy::YouUnsure), false);
        assert!(!given_up.apply(crate::job::Update::Uncancel, Timestamp::UNIX_EPOCH).changed());
    }
}
