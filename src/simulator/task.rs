//! One task. Its state is worked out from the time at which somebody reads it; nothing runs in between.

use serde_json::{Value, json};

use super::answer::{odd, remove_field};
use super::money::Amount;
use super::rng::{mix, text};
use super::scenario::{Billing, End, Estimate, LateResults, Malformed, Outcome, Progress, ResultShape, Scenario, Speed};

/// A task of the account, draft or enhance.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub id: String,
    pub model: &'static str,
    /// Simulated Unix seconds.
    pub created: f64,
    /// When it ends, `INFINITY` for never.
    pub ends: f64,
    pub outcome: Outcome,
    /// Source and picture of an enhance.
    pub source: Option<(String, u8)>,
    /// The prompt of a `mj-v7` task.
    pub prompt: Option<String>,
    /// Speed of a `mj-v7` task.
    pub speed: Option<Speed>,
    /// Which pictures of the original exist.
    pub pictures: Vec<u8>,
    /// Whose it is, as a number of the accounts; `None`: somebody's without a key here.
    pub owner: Option<usize>,
    /// Whether it stands in the ledger.
    pub paid: bool,
    /// Whether it was there at the start.
    pub seeded: bool,
    pub key: Option<String>,
    pub reserved: Amount,
    pub charged: Amount,
    pub released: Amount,
    /// Whether its money has been settled.
    pub settled: bool,
    /// Hash that decides its pictures.
    pub motif: u64,
    /// What the last read showed.
    pub shown: Option<Shown>,
    /// Whether a read has shown its end.
    pub seen_final: bool,
}

/// What a task looks like at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Phase {
    /// The true status word.
    pub status: &'static str,
    pub progress: u32,
    pub is_final: bool,
}

/// What a read showed of an unfinished task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shown {
    pub status: &'static str,
    pub progress: u32,
    /// When it will end by the seconds that were estimated; a mere count-down leaves this where it is.
    pub estimated_end: Option<f64>,
    pub estimate: Option<u64>,
}

impl Shown {
    /// Whether this says nothing that the one before did not: seconds that only went down with the clock are no news.
    pub(super) fn repeats(&self, before: &Self) -> bool {
        let counted_down = |(now, before): (f64, f64)| (now - before).abs() <= 1.0;
        (self.status, self.progress) == (before.status, before.progress)
            && (self.estimate == before.estimate || self.estimated_end.zip(before.estimated_end).is_some_and(counted_down))
    }
}

impl Task {
    /// What a read of `at` shows.
    pub(super) fn shows(&self, at: f64, scenario: &Scenario) -> Shown {
        let phase = self.phase(at, scenario);
        let estimate = self.estimated_time(at, scenario);
        #[expect(clippy::cast_precision_loss, reason = "seconds of a run")]
        let estimated_end = estimate.map(|seconds| at + seconds as f64);
        Shown { status: phase.status, progress: phase.progress, estimated_end, estimate }
    }

    pub(super) fn phase(&self, at: f64, scenario: &Scenario) -> Phase {
        if at >= self.ends {
            let (status, progress) = match self.outcome.end {
                End::Completed | End::Never => ("completed", 100),
                End::Failed | End::Moderated => ("failed", 0),
                End::Cancelled => ("cancelled", 0),
            };
            return Phase { status, progress, is_final: true };
        }
        // A task that never ends moves as if it took the usual time and stays just before the end.
        let run = if self.ends.is_finite() { self.ends - self.created } else { scenario.run_seconds.max(0.001) };
        let share = ((at - self.created) / run).clamp(0.0, 0.999);
        if share < scenario.pending_share {
            return Phase { status: "pending", progress: 0, is_final: false };
        }
        let share = match self.outcome.progress {
            Progress::Jump => 0.0,
            Progress::Backwards if (0.5..0.75).contains(&share) => 0.2,
            _ => share,
        };
        let steps = f64::from(scenario.progress_steps.max(1));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a percentage")]
        let progress = ((share * steps).floor() / steps * 100.0) as u32;
        Phase { status: "processing", progress: progress.min(99), is_final: false }
    }

