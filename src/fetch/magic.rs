//! What a file is, by its own bytes, and whether it is all there. Nothing is decoded.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

/// How many bytes from the beginning are looked at (docs/service.md §4.4).
pub(super) const HEAD: usize = 512;
/// The most pixels a picture may claim: no result is near it, and what claims more is made to hurt a viewer.
const PIXELS_MOST: u64 = 1 << 30;
/// The most parts a picture's file may have.
const PARTS_MOST: u32 = 1_000_000;

/// The kinds of picture that are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Png,
    Jpeg,
    Gif,
    WebP,
    Bmp,
    Tiff,
    Avif,
    Heic,
}

impl Kind {
    pub(super) const ALL: [Self; 8] =
        [Self::Png, Self::Jpeg, Self::WebP, Self::Gif, Self::Bmp, Self::Tiff, Self::Avif, Self::Heic];

    /// The file name extension.
    pub(super) fn ext(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Gif => "gif",
            Self::WebP => "webp",
            Self::Bmp => "bmp",
            Self::Tiff => "tiff",
            Self::Avif => "avif",
            Self::Heic => "heic",
        }
    }

    /// The kind by the first bytes.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            // "BM" alone is too little: the reserved fields are zero, and the pixels begin after the header.
            [b'B', b'M', _, _, _, _, 0, 0, 0, 0, a, b, c, d, ..] if u32::from_le_bytes([*a, *b, *c, *d]) >= 26 => Some(Self::Bmp),
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Self::Tiff),
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => brand(head),
            _ => None,
        }
    }

    /// Width and height as the head claims them, where they stand in it.
    fn size(self, head: &[u8]) -> Option<(u32, u32)> {
        let at = |place: usize, width: usize| head.get(place..place + width);
        let be = |place| at(place, 4).and_then(|b| Some(u32::from_be_bytes(b.try_into().ok()?)));
        let le = |place| at(place, 4).and_then(|b| Some(u32::from_le_bytes(b.try_into().ok()?)));
        let le16 = |place| at(place, 2).and_then(|b| Some(u32::from(u16::from_le_bytes(b.try_into().ok()?))));
        let le24 = |place| at(place, 3).map(|b| u32::from_le_bytes([b[0], b[1], b[2], 0]));
        match self {
            Self::Png => Some((be(16)?, be(20)?)),
            Self::Gif => Some((le16(6)?, le16(8)?)),
            Self::Bmp => Some((le(18)?, le(22)?.cast_signed().unsigned_abs())),
            Self::WebP => match at(12, 4)? {
                b"VP8X" => Some((le24(24)? + 1, le24(27)? + 1)),
                b"VP8 " => Some((le16(26)? & 0x3fff, le16(28)? & 0x3fff)),
                b"VP8L" => le(21).map(|bits| ((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1)),
                _ => None,
            },
            Self::Jpeg | Self::Tiff | Self::Avif | Self::Heic => None,
        }
    }

    /// Checks what the head claims of the picture's size.
    pub(super) fn check_size(self, head: &[u8]) -> Result<(), BadSize> {
        match self.size(head) {
            Some((0, _) | (_, 0)) => Err(BadSize::NoPixels),
            Some((wide, high)) if u64::from(wide) * u64::from(high) > PIXELS_MOST => Err(BadSize::TooMany(wide, high)),
            _ => Ok(()),
        }
    }
}

/// A size that no result has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum BadSize {
    /// The bytes are damaged.
    #[error("the picture claims to have no pixels")]
    NoPixels,
    /// It would hurt a viewer.
    #[error("the picture claims {0}×{1} pixels, more than any real result has")]
    TooMany(u32, u32),
}

/// AVIF or HEIC by the brands of the `ftyp` box (ISO 14496-12).
fn brand(head: &[u8]) -> Option<Kind> {
    let length = u32::from_be_bytes(head[..4].try_into().ok()?) as usize;
    let brands = head.get(8..length.clamp(12, head.len().max(12)))?;
    brands.chunks_exact(4).enumerate().filter(|(place, _)| *place != 1).find_map(|(_, brand)| match brand {
        b"avif" | b"avis" => Some(Kind::Avif),
        b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" | b"mif1" | b"msf1" => Some(Kind::Heic),
        _ => None,
    })
}

