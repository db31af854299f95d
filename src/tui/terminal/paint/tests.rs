use proptest::prelude::*;
use ratatui::buffer::{Buffer, CellWidth as _};
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style as TextStyle};

use super::cells::{CellStyle, Grid, Shown};
use super::*;

/// What a vt100 terminal shows, in our form.
fn seen(screen: &vt100::Screen) -> Vec<Vec<(String, CellStyle)>> {
    let (rows, columns) = (screen.size().0.get(), screen.size().1.get());
    (0..rows)
        .map(|y| {
            (0..columns)
                .map(|x| {
                    let cell = screen.cell(y, x).unwrap();
                    let color = |color| match color {
                        vt100::Color::Default => Color::Reset,
                        vt100::Color::Idx(n) => Color::Indexed(n),
                        vt100::Color::Rgb(r, g, b) => Color::Rgb(r, g, b),
                    };
                    let mut modifier = Modifier::empty();
                    modifier.set(Modifier::BOLD, cell.bold());
                    modifier.set(Modifier::DIM, cell.dim());
                    modifier.set(Modifier::ITALIC, cell.italic());
                    modifier.set(Modifier::UNDERLINED, cell.underline());
                    modifier.set(Modifier::REVERSED, cell.inverse());
                    let style =
                        CellStyle { fg: color(cell.fgcolor()), bg: color(cell.bgcolor()), underline: Color::Reset, modifier };
                    (if cell.is_wide_continuation() { "behind".into() } else { cell.contents().to_owned() }, style)
                })
                .collect()
        })
        .collect()
}

/// The same through ratatui's eyes: the screen is copied into a buffer and normalised like any other.
fn grid_seen(screen: &vt100::Screen) -> Grid {
    let (rows, columns) = (screen.size().0.get(), screen.size().1.get());
    let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
    for (y, row) in (0..).zip(seen(screen)) {
        for (x, (text, style)) in (0..).zip(row) {
            let cell = &mut buffer[(x, y)];
            if text == "behind" {
                continue;
            }
            cell.set_symbol(if text.is_empty() { " " } else { &text });
            cell.set_style(TextStyle::new().fg(style.fg).bg(style.bg).add_modifier(style.modifier));
        }
    }
    Grid::of(&buffer)
}

fn without_underline_colour(grid: &Grid) -> Vec<Vec<Shown>> {
    (0..grid.height)
        .map(|y| {
            let row = grid.row(y).iter().cloned();
            row.map(|cell| match cell {
                Shown::Blank(style) => Shown::Blank(CellStyle { underline: Color::Reset, ..style }),
                Shown::Glyph { text, columns, risky, style } => {
                    Shown::Glyph { text, columns, risky, style: CellStyle { underline: Color::Reset, ..style } }
                }
                other => other,
            })
            .collect()
        })
        .collect()
}

#[derive(Clone, Debug)]
struct Piece {
    x: u16,
    y: u16,
    text: String,
    style: TextStyle,
}

/// No bold: the emulator takes bold and dim for one setting with two values; the pen's own table test has both.
fn style() -> impl Strategy<Value = TextStyle> {
    let color = || {
        prop_oneof![
            4 => Just(Color::Reset),
            2 => Just(Color::Red),
            1 => Just(Color::LightCyan),
            1 => Just(Color::Indexed(200)),
            1 => Just(Color::Rgb(1, 20, 200)),
        ]
    };
    let modifier = prop_oneof![
        4 => Just(Modifier::empty()),
        1 => Just(Modifier::ITALIC),
        1 => Just(Modifier::DIM | Modifier::ITALIC),
        1 => Just(Modifier::UNDERLINED),
        1 => Just(Modifier::REVERSED),
    ];
    (color(), color(), color(), modifier)
        .prop_map(|(fg, bg, line, modifier)| TextStyle::new().fg(fg).bg(bg).underline_color(line).add_modifier(modifier))
}

