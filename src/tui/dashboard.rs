//! The dashboard on a terminal: the app as the terminal half's screen, its effects handed to a session.

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::thread;

use jiff::Timestamp;
use ratatui::Frame;

use super::effect::{ExportFormat, SessionEffect};
use super::event::News;
use super::pictures::inspect_tmux;
use super::terminal::pictures::Spot;
use super::terminal::{self, Device, Inbox, Screen};
use super::{App, Effect, Event, view};
use crate::engine::Session;
use crate::preview::Worker;

/// Writes an export and says where it is, or why it could not be written.
pub type Exporter = Box<dyn FnMut(ExportFormat, &str) -> Result<PathBuf, String>>;

/// What a dashboard needs besides its app.
pub struct DashboardDeps {
    /// The engine or its follower.
    pub session: Session,
    /// Where events come in; the session's sink holds its mailbox.
    pub inbox: Inbox<News>,
    /// The terminal.
    pub device: Device,
    /// How frames are made.
    pub options: terminal::Options,
    /// Where exports go.
    pub exporter: Exporter,
    /// Runs tmux, where it has to be asked.
    pub tmux: RunTmux,
}

/// Runs tmux with these arguments and gives what it writes; `None` if that fails.
pub type RunTmux = fn(&[&str]) -> Option<String>;

struct DashboardScreen<'a> {
    app: &'a mut App,
    /// The pictures of the frame that was drawn last.
    spots: RefCell<Vec<Spot>>,
}

impl Screen for DashboardScreen<'_> {
    type News = News;
    type Effect = SessionEffect;

    fn update(&mut self, now: Timestamp, event: Event) -> Vec<Effect> {
        #[cfg(debug_assertions)]
        panic_if_a_test_asks(&event);
        self.app.update(now, event)
    }

    fn draw(&self, frame: &mut Frame, now: Timestamp) {
        *self.spots.borrow_mut() = view::screen(self.app, frame, now);
    }

    fn pictures(&self) -> Vec<Spot> {
        self.spots.take()
    }

    fn take_dirty(&mut self) -> bool {
        self.app.take_dirty()
    }

    fn next_tick(&self, now: Timestamp) -> Option<Timestamp> {
        self.app.next_tick(now)
    }

    fn revision(&self) -> u64 {
        self.app.revision()
    }

    fn links(&self) -> Vec<String> {
        self.app.links()
    }

    fn is_finished(&self) -> bool {
        self.app.is_finished()
    }
}

/// A test must see what a panic leaves of the terminal: with `MJ_ENHANCE_TEST_PANIC=screen`, pasting the word `panic` is one.
/// Not in release builds.
#[cfg(debug_assertions)]
fn panic_if_a_test_asks(event: &Event) {
    let asked = || std::env::var_os("MJ_ENHANCE_TEST_PANIC").is_some_and(|place| place == "screen");
    if matches!(event, Event::Paste(paste) if paste.text == "panic") {
        assert!(!asked(), "asked for by MJ_ENHANCE_TEST_PANIC");
    }
}

/// Shows the dashboard until the user leaves or the terminal goes away, then leaves the session in order.
///
/// # Errors
/// When there is no terminal, or a thread cannot be started.
pub fn run(app: &mut App, ways: DashboardDeps) -> io::Result<terminal::Exit> {
    let DashboardDeps { session, inbox, device, options, mut exporter, tmux } = ways;
    let mailbox = inbox.mailbox();
    let mut worker = None;
    let mut screen = DashboardScreen { app, spots: RefCell::default() };
    let exit = terminal::run(&mut screen, &inbox, device, &options, |effect| match effect {
        SessionEffect::Command { ticket, command } => session.send_as(ticket, command),
        SessionEffect::LoadDetails(job) => session.details(job),
        SessionEffect::ShowDrafts(shown) => session.show_drafts(shown),
        SessionEffect::ListDrafts => session.list_drafts(),
        SessionEffect::LookAtDraft(task) => session.look_at_draft(task),
        SessionEffect::FetchDraft(task) => session.fetch_draft(task),
        SessionEffect::SaveScreenState(state) => session.remember(state),
        SessionEffect::Pictures(requests) => {
            let mailbox = mailbox.clone();
            if worker.is_none() {
                worker = Worker::start_into(move |finished| mailbox.news(News::Picture(finished))).ok();
            }
            if let Some(worker) = &worker {
                worker.want(requests);
            }
        }
        SessionEffect::InspectTmux => {
            let mailbox = mailbox.clone();
            let inspect = move || mailbox.news(News::Tmux(inspect_tmux(tmux)));
            // Where there is no thread, tmux stays unasked and words stand in place of pictures.
            let _ = thread::Builder::new().name("tmux".to_owned()).spawn(inspect);
        }
        SessionEffect::Export { format, content } => {
            mailbox.news(News::Exported(exporter(format, &content)));
        }
    });
    session.stop();
    exit
}
