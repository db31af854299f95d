//! A folder for results that is held open, so that all work in it stays in it: whoever swaps it, a file in it or a folder
//! on the way to it for a symbolic link gains nothing. All functions here block.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use super::disk::{hex, local};
use super::{FetchError, disk};

/// What every file is opened with: no link is followed, no pipe is waited for, no child inherits it.
const CAREFUL: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);
/// The rights that the user's umask gives any new file.
const ANY_FILE: Mode = Mode::from_bits_retain(0o666);

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder {
    fd: OwnedFd,
    root: PathBuf,
    below: PathBuf,
}

impl Folder {
    /// Opens `below` in `root`, and makes what is missing. `root` may lead through links, for the user chose it; `below`
    /// may not.
    pub(super) fn make(root: &Path, below: &Path) -> Result<Self, FetchError> {
        if !root.is_dir() {
            fs::create_dir_all(root).map_err(|error| local(&error, root))?;
            // A few levels are enough.
            root.ancestors().skip(1).take(3).for_each(|folder| {
                if let Ok(folder) = File::open(folder) {
                    folder.sync_all().ok();
                }
            });
        }
        Self::walk(root, below, true)
    }

    fn walk(root: &Path, below: &Path, make: bool) -> Result<Self, FetchError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut fd = rustix::fs::open(root, flags, Mode::empty()).map_err(|error| local(&error.into(), root))?;
        let mut path = root.to_owned();
        for part in below.components() {
            let Component::Normal(name) = part else { continue };
            path.push(name);
            if make {
                match rustix::fs::mkdirat(&fd, name, Mode::from_raw_mode(0o777)) {
                    Ok(()) => {
                        rustix::fs::fsync(&fd).ok();
                    }
                    Err(Errno::EXIST) => {}
                    Err(error) => return Err(local(&error.into(), &path)),
                }
            }
            fd = rustix::fs::openat(&fd, name, flags | OFlags::NOFOLLOW, Mode::empty()).map_err(|error| {
                let link = rustix::fs::statat(&fd, name, AtFlags::SYMLINK_NOFOLLOW)
                    .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
                if link { disk::is_link(&path) } else { local(&error.into(), &path) }
            })?;
        }
        Ok(Self { fd, root: root.to_owned(), below: below.to_owned() })
    }

    /// Where it is.
    pub(super) fn path(&self) -> PathBuf {
        self.root.join(&self.below)
    }

    /// Whether its path still leads to it.
    pub(super) fn is_in_place(&self) -> bool {
        let same =
            |other: &Self| Some(identity(&rustix::fs::fstat(&self.fd).ok()?) == identity(&rustix::fs::fstat(&other.fd).ok()?));
        Self::walk(&self.root, &self.below, false).is_ok_and(|other| same(&other) == Some(true))
    }

    /// Opens a file to be read and written, and makes it where there is none.
    pub(super) fn open(&self, name: &str) -> io::Result<File> {
        Ok(rustix::fs::openat(&self.fd, name, OFlags::RDWR | OFlags::CREATE | CAREFUL, ANY_FILE)?.into())
    }

    /// Makes a file that was not there.
    pub(super) fn create_new(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | CAREFUL;
        Ok(rustix::fs::openat(&self.fd, name, flags, ANY_FILE)?.into())
    }

    /// Makes a file anew; whatever had its name is removed, and nothing that the name led to is touched.
    pub(super) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.remove(name);
        self.create_new(name)?.write_all(bytes)
    }

    /// Opens a plain file to be read.
    pub(super) fn read(&self, name: &str) -> io::Result<File> {
        let file: File = rustix::fs::openat(&self.fd, name, OFlags::RDONLY | CAREFUL, Mode::empty())?.into();
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    /// What a plain file holds, as far as `most` bytes go.
    pub(super) fn bytes(&self, name: &str, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read(name)?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Removes a name. What cannot be removed stays.
    pub(super) fn remove(&self, name: &str) {
        rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()).ok();
    }

    /// Whether the name is this open file's.
    pub(super) fn is_name_of(&self, name: &str, file: &File) -> bool {
        let Ok(stat) = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) else { return false };
        file.metadata().is_ok_and(|meta| (meta.dev(), meta.ino()) == identity(&stat))
    }

    /// Gives a file another name that nobody has yet: at once, and never by way of an empty file under that name.
    ///
    /// # Errors
    /// `AlreadyExists` where the name is taken, by whatever it is; `NotFound` where the file is gone.
    pub(super) fn rename_new(&self, from: &str, to: &str) -> io::Result<()> {
        match rustix::fs::renameat_with(&self.fd, from, &self.fd, to, RenameFlags::NOREPLACE) {
            // A file system that does not know the flag.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            other => return Ok(other?),
        }
        match rustix::fs::linkat(&self.fd, from, &self.fd, to, AtFlags::empty()) {
            Ok(()) => {
                self.remove(from);
                Ok(())
            }
            // One without links too: look first, since there is nothing better.
            Err(Errno::PERM | Errno::NOSYS | Errno::NOTSUP | Errno::MLINK) => {
                match rustix::fs::statat(&self.fd, to, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(_) => Err(Errno::EXIST.into()),
                    Err(_) => Ok(rustix::fs::renameat(&self.fd, from, &self.fd, to)?),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether there is a plain file of exactly this content.
    pub(super) fn holds(&self, name: &str, length: u64, sha256: &str) -> bool {
        let Ok(mut file) = self.read(name) else { return false };
        file.metadata().is_ok_and(|meta| meta.len() == length) && sum(&mut file).is_ok_and(|sum| sum == sha256)
    }

    /// Makes its entries last. Not every file system can; where it cannot there is nothing better to do.
    pub(super) fn sync(&self) {
        rustix::fs::fsync(&self.fd).ok();
    }
}

/// SHA-256 of what is left to read.
pub(super) fn sum(file: &mut impl io::Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hasher.finalize())),
            Ok(n) => hasher.update(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

// The fields have other widths on other systems.
#[allow(clippy::useless_conversion, clippy::unnecessary_cast, clippy::cast_sign_loss)]
fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev as u64, stat.st_ino as u64)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_below_the_results_is_not_followed_and_one_to_them_is() {
        let top = tempfile::tempdir().unwrap();
        let elsewhere = top.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        symlink(&elsewhere, top.path().join("results")).unwrap();
        Folder::make(&top.path().join("results"), Path::new("a/b")).unwrap();
        assert!(elsewhere.join("a/b").is_dir(), "the user's own link is");
        symlink(&elsewhere, elsewhere.join("a/c")).unwrap();
        symlink("/nowhere", elsewhere.join("a/d")).unwrap();
        for name in ["a/c", "a/d", "a/c/e"] {
            let error = Folder::make(&top.path().join("results"), Path::new(name)).unwrap_err();
            assert!(matches!(&error, FetchError::Local(said) if said.contains("symbolic link")), "{name}: {error:?}");
        }
        assert!(!elsewhere.join("e").exists());
    }

    #[test]
    fn a_folder_that_was_swapped_is_noticed() {
        let top = tempfile::tempdir().unwrap();
        let folder = Folder::make(top.path(), Path::new("tag")).unwrap();
        assert!(folder.is_in_place());
        fs::rename(top.path().join("tag"), top.path().join("old")).unwrap();
        assert!(!folder.is_in_place());
        symlink(top.path().join("old"), top.path().join("tag")).unwrap();
        assert!(!folder.is_in_place(), "not even by a link to the very same one");
    }

    #[test]
    fn a_name_that_is_taken_is_never_taken_over() {
        let top = tempfile::tempdir().unwrap();
        let folder = Folder::make(top.path(), Path::new("")).unwrap();
        let at = |name: &str| top.path().join(name);
        fs::write(at("victim"), "mine").unwrap();
        symlink(at("victim"), at("link")).unwrap();
        symlink(at("missing"), at("dangling")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        for taken in ["victim", "link", "dangling", "folder"] {
            fs::write(at("new"), "new").unwrap();
            let error = folder.rename_new("new", taken).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{taken}");
        }
        assert_eq!(fs::read(at("victim")).unwrap(), b"mine");
        folder.rename_new("new", "free").unwrap();
        assert_eq!(folder.rename_new("new", "free2").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(!at("free2").exists(), "and no empty file is left");
        assert!(folder.read("link").is_err() && folder.read("folder").is_err() && folder.open("link").is_err());
        folder.replace("link", b"x").unwrap();
        assert_eq!(fs::read(at("victim")).unwrap(), b"mine");
        assert!(fs::symlink_metadata(at("link")).unwrap().is_file());
    }
}
