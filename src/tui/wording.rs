//! Times and amounts in few characters.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::ticks::AGE_STEPS;
use crate::job::{Charge, Credits, Job, Prices};

/// `45s`, `12m03s`, `3h05m`, `5d`: at most six characters. For a slow link in steps of 15 s, and from a minute on in minutes.
pub(super) fn duration(seconds: i64, in_minutes: bool) -> String {
    let seconds = seconds.max(0);
    match seconds {
        _ if in_minutes && seconds < 15 => "<15s".to_owned(),
        _ if in_minutes && seconds < 60 => format!("{}s", seconds / 15 * 15),
        _ if in_minutes && seconds < 3_600 => format!("{}m", seconds / 60),
        0..=59 => format!("{seconds}s"),
        60..=3_599 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_600..=359_999 => format!("{}h{:02}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d", (seconds / 86_400).min(99_999)),
    }
}

/// `23h10m`, `59m`: for what turns by the minute.
pub(super) fn minutes(seconds: i64) -> String {
    let seconds = seconds.max(0);
    if seconds < 3_600 { format!("{}m", seconds / 60) } else { duration(seconds, false) }
}

pub(super) fn since(from: Timestamp, now: Timestamp) -> i64 {
    now.duration_since(from).as_secs().max(0)
}

/// `14:03:22` of today, `Nov 3 14:03` of another day.
pub(super) fn clock(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (local, today) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    if local.date() == today.date() { local.strftime("%H:%M:%S").to_string() } else { local.strftime("%b %d %H:%M").to_string() }
}

/// The age of a balance in words, only from five minutes on and only in steps, so that an idle screen stays still.
pub(super) fn age(at: Timestamp, now: Timestamp) -> Option<&'static str> {
    let age = since(at, now);
    let step = AGE_STEPS.iter().rposition(|step| *step <= age)?;
    Some(
        [
            "over 5 min old",
            "over 10 min old",
            "over 30 min old",
            "over 1 h old",
            "over 2 h old",
            "over 6 h old",
            "over 12 h old",
            "over a day old",
        ][step],
    )
}

/// The credits of a row: `~5.4` estimated, `5.4` held or taken, `0` refunded, `5.4?` not known.
pub(super) fn credits(job: &Job, prices: Option<&Prices>) -> String {
    match job.charge {
        None if job.state().is_final() => String::new(),
        None => {
            let price = job.approval.map(|yes| yes.price).or(prices.map(|prices| prices.of(job.kind.model())));
            price.map_or_else(String::new, |price| format!("~{price}"))
        }
        Some(Charge::Reserved) => format!("~{}", job.spent()),
        Some(Charge::Charged) => job.spent().to_string(),
        Some(Charge::Refunded) => "0".to_owned(),
        Some(Charge::NotKnown) => format!("{}?", job.spent()),
    }
}

/// What jobs cost so far, or will: `10.8`.
pub(super) fn sum_of<'a>(jobs: impl Iterator<Item = &'a Job>, prices: Option<&Prices>) -> Credits {
    let cost = |job: &Job| match job.charge {
        None if job.state().is_final() => Credits::ZERO,
        None => {
            let price = prices.map(|prices| prices.of(job.kind.model()));
            job.approval.map(|approval| approval.price).or(price).unwrap_or(Credits::ZERO)
        }
        Some(_) => job.spent(),
    };
    jobs.fold(Credits::ZERO, |sum, job| sum + cost(job))
}

/// `about 1.59 USD`, to the cent, where the rate is known.
pub(super) fn dollars(amount: Credits, uc_per_usd: Option<i64>) -> Option<String> {
    let rate = i128::from(uc_per_usd.filter(|rate| *rate > 0)?);
    let cents = (i128::from(amount.uc().max(0)) * 100 + rate / 2) / rate;
    Some(if cents == 0 { "under 0.01 USD".to_owned() } else { format!("about {}.{:02} USD", cents / 100, cents % 100) })
}

/// `10.2k` for what has no room.
pub(super) fn short_count(count: usize) -> String {
    match count {
        0..=9_999 => count.to_string(),
        10_000..=999_999 => format!("{}.{}k", count / 1_000, count % 1_000 / 100),
        _ => format!("{}M", count / 1_000_000),
    }
}

/// `3.1 MB`.
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..=999 => format!("{count} B"),
        1_000..=999_999 => format!("{} kB", count / 1_000),
        _ => format!("{}.{} MB", count / 1_000_000, count % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_rounded_to_the_cent() {
        for (amount, said) in
            [("108", "about 1.59 USD"), ("5.4", "about 0.08 USD"), ("0.1", "under 0.01 USD"), ("68", "about 1.00 USD")]
        {
            assert_eq!(dollars(amount.parse().unwrap(), Some(680_000)).as_deref(), Some(said));
        }
        assert_eq!(dollars(Credits::PUBLISHED_PRICE, None), None);
    }

    #[test]
    fn durations_keep_to_six_characters() {
        for (seconds, text) in [(-3, "0s"), (45, "45s"), (63, "1m03s"), (3_599, "59m59s"), (3_600, "1h00m"), (86_400 * 5, "5d")] {
            assert!(duration(seconds, false).len() <= 6);
            if seconds < 359_999 {
                assert_eq!(duration(seconds, false), text.replace("5d", "120h00m").as_str().trim_start());
            }
        }
        assert_eq!(duration(600_000, false), "6d");
        assert_eq!((duration(90, true), duration(44, true)), ("1m".to_owned(), "30s".to_owned()));
    }
}
