//! The real fetcher over HTTP.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::Response;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderValue, IF_RANGE, RANGE};
use tokio::sync::OnceCell;
use url::Url;

use super::folder::Folder;
use super::magic::{self, Kind};
use super::name::{Template, safe};
use super::packing::{self, Unpacked};
use super::part::{self, Part};
use super::response::{
    broken, check_head, check_length, check_status, content_range, continues, fingerprint, host, redirect, source, too_large,
    wrong_type,
};
use super::ssrf_guard::{self, Resolver};
use super::{FILES_MOST, FetchError, FetchOptions, FetchRequest, Fetcher, disk, sidecar};
use crate::http::{self, ProxySettings};
use crate::job::SavedFile;

/// The most redirects that are followed.
const REDIRECTS_MOST: u32 = 5;
/// How much is gathered before it goes to disk: enough that the trip to another thread costs nothing.
const PIECE: usize = 256 * 1024;

/// Limits of a job's downloads.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// The whole download of one file.
    whole: Duration,
    /// Without a single byte.
    stall: Duration,
    /// Bytes of all files of a job together, unpacked.
    most: u64,
}

/// The real one.
///
/// Downloads take the proxy that the environment names, as calls do; without one, they are made to the very addresses
/// that were checked. The connection pools are made at the first download.
#[derive(Debug)]
pub struct Downloader {
    options: FetchOptions,
    template: Template,
    draft_template: Template,
    limits: Limits,
    proxies: ProxySettings,
    direct: OnceCell<reqwest::Client>,
    /// The proxy for plain http is never used: only this machine is asked in that way.
    proxied: OnceCell<reqwest::Client>,
}

impl Downloader {
    /// Makes one; the folder is not touched yet.
    ///
    /// # Errors
    /// [`FetchError::Local`] when the name template is not valid, or the folder's path cannot be made absolute.
    pub fn new(options: FetchOptions) -> Result<Self, FetchError> {
        let template = Template::parse(&options.name_template).map_err(FetchError::Local)?;
        let draft_template = Template::parse(&options.draft_template).map_err(FetchError::Local)?;
        let results_dir = std::path::absolute(&options.results_dir).map_err(|error| disk::local(&error, &options.results_dir))?;
        let limits = Limits { whole: Duration::from_mins(10), stall: Duration::from_mins(1), most: 1 << 30 };
        Ok(Self {
            options: FetchOptions { results_dir, ..options },
            template,
            draft_template,
            limits,
            proxies: ProxySettings::of_process(),
            direct: OnceCell::new(),
            proxied: OnceCell::new(),
        })
    }

    /// Other proxies than those of the process's environment.
    #[must_use]
    pub fn with_proxies(mut self, proxies: ProxySettings) -> Self {
        self.proxies = proxies;
        self
    }

    /// How the files of a request are named.
    fn template(&self, request: &FetchRequest) -> &Template {
        if request.image.is_some() { &self.template } else { &self.draft_template }
    }

    /// The proxy that is to be taken to an address.
    fn proxy(&self, url: &Url) -> Result<Option<Url>, FetchError> {
        let proxy = self.proxies.for_url(url).map_err(|error| FetchError::Local(format!("{error}; {}", error.next())))?;
        Ok(proxy.cloned())
    }

    /// Checks an address, and gives the pool that leads there.
    async fn http(&self, url: &Url) -> Result<Result<&reqwest::Client, String>, FetchError> {
        let proxy = self.proxy(url)?;
        if let Err(why) = ssrf_guard::check(url, self.options.allow_loopback, proxy.is_some()) {
            return Ok(Err(why));
        }
        let resolver = Resolver { allow_loopback: self.options.allow_loopback };
        let fault = |error: reqwest::Error| FetchError::Local(format!("no download can be made: {}", error.without_url()));
        let pool = if proxy.is_some() { &self.proxied } else { &self.direct };
        let pool = pool.get_or_try_init(|| blocking(move || build(resolver, proxy.as_ref()).map_err(fault))).await?;
        Ok(Ok(pool))
    }

