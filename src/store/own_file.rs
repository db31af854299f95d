//! Files that only this program makes, beside one another in the data folder: store, locks, log. They are opened so that
//! nothing else in their place is followed, waited for or written to.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// Opens such a file; one that is made can be used by its owner only. A symbolic link in its place would lead a number, a line
/// of the log or a whole store into somebody else's file, and a pipe would be waited for for ever.
///
/// # Errors
/// Of kind [`ErrorKind::InvalidInput`] where something else is in its place; else what the system says.
pub fn open_own(path: &Path, flags: OFlags) -> io::Result<File> {
    let careful = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::io::retry_on_intr(|| rustix::fs::open(path, flags | careful, Mode::RUSR | Mode::WUSR));
    let file = File::from(opened.map_err(|error| match error {
        Errno::LOOP => io::Error::new(ErrorKind::InvalidInput, "it is a symbolic link, and none is followed here"),
        // A pipe that nobody reads, a socket, a folder.
        Errno::NXIO | Errno::ISDIR => not_ordinary(),
        other => other.into(),
    })?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_ordinary()) }
}

/// What can be done where a file may not grow.
pub(super) const FILE_LIMIT: &str = "raise the limit on file sizes (`ulimit -f`)";

/// What can be done about an error of the disk: the cause decides it, and permissions are only one.
pub(super) fn way_out(error: &std::io::Error, file: &Path) -> &'static str {
    if let Some(Errno::MFILE | Errno::NFILE) = Errno::from_io_error(error) {
        return "too many files are open here: raise the limit (`ulimit -n`) or close other programs";
    }
    match error.kind() {
        ErrorKind::ReadOnlyFilesystem if file.exists() => "it can only be read here (`list`, `show`, `export`, --read-only)",
        ErrorKind::ReadOnlyFilesystem => "use another --data-dir",
        ErrorKind::InvalidInput | ErrorKind::IsADirectory => "move it away or use another --data-dir",
        ErrorKind::FileTooLarge => FILE_LIMIT,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space on its disk or use another --data-dir",
        _ => "fix its permissions or use another --data-dir",
    }
}

fn not_ordinary() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "it is not an ordinary file")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn what_is_in_the_place_of_a_file_is_neither_followed_nor_waited_for_nor_changed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("victim"), "mine").unwrap();
        symlink(at("victim"), at("link")).unwrap();
        symlink(at("missing"), at("dangling")).unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let write = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE;
        for name in ["link", "dangling", "folder", "pipe"] {
            for flags in [OFlags::RDONLY, OFlags::RDWR | OFlags::CREATE, write] {
                let error = open_own(&at(name), flags).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name} {flags:?}: {error}");
            }
        }
        assert_eq!(std::fs::read_to_string(at("victim")).unwrap(), "mine");
        assert!(!at("missing").exists());
        let made = open_own(&at("own"), write).unwrap();
        assert_eq!(made.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(open_own(&at("own"), OFlags::RDONLY).is_ok());
    }
}
