//! The seal: a trial's last receipt, with path, size and hash of every file; noted on the workspace's
//! own chain, so that deleting a trial shows.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::check::{CHAIN, kind};
use crate::error::Error;
use crate::folder::{self, Met};
use crate::key::is_hex;
use crate::ledger::Ledger;
use crate::receipt::{Receipt, decimal};
use crate::verify::read_chain;

/// The folder inside a trial's folder that holds its chain.
pub const RECEIPTS: &str = "receipts";

/// The body of a `seal` receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// The name of the trial's folder when it was sealed.
    pub trial: String,
    /// Where the workspace's chain stood just before: whoever cuts that chain contradicts the seal.
    pub workspace: Head,
    /// Every file in the trial's folder but those in [`RECEIPTS`], sorted by path.
    pub files: Vec<SealedFile>,
}

/// The last receipt of a chain at some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Its sequence; 0 for an empty chain.
    #[serde(with = "decimal")]
    pub sequence: u64,
    /// Its hash; 64 zeros for an empty chain.
    pub hash: String,
}

/// One file as it was sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedFile {
    /// Relative to the trial's folder, `/` between its parts.
    pub path: String,
    /// In bytes. Written as a string.
    #[serde(with = "decimal")]
    pub size: u64,
    /// SHA-256 of its bytes in lower-case hex.
    pub sha256: String,
}

/// The body of the `trial.sealed` receipt on the workspace's chain.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sealed {
    pub(crate) trial: String,
    /// The hash of the seal receipt.
    pub(crate) seal: String,
}

/// Seals a trial: its files are hashed (and synced), the seal is appended to its chain as the last
/// receipt, and the seal's hash to the workspace's chain.
///
/// `ledger` must be the chain in `trial/receipts`. When the very last step fails, the trial is sealed
/// but not on the workspace's chain: [`record`] mends that.
///
/// # Errors
/// [`Error::Unsealable`] naming a link, a special file or a name that is not UTF-8;
/// [`Error::Sealed`] when it is sealed already; [`Error::Io`] otherwise.
pub fn seal(trial: &Path, ledger: &mut Ledger, workspace: &mut Ledger) -> Result<Receipt, Error> {
    seal_written(trial, ledger, workspace, &BTreeMap::new())
}

/// The same for a trial that knows what it wrote: `written` has the SHA-256 of files by their path in
/// the folder. One that is not there as it was written is not sealed: whoever changed it between
/// writing and sealing must not have it signed.
///
/// # Errors
/// As [`seal`]; [`Error::Unsealable`] names the file.
pub fn seal_written(
    trial: &Path,
    ledger: &mut Ledger,
    workspace: &mut Ledger,
    written: &BTreeMap<String, String>,
) -> Result<Receipt, Error> {
    let name = trial_name(trial)?;
    if !same_file(&trial.join(RECEIPTS).join(CHAIN), ledger.chain().path()) {
        return Err(Error::Unsealable {
            path: trial.to_owned(),
            reason: format!("its chain is not the one in `{}`", ledger.folder().display()),
        });
    }
    if same_file(workspace.chain().path(), ledger.chain().path()) {
        return Err(Error::Unsealable {
            path: trial.to_owned(),
            reason: "its chain and the workspace's are one and the same".to_owned(),
        });
    }
    if ledger.is_sealed() {
        return Err(Error::Sealed(ledger.folder().to_owned()));
    }
    let files = inventory(trial)?;
    for (path, hash) in written {
        if !files.iter().any(|file| file.path == *path && file.sha256 == *hash) {
            return Err(Error::Unsealable {
                path: trial.join(path),
                reason: "somebody changed it after it was written".to_owned(),
            });
        }
    }
    workspace.locked(|workspace, workspace_signer| {
        let head = workspace.checker();
        let head = Head { sequence: head.sequence, hash: head.parent.clone() };
        let seal = Seal { trial: name.clone(), workspace: head, files };
        let receipt =
            ledger.locked(|chain, signer| chain.push(signer, kind::SEAL, body(&seal)?))?;
        let sealed = Sealed { trial: name, seal: receipt.hash().to_owned() };
        workspace.push(workspace_signer, kind::TRIAL_SEALED, body(&sealed)?)?;
        Ok(receipt)
    })
}

