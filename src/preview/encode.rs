//! From a picture to what is written, within a budget of bytes.

use std::path::PathBuf;

use image::{DynamicImage, RgbImage};

use super::blocks::{self, BlockStyle, Grid};
use super::decode::{Limits, decode};
use super::picture::resize;
use super::tmux::Wrap;
use super::{Cells, Colours, Error, Fitted, Picture, Pixels, fit, iterm2, kitty, palette, sixel};

/// How a picture reaches the screen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Way {
    /// kitty's protocol, with placements.
    Kitty,
    /// kitty's protocol inside tmux: the picture stands where its placeholders stand.
    KittyPlaceholders,
    /// iTerm2's protocol.
    Iterm2,
    /// Sixel.
    Sixel,
    /// Coloured characters.
    Blocks,
}

impl Way {
    /// Every way, best first.
    pub const ALL: [Self; 5] = [Self::Kitty, Self::KittyPlaceholders, Self::Iterm2, Self::Sixel, Self::Blocks];

    /// The name in settings and titles.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kitty | Self::KittyPlaceholders => "kitty",
            Self::Iterm2 => "iterm2",
            Self::Sixel => "sixel",
            Self::Blocks => "blocks",
        }
    }
}

/// In a smaller box words say more than a picture.
pub const SMALLEST_BOX: Cells = Cells::new(8, 4);

/// No box is larger: nobody has such a screen.
const LARGEST_BOX: Cells = Cells::new(1_000, 500);

/// Terminals that scale the picture themselves get no longer side than this.
const SIDE_MOST: u32 = 2_000;

/// xterm shows no sixel picture with a longer side unless told so.
const SIXEL_SIDE_MOST: u32 = 1_000;

/// How many bytes one picture may take if nothing else is set: 64 kB over SSH, 1 MB else, half of it inside tmux, where
/// nothing tells how fast the line is.
pub const fn budget(over_ssh: bool, in_tmux: bool) -> usize {
    let whole = if over_ssh { 64_000 } else { 1_000_000 };
    if in_tmux { whole / 2 } else { whole }
}

/// A picture that is wanted.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Request {
    /// The file.
    pub path: PathBuf,
    /// The box that it may fill.
    pub room: Cells,
    /// A cell of the terminal; for sixel it must be right.
    pub cell: Pixels,
    /// The way it takes.
    pub way: Way,
    /// The most bytes it may take on its way.
    pub budget: usize,
    /// The longest side in pixels that is sent: 400 over SSH. `None`: as many as the box has.
    pub side: Option<u32>,
    /// For blocks, also where they are the way out.
    pub colours: Colours,
    /// For blocks, also where they are the way out.
    pub blocks: BlockStyle,
    /// Whether commands for the outer terminal are wrapped; placeholders always are.
    pub wrap: Wrap,
}

/// What is written for a picture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// The paletted PNG that [`kitty::transmit`] cuts into slices; an id is chosen when it is sent.
    Png(Vec<u8>),
    /// One sequence, written with the cursor at the upper left corner.
    Sequence(Vec<u8>),
    /// Cells to be drawn like any others.
    Grid(Grid),
}

/// What a reader should know about a picture.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Note {
    /// The file holds several frames; this is the first.
    FirstOfSeveral,
    /// Smaller, with fewer colours or less quality than usual, to keep the budget.
    Reduced,
    /// This way did not keep the budget, so the picture is made of blocks.
    BlocksInsteadOf(Way),
}

/// A picture ready to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Encoded {
    /// The way it takes; not always the one that was asked for.
    pub way: Way,
    /// The cells it covers.
    pub cells: Cells,
    /// Pixels of the file.
    pub source: Pixels,
    /// Pixels that are sent.
    pub sent: Pixels,
    /// Bytes it takes on its way: the data, without the few that place it. Of blocks it is the most they may take.
    pub bytes: usize,
    /// What is written.
    pub body: Body,
    /// What a reader should know.
    pub notes: Vec<Note>,
}

/// Decodes a file and encodes it as the request says.
///
/// # Errors
/// Those of [`decode`] and of [`encode_picture`].
pub fn encode(request: &Request) -> Result<Encoded, Error> {
    encode_picture(&decode(&request.path, &Limits::default())?, request)
}

