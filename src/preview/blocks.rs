//! Pictures of coloured characters: half blocks everywhere, finer ones where the font has them.

use image::RgbImage;

use super::colour::{self, Colours, Terminal256};
use super::{Cells, Pixels, palette};

/// Which characters make the picture. All cost the same; the finer ones are missing or have gaps in many fonts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum BlockStyle {
    /// `▀`: two pixels a cell.
    #[default]
    Half,
    /// `▚`: two by two.
    Quadrant,
    /// Two by three, Unicode 13.
    Sextant,
    /// Two by four, Unicode 16.
    Octant,
}

impl BlockStyle {
    /// Pixels in a cell.
    pub const fn pixels(self) -> Pixels {
        match self {
            Self::Half => Pixels::new(1, 2),
            Self::Quadrant => Pixels::new(2, 2),
            Self::Sextant => Pixels::new(2, 3),
            Self::Octant => Pixels::new(2, 4),
        }
    }

    /// The character whose foreground covers the pixels of this mask; bit 0 is the upper left one, in reading order.
    fn glyph(self, mask: u8) -> char {
        match self {
            Self::Half => [' ', '▀', '▄', '█'][usize::from(mask & 3)],
            Self::Quadrant => QUADRANTS[usize::from(mask & 15)],
            Self::Sextant => sextant(mask),
            Self::Octant => octant(mask),
        }
    }
}

const QUADRANTS: [char; 16] = [' ', '▘', '▝', '▀', '▖', '▌', '▞', '▛', '▗', '▚', '▐', '▜', '▄', '▙', '▟', '█'];

/// The character for a mask of two by three pixels: bit 0 is the upper left one, in reading order; higher bits are ignored.
pub fn sextant(mask: u8) -> char {
    // The list of Unicode 13 leaves out the four that existed before.
    match mask & 63 {
        0 => ' ',
        21 => '▌',
        42 => '▐',
        63 => '█',
        mask => {
            let place = u32::from(mask) - 1 - u32::from(mask > 21) - u32::from(mask > 42);
            char::from_u32(0x1_fb00 + place).unwrap_or(' ')
        }
    }
}

/// The characters of two by four pixels that are not in the list of octants of Unicode 16.
const BESIDE_OCTANTS: [(u8, char); 26] = [
    (0, ' '),
    (1, '\u{1cea8}'),
    (2, '\u{1ceab}'),
    (3, '\u{1fb82}'),
    (5, '▘'),
    (10, '▝'),
    (15, '▀'),
    (20, '\u{1fbe6}'),
    (40, '\u{1fbe7}'),
    (63, '\u{1fb85}'),
    (64, '\u{1cea3}'),
    (80, '▖'),
    (85, '▌'),
    (90, '▞'),
    (95, '▛'),
    (128, '\u{1cea0}'),
    (160, '▗'),
    (165, '▚'),
    (170, '▐'),
    (175, '▜'),
    (192, '▂'),
    (240, '▄'),
    (245, '▙'),
    (250, '▟'),
    (252, '▆'),
    (255, '█'),
];

/// The character for a mask of two by four pixels: bit 0 is the upper left one, in reading order.
pub fn octant(mask: u8) -> char {
    match BESIDE_OCTANTS.binary_search_by_key(&mask, |(beside, _)| *beside) {
        Ok(at) => BESIDE_OCTANTS[at].1,
        Err(before) => {
            u32::try_from(before).ok().and_then(|before| char::from_u32(0x1_cd00 + u32::from(mask) - before)).unwrap_or(' ')
        }
    }
}

/// A colour of a cell.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Colour {
    /// 24 bit.
    Rgb([u8; 3]),
    /// One of the colours 16 to 255.
    Indexed(u8),
}

impl Colour {
    /// How many bytes it takes in a colour sequence.
    fn bytes(self) -> usize {
        let digits = |value: u8| 1 + usize::from(value > 9) + usize::from(value > 99);
        match self {
            Self::Rgb(rgb) => 7 + rgb.into_iter().map(digits).sum::<usize>(),
            Self::Indexed(index) => 5 + digits(index),
        }
    }
}

/// One cell of a picture.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Cell {
    /// One column wide; a blank where one colour fills the cell.
    pub symbol: char,
    /// Of the covered pixels.
    pub fg: Colour,
    /// Of the others.
    pub bg: Colour,
}

/// A picture of cells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grid {
    /// Its size.
    pub cells: Cells,
    /// Row by row.
    pub content: Vec<Cell>,
}

