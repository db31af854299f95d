//! The jobs as the screen knows them: by id, in the order shown, with sums, selection and marks.

mod cursor;
mod lineage;
mod marks;
mod order;
mod sums;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

pub(crate) use cursor::Cursor;
pub(crate) use marks::Marks;
pub(crate) use order::{Sort, View, ViewFilter};
pub(crate) use sums::Totals;

use super::reasons;
use crate::job::query::{Query, Searcher};
use crate::job::{Job, JobId, JobKind, Model, Progress, Prompt, Spec, State, TaskId};
use lineage::Lineage;
use order::{compare, fits};
use sums::Sums;

/// The columns of the table that can be hidden, by name.
pub(crate) const COLUMN_NAMES: [&str; 7] = ["job", "tag", "progress", "elapsed", "left", "credits", "link"];

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

/// The jobs, and what of them is shown, marked and selected.
#[derive(Debug)]
pub(crate) struct JobList {
    entries: HashMap<JobId, Entry>,
    order: Vec<JobId>,
    view_filter: ViewFilter,
    sums: Sums,
    lineage: Lineage,
    cursor: Cursor,
    /// The selected job is about to leave its row by an act of the user, out of this state: the cursor stays behind.
    leaving: Option<(JobId, State)>,
    marks: Marks,
    /// The text of the filter as it was typed.
    filter: String,
    hidden: BTreeSet<&'static str>,
    loaded: bool,
    ordered_at: usize,
    built_at: Timestamp,
    searcher: Searcher,
}

