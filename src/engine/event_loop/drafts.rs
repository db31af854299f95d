//! The account's drafts: free reads for the dashboards that show them, and pictures to be looked at.

use std::path::PathBuf;
use std::sync::Arc;

use tracing::info;

use super::super::base::previews_dir;
use super::super::clock::Now;
use super::super::draft_reader::{DraftRead, Look, numbered};
use super::super::workers::{WorkerKind, WorkerResult};
use super::Engine;
use crate::api::{ApiError, ListPage};
use crate::fetch::{FetchError, trim_previews};
use crate::job::drafts::DraftRow;
use crate::job::{SavedFile, TaskId, TaskReport};

impl Engine {
    /// This process's dashboard shows drafts, or no more.
    pub(super) fn show_drafts(&mut self, shown: bool) {
        self.base.drafts.show(shown);
        self.base.publish_drafts();
        if shown {
            self.list_drafts(false, self.base.now());
        } else {
            self.draft_reader.unwatch();
            self.draft_reader.end_unless_wanted(false, self.base.now());
        }
    }

    /// The account's list is to be read for drafts.
    pub(super) fn list_drafts(&mut self, at_once: bool, now: Now) {
        self.draft_reader.want(at_once, self.base.account.settings().drafts_listed_at, now);
    }

    /// The last of all free calls.
    pub(super) fn start_due_draft_reads(&mut self, now: Now) {
        if let Some(read) = self.draft_reader.next_read(&mut self.gate, now) {
            let service = Arc::clone(&self.base.services.service);
            match read {
                DraftRead::Page(query) => {
                    let read = async move { WorkerResult::DraftsListed(service.list(query).await) };
                    self.workers.spawn(WorkerKind::ListDrafts, read);
                }
                DraftRead::Tasks(tasks) => {
                    self.workers.spawn(WorkerKind::ReadDrafts(tasks.clone()), async move {
                        let result = service.batch(&tasks).await;
                        WorkerResult::DraftsRead(tasks, result)
                    });
                }
                DraftRead::Task(task) => {
                    let asked = vec![task.clone()];
                    self.workers.spawn(WorkerKind::ReadDrafts(asked.clone()), async move {
                        let result = service.task(&task).await.map(|report| vec![report]);
                        WorkerResult::DraftsRead(asked, result)
                    });
                }
            }
        }
        // Results go first: they are paid for, and their links end.
        while self.downloads.is_empty() {
            let Some(task) = self.draft_reader.next_look().cloned() else { return };
            if self.start_look(task, now) {
                return;
            }
        }
    }

    /// Whether nothing else may be looked at now.
    fn start_look(&mut self, task: TaskId, now: Now) -> bool {
        let row = match self.base.store.draft(&task) {
            Ok(row) => row,
            Err(error) => {
                self.base.store_failed(&error);
                return true;
            }
        };
        match self.draft_reader.look(&task, row.as_ref(), |(_, path)| path.exists(), now) {
            Look::There => {
                let files = row.map(|row| row.files).unwrap_or_default();
                self.keep_files(&task, &files, now);
                false
            }
            Look::Fetch(request) => {
                let fetcher = Arc::clone(&self.base.services.previews);
                self.workers.spawn(WorkerKind::Preview(task.clone()), async move {
                    WorkerResult::Previewed(task, fetcher.fetch(&request).await)
                });
                true
            }
            Look::Read | Look::None => false,
        }
    }

    pub(super) fn on_drafts_listed(&mut self, result: Result<ListPage, ApiError>, now: Now) {
        self.on_answer(result.as_ref().err(), now);
        let store = &self.base.store;
        // What cannot be read counts as new and as another program's: the write below leaves ours out by itself.
        let known = |task: &TaskId| store.draft(task).ok().flatten().filter(|row| row.made_at.is_some());
        let is_ours = |task: &TaskId| store.task_owner(task).ok().flatten().is_some();
        let (rows, is_over) = self.draft_reader.on_page(result, known, is_ours, &mut self.base.services.rng, now);
        self.keep_drafts(&rows);
        if is_over {
            match self.base.store.change_settings(&mut |settings| settings.drafts_listed_at = Some(now.wall)) {
                Ok(settings) => self.base.account.set_settings(settings),
                Err(error) => self.base.store_failed(&error),
            }
            if self.base.drafts.is_shown() {
                self.list_drafts(false, now);
            }
        }
        self.draft_reader.end_unless_wanted(self.base.drafts.is_shown(), now);
        self.tell_of_drafts();
    }

    pub(super) fn on_drafts_read(&mut self, asked: &[TaskId], result: Result<Vec<TaskReport>, ApiError>, now: Now) {
        self.on_answer(result.as_ref().err(), now);
        let rows = self.draft_reader.on_tasks(asked, result, &mut self.base.services.rng, now);
        self.keep_drafts(&rows);
        self.draft_reader.end_unless_wanted(self.base.drafts.is_shown(), now);
        self.tell_of_drafts();
    }

    /// Pictures to look at are here, or could not be had; then the words must do.
    pub(super) fn on_previewed(&mut self, task: &TaskId, result: Result<Vec<SavedFile>, FetchError>, now: Now) {
        self.draft_reader.fetched(task);
        match result {
            Ok(files) => {
                self.keep_files(task, &numbered(files), now);
                self.trim_previews();
                self.tell_of_drafts();
            }
            Err(error) => info!(%task, %error, "the pictures of a draft could not be fetched"),
        }
    }

    fn keep_drafts(&mut self, rows: &[DraftRow]) {
        if !rows.is_empty()
            && let Err(error) = self.base.store.save_listed_drafts(rows)
        {
            self.base.store_failed(&error);
        }
    }

    fn keep_files(&mut self, task: &TaskId, files: &[(crate::job::ImageNumber, PathBuf)], now: Now) {
        if let Err(error) = self.base.store.save_draft_files(task, files, Some(now.wall)) {
            self.base.store_failed(&error);
        }
    }

    /// Keeps the previews within their bounds: those that were looked at longest ago go first.
    fn trim_previews(&mut self) {
        let rows = match self.base.store.drafts_by_look() {
            Ok(rows) => rows,
            Err(error) => return self.base.store_failed(&error),
        };
        let keep: Vec<PathBuf> = rows.iter().flat_map(|row| row.files.iter().map(|(_, path)| path.clone())).collect();
        let folder = previews_dir(&self.base.options.data_dir);
        let gone = trim_previews(&folder, &keep, self.base.options.preview_cache);
        for row in rows.iter().filter(|row| row.files.iter().any(|(_, path)| gone.contains(path))) {
            let left: Vec<_> = row.files.iter().filter(|(_, path)| !gone.contains(path)).cloned().collect();
            if let Err(error) = self.base.store.save_draft_files(&row.task, &left, None) {
                self.base.store_failed(&error);
            }
        }
    }

    fn tell_of_drafts(&mut self) {
        self.base.drafts.set_trouble(self.draft_reader.trouble().cloned());
        self.base.publish_drafts();
    }
}
