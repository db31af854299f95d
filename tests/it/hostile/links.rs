//! Result links that lead where no picture is, and files made to hurt.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mj_enhance::engine::Command;
use mj_enhance::job::{Charge, State};
use mj_enhance::simulator::Route;

use super::{for_each, say, serve, until_asking};
use crate::stage::{DRAFT, FAST, Setup, Stage, files_below};

fn linked(link: &str, setup: Setup) -> Stage {
    let mut stage = Stage::start(&format!("{FAST}\n[[rules]]\nthen.link = '{link}'\n"), setup);
    stage.add_lines(&[&format!("{DRAFT} 1")]);
    stage
}

/// A PNG of so many pixels by its head, with so many bytes of them.
fn png(wide: u32, high: u32, pixels: usize) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut part = |name: &[u8], data: &[u8]| {
        bytes.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        bytes.extend(name);
        bytes.extend(data);
        bytes.extend([0; 4]);
    };
    let head = [wide.to_be_bytes().as_slice(), &high.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    part(b"IHDR", &head);
    part(b"IDAT", &vec![7; pixels]);
    part(b"IEND", b"");
    bytes
}

#[test]
fn links_to_this_machine_and_its_neighbours_are_refused_before_a_byte_is_sent() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let local = serve(move |_, _, stream| {
        count.fetch_add(1, Ordering::SeqCst);
        say(stream, "200 OK", "Content-Type: image/png\r\n", &png(8, 8, 100));
    });
    let port = local.rsplit(':').next().unwrap().to_owned();
    // Loopback is refused where the API base is a public one.
    let strict = [
        format!("{local}/x.png"),
        format!("https://127.0.0.1:{port}/x.png"),
        format!("https://localhost:{port}/x.png"),
        format!("https://2130706433:{port}/x.png"),
        format!("https://0x7f.1:{port}/x.png"),
        format!("https://017700000001:{port}/x.png"),
        format!("https://[::1]:{port}/x.png"),
        "https://0.0.0.0/x.png".into(),
    ];
    // These are refused everywhere.
    let always = [
        "https://10.0.0.1/x.png",
        "https://192.168.1.1/../../../etc/passwd.png",
        "https://169.254.169.254/latest/meta-data/x.png",
        "https://[fe80::1]/x.png",
        "https://[fd00::1]/x.png",
        "https://[::ffff:127.0.0.1]/x.png",
        "https://[::ffff:10.0.0.1]/x.png",
        "https://[64:ff9b::7f00:1]/x.png",
        "https://[2002:7f00:1::]/x.png",
        "https://100.64.0.1/x.png",
        "https://user@1.1.1.1/x.png",
        "https://1.1.1.1:443@10.0.0.1/x.png",
        "https://example.org%2f@10.0.0.1/x.png",
        "http://1.1.1.1/x.png",
    ];
    let cases: Vec<(String, bool)> =
        strict.into_iter().map(|link| (link, false)).chain(always.into_iter().map(|link| (link.to_owned(), true))).collect();
    for_each(&cases, |(link, allow_loopback)| {
        let mut stage = linked(link, Setup { allow_loopback: *allow_loopback, ..Setup::default() });
        until_asking(&mut stage, link, |stage| stage.all_are(State::Failed));
        let job = stage.job();
        assert_eq!(job.failure().unwrap().code, "result_refused", "{link}");
        assert_eq!(job.charge, Some(Charge::Charged), "{link}");
        assert!(stage.pictures().is_empty(), "{link}: {:?}", stage.results());
        assert!(!stage.picture().contains("meta-data"), "{link}: no path of a link is shown");
    });
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nobody was asked");
}

#[test]
fn a_picture_that_claims_to_be_immense_is_refused_by_its_head() {
    let cases: [(&str, Vec<u8>); 2] =
        [("60000×60000", png(60_000, 60_000, 1_000)), ("4294967295×4294967295", png(u32::MAX, u32::MAX, 1_000))];
    for_each(&cases, |(part, bytes)| {
        let bytes = bytes.clone();
        let base = serve(move |_, _, stream| say(stream, "200 OK", "Content-Type: image/png\r\n", &bytes));
        let mut stage = linked(&format!("{base}/bomb.png"), Setup::default());
        until_asking(&mut stage, part, |stage| stage.all_are(State::Failed));
        let failure = stage.job().failure().unwrap().clone();
        assert_eq!(failure.code, "result_refused");
        assert!(failure.message.contains(part), "{failure:?}");
        assert!(stage.results().is_empty(), "nothing is left on disk: {:?}", stage.results());
    });
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Read as _;
    let mut packed = Vec::new();
    flate2::read::GzEncoder::new(bytes, flate2::Compression::best()).read_to_end(&mut packed).unwrap();
    packed
}