impl Default for JobList {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            order: Vec::new(),
            view_filter: ViewFilter::default(),
            sums: Sums::default(),
            lineage: Lineage::default(),
            cursor: Cursor::default(),
            leaving: None,
            marks: Marks::default(),
            filter: String::new(),
            hidden: BTreeSet::new(),
            loaded: false,
            ordered_at: 0,
            built_at: Timestamp::default(),
            searcher: Searcher::with(|job| reasons::reason(job).into_iter().collect()),
        }
    }
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
        self.sums.count(state)
    }

    /// How many jobs of a model wait to be sent.
    pub(crate) fn waiting(&self, model: Model) -> usize {
        self.sums.waiting(model)
    }

    pub(crate) fn count_of(&self, view: View) -> usize {
        view.states().iter().map(|state| self.count(*state)).sum()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The job that made this task, if it is one of ours.
    pub(crate) fn made(&self, task: &TaskId) -> Option<&Job> {
        self.lineage.makers(task).filter_map(|id| self.job(id)).map(Arc::as_ref).find(|job| job.task.as_ref() == Some(task))
    }

    /// What is or was enhanced from this draft, in the order of the queue.
    pub(crate) fn enhanced_from(&self, task: &TaskId) -> Vec<&Job> {
        let children = self.lineage.children(task).filter_map(|id| listed(&self.entries, id));
        let mut jobs: Vec<&Job> = children.filter(|job| job.kind.is_of(task)).collect();
        jobs.sort_unstable_by_key(|job| (job.place, job.id));
        jobs
    }

    pub(crate) fn selected(&self) -> Option<JobId> {
        self.cursor.selected()
    }

    pub(crate) fn selected_job(&self) -> Option<&Arc<Job>> {
        self.selected().and_then(|id| self.job(id))
    }

    /// The row of the selection.
    pub(crate) fn cursor_row(&self) -> usize {
        self.cursor.row()
    }

    /// The first row shown.
    pub(crate) fn offset(&self) -> usize {
        self.cursor.offset()
    }

    pub(crate) fn select(&mut self, id: JobId) {
        self.cursor.select(id);
    }

    pub(crate) fn select_row(&mut self, row: usize) {
        self.leaving = None;
        self.cursor.go_to(row, &self.order);
    }

    /// Selects the first row.
    pub(crate) fn select_first(&mut self) {
        self.cursor.reset(&self.order);
    }

    /// The selected job will leave its row by an act of the user: the cursor keeps its place when it does.
    pub(crate) fn stay_behind(&mut self) {
        self.leaving = self.selected_job().map(|job| (job.id, job.state()));
    }

    /// Whether the selected job has left its row by an act of the user.
    fn has_left(&self) -> bool {
        let changed = |(id, state): (JobId, State)| self.job(id).is_none_or(|job| job.state() != state);
        self.leaving.is_some_and(|leaving| self.selected() == Some(leaving.0) && changed(leaving))
    }

    /// Brings selection and scroll in line with what is shown now; `rows` have room. A selected job that is `looked_at`
    /// on a screen of its own stays selected wherever it goes.
    pub(crate) fn settle(&mut self, rows: usize, looked_at: bool) {
        self.cursor.hold(looked_at);
        let found = self.selected().and_then(|id| self.row(id)).filter(|_| !self.has_left());
        if self.has_left() {
            self.leaving = None;
        }
        self.cursor.settle(&self.order, found, rows);
    }

    /// The jobs whose rows are on the screen, where so many have room.
    pub(crate) fn visible(&self, rows: usize) -> impl Iterator<Item = &Job> {
        self.order.iter().skip(self.offset()).take(rows).filter_map(|id| self.job(*id)).map(Arc::as_ref)
    }

    pub(crate) fn marks(&self) -> &Marks {
        &self.marks
    }

    /// The marked jobs that are on the list, in no order.
    pub(crate) fn marked(&self) -> impl Iterator<Item = &Job> {
        self.marks.ids().iter().filter_map(|id| listed(&self.entries, *id))
    }

    /// Marks exactly these jobs, of those that are on the list.
    pub(crate) fn set_marks(&mut self, ids: HashSet<JobId>) {
        let Self { marks, entries, .. } = self;
        marks.set(ids, |id| listed(entries, id));
    }

    /// Marks a job, or takes its mark away; whether it is marked now.
    pub(crate) fn toggle_mark(&mut self, id: JobId) -> bool {
        let Self { marks, entries, .. } = self;
        if marks.remove(id, |id| listed(entries, id)) {
            return false;
        }
        marks.insert(id, |id| listed(entries, id));
        true
    }

    /// Begins a range, or drops it.
    pub(crate) fn set_anchor(&mut self, anchor: Option<JobId>) {
        self.marks.set_anchor(anchor);
    }

    /// What an act is for: the marked jobs in the order of the queue, or the selected one.
    pub(crate) fn targets(&self) -> Vec<JobId> {
        if self.marks.is_empty() {
            return self.selected().into_iter().collect();
        }
        let listed = |id: &JobId| listed(&self.entries, *id).is_some();
        let mut ids: Vec<JobId> = self.marks.ids().iter().copied().filter(listed).collect();
        ids.sort_unstable_by_key(|id| self.job(*id).map(|job| (job.place, *id)));
        ids
    }

    /// How many marked jobs filter and view do not show.
    pub(crate) fn marks_not_shown(&self) -> usize {
        if self.marks.is_empty() {
            return 0;
        }
        let shown = self.order.iter().filter(|id| self.marks.contains(**id)).count();
        self.marks.len().saturating_sub(shown)
    }

    /// How many of these jobs filter and view do not show.
    pub(crate) fn not_shown(&self, jobs: &[JobId]) -> usize {
        let shown: HashSet<JobId> = self.order.iter().copied().collect();
        jobs.iter().filter(|id| !shown.contains(id)).count()
    }

    /// The text of the filter.
    pub(crate) fn filter(&self) -> &str {
        &self.filter
    }

    /// Filters by what can be read of a text; the text before comes back.
    pub(crate) fn set_filter(&mut self, text: String, now: Timestamp) -> String {
        let (query, _) = Query::read(&text);
        self.set_view_filter(ViewFilter { query, ..self.view_filter.clone() }, now);
        std::mem::replace(&mut self.filter, text)
    }

    pub(crate) fn hidden(&self) -> &BTreeSet<&'static str> {
        &self.hidden
    }

    pub(crate) fn set_hidden(&mut self, names: BTreeSet<&'static str>) {
        self.hidden = names;
    }

    /// Hides a column, or shows it again.
    pub(crate) fn toggle_column(&mut self, name: &'static str) {
        if !self.hidden.remove(name) {
            self.hidden.insert(name);
        }
    }

    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded
    }

    pub(crate) fn tags(&self) -> &BTreeMap<String, Totals> {
        self.sums.tags()
    }

    pub(crate) fn total(&self) -> &Totals {
        self.sums.total()
    }

    pub(crate) fn finished_in_hour(&self, hour: i64) -> i64 {
        self.sums.finished_in_hour(hour)
    }

    /// Seconds that this share (in percent) of the runs took at most.
    pub(crate) fn percentile(&self, percent: i64) -> Option<i64> {
        self.sums.percentile(percent)
    }

    pub(crate) fn expiring(&self) -> &BTreeSet<(Timestamp, JobId)> {
        self.sums.expiring()
    }

    /// Finds the drafts of the list by their short form. The list is gone through once, at the first question.
    pub(crate) fn drafts(&self) -> impl FnMut(&str) -> Vec<TaskId> {
        let mut by_short: Option<HashMap<&str, BTreeSet<&TaskId>>> = None;
        move |short| {
            let by_short = by_short.get_or_insert_with(|| {
                let mut all: HashMap<&str, BTreeSet<&TaskId>> = HashMap::new();
                for (source, _) in self.entries.values().filter_map(|entry| entry.job.kind.source()) {
                    all.entry(source.short()).or_default().insert(source);
                }
                all
            });
            by_short.get(short).into_iter().flatten().map(|id| (*id).clone()).collect()
        }
    }

    /// Whether the picture has a job that a second command would double.
    pub(crate) fn has_duplicate(&self, spec: &Spec) -> bool {
        self.sums.live_jobs(&spec.kind()) > 0
    }

    /// Whether a draft of the prompt is not over.
    pub(crate) fn has_draft_under_way(&self, prompt: &Prompt) -> bool {
        self.sums.live_jobs(&JobKind::Draft { prompt: prompt.clone(), template: None }) > 0
    }

    /// The live jobs for a picture besides this one.
    pub(crate) fn is_on_its_way_elsewhere(&self, job: &Job) -> bool {
        let own = u32::from(job.blocks_duplicate());
        self.sums.live_jobs(&job.kind) > own
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
            self.sums.count_in(&job, 1);
            self.lineage.insert(&job);
            self.entries.insert(id, Entry { job, live });
            if few {
                self.give_row(id, now);
            } else {
                touched.insert(id);
            }
        }
        self.refresh_marks();
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
        self.refresh_marks();
    }

    fn refresh_marks(&mut self) {
        if !self.marks.is_empty() {
            let Self { marks, entries, .. } = self;
            marks.refresh(|id| listed(entries, id));
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
        self.sums.count_in(&old.job, -1);
        self.lineage.remove(&old.job);
        Some(old)
    }
}

