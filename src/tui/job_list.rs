//! The jobs as the screen knows them: by id, in the order shown, with sums that are kept up to date job by job.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::job::query::{Query, Searcher};
use crate::job::{Charge, Credits, ImageNumber, Job, JobId, Progress, Spec, State, TaskId};

/// Which states are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum View {
    #[default]
    All,
    Waiting,
    Running,
    ToFetch,
    Saved,
    Failed,
    Unsure,
}

impl View {
    pub(crate) const ALL: [Self; 7] =
        [Self::All, Self::Waiting, Self::Running, Self::ToFetch, Self::Saved, Self::Failed, Self::Unsure];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::ToFetch => "to fetch",
            Self::Saved => "saved",
            Self::Failed => "failed",
            Self::Unsure => "unsure",
        }
    }

    pub(crate) const fn short(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Waiting => "wait",
            Self::Running => "run",
            Self::ToFetch => "fetch",
            Self::Saved => "saved",
            Self::Failed => "fail",
            Self::Unsure => "unsure",
        }
    }

    pub(crate) const fn states(self) -> &'static [State] {
        match self {
            Self::All => &State::ALL,
            Self::Waiting => &[State::Held, State::Waiting],
            Self::Running => &[State::Sending, State::Running],
            Self::ToFetch => &[State::ToFetch, State::Fetching],
            Self::Saved => &[State::Saved],
            Self::Failed => &[State::Failed],
            Self::Unsure => &[State::Unsure],
        }
    }
}

/// By what rows are ordered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Sort {
    /// What needs a person or may be lost first.
    #[default]
    Urgency,
    Queue,
    State,
    Added,
    Sent,
    Progress,
    Cost,
    Tag,
    Draft,
}

impl Sort {
    pub(crate) const ALL: [(Self, char, &'static str, &'static str); 9] = [
        (Self::Urgency, 'u', "urgency", "least time left first"),
        (Self::Queue, 'l', "line", "place in line"),
        (Self::State, 's', "state", "the order of a job's life"),
        (Self::Added, 'a', "added", "oldest first"),
        (Self::Sent, 'e', "sent", "sent first, first"),
        (Self::Progress, 'p', "progress", "farthest last"),
        (Self::Cost, 'c', "cost", "cheapest first"),
        (Self::Tag, 't', "tag", "by the alphabet"),
        (Self::Draft, 'd', "draft", "pictures of a draft together"),
    ];

    pub(crate) fn word(self) -> &'static str {
        Self::ALL.iter().find(|(sort, ..)| *sort == self).map_or("", |(_, _, word, _)| word)
    }
}

/// What is shown, and in which order.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct ViewFilter {
    pub view: View,
    pub query: Query,
    pub sort: Sort,
    pub reverse: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub job: Arc<Job>,
    /// Newer than the job's own, where the service spoke since.
    live: Option<Progress>,
}

impl Entry {
    pub(crate) fn progress(&self) -> Option<&Progress> {
        self.job.progress().map(|own| self.live.as_ref().unwrap_or(own))
    }
}

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

#[derive(Debug, Default)]
pub(crate) struct JobList {
    entries: HashMap<JobId, Entry>,
    order: Vec<JobId>,
    view_filter: ViewFilter,
    counts: [usize; State::ALL.len()],
    live: HashMap<(TaskId, ImageNumber), u32>,
    tags: BTreeMap<String, Totals>,
    total: Totals,
    /// Finished jobs by hour since 1970.
    hours: BTreeMap<i64, i64>,
    /// How many runs took so many seconds.
    runs: BTreeMap<i64, i64>,
    expiring: BTreeSet<(Timestamp, JobId)>,
    loaded: bool,
    ordered_at: usize,
    built_at: Timestamp,
    searcher: Searcher,
}

/// Above this many changes at once, the order is merged anew instead of being mended job by job.
const FEW: usize = 16;

impl JobList {
    pub(crate) fn job(&self, id: JobId) -> Option<&Arc<Job>> {
        self.entries.get(&id).map(|entry| &entry.job)
    }

