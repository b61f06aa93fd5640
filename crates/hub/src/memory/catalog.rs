//! The tenants' indexes: built from the durable rows when first asked for, caught up before each search.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::gauge::Gauge;
use seaworthy_store::{Result, Tx};

use super::index::{Hit, Index};
use super::rows;
use crate::metrics::Metrics;

/// An index this many memories behind is near enough.
const NEAR: usize = 256;

/// How much the indexes together may take before the one unused longest is dropped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Tenants with an index in memory.
    pub(super) tenants: usize,
    /// Bytes of all indexes, about.
    pub(super) bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { tenants: 256, bytes: 512 << 20 }
    }
}

/// All indexes, each for one tenant. The rows stay the truth: an index that was dropped is rebuilt.
#[derive(Debug)]
pub(super) struct Catalog {
    limits: Limits,
    shelf: Mutex<Shelf>,
    tenants: Gauge,
    bytes: Gauge,
}

#[derive(Debug, Default)]
struct Shelf {
    indexes: HashMap<String, Kept>,
    /// Counts searches; the clock of "unused longest".
    uses: u64,
}

#[derive(Debug)]
struct Kept {
    index: Arc<Mutex<Followed>>,
    bytes: usize,
    used: u64,
    /// Memories written since the last search, or more.
    behind: usize,
}

/// When a search looks at the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Before it has the index to itself; others may have followed the rows further by then.
    Any,
    /// Once it has the index to itself; everybody else waits meanwhile.
    Own,
}

/// An index and the revision of the rows it has followed them to.
#[derive(Debug, Default)]
struct Followed {
    index: Index,
    revision: i64,
}

impl Catalog {
    /// An empty catalog.
    pub(super) fn new(limits: Limits, metrics: &Metrics) -> Self {
        Self {
            limits,
            shelf: Mutex::default(),
            tenants: metrics.register(
                "memory_index_tenants",
                "Tenants whose index is in memory",
                Gauge::default(),
            ),
            bytes: metrics.register(
                "memory_index_bytes",
                "What the indexes in memory take, about",
                Gauge::default(),
            ),
        }
    }

    /// The best memories of `tenant` for `query`, as [`Index::search`], with their texts.
    ///
    /// The index first follows every change committed before now, so what was acknowledged is
    /// found, and what was forgotten is not. `tx` must be a transaction that has read
    /// nothing yet, so that the index and the texts come from one state of the rows. None when
    /// others have followed the rows further than `tx` sees: ask again in another transaction.
    pub(super) fn search(
        &self,
        tx: &mut Tx<'_>,
        tenant: &str,
        query: &str,
        limit: usize,
        turn: Turn,
    ) -> Result<Option<Vec<(Hit, String)>>> {
        let index = self.take(tenant);
        // The first read takes the snapshot. Nobody else searches the index while it is locked, so
        // nothing that can be read before is read then.
        let (mut followed, latest) = match turn {
            Turn::Any => {
                let latest = rows::latest(tx)?;
                (lock(&index), latest)
            }
            Turn::Own => {
                let followed = lock(&index);
                (followed, rows::latest(tx)?)
            }
        };
        if followed.revision > latest {
            return Ok(None);
        }
        if followed.revision < latest {
            if let Err(error) = follow(&mut followed, tx, tenant) {
                // Half followed is not followed: the next search starts again from the rows.
                *followed = Followed::default();
                return Err(error);
            }
            followed.revision = latest;
        }
        let hits = followed.index.search(query, limit);
        let bytes = followed.index.bytes();
        drop(followed);
        self.weigh(tenant, bytes);
        let numbers: Vec<i64> = hits.iter().map(|hit| hit.row).collect();
        let mut texts = rows::values(tx, &numbers)?;
        let found = hits.into_iter().filter_map(|hit| {
            let text = texts.remove(&hit.row)?;
            Some((hit, text))
        });
        Ok(Some(found.collect()))
    }

    /// Notes that a memory is about to be written, which the next search has to follow.
    pub(super) fn behind(&self, tenant: &str) {
        if let Some(kept) = lock(&self.shelf).indexes.get_mut(tenant) {
            kept.behind = kept.behind.saturating_add(1);
        }
    }

    /// Whether a search has little to follow.
    pub(super) fn is_ready(&self, tenant: &str) -> bool {
        lock(&self.shelf).indexes.get(tenant).is_some_and(|kept| kept.behind <= NEAR)
    }

    fn take(&self, tenant: &str) -> Arc<Mutex<Followed>> {
        let mut shelf = lock(&self.shelf);
        shelf.uses += 1;
        let used = shelf.uses;
        let kept = shelf.indexes.entry(tenant.to_owned()).or_insert_with(|| Kept {
            index: Arc::default(),
            bytes: 0,
            used,
            behind: usize::MAX,
        });
        kept.used = used;
        Arc::clone(&kept.index)
    }

