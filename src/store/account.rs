//! Whose store it is: the service's address and a salted fingerprint of the key. Never the key.

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest as _, Sha256};

use super::Store;
use super::error::{DbError, StoreError};
use super::write::{Sync, Writing};

/// A service address with a key, as a store remembers it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// Without `/v1` and without a slash at the end.
    pub address: String,
    /// Random, in hexadecimal digits: it keeps the fingerprints of two stores apart.
    pub salt: String,
    /// Of salt and key, in hexadecimal digits. The key cannot be found from it.
    pub fingerprint: String,
}

impl Account {
    /// The account of an address and a key. Without the salt of the account it is compared with, it equals no other.
    #[must_use]
    pub fn new(address: &str, key: &str, salt: u128) -> Self {
        Self::salted(address, key, format!("{salt:032x}"))
    }

    fn salted(address: &str, key: &str, salt: String) -> Self {
        let sum = Sha256::new().chain_update(salt.as_bytes()).chain_update([0]).chain_update(key.as_bytes()).finalize();
        // Half of it is enough to tell keys apart, and less is shown to whoever reads the file.
        let fingerprint = sum.iter().take(16).fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        Self { address: address.trim_end_matches('/').to_owned(), salt, fingerprint }
    }

    /// Another address and key by this account's salt, so that the two can be compared.
    #[must_use]
    pub fn alike(&self, address: &str, key: &str) -> Self {
        Self::salted(address, key, self.salt.clone())
    }

    /// For people: `https://api.evolink.ai (key 3f2a91c0)`. The digits are the fingerprint's.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} (key fingerprint {})", self.address, self.fingerprint.get(..8).unwrap_or(&self.fingerprint))
    }
}

/// What a store says to the account that wants to use it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AccountCheck {
    /// It is the one that the store knows.
    Same,
    /// The store knows none yet.
    Unknown,
    /// The store knew another one, and has nothing open: it has forgotten it.
    Changed {
        /// The one it knew.
        before: Account,
    },
    /// The store knows another one, and jobs of that one are open.
    Refused {
        /// The one it knows.
        known: Account,
        /// How many jobs are open.
        open: usize,
    },
}

/// The step that makes the table.
pub(super) const STEP: &str = "
CREATE TABLE account (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    address     TEXT NOT NULL,
    salt        TEXT NOT NULL,
    fingerprint TEXT NOT NULL
);
";

fn known(db: &Connection) -> Result<Option<Account>, DbError> {
    let mut statement = db.prepare_cached("SELECT address, salt, fingerprint FROM account")?;
    let row = |row: &rusqlite::Row<'_>| Ok(Account { address: row.get(0)?, salt: row.get(1)?, fingerprint: row.get(2)? });
    Ok(statement.query_row([], row).optional()?)
}

/// Jobs that only their own account can bring to an end.
fn open(db: &Connection) -> Result<usize, DbError> {
    let sql = "SELECT count(*) FROM jobs WHERE state IN ('waiting', 'sending', 'unsure', 'running', 'to-fetch', 'fetching')";
    let count: i64 = db.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    usize::try_from(count).map_err(|_| DbError::Damaged("a count is negative".to_owned()))
}

fn write(writing: &Writing<'_>, account: Option<&Account>) -> Result<(), DbError> {
    writing.wrote();
    writing.db.prepare_cached("DELETE FROM account")?.execute([])?;
    if let Some(account) = account {
        writing
            .db
            .prepare_cached("INSERT INTO account (one, address, salt, fingerprint) VALUES (1, ?1, ?2, ?3)")?
            .execute(params![account.address, account.salt, account.fingerprint])?;
    }
    Ok(())
}

fn judge(db: &Connection, address: &str, key: &str) -> Result<AccountCheck, DbError> {
    let Some(known) = known(db)? else { return Ok(AccountCheck::Unknown) };
    if known.alike(address, key) == known {
        return Ok(AccountCheck::Same);
    }
    Ok(match open(db)? {
        0 => AccountCheck::Changed { before: known },
        open => AccountCheck::Refused { known, open },
    })
}

