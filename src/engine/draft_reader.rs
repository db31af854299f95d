//! The reading of the account's list for drafts, and of the pictures of those that are looked at: the last of all free calls.
//!
//! The list is read while a dashboard shows drafts, at most once a minute, and when somebody asks. A walk goes on to the next
//! page while a page tells of a task that was not known. What the list does not tell of a task (its links, sometimes its
//! price) is read in batches, once for each task. A task is looked at when a dashboard shows its pictures.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::clock::Now;
use crate::api::gate::Gate;
use crate::api::{ApiError, ListPage, ListQuery, TaskRow};
use crate::fetch::FetchRequest;
use crate::job::drafts::DraftRow;
use crate::job::{ErrorClass, Failure, ImageNumber, LINK_LIFE_HOURS, Model, SavedFile, TaskId, TaskReport, TaskStatus, retry};
use crate::store::MOST_DRAFTS;

/// The list is read at most so often without being asked for.
pub(super) const LIST_EVERY: Duration = Duration::from_mins(1);
/// Rows of a page, and tasks of a batch.
const PAGE: u32 = 50;

/// What is to be asked of the service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum DraftRead {
    /// A page of the list.
    Page(ListQuery),
    /// Tasks of it, all at once.
    Tasks(Vec<TaskId>),
    /// One of them alone, since those at once could not be read.
    Task(TaskId),
}

/// What is to be done for a task that is looked at.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Look {
    /// Nothing: its pictures are on disk.
    There,
    /// Fetch these.
    Fetch(FetchRequest),
    /// Its links are not known or over: its task is read first.
    Read,
    /// There is no way to its pictures.
    None,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct DraftReader {
    /// When the next walk through the list begins.
    at: Option<Instant>,
    /// When the last one began.
    began: Option<Instant>,
    /// Pages that were read in the walk under way.
    walk: Option<u32>,
    /// The walk under way goes on then, after a failure.
    goes_on_at: Option<Instant>,
    in_air: bool,
    /// When the list was last wanted.
    wanted: Option<Instant>,
    /// So many of the tasks to read are read alone.
    alone: usize,
    failures: u32,
    /// How the last call failed, until one goes well.
    trouble: Option<Failure>,
    to_read: VecDeque<TaskId>,
    /// Tasks that were read in this run of the program.
    was_read: HashSet<TaskId>,
    /// Tasks that are looked at, the latest first.
    looks: VecDeque<TaskId>,
    /// Tasks whose pictures were asked for, the first first; they come behind those that are looked at.
    asked_for: VecDeque<TaskId>,
    /// Tasks that are looked at and were read for that.
    read_for_look: HashSet<TaskId>,
    fetching: Option<TaskId>,
}

impl DraftReader {
    /// The list is to be read: now, or a minute after the last time. `listed_at`: when another process read it last.
    pub(super) fn want(&mut self, at_once: bool, listed_at: Option<Timestamp>, now: Now) {
        self.wanted = Some(now.at);
        if self.walk.is_some() {
            return;
        }
        let by_wall = listed_at.and_then(|at| Duration::try_from(now.wall.duration_since(at)).ok());
        let since = self.began.map(|began| now.at.saturating_duration_since(began)).into_iter().chain(by_wall).min();
        let wait = if at_once { Duration::ZERO } else { since.map_or(Duration::ZERO, |since| LIST_EVERY.saturating_sub(since)) };
        let at = now.at + wait;
        self.at = Some(self.at.map_or(at, |before| before.min(at)));
    }

    /// No dashboard of this process shows drafts any more: nothing is read by itself.
    pub(super) fn unwatch(&mut self) {
        self.at = None;
        self.looks.clear();
    }

    /// Ends what fails again and again once nobody waits for it: no dashboard of this process shows drafts, and none of
    /// another process, which asks once a minute, has done so lately. It begins anew when somebody asks.
    pub(super) fn end_unless_wanted(&mut self, is_shown: bool, now: Now) {
        let lately = |at: Instant| now.at.saturating_duration_since(at) <= 2 * LIST_EVERY;
        if self.trouble.is_some() && !is_shown && !self.wanted.is_some_and(lately) {
            (self.at, self.walk, self.goes_on_at) = (None, None, None);
            for task in self.to_read.drain(..) {
                self.was_read.remove(&task);
            }
        }
    }

