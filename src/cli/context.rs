//! What most commands need: the configuration, the store, the service, and jobs by the names people give them.

use std::path::PathBuf;

use jiff::Timestamp;

use super::args::Selector;
use super::out::Out;
use super::problem::Problem;
use super::{notices, start};
use crate::api::{Client, ClientOptions};
use crate::config::{Config, Environment};
use crate::job::query::{Query, Searcher};
use crate::job::{Job, State, Tag, text};
use crate::store::{Access, Store};

/// The store's file in the data folder.
pub const STORE_FILE: &str = "mj-enhance.db";

/// One run of the program.
pub struct Context {
    /// What was set.
    pub config: Config,
    /// The environment, for the key.
    pub env: Environment,
    /// Where words go.
    pub out: Out,
    /// `--read-only`
    pub read_only: bool,
    /// `-v`, counted.
    pub verbose: u8,
}

impl Context {
    /// The store, to read and write; made where it is missing.
    ///
    /// # Errors
    /// With `--read-only`, and when the folder or the store cannot be used.
    pub fn store(&self) -> Result<Store, Problem> {
        self.may_write()?;
        let store = told(Store::open(&self.config.data_dir, Access::ReadWrite)?);
        if self.verbose > 0 {
            start::log_to(&self.config, self.verbose)?;
        }
        Ok(store)
    }

    /// Refuses what would change something under `--read-only`.
    ///
    /// # Errors
    /// With `--read-only`.
    pub fn may_write(&self) -> Result<(), Problem> {
        if self.read_only {
            return Err(Problem::input("read_only", "--read-only forbids this command", "leave --read-only out"));
        }
        Ok(())
    }

    /// The store, to read; `None` where nothing was ever stored. Nothing is made. Where it can only be read, that is said.
    ///
    /// # Errors
    /// When there is a store, or something in its place, that cannot be read.
    pub fn store_to_read(&self) -> Result<Option<Store>, Problem> {
        Ok(self.store_to_look_into()?.map(told))
    }

    /// The same without a word, where the store is opened again by somebody who says it.
    ///
    /// # Errors
    /// As [`Context::store_to_read`].
    pub fn store_to_look_into(&self) -> Result<Option<Store>, Problem> {
        let file = self.store_file();
        // Whatever is there, also a link that leads nowhere, is the store's to judge.
        match file.symlink_metadata() {
            Ok(_) => Ok(Some(Store::open(&self.config.data_dir, Access::ReadOnly)?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Problem::input(
                "unusable_folder",
                format!("{}: {error}", file.display()),
                "fix the folder, or name another one with --data-dir",
            )),
        }
    }

    /// Where the store is.
    pub fn store_file(&self) -> PathBuf {
        self.config.data_dir.join(STORE_FILE)
    }

    /// The jobs that these names mean, each once, in the order given. All or none.
    ///
    /// # Errors
    /// Every name that means no job, or several.
    pub fn jobs(store: &Store, names: &[String]) -> Result<Vec<Job>, Problem> {
        let mut jobs: Vec<Job> = Vec::new();
        let mut wrong = Vec::new();
        for name in names {
            match find(store, name)? {
                Ok(job) if jobs.iter().any(|known| known.id == job.id) => {}
                Ok(job) => jobs.push(job),
                Err(why) => wrong.push((text::shorten(&text::clean(name), 60).into_owned(), why)),
            }
        }
        let next = "`mj-enhance list` shows the ids; nothing was changed";
        match wrong.as_slice() {
            [] => Ok(jobs),
            [(name, why)] => Err(Problem::input("no_such_job", format!("{name}: {why}"), next)),
            many => Err(Problem {
                lines: wrong.clone(),
                ..Problem::input("no_such_job", format!("{} of {} ids mean no single job", many.len(), names.len()), next)
            }),
        }
    }

    /// The jobs that a selector means: all that are named, or those of the list that fit it and to which the act can be done.
    ///
    /// # Errors
    /// As [`Context::jobs`]; or when no job fits.
    pub fn selected(store: &Store, selector: &Selector, can_be_done: impl Fn(&Job) -> bool) -> Result<Vec<Job>, Problem> {
        if !selector.ids.is_empty() {
            return Self::jobs(store, &selector.ids);
        }
        let mut fits = filter(&selector.state, selector.tag.as_ref(), selector.query.as_ref());
        let mut jobs = store.jobs()?;
        jobs.retain(|job| !job.removed && fits(job) && can_be_done(job));
        jobs.sort_by_key(|job| (job.place, job.id));
        if jobs.is_empty() {
            return Err(Problem::input("no_such_job", "no job fits; nothing was changed", "`mj-enhance list` shows the jobs"));
        }
        Ok(jobs)
    }

    /// The service, and a runtime to call it on.
    ///
    /// # Errors
    /// When there is no key, or the client cannot be made.
    pub fn service(&self) -> Result<(tokio::runtime::Runtime, Client), Problem> {
        let key = self.config.key.read(&self.env)?;
        let client = Client::new(&ClientOptions { base_url: self.config.base_url.clone(), key })?;
        Ok((start::runtime()?, client))
    }

    /// What a remark says when nobody would act on it.
    pub fn engine_hint(&self) -> Option<&'static str> {
        Store::engine_pid(&self.config.data_dir)
            .is_none()
            .then_some("no engine is running: open `mj-enhance`, or start `mj-enhance run --until-idle`")
    }
}

/// Says what a person should know about how a store was opened.
fn told(store: Store) -> Store {
    if let Some(remark) = store.remark() {
        Out::status(notices::remark(remark));
    }
    store
}

/// Whether a job is in one of these states (any, for none), has this tag, and fits this query.
pub fn filter(states: &[State], tag: Option<&Tag>, query: Option<&Query>) -> impl FnMut(&Job) -> bool {
    let mut searcher = Searcher::default();
    let now = now();
    move |job| {
        (states.is_empty() || states.contains(&job.state()))
            && (tag.is_none() || tag == job.tag.as_ref())
            && query.is_none_or(|query| query.matches(job, job.progress(), now, &mut searcher))
    }
}

/// Now, in whole milliseconds: finer times only make output longer.
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// Our id, a beginning of it that only one job has, or a task id.
fn find(store: &Store, name: &str) -> Result<Result<Job, String>, Problem> {
    let name = name.trim();
    if name.is_empty() {
        return Ok(Err("is empty".to_owned()));
    }
    let lower = name.to_ascii_lowercase();
    let mut found = store.find(name)?;
    if lower != name {
        found.extend(store.find(&lower)?);
    }
    found.sort_by_key(|job| job.id);
    found.dedup_by_key(|job| job.id);
    let is_exact = |job: &Job| job.id.to_string() == lower || job.task.as_ref().is_some_and(|task| task.as_str() == name);
    if let Some(exact) = found.iter().position(is_exact) {
        return Ok(Ok(found.swap_remove(exact)));
    }
    found.retain(|job| job.id.to_string().starts_with(&lower));
    Ok(match found.len() {
        0 => Err("no job has this id".to_owned()),
        1 => Ok(found.remove(0)),
        n => {
            let few: Vec<String> = found.iter().take(4).map(|job| job.id.to_string()).collect();
            Err(format!("{n} ids begin so ({}{})", few.join(", "), if n > 4 { ", …" } else { "" }))
        }
    })
}
