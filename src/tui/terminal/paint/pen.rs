//! The pen: which attributes the terminal has on now, and the shortest `SGR` to the next ones (ECMA-48 §8.3.117).

use std::io::Write as _;

use ratatui::style::{Color, Modifier};

use super::cells::CellStyle;

/// Appends the shortest sequence that turns the pen from `from` (unknown: `None`) to `to`; nothing if they are equal.
pub fn change(from: Option<&CellStyle>, to: &CellStyle, out: &mut Vec<u8>) {
    match from {
        Some(from) if from == to => {}
        Some(from) if stepwise(from, to, &mut Count(0)) <= afresh(to, &mut Count(0)) => _ = stepwise(from, to, out),
        _ => _ = afresh(to, out),
    }
}

/// The length of what [`change`] would append, in bytes. Nothing is written for it: it is asked for every pair of styles.
pub fn cost(from: Option<&CellStyle>, to: &CellStyle) -> usize {
    match from {
        Some(from) if from == to => 0,
        Some(from) => stepwise(from, to, &mut Count(0)).min(afresh(to, &mut Count(0))),
        None => afresh(to, &mut Count(0)),
    }
}

/// Everything off, then on what is needed; gives the bytes it takes.
fn afresh(to: &CellStyle, out: &mut impl Sink) -> usize {
    let mut codes = Codes::begin(out);
    if *to != CellStyle::PLAIN {
        codes.push(b"0");
        switch(&CellStyle::PLAIN, to, &mut codes);
    }
    codes.end()
}

/// Only what differs; gives the bytes it takes.
fn stepwise(from: &CellStyle, to: &CellStyle, out: &mut impl Sink) -> usize {
    let mut codes = Codes::begin(out);
    switch(from, to, &mut codes);
    codes.end()
}

/// Where bytes go.
trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Bytes that are only counted.
struct Count(usize);

impl Sink for Count {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

/// Builds `CSI a;b;c m`.
struct Codes<'a, S> {
    out: &'a mut S,
    length: usize,
}

impl<'a, S: Sink> Codes<'a, S> {
    fn begin(out: &'a mut S) -> Self {
        let mut codes = Self { out, length: 0 };
        codes.put(b"\x1b[");
        codes
    }

    fn put(&mut self, bytes: &[u8]) {
        self.out.put(bytes);
        self.length += bytes.len();
    }

    fn push(&mut self, code: &[u8]) {
        if self.length > 2 {
            self.put(b";");
        }
        self.put(code);
    }

    fn end(mut self) -> usize {
        self.put(b"m");
        self.length
    }
}

fn switch(from: &CellStyle, to: &CellStyle, codes: &mut Codes<'_, impl Sink>) {
    let off = from.modifier - to.modifier;
    let mut on = to.modifier - from.modifier;
    // One code ends bold and dim together, and one ends both kinds of blinking: what stays must be said again.
    for (pair, code) in [(Modifier::BOLD | Modifier::DIM, b"22"), (Modifier::SLOW_BLINK | Modifier::RAPID_BLINK, b"25")] {
        if off.intersects(pair) {
            codes.push(code);
            on |= to.modifier & pair;
        }
    }
    for (one, code) in [
        (Modifier::ITALIC, b"23"),
        (Modifier::UNDERLINED, b"24"),
        (Modifier::REVERSED, b"27"),
        (Modifier::HIDDEN, b"28"),
        (Modifier::CROSSED_OUT, b"29"),
    ] {
        if off.contains(one) {
            codes.push(code);
        }
    }
    for (one, code) in [
        (Modifier::BOLD, b"1"),
        (Modifier::DIM, b"2"),
        (Modifier::ITALIC, b"3"),
        (Modifier::UNDERLINED, b"4"),
        (Modifier::SLOW_BLINK, b"5"),
        (Modifier::RAPID_BLINK, b"6"),
        (Modifier::REVERSED, b"7"),
        (Modifier::HIDDEN, b"8"),
        (Modifier::CROSSED_OUT, b"9"),
    ] {
        if on.contains(one) {
            codes.push(code);
        }
    }
    if from.fg != to.fg {
        color(to.fg, 30, codes);
    }
    if from.bg != to.bg {
        color(to.bg, 40, codes);
    }
    if from.underline != to.underline {
        underline(to.underline, codes);
    }
}

