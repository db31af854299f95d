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
    if is_plain(text) {
        return u16::try_from(text.chars().count()).unwrap_or(u16::MAX);
    }
    text.graphemes(true).fold(0, |sum, grapheme| sum.saturating_add(grapheme.cell_width()))
}

/// Whether each character is a cell of its own, so that nobody has to look for clusters: printable ASCII, and the lines, bars
/// and signs of which this screen is made.
#[must_use]
pub fn is_plain(text: &str) -> bool {
    text.chars().all(|c| matches!(c, ' '..='~' | '\u{2500}'..='\u{259f}' | '·' | '…' | '●' | '○'))
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

    #[test]
    fn what_is_plain_has_a_cell_for_each_character() {
        let all: String = (0..0x3000).filter_map(char::from_u32).filter(|c| is_plain(&c.to_string())).collect();
        assert_eq!(all.chars().count(), 95 + 160 + 4);
        // Every two of them side by side.
        for first in all.chars() {
            for second in all.chars() {
                let pair = format!("{first}{second}");
                assert_eq!(
                    pair.graphemes(true).map(ratatui::buffer::CellWidth::cell_width).collect::<Vec<u16>>(),
                    [1, 1],
                    "{pair}"
                );
            }
        }
        assert!(!is_plain("e\u{301}") && !is_plain("夏") && !is_plain("\u{1b}"));
    }
}
