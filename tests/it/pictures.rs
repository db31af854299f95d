//! Six photographs on every way, byte by byte, and what a terminal would make of these bytes.

use std::sync::LazyLock;

use image::RgbImage;
use mj_enhance::preview::tmux::Wrap;
use mj_enhance::preview::{
    BlockStyle, Body, Cell, Cells, Colour, Colours, Encoded, Grid, Note, Picture, Pixels, Request, Way, budget, encode_picture,
    kitty, octant, quantise, sextant, sixel,
};
use mj_enhance::tui::terminal::paint::{Painter, Style};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::symbols::pixel::{OCTANTS, SEXTANTS};

use crate::photographs::SUBJECTS;

/// The photographs at the size in which the service makes drafts.
static PHOTOGRAPHS: LazyLock<Vec<(&str, Picture)>> =
    LazyLock::new(|| SUBJECTS.iter().map(|subject| (subject.name, Picture::from(subject.photograph()))).collect());

const ONE: Cells = Cells::new(40, 20);
const OF_A_SHEET: Cells = Cells::new(18, 9);

/// As over SSH.
fn request(way: Way, room: Cells) -> Request {
    Request {
        path: std::path::PathBuf::new(),
        room,
        cell: Pixels::USUAL_CELL,
        way,
        budget: budget(true, way == Way::KittyPlaceholders),
        side: Some(400),
        colours: Colours::True,
        blocks: BlockStyle::Half,
        wrap: Wrap::Plain,
    }
}

/// All photographs on a way.
fn encoded(request: &Request) -> Vec<(&'static str, Encoded)> {
    PHOTOGRAPHS.iter().map(|(name, picture)| (*name, encode_picture(picture, request).unwrap())).collect()
}

/// Bytes that leave for a picture, without those that place it.
fn bytes(encoded: &Encoded) -> usize {
    match &encoded.body {
        Body::Png(png) => {
            let wrap = if encoded.way == Way::KittyPlaceholders { Wrap::Tmux } else { Wrap::Plain };
            let id = kitty::Id::new(200, 200).unwrap();
            kitty::transmit(id, png, wrap).iter().map(Vec::len).sum()
        }
        Body::Sequence(sequence) => sequence.len(),
        Body::Grid(grid) => painted(grid),
    }
}

fn color(colour: Colour) -> Color {
    match colour {
        Colour::Rgb([r, g, b]) => Color::Rgb(r, g, b),
        Colour::Indexed(index) => Color::Indexed(index),
    }
}

/// Bytes that the screen's painter makes of the cells.
fn painted(grid: &Grid) -> usize {
    let area = Rect::new(0, 0, grid.cells.columns, grid.cells.rows);
    let mut painter = Painter::new(Style::default());
    let mut out = Vec::new();
    painter.paint(&Buffer::empty(area), None, &mut out);
    out.clear();
    let mut buffer = Buffer::empty(area);
    for (cell, shown) in buffer.content.iter_mut().zip(&grid.content) {
        cell.set_char(shown.symbol).set_fg(color(shown.fg)).set_bg(color(shown.bg));
    }
    painter.paint(&buffer, None, &mut out);
    out.len()
}

fn median(mut all: Vec<usize>) -> usize {
    all.sort_unstable();
    usize::midpoint(all[(all.len() - 1) / 2], all[all.len() / 2])
}

/// Every photograph keeps its ceiling, and the one in the middle is as small as promised.
fn table(what: &str, request: &Request, most: usize, usual: usize) -> Vec<(&'static str, Encoded)> {
    let all = encoded(request);
    let counts: Vec<(&str, usize)> = all.iter().map(|(name, encoded)| (*name, bytes(encoded))).collect();
    eprintln!("{what}: {counts:?}");
    for ((name, encoded), (_, count)) in all.iter().zip(&counts) {
        assert_eq!(encoded.way, request.way, "{what}, {name}");
        assert!(*count <= most, "{what}, {name}: {count} bytes");
        assert!(*count <= encoded.bytes, "{what}, {name}: {count} bytes and not {}", encoded.bytes);
    }
    let usually = median(counts.iter().map(|(_, count)| *count).collect());
    assert!(usually <= usual, "{what}: usually {usually} bytes");
    all
}

