//! The one way to the network for calls and downloads: how a connection pool is built, and which proxy the environment
//! names for an address.
//!
//! Proxies are read here and not by the HTTP library, so that calls, downloads and `doctor` cannot disagree, and so that
//! a proxy of a kind that is not supported is told by the name of its variable.

use std::net::IpAddr;

use url::{Host, Url};

/// What we call ourselves; some hosts refuse the defaults of libraries.
pub const USER_AGENT: &str = concat!("mj-enhance/", env!("CARGO_PKG_VERSION"));

/// A builder with what holds for every connection: no redirect is followed and no request is repeated by the library, no
/// referrer is sent, and no proxy is taken from the environment behind our back.
pub fn builder() -> reqwest::ClientBuilder {
    // Once a process; whoever comes later is told that there is one, which is what was wanted.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
}

/// Builds the pool that `make` describes, with built-in certificates where the system has none (a slim image). Reads
/// certificates from disk: tens of milliseconds, so not on a thread that must not wait.
///
/// # Errors
/// When no pool can be made at all.
pub fn build(make: impl Fn() -> reqwest::ClientBuilder) -> Result<reqwest::Client, reqwest::Error> {
    make().build().or_else(|_| {
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().filter_map(|der| reqwest::Certificate::from_der(der).ok());
        make().tls_certs_only(roots).build()
    })
}

/// Why the proxy that the environment names cannot be used. No value is shown whole: it may hold a password.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProxyError {
    /// A SOCKS proxy.
    #[error("{variable} names a SOCKS proxy; SOCKS is not supported")]
    Socks {
        /// The variable's name, as it is set.
        variable: &'static str,
    },
    /// Something that is not an address of a proxy.
    #[error("{variable} does not name an http or https proxy")]
    Invalid {
        /// The variable's name, as it is set.
        variable: &'static str,
    },
}

impl ProxyError {
    /// A stable word for scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Socks { .. } => "socks_not_supported",
            Self::Invalid { .. } => "bad_proxy",
        }
    }

    /// What to do, as a lower-case fragment.
    #[must_use]
    pub fn next(&self) -> String {
        let (Self::Socks { variable } | Self::Invalid { variable }) = self;
        format!("set HTTPS_PROXY to an http proxy such as http://proxy.example:3128, or unset {variable}")
    }
}

/// The proxies that the environment names: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` where neither fits, and `NO_PROXY` for
/// the hosts that are reached without one; in capitals or not, capitals first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProxySettings {
    https: Result<Option<Url>, ProxyError>,
    http: Result<Option<Url>, ProxyError>,
    bypass: Vec<Bypass>,
}

impl ProxySettings {
    /// No proxy at all.
    #[must_use]
    pub fn none() -> Self {
        Self { https: Ok(None), http: Ok(None), bypass: Vec::new() }
    }

    /// Those of this process's environment.
    #[must_use]
    pub fn of_process() -> Self {
        Self::read(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// Those of an environment that `get` looks up; empty values count as not set.
    #[must_use]
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &&'static str| get(name).filter(|value| !value.trim().is_empty()).map(|value| (*name, value));
        let first = |names: &[&'static str]| names.iter().find_map(set);
        let proxy = |names: &[&'static str]| first(names).map(|(name, value)| parse(name, value.trim())).transpose();
        Self {
            https: proxy(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]),
            http: proxy(&["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]),
            bypass: first(&["NO_PROXY", "no_proxy"]).map(|(_, list)| Bypass::list(&list)).unwrap_or_default(),
        }
    }

    /// The proxy for an address; `None`: it is reached directly. Addresses of this machine always are.
    ///
    /// # Errors
    /// When the variable that counts for this address cannot be used.
    pub fn for_url(&self, url: &Url) -> Result<Option<&Url>, ProxyError> {
        let Some(host) = url.host() else { return Ok(None) };
        if is_loopback(&host) || self.bypass.iter().any(|bypass| bypass.fits(&host, url.port_or_known_default())) {
            return Ok(None);
        }
        let named = if url.scheme() == "http" { &self.http } else { &self.https };
        named.as_ref().map(Option::as_ref).map_err(Clone::clone)
    }
}

/// Whether a host is this machine, by its address or by its name.
#[must_use]
pub fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback()),
        Host::Domain(name) => name.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
    }
}

fn parse(variable: &'static str, value: &str) -> Result<Url, ProxyError> {
    let whole = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let scheme = whole.split("://").next().unwrap_or_default().to_ascii_lowercase();
    if scheme.starts_with("socks") {
        return Err(ProxyError::Socks { variable });
    }
    match Url::parse(&whole) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.host().is_some() => Ok(url),
        _ => Err(ProxyError::Invalid { variable }),
    }
}

/// One entry of `NO_PROXY`.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Bypass {
    All,
    /// This name and all below it, at this port or at any.
    Name(String, Option<u16>),
    /// Addresses with these first bits.
    Net(IpAddr, u8, Option<u16>),
}

impl Bypass {
    fn list(text: &str) -> Vec<Self> {
        text.split([',', ' ', '\t', '\n']).filter(|entry| !entry.is_empty()).map(Self::parse).collect()
    }

