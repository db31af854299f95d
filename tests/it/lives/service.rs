//! What the modelled service answers, and what it does with a paid request.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use mj_enhance::api::{ApiError, Balance, ListPage, ListQuery, Service, Submitted, TaskRow};
use mj_enhance::fetch::{FetchError, FetchRequest, Fetcher};
use mj_enhance::job::{Credits, ErrorClass, IdempotencyKey, Model, SavedFile, TaskId, TaskReport, TaskStatus};

use super::books::OnTheWay;
use super::world::{World, error};

const NETWORK: ErrorClass = ErrorClass::Network;

impl World {
    async fn read_trouble(&self) -> Result<(), ApiError> {
        self.begin(false).await;
        tokio::time::sleep(self.millis(20..400)).await;
        if let Some(page) = self.portal() {
            return Err(page);
        }
        let faults = self.faults();
        if self.roll(faults.read_429) {
            self.count("429 on a read");
            return Err(self.refuse_429());
        }
        if self.roll(faults.read_fails) {
            self.count("read lost");
            return Err(error(NETWORK, "timeout", None));
        }
        self.answered();
        if self.roll(faults.read_nonsense) {
            self.count("read: an answer about something else");
            return Err(error(ErrorClass::InvalidResponse, "other_task", Some(200)));
        }
        Ok(())
    }

    async fn serve_submit(&self, token: u64, key: &str, body: &str) -> Result<Submitted, ApiError> {
        tokio::time::sleep(self.millis(20..900)).await;
        if self.off_the_way(token) {
            tokio::time::sleep(self.millis(0..30_000)).await;
            return Err(error(NETWORK, "timeout", None));
        }
        if let Some(page) = self.portal() {
            return Err(page);
        }
        if self.books.lock().unwrap().refused_keys.contains(key) {
            self.count("submit: an earlier refusal again");
            return Err(error(ErrorClass::Balance, "insufficient_quota", Some(402)));
        }
        let faults = self.faults();
        for (chance, what, class, code, status) in [
            (faults.submit_lost_before, "submit lost before it was taken", NETWORK, "reset", None),
            (faults.submit_no_capacity, "submit: no capacity", ErrorClass::NoCapacity, "no_available_channel", Some(400)),
            (faults.submit_402, "submit: no balance", ErrorClass::Balance, "insufficient_quota", Some(402)),
            (faults.submit_401, "submit: key refused", ErrorClass::Login, "unauthorized", Some(401)),
            (faults.submit_rejected, "submit: rejected", ErrorClass::BadRequest, "invalid_parameters", Some(400)),
            (faults.submit_5xx, "submit: 5xx", ErrorClass::Server, "internal_error", Some(500)),
        ] {
            if self.roll(chance) {
                self.count(what);
                if class == ErrorClass::Balance {
                    self.remember_refusal(key);
                }
                return Err(error(class, code, status));
            }
        }
        if self.roll(faults.submit_429) {
            self.count("submit: 429");
            return Err(self.refuse_429());
        }
        if self.roll(faults.submit_late) {
            self.count("submit: the line broke, and the request arrived later");
            let (server, key, body) = (self.clone(), key.to_owned(), body.to_owned());
            let later = self.millis(0..25_000);
            let token = self.on_the_way(&key, &body);
            tokio::spawn(async move {
                tokio::time::sleep(later).await;
                if !server.off_the_way(token) {
                    server.comes_through(&key, &body);
                }
            });
            return Err(error(NETWORK, "reset", None));
        }
        let (id, replayed) = match self.remembered(key) {
            Some(id) => {
                self.count("replayed");
                (id, true)
            }
            None => (self.create(key, body), false),
        };
        if self.roll(faults.submit_unknown) {
            self.count("submit: outcome unknown");
            return Err(error(ErrorClass::PaidOutcomeUnknown, "paid_outcome_unknown", Some(409)));
        }
        if self.roll(faults.submit_nonsense) {
            self.count("submit: a page with status 200");
            return Err(error(ErrorClass::InvalidResponse, "unreadable_answer", Some(200)));
        }
        if self.roll(faults.submit_lost_after) {
            self.count("submit lost after the task was made");
            tokio::time::sleep(self.millis(0..30_000)).await;
            return Err(error(NETWORK, "timeout", None));
        }
        let named = self.roll(faults.submit_wrong_id).then(|| self.wrong_id(&id, key, body)).flatten();
        let mut report = TaskReport::new(named.clone().unwrap_or_else(|| id.clone()), TaskStatus::Pending);
        report.seconds_left = Some(45);
        let mut books = self.books.lock().unwrap();
        report.created = books.tasks.get(&report.id).map(|task| self.there(task.created));
        report.reserved = books.tasks.get(&id).and_then(|task| task.reserve);
        if named.is_some() {
            books.count("submit: another task's id");
            books.permissions.tell_nothing(key);
        } else if let Some(reserve) = report.reserved.filter(|_| !self.is_dead()) {
            if replayed {
                books.permissions.tell_repeated(key, reserve);
            } else {
                books.permissions.tell_amount(key, reserve, "reserve");
            }
        }
        Ok(Submitted { report, replayed })
    }

