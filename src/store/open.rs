//! Opening a store: making its folder and file, refusing what is not ours, and never touching what is damaged.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::error::{DbError, StoreError};
use super::{Access, schema};

/// The store's file in its folder.
pub(super) const FILE: &str = "mj-enhance.db";

/// How long a call waits for another process's transaction.
const PATIENCE: Duration = Duration::from_secs(5);

/// Stores up to this size are checked as a whole when they are opened; larger ones only on suspicion.
const CHECKED_WHOLE: u64 = 2 << 20;

/// A connection and what is known about it.
pub(super) struct Opened {
    pub db: Connection,
    pub file: PathBuf,
    /// Read as a picture of one moment, since the folder holds no write-ahead log and none may be made.
    pub snapshot: bool,
}

pub(super) fn open(folder: &Path, access: Access) -> Result<Opened, StoreError> {
    let file = folder.join(FILE);
    if access == Access::ReadWrite {
        make(folder, &file)?;
    }
    let suspicious = look(&file)?;
    let (mut db, snapshot) = connect(&file, access)?;
    let stands_in = prepare(&mut db, &file, access, suspicious).map_err(|stop| match stop {
        Stop::Told(error) => error,
        Stop::DbError(error) => error.at(&file),
    })?;
    Ok(Opened { db, file, snapshot: snapshot || stands_in })
}

pub(super) fn in_memory() -> Result<Opened, StoreError> {
    let file = PathBuf::from(":memory:");
    let db = empty().map_err(|error| error.at(&file))?;
    Ok(Opened { db, file, snapshot: false })
}

fn empty() -> Result<Connection, DbError> {
    let mut db = Connection::open_in_memory()?;
    settle(&db)?;
    schema::migrate(&mut db)?;
    Ok(db)
}

fn unusable(path: &Path, why: String) -> StoreError {
    StoreError::Unusable { path: path.to_owned(), why }
}

/// Makes folder and file with modes that only the user can pass; SQLite gives its side files the mode of the file.
fn make(folder: &Path, file: &Path) -> Result<(), StoreError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
        unusable(folder, format!("the data folder cannot be made ({error}): fix its permissions or use another --data-dir"))
    })?;
    let made = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(file);
    let made = made.map_err(|error| {
        unusable(file, format!("the store cannot be made or written ({error}): fix its permissions or use another --data-dir"))
    })?;
    if made.metadata().is_ok_and(|about| about.permissions().mode() & 0o077 != 0) {
        // Best effort: on a file system without modes there is nothing to mend.
        let _ = made.set_permissions(Permissions::from_mode(0o600));
    }
    Ok(())
}

/// Looks at the file before SQLite does: whether it is a database at all, and whether it deserves a whole check.
fn look(path: &Path) -> Result<bool, StoreError> {
    let mut file = File::open(path).map_err(|error| {
        let why = match error.kind() {
            ErrorKind::NotFound => "there is no store here yet: add a job first, or name its folder with --data-dir".to_owned(),
            _ => format!("the store cannot be read ({error}): fix its permissions or use another --data-dir"),
        };
        unusable(path, why)
    })?;
    let length = file.metadata().map_or(0, |about| about.len());
    if length == 0 {
        return Ok(false);
    }
    let damaged = |why: &str| StoreError::Damaged { path: path.to_owned(), why: why.to_owned() };
    let mut head = [0_u8; 100];
    file.read_exact(&mut head).map_err(|_| damaged("it is too short to be a store"))?;
    if !head.starts_with(b"SQLite format 3\0") {
        return Err(damaged("it is not a database"));
    }
    let page = match u16::from_be_bytes([head[16], head[17]]) {
        1 => 65_536,
        size => u64::from(size),
    };
    let pages = u64::from(u32::from_be_bytes([head[28], head[29], head[30], head[31]]));
    Ok(length <= CHECKED_WHOLE || page * pages != length)
}

