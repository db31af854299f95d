//! What the terminal was asked, and which of its answers count.
//!
//! Nothing waits for an answer. A question ends with DA1, which every terminal answers and answers in order; whatever comes
//! unasked, or later than that, is dropped.

use std::time::{Duration, Instant};

use super::parser::Reply;

/// Answers that take longer are not waited for.
const LONGEST: Duration = Duration::from_secs(10);

/// The questions that are open.
#[derive(Debug, Default)]
pub struct Questions {
    background_until: Option<Instant>,
}

impl Questions {
    /// The bytes that ask for the background colour (OSC 11, then DA1 as the end mark).
    ///
    /// GNU screen hands OSC 11 on and answers DA1 by itself, so the end mark would come first: both are asked of the terminal
    /// behind it, in its own wrapping.
    pub fn ask_background(&mut self, now: Instant, in_gnu_screen: bool) -> &'static [u8] {
        self.background_until = Some(now + LONGEST);
        if in_gnu_screen { b"\x1bP\x1b]11;?\x07\x1b[c\x1b\\" } else { b"\x1b]11;?\x1b\\\x1b[c" }
    }

    /// Takes an answer; whether the background is dark, if that is what was asked.
    pub fn dark_background(&mut self, reply: &Reply, now: Instant) -> Option<bool> {
        let asked = self.background_until.is_some_and(|until| now < until);
        match reply {
            Reply::Background(colour) if asked => {
                self.background_until = None;
                Some(is_dark(*colour))
            }
            Reply::Attributes(_) => {
                self.background_until = None;
                None
            }
            _ => None,
        }
    }
}

/// Whether white is easier to read on this colour than black (relative luminance of WCAG 2.2).
fn is_dark(colour: [u8; 3]) -> bool {
    let linear = |part: u8| {
        let part = f64::from(part) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    let [red, green, blue] = colour.map(linear);
    // 1.05 / (L + 0.05) is the contrast to white, (L + 0.05) / 0.05 that to black.
    let luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    (luminance + 0.05).powi(2) < 1.05 * 0.05
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_that_was_asked_for_counts_and_da1_ends_the_question() {
        let now = Instant::now();
        let white = Reply::Background([255, 255, 255]);
        let mut questions = Questions::default();
        assert_eq!(questions.dark_background(&white, now), None, "nobody asked");
        assert_eq!(questions.ask_background(now, false), b"\x1b]11;?\x1b\\\x1b[c");
        assert_eq!(questions.dark_background(&Reply::Ready, now), None);
        assert_eq!(questions.dark_background(&white, now), Some(false));
        assert_eq!(questions.dark_background(&white, now), None, "once");
        let _ = questions.ask_background(now, false);
        assert_eq!(questions.dark_background(&Reply::Attributes(vec![62]), now), None);
        assert_eq!(questions.dark_background(&white, now), None, "the terminal does not know");
        let _ = questions.ask_background(now, false);
        assert_eq!(questions.dark_background(&white, now + LONGEST), None, "too late");
        // Nothing in the wrapping ends it early.
        let wrapped = questions.ask_background(now, true);
        assert_eq!(wrapped, b"\x1bP\x1b]11;?\x07\x1b[c\x1b\\");
        assert_eq!(wrapped.windows(2).filter(|pair| pair == b"\x1b\\").count(), 1);
    }

    #[test]
    fn usual_backgrounds_are_dark_or_light() {
        for dark in [[0, 0, 0], [0x1e, 0x1e, 0x2e], [0, 0x2b, 0x36], [0x30, 0x0a, 0x24], [0x55, 0x55, 0x55], [0, 0, 255]] {
            assert!(is_dark(dark), "{dark:?}");
        }
        for light in [[255, 255, 255], [0xfd, 0xf6, 0xe3], [0xe0, 0xe0, 0xe0], [0xc0, 0xc0, 0xc0], [255, 255, 0]] {
            assert!(!is_dark(light), "{light:?}");
        }
    }
}
