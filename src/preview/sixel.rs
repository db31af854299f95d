//! Sixel: bands of six rows, painted one colour after the other.
//!
//! Between two colours the pen returns to the left edge (`$`), so the usual encoders write a whole pass for each colour of
//! a band. Here the stretches of all colours are packed into as few passes as there is room for: where one colour ends,
//! another goes on in the same pass. That and 32 to 64 colours make a third of the usual bytes.

use std::io::Write as _;

use super::palette::Indexed;

/// A gap of so many columns inside a colour ends its stretch: skipping it costs as much as naming the colour again.
const GAP: usize = 4;

/// Columns of one colour that stand together.
struct Stretch {
    colour: u8,
    from: usize,
    /// One sixel for each column.
    sixels: Vec<u8>,
}

/// What is written from left to right without a return.
#[derive(Default)]
struct Pass {
    stretches: Vec<Stretch>,
    end: usize,
}

/// The whole sequence, from `ESC P` to `ESC \`. It leaves the cursor wherever the terminal thinks right.
pub fn sixel(image: &Indexed) -> Vec<u8> {
    let (width, height) = (image.size.width as usize, image.size.height as usize);
    let mut out = Vec::with_capacity(width * height / 2);
    // Square pixels; what is not painted stays as it is, though every pixel is.
    put(&mut out, format_args!("\x1bP0;1;0q\"1;1;{width};{height}"));
    for (place, colour) in image.palette.iter().enumerate() {
        let [r, g, b] = colour.map(percent);
        put(&mut out, format_args!("#{place};2;{r};{g};{b}"));
    }
    let mut pen = None;
    for (number, rows) in image.pixels.chunks((width * 6).max(1)).enumerate() {
        if number > 0 {
            out.push(b'-');
        }
        for (turn, pass) in pack(stretches(rows, width, image.palette.len())).iter().enumerate() {
            if turn > 0 {
                out.push(b'$');
            }
            write_pass(pass, &mut pen, &mut out);
        }
    }
    out.extend_from_slice(b"\x1b\\");
    out
}

fn put(out: &mut Vec<u8>, what: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(what);
    debug_assert!(written.is_ok(), "memory takes everything");
}

fn percent(value: u8) -> u32 {
    (u32::from(value) * 100 + 127) / 255
}

/// The stretches of a band, by where they begin.
fn stretches(rows: &[u8], width: usize, colours: usize) -> Vec<Stretch> {
    // For each colour what it paints in this band, where it began and where it ended last.
    let mut open: Vec<Option<Stretch>> = (0..colours).map(|_| None).collect();
    let mut done = Vec::new();
    for x in 0..width {
        for (bit, row) in rows.chunks(width).enumerate() {
            let colour = row[x];
            let slot = &mut open[usize::from(colour)];
            if slot.as_ref().is_some_and(|stretch| x >= stretch.from + stretch.sixels.len() + GAP) {
                done.extend(slot.take());
            }
            let stretch = slot.get_or_insert_with(|| Stretch { colour, from: x, sixels: Vec::new() });
            stretch.sixels.resize(x + 1 - stretch.from, 0);
            stretch.sixels[x - stretch.from] |= 1 << bit;
        }
    }
    done.extend(open.into_iter().flatten());
    done.sort_by_key(|stretch| (stretch.from, stretch.colour));
    done
}

/// Puts every stretch into the pass that ends nearest before it.
fn pack(stretches: Vec<Stretch>) -> Vec<Pass> {
    let mut passes: Vec<Pass> = Vec::new();
    for stretch in stretches {
        let end = stretch.from + stretch.sixels.len();
        let fits = passes.iter_mut().filter(|pass| pass.end <= stretch.from);
        let same = |pass: &Pass| pass.stretches.last().is_some_and(|last| last.colour == stretch.colour);
        let pass = match fits.max_by_key(|pass| (pass.end, same(pass))) {
            Some(pass) => pass,
            None => passes.push_mut(Pass::default()),
        };
        pass.end = end;
        pass.stretches.push(stretch);
    }
    passes
}

fn write_pass(pass: &Pass, pen: &mut Option<u8>, out: &mut Vec<u8>) {
    let mut x = 0;
    for stretch in &pass.stretches {
        repeat(0, stretch.from - x, out);
        if *pen != Some(stretch.colour) {
            put(out, format_args!("#{}", stretch.colour));
            *pen = Some(stretch.colour);
        }
        for run in stretch.sixels.chunk_by(|a, b| a == b) {
            repeat(run[0], run.len(), out);
        }
        x = stretch.from + stretch.sixels.len();
    }
}

fn repeat(sixel: u8, count: usize, out: &mut Vec<u8>) {
    let letter = b'?' + sixel;
    if count > 3 {
        put(out, format_args!("!{count}{}", char::from(letter)));
    } else {
        out.extend(std::iter::repeat_n(letter, count));
    }
}
