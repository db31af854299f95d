//! Whose store it is, asked before anything is read or sent, and learned from the first answer that accepts the key.

use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::context::Context;
use super::exit::Exit;
use super::json::SCHEMA;
use super::out::Out;
use super::problem::{Outcome, Problem, locked};
use crate::api::{ApiError, BATCH_MOST, Balance, ListPage, ListQuery, PaidVerdict, Service, Submitted};
use crate::job::{Credits, ErrorClass, IdempotencyKey, Model, State, TaskId, TaskReport, text};
use crate::store::{Access, Account, AccountCheck, Store};

/// Refuses the store of another account while anything in it is open; says once when a store with nothing open changes hands.
/// Gives the store where it may be written.
///
/// # Errors
/// Exit 2 with both accounts and the ways out; or when the store cannot be read.
pub fn enter(context: &Context, key: &SecretString, may_write: bool) -> Result<Option<Store>, Problem> {
    let address = context.config.base_url.as_str();
    let (store, verdict) = if may_write {
        let mut store = Store::open(&context.config.data_dir, Access::ReadWrite)?;
        let verdict = store.enter_account(address, key.expose_secret())?;
        (Some(store), verdict)
    } else {
        match context.store_to_look_into()? {
            Some(store) => (None, store.check_account(address, key.expose_secret())?),
            None => return Ok(None),
        }
    };
    match verdict {
        AccountCheck::Same | AccountCheck::Unknown => {}
        AccountCheck::Changed { before } => {
            let now = before.alike(address, key.expose_secret());
            Out::status(&format!(
                "This store belonged to {}; nothing in it is open, so it now belongs to {}.",
                before.name(),
                now.name()
            ));
        }
        AccountCheck::Refused { known, open } => return Err(refused(&known, &known.alike(address, key.expose_secret()), open)),
    }
    Ok(store)
}

/// The refusal, with both accounts and the ways out.
pub fn refused(known: &Account, now: &Account, open: usize) -> Problem {
    Problem::input(
        "other_account",
        format!("the {} open in this store belong to {}, not to {}", text::count(open, "job"), known.name(), now.name()),
        "use another --data-dir or --profile; if only the key was renewed, run `mj-enhance config adopt-account`",
    )
}

/// The service, with an eye on the first answer that accepts the key.
pub struct Witness<S> {
    service: S,
    account: Account,
    /// `None` once the store knows the account.
    store: Mutex<Option<Store>>,
}

impl<S: Service> Witness<S> {
    /// Watches a service for a store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn new(service: S, account: Account, store: Store) -> Result<Self, Problem> {
        let is_known = store.account()?.is_some();
        Ok(Self { service, account, store: Mutex::new((!is_known).then_some(store)) })
    }

    /// The key was accepted, or may have been: from now on the store belongs to this account.
    fn learn(&self) {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = store.as_mut() {
            match open.learn_account(&self.account) {
                Ok(()) => *store = None,
                // The next answer tries again; the engine tells of a store that cannot be written.
                Err(error) => tracing::warn!("the account is not kept: {error}"),
            }
        }
    }

    fn heard<T>(&self, answer: Result<T, ApiError>) -> Result<T, ApiError> {
        if answer.is_ok() {
            self.learn();
        }
        answer
    }

    /// A paid request whose answer is lost may have been paid, so its account is known before it leaves, and forgotten if
    /// it turns out that the key was refused or nothing left.
    async fn pay(&self, key: &IdempotencyKey, body: &str) -> Result<Submitted, ApiError> {
        let is_first = {
            let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
            store.as_mut().is_some_and(|store| store.learn_account(&self.account).is_ok())
        };
        let answer = self.service.submit(key, body).await;
        if is_first {
            let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
            match &answer {
                Err(error) if proves_nothing(error) => {
                    if let Some(Err(error)) = store.as_mut().map(|store| store.forget_account(&self.account)) {
                        tracing::warn!("the account is not forgotten: {error}");
                    }
                }
                _ => *store = None,
            }
        }
        answer
    }
}

