//! Pictures made on the fly: a small landscape, different for every motif, and a blurry sketch of the same one for its draft.
//!
//! Speed matters more than art: a test run makes hundreds of them in a build without optimisation. So the sky is worked out on a coarse grid
//! and enlarged by the `image` crate, and the hills are copied in columns; both run in code that is optimised in every profile.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType as PngFilter, PngEncoder};
use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, RgbImage};
use serde::Deserialize;

use super::rng::{mix, unit};

/// The file type of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PictureFormat {
    /// PNG.
    #[default]
    Png,
    /// JPEG.
    Jpeg,
    /// WebP without loss.
    Webp,
}

impl PictureFormat {
    /// The extension at the end of a link, without a dot.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
        }
    }

    /// The media type a server names for it.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }
}

/// What a picture shows and how it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Picture {
    /// Decides colours, sun and hills; the draft and its enhanced picture share it.
    pub motif: u64,
    /// Width and height in pixels.
    pub size: u32,
    /// Whether it is the blurry sketch of a draft.
    pub sketch: bool,
    /// File type.
    pub format: PictureFormat,
}

/// Sky at the top, sky at the horizon, sun, far hills, near hills.
const PALETTES: [[[u8; 3]; 5]; 8] = [
    [[38, 52, 104], [247, 166, 117], [255, 226, 168], [120, 92, 140], [34, 30, 58]],
    [[92, 158, 206], [226, 240, 232], [255, 250, 220], [118, 164, 146], [26, 70, 64]],
    [[24, 20, 52], [112, 64, 132], [240, 214, 236], [72, 52, 112], [14, 12, 34]],
    [[232, 144, 96], [252, 216, 148], [255, 246, 214], [196, 96, 84], [74, 30, 50]],
    [[44, 96, 112], [168, 206, 188], [250, 232, 188], [84, 132, 124], [18, 44, 56]],
    [[148, 168, 200], [246, 214, 222], [255, 244, 236], [166, 144, 178], [62, 54, 92]],
    [[18, 44, 76], [70, 150, 160], [214, 244, 222], [40, 92, 112], [8, 26, 44]],
    [[206, 178, 120], [246, 232, 196], [255, 252, 232], [176, 138, 96], [86, 58, 44]],
];

/// Side of the coarse grid on which the sky is worked out.
const COARSE: u32 = 48;

impl Picture {
    /// The bytes of the file.
    pub(super) fn encode(self) -> Vec<u8> {
        let image = if self.sketch {
            // A sketch keeps only what 40 pixels can hold, so the finished picture has something to add.
            landscape(self.motif, 40).resize_exact(self.size, self.size, FilterType::Triangle)
        } else {
            landscape(self.motif, self.size)
        };
        let mut bytes = Vec::new();
        let written = match self.format {
            PictureFormat::Png => {
                image.write_with_encoder(PngEncoder::new_with_quality(&mut bytes, CompressionType::Level(1), PngFilter::Up))
            }
            PictureFormat::Jpeg => image.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, 88)),
            PictureFormat::Webp => image.write_to(Cursor::new(&mut bytes), ImageFormat::WebP),
        };
        debug_assert!(written.is_ok(), "a picture in memory is encoded: {written:?}");
        bytes
    }
}

fn blend(from: [f64; 3], to: [f64; 3], share: f64) -> [f64; 3] {
    let share = share.clamp(0.0, 1.0);
    [from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share, from[2] + (to[2] - from[2]) * share]
}

fn floats(colour: [u8; 3]) -> [f64; 3] {
    colour.map(f64::from)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte first")]
fn bytes(colour: [f64; 3]) -> [u8; 3] {
    colour.map(|part| part.round().clamp(0.0, 255.0) as u8)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "both ends are clamped to the picture")]
