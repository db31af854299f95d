//! The one free look at a draft before its first picture is paid for.

use std::collections::HashMap;

use crate::job::drafts;
use crate::job::{HoldReason, ImageNumber, Prices, SourceFault, TaskId, TaskReport, TaskStatus};

/// What is known of a draft.
#[derive(Clone, Debug)]
enum Known {
    /// A look is under way.
    Asked,
    /// A look failed on the way and is tried again.
    Troubled,
    /// The service's answer, and what things cost then.
    Seen(Box<TaskReport>, Prices),
    /// The service has no such task.
    Missing,
}

/// What a look says about sending one picture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum CheckResult {
    /// Send it.
    Fine,
    /// Hold it, and why.
    Hold(HoldReason),
    /// The answer is awaited.
    Asked,
    /// The answer is awaited, and the last try failed on the way: others may go first.
    Troubled,
    /// Nobody has looked.
    Unknown,
}

/// The drafts that were looked at in this run of the program.
#[derive(Clone, Debug, Default)]
pub(super) struct DraftChecks {
    known: HashMap<TaskId, Known>,
}

impl DraftChecks {
    pub(super) fn asked(&mut self, id: &TaskId) {
        self.known.insert(id.clone(), Known::Asked);
    }

    pub(super) fn seen(&mut self, mut report: TaskReport, prices: Prices) {
        // Only how many links there are counts, and a run of the program may look at thousands of drafts.
        report.raw = None;
        report.links.iter_mut().for_each(|link| *link = String::new());
        self.known.insert(report.id.clone(), Known::Seen(Box::new(report), prices));
    }

    /// A look failed on the way; it is under way again.
    pub(super) fn troubled(&mut self, id: &TaskId) {
        if let Some(known @ Known::Asked) = self.known.get_mut(id) {
            *known = Known::Troubled;
        }
    }

    pub(super) fn missing(&mut self, id: &TaskId) {
        self.known.insert(id.clone(), Known::Missing);
    }

    /// A look failed on the way, or the draft may have changed: look again next time.
    pub(super) fn forget(&mut self, id: &TaskId) {
        self.known.remove(id);
    }

    /// Looks again next time at a draft that was found unfit.
    pub(super) fn forget_if_unfit(&mut self, id: &TaskId, image: ImageNumber) {
        if matches!(self.result(id, image), CheckResult::Hold(_)) {
            self.forget(id);
        }
    }

    pub(super) fn result(&self, id: &TaskId, image: ImageNumber) -> CheckResult {
        match self.known.get(id) {
            None => CheckResult::Unknown,
            Some(Known::Asked) => CheckResult::Asked,
            Some(Known::Troubled) => CheckResult::Troubled,
            Some(Known::Missing) => hold(SourceFault::Missing),
            Some(Known::Seen(report, prices)) => judge(report, image, prices),
        }
    }
}

fn hold(found: SourceFault) -> CheckResult {
    CheckResult::Hold(HoldReason::Source { found })
}

fn judge(report: &TaskReport, image: ImageNumber, prices: &Prices) -> CheckResult {
    match &report.status {
        TaskStatus::Completed => {}
        TaskStatus::Pending | TaskStatus::Processing => return hold(SourceFault::Unfinished),
        TaskStatus::Failed => return hold(SourceFault::Failed),
        TaskStatus::Cancelled => return hold(SourceFault::Cancelled),
        TaskStatus::Other(status) => return hold(SourceFault::UnknownStatus { status: status.clone() }),
    }
    if let Some(model) = report.model.as_deref()
        && model != "mj-v7"
    {
        return hold(SourceFault::OtherModel { model: crate::job::text::clean(model).into_owned() });
    }
    let shown = report.links.len();
    if shown == 0 {
        return hold(SourceFault::NoPictures);
    }
    if let Some(price) = report.used
        && drafts::Known::by_price(Some(price), prices) == drafts::Known::No
    {
        return hold(SourceFault::OtherPrice { price });
    }
    if usize::from(image.get()) >= shown {
        return hold(SourceFault::NotAmong { shown, image });
    }
    if shown < ImageNumber::ALL.len() {
        // How pictures are numbered after moderation is not known (docs/service.md §10): a person must look.
        return hold(SourceFault::Incomplete { shown, image });
    }
    CheckResult::Fine
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(status: TaskStatus, pictures: usize, model: Option<&str>) -> TaskReport {
        let mut report = TaskReport::new(TaskId::new("task-unified-1-d").unwrap(), status);
        report.links = (0..pictures).map(|n| format!("https://x/{n}.png")).collect();
        report.model = model.map(str::to_owned);
        report
    }

    #[test]
    fn only_a_finished_draft_with_that_picture_is_fine() {
        let [zero, _, _, three] = ImageNumber::ALL;
        let judge = |report: &TaskReport, image| super::judge(report, image, &Prices::PUBLISHED);
        let fine = |report: &TaskReport, image| judge(report, image) == CheckResult::Fine;
        let priced = |price| TaskReport { used: Some(price), ..draft(TaskStatus::Completed, 4, Some("mj-v7")) };
        assert!(fine(&priced(Prices::PUBLISHED.draft), three));
        assert!(fine(&draft(TaskStatus::Completed, 4, Some("mj-v7")), three));
        assert!(fine(&draft(TaskStatus::Completed, 4, None), zero), "a missing model name proves nothing");
        for (report, part) in [
            (draft(TaskStatus::Processing, 0, None), "not finished"),
            (draft(TaskStatus::Failed, 0, None), "failed"),
            (draft(TaskStatus::Cancelled, 0, None), "cancelled"),
            (draft(TaskStatus::Other("odd".into()), 4, None), "odd"),
            (draft(TaskStatus::Completed, 0, None), "without pictures"),
            (priced(Prices::PUBLISHED.draft.times(2)), "its price says it was no draft (5.4 credits)"),
            (draft(TaskStatus::Completed, 3, None), "not among them"),
            (draft(TaskStatus::Completed, 4, Some("mj-v7-enhance")), "only mj-v7 drafts"),
        ] {
            match judge(&report, three) {
                CheckResult::Hold(why) => assert!(why.to_string().contains(part), "{why}"),
                other => panic!("{other:?}"),
            }
        }
        assert!(
            matches!(judge(&draft(TaskStatus::Completed, 3, None), zero), CheckResult::Hold(_)),
            "moderated drafts need a person"
        );
    }
}
