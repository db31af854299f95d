//! The drafts and the contact sheet: moving, choosing, and the way to the price of what is chosen.

use std::sync::Arc;

use jiff::Timestamp;

use super::super::app::App;
use super::super::availability;
use super::super::dialogs::{Choice, ConfirmDialog, ConfirmPurpose, Dialog, FilterInput, Menu, MenuItem, Purpose, TagDialog};
use super::super::drafts::{Chosen, DraftList, can_look, is_old, moderated};
use super::super::effect::{Effect, SessionEffect};
use super::super::keymap::Action;
use super::super::layout::Page;
use super::super::line_input::LineInput;
use super::super::location::scp_line;
use super::super::undo::{Pending, Undo};
use super::super::wording;
use super::Effects;
use crate::engine::{AccountDrafts, Command, Level};
use crate::job::drafts::Known;
use crate::job::{ImageNumber, Job, JobId, Model, Prices, Spec, Tag, TaskId, text};

impl App {
    /// Puts the drafts together anew where they are shown and something changed.
    pub(super) fn settle_drafts(&mut self, now: Timestamp, effects: &mut Effects) {
        let shown = self.screens.is_on_drafts() || self.chooses_a_drafts_task();
        if self.drafts.watch(shown) {
            effects.push(Effect::Session(SessionEffect::ShowDrafts(shown)));
        }
        if !self.screens.is_on_drafts() {
            self.drafts.stop_resting();
            return;
        }
        if self.drafts.take_stale() {
            let prices = self.status.as_ref().map_or(Prices::PUBLISHED, |status| status.prices);
            self.drafts.refresh(&self.jobs, &prices);
        }
        let rows = super::super::view::draft_rows(self);
        self.drafts.settle(rows, self.screens.page() != Page::Drafts);
        if self.screens.page() == Page::Sheet && self.drafts.selected().is_none() {
            self.screens.go_to(Page::Drafts);
        }
        let looks = match self.screens.page() {
            Page::Drafts if !self.pictures.in_details => {
                self.drafts.stop_resting();
                false
            }
            // Walking past drafts fetches nothing.
            Page::Drafts => self.drafts.rests(now, self.pictures.rest_time()),
            _ => true,
        };
        if looks && let Some(task) = self.drafts.look() {
            effects.push(Effect::Session(SessionEffect::LookAtDraft(task)));
        }
    }

    /// `v`: the drafts, at the one that the selected job is or was made from; or back.
    pub(super) fn toggle_drafts(&mut self) {
        if self.screens.is_on_drafts() {
            self.screens.go_to(Page::Jobs);
            return;
        }
        self.drafts.set_stale();
        self.screens.go_to(Page::Drafts);
        let job = self.jobs.selected_job();
        let task = job.and_then(|job| job.kind.source().map(|(source, _)| source.clone()).or_else(|| job.task.clone()));
        if let Some(task) = task {
            self.drafts.select(&task);
        }
    }

