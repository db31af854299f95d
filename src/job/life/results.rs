//! What becomes of a task that was made: its progress, its end, its files.

use jiff::{SignedDuration, Timestamp};

use super::super::charge::Charge;
use super::super::failure::{ErrorClass, Failure};
use super::super::phase::{CancelledBy, FetchTrouble, Phase, Progress};
use super::super::report::{TaskReport, TaskStatus};
use super::super::text;
use super::{Applied, Job, LINK_LIFE_HOURS, SavedFile, changed};

/// How long after the first answer without links a completed task is read again before it counts as one without any
/// (`docs/money-rules.md`, rule 11).
const LINKS_MAY_COME: SignedDuration = SignedDuration::from_mins(3);

impl Job {
    pub(super) fn report(&mut self, report: TaskReport, now: Timestamp) -> Applied {
        if self.task.as_ref() != Some(&report.id) {
            return Applied::Ignored("the answer is about another task");
        }
        match &self.phase {
            Phase::Running(before) => {
                if self.links_are_awaited(&report, now) {
                    return self.await_links(&report, now);
                }
                if report.status.is_final() {
                    return self.finish(report, now);
                }
                let heard = Progress { percent: report.percent, seconds_left: report.seconds_left, at: Some(now) };
                if before.percent == heard.percent && before.seconds_left == heard.seconds_left && before.at.is_some() {
                    return Applied::Ignored("no news");
                }
                if self.estimate.is_none() {
                    self.estimate = report.seconds_left;
                }
                self.phase = Phase::Running(heard);
                changed(String::new())
            }
            Phase::ToFetch(_) | Phase::Fetching(_) if report.status == TaskStatus::Completed && !report.links.is_empty() => {
                if self.links == report.links {
                    return Applied::Ignored("no news");
                }
                self.links = report.links;
                changed("fresh links")
            }
            // Nobody watches it any more, but what it cost is known now, and counts.
            Phase::Unwatched if report.status.is_final() => {
                let (charge, amount) = report.charge();
                if charge == Charge::NotKnown || (self.charge, self.charged) == (Some(charge), amount.or(self.charged)) {
                    return Applied::Ignored("nobody waits for this answer");
                }
                (self.charge, self.charged) = (Some(charge), amount.or(self.charged));
                changed(String::new())
            }
            _ => Applied::Ignored("nobody waits for this answer"),
        }
    }

    /// Whether a completed task may still show its links: they can come a moment after its status, and what stands there but
    /// cannot be read is not nothing. A task whose own words say why it has none is over at once.
    fn links_are_awaited(&self, report: &TaskReport, now: Timestamp) -> bool {
        if report.status != TaskStatus::Completed || !report.links.is_empty() {
            return false;
        }
        if report.failure.as_ref().is_some_and(|failure| failure.class == ErrorClass::Content) {
            return false;
        }
        // What cannot be read may be a picture: as long as its link may live.
        let wait = if report.links_unread { SignedDuration::from_hours(LINK_LIFE_HOURS) } else { LINKS_MAY_COME };
        self.finished_at.is_none_or(|first| now.duration_since(first) < wait)
    }

    /// A task that completed without a link is read again; the first time is written down, so that no restart begins anew.
    fn await_links(&mut self, report: &TaskReport, now: Timestamp) -> Applied {
        let (charge, amount) = report.charge();
        // Without evidence it stays reserved.
        let charge = if charge == Charge::NotKnown { self.charge } else { Some(charge) };
        let known = (charge, amount.or(self.charged));
        // A clock that was turned back would make it wait for as long as it was turned.
        let turned_back = self.finished_at.is_some_and(|first| now < first);
        if self.finished_at.is_some() && !turned_back && (self.charge, self.charged) == known {
            return Applied::Ignored("its links are not there yet");
        }
        (self.charge, self.charged) = known;
        let first = self.finished_at.is_none();
        self.finished_at = Some(self.finished_at.map_or(now, |at| at.min(now)));
        match (first, report.links_unread) {
            (true, false) => changed("completed; its links are not there yet"),
            (true, true) => changed("completed; its links cannot be read yet"),
            (false, _) => changed(String::new()),
        }
    }

