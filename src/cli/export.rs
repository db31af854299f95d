//! `export`, `import`, `prune`: the store's content for elsewhere and later.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::args::{ExportArgs, ExportFormat, ImportArgs, PruneArgs};
use super::context::{Context, now};
use super::exit::Exit;
use super::out::Out;
use super::problem::{Outcome, Problem};
use super::{add, json, outcomes};
use crate::api::redact;
use crate::commands::{Command, JobRef};
use crate::job::{
    Approval, Charge, Credits, ImageNumber, Job, JobId, JobKind, Model, PaidRequest, PaidSend, Phase, Prompt, SavedFile, Tag,
    TaskId, Verdict, record, text,
};

/// More text than this is no export: room for about a million jobs.
const LONGEST_IMPORT: u64 = 2 * 1024 * 1024 * 1024;

/// What an exported job carries under `record`, so that it can be taken in as it was.
///
/// It is a form of its own, so that a change of [`Job`] does not change files that people keep.
#[derive(Serialize, Deserialize)]
struct Record {
    place: i64,
    phase: Phase,
    approval: Option<Approval>,
    #[serde(default)]
    request: Option<PaidRequest>,
    send: Option<PaidSend>,
    #[serde(default)]
    stop_requested: bool,
    #[serde(default)]
    source_confirmed: bool,
    request_id: Option<String>,
    estimate: Option<u32>,
    #[serde(default)]
    links: Vec<String>,
    again_of: Option<JobId>,
    #[serde(default)]
    removed: bool,
}

/// An exported job: what `--json` shows, and the record.
#[derive(Deserialize)]
struct Exported {
    schema: u32,
    id: JobId,
    #[serde(default = "Exported::enhance")]
    kind: Model,
    source_task: Option<TaskId>,
    image_number: Option<ImageNumber>,
    #[serde(default)]
    prompt: Option<String>,
    #[serde(default)]
    template: Option<String>,
    tag: Option<Tag>,
    task_id: Option<TaskId>,
    created_at: Timestamp,
    sent_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    saved_at: Option<Timestamp>,
    link_expires_at: Option<Timestamp>,
    credits_reserved: Option<Credits>,
    credits_charged: Option<Credits>,
    charge: Option<String>,
    verdict: Option<Verdict>,
    files: Vec<SavedFile>,
    record: Record,
}

fn exported(job: &Job) -> Value {
    let record = Record {
        place: job.place,
        phase: job.phase.clone(),
        approval: job.approval,
        request: job.request.clone(),
        send: job.send.clone(),
        stop_requested: job.stop_requested,
        source_confirmed: job.source_confirmed,
        request_id: job.request_id.clone(),
        estimate: job.estimate,
        links: job.links.clone(),
        again_of: job.again_of,
        removed: job.removed,
    };
    let mut value = json::job(job);
    value["record"] = serde_json::to_value(record).unwrap_or_default();
    value
}

impl Exported {
    /// What a job is that an older version exported.
    const fn enhance() -> Model {
        Model::Enhance
    }

    /// What it asks for.
    fn job_kind(&self) -> Result<JobKind, String> {
        match (self.kind, &self.source_task, self.image_number, &self.prompt) {
            (Model::Enhance, Some(source), Some(image), None) => Ok(JobKind::Enhance { source: source.clone(), image }),
            (Model::Enhance, None, ..) => Err("missing field `source_task`".to_owned()),
            (Model::Enhance, _, None, _) => Err("missing field `image_number`".to_owned()),
            (Model::Enhance, .., Some(_)) => Err("an enhance has a draft and no prompt".to_owned()),
            (Model::Draft, None, None, Some(prompt)) => {
                let prompt =
                    Prompt::new(prompt).map_err(|_| "its prompt is empty, too long or has control characters".to_owned())?;
                Ok(JobKind::Draft { prompt, template: self.template.clone() })
            }
            (Model::Draft, .., None) => Err("missing field `prompt`".to_owned()),
            (Model::Draft, ..) => Err("a draft has a prompt and no source_task or image_number".to_owned()),
        }
    }

