//! What reached the server: requests by method and path, connections.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

/// The counts. Its own two paths are not counted.
#[derive(Default)]
pub(crate) struct Tally(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    requests: BTreeMap<String, u64>,
    connections: u64,
}

impl Tally {
    /// A connection was accepted.
    pub(crate) fn connection(&self) {
        self.lock().connections += 1;
    }

    /// A request came in, without its query.
    pub(crate) fn request(&self, method: &http::Method, path: &str) {
        let mut counts = self.lock();
        *counts.requests.entry(format!("{method} {path}")).or_default() += 1;
    }

    /// Everything since the start, or since it was last forgotten.
    pub(crate) fn told(&self) -> Value {
        let counts = self.lock();
        json!({ "requests": counts.requests, "connections": counts.connections })
    }

    /// Begins anew.
    pub(crate) fn reset(&self) {
        *self.lock() = Counts::default();
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // A count is whole at any time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
