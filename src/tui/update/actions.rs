//! Acts on jobs that cost nothing, and their undo.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::app::App;
use super::super::availability::{self, Availability};
use super::super::dialogs::{Choice, ConfirmDialog, ConfirmPurpose, Dialog, Menu, MenuItem, TagDialog};
use super::super::effect::Effect;
use super::super::keymap::Action;
use super::super::line_input::LineInput;
use super::super::location::scp_line;
use super::super::messages::NextUndo;
use super::super::undo::{Pending, Undo};
use super::Effects;
use crate::engine::{Command, Level, QueueMove};
use crate::job::{Job, JobId, Phase, State, Tag, Verdict, text};

/// What an act is for, and what it leaves out.
pub(super) struct Sorted {
    pub jobs: Vec<JobId>,
    out: BTreeMap<&'static str, usize>,
}

impl Sorted {
    /// `3 left out: 2 running, 1 source gone`; `None` where nothing is.
    pub(super) fn left_out(&self) -> Option<String> {
        let count: usize = self.out.values().sum();
        let mut reasons: Vec<_> = self.out.iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let words: Vec<_> = reasons.iter().map(|(why, count)| format!("{count} {why}")).collect();
        (count > 0).then(|| format!("{count} left out: {}", words.join(", ")))
    }
}

impl App {
    pub(super) fn sort_out(&self, fits: impl Fn(&Job) -> Availability) -> Sorted {
        let mut sorted = Sorted { jobs: Vec::new(), out: BTreeMap::new() };
        for id in self.jobs.targets() {
            let Some(job) = self.jobs.job(id) else { continue };
            match fits(job) {
                Ok(()) => sorted.jobs.push(id),
                Err(why) => *sorted.out.entry(why).or_default() += 1,
            }
        }
        sorted
    }

    /// Marks act on what filter and view hide too; a box that asks says so.
    pub(super) fn not_shown(&self, jobs: &[JobId]) -> Option<String> {
        let count = if self.jobs.marks().is_empty() { 0 } else { self.jobs.not_shown(jobs) };
        (count > 0).then(|| format!("{count} of them marked but hidden now by filter or view"))
    }

    /// Says what is left out; the engine's answer says what was done.
    fn say_left_out(&mut self, sorted: &Sorted) {
        if let Some(said) = sorted.left_out() {
            self.say(Level::Info, said);
        }
    }

    pub(super) fn hold_or_release(&mut self, now: Timestamp, effects: &mut Effects) {
        let sorted = self.sort_out(availability::hold);
        if sorted.jobs.is_empty() {
            let held = self.sort_out(availability::release);
            self.open_release(held.jobs.clone(), held.left_out(), false, now);
        } else {
            self.say_left_out(&sorted);
            self.stay_behind(&sorted.jobs);
            let undo = Undo::Hold(sorted.jobs.clone());
            self.send(Command::Hold { jobs: sorted.jobs }, Pending::local(undo), effects);
        }
    }

    /// The cursor keeps its place when these jobs leave their rows.
    pub(super) fn stay_behind(&mut self, jobs: &[JobId]) {
        if self.jobs.selected().is_some_and(|id| jobs.contains(&id)) {
            self.jobs.stay_behind();
        }
    }

    pub(super) fn shift(&mut self, to: QueueMove, effects: &mut Effects) {
        let sorted = self.sort_out(availability::movable);
        let jobs = sorted.jobs.clone();
        let pending = match to {
            QueueMove::Later => Pending::local(Undo::Move(jobs, QueueMove::Earlier)),
            QueueMove::Earlier => Pending::local(Undo::Move(jobs, QueueMove::Later)),
            QueueMove::Front | QueueMove::Back => {
                let place = |id: JobId| Some((id, self.jobs.job(id)?.place));
                Pending::local(Undo::Places(jobs.into_iter().filter_map(place).collect()))
            }
        };
        self.say_left_out(&sorted);
        self.send(Command::Move { jobs: sorted.jobs, to }, pending, effects);
    }

    pub(super) fn change_in_flight(&mut self, by: i64, effects: &mut Effects) {
        let Some(before) = self.status.as_ref().map(|status| status.max_in_flight) else { return };
        let to = u32::try_from((i64::from(before) + by).clamp(1, 10_000)).unwrap_or(1);
        self.send(Command::MaxInFlight(to), Pending::local(Undo::InFlight(before)), effects);
    }

