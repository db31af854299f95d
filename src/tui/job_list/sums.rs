//! Sums over all jobs, kept up to date job by job.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use crate::job::{Charge, Credits, Job, JobId, JobKind, Model, State};

/// Sums over the jobs of a tag (or of all).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Totals {
    pub jobs: i64,
    pub saved: i64,
    pub failed: i64,
    pub open: i64,
    /// Taken, by the service's evidence.
    pub charged: Credits,
    /// What counts as spent (reserved or taken).
    pub spent: Credits,
    /// Sums over the jobs that have both an estimate and an end, in seconds.
    pub estimated: i64,
    pub real: i64,
}

/// What is known of all jobs together. Adding a job and taking it out again leaves nothing behind.
#[derive(PartialEq, Eq, Debug, Default)]
pub(super) struct Sums {
    counts: [usize; State::ALL.len()],
    /// Waiting jobs by model.
    waiting: [usize; Model::ALL.len()],
    live: HashMap<JobKind, u32>,
    tags: BTreeMap<String, Totals>,
    total: Totals,
    /// Finished jobs by hour since 1970.
    hours: BTreeMap<i64, i64>,
    /// How many runs took so many seconds.
    runs: BTreeMap<i64, i64>,
    expiring: BTreeSet<(Timestamp, JobId)>,
}

impl Sums {
    pub(super) fn count(&self, state: State) -> usize {
        self.counts[state as usize]
    }

    pub(super) fn waiting(&self, model: Model) -> usize {
        self.waiting[model as usize]
    }

    pub(super) fn tags(&self) -> &BTreeMap<String, Totals> {
        &self.tags
    }

    pub(super) fn total(&self) -> &Totals {
        &self.total
    }

    pub(super) fn finished_in_hour(&self, hour: i64) -> i64 {
        self.hours.get(&hour).copied().unwrap_or(0)
    }

    pub(super) fn percentile(&self, percent: i64) -> Option<i64> {
        let all: i64 = self.runs.values().sum();
        let mut left = (all * percent + 99) / 100;
        self.runs.iter().find_map(|(seconds, count)| {
            left -= count;
            (left <= 0).then_some(*seconds)
        })
    }

    pub(super) fn expiring(&self) -> &BTreeSet<(Timestamp, JobId)> {
        &self.expiring
    }

    /// How many jobs a second command for this picture or prompt would double.
    pub(super) fn live_jobs(&self, kind: &JobKind) -> u32 {
        self.live.get(&kind.bare()).copied().unwrap_or(0)
    }

    /// Adds a job to every sum, or takes it out.
    pub(super) fn count_in(&mut self, job: &Job, sign: i64) {
        let state = job.state();
        if !job.removed {
            let count = &mut self.counts[state as usize];
            *count = if sign > 0 { *count + 1 } else { count.saturating_sub(1) };
            if state == State::Waiting {
                let count = &mut self.waiting[job.kind.model() as usize];
                *count = if sign > 0 { *count + 1 } else { count.saturating_sub(1) };
            }
        }
        if job.blocks_duplicate() {
            let key = job.kind.bare();
            let count = self.live.entry(key.clone()).or_default();
            *count = if sign > 0 { *count + 1 } else { count.saturating_sub(1) };
            if *count == 0 {
                self.live.remove(&key);
            }
        }
        let run = match (job.sent_at, job.finished_at) {
            (Some(sent), Some(end)) if state != State::Cancelled => Some(end.duration_since(sent).as_secs().max(0)),
            _ => None,
        };
        let tag = job.tag.as_ref().map_or_else(String::new, |tag| tag.as_str().to_owned());
        for totals in [&mut self.total, self.tags.entry(tag.clone()).or_default()] {
            totals.jobs += sign;
            totals.saved += if state == State::Saved { sign } else { 0 };
            totals.failed += if state == State::Failed { sign } else { 0 };
            totals.open += if state.is_final() { 0 } else { sign };
            totals.spent += Credits::from_uc(job.spent().uc() * sign);
            if job.charge == Some(Charge::Charged) {
                totals.charged += Credits::from_uc(job.charged.unwrap_or_default().uc() * sign);
            }
            if let (Some(estimate), Some(run)) = (job.estimate, run) {
                totals.estimated += i64::from(estimate) * sign;
                totals.real += run * sign;
            }
        }
        if self.tags.get(&tag).is_some_and(|totals| totals.jobs == 0) {
            self.tags.remove(&tag);
        }
        let bump = |map: &mut BTreeMap<i64, i64>, key: i64| {
            let count = map.entry(key).or_default();
            *count += sign;
            if *count <= 0 {
                map.remove(&key);
            }
        };
        if let Some(end) = job.finished_at.filter(|_| matches!(state, State::Saved | State::ToFetch | State::Fetching)) {
            bump(&mut self.hours, end.as_second().div_euclid(3_600));
        }
        if let Some(run) = run.filter(|_| state == State::Saved) {
            bump(&mut self.runs, run);
        }
        if let Some(end) = job.link_expires_at.filter(|_| matches!(state, State::ToFetch | State::Fetching)) {
            if sign > 0 {
                self.expiring.insert((end, job.id));
            } else {
                self.expiring.remove(&(end, job.id));
            }
        }
    }
}
