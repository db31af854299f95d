//! What can lie over the screen: a stack of one enum.

use jiff::Timestamp;

use super::drafts::Chosen;
use super::effect::ExportFormat;
use super::job_list::Sort;
use super::keymap::Action;
use super::line_input::LineInput;
use super::prompt_dialog::PromptDialog;
use super::text_area::TextArea;
use crate::engine::Status;
use crate::job::{Credits, JobId, LineVerdict, Model, PriceLines, Prompt, Quote, Spec, SpecLine, Tag, TaskId};

/// What lies over the screen, the last one on top, and the lines of the add box while it is closed.
#[derive(Debug, Default)]
pub(crate) struct Dialogs {
    stack: Vec<Dialog>,
    draft: Option<Box<AddDialog>>,
    /// The lines that were confirmed last; they come back with the undo of their send.
    confirmed: Option<Box<AddDialog>>,
    /// The prompts of the price box on top.
    prompts: Option<Box<PromptDialog>>,
    /// The prompts that were confirmed last; they come back with the undo of their send.
    confirmed_prompts: Option<Box<PromptDialog>>,
}

impl Dialogs {
    pub(crate) fn is_empty(&self) -> bool {
        self.stack.is_empty()
    }

    pub(crate) fn top(&self) -> Option<&Dialog> {
        self.stack.last()
    }

    pub(crate) fn top_mut(&mut self) -> Option<&mut Dialog> {
        self.stack.last_mut()
    }

    pub(crate) fn open(&mut self, dialog: Dialog) {
        self.stack.push(dialog);
    }

    /// Takes the dialog on top off.
    pub(crate) fn take(&mut self) -> Option<Dialog> {
        self.stack.pop()
    }

    /// Keeps the lines of an add box for the next one.
    pub(crate) fn keep_draft(&mut self, add: Box<AddDialog>) {
        self.draft = Some(add);
    }

    /// The lines were confirmed.
    pub(crate) fn set_draft_aside(&mut self) {
        self.confirmed = self.draft.take();
    }

    /// The confirmation was taken back.
    pub(crate) fn bring_draft_back(&mut self) {
        if self.draft.is_none() {
            self.draft = self.confirmed.take();
        }
        if self.prompts.is_none() {
            self.prompts = self.confirmed_prompts.take();
        }
    }

    pub(crate) fn has_draft(&self) -> bool {
        self.draft.is_some()
    }

    pub(crate) fn take_draft(&mut self) -> Option<Box<AddDialog>> {
        self.draft.take()
    }

    /// Keeps the prompts while their price is asked about.
    pub(crate) fn keep_prompts(&mut self, prompts: Box<PromptDialog>) {
        self.prompts = Some(prompts);
    }

    /// The prompts were confirmed.
    pub(crate) fn set_prompts_aside(&mut self) {
        self.confirmed_prompts = self.prompts.take();
    }

    /// The prompts whose price is asked about, or whose confirmation was taken back.
    pub(crate) fn take_prompts(&mut self) -> Option<Box<PromptDialog>> {
        self.prompts.take()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.stack.len()
    }

    #[cfg(test)]
    pub(crate) fn clear(&mut self) {
        self.stack.clear();
    }
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Dialog {
    Filter(FilterInput),
    Add(Box<AddDialog>),
    Prompts(Box<PromptDialog>),
    Price(PriceDialog),
    Ask(ConfirmDialog),
    Menu(Menu),
    Tag(TagDialog),
    Caps(CapsDialog),
    Command(CommandInput),
    Help(HelpDialog),
    Show(JobId),
    /// Where the pictures of a draft are.
    ShowDraft(TaskId),
}

/// The filter line while it is typed.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct FilterInput {
    pub field: LineInput,
    /// The text before, for Esc and for undo.
    pub before: String,
}

/// Which field of the add box has the cursor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AddField {
    Lines,
    Tag,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct AddDialog {
    pub lines: TextArea,
    pub tag: LineInput,
    pub at: AddField,
    /// The verdict on each line that counts.
    pub checked: Vec<SpecLine>,
    /// Why it cannot go on, after a try.
    pub said: Option<String>,
    /// The next try goes on without the lines that are wrong.
    pub skip_wrong: bool,
}

