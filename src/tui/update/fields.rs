//! Keys in the boxes that hold text: filter, add, command line, help.

use crossterm::event::KeyCode;
use jiff::Timestamp;

use super::super::app::App;
use super::super::dialogs::{AddDialog, AddField, CommandInput, Dialog, FilterInput, HelpDialog};
use super::super::keymap::{Action, Key};
use super::super::layout::Page;
use super::super::undo::Undo;
use super::Effects;
use crate::engine::Level;
use crate::job::query::Query;

impl App {
    pub(super) fn press_in_filter(&mut self, now: Timestamp, mut line: FilterInput, key: Key) {
        let events = self.screens.page() == Page::Events;
        match key.code {
            KeyCode::Esc => {
                // Esc clears, as it does outside the line.
                line.field.set("");
                self.set_filter(events, String::new(), now);
                if !events && !line.before.is_empty() {
                    self.messages.push_undo(Undo::Filter(line.before));
                }
                return;
            }
            KeyCode::Enter | KeyCode::Tab => {
                if !events && line.before != self.jobs.filter() {
                    self.messages.push_undo(Undo::Filter(line.before));
                }
                return;
            }
            KeyCode::Down => self.step(1),
            KeyCode::Up => self.step(-1),
            KeyCode::PageDown => self.page(2),
            KeyCode::PageUp => self.page(-2),
            KeyCode::Backspace if line.field.line().is_empty() => {
                if !events && !line.before.is_empty() {
                    self.messages.push_undo(Undo::Filter(line.before));
                }
                return;
            }
            _ => {
                if line.field.press(key) {
                    self.set_filter(events, line.field.line().to_owned(), now);
                }
            }
        }
        self.dialogs.open(Dialog::Filter(line));
    }

    fn set_filter(&mut self, events: bool, text: String, now: Timestamp) {
        if events {
            self.screens.filter_events(text);
        } else {
            self.jobs.set_filter(text, now);
        }
    }

    pub(super) fn press_in_add(&mut self, now: Timestamp, mut add: Box<AddDialog>, key: Key) {
        match (key.code, add.at) {
            (KeyCode::Esc, _) => {
                if !add.lines.is_empty() {
                    self.say(Level::Info, "nothing was added; a brings the lines back");
                    self.dialogs.keep_draft(add);
                }
                return;
            }
            (KeyCode::Char('d'), _) if key.ctrl => return self.finish_add(now, add),
            (KeyCode::Tab, AddField::Lines) => add.at = AddField::Tag,
            (KeyCode::Tab, AddField::Tag) => add.at = AddField::Lines,
            (KeyCode::Enter, AddField::Tag) => return self.finish_add(now, add),
            (KeyCode::Enter, AddField::Lines) if add.lines.is_at_open_end() => return self.finish_add(now, add),
            (_, AddField::Tag) => {
                if add.tag.press(key) {
                    add.said = None;
                }
            }
            (_, AddField::Lines) => {
                if add.lines.press(key) {
                    self.check(&mut add);
                }
            }
        }
        self.dialogs.open(Dialog::Add(add));
    }

    pub(super) fn press_in_command(&mut self, now: Timestamp, mut line: CommandInput, key: Key, effects: &mut Effects) {
        let fitting = line.fitting();
        match key.code {
            KeyCode::Esc => return,
            KeyCode::Backspace if line.field.line().is_empty() => return,
            KeyCode::Down => line.cursor = (line.cursor + 1).min(fitting.len().saturating_sub(1)),
            KeyCode::Up => line.cursor = line.cursor.saturating_sub(1),
            KeyCode::Tab => {
                if let Some(action) = fitting.get(line.cursor) {
                    line.field.set(&format!("{} ", action.name()));
                    line.cursor = 0;
                }
            }
            KeyCode::Enter => return self.run_line(now, &line, &fitting, effects),
            _ => {
                if line.field.press(key) {
                    line.cursor = 0;
                }
            }
        }
        self.dialogs.open(Dialog::Command(line));
    }

