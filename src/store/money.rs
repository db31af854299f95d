//! The writes that let money move: jobs with an approval, the yes itself and its taking back, the start of a send.

use jiff::Timestamp;
use rusqlite::params;

use super::error::{DbError, StoreError};
use super::rows::{self, bits, nanos, unsigned};
use super::write::{Sync, Writing};
use super::{BeginSend, Consent, NewJob, SendGuard, Settings, Store, ledger, reading};
use crate::job::{Applied, Approval, CapName, HoldReason, IdempotencyKey, Job, JobId, TaskId, Update};

impl Store {
    /// Records jobs in one synced transaction. With a consent they wait, approved; without they are held by the user.
    ///
    /// They go to the end of the line, or before its beginning, in the order given.
    ///
    /// # Errors
    /// [`StoreError::Database`] when an id is taken or the write failed; then nothing was recorded.
    pub fn add(&mut self, new: &[NewJob], front: bool, consent: Option<Consent>, now: Timestamp) -> Result<Vec<Job>, StoreError> {
        if new.is_empty() {
            return Ok(Vec::new());
        }
        self.write(Sync::Full, |writing| {
            let approval = consent.map(|consent| record_yes(writing, consent, now)).transpose()?;
            let (first, last) = reading::ends_of_line(&writing.db)?;
            let count = i64::try_from(new.len()).unwrap_or(i64::MAX);
            let mut place = if front { first.saturating_sub(count) } else { last.saturating_add(1) };
            let mut jobs = Vec::with_capacity(new.len());
            for new_job in new {
                let known = writing
                    .db
                    .prepare_cached(
                        "SELECT EXISTS (SELECT 1 FROM jobs WHERE id = ?1) OR EXISTS (SELECT 1 FROM gone WHERE job = ?1)",
                    )?
                    .query_row(params![bits(new_job.id)], |row| row.get(0))?;
                if known {
                    return Err(DbError::Said(format!("the id {} is taken: try again with another", new_job.id)));
                }
                let mut job = Job::new(new_job.id, new_job.source.clone(), new_job.image, place, now);
                job.tag.clone_from(&new_job.tag);
                job.again_of = new_job.again_of;
                writing.insert(&mut job, now)?;
                writing.note(&job, "recorded", now)?;
                if let Some(approval) = approval {
                    writing.apply(&mut job, Update::Approve(approval), now)?;
                }
                place = place.saturating_add(1);
                jobs.push(job);
            }
            Ok(jobs)
        })
    }