    pub(super) fn finish(&mut self, report: TaskReport, now: Timestamp) -> Applied {
        let (charge, amount) = report.charge();
        self.charge = Some(charge);
        self.charged = amount.or(self.charged);
        self.reserved = report.reserved.or(self.reserved);
        self.finished_at = Some(now);
        if report.request_id.is_some() {
            self.request_id.clone_from(&report.request_id);
        }
        match report.status {
            TaskStatus::Completed if report.links.is_empty() => {
                let removed = if report.links_unread {
                    "what stands in place of its links could not be read until they expired"
                } else {
                    "all its pictures may have been removed by moderation, which keeps the charge"
                };
                let why = report.failure.filter(|failure| failure.class == ErrorClass::Content);
                self.phase = Phase::Failed(why.unwrap_or_else(|| Failure::new(ErrorClass::Final, "no_links", removed)));
                changed("completed without a picture")
            }
            TaskStatus::Completed => {
                self.links = report.links;
                // The link's life begins with the end of the task and not with our hearing of it, which may be a day
                // later. Where the service does not say when that was, it was not before we last heard that it ran.
                let heard = self.progress().and_then(|progress| progress.at).or(self.sent_at).unwrap_or(now);
                let began = report.ended.unwrap_or(heard).max(self.sent_at.unwrap_or(heard)).min(now);
                self.link_expires_at = began.checked_add(SignedDuration::from_hours(LINK_LIFE_HOURS)).ok();
                self.phase = Phase::ToFetch(FetchTrouble::default());
                changed("completed")
            }
            TaskStatus::Cancelled => {
                self.phase = Phase::Cancelled(CancelledBy::Service);
                changed("cancelled by the service")
            }
            TaskStatus::Failed | TaskStatus::Pending | TaskStatus::Processing | TaskStatus::Other(_) => {
                let mut failure = report.failure.unwrap_or_else(|| Failure::of_task("unknown_error", ""));
                if failure.request_id.is_none() {
                    failure.request_id = report.request_id;
                }
                let note = format!("failed: {}", failure.code);
                self.phase = if failure.code == "request_cancelled" {
                    Phase::Cancelled(CancelledBy::Service)
                } else {
                    Phase::Failed(failure)
                };
                changed(note)
            }
        }
    }

    pub(super) fn vanish(&mut self, now: Timestamp) -> Applied {
        if !matches!(self.phase, Phase::Running(_)) {
            return Applied::Ignored("nobody waits for this answer");
        }
        self.charge = Some(Charge::NotKnown);
        self.finished_at = Some(now);
        self.phase = Phase::Failed(Failure::new(
            ErrorClass::NotFound,
            "task_not_found",
            "the service no longer knows this task, so its end and its charge cannot be told",
        ));
        changed("the service no longer knows the task")
    }

    /// Goes on with a task that was left or called lost: with its links where there are some, else by asking about it.
    pub(super) fn take_up_again(&mut self) {
        if self.links.is_empty() {
            self.finished_at = None;
            if self.charge == Some(Charge::NotKnown) {
                self.charge = Some(Charge::Reserved);
            }
            self.phase = Phase::Running(Progress::default());
        } else {
            self.phase = Phase::ToFetch(FetchTrouble::default());
        }
    }

    pub(super) fn start_fetch(&mut self) -> Applied {
        match &mut self.phase {
            Phase::ToFetch(trouble) => {
                self.phase = Phase::Fetching(std::mem::take(trouble));
                changed(String::new())
            }
            _ => Applied::Ignored("there is nothing to fetch"),
        }
    }

    pub(super) fn trouble_fetch(&mut self, why: &str) -> Applied {
        match &mut self.phase {
            Phase::Fetching(trouble) | Phase::ToFetch(trouble) => {
                let why = text::clean(why).into_owned();
                let note = format!("download: {why}");
                self.phase = Phase::ToFetch(FetchTrouble { attempts: trouble.attempts.saturating_add(1), last: Some(why) });
                changed(note)
            }
            _ => Applied::Ignored("nothing was being fetched"),
        }
    }

    pub(super) fn fail_fetch(&mut self, failure: Failure) -> Applied {
        match &self.phase {
            Phase::Fetching(_) | Phase::ToFetch(_) => {
                let note = format!("download given up: {}", failure.code);
                self.phase = Phase::Failed(failure);
                changed(note)
            }
            _ => Applied::Ignored("nothing was being fetched"),
        }
    }

    pub(super) fn save(&mut self, files: Vec<SavedFile>, now: Timestamp) -> Applied {
        match &self.phase {
            Phase::Fetching(_) | Phase::ToFetch(_) => {
                let note = format!("saved {}", text::count(files.len(), "file"));
                self.files = files;
                self.saved_at = Some(now);
                self.phase = Phase::Saved;
                changed(note)
            }
            _ => Applied::Ignored("nothing was being fetched"),
        }
    }

    pub(super) fn fetch_again(&mut self) -> Applied {
        match &self.phase {
            Phase::Failed(failure) if failure.is_passing_loss() && self.task.is_some() => {
                self.removed = false;
                self.take_up_again();
                changed("to be fetched again")
            }
            Phase::ToFetch(trouble) if trouble.attempts > 0 => {
                self.phase = Phase::ToFetch(FetchTrouble::default());
                changed(String::new())
            }
            _ => Applied::Ignored("there is nothing to fetch again"),
        }
    }
}
