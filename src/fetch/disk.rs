//! Files: parts that grow, and whole ones that get their name. All functions here block.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::magic::{self, Kind};
use super::{FetchError, FetchRequest};
use crate::job::{SavedFile, text};
use crate::kill_point;

/// How many names are tried before a folder counts as unusable.
const NAMES_MOST: u32 = 10_000;
/// The longest sidecar that is read.
const SIDECAR_MOST: u64 = 256 * 1024;

/// A disk error as a sentence: what, where, and what to do.
pub(super) fn local(error: &io::Error, path: &Path) -> FetchError {
    let shown = text::clean(&path.display().to_string()).into_owned();
    FetchError::Local(match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("the disk is full at {shown}; free some space, then fetch again")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            format!("{shown} cannot be written; change its rights or set another results_dir, then fetch again")
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            format!("{shown} is in the way of a folder for results; move it or set another results_dir, then fetch again")
        }
        _ => format!("{shown} could not be written ({error}); check the folder and the disk, then fetch again"),
    })
}

/// 64 hex digits.
pub(super) fn hex(digest: &[u8]) -> String {
    use std::fmt::Write as _;
    digest.iter().fold(String::with_capacity(64), |mut out, byte| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Makes the folder and everything above it, and syncs the new entries.
pub(super) fn make_folder(folder: &Path) -> Result<(), FetchError> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(|error| local(&error, folder))?;
    // A few levels are enough: date and tag below the results.
    folder.ancestors().take(4).for_each(sync_folder);
    Ok(())
}

/// Makes a folder's entries last. Not every file system can; where it cannot there is nothing better to do.
fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        folder.sync_all().ok();
    }
}

/// What is known of a half-fetched file, so that it is continued only if it is still the same one.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Source {
    /// SHA-256 of the link without its query, where signatures change.
    #[serde(default)]
    pub(super) link: String,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    pub(super) total: Option<u64>,
}

impl Source {
    /// What to send as `If-Range`: a strong entity tag, else the date (RFC 9110 §13.1.5).
    pub(super) fn validator(&self) -> Option<&str> {
        self.etag.as_deref().filter(|tag| !tag.starts_with("W/")).or(self.last_modified.as_deref())
    }
}

/// A file that is coming down. The handle holds a lock, so two downloads never write into one part.
pub(super) struct Part {
    path: PathBuf,
    file: File,
    hasher: Sha256,
    pub(super) length: u64,
    pub(super) head: Vec<u8>,
    pub(super) source: Source,
}

impl Part {
    /// Opens the part of this name, with what is there from earlier; `None` while somebody else writes it.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, FetchError> {
        let fault = |error: &io::Error| local(error, path);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(|e| fault(&e))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(None),
            // Also on a file system without locks: there is one engine for a store, so this is a second belt only.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let source = fs::read(source_path(path)).ok().and_then(|bytes| serde_json::from_slice::<Source>(&bytes).ok());
        let mut part = Self {
            path: path.to_owned(),
            file,
            hasher: Sha256::new(),
            length: 0,
            head: Vec::new(),
            source: source.unwrap_or_default(),
        };
        let known = part.source.validator().is_some() || part.source.total.is_some();
        if !known {
            part.reset()?;
            return Ok(Some(part));
        }
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let n = part.file.read(&mut buffer).map_err(|e| fault(&e))?;
            if n == 0 {
                return Ok(Some(part));
            }
            part.take(&buffer[..n]);
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let missing = magic::HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..missing]);
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
    }

    /// Begins anew.
    pub(super) fn reset(&mut self) -> Result<(), FetchError> {
        self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)).map(drop)).map_err(|e| local(&e, &self.path))?;
        // What vouched for the old bytes must not vouch for the new ones.
        fs::remove_file(source_path(&self.path)).ok();
        (self.hasher, self.length, self.source) = (Sha256::new(), 0, Source::default());
        self.head.clear();
        Ok(())
    }

    /// Notes where the bytes come from.
    pub(super) fn set_source(&mut self, source: Source) -> Result<(), FetchError> {
        if source != self.source {
            let path = source_path(&self.path);
            let bytes = serde_json::to_vec(&source).unwrap_or_default();
            fs::write(&path, bytes).map_err(|e| local(&e, &path))?;
            self.source = source;
        }
        Ok(())
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        if let Err(error) = self.file.write_all(bytes) {
            // What was written of the piece is not counted; the file goes back to what is.
            self.file.set_len(self.length).ok();
            return Err(local(&error, &self.path));
        }
        self.take(bytes);
        Ok(())
    }

    /// Whether the bytes so far make a whole picture of this kind.
    pub(super) fn is_whole(&mut self, kind: Kind) -> Result<bool, FetchError> {
        magic::is_whole(kind, &mut self.file, self.length).map_err(|e| local(&e, &self.path))
    }

    /// Throws the part away.
    pub(super) fn discard(self) {
        remove(&self.path);
    }

    /// Syncs the file and gives it its name, `<stem>.<ext>`, or `<stem>-2.<ext>` and so on where that is taken by
    /// another file. A file with the same content under the name is taken as the result: the program ended between
    /// naming and recording it.
    pub(super) fn place(self, stem: &str, ext: &str) -> Result<SavedFile, FetchError> {
        self.file.sync_all().map_err(|e| local(&e, &self.path))?;
        let sha256 = hex(&self.hasher.finalize());
        let folder = self.path.parent().unwrap_or(Path::new("."));
        for count in 1..=NAMES_MOST {
            let name = if count == 1 { format!("{stem}.{ext}") } else { format!("{stem}-{count}.{ext}") };
            let path = folder.join(name);
            kill_point::moment("before a picture gets its name");
            match name_file(&self.path, &path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if !is_file(&path, self.length, &sha256) {
                        continue;
                    }
                }
                Err(error) => return Err(local(&error, &path)),
                Ok(()) => kill_point::moment("after a picture got its name"),
            }
            remove(&self.path);
            sync_folder(folder);
            return Ok(SavedFile { path, sha256, bytes: self.length });
        }
        Err(FetchError::Local(format!("{} holds too many files of one name; move some away", folder.display())))
    }
}