    /// How reading fails at present.
    pub(super) fn trouble(&self) -> Option<&Failure> {
        self.trouble.as_ref()
    }

    /// The next call, if one may leave now.
    pub(super) fn next_read(&mut self, gate: &mut Gate, now: Now) -> Option<DraftRead> {
        if self.walk.is_none() && self.at.is_some_and(|at| at <= now.at) {
            (self.at, self.began, self.walk) = (None, Some(now.at), Some(0));
        }
        let waits = self.goes_on_at.is_some_and(|at| at > now.at);
        if self.in_air || waits || (self.walk.is_none() && self.to_read.is_empty()) {
            return None;
        }
        gate.take_read(now.at).ok()?;
        (self.in_air, self.goes_on_at) = (true, None);
        let Some(first) = self.to_read.front() else {
            let page = self.walk.unwrap_or(0) + 1;
            return Some(DraftRead::Page(ListQuery {
                model: Some(Model::Draft),
                status: Some("completed"),
                page,
                page_size: PAGE,
            }));
        };
        if self.alone > 0 {
            return Some(DraftRead::Task(first.clone()));
        }
        let most = self.to_read.len().min(PAGE as usize);
        Some(DraftRead::Tasks(self.to_read.iter().take(most).cloned().collect()))
    }

    /// A page is here. `known` tells what is kept of a task; `is_ours`, whether it is a job's. Returns what is to be kept, and
    /// whether the walk is over.
    pub(super) fn on_page(
        &mut self,
        result: Result<ListPage, ApiError>,
        known: impl Fn(&TaskId) -> Option<DraftRow>,
        is_ours: impl Fn(&TaskId) -> bool,
        rng: &mut fastrand::Rng,
        now: Now,
    ) -> (Vec<DraftRow>, bool) {
        self.in_air = false;
        let page = match result {
            Ok(page) => page,
            Err(error) => {
                self.failed(&error, rng, now);
                return (Vec::new(), false);
            }
        };
        self.well();
        let read = self.walk.map_or(1, |pages| pages + 1);
        let is_full = page.rows.len() + page.unreadable >= PAGE as usize;
        let (mut kept, mut is_news) = (Vec::new(), false);
        // A gateway that does not know the filters lists other tasks too.
        let is_draft = |row: &TaskRow| row.model.is_empty() || Model::Draft.is_named(&row.model);
        for row in page.rows.into_iter().filter(|row| is_draft(row) && row.status == TaskStatus::Completed) {
            if is_ours(&row.id) {
                continue;
            }
            let known = known(&row.id);
            is_news |= known.is_none();
            let made_at = row.created_at.or_else(|| known.as_ref()?.made_at).unwrap_or(now.wall);
            let has_links = known.as_ref().is_some_and(|known| !known.links.is_empty());
            let price = row.used.or_else(|| known.as_ref()?.price);
            let may_have_links = link_end(made_at) > now.wall;
            if ((may_have_links && !has_links) || price.is_none()) && self.was_read.insert(row.id.clone()) {
                self.to_read.push_back(row.id.clone());
            }
            kept.push(DraftRow {
                made_at: Some(made_at),
                pictures: row.result_count.and_then(|count| usize::try_from(count).ok()),
                price,
                ..DraftRow::new(row.id)
            });
        }
        let most = u32::try_from(MOST_DRAFTS).unwrap_or(u32::MAX) / PAGE;
        let goes_on = is_full && is_news && read < most;
        self.walk = goes_on.then_some(read);
        (kept, !goes_on)
    }

