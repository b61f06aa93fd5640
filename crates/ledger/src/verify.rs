//! Verification: everything is recomputed from the bytes on disk, and what differs is named.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use serde::Serialize;

use crate::chain::{At, retry};
use crate::check::{
    CHAIN, Checker, Entry, Line, MAX_CHAIN, MAX_LINE, Rotation, follow, kind, next_line,
};
use crate::finding::{Finding, push, shown};
use crate::folder::{self, Kind, Met};
use crate::key::PublicKey;
use crate::key_folder::{KeyFolder, KeyName};
use crate::receipt::Receipt;
use crate::seal::{RECEIPTS, Seal, SealedFile, check_form};
use crate::signer::Trust;

/// What verification says about a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything holds, and every receipt carries the signature of a trusted key.
    Trusted,
    /// Everything fits together, but at least one receipt is signed by unknown keys alone: whoever
    /// holds those keys may have written all of it, at any time.
    ConsistentOnly,
    /// Something was changed, is missing, is too much, or is no valid chain at all.
    Broken,
}

/// A key that signed, and whether the verifier trusts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UsedKey {
    /// Its key id.
    pub key_id: String,
    /// Whether it is trusted, by itself or through a rotation from a trusted key.
    pub trusted: bool,
    /// The id of the trusted key that vouched for it in a rotation, when it is trusted through one.
    pub vouched_by: Option<String>,
    /// On how many receipts its signature holds.
    pub receipts: u64,
    /// The key.
    #[serde(skip)]
    pub key: PublicKey,
}

/// What verification found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The answer.
    pub outcome: Outcome,
    /// Everything that is wrong; empty unless the outcome is [`Outcome::Broken`].
    pub findings: Vec<Finding>,
    /// The keys that signed.
    pub keys: Vec<UsedKey>,
    /// The name the trial had when it was sealed.
    pub trial: Option<String>,
    /// How many files the seal lists.
    pub files: usize,
    /// The hash of the last receipt; 64 zeros for an empty chain.
    pub head: String,
    /// Every line that is a receipt, in the order of the file.
    #[serde(skip)]
    pub receipts: Vec<Receipt>,
}

impl Report {
    /// Whether everything holds and is trusted.
    pub fn is_trusted(&self) -> bool {
        self.outcome == Outcome::Trusted
    }

    /// The answer in one sentence of plain words.
    pub fn summary(&self) -> String {
        let count = self.receipts.len();
        let unknown: Vec<&str> =
            self.keys.iter().filter(|key| !key.trusted).map(|key| key.key_id.as_str()).collect();
        match self.outcome {
            Outcome::Trusted => {
                format!(
                    "verified: {count} receipts and {} files, signed by a trusted key",
                    self.files
                )
            }
            Outcome::ConsistentOnly if count == 0 => "consistent: an empty chain".to_owned(),
            Outcome::ConsistentOnly => format!(
                "consistent but not trusted: {count} receipts and {} files fit together, but key {} \
                 is not one you trust, and whoever holds it could have written all of this",
                self.files,
                unknown.join(", ")
            ),
            Outcome::Broken => match self.findings.as_slice() {
                [one] => format!("broken: {one}"),
                [one, rest @ ..] => format!("broken: {one}, and {} more findings", rest.len()),
                [] => "broken".to_owned(),
            },
        }
    }
}

/// Verifies a sealed trial's folder: the chain in `receipts/`, that the seal is there once and last,
/// and every file against the seal.
///
/// Follows no link below `trial`. Never fails: what cannot be read is a finding.
pub fn verify(trial: &Path, trust: &Trust) -> Report {
    let mut chain = read_chain(&trial.join(RECEIPTS));
    for name in &chain.leftovers {
        let reason = "it was added: nothing here is signed with it";
        push(&mut chain.findings, Finding::new("ledger-file-extra", reason).file(name));
    }
    for finding in &mut chain.findings {
        finding.file = Some(match &finding.file {
            Some(file) => format!("{RECEIPTS}/{file}"),
            None => RECEIPTS.to_owned(),
        });
    }
    let seal = find_seal(&mut chain);
    let sealed = seal.as_ref().map_or(&[][..], |seal| &seal.files);
    compare(trial, sealed, &mut chain.findings);
    let files = sealed.len();
    let mut report = judge(chain, trust);
    report.trial = seal.map(|seal| shown(&seal.trial));
    report.files = files;
    report
}

/// Verifies a chain that has no seal, as the workspace's, in `folder`.
pub fn verify_chain(folder: &Path, trust: &Trust) -> Report {
    judge(read_chain(folder), trust)
}

/// A chain as read from disk.
pub(crate) struct ReadChain {
    pub(crate) entries: Vec<Entry>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) rotations: Vec<Rotation>,
    pub(crate) head: String,
    /// Key files that nothing here is signed with: left by an append that did not come to its end. A
    /// chain that goes on clears them away; in a sealed one they do not belong.
    pub(crate) leftovers: Vec<String>,
}

