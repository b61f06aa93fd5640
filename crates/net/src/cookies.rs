//! A virtual user's cookies: what servers set, kept and sent by the rules of RFC 6265bis.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use seaworthy_base::{Clock, Timestamp};

use crate::url::{Scheme, Url};

mod date;
mod said;

pub use said::SetCookie;

/// Cookies kept for one host; the one unused for longest makes room.
const MOST_OF_A_DOMAIN: usize = 50;
/// Cookies kept in all.
const MOST: usize = 300;

/// One user's cookies, at most 50 for a domain and 300 in all, of at most 4 KiB each.
///
/// There is no list of public suffixes: a domain of one label is refused, `co.uk` is not.
#[derive(Clone, Debug)]
pub struct Jar {
    clock: Clock,
    cookies: Vec<Cookie>,
    /// Counts uses, so that the one unused for longest is known.
    uses: u64,
}

#[derive(Clone, Debug)]
struct Cookie {
    name: String,
    value: String,
    domain: String,
    host_only: bool,
    path: String,
    secure: bool,
    /// `None` for one that lives as long as the jar.
    expires: Option<Timestamp>,
    made: u64,
    used: u64,
}

/// The time of an `Expires` attribute, in milliseconds since 1970; `None` if it is no time.
pub fn expires_ms(text: &str) -> Option<i64> {
    let time = date::parse(text)?;
    i64::try_from(time.as_nanos() / 1_000_000).ok()
}

impl Jar {
    /// An empty jar.
    pub fn new(clock: Clock) -> Self {
        Self { clock, cookies: Vec::new(), uses: 0 }
    }

    /// How many cookies there are, expired ones that nobody has asked for since included.
    pub fn len(&self) -> usize {
        self.cookies.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cookies.is_empty()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.cookies.clear();
    }

    /// Takes the cookies that the answer to a request for `target` at `origin` sets. What the rules
    /// refuse is left out without a word, as browsers do.
    pub fn store(&mut self, origin: &Url, target: &str, headers: &HeaderMap) {
        for value in headers.get_all(SET_COOKIE) {
            // Names and values are bytes; what is not UTF-8 could not be sent back faithfully.
            if let Ok(text) = std::str::from_utf8(value.as_bytes()) {
                self.set(origin, target, text);
            }
        }
    }

    /// The `Cookie` header for a request for `target` at `origin`, if any cookie goes with it:
    /// longer paths first, then older ones.
    pub fn header(&mut self, origin: &Url, target: &str) -> Option<(HeaderName, HeaderValue)> {
        if self.cookies.is_empty() {
            return None;
        }
        let mut text = String::new();
        for cookie in self.fitting(origin, target) {
            if !text.is_empty() {
                text.push_str("; ");
            }
            if !cookie.name.is_empty() {
                text.push_str(&cookie.name);
                text.push('=');
            }
            text.push_str(&cookie.value);
        }
        if text.is_empty() {
            return None;
        }
        // No control character was taken in, so this is always a value.
        HeaderValue::try_from(text).ok().map(|value| (COOKIE, value))
    }

    /// Names and values of the cookies that go with a request for `target` at `origin`, in the order
    /// in which they are sent.
    pub fn cookies(&mut self, origin: &Url, target: &str) -> Vec<(&str, &str)> {
        let fitting = self.fitting(origin, target).into_iter();
        fitting.map(|cookie| (&*cookie.name, &*cookie.value)).collect()
    }

    /// Forgets the cookies that go with a request for `target` at `origin`; with a `name` only those
    /// of that name.
    pub fn forget(&mut self, origin: &Url, target: &str, name: Option<&str>) {
        for cookie in self.fitting(origin, target) {
            if name.is_none_or(|name| name == cookie.name) {
                cookie.expires = Some(Timestamp::from_nanos(0));
            }
        }
        self.cookies.retain(|cookie| cookie.expires != Some(Timestamp::from_nanos(0)));
    }

    /// Those that go with a request, in the order in which they are sent.
    fn fitting(&mut self, origin: &Url, target: &str) -> Vec<&mut Cookie> {
        let now = self.clock.wall();
        self.cookies.retain(|cookie| cookie.expires.is_none_or(|expires| expires > now));
        let host = canonical(origin.host());
        let path = path_of(target);
        self.uses += 1;
        let uses = self.uses;
        let mut fitting: Vec<&mut Cookie> = self
            .cookies
            .iter_mut()
            .filter(|cookie| {
                let domain = match cookie.host_only {
                    true => cookie.domain == host,
                    false => domain_matches(&host, &cookie.domain),
                };
                domain
                    && path_matches(path, &cookie.path)
                    && (!cookie.secure || is_trustworthy(origin))
            })
            .collect();
        fitting.sort_by_key(|cookie| (usize::MAX - cookie.path.len(), cookie.made));
        fitting.iter_mut().for_each(|cookie| cookie.used = uses);
        fitting
    }

