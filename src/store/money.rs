//! The writes that let money move: jobs with an approval, the approval itself and its taking back, the start of a send.
//!
//! Every check that guards money is made here, inside the transaction that writes, so that no other process can slip in
//! between. A check that cannot be read is an error of the whole call: nothing is written and nothing may be sent.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::error::{DbError, StoreError};
use super::rows::{self, bits, nanos, signed, unsigned};
use super::types::BudgetId;
use super::write::{Sync, Writing};
use super::{AddRules, Added, Approved, BeginSend, Consent, MakeRequest, NewJob, NotNow, SendGuard, Settings, Store};
use super::{guards, ledger, reading, write_settings};
use crate::job::{
    Applied, Approval, CapName, Caps, Credits, HoldReason, IdempotencyKey, Job, JobId, Model, Phase, PriceLines, Subject,
    Unavailable, Update, retry,
};

impl Store {
    /// Records jobs in one synced transaction. With a consent they wait, approved, with key and body of their paid request;
    /// without they are held by the user.
    ///
    /// A picture that has a live job, or that was named before in the same call, is left out unless `rules` say otherwise;
    /// that is asked in the same transaction, so of several processes that add one picture at once one does.
    ///
    /// They go to the end of the queue, or before its beginning, in the order given.
    ///
    /// # Errors
    /// [`StoreError::NotConfirmed`] when more jobs would be added than the consent named; [`StoreError::Database`] when an
    /// id is taken or the write failed. Then nothing was recorded.
    pub fn add(
        &mut self,
        new: &[NewJob],
        rules: AddRules,
        consent: Option<Consent>,
        make: MakeRequest<'_>,
        now: Timestamp,
    ) -> Result<Added, StoreError> {
        if new.is_empty() {
            return Ok(Added::default());
        }
        self.write(Sync::Full, |writing| {
            let (taken, left_out) = sort_out(&writing.db, new, rules)?;
            if let Some(consent) = &consent {
                confirm(consent, taken.iter().map(|new| new.kind.model()))?;
            }
            let mut added = Added { jobs: Vec::with_capacity(taken.len()), left_out };
            if taken.is_empty() {
                return Ok(added);
            }
            let approval = consent.map(|consent| record_approval(writing, consent, None, now)).transpose()?;
            let (first, last) = reading::ends_of_line(&writing.db)?;
            let count = i64::try_from(taken.len()).unwrap_or(i64::MAX);
            let mut place = if rules.front { first.saturating_sub(count) } else { last.saturating_add(1) };
            for new_job in taken {
                let known = writing
                    .db
                    .prepare_cached(
                        "SELECT EXISTS (SELECT 1 FROM jobs WHERE id = ?1) OR EXISTS (SELECT 1 FROM gone WHERE job = ?1)",
                    )?
                    .query_row(params![bits(new_job.id)], |row| row.get(0))?;
                if known {
                    return Err(DbError::Said(format!("the id {} is taken: try again with another", new_job.id)));
                }
                let mut job = Job::new(new_job.id, new_job.kind.clone(), place, now);
                job.tag.clone_from(&new_job.tag);
                job.again_of = new_job.again_of;
                writing.insert(&mut job, now)?;
                writing.note(&job, "recorded", now)?;
                if let Some(approval) = &approval {
                    let approval = approval.for_job(&job);
                    let request = make(&job);
                    writing.apply(&mut job, Update::Approve { approval, request }, now)?;
                }
                place = place.saturating_add(1);
                added.jobs.push(job);
            }
            Ok(added)
        })
    }

