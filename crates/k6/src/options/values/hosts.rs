//! Names that stand for other addresses, and names that are not to be called.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Where a name leads instead: an address and, where one is given, a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// The port; the one that was asked for when not given.
    pub port: Option<u16>,
}

/// Names and where they lead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    patterns: HostPatterns,
    addresses: Vec<Address>,
}

/// Names of hosts in small letters. One may begin with `*`, which stands for anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostPatterns {
    /// As they were typed.
    typed: Vec<String>,
}

impl Address {
    /// Reads `1.2.3.4`, `1.2.3.4:80`, `::1` or `[::1]:80`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(ip) = text.parse() {
            return Some(Self { ip, port: None });
        }
        let both: SocketAddr = text.parse().ok()?;
        Some(Self { ip: both.ip(), port: Some(both.port()) })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => SocketAddr::new(self.ip, port).fmt(formatter),
            None => self.ip.fmt(formatter),
        }
    }
}

impl Hosts {
    /// Adds a name, with or without a port, and where it leads; a name that is there already leads
    /// there from now on. `false` if it is no name.
    pub fn insert(&mut self, name: &str, address: Address) -> bool {
        let name = name.to_lowercase();
        if let Some(position) = self.patterns.typed.iter().position(|typed| *typed == name) {
            self.addresses[position] = address;
            return true;
        }
        let inserted = self.patterns.add(&name, true);
        if inserted {
            self.addresses.push(address);
        }
        inserted
    }

    /// Where a connection to a host and port leads instead, if anywhere: what is said of the host
    /// with this port goes before what is said of the host, a name before a pattern, and a longer
    /// pattern before a shorter one.
    pub fn find(&self, host: &str, port: u16) -> Option<SocketAddr> {
        let with_port = self.patterns.find(&format!("{host}:{port}"));
        let address = self.addresses[with_port.or_else(|| self.patterns.find(host))?];
        Some(SocketAddr::new(address.ip, address.port.unwrap_or(port)))
    }

    /// Every name and where it leads, as they were typed.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Address)> {
        let names = self.patterns.typed.iter().map(String::as_str);
        names.zip(self.addresses.iter().copied())
    }
}

impl HostPatterns {
    /// Adds one; `false` if it is none: `*` may stand in front only, and besides it there are
    /// letters, digits, `-`, `_` and `.`.
    pub fn insert(&mut self, pattern: &str) -> bool {
        self.add(pattern, false)
    }

    fn add(&mut self, pattern: &str, with_port: bool) -> bool {
        let rest = pattern.strip_prefix('*').unwrap_or(pattern);
        let name = match rest.rsplit_once(':').filter(|_| with_port) {
            Some((_, port)) if port.parse::<u16>().is_err() => return false,
            Some((name, _)) => name,
            None => rest,
        };
        let fits =
            |letter: char| letter.is_ascii_alphanumeric() || ['-', '_', '.'].contains(&letter);
        let fits = name.chars().all(fits);
        if fits {
            self.typed.push(pattern.to_owned());
        }
        fits
    }

    /// The pattern, as it was typed, that a host's name is caught by.
    pub fn catching(&self, host: &str) -> Option<&str> {
        self.find(host).map(|position| self.typed[position].as_str())
    }

    /// As they were typed.
    pub fn typed(&self) -> &[String] {
        &self.typed
    }

    fn find(&self, host: &str) -> Option<usize> {
        let host = host.to_lowercase();
        let rank = |(position, typed): (usize, &String)| {
            let pattern = typed.to_lowercase();
            match pattern.strip_prefix('*') {
                // A pattern is never better than a name.
                Some(end) => host.ends_with(end).then_some((end.len(), position)),
                None => (host == pattern).then_some((usize::MAX, position)),
            }
        };
        if host.is_empty() || host.starts_with('*') {
            return None;
        }
        let found = self.typed.iter().enumerate().filter_map(rank).max_by_key(|(rank, _)| *rank);
        found.map(|(_, position)| position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(entries: &[(&str, &str)]) -> Hosts {
        let mut hosts = Hosts::default();
        for (name, address) in entries {
            assert!(hosts.insert(name, Address::parse(address).unwrap()), "{name}");
        }
        hosts
    }

    #[test]
    fn names_lead_where_k6_leads_them() {
        let hosts = hosts(&[
            ("simple.io", "1.2.3.4"),
            ("simple.io:443", "1.2.3.4:8443"),
            ("only-port.io:443", "5.6.7.8:8443"),
            ("*.wildcard.io", "9.10.11.12"),
            ("specific.wildcard.io", "90.100.110.120"),
            ("*two.io", "13.14.15.16"),
            ("with-UPPER-case.io", "17.18.19.20"),
            ("six.io", "aa::bb"),
            ("six.io:443", "[aa::bb]:8443"),
        ]);
        let cases = [
            ("simple.io", 80, Some("1.2.3.4:80")),
            ("simple.io", 443, Some("1.2.3.4:8443")),
            ("only-port.io", 443, Some("5.6.7.8:8443")),
            ("only-port.io", 80, None),
            ("with-upper-case.IO", 80, Some("17.18.19.20:80")),
            ("foo.wildcard.io", 80, Some("9.10.11.12:80")),
            ("wildcard.io", 80, None),
            ("specific.wildcard.io", 80, Some("90.100.110.120:80")),
            ("not.specific.wildcard.io", 80, Some("9.10.11.12:80")),
            ("two.io", 80, Some("13.14.15.16:80")),
            ("foo.two.io", 80, Some("13.14.15.16:80")),
            ("six.io", 80, Some("[aa::bb]:80")),
            ("six.io", 443, Some("[aa::bb]:8443")),
            ("nothing", 80, None),
            ("", 80, None),
            ("*", 80, None),
        ];
        for (host, port, expected) in cases {
            let expected = expected.map(|text| text.parse::<SocketAddr>().unwrap());
            assert_eq!(hosts.find(host, port), expected, "{host}:{port}");
        }
    }

    #[test]
    fn only_addresses_and_patterns_are_taken() {
        let mut patterns = HostPatterns::default();
        for wrong in ["a*b", "**", "a b", "a/b", "a:", "a:x", "a:70000"] {
            assert!(!patterns.insert(wrong) && !patterns.add(wrong, true), "{wrong}");
        }
        assert!(!patterns.insert("a:80") && patterns.add("a:80", true));
        for wrong in ["", "localhost", "1.2.3.4:x", "1.2.3.4:", "1.2.3.4:70000", "::1:80:"] {
            assert_eq!(Address::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn blocked_names_are_caught_by_the_closest_pattern() {
        let mut blocked = HostPatterns::default();
        for pattern in ["sub.test.k6.io", "test.k6.io", "*Valid.pattern", "sub.valid.pattern"] {
            assert!(blocked.insert(pattern));
        }
        let cases = [
            ("K6.Io", None),
            ("tEsT.k6.Io", Some("test.k6.io")),
            ("sub.sub.test.k6.io", None),
            ("blocked.valId.paTtern", Some("*Valid.pattern")),
            ("valId.paTtern", Some("*Valid.pattern")),
            ("sub.valid.pattern", Some("sub.valid.pattern")),
            ("www.sub.valid.pattern", Some("*Valid.pattern")),
        ];
        for (host, pattern) in cases {
            assert_eq!(blocked.catching(host), pattern, "{host}");
        }
    }
}
