//! What the service says of a task, as far as a job's life is concerned.

use jiff::Timestamp;

use super::charge::Charge;
use super::failure::Failure;
use super::id::TaskId;
use super::money::Credits;
use super::phase::Percent;

/// A task's status (docs/service.md §5).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TaskStatus {
    /// Accepted, waiting at the service.
    Pending,
    /// Being worked on.
    Processing,
    /// Finished; results may still be fewer than expected, or none.
    Completed,
    /// Ended with an error.
    Failed,
    /// Ended without a result on the service's side; also where it says `canceled`.
    Cancelled,
    /// A word nobody has described: treated as not final and shown as it is. The text is clean.
    Other(String),
}

impl TaskStatus {
    /// Whether the service will not change it any more.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// `billing.charge_status` (docs/service.md §9.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChargeStatus {
    /// `unknown`, or a word that is not described.
    Unknown,
    /// `reserved`
    Reserved,
    /// `charged`
    Charged,
    /// `released`
    Released,
}

/// `billing.refund_status` (docs/service.md §9.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefundStatus {
    /// `unknown`, or a word that is not described.
    Unknown,
    /// `not_required`
    NotRequired,
    /// `pending`
    Pending,
    /// `failed`
    Failed,
    /// `completed`
    Completed,
}

/// The `billing` object of newer gateways, kept only when its scope is `account_balance` (docs/service.md §9.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Billing {
    /// What became of the charge.
    pub charge_status: ChargeStatus,
    /// What became of a refund.
    pub refund_status: RefundStatus,
    /// Held at submit.
    pub reserved: Option<Credits>,
    /// Taken in the end.
    pub charged: Option<Credits>,
    /// Given back.
    pub refunded: Option<Credits>,
    /// Whether `refunded_at` holds a time.
    pub refunded_at_is_set: bool,
}

impl Billing {
    /// Whether this proves that the money is back: all four signs of docs/service.md §9.4 together.
    #[must_use]
    pub fn proves_refund(&self) -> bool {
        self.refund_status == RefundStatus::Completed
            && self.charge_status == ChargeStatus::Released
            && self.refunded_at_is_set
            && self.refunded.is_some_and(|back| back > Credits::ZERO && Some(back) == self.reserved)
    }
}

/// One answer about one task. All its text is clean.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TaskReport {
    /// The task that was asked for; an answer about another one never becomes a report.
    pub id: TaskId,
    /// Its status.
    pub status: TaskStatus,
    /// `progress`, where it was a number from 0 to 100.
    pub percent: Option<Percent>,
    /// `task_info.estimated_time` in seconds.
    pub seconds_left: Option<u32>,
    /// Result links in order, without doubles, http(s) only (docs/service.md §4.3).
    pub links: Vec<String>,
    /// Something stands where links do, and could not be read as one: unreadable is not empty.
    pub links_unread: bool,
    /// `error` of a failed task.
    pub failure: Option<Failure>,
    /// `usage.credits_reserved`.
    pub reserved: Option<Credits>,
    /// `usage.credits_used`, else `usage.cost.credits`.
    pub used: Option<Credits>,
    /// Something stands where the final charge does, and is no amount that a task can cost: unreadable is not as agreed.
    pub charge_unread: bool,
    /// See [`Billing`].
    pub billing: Option<Billing>,
    /// `model`.
    pub model: Option<String>,
    /// `created`, by the service's clock.
    pub created: Option<Timestamp>,
    /// When the task ended: `created` and `duration` together, by the service's clock.
    pub ended: Option<Timestamp>,
    /// Request id of the answer.
    pub request_id: Option<String>,
    /// The answer as it came, secrets cut out, at most a few KB; for people to read.
    pub raw: Option<String>,
}

impl TaskReport {
    /// A report that says nothing but a status.
    #[must_use]
    pub fn new(id: TaskId, status: TaskStatus) -> Self {
        Self {
            id,
            status,
            percent: None,
            seconds_left: None,
            links: Vec::new(),
            links_unread: false,
            failure: None,
            reserved: None,
            used: None,
            charge_unread: false,
            billing: None,
            model: None,
            created: None,
            ended: None,
            request_id: None,
            raw: None,
        }
    }

    /// What the answer proves about the money, and the amount where one is known (docs/money-rules.md, rule 7). An amount of
    /// nothing says nothing: counted as spent it would make room under the caps.
    #[must_use]
    pub fn charge(&self) -> (Charge, Option<Credits>) {
        let is_some = |amount: &Credits| *amount > Credits::ZERO;
        let used = self.used.filter(is_some);
        if let Some(billing) = &self.billing {
            if billing.proves_refund() {
                return (Charge::Refunded, Some(Credits::ZERO));
            }
            if billing.charge_status == ChargeStatus::Charged {
                return (Charge::Charged, billing.charged.filter(is_some).or(used));
            }
        }
        match self.status {
            TaskStatus::Completed if used.is_some() => (Charge::Charged, used),
            TaskStatus::Completed | TaskStatus::Failed | TaskStatus::Cancelled => (Charge::NotKnown, None),
            TaskStatus::Pending | TaskStatus::Processing | TaskStatus::Other(_) => (Charge::Reserved, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn billing() -> Billing {
        Billing {
            charge_status: ChargeStatus::Released,
            refund_status: RefundStatus::Completed,
            reserved: Some(Credits::PUBLISHED_PRICE),
            charged: None,
            refunded: Some(Credits::PUBLISHED_PRICE),
            refunded_at_is_set: true,
        }
    }

    #[test]
    fn given_back_needs_all_four_signs() {
        assert!(billing().proves_refund());
        for broken in [
            Billing { charge_status: ChargeStatus::Reserved, ..billing() },
            Billing { refund_status: RefundStatus::Pending, ..billing() },
            Billing { refunded_at_is_set: false, ..billing() },
            Billing { refunded: Some(Credits::from_uc(1)), ..billing() },
            Billing { refunded: Some(Credits::ZERO), reserved: Some(Credits::ZERO), ..billing() },
        ] {
            assert!(!broken.proves_refund(), "{broken:?}");
        }
    }

    #[test]
    fn a_failed_task_is_not_called_free() {
        let id = TaskId::new("task-unified-1-a").unwrap();
        let mut report = TaskReport::new(id.clone(), TaskStatus::Failed);
        assert_eq!(report.charge(), (Charge::NotKnown, None));
        report.used = Some(Credits::ZERO);
        assert_eq!(report.charge().0, Charge::NotKnown, "an amount of nothing is no evidence of a refund");
        report.billing = Some(billing());
        assert_eq!(report.charge(), (Charge::Refunded, Some(Credits::ZERO)));

        let mut done = TaskReport::new(id, TaskStatus::Completed);
        assert_eq!(done.charge(), (Charge::NotKnown, None));
        done.used = Some(Credits::PUBLISHED_PRICE);
        assert_eq!(done.charge(), (Charge::Charged, Some(Credits::PUBLISHED_PRICE)));
        done.used = Some(Credits::ZERO);
        assert_eq!(done.charge(), (Charge::NotKnown, None), "nothing used is not known");
        done.billing = Some(Billing { charge_status: ChargeStatus::Charged, charged: Some(Credits::ZERO), ..billing() });
        assert_eq!(done.charge(), (Charge::Charged, None), "charged, and how much is not known");
    }
}