#[test]
fn a_packed_picture_is_unpacked() {
    let whole = png(64, 64, 50_000);
    let body = gzip(&whole);
    for_each(&["Content-Encoding: gzip\r\n", "Content-Encoding: br\r\n", ""], |headers| {
        let (body, headers) = (body.clone(), *headers);
        let base = serve(move |_, _, stream| say(stream, "200 OK", headers, &body));
        let mut stage = linked(&format!("{base}/x.png"), Setup::default());
        until_asking(&mut stage, "saved", |stage| stage.all_are(State::Saved));
        assert_eq!(std::fs::read(&stage.job().files[0].path).unwrap(), whole, "{headers:?}");
    });
}

type Answer = fn(&mut std::net::TcpStream);

/// What a results host, or somebody before it, may say for a while.
const TROUBLES: [(&str, Answer); 9] = [
    ("answered 404", |stream| say(stream, "404 Not Found", "", b"<Error><Code>NoSuchKey</Code></Error>")),
    ("answered 403", |stream| say(stream, "403 Forbidden", "", b"")),
    ("answered 410", |stream| say(stream, "410 Gone", "", b"")),
    ("answered 502", |stream| say(stream, "502 Bad Gateway", "", b"")),
    ("instead of a picture", |stream| say(stream, "200 OK", "Content-Type: text/html\r\n", b"<html>log in first</html>")),
    ("redirects", |stream| say(stream, "302 Found", "Location: http://portal.example/login\r\n", b"")),
    ("could not be unpacked", |stream| say(stream, "200 OK", "", &[&[0x1f, 0x8b, 8], [9; 90].as_slice()].concat())),
    ("no known kind", |stream| say(stream, "200 OK", "", b"\0\0\0\x10unknown picture type")),
    ("not whole", |stream| say(stream, "200 OK", "", &png(64, 64, 5_000)[..4_000])),
];

#[test]
fn a_results_host_in_trouble_is_waited_for_and_the_task_is_read_meanwhile() {
    for_each(&TROUBLES, |(said, trouble)| {
        let (asked, whole) = (Arc::new(AtomicUsize::new(0)), png(64, 64, 5_000));
        let (count, trouble, body) = (Arc::clone(&asked), *trouble, whole.clone());
        let (answer, may_answer) = std::sync::mpsc::channel::<()>();
        let may_answer = std::sync::Mutex::new(may_answer);
        let base = serve(move |_, _, stream| match count.fetch_add(1, Ordering::SeqCst) {
            0 => {
                // The trouble comes only once the reads up to here are counted.
                let _ = may_answer.lock().unwrap().recv();
                trouble(stream);
            }
            _ => say(stream, "200 OK", "Content-Type: image/png\r\n", &body),
        });
        let mut stage = linked(&format!("{base}/x.png"), Setup::default());
        until_asking(&mut stage, said, |_| asked.load(Ordering::SeqCst) == 1);
        let reads = stage.simulator().counts().of(Route::Read);
        answer.send(()).unwrap();
        until_asking(&mut stage, said, |stage| stage.all_are(State::ToFetch) && stage.job().reason().is_some());
        assert!(stage.job().reason().unwrap().contains(said), "{said}: {:?}", stage.job().reason());
        // Nobody presses a key.
        stage.until("saved", |stage| stage.all_are(State::Saved));
        assert_eq!(std::fs::read(&stage.job().files[0].path).unwrap(), whole, "{said}");
        assert!(stage.simulator().counts().of(Route::Read) > reads, "{said}: a fresh read of the task in between");
        assert_eq!((stage.simulator().counts().of(Route::Submit), asked.load(Ordering::SeqCst)), (1, 2), "{said}");
    });
}

