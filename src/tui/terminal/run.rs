//! The loop: waits once, takes everything that is there, tells the screen, draws if it is time, and sleeps again.
//!
//! It is never blocked by the terminal: frames go to the writer's single slot, and while that is taken none is made. When
//! nothing happens it sleeps without a timer. After a hang-up nothing is drawn.

use std::io;
use std::time::{Duration, Instant};

use crossterm::event::{KeyEvent, MouseEvent};
use jiff::Timestamp;
use ratatui::Frame;

use super::capabilities::{Capabilities, Colours};
use super::compose;
use super::device::Device;
use super::frames::{FrameLimiter, Urgency};
use super::guard::{Guard, Modes};
use super::inbox::{Inbox, Message, Signal};
use super::input::Reader;
use super::offscreen::Offscreen;
use super::osc::{self, Notifier};
use super::paint::{self, Painter};
use super::parser::{Paste, Reply, TerminalEvent};
use super::pictures::{Pictures, Spot};
use super::questions::Questions;
use super::settled::FrameLog;
use super::signals::Watch;
use super::writer::{Writer, WriterEvent};
use crate::preview::Pixels;
use crate::preview::detect::Answers;

/// What can happen to a screen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event<N> {
    /// A key.
    Key(KeyEvent),
    /// A key that came in one read with others: no answer to a question that a person has read.
    KeyInBurst(KeyEvent),
    /// Text in one piece; not cleaned.
    Paste(Paste),
    /// Mouse button or wheel.
    Mouse(MouseEvent),
    /// The size in columns and rows; the first event of every run.
    Resize(u16, u16),
    /// Before a key: the frame drawn at this [`Screen::revision`] had been on the terminal for [`super::settled::SETTLE`] when
    /// the key was read. What an older frame did not show, the key is no answer to.
    Settled(u64),
    /// The window is looked at, or not any more.
    Focus(bool),
    /// The terminal's background is dark, or light: asked for by [`Options::ask_background`], or changed since.
    Scheme {
        /// Light text on it is easier to read than dark text.
        dark: bool,
    },
    /// News from the rest of the program.
    News(N),
    /// How large a cell is, where the terminal or the kernel knows: before [`Event::Resize`], and when the terminal answers.
    CellSize(Pixels),
    /// What the terminal answered to [`Effect::AskAboutPictures`], or that it did not.
    PictureAnswers(Answers),
    /// The terminal refused a picture; at the second time within a minute (`last`) it takes none this way.
    PictureRefused {
        /// What it said.
        why: String,
        /// Another way is to be taken.
        last: bool,
    },
    /// The time asked for by [`Screen::next_tick`] has come.
    Tick,
    /// SIGINT from outside.
    Interrupted,
    /// The run ends after this, whatever the screen answers: SIGTERM, SIGHUP or a lost terminal.
    Terminate,
    /// The process goes on after it was stopped.
    Resumed,
}

/// What a screen wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect<S> {
    /// To the clipboard.
    Copy(String),
    /// Ring.
    Bell,
    /// A notice of the desktop, or the bell.
    Notify {
        /// Who speaks.
        title: String,
        /// One sentence.
        body: String,
    },
    /// The window's title.
    Title(String),
    /// Stop the process as Ctrl+z does.
    Suspend,
    /// Clear the terminal and draw everything.
    Redraw,
    /// Ask the terminal which pictures it shows; the answer is [`Event::PictureAnswers`]. Never inside tmux.
    AskAboutPictures,
    /// Mouse reports on or off.
    Mouse(bool),
    /// For the session: the closure of [`run`] takes it.
    Session(S),
    /// Leave.
    Quit,
}

/// What is shown, and how it changes. It does no I/O and reads no clock.
pub trait Screen {
    /// News from the rest of the program.
    type News;
    /// Effects that are not about the terminal.
    type Effect;