    /// Not sent is dropped at once; what was sent asks first (docs/money-rules.md, rule 9).
    pub(super) fn cancel(&mut self, now: Timestamp, effects: &mut Effects) {
        let sorted = self.sort_out(availability::stoppable);
        let (mut drop, mut on_wire, mut unwatch, mut give_up) = (vec![], vec![], vec![], vec![]);
        for id in &sorted.jobs {
            match self.jobs.job(*id).map(|job| &job.phase) {
                Some(Phase::Held(_) | Phase::Waiting) => drop.push(*id),
                Some(Phase::Sending) => on_wire.push(*id),
                Some(Phase::Running(_)) => unwatch.push(*id),
                Some(Phase::Unsure(_)) => give_up.push(*id),
                _ => {}
            }
        }
        // A giving-up may lose a paid result: it never rides along with what is harmless.
        let mut apart = None;
        if !give_up.is_empty() && give_up.len() < sorted.jobs.len() {
            let unsure = text::count(give_up.len(), "unsure job");
            apart = Some(format!("{unsure} left out: giving up asks on its own"));
            give_up.clear();
        }
        if on_wire.is_empty() && unwatch.is_empty() && give_up.is_empty() {
            self.say_left_out(&sorted);
            if let Some(said) = apart {
                self.say(Level::Info, said);
            }
            self.stay_behind(&drop);
            let undo = Undo::Cancel(drop.clone());
            self.send(Command::Cancel { jobs: drop }, Pending::local(undo), effects);
            return;
        }
        let mut lines = Vec::new();
        if !drop.is_empty() {
            lines.push(format!("{} not sent yet: cancelled, free", are(drop.len())));
        }
        if !on_wire.is_empty() {
            lines.push(format!(
                "{} being sent: the reply is awaited; if accepted, it keeps running and is charged if it completes",
                are(on_wire.len())
            ));
        }
        if !unwatch.is_empty() {
            lines.push(format!(
                "{} already sent; EvoLink cannot cancel it. It keeps running and is charged if it completes; {} watches it again",
                are(unwatch.len()),
                self.options.keymap.named(Action::Watch)
            ));
        }
        if !give_up.is_empty() {
            lines.push(format!(
                "{} unsure: stop looking for its task? It may have been charged; its result would be lost; {} looks again first",
                are(give_up.len()),
                self.options.keymap.named(Action::Ask)
            ));
        }
        lines.extend(self.not_shown(&[drop.as_slice(), &on_wire, &unwatch, &give_up].concat()));
        lines.extend(apart);
        lines.extend(sorted.left_out());
        let mut acts = Vec::new();
        if !drop.is_empty() || !on_wire.is_empty() {
            acts.push(format!("cancel {}", drop.len() + on_wire.len()));
        }
        if !unwatch.is_empty() {
            acts.push(format!("stop watching {}", unwatch.len()));
        }
        if !give_up.is_empty() {
            acts.push(format!("give up {}", give_up.len()));
        }
        drop.extend(on_wire);
        let title = format!("{}?", acts.join(" and "));
        self.dialogs.open(Dialog::Ask(ConfirmDialog {
            title,
            lines,
            yes: acts.join(", "),
            purpose: ConfirmPurpose::Stop { drop, unwatch, give_up },
            opened: now,
        }));
    }

    pub(super) fn say_yes(&mut self, purpose: ConfirmPurpose, effects: &mut Effects) {
        match purpose {
            ConfirmPurpose::Stop { drop, unwatch, give_up } => {
                self.stay_behind(&[drop.as_slice(), &unwatch, &give_up].concat());
                if !drop.is_empty() {
                    let undo = Undo::Cancel(drop.clone());
                    self.send(Command::Cancel { jobs: drop }, Pending::local(undo), effects);
                }
                if !unwatch.is_empty() {
                    let undo = Undo::Unwatch(unwatch.clone());
                    self.send(Command::Unwatch { jobs: unwatch }, Pending::local(undo), effects);
                }
                if !give_up.is_empty() {
                    let last = Pending::Final("giving up is final");
                    self.send(Command::GiveUp { jobs: give_up }, last, effects);
                }
            }
            ConfirmPurpose::Choose { draft, chosen } => {
                self.drafts.warn(draft.clone());
                self.take_choice(&draft, chosen);
            }
            ConfirmPurpose::Remove(jobs) => {
                let undo = Undo::Remove(jobs.clone());
                self.send(Command::Remove { jobs, removed: true }, Pending::local(undo), effects);
            }
        }
    }