    /// Tasks are here. Returns what is to be kept of them.
    pub(super) fn on_tasks(
        &mut self,
        asked: &[TaskId],
        result: Result<Vec<TaskReport>, ApiError>,
        rng: &mut fastrand::Rng,
        now: Now,
    ) -> Vec<DraftRow> {
        self.in_air = false;
        match result {
            Err(error) => {
                self.failed(&error, rng, now);
                if is_about_tasks(&error) {
                    // One id spoils the rest, or the gateway knows no batches: each on its own, and what cannot be read so
                    // must not keep the list waiting for ever.
                    if let [odd] = asked {
                        self.to_read.retain(|task| task != odd);
                        self.alone = self.alone.saturating_sub(1);
                    } else {
                        self.alone = asked.len();
                    }
                }
                Vec::new()
            }
            Ok(reports) => {
                self.well();
                self.alone = self.alone.saturating_sub(asked.len());
                self.to_read.retain(|task| !asked.contains(task));
                reports.into_iter().filter_map(row_of).collect()
            }
        }
    }

    fn failed(&mut self, error: &ApiError, rng: &mut fastrand::Rng, now: Now) {
        self.failures = self.failures.saturating_add(1);
        self.trouble = Some(error.failure());
        self.goes_on_at = Some(now.at + retry::read_wait(self.failures, error.retry_after, rng.f64()));
    }

    fn well(&mut self) {
        (self.failures, self.trouble) = (0, None);
    }

    /// A dashboard shows the pictures of this task.
    pub(super) fn look_at(&mut self, task: TaskId) {
        self.looks.retain(|other| *other != task);
        if self.fetching.as_ref() != Some(&task) {
            self.read_for_look.remove(&task);
            self.looks.push_front(task);
        }
        // Who walks through a list looks at many for a moment.
        self.looks.truncate(8);
    }

    /// The pictures of this task are asked for, whether a dashboard shows them or not.
    pub(super) fn fetch(&mut self, task: TaskId) {
        if self.fetching.as_ref() != Some(&task) && !self.asked_for.contains(&task) && self.asked_for.len() < MOST_DRAFTS {
            self.read_for_look.remove(&task);
            self.asked_for.push_back(task);
        }
    }

    /// Nothing more is to be done for the pictures of this task.
    fn settled(&mut self, task: &TaskId) {
        self.looks.retain(|other| other != task);
        self.asked_for.retain(|other| other != task);
    }

    /// The task whose pictures are wanted most, if none are on their way.
    pub(super) fn next_look(&self) -> Option<&TaskId> {
        let waits = |task: &&TaskId| !self.to_read.contains(*task);
        self.looks.iter().chain(&self.asked_for).find(waits).filter(|_| self.fetching.is_none())
    }

    /// What is to be done for the task of [`DraftReader::next_look`], of which this is kept. `exists` tells of files.
    pub(super) fn look(&mut self, task: &TaskId, row: Option<&DraftRow>, exists: impl Fn(&SavedPath) -> bool, now: Now) -> Look {
        let Some(row) = row else {
            self.settled(task);
            return Look::None;
        };
        let wanted = row.pictures.unwrap_or(row.links.len()).min(ImageNumber::ALL.len());
        if wanted > 0 && row.files.len() >= wanted && row.files.iter().all(exists) {
            self.settled(task);
            return Look::There;
        }
        let is_fresh = !row.links.is_empty() && row.links_expire_at.is_none_or(|end| end > now.wall);
        if is_fresh {
            self.settled(task);
            self.fetching = Some(task.clone());
            return Look::Fetch(FetchRequest {
                links: row.links.clone(),
                date: String::new(),
                tag: None,
                task: task.as_str().to_owned(),
                image: None,
                job: String::new(),
                sidecar: serde_json::Map::new(),
            });
        }
        if self.read_for_look.insert(task.clone()) {
            self.to_read.push_front(task.clone());
            return Look::Read;
        }
        self.settled(task);
        Look::None
    }

    /// The pictures of a task are here, or could not be had.
    pub(super) fn fetched(&mut self, task: &TaskId) {
        if self.fetching.as_ref() == Some(task) {
            self.fetching = None;
        }
    }

    /// When there is something to do. `read_from`: no read may leave before this.
    pub(super) fn next_deadline(&self, read_from: Instant) -> Option<Instant> {
        if self.in_air {
            return None;
        }
        let open = self.walk.is_some() || !self.to_read.is_empty();
        let read = open.then(|| self.goes_on_at.map_or(read_from, |at| at.max(read_from)));
        [read, self.at.filter(|_| self.walk.is_none()).map(|at| at.max(read_from))].into_iter().flatten().min()
    }
}