    /// Whether its record can be read.
    pub(super) fn exists(&self, at: f64, scenario: &Scenario) -> bool {
        let vanished = self.outcome.vanish_seconds.is_some_and(|after| at >= self.created + after);
        !vanished && at < self.ends + scenario.record_life_hours * 3600.0
    }

    /// How long one of its links works, in seconds.
    pub(super) fn link_life(&self, scenario: &Scenario) -> f64 {
        self.outcome.link_life_seconds.unwrap_or(scenario.link_life_hours * 3600.0)
    }

    /// The issue of its links at a moment: reading again may give a new one.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count, clamped")]
    pub(super) fn issue(&self, at: f64, scenario: &Scenario) -> u16 {
        let life = self.link_life(scenario);
        if !scenario.fresh_links || life <= 0.0 || !self.ends.is_finite() {
            return 0;
        }
        ((at - self.ends) / life).clamp(0.0, 65_535.0) as u16
    }

    /// The numbers of its result pictures, in the order of the answer.
    pub(super) fn results(&self, scenario: &Scenario) -> Vec<u8> {
        if self.source.is_none() {
            return self.pictures.clone();
        }
        (0..self.outcome.links.unwrap_or(scenario.result_links)).collect()
    }

    /// The motif of one of its pictures: an enhanced picture shares it with its draft.
    pub(super) fn picture_motif(&self, picture: u8) -> u64 {
        match &self.source {
            Some(_) if picture == 0 => self.motif,
            Some(_) => mix(self.motif, 1000 + u64::from(picture)),
            None => mix(self.motif, u64::from(picture)),
        }
    }

    /// The unguessable part of a link's path: a check, the task, the issue and the picture.
    pub(super) fn file_name(&self, index: usize, issue: u16, picture: u8, seed: u64) -> String {
        let check = mix(text(seed, &self.id), u64::from(issue) << 8 | u64::from(picture));
        format!("{check:016x}{index:08x}{issue:04x}{picture:04x}")
    }

    /// The links a read shows.
    fn links(&self, index: usize, now: f64, scenario: &Scenario, base: &str) -> Vec<String> {
        let results = self.results(scenario);
        if let Some(link) = &self.outcome.link {
            return vec![link.clone(); results.len()];
        }
        let issue = self.issue(now, scenario);
        let format = self.outcome.picture_format.unwrap_or(scenario.picture_format);
        let day = calendar_day(self.ends);
        let link = |picture| {
            let name = self.file_name(index, issue, picture, scenario.seed);
            format!("{base}/files/simulator/images/{day}/file_{name}.{}", format.extension())
        };
        results.into_iter().map(link).collect()
    }

    /// The task object, with the state of `at` as read at `now`.
    pub(super) fn object(&self, index: usize, at: f64, now: f64, scenario: &Scenario, base: &str) -> Value {
        let phase = self.phase(at, scenario);
        let outcome = &self.outcome;
        let status = match (&outcome.running_status, &outcome.final_status) {
            (Some(word), _) if !phase.is_final => word.as_str(),
            (_, Some(word)) if phase.is_final => word.as_str(),
            _ => phase.status,
        };
        let mut task = json!({
            "created": whole(self.created),
            "id": outcome.answer_id.as_ref().unwrap_or(&self.id),
            "model": self.model,
            "object": "image.generation.task",
            "progress": phase.progress,
            "status": status,
            "task_info": {},
            "type": "image",
            "usage": {
                "billing_rule": "per_call",
                "credits_reserved": self.reserved.credits(),
                "user_group": scenario.prices.user_group,
            },
        });
        if let Some(seconds) = self.estimated_time(at, scenario) {
            task["task_info"]["estimated_time"] = json!(seconds);
        }
        match outcome.progress {
            Progress::Absent => drop(task.as_object_mut().map(|task| task.remove("progress"))),
            Progress::Nonsense if !phase.is_final => task["progress"] = json!(4711),
            _ => {}
        }
        if scenario.can_cancel_flag {
            task["task_info"]["can_cancel"] = json!(!phase.is_final);
        }
        if phase.is_final {
            task["duration"] = json!(((self.ends - self.created) * 10.0).round() / 10.0);
        }
        match phase.status {
            "completed" => {
                let charge = self.outcome.reported_charge.unwrap_or(self.charge());
                task["usage"]["credits_used"] = json!(charge.credits());
                task["usage"]["cost"] = json!({
                    "credits": charge.credits(),
                    "usd": ((charge.credits() / 68.0) * 10_000.0).round() / 10_000.0,
                    "cny": charge.credits() / 10.0,
                });
                let links = self.links(index, now, scenario, base);
                match outcome.results_late {
                    _ if self.has_links(at) => place_links(&mut task, outcome.results, &links),
                    LateResults::Empty => task["results"] = json!([]),
                    LateResults::Null => task["results"] = Value::Null,
                    LateResults::Missing => {}
                }
            }
            "failed" => task["error"] = self.error(),
            _ => {}
        }
        self.add_billing(&mut task, phase, outcome.billing.unwrap_or(scenario.billing));
        if outcome.extra_fields {
            task["trace"] = json!({"node": "sim-1", "hops": [1, 2, 3], "note": null});
            task["task_info"]["queue_position"] = json!(3);
            task["usage"]["discounts"] = json!([]);
        }
        for field in &outcome.drop_fields {
            remove_field(&mut task, field);
        }
        task
    }