    /// Does an action on the drafts or the sheet; `false` where it is one of everywhere.
    pub(super) fn run_in_drafts(&mut self, now: Timestamp, action: Action, effects: &mut Effects) -> bool {
        use Action as A;
        let on_sheet = self.screens.page() == Page::Sheet;
        match action {
            A::Sheet => self.screens.go_to(Page::Sheet),
            A::Pictures => self.toggle_draft_pictures(on_sheet),
            A::NextDraft => self.step(1),
            A::PreviousDraft => self.step(-1),
            A::Back | A::Quit | A::Escape if self.screens.page().is_picture() => return false,
            A::Back | A::Quit => self.screens.go_to(if on_sheet { Page::Drafts } else { Page::Jobs }),
            A::Escape => self.escape_drafts(),
            A::Choose0 => self.toggle_choice(now, 0),
            A::Choose1 => self.toggle_choice(now, 1),
            A::Choose2 => self.toggle_choice(now, 2),
            A::Choose3 => self.toggle_choice(now, 3),
            A::ChooseAll => self.choose_all(now),
            A::Enhance => self.enhance_chosen(now),
            A::Mark => {
                self.mark_drafts(DraftList::toggle_mark);
                self.step(1);
            }
            A::MarkAll => self.mark_drafts(DraftList::mark_all),
            A::Filter => {
                let before = self.drafts.filter().to_owned();
                self.dialogs.open(Dialog::Filter(FilterInput { field: LineInput::new(&before), before }));
            }
            A::RunAgain => self.make_again(now),
            A::Fetch => {
                let jobs = self.jobs_of_targets(|job| availability::fetchable(job).is_ok());
                if !jobs.is_empty() {
                    self.send(Command::FetchNow { jobs }, Pending::Plain, effects);
                }
                let others = self.drafts.targets().into_iter().filter(|draft| can_look(draft)).map(|draft| draft.task.clone());
                let others: Vec<TaskId> = others.collect();
                if !others.is_empty() {
                    self.say(Level::Info, format!("fetching the pictures of {}", text::count(others.len(), "draft")));
                }
                effects.extend(others.into_iter().map(|task| Effect::Session(SessionEffect::FetchDraft(task))));
            }
            A::Ask => {
                self.say(Level::Info, "asking the account for its drafts");
                effects.push(Effect::Session(SessionEffect::ListDrafts));
            }
            A::CopyId => {
                let Some(task) = self.drafts.selected().map(|draft| draft.task.to_string()) else { return true };
                self.say(Level::Info, format!("sent to the terminal's clipboard (OSC 52): {task}"));
                effects.push(Effect::Copy(task));
            }
            A::CopyMenu => self.open_draft_copy_menu(now),
            A::Show => {
                if let Some(task) = self.drafts.selected().map(|draft| draft.task.clone()) {
                    self.dialogs.open(Dialog::ShowDraft(task));
                }
            }
            A::Note => self.open_note(),
            A::Hide => self.hide_drafts(effects),
            _ => return false,
        }
        true
    }

    /// What is known of a task that may be that of an unsure job: when it was made, what it cost, how many pictures it has.
    pub(super) fn candidate_note(&self, task: &TaskId, now: Timestamp) -> String {
        let told = self.drafts.told(task);
        let made = told.and_then(|row| row.made_at).or_else(|| task.made_at());
        let mut parts: Vec<String> = made.map(|at| wording::clock(at, now, &self.options.zone)).into_iter().collect();
        if let Some(row) = told {
            parts.extend(row.price.map(|price| format!("{price} credits")));
            parts.extend(row.pictures.map(|count| text::count(count, "picture")));
        }
        parts.join(" · ")
    }

    /// Whether the menu on top asks for the task of an unsure draft.
    fn chooses_a_drafts_task(&self) -> bool {
        let Some(Dialog::Menu(menu)) = self.dialogs.top() else { return false };
        menu.items.iter().any(|item| {
            matches!(&item.choice, Choice::Adopt { job, .. } if self.jobs.job(*job).is_some_and(|job| job.kind.prompt().is_some()))
        })
    }

    /// Takes what the engine told of the account's drafts.
    pub(super) fn take_drafts(&mut self, told: &Arc<AccountDrafts>, now: Timestamp) {
        self.drafts.take(told);
        if !self.chooses_a_drafts_task() {
            return;
        }
        let Some(Dialog::Menu(mut menu)) = self.dialogs.take() else { return };
        for item in &mut menu.items {
            if let Choice::Adopt { task, .. } = &item.choice {
                item.note = self.candidate_note(task, now);
            }
        }
        self.dialogs.open(Dialog::Menu(menu));
    }

    fn escape_drafts(&mut self) {
        if self.screens.page() == Page::Sheet {
            self.screens.go_to(Page::Drafts);
        } else if !self.drafts.filter().is_empty() {
            let before = self.drafts.set_filter(String::new());
            self.messages.push_undo(Undo::DraftFilter(before));
            let key = self.options.keymap.named(Action::Undo);
            self.say(Level::Info, format!("filter cleared · {key} restores it"));
        } else if !self.drafts.marks().is_empty() {
            self.mark_drafts(DraftList::unmark);
            let key = self.options.keymap.named(Action::Undo);
            self.say(Level::Info, format!("marks cleared · {key} restores them"));
        } else {
            self.screens.go_to(Page::Jobs);
        }
    }

    /// The jobs that made the drafts an act is for, of those that fit.
    fn jobs_of_targets(&self, fits: impl Fn(&Job) -> bool) -> Vec<JobId> {
        let jobs = self.drafts.targets().into_iter().filter_map(|draft| draft.job).filter_map(|id| self.jobs.job(id));
        jobs.filter(|job| fits(job)).map(|job| job.id).collect()
    }

