//! TLS: versions, cipher suites, certificates that clients show.

use std::fmt;

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// 1.0
    Tls10,
    /// 1.1
    Tls11,
    /// 1.2
    Tls12,
    /// 1.3
    Tls13,
}

/// The lowest and the highest version that may be spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TlsVersions {
    /// The lowest; any when not given.
    pub min: Option<TlsVersion>,
    /// The highest; any when not given.
    pub max: Option<TlsVersion>,
}

/// A certificate that is shown to servers, and its key.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The servers it is for; all when there are none.
    pub domains: Vec<String>,
    /// The certificate, PEM.
    pub cert: String,
    /// Its private key, PEM.
    pub key: String,
    /// What opens the key, if it is locked.
    pub password: Option<String>,
}

const VERSIONS: &[(&str, TlsVersion)] = &[
    ("tls1.0", TlsVersion::Tls10),
    ("tls1.1", TlsVersion::Tls11),
    ("tls1.2", TlsVersion::Tls12),
    ("tls1.3", TlsVersion::Tls13),
];

/// The cipher suites that k6 knows by name, and whether we speak them.
pub const CIPHER_SUITES: &[(&str, bool)] = &[
    ("TLS_RSA_WITH_RC4_128_SHA", false),
    ("TLS_RSA_WITH_3DES_EDE_CBC_SHA", false),
    ("TLS_RSA_WITH_AES_128_CBC_SHA", false),
    ("TLS_RSA_WITH_AES_256_CBC_SHA", false),
    ("TLS_RSA_WITH_AES_128_CBC_SHA256", false),
    ("TLS_RSA_WITH_AES_128_GCM_SHA256", false),
    ("TLS_RSA_WITH_AES_256_GCM_SHA384", false),
    ("TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", false),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", false),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", false),
    ("TLS_ECDHE_RSA_WITH_RC4_128_SHA", false),
    ("TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", false),
    ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", false),
    ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", false),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", false),
    ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", false),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", true),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", true),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", true),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", true),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", true),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", true),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", true),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", true),
    ("TLS_AES_128_GCM_SHA256", true),
    ("TLS_AES_256_GCM_SHA384", true),
    ("TLS_CHACHA20_POLY1305_SHA256", true),
];

/// Whether we speak a cipher suite; `None` for a name that is none.
pub fn is_spoken(suite: &str) -> Option<bool> {
    CIPHER_SUITES.iter().find(|(name, _)| *name == suite).map(|(_, spoken)| *spoken)
}

impl TlsVersion {
    /// Every name there is.
    pub fn names() -> impl Iterator<Item = &'static str> {
        VERSIONS.iter().map(|(name, _)| *name)
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        VERSIONS.iter().find(|(name, _)| *name == text).map(|(_, version)| *version)
    }

    /// As it is typed.
    pub fn name(self) -> &'static str {
        VERSIONS.iter().find(|(_, version)| *version == self).map_or("", |(name, _)| name)
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key and what opens it stay out of every log.
        formatter
            .debug_struct("ClientCertificate")
            .field("domains", &self.domains)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_shown() {
        let certificate = ClientCertificate {
            domains: vec!["a.io".to_owned()],
            cert: "certificate".to_owned(),
            key: "secret key".to_owned(),
            password: Some("secret password".to_owned()),
        };
        let shown = format!("{certificate:?}");
        assert!(shown.contains("a.io") && !shown.contains("secret"), "{shown}");
    }

    #[test]
    fn versions_are_read_back_and_ordered() {
        assert!(TlsVersion::names().all(|name| TlsVersion::parse(name).unwrap().name() == name));
        assert_eq!(TlsVersion::parse("ssl3.0"), None);
        assert!(TlsVersion::Tls10 < TlsVersion::Tls13);
        assert_eq!(is_spoken("TLS_AES_128_GCM_SHA256"), Some(true));
        assert_eq!(is_spoken("TLS_RSA_WITH_RC4_128_SHA"), Some(false));
        assert_eq!(is_spoken("foo"), None);
    }
}
