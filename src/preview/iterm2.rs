//! iTerm2's inline pictures: a JPEG in one sequence.
//!
//! The form in several parts exists too, but tmux does not pass it on, and nothing here is long enough to need it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, RgbImage};

use super::tmux::{Wrap, wrapped_length};
use super::{Cells, Error};

/// A JPEG of this quality, 1 to 100.
///
/// # Errors
/// [`Error::Damaged`] for a picture without pixels, or with a side over 65,535.
pub fn jpeg(image: &RgbImage, quality: u8) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(image.len() / 12);
    JpegEncoder::new_with_quality(&mut out, quality.clamp(1, 100))
        .encode(image.as_raw(), image.width(), image.height(), ExtendedColorType::Rgb8)
        .map_err(|_| Error::Damaged)?;
    Ok(out)
}

/// The sequence that shows a picture file at the cursor, stretched over these cells.
pub fn inline(file: &[u8], cells: Cells, wrap: Wrap) -> Vec<u8> {
    let mut out = head(file.len(), cells).into_bytes();
    out.reserve(file.len() * 4 / 3 + 8);
    out.extend_from_slice(STANDARD.encode(file).as_bytes());
    out.push(b'\x07');
    wrap.wrap(out)
}

/// How many bytes [`inline`] makes of so many bytes of a file.
pub fn inlined(file: usize, cells: Cells, wrap: Wrap) -> usize {
    // One sequence begins with one escape character, which tmux wants twice.
    head(file, cells).len() + file.div_ceil(3) * 4 + 1 + wrapped_length(wrap).saturating_sub(1)
}

fn head(length: usize, cells: Cells) -> String {
    // The shape is right already: cells are whole, and a margin inside of them would show what stood there before.
    let Cells { columns, rows } = cells;
    format!("\x1b]1337;File=inline=1;size={length};width={columns};height={rows};preserveAspectRatio=0;doNotMoveCursor=1:")
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::preview::picture::low;

    #[test]
    fn the_file_stands_in_the_sequence() {
        let image = RgbImage::from_fn(64, 48, |x, y| Rgb([low(x * 4), low(y * 5), 90]));
        let file = jpeg(&image, 60).unwrap();
        for wrap in [Wrap::Plain, Wrap::Tmux] {
            let sequence = inline(&file, Cells::new(12, 5), wrap);
            assert_eq!(sequence.len(), inlined(file.len(), Cells::new(12, 5), wrap));
        }
        let sequence = String::from_utf8(inline(&file, Cells::new(12, 5), Wrap::Plain)).unwrap();
        let (head, text) = sequence.split_once(':').unwrap();
        assert!(head.starts_with("\x1b]1337;File=inline=1;") && head.contains("width=12;height=5;"), "{head:?}");
        assert_eq!(STANDARD.decode(text.strip_suffix('\x07').unwrap()).unwrap(), file);
        assert_eq!(image::load_from_memory(&file).unwrap().into_rgb8().dimensions(), (64, 48));
        assert_eq!(jpeg(&RgbImage::new(0, 0), 60), Err(Error::Damaged));
    }
}
