//! Who signs, and whom a verifier trusts.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::error::Error;
use crate::key::{PublicKey, SigningKey};
use crate::receipt::Receipt;

/// The longest file or variable that can be a key.
pub(crate) const MAX_KEY: u64 = 16 * 1024;

/// The keys that sign new receipts: one, or during a rotation's overlap two. Also carries the records
/// of earlier rotations, which every ledger it signs takes in, so that a verifier who trusts an older
/// key can follow them.
#[derive(Clone, Debug)]
pub struct Signer {
    keys: Vec<SigningKey>,
    rotations: Vec<Receipt>,
}

impl Signer {
    /// Signs with one key.
    pub fn new(key: SigningKey) -> Self {
        Self { keys: vec![key], rotations: Vec::new() }
    }

    /// A key given by file, in any form [`SigningKey::read`] knows. The file must be open to its owner
    /// alone.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::KeyExposed`] or [`Error::Key`].
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
        Ok(Self::new(read_private(path, file)?))
    }

    /// A key given as text, as in the environment variable SEAWORTHY_SIGNING_KEY; `origin` names it in
    /// errors.
    ///
    /// # Errors
    /// [`Error::Key`], without a part of the text.
    pub fn from_text(origin: &str, text: &str) -> Result<Self, Error> {
        Ok(Self::new(SigningKey::read(origin, text.as_bytes())?))
    }

    pub(crate) fn with(keys: Vec<SigningKey>, rotations: Vec<Receipt>) -> Self {
        Self { keys, rotations }
    }

    /// The ids of the keys that sign, the current one first.
    pub fn key_ids(&self) -> Vec<String> {
        self.keys.iter().map(|key| key.public().id()).collect()
    }

    /// The public keys, in the same order.
    pub fn public_keys(&self) -> Vec<PublicKey> {
        self.keys.iter().map(SigningKey::public).collect()
    }

    pub(crate) fn keys(&self) -> &[SigningKey] {
        &self.keys
    }

    pub(crate) fn rotations(&self) -> &[Receipt] {
        &self.rotations
    }
}

/// Reads a private key from an open file that nobody else may read.
pub(crate) fn read_private(path: &Path, file: File) -> Result<SigningKey, Error> {
    let failed = |error| Error::io("read", path, error);
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Error::KeyExposed { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    file.take(MAX_KEY).read_to_end(&mut bytes).map_err(failed)?;
    SigningKey::read(&format!("`{}`", path.display()), &bytes)
}

/// The public keys a verifier trusts. Compared as whole keys, never by their short ids.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    keys: BTreeSet<PublicKey>,
}

impl Trust {
    /// Trusts nobody: verification can then show consistency at best.
    pub fn none() -> Self {
        Self::default()
    }

    /// Trusts one more key.
    #[must_use]
    pub fn and(mut self, key: PublicKey) -> Self {
        self.keys.insert(key);
        self
    }

    /// Whether this very key is trusted.
    pub fn contains(&self, key: &PublicKey) -> bool {
        self.keys.contains(key)
    }

    /// The trusted keys.
    pub fn keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.keys.iter()
    }

    /// Whether the key was not trusted before.
    pub(crate) fn insert(&mut self, key: PublicKey) -> bool {
        self.keys.insert(key)
    }
}

impl Extend<PublicKey> for Trust {
    fn extend<I: IntoIterator<Item = PublicKey>>(&mut self, keys: I) {
        self.keys.extend(keys);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_open_to_others_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let key = SigningKey::generate().unwrap();
        std::fs::write(&path, key.to_pem().unwrap()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = Signer::from_file(&path).unwrap_err();
        assert_eq!(error.code(), "ledger-key-exposed");
        assert!(error.to_string().contains("0640"), "{error}");
        assert!(error.hint().unwrap().contains("chmod 600"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert_eq!(Signer::from_file(&path).unwrap().public_keys(), [key.public()]);
        assert!(Signer::from_file(folder.path()).is_err());
    }
}
