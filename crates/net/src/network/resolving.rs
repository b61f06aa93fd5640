//! Names looked up as the user wants it: how long an answer holds, and which address of it is taken.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use seaworthy_base::chance::Chance;
use seaworthy_base::{Clock, Instant};

use crate::error::Error;
use crate::network::{Network, Pending, Plain, Stream};

/// How names are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dns {
    /// How long an answer holds: `None` for as long as the run takes, zero for no time at all.
    pub lifetime: Option<Duration>,
    /// Which address is taken.
    pub select: Select,
    /// Which kinds of address come into question.
    pub policy: Policy,
}

impl Default for Dns {
    /// Five minutes, any of them, IPv4 where there is some: as k6 has it.
    fn default() -> Self {
        Self {
            lifetime: Some(Duration::from_secs(5 * 60)),
            select: Select::Random,
            policy: Policy::PreferIpv4,
        }
    }
}

/// Which of several addresses is taken. A connection tries that one only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    /// The first, as the resolver orders them.
    First,
    /// Any.
    Random,
    /// Each in turn, over all users.
    RoundRobin,
}

impl Select {
    /// The choice that k6 calls so, in letters of either case.
    ///
    /// # Errors
    /// `invalid_setting`.
    pub fn named(name: &str) -> Result<Self, Error> {
        match name.to_ascii_lowercase().as_str() {
            "first" => Ok(Self::First),
            "random" => Ok(Self::Random),
            "roundrobin" => Ok(Self::RoundRobin),
            _ => {
                Err(Error::setting("DNS selection", name, "there are first, random and roundRobin"))
            }
        }
    }
}

/// Which kinds of address come into question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// IPv4 where there is some, else IPv6.
    PreferIpv4,
    /// IPv6 where there is some, else IPv4.
    PreferIpv6,
    /// IPv4.
    OnlyIpv4,
    /// IPv6.
    OnlyIpv6,
    /// Both.
    Any,
}

impl Policy {
    /// The policy that k6 calls so, in letters of either case.
    ///
    /// # Errors
    /// `invalid_setting`.
    pub fn named(name: &str) -> Result<Self, Error> {
        match name.to_ascii_lowercase().as_str() {
            "preferipv4" => Ok(Self::PreferIpv4),
            "preferipv6" => Ok(Self::PreferIpv6),
            "onlyipv4" => Ok(Self::OnlyIpv4),
            "onlyipv6" => Ok(Self::OnlyIpv6),
            "any" => Ok(Self::Any),
            _ => Err(Error::setting(
                "DNS policy",
                name,
                "there are preferIPv4, preferIPv6, onlyIPv4, onlyIPv6 and any",
            )),
        }
    }

    fn applied(self, mut ips: Vec<IpAddr>) -> Vec<IpAddr> {
        let has = |ips: &[IpAddr], four| ips.iter().any(|ip| ip.is_ipv4() == four);
        let kept = match self {
            Self::Any => return ips,
            Self::OnlyIpv4 => true,
            Self::OnlyIpv6 => false,
            Self::PreferIpv4 => has(&ips, true),
            Self::PreferIpv6 => !has(&ips, false),
        };
        ips.retain(|ip| ip.is_ipv4() == kept);
        ips
    }
}

/// A network whose names are looked up as [`Dns`] says, once for all who ask at the same time.
#[derive(Debug)]
pub struct Resolving {
    dns: Dns,
    clock: Clock,
    chance: Mutex<Chance>,
    known: Mutex<HashMap<String, Arc<Name>>>,
    inner: Arc<dyn Network>,
}

/// What is known of a name. Held while it is looked up, so that the others wait for that answer.
#[derive(Debug, Default)]
struct Name(tokio::sync::Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    ips: Vec<IpAddr>,
    since: Option<Instant>,
    taken: usize,
}

impl Resolving {
    /// `inner`, asked as `dns` says.
    pub fn new(dns: Dns, clock: Clock, chance: Chance, inner: Arc<dyn Network>) -> Self {
        Self { dns, clock, chance: Mutex::new(chance), known: Mutex::default(), inner }
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<SocketAddr> {
        let name = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            match known.get(host) {
                Some(name) => Arc::clone(name),
                None => Arc::clone(known.entry(host.to_ascii_lowercase()).or_default()),
            }
        };
        let mut known = name.0.lock().await;
        let holds = known.since.is_some_and(|since| match self.dns.lifetime {
            Some(lifetime) => self.clock.now().saturating_duration_since(since) < lifetime,
            None => true,
        });
        if !holds {
            let found = self.inner.look_up(host, port).await?;
            let ips = found.iter().map(SocketAddr::ip).collect();
            known.ips = self.dns.policy.applied(ips);
            known.since = Some(self.clock.now());
        }
        let count = known.ips.len();
        let index = match self.dns.select {
            Select::First => 0,
            Select::RoundRobin => known.taken.checked_rem(count).unwrap_or(0),
            Select::Random => {
                self.chance.lock().unwrap_or_else(PoisonError::into_inner).index(count)
            }
        };
        known.taken = known.taken.wrapping_add(1);
        match known.ips.get(index) {
            Some(ip) => Ok(SocketAddr::new(*ip, port)),
            None => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the name has no address of the wanted kind",
            )),
        }
    }
}

impl Network for Resolving {
    fn look_up<'a>(&'a self, host: &'a str, port: u16) -> Pending<'a, io::Result<Vec<SocketAddr>>> {
        if let Ok(ip) = host.parse() {
            return Box::pin(std::future::ready(Ok(vec![SocketAddr::new(ip, port)])));
        }
        Box::pin(async move { self.resolve(host, port).await.map(|address| vec![address]) })
    }

    fn connect(&self, address: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        self.inner.connect(address)
    }

    fn dial(&self, address: SocketAddr) -> Pending<'_, io::Result<Plain>> {
        self.inner.dial(address)
    }
}
