//! The server's end of a connection: its address, and what TLS came to.

use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{LazyLock, Mutex, PoisonError};

use tokio_rustls::client::TlsStream;

use crate::network::Plain;
use crate::tls::{Suite, Version};

/// Whom a client spoke with. One word and `Copy`: every answer carries it, and what is known of a
/// server is written down once, when somebody first connects to it, and for good.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Peer(Option<&'static Known>);

/// What is known of a server: its address, and what TLS came to, by the registered numbers of the
/// version and the suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Known {
    address: SocketAddr,
    secured: Option<(u16, u16)>,
}

/// Everyone who was ever spoken with. It is asked when a connection is made, and grows by 60 bytes
/// for each address that is new; those are a handful.
static KNOWN: LazyLock<Mutex<HashSet<&'static Known>>> = LazyLock::new(Mutex::default);

impl Known {
    fn peer(self) -> Peer {
        let mut all = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let known = match all.get(&self) {
            Some(known) => *known,
            None => {
                let known: &'static Self = Box::leak(Box::new(self));
                all.insert(known);
                known
            }
        };
        Peer(Some(known))
    }
}

impl Peer {
    /// A peer that is spoken with in the clear.
    pub fn plain(address: SocketAddr) -> Self {
        Known { address, secured: None }.peer()
    }

    pub(crate) fn secure(address: SocketAddr, stream: &TlsStream<Plain>) -> Self {
        let (_, session) = stream.get_ref();
        let version = session.protocol_version().map_or(0, u16::from);
        let suite = session.negotiated_cipher_suite().map_or(0, |suite| suite.suite().into());
        Known { address, secured: Some((version, suite)) }.peer()
    }

    /// The address that was connected to; `None` when no connection came about.
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.map(|known| known.address)
    }

    /// The version of TLS, on a connection under TLS.
    pub fn tls_version(&self) -> Option<Version> {
        self.0?.secured.and_then(|(version, _)| Version::numbered(version))
    }

    /// The cipher suite, on a connection under TLS.
    pub fn tls_suite(&self) -> Option<Suite> {
        self.0?.secured.and_then(|(_, suite)| Suite::numbered(suite))
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Peer")
            .field("address", &self.address())
            .field("tls_version", &self.tls_version())
            .field("tls_suite", &self.tls_suite())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_small_and_says_what_it_was_told() {
        assert_eq!(size_of::<Peer>(), size_of::<usize>());
        assert_eq!(Peer::default().address(), None);
        let address = "[::1]:443".parse().unwrap();
        let peer = Peer::plain(address);
        assert_eq!(
            (peer.address(), peer.tls_version(), peer.tls_suite()),
            (Some(address), None, None)
        );
        let secured = Known { address, secured: Some((0x0304, 0x1301)) }.peer();
        assert_eq!(secured.tls_version().map(Version::as_str), Some("tls1.3"));
        assert_eq!(secured.tls_suite().map(Suite::as_str), Some("TLS_AES_128_GCM_SHA256"));
        assert_ne!(peer, secured);
        // What is known already is not written down anew.
        assert!(std::ptr::eq(Peer::plain(address).0.unwrap(), peer.0.unwrap()));
        assert_eq!(Peer::plain(address), peer);
    }
}
