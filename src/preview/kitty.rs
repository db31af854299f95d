//! kitty's graphics protocol: a paletted PNG in slices, placements, and placeholders for tmux.
//!
//! The data of a picture is sent once and stays in the terminal; showing, hiding and swapping it takes some forty bytes.
//! Every command here is built to be safe beside other programs in the same terminal: ids carry a byte drawn at random,
//! only our own ids are ever deleted, and `q=` stands on every chunk, since a terminal forgets it between two of them.
//!
//! Between the slices of one picture no other graphics command may be sent; text and colours may.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::tmux::{Wrap, wrapped_length};
use super::{Cells, Error, Indexed};

/// Bytes of base64 in one chunk: the most that the protocol allows.
pub const CHUNK: usize = 4_096;

/// A slice is at most this long: a chunk with its keys, wrapped for tmux.
pub const SLICE_MOST: usize = CHUNK + 80;

/// The id of a picture in the terminal.
///
/// Its lowest byte, 16 to 255, is also the indexed colour of its placeholders: 24-bit colours are changed on their way
/// through a tmux that does not know them. Its highest byte should be random, one for a whole session, so that two programs
/// do not use the same ids; it stands in the third mark of a placeholder.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Id {
    session: u8,
    colour: u8,
}

impl Id {
    /// The first and last colour of an id; below stand the terminal's own sixteen.
    pub const COLOURS: std::ops::RangeInclusive<u8> = 16..=255;

    /// An id of this session (a random byte) with this colour; `None` if the colour is one of the first sixteen.
    pub fn new(session: u8, colour: u8) -> Option<Self> {
        Self::COLOURS.contains(&colour).then_some(Self { session, colour })
    }

    /// The number that stands in the commands.
    pub fn number(self) -> u32 {
        u32::from(self.session) << 24 | u32::from(self.colour)
    }

    /// The indexed text colour of its placeholders.
    pub fn colour(self) -> u8 {
        self.colour
    }
}

/// What the terminal may answer.
fn quiet(wrap: Wrap) -> u8 {
    match wrap {
        // Errors only: the picture is then sent once more.
        Wrap::Plain => 1,
        // Nothing: tmux does not know for whom an answer is.
        Wrap::Tmux => 2,
    }
}

/// A paletted PNG of the picture.
///
/// # Errors
/// [`Error::Damaged`] for a picture without pixels or colours.
pub fn png(image: &Indexed) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(image.pixels.len() / 3);
    let mut encoder = png::Encoder::new(&mut out, image.size.width, image.size.height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(image.palette.concat());
    // Up to sixteen colours two pixels share a byte.
    let small = image.palette.len() <= 16;
    encoder.set_depth(if small { png::BitDepth::Four } else { png::BitDepth::Eight });
    encoder.set_compression(png::Compression::Balanced);
    encoder.set_filter(png::Filter::NoFilter);
    let written = encoder.write_header().and_then(|mut writer| {
        if small {
            let rows = image.pixels.chunks(image.size.width.max(1) as usize);
            let packed: Vec<u8> =
                rows.flat_map(|row| row.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0))).collect();
            writer.write_image_data(&packed)?;
        } else {
            writer.write_image_data(&image.pixels)?;
        }
        writer.finish()
    });
    written.map_err(|_| Error::Damaged)?;
    Ok(out)
}

/// The data of a picture in slices of about four kilobytes, each a command of its own that may be written between two
/// frames. The terminal shows nothing yet.
pub fn transmit(id: Id, png: &[u8], wrap: Wrap) -> Vec<Vec<u8>> {
    let text = STANDARD.encode(png);
    let quiet = quiet(wrap);
    let mut chunks = text.as_bytes().chunks(CHUNK).peekable();
    let mut slices = Vec::with_capacity(text.len() / CHUNK + 1);
    let mut first = true;
    while let Some(chunk) = chunks.next() {
        let more = u8::from(chunks.peek().is_some());
        let mut command = Vec::with_capacity(SLICE_MOST);
        if first {
            put(&mut command, format_args!("\x1b_Ga=t,f=100,t=d,i={},q={quiet},m={more};", id.number()));
        } else {
            put(&mut command, format_args!("\x1b_Gq={quiet},m={more};"));
        }
        command.extend_from_slice(chunk);
        command.extend_from_slice(b"\x1b\\");
        slices.push(wrap.wrap(command));
        first = false;
    }
    slices
}

