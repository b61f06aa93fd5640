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
    /// The whole URL, without user and password: the tag `url`.
    pub(crate) text: Rc<str>,
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
        let text = without_credentials(text.split('#').next().unwrap_or_default()).into();
        let (plain, sent) = (OnceCell::new(), OnceCell::new());
        Ok(Self { origin, target, text, login, plain, sent })
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

/// The URL without user and password.
fn without_credentials(text: &str) -> String {
    let Some(host) = text.find("://").map(|at| at + 3) else { return text.to_owned() };
    let end = text[host..].find(['/', '?']).map_or(text.len(), |at| host + at);
    match text[host..end].rfind('@') {
        Some(at) => format!("{}{}", &text[..host], &text[host + at + 1..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let cases = [
            ("http://h", "http://h", "/", None),
            ("http://h:81/a?b=c#d", "http://h:81/a?b=c", "/a?b=c", None),
            ("https://u:p%40@h/x", "https://h/x", "/x", Some(("u", "p@"))),
        ];
        for (text, plain, target, login) in cases {
            let address = Address::parse(text).unwrap();
            assert_eq!((&*address.text, address.target.as_str()), (plain, target));
            let given = address.login.as_ref().map(|it| (&*it.user, &*it.password));
            assert_eq!(given, login, "{text}");
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
