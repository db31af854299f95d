//! What is said after the screen is gone.

use super::app::{App, Exit};
use super::effect::Effect;
use super::job_list::View;
use super::keymap::Action;
use crate::engine::Role;
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
        if self.options.demo {
            return "demo over; nothing was kept. First real use: see README.md, or `mj-enhance doctor`.".to_owned();
        }
        let mut parts = Vec::new();
        let role = self.status.as_ref().map(|status| &status.role);
        if on_wire > 0 {
            let jobs = if on_wire == 1 { "1 job keeps".to_owned() } else { format!("{on_wire} jobs keep") };
            parts.push(format!("{jobs} running at EvoLink"));
        }
        match role {
            Some(Role::Screen { engine_pid: Some(pid) }) if on_wire + fetch + wait > 0 => {
                parts.push(format!("the engine (pid {pid}) continues with everything"));
            }
            Some(Role::Screen { engine_pid: None }) if on_wire + fetch + wait > 0 => {
                parts.push("no engine is running: nothing is sent or fetched until you start one".to_owned());
            }
            _ => {
                if fetch > 0 {
                    parts.push(format!("{} to fetch at the next start", text::count(fetch, "picture")));
                }
                if wait > 0 {
                    let key = self.options.keymap.named(Action::Pause);
                    parts.push(format!("{} not sent until you press {key} and y", text::count(wait, "job")));
                }
            }
        }
        let mut said = parts.join("; ");
        if !said.is_empty() {
            said.push('.');
        }
        said
    }
}