    pub(crate) fn entry(&self, id: JobId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    /// The shown rows.
    pub(crate) fn order(&self) -> &[JobId] {
        &self.order
    }

    pub(crate) fn view_filter(&self) -> &ViewFilter {
        &self.view_filter
    }

    pub(crate) fn count(&self, state: State) -> usize {
        self.counts[state as usize]
    }

    pub(crate) fn count_of(&self, view: View) -> usize {
        view.states().iter().map(|state| self.count(*state)).sum()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded
    }

    pub(crate) fn tags(&self) -> &BTreeMap<String, Totals> {
        &self.tags
    }

    pub(crate) fn total(&self) -> &Totals {
        &self.total
    }

    pub(crate) fn finished_in_hour(&self, hour: i64) -> i64 {
        self.hours.get(&hour).copied().unwrap_or(0)
    }

    /// Seconds that this share (in percent) of the runs took at most.
    pub(crate) fn percentile(&self, percent: i64) -> Option<i64> {
        let all: i64 = self.runs.values().sum();
        let mut left = (all * percent + 99) / 100;
        self.runs.iter().find_map(|(seconds, count)| {
            left -= count;
            (left <= 0).then_some(*seconds)
        })
    }

    pub(crate) fn expiring(&self) -> &BTreeSet<(Timestamp, JobId)> {
        &self.expiring
    }

    /// Whether the picture has a job that a second command would double.
    pub(crate) fn has_duplicate(&self, spec: &Spec) -> bool {
        self.live.contains_key(&(spec.source.clone(), spec.image))
    }

    /// The live jobs for a picture besides this one.
    pub(crate) fn is_on_its_way_elsewhere(&self, job: &Job) -> bool {
        let own = u32::from(job.blocks_duplicate());
        self.live.get(&(job.source.clone(), job.image)).is_some_and(|count| *count > own)
    }

    /// The row of a job; its place in the order is found by halving.
    pub(crate) fn row(&self, id: JobId) -> Option<usize> {
        let entry = self.entries.get(&id)?;
        let guess = self.order.partition_point(|other| {
            self.entries.get(other).is_some_and(|other| compare(&self.view_filter, other, entry) == Ordering::Less)
        });
        (self.order.get(guess) == Some(&id)).then_some(guess)
    }

    /// Takes new and changed jobs in.
    pub(crate) fn put(&mut self, jobs: Vec<Arc<Job>>, now: Timestamp) {
        let few = jobs.len() <= FEW;
        let mut touched = HashSet::new();
        for job in jobs {
            let id = job.id;
            if few {
                self.take_row(id);
            }
            let live = self.forget(id).and_then(|old| old.live).filter(|live| {
                // What the job itself says is newer, unless it is not.
                job.progress().is_some_and(|own| own.at < live.at)
            });
            self.count_in(&job, 1);
            self.entries.insert(id, Entry { job, live });
            if few {
                self.give_row(id, now);
            } else {
                touched.insert(id);
            }
        }
        if !few {
            // While the store is being told, sorting for every batch would be quadratic.
            if self.loaded || self.entries.len() > self.ordered_at * 2 {
                self.merge(&touched, now);
            }
        }
    }

    pub(crate) fn remove(&mut self, ids: &[JobId]) {
        let gone: HashSet<_> = ids.iter().copied().collect();
        self.order.retain(|id| !gone.contains(id));
        for id in ids {
            self.forget(*id);
        }
    }

    pub(crate) fn hear(&mut self, news: Vec<(JobId, Progress)>, now: Timestamp) {
        let moves = self.view_filter.sort == Sort::Progress;
        for (id, progress) in news {
            if moves {
                self.take_row(id);
            }
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.live = Some(progress);
            }
            if moves {
                self.give_row(id, now);
            }
        }
    }

    pub(crate) fn loaded(&mut self, now: Timestamp) {
        self.loaded = true;
        self.rebuild(now);
    }

