//! What the engine says.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::super::app::App;
use super::super::effect::Effect;
use super::super::notices::notice_text;
use super::super::options::NotifyMethod;
use super::super::undo::{Pending, UndoWindow};
use super::Effects;
use crate::engine::{Command, CommandError, CommandOutcome, EngineEvent, Level, Notice};
use crate::job::{Job, JobId, State, text};

impl App {
    pub(super) fn hear(&mut self, now: Timestamp, news: EngineEvent, effects: &mut Effects) {
        // Progress of rows that nobody sees draws nothing.
        self.dirty |= match &news {
            EngineEvent::Progress(news) => {
                let visible: Vec<JobId> = self.visible().map(|job| job.id).collect();
                news.iter()
                    .any(|(id, _)| visible.contains(id) || (self.screens.details_open() && self.jobs.selected() == Some(*id)))
            }
            _ => true,
        };
        match news {
            EngineEvent::Jobs(jobs) => self.take_jobs(now, jobs, effects),
            EngineEvent::Loaded => {
                self.jobs.loaded(now);
                self.batch.start(self.active() > 0);
            }
            EngineEvent::Gone(ids) => self.jobs.remove(&ids),
            EngineEvent::Progress(news) => self.jobs.hear(news, now),
            EngineEvent::Status(status) => self.status = Some(status),
            EngineEvent::Notice(notice) => self.take_notice(&notice, effects),
            EngineEvent::CommandDone { ticket, outcome } => self.take_answer(ticket, outcome, now, effects),
            EngineEvent::Details { job, details } => self.screens.take_details(job, details),
            EngineEvent::Broken(said) => {
                self.say(Level::Alarm, said.clone());
                self.broken = Some(said);
            }
        }
    }

    fn active(&self) -> usize {
        State::ALL.into_iter().filter(|state| state.is_under_way()).map(|state| self.jobs.count(state)).sum()
    }

    fn take_jobs(&mut self, now: Timestamp, jobs: Vec<Arc<Job>>, effects: &mut Effects) {
        let mut failed: Vec<(JobId, String)> = Vec::new();
        if self.jobs.is_loaded() {
            for job in &jobs {
                let before = self.jobs.job(job.id).map(|old| old.state());
                let is_new = |state| job.state() == state && before.is_some_and(|before| before != state);
                if is_new(State::Saved) {
                    self.batch.saved();
                    self.link_warnings.forget(job.id);
                }
                if is_new(State::Failed) {
                    self.batch.failed();
                    failed.push((
                        job.id,
                        format!("{}:{} failed: {}", job.source.short(), job.image, job.reason().unwrap_or_default()),
                    ));
                }
            }
        }
        self.jobs.put(jobs, now);
        if !self.jobs.is_loaded() {
            return;
        }
        match failed.as_slice() {
            [] => {}
            [(_, said)] => self.tell(said, effects),
            several => self.tell(&format!("{} failed", text::count(several.len(), "job")), effects),
        }
        if let Some((saved, failed)) = self.batch.turn(self.active() > 0) {
            let mut said = format!("all done: {saved} saved");
            if failed > 0 {
                let _ = write!(said, ", {failed} failed");
            }
            self.tell(&said, effects);
            self.say(if failed > 0 { Level::Warning } else { Level::Info }, said);
        }
    }

    /// Tells a person who looks elsewhere (product §6).
    fn tell(&self, said: &str, effects: &mut Effects) {
        if self.screens.is_focused() {
            return;
        }
        match self.options.notify {
            NotifyMethod::Off => {}
            NotifyMethod::Bell => {
                if !effects.contains(&Effect::Bell) {
                    effects.push(Effect::Bell);
                }
            }
            NotifyMethod::Desktop => {
                effects.push(Effect::Notify { title: "mj-enhance".to_owned(), body: text::clean(said).into_owned() });
            }
        }
    }

    fn take_notice(&mut self, notice: &Notice, effects: &mut Effects) {
        let name = |id| self.jobs.job(id).map_or_else(|| id.to_string(), |job| format!("{}:{}", job.source.short(), job.image));
        let text = notice_text(notice, &name, &self.options.keymap);
        self.log(LoggedEvent { at: notice.at, level: notice.level(), job: notice.job, text }, effects);
    }

    /// An export is written, or it is not.
    pub(super) fn exported(&mut self, now: Timestamp, outcome: &Result<PathBuf, String>, effects: &mut Effects) {
        self.dirty = true;
        let (level, said) = match outcome {
            Ok(path) => (Level::Info, format!("exported to {}", path.display())),
            Err(said) => (Level::Warning, format!("not exported: {said}")),
        };
        self.log(LoggedEvent { at: now, level, job: None, text: text::clean(&said).into_owned() }, effects);
    }

    fn log(&mut self, event: LoggedEvent, effects: &mut Effects) {
        if event.level == Level::Alarm {
            self.tell(&event.text, effects);
        }
        self.messages.take_notice(notice);
    }

    fn take_answer(&mut self, ticket: u64, outcome: Result<CommandOutcome, String>, now: Timestamp, effects: &mut Effects) {
        let Some(pending) = self.messages.answered(ticket) else { return };
        let done = match outcome {
            Ok(done) => done,
            Err(error) => {
                let said = outcomes::error(&error, &self.options.keymap);
                self.say(Level::Alarm, text::clean(&said).into_owned());
                return;
            }
        };
        match &pending {
            Pending::Consent { withdraw, adds } => {
                if let Some((approval, until)) = done.approval {
                    if *withdraw {
                        self.send(Command::Withdraw { approval }, Pending::Plain, effects);
                    } else {
                        self.messages.open_window(UndoWindow { approval, until, jobs: done.jobs.len() });
                    }
                }
                if *adds && let Some(first) = done.jobs.first() {
                    self.jobs.select(*first);
                }
            }
            Pending::Added => {
                if let Some(first) = done.jobs.first() {
                    self.jobs.select(*first);
                }
            }
            Pending::Local { undo, back: false } => self.messages.push_undo(undo.limited_to(&done.jobs)),
            Pending::Local { undo, back: true } => self.take_back(undo.limited_to(&done.jobs), now, effects),
            Pending::Plain => {}
        }
        let name =
            |id: JobId| self.jobs.job(id).map_or_else(|| id.to_string(), |job| format!("{}:{}", job.source.short(), job.image));
        if let Some(said) = outcomes::sentence(&done, name) {
            self.say(if done.left_out.is_empty() { Level::Info } else { Level::Warning }, said);
        }
    }
}
