//! TLS for client connections: rustls on aws-lc-rs, trusting the machine's or given roots.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_rustls::client::TlsStream;

use crate::client::Http;
use crate::error::{Error, Trouble};
use crate::network::Plain;

mod choice;
mod identity;

pub use choice::{Suite, Version};
pub use identity::Identity;

/// How TLS is spoken, and with whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The only roots to be trusted, as PEM; `None` for the machine's.
    pub roots: Option<Vec<u8>>,
    /// Checks nothing: anybody may answer in the server's name. Whoever shows results says so.
    pub insecure: bool,
    /// The oldest version that is spoken.
    pub least: Version,
    /// The newest version that is spoken.
    pub most: Version,
    /// The suites that may be spoken. Without any: all. With suites of TLS 1.2 only: those, and all
    /// of TLS 1.3, as Go has it. The order is not a preference.
    pub suites: Vec<Suite>,
    /// Who we are, for servers that ask: the first that is for the host.
    pub identities: Vec<Identity>,
    /// Whether later connections take up sessions of earlier ones, which saves both sides most of a
    /// handshake.
    pub resumes: bool,
}

impl Default for Settings {
    /// The machine's roots, all that is spoken here, sessions taken up.
    fn default() -> Self {
        Self {
            roots: None,
            insecure: false,
            least: Version::Tls12,
            most: Version::Tls13,
            suites: Vec::new(),
            identities: Vec::new(),
            resumes: true,
        }
    }
}

/// How servers are trusted. Cheap to clone; clones share one configuration and its sessions.
#[derive(Clone, Debug, Default)]
pub struct Tls(Arc<Source>);

#[derive(Debug, Default)]
struct Source {
    settings: Settings,
    /// Roots in place of the machine's.
    roots: Vec<CertificateDer<'static>>,
    configs: OnceLock<Result<All, String>>,
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
        Self::new(Settings { roots: Some(pem.to_vec()), ..Settings::default() })
    }

    /// Checks nothing: anybody may answer in the server's name. Whoever shows results says so.
    pub fn insecure() -> Self {
        let settings = Settings { insecure: true, ..Settings::default() };
        Self(Arc::new(Source { settings, ..Source::default() }))
    }

    /// As `settings` say. The machine's certificates are read when first needed.
    ///
    /// # Errors
    /// `tls_failed` for roots that cannot be read, `invalid_setting` when no suite is left for the
    /// versions.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let mut roots = Vec::new();
        if let Some(pem) = &settings.roots {
            roots = CertificateDer::pem_slice_iter(pem)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| Error::tls(format!("the roots cannot be read: {error}")))?;
            if roots.is_empty() {
                return Err(Error::tls("the roots hold no certificate"));
            }
        }
        let span = format!("{} to {}", settings.least.as_str(), settings.most.as_str());
        if settings.least > settings.most {
            return Err(Error::setting("TLS version", span, "the range is empty"));
        }
        if provider(&settings).cipher_suites.is_empty() {
            return Err(Error::setting("TLS version", span, "none of the cipher suites fits it"));
        }
        let tls = Self(Arc::new(Source { settings, roots, configs: OnceLock::new() }));
        if !tls.0.roots.is_empty() {
            tls.prepare()?;
        }
        Ok(tls)
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
            .map_err(|_| Error::tls(format!("`{host}` is not a host name")))?;
        let all = self.configs()?;
        let identified = self.0.settings.identities.iter().zip(&all.identified);
        let known = identified.filter(|(identity, _)| identity.is_for(host));
        let configs = known.map(|(_, configs)| configs).next().unwrap_or(&all.anonymous);
        let config = match http {
            Http::One => &configs.one,
            Http::Two => &configs.two,
            Http::Auto => &configs.auto,
        };
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(config));
        connector.connect(name, plain).await.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Error::TlsFailed {
                reason: "the server closed the connection in the handshake".to_owned(),
                trouble: Trouble::Closed,
            },
            _ => Error::streaming(&error),
        })
    }

    fn configs(&self) -> Result<&All, Error> {
        let configs = self.0.configs.get_or_init(|| All::build(&self.0));
        configs.as_ref().map_err(|reason| Error::tls(reason.clone()))
    }
}

/// The configurations for those whom we do not tell who we are, and for each identity.
#[derive(Debug)]
struct All {
    anonymous: Configs,
    identified: Vec<Configs>,
}

/// One configuration for each thing a client may offer. They share the roots and the sessions.
#[derive(Debug)]
struct Configs {
    one: Arc<ClientConfig>,
    two: Arc<ClientConfig>,
    auto: Arc<ClientConfig>,
}

impl All {
    fn build(source: &Source) -> Result<Self, String> {
        let settings = &source.settings;
        let provider = Arc::new(provider(settings));
        let spoken = settings.least..=settings.most;
        let versions: Vec<_> = rustls::ALL_VERSIONS
            .iter()
            .copied()
            .filter(|version| Version::of(version).is_some_and(|it| spoken.contains(&it)))
            .collect();
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)
            .map_err(|error| error.to_string())?;
        let builder = if settings.insecure {
            let nobody = Unchecked(provider.signature_verification_algorithms);
            builder.dangerous().with_custom_certificate_verifier(Arc::new(nobody))
        } else {
            builder.with_root_certificates(roots(&source.roots)?)
        };
        let mut config = builder.with_no_client_auth();
        if !settings.resumes {
            config.resumption = Resumption::disabled();
        }
        let identified = settings.identities.iter().map(|identity| {
            let mut config = config.clone();
            // A session says who we are too, so it is not shared.
            if settings.resumes {
                config.resumption = Resumption::default();
            }
            let shown = SingleCertAndKey::from(Arc::clone(&identity.certified));
            config.client_auth_cert_resolver = Arc::new(shown);
            Configs::offering(&config)
        });
        Ok(Self { identified: identified.collect(), anonymous: Configs::offering(&config) })
    }
}

impl Configs {
    fn offering(config: &ClientConfig) -> Self {
        let offering = |protocols: &[&[u8]]| {
            let mut config = config.clone();
            config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            Arc::new(config)
        };
        Self {
            one: offering(&[b"http/1.1"]),
            two: offering(&[b"h2"]),
            auto: offering(&[b"h2", b"http/1.1"]),
        }
    }
}

/// What does the cryptography, with the suites that may be spoken in the versions that are.
fn provider(settings: &Settings) -> CryptoProvider {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    let chosen = &settings.suites;
    let chooses = |version| chosen.iter().any(|suite| suite.version() == version);
    provider.cipher_suites.retain(|suite| {
        let Some(version) = Version::of(suite.version()) else { return false };
        let free = chosen.is_empty() || (version == Version::Tls13 && !chooses(version));
        let spoken = (settings.least..=settings.most).contains(&version);
        spoken && (free || chosen.iter().any(|chosen| chosen.is(suite.suite())))
    });
    provider
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