    /// Takes one event.
    #[must_use]
    fn update(&mut self, now: Timestamp, event: Event<Self::News>) -> Vec<Effect<Self::Effect>>;
    /// Draws itself.
    fn draw(&self, frame: &mut Frame, now: Timestamp);
    /// Whether it has to be drawn again; asked once after each batch of events, and then reset.
    fn take_dirty(&mut self) -> bool;
    /// When it wants a [`Event::Tick`], because something visible counts; `None`: not at all.
    fn next_tick(&self, now: Timestamp) -> Option<Timestamp>;
    /// Names the state that is drawn: grows with every change. For [`Event::Settled`].
    fn revision(&self) -> u64 {
        0
    }
    /// Addresses that it shows in full and that are to be links.
    fn links(&self) -> Vec<String> {
        Vec::new()
    }
    /// The pictures that it shows, best after [`Screen::draw`], which marks their cells ([`super::pictures`]).
    fn pictures(&self) -> Vec<Spot> {
        Vec::new()
    }
    /// Whether the run is over.
    fn is_finished(&self) -> bool;
}

/// How a run behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// When frames are drawn.
    pub frames: FrameLimiter,
    /// How they are encoded.
    pub style: paint::Style,
    /// Bracket frames by mode 2026.
    pub synchronized: bool,
    /// How notices are sent.
    pub notices: Notifier,
    /// Wrap notices for tmux. (Titles, copies and bells are tmux's own business.)
    pub tmux: bool,
    /// The longest copy sequence in bytes; 0: no copying.
    pub copy_limit: usize,
    /// What the guard switches.
    pub modes: Modes,
    /// Make addresses links (OSC 8).
    pub links: bool,
    /// Ask for the background colour once the first frame is there. Nothing waits for the answer.
    pub ask_background: bool,
    /// The question goes through GNU screen to the terminal behind it.
    pub in_gnu_screen: bool,
    /// Mouse reports at start.
    pub mouse: bool,
    /// Listen to the signals of the process. Off in tests of the loop.
    pub signals: bool,
    /// How long leaving may wait for a terminal that takes no bytes.
    pub patience: Duration,
    /// The clock.
    pub clock: fn() -> Timestamp,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            frames: FrameLimiter::new(),
            style: paint::Style::default(),
            synchronized: true,
            notices: Notifier::Bell,
            tmux: false,
            copy_limit: 0,
            modes: Modes::default(),
            links: false,
            ask_background: false,
            in_gnu_screen: false,
            mouse: false,
            signals: true,
            // The program is to be gone within 1 s. Leaving waits twice this long at most; the rest is for the store.
            patience: Duration::from_millis(300),
            clock: Timestamp::now,
        }
    }
}

impl Options {
    /// What suits this terminal. `slow`: the line is thin (`--slow-link`), so fewer frames.
    pub fn of(capabilities: &Capabilities, slow: bool) -> Self {
        Self {
            frames: if slow { FrameLimiter::slow() } else { FrameLimiter::new() },
            style: paint::Style { colourless: capabilities.colours.value == Colours::None, ..paint::Style::default() },
            synchronized: capabilities.synchronized.value,
            in_gnu_screen: capabilities.gnu_screen.value,
            notices: capabilities.notices.value,
            tmux: capabilities.tmux.value,
            copy_limit: capabilities.copy_limit.value,
            links: capabilities.links.value,
            // What has no window title is a console, too.
            modes: Modes { title: capabilities.title.value, foreign: capabilities.title.value, ..Modes::default() },
            ..Self::default()
        }
    }
}

/// Why a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// The screen was finished.
    Quit,
    /// SIGTERM.
    Terminated,
    /// SIGHUP, or the terminal is gone: nobody reads what is printed now.
    HungUp,
}

/// A tick asked for again and again in the past must not turn into a busy loop.
const SHORTEST_TICK: Duration = Duration::from_millis(20);
/// How long leaving waits for answers of the terminal that are still on the line.
const ANSWER_PATIENCE: Duration = Duration::from_millis(300);
/// Of more notices at once nobody reads the rest.
const MOST_NOTICES: usize = 4;