/// Encodes a picture; its path is not looked at.
///
/// The budget is kept by smaller sides, fewer colours, lower quality, and at last by blocks.
///
/// # Errors
/// [`Error::OverBudget`] if even the smallest picture of blocks takes more.
pub fn encode_picture(picture: &Picture, request: &Request) -> Result<Encoded, Error> {
    let mut room = Cells::new(request.room.columns.clamp(1, LARGEST_BOX.columns), request.room.rows.clamp(1, LARGEST_BOX.rows));
    if request.way == Way::KittyPlaceholders {
        room = Cells::new(room.columns.min(kitty::PLACEHOLDERS_MOST), room.rows.min(kitty::PLACEHOLDERS_MOST));
    }
    let work = Work { picture, request, room, fitted: fit(room, request.cell, picture.size()) };
    let mut encoded = match request.way {
        Way::Kitty => work.kitty(request.wrap)?,
        Way::KittyPlaceholders => work.kitty(Wrap::Tmux)?,
        Way::Iterm2 => work.iterm2()?,
        Way::Sixel => work.sixel()?,
        Way::Blocks => None,
    };
    if encoded.is_none() {
        encoded = work.blocks();
        if let Some(encoded) = &mut encoded
            && request.way != Way::Blocks
        {
            encoded.notes.push(Note::BlocksInsteadOf(request.way));
        }
    }
    let mut encoded = encoded.ok_or(Error::OverBudget { budget: request.budget })?;
    if picture.is_first_of_several() {
        encoded.notes.push(Note::FirstOfSeveral);
    }
    Ok(encoded)
}

/// A quality that may be given up to keep the budget.
#[derive(Clone, Copy)]
struct Quality {
    /// Colours, or the quality of a JPEG.
    level: u8,
    /// Bytes of a pixel, compared with the others of the same way.
    weight: u32,
    /// Rather than making the sides shorter than this, in percent, the next one is taken; after the last, another way.
    sides: u32,
}

const fn quality(level: u8, weight: u32, sides: u32) -> Quality {
    Quality { level, weight, sides }
}

const KITTY: [Quality; 3] = [quality(64, 100, 85), quality(32, 75, 30), quality(16, 50, 12)];
const ITERM2: [Quality; 5] =
    [quality(75, 130, 100), quality(60, 100, 100), quality(50, 88, 70), quality(40, 77, 40), quality(30, 66, 12)];
const SIXEL: [Quality; 3] = [quality(64, 100, 85), quality(32, 74, 30), quality(16, 50, 20)];
const BLOCKS: [Quality; 3] = [quality(32, 100, 90), quality(16, 85, 60), quality(8, 70, 1)];

/// After so many attempts a picture does not fit. Two are usual.
const ATTEMPTS: usize = 12;

/// Above this budget JPEG begins with a higher quality.
const PLENTY: usize = 256_000;

struct Work<'a> {
    picture: &'a Picture,
    request: &'a Request,
    room: Cells,
    fitted: Fitted,
}

/// What an attempt made: its bytes, the pixels and cells, and the thing itself.
struct Made {
    bytes: usize,
    sent: Pixels,
    cells: Cells,
    body: Body,
}