/// How many bytes [`transmit`] makes of so many bytes of PNG, at most.
pub fn transmitted(png: usize, wrap: Wrap) -> usize {
    let text = png.div_ceil(3) * 4;
    let chunks = text.div_ceil(CHUNK);
    let first = "\x1b_Ga=t,f=100,t=d,i=4294967295,q=1,m=1;\x1b\\".len();
    let next = "\x1b_Gq=1,m=1;\x1b\\".len();
    text + chunks * (next + wrapped_length(wrap)) + first - next
}

/// Shows a picture that was transmitted, with its upper left corner at the cursor, which stays where it is. Said again, it
/// moves the picture: there is one placement for each id.
pub fn place(id: Id, cells: Cells) -> Vec<u8> {
    let Cells { columns, rows } = cells;
    format!("\x1b_Ga=p,i={},p=1,c={columns},r={rows},C=1,q=1\x1b\\", id.number()).into_bytes()
}

/// Prepares a picture that was transmitted for its placeholders ([`placeholder`]).
pub fn place_virtually(id: Id, cells: Cells, wrap: Wrap) -> Vec<u8> {
    let Cells { columns, rows } = cells;
    let number = id.number();
    let quiet = quiet(wrap);
    wrap.wrap(format!("\x1b_Ga=p,U=1,i={number},p=1,c={columns},r={rows},q={quiet}\x1b\\").into_bytes())
}

/// Takes the picture off the screen; its data stays in the terminal.
pub fn withdraw(id: Id, wrap: Wrap) -> Vec<u8> {
    wrap.wrap(format!("\x1b_Ga=d,d=i,i={}\x1b\\", id.number()).into_bytes())
}

/// Takes the picture off the screen and its data out of the terminal.
pub fn delete(id: Id, wrap: Wrap) -> Vec<u8> {
    wrap.wrap(format!("\x1b_Ga=d,d=I,i={}\x1b\\", id.number()).into_bytes())
}

/// Ends a transmission whose remaining slices are not sent any more: what has come so far is no picture, so the terminal
/// drops it, and is told to say nothing about that.
pub fn cut_short(id: Id, wrap: Wrap) -> Vec<u8> {
    let mut out = wrap.wrap(b"\x1b_Gq=2,m=0;\x1b\\".to_vec());
    out.extend(delete(id, wrap));
    out
}

/// The character of a cell that a picture covers inside tmux.
pub const PLACEHOLDER: char = '\u{10eeee}';

/// Placeholders name at most so many rows and columns.
pub const PLACEHOLDERS_MOST: u16 = 297;

/// What stands in a cell of the picture, in the text colour of its id. Only the first cell of a row carries its place; the
/// others go on from their left neighbour, which must be theirs.
pub fn placeholder(id: Id, column: u16, row: u16) -> String {
    let mut text = String::from(PLACEHOLDER);
    if column == 0 {
        text.extend([mark(row), mark(0), mark(u16::from(id.session))]);
    }
    text
}

/// The combining mark that stands for a number, 0 to 296; beyond that the last one.
pub fn mark(number: u16) -> char {
    let mut left = u32::from(number.min(PLACEHOLDERS_MOST - 1));
    for (from, to) in MARKS {
        if left <= to - from {
            return char::from_u32(from + left).unwrap_or(PLACEHOLDER);
        }
        left -= to - from + 1;
    }
    PLACEHOLDER
}