fn piece() -> impl Strategy<Value = Piece> {
    let text = prop_oneof![
        3 => "[a-c ]{1,6}",
        2 => " {1,40}",
        2 => "[█▌░─│…]{1,12}",
        1 => "[夏ab日]{1,5}",
        1 => "(e\u{301}|x|o\u{308}){1,4}",
        1 => "[🚀✅▶⚠x]{1,4}",
    ];
    (0..130_u16, 0..50_u16, text, style()).prop_map(|(x, y, text, style)| Piece { x, y, text, style })
}

/// Whether everything goes first, what is then drawn, and where the cursor is.
type Change = (bool, Vec<Piece>, Option<(u16, u16)>);

fn apply(buffer: &mut Buffer, pieces: &[Piece]) {
    let area = buffer.area;
    for piece in pieces {
        buffer.set_string(piece.x % area.width, piece.y % area.height, &piece.text, piece.style);
    }
}

fn check(size: (u16, u16), style: Style, frames: &[Change]) {
    let mut terminal = vt100::Parser::new(size.1.try_into().unwrap(), size.0.try_into().unwrap(), 0);
    terminal.process(b"\x1b[?25l");
    let mut painter = Painter::new(style);
    let mut buffer = Buffer::empty(Rect::new(0, 0, size.0, size.1));
    for (clear, pieces, cursor) in frames {
        if *clear {
            buffer.reset();
        }
        apply(&mut buffer, pieces);
        let cursor = cursor.map(|(x, y)| Position::new(x % size.0, y % size.1));
        let mut out = Vec::new();
        let bound = painter.bound(&buffer);
        painter.paint(&buffer, cursor, &mut out);
        assert!(style.repeat || out.len() >= bound, "{} bytes, but the bound is {bound}", out.len());
        terminal.process(&out);
        let wanted = Grid::of(&buffer);
        assert_eq!(
            without_underline_colour(&grid_seen(terminal.screen())),
            without_underline_colour(&wanted),
            "after {:?}",
            String::from_utf8_lossy(&out)
        );
        assert_eq!(terminal.screen().hide_cursor(), cursor.is_none());
        if let Some(at) = cursor {
            assert_eq!(terminal.screen().cursor_position(), (at.y, at.x));
        }
        let mut again = Vec::new();
        painter.paint(&buffer, cursor, &mut again);
        assert!(again.is_empty(), "an equal frame has no bytes: {again:?}");
    }
}

fn frames() -> impl Strategy<Value = Vec<Change>> {
    let cursor = proptest::option::weighted(0.3, (0..130_u16, 0..50_u16));
    proptest::collection::vec((proptest::bool::weighted(0.1), proptest::collection::vec(piece(), 0..12), cursor), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn any_frames_come_out_right_on_a_terminal(
        size in prop_oneof![Just((1_u16, 1_u16)), Just((2, 3)), Just((20, 6)), Just((80, 24)), Just((120, 40))],
        order in prop_oneof![Just(Order::Cheapest), Just(Order::Rows), Just(Order::Styles)],
        repeat in any::<bool>(),
        frames in frames(),
    ) {
        check(size, Style { encoder: Encoder::Thrifty, order, repeat, colourless: false }, &frames);
    }
}

#[test]
fn control_sequences_in_a_cell_never_reach_the_terminal() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 1));
    buffer[(0, 0)].set_symbol("\u{1b}]0;x\u{7}");
    buffer[(1, 0)].set_symbol("b");
    let mut out = Vec::new();
    Painter::new(Style::default()).paint(&buffer, None, &mut out);
    assert!(!String::from_utf8(out).unwrap().contains("]0;"));
}

