//! TLS with the certificate of the tests, HTTP/2 offered; a client's own certificate is looked at when
//! it shows one.

use std::io;
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto::aws_lc_rs};

/// Makes TLS connections out of TCP connections.
pub(crate) type Acceptor = tokio_rustls::TlsAcceptor;

/// Self-signed, for `localhost` and 127.0.0.1.
const CERTIFICATE: &[u8] = include_bytes!("../../../net/tests/data/server.pem");
const KEY: &[u8] = include_bytes!("../../../net/tests/data/server.key");

pub(crate) fn acceptor() -> io::Result<Acceptor> {
    let wrong = |error: &dyn std::fmt::Display| io::Error::other(error.to_string());
    let certificates = CertificateDer::pem_slice_iter(CERTIFICATE)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(&error))?;
    let key = PrivateKeyDer::from_pem_slice(KEY).map_err(|error| wrong(&error))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    // Clients may show the same certificate: it vouches for itself.
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots.add(certificate.clone()).map_err(|error| wrong(&error))?;
    }
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .map_err(|error| wrong(&error))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&error))?
        .with_client_cert_verifier(clients)
        .with_single_cert(certificates, key)
        .map_err(|error| wrong(&error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Acceptor::from(Arc::new(config)))
}
