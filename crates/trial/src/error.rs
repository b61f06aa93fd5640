//! What can go wrong with a trial before it has a verdict.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Why a trial could not run or could not be written down.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The receipts could not be written.
    #[error(transparent)]
    Ledger(#[from] seaworthy_ledger::Error),
    /// A process could not be handled.
    #[error(transparent)]
    Process(#[from] seaworthy_process::Error),
    /// A trial cannot be gone on with.
    #[error("trial {trial} cannot be resumed: {reason}")]
    Resume {
        /// Its id.
        trial: String,
        /// Why not.
        reason: String,
        /// What can be done instead.
        hint: String,
    },
    /// The trial's own work failed in a way that says nothing about the target.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "trial-io",
            Self::Ledger(error) => error.code(),
            Self::Process(error) => error.code(),
            Self::Resume { .. } => "trial-resume",
            Self::Internal(_) => "trial-internal",
        }
    }

    /// What the user can do about it, if anything.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Io { source, .. } => match source.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some(
                    "make room on that file system, or name another folder with --folder"
                        .to_owned(),
                ),
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                    Some("name a folder you can write to with --folder".to_owned())
                }
                _ => None,
            },
            Self::Ledger(error) => error.hint(),
            Self::Process(error) => error.hint(),
            Self::Resume { hint, .. } => Some(hint.clone()),
            Self::Internal(_) => None,
        }
    }

    /// The error with its code and hint, as a person reads it.
    pub fn explain(&self) -> String {
        let hint = self.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        format!("{self} [{}]{hint}", self.code())
    }

    /// Wraps an I/O error with what was tried on which path.
    pub(crate) fn io<'p>(
        action: &'static str,
        path: &'p Path,
    ) -> impl FnOnce(std::io::Error) -> Self + use<'p> {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}
