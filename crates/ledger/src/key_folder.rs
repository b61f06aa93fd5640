//! The public keys that lie beside a chain, each in a file named by its id.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use crate::finding::shown;
use crate::folder;
use crate::key::{PublicKey, is_hex};

/// The longest file that can hold a public key.
const MAX_FILE: u64 = 4096;

/// What a name beside a chain stands for.
pub(crate) enum KeyName {
    /// A key that has been asked for.
    Used,
    /// A sound key that has not, or a key file that was never finished.
    Leftover,
    /// A key file by its name alone.
    Wrong(String),
    /// Something else.
    Other,
}

/// The public keys that lie beside a chain, as `<key id>.pem`.
pub(crate) struct KeyFolder {
    folder: OwnedFd,
    known: BTreeMap<String, PublicKey>,
}

impl KeyFolder {
    pub(crate) fn new(folder: OwnedFd) -> Self {
        Self { folder, known: BTreeMap::new() }
    }

    /// The key of this id; the file must be exactly what this crate writes.
    pub(crate) fn get(&mut self, id: &str) -> Result<PublicKey, String> {
        if let Some(key) = self.known.get(id) {
            return Ok(*key);
        }
        if !is_hex(id, 16) {
            return Err(format!("`{}` is not a key id", shown(id)));
        }
        let name = key_file(id);
        let key = folder::read_small(&self.folder, &name, MAX_FILE)
            .map_err(|error| format!("the public key `{name}` cannot be read: {error}"))
            .and_then(|text| check(id, &text))?;
        self.known.insert(id.to_owned(), key);
        Ok(key)
    }

    /// What a file of this name beside the chain is.
    pub(crate) fn name(&self, name: &str) -> KeyName {
        let part = name.strip_prefix('.').and_then(|name| name.strip_suffix(".pem.part"));
        if part.is_some_and(|id| is_hex(id, 16)) {
            return KeyName::Leftover;
        }
        let Some(id) = name.strip_suffix(".pem").filter(|id| is_hex(id, 16)) else {
            return KeyName::Other;
        };
        if self.known.contains_key(id) {
            return KeyName::Used;
        }
        let text = folder::read_small(&self.folder, name, MAX_FILE);
        let key = text.map_err(|error| error.to_string()).and_then(|text| check(id, &text));
        match key {
            Ok(_) => KeyName::Leftover,
            Err(reason) => KeyName::Wrong(reason),
        }
    }

    pub(crate) fn folder(&self) -> &OwnedFd {
        &self.folder
    }
}

/// The name of a key's file.
pub(crate) fn key_file(id: &str) -> String {
    format!("{id}.pem")
}

/// The key in the text of the file for `id`, if it is byte for byte what it should be.
fn check(id: &str, text: &str) -> Result<PublicKey, String> {
    let name = key_file(id);
    let key = PublicKey::from_pem(&name, text).map_err(|error| error.to_string())?;
    if key.to_pem() != text {
        return Err(format!("{name} is not written as it should be"));
    }
    if key.id() != id {
        return Err(format!("{name} holds another key: {}", key.id()));
    }
    Ok(key)
}
