//! The real fetcher over HTTP.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_RANGE,
    LAST_MODIFIED, LOCATION, RANGE,
};
use reqwest::{Response, redirect};
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;
use url::Url;

use super::disk::{self, Part, Source};
use super::magic::{self, Kind};
use super::name::{Template, safe};
use super::ssrf_guard::{self, NotPublic, Resolver};
use super::{FetchError, FetchOptions, FetchRequest, Fetcher};
use crate::job::{SavedFile, text};

/// What we call ourselves; some hosts refuse the defaults of libraries (reference §3.1).
const USER_AGENT: &str = concat!("mj-enhance/", env!("CARGO_PKG_VERSION"));
/// The most redirects that are followed (reference §4.4).
const REDIRECTS_MOST: u32 = 5;
/// How much is gathered before it goes to disk: enough that the trip to another thread costs nothing.
const PIECE: usize = 256 * 1024;

/// Limits of one file (reference §4.4).
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// The whole download.
    whole: Duration,
    /// Without a single byte.
    stall: Duration,
    /// Bytes.
    most: u64,
}

/// The real one.
///
/// The connection pool is made at the first download. Downloads go straight to the host and never through a proxy:
/// behind one, nobody could tell which address a link leads to.
#[derive(Debug)]
pub struct Downloader {
    options: FetchOptions,
    template: Template,
    limits: Limits,
    http: OnceCell<reqwest::Client>,
}

impl Downloader {
    /// Makes one; the folder is not touched yet.
    ///
    /// # Errors
    /// [`FetchError::Local`] when the name template is not valid, or the folder's path cannot be made absolute.
    pub fn new(options: FetchOptions) -> Result<Self, FetchError> {
        let template = Template::parse(&options.name_template).map_err(FetchError::Local)?;
        let results_dir = std::path::absolute(&options.results_dir).map_err(|error| disk::local(&error, &options.results_dir))?;
        let limits = Limits { whole: Duration::from_mins(10), stall: Duration::from_mins(1), most: 1 << 30 };
        Ok(Self { options: FetchOptions { results_dir, ..options }, template, limits, http: OnceCell::new() })
    }

    async fn http(&self) -> Result<&reqwest::Client, FetchError> {
        let resolver = Resolver { allow_loopback: self.options.allow_loopback };
        self.http
            .get_or_try_init(|| async {
                blocking(move || build(resolver).map_err(|error| FetchError::Local(format!("no download can be made: {error}"))))
                    .await
            })
            .await
    }

    /// All links of a request.
    async fn all(&self, request: &FetchRequest) -> Result<Vec<SavedFile>, FetchError> {
        if request.links.is_empty() {
            return Err(FetchError::Refused("the task has no link to a picture".into()));
        }
        let folder = self.options.results_dir.join(self.template.folder(request));
        let stems = Kind::ALL.map(|kind| (self.template.stem(request, 0, kind.ext()), kind.ext()));
        let (asked, place) = (request.clone(), folder.clone());
        let found = blocking(move || {
            disk::make_folder(&place)?;
            Ok(disk::find_saved(&asked, &place, &stems))
        })
        .await?;
        if let Some(files) = found {
            return Ok(files);
        }
        let mut files = Vec::with_capacity(request.links.len());
        let mut hosts = Vec::with_capacity(request.links.len());
        for (place, link) in request.links.iter().enumerate() {
            let link = Url::parse(link).map_err(|_| FetchError::Refused("the result link is no valid address".into()))?;
            let host = host(&link);
            let part = part_path(request, &folder, place);
            let brought = tokio::time::timeout(self.limits.whole, self.one(request, part.clone(), place, &link)).await;
            if !matches!(brought, Ok(Ok(_))) {
                blocking(move || {
                    disk::remove_empty(&part);
                    Ok(())
                })
                .await?;
            }
            let late = || {
                let limit = self.limits.whole.as_secs();
                Err(FetchError::Passing(format!(
                    "{host} did not send the whole file within {limit} s; the rest is fetched later"
                )))
            };
            files.push(brought.unwrap_or_else(|_| late())?);
            hosts.push(host);
        }
        let (request, listed) = (request.clone(), files.clone());
        blocking(move || disk::write_sidecar(&request, &hosts, &listed)).await?;
        Ok(files)
    }

