//! Colours as the eye tells them apart, and the 256 of a terminal.

/// How many colours the terminal shows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Colours {
    /// 24 bit.
    #[default]
    True,
    /// 256, of which the 16 first are the user's own and never used for pictures.
    Indexed,
}

/// A point in Oklab with its chroma doubled: plain distances let a red roof turn grey where 240 colours are all there is.
pub type Lab = [f32; 3];

/// The levels of the colour cube 16–231.
const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// What the colours 16–255 of a terminal look like.
pub fn indexed(index: u8) -> [u8; 3] {
    match index {
        16..=231 => {
            let at = index - 16;
            [at / 36, at / 6 % 6, at % 6].map(|level| LEVELS[usize::from(level)])
        }
        232.. => [8 + 10 * (index - 232); 3],
        // The user's own colours; nobody knows them.
        _ => [0; 3],
    }
}

fn linear(value: u8) -> f32 {
    let value = f32::from(value) / 255.0;
    if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

/// Where a colour stands.
pub fn lab(rgb: [u8; 3]) -> Lab {
    let rgb = rgb.map(linear);
    let cone = |weights: [f32; 3]| weights.iter().zip(rgb).map(|(weight, part)| weight * part).sum::<f32>().cbrt();
    let cones = [
        cone([0.412_221_46, 0.536_332_55, 0.051_445_995]),
        cone([0.211_903_5, 0.680_699_5, 0.107_396_96]),
        cone([0.088_302_46, 0.281_718_85, 0.629_978_7]),
    ];
    let part = |weights: [f32; 3]| weights.iter().zip(cones).map(|(weight, cone)| weight * cone).sum::<f32>();
    [
        part([0.210_454_26, 0.793_617_8, -0.004_072_047]),
        2.0 * part([1.977_998_5, -2.428_592_2, 0.450_593_7]),
        2.0 * part([0.025_904_037, 0.782_771_77, -0.808_675_77]),
    ]
}

/// The colours 16–255 with their places, worked out once for a picture.
pub struct Terminal256(Vec<Lab>);

impl Terminal256 {
    pub fn new() -> Self {
        Self((16..=255).map(|index| lab(indexed(index))).collect())
    }

    /// The nearest colour, and where it stands.
    pub fn nearest(&self, wanted: Lab) -> (u8, Lab) {
        let (mut best, mut at) = (f32::MAX, 0);
        for (place, colour) in self.0.iter().enumerate() {
            let distance = distance(*colour, wanted);
            if distance < best {
                (best, at) = (distance, place);
            }
        }
        (u8::try_from(at + 16).unwrap_or(255), self.0[at])
    }
}

fn distance(one: Lab, other: Lab) -> f32 {
    one.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Each pixel's nearest of the 256 colours, half of every error handed on to its neighbours (Floyd and Steinberg's
/// shares): whole errors sparkle at this size, none leaves bands.
pub fn diffuse(pixels: &[[u8; 3]], width: usize) -> Vec<u8> {
    let colours = Terminal256::new();
    let mut out = Vec::with_capacity(pixels.len());
    let mut below = vec![[0.0_f32; 3]; width + 2];
    for row in pixels.chunks(width.max(1)) {
        let errors = std::mem::replace(&mut below, vec![[0.0; 3]; width + 2]);
        let mut ahead = [0.0_f32; 3];
        for (x, pixel) in row.iter().enumerate() {
            let mut wanted = lab(*pixel);
            for part in 0..3 {
                wanted[part] += errors[x + 1][part] + ahead[part];
            }
            let (index, got) = colours.nearest(wanted);
            out.push(index);
            for part in 0..3 {
                // What cannot be reached at all must not pile up along a row.
                let error = (wanted[part] - got[part]).clamp(-0.2, 0.2) * 0.5 / 16.0;
                ahead[part] = error * 7.0;
                below[x][part] += error * 3.0;
                below[x + 1][part] += error * 5.0;
                below[x + 2][part] += error;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_colours_of_the_terminal_are_their_own_nearest() {
        let colours = Terminal256::new();
        for index in 16..=255 {
            let (found, _) = colours.nearest(lab(indexed(index)));
            assert_eq!(indexed(found), indexed(index));
        }
        assert_eq!(indexed(16), [0; 3]);
        assert_eq!(indexed(196), [255, 0, 0]);
        assert_eq!(indexed(255), [238; 3]);
    }

    #[test]
    fn white_and_black_stand_at_the_ends() {
        let [white, black] = [lab([255; 3]), lab([0; 3])];
        assert!((white[0] - 1.0).abs() < 0.001 && white[1].abs() < 0.001 && white[2].abs() < 0.001, "{white:?}");
        assert!(black.iter().all(|part| part.abs() < 0.001));
    }

    #[test]
    fn a_dull_red_stays_red_and_a_pale_pink_stays_pink() {
        let colours = Terminal256::new();
        for rgb in [[120, 60, 50], [230, 200, 205], [40, 110, 60]] {
            let [r, g, b] = indexed(colours.nearest(lab(rgb)).0);
            assert!(r != g || g != b, "{rgb:?} became the grey {r}");
        }
    }

    #[test]
    fn an_even_area_is_right_on_average() {
        let grey = vec![[100, 100, 100]; 64 * 64];
        let shown = diffuse(&grey, 64);
        let sum: u32 = shown.iter().map(|index| u32::from(indexed(*index)[1])).sum();
        let mean = sum / (64 * 64);
        assert!((90..=110).contains(&mean), "{mean}");
        assert!(diffuse(&[], 0).is_empty());
    }
}
