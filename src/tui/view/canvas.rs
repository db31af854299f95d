//! The canvas: styles of the theme, the charset, and text cut by display width.

use std::borrow::Cow;

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols;
use ratatui::widgets::{Block, Clear, Padding, Scrollbar, ScrollbarOrientation, ScrollbarState, StatefulWidget, Widget};
use unicode_segmentation::UnicodeSegmentation;

use super::super::app::App;
use super::super::options::{Charset, Theme};
use crate::engine::Level;
use crate::job::State;
use crate::tui::terminal::pictures::Spot;
use crate::tui::width::{columns, is_plain};

/// The few styles there are; the background is never painted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Styles {
    pub plain: Style,
    pub dim: Style,
    pub strong: Style,
    pub accent: Style,
    pub good: Style,
    pub warn: Style,
    pub bad: Style,
    pub chosen: Style,
    /// What makes a coloured word stand out; nothing where bold colours come out too bright to be read.
    pub bold: Modifier,
    /// What makes a coloured word step back; nothing where it would come out too pale to be read.
    pub pale: Modifier,
}

impl Styles {
    fn of(app: &App) -> Self {
        match app.options.theme {
            Theme::Light if app.options.color => Self::light(app.options.rich_color),
            Theme::Auto if app.options.color && app.screens.light_background() => Self::light(app.options.rich_color),
            _ => Self::usual(app),
        }
    }

    /// Every word has a contrast of at least 4.5:1 to white (WCAG 2.2, 1.4.3). None of the sixteen colours is green enough for
    /// that, nor grey; and many terminals draw what is dim too pale and bold colours bright. So those are plain there, and of
    /// the 256 the dark ones are taken, which themes of terminals leave alone.
    fn light(rich: bool) -> Self {
        let plain = Style::new();
        let color = |indexed: u8, named: Option<Color>| match (rich, named) {
            (true, _) => plain.fg(Color::Indexed(indexed)),
            (false, Some(named)) => plain.fg(named),
            (false, None) => plain,
        };
        Self {
            plain,
            dim: color(240, None),
            strong: plain.add_modifier(Modifier::BOLD),
            accent: color(25, Some(Color::Blue)),
            good: color(28, None),
            warn: color(94, Some(Color::Magenta)),
            bad: color(124, Some(Color::Red)),
            chosen: plain.add_modifier(Modifier::REVERSED),
            bold: if rich { Modifier::BOLD } else { Modifier::empty() },
            pale: Modifier::empty(),
        }
    }

    fn usual(app: &App) -> Self {
        let plain = Style::new();
        let dim = Style::new().add_modifier(Modifier::DIM);
        let strong = Style::new().add_modifier(Modifier::BOLD);
        let chosen = Style::new().add_modifier(Modifier::REVERSED);
        let theme = if app.options.color { app.options.theme } else { Theme::Mono };
        let color = |color: Color| Style::new().fg(color);
        let (accent, good, warn, bad) = match theme {
            Theme::Mono => (strong, plain, strong, strong),
            Theme::Auto | Theme::Light => (color(Color::Cyan), color(Color::Green), color(Color::Yellow), color(Color::Red)),
            Theme::Dark => (color(Color::LightCyan), color(Color::LightGreen), color(Color::LightYellow), color(Color::LightRed)),
        };
        Self { plain, dim, strong, accent, good, warn, bad, chosen, bold: Modifier::BOLD, pale: Modifier::DIM }
    }
}

/// A piece of text with its style.
pub(super) type Piece = (String, Style);
/// A line of pieces.
pub(super) type Pieces = Vec<Piece>;

pub(super) struct Canvas<'a> {
    pub app: &'a App,
    pub buffer: &'a mut Buffer,
    pub now: Timestamp,
    pub styles: Styles,
    pub cursor: Option<(u16, u16)>,
    pub ascii: bool,
    /// The pictures that are no cells.
    pub spots: Vec<Spot>,
}

impl<'a> Canvas<'a> {
    pub(super) fn new(app: &'a App, buffer: &'a mut Buffer, now: Timestamp) -> Self {
        let ascii = app.options.charset == Charset::Ascii;
        Self { styles: Styles::of(app), app, buffer, now, cursor: None, ascii, spots: Vec::new() }
    }

    /// Where the cursor is to be, and the pictures.
    pub(super) fn into_parts(self) -> (Option<(u16, u16)>, Vec<Spot>) {
        (self.cursor, self.spots)
    }

