//! What each event changes: keys, pastes, the mouse, news.

mod actions;
mod dialogs;
mod drafts;
mod engine_events;
mod export;
mod fields;
mod money;
mod navigation;
mod pictures;
mod prompts;

use crossterm::event::{KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use jiff::Timestamp;

use super::app::App;
use super::dialogs::{CapsDialog, Choice, CommandInput, Dialog, FilterInput, HelpDialog, Menu, MenuItem};
use super::effect::{Effect, SessionEffect};
use super::event::{Event, News};
use super::job_list::{COLUMN_NAMES, Sort, View};
use super::keymap::{Action, Key};
use super::layout::Page;
use super::line_input::LineInput;
use super::options::Theme;
use super::undo::{Pending, Undo};
use super::view::{self, Target};
use crate::engine::{Command, Level};
use crate::job::Verdict;

/// A letter for each column in its menu; none that moves or leaves there.
const COLUMN_KEYS: &str = "itpelcn";

pub(crate) type Effects = Vec<Effect>;

impl App {
    /// Takes one event in; what it asks to be done comes back.
    pub fn update(&mut self, now: Timestamp, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.take(now, event, &mut effects);
        self.seen.turn(self.dialogs.top());
        self.settle(now, &mut effects);
        effects
    }

    /// Brings selection, scroll, title and details in line with what is known now.
    fn settle(&mut self, now: Timestamp, effects: &mut Effects) {
        self.jobs.refresh(now);
        let looked_at = self.screens.in_details() || (self.screens.page().is_picture() && !self.screens.is_on_drafts());
        self.jobs.settle(self.layout().rows(), looked_at);
        self.settle_drafts(now, effects);
        let shown = self.jobs.selected_job().filter(|_| self.screens.shows_details()).map(|job| (job.id, job.revision));
        if let Some((id, _)) = shown.filter(|(id, revision)| self.screens.ask_for(*id, *revision)) {
            effects.push(Effect::Session(SessionEffect::LoadDetails(id)));
        }
        self.settle_pictures(now, effects);
        self.messages.close_windows(now);
        let title = super::title::words(&self.jobs);
        if self.title.set(&title, now) {
            effects.push(Effect::Title(title));
        }
        if !matches!(self.dialogs.top(), Some(Dialog::Filter(_))) {
            let state = super::screen_state::of(&self.jobs);
            if state != self.saved_state {
                self.saved_state.clone_from(&state);
                effects.push(Effect::Session(SessionEffect::SaveScreenState(state)));
            }
        }
    }

    fn take(&mut self, now: Timestamp, event: Event, effects: &mut Effects) {
        match event {
            // A person who has read the box presses one key; this may be text that only looks like keys.
            Event::KeyInBurst(key) if self.asks() && Key::from_event(&key) == Some(Key::char('y')) => {
                self.dirty = true;
                self.seen.early = true;
            }
            Event::Key(key) | Event::KeyInBurst(key) => self.press(now, key, effects),
            Event::Paste(paste) => {
                self.paste(now, &paste.text);
                if paste.cut {
                    let most = super::terminal::LONGEST_PASTE >> 20;
                    self.say(
                        Level::Warning,
                        format!("the paste was cut at {most} MiB; the rest was dropped, paste it separately"),
                    );
                }
            }
            Event::Mouse(mouse) => self.point(now, mouse, effects),
            Event::Resize(width, height) => {
                self.screens.resize(width, height);
                self.pictures.resized(now);
                self.seen.lost();
                self.dirty = true;
            }
            Event::Focus(focused) => self.screens.set_focused(focused),
            Event::News(News::Engine(news)) => self.hear(now, news, effects),
            Event::News(News::Exported(outcome)) => self.exported(now, &outcome),
            Event::News(News::Picture(finished)) => self.take_picture(finished),
            Event::News(News::Tmux(inspection)) => {
                self.pictures.hear_tmux(inspection);
                self.way_is_known(now);
            }
            Event::Tick => self.dirty = true,
            Event::Interrupted | Event::Terminate => self.leave(effects),
            Event::Scheme { dark } => {
                // Dark needs no other colours than those before the answer.
                self.dirty |= self.screens.light_background() == dark && self.options.theme == Theme::Auto;
                self.screens.set_light_background(!dark);
            }
            Event::CellSize(cell) => self.pictures.set_cell(cell),
            Event::PictureAnswers(answers) => {
                self.pictures.hear_terminal(&answers);
                self.way_is_known(now);
            }
            Event::PictureRefused { why, last } => self.picture_refused(now, &why, last),
            Event::Settled(revision) => self.seen.settle(revision),
            Event::Resumed => {
                self.dirty = true;
                self.seen.lost();
                effects.push(Effect::Redraw);
            }
        }
    }

    fn press(&mut self, now: Timestamp, event: KeyEvent, effects: &mut Effects) {
        let Some(key) = Key::from_event(&event) else { return };
        self.dirty = true;
        self.messages.clear_message();
        if self.broken.is_some() && self.dialogs.is_empty() {
            self.messages.say(Level::Alarm, self.broken.clone().unwrap_or_default());
        }
        // Leaving, redrawing and suspending work everywhere, also over a box and in a field.
        let action = self.options.keymap.action(key, self.screens.context());
        if key.ctrl
            && let Some(action @ (Action::Leave | Action::Redraw | Action::Suspend)) = action
        {
            self.run(now, action, effects);
        } else if key == Key::char('y') && !self.may_confirm(now) {
            // Dropped; the box says why.
        } else if let Some(overlay) = self.dialogs.take() {
            self.press_in(now, overlay, key, effects);
        } else if let Some(action) = action {
            self.run(now, action, effects);
        } else if self.broken.is_none() {
            let help = self.options.keymap.named(Action::Help);
            self.say(Level::Info, format!("{} does nothing here · {help} shows all keys", key.shown()));
        }
    }

    /// Whether a box asks whose `y` acts.
    fn asks(&self) -> bool {
        matches!(self.dialogs.top(), Some(Dialog::Price(_) | Dialog::Ask(_)))
    }

    /// Whether a `y` counts now: `false` where a box asks that nobody can have read as it is.
    fn may_confirm(&mut self, now: Timestamp) -> bool {
        if !self.asks() {
            return true;
        }
        let settled = self.seen.is_settled();
        self.seen.early |= !settled;
        settled && view::asks_in_full(self, now)
    }

    /// Does an action, if it fits; says why where it does not.
    pub(super) fn run(&mut self, now: Timestamp, action: Action, effects: &mut Effects) {
        use Action as A;
        if let Err(why) = self.allows(action) {
            self.say(Level::Info, why);
            return;
        }
        if self.screens.is_on_drafts() && self.run_in_drafts(now, action, effects) {
            return;
        }
        match action {
            A::Down => self.step(1),
            A::Up => self.step(-1),
            A::PageDown => self.page(2),
            A::PageUp => self.page(-2),
            A::HalfDown => self.page(1),
            A::HalfUp => self.page(-1),
            A::Top => self.step(isize::MIN),
            A::Bottom => self.step(isize::MAX),
            A::Open => self.screens.open_details(),
            A::Back => self.back(),
            A::NextPane | A::PreviousPane => self.screens.next_pane(),
            A::ViewAll => self.show_view(View::All, now),
            A::ViewWaiting => self.show_view(View::Waiting, now),
            A::ViewRunning => self.show_view(View::Running, now),
            A::ViewToFetch => self.show_view(View::ToFetch, now),
            A::ViewSaved => self.show_view(View::Saved, now),
            A::ViewFailed => self.show_view(View::Failed, now),
            A::ViewUnsure => self.show_view(View::Unsure, now),
            A::Filter => {
                let before = if self.screens.page() == Page::Events { self.screens.events_filter() } else { self.jobs.filter() };
                let before = before.to_owned();
                self.dialogs.open(Dialog::Filter(FilterInput { field: LineInput::new(&before), before }));
            }
            A::Sort => self.open_sort_menu(now),
            A::SortReverse => self.order(self.jobs.view_filter().sort, !self.jobs.view_filter().reverse, now),
            A::Columns => self.open_columns_menu(now, 0),
            A::Mark => self.mark_and_step(),
            A::MarkRange => self.mark_range(),
            A::MarkAll => self.mark_all(),
            A::MarkInvert => self.mark_invert(),
            A::MarkQuery => self.dialogs.open(Dialog::Command(CommandInput { field: LineInput::new("mark "), cursor: 0 })),
            A::Unmark => self.set_marks(std::collections::HashSet::new()),
            A::Add => self.open_add(None),
            A::Drafts => self.toggle_drafts(),
            A::NewDrafts => self.new_drafts(""),
            A::NewFrom => {
                if let Some(line) = self.prompt_under_cursor() {
                    self.new_drafts(&line);
                }
            }
            A::Hold => self.hold_or_release(now, effects),
            A::Pause => self.pause_or_resume(now, effects),
            A::Later => self.shift(crate::engine::QueueMove::Later, effects),
            A::Earlier => self.shift(crate::engine::QueueMove::Earlier, effects),
            A::ToFront => self.shift(crate::engine::QueueMove::Front, effects),
            A::ToBack => self.shift(crate::engine::QueueMove::Back, effects),
            A::More => self.change_in_flight(1, effects),
            A::Fewer => self.change_in_flight(-1, effects),
            A::Cancel => self.cancel(now, effects),
            A::Watch => self.watch(now, effects),
            A::Fetch => self.fetch(effects),
            A::Ask => self.ask_service(effects),
            A::RunAgain => self.run_again(now),
            A::Remove => self.remove(now, effects),
            A::Undo => self.undo(now, effects),
            A::CopyId => self.copy_id(effects),
            A::CopyMenu => self.open_copy_menu(now),
            A::Show => self.jobs.selected().into_iter().for_each(|id| self.dialogs.open(Dialog::Show(id))),
            A::Pictures => self.toggle_pictures(),
            A::Full => self.go_to_picture(Page::Full),
            A::Compare => self.go_to_picture(Page::Compare),
            A::Flip => self.flip(),
            A::Picture0 => self.choose_picture(now, 0),
            A::Picture1 => self.choose_picture(now, 1),
            A::Picture2 => self.choose_picture(now, 2),
            A::Picture3 => self.choose_picture(now, 3),
            A::Keep => self.judge(Verdict::Kept, effects),
            A::Reject => self.judge(Verdict::Rejected, effects),
            A::Tag => self.open_tag(),
            A::Events => self.screens.go_to(Page::Events),
            A::Spending => self.screens.go_to(Page::Spending),
            A::EditCaps => self.open_caps(),
            A::Export => self.open_export_menu(now),
            A::Mouse => {
                let on = self.screens.toggle_mouse();
                self.say(Level::Info, if on { "the mouse is on" } else { "the mouse is off" });
                effects.push(Effect::Mouse(on));
            }
            A::Command => self.dialogs.open(Dialog::Command(CommandInput { field: LineInput::new(""), cursor: 0 })),
            A::Help => self.dialogs.open(Dialog::Help(HelpDialog { search: LineInput::new(""), searching: false, scroll: 0 })),
            A::Escape => self.escape(now),
            A::Quit => self.quit(effects),
            A::Leave => self.leave(effects),
            A::Redraw => {
                self.seen.lost();
                effects.push(Effect::Redraw);
            }
            A::Suspend => effects.push(Effect::Suspend),
            // They are done where they belong.
            A::Sheet
            | A::Choose0
            | A::Choose1
            | A::Choose2
            | A::Choose3
            | A::ChooseAll
            | A::Enhance
            | A::NextDraft
            | A::PreviousDraft
            | A::Note
            | A::Hide => {}
        }
    }

    /// Hands a command over; its answer comes back as news.
    pub(super) fn send(&mut self, command: Command, pending: Pending, effects: &mut Effects) {
        let ticket = self.messages.ticket(pending);
        effects.push(Effect::Session(SessionEffect::Command { ticket, command }));
    }

    fn escape(&mut self, now: Timestamp) {
        if self.screens.page().is_picture() {
            self.screens.leave_picture();
        } else if self.screens.page() != Page::Jobs {
            if self.screens.page() == Page::Events && !self.screens.events_filter().is_empty() {
                self.screens.filter_events(String::new());
            } else {
                self.screens.go_to(Page::Jobs);
            }
        } else if self.screens.in_details() {
            self.screens.leave_details();
        } else if self.jobs.marks().anchor().is_some() {
            self.jobs.set_anchor(None);
        } else if !self.jobs.filter().is_empty() {
            let before = self.jobs.set_filter(String::new(), now);
            self.messages.push_undo(Undo::Filter(before));
            let key = self.options.keymap.named(Action::Undo);
            self.say(Level::Info, format!("filter cleared · {key} restores it"));
        } else if !self.jobs.marks().is_empty() {
            self.set_marks(std::collections::HashSet::new());
            let key = self.options.keymap.named(Action::Undo);
            self.say(Level::Info, format!("marks cleared · {key} restores them"));
        } else {
            self.screens.close_details();
        }
    }

    fn back(&mut self) {
        if self.screens.page().is_picture() {
            self.screens.leave_picture();
        } else if self.screens.page() == Page::Jobs {
            self.screens.close_details();
        } else {
            self.screens.go_to(Page::Jobs);
        }
    }

    fn quit(&mut self, effects: &mut Effects) {
        if self.screens.page() != Page::Jobs || self.screens.in_details() || self.screens.details_were_opened() {
            self.back();
        } else {
            self.leave(effects);
        }
    }

    fn show_view(&mut self, view: View, now: Timestamp) {
        self.set_view_filter(|view_filter| view_filter.view = view, now);
        self.jobs.set_anchor(None);
        self.jobs.select_first();
    }

    pub(super) fn order(&mut self, sort: Sort, reverse: bool, now: Timestamp) {
        let view_filter = self.jobs.view_filter();
        let before = (view_filter.sort, view_filter.reverse);
        if before != (sort, reverse) {
            self.messages.push_undo(Undo::Order(before.0, before.1));
            self.set_view_filter(|view_filter| (view_filter.sort, view_filter.reverse) = (sort, reverse), now);
            let way = if reverse { ", reversed" } else { "" };
            self.say(Level::Info, format!("sorted by {}{way}", sort.word()));
        }
    }

    fn open_sort_menu(&mut self, now: Timestamp) {
        let present = self.jobs.view_filter().sort;
        let items = Sort::ALL.iter().map(|(sort, key, word, note)| MenuItem {
            key: *key,
            label: (*word).to_owned(),
            note: (*note).to_owned(),
            present: *sort == present,
            choice: Choice::Sort(*sort),
        });
        let cursor = Sort::ALL.iter().position(|(sort, ..)| *sort == self.jobs.view_filter().sort).unwrap_or(0);
        self.dialogs.open(Dialog::Menu(Menu { title: "sort by".to_owned(), items: items.collect(), cursor, opened: now }));
    }

    pub(super) fn open_columns_menu(&mut self, now: Timestamp, cursor: usize) {
        let items = COLUMN_NAMES.iter().zip(COLUMN_KEYS.chars()).map(|(name, key)| MenuItem {
            key,
            label: (*name).to_owned(),
            note: if self.jobs.hidden().contains(name) { "hidden" } else { "shown" }.to_owned(),
            present: !self.jobs.hidden().contains(name),
            choice: Choice::Column(name),
        });
        let menu = Menu { title: "columns".to_owned(), items: items.collect(), cursor, opened: now };
        self.dialogs.open(Dialog::Menu(menu));
    }

    fn open_caps(&mut self) {
        let Some(status) = &self.status else { return };
        let field = |cap: Option<crate::job::Credits>| LineInput::new(&cap.map(|cap| cap.to_string()).unwrap_or_default());
        let (session, day) = (field(status.caps.session), field(status.caps.day));
        self.dialogs.open(Dialog::Caps(CapsDialog { session, day, on_day: true, said: None }));
    }

    fn paste(&mut self, now: Timestamp, text: &str) {
        self.dirty = true;
        match self.dialogs.take() {
            Some(overlay) => {
                let overlay = self.paste_in(now, overlay, text);
                self.dialogs.open(overlay);
            }
            None if self.screens.page().is_of_drafts() => match self.allows(Action::NewDrafts) {
                Ok(()) => self.new_drafts(text),
                Err(why) => self.say(Level::Info, why),
            },
            None if self.screens.page() == Page::Jobs => match self.allows(Action::Add) {
                Ok(()) => self.open_add(Some(text)),
                Err(why) => self.say(Level::Info, why),
            },
            None => {}
        }
    }

    fn point(&mut self, now: Timestamp, mouse: MouseEvent, effects: &mut Effects) {
        if !self.screens.mouse_is_on() {
            return;
        }
        self.dirty = true;
        let wheel = match mouse.kind {
            MouseEventKind::ScrollDown => 3,
            MouseEventKind::ScrollUp => -3,
            MouseEventKind::Down(MouseButton::Left) => return self.click(now, (mouse.column, mouse.row), effects),
            _ => return,
        };
        let last = match self.dialogs.top() {
            Some(Dialog::Help(help)) => view::help_last(self, help),
            _ => 0,
        };
        match self.dialogs.top_mut() {
            None => self.step(wheel),
            Some(Dialog::Help(help)) => help.scroll = help.scroll.saturating_add_signed(wheel).min(last),
            // Nothing that asks is answered by a mouse.
            Some(_) => {}
        }
    }

    fn click(&mut self, now: Timestamp, place: (u16, u16), effects: &mut Effects) {
        let Some(target) = view::target_at(self, now, place) else { return };
        match target {
            Target::Tab(view) => {
                if self.screens.page() != Page::Jobs {
                    self.screens.go_to(Page::Jobs);
                }
                self.show_view(view, now);
            }
            Target::Heading(sort) => self.toggle_order(sort, now),
            Target::Details => {
                if !self.screens.in_details() {
                    self.screens.next_pane();
                }
            }
            Target::Key(action) => self.run(now, action, effects),
            Target::Item(index) => {
                if let Some(Dialog::Menu(menu)) = self.dialogs.take() {
                    self.choose(now, &menu, index, effects);
                }
            }
            Target::Draft(row) => {
                let row = self.drafts.offset() + row;
                let again = self.drafts.cursor_row() == row;
                if row < self.drafts.len() {
                    self.drafts.select_row(row);
                    if again {
                        self.run(now, Action::Sheet, effects);
                    }
                }
            }
            Target::Row(row) => {
                let Some(id) = self.jobs.order().get(self.jobs.offset() + row).copied() else { return };
                let again = self.jobs.selected() == Some(id);
                self.jobs.select(id);
                self.screens.leave_details();
                if again {
                    self.run(now, Action::Open, effects);
                }
            }
        }
    }

    /// Orders by this, or the other way round where it is so already.
    pub(super) fn toggle_order(&mut self, sort: Sort, now: Timestamp) {
        let view_filter = self.jobs.view_filter();
        let reverse = view_filter.sort == sort && !view_filter.reverse;
        self.order(sort, reverse, now);
    }
}
