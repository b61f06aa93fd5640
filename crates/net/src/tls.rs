//! TLS for client connections: rustls on aws-lc-rs, trusting the machine's or given roots.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_rustls::client::TlsStream;

use crate::client::Http;
use crate::error::Error;
use crate::network::Plain;

/// How servers are trusted. Cheap to clone; clones share one configuration and its sessions.
#[derive(Clone, Debug, Default)]
pub struct Tls(Arc<Source>);

#[derive(Debug, Default)]
struct Source {
    /// Roots beside the machine's; with any given, the machine's are not used.
    roots: Vec<CertificateDer<'static>>,
    /// Whether certificates are not checked at all.
    unchecked: bool,
    configs: OnceLock<Result<Configs, String>>,
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
        let tls = Self(Arc::new(Source { roots, ..Source::default() }));
        tls.prepare()?;
        Ok(tls)
    }

    /// Checks nothing: anybody may answer in the server's name. Whoever shows results says so.
    pub fn insecure() -> Self {
        Self(Arc::new(Source { unchecked: true, ..Source::default() }))
    }

    /// Reads the certificates now, so that no measured request pays for it.
    ///
    /// # Errors
    /// `tls_failed` when no certificate can be read.
    pub fn prepare(&self) -> Result<(), Error> {
        self.configs().map(drop)
    }

    /// Shakes hands over `plain`, offering what `http` asks for.
    pub(crate) async fn connect(
        &self,
        host: &str,
        http: Http,
        plain: Plain,
    ) -> Result<TlsStream<Plain>, Error> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Error::TlsFailed(format!("`{host}` is not a host name")))?;
        let configs = self.configs()?;
        let config = match http {
            Http::One => &configs.one,
            Http::Two => &configs.two,
            Http::Auto => &configs.auto,
        };
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(config));
        connector.connect(name, plain).await.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                Error::TlsFailed("the server closed the connection in the handshake".to_owned())
            }
            _ => Error::streaming(&error),
        })
    }

    fn configs(&self) -> Result<&Configs, Error> {
        let configs = self.0.configs.get_or_init(|| Configs::build(&self.0));
        configs.as_ref().map_err(|reason| Error::TlsFailed(reason.clone()))
    }
}

/// One configuration for each thing a client may offer. They share the roots and the sessions.
#[derive(Debug)]
struct Configs {
    one: Arc<ClientConfig>,
    two: Arc<ClientConfig>,
    auto: Arc<ClientConfig>,
}

impl Configs {
    fn build(source: &Source) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = if source.unchecked {
            let nobody = Unchecked(provider.signature_verification_algorithms);
            builder.dangerous().with_custom_certificate_verifier(Arc::new(nobody))
        } else {
            builder.with_root_certificates(roots(&source.roots)?)
        };
        let config = builder.with_no_client_auth();
        let offering = |protocols: &[&[u8]]| {
            let mut config = config.clone();
            config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            Arc::new(config)
        };
        Ok(Self {
            one: offering(&[b"http/1.1"]),
            two: offering(&[b"h2"]),
            auto: offering(&[b"h2", b"http/1.1"]),
        })
    }
}

fn roots(given: &[CertificateDer<'static>]) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    if given.is_empty() {
        let native = rustls_native_certs::load_native_certs();
        let (added, _) = store.add_parsable_certificates(native.certs);
        if added == 0 {
            let reasons: Vec<String> = native.errors.iter().map(ToString::to_string).collect();
            return Err(format!("this machine has no root certificates {}", reasons.join(", ")));
        }
    }
    for root in given {
        store.add(root.clone()).map_err(|error| format!("a root cannot be used: {error}"))?;
    }
    Ok(store)
}

/// Takes any certificate and any signature by it.
#[derive(Debug)]
struct Unchecked(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
