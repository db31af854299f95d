//! Text between the marks of bracketed paste.
//!
//! A paste ends by its end mark; by silence, by Ctrl+c and by its length where the mark does not come. An end mark that was
//! pasted is told from the real one by the real one that follows it in the same read.

use std::time::Duration;

use super::event::Paste;

/// Bytes of the longest paste: 1 MiB, some 20,000 jobs. What is longer is cut after the last whole line.
pub const LONGEST_PASTE: usize = 1 << 20;
/// A paste is over when nothing of it has come for so long.
pub(super) const SILENCE: Duration = Duration::from_secs(1);
/// A person does not type so many bytes at once.
const BURST: usize = 16;

const BEGIN: &[u8] = b"\x1b[200~";
const END: &[u8] = b"\x1b[201~";
const CTRL_C: u8 = 3;

/// A paste on its way.
#[derive(Debug, Default)]
pub(super) struct Pasting {
    text: Vec<u8>,
    /// It was given out already: the rest is swallowed.
    given: bool,
}

/// What a piece brought.
pub(super) struct Progress {
    /// The text, if it is complete or too long now.
    pub event: Option<Paste>,
    /// The paste is over.
    pub over: bool,
}

impl Pasting {
    /// Takes bytes; says how many are used up (all but what follows the end).
    pub(super) fn feed(&mut self, bytes: &[u8]) -> (usize, Option<Progress>) {
        // The end mark may be torn apart between this piece and the one before.
        let before = self.text.len().min(END.len() - 1);
        let mut window = self.text[self.text.len() - before..].to_vec();
        window.extend_from_slice(bytes);
        let end = last_end(&window).map(|at| at + END.len() - before);
        let interrupt = bytes[..end.unwrap_or(bytes.len())].iter().position(|byte| *byte == CTRL_C);
        if let (None, Some(at)) = (end, interrupt) {
            self.text.extend_from_slice(&bytes[..at]);
            return (at, Some(Progress { event: self.end(), over: true }));
        }
        let used = end.unwrap_or(bytes.len());
        self.text.extend_from_slice(&bytes[..used]);
        if end.is_some() {
            self.text.truncate(self.text.len() - END.len());
            return (used, Some(Progress { event: self.end(), over: true }));
        }
        if self.text.len() < LONGEST_PASTE + END.len() {
            return (used, None);
        }
        let event = self.end();
        self.given = true;
        // The last bytes may be the first ones of the end mark.
        self.text = self.text.split_off(self.text.len().saturating_sub(END.len() - 1));
        (used, event.map(|event| Progress { event: Some(event), over: false }))
    }

    /// The text so far, as a paste; `None` if it was given out already.
    pub(super) fn end(&mut self) -> Option<Paste> {
        if self.given {
            return None;
        }
        let cut = self.text.len() > LONGEST_PASTE;
        let mut kept = &self.text[..self.text.len().min(LONGEST_PASTE)];
        if cut && let Some(line) = kept.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')) {
            kept = &kept[..line];
        }
        let text = String::from_utf8_lossy(kept).replace("\r\n", "\n").replace('\r', "\n").replace("\u{1b}[201~", "");
        Some(Paste { text, cut })
    }
}

/// Where the end mark stands that ends the paste: the last one before another paste begins.
fn last_end(bytes: &[u8]) -> Option<usize> {
    let first = find(bytes, END)?;
    let next = find(&bytes[first..], BEGIN).map_or(bytes.len(), |at| first + at);
    bytes[..next].windows(END.len()).rposition(|window| window == END)
}

/// How many of these bytes belong to a paste that was over already: up to a lone end mark; all of a burst of plain text
/// where silence ended it.
pub(super) fn late(bytes: &[u8], by_silence: bool) -> Option<usize> {
    let begin = find(bytes, BEGIN).unwrap_or(bytes.len());
    if let Some(end) = bytes[..begin].windows(END.len()).rposition(|window| window == END) {
        return Some(end + END.len());
    }
    (by_silence && bytes.len() > BURST && !bytes.iter().any(|byte| matches!(*byte, 0x1b | CTRL_C))).then_some(bytes.len())
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