    /// What [`Store::add`] would leave out as the store is now, by its place, and why: for a quote that is shown before the
    /// confirmation. The same checks run again in the transaction that adds.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn check_add(&self, new: &[NewJob], rules: AddRules) -> Result<Vec<(usize, Unavailable)>, StoreError> {
        self.see(|db| Ok(sort_out(db, new, rules)?.1))
    }

    /// Approves these jobs under one new approval, each with key and body of its paid request; those that cannot take it
    /// (any more) are left out. With a budget, what these jobs may cost together is limited by it, whoever sends them.
    /// Synced.
    ///
    /// # Errors
    /// [`StoreError::NotConfirmed`] for more jobs than the consent named; [`StoreError::Database`] when it could not be
    /// written. Then nothing is approved.
    pub fn approve(
        &mut self,
        jobs: &[JobId],
        consent: Consent,
        budget: Option<BudgetId>,
        make: MakeRequest<'_>,
        now: Timestamp,
    ) -> Result<Approved, StoreError> {
        self.write(Sync::Full, |writing| approve(writing, jobs, consent, budget, make, now))
    }

    /// Lets sending go on, and approves these jobs as [`Store::approve`] does, all in one synced transaction.
    ///
    /// # Errors
    /// As [`Store::approve`]; then nothing is approved and what paused sending still does.
    pub fn resume(
        &mut self,
        jobs: &[JobId],
        consent: Consent,
        make: MakeRequest<'_>,
        now: Timestamp,
    ) -> Result<(Approved, Settings), StoreError> {
        self.write(Sync::Full, |writing| {
            let approved = approve(writing, jobs, consent, None, make, now)?;
            Ok((approved, write_settings(writing, &mut |settings| settings.paused = None)?))
        })
    }

    /// Writes down what a run may spend; [`Store::approve`] ties jobs to it. Synced.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it could not be written.
    pub fn open_budget(&mut self, most: Credits, now: Timestamp) -> Result<BudgetId, StoreError> {
        self.write(Sync::Full, |writing| {
            writing.wrote();
            writing
                .db
                .prepare_cached("INSERT INTO budgets (at, most) VALUES (?1, ?2)")?
                .execute(params![nanos(now), most.uc()])?;
            Ok(BudgetId(writing.db.last_insert_rowid()))
        })
    }

    /// Takes an approval back while its grace period lasts: its jobs that still wait are held by the user. Synced. The jobs
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
    /// All checks and the change are one transaction, so no other process can spend in between, and a cap that was lowered
    /// a moment ago binds. Key and body are those of the job's approval, or of an earlier attempt (it was put back in the
    /// queue): send what the returned job holds. The ones given here serve only a job that was approved by an earlier
    /// version of this program.
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
            let Some(mut job) = rows::one(&writing.db, job)? else { return Ok(BeginSend::No(NotNow::Gone)) };
            let settings = reading::settings(&writing.db)?;
            if let Some(why) = not_now(&job, &settings, now) {
                return Ok(BeginSend::No(why));
            }
            let Some(approval) = job.approval else { return Ok(BeginSend::No(NotNow::NotConfirmed)) };
            let own = budget_of(writing, approval.seq)?;
            if let Some(why) = must_hold(writing, &job, &settings, guard, own, now)? {
                return Ok(match writing.apply(&mut job, Update::Hold(why.clone()), now)? {
                    Applied::Changed(_) => BeginSend::Held(job, why),
                    Applied::Ignored(_) => BeginSend::No(NotNow::NotReady),
                });
            }
            if job.send.is_none() {
                let key = job.request.as_ref().map_or(&key, |request| &request.key);
                if ledger::key_is_taken(&writing.db, key)? || guards::key_is_anothers(&writing.db, key, job.id)? {
                    return Err(DbError::Said(format!(
                        "the idempotency key for job {} was used before: nothing was sent; this is a fault of mj-enhance",
                        job.id
                    )));
                }
            }
            let update = Update::SendStarted { key, body: body.to_owned(), server_time: guard.server_time };
            Ok(match writing.apply(&mut job, update, now)? {
                Applied::Changed(_) => {
                    if let Some(send) = &job.send {
                        ledger::charge_to(&writing.db, &send.key, guard.budget.map(|budget| budget.0).or(own))?;
                    }
                    BeginSend::Go(job)
                }
                Applied::Ignored(_) => BeginSend::No(NotNow::NotReady),
            })
        })
    }

    /// Checks the guard and lets the request of an unsure job go out again with its key, synced: the account's task list
    /// was looked through and nothing there fits, the key is young, the price is the confirmed one, and the caps have
    /// room. A job that stays unsure is not changed.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it could not be read or written. The request must not leave then.
    pub fn begin_resend(&mut self, job: JobId, guard: &SendGuard, now: Timestamp) -> Result<BeginSend, StoreError> {
        self.write(Sync::Full, |writing| {
            let Some(mut job) = rows::one(&writing.db, job)? else { return Ok(BeginSend::No(NotNow::Gone)) };
            let settings = reading::settings(&writing.db)?;
            let (Phase::Unsure(_), Some(send)) = (&job.phase, job.send.clone()) else {
                return Ok(BeginSend::No(NotNow::NotReady));
            };
            if job.is_approved_elsewhere() {
                return Ok(BeginSend::No(NotNow::NotConfirmed));
            }
            if settings.paused.is_some() {
                return Ok(BeginSend::No(NotNow::Paused));
            }
            if let Some(why) = must_hold(writing, &job, &settings, guard, None, now)? {
                return Ok(BeginSend::No(NotNow::Hold(why)));
            }
            Ok(match writing.apply(&mut job, Update::SendAgainSameKey { server_time: guard.server_time }, now)? {
                Applied::Changed(_) => {
                    ledger::move_to(&writing.db, &send.key, now)?;
                    if let Some(budget) = guard.budget {
                        ledger::charge_to(&writing.db, &send.key, Some(budget.0))?;
                    }
                    BeginSend::Go(job)
                }
                Applied::Ignored(_) => BeginSend::No(NotNow::NotReady),
            })
        })
    }

    /// Makes every approval given so far wait for a new confirmation; to be called by a fresh start of an engine
    /// (docs/money-rules.md,
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

    /// Puts jobs of another store in, with their money; those whose id, key or task the store has or had are left out and
    /// named. Nothing that they bring can spend here: see [`Job::disarm`]. What was on the wire or coming down is *unsure*
    /// or *to fetch*. Nothing of the file counts as later than `now`: a date ahead would count against the caps of every day
    /// until then.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it could not be written; then nothing was taken.
    pub fn import(&mut self, jobs: &[Job], now: Timestamp) -> Result<Vec<JobId>, StoreError> {
        self.write(Sync::Full, |writing| {
            let prices = reading::settings(&writing.db)?.prices();
            let mut left_out = Vec::new();
            for job in jobs {
                if is_known(writing, job)? {
                    left_out.push(job.id);
                    continue;
                }
                let mut job = job.clone();
                job.disarm(prices.of(job.kind.model()), now);
                let at = job.send.as_ref().map_or(job.created_at, |send| send.first_at).min(now);
                job.apply(Update::EngineStarted, at);
                writing.insert(&mut job, at)?;
            }
            Ok(left_out)
        })
    }
}