fn source_path(part: &Path) -> PathBuf {
    part.with_extension("part-source")
}

fn remove(part: &Path) {
    fs::remove_file(source_path(part)).ok();
    fs::remove_file(part).ok();
}

/// Removes a part in which nothing is, unless somebody is about to write into it.
pub(super) fn remove_empty(part: &Path) {
    let Ok(file) = File::open(part) else { return };
    if file.try_lock().is_ok() && file.metadata().is_ok_and(|meta| meta.len() == 0) {
        remove(part);
    }
}

/// A second name for the file, never over an existing one. File systems without links get a placeholder that is ours,
/// and the rename goes over that.
fn name_file(part: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(part, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists && error.kind() != io::ErrorKind::StorageFull => {
            File::create_new(path)?;
            fs::rename(part, path)
        }
        other => other,
    }
}

/// Whether there is a file of exactly this content.
fn is_file(path: &Path, length: u64, sha256: &str) -> bool {
    let Ok(mut file) = File::open(path) else { return false };
    if !file.metadata().is_ok_and(|meta| meta.is_file() && meta.len() == length) {
        return false;
    }
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return hex(&hasher.finalize()) == sha256,
            Ok(n) => hasher.update(&buffer[..n]),
            Err(_) => return false,
        }
    }
}

/// The name of a picture's sidecar.
fn sidecar_path(picture: &Path, count: u32) -> PathBuf {
    let mut name = picture.as_os_str().to_owned();
    name.push(if count == 1 { ".json".to_owned() } else { format!("-{count}.json") });
    name.into()
}

/// Writes the sidecar beside the first picture, whole or not at all. One that tells of the same picture stays as it is.
pub(super) fn write_sidecar(request: &FetchRequest, hosts: &[String], files: &[SavedFile]) -> Result<(), FetchError> {
    let Some(first) = files.first() else { return Ok(()) };
    let name = |file: &SavedFile| file.path.file_name().map(|name| name.to_string_lossy().into_owned());
    let listed: Vec<Value> = files
        .iter()
        .zip(hosts)
        .map(|(file, host)| json!({"file": name(file), "sha256": file.sha256, "bytes": file.bytes, "link_host": host}))
        .collect();
    let mut sidecar: Map<String, Value> = request.sidecar.clone();
    for (field, value) in [
        ("schema", json!(1)),
        ("task", json!(request.task)),
        ("image", json!(request.image)),
        ("job", json!(request.job)),
        ("tag", json!(request.tag)),
        ("date", json!(request.date)),
        ("file", json!(name(first))),
        ("sha256", json!(first.sha256)),
        ("bytes", json!(first.bytes)),
        ("link_host", json!(hosts.first())),
        ("files", json!(listed)),
    ] {
        sidecar.insert(field.to_owned(), value);
    }
    let folder = first.path.parent().unwrap_or(Path::new("."));
    let fault = |error: &io::Error| local(error, &sidecar_path(&first.path, 1));
    let mut file = plain_temp(folder).map_err(|e| fault(&e))?;
    let mut bytes = serde_json::to_vec_pretty(&sidecar).unwrap_or_default();
    bytes.push(b'\n');
    file.write_all(&bytes).and_then(|()| file.as_file().sync_all()).map_err(|e| fault(&e))?;
    kill_point::moment("before the sidecar gets its name");
    for count in 1..=NAMES_MOST {
        let path = sidecar_path(&first.path, count);
        match file.persist_noclobber(&path) {
            Ok(_) => {
                sync_folder(folder);
                kill_point::moment("after the sidecar got its name");
                return Ok(());
            }
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                let known = read_sidecar(&path).is_some_and(|old| old.get("sha256") == sidecar.get("sha256"));
                if known {
                    return Ok(());
                }
                file = error.file;
            }
            Err(error) => return Err(fault(&error.error)),
        }
    }
    Err(FetchError::Local(format!("{} holds too many sidecars of one name; move some away", folder.display())))
}

