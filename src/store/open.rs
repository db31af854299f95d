//! Opening a store: making its folder and file, refusing what is not ours, and never touching what is damaged.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use rustix::fs::OFlags;

use super::error::{DbError, StoreError};
use super::own_file::{FILE_LIMIT, open_own, way_out};
use super::{Access, Remark, schema};

/// The store's file in its folder.
pub(super) const FILE: &str = "mj-enhance.db";

/// How long a call waits for another process's transaction.
const PATIENCE: Duration = Duration::from_secs(5);

/// Stores up to this size are checked as a whole when they are opened; larger ones only on suspicion.
const CHECKED_WHOLE: u64 = 2 << 20;

/// How often a copy of the files is taken anew because they changed meanwhile.
const COPIES_MOST: usize = 5;

/// A connection and what is known about it.
pub(super) struct Opened {
    pub db: Connection,
    pub file: PathBuf,
    /// Read as a picture of one moment, since the folder holds no write-ahead log and none may be made.
    pub snapshot: bool,
    pub remark: Option<Remark>,
}

pub(super) fn open(folder: &Path, access: Access) -> Result<Opened, StoreError> {
    let file = folder.join(FILE);
    if access == Access::ReadWrite {
        make(folder, &file)?;
    }
    let about = look(&file)?;
    if access == Access::ReadWrite {
        close_to_others(&file);
    }
    let log = beside(&file, "-wal");
    let has_log = log.exists();
    let (db, snapshot) = connect(&file, access, has_log)?;
    let (db, found) = match prepare(db, &file, access, about.suspicious) {
        // The log's index (-shm) is missing and cannot be made here: SQLite then opens nothing at all.
        Err(Stop::DbError(DbError::Sql(error))) if access == Access::ReadOnly && has_log && is_refused(&error) => {
            let (db, found) = open_copy(&file, &log, false)?;
            return Ok(Opened { db, snapshot: true, remark: Some(found.remark(Remark::ReadFromCopy)), file });
        }
        // It is brought up to date in a copy, so that what is only read stays as it is.
        Err(Stop::Older) => {
            let (db, _) = open_copy(&file, &log, true)?;
            let remark = is_read_only(folder).then_some(Remark::ReadOnlyMedium);
            return Ok(Opened { db, snapshot: true, remark, file });
        }
        other => other.map_err(|stop| stop.at(&file))?,
    };
    let lacks_log = found == Found::Nothing && !has_log && about.keeps_log;
    let remark = if lacks_log {
        Some(Remark::LogMissing)
    } else {
        (access == Access::ReadOnly && is_read_only(folder)).then_some(Remark::ReadOnlyMedium)
    };
    let stands_in = access == Access::ReadOnly && found == Found::Nothing;
    Ok(Opened { db, file, snapshot: snapshot || stands_in, remark })
}

pub(super) fn in_memory() -> Result<Opened, StoreError> {
    let file = PathBuf::from(":memory:");
    let db = empty().map_err(|error| error.at(&file))?;
    Ok(Opened { db, file, snapshot: false, remark: None })
}

/// Whether SQLite could not open or make a file that it needs.
fn is_refused(error: &rusqlite::Error) -> bool {
    use ErrorCode::{CannotOpen, PermissionDenied, ReadOnly, SystemIoFailure};
    matches!(error.sqlite_error_code(), Some(CannotOpen | PermissionDenied | ReadOnly | SystemIoFailure))
}

/// Whether the folder lies on a file system that is mounted read-only.
fn is_read_only(folder: &Path) -> bool {
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK) == Err(rustix::io::Errno::ROFS)
}

