//! The drafts as the screen knows them: in the order shown, with selection, marks and what is chosen of each.

mod filter;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _};

use super::job_list::{Cursor, JobList};
use crate::engine::AccountDrafts;
use crate::job::drafts::{self, Draft, DraftRow, Known};
use crate::job::{ImageNumber, Job, Model, Prices, State, TaskId};

/// What is chosen of a draft.
pub(crate) type Chosen = BTreeSet<ImageNumber>;

/// The drafts, and what of them is shown, marked, chosen and selected.
#[derive(Debug, Default)]
pub(crate) struct DraftList {
    /// The newest first, without hidden ones and those whose price says that they are none.
    drafts: Vec<Draft>,
    /// What the engine told of the account's drafts, and what the user said of any.
    told: Arc<AccountDrafts>,
    /// Which of them are shown.
    order: Vec<usize>,
    /// The tasks of those, for the cursor.
    tasks: Vec<TaskId>,
    cursor: Cursor<TaskId>,
    marks: HashSet<TaskId>,
    filter: String,
    chosen: HashMap<TaskId, Chosen>,
    /// What was confirmed last; it comes back with the undo of its send.
    confirmed: Option<(TaskId, Chosen)>,
    /// Drafts with fewer than four pictures from which choosing was confirmed.
    warned: HashSet<TaskId>,
    /// Drafts of ours that are being made.
    being_made: usize,
    /// The engine was told that drafts are shown.
    is_watched: bool,
    /// The draft of another program whose pictures were asked for last.
    looked_at: Option<TaskId>,
    /// The draft under the cursor whose pictures are asked for if the cursor still rests there then.
    resting: Option<(TaskId, Timestamp)>,
    /// What is shown is older than what is known.
    stale: bool,
}

impl DraftList {
    /// What is known has changed.
    pub(crate) fn set_stale(&mut self) {
        self.stale = true;
    }

    /// Whether the drafts have to be put together anew; from now on they count as so.
    pub(crate) fn take_stale(&mut self) -> bool {
        std::mem::take(&mut self.stale)
    }

    /// Puts the drafts together from the jobs as they are now and from what is known of the account.
    pub(crate) fn refresh(&mut self, jobs: &JobList, prices: &Prices) {
        let mut drafts = drafts::merge(jobs.all().map(|entry| entry.job.as_ref()), &self.told.rows, prices);
        let under_way = |job: &&Job| job.kind.prompt().is_some() && matches!(job.state(), State::Sending | State::Running);
        self.being_made = jobs.all().map(|entry| entry.job.as_ref()).filter(under_way).count();
        drafts.retain(|draft| !draft.hidden && draft.known != Known::No);
        let known: HashSet<&TaskId> = drafts.iter().map(|draft| &draft.task).collect();
        self.marks.retain(|task| known.contains(task));
        self.drafts = drafts;
        self.rebuild();
    }

    fn rebuild(&mut self) {
        let words = filter::words(&self.filter);
        let fits = |at: &usize| words.iter().all(|word| word.fits(&self.drafts[*at]));
        self.order = (0..self.drafts.len()).filter(fits).collect();
        self.tasks = self.order.iter().map(|at| self.drafts[*at].task.clone()).collect();
    }

    /// How many drafts of ours are being made.
    pub(crate) fn being_made(&self) -> usize {
        self.being_made
    }

    /// When the account's list was read last.
    pub(crate) fn refreshed_at(&self) -> Option<Timestamp> {
        self.told.listed_at
    }

    /// Takes what the engine told.
    pub(crate) fn take(&mut self, told: &Arc<AccountDrafts>) {
        self.told = Arc::clone(told);
        self.stale = true;
    }

    /// What the engine told of a task.
    pub(crate) fn told(&self, task: &TaskId) -> Option<&DraftRow> {
        self.told.rows.iter().find(|row| row.task == *task)
    }

    /// Whether the engine has to be told that drafts are shown, or no more; from now on it counts as told.
    pub(crate) fn watch(&mut self, shown: bool) -> bool {
        std::mem::replace(&mut self.is_watched, shown) != shown
    }

    /// Whether the pictures of the draft on the sheet have to be asked for; from now on they count as asked for.
    pub(crate) fn look(&mut self) -> Option<TaskId> {
        let draft = self.selected().filter(|draft| can_look(draft))?;
        let task = draft.task.clone();
        if self.looked_at.as_ref() == Some(&task) {
            return None;
        }
        self.resting = None;
        self.looked_at = Some(task.clone());
        Some(task)
    }

    /// Whether the cursor has rested on a draft whose pictures are to be asked for.
    pub(crate) fn rests(&mut self, now: Timestamp, milliseconds: i64) -> bool {
        let to_ask = self.selected().filter(|draft| can_look(draft)).map(|draft| draft.task.clone());
        let Some(task) = to_ask.filter(|task| !self.is_looked_at(task)) else {
            self.resting = None;
            return false;
        };
        match &self.resting {
            Some((resting, until)) if *resting == task => *until <= now,
            _ => {
                self.resting = now.checked_add(milliseconds.milliseconds()).ok().map(|until| (task, until));
                false
            }
        }
    }

    /// The cursor leaves what it rested on.
    pub(crate) fn stop_resting(&mut self) {
        self.resting = None;
    }

    /// When the cursor has rested.
    pub(crate) fn next_tick(&self) -> Option<Timestamp> {
        self.resting.as_ref().map(|(_, until)| *until)
    }

