//! What the dashboard knows.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _};

use super::dialogs::{AddDialog, Overlay};
use super::effect::Effect;
use super::event::Event;
use super::job_list::{JobList, Sort, View, ViewFilter};
use super::keymap::Contexts;
use super::options::AppOptions;
use super::seen::Seen;
use super::view::Layout;
use crate::engine::{Details, Level, QueueMove, Status};
use crate::job::{Caps, Job, JobId, Phase, State, Tag, text};

/// Most events that are kept (product §3).
pub(crate) const MOST_EVENTS: usize = 1_000;
/// Most acts that can be undone.
pub(crate) const MOST_UNDO: usize = 100;

/// The dashboard's state. It changes by [`App::update`] only; [`super::view::screen`] draws it.
#[derive(Debug)]
pub struct App {
    pub(crate) options: AppOptions,
    pub(crate) jobs: JobList,
    pub(crate) status: Option<Arc<Status>>,
    pub(crate) broken: Option<String>,
    pub(crate) page: Page,
    pub(crate) details_open: bool,
    pub(crate) in_details: bool,
    pub(crate) details_scroll: usize,
    pub(crate) details: Option<(JobId, Arc<Details>)>,
    pub(crate) details_asked: Option<(JobId, u64)>,
    pub(crate) overlays: Vec<Overlay>,
    pub(crate) filter: String,
    pub(crate) hidden: BTreeSet<&'static str>,
    pub(crate) selected: Option<JobId>,
    /// The row where the selection was seen last, and the first row shown.
    pub(crate) row: usize,
    pub(crate) offset: usize,
    pub(crate) marks: HashSet<JobId>,
    /// One marked job of each kind that acts differ in: what [`App::allows`] looks at instead of all of them.
    pub(crate) mark_kinds: Vec<JobId>,
    pub(crate) anchor: Option<JobId>,
    pub(crate) events: VecDeque<LoggedEvent>,
    pub(crate) events_filter: String,
    pub(crate) events_scroll: usize,
    pub(crate) message: Option<(Level, String)>,
    pub(crate) undo: Vec<Undo>,
    pub(crate) undo_windows: Vec<UndoWindow>,
    pub(crate) tickets: HashMap<u64, Pending>,
    pub(crate) next_ticket: u64,
    pub(crate) draft: Option<Box<AddDialog>>,
    pub(crate) focused: bool,
    pub(crate) mouse: bool,
    pub(crate) size: (u16, u16),
    pub(crate) batch: Batch,
    pub(crate) warned: HashMap<JobId, u8>,
    pub(crate) title: String,
    pub(crate) title_at: Option<Timestamp>,
    pub(crate) saved_state: String,
    pub(crate) dirty: bool,
    pub(crate) seen: Seen,
    /// The terminal says that its background is light.
    pub(crate) light_background: bool,
    pub(crate) exit: Option<Exit>,
}

/// A line of the events page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LoggedEvent {
    pub(crate) at: Timestamp,
    pub(crate) level: Level,
    /// Which job it is about.
    pub(crate) job: Option<JobId>,
    /// Clean.
    pub(crate) text: String,
}

/// Which screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Page {
    Jobs,
    Events,
    Spending,
}

/// A yes that can still be taken back.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct UndoWindow {
    pub approval: u64,
    pub until: Timestamp,
    pub jobs: usize,
}

/// What an answer to a command will be used for.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Pending {
    /// A yes; it may have been taken back before the answer came.
    Consent { withdraw: bool, adds: bool },
    /// Held jobs.
    Added,
    /// An act of here that can be undone; that may have been asked for before the answer came.
    Local { undo: Undo, back: bool },
    /// Everything else.
    Plain,
}

impl Pending {
    pub(crate) fn local(undo: Undo) -> Self {
        Self::Local { undo, back: false }
    }

    /// Whether `u` reaches it.
    pub(crate) fn can_be_taken_back(&self) -> bool {
        matches!(self, Self::Consent { withdraw: false, .. } | Self::Local { back: false, .. })
    }
}