/// Opens a copy of file and log in a folder for temporary files. The copy's names are gone before this returns.
fn open_copy(file: &Path, log: &Path, is_older: bool) -> Result<(Connection, Found), StoreError> {
    let (mut why, mut is_limited) = (None, false);
    for place in [std::env::temp_dir(), PathBuf::from("/dev/shm")] {
        let folder = match tempfile::Builder::new().prefix("mj-enhance-read-").tempdir_in(&place) {
            Ok(folder) => folder,
            Err(error) => {
                why.get_or_insert(format!("{}: {error}", place.display()));
                continue;
            }
        };
        let copy = folder.path().join(FILE);
        let is_whole = match copy_both(file, log, &copy) {
            Ok(is_whole) => is_whole,
            Err((from, error)) => {
                is_limited |= error.kind() == ErrorKind::FileTooLarge;
                why.get_or_insert(format!("{}: {error}", from.display()));
                continue;
            }
        };
        let open = || -> Result<(Connection, Found), Stop> {
            let mut db = Connection::open_with_flags(&copy, OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            // The log's index is then kept in memory, and no other file is needed once these are open.
            db.pragma_update(None, "locking_mode", "exclusive")?;
            if is_older {
                schema::migrate(&mut db)?;
            }
            let prepared = prepare(db, file, Access::ReadOnly, !is_whole)?;
            prepared.0.pragma_update(None, "query_only", true)?;
            Ok(prepared)
        };
        return open().map_err(|stop| stop.at(file));
    }
    Err(unusable(
        file,
        format!(
            "it can only be read in a copy, and none can be made ({}): {}",
            why.unwrap_or_default(),
            if is_limited { FILE_LIMIT } else { "set TMPDIR to a folder that can be written to" }
        ),
    ))
}

/// Copies file and log as they are together; `false` if they changed each time meanwhile.
fn copy_both(file: &Path, log: &Path, copy: &Path) -> Result<bool, (PathBuf, std::io::Error)> {
    for _ in 0..COPIES_MOST {
        let before = stamps(file, log);
        for (from, to) in [(file, copy.to_owned()), (log, beside(copy, "-wal"))] {
            if from == log && !log.exists() {
                continue;
            }
            let copied = File::open(from).and_then(|mut from| std::io::copy(&mut from, &mut File::create(to)?));
            copied.map_err(|error| (from.to_owned(), error))?;
        }
        if before == stamps(file, log) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn stamps(file: &Path, log: &Path) -> [Option<(u64, SystemTime)>; 2] {
    [file, log].map(|file| file.metadata().ok().and_then(|about| Some((about.len(), about.modified().ok()?))))
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

/// Makes folder and file with modes that only the user can pass.
fn make(folder: &Path, file: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| unusable(folder, format!("the data folder cannot be made ({error}): {}", way_out(&error, file))))?;
    open_own(file, OFlags::RDWR | OFlags::CREATE)
        .map_err(|error| unusable(file, format!("the store cannot be made or written ({error}): {}", way_out(&error, file))))?;
    Ok(())
}

/// Gives a store of an earlier time that was open to others the mode of a new one. SQLite's side files get the mode of the file.
fn close_to_others(file: &Path) {
    let Ok(file) = open_own(file, OFlags::RDONLY) else { return };
    if file.metadata().is_ok_and(|about| about.permissions().mode() & 0o077 != 0) {
        // Best effort: on a file system without modes there is nothing to mend.
        let _ = file.set_permissions(Permissions::from_mode(0o600));
    }
}

/// What the head of a file says.
struct Head {
    /// It deserves a whole check.
    suspicious: bool,
    /// Its writer keeps a write-ahead log beside it.
    keeps_log: bool,
}

/// Looks at the file before SQLite does: whether it is a database at all, and what its head says.
fn look(path: &Path) -> Result<Head, StoreError> {
    // SQLite waits for a pipe and writes through a link in the place of its log; for a link in that of the index it has its own way.
    for (ending, may_be_link) in [("-wal", false), ("-shm", true)] {
        let side = beside(path, ending);
        let is_odd = |about: std::fs::Metadata| !(about.is_file() || may_be_link && about.is_symlink());
        if std::fs::symlink_metadata(&side).is_ok_and(is_odd) {
            return Err(unusable(&side, "it is not an ordinary file: move it away or use another --data-dir".to_owned()));
        }
    }
    // A link is not followed: SQLite would write its log beside what it leads to, and two folders would share a store, each with
    // an engine of its own.
    let mut file = open_own(path, OFlags::RDONLY).map_err(|error| {
        let why = match error.kind() {
            ErrorKind::NotFound => "there is no store here yet: add a job first, or name its folder with --data-dir".to_owned(),
            _ => format!("the store cannot be read ({error}): {}", way_out(&error, path)),
        };
        unusable(path, why)
    })?;
    let length = file.metadata().map_or(0, |about| about.len());
    if length == 0 {
        return Ok(Head { suspicious: false, keeps_log: false });
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
    Ok(Head { suspicious: length <= CHECKED_WHOLE || page * pages != length, keeps_log: head[18] == 2 })
}

fn connect(file: &Path, access: Access, has_log: bool) -> Result<(Connection, bool), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let at = |error: rusqlite::Error| DbError::from(error).at(file);
    match access {
        Access::ReadWrite => {
            let db = Connection::open_with_flags(file, flags | OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(at)?;
            Ok((db, false))
        }
        Access::ReadOnly if has_log => {
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
    /// It is of an older version, and may not be written.
    Older,
}

impl Stop {
    fn at(self, file: &Path) -> StoreError {
        match self {
            Self::Told(error) => error,
            Self::DbError(error) => error.at(file),
            Self::Older => unusable(file, "it is of an older version: open it once without --read-only".to_owned()),
        }
    }
}

/// What a file held when it was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Found {
    Store,
    /// Not even tables. It was read as an empty store, or made one.
    Nothing,
}

impl Found {
    /// A remark about a copy, unless there was nothing in it.
    fn remark(self, otherwise: Remark) -> Remark {
        if self == Self::Nothing { Remark::LogMissing } else { otherwise }
    }
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
    // A plain fsync of macOS leaves the drive's own memory out; elsewhere these change nothing.
    db.pragma_update(None, "fullfsync", true)?;
    db.pragma_update(None, "checkpoint_fullfsync", true)?;
    // A store may come from somebody else: nothing in its tables' own words is to do more than keep data.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    Ok(())
}

/// A trigger could change jobs, approvals or the money book behind every check; no store of ours has one, nor a view.
fn has_no_code(db: &Connection) -> Result<(), DbError> {
    let found: Option<String> = db
        .query_row("SELECT type FROM sqlite_schema WHERE type IN ('trigger', 'view') LIMIT 1", [], |row| row.get(0))
        .optional()?;
    match found {
        None => Ok(()),
        Some(what) => Err(DbError::Damaged(format!("it holds a {what}, which no mj-enhance has written"))),
    }
}

/// Checks the store, and brings it up to date if it may be written. Where nothing is in it and nothing may be written, an
/// empty one in memory is put in its place.
fn prepare(mut db: Connection, file: &Path, access: Access, suspicious: bool) -> Result<(Connection, Found), Stop> {
    settle(&db)?;
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
    has_no_code(&db)?;
    if suspicious {
        check(&db)?;
    }
    if access == Access::ReadOnly {
        return if found == schema::known() {
            Ok((db, Found::Store))
        } else if fresh {
            // Its maker is just making it, or was killed at it, or its log was left behind: there are no jobs in it.
            Ok((empty()?, Found::Nothing))
        } else {
            Err(Stop::Older)
        };
    }
    keep_a_log(&db, file)?;
    schema::migrate(&mut db)?;
    // A log that grew in a busy hour is cut back after the next checkpoint.
    db.query_row("PRAGMA journal_size_limit = 8388608", [], |_| Ok(()))?;
    if fresh {
        // From now on the file alone says that it is a store.
        db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    }
    Ok((db, if fresh { Found::Nothing } else { Found::Store }))
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