/// Approves jobs in an open write; see [`Store::approve`].
fn approve(
    writing: &Writing<'_>,
    jobs: &[JobId],
    consent: Consent,
    budget: Option<BudgetId>,
    make: MakeRequest<'_>,
    now: Timestamp,
) -> Result<Approved, DbError> {
    if jobs.len() > consent.lines.count() {
        return Err(DbError::NotConfirmed { confirmed: consent.lines.count(), asked: jobs.len() });
    }
    let asked: Vec<(JobId, Option<Job>)> =
        jobs.iter().map(|id| Ok((*id, rows::one(&writing.db, *id)?))).collect::<Result<_, DbError>>()?;
    confirm(&consent, asked.iter().filter_map(|(_, job)| Some(job.as_ref()?.kind.model())))?;
    let approval = record_approval(writing, consent, budget, now)?;
    let (seq, not_before) = (approval.seq, approval.not_before);
    let mut approved = Approved { seq, not_before, jobs: Vec::with_capacity(jobs.len()), left_out: Vec::new() };
    for (id, job) in asked {
        let Some(mut job) = job else {
            approved.left_out.push((id, Unavailable::Gone));
            continue;
        };
        if let Err(why) = job.can_approve() {
            approved.left_out.push((id, why));
            continue;
        }
        let approval = approval.for_job(&job);
        let request = make(&job);
        if writing.apply(&mut job, Update::Approve { approval, request }, now)?.changed() {
            approved.jobs.push(job);
        } else {
            approved.left_out.push((id, Unavailable::Unchanged));
        }
    }
    Ok(approved)
}