impl AddDialog {
    /// The number of the first line that is wrong.
    pub(crate) fn first_wrong(&self) -> Option<usize> {
        self.checked.iter().find(|line| matches!(line.verdict, LineVerdict::Wrong(_))).map(|line| line.number)
    }

    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let (mut ok, mut double, mut wrong) = (0, 0, 0);
        for line in &self.checked {
            match &line.verdict {
                LineVerdict::Ok(specs) => ok += specs.len(),
                LineVerdict::Twice { new, twice } => {
                    ok += new.len();
                    double += twice.len();
                }
                LineVerdict::Wrong(_) => wrong += 1,
            }
        }
        (ok, double, wrong)
    }

    pub(crate) fn specs(&self) -> Vec<Spec> {
        let specs = self.checked.iter().flat_map(|line| match &line.verdict {
            LineVerdict::Ok(specs) | LineVerdict::Twice { new: specs, .. } => specs.as_slice(),
            LineVerdict::Wrong(_) => &[],
        });
        specs.cloned().collect()
    }
}

/// What a confirmed price is for; frozen when the box opened.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Purpose {
    Add {
        specs: Vec<Spec>,
        tag: Option<Tag>,
    },
    /// Prompts, each with the line it was made from; `again`: the same one several times.
    Draft {
        prompts: Vec<(Prompt, Option<String>)>,
        tag: Option<Tag>,
        again: bool,
    },
    Release {
        jobs: Vec<JobId>,
    },
    /// What was chosen of a draft.
    Chosen {
        draft: TaskId,
        specs: Vec<Spec>,
        tag: Option<Tag>,
    },
    RunAgain {
        jobs: Vec<JobId>,
    },
    /// Prompts once more; `alone`: of one draft that was meant itself.
    MakeAgain {
        jobs: Vec<JobId>,
        alone: bool,
    },
    Resume {
        jobs: Vec<JobId>,
    },
}

impl Purpose {
    pub(crate) fn verb(&self) -> &'static str {
        match self {
            Self::Add { .. } | Self::Draft { .. } | Self::Chosen { .. } | Self::Resume { .. } | Self::Release { .. } => "send",
            Self::RunAgain { .. } => "run again",
            Self::MakeAgain { .. } => "make again",
        }
    }

    /// Whether the jobs are new ones, that can be recorded held.
    pub(crate) fn records(&self) -> bool {
        matches!(self, Self::Add { .. } | Self::Draft { .. } | Self::Chosen { .. })
    }
}

/// The box that names count, price and balance: the only way to a consent. Jobs and price are those of the moment it opened;
/// the balance and the caps are those of now.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct PriceDialog {
    pub purpose: Purpose,
    pub quote: Quote,
    /// The models of its jobs, in the order in which they will be sent.
    pub models: Vec<Model>,
    /// Jobs that were approved before and are not sent yet: they are paid for first.
    pub before: PriceLines,
    /// Which of these jobs the balance covers, after those approved before; `None` where it is not known.
    pub covered: Option<PriceLines>,
    /// Which of these jobs the caps leave room for; `None` where there is no cap.
    pub cap_room: Option<PriceLines>,
    pub title: String,
    /// What is left out and why, and other things to know.
    pub notes: Vec<String>,
    pub opened: Timestamp,
}

impl PriceDialog {
    /// The jobs that will be sent; the others will be held.
    pub(crate) fn sends(&self) -> PriceLines {
        let all = [Some(self.quote.lines), self.covered, self.cap_room];
        all.into_iter().flatten().min_by_key(PriceLines::count).unwrap_or(self.quote.lines)
    }

