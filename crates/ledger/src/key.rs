//! Ed25519 keys: read from PEM, PKCS#8 or a seed, written as PEM, named by the hash of the public part.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::error::Error;

/// The DER in front of the 32 bytes of an Ed25519 public key (RFC 8410 SubjectPublicKeyInfo).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// SHA-256 in lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// SHA-256 of bytes that come one after another, as a file that is appended to.
#[derive(Clone)]
pub struct RunningHash(digest::Context);

impl Default for RunningHash {
    fn default() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }
}

impl RunningHash {
    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all bytes so far, in lower-case hex.
    pub fn hex(&self) -> String {
        hex(self.0.clone().finish().as_ref())
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Whether text is `length` lower-case hex digits.
pub(crate) fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// An Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The key id: the first 16 hex digits of the SHA-256 of the 32 bytes of the key.
    pub fn id(&self) -> String {
        let mut id = sha256(&self.0);
        id.truncate(16);
        id
    }

    /// The 32 bytes of the key.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As `-----BEGIN PUBLIC KEY-----` PEM (RFC 8410), ending in a newline.
    pub fn to_pem(&self) -> String {
        pem("PUBLIC KEY", &[&SPKI[..], &self.0].concat())
    }

    /// Reads PEM as `openssl pkey -pubout` writes it.
    ///
    /// # Errors
    /// [`Error::Key`] when the text is anything else; `origin` names it there.
    pub fn from_pem(origin: &str, text: &str) -> Result<Self, Error> {
        let der = from_pem("PUBLIC KEY", text)
            .ok_or_else(|| Error::key(origin, "not a PEM block of type PUBLIC KEY"))?;
        let key = der.strip_prefix(&SPKI).and_then(|key| <[u8; 32]>::try_from(key).ok());
        key.map(Self).ok_or_else(|| Error::key(origin, "not an Ed25519 public key"))
    }

    pub(crate) fn from_base64(text: &str) -> Option<Self> {
        BASE64.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).map(Self)
    }

    pub(crate) fn to_base64(self) -> String {
        BASE64.encode(self.0)
    }

    /// Whether `signature` (base64 of 64 bytes) holds over `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &str) -> bool {
        BASE64.decode(signature).is_ok_and(|signature| {
            UnparsedPublicKey::new(&ED25519, &self.0).verify(message, &signature).is_ok()
        })
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({})", self.id())
    }
}

/// An Ed25519 private key. Cheap to clone; shows only its key id.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<Ed25519KeyPair>,
    public: PublicKey,
}

impl SigningKey {
    /// A new key from the operating system's randomness.
    ///
    /// # Errors
    /// [`Error::Crypto`] when the library cannot make one.
    pub fn generate() -> Result<Self, Error> {
        Self::from_pair(Ed25519KeyPair::generate().map_err(|_| Error::Crypto("make a key"))?)
    }

    /// Reads a key as a file or an environment variable holds it: PKCS#8 as PEM (`\n` may stand for a
    /// line break), PKCS#8 in base64 or DER, or a 32-byte seed raw, in hex or in base64.
    ///
    /// # Errors
    /// [`Error::Key`] naming `origin`; never a part of the key.
    pub fn read(origin: &str, bytes: &[u8]) -> Result<Self, Error> {
        if let Ok(text) = std::str::from_utf8(bytes) {
            let text = text.trim();
            if text.starts_with("-----BEGIN") {
                let text = text.replace("\\n", "\n");
                let der = from_pem("PRIVATE KEY", &text).ok_or_else(|| {
                    Error::key(
                        origin,
                        "not a PEM block of type PRIVATE KEY (PKCS#8, not encrypted)",
                    )
                })?;
                return Self::from_der(origin, &der);
            }
            if let Some(seed) = seed_from_hex(text) {
                return Self::from_der(origin, &seed);
            }
            if text.len() >= 43
                && let Ok(decoded) = BASE64.decode(text)
            {
                return Self::from_der(origin, &decoded);
            }
            // Thirty-two typed letters are a pass phrase, not a seed.
            if text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
                return Err(Error::key(origin, "none of the forms a key can have"));
            }
        }
        Self::from_der(origin, bytes)
    }

    fn from_der(origin: &str, bytes: &[u8]) -> Result<Self, Error> {
        let pair = if bytes.len() == 32 {
            Ed25519KeyPair::from_seed_unchecked(bytes)
        } else {
            Ed25519KeyPair::from_pkcs8(bytes)
        };
        Self::from_pair(pair.map_err(|_| Error::key(origin, "not an Ed25519 private key"))?)
    }

    fn from_pair(pair: Ed25519KeyPair) -> Result<Self, Error> {
        let public = <[u8; 32]>::try_from(pair.public_key().as_ref())
            .map_err(|_| Error::Crypto("give the public part of a key"))?;
        Ok(Self { pair: Arc::new(pair), public: PublicKey(public) })
    }

    /// The public part.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// As PKCS#8 PEM. A secret: for the keystore's files only.
    pub(crate) fn to_pem(&self) -> Result<String, Error> {
        let der = self.pair.to_pkcs8v1().map_err(|_| Error::Crypto("write a key as PKCS#8"))?;
        Ok(pem("PRIVATE KEY", der.as_ref()))
    }

    /// The signature over `message`, in base64.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<String, Error> {
        let signature = self.pair.try_sign(message).map_err(|_| Error::Crypto("sign a receipt"))?;
        Ok(BASE64.encode(signature.as_ref()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({})", self.public.id())
    }
}

