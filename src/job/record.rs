//! A job as others read it: one JSON object with the fields that `docs/json.md` promises, or a line of CSV.

use serde_json::{Value, json};

use super::charge::Charge;
use super::failure::{ErrorClass, Failure};
use super::life::Job;
use super::{Model, Percent, Prompt, Tag, TaskId, Verdict};

/// The version of every object this program prints.
pub const SCHEMA: u32 = 1;

/// The columns of CSV, by the names of the fields.
pub(super) const COLUMNS: [&str; 21] = [
    "id",
    "source_task",
    "image_number",
    "tag",
    "state",
    "reason",
    "task_id",
    "progress",
    "created_at",
    "sent_at",
    "finished_at",
    "saved_at",
    "link_expires_at",
    "credits_reserved",
    "credits_charged",
    "charge",
    "files",
    "kind",
    "prompt",
    "template",
    "verdict",
];

/// The one safe next step after a failure, for scripts and for people who type commands; the same from every exporter. (The
/// dashboard's screen names its keys instead.)
#[must_use]
pub fn next_step(failure: &Failure) -> &'static str {
    match failure.class {
        ErrorClass::Balance => "top up at evolink.ai/dashboard/credits, then release it with `mj-enhance release`",
        ErrorClass::KeyTotal => "raise the key's limit at evolink.ai/dashboard/keys, then release it with `mj-enhance release`",
        ErrorClass::KeyDaily => "wait for the key's reset or raise its daily limit, then release it with `mj-enhance release`",
        ErrorClass::Local => "fix the folder or disk, then fetch again with `mj-enhance fetch`",
        _ if failure.is_passing_loss() => "take it up again with `mj-enhance fetch` (free)",
        ErrorClass::PaidOutcomeUnknown | ErrorClass::Network | ErrorClass::InvalidResponse => {
            "ask the service again with `mj-enhance run` (free)"
        }
        ErrorClass::NoCapacity | ErrorClass::Passing | ErrorClass::Server | ErrorClass::RateLimited => {
            "run it again later with `mj-enhance retry` (a new paid job)"
        }
        ErrorClass::Unknown => "see `mj-enhance show`; `mj-enhance retry` pays for another try",
        ErrorClass::Content => "choose another picture; the same one will be refused again",
        ErrorClass::BadSource | ErrorClass::NotFound => "check the draft's id; a draft whose record is gone cannot be enhanced",
        ErrorClass::BadRequest | ErrorClass::Final | ErrorClass::KeyConflict => {
            "the same request would fail again; give the request id to support"
        }
        ErrorClass::Login => "check the key with `mj-enhance doctor`",
        ErrorClass::ModelDenied | ErrorClass::Access => "check what the key may do at evolink.ai/dashboard/keys",
        ErrorClass::Link => "ask for a fresh link with `mj-enhance fetch` (free)",
    }
}

/// The same for a failure of a job, which may have been refused for its picture or for its prompt.
#[must_use]
pub fn next_step_of(job: &Job, failure: &Failure) -> &'static str {
    match (job.kind.model(), failure.class) {
        (Model::Draft, ErrorClass::Content) => "write another prompt; the same one will be refused again",
        (Model::Draft, ErrorClass::BadSource) => "write another prompt; the same request would fail again",
        // Refused at the door: there is no task that could be taken up again.
        (_, ErrorClass::NotFound) if job.task.is_none() => {
            "check the draft's id; a draft whose record is gone cannot be enhanced"
        }
        _ => next_step(failure),
    }
}