/// `base` is 30 for text and 40 for the background.
fn color(color: Color, base: u8, codes: &mut Codes<'_, impl Sink>) {
    let mut text = [0_u8; 24];
    let mut rest = &mut text[..];
    let bright = base + 60;
    let written = match color {
        Color::Reset => write!(rest, "{}", base + 9),
        Color::Black => write!(rest, "{base}"),
        Color::Red => write!(rest, "{}", base + 1),
        Color::Green => write!(rest, "{}", base + 2),
        Color::Yellow => write!(rest, "{}", base + 3),
        Color::Blue => write!(rest, "{}", base + 4),
        Color::Magenta => write!(rest, "{}", base + 5),
        Color::Cyan => write!(rest, "{}", base + 6),
        Color::Gray => write!(rest, "{}", base + 7),
        Color::DarkGray => write!(rest, "{bright}"),
        Color::LightRed => write!(rest, "{}", bright + 1),
        Color::LightGreen => write!(rest, "{}", bright + 2),
        Color::LightYellow => write!(rest, "{}", bright + 3),
        Color::LightBlue => write!(rest, "{}", bright + 4),
        Color::LightMagenta => write!(rest, "{}", bright + 5),
        Color::LightCyan => write!(rest, "{}", bright + 6),
        Color::White => write!(rest, "{}", bright + 7),
        Color::Indexed(n) => write!(rest, "{};5;{n}", base + 8),
        Color::Rgb(r, g, b) => write!(rest, "{};2;{r};{g};{b}", base + 8),
    };
    debug_assert!(written.is_ok(), "the longest colour code has 17 bytes");
    let room = rest.len();
    let length = text.len() - room;
    codes.push(&text[..length]);
}

/// Colons, because a terminal that does not know 58 would take `58;5;1` for blinking and bold.
fn underline(color: Color, codes: &mut Codes<'_, impl Sink>) {
    let index = |n: u8| format!("58:5:{n}");
    let text = match color {
        Color::Reset => "59".to_owned(),
        Color::Black => index(0),
        Color::Red => index(1),
        Color::Green => index(2),
        Color::Yellow => index(3),
        Color::Blue => index(4),
        Color::Magenta => index(5),
        Color::Cyan => index(6),
        Color::Gray => index(7),
        Color::DarkGray => index(8),
        Color::LightRed => index(9),
        Color::LightGreen => index(10),
        Color::LightYellow => index(11),
        Color::LightBlue => index(12),
        Color::LightMagenta => index(13),
        Color::LightCyan => index(14),
        Color::White => index(15),
        Color::Indexed(n) => index(n),
        Color::Rgb(r, g, b) => format!("58:2::{r}:{g}:{b}"),
    };
    codes.push(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(fg: Color, modifier: Modifier) -> CellStyle {
        CellStyle { fg, modifier, ..CellStyle::PLAIN }
    }

    fn text(from: Option<CellStyle>, to: CellStyle) -> String {
        let mut out = Vec::new();
        change(from.as_ref(), &to, &mut out);
        assert_eq!(out.len(), cost(from.as_ref(), &to));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_what_changes_is_said_and_a_reset_is_taken_where_it_is_shorter() {
        let none = Modifier::empty();
        for (from, to, wanted) in [
            (Some(CellStyle::PLAIN), CellStyle::PLAIN, ""),
            (None, CellStyle::PLAIN, "\x1b[m"),
            (None, style(Color::Red, none), "\x1b[0;31m"),
            (Some(CellStyle::PLAIN), style(Color::Red, none), "\x1b[31m"),
            (Some(style(Color::Red, none)), CellStyle::PLAIN, "\x1b[m"),
            (Some(style(Color::Red, none)), style(Color::LightCyan, none), "\x1b[96m"),
            (Some(style(Color::Red, Modifier::BOLD)), style(Color::Red, none), "\x1b[22m"),
            (Some(style(Color::Red, Modifier::BOLD | Modifier::DIM)), style(Color::Red, Modifier::DIM), "\x1b[22;2m"),
            (
                Some(style(Color::Red, Modifier::BOLD | Modifier::ITALIC | Modifier::REVERSED)),
                style(Color::Red, none),
                "\x1b[0;31m",
            ),
            (Some(style(Color::Indexed(200), none)), style(Color::Indexed(201), Modifier::BOLD), "\x1b[1;38;5;201m"),
            (Some(CellStyle::PLAIN), CellStyle { bg: Color::Rgb(1, 2, 3), ..CellStyle::PLAIN }, "\x1b[48;2;1;2;3m"),
            (
                Some(CellStyle::PLAIN),
                CellStyle { modifier: Modifier::UNDERLINED, underline: Color::Indexed(1), ..CellStyle::PLAIN },
                "\x1b[4;58:5:1m",
            ),
        ] {
            assert_eq!(text(from, to), wanted, "{from:?} to {to:?}");
        }
    }
}
