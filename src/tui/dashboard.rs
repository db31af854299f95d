//! The dashboard on a terminal: the app as the terminal half's screen, its effects handed to a session.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use ratatui::Frame;

use super::effect::{ExportFormat, SessionEffect};
use super::event::News;
use super::terminal::{self, Device, Inbox, Screen};
use super::{App, Effect, Event, view};
use crate::engine::Session;

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
}

struct DashboardScreen<'a>(&'a mut App);

impl Screen for DashboardScreen<'_> {
    type News = News;
    type Effect = SessionEffect;

    fn update(&mut self, now: Timestamp, event: Event) -> Vec<Effect> {
        #[cfg(debug_assertions)]
        panic_if_a_test_asks(&event);
        self.0.update(now, event)
    }

    fn draw(&self, frame: &mut Frame, now: Timestamp) {
        view::screen(self.0, frame, now);
    }

    fn take_dirty(&mut self) -> bool {
        self.0.take_dirty()
    }

    fn next_tick(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.next_tick(now)
    }

    fn revision(&self) -> u64 {
        self.0.revision()
    }

    fn links(&self) -> Vec<String> {
        self.0.links()
    }

    fn is_finished(&self) -> bool {
        self.0.is_finished()
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
    let DashboardDeps { session, inbox, device, options, mut exporter } = ways;
    let mailbox = inbox.mailbox();
    let exit = terminal::run(&mut DashboardScreen(app), &inbox, device, &options, |effect| match effect {
        SessionEffect::Command { ticket, command } => session.send_as(ticket, command),
        SessionEffect::LoadDetails(job) => session.details(job),
        SessionEffect::ShowDrafts(shown) => session.show_drafts(shown),
        SessionEffect::ListDrafts => session.list_drafts(),
        SessionEffect::LookAtDraft(task) => session.look_at_draft(task),
        SessionEffect::SaveScreenState(state) => session.remember(state),
        SessionEffect::Export { format, content } => {
            mailbox.news(News::Exported(exporter(format, &content)));
        }
    });
    session.stop();
    exit
}
