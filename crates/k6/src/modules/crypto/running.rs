//! Hashes and HMACs under way. What AWS-LC has comes from there; MD4, MD5, RIPEMD-160 and
//! SHA-512/224 from the RustCrypto crates.

use aws_lc_rs::{digest, hmac as mac};
use hmac::digest::{Digest, common::BlockSizeUser};
use hmac::{KeyInit, Mac, SimpleHmac};

/// A hash algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Md4,
    Md5,
    Ripemd160,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
    Sha512To224,
    Sha512To256,
}

/// A hash or an HMAC under way.
pub(super) trait Running: Send {
    /// Takes more bytes.
    fn update(&mut self, bytes: &[u8]);

    /// The digest of all bytes so far.
    fn digest(&self) -> Vec<u8>;
}

impl Algorithm {
    pub(super) const ALL: [Self; 9] = [
        Self::Md4,
        Self::Md5,
        Self::Sha1,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
        Self::Sha512To224,
        Self::Sha512To256,
        Self::Ripemd160,
    ];

    /// Its name in scripts.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Md4 => "md4",
            Self::Md5 => "md5",
            Self::Ripemd160 => "ripemd160",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Sha512To224 => "sha512_224",
            Self::Sha512To256 => "sha512_256",
        }
    }

    /// A hash of no bytes yet.
    pub(super) fn begin(self) -> Box<dyn Running> {
        let aws = |algorithm| Box::new(digest::Context::new(algorithm)) as Box<dyn Running>;
        match self {
            Self::Md4 => Box::new(Plain(md4::Md4::new())),
            Self::Md5 => Box::new(Plain(md5::Md5::new())),
            Self::Ripemd160 => Box::new(Plain(ripemd::Ripemd160::new())),
            Self::Sha512To224 => Box::new(Plain(sha2::Sha512_224::new())),
            Self::Sha1 => aws(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            Self::Sha256 => aws(&digest::SHA256),
            Self::Sha384 => aws(&digest::SHA384),
            Self::Sha512 => aws(&digest::SHA512),
            Self::Sha512To256 => aws(&digest::SHA512_256),
        }
    }

    /// An HMAC of no bytes yet, under a key of any length.
    pub(super) fn begin_keyed(self, key: &[u8]) -> Box<dyn Running> {
        let aws = |algorithm| {
            let key = mac::Key::new(algorithm, key);
            Box::new(mac::Context::with_key(&key)) as Box<dyn Running>
        };
        match self {
            Self::Md4 => keyed::<md4::Md4>(key),
            Self::Md5 => keyed::<md5::Md5>(key),
            Self::Ripemd160 => keyed::<ripemd::Ripemd160>(key),
            Self::Sha512To224 => keyed::<sha2::Sha512_224>(key),
            Self::Sha512To256 => keyed::<sha2::Sha512_256>(key),
            Self::Sha1 => aws(mac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
            Self::Sha256 => aws(mac::HMAC_SHA256),
            Self::Sha384 => aws(mac::HMAC_SHA384),
            Self::Sha512 => aws(mac::HMAC_SHA512),
        }
    }
}

struct Plain<D>(D);

impl<D: Digest + Clone + Send> Running for Plain<D> {
    fn update(&mut self, bytes: &[u8]) {
        Digest::update(&mut self.0, bytes);
    }

    fn digest(&self) -> Vec<u8> {
        self.0.clone().finalize().to_vec()
    }
}

struct Keyed<D: Digest + BlockSizeUser>(SimpleHmac<D>);

fn keyed<D: Digest + BlockSizeUser + Clone + Send + 'static>(key: &[u8]) -> Box<dyn Running>
where
    SimpleHmac<D>: Send,
{
    let mac = <SimpleHmac<D> as KeyInit>::new_from_slice(key);
    Box::new(Keyed(mac.expect("an HMAC takes a key of any length")))
}

impl<D: Digest + BlockSizeUser + Clone> Running for Keyed<D>
where
    SimpleHmac<D>: Send,
{
    fn update(&mut self, bytes: &[u8]) {
        Mac::update(&mut self.0, bytes);
    }

    fn digest(&self) -> Vec<u8> {
        self.0.clone().finalize().into_bytes().to_vec()
    }
}

impl Running for digest::Context {
    fn update(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }

    fn digest(&self) -> Vec<u8> {
        self.clone().finish().as_ref().to_vec()
    }
}

impl Running for mac::Context {
    fn update(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }

    fn digest(&self) -> Vec<u8> {
        self.clone().sign().as_ref().to_vec()
    }
}
