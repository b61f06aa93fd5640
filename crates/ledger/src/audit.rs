//! The audit: the workspace's chain against the trials that are still there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use crate::check::kind;
use crate::finding::{Finding, push, shown};
use crate::folder::{self, Kind};
use crate::receipt::NO_PARENT;
use crate::seal::{RECEIPTS, sealed_in};
use crate::signer::Trust;
use crate::verify::{Outcome, Report, find_seal, read_chain, verify_chain};

/// What an audit found.
#[derive(Clone, Debug, Serialize)]
pub struct Audit {
    /// The workspace's own chain, verified.
    pub ledger: Report,
    /// What is wrong with the trials; their `file` is the trial's name.
    pub findings: Vec<Finding>,
    /// The trials whose seal is the one on record.
    pub sealed: Vec<String>,
    /// Trials that have no seal and none on record: unfinished, running, or killed.
    pub unsealed: Vec<String>,
}

impl Audit {
    /// The worse of what the chain and the trials say.
    pub fn outcome(&self) -> Outcome {
        if self.findings.is_empty() { self.ledger.outcome } else { Outcome::Broken }
    }
}

/// Holds the workspace's chain against the folder of its trials: names trials that were sealed but are
/// missing, whose seal is another one or is gone, that were sealed but never recorded, and those whose
/// seal speaks of a workspace chain that is no longer this one.
///
/// It does not verify the trials' files; that is what [`crate::verify`] is for.
pub fn audit(ledger: &Path, trials: &Path, trust: &Trust) -> Audit {
    let ledger = verify_chain(ledger, trust);
    let mut audit =
        Audit { ledger, findings: Vec::new(), sealed: Vec::new(), unsealed: Vec::new() };
    let Some(names) = trial_names(trials, &mut audit.findings) else { return audit };
    let mut recorded: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for receipt in &audit.ledger.receipts {
        if let Some(Ok(sealed)) = sealed_in(receipt) {
            recorded.entry(sealed.trial).or_default().insert(sealed.seal);
        }
    }
    let heads: BTreeMap<u64, &str> = std::iter::once((0, NO_PARENT))
        .chain(audit.ledger.receipts.iter().map(|receipt| (receipt.sequence, receipt.hash())))
        .collect();
    for name in names.union(&recorded.keys().cloned().collect()) {
        let mut find = |code, reason: String| {
            push(&mut audit.findings, Finding::new(code, reason).file(name));
        };
        let seals = recorded.get(name);
        if !names.contains(name) {
            find("ledger-trial-missing", "it was sealed and recorded, but is missing".to_owned());
            continue;
        }
        let mut chain = read_chain(&trials.join(name).join(RECEIPTS));
        let last = chain.entries.last().filter(|entry| entry.receipt.kind == kind::SEAL);
        let hash = last.map(|entry| entry.receipt.hash().to_owned());
        match (hash, seals) {
            (None, None) => audit.unsealed.push(name.clone()),
            (None, Some(_)) => {
                find(
                    "ledger-seal-differs",
                    "its seal is on record, but the trial has none now".to_owned(),
                );
            }
            (Some(_), None) => {
                find("ledger-unrecorded", "it is sealed, but its seal is not on record".to_owned());
            }
            (Some(hash), Some(seals)) if !seals.contains(&hash) => {
                find("ledger-seal-differs", "its seal is not the one on record".to_owned());
            }
            (Some(_), Some(seals)) => {
                if seals.len() > 1 {
                    let reason = format!("{} seals are on record under this name", seals.len());
                    find("ledger-seal-differs", reason);
                }
                let head = find_seal(&mut chain).map(|seal| seal.workspace);
                if head.is_some_and(|head| heads.get(&head.sequence) != Some(&head.hash.as_str())) {
                    let reason = "its seal names a receipt of the workspace's chain that is not there: \
                                  that chain was rewritten or cut";
                    find("ledger-rewritten", reason.to_owned());
                } else {
                    audit.sealed.push(name.clone());
                }
            }
        }
    }
    audit
}

/// The folders in the folder of trials; a missing folder holds none.
fn trial_names(trials: &Path, findings: &mut Vec<Finding>) -> Option<BTreeSet<String>> {
    if !trials.exists() {
        return Some(BTreeSet::new());
    }
    let listed = folder::open(trials).and_then(|open| folder::list(open, folder::MAX_ENTRIES));
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) => {
            let path = shown(&trials.to_string_lossy());
            let reason = format!("the trials in `{path}` cannot be listed: {error}");
            findings.push(Finding::new("ledger-unreadable", reason));
            return None;
        }
    };
    let folders = listed.into_iter().filter(|(_, kind)| *kind == Kind::Folder);
    Some(folders.filter_map(|(name, _)| name.into_string().ok()).collect())
}
