//! Rate limits: so many calls per time and key, which tell what is left and when to come back.
//!
//! A token bucket for each key, kept as a single number: the time at which it will be full again (the
//! generic cell rate algorithm). So a key costs a hash map's entry and nothing ticks. A key whose bucket
//! is full again is the same as one that was never seen, and is forgotten. More keys at once than
//! there is room for share one bucket: nobody makes the table grow, or the limit go away, by making up
//! keys.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use seaworthy_base::{Clock, Instant};

use crate::error::Error;

mod layer;

pub use layer::{Layer, Limited};

/// How much may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// This many,
    pub amount: u64,
    /// in this time,
    pub per: Duration,
    /// and at most this many at once.
    pub burst: u64,
}

impl Rate {
    /// So many a second, and a second's worth at once.
    pub const fn per_second(amount: u64) -> Self {
        Self { amount, per: Duration::from_secs(1), burst: amount }
    }

    /// So many a minute, and a minute's worth at once.
    pub const fn per_minute(amount: u64) -> Self {
        Self { amount, per: Duration::from_secs(60), burst: amount }
    }

    /// With another bound on how many at once.
    #[must_use]
    pub const fn with_burst(self, burst: u64) -> Self {
        Self { burst, ..self }
    }

    /// How long one takes to come back, in nanoseconds. Rounded up: the limit is not exceeded.
    fn each(self) -> u64 {
        let nanos = self.per.as_nanos().div_ceil(u128::from(self.amount.max(1)));
        u64::try_from(nanos).unwrap_or(u64::MAX).max(1)
    }
}

/// What is left after something was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// The most that may be taken at once.
    pub limit: u64,
    /// What may be taken now.
    pub remaining: u64,
    /// When all of it is back.
    pub reset: Duration,
}

impl Left {
    /// Writes `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (seconds, rounded up).
    pub fn write(&self, headers: &mut HeaderMap) {
        let reset = self.reset.as_secs() + u64::from(self.reset.subsec_nanos() > 0);
        for (name, value) in [(LIMIT, self.limit), (REMAINING, self.remaining), (RESET, reset)] {
            headers.insert(name, HeaderValue::from(value));
        }
    }
}

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// Rate limits by key. Clones share what was taken.
#[derive(Clone, Debug)]
pub struct Limiter<K>(Arc<Shared<K>>);

#[derive(Debug)]
struct Shared<K> {
    rate: Rate,
    clock: Clock,
    origin: Instant,
    /// Most keys in a shard.
    most: usize,
    hasher: RandomState,
    shards: Vec<Mutex<Shard<K>>>,
}

#[derive(Debug)]
struct Shard<K> {
    /// When each key's bucket is full again, in nanoseconds since the origin.
    full_at: HashMap<K, u64>,
    /// The same for all keys there was no room for.
    others: u64,
    /// When keys with full buckets may be looked for again.
    swept: u64,
}

const SHARDS: usize = 16;

/// How many keys have a bucket of their own, unless told otherwise.
pub const KEYS: usize = 65_536;

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// A limiter that gives every key this rate unless told another.
    pub fn new(rate: Rate, clock: Clock) -> Self {
        Self::with_keys(rate, KEYS, clock)
    }

    /// A limiter with room for this many keys.
    pub fn with_keys(rate: Rate, keys: usize, clock: Clock) -> Self {
        let shard = || Mutex::new(Shard { full_at: HashMap::new(), others: 0, swept: 0 });
        Self(Arc::new(Shared {
            rate,
            origin: clock.now(),
            clock,
            most: keys.div_ceil(SHARDS),
            hasher: RandomState::new(),
            shards: std::iter::repeat_with(shard).take(SHARDS).collect(),
        }))
    }

    /// Takes one.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub fn take(&self, key: &K) -> Result<Left, Error> {
        self.take_at(self.0.rate, key, 1)
    }

    /// Takes `count` at once, or none.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub fn take_many(&self, key: &K, count: u64) -> Result<Left, Error> {
        self.take_at(self.0.rate, key, count)
    }

    /// Takes `count` at once, or none, at a rate that is this key's own.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub fn take_at(&self, rate: Rate, key: &K, count: u64) -> Result<Left, Error> {
        let (each, now) = (rate.each(), self.now());
        let room = each.saturating_mul(rate.burst);
        self.with(key, now, |full_at| {
            let held = (*full_at).max(now);
            let then = held.saturating_add(each.saturating_mul(count));
            let left = |full_at: u64| Left {
                limit: rate.burst,
                remaining: room.saturating_sub(full_at - now) / each,
                reset: Duration::from_nanos(full_at - now),
            };
            let over = (then - now).saturating_sub(room);
            if over == 0 {
                *full_at = then;
                return Ok(left(then));
            }
            let possible = count <= rate.burst;
            Err(Error::RateLimited {
                limit: rate.burst,
                remaining: left(held).remaining,
                retry_after: possible.then(|| Duration::from_nanos(over)),
            })
        })
    }

    /// How many keys have a bucket that is not full, or was not a while ago.
    pub fn keys(&self) -> usize {
        let count = |shard: &Mutex<Shard<K>>| {
            shard.lock().unwrap_or_else(PoisonError::into_inner).full_at.len()
        };
        self.0.shards.iter().map(count).sum()
    }

    fn now(&self) -> u64 {
        let since = self.0.clock.now().saturating_duration_since(self.0.origin);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    fn with<T>(&self, key: &K, now: u64, take: impl FnOnce(&mut u64) -> T) -> T {
        let Shared { hasher, shards, most, .. } = &*self.0;
        let hash = hasher.hash_one(key);
        #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash do")]
        let shard = &shards[hash as usize % SHARDS];
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(full_at) = shard.full_at.get_mut(key) {
            return take(full_at);
        }
        if shard.full_at.len() >= *most && now >= shard.swept {
            shard.full_at.retain(|_, full_at| *full_at > now);
            // Not with each new key: looking through all of them costs more than a call should.
            shard.swept = now + SWEEP;
        }
        if shard.full_at.len() >= *most {
            return take(&mut shard.others);
        }
        take(shard.full_at.entry(key.clone()).or_insert(0))
    }
}

/// How long to wait before full buckets are looked for again: 100 ms, in nanoseconds.
const SWEEP: u64 = 100_000_000;