    /// Writes text in at most `width` columns, and says how many it took. What does not fit ends in an ellipsis.
    pub(super) fn text(&mut self, x: u16, y: u16, width: u16, text: &str, style: Style) -> u16 {
        let room = self.buffer.area.right().saturating_sub(x).min(width);
        if room == 0 || y >= self.buffer.area.bottom() {
            return 0;
        }
        let in_charset = self.in_charset(text);
        let fitted = fit(&in_charset, room, self.ascii);
        if !is_plain(&fitted) {
            let (end, _) = self.buffer.set_stringn(x, y, &fitted, usize::from(room), style);
            return end - x;
        }
        // As most is: each character is a cell.
        let start = self.buffer.index_of(x, y);
        let wide = columns(&fitted);
        let cells = &mut self.buffer.content[start..start + usize::from(wide)];
        for (cell, character) in cells.iter_mut().zip(fitted.chars()) {
            cell.set_char(character).set_style(style);
        }
        wide
    }

    /// Writes text so that it ends at the right edge of `width` columns.
    pub(super) fn right(&mut self, x: u16, y: u16, width: u16, text: &str, style: Style) {
        let in_charset = self.in_charset(text).into_owned();
        let cells = columns(&in_charset).min(width);
        self.text(x + (width - cells), y, cells, &in_charset, style);
    }

    /// Writes pieces one after the other.
    pub(super) fn pieces(&mut self, x: u16, y: u16, width: u16, pieces: &[Piece]) -> u16 {
        let mut used = 0;
        for (text, style) in pieces {
            if used >= width {
                break;
            }
            used += self.text(x + used, y, width - used, text, *style);
        }
        used
    }

    /// Empties an area.
    pub(super) fn blank(&mut self, area: Rect) {
        Clear.render(area.intersection(self.buffer.area), self.buffer);
    }

    pub(super) fn restyle(&mut self, area: Rect, style: Style) {
        self.buffer.set_style(area.intersection(self.buffer.area), style);
    }

    pub(super) fn rule(&mut self, x: u16, y: u16, width: u16) {
        let line = if self.ascii { "-" } else { "─" }.repeat(usize::from(width));
        self.text(x, y, width, &line, self.styles.dim);
    }