    /// Takes one `Set-Cookie` header, as if the answer to a request for `target` at `origin` had it.
    pub fn set(&mut self, origin: &Url, target: &str, text: &str) {
        let now = self.clock.wall();
        let host = canonical(origin.host());
        let Some(mut cookie) = SetCookie::parse(text) else { return };
        let expires = cookie.ends(now);
        let domain_written = cookie.domain.as_deref().is_some_and(|domain| !domain.is_empty());
        let host_only;
        match cookie
            .domain
            .take()
            .map(|domain| canonical(domain.strip_prefix('.').unwrap_or(&domain)))
        {
            Some(domain) if !domain.is_empty() => {
                // An address has no subdomains, and nobody sets a cookie for all of `com`.
                let alone = !domain.contains('.') || is_address(&host);
                if domain != host && (alone || !domain_matches(&host, &domain)) {
                    return;
                }
                host_only = domain == host && alone;
                cookie.domain = Some(domain);
            }
            _ => {
                host_only = true;
                cookie.domain = Some(host);
            }
        }
        let secure_origin = is_trustworthy(origin);
        if cookie.secure && !secure_origin {
            return;
        }
        let starts = |prefix: &str| {
            cookie.name.get(..prefix.len()).is_some_and(|name| name.eq_ignore_ascii_case(prefix))
        };
        let nameless = cookie.name.is_empty();
        let value_starts = |prefix: &str| {
            nameless
                && cookie
                    .value
                    .get(..prefix.len())
                    .is_some_and(|it| it.eq_ignore_ascii_case(prefix))
        };
        if value_starts("__Secure-") || value_starts("__Host-") {
            return;
        }
        if starts("__Secure-") && !cookie.secure {
            return;
        }
        let whole_host = cookie.path.as_deref() == Some("/") && !domain_written;
        if starts("__Host-") && !(cookie.secure && whole_host) {
            return;
        }
        let path = cookie.path.unwrap_or_else(|| default_path(target));
        let domain = cookie.domain.unwrap_or_default();
        // Over plain HTTP nobody may put a cookie in the way of a secure one.
        let overlays = |old: &Cookie| {
            old.secure
                && old.name == cookie.name
                && (domain_matches(&old.domain, &domain) || domain_matches(&domain, &old.domain))
                && path_matches(&path, &old.path)
        };
        if !cookie.secure && !secure_origin && self.cookies.iter().any(overlays) {
            return;
        }
        self.uses += 1;
        let mut made = self.uses;
        let same = |old: &Cookie| {
            old.name == cookie.name
                && old.domain == domain
                && old.host_only == host_only
                && old.path == path
        };
        if let Some(position) = self.cookies.iter().position(same) {
            made = self.cookies.swap_remove(position).made;
        }
        if expires.is_some_and(|expires| expires <= now) {
            return;
        }
        self.cookies.push(Cookie {
            name: cookie.name,
            value: cookie.value,
            domain,
            host_only,
            path,
            secure: cookie.secure,
            expires,
            made,
            used: self.uses,
        });
        self.make_room(now);
    }

    /// Drops expired cookies, then those unused for longest, until the limits hold.
    fn make_room(&mut self, now: Timestamp) {
        let Some(domain) = self.cookies.last().map(|cookie| cookie.domain.clone()) else { return };
        let of_domain =
            |cookies: &[Cookie]| cookies.iter().filter(|cookie| cookie.domain == domain).count();
        if self.cookies.len() <= MOST && of_domain(&self.cookies) <= MOST_OF_A_DOMAIN {
            return;
        }
        self.cookies.retain(|cookie| cookie.expires.is_none_or(|expires| expires > now));
        while of_domain(&self.cookies) > MOST_OF_A_DOMAIN {
            self.drop_oldest(|cookie| cookie.domain == domain);
        }
        while self.cookies.len() > MOST {
            self.drop_oldest(|_| true);
        }
    }

    fn drop_oldest(&mut self, among: impl Fn(&Cookie) -> bool) {
        let among = self.cookies.iter().enumerate().filter(|(_, cookie)| among(cookie));
        // Insecure ones go first (RFC 6265bis §5.7).
        let oldest = among.min_by_key(|(_, cookie)| (cookie.secure, cookie.used));
        if let Some(position) = oldest.map(|(position, _)| position) {
            self.cookies.swap_remove(position);
        }
    }
}

/// Whether secure cookies go there: over TLS, and to this machine itself, as browsers have it.
fn is_trustworthy(origin: &Url) -> bool {
    let host = canonical(origin.host());
    let name = host == "localhost" || host.ends_with(".localhost");
    let address = host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    origin.scheme() == Scheme::Https || name || address
}

fn canonical(host: &str) -> String {
    host.to_ascii_lowercase()
}

fn is_address(host: &str) -> bool {
    host.parse::<Ipv4Addr>().is_ok() || host.parse::<Ipv6Addr>().is_ok()
}

/// RFC 6265bis §5.1.3.
fn domain_matches(host: &str, domain: &str) -> bool {
    host == domain
        || (host.strip_suffix(domain).is_some_and(|front| front.ends_with('.'))
            && !is_address(host))
}

fn path_of(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap_or_default()
}

/// The folder of the request's path (RFC 6265bis §5.1.4).
fn default_path(target: &str) -> String {
    let path = path_of(target);
    match path.rfind('/') {
        Some(end) if end > 0 && path.starts_with('/') => path[..end].to_owned(),
        _ => "/".to_owned(),
    }
}

/// RFC 6265bis §5.1.4.
fn path_matches(path: &str, cookie: &str) -> bool {
    path.strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}