impl Grid {
    /// How many bytes it takes to write it row by row; a painter that orders its cells by colour needs a third less.
    pub fn bytes(&self) -> usize {
        let width = usize::from(self.cells.columns).max(1);
        let mut pen: (Option<Colour>, Option<Colour>) = (None, None);
        let mut sum = 0;
        for row in self.content.chunks(width) {
            // `CSI row;column H`.
            sum += 10;
            for cell in row {
                let fg = (cell.symbol != ' ' && pen.0 != Some(cell.fg)).then_some(cell.fg);
                let bg = (pen.1 != Some(cell.bg)).then_some(cell.bg);
                if fg.is_some() || bg.is_some() {
                    sum += 3 + fg.map_or(0, |colour| colour.bytes() + 1) + bg.map_or(0, |colour| colour.bytes() + 1);
                }
                pen = (fg.or(pen.0), bg.or(pen.1));
                sum += cell.symbol.len_utf8();
            }
        }
        // The plain pen afterwards.
        sum + 3
    }
}

/// The two colours of a cell and which pixels have the first.
#[derive(Clone, Copy)]
struct Split {
    mask: u8,
    colours: [[u8; 3]; 2],
}

/// Draws a picture that has as many pixels as the cells of this style; of its colours at most so many are used.
pub fn blocks(image: &RgbImage, cells: Cells, style: BlockStyle, colours: Colours, most: usize) -> Grid {
    let Pixels { width: across, height: down } = style.pixels();
    let (columns, rows) = (u32::from(cells.columns), u32::from(cells.rows));
    debug_assert_eq!(image.dimensions(), (columns * across, rows * down));
    if style == BlockStyle::Half && colours == Colours::Indexed && most >= FULL {
        return diffused(image, cells);
    }
    let mut splits = Vec::with_capacity(cells.count());
    let mut pixels = Vec::with_capacity(8);
    for row in 0..rows {
        for column in 0..columns {
            pixels.clear();
            for y in 0..down {
                pixels.extend((0..across).map(|x| image.get_pixel(column * across + x, row * down + y).0));
            }
            splits.push(if style == BlockStyle::Half {
                Split { mask: 1, colours: [pixels[0], pixels[1]] }
            } else {
                split(&pixels)
            });
        }
    }
    let (palette, places) = palette::reduce(splits.iter().flat_map(|split| split.colours), most.clamp(2, FULL));
    let palette: Vec<Colour> = match colours {
        Colours::True => palette.into_iter().map(Colour::Rgb).collect(),
        Colours::Indexed => {
            let terminal = Terminal256::new();
            palette.into_iter().map(|rgb| Colour::Indexed(terminal.nearest(colour::lab(rgb)).0)).collect()
        }
    };
    let content = splits.iter().zip(places.chunks(2)).map(|(split, pair)| {
        let [fg, bg] = [pair[0], pair[1]].map(|place| palette[usize::from(place)]);
        cell(style.glyph(split.mask), fg, bg)
    });
    Grid { cells, content: content.collect() }
}

/// More colours make no better picture of this size, but three times the bytes.
pub(super) const FULL: usize = 32;

fn cell(symbol: char, fg: Colour, bg: Colour) -> Cell {
    if fg == bg { Cell { symbol: ' ', fg: bg, bg } } else { Cell { symbol, fg, bg } }
}

fn diffused(image: &RgbImage, cells: Cells) -> Grid {
    let width = usize::from(cells.columns).max(1);
    let pixels: Vec<[u8; 3]> = image.pixels().map(|pixel| pixel.0).collect();
    let shown = colour::diffuse(&pixels, width);
    let content = shown.chunks(width * 2).flat_map(|rows| {
        let (upper, lower) = rows.split_at(width.min(rows.len()));
        upper.iter().zip(lower).map(|(upper, lower)| cell('▀', Colour::Indexed(*upper), Colour::Indexed(*lower)))
    });
    Grid { cells, content: content.collect() }
}

