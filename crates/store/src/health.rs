//! Whether a store takes writes: once failed it never does again; while it is away it does not yet.

use std::sync::{Arc, OnceLock};

use crate::error::Error;

/// Whether the store takes writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It does.
    Serving,
    /// It does not, until a restart, and why.
    Failed(Arc<str>),
}

/// Shared by all that see the database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    /// Set once, by whoever sees the first fatal error.
    failed: Arc<OnceLock<Arc<str>>>,
}

impl Health {
    /// From now on nothing is taken until a restart.
    pub(crate) fn fail(&self, reason: &str) -> Error {
        let reason = self.failed.get_or_init(|| {
            tracing::error!(reason, "the store failed; no more writes until a restart");
            reason.into()
        });
        Error::Failed(Arc::clone(reason))
    }

    /// Why nothing is taken.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.failed.get().map(|reason| Error::Failed(Arc::clone(reason)))
    }

    pub(crate) fn state(&self) -> State {
        self.failed.get().map_or(State::Serving, |reason| State::Failed(Arc::clone(reason)))
    }
}
