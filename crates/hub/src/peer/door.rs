//! The way to a role that is played by the same process: its routes, once it is open.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;

/// A role's routes, once it is open, for others in the same process.
#[derive(Clone, Default)]
pub(crate) struct Door(Arc<RwLock<Option<Router>>>);

impl Door {
    /// From here on calls come in.
    pub(crate) fn open(&self, routes: Router) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(routes);
    }

    /// No more calls. Routes hold clients that hold doors: unless closed they would hold each other
    /// for ever.
    pub(crate) fn close(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn routes(&self) -> Option<Router> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Door(..)")
    }
}

/// In a request's extensions when it came from another role in this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FromInside;