/// The file name extension for a whole picture of a kind that is taken, by its bytes alone.
///
/// # Errors
/// A sentence that says why these bytes would not be kept as a result.
pub fn picture_ext(bytes: &[u8]) -> Result<&'static str, String> {
    let head = &bytes[..bytes.len().min(HEAD)];
    if is_page(head) {
        return Err("a web page instead of a picture".into());
    }
    let kind = Kind::of(head).ok_or("no picture of a known kind")?;
    kind.check_size(head).map_err(|bad| bad.to_string())?;
    match is_whole(kind, io::Cursor::new(bytes), bytes.len() as u64) {
        Ok(true) => Ok(kind.ext()),
        Ok(false) => Err("the end of the picture is missing".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether bytes begin like a page or another text made for a browser.
pub(super) fn is_page(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}').to_ascii_lowercase();
    ["<!doctype", "<html", "<head", "<body", "<script", "<?xml", "<!--", "<svg"].iter().any(|start| text.starts_with(start))
}

/// Whether the file is whole by its own structure: PNG to its `IEND`, JPEG to its end mark, WebP and the box formats to
/// the sizes they name. For the others the declared length has to do.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn is_whole(kind: Kind, file: impl Read + Seek, length: u64) -> io::Result<bool> {
    let mut file = BufReader::with_capacity(64 * 1024, file);
    file.seek(SeekFrom::Start(0))?;
    let whole = match kind {
        Kind::Png => png(&mut file, length),
        Kind::Jpeg => jpeg(&mut file),
        Kind::WebP => {
            let [_, size] = words(&mut file)?;
            Ok(u64::from(size.swap_bytes()) + 8 <= length)
        }
        Kind::Avif | Kind::Heic => boxes(&mut file, length),
        Kind::Gif | Kind::Bmp | Kind::Tiff => Ok(length > 26),
    };
    match whole {
        // The end of the file in the middle of a part.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        other => other,
    }
}

/// Two big-endian words.
fn words(file: &mut impl Read) -> io::Result<[u32; 2]> {
    let mut first = [0; 4];
    let mut second = [0; 4];
    file.read_exact(&mut first)?;
    file.read_exact(&mut second)?;
    Ok([u32::from_be_bytes(first), u32::from_be_bytes(second)])
}

fn png(file: &mut (impl Read + Seek), length: u64) -> io::Result<bool> {
    let mut at = 8;
    let mut has_pixels = false;
    for _ in 0..PARTS_MOST {
        file.seek(SeekFrom::Start(at))?;
        let [size, name] = words(file)?;
        // Length, name and checksum are twelve bytes.
        at += 12 + u64::from(size);
        if at > length {
            return Ok(false);
        }
        match &name.to_be_bytes() {
            b"IDAT" => has_pixels = true,
            b"IEND" => return Ok(has_pixels),
            _ => {}
        }
    }
    Ok(false)
}

/// Walks the segments and the coded data between them up to the end mark. Searching for the mark alone would find that
/// of a thumbnail inside.
fn jpeg(file: &mut BufReader<impl Read + Seek>) -> io::Result<bool> {
    let mut byte = [0; 1];
    let mut next = |file: &mut BufReader<_>| Read::read_exact(file, &mut byte).map(|()| byte[0]);
    next(file)?;
    next(file)?;
    let mut has_scan = false;
    loop {
        // To the next mark: coded data before it, fill bytes within it.
        loop {
            let buffer = file.fill_buf()?;
            if buffer.is_empty() {
                return Ok(false);
            }
            if let Some(place) = buffer.iter().position(|b| *b == 0xff) {
                file.consume(place + 1);
                break;
            }
            let all = buffer.len();
            file.consume(all);
        }
        let mut mark = next(file)?;
        while mark == 0xff {
            mark = next(file)?;
        }
        match mark {
            0xd9 => return Ok(has_scan),
            // A stuffed byte of the data, or marks without a segment.
            0x00 | 0x01 | 0xd0..=0xd8 => {}
            _ => {
                has_scan |= mark == 0xda;
                let size = i64::from(next(file)?) << 8 | i64::from(next(file)?);
                file.seek_relative((size - 2).max(0))?;
            }
        }
    }
}

