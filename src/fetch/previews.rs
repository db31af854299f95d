//! A folder of pictures that are only there to be looked at, bounded in bytes.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::job::TaskId;

/// Deletes from the folder what the fetcher left there of tasks and is not in `keep`, and then the files at its front until
/// no more than `most` bytes are left. Returns the files of `keep` that are there no more. What cannot be deleted stays and is
/// tried again next time. Blocks.
///
/// Other files stay, and so does everything that no one names where the folder is a link: it may lead to a folder that is
/// somebody's own.
#[must_use]
pub fn trim_previews(folder: &Path, keep: &[PathBuf], most: u64) -> Vec<PathBuf> {
    let wanted: HashSet<&Path> = keep.iter().map(PathBuf::as_path).collect();
    let is_own = folder.symlink_metadata().is_ok_and(|about| about.is_dir());
    let inside = is_own.then(|| std::fs::read_dir(folder).ok()).flatten();
    for entry in inside.into_iter().flatten().flatten() {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file() || kind.is_symlink());
        if is_file && is_of_task(&entry.file_name()) && !wanted.contains(entry.path().as_path()) {
            // It is tried again after the next picture.
            let _ = std::fs::remove_file(entry.path());
        }
    }
    let (mut there, mut gone) = (Vec::new(), Vec::new());
    for file in keep {
        match file.metadata() {
            Ok(about) if file.starts_with(folder) => there.push((file, about.len())),
            // What was saved elsewhere is not ours to delete.
            Ok(_) => {}
            Err(_) => gone.push(file.clone()),
        }
    }
    let mut left: u64 = there.iter().map(|(_, bytes)| bytes).sum();
    for (file, bytes) in there {
        if left > most && std::fs::remove_file(file).is_ok() {
            left -= bytes;
            gone.push(file.clone());
        }
    }
    gone
}

/// Whether a file is a preview, its sidecar, or the unfinished part of one: named after its task, perhaps behind a dot.
fn is_of_task(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.strip_prefix(b".").unwrap_or(name).starts_with(TaskId::PREFIX.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_looks_go_first_and_what_nobody_names_goes_too() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: usize| {
            let path = folder.path().join(name);
            std::fs::write(&path, vec![0; bytes]).unwrap();
            path
        };
        let keep = [file("a", 100), file("b", 100), file("c", 100), folder.path().join("missing")];
        let (stray, part) = (file("task-unified-1-a-0.json", 10), file(".task-unified-1-a-1.part", 10));
        let other = file("holiday.png", 10);
        assert_eq!(trim_previews(folder.path(), &keep, 300), [keep[3].clone()]);
        assert!(!stray.exists() && !part.exists());
        assert!(other.exists(), "what is not named after a task was put there by somebody else");
        assert_eq!(trim_previews(folder.path(), &keep[..3], 150), keep[..2]);
        assert!(!keep[0].exists() && !keep[1].exists() && keep[2].exists());
        assert!(trim_previews(&folder.path().join("none"), &[], 0).is_empty());
    }

    #[test]
    fn what_nobody_names_stays_where_the_folder_is_a_link() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let result = elsewhere.path().join("task-unified-1-a-0.png");
        std::fs::write(&result, [0; 10]).unwrap();
        let link = folder.path().join("previews");
        std::os::unix::fs::symlink(elsewhere.path(), &link).unwrap();
        assert!(trim_previews(&link, &[], 0).is_empty());
        assert!(result.exists());
    }

    #[test]
    fn a_file_elsewhere_is_never_deleted() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let other = elsewhere.path().join("mine.png");
        std::fs::write(&other, [0; 10]).unwrap();
        assert!(trim_previews(folder.path(), std::slice::from_ref(&other), 0).is_empty());
        assert!(other.exists());
    }
}
