//! The server's end of a connection: its address, and what TLS came to.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;

use tokio_rustls::client::TlsStream;

use crate::network::Plain;
use crate::tls::{Suite, Version};

/// Whom a client spoke with. 24 bytes and `Copy`, so that a connection hands it to each of its
/// answers for the price of three words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    ip: Option<IpAddr>,
    port: u16,
    secured: Option<Secured>,
}

/// What a TLS handshake agreed on, by its registered numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Secured {
    version: NonZeroU16,
    suite: u16,
}

impl Peer {
    /// A peer that is spoken with in the clear.
    pub fn plain(address: SocketAddr) -> Self {
        Self { ip: Some(address.ip()), port: address.port(), secured: None }
    }

    pub(crate) fn secure(address: SocketAddr, stream: &TlsStream<Plain>) -> Self {
        let (_, session) = stream.get_ref();
        let version = session.protocol_version().map_or(0, u16::from);
        let suite = session.negotiated_cipher_suite().map_or(0, |suite| suite.suite().into());
        let secured = NonZeroU16::new(version).map(|version| Secured { version, suite });
        Self { secured, ..Self::plain(address) }
    }

    /// The address that was connected to; `None` when no connection came about.
    pub fn address(&self) -> Option<SocketAddr> {
        self.ip.map(|ip| SocketAddr::new(ip, self.port))
    }

    /// The version of TLS, on a connection under TLS.
    pub fn tls_version(&self) -> Option<Version> {
        self.secured.and_then(|secured| Version::numbered(secured.version.get()))
    }

    /// The cipher suite, on a connection under TLS.
    pub fn tls_suite(&self) -> Option<Suite> {
        self.secured.and_then(|secured| Suite::numbered(secured.suite))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_small_and_says_what_it_was_told() {
        assert!(size_of::<Peer>() <= 24, "{}", size_of::<Peer>());
        assert_eq!(Peer::default().address(), None);
        let address = "[::1]:443".parse().unwrap();
        let peer = Peer::plain(address);
        assert_eq!(
            (peer.address(), peer.tls_version(), peer.tls_suite()),
            (Some(address), None, None)
        );
        let (version, suite) = (NonZeroU16::new(0x0304).unwrap(), 0x1301);
        let peer = Peer { secured: Some(Secured { version, suite }), ..peer };
        assert_eq!(peer.tls_version().map(Version::as_str), Some("tls1.3"));
        assert_eq!(peer.tls_suite().map(Suite::as_str), Some("TLS_AES_128_GCM_SHA256"));
    }
}
