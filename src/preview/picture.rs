//! A decoded picture.

use image::imageops::FilterType;
use image::{DynamicImage, RgbImage, RgbaImage};

use super::Pixels;

/// A decoded picture. It lives for one turn of the thread that decoded it: its pixels are 3 to 12 MB as a rule.
pub struct Picture {
    image: DynamicImage,
    several: bool,
}

impl Picture {
    pub(super) fn new(image: DynamicImage, several: bool) -> Self {
        // Transparent parts are shown over black; the most common form is brought to colours in its own memory.
        let image = match image {
            DynamicImage::ImageRgba8(rgba) => DynamicImage::ImageRgb8(flatten(rgba)),
            other => other,
        };
        Self { image, several }
    }

    /// Width and height.
    pub fn size(&self) -> Pixels {
        Pixels::new(self.image.width(), self.image.height())
    }

    /// Whether the file holds several frames, of which this is the first.
    pub fn is_first_of_several(&self) -> bool {
        self.several
    }

    /// The picture in another size, stretched if the shape differs.
    pub fn scaled(&self, to: Pixels) -> RgbImage {
        resize(&self.image, to)
    }
}

impl From<RgbImage> for Picture {
    fn from(image: RgbImage) -> Self {
        Self { image: DynamicImage::ImageRgb8(image), several: false }
    }
}

pub(super) fn resize(image: &DynamicImage, to: Pixels) -> RgbImage {
    let (width, height) = (to.width.max(1), to.height.max(1));
    let resized = if (width, height) == (image.width(), image.height()) {
        image.clone()
    } else if width <= image.width() && height <= image.height() {
        image.thumbnail_exact(width, height)
    } else {
        image.resize_exact(width, height, FilterType::Triangle)
    };
    match resized {
        DynamicImage::ImageRgb8(rgb) => rgb,
        other if other.color().has_alpha() => flatten(other.into_rgba8()),
        other => other.into_rgb8(),
    }
}

fn flatten(rgba: RgbaImage) -> RgbImage {
    let (width, height) = rgba.dimensions();
    let mut raw = rgba.into_raw();
    let count = raw.len() / 4;
    for pixel in 0..count {
        let alpha = u16::from(raw[4 * pixel + 3]);
        for channel in 0..3 {
            let value = raw[4 * pixel + channel];
            // Exact at both ends, and within the range of a byte in between.
            raw[3 * pixel + channel] =
                if alpha == 255 { value } else { u8::try_from(u16::from(value) * alpha / 255).unwrap_or(value) };
        }
    }
    raw.truncate(3 * count);
    RgbImage::from_raw(width, height, raw).unwrap_or_else(|| RgbImage::new(width, height))
}

/// The lowest byte of a number, for pictures of tests.
#[cfg(test)]
pub(super) fn low(value: u32) -> u8 {
    value.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use image::Rgba;

    use super::*;

    #[test]
    fn transparent_parts_are_black() {
        let rgba = RgbaImage::from_fn(2, 2, |x, y| if x == y { Rgba([200, 100, 50, 255]) } else { Rgba([200, 100, 50, 0]) });
        let half = RgbaImage::from_pixel(1, 1, Rgba([200, 100, 50, 128]));
        let picture = Picture::new(DynamicImage::ImageRgba8(rgba), false);
        let shown = picture.scaled(Pixels::new(2, 2));
        assert_eq!(shown.get_pixel(0, 0).0, [200, 100, 50]);
        assert_eq!(shown.get_pixel(1, 0).0, [0, 0, 0]);
        assert_eq!(flatten(half).get_pixel(0, 0).0, [100, 50, 25]);
        let deep = DynamicImage::ImageRgba8(RgbaImage::from_pixel(3, 3, Rgba([9, 9, 9, 0]))).into_rgba16();
        assert_eq!(Picture::new(DynamicImage::ImageRgba16(deep), false).scaled(Pixels::new(1, 1)).get_pixel(0, 0).0, [0; 3]);
    }
}
