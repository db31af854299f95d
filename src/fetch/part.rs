//! Files that grow, and whole ones that get their name. All functions here block.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::FetchError;
use super::disk::{hex, local};
use super::folder::{Folder, sum};
use super::magic::{self, Kind};
use crate::failpoint;
use crate::job::SavedFile;

/// How many names are tried before a folder counts as unusable.
pub(super) const NAMES_MOST: u32 = 10_000;
/// A file up to this size is read once more before it gets its name; it is still in memory.
const REREAD_MOST: u64 = 64 * 1024 * 1024;
/// The longest note on where a part comes from.
const SOURCE_MOST: u64 = 64 * 1024;

/// What is known of a half-fetched file, so that it is continued only if it is still the same one.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Source {
    /// SHA-256 of the link without its query, where signatures change.
    #[serde(default)]
    pub(super) link: String,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    pub(super) total: Option<u64>,
    /// How the host said it packed the bytes.
    #[serde(default)]
    pub(super) packing: Option<String>,
}

impl Source {
    /// What to send as `If-Range`: a strong entity tag, else the date (RFC 9110 §13.1.5).
    pub(super) fn validator(&self) -> Option<&str> {
        self.etag.as_deref().filter(|tag| !tag.starts_with("W/")).or(self.last_modified.as_deref())
    }
}

/// A file that is coming down. The handle holds a lock, so two downloads never write into one part.
#[derive(Debug)]
pub(super) struct Part {
    folder: Arc<Folder>,
    name: String,
    file: File,
    hasher: Sha256,
    pub(super) length: u64,
    pub(super) head: Vec<u8>,
    pub(super) source: Source,
}

