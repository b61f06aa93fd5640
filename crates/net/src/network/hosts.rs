//! Names that lead elsewhere than the resolver says.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::error::Error;
use crate::network::{Network, Pending, Plain, Stream};
use crate::pattern::Pattern;

/// Where names lead: a name, its end behind a `*`, or either with a port.
///
/// What has a port goes before what has none, a whole name before a `*`, and of those the longer one.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    whole: HashMap<(String, Option<u16>), Target>,
    /// Those with a `*`, the longest first.
    ends: Vec<(Pattern, Option<u16>, Target)>,
}

/// An address; without a port that of the request goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Target {
    ip: IpAddr,
    port: Option<u16>,
}

impl Hosts {
    /// No names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.ends.is_empty()
    }

    /// Lets `name` (`example.com`, `example.com:443`, `*.example.com`, `*.example.com:443`) lead to
    /// `target` (`10.0.0.1`, `10.0.0.1:8443`, `::1`, `[::1]:8443`).
    ///
    /// # Errors
    /// `invalid_setting`.
    pub fn add(&mut self, name: &str, target: &str) -> Result<(), Error> {
        let (host, port) = with_port(name);
        let pattern = Pattern::parse(host)?;
        let target = target_of(target)
            .ok_or_else(|| Error::setting("host's address", target, "it is no IP address"))?;
        if pattern.as_str().starts_with('*') {
            self.ends.push((pattern, port, target));
            self.ends.sort_by_key(|(pattern, ..)| usize::MAX - pattern.as_str().len());
        } else {
            self.whole.insert((pattern.as_str().to_owned(), port), target);
        }
        Ok(())
    }

    /// Where `host` leads, if it is one of these.
    pub fn find(&self, host: &str, port: u16) -> Option<SocketAddr> {
        let mut key = (host.to_ascii_lowercase(), Some(port));
        for wanted in [Some(port), None] {
            key.1 = wanted;
            let found = self.whole.get(&key).or_else(|| {
                let mut ends = self.ends.iter();
                let fits =
                    |(pattern, its, _): &&(Pattern, _, _)| *its == wanted && pattern.fits(host);
                ends.find(fits).map(|(_, _, target)| target)
            });
            if let Some(target) = found {
                return Some(SocketAddr::new(target.ip, target.port.unwrap_or(port)));
            }
        }
        None
    }
}

/// A network on which some names lead elsewhere.
#[derive(Debug)]
pub struct Mapped {
    hosts: Hosts,
    inner: Arc<dyn Network>,
}

impl Mapped {
    /// `inner`, but for these names.
    pub fn new(hosts: Hosts, inner: Arc<dyn Network>) -> Self {
        Self { hosts, inner }
    }
}

impl Network for Mapped {
    fn look_up<'a>(&'a self, host: &'a str, port: u16) -> Pending<'a, io::Result<Vec<SocketAddr>>> {
        match self.hosts.find(host, port) {
            Some(address) => Box::pin(std::future::ready(Ok(vec![address]))),
            None => self.inner.look_up(host, port),
        }
    }

    fn connect(&self, address: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        self.inner.connect(address)
    }

    fn dial(&self, address: SocketAddr) -> Pending<'_, io::Result<Plain>> {
        self.inner.dial(address)
    }
}

/// A name and the port behind it. An IPv6 address has colons of its own.
fn with_port(name: &str) -> (&str, Option<u16>) {
    let bare = |host: &str| !host.contains(':');
    match name.rsplit_once(':') {
        Some((host, port)) if bare(host) || host.ends_with(']') => match port.parse() {
            Ok(port) => (host.trim_matches(['[', ']']), Some(port)),
            Err(_) => (name, None),
        },
        _ => (name, None),
    }
}

fn target_of(text: &str) -> Option<Target> {
    if let Ok(ip) = text.parse() {
        return Some(Target { ip, port: None });
    }
    let address: SocketAddr = text.parse().ok()?;
    (address.port() > 0).then_some(Target { ip: address.ip(), port: Some(address.port()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_name_leads() {
        let mut hosts = Hosts::new();
        assert!(hosts.is_empty());
        for (name, target) in [
            ("a.test", "10.0.0.1"),
            ("a.test:443", "10.0.0.2:8443"),
            ("b.test:80", "10.0.0.3"),
            ("*.test", "10.0.0.4"),
            ("*.deep.test", "10.0.0.5"),
            ("*.test:9", "10.0.0.6:99"),
            ("six.test", "::1"),
            ("six.test:81", "[::2]:82"),
            ("::3", "10.0.0.7"),
            ("[::3]:5", "10.0.0.8"),
        ] {
            hosts.add(name, target).unwrap();
        }
        for (host, port, expected) in [
            ("a.test", 80, Some("10.0.0.1:80")),
            ("A.Test", 443, Some("10.0.0.2:8443")),
            ("b.test", 80, Some("10.0.0.3:80")),
            ("b.test", 81, Some("10.0.0.4:81")),
            ("x.deep.test", 1, Some("10.0.0.5:1")),
            ("deep.test", 1, Some("10.0.0.4:1")),
            // What names the port goes before the longer end, and before the whole name.
            ("x.deep.test", 9, Some("10.0.0.6:99")),
            ("a.test", 9, Some("10.0.0.6:99")),
            ("six.test", 81, Some("[::2]:82")),
            ("six.test", 80, Some("[::1]:80")),
            ("::3", 4, Some("10.0.0.7:4")),
            ("::3", 5, Some("10.0.0.8:5")),
            ("test", 80, None),
            ("other", 9, None),
        ] {
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(hosts.find(host, port), expected, "{host}:{port}");
        }
        for (name, target) in [
            ("a", "b"),
            ("a", ""),
            ("a", "10.0.0.1:"),
            ("a", "10.0.0.1:0"),
            ("a", "10.0.0.1:99999"),
            ("", "10.0.0.1"),
            ("a.*", "10.0.0.1"),
            ("a:x", "10.0.0.1/8"),
        ] {
            let error = hosts.add(name, target).unwrap_err();
            assert_eq!(error.code(), "invalid_setting", "{name} {target}");
        }
    }
}
