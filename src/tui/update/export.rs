//! The shown jobs as CSV or JSON lines, with the fields of product §7.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::app::App;
use super::super::effect::ExportFormat;
use super::super::overlay::{Choice, Menu, MenuItem, Overlay};
use crate::job::Job;

impl App {
    pub(super) fn open_export_menu(&mut self, now: Timestamp) {
        let rows = crate::job::text::count(self.book.order().len(), "job");
        let item = |key, label: &str, format| MenuItem {
            key,
            label: label.to_owned(),
            note: rows.clone(),
            choice: Choice::Export(format),
        };
        let items = vec![item('c', "CSV", ExportFormat::Csv), item('j', "JSON lines", ExportFormat::Json)];
        self.overlays.push(Overlay::Menu(Menu { title: "export what the list shows".to_owned(), items, cursor: 0, opened: now }));
    }

    pub(super) fn export(&self, format: ExportFormat) -> String {
        let jobs = self.book.order().iter().filter_map(|id| self.book.job(*id));
        let mut out = String::new();
        match format {
            ExportFormat::Json => {
                for job in jobs {
                    out.push_str(&job_json(job).to_string());
                    out.push('\n');
                }
            }
            ExportFormat::Csv => {
                out.push_str(&COLUMNS.join(","));
                out.push('\n');
                for job in jobs {
                    let object = job_json(job);
                    let cells: Vec<_> = COLUMNS.iter().map(|name| csv_cell(&object[*name])).collect();
                    out.push_str(&cells.join(","));
                    out.push('\n');
                }
            }
        }
        out
    }
}

const COLUMNS: [&str; 17] = [
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
];

/// RFC 4180; a leading sign that a spreadsheet would take for a formula is kept text by a space.
fn csv_cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(files) => files.iter().filter_map(|file| file["path"].as_str()).collect::<Vec<_>>().join(";"),
        other => other.to_string(),
    };
    let text = if text.starts_with(['=', '+', '@', '-']) { format!(" {text}") } else { text };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// A job as product §7 prints it.
pub(super) fn job_json(job: &Job) -> Value {
    let files: Vec<Value> = job
        .files
        .iter()
        .map(|file| json!({"path": file.path.to_string_lossy(), "sha256": file.sha256, "bytes": file.bytes}))
        .collect();
    let error =
        job.failure().map(|failure| json!({"code": failure.code, "message": failure.message, "next": failure.next_step()}));
    json!({
        "schema": 1,
        "id": job.id,
        "source_task": job.source,
        "image_number": job.image.get(),
        "tag": job.tag,
        "state": job.state(),
        "reason": job.reason(),
        "task_id": job.task,
        "progress": job.progress().and_then(|progress| progress.percent),
        "created_at": job.created_at,
        "sent_at": job.sent_at,
        "finished_at": job.finished_at,
        "saved_at": job.saved_at,
        "link_expires_at": job.link_expires_at,
        "credits_reserved": job.reserved,
        "credits_charged": job.charged,
        "charge": job.charge.map(crate::job::Charge::word),
        "files": files,
        "error": error,
    })
}
