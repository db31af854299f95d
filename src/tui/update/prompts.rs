//! The box for new drafts: from keys to the price box.

use std::collections::{HashMap, HashSet};

use crossterm::event::KeyCode;
use jiff::Timestamp;

use super::super::app::App;
use super::super::dialogs::{Dialog, Purpose};
use super::super::keymap::{Action, Key};
use super::super::prompt_dialog::{MOST_TIMES, Made, PromptDialog, PromptField, prompt_line};
use crate::engine::Level;
use crate::job::prompt::{PromptVerdict, check_prompts};
use crate::job::{Job, Model, Prompt, State, Tag, text};

/// Most earlier prompts that can be walked through.
const MOST_RECALLED: usize = 500;

impl App {
    /// Opens the box, with this text in it.
    pub(super) fn new_drafts(&mut self, text: &str) {
        let prompts = match self.dialogs.take_prompts() {
            // A send that was stopped brings its prompts back, and so does a box that was left.
            Some(kept) if text.is_empty() => kept,
            kept => {
                if let Some(kept) = kept {
                    self.dialogs.keep_prompts(kept);
                }
                Box::new(PromptDialog::new(text))
            }
        };
        self.open_prompts(prompts);
    }

    pub(super) fn open_prompts(&mut self, mut prompts: Box<PromptDialog>) {
        prompts.at = PromptField::Lines;
        self.check_prompts(&mut prompts);
        self.dialogs.open(Dialog::Prompts(prompts));
    }

    /// Looks at every line anew.
    fn check_prompts(&self, prompts: &mut PromptDialog) {
        prompts.said = None;
        prompts.skip_wrong = false;
        prompts.checked = check_prompts(&prompts.lines.text(), |prompt| self.jobs.has_draft_under_way(prompt));
        let mut made: HashMap<Prompt, Made> = HashMap::new();
        let wanted: HashSet<&Prompt> = prompts
            .checked
            .iter()
            .flat_map(|line| match &line.verdict {
                PromptVerdict::Ok { prompts, .. } => prompts.as_slice(),
                PromptVerdict::Wrong(_) => &[],
            })
            .collect();
        if !wanted.is_empty() {
            for job in self.jobs.all().map(|entry| &entry.job).filter(|job| job.state() == State::Saved) {
                let Some(prompt) = job.kind.prompt().filter(|prompt| wanted.contains(prompt)) else { continue };
                let one = Made { times: 1, last: job.finished_at.unwrap_or(job.created_at) };
                made.entry(prompt.clone()).and_modify(|all| *all = all.and(one)).or_insert(one);
            }
        }
        prompts.made = made;
    }

    pub(super) fn press_in_prompts(&mut self, now: Timestamp, mut prompts: Box<PromptDialog>, key: Key) {
        use PromptField as F;
        match (key.code, prompts.at) {
            (KeyCode::Esc, _) => {
                // What began with the words of a draft and was not changed can be had again from there.
                if !prompts.lines.is_empty() && prompts.lines.text() != prompts.begun {
                    let key = self.options.keymap.named(Action::NewDrafts);
                    self.say(Level::Info, format!("nothing added; {key} brings the prompts back"));
                    self.dialogs.keep_prompts(prompts);
                }
                return;
            }
            (KeyCode::Char('d'), _) if key.ctrl => return self.finish_prompts(now, prompts),
            (KeyCode::Char('p' | 'n'), _) if key.ctrl => {
                prompts.at = F::Lines;
                let back = key.code == KeyCode::Char('p');
                if prompts.recall(back, || self.earlier_prompts()) {
                    self.check_prompts(&mut prompts);
                } else {
                    self.say(Level::Info, if back { "no earlier prompt" } else { "no later prompt" });
                }
            }
            (KeyCode::Char('f'), _) if key.ctrl => {
                if prompts.repair() {
                    self.check_prompts(&mut prompts);
                } else {
                    self.say(Level::Info, "nothing to repair in this line");
                }
            }
            (KeyCode::Tab, at) => {
                prompts.at = match (at, key.shift) {
                    (F::Lines, false) | (F::Tag, true) => F::Times,
                    (F::Times, false) | (F::Lines, true) => F::Tag,
                    (F::Tag, false) | (F::Times, true) => F::Lines,
                };
            }
            (KeyCode::Enter, F::Times | F::Tag) => return self.finish_prompts(now, prompts),
            (KeyCode::Enter, F::Lines) if prompts.lines.is_at_open_end() => return self.finish_prompts(now, prompts),
            (KeyCode::Up, F::Times) => step_times(&mut prompts, 1),
            (KeyCode::Down, F::Times) => step_times(&mut prompts, -1),
            (_, F::Times) => {
                if prompts.times.press(key) {
                    prompts.said = None;
                }
            }
            (_, F::Tag) => {
                if prompts.tag.press(key) {
                    prompts.said = None;
                }
            }
            (_, F::Lines) => {
                if prompts.lines.press(key) {
                    self.check_prompts(&mut prompts);
                }
            }
        }
        self.dialogs.open(Dialog::Prompts(prompts));
    }

