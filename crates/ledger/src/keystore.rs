//! The user's keys: the one that signs, made on first use; its rotation; and the keys he trusts.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use seaworthy_base::{Clock, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::chain::{Chain, Open, make_folder, sync_folder, write_whole};
use crate::check::{CHAIN, NamedKey, Rotated, kind};
use crate::error::Error;
use crate::finding::Finding;
use crate::folder;
use crate::key::{PublicKey, SigningKey, is_hex};
use crate::key_folder::key_file;
use crate::receipt::Receipt;
use crate::signer::{MAX_KEY, Signer, Trust, read_private};
use crate::verify::read_chain;

/// A folder with the user's private keys (`keys/`, 0700, each 0600), the signed history of how they
/// were made and rotated (`history/`, a chain of receipts), and the public keys of others that he
/// trusts (`trusted/`).
#[derive(Clone, Debug)]
pub struct Keystore {
    folder: PathBuf,
}

/// What a key is to the keystore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It signs.
    Signing,
    /// It was rotated away, and still signs beside the new key until this time.
    Overlap(Timestamp),
    /// It was rotated away; what it signed is still trusted.
    Retired,
    /// Somebody else's, trusted.
    Trusted,
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signing => formatter.write_str("signing"),
            Self::Overlap(until) => write!(formatter, "in overlap until {until}"),
            Self::Retired => formatter.write_str("retired"),
            Self::Trusted => formatter.write_str("trusted"),
        }
    }
}

/// A key and what it is to the keystore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    /// The key.
    pub key: PublicKey,
    /// What it is for.
    pub role: Role,
}

