//! Downloads over real sockets on loopback.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::fetch::magic::tests::picture;
use crate::fetch::part::Source;

/// A server on a free port that reads the head of one request from each connection and hands it to `answer`.
fn serve(answer: impl Fn(&str, &mut TcpStream) + Send + 'static) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (heard, hear) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut byte = [0; 1];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                request.push(byte[0]);
            }
            let request = String::from_utf8(request).unwrap().to_lowercase();
            heard.send(request.clone()).ok();
            answer(&request, &mut stream);
        }
    });
    (base, hear)
}

/// An answer whose declared length is that of `whole`, while only `sent` bytes of it are sent.
fn say_part(stream: &mut TcpStream, status: &str, headers: &str, whole: &[u8], sent: usize) {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n", whole.len());
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&whole[..sent])).ok();
}

fn say(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    say_part(stream, status, headers, body, body.len());
}

fn always(status: &'static str, headers: &'static str, body: Vec<u8>) -> (String, mpsc::Receiver<String>) {
    serve(move |_, stream| say(stream, status, headers, &body))
}

/// What a request asks to continue from.
fn range_of(head: &str) -> Option<usize> {
    head.split("range: bytes=").nth(1)?.split('-').next()?.parse().ok()
}

struct Place {
    folder: tempfile::TempDir,
    downloader: Downloader,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let downloader = Downloader::new(FetchOptions {
        results_dir: folder.path().join("results"),
        name_template: "{tag}/{task}-{image}.{ext}".into(),
        draft_template: "drafts/{task}-{image}.{ext}".into(),
        allow_loopback: true,
    });
    Place { downloader: downloader.unwrap(), folder }
}

impl Place {
    /// All files below, by their path, with their size.
    fn files(&self) -> BTreeMap<String, u64> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else {
                    let name = entry.path().strip_prefix(self.folder.path()).unwrap().to_str().unwrap().to_owned();
                    files.insert(name, entry.metadata().unwrap().len());
                }
            }
        }
        files
    }

    fn names(&self) -> Vec<String> {
        self.files().into_keys().collect()
    }

    async fn fetch(&self, links: &[&str]) -> Result<Vec<SavedFile>, FetchError> {
        self.downloader.fetch(&request(links)).await
    }
}

fn request(links: &[&str]) -> FetchRequest {
    FetchRequest {
        links: links.iter().map(|link| (*link).to_owned()).collect(),
        date: "2026-11-22".into(),
        tag: None,
        task: "task-unified-1-a".into(),
        image: Some(2),
        job: "0000001f".into(),
        sidecar: json!({"source": "task-unified-0-d", "task": "a lie"}).as_object().unwrap().clone(),
    }
}

#[tokio::test]
async fn a_picture_comes_home_whole_with_its_side_file() {
    let bytes = picture(Kind::Png, 40);
    let (base, hear) = always("200 OK", "Content-Type: image/png\r\n", bytes.clone());
    let place = place();
    let link = format!("{base}/x/file.jpg?sig=SECRET");
    let saved = place.fetch(&[&link]).await.unwrap();
    assert_eq!(saved.len(), 1);
    assert_eq!(saved[0].path, place.folder.path().join("results/untagged/task-unified-1-a-2.png"));
    assert_eq!((saved[0].bytes, saved[0].sha256.clone()), (bytes.len() as u64, disk::hex(&Sha256::digest(&bytes))));
    assert_eq!(fs::read(&saved[0].path).unwrap(), bytes);
    assert_eq!(
        place.names(),
        ["results/untagged/task-unified-1-a-2.png", "results/untagged/task-unified-1-a-2.png.json"],
        "nothing half done is left"
    );
    let sidecar = fs::read_to_string(place.folder.path().join("results/untagged/task-unified-1-a-2.png.json")).unwrap();
    assert!(!sidecar.contains("SECRET"));
    let sidecar: Value = serde_json::from_str(&sidecar).unwrap();
    for (field, value) in [
        ("source", json!("task-unified-0-d")),
        ("task", json!("task-unified-1-a")),
        ("image", json!(2)),
        ("sha256", json!(saved[0].sha256)),
        ("bytes", json!(bytes.len())),
        ("link_host", json!("127.0.0.1")),
    ] {
        assert_eq!(sidecar[field], value, "{field}");
    }
    let heard = hear.recv().unwrap();
    assert!(heard.contains("\r\naccept-encoding: identity\r\n") && heard.contains("\r\nuser-agent: mj-enhance/"), "{heard}");
    assert!(!heard.contains("authorization") && !heard.contains("range") && !heard.contains("referer"), "{heard}");

    assert_eq!(place.fetch(&[&link]).await.unwrap(), saved, "what was saved but not recorded is found again");
    assert!(hear.try_recv().is_err(), "and no byte is fetched for it");
}