    pub(super) fn watch(&mut self, now: Timestamp, effects: &mut Effects) {
        if self.jobs.marks().is_empty()
            && let Some(job) = self.jobs.selected_job().cloned()
            && let Phase::Unsure(doubt) = &job.phase
        {
            if doubt.candidates.is_empty() {
                let look = self.options.keymap.named(Action::Ask);
                let said = if doubt.looked {
                    let give_up = self.options.keymap.named(Action::Cancel);
                    format!("no task of the account fits it; {look} looks again, {give_up} gives it up")
                } else {
                    format!("the account's tasks were not checked yet; {look} checks now")
                };
                self.say(Level::Info, said);
                return;
            }
            let mut items: Vec<MenuItem> = doubt
                .candidates
                .iter()
                .zip('1'..='9')
                .map(|(task, key)| MenuItem {
                    key,
                    label: task.to_string(),
                    note: self.candidate_note(task, now),
                    present: false,
                    choice: Choice::Adopt { job: job.id, task: task.clone() },
                })
                .collect();
            if job.kind.prompt().is_some() {
                // Other programs of the account make drafts too.
                let note = "it stays unsure".to_owned();
                items.push(MenuItem { key: 'n', label: "none of these".to_owned(), note, present: false, choice: Choice::None });
            }
            let title = "which task belongs to this job? (choosing is free)".to_owned();
            self.dialogs.open(Dialog::Menu(Menu { title, items, cursor: 0, opened: now }));
            return;
        }
        let sorted = self.sort_out(|job| if job.state() == State::Unsure { Err("unsure") } else { availability::watchable(job) });
        self.say_left_out(&sorted);
        if !sorted.jobs.is_empty() {
            self.send(Command::Watch { jobs: sorted.jobs }, Pending::Plain, effects);
        }
    }

    pub(super) fn fetch(&mut self, effects: &mut Effects) {
        let sorted = self.sort_out(availability::fetchable);
        self.say_left_out(&sorted);
        self.send(Command::FetchNow { jobs: sorted.jobs }, Pending::Plain, effects);
    }

    /// About the targets where the service can say something new; else about everything.
    pub(super) fn ask_service(&mut self, effects: &mut Effects) {
        let jobs: Vec<JobId> = self
            .jobs
            .targets()
            .into_iter()
            .filter(|id| self.jobs.job(*id).is_some_and(|job| availability::askable(job)))
            .collect();
        self.say(
            Level::Info,
            if jobs.is_empty() {
                "asking the service about everything".to_owned()
            } else {
                format!("asking the service about {}", text::count(jobs.len(), "job"))
            },
        );
        self.send(Command::AskNow { jobs }, Pending::Plain, effects);
    }

    pub(super) fn remove(&mut self, now: Timestamp, effects: &mut Effects) {
        let sorted = self.sort_out(availability::removable);
        if sorted.jobs.len() == 1 {
            self.say_left_out(&sorted);
            self.say_yes(ConfirmPurpose::Remove(sorted.jobs), effects);
            return;
        }
        let mut lines =
            vec![format!("their files and their history stay; {} restores them", self.options.keymap.named(Action::Undo))];
        lines.extend(self.not_shown(&sorted.jobs));
        lines.extend(sorted.left_out());
        self.dialogs.open(Dialog::Ask(ConfirmDialog {
            title: "remove from the list?".to_owned(),
            lines,
            yes: format!("remove {}", text::count(sorted.jobs.len(), "job")),
            purpose: ConfirmPurpose::Remove(sorted.jobs),
            opened: now,
        }));
    }

    pub(super) fn open_tag(&mut self) {
        let jobs = self.jobs.targets();
        let mut tags = jobs.iter().filter_map(|id| self.jobs.job(*id)).map(|job| job.tag.as_ref());
        let first = tags.next().flatten();
        let same = tags.all(|tag| tag == first);
        let text = first.filter(|_| same).map_or("", Tag::as_str);
        self.dialogs.open(Dialog::Tag(TagDialog {
            field: LineInput::new(text),
            various: !same,
            jobs,
            drafts: Vec::new(),
            said: None,
        }));
    }

    pub(super) fn retag(&mut self, jobs: Vec<JobId>, tag: Option<Tag>, effects: &mut Effects) {
        let mut before: Vec<(Option<Tag>, Vec<JobId>)> = Vec::new();
        for id in &jobs {
            let Some(job) = self.jobs.job(*id) else { continue };
            match before.iter_mut().find(|(tag, _)| *tag == job.tag) {
                Some((_, ids)) => ids.push(*id),
                None => before.push((job.tag.clone(), vec![*id])),
            }
        }
        self.send(Command::Retag { jobs, tag }, Pending::local(Undo::Retag(before)), effects);
    }