    /// Notes what an index takes now and drops others, the one unused longest first, down to the limits.
    fn weigh(&self, tenant: &str, bytes: usize) {
        let mut shelf = lock(&self.shelf);
        if let Some(kept) = shelf.indexes.get_mut(tenant) {
            kept.bytes = bytes;
            kept.behind = 0;
        }
        let mut total: usize = shelf.indexes.values().map(|kept| kept.bytes).sum();
        while shelf.indexes.len() > self.limits.tenants || total > self.limits.bytes {
            let oldest = shelf
                .indexes
                .iter()
                .filter(|(name, _)| *name != tenant)
                .min_by_key(|(_, kept)| kept.used)
                .map(|(name, _)| name.clone());
            let Some(dropped) = oldest.and_then(|name| shelf.indexes.remove(&name)) else { break };
            total -= dropped.bytes;
        }
        self.tenants.set(shelf.indexes.len() as i64);
        self.bytes.set(total as i64);
    }
}

fn follow(followed: &mut Followed, tx: &mut Tx<'_>, tenant: &str) -> Result<()> {
    let Followed { index, revision } = followed;
    rows::changes(tx, tenant, *revision, |change| match change {
        rows::Change::Remembered { row, key, value } => index.insert(row, key, value),
        rows::Change::Forgotten { row } => {
            index.remove(row);
        }
    })
}

/// A panic while locked would be a bug elsewhere; the data is rebuilt from the rows on any doubt.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    use seaworthy_store::{self as store, Options, Part, Store};
    use tempfile::TempDir;

    struct Rows {
        store: Store,
        _folder: TempDir,
    }

    fn rows() -> Rows {
        let folder = tempfile::tempdir().unwrap();
        let options = Options::file(folder.path(), [Part::own(rows::MIGRATIONS)]);
        Rows { store: Store::open(&options, &store::Metrics::default()).unwrap(), _folder: folder }
    }

    fn catalog(tenants: usize, bytes: usize) -> Arc<Catalog> {
        Arc::new(Catalog::new(Limits { tenants, bytes }, &Metrics::new("memory")))
    }

    impl Rows {
        async fn keys(
            &self,
            catalog: &Arc<Catalog>,
            tenant: &'static str,
            query: &'static str,
        ) -> Vec<String> {
            let catalog = Arc::clone(catalog);
            let search = move |tx: &mut Tx<'_>| catalog.search(tx, tenant, query, 10, Turn::Any);
            let found = self.store.read(search).await.unwrap();
            found
                .expect("nobody else searches")
                .into_iter()
                .map(|(hit, _)| hit.key.into())
                .collect()
        }

        async fn put(&self, tenant: &'static str, key: &'static str, value: &'static str) {
            let now = "2026-01-01T00:00:00Z";
            let put = self.store.write(move |tx| rows::remember(tx, tenant, key, value, None, now));
            put.await.unwrap();
        }

        async fn forget(&self, tenant: &'static str, key: &'static str) -> bool {
            self.store.write(move |tx| rows::forget(tx, tenant, key)).await.unwrap()
        }
    }

    #[tokio::test]
    async fn a_search_follows_every_change() {
        let (rows, catalog) = (rows(), catalog(9, usize::MAX));
        assert!(rows.keys(&catalog, "a", "tea").await.is_empty());
        rows.put("a", "one", "tea").await;
        rows.put("b", "two", "tea").await;
        assert_eq!(rows.keys(&catalog, "a", "tea").await, ["one"]);
        rows.put("a", "one", "coal").await;
        assert!(rows.keys(&catalog, "a", "tea").await.is_empty());
        assert_eq!(rows.keys(&catalog, "a", "coal").await, ["one"]);
        assert!(rows.forget("a", "one").await);
        assert!(!rows.forget("a", "one").await);
        assert!(rows.keys(&catalog, "a", "coal").await.is_empty());
        rows.put("a", "one", "coal again").await;
        assert_eq!(rows.keys(&catalog, "a", "coal").await, ["one"]);
        assert_eq!(rows.keys(&catalog, "b", "tea").await, ["two"]);
    }

    #[tokio::test]
    async fn a_search_that_sees_less_than_the_index_knows_asks_again() {
        let (rows, catalog) = (rows(), catalog(9, usize::MAX));
        rows.put("a", "one", "tea").await;
        assert_eq!(rows.keys(&catalog, "a", "tea").await, ["one"]);
        // Another has followed the rows further than this one's transaction can see.
        lock(&catalog.take("a")).revision += 1;
        let kept = Arc::clone(&catalog);
        let stale = rows.store.read(move |tx| kept.search(tx, "a", "tea", 10, Turn::Any)).await;
        assert!(stale.unwrap().is_none());
        rows.put("a", "two", "tea").await;
        assert_eq!(rows.keys(&catalog, "a", "tea").await, ["one"]);
    }

    #[tokio::test]
    async fn a_dropped_index_is_rebuilt_from_the_rows() {
        let rows = rows();
        let roomy = catalog(2, usize::MAX);
        for tenant in ["a", "b", "c"] {
            rows.put(tenant, tenant, "tea").await;
            assert_eq!(rows.keys(&roomy, tenant, "tea").await, [tenant]);
        }
        assert_eq!(roomy.tenants.get(), 2);
        assert_eq!(rows.keys(&roomy, "a", "tea").await, ["a"]);
        let tight = catalog(9, 1);
        for tenant in ["a", "b", "c", "a"] {
            assert_eq!(rows.keys(&tight, tenant, "tea").await, [tenant]);
            assert_eq!(tight.tenants.get(), 1, "one too large for the limit is kept alone");
        }
    }
}