/// A temporary file with the rights that the user's umask gives any new file.
fn plain_temp(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::PermissionsExt as _;
    tempfile::Builder::new()
        .prefix(".sidecar-")
        .suffix(".part")
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(folder)
}

fn read_sidecar(path: &Path) -> Option<Map<String, Value>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(SIDECAR_MOST).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The files of a request that an earlier run brought home completely and did not live to record: a sidecar under one
/// of the possible `stems` (with extension) tells of the same task and picture, and all files it lists are there.
pub(super) fn find_saved(request: &FetchRequest, folder: &Path, stems: &[(String, &str)]) -> Option<Vec<SavedFile>> {
    for (stem, ext) in stems {
        for count in 1..=3 {
            let name = if count == 1 { format!("{stem}.{ext}") } else { format!("{stem}-{count}.{ext}") };
            let Some(sidecar) = read_sidecar(&sidecar_path(&folder.join(name), 1)) else { continue };
            if sidecar.get("task") != Some(&json!(request.task)) || sidecar.get("image") != Some(&json!(request.image)) {
                continue;
            }
            let files: Option<Vec<SavedFile>> = sidecar
                .get("files")
                .and_then(Value::as_array)?
                .iter()
                .map(|file| {
                    let name = file.get("file")?.as_str()?;
                    let file = SavedFile {
                        path: folder.join(name),
                        sha256: file.get("sha256")?.as_str()?.to_owned(),
                        bytes: file.get("bytes")?.as_u64()?,
                    };
                    let plain = Path::new(name).file_name().is_some_and(|only| only == name);
                    (plain && is_file(&file.path, file.bytes, &file.sha256)).then_some(file)
                })
                .collect();
            if let Some(files) = files.filter(|files| files.len() == request.links.len()) {
                return Some(files);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disk_trouble_is_said_with_place_and_way_out() {
        let said = |kind: io::ErrorKind| local(&io::Error::from(kind), Path::new("/data/results/x")).to_string();
        assert_eq!(said(io::ErrorKind::StorageFull), "the disk is full at /data/results/x; free some space, then fetch again");
        assert!(said(io::ErrorKind::PermissionDenied).starts_with("/data/results/x cannot be written; change its rights"));
        assert!(said(io::ErrorKind::ReadOnlyFilesystem).contains("another results_dir"));
        assert!(said(io::ErrorKind::NotADirectory).contains("in the way"));
        assert!(matches!(local(&io::Error::from(io::ErrorKind::Other), Path::new("x")), FetchError::Local(_)));
    }

    #[test]
    fn a_name_that_is_taken_is_never_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let place = |content: &[u8]| {
            let mut part = Part::open(&folder.path().join(".x.part")).unwrap().unwrap();
            part.append(content).unwrap();
            part.place("x", "png").unwrap()
        };
        let first = place(b"one");
        assert_eq!(first.path, folder.path().join("x.png"));
        assert_eq!(first.sha256, "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed");
        assert_eq!(place(b"two").path, folder.path().join("x-2.png"));
        assert_eq!(place(b"one"), first, "the same content is the same result");
        assert_eq!(fs::read(&first.path).unwrap(), b"one");
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }

    #[test]
    fn a_part_is_written_by_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".x.part");
        let first = Part::open(&path).unwrap().unwrap();
        assert!(Part::open(&path).unwrap().is_none());
        drop(first);
        assert!(Part::open(&path).unwrap().is_some());
    }

    #[test]
    fn only_strong_tags_vouch_for_the_same_bytes() {
        let source = |etag: &str| Source { etag: Some(etag.into()), last_modified: Some("date".into()), ..Source::default() };
        assert_eq!(source("\"a\"").validator(), Some("\"a\""));
        assert_eq!(source("W/\"a\"").validator(), Some("date"));
    }
}
