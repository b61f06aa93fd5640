//! The tags of a request's samples.

use std::cell::RefCell;

use seaworthy_metrics::{Interner, TagSet};

use super::exchange::{Echo, Hop, protocol};
use crate::shared::SystemTags;

/// How many sets are remembered.
const PLACES: usize = 16;

/// The tags of requests that were made lately: most scripts make a few, again and again, and they
/// are answered alike. What is not found here is built, and found by its tags.
#[derive(Debug, Default)]
pub(crate) struct RequestTags {
    known: RefCell<[Option<Known>; PLACES]>,
}

/// A request without an error, in the clear, and its tags.
#[derive(Debug)]
struct Known {
    base: TagSet,
    name: Box<str>,
    method: Box<str>,
    status: u16,
    version: Option<http::Version>,
    held: Option<bool>,
    tags: TagSet,
}

impl RequestTags {
    /// The tags of a hop, of which `held` says whether its answer was as expected. `wanted` is the
    /// same for all of a run.
    pub(super) fn of(
        &self,
        interner: &RefCell<Interner>,
        wanted: &SystemTags,
        hop: &Hop<'_>,
        echo: &Echo<'_>,
        held: Option<bool>,
    ) -> TagSet {
        if echo.error_code > 0 || wanted.ip || echo.peer.tls_version().is_some() {
            return all(interner, wanted, hop, echo, held);
        }
        let name = hop.name.unwrap_or(hop.url);
        let (status, version) = (echo.status, echo.version);
        let place = (hop.tags.address() >> 5) ^ name.len() ^ usize::from(status);
        let known = &mut self.known.borrow_mut()[place % PLACES];
        if let Some(known) = known
            && known.base.is(hop.tags)
            && (known.status, known.version, known.held) == (status, version, held)
            && *known.name == *name
            && *known.method == *hop.method
        {
            return known.tags.clone();
        }
        let tags = all(interner, wanted, hop, echo, held);
        let (name, method) = (name.into(), hop.method.into());
        let base = hop.tags.clone();
        let tagged = tags.clone();
        *known = Some(Known { base, name, method, status, version, held, tags: tagged });
        tags
    }
}

fn all(
    interner: &RefCell<Interner>,
    wanted: &SystemTags,
    hop: &Hop<'_>,
    echo: &Echo<'_>,
    held: Option<bool>,
) -> TagSet {
    let (status, number) = (Digits::of(echo.status.into()), Digits::of(echo.error_code));
    let ip;
    let mut pairs: [(&str, &str); 13] = [("", ""); 13];
    let mut list = Tags { pairs: &mut pairs, count: 0 };
    let name = hop.name.unwrap_or(hop.url);
    list.add(wanted.name, "name", name);
    list.add(wanted.url, "url", name);
    list.add(wanted.method, "method", hop.method);
    list.add(wanted.status, "status", status.text());
    if let Some(version) = echo.version {
        list.add(wanted.proto, "proto", protocol(version));
    }
    if echo.error_code > 0 {
        list.add(wanted.error_code, "error_code", number.text());
        if !echo.error.is_empty() {
            list.add(wanted.error, "error", echo.error);
        }
    }
    if let Some(held) = held {
        let value = if held { "true" } else { "false" };
        list.add(wanted.expected_response, "expected_response", value);
    }
    if let Some(version) = echo.peer.tls_version() {
        list.add(wanted.tls_version, "tls_version", version.as_str());
        // Nobody is asked for it.
        list.add(wanted.ocsp_status, "ocsp_status", "unknown");
    }
    if wanted.ip
        && let Some(address) = echo.peer.address()
    {
        ip = address.ip().to_string();
        list.add(true, "ip", &ip);
    }
    let count = list.count;
    interner.borrow_mut().with(hop.tags, &pairs[..count])
}

/// Tags in a place of a fixed size.
struct Tags<'p, 't> {
    pairs: &'p mut [(&'t str, &'t str); 13],
    count: usize,
}

impl<'t> Tags<'_, 't> {
    fn add(&mut self, wanted: bool, name: &'t str, value: &'t str) {
        if wanted && let Some(place) = self.pairs.get_mut(self.count) {
            *place = (name, value);
            self.count += 1;
        }
    }
}

/// A small number's digits, without allocating.
struct Digits {
    bytes: [u8; 10],
    from: usize,
}

impl Digits {
    fn of(mut number: u32) -> Self {
        let (mut bytes, mut from) = ([b'0'; 10], 10);
        loop {
            from -= 1;
            bytes[from] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return Self { bytes, from };
            }
        }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[self.from..]).unwrap_or("0")
    }
}
