//! What the engine says.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::super::app::{App, LoggedEvent, MOST_EVENTS, Pending, Undo, UndoWindow};
use super::super::effect::Effect;
use super::super::notices::notice_text;
use super::super::options::NotifyMethod;
use super::super::outcomes;
use super::Effects;
use crate::engine::{Command, CommandError, CommandOutcome, EngineEvent, Level, Notice};
use crate::job::{Job, JobId, State, text};

impl App {
    pub(super) fn hear(&mut self, now: Timestamp, news: EngineEvent, effects: &mut Effects) {
        // Progress of rows that nobody sees draws nothing.
        self.dirty |= match &news {
            EngineEvent::Progress(news) => {
                let visible: Vec<JobId> = self.visible().map(|job| job.id).collect();
                news.iter().any(|(id, _)| visible.contains(id) || (self.details_open && self.selected == Some(*id)))
            }
            _ => true,
        };
        match news {
            EngineEvent::Jobs(jobs) => self.take_jobs(now, jobs, effects),
            EngineEvent::Loaded => {
                self.jobs.loaded(now);
                self.batch.busy = self.active() > 0;
            }
            EngineEvent::Gone(ids) => {
                self.jobs.remove(&ids);
                self.refresh_mark_kinds();
            }
            EngineEvent::Progress(news) => self.jobs.hear(news, now),
            EngineEvent::Status(status) => self.status = Some(status),
            EngineEvent::Notice(notice) => self.take_notice(&notice, effects),
            EngineEvent::CommandDone { ticket, outcome } => self.take_answer(ticket, outcome, now, effects),
            EngineEvent::Details { job, details } => self.details = Some((job, details)),
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
                    self.batch.saved += 1;
                    self.warned.remove(&job.id);
                }
                if is_new(State::Failed) {
                    self.batch.failed += 1;
                    failed.push((
                        job.id,
                        format!("{}:{} failed: {}", job.source.short(), job.image, job.reason().unwrap_or_default()),
                    ));
                }
            }
        }
        let marked = !self.marks.is_empty();
        self.jobs.put(jobs, now);
        if marked {
            self.refresh_mark_kinds();
        }
        if !self.jobs.is_loaded() {
            return;
        }
        match failed.as_slice() {
            [] => {}
            [(_, said)] => self.tell(said, effects),
            several => self.tell(&format!("{} failed", text::count(several.len(), "job")), effects),
        }
        let busy = self.active() > 0;
        if !busy && self.batch.busy {
            let (saved, failed) = (self.batch.saved, self.batch.failed);
            let mut said = format!("all done: {saved} saved");
            if failed > 0 {
                let _ = write!(said, ", {failed} failed");
            }
            if saved + failed > 0 {
                self.tell(&said, effects);
                self.say(if failed > 0 { Level::Warning } else { Level::Info }, said);
            }
        }
        if busy && !self.batch.busy {
            (self.batch.saved, self.batch.failed) = (0, 0);
        }
        self.batch.busy = busy;
    }

    /// Tells a person who looks elsewhere (product §6).
    fn tell(&self, said: &str, effects: &mut Effects) {
        if self.focused {
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
        let weightier = self.message.as_ref().is_none_or(|(level, _)| event.level >= *level);
        if event.level > Level::Info && weightier {
            self.message = Some((event.level, event.text.clone()));
        }
        if self.events.len() == MOST_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    fn take_answer(&mut self, ticket: u64, outcome: Result<CommandOutcome, CommandError>, now: Timestamp, effects: &mut Effects) {
        let Some(pending) = self.tickets.remove(&ticket) else { return };
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
                        self.undo_windows.push(UndoWindow { approval, until, jobs: done.jobs.len() });
                    }
                }
                if *adds && let Some(first) = done.jobs.first() {
                    self.selected = Some(*first);
                }
            }
            Pending::Added => self.selected = done.jobs.first().copied().or(self.selected),
            Pending::Local { undo, back: false } => self.push_undo(limit(undo, &done.jobs)),
            Pending::Local { undo, back: true } => self.take_back(limit(undo, &done.jobs), now, effects),
            Pending::Plain => {}
        }
        let name =
            |id: JobId| self.jobs.job(id).map_or_else(|| id.to_string(), |job| format!("{}:{}", job.source.short(), job.image));
        if let Some(said) = outcomes::sentence(&done, name) {
            self.say(if done.left_out.is_empty() { Level::Info } else { Level::Warning }, said);
        }
    }
}

/// Only what an act reached is taken back by its undo.
fn limit(undo: &Undo, reached: &[JobId]) -> Undo {
    if reached.is_empty() {
        return undo.clone();
    }
    let reached: std::collections::HashSet<JobId> = reached.iter().copied().collect();
    let keep = |ids: &[JobId]| ids.iter().copied().filter(|id| reached.contains(id)).collect::<Vec<_>>();
    match undo {
        Undo::Hold(ids) => Undo::Hold(keep(ids)),
        Undo::Move(ids, place) => Undo::Move(keep(ids), *place),
        Undo::Remove(ids) => Undo::Remove(keep(ids)),
        Undo::Retag(groups) => Undo::Retag(groups.iter().map(|(tag, ids)| (tag.clone(), keep(ids))).collect()),
        other => other.clone(),
    }
}