/// Whether the store has or had a job of the file: its id, its key, or its task.
fn is_known(writing: &Writing<'_>, job: &Job) -> Result<bool, DbError> {
    let known: bool = writing
        .db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM jobs WHERE id = ?1)")?
        .query_row(params![bits(job.id)], |row| row.get(0))?;
    if known {
        return Ok(true);
    }
    if let Some(task) = &job.task
        && !guards::task_is_free(&writing.db, task, job)?
    {
        return Ok(true);
    }
    let keys = job.send.iter().map(|send| &send.key).chain(job.request.iter().map(|request| &request.key));
    for key in keys {
        if guards::key_is_anothers(&writing.db, key, job.id)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A confirmation covers as many jobs as it named, and no more.
fn confirm(consent: &Consent, asked: impl IntoIterator<Item = Model>) -> Result<(), DbError> {
    let mut counts = [0; Model::ALL.len()];
    for model in asked {
        counts[model as usize] += 1;
    }
    for model in Model::ALL {
        let (confirmed, asked) = (consent.lines.of(model).count, counts[model as usize]);
        if asked > confirmed {
            return Err(DbError::NotConfirmed { confirmed, asked });
        }
    }
    Ok(())
}

/// An approval as it is written down: each job takes the price of its own model from it.
#[derive(Clone, Copy)]
struct Confirmed {
    seq: u64,
    at: Timestamp,
    not_before: Timestamp,
    lines: PriceLines,
}

impl Confirmed {
    fn for_job(&self, job: &Job) -> Approval {
        let Self { seq, at, not_before, lines } = *self;
        Approval { seq, price: lines.of(job.kind.model()).price, at, not_before }
    }
}

/// The jobs to add, and the others with the reason, by their place in what was given.
#[expect(clippy::type_complexity, reason = "two plain lists, named in the doc")]
fn sort_out<'a>(
    db: &Connection,
    new: &'a [NewJob],
    rules: AddRules,
) -> Result<(Vec<&'a NewJob>, Vec<(usize, Unavailable)>), DbError> {
    let mut seen: HashSet<Subject<'_>> = HashSet::with_capacity(new.len());
    let (mut taken, mut left_out) = (Vec::with_capacity(new.len()), Vec::new());
    for (at, job) in new.iter().enumerate() {
        match why_not(db, job, rules, &mut seen)? {
            None => taken.push(job),
            Some(why) => left_out.push((at, why)),
        }
    }
    Ok((taken, left_out))
}

fn why_not<'a>(
    db: &Connection,
    new: &'a NewJob,
    rules: AddRules,
    seen: &mut HashSet<Subject<'a>>,
) -> Result<Option<Unavailable>, DbError> {
    if let Some(before) = new.again_of {
        let Some(before) = rows::one(db, before)? else { return Ok(Some(Unavailable::Gone)) };
        if let Err(why) = before.can_run_again(rules.deliberate) {
            return Ok(Some(why));
        }
    }
    if rules.again {
        return Ok(None);
    }
    let other = match new.again_of {
        // A picture that was saved by another job may be meant to be made anew, but what is on its way is not doubled.
        Some(before) => guards::other_live(db, &new.kind, before, rules.deliberate)?,
        None => guards::live(db, &new.kind)?,
    };
    if let Some(other) = other {
        return Ok(Some(Unavailable::Twice(other)));
    }
    Ok((!seen.insert(new.kind.subject())).then_some(Unavailable::GivenTwice))
}

