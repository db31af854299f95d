//! A link in, a checked file on disk out.
//!
//! This room does not know who wants the file or why. The API key never comes here.
//!
//! Invariants: no file is ever overwritten; what stands under a final name is whole, checked and synced; a link leads
//! to public https addresses on every step, or nothing is sent there; no picture is ever decoded here.

mod disk;
mod download;
mod folder;
mod magic;
mod name;
mod packing;
mod part;
mod previews;
mod response;
mod sidecar;
mod ssrf_guard;

use std::path::PathBuf;

use futures_util::future::BoxFuture;

use crate::job::SavedFile;

pub use download::Downloader;
pub use magic::picture_ext;
pub use name::{check_template, result_path};
pub use previews::trim_previews;

/// What to fetch and how to name it.
#[derive(Clone, PartialEq, Debug)]
pub struct FetchRequest {
    /// The result links of one task, in order.
    pub links: Vec<String>,
    /// `{date}`: YYYY-MM-DD.
    pub date: String,
    /// `{tag}`; `untagged` where there is none.
    pub tag: Option<String>,
    /// `{task}`: the service's task id.
    pub task: String,
    /// `{image}`: which picture of the draft was enhanced, 0 to 3. `None` for a draft itself, whose pictures have the
    /// numbers of their places, and which is named by the template for drafts.
    pub image: Option<u8>,
    /// `{job}`: our short id.
    pub job: String,
    /// What else goes into the JSON sidecar next to the first picture. Our own fields win over these.
    pub sidecar: serde_json::Map<String, serde_json::Value>,
}

/// The most pictures of one job; links beyond are not asked for.
pub const FILES_MOST: usize = 4;

/// Why there is no file. The text is one clean sentence and never holds a link's query, where signatures stand.
///
/// A job is paid for, so nearly everything here is waited out: see [`is_passing`](Self::is_passing).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FetchError {
    /// The link was asked and led to no picture: 403, 404 or 410, a web page, a redirect to nowhere, a file that is
    /// damaged or of no known kind. Passes while the link lives (the object may not be everywhere yet, a guard or a portal
    /// may stand before it); once the link's life is over it is the evidence that the link is dead.
    #[error("{0}")]
    NoPicture(String),
    /// The host could not be asked, or broke off: name resolution, no public address, TLS, proxy, time limits, 5xx.
    /// Says nothing about the link, whenever it happens.
    #[error("{0}")]
    Passing(String),
    /// Final: larger than the limit, or a link that must not be followed by its own words.
    #[error("{0}")]
    Refused(String),
    /// The disk for the results takes no more: full, quota, file-size limit, read-only. Passes when there is room; until
    /// then no result can be kept.
    #[error("{0}")]
    ResultsDiskFull(String),
    /// The disk or folder here, otherwise; passes when repaired.
    #[error("{0}")]
    Local(String),
}

impl FetchError {
    /// Whether the download is to be tried again later, while the link lives.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }

    /// Whether it proves that a link is dead whose life is over.
    #[must_use]
    pub fn is_evidence_after_expiry(&self) -> bool {
        matches!(self, Self::NoPicture(_))
    }

    /// Whether the trouble is on this machine, so that no other result can be saved either.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self, Self::ResultsDiskFull(_) | Self::Local(_))
    }
}

/// Fetches results; the real one is [`Downloader`].
pub trait Fetcher: Send + Sync {
    /// Brings all links to disk. Dropping the future stops it; what is half done is continued by the next call.
    fn fetch<'a>(&'a self, request: &'a FetchRequest) -> BoxFuture<'a, Result<Vec<SavedFile>, FetchError>>;
}

/// How a downloader is made.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Where results go; made if missing.
    pub results_dir: PathBuf,
    /// Like `{date}/{tag}/{task}-{image}.{ext}`; see [`check_template`].
    pub name_template: String,
    /// The same for the pictures of drafts, like `drafts/{date}/{tag}/{task}-{image}.{ext}`.
    pub draft_template: String,
    /// Plain http and loopback addresses are taken: only where the API base is loopback itself.
    pub allow_loopback: bool,
}
