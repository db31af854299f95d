//! What a job costs before anybody confirms, and whether it fits under the caps.

use serde::{Deserialize, Serialize};

use super::kind::Model;
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

    /// What may still be spent, never below zero; `None` without a cap.
    #[must_use]
    pub fn left(&self, spent: &Spent) -> Option<Credits> {
        let left = |limit: Option<Credits>, so_far: Credits| limit.map(|limit| (limit - so_far).max(Credits::ZERO));
        [left(self.day, spent.day), left(self.session, spent.session)].into_iter().flatten().min()
    }
}

/// One amount for each model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prices {
    /// Of one enhance.
    pub enhance: Credits,
    /// Of one draft.
    pub draft: Credits,
}

impl Prices {
    /// When they were last published (docs/service.md §9.1).
    pub const PUBLISHED: Self = Self { enhance: Credits::PUBLISHED_PRICE, draft: Credits::PUBLISHED_DRAFT_PRICE };

    /// That of a model.
    #[must_use]
    pub const fn of(&self, model: Model) -> Credits {
        match model {
            Model::Enhance => self.enhance,
            Model::Draft => self.draft,
        }
    }

    /// The same for each model.
    #[must_use]
    pub fn each(price: impl Fn(Model) -> Credits) -> Self {
        Self { enhance: price(Model::Enhance), draft: price(Model::Draft) }
    }
}

/// How many jobs of one model, and what one of them costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PriceLine {
    /// What is paid for.
    #[serde(rename = "kind")]
    pub model: Model,
    /// How many.
    pub count: usize,
    /// Credits for one.
    pub price: Credits,
}

impl PriceLine {
    /// Credits for all of them.
    #[must_use]
    pub fn total(&self) -> Credits {
        self.price.times(self.count)
    }
}

/// What is bought together: one line for each model of which there is something. Equal where those are; a price at which
/// nothing is bought makes no difference.
#[derive(Clone, Copy, Debug)]
pub struct PriceLines([PriceLine; Model::ALL.len()]);

impl PartialEq for PriceLines {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for PriceLines {}

impl PriceLines {
    /// As many jobs as `count` says of each model, at these prices.
    #[must_use]
    pub fn new(prices: &Prices, count: impl Fn(Model) -> usize) -> Self {
        Self(Model::ALL.map(|model| PriceLine { model, count: count(model), price: prices.of(model) }))
    }

    /// The lines of jobs of these models.
    #[must_use]
    pub fn of_jobs(prices: &Prices, models: impl IntoIterator<Item = Model>) -> Self {
        let mut lines = Self::new(prices, |_| 0);
        for model in models {
            lines.0[model as usize].count += 1;
        }
        lines
    }

    /// The prices alone.
    #[must_use]
    pub fn prices(&self) -> Prices {
        Prices::each(|model| self.of(model).price)
    }

    /// Jobs of one model alone.
    #[must_use]
    pub fn one(model: Model, count: usize, price: Credits) -> Self {
        Self::new(&Prices::each(|_| price), |other| if other == model { count } else { 0 })
    }

    /// As many jobs from the front of a queue of these models as an amount buys at these prices.
    #[must_use]
    pub fn affordable(prices: &Prices, queue: &[Model], left: Credits) -> Self {
        let mut lines = Self::new(prices, |_| 0);
        let mut spent = Credits::ZERO;
        for model in queue {
            spent += prices.of(*model);
            if spent > left {
                break;
            }
            lines.0[*model as usize].count += 1;
        }
        lines
    }

    /// The line of a model; its count may be 0.
    #[must_use]
    pub const fn of(&self, model: Model) -> PriceLine {
        self.0[model as usize]
    }

    /// The lines that buy something.
    pub fn iter(&self) -> impl Iterator<Item = PriceLine> + use<> {
        self.0.into_iter().filter(|line| line.count > 0)
    }

    /// How many jobs.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.iter().map(|line| line.count).sum()
    }

    /// Credits for all.
    #[must_use]
    pub fn total(&self) -> Credits {
        self.0.iter().map(PriceLine::total).sum()
    }