    fn parse(entry: &str) -> Self {
        if entry == "*" {
            return Self::All;
        }
        let address = |text: &str| text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        if let Some((net, bits)) = entry.split_once('/')
            && let (Some(ip), Ok(bits)) = (address(net), bits.parse())
        {
            return Self::Net(ip, bits, None);
        }
        if let Some(ip) = address(entry) {
            return Self::Net(ip, 128, None);
        }
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() => (name, port.parse().ok()),
            _ => (entry, None),
        };
        if let Some(ip) = address(name) {
            return Self::Net(ip, 128, port);
        }
        let name = name.strip_prefix('*').unwrap_or(name).trim_matches('.');
        Self::Name(name.to_ascii_lowercase(), port)
    }

    fn fits(&self, host: &Host<&str>, port: Option<u16>) -> bool {
        let at = |wanted: &Option<u16>| wanted.is_none() || *wanted == port;
        match (self, host) {
            (Self::All, _) => true,
            (Self::Name(name, wanted), Host::Domain(host)) => {
                let host = host.trim_end_matches('.').to_ascii_lowercase();
                let below = host.strip_suffix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
                !name.is_empty() && below && at(wanted)
            }
            (Self::Net(IpAddr::V4(net), bits, wanted), Host::Ipv4(ip)) => {
                let drop = 32 - u32::from(*bits).min(32);
                u64::from(net.to_bits()) >> drop == u64::from(ip.to_bits()) >> drop && at(wanted)
            }
            (Self::Net(IpAddr::V6(net), bits, wanted), Host::Ipv6(ip)) => {
                let drop = 128 - u32::from(*bits).min(128);
                net.to_bits().checked_shr(drop) == ip.to_bits().checked_shr(drop) && at(wanted)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> ProxySettings {
        ProxySettings::read(|name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    fn chosen(settings: &ProxySettings, url: &str) -> Result<Option<String>, ProxyError> {
        settings.for_url(&Url::parse(url).unwrap()).map(|proxy| proxy.map(Url::to_string))
    }

    #[test]
    fn the_variable_that_fits_the_scheme_counts_and_all_proxy_fills_the_gaps() {
        let only = |variable: &str| chosen(&settings(&[(variable, "http://p:3128")]), "https://files.example/x").unwrap();
        let proxy = Some("http://p:3128/".to_owned());
        for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            assert_eq!(only(variable), proxy, "{variable}");
        }
        assert_eq!(only("HTTP_PROXY"), None);
        assert_eq!(chosen(&settings(&[("http_proxy", "p:3128")]), "http://files.example/x").unwrap(), proxy, "without a scheme");
        let both = settings(&[("HTTPS_PROXY", "http://p:3128"), ("ALL_PROXY", "socks5://q")]);
        assert_eq!(chosen(&both, "https://files.example/x").unwrap(), proxy, "the general one does not matter");
        assert_eq!(only("NO_PROXY"), None);
        assert_eq!(chosen(&settings(&[("HTTPS_PROXY", " ")]), "https://files.example/x").unwrap(), None, "empty is not set");
    }

    #[test]
    fn a_socks_proxy_is_told_by_its_variable_and_without_its_password() {
        for (variable, value) in [
            ("ALL_PROXY", "socks5h://user:secret@p:1080"),
            ("HTTPS_PROXY", "socks4://p"),
            ("https_proxy", "SOCKS5://p"),
            ("all_proxy", "socks://p"),
        ] {
            let error = chosen(&settings(&[(variable, value)]), "https://files.example/x").unwrap_err();
            assert_eq!(error.code(), "socks_not_supported");
            let said = format!("{error}; {}", error.next());
            assert!(said.starts_with(&format!("{variable} names a SOCKS proxy; SOCKS is not supported")), "{said}");
            assert!(!said.contains("secret"), "{said}");
        }
        for value in ["ftp://p", "http://", "http://:x@"] {
            let error = chosen(&settings(&[("HTTPS_PROXY", value)]), "https://files.example/x").unwrap_err();
            assert_eq!(error, ProxyError::Invalid { variable: "HTTPS_PROXY" }, "{value}");
        }
        let socks = settings(&[("ALL_PROXY", "socks5://p"), ("NO_PROXY", "files.example")]);
        assert_eq!(chosen(&socks, "https://files.example/x"), Ok(None), "what needs no proxy does not mind it");
        assert_eq!(chosen(&socks, "http://127.0.0.1:9/x"), Ok(None));
    }

    #[test]
    fn hosts_are_left_out_by_name_address_net_and_port() {
        let cases: &[(&str, &str, bool)] = &[
            ("*", "https://files.example/", true),
            ("files.example", "https://files.example/", true),
            (".files.example", "https://files.example/", true),
            ("*.files.example", "https://a.files.example/", true),
            ("example", "https://files.example/", true),
            ("iles.example", "https://files.example/", false),
            ("other.example, files.example", "https://FILES.example./", true),
            ("files.example:8443", "https://files.example:8443/", true),
            ("files.example:8443", "https://files.example/", false),
            ("10.0.0.0/8", "https://10.9.8.7/", true),
            ("10.0.0.0/8", "https://11.0.0.1/", false),
            ("1.1.1.1", "https://1.1.1.1/", true),
            ("1.1.1.1:443", "https://1.1.1.1/", true),
            ("[2606:4700::1111]", "https://[2606:4700::1111]/", true),
            ("2606:4700::/32", "https://[2606:4700::1111]/", true),
            ("2606:4700::/32", "https://[2607::1]/", false),
            ("0.0.0.0/0", "https://1.1.1.1/", true),
            (".", "https://files.example/", false),
        ];
        for (list, url, direct) in cases {
            let settings = settings(&[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", list)]);
            assert_eq!(chosen(&settings, url).unwrap().is_none(), *direct, "{list}: {url}");
        }
        let proxied = settings(&[("HTTPS_PROXY", "http://p:1"), ("HTTP_PROXY", "http://p:1")]);
        for here in ["http://localhost:9/", "http://127.0.0.1/", "https://[::1]/", "http://localhost./"] {
            assert_eq!(chosen(&proxied, here).unwrap(), None, "{here}");
        }
    }
}