fn connect(file: &Path, access: Access) -> Result<(Connection, bool), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let at = |error: rusqlite::Error| DbError::from(error).at(file);
    match access {
        Access::ReadWrite => {
            let db = Connection::open_with_flags(file, flags | OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(at)?;
            Ok((db, false))
        }
        Access::ReadOnly if beside(file, "-wal").exists() => {
            let db = Connection::open_with_flags(file, flags | OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(at)?;
            Ok((db, false))
        }
        // Nobody has it open. SQLite would make a log of its own to read it; `immutable` reads the file alone.
        Access::ReadOnly => {
            let flags = flags | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
            let db = Connection::open_with_flags(address(file), flags).map_err(at)?;
            Ok((db, true))
        }
    }
}

/// The file's name with an ending, as SQLite names its side files.
pub(super) fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn address(file: &Path) -> String {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt;

    let full = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let mut address = String::from("file:");
    for byte in full.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_') {
            address.push(char::from(*byte));
        } else {
            let _ = write!(address, "%{byte:02x}");
        }
    }
    address + "?immutable=1"
}

enum Stop {
    Told(StoreError),
    DbError(DbError),
}

impl<T: Into<DbError>> From<T> for Stop {
    fn from(error: T) -> Self {
        Self::DbError(error.into())
    }
}

fn settle(db: &Connection) -> Result<(), DbError> {
    db.busy_timeout(PATIENCE)?;
    db.set_prepared_statement_cache_capacity(64);
    db.pragma_update(None, "foreign_keys", true)?;
    // KiB, negative by SQLite's custom: enough for the inner pages of 100,000 jobs.
    db.pragma_update(None, "cache_size", -8_192)?;
    db.pragma_update(None, "temp_store", "memory")?;
    Ok(())
}

/// Checks the store, and brings it up to date if it may be written. True if an empty one in memory was put in its place.
fn prepare(db: &mut Connection, file: &Path, access: Access, suspicious: bool) -> Result<bool, Stop> {
    settle(db)?;
    // Read as one moment saw it: another process may be making the store right now.
    let (found, ours, fresh) = {
        let moment = db.transaction()?;
        let found = schema::version(&moment)?;
        (found, schema::application(&moment)? == schema::APPLICATION_ID, found == 0 && schema::is_empty(&moment)?)
    };
    if !ours && !fresh {
        return Err(DbError::Damaged("it is a database, but not a store of mj-enhance".to_owned()).into());
    }
    // Mark and version are written together. Said before anything is switched, so that the file stays as it is.
    if ours && found < 1 {
        return Err(DbError::Damaged(format!("its version is {found}, which no mj-enhance has written")).into());
    }
    if found > schema::known() {
        let path = file.to_owned();
        return Err(Stop::Told(StoreError::Newer { path, found, known: schema::known() }));
    }
    if suspicious {
        check(db)?;
    }
    if access == Access::ReadOnly {
        return if found == schema::known() {
            Ok(false)
        } else if fresh {
            // Its maker is just making it, or was killed at it: there are no jobs in it yet.
            *db = empty()?;
            Ok(true)
        } else {
            let why = format!(
                "the store has the older version {found} and cannot be brought up to {} while it is only read: open it once without --read-only",
                schema::known()
            );
            Err(Stop::Told(unusable(file, why)))
        };
    }
    keep_a_log(db, file)?;
    schema::migrate(db)?;
    // A log that grew in a busy hour is cut back after the next checkpoint.
    db.query_row("PRAGMA journal_size_limit = 8388608", [], |_| Ok(()))?;
    Ok(false)
}

/// SQLite's own check of the whole file.
fn check(db: &Connection) -> Result<(), DbError> {
    let said: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if said == "ok" { Ok(()) } else { Err(DbError::Damaged(said.lines().last().unwrap_or("its check failed").to_owned())) }
}

/// Switches to a write-ahead log. Two processes that open a new store at once can get in each other's way here, where
/// SQLite does not wait by itself.
fn keep_a_log(db: &Connection, file: &Path) -> Result<(), Stop> {
    let mut tries = 0;
    loop {
        match db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0)) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                let why = format!(
                    "its file system does not allow a write-ahead log (SQLite stays with {mode}): use a --data-dir on a local disk"
                );
                return Err(Stop::Told(unusable(file, why)));
            }
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && tries < 100 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(error) => return Err(error.into()),
        }
    }
}
