//! What can go wrong while writing receipts or handling keys, each with a stable code and a hint.

use std::io;
use std::path::{Path, PathBuf};

use seaworthy_base::Timestamp;

use crate::finding::Finding;

/// Why a ledger, a seal or a keystore could not do what it was asked to. Nothing was half-done: a
/// failed append leaves the chain as it was, or refuses every further one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// `create` found a chain already there.
    #[error("`{}` already exists", .0.display())]
    Exists(PathBuf),
    /// `open` found no chain.
    #[error("`{}` holds no chain of receipts", .0.display())]
    Missing(PathBuf),
    /// The chain on disk does not verify; nothing is appended to a broken chain.
    #[error("the chain in `{}` is broken: {finding}", folder.display())]
    Broken {
        /// The ledger's folder.
        folder: PathBuf,
        /// The first thing that is wrong with it.
        finding: Box<Finding>,
    },
    /// The chain was changed by something else than an append while it was open.
    #[error("`{}` was {how} while it was open", path.display())]
    Interfered {
        /// The chain's file.
        path: PathBuf,
        /// `replaced` or `cut short`.
        how: &'static str,
    },
    /// An earlier append failed half-way and could not be taken back.
    #[error("`{}` ends in a half-written receipt that could not be taken back", .0.display())]
    Poisoned(PathBuf),
    /// The chain has its seal; it takes no more receipts.
    #[error("`{}` is sealed and takes no more receipts", .0.display())]
    Sealed(PathBuf),
    /// A kind that is not a dotted lower-case name, or one that only the ledger itself writes.
    #[error("`{kind}` cannot be a receipt's kind: {reason}")]
    Kind {
        /// The kind that was asked for.
        kind: String,
        /// Why not.
        reason: &'static str,
    },
    /// A body that canonical JSON cannot hold without loss.
    #[error("the body of a `{kind}` receipt is refused: {reason}")]
    Body {
        /// The receipt's kind.
        kind: String,
        /// What is wrong, with its place in the body.
        reason: String,
    },
    /// The sequence or the time has reached the end of its range.
    #[error("`{}` cannot take another receipt: {reason}", path.display())]
    Exhausted {
        /// The chain's file.
        path: PathBuf,
        /// What ran out.
        reason: &'static str,
    },
    /// Something in the trial folder cannot be sealed.
    #[error("`{}` cannot be sealed: {reason}", path.display())]
    Unsealable {
        /// The file, link or folder.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Others can read or change a private key or the folder it lies in.
    #[error("`{}` is open to others (mode {mode:04o})", path.display())]
    KeyExposed {
        /// The key file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Text or bytes that are not the key they should be. The text itself is never shown.
    #[error("{origin} is not a usable key: {reason}")]
    Key {
        /// Where the key came from: a path or a variable's name.
        origin: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The state folder cannot be worked out from the environment.
    #[error("no folder to keep keys in: neither SEAWORTHY_STATE, XDG_STATE_HOME nor HOME is set")]
    NoStateFolder,
    /// A rotation was asked for while the last one is still in its overlap.
    #[error("key {key_id} is still in overlap until {until}")]
    InOverlap {
        /// The key that still signs beside the current one.
        key_id: String,
        /// When its overlap ends.
        until: Timestamp,
    },
    /// The cryptographic library could not make a key or a signature.
    #[error("the cryptographic library could not {0}")]
    Crypto(&'static str),
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Io { action, path: path.to_owned(), source: source.into() }
    }

    pub(crate) fn key(origin: impl Into<String>, reason: &'static str) -> Self {
        Self::Key { origin: origin.into(), reason }
    }

    /// The stable code, as `ledger-sealed`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "ledger-io",
            Self::Exists(_) => "ledger-exists",
            Self::Missing(_) => "ledger-missing",
            Self::Broken { .. } => "ledger-broken",
            Self::Interfered { .. } => "ledger-interfered",
            Self::Poisoned(_) => "ledger-half-written",
            Self::Sealed(_) => "ledger-sealed",
            Self::Kind { .. } => "ledger-kind",
            Self::Body { .. } => "ledger-body",
            Self::Exhausted { .. } => "ledger-exhausted",
            Self::Unsealable { .. } => "ledger-unsealable",
            Self::KeyExposed { .. } => "ledger-key-exposed",
            Self::Key { .. } => "ledger-key",
            Self::NoStateFolder => "ledger-no-state-folder",
            Self::InOverlap { .. } => "ledger-in-overlap",
            Self::Crypto(_) => "ledger-crypto",
        }
    }

    /// What the user can do about it, if anything.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Io { path, source, .. } => match source.kind() {
                io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::FileTooLarge => {
                    format!("make room on the file system of `{}`", path.display())
                }
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    format!("make `{}` writable for this user, or name another folder", path.display())
                }
                _ => return None,
            },
            Self::Exists(_) => "each trial has a folder of its own; name a new one".to_owned(),
            Self::Missing(path) => format!("check that `{}` is the right folder", path.display()),
            Self::Broken { folder, .. } => format!(
                "keep it as evidence: move `{}` aside, and a new chain begins",
                folder.display()
            ),
            Self::Interfered { path, .. } | Self::Poisoned(path) => format!(
                "verify `{}`, find out what else writes there, and open it again",
                path.display()
            ),
            Self::Body { .. } => "write whole numbers beyond 2^53-1 as strings".to_owned(),
            Self::Unsealable { .. } => {
                "only regular files and folders with UTF-8 names can be sealed; move it elsewhere"
                    .to_owned()
            }
            Self::KeyExposed { path, .. } => {
                let wanted = if path.is_dir() { "700" } else { "600" };
                format!(
                    "if nobody else has used it: `chmod {wanted} '{}'`; otherwise rotate the key",
                    path.display()
                )
            }
            Self::Key { .. } => "an Ed25519 key is given as PKCS#8 PEM (`openssl genpkey -algorithm \
                                 ed25519`), as PKCS#8 in base64, or as a 32-byte seed in 64 hex digits"
                .to_owned(),
            Self::NoStateFolder => "set SEAWORTHY_STATE to a folder of your own".to_owned(),
            Self::InOverlap { .. } => "end the overlap first (retire the old key)".to_owned(),
            Self::Sealed(_) | Self::Kind { .. } | Self::Exhausted { .. } | Self::Crypto(_) => {
                return None;
            }
        })
    }
}