/// A job that was not taken off the list.
fn listed(entries: &HashMap<JobId, Entry>, id: JobId) -> Option<&Job> {
    entries.get(&id).map(|entry| entry.job.as_ref()).filter(|job| !job.removed)
}

#[cfg(test)]
mod tests {
    use super::order::compare;
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
        assert_eq!((list.sums, list.lineage), (Sums::default(), Lineage::default()));
    }

    #[test]
    fn what_made_a_task_and_what_was_made_from_it_is_found_as_if_all_jobs_were_looked_at() {
        let mut list = JobList::default();
        let jobs: Vec<Arc<Job>> = many_jobs(60).into_iter().chain(jobs_in_every_state()).collect();
        list.put(jobs.clone(), at(0));
        list.remove(&jobs.iter().step_by(7).map(|job| job.id).collect::<Vec<_>>());
        // Once more with another state: what was known of them before must not stay.
        let changed = jobs.iter().skip(3).step_by(5).map(|job| Arc::new(Job { task: None, removed: true, ..Job::clone(job) }));
        list.put(changed.collect(), at(0));
        for task in jobs.iter().flat_map(|job| job.task.iter().chain(job.kind.source().map(|(source, _)| source))) {
            let all = || list.all().map(|entry| entry.job.as_ref());
            assert_eq!(list.made(task).is_some(), all().any(|job| job.task.as_ref() == Some(task)), "{task:?}");
            assert!(list.made(task).is_none_or(|job| job.task.as_ref() == Some(task)));
            let mut children: Vec<JobId> = all().filter(|job| job.kind.is_of(task) && !job.removed).map(|job| job.id).collect();
            let mut found: Vec<JobId> = list.enhanced_from(task).iter().map(|job| job.id).collect();
            children.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, children, "{task:?}");
        }
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