/// Reads and checks a chain and the folder it lies in, while nobody appends.
pub(crate) fn read_chain(path: &Path) -> ReadChain {
    let mut read = ReadChain {
        entries: Vec::new(),
        findings: Vec::new(),
        rotations: Vec::new(),
        head: crate::receipt::NO_PARENT.to_owned(),
        leftovers: Vec::new(),
    };
    let opened = path.symlink_metadata().and_then(|metadata| {
        if metadata.is_symlink() {
            return Err(std::io::Error::other("it is a symbolic link"));
        }
        folder::open(path)
    });
    let folder = match opened {
        Ok(folder) => folder,
        Err(error) => {
            let reason = format!("the folder of the receipts cannot be read: {error}");
            read.findings.push(Finding::new("ledger-unreadable", reason));
            return read;
        }
    };
    let mut keys = KeyFolder::new(folder);
    match folder::open_file(keys.folder(), CHAIN) {
        Err(error) => {
            let reason = format!("the chain cannot be read: {error}");
            read.findings.push(Finding::new("ledger-unreadable", reason).file(CHAIN));
            check_names(&mut keys, &mut read);
        }
        Ok(file) => {
            // Without the lock the read goes on: at worst it sees an append half done and says so.
            let _ = retry(|| flock(&file, FlockOperation::LockShared));
            read_lines(&file, &mut keys, &mut read);
            check_names(&mut keys, &mut read);
        }
    }
    read
}

fn read_lines(file: &File, keys: &mut KeyFolder, read: &mut ReadChain) {
    let mut checker = Checker::for_verifier();
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    if length > MAX_CHAIN {
        let reason = format!("the chain has {length} bytes, more than {MAX_CHAIN}");
        read.findings.push(Finding::new("ledger-too-large", reason).file(CHAIN));
        return;
    }
    let mut reader = BufReader::new(std::io::Read::take(At { file, offset: 0 }, MAX_CHAIN));
    loop {
        let at = |finding: Finding| finding.file(CHAIN).line(checker.line + 1);
        match next_line(&mut reader) {
            Ok(None) => break,
            Ok(Some(Line::Whole(line))) => {
                let (entry, findings) = checker.check(&line, keys);
                read.entries.extend(entry);
                findings.into_iter().for_each(|finding| push(&mut read.findings, finding));
            }
            Ok(Some(Line::Torn(_))) => {
                let reason = "the last line is cut off: it does not end in a newline";
                push(&mut read.findings, at(Finding::new("ledger-torn", reason)));
                break;
            }
            Ok(Some(Line::TooLong)) => {
                let reason = format!("a line is longer than {MAX_LINE} bytes");
                push(&mut read.findings, at(Finding::new("ledger-too-large", reason)));
                break;
            }
            Err(error) => {
                let reason = format!("the chain cannot be read: {error}");
                push(&mut read.findings, at(Finding::new("ledger-unreadable", reason)));
                break;
            }
        }
    }
    read.rotations = checker.rotations;
    read.head = checker.parent;
}

/// In the chain's folder lie the chain and the keys that signed it, and nothing else.
fn check_names(keys: &mut KeyFolder, read: &mut ReadChain) {
    let names = match folder::list(keys.folder(), folder::MAX_ENTRIES) {
        Ok(names) => names,
        Err(error) => {
            let reason = format!("the folder of the receipts cannot be listed: {error}");
            return push(&mut read.findings, Finding::new("ledger-unreadable", reason));
        }
    };
    for (name, kind) in names {
        let text = name.to_string_lossy();
        let finding = match kind {
            Kind::Special(what) => {
                Finding::new("ledger-file-special", format!("it is {what}, not a file"))
            }
            Kind::Folder => extra(),
            Kind::File if text == CHAIN => continue,
            Kind::File => match keys.name(&text) {
                KeyName::Used => continue,
                KeyName::Leftover => {
                    read.leftovers.push(text.into_owned());
                    continue;
                }
                KeyName::Wrong(reason) => Finding::new("ledger-key-file", reason),
                KeyName::Other => extra(),
            },
        };
        push(&mut read.findings, finding.file(&text));
    }
}

fn extra() -> Finding {
    Finding::new("ledger-file-extra", "it was added: it does not belong to the receipts")
}

/// The seal, if the chain has exactly one, last and well-formed; else findings.
pub(crate) fn find_seal(chain: &mut ReadChain) -> Option<Seal> {
    let file = format!("{RECEIPTS}/{CHAIN}");
    let mut find = |reason: String| {
        push(&mut chain.findings, Finding::new("ledger-seal", reason).file(&file));
    };
    let seals = chain.entries.iter().filter(|entry| entry.receipt.kind == kind::SEAL).count();
    let last = chain.entries.last().filter(|entry| entry.receipt.kind == kind::SEAL);
    match (seals, last) {
        (0, _) => {
            find("there is no seal: the trial was not finished, or the seal was removed".to_owned())
        }
        (1, Some(_)) => {}
        (1, None) => find("the seal is not the last receipt".to_owned()),
        (count, _) => find(format!("there are {count} seals, not one")),
    }
    let body = last?.receipt.body.clone();
    let read = serde_json::from_value::<Seal>(body).map_err(|error| error.to_string());
    match read.and_then(|seal| check_form(&seal).map(|()| seal)) {
        Ok(seal) => Some(seal),
        Err(reason) => {
            find(format!("the seal is not well-formed: {reason}"));
            None
        }
    }
}