#[test]
fn only_a_link_past_its_life_that_is_refused_ends_the_job() {
    for_each(&TROUBLES, |(said, trouble)| {
        let trouble = *trouble;
        let base = serve(move |_, _, stream| trouble(stream));
        let mut stage = linked(&format!("{base}/x.png"), Setup::default());
        until_asking(&mut stage, said, |stage| stage.all_are(State::ToFetch) && stage.job().reason().is_some());
        stage.clock.turn(jiff::SignedDuration::from_hours(25));
        let id = stage.job().id;
        let ticket = stage.send(Command::FetchNow { jobs: vec![id] });
        if *said == "answered 502" {
            // A host in trouble of its own tells nothing about the link.
            stage.until("asked again", |stage| stage.outcomes.contains_key(&ticket) && stage.job().reason().is_some());
            assert!(stage.all_are(State::ToFetch) || stage.all_are(State::Fetching), "{}", stage.picture());
            return;
        }
        stage.until("given up", |stage| stage.all_are(State::Failed));
        assert_eq!(stage.job().failure().unwrap().code, "link_expired", "{said}");
        assert_eq!(stage.job().charge, Some(Charge::Charged), "{said}");
        assert_eq!(stage.simulator().counts().of(Route::Submit), 1, "{said}");
    });
}

#[test]
fn a_job_takes_four_pictures_at_most() {
    let whole = png(64, 64, 5_000);
    let (asked, body) = (Arc::new(AtomicUsize::new(0)), whole.clone());
    let count = Arc::clone(&asked);
    let base = serve(move |head, _, stream| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        let host = head.to_lowercase();
        let here = host.split("host: ").nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap_or_default().to_owned();
        match path {
            "/v1/images/generations" => super::say_json(
                stream,
                r#"{"id":"task-unified-1790000500-manylink","status":"pending","usage":{"credits_reserved":5.4}}"#,
            ),
            _ if path.starts_with("/x") => {
                count.fetch_add(1, Ordering::SeqCst);
                say(stream, "200 OK", "", &body);
            }
            _ if path.contains(DRAFT) => super::say_json(stream, &super::draft_json(DRAFT)),
            _ => {
                let links: Vec<String> = (0..64).map(|n| format!("\"http://{here}/x{n}.png\"")).collect();
                super::say_json(
                    stream,
                    &format!(
                        r#"{{"id":"task-unified-1790000500-manylink","status":"completed","results":[{}],"usage":{{"credits_used":5.4}}}}"#,
                        links.join(",")
                    ),
                );
            }
        }
    });
    let mut stage = Stage::at(&base, Setup::default());
    stage.add_lines(&[&format!("{DRAFT} 1")]);
    until_asking(&mut stage, "saved", |stage| stage.all_are(State::Saved));
    assert_eq!((stage.job().files.len(), asked.load(Ordering::SeqCst)), (4, 4));
}

#[test]
fn a_cut_download_is_continued_where_it_stopped() {
    let whole = png(64, 64, 200_000);
    let (bytes, ranges) = (whole.clone(), Arc::new(std::sync::Mutex::new(Vec::new())));
    let heard = Arc::clone(&ranges);
    let base = serve(move |head, _, stream| {
        use std::io::Write as _;
        let from =
            head.to_lowercase().split("range: bytes=").nth(1).and_then(|rest| rest.split('-').next()?.parse::<usize>().ok());
        heard.lock().unwrap().push(from);
        let (from, status) = (from.unwrap_or(0), if from.is_some() { "206 Partial Content" } else { "200 OK" });
        let more = format!("Content-Range: bytes {from}-{}/{}\r\n", bytes.len() - 1, bytes.len());
        let more = if status.starts_with("206") { more } else { String::new() };
        let answer = format!(
            "HTTP/1.1 {status}\r\nETag: \"one\"\r\nContent-Type: image/png\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n",
            bytes.len() - from
        );
        let to = (from + 70_000).min(bytes.len());
        stream.write_all(answer.as_bytes()).and_then(|()| stream.write_all(&bytes[from..to])).ok();
    });
    let mut stage = linked(&format!("{base}/x.png"), Setup::default());
    until_asking(&mut stage, "the first piece", |stage| stage.all_are(State::ToFetch) && stage.job().reason().is_some());
    assert!(stage.pictures().is_empty(), "half a picture has no name");
    assert!(stage.results().keys().any(|name| name.contains("/.")), "it waits in a hidden part: {:?}", stage.results());
    let id = stage.job().id;
    let mut asked = 0;
    stage.until("saved", |stage| {
        if stage.all_are(State::ToFetch) && ranges.lock().unwrap().len() > asked {
            asked = ranges.lock().unwrap().len();
            stage.session.as_ref().unwrap().send_as(0, Command::FetchNow { jobs: vec![id] });
        }
        stage.all_are(State::Saved)
    });
    assert_eq!(std::fs::read(&stage.job().files[0].path).unwrap(), whole);
    let ranges = ranges.lock().unwrap().clone();
    assert_eq!(ranges[0], None);
    assert!(ranges[1..].iter().all(Option::is_some), "{ranges:?}");
    assert!(!stage.results().keys().any(|name| name.contains(".part")), "{:?}", stage.results());
}

