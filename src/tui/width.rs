//! How wide a text stands on the screen.

use ratatui::buffer::CellWidth as _;
use unicode_segmentation::UnicodeSegmentation as _;

/// How many columns a text takes, capped where no screen is that wide.
///
/// It is the sum of its parts, as the buffer is filled and as terminals draw: the whole may count as less where a font would join
/// letters, as in Arabic.
#[must_use]
pub fn columns(text: &str) -> u16 {
    if text.is_ascii() {
        return u16::try_from(text.len()).unwrap_or(u16::MAX);
    }
    text.graphemes(true).fold(0, |sum, grapheme| sum.saturating_add(grapheme.cell_width()))
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    #[test]
    fn a_text_takes_the_columns_that_it_fills() {
        for (text, wide) in [("", 0), ("abc", 3), ("夏夏", 4), ("ｶﾞ", 2), ("$ﾟ", 2), ("لا", 2), ("e\u{301}", 1), ("👩‍🚀", 2)]
        {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 1));
            let (end, _) = buffer.set_stringn(0, 0, text, usize::MAX, Style::new());
            assert_eq!((end, columns(text)), (wide, wide), "{text}");
        }
    }
}