    /// Keeps or rejects results; said again of all of them, neither.
    pub(super) fn judge(&mut self, verdict: Verdict, effects: &mut Effects) {
        let jobs = if self.screens.page().is_picture() {
            // What is shown, whatever is marked on the list behind it.
            self.shown_job().filter(|job| availability::judgeable(job).is_ok()).map(|job| job.id).into_iter().collect()
        } else {
            let sorted = self.sort_out(availability::judgeable);
            self.say_left_out(&sorted);
            sorted.jobs
        };
        let said = |id: &JobId| self.jobs.job(*id).and_then(|job| job.verdict);
        let to = (!jobs.iter().all(|id| said(id) == Some(verdict))).then_some(verdict);
        let mut before: Vec<(Option<Verdict>, Vec<JobId>)> = Vec::new();
        for id in &jobs {
            match before.iter_mut().find(|(known, _)| *known == said(id)) {
                Some((_, ids)) => ids.push(*id),
                None => before.push((said(id), vec![*id])),
            }
        }
        self.send(Command::Judge { jobs, verdict: to }, Pending::local(Undo::Judge(before)), effects);
    }

    /// Takes the last local act back; a send in its grace period comes first.
    pub(super) fn undo(&mut self, now: Timestamp, effects: &mut Effects) {
        match self.messages.next_undo() {
            Some(NextUndo::Send(window)) => {
                self.withdraw(window.approval, window.made, effects);
            }
            Some(NextUndo::PendingConsent) => self.say(Level::Info, "stopping the send"),
            Some(NextUndo::Act(undo)) => self.take_back(undo, now, effects),
            // What is on its way to the engine is taken back as soon as its answer is here.
            Some(NextUndo::PendingAct) | None => {}
        }
    }

    /// Takes a confirmation back, with what its act made.
    pub(super) fn withdraw(&mut self, approval: u64, made: Vec<JobId>, effects: &mut Effects) {
        self.messages.forget_send(approval);
        self.send(Command::Withdraw { approval }, Pending::Withdrawal { made }, effects);
    }

