//! URLs as Go's `net/url` takes them apart and joins them, which differs from a browser in small things:
//! `http://example.com` keeps its empty path and `:80` stays.

use std::fmt;

/// A URL or a reference to one, in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// In lower case, without the colon. Empty in a relative reference.
    pub scheme: String,
    /// What follows the scheme where no `/` does, as in `mailto:`.
    pub opaque: String,
    /// User name and password before the host.
    pub user: Option<(String, Option<String>)>,
    /// Host and port. `None` if there is no `//`.
    pub host: Option<String>,
    /// The path, escaped.
    pub path: String,
    /// What follows `?`.
    pub query: Option<String>,
    /// What follows `#`.
    pub fragment: Option<String>,
}

impl Address {
    /// Takes a URL apart; nothing if Go would refuse it.
    pub fn parse(text: &str) -> Option<Self> {
        if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
            return None;
        }
        let (text, fragment) = match text.split_once('#') {
            Some((text, fragment)) => (text, (!fragment.is_empty()).then_some(fragment)),
            None => (text, None),
        };
        if !well_escaped(fragment.unwrap_or_default()) {
            return None;
        }
        let (scheme, rest) = scheme(text)?;
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query.to_owned())),
            None => (rest, None),
        };
        let mut address = Self {
            scheme: scheme.to_ascii_lowercase(),
            query,
            fragment: fragment
                .map(|fragment| escape(fragment, |byte| !b" \"<>^`{}|\\#".contains(&byte))),
            ..Self::default()
        };
        if !rest.starts_with('/') {
            if !scheme.is_empty() {
                rest.clone_into(&mut address.opaque);
                return Some(address);
            }
            if rest.split('/').next().is_some_and(|segment| segment.contains(':')) {
                return None;
            }
        }
        let mut path = rest;
        if let Some(after) = rest.strip_prefix("//")
            && (!scheme.is_empty() || !rest.starts_with("///"))
        {
            let (authority, after) = after.split_at(after.find('/').unwrap_or(after.len()));
            address.authority(authority)?;
            path = after;
        }
        if !well_escaped(path) {
            return None;
        }
        address.path = escape(path, is_path_byte);
        Some(address)
    }

    fn authority(&mut self, text: &str) -> Option<()> {
        let host = match text.rsplit_once('@') {
            None => text,
            Some((user, host)) => {
                let valid = |byte: u8| {
                    byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte)
                };
                if !user.bytes().all(valid) || !well_escaped(user) {
                    return None;
                }
                self.user = Some(match user.split_once(':') {
                    Some((name, password)) => (unescape(name), Some(unescape(password))),
                    None => (unescape(user), None),
                });
                host
            }
        };
        let (name, port) = split_port(host)?;
        if name.bytes().any(|byte| b" \"<>\\^`{}|/?#".contains(&byte))
            || !port.bytes().all(|byte| byte.is_ascii_digit())
        {
            return None;
        }
        self.host = Some(host.to_owned());
        Some(())
    }

    /// The host without its port and without the brackets of an IPv6 address.
    pub fn hostname(&self) -> &str {
        let host = self.host.as_deref().unwrap_or_default();
        let name = split_port(host).map_or(host, |(name, _)| name);
        name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name)
    }

    /// The port, if one is written.
    pub fn port(&self) -> &str {
        self.host.as_deref().and_then(split_port).map_or("", |(_, port)| port)
    }

    /// The path without escapes.
    pub fn decoded_path(&self) -> String {
        unescape(&self.path)
    }

    /// The fragment without escapes.
    pub fn decoded_fragment(&self) -> String {
        self.fragment.as_deref().map(unescape).unwrap_or_default()
    }

    /// Resolves a reference against this URL, as RFC 3986 says and Go does.
    #[must_use]
    pub fn join(&self, reference: &Self) -> Self {
        let mut joined = reference.clone();
        if reference.scheme.is_empty() {
            self.scheme.clone_into(&mut joined.scheme);
        }
        if !reference.scheme.is_empty() || reference.host.is_some() || reference.user.is_some() {
            joined.path = resolve_path(&reference.path, "");
            return joined;
        }
        if !reference.opaque.is_empty() {
            joined.user = None;
            joined.host = None;
            joined.path = String::new();
            return joined;
        }
        if reference.path.is_empty() && reference.query.is_none() {
            joined.query.clone_from(&self.query);
            if reference.fragment.is_none() {
                joined.fragment.clone_from(&self.fragment);
            }
        }
        if reference.path.is_empty() && !self.opaque.is_empty() {
            joined.opaque.clone_from(&self.opaque);
            return joined;
        }
        joined.host.clone_from(&self.host);
        joined.user.clone_from(&self.user);
        joined.path = resolve_path(&self.path, &reference.path);
        joined
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.scheme.is_empty() {
            write!(out, "{}:", self.scheme)?;
        }
        if self.opaque.is_empty() {
            if let Some(host) = &self.host {
                out.write_str("//")?;
                if let Some((name, password)) = &self.user {
                    let plain =
                        |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~$&+,;=".contains(&byte);
                    out.write_str(&escape_all(name, plain))?;
                    if let Some(password) = password {
                        write!(out, ":{}", escape_all(password, plain))?;
                    }
                    out.write_str("@")?;
                }
                out.write_str(host)?;
                if !self.path.is_empty() && !self.path.starts_with('/') {
                    out.write_str("/")?;
                }
            }
            out.write_str(&self.path)?;
        } else {
            out.write_str(&self.opaque)?;
        }
        if let Some(query) = &self.query {
            write!(out, "?{query}")?;
        }
        if let Some(fragment) = &self.fragment {
            write!(out, "#{fragment}")?;
        }
        Ok(())
    }
}