    /// Whether its links have come; they may be later than its end.
    fn has_links(&self, at: f64) -> bool {
        at >= self.ends + self.outcome.results_late_seconds
    }

    /// Makes its object unreadable if the scenario wants that.
    pub(super) fn damage(&self, mut task: Value, batch: bool) -> Value {
        let Some(kind) = self.outcome.malformed.filter(|_| batch || !self.outcome.malformed_in_batch_only) else { return task };
        match kind {
            Malformed::Nan => task["progress"] = odd("NaN"),
            Malformed::Infinity => task["progress"] = odd("Infinity"),
            Malformed::HugeNumber => task["created"] = odd("1e999"),
            Malformed::LoneSurrogate => task["note"] = odd("\"a smile \\ud83d\""),
            Malformed::Deep => task["note"] = odd(&format!("{}{}", "[".repeat(200), "]".repeat(200))),
            Malformed::NoId => remove_field(&mut task, "id"),
            Malformed::NumberId => task["id"] = json!(4711),
            Malformed::Text => task = json!("a task"),
            Malformed::Null => task = Value::Null,
        }
        task
    }

    /// A row of the task list.
    pub(super) fn row(&self, at: f64, scenario: &Scenario) -> Value {
        let phase = self.phase(at, scenario);
        let mut row = json!({
            "id": self.id,
            "model": self.model,
            "type": "image",
            "status": phase.status,
            "progress": phase.progress,
            "created_at": whole(self.created),
        });
        if phase.is_final {
            let completed = phase.status == "completed";
            let count = if completed && self.has_links(at) { self.results(scenario).len() } else { 0 };
            row["duration"] = json!(((self.ends - self.created) * 10.0).round() / 10.0);
            row["has_results"] = json!(count > 0);
            row["result_count"] = json!(count);
            row["has_error"] = json!(phase.status == "failed");
            if completed {
                row["credits_used"] = json!(self.outcome.reported_charge.unwrap_or(self.charge()).credits());
            }
        }
        row
    }

