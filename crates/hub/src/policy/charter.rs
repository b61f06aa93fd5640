//! The policy engine's copy of the constitution: taken from identity, verified here, named in verdicts.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Mutex;

use crate::constitution::{self, Bundle, Held, Key, PUBLISHED, Published};
use crate::peer::{Client, Trail};
use crate::problem::Problem;

/// What identity says is in force, as far as it holds here.
pub(crate) struct Charter {
    identity: Client,
    /// The key that the operator of this role trusts; without one, identity's word is taken.
    trusted: Option<Key>,
    seen: RwLock<Option<Seen>>,
    turn: Mutex<()>,
}

#[derive(Clone)]
struct Seen {
    hash: String,
    /// None when it does not hold.
    held: Option<Arc<Held>>,
}

impl Charter {
    pub(super) fn new(identity: Client, trusted: Option<Key>) -> Self {
        Self { identity, trusted, seen: RwLock::default(), turn: Mutex::new(()) }
    }

    /// Whether the constitution with this hash, which identity bound the caller's token to, is one
    /// that holds.
    ///
    /// # Errors
    /// 503 while it cannot be read.
    pub(super) async fn upholds(&self, trail: &Trail, hash: &str) -> Result<bool, Problem> {
        if let Some(seen) = self.seen().filter(|seen| seen.hash == hash) {
            return Ok(seen.held.is_some());
        }
        let _turn = self.turn.lock().await;
        if let Some(seen) = self.seen().filter(|seen| seen.hash == hash) {
            return Ok(seen.held.is_some());
        }
        let seen = self.fetch(trail).await?;
        Ok(seen.hash == hash && seen.held.is_some())
    }

    /// The constitution in force, if it holds here.
    pub(crate) async fn current(&self, trail: &Trail) -> Result<Arc<Held>, Problem> {
        let _turn = self.turn.lock().await;
        self.fetch(trail).await?.held.ok_or_else(constitution::none)
    }

    async fn fetch(&self, trail: &Trail) -> Result<Seen, Problem> {
        let Published { bundle, key }: Published = self.identity.get(trail, PUBLISHED).await?;
        let seen = Seen { hash: bundle.hash.clone(), held: self.verified(bundle, &key) };
        *self.seen.write().unwrap_or_else(PoisonError::into_inner) = Some(seen.clone());
        Ok(seen)
    }

    fn verified(&self, bundle: Bundle, key: &str) -> Option<Arc<Held>> {
        let key = self.trusted.clone().or_else(|| Key::from_pem(key))?;
        let issues = bundle.issues(&key);
        if issues.is_empty() {
            return Some(Arc::new(Held { bundle, key }));
        }
        let reason = issues.join("; ");
        tracing::error!(reason, "identity's constitution does not hold: everything is denied");
        None
    }

    fn seen(&self) -> Option<Seen> {
        self.seen.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
