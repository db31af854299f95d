//! Keys in the boxes that hold text: filter, add, command line, help.

use crossterm::event::KeyCode;
use jiff::Timestamp;

use super::super::app::App;
use super::super::dialogs::{AddDialog, AddField, CommandInput, Dialog, FilterInput, HelpDialog};
use super::super::effect::ExportFormat;
use super::super::job_list::{COLUMN_NAMES, Sort};
use super::super::keymap::{Action, Key};
use super::super::layout::Page;
use super::super::pictures::PictureSetting;
use super::super::undo::{Pending, Undo};
use super::super::view;
use super::Effects;
use crate::engine::{Command, Level};
use crate::job::query::Query;
use crate::job::{Caps, Credits, Tag};

impl App {
    pub(super) fn press_in_filter(&mut self, now: Timestamp, mut line: FilterInput, key: Key) {
        match key.code {
            KeyCode::Esc => {
                // Esc clears, as it does outside the line.
                line.field.set("");
                self.set_filter(String::new(), now);
                return self.filter_was(line.before);
            }
            KeyCode::Enter | KeyCode::Tab => {
                if line.before != line.field.line() {
                    self.filter_was(line.before);
                }
                return;
            }
            KeyCode::Down => self.step(1),
            KeyCode::Up => self.step(-1),
            KeyCode::PageDown => self.page(2),
            KeyCode::PageUp => self.page(-2),
            KeyCode::Backspace if line.field.line().is_empty() => {
                return self.filter_was(line.before);
            }
            _ => {
                if line.field.press(key) {
                    self.set_filter(line.field.line().to_owned(), now);
                }
            }
        }
        self.dialogs.open(Dialog::Filter(line));
    }

    /// Filters what is shown: jobs, events or drafts.
    fn set_filter(&mut self, text: String, now: Timestamp) {
        match self.screens.page() {
            Page::Events => self.screens.filter_events(text),
            Page::Drafts => {
                self.drafts.set_filter(text);
            }
            _ => {
                self.jobs.set_filter(text, now);
            }
        }
    }

    /// What was filtered by before, for undo.
    fn filter_was(&mut self, before: String) {
        match self.screens.page() {
            Page::Events => {}
            Page::Drafts => self.messages.push_undo(Undo::DraftFilter(before)),
            _ => self.messages.push_undo(Undo::Filter(before)),
        }
    }