fn seed_from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 {
        return None;
    }
    let mut seed = [0_u8; 32];
    for (byte, digits) in seed.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit =
            |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        *byte = digit(digits[0])? << 4 | digit(digits[1])?;
    }
    Some(seed)
}

/// RFC 7468 text: 64 letters of base64 a line.
fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for start in (0..text.len()).step_by(64) {
        out.push_str(&text[start..text.len().min(start + 64)]);
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

fn from_pem(label: &str, text: &str) -> Option<Vec<u8>> {
    let body = text
        .trim()
        .strip_prefix(&format!("-----BEGIN {label}-----"))?
        .strip_suffix(&format!("-----END {label}-----"))?;
    let body: String = body.split_ascii_whitespace().collect();
    BASE64.decode(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, section 7.1, test 2.
    const SEED: &str = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
    const PUBLIC: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    const SIGNATURE: &str = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

    #[test]
    fn the_rfc_8032_vector_holds() {
        let key = SigningKey::read("seed", SEED.as_bytes()).unwrap();
        assert_eq!(hex(key.public().bytes()), PUBLIC);
        let signature = key.sign(&[0x72]).unwrap();
        assert_eq!(hex(&BASE64.decode(&signature).unwrap()), SIGNATURE);
        assert!(key.public().verifies(&[0x72], &signature));
        assert!(!key.public().verifies(&[0x73], &signature));
        assert!(!key.public().verifies(&[0x72], "not base64"));
        assert!(!key.public().verifies(&[0x72], ""));
    }

    #[test]
    fn every_form_gives_the_same_key() {
        let key = SigningKey::generate().unwrap();
        let pem = key.to_pem().unwrap();
        let der = from_pem("PRIVATE KEY", &pem).unwrap();
        let forms: [&[u8]; 4] = [
            pem.as_bytes(),
            &der,
            BASE64.encode(&der).as_bytes(),
            pem.replace('\n', "\\n").as_bytes(),
        ]
        .map(|form| Box::leak(form.to_vec().into_boxed_slice()) as &[u8]);
        for form in forms {
            assert_eq!(SigningKey::read("test", form).unwrap().public(), key.public());
        }
        let public = key.public();
        assert_eq!(PublicKey::from_pem("test", &public.to_pem()).unwrap(), public);
        assert!(is_hex(&public.id(), 16));
        assert!(!format!("{key:?}").contains(&pem[30..60]));
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_shown() {
        let rsa = "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n-----END RSA PRIVATE KEY-----";
        let phrase = "correct horse battery staple 123";
        let (digits, letters) = ("g".repeat(64), "A".repeat(44));
        for wrong in ["", "secret", rsa, "-----BEGIN PRIVATE KEY-----", phrase, &digits, &letters] {
            let error = SigningKey::read("SEAWORTHY_SIGNING_KEY", wrong.as_bytes()).unwrap_err();
            assert_eq!(error.code(), "ledger-key");
            let text = format!("{error} {error:?}");
            assert!(text.contains("SEAWORTHY_SIGNING_KEY") && !text.contains("c2Vj"), "{text}");
        }
        assert!(
            PublicKey::from_pem("x", &PublicKey([1; 32]).to_pem().replace("MC", "MD")).is_err()
        );
    }
}