    /// One link.
    async fn one(&self, request: &FetchRequest, part: PathBuf, place: usize, link: &Url) -> Result<SavedFile, FetchError> {
        ssrf_guard::check(link, self.options.allow_loopback).map_err(FetchError::Refused)?;
        let mut part = open_part(part).await?;
        if part.length > 0 && part.source.link != fingerprint(link) {
            part = reset(part).await?;
        }
        // A second round only where the host does not continue what is here.
        let mut response = self.send(link, &part).await?;
        let mut whole_already = false;
        match response.status().as_u16() {
            206 if continues(&part, response.headers()) => {}
            416 if part.length > 0 && content_range(response.headers()) == (None, Some(part.length)) => whole_already = true,
            206 | 416 => {
                part = reset(part).await?;
                response = self.send(link, &part).await?;
            }
            _ => {}
        }
        if !whole_already {
            check_status(&response, link, part.length)?;
            check_headers(&response, link, part.length, self.limits.most)?;
            if response.status().as_u16() == 200 && part.length > 0 {
                part = reset(part).await?;
            }
            let source = source(&response, &part, link);
            part = on_disk(part, move |part| part.set_source(source)).await?;
            part = self.body(response, part, link).await?;
        }
        let (stem_of, request) = (self.template.clone(), request.clone());
        let host = host(link);
        blocking(move || finish(part, &host, |ext| stem_of.stem(&request, place, ext))).await
    }

    /// Asks for what is missing, and follows redirects by hand so that each step is checked.
    async fn send(&self, link: &Url, part: &Part) -> Result<Response, FetchError> {
        let mut url = link.clone();
        for _ in 0..=REDIRECTS_MOST {
            ssrf_guard::check(&url, self.options.allow_loopback).map_err(FetchError::Refused)?;
            let mut request = self
                .http()
                .await?
                .get(url.clone())
                .header(ACCEPT, HeaderValue::from_static("image/*, */*;q=0.1"))
                .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            if part.length > 0 {
                request = request.header(RANGE, format!("bytes={}-", part.length));
                if let Some(validator) = part.source.validator() {
                    request = request.header(IF_RANGE, validator);
                }
            }
            let response = tokio::time::timeout(self.limits.stall, request.send())
                .await
                .map_err(|_| self.stalled(&url))?
                .map_err(|error| broken(&error, &url))?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            let next = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            url = next
                .and_then(|next| url.join(next).ok())
                .ok_or_else(|| FetchError::Refused(format!("{} redirects to nowhere", host(&url))))?;
        }
        Err(FetchError::Refused(format!("{} redirects more than {REDIRECTS_MOST} times", host(link))))
    }

    fn stalled(&self, url: &Url) -> FetchError {
        let seconds = self.limits.stall.as_secs();
        FetchError::Passing(format!("{} sent nothing for {seconds} s; the rest is fetched later", host(url)))
    }

    /// Brings the body to disk. What came before a fault stays in the part.
    async fn body(&self, mut response: Response, mut part: Part, link: &Url) -> Result<Part, FetchError> {
        let mut piece: Vec<u8> = Vec::with_capacity(PIECE);
        let mut checked = false;
        loop {
            let chunk = match tokio::time::timeout(self.limits.stall, response.chunk()).await {
                Ok(Ok(chunk)) => Ok(chunk),
                Ok(Err(error)) => Err(broken(&error, link)),
                Err(_) => Err(self.stalled(link)),
            };
            let more = matches!(chunk, Ok(Some(_)));
            if let Ok(Some(bytes)) = &chunk {
                piece.extend_from_slice(bytes);
            }
            let length = part.length + piece.len() as u64;
            if length > self.limits.most {
                discard(part).await?;
                return Err(too_large(link, self.limits.most));
            }
            if !checked && (!more || length >= magic::HEAD as u64) {
                let missing = magic::HEAD.saturating_sub(part.head.len()).min(piece.len());
                let head = [part.head.as_slice(), &piece[..missing]].concat();
                // A head that is cut short by a fault is looked at when the rest is there.
                if chunk.is_ok()
                    && let Err(error) = check_head(&head, link)
                {
                    discard(part).await?;
                    return Err(error);
                }
                checked = true;
            }
            if piece.len() >= PIECE || (!more && !piece.is_empty()) {
                let full = std::mem::replace(&mut piece, Vec::with_capacity(if more { PIECE } else { 0 }));
                part = on_disk(part, move |part| part.append(&full)).await?;
            }
            match chunk {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(part),
                Err(error) => return Err(error),
            }
        }
    }
}