    /// The price of one where all have the same model; `None` for several models, or nothing.
    #[must_use]
    pub fn only_price(&self) -> Option<Credits> {
        let mut lines = self.iter();
        lines.next().filter(|_| lines.next().is_none()).map(|line| line.price)
    }
}

/// What a yes would buy: counts, prices and the balance after it (docs/money-rules.md, rule 2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quote {
    /// How many jobs of each model would be sent, and at which price.
    pub lines: PriceLines,
    /// The balance now, where it is known.
    pub balance: Option<Credits>,
}

impl Quote {
    /// How many jobs would be sent.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lines.count()
    }

    /// Credits for all.
    #[must_use]
    pub fn total(&self) -> Credits {
        self.lines.total()
    }

    /// The balance after it, where it is known; negative when it does not suffice.
    #[must_use]
    pub fn balance_after(&self) -> Option<Credits> {
        self.balance.map(|now| now - self.total())
    }

    /// `12 jobs, 64.8 credits`.
    #[must_use]
    pub fn words(&self) -> String {
        format!("{}, {} credits", text::count(self.count(), "job"), self.total())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credits(text: &str) -> Credits {
        text.parse().unwrap()
    }

    #[test]
    fn quotes_are_the_same_where_all_their_lines_are() {
        let price = Credits::PUBLISHED_PRICE;
        let one = |model, count| PriceLines::one(model, count, price);
        assert_eq!(one(Model::Enhance, 2), one(Model::Enhance, 2));
        assert_ne!(one(Model::Enhance, 2), one(Model::Enhance, 3));
        assert_ne!(one(Model::Enhance, 2), one(Model::Draft, 2));
        assert_ne!(one(Model::Enhance, 2), PriceLines::one(Model::Enhance, 2, Credits::from_uc(1)));
    }

    #[test]
    fn a_cap_may_be_reached_but_not_crossed() {
        let caps = Caps { session: None, day: Some(credits("10.8")) };
        let price = credits("5.4");
        let spent = |text| Spent { day: credits(text), ..Spent::default() };
        assert!(caps.allow(&spent("5.4"), price).is_ok());
        assert_eq!(caps.allow(&spent("5.4001"), price), Err(HoldReason::Cap { cap: CapName::Day, limit: credits("10.8") }));
        assert_eq!(caps.left(&spent("0")), Some(credits("10.8")));
        assert_eq!(caps.left(&spent("100")), Some(Credits::ZERO));
        assert_eq!(Caps::default().left(&spent("100")), None);
        let both = Caps { session: Some(credits("5")), ..caps };
        assert_eq!(both.left(&spent("2")), Some(credits("5")), "the tighter one");
    }

    #[test]
    fn a_quote_names_count_price_and_balance_after() {
        let quote = Quote { lines: PriceLines::one(Model::Enhance, 12, credits("5.4")), balance: Some(credits("70")) };
        assert_eq!(quote.words(), "12 jobs, 64.8 credits");
        assert_eq!(quote.balance_after(), Some(credits("5.2")));
    }

    #[test]
    fn a_quote_of_both_kinds_has_a_line_for_each() {
        let lines = PriceLines::new(&Prices::PUBLISHED, |model| if model == Model::Draft { 3 } else { 2 });
        assert_eq!((lines.count(), lines.total(), lines.only_price()), (5, credits("18.9"), None));
        let totals: Vec<Credits> = lines.iter().map(|line| line.total()).collect();
        assert_eq!(totals, [credits("10.8"), credits("8.1")]);
        let drafts = PriceLines::one(Model::Draft, 3, credits("2.7"));
        assert_eq!((drafts.iter().count(), drafts.only_price(), drafts.total()), (1, Some(credits("2.7")), credits("8.1")));
        let queue = [Model::Draft, Model::Enhance, Model::Draft, Model::Draft];
        for (left, count, total) in [("2.6", 0, "0"), ("2.7", 1, "2.7"), ("8", 1, "2.7"), ("10.8", 3, "10.8"), ("99", 4, "13.5")]
        {
            let lines = PriceLines::affordable(&Prices::PUBLISHED, &queue, credits(left));
            assert_eq!((lines.count(), lines.total()), (count, credits(total)), "{left}");
        }
        assert_eq!(PriceLines::one(Model::Draft, 0, credits("2.7")).only_price(), None);
    }
}