    /// The id of the source, or of another task of the account. One that was made after this request had left, or in the second
    /// before it (times are told in whole seconds), is what a right answer names: that no answer swaps two such tasks is believed.
    fn wrong_id(&self, right: &TaskId, key: &str, body: &str) -> Option<TaskId> {
        let others: Vec<TaskId> = self.books.lock().unwrap().tasks.keys().filter(|id| *id != right).cloned().collect();
        if others.is_empty() || self.roll(0.5) {
            let body: serde_json::Value = serde_json::from_str(body).ok()?;
            // A draft has no source.
            return TaskId::new(body["model_params"]["task_id"].as_str()?).ok();
        }
        let at = usize::try_from(self.number(0..others.len() as u64)).unwrap_or_default();
        let books = self.books.lock().unwrap();
        let first = books.permissions.first_left(key)?;
        let is_older = first.duration_since(books.tasks[&others[at]].created) > SignedDuration::from_secs(1);
        is_older.then(|| others[at].clone())
    }

    /// Some gateways remember an answer by its key, also where it was a refusal.
    fn remember_refusal(&self, key: &str) {
        let mut books = self.books.lock().unwrap();
        if books.remembers_refusals && !books.by_key.contains_key(key) {
            books.refused_keys.insert(key.to_owned());
        }
    }

    fn on_the_way(&self, key: &str, body: &str) -> u64 {
        let mut books = self.books.lock().unwrap();
        books.next += 1;
        let token = books.next;
        books.on_the_way.insert(token, OnTheWay { key: key.to_owned(), body: body.to_owned(), slept: false });
        token
    }

    /// A request has come through; whether the machine slept meanwhile.
    fn off_the_way(&self, token: u64) -> bool {
        self.books.lock().unwrap().on_the_way.remove(&token).is_some_and(|request| request.slept)
    }
}

/// A paid request whose caller waits; a caller that is gone waits no more.
struct Open {
    world: World,
    key: String,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.world.books.lock().unwrap().keys_in_air.remove(&self.key);
    }
}