impl Fetcher for Downloader {
    fn fetch<'a>(&'a self, request: &'a FetchRequest) -> BoxFuture<'a, Result<Vec<SavedFile>, FetchError>> {
        self.all(request).boxed()
    }
}

fn build(resolver: Resolver) -> Result<reqwest::Client, reqwest::Error> {
    let builder = || {
        reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .gzip(false)
            .no_proxy()
            .connect_timeout(Duration::from_secs(20))
            // A connection that died in silence, as after a sleep of this machine, must not be used again and again.
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_keep_alive_timeout(Duration::from_secs(10))
            .dns_resolver(resolver)
    };
    builder().build().or_else(|_| {
        // A slim image has no certificates of its own.
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().filter_map(|der| reqwest::Certificate::from_der(der).ok());
        builder().tls_certs_only(roots).build()
    })
}

/// Disk work on a thread made for it. A dropped future does not stop it; it ends by itself, and the part's lock with it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, FetchError> + Send + 'static) -> Result<T, FetchError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(FetchError::Local("the program is ending".into())))
}

async fn on_disk(
    mut part: Part,
    work: impl FnOnce(&mut Part) -> Result<(), FetchError> + Send + 'static,
) -> Result<Part, FetchError> {
    blocking(move || work(&mut part).map(|()| part)).await
}

async fn discard(part: Part) -> Result<(), FetchError> {
    blocking(move || {
        part.discard();
        Ok(())
    })
    .await
}

async fn reset(part: Part) -> Result<Part, FetchError> {
    on_disk(part, Part::reset).await
}