impl Part {
    /// Opens the part of this name, with what is there from earlier; `None` while somebody else writes it. What is not a
    /// plain file of its own (a link, a pipe, a second name of another file) is taken away first, and not touched.
    pub(super) fn open(folder: &Arc<Folder>, name: &str) -> Result<Option<Self>, FetchError> {
        let fault = |error: &io::Error| local(error, &folder.path().join(name));
        for _ in 0..3 {
            let file = match folder.open(name) {
                Ok(file) => file,
                Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
                    folder.remove(name);
                    continue;
                }
                Err(error) => return Err(fault(&error)),
            };
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Ok(None),
                // Also on a file system without locks: there is one engine for a store, so this is a second belt only.
                Ok(()) | Err(TryLockError::Error(_)) => {}
            }
            let own = file.metadata().map_err(|e| fault(&e))?;
            if !own.is_file() || own.nlink() != 1 || !folder.is_name_of(name, &file) {
                folder.remove(name);
                continue;
            }
            return Self::with(folder, name, file).read_on().map(Some);
        }
        Err(fault(&io::Error::other("it is replaced again and again")))
    }

    fn with(folder: &Arc<Folder>, name: &str, file: File) -> Self {
        Self {
            folder: Arc::clone(folder),
            name: name.to_owned(),
            file,
            hasher: Sha256::new(),
            length: 0,
            head: Vec::new(),
            source: Source::default(),
        }
    }

    /// Takes in what is there from earlier, if it is known where it came from.
    fn read_on(mut self) -> Result<Self, FetchError> {
        let source = self.folder.bytes(&source_name(&self.name), SOURCE_MOST).ok();
        self.source = source.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        if self.source.validator().is_none() && self.source.total.is_none() {
            self.reset()?;
            return Ok(self);
        }
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let n = self.file.read(&mut buffer).map_err(|e| self.fault(&e))?;
            if n == 0 {
                return Ok(self);
            }
            self.take(&buffer[..n]);
        }
    }

    /// An empty one beside it, for what it holds unpacked.
    pub(super) fn beside(&self) -> Result<Self, FetchError> {
        // The name grows by a letter with each packing, and there are few.
        let name = format!("{}u", self.name);
        self.folder.remove(&name);
        let file = self.folder.create_new(&name).map_err(|e| self.fault(&e))?;
        Ok(Self::with(&self.folder, &name, file))
    }

    fn fault(&self, error: &io::Error) -> FetchError {
        local(error, &self.folder.path().join(&self.name))
    }

    fn take(&mut self, bytes: &[u8]) {
        let missing = magic::HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..missing]);
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
    }

    /// Begins anew.
    pub(super) fn reset(&mut self) -> Result<(), FetchError> {
        self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)).map(drop)).map_err(|e| self.fault(&e))?;
        // What vouched for the old bytes must not vouch for the new ones.
        self.folder.remove(&source_name(&self.name));
        (self.hasher, self.length, self.source) = (Sha256::new(), 0, Source::default());
        self.head.clear();
        Ok(())
    }

    /// Notes where the bytes come from.
    pub(super) fn set_source(&mut self, source: Source) -> Result<(), FetchError> {
        if source != self.source {
            let bytes = serde_json::to_vec(&source).unwrap_or_default();
            self.folder.replace(&source_name(&self.name), &bytes).map_err(|e| self.fault(&e))?;
            self.source = source;
        }
        Ok(())
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        if let Err(error) = self.file.write_all(bytes) {
            // What was written of the piece is not counted; the file goes back to what is.
            self.file.set_len(self.length).ok();
            return Err(self.fault(&error));
        }
        self.take(bytes);
        Ok(())
    }

    /// Whether the bytes so far make a whole picture of this kind.
    pub(super) fn is_whole(&mut self, kind: Kind) -> Result<bool, FetchError> {
        magic::is_whole(kind, &mut self.file, self.length).map_err(|e| self.fault(&e))
    }

    /// Its bytes from the first on.
    pub(super) fn reader(&mut self) -> Result<impl io::Read + '_, FetchError> {
        self.file.seek(SeekFrom::Start(0)).map_err(|e| local(&e, &self.folder.path().join(&self.name)))?;
        Ok(&mut self.file)
    }

    /// Throws the part away.
    pub(super) fn discard(self) {
        remove(&self.folder, &self.name);
    }

    /// Syncs the file and gives it its name, `<stem>.<ext>`, or `<stem>-2.<ext>` and so on where that is taken by
    /// another file. A file with the same content under the name is taken as the result: the program ended between
    /// naming and recording it. What stands under the name afterwards is looked at once more.
    pub(super) fn place(mut self, stem: &str, ext: &str) -> Result<SavedFile, FetchError> {
        self.file.sync_all().map_err(|e| self.fault(&e))?;
        let sha256 = hex(&std::mem::take(&mut self.hasher).finalize());
        if !self.still_holds(&sha256)? {
            self.discard();
            return Err(FetchError::Passing("the unfinished file was changed or removed here; it is fetched again".into()));
        }
        for count in 1..=NAMES_MOST {
            let name = if count == 1 { format!("{stem}.{ext}") } else { format!("{stem}-{count}.{ext}") };
            let path = self.folder.path().join(&name);
            failpoint::hit("before a picture gets its name");
            match self.folder.rename_new(&self.name, &name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if !self.folder.holds(&name, self.length, &sha256) {
                        continue;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(removed()),
                Err(error) => return Err(local(&error, &path)),
                Ok(()) => {
                    failpoint::hit("after a picture got its name");
                    if !self.folder.is_name_of(&name, &self.file) {
                        // Somebody put another file in the part's place at that very moment.
                        self.folder.remove(&name);
                        return Err(removed());
                    }
                }
            }
            remove(&self.folder, &self.name);
            self.folder.sync();
            if !self.folder.is_in_place() {
                return Err(FetchError::Passing("the folder for the result was replaced meanwhile; it is fetched again".into()));
            }
            return Ok(SavedFile { path, sha256, bytes: self.length });
        }
        Err(FetchError::Local(format!("{} holds too many files of one name; move some away", self.folder.path().display())))
    }

    /// Whether the file under the part's name is what was written.
    fn still_holds(&mut self, sha256: &str) -> Result<bool, FetchError> {
        if !self.folder.is_name_of(&self.name, &self.file) || !self.file.metadata().is_ok_and(|meta| meta.len() == self.length) {
            return Ok(false);
        }
        if self.length > REREAD_MOST {
            return Ok(true);
        }
        let again = self.file.seek(SeekFrom::Start(0)).and_then(|_| sum(&mut self.file)).map_err(|e| self.fault(&e))?;
        Ok(again == sha256)
    }
}

fn removed() -> FetchError {
    FetchError::Passing("the unfinished file was removed here; it is fetched again".into())
}

fn source_name(part: &str) -> String {
    format!("{part}-source")
}

fn remove(folder: &Folder, part: &str) {
    folder.remove(&source_name(part));
    folder.remove(part);
}

