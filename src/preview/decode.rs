//! From a file to pixels, within limits.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder, ImageError};

use super::header::{self, Header, Kind};
use super::{Error, Picture, Pixels};

/// What texts and colour profile of a PNG may take, in bytes. The largest profile in use has about two million; one that is
/// larger is left out, as it is not used here.
const BESIDE_PIXELS: u64 = 1 << 20;

/// What a picture may take. The result of a job has 1 to 4 million pixels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The longest file, in bytes.
    pub file: u64,
    /// The longest side, in pixels.
    pub side: u32,
    /// The most pixels.
    pub pixels: u64,
    /// The most memory while decoding, in bytes.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file: 64 << 20, side: 16_384, pixels: 24_000_000, memory: 96 << 20 }
    }
}

impl Limits {
    fn check(&self, header: &Header, file: u64) -> Result<(), Error> {
        let size = header.size;
        if size.longer() > self.side || size.count() > self.pixels {
            return Err(Error::TooLarge { size });
        }
        let bytes = header.memory(file);
        if bytes > self.memory {
            return Err(Error::TooMuchMemory { size, bytes });
        }
        Ok(())
    }

    /// What the decoder of a PNG may take: the pixels, and a little. Else it would unpack a colour profile to any length.
    fn for_png(self, header: &Header) -> image::Limits {
        let memory = header.memory(0).saturating_add(BESIDE_PIXELS).min(self.memory);
        let mut limits = self.of_crate();
        limits.max_alloc = Some(memory);
        limits
    }

    fn of_crate(self) -> image::Limits {
        let mut limits = image::Limits::default();
        limits.max_image_width = Some(self.side);
        limits.max_image_height = Some(self.side);
        limits.max_alloc = Some(self.memory);
        limits
    }
}

/// Decodes a PNG, JPEG or WebP file. Of several frames the first is taken.
///
/// # Errors
/// The file cannot be read, is over a limit, of another kind, cut off or damaged. A panic of a decoder is an error too.
pub fn decode(path: &Path, limits: &Limits) -> Result<Picture, Error> {
    // Before it is opened: opening a pipe would wait for its other end.
    if !fs::metadata(path)?.is_file() {
        return Err(Error::NotAFile);
    }
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    decode_from(BufReader::with_capacity(64 << 10, file), length, limits)
}

/// Decodes what a reader gives from its beginning; `length` is the number of its bytes.
///
/// # Errors
/// As [`decode`].
pub fn decode_from(mut from: impl BufRead + Seek, length: u64, limits: &Limits) -> Result<Picture, Error> {
    if length > limits.file {
        return Err(Error::FileTooLarge { bytes: length });
    }
    let header = header::read(&mut from)?;
    limits.check(&header, length)?;
    from.rewind()?;
    header::check_parts(header.kind, &mut from)?;
    from.rewind()?;
    // The reader is not used again after a panic.
    catch_unwind(AssertUnwindSafe(|| pixels(from, &header, limits))).unwrap_or(Err(Error::Panicked))
}

fn pixels(from: impl BufRead + Seek, header: &Header, limits: &Limits) -> Result<Picture, Error> {
    let size = header.size;
    let failed = |error: ImageError| failed(&error, size);
    let (image, several) = match header.kind {
        Kind::Png => {
            let decoder = PngDecoder::with_limits(from, limits.for_png(header)).map_err(failed)?;
            let several = decoder.is_apng().map_err(failed)?;
            (whole(decoder, size, limits)?, several)
        }
        Kind::Jpeg => (whole(JpegDecoder::new(from).map_err(failed)?, size, limits)?, false),
        Kind::WebP => {
            let decoder = WebPDecoder::new(from).map_err(failed)?;
            let several = decoder.has_animation();
            (whole(decoder, size, limits)?, several)
        }
    };
    Ok(Picture::new(image, several))
}

fn whole(mut decoder: impl ImageDecoder, size: Pixels, limits: &Limits) -> Result<DynamicImage, Error> {
    let (width, height) = decoder.dimensions();
    if Pixels::new(width, height) != size {
        return Err(Error::Damaged);
    }
    decoder.set_limits(limits.of_crate()).map_err(|error| failed(&error, size))?;
    if decoder.total_bytes() > limits.memory {
        return Err(Error::TooMuchMemory { size, bytes: decoder.total_bytes() });
    }
    DynamicImage::from_decoder(decoder).map_err(|error| failed(&error, size))
}

fn failed(error: &ImageError, size: Pixels) -> Error {
    match error {
        ImageError::Limits(_) => Error::TooLarge { size },
        ImageError::IoError(error) if !matches!(error.kind(), std::io::ErrorKind::UnexpectedEof) => {
            Error::Unreadable(error.kind())
        }
        _ => Error::Damaged,
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