impl Store {
    /// The account that the store belongs to, once it is known.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn account(&self) -> Result<Option<Account>, StoreError> {
        self.see(known)
    }

    /// Whether an address and a key may use this store. Changes nothing.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn check_account(&self, address: &str, key: &str) -> Result<AccountCheck, StoreError> {
        self.see(|db| judge(db, address, key))
    }

    /// The same, and forgets another account where nothing is open; the new one is learned from the first answer that accepts
    /// its key.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn enter_account(&mut self, address: &str, key: &str) -> Result<AccountCheck, StoreError> {
        self.write(Sync::Full, |writing| {
            let verdict = judge(&writing.db, address, key)?;
            if matches!(verdict, AccountCheck::Changed { .. }) {
                write(writing, None)?;
            }
            Ok(verdict)
        })
    }

    /// Learns the account, unless one is known already.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn learn_account(&mut self, account: &Account) -> Result<(), StoreError> {
        self.write(Sync::Full, |writing| if known(&writing.db)?.is_none() { write(writing, Some(account)) } else { Ok(()) })
    }

    /// Forgets an account that turned out not to be one, if it is the one that is known.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn forget_account(&mut self, account: &Account) -> Result<(), StoreError> {
        self.write(
            Sync::Full,
            |writing| {
                if known(&writing.db)?.as_ref() == Some(account) { write(writing, None) } else { Ok(()) }
            },
        )
    }

    /// Makes this the store's account, whatever was known: the user says that it is the same one with a new key.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn adopt_account(&mut self, account: &Account) -> Result<(), StoreError> {
        self.write(Sync::Full, |writing| write(writing, Some(account)))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::job::{Job, JobId, Phase, TaskId};

    const HERE: &str = "https://api.evolink.ai/";

    fn job(n: u64, phase: Phase) -> Job {
        let source = TaskId::new("task-unified-1790000000-abcdefgh").unwrap();
        let mut job = Job::new(
            JobId::from_bits(n),
            crate::job::JobKind::Enhance { source, image: u8::try_from(n).unwrap().try_into().unwrap() },
            1,
            Timestamp::UNIX_EPOCH,
        );
        job.phase = phase;
        job
    }

    #[test]
    fn another_key_or_address_is_refused_while_anything_is_open_and_taken_when_nothing_is() {
        let mut store = Store::in_memory().unwrap();
        assert_eq!(store.enter_account(HERE, "sk-one").unwrap(), AccountCheck::Unknown);
        let one = Account::new(HERE, "sk-one", 7);
        store.learn_account(&one).unwrap();
        assert_eq!(store.enter_account("https://api.evolink.ai", "sk-one").unwrap(), AccountCheck::Same);
        store.import(&[job(1, Phase::Unwatched)], Timestamp::MAX).unwrap();
        store
            .import(
                &[job(2, Phase::Unsure(crate::job::Doubt { why: "x".into(), looked: true, candidates: vec![] }))],
                Timestamp::MAX,
            )
            .unwrap();
        for (address, key) in [(HERE, "sk-two"), ("http://127.0.0.1:9", "sk-one")] {
            let refused = AccountCheck::Refused { known: one.clone(), open: 1 };
            assert_eq!(store.enter_account(address, key).unwrap(), refused);
            assert_eq!(store.account().unwrap().as_ref(), Some(&one), "a refusal changes nothing");
        }
        store
            .write(Sync::Normal, |writing| {
                writing.wrote();
                Ok(writing.db.execute("DELETE FROM jobs WHERE state = 'unsure'", [])?)
            })
            .unwrap();
        assert_eq!(store.enter_account(HERE, "sk-two").unwrap(), AccountCheck::Changed { before: one });
        assert_eq!(store.enter_account(HERE, "sk-two").unwrap(), AccountCheck::Unknown, "it is said once");
    }

    #[test]
    fn the_first_one_learned_stays_and_only_the_same_one_is_forgotten() {
        let mut store = Store::in_memory().unwrap();
        let (one, two) = (Account::new(HERE, "sk-one", 1), Account::new(HERE, "sk-two", 2));
        store.learn_account(&one).unwrap();
        store.learn_account(&two).unwrap();
        store.forget_account(&two).unwrap();
        assert_eq!(store.account().unwrap().as_ref(), Some(&one));
        store.adopt_account(&two).unwrap();
        assert_eq!(store.account().unwrap().as_ref(), Some(&two));
        store.forget_account(&two).unwrap();
        assert_eq!(store.account().unwrap(), None);
    }

    #[test]
    fn the_key_is_not_in_what_is_kept() {
        let account = Account::new(HERE, "sk-secret-0123", 3);
        assert!(!format!("{account:?}{}", account.name()).contains("secret"));
        assert_ne!(account.fingerprint, Account::new(HERE, "sk-secret-0123", 4).fingerprint, "the salt counts");
    }
}
