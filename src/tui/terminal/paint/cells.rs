//! What a cell shows, brought to one form.
//!
//! Two cells that look the same compare equal here even where their styles differ in something nobody can see, such as
//! the text colour of a blank. A wide character owns several cells; all but the first are never written by themselves.

use std::borrow::Cow;

use compact_str::CompactString;
use ratatui::buffer::{Buffer, Cell, CellDiffOption, CellWidth as _};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

/// The attributes a terminal keeps between two characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CellStyle {
    /// Text colour.
    pub fg: Color,
    /// Colour behind the text.
    pub bg: Color,
    /// Colour of the underline; [`Color::Reset`] where nothing is underlined.
    pub underline: Color,
    /// Bold, dim, italic and so on.
    pub modifier: Modifier,
}

impl CellStyle {
    /// What `CSI m` gives.
    pub const PLAIN: Self = Self { fg: Color::Reset, bg: Color::Reset, underline: Color::Reset, modifier: Modifier::empty() };

    /// Whether a blank written with this style shows nothing at all.
    pub fn is_invisible_on_blank(&self) -> bool {
        self.bg == Color::Reset && !self.modifier.intersects(ON_BLANK)
    }

    /// Whether a blank looks the same in both: the background, and what draws on a blank (underline, reverse, strike).
    pub fn same_on_blank(&self, other: &Self) -> bool {
        let drawn = self.modifier & ON_BLANK;
        self.bg == other.bg
            && drawn == other.modifier & ON_BLANK
            && (drawn.is_empty() || (self.fg == other.fg && self.underline == other.underline))
    }
}

/// What can be seen on a blank cell.
const ON_BLANK: Modifier = Modifier::UNDERLINED.union(Modifier::REVERSED).union(Modifier::CROSSED_OUT);

/// One cell of the screen as the painter thinks of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shown {
    /// A blank; of the style only what can be seen on a blank is kept.
    Blank(CellStyle),
    /// A character with what combines with it.
    Glyph {
        /// The bytes that are sent.
        text: CompactString,
        /// Columns: 1, 2 for most wide characters, 3 and more for clusters of some scripts (Devanagari, Burmese).
        columns: u16,
        /// Terminals disagree about the width, so the column is not known after it.
        risky: bool,
        /// How it is styled.
        style: CellStyle,
    },
    /// A further column of a wide character.
    Behind,
    /// Somebody else draws here (a picture): never written, never compared.
    Foreign,
    /// Not known; always written.
    Unknown,
}

impl Shown {
    /// A blank that `CSI 2 J` leaves.
    pub const EMPTY: Self = Self::Blank(CellStyle::PLAIN);

    /// The style a character of this cell must be written in.
    pub fn style(&self) -> CellStyle {
        match self {
            Self::Blank(style) | Self::Glyph { style, .. } => *style,
            Self::Behind | Self::Foreign | Self::Unknown => CellStyle::PLAIN,
        }
    }

    /// The bytes of the character, without its style.
    pub fn text(&self) -> &str {
        match self {
            Self::Blank(_) => " ",
            Self::Glyph { text, .. } => text,
            Self::Behind | Self::Foreign | Self::Unknown => "",
        }
    }

    /// What is written to show the cell, without its style. Of a cluster terminals count the columns differently, so its cells
    /// are erased first (ECH, ECMA-48 §8.3.38), lest something old stays behind it.
    pub fn bytes(&self) -> Cow<'_, str> {
        match self {
            Self::Glyph { text, columns: columns @ 3.., .. } => Cow::Owned(format!("\x1b[{columns}X{text}")),
            _ => Cow::Borrowed(self.text()),
        }
    }

    /// Whether the cell comes out right when it is written with this pen.
    pub fn fits(&self, pen: &CellStyle) -> bool {
        match self {
            Self::Blank(style) => style.same_on_blank(pen),
            Self::Glyph { style, .. } => style == pen,
            Self::Behind | Self::Foreign | Self::Unknown => false,
        }
    }

    /// How many columns it takes.
    pub fn columns(&self) -> u16 {
        if let Self::Glyph { columns, .. } = self { *columns } else { 1 }
    }

    /// Whether this is one plain column after which the cursor is where it should be.
    pub fn is_simple(&self) -> bool {
        matches!(self, Self::Blank(_) | Self::Glyph { columns: 1, risky: false, .. })
    }
}