/// Every file of the folder against the seal's list.
fn compare(trial: &Path, sealed: &[SealedFile], findings: &mut Vec<Finding>) {
    let mut left: BTreeMap<&str, &SealedFile> =
        sealed.iter().map(|file| (file.path.as_str(), file)).collect();
    let root = match folder::open(trial) {
        Ok(root) => root,
        Err(error) => {
            let reason = format!("`{}` cannot be read: {error}", shown(&trial.to_string_lossy()));
            return push(findings, Finding::new("ledger-unreadable", reason));
        }
    };
    let mut budget = folder::MAX_BYTES;
    let walked: Result<(), std::convert::Infallible> =
        folder::walk(root.as_fd(), RECEIPTS, &mut |path, met| {
            let expected = left.remove(path);
            let finding = match met {
                Met::Special(what) => {
                    Some(Finding::new("ledger-file-special", format!("it is {what}, not a file")))
                }
                Met::Name => Some(Finding::new(
                    "ledger-file-name",
                    "it was added: its name is not UTF-8, so it cannot have been sealed",
                )),
                Met::Failed(error) => {
                    Some(Finding::new("ledger-unreadable", format!("it cannot be read: {error}")))
                }
                Met::File(parent, name) => match expected {
                    None => Some(Finding::new(
                        "ledger-file-extra",
                        "it was added: the seal does not list it",
                    )),
                    Some(expected) => match folder::open_file(parent, name) {
                        Ok(file) => differs(file, expected, &mut budget),
                        Err(error) => Some(Finding::new(
                            "ledger-unreadable",
                            format!("it cannot be read: {error}"),
                        )),
                    },
                },
            };
            if let Some(finding) = finding {
                push(findings, finding.file(path));
            }
            Ok(())
        });
    let Ok(()) = walked;
    for path in left.keys() {
        push(
            findings,
            Finding::new("ledger-file-missing", "it is missing: the seal lists it").file(path),
        );
    }
}

fn differs(mut file: File, expected: &SealedFile, budget: &mut u64) -> Option<Finding> {
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    if size != expected.size {
        let reason = format!("it was changed: {size} bytes instead of {}", expected.size);
        return Some(Finding::new("ledger-file-changed", reason));
    }
    let Some(rest) = budget.checked_sub(size) else {
        let reason = format!("not checked: the folder holds more than {} bytes", folder::MAX_BYTES);
        return Some(Finding::new("ledger-too-large", reason));
    };
    *budget = rest;
    match folder::hash(&mut file, expected.size.saturating_add(1)) {
        Ok((size, sha256)) if size == expected.size && sha256 == expected.sha256 => None,
        Ok(_) => Some(Finding::new("ledger-file-changed", "it was changed: its hash differs")),
        Err(error) => {
            Some(Finding::new("ledger-unreadable", format!("it cannot be read: {error}")))
        }
    }
}

/// Puts what was read before what the verifier trusts.
fn judge(chain: ReadChain, trust: &Trust) -> Report {
    let mut trusted = trust.clone();
    follow(&mut trusted, &chain.rotations);
    let mut counts: BTreeMap<PublicKey, u64> = BTreeMap::new();
    for key in chain.entries.iter().flat_map(|entry| &entry.signers) {
        *counts.entry(*key).or_default() += 1;
    }
    let keys = counts
        .into_iter()
        .map(|(key, receipts)| UsedKey {
            key_id: key.id(),
            trusted: trusted.contains(&key),
            vouched_by: (!trust.contains(&key))
                .then(|| {
                    chain
                        .rotations
                        .iter()
                        .find(|step| step.new == key && trusted.contains(&step.old))
                })
                .flatten()
                .map(|step| step.old.id()),
            receipts,
            key,
        })
        .collect();
    let all_trusted = !chain.entries.is_empty()
        && chain.entries.iter().all(|entry| entry.signers.iter().any(|key| trusted.contains(key)));
    let outcome = match (chain.findings.is_empty(), all_trusted) {
        (false, _) => Outcome::Broken,
        (true, true) => Outcome::Trusted,
        (true, false) => Outcome::ConsistentOnly,
    };
    Report {
        outcome,
        findings: chain.findings,
        keys,
        trial: None,
        files: 0,
        head: chain.head,
        receipts: chain.entries.into_iter().map(|entry| entry.receipt).collect(),
    }
}
