//! Result files: links that die, ranges, and everything a hostile file server can answer.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, header};
use futures_util::stream;

use super::answer::{Answer, Payload};
use super::effects::{cut, gzipped, redirect};
use super::picture::{Picture, PictureFormat};
use super::scenario::{FileAnswer, Speed};
use super::world::World;

/// What a link leads to.
#[derive(Debug)]
pub(super) struct Found {
    picture: Picture,
    answer: FileAnswer,
    redirect: (u16, String),
}

/// Side of a draft's pictures in pixels.
const SKETCH_SIZE: u32 = 512;

/// Finds what a path under `/files/` leads to; the error is the answer.
pub(super) fn find(world: &World, now: f64, path: &str, direct: bool, headers: &HeaderMap) -> Result<Found, Answer> {
    let missing = || Answer::page(404, "404 Not Found");
    if world.scenario.refuse_anonymous_downloads && !headers.contains_key(header::USER_AGENT) {
        return Err(Answer::bytes(403, "text/plain; charset=UTF-8", "error code: 1010"));
    }
    let name = path.rsplit('/').next().and_then(|file| file.strip_prefix("file_")).ok_or_else(missing)?;
    let (name, extension) = name.split_once('.').ok_or_else(missing)?;
    let part = |from: usize, to: usize| name.get(from..to).and_then(|hex| u64::from_str_radix(hex, 16).ok());
    let (Some(index), Some(issue), Some(picture)) = (part(16, 24), part(24, 28), part(28, 32)) else { return Err(missing()) };
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    let (issue, picture) = (u16::try_from(issue).unwrap_or(0), u8::try_from(picture).unwrap_or(u8::MAX));
    let task = world.tasks.get(index).ok_or_else(missing)?;
    let scenario = &world.scenario;
    let outcome = &task.outcome;
    let format = outcome.picture_format.unwrap_or(scenario.picture_format);
    let real = task.results(scenario).contains(&picture) && task.phase(now, scenario).status == "completed";
    if !real || extension != format.extension() || name != task.file_name(index, issue, picture, scenario.seed) {
        return Err(missing());
    }
    let life = task.link_life(scenario);
    if now >= task.ends + life * (f64::from(issue) + 1.0) {
        return Err(Answer::page(403, "403 Forbidden: this link has expired"));
    }
    let sketch = task.speed == Some(Speed::Draft);
    let size =
        if sketch { SKETCH_SIZE.min(scenario.picture_size) } else { outcome.picture_size.unwrap_or(scenario.picture_size) };
    let picture = Picture { motif: task.picture_motif(picture), size, sketch, format };
    let over = outcome.file_seconds.is_some_and(|seconds| now >= task.ends + seconds);
    let answer = if over || direct { FileAnswer::Good } else { outcome.file };
    let place = outcome.redirect_to.as_deref().unwrap_or_default();
    let place = place.replace("{base}", &world.base).replace("{name}", path.rsplit('/').next().unwrap_or_default());
    Ok(Found { picture, answer, redirect: (outcome.redirect_status.unwrap_or(302), place) })
}

/// Files that were made already; the oldest leave when it is full.
#[derive(Debug, Default)]
pub(super) struct Gallery(Mutex<VecDeque<(Picture, Bytes)>>);

/// Some 16 MB at the usual size.
const GALLERY_SIZE: usize = 64;

impl Gallery {
    async fn get(&self, picture: Picture) -> Bytes {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bytes)) = lock().iter().find(|(known, _)| *known == picture) {
            return bytes.clone();
        }
        let bytes = tokio::task::spawn_blocking(move || Bytes::from(picture.encode())).await.unwrap_or_default();
        let mut gallery = lock();
        if gallery.len() >= GALLERY_SIZE {
            gallery.pop_front();
        }
        gallery.push_back((picture, bytes.clone()));
        bytes
    }
}