/// A screen full of cells, row by row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grid {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
    cells: Vec<Shown>,
}

impl Grid {
    /// A cleared screen.
    pub fn empty(width: u16, height: u16) -> Self {
        Self { width, height, cells: vec![Shown::EMPTY; usize::from(width) * usize::from(height)] }
    }

    /// What a buffer of ratatui asks for, in the form of this module.
    pub fn of(buffer: &Buffer) -> Self {
        let mut grid = Self::empty(0, 0);
        grid.take(buffer);
        grid
    }

    /// The same in place, with the room of an earlier screen.
    pub fn take(&mut self, buffer: &Buffer) {
        (self.width, self.height) = (buffer.area.width, buffer.area.height);
        let cells = &mut self.cells;
        cells.clear();
        cells.reserve(usize::from(self.width) * usize::from(self.height));
        for row in buffer.content.chunks(usize::from(self.width).max(1)) {
            let mut x = 0;
            while x < row.len() {
                let shown = shown(&row[x], row.len() - x);
                let columns = shown.columns();
                cells.push(shown);
                for _ in 1..columns {
                    cells.push(Shown::Behind);
                }
                x += usize::from(columns);
            }
        }
    }

    /// From now on somebody else draws in these cells.
    pub fn cover(&mut self, area: Rect) {
        for y in area.top()..area.bottom().min(self.height) {
            let first = usize::from(y) * usize::from(self.width);
            let (from, to) = (area.left().min(self.width), area.right().min(self.width));
            self.cells[first + usize::from(from)..first + usize::from(to)].fill(Shown::Foreign);
        }
    }

    /// One row.
    pub fn row(&self, y: u16) -> &[Shown] {
        let width = usize::from(self.width);
        &self.cells[usize::from(y) * width..][..width]
    }

    /// The column from which on the row is blank and plain; the width if its last cell is not.
    pub fn tail(&self, y: u16) -> u16 {
        let blanks =
            self.row(y).iter().rev().take_while(|cell| matches!(cell, Shown::Blank(style) if style.is_invisible_on_blank()));
        self.width - u16::try_from(blanks.count()).unwrap_or(self.width)
    }
}

fn shown(cell: &Cell, room: usize) -> Shown {
    if cell.diff_option == CellDiffOption::Skip {
        return Shown::Foreign;
    }
    let text = cell.symbol();
    let modifier = cell.modifier;
    if text == " " && !modifier.intersects(ON_BLANK) {
        return Shown::Blank(CellStyle { bg: short(cell.bg), ..CellStyle::PLAIN });
    }
    let underline = if modifier.contains(Modifier::UNDERLINED) { short(cell.underline_color) } else { Color::Reset };
    let style = CellStyle { fg: short(cell.fg), bg: short(cell.bg), underline, modifier };
    // A control character must not reach the terminal, a character without width has no cell, and a wide one does not fit into the last.
    let columns = match text.as_bytes() {
        [b' '..=b'~'] => 1,
        _ if text.chars().any(char::is_control) => 0,
        _ => text.cell_width(),
    };
    let unfit = columns == 0 || usize::from(columns) > room;
    if text == " " || unfit {
        let seen = modifier & ON_BLANK;
        let (fg, underline) = if seen.is_empty() { (Color::Reset, Color::Reset) } else { (style.fg, style.underline) };
        return Shown::Blank(CellStyle { fg, bg: style.bg, underline, modifier: seen });
    }
    Shown::Glyph { text: text.into(), columns, risky: columns > 1 || is_risky(text), style }
}

/// The first sixteen palette entries have short codes.
fn short(color: Color) -> Color {
    match color {
        Color::Indexed(n) if n < 16 => NAMED[usize::from(n)],
        other => other,
    }
}

const NAMED: [Color; 16] = [
    Color::Black,
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
    Color::Gray,
    Color::DarkGray,
    Color::LightRed,
    Color::LightGreen,
    Color::LightYellow,
    Color::LightBlue,
    Color::LightMagenta,
    Color::LightCyan,
    Color::White,
];

/// Stands for a part of a picture in kitty's graphics protocol; only terminals that give it one column are sent any.
const PLACEHOLDER: char = '\u{10eeee}';