    pub(crate) fn set_view_filter(&mut self, view_filter: ViewFilter, now: Timestamp) {
        if self.view_filter != view_filter {
            self.view_filter = view_filter;
            self.rebuild(now);
        }
    }

    /// Filters that ask for a time are asked again twice a minute.
    pub(crate) fn refresh(&mut self, now: Timestamp) {
        if self.view_filter.query.depends_on_time() && now.duration_since(self.built_at).as_secs() >= 30 {
            self.rebuild(now);
        }
    }

    /// The ids that fit a query, whatever is shown.
    pub(crate) fn matching(&mut self, query: &Query, now: Timestamp) -> Vec<JobId> {
        let Self { entries, searcher, .. } = self;
        let fits = |entry: &&Entry| !entry.job.removed && query.matches(&entry.job, entry.progress(), now, searcher);
        let mut ids: Vec<_> = entries.values().filter(fits).map(|entry| entry.job.id).collect();
        ids.sort_unstable();
        ids
    }

    fn rebuild(&mut self, now: Timestamp) {
        self.order.clear();
        let all: HashSet<JobId> = self.entries.keys().copied().collect();
        self.merge(&all, now);
        self.built_at = now;
    }

    /// Puts the touched jobs into the order where they belong now.
    fn merge(&mut self, touched: &HashSet<JobId>, now: Timestamp) {
        self.ordered_at = self.entries.len();
        let Self { entries, view_filter, searcher, order, .. } = self;
        let mut new: Vec<&Entry> =
            touched.iter().filter_map(|id| entries.get(id)).filter(|entry| fits(view_filter, entry, now, searcher)).collect();
        new.sort_unstable_by(|a, b| compare(view_filter, a, b));
        let old: Vec<&Entry> = order.iter().filter(|id| !touched.contains(id)).filter_map(|id| entries.get(id)).collect();
        let mut out = Vec::with_capacity(old.len() + new.len());
        let (mut old, mut new) = (old.into_iter().peekable(), new.into_iter().peekable());
        while let (Some(a), Some(b)) = (old.peek(), new.peek()) {
            let next = if compare(view_filter, a, b) == Ordering::Greater { new.next() } else { old.next() };
            out.extend(next.map(|entry| entry.job.id));
        }
        out.extend(old.chain(new).map(|entry| entry.job.id));
        *order = out;
    }

    fn take_row(&mut self, id: JobId) {
        if let Some(row) = self.row(id) {
            self.order.remove(row);
        }
    }

    fn give_row(&mut self, id: JobId, now: Timestamp) {
        let Self { entries, view_filter, searcher, order, .. } = self;
        let Some(entry) = entries.get(&id) else { return };
        if fits(view_filter, entry, now, searcher) {
            let row = order.partition_point(|other| {
                entries.get(other).is_some_and(|other| compare(view_filter, other, entry) == Ordering::Less)
            });
            order.insert(row, id);
        }
    }

    fn forget(&mut self, id: JobId) -> Option<Entry> {
        let old = self.entries.remove(&id)?;
        self.count_in(&old.job, -1);
        Some(old)
    }

