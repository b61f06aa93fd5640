//! URLs of services: scheme, host, port and a base that paths are joined to.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use http::HeaderValue;

use crate::error::Error;

mod typed;

/// How the connection is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain TCP.
    Http,
    /// TLS over TCP.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// An `http` or `https` URL without user name and fragment. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Url(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    scheme: Scheme,
    host: String,
    port: u16,
    base: String,
    authority: HeaderValue,
}

impl Url {
    /// Reads an absolute URL.
    ///
    /// # Errors
    /// `invalid_url`, with the reason and a hint.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |reason, hint| Err(Error::InvalidUrl { text: text.to_owned(), reason, hint });
        if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f || byte >= 0x80) {
            return invalid(
                "it has a space, a control character or a letter outside ASCII",
                "percent-encode the path and write the host in its `xn--` form",
            );
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return invalid("it has no scheme", "begin with `http://` or `https://`");
        };
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return invalid("its scheme is not known here", "use `http://` or `https://`"),
        };
        if rest.contains('#') {
            return invalid("it has a fragment", "leave out `#` and what follows it");
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, base) = rest.split_at(end);
        if authority.contains('@') {
            // Credentials are not repeated: the message may end up in a log.
            return Err(Error::InvalidUrl {
                text: format!("{}://…@…", scheme.as_str()),
                reason: "it holds credentials",
                hint: "send them in a header `Authorization`",
            });
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(bracketed) => match bracketed.split_once(']') {
                Some((host, tail)) if host.parse::<std::net::Ipv6Addr>().is_ok() => (host, tail),
                _ => return invalid("its IPv6 address is broken", "write it as `[::1]`"),
            },
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        if host.is_empty() {
            return invalid("it has no host", "write it as `http://host:port/path`");
        }
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
        if !host.bytes().all(letter) {
            return invalid("its host has a character that no host has", "check the host's name");
        }
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => scheme.port(),
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                match digits.parse::<u16>() {
                    Ok(port) if port > 0 => port,
                    _ => return invalid("its port is out of range", "ports are 1 to 65535"),
                }
            }
            _ => return invalid("its port is not a number", "write it as `http://host:port/path`"),
        };
        let base = if base.starts_with('/') { base.to_owned() } else { format!("/{base}") };
        if base.parse::<http::uri::PathAndQuery>().is_err() {
            return invalid("its path has a character that must be encoded", "percent-encode it");
        }
        let mut shown = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        if port != scheme.port() {
            shown = format!("{shown}:{port}");
        }
        let Ok(authority) = HeaderValue::from_str(&shown) else {
            return invalid("its host has a character that no host has", "check the host's name");
        };
        Ok(Self(Arc::new(Parts { scheme, host: host.to_owned(), port, base, authority })))
    }

    /// How the connection is made.
    pub fn scheme(&self) -> Scheme {
        self.0.scheme
    }

    /// The host, without brackets.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The port, the scheme's own if none was written.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// Path and query; at least `/`.
    pub fn base(&self) -> &str {
        &self.0.base
    }

    /// The value of the `Host` header.
    pub fn authority(&self) -> &HeaderValue {
        &self.0.authority
    }

    /// The request target for `path` below the base: `/v1` and `/users` give `/v1/users`. A query
    /// in the base is left out.
    pub fn join(&self, path: &str) -> String {
        let base = self.0.base.split('?').next().unwrap_or_default().trim_end_matches('/');
        let continues = path.is_empty() || path.starts_with('?');
        let slash = if path.starts_with('/') || (continues && !base.is_empty()) { "" } else { "/" };
        format!("{base}{slash}{path}")
    }

    /// Whether both lead to the same server over the same kind of connection.
    pub fn same_origin(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.scheme == other.0.scheme
                && self.0.port == other.0.port
                && self.0.host.eq_ignore_ascii_case(&other.0.host))
    }
}

impl FromStr for Url {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.0.authority.to_str().unwrap_or(&self.0.host);
        write!(formatter, "{}://{authority}{}", self.0.scheme.as_str(), self.0.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn urls_are_taken_apart() {
        let url = Url::parse("http://127.0.0.1:8080/api/?x=1").unwrap();
        assert_eq!((url.scheme(), url.host(), url.port()), (Scheme::Http, "127.0.0.1", 8080));
        assert_eq!(url.base(), "/api/?x=1");
        assert_eq!(url.join("/v1/users?y=2"), "/api/v1/users?y=2");
        assert_eq!(url.join("v1"), "/api/v1");
        let url = Url::parse("HTTPS://Example.org").unwrap();
        assert_eq!((url.port(), url.base(), url.join("/a")), (443, "/", "/a".to_owned()));
        assert_eq!((url.join(""), url.join("?x")), ("/".to_owned(), "/?x".to_owned()));
        assert_eq!(url.authority(), "Example.org");
        let url = Url::parse("http://[::1]:9?q").unwrap();
        assert_eq!((url.host(), url.port(), url.base()), ("::1", 9, "/?q"));
        assert_eq!(url.to_string(), "http://[::1]:9/?q");
        assert!(url.same_origin(&Url::parse("http://[::1]:9/other").unwrap()));
        assert!(!url.same_origin(&Url::parse("https://[::1]:9/").unwrap()));
    }

    #[test]
    fn mistakes_are_named_with_a_hint() {
        for (text, reason) in [
            ("localhost:80", "it has no scheme"),
            ("ftp://a/", "its scheme is not known here"),
            ("http://", "it has no host"),
            ("http://:80/", "it has no host"),
            ("http://a:0/", "its port is out of range"),
            ("http://a:99999/", "its port is out of range"),
            ("http://a:x/", "its port is not a number"),
            ("http://a:+1/", "its port is not a number"),
            ("http://me:secret@a/", "it holds credentials"),
            ("http://a/#b", "it has a fragment"),
            ("http://a/b c", "it has a space, a control character or a letter outside ASCII"),
            (
                "http://b\u{fc}cher/",
                "it has a space, a control character or a letter outside ASCII",
            ),
            ("http://[::1/", "its IPv6 address is broken"),
            ("http://[::1]x/", "its port is not a number"),
            ("http://a,b/", "its host has a character that no host has"),
        ] {
            match Url::parse(text) {
                Err(error @ Error::InvalidUrl { reason: found, .. }) => {
                    assert_eq!(found, reason, "{text}");
                    assert!(error.hint().is_some());
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_shown_is_read_back(text in "(https?://)?[\\[\\]a-z0-9.:@/?#%<> \\PC]{0,24}") {
            if let Ok(url) = Url::parse(&text) {
                let again = Url::parse(&url.to_string()).unwrap();
                prop_assert!(again.same_origin(&url));
                prop_assert_eq!(again.base(), url.base());
            }
        }
    }
}