/// Characters that terminals give different widths: clusters, private use, and what has an emoji face (Unicode TR 51).
///
/// Box drawing, block elements and common signs are *ambiguous* only in legacy East Asian locales; every UTF-8 terminal
/// we know gives them one column by default, so they are trusted.
fn is_risky(text: &str) -> bool {
    let mut chars = text.chars();
    let Some(c) = chars.next() else { return false };
    if c == PLACEHOLDER || text.len() == 1 {
        return false;
    }
    chars.next().is_some()
        || matches!(c,
            '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2194}'..='\u{2199}' | '\u{21a9}'..='\u{21aa}'
            | '\u{2328}' | '\u{23cf}' | '\u{23e9}'..='\u{23fa}' | '\u{24c2}' | '\u{25aa}'..='\u{25ab}' | '\u{25b6}' | '\u{25c0}'
            | '\u{25fb}'..='\u{25fe}' | '\u{2600}'..='\u{2604}' | '\u{260e}' | '\u{2611}' | '\u{2614}'..='\u{2615}' | '\u{2618}'
            | '\u{261d}' | '\u{2620}'..='\u{2623}' | '\u{2626}' | '\u{262a}' | '\u{262e}'..='\u{262f}' | '\u{2638}'..='\u{263a}'
            | '\u{2640}' | '\u{2642}' | '\u{2648}'..='\u{2653}' | '\u{265f}'..='\u{2660}' | '\u{2663}' | '\u{2665}'..='\u{2666}'
            | '\u{2668}' | '\u{267b}' | '\u{267e}'..='\u{267f}' | '\u{2692}'..='\u{26ff}' | '\u{2702}'..='\u{270d}' | '\u{270f}'
            | '\u{2712}' | '\u{2714}' | '\u{2716}' | '\u{271d}' | '\u{2721}' | '\u{2728}' | '\u{2733}'..='\u{2734}' | '\u{2744}'
            | '\u{2747}' | '\u{274c}' | '\u{274e}' | '\u{2753}'..='\u{2757}' | '\u{2763}'..='\u{2764}' | '\u{2795}'..='\u{2797}'
            | '\u{27a1}' | '\u{27b0}' | '\u{27bf}' | '\u{2934}'..='\u{2935}' | '\u{2b05}'..='\u{2b07}' | '\u{2b1b}'..='\u{2b1c}'
            | '\u{2b50}' | '\u{2b55}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{e000}'..='\u{f8ff}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    fn grid(text: &str, style: Style) -> Grid {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 1));
        buffer.set_string(0, 0, text, style);
        Grid::of(&buffer)
    }

    #[test]
    fn a_blank_keeps_only_what_can_be_seen_on_it() {
        let plain = grid("    ", Style::new());
        assert_eq!(grid("    ", Style::new().fg(Color::Red).bold()), plain);
        assert_ne!(grid("    ", Style::new().bg(Color::Red)), plain);
        assert_ne!(grid("    ", Style::new().reversed()), plain);
        assert_ne!(grid("x   ", Style::new().fg(Color::Red)), grid("x   ", Style::new()));
    }

    #[test]
    fn a_wide_character_owns_two_cells_and_never_half_of_one() {
        let row = grid("a夏b", Style::new());
        assert_eq!(row.row(0)[2], Shown::Behind);
        assert_eq!(row.row(0)[3].text(), "b");
        let mut buffer = Buffer::empty(Rect::new(0, 0, 2, 1));
        buffer[(1, 0)].set_symbol("夏");
        assert_eq!(Grid::of(&buffer).row(0)[1], Shown::EMPTY);
    }

    #[test]
    fn control_characters_become_blanks() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 2, 1));
        buffer[(0, 0)].set_symbol("\u{1b}[2J");
        assert_eq!(Grid::of(&buffer).row(0)[0], Shown::EMPTY);
    }

    #[test]
    fn the_first_sixteen_colours_have_one_name() {
        assert_eq!(grid("x", Style::new().fg(Color::Indexed(9))), grid("x", Style::new().fg(Color::LightRed)));
    }

    #[test]
    fn bars_and_boxes_are_trusted_and_emoji_are_not() {
        // A placeholder with its row and column (kitty's graphics protocol).
        assert!(!is_risky("\u{10eeee}\u{305}\u{30d}"));
        for sign in ["█", "▌", "─", "│", "…", "●", "✓", "✗", "é"] {
            assert!(!is_risky(sign), "{sign}");
        }
        for sign in ["▶", "⚠", "✔", "e\u{301}", "🚀"] {
            assert!(is_risky(sign), "{sign}");
        }
    }
}
