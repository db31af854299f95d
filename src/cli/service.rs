//! `drafts` and `credits`: free questions to the service.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::args::DraftsArgs;
use super::context::{Context, now};
use super::exit::Exit;
use super::json::SCHEMA;
use super::out::{Out, Paint};
use super::problem::{Outcome, Problem};
use crate::api::{ListQuery, Service, TaskRow};
use crate::job::{Credits, Job, Model, TaskId, TaskReport, text};

/// The published price of a draft. A task does not say that it was a draft; the price is the only hint.
const DRAFT_PRICE: Credits = Credits::from_uc(27_000);

/// Most rows and ids of one request.
const PAGE: u32 = 50;

/// Lists finished `mj-v7` tasks that can probably be enhanced.
pub fn drafts(args: &DraftsArgs, context: &Context) -> Outcome {
    let (runtime, client) = context.service()?;
    let rows = runtime.block_on(rows(&client, args.limit))?;
    let ids: Vec<TaskId> = rows.iter().map(|row| row.id.clone()).collect();
    let reports = runtime.block_on(reports(&client, &ids))?;
    let jobs = match context.store_to_read()? {
        Some(store) => store.jobs()?,
        None => Vec::new(),
    };
    let mut shown = 0;
    for row in &rows {
        let report = reports.get(&row.id);
        let price = row.used.or_else(|| report.and_then(|report| report.used.or(report.reserved)));
        let guess = guess(price);
        if guess == Guess::No && !args.all {
            continue;
        }
        if args.specs {
            let images = match pictures_of(row, report) {
                Some(0 | 1) => "0".to_owned(),
                Some(count) => format!("0-{}", count.min(4) - 1),
                None => "0-3".to_owned(),
            };
            context.out.object(&json!({ "schema": SCHEMA, "spec": format!("{} {images}", row.id) }))?;
            if !context.out.json {
                context.out.line(&format!("{} {images}", row.id))?;
            }
            shown += 1;
            continue;
        }
        if shown == 0 && !context.out.json {
            let head =
                format!("{:<44}  {:>6}  {:>8}  {:>7}  {:<12}  JOBS", "DRAFT", "AGE", "PICTURES", "CREDITS", "LIKELY DRAFT");
            context.out.line(&context.out.paint(Paint::Bold, &head))?;
        }
        shown += 1;
        let pictures = pictures_of(row, report);
        tell(row, pictures, price, guess, &jobs, context)?;
    }
    Out::status(&format!(
        "{} shown of {} checked. Certain: these are finished mj-v7 tasks of your account. Guessed: which ones are drafts, from the \
         price ({DRAFT_PRICE} credits when last published); the service does not say. With fewer than 4 pictures, numbers may not match.",
        text::count(shown, "task"),
        rows.len()
    ));
    Ok(Exit::Ok)
}

/// How many pictures a task has, where that is known.
fn pictures_of(row: &TaskRow, report: Option<&TaskReport>) -> Option<u32> {
    report.map(|report| u32::try_from(report.links.len()).unwrap_or(u32::MAX)).or(row.result_count)
}

fn tell(
    row: &TaskRow,
    pictures: Option<u32>,
    price: Option<Credits>,
    guess: Guess,
    jobs: &[Job],
    context: &Context,
) -> Result<(), Problem> {
    let of_it: Vec<&Job> = jobs.iter().filter(|job| job.kind.is_of(&row.id)).collect();
    let listed: Vec<Value> = of_it
        .iter()
        .map(|job| json!({ "id": job.id.to_string(), "image_number": job.kind.source().map(|(_, image)| image.get()), "state": job.state().word() }))
        .collect();
    context.out.object(&json!({
        "schema": SCHEMA,
        "source_task": row.id.as_str(),
        "created_at": row.created_at.map(|at| at.to_string()),
        "pictures": pictures,
        "credits_charged": price.map(|amount| amount.to_string()),
        "draft": guess.word(),
        "jobs": listed,
    }))?;
    if context.out.json {
        return Ok(());
    }
    let words: Vec<String> = of_it
        .iter()
        .map(|job| format!("{}:{}", job.kind.source().map_or_else(String::new, |(_, image)| image.to_string()), job.state()))
        .collect();
    let line = format!(
        "{:<44}  {:>6}  {:>8}  {:>7}  {:<12}  {}",
        row.id,
        row.created_at.map_or_else(|| "?".to_owned(), age),
        pictures.map_or_else(|| "?".to_owned(), |n| n.to_string()),
        price.map_or_else(|| "?".to_owned(), |amount| amount.to_string()),
        guess.word(),
        words.join(" ")
    );
    context.out.line(line.trim_end())
}

/// How long ago, in the largest unit that holds it.
fn age(at: Timestamp) -> String {
    let seconds = now().duration_since(at).as_secs().max(0);
    let (size, unit) =
        [(86_400, "d"), (3_600, "h"), (60, "m")].into_iter().find(|(size, _)| seconds >= *size).unwrap_or((1, "s"));
    format!("{}{unit}", seconds / size)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Guess {
    Likely,
    No,
    Unknown,
}

impl Guess {
    const fn word(self) -> &'static str {
        match self {
            Self::Likely => "likely",
            Self::No => "no",
            Self::Unknown => "maybe",
        }
    }
}

/// By the price: the published one is a draft; the fast and turbo prices are none; discounts make others possible.
fn guess(price: Option<Credits>) -> Guess {
    match price {
        Some(DRAFT_PRICE) => Guess::Likely,
        Some(price) if price == DRAFT_PRICE * 2 || price == DRAFT_PRICE * 4 => Guess::No,
        _ => Guess::Unknown,
    }
}

async fn rows(client: &impl Service, limit: u32) -> Result<Vec<TaskRow>, Problem> {
    let mut rows: Vec<TaskRow> = Vec::new();
    let mut page = 1;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    while rows.len() < limit {
        let query = ListQuery { model: Some(Model::Draft), status: Some("completed"), page, page_size: PAGE };
        let answer = client.list(query).await?;
        let full = answer.rows.len() >= PAGE as usize;
        for row in answer.rows {
            // The list may shift between two pages, so a row can come twice.
            if row.model == "mj-v7" && !rows.iter().any(|known| known.id == row.id) {
                rows.push(row);
            }
        }
        if !full {
            break;
        }
        page += 1;
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
    out.line(&format!("  account    {}", balance.account))?;
    out.line(&format!(
        "  key        {}",
        balance.key.map_or_else(|| "no limit of its own".to_owned(), |amount| amount.to_string())
    ))?;
    if let Some(today) = balance.key_today {
        let zone = balance
            .reset_timezone
            .as_deref()
            .map_or_else(String::new, |zone| format!(", renewed at midnight in {}", text::clean(zone)));
        out.line(&format!("  key today  {today}{zone}"))?;
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_price_hints_at_a_draft() {
        let amount = |text: &str| Some(text.parse().unwrap());
        assert_eq!(guess(amount("2.7")), Guess::Likely);
        assert_eq!(guess(amount("5.4")), Guess::No);
        assert_eq!(guess(amount("10.8")), Guess::No);
        assert_eq!(guess(amount("2.43")), Guess::Unknown);
        assert_eq!(guess(None), Guess::Unknown);
    }
}
