//! What an answer of a result's host says: statuses, headers, the first bytes, and where a redirect leads.

use reqwest::Response;
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED, LOCATION,
};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::FetchError;
use super::disk::hex;
use super::magic::{self, BadSize, Kind};
use super::packing::Packing;
use super::part::{Part, Source};
use super::ssrf_guard::NotPublic;
use crate::job::text;

/// What tells one link from another, whatever its signature.
pub(super) fn fingerprint(link: &Url) -> String {
    hex(&Sha256::digest(format!("{}{}", host(link), link.path()).as_bytes()))
}

pub(super) fn host(url: &Url) -> String {
    url.host_str().map(|host| text::clean(host).into_owned()).unwrap_or_default()
}

/// A connection that failed, or a name that leads where nothing may go. Neither tells anything of the link.
pub(super) fn broken(error: &reqwest::Error, url: &Url) -> FetchError {
    let mut cause: &dyn std::error::Error = error;
    loop {
        if cause.is::<NotPublic>() {
            return FetchError::Passing(format!("{} has no public address just now; it is tried again", host(url)));
        }
        match cause.source() {
            Some(inner) => cause = inner,
            None => break,
        }
    }
    let what = text::clean(&cause.to_string()).into_owned();
    FetchError::Passing(format!("the connection to {} failed ({}); it is tried again", host(url), text::shorten(&what, 200)))
}

/// A file, or all files of a job together, beyond the limit.
pub(super) fn too_large(link: &Url, most: u64) -> FetchError {
    FetchError::Refused(format!("the file at {} is larger than the {} MiB that are left for this job", host(link), most >> 20))
}

/// Where a redirect leads, as browsers read it: relative or not, with spaces, and in bytes that are UTF-8 or nothing known.
pub(super) fn redirect(from: &Url, headers: &HeaderMap) -> Option<Url> {
    use std::fmt::Write as _;
    let bytes = headers.get(LOCATION).map(HeaderValue::as_bytes)?;
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().fold(String::new(), |mut out, byte| {
            if byte.is_ascii() {
                out.push(char::from(*byte));
            } else {
                // Writing to a string cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
            out
        }),
    };
    from.join(text.trim()).ok()
}

/// `Content-Range` as the first byte and the whole length, as far as they are said (RFC 9110 §14.4).
pub(super) fn content_range(headers: &HeaderMap) -> (Option<u64>, Option<u64>) {
    let range =
        headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok()).and_then(|value| value.trim().strip_prefix("bytes "));
    let Some((span, total)) = range.and_then(|range| range.split_once('/')) else { return (None, None) };
    (span.split_once('-').and_then(|(first, _)| first.trim().parse().ok()), total.trim().parse().ok())
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Whether a 206 is the rest of what is here: it begins where we stopped, and nothing says that it is another file.
pub(super) fn continues(part: &Part, headers: &HeaderMap) -> bool {
    let (first, total) = content_range(headers);
    let same = |ours: Option<&String>, theirs: Option<String>| ours.is_none() || theirs.is_none() || ours == theirs.as_ref();
    first == Some(part.length)
        && (total.is_none() || part.source.total.is_none() || total == part.source.total)
        && same(part.source.etag.as_ref(), header(headers, &ETAG))
        && same(part.source.last_modified.as_ref(), header(headers, &LAST_MODIFIED))
        && packing(headers) == part.source.packing
}

fn packing(headers: &HeaderMap) -> Option<String> {
    let said = header(headers, &CONTENT_ENCODING).map(|said| text::clean(said.trim()).to_ascii_lowercase());
    said.filter(|said| !said.is_empty() && said != "identity")
}

/// What the answer says of the file.
pub(super) fn source(response: &Response, part: &Part, link: &Url) -> Source {
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
        packing: packing(headers),
    }
}