impl Service for World {
    fn submit<'a>(&'a self, key: &'a IdempotencyKey, body: &'a str) -> BoxFuture<'a, Result<Submitted, ApiError>> {
        let world = self.clone();
        let (key, body) = (key.as_str().to_owned(), body.to_owned());
        async move {
            world.begin(true).await;
            world.leaves(&key, &body);
            let _open = Open { world: world.clone(), key: key.clone() };
            let token = world.on_the_way(&key, &body);
            // What reaches the service goes on there, even when the caller dies: so it runs on its own.
            let server = world.clone();
            let (k, b) = (key.clone(), body);
            let answer = tokio::spawn(async move { server.serve_submit(token, &k, &b).await }).await.unwrap();
            world.arrives(&key, &answer);
            answer
        }
        .boxed()
    }

    fn task<'a>(&'a self, id: &'a TaskId) -> BoxFuture<'a, Result<TaskReport, ApiError>> {
        async move {
            self.read_trouble().await?;
            if self.roll(self.faults().read_missing) {
                self.count("task missing in a read");
                return Err(error(ErrorClass::NotFound, "task_not_found", Some(404)));
            }
            self.report(id).ok_or_else(|| error(ErrorClass::NotFound, "task_not_found", Some(404)))
        }
        .boxed()
    }

    fn batch<'a>(&'a self, ids: &'a [TaskId]) -> BoxFuture<'a, Result<Vec<TaskReport>, ApiError>> {
        async move {
            if ids.len() > 50 {
                self.books.lock().unwrap().broken.push(format!("a batch of {}", ids.len()));
            }
            self.read_trouble().await?;
            let missing = self.faults().read_missing;
            Ok(ids.iter().filter(|_| !self.roll(missing)).filter_map(|id| self.report(id)).collect())
        }
        .boxed()
    }

    fn list(&self, query: ListQuery) -> BoxFuture<'_, Result<ListPage, ApiError>> {
        async move {
            self.read_trouble().await?;
            if self.books.lock().unwrap().list_is_lost {
                self.count("the list is lost");
                return Err(ApiError { is_json: false, ..error(ErrorClass::NotFound, "http_404", Some(404)) });
            }
            if self.roll(self.faults().list_fails) {
                self.count("list failed");
                return Err(error(ErrorClass::Server, "", Some(500)));
            }
            self.count("list");
            let row = |id: TaskId, model: Model, status, created: Timestamp, used: Option<Credits>| TaskRow {
                id,
                model: model.wire_name().into(),
                status,
                percent: None,
                created_at: Timestamp::from_second(created.as_second()).ok(),
                result_count: None,
                used,
            };
            let mut rows: Vec<(Timestamp, TaskRow)> = self
                .listed()
                .into_iter()
                .map(|(created, id, status, model, used)| (created, row(id, model, status, created, used)))
                .collect();
            // Of other programs: a task of this minute that was no draft, as its price shows, and others of last week.
            let others = [(Model::Draft, 0, 4), (Model::Enhance, 7 * 86_400, 1), (Model::Draft, 8 * 86_400, 1)];
            rows.extend(others.iter().map(|(model, ago, times)| {
                let from = if *ago == 0 { self.service_now() } else { self.service_start() };
                let created = from - SignedDuration::from_secs(*ago);
                let id = TaskId::new(&format!("task-unified-{}-stranger", created.as_second())).unwrap();
                (created, row(id, *model, TaskStatus::Completed, created, Some(model.published_price() * *times)))
            }));
            // Half of the worlds know the filter.
            if self.knows_filters() {
                rows.retain(|(_, row)| query.model.is_none_or(|model| row.model == model.wire_name()));
            }
            rows.sort_by_key(|(created, row)| (std::cmp::Reverse(*created), std::cmp::Reverse(row.id.clone())));
            let skip = ((query.page - 1) * query.page_size) as usize;
            let total = rows.len() as u64;
            let rows = rows.into_iter().skip(skip).take(query.page_size as usize).map(|(_, row)| row).collect();
            Ok(ListPage { rows, unreadable: 0, total: Some(total) })
        }
        .boxed()
    }

    fn credits(&self) -> BoxFuture<'_, Result<Balance, ApiError>> {
        async move {
            self.read_trouble().await?;
            Ok(Balance { account: "100000".parse().unwrap(), key: None, key_today: None, reset_timezone: None })
        }
        .boxed()
    }

    fn models(&self) -> BoxFuture<'_, Result<Vec<String>, ApiError>> {
        async { Ok(vec!["mj-v7-enhance".into()]) }.boxed()
    }

    fn time(&self) -> Option<Timestamp> {
        self.server_time()
    }

    fn price(&self, model: Model) -> BoxFuture<'_, Result<Credits, ApiError>> {
        async move {
            self.price_is_asked(model);
            self.read_trouble().await?;
            let price = self.books.lock().unwrap().prices.of(model);
            self.price_is_told(model, price);
            Ok(price)
        }
        .boxed()
    }
}

impl Fetcher for World {
    fn fetch<'a>(&'a self, request: &'a FetchRequest) -> BoxFuture<'a, Result<Vec<SavedFile>, FetchError>> {
        async move {
            if self.is_dead() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(self.millis(50..2_000)).await;
            if let Some(page) = self.portal() {
                return Err(FetchError::NoPicture(page.code));
            }
            let faults = self.faults();
            for (chance, what, trouble) in [
                (faults.fetch_passes, "download cut", FetchError::Passing("cut".into())),
                (faults.fetch_expired, "link refused", FetchError::NoPicture("403".into())),
                (faults.fetch_refused, "result refused", FetchError::Refused("a page".into())),
                (faults.fetch_local, "disk full", FetchError::ResultsDiskFull("disk full".into())),
            ] {
                if self.roll(chance) {
                    self.count(what);
                    return Err(trouble);
                }
            }
            *self.books.lock().unwrap().saved.entry(request.task.clone()).or_default() += 1;
            let file = |link: &String| SavedFile {
                path: PathBuf::from(format!("/results/{}", link.len())),
                sha256: "0".repeat(64),
                bytes: 1,
            };
            Ok(request.links.iter().map(file).collect())
        }
        .boxed()
    }
}

/// How long leaving waits at most for the answer to an open paid request, with room to spare.
pub const LEAVING: Duration = Duration::from_secs(1);