fn scheme(text: &str) -> Option<(&str, &str)> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at > 0 => return Some((&text[..at], &text[at + 1..])),
            b':' => return None,
            _ => break,
        }
    }
    Some(("", text))
}

fn split_port(host: &str) -> Option<(&str, &str)> {
    let from = if host.starts_with('[') { host.find(']')? } else { 0 };
    Some(match host[from..].rfind(':') {
        Some(colon) => (&host[..from + colon], &host[from + colon + 1..]),
        None => (host, ""),
    })
}

/// Joins two paths and takes `.` and `..` out of them.
fn resolve_path(base: &str, reference: &str) -> String {
    let joined = if reference.is_empty() {
        base.to_owned()
    } else if reference.starts_with('/') {
        reference.to_owned()
    } else {
        format!("{}{reference}", &base[..base.rfind('/').map_or(0, |slash| slash + 1)])
    };
    if joined.is_empty() {
        return joined;
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut last = "";
    for segment in joined.strip_prefix('/').unwrap_or(&joined).split('/') {
        last = segment;
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            _ => kept.push(segment),
        }
    }
    let mut path = format!("/{}", kept.join("/"));
    if matches!(last, "." | "..") && !path.ends_with('/') {
        path.push('/');
    }
    path
}

fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@!'()*[]%".contains(&byte)
}

fn well_escaped(text: &str) -> bool {
    text.split('%').skip(1).all(|after| {
        after.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

fn escape(text: &str, keep: fn(u8) -> bool) -> String {
    escape_all(text, |byte| byte.is_ascii() && keep(byte))
}

fn escape_all(text: &str, keep: impl Fn(u8) -> bool) -> String {
    use fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if keep(byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match (byte, digit(ahead.next()), digit(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or_default());
                bytes = ahead;
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(base: &str, reference: &str) -> String {
        Address::parse(base).unwrap().join(&Address::parse(reference).unwrap()).to_string()
    }

    #[test]
    fn parts() {
        let address = Address::parse("HTTPS://me:s%20x@h.example:8443/a b?q=1#f").unwrap();
        assert_eq!(address.scheme, "https");
        assert_eq!(address.user, Some(("me".to_owned(), Some("s x".to_owned()))));
        assert_eq!((address.hostname(), address.port()), ("h.example", "8443"));
        assert_eq!(address.path, "/a%20b");
        assert_eq!(address.to_string(), "https://me:s%20x@h.example:8443/a%20b?q=1#f");
        assert_eq!(Address::parse("http://[::1]:80/").unwrap().hostname(), "::1");
        assert_eq!(Address::parse("mailto:a@b.c").unwrap().to_string(), "mailto:a@b.c");
        for wrong in ["http://a:b/", "a b:c", "%zz", ":x", "http://a\n"] {
            assert_eq!(Address::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn rfc_3986_examples() {
        let base = "http://a/b/c/d;p?q";
        for (reference, joined) in [
            ("g:h", "g:h"),
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q#s"),
            (";x", "http://a/b/c/;x"),
            ("g;x?y#s", "http://a/b/c/g;x?y#s"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../../g", "http://a/g"),
            ("g/./h/../i", "http://a/b/c/g/i"),
        ] {
            assert_eq!(join(base, reference), joined, "{reference}");
        }
    }

    #[test]
    fn an_empty_path_stays_empty() {
        assert_eq!(join("http://example.com", ""), "http://example.com");
        assert_eq!(join("http://example.com", "x"), "http://example.com/x");
        assert_eq!(join("http://example.com/p#old", "#new"), "http://example.com/p#new");
    }
}
