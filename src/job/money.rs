//! Money as whole numbers: 10,000 UC make one credit (docs/service.md §2).

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Sub};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An amount of EvoLink credits, counted in UC: ten-thousandths of a credit. May be negative where a balance is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Credits(i64);

/// Text that is no amount of credits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an amount of credits: write a number with at most 4 decimals, like 64.8")]
pub struct CreditsError;

impl Credits {
    /// UC in a credit.
    pub const UC_PER_CREDIT: i64 = 10_000;
    /// No money.
    pub const ZERO: Self = Self(0);
    /// The published price of one enhance: 5.4 credits (docs/service.md §9.1, price rules of 10 Oct 2026).
    pub const PUBLISHED_PRICE: Self = Self(54_000);
    /// The published price of one draft: 2.7 credits (the same rules).
    pub const PUBLISHED_DRAFT_PRICE: Self = Self(27_000);

    /// An amount from UC.
    #[must_use]
    pub const fn from_uc(uc: i64) -> Self {
        Self(uc)
    }

    /// The amount in UC.
    #[must_use]
    pub const fn uc(self) -> i64 {
        self.0
    }

    /// An amount from a number of a JSON answer; `None` for what cannot be money (not finite, or beyond ±10¹² credits).
    ///
    /// The service sends decimals with up to four digits (docs/service.md §2), which a double holds exactly enough to round back.
    #[must_use]
    pub fn from_json_number(number: f64) -> Option<Self> {
        let uc = (number * 10_000.0).round();
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked in the same expression")]
        (uc.is_finite() && uc.abs() <= 1e16).then_some(Self(uc as i64))
    }

    /// `count` times this amount, at the largest amount there is instead of an overflow.
    #[must_use]
    pub fn times(self, count: usize) -> Self {
        Self(self.0.saturating_mul(i64::try_from(count).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let uc = self.0.unsigned_abs();
        let (whole, part) = (uc / 10_000, uc % 10_000);
        let text = if part == 0 {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{}", format!("{part:04}").trim_end_matches('0'))
        };
        f.pad(&text)
    }
}

impl fmt::Debug for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} credits")
    }
}

impl FromStr for Credits {
    type Err = CreditsError;

    fn from_str(text: &str) -> Result<Self, CreditsError> {
        let text = text.trim();
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let only_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && part.is_empty()) || part.len() > 4 || !only_digits(whole) || !only_digits(part) {
            return Err(CreditsError);
        }
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| CreditsError)? };
        let part: i64 = format!("{part:0<4}").parse().map_err(|_| CreditsError)?;
        let uc = whole.checked_mul(10_000).and_then(|uc| uc.checked_add(part)).ok_or(CreditsError)?;
        Ok(Self(if negative { -uc } else { uc }))
    }
}

impl Serialize for Credits {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Credits {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Add for Credits {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Credits {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Credits {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Mul<usize> for Credits {
    type Output = Self;
    fn mul(self, count: usize) -> Self {
        self.times(count)
    }
}

impl Sum for Credits {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_written_without_needless_digits() {
        for (uc, text) in [(0, "0"), (54_000, "5.4"), (648_000, "64.8"), (1, "0.0001"), (-27_000, "-2.7"), (10_000, "1")] {
            assert_eq!(Credits::from_uc(uc).to_string(), text);
            assert_eq!(text.parse(), Ok(Credits::from_uc(uc)));
        }
        for bad in ["", ".", "5,4", "1.23456", "-", "1e3", "five", "99999999999999999999"] {
            assert_eq!(bad.parse::<Credits>(), Err(CreditsError), "{bad}");
        }
    }

    #[test]
    fn json_numbers_round_to_the_fourth_digit() {
        assert_eq!(Credits::from_json_number(5.4), Some(Credits::PUBLISHED_PRICE));
        assert_eq!(Credits::from_json_number(0.1 + 0.2), Some(Credits::from_uc(3_000)));
        assert_eq!(Credits::from_json_number(f64::NAN), None);
        assert_eq!(Credits::from_json_number(1e300), None);
    }

    proptest! {
        #[test]
        fn every_amount_reads_back(uc in -1_000_000_000_000_i64..1_000_000_000_000) {
            let amount = Credits::from_uc(uc);
            prop_assert_eq!(amount.to_string().parse(), Ok(amount));
        }
    }
}
