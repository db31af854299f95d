//! `list` and `show`: what is in the store.

use super::args::{ListArgs, ShowArgs};
use super::context::{Context, filter};
use super::exit::Exit;
use super::out::{Out, Paint};
use super::problem::{Outcome, Problem};
use super::{json, wording};
use crate::job::{Job, JobKind, State, record, text};
use crate::tui::width::columns;

/// Lists jobs in the order of the queue.
pub fn list(args: &ListArgs, context: &Context) -> Outcome {
    let mut jobs = match context.store_to_read()? {
        Some(store) => store.jobs()?,
        None => Vec::new(),
    };
    let mut fits = filter(&args.state, args.tag.as_ref(), args.query.as_ref());
    jobs.retain(|job| (args.all || !job.removed) && fits(job));
    jobs.sort_by_key(|job| (job.place, job.id));
    if context.out.json {
        for job in &jobs {
            context.out.object(&json::job(job))?;
        }
        return Ok(Exit::Ok);
    }
    if args.quiet {
        for job in &jobs {
            context.out.line(&job.id.to_string())?;
        }
        return Ok(Exit::Ok);
    }
    if jobs.is_empty() {
        Out::status("No jobs; `mj-enhance add` records some.");
        return Ok(Exit::Ok);
    }
    let out = context.out;
    if out.linear {
        for job in &jobs {
            out.line(&wording::row(job))?;
        }
        Out::status(&totals(&jobs));
        return Ok(Exit::Ok);
    }
    // A prompt that has no task yet is longer than the short form of one.
    let widest = jobs.iter().map(|job| columns(&job.label())).max().unwrap_or_default().max(10);
    out.line(&out.paint(
        Paint::Bold,
        &format!("{:<8}  {:<9}  {}  {:<12}  {:>8}  DETAIL", "ID", "STATE", padded("DRAFT", widest), "TAG", "CREDITS"),
    ))?;
    for job in &jobs {
        out.line(&row(job, widest, out))?;
    }
    Out::status(&totals(&jobs));
    Ok(Exit::Ok)
}

/// Text with blanks behind it, so many columns wide: a character may take two.
fn padded(text: &str, width: u16) -> String {
    format!("{text}{}", " ".repeat(usize::from(width.saturating_sub(columns(text)))))
}

fn row(job: &Job, widest: u16, out: Out) -> String {
    // Padded before it is painted: escape codes have a length of their own.
    let state = out.paint(color(job.state()), &format!("{:<9}", job.state()));
    let draft = padded(&job.label(), widest);
    let tag = job.tag.as_ref().map_or("", crate::job::Tag::as_str);
    let credits = if job.charge.is_some() { job.spent().to_string() } else { String::new() };
    let why = match (job.progress().and_then(|p| p.percent), job.reason()) {
        (Some(percent), _) => format!("{} %", percent.get()),
        (None, Some(reason)) => text::shorten(&reason, 60).into_owned(),
        (None, None) => {
            job.files.first().map_or_else(String::new, |file| text::clean(&file.path.display().to_string()).into_owned())
        }
    };
    format!("{:<8}  {state}  {draft}  {:<12}  {credits:>8}  {why}", job.id, text::shorten(tag, 12)).trim_end().to_owned()
}

/// As in the dashboard.
fn color(state: State) -> Paint {
    match state {
        State::Saved => Paint::Green,
        State::Failed => Paint::Red,
        State::Held | State::Unsure => Paint::Yellow,
        State::Sending | State::Running | State::ToFetch | State::Fetching => Paint::Cyan,
        State::Waiting => Paint::Plain,
        State::Cancelled | State::Unwatched => Paint::Dim,
    }
}

/// `3 waiting, 12 saved`: how many stand where.
pub fn totals(jobs: &[Job]) -> String {
    let parts: Vec<String> = State::ALL
        .into_iter()
        .map(|state| (jobs.iter().filter(|job| job.state() == state).count(), state))
        .filter(|(n, _)| *n > 0)
        .map(|(n, state)| format!("{n} {state}"))
        .collect();
    parts.join(", ")
}

/// Shows one job in full.
pub fn show(args: &ShowArgs, context: &Context) -> Outcome {
    let store = context.store_to_read()?.ok_or_else(|| {
        Problem::input(
            "no_such_job",
            format!("{}: the store has no jobs", text::clean(&args.id)),
            "`mj-enhance add` records some",
        )
    })?;
    let jobs = Context::jobs(&store, std::slice::from_ref(&args.id))?;
    let job = &jobs[0];
    context.out.object(&json::job(job))?;
    if context.out.json {
        return Ok(Exit::Ok);
    }
    let out = context.out;
    out.line(&wording::sentence(job))?;
    let field = |name: &str, value: String| if value.is_empty() { Ok(()) } else { out.field(name, 12, &value) };
    match &job.kind {
        JobKind::Enhance { source, image } => field("draft", format!("{source}, image_number {image}"))?,
        JobKind::Draft { prompt, template } => {
            field("prompt", prompt.to_string())?;
            field("template", template.clone().unwrap_or_default())?;
        }
    }
    field("task", job.task.as_ref().map_or_else(String::new, ToString::to_string))?;
    field("request id", job.request_id.clone().unwrap_or_default())?;
    field("money", wording::money(job))?;
    field("verdict", job.verdict.map_or_else(String::new, |verdict| verdict.to_string()))?;
    field("runs again", job.again_of.map_or_else(String::new, |id| id.to_string()))?;
    if let Some(failure) = job.failure() {
        field("error", format!("{}: {}", failure.code, failure.meaning_for(job.kind.model())))?;
        field("message", failure.message.clone())?;
        field("next", record::next_step_of(job, failure).to_owned())?;
    }
    if let crate::job::Phase::Unsure(doubt) = &job.phase {
        let fits: Vec<&str> = doubt.candidates.iter().map(crate::job::TaskId::as_str).collect();
        field("tasks that fit", fits.join(", "))?;
    }
    for file in &job.files {
        field("file", format!("{} ({} bytes)", text::clean(&file.path.display().to_string()), file.bytes))?;
        field("sha256", file.sha256.clone())?;
    }
    field("link expires", job.link_expires_at.filter(|_| job.saved_at.is_none()).map_or_else(String::new, |at| at.to_string()))?;
    for entry in store.timeline(job.id)? {
        let note = text::clean(&entry.note);
        let is_said = note.is_empty() || note == entry.state.word();
        out.line(&match (out.linear, is_said) {
            (true, true) => format!("{:.0}: {}", entry.at, entry.state),
            (true, false) => format!("{:.0}: {}, {note}", entry.at, entry.state),
            (false, _) => format!("  {:.0}  {:<9}  {note}", entry.at, entry.state).trim_end().to_owned(),
        })?;
    }
    if args.raw {
        match store.raw_answer(job.id)? {
            Some(raw) => out.line(&text::clean(&raw))?,
            None => Out::status("No answer of the service is kept for this job."),
        }
    }
    Ok(Exit::Ok)
}