    pub(super) fn toggle_choice(&mut self, now: Timestamp, number: u8) {
        let Ok(image) = ImageNumber::try_from(number) else { return };
        let Some(draft) = self.drafts.selected() else { return };
        let mut chosen = self.drafts.chosen(&draft.task);
        if !chosen.remove(&image) {
            chosen.insert(image);
        }
        self.set_choice(now, chosen);
    }

    /// All pictures of the draft that were not enhanced yet, or none.
    fn choose_all(&mut self, now: Timestamp) {
        let Some(draft) = self.drafts.selected() else { return };
        let free = |image: &ImageNumber| !self.jobs.has_duplicate(&spec(&draft.task, *image));
        let mut all: Chosen = ImageNumber::ALL.into_iter().filter(free).collect();
        if all.is_empty() {
            all = ImageNumber::ALL.into_iter().collect();
        }
        let chosen = self.drafts.chosen(&draft.task);
        self.set_choice(now, if chosen == all { Chosen::new() } else { all });
    }

    /// Chooses these pictures of the draft; where some of its pictures were taken, only after a question.
    fn set_choice(&mut self, now: Timestamp, chosen: Chosen) {
        let Some(draft) = self.drafts.selected() else { return };
        let task = draft.task.clone();
        if draft.pictures == Some(0) {
            self.say(Level::Info, "no picture of this draft is left to choose");
            return;
        }
        if let Some(said) = moderated(draft).filter(|_| !chosen.is_empty() && !self.drafts.is_warned(&task)) {
            self.dialogs.open(Dialog::Ask(ConfirmDialog {
                title: format!("choose from {} of {} pictures?", draft.pictures.unwrap_or(0), Model::MOST_PICTURES),
                lines: vec![said, "choosing is free; the number may be that of another picture, or of none".to_owned()],
                yes: "choose it".to_owned(),
                purpose: ConfirmPurpose::Choose { draft: task, chosen },
                opened: now,
            }));
            return;
        }
        self.take_choice(&task, chosen);
    }

    /// Chooses these pictures, so that undo takes them back and not what was done before.
    pub(super) fn take_choice(&mut self, task: &TaskId, chosen: Chosen) {
        let before = self.drafts.chosen(task);
        self.drafts.choose(task, chosen);
        self.messages.push_undo(Undo::Choice(task.clone(), before));
    }

    /// Changes the marks of the drafts; undo brings those before back.
    fn mark_drafts(&mut self, change: impl FnOnce(&mut DraftList)) {
        let before = self.drafts.marks().clone();
        change(&mut self.drafts);
        if *self.drafts.marks() != before {
            self.messages.push_undo(Undo::DraftMarks(before));
        }
    }

    /// From the sheet to the price box.
    fn enhance_chosen(&mut self, now: Timestamp) {
        let Some(draft) = self.drafts.selected() else { return };
        let chosen = self.drafts.chosen(&draft.task);
        let tag = draft.note.clone().or_else(|| draft.tag.clone());
        let all = chosen.iter().map(|image| spec(&draft.task, *image));
        let (twice, specs): (Vec<Spec>, Vec<Spec>) = all.partition(|spec| self.jobs.has_duplicate(spec));
        if specs.is_empty() {
            let again = self.options.keymap.named(Action::RunAgain);
            self.say(Level::Info, format!("already in the list; in the list {again} reruns finished jobs"));
            return;
        }
        let mut notes = Vec::new();
        if !twice.is_empty() {
            notes.push(format!("{} left out: in the list already", text::count(twice.len(), "picture")));
        }
        match draft.known {
            Known::Maybe => notes.push("no price is known of it: it may be no draft; it is checked before it is sent".to_owned()),
            Known::Likely => notes.push("not made here: it is checked before it is sent".to_owned()),
            Known::Ours | Known::No => {}
        }
        notes.extend(moderated(draft));
        if is_old(draft, now) {
            notes.push("older than 24 h: the service may refuse it".to_owned());
        }
        let draft = draft.task.clone();
        let count = specs.len();
        let title = format!("enhance {} of {}", text::count(count, "picture"), draft.short());
        self.open_price(Purpose::Chosen { draft, specs, tag }, vec![Model::Enhance; count], title, notes, now);
    }