#[test]
fn leftovers_of_an_earlier_life_neither_harm_nor_stay_in_the_way() {
    let mut stage = Stage::start(FAST, Setup::default());
    stage.add_lines(&[&format!("{DRAFT} 1")]);
    stage.until("running", |stage| stage.jobs.len() == 1 && stage.job().task.is_some());
    let job = stage.job();
    let day = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
    let folder = stage.folder().join("results").join(day).join("untagged");
    std::fs::create_dir_all(&folder).unwrap();
    let stem = format!("{}-1", job.task.as_ref().unwrap());
    // A half-written side file, a temporary one, a foreign part, and somebody else's picture under our name.
    std::fs::write(folder.join(format!("{stem}.png.json")), "{\"schema\":1,\"sha2").unwrap();
    std::fs::write(folder.join(".side-x.part"), "{").unwrap();
    std::fs::write(folder.join(format!(".{stem}-0.part")), "garbage").unwrap();
    std::fs::write(folder.join(format!("{stem}.png")), "not ours").unwrap();
    until_asking(&mut stage, "saved", |stage| stage.all_are(State::Saved));
    let saved = &stage.job().files[0];
    assert_eq!(saved.path.file_name().unwrap().to_str().unwrap(), format!("{stem}-2.png"));
    assert_eq!(std::fs::read(folder.join(format!("{stem}.png"))).unwrap(), b"not ours", "never overwritten");
    assert_eq!(std::fs::read(folder.join(format!("{stem}.png.json"))).unwrap(), b"{\"schema\":1,\"sha2");
    assert!(std::fs::read(&saved.path).unwrap().starts_with(b"\x89PNG"));
    assert_eq!(stage.simulator().counts().of(Route::Submit), 1);
}

#[test]
fn a_name_from_the_service_cannot_leave_the_results_folder() {
    // The most hostile id that is one by the reference's own pattern.
    for_each(&["..", "...:..:etc:passwd", "-rf", "con:..", ".hidden"], |id| {
        let mut stage = Stage::set(FAST, Setup::default());
        let behind = stage.simulator().base_url();
        let picture = png(8, 8, 100);
        let id = (*id).to_owned();
        let task = id.clone();
        let base = serve(move |head, _, stream| {
            let here = head
                .to_lowercase()
                .split("host: ")
                .nth(1)
                .and_then(|rest| rest.split("\r\n").next())
                .unwrap_or_default()
                .to_owned();
            let path = head.split(' ').nth(1).unwrap_or_default();
            match path {
                "/v1/images/generations" => super::say_json(
                    stream,
                    &format!(r#"{{"id":"{task}","status":"pending","usage":{{"credits_reserved":5.4}}}}"#),
                ),
                "/x.png" => say(stream, "200 OK", "", &picture),
                _ if path.contains(DRAFT) => super::say_json(stream, &super::draft_json(DRAFT)),
                _ => super::say_json(
                    stream,
                    &format!(
                        r#"{{"id":"{task}","status":"completed","results":["http://{here}/x.png"],"data":[],"usage":{{"credits_used":5.4}}}}"#
                    ),
                ),
            }
        });
        drop(behind);
        stage.through(&base);
        stage.open().unwrap();
        stage.add_lines(&[&format!("{DRAFT} 1")]);
        until_asking(&mut stage, &id, |stage| stage.all_are(State::Saved));
        let path = stage.job().files[0].path.clone();
        assert!(path.starts_with(stage.folder().join("results")), "{path:?}");
        assert!(!path.components().any(|part| part.as_os_str() == ".."), "{path:?}");
        assert!(!path.file_name().unwrap().to_str().unwrap().starts_with('.'), "{path:?}");
        let outside: Vec<_> = files_below(stage.folder())
            .into_keys()
            .filter(|name| !name.starts_with("results/") && !name.starts_with("data/"))
            .collect();
        assert_eq!(outside, Vec::<String>::new());
    });
}
