//! Another process over the same store: a script that changes caps, forgets jobs, takes in jobs of another store.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use mj_enhance::commands::{Context, perform};
use mj_enhance::engine::Clock as _;
use mj_enhance::job::{
    Approval, Charge, Credits, Doubt, IdempotencyKey, ImageNumber, Job, JobId, JobKind, Model, PaidSend, Phase, Prompt,
    SavedFile, TaskId,
};
use mj_enhance::store::{Access, Store};

use super::life::Life;
use super::trace;
use super::user::Act;

/// Opens the store as another process does.
pub fn store(folder: &std::path::Path) -> Store {
    Store::open(folder, Access::ReadWrite).expect("the store can be opened beside its engine")
}

/// `prune`.
pub fn prune(store: &mut Store, before: Timestamp, only_removed: bool) -> Vec<JobId> {
    store.prune(before, only_removed).expect("no disk is full in another process")
}

impl Life {
    /// Another process does what a script or a second terminal would.
    pub fn script(&mut self, act: Act) {
        let (command, meant) = act;
        let (now, books) = (self.world.now(), Arc::clone(&self.world.books));
        let mut rng = fastrand::Rng::with_seed(self.rng.u64(..));
        let mut context = Context { now, rng: &mut rng, callback_url: None, is_engine: false };
        let done = perform(self.other_process(), command, &mut context);
        trace(|| format!("  another process: {:?}", done.as_ref().map(|done| &done.outcome)));
        let Ok(done) = done else { return };
        let mut books = books.lock().unwrap();
        done.changed.iter().for_each(|job| books.permissions.hear(job, false));
        self.screen.lock().unwrap().done(&meant, &done.outcome, &mut books);
    }
}

/// A job of another store as `export` writes it, or, `forged`, as somebody would write it who wants it to spend.
pub fn foreign_job(rng: &mut fastrand::Rng, kind: &JobKind, now: Timestamp, forged: bool) -> Job {
    let mut job = Job::new(JobId::from_bits(rng.u64(..)), kind.clone(), rng.i64(-5..5), now);
    let price = if forged { Credits::from_uc(1) } else { kind.model().published_price() };
    let seq = if forged { 1_000_000 } else { rng.u64(1..9) };
    job.approval = Some(Approval { seq, price, at: now, not_before: now });
    let mut bytes = [0; 16];
    rng.fill(&mut bytes);
    let body = if forged { r#"{"model":"mj-v7","prompt":"a forest --turbo"}"#.to_owned() } else { kind.body(None) };
    let send = PaidSend {
        key: IdempotencyKey::from_random(bytes),
        body,
        agreed: price,
        first_at: now - SignedDuration::from_mins(1),
        last_at: now - SignedDuration::from_mins(1),
        first_server_time: None,
        last_server_time: None,
        attempts: 1,
        lost: 1,
        absence_confirmed: forged,
        refusals: 0,
    };
    match rng.u8(0..4) {
        0 => job.phase = Phase::Waiting,
        1 => {
            job.phase = Phase::Waiting;
            job.send = forged.then_some(send);
        }
        2 => {
            job.phase = Phase::Unsure(Doubt { why: "the answer was lost".into(), looked: false, candidates: Vec::new() });
            job.send = Some(send);
            job.charge = Some(Charge::Reserved);
        }
        _ => {
            let charged = if forged { Credits::from_uc(-100_000_000) } else { kind.model().published_price() };
            job.phase = Phase::Saved;
            job.send = Some(send);
            job.task = TaskId::new(&format!("task-unified-9-{:08}", rng.u32(..))).ok();
            job.sent_at = Some(now);
            job.finished_at = Some(now);
            job.saved_at = Some(now);
            (job.charge, job.charged, job.reserved) = (Some(Charge::Charged), Some(charged), Some(charged));
            job.files = vec![SavedFile { path: "/results/a.png".into(), sha256: "0".repeat(64), bytes: 1 }];
        }
    }
    job
}

/// A picture that is on no draft of the life's own, or a prompt that is none of its own.
pub fn foreign_kind(model: Model, number: u64) -> JobKind {
    match model {
        Model::Enhance => {
            let source = TaskId::new(&format!("task-unified-1-9{number:07}")).expect("an id");
            JobKind::Enhance { source, image: ImageNumber::ALL[0] }
        }
        Model::Draft => JobKind::Draft { prompt: prompt(number, "elsewhere"), template: None },
    }
}

/// A prompt of its own for every number and place.
pub fn prompt(number: u64, place: &str) -> Prompt {
    Prompt::new(&format!("a forest {place}, number {number}")).expect("a prompt")
}
