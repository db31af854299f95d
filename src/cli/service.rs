//! `drafts` and `credits`: free questions to the service.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::args::DraftsArgs;
use super::context::{Context, now};
use super::exit::Exit;
use super::json::SCHEMA;
use super::out::{Out, Paint};
use super::problem::{Outcome, Problem};
use super::session;
use crate::api::{ListQuery, Service, TaskRow};
use crate::fetch::{FetchRequest, Fetcher as _};
use crate::job::drafts::{Draft, DraftRow, Known, merge};
use crate::job::{Credits, ImageNumber, JobKind, Model, Prices, Prompt, SavedFile, TaskId, TaskReport, text};

/// Most rows and ids of one request.
const PAGE: u32 = 50;

/// Lists finished `mj-v7` tasks that can probably be enhanced.
pub fn drafts(args: &DraftsArgs, context: &Context) -> Outcome {
    if args.save {
        context.may_write()?;
    }
    let (runtime, client) = context.service()?;
    let rows = runtime.block_on(rows(&client, args.limit))?;
    let ids: Vec<TaskId> = rows.iter().map(|row| row.id.clone()).collect();
    let batch = runtime.block_on(reports(&client, &ids))?;
    let (jobs, kept, prices) = match context.store_to_read()? {
        Some(store) => (store.jobs()?, store.drafts()?.1, store.settings()?.prices()),
        None => (Vec::new(), Vec::new(), Prices::PUBLISHED),
    };
    let told: Vec<DraftRow> = rows.iter().map(|row| told_of(row, batch.get(&row.id), &kept)).collect();
    let of_list: HashSet<&TaskId> = told.iter().map(|row| &row.task).collect();
    let mut drafts = merge(&jobs, &told, &prices);
    drafts.retain(|draft| {
        of_list.contains(&draft.task) && (args.all || draft.known != Known::No) && (args.hidden || !draft.hidden)
    });
    let mut saved = HashMap::new();
    if args.save {
        saved = save(&drafts, &told, &runtime, context)?;
    }
    if !args.specs && !context.out.json && !context.out.linear && !drafts.is_empty() {
        let head = format!("{:<44}  {:>6}  {:>8}  {:>7}  {:<12}  JOBS", "DRAFT", "AGE", "PICTURES", "CREDITS", "LIKELY DRAFT");
        context.out.line(&context.out.paint(Paint::Bold, &head))?;
    }
    for draft in &drafts {
        if args.specs {
            let spec = format!("{} {}", draft.task, numbers(draft));
            context.out.object(&json!({ "schema": SCHEMA, "spec": spec }))?;
            if !context.out.json {
                context.out.line(&spec)?;
            }
        } else {
            let own = draft.job.and_then(|id| jobs.iter().find(|job| job.id == id)).map(|job| &job.files);
            let files = own.or_else(|| saved.get(&draft.task)).map_or(&[][..], Vec::as_slice);
            tell(draft, files, context)?;
        }
    }
    Out::status(&format!(
        "{} shown of {} checked. Certain: these are finished mj-v7 tasks of your account. Guessed: which ones are drafts, from the \
         price ({} credits when last published); the service does not say. With fewer than 4 pictures, numbers may not match.",
        text::count(drafts.len(), "task"),
        rows.len(),
        Model::Draft.published_price()
    ));
    Ok(Exit::Ok)
}

/// What the list and the batch tell of a task, and what the user said of it.
fn told_of(row: &TaskRow, report: Option<&TaskReport>, kept: &[DraftRow]) -> DraftRow {
    let said = kept.iter().find(|kept| kept.task == row.id);
    let links = report.map(|report| report.links.clone()).unwrap_or_default();
    DraftRow {
        // A row without a time is listed all the same, with the oldest.
        made_at: Some(row.created_at.unwrap_or(Timestamp::UNIX_EPOCH)),
        pictures: report.map(|report| report.links.len()).or_else(|| usize::try_from(row.result_count?).ok()),
        price: row.used.or_else(|| report.and_then(|report| report.used.or(report.reserved))),
        links,
        hidden: said.is_some_and(|said| said.hidden),
        note: said.and_then(|said| said.note.clone()),
        ..DraftRow::new(row.id.clone())
    }
}