/// The folder the keystore lies in unless told otherwise: `$SEAWORTHY_STATE`,
/// `$XDG_STATE_HOME/seaworthy` or `$HOME/.local/state/seaworthy`. `variable` gives the environment's
/// values; empty ones count as unset.
///
/// # Errors
/// [`Error::NoStateFolder`] when none of them is set.
pub fn default_folder(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, Error> {
    let path = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // The base directory specification: a relative XDG_STATE_HOME is to be ignored.
    let xdg = || path("XDG_STATE_HOME").filter(|path| path.is_absolute());
    path("SEAWORTHY_STATE")
        .or_else(|| xdg().map(|path| path.join("seaworthy")))
        .or_else(|| path("HOME").map(|path| path.join(".local/state/seaworthy")))
        .ok_or(Error::NoStateFolder)
}

impl Keystore {
    /// Names the folder. Nothing is made until a key is asked for.
    ///
    /// # Errors
    /// [`Error::KeyExposed`] when others can write to the folder or look into that of the private keys.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, Error> {
        let store = Self { folder: folder.into() };
        store.check_private()?;
        Ok(store)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The keys to sign with now: the current one, made if there is none, and during a rotation's
    /// overlap the one before it.
    ///
    /// # Errors
    /// [`Error::Broken`] when the history of the keys does not verify, [`Error::Io`] naming a private
    /// key that is gone, [`Error::KeyExposed`] when others can read one.
    pub fn signer(&self, clock: &Clock) -> Result<Signer, Error> {
        self.check_private()?;
        let mut history = self.read_history()?;
        if history.keys.is_empty() {
            self.make_first(clock)?;
            history = self.read_history()?;
        }
        self.signer_of(&history, clock.wall())
    }

    /// Makes a new key and lets the old one vouch for it: a `key.rotated` receipt in the history,
    /// signed by both. For the length of `overlap` both sign every new receipt.
    ///
    /// # Errors
    /// [`Error::InOverlap`] while the last rotation's overlap lasts (see [`Keystore::retire`]).
    pub fn rotate(&self, clock: &Clock, overlap: Duration) -> Result<Receipt, Error> {
        self.signer(clock)?;
        let mut chain = Chain::open(&self.history(), clock.clone(), Open::Existing)?;
        loop {
            let history = self.read_history()?;
            let mut locked = chain.lock()?;
            if locked.checker().parent != history.head {
                continue; // Another process rotated in between.
            }
            let now = clock.wall();
            let signer = self.signer_of(&history, now)?;
            let old = match (signer.keys(), history.keys.last()) {
                ([_, old, ..], Some((_, Some(until)))) => {
                    return Err(Error::InOverlap { key_id: old.public().id(), until: *until });
                }
                ([current, ..], _) => current.clone(),
                ([], _) => return Err(Error::Missing(self.keys())),
            };
            let new = SigningKey::generate()?;
            self.write_private(&new)?;
            let body = to_value(&Rotated {
                old: NamedKey::new(old.public()),
                new: NamedKey::new(new.public()),
                overlap_until: now.plus(overlap),
            })?;
            // From here on the new key is the current one; a crash before leaves a file nobody uses.
            let both = Signer::with(vec![old, new], Vec::new());
            return locked.push(&both, kind::KEY_ROTATED, body);
        }
    }

    /// Ends the overlap and deletes every private key that no longer signs. Gives the ids of the keys
    /// whose private part was deleted; their public parts stay trusted.
    ///
    /// # Errors
    /// As [`Keystore::signer`].
    pub fn retire(&self, clock: &Clock) -> Result<Vec<String>, Error> {
        let current = self.signer(clock)?.key_ids().into_iter().next();
        let folder = self.keys();
        let failed = |error: std::io::Error| Error::io("list", &folder, error);
        let names = folder::open(&folder)
            .and_then(|open| folder::list(open, folder::MAX_ENTRIES))
            .map_err(failed)?;
        let mut deleted = Vec::new();
        for (name, _) in names {
            let Some(id) = name.to_str().ok().and_then(|name| name.strip_suffix(".pem")) else {
                continue;
            };
            if is_hex(id, 16) && current.as_deref() != Some(id) {
                let path = folder.join(key_file(id));
                std::fs::remove_file(&path).map_err(|error| Error::io("delete", &path, error))?;
                deleted.push(id.to_owned());
            }
        }
        sync_folder(&folder)?;
        Ok(deleted)
    }

    /// Every key here and what it is for.
    ///
    /// # Errors
    /// [`Error::Broken`] when the history does not verify, [`Error::Key`] for a file in `trusted/` that
    /// is no public key.
    pub fn list(&self, clock: &Clock) -> Result<Vec<ListedKey>, Error> {
        let history = self.read_history()?;
        let now = clock.wall();
        let mut listed = Vec::new();
        for (index, (key, _)) in history.keys.iter().enumerate().rev() {
            let until = history.keys.get(index + 1).and_then(|(_, until)| *until);
            let role = match until {
                None => Role::Signing,
                Some(until) if now < until && self.private_path(key).exists() => {
                    Role::Overlap(until)
                }
                Some(_) => Role::Retired,
            };
            listed.push(ListedKey { key: *key, role });
        }
        listed.extend(self.others()?.into_iter().map(|key| ListedKey { key, role: Role::Trusted }));
        Ok(listed)
    }

    /// The keys to trust when verifying: the user's own, old ones included, and those in `trusted/`.
    ///
    /// # Errors
    /// As [`Keystore::list`]: a damaged keystore trusts nobody.
    pub fn trust(&self) -> Result<Trust, Error> {
        let mut trust = Trust::none();
        trust.extend(self.read_history()?.keys.into_iter().map(|(key, _)| key));
        trust.extend(self.others()?);
        Ok(trust)
    }

    /// Trusts somebody else's key from now on.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn add_trusted(&self, key: &PublicKey) -> Result<(), Error> {
        let folder = self.trusted();
        make_folder(&self.folder, 0o700)?;
        make_folder(&folder, 0o700)?;
        let name = key_file(&key.id());
        write_whole(&folder, &name, key.to_pem().as_bytes(), 0o644)
    }

    /// Stops trusting somebody else's key; says whether it was trusted.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn remove_trusted(&self, key_id: &str) -> Result<bool, Error> {
        let path = self.trusted().join(key_file(key_id));
        if !is_hex(key_id, 16) || !path.exists() {
            return Ok(false);
        }
        std::fs::remove_file(&path).map_err(|error| Error::io("delete", &path, error))?;
        sync_folder(&self.trusted())?;
        Ok(true)
    }

    fn keys(&self) -> PathBuf {
        self.folder.join("keys")
    }

    fn history(&self) -> PathBuf {
        self.folder.join("history")
    }

    fn trusted(&self) -> PathBuf {
        self.folder.join("trusted")
    }

    fn private_path(&self, key: &PublicKey) -> PathBuf {
        self.keys().join(key_file(&key.id()))
    }

    /// Nobody else may read the private keys, or change whom this user trusts.
    fn check_private(&self) -> Result<(), Error> {
        for (path, closed) in [(self.folder.clone(), 0o022), (self.keys(), 0o077)] {
            if let Ok(metadata) = std::fs::metadata(&path) {
                let mode = metadata.permissions().mode() & 0o7777;
                if mode & closed != 0 {
                    return Err(Error::KeyExposed { path, mode });
                }
            }
        }
        Ok(())
    }

    fn write_private(&self, key: &SigningKey) -> Result<(), Error> {
        write_whole(&self.keys(), &key_file(&key.public().id()), key.to_pem()?.as_bytes(), 0o600)
    }

    fn read_private(&self, key: &PublicKey) -> Result<SigningKey, Error> {
        let path = self.private_path(key);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::open(&path, flags, Mode::empty())
            .map_err(|error| Error::io("open the private key", &path, error))?;
        let private = read_private(&path, File::from(file))?;
        if private.public() == *key {
            Ok(private)
        } else {
            Err(Error::key(
                format!("`{}`", path.display()),
                "it holds another key than its name says",
            ))
        }
    }

    /// Makes the first key, unless another process just did.
    fn make_first(&self, clock: &Clock) -> Result<(), Error> {
        make_folder(&self.folder, 0o700)?;
        make_folder(&self.keys(), 0o700)?;
        self.check_private()?;
        let mut chain = Chain::open(&self.history(), clock.clone(), Open::Either)?;
        let mut locked = chain.lock()?;
        if !locked.checker().key_made {
            let key = SigningKey::generate()?;
            self.write_private(&key)?;
            let body = to_value(&Made { key: NamedKey::new(key.public()) })?;
            locked.push(&Signer::new(key), kind::KEY_MADE, body)?;
        }
        Ok(())
    }

    /// The current key and, in overlap, the one before it.
    fn signer_of(&self, history: &History, now: Timestamp) -> Result<Signer, Error> {
        let Some((current, overlap_until)) = history.keys.last() else {
            return Err(Error::Missing(self.history()));
        };
        let mut keys = vec![self.read_private(current)?];
        if let (Some(until), [.., (old, _), _]) = (overlap_until, history.keys.as_slice())
            && now < *until
            && self.private_path(old).exists()
        {
            keys.push(self.read_private(old)?);
        }
        Ok(Signer::with(keys, history.rotations.clone()))
    }

    /// Reads and verifies how the keys came to be; an empty history when there are none yet.
    fn read_history(&self) -> Result<History, Error> {
        let folder = self.history();
        let mut history = History { keys: Vec::new(), rotations: Vec::new(), head: String::new() };
        if !folder.join(CHAIN).exists() {
            return Ok(history);
        }
        let chain = read_chain(&folder);
        let broken = |finding| Error::Broken { folder: folder.clone(), finding: Box::new(finding) };
        // A torn tail was never acknowledged; the next writer cuts it off.
        if let Some(finding) = chain.findings.into_iter().find(|found| found.code != "ledger-torn")
        {
            return Err(broken(finding));
        }
        let mut rotations = chain.rotations.into_iter();
        for entry in chain.entries {
            let receipt = entry.receipt;
            let current = history.keys.last().map(|(key, _)| *key);
            let made = || serde_json::from_value::<Made>(receipt.body.clone()).ok()?.key.key();
            let next = match receipt.kind.as_str() {
                kind::TAIL_CUT => continue,
                kind::KEY_MADE if current.is_none() => {
                    made().filter(|key| entry.signers == [*key]).map(|key| (key, None))
                }
                kind::KEY_ROTATED => rotations
                    .next()
                    .filter(|step| Some(step.old) == current)
                    .map(|step| (step.new, Some(step.overlap_until))),
                _ => None,
            };
            let Some(next) = next else {
                let reason = format!("receipt {} does not fit a history of keys", receipt.sequence);
                let finding = Finding::new("ledger-rotation", reason).file(CHAIN);
                return Err(broken(finding.line(receipt.sequence)));
            };
            history.keys.push(next);
            if receipt.kind == kind::KEY_ROTATED {
                history.rotations.push(receipt);
            }
        }
        history.head = chain.head;
        Ok(history)
    }

    /// The keys in `trusted/`.
    fn others(&self) -> Result<Vec<PublicKey>, Error> {
        let path = self.trusted();
        if !path.exists() {
            return Ok(Vec::new());
        }
        let failed = |error| Error::io("read", &path, error);
        let folder = folder::open(&path).map_err(failed)?;
        let mut keys = Vec::new();
        for (name, _) in folder::list(&folder, folder::MAX_ENTRIES).map_err(failed)? {
            let name = name.to_string_lossy();
            if name.starts_with('.') {
                continue; // Left by a write that was interrupted.
            }
            let file = path.join(name.as_ref());
            let text = folder::read_small(&folder, &name, MAX_KEY)
                .map_err(|error| Error::io("read the trusted key", &file, error))?;
            keys.push(PublicKey::from_pem(&format!("`{}`", file.display()), &text)?);
        }
        Ok(keys)
    }
}

/// How the keys came to be.
struct History {
    /// Oldest first, each with the end of the overlap of the rotation that brought it.
    keys: Vec<(PublicKey, Option<Timestamp>)>,
    /// The `key.rotated` receipts.
    rotations: Vec<Receipt>,
    head: String,
}

/// The body of a `key.made` receipt.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Made {
    key: NamedKey,
}

fn to_value(body: &impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(body)
        .map_err(|error| Error::Body { kind: "key".to_owned(), reason: error.to_string() })
}
