//! `Retry-After` in all its forms.

use std::time::Duration;

use jiff::Timestamp;

/// No hint is believed beyond this; who waits cuts it further down.
const MOST: Duration = Duration::from_hours(24);

/// How long a `Retry-After` value asks to wait: seconds, whole or decimal (docs/service.md §3.2), or an HTTP date in one of
/// the three forms of RFC 9110 §5.6.7, counted from `date` (the answer's own `Date`), else from `now`.
///
/// A date in the past is no wait; what cannot be read is `None`; more than 24 hours count as 24 hours.
#[must_use]
pub fn parse(value: &str, date: Option<&str>, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let number = !value.is_empty()
        && value.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && value.bytes().filter(|b| *b == b'.').count() <= 1
        && value.bytes().any(|b| b.is_ascii_digit());
    if number {
        let seconds: f64 = value.parse().ok()?;
        return Some(Duration::from_secs_f64(seconds.clamp(0.0, MOST.as_secs_f64())));
    }
    let then = http_date(value)?;
    let now = date.and_then(http_date).unwrap_or(now);
    let wait = then.as_second().saturating_sub(now.as_second());
    Some(Duration::from_secs(u64::try_from(wait).unwrap_or(0)).min(MOST))
}

/// A date as HTTP writes it (RFC 9110 §5.6.7): the present form, that of RFC 850, and that of C's `asctime`.
pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    let at = httpdate::parse_http_date(text.trim()).ok()?;
    Timestamp::try_from(at).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn seconds_may_be_whole_or_decimal() {
        for (text, millis) in [
            ("0", Some(0)),
            ("27", Some(27_000)),
            (" 1.5 ", Some(1_500)),
            (".5", Some(500)),
            ("99999999999999999999999", Some(86_400_000)),
        ] {
            assert_eq!(parse(text, None, at(0)).map(|wait| wait.as_millis()), millis, "{text}");
        }
    }

    #[test]
    fn nonsense_is_no_hint() {
        for text in
            ["", ".", "soon", "-5", "1.2.3", "1e9", "inf", "NaN", "Sun, 99 Nov 1994 08:49:37 GMT", "٣", "Sun, 06 Nov 1994"]
        {
            assert_eq!(parse(text, None, at(0)), None, "{text}");
        }
    }

    #[test]
    fn all_three_forms_of_an_http_date_are_read() {
        // All three name second 784,111,777; the example is that of RFC 9110.
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(parse(text, None, at(784_111_777 - 30)), Some(Duration::from_secs(30)), "{text}");
            assert_eq!(parse(text, None, at(784_111_777 + 30)), Some(Duration::ZERO), "{text}");
        }
    }

    #[test]
    fn a_date_counts_from_the_answers_own_clock() {
        let wait = parse("Sun, 06 Nov 1994 08:49:37 GMT", Some("Sun, 06 Nov 1994 08:49:07 GMT"), at(2_000_000_000));
        assert_eq!(wait, Some(Duration::from_secs(30)));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(value in ".{0,60}", date in ".{0,40}", second in -1_000_000_000_i64..4_000_000_000) {
            let wait = parse(&value, Some(&date), at(second));
            prop_assert!(wait.is_none_or(|wait| wait <= MOST));
        }
    }
}
