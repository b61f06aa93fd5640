//! Versions of TLS and cipher suites, by the names Go and k6 have for them.

use rustls::{CipherSuite, SupportedProtocolVersion};

use crate::error::Error;

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl Version {
    /// `tls1.2` or `tls1.3`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tls12 => "tls1.2",
            Self::Tls13 => "tls1.3",
        }
    }

    /// The version of that name.
    ///
    /// # Errors
    /// `invalid_setting`; for what is older than 1.2 it says that nobody speaks it here.
    pub fn named(name: &str) -> Result<Self, Error> {
        match name {
            "tls1.2" => Ok(Self::Tls12),
            "tls1.3" => Ok(Self::Tls13),
            "ssl3.0" | "tls1.0" | "tls1.1" => Err(Error::setting(
                "TLS version",
                name,
                "it is broken and not spoken here, only `tls1.2` and `tls1.3` are",
            )),
            _ => Err(Error::setting("TLS version", name, "there are `tls1.2` and `tls1.3`")),
        }
    }

    pub(crate) fn numbered(number: u16) -> Option<Self> {
        match number {
            0x0303 => Some(Self::Tls12),
            0x0304 => Some(Self::Tls13),
            _ => None,
        }
    }

    pub(super) fn of(version: &SupportedProtocolVersion) -> Option<Self> {
        Self::numbered(version.version.into())
    }
}

/// A cipher suite that is spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite(&'static Named);

#[derive(Debug, PartialEq, Eq)]
struct Named {
    number: u16,
    version: Version,
    name: &'static str,
}

impl Suite {
    /// All of them, in no order of preference.
    pub fn all() -> impl Iterator<Item = Self> {
        SUITES.iter().map(Self)
    }

    /// The name that k6 has for it, which is its registered one but for a hash function that goes
    /// without saying.
    pub const fn as_str(self) -> &'static str {
        self.0.name
    }

    /// The version of TLS it belongs to.
    pub const fn version(self) -> Version {
        self.0.version
    }

    /// The suite of that name: k6's, or the registered one.
    ///
    /// # Errors
    /// `invalid_setting`; for a suite that is known but not spoken here it says why.
    pub fn named(name: &str) -> Result<Self, Error> {
        let short = match name.strip_suffix("_SHA256") {
            Some(short) if short.starts_with("TLS_ECDHE") && short.ends_with("POLY1305") => short,
            _ => name,
        };
        if let Some(suite) = Self::all().find(|suite| suite.0.name == short) {
            return Ok(suite);
        }
        let known = ["TLS_RSA_WITH_", "TLS_ECDHE_RSA_WITH_", "TLS_ECDHE_ECDSA_WITH_"];
        let ciphers = ["RC4_128_SHA", "3DES_EDE_CBC_SHA", "AES_128_", "AES_256_"];
        let rest = known.iter().find_map(|begin| name.strip_prefix(begin));
        let reason = match rest {
            Some(rest) if ciphers.iter().any(|cipher| rest.starts_with(cipher)) => {
                "it has no forward secrecy or no authenticated encryption, and is not spoken here"
            }
            _ => "there is no such suite",
        };
        Err(Error::setting("cipher suite", name, reason))
    }

    pub(crate) fn numbered(number: u16) -> Option<Self> {
        Self::all().find(|suite| suite.0.number == number)
    }

    pub(super) fn is(self, suite: CipherSuite) -> bool {
        u16::from(suite) == self.0.number
    }
}

const fn suite(number: u16, version: Version, name: &'static str) -> Named {
    Named { number, version, name }
}

static SUITES: [Named; 9] = [
    suite(0x1301, Version::Tls13, "TLS_AES_128_GCM_SHA256"),
    suite(0x1302, Version::Tls13, "TLS_AES_256_GCM_SHA384"),
    suite(0x1303, Version::Tls13, "TLS_CHACHA20_POLY1305_SHA256"),
    suite(0xc02b, Version::Tls12, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    suite(0xc02c, Version::Tls12, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    suite(0xc02f, Version::Tls12, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    suite(0xc030, Version::Tls12, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    suite(0xcca8, Version::Tls12, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305"),
    suite(0xcca9, Version::Tls12, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_what_the_provider_speaks() {
        let spoken = rustls::crypto::aws_lc_rs::ALL_CIPHER_SUITES;
        assert_eq!(spoken.len(), SUITES.len());
        for theirs in spoken {
            let ours = Suite::numbered(theirs.suite().into()).unwrap();
            assert_eq!(Some(ours.version()), Version::of(theirs.version()), "{ours:?}");
            let name = theirs.suite().as_str().unwrap().replacen("TLS13_", "TLS_", 1);
            assert_eq!(Suite::named(&name).unwrap(), ours, "{name}");
            assert_eq!(Suite::named(ours.as_str()).unwrap(), ours);
        }
    }

    #[test]
    fn what_is_not_spoken_is_refused_with_its_reason() {
        let reason = |result: Result<(), Error>| result.unwrap_err().to_string();
        let suite = |name| reason(Suite::named(name).map(drop));
        assert!(suite("TLS_RSA_WITH_AES_128_GCM_SHA256").contains("forward secrecy"));
        assert!(suite("TLS_ECDHE_RSA_WITH_RC4_128_SHA").contains("forward secrecy"));
        assert!(suite("TLS_AES_128_GCM").contains("no such suite"));
        assert!(suite("").contains("no such suite"));
        let version = |name| reason(Version::named(name).map(drop));
        assert!(version("tls1.1").contains("not spoken here"));
        assert!(version("1.2").contains("there are"));
        assert_eq!(Version::named("tls1.2").unwrap(), Version::Tls12);
    }
}