#[tokio::test]
async fn without_its_side_file_a_saved_picture_is_known_by_its_content() {
    let bytes = picture(Kind::Jpeg, 40);
    let (base, hear) = always("200 OK", "", bytes);
    let place = place();
    let first = place.fetch(&[&base]).await.unwrap();
    let sidecar = place.folder.path().join("results/untagged/task-unified-1-a-2.jpg.json");
    fs::write(&sidecar, "{\"half").unwrap();
    assert_eq!(place.fetch(&[&base]).await.unwrap(), first);
    assert_eq!(hear.iter().take(2).count(), 2);
    assert_eq!(fs::read_to_string(&sidecar).unwrap(), "{\"half", "a stranger's sidecar is not overwritten");
    assert_eq!(place.names().len(), 3);
}

#[tokio::test]
async fn a_file_of_the_users_is_never_overwritten_and_more_links_get_numbers() {
    let (one, two) = (picture(Kind::Png, 20), picture(Kind::WebP, 30));
    let (base, _hear) = serve(move |head, stream| say(stream, "200 OK", "", if head.contains("/one") { &one } else { &two }));
    let place = place();
    let folder = place.folder.path().join("results/untagged");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("task-unified-1-a-2.png"), "mine").unwrap();
    let saved = place.fetch(&[&format!("{base}/one"), &format!("{base}/two")]).await.unwrap();
    let names: Vec<_> = saved.iter().map(|file| file.path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["task-unified-1-a-2-2.png", "task-unified-1-a-2-1.webp"]);
    assert_eq!(fs::read(folder.join("task-unified-1-a-2.png")).unwrap(), b"mine");
    assert_eq!(place.fetch(&[&format!("{base}/one"), &format!("{base}/two")]).await.unwrap(), saved);
}

#[tokio::test]
async fn a_cut_download_goes_on_where_it_stopped() {
    let bytes = picture(Kind::Png, 300);
    let whole = bytes.clone();
    let (base, hear) = serve(move |head, stream| match range_of(head) {
        None => say_part(stream, "200 OK", "ETag: \"v1\"\r\n", &whole, 100_000),
        Some(from) => {
            let total = whole.len();
            let headers = format!("ETag: \"v1\"\r\nContent-Range: bytes {from}-{}/{total}\r\n", total - 1);
            say(stream, "206 Partial Content", &headers, &whole[from..]);
        }
    });
    assert!(bytes.len() > 200_000, "{}", bytes.len());
    let place = place();
    let error = place.fetch(&[&format!("{base}/f?sig=1")]).await.unwrap_err();
    assert!(matches!(error, FetchError::Passing(_)), "{error:?}");
    assert!(place.names().iter().all(|name| name.contains("/.")), "no final name yet: {:?}", place.names());
    let saved = place.fetch(&[&format!("{base}/f?sig=2")]).await.unwrap();
    assert_eq!(fs::read(&saved[0].path).unwrap(), bytes);
    assert_eq!(saved[0].sha256, disk::hex(&Sha256::digest(&bytes)));
    hear.recv().unwrap();
    let second = hear.recv().unwrap();
    assert!(second.contains("\r\nrange: bytes=100000-\r\n") && second.contains("\r\nif-range: \"v1\"\r\n"), "{second}");
    assert_eq!(place.names().len(), 2, "{:?}", place.names());
}

type Answer = fn(&mut TcpStream, &[u8]);