/// The answer for a file that was found.
pub(super) async fn serve(gallery: &Gallery, found: Found, headers: &HeaderMap, own_url: &str) -> Answer {
    let media_type = found.picture.format.media_type();
    match found.answer {
        FileAnswer::Html => return Answer::page(200, "Please sign in"),
        FileAnswer::Disguised => {
            let mut page = Answer::page(200, "Please sign in");
            page.set_media_type(Some(media_type));
            return page;
        }
        FileAnswer::Empty => return Answer::bytes(200, media_type, Bytes::new()),
        FileAnswer::Redirect => return redirect(found.redirect.0, &found.redirect.1),
        FileAnswer::RedirectLoop => return redirect(302, own_url),
        FileAnswer::Missing => return Answer::page(404, "404 Not Found"),
        FileAnswer::Forbidden => return Answer::page(403, "403 Forbidden"),
        FileAnswer::Broken => return Answer::page(500, "500 Internal Server Error"),
        FileAnswer::Huge => return endless(media_type).with(header::CONTENT_LENGTH, (2_u64 << 30).to_string()),
        FileAnswer::Endless => return endless(media_type),
        _ => {}
    }
    let bytes = gallery.get(found.picture).await;
    match found.answer {
        FileAnswer::Truncated => {
            let keep = bytes.len() / 2;
            cut(Answer::bytes(200, media_type, bytes), keep)
        }
        FileAnswer::HalfPicture => Answer::bytes(200, media_type, bytes.slice(..bytes.len() / 2)),
        FileAnswer::NoRanges => Answer::bytes(200, media_type, bytes),
        FileAnswer::Gzip => gzipped(Answer::bytes(200, media_type, bytes)),
        FileAnswer::GzipUnnamed => {
            let mut packed = gzipped(Answer::bytes(200, media_type, bytes));
            packed.headers.retain(|(name, _)| name != header::CONTENT_ENCODING);
            packed
        }
        kind => {
            let mut answer = ranged(bytes, found.picture.format, headers);
            match kind {
                FileAnswer::WrongType => answer.set_media_type(Some("text/plain")),
                FileAnswer::NoType => answer.set_media_type(None),
                _ => {}
            }
            answer
        }
    }
}

/// The whole file, or the part a `Range` header asks for.
fn ranged(bytes: Bytes, format: PictureFormat, headers: &HeaderMap) -> Answer {
    let total = bytes.len();
    let tag =
        format!("\"{:016x}\"", bytes.iter().step_by(997).fold(total as u64, |sum, byte| super::rng::mix(sum, u64::from(*byte))));
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let range = text(header::RANGE).filter(|_| text(header::IF_RANGE).is_none_or(|wanted| wanted == tag));
    let answer = match range.and_then(|range| range.strip_prefix("bytes=")).filter(|range| !range.contains(',')) {
        None => Answer::bytes(200, format.media_type(), bytes),
        Some(range) => match span(range, total) {
            Some((from, to)) => Answer::bytes(206, format.media_type(), bytes.slice(from..=to))
                .with(header::CONTENT_RANGE, format!("bytes {from}-{to}/{total}")),
            None => Answer::bytes(416, "text/plain", Bytes::new()).with(header::CONTENT_RANGE, format!("bytes */{total}")),
        },
    };
    answer.with(header::ACCEPT_RANGES, "bytes").with(header::ETAG, tag)
}

/// First and last byte of `a-b`, `a-` or `-n`.
fn span(range: &str, total: usize) -> Option<(usize, usize)> {
    let (from, to) = range.split_once('-')?;
    let last = total.checked_sub(1)?;
    let (from, to) = match (from, to) {
        ("", count) => (total.saturating_sub(count.parse::<usize>().ok().filter(|count| *count > 0)?), last),
        (from, "") => (from.parse().ok()?, last),
        (from, to) => (from.parse().ok()?, to.parse::<usize>().ok()?.min(last)),
    };
    (from <= to && from <= last).then_some((from, to))
}

/// Bytes that begin like a PNG and never end.
fn endless(media_type: &str) -> Answer {
    const HEAD: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x40\0\0\0\x40\0\x08\x02\0\0\0";
    let chunk = Bytes::from(vec![0x5A; 64 * 1024]);
    let bytes = stream::unfold(0_u32, move |n| {
        let bytes = if n == 0 { Bytes::from_static(HEAD) } else { chunk.clone() };
        async move { Some((Ok::<_, Infallible>(bytes), 1)) }
    });
    let mut answer = Answer::bytes(200, media_type, Bytes::new());
    answer.body = Payload::Stream(Body::from_stream(bytes));
    answer
}
