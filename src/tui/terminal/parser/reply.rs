//! Reads the answers that come as strings (OSC, DCS, APC).

use super::event::Reply;

/// What a string says: its introducer is the second byte of its 7-bit form. `None`: nothing we know, to be dropped.
pub(super) fn of_string(introducer: u8, body: &[u8]) -> Option<Reply> {
    let text = std::str::from_utf8(body).ok()?;
    match introducer {
        b']' => text.strip_prefix("11;").and_then(colour).map(Reply::Background),
        b'P' => text.strip_prefix(">|").map(|name| Reply::Version(printable(name))),
        b'_' => graphics(text.strip_prefix('G')?),
        _ => None,
    }
}

/// `rgb:R/G/B` with 1 to 4 hexadecimal digits each (XParseColor), a fourth part for opacity, or `#RRGGBB`.
fn colour(text: &str) -> Option<[u8; 3]> {
    let parts: Vec<&str> = match text.strip_prefix('#') {
        Some(digits) if digits.len() == 6 && digits.is_ascii() => vec![&digits[..2], &digits[2..4], &digits[4..]],
        Some(_) => return None,
        None => text.strip_prefix("rgb:").or_else(|| text.strip_prefix("rgba:"))?.split('/').collect(),
    };
    let mut colour = [0; 3];
    if !(3..=4).contains(&parts.len()) {
        return None;
    }
    for (to, part) in colour.iter_mut().zip(parts) {
        if !(1..=4).contains(&part.len()) || !part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let most = 16_u32.pow(u32::try_from(part.len()).ok()?) - 1;
        *to = u8::try_from(u32::from_str_radix(part, 16).ok()? * 255 / most).ok()?;
    }
    Some(colour)
}

/// `i=31,p=1;OK`; some terminals leave the keys out.
fn graphics(text: &str) -> Option<Reply> {
    let (keys, message) = text.split_once(';')?;
    let id = keys.split(',').find_map(|pair| pair.strip_prefix("i=")).and_then(|id| id.parse().ok());
    Some(Reply::Graphics { id, message: printable(message) })
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !crate::job::text::is_unsafe(*c)).take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_in_every_form() {
        for (text, wanted) in [
            ("rgb:ffff/ffff/ffff", Some([255, 255, 255])),
            ("rgb:1e/1e/2e", Some([0x1e, 0x1e, 0x2e])),
            ("rgb:f/0/8", Some([255, 0, 136])),
            ("rgba:0000/8080/ffff/8000", Some([0, 128, 255])),
            ("#102030", Some([16, 32, 48])),
            ("?", None),
            ("rgb:12/34", None),
            ("rgb:12345/0/0", None),
            ("rgb:+1/0/0", None),
            ("#12é45", None),
        ] {
            assert_eq!(colour(text), wanted, "{text}");
        }
    }

    #[test]
    fn strings_are_known_or_nothing() {
        assert_eq!(of_string(b'P', b">|ghostty 1.1.3"), Some(Reply::Version("ghostty 1.1.3".into())));
        assert_eq!(of_string(b'_', b"Gi=31;OK"), Some(Reply::Graphics { id: Some(31), message: "OK".into() }));
        assert_eq!(of_string(b'_', b"G;ENOENT:gone"), Some(Reply::Graphics { id: None, message: "ENOENT:gone".into() }));
        for (introducer, body) in
            [(b']', "52;c;eXl5"), (b'P', "1$r0m"), (b'P', "1+r524742=38"), (b'^', "x"), (b'X', "y"), (b'_', "")]
        {
            assert_eq!(of_string(introducer, body.as_bytes()), None, "{body}");
        }
        assert_eq!(of_string(b'P', b">|\xff"), None);
    }
}
