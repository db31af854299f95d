//! Where a download may go: public addresses over https, and nowhere else (docs/service.md §4.4).
//!
//! Names are resolved by our own resolver, and the connection is made to the very addresses that were checked, so a
//! name that answers differently the second time gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::http::is_loopback;

/// Whether an address belongs to the public internet (IANA special-purpose registries, RFC 6890 and its successors).
pub(super) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| is_public_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match ip.segments() {
        // An IPv4 address in other clothes: mapped, translated by NAT64, and carried by 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            embedded(high, low)
        }
        // Protocol assignments (among them Teredo, benchmarking and ORCHID), and documentation twice.
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        // All public addresses are in 2000::/3; unspecified, loopback, unique local, link-local, site-local, multicast
        // and IPv4-compatible ones are outside.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// An address that may be used: public, or loopback where that is allowed.
fn may_go(ip: IpAddr, allow_loopback: bool) -> bool {
    is_public(ip) || (allow_loopback && ip.is_loopback())
}

/// Names that lead to this machine or its neighbours by definition (RFC 6761, RFC 6762, RFC 8375, and names that ICANN
/// keeps out of the root for that use).
const PRIVATE_NAMES: [&str; 10] =
    ["localhost", "local", "localdomain", "internal", "intranet", "home.arpa", "lan", "home", "corp", "private"];

/// Whether a name cannot be one of the public internet: one of [`PRIVATE_NAMES`] or below, or one without a dot.
fn is_private_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let below = |private: &str| name.strip_suffix(private).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    !name.contains('.') || PRIVATE_NAMES.iter().any(|private| below(private))
}

/// Checks all of a link that can be checked without asking anybody: its scheme, that it names no user, and its host as far
/// as address or name tell. `resolved_elsewhere`: a proxy asks for the name, so that nothing else will.
pub(super) fn check(url: &Url, allow_loopback: bool, resolved_elsewhere: bool) -> Result<(), String> {
    let host = url.host().ok_or("the link names no host")?;
    let here = is_loopback(&host);
    let literal = match &host {
        Host::Ipv4(ip) => Some(IpAddr::V4(*ip)),
        Host::Ipv6(ip) => Some(IpAddr::V6(*ip)),
        Host::Domain(_) => None,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && here && allow_loopback) {
        return Err(format!("the link to {host} does not begin with https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("the link to {host} holds a user name"));
    }
    let private = match &host {
        Host::Domain(name) => resolved_elsewhere && is_private_name(name),
        _ => false,
    };
    if literal.is_some_and(|ip| !may_go(ip, allow_loopback)) || (here && !allow_loopback) || private {
        return Err(format!("the link leads to {host}, which is not a public address"));
    }
    Ok(())
}

/// A name led to no public address.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not at a public address")]
pub(super) struct NotPublic(String);

/// Resolves names, and gives out only addresses that may be used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resolver {
    pub(super) allow_loopback: bool,
}

impl Resolver {
    fn filter(self, name: &str, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, NotPublic> {
        let good: Vec<SocketAddr> = found.filter(|at| may_go(at.ip(), self.allow_loopback)).collect();
        if good.is_empty() { Err(NotPublic(name.to_owned())) } else { Ok(good) }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = *self;
        Box::pin(async move {
            let name = name.as_str().to_owned();
            let found = {
                let name = name.clone();
                tokio::task::spawn_blocking(move || (name.as_str(), 0).to_socket_addrs()).await??
            };
            Ok(Box::new(resolver.filter(&name, found)?.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for public in [
            "1.1.1.1",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2002:101:101::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2001::1",
            "2001:db8::1",
            "2001:10::1",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "5f00::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn links_are_checked_before_anybody_is_asked() {
        let ok = |link: &str, local| check(&Url::parse(link).unwrap(), local, false).is_ok();
        for link in ["https://files.evolink.ai/a.png?x=1", "https://1.1.1.1:8443/a"] {
            assert!(ok(link, false) && ok(link, true), "{link}");
        }
        for link in ["http://127.0.0.1:9/a", "http://localhost:9/a", "http://[::1]/a", "https://127.0.0.1/a"] {
            assert!(!ok(link, false) && ok(link, true), "{link}");
        }
        for link in [
            "http://files.evolink.ai/a",
            "ftp://files.evolink.ai/a",
            "file:///etc/passwd",
            "data:image/png;base64,x",
            "https://u:p@files.evolink.ai/",
            "https://10.0.0.1/",
            "http://10.0.0.1/",
            "https://0x7f.1.nip/../",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest",
        ] {
            // The one name among them is resolved later; all others are refused here, loopback allowed or not.
            assert!(!ok(link, true) || link.contains("nip"), "{link}");
        }
        for link in ["https://0x7f000001/", "https://2130706433/", "https://127.1/", "https://0177.0.0.1/"] {
            assert!(!ok(link, false), "{link}: addresses in other clothes");
        }
    }

    #[test]
    fn names_are_judged_where_a_proxy_asks_for_them() {
        let ok = |link: &str| check(&Url::parse(link).unwrap(), false, true).is_ok();
        for link in ["https://files.evolink.ai/a", "https://1.1.1.1/a", "https://locals.example/", "https://mylan.example./"] {
            assert!(ok(link), "{link}");
        }
        for link in [
            "https://intranet/",
            "https://intranet./",
            "https://x.local/",
            "https://LOCALHOST/",
            "https://a.localhost./",
            "https://metadata.google.internal/",
            "https://router.lan/",
            "https://x.home.arpa/",
            "https://10.0.0.1/",
            "https://2130706433/",
            "https://[::ffff:127.0.0.1]/",
            "http://files.evolink.ai/a",
        ] {
            assert!(!ok(link), "{link}");
        }
    }

    #[test]
    fn a_name_gives_only_the_addresses_that_may_be_used() {
        let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 0);
        let strict = Resolver { allow_loopback: false };
        let found = [at("10.0.0.1"), at("1.1.1.1"), at("127.0.0.1"), at("::1")];
        assert_eq!(strict.filter("x", found.into_iter()).unwrap(), [at("1.1.1.1")]);
        assert_eq!(strict.filter("x", [at("10.0.0.1")].into_iter()).unwrap_err().to_string(), "x is not at a public address");
        let loose = Resolver { allow_loopback: true };
        assert_eq!(loose.filter("x", found.into_iter()).unwrap(), [at("1.1.1.1"), at("127.0.0.1"), at("::1")]);
    }

    #[tokio::test]
    async fn localhost_is_not_resolved_where_loopback_is_not_allowed() {
        let error = Resolver { allow_loopback: false }.resolve("localhost".parse().unwrap()).await.err().unwrap();
        assert!(error.is::<NotPublic>(), "{error}");
    }
}
