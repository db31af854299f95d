//! The tables, as numbered steps that only grow.
//!
//! A step that was released is never edited: a change of the tables is a new step at the end. `tests/stores/` keeps a
//! store of every released version, and a test opens them.

use rusqlite::{Connection, TransactionBehavior};

use super::error::DbError;

/// `PRAGMA application_id` of our files: "MJEn".
pub(super) const APPLICATION_ID: i32 = 0x4d4a_456e;

/// Step *n* brings a store from version *n* to *n + 1*.
///
/// Times are nanoseconds since 1970 UTC, money is UC (10,000 = 1 credit), job ids are their 40 bits.
pub(super) const STEPS: &[&str] = &[
    // 1: jobs and everything about them.
    "
CREATE TABLE meta (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    revision   INTEGER NOT NULL,
    settings   TEXT NOT NULL,
    screen     TEXT
);
INSERT INTO meta (one, revision, settings) VALUES (1, 0, '{}');

CREATE TABLE jobs (
    id               INTEGER PRIMARY KEY,
    source           TEXT NOT NULL,
    image            INTEGER NOT NULL,
    tag              TEXT,
    place            INTEGER NOT NULL,
    state            TEXT NOT NULL,
    detail           TEXT,
    percent          INTEGER,
    seconds_left     INTEGER,
    heard_at         INTEGER,
    created_at       INTEGER NOT NULL,
    approval_seq     INTEGER,
    approval_price   INTEGER,
    approved_at      INTEGER,
    not_before       INTEGER,
    send_key         TEXT,
    send_body        TEXT,
    send_agreed      INTEGER,
    send_first_at    INTEGER,
    send_last_at     INTEGER,
    send_attempts    INTEGER,
    send_lost        INTEGER,
    send_cleared     INTEGER,
    stop_wish        INTEGER NOT NULL,
    source_confirmed INTEGER NOT NULL,
    task             TEXT,
    request_id       TEXT,
    sent_at          INTEGER,
    finished_at      INTEGER,
    saved_at         INTEGER,
    link_expires_at  INTEGER,
    estimate         INTEGER,
    links            TEXT,
    files            TEXT,
    reserved         INTEGER,
    charged          INTEGER,
    charge           TEXT,
    again_of         INTEGER,
    removed          INTEGER NOT NULL,
    revision         INTEGER NOT NULL
);
CREATE INDEX jobs_picture  ON jobs (source, image);
CREATE INDEX jobs_place    ON jobs (place);
CREATE INDEX jobs_revision ON jobs (revision);
CREATE INDEX jobs_task     ON jobs (task) WHERE task IS NOT NULL;
CREATE INDEX jobs_key      ON jobs (send_key) WHERE send_key IS NOT NULL;
CREATE INDEX jobs_approval ON jobs (approval_seq) WHERE state = 'waiting';

CREATE TABLE gone (
    job      INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL
);
CREATE INDEX gone_revision ON gone (revision);

CREATE TABLE approvals (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    price      INTEGER NOT NULL,
    count      INTEGER NOT NULL,
    not_before INTEGER NOT NULL
);

-- One row for one paid job; it outlives its job.
CREATE TABLE ledger (
    key    TEXT PRIMARY KEY,
    job    INTEGER NOT NULL,
    tag    TEXT,
    at     INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    charge TEXT
);
CREATE INDEX ledger_at  ON ledger (at, amount) WHERE charge IS NOT NULL;
CREATE INDEX ledger_job ON ledger (job);

CREATE TABLE timeline (
    seq   INTEGER PRIMARY KEY,
    job   INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    at    INTEGER NOT NULL,
    state TEXT NOT NULL,
    note  TEXT NOT NULL
);
CREATE INDEX timeline_job ON timeline (job, seq);

CREATE TABLE answers (
    job INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    raw TEXT NOT NULL
);

CREATE TABLE asks (
    seq  INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    job  INTEGER
);
",
    // 2: the jobs that are not over are found without reading those that are.
    "
CREATE INDEX jobs_open ON jobs (place, id) WHERE NOT (state IN ('saved', 'failed', 'cancelled', 'unwatched'));
",
    // 3: when a paid request left by the service's clock, so that a lost answer is found whatever ours shows. What is unsure
    // has an attempt without an answer, also where a kill was not counted as one, and no early look at the list clears it.
    "
ALTER TABLE jobs ADD COLUMN send_first_there INTEGER;
ALTER TABLE jobs ADD COLUMN send_last_there INTEGER;
UPDATE jobs SET send_lost = max(send_lost, 1), send_cleared = 0 WHERE state = 'unsure' AND send_key IS NOT NULL;
",
];

/// The version this program writes.
pub(super) fn known() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// The version a store has.
pub(super) fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Whose file it is.
pub(super) fn application(db: &Connection) -> rusqlite::Result<i32> {
    db.query_row("PRAGMA application_id", [], |row| row.get(0))
}

/// Whether there is nothing in it at all.
pub(super) fn is_empty(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))
}

/// Takes the steps that are missing, all in one transaction. Two processes may do so at once.
pub(super) fn migrate(db: &mut Connection) -> Result<(), DbError> {
    if version(db)? >= known() {
        return Ok(());
    }
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read again: another process may have been faster.
    let from = usize::try_from(version(&tx)?).map_err(|_| DbError::Damaged("its version is negative".to_owned()))?;
    for step in STEPS.iter().skip(from) {
        tx.execute_batch(step)?;
    }
    if from < STEPS.len() {
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", known())?;
    }
    tx.commit()?;
    Ok(())
}