/// A job as one object.
#[must_use]
pub fn json(job: &Job) -> Value {
    let files: Vec<Value> = job
        .files
        .iter()
        .map(|file| json!({ "path": file.path.to_string_lossy(), "sha256": file.sha256, "bytes": file.bytes }))
        .collect();
    let error = job.failure().map(|failure| {
        let message =
            if failure.message.is_empty() { failure.meaning_for(job.kind.model()).into_owned() } else { failure.message.clone() };
        json!({ "code": failure.code, "message": message, "next": next_step_of(job, failure) })
    });
    json!({
        "schema": SCHEMA,
        "id": job.id.to_string(),
        "kind": job.kind.model().word(),
        "prompt": job.kind.prompt().map(Prompt::as_str),
        "template": job.kind.template(),
        "source_task": job.kind.source().map(|(source, _)| source.as_str()),
        "image_number": job.kind.source().map(|(_, image)| image.get()),
        "tag": job.tag.as_ref().map(Tag::as_str),
        "state": job.state().word(),
        "reason": job.reason(),
        "task_id": job.task.as_ref().map(TaskId::as_str),
        "progress": job.progress().and_then(|progress| progress.percent).map(Percent::get),
        "created_at": job.created_at.to_string(),
        "sent_at": job.sent_at.map(|at| at.to_string()),
        "finished_at": job.finished_at.map(|at| at.to_string()),
        "saved_at": job.saved_at.map(|at| at.to_string()),
        "link_expires_at": job.link_expires_at.map(|at| at.to_string()),
        "credits_reserved": job.reserved.map(|amount| amount.to_string()),
        "credits_charged": job.charged.map(|amount| amount.to_string()),
        "charge": job.charge.map(Charge::word),
        "verdict": job.verdict.map(Verdict::word),
        "files": files,
        "error": error,
    })
}

/// The first line of CSV: the names of the columns.
#[must_use]
pub fn csv_head() -> String {
    COLUMNS.join(",")
}

/// A job as a line of CSV (RFC 4180), without its end; a job's files stand in one cell, apart by semicolons.
#[must_use]
pub fn csv_line(job: &Job) -> String {
    let object = json(job);
    let cells: Vec<String> = COLUMNS.iter().map(|column| csv_cell(&object[*column])).collect();
    cells.join(",")
}

fn csv_cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(files) => files.iter().filter_map(|file| file["path"].as_str()).collect::<Vec<_>>().join(";"),
        other => other.to_string(),
    };
    // A spreadsheet would take these beginnings for a formula.
    let guarded = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text };
    if guarded.contains([',', '"', '\n', '\r']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::job::{ImageNumber, JobId, JobKind};

    #[test]
    fn what_moderation_refused_is_named_by_what_was_asked_for() {
        let failure = Failure::new(ErrorClass::Content, "content_policy_violation", "no");
        let source = TaskId::new("task-unified-1-a").unwrap();
        let kinds = [
            (JobKind::Enhance { source, image: ImageNumber::ALL[0] }, "picture"),
            (JobKind::Draft { prompt: Prompt::new("a boat").unwrap(), template: None }, "prompt"),
        ];
        for (kind, word) in kinds {
            let is_draft = word == "prompt";
            let job = Job::new(JobId::from_bits(1), kind, 0, Timestamp::UNIX_EPOCH);
            assert!(next_step_of(&job, &failure).contains(&format!("another {word}")));
            let not_taken = Failure::new(ErrorClass::BadSource, "invalid_parameters", "no");
            assert_eq!(next_step_of(&job, &not_taken).contains("write another prompt"), is_draft);
        }
    }

    #[test]
    fn what_was_refused_at_the_door_is_not_taken_up_again() {
        let failure = Failure::new(ErrorClass::NotFound, "task_not_found", "no");
        let kind = JobKind::Enhance { source: TaskId::new("task-unified-1-a").unwrap(), image: ImageNumber::ALL[0] };
        let mut job = Job::new(JobId::from_bits(1), kind, 0, Timestamp::UNIX_EPOCH);
        assert!(next_step_of(&job, &failure).contains("check the draft's id"));
        job.task = TaskId::new("task-unified-2-b").ok();
        assert!(next_step_of(&job, &failure).contains("`mj-enhance fetch`"));
    }

    #[test]
    fn csv_cells_are_quoted_and_start_no_formula() {
        for (text, cell) in [("a,\"b\"", "\"a,\"\"b\"\"\""), ("=1+1", "'=1+1"), ("plain", "plain"), ("-x,y", "\"'-x,y\"")] {
            assert_eq!(csv_cell(&Value::from(text)), cell);
        }
        assert_eq!(csv_cell(&json!([{ "path": "/a" }, { "path": "/b" }])), "/a;/b");
        assert_eq!(csv_cell(&Value::Null), "");
    }
}