#[test]
fn without_colours_no_colour_code_is_written() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 1));
    let style = TextStyle::new().fg(Color::Red).bg(Color::Blue).add_modifier(Modifier::REVERSED | Modifier::BOLD);
    buffer.set_string(0, 0, "x", style);
    for encoder in [Encoder::Thrifty, Encoder::Stock] {
        let mut out = Vec::new();
        Painter::new(Style { encoder, colourless: true, ..Style::default() }).paint(&buffer, None, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains("31") && !text.contains("44") && !text.contains("[38;") && !text.contains("[48;5"), "{text:?}");
        assert!(text.contains("7m"), "{text:?}");
    }
}

#[test]
fn a_blank_end_of_a_row_is_erased_in_one_step() {
    let mut painter = Painter::new(Style::default());
    let mut out = Vec::new();
    painter.paint(&Buffer::with_lines(["a long line of text     "]), None, &mut out);
    out.clear();
    painter.paint(&Buffer::with_lines(["a long                  "]), None, &mut out);
    assert!(out.ends_with(b"\x1b[K"), "{out:?}");
    assert!(out.len() <= 8, "{out:?}");
}

#[test]
fn a_redraw_on_demand_writes_everything_again() {
    let mut painter = Painter::new(Style::default());
    let buffer = Buffer::with_lines(["text"]);
    let mut out = Vec::new();
    painter.paint(&buffer, None, &mut out);
    let first = out.clone();
    out.clear();
    painter.forget();
    painter.paint(&buffer, None, &mut out);
    assert_eq!(out, first);
}