    /// What it costs when it completes.
    pub(super) fn charge(&self) -> Amount {
        self.outcome.charge.unwrap_or(self.reserved)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a run")]
    fn estimated_time(&self, at: f64, scenario: &Scenario) -> Option<u64> {
        match scenario.estimate {
            Estimate::Absent => None,
            Estimate::WholeRun if at < self.ends => Some(scenario.run_seconds.ceil() as u64),
            Estimate::SecondsLeft | Estimate::WholeRun => {
                let ends = if self.ends.is_finite() { self.ends } else { self.created + scenario.run_seconds };
                Some((ends - at).max(0.0).ceil() as u64)
            }
        }
    }

    fn error(&self) -> Value {
        let moderated = self.outcome.end == End::Moderated;
        let code = match &self.outcome.code {
            Some(code) => code.as_str(),
            None if moderated => "content_policy_violation",
            None => "service_error",
        };
        let message = match &self.outcome.message {
            Some(message) => message.as_str(),
            None if moderated => "Content policy violation.\n\nThe picture was stopped by moderation.",
            None => "The service could not finish this task.",
        };
        let mut error = json!({"code": code, "message": message, "type": "task_error"});
        if let Some(suggestion) = &self.outcome.suggestion {
            error["suggestion"] = json!(suggestion);
        }
        error
    }

    fn add_billing(&self, task: &mut Value, phase: Phase, variant: Billing) {
        let reserved = self.reserved.credits();
        let released = phase.status == "failed";
        let charged =
            if phase.status == "completed" { self.outcome.reported_charge.unwrap_or(self.charge()).credits() } else { 0.0 };
        let mut billing = json!({
            "refund_scope": "account_balance",
            "charge_status": match phase.status {
                "completed" => "charged",
                "failed" => "released",
                "cancelled" => "unknown",
                _ => "reserved",
            },
            "refund_status": match phase.status {
                "failed" => "completed",
                "cancelled" => "unknown",
                _ => "not_required",
            },
            "reserved_credits": reserved,
            "charged_credits": charged,
            "refunded_credits": if released { reserved } else { 0.0 },
        });
        if released {
            billing["refunded_at"] = json!(utc(self.ends));
        }
        match variant {
            Billing::Absent => return,
            Billing::RefundPending | Billing::RefundFailed if released => {
                billing["refund_status"] = json!(if variant == Billing::RefundPending { "pending" } else { "failed" });
                billing["refunded_credits"] = json!(0.0);
                billing.as_object_mut().map(|billing| billing.remove("refunded_at"));
            }
            Billing::RefundMismatch if released => billing["refunded_credits"] = json!(reserved / 2.0),
            Billing::RefundUndated => drop(billing.as_object_mut().map(|billing| billing.remove("refunded_at"))),
            Billing::Unknown => {
                billing["charge_status"] = json!("unknown");
                billing["refund_status"] = json!("unknown");
            }
            Billing::OtherScope => billing["refund_scope"] = json!("key_limit"),
            Billing::Nonsense => {
                billing = json!({"refund_scope": "account_balance", "charge_status": "maybe", "refund_status": 7, "reserved_credits": -1,
                    "charged_credits": "5.4", "refunded_credits": null, "refunded_at": "yesterday"});
            }
            _ => {}
        }
        task["billing"] = billing;
    }
}

fn place_links(task: &mut Value, shape: ResultShape, links: &[String]) {
    let object = |link: &String| json!({"image_url": link, "result_id": "r-1", "title": "enhanced"});
    match shape {
        ResultShape::Results => task["results"] = json!(links),
        ResultShape::Object => task["result_data"] = links.first().map_or(json!({}), object),
        ResultShape::Array => task["result_data"] = links.iter().map(object).collect(),
        ResultShape::Both => {
            task["results"] = json!(links);
            task["result_data"] = links.iter().map(object).collect();
        }
        ResultShape::Missing => {}
        ResultShape::Null => task["results"] = Value::Null,
        ResultShape::Text => task["results"] = json!(links.first()),
        ResultShape::UrlObjects => task["results"] = links.iter().map(|link| json!({"url": link, "width": 1024})).collect(),
        ResultShape::ImageObjects => task["results"] = links.iter().map(object).collect(),
        ResultShape::ListText => task["results"] = json!(json!(links).to_string()),
        ResultShape::DataText => {
            let data: Value = links.iter().map(object).collect();
            task["result_data"] = json!(data.to_string());
        }
        ResultShape::Images => task["images"] = json!(links),
        ResultShape::ImageUrls => task["image_urls"] = json!(links),
        ResultShape::Output => task["output"] = json!({ "results": links }),
    }
}

/// Whole seconds.
#[expect(clippy::cast_possible_truncation, reason = "Unix seconds")]
pub(super) fn whole(seconds: f64) -> i64 {
    seconds.floor() as i64
}

/// `2026/11/22`.
fn calendar_day(unix: f64) -> String {
    utc(unix).get(..10).unwrap_or("1970-01-01").replace('-', "/")
}

/// `2026-11-22T10:00:00Z`.
pub(super) fn utc(unix: f64) -> String {
    jiff::Timestamp::from_second(whole(unix)).unwrap_or_default().to_string()
}
