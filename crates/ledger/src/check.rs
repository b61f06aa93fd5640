//! The rules of a chain, checked line by line: for the writer before it appends, and for the verifier.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, BufRead, Read};

use seaworthy_base::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::finding::{Finding, shown};
use crate::key::{PublicKey, sha256};
use crate::key_folder::KeyFolder;
use crate::receipt::{NO_PARENT, Receipt};
use crate::seal::sealed_in;
use crate::signer::Trust;

/// The chain's file in its folder.
pub(crate) const CHAIN: &str = "chain.jsonl";
/// The longest line, and so the largest receipt.
pub(crate) const MAX_LINE: u64 = 32 << 20;
/// The largest chain.
pub(crate) const MAX_CHAIN: u64 = 512 << 20;

/// Kinds that only this crate writes.
pub(crate) mod kind {
    pub(crate) const SEAL: &str = "seal";
    pub(crate) const TRIAL_SEALED: &str = "trial.sealed";
    pub(crate) const TAIL_CUT: &str = "tail.cut";
    pub(crate) const KEY_MADE: &str = "key.made";
    pub(crate) const KEY_ROTATED: &str = "key.rotated";
    pub(crate) const KEY_HISTORY: &str = "key.history";
}

/// A line of a chain file.
pub(crate) enum Line {
    /// With its newline (not included here).
    Whole(Vec<u8>),
    /// The last line, without a newline: an append that did not finish.
    Torn(Vec<u8>),
    /// Longer than [`MAX_LINE`].
    TooLong,
}

/// The next line, or nothing at the end.
pub(crate) fn next_line(reader: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    reader.take(MAX_LINE + 1).read_until(b'\n', &mut line)?;
    Ok(match line.last() {
        None => None,
        Some(b'\n') => {
            line.pop();
            Some(Line::Whole(line))
        }
        Some(_) if line.len() as u64 > MAX_LINE => Some(Line::TooLong),
        Some(_) => Some(Line::Torn(line)),
    })
}

/// One receipt with the keys whose signatures hold on it (none when one of them does not).
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) receipt: Receipt,
    pub(crate) signers: Vec<PublicKey>,
}

/// A key vouched for by an older one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rotation {
    pub(crate) old: PublicKey,
    pub(crate) new: PublicKey,
    pub(crate) overlap_until: Timestamp,
}

/// The body of a `key.rotated` receipt.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotated {
    pub(crate) old: NamedKey,
    pub(crate) new: NamedKey,
    pub(crate) overlap_until: Timestamp,
}

/// A public key in a body.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamedKey {
    pub(crate) key_id: String,
    /// The 32 bytes in base64.
    pub(crate) public_key: String,
}

impl NamedKey {
    pub(crate) fn new(key: PublicKey) -> Self {
        Self { key_id: key.id(), public_key: key.to_base64() }
    }

    pub(crate) fn key(&self) -> Option<PublicKey> {
        PublicKey::from_base64(&self.public_key).filter(|key| key.id() == self.key_id)
    }
}

impl Rotation {
    /// Reads a `key.rotated` receipt on its own: it carries both keys, and both must have signed it.
    pub(crate) fn read(receipt: &Receipt) -> Result<Self, String> {
        if receipt.kind != kind::KEY_ROTATED {
            return Err(format!("a `{}` receipt is not a rotation", shown(&receipt.kind)));
        }
        let body: Rotated =
            serde_json::from_value(receipt.body.clone()).map_err(|error| error.to_string())?;
        let (Some(old), Some(new)) = (body.old.key(), body.new.key()) else {
            return Err("a key in it is not the one its key id names".to_owned());
        };
        let signers = receipt.check_signatures(|id| {
            [old, new].into_iter().find(|key| key.id() == id).ok_or_else(|| {
                format!("key {} signed it, which is neither the old nor the new one", shown(id))
            })
        })?;
        if old == new || !signers.contains(&old) || !signers.contains(&new) {
            return Err("it is not signed by both the old and the new key".to_owned());
        }
        Ok(Self { old, new, overlap_until: body.overlap_until })
    }
}

/// Follows rotations from trusted keys until no new one is reached.
pub(crate) fn follow(trust: &mut Trust, rotations: &[Rotation]) {
    while rotations.iter().any(|step| trust.contains(&step.old) && trust.insert(step.new)) {}
}

/// Where a chain stands, and the check of what comes next.
#[derive(Clone)]
pub(crate) struct Checker {
    /// Lines seen.
    pub(crate) line: u64,
    pub(crate) sequence: u64,
    pub(crate) parent: String,
    pub(crate) time: Option<Timestamp>,
    pub(crate) sealed: bool,
    /// Whether a `key.made` receipt was among them.
    pub(crate) key_made: bool,
    pub(crate) rotations: Vec<Rotation>,
    /// The hashes of the seals of other chains that this one records.
    pub(crate) recorded: BTreeSet<String>,
    /// The line of each hash, to name copies; only kept by verifiers.
    seen: Option<HashMap<String, u64>>,
}

impl Checker {
    /// For a writer, who stops at the first finding.
    pub(crate) fn for_writer() -> Self {
        Self {
            line: 0,
            sequence: 0,
            parent: NO_PARENT.to_owned(),
            time: None,
            sealed: false,
            key_made: false,
            rotations: Vec::new(),
            recorded: BTreeSet::new(),
            seen: None,
        }
    }

    /// For a verifier, who wants to know what exactly is wrong.
    pub(crate) fn for_verifier() -> Self {
        Self { seen: Some(HashMap::new()), ..Self::for_writer() }
    }

