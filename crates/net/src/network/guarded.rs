//! A network on which some hosts and addresses are out of bounds.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::error::Error;
use crate::network::{Network, Pending, Plain, Range, Stream};
use crate::pattern::Pattern;

/// Refuses hosts before they are looked up, and addresses before anybody connects to them. It goes
/// around whatever maps names to addresses, so that it sees where they lead.
#[derive(Debug)]
pub struct Guarded {
    hosts: Vec<Pattern>,
    addresses: Vec<Range>,
    inner: Arc<dyn Network>,
}

impl Guarded {
    /// `inner`, but for these hosts and addresses.
    pub fn new(hosts: Vec<Pattern>, addresses: Vec<Range>, inner: Arc<dyn Network>) -> Self {
        Self { hosts, addresses, inner }
    }

    fn check(&self, address: SocketAddr) -> Result<(), Error> {
        let ip = address.ip();
        match self.addresses.iter().find(|range| range.contains(ip)) {
            Some(range) => Err(Error::AddressBlocked { ip, range: range.to_string() }),
            None => Ok(()),
        }
    }
}

impl Network for Guarded {
    fn look_up<'a>(&'a self, host: &'a str, port: u16) -> Pending<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            if let Some(pattern) = self.hosts.iter().find(|pattern| pattern.fits(host)) {
                let (host, pattern) = (host.to_owned(), pattern.as_str().to_owned());
                return Err(io::Error::other(Error::HostBlocked { host, pattern }));
            }
            let addresses = self.inner.look_up(host, port).await?;
            for address in &addresses {
                self.check(*address).map_err(io::Error::other)?;
            }
            Ok(addresses)
        })
    }

    fn connect(&self, address: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        match self.check(address) {
            Ok(()) => self.inner.connect(address),
            Err(error) => Box::pin(std::future::ready(Err(io::Error::other(error)))),
        }
    }

    fn dial(&self, address: SocketAddr) -> Pending<'_, io::Result<Plain>> {
        match self.check(address) {
            Ok(()) => self.inner.dial(address),
            Err(error) => Box::pin(std::future::ready(Err(io::Error::other(error)))),
        }
    }
}
