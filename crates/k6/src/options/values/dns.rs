//! How names are looked up: how long an answer holds, and which of its addresses is taken.

use std::time::Duration;

use crate::options::duration;

/// What is said of looking up names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dns {
    /// How long an answer holds.
    pub ttl: Option<Ttl>,
    /// Which address of several is taken.
    pub select: Option<Select>,
    /// Which kind of address.
    pub policy: Option<Policy>,
}

/// How long an answer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ttl {
    text: String,
    length: Option<Duration>,
}

/// Which address of several is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Select {
    /// Always the first.
    First,
    /// Any, drawn for each connection.
    #[default]
    Random,
    /// One after another.
    RoundRobin,
}

/// Which kind of address is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// IPv4 if there is one, else IPv6.
    #[default]
    PreferIpv4,
    /// IPv6 if there is one, else IPv4.
    PreferIpv6,
    /// Never IPv6.
    OnlyIpv4,
    /// Never IPv4.
    OnlyIpv6,
    /// Any.
    Any,
}

/// How long an answer holds unless told otherwise.
const DEFAULT_TTL: Duration = Duration::from_secs(300);

const SELECTS: &[(&str, Select)] =
    &[("first", Select::First), ("random", Select::Random), ("roundRobin", Select::RoundRobin)];

const POLICIES: &[(&str, Policy)] = &[
    ("preferIPv4", Policy::PreferIpv4),
    ("preferIPv6", Policy::PreferIpv6),
    ("onlyIPv4", Policy::OnlyIpv4),
    ("onlyIPv6", Policy::OnlyIpv6),
    ("any", Policy::Any),
];

impl Dns {
    /// How long an answer holds; `None` for the whole run.
    pub fn holds(&self) -> Option<Duration> {
        self.ttl.as_ref().map_or(Some(DEFAULT_TTL), |ttl| ttl.length)
    }

    /// Which address of several is taken.
    pub fn select(&self) -> Select {
        self.select.unwrap_or_default()
    }

    /// Which kind of address is taken.
    pub fn policy(&self) -> Policy {
        self.policy.unwrap_or_default()
    }

    /// What the other says, and this where the other says nothing.
    #[must_use]
    pub fn overridden(self, other: Self) -> Self {
        Self {
            ttl: other.ttl.or(self.ttl),
            select: other.select.or(self.select),
            policy: other.policy.or(self.policy),
        }
    }
}

impl Ttl {
    /// Reads `inf`, `0`, or a length, a bare number being milliseconds.
    pub fn parse(text: &str) -> Option<Self> {
        let length = match text {
            "inf" => None,
            _ => Some(Duration::from_nanos(u64::try_from(duration::lenient(text)?).ok()?)),
        };
        Some(Self { text: text.to_owned(), length })
    }

    /// As it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl Select {
    /// Every name there is.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SELECTS.iter().map(|(name, _)| *name)
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        SELECTS.iter().find(|(name, _)| *name == text).map(|(_, select)| *select)
    }

    /// As it is typed.
    pub fn name(self) -> &'static str {
        SELECTS.iter().find(|(_, select)| *select == self).map_or("random", |(name, _)| name)
    }
}

impl Policy {
    /// Every name there is.
    pub fn names() -> impl Iterator<Item = &'static str> {
        POLICIES.iter().map(|(name, _)| *name)
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        POLICIES.iter().find(|(name, _)| *name == text).map(|(_, policy)| *policy)
    }

    /// As it is typed.
    pub fn name(self) -> &'static str {
        POLICIES.iter().find(|(_, policy)| *policy == self).map_or("preferIPv4", |(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_holds_as_long_as_is_said() {
        let holds = |text: &str| Dns { ttl: Ttl::parse(text), ..Dns::default() }.holds();
        assert_eq!(Dns::default().holds(), Some(Duration::from_secs(300)));
        assert_eq!(holds("inf"), None);
        assert_eq!(holds("0"), Some(Duration::ZERO));
        assert_eq!(holds("5"), Some(Duration::from_millis(5)));
        assert_eq!(holds("5m30s"), Some(Duration::from_secs(330)));
        assert!(Ttl::parse("-1").is_none() && Ttl::parse("x").is_none());
    }

    #[test]
    fn every_name_is_read_back() {
        assert!(Select::names().all(|name| Select::parse(name).unwrap().name() == name));
        assert!(Policy::names().all(|name| Policy::parse(name).unwrap().name() == name));
        assert_eq!(Select::parse("ROUNDROBIN"), None);
    }
}