#[tokio::test]
async fn what_does_not_continue_begins_anew() {
    let bytes = picture(Kind::Png, 300);
    let answers: [(&str, Answer); 5] = [
        ("the file changed", |stream, whole| say(stream, "200 OK", "ETag: \"v2\"\r\n", whole)),
        ("another place", |stream, whole| {
            say(stream, "206 Partial Content", "Content-Range: bytes 5-9/300000\r\n", &whole[5..10]);
        }),
        ("another length", |stream, whole| {
            say(stream, "206 Partial Content", "Content-Range: bytes 100000-100009/7\r\n", &whole[..10]);
        }),
        ("no range said", |stream, whole| say(stream, "206 Partial Content", "", &whole[..10])),
        ("not satisfiable", |stream, _| say(stream, "416 Range Not Satisfiable", "Content-Range: bytes */5\r\n", b"")),
    ];
    for (name, answer) in answers {
        let whole = bytes.clone();
        let first = std::sync::atomic::AtomicBool::new(true);
        let (base, _hear) = serve(move |head, stream| match range_of(head) {
            Some(_) => answer(stream, &whole),
            None if first.swap(false, std::sync::atomic::Ordering::Relaxed) => {
                say_part(stream, "200 OK", "ETag: \"v1\"\r\n", &whole, 100_000);
            }
            None => say(stream, "200 OK", "ETag: \"v2\"\r\n", &whole),
        });
        let place = place();
        assert!(place.fetch(&[&base]).await.is_err(), "{name}");
        let saved = place.fetch(&[&base]).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(fs::read(&saved[0].path).unwrap(), bytes, "{name}");
    }
}

#[tokio::test]
async fn another_link_for_the_same_picture_begins_anew_and_leaves_no_old_part() {
    let bytes = picture(Kind::Png, 300);
    let whole = bytes.clone();
    let (base, hear) = serve(move |head, stream| {
        let sent = if head.contains("/old") { 100_000 } else { whole.len() };
        say_part(stream, "200 OK", "", &whole, sent);
    });
    let place = place();
    assert!(place.fetch(&[&format!("{base}/old")]).await.is_err());
    let saved = place.fetch(&[&format!("{base}/new")]).await.unwrap();
    assert_eq!(fs::read(&saved[0].path).unwrap(), bytes);
    assert!(hear.iter().take(2).all(|head| !head.contains("range")));
    assert_eq!(place.names().len(), 2, "{:?}", place.names());
}

#[tokio::test]
async fn a_part_that_was_whole_already_is_only_named() {
    let bytes = picture(Kind::Png, 30);
    let total = bytes.len();
    let (base, _hear) = serve(move |head, stream| {
        assert_eq!(range_of(head), Some(total));
        say(stream, "416 Range Not Satisfiable", &format!("Content-Range: bytes */{total}\r\n"), b"");
    });
    let place = place();
    let folder = Arc::new(Folder::make(&place.folder.path().join("results"), std::path::Path::new("untagged")).unwrap());
    let mut part = Part::open(&folder, &part_name(&request(&[]), 0)).unwrap().unwrap();
    part.set_source(Source { link: fingerprint(&Url::parse(&base).unwrap()), total: Some(total as u64), ..Source::default() })
        .unwrap();
    part.append(&bytes).unwrap();
    drop(part);
    let saved = place.fetch(&[&base]).await.unwrap();
    assert_eq!(fs::read(&saved[0].path).unwrap(), bytes);
}

#[tokio::test]
async fn no_status_is_final() {
    for (status, kind) in [
        ("403 Forbidden", "NoPicture"),
        ("404 Not Found", "NoPicture"),
        ("410 Gone", "NoPicture"),
        ("400 Bad Request", "NoPicture"),
        ("401 Unauthorized", "NoPicture"),
        ("451 Unavailable For Legal Reasons", "NoPicture"),
        ("204 No Content", "NoPicture"),
        ("302 Found", "NoPicture"),
        ("206 Partial Content", "NoPicture"),
        ("408 Request Timeout", "Passing"),
        ("429 Too Many Requests", "Passing"),
        ("500 Internal Server Error", "Passing"),
        ("503 Service Unavailable", "Passing"),
    ] {
        let (base, _hear) = always(status, "", Vec::new());
        let place = place();
        let error = place.fetch(&[&base]).await.unwrap_err();
        assert!(format!("{error:?}").starts_with(kind) && error.is_passing() && !error.is_local(), "{status}: {error:?}");
    }
    let error = place().fetch(&[]).await.unwrap_err();
    assert!(!error.is_passing());
    assert!(FetchError::NoPicture(String::new()).is_evidence_after_expiry());
    assert!(!FetchError::Passing(String::new()).is_evidence_after_expiry(), "a connection that fails tells nothing of the link");
}

