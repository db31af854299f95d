//! Where a command's words go: results to stdout, everything else to stderr; with `--json` stdout carries only JSON.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use super::problem::Problem;
use crate::config::ColorWhen;
use crate::job::text;

/// The two ends a command writes to.
#[derive(Clone, Copy, Debug)]
pub struct Out {
    /// Stdout carries JSON.
    pub json: bool,
    /// Colour may be used on stdout.
    pub color: bool,
    /// Read aloud: sentences and `name: value`, no tables and no columns.
    pub linear: bool,
}

impl Out {
    /// Decides on colour: asked for, or a terminal that is neither dumb nor under `NO_COLOR`.
    pub fn new(json: bool, when: ColorWhen) -> Self {
        let color = match when {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => {
                io::stdout().is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                    && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
            }
        };
        Self { json, color: color && !json, linear: false }
    }

    /// The same, with sentences in place of tables where this is so.
    #[must_use]
    pub fn linear(self, linear: bool) -> Self {
        Self { linear, ..self }
    }

    /// One JSON object as a line of stdout; nothing without `--json`.
    ///
    /// # Errors
    /// When stdout cannot be written; a closed pipe is the quiet problem.
    pub fn object(self, value: &Value) -> Result<(), Problem> {
        if self.json { write(&format!("{value}\n")) } else { Ok(()) }
    }

    /// A line for people: stdout, or stderr with `--json`.
    ///
    /// # Errors
    /// As [`Out::object`].
    pub fn line(self, text: &str) -> Result<(), Problem> {
        if self.json {
            Self::status(text);
            Ok(())
        } else {
            write(&format!("{}\n", tidy_painted(text)))
        }
    }

    /// A named value: in a column of so many characters, or as it is read aloud.
    ///
    /// # Errors
    /// As [`Out::object`].
    pub fn field(self, name: &str, width: usize, value: &str) -> Result<(), Problem> {
        self.line(&if self.linear { format!("{name}: {value}") } else { format!("  {name:<width$} {value}") })
    }

    /// Raw text to stdout, also with `--json`.
    ///
    /// # Errors
    /// As [`Out::object`].
    pub fn raw(text: &str) -> Result<(), Problem> {
        write(text)
    }

    /// A remark to stderr.
    pub fn status(text: &str) {
        // There is nobody left to tell when stderr is gone.
        let _ = writeln!(io::stderr().lock(), "{}", text::clean_lines(text));
    }

    /// A word in an ANSI colour, where colour may be used.
    pub fn paint(self, color: Paint, text: &str) -> String {
        let is_painted = self.color && !matches!(color, Paint::Plain);
        if is_painted { format!("\u{1b}[{}m{text}\u{1b}[0m", color as u8) } else { text.to_owned() }
    }
}

/// The few colours of the command line.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub enum Paint {
    /// What is as usual.
    Plain = 0,
    /// Heads and ids.
    Bold = 1,
    /// What is over and of no more interest.
    Dim = 2,
    /// What went wrong.
    Red = 31,
    /// What is done.
    Green = 32,
    /// What needs a look.
    Yellow = 33,
    /// What goes on.
    Cyan = 36,
}

/// Several lines for people, each without what may do something to a terminal. Texts of the service and of files are clean by
/// now; what stands on a command line, in a variable or in the name of a file comes straight to here. Words may be painted: our
/// own colours stay.
fn tidy_painted(text: &str) -> Cow<'_, str> {
    const CSI: &str = "\u{1b}[";
    if !text.contains(CSI) {
        return text::clean_lines(text);
    }
    let mut pieces = text.split(CSI);
    let mut out = text::clean_lines(pieces.next().unwrap_or_default()).into_owned();
    for piece in pieces {
        let colour = piece.split_once('m').filter(|(n, _)| n.len() <= 2 && n.bytes().all(|b| b.is_ascii_digit()));
        match colour {
            Some((number, rest)) => out.extend([CSI, number, "m", &text::clean_lines(rest)]),
            None => out.push_str(&text::clean_lines(&format!("{CSI}{piece}"))),
        }
    }
    Cow::Owned(out)
}

fn write(text: &str) -> Result<(), Problem> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Problem::closed_pipe()
        } else {
            Problem::input("stdout", format!("the output cannot be written: {error}"), "check where it is sent to")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_read_has_our_colours_and_no_other_control_character() {
        for (text, right) in [
            ("plain\nlines", "plain\nlines"),
            ("\u{1b}[31mfailed\u{1b}[0m 7", "\u{1b}[31mfailed\u{1b}[0m 7"),
            ("a\u{1b}]0;title\u{7}b\u{9b}2Jc\u{202e}d\n e", "abcd\n e"),
            ("\u{1b}[1mx\u{1b}[0m\u{1b}[2J\u{1b}[?1049hy\u{1b}]0;t\u{7}", "\u{1b}[1mx\u{1b}[0my"),
        ] {
            assert_eq!(tidy_painted(text), right, "{text:?}");
        }
        assert_eq!(text::clean_lines("a\u{1b}[31mb\nc"), "ab\nc", "nothing is painted on stderr");
    }
}
