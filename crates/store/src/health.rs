//! Whether a store takes writes: once failed it never does again; while it is away it does not yet.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::error::Error;

/// Whether the store takes writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It does.
    Serving,
    /// The database cannot be reached, and why; it is tried again all the time.
    Unavailable(Arc<str>),
    /// It does not, until a restart, and why.
    Failed(Arc<str>),
}

/// Shared by all that see the database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    /// Set once, by whoever sees the first fatal error.
    failed: Arc<OnceLock<Arc<str>>>,
    /// Why the database cannot be reached, while it cannot.
    absent: Arc<Mutex<Option<Arc<str>>>>,
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

    /// Until told that it is back, the database cannot be reached.
    pub(crate) fn away(&self, reason: &str) {
        let mut absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        if absent.is_none() {
            tracing::warn!(reason, "the database cannot be reached");
        }
        *absent = Some(reason.into());
    }

    /// The database can be reached again.
    pub(crate) fn back(&self) {
        let absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner).take();
        if absent.is_some() {
            tracing::info!("the database can be reached again");
        }
    }

    /// Why the database cannot be reached, as far as that is known.
    pub(crate) fn absence(&self) -> Arc<str> {
        let absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        absent.clone().unwrap_or_else(|| "the connection was lost".into())
    }

    /// Why nothing is taken.
    pub(crate) fn failure(&self) -> Option<Error> {
        match self.state() {
            State::Serving => None,
            State::Unavailable(reason) => Some(Error::Unavailable(reason)),
            State::Failed(reason) => Some(Error::Failed(reason)),
        }
    }

    pub(crate) fn state(&self) -> State {
        if let Some(reason) = self.failed.get() {
            return State::Failed(Arc::clone(reason));
        }
        let absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        absent.clone().map_or(State::Serving, State::Unavailable)
    }
}
