//! TLS for client connections: rustls on aws-lc-rs, trusting the machine's or given roots.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::error::Error;
use crate::network::Stream;

/// How servers are trusted. Cheap to clone; clones share one configuration and its sessions.
#[derive(Clone, Debug, Default)]
pub struct Tls(Arc<Source>);

#[derive(Debug, Default)]
struct Source {
    /// Roots beside the machine's; with any given, the machine's are not used.
    roots: Vec<CertificateDer<'static>>,
    config: OnceLock<Result<Arc<ClientConfig>, String>>,
}

impl Tls {
    /// Trusts what the machine trusts. The certificates are read when first needed.
    pub fn system() -> Self {
        Self::default()
    }

    /// Trusts only the certificates in `pem`.
    ///
    /// # Errors
    /// `tls_failed` when the text holds no certificate or a broken one.
    pub fn trusting(pem: &[u8]) -> Result<Self, Error> {
        let roots = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Error::TlsFailed(format!("the roots cannot be read: {error}")))?;
        if roots.is_empty() {
            return Err(Error::TlsFailed("the roots hold no certificate".to_owned()));
        }
        let tls = Self(Arc::new(Source { roots, config: OnceLock::new() }));
        tls.prepare()?;
        Ok(tls)
    }

    /// Reads the certificates now, so that no measured request pays for it.
    ///
    /// # Errors
    /// `tls_failed` when no certificate can be read.
    pub fn prepare(&self) -> Result<(), Error> {
        self.config().map(drop)
    }

    pub(crate) async fn connect(
        &self,
        host: &str,
        stream: Box<dyn Stream>,
    ) -> Result<Box<dyn Stream>, Error> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Error::TlsFailed(format!("`{host}` is not a host name")))?;
        let connector = tokio_rustls::TlsConnector::from(self.config()?);
        match connector.connect(name, stream).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(match error.kind() {
                io::ErrorKind::UnexpectedEof => {
                    Error::TlsFailed("the server closed the connection in the handshake".to_owned())
                }
                _ => Error::streaming(&error),
            }),
        }
    }

    fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        self.0.config.get_or_init(|| build(&self.0.roots)).clone().map_err(Error::TlsFailed)
    }
}

fn build(roots: &[CertificateDer<'static>]) -> Result<Arc<ClientConfig>, String> {
    let mut store = RootCertStore::empty();
    if roots.is_empty() {
        let native = rustls_native_certs::load_native_certs();
        let (added, _) = store.add_parsable_certificates(native.certs);
        if added == 0 {
            let reasons: Vec<String> = native.errors.iter().map(ToString::to_string).collect();
            return Err(format!("this machine has no root certificates {}", reasons.join(", ")));
        }
    }
    for root in roots {
        store.add(root.clone()).map_err(|error| format!("a root cannot be used: {error}"))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