#[test]
fn one_picture_keeps_its_bytes_on_every_way() {
    for (_, encoded) in table("kitty", &request(Way::Kitty, ONE), 64_000, 64_000) {
        assert_eq!(encoded.cells, ONE);
        assert!(encoded.sent.width >= 240, "still a picture: {}", encoded.sent);
    }
    for (_, encoded) in table("kitty in tmux", &request(Way::KittyPlaceholders, ONE), 32_000, 32_000) {
        assert_eq!(encoded.cells, ONE);
        assert!(encoded.sent.width >= 160, "still a picture: {}", encoded.sent);
    }
    for (_, encoded) in table("iterm2", &request(Way::Iterm2, ONE), 64_000, 35_000) {
        assert_eq!((encoded.cells, encoded.sent), (ONE, Pixels::new(400, 400)));
    }
    for (_, encoded) in table("sixel", &request(Way::Sixel, ONE), 64_000, 64_000) {
        assert!(encoded.cells.columns >= 16 && encoded.cells.is_within(ONE), "{:?}", encoded.cells);
        assert_eq!(encoded.sent.width, u32::from(encoded.cells.columns) * 10, "sixel fills its cells");
    }
    table("blocks", &request(Way::Blocks, ONE), 12_000, 9_000);
    table("blocks, 256 colours", &Request { colours: Colours::Indexed, ..request(Way::Blocks, ONE) }, 12_000, 9_000);
}

#[test]
fn a_contact_sheet_keeps_the_bytes_of_one_picture() {
    for (way, usual) in [
        (Way::Kitty, 60_000),
        (Way::KittyPlaceholders, 32_000),
        (Way::Iterm2, 33_000),
        (Way::Sixel, 64_000),
        (Way::Blocks, 12_000),
    ] {
        let whole = request(way, OF_A_SHEET);
        let quarter = Request { budget: whole.budget / 4, ..whole.clone() };
        let counts: Vec<usize> = encoded(&quarter).iter().map(|(_, encoded)| bytes(encoded)).collect();
        for four in counts.windows(4) {
            let sum: usize = four.iter().sum();
            assert!(sum <= whole.budget, "{way:?}: {sum}");
        }
        let usually = 4 * median(counts);
        assert!(usually <= usual, "{way:?}: usually {usually}");
    }
}

#[test]
fn what_is_there_already_costs_next_to_nothing() {
    let (one, other) = (kitty::Id::new(201, 30).unwrap(), kitty::Id::new(201, 31).unwrap());
    let flip = [kitty::withdraw(one, Wrap::Plain), kitty::place(other, ONE)].concat();
    assert!(flip.len() <= 100, "{}", flip.len());
    // Inside tmux the cells are written again, in the one colour of the id.
    let cells = (0..20).flat_map(|row| (0..40).map(move |column| kitty::placeholder(one, column, row)));
    let text: usize = cells.map(|cell| cell.len()).sum();
    assert!(text + kitty::place_virtually(one, ONE, Wrap::Tmux).len() <= 3_450, "{text}");
}

#[test]
fn a_line_that_is_quick_gets_every_pixel() {
    for way in [Way::Kitty, Way::Iterm2, Way::Sixel] {
        let request = Request { budget: budget(false, false), side: None, ..request(way, ONE) };
        for (name, encoded) in encoded(&request) {
            assert_eq!((encoded.sent, encoded.notes.as_slice()), (Pixels::new(400, 400), [].as_slice()), "{name} {way:?}");
        }
    }
}

/// Mean square difference of a channel.
fn difference(a: &RgbImage, b: &RgbImage) -> u64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: u64 = a.iter().zip(b.iter()).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum();
    sum / a.len() as u64
}

#[test]
fn what_arrives_looks_like_the_photograph() {
    for (name, picture) in &PHOTOGRAPHS[..3] {
        for way in [Way::Kitty, Way::Iterm2] {
            let encoded = encode_picture(picture, &request(way, ONE)).unwrap();
            let file = match &encoded.body {
                Body::Png(png) => png.clone(),
                Body::Sequence(sequence) => {
                    use base64::Engine as _;
                    let text = std::str::from_utf8(sequence).unwrap().split_once(':').unwrap().1;
                    base64::engine::general_purpose::STANDARD.decode(text.trim_end_matches('\x07')).unwrap()
                }
                Body::Grid(_) => panic!("{name} {way:?}"),
            };
            let read = image::load_from_memory(&file).unwrap().into_rgb8();
            assert_eq!((read.width(), read.height()), (encoded.sent.width, encoded.sent.height));
            let colours: std::collections::BTreeSet<[u8; 3]> = read.pixels().map(|pixel| pixel.0).collect();
            assert!(way != Way::Kitty || colours.len() <= 64, "{}", colours.len());
            let error = difference(&read, &picture.scaled(encoded.sent));
            assert!(error < 120, "{name} {way:?}: {error}");
        }
    }
}

