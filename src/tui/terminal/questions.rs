//! What the terminal was asked, and which of its answers count.
//!
//! Nothing waits for an answer. A question ends with DA1, which every terminal answers and answers in order; whatever comes
//! unasked, or later than that, is dropped.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::parser::Reply;
use crate::preview::Pixels;
use crate::preview::detect::{Answers, KittyAnswer, QUESTION, QUESTION_ID};

/// Answers that take longer are not waited for.
const LONGEST: Duration = Duration::from_secs(10);
/// A terminal that has not answered for so long shows pictures of blocks.
const PICTURES_LONGEST: Duration = Duration::from_secs(2);

/// A question without its end mark yet.
#[derive(Debug)]
enum Open {
    Background {
        until: Instant,
    },
    /// What was answered so far; `None` once nobody waits for it any more.
    Pictures {
        until: Instant,
        answers: Option<PictureAnswers>,
    },
}

/// What the terminal answered about pictures.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PictureAnswers {
    /// Which way pictures may take.
    pub answers: Answers,
    /// Pixels of a cell. Where it differs from what the kernel says, the terminal is right.
    pub cell: Option<Pixels>,
}

/// What an answer means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Learned {
    /// Whether the background is dark.
    Background {
        /// It is.
        dark: bool,
    },
    /// The question about pictures is closed.
    Pictures(PictureAnswers),
}

/// The questions that are open, in the order in which they were asked.
#[derive(Debug, Default)]
pub struct Questions {
    open: VecDeque<Open>,
}

