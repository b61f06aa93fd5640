//! URLs as scripts write them: taken apart once, remembered by their text.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use seaworthy_net::{Error, Url};

/// As many are remembered on a thread; then all are forgotten, and taken apart again.
const MOST: usize = 4096;

/// Where a request goes.
#[derive(Debug)]
pub(crate) struct Address {
    /// The origin; its base is not joined to the target.
    pub(crate) origin: Url,
    /// Path and query as they go on the wire.
    pub(crate) target: String,
    /// The whole URL, without user and password: the tag `url`.
    pub(crate) text: String,
    /// User and password of the URL.
    pub(crate) credentials: Option<(String, String)>,
}

/// The URLs a thread has called.
#[derive(Debug, Default)]
pub(crate) struct Addresses(RefCell<HashMap<String, Rc<Address>>>);

impl Addresses {
    /// The address that a text means.
    pub(crate) fn find(&self, text: &str) -> Result<Rc<Address>, Error> {
        let mut known = self.0.borrow_mut();
        if let Some(address) = known.get(text) {
            return Ok(Rc::clone(address));
        }
        let address = Rc::new(Address::parse(text)?);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(text.to_owned(), Rc::clone(&address));
        Ok(address)
    }
}

impl Address {
    /// Takes a URL apart.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let text = text.split('#').next().unwrap_or_default();
        let (credentials, plain) = without_credentials(text);
        // The origin alone, so that all of its addresses agree on it.
        let (origin, target) = split(&plain);
        let origin = Url::parse(origin)?;
        Ok(Self { origin, target, text: plain, credentials })
    }
}

/// The origin's part of a URL, and the rest as it goes on the wire.
fn split(text: &str) -> (&str, String) {
    let host = text.find("://").map_or(0, |at| at + 3);
    let end = text[host..].find(['/', '?']).map_or(text.len(), |at| host + at);
    let rest = &text[end..];
    let target = match rest.starts_with('/') {
        true => rest.to_owned(),
        false => format!("/{rest}"),
    };
    (&text[..end], escaped(&target))
}

/// What may not stand in a request line, escaped as browsers and Go do.
fn escaped(target: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'`' | b'\\' | b'^' | b'{' | b'|' | b'}');
    if target.bytes().all(plain) {
        return target.to_owned();
    }
    let mut text = String::with_capacity(target.len() + 16);
    for byte in target.bytes() {
        match plain(byte) {
            true => text.push(char::from(byte)),
            false => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

fn without_credentials(text: &str) -> (Option<(String, String)>, String) {
    let Some(host) = text.find("://").map(|at| at + 3) else { return (None, text.to_owned()) };
    let end = text[host..].find(['/', '?']).map_or(text.len(), |at| host + at);
    let Some(at) = text[host..end].rfind('@') else { return (None, text.to_owned()) };
    let (user, password) = text[host..host + at].split_once(':').unwrap_or((&text[host..host + at], ""));
    let plain = format!("{}{}", &text[..host], &text[host + at + 1..]);
    (Some((unescaped(user), unescaped(password))), plain)
}

/// Percent-escapes undone.
pub(crate) fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match (byte, digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(value)) => {
                bytes.push(value);
                rest = &after[2..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let cases = [
            ("http://h", "http://h/", "/", None),
            ("http://h:81/a?b=c#d", "http://h:81/", "/a?b=c", None),
            ("https://u:p%40@h/x y", "https://h/", "/x%20y", Some(("u", "p@"))),
            ("http://h?q", "http://h/", "/?q", None),
            ("http://[::1]:8/é{}", "http://[::1]:8/", "/%C3%A9%7B%7D", None),
        ];
        for (text, origin, target, credentials) in cases {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.target, target, "{text}");
            assert!(address.origin.same_origin(&Url::parse(origin).unwrap()), "{text}");
            let given = address.credentials.as_ref().map(|(user, word)| (&**user, &**word));
            assert_eq!(given, credentials, "{text}");
        }
        assert_eq!(Address::parse("https://u:p@h/x").unwrap().text, "https://h/x");
        for wrong in ["", "h", "ftp://h/", "http://", "http://a b/"] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_known_is_the_same() {
        let addresses = Addresses::default();
        let first = addresses.find("http://h/a").unwrap();
        assert!(Rc::ptr_eq(&first, &addresses.find("http://h/a").unwrap()));
        for number in 0..=MOST {
            addresses.find(&format!("http://h/{number}")).unwrap();
        }
        assert!(addresses.0.borrow().len() <= MOST);
    }
}