/// Runs a screen on a terminal until it is finished, and gives the terminal back. Blocks the calling thread.
///
/// # Errors
///
/// If the device is no terminal, or a thread cannot be started. A terminal that goes away later is no error: [`Exit::HungUp`].
pub fn run<S: Screen>(
    screen: &mut S,
    inbox: &Inbox<S::News>,
    device: Device,
    options: &Options,
    mut perform: impl FnMut(S::Effect),
) -> io::Result<Exit>
where
    S::News: Send + 'static,
{
    let guard = Guard::new(device.clone(), options.modes.clone())?;
    let _watch = if options.signals { Some(Watch::start(inbox.mailbox())?) } else { None };
    let mailbox = inbox.mailbox();
    let writer = Writer::spawn(guard.output(), move |told| {
        mailbox.send(match told {
            WriterEvent::Taken { write, at } => Message::Taken { write, at },
            WriterEvent::Lost => Message::Lost,
        });
    })?;
    let mut first = guard.enter()?;
    first.extend_from_slice(guard.mouse(options.mouse));
    let reader = Reader::start(device.clone(), inbox.mailbox())?;
    let (columns, rows) = device.size();
    let mut run = Run {
        device,
        options,
        guard,
        writer,
        reader,
        painter: Painter::new(options.style),
        offscreen: Offscreen::new(columns, rows),
        frames: options.frames.clone(),
        size: (columns, rows),
        out_of_band: OutOfBand { before: first, ..OutOfBand::default() },
        stopped: false,
        first: true,
        finished: None,
        log: FrameLog::default(),
        told_settled: 0,
        questions: Questions::default(),
        asked_background: false,
        pictures: Pictures::default(),
        suspend_by: None,
    };
    let mut events = run.cell_size();
    events.push(Event::Resize(columns, rows));
    run.turn(screen, events, &mut perform);
    run.frames.ask(Urgency::Now);
    let mut last_tick = None;
    while run.finished.is_none() {
        run.suspend_if_answered();
        run.show(screen);
        let (deadline, tick) = run.sleep(screen, last_tick);
        let batch = inbox.next(deadline);
        let ticked = tick.filter(|tick| *tick <= Instant::now());
        let events = run.sort_out(batch, ticked.is_some());
        if ticked.is_some() {
            last_tick = Some(Instant::now());
        }
        run.turn(screen, events, &mut perform);
    }
    run.await_answers(inbox);
    Ok(run.leave())
}

/// What goes to the terminal out_of_band the cells. Each has one place, so that nothing piles up while the terminal is stuck.
#[derive(Default)]
struct OutOfBand {
    /// Modes, before everything else.
    before: Vec<u8>,
    title: Option<Vec<u8>>,
    copy: Option<Vec<u8>>,
    notices: Vec<Vec<u8>>,
    bell: bool,
}

impl OutOfBand {
    fn is_empty(&self) -> bool {
        self.before.is_empty() && self.title.is_none() && self.copy.is_none() && self.notices.is_empty() && !self.bell
    }
}

struct Run<'a> {
    device: Device,
    options: &'a Options,
    guard: Guard,
    writer: Writer,
    reader: Reader,
    painter: Painter,
    offscreen: Offscreen,
    frames: FrameLimiter,
    size: (u16, u16),
    out_of_band: OutOfBand,
    /// Between Ctrl+z and going on: nothing is drawn.
    stopped: bool,
    /// No frame was drawn yet.
    first: bool,
    finished: Option<Exit>,
    /// What the person has had before their eyes, and what of it the screen was told.
    log: FrameLog,
    told_settled: u64,
    questions: Questions,
    asked_background: bool,
    pictures: Pictures,
    /// Ctrl+z was pressed, and answers of the terminal are still on the line: the shell must not get them. Until when to wait.
    suspend_by: Option<Instant>,
}