    fn run_line(&mut self, now: Timestamp, line: &CommandInput, fitting: &[Action], effects: &mut Effects) {
        let (word, rest) = line.parts();
        if word.is_empty() && line.cursor == 0 {
            return;
        }
        // `:mark QUERY` marks what fits; without a query it is the key that marks a row.
        if !rest.is_empty() && matches!(Action::from_name(word), Some(Action::Mark | Action::MarkQuery)) {
            match Query::parse(rest) {
                Ok(query) => {
                    let ids = self.jobs.matching(&query, now);
                    self.mark_fitting(ids);
                }
                Err(wrong) => self.say(Level::Warning, wrong[0].message.clone()),
            }
            return;
        }
        if !rest.is_empty() && Action::from_name(word) == Some(Action::Filter) {
            let before = self.jobs.set_filter(crate::job::text::clean(rest).into_owned(), now);
            self.messages.push_undo(Undo::Filter(before));
            return;
        }
        if let Some(action) = fitting.get(line.cursor) {
            return self.run(now, *action, effects);
        }
        let word = word.to_ascii_lowercase();
        let near = super::super::keymap::TABLE.iter().map(|row| row.name).min_by_key(|name| strsim::osa_distance(name, &word));
        self.say(Level::Warning, format!("there is no action {word:?}; the nearest is {}", near.unwrap_or("help")));
    }

    pub(super) fn press_in_help(&mut self, mut help: HelpDialog, key: Key) {
        match key.code {
            KeyCode::Esc if help.search.line().is_empty() => return,
            KeyCode::Esc => {
                help.search.set("");
                help.scroll = 0;
            }
            KeyCode::Enter | KeyCode::F(1) => return,
            KeyCode::Down => help.scroll += 1,
            KeyCode::Up => help.scroll = help.scroll.saturating_sub(1),
            KeyCode::PageDown => help.scroll += 10,
            KeyCode::PageUp => help.scroll = help.scroll.saturating_sub(10),
            KeyCode::Home => help.scroll = 0,
            _ => {
                // `?` and `q` close a help that nobody searches in, as they do everywhere else.
                if help.search.line().is_empty() && matches!(key.typed(), Some('?' | 'q')) {
                    return;
                }
                if help.search.press(key) {
                    help.scroll = 0;
                }
            }
        }
        help.scroll = help.scroll.min(self.help_rows(&help).len().saturating_sub(1));
        self.dialogs.open(Dialog::Help(help));
    }

    pub(super) fn paste_in(&mut self, now: Timestamp, overlay: Dialog, text: &str) -> Dialog {
        match overlay {
            Dialog::Add(mut add) => {
                match add.at {
                    AddField::Lines => add.lines.insert(text),
                    AddField::Tag => add.tag.insert(text),
                }
                self.check(&mut add);
                Dialog::Add(add)
            }
            Dialog::Filter(mut line) => {
                line.field.insert(text);
                self.set_filter(self.screens.page() == Page::Events, line.field.line().to_owned(), now);
                Dialog::Filter(line)
            }
            Dialog::Tag(mut tag) => {
                tag.field.insert(text);
                Dialog::Tag(tag)
            }
            Dialog::Command(mut line) => {
                line.field.insert(text);
                Dialog::Command(line)
            }
            Dialog::Help(mut help) => {
                help.search.insert(text);
                Dialog::Help(help)
            }
            Dialog::Caps(mut caps) => {
                if caps.on_day { &mut caps.day } else { &mut caps.session }.insert(text);
                Dialog::Caps(caps)
            }
            // What asks takes no paste: a y in it would be a yes nobody gave.
            asks @ (Dialog::Price(_) | Dialog::Ask(_) | Dialog::Menu(_) | Dialog::Show(_)) => asks,
        }
    }
}
