//! A job as `--json` shows it: the fields that `docs/json.md` promises, and no other.

use serde_json::{Value, json};

use crate::job::{Job, PriceLine, Quote, record};

pub use crate::job::record::SCHEMA;

/// A job as one object.
#[must_use]
pub fn job(job: &Job) -> Value {
    record::json(job)
}

/// A quote: what it names together, and a line for each kind of job. `price` is null where they have several.
#[must_use]
pub fn quote(quote: &Quote) -> Value {
    let line = |line: PriceLine| json!({ "kind": line.model.word(), "count": line.count, "price": line.price.to_string() });
    json!({
        "count": quote.count(),
        "price": quote.lines.only_price().map(|price| price.to_string()),
        "total": quote.total().to_string(),
        "balance_after": quote.balance_after().map(|amount| amount.to_string()),
        "lines": quote.lines.iter().map(line).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::job::{Charge, Credits, ErrorClass, Failure, ImageNumber, JobId, JobKind, Phase, SavedFile, TaskId};

    /// A job with everything set.
    pub(crate) fn sample() -> Job {
        let at = |seconds: i64| Timestamp::from_second(1_790_000_000 + seconds).unwrap();
        let source = TaskId::new("task-unified-1790000100-k3v9q2ad").unwrap();
        let mut job = Job::new(JobId::from_bits(77), JobKind::Enhance { source, image: ImageNumber::ALL[2] }, 5, at(0));
        job.tag = crate::job::Tag::new("cats").ok();
        job.phase = Phase::Saved;
        job.task = TaskId::new("task-unified-1790000777-p8w2m5xc").ok();
        job.sent_at = Some(at(1));
        job.finished_at = Some(at(60));
        job.saved_at = Some(at(62));
        job.link_expires_at = Some(at(60 + 86_400));
        job.reserved = Some(Credits::from_uc(54_000));
        job.charged = Some(Credits::from_uc(54_000));
        job.charge = Some(Charge::Charged);
        job.files = vec![SavedFile { path: "/r/a.png".into(), sha256: "ab".repeat(32), bytes: 9 }];
        job
    }

    #[test]
    fn a_job_has_the_promised_fields_and_no_other() {
        let promised = "schema id kind prompt template source_task image_number tag state reason task_id progress created_at sent_at finished_at saved_at \
                        link_expires_at credits_reserved credits_charged charge files verdict error";
        let mut promised: Vec<&str> = promised.split_whitespace().collect();
        promised.sort_unstable();
        let value = super::job(&sample());
        let mut found: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        found.sort_unstable();
        assert_eq!(found, promised);
    }

    #[test]
    fn the_fields_are_documented_in_the_order_they_are_promised() {
        let docs = include_str!("../../docs/json.md");
        let value = super::job(&sample());
        let documented: Vec<&str> = docs
            .lines()
            .skip_while(|line| !line.starts_with("| `schema`"))
            .map_while(|line| line.strip_prefix("| `")?.split_once('`'))
            .map(|(field, _)| field)
            .collect();
        assert_eq!(documented.len(), value.as_object().unwrap().len());
        assert!(documented.iter().all(|field| value.get(*field).is_some()), "{documented:?}");
    }

    #[test]
    fn a_saved_job_reads_like_this() {
        assert_eq!(
            super::job(&sample()),
            json!({
                "schema": 1, "id": "0000002d", "kind": "enhance", "prompt": null, "template": null, "source_task": "task-unified-1790000100-k3v9q2ad", "image_number": 2,
                "tag": "cats", "state": "saved", "reason": null, "task_id": "task-unified-1790000777-p8w2m5xc",
                "progress": null, "created_at": "2026-09-21T14:13:20Z", "sent_at": "2026-09-21T14:13:21Z",
                "finished_at": "2026-09-21T14:14:20Z", "saved_at": "2026-09-21T14:14:22Z",
                "link_expires_at": "2026-09-22T14:14:20Z", "credits_reserved": "5.4", "credits_charged": "5.4",
                "charge": "charged", "files": [{"path": "/r/a.png", "sha256": "ab".repeat(32), "bytes": 9}], "verdict": null, "error": null
            })
        );
    }

    #[test]
    fn a_draft_has_a_prompt_and_no_source() {
        let kind =
            JobKind::Draft { prompt: "red boat".to_owned().try_into().unwrap(), template: Some("{red, blue} boat".into()) };
        let value = super::job(&Job { kind, ..sample() });
        assert_eq!(
            (&value["kind"], &value["prompt"], &value["template"]),
            (&json!("draft"), &json!("red boat"), &json!("{red, blue} boat"))
        );
        assert!(value["source_task"].is_null() && value["image_number"].is_null());
    }

    #[test]
    fn a_quote_has_a_line_for_each_kind() {
        let lines = crate::job::PriceLines::new(&crate::job::Prices::PUBLISHED, |model| 1 + model as usize);
        let value = super::quote(&Quote { lines, balance: None });
        assert_eq!(
            value,
            json!({"count": 3, "price": null, "total": "10.8", "balance_after": null,
                   "lines": [{"kind": "enhance", "count": 1, "price": "5.4"}, {"kind": "draft", "count": 2, "price": "2.7"}]})
        );
    }

    #[test]
    fn nothing_is_known_of_a_held_jobs_money() {
        let sample = sample();
        let held = Job::new(sample.id, sample.kind, 0, sample.created_at);
        let value = super::job(&held);
        assert_eq!(value["state"], "held");
        for field in ["charge", "credits_reserved", "credits_charged", "sent_at", "task_id", "error", "progress"] {
            assert!(value[field].is_null(), "{field}");
        }
    }

    #[test]
    fn a_failure_tells_code_message_and_next_step() {
        let mut job = sample();
        job.phase = Phase::Failed(Failure::new(ErrorClass::Content, "content_policy_violation", "no"));
        let error = &super::job(&job)["error"];
        assert_eq!(error["code"], "content_policy_violation");
        assert_eq!(error["message"], "no");
        assert!(error["next"].as_str().unwrap().contains("another picture"));
    }
}
