//! Acts on jobs that cost nothing, and their undo.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::app::{App, Pending, Undo};
use super::super::availability::{self, Availability};
use super::super::dialogs::{Choice, ConfirmDialog, ConfirmPurpose, Menu, MenuItem, Overlay, TagDialog};
use super::super::effect::Effect;
use super::super::keymap::Action;
use super::super::text_input::TextInput;
use super::Effects;
use crate::engine::{Command, Level, QueueMove};
use crate::job::{Job, JobId, Phase, State, Tag, text};

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
        for id in self.targets() {
            let Some(job) = self.jobs.job(id) else { continue };
            match fits(job) {
                Ok(()) => sorted.jobs.push(id),
                Err(why) => *sorted.out.entry(why).or_default() += 1,
            }
        }
        sorted
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
            self.open_release(held.jobs.clone(), held.left_out(), now);
        } else {
            self.say_left_out(&sorted);
            let undo = Undo::Hold(sorted.jobs.clone());
            self.send(Command::Hold { jobs: sorted.jobs }, Pending::local(undo), effects);
        }
    }

    pub(super) fn shift(&mut self, to: QueueMove, effects: &mut Effects) {
        let sorted = self.sort_out(availability::movable);
        let back = if to == QueueMove::Later { QueueMove::Earlier } else { QueueMove::Later };
        self.say_left_out(&sorted);
        let undo = Undo::Move(sorted.jobs.clone(), back);
        self.send(Command::Move { jobs: sorted.jobs, to }, Pending::local(undo), effects);
    }

    pub(super) fn change_in_flight(&mut self, by: i64, effects: &mut Effects) {
        let Some(before) = self.status.as_ref().map(|status| status.max_in_flight) else { return };
        let to = u32::try_from((i64::from(before) + by).clamp(1, 10_000)).unwrap_or(1);
        self.send(Command::MaxInFlight(to), Pending::local(Undo::InFlight(before)), effects);
    }

    /// Product §2, rule 9: not sent is dropped at once; what was sent asks first.
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
        if on_wire.is_empty() && unwatch.is_empty() && give_up.is_empty() {
            self.say_left_out(&sorted);
            self.send(Command::Cancel { jobs: drop }, Pending::Plain, effects);
            return;
        }
        let mut lines = Vec::new();
        if !drop.is_empty() {
            lines.push(format!("{} not sent: dropped, nothing is paid", are(drop.len())));
        }
        if !on_wire.is_empty() {
            lines.push(format!(
                "{} on the wire: the answer is awaited; if it was accepted, it goes on and is paid for if it completes",
                are(on_wire.len())
            ));
        }
        if !unwatch.is_empty() {
            lines.push(format!(
                "{} sent: EvoLink has no cancel. Stop watching? The job goes on and is paid for if it completes; w watches it again",
                are(unwatch.len())
            ));
        }
        if !give_up.is_empty() {
            lines.push(format!(
                "{} unsure: giving up ends the search for the task. It may have been paid, and its result is lost; r looks again first",
                are(give_up.len())
            ));
        }
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
        let title = if unwatch.is_empty() && !give_up.is_empty() { "give up?" } else { "stop watching?" };
        self.overlays.push(Overlay::Ask(ConfirmDialog {
            title: title.to_owned(),
            lines,
            yes: acts.join(", "),
            purpose: ConfirmPurpose::Stop { drop, unwatch, give_up },
            opened: now,
        }));
    }

    pub(super) fn say_yes(&mut self, purpose: ConfirmPurpose, effects: &mut Effects) {
        match purpose {
            ConfirmPurpose::Stop { drop, unwatch, give_up } => {
                if !drop.is_empty() {
                    self.send(Command::Cancel { jobs: drop }, Pending::Plain, effects);
                }
                if !unwatch.is_empty() {
                    self.send(Command::Unwatch { jobs: unwatch }, Pending::Plain, effects);
                }
                if !give_up.is_empty() {
                    self.send(Command::GiveUp { jobs: give_up }, Pending::Plain, effects);
                }
            }
            ConfirmPurpose::Remove(jobs) => {
                let undo = Undo::Remove(jobs.clone());
                self.send(Command::Remove { jobs, removed: true }, Pending::local(undo), effects);
            }
        }
    }

    pub(super) fn watch(&mut self, now: Timestamp, effects: &mut Effects) {
        if self.marks.is_empty()
            && let Some(job) = self.selected_job().cloned()
            && let Phase::Unsure(doubt) = &job.phase
        {
            if doubt.candidates.is_empty() {
                let said = if doubt.looked {
                    "no task of the account fits it; r looks again, x gives it up"
                } else {
                    "the account's tasks were not looked through yet; r looks now"
                };
                self.say(Level::Info, said);
                return;
            }
            let items = doubt.candidates.iter().zip('1'..='9').map(|(task, key)| MenuItem {
                key,
                label: task.to_string(),
                note: String::new(),
                choice: Choice::Adopt { job: job.id, task: task.clone() },
            });
            let title = "which task is this job's? Nothing is paid by choosing".to_owned();
            self.overlays.push(Overlay::Menu(Menu { title, items: items.collect(), cursor: 0, opened: now }));
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
        let jobs: Vec<JobId> =
            self.targets().into_iter().filter(|id| self.jobs.job(*id).is_some_and(|job| availability::askable(job))).collect();
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
        let mut lines = vec!["their files and their history stay; u brings them back".to_owned()];
        lines.extend(sorted.left_out());
        self.overlays.push(Overlay::Ask(ConfirmDialog {
            title: "remove from the list?".to_owned(),
            lines,
            yes: format!("remove {}", text::count(sorted.jobs.len(), "job")),
            purpose: ConfirmPurpose::Remove(sorted.jobs),
            opened: now,
        }));
    }

    pub(super) fn open_tag(&mut self) {
        let jobs = self.targets();
        let mut tags = jobs.iter().filter_map(|id| self.jobs.job(*id)).map(|job| job.tag.as_ref());
        let first = tags.next().flatten();
        let same = tags.all(|tag| tag == first);
        let text = first.filter(|_| same).map_or("", Tag::as_str);
        self.overlays.push(Overlay::Tag(TagDialog { field: TextInput::one_line(text), jobs, said: None }));
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

    /// Takes the last local act back; a send in its grace period comes first.
    pub(super) fn undo(&mut self, now: Timestamp, effects: &mut Effects) {
        if let Some(grace) = self.undo_windows.pop() {
            self.send(Command::Withdraw { approval: grace.approval }, Pending::Plain, effects);
            return;
        }
        // What is on its way to the engine is taken back as soon as its answer is here.
        let open = self.tickets.iter_mut().filter(|(_, pending)| pending.can_be_taken_back());
        match open.max_by_key(|(ticket, _)| **ticket).map(|(_, pending)| pending) {
            Some(Pending::Consent { withdraw, .. }) => {
                *withdraw = true;
                self.say(Level::Info, "stopping the send");
                return;
            }
            Some(Pending::Local { back, .. }) => {
                *back = true;
                return;
            }
            _ => {}
        }
        if let Some(undo) = self.undo.pop() {
            self.take_back(undo, now, effects);
        }
    }

    /// Takes a local act back that was done.
    pub(super) fn take_back(&mut self, undo: Undo, now: Timestamp, effects: &mut Effects) {
        match undo {
            Undo::Hold(jobs) => {
                let (jobs, gone): (Vec<_>, Vec<_>) =
                    jobs.into_iter().partition(|id| self.jobs.job(*id).is_some_and(|job| availability::release(job).is_ok()));
                if jobs.is_empty() {
                    self.say(Level::Info, "nothing of what was held is held any more");
                } else {
                    let gone = (!gone.is_empty()).then(|| format!("{} left out: not held any more", gone.len()));
                    self.open_release(jobs, gone, now);
                }
            }
            Undo::Move(jobs, to) => self.send(Command::Move { jobs, to }, Pending::Plain, effects),
            Undo::Retag(groups) => {
                for (tag, jobs) in groups.into_iter().filter(|(_, jobs)| !jobs.is_empty()) {
                    self.send(Command::Retag { jobs, tag }, Pending::Plain, effects);
                }
            }
            Undo::Remove(jobs) => self.send(Command::Remove { jobs, removed: false }, Pending::Plain, effects),
            Undo::Marks { set, taken } => {
                for id in &set {
                    self.marks.remove(id);
                }
                self.marks.extend(taken);
                self.refresh_mark_kinds();
                self.say(Level::Info, format!("{} marked again", text::count(self.marks.len(), "job")));
            }
            Undo::Filter(filter) => {
                self.filter = filter;
                self.apply_filter(now);
                self.say(Level::Info, "the filter is as it was");
            }
            Undo::Order(sort, reverse) => {
                self.set_view_filter(|view_filter| (view_filter.sort, view_filter.reverse) = (sort, reverse), now);
                self.say(Level::Info, format!("ordered by {} again", sort.word()));
            }
            Undo::InFlight(count) => self.send(Command::MaxInFlight(count), Pending::Plain, effects),
            Undo::Caps(caps) => self.send(Command::Caps(caps), Pending::Plain, effects),
            Undo::Pause => {
                if self.status.as_ref().is_some_and(|status| status.paused.is_some()) {
                    self.pause_or_go_on(now, effects);
                } else {
                    self.say(Level::Info, "sending goes on already");
                }
            }
        }
    }

    pub(super) fn copy_id(&mut self, effects: &mut Effects) {
        let Some(task) = self.selected_job().and_then(|job| job.task.clone()) else {
            self.say(Level::Info, "it has no task id: it was not sent");
            return;
        };
        self.say(Level::Info, format!("copied {task}"));
        effects.push(Effect::Copy(task.to_string()));
    }

    pub(super) fn open_copy_menu(&mut self, now: Timestamp) {
        let Some(job) = self.selected_job().cloned() else { return };
        let mut items = Vec::new();
        let mut add = |key, what: &'static str, text: Option<String>| {
            if let Some(text) = text {
                let note = text::shorten(&text, 300).into_owned();
                items.push(MenuItem { key, label: what.to_owned(), note, choice: Choice::Copy { what, text } });
            }
        };
        let file = job.files.first();
        add('p', "path", file.map(|file| text::clean(&file.path.to_string_lossy()).into_owned()));
        add('l', "link", job.links.first().map(|link| text::clean(link).into_owned()));
        add('s', "scp line", file.map(|file| self.scp_line(&file.path.to_string_lossy())));
        add('t', "task id", job.task.as_ref().map(ToString::to_string));
        add('i', "job id", Some(job.id.to_string()));
        add('d', "draft id", Some(job.source.to_string()));
        add('j', "JSON", Some(super::export::job_json(&job).to_string()));
        self.overlays.push(Overlay::Menu(Menu { title: "copy".to_owned(), items, cursor: 0, opened: now }));
    }

    /// A line that copies a result to the machine at the other end, ready to paste there.
    pub(crate) fn scp_line(&self, path: &str) -> String {
        super::super::location::scp_line(&self.options, path)
    }

    /// The actions for the footer that fit now, the most important first, each with its key and word.
    pub(crate) fn hints(&self) -> Vec<(String, &'static str)> {
        let place = self.place();
        let mut rows: Vec<_> = super::super::keymap::TABLE
            .iter()
            .filter(|row| row.hint.1 > 0 && row.places.meets(place) && self.is_worth_a_hint(row.action))
            .filter(|row| self.allows(row.action).is_ok())
            .collect();
        rows.sort_by_key(|row| row.hint.1);
        rows.into_iter()
            .filter_map(|row| Some((self.options.keymap.shown(row.action)?, self.hint_word(row.action, row.hint.0))))
            .collect()
    }

    /// Whether a key that could be pressed is worth its place in the footer.
    fn is_worth_a_hint(&self, action: Action) -> bool {
        match action {
            Action::Pause => {
                self.status.as_ref().is_some_and(|status| status.paused.is_some() || !status.waiting_for_go.is_empty())
            }
            Action::Earlier | Action::Later => self.jobs.count(State::Waiting) + self.jobs.count(State::Held) > 1,
            Action::Events => self.page == super::super::app::Page::Jobs,
            Action::Spending => self.page != super::super::app::Page::Spending,
            Action::Open => !self.details_open,
            _ => true,
        }
    }

    fn hint_word(&self, action: Action, word: &'static str) -> &'static str {
        let job = self.selected_job();
        match action {
            Action::Hold if self.sort_of_hold() == State::Held => "release",
            Action::Cancel if self.marks.is_empty() => match job.map(|job| job.state()) {
                Some(State::Running) => "stop watching",
                Some(State::Unsure) => "give up",
                _ => word,
            },
            Action::Watch if job.is_some_and(|job| job.state() == State::Unsure) => "choose task",
            Action::Watch => "watch again",
            Action::Undo if !self.undo_windows.is_empty() => "stop the send",
            Action::Quit if self.page != super::super::app::Page::Jobs || self.details_open => "back",
            _ => word,
        }
    }

    /// What `p` would do: hold (waiting) or release (held).
    fn sort_of_hold(&self) -> State {
        let waiting = |id: &JobId| self.jobs.job(*id).is_some_and(|job| job.state() == State::Waiting);
        let any = if self.marks.is_empty() { self.selected.iter().any(waiting) } else { self.mark_kinds.iter().any(waiting) };
        if any { State::Waiting } else { State::Held }
    }
}

fn are(count: usize) -> String {
    if count == 1 { "1 is".to_owned() } else { format!("{count} are") }
}