    /// Checks the next line and moves on, whatever it holds. The entry is missing when the line is no
    /// receipt at all.
    pub(crate) fn check(
        &mut self,
        line: &[u8],
        keys: &mut KeyFolder,
    ) -> (Option<Entry>, Vec<Finding>) {
        self.line += 1;
        let mut findings = Vec::new();
        let number = self.line;
        let mut find = |code, reason: String| {
            findings.push(Finding::new(code, reason).file(CHAIN).line(number));
        };
        let receipt = match Receipt::parse(line) {
            Ok(receipt) => receipt,
            Err(reason) => {
                find("ledger-malformed", format!("not a receipt: {reason}"));
                self.sequence = self.sequence.saturating_add(1);
                self.parent = sha256(line);
                return (None, findings);
            }
        };
        let sequence = receipt.sequence;
        let copied = self.seen.as_ref().and_then(|seen| seen.get(receipt.hash()));
        if let Some(first) = copied {
            find("ledger-sequence", format!("receipt {sequence} is a copy of line {first}"));
        } else if self.sequence.checked_add(1) == Some(sequence) {
            if receipt.parent != self.parent {
                let reason = if number == 1 {
                    "receipt 1 names a parent, but it is the first".to_owned()
                } else {
                    format!(
                        "receipt {sequence} does not continue the line before it: one of the two was \
                         changed or replaced"
                    )
                };
                find("ledger-parent", reason);
            }
        } else if sequence > self.sequence {
            let last = sequence - 1;
            let first = self.sequence + 1;
            let reason = if first == last {
                format!("receipt {first} is missing before receipt {sequence}")
            } else {
                format!("receipts {first} to {last} are missing before receipt {sequence}")
            };
            find("ledger-sequence", reason);
        } else {
            let last = self.sequence;
            find(
                "ledger-sequence",
                format!("receipt {sequence} comes after receipt {last}: out of order"),
            );
        }
        if let Some(before) = self.time.filter(|before| receipt.time <= *before) {
            let time = receipt.time;
            find("ledger-time", format!("receipt {sequence} is of {time}, not after {before}"));
        }
        if self.sealed {
            find("ledger-seal", format!("receipt {sequence} comes after the seal"));
        }
        let signers = match receipt.check_signatures(|id| keys.get(id)) {
            Ok(signers) => signers,
            Err(reason) => {
                find("ledger-signature", format!("receipt {sequence}: {reason}"));
                Vec::new()
            }
        };
        if let Some(rotation) = rotation_in(&receipt) {
            match rotation {
                Ok(rotation) => self.rotations.push(rotation),
                Err(reason) => {
                    find(
                        "ledger-rotation",
                        format!("receipt {sequence} is no valid rotation: {reason}"),
                    );
                }
            }
        }
        match sealed_in(&receipt) {
            Some(Ok(sealed)) => {
                self.recorded.insert(sealed.seal);
            }
            Some(Err(reason)) => find("ledger-malformed", format!("receipt {sequence}: {reason}")),
            None => {}
        }
        self.sequence = sequence;
        self.parent = receipt.hash().to_owned();
        self.time = Some(receipt.time);
        self.sealed |= receipt.kind == kind::SEAL;
        self.key_made |= receipt.kind == kind::KEY_MADE;
        if let Some(seen) = &mut self.seen {
            seen.entry(receipt.hash().to_owned()).or_insert(number);
        }
        (Some(Entry { receipt, signers }), findings)
    }
}

/// The rotation a receipt records (the keystore's own) or carries (a copy in another chain).
fn rotation_in(receipt: &Receipt) -> Option<Result<Rotation, String>> {
    match receipt.kind.as_str() {
        kind::KEY_ROTATED => Some(Rotation::read(receipt)),
        kind::KEY_HISTORY => Some(match &receipt.body {
            Value::Object(fields) if fields.len() == 1 => match fields.get("record") {
                Some(record) => {
                    Receipt::from_value(record.clone()).and_then(|record| Rotation::read(&record))
                }
                None => Err("its body has no `record`".to_owned()),
            },
            _ => Err("its body is not one `record`".to_owned()),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SigningKey;
    use crate::receipt::Draft;
    use crate::signer::Signer;

    #[test]
    fn a_rotation_needs_both_signatures_and_its_own_keys() {
        let [old, new, third] = [(); 3].map(|()| SigningKey::generate().unwrap());
        let record = |from: NamedKey, to: NamedKey, signers: &[&SigningKey]| {
            let overlap_until = Timestamp::from_nanos(9);
            let body = Rotated { old: from, new: to, overlap_until };
            let draft = Draft {
                sequence: 2,
                parent: NO_PARENT,
                time: Timestamp::from_nanos(1),
                kind: kind::KEY_ROTATED,
                body: serde_json::to_value(body).unwrap(),
            };
            let signers = signers.iter().map(|key| (*key).clone()).collect();
            Rotation::read(&Receipt::sign(draft, &Signer::with(signers, Vec::new())).unwrap().0)
        };
        let named = |key: &SigningKey| NamedKey::new(key.public());
        let rotation = record(named(&old), named(&new), &[&old, &new]).unwrap();
        assert_eq!((rotation.old, rotation.new), (old.public(), new.public()));
        // The new key alone vouching for itself would make anybody trusted.
        for signers in [&[&new][..], &[&old], &[&new, &third], &[&old, &new, &third], &[&third]] {
            assert!(record(named(&old), named(&new), signers).is_err(), "{signers:?}");
        }
        assert!(record(named(&old), named(&old), &[&old]).is_err());
        let swapped = NamedKey { key_id: old.public().id(), ..named(&third) };
        assert!(record(swapped, named(&new), &[&third, &new]).is_err());
    }
}
