//! What a file claims about its picture, read before anything is decoded.
//!
//! The decoders check sizes too, but some only after they have taken memory for it, and a WebP file may claim one size for
//! its canvas and another for the frame in it. So the few bytes that matter are read here.

use std::io::{self, BufRead, Read, Seek};

use super::{Error, Pixels};

/// The kinds that are decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Png,
    Jpeg,
    WebP,
}

/// What the header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    pub kind: Kind,
    pub size: Pixels,
    /// The largest number of bytes that decoding holds for each pixel, in halves.
    pub half_bytes: u64,
    /// Whether the decoder holds the whole file beside the pixels.
    pub holds_file: bool,
}

impl Header {
    /// Bytes that decoding takes.
    pub fn memory(&self, file: u64) -> u64 {
        let pixels = self.size.count().saturating_mul(self.half_bytes).div_ceil(2);
        pixels.saturating_add(if self.holds_file { file } else { 0 })
    }
}

/// Before the size of a JPEG there are at most so many segments; real files have a few dozen.
const SEGMENTS_MOST: usize = 2_000;
/// Scans of a JPEG: each of them goes through the whole picture. Usual progressive files have ten.
pub const SCANS_MOST: usize = 50;
/// Segments with a part of a colour profile, which the decoder keeps; they are numbered by a byte.
const PROFILES_MOST: usize = 256;
/// Before the pixels of a PNG, and before the frame of a WebP, there are at most so many chunks.
const CHUNKS_BEFORE_MOST: usize = 200;
/// And so many chunks or segments in the whole file. The pixels of the longest PNG that is taken fill 8,192 chunks of the usual size.
const CHUNKS_MOST: usize = 20_000;

/// Reads kind and size from the beginning of a file.
///
/// # Errors
/// [`Error::UnknownKind`], [`Error::Damaged`], or that it cannot be read.
pub fn read(from: &mut impl BufRead) -> Result<Header, Error> {
    let mut start = [0; 3];
    // Shorter than that is no picture at all.
    fill(from, &mut start).map_err(|error| if error == Error::Damaged { Error::UnknownKind } else { error })?;
    let header = match &start {
        [0x89, b'P', b'N'] => png(from),
        [0xff, 0xd8, 0xff] => jpeg(from),
        b"RIF" => webp(from),
        _ => Err(Error::UnknownKind),
    }?;
    if header.size.count() == 0 { Err(Error::Damaged) } else { Ok(header) }
}

/// Goes through the parts of a file from its beginning without decoding them: it must reach its end, and have no more of them
/// than a picture needs. Many small ones would take a decoder seconds, and some of them much memory.
///
/// # Errors
/// [`Error::Damaged`], or that it cannot be read.
pub fn check_parts(kind: Kind, from: &mut (impl BufRead + Seek)) -> Result<(), Error> {
    match kind {
        Kind::Png => png_parts(from),
        Kind::Jpeg => jpeg_parts(from),
        Kind::WebP => webp_parts(from),
    }
}

fn fill(from: &mut impl Read, bytes: &mut [u8]) -> Result<(), Error> {
    from.read_exact(bytes).map_err(Error::from)
}

fn array<const N: usize>(from: &mut impl Read) -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    fill(from, &mut bytes)?;
    Ok(bytes)
}

fn skip(from: &mut impl BufRead, count: u64) -> Result<(), Error> {
    let skipped = io::copy(&mut from.take(count), &mut io::sink())?;
    if skipped == count { Ok(()) } else { Err(Error::Damaged) }
}

fn skip_over(from: &mut impl Seek, count: u64) -> Result<(), Error> {
    Ok(from.seek_relative(count.try_into().map_err(|_| Error::Damaged)?)?)
}

/// The decoder keeps what stands before the pixels.
fn png_parts(from: &mut (impl BufRead + Seek)) -> Result<(), Error> {
    skip_over(from, 8)?;
    let mut has_pixels = false;
    for count in 0..CHUNKS_MOST {
        let length = u32::from_be_bytes(array(from)?);
        let name: [u8; 4] = array(from)?;
        has_pixels |= name == *b"IDAT";
        if name == *b"IEND" {
            return Ok(());
        }
        if !has_pixels && count >= CHUNKS_BEFORE_MOST {
            break;
        }
        // With its check sum.
        skip_over(from, u64::from(length) + 4)?;
    }
    Err(Error::Damaged)
}

/// The frames of an animation are chunks too. The decoder tells by itself whether the last one is whole.
fn webp_parts(from: &mut (impl BufRead + Seek)) -> Result<(), Error> {
    skip_over(from, 12)?;
    for _ in 0..CHUNKS_MOST {
        if from.fill_buf()?.is_empty() {
            return Ok(());
        }
        let [_, _, _, _, length @ ..] = array::<8>(from)?;
        let length = u64::from(u32::from_le_bytes(length));
        skip_over(from, length + (length & 1))?;
    }
    Err(Error::Damaged)
}

fn png(from: &mut impl BufRead) -> Result<Header, Error> {
    if array(from)? != *b"G\r\n\x1a\n" {
        return Err(Error::UnknownKind);
    }
    if array(from)? != *b"\0\0\0\rIHDR" {
        return Err(Error::Damaged);
    }
    let [w0, w1, w2, w3, h0, h1, h2, h3, depth, colour] = array(from)?;
    let channels = match colour {
        0 => 1,
        2 => 3,
        4 => 2,
        // A palette becomes colours, with transparency at worst.
        3 | 6 => 4,
        _ => return Err(Error::Damaged),
    };
    Ok(Header {
        kind: Kind::Png,
        size: Pixels::new(u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3])),
        half_bytes: channels * if depth == 16 { 4 } else { 2 },
        holds_file: false,
    })
}

