//! A link in, a checked file on disk out.
//!
//! This room does not know who wants the file or why. The API key never comes here.
//!
//! Invariants: no file is ever overwritten; what stands under a final name is whole, checked and synced; a link leads
//! to public https addresses on every step, or nothing is sent there; no picture is ever decoded here.

mod disk;
mod download;
mod magic;
mod name;
mod ssrf_guard;

use std::path::PathBuf;

use futures_util::future::BoxFuture;

use crate::job::SavedFile;

pub use download::Downloader;
pub use magic::picture_ext;
pub use name::{check_template, result_path};

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
    /// `{image}`: which picture of the draft, 0 to 3.
    pub image: u8,
    /// `{job}`: our short id.
    pub job: String,
    /// What else goes into the JSON sidecar next to the first picture. Our own fields win over these.
    pub sidecar: serde_json::Map<String, serde_json::Value>,
}

/// Why there is no file. The text is one clean sentence and never holds a link's query, where signatures stand.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FetchError {
    /// 403, 404 or 410 from the result's host: ask the service for a fresh link once, then give up.
    #[error("{0}")]
    Expired(String),
    /// Must not be taken: not https, private address, wrong type, HTML, too large.
    #[error("{0}")]
    Refused(String),
    /// May pass: line, time limit, 5xx, truncated.
    #[error("{0}")]
    Passing(String),
    /// The disk or folder here; may pass when mended.
    #[error("{0}")]
    Local(String),
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
    /// Plain http and loopback addresses are taken: only where the API base is loopback itself.
    pub allow_loopback: bool,
}