fn boxes(file: &mut (impl Read + Seek), length: u64) -> io::Result<bool> {
    let mut at: u64 = 0;
    for _ in 0..PARTS_MOST {
        if at == length {
            return Ok(at > 0);
        }
        file.seek(SeekFrom::Start(at))?;
        let [size, _] = words(file)?;
        let size = match size {
            0 => return Ok(true),
            1 => words(file).map(|[high, low]| u64::from(high) << 32 | u64::from(low))?,
            size => u64::from(size),
        };
        at = at.saturating_add(size);
        if size < 8 || at > length {
            return Ok(false);
        }
    }
    Ok(false)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Cursor;

    use super::*;
    use proptest::prelude::*;

    /// A real picture of the kind, made by the image library.
    pub(in crate::fetch) fn picture(kind: Kind, side: u32) -> Vec<u8> {
        let format = match kind {
            Kind::Jpeg => image::ImageFormat::Jpeg,
            Kind::WebP => image::ImageFormat::WebP,
            _ => image::ImageFormat::Png,
        };
        let pixels = image::RgbImage::from_fn(side, side, |x, y| {
            let noise = (x * 7919 + y * 104_729) ^ (x * y);
            image::Rgb(noise.to_le_bytes()[..3].try_into().unwrap())
        });
        let mut out = Cursor::new(Vec::new());
        pixels.write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    fn whole(kind: Kind, bytes: &[u8]) -> bool {
        is_whole(kind, Cursor::new(bytes), bytes.len() as u64).unwrap()
    }

    #[test]
    fn kinds_are_known_by_their_first_bytes() {
        for (head, kind) in [
            (b"\x89PNG\r\n\x1a\n".as_slice(), Some(Kind::Png)),
            (b"\xff\xd8\xff\xe0", Some(Kind::Jpeg)),
            (b"GIF89a", Some(Kind::Gif)),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some(Kind::WebP)),
            (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0", Some(Kind::Bmp)),
            (b"BMW is no picture", None),
            (b"II\x2a\0\x08", Some(Kind::Tiff)),
            (b"MM\0\x2a", Some(Kind::Tiff)),
            (b"\0\0\0\x1cftypavif\0\0\0\0", Some(Kind::Avif)),
            (b"\0\0\0\x18ftypmif1\0\0\0\0heic", Some(Kind::Heic)),
            (b"\0\0\0\x18ftypisom\0\0\0\0mp41", None),
            (b"\0\0\0\0ftyp", None),
            (b"<html>", None),
            (b"", None),
        ] {
            assert_eq!(Kind::of(head), kind, "{head:?}");
        }
        assert!(is_page(b"  \n<!DOCTYPE html>") && is_page("\u{feff}<HTML>".as_bytes()) && !is_page(b"\x89PNG"));
    }

    #[test]
    fn a_picture_is_whole_only_with_its_last_byte() {
        for kind in [Kind::Png, Kind::Jpeg, Kind::WebP] {
            let bytes = picture(kind, 24);
            assert_eq!(Kind::of(&bytes), Some(kind));
            assert_eq!(kind.check_size(&bytes[..bytes.len().min(HEAD)]), Ok(()));
            assert!(whole(kind, &bytes), "{kind:?}");
            for cut in 12..bytes.len() {
                assert!(!whole(kind, &bytes[..cut]), "{kind:?} cut at {cut} of {}", bytes.len());
            }
            let more = [bytes.as_slice(), b"trailing"].concat();
            assert!(whole(kind, &more), "{kind:?} with more after it");
        }
    }

    #[test]
    fn a_thumbnail_inside_is_not_taken_for_the_end() {
        let small = picture(Kind::Jpeg, 8);
        let large = picture(Kind::Jpeg, 64);
        let size = u16::try_from(small.len() + 2).unwrap().to_be_bytes();
        let with = [&large[..2], &[0xff, 0xe1], &size, &small, &large[2..]].concat();
        assert!(whole(Kind::Jpeg, &with));
        assert!(!whole(Kind::Jpeg, &with[..with.len() - 2]));
    }

    #[test]
    fn boxes_are_followed_to_the_end() {
        let avif = b"\0\0\0\x10ftypavif\0\0\0\0\0\0\0\x0cmdatXXXX";
        assert!(whole(Kind::Avif, avif));
        assert!(!whole(Kind::Avif, &avif[..avif.len() - 1]));
        assert!(!whole(Kind::Avif, b"\0\0\0\x02ftypavif"));
        assert!(whole(Kind::Avif, b"\0\0\0\x00ftypavif"));
    }

    #[test]
    fn a_bomb_is_known_by_its_head() {
        let mut bytes = picture(Kind::Png, 8);
        bytes[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
        assert!(Kind::Png.check_size(&bytes).unwrap_err().to_string().contains("65536×65536"));
        bytes[16..20].fill(0);
        assert_eq!(Kind::Png.check_size(&bytes), Err(BadSize::NoPixels));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let known = Kind::of(&bytes);
            for kind in Kind::ALL {
                let _ = (kind.check_size(&bytes), is_whole(kind, Cursor::new(&bytes), bytes.len() as u64));
            }
            prop_assert!(known.is_none() || !is_page(&bytes));
        }
    }
}
