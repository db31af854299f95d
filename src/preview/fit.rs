//! How many cells and pixels a picture takes in a box.

use std::fmt;

/// A size in cells.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Cells {
    /// Width.
    pub columns: u16,
    /// Height.
    pub rows: u16,
}

impl Cells {
    /// So many columns and rows.
    pub const fn new(columns: u16, rows: u16) -> Self {
        Self { columns, rows }
    }

    /// How many cells that is.
    pub fn count(self) -> usize {
        usize::from(self.columns) * usize::from(self.rows)
    }

    /// Whether this fits into a box.
    pub fn is_within(self, room: Self) -> bool {
        self.columns <= room.columns && self.rows <= room.rows
    }
}

/// A size in pixels.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Pixels {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

impl Pixels {
    /// A cell of a terminal that does not say its own.
    pub const USUAL_CELL: Self = Self::new(10, 20);

    /// So many pixels wide and high.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// How many pixels that is.
    pub fn count(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The longer side.
    pub fn longer(self) -> u32 {
        self.width.max(self.height)
    }

    /// Both sides times `part / whole`, rounded, at least 1.
    #[must_use]
    pub fn scaled(self, part: u32, whole: u32) -> Self {
        Self { width: scale(self.width, part, whole), height: scale(self.height, part, whole) }
    }
}

impl fmt::Display for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}", self.width, self.height)
    }
}

/// Where a picture stands in its box.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fitted {
    /// The cells it covers, whole ones, never more than the box.
    pub cells: Cells,
    /// The pixels of these cells.
    pub pixels: Pixels,
}

/// The largest size of the picture that fits into a box of cells, its aspect ratio kept.
///
/// A picture covers whole cells: one side fills the box, the other is rounded to the nearest cell, so it is stretched by at
/// most half a cell. Small pictures are enlarged: two of the same shape take the same room, whatever their pixels are. A box
/// or a cell without extent counts as one cell, one pixel.
pub fn fit(room: Cells, cell: Pixels, source: Pixels) -> Fitted {
    let (columns, rows) = (u64::from(room.columns.max(1)), u64::from(room.rows.max(1)));
    let (cell_width, cell_height) = (u64::from(cell.width.clamp(1, CELL_MOST)), u64::from(cell.height.clamp(1, CELL_MOST)));
    let (width, height) = (u64::from(source.width.max(1)), u64::from(source.height.max(1)));
    let (room_width, room_height) = (columns * cell_width, rows * cell_height);
    let (columns, rows) = if width * room_height >= height * room_width {
        (columns, nearest(room_width * height, width * cell_height).clamp(1, rows))
    } else {
        (nearest(room_height * width, height * cell_width).clamp(1, columns), rows)
    };
    Fitted {
        cells: Cells::new(u16::try_from(columns).unwrap_or(u16::MAX), u16::try_from(rows).unwrap_or(u16::MAX)),
        pixels: Pixels::new(
            u32::try_from(columns * cell_width).unwrap_or(u32::MAX),
            u32::try_from(rows * cell_height).unwrap_or(u32::MAX),
        ),
    }
}

/// No cell is larger; what a terminal claims beyond that is not believed.
const CELL_MOST: u32 = 1_000;

fn nearest(part: u64, whole: u64) -> u64 {
    (part + whole / 2) / whole
}

fn scale(side: u32, part: u32, whole: u32) -> u32 {
    let scaled = nearest(u64::from(side) * u64::from(part), u64::from(whole.max(1)));
    u32::try_from(scaled).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_side_fills_the_box_and_the_other_keeps_the_shape() {
        for (room, source, cells, pixels) in [
            ((40, 20), (1024, 1024), (40, 20), (400, 400)),
            ((34, 17), (512, 512), (34, 17), (340, 340)),
            ((40, 20), (1600, 900), (40, 11), (400, 220)),
            ((40, 20), (900, 1600), (23, 20), (230, 400)),
            ((118, 36), (1024, 1024), (72, 36), (720, 720)),
            ((40, 20), (16_384, 1), (40, 1), (400, 20)),
            ((40, 20), (1, 16_384), (1, 20), (10, 400)),
            ((40, 20), (1, 1), (40, 20), (400, 400)),
            ((0, 0), (0, 0), (1, 1), (10, 20)),
        ] {
            let fitted = fit(Cells::new(room.0, room.1), Pixels::USUAL_CELL, Pixels::new(source.0, source.1));
            assert_eq!((fitted.cells.columns, fitted.cells.rows), cells, "{source:?} in {room:?}");
            assert_eq!((fitted.pixels.width, fitted.pixels.height), pixels, "{source:?} in {room:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_leaves_its_box_and_the_shape_is_kept_within_half_a_cell(
            columns in 1u16..=200, rows in 1u16..=60, cell_width in 1u32..40, cell_height in 1u32..80,
            width in 1u32..=16_384, height in 1u32..=16_384,
        ) {
            let (room, cell) = (Cells::new(columns, rows), Pixels::new(cell_width, cell_height));
            let fitted = fit(room, cell, Pixels::new(width, height));
            prop_assert!(fitted.cells.is_within(room) && fitted.cells.count() > 0);
            prop_assert!(fitted.cells.columns == columns || fitted.cells.rows == rows, "it is as large as it can be");
            prop_assert_eq!(fitted.pixels.width, u32::from(fitted.cells.columns) * cell_width);
            prop_assert_eq!(fitted.pixels.height, u32::from(fitted.cells.rows) * cell_height);
            let wanted_height = f64::from(fitted.pixels.width) * f64::from(height) / f64::from(width);
            let wanted_width = f64::from(fitted.pixels.height) * f64::from(width) / f64::from(height);
            let (high, wide) = (f64::from(fitted.pixels.height), f64::from(fitted.pixels.width));
            prop_assert!(
                (high - wanted_height).abs() <= f64::from(cell_height).max(0.51 * f64::from(cell_height))
                    || (wide - wanted_width).abs() <= f64::from(cell_width)
            );
        }
    }
}