fn landscape(motif: u64, size: u32) -> DynamicImage {
    let random = |n: u64| unit(mix(motif, n));
    let palette = PALETTES[(mix(motif, 1) % 8) as usize];
    let [top, horizon, sun, far, near] = palette.map(floats);
    let (sun_x, sun_y, sun_r) = (0.2 + 0.6 * random(2), 0.18 + 0.3 * random(3), 0.05 + 0.07 * random(4));

    // The sky: two colours, a glow round the sun, and bands of thin cloud.
    let grid = f64::from(COARSE);
    let mut sky = RgbImage::new(COARSE, COARSE);
    for (x, y, pixel) in sky.enumerate_pixels_mut() {
        let (u, v) = (f64::from(x) / grid, f64::from(y) / grid);
        let mut colour = blend(top, horizon, v * 1.35);
        let wave =
            (v * (18.0 + 14.0 * random(5)) + (u * 5.0 + random(6) * 6.0).sin() * 1.4).sin() * (u * 3.0 + random(7) * 6.0).cos();
        colour = blend(colour, sun, (wave - 0.35) * 0.4);
        let distance = ((u - sun_x).powi(2) + (v - sun_y).powi(2)).sqrt();
        colour = blend(colour, sun, 0.75 * (-distance / (sun_r * 2.6)).exp());
        pixel.0 = bytes(colour);
    }
    // Rows of this buffer are columns of the picture, so that a hill is one copy a column; the turn at the end puts it upright.
    let sky = DynamicImage::ImageRgb8(sky).rotate90().fliph();
    let mut turned = sky.resize_exact(size, size, FilterType::Triangle).into_rgb8();

    let rows = size as usize;
    let scale = f64::from(size);
    let disc = bytes(blend(sun, [255.0; 3], 0.45)).repeat(rows);
    let layers: Vec<Layer> = (0..4).map(|n| Layer::new(motif, n, far, near, horizon, size)).collect();
    for (x, column) in turned.chunks_exact_mut(rows * 3).enumerate() {
        let u = (f64::from(u32::try_from(x).unwrap_or(size)) + 0.5) / scale;
        let reach = sun_r * sun_r - (u - sun_x).powi(2);
        if reach > 0.0 {
            let half = reach.sqrt();
            let from = ((sun_y - half).max(0.0) * scale) as usize;
            let to = (((sun_y + half) * scale) as usize).clamp(from, rows);
            column[from * 3..to * 3].copy_from_slice(&disc[..(to - from) * 3]);
        }
        for layer in &layers {
            let start = (layer.height(u) * scale).clamp(0.0, scale - 1.0);
            let row = start as usize;
            column[row * 3..].copy_from_slice(&layer.ramp[..(rows - row) * 3]);
        }
    }
    DynamicImage::ImageRgb8(turned).rotate90().fliph()
}

/// One range of hills.
struct Layer {
    base: f64,
    waves: [(f64, f64, f64); 3],
    /// The colours from its edge downwards.
    ramp: Vec<u8>,
}

impl Layer {
    fn new(motif: u64, n: u32, far: [f64; 3], near: [f64; 3], mist: [f64; 3], size: u32) -> Self {
        let random = |k: u64| unit(mix(motif, 100 + u64::from(n) * 20 + k));
        let depth = f64::from(n) / 3.0;
        let colour = blend(far, near, depth);
        let waves = [
            (2.0 + 3.0 * random(1), 6.3 * random(2), 0.055 - 0.02 * depth),
            (6.0 + 6.0 * random(3), 6.3 * random(4), 0.022),
            (19.0 + 14.0 * random(5), 6.3 * random(6), 0.006 + 0.004 * depth),
        ];
        let mut ramp = Vec::with_capacity(size as usize * 3);
        for y in 0..size {
            // Mist gathers at the foot of the far hills.
            let share = (f64::from(y) / f64::from(size) * 2.4).min(1.0) * (1.0 - depth) * 0.75;
            ramp.extend_from_slice(&bytes(blend(colour, mist, share)));
        }
        Self { base: 0.5 + 0.13 * f64::from(n) + 0.04 * random(7), waves, ramp }
    }

    /// How far below the top of the picture the edge lies, as a share.
    fn height(&self, u: f64) -> f64 {
        self.waves.iter().fold(self.base, |sum, (turns, shift, size)| sum + (u * turns + shift).sin() * size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_every_format_open_again() {
        for format in [PictureFormat::Png, PictureFormat::Jpeg, PictureFormat::Webp] {
            let bytes = Picture { motif: 7, size: 96, sketch: false, format }.encode();
            let image = image::load_from_memory(&bytes).expect("the file opens");
            assert_eq!((image.width(), image.height()), (96, 96), "{format:?}");
        }
    }

    #[test]
    fn a_sketch_looks_like_its_picture_and_unlike_another() {
        let small = |motif, sketch| {
            let bytes = Picture { motif, size: 128, sketch, format: PictureFormat::Png }.encode();
            image::load_from_memory(&bytes).expect("opens").resize_exact(8, 8, FilterType::Triangle).into_rgb8()
        };
        let distance = |a: &RgbImage, b: &RgbImage| -> u64 {
            a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum()
        };
        for motif in 1..6 {
            let own = distance(&small(motif, true), &small(motif, false));
            let other = distance(&small(motif, true), &small(motif + 50, false));
            assert!(own * 3 < other, "motif {motif}: own {own}, other {other}");
        }
    }
}
