//! Accounts: who may spend what. A key belongs to one account; reserves are taken at the submit and settled at the end.

use super::answer::Refusal;
use super::money::Amount;
use super::report::Money;
use super::scenario::Balance;
use super::task::whole;

/// One account with its keys.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// Its name in the scenario; empty for the first one.
    pub name: String,
    /// The API keys that belong to it.
    pub keys: Vec<String>,
    pub money: Money,
    balance: Balance,
    used: Amount,
    key_left: Option<Amount>,
    key_used: Amount,
    key_day: String,
    key_daily_used: Amount,
}

impl Account {
    pub(super) fn new(name: &str, keys: Vec<String>, balance: &Balance, now: f64) -> Self {
        let mut account = Self {
            name: name.into(),
            keys,
            money: Money { opening: balance.account, remaining: balance.account, ..Money::default() },
            used: balance.used,
            key_left: balance.key,
            key_used: balance.key_used,
            key_day: String::new(),
            key_daily_used: balance.key_daily_used,
            balance: balance.clone(),
        };
        account.key_day = account.day(now);
        account
    }

    fn day(&self, now: f64) -> String {
        let at = jiff::Timestamp::from_second(whole(now)).unwrap_or_default();
        match at.in_tz(&self.balance.reset_timezone) {
            Ok(local) => local.date().to_string(),
            Err(_) => at.strftime("%Y-%m-%d").to_string(),
        }
    }

    fn begin_day(&mut self, now: f64) {
        let today = self.day(now);
        if today != self.key_day {
            self.key_day = today;
            self.key_daily_used = Amount::ZERO;
        }
    }

    /// A reserve from before the start.
    pub(super) fn reserved_before(&mut self, amount: Amount) {
        self.money.opening += amount;
        self.money.reserved += amount;
    }

    /// Checks the limits and takes the reserve.
    pub(super) fn reserve(&mut self, now: f64, amount: Amount) -> Result<(), Refusal> {
        self.begin_day(now);
        let short = |code: &str, message: &str, scope: &str| {
            Refusal::new(402, code, message)
                .with("limit_scope", scope)
                .with("estimated_credits", amount.credits())
                .with("action_url", "/dashboard/credits")
        };
        if self.money.remaining < amount {
            return Err(short("insufficient_user_quota", "The account balance does not cover this request.", "account")
                .with("account_balance_credits", self.money.remaining.credits()));
        }
        if let Some(left) = self.key_left.filter(|left| *left < amount) {
            return Err(short("key_quota_exhausted", "The total limit of this API key does not cover this request.", "key")
                .with("remaining_credits", left.credits())
                .with("used_credits", self.key_used.credits()));
        }
        if let Some(daily) = self.balance.key_daily.filter(|daily| self.key_daily_used + amount > *daily) {
            let message = "The daily limit of this API key does not cover this request.";
            return Err(short("key_daily_quota_exhausted", message, "key_daily")
                .with("daily_limit_credits", daily.credits())
                .with("daily_used_credits", self.key_daily_used.credits())
                .with("reset_timezone", self.balance.reset_timezone.clone()));
        }
        self.money.remaining -= amount;
        self.money.reserved += amount;
        self.key_left = self.key_left.map(|left| left - amount);
        self.key_daily_used += amount;
        Ok(())
    }

    /// Turns the reserve of a task that ended at `ends` into its charge.
    pub(super) fn settle(&mut self, ends: f64, reserved: Amount, charged: Amount, restores_key: bool) {
        self.money.reserved -= reserved;
        self.money.charged += charged;
        self.money.remaining += reserved - charged;
        self.used += charged;
        self.key_used += charged;
        let back = reserved - charged;
        if restores_key || back < Amount::ZERO {
            self.key_left = self.key_left.map(|left| left + back);
            if self.day(ends) == self.key_day {
                self.key_daily_used -= back;
            }
        }
    }

    /// Sets what it can spend.
    pub(super) fn set_balance(&mut self, amount: Amount) {
        self.money.opening += amount - self.money.remaining;
        self.money.remaining = amount;
    }

    /// The body of `GET /v1/credits`.
    pub(super) fn credits(&mut self, now: f64) -> serde_json::Value {
        self.begin_day(now);
        let mut token = serde_json::json!({
            "remaining_credits": self.key_left.unwrap_or(Amount::ZERO).credits(),
            "used_credits": self.key_used.credits(),
            "unlimited_credits": self.key_left.is_none(),
        });
        if let Some(daily) = self.balance.key_daily {
            token["daily_limit_credits"] = daily.credits().into();
            token["daily_used_credits"] = self.key_daily_used.credits().into();
            token["reset_timezone"] = self.balance.reset_timezone.clone().into();
        }
        serde_json::json!({"success": true, "message": "", "data": {
            "user": {"remaining_credits": self.money.remaining.credits(), "used_credits": self.used.credits()},
            "token": token,
        }})
    }
}