    fn into_job(self) -> Result<Job, String> {
        if self.schema != json::SCHEMA {
            return Err(format!("it has schema {}, this version reads {}", self.schema, json::SCHEMA));
        }
        let charge = match &self.charge {
            None => None,
            Some(word) => Some(Charge::from_word(word).ok_or_else(|| format!("{:?} is not a charge", text::clean(word)))?),
        };
        let kind = self.job_kind()?;
        let mut job = Job {
            tag: self.tag,
            phase: self.record.phase,
            approval: self.record.approval,
            request: self.record.request,
            send: self.record.send,
            stop_requested: self.record.stop_requested,
            source_confirmed: self.record.source_confirmed,
            task: self.task_id,
            request_id: self.record.request_id,
            sent_at: self.sent_at,
            finished_at: self.finished_at,
            saved_at: self.saved_at,
            link_expires_at: self.link_expires_at,
            estimate: self.record.estimate,
            links: self.record.links,
            files: self.files,
            reserved: self.credits_reserved,
            charged: self.credits_charged,
            charge,
            again_of: self.record.again_of,
            removed: self.record.removed,
            verdict: self.verdict,
            ..Job::new(self.id, kind, self.record.place, self.created_at)
        };
        job.check_import().map_err(|error| error.to_string())?;
        Ok(job)
    }
}

/// Prints the store's jobs, removed ones too.
pub fn export(args: &ExportArgs, context: &Context) -> Outcome {
    let mut jobs = match context.store_to_read()? {
        Some(store) => store.jobs()?,
        None => Vec::new(),
    };
    jobs.retain(|job| args.tag.is_none() || args.tag == job.tag);
    jobs.sort_by_key(|job| (job.place, job.id));
    match args.format {
        ExportFormat::Json => {
            for job in &jobs {
                Out::raw(&format!("{}\n", exported(job)))?;
            }
        }
        ExportFormat::Csv if context.out.json => {
            return Err(Problem::input("bad_arguments", "--format csv and --json exclude each other", "take one of them"));
        }
        ExportFormat::Csv => {
            Out::raw(&format!("{}\n", record::csv_head()))?;
            for job in &jobs {
                Out::raw(&format!("{}\n", record::csv_line(job)))?;
            }
        }
    }
    Out::status(&format!("{} exported.", text::count(jobs.len(), "job")));
    Ok(Exit::Ok)
}

/// Takes in what `export` printed; all or nothing where a line is bad.
pub fn import(args: &ImportArgs, context: &Context) -> Outcome {
    context.may_write()?;
    let (shown, given) = add::read_text(args.file.as_deref().unwrap_or(Path::new("-")), LONGEST_IMPORT, "changed")?;
    let mut jobs = Vec::new();
    let mut wrong = Vec::new();
    // Some editors put a mark at the beginning of a file.
    let lines = given.strip_prefix('\u{feff}').unwrap_or(&given);
    for (index, line) in lines.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match read_line(line) {
            Ok(job) => jobs.push((index + 1, job)),
            Err(error) => wrong.push((format!("{shown} line {}", index + 1), text::clean(&error).into_owned())),
        }
    }
    if !wrong.is_empty() {
        let message = match wrong.as_slice() {
            [(place, what)] => format!("{place} is not an exported job: {what}"),
            many => format!("{} lines of {shown} are not exported jobs", many.len()),
        };
        let next = "take what `mj-enhance export` prints (JSON, not CSV); nothing was changed";
        return Err(Problem { lines: wrong, ..Problem::input("bad_lines", message, next) });
    }
    if jobs.is_empty() {
        Out::status("0 jobs imported, 0 left out.");
        return Ok(Exit::Ok);
    }
    let mut store = context.store()?;
    let done = outcomes::perform(&mut store, Command::Import(jobs), context)?;
    let left_out = &done.outcome.left_out;
    for (what, _) in left_out {
        if let JobRef::Job(id) = what {
            Out::status(&format!("{id} is left out: the store has it, its key or its task already"));
        }
    }
    for job in &done.changed {
        context.out.object(&json::job(job))?;
        // An import brings everything home; who releases it should know what is paid for twice.
        if job.can_release().is_ok()
            && let Some(other) = store.duplicate_of(job)?
        {
            Out::status(&format!("{} is for the same picture or prompt as {other}; released, it is paid for as well", job.id));
        }
    }
    let unconfirmed = done.changed.iter().filter(|job| job.can_release().is_ok()).count();
    Out::status(&format!("{} imported, {} left out.", text::count(done.changed.len(), "job"), left_out.len()));
    if unconfirmed > 0 {
        Out::status(&format!("{} sent only after you confirm: `mj-enhance release`.", are(unconfirmed)));
    }
    Ok(Exit::Ok)
}

