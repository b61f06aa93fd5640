//! The keys that a constitution may be signed with: RSA and Ed25519 public keys, read from PEM.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::bundle::Algorithm;

/// The DER in front of the 32 bytes of an Ed25519 public key (RFC 8410).
const SPKI_ED25519: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// A public key that is trusted to sign constitutions.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    algorithm: Algorithm,
    /// The SubjectPublicKeyInfo.
    der: Vec<u8>,
}

impl Key {
    /// The 32 bytes of an Ed25519 public key.
    pub(crate) fn ed25519(public: &[u8]) -> Self {
        Self { algorithm: Algorithm::EdDSA, der: [&SPKI_ED25519[..], public].concat() }
    }

    /// Reads PEM as `openssl pkey -pubout` writes it: an RSA key of 2048 to 8192 bits, or Ed25519.
    /// None for anything else.
    pub fn from_pem(text: &str) -> Option<Self> {
        let inner = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
        let letters: String = inner.split_ascii_whitespace().collect();
        let der = BASE64_STANDARD.decode(letters).ok()?;
        if let Some(raw) = der.strip_prefix(&SPKI_ED25519) {
            return (raw.len() == 32).then_some(Self { algorithm: Algorithm::EdDSA, der });
        }
        ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &der).ok()?;
        Some(Self { algorithm: Algorithm::RS256, der })
    }

    /// As PEM, ending in a newline.
    pub fn to_pem(&self) -> String {
        let letters = BASE64_STANDARD.encode(&self.der);
        let mut text = format!("{BEGIN}\n");
        let mut rest = letters.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(64));
            text.push_str(line);
            text.push('\n');
            rest = after;
        }
        text.push_str(END);
        text.push('\n');
        text
    }

    /// The first 16 hexadecimal digits of the SHA-256 of the key's DER.
    pub fn id(&self) -> String {
        digest(&SHA256, &self.der).as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What it signs with.
    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether `signature` is this key's over `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self.algorithm {
            Algorithm::RS256 => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.der)
                .verify(message, signature)
                .is_ok(),
            Algorithm::EdDSA => {
                let raw = &self.der[SPKI_ED25519.len()..];
                UnparsedPublicKey::new(&ED25519, raw).verify(message, signature).is_ok()
            }
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Key({:?} {})", self.algorithm, self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_text_and_other_texts_are_no_keys() {
        let key = Key::ed25519(&[7; 32]);
        assert_eq!(Key::from_pem(&key.to_pem()).unwrap(), key);
        let short = Key { algorithm: Algorithm::EdDSA, der: SPKI_ED25519.to_vec() };
        for wrong in ["", "key", BEGIN, &format!("{BEGIN}\nAAAA\n{END}"), &short.to_pem()] {
            assert_eq!(Key::from_pem(wrong), None, "{wrong}");
        }
    }
}