/// The marks above a letter (combining class 230 of Unicode 6.0) that no normalisation joins with one, as ranges.
const MARKS: [(u32, u32); 108] = [
    (0x305, 0x305),
    (0x30d, 0x30d),
    (0x30e, 0x30e),
    (0x310, 0x310),
    (0x312, 0x312),
    (0x33d, 0x33f),
    (0x346, 0x346),
    (0x34a, 0x34c),
    (0x350, 0x352),
    (0x357, 0x357),
    (0x35b, 0x35b),
    (0x363, 0x36f),
    (0x483, 0x487),
    (0x592, 0x595),
    (0x597, 0x599),
    (0x59c, 0x5a1),
    (0x5a8, 0x5a8),
    (0x5a9, 0x5a9),
    (0x5ab, 0x5ab),
    (0x5ac, 0x5ac),
    (0x5af, 0x5af),
    (0x5c4, 0x5c4),
    (0x610, 0x617),
    (0x657, 0x65b),
    (0x65d, 0x65d),
    (0x65e, 0x65e),
    (0x6d6, 0x6dc),
    (0x6df, 0x6e2),
    (0x6e4, 0x6e4),
    (0x6e7, 0x6e7),
    (0x6e8, 0x6e8),
    (0x6eb, 0x6eb),
    (0x6ec, 0x6ec),
    (0x730, 0x730),
    (0x732, 0x732),
    (0x733, 0x733),
    (0x735, 0x735),
    (0x736, 0x736),
    (0x73a, 0x73a),
    (0x73d, 0x73d),
    (0x73f, 0x741),
    (0x743, 0x743),
    (0x745, 0x745),
    (0x747, 0x747),
    (0x749, 0x749),
    (0x74a, 0x74a),
    (0x7eb, 0x7f1),
    (0x7f3, 0x7f3),
    (0x816, 0x819),
    (0x81b, 0x823),
    (0x825, 0x827),
    (0x829, 0x82d),
    (0x951, 0x951),
    (0x953, 0x953),
    (0x954, 0x954),
    (0xf82, 0xf82),
    (0xf83, 0xf83),
    (0xf86, 0xf86),
    (0xf87, 0xf87),
    (0x135d, 0x135f),
    (0x17dd, 0x17dd),
    (0x193a, 0x193a),
    (0x1a17, 0x1a17),
    (0x1a75, 0x1a7c),
    (0x1b6b, 0x1b6b),
    (0x1b6d, 0x1b73),
    (0x1cd0, 0x1cd2),
    (0x1cda, 0x1cda),
    (0x1cdb, 0x1cdb),
    (0x1ce0, 0x1ce0),
    (0x1dc0, 0x1dc0),
    (0x1dc1, 0x1dc1),
    (0x1dc3, 0x1dc9),
    (0x1dcb, 0x1dcb),
    (0x1dcc, 0x1dcc),
    (0x1dd1, 0x1de6),
    (0x1dfe, 0x1dfe),
    (0x20d0, 0x20d0),
    (0x20d1, 0x20d1),
    (0x20d4, 0x20d7),
    (0x20db, 0x20db),
    (0x20dc, 0x20dc),
    (0x20e1, 0x20e1),
    (0x20e7, 0x20e7),
    (0x20e9, 0x20e9),
    (0x20f0, 0x20f0),
    (0x2cef, 0x2cf1),
    (0x2de0, 0x2dff),
    (0xa66f, 0xa66f),
    (0xa67c, 0xa67c),
    (0xa67d, 0xa67d),
    (0xa6f0, 0xa6f0),
    (0xa6f1, 0xa6f1),
    (0xa8e0, 0xa8f1),
    (0xaab0, 0xaab0),
    (0xaab2, 0xaab2),
    (0xaab3, 0xaab3),
    (0xaab7, 0xaab7),
    (0xaab8, 0xaab8),
    (0xaabe, 0xaabe),
    (0xaabf, 0xaabf),
    (0xaac1, 0xaac1),
    (0xfe20, 0xfe26),
    (0x10a0f, 0x10a0f),
    (0x10a38, 0x10a38),
    (0x1d185, 0x1d189),
    (0x1d1aa, 0x1d1ad),
    (0x1d242, 0x1d244),
];