/// Notes a sealed trial on the workspace's chain, if it is not there yet. Gives the receipt it added.
///
/// # Errors
/// [`Error::Broken`] when the trial's chain does not verify or has no seal.
pub fn record(trial: &Path, workspace: &mut Ledger) -> Result<Option<Receipt>, Error> {
    let name = trial_name(trial)?;
    let receipts = trial.join(RECEIPTS);
    let chain = read_chain(&receipts);
    let broken = |finding| Error::Broken { folder: receipts.clone(), finding: Box::new(finding) };
    if let Some(finding) = chain.findings.first() {
        return Err(broken(finding.clone()));
    }
    let last = chain.entries.last().filter(|entry| entry.receipt.kind == kind::SEAL);
    let Some(last) = last else {
        return Err(broken(crate::Finding::new("ledger-seal", "it has no seal").file(CHAIN)));
    };
    let sealed = Sealed { trial: name, seal: last.receipt.hash().to_owned() };
    let wanted = body(&sealed)?;
    workspace.locked(|workspace, signer| {
        if workspace.checker().recorded.contains(&sealed.seal) {
            return Ok(None);
        }
        workspace.push(signer, kind::TRIAL_SEALED, wanted).map(Some)
    })
}

fn body(value: &impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(value)
        .map_err(|error| Error::Body { kind: kind::SEAL.to_owned(), reason: error.to_string() })
}

fn trial_name(trial: &Path) -> Result<String, Error> {
    let full = trial.canonicalize().map_err(|error| Error::io("find", trial, error))?;
    let name = full.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| Error::Unsealable {
        path: trial.to_owned(),
        reason: "its folder's name is not UTF-8".to_owned(),
    })
}

fn same_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (one.symlink_metadata(), other.symlink_metadata()) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

/// Every file below a folder but its receipts, hashed and synced.
fn inventory(trial: &Path) -> Result<Vec<SealedFile>, Error> {
    let root = folder::open(trial).map_err(|error| Error::io("open", trial, error))?;
    let mut files: Vec<SealedFile> = Vec::new();
    let mut left = folder::MAX_BYTES;
    folder::walk(root.as_fd(), RECEIPTS, &mut |path, met| {
        let full = || -> PathBuf { trial.join(path) };
        let unsealable =
            |reason: &str| Error::Unsealable { path: full(), reason: reason.to_owned() };
        match met {
            Met::Special(what) => Err(unsealable(&format!("it is {what}"))),
            Met::Name => Err(unsealable("its name is not UTF-8")),
            Met::Failed(error) => Err(Error::io("read", &full(), error)),
            Met::File(parent, name) => {
                let hash = || {
                    let mut file: File = folder::open_file(parent, name)?;
                    let hashed = folder::hash(&mut file, left.saturating_add(1))?;
                    file.sync_all()?;
                    Ok(hashed)
                };
                let (size, sha256) =
                    hash().map_err(|error: std::io::Error| Error::io("read", &full(), error))?;
                left = left.checked_sub(size).ok_or_else(|| {
                    unsealable(&format!("the folder holds more than {} bytes", folder::MAX_BYTES))
                })?;
                files.push(SealedFile { path: path.to_owned(), size, sha256 });
                Ok(())
            }
        }
    })?;
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// What is wrong with the form of a seal: paths that lead elsewhere, twice, or out of order.
pub(crate) fn check_form(seal: &Seal) -> Result<(), String> {
    if !is_hex(&seal.workspace.hash, 64) {
        return Err("the workspace's head is not a hash".to_owned());
    }
    for pair in seal.files.windows(2) {
        if pair[0].path >= pair[1].path {
            return Err(format!(
                "`{}` is listed twice or out of order",
                crate::finding::shown(&pair[1].path)
            ));
        }
    }
    for file in &seal.files {
        let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
        let inside =
            file.path.split('/').all(plain) && !file.path.starts_with(&format!("{RECEIPTS}/"));
        if !inside {
            return Err(format!(
                "`{}` is not a path inside the trial's folder",
                crate::finding::shown(&file.path)
            ));
        }
        if !is_hex(&file.sha256, 64) {
            return Err(format!("`{}` has no SHA-256", crate::finding::shown(&file.path)));
        }
    }
    Ok(())
}

/// The workspace's receipt as JSON, for those who read it.
pub(crate) fn sealed_in(receipt: &Receipt) -> Option<Result<Sealed, String>> {
    (receipt.kind == kind::TRIAL_SEALED).then(|| {
        let sealed: Sealed =
            serde_json::from_value(receipt.body.clone()).map_err(|error| error.to_string())?;
        if sealed.trial.is_empty()
            || matches!(sealed.trial.as_str(), "." | "..")
            || sealed.trial.contains(['/', '\0'])
            || !is_hex(&sealed.seal, 64)
        {
            return Err("it does not name a trial and its seal".to_owned());
        }
        Ok(sealed)
    })
}
