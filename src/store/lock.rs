//! Who is the engine, and whether anybody else looks on: OS locks on files beside the store, which die with their holder.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use rustix::fs::OFlags;

use super::error::StoreError;
use super::own_file::{open_own, way_out};

const ENGINE: &str = "engine.lock";
const SCREENS: &str = "screens.lock";

/// The file that the engine locks, beside the store; the lock ends with this value or its process.
#[derive(Debug)]
pub struct EngineLock {
    file: File,
    follows_ready: bool,
}

/// Stands below the process id once an engine has done what a start has to do.
const READY: &str = "ready\n";

/// As long as [`READY`], which it covers while a new engine writes its number over that of the one before.
const STARTING: &str = "start\n";

/// Whether the file of an engine that ended says that it had started: its number, [`READY`], and nothing else.
fn says_ready(text: &str) -> bool {
    text.split_once('\n').is_some_and(|(pid, rest)| rest == READY && pid.parse::<u32>().is_ok())
}

impl EngineLock {
    /// Notes that this engine has started, so that a dashboard which takes over from it goes on with what was confirmed
    /// (docs/money-rules.md, rule 4).
    ///
    /// # Errors
    /// When the file cannot be written. Then whoever takes over asks for a new confirmation.
    pub fn ready(&mut self) -> std::io::Result<()> {
        self.file.seek(SeekFrom::End(0))?;
        self.file.write_all(READY.as_bytes())
    }

    /// Takes [`EngineLock::ready`] back: this engine leaves, and could not note that what was confirmed ends with it. Whoever
    /// takes over asks for a new confirmation. Needs no room on the disk.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn not_ready(&mut self) -> std::io::Result<()> {
        self.file.rewind()?;
        let mut text = String::new();
        self.file.read_to_string(&mut text)?;
        if !says_ready(&text) {
            return Ok(());
        }
        self.file.seek(SeekFrom::Start((text.len() - READY.len()) as u64))?;
        self.file.write_all(STARTING.as_bytes())
    }

    /// Whether the engine before this one had started before it ended. One that had not has left approvals behind that
    /// were to wait for a new confirmation.
    #[must_use]
    pub fn follows_ready(&self) -> bool {
        self.follows_ready
    }
}

/// The mark of a process that looks on; it ends with this value or its process.
#[derive(Debug)]
pub struct ScreenLock {
    file: File,
}

fn open(path: &Path) -> Result<File, StoreError> {
    open_own(path, OFlags::RDWR | OFlags::CREATE).map_err(|error| StoreError::Unusable {
        path: path.to_owned(),
        why: format!("the file cannot be made or written ({error}): {}", way_out(&error, path)),
    })
}

fn refused(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Unusable {
        path: path.to_owned(),
        why: format!("the file cannot be locked ({error}): use a --data-dir on a local disk"),
    }
}

pub(super) fn engine(folder: &Path) -> Result<Option<EngineLock>, StoreError> {
    let path = folder.join(ENGINE);
    let mut file = open(&path)?;
    let mut tries = 0;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            // `engine_pid` of another process holds a lock for an instant; the engine holds it for good.
            Err(TryLockError::WouldBlock) if tries < 3 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(refused(&path, &error)),
        }
    }
    let mut before = String::new();
    let follows_ready = file.read_to_string(&mut before).is_ok() && says_ready(&before);
    // For people and for `engine_pid`; the lock counts, not the number. The rest of a longer one is cut off afterwards, since
    // emptying the file first would give its block back to the disk at every start, and some disks take their time for that.
    // Until then STARTING stands where the engine before may have left READY: killed in between, this one was not ready.
    let note = format!("{}\n", std::process::id());
    let noted = file
        .rewind()
        .and_then(|()| file.write_all(format!("{note}{STARTING}").as_bytes()))
        .and_then(|()| file.set_len(note.len() as u64));
    noted.map_err(|error| StoreError::Unusable {
        path,
        why: format!("the file cannot be written ({error}): check the disk or use another --data-dir"),
    })?;
    Ok(Some(EngineLock { file, follows_ready }))
}

pub(super) fn engine_pid(folder: &Path) -> Option<u32> {
    let mut file = open_own(&folder.join(ENGINE), OFlags::RDONLY).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            file.read_to_string(&mut text).ok()?;
            text.lines().next()?.parse().ok()
        }
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

pub(super) fn screen(folder: &Path) -> Result<ScreenLock, StoreError> {
    let path = folder.join(SCREENS);
    let file = open(&path)?;
    // Waits at most the instant in which an engine looks.
    file.lock_shared().map_err(|error| refused(&path, &error))?;
    Ok(ScreenLock { file })
}

pub(super) fn other_screens(folder: &Path, own: Option<&ScreenLock>) -> bool {
    let Some(own) = own else {
        let file = match open_own(&folder.join(SCREENS), OFlags::RDONLY) {
            Ok(file) => file,
            Err(error) => return error.kind() != ErrorKind::NotFound,
        };
        return file.try_lock().is_err();
    };
    // Our own mark would stand in the way of the question, so it is laid down for its length. Only the engine asks,
    // and there is one, so nobody can miss us in between.
    let alone = own.file.unlock().is_ok() && own.file.try_lock().is_ok();
    let _ = own.file.unlock();
    let _ = own.file.lock_shared();
    !alone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_was_killed_while_it_wrote_its_number_was_not_ready() {
        assert!(says_ready("12345\nready\n") && !says_ready("12345\n") && !says_ready("") && !says_ready("ready\n"));
        // The new note lies over the old one, whose rest is not cut off yet.
        for before in ["1\n", "1234567\n"].map(|pid| format!("{pid}{READY}")) {
            for pid in [1_u32, 22, 333, 4_444, 55_555, 666_666, 7_777_777] {
                let note = format!("{pid}\n{STARTING}");
                let rest = before.get(note.len()..).unwrap_or_default();
                assert!(!says_ready(&format!("{note}{rest}")), "{pid} over {before:?}");
            }
        }
    }
}
