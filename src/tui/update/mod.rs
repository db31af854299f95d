//! What each event changes: keys, pastes, the mouse, news.

mod actions;
mod dialogs;
mod engine_events;
mod export;
mod fields;
mod money;
mod navigation;

use crossterm::event::{KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use jiff::Timestamp;

use super::app::{App, Page, Pending, Undo};
use super::dialogs::{CapsDialog, Choice, CommandInput, FilterInput, HelpDialog, Menu, MenuItem, Overlay};
use super::effect::Effect;
use super::event::Event;
use super::job_list::{Sort, View};
use super::keymap::{Action, Key};
use super::options::Theme;
use super::text_input::TextInput;
use crate::engine::{Command, Level};

pub(crate) type Effects = Vec<Effect>;

impl App {
    pub(super) fn take(&mut self, now: Timestamp, event: Event, effects: &mut Effects) {
        match event {
            Event::Key(key) => self.press(now, key, effects),
            Event::Paste(text) => self.paste(now, &text),
            Event::PasteCut => {
                let most = super::terminal::LONGEST_PASTE >> 20;
                self.say(Level::Warning, format!("the paste was cut at {most} MiB; the rest was dropped, paste it separately"));
            }
            Event::Mouse(mouse) => self.point(now, mouse, effects),
            Event::Resize(width, height) => {
                self.size = (width, height);
                self.seen.lost();
                self.dirty = true;
            }
            Event::Focus(focused) => self.focused = focused,
            Event::EngineEvent(news) => self.hear(now, news, effects),
            Event::Exported(outcome) => self.exported(now, &outcome, effects),
            Event::Tick => self.dirty = true,
            Event::Interrupted | Event::Terminate => self.leave(effects),
            Event::Scheme { dark } => {
                // Dark needs no other colours than those before the answer.
                self.dirty |= self.light_background == dark && self.options.theme == Theme::Auto;
                self.light_background = !dark;
            }
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
        self.message = None;
        if self.broken.is_some() && self.overlays.is_empty() {
            self.message = self.broken.clone().map(|said| (Level::Alarm, said));
        }
        // Leaving, redrawing and suspending work everywhere, also over a box and in a field.
        let action = self.options.keymap.action(key, self.place());
        if key.ctrl
            && let Some(action @ (Action::Leave | Action::Redraw | Action::Suspend)) = action
        {
            self.run(now, action, effects);
        } else if key == Key::char('y') && !self.may_confirm(now) {
            // Dropped; the box says why.
        } else if let Some(overlay) = self.overlays.pop() {
            self.press_in(now, overlay, key, effects);
        } else if let Some(action) = action {
            self.run(now, action, effects);
        }
    }

    /// Whether a `y` counts now: `false` where a box asks that nobody can have read as it is.
    fn may_confirm(&mut self, now: Timestamp) -> bool {
        if !matches!(self.overlays.last(), Some(Overlay::Price(_) | Overlay::Ask(_))) {
            return true;
        }
        let settled = self.seen.is_settled();
        self.seen.early |= !settled;
        settled && super::view::asks_in_full(self, now)
    }

    /// Does an action, if it fits; says why where it does not.
    pub(super) fn run(&mut self, now: Timestamp, action: Action, effects: &mut Effects) {
        use Action as A;
        if let Err(why) = self.allows(action) {
            self.say(Level::Info, why);
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
            A::Open => self.open_details(),
            A::Back => self.back(),
            A::NextPane | A::PreviousPane => self.next_pane(),
            A::ViewAll => self.show_view(View::All, now),
            A::ViewWaiting => self.show_view(View::Waiting, now),
            A::ViewRunning => self.show_view(View::Running, now),
            A::ViewToFetch => self.show_view(View::ToFetch, now),
            A::ViewSaved => self.show_view(View::Saved, now),
            A::ViewFailed => self.show_view(View::Failed, now),
            A::ViewUnsure => self.show_view(View::Unsure, now),
            A::Filter => {
                let before = if self.page == Page::Events { self.events_filter.clone() } else { self.filter.clone() };
                self.overlays.push(Overlay::Filter(FilterInput { field: TextInput::one_line(&before), before }));
            }
            A::Sort => self.open_sort_menu(now),
            A::SortReverse => self.order(self.jobs.view_filter().sort, !self.jobs.view_filter().reverse, now),
            A::Columns => self.open_columns_menu(now, 0),
            A::Mark => self.mark_and_step(),
            A::MarkRange => self.mark_range(),
            A::MarkAll => self.mark_all(),
            A::MarkInvert => self.mark_invert(),
            A::MarkQuery => self.overlays.push(Overlay::Command(CommandInput { field: TextInput::one_line("mark "), cursor: 0 })),
            A::Unmark => self.set_marks(std::collections::HashSet::new()),
            A::Add => self.open_add(None),
            A::Hold => self.hold_or_release(now, effects),
            A::Pause => self.pause_or_go_on(now, effects),
            A::Later => self.shift(crate::engine::QueueMove::Later, effects),
            A::Earlier => self.shift(crate::engine::QueueMove::Earlier, effects),
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
            A::Show => self.overlays.extend(self.selected.map(Overlay::Show)),
            A::Tag => self.open_tag(),
            A::Events => self.go_to(Page::Events),
            A::Spending => self.go_to(Page::Spending),
            A::EditCaps => self.open_caps(),
            A::Export => self.open_export_menu(now),
            A::Mouse => {
                self.mouse = !self.mouse;
                self.say(Level::Info, if self.mouse { "the mouse is on" } else { "the mouse is off" });
                effects.push(Effect::Mouse(self.mouse));
            }
            A::Command => self.overlays.push(Overlay::Command(CommandInput { field: TextInput::one_line(""), cursor: 0 })),
            A::Help => self.overlays.push(Overlay::Help(HelpDialog { search: TextInput::one_line(""), scroll: 0 })),
            A::Escape => self.escape(now),
            A::Quit => self.quit(effects),
            A::Leave => self.leave(effects),
            A::Redraw => {
                self.seen.lost();
                effects.push(Effect::Redraw);
            }
            A::Suspend => effects.push(Effect::Suspend),
        }
    }

    /// Hands a command over; its answer comes back as news.
    pub(super) fn send(&mut self, command: Command, pending: Pending, effects: &mut Effects) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.tickets.insert(ticket, pending);
        effects.push(Effect::Command { ticket, command });
    }

    fn escape(&mut self, now: Timestamp) {
        if self.page != Page::Jobs {
            if self.page == Page::Events && !self.events_filter.is_empty() {
                self.events_filter.clear();
            } else {
                self.page = Page::Jobs;
            }
        } else if self.in_details {
            self.in_details = false;
        } else if self.anchor.is_some() {
            self.anchor = None;
        } else if !self.filter.is_empty() {
            let before = std::mem::take(&mut self.filter);
            self.push_undo(Undo::Filter(before));
            self.apply_filter(now);
            self.say(Level::Info, "the filter is gone; u brings it back");
        } else if !self.marks.is_empty() {
            self.set_marks(std::collections::HashSet::new());
            self.say(Level::Info, "the marks are gone; u brings them back");
        } else if self.details_open {
            self.details_open = false;
        }
    }

    fn back(&mut self) {
        if self.page != Page::Jobs {
            self.page = Page::Jobs;
        } else if self.details_open {
            self.in_details = false;
            self.details_open = false;
        }
    }

    fn quit(&mut self, effects: &mut Effects) {
        if self.page != Page::Jobs || self.details_open {
            self.back();
        } else {
            self.leave(effects);
        }
    }

    fn go_to(&mut self, page: Page) {
        self.page = if self.page == page { Page::Jobs } else { page };
        self.in_details = false;
        self.events_scroll = 0;
    }

    fn show_view(&mut self, view: View, now: Timestamp) {
        self.set_view_filter(|view_filter| view_filter.view = view, now);
        (self.row, self.offset, self.anchor) = (0, 0, None);
        self.selected = self.jobs.order().first().copied();
    }

    pub(super) fn order(&mut self, sort: Sort, reverse: bool, now: Timestamp) {
        let view_filter = self.jobs.view_filter();
        let before = (view_filter.sort, view_filter.reverse);
        if before != (sort, reverse) {
            self.push_undo(Undo::Order(before.0, before.1));
            self.set_view_filter(|view_filter| (view_filter.sort, view_filter.reverse) = (sort, reverse), now);
            let way = if reverse { ", turned round" } else { "" };
            self.say(Level::Info, format!("ordered by {}{way}", sort.word()));
        }
    }

    pub(super) fn apply_filter(&mut self, now: Timestamp) {
        let (query, _) = crate::job::query::Query::read(&self.filter);
        self.set_view_filter(|view_filter| view_filter.query = query, now);
    }

    fn open_sort_menu(&mut self, now: Timestamp) {
        let items = Sort::ALL.iter().map(|(sort, key, word, note)| MenuItem {
            key: *key,
            label: (*word).to_owned(),
            note: (*note).to_owned(),
            choice: Choice::Sort(*sort),
        });
        let cursor = Sort::ALL.iter().position(|(sort, ..)| *sort == self.jobs.view_filter().sort).unwrap_or(0);
        self.overlays.push(Overlay::Menu(Menu { title: "sort by".to_owned(), items: items.collect(), cursor, opened: now }));
    }

    pub(super) fn open_columns_menu(&mut self, now: Timestamp, cursor: usize) {
        let items = super::view::COLUMN_NAMES.iter().zip('a'..).map(|(name, key)| MenuItem {
            key,
            label: (*name).to_owned(),
            note: if self.hidden.contains(name) { "hidden" } else { "shown" }.to_owned(),
            choice: Choice::Column(name),
        });
        let menu = Menu { title: "columns".to_owned(), items: items.collect(), cursor, opened: now };
        self.overlays.push(Overlay::Menu(menu));
    }

    fn open_caps(&mut self) {
        let Some(status) = &self.status else { return };
        let field = |cap: Option<crate::job::Credits>| TextInput::one_line(&cap.map(|cap| cap.to_string()).unwrap_or_default());
        let (session, day) = (field(status.caps.session), field(status.caps.day));
        self.overlays.push(Overlay::Caps(CapsDialog { session, day, on_day: true, said: None }));
    }

    fn paste(&mut self, now: Timestamp, text: &str) {
        self.dirty = true;
        match self.overlays.pop() {
            Some(overlay) => {
                let overlay = self.paste_in(now, overlay, text);
                self.overlays.push(overlay);
            }
            None if self.page == Page::Jobs => match self.allows(Action::Add) {
                Ok(()) => self.open_add(Some(text)),
                Err(why) => self.say(Level::Info, why),
            },
            None => {}
        }
    }

    fn point(&mut self, now: Timestamp, mouse: MouseEvent, effects: &mut Effects) {
        if !self.mouse {
            return;
        }
        self.dirty = true;
        let covered = !self.overlays.is_empty();
        match mouse.kind {
            MouseEventKind::ScrollDown if !covered => self.step(3),
            MouseEventKind::ScrollUp if !covered => self.step(-3),
            MouseEventKind::Down(MouseButton::Left) if !covered && self.page == Page::Jobs => {
                let layout = self.layout();
                let first = layout.first_row();
                if let Some(row) = mouse.row.checked_sub(first).map(usize::from).filter(|row| *row < layout.rows())
                    && mouse.column < layout.list.right()
                    && let Some(id) = self.jobs.order().get(self.offset + row).copied()
                {
                    if self.selected == Some(id) {
                        self.run(now, Action::Open, effects);
                    }
                    self.selected = Some(id);
                    self.in_details = false;
                }
            }
            _ => {}
        }
    }
}
