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
    // 4: key and body from the approval on; what must be unique is unique; task ids outlive their jobs; a run's budget.
    //
    // An older store may hold two jobs with one task, or two live jobs for one picture. The task stays with the job that was
    // recorded first; of another, a running one is unsure (or unwatched, if it has no request to look for), and one that is
    // over keeps its files and state without the task; its timeline says so. Of two live jobs for one picture the later one
    // counts as added with --again.
    "
ALTER TABLE jobs ADD COLUMN request_key TEXT;
ALTER TABLE jobs ADD COLUMN request_body TEXT;
ALTER TABLE jobs ADD COLUMN again INTEGER NOT NULL DEFAULT 0;
UPDATE jobs SET charge = 'refunded' WHERE charge = 'given back';
UPDATE ledger SET charge = 'refunded' WHERE charge = 'given back';

CREATE TABLE tasks (
    task TEXT PRIMARY KEY,
    job  INTEGER NOT NULL
) WITHOUT ROWID;
INSERT OR IGNORE INTO tasks (task, job) SELECT task, id FROM jobs WHERE task IS NOT NULL ORDER BY created_at, id;

CREATE TEMP TABLE doubles AS
    SELECT jobs.id AS job, jobs.task AS task, tasks.job AS owner, jobs.send_key IS NOT NULL AS sent
    FROM jobs JOIN tasks ON tasks.task = jobs.task WHERE tasks.job <> jobs.id;
UPDATE jobs SET
    task = NULL,
    revision = (SELECT revision + 1 FROM meta),
    charge = CASE WHEN state IN ('running', 'to-fetch', 'fetching', 'unwatched') THEN 'not known' ELSE charge END,
    detail = CASE WHEN state IN ('running', 'to-fetch', 'fetching', 'unwatched')
        THEN CASE WHEN send_key IS NULL THEN NULL
             ELSE '{\"why\":\"its task belongs to another job as well\",\"looked\":false,\"candidates\":[]}' END
        ELSE detail END,
    state = CASE WHEN state IN ('running', 'to-fetch', 'fetching', 'unwatched')
        THEN CASE WHEN send_key IS NULL THEN 'unwatched' ELSE 'unsure' END ELSE state END
    WHERE id IN (SELECT job FROM doubles);
UPDATE jobs SET send_lost = max(send_lost, 1), send_cleared = 0 WHERE state = 'unsure' AND send_key IS NOT NULL;
INSERT INTO timeline (job, at, state, note)
    SELECT jobs.id, jobs.created_at, jobs.state, 'its task ' || doubles.task || ' belongs to another job as well, which keeps it'
    FROM doubles JOIN jobs ON jobs.id = doubles.job;
UPDATE meta SET revision = revision + 1 WHERE EXISTS (SELECT 1 FROM doubles);
DROP TABLE doubles;

UPDATE jobs SET again = 1
    WHERE NOT (state IN ('failed', 'cancelled')) AND EXISTS (
        SELECT 1 FROM jobs AS other WHERE other.source = jobs.source AND other.image = jobs.image
            AND NOT (other.state IN ('failed', 'cancelled')) AND (other.created_at, other.id) < (jobs.created_at, jobs.id));

DROP INDEX jobs_task;
CREATE UNIQUE INDEX jobs_task ON jobs (task) WHERE task IS NOT NULL;
DROP INDEX jobs_picture;
CREATE INDEX jobs_picture ON jobs (source, image, created_at, place);
CREATE UNIQUE INDEX jobs_live ON jobs (source, image) WHERE again = 0 AND NOT (state IN ('failed', 'cancelled'));
CREATE INDEX jobs_given_up ON jobs (finished_at) WHERE state = 'cancelled' AND send_key IS NOT NULL;
CREATE INDEX jobs_request ON jobs (request_key) WHERE request_key IS NOT NULL;

CREATE TABLE budgets (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    at    INTEGER NOT NULL,
    most  INTEGER NOT NULL
);
ALTER TABLE approvals ADD COLUMN budget INTEGER REFERENCES budgets (id);
ALTER TABLE ledger ADD COLUMN budget INTEGER REFERENCES budgets (id);
CREATE INDEX ledger_budget ON ledger (budget, amount) WHERE budget IS NOT NULL AND charge IS NOT NULL;
",
    // 5: whose store it is.
    super::account::STEP,
    // 6: jobs are of a kind: an enhance has a draft and a picture's number, a draft a prompt. The table is not made anew: to
    // drop the old one would delete every time line with it. Other programs' drafts are kept for the screens that show them.
    "
ALTER TABLE jobs ALTER COLUMN source DROP NOT NULL;
ALTER TABLE jobs ALTER COLUMN image DROP NOT NULL;
ALTER TABLE jobs ADD COLUMN kind TEXT NOT NULL DEFAULT 'enhance';
ALTER TABLE jobs ADD COLUMN prompt TEXT;
ALTER TABLE jobs ADD COLUMN template TEXT;
CREATE INDEX jobs_prompt ON jobs (prompt, created_at, place) WHERE prompt IS NOT NULL;
CREATE UNIQUE INDEX jobs_live_prompt ON jobs (prompt)
    WHERE prompt IS NOT NULL AND again = 0 AND NOT (state IN ('saved', 'failed', 'cancelled'));

ALTER TABLE approvals ADD COLUMN lines TEXT;

CREATE TABLE drafts (
    task     TEXT PRIMARY KEY,
    made_at  INTEGER,
    pictures INTEGER,
    price    INTEGER,
    links    TEXT,
    links_at INTEGER,
    files    TEXT,
    hidden   INTEGER NOT NULL DEFAULT 0,
    note     TEXT,
    revision INTEGER NOT NULL
);
CREATE INDEX drafts_revision ON drafts (revision);
",
    // 7: what a screen asks of drafts, and when their pictures were looked at.
    "
ALTER TABLE asks ADD COLUMN task TEXT;
ALTER TABLE drafts RENAME COLUMN links_at TO links_until;
ALTER TABLE drafts ADD COLUMN looked_at INTEGER;
",
    // 8: the first rows of a screen are found without reading all that wait.
    "
CREATE INDEX jobs_first ON jobs (state, place, id) WHERE NOT (state IN ('saved', 'failed', 'cancelled', 'unwatched'));
",
    // 9: what a person thought of a result.
    "
ALTER TABLE jobs ADD COLUMN verdict TEXT;
",
    // 10: how often a paid request was refused for want of balance, so that a refusal that the gateway remembers ends.
    "
ALTER TABLE jobs ADD COLUMN send_refusals INTEGER;
",
    // 11: the first rows of a screen are found also where they are of jobs that are over.
    "
CREATE INDEX jobs_saved ON jobs (saved_at DESC, id) WHERE state = 'saved';
CREATE INDEX jobs_failed ON jobs (finished_at DESC, id) WHERE state = 'failed';
CREATE INDEX jobs_cancelled ON jobs (finished_at DESC, id) WHERE state = 'cancelled';
CREATE INDEX jobs_unwatched ON jobs (sent_at, id) WHERE state = 'unwatched';
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
