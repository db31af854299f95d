//! Which expiring links the user was told of: at four hours, and once more at one.

use std::collections::{BTreeSet, HashMap};

use jiff::{Timestamp, ToSpan as _};

use crate::job::JobId;

/// Hours before the end at which a link is named.
const STEPS: [i64; 2] = [4, 1];

#[derive(Debug, Default)]
pub(crate) struct LinkWarnings {
    /// How many of the steps each job's link was named at.
    told: HashMap<JobId, usize>,
}

impl LinkWarnings {
    /// How many links are to be named now, and within how many hours the first of them expires.
    pub(crate) fn due(&mut self, expiring: &BTreeSet<(Timestamp, JobId)>, now: Timestamp) -> Option<(usize, i64)> {
        let mut new = Vec::new();
        for (end, id) in expiring {
            let left = end.duration_since(now).as_secs();
            let step = STEPS.iter().filter(|hours| left <= **hours * 3_600).count();
            if step == 0 {
                break;
            }
            if left > 0 && self.told.get(id).is_none_or(|told| *told < step) {
                new.push((*id, step));
            }
        }
        let step = new.iter().map(|(_, step)| *step).max()?;
        let count = new.len();
        self.told.extend(new);
        Some((count, STEPS[step - 1]))
    }

    /// The next moment at which a link is to be named.
    pub(crate) fn next(&self, expiring: &BTreeSet<(Timestamp, JobId)>, now: Timestamp) -> Option<Timestamp> {
        let told = |id| self.told.get(id).copied().unwrap_or(0);
        let (end, id) = expiring.iter().find(|(_, id)| told(id) < STEPS.len())?;
        end.checked_sub(STEPS[told(id)].hours()).ok().filter(|at| *at > now)
    }

    /// A job whose picture is here needs no warning.
    pub(crate) fn forget(&mut self, id: JobId) {
        self.told.remove(&id);
    }
}
