//! Everything a caller wraps around one dependency, in one value and in the right order.
//!
//! A call has a deadline. Within it each try first takes a place in the bulkhead, then asks the circuit,
//! then is made; how it ended goes to the circuit and decides whether there is another try. The order
//! matters: who waits for a place holds none of the few probes of a half-open circuit, and a circuit that
//! opens meanwhile still refuses those who waited.

use std::sync::Arc;
use std::time::Duration;

use seaworthy_base::Clock;
use seaworthy_base::chance::Chance;
use serde::Serialize;

use crate::breaker::{self, Breaker};
use crate::bulkhead::{self, Bulkhead};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::outcome::{Classify, Outcome, Safety};
use crate::retry::{self, Retry};

/// How a dependency is called.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// When it is not called for a while.
    pub breaker: breaker::Settings,
    /// How many calls at once.
    pub bulkhead: bulkhead::Settings,
    /// How often, and how far apart.
    pub retry: retry::Policy,
    /// What retries may cost.
    pub deposits: retry::Deposits,
    /// How long a call may take, all its tries together. 10 s.
    pub timeout: Duration,
    /// A try that was given less time than this and did not end in it says nothing of the dependency: a
    /// caller in a hurry must not open the circuit for all others. 1 s.
    pub fair: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            breaker: breaker::Settings::default(),
            bulkhead: bulkhead::Settings::default(),
            retry: retry::Policy::default(),
            deposits: retry::Deposits::default(),
            timeout: Duration::from_secs(10),
            fair: Duration::from_secs(1),
        }
    }
}

/// A dependency, as it is called. Clones share its state.
#[derive(Clone, Debug)]
pub struct Dependency(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    breaker: Breaker,
    bulkhead: Bulkhead,
    retry: Retry,
    timeout: Duration,
    fair: Duration,
    clock: Clock,
}

/// How a dependency stands, for people and for metrics.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    /// Its circuit.
    #[serde(flatten)]
    pub circuit: breaker::Snapshot,
    /// The room there is for calls.
    pub bulkhead: bulkhead::Snapshot,
    /// Calls made again.
    pub retry: retry::Snapshot,
}

impl Dependency {
    /// The dependency `name`, with a closed circuit and nothing under way.
    pub fn new(
        name: impl Into<Arc<str>>,
        settings: Settings,
        clock: Clock,
        chance: Chance,
    ) -> Self {
        let name = name.into();
        let budget = retry::Budget::new(settings.deposits, &clock);
        Self(Arc::new(Shared {
            breaker: Breaker::new(Arc::clone(&name), settings.breaker, clock.clone()),
            bulkhead: Bulkhead::new(name, settings.bulkhead, clock.clone()),
            retry: Retry::new(settings.retry, budget, clock.clone(), chance),
            timeout: settings.timeout,
            fair: settings.fair,
            clock,
        }))
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        self.0.breaker.name()
    }

    /// Its circuit.
    pub fn breaker(&self) -> &Breaker {
        &self.0.breaker
    }

    /// Until when a call may go on that begins now, for a caller that waits until `deadline`.
    pub fn deadline(&self, deadline: Option<Deadline>) -> Deadline {
        let own = Deadline::after(&self.0.clock, self.0.timeout);
        deadline.map_or(own, |deadline| deadline.sooner(own))
    }

    /// Calls the dependency: `call` is one try, told until when it is waited for.
    ///
    /// # Errors
    /// What the last try ended with, or why none was made.
    pub async fn call<T, E, F>(
        &self,
        safety: Safety,
        deadline: Option<Deadline>,
        classify: impl Classify<T, E>,
        mut call: impl FnMut(Deadline) -> F,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
        E: From<Error>,
    {
        let deadline = self.deadline(deadline);
        let mut attempts = self.0.retry.begin(safety, Some(deadline));
        loop {
            let (result, outcome) = self.attempt(deadline, &classify, &mut call).await;
            match attempts.ended(outcome) {
                Some(delay) => tokio::time::sleep(delay).await,
                None => return result,
            }
        }
    }

    async fn attempt<T, E, F>(
        &self,
        deadline: Deadline,
        classify: &impl Classify<T, E>,
        call: &mut impl FnMut(Deadline) -> F,
    ) -> (Result<T, E>, Outcome)
    where
        F: Future<Output = Result<T, E>>,
        E: From<Error>,
    {
        let Shared { breaker, bulkhead, fair, clock, .. } = &*self.0;
        let refused = |error: Error| (Err(error.into()), Outcome::Unjudged);
        let place = match bulkhead.enter(Some(deadline)).await {
            Ok(place) => place,
            Err(error) => return refused(error),
        };
        let permit = match breaker.admit() {
            Ok(permit) => permit,
            Err(error) => return refused(error),
        };
        let ended = deadline.bound(clock, call(deadline)).await;
        drop(place);
        let (result, outcome) = match ended {
            Ok(result) => {
                let outcome = classify.classify(&result);
                (result, outcome)
            }
            Err(Error::TimedOut { after }) if after >= *fair => {
                (Err(Error::TimedOut { after }.into()), Outcome::Failed)
            }
            Err(error) => refused(error),
        };
        permit.ended(outcome);
        (result, outcome)
    }

    /// How it stands.
    pub fn snapshot(&self) -> Snapshot {
        let Shared { breaker, bulkhead, retry, .. } = &*self.0;
        Snapshot {
            circuit: breaker.snapshot(),
            bulkhead: bulkhead.snapshot(),
            retry: retry.snapshot(),
        }
    }
}
