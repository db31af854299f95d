//! What the engine says.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::super::app::App;
use super::super::effect::Effect;
use super::super::job_list::JobList;
use super::super::keymap::Action;
use super::super::messages::LoggedEvent;
use super::super::notices::notice_text_for;
use super::super::options::NotifyMethod;
use super::super::outcomes;
use super::super::reasons;
use super::super::undo::{Pending, Undo, UndoWindow};
use super::super::wording::{duration, since, sum_of};
use super::Effects;
use crate::engine::{Command, CommandError, CommandOutcome, EngineEvent, Level, Notice, NoticeKind};
use crate::job::{Charge, Job, JobId, Model, State, text};

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
            EngineEvent::Jobs(jobs) => {
                self.drafts.set_stale();
                self.take_jobs(now, jobs, effects);
            }
            EngineEvent::Loaded => {
                self.jobs.loaded(now);
                self.batch.start(self.active() > 0, now);
            }
            EngineEvent::Gone(ids) => {
                self.drafts.set_stale();
                self.jobs.remove(&ids);
            }
            EngineEvent::Progress(news) => self.jobs.hear(news, now),
            EngineEvent::Status(status) => {
                self.status = Some(status);
                self.refresh_price();
            }
            EngineEvent::Notice(notice) => self.take_notice(&notice, effects),
            EngineEvent::CommandDone { ticket, outcome } => self.take_answer(ticket, outcome, now, effects),
            EngineEvent::Details { job, details } => self.screens.take_details(job, details),
            EngineEvent::Drafts(told) => self.take_drafts(&told, now),
            EngineEvent::Broken(error) => {
                let said = text::clean(&error.to_string()).into_owned();
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
                    self.batch.saved(job.kind.prompt().is_some(), job.spent());
                }
                if is_new(State::Failed) {
                    self.batch.failed(job.spent());
                    failed.push((job.id, format!("{} failed: {}", reasons::name(job), reasons::reason(job).unwrap_or_default())));
                }
            }
        }
        let sent = sent_now(&self.jobs, &jobs);
        self.jobs.put(jobs, now);
        self.refresh_price();
        if !self.jobs.is_loaded() {
            return;
        }
        match sent.as_slice() {
            [] => {}
            [job] => self.log(now, Level::Info, Some(job.id), format!("{} sent", reasons::name(job))),
            several => {
                let sum = sum_of(several.iter().map(Arc::as_ref), None);
                self.log(now, Level::Info, None, format!("sent {}, {sum} credits", text::count(several.len(), "job")));
            }
        }
        match failed.as_slice() {
            [] => {}
            [(_, said)] => self.tell(said, effects),
            several => self.tell(&format!("{} failed", text::count(several.len(), "job")), effects),
        }
        if let Some(result) = self.batch.turn(self.active() > 0, now) {
            let took = duration(result.seconds, self.options.slow_link);
            let said = format!("batch: {} · {took}", result.words());
            self.tell(&said, effects);
            let level = if result.failed > 0 { Level::Warning } else { Level::Info };
            self.log(now, level, None, said.clone());
            // Who made drafts wants to choose from them next.
            let drafts_only = result.drafts > 0 && result.drafts == result.saved;
            let next = format!(" · {} shows the drafts", self.options.keymap.named(Action::Drafts));
            self.say(level, if drafts_only { said + &next } else { said });
        }
    }

    /// Keeps an event for the events page and the activity.
    fn log(&mut self, now: Timestamp, level: Level, job: Option<JobId>, text: String) {
        self.messages.log(LoggedEvent { at: now, level, job, text });
    }

    /// An export is at a path, or could not be written.
    pub(super) fn exported(&mut self, now: Timestamp, outcome: &Result<PathBuf, String>) {
        let (level, said) = match outcome {
            Ok(path) => (Level::Info, format!("exported {} to {}", text::count(self.jobs.order().len(), "job"), path.display())),
            Err(why) => (Level::Warning, format!("not exported: {why}")),
        };
        let said = text::clean(&said).into_owned();
        self.log(now, level, None, said.clone());
        self.say(level, said);
    }

    /// Tells a person who looks elsewhere, through the terminal's own notices.
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
        let name = |id: JobId| self.jobs.job(id).map_or_else(|| id.to_string(), |job| reasons::name(job));
        let model = notice.job.and_then(|id| self.jobs.job(id)).map_or(Model::Enhance, |job| job.kind.model());
        let mut text = notice_text_for(model, notice, &name, &self.options.keymap);
        text.push_str(&notice.job.and_then(|id| self.jobs.job(id)).map_or_else(String::new, |job| self.aside(&notice.kind, job)));
        if notice.level() == Level::Alarm {
            self.tell(&text, effects);
        }
        // There is still time to fetch, so whoever looks on hears of it too.
        if matches!(notice.kind, NoticeKind::LinksEnding { .. }) {
            self.say(Level::Warning, text.clone());
            if !effects.contains(&Effect::Bell) {
                effects.push(Effect::Bell);
            }
        }
        self.log(notice.at, notice.level(), notice.job, text);
    }

    /// How long a result took and what it cost; whether a failure was paid for.
    fn aside(&self, kind: &NoticeKind, job: &Job) -> String {
        let took = job.sent_at.zip(job.finished_at).map(|(from, to)| duration(since(from, to), self.options.slow_link));
        match (kind, took, job.charge) {
            (NoticeKind::Saved, Some(took), Some(Charge::Charged)) => format!(" · {took}, {} credits", job.spent()),
            (NoticeKind::Saved, Some(took), _) => format!(" · {took}"),
            (NoticeKind::Failed(_), _, Some(Charge::Refunded)) => " · refunded".to_owned(),
            _ => String::new(),
        }
    }

    fn take_answer(&mut self, ticket: u64, outcome: Result<CommandOutcome, CommandError>, now: Timestamp, effects: &mut Effects) {
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
            Pending::Consent { withdraw, makes } => {
                if let Some((approval, until)) = done.approval {
                    let made = if *makes { done.jobs.clone() } else { Vec::new() };
                    if *withdraw {
                        self.withdraw(approval, made, effects);
                    } else {
                        self.messages.open_window(UndoWindow { approval, until, jobs: done.jobs.len(), made });
                        self.messages.push_undo(Undo::Sent(approval));
                    }
                }
                if *makes && let Some(first) = done.jobs.first() {
                    self.jobs.select(*first);
                }
            }
            Pending::Withdrawal { made } => {
                // They are held now: nothing of them was sent, and nothing of them stays.
                let jobs: Vec<JobId> = made.iter().copied().filter(|id| done.jobs.contains(id)).collect();
                if !jobs.is_empty() {
                    self.dialogs.bring_draft_back();
                    self.drafts.bring_back();
                    self.send(Command::Cancel { jobs: jobs.clone() }, Pending::Quiet, effects);
                    self.send(Command::Remove { jobs, removed: true }, Pending::Quiet, effects);
                    self.log(now, Level::Info, None, "sending stopped; nothing was sent".to_owned());
                    self.say(Level::Info, "sending stopped; nothing was sent");
                    return;
                }
            }
            Pending::Final(why) => self.messages.push_undo(Undo::Final(why)),
            Pending::Quiet => return,
            Pending::Added => {
                if let Some(first) = done.jobs.first() {
                    self.jobs.select(*first);
                }
            }
            Pending::Local { undo, back: false } => self.messages.push_undo(undo.limited_to(&done.jobs)),
            Pending::Local { undo, back: true } => self.take_back(undo.limited_to(&done.jobs), now, effects),
            Pending::Plain => {}
        }
        let name = |id: JobId| self.jobs.job(id).map_or_else(|| id.to_string(), |job| reasons::name(job));
        let Some(said) = outcomes::sentence(&done, name) else { return };
        let said = text::clean(&said).into_owned();
        let level = if done.left_out.is_empty() { Level::Info } else { Level::Warning };
        self.log(now, Level::Info, None, said.clone());
        // The countdown of a send says it all.
        if done.approval.is_none() || !done.left_out.is_empty() {
            self.say(level, said);
        }
    }
}

/// The jobs of a batch of news whose paid request was accepted since.
fn sent_now(known: &JobList, news: &[Arc<Job>]) -> Vec<Arc<Job>> {
    if !known.is_loaded() {
        return Vec::new();
    }
    let is_new = |job: &&Arc<Job>| job.sent_at.is_some() && known.job(job.id).is_some_and(|old| old.sent_at.is_none());
    news.iter().filter(is_new).cloned().collect()
}
