//! Compiled rules, kept per tenant until they change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use seaworthy_store::Store;
use tokio::sync::OnceCell;

use super::matcher::Matcher;
use super::rules;
use crate::problem::Problem;

/// Most tenants whose rules are kept compiled, and most bytes they may take together; those unused
/// the longest make room.
const TENANTS: usize = 256;
const BYTES: usize = 256 << 20;

/// Compiles a tenant's rules when they are first asked for after a change.
///
/// A change takes its tenant's slot away, so whoever asks after the change was acknowledged reads
/// the new rules, while a compilation still under way can only fill the slot that is gone.
pub(super) struct Book {
    store: Store,
    slots: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    by_tenant: HashMap<String, Slot>,
    uses: u64,
}

struct Slot {
    used: u64,
    bytes: usize,
    matcher: Arc<OnceCell<Option<Arc<Matcher>>>>,
}

impl Book {
    pub(super) fn new(store: Store) -> Self {
        Self { store, slots: Mutex::default() }
    }

    /// The tenant's rules; none when it has no policy.
    pub(super) async fn matcher(&self, tenant: &str) -> Result<Option<Arc<Matcher>>, Problem> {
        let slot = self.slot(tenant);
        let matcher = slot.get_or_try_init(|| self.compile(tenant, &slot)).await?;
        Ok(matcher.clone())
    }

    /// Forgets what was compiled, after a change.
    pub(super) fn forget(&self, tenant: &str) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).by_tenant.remove(tenant);
    }

    fn slot(&self, tenant: &str) -> Arc<OnceCell<Option<Arc<Matcher>>>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.uses += 1;
        let used = slots.uses;
        if let Some(slot) = slots.by_tenant.get_mut(tenant) {
            slot.used = used;
            return Arc::clone(&slot.matcher);
        }
        let matcher = Arc::default();
        let slot = Slot { used, bytes: 0, matcher: Arc::clone(&matcher) };
        slots.by_tenant.insert(tenant.to_owned(), slot);
        slots.make_room();
        matcher
    }

    async fn compile(
        &self,
        tenant: &str,
        slot: &Arc<OnceCell<Option<Arc<Matcher>>>>,
    ) -> Result<Option<Arc<Matcher>>, Problem> {
        let name = tenant.to_owned();
        let stored = self.store.read(move |tx| rules::read(tx, &name)).await?;
        let matcher = match stored {
            None => None,
            Some(stored) => {
                let matcher = tokio::task::spawn_blocking(move || Matcher::new(stored.rules))
                    .await
                    .map_err(|error| Problem::internal(&error))?
                    .map_err(|error| Problem::internal(&error))?;
                Some(Arc::new(matcher))
            }
        };
        let bytes = matcher.as_ref().map_or(0, |matcher| matcher.bytes());
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        // The slot may have been taken away by a change meanwhile.
        let own = slots.by_tenant.get_mut(tenant).filter(|one| Arc::ptr_eq(&one.matcher, slot));
        if let Some(own) = own {
            own.bytes = bytes;
            slots.make_room();
        }
        Ok(matcher)
    }
}

impl Slots {
    fn make_room(&mut self) {
        loop {
            let bytes: usize = self.by_tenant.values().map(|slot| slot.bytes).sum();
            if self.by_tenant.len() <= TENANTS && (bytes <= BYTES || self.by_tenant.len() == 1) {
                break;
            }
            let oldest = self.by_tenant.iter().min_by_key(|(_, slot)| slot.used);
            let Some(oldest) = oldest.map(|(tenant, _)| tenant.clone()) else { break };
            self.by_tenant.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(bytes: &[usize]) -> Slots {
        let slot = |(index, bytes): (usize, &usize)| {
            let slot = Slot { used: index as u64, bytes: *bytes, matcher: Arc::default() };
            (format!("{index}"), slot)
        };
        Slots { by_tenant: bytes.iter().enumerate().map(slot).collect(), uses: 0 }
    }

    #[test]
    fn the_longest_unused_make_room() {
        let mut many = slots(&[1; TENANTS + 2]);
        many.make_room();
        assert_eq!(many.by_tenant.len(), TENANTS);
        assert!(!many.by_tenant.contains_key("1") && many.by_tenant.contains_key("2"));
        let mut large = slots(&[BYTES / 2, BYTES / 2, BYTES / 2]);
        large.make_room();
        assert_eq!(large.by_tenant.len(), 2);
        let mut one = slots(&[2 * BYTES]);
        one.make_room();
        assert_eq!(one.by_tenant.len(), 1);
    }
}
