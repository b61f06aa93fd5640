//! A network whose connections begin at an address of this machine that was chosen.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpSocket, TcpStream};

use crate::network::{Network, Pending, Plain, Stream};

/// TCP from one local address. Names are looked up by another network.
#[derive(Debug)]
pub struct Sourced {
    local: IpAddr,
    inner: Arc<dyn Network>,
}

impl Sourced {
    /// Connects from `local`, and asks `inner` for names. What `inner` has to say about connecting
    /// is not heard, so whatever guards addresses does it when they are looked up.
    pub fn new(local: IpAddr, inner: Arc<dyn Network>) -> Self {
        Self { local, inner }
    }

    async fn open(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = match self.local {
            IpAddr::V4(_) => TcpSocket::new_v4()?,
            IpAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if self.local.is_ipv4() != address.is_ipv4() {
            let reason = format!("{address} cannot be reached from {}", self.local);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        socket.bind(SocketAddr::new(self.local, 0))?;
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Network for Sourced {
    fn look_up<'a>(&'a self, host: &'a str, port: u16) -> Pending<'a, io::Result<Vec<SocketAddr>>> {
        self.inner.look_up(host, port)
    }

    fn connect(&self, address: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        Box::pin(async move { Ok(Box::new(self.open(address).await?) as Box<dyn Stream>) })
    }

    fn dial(&self, address: SocketAddr) -> Pending<'_, io::Result<Plain>> {
        Box::pin(async move { self.open(address).await.map(Plain::from) })
    }
}
