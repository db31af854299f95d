//! A picture with few colours, chosen for it: cuts of the greatest variance.
//!
//! The colours of the picture, brought to 32 levels a channel, are cut in two again and again: always the group that is
//! spread the most, along the channel in which it is spread the most, where both halves come out tightest. One round of
//! nearest neighbours afterwards repairs what straight cuts do wrong. No dithering: at the size of a preview it costs a
//! quarter more bytes and looks worse.

use image::RgbImage;

use super::Pixels;

/// A picture by palette.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Indexed {
    /// Width and height.
    pub size: Pixels,
    /// The colours, dark to light; 1 to 256.
    pub palette: Vec<[u8; 3]>,
    /// For each pixel, row by row, its place in the palette.
    pub pixels: Vec<u8>,
}

/// A point of the histogram.
#[derive(Clone, Copy)]
struct Point {
    bin: u16,
    count: f32,
    /// Weighted by how well the eye sees the channel.
    at: [f32; 3],
}

/// How much an error of a channel is seen, as factors of the distance itself.
const WEIGHTS: [f32; 3] = [1.0, 1.4, 0.8];

struct Histogram {
    counts: Vec<u32>,
    sums: Vec<[u32; 3]>,
}

fn bin(pixel: [u8; 3]) -> usize {
    let [r, g, b] = pixel.map(|value| usize::from(value >> 3));
    r << 10 | g << 5 | b
}

impl Histogram {
    fn of(pixels: impl Iterator<Item = [u8; 3]>) -> Self {
        let mut histogram = Self { counts: vec![0; 1 << 15], sums: vec![[0; 3]; 1 << 15] };
        for pixel in pixels {
            let bin = bin(pixel);
            histogram.counts[bin] += 1;
            for (sum, value) in histogram.sums[bin].iter_mut().zip(pixel) {
                *sum += u32::from(value);
            }
        }
        histogram
    }

    #[expect(clippy::cast_precision_loss, reason = "a preview has far fewer pixels than an f32 counts")]
    fn points(&self) -> Vec<Point> {
        (0..1 << 15_u16)
            .zip(self.counts.iter().zip(&self.sums))
            .filter(|(_, (count, _))| **count > 0)
            .map(|(bin, (count, sums))| {
                let count = *count as f32;
                let mut at = [0.0; 3];
                for channel in 0..3 {
                    at[channel] = sums[channel] as f32 / count * WEIGHTS[channel];
                }
                Point { bin, count, at }
            })
            .collect()
    }
}

/// Sums over a group of points.
#[derive(Clone, Copy, Default)]
struct Sums {
    count: f32,
    sum: [f32; 3],
    squares: [f32; 3],
}

impl Sums {
    fn add(&mut self, point: &Point) {
        self.count += point.count;
        for channel in 0..3 {
            self.sum[channel] += point.at[channel] * point.count;
            self.squares[channel] += point.at[channel] * point.at[channel] * point.count;
        }
    }

    fn spread(&self, channel: usize) -> f32 {
        (self.squares[channel] - self.sum[channel] * self.sum[channel] / self.count.max(1.0)).max(0.0)
    }

    /// The greater, the tighter the group is around its mean, compared with other cuts of the same points.
    fn gain(&self) -> f32 {
        self.sum.iter().map(|sum| sum * sum).sum::<f32>() / self.count.max(1.0)
    }

    fn mean(&self) -> [f32; 3] {
        self.sum.map(|sum| sum / self.count.max(1.0))
    }
}

struct Group {
    from: usize,
    to: usize,
    sums: Sums,
    spread: f32,
    axis: usize,
}

impl Group {
    fn of(points: &[Point], from: usize, to: usize) -> Self {
        let mut sums = Sums::default();
        for point in &points[from..to] {
            sums.add(point);
        }
        let spreads = [0, 1, 2].map(|channel| sums.spread(channel));
        let axis = (0..3).fold(0, |best, channel| if spreads[channel] > spreads[best] { channel } else { best });
        let spread = if to - from > 1 { spreads.iter().sum() } else { 0.0 };
        Self { from, to, sums, spread, axis }
    }
}

/// Brings a picture to at most so many colours (1 to 256).
pub fn quantise(image: &RgbImage, most: usize) -> Indexed {
    let size = Pixels::new(image.width(), image.height());
    let (palette, pixels) = reduce(image.pixels().map(|pixel| pixel.0), most);
    Indexed { size, palette, pixels }
}

/// Colours for any list of them: the palette, dark to light, and each one's place in it.
pub fn reduce(colours: impl Iterator<Item = [u8; 3]> + Clone, most: usize) -> (Vec<[u8; 3]>, Vec<u8>) {
    let histogram = Histogram::of(colours.clone());
    let mut points = histogram.points();
    if points.is_empty() {
        return (vec![[0; 3]], Vec::new());
    }
    let means = cut(&mut points, most.clamp(1, 256));
    let (palette, places) = settle(&histogram, &points, &means);
    let pixels = colours.map(|pixel| places[bin(pixel)]).collect();
    (palette, pixels)
}

