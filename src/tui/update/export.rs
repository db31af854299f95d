//! The shown jobs as CSV or JSON lines, with the fields of the command line.

use jiff::Timestamp;
use serde_json::Value;

use super::super::app::App;
use super::super::dialogs::{Choice, Dialog, Menu, MenuItem};
use super::super::effect::{Effect, ExportFormat, SessionEffect};
use super::Effects;
use crate::job::{Job, record};

impl App {
    pub(super) fn open_export_menu(&mut self, now: Timestamp) {
        let rows = crate::job::text::count(self.jobs.order().len(), "job");
        let item = |key, label: &str, format| MenuItem {
            key,
            label: label.to_owned(),
            note: rows.clone(),
            present: false,
            choice: Choice::Export(format),
        };
        let items = vec![item('c', "CSV", ExportFormat::Csv), item('j', "JSON lines", ExportFormat::Json)];
        self.dialogs.open(Dialog::Menu(Menu { title: "export what the list shows".to_owned(), items, cursor: 0, opened: now }));
    }

    /// Hands the shown jobs over to be written; where they are comes back as an event.
    pub(super) fn start_export(&mut self, format: ExportFormat, effects: &mut Effects) {
        let content = self.export(format);
        effects.push(Effect::Session(SessionEffect::Export { format, content }));
    }

    fn export(&self, format: ExportFormat) -> String {
        let jobs = self.jobs.order().iter().filter_map(|id| self.jobs.job(*id));
        let mut out = String::new();
        match format {
            ExportFormat::Json => {
                for job in jobs {
                    out.push_str(&job_json(job).to_string());
                    out.push('\n');
                }
            }
            ExportFormat::Csv => {
                out.push_str(&record::csv_head());
                out.push('\n');
                for job in jobs {
                    out.push_str(&record::csv_line(job));
                    out.push('\n');
                }
            }
        }
        out
    }
}

/// A job as the command line prints it.
pub(super) fn job_json(job: &Job) -> Value {
    record::json(job)
}
