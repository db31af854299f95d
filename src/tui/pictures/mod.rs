//! The pictures that the dashboard shows: which way they take, which are ready, and which are asked for.
//!
//! ```text
//! places ─▶ Pictures::settle ─ after a rest ─▶ SessionEffect::Pictures ─▶ preview's thread ─▶ News::Picture
//!    │                                                                                            │
//!    └─▶ view: cells, words, Spot ◀───────────────── Pictures::state ◀───────────────────────────┘
//! ```
//!
//! **To show pictures on a screen of one's own** three things are needed, and nothing else:
//! 1. `view::picture_pages::places` names them for that screen: a `Want` is a file, a box in cells and its share of the byte
//!    budget. N files in N boxes for one budget: `share: N`, so four pictures of a contact sheet take a quarter each.
//! 2. Its `draw` hands every one of these places to `view::pictures::draw_place`, which puts the picture, or the words that
//!    stand for it, into the box.
//! 3. Captions come from `Pictures::state` and `words::facts`.
//!
//! Pictures come once the places have been the same for a while, so that walking through a list sends nothing; the last
//! sixteen are kept and come back at once. All of it is pure: files are read, and tmux and the terminal asked, by effects,
//! and only when the first picture is wanted.

mod options;
pub(crate) mod words;

use std::path::PathBuf;
use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _};

pub use crate::preview::BlockStyle;
pub use crate::preview::detect::Setting as PictureSetting;
use crate::preview::detect::{Answers, Next, Why, by_answers, in_tmux};
use crate::preview::tmux::{Inspection, Wrap};
use crate::preview::{Body, Cells, Encoded, Error, Finished, Pixels, Request, SMALLEST_BOX, Way};
pub use options::{PictureOptions, PictureSettings};

/// So many pictures are kept, whatever became of them.
const KEPT: usize = 16;
/// And so many bytes of them.
const KEPT_BYTES: usize = 8_000_000;
/// How long the cursor rests before pictures are made, in milliseconds.
const REST: i64 = 300;
const REST_OVER_SSH: i64 = 600;

/// A picture that a screen wants to show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Want {
    /// The file.
    pub path: PathBuf,
    /// Its box.
    pub room: Cells,
    /// It gets one part in so many of the bytes that one picture may take.
    pub share: usize,
}

/// Why a way was chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Reason {
    Detected(Why),
    /// The charset has no blocks.
    Ascii,
    /// Sixel pictures of a wrong size would run over the screen.
    NoCellSize,
    /// The terminal answered with errors; its words.
    Refused(String),
}

/// A way, or words; and the reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Chosen {
    pub way: Option<Way>,
    pub reason: Reason,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
enum Detection {
    /// No picture was wanted yet.
    #[default]
    Unasked,
    /// tmux or the terminal is being asked.
    Asking,
    Known(Chosen),
}

/// What has to be asked before pictures can be shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ask {
    Tmux,
    Terminal,
}

