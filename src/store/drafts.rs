//! What is kept of tasks that may be drafts: what the account's list told of other programs' tasks, the newest of them, and
//! what the user said of any, ours too. Ours themselves are jobs.

use std::path::PathBuf;

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::error::{DbError, StoreError};
use super::rows::{self, nanos, signed, time, unsigned};
use super::write::{Sync, Writing};
use super::{Store, guards};
use crate::job::drafts::DraftRow;
use crate::job::{Credits, ImageNumber, Tag, TaskId};

/// So many tasks of other programs are kept at most, the newest; those that the user gave a word stay besides.
pub const MOST_DRAFTS: usize = 500;

impl Store {
    /// All rows, the newest first, and the revision up to which they are known.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn drafts(&self) -> Result<(u64, Vec<DraftRow>), StoreError> {
        self.see(|_| {
            let db = self.db.unchecked_transaction()?;
            let mut statement = db.prepare_cached(
                "SELECT task, made_at, pictures, price, links, links_until, files, hidden, note
                 FROM drafts ORDER BY made_at DESC, task",
            )?;
            let mut rows = statement.query([])?;
            let mut drafts = Vec::new();
            while let Some(row) = rows.next()? {
                drafts.push(read(row)?);
            }
            Ok((newest_revision(&db)?, drafts))
        })
    }

    /// The row of a task, if there is one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn draft(&self, task: &TaskId) -> Result<Option<DraftRow>, StoreError> {
        self.see(|db| {
            let mut statement = db.prepare_cached(
                "SELECT task, made_at, pictures, price, links, links_until, files, hidden, note FROM drafts WHERE task = ?1",
            )?;
            let mut rows = statement.query(params![task.as_str()])?;
            rows.next()?.map(read).transpose()
        })
    }

    /// The revision of the latest change of any row; 0 without one. Cheap.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn drafts_revision(&self) -> Result<u64, StoreError> {
        self.see(newest_revision)
    }

    /// Takes what the account's list told of finished tasks. Tasks of our jobs are left out, what the user said and what is on
    /// disk stays, and a row without links keeps those it had. The oldest rows go when there are too many.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it could not be written; then nothing changed.
    pub fn save_listed_drafts(&mut self, listed: &[DraftRow]) -> Result<(), StoreError> {
        self.write(Sync::Normal, |writing| {
            for row in listed {
                if guards::owner(&writing.db, &row.task)?.is_some() {
                    continue;
                }
                let links = if row.links.is_empty() { None } else { Some(rows::to_json(&row.links)?) };
                let changed = writing
                    .db
                    .prepare_cached(
                        "INSERT INTO drafts (task, made_at, pictures, price, links, links_until, revision)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                         ON CONFLICT (task) DO UPDATE SET
                            made_at = coalesce(excluded.made_at, made_at),
                            pictures = coalesce(excluded.pictures, pictures),
                            price = coalesce(excluded.price, price),
                            links = coalesce(excluded.links, links),
                            links_until = coalesce(excluded.links_until, links_until),
                            revision = excluded.revision
                         WHERE (coalesce(excluded.made_at, made_at), coalesce(excluded.pictures, pictures),
                                coalesce(excluded.price, price), coalesce(excluded.links, links),
                                coalesce(excluded.links_until, links_until))
                            IS NOT (made_at, pictures, price, links, links_until)",
                    )?
                    .execute(params![
                        row.task.as_str(),
                        row.made_at.map(nanos),
                        row.pictures.map(|pictures| i64::try_from(pictures).unwrap_or(i64::MAX)),
                        row.price.map(Credits::uc),
                        links,
                        row.links_expire_at.map(nanos),
                        signed(writing.revision),
                    ])?;
                if changed > 0 {
                    writing.moved();
                }
            }
            let gone = writing
                .db
                .prepare_cached(
                    "DELETE FROM drafts WHERE made_at IS NOT NULL AND note IS NULL AND task NOT IN
                        (SELECT task FROM drafts WHERE made_at IS NOT NULL ORDER BY made_at DESC, task LIMIT ?1)",
                )?
                .execute(params![i64::try_from(MOST_DRAFTS).unwrap_or(i64::MAX)])?;
            if gone > 0 {
                writing.wrote();
            }
            Ok(())
        })
    }

    /// Notes that the user looked at the pictures of a draft, and which of them are on disk now; those of drafts that are not
    /// known are not noted.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it could not be written; then nothing changed.
    pub fn save_draft_files(
        &mut self,
        task: &TaskId,
        files: &[(ImageNumber, PathBuf)],
        looked_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.write(Sync::Normal, |writing| {
            let files = if files.is_empty() { None } else { Some(rows::to_json(&files)?) };
            let changed = writing
                .db
                .prepare_cached(
                    "UPDATE drafts SET files = ?2, looked_at = coalesce(?3, looked_at),
                        revision = CASE WHEN files IS ?2 THEN revision ELSE ?4 END WHERE task = ?1",
                )?
                .execute(params![task.as_str(), files, looked_at.map(nanos), signed(writing.revision)])?;
            if changed > 0 {
                writing.moved();
            }
            Ok(())
        })
    }

    /// The drafts of which pictures are on disk, those first that were looked at longest ago.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn drafts_by_look(&self) -> Result<Vec<DraftRow>, StoreError> {
        self.see(|db| {
            let mut statement = db.prepare_cached(
                "SELECT task, made_at, pictures, price, links, links_until, files, hidden, note
                 FROM drafts WHERE files IS NOT NULL ORDER BY looked_at, task",
            )?;
            let mut rows = statement.query([])?;
            let mut drafts = Vec::new();
            while let Some(row) = rows.next()? {
                drafts.push(read(row)?);
            }
            Ok(drafts)
        })
    }

    /// Hides drafts, ours or others', or shows them again. Returns how many changed.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it could not be written; then nothing changed.
    pub fn hide_drafts(&mut self, tasks: &[TaskId], hidden: bool) -> Result<usize, StoreError> {
        self.say_of_drafts(tasks, |writing, task| {
            let mut statement =
                writing.db.prepare_cached("UPDATE drafts SET hidden = ?2, revision = ?3 WHERE task = ?1 AND hidden IS NOT ?2")?;
            Ok(statement.execute(params![task.as_str(), hidden, signed(writing.revision)])?)
        })
    }

    /// Gives drafts a word of the user's, or takes it away. Returns how many changed.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it could not be written; then nothing changed.
    pub fn note_drafts(&mut self, tasks: &[TaskId], note: Option<&Tag>) -> Result<usize, StoreError> {
        self.say_of_drafts(tasks, |writing, task| {
            let mut statement =
                writing.db.prepare_cached("UPDATE drafts SET note = ?2, revision = ?3 WHERE task = ?1 AND note IS NOT ?2")?;
            Ok(statement.execute(params![task.as_str(), note.map(Tag::as_str), signed(writing.revision)])?)
        })
    }

    /// What is said of a task makes a row for it where there is none.
    fn say_of_drafts(
        &mut self,
        tasks: &[TaskId],
        say: impl Fn(&Writing<'_>, &TaskId) -> Result<usize, DbError>,
    ) -> Result<usize, StoreError> {
        self.write(Sync::Normal, |writing| {
            let mut count = 0;
            for task in tasks {
                writing
                    .db
                    .prepare_cached("INSERT OR IGNORE INTO drafts (task, revision) VALUES (?1, ?2)")?
                    .execute(params![task.as_str(), signed(writing.revision)])?;
                count += say(writing, task)?;
            }
            if count > 0 {
                writing.moved();
            }
            Ok(count)
        })
    }
}

