//! Texts with units: durations, addresses, names that are nearly right.

use std::net::IpAddr;
use std::time::Duration;

use url::{Host, Url};

/// Reads a duration: `90s`, `10m`, `2h`, `30d`, `1m30s`, `500ms`, and `0`. A day has 24 hours. Any other number needs a unit.
///
/// # Errors
/// A fragment that says how durations are written: the same one for flags and for the file.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{:?} is not a duration: write it like 90s, 10m, 2h or 30d", crate::job::text::clean(text));
    let text = text.trim();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let span = jiff::fmt::friendly::SpanParser::new().parse_span(text).map_err(|_| wrong())?;
    let length = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    // One before now is none.
    Duration::try_from(length).map_err(|_| wrong())
}

/// Reads a size in bytes: `64kB`, `200MB`, `1GB` (powers of ten), `500 B` or `0`. Any other number needs a unit.
///
/// # Errors
/// A fragment that says how sizes are written.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{:?} is not a size: write it like 64kB, 200MB or 1GB", crate::job::text::clean(text));
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" if number == 0 => 1,
        "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(factor).ok_or_else(wrong)
}

/// A duration as [`parse_duration`] reads it, in the largest units that hold it.
#[must_use]
pub fn duration_words(time: Duration) -> String {
    let millis = time.as_millis();
    let mut out = String::new();
    let mut rest = millis;
    for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if rest >= size {
            out.push_str(&(rest / size).to_string());
            out.push_str(unit);
            rest %= size;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

/// The published address of the service.
pub fn default_base_url() -> Url {
    parse_base_url("https://api.evolink.ai").expect("the published address is well-formed")
}

/// Checks the service's address: https, or http on this machine; no path, no `/v1`, no password.
///
/// # Errors
/// A fragment that says what is wrong with it.
pub fn parse_base_url(text: &str) -> Result<Url, String> {
    let shown = crate::job::text::clean(text);
    let url = Url::parse(text.trim()).map_err(|error| format!("{shown:?} is not an address ({error})"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address with a user name or password is not taken".to_owned());
    }
    if url.host().is_none() {
        return Err(format!("{shown:?} names no host"));
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err(format!("{shown:?} would send the key in the clear: plain http is only taken on this machine")),
        other => return Err(format!("{other:?} is not taken: the address must begin with https")),
    }
    if url.path().trim_end_matches('/').ends_with("/v1") {
        return Err(format!("{shown:?} must be given without /v1"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{shown:?} has more than a host and a port"));
    }
    Ok(url)
}

/// Whether an address names this machine: `localhost`, 127.0.0.0/8 or ::1.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Checks an address for results of the service to be announced to.
pub fn check_callback(text: &str) -> Result<(), String> {
    if text.len() > 2_048 {
        return Err("is longer than 2048 characters".to_owned());
    }
    let url = Url::parse(text).map_err(|error| format!("is not an address ({error})"))?;
    if url.scheme() != "https" {
        return Err("must begin with https".to_owned());
    }
    let private = match url.host() {
        None => true,
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(a)) => is_private(IpAddr::V4(a)),
        Some(Host::Ipv6(a)) => is_private(IpAddr::V6(a)),
    };
    if private { Err("must be a public address".to_owned()) } else { Ok(()) }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => a.is_loopback() || a.is_private() || a.is_link_local() || a.is_unspecified(),
        IpAddr::V6(a) => a.is_loopback() || a.is_unspecified() || a.is_unique_local() || a.is_unicast_link_local(),
    }
}

/// The words of a name template.
const KNOWN: [&str; 6] = ["date", "tag", "task", "image", "job", "ext"];

/// Checks the pattern that results are named by: known words only, below the folder, and different for every picture.
pub fn check_template(text: &str) -> Result<(), String> {
    let mut words = Vec::new();
    let mut rest = text;
    if text.chars().any(crate::job::text::is_unsafe) {
        return Err("holds a control character or one that cannot be seen".to_owned());
    }
    while let Some(open) = rest.find('{') {
        if rest[..open].contains('}') {
            return Err("has a } without its {".to_owned());
        }
        let Some(length) = rest[open..].find('}') else { return Err("has a { without a }".to_owned()) };
        words.push(&rest[open + 1..open + length]);
        rest = &rest[open + length + 1..];
    }
    if rest.contains('}') {
        return Err("has a } without its {".to_owned());
    }
    for word in &words {
        if !KNOWN.contains(word) {
            let hint = nearest(word, KNOWN).map_or_else(String::new, |near| format!(" (did you mean {{{near}}}?)"));
            return Err(format!("has {{{word}}}, which is not known{hint}"));
        }
    }
    if !text.ends_with(".{ext}") {
        return Err("must end in .{ext}".to_owned());
    }
    let has = |word: &str| words.contains(&word);
    if !(has("job") || (has("task") && has("image"))) {
        return Err("must hold {task} and {image}, or {job}, so that no two pictures share a name".to_owned());
    }
    if text.starts_with('/') || text.contains('\\') || text.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err("must stay below results_dir: no leading slash, no backslash, no empty part, no . or ..".to_owned());
    }
    if text.split('/').any(|part| part.starts_with('.')) {
        return Err("must not hold a part that begins with a dot: such files are hidden".to_owned());
    }
    if text.rsplit_once('/').is_some_and(|(folders, _)| folders.contains("{ext}")) {
        return Err("must not hold {ext} in a folder: it is known only when the file is there".to_owned());
    }
    Ok(())
}

/// The known name that a wrong one most likely means.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(wrong, name), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}
