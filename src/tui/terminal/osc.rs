//! Sequences beside the screen: clipboard, links, notices, title, bell, and how they get through tmux.
//!
//! Every text is cleaned before it becomes part of a sequence, so that nothing in it can end the sequence early. Sources:
//! xterm's control sequences (OSC 0/2/52), the hyperlink note of the VTE and iTerm authors (OSC 8), iTerm2 (OSC 9), urxvt (OSC 777),
//! kitty's notification protocol (OSC 99), tmux's manual (`allow-passthrough`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::job::text::{clean, shorten};

/// The end of a string. `BEL` would do as well, but only this one is in ECMA-48.
const ST: &str = "\x1b\\";

/// Rings.
pub const BELL: &[u8] = b"\x07";

/// How a notice reaches the person.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notifier {
    /// iTerm2 and others: one text.
    Osc9,
    /// urxvt, VTE, foot and others: title and text.
    Osc777,
    /// kitty: title and text.
    Osc99,
    /// Only the bell.
    Bell,
}

/// The sequence that copies `text` to the clipboard of the terminal; `None` if it is longer than the terminal takes
/// (`limit`: bytes of the whole sequence).
pub fn copy(text: &str, limit: usize) -> Option<Vec<u8>> {
    let sequence = format!("\x1b]52;c;{}{ST}", STANDARD.encode(text)).into_bytes();
    (sequence.len() <= limit).then_some(sequence)
}

/// A link: `text` that leads to `address`. Only http, https and file addresses become links.
pub fn link(address: &str, text: &str) -> String {
    let text = clean(text);
    let good = ["https://", "http://", "file://"].iter().any(|scheme| address.starts_with(scheme))
        && address.bytes().all(|c| (0x21..=0x7e).contains(&c));
    if good { format!("\x1b]8;;{address}{ST}{text}\x1b]8;;{ST}") } else { text.into_owned() }
}

/// A notice for the person at the terminal.
pub fn notice(notifier: Notifier, title: &str, body: &str) -> Vec<u8> {
    // A semicolon parts title and text in OSC 777; nobody misses it.
    let part = |text: &str| shorten(&clean(text), 120).replace(';', ",");
    let (title, body) = (part(title), part(body));
    match notifier {
        // `9;4;…` would be read as a progress report where the text began with a number and a separator; the comma above prevents it.
        Notifier::Osc9 => format!("\x1b]9;{title}: {body}{ST}").into_bytes(),
        Notifier::Osc777 => format!("\x1b]777;notify;{title};{body}{ST}").into_bytes(),
        Notifier::Osc99 => format!("\x1b]99;i=mj:d=0;{title}{ST}\x1b]99;i=mj:d=1:p=body;{body}{ST}").into_bytes(),
        Notifier::Bell => BELL.to_vec(),
    }
}

/// The title of the window.
pub fn title(text: &str) -> Vec<u8> {
    format!("\x1b]2;{}{ST}", shorten(&clean(text), 120)).into_bytes()
}

/// Wraps a sequence so that tmux hands it on to the terminal around it: every `ESC` is doubled.
pub fn through_tmux(sequence: &[u8]) -> Vec<u8> {
    let mut wrapped = b"\x1bPtmux;".to_vec();
    for byte in sequence {
        if *byte == 0x1b {
            wrapped.push(0x1b);
        }
        wrapped.push(*byte);
    }
    wrapped.extend_from_slice(ST.as_bytes());
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_base64_and_never_longer_than_the_terminal_takes() {
        assert_eq!(copy("task-unified-1", 100).unwrap(), b"\x1b]52;c;dGFzay11bmlmaWVkLTE=\x1b\\");
        assert_eq!(copy("", 9).unwrap(), b"\x1b]52;c;\x1b\\");
        assert_eq!(copy("", 8), None);
        assert_eq!(copy(&"x".repeat(100), 100), None);
    }

    #[test]
    fn links_carry_nothing_that_could_end_them() {
        for (address, text, wanted) in [
            ("https://x/a.png", "a", "\x1b]8;;https://x/a.png\x1b\\a\x1b]8;;\x1b\\"),
            ("file:///tmp/a.png", "a\x1b[31m", "\x1b]8;;file:///tmp/a.png\x1b\\a\x1b]8;;\x1b\\"),
            ("javascript:x", "a", "a"),
            ("https://x/\x1b\\", "a", "a"),
            ("https://x/a b", "a", "a"),
        ] {
            assert_eq!(link(address, text), wanted);
        }
    }

    #[test]
    fn notices_are_clean_in_every_protocol() {
        for (notifier, wanted) in [
            (Notifier::Osc9, "\x1b]9;mj: 3 saved, 1 failed\x1b\\"),
            (Notifier::Osc777, "\x1b]777;notify;mj;3 saved, 1 failed\x1b\\"),
            (Notifier::Osc99, "\x1b]99;i=mj:d=0;mj\x1b\\\x1b]99;i=mj:d=1:p=body;3 saved, 1 failed\x1b\\"),
            (Notifier::Bell, "\x07"),
        ] {
            let bytes = notice(notifier, "m\x1b[31mj", "3 saved;\u{202e} 1 failed\x07");
            assert_eq!(String::from_utf8(bytes).unwrap(), wanted);
        }
    }

    #[test]
    fn titles_are_clean() {
        assert_eq!(title("mj 3 run\x07\x1b]52;c;eA==\x1b\\"), b"\x1b]2;mj 3 run\x1b\\");
    }

    #[test]
    fn tmux_gets_every_escape_twice() {
        assert_eq!(through_tmux(b"\x1b]9;a\x1b\\"), b"\x1bPtmux;\x1b\x1b]9;a\x1b\x1b\\\x1b\\");
    }
}
