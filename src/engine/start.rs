//! Taking up the work: at a start, and in place of an engine that ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::base::Base;
use super::{Consent, PauseReason};
use crate::commands::make_request;
use crate::job::{Credits, Job, JobId, Model, Phase, PriceLines, State, Update};
use crate::store::{BudgetId, StoreError};

/// Takes up the engine's work over these jobs; returns those that changed. `fresh`: this process has just started, so
/// earlier approvals need a new one; a follower that takes over from an engine that ended is no restart. `budget`: what a
/// run with a limit may spend; it confirms what was approved before.
pub(super) fn become_engine(
    base: &mut Base,
    fresh: bool,
    budget: Option<BudgetId>,
    jobs: &[Arc<Job>],
) -> Result<Vec<Job>, StoreError> {
    let now = base.now();
    let interrupted: Vec<(JobId, Update)> =
        jobs.iter().filter(|job| was_interrupted(job)).map(|job| (job.id, Update::EngineStarted)).collect();
    let results = base.store.apply(interrupted, now.wall)?;
    let mut changed: Vec<Job> = results.into_iter().filter(|(_, applied)| applied.changed()).map(|(job, _)| job).collect();
    if fresh {
        base.account.set_settings(base.store.raise_approval_floor()?);
        // What the service refused earlier may be fixed by now; nothing is sent without a new approval either way.
        if matches!(
            base.account.settings().paused,
            Some(PauseReason::Login { .. } | PauseReason::Balance { .. } | PauseReason::Access { .. })
        ) {
            unpause(base)?;
        }
        if let Some(budget) = budget {
            changed.extend(approve_earlier(base, budget, jobs, now.wall)?);
        }
    }
    base.account.refresh(now);
    Ok(changed)
}

/// `run --yes --max-credits N` confirms what was approved before; each job keeps the price that was agreed for it.
fn approve_earlier(base: &mut Base, budget: BudgetId, jobs: &[Arc<Job>], now: Timestamp) -> Result<Vec<Job>, StoreError> {
    let mut by_price: BTreeMap<(Model, Credits), Vec<JobId>> = BTreeMap::new();
    for job in jobs.iter().filter(|job| job.phase == Phase::Waiting) {
        if let Some(approval) = job.approval {
            by_price.entry((job.kind.model(), approval.price)).or_default().push(job.id);
        }
    }
    let mut approved = Vec::new();
    let Base { store, services, options, .. } = base;
    let mut make = |job: &Job| make_request(&mut services.rng, options.callback_url.as_deref(), job);
    for ((model, price), ids) in by_price {
        let consent = Consent { lines: PriceLines::one(model, ids.len(), price), grace: Duration::ZERO };
        approved.extend(store.approve(&ids, consent, Some(budget), &mut make, now)?.jobs);
    }
    if base.account.is_paused() {
        unpause(base)?;
    }
    Ok(approved)
}

fn unpause(base: &mut Base) -> Result<(), StoreError> {
    let settings = base.store.change_settings(&mut |settings| settings.paused = None)?;
    base.account.set_settings(settings);
    Ok(())
}

/// Whether an engine that ended left it in the middle of something.
pub(super) fn was_interrupted(job: &Job) -> bool {
    matches!(job.state(), State::Sending | State::Fetching | State::Unsure)
}
