//! JSON as it comes from gateways that cut texts in the middle of a character or print numbers that JSON has not.
//!
//! One such place must not make a whole answer unreadable: in a batch it would blind the reads of fifty paid tasks.
//! [`parse`] reads strict JSON first; only what fails there is repaired, token by token, and read once more. What is
//! repaired loses that one value (a lone surrogate becomes U+FFFD, `NaN` becomes `null`); structure is never guessed, so an
//! answer that was cut off stays unreadable.

use serde_json::Value;

/// Reads JSON, after a repair where it is not strict.
///
/// # Errors
/// The strict parser's, where the text is no JSON even after the repair.
pub(super) fn parse(body: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice(body).or_else(|error| match serde_json::from_str(&repaired(&String::from_utf8_lossy(body))) {
        Ok(value) => Ok(value),
        Err(_) => Err(error),
    })
}

/// The same text with each value that JSON cannot hold replaced by one that it can.
fn repaired(text: &str) -> String {
    let text = text.trim_start_matches('\u{feff}');
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let taken = match next {
            '"' => string(rest, &mut out),
            '{' | '}' | '[' | ']' | ':' | ',' => {
                out.push(next);
                1
            }
            _ if next.is_whitespace() => {
                out.push(' ');
                next.len_utf8()
            }
            _ => bare(rest, &mut out),
        };
        rest = &rest[taken..];
    }
    out
}

/// Copies a string that begins here, repaired; returns how many bytes it took.
fn string(text: &str, out: &mut String) -> usize {
    out.push('"');
    let mut at = 1;
    while let Some(next) = text[at..].chars().next() {
        match next {
            '"' => {
                out.push('"');
                return at + 1;
            }
            '\\' => at += escape(&text[at..], out),
            _ => {
                // A raw control character, as in a message with a bare line break.
                out.push(if next < ' ' { ' ' } else { next });
                at += next.len_utf8();
            }
        }
    }
    at
}

/// Copies one escape, or U+FFFD where it stands for no character; returns how many bytes it took.
fn escape(text: &str, out: &mut String) -> usize {
    const LOST: &str = "\\ufffd";
    match text.as_bytes().get(1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
            out.push_str(&text[..2]);
            2
        }
        Some(b'u') => match unit(text) {
            Some(high) if (0xd800..0xdc00).contains(&high) => {
                if text.get(6..).and_then(unit).is_some_and(|low| (0xdc00..0xe000).contains(&low)) {
                    out.push_str(&text[..12]);
                    12
                } else {
                    out.push_str(LOST);
                    6
                }
            }
            Some(low) if (0xdc00..0xe000).contains(&low) => {
                out.push_str(LOST);
                6
            }
            Some(_) => {
                out.push_str(&text[..6]);
                6
            }
            // Cut inside: `\ud8"`. The digits that are there go with it.
            None => {
                out.push_str(LOST);
                2 + text[2..].bytes().take(4).take_while(u8::is_ascii_hexdigit).count()
            }
        },
        // `\x` and the like, or the end of the text: the backslash alone goes.
        _ => 1,
    }
}

/// The UTF-16 unit of a `\uXXXX` at the beginning of this text.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

/// Copies a word or number that stands bare; `null` where JSON has no such thing. Returns how many bytes it took.
fn bare(text: &str, out: &mut String) -> usize {
    let end = text.find(|c: char| c.is_whitespace() || "\"{}[]:,".contains(c)).unwrap_or(text.len());
    let word = &text[..end];
    match word {
        "true" | "false" | "null" => out.push_str(word),
        "True" => out.push_str("true"),
        "False" => out.push_str("false"),
        _ if serde_json::from_str::<serde_json::Number>(word).is_err() && is_no_number(word) => out.push_str("null"),
        // A number; or no value of any kind, a web page perhaps: left as it is, so that it stays unreadable.
        _ => out.push_str(word),
    }
    end
}

/// `NaN`, `Infinity`, `undefined`, `None`, and numbers beyond all ranges.
fn is_no_number(word: &str) -> bool {
    let bare = word.trim_start_matches(['-', '+']).to_ascii_lowercase();
    ["nan", "inf", "infinity", "undefined", "none", "nil"].contains(&bare.as_str())
        || (word.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) && word.bytes().any(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn one_odd_value_does_not_take_its_neighbours() {
        for (text, right) in [
            (r#"{"a":"cut \ud83d","b":1}"#, json!({"a": "cut \u{fffd}", "b": 1})),
            (r#"{"a":"\ude00 \ud83d\ude00","b":1}"#, json!({"a": "\u{fffd} \u{1f600}", "b": 1})),
            (r#"{"a":"\ud83d\u0041","b":1}"#, json!({"a": "\u{fffd}A", "b": 1})),
            (r#"{"a":"\ud8","b":"\x41"}"#, json!({"a": "\u{fffd}", "b": "x41"})),
            (r#"{"a":NaN,"b":[Infinity,-Infinity,nan],"c":1e999}"#, json!({"a": null, "b": [null, null, null], "c": null})),
            (r#"{"a":None,"b":True,"c":False,"d":undefined}"#, json!({"a": null, "b": true, "c": false, "d": null})),
            ("{\"a\":\"two\nlines\",\"b\":-1.5e3}", json!({"a": "two lines", "b": -1.5e3})),
            ("\u{feff}{\"a\":1}", json!({"a": 1})),
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap(), right, "{text}");
        }
        assert_eq!(parse(b"{\"a\":\"\xff\"}").unwrap(), json!({"a": "\u{fffd}"}));
    }

    #[test]
    fn what_is_no_json_stays_unreadable() {
        for text in ["", "{", "<html></html>", r#"{"a":"cut off"#, "[1,2", "Not Found", "{\"a\" 1}", "[1 2]"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map(".{0,6}", inner, 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_repair_of_sound_json_changes_nothing(value in any_json()) {
            let text = value.to_string();
            prop_assert_eq!(serde_json::from_str::<Value>(&repaired(&text)).unwrap(), value);
        }

        #[test]
        fn no_text_makes_the_repair_panic(text in r#"(\\u[dD][89a-fA-F][0-9a-f]{0,2}|["\\{}\[\]:,a-zA-Z0-9+-]|\PC){0,40}"#) {
            let _ = parse(text.as_bytes());
        }
    }
}
