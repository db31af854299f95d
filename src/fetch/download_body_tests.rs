//! Bodies that come packed or under a wrong name.

use super::*;

#[tokio::test]
async fn a_picture_is_taken_whatever_the_headers_call_it() {
    let bytes = picture(Kind::Png, 20);
    for headers in
        ["Content-Type: text/plain\r\n", "Content-Type: text/html\r\n", "Content-Encoding: gzip\r\n", "Content-Encoding: br\r\n"]
    {
        let (base, _hear) = always("200 OK", headers, bytes.clone());
        let place = place();
        let saved = place.fetch(&[&base]).await.unwrap();
        assert_eq!(fs::read(&saved[0].path).unwrap(), bytes, "{headers}");
    }
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    flate2::read::GzEncoder::new(bytes, flate2::Compression::best()).read_to_end(&mut packed).unwrap();
    packed
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    flate2::read::ZlibEncoder::new(bytes, flate2::Compression::fast()).read_to_end(&mut packed).unwrap();
    packed
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    flate2::read::DeflateEncoder::new(bytes, flate2::Compression::fast()).read_to_end(&mut packed).unwrap();
    packed
}

#[tokio::test]
async fn packed_bodies_are_unpacked_whether_the_header_says_so_or_not() {
    let bytes = picture(Kind::Png, 60);
    let with_more = [gzip(&bytes), b"more".to_vec()].concat();
    for (name, headers, body) in [
        ("gzip", "Content-Encoding: gzip\r\n", gzip(&bytes)),
        ("x-gzip", "Content-Encoding: X-GZIP\r\n", gzip(&bytes)),
        ("gzip in silence", "", gzip(&bytes)),
        ("gzip called br", "Content-Encoding: br\r\n", gzip(&bytes)),
        ("gzip called identity", "Content-Encoding: identity\r\n", gzip(&bytes)),
        ("gzip called text", "Content-Type: application/gzip\r\n", gzip(&bytes)),
        ("gzip twice", "Content-Encoding: gzip, gzip\r\n", gzip(&gzip(&bytes))),
        ("gzip with more after it", "", with_more),
        ("two members", "", [gzip(&bytes[..100]), gzip(&bytes[100..])].concat()),
        ("zlib", "Content-Encoding: deflate\r\n", zlib(&bytes)),
        ("zlib in silence", "", zlib(&bytes)),
        ("raw deflate", "Content-Encoding: deflate\r\n", deflate(&bytes)),
    ] {
        let (base, _hear) = always("200 OK", headers, body);
        let place = place();
        let saved = place.fetch(&[&base]).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(fs::read(&saved[0].path).unwrap(), bytes, "{name}");
        assert_eq!((saved[0].bytes, &saved[0].sha256), (bytes.len() as u64, &disk::hex(&Sha256::digest(&bytes))), "{name}");
        assert_eq!(place.names().len(), 2, "{name}: {:?}", place.names());
    }
}

#[tokio::test]
async fn a_packed_body_that_was_cut_is_continued_and_then_unpacked() {
    let bytes = picture(Kind::Png, 300);
    let packed = gzip(&bytes);
    let (half, whole) = (packed.len() / 2, packed.clone());
    let (base, _hear) = serve(move |head, stream| match range_of(head) {
        None => say_part(stream, "200 OK", "ETag: \"v1\"\r\nContent-Encoding: gzip\r\n", &whole, half),
        Some(from) => {
            let total = whole.len();
            let range = format!("Content-Range: bytes {from}-{}/{total}\r\n", total - 1);
            say(stream, "206 Partial Content", &format!("ETag: \"v1\"\r\nContent-Encoding: gzip\r\n{range}"), &whole[from..]);
        }
    });
    let place = place();
    assert!(matches!(place.fetch(&[&base]).await.unwrap_err(), FetchError::Passing(_)));
    let saved = place.fetch(&[&base]).await.unwrap();
    assert_eq!(fs::read(&saved[0].path).unwrap(), bytes);
}

#[tokio::test]
async fn a_packed_bomb_is_cut_at_the_limit() {
    let png = picture(Kind::Png, 20);
    let bomb = [png.as_slice(), &vec![0; 3 << 20]].concat();
    let deep = gzip(&gzip(&gzip(&gzip(&gzip(&png)))));
    for (name, body, passes) in
        [("a picture", gzip(&bomb), false), ("no picture", gzip(&vec![7; 3 << 20]), true), ("in layers", deep, true)]
    {
        let mut place = place();
        place.downloader.limits.most = 1 << 20;
        let (base, _hear) = always("200 OK", "", body);
        let error = place.fetch(&[&base]).await.unwrap_err();
        assert_eq!(error.is_passing(), passes, "{name}: {error:?}");
        assert_eq!(place.names(), Vec::<String>::new(), "{name}");
    }
}
