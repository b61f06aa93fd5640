//! Receipts: signed, hash-chained, append-only; the seal over a trial folder; verification and audit.
//!
//! Three nouns. A [`Receipt`] is one signed record: Ed25519 over the RFC 8785 canonical JSON of every
//! field but the signatures. A [`Ledger`] is a folder with one chain of receipts (`chain.jsonl`, a
//! canonical receipt a line) and the public keys that signed it. A *seal* is the last receipt of a
//! trial's ledger: path, size and hash of every file in the trial folder.
//!
//! What is absent: nothing here trusts a key because it was found beside the receipts ([`Trust`] comes
//! from the caller), nothing follows a symbolic link below the folder it was given, nothing reads
//! without a bound, and no input makes it panic. `docs/reference/receipts.md` has the format and says
//! what verification proves and what it does not.

mod audit;
mod chain;
mod check;
mod error;
mod finding;
mod folder;
mod json;
mod key;
mod key_folder;
mod keystore;
mod ledger;
mod receipt;
mod seal;
mod signer;
mod verify;

pub use audit::{Audit, audit};
pub use error::Error;
pub use finding::{CODES, Finding};
pub use key::{PublicKey, RunningHash, SigningKey, sha256};
pub use keystore::{Keystore, ListedKey, Role, default_folder};
pub use ledger::Ledger;
pub use receipt::{Receipt, Signature, VERSION};
pub use seal::{Head, RECEIPTS, Seal, SealedFile, record, seal, seal_written};
pub use signer::{Signer, Trust};
pub use verify::{Outcome, Report, UsedKey, verify, verify_chain};