    /// What the charset has no sign for becomes plain ASCII.
    pub(super) fn in_charset<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !self.ascii || text.is_ascii() {
            return Cow::Borrowed(text);
        }
        let out = text.graphemes(true).map(|grapheme| match grapheme {
            "·" | "─" | "–" | "—" | "−" => "-",
            "…" => ".",
            "→" | "›" => ">",
            "×" => "x",
            "≤" => "<",
            "↑" | "▲" => "^",
            "↓" | "▼" => "v",
            "●" => "*",
            "◆" => "#",
            ascii if ascii.is_ascii() => ascii,
            other if columns(other) > 1 => "??",
            _ => "?",
        });
        Cow::Owned(out.collect())
    }

    /// The sign of a state.
    pub(super) fn sign(&self, state: State) -> &'static str {
        let (unicode, ascii) = match state {
            State::Held => ("‖", "="),
            State::Waiting => ("○", "."),
            State::Sending => ("↑", ">"),
            State::Unsure => ("?", "?"),
            State::Running => ("●", "*"),
            State::ToFetch => ("↓", "v"),
            State::Fetching => ("⇣", "v"),
            State::Saved => ("✓", "+"),
            State::Failed => ("✗", "!"),
            State::Cancelled => ("–", "-"),
            State::Unwatched => ("◌", "~"),
        };
        if self.ascii { ascii } else { unicode }
    }

    pub(super) fn state_style(&self, state: State) -> Style {
        match state {
            State::Held | State::Unsure => self.styles.warn,
            State::Sending | State::Running | State::ToFetch | State::Fetching => self.styles.accent,
            State::Saved => self.styles.good,
            State::Failed => self.styles.bad,
            State::Waiting => self.styles.plain,
            State::Cancelled | State::Unwatched => self.styles.dim,
        }
    }

    pub(super) fn level_style(&self, level: Level) -> Style {
        match level {
            Level::Info => self.styles.plain,
            Level::Warning => self.styles.warn,
            Level::Alarm => self.styles.bad.add_modifier(self.styles.bold),
        }
    }

    /// A thin bar as wide as asked: what is done, and the track of the rest. Rows stay apart, and a step costs one cell.
    pub(super) fn bar(&self, percent: u8, width: u16) -> (String, String) {
        let halves = usize::from(percent.min(100)) * usize::from(width) * 2 / 100;
        let width = usize::from(width);
        let (full, half) = (halves / 2, halves % 2 == 1);
        if self.ascii {
            return ("=".repeat(full), "-".repeat(width - full));
        }
        let mut done = "━".repeat(full);
        if half {
            done.push('╸');
        }
        (done, "─".repeat(width - full - usize::from(half)))
    }

    /// Empties an area and draws a frame with a title round it; what is inside comes back.
    pub(super) fn frame(&mut self, area: Rect, title: &str) -> Rect {
        let set = if self.ascii { ASCII_BORDER } else { symbols::border::ROUNDED };
        self.framed(area, title, set, self.styles.dim)
    }

    /// The frame of a box that asks for money.
    pub(super) fn heavy_frame(&mut self, area: Rect, title: &str) -> Rect {
        let set = if self.ascii { ASCII_HEAVY } else { symbols::border::THICK };
        self.framed(area, title, set, self.styles.warn)
    }

    fn framed(&mut self, area: Rect, title: &str, set: symbols::border::Set<'static>, style: Style) -> Rect {
        let area = area.intersection(self.buffer.area);
        Clear.render(area, self.buffer);
        // The left neighbour may be the first half of a wide character that is half covered now.
        if area.left() > 0 {
            for y in area.top()..area.bottom() {
                let cell = &mut self.buffer[(area.left() - 1, y)];
                if columns(cell.symbol()) > 1 {
                    cell.set_symbol(" ");
                }
            }
        }
        if area.width < 4 || area.height < 3 {
            return Rect::ZERO;
        }
        let block = Block::bordered().border_set(set).border_style(style).padding(Padding::horizontal(1));
        let inner = block.inner(area);
        block.render(area, self.buffer);
        if !title.is_empty() {
            self.text(
                area.x + 2,
                area.y,
                area.width.saturating_sub(4),
                &format!(" {title} "),
                Style::reset().add_modifier(Modifier::BOLD),
            );
        }
        inner
    }

    /// Where one is in something longer than its room: on the right edge of `area`.
    pub(super) fn scrollbar(&mut self, area: Rect, length: usize, position: usize) {
        let rows = usize::from(area.height);
        if length <= rows || rows < 3 {
            return;
        }
        let (track, thumb) = if self.ascii { ("|", "#") } else { ("│", "┃") };
        let bar = Scrollbar::new(ScrollbarOrientation::VerticalRight)
            .begin_symbol(None)
            .end_symbol(None)
            .track_symbol(Some(track))
            .thumb_symbol(thumb)
            .style(self.styles.dim);
        let mut state = ScrollbarState::new(length - rows + 1).viewport_content_length(rows).position(position);
        bar.render(area, self.buffer, &mut state);
    }
}

const ASCII_BORDER: symbols::border::Set<'static> = symbols::border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

const ASCII_HEAVY: symbols::border::Set<'static> = symbols::border::Set {
    top_left: "#",
    top_right: "#",
    bottom_left: "#",
    bottom_right: "#",
    vertical_left: "#",
    vertical_right: "#",
    horizontal_top: "=",
    horizontal_bottom: "=",
};

/// The text in at most `width` columns; where something is cut off an ellipsis says so.
pub(super) fn fit(text: &str, width: u16, ascii: bool) -> Cow<'_, str> {
    if columns(text) <= width {
        return Cow::Borrowed(text);
    }
    let room = width.saturating_sub(1);
    let mut out = String::new();
    for grapheme in text.graphemes(true) {
        let before = out.len();
        out.push_str(grapheme);
        if columns(&out) > room {
            out.truncate(before);
            break;
        }
    }
    if width > 0 {
        out.push(if ascii { '>' } else { '…' });
    }
    Cow::Owned(out)
}