/// A table as the dashboard shows it: what changes in a row is its percent, its bar and its elapsed time.
fn ticking(second: u16) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 120, 40));
    let dim = TextStyle::new().fg(Color::DarkGray);
    buffer.set_string(0, 0, "mj-enhance  20 running  3 waiting   in flight 20/20   balance 812.4", TextStyle::new().bold());
    for row in 0..20_u16 {
        let y = row + 3;
        let percent = (row * 3 + second) % 101;
        let elapsed = u32::from(row) * 37 + u32::from(second);
        buffer.set_string(0, y, "▸ running", TextStyle::new().fg(Color::Green));
        buffer.set_string(12, y, format!("task-unified-17579{row:05}"), TextStyle::new());
        let eighths = usize::from(percent) * 20 * 8 / 100;
        let mut bar = "█".repeat(eighths / 8);
        if eighths / 8 < 20 {
            bar.push_str(["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]);
        }
        buffer.set_string(44, y, &bar, TextStyle::new().fg(Color::Cyan));
        buffer.set_string(65, y, format!("{percent:>3} %"), TextStyle::new());
        buffer.set_string(72, y, format!("{:>2}:{:02}", elapsed / 60, elapsed % 60), dim);
    }
    buffer
}

#[test]
fn twenty_ticking_rows_cost_little_more_than_the_cheapest_encoding() {
    let mut ours = Painter::new(Style::default());
    let mut rows = Painter::new(Style { order: Order::Rows, ..Style::default() });
    let mut stock = Painter::new(Style { encoder: Encoder::Stock, ..Style::default() });
    let mut totals = [0; 4];
    let mut out = Vec::new();
    for second in 0..=60 {
        let frame = ticking(second);
        let bound = ours.bound(&frame);
        let mut sizes = [bound, 0, 0, 0];
        for (size, painter) in sizes[1..].iter_mut().zip([&mut ours, &mut rows, &mut stock]) {
            out.clear();
            painter.paint(&frame, None, &mut out);
            *size = out.len();
        }
        // The first one is the whole screen, not a tick.
        if second > 0 {
            for (total, size) in totals.iter_mut().zip(sizes) {
                *total += size;
            }
        }
    }
    let [bound, ours, rows, stock] = totals;
    println!("bytes a second: bound {} ours {} row by row {} stock {}", bound / 60, ours / 60, rows / 60, stock / 60);
    assert!(ours * 100 <= bound * 105, "{ours} bytes against a bound of {bound}");
    assert!(ours * 2 <= stock, "{ours} bytes against {stock} of the stock backend");
}

#[test]
fn the_stock_encoder_shows_the_same_screen() {
    let mut painter = Painter::new(Style { encoder: Encoder::Stock, ..Style::default() });
    let mut terminal = vt100::Parser::new(40.try_into().unwrap(), 120.try_into().unwrap(), 0);
    let mut out = Vec::new();
    for second in 0..5 {
        let frame = ticking(second);
        out.clear();
        painter.paint(&frame, Some(Position::new(3, second)), &mut out);
        terminal.process(&out);
        let words = |buffer: &Buffer| -> Vec<String> { buffer.content.iter().map(|cell| cell.symbol().to_owned()).collect() };
        let shown = terminal.screen().contents();
        let wanted: String = words(&frame).chunks(120).map(|row| row.concat().trim_end().to_owned() + "\n").collect();
        assert_eq!(shown.trim_end(), wanted.trim_end());
        assert_eq!(terminal.screen().cursor_position(), (second, 3));
        out.clear();
        painter.paint(&frame, Some(Position::new(3, second)), &mut out);
        assert!(out.is_empty(), "{out:?}");
    }
}

/// What is on the screen as the stock encoder and ours write it.
fn both(buffer: &Buffer) -> [String; 2] {
    [Encoder::Thrifty, Encoder::Stock].map(|encoder| {
        let mut out = Vec::new();
        Painter::new(Style { encoder, ..Style::default() }).paint(buffer, None, &mut out);
        String::from_utf8(out).unwrap()
    })
}

#[test]
fn clusters_of_any_width_are_drawn() {
    let mut widest = 0;
    // Devanagari and Burmese syllables, and a family of six columns that is no emoji sequence.
    for cluster in ["क्ष्म", "न्द्र", "ကြော်", "कि", "👨\u{200d}👩\u{200d}👧"] {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 1));
        let columns = cluster.cell_width();
        buffer[(0, 0)].set_symbol("a");
        buffer[(1, 0)].set_symbol(cluster);
        buffer[(1 + columns, 0)].set_symbol("b");
        widest = widest.max(columns);
        let grid = Grid::of(&buffer);
        assert_eq!(grid.row(0)[1].columns(), columns, "{cluster}");
        assert_eq!(grid.row(0)[usize::from(columns) + 1].text(), "b", "{cluster} takes its {columns} cells");
        for (written, who) in both(&buffer).iter().zip(["ours", "stock"]) {
            assert!(written.contains(cluster), "{who}: {cluster} of {columns} columns in {written:?}");
        }
        if columns > 2 {
            assert!(both(&buffer)[0].contains(&format!("\x1b[{columns}X{cluster}")), "nothing old stays behind it");
        }
    }
    assert!(widest >= 3);
    // What does not fit into the row has no cell.
    let mut narrow = Buffer::empty(Rect::new(0, 0, 4, 1));
    narrow[(3, 0)].set_symbol("夏");
    assert_eq!(Grid::of(&narrow).row(0)[3], Shown::EMPTY);
}

#[test]
fn a_screen_of_more_styles_than_a_tour_is_worth_is_written_row_by_row() {
    // A picture of half blocks at 118x36 cells: every cell has a style of its own.
    let mut buffer = Buffer::empty(Rect::new(0, 0, 118, 36));
    for (n, cell) in (0_u32..).zip(&mut buffer.content) {
        let [_, red, green, blue] = n.wrapping_mul(2_654_435_761).to_be_bytes();
        cell.set_symbol("▀").set_style(TextStyle::new().fg(Color::Rgb(red, green, blue)).bg(Color::Rgb(blue, red, green)));
    }
    let bytes = |order| {
        let mut out = Vec::new();
        Painter::new(Style { order, ..Style::default() }).paint(&buffer, None, &mut out);
        out
    };
    // More styles than the tour of styles is worth: the order is that of the rows. Before, the tour took seconds.
    assert_eq!(bytes(Order::Cheapest), bytes(Order::Rows));
}
