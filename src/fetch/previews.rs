//! A folder of pictures that are only there to be looked at, bounded in bytes.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Deletes from the folder what is not in `keep`, and then the files at its front until no more than `most` bytes are left.
/// Returns the files of `keep` that are there no more. What cannot be deleted stays and is tried again next time. Blocks.
#[must_use]
pub fn trim_previews(folder: &Path, keep: &[PathBuf], most: u64) -> Vec<PathBuf> {
    let wanted: HashSet<&Path> = keep.iter().map(PathBuf::as_path).collect();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file() || kind.is_symlink());
        if is_file && !wanted.contains(entry.path().as_path()) {
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
        let stray = file("a.json", 10);
        assert_eq!(trim_previews(folder.path(), &keep, 300), [keep[3].clone()]);
        assert!(!stray.exists());
        assert_eq!(trim_previews(folder.path(), &keep[..3], 150), keep[..2]);
        assert!(!keep[0].exists() && !keep[1].exists() && keep[2].exists());
        assert!(trim_previews(&folder.path().join("none"), &[], 0).is_empty());
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