impl Work<'_> {
    /// Tries sides and qualities until one keeps the budget; `None` if none does.
    ///
    /// Every attempt tells how far the next one must go: bytes grow with the area and with the weight of the quality.
    fn descend(
        &self,
        way: Way,
        qualities: &[Quality],
        mut attempt: impl FnMut(u32, u8) -> Result<Made, Error>,
    ) -> Result<Option<Encoded>, Error> {
        let budget = self.request.budget;
        let (mut sides, mut at) = (100, 0);
        for number in 0..ATTEMPTS {
            let made = attempt(sides, qualities[at].level)?;
            if made.bytes <= budget {
                return Ok(Some(Encoded {
                    way,
                    cells: made.cells,
                    source: self.picture.size(),
                    sent: made.sent,
                    bytes: made.bytes,
                    body: made.body,
                    notes: if number > 0 { vec![Note::Reduced] } else { Vec::new() },
                }));
            }
            let last = qualities.len() - 1;
            let floor = qualities[last].sides;
            if at == last && sides <= floor {
                // Fewer pixels than that say less than blocks do.
                return Ok(None);
            }
            let fitting = |quality: &Quality| {
                let area = u64::from(sides).pow(2) * budget as u64 * u64::from(qualities[at].weight)
                    / (made.bytes as u64 * u64::from(quality.weight)).max(1);
                // A little less: fewer pixels take more bytes each.
                u32::try_from(area.isqrt() * 97 / 100).unwrap_or(100).min(100)
            };
            let next = (at..last).find(|place| fitting(&qualities[*place]) >= qualities[*place].sides).unwrap_or(last);
            let wanted = fitting(&qualities[next]);
            sides = if next == at { wanted.min(sides * 24 / 25) } else { wanted.min(sides) }.max(floor);
            at = next;
        }
        Ok(None)
    }

    /// The pixels for a terminal that scales by itself: those of the box, but no more than the file has.
    fn whole(&self) -> RgbImage {
        let wanted = self.fitted.pixels;
        let most = self.request.side.unwrap_or(SIDE_MOST).clamp(1, SIDE_MOST);
        let longer = wanted.longer().min(self.picture.size().longer()).min(most);
        self.picture.scaled(wanted.scaled(longer, wanted.longer()))
    }

    fn kitty(&self, wrap: Wrap) -> Result<Option<Encoded>, Error> {
        let way = if self.request.way == Way::KittyPlaceholders { Way::KittyPlaceholders } else { Way::Kitty };
        let sizes = Sizes::of(self.whole());
        self.descend(way, &KITTY, |sides, colours| {
            let image = sizes.at(sides);
            let png = kitty::png(&palette::quantise(&image, colours.into()))?;
            let bytes = kitty::transmitted(png.len(), wrap);
            Ok(Made { bytes, sent: size_of(&image), cells: self.fitted.cells, body: Body::Png(png) })
        })
    }

    fn iterm2(&self) -> Result<Option<Encoded>, Error> {
        let sizes = Sizes::of(self.whole());
        let first = usize::from(self.request.budget < PLENTY);
        self.descend(Way::Iterm2, &ITERM2[first..], |sides, quality| {
            let image = sizes.at(sides);
            let jpeg = iterm2::jpeg(&image, quality)?;
            let (cells, wrap) = (self.fitted.cells, self.request.wrap);
            let bytes = iterm2::inlined(jpeg.len(), cells, wrap);
            // The sequence is a third longer than the file: made only once it fits.
            let body = Body::Sequence(if bytes <= self.request.budget { iterm2::inline(&jpeg, cells, wrap) } else { jpeg });
            Ok(Made { bytes, sent: size_of(&image), cells, body })
        })
    }

    /// Sixel is shown pixel by pixel, so fewer pixels are a smaller picture.
    fn sixel(&self) -> Result<Option<Encoded>, Error> {
        let most = self.request.side.unwrap_or(SIXEL_SIDE_MOST).clamp(1, SIXEL_SIDE_MOST);
        let longer = self.fitted.pixels.longer().max(1);
        let mut sizes: Option<Sizes> = None;
        self.descend(Way::Sixel, &SIXEL, |sides, colours| {
            let Fitted { cells, pixels } = self.smaller(longer.min(most) * sides, longer.saturating_mul(100));
            let sizes = sizes.get_or_insert_with(|| Sizes::of(self.picture.scaled(pixels)));
            let image = sizes.exactly(pixels);
            let sequence = sixel::sixel(&palette::quantise(&image, colours.into()));
            Ok(Made { bytes: sequence.len(), sent: pixels, cells, body: Body::Sequence(sequence) })
        })
    }

    fn blocks(&self) -> Option<Encoded> {
        let Request { blocks: style, colours, .. } = self.request;
        let mut sizes: Option<Sizes> = None;
        let made = self.descend(Way::Blocks, &BLOCKS, |sides, most| {
            let cells = self.smaller(sides, 100).cells;
            let pixels = pixels_of(cells, style.pixels());
            let sizes = sizes.get_or_insert_with(|| Sizes::of(self.picture.scaled(pixels)));
            let grid = blocks::blocks(&sizes.exactly(pixels), cells, *style, *colours, most.into());
            Ok(Made { bytes: grid.bytes(), sent: pixels, cells, body: Body::Grid(grid) })
        });
        made.unwrap_or_default()
    }

    /// The picture in a part of its box.
    fn smaller(&self, part: u32, whole: u32) -> Fitted {
        if part >= whole {
            return self.fitted;
        }
        let side = |cells: u16| {
            let side = u64::from(cells) * u64::from(part) / u64::from(whole.max(1));
            u16::try_from(side).unwrap_or(cells).max(1)
        };
        let Cells { columns, rows } = self.fitted.cells;
        debug_assert!(self.fitted.cells.is_within(self.room));
        fit(Cells::new(side(columns), side(rows)), self.request.cell, self.picture.size())
    }
}

fn pixels_of(cells: Cells, cell: Pixels) -> Pixels {
    Pixels::new(u32::from(cells.columns) * cell.width.max(1), u32::from(cells.rows) * cell.height.max(1))
}

fn size_of(image: &RgbImage) -> Pixels {
    Pixels::new(image.width(), image.height())
}

/// The largest size that is tried, from which the smaller ones are made: that is quicker than from the whole picture.
struct Sizes(DynamicImage);

impl Sizes {
    fn of(image: RgbImage) -> Self {
        Self(DynamicImage::ImageRgb8(image))
    }

    fn at(&self, percent: u32) -> RgbImage {
        self.exactly(Pixels::new(self.0.width(), self.0.height()).scaled(percent, 100))
    }

    fn exactly(&self, size: Pixels) -> RgbImage {
        resize(&self.0, size)
    }
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