fn newest_revision(db: &Connection) -> Result<u64, DbError> {
    let newest: Option<i64> = db.prepare_cached("SELECT max(revision) FROM drafts")?.query_row([], |row| row.get(0))?;
    unsigned(newest.unwrap_or(0))
}

fn read(row: &Row<'_>) -> Result<DraftRow, DbError> {
    let damaged = || DbError::Damaged("what is kept of a draft cannot be read".to_owned());
    let task: String = row.get(0)?;
    let (made_at, pictures, price): (Option<i64>, Option<i64>, Option<i64>) = (row.get(1)?, row.get(2)?, row.get(3)?);
    let (links, until, files): (Option<String>, Option<i64>, Option<String>) = (row.get(4)?, row.get(5)?, row.get(6)?);
    let note: Option<String> = row.get(8)?;
    Ok(DraftRow {
        task: TaskId::new(&task).map_err(|_| damaged())?,
        made_at: made_at.map(time).transpose()?,
        pictures: pictures.map(usize::try_from).transpose().map_err(|_| damaged())?,
        price: price.map(Credits::from_uc),
        links: links.map_or(Ok(Vec::new()), |text| rows::from_json(&text, "the links of a draft"))?,
        links_expire_at: until.map(time).transpose()?,
        files: files.map_or(Ok(Vec::new()), |text| rows::from_json(&text, "the pictures of a draft"))?,
        hidden: row.get(7)?,
        note: note.map(|note| Tag::new(&note)).transpose().map_err(|_| damaged())?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Access, NewJob};
    use super::*;
    use crate::job::{JobId, JobKind, Prompt, TaskReport, TaskStatus, Update};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    fn task(n: usize) -> TaskId {
        TaskId::new(&format!("task-unified-1-{n:06}")).unwrap()
    }

    fn listed(n: usize) -> DraftRow {
        DraftRow { made_at: Some(at(i64::try_from(n).unwrap())), pictures: Some(4), ..DraftRow::new(task(n)) }
    }

    #[test]
    fn what_the_list_tells_is_kept_and_what_the_user_said_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), Access::ReadWrite).unwrap();
        store.save_listed_drafts(&[listed(1), listed(2)]).unwrap();
        let tag = Tag::new("red").unwrap();
        assert_eq!(store.hide_drafts(&[task(1), task(9)], true).unwrap(), 2);
        assert_eq!(store.note_drafts(&[task(1)], Some(&tag)).unwrap(), 1);
        assert_eq!(store.note_drafts(&[task(1)], Some(&tag)).unwrap(), 0, "it is so already");
        let files = vec![(ImageNumber::ALL[2], PathBuf::from("/previews/2.png"))];
        store.save_draft_files(&task(1), &files, Some(at(50))).unwrap();
        let links = vec!["https://x/0.png".to_owned()];
        let priced = DraftRow { price: Some(Credits::from_uc(27)), links: links.clone(), ..listed(1) };
        store.save_listed_drafts(&[priced]).unwrap();
        store.save_listed_drafts(&[listed(1)]).unwrap();
        drop(store);

        let store = Store::open(folder.path(), Access::ReadOnly).unwrap();
        let (revision, rows) = store.drafts().unwrap();
        assert_eq!(revision, store.drafts_revision().unwrap());
        let expected = DraftRow { price: Some(Credits::from_uc(27)), links, files, hidden: true, note: Some(tag), ..listed(1) };
        let hidden = DraftRow { hidden: true, ..DraftRow::new(task(9)) };
        assert_eq!(rows, [listed(2), expected.clone(), hidden]);
        assert_eq!(store.drafts_by_look().unwrap(), [expected]);
    }

    #[test]
    fn nothing_new_moves_no_revision() {
        let mut store = Store::in_memory().unwrap();
        store.save_listed_drafts(&[listed(1)]).unwrap();
        let revision = store.drafts_revision().unwrap();
        store.save_listed_drafts(&[listed(1)]).unwrap();
        store.hide_drafts(&[task(1)], false).unwrap();
        assert_eq!(store.drafts_revision().unwrap(), revision);
        assert_eq!(store.changes_since(0).unwrap().revision, revision);
        store.hide_drafts(&[task(1)], true).unwrap();
        assert!(store.drafts_revision().unwrap() > revision);
    }

    #[test]
    fn only_the_newest_are_kept_and_those_with_a_word() {
        let mut store = Store::in_memory().unwrap();
        store.save_listed_drafts(&[listed(0), listed(1)]).unwrap();
        store.note_drafts(&[task(0)], Some(&Tag::new("red").unwrap())).unwrap();
        let many: Vec<DraftRow> = (2..MOST_DRAFTS + 10).map(listed).collect();
        store.save_listed_drafts(&many).unwrap();
        let (_, rows) = store.drafts().unwrap();
        assert_eq!(rows.len(), MOST_DRAFTS + 1);
        assert_eq!((rows[0].task.clone(), rows[MOST_DRAFTS].task.clone()), (task(MOST_DRAFTS + 9), task(0)));
    }

    #[test]
    fn a_task_of_ours_is_no_row() {
        let mut store = Store::in_memory().unwrap();
        let kind = JobKind::Draft { prompt: Prompt::new("a boat").unwrap(), template: None };
        let id = JobId::from_bits(1);
        let new = NewJob { id, kind: kind.clone(), tag: None, again_of: None };
        let consent = super::super::Consent {
            lines: crate::job::PriceLines::of_jobs(&crate::job::Prices::PUBLISHED, [kind.model()]),
            grace: std::time::Duration::ZERO,
        };
        let mut request = |job: &crate::job::Job| crate::job::PaidRequest {
            key: crate::job::IdempotencyKey::from_random([1; 16]),
            body: job.kind.body(None),
        };
        store.add(&[new], super::super::AddRules::default(), Some(consent), &mut request, at(0)).unwrap();
        let job = store.job(id).unwrap().unwrap();
        let request = job.request.unwrap();
        let started = Update::SendStarted { key: request.key, body: request.body, server_time: None };
        let report = TaskReport::new(task(1), TaskStatus::Pending);
        let accepted = Update::Accepted { report: Box::new(report), replayed: false };
        store.apply(vec![(id, started), (id, accepted)], at(1)).unwrap();
        store.save_listed_drafts(&[listed(1), listed(2)]).unwrap();
        assert_eq!(store.drafts().unwrap().1, [listed(2)]);
    }
}
