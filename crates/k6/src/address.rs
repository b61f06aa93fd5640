//! URLs as scripts write them: taken apart once, remembered by their text.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use seaworthy_net::auth::Login;
use seaworthy_net::{Error, Names, Prepared, Request, Url};

use crate::modules::http::Sent;

/// As many are remembered on a thread; then all are forgotten, and taken apart again.
const MOST: usize = 4096;

/// Where a request goes.
#[derive(Debug)]
pub(crate) struct Address {
    /// The origin; its base is not joined to the target.
    pub(crate) origin: Url,
    /// Path and query as they go on the wire.
    pub(crate) target: String,
    /// The whole URL with stars for user and password: the tag `url`.
    pub(crate) text: Rc<str>,
    /// The same with both, as the script that wrote it is told it.
    pub(crate) shown: Rc<str>,
    /// User and password of the URL.
    pub(crate) login: Option<Login>,
    plain: OnceCell<Prepared>,
    /// What a script is told was sent then.
    sent: OnceCell<Rc<Sent>>,
}

/// The URLs a thread has called.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    known: RefCell<HashMap<String, Rc<Address>>>,
    /// The one that was asked for last, with its text.
    last: RefCell<Option<(String, Rc<Address>)>>,
}

impl Addresses {
    /// The address that a text means.
    pub(crate) fn find(&self, text: &str) -> Result<Rc<Address>, Error> {
        if let Some((_, address)) = self.last.borrow().as_ref().filter(|(last, _)| last == text) {
            return Ok(Rc::clone(address));
        }
        let address = self.look_up(text)?;
        *self.last.borrow_mut() = Some((text.to_owned(), Rc::clone(&address)));
        Ok(address)
    }

    fn look_up(&self, text: &str) -> Result<Rc<Address>, Error> {
        let mut known = self.known.borrow_mut();
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
        let (origin, login) = Url::typed(text)?;
        let target = origin.base().to_owned();
        let (text, shown) = told(text, &origin);
        let (plain, sent) = (OnceCell::new(), OnceCell::new());
        Ok(Self { origin, target, text, shown, login, plain, sent })
    }

    /// A `GET` without anything of its own, written out once.
    pub(crate) fn plain(&self) -> Result<&Prepared, Error> {
        if let Some(prepared) = self.plain.get() {
            return Ok(prepared);
        }
        let mut request = Request::get(self.target.clone());
        request.names = Names::Canonical;
        let prepared = request.prepare(&self.origin)?;
        Ok(self.plain.get_or_init(|| prepared))
    }

    /// What a script is told was sent with [`Address::plain`].
    pub(crate) fn sent(&self) -> Rc<Sent> {
        let sent = || {
            let url = Rc::clone(&self.text);
            Rc::new(Sent { method: "GET".to_owned(), url, ..Sent::default() })
        };
        Rc::clone(self.sent.get_or_init(sent))
    }
}

/// A URL as k6 shows it, without and with what is secret in it: the scheme in small letters, path and
/// fragment percent-encoded where they must be, the query as it was written.
fn told(text: &str, origin: &Url) -> (Rc<str>, Rc<str>) {
    let (whole, fragment) = text.split_once('#').map_or((text, None), |(a, b)| (a, Some(b)));
    let rest = whole.split_once("://").map_or(whole, |(_, rest)| rest);
    let (authority, behind) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (login, host) = match authority.rsplit_once('@') {
        Some((login, host)) => (Some(login), host),
        None => (None, authority),
    };
    let mut end = String::from(host);
    if behind.starts_with('/') {
        // Encoded already, as it goes on the wire.
        end.push_str(origin.base().split('?').next().unwrap_or_default());
    }
    end.push_str(behind.find('?').map_or("", |at| &behind[at..]));
    if let Some(fragment) = fragment {
        end.push('#');
        for byte in fragment.bytes() {
            let plain = byte.is_ascii_alphanumeric() || b"!$%&'()*+,-./:;=?@[]_~".contains(&byte);
            match plain {
                true => end.push(char::from(byte)),
                false => end.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    let scheme = origin.scheme().as_str();
    let Some(login) = login else {
        let text: Rc<str> = format!("{scheme}://{end}").into();
        return (Rc::clone(&text), text);
    };
    let stars = if login.contains(':') { "****:****" } else { "****" };
    (format!("{scheme}://{stars}@{end}").into(), format!("{scheme}://{login}@{end}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let cases = [
            ("http://h", "http://h", "/", None),
            ("http://h:81/a?b=c#d e", "http://h:81/a?b=c#d%20e", "/a?b=c", None),
            ("HTTP://h?\u{fc}", "http://h?\u{fc}", "/?%C3%BC", None),
            ("http://h/\u{fc} /?x", "http://h/%C3%BC%20/?x", "/%C3%BC%20/?x", None),
            ("https://u:p%40@h/x", "https://****:****@h/x", "/x", Some(("u", "p@"))),
            ("https://u@h", "https://****@h", "/", Some(("u", ""))),
        ];
        for (text, plain, target, login) in cases {
            let address = Address::parse(text).unwrap();
            assert_eq!((&*address.text, address.target.as_str()), (plain, target));
            let given = address.login.as_ref().map(|it| (&*it.user, &*it.password));
            assert_eq!(given, login, "{text}");
            let (hidden, shown) = (text.contains('@'), &*address.shown);
            assert_eq!(if hidden { text } else { plain }, shown);
        }
        for wrong in ["", "h", "ftp://h/", "http://"] {
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
        assert!(addresses.known.borrow().len() <= MOST);
    }
}
