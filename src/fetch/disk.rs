//! What the disk says when it does not want a file, as errors with a way out.

use std::io;
use std::path::Path;

use super::FetchError;
use crate::job::text;

/// A disk error as a sentence: what, where, and what to do.
pub(super) fn local(error: &io::Error, path: &Path) -> FetchError {
    let shown = text::clean(&path.display().to_string()).into_owned();
    match error.kind() {
        io::ErrorKind::StorageFull => FetchError::ResultsDiskFull(format!("the disk is full at {shown}; free some space")),
        io::ErrorKind::QuotaExceeded => {
            FetchError::ResultsDiskFull(format!("your disk quota is used up at {shown}; free some space"))
        }
        io::ErrorKind::FileTooLarge => FetchError::ResultsDiskFull(format!(
            "{shown} may not grow any more; raise the limit on file sizes (ulimit -f) or set another results_dir"
        )),
        io::ErrorKind::ReadOnlyFilesystem => {
            FetchError::ResultsDiskFull(format!("{shown} is on a read-only disk; set another results_dir"))
        }
        io::ErrorKind::PermissionDenied => {
            FetchError::Local(format!("{shown} cannot be written; change its rights or set another results_dir"))
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            FetchError::Local(format!("{shown} is in the way of a folder for results; move it or set another results_dir"))
        }
        _ => FetchError::Local(format!("{shown} could not be written ({error}); check the folder and the disk")),
    }
}

/// A symbolic link stands where a folder for results belongs.
pub(super) fn is_link(path: &Path) -> FetchError {
    let shown = text::clean(&path.display().to_string()).into_owned();
    FetchError::Local(format!("{shown} is a symbolic link, and results are not saved through one; move it away"))
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

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn a_disk_that_takes_no_more_is_told_from_other_trouble() {
        let at = Path::new("/data/results/x");
        for full in [Errno::NOSPC, Errno::DQUOT, Errno::FBIG, Errno::ROFS] {
            let error = local(&full.into(), at);
            assert!(matches!(&error, FetchError::ResultsDiskFull(said) if said.contains("/data/results/x")), "{full}: {error:?}");
            assert!(error.is_local() && error.is_passing(), "{full}");
        }
        for other in [Errno::ACCESS, Errno::PERM, Errno::NOTDIR, Errno::IO, Errno::NOENT] {
            let error = local(&other.into(), at);
            assert!(matches!(&error, FetchError::Local(_)) && error.is_local(), "{other}: {error:?}");
        }
        let said = |error: Errno| local(&error.into(), at).to_string();
        assert_eq!(said(Errno::NOSPC), "the disk is full at /data/results/x; free some space");
        assert!(said(Errno::ACCESS).starts_with("/data/results/x cannot be written; change its rights"));
        assert!(said(Errno::ROFS).contains("another results_dir") && said(Errno::FBIG).contains("ulimit -f"));
        assert!(said(Errno::NOTDIR).contains("in the way"));
    }
}