/// A picture on disk, as a row names it.
pub(super) type SavedPath = (ImageNumber, std::path::PathBuf);

/// The pictures of a task as they lie on disk.
pub(super) fn numbered(files: Vec<SavedFile>) -> Vec<SavedPath> {
    ImageNumber::ALL.into_iter().zip(files).map(|(image, file)| (image, file.path)).collect()
}

/// Whether the service itself refuses what was asked, which it would do again. A web page, or no answer, is trouble of the
/// connection.
fn is_about_tasks(error: &ApiError) -> bool {
    use ErrorClass::{Access, BadRequest, BadSource, Final, InvalidResponse, NotFound};
    error.is_json
        && (matches!(error.class, Access | BadRequest | BadSource | Final | InvalidResponse | NotFound)
            || matches!(error.status, Some(404 | 405 | 501)))
}

fn link_end(made_at: Timestamp) -> Timestamp {
    made_at.checked_add(SignedDuration::from_hours(LINK_LIFE_HOURS)).unwrap_or(Timestamp::MAX)
}

fn row_of(report: TaskReport) -> Option<DraftRow> {
    let is_other = report.model.as_deref().is_some_and(|model| !Model::Draft.is_named(model));
    if is_other || report.status != TaskStatus::Completed {
        return None;
    }
    let links_expire_at = report.ended.or(report.created).map(link_end);
    Some(DraftRow {
        made_at: report.created,
        pictures: (!report.links_unread).then_some(report.links.len()),
        price: report.used,
        links_expire_at: links_expire_at.filter(|_| !report.links.is_empty()),
        links: report.links,
        ..DraftRow::new(report.id)
    })
}

#[cfg(test)]
mod tests {
    use super::super::account::tests::{error, gate};
    use super::super::index::tests::{at, task};
    use super::*;
    use crate::job::{Credits, Prices};

    fn row(n: u64, second: i64, used: Option<Credits>) -> TaskRow {
        TaskRow {
            id: task(n),
            model: Model::Draft.wire_name().to_owned(),
            status: TaskStatus::Completed,
            percent: None,
            created_at: Some(at(second)),
            result_count: Some(4),
            used,
        }
    }

    fn page(rows: Vec<TaskRow>) -> ListPage {
        ListPage { rows, unreadable: 0, total: None }
    }

    fn rng() -> fastrand::Rng {
        fastrand::Rng::with_seed(1)
    }

