//! What went wrong, and the sentence for it.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::own_file::way_out;
use crate::job::text;

/// Why the store could not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder or a file cannot be used.
    #[error("{path}: {why}")]
    Unusable {
        /// Where.
        path: PathBuf,
        /// What is wrong and what to do.
        why: String,
    },
    /// Written by a newer program.
    #[error(
        "{path} was written by a newer mj-enhance (store version {found}, this one knows {known}): update mj-enhance, or use another --data-dir"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// Not a store, or damaged. It was left as it is.
    #[error(
        "{path} is damaged ({why}); it was left as it is: move it away to start afresh, then `mj-enhance import` what you exported"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// More jobs than the confirmation named: nothing was written.
    #[error("nothing was changed: {confirmed} confirmed, {asked} named")]
    NotConfirmed {
        /// How many jobs the confirmation was for.
        confirmed: usize,
        /// How many there are.
        asked: usize,
    },
    /// Any other error with the database: full disk, locked for too long.
    #[error("the store could not be used: {0}")]
    Database(String),
}

/// DbError inside the room, before it is known which file it belongs to.
#[derive(Debug)]
pub(super) enum DbError {
    /// SQLite's.
    Sql(rusqlite::Error),
    /// A row that our program cannot have written.
    Damaged(String),
    /// A sentence that is ready.
    Said(String),
    /// More jobs than were confirmed.
    NotConfirmed { confirmed: usize, asked: usize },
}

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl DbError {
    /// The error to hand out for a store in this file.
    pub(super) fn at(self, path: &Path) -> StoreError {
        let path = path.to_owned();
        // What is quoted from a damaged file may hold anything.
        let clean = |said: String| text::clean(&said).into_owned();
        let error = match self {
            Self::Damaged(why) => return StoreError::Damaged { path, why: clean(why) },
            Self::Said(why) => return StoreError::Database(clean(why)),
            Self::NotConfirmed { confirmed, asked } => return StoreError::NotConfirmed { confirmed, asked },
            Self::Sql(error) => error,
        };
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                StoreError::Damaged { path, why: clean(error.to_string()) }
            }
            Some(ErrorCode::DiskFull) => StoreError::Database(format!(
                "the disk is full: free some space on the disk of {}; the last change was not written",
                path.display()
            )),
            Some(ErrorCode::SystemIoFailure) => StoreError::Database(format!(
                "reading or writing {} failed ({error}): check the disk and the limit on file sizes (`ulimit -f`); the last change may not be written",
                path.display()
            )),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Database(format!(
                "another process has kept {} locked for more than 5 s: try again, or end that process",
                path.display()
            )),
            // SQLite does not tell why; that it had no room for its files shows with others.
            Some(ErrorCode::CannotOpen) if let Err(cause) = room_for_files() => {
                StoreError::Unusable { why: format!("the file cannot be opened ({cause}): {}", way_out(&cause, &path)), path }
            }
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => StoreError::Unusable {
                path,
                why: format!("the file cannot be opened or written ({error}): fix its permissions or use another --data-dir"),
            },
            _ if matches!(
                error,
                rusqlite::Error::FromSqlConversionFailure(..)
                    | rusqlite::Error::IntegralValueOutOfRange(..)
                    | rusqlite::Error::InvalidColumnType(..)
                    | rusqlite::Error::QueryReturnedNoRows
            ) =>
            {
                StoreError::Damaged { path, why: clean(error.to_string()) }
            }
            _ => StoreError::Database(clean(error.to_string())),
        }
    }
}

/// Whether as many more files can be opened as SQLite opens at once: store, log, its index, and a passing one.
fn room_for_files() -> std::io::Result<()> {
    let opened: std::io::Result<Vec<File>> = (0..4).map(|_| File::open("/dev/null")).collect();
    opened.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sqlite_says_is_told_by_what_is_to_be_done() {
        use rusqlite::ffi;
        let said = |code| {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            DbError::Sql(error).at(Path::new("/d/x.db"))
        };
        for (code, words) in [
            (ffi::SQLITE_FULL, "the disk is full"),
            (ffi::SQLITE_IOERR, "ulimit -f"),
            (ffi::SQLITE_BUSY, "another process has kept /d/x.db locked"),
            (ffi::SQLITE_LOCKED, "another process has kept /d/x.db locked"),
            (ffi::SQLITE_READONLY, "fix its permissions"),
            (ffi::SQLITE_CANTOPEN, "fix its permissions"),
            (ffi::SQLITE_PERM, "fix its permissions"),
        ] {
            assert!(said(code).to_string().contains(words), "{code}: {}", said(code));
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB] {
            assert!(matches!(said(code), StoreError::Damaged { .. }), "{code}");
        }
        assert!(matches!(said(ffi::SQLITE_MISUSE), StoreError::Database(_)), "whatever else it is, it is no damage");
        let odd = DbError::Sql(rusqlite::Error::QueryReturnedNoRows).at(Path::new("/d/x.db"));
        assert!(matches!(odd, StoreError::Damaged { .. }), "what must be there is not: {odd}");
    }

    #[test]
    fn words_of_a_damaged_file_reach_no_terminal() {
        let said =
            DbError::Damaged("unrecognized token: \"\u{1}\u{1b}[2J\u{202e}\"".to_owned()).at(Path::new("/d/x.db")).to_string();
        assert!(said.contains("unrecognized token: \"\"") && !said.chars().any(text::is_unsafe), "{said:?}");
    }
}