/// What a terminal paints: size, and for every pixel its colour.
fn terminal_paints(sequence: &[u8]) -> (u32, u32, Vec<Option<[u8; 3]>>) {
    let text = std::str::from_utf8(sequence).unwrap();
    let body = text.strip_prefix("\x1bP0;1;0q").and_then(|rest| rest.strip_suffix("\x1b\\")).expect("a sixel sequence");
    let mut bytes = body.bytes().peekable();
    let numbers = |bytes: &mut std::iter::Peekable<std::str::Bytes<'_>>| -> Vec<u32> {
        let mut all = vec![0];
        while let Some(byte) = bytes.next_if(|byte| byte.is_ascii_digit() || *byte == b';') {
            match byte {
                b';' => all.push(0),
                digit => *all.last_mut().unwrap() = all.last().unwrap() * 10 + u32::from(digit - b'0'),
            }
        }
        all
    };
    let (mut width, mut height) = (0, 0);
    let mut colours = [None; 256];
    let mut pen = 0;
    let mut pixels: Vec<Option<[u8; 3]>> = Vec::new();
    let (mut x, mut band, mut count) = (0_u32, 0_u32, 1_u32);
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                let raster = numbers(&mut bytes);
                (width, height) = (raster[2], raster[3]);
                pixels = vec![None; (width * height) as usize];
            }
            b'#' => {
                let parts = numbers(&mut bytes);
                pen = parts[0] as usize;
                if let [_, 2, r, g, b] = parts[..] {
                    colours[pen] = Some([r, g, b].map(|part| u8::try_from((part * 255 + 50) / 100).unwrap()));
                }
            }
            b'!' => count = numbers(&mut bytes)[0],
            b'$' => x = 0,
            b'-' => (x, band) = (0, band + 1),
            b'?'..=b'~' => {
                for _ in 0..count {
                    assert!(x < width, "nothing is painted beside the picture");
                    for bit in (0..6).filter(|bit| (byte - b'?') >> bit & 1 == 1) {
                        let y = band * 6 + bit;
                        assert!(y < height, "nothing is painted below the picture");
                        let pixel = &mut pixels[(y * width + x) as usize];
                        assert!(pixel.is_none(), "no pixel is painted twice");
                        *pixel = Some(colours[pen].expect("a colour that was named"));
                    }
                    x += 1;
                }
                count = 1;
            }
            other => panic!("{other} has no meaning"),
        }
    }
    (width, height, pixels)
}

#[test]
fn every_pixel_of_a_sixel_picture_is_painted_once_in_its_colour() {
    for (name, picture) in &PHOTOGRAPHS[..2] {
        for (size, colours) in
            [(Pixels::new(160, 160), 64), (Pixels::new(33, 7), 16), (Pixels::new(1, 13), 2), (Pixels::new(9, 6), 1)]
        {
            let indexed = quantise(&picture.scaled(size), colours);
            let (width, height, pixels) = terminal_paints(&sixel(&indexed));
            assert_eq!((width, height), (size.width, size.height));
            for (painted, place) in pixels.iter().zip(&indexed.pixels) {
                let wanted = indexed.palette[usize::from(*place)];
                let painted = painted.expect("every pixel is painted");
                // A hundred levels a channel are all that sixel has.
                assert!(painted.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= 2), "{name}: {painted:?} for {wanted:?}");
            }
        }
    }
}

#[test]
fn finer_characters_are_those_of_the_standard() {
    for mask in 0..=255_u8 {
        assert_eq!(octant(mask), OCTANTS[usize::from(mask)], "{mask}");
    }
    for mask in 0..64_u8 {
        assert_eq!(sextant(mask), SEXTANTS[usize::from(mask)], "{mask}");
    }
}

#[test]
fn every_cell_of_a_block_picture_is_one_column() {
    use ratatui::buffer::CellWidth as _;
    for blocks in [BlockStyle::Half, BlockStyle::Quadrant, BlockStyle::Sextant, BlockStyle::Octant] {
        let encoded = encode_picture(&PHOTOGRAPHS[3].1, &Request { blocks, ..request(Way::Blocks, ONE) }).unwrap();
        let Body::Grid(Grid { content, .. }) = encoded.body else { panic!("{blocks:?}") };
        assert!(content.iter().all(|Cell { symbol, .. }| symbol.to_string().as_str().cell_width() == 1), "{blocks:?}");
        assert!(content.iter().any(|cell| cell.symbol != ' '));
    }
}

#[test]
fn a_reduced_picture_says_so() {
    let small = Request { budget: 8_000, ..request(Way::Kitty, ONE) };
    for (name, encoded) in encoded(&small) {
        assert_eq!(encoded.notes, [Note::Reduced], "{name}");
    }
    let tiny = Request { budget: 600, ..request(Way::Kitty, ONE) };
    for (name, encoded) in encoded(&tiny) {
        assert!(encoded.notes.contains(&Note::BlocksInsteadOf(Way::Kitty)), "{name}");
        assert!(encoded.bytes <= 600 && bytes(&encoded) <= 600);
    }
}
