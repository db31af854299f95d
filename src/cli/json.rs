//! A job as `--json` shows it: the fields that `docs/json.md` promises, and no other.

use serde_json::Value;

use crate::job::{Job, record};

pub use crate::job::record::SCHEMA;

/// A job as one object.
#[must_use]
pub fn job(job: &Job) -> Value {
    record::json(job)
}

#[cfg(test)]
pub(crate) mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::job::{Charge, Credits, ErrorClass, Failure, ImageNumber, JobId, Phase, SavedFile, TaskId};

    /// A job with everything set.
    pub(crate) fn sample() -> Job {
        let at = |seconds: i64| Timestamp::from_second(1_790_000_000 + seconds).unwrap();
        let source = TaskId::new("task-unified-1790000100-k3v9q2ad").unwrap();
        let mut job = Job::new(JobId::from_bits(77), source, ImageNumber::ALL[2], 5, at(0));
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
        let promised = "schema id source_task image_number tag state reason task_id progress created_at sent_at finished_at saved_at \
                        link_expires_at credits_reserved credits_charged charge files error";
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
                "schema": 1, "id": "0000002d", "source_task": "task-unified-1790000100-k3v9q2ad", "image_number": 2,
                "tag": "cats", "state": "saved", "reason": null, "task_id": "task-unified-1790000777-p8w2m5xc",
                "progress": null, "created_at": "2026-09-21T14:13:20Z", "sent_at": "2026-09-21T14:13:21Z",
                "finished_at": "2026-09-21T14:14:20Z", "saved_at": "2026-09-21T14:14:22Z",
                "link_expires_at": "2026-09-22T14:14:20Z", "credits_reserved": "5.4", "credits_charged": "5.4",
                "charge": "charged", "files": [{"path": "/r/a.png", "sha256": "ab".repeat(32), "bytes": 9}], "error": null
            })
        );
    }

    #[test]
    fn nothing_is_known_of_a_held_jobs_money() {
        let sample = sample();
        let held = Job::new(sample.id, sample.source, sample.image, 0, sample.created_at);
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
