//! Retries: only of what is safe to repeat, ever further apart, and never more than a budget allows.
//!
//! A call is made again when its [`Outcome`] says that it could help *and* nothing can be done twice by
//! it: the call is [`Idempotent`](Safety::Idempotent), or it never reached the dependency. Delays double
//! from 100 ms up to 30 s, each a quarter longer or shorter by chance, so that callers who failed together
//! do not come back together. A `Retry-After` is honoured: nobody comes back earlier, and a call that
//! would have to wait longer than the longest delay, or past its deadline, is given up at once.
//!
//! Retries multiply load exactly when there is too much of it. Hence the [`Budget`]: each call pays a
//! fifth of a retry in, each retry takes a whole one out. When everything fails, the load on the
//! dependency is 1.2 times what it was and not five times.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use seaworthy_base::Clock;
use seaworthy_base::chance::Chance;
use serde::Serialize;

use crate::deadline::Deadline;
use crate::error::Error;
use crate::outcome::{Classify, Outcome, Safety};

mod budget;
mod layer;

pub use budget::{Budget, Deposits};
pub use layer::{Again, Layer, Retried};

/// How often, and how far apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Policy {
    /// Tries in all, the first one included; none counts as one. 5.
    pub attempts: u32,
    /// The first delay, doubled with each further one. 100 ms.
    #[serde(serialize_with = "crate::breaker::span")]
    pub base: Duration,
    /// The longest delay, jitter included. 30 s.
    #[serde(serialize_with = "crate::breaker::span")]
    pub cap: Duration,
    /// By which share a delay is longer or shorter by chance, 0 to 1. 0.25.
    pub jitter: f64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempts: 5,
            base: Duration::from_millis(100),
            cap: Duration::from_secs(30),
            jitter: 0.25,
        }
    }
}

impl Policy {
    /// How long to wait before try `attempt` + 1, when `attempt` tries have been made.
    pub fn delay(&self, attempt: u32, chance: &mut Chance) -> Duration {
        let doublings = attempt.saturating_sub(1).min(63);
        let nanos = self.base.as_nanos().saturating_mul(1_u128 << doublings);
        let nanos = nanos.min(self.cap.as_nanos());
        let middle = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let jitter = self.jitter.clamp(0.0, 1.0);
        // Not cut off at the cap, but spread below it: cut off, half of all would come back at once.
        let (low, high) =
            (middle.mul_f64(1.0 - jitter), middle.mul_f64(1.0 + jitter).min(self.cap));
        low + high.saturating_sub(low).mul_f64(chance.fraction())
    }
}

/// Makes calls again. Clones share the budget and the counts.
#[derive(Clone, Debug)]
pub struct Retry(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    policy: Policy,
    budget: Budget,
    clock: Clock,
    chance: Mutex<Chance>,
    retries: AtomicU64,
    unaffordable: AtomicU64,
}

/// What was counted, for people and for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    /// Tries that were not first ones.
    pub retries: u64,
    /// Tries that would have been made had the budget allowed it.
    pub unaffordable: u64,
    /// Retries that the budget would allow now.
    pub budget: f64,
    /// How often, and how far apart.
    pub settings: Policy,
}

impl Retry {
    /// Retries by `policy` as long as `budget` allows it.
    pub fn new(policy: Policy, budget: Budget, clock: Clock, chance: Chance) -> Self {
        let (retries, unaffordable) = (AtomicU64::new(0), AtomicU64::new(0));
        let chance = Mutex::new(chance);
        Self(Arc::new(Shared { policy, budget, clock, chance, retries, unaffordable }))
    }

    /// Begins a call: to be asked, whenever a try has ended, whether to make another.
    pub fn begin(&self, safety: Safety, deadline: Option<Deadline>) -> Attempts {
        self.0.budget.deposit();
        Attempts { retry: self.clone(), made: 0, safety, deadline }
    }

    /// Makes a call, and again while that is safe, could help, and can be afforded.
    ///
    /// # Errors
    /// What the last try ended with.
    pub async fn call<T, E, F>(
        &self,
        safety: Safety,
        deadline: Option<Deadline>,
        classify: impl Classify<T, E>,
        mut call: impl FnMut() -> F,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let mut attempts = self.begin(safety, deadline);
        loop {
            let result = call().await;
            match attempts.ended(classify.classify(&result)) {
                Some(delay) => tokio::time::sleep(delay).await,
                None => return result,
            }
        }
    }

    /// What was counted.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            retries: self.0.retries.load(Ordering::Relaxed),
            unaffordable: self.0.unaffordable.load(Ordering::Relaxed),
            budget: self.0.budget.left(&self.0.clock),
            settings: self.0.policy,
        }
    }
}

/// The tries of one call.
#[derive(Debug)]
pub struct Attempts {
    retry: Retry,
    made: u32,
    safety: Safety,
    deadline: Option<Deadline>,
}

impl Attempts {
    /// Hears how a try ended, and says how long to wait before the next; none when it was the last.
    pub fn ended(&mut self, outcome: Outcome) -> Option<Duration> {
        let Shared { policy, budget, clock, chance, retries, unaffordable } = &*self.retry.0;
        self.made += 1;
        let asked = match outcome {
            Outcome::Success | Outcome::Broken | Outcome::Unjudged => return None,
            Outcome::NeverSent => Duration::ZERO,
            Outcome::Failed if self.safety == Safety::Idempotent => Duration::ZERO,
            Outcome::Busy { retry_after } if self.safety == Safety::Idempotent => {
                retry_after.unwrap_or_default()
            }
            Outcome::Failed | Outcome::Busy { .. } => return None,
        };
        if self.made >= policy.attempts || asked > policy.cap {
            return None;
        }
        let drawn = {
            let mut chance = chance.lock().unwrap_or_else(PoisonError::into_inner);
            policy.delay(self.made, &mut chance)
        };
        let delay = drawn.max(asked);
        if self.deadline.is_some_and(|deadline| deadline.remaining(clock) <= delay) {
            return None;
        }
        if !budget.withdraw(clock) {
            unaffordable.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        retries.fetch_add(1, Ordering::Relaxed);
        Some(delay)
    }

    /// How many tries have ended.
    pub fn made(&self) -> u32 {
        self.made
    }
}

/// Like [`Retry::call`], for a call that may be refused here before it is made; that is never retried.
pub(crate) fn refused(error: &Error) -> Outcome {
    match error {
        Error::TimedOut { .. } => Outcome::Failed,
        _ => Outcome::Unjudged,
    }
}
