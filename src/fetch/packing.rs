//! Bodies that come packed although nobody asked for it. What the bytes are counts, and what the header says only where
//! the bytes do not tell. All functions here block.

use std::io::{self, Read};

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::FetchError;
use super::magic::{self, Kind};
use super::part::Part;

/// A file packed more often than this is made to hurt.
const LAYERS_MOST: u32 = 3;
const PIECE: usize = 256 * 1024;

/// How bytes are packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Packing {
    Gzip,
    /// `deflate` as RFC 9110 §8.4.1.2 has it.
    Zlib,
    /// `deflate` as some servers have it.
    Deflate,
}

impl Packing {
    /// How bytes that begin so are packed, where the header said `said`; `None` for what is a picture or not packed in a
    /// way that is known.
    pub(super) fn of(head: &[u8], said: Option<&str>) -> Option<Self> {
        if Kind::of(head).is_some() {
            return None;
        }
        let said_deflate = said.is_some_and(|said| said.to_ascii_lowercase().contains("deflate"));
        match head {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            // Check bits, and the 32 KiB window that everybody takes.
            [first @ 0x78, second, ..] if u16::from_be_bytes([*first, *second]) % 31 == 0 => Some(Self::Zlib),
            [first, second, ..] if said_deflate && first & 0xf == 8 && u16::from_be_bytes([*first, *second]) % 31 == 0 => {
                Some(Self::Zlib)
            }
            [_, ..] if said_deflate => Some(Self::Deflate),
            _ => None,
        }
    }

    fn reader<'a>(self, bytes: impl Read + 'a) -> Box<dyn Read + 'a> {
        match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(bytes)),
            Self::Zlib => Box::new(ZlibDecoder::new(bytes)),
            Self::Deflate => Box::new(DeflateDecoder::new(bytes)),
        }
    }
}

/// What unpacking came to.
#[derive(Debug)]
pub(super) enum Unpacked {
    /// This is it; it may be what was given.
    Part(Box<Part>),
    /// It is larger than the limit; nothing is left of it.
    TooLarge,
    /// It is packed so that nobody can tell what it is; nothing is left of it.
    Garbled,
}

/// Unpacks a part into one beside it, as often as it is packed, and throws the packed one away. No more than `most` bytes
/// are written.
///
/// # Errors
/// Those of the disk; the part stays.
pub(super) fn unpack(mut part: Part, most: u64) -> Result<Unpacked, FetchError> {
    for _ in 0..LAYERS_MOST {
        let said = part.source.packing.clone();
        let Some(packing) = Packing::of(&part.head, said.as_deref()) else { return Ok(Unpacked::Part(Box::new(part))) };
        let mut inner = part.beside()?;
        let end = copy(packing.reader(io::BufReader::with_capacity(PIECE, part.reader()?)), &mut inner, most);
        let kind = Kind::of(&inner.head);
        let outcome = match end {
            Err(error) => {
                inner.discard();
                return Err(error);
            }
            Ok(End::TooLarge) => Some(Unpacked::TooLarge),
            // What follows the last byte of a picture is nobody's business.
            Ok(End::Broken) if kind.is_some_and(|kind| inner.is_whole(kind).unwrap_or(false)) => None,
            Ok(End::Broken) => Some(Unpacked::Garbled),
            Ok(End::Whole) => None,
        };
        part.discard();
        if let Some(outcome) = outcome {
            inner.discard();
            return Ok(outcome);
        }
        part = inner;
    }
    if Packing::of(&part.head, None).is_some() {
        part.discard();
        return Ok(Unpacked::Garbled);
    }
    Ok(Unpacked::Part(Box::new(part)))
}

enum End {
    Whole,
    Broken,
    TooLarge,
}

fn copy(mut from: impl Read, into: &mut Part, most: u64) -> Result<End, FetchError> {
    let mut buffer = vec![0; PIECE];
    loop {
        let n = match from.read(&mut buffer) {
            Ok(0) => return Ok(End::Whole),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return Ok(End::Broken),
        };
        if into.length + n as u64 > most {
            return Ok(End::TooLarge);
        }
        into.append(&buffer[..n])?;
        // A bomb that is no picture is known by its first bytes.
        if into.head.len() >= magic::HEAD && Kind::of(&into.head).is_none() && Packing::of(&into.head, None).is_none() {
            return Ok(End::Whole);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_tell_more_than_headers() {
        let png = b"\x89PNG\r\n\x1a\n0000";
        for said in [None, Some("gzip"), Some("br"), Some("deflate")] {
            assert_eq!(Packing::of(png, said), None, "{said:?}: a picture is a picture");
            assert_eq!(Packing::of(&[0x1f, 0x8b, 8, 0], said), Some(Packing::Gzip), "{said:?}");
            assert_eq!(Packing::of(&[0x78, 0x9c, 1], said), Some(Packing::Zlib), "{said:?}");
        }
        assert_eq!(Packing::of(&[0xeb, 0x0c], Some("Deflate")), Some(Packing::Deflate));
        assert_eq!(Packing::of(&[0x58, 0x85], Some("deflate")), Some(Packing::Zlib), "a smaller window");
        for said in [None, Some("br"), Some("gzip"), Some("")] {
            assert_eq!(Packing::of(&[0xeb, 0x0c], said), None, "{said:?}");
            assert_eq!(Packing::of(b"", said), None);
        }
        assert_eq!(Packing::of(b"", Some("deflate")), None);
    }
}
