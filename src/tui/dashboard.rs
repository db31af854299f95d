//! The dashboard on a terminal: the app as the terminal half's screen, its effects handed to a session.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use ratatui::Frame;

use super::effect::ExportFormat;
use super::terminal::{self, Act, Device, Inbox, Input, Screen};
use super::{App, Effect, Event, view};
use crate::engine::Session;

/// Writes an export and says where it is, or why it could not be written.
pub type Exporter = Box<dyn FnMut(ExportFormat, &str) -> Result<PathBuf, String>>;

/// What a dashboard needs besides its app.
pub struct DashboardDeps {
    /// The engine or its follower.
    pub session: Session,
    /// Where events come in; the session's sink holds its mailbox.
    pub inbox: Inbox<Event>,
    /// The terminal.
    pub device: Device,
    /// How frames are made.
    pub options: terminal::Options,
    /// Where exports go.
    pub exporter: Exporter,
}

struct DashboardScreen<'a>(&'a mut App);

impl Screen for DashboardScreen<'_> {
    type News = Event;
    type Act = Effect;

    fn update(&mut self, now: Timestamp, input: Input<Event>) -> Vec<Act<Effect>> {
        #[cfg(debug_assertions)]
        panic_if_a_test_asks(&input);
        let event = match input {
            Input::Key(key) => Event::Key(key),
            Input::Paste(paste) => {
                let mut effects = self.0.update(now, Event::Paste(paste.text));
                if paste.cut {
                    effects.extend(self.0.update(now, Event::PasteCut));
                }
                return effects.into_iter().map(act).collect();
            }
            Input::Mouse(mouse) => Event::Mouse(mouse),
            Input::Resize(columns, rows) => Event::Resize(columns, rows),
            Input::Scheme { dark } => Event::Scheme { dark },
            Input::Settled(revision) => Event::Settled(revision),
            Input::Focus(focused) => Event::Focus(focused),
            Input::News(event) => event,
            Input::Tick => Event::Tick,
            Input::Interrupt => Event::Interrupted,
            Input::Terminate => Event::Terminate,
            Input::Resumed => Event::Resumed,
        };
        self.0.update(now, event).into_iter().map(act).collect()
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
fn panic_if_a_test_asks(input: &Input<Event>) {
    let asked = || std::env::var_os("MJ_ENHANCE_TEST_PANIC").is_some_and(|place| place == "screen");
    if matches!(input, Input::Paste(paste) if paste.text == "panic") {
        assert!(!asked(), "asked for by MJ_ENHANCE_TEST_PANIC");
    }
}

/// What the terminal half does itself, and what is for the session.
fn act(effect: Effect) -> Act<Effect> {
    match effect {
        Effect::Copy(text) => Act::Copy(text),
        Effect::Bell => Act::Bell,
        Effect::Notify { title, body } => Act::Notify { title, body },
        Effect::Title(text) => Act::Title(text),
        Effect::Suspend => Act::Suspend,
        Effect::Redraw => Act::Redraw,
        Effect::Mouse(on) => Act::Mouse(on),
        Effect::Quit => Act::Quit,
        effect @ (Effect::Command { .. } | Effect::LoadDetails(_) | Effect::SaveScreenState(_) | Effect::Export { .. }) => {
            Act::Custom(effect)
        }
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
        Effect::Command { ticket, command } => session.send_as(ticket, command),
        Effect::LoadDetails(job) => session.details(job),
        Effect::SaveScreenState(state) => session.remember(state),
        Effect::Export { format, content } => {
            mailbox.news(Event::Exported(exporter(format, &content)));
        }
        // The terminal half has done these.
        Effect::Copy(_)
        | Effect::Bell
        | Effect::Notify { .. }
        | Effect::Title(_)
        | Effect::Suspend
        | Effect::Redraw
        | Effect::Mouse(_)
        | Effect::Quit => {}
    });
    session.stop();
    exit
}