/// Whether an answer to a paid request says neither that the key was accepted nor that it may have been.
fn proves_nothing(error: &ApiError) -> bool {
    error.class == ErrorClass::Login || (error.status.is_none() && !matches!(error.paid(), PaidVerdict::Lost(_)))
}

impl<S: Service> Service for Witness<S> {
    fn submit<'a>(&'a self, key: &'a IdempotencyKey, body: &'a str) -> BoxFuture<'a, Result<Submitted, ApiError>> {
        self.pay(key, body).boxed()
    }
    fn task<'a>(&'a self, id: &'a TaskId) -> BoxFuture<'a, Result<TaskReport, ApiError>> {
        self.service.task(id).map(|answer| self.heard(answer)).boxed()
    }
    fn batch<'a>(&'a self, ids: &'a [TaskId]) -> BoxFuture<'a, Result<Vec<TaskReport>, ApiError>> {
        self.service.batch(ids).map(|answer| self.heard(answer)).boxed()
    }
    fn list(&self, query: ListQuery) -> BoxFuture<'_, Result<ListPage, ApiError>> {
        self.service.list(query).map(|answer| self.heard(answer)).boxed()
    }
    fn credits(&self) -> BoxFuture<'_, Result<Balance, ApiError>> {
        self.service.credits().map(|answer| self.heard(answer)).boxed()
    }
    fn models(&self) -> BoxFuture<'_, Result<Vec<String>, ApiError>> {
        self.service.models().map(|answer| self.heard(answer)).boxed()
    }
    fn time(&self) -> Option<Timestamp> {
        self.service.time()
    }
    fn uc_per_usd(&self) -> Option<i64> {
        self.service.uc_per_usd()
    }
    // Public: it says nothing about the key.
    fn price(&self, model: Model) -> BoxFuture<'_, Result<Credits, ApiError>> {
        self.service.price(model)
    }
}

/// `config adopt-account`: the account is the same, its key or address was renewed. Where tasks of it are under way, the
/// service must know one of them under the new key.
pub fn adopt(context: &Context) -> Outcome {
    context.may_write()?;
    let key = context.config.key.read(&context.env)?;
    let address = context.config.base_url.as_str();
    let account = Account::new(address, key.expose_secret(), fastrand::u128(..));
    if context.store_to_look_into()?.is_none() {
        return Err(Problem::input("no_store", "there is no store here yet, so there is nothing to adopt", "add a job first"));
    }
    if let Some(pid) = Store::engine_pid(&context.config.data_dir) {
        return Err(locked(Some(pid)));
    }
    let mut store = context.store()?;
    let (runtime, client) = context.service()?;
    // Whatever is under way: the service must accept the key.
    runtime.block_on(client.credits())?;
    let tasks: Vec<TaskId> = store
        .jobs()?
        .into_iter()
        .filter(|job| matches!(job.state(), State::Running | State::ToFetch | State::Fetching))
        .filter_map(|job| job.task)
        .take(BATCH_MOST)
        .collect();
    if !tasks.is_empty() && runtime.block_on(client.batch(&tasks))?.is_empty() {
        return Err(Problem::input(
            "other_account",
            format!(
                "the account of this key knows none of the {} under way in this store: it is another account",
                text::count(tasks.len(), "task")
            ),
            "use another --data-dir or --profile",
        ));
    }
    let before = store.account()?;
    store.adopt_account(&account)?;
    context.out.object(&json!({ "schema": SCHEMA, "address": account.address, "fingerprint": account.fingerprint }))?;
    let was = before.map_or_else(String::new, |before| format!(" (before: {})", before.name()));
    context.out.line(&format!("This store now belongs to {}{was}.", account.name()))?;
    Ok(Exit::Ok)
}
