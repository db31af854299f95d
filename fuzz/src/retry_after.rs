//! `Retry-After` in all its forms.

use std::time::Duration;

use mj_enhance::api::parse_retry_after;
use mj_enhance::job::retry;

use super::bytes::Bytes;
use super::samples::at;

pub fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let now = at(i64::from(bytes.byte()) * 1_000_000);
    let all = String::from_utf8_lossy(bytes.rest());
    let (value, clock) = match all.split_once('\n') {
        Some((first, second)) => (first, Some(second)),
        None => (&*all, None),
    };
    let wait = parse_retry_after(value, clock, now);
    assert_eq!(parse_retry_after(value, clock, now), wait, "the same words ask for the same wait");
    assert_eq!(parse_retry_after(&format!("  {value}\t"), clock, now), wait, "spaces around it say nothing");
    let Some(wait) = wait else { return };
    assert!(wait <= Duration::from_hours(24), "{value:?} asks for {wait:?}");
    if let Ok(seconds) = value.trim().parse::<u32>()
        && value.trim().bytes().all(|b| b.is_ascii_digit())
    {
        assert_eq!(wait, Duration::from_secs(u64::from(seconds.min(86_400))), "{value:?}");
    }
    for in_a_row in [0, 1, 2, u32::MAX] {
        let all = retry::rate_limit_wait(Some(wait), in_a_row);
        assert!((Duration::from_secs(1)..=Duration::from_hours(1)).contains(&all), "{all:?}");
        assert!(retry::read_wait(in_a_row, Some(wait), 1.0) <= Duration::from_hours(1));
    }
}