/// The numbers of its pictures, as `add` reads them.
fn numbers(draft: &Draft) -> String {
    match draft.pictures {
        Some(0 | 1) => "0".to_owned(),
        Some(count) => format!("0-{}", count.min(Model::MOST_PICTURES) - 1),
        None => "0-3".to_owned(),
    }
}

fn tell(draft: &Draft, files: &[SavedFile], context: &Context) -> Result<(), Problem> {
    let listed: Vec<Value> = draft
        .children
        .iter()
        .map(|child| json!({ "id": child.job.to_string(), "image_number": child.image.get(), "state": child.state.word() }))
        .collect();
    let files: Vec<Value> = files
        .iter()
        .map(|file| json!({ "path": file.path.to_string_lossy(), "sha256": file.sha256, "bytes": file.bytes }))
        .collect();
    let made_at = draft.made_at.filter(|at| *at != Timestamp::UNIX_EPOCH);
    context.out.object(&json!({
        "schema": SCHEMA,
        "source_task": draft.task.as_str(),
        "created_at": made_at.map(|at| at.to_string()),
        "pictures": draft.pictures,
        "credits_charged": draft.price.map(|amount| amount.to_string()),
        "draft": draft.known.word(),
        "jobs": listed,
        "prompt": draft.prompt.as_ref().map(Prompt::as_str),
        "tag": draft.label(),
        "files": files,
        "hidden": draft.hidden,
    }))?;
    if context.out.json {
        return Ok(());
    }
    if context.out.linear {
        return context.out.line(&sentence(draft, made_at));
    }
    let mut words: Vec<String> = draft.children.iter().map(|child| format!("{}:{}", child.image, child.state)).collect();
    words.extend(draft.prompt.as_ref().map(|prompt| JobKind::Draft { prompt: prompt.clone(), template: None }.label()));
    let line = format!(
        "{:<44}  {:>6}  {:>8}  {:>7}  {:<12}  {}",
        draft.task,
        made_at.map_or_else(|| "?".to_owned(), age),
        draft.pictures.map_or_else(|| "?".to_owned(), |n| n.to_string()),
        draft.price.map_or_else(|| "?".to_owned(), |amount| amount.to_string()),
        draft.known.word(),
        words.join(" ")
    );
    context.out.line(line.trim_end())
}

