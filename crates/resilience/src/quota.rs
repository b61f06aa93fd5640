//! Quotas: a budget of something that costs (a model's tokens, say) per key and window of time.
//!
//! What a call will cost is often known only when it has been made. So an estimate is *reserved*
//! before it and *settled* after it. A reservation that is never settled stays charged: what is not known to
//! be unused counts as used. When a call turns out to cost more than is left, the rest is owed, and the
//! next one is refused.
//!
//! Windows follow the wall clock: a day is a day in UTC. A wall clock that is set back opens no window
//! again that was left before.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use seaworthy_base::Clock;

use crate::error::Error;
pub use crate::rate::Left;

/// How much may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// This much,
    pub amount: u64,
    /// in each window of this length.
    pub window: Duration,
}

impl Allowance {
    /// So much a day.
    pub const fn per_day(amount: u64) -> Self {
        Self { amount, window: Duration::from_secs(86_400) }
    }

    /// So much a minute.
    pub const fn per_minute(amount: u64) -> Self {
        Self { amount, window: Duration::from_secs(60) }
    }

    fn nanos(self) -> u64 {
        u64::try_from(self.window.as_nanos()).unwrap_or(u64::MAX).max(1)
    }
}

/// Quotas by key. Clones share what was used.
#[derive(Clone, Debug)]
pub struct Quota<K>(Arc<Shared<K>>);

#[derive(Debug)]
struct Shared<K> {
    allowance: Allowance,
    clock: Clock,
    most: usize,
    accounts: Mutex<HashMap<K, Account>>,
}

/// What a key has used in its window.
#[derive(Clone, Copy, Debug)]
struct Account {
    /// How long its windows are: a key's allowance may change.
    length: u64,
    window: u64,
    used: u64,
}

impl Account {
    /// Goes on to the window that it is now; never back.
    fn turn(&mut self, length: u64, now: u64) {
        let window = now / length;
        if self.length != length {
            // What was used counts in the window of the new length, too: a change forgives nothing.
            (self.length, self.window) = (length, window);
        } else if window > self.window {
            (self.window, self.used) = (window, 0);
        }
    }

    fn left(&self, allowance: Allowance, now: u64) -> Left {
        let end = self.window.saturating_add(1).saturating_mul(self.length);
        Left {
            limit: allowance.amount,
            remaining: allowance.amount.saturating_sub(self.used),
            reset: Duration::from_nanos(end.saturating_sub(now)),
        }
    }
}

/// How many keys have an account, unless told otherwise.
pub const KEYS: usize = 65_536;

impl<K: Hash + Eq + Clone> Quota<K> {
    /// A quota that gives every key this allowance unless told another.
    pub fn new(allowance: Allowance, clock: Clock) -> Self {
        Self::with_keys(allowance, KEYS, clock)
    }

    /// A quota with room for this many keys in a window. One more key is refused: without an account
    /// nobody would know what it used.
    pub fn with_keys(allowance: Allowance, keys: usize, clock: Clock) -> Self {
        let accounts = Mutex::new(HashMap::new());
        Self(Arc::new(Shared { allowance, clock, most: keys.max(1), accounts }))
    }

    /// Reserves what a call is expected to cost.
    ///
    /// # Errors
    /// [`Error::QuotaSpent`] when less is left.
    pub fn reserve(&self, key: &K, estimate: u64) -> Result<Reservation<K>, Error> {
        self.reserve_from(self.0.allowance, key, estimate)
    }

    /// Reserves from an allowance that is this key's own.
    ///
    /// # Errors
    /// [`Error::QuotaSpent`] when less is left.
    pub fn reserve_from(
        &self,
        allowance: Allowance,
        key: &K,
        estimate: u64,
    ) -> Result<Reservation<K>, Error> {
        let now = self.now();
        let mut accounts = self.lock();
        let Some(account) = self.account(&mut accounts, allowance, key, now) else {
            let retry_after = Some(allowance.window.min(Duration::from_secs(60)));
            let limit = allowance.amount;
            return Err(Error::QuotaSpent { limit, remaining: 0, retry_after });
        };
        let left = account.left(allowance, now);
        if estimate > left.remaining || left.remaining == 0 {
            return Err(Error::QuotaSpent {
                limit: allowance.amount,
                remaining: left.remaining,
                retry_after: (estimate <= allowance.amount && allowance.amount > 0)
                    .then_some(left.reset),
            });
        }
        account.used += estimate;
        let window = account.window;
        drop(accounts);
        let (quota, key) = (self.clone(), key.clone());
        Ok(Reservation { quota, key, allowance, window, charged: estimate })
    }

    /// What is left to a key.
    pub fn left(&self, key: &K) -> Left {
        self.left_of(self.0.allowance, key)
    }

    /// What is left to a key of an allowance that is its own.
    pub fn left_of(&self, allowance: Allowance, key: &K) -> Left {
        let (now, length) = (self.now(), allowance.nanos());
        let mut account = self.lock().get(key).copied().unwrap_or(Account {
            length,
            window: now / length,
            used: 0,
        });
        account.turn(length, now);
        account.left(allowance, now)
    }

    /// Charges what was used without asking first: after a restart, say, what a key is known to have used
    /// in this window.
    pub fn charge(&self, key: &K, used: u64) -> Left {
        let (allowance, now) = (self.0.allowance, self.now());
        let mut accounts = self.lock();
        match self.account(&mut accounts, allowance, key, now) {
            Some(account) => {
                account.used = account.used.saturating_add(used);
                account.left(allowance, now)
            }
            None => Left { limit: allowance.amount, remaining: 0, reset: allowance.window },
        }
    }

    fn account<'a>(
        &self,
        accounts: &'a mut HashMap<K, Account>,
        allowance: Allowance,
        key: &K,
        now: u64,
    ) -> Option<&'a mut Account> {
        let length = allowance.nanos();
        if accounts.len() >= self.0.most && !accounts.contains_key(key) {
            accounts.retain(|_, account| account.window >= now / account.length);
            if accounts.len() >= self.0.most {
                return None;
            }
        }
        let new = Account { length, window: now / length, used: 0 };
        let account = accounts.entry(key.clone()).or_insert(new);
        account.turn(length, now);
        Some(account)
    }

    fn settle(&self, of: &Reservation<K>, actual: u64) -> Left {
        let now = self.now();
        let mut accounts = self.lock();
        let Some(account) = accounts.get_mut(&of.key) else {
            drop(accounts);
            return self.left_of(of.allowance, &of.key);
        };
        // What was reserved in a window that is over was paid for by that one.
        if account.window == of.window && account.length == of.allowance.nanos() {
            account.used = account.used.saturating_sub(of.charged).saturating_add(actual);
        }
        account.turn(of.allowance.nanos(), now);
        account.left(of.allowance, now)
    }

    fn now(&self) -> u64 {
        self.0.clock.wall().as_nanos()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Account>> {
        self.0.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was reserved. Dropped without being settled, it stays charged.
#[derive(Debug)]
#[must_use = "what is not settled stays charged"]
pub struct Reservation<K: Hash + Eq + Clone> {
    quota: Quota<K>,
    key: K,
    allowance: Allowance,
    window: u64,
    charged: u64,
}

impl<K: Hash + Eq + Clone> Reservation<K> {
    /// The call has cost this much.
    pub fn settle(self, actual: u64) -> Left {
        self.quota.settle(&self, actual)
    }

    /// The call was not made.
    pub fn cancel(self) -> Left {
        self.quota.settle(&self, 0)
    }
}
