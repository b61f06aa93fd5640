//! What can go wrong for whoever starts, asks or steers a workflow, with a stable code.

use seaworthy_store as store;

/// What the engine's calls return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call to the engine failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No code is registered under this name.
    #[error("there is no workflow of the kind `{0}`")]
    UnknownKind(String),
    /// The input is not what the workflow takes.
    #[error("the input is not what `{kind}` takes: {reason}")]
    Input {
        /// The workflow's kind.
        kind: String,
        /// What is wrong with the input.
        reason: String,
    },
    /// The tenant has no such workflow.
    #[error("there is no workflow `{0}`")]
    Unknown(String),
    /// The id is taken by a workflow that was started with something else.
    #[error("the workflow `{0}` exists already and was started with something else")]
    Exists(String),
    /// The workflow has ended.
    #[error("the workflow `{id}` has ended: {state}")]
    Closed {
        /// Its id.
        id: String,
        /// How it ended.
        state: crate::State,
    },
    /// The workflow answers no such query, or not yet.
    #[error("the workflow `{id}` has no answer to `{query}`")]
    UnknownQuery {
        /// The workflow's id.
        id: String,
        /// What was asked.
        query: String,
    },
    /// Something is larger than what a workflow keeps.
    #[error("{what} is longer than {limit} bytes")]
    TooLong {
        /// What is.
        what: &'static str,
        /// How long it may be.
        limit: usize,
    },
    /// Too many signals wait for the workflow to look at them.
    #[error("{limit} signals wait for the workflow `{id}` already")]
    Crowded {
        /// The workflow's id.
        id: String,
        /// How many may.
        limit: u32,
    },
    /// A journal row is not what this version writes.
    #[error("the journal of run `{run}` cannot be read at {sequence}: {reason}")]
    Journal {
        /// Whose journal.
        run: String,
        /// Which entry.
        sequence: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownKind(_) => "workflow.unknown_kind",
            Self::Input { .. } => "workflow.input",
            Self::Unknown(_) => "workflow.unknown",
            Self::Exists(_) => "workflow.exists",
            Self::Closed { .. } => "workflow.closed",
            Self::UnknownQuery { .. } => "workflow.unknown_query",
            Self::TooLong { .. } => "workflow.too_long",
            Self::Crowded { .. } => "workflow.crowded",
            Self::Journal { .. } => "workflow.journal",
            Self::Store(error) => error.code(),
        }
    }

    /// What can be done about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Exists(_) => Some("choose another id, or none to have one made"),
            Self::Closed { .. } => Some("start a new workflow"),
            Self::Crowded { .. } => Some("wait until the workflow has taken some of them"),
            Self::Journal { .. } => Some("start the version that wrote it, or a newer one"),
            Self::Store(error) => error.hint(),
            _ => None,
        }
    }
}