impl Run<'_> {
    /// Until when to sleep, and when the screen wants its tick.
    fn sleep<S: Screen>(&self, screen: &S, last_tick: Option<Instant>) -> (Option<Instant>, Option<Instant>) {
        let now = Instant::now();
        if self.stopped {
            return (None, None);
        }
        let clock = (self.options.clock)();
        let tick = screen.next_tick(clock).map(|at| {
            let wait = Duration::try_from(at.duration_since(clock)).unwrap_or_default();
            let at = now + wait;
            last_tick.map_or(at, |last| at.max(last + SHORTEST_TICK))
        });
        // While the writer is busy its message wakes us; a frame's own time does not. Nor is one made before a stop.
        let free = self.writer.is_free() && self.suspend_by.is_none();
        let frame = self.frames.deadline(now).filter(|_| free);
        let pictures = self.pictures.deadline(now).filter(|_| free && frame.is_none_or(|frame| frame > now));
        let deadlines = [tick, frame, pictures, self.questions.deadline(), self.suspend_by];
        (deadlines.into_iter().flatten().min(), tick)
    }

    /// Turns messages into events; what concerns only the loop is done here.
    fn sort_out<T>(&mut self, batch: Vec<Message<T>>, ticked: bool) -> Vec<Event<T>> {
        let mut events = Vec::with_capacity(batch.len() + 1);
        let mut resized = false;
        for message in batch {
            match message {
                Message::Taken { write, at } => {
                    self.log.taken(write, at);
                    // Never before the first frame: an answer takes a round trip, and some terminals none.
                    if self.options.ask_background && !self.asked_background && !self.first {
                        self.asked_background = true;
                        self.out_of_band.before.extend_from_slice(self.questions.ask_background(at, self.options.in_gnu_screen));
                    }
                }
                Message::Signal(Signal::Terminate) => {
                    self.finished.get_or_insert(Exit::Terminated);
                    events.push(Event::Terminate);
                }
                Message::Signal(Signal::HangUp) => {
                    self.finished = Some(Exit::HungUp);
                    events.push(Event::Terminate);
                }
                Message::Lost => {
                    self.finished = Some(Exit::HungUp);
                    self.guard.mute();
                    events.push(Event::Terminate);
                }
                Message::Signal(Signal::Interrupt) => {
                    self.frames.ask(Urgency::Now);
                    events.push(Event::Interrupted);
                }
                Message::Signal(Signal::Stop) => self.suspend(),
                Message::Signal(Signal::Continue) => {
                    self.go_on();
                    resized = true;
                    events.push(Event::Resumed);
                }
                Message::Signal(Signal::Resize) => resized = true,
                Message::Terminal(event, read_at) => match event {
                    TerminalEvent::Key(key) | TerminalEvent::KeyInBurst(key) => {
                        let in_burst = matches!(event, TerminalEvent::KeyInBurst(_));
                        let revision = self.log.settled(read_at);
                        if revision != self.told_settled {
                            self.told_settled = revision;
                            events.push(Event::Settled(revision));
                        }
                        events.push(if in_burst { Event::KeyInBurst(key) } else { Event::Key(key) });
                    }
                    TerminalEvent::Paste(paste) => events.push(Event::Paste(paste)),
                    TerminalEvent::Mouse(mouse) => events.push(Event::Mouse(mouse)),
                    TerminalEvent::Focus(on) => {
                        if self.pictures.focus(on) {
                            self.frames.ask(Urgency::Now);
                        }
                        events.push(Event::Focus(on));
                    }
                    TerminalEvent::Reply(Reply::Scheme { dark }) if self.options.modes.scheme => {
                        events.push(Event::Scheme { dark });
                    }
                    TerminalEvent::Reply(reply) => self.hear(&reply, read_at, &mut events),
                },
                Message::News(news) => events.push(Event::News(news)),
            }
        }
        if let Some(silent) = self.questions.expire(Instant::now()) {
            events.push(Event::PictureAnswers(silent.answers));
        }
        if resized {
            let size = self.device.size();
            self.size = size;
            self.offscreen.resize(size.0, size.1);
            // Most terminals rearrange what they show when they are resized, even when the size comes back at once: the
            // screen is told in any case.
            events.insert(0, Event::Resize(size.0, size.1));
            events.splice(0..0, self.cell_size());
            self.painter.forget();
            self.pictures.forget();
            self.log.forget();
            self.frames.ask(Urgency::Now);
        }
        if ticked {
            events.push(Event::Tick);
        }
        events
    }

    /// Tells the screen and does what it asks for.
    fn turn<S: Screen>(&mut self, screen: &mut S, events: Vec<Event<S::News>>, perform: &mut impl FnMut(S::Effect)) {
        let now = (self.options.clock)();
        let mut urgency = Urgency::Slot;
        for event in events {
            if matches!(
                event,
                Event::Key(_) | Event::KeyInBurst(_) | Event::Paste(_) | Event::Mouse(_) | Event::Resize(..) | Event::Resumed
            ) {
                urgency = Urgency::Now;
            }
            for effect in screen.update(now, event) {
                self.perform(effect, perform);
            }
            if screen.is_finished() {
                self.finished.get_or_insert(Exit::Quit);
            }
        }
        if screen.take_dirty() {
            self.frames.ask(urgency);
        }
    }

    fn perform<E>(&mut self, effect: Effect<E>, perform: &mut impl FnMut(E)) {
        match effect {
            Effect::Copy(text) => {
                if let Some(sequence) = osc::copy(&text, self.options.copy_limit) {
                    self.out_of_band.copy = Some(sequence);
                }
            }
            Effect::Bell => self.out_of_band.bell = true,
            Effect::Notify { title, body } => match self.options.notices {
                Notifier::Bell => self.out_of_band.bell = true,
                notifier if self.out_of_band.notices.len() < MOST_NOTICES => {
                    let notice = osc::notice(notifier, &title, &body);
                    self.out_of_band.notices.push(if self.options.tmux { osc::through_tmux(&notice) } else { notice });
                }
                _ => {}
            },
            Effect::Title(text) => {
                if self.options.modes.title {
                    self.out_of_band.title = Some(osc::title(&text));
                }
            }
            Effect::Suspend => self.suspend(),
            Effect::Redraw => {
                self.painter.forget();
                self.pictures.forget();
                self.frames.ask(Urgency::Now);
            }
            Effect::AskAboutPictures => {
                let question = self.questions.ask_pictures(Instant::now());
                if !question.is_empty() {
                    // It would stand between two slices.
                    self.pictures.cut_short(&mut self.out_of_band.before);
                }
                self.out_of_band.before.extend_from_slice(question);
            }
            Effect::Mouse(on) => self.out_of_band.before.extend_from_slice(self.guard.mouse(on)),
            Effect::Session(effect) => perform(effect),
            Effect::Quit => {
                self.finished.get_or_insert(Exit::Quit);
            }
        }
    }

    /// Makes a frame if one is due and the terminal has taken the last one: one write, or none if nothing looks different.
    /// While none is due, a part of a picture may leave.
    fn show<S: Screen>(&mut self, screen: &S) {
        let now = Instant::now();
        let due = self.frames.is_due(now);
        if self.stopped || self.suspend_by.is_some() || !self.writer.is_free() {
            return;
        }
        if !due && self.out_of_band.is_empty() {
            self.send_picture(now);
            return;
        }
        let mut out = self.writer.buffer();
        let out_of_band = std::mem::take(&mut self.out_of_band);
        let mut drawn = None;
        out.extend_from_slice(&out_of_band.before);
        if due {
            if self.draw(screen, &mut out, now) {
                drawn = Some(screen.revision());
            } else {
                // Everything was taken, since the writer is free: the terminal shows this already.
                self.log.shows(screen.revision(), now);
            }
            if self.first {
                // What the first frame could not know yet follows within milliseconds: it does not wait for a slot.
                self.first = false;
                self.frames = self.options.frames.clone();
            } else {
                self.frames.drawn(now);
            }
        }
        for part in out_of_band.title.iter().chain(&out_of_band.copy).chain(&out_of_band.notices) {
            out.extend_from_slice(part);
        }
        if out_of_band.bell {
            out.extend_from_slice(osc::BELL);
        }
        self.tell_guard();
        if !out.is_empty() {
            let write = self.writer.submit(out);
            if let Some(revision) = drawn {
                self.log.submitted(revision, write);
            }
        }
    }

    /// Appends a frame; `false` if nothing looks different.
    fn draw<S: Screen>(&mut self, screen: &S, out: &mut Vec<u8>, now: Instant) -> bool {
        let clock = (self.options.clock)();
        let (buffer, cursor) = self.offscreen.draw(|frame| screen.draw(frame, clock));
        let (spots, links) = (screen.pictures(), if self.options.links { screen.links() } else { Vec::new() });
        let frame = compose::Frame { buffer, cursor, spots, links: &links, synchronized: self.options.synchronized };
        compose::append(frame, &mut self.painter, &mut self.pictures, now, out)
    }
}

mod answers;
mod leaving;
#[cfg(test)]
mod tests;