/// Opens the part; one that is still being written by a download that was just dropped is free in a moment.
async fn open_part(path: PathBuf) -> Result<Part, FetchError> {
    for _ in 0..40 {
        let path = path.clone();
        if let Some(part) = blocking(move || Part::open(&path)).await? {
            return Ok(part);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(FetchError::Passing("another download writes this very file; it is tried again later".into()))
}

/// The part's name: hidden, and the same for the same picture, so that a fresh link leaves no old part behind.
fn part_path(request: &FetchRequest, folder: &Path, place: usize) -> PathBuf {
    let stem = safe(&format!("{}-{}-{place}", request.task, request.image), 100);
    folder.join(format!(".{stem}.part"))
}

/// What tells one link from another, whatever its signature.
fn fingerprint(link: &Url) -> String {
    disk::hex(&Sha256::digest(format!("{}{}", host(link), link.path()).as_bytes()))
}

fn host(url: &Url) -> String {
    url.host_str().map(|host| text::clean(host).into_owned()).unwrap_or_default()
}

/// A line that failed, or a name that leads where nothing may go.
fn broken(error: &reqwest::Error, url: &Url) -> FetchError {
    let mut cause: &dyn std::error::Error = error;
    loop {
        if cause.is::<NotPublic>() {
            return FetchError::Refused(format!("the link leads to {}, which is not at a public address", host(url)));
        }
        match cause.source() {
            Some(inner) => cause = inner,
            None => break,
        }
    }
    let what = text::clean(&cause.to_string()).into_owned();
    FetchError::Passing(format!("the line to {} failed ({}); it is tried again", host(url), text::shorten(&what, 200)))
}

fn too_large(link: &Url, most: u64) -> FetchError {
    FetchError::Refused(format!("the file at {} is larger than {} MiB", host(link), most / 1024 / 1024))
}

/// `Content-Range` as the first byte and the whole length, as far as they are said (RFC 9110 §14.4).
fn content_range(headers: &HeaderMap) -> (Option<u64>, Option<u64>) {
    let range =
        headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok()).and_then(|value| value.trim().strip_prefix("bytes "));
    let Some((span, total)) = range.and_then(|range| range.split_once('/')) else { return (None, None) };
    (span.split_once('-').and_then(|(first, _)| first.trim().parse().ok()), total.trim().parse().ok())
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Whether a 206 is the rest of what is here: it begins where we stopped, and nothing says that it is another file.
fn continues(part: &Part, headers: &HeaderMap) -> bool {
    let (first, total) = content_range(headers);
    let same = |ours: Option<&String>, theirs: Option<String>| ours.is_none() || theirs.is_none() || ours == theirs.as_ref();
    first == Some(part.length)
        && (total.is_none() || part.source.total.is_none() || total == part.source.total)
        && same(part.source.etag.as_ref(), header(headers, &ETAG))
        && same(part.source.last_modified.as_ref(), header(headers, &LAST_MODIFIED))
}

/// What the answer says of the file.
fn source(response: &Response, part: &Part, link: &Url) -> Source {
    let headers = response.headers();
    let total = if response.status().as_u16() == 206 {
        content_range(headers).1.or(part.source.total)
    } else {
        response.content_length()
    };
    Source {
        link: fingerprint(link),
        etag: header(headers, &ETAG).or_else(|| part.source.etag.clone()),
        last_modified: header(headers, &LAST_MODIFIED).or_else(|| part.source.last_modified.clone()),
        total,
    }
}

fn check_status(response: &Response, link: &Url, had: u64) -> Result<(), FetchError> {
    let host = host(link);
    match response.status().as_u16() {
        200 => Ok(()),
        206 if had > 0 => Ok(()),
        status @ (403 | 404 | 410) => Err(FetchError::Expired(format!("the result's link is dead: {host} answered {status}"))),
        status @ (408 | 416 | 425 | 429 | 500..) => {
            Err(FetchError::Passing(format!("{host} answered {status}; it is tried again")))
        }
        status => Err(FetchError::Refused(format!("{host} answered {status} instead of sending a picture"))),
    }
}

fn check_headers(response: &Response, link: &Url, had: u64, most: u64) -> Result<(), FetchError> {
    let host = host(link);
    let said = |name| header(response.headers(), &name).unwrap_or_default();
    let kind = said(CONTENT_TYPE);
    let kind = text::clean(kind.split(';').next().unwrap_or_default().trim()).to_ascii_lowercase();
    if !(kind.is_empty() || kind.starts_with("image/") || kind.ends_with("/octet-stream")) {
        return Err(FetchError::Refused(format!("{host} sent {} instead of a picture", text::shorten(&kind, 60))));
    }
    let packing = said(CONTENT_ENCODING);
    if !(packing.is_empty() || packing.trim().eq_ignore_ascii_case("identity")) {
        return Err(FetchError::Refused(format!("{host} sent the picture packed, which was not asked for")));
    }
    let had = if response.status().as_u16() == 206 { had } else { 0 };
    match response.content_length() {
        Some(length) if length.saturating_add(had) > most => Err(too_large(link, most)),
        _ => Ok(()),
    }
}

fn check_head(head: &[u8], link: &Url) -> Result<(), FetchError> {
    let host = host(link);
    let refused = |what: &str| Err(FetchError::Refused(format!("{host} sent {what}")));
    match Kind::of(head) {
        _ if head.is_empty() => Err(FetchError::Passing(format!("{host} sent an empty file; it is tried again"))),
        Some(kind) => kind.check_size(head).map_err(|what| FetchError::Refused(format!("{host}: {what}"))),
        None if magic::is_page(head) => refused("a web page instead of a picture"),
        None => refused("a file that is no picture of a known kind"),
    }
}

/// Checks the whole file, and gives it its name.
fn finish(mut part: Part, host: &str, stem: impl Fn(&str) -> String) -> Result<SavedFile, FetchError> {
    let (length, total) = (part.length, part.source.total);
    let passing = |what: String| Err(FetchError::Passing(format!("{what}; it is tried again")));
    if let Some(total) = total.filter(|total| length < *total) {
        return passing(format!("only {length} of {total} bytes came from {host}"));
    }
    let Some(kind) = Kind::of(&part.head) else {
        part.discard();
        return Err(FetchError::Refused(format!("{host} sent a file that is no picture of a known kind")));
    };
    if total.is_some_and(|total| length > total) || !part.is_whole(kind)? {
        // All bytes that were promised are here, so asking for more would not help: from the beginning.
        part.discard();
        return passing(format!("the picture from {host} is not whole"));
    }
    part.place(&stem(kind.ext()), kind.ext())
}

#[cfg(test)]
#[path = "download_tests.rs"]
mod tests;