    /// All links of a request.
    async fn all(&self, request: &FetchRequest) -> Result<Vec<SavedFile>, FetchError> {
        if request.links.is_empty() {
            return Err(FetchError::Refused("the task has no link to a picture".into()));
        }
        let stems = Kind::ALL.map(|kind| (self.template(request).stem(request, 0, kind.ext()), kind.ext()));
        let (asked, root, below) = (request.clone(), self.options.results_dir.clone(), self.template(request).folder(request));
        let (folder, found) = blocking(move || {
            let folder = Folder::make(&root, &below)?;
            let found = sidecar::find_saved(&asked, &folder, &stems);
            Ok((Arc::new(folder), found))
        })
        .await?;
        if let Some(files) = found {
            return Ok(files);
        }
        let links = &request.links[..request.links.len().min(FILES_MOST)];
        let mut files = Vec::with_capacity(links.len());
        let mut hosts = Vec::with_capacity(links.len());
        let mut left = self.limits.most;
        for (place, link) in links.iter().enumerate() {
            let link = Url::parse(link).map_err(|_| FetchError::Refused("the result link is not a valid address".into()))?;
            let host = host(&link);
            let file = self.within_limit(request, &folder, place, &link, left).await?;
            left = left.saturating_sub(file.bytes);
            files.push(file);
            hosts.push(host);
        }
        let (request, listed) = (request.clone(), files.clone());
        blocking(move || sidecar::write(&folder, &request, &hosts, &listed)).await?;
        Ok(files)
    }

    /// One link within the time that it has; `left` bytes may be taken.
    async fn within_limit(
        &self,
        request: &FetchRequest,
        folder: &Arc<Folder>,
        place: usize,
        link: &Url,
        left: u64,
    ) -> Result<SavedFile, FetchError> {
        let brought = tokio::time::timeout(self.limits.whole, self.one(request, folder, place, link, left)).await;
        if !matches!(brought, Ok(Ok(_))) {
            let (folder, part) = (Arc::clone(folder), part_name(request, place));
            blocking(move || {
                part::remove_empty(&folder, &part);
                Ok(())
            })
            .await?;
        }
        brought.unwrap_or_else(|_| {
            let (host, limit) = (host(link), self.limits.whole.as_secs());
            Err(FetchError::Passing(format!("{host} did not send the whole file within {limit} s; the rest is fetched later")))
        })
    }

