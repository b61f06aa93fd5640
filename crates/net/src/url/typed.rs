//! URLs as people type them: with a login, a fragment, and letters that must be encoded.

use std::fmt::Write as _;

use crate::auth::Login;
use crate::error::Error;
use crate::url::Url;

impl Url {
    /// Reads a URL more leniently than [`Url::parse`]: a login before the host is split off, a
    /// fragment cut off, and what may not stand in a path or a query is percent-encoded. In a query
    /// that is only what cannot be sent at all.
    ///
    /// # Errors
    /// `invalid_url`, also for a `%` in the path without two hexadecimal digits, and for a host
    /// beyond ASCII. The login is not repeated in it.
    pub fn typed(text: &str) -> Result<(Self, Option<Login>), Error> {
        let whole = text.split('#').next().unwrap_or_default();
        let Some((scheme, rest)) = whole.split_once("://") else {
            return Self::parse(whole).map(|url| (url, None));
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let (login, host) = match authority.rsplit_once('@') {
            Some((login, host)) => (Some(login), host),
            None => (None, authority),
        };
        let (path, query) = match rest.find('?') {
            Some(end) => rest.split_at(end),
            None => (rest, ""),
        };
        let mut clean = format!("{scheme}://{host}");
        // Of what may stand in a path by RFC 3986, and brackets, which nobody minds.
        let plain =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!$%&'()*+,-./:;=@[]_~".contains(&byte);
        encode(&mut clean, path, plain);
        encode(&mut clean, query, |byte| byte.is_ascii_graphic() && !b"\"<>".contains(&byte));
        if path.split('%').skip(1).any(|behind| decoded_byte(behind).is_none()) {
            return Err(Error::InvalidUrl {
                text: clean,
                reason: "its path has a `%` without two hexadecimal digits",
                hint: "write it as `%25`",
            });
        }
        let login = login.map(|login| {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            Login { user: decoded(user), password: decoded(password) }
        });
        Ok((Self::parse(&clean)?, login))
    }
}

fn encode(text: &mut String, raw: &str, plain: impl Fn(u8) -> bool) {
    for byte in raw.bytes() {
        if plain(byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            _ = write!(text, "%{byte:02X}");
        }
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        match decoded_byte(part) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => {
                bytes.push(b'%');
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The byte that two hexadecimal digits at the beginning mean.
fn decoded_byte(text: &str) -> Option<u8> {
    let digits = text.get(..2).filter(|it| it.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_people_type_is_taken() {
        for (typed, clean) in [
            ("http://h/a b", "http://h/a%20b"),
            ("http://h/\u{fc}?x=\u{fc} y|z", "http://h/%C3%BC?x=%C3%BC%20y|z"),
            ("http://h/a|b\"<>^`{}\\?x=|\"", "http://h/a%7Cb%22%3C%3E%5E%60%7B%7D%5C?x=|%22"),
            ("http://h/a[b]+%2fc#frag?no", "http://h/a[b]+%2fc"),
            ("HTTP://h:80?a=%zz", "http://h/?a=%zz"),
            ("https://h", "https://h/"),
        ] {
            let (url, login) = Url::typed(typed).unwrap();
            assert_eq!((url.to_string().as_str(), login), (clean, None), "{typed}");
        }
        let (url, login) = Url::typed("http://u%40x:p%3Aw%@[::1]:8/a@b").unwrap();
        assert_eq!(url.to_string(), "http://[::1]:8/a@b");
        let expected = Login { user: "u@x".to_owned(), password: "p:w%".to_owned() };
        assert_eq!(login, Some(expected));
        for text in ["", "h/a", "/x", "http:///x", "http://h/%zz", "http://h/%2", "http://\u{fc}/"]
        {
            assert_eq!(Url::typed(text).unwrap_err().code(), "invalid_url", "{text}");
        }
        let error = Url::typed("http://me:secret@h:0/").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    proptest! {
        #[test]
        fn whatever_is_behind_a_host_can_be_sent(path in "(/\\PC{0,9})?", query in "(\\?\\PC{0,9})?") {
            let path = path.replace('%', "");
            let (url, _) = Url::typed(&format!("http://h{path}{query}")).unwrap();
            prop_assert!(url.base().is_ascii() && url.base().starts_with('/'));
            prop_assert!(crate::Request::get(url.base()).prepare(&url).is_ok());
        }
    }
}
