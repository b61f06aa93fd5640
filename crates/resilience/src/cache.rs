//! An in-memory cache: bounded, with one load at a time per key, and invalidation that can be relied on.
//!
//! - **Single flight.** Callers who ask for the same missing key at once share one load, and its error.
//!   When the one who loads goes away, another takes over.
//! - **Invalidation reaches loads that are under way.** Once [`invalidate`](Cache::invalidate) has returned,
//!   nobody who asks is given what was loaded before: a load that began earlier is answered to those who
//!   were waiting for it already, and is not kept.
//! - **Stale is better than nothing, where you say so.** What is no longer fresh is kept a while for
//!   [`get_or_stale`](Cache::get_or_stale), which falls back on it when loading fails, and says that it did:
//!   the cached fallback of an open circuit.
//! - **Bounded**: by a number of entries, in two generations. What is used moves to the younger one; when
//!   that is full, what is left in the older one goes. Nothing has to be linked or counted per use.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! use seaworthy_base::Clock;
//! use seaworthy_resilience::{Error, breaker::{self, Breaker}, cache::{Cache, Found, Settings}};
//! use seaworthy_resilience::outcome::ByResult;
//!
//! let prices: Cache<&str, u64, Error> = Cache::new(Settings::default(), Clock::system());
//! let breaker = Breaker::new("prices", breaker::Settings::default(), Clock::system());
//! let ask = || breaker.call(ByResult, async || Ok(42));
//! assert_eq!(prices.get_or_stale(&"tea", ask).await, Ok(Found::Fresh(42)));
//! # });
//! ```
//!
//! *Why not a crate:* moka and quick_cache read a clock of their own (no test could pause it), store what a
//! load returns although it was invalidated meanwhile, and let go of what is stale. moka would add ten
//! packages to a service that has tokio; this is three short files.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use seaworthy_base::{Clock, Instant};
use serde::Serialize;
use tokio::sync::watch;

mod layer;
mod shelf;

pub use layer::{Cached, Layer, SharedError};
use shelf::Shelf;

/// How much is kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// Most entries. 10,000.
    pub most: usize,
    /// How long a value is as good as a new one. 60 s; with none, every call loads.
    #[serde(serialize_with = "crate::breaker::span")]
    pub fresh: Duration,
    /// How long after that it is still kept for when loading fails. None.
    #[serde(serialize_with = "crate::breaker::span")]
    pub stale: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { most: 10_000, fresh: Duration::from_secs(60), stale: Duration::ZERO }
    }
}

/// A value, and whether it is as good as a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<V> {
    /// It is.
    Fresh(V),
    /// Loading failed; this was loaded a while ago.
    Stale {
        /// What was loaded then.
        value: V,
        /// How long ago.
        age: Duration,
    },
}

impl<V> Found<V> {
    /// The value, however old.
    pub fn into_value(self) -> V {
        match self {
            Self::Fresh(value) | Self::Stale { value, .. } => value,
        }
    }
}

/// A cache. Clones share it. Values and errors are handed to several callers, so they are cloned: wrap what
/// is large in an `Arc`.
#[derive(Debug)]
pub struct Cache<K, V, E>(Arc<Shared<K, V, E>>);

impl<K, V, E> Clone for Cache<K, V, E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct Shared<K, V, E> {
    settings: Settings,
    clock: Clock,
    hasher: RandomState,
    shards: Vec<Mutex<Shard<K, V, E>>>,
    flights: AtomicU64,
    counts: Counts,
}

#[derive(Debug)]
struct Shard<K, V, E> {
    shelf: Shelf<K, V>,
    flights: HashMap<K, Flight<V, E>>,
}

/// A load under way, and what those who wait for it listen to.
#[derive(Debug)]
struct Flight<V, E> {
    id: u64,
    landing: watch::Receiver<Option<Result<V, E>>>,
}

#[derive(Debug, Default)]
struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    shared: AtomicU64,
    stale: AtomicU64,
}

/// What was counted, for people and for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// Entries held, stale ones included.
    pub entries: usize,
    /// Asked for, and there.
    pub hits: u64,
    /// Asked for, and loaded.
    pub misses: u64,
    /// Asked for while another was loading it.
    pub shared: u64,
    /// Answered with something stale.
    pub stale: u64,
}