    /// One link.
    async fn one(
        &self,
        request: &FetchRequest,
        folder: &Arc<Folder>,
        place: usize,
        link: &Url,
        left: u64,
    ) -> Result<SavedFile, FetchError> {
        // Before anything is made for it.
        self.http(link).await?.map_err(FetchError::Refused)?;
        let mut part = open_part(folder, part_name(request, place)).await?;
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
            check_length(&response, link, part.length, left)?;
            if response.status().as_u16() != 206 && part.length > 0 {
                part = reset(part).await?;
            }
            let source = source(&response, &part, link);
            part = on_disk(part, move |part| part.set_source(source)).await?;
            part = self.body(response, part, link, left).await?;
        }
        let (stem_of, request) = (self.template(request).clone(), request.clone());
        let link = link.clone();
        blocking(move || finish(part, &link, left, |ext| stem_of.stem(&request, place, ext))).await
    }

    /// Asks for what is missing, and follows redirects by hand so that each step is checked.
    async fn send(&self, link: &Url, part: &Part) -> Result<Response, FetchError> {
        let mut url = link.clone();
        for step in 0..=REDIRECTS_MOST {
            // The link is the service's own word; where it leads is the word of whoever answers, a portal perhaps.
            let forbidden = |why: String| match step {
                0 => FetchError::Refused(why),
                _ => FetchError::NoPicture(format!("{} redirects: {why}", host(link))),
            };
            let mut request = self
                .http(&url)
                .await?
                .map_err(forbidden)?
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
            url = redirect(&url, response.headers())
                .ok_or_else(|| FetchError::NoPicture(format!("{} redirects to nowhere", host(&url))))?;
        }
        Err(FetchError::NoPicture(format!("{} redirects more than {REDIRECTS_MOST} times", host(link))))
    }

    fn stalled(&self, url: &Url) -> FetchError {
        let seconds = self.limits.stall.as_secs();
        FetchError::Passing(format!("{} sent nothing for {seconds} s; the rest is fetched later", host(url)))
    }

    /// Brings the body to disk. What came before a fault stays in the part.
    async fn body(&self, mut response: Response, mut part: Part, link: &Url, left: u64) -> Result<Part, FetchError> {
        let wrong_type = wrong_type(response.headers());
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
            if length > left {
                discard(part).await?;
                return Err(too_large(link, left));
            }
            if !checked && (!more || length >= magic::HEAD as u64) {
                let missing = magic::HEAD.saturating_sub(part.head.len()).min(piece.len());
                let head = [part.head.as_slice(), &piece[..missing]].concat();
                // A head that is cut short by a fault is looked at when the rest is there.
                if chunk.is_ok()
                    && let Err(error) = check_head(&head, link, part.source.packing.as_deref(), wrong_type.as_deref())
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

/// A pool for direct connections to addresses that `resolver` lets pass, or one whose connections all lead to `proxy`,
/// which may be anywhere.
fn build(resolver: Resolver, proxy: Option<&Url>) -> Result<reqwest::Client, reqwest::Error> {
    let proxy = proxy.map(|proxy| reqwest::Proxy::all(proxy.clone())).transpose()?;
    http::build(|| {
        let builder = http::builder()
            // Bodies are kept as they come, so that they can be continued; what is packed is unpacked at the end.
            .gzip(false)
            .connect_timeout(Duration::from_secs(20))
            // A connection that died in silence, as after a sleep of this machine, must not be used again and again.
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_keep_alive_timeout(Duration::from_secs(10));
        match proxy.clone() {
            Some(proxy) => builder.proxy(proxy),
            None => builder.dns_resolver(resolver),
        }
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
async fn open_part(folder: &Arc<Folder>, name: String) -> Result<Part, FetchError> {
    for _ in 0..40 {
        let (folder, name) = (Arc::clone(folder), name.clone());
        if let Some(part) = blocking(move || Part::open(&folder, &name)).await? {
            return Ok(part);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(FetchError::Passing("another download writes this very file; it is tried again later".into()))
}

/// The part's name: hidden, and the same for the same picture, so that a fresh link leaves no old part behind.
fn part_name(request: &FetchRequest, place: usize) -> String {
    format!(
        ".{}.part",
        safe(&format!("{}-{}{place}", request.task, request.image.map_or_else(String::new, |image| format!("{image}-"))), 100)
    )
}

/// Unpacks the whole file where that is needed, checks it, and gives it its name; `most` bytes may be taken.
fn finish(part: Part, link: &Url, most: u64, stem: impl Fn(&str) -> String) -> Result<SavedFile, FetchError> {
    let host = host(link);
    let (length, total) = (part.length, part.source.total);
    if let Some(total) = total.filter(|total| length < *total) {
        return Err(FetchError::Passing(format!("only {length} of {total} bytes came from {host}; it is tried again")));
    }
    let mut part = match packing::unpack(part, most)? {
        Unpacked::Part(part) => *part,
        Unpacked::TooLarge => return Err(too_large(link, most)),
        Unpacked::Garbled => {
            return Err(FetchError::NoPicture(format!("the file from {host} could not be unpacked; it is tried again")));
        }
    };
    // What was packed shows only now what it is.
    if let Err(error) = check_head(&part.head, link, None, None) {
        part.discard();
        return Err(error);
    }
    let Some(kind) = Kind::of(&part.head) else {
        part.discard();
        return Err(FetchError::NoPicture(format!("{host} sent a file of no known kind; it is tried again")));
    };
    if total.is_some_and(|total| length > total) || !part.is_whole(kind)? {
        // All bytes that were promised are here, so asking for more would not help: from the beginning.
        part.discard();
        return Err(FetchError::NoPicture(format!("the picture from {host} is not whole; it is tried again")));
    }
    part.place(&stem(kind.ext()), kind.ext())
}

#[cfg(test)]
#[path = "download_tests.rs"]
mod tests;