/// Writes an approval down under the next number.
fn record_approval(
    writing: &Writing<'_>,
    consent: Consent,
    budget: Option<BudgetId>,
    now: Timestamp,
) -> Result<Confirmed, DbError> {
    let not_before = now.checked_add(consent.grace).unwrap_or(Timestamp::MAX);
    writing.wrote();
    writing
        .db
        .prepare_cached("INSERT INTO approvals (at, price, count, not_before, budget, lines) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
            nanos(now),
            // For people who read the table; each job takes its price from the lines.
            consent.lines.only_price().unwrap_or_else(|| consent.lines.total()).uc(),
            i64::try_from(consent.lines.count()).unwrap_or(i64::MAX),
            nanos(not_before),
            budget.map(|budget| budget.0),
            rows::to_json(&consent.lines.iter().collect::<Vec<_>>())?
        ])?;
    Ok(Confirmed { seq: unsigned(writing.db.last_insert_rowid())?, at: now, not_before, lines: consent.lines })
}

/// The budget that an approval belongs to.
fn budget_of(writing: &Writing<'_>, seq: u64) -> Result<Option<i64>, DbError> {
    Ok(writing
        .db
        .prepare_cached("SELECT budget FROM approvals WHERE seq = ?1")?
        .query_row(params![signed(seq)], |row| row.get(0))
        .optional()?
        .flatten())
}

/// Why a job is not to be sent at all now; it stays as it is.
fn not_now(job: &Job, settings: &Settings, now: Timestamp) -> Option<NotNow> {
    if job.phase != Phase::Waiting {
        return Some(NotNow::NotReady);
    }
    if job.is_approved_elsewhere() {
        return Some(NotNow::NotConfirmed);
    }
    let Some(approval) = &job.approval else { return Some(NotNow::NotConfirmed) };
    if approval.seq <= settings.approval_floor {
        return Some(NotNow::OlderThanFloor);
    }
    // A clock that was turned back behind the approval says nothing; the engine waits out the period by another one.
    if (approval.at..approval.not_before).contains(&now) {
        return Some(NotNow::InGrace);
    }
    settings.paused.is_some().then_some(NotNow::Paused)
}

/// Why a job that could go must be held: the price, a cap, a run's limit.
fn must_hold(
    writing: &Writing<'_>,
    job: &Job,
    settings: &Settings,
    guard: &SendGuard,
    budget: Option<i64>,
    now: Timestamp,
) -> Result<Option<HoldReason>, DbError> {
    let model = job.kind.model();
    let price = settings.price(model).map_or(guard.prices.of(model), |seen| seen.amount);
    if let Some(approval) = &job.approval
        && approval.price != price
    {
        return Ok(Some(HoldReason::Price { agreed: approval.price, now: price }));
    }
    let caps =
        Caps { session: settings.cap_session.unwrap_or(guard.caps.session), day: settings.cap_day.unwrap_or(guard.caps.day) };
    let clocks_agree = guard.server_time.is_some_and(|there| there.duration_since(now).abs() <= retry::CLOCKS_AGREE);
    if clocks_agree && ledger::bring_back(&writing.db, now)? {
        writing.wrote();
    }
    let mut spent = ledger::spent_for(&writing.db, &caps, now, guard.day_start)?;
    // What goes out once more is in the sums already.
    let before = job.send.as_ref().map(|send| ledger::own(&writing.db, &send.key)).transpose()?.flatten();
    if let Some(before) = before {
        if before.at >= guard.day_start {
            spent.day = (spent.day - before.amount).max(Credits::ZERO);
        }
        if now.duration_since(before.at) < ledger::SESSION_GAP {
            spent.session = (spent.session - before.amount).max(Credits::ZERO);
        }
    }
    if let Err(why) = caps.allow(&spent, price) {
        return Ok(Some(why));
    }
    for budget in budget.into_iter().chain(guard.budget.map(|budget| budget.0)) {
        let (most, mut spent) = ledger::budget(&writing.db, budget)?;
        if let Some(before) = before.filter(|before| before.budget == Some(budget)) {
            spent = spent - before.amount;
        }
        if spent + price > most {
            return Ok(Some(HoldReason::Cap { cap: CapName::MaxCredits, limit: most }));
        }
    }
    Ok(None)
}
