//! Free ports on the loopback address, chosen where outgoing connections cannot take them.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};

use seaworthy_base::chance::Chance;

use crate::error::Error;

/// The first port that may be chosen: above those that well-known services use.
const FIRST: u16 = 12_000;

/// How many ports are tried before the kernel is asked for any.
const TRIES: usize = 64;

/// A port on 127.0.0.1 that is free now.
///
/// It is taken from below the kernel's range for outgoing connections: were it in there, the load
/// sent to a target that is down could take the target's own port, or even connect to itself.
///
/// # Errors
/// When no port can be bound.
pub fn free_port() -> Result<u16, Error> {
    Ok(bind(&mut Chance::system())?.1)
}

/// As many different free ports.
///
/// # Errors
/// When not so many can be bound.
pub fn free_ports(count: usize) -> Result<Vec<u16>, Error> {
    let mut chance = Chance::system();
    // All stay bound until all are found, so that none is given twice.
    let bound: Vec<_> = (0..count).map(|_| bind(&mut chance)).collect::<Result<_, _>>()?;
    Ok(bound.into_iter().map(|(_, port)| port).collect())
}

fn bind(chance: &mut Chance) -> Result<(TcpListener, u16), Error> {
    let end = first_outgoing().unwrap_or(0);
    for _ in 0..if end > FIRST + 1_000 { TRIES } else { 0 } {
        let port = FIRST + chance.index(usize::from(end - FIRST)) as u16;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return Ok((listener, port));
        }
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::NoFreePort)?;
    let port = listener.local_addr().map_err(Error::NoFreePort)?.port();
    Ok((listener, port))
}

/// The first port that the kernel gives to outgoing connections.
fn first_outgoing() -> io::Result<u16> {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")?;
    let first = range.split_whitespace().next().and_then(|first| first.parse().ok());
    first.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ports_are_different_and_can_be_bound() {
        let ports = free_ports(50).unwrap();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 50);
        assert!(ports.iter().all(|port| *port >= FIRST));
        TcpListener::bind((Ipv4Addr::LOCALHOST, free_port().unwrap())).unwrap();
    }
}