    pub(super) fn paste_in_prompts(&self, prompts: &mut PromptDialog, text: &str) {
        match prompts.at {
            PromptField::Lines => prompts.lines.insert(text),
            PromptField::Times => prompts.times.insert(text),
            PromptField::Tag => prompts.tag.insert(text),
        }
        self.check_prompts(prompts);
    }

    /// The lines that drafts were made of, each once, the newest first.
    fn earlier_prompts(&self) -> Vec<String> {
        let mut jobs: Vec<&Job> =
            self.jobs.all().map(|entry| entry.job.as_ref()).filter(|job| job.kind.prompt().is_some()).collect();
        jobs.sort_by_key(|job| std::cmp::Reverse((job.created_at, job.place)));
        let mut seen = HashSet::new();
        let lines = jobs.into_iter().filter_map(|job| prompt_line(&job.kind));
        lines.filter(|line| seen.insert(line.clone())).take(MOST_RECALLED).collect()
    }

    /// From the box to the price box; says what is in the way.
    fn finish_prompts(&mut self, now: Timestamp, mut prompts: Box<PromptDialog>) {
        let (ok, double, wrong) = prompts.counts();
        let tag = if prompts.tag.is_empty() { Ok(None) } else { Tag::new(prompts.tag.line()).map(Some) };
        let times = prompts.times();
        let skip = std::mem::take(&mut prompts.skip_wrong);
        let said = match (&tag, &times) {
            (Err(why), _) => Some(why.to_string()),
            (_, Err(why)) => Some(why.clone()),
            _ if wrong > 0 && !(skip && ok > 0) => {
                let first = prompts.first_wrong().unwrap_or(1);
                prompts.skip_wrong = true;
                let good = text::count(ok, "prompt");
                Some(if ok > 0 {
                    format!("fix line {first} first; nothing is queued yet · Ctrl+d again: only the {good} that can be sent")
                } else {
                    format!("fix line {first} first; nothing is queued yet")
                })
            }
            _ if ok == 0 && double > 0 => Some("twice: a draft of this prompt is on its way already".to_owned()),
            _ if ok == 0 => Some("write or paste prompts first, one per line".to_owned()),
            _ => None,
        };
        let (Ok(tag), Ok(times), None) = (tag, times, &said) else {
            prompts.said = said;
            self.dialogs.open(Dialog::Prompts(prompts));
            return;
        };
        let mut notes = Vec::new();
        if times > 1 {
            notes.push(format!("{} × {times} times each", text::count(ok, "prompt")));
        }
        if double > 0 {
            notes.push(format!("{} left out: on their way already, or given twice", text::count(double, "prompt")));
        }
        if wrong > 0 {
            notes.push(format!("{} left out: cannot be sent", text::count(wrong, "line")));
        }
        let all = prompts.prompts(times);
        let count = all.len();
        self.dialogs.keep_prompts(prompts);
        let purpose = Purpose::Draft { prompts: all, tag, again: times > 1 };
        self.open_price(purpose, vec![Model::Draft; count], format!("make {}", text::count(count, "draft")), notes, now);
    }
}

fn step_times(prompts: &mut PromptDialog, by: isize) {
    let to = prompts.times().unwrap_or(1).saturating_add_signed(by).clamp(1, MOST_TIMES);
    prompts.times.set(&to.to_string());
    prompts.said = None;
}