/// Breaks a text into lines of at most `width` columns, at spaces where it can.
pub(super) fn wrap(text: &str, width: u16) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_inclusive(' ') {
        let before = line.len();
        line.push_str(word);
        if columns(line.trim_end()) <= width {
            continue;
        }
        line.truncate(before);
        if !line.trim().is_empty() {
            lines.push(std::mem::take(&mut line).trim_end().to_owned());
        }
        line.clear();
        if word.trim().is_empty() {
            continue;
        }
        for grapheme in word.graphemes(true) {
            let before = line.len();
            line.push_str(grapheme);
            if columns(&line) > width && before > 0 {
                line.truncate(before);
                lines.push(std::mem::replace(&mut line, grapheme.to_owned()));
            }
        }
    }
    if !line.trim().is_empty() || lines.is_empty() {
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// Breaks a row of items into lines: between two of them where it can, so that none begins at the end of a line.
pub(super) fn wrap_items(items: &[String], width: u16) -> Vec<String> {
    const BETWEEN: &str = " · ";
    let mut lines: Vec<String> = Vec::new();
    for item in items {
        match lines.last_mut() {
            Some(line) if columns(line) + columns(BETWEEN) + columns(item) <= width => {
                line.push_str(BETWEEN);
                line.push_str(item);
            }
            _ => lines.extend(wrap(item, width)),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_row_of_items_breaks_between_them_and_leaves_no_dot_behind() {
        let items = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        let row = items(&["0 running", "1 saved a.png", "3 cancelled"]);
        assert_eq!(wrap_items(&row, 40), ["0 running · 1 saved a.png · 3 cancelled"]);
        assert_eq!(wrap_items(&row, 30), ["0 running · 1 saved a.png", "3 cancelled"]);
        assert_eq!(wrap_items(&items(&["one two three", "b"]), 8), ["one two", "three", "b"]);
        assert_eq!(wrap_items(&[], 8), Vec::<String>::new());
    }

    /// The contrast to white, by WCAG 2.2.
    fn contrast(colour: [u8; 3]) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = colour.map(linear);
        1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)
    }

    /// The palest that usual terminals draw it: xterm, VGA, VTE, Windows.
    fn drawn(style: Style) -> Vec<[u8; 3]> {
        match style.fg {
            None | Some(Color::Reset) => vec![[0, 0, 0]],
            Some(Color::Red) => vec![[0xcd, 0, 0], [0xaa, 0, 0], [0xcc, 0, 0], [0xc5, 0x0f, 0x1f]],
            // Bold colours are bright ones in many terminals; keys are bold.
            Some(Color::Blue) => vec![[0, 0, 0xee], [0, 0, 0xaa], [0x34, 0x65, 0xa4], [0, 0x37, 0xda], [0x5c, 0x5c, 0xff]],
            Some(Color::Magenta) => vec![[0xcd, 0, 0xcd], [0xaa, 0, 0xaa], [0x75, 0x50, 0x7b], [0x88, 0x17, 0x98]],
            Some(Color::Indexed(grey @ 232..)) => vec![[8 + 10 * (grey - 232); 3]],
            Some(Color::Indexed(cube @ 16..)) => {
                let part = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
                vec![[part((cube - 16) / 36), part((cube - 16) / 6 % 6), part((cube - 16) % 6)]]
            }
            other => panic!("{other:?} is not known to be dark enough"),
        }
    }

    #[test]
    fn every_word_of_the_light_theme_can_be_read_on_white() {
        for rich in [true, false] {
            let Styles { plain, dim, strong, accent, good, warn, bad, chosen, bold, pale } = Styles::light(rich);
            for style in [plain, dim, strong, accent, good, warn, bad, chosen] {
                for colour in drawn(style) {
                    assert!(contrast(colour) >= 4.5, "{style:?} as {colour:?} has only {:.2}", contrast(colour));
                }
            }
            assert_eq!((bold.is_empty(), pale), (!rich, Modifier::empty()), "bold red is bright red, and dim is pale");
        }
        // The measure itself: what was found on a white background.
        assert!((contrast([0xcd, 0xcd, 0]) - 1.70).abs() < 0.1 && (contrast([0, 0xcd, 0]) - 2.16).abs() < 0.1);
    }

    #[test]
    fn text_is_cut_by_columns() {
        assert_eq!(fit("abcdef", 4, false), "abc…");
        assert_eq!(fit("夏夏夏", 4, false), "夏…");
        assert_eq!(fit("夏夏", 4, false), "夏夏");
        assert_eq!(fit("abc", 0, false), "");
    }

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("", 4), [""]);
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_asked(text in "\\PC{0,40}", width in 4_u16..30) {
            prop_assert!(columns(&fit(&text, width, false)) <= width);
            for line in wrap(&text, width) {
                prop_assert!(columns(&line) <= width, "{line:?}");
            }
        }
    }
}
