//! Credits as integers: 10,000 UC = 1 credit.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use serde::{Deserialize, Deserializer};

/// An amount of credits, kept in UC so that sums are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(i64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From UC.
    pub const fn from_uc(uc: i64) -> Self {
        Self(uc)
    }

    /// From credits with up to four decimals; further decimals are rounded.
    #[expect(clippy::cast_possible_truncation, reason = "amounts of a scenario are far below the limits of i64")]
    pub fn from_credits(credits: f64) -> Self {
        Self((credits * 10_000.0).round() as i64)
    }

    /// In UC.
    pub const fn uc(self) -> i64 {
        self.0
    }

    /// In credits, as the API writes them.
    #[expect(clippy::cast_precision_loss, reason = "amounts stay far below 2^52")]
    pub fn credits(self) -> f64 {
        self.0 as f64 / 10_000.0
    }

    /// Times a factor, rounded to whole UC.
    pub(super) fn scaled(self, factor: f64) -> Self {
        Self::from_credits(self.credits() * factor)
    }
}

impl Add for Amount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Amount {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Amount {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl SubAssign for Amount {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        f64::deserialize(input).map(Self::from_credits)
    }
}
