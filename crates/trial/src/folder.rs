//! The folders a trial lives in: its own, its scratch folder, and the house they stand in.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

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
        let folder = Self { path };
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

    /// Writes one of the trial's files whole, synced.
    ///
    /// # Errors
    /// The path that could not be written, and why.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        let path = self.path.join(name);
        let mut file = File::create(&path).map_err(Error::io("create", &path))?;
        file.write_all(content).and_then(|()| file.sync_all()).map_err(Error::io("write", &path))
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