    fn asked(reader: &mut DraftReader, now: Now) -> Option<u32> {
        match reader.next_read(&mut gate(), now)? {
            DraftRead::Page(query) => Some(query.page),
            DraftRead::Tasks(_) | DraftRead::Task(_) => Some(0),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn by_itself_the_list_is_read_once_a_minute_and_at_once_when_asked_for() {
        let (mut reader, now) = (DraftReader::default(), Now::of_test(100));
        assert_eq!(asked(&mut reader, now), None, "nobody shows drafts");
        reader.want(false, Some(at(80)), now);
        assert_eq!(reader.next_deadline(now.at), Some(now.at + Duration::from_secs(40)), "another process has just read it");
        reader.want(true, Some(at(80)), now);
        assert_eq!(asked(&mut reader, now), Some(1));
        assert_eq!(reader.next_deadline(now.at), None, "the page is under way");
        let (_, over) = reader.on_page(Ok(page(Vec::new())), |_| None, |_| false, &mut rng(), now);
        assert!(over);
        reader.want(false, None, now.after(Duration::from_secs(10)));
        assert_eq!(reader.next_deadline(now.at), Some(now.at + LIST_EVERY));
        reader.unwatch();
        assert_eq!(reader.next_deadline(now.at), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_walk_goes_on_while_there_is_news_and_ours_are_left_out() {
        let (mut reader, now) = (DraftReader::default(), Now::of_test(100));
        reader.want(true, None, now);
        assert_eq!(asked(&mut reader, now), Some(1));
        let price = Some(Prices::PUBLISHED.draft);
        let old = -2 * 86_400;
        let full: Vec<TaskRow> = (0..50).map(|n| row(n, old, price)).collect();
        let (kept, over) = reader.on_page(Ok(page(full.clone())), |_| None, |id| *id == task(7), &mut rng(), now);
        assert_eq!((kept.len(), over), (49, false));
        assert_eq!(asked(&mut reader, now), Some(2));
        let known = |id: &TaskId| Some(DraftRow { made_at: Some(at(old)), price, ..DraftRow::new(id.clone()) });
        let (_, over) = reader.on_page(Ok(page(full)), known, |_| false, &mut rng(), now);
        assert!(over, "all of it is known");
        assert_eq!(asked(&mut reader, now), None, "links of so long ago are over, and the price is known");
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_list_does_not_tell_is_read_once() {
        let (mut reader, now) = (DraftReader::default(), Now::of_test(100));
        for _ in 0..2 {
            reader.want(true, None, now);
            assert_eq!(asked(&mut reader, now), Some(1));
            reader.on_page(Ok(page(vec![row(1, 10, None)])), |_| None, |_| false, &mut rng(), now);
            if let Some(read) = reader.next_read(&mut gate(), now) {
                assert_eq!(read, DraftRead::Tasks(vec![task(1)]));
                let mut report = TaskReport::new(task(1), TaskStatus::Completed);
                report.links = vec!["https://x/0.png".to_owned()];
                (report.created, report.used) = (Some(at(10)), Some(Prices::PUBLISHED.draft));
                let kept = reader.on_tasks(&[task(1)], Ok(vec![report]), &mut rng(), now);
                assert_eq!((kept[0].pictures, kept[0].links_expire_at), (Some(1), Some(at(10 + 86_400))));
            }
        }
        assert_eq!(reader.next_read(&mut gate(), now), None);
        assert_eq!(reader.was_read.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_waited_out_and_told_until_a_call_goes_well() {
        let (mut reader, now) = (DraftReader::default(), Now::of_test(100));
        reader.want(true, None, now);
        assert_eq!(asked(&mut reader, now), Some(1));
        let (_, over) = reader.on_page(Err(error(ErrorClass::Server)), |_| None, |_| false, &mut rng(), now);
        assert!(!over && reader.trouble().is_some());
        assert_eq!(asked(&mut reader, now), None);
        let due = reader.next_deadline(now.at).unwrap();
        assert!(due > now.at);
        let later = now.after(due - now.at);
        assert_eq!(asked(&mut reader, later), Some(1), "the same page again");
        reader.on_page(Ok(page(Vec::new())), |_| None, |_| false, &mut rng(), later);
        assert!(reader.trouble().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_ends_when_nobody_waits_for_it() {
        let (mut reader, now) = (DraftReader::default(), Now::of_test(100));
        reader.want(true, None, now);
        assert_eq!(asked(&mut reader, now), Some(1));
        let fails = |reader: &mut DraftReader, now| {
            reader.on_page(Err(error(ErrorClass::Server)), |_| None, |_| false, &mut rng(), now);
        };
        fails(&mut reader, now);
        reader.end_unless_wanted(false, now);
        assert!(reader.next_deadline(now.at).is_some(), "asked for just now, by another process perhaps");
        let later = now.after(Duration::from_mins(5));
        reader.end_unless_wanted(true, later);
        assert_eq!(asked(&mut reader, later), Some(1), "shown here");
        fails(&mut reader, later);
        reader.end_unless_wanted(false, later);
        assert_eq!((reader.next_deadline(later.at), asked(&mut reader, later.after(Duration::from_hours(1)))), (None, None));
        reader.want(false, None, later.after(Duration::from_hours(1)));
        assert_eq!(asked(&mut reader, later.after(Duration::from_hours(1))), Some(1), "it begins anew when somebody asks");
    }

    #[tokio::test(start_paused = true)]
    async fn tasks_that_cannot_be_read_at_once_are_read_alone_and_keep_nothing_waiting() {
        let (mut reader, mut now) = (DraftReader::default(), Now::of_test(100));
        reader.want(true, None, now);
        assert_eq!(asked(&mut reader, now), Some(1));
        let full: Vec<TaskRow> = (0..50).map(|n| row(n, 10, None)).collect();
        reader.on_page(Ok(page(full)), |_| None, |_| false, &mut rng(), now);
        let refused = ApiError { is_json: true, ..error(ErrorClass::BadRequest) };
        let Some(DraftRead::Tasks(tasks)) = reader.next_read(&mut gate(), now) else { panic!() };
        reader.on_tasks(&tasks, Err(refused.clone()), &mut rng(), now);
        let (mut alone, mut pages) = (0, 0);
        for _ in 0..60 {
            now = now.after(Duration::from_mins(2));
            match reader.next_read(&mut gate(), now) {
                Some(DraftRead::Task(task)) if task == tasks[7] => {
                    reader.on_tasks(&[task], Err(refused.clone()), &mut rng(), now);
                    alone += 1;
                }
                Some(DraftRead::Task(task)) => {
                    reader.on_tasks(
                        std::slice::from_ref(&task),
                        Ok(vec![TaskReport::new(task.clone(), TaskStatus::Completed)]),
                        &mut rng(),
                        now,
                    );
                    alone += 1;
                }
                Some(DraftRead::Page(query)) => {
                    assert_eq!(query.page, 2);
                    reader.on_page(Ok(page(Vec::new())), |_| None, |_| false, &mut rng(), now);
                    pages += 1;
                }
                other => assert_eq!(other, None),
            }
        }
        assert_eq!((alone, pages), (50, 1), "the list goes on behind them");
    }

    #[tokio::test(start_paused = true)]
    async fn all_pictures_that_were_asked_for_come_behind_those_that_are_looked_at() {
        let (mut reader, now) = (DraftReader::default(), Now::of_test(100));
        (0..30).for_each(|n| reader.fetch(task(n)));
        reader.look_at(task(90));
        let mut fetched = Vec::new();
        while let Some(next) = reader.next_look().cloned() {
            let links = vec!["https://x/0.png".to_owned()];
            let row = DraftRow { links, ..DraftRow::new(next.clone()) };
            assert!(matches!(reader.look(&next, Some(&row), |_| false, now), Look::Fetch(_)));
            reader.fetched(&next);
            reader.unwatch();
            fetched.push(next);
        }
        assert_eq!(fetched, std::iter::once(90).chain(0..30).map(task).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn pictures_come_from_disk_from_a_living_link_or_after_one_more_read() {
        let (mut reader, now) = (DraftReader::default(), Now::of_test(100));
        let links = vec!["https://x/0.png".to_owned()];
        let fresh = DraftRow { links: links.clone(), links_expire_at: Some(at(200)), ..DraftRow::new(task(1)) };
        reader.look_at(task(1));
        assert_eq!(reader.next_look(), Some(&task(1)));
        assert!(matches!(reader.look(&task(1), Some(&fresh), |_| false, now), Look::Fetch(request) if request.links == links));
        reader.look_at(task(2));
        assert_eq!(reader.next_look(), None, "one at a time");
        reader.fetched(&task(1));

        let over = DraftRow { links_expire_at: Some(at(50)), ..fresh.clone() };
        assert_eq!(reader.look(&task(2), Some(&over), |_| false, now), Look::Read);
        assert_eq!(reader.next_look(), None, "its task is read first");
        assert_eq!(reader.next_read(&mut gate(), now), Some(DraftRead::Tasks(vec![task(2)])));
        reader.on_tasks(&[task(2)], Ok(Vec::new()), &mut rng(), now);
        assert_eq!(reader.next_look(), Some(&task(2)));
        assert_eq!(reader.look(&task(2), Some(&over), |_| false, now), Look::None);
        assert_eq!(reader.next_look(), None);

        reader.look_at(task(1));
        let there = DraftRow { pictures: Some(1), files: vec![(ImageNumber::ALL[0], "/p/0.png".into())], ..over };
        assert_eq!(reader.look(&task(1), Some(&there), |_| true, now), Look::There);
    }
}
