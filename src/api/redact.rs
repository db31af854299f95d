//! Secrets cut out of text.

/// What stands where a secret stood.
const CUT: &str = "[cut]";

/// The text without anything that looks like a key: `sk-…`, what follows `Bearer`, tokens of the form of a JWT, and
/// the literal `key` itself (docs/service.md §2). A key of under four characters is not looked for literally.
#[must_use]
pub fn redact(text: &str, key: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let literal = (key.len() >= 4).then_some(key);
    // Every answer goes through here, and hardly one holds a secret: what cannot begin one is stepped over in one go.
    let first_of_key = literal.and_then(|key| key.bytes().next());
    let may_begin = |byte: u8| matches!(byte, b's' | b'e' | b'b' | b'B') || Some(byte) == first_of_key;
    let (mut copied, mut at) = (0, 0);
    while let Some(ahead) = text.as_bytes()[at..].iter().position(|byte| may_begin(*byte)) {
        at += ahead;
        // What begins no character: a secret's first byte is ASCII, a key's may be any.
        let Some(rest) = text.get(at..) else {
            at += 1;
            continue;
        };
        let at_start = at == 0 || !text.as_bytes()[at - 1].is_ascii_alphanumeric();
        let found = literal
            .filter(|key| rest.starts_with(key))
            .map(|key| (0, key.len()))
            .or_else(|| at_start.then(|| secret_at(rest)).flatten());
        if let Some((keep, end)) = found {
            out.push_str(&text[copied..at + keep]);
            out.push_str(CUT);
            at += end;
            copied = at;
        } else {
            at += 1;
        }
    }
    out.push_str(&text[copied..]);
    out
}

/// Where a secret at the beginning of `rest` starts and ends, in bytes.
fn secret_at(rest: &str) -> Option<(usize, usize)> {
    let run =
        |text: &str, more: &str| text.bytes().take_while(|b| b.is_ascii_alphanumeric() || more.as_bytes().contains(b)).count();
    if let Some(token) = rest.strip_prefix("sk-") {
        let length = run(token, "-_*.");
        return (length >= 6).then_some((0, 3 + length));
    }
    if rest.starts_with("eyJ") {
        let length = run(rest, "-_.=");
        return (length >= 20 && rest[..length].contains('.')).then_some((0, length));
    }
    if rest.get(..6).is_some_and(|word| word.eq_ignore_ascii_case("bearer")) {
        let gap = rest[6..].bytes().take_while(|b| matches!(b, b' ' | b':' | b'=' | b'"')).count();
        let length = run(&rest[6 + gap..], "-._~+/=*");
        return (gap > 0 && length > 0).then_some((6 + gap, 6 + gap + length));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_looks_like_a_key_is_cut_out_and_task_ids_stay() {
        for (text, left) in [
            ("invalid key sk-evo-1234567890abcdef given", "invalid key [cut] given"),
            ("\"sk-abcdefgh\"", "\"[cut]\""),
            ("Authorization: Bearer abc.def-123, sorry", "Authorization: Bearer [cut], sorry"),
            ("bearer: xyz", "bearer: [cut]"),
            ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln!", "token [cut]!"),
            ("task-unified-1790000777-p8w2m5xc", "task-unified-1790000777-p8w2m5xc"),
            ("disk-full and sk-1", "disk-full and sk-1"),
            ("prefixSECRETsuffix", "prefix[cut]suffix"),
            ("büro Bearer", "büro Bearer"),
        ] {
            assert_eq!(redact(text, "SECRET"), left);
        }
        assert_eq!(redact("größer ßecret-1, ß", "ßecret-1"), "größer [cut], ß", "a key may begin with any character");
        assert_eq!(redact("abc", ""), "abc");
    }

    proptest! {
        #[test]
        fn the_literal_key_never_comes_through(before in ".{0,20}", key in "[A-Za-z0-9]{8,20}", after in ".{0,20}") {
            let said = redact(&format!("{before}{key}{after}"), &key);
            prop_assert!(!said.contains(&key), "{}", said);
        }
    }
}