    /// Takes a local act back that was done.
    pub(super) fn take_back(&mut self, undo: Undo, now: Timestamp, effects: &mut Effects) {
        match undo {
            Undo::Hold(jobs) => {
                let (jobs, gone): (Vec<_>, Vec<_>) =
                    jobs.into_iter().partition(|id| self.jobs.job(*id).is_some_and(|job| availability::release(job).is_ok()));
                if jobs.is_empty() {
                    self.say(Level::Info, "none of those jobs is held any more");
                } else {
                    let gone = (!gone.is_empty()).then(|| format!("{} left out: not held any more", gone.len()));
                    self.open_release(jobs, gone, true, now);
                }
            }
            Undo::Places(places) => self.send(Command::PutBack { places }, Pending::Plain, effects),
            Undo::Move(jobs, to) => self.send(Command::Move { jobs, to }, Pending::Plain, effects),
            Undo::Retag(groups) => {
                for (tag, jobs) in groups.into_iter().filter(|(_, jobs)| !jobs.is_empty()) {
                    self.send(Command::Retag { jobs, tag }, Pending::Plain, effects);
                }
            }
            Undo::Judge(groups) => {
                for (verdict, jobs) in groups.into_iter().filter(|(_, jobs)| !jobs.is_empty()) {
                    self.send(Command::Judge { jobs, verdict }, Pending::Plain, effects);
                }
            }
            Undo::Remove(jobs) => self.send(Command::Remove { jobs, removed: false }, Pending::Plain, effects),
            Undo::Marks { set, taken } => {
                let mut marks = self.jobs.marks().ids().clone();
                marks.retain(|id| !set.contains(id));
                marks.extend(taken);
                self.jobs.set_marks(marks);
                let count = self.jobs.marks().len();
                let said =
                    if count == 0 { "no marks again".to_owned() } else { format!("{} marked again", text::count(count, "job")) };
                self.say(Level::Info, said);
            }
            Undo::Filter(filter) => {
                let said = filter_again(&filter);
                self.jobs.set_filter(filter, now);
                self.say(Level::Info, said);
            }
            Undo::DraftMarks(marks) => {
                self.drafts.set_marks(marks);
                let count = self.drafts.marks().len();
                let said = if count == 0 {
                    "no marks again".to_owned()
                } else {
                    format!("{} marked again", text::count(count, "draft"))
                };
                self.say(Level::Info, said);
            }
            Undo::Choice(task, chosen) => {
                let count = chosen.len();
                let said = if count == 0 { "nothing".to_owned() } else { text::count(count, "picture") };
                self.say(Level::Info, format!("{said} of {} chosen again", task.short()));
                self.drafts.choose(&task, chosen);
            }
            Undo::Column(name) => {
                self.jobs.toggle_column(name);
                let how = if self.jobs.hidden().contains(name) { "hidden" } else { "shown" };
                self.say(Level::Info, format!("column {name} {how} again"));
            }
            Undo::HideDrafts(tasks) => self.send(Command::HideDrafts { tasks, hidden: false }, Pending::Plain, effects),
            Undo::NoteDrafts(groups) => {
                for (note, tasks) in groups {
                    self.send(Command::NoteDrafts { tasks, note }, Pending::Plain, effects);
                }
            }
            Undo::DraftFilter(filter) => {
                let said = filter_again(&filter);
                self.drafts.set_filter(filter);
                self.say(Level::Info, said);
            }
            Undo::Order(sort, reverse) => {
                self.set_view_filter(|view_filter| (view_filter.sort, view_filter.reverse) = (sort, reverse), now);
                self.say(Level::Info, format!("sorted by {} again", sort.word()));
            }
            Undo::InFlight(count) => self.send(Command::MaxInFlight(count), Pending::Plain, effects),
            Undo::Caps(caps) => self.send(Command::Caps(caps), Pending::Plain, effects),
            Undo::Cancel(jobs) => self.send(Command::Uncancel { jobs }, Pending::Plain, effects),
            Undo::Unwatch(jobs) => self.send(Command::Watch { jobs }, Pending::Plain, effects),
            Undo::Resume => self.send(Command::Pause, Pending::Plain, effects),
            Undo::Final(why) => self.say(Level::Info, why),
            Undo::Sent(_) => {
                let key = self.options.keymap.named(Action::Cancel);
                self.say(Level::Info, format!("too late to undo: the jobs were sent; {key} stops watching them"));
            }
            Undo::Pause => {
                if self.status.as_ref().is_some_and(|status| status.paused.is_some()) {
                    self.pause_or_resume(now, effects);
                } else {
                    self.say(Level::Info, "sending is on already");
                }
            }
        }
    }

    pub(super) fn copy_id(&mut self, effects: &mut Effects) {
        let Some(task) = self.jobs.selected_job().and_then(|job| job.task.clone()) else {
            return;
        };
        self.say(Level::Info, format!("sent to the terminal's clipboard (OSC 52): {task}"));
        effects.push(Effect::Copy(task.to_string()));
    }

    pub(super) fn open_copy_menu(&mut self, now: Timestamp) {
        let Some(job) = self.jobs.selected_job().cloned() else { return };
        let mut items = Vec::new();
        let mut add = |key, what: &'static str, text: Option<String>| {
            if let Some(text) = text {
                let note = text::shorten(&text, 300).into_owned();
                items.push(MenuItem { key, label: what.to_owned(), note, present: false, choice: Choice::Copy { what, text } });
            }
        };
        let file = job.files.first();
        add('p', "path", file.map(|file| text::clean(&file.path.to_string_lossy()).into_owned()));
        add('l', "link", job.links.first().map(|link| text::clean(link).into_owned()));
        add('s', "scp line", file.map(|file| scp_line(&self.options, &file.path.to_string_lossy())));
        add('t', "task id", job.task.as_ref().map(ToString::to_string));
        add('i', "job id", Some(job.id.to_string()));
        add('d', "draft id", job.kind.source().map(|(source, _)| source.to_string()));
        add('m', "prompt", job.kind.prompt().map(|prompt| prompt.as_str().to_owned()));
        add('j', "JSON", Some(super::export::job_json(&job).to_string()));
        self.dialogs.open(Dialog::Menu(Menu { title: "copy".to_owned(), items, cursor: 0, opened: now }));
    }
}

fn are(count: usize) -> String {
    if count == 1 { "1 is".to_owned() } else { format!("{count} are") }
}

/// What undo made of the filter: there was one before, or none.
fn filter_again(filter: &str) -> &'static str {
    if filter.is_empty() { "no filter again" } else { "the filter is back" }
}