    /// Gives a yes to these jobs under one new approval; those that cannot take it (any more) are left out with the
    /// reason. Synced.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it could not be written; then nothing is approved.
    #[expect(clippy::type_complexity, reason = "three plain lists, named in the doc")]
    pub fn approve(
        &mut self,
        jobs: &[JobId],
        consent: Consent,
        now: Timestamp,
    ) -> Result<(Approval, Vec<Job>, Vec<(JobId, &'static str)>), StoreError> {
        self.write(Sync::Full, |writing| {
            let approval = record_yes(writing, consent, now)?;
            let (mut taken, mut left_out) = (Vec::new(), Vec::new());
            for id in jobs {
                match rows::one(&writing.db, *id)? {
                    None => left_out.push((*id, "there is no such job")),
                    Some(mut job) => match writing.apply(&mut job, Update::Approve(approval), now)? {
                        Applied::Changed(_) => taken.push(job),
                        Applied::Ignored(why) => left_out.push((*id, why)),
                    },
                }
            }
            Ok((approval, taken, left_out))
        })
    }

    /// Takes a yes back while its grace period lasts: its jobs that still wait are held by the user. Synced. The jobs
    /// come back as they are after it; none when the period is over.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it could not be written; then nothing changed.
    pub fn withdraw(&mut self, approval_seq: u64, now: Timestamp) -> Result<Vec<Job>, StoreError> {
        self.write(Sync::Full, |writing| {
            if reading::not_before(&writing.db, approval_seq)?.is_none_or(|end| now >= end) {
                return Ok(Vec::new());
            }
            let tail = "WHERE state = 'waiting' AND approval_seq = ?1 ORDER BY place, id";
            let mut jobs = rows::many(&writing.db, tail, params![rows::signed(approval_seq)])?;
            for job in &mut jobs {
                writing.apply(job, Update::Hold(HoldReason::You), now)?;
            }
            Ok(jobs)
        })
    }

    /// Checks the guard and moves a waiting job to sending, body and key synced to disk.
    ///
    /// All checks and the change are one transaction, so no other process can spend in between. A job that has a key
    /// and body already (it was put back in line) keeps them: send what the returned job holds.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it could not be written, or the key belongs to another paid job. The request must
    /// not leave then.
    pub fn begin_send(
        &mut self,
        job: JobId,
        key: IdempotencyKey,
        body: &str,
        guard: &SendGuard,
        now: Timestamp,
    ) -> Result<BeginSend, StoreError> {
        self.write(Sync::Full, |writing| {
            let Some(mut job) = rows::one(&writing.db, job)? else { return Ok(BeginSend::No("there is no such job")) };
            let settings = reading::settings(&writing.db)?;
            if let Some(why) = not_now(&job, &settings, now) {
                return Ok(BeginSend::No(why));
            }
            if let Some(why) = must_hold(writing, &job, guard, now)? {
                return Ok(match writing.apply(&mut job, Update::Hold(why.clone()), now)? {
                    Applied::Changed(_) => BeginSend::Held(job, why),
                    Applied::Ignored(why) => BeginSend::No(why),
                });
            }
            if job.send.is_none() && ledger::key_is_taken(&writing.db, &key)? {
                return Err(DbError::Said(format!(
                    "the new idempotency key for job {} was used before: nothing was sent; this is a fault of mj-enhance",
                    job.id
                )));
            }
            Ok(
                match writing.apply(
                    &mut job,
                    Update::SendStarted { key, body: body.to_owned(), server_time: guard.server_time },
                    now,
                )? {
                    Applied::Changed(_) => BeginSend::Go(job),
                    Applied::Ignored(why) => BeginSend::No(why),
                },
            )
        })
    }

    /// Makes every approval given so far wait for a new yes; to be called by a fresh start of an engine (product §2,
    /// rule 4). Synced.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it could not be written.
    pub fn raise_approval_floor(&mut self) -> Result<Settings, StoreError> {
        let newest: Option<i64> =
            self.see(|db| Ok(db.prepare_cached("SELECT MAX(seq) FROM approvals")?.query_row([], |row| row.get(0))?))?;
        let newest = self.see(|_| unsigned(newest.unwrap_or(0)))?;
        self.change_settings(&mut |settings| settings.approval_floor = settings.approval_floor.max(newest))
    }

    /// Puts exported jobs in, with their money; those whose id, key or task the store has already are left out and named.
    ///
    /// Two things are not taken as they are, since they would act here: a yes given elsewhere counts as older than every
    /// start of an engine, so it asks anew, and what was on the wire or coming down is *unsure* or *to fetch*.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it could not be written; then nothing was taken.
    pub fn import(&mut self, jobs: &[Job]) -> Result<Vec<JobId>, StoreError> {
        self.write(Sync::Full, |writing| {
            let mut left_out = Vec::new();
            for job in jobs {
                let key = job.send.as_ref().map(|send| &send.key);
                let known: bool = writing
                    .db
                    .prepare_cached(
                        "SELECT EXISTS (SELECT 1 FROM jobs WHERE id = ?1)
                             OR EXISTS (SELECT 1 FROM jobs WHERE task = ?2)
                             OR EXISTS (SELECT 1 FROM jobs WHERE send_key = ?3)
                             OR EXISTS (SELECT 1 FROM ledger WHERE key = ?3 AND job <> ?1)",
                    )?
                    .query_row(
                        params![bits(job.id), job.task.as_ref().map(TaskId::as_str), key.map(IdempotencyKey::as_str)],
                        |row| row.get(0),
                    )?;
                if known {
                    left_out.push(job.id);
                    continue;
                }
                let mut job = job.clone();
                if let Some(yes) = &mut job.approval {
                    yes.seq = 0;
                }
                let at = job.send.as_ref().map_or(job.created_at, |send| send.first_at);
                job.apply(Update::EngineStarted, at);
                writing.insert(&mut job, at)?;
            }
            Ok(left_out)
        })
    }
}

/// Writes a yes down under the next number.
fn record_yes(writing: &Writing<'_>, consent: Consent, now: Timestamp) -> Result<Approval, DbError> {
    let not_before = now.checked_add(consent.grace).unwrap_or(Timestamp::MAX);
    writing.wrote();
    writing
        .db
        .prepare_cached("INSERT INTO approvals (at, price, count, not_before) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![nanos(now), consent.price.uc(), i64::try_from(consent.count).unwrap_or(i64::MAX), nanos(not_before)])?;
    Ok(Approval { seq: unsigned(writing.db.last_insert_rowid())?, price: consent.price, at: now, not_before })
}

/// Why a job is not to be sent at all now; it stays as it is.
fn not_now(job: &Job, settings: &Settings, now: Timestamp) -> Option<&'static str> {
    if job.phase != crate::job::Phase::Waiting {
        return Some("it is not waiting");
    }
    let Some(yes) = &job.approval else { return Some("nobody said yes to it") };
    if yes.seq <= settings.approval_floor {
        return Some("its yes is older than this start: it needs a new one");
    }
    // A clock that was turned back behind the yes says nothing; the engine waits out the period by another one.
    if (yes.at..yes.not_before).contains(&now) {
        return Some("its grace period is not over");
    }
    settings.paused.is_some().then_some("sending is paused")
}

/// Why a job that could go must be held.
fn must_hold(writing: &Writing<'_>, job: &Job, guard: &SendGuard, now: Timestamp) -> Result<Option<HoldReason>, DbError> {
    if let Some(yes) = &job.approval
        && yes.price != guard.price
    {
        return Ok(Some(HoldReason::Price { agreed: yes.price, now: guard.price }));
    }
    let spent = ledger::spent_for(&writing.db, &guard.caps, now, guard.day_start)?;
    if let Err(why) = guard.caps.allow(&spent, guard.price) {
        return Ok(Some(why));
    }
    let over = guard.run_budget.is_some_and(|left| guard.price > left);
    Ok(over.then_some(HoldReason::Cap { cap: CapName::MaxCredits, limit: guard.run_limit }))
}
