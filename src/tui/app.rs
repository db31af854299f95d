//! What the dashboard knows: its parts, and little else.

use std::sync::Arc;

use jiff::Timestamp;

use super::batch::Batch;
use super::dialogs::{Dialog, Dialogs};
use super::drafts::DraftList;
use super::job_list::{JobList, ViewFilter};
use super::layout::Layout;
use super::messages::Messages;
use super::options::AppOptions;
use super::pictures::Pictures;
use super::screens::Screens;
use super::seen::Seen;
use super::title::Title;
use crate::engine::{Level, Status};
use crate::job::{Job, Quote};

/// The dashboard's state. It changes by [`App::update`] only; [`super::view::screen`] draws it.
#[derive(Debug)]
pub struct App {
    pub(super) options: AppOptions,
    /// The jobs: what is shown, selected and marked.
    pub(super) jobs: JobList,
    /// The drafts: what is shown, selected and chosen.
    pub(super) drafts: DraftList,
    /// What lies over the screen.
    pub(super) dialogs: Dialogs,
    /// What was said, and what can be taken back.
    pub(super) messages: Messages,
    /// Which page, details, size.
    pub(super) screens: Screens,
    /// The engine's state; `None` until it spoke.
    pub(super) status: Option<Arc<Status>>,
    /// Why the session cannot go on.
    pub(super) broken: Option<String>,
    pub(super) pictures: Pictures,
    pub(super) batch: Batch,
    pub(super) title: Title,
    /// What of the screen was saved last for the next start.
    pub(super) saved_state: String,
    /// The screen is not what it should be.
    pub(super) dirty: bool,
    /// What of the box that asks has been before the user's eyes.
    pub(super) seen: Seen,
    pub(super) exit: Option<Exit>,
}

/// How the dashboard ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exit {
    /// Why it could not go on, where it could not: to stderr, with a failing exit code.
    pub broken: Option<String>,
    /// What goes on without the screen, as a sentence; empty where nothing does.
    pub exit_summary: String,
}

impl App {
    /// An empty dashboard; the jobs come as news.
    #[must_use]
    pub fn new(options: AppOptions, now: Timestamp) -> Self {
        let mut app = Self {
            jobs: JobList::default(),
            drafts: DraftList::default(),
            dialogs: Dialogs::default(),
            messages: Messages::default(),
            screens: Screens::new(options.mouse, options.slow_link),
            status: None,
            broken: None,
            pictures: Pictures::new(options.pictures.clone()),
            batch: Batch::default(),
            title: Title::default(),
            saved_state: String::new(),
            dirty: true,
            seen: Seen::default(),
            exit: None,
            options,
        };
        if let Some(saved) = app.options.remembered.take() {
            super::screen_state::restore(&mut app.jobs, &saved, now);
        }
        app.saved_state = super::screen_state::of(&app.jobs);
        if app.options.demo {
            let help = app.options.keymap.named(super::keymap::Action::Help);
            app.say(Level::Info, format!("demo: nothing here costs anything, and nothing is kept · {help} shows all keys"));
        }
        app
    }

    /// Names the present state for [`super::Event::Settled`]; grows with every event.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.seen.revision()
    }

    /// Whether the screen is not what it should be.
    #[must_use]
    pub fn needs_draw(&self) -> bool {
        self.dirty
    }

    /// Whether the screen is to be drawn; from now on it counts as drawn.
    #[must_use]
    pub fn take_dirty(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }

    /// Whether the loop is to end.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.exit.is_some()
    }

    /// The addresses that the box on top shows in full, for the terminal to make links of.
    #[must_use]
    pub fn links(&self) -> Vec<String> {
        match self.dialogs.top() {
            Some(Dialog::Show(id)) => self.jobs.job(*id).map(|job| job.links.clone()).unwrap_or_default(),
            Some(Dialog::ShowDraft(task)) => self.drafts.draft(task).map(|draft| draft.links.clone()).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn exit(&self) -> Option<&Exit> {
        self.exit.as_ref()
    }

    /// The quote of the price box on top, if there is one: what `y` would agree to now.
    #[must_use]
    pub fn asked_price(&self) -> Option<Quote> {
        match self.dialogs.top() {
            Some(Dialog::Price(price)) => Some(price.quote),
            _ => None,
        }
    }

    /// Where things stand on the screen.
    pub(super) fn layout(&self) -> Layout {
        self.screens.layout(self.jobs.order().len())
    }

    /// The jobs whose rows are on the screen.
    pub(super) fn visible(&self) -> impl Iterator<Item = &Job> {
        self.jobs.visible(self.layout().rows())
    }

    pub(super) fn say(&mut self, level: Level, said: impl Into<String>) {
        self.messages.say(level, said);
        self.dirty = true;
    }

    pub(super) fn set_view_filter(&mut self, change: impl FnOnce(&mut ViewFilter), now: Timestamp) {
        let mut view_filter = self.jobs.view_filter().clone();
        change(&mut view_filter);
        self.jobs.set_view_filter(view_filter, now);
        self.dirty = true;
    }
}