/// What became of a picture that is wanted.
#[derive(Clone, Debug)]
pub(crate) enum PictureState<'a> {
    /// Ready; the number names its data.
    Ready(u64, &'a Arc<Encoded>),
    /// Being made, or not asked for yet.
    Coming,
    /// It cannot be shown.
    Failed(&'a Error),
    /// Here are no pictures; why.
    None(&'a Reason),
    /// The box is too small.
    TooSmall,
}

#[derive(Debug)]
struct Entry {
    key: u64,
    request: Request,
    outcome: Result<Arc<Encoded>, Error>,
}

/// The pictures of the dashboard.
#[derive(Debug)]
pub(crate) struct Pictures {
    options: PictureOptions,
    /// `i` is on.
    pub in_details: bool,
    /// `i` on the contact sheet took its pictures away.
    pub off_on_sheet: bool,
    detection: Detection,
    cell: Option<Pixels>,
    /// The one that was wanted longest ago first.
    kept: Vec<Entry>,
    next_key: u64,
    wanted: Vec<Request>,
    /// What the thread is at.
    asked: Vec<Request>,
    /// Until then nothing is made.
    rest_until: Option<Timestamp>,
    /// Nor shown, though it is there.
    hidden: bool,
    /// What one picture takes has been said.
    pub told: bool,
}

impl Pictures {
    pub(crate) fn new(options: PictureOptions) -> Self {
        Self {
            options,
            in_details: false,
            off_on_sheet: false,
            detection: Detection::default(),
            cell: None,
            kept: Vec::new(),
            next_key: 0,
            wanted: Vec::new(),
            asked: Vec::new(),
            rest_until: None,
            hidden: false,
            told: false,
        }
    }

    pub(crate) fn options(&self) -> &PictureOptions {
        &self.options
    }

    /// The way pictures take, if it is known.
    pub(crate) fn chosen(&self) -> Option<&Chosen> {
        match &self.detection {
            Detection::Known(chosen) => Some(chosen),
            _ => None,
        }
    }

    /// Another setting counts from now on; the way is found anew.
    pub(crate) fn set(&mut self, setting: PictureSetting) {
        self.options.setting = setting;
        self.detection = Detection::Unasked;
        self.wanted.clear();
    }

    /// The first picture is wanted: what has to be asked, if anything.
    pub(crate) fn detect(&mut self) -> Option<Ask> {
        if self.detection != Detection::Unasked {
            return None;
        }
        let ask = match self.options.first() {
            Next::Chosen(chosen) => {
                // Too large a sixel picture would run over the screen; the answer tells the size of a cell.
                if chosen.way != Some(Way::Sixel) || self.cell.is_some() || self.options.environment.tmux {
                    self.choose(chosen.way, Reason::Detected(chosen.why));
                    return None;
                }
                Ask::Terminal
            }
            Next::AskTmux => Ask::Tmux,
            Next::AskTerminal => Ask::Terminal,
        };
        self.detection = Detection::Asking;
        Some(ask)
    }

    fn choose(&mut self, way: Option<Way>, reason: Reason) {
        let (mut way, mut reason) = (way, reason);
        if way == Some(Way::Sixel) && self.cell.is_none() {
            (way, reason) = (Some(Way::Blocks), Reason::NoCellSize);
        }
        if way == Some(Way::Blocks) && self.options.ascii {
            (way, reason) = (None, Reason::Ascii);
        }
        let environment = &self.options.environment;
        if way == Some(Way::Blocks) && (environment.no_color || !environment.many_colours) {
            way = None;
            reason = Reason::Detected(if environment.no_color { Why::NoColor } else { Why::FewColours });
        }
        self.detection = Detection::Known(Chosen { way, reason });
    }

    /// tmux answered.
    pub(crate) fn hear_tmux(&mut self, inspection: Inspection) {
        if self.detection == Detection::Asking {
            let chosen = in_tmux(inspection);
            self.choose(chosen.way, Reason::Detected(chosen.why));
        }
    }

    /// The terminal answered, or did not in time.
    pub(crate) fn hear_terminal(&mut self, answers: &Answers) {
        if self.detection == Detection::Asking {
            // A way that was known without the question was only asked for the size of a cell.
            let chosen = match self.options.first() {
                Next::Chosen(chosen) => chosen,
                _ => by_answers(answers),
            };
            self.choose(chosen.way, Reason::Detected(chosen.why));
        }
    }

    /// The terminal refused pictures twice: they are made of characters for the rest of the session.
    pub(crate) fn refused(&mut self, said: &str) {
        self.choose(Some(Way::Blocks), Reason::Refused(crate::job::text::clean(said).into_owned()));
    }

    /// How large a cell is.
    pub(crate) fn set_cell(&mut self, cell: Pixels) {
        self.cell = Some(cell);
    }

    /// How many rows a square picture takes that is so many columns wide.
    pub(crate) fn square(&self, columns: u16) -> u16 {
        let cell = self.cell.unwrap_or(Pixels::USUAL_CELL);
        let rows = (u32::from(columns) * cell.width).div_ceil(cell.height.max(1));
        u16::try_from(rows).unwrap_or(columns)
    }

    /// The size of the terminal changes: what is shown is gone until it has been the same for a while.
    pub(crate) fn resized(&mut self, now: Timestamp) {
        if !self.wanted.is_empty() {
            self.rest(now, REST);
            self.hidden = true;
        }
    }

    /// How long the cursor rests before something is made or asked for, in milliseconds.
    pub(crate) fn rest_time(&self) -> i64 {
        if self.options.over_ssh { REST_OVER_SSH } else { REST }
    }

    fn rest(&mut self, now: Timestamp, milliseconds: i64) {
        self.rest_until = now.checked_add(milliseconds.milliseconds()).ok();
    }

    /// What the thread is asked for a picture; `None` where there are no pictures, or the box is too small for one.
    fn request(&self, want: &Want) -> Option<Request> {
        let way = self.chosen()?.way?;
        if !SMALLEST_BOX.is_within(want.room) {
            return None;
        }
        let wrap = if self.options.environment.tmux && way == Way::Iterm2 { Wrap::Tmux } else { Wrap::Plain };
        Some(Request {
            path: want.path.clone(),
            room: want.room,
            cell: self.cell.unwrap_or(Pixels::USUAL_CELL),
            way,
            budget: self.options.budget / want.share.max(1),
            side: self.options.side,
            colours: self.options.colours,
            blocks: self.options.blocks,
            wrap,
        })
    }

    /// What became of a picture.
    pub(crate) fn state(&self, want: &Want) -> PictureState<'_> {
        if !SMALLEST_BOX.is_within(want.room) {
            return PictureState::TooSmall;
        }
        if let Some(Chosen { way: None, reason }) = self.chosen() {
            return PictureState::None(reason);
        }
        let Some(request) = self.request(want) else { return PictureState::Coming };
        match self.kept.iter().find(|entry| entry.request == request) {
            None => PictureState::Coming,
            Some(Entry { outcome: Err(error), .. }) => PictureState::Failed(error),
            Some(_) if self.hidden => PictureState::Coming,
            Some(Entry { key, outcome: Ok(encoded), .. }) => PictureState::Ready(*key, encoded),
        }
    }

    /// The screen shows these pictures now. What the thread is to make instead of what it is at comes back; `None`: it is at
    /// the right ones.
    pub(crate) fn settle(&mut self, wants: &[Want], now: Timestamp) -> Option<Vec<Request>> {
        let wanted: Vec<Request> = wants.iter().filter_map(|want| self.request(want)).collect();
        if wanted != self.wanted {
            let walking = self.rest_until.is_some();
            self.kept.retain(|entry| entry.outcome.is_ok() || wanted.contains(&entry.request));
            self.wanted = wanted;
            self.hidden = walking && self.chosen().is_some_and(|chosen| chosen.way != Some(Way::Kitty));
            self.rest(now, self.rest_time());
            // A picture that is there already needs no rest: it is shown at once, and counts as used.
            for request in &self.wanted {
                if let Some(at) = self.kept.iter().position(|entry| entry.request == *request) {
                    let entry = self.kept.remove(at);
                    self.kept.push(entry);
                }
            }
        }
        if self.rest_until.is_some_and(|until| until <= now) {
            (self.rest_until, self.hidden) = (None, false);
        }
        let missing: Vec<Request> = match self.rest_until {
            None => self.wanted.iter().filter(|wanted| !self.knows(wanted)).cloned().collect(),
            // What is under way goes on while it is wanted; nothing new begins.
            Some(_) => self.asked.iter().filter(|asked| self.wanted.contains(asked)).cloned().collect(),
        };
        if missing == self.asked {
            return None;
        }
        self.asked.clone_from(&missing);
        Some(missing)
    }

    fn knows(&self, request: &Request) -> bool {
        self.kept.iter().any(|entry| entry.request == *request)
    }

    /// When [`Self::settle`] has something to do though nothing happens.
    pub(crate) fn next_tick(&self) -> Option<Timestamp> {
        self.rest_until
    }

    /// A picture is ready, or cannot be. Whether it is wanted still.
    pub(crate) fn take(&mut self, finished: Finished) -> bool {
        let Finished { request, result } = finished;
        self.asked.retain(|asked| *asked != request);
        let wanted = self.wanted.contains(&request);
        if self.knows(&request) || !wanted {
            return false;
        }
        self.next_key += 1;
        self.kept.push(Entry { key: self.next_key, request, outcome: result.map(Arc::new) });
        while self.kept.len() > KEPT || self.kept.iter().map(bytes).sum::<usize>() > KEPT_BYTES {
            let Some(oldest) = self.kept.iter().position(|entry| !self.wanted.contains(&entry.request)) else { break };
            self.kept.remove(oldest);
        }
        true
    }
}

/// What an entry keeps in memory.
fn bytes(entry: &Entry) -> usize {
    match &entry.outcome {
        Err(_) => 0,
        Ok(encoded) => match &encoded.body {
            Body::Png(bytes) | Body::Sequence(bytes) => bytes.len(),
            Body::Grid(grid) => grid.content.len() * size_of::<crate::preview::Cell>(),
        },
    }
}

/// What `doctor` says about pictures: name, value, reason. `tmux` runs it with these arguments and gives its output.
pub fn report(
    options: &PictureOptions,
    cell: Option<(u16, u16)>,
    tmux: impl Fn(&[&str]) -> Option<String>,
) -> Vec<(&'static str, String, String)> {
    let mut pictures = Pictures::new(options.clone());
    pictures.cell = cell.map(|(width, height)| Pixels::new(width.into(), height.into()));
    let mut lines = Vec::new();
    match pictures.detect() {
        Some(Ask::Tmux) => pictures.hear_tmux(inspect_tmux(tmux)),
        Some(Ask::Terminal) => {
            let why = "its name does not tell; the dashboard asks the terminal when the first picture is wanted".to_owned();
            lines.push(("pictures", "auto".to_owned(), why));
        }
        None => {}
    }
    if let Some(chosen) = pictures.chosen() {
        lines.push(("pictures", words::way(chosen.way).to_owned(), words::why(&chosen.reason)));
    }
    let size = pictures.cell.map_or("not known".to_owned(), |cell| format!("{cell} pixels"));
    lines.push(("cell", size, "from the window's size in pixels".to_owned()));
    lines
}

/// Reads tmux; `run` runs it with these arguments and gives its output.
pub fn inspect_tmux(run: impl Fn(&[&str]) -> Option<String>) -> Inspection {
    use crate::preview::tmux::{ASK_CLIENTS, ASK_PASSTHROUGH, inspect};
    let passthrough = run(&ASK_PASSTHROUGH).unwrap_or_default();
    inspect(&passthrough, &run(&ASK_CLIENTS).unwrap_or_default())
}

#[cfg(test)]
mod tests;
