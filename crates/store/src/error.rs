//! What can be wrong with a store, with a stable code and what can be done about it.

use std::path::PathBuf;
use std::sync::Arc;

/// What the store's calls return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can be wrong with a store.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Another process (or another role in this one) has the place.
    #[error("{0} is in use by another process")]
    Owned(String),
    /// What was given as a server's address is none.
    #[error("the database's address cannot be used: {0}")]
    Address(String),
    /// A step of the schema would stop everybody else while it runs; it was not taken.
    #[error("the migration `{migration}` would block: {reason}")]
    Blocking {
        /// Its name.
        migration: &'static str,
        /// Which statement, and what it would do.
        reason: String,
    },
    /// A folder or a file cannot be made, read or written.
    #[error("cannot use {}: {source}", .path.display())]
    Folder {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: Arc<std::io::Error>,
    },
    /// The database is there and cannot be opened.
    #[error("cannot open {place}: {reason}")]
    Open {
        /// Which file, or which server and schema.
        place: String,
        /// What the database said.
        reason: String,
    },
    /// The file is not a sound database.
    #[error("{place} is corrupt: {reason}")]
    Corrupt {
        /// Which file.
        place: String,
        /// What the check found.
        reason: String,
    },
    /// The schema is not one this version made.
    #[error("{place} holds a schema this version does not know: {reason}")]
    Schema {
        /// Which file, or which server and schema.
        place: String,
        /// What differs.
        reason: String,
    },
    /// A write could not be made durable; the store takes no more until a restart. What was being
    /// written may or may not be there then.
    #[error("the store has failed: {0}")]
    Failed(Arc<str>),
    /// The database cannot be reached now. Nothing was written; the store recovers by itself.
    #[error("the database cannot be reached: {0}")]
    Unavailable(Arc<str>),
    /// The database went away while the write was being committed, and did not come back in time to
    /// be asked. The write may or may not be there.
    #[error("the outcome of the write is unknown: {0}")]
    Unknown(Arc<str>),
    /// A statement failed; nothing of its transaction was written.
    #[error("statement failed: {reason}")]
    Statement {
        /// What kind of failure.
        kind: Kind,
        /// What the database said.
        reason: Arc<str>,
    },
    /// A value cannot be stored.
    #[error("parameter {parameter} cannot be stored: {reason}")]
    Value {
        /// Its number, from 1.
        parameter: usize,
        /// Why not.
        reason: &'static str,
    },
    /// A column does not hold what was asked for.
    #[error("column {column} cannot be read: {reason}")]
    Column {
        /// Its number, from 0.
        column: usize,
        /// What is wrong.
        reason: Arc<str>,
    },
    /// The work panicked; nothing was written.
    #[error("the work panicked and was undone")]
    Panicked,
}

/// What kind of statement failed, as far as a caller can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// There is such a row already.
    Unique,
    /// A row names another that is not there, or goes while it is named.
    ForeignKey,
    /// A value is missing or not allowed in its column.
    Check,
    /// A lock was not got in time.
    Locked,
    /// Anything else: the statement or the schema is wrong.
    Other,
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Owned(_) => "store.in_use",
            Self::Address(_) => "store.address",
            Self::Blocking { .. } => "store.blocking_migration",
            Self::Folder { .. } => "store.folder",
            Self::Open { .. } => "store.open",
            Self::Corrupt { .. } => "store.corrupt",
            Self::Schema { .. } => "store.schema",
            Self::Failed(_) => "store.failed",
            Self::Unavailable(_) => "store.unavailable",
            Self::Unknown(_) => "store.outcome_unknown",
            Self::Statement { .. } => "store.statement",
            Self::Value { .. } => "store.value",
            Self::Column { .. } => "store.column",
            Self::Panicked => "store.panicked",
        }
    }

    /// What the operator can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Owned(_) => Some("stop the other process or choose another data folder"),
            Self::Address(_) => {
                Some("write postgres://user@host:port/database, its password in a file or variable")
            }
            Self::Blocking { .. } => Some("write it in steps that lock nothing for long"),
            Self::Folder { .. } | Self::Open { .. } => {
                Some("check that it exists, that this user may write it and that there is space")
            }
            Self::Corrupt { .. } => Some("restore the file from a backup, or move the folder away"),
            Self::Schema { .. } => Some("start the version that wrote it, or a newer one"),
            Self::Failed(_) => Some("check the disk, then restart the service"),
            Self::Unavailable(_) => Some("check that the database runs and can be reached"),
            Self::Unknown(_) => Some("read whether it is there before writing it again"),
            Self::Statement { .. } | Self::Value { .. } | Self::Column { .. } | Self::Panicked => {
                None
            }
        }
    }

    /// A column that holds something its reader cannot take.
    pub fn column(column: usize, reason: impl std::fmt::Display) -> Self {
        Self::Column { column, reason: reason.to_string().into() }
    }

    /// Whether a statement failed because there is such a row already.
    pub fn is_duplicate(&self) -> bool {
        matches!(self, Self::Statement { kind: Kind::Unique, .. })
    }

    pub(crate) fn statement(kind: Kind, reason: impl std::fmt::Display) -> Self {
        Self::Statement { kind, reason: reason.to_string().into() }
    }
}