/// Removes a part in which nothing is, unless somebody is about to write into it.
pub(super) fn remove_empty(folder: &Folder, part: &str) {
    let Ok(file) = folder.read(part) else { return };
    if file.try_lock().is_ok() && file.metadata().is_ok_and(|meta| meta.len() == 0) {
        remove(folder, part);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;

    fn folder(at: &Path) -> Arc<Folder> {
        Arc::new(Folder::make(at, Path::new("")).unwrap())
    }

    #[test]
    fn a_name_that_is_taken_is_never_taken_over() {
        let top = tempfile::tempdir().unwrap();
        let place = |content: &[u8]| {
            let mut part = Part::open(&folder(top.path()), ".x.part").unwrap().unwrap();
            part.append(content).unwrap();
            part.place("x", "png").unwrap()
        };
        let first = place(b"one");
        assert_eq!(first.path, top.path().join("x.png"));
        assert_eq!(first.sha256, "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed");
        assert_eq!(place(b"two").path, top.path().join("x-2.png"));
        assert_eq!(place(b"one"), first, "the same content is the same result");
        assert_eq!(fs::read(&first.path).unwrap(), b"one");
        let left: Vec<_> = fs::read_dir(top.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }

    #[test]
    fn a_part_is_written_by_one_at_a_time() {
        let top = tempfile::tempdir().unwrap();
        let folder = folder(top.path());
        let first = Part::open(&folder, ".x.part").unwrap().unwrap();
        assert!(Part::open(&folder, ".x.part").unwrap().is_none());
        drop(first);
        assert!(Part::open(&folder, ".x.part").unwrap().is_some());
    }

    /// Somebody who meddles with a part before its name is given.
    type Meddling = fn(&Path);

    #[test]
    fn a_part_that_was_meddled_with_never_gets_a_name() {
        let meddlings: [(&str, Meddling); 6] = [
            ("removed", |part| fs::remove_file(part).unwrap()),
            ("emptied", |part| fs::write(part, "").unwrap()),
            ("cut", |part| fs::OpenOptions::new().write(true).open(part).unwrap().set_len(3).unwrap()),
            ("changed", |part| fs::write(part, "another content").unwrap()),
            ("another file", |part| {
                fs::remove_file(part).unwrap();
                fs::write(part, "").unwrap();
            }),
            ("a link", |part| {
                fs::remove_file(part).unwrap();
                symlink("/etc/hostname", part).unwrap();
            }),
        ];
        for (name, meddle) in meddlings {
            let top = tempfile::tempdir().unwrap();
            let mut part = Part::open(&folder(top.path()), ".x.part").unwrap().unwrap();
            part.append(b"the whole content").unwrap();
            meddle(&top.path().join(".x.part"));
            let error = part.place("x", "png").unwrap_err();
            assert!(matches!(error, FetchError::Passing(_)), "{name}: {error:?}");
            assert!(!top.path().join("x.png").exists(), "{name}");
        }
    }

    /// Makes something of a victim at a part's place.
    type Making = fn(&Path, &Path);

    #[test]
    fn what_is_no_plain_file_of_its_own_is_neither_followed_nor_written_into() {
        let top = tempfile::tempdir().unwrap();
        let folder = folder(top.path());
        let victim = top.path().join("victim");
        let part = top.path().join(".x.part");
        let makes: [(&str, Making); 3] = [
            ("a link", |victim, part| symlink(victim, part).unwrap()),
            ("a second name", |victim, part| fs::hard_link(victim, part).unwrap()),
            ("a pipe", |_, part| {
                rustix::fs::mknodat(rustix::fs::CWD, part, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
            }),
        ];
        for (name, make) in makes {
            fs::write(&victim, "mine").unwrap();
            make(&victim, &part);
            symlink(&victim, top.path().join(".x.part-source")).unwrap();
            let mut part = Part::open(&folder, ".x.part").unwrap().unwrap();
            part.set_source(Source { total: Some(3), ..Source::default() }).unwrap();
            part.append(b"one").unwrap();
            assert_eq!(part.length, 3, "{name}");
            let saved = part.place("x", "png").unwrap();
            assert_eq!(fs::read(&saved.path).unwrap(), b"one", "{name}");
            assert_eq!(fs::read(&victim).unwrap(), b"mine", "{name}");
            fs::remove_file(saved.path).unwrap();
        }
    }

    #[test]
    fn a_folder_that_is_swapped_for_a_link_gets_nothing() {
        let top = tempfile::tempdir().unwrap();
        let elsewhere = top.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let folder = Arc::new(Folder::make(top.path(), Path::new("tag")).unwrap());
        let mut part = Part::open(&folder, ".x.part").unwrap().unwrap();
        part.append(b"one").unwrap();
        fs::rename(top.path().join("tag"), top.path().join("old")).unwrap();
        symlink(&elsewhere, top.path().join("tag")).unwrap();
        part.append(b"two").unwrap();
        assert!(matches!(part.place("x", "png"), Err(FetchError::Passing(said)) if said.contains("replaced")));
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    }

    #[test]
    fn only_strong_tags_vouch_for_the_same_bytes() {
        let source = |etag: &str| Source { etag: Some(etag.into()), last_modified: Some("date".into()), ..Source::default() };
        assert_eq!(source("\"a\"").validator(), Some("\"a\""));
        assert_eq!(source("W/\"a\"").validator(), Some("date"));
    }
}
