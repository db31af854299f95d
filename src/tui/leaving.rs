//! What is said after the screen is gone.

use super::app::{App, Exit};
use super::effect::Effect;
use super::job_list::View;
use crate::job::{State, text};

impl App {
    /// Leaves: what goes on is said after the screen is gone.
    pub(super) fn leave(&mut self, effects: &mut Vec<Effect>) {
        if self.exit.is_none() {
            self.exit = Some(Exit { broken: self.broken.clone(), exit_summary: self.exit_summary() });
        }
        effects.push(Effect::Quit);
    }

    fn exit_summary(&self) -> String {
        let on_wire = self.jobs.count_of(View::Running);
        let (fetch, wait) = (self.jobs.count_of(View::ToFetch), self.jobs.count(State::Waiting));
        let mut parts = Vec::new();
        let other = matches!(self.status.as_ref().map(|s| &s.role), Some(crate::engine::Role::Screen { .. }));
        if on_wire > 0 {
            parts.push(format!(
                "{} on at EvoLink",
                if on_wire == 1 { "1 job goes".to_owned() } else { format!("{on_wire} jobs go") }
            ));
        }
        if fetch > 0 && !other {
            parts.push(format!("{} to fetch at the next start", text::count(fetch, "picture")));
        }
        if wait > 0 && !other {
            parts.push(format!("{} unsent until you press P and y", text::count(wait, "job")));
        }
        if other && (on_wire + fetch + wait) > 0 {
            parts.push("the engine in the other process goes on with everything".to_owned());
        }
        let mut said = parts.join("; ");
        if !said.is_empty() {
            said.push('.');
        }
        said
    }
}
