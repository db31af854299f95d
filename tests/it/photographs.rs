//! Six pictures as a camera might have made them: broad light, shapes with edges, and detail that gets fainter the finer it is.
//!
//! They are worked out from nothing, the same on every machine. Noise is drawn coarse and enlarged by the `image` crate,
//! whose code is optimised in every profile.

use image::imageops::FilterType;
use image::{DynamicImage, Rgb, RgbImage};

/// Width and height.
pub const SIDE: u32 = 640;

/// What a photograph shows.
pub struct Subject {
    pub name: &'static str,
    seed: u64,
    /// Colours at the top and at the bottom.
    light: [[i32; 3]; 2],
    /// Strength of the noise, from coarse to fine: 5, 10, 20, 40, 80, 160, 320, 640 points a side.
    noise: [i32; 8],
    /// Ellipses: middle, radii and colour, in thousandths of the side.
    shapes: &'static [([i32; 4], [i32; 3])],
}

pub const SUBJECTS: [Subject; 6] = [
    Subject {
        name: "fur",
        seed: 1,
        light: [[150, 120, 90], [110, 90, 70]],
        noise: [10, 10, 10, 9, 11, 15, 15, 8],
        shapes: &[([330, 400, 50, 60], [30, 40, 30]), ([640, 400, 50, 60], [30, 40, 30]), ([490, 640, 80, 50], [70, 45, 45])],
    },
    Subject {
        name: "portrait",
        seed: 2,
        light: [[70, 90, 110], [40, 50, 60]],
        noise: [10, 8, 6, 4, 3, 4, 4, 3],
        shapes: &[
            ([500, 900, 420, 300], [60, 40, 70]),
            ([500, 430, 230, 300], [205, 160, 135]),
            ([420, 380, 36, 18], [60, 50, 45]),
            ([580, 380, 36, 18], [60, 50, 45]),
            ([500, 570, 70, 20], [170, 90, 90]),
        ],
    },
    Subject {
        name: "coffee",
        seed: 3,
        light: [[120, 90, 60], [160, 120, 80]],
        noise: [10, 8, 8, 6, 6, 7, 7, 4],
        shapes: &[
            ([500, 520, 380, 340], [225, 220, 210]),
            ([500, 500, 300, 260], [240, 236, 230]),
            ([500, 500, 260, 220], [70, 40, 25]),
            ([520, 480, 120, 90], [190, 150, 110]),
        ],
    },
    Subject {
        name: "flower",
        seed: 4,
        light: [[60, 110, 50], [30, 70, 30]],
        noise: [14, 10, 8, 6, 5, 5, 5, 3],
        shapes: &[
            ([300, 400, 210, 120], [220, 60, 120]),
            ([690, 400, 210, 120], [225, 70, 130]),
            ([400, 650, 130, 210], [210, 50, 110]),
            ([610, 650, 130, 210], [215, 60, 125]),
            ([500, 270, 120, 200], [230, 80, 140]),
            ([500, 480, 110, 110], [240, 200, 60]),
        ],
    },
    Subject {
        name: "pagoda",
        seed: 5,
        light: [[235, 190, 195], [120, 130, 110]],
        noise: [10, 8, 9, 9, 9, 10, 9, 4],
        shapes: &[
            ([500, 850, 330, 160], [150, 50, 40]),
            ([500, 620, 260, 60], [90, 30, 30]),
            ([500, 480, 220, 60], [160, 60, 45]),
            ([500, 330, 170, 50], [95, 35, 30]),
            ([500, 180, 40, 120], [170, 120, 60]),
        ],
    },
    Subject {
        name: "rocket",
        seed: 6,
        light: [[10, 15, 40], [120, 70, 60]],
        noise: [8, 7, 6, 4, 3, 3, 3, 3],
        shapes: &[
            ([500, 420, 60, 300], [220, 220, 225]),
            ([500, 760, 90, 160], [255, 200, 90]),
            ([500, 860, 200, 160], [200, 180, 170]),
        ],
    },
];

impl Subject {
    /// The photograph.
    pub fn photograph(&self) -> RgbImage {
        let mut random = fastrand::Rng::with_seed(self.seed);
        let planes: Vec<(i32, RgbImage)> = (0..)
            .zip(self.noise)
            .map(|(octave, strength)| {
                let side = 5 << octave;
                // Brightness differs more than colour does.
                let coarse = RgbImage::from_fn(side, side, |_, _| {
                    let bright = random.i32(-100..=100);
                    Rgb([0; 3].map(|_| byte(128 + bright + random.i32(-6..=6))))
                });
                (strength, DynamicImage::ImageRgb8(coarse).resize_exact(SIDE, SIDE, FilterType::CatmullRom).into_rgb8())
            })
            .collect();
        let sums = |x: u32, y: u32| {
            planes.iter().fold([0; 3], |mut sum: [i32; 3], (strength, plane)| {
                for (sum, value) in sum.iter_mut().zip(plane.get_pixel(x, y).0) {
                    *sum += (i32::from(value) - 128) * strength / 128;
                }
                sum
            })
        };
        RgbImage::from_fn(SIDE, SIDE, |x, y| {
            let (across, down) = (as_i32(x) * 1_000 / as_i32(SIDE), as_i32(y) * 1_000 / as_i32(SIDE));
            let inside = |([middle_x, middle_y, wide, high], colour): &([i32; 4], [i32; 3])| {
                let (dx, dy) = ((across - middle_x) * 1_000 / wide, (down - middle_y) * 1_000 / high);
                let far = dx * dx + dy * dy;
                // Darker towards the edge, as round things are.
                (far < 1_000_000).then(|| colour.map(|part| part - part * (far / 1_000) / 3_000))
            };
            let light = [0, 1, 2].map(|at| self.light[0][at] + (self.light[1][at] - self.light[0][at]) * down / 1_000);
            let base = self.shapes.iter().rev().find_map(inside).unwrap_or(light);
            let noise = sums(x, y);
            Rgb([0, 1, 2].map(|at| byte(base[at] + noise[at])))
        })
    }
}

fn as_i32(value: u32) -> i32 {
    i32::try_from(value).expect("a side")
}

fn byte(value: i32) -> u8 {
    u8::try_from(value.clamp(0, 255)).expect("within a byte")
}