    /// Adds a job to every sum, or takes it out.
    fn count_in(&mut self, job: &Job, sign: i64) {
        let state = job.state();
        if !job.removed {
            let count = &mut self.counts[state as usize];
            *count = if sign > 0 { *count + 1 } else { count.saturating_sub(1) };
        }
        if job.blocks_duplicate() {
            let key = (job.source.clone(), job.image);
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

fn fits(view_filter: &ViewFilter, entry: &Entry, now: Timestamp, searcher: &mut Searcher) -> bool {
    !entry.job.removed
        && (view_filter.view == View::All || view_filter.view.states().contains(&entry.job.state()))
        && view_filter.query.matches(&entry.job, entry.progress(), now, searcher)
}

fn compare(view_filter: &ViewFilter, a: &Entry, b: &Entry) -> Ordering {
    let text = match view_filter.sort {
        Sort::Tag => a.job.tag.is_none().cmp(&b.job.tag.is_none()).then_with(|| a.job.tag.cmp(&b.job.tag)),
        Sort::Draft => a.job.source.cmp(&b.job.source).then(a.job.image.cmp(&b.job.image)),
        _ => Ordering::Equal,
    };
    let order = text.then_with(|| key(view_filter.sort, a).cmp(&key(view_filter.sort, b)));
    let order = if view_filter.reverse { order.reverse() } else { order };
    order.then(a.job.id.cmp(&b.job.id))
}

fn key(sort: Sort, entry: &Entry) -> (i64, i64) {
    let job = &entry.job;
    let second = |at: Option<Timestamp>| at.map_or(i64::MAX, Timestamp::as_second);
    let state = job.state();
    match sort {
        Sort::Urgency | Sort::Tag | Sort::Draft => match state {
            State::Unsure => (0, second(Some(job.created_at))),
            State::ToFetch | State::Fetching => (1, second(job.link_expires_at)),
            State::Sending => (2, second(job.send.as_ref().map(|send| send.first_at))),
            State::Running => (2, second(job.sent_at)),
            State::Waiting => (3, job.place),
            State::Held => (4, job.place),
            State::Failed => (5, second(job.finished_at).saturating_neg()),
            State::Unwatched => (6, second(job.sent_at)),
            State::Saved => (7, second(job.saved_at).saturating_neg()),
            State::Cancelled => (8, second(job.finished_at).saturating_neg()),
        },
        Sort::Queue => (i64::from(!matches!(state, State::Waiting | State::Held)), job.place),
        Sort::State => (state as i64, job.place),
        Sort::Added => (second(Some(job.created_at)), job.place),
        Sort::Sent => (second(job.sent_at), job.place),
        Sort::Progress => {
            let percent = entry.progress().and_then(|progress| progress.percent).map_or(-1, |percent| i64::from(percent.get()));
            (i64::from(!state.is_in_flight()), percent)
        }
        Sort::Cost => (job.spent().uc(), job.place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::testing::{at, jobs_in_every_state, many_jobs};
    use proptest::prelude::*;

    fn in_order(jobs: &JobList) {
        let entries: Vec<&Entry> = jobs.order.iter().map(|id| &jobs.entries[id]).collect();
        assert!(entries.windows(2).all(|pair| compare(&jobs.view_filter, pair[0], pair[1]) == Ordering::Less));
    }

    #[test]
    fn sums_come_back_to_nothing_when_all_jobs_are_gone() {
        let mut list = JobList::default();
        let jobs = jobs_in_every_state();
        let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
        list.put(jobs, at(0));
        assert_eq!(list.count_of(View::All), ids.len());
        list.remove(&ids);
        assert_eq!(list.counts, [0; 11]);
        assert_eq!(list.total, Totals::default());
        assert!(list.tags.is_empty() && list.hours.is_empty() && list.runs.is_empty() && list.live.is_empty());
    }

    proptest! {
        #[test]
        fn the_order_stays_right_whatever_comes(steps in proptest::collection::vec((0_usize..60, 0_usize..11, 1_usize..40), 1..25), sort in 0_usize..9) {
            let pool = many_jobs(60);
            let phases = jobs_in_every_state();
            let mut list = JobList::default();
            list.loaded(at(0));
            list.set_view_filter(ViewFilter { sort: Sort::ALL[sort].0, ..ViewFilter::default() }, at(0));
            for (from, phase, count) in steps {
                let changed = pool.iter().cycle().skip(from).take(count).map(|job| {
                    let mut job = (**job).clone();
                    job.phase = phases[phase].phase.clone();
                    job.sent_at = phases[phase].sent_at;
                    Arc::new(job)
                });
                list.put(changed.collect(), at(0));
                in_order(&list);
                for (row, id) in list.order.iter().enumerate() {
                    prop_assert_eq!(list.row(*id), Some(row));
                }
                prop_assert_eq!(list.order.len(), list.entries.len());
            }
        }
    }
}