/// How to take a local act back.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Undo {
    /// Release again: goes through the price box.
    Hold(Vec<JobId>),
    Move(Vec<JobId>, QueueMove),
    Retag(Vec<(Option<Tag>, Vec<JobId>)>),
    Remove(Vec<JobId>),
    /// Marks that were set, and marks that were taken away.
    Marks {
        set: Vec<JobId>,
        taken: Vec<JobId>,
    },
    Filter(String),
    Order(Sort, bool),
    InFlight(u32),
    Caps(Caps),
    /// Go on: goes through the price box where something would be sent.
    Pause,
}

/// What came of the jobs since the line was last empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Batch {
    pub busy: bool,
    pub saved: usize,
    pub failed: usize,
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
        let mouse = options.mouse;
        let mut app = Self {
            jobs: JobList::default(),
            status: None,
            broken: None,
            page: Page::Jobs,
            details_open: false,
            in_details: false,
            details_scroll: 0,
            details: None,
            details_asked: None,
            overlays: Vec::new(),
            filter: String::new(),
            hidden: BTreeSet::new(),
            selected: None,
            row: 0,
            offset: 0,
            marks: HashSet::new(),
            mark_kinds: Vec::new(),
            anchor: None,
            events: VecDeque::new(),
            events_filter: String::new(),
            events_scroll: 0,
            message: None,
            undo: Vec::new(),
            undo_windows: Vec::new(),
            tickets: HashMap::new(),
            next_ticket: 1,
            draft: None,
            focused: true,
            mouse,
            size: (80, 24),
            batch: Batch::default(),
            warned: HashMap::new(),
            title: String::new(),
            title_at: None,
            saved_state: String::new(),
            dirty: true,
            seen: Seen::default(),
            light_background: false,
            exit: None,
            options,
        };
        if let Some(remembered) = app.options.remembered.take() {
            app.remember(&remembered, now);
        }
        app.saved_state = app.screen_state();
        app
    }

    /// Takes one event in; what it asks to be done comes back.
    pub fn update(&mut self, now: Timestamp, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.take(now, event, &mut effects);
        self.seen.turn(self.overlays.last());
        self.settle(now, &mut effects);
        effects
    }

    /// Names the present state for [`Event::Settled`]; grows with every event.
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
        match self.overlays.last() {
            Some(Overlay::Show(id)) => self.jobs.job(*id).map(|job| job.links.clone()).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn exit(&self) -> Option<&Exit> {
        self.exit.as_ref()
    }

    /// The next moment at which something visible counts; `None` while nothing does.
    ///
    /// Clocks turn on whole seconds, with a slow link on whole minutes; a grace period always counts seconds.
    #[must_use]
    pub fn next_tick(&self, now: Timestamp) -> Option<Timestamp> {
        let later = |seconds: i64| {
            let at = (now.as_second().div_euclid(seconds) + 1) * seconds;
            Timestamp::from_second(at).ok()
        };
        let clock = if self.options.slow_link { 60 } else { 1 };
        let mut next: Vec<Timestamp> = Vec::new();
        if self.undo_windows.iter().any(|grace| grace.until > now) {
            next.extend(later(1));
        }
        if let Some(status) = &self.status {
            if status.all_wait_until.is_some_and(|until| until > now) {
                next.extend(later(clock));
            }
            if let Some(balance) = status.balance {
                // The age is shown in steps, so that a still dashboard stays still.
                let age = now.duration_since(balance.at).as_secs();
                let step = AGE_STEPS.iter().find(|step| **step > age);
                next.extend(step.and_then(|step| balance.at.checked_add(step.seconds()).ok()));
            }
        }
        if self.page == Page::Jobs {
            if self.visible().any(counts_seconds) {
                next.extend(later(clock));
            } else if self.visible().any(|job| matches!(job.state(), State::ToFetch | State::Fetching)) {
                next.extend(later(60));
            }
        }
        if let Some((end, id)) = self.jobs.expiring().iter().find(|(_, id)| self.warned.get(id).is_none_or(|level| *level < 2)) {
            let hours = if self.warned.contains_key(id) { 1 } else { 4 };
            next.extend(end.checked_sub(hours.hours()).ok().map(|at| at.max(now)).filter(|at| *at > now));
        }
        if self.title_words() != self.title {
            next.extend(self.title_at.and_then(|at| at.checked_add(1.second()).ok()).filter(|at| *at > now));
        }
        next.into_iter().min()
    }

    /// The jobs whose rows are on the screen.
    pub(crate) fn visible(&self) -> impl Iterator<Item = &Job> {
        let rows = self.layout().rows();
        self.jobs.order().iter().skip(self.offset).take(rows).filter_map(|id| self.jobs.job(*id)).map(Arc::as_ref)
    }

    pub(crate) fn layout(&self) -> Layout {
        Layout::of(self.size.0, self.size.1, self)
    }

    /// Where keys go now.
    pub(crate) fn place(&self) -> Contexts {
        match self.page {
            Page::Events => Contexts::EVENTS,
            Page::Spending => Contexts::SPENDING,
            Page::Jobs if self.in_details && self.details_open => Contexts::DETAILS,
            Page::Jobs => Contexts::LIST,
        }
    }

    pub(crate) fn selected_job(&self) -> Option<&Arc<Job>> {
        self.selected.and_then(|id| self.jobs.job(id))
    }

    /// What an act is for: the marked jobs, or the selected one.
    pub(crate) fn targets(&self) -> Vec<JobId> {
        if self.marks.is_empty() {
            return self.selected.into_iter().collect();
        }
        let mut ids: Vec<JobId> =
            self.marks.iter().copied().filter(|id| self.jobs.job(*id).is_some_and(|job| !job.removed)).collect();
        ids.sort_unstable_by_key(|id| self.jobs.job(*id).map(|job| (job.place, *id)));
        ids
    }

    pub(crate) fn say(&mut self, level: Level, said: impl Into<String>) {
        self.message = Some((level, said.into()));
        self.dirty = true;
    }

    pub(crate) fn push_undo(&mut self, undo: Undo) {
        if self.undo.len() == MOST_UNDO {
            self.undo.remove(0);
        }
        self.undo.push(undo);
    }

    pub(crate) fn set_view_filter(&mut self, change: impl FnOnce(&mut ViewFilter), now: Timestamp) {
        let mut view_filter = self.jobs.view_filter().clone();
        change(&mut view_filter);
        self.jobs.set_view_filter(view_filter, now);
        self.dirty = true;
    }

    /// Brings selection, scroll, title and details in line with what is known now.
    fn settle(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.jobs.refresh(now);
        let order = self.jobs.order();
        if order.is_empty() {
            (self.selected, self.row, self.offset) = (None, 0, 0);
        } else {
            let found = self.selected.and_then(|id| self.jobs.row(id));
            self.row = found.unwrap_or(self.row).min(order.len() - 1);
            self.selected = Some(order[self.row]);
            let rows = self.layout().rows().max(1);
            self.offset = self.offset.min(order.len().saturating_sub(rows)).min(self.row);
            if self.row >= self.offset + rows {
                self.offset = self.row + 1 - rows;
            }
        }
        let shown =
            self.selected_job().filter(|_| self.details_open && self.page == Page::Jobs).map(|job| (job.id, job.revision));
        if let Some((id, revision)) = shown.filter(|shown| self.details_asked != Some(*shown)) {
            if self.details_asked.is_none_or(|(asked, _)| asked != id) {
                self.details_scroll = 0;
            }
            self.details_asked = Some((id, revision));
            effects.push(Effect::LoadDetails(id));
        }
        self.undo_windows.retain(|grace| grace.until > now);
        self.warn_of_dying_links(now, effects);
        let title = self.title_words();
        if title != self.title && self.title_at.is_none_or(|at| now.duration_since(at).as_millis() >= 1_000) {
            self.title.clone_from(&title);
            self.title_at = Some(now);
            effects.push(Effect::Title(title));
        }
        let typing = matches!(self.overlays.last(), Some(Overlay::Filter(_)));
        if !typing {
            let state = self.screen_state();
            if state != self.saved_state {
                self.saved_state.clone_from(&state);
                effects.push(Effect::SaveScreenState(state));
            }
        }
    }

    /// `mj 3 run 12 wait 1 fail` (product §6).
    fn title_words(&self) -> String {
        let mut title = "mj".to_owned();
        for view in [View::Running, View::ToFetch, View::Waiting, View::Failed, View::Unsure] {
            let count = self.jobs.count_of(view);
            if count > 0 {
                let _ = write!(title, " {count} {}", view.short());
            }
        }
        title
    }

    /// Words and bell at 4 h and at 1 h to the dead link (product §5).
    fn warn_of_dying_links(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let mut new = Vec::new();
        for (end, id) in self.jobs.expiring() {
            let left = end.duration_since(now).as_secs();
            let level = if left <= 3_600 { 2 } else { 1 };
            if left > 4 * 3_600 {
                break;
            }
            if left > 0 && self.warned.get(id).is_none_or(|known| *known < level) {
                new.push((*id, level));
            }
        }
        let Some(level) = new.iter().map(|(_, level)| *level).max() else { return };
        let count = text::count(new.len(), "picture");
        self.warned.extend(new);
        let hours = if level == 2 { "1 hour" } else { "4 hours" };
        let (verb, whose) = if count.starts_with("1 ") { ("is", "its link dies") } else { ("are", "their links die") };
        self.say(Level::Warning, format!("{count} {verb} not here yet and {whose} within {hours}: d fetches now"));
        effects.push(Effect::Bell);
    }

    /// Leaves: what goes on is said after the screen is gone.
    pub(crate) fn leave(&mut self, effects: &mut Vec<Effect>) {
        if self.exit.is_none() {
            self.exit = Some(Exit { broken: self.broken.clone(), exit_summary: self.exit_summary() });
        }
        effects.push(Effect::Quit);
    }

    fn exit_summary(&self) -> String {
        let on_wire = self.jobs.count_of(View::Running);
        let (fetch, wait) = (self.jobs.count_of(View::ToFetch), self.jobs.count(State::Waiting));
        let mut parts = Vec::new();
        let other = matches!(self.status.as_ref().map(|s| &s.role), Some(crate::engine::Role::Screen { .. }));
        if on_wire > 0 {
            parts.push(format!(
                "{} on at EvoLink",
                if on_wire == 1 { "1 job goes".to_owned() } else { format!("{on_wire} jobs go") }
            ));
        }
        if fetch > 0 && !other {
            parts.push(format!("{} to fetch at the next start", text::count(fetch, "picture")));
        }
        if wait > 0 && !other {
            parts.push(format!("{} unsent until you press P and y", text::count(wait, "job")));
        }
        if other && (on_wire + fetch + wait) > 0 {
            parts.push("the engine in the other process goes on with everything".to_owned());
        }
        let mut said = parts.join("; ");
        if !said.is_empty() {
            said.push('.');
        }
        said
    }

    /// What of the screen is remembered across restarts.
    pub(crate) fn screen_state(&self) -> String {
        let view_filter = self.jobs.view_filter();
        let view = View::ALL.iter().position(|view| *view == view_filter.view).unwrap_or(0);
        serde_json::json!({
            "view": view + 1,
            "sort": view_filter.sort.word(),
            "reverse": view_filter.reverse,
            "filter": self.filter,
            "hidden": self.hidden,
        })
        .to_string()
    }

    /// Takes a remembered state; what cannot be read is left at its default.
    fn remember(&mut self, text: &str, now: Timestamp) {
        let Ok(state) = serde_json::from_str::<serde_json::Value>(text) else { return };
        let view = state["view"].as_u64().and_then(|n| usize::try_from(n).ok()).and_then(|n| View::ALL.get(n.wrapping_sub(1)));
        let sort = Sort::ALL.iter().find(|(_, _, word, _)| state["sort"].as_str() == Some(word));
        self.filter = text::clean(state["filter"].as_str().unwrap_or_default()).into_owned();
        let hidden = state["hidden"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
        self.hidden = hidden.filter_map(|name| super::view::COLUMN_NAMES.iter().copied().find(|known| *known == name)).collect();
        let (query, _) = crate::job::query::Query::read(&self.filter);
        let view_filter = ViewFilter {
            view: view.copied().unwrap_or_default(),
            query,
            sort: sort.map(|(sort, ..)| *sort).unwrap_or_default(),
            reverse: state["reverse"].as_bool().unwrap_or_default(),
        };
        self.jobs.set_view_filter(view_filter, now);
    }
}

/// The ages of a balance at which its words change, in seconds.
pub(crate) const AGE_STEPS: [i64; 8] = [300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400];

/// Whether a row shows a number that changes every second.
fn counts_seconds(job: &Job) -> bool {
    matches!(job.phase, Phase::Running(_) | Phase::Sending)
}