pub(super) fn check_status(response: &Response, link: &Url, had: u64) -> Result<(), FetchError> {
    let host = host(link);
    match response.status().as_u16() {
        200 | 203 => Ok(()),
        206 if had > 0 => Ok(()),
        status @ (408 | 416 | 425 | 429 | 500..) => {
            Err(FetchError::Passing(format!("{host} answered {status}; it is tried again")))
        }
        status => Err(FetchError::NoPicture(format!("{host} answered {status} instead of sending a picture"))),
    }
}

/// What kind of content the answer claims to be, where it is not that of a picture. Only for words: the bytes decide, as
/// they do in a browser.
pub(super) fn wrong_type(headers: &HeaderMap) -> Option<String> {
    let said = header(headers, &CONTENT_TYPE)?;
    let said = text::clean(said.split(';').next().unwrap_or_default().trim()).to_ascii_lowercase();
    let fine = said.is_empty() || said.starts_with("image/") || said.ends_with("/octet-stream");
    (!fine).then(|| text::shorten(&said, 60).into_owned())
}

/// Checks the length that is said.
pub(super) fn check_length(response: &Response, link: &Url, had: u64, most: u64) -> Result<(), FetchError> {
    let had = if response.status().as_u16() == 206 { had } else { 0 };
    match response.content_length() {
        Some(length) if length.saturating_add(had) > most => Err(too_large(link, most)),
        _ => Ok(()),
    }
}

/// Checks the first bytes of the file: a picture, or something packed in which one may be.
pub(super) fn check_head(head: &[u8], link: &Url, packing: Option<&str>, wrong_type: Option<&str>) -> Result<(), FetchError> {
    let host = host(link);
    let none = |what: &str| Err(FetchError::NoPicture(format!("{host} sent {what} instead of a picture; it is tried again")));
    match Kind::of(head) {
        _ if head.is_empty() => none("an empty file"),
        Some(kind) => kind.check_size(head).map_err(|bad| match bad {
            BadSize::NoPixels => FetchError::NoPicture(format!("{host}: {bad}; it is tried again")),
            BadSize::TooMany(..) => FetchError::Refused(format!("{host}: {bad}")),
        }),
        None if Packing::of(head, packing).is_some() => Ok(()),
        None => match (wrong_type, packing) {
            (Some(said), _) => none(said),
            _ if magic::is_page(head) => none("a web page"),
            (None, Some(packing)) => none(&format!("a file packed as {}, which cannot be unpacked,", text::shorten(packing, 20))),
            (None, None) => none("a file of no known kind"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_read_as_browsers_read_them() {
        let from = Url::parse("https://files.example/a/b.png?x=1").unwrap();
        let cases: &[(&[u8], &str)] = &[
            (b"/files/caf\xc3\xa9.png", "https://files.example/files/caf%C3%A9.png"),
            (b"/files/caf\xe9.png", "https://files.example/files/caf%E9.png"),
            (b"c.png", "https://files.example/a/c.png"),
            (b"../c.png", "https://files.example/c.png"),
            (b"?y=2", "https://files.example/a/b.png?y=2"),
            (b"//cdn.example/c.png", "https://cdn.example/c.png"),
            (b"/a b.png", "https://files.example/a%20b.png"),
            (b"  /a.png\t ", "https://files.example/a.png"),
            (b"\\a\\b.png", "https://files.example/a/b.png"),
            (b"https:/\\cdn.example/c", "https://cdn.example/c"),
            (b"HTTPS://CDN.Example/C", "https://cdn.example/C"),
            (b"https://b\xc3\xbccher.example/", "https://xn--bcher-kva.example/"),
            (b"/a%2Fb%zz", "https://files.example/a%2Fb%zz"),
            (b"#end", "https://files.example/a/b.png?x=1#end"),
        ];
        for (location, to) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, HeaderValue::from_bytes(location).unwrap());
            let found = redirect(&from, &headers);
            assert_eq!(found.as_ref().map(Url::as_str), Some(*to), "{}", String::from_utf8_lossy(location));
        }
        assert_eq!(redirect(&from, &HeaderMap::new()), None);
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_static("https://"));
        assert_eq!(redirect(&from, &headers), None);
    }
}