fn put(out: &mut Vec<u8>, what: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(what);
    debug_assert!(written.is_ok(), "memory takes everything");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::preview::Pixels;

    fn id() -> Id {
        Id::new(255, 255).unwrap()
    }

    #[test]
    fn commands_are_as_short_as_promised() {
        let cells = Cells::new(120, 60);
        assert_eq!(place(id(), cells), b"\x1b_Ga=p,i=4278190335,p=1,c=120,r=60,C=1,q=1\x1b\\");
        assert!(place(id(), cells).len() <= 44);
        assert_eq!(withdraw(id(), Wrap::Plain), b"\x1b_Ga=d,d=i,i=4278190335\x1b\\");
        assert_eq!(delete(id(), Wrap::Tmux), b"\x1bPtmux;\x1b\x1b_Ga=d,d=I,i=4278190335\x1b\x1b\\\x1b\\");
        // A flip to another picture that is there already.
        assert!(place(id(), cells).len() + withdraw(id(), Wrap::Plain).len() <= 100);
        assert_eq!(place_virtually(id(), cells, Wrap::Plain), b"\x1b_Ga=p,U=1,i=4278190335,p=1,c=120,r=60,q=1\x1b\\");
    }

    #[test]
    fn ids_leave_the_terminals_own_colours_alone() {
        assert_eq!(Id::new(7, 15), None);
        let id = Id::new(7, 16).unwrap();
        assert_eq!((id.number(), id.colour()), (0x0700_0010, 16));
        let all: BTreeSet<u32> = Id::COLOURS.filter_map(|colour| Id::new(1, colour)).map(Id::number).collect();
        assert_eq!(all.len(), 240);
    }

    #[test]
    fn placeholders_name_their_place_once_a_row() {
        let id = Id::new(2, 40).unwrap();
        assert_eq!(placeholder(id, 0, 0), "\u{10eeee}\u{305}\u{305}\u{30e}");
        assert_eq!(placeholder(id, 0, 5), "\u{10eeee}\u{33d}\u{305}\u{30e}");
        assert_eq!(placeholder(id, 1, 5), "\u{10eeee}");
        let marks: BTreeSet<char> = (0..PLACEHOLDERS_MOST).map(mark).collect();
        assert_eq!(marks.len(), 297, "each number has its own mark");
        assert_eq!((mark(296), mark(500)), ('\u{1d244}', '\u{1d244}'));
    }

    #[test]
    fn a_png_of_few_colours_is_read_back() {
        for colours in [2_u8, 16, 17, 64] {
            let size = Pixels::new(33, 9);
            let palette: Vec<[u8; 3]> = (0..colours).map(|n| [n * 3, 255 - n, n]).collect();
            let pixels: Vec<u8> = (0..33 * 9_u32).map(|n| u8::try_from(n % u32::from(colours)).unwrap()).collect();
            let indexed = Indexed { size, palette: palette.clone(), pixels: pixels.clone() };
            let read = image::load_from_memory(&png(&indexed).unwrap()).unwrap().into_rgb8();
            for (pixel, place) in read.pixels().zip(&pixels) {
                assert_eq!(pixel.0, palette[usize::from(*place)]);
            }
        }
        let empty = Indexed { size: Pixels::new(0, 0), palette: vec![[0; 3]], pixels: Vec::new() };
        assert_eq!(png(&empty), Err(Error::Damaged));
    }

    proptest! {
        #[test]
        fn slices_are_whole_commands_and_give_the_data_back(
            data in proptest::collection::vec(any::<u8>(), 1..9_000), tmux in any::<bool>(), session in any::<u8>(),
        ) {
            let wrap = if tmux { Wrap::Tmux } else { Wrap::Plain };
            let id = Id::new(session, 200).unwrap();
            let slices = transmit(id, &data, wrap);
            let length: usize = slices.iter().map(Vec::len).sum();
            prop_assert!(length <= transmitted(data.len(), wrap));
            let mut text = String::new();
            for (number, slice) in slices.iter().enumerate() {
                prop_assert!(slice.len() <= SLICE_MOST);
                let mut slice = String::from_utf8(slice.clone()).unwrap();
                if tmux {
                    let inner = slice.strip_prefix("\x1bPtmux;").and_then(|rest| rest.strip_suffix("\x1b\\")).unwrap();
                    slice = inner.replace("\x1b\x1b", "\x1b");
                }
                let inner = slice.strip_prefix("\x1b_G").and_then(|rest| rest.strip_suffix("\x1b\\")).unwrap();
                let (keys, chunk) = inner.split_once(';').unwrap();
                let keys: Vec<&str> = keys.split(',').collect();
                let quiet = if tmux { "q=2" } else { "q=1" };
                prop_assert!(keys.contains(&quiet), "on every chunk");
                let last = if number + 1 == slices.len() { "m=0" } else { "m=1" };
                prop_assert!(keys.contains(&last));
                prop_assert_eq!(keys.contains(&format!("i={}", id.number()).as_str()), number == 0);
                prop_assert!(chunk.len() <= CHUNK && chunk.len() % 4 == 0);
                text.push_str(chunk);
            }
            prop_assert_eq!(STANDARD.decode(text).unwrap(), data);
        }
    }
}
