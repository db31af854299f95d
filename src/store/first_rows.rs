//! The first rows of a screen, found without reading what comes after them.

use jiff::Timestamp;
use rusqlite::Connection;

use super::Store;
use super::error::{DbError, StoreError};
use super::reading::OVER;
use super::rows::{self, job_id};
use crate::job::query::Searcher;
use crate::job::{FirstRows, Job, Sort, State};

/// Rows that are looked at where a filter leaves most of them out. What fits and comes later follows with all others.
const LOOKED_AT_MOST: usize = 2_000;

/// One column or expression of an order, and whether the largest comes first.
type By = (&'static str, bool);

/// The groups of the usual order, one after the other: which states, as SQL, and how their rows stand among themselves. Each has
/// an index, so that a hundred thousand rows of one kind cost no more than ten.
const BY_URGENCY: [(&[State], &[By]); 8] = [
    (&[State::Unsure], &[("created_at", false)]),
    (&[State::ToFetch, State::Fetching], &[("link_expires_at IS NULL", false), ("link_expires_at", false)]),
    (&[State::Sending, State::Running], &[("coalesce(sent_at, send_first_at)", false)]),
    (&[State::Waiting], &[("place", false)]),
    (&[State::Held], &[("place", false)]),
    (&[State::Failed], &[("finished_at", true)]),
    (&[State::Unwatched], &[("sent_at", false)]),
    (&[State::Saved], &[("saved_at", true)]),
];
/// and the last of them.
const CANCELLED: (&[State], &[By]) = (&[State::Cancelled], &[("finished_at", true)]);

/// What is spent on a job, as far as columns tell it.
const SPENT: &str = "CASE charge WHEN 'charged' THEN coalesce(charged, reserved, send_agreed, approval_price, 0) \
     WHEN 'reserved' THEN coalesce(reserved, send_agreed, approval_price, 0) \
     WHEN 'not known' THEN coalesce(reserved, send_agreed, approval_price, 0) ELSE 0 END";

impl Store {
    /// The first rows of such a screen, in its order and at most so many. `now` is what ages in the filter count from.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn first_rows(&self, wanted: &FirstRows, most: usize, now: Timestamp) -> Result<Vec<Job>, StoreError> {
        self.see(|_| {
            let db = self.db.unchecked_transaction()?;
            let mut search =
                Search { db: &db, wanted, most, now, left: LOOKED_AT_MOST, searcher: Searcher::default(), found: Vec::new() };
            if wanted.order == Sort::Urgency {
                let mut groups: Vec<_> = BY_URGENCY.into_iter().chain([CANCELLED]).collect();
                if wanted.reverse {
                    groups.reverse();
                }
                for (states, order) in groups {
                    search.look(states, order)?;
                }
            } else {
                search.look(&State::ALL, &order(wanted.order))?;
            }
            Ok(search.found)
        })
    }
}

fn order(by: Sort) -> Vec<By> {
    let mut order: Vec<By> = match by {
        Sort::Urgency => Vec::new(),
        Sort::Queue => vec![("state NOT IN ('waiting', 'held')", false)],
        Sort::State => vec![(LIFE, false)],
        Sort::Added => vec![("created_at", false)],
        Sort::Sent => vec![("sent_at IS NULL", false), ("sent_at", false)],
        Sort::Progress => vec![("state NOT IN ('sending', 'running')", false), ("coalesce(percent, -1)", false)],
        Sort::Cost => vec![(SPENT, false)],
        Sort::Tag => vec![("tag IS NULL", false), ("tag", false), (LIFE, false)],
        Sort::Draft => vec![("source IS NULL", false), ("source", false), ("image", false), ("prompt", false)],
    };
    order.push(("place", false));
    order
}

/// Where a state stands in the order of [`State`].
const LIFE: &str = "CASE state WHEN 'held' THEN 0 WHEN 'waiting' THEN 1 WHEN 'sending' THEN 2 WHEN 'unsure' THEN 3 \
     WHEN 'running' THEN 4 WHEN 'to-fetch' THEN 5 WHEN 'fetching' THEN 6 WHEN 'saved' THEN 7 WHEN 'failed' THEN 8 \
     WHEN 'cancelled' THEN 9 ELSE 10 END";