    /// What keeps some of the jobs from being sent.
    pub(crate) fn limits(&self) -> Vec<String> {
        let (count, held) = (self.quote.count(), self.quote.count() - self.sends().count());
        let mut out = Vec::new();
        if let Some(covered) = self.covered.map(|lines| lines.count()).filter(|covered| *covered < count) {
            out.push(format!("the balance covers {covered} of {count}; {held} will be held"));
        }
        if let Some(room) = self.cap_room.map(|lines| lines.count()).filter(|room| *room < count) {
            out.push(format!("the caps leave room for {room} of {count}; {held} will be held"));
        }
        out
    }

    /// Takes the balance, the caps and what is approved as they are now.
    pub(crate) fn follow(&mut self, before: PriceLines, status: &Status) {
        self.before = before;
        self.quote.balance = status.balance.map(|seen| seen.amount);
        let prices = self.quote.lines.prices();
        let buys = |left: Credits| PriceLines::affordable(&prices, &self.models, left - before.total());
        self.covered = self.quote.balance.map(buys);
        self.cap_room = status.caps.left(&status.spent).map(buys);
    }
}

/// What a free but weighty act does once it is confirmed.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum ConfirmPurpose {
    /// Cancel what is on the wire, stop watching what runs, give up what is unsure.
    Stop {
        drop: Vec<JobId>,
        unwatch: Vec<JobId>,
        give_up: Vec<JobId>,
    },
    Remove(Vec<JobId>),
    /// Choose pictures of a draft that lost some.
    Choose {
        draft: TaskId,
        chosen: Chosen,
    },
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ConfirmDialog {
    pub title: String,
    pub lines: Vec<String>,
    /// What `y` does, in words.
    pub yes: String,
    pub purpose: ConfirmPurpose,
    pub opened: Timestamp,
}

/// What an entry of a menu does.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Choice {
    Sort(Sort),
    /// Shows or hides the column of this name.
    Column(&'static str),
    Copy {
        what: &'static str,
        text: String,
    },
    Adopt {
        job: JobId,
        task: TaskId,
    },
    Export(ExportFormat),
    /// None of the others.
    None,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct MenuItem {
    pub key: char,
    pub label: String,
    pub note: String,
    /// It is what counts now.
    pub present: bool,
    pub choice: Choice,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Menu {
    pub title: String,
    pub items: Vec<MenuItem>,
    pub cursor: usize,
    pub opened: Timestamp,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct TagDialog {
    pub field: LineInput,
    /// The jobs have different tags.
    pub various: bool,
    pub jobs: Vec<JobId>,
    /// The drafts it is for, where it is for drafts.
    pub drafts: Vec<TaskId>,
    pub said: Option<String>,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct CapsDialog {
    pub session: LineInput,
    pub day: LineInput,
    pub on_day: bool,
    pub said: Option<String>,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct CommandInput {
    pub field: LineInput,
    /// The chosen entry among [`CommandInput::fitting`].
    pub cursor: usize,
}

impl CommandInput {
    /// The word before the first space, and the rest.
    pub(crate) fn parts(&self) -> (&str, &str) {
        let line = self.field.line().trim_start();
        line.split_once(' ').map_or((line, ""), |(word, rest)| (word, rest.trim()))
    }

    /// The actions whose name or help fits what is typed, best first.
    pub(crate) fn fitting(&self) -> Vec<Action> {
        let (word, _) = self.parts();
        let word = word.to_ascii_lowercase().replace('-', "_");
        let mut found: Vec<(usize, Action)> = super::keymap::TABLE
            .iter()
            .filter_map(|row| {
                let rank = if row.name == word {
                    0
                } else if row.name.starts_with(&word) {
                    1
                } else if row.name.contains(&word) {
                    2
                } else if row.help.to_lowercase().contains(&word.replace('_', " ")) {
                    3
                } else {
                    return None;
                };
                Some((rank, row.action))
            })
            .collect();
        found.sort_by_key(|(rank, _)| *rank);
        found.into_iter().map(|(_, action)| action).collect()
    }
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct HelpDialog {
    pub search: LineInput,
    /// Letters go to the search; before, those that move here as everywhere scroll.
    pub searching: bool,
    pub scroll: usize,
}