#[tokio::test]
async fn a_host_that_cannot_be_asked_is_waited_for() {
    // Nobody listens at this port any more.
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    // Plain text where a TLS handshake is expected, and a connection that ends at once.
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let plain = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").ok();
    });
    let (shut, _hear) = serve(|_, _| {});
    let links = [format!("http://127.0.0.1:{port}/x"), format!("https://127.0.0.1:{plain}/x"), format!("{shut}/x")];
    for link in links {
        let error = place().fetch(&[&link]).await.unwrap_err();
        assert!(matches!(error, FetchError::Passing(_)), "{link}: {error:?}");
    }
}

#[tokio::test]
async fn what_is_no_picture_is_not_taken_and_leaves_nothing_behind() {
    let page = b"<!DOCTYPE html><html><body>please log in</body></html>".to_vec();
    let png = picture(Kind::Png, 20);
    let (mut bomb, mut nothing) = (png.clone(), png.clone());
    bomb[16..24].fill(0x7f);
    nothing[16..24].fill(0);
    for (headers, body, said, passes) in [
        ("Content-Type: text/html; charset=utf-8\r\n", page.clone(), "sent text/html instead of a picture", true),
        ("Content-Type: image/png\r\n", page.clone(), "sent a web page instead of a picture", true),
        ("", page, "sent a web page instead of a picture", true),
        ("Content-Type: application/octet-stream\r\n", b"MZ\x90\0just a program".to_vec(), "a file of no known kind", true),
        ("Content-Encoding: br\r\n", b"\x8b\x03brotli".to_vec(), "packed as br", true),
        ("Content-Encoding: gzip\r\n", [&[0x1f, 0x8b, 8], [1; 40].as_slice()].concat(), "could not be unpacked", true),
        ("", Vec::new(), "an empty file", true),
        ("", nothing, "no pixels", true),
        ("", bomb, "pixels, more than any real result", false),
    ] {
        let (base, _hear) = always("200 OK", headers, body);
        let place = place();
        let error = place.fetch(&[&base]).await.unwrap_err();
        assert!(error.to_string().contains(said), "{said}: {error:?}");
        assert_eq!(matches!(error, FetchError::NoPicture(_)), passes, "{said}: {error:?}");
        assert_eq!(error.is_passing(), passes, "{said}: {error:?}");
        assert_eq!(place.names(), Vec::<String>::new(), "{said}");
    }
}

