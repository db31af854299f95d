//! What a job costs before anybody confirms, and whether it fits under the caps.

use super::money::Credits;
use super::phase::{CapName, HoldReason};
use super::text;

/// The upper limits the user set; `None` is no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Caps {
    /// `cap_session`: a session ends when four hours pass without a paid send.
    pub session: Option<Credits>,
    /// `cap_day`: the user's local day.
    pub day: Option<Credits>,
}

/// What was spent or is reserved, counted from the store. Money that the service proved to have refunded does not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Spent {
    /// In this session.
    pub session: Credits,
    /// Since local midnight.
    pub day: Credits,
    /// Since the first of the month.
    pub month: Credits,
}

impl Caps {
    /// Whether one more send at `price` stays within every cap, to the last UC.
    ///
    /// # Errors
    /// The reason to hold the job.
    pub fn allow(&self, spent: &Spent, price: Credits) -> Result<(), HoldReason> {
        for (cap, limit, so_far) in [(CapName::Day, self.day, spent.day), (CapName::Session, self.session, spent.session)] {
            if let Some(limit) = limit
                && so_far + price > limit
            {
                return Err(HoldReason::Cap { cap, limit });
            }
        }
        Ok(())
    }

    /// How many more sends at `price` fit; `None` without a cap.
    #[must_use]
    pub fn room(&self, spent: &Spent, price: Credits) -> Option<usize> {
        let fits = |limit: Option<Credits>, so_far: Credits| {
            limit.map(|limit| usize::try_from((limit - so_far).uc().max(0) / price.uc().max(1)).unwrap_or(0))
        };
        match (fits(self.day, spent.day), fits(self.session, spent.session)) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, other) => one.or(other),
        }
    }
}

/// What a yes would buy: the count, the price and the balance after it (docs/money-rules.md, rule 2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quote {
    /// How many jobs would be sent.
    pub count: usize,
    /// Credits for one.
    pub price: Credits,
    /// The balance now, where it is known.
    pub balance: Option<Credits>,
}

impl Quote {
    /// Credits for all.
    #[must_use]
    pub fn total(&self) -> Credits {
        self.price.times(self.count)
    }

    /// The balance after it, where it is known; negative when it does not suffice.
    #[must_use]
    pub fn balance_after(&self) -> Option<Credits> {
        self.balance.map(|now| now - self.total())
    }

    /// `12 jobs, 64.8 credits`.
    #[must_use]
    pub fn words(&self) -> String {
        format!("{}, {} credits", text::count(self.count, "job"), self.total())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credits(text: &str) -> Credits {
        text.parse().unwrap()
    }

    #[test]
    fn a_cap_may_be_reached_but_not_crossed() {
        let caps = Caps { session: None, day: Some(credits("10.8")) };
        let price = credits("5.4");
        let spent = |text| Spent { day: credits(text), ..Spent::default() };
        assert!(caps.allow(&spent("5.4"), price).is_ok());
        assert_eq!(caps.allow(&spent("5.4001"), price), Err(HoldReason::Cap { cap: CapName::Day, limit: credits("10.8") }));
        assert_eq!(caps.room(&spent("0"), price), Some(2));
        assert_eq!(caps.room(&spent("100"), price), Some(0));
        assert_eq!(Caps::default().room(&spent("100"), price), None);
    }

    #[test]
    fn a_quote_names_count_price_and_balance_after() {
        let quote = Quote { count: 12, price: credits("5.4"), balance: Some(credits("70")) };
        assert_eq!(quote.words(), "12 jobs, 64.8 credits");
        assert_eq!(quote.balance_after(), Some(credits("5.2")));
    }
}
