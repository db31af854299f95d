//! The confirmation of a script: `--yes` and `--max-credits` together, or nothing.

use super::args::ConsentFlags;
use super::exit::Exit;
use super::problem::Problem;
use crate::job::{Job, Model, PriceLine, PriceLines, Quote, text};
use crate::store::{Consent, Settings};

/// What these jobs would cost, by what the store last heard of price and balance.
pub fn quote(models: impl IntoIterator<Item = Model>, settings: &Settings) -> Quote {
    Quote { lines: PriceLines::of_jobs(&settings.prices(), models), balance: settings.balance.map(|seen| seen.amount) }
}

/// The quote for these jobs.
pub fn quote_for<'a>(jobs: impl IntoIterator<Item = &'a Job>, settings: &Settings) -> Quote {
    quote(jobs.into_iter().map(|job| job.kind.model()), settings)
}

/// `12 jobs, 64.8 credits (5.4 each), balance after 20.1`; of several kinds `(2 enhances × 5.4, 3 drafts × 2.7)`.
pub fn quote_words(quote: &Quote) -> String {
    let each = match quote.lines.only_price() {
        Some(price) if quote.count() > 1 => format!(" ({price} each)"),
        Some(_) => String::new(),
        None => {
            let line = |line: PriceLine| format!("{} × {}", text::count(line.count, line.model.word()), line.price);
            let lines: Vec<String> = quote.lines.iter().map(line).collect();
            if lines.is_empty() { String::new() } else { format!(" ({})", lines.join(", ")) }
        }
    };
    let after = quote.balance_after().map_or_else(String::new, |after| format!(", balance after {after}"));
    format!("{}{each}{after}", quote.words())
}

/// Checks the confirmation against the quote. Scripts have no grace period.
///
/// # Errors
/// Exit 3 when a flag is missing or the sum is above the limit.
pub fn check(flags: ConsentFlags, quote: &Quote, instead: &str) -> Result<Consent, Problem> {
    let refuse = |what: String, next: String| Err(Problem::new(Exit::NoConsent, "no_consent", what, next));
    let total = quote.total();
    let words = quote_words(quote);
    match (flags.yes, flags.max_credits) {
        (true, Some(limit)) if total > limit => refuse(
            format!("nothing was stored: {words} is more than --max-credits {limit}"),
            format!("pass --max-credits {total}, or give fewer"),
        ),
        (true, Some(_)) => Ok(Consent { lines: quote.lines, grace: std::time::Duration::ZERO }),
        (true, None) => refuse(
            format!("not confirmed: {words}; nothing was stored; `--yes` needs `--max-credits`"),
            format!("confirm with `--yes --max-credits {total}`{instead}"),
        ),
        (false, _) => refuse(
            format!("not confirmed: {words}; nothing was stored"),
            format!("confirm with `--yes --max-credits {total}`{instead}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(yes: bool, max: Option<&str>) -> ConsentFlags {
        ConsentFlags { yes, max_credits: max.map(|text| text.parse().unwrap()) }
    }

    #[test]
    fn only_both_flags_with_room_are_a_yes() {
        let quote = quote([Model::Enhance; 12], &Settings::default());
        for (yes, max) in [(false, None), (true, None), (false, Some("100")), (true, Some("64.7999"))] {
            let problem = check(flags(yes, max), &quote, "").unwrap_err();
            assert_eq!(problem.exit, Exit::NoConsent);
            assert!(problem.next.contains("--max-credits 64.8"), "{problem:?}");
        }
        let consent = check(flags(true, Some("64.8")), &quote, "").unwrap();
        assert_eq!((consent.lines, consent.grace), (quote.lines, std::time::Duration::ZERO));
    }
}