const SHARDS: usize = 16;

impl<K, V, E> Cache<K, V, E>
where
    K: Hash + Eq + Clone,
    V: Clone,
    E: Clone,
{
    /// An empty cache.
    pub fn new(settings: Settings, clock: Clock) -> Self {
        // A small cache is not divided: a part of it would be full while another is empty.
        let shards = if settings.most < 1_024 { 1 } else { SHARDS };
        let shard = || {
            let shelf = Shelf::new(settings.most / shards);
            Mutex::new(Shard { shelf, flights: HashMap::new() })
        };
        Self(Arc::new(Shared {
            settings,
            clock,
            hasher: RandomState::new(),
            shards: std::iter::repeat_with(shard).take(shards).collect(),
            flights: AtomicU64::new(0),
            counts: Counts::default(),
        }))
    }

    /// The value, if it is there and fresh.
    pub fn get(&self, key: &K) -> Option<V> {
        let now = self.0.clock.now();
        let found = self.fresh(&mut self.shard(key), key, now);
        let counts = &self.0.counts;
        let count = if found.is_some() { &counts.hits } else { &counts.misses };
        count.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// Puts a value in, in the place of any there was. A load of it that is under way is not kept.
    pub fn insert(&self, key: K, value: V) {
        let now = self.0.clock.now();
        let mut shard = self.shard(&key);
        shard.flights.remove(&key);
        shard.shelf.put(key, value, now);
    }

    /// The value, loaded if it is not there or not fresh.
    ///
    /// # Errors
    /// What loading it ended with; also that of a load that was already under way.
    pub async fn get_or_load<F>(&self, key: &K, load: impl FnOnce() -> F) -> Result<V, E>
    where
        F: Future<Output = Result<V, E>>,
    {
        self.get_or_load_if(key, |_| true, load).await
    }

    /// As [`get_or_load`](Self::get_or_load), but keeps only the values that `keep` picks.
    ///
    /// # Errors
    /// What loading it ended with; also that of a load that was already under way.
    pub async fn get_or_load_if<F>(
        &self,
        key: &K,
        keep: impl FnOnce(&V) -> bool,
        load: impl FnOnce() -> F,
    ) -> Result<V, E>
    where
        F: Future<Output = Result<V, E>>,
    {
        let lead = loop {
            match self.join(key) {
                Part::Here(value) => return Ok(value),
                Part::Follow(mut landing) => {
                    let landed = landing.wait_for(Option::is_some).await;
                    if let Some(result) = landed.ok().and_then(|landed| landed.clone()) {
                        return result;
                    }
                    // Whoever loaded it is gone, or panicked: one of those who wait takes over.
                }
                Part::Lead(lead) => break lead,
            }
        };
        let result = load().await;
        lead.land(result.clone(), keep);
        result
    }

    /// As [`get_or_load`](Self::get_or_load), but when loading fails, what is still kept from before.
    ///
    /// # Errors
    /// What loading ended with, when nothing is.
    pub async fn get_or_stale<F>(&self, key: &K, load: impl FnOnce() -> F) -> Result<Found<V>, E>
    where
        F: Future<Output = Result<V, E>>,
    {
        match self.get_or_load(key, load).await {
            Ok(value) => Ok(Found::Fresh(value)),
            Err(error) => self.stale(key).ok_or(error),
        }
    }

    /// What is kept of a key, though it is fresh no more.
    fn stale(&self, key: &K) -> Option<Found<V>> {
        let now = self.0.clock.now();
        let kept = self.0.settings.fresh.saturating_add(self.0.settings.stale);
        let mut shard = self.shard(key);
        let (value, age) = shard.shelf.get(key, now, kept)?;
        self.0.counts.stale.fetch_add(1, Ordering::Relaxed);
        Some(Found::Stale { value: value.clone(), age })
    }

    /// Forgets a value. Who asks from now on gets one that was loaded from now on.
    pub fn invalidate(&self, key: &K) {
        let mut shard = self.shard(key);
        shard.flights.remove(key);
        shard.shelf.remove(key);
    }

    /// Forgets the values of all keys that `which` picks.
    pub fn invalidate_if(&self, mut which: impl FnMut(&K) -> bool) {
        for shard in &self.0.shards {
            let mut shard = lock(shard);
            shard.flights.retain(|key, _| !which(key));
            shard.shelf.retain(|key| !which(key));
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.invalidate_if(|_| true);
    }

    /// What was counted.
    pub fn snapshot(&self) -> Snapshot {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counts { hits, misses, shared, stale } = &self.0.counts;
        Snapshot {
            entries: self.0.shards.iter().map(|shard| lock(shard).shelf.len()).sum(),
            hits: count(hits),
            misses: count(misses),
            shared: count(shared),
            stale: count(stale),
        }
    }

    fn join(&self, key: &K) -> Part<K, V, E> {
        let now = self.0.clock.now();
        let counts = &self.0.counts;
        let mut shard = self.shard(key);
        if let Some(value) = self.fresh(&mut shard, key, now) {
            counts.hits.fetch_add(1, Ordering::Relaxed);
            return Part::Here(value);
        }
        if let Some(flight) = shard.flights.get(key) {
            counts.shared.fetch_add(1, Ordering::Relaxed);
            return Part::Follow(flight.landing.clone());
        }
        counts.misses.fetch_add(1, Ordering::Relaxed);
        let id = self.0.flights.fetch_add(1, Ordering::Relaxed);
        let (sender, landing) = watch::channel(None);
        shard.flights.insert(key.clone(), Flight { id, landing });
        Part::Lead(Lead { cache: self.clone(), key: key.clone(), id, sender })
    }

    fn fresh(&self, shard: &mut Shard<K, V, E>, key: &K, now: Instant) -> Option<V> {
        shard.shelf.get(key, now, self.0.settings.fresh).map(|(value, _)| value.clone())
    }
}

impl<K: Hash + Eq, V, E> Cache<K, V, E> {
    fn shard(&self, key: &K) -> MutexGuard<'_, Shard<K, V, E>> {
        let shards = &self.0.shards;
        #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash do")]
        let hash = self.0.hasher.hash_one(key) as usize;
        lock(&shards[hash % shards.len()])
    }
}

fn lock<K, V, E>(shard: &Mutex<Shard<K, V, E>>) -> MutexGuard<'_, Shard<K, V, E>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What there is to do for one who asks.
enum Part<K: Hash + Eq, V, E> {
    Here(V),
    Follow(watch::Receiver<Option<Result<V, E>>>),
    Lead(Lead<K, V, E>),
}

/// The one who loads. Dropped without a landing, the flight is over and another may begin.
struct Lead<K: Hash + Eq, V, E> {
    cache: Cache<K, V, E>,
    key: K,
    id: u64,
    sender: watch::Sender<Option<Result<V, E>>>,
}

impl<K: Hash + Eq + Clone, V: Clone, E: Clone> Lead<K, V, E> {
    fn land(self, result: Result<V, E>, keep: impl FnOnce(&V) -> bool) {
        let kept = result.as_ref().ok().filter(|value| keep(value)).cloned();
        let now = self.cache.0.clock.now();
        {
            let mut shard = self.cache.shard(&self.key);
            if let (true, Some(value)) = (self.over(&mut shard), kept) {
                shard.shelf.put(self.key.clone(), value, now);
            }
        }
        let _ = self.sender.send(Some(result));
    }
}

impl<K: Hash + Eq, V, E> Lead<K, V, E> {
    /// Ends the flight, and says whether it was still this one: it may have been invalidated, and perhaps
    /// begun anew, while it was under way.
    fn over(&self, shard: &mut Shard<K, V, E>) -> bool {
        let ours = shard.flights.get(&self.key).is_some_and(|flight| flight.id == self.id);
        if ours {
            shard.flights.remove(&self.key);
        }
        ours
    }
}

impl<K: Hash + Eq, V, E> Drop for Lead<K, V, E> {
    fn drop(&mut self) {
        self.over(&mut self.cache.shard(&self.key));
    }
}