impl Questions {
    /// The bytes that ask for the background colour (OSC 11, then DA1 as the end mark).
    ///
    /// GNU screen hands OSC 11 on and answers DA1 by itself, so the end mark would come first: both are asked of the terminal
    /// behind it, in its own wrapping.
    pub fn ask_background(&mut self, now: Instant, in_gnu_screen: bool) -> &'static [u8] {
        self.open.push_back(Open::Background { until: now + LONGEST });
        if in_gnu_screen { b"\x1bP\x1b]11;?\x07\x1b[c\x1b\\" } else { b"\x1b]11;?\x1b\\\x1b[c" }
    }

    /// The bytes that ask which pictures the terminal shows; none while that is asked already.
    pub fn ask_pictures(&mut self, now: Instant) -> &'static [u8] {
        if self.open.iter().any(|open| matches!(open, Open::Pictures { answers: Some(_), .. })) {
            return b"";
        }
        self.open.push_back(Open::Pictures { until: now + PICTURES_LONGEST, answers: Some(PictureAnswers::default()) });
        QUESTION
    }

    /// Takes an answer. One that nobody asked for, or that comes too late, teaches nothing.
    pub fn take(&mut self, reply: &Reply, now: Instant) -> Option<Learned> {
        self.open.retain(|open| match open {
            Open::Background { until } => now < *until,
            // Its end mark is still to come: without it the next question would be closed too early.
            Open::Pictures { until, .. } => now < *until + LONGEST,
        });
        match reply {
            Reply::Attributes(numbers) => match self.open.pop_front()? {
                Open::Pictures { answers: Some(mut answers), .. } => {
                    let numbers = numbers.iter().filter_map(|number| u16::try_from(*number).ok());
                    answers.answers.attributes = Some(numbers.collect());
                    Some(Learned::Pictures(answers))
                }
                Open::Pictures { answers: None, .. } | Open::Background { .. } => None,
            },
            Reply::Background(colour) => {
                let at = self.open.iter().position(|open| matches!(open, Open::Background { .. }))?;
                // Where its end mark comes later, it closes nothing of another question: they come in order.
                let first = at == 0;
                first.then_some(Learned::Background { dark: is_dark(*colour) })
            }
            reply => {
                let answers = self.open.iter_mut().find_map(|open| match open {
                    Open::Pictures { answers, .. } => answers.as_mut(),
                    Open::Background { .. } => None,
                })?;
                match reply {
                    Reply::Version(name) => answers.answers.name = Some(name.clone()),
                    Reply::Graphics { id, message } if id.is_none_or(|id| id == QUESTION_ID) => {
                        answers.answers.kitty = Some(KittyAnswer { id: *id, ok: message == "OK" });
                    }
                    Reply::CellSize { width, height } if *width > 0 && *height > 0 => {
                        answers.cell = Some(Pixels::new((*width).into(), (*height).into()));
                    }
                    _ => {}
                }
                None
            }
        }
    }

    /// Whether this answer belongs to the question about pictures.
    pub fn asked_about(&self, reply: &Reply) -> bool {
        let waits = self.open.iter().any(|open| matches!(open, Open::Pictures { .. }));
        waits && matches!(reply, Reply::Graphics { id, .. } if id.is_none_or(|id| id == QUESTION_ID))
    }

    /// When [`Self::expire`] has something to say.
    pub fn deadline(&self) -> Option<Instant> {
        self.open.iter().find_map(|open| match open {
            Open::Pictures { until, answers: Some(_) } => Some(*until),
            _ => None,
        })
    }

    /// So many end marks are still to come.
    pub fn open(&self, now: Instant) -> usize {
        let live = |open: &&Open| matches!(open, Open::Background { until } | Open::Pictures { until, .. } if now < *until);
        self.open.iter().filter(live).count()
    }

    /// What is said about pictures to a terminal that did not answer in time.
    pub fn expire(&mut self, now: Instant) -> Option<PictureAnswers> {
        self.open.iter_mut().find_map(|open| match open {
            Open::Pictures { until, answers } if *until <= now => answers.take(),
            _ => None,
        })
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

    const DARK: Option<Learned> = Some(Learned::Background { dark: true });
    const LIGHT: Option<Learned> = Some(Learned::Background { dark: false });

    #[test]
    fn only_an_answer_that_was_asked_for_counts_and_da1_ends_the_question() {
        let now = Instant::now();
        let white = Reply::Background([255, 255, 255]);
        let end = Reply::Attributes(vec![62]);
        let mut questions = Questions::default();
        assert_eq!(questions.take(&white, now), None, "nobody asked");
        assert_eq!(questions.ask_background(now, false), b"\x1b]11;?\x1b\\\x1b[c");
        assert_eq!(questions.take(&Reply::Ready, now), None);
        assert_eq!(questions.take(&white, now), LIGHT);
        assert_eq!(questions.take(&end, now), None);
        assert_eq!(questions.take(&white, now), None, "the question is over");
        let _ = questions.ask_background(now, false);
        assert_eq!(questions.take(&end, now), None);
        assert_eq!(questions.take(&white, now), None, "the terminal does not know");
        let _ = questions.ask_background(now, false);
        assert_eq!(questions.take(&white, now + LONGEST), None, "too late");
        assert_eq!(questions.open(now), 0);
        // Nothing in the wrapping ends it early.
        let wrapped = questions.ask_background(now, true);
        assert_eq!(wrapped, b"\x1bP\x1b]11;?\x07\x1b[c\x1b\\");
        assert_eq!(wrapped.windows(2).filter(|pair| pair == b"\x1b\\").count(), 1);
    }

    #[test]
    fn two_questions_are_answered_in_their_order() {
        let now = Instant::now();
        let mut questions = Questions::default();
        let _ = questions.ask_background(now, false);
        assert_eq!(questions.ask_pictures(now), QUESTION);
        assert_eq!(questions.ask_pictures(now), b"", "it is asked already");
        assert_eq!(questions.open(now), 2);
        assert_eq!(questions.take(&Reply::Background([0; 3]), now), DARK);
        assert_eq!(questions.take(&Reply::Attributes(vec![1]), now), None);
        assert_eq!(questions.take(&Reply::Version("kitty(0.41)".to_owned()), now), None);
        let ok = Reply::Graphics { id: Some(QUESTION_ID), message: "OK".to_owned() };
        assert!(questions.asked_about(&ok));
        assert_eq!(questions.take(&ok, now), None);
        assert_eq!(questions.take(&Reply::CellSize { width: 9, height: 18 }, now), None);
        let learned = questions.take(&Reply::Attributes(vec![62, 4]), now);
        let answers = Answers {
            name: Some("kitty(0.41)".to_owned()),
            kitty: Some(KittyAnswer { id: Some(QUESTION_ID), ok: true }),
            attributes: Some(vec![62, 4]),
        };
        assert_eq!(learned, Some(Learned::Pictures(PictureAnswers { answers, cell: Some(Pixels::new(9, 18)) })));
        assert_eq!(questions.deadline(), None);
    }

    #[test]
    fn a_silent_terminal_is_waited_for_two_seconds_and_its_late_answer_changes_nothing() {
        let now = Instant::now();
        let mut questions = Questions::default();
        let _ = questions.ask_pictures(now);
        let end = questions.deadline().unwrap();
        assert_eq!(end, now + PICTURES_LONGEST);
        assert_eq!(questions.expire(now), None);
        assert_eq!(questions.expire(end), Some(PictureAnswers::default()));
        assert_eq!((questions.expire(end), questions.deadline()), (None, None));
        assert_eq!(questions.take(&Reply::Attributes(vec![4]), end), None, "too late");
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
