//! Keys while something lies over the screen.

use crossterm::event::KeyCode;
use jiff::Timestamp;

use super::super::app::App;
use super::super::dialogs::{Choice, Dialog, Menu, Purpose};
use super::super::effect::Effect;
use super::super::keymap::{Action, Key, by_place};
use super::super::undo::{Pending, Undo};
use super::Effects;
use super::fields::read_cap;
use crate::engine::{Command, Level};

/// A letter of a box: by its place on the keyboard where the layout is not Latin. Never in a box that asks, where a guess
/// could spend: there letters count as typed ([`Key::typed`]).
fn letter(key: Key) -> Option<char> {
    by_place(key).unwrap_or(key).typed()
}

/// Whether a key leads back from a box that asks.
fn is_back(key: Key) -> bool {
    key.code == KeyCode::Esc || matches!(key.typed(), Some('n' | 'q'))
}

impl App {
    /// Takes a key in the top box, which was taken off the stack; it is put back where it stays open.
    pub(super) fn press_in(&mut self, now: Timestamp, overlay: Dialog, key: Key, effects: &mut Effects) {
        match overlay {
            // Keys that were typed before the box opened come with the same moment as the key that opened it: they are
            // no answer to what nobody has read yet.
            Dialog::Price(price) if now <= price.opened => self.dialogs.open(Dialog::Price(price)),
            Dialog::Ask(ask) if now <= ask.opened => self.dialogs.open(Dialog::Ask(ask)),
            Dialog::Menu(menu) if now <= menu.opened => self.dialogs.open(Dialog::Menu(menu)),
            Dialog::Price(price) => match key.typed() {
                Some('y') => self.agree(price, effects),
                Some('h') if price.purpose.records() => self.add_held(price, effects),
                // Back to the lines, which are still there.
                _ if is_back(key) => match &price.purpose {
                    Purpose::Add { .. } if self.dialogs.has_draft() => self.open_add(None),
                    Purpose::Chosen { .. } => self.say(Level::Info, "nothing was sent; the choice is kept"),
                    Purpose::Draft { .. } => match self.dialogs.take_prompts() {
                        Some(prompts) => self.open_prompts(prompts),
                        None => self.say(Level::Info, "nothing was sent"),
                    },
                    _ => self.say(Level::Info, "nothing was sent"),
                },
                _ => self.dialogs.open(Dialog::Price(price)),
            },
            Dialog::Ask(ask) => match key.typed() {
                Some('y') => self.say_yes(ask.purpose, effects),
                _ if is_back(key) => self.say(Level::Info, "nothing was changed"),
                _ => self.dialogs.open(Dialog::Ask(ask)),
            },
            Dialog::Menu(menu) => self.press_in_menu(now, menu, key, effects),
            Dialog::Show(id) => {
                let open = key.code != KeyCode::Esc && !matches!(letter(key), Some('o' | 'q' | 'h'));
                match letter(key) {
                    Some('y') => {
                        self.copy_id(effects);
                        self.dialogs.open(Dialog::Show(id));
                    }
                    Some('Y') => self.open_copy_menu(now),
                    _ if open && key.code != KeyCode::Enter => self.dialogs.open(Dialog::Show(id)),
                    _ => {}
                }
            }
            Dialog::ShowDraft(task) => {
                let open = key.code != KeyCode::Esc && !matches!(letter(key), Some('o' | 'q' | 'h'));
                match letter(key) {
                    Some('y' | 'Y') => {
                        let action = if letter(key) == Some('y') { Action::CopyId } else { Action::CopyMenu };
                        if action == Action::CopyId {
                            self.dialogs.open(Dialog::ShowDraft(task));
                        }
                        self.run_in_drafts(now, action, effects);
                    }
                    _ if open && key.code != KeyCode::Enter => self.dialogs.open(Dialog::ShowDraft(task)),
                    _ => {}
                }
            }
            Dialog::Filter(line) => self.press_in_filter(now, line, key),
            Dialog::Add(add) => self.press_in_add(now, add, key),
            Dialog::Prompts(prompts) => self.press_in_prompts(now, prompts, key),
            Dialog::Tag(tag) => self.press_in_tag(tag, key, effects),
            Dialog::Caps(caps) => self.press_in_caps(caps, key, effects),
            Dialog::Command(command) => self.press_in_command(now, command, key, effects),
            Dialog::Help(help) => self.press_in_help(help, key),
        }
    }

