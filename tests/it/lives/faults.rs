//! The everyday faults of a life, drawn from its seed.

/// How likely each fault is, from 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub submit_lost_before: f64,
    pub submit_lost_after: f64,
    pub submit_5xx: f64,
    pub submit_unknown: f64,
    pub submit_429: f64,
    pub submit_no_capacity: f64,
    pub submit_402: f64,
    pub submit_rejected: f64,
    pub submit_401: f64,
    pub submit_late: f64,
    pub submit_nonsense: f64,
    pub submit_wrong_id: f64,
    pub read_fails: f64,
    pub read_429: f64,
    pub read_missing: f64,
    pub read_nonsense: f64,
    pub list_fails: f64,
    pub fetch_passes: f64,
    pub fetch_expired: f64,
    pub fetch_refused: f64,
    pub fetch_local: f64,
    pub task_fails: f64,
    pub task_cancelled: f64,
    pub task_without_links: f64,
    pub task_vanishes: f64,
    pub task_stuck: f64,
    pub task_odd: f64,
    pub task_missing: f64,
    pub links_late: f64,
    pub other_charge: f64,
    pub draft_gone: f64,
    pub price_moves: f64,
}

impl Faults {
    /// Each fault with one chance in two, up to a share that leaves room for others.
    pub fn drawn(rng: &mut fastrand::Rng, hardness: super::hardness::Hardness) -> Self {
        let mut p = |most: f64| if rng.bool() { rng.f64() * most } else { 0.0 };
        let faults = Self {
            submit_lost_before: p(0.3),
            submit_lost_after: p(0.3),
            submit_5xx: p(0.2),
            submit_unknown: p(0.1),
            submit_429: p(0.15),
            submit_no_capacity: p(0.1),
            submit_402: p(0.03),
            submit_rejected: p(0.05),
            submit_401: p(0.02),
            submit_late: p(0.2),
            submit_nonsense: p(0.1),
            read_fails: p(0.3),
            read_429: p(0.05),
            read_missing: p(0.1),
            read_nonsense: p(0.05),
            list_fails: p(0.3),
            fetch_passes: p(0.4),
            fetch_expired: p(0.1),
            fetch_refused: p(0.05),
            fetch_local: p(0.1),
            task_fails: p(0.2),
            task_cancelled: p(0.1),
            task_without_links: p(0.1),
            task_vanishes: p(0.03),
            task_stuck: p(0.05),
            task_odd: p(0.1),
            draft_gone: p(0.1),
            price_moves: p(0.02),
            ..Self::default()
        };
        // What the service's own word says now and then would be taken for what the pages say.
        let read_missing = if hardness.web_pages { 0.0 } else { faults.read_missing };
        let on = |hard: bool, share: f64| if hard { share } else { 0.0 };
        Self {
            submit_wrong_id: on(hardness.wrong_ids, 0.15),
            task_missing: on(hardness.early_misses, 0.2),
            links_late: on(hardness.slow_links, 0.4),
            other_charge: on(hardness.other_charges, 0.15),
            read_missing,
            task_without_links: on(hardness.without_links, faults.task_without_links),
            ..faults
        }
    }
}