    pub(super) fn press_in_add(&mut self, now: Timestamp, mut add: Box<AddDialog>, key: Key) {
        match (key.code, add.at) {
            (KeyCode::Esc, _) => {
                if !add.lines.is_empty() {
                    self.say(
                        Level::Info,
                        format!("nothing added; {} brings the lines back", self.options.keymap.named(Action::Add)),
                    );
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
        let named = Action::from_name(word).or_else(|| fitting.get(line.cursor).copied());
        if let Some(action) = named.filter(|_| !rest.is_empty()) {
            return self.run_with(now, action, rest, effects);
        }
        if let Some(action) = fitting.get(line.cursor) {
            return self.run(now, *action, effects);
        }
        let word = word.to_ascii_lowercase();
        let near = super::super::keymap::TABLE.iter().map(|row| row.name).min_by_key(|name| strsim::osa_distance(name, &word));
        self.say(Level::Warning, format!("unknown action {word:?}; did you mean {}?", near.unwrap_or("help")));
    }

    /// Does an action with the argument that was typed behind its name.
    fn run_with(&mut self, now: Timestamp, action: Action, rest: &str, effects: &mut Effects) {
        if let Err(why) = self.allows(action) {
            self.say(Level::Info, why);
            return;
        }
        let done = match action {
            Action::Mark | Action::MarkQuery => match Query::parse(rest) {
                Ok(query) => {
                    let ids = self.jobs.matching(&query, now);
                    self.mark_fitting(ids);
                    Ok(())
                }
                Err(wrong) => Err(wrong[0].message.clone()),
            },
            Action::Filter if self.screens.page() == Page::Events => {
                self.screens.filter_events(crate::job::text::clean(rest).into_owned());
                Ok(())
            }
            Action::Filter if self.screens.page() == Page::Drafts => {
                let before = self.drafts.set_filter(crate::job::text::clean(rest).into_owned());
                self.messages.push_undo(Undo::DraftFilter(before));
                Ok(())
            }
            Action::Filter => {
                let before = self.jobs.set_filter(crate::job::text::clean(rest).into_owned(), now);
                self.messages.push_undo(Undo::Filter(before));
                Ok(())
            }
            Action::Sort => one_of("order", rest, Sort::ALL.iter().map(|(sort, _, word, _)| (*word, *sort)))
                .map(|sort| self.order(sort, false, now)),
            Action::Columns => {
                one_of("column", rest, COLUMN_NAMES.iter().map(|name| (*name, *name))).map(|name| self.switch_column(name))
            }
            Action::Export => one_of("format", rest, [("csv", ExportFormat::Csv), ("json", ExportFormat::Json)].into_iter())
                .map(|format| self.start_export(format, effects)),
            Action::More | Action::Fewer => self.set_in_flight(rest, effects),
            Action::EditCaps => self.set_caps(rest, effects),
            Action::Tag => self.tag_all(rest, effects),
            Action::Pictures => one_of("way", rest, PictureSetting::ALL.into_iter()).map(|way| self.take_way(way)),
            _ => Err(format!(":{} takes no argument", action.name())),
        };
        if let Err(why) = done {
            self.say(Level::Warning, why);
        }
    }

    fn set_in_flight(&mut self, rest: &str, effects: &mut Effects) -> Result<(), String> {
        let Some(before) = self.status.as_ref().map(|status| status.max_in_flight) else { return Ok(()) };
        let wanted = rest.parse().ok().filter(|count| (1..=10_000).contains(count));
        let to = wanted.ok_or_else(|| format!("{rest:?} is not a number from 1 to 10,000"))?;
        self.send(Command::MaxInFlight(to), Pending::local(Undo::InFlight(before)), effects);
        Ok(())
    }

    /// `50`, `none`, or both: `50 20` is the day's and the session's cap.
    fn set_caps(&mut self, rest: &str, effects: &mut Effects) -> Result<(), String> {
        let before = self.status.as_ref().map(|status| status.caps).unwrap_or_default();
        let mut words = rest.split_whitespace();
        let day = read_cap(words.next().unwrap_or_default())?;
        let session = words.next().map_or(Ok(before.session), read_cap)?;
        if words.next().is_some() {
            return Err("write the day's cap and, if you like, the session's: :caps 50 20".to_owned());
        }
        self.send(Command::Caps(Caps { session, day }), Pending::local(Undo::Caps(before)), effects);
        Ok(())
    }

    fn tag_all(&mut self, rest: &str, effects: &mut Effects) -> Result<(), String> {
        let tag = if rest == "-" { None } else { Some(Tag::new(rest).map_err(|why| why.to_string())?) };
        let jobs = self.jobs.targets();
        self.retag(jobs, tag, effects);
        Ok(())
    }

    pub(super) fn press_in_help(&mut self, mut help: HelpDialog, key: Key) {
        let action = self.options.keymap.action(key, self.screens.context());
        let page = usize::from(self.screens.size().1 / 2).max(1);
        match (key.code, action) {
            (KeyCode::Esc, _) if !help.searching => return,
            (KeyCode::Esc, _) => {
                help.search.set("");
                (help.scroll, help.searching) = (0, false);
            }
            (KeyCode::Enter | KeyCode::F(1), _) => return,
            // Where nobody searches yet, what moves everywhere else moves here, and `?` closes what it opened.
            (_, Some(Action::Help)) if !help.searching => return,
            (_, Some(Action::Filter)) if !help.searching => help.searching = true,
            (KeyCode::Down, _) => help.scroll += 1,
            (KeyCode::Up, _) => help.scroll = help.scroll.saturating_sub(1),
            (_, Some(Action::Down)) if !help.searching => help.scroll += 1,
            (_, Some(Action::Up)) if !help.searching => help.scroll = help.scroll.saturating_sub(1),
            (KeyCode::PageDown, _) => help.scroll += page,
            (KeyCode::PageUp, _) => help.scroll = help.scroll.saturating_sub(page),
            (_, Some(Action::PageDown | Action::HalfDown)) if !help.searching && key.ctrl => help.scroll += page,
            (_, Some(Action::PageUp | Action::HalfUp)) if !help.searching && key.ctrl => {
                help.scroll = help.scroll.saturating_sub(page);
            }
            (KeyCode::Home, _) => help.scroll = 0,
            (KeyCode::End, _) => help.scroll = usize::MAX,
            (_, Some(Action::Top)) if !help.searching => help.scroll = 0,
            (_, Some(Action::Bottom)) if !help.searching => help.scroll = usize::MAX,
            _ => {
                if help.search.press(key) {
                    (help.scroll, help.searching) = (0, true);
                }
            }
        }
        help.scroll = help.scroll.min(view::help_last(self, &help));
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
            Dialog::Prompts(mut prompts) => {
                self.paste_in_prompts(&mut prompts, text);
                Dialog::Prompts(prompts)
            }
            Dialog::Filter(mut line) => {
                line.field.insert(text);
                self.set_filter(line.field.line().to_owned(), now);
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
                help.searching = true;
                Dialog::Help(help)
            }
            Dialog::Caps(mut caps) => {
                if caps.on_day { &mut caps.day } else { &mut caps.session }.insert(text);
                Dialog::Caps(caps)
            }
            // What asks takes no paste: a y in it would be a yes nobody gave.
            asks @ (Dialog::Price(_) | Dialog::Ask(_) | Dialog::Menu(_) | Dialog::Show(_) | Dialog::ShowDraft(_)) => asks,
        }
    }
}

/// A cap as it is typed: an amount, `none` or nothing.
pub(super) fn read_cap(text: &str) -> Result<Option<Credits>, String> {
    let text = text.trim();
    if text.is_empty() || text == "none" {
        return Ok(None);
    }
    let cap: Credits = text.parse().map_err(|why| format!("{text:?} is {why}"))?;
    if cap < Credits::ZERO { Err("a cap cannot be below zero".to_owned()) } else { Ok(Some(cap)) }
}

/// The value with this name, or the only one that begins so.
fn one_of<T: Copy>(what: &str, typed: &str, all: impl Iterator<Item = (&'static str, T)>) -> Result<T, String> {
    let typed = typed.trim().to_lowercase();
    let all: Vec<(&str, T)> = all.collect();
    let mut begin = all.iter().filter(|(name, _)| name.starts_with(&typed));
    let exact = all.iter().find(|(name, _)| *name == typed);
    match (exact, begin.next(), begin.next()) {
        (Some((_, value)), ..) | (None, Some((_, value)), None) => Ok(*value),
        _ => {
            let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
            Err(format!("unknown {what} {typed:?}: {}", names.join(", ")))
        }
    }
}