    /// Whether the pictures of a draft were asked for last.
    pub(crate) fn is_looked_at(&self, task: &TaskId) -> bool {
        self.looked_at.as_ref() == Some(task)
    }

    /// All of them, shown or not.
    pub(crate) fn all(&self) -> &[Draft] {
        &self.drafts
    }

    /// How many are shown.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// The shown ones from the first on the screen.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Draft> {
        self.order.iter().skip(self.cursor.offset()).map(|at| &self.drafts[*at])
    }

    pub(crate) fn offset(&self) -> usize {
        self.cursor.offset()
    }

    pub(crate) fn cursor_row(&self) -> usize {
        self.cursor.row()
    }

    pub(crate) fn selected(&self) -> Option<&Draft> {
        let row = self.tasks.iter().position(|task| self.cursor.selected().as_ref() == Some(task))?;
        self.draft_at(row)
    }

    /// The draft of a shown row.
    pub(crate) fn draft_at(&self, row: usize) -> Option<&Draft> {
        self.order.get(row).map(|at| &self.drafts[*at])
    }

    pub(crate) fn draft(&self, task: &TaskId) -> Option<&Draft> {
        self.drafts.iter().find(|draft| draft.task == *task)
    }

    pub(crate) fn select_row(&mut self, row: usize) {
        self.cursor.go_to(row, &self.tasks);
    }

    pub(crate) fn select(&mut self, task: &TaskId) {
        self.cursor.select(task.clone());
    }

    /// Brings selection and scroll in line with what is shown now; so many rows have room. A draft that is
    /// `looked_at` on a screen of its own stays selected wherever it goes.
    pub(crate) fn settle(&mut self, rows: usize, looked_at: bool) {
        self.cursor.hold(looked_at);
        let selected = self.cursor.selected();
        let found = selected.and_then(|selected| self.tasks.iter().position(|task| *task == selected));
        self.cursor.settle(&self.tasks, found, rows);
    }

    pub(crate) fn filter(&self) -> &str {
        &self.filter
    }

    /// Filters by these words; those before come back.
    pub(crate) fn set_filter(&mut self, text: String) -> String {
        let before = std::mem::replace(&mut self.filter, text);
        self.rebuild();
        before
    }

    pub(crate) fn marks(&self) -> &HashSet<TaskId> {
        &self.marks
    }

    /// Marks the selected draft, or takes its mark away.
    pub(crate) fn toggle_mark(&mut self) {
        let Some(task) = self.cursor.selected() else { return };
        if !self.marks.remove(&task) {
            self.marks.insert(task);
        }
    }

    /// Marks all that are shown, or none where they are marked already.
    pub(crate) fn mark_all(&mut self) {
        if self.tasks.iter().all(|task| self.marks.contains(task)) {
            self.marks.clear();
        } else {
            self.marks.extend(self.tasks.iter().cloned());
        }
    }

    /// Marks these and no others.
    pub(crate) fn set_marks(&mut self, marks: HashSet<TaskId>) {
        self.marks = marks;
    }

    pub(crate) fn unmark(&mut self) {
        self.marks.clear();
    }

    /// What an act is for: the marked drafts in the order shown, or the selected one.
    pub(crate) fn targets(&self) -> Vec<&Draft> {
        if self.marks.is_empty() {
            return self.selected().into_iter().collect();
        }
        self.drafts.iter().filter(|draft| self.marks.contains(&draft.task)).collect()
    }

    /// What is chosen of a draft.
    pub(crate) fn chosen(&self, task: &TaskId) -> Chosen {
        self.chosen.get(task).cloned().unwrap_or_default()
    }

    pub(crate) fn choose(&mut self, task: &TaskId, chosen: Chosen) {
        if chosen.is_empty() {
            self.chosen.remove(task);
        } else {
            self.chosen.insert(task.clone(), chosen);
        }
    }

    /// What was chosen of a draft was confirmed.
    pub(crate) fn set_aside(&mut self, task: &TaskId) {
        self.confirmed = self.chosen.remove(task).map(|chosen| (task.clone(), chosen));
    }

    /// The confirmation was taken back.
    pub(crate) fn bring_back(&mut self) {
        if let Some((task, chosen)) = self.confirmed.take() {
            self.chosen.entry(task).or_insert(chosen);
        }
    }

    /// Whether choosing from a draft with fewer pictures was confirmed.
    pub(crate) fn is_warned(&self, task: &TaskId) -> bool {
        self.warned.contains(task)
    }

    pub(crate) fn warn(&mut self, task: TaskId) {
        self.warned.insert(task);
    }
}

/// How old a draft may be before the service may not know it any more.
pub(crate) const SURE_HOURS: i64 = 24;

/// Whether a draft is so old that the service may refuse it.
pub(crate) fn is_old(draft: &Draft, now: Timestamp) -> bool {
    draft.made_at.is_some_and(|made| now.duration_since(made).as_hours() >= SURE_HOURS)
}

/// What moderation took of a draft, as a sentence.
pub(crate) fn moderated(draft: &Draft) -> Option<String> {
    let taken = draft.missing()?;
    let price = draft.price.map_or_else(String::new, |price| format!("the {price} stay charged; "));
    Some(format!("moderation took {taken} of {}; {price}which numbers are left is not certain", Model::MOST_PICTURES))
}

/// Whether pictures of a draft of another program can be fetched.
pub(crate) fn can_look(draft: &Draft) -> bool {
    draft.job.is_none() && draft.files.len() < draft.pictures.unwrap_or(1)
}
