//! Results that are not saved yet while their links end: told at four hours and once more at one, by an engine and by a
//! follower alike.

use std::collections::HashMap;

use jiff::Timestamp;

use super::index::JobIndex;
use super::notice::NoticeKind;
use crate::job::JobId;

/// Hours before the end of a link at which an unsaved result is told, the first first.
const STEPS: [u8; 2] = [4, 1];

/// See the module.
#[derive(Debug, Default)]
pub(super) struct LinkAlarms {
    /// How many of the steps each result was told at.
    told: HashMap<JobId, usize>,
}

impl LinkAlarms {
    /// What is to be told now, each result once a step; with the job where it is one.
    pub(super) fn due(&mut self, jobs: &JobIndex, now: Timestamp) -> Option<(Option<JobId>, NoticeKind)> {
        let passed = |end: Timestamp| {
            let left = end.duration_since(now).as_secs();
            STEPS.iter().filter(|hours| left < i64::from(**hours) * 3_600).count()
        };
        let new: Vec<(JobId, usize)> = jobs
            .to_fetch()
            .map(|(end, id)| (id, passed(end)))
            .take_while(|(_, step)| *step > 0)
            .filter(|(id, step)| self.told.get(id).is_none_or(|told| told < step))
            .collect();
        let hours = STEPS[new.iter().map(|(_, step)| *step).max()? - 1];
        self.told.retain(|id, _| jobs.get(*id).is_some());
        self.told.extend(new.iter().copied());
        let job = if let [(id, _)] = new.as_slice() { Some(*id) } else { None };
        Some((job, NoticeKind::LinksEnding { results: new.len(), hours }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::index::tests::{at, index, job};
    use super::*;
    use crate::job::{FetchTrouble, Job, Phase};

    const HOUR: i64 = 3_600;

    fn finished(n: u64, link_ends: i64) -> Arc<Job> {
        let mut job = Job::clone(&job(n, Phase::ToFetch(FetchTrouble::default())));
        job.link_expires_at = Some(at(link_ends));
        Arc::new(job)
    }

    #[test]
    fn links_that_end_are_told_at_four_hours_and_at_one() {
        let jobs = [finished(1, 10 * HOUR), finished(2, 10 * HOUR), job(3, Phase::ToFetch(FetchTrouble::default()))];
        let (mut index, mut alarms) = (index(&jobs), LinkAlarms::default());
        assert_eq!(alarms.due(&index, at(5 * HOUR)), None);
        let four = NoticeKind::LinksEnding { results: 2, hours: 4 };
        assert_eq!(alarms.due(&index, at(6 * HOUR + 1)), Some((None, four)));
        assert_eq!(alarms.due(&index, at(7 * HOUR)), None, "each is told once");
        let mut fetching = Job::clone(&jobs[0]);
        fetching.phase = Phase::Fetching(FetchTrouble::default());
        index.put(&Arc::new(fetching), 0);
        assert_eq!(alarms.due(&index, at(8 * HOUR)), None, "it is on its way");
        index.put(&jobs[0], 0);
        index.put(&job(2, Phase::Saved), 0);
        assert_eq!(alarms.due(&index, at(8 * HOUR)), None, "nor after a try that failed");
        let one = NoticeKind::LinksEnding { results: 1, hours: 1 };
        assert_eq!(alarms.due(&index, at(9 * HOUR + 1)), Some((Some(JobId::from_bits(1)), one)));
    }
}