/// Parts up to eight pixels in two where both parts come out most even, along the channel that differs the most.
fn split(pixels: &[[u8; 3]]) -> Split {
    let range = |channel: usize| {
        let values = pixels.iter().map(|pixel| pixel[channel]);
        values.clone().max().unwrap_or(0) - values.min().unwrap_or(0)
    };
    let axis = (0..3).fold(1, |best, channel| if range(channel) > range(best) { channel } else { best });
    let mut order: Vec<usize> = (0..pixels.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(pixels[*at][axis]));
    let sums =
        |places: &[usize]| -> [u32; 3] { [0, 1, 2].map(|channel| places.iter().map(|at| u32::from(pixels[*at][channel])).sum()) };
    let mut best = (0, 1);
    for cut in 1..order.len() {
        let gain: u32 = [&order[..cut], &order[cut..]]
            .into_iter()
            .map(|part| {
                let count = u32::try_from(part.len()).unwrap_or(1).max(1);
                sums(part).into_iter().map(|sum| sum * sum / count).sum::<u32>()
            })
            .sum();
        if gain > best.0 {
            best = (gain, cut);
        }
    }
    let (first, second) = order.split_at(best.1.min(order.len()));
    let mean = |places: &[usize]| {
        let count = u32::try_from(places.len()).unwrap_or(1).max(1);
        sums(places).map(|sum| u8::try_from(sum / count).unwrap_or(255))
    };
    Split { mask: first.iter().fold(0, |mask, at| mask | 1 << at), colours: [mean(first), mean(second)] }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use image::Rgb;

    use super::*;
    use crate::preview::picture::low;

    const STYLES: [BlockStyle; 4] = [BlockStyle::Half, BlockStyle::Quadrant, BlockStyle::Sextant, BlockStyle::Octant];

    #[test]
    fn every_mask_has_a_character_of_its_own() {
        assert_eq!((0..64).map(sextant).collect::<BTreeSet<_>>().len(), 64);
        assert_eq!((0..=255).map(octant).collect::<BTreeSet<_>>().len(), 256);
        assert_eq!((sextant(1), sextant(62)), ('\u{1fb00}', '\u{1fb3b}'));
        assert_eq!((octant(4), octant(254)), ('\u{1cd00}', '\u{1cde5}'));
    }

    #[test]
    fn sharp_edges_are_drawn_where_they_are() {
        let (red, blue) = ([200, 20, 20], [20, 20, 200]);
        for (style, symbol) in [(BlockStyle::Quadrant, '▌'), (BlockStyle::Sextant, '▌'), (BlockStyle::Octant, '▌')] {
            let Pixels { width, height } = style.pixels();
            let image = RgbImage::from_fn(3 * width, height, |x, _| Rgb(if x % width == 0 { red } else { blue }));
            let grid = blocks(&image, Cells::new(3, 1), style, Colours::True, FULL);
            for cell in grid.content {
                let covered = if cell.symbol == symbol { (cell.fg, cell.bg) } else { (cell.bg, cell.fg) };
                assert!(cell.symbol == symbol || cell.symbol == '▐', "{style:?}: {cell:?}");
                assert_eq!(covered, (Colour::Rgb(red), Colour::Rgb(blue)));
            }
        }
        let image = RgbImage::from_fn(1, 2, |_, y| Rgb(if y == 0 { red } else { blue }));
        let grid = blocks(&image, Cells::new(1, 1), BlockStyle::Half, Colours::True, FULL);
        assert_eq!(grid.content, [Cell { symbol: '▀', fg: Colour::Rgb(red), bg: Colour::Rgb(blue) }]);
    }

    #[test]
    fn an_even_picture_is_blanks_of_its_colour() {
        for style in STYLES {
            for colours in [Colours::True, Colours::Indexed] {
                let Pixels { width, height } = style.pixels();
                let image = RgbImage::from_pixel(4 * width, 3 * height, Rgb([95, 135, 175]));
                let grid = blocks(&image, Cells::new(4, 3), style, colours, FULL);
                assert_eq!(grid.content.len(), 12);
                let wanted = if colours == Colours::True { Colour::Rgb([95, 135, 175]) } else { Colour::Indexed(67) };
                assert!(grid.content.iter().all(|cell| cell.symbol == ' ' && cell.bg == wanted), "{style:?} {colours:?}");
                assert!(grid.bytes() < 80, "said once: {}", grid.bytes());
            }
        }
    }

    #[test]
    fn no_more_colours_are_used_than_allowed() {
        for style in STYLES {
            for (colours, most) in [(Colours::True, 32), (Colours::True, 8), (Colours::Indexed, 8)] {
                let Pixels { width, height } = style.pixels();
                let image = RgbImage::from_fn(20 * width, 10 * height, |x, y| Rgb([low(x * 6), low(y * 6), low(x * y)]));
                let grid = blocks(&image, Cells::new(20, 10), style, colours, most);
                let mut used: Vec<Colour> = grid.content.iter().flat_map(|cell| [cell.fg, cell.bg]).collect();
                used.sort_by_key(|colour| format!("{colour:?}"));
                used.dedup();
                assert!(used.len() <= most && used.len() > 2, "{style:?} {colours:?}: {}", used.len());
            }
        }
    }
}