    /// The same prompts again: new paid jobs.
    fn make_again(&mut self, now: Timestamp) {
        let alone = self.drafts.marks().is_empty();
        let jobs = self.jobs_of_targets(|job| availability::again(job, true).is_ok());
        let left_out = self.drafts.targets().len() - jobs.len();
        let mut notes = vec!["the same prompt makes other pictures; each is a new paid job".to_owned()];
        if left_out > 0 {
            notes.push(format!("{left_out} left out: not made here"));
        }
        let busy = jobs.iter().filter_map(|id| self.jobs.job(*id)).filter(|job| self.jobs.is_on_its_way_elsewhere(job)).count();
        if busy > 0 {
            notes.push(format!("{} on the way already", text::count(busy, "draft of this prompt")));
        }
        let title = format!("make {} again", text::count(jobs.len(), "draft"));
        let models = vec![Model::Draft; jobs.len()];
        self.open_price(Purpose::MakeAgain { jobs, alone }, models, title, notes, now);
    }

    fn open_note(&mut self) {
        let drafts = self.drafts.targets();
        let mut notes = drafts.iter().map(|draft| draft.label());
        let first = notes.next().flatten();
        let same = notes.all(|note| note == first);
        let field = LineInput::new(first.filter(|_| same).unwrap_or_default());
        let drafts = drafts.iter().map(|draft| draft.task.clone()).collect();
        self.dialogs.open(Dialog::Tag(TagDialog { field, various: !same, jobs: Vec::new(), drafts, said: None }));
    }

    pub(super) fn note_drafts(&mut self, tasks: Vec<TaskId>, note: Option<Tag>, effects: &mut Effects) {
        let mut before: Vec<(Option<Tag>, Vec<TaskId>)> = Vec::new();
        for task in &tasks {
            let Some(draft) = self.drafts.draft(task) else { continue };
            match before.iter_mut().find(|(note, _)| *note == draft.note) {
                Some((_, tasks)) => tasks.push(task.clone()),
                None => before.push((draft.note.clone(), vec![task.clone()])),
            }
        }
        self.send(Command::NoteDrafts { tasks, note }, Pending::local(Undo::NoteDrafts(before)), effects);
    }

    fn hide_drafts(&mut self, effects: &mut Effects) {
        let tasks: Vec<TaskId> = self.drafts.targets().into_iter().map(|draft| draft.task.clone()).collect();
        self.drafts.unmark();
        self.send(Command::HideDrafts { tasks: tasks.clone(), hidden: true }, Pending::local(Undo::HideDrafts(tasks)), effects);
    }

    fn open_draft_copy_menu(&mut self, now: Timestamp) {
        let Some(draft) = self.drafts.selected() else { return };
        let mut items = Vec::new();
        let mut add = |key, what: &'static str, text: Option<String>| {
            if let Some(text) = text {
                let note = text::shorten(&text, 300).into_owned();
                items.push(MenuItem { key, label: what.to_owned(), note, present: false, choice: Choice::Copy { what, text } });
            }
        };
        let file = draft.files.first().map(|(_, path)| path.to_string_lossy().into_owned());
        let chosen: Vec<String> = self.drafts.chosen(&draft.task).iter().map(ToString::to_string).collect();
        let line = if chosen.is_empty() { draft.task.to_string() } else { format!("{} {}", draft.task, chosen.join(",")) };
        add('p', "path", file.as_ref().map(|file| text::clean(file).into_owned()));
        add('l', "link", draft.links.first().map(|link| text::clean(link).into_owned()));
        add('s', "scp line", file.as_ref().map(|file| scp_line(&self.options, file)));
        add('t', "task id", Some(draft.task.to_string()));
        add('a', "line for add", Some(line));
        add('m', "prompt", draft.prompt.as_ref().map(|prompt| prompt.as_str().to_owned()));
        self.dialogs.open(Dialog::Menu(Menu { title: "copy".to_owned(), items, cursor: 0, opened: now }));
    }
}

fn spec(task: &TaskId, image: ImageNumber) -> Spec {
    Spec { source: task.clone(), image, tag: None }
}
