//! Client certificates: who we are, for the hosts that ask.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptionContext, PaddedBlockDecryptingKey,
    UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use rustls::sign::CertifiedKey;

use crate::error::Error;
use crate::pattern::Pattern;

/// A certificate that is shown to servers which ask for one, and its key.
#[derive(Clone)]
pub struct Identity {
    hosts: Vec<Pattern>,
    pub(super) certified: Arc<CertifiedKey>,
}

impl Identity {
    /// From PEM text. It is for the `hosts` that one of these patterns fits, or for all when there
    /// are none.
    ///
    /// A key may be encrypted with AES-CBC as `openssl rsa -aes256 -traditional` writes it, its
    /// header `Proc-Type: 4,ENCRYPTED`, and then needs the `password`.
    ///
    /// # Errors
    /// `invalid_setting`: no certificate or key, a wrong password, an encryption not known here
    /// (PKCS #8's, DES), a certificate that is another key's.
    pub fn from_pem(
        hosts: Vec<Pattern>,
        certificates: &[u8],
        key: &[u8],
        password: Option<&str>,
    ) -> Result<Self, Error> {
        let wrong = |reason: String| Error::setting("client certificate", "", reason);
        let chain = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| wrong(format!("it cannot be read: {error}")))?;
        if chain.is_empty() {
            return Err(wrong("the text holds no certificate".to_owned()));
        }
        let key = private_key(key, password).map_err(wrong)?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let certified = CertifiedKey::from_der(chain, key, &provider)
            .map_err(|error| wrong(format!("it cannot be used: {error}")))?;
        Ok(Self { hosts, certified: Arc::new(certified) })
    }

    pub(super) fn is_for(&self, host: &str) -> bool {
        self.hosts.is_empty() || self.hosts.iter().any(|pattern| pattern.fits(host))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Identity").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

fn private_key(pem: &[u8], password: Option<&str>) -> Result<PrivateKeyDer<'static>, String> {
    let text = String::from_utf8_lossy(pem);
    if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
        return Err("its key is encrypted as PKCS #8, which is not known here; rewrite it with \
            `openssl rsa -aes256 -traditional` (or `openssl ec -aes256`)"
            .to_owned());
    }
    if text.contains("Proc-Type: 4,ENCRYPTED") {
        let password = password.ok_or("its key is encrypted, and there is no password")?;
        return decrypted(&text, password);
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| format!("its key cannot be read: {error}"))
}

/// RFC 1423's way, with OpenSSL's derivation of the key.
fn decrypted(text: &str, password: &str) -> Result<PrivateKeyDer<'static>, String> {
    const BROKEN: &str = "its key is encrypted, but not as RFC 1423 has it";
    // Trailing text, a certificate say, is not the key's.
    let begin = text
        .match_indices("-----BEGIN ")
        .map(|(at, begin)| &text[at + begin.len()..])
        .find(|rest| rest.split_once("-----").is_some_and(|(kind, _)| kind.ends_with("KEY")));
    let (kind, rest) = begin.and_then(|rest| rest.split_once("-----")).ok_or(BROKEN)?;
    let (inside, _) = rest.split_once("-----END ").ok_or(BROKEN)?;
    let inside = inside.replace('\r', "");
    let (headers, body) = inside.trim_start().split_once("\n\n").ok_or(BROKEN)?;
    let said = headers.lines().find_map(|line| line.strip_prefix("DEK-Info:")).ok_or(BROKEN)?;
    let (cipher, iv) = said.trim().split_once(',').ok_or(BROKEN)?;
    let algorithm: &'static Algorithm = match cipher {
        "AES-128-CBC" => &AES_128,
        "AES-192-CBC" => &AES_192,
        "AES-256-CBC" => &AES_256,
        _ => {
            return Err(format!(
                "its key is encrypted with {cipher}, which is not known here; rewrite it with \
                `openssl rsa -aes256 -traditional` (or `openssl ec -aes256`)"
            ));
        }
    };
    let iv = unhex(iv.trim()).ok_or(BROKEN)?;
    let body: String = body.split_whitespace().collect();
    let mut bytes = STANDARD.decode(body).map_err(|_| BROKEN)?;
    let length = match cipher {
        "AES-128-CBC" => 16,
        "AES-192-CBC" => 24,
        _ => 32,
    };
    let mut secret = Vec::new();
    let mut last = Vec::new();
    while secret.len() < length {
        let mut digest = Md5::new();
        digest.update(&last);
        digest.update(password.as_bytes());
        digest.update(&iv[..8]);
        last = digest.finalize().to_vec();
        secret.extend_from_slice(&last);
    }
    secret.truncate(length);
    let wrong = |_| "its key is encrypted with another password";
    let key = UnboundCipherKey::new(algorithm, &secret).map_err(wrong)?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(wrong)?;
    let context = DecryptionContext::Iv128(FixedLength::from(iv));
    let der = key.decrypt(&mut bytes, context).map_err(wrong)?.to_vec();
    // A wrong password is not always told by the padding, but nearly always by this.
    if der.first() != Some(&0x30) {
        return Err(wrong(aws_lc_rs::error::Unspecified).to_owned());
    }
    match kind {
        "RSA PRIVATE KEY" => Ok(PrivatePkcs1KeyDer::from(der).into()),
        "EC PRIVATE KEY" => Ok(PrivateSec1KeyDer::from(der).into()),
        "PRIVATE KEY" => Ok(PrivatePkcs8KeyDer::from(der).into()),
        kind => Err(format!("a `{kind}` is not known here")),
    }
}

fn unhex(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}