fn jpeg(from: &mut impl BufRead) -> Result<Header, Error> {
    // The first marker's 0xff has been read.
    let mut marker = array::<1>(from)?[0];
    for _ in 0..SEGMENTS_MOST {
        match marker {
            // Frames: all of C0 to CF but the tables and the reserved one.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let [_, _, _, h0, h1, w0, w1, parts] = array(from)?;
                let progressive = marker & 3 == 2;
                let parts = u64::from(parts);
                return Ok(Header {
                    kind: Kind::Jpeg,
                    size: Pixels::new(u16::from_be_bytes([w0, w1]).into(), u16::from_be_bytes([h0, h1]).into()),
                    // Progressive files keep two bytes of each sample until the end.
                    half_bytes: 2 * parts.max(3) + if progressive { 4 * parts } else { 0 },
                    holds_file: true,
                });
            }
            // These stand alone.
            0x01 | 0xd0..=0xd7 => {}
            // Pixels or the end before a size.
            0xd8..=0xda => return Err(Error::Damaged),
            0xff => {
                marker = array::<1>(from)?[0];
                continue;
            }
            _ => skip_segment(from)?,
        }
        if array(from)? != [0xff] {
            return Err(Error::Damaged);
        }
        marker = array::<1>(from)?[0];
    }
    Err(Error::Damaged)
}

fn skip_segment(from: &mut impl BufRead) -> Result<(), Error> {
    let length = u16::from_be_bytes(array(from)?);
    skip(from, u64::from(length).checked_sub(2).ok_or(Error::Damaged)?)
}

/// The decoder would fill up with grey what is missing.
fn jpeg_parts(from: &mut impl BufRead) -> Result<(), Error> {
    if array(from)? != [0xff, 0xd8] {
        return Err(Error::Damaged);
    }
    let (mut segments, mut scans, mut profiles) = (0, 0, 0);
    while segments <= CHUNKS_MOST && scans <= SCANS_MOST && profiles <= PROFILES_MOST {
        // Up to the next marker: between segments at once, after a scan behind its data.
        let buffer = from.fill_buf()?;
        if buffer.is_empty() {
            return Err(Error::Damaged);
        }
        let (used, found) = match buffer.iter().position(|byte| *byte == 0xff) {
            Some(at) => (at + 1, true),
            None => (buffer.len(), false),
        };
        from.consume(used);
        if !found {
            continue;
        }
        let mut marker = 0xff;
        while marker == 0xff {
            marker = array::<1>(from)?[0];
        }
        match marker {
            0xd9 => return Ok(()),
            // A stuffed byte, or a mark without content.
            0x00 | 0x01 | 0xd0..=0xd8 => {}
            marker => {
                segments += 1;
                scans += usize::from(marker == 0xda);
                profiles += usize::from(marker == 0xe2);
                skip_segment(from)?;
            }
        }
    }
    Err(Error::Damaged)
}

fn webp(from: &mut impl BufRead) -> Result<Header, Error> {
    let [f, _, _, _, _, kind @ ..] = array::<9>(from)?;
    if f != b'F' || kind != *b"WEBP" {
        return Err(Error::UnknownKind);
    }
    let mut canvas = Pixels::new(0, 0);
    let mut animated = false;
    for _ in 0..CHUNKS_BEFORE_MOST {
        let name: [u8; 4] = array(from)?;
        let length = u64::from(u32::from_le_bytes(array(from)?));
        let padded = length + (length & 1);
        let read = match &name {
            b"VP8X" => {
                let bytes: [u8; 10] = array(from)?;
                animated = bytes[0] & 2 != 0;
                canvas = Pixels::new(1 + three(&bytes[4..]), 1 + three(&bytes[7..]));
                10
            }
            // The frame's own chunks follow its sixteen bytes.
            b"ANMF" => {
                skip(from, 16)?;
                continue;
            }
            b"VP8 " => {
                let bytes: [u8; 10] = array(from)?;
                if bytes[3..6] != [0x9d, 0x01, 0x2a] {
                    return Err(Error::Damaged);
                }
                let side = |at: usize| u32::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]) & 0x3fff);
                // Brightness and the two half-sized colour planes, then the colours, perhaps with transparency; all of
                // it once more where the frame is laid into a canvas.
                return Ok(frame(canvas, Pixels::new(side(6), side(8)), if animated { 27 } else { 13 }));
            }
            b"VP8L" => {
                let [signature, bits @ ..] = array::<5>(from)?;
                if signature != 0x2f {
                    return Err(Error::Damaged);
                }
                let bits = u32::from_le_bytes(bits);
                let size = Pixels::new(1 + (bits & 0x3fff), 1 + ((bits >> 14) & 0x3fff));
                return Ok(frame(canvas, size, if animated { 24 } else { 16 }));
            }
            _ => 0,
        };
        skip(from, padded.checked_sub(read).ok_or(Error::Damaged)?)?;
    }
    Err(Error::Damaged)
}

fn three(bytes: &[u8]) -> u32 {
    u32::from(bytes[0]) | u32::from(bytes[1]) << 8 | u32::from(bytes[2]) << 16
}

/// The larger of canvas and frame, side by side.
fn frame(canvas: Pixels, frame: Pixels, half_bytes: u64) -> Header {
    let size =
        if frame.count() == 0 { frame } else { Pixels::new(canvas.width.max(frame.width), canvas.height.max(frame.height)) };
    Header { kind: Kind::WebP, size, half_bytes, holds_file: false }
}