fn cut(points: &mut [Point], most: usize) -> Vec<[f32; 3]> {
    let mut groups = vec![Group::of(points, 0, points.len())];
    while groups.len() < most {
        let widest = (0..groups.len()).fold(0, |best, at| if groups[at].spread > groups[best].spread { at } else { best });
        let Group { from, to, sums, spread, axis } = groups[widest];
        if spread <= f32::EPSILON {
            break;
        }
        let part = &mut points[from..to];
        part.sort_unstable_by(|a, b| a.at[axis].total_cmp(&b.at[axis]));
        let (mut best, mut at) = (f32::MIN, 1);
        let mut left = Sums::default();
        for (place, point) in part[..part.len() - 1].iter().enumerate() {
            left.add(point);
            let mut right = sums;
            right.count -= left.count;
            for channel in 0..3 {
                right.sum[channel] -= left.sum[channel];
            }
            let gain = left.gain() + right.gain();
            if gain > best {
                (best, at) = (gain, place + 1);
            }
        }
        groups[widest] = Group::of(points, from, from + at);
        groups.push(Group::of(points, from + at, to));
    }
    groups.iter().map(|group| group.sums.mean()).collect()
}

fn nearest(means: &[[f32; 3]], at: [f32; 3]) -> usize {
    let (mut best, mut place) = (f32::MAX, 0);
    for (index, mean) in means.iter().enumerate() {
        let [x, y, z] = [mean[0] - at[0], mean[1] - at[1], mean[2] - at[2]];
        let distance = x * x + y * y + z * z;
        if distance < best {
            (best, place) = (distance, index);
        }
    }
    place
}

/// One round of nearest neighbours, then the palette and the place of every bin in it.
fn settle(histogram: &Histogram, points: &[Point], means: &[[f32; 3]]) -> (Vec<[u8; 3]>, Vec<u8>) {
    let mut sums = vec![Sums::default(); means.len()];
    for point in points {
        sums[nearest(means, point.at)].add(point);
    }
    let means: Vec<[f32; 3]> = sums.iter().filter(|sums| sums.count > 0.0).map(Sums::mean).collect();
    let mut groups: Vec<(u64, [u64; 3], Vec<u16>)> = vec![(0, [0; 3], Vec::new()); means.len()];
    for point in points {
        let bin = usize::from(point.bin);
        let (count, sums, bins) = &mut groups[nearest(&means, point.at)];
        *count += u64::from(histogram.counts[bin]);
        for (sum, value) in sums.iter_mut().zip(histogram.sums[bin]) {
            *sum += u64::from(value);
        }
        bins.push(point.bin);
    }
    let mut colours: Vec<([u8; 3], Vec<u16>)> = groups
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, sums, bins)| (sums.map(|sum| u8::try_from((sum + count / 2) / count).unwrap_or(255)), bins))
        .collect();
    // Neighbours in brightness get neighbouring places, which a PNG packs better.
    colours.sort_by_key(|([r, g, b], _)| (2 * u32::from(*r) + 5 * u32::from(*g) + u32::from(*b), *r, *b));
    let mut places = vec![0; 1 << 15];
    let mut palette = Vec::with_capacity(colours.len());
    for (place, (colour, bins)) in (0..=u8::MAX).zip(colours) {
        palette.push(colour);
        for bin in bins {
            places[usize::from(bin)] = place;
        }
    }
    (palette, places)
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use proptest::prelude::*;

    use super::*;
    use crate::preview::picture::low;

    #[test]
    fn few_colours_are_kept_as_they_are() {
        let colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0]];
        let image = RgbImage::from_fn(20, 5, |x, _| Rgb(colours[x as usize % 5]));
        let indexed = quantise(&image, 8);
        assert_eq!(indexed.palette.len(), 5);
        for (pixel, place) in image.pixels().zip(&indexed.pixels) {
            assert_eq!(indexed.palette[usize::from(*place)], pixel.0);
        }
    }

    #[test]
    fn more_colours_are_nearer_to_the_picture() {
        let image = RgbImage::from_fn(96, 64, |x, y| Rgb([low(x * 2), low(y * 4), low((x * y) / 30)]));
        let error = |most| {
            let indexed = quantise(&image, most);
            assert!(indexed.palette.len() <= most);
            let pairs = image.pixels().zip(&indexed.pixels);
            let errors = pairs.map(|(pixel, place)| {
                let shown = indexed.palette[usize::from(*place)];
                (0..3).map(|at| u64::from(pixel.0[at].abs_diff(shown[at])).pow(2)).sum::<u64>()
            });
            errors.sum::<u64>() / image.pixels().count() as u64
        };
        let errors = [4, 16, 64, 256].map(error);
        assert!(errors.is_sorted_by(|a, b| a > b), "{errors:?}");
        // Three times the mean square of a channel: 64 colours are within 9 levels.
        assert!(errors[2] < 3 * 81, "{errors:?}");
    }

    proptest! {
        #[test]
        fn every_pixel_has_a_colour(
            width in 1u32..9, height in 1u32..9, most in 0usize..300, bytes in proptest::collection::vec(any::<u8>(), 192),
        ) {
            let image = RgbImage::from_fn(width, height, |x, y| {
                let at = 3 * (y * width + x) as usize;
                Rgb([bytes[at], bytes[at + 1], bytes[at + 2]])
            });
            let indexed = quantise(&image, most);
            prop_assert!(!indexed.palette.is_empty() && indexed.palette.len() <= most.clamp(1, 256));
            prop_assert_eq!(indexed.pixels.len(), (width * height) as usize);
            prop_assert!(indexed.pixels.iter().all(|place| usize::from(*place) < indexed.palette.len()));
        }
    }
}