struct Search<'a> {
    db: &'a Connection,
    wanted: &'a FirstRows,
    most: usize,
    now: Timestamp,
    /// So many rows may still be looked at.
    left: usize,
    searcher: Searcher,
    found: Vec<Job>,
}

impl Search<'_> {
    /// Takes what fits of these states, in this order. First only ids are read, which an index holds or a sort carries cheaply.
    fn look(&mut self, states: &[State], order: &[By]) -> Result<(), DbError> {
        let is_wanted = |state: &&State| self.wanted.states.is_empty() || self.wanted.states.contains(state);
        let words: Vec<String> = states.iter().filter(is_wanted).map(|state| format!("'{}'", state.word())).collect();
        if words.is_empty() || self.is_full() {
            return Ok(());
        }
        // Word for word as the indexes of those that are over and of those that are not have it.
        let part = match words.as_slice() {
            [one] => format!("state = {one}"),
            many => format!("state IN ({})", many.join(", ")),
        };
        let is_open = !states.iter().any(|state| OVER.contains(&format!("'{}'", state.word())));
        let open = if is_open { format!(" AND NOT ({OVER})") } else { String::new() };
        let by: Vec<String> = order
            .iter()
            .map(|(what, largest)| format!("{what}{}", if *largest == self.wanted.reverse { "" } else { " DESC" }))
            .collect();
        let sql = format!("SELECT id FROM jobs WHERE {part}{open} ORDER BY {}, id LIMIT {}", by.join(", "), self.left);
        let mut statement = self.db.prepare(&sql)?;
        let mut ids = statement.query([])?;
        while let Some(row) = ids.next()? {
            let Some(job) = rows::one(self.db, job_id(row.get(0)?)?)? else { continue };
            self.left -= 1;
            if !job.removed && self.wanted.query.matches(&job, job.progress(), self.now, &mut self.searcher) {
                self.found.push(job);
            }
            if self.is_full() {
                break;
            }
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.found.len() >= self.most || self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::at;
    use super::*;
    use crate::job::query::Query;
    use crate::job::{CancelledBy, ErrorClass, Failure, FetchTrouble, HoldReason, JobId, JobKind, Phase, Progress, Tag, TaskId};

    /// A store with `saved` results, of which the newest has the largest number, and after them some jobs of every other kind.
    fn store(saved: u64) -> Store {
        let job = |n: u64, phase: Phase| {
            let source = TaskId::new(&format!("task-unified-1790000000-d{n:07}")).unwrap();
            let kind = JobKind::Enhance { source, image: 0.try_into().unwrap() };
            let place = i64::try_from(n).unwrap();
            let mut job = Job::new(JobId::from_bits(n), kind, place, at(place));
            let later = at(1_000_000 + place);
            job.phase = phase;
            job.tag = Tag::new(if n.is_multiple_of(2) { "even" } else { "odd" }).ok();
            (job.sent_at, job.finished_at, job.saved_at, job.link_expires_at) =
                (Some(later), Some(later), Some(later), Some(later));
            job
        };
        let mut jobs: Vec<Job> = (1..=saved).map(|n| job(n, Phase::Saved)).collect();
        let failure = Failure::new(ErrorClass::Content, "x", "");
        let others = [
            Phase::Cancelled(CancelledBy::You),
            Phase::Unwatched,
            Phase::Failed(failure),
            Phase::Held(HoldReason::You),
            Phase::Running(Progress::default()),
            Phase::ToFetch(FetchTrouble::default()),
        ];
        for (n, phase) in (saved + 1..).zip(others.into_iter().flat_map(|phase| [phase.clone(), phase])) {
            jobs.push(job(n, phase));
        }
        let mut store = Store::in_memory().unwrap();
        store.import(&jobs, Timestamp::MAX).unwrap();
        store
    }

    fn numbers(store: &Store, wanted: &FirstRows, most: usize) -> Vec<u64> {
        store.first_rows(wanted, most, at(2_000_000)).unwrap().iter().map(|job| job.id.bits()).collect()
    }

    #[test]
    fn a_screen_of_any_states_gets_its_own_rows_first() {
        let store = store(5_000);
        // To fetch, running, held, failed (the latest first), unwatched, then the newest results.
        let usual = [5_011, 5_012, 5_009, 5_010, 5_007, 5_008, 5_006, 5_005, 5_003, 5_004, 5_000, 4_999, 4_998];
        assert_eq!(numbers(&store, &FirstRows::default(), 13), usual);
        let of = |states: &[State], reverse| FirstRows { states: states.to_vec(), reverse, ..FirstRows::default() };
        assert_eq!(numbers(&store, &of(&[State::Saved], false), 3), [5_000, 4_999, 4_998]);
        assert_eq!(numbers(&store, &of(&[State::Saved], true), 3), [1, 2, 3]);
        assert_eq!(numbers(&store, &of(&[State::Failed], false), 9), [5_006, 5_005]);
        assert_eq!(numbers(&store, &of(&[State::Sending, State::Running], false), 9), [5_009, 5_010]);
        assert_eq!(numbers(&store, &of(&[], true), 4), [5_001, 5_002, 1, 2], "turned round, what is over comes first");
    }

    #[test]
    fn every_order_and_a_filter_have_their_rows_first() {
        let store = store(1_000);
        let by = |order| FirstRows { order, ..FirstRows::default() };
        let turned = |order| FirstRows { order, reverse: true, ..FirstRows::default() };
        assert_eq!(numbers(&store, &by(Sort::Added), 2), [1, 2]);
        assert_eq!(numbers(&store, &turned(Sort::Added), 2), [1_012, 1_011]);
        assert_eq!(numbers(&store, &turned(Sort::Sent), 2), [1_012, 1_011]);
        assert_eq!(numbers(&store, &by(Sort::Queue), 3), [1_007, 1_008, 1]);
        assert_eq!(numbers(&store, &by(Sort::State), 5), [1_007, 1_008, 1_009, 1_010, 1_011]);
        assert_eq!(numbers(&store, &by(Sort::Progress), 3), [1_009, 1_010, 1]);
        assert_eq!(numbers(&store, &by(Sort::Tag), 2), [1_008, 1_010], "of the first tag, by their states");
        for order in [Sort::Cost, Sort::Draft] {
            assert_eq!(numbers(&store, &by(order), 50).len(), 50, "{order:?}");
        }
        let query = |text: &str| FirstRows { query: Query::read(text).0, ..FirstRows::default() };
        assert_eq!(numbers(&store, &query("state:failed,cancelled"), 9), [1_006, 1_005, 1_002, 1_001]);
        assert_eq!(numbers(&store, &query("tag:odd state:saved"), 2), [999, 997]);
        assert_eq!(numbers(&store, &query("nothing-is-called-so"), 9), [0; 0]);
    }

    #[test]
    fn no_more_rows_are_looked_at_than_a_screen_is_worth() {
        let store = store(5_000);
        let none = FirstRows { query: Query::read("nothing-is-called-so").0, ..FirstRows::default() };
        let mut search = Search {
            db: &store.db,
            wanted: &none,
            most: 200,
            now: at(0),
            left: LOOKED_AT_MOST,
            searcher: Searcher::default(),
            found: Vec::new(),
        };
        search.look(&[State::Saved], &[("saved_at", true)]).unwrap();
        assert_eq!((search.left, search.found.len()), (0, 0));
        // Where every row fits, no row is read that is not shown.
        let all = FirstRows::default();
        let mut search = Search { wanted: &all, most: 30, left: LOOKED_AT_MOST, found: Vec::new(), ..search };
        search.look(&[State::Saved], &[("saved_at", true)]).unwrap();
        assert_eq!((LOOKED_AT_MOST - search.left, search.found.len()), (30, 30));
        // And nothing is sorted to find them: each group of the usual order has its index.
        for (states, order) in BY_URGENCY.into_iter().chain([CANCELLED]).filter(|(states, _)| OVER.contains(states[0].word())) {
            let by = if order[0].1 { " DESC" } else { "" };
            let sql = format!(
                "EXPLAIN QUERY PLAN SELECT id FROM jobs WHERE state = '{}' ORDER BY {}{by}, id",
                states[0].word(),
                order[0].0
            );
            let plan: Vec<String> =
                store.db.prepare(&sql).unwrap().query_map([], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
            assert!(plan.len() == 1 && plan[0].contains("USING COVERING INDEX jobs_"), "{plan:?}");
        }
    }
}