/// A draft as it is read aloud.
fn sentence(draft: &Draft, made_at: Option<Timestamp>) -> String {
    let made = made_at.map_or_else(|| "made at a time that is not known".to_owned(), |at| format!("made {} ago", long_age(at)));
    let pictures = draft.pictures.map_or_else(|| "pictures not known".to_owned(), |n| text::count(n, "picture"));
    let price = draft.price.map_or_else(|| "price not known".to_owned(), |amount| format!("{amount} credits"));
    let known = match draft.known {
        Known::Ours => "a draft of ours",
        Known::Likely => "likely a draft",
        Known::Maybe => "maybe a draft",
        Known::No => "no draft",
    };
    let stands = format!("{} is {known}, {made}: {pictures}, {price}.", draft.task);
    let prompt = draft.prompt.as_ref().map(|prompt| format!("Prompt: {prompt}."));
    let jobs: Vec<String> = draft.children.iter().map(|child| format!("picture {} is {}", child.image, child.state)).collect();
    let enhanced = (!jobs.is_empty()).then(|| format!("Enhanced: {}.", jobs.join(", ")));
    [Some(stands), prompt, enhanced].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Fetches the pictures of other programs' drafts to where those of ours go, and notes where they are. What cannot be had is
/// named and left; ours come by their jobs.
fn save(
    drafts: &[Draft],
    told: &[DraftRow],
    runtime: &tokio::runtime::Runtime,
    context: &Context,
) -> Result<HashMap<TaskId, Vec<SavedFile>>, Problem> {
    let fetcher = session::downloader(context)?;
    let mut store = context.store()?;
    let mut saved = HashMap::new();
    for draft in drafts {
        if let Some(job) = draft.job {
            if draft.files.is_empty() {
                Out::status(&format!("{}: not saved yet; `mj-enhance fetch {job}` fetches it", draft.task));
            }
            continue;
        }
        if draft.links.is_empty() {
            Out::status(&format!("{}: the service gave no links to its pictures", draft.task));
            continue;
        }
        let made_at = draft.made_at.unwrap_or_else(now).to_zoned(jiff::tz::TimeZone::system());
        let mut sidecar = serde_json::Map::new();
        sidecar.insert("kind".into(), Model::Draft.word().into());
        sidecar.insert("task_id".into(), draft.task.as_str().into());
        let request = FetchRequest {
            links: draft.links.clone(),
            date: made_at.date().to_string(),
            tag: draft.label().map(str::to_owned),
            task: draft.task.as_str().to_owned(),
            image: None,
            job: draft.task.short().to_owned(),
            sidecar,
        };
        match runtime.block_on(fetcher.fetch(&request)) {
            Ok(files) => {
                for file in &files {
                    Out::status(&format!("saved {}", text::clean(&file.path.display().to_string())));
                }
                let row: Vec<DraftRow> = told.iter().filter(|row| row.task == draft.task).cloned().collect();
                store.save_listed_drafts(&row)?;
                let paths: Vec<_> = ImageNumber::ALL.into_iter().zip(&files).map(|(n, file)| (n, file.path.clone())).collect();
                store.save_draft_files(&draft.task, &paths, Some(now()))?;
                saved.insert(draft.task.clone(), files);
            }
            Err(error) if error.is_local() => {
                return Err(Problem::input(
                    "unusable_folder",
                    error.to_string(),
                    "fix the folder, or set results_dir to another one",
                ));
            }
            Err(error) => Out::status(&format!("{}: {error}", draft.task)),
        }
    }
    Ok(saved)
}

/// How long ago, in the largest unit that holds it.
fn age(at: Timestamp) -> String {
    let (n, unit) = largest_unit(at);
    format!("{n}{}", &unit[..1])
}

/// The same in full words.
fn long_age(at: Timestamp) -> String {
    let (n, unit) = largest_unit(at);
    text::count(usize::try_from(n).unwrap_or(usize::MAX), unit)
}

fn largest_unit(at: Timestamp) -> (i64, &'static str) {
    let seconds = now().duration_since(at).as_secs().max(0);
    let (size, unit) = [(86_400, "day"), (3_600, "hour"), (60, "minute")]
        .into_iter()
        .find(|(size, _)| seconds >= *size)
        .unwrap_or((1, "second"));
    (seconds / size, unit)
}

async fn rows(client: &impl Service, limit: u32) -> Result<Vec<TaskRow>, Problem> {
    let mut rows: Vec<TaskRow> = Vec::new();
    let mut seen = HashSet::new();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    for page in 1.. {
        let query = ListQuery { model: Some(Model::Draft), status: Some("completed"), page, page_size: PAGE };
        let answer = client.list(query).await?;
        let full = answer.rows.len() + answer.unreadable >= PAGE as usize;
        let before = seen.len();
        // The list may shift between two pages, so a row can come twice.
        let new = answer.rows.into_iter().filter(|row| seen.insert(row.id.clone()));
        rows.extend(new.filter(|row| Model::Draft.is_named(&row.model)));
        // A gateway that counts no pages would give the same one for ever.
        if !full || rows.len() >= limit || seen.len() == before {
            break;
        }
    }
    rows.truncate(limit);
    Ok(rows)
}

async fn reports(client: &impl Service, ids: &[TaskId]) -> Result<HashMap<TaskId, TaskReport>, Problem> {
    let mut reports = HashMap::new();
    for ids in ids.chunks(PAGE as usize) {
        for report in client.batch(ids).await? {
            reports.insert(report.id.clone(), report);
        }
    }
    Ok(reports)
}

/// Shows what a send can draw on.
pub fn credits(context: &Context) -> Outcome {
    let (runtime, client) = context.service()?;
    let balance = runtime.block_on(client.credits())?;
    context.out.object(&json!({
        "schema": SCHEMA,
        "at": now().to_string(),
        "usable": balance.usable().to_string(),
        "account": balance.account.to_string(),
        "key": balance.key.map(|amount| amount.to_string()),
        "key_today": balance.key_today.map(|amount| amount.to_string()),
        "reset_timezone": balance.reset_timezone,
    }))?;
    if context.out.json {
        return Ok(Exit::Ok);
    }
    let out = context.out;
    let enhances = balance.usable().uc() / Credits::PUBLISHED_PRICE.uc();
    out.line(&format!(
        "{} credits can be spent: about {enhances} enhances at {} credits.",
        balance.usable(),
        Credits::PUBLISHED_PRICE
    ))?;
    out.field("account", 10, &balance.account.to_string())?;
    out.field("key", 10, &balance.key.map_or_else(|| "no limit of its own".to_owned(), |amount| amount.to_string()))?;
    if let Some(today) = balance.key_today {
        let zone = balance
            .reset_timezone
            .as_deref()
            .map_or_else(String::new, |zone| format!(", renewed at midnight in {}", text::clean(zone)));
        out.field("key today", 10, &format!("{today}{zone}"))?;
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use futures_util::future::{BoxFuture, pending, ready};

    use super::*;
    use crate::api::{ApiError, Balance, ListPage, Submitted};
    use crate::job::{IdempotencyKey, TaskStatus};

    /// A gateway with so many pages, or one that counts none and gives the first each time.
    struct Gateway {
        pages: Option<u32>,
        unreadable: usize,
    }

    impl Gateway {
        fn page(&self, page: u32) -> ListPage {
            let row = |n: u32| TaskRow {
                id: TaskId::new(&format!("task-unified-1-{n}")).unwrap(),
                model: Model::Draft.wire_name().to_owned(),
                status: TaskStatus::Completed,
                percent: None,
                created_at: None,
                result_count: None,
                used: None,
            };
            let page = self.pages.map_or(1, |_| page);
            let rows = if self.pages.is_some_and(|pages| page > pages) { 0 } else { PAGE };
            let rows = (0..rows).map(|n| row((page - 1) * PAGE + n)).skip(self.unreadable).collect();
            ListPage { rows, unreadable: self.unreadable, total: None }
        }
    }

    impl Service for Gateway {
        fn submit<'a>(&'a self, _: &'a IdempotencyKey, _: &'a str) -> BoxFuture<'a, Result<Submitted, ApiError>> {
            pending().boxed()
        }
        fn task<'a>(&'a self, _: &'a TaskId) -> BoxFuture<'a, Result<TaskReport, ApiError>> {
            pending().boxed()
        }
        fn batch<'a>(&'a self, _: &'a [TaskId]) -> BoxFuture<'a, Result<Vec<TaskReport>, ApiError>> {
            pending().boxed()
        }
        fn list(&self, query: ListQuery) -> BoxFuture<'_, Result<ListPage, ApiError>> {
            assert!(query.page <= 10, "it ends");
            ready(Ok(self.page(query.page))).boxed()
        }
        fn credits(&self) -> BoxFuture<'_, Result<Balance, ApiError>> {
            pending().boxed()
        }
        fn models(&self) -> BoxFuture<'_, Result<Vec<String>, ApiError>> {
            pending().boxed()
        }
        fn time(&self) -> Option<Timestamp> {
            None
        }
        fn price(&self, _: Model) -> BoxFuture<'_, Result<Credits, ApiError>> {
            pending().boxed()
        }
    }

    fn listed(gateway: &Gateway, limit: u32) -> usize {
        let Ok(rows) = rows(gateway, limit).now_or_never().unwrap() else { panic!("the gateway answers") };
        rows.len()
    }

    #[test]
    fn the_list_is_read_to_its_end_and_no_further() {
        let gateway = Gateway { pages: Some(3), unreadable: 0 };
        assert_eq!([listed(&gateway, 20), listed(&gateway, 120), listed(&gateway, 10_000)], [20, 120, 150]);
        assert_eq!(listed(&Gateway { pages: None, unreadable: 0 }, 10_000), 50, "the same page for ever is one page");
        assert_eq!(listed(&Gateway { pages: Some(3), unreadable: 1 }, 10_000), 147, "an odd row hides no other page");
    }
}
