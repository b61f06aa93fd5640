//! The folders a trial lives in: its own, its scratch folder, and the house they stand in.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Error;

/// The `.seaworthy` folder: trials, the ledger of their seals, undo journals and scratch folders.
#[derive(Clone, Debug)]
pub struct House(PathBuf);

impl House {
    /// The house at `root`, which need not exist yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// All trials, each in a folder named after its id.
    pub fn trials(&self) -> PathBuf {
        self.0.join("trials")
    }

    /// The chain of all trials' seals.
    pub fn ledger(&self) -> PathBuf {
        self.0.join("ledger")
    }

    /// The undo journals of trials that run, or were killed.
    pub fn undo(&self) -> PathBuf {
        self.0.join("undo")
    }

    /// Data of targets, one folder a trial, removed at its end.
    pub fn scratch(&self) -> PathBuf {
        self.0.join("scratch")
    }
}

/// One trial's folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// SHA-256 of each file as it was written, by its name: what the seal must find.
    written: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Folder {
    /// Makes the folder of trial `id`, with its parts.
    ///
    /// # Errors
    /// The path that could not be made, and why.
    pub(crate) fn create(house: &House, id: &str) -> Result<Self, Error> {
        let path = house.trials().join(id);
        fs::create_dir_all(house.trials())
            .map_err(Error::io("create the folder", &house.trials()))?;
        fs::create_dir(&path).map_err(Error::io("create the folder", &path))?;
        let folder = Self { path, written: Arc::default() };
        let logs = folder.logs();
        fs::create_dir(&logs).map_err(Error::io("create the folder", &logs))?;
        Ok(folder)
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder as somebody who stands in the working folder would type it.
    pub(crate) fn shown(&self) -> String {
        let here = std::env::current_dir().ok();
        let near = here.and_then(|here| self.path.strip_prefix(here).ok().map(Path::to_path_buf));
        near.as_deref().unwrap_or(&self.path).display().to_string()
    }

    /// Where targets' output goes, one file each.
    pub(crate) fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// Where the receipts are.
    pub(crate) fn receipts(&self) -> PathBuf {
        self.path.join("receipts")
    }

    /// Writes one of the trial's files, synced: whole, or not at all.
    ///
    /// # Errors
    /// The path that could not be written, and why.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        self.replace(name, content, true)
    }

    /// The same for a file that is written again and again: when it is not synced, a power failure
    /// may leave what it held before.
    ///
    /// # Errors
    /// The path that could not be written, and why.
    pub(crate) fn replace(&self, name: &str, content: &[u8], sync: bool) -> Result<(), Error> {
        let path = self.path.join(name);
        let partial = self.path.join(format!("{name}.partial"));
        // New, never somebody's link: targets know where this folder is.
        let _ = fs::remove_file(&partial);
        let written = File::create_new(&partial)
            .and_then(|mut file| {
                file.write_all(content)?;
                if sync { file.sync_all() } else { Ok(()) }
            })
            .and_then(|()| fs::rename(&partial, &path));
        self.wrote(name, seaworthy_ledger::sha256(content));
        written.map_err(|error| {
            // What is left of it says less than nothing; when even that fails, the seal is missing.
            let _ = fs::remove_file(&partial);
            Error::io("write", &path)(error)
        })
    }

    /// Notes the hash of a file that was written otherwise: what the seal must find.
    pub(crate) fn wrote(&self, name: &str, sha256: String) {
        let mut hashes = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        hashes.insert(name.to_owned(), sha256);
    }

    /// What was written, by name: the hash of each file.
    pub(crate) fn written(&self) -> BTreeMap<String, String> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Removes the folder of a trial that never began.
    pub(crate) fn discard(&self) {
        // Best effort: what is left is an unsealed folder, which an audit lists as such.
        let _ = fs::remove_dir_all(&self.path);
    }

    /// Opens one of the trial's files to append to.
    ///
    /// # Errors
    /// The path that could not be opened, and why.
    pub(crate) fn append(&self, name: &str) -> Result<File, Error> {
        let path = self.path.join(name);
        OpenOptions::new().create(true).append(true).open(&path).map_err(Error::io("open", &path))
    }
}
