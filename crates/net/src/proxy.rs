//! Proxies, as the environment names them: `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, by Go's rules.

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

use crate::error::Error;
use crate::network::Range;
use crate::url::{Scheme, Url};

/// Which requests go by a proxy. `http` is forwarded by it, `https`, WebSockets and streams of events
/// go through a tunnel (`CONNECT`). What leads to `localhost` or a loopback address never goes by one.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    direct: Vec<Direct>,
}

/// A proxy, spoken with in the clear.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) url: Url,
    /// The value of `Proxy-Authorization`.
    pub(crate) authorization: Option<HeaderValue>,
}

/// What goes without a proxy.
#[derive(Clone, Debug)]
enum Direct {
    Everything,
    Addresses(Range, Option<u16>),
    /// Hosts below this name, and the name itself if `itself`.
    Hosts {
        name: String,
        itself: bool,
        port: Option<u16>,
    },
}

impl Proxies {
    /// From the values of the three variables. `no` is a list of hosts (`example.com` is meant with
    /// all below it, `.example.com` and `*.example.com` without itself), addresses and CIDR blocks,
    /// hosts and addresses maybe with a port; `*` is for all.
    ///
    /// # Errors
    /// `invalid_setting` for a proxy's URL that is none, or begins otherwise than with `http://`:
    /// proxies under TLS and SOCKS are not spoken here.
    pub fn new(http: Option<&str>, https: Option<&str>, no: &str) -> Result<Self, Error> {
        let proxy = |text: Option<&str>| {
            text.filter(|text| !text.trim().is_empty()).map(Proxy::parse).transpose()
        };
        let direct = no.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        Ok(Self {
            http: proxy(http)?,
            https: proxy(https)?,
            direct: direct.map(Direct::parse).collect(),
        })
    }

    /// From an environment: each variable in capitals, or else in small letters.
    ///
    /// # Errors
    /// As [`Proxies::new`].
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let value = |name: &str| {
            let told = |name: &str| variable(name).filter(|value| !value.is_empty());
            told(name).or_else(|| told(&name.to_ascii_lowercase()))
        };
        let (http, https) = (value("HTTP_PROXY"), value("HTTPS_PROXY"));
        let no = value("NO_PROXY").unwrap_or_default();
        Self::new(http.as_deref(), https.as_deref(), &no)
    }

    /// Whether no request goes by a proxy.
    pub fn is_empty(&self) -> bool {
        self.http.is_none() && self.https.is_none()
    }

    pub(crate) fn to(&self, origin: &Url) -> Option<&Proxy> {
        let proxy = match origin.scheme() {
            Scheme::Http => self.http.as_ref()?,
            Scheme::Https => self.https.as_ref()?,
        };
        let host = origin.host().to_ascii_lowercase();
        let ip: Option<IpAddr> = host.parse().ok();
        let local = host == "localhost" || ip.is_some_and(|ip| ip.to_canonical().is_loopback());
        let direct =
            local || self.direct.iter().any(|direct| direct.fits(&host, ip, origin.port()));
        (!direct).then_some(proxy)
    }
}

impl Proxy {
    fn parse(text: &str) -> Result<Self, Error> {
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        // Without what may be a secret.
        let shown = whole.rsplit('@').next().unwrap_or_default().to_owned();
        let wrong = |reason: &str| Error::setting("proxy", shown.clone(), reason);
        if !whole.to_ascii_lowercase().starts_with("http://") {
            return Err(wrong("only proxies at `http://` are spoken with here"));
        }
        let (url, login) = Url::typed(&whole).map_err(|_| wrong("it is no URL"))?;
        let authorization = login.and_then(|login| {
            let pair = STANDARD.encode(format!("{}:{}", login.user, login.password));
            HeaderValue::try_from(format!("Basic {pair}")).ok()
        });
        Ok(Self { url, authorization })
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Proxy").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Direct {
    fn parse(entry: &str) -> Self {
        if entry == "*" {
            return Self::Everything;
        }
        if let Ok(range) = Range::parse(entry) {
            return Self::Addresses(range, None);
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => (host, port.parse().ok()),
            _ => (entry, None),
        };
        if let Ok(range) = Range::parse(host.trim_matches(['[', ']'])) {
            return Self::Addresses(range, port);
        }
        let name = host.strip_prefix('*').unwrap_or(host).to_ascii_lowercase();
        let itself = !name.starts_with('.');
        Self::Hosts { name: name.trim_start_matches('.').to_owned(), itself, port }
    }

    fn fits(&self, host: &str, ip: Option<IpAddr>, its: u16) -> bool {
        let meant = |port: &Option<u16>| port.is_none_or(|port| port == its);
        match self {
            Self::Everything => true,
            Self::Addresses(range, port) => meant(port) && ip.is_some_and(|ip| range.contains(ip)),
            Self::Hosts { name, itself, port } => {
                let below = host.strip_suffix(name.as_str()).is_some_and(|it| it.ends_with('.'));
                meant(port) && (below || (*itself && host == name))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_by_a_proxy_is_gos_to_say() {
        let proxies = Proxies::new(
            Some("me:secret@first.test:3128"),
            Some("http://second.test"),
            "no.test, .below.test,*.star.test,10.0.0.0/8, 192.0.2.1:81,port.test:8080,[::2]:5",
        )
        .unwrap();
        assert!(!proxies.is_empty());
        let to = |url: &str| {
            proxies.to(&Url::parse(url).unwrap()).map(|proxy| proxy.url.host().to_owned())
        };
        for (url, expected) in [
            ("http://a.test/", Some("first.test")),
            ("https://a.test/", Some("second.test")),
            ("http://localhost/", None),
            ("https://127.9.9.9/", None),
            ("http://[::1]/", None),
            ("http://NO.test/", None),
            ("http://a.no.test/", None),
            ("http://annno.test/", Some("first.test")),
            ("http://below.test/", Some("first.test")),
            ("http://a.below.test/", None),
            ("http://star.test/", Some("first.test")),
            ("http://a.star.test/", None),
            ("http://10.1.2.3/", None),
            ("http://192.0.2.1/", Some("first.test")),
            ("http://192.0.2.1:81/", None),
            ("http://port.test/", Some("first.test")),
            ("http://port.test:8080/", None),
            ("http://[::2]:5/", None),
        ] {
            assert_eq!(to(url).as_deref(), expected, "{url}");
        }
        assert!(!format!("{proxies:?}").contains("secret"));
        let none = Proxies::new(Some("a"), None, "*").unwrap();
        assert!(none.to(&Url::parse("http://b/").unwrap()).is_none());
        assert!(Proxies::new(None, Some(" "), "").unwrap().is_empty());
    }

    #[test]
    fn the_environment_is_read_in_either_case() {
        let proxies = Proxies::from_environment(|name| match name {
            "HTTP_PROXY" => Some("big.test".to_owned()),
            "http_proxy" => Some("small.test".to_owned()),
            "https_proxy" => Some("small.test".to_owned()),
            "HTTPS_PROXY" => Some(String::new()),
            _ => None,
        })
        .unwrap();
        let host = |proxy: Option<Proxy>| proxy.map(|it| it.url.host().to_owned());
        assert_eq!(host(proxies.http).as_deref(), Some("big.test"));
        assert_eq!(host(proxies.https).as_deref(), Some("small.test"));
        for text in ["socks5://me:secret@a", "https://me:secret@a", "http://me:secret@a:x"] {
            let error = Proxies::new(Some(text), None, "").unwrap_err();
            assert_eq!(error.code(), "invalid_setting");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
