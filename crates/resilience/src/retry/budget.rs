//! What retries may cost: calls pay in, retries take out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use seaworthy_base::{Clock, Instant};

/// How a budget fills.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deposits {
    /// What each call pays in, in retries. 0.2.
    pub share: f64,
    /// What it begins with. Below it the budget also fills with time, so that a client that rarely calls
    /// may retry at all. 10.
    pub reserve: u32,
    /// How much it fills with time up to the reserve, in retries a second. 1.
    pub per_second: f64,
    /// The most it holds: what was saved up in good times is not all spent at once. 100.
    pub most: u32,
}

impl Default for Deposits {
    fn default() -> Self {
        Self { share: 0.2, reserve: 10, per_second: 1.0, most: 100 }
    }
}

/// A budget of retries. Clones share it.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Account>);

#[derive(Debug)]
struct Account {
    /// In thousandths of a retry.
    balance: AtomicU64,
    share: u64,
    most: u64,
    reserve: u64,
    per_second: f64,
    /// When it was last filled with time.
    filled: Mutex<Instant>,
}

const RETRY: u64 = 1_000;

impl Budget {
    /// A budget that holds its reserve.
    pub fn new(deposits: Deposits, clock: &Clock) -> Self {
        let reserve = u64::from(deposits.reserve) * RETRY;
        Self(Arc::new(Account {
            balance: AtomicU64::new(reserve),
            share: thousandths(deposits.share),
            most: (u64::from(deposits.most) * RETRY).max(reserve),
            reserve,
            per_second: deposits.per_second.max(0.0),
            filled: Mutex::new(clock.now()),
        }))
    }

    /// A call pays in.
    pub fn deposit(&self) {
        let Account { balance, share, most, .. } = &*self.0;
        // When it is full, as it is in good times, nothing is written.
        let _ = balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            (held < *most).then(|| (held + share).min(*most))
        });
    }

    /// A retry takes out; whether there was enough.
    pub fn withdraw(&self, clock: &Clock) -> bool {
        self.fill(clock);
        let take = |held: u64| held.checked_sub(RETRY);
        self.0.balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    /// How many retries it would allow now.
    pub fn left(&self, clock: &Clock) -> f64 {
        self.fill(clock);
        #[expect(clippy::cast_precision_loss, reason = "a balance is far below 2^52")]
        let held = self.0.balance.load(Ordering::Relaxed) as f64;
        held / 1e3
    }

    fn fill(&self, clock: &Clock) {
        let Account { balance, reserve, per_second, filled, .. } = &*self.0;
        let now = clock.now();
        let mut filled = filled.lock().unwrap_or_else(PoisonError::into_inner);
        let gain = thousandths(now.saturating_duration_since(*filled).as_secs_f64() * per_second);
        if gain == 0 {
            return;
        }
        *filled = now;
        let _ = balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            (held < *reserve).then(|| held.saturating_add(gain).min(*reserve))
        });
    }
}

fn thousandths(retries: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float that does not fit becomes the nearest number that does"
    )]
    let thousandths = (retries * 1e3) as u64;
    thousandths
}
