//! The way to a file: redirects, proxies, and where no way may lead.

use super::*;

#[tokio::test]
async fn redirects_are_followed_five_times_and_each_is_checked() {
    let bytes = picture(Kind::Png, 20);
    let (base, hear) = serve(move |head, stream| {
        let path = head.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
        match path.parse::<u32>() {
            Ok(0) => say(stream, "200 OK", "", &bytes),
            Ok(left) => say(stream, "302 Found", &format!("Location: /{}\r\n", left - 1), b""),
            Err(_) => say(stream, "307 Temporary Redirect", &format!("Location: {}\r\n", path.replace("..", "://")), b""),
        }
    });
    assert!(place().fetch(&[&format!("{base}/5")]).await.is_ok());
    let error = place().fetch(&[&format!("{base}/6")]).await.unwrap_err();
    assert!(matches!(&error, FetchError::NoPicture(text) if text.contains("more than 5")), "{error:?}");
    hear.try_iter().count();
    for to in [
        "https..10.0.0.1/x",
        "http..169.254.169.254/latest",
        "https..[fe80..1]/",
        "ftp..files.example/x",
        "http..files.example/x",
    ] {
        let error = place().fetch(&[&format!("{base}/{to}")]).await.unwrap_err();
        assert!(matches!(&error, FetchError::NoPicture(text) if text.contains("redirects")), "{to}: {error:?}");
        assert_eq!(hear.try_iter().count(), 1, "{to}");
    }
}

#[tokio::test]
async fn redirects_are_followed_as_browsers_follow_them() {
    let bytes = picture(Kind::Png, 20);
    let body = bytes.clone();
    let (base, hear) = serve(move |head, stream| {
        if head.starts_with("get /to/") {
            return say(stream, "200 OK", "", &body);
        }
        let location: &[u8] = match head.split(' ').nth(1).unwrap() {
            "/utf8" => b"/to/caf\xc3\xa9.png",
            "/latin1" => b"/to/caf\xe9.png",
            "/space" => b"/to/a b.png",
            "/relative" => b"to/x.png",
            _ => b"//HOST/to/x.png",
        };
        let host = head.split("host: ").nth(1).unwrap().split("\r\n").next().unwrap().as_bytes();
        let at = location.windows(4).position(|four| four == b"HOST");
        let location = at.map_or(location.to_vec(), |at| [&location[..at], host, &location[at + 4..]].concat());
        stream.write_all(b"HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\nLocation: ").unwrap();
        stream.write_all(&location).and_then(|()| stream.write_all(b"\r\n\r\n")).unwrap();
    });
    for (from, to) in [
        ("utf8", "/to/caf%c3%a9.png"),
        ("latin1", "/to/caf%e9.png"),
        ("space", "/to/a%20b.png"),
        ("relative", "/to/x.png"),
        ("scheme-relative", "/to/x.png"),
    ] {
        let saved = place().fetch(&[&format!("{base}/{from}")]).await.unwrap_or_else(|error| panic!("{from}: {error:?}"));
        assert_eq!(saved[0].bytes, bytes.len() as u64);
        let asked: Vec<String> = hear.try_iter().collect();
        assert!(asked[1].starts_with(&format!("get {to} ")), "{from}: {}", asked[1]);
    }
}

#[tokio::test]
async fn loopback_is_reached_only_where_it_is_allowed() {
    let (base, hear) = always("200 OK", "", picture(Kind::Png, 20));
    let folder = tempfile::tempdir().unwrap();
    let options = |allow_loopback| FetchOptions {
        results_dir: folder.path().into(),
        name_template: "{task}".into(),
        draft_template: "{task}".into(),
        allow_loopback,
    };
    let strict = Downloader::new(options(false)).unwrap();
    let port = base.rsplit(':').next().unwrap();
    for link in [base.clone(), format!("https://127.0.0.1:{port}/"), format!("https://localhost:{port}/"), "not a link".into()] {
        let error = strict.fetch(&request(&[&link])).await.unwrap_err();
        assert!(matches!(error, FetchError::Refused(_)), "{link}: {error:?}");
    }
    assert!(hear.try_recv().is_err());
    let link = format!("http://localhost:{port}/");
    assert!(Downloader::new(options(true)).unwrap().fetch(&request(&[&link])).await.is_ok());
}

fn proxied(place: Place, pairs: &[(&str, &str)]) -> Place {
    let pairs: Vec<(String, String)> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let proxies = ProxySettings::read(|name| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()));
    Place { downloader: place.downloader.with_proxies(proxies), folder: place.folder }
}

#[tokio::test]
async fn downloads_take_the_proxy_of_the_environment() {
    let (base, hear) = always("502 Bad Gateway", "", Vec::new());
    let at = proxied(place(), &[("HTTPS_PROXY", &base)]);
    let error = at.fetch(&["https://files.example.com/x.png?sig=SECRET"]).await.unwrap_err();
    assert!(matches!(error, FetchError::Passing(_)), "{error:?}");
    let request = hear.recv().unwrap();
    assert!(request.starts_with("connect files.example.com:443 http/1.1\r\n") && !request.contains("secret"), "{request}");
    // What the proxy would resolve for us is judged by its name, and an address by itself.
    for link in ["https://10.0.0.1/x", "https://intranet/x", "https://metadata.google.internal/x", "https://169.254.169.254/x"] {
        let error = at.fetch(&[link]).await.unwrap_err();
        assert!(matches!(&error, FetchError::Refused(text) if text.contains("not a public address")), "{link}: {error:?}");
    }
    assert!(hear.try_recv().is_err(), "the proxy was not asked for these");
    // This machine is reached without it.
    let (here, _hear) = always("200 OK", "", picture(Kind::Png, 20));
    proxied(place(), &[("HTTPS_PROXY", &base), ("HTTP_PROXY", &base)]).fetch(&[&here]).await.unwrap();
    assert!(hear.try_recv().is_err());
}

#[tokio::test]
async fn a_socks_proxy_is_told_by_its_variable() {
    let error =
        proxied(place(), &[("all_proxy", "socks5://127.0.0.1:1")]).fetch(&["https://files.example.com/x"]).await.unwrap_err();
    assert!(matches!(&error, FetchError::Local(text) if text.contains("all_proxy names a SOCKS proxy")), "{error:?}");
}
