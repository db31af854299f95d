//! Whether what follows `Esc` is a string of the terminal or keys of a person.
//!
//! `Esc` and `P` in one packet are two keys; `ESC P > | g…` is an answer. The content decides.

/// What the bytes after a string's introducer look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// An answer that terminals give.
    Answer,
    /// Perhaps the beginning of one.
    Perhaps,
    /// No answer that is known.
    Other,
}

/// The introducers of DCS, OSC, APC, PM and SOS in their 7-bit form.
pub(super) fn is_introducer(byte: u8) -> bool {
    matches!(byte, b'P' | b']' | b'_' | b'^' | b'X')
}

/// The shape of what follows an introducer.
pub(super) fn of(introducer: u8, content: &[u8]) -> Shape {
    let numbers = content.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b';').count();
    let (is_answer, may_be) = match introducer {
        // XTVERSION; DECRQSS, XTGETTCAP, DA3 and their relatives.
        b'P' => {
            let next = content.get(numbers);
            (content.starts_with(b">|") || matches!(next, Some(b'$' | b'+' | b'!')), content == b">" || next.is_none())
        }
        // A number and a semicolon, or the title of the window.
        b']' => {
            let number = content.first().is_some_and(u8::is_ascii_digit);
            let title = matches!(content, [b'l' | b'L', ..]);
            (title || (number && content[..numbers].contains(&b';')), number && numbers == content.len())
        }
        b'_' => (content.starts_with(b"G"), false),
        _ => (false, false),
    };
    match (is_answer, may_be || content.is_empty()) {
        (true, _) => Shape::Answer,
        (false, true) => Shape::Perhaps,
        (false, false) => Shape::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_from_keys() {
        for (introducer, content, wanted) in [
            (b'P', "", Shape::Perhaps),
            (b'P', ">", Shape::Perhaps),
            (b'P', ">|g", Shape::Answer),
            (b'P', "1", Shape::Perhaps),
            (b'P', "1$", Shape::Answer),
            (b'P', "!|0", Shape::Answer),
            (b'P', "y", Shape::Other),
            (b'P', ">y", Shape::Other),
            (b']', "11", Shape::Perhaps),
            (b']', "11;", Shape::Answer),
            (b']', "lsh", Shape::Answer),
            (b']', "j", Shape::Other),
            (b']', "1j", Shape::Other),
            (b'_', "G", Shape::Answer),
            (b'_', "j", Shape::Other),
            (b'^', "j", Shape::Other),
            (b'X', "", Shape::Perhaps),
        ] {
            assert_eq!(of(introducer, content.as_bytes()), wanted, "{} {content}", char::from(introducer));
        }
    }
}