fn are(count: usize) -> String {
    if count == 1 { "1 job is".to_owned() } else { format!("{count} jobs are") }
}

/// One line of an export; what is wrong with it is said without the parser's own words for types.
fn read_line(line: &str) -> Result<Job, String> {
    let mut value = match serde_json::from_str::<Value>(line) {
        Ok(value) if value.is_object() => value,
        _ => return Err("this is not a JSON object".to_owned()),
    };
    // Of a field that stands there twice a value keeps the last in silence, and it may be the one that says what is paid for.
    if let Err(error) = serde_json::from_str::<Exported>(line) {
        let said = error.to_string();
        return Err(said.rsplit_once(" at line ").map_or(said.as_str(), |(what, _)| what).to_owned());
    }
    // The service's words in it are cleaned of keys like the service's own.
    for told in ["phase", "request_id"] {
        cut_secrets(&mut value["record"][told]);
    }
    serde_json::from_value::<Exported>(value).map_err(|error| error.to_string()).and_then(Exported::into_job)
}

/// Cuts what looks like a key out of every text of a value.
fn cut_secrets(value: &mut Value) {
    match value {
        Value::String(text) => *text = redact(text, ""),
        Value::Array(items) => items.iter_mut().for_each(cut_secrets),
        Value::Object(fields) => fields.values_mut().for_each(cut_secrets),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Forgets jobs that ended long ago.
pub fn prune(args: &PruneArgs, context: &Context) -> Outcome {
    context.may_write()?;
    let before = now().checked_sub(args.older_than).map_err(|_| {
        Problem::input("bad_arguments", "--older-than reaches back before all times", "give a shorter time, like 30d")
    })?;
    let gone = match context.store_to_look_into()? {
        Some(reader) => {
            drop(reader);
            context.store()?.prune(before, args.removed)?
        }
        None => Vec::new(),
    };
    let ids: Vec<String> = gone.iter().map(ToString::to_string).collect();
    context.out.object(&serde_json::json!({ "schema": json::SCHEMA, "pruned": ids }))?;
    context.out.line(&format!("{} forgotten; files and spending stay.", text::count(gone.len(), "job")))?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::json::tests::sample;
    use crate::job::IdempotencyKey;

    #[test]
    fn an_exported_job_comes_back_as_it_was() {
        let mut job = sample();
        job.links = vec!["https://files.example/a.png".into()];
        job.send = Some(PaidSend {
            key: IdempotencyKey::from_random([7; 16]),
            body: job.kind.body(None),
            agreed: Credits::PUBLISHED_PRICE,
            first_at: job.created_at,
            last_at: job.created_at,
            first_server_time: None,
            last_server_time: None,
            attempts: 1,
            lost: 0,
            absence_confirmed: false,
            refusals: 0,
        });
        let line = exported(&job).to_string();
        let back = serde_json::from_str::<Exported>(&line).unwrap().into_job().unwrap();
        assert_eq!(back, job);
    }

    #[test]
    fn a_line_that_is_no_job_is_refused_in_words() {
        for line in ["id,source_task", "22222222,task", "[]", "7"] {
            assert_eq!(read_line(line).unwrap_err(), "this is not a JSON object", "{line}");
        }
        assert_eq!(read_line("{\"schema\":1}").unwrap_err(), "missing field `id`");
    }

    #[test]
    fn what_stands_twice_is_refused_and_keys_in_the_services_words_are_cut() {
        let mut job = sample();
        job.request_id = Some("req sk-0123456789abcdef".to_owned());
        let line = exported(&job).to_string();
        assert_eq!(read_line(&line).unwrap().request_id.as_deref(), Some("req [cut]"));
        let twice = line.replacen('{', "{\"image_number\":0,", 1);
        assert_eq!(read_line(&twice).unwrap_err(), "duplicate field `image_number`");
        let within = line.replacen("\"record\":{", "\"record\":{\"place\":-1,", 1);
        assert_eq!(read_line(&within).unwrap_err(), "duplicate field `place`");
    }

    #[test]
    fn a_line_of_csv_begins_like_this() {
        let line = record::csv_line(&sample());
        assert!(line.starts_with("0000002d,task-unified-1790000100-k3v9q2ad,2,cats,saved,,"), "{line}");
    }
}
