//! A folder with one chain of receipts, open for appending.

use std::fmt;
use std::path::Path;

use seaworthy_base::Clock;
use serde_json::{Value, json};

use crate::chain::{Chain, Locked, Open};
use crate::check::{Rotation, kind};
use crate::error::Error;
use crate::receipt::{Receipt, is_kind};
use crate::signer::Signer;

/// A chain of receipts and who signs the next one.
///
/// Several processes may have the same ledger open: every append locks the chain, checks what others
/// appended meanwhile, and continues from there.
pub struct Ledger {
    chain: Chain,
    signer: Signer,
}

impl Ledger {
    /// Begins a chain in a folder that is new or empty (its parents are made).
    ///
    /// # Errors
    /// [`Error::Exists`] when the folder holds anything, [`Error::Io`] otherwise.
    pub fn create(folder: &Path, signer: Signer, clock: Clock) -> Result<Self, Error> {
        Self::with(folder, signer, clock, Open::New)
    }

    /// Opens a chain that is there, and checks all of it.
    ///
    /// A last line that an interrupted append left half-written is cut off, and a `tail.cut` receipt
    /// with the length and hash of what was cut records that.
    ///
    /// # Errors
    /// [`Error::Missing`] without a chain, [`Error::Broken`] when it does not verify.
    pub fn open(folder: &Path, signer: Signer, clock: Clock) -> Result<Self, Error> {
        Self::with(folder, signer, clock, Open::Existing)
    }

    /// Opens the chain, or begins one.
    ///
    /// # Errors
    /// As [`Ledger::open`], but for a missing chain.
    pub fn open_or_create(folder: &Path, signer: Signer, clock: Clock) -> Result<Self, Error> {
        Self::with(folder, signer, clock, Open::Either)
    }

    fn with(folder: &Path, signer: Signer, clock: Clock, how: Open) -> Result<Self, Error> {
        let mut ledger = Self { chain: Chain::open(folder, clock, how)?, signer };
        ledger.locked(|_, _| Ok(()))?;
        Ok(ledger)
    }

    /// Appends a receipt. When this returns, the receipt and the chain's folder entry are synced.
    ///
    /// `kind` is dotted lower-case words (`trial.plan`); the kinds this crate writes itself are
    /// refused. Whole numbers beyond 2^53-1 in `body` must be strings.
    ///
    /// # Errors
    /// Any [`Error`] but those about keys; the chain on disk is then as it was before.
    pub fn append(&mut self, kind: &str, body: Value) -> Result<Receipt, Error> {
        check_kind(kind)?;
        self.locked(|chain, signer| chain.push(signer, kind, body))
    }

    /// The ledger's folder.
    pub fn folder(&self) -> &Path {
        self.chain.folder()
    }

    /// How many receipts it held when last looked at (the sequence of the last).
    pub fn sequence(&self) -> u64 {
        self.chain.checker().sequence
    }

    /// The hash of the last receipt when last looked at; 64 zeros for an empty chain.
    pub fn head(&self) -> &str {
        &self.chain.checker().parent
    }

    /// Whether the chain has its seal.
    pub fn is_sealed(&self) -> bool {
        self.chain.checker().sealed
    }

    /// Who signs.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Runs `write` while no other process can append, after recording what must come first: a torn
    /// tail that was cut off, and rotations of the signer's keys that this chain does not know yet.
    pub(crate) fn locked<T>(
        &mut self,
        write: impl FnOnce(&mut Locked<'_>, &Signer) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut chain = self.chain.lock()?;
        if !chain.checker().sealed {
            chain.record_cut(&self.signer)?;
            for record in self.signer.rotations() {
                let refused = |reason| Error::Body { kind: kind::KEY_HISTORY.to_owned(), reason };
                let rotation = Rotation::read(record).map_err(refused)?;
                if !chain.checker().rotations.contains(&rotation) {
                    let record =
                        serde_json::to_value(record).map_err(|error| refused(error.to_string()))?;
                    chain.push(&self.signer, kind::KEY_HISTORY, json!({ "record": record }))?;
                }
            }
        }
        write(&mut chain, &self.signer)
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Ledger")
            .field("folder", &self.folder())
            .field("sequence", &self.sequence())
            .field("signer", &self.signer)
            .finish()
    }
}

fn check_kind(kind: &str) -> Result<(), Error> {
    let refused = |reason| Err(Error::Kind { kind: crate::finding::shown(kind), reason });
    if !is_kind(kind) {
        return refused("it is made of lower-case words, digits and `-`, joined by dots");
    }
    let own = [kind::SEAL, kind::TRIAL_SEALED, kind::TAIL_CUT];
    if own.contains(&kind) || kind.starts_with("key.") {
        return refused("only the ledger itself writes that kind");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_dotted_words_of_the_caller() {
        for good in ["trial.plan", "x", "verdict", "hub-1.key"] {
            check_kind(good).unwrap();
        }
        for bad in [
            "",
            ".",
            "a.",
            "Seal",
            "a b",
            "1a",
            "seal",
            "key.made",
            "trial.sealed",
            "tail.cut",
            "ä",
        ] {
            assert_eq!(check_kind(bad).unwrap_err().code(), "ledger-kind", "{bad}");
        }
    }
}