    fn press_in_menu(&mut self, now: Timestamp, mut menu: Menu, key: Key, effects: &mut Effects) {
        let last = menu.items.len().saturating_sub(1);
        // Which task was paid for is a question of money.
        let asks = menu.items.iter().any(|item| matches!(item.choice, Choice::Adopt { .. }));
        let letter = if asks { key.typed() } else { letter(key) };
        let chosen = match (key.code, letter) {
            (KeyCode::Esc, _) => return,
            (KeyCode::Enter, _) => Some(menu.cursor),
            (KeyCode::Down | KeyCode::Tab, _) if !key.shift => {
                menu.cursor = if menu.cursor >= last { 0 } else { menu.cursor + 1 };
                None
            }
            (KeyCode::Up | KeyCode::Tab, _) => {
                menu.cursor = menu.cursor.checked_sub(1).unwrap_or(last);
                None
            }
            (_, Some(letter)) => match menu.items.iter().position(|item| item.key == letter) {
                Some(found) => Some(found),
                None => match letter {
                    'j' => {
                        menu.cursor = (menu.cursor + 1).min(last);
                        None
                    }
                    'k' => {
                        menu.cursor = menu.cursor.saturating_sub(1);
                        None
                    }
                    'q' => return,
                    ' ' => Some(menu.cursor),
                    _ => None,
                },
            },
            _ => None,
        };
        match chosen {
            Some(index) => self.choose(now, &menu, index, effects),
            None => self.dialogs.open(Dialog::Menu(menu)),
        }
    }

    /// Hides a column, or shows it again; undo takes it back.
    pub(super) fn switch_column(&mut self, name: &'static str) {
        self.jobs.toggle_column(name);
        self.messages.push_undo(Undo::Column(name));
    }

    /// Takes an entry of a menu.
    pub(super) fn choose(&mut self, now: Timestamp, menu: &Menu, index: usize, effects: &mut Effects) {
        let Some(item) = menu.items.get(index).cloned() else { return };
        match item.choice {
            Choice::Sort(sort) => self.toggle_order(sort, now),
            Choice::Column(name) => {
                self.switch_column(name);
                // The menu stays, so that several columns can be chosen.
                self.open_columns_menu(menu.opened, index);
            }
            Choice::Copy { what, text } => {
                self.say(Level::Info, format!("{what} sent to the terminal's clipboard (OSC 52): {text}"));
                effects.push(Effect::Copy(text));
            }
            Choice::Adopt { job, task } => {
                let last = Pending::Final("a chosen task stays chosen");
                self.send(Command::Adopt { job, task }, last, effects);
            }
            Choice::None => {
                let (look, give_up) = (self.options.keymap.named(Action::Ask), self.options.keymap.named(Action::Cancel));
                self.say(Level::Info, format!("it stays unsure; {look} looks again, {give_up} gives it up"));
            }
            Choice::Export(format) => self.start_export(format, effects),
        }
    }

    pub(super) fn press_in_tag(&mut self, mut tag: super::super::dialogs::TagDialog, key: Key, effects: &mut Effects) {
        match key.code {
            KeyCode::Esc => return,
            KeyCode::Enter => {
                if tag.field.is_empty() {
                    return;
                }
                let word =
                    if tag.field.line().trim() == "-" { Ok(None) } else { crate::job::Tag::new(tag.field.line()).map(Some) };
                match word {
                    Ok(word) => {
                        if tag.drafts.is_empty() {
                            self.retag(tag.jobs, word, effects);
                        } else {
                            self.note_drafts(tag.drafts, word, effects);
                        }
                        return;
                    }
                    Err(why) => tag.said = Some(why.to_string()),
                }
            }
            KeyCode::Tab => {
                if let Some(known) = self.tags_like(tag.field.line()) {
                    tag.field.set(&known);
                }
            }
            _ => {
                if tag.field.press(key) {
                    tag.said = None;
                }
            }
        }
        self.dialogs.open(Dialog::Tag(tag));
    }

    /// The next known tag that begins with what is typed.
    pub(crate) fn tags_like(&self, start: &str) -> Option<String> {
        let mut known = self.jobs.tags().keys().filter(|tag| !tag.is_empty());
        known.find(|tag| tag.starts_with(start) && *tag != start).cloned()
    }

    pub(super) fn press_in_caps(&mut self, mut caps: super::super::dialogs::CapsDialog, key: Key, effects: &mut Effects) {
        match key.code {
            KeyCode::Esc => return,
            KeyCode::Tab | KeyCode::Up | KeyCode::Down => caps.on_day = !caps.on_day,
            KeyCode::Enter => match (read_cap(caps.session.line()), read_cap(caps.day.line())) {
                (Ok(session), Ok(day)) => {
                    let before = self.status.as_ref().map(|status| status.caps).unwrap_or_default();
                    let new = crate::job::Caps { session, day };
                    if new != before {
                        self.send(Command::Caps(new), Pending::local(Undo::Caps(before)), effects);
                    }
                    return;
                }
                (Err(why), _) | (_, Err(why)) => caps.said = Some(why),
            },
            _ => {
                let field = if caps.on_day { &mut caps.day } else { &mut caps.session };
                if field.press(key) {
                    caps.said = None;
                }
            }
        }
        self.dialogs.open(Dialog::Caps(caps));
    }
}
