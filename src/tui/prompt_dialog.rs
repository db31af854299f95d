//! The box for new drafts: prompts, one a line, how often each, and their tag.

use std::collections::HashMap;

use jiff::Timestamp;

use super::line_input::LineInput;
use super::text_area::TextArea;
use crate::job::prompt::{PromptLine, PromptVerdict};
use crate::job::{JobKind, Prompt};

/// Most times that each prompt can be drafted at once.
pub(crate) const MOST_TIMES: usize = 40;

/// Which field of the box has the cursor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PromptField {
    Lines,
    Times,
    Tag,
}

/// What became of a prompt before: drafts of it that are saved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Made {
    pub times: usize,
    pub last: Timestamp,
}

impl Made {
    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { times: self.times + other.times, last: self.last.max(other.last) }
    }
}

/// Where one is among the earlier prompts.
#[derive(Clone, PartialEq, Debug)]
struct Recall {
    /// Earlier lines, the newest first.
    lines: Vec<String>,
    /// Which of them stands in the box; counted from 1, 0 is what was typed.
    at: usize,
    /// In which row.
    row: usize,
    typed: String,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct PromptDialog {
    pub lines: TextArea,
    pub times: LineInput,
    pub tag: LineInput,
    pub at: PromptField,
    /// The verdict on each line that counts.
    pub checked: Vec<PromptLine>,
    /// What became of prompts of the box before.
    pub made: HashMap<Prompt, Made>,
    /// Why it cannot go on, after a try.
    pub said: Option<String>,
    /// The next try goes on without the lines that are wrong.
    pub skip_wrong: bool,
    /// The text that the box began with.
    pub begun: String,
    recall: Option<Recall>,
}

impl PromptDialog {
    /// A box that begins with this text.
    pub(crate) fn new(text: &str) -> Self {
        let mut lines = TextArea::new();
        lines.insert(text);
        let begun = lines.text();
        Self {
            lines,
            times: LineInput::new("1"),
            tag: LineInput::new(""),
            at: PromptField::Lines,
            checked: Vec::new(),
            made: HashMap::new(),
            said: None,
            skip_wrong: false,
            begun,
            recall: None,
        }
    }

    /// The verdict on a row, from 0.
    pub(crate) fn line(&self, row: usize) -> Option<&PromptLine> {
        self.checked.binary_search_by_key(&(row + 1), |line| line.number).ok().map(|at| &self.checked[at])
    }

    /// The number of the first line that is wrong.
    pub(crate) fn first_wrong(&self) -> Option<usize> {
        self.checked.iter().find(|line| matches!(line.verdict, PromptVerdict::Wrong(_))).map(|line| line.number)
    }

    /// Prompts that can be sent, prompts that are given twice, and lines that are wrong.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let (mut ok, mut double, mut wrong) = (0, 0, 0);
        for line in &self.checked {
            match &line.verdict {
                PromptVerdict::Ok { prompts, twice, .. } => {
                    ok += prompts.len();
                    double += twice.len();
                }
                PromptVerdict::Wrong(_) => wrong += 1,
            }
        }
        (ok, double, wrong)
    }

    /// How often each prompt is to be drafted.
    ///
    /// # Errors
    /// What is wrong with what was typed.
    pub(crate) fn times(&self) -> Result<usize, String> {
        let typed = self.times.line().trim();
        let wanted = if typed.is_empty() { Some(1) } else { typed.parse().ok() };
        wanted
            .filter(|times| (1..=MOST_TIMES).contains(times))
            .ok_or_else(|| format!("times: {typed:?} is not a number from 1 to {MOST_TIMES}"))
    }

    /// The prompts that can be sent, each with the line it was made from, as often as wanted.
    pub(crate) fn prompts(&self, times: usize) -> Vec<(Prompt, Option<String>)> {
        let mut out = Vec::new();
        for line in &self.checked {
            let PromptVerdict::Ok { prompts, .. } = &line.verdict else { continue };
            for prompt in prompts {
                let template = line.template().map(str::to_owned);
                out.extend(std::iter::repeat_n((prompt.clone(), template), times));
            }
        }
        out
    }

    /// What became of the prompts of a line before.
    pub(crate) fn made(&self, line: &PromptLine) -> Option<Made> {
        let PromptVerdict::Ok { prompts, .. } = &line.verdict else { return None };
        prompts.iter().filter_map(|prompt| self.made.get(prompt)).copied().reduce(Made::and)
    }

    /// Puts the line as it was probably meant in the place of the one under the cursor; whether there was one.
    pub(crate) fn repair(&mut self) -> bool {
        let line = self.lines.lines()[self.lines.row()].clone();
        let repaired = crate::job::prompt::repaired(&line);
        if let Some(repaired) = &repaired {
            self.lines.set_line(repaired);
        }
        repaired.is_some()
    }

    /// Puts an earlier prompt (`back`) or a later one in the place of the line under the cursor; `known` are all earlier
    /// lines, the newest first. Whether it changed.
    pub(crate) fn recall(&mut self, back: bool, known: impl FnOnce() -> Vec<String>) -> bool {
        let row = self.lines.row();
        let typed = self.lines.lines()[row].clone();
        let stands = |recall: &Recall| {
            let shown = recall.at.checked_sub(1).and_then(|at| recall.lines.get(at)).unwrap_or(&recall.typed);
            recall.row == row && *shown == typed
        };
        if !self.recall.as_ref().is_some_and(stands) {
            self.recall = Some(Recall { lines: known(), at: 0, row, typed });
        }
        let Some(recall) = &mut self.recall else { return false };
        let to = if back { (recall.at + 1).min(recall.lines.len()) } else { recall.at.saturating_sub(1) };
        if to == recall.at {
            return false;
        }
        recall.at = to;
        let line = to.checked_sub(1).and_then(|at| recall.lines.get(at)).unwrap_or(&recall.typed).clone();
        self.lines.set_line(&line);
        true
    }
}

/// The line that a draft was made from: with its choices, where it had some.
pub(crate) fn prompt_line(kind: &JobKind) -> Option<String> {
    let JobKind::Draft { prompt, template } = kind else { return None };
    Some(template.clone().unwrap_or_else(|| prompt.as_line()))
}