#[tokio::test]
async fn a_picture_that_ends_too_early_is_not_saved_whatever_its_length_says() {
    for kind in [Kind::Png, Kind::Jpeg, Kind::WebP] {
        let mut bytes = picture(kind, 60);
        bytes.truncate(bytes.len() - 5);
        for body in [bytes.clone(), bodies::gzip(&bytes)] {
            let (base, _hear) = always("200 OK", "Content-Type: image/png\r\n", body);
            let place = place();
            let error = place.fetch(&[&base]).await.unwrap_err();
            assert!(matches!(&error, FetchError::NoPicture(text) if text.contains("not whole")), "{kind:?}: {error:?}");
            assert_eq!(place.names(), Vec::<String>::new(), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn four_pictures_of_a_job_are_taken_and_their_sizes_are_counted_together() {
    let bytes = picture(Kind::Png, 100);
    let (base, hear) = always("200 OK", "", bytes.clone());
    let links: Vec<String> = (0..64).map(|n| format!("{base}/{n}")).collect();
    let links: Vec<&str> = links.iter().map(String::as_str).collect();
    let place_of = |most: u64| {
        let mut place = place();
        place.downloader.limits.most = most;
        place
    };
    let size = bytes.len() as u64;
    let good = place_of(4 * size);
    let saved = good.fetch(&links).await.unwrap();
    assert_eq!(saved.len(), 4);
    assert_eq!(hear.try_iter().count(), 4, "nobody is asked for more");
    assert_eq!(good.fetch(&links).await.unwrap(), saved, "and they are found again");
    let error = place_of(4 * size - 1).fetch(&links).await.unwrap_err();
    assert!(matches!(&error, FetchError::Refused(text) if text.contains("left for this job")), "{error:?}");
    assert_eq!(hear.try_iter().count(), 4);
}

#[tokio::test]
async fn too_large_files_are_refused_by_their_word_and_by_their_bytes() {
    let bytes = picture(Kind::Png, 100);
    let most = bytes.len() as u64 / 2;
    let (declared, _hear) = always("200 OK", "", bytes.clone());
    let (silent, _hear) = serve(move |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").and_then(|()| stream.write_all(&bytes)).ok();
    });
    for base in [declared, silent] {
        let mut place = place();
        place.downloader.limits.most = most;
        let error = place.fetch(&[&base]).await.unwrap_err();
        assert!(matches!(&error, FetchError::Refused(text) if text.contains("larger than")), "{error:?}");
        assert_eq!(place.names(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_host_that_falls_silent_is_left_and_continued_later() {
    let bytes = picture(Kind::Png, 300);
    let whole = bytes.clone();
    let (base, hear) = serve(move |head, stream| {
        if let Some(from) = range_of(head) {
            let headers = format!("Content-Range: bytes {from}-{}/{}\r\n", whole.len() - 1, whole.len());
            say(stream, "206 Partial Content", &headers, &whole[from..]);
        } else {
            say_part(stream, "200 OK", "", &whole, 60_000);
            // Held open until the other side gives up.
            stream.read_exact(&mut [0; 1]).ok();
        }
    });
    let mut place = place();
    place.downloader.limits.stall = Duration::from_secs(1);
    let error = place.fetch(&[&base]).await.unwrap_err();
    assert!(matches!(&error, FetchError::Passing(text) if text.contains("sent nothing")), "{error:?}");
    place.downloader.limits.stall = Duration::from_mins(1);
    let saved = place.fetch(&[&base]).await.unwrap();
    assert_eq!(fs::read(&saved[0].path).unwrap(), bytes);
    assert_eq!(hear.iter().take(2).filter(|head| head.contains("range: bytes=60000-")).count(), 1);
}

#[tokio::test]
async fn a_dropped_download_is_continued_by_the_next() {
    let bytes = picture(Kind::Png, 500);
    let whole = bytes.clone();
    let (sent, has_sent) = mpsc::channel();
    let (base, _hear) = serve(move |head, stream| {
        if let Some(from) = range_of(head) {
            let headers = format!("Content-Range: bytes {from}-{}/{}\r\n", whole.len() - 1, whole.len());
            say(stream, "206 Partial Content", &headers, &whole[from..]);
        } else if sent.send(()).is_ok() {
            say_part(stream, "200 OK", "", &whole, 600_000);
            stream.read_exact(&mut [0; 1]).ok();
        }
    });
    let place = place();
    {
        let asked = request(&[&base]);
        let mut first = place.downloader.fetch(&asked);
        // Dropped as soon as something of it is on disk.
        while place.files().values().sum::<u64>() < 200_000 {
            let step = tokio::time::timeout(Duration::from_millis(5), &mut first).await;
            assert!(step.is_err());
        }
    }
    assert!(has_sent.try_recv().is_ok());
    let saved = place.fetch(&[&base]).await.unwrap();
    assert_eq!(fs::read(&saved[0].path).unwrap(), bytes);
    assert_eq!(place.names().len(), 2, "{:?}", place.names());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_told_and_nothing_is_fetched() {
    let (base, hear) = always("200 OK", "", picture(Kind::Png, 20));
    let place = place();
    fs::write(place.folder.path().join("results"), "a file where the folder should be").unwrap();
    let error = place.fetch(&[&base]).await.unwrap_err();
    assert!(matches!(&error, FetchError::Local(text) if text.contains("results")), "{error:?}");
    assert!(hear.try_recv().is_err());
    let bad = FetchOptions {
        results_dir: "x".into(),
        name_template: "{colour}".into(),
        draft_template: "{task}".into(),
        allow_loopback: false,
    };
    assert!(matches!(Downloader::new(bad), Err(FetchError::Local(text)) if text.contains("{colour}")));
}

#[path = "download_body_tests.rs"]
mod bodies;
#[path = "download_disk_tests.rs"]
mod files;
#[path = "download_way_tests.rs"]
mod ways;
