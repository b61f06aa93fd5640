//! The circuit breaker: a dependency that keeps failing is not called for a while, then tried.
//!
//! *Closed*, calls go through. The circuit *opens* when, within the window, there are as many failures
//! as the threshold says, and they are either in a row (an outage: noticed after five calls, however
//! many went well before) or at least half of the calls (a dependency that fails now and then under
//! thousands of calls is not cut off). Open, calls are refused at once, with the time that is left, so
//! that nobody waits and the dependency is left alone. When the cooldown is over, the next call is let
//! through to try (*half open*), two at once at most: two successes close the circuit, one failure opens
//! it again. A call that ends without saying anything of the dependency gives its place back.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! use seaworthy_base::Clock;
//! use seaworthy_resilience::{Error, breaker::{Breaker, Settings, State}};
//!
//! let breaker = Breaker::new("billing", Settings::default(), Clock::system());
//! for _ in 0..5 {
//!     breaker.admit().expect("the circuit is closed").failed();
//! }
//! assert_eq!(breaker.state(), State::Open);
//! assert!(matches!(breaker.admit(), Err(Error::CircuitOpen { .. })));
//! # });
//! ```
//!
//! For an answer while the circuit is open, put a [cache](crate::cache) that keeps what is stale in front of it
//! ([`Cache::get_or_stale`](crate::cache::Cache::get_or_stale)).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use seaworthy_base::{Clock, Span, Timestamp};
use serde::Serialize;

use crate::error::Error;
use crate::outcome::{Classify, Outcome};

mod layer;
mod machine;
mod window;

pub use layer::{Guarded, Layer};
use machine::{Change, Judgement, Machine};
pub use machine::{Reason, State};

/// When a circuit opens and closes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// Failures within the window that open the circuit; none counts as one. 5.
    pub failure_threshold: u32,
    /// Unless they are in a row they must also make up this share of the calls in the window. 0.5; with
    /// 0 that many failures open the circuit whatever went well meanwhile.
    pub failure_share: f64,
    /// Successes while half open that close it; none counts as one. 2.
    pub success_threshold: u32,
    /// Calls let through at once while half open; none counts as one. 2.
    pub probes: u32,
    /// How far back calls count. 60 s.
    #[serde(serialize_with = "span")]
    pub window: Duration,
    /// How long nothing is called once the circuit has opened. 60 s.
    #[serde(serialize_with = "span")]
    pub cooldown: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            failure_threshold: 5,
            failure_share: 0.5,
            success_threshold: 2,
            probes: 2,
            window: Duration::from_secs(60),
            cooldown: Duration::from_secs(60),
        }
    }
}

/// How many changes of state are remembered.
pub const HISTORY: usize = 10;

/// A circuit breaker for one dependency. Clones share it.
#[derive(Clone, Debug)]
pub struct Breaker(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    name: Arc<str>,
    settings: Settings,
    clock: Clock,
    /// The generation, and in its lowest bit whether the circuit is closed: what a call needs to be let
    /// through without taking the lock.
    stamp: AtomicU64,
    inside: Mutex<Inside>,
}

#[derive(Debug)]
struct Inside {
    machine: Machine,
    since: Timestamp,
    history: VecDeque<Transition>,
    totals: Totals,
}

/// What was counted since the breaker was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Calls that succeeded.
    pub successes: u64,
    /// Calls that failed.
    pub failures: u64,
    /// Calls that ended without saying anything of the dependency.
    pub unjudged: u64,
    /// Calls that were refused.
    pub refused: u64,
    /// How often the circuit opened.
    pub opened: u64,
}

/// One change of state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Transition {
    /// The state before.
    pub from: State,
    /// The state after.
    pub to: State,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
}

/// How a breaker stands, for people and for metrics.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    /// Which dependency.
    pub name: String,
    /// Whether calls go through.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// While calls are refused: for how much longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Span>,
    /// Failures in a row, up to now.
    pub failures_in_a_row: u64,
    /// Successes in a row, up to now.
    pub successes_in_a_row: u64,
    /// Calls in the window that said something of the dependency.
    pub window_calls: u64,
    /// And how many of them failed.
    pub window_failures: u64,
    /// The share of all judged calls that succeeded; none when there was none.
    pub success_rate: Option<f64>,
    /// What was counted since the start.
    pub totals: Totals,
    /// The last changes of state, oldest first.
    pub history: Vec<Transition>,
    /// When it opens and closes.
    pub settings: Settings,
}

impl Breaker {
    /// A closed circuit to the dependency `name`.
    pub fn new(name: impl Into<Arc<str>>, settings: Settings, clock: Clock) -> Self {
        let settings = Settings {
            failure_threshold: settings.failure_threshold.max(1),
            success_threshold: settings.success_threshold.max(1),
            probes: settings.probes.max(1),
            ..settings
        };
        let machine = Machine::new(settings, clock.now());
        let stamp = AtomicU64::new(stamp(&machine));
        let inside = Mutex::new(Inside {
            machine,
            since: clock.wall(),
            history: VecDeque::with_capacity(HISTORY),
            totals: Totals::default(),
        });
        Self(Arc::new(Shared { name: name.into(), settings, clock, stamp, inside }))
    }

    /// Which dependency it is for.
    pub fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// Lets a call through. The permit wants to hear how it ended; dropped, it says nothing.
    ///
    /// # Errors
    /// [`Error::CircuitOpen`] while the circuit is open, or half open with enough calls under way.
    pub fn admit(&self) -> Result<Permit, Error> {
        let seen = self.0.stamp.load(Ordering::Acquire);
        if seen & CLOSED != 0 {
            return Ok(Permit { breaker: self.clone(), generation: seen >> 1, heard: false });
        }
        let mut inside = self.0.lock();
        match inside.machine.admit(self.0.clock.now()) {
            Ok(change) => {
                self.0.follow(&mut inside, change);
                let generation = inside.machine.generation();
                Ok(Permit { breaker: self.clone(), generation, heard: false })
            }
            Err(retry_after) => {
                inside.totals.refused += 1;
                Err(Error::CircuitOpen { dependency: Arc::clone(&self.0.name), retry_after })
            }
        }
    }

    /// Makes a call if the circuit lets it through, and hears how it ended.
    ///
    /// # Errors
    /// [`Error::CircuitOpen`], or what the call ended with.
    pub async fn call<T, E, F>(
        &self,
        classify: impl Classify<T, E>,
        call: impl FnOnce() -> F,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
        E: From<Error>,
    {
        let permit = self.admit()?;
        let result = call().await;
        permit.ended(classify.classify(&result));
        result
    }

    /// Whether calls go through. Open stays open until a call comes after the cooldown.
    pub fn state(&self) -> State {
        self.0.lock().machine.state()
    }

    /// How it stands.
    pub fn snapshot(&self) -> Snapshot {
        let now = self.0.clock.now();
        let inside = self.0.lock();
        let Inside { machine, since, history, totals } = &*inside;
        let (failures_in_a_row, successes_in_a_row) = machine.row();
        let (window_calls, window_failures) = machine.sums(now);
        let judged = totals.successes + totals.failures;
        #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
        let success_rate = (judged > 0).then(|| totals.successes as f64 / judged as f64);
        Snapshot {
            name: self.0.name.to_string(),
            state: machine.state(),
            since: *since,
            retry_after: machine.refusal(now).map(Span),
            failures_in_a_row,
            successes_in_a_row,
            window_calls,
            window_failures,
            success_rate,
            totals: *totals,
            history: history.iter().cloned().collect(),
            settings: self.0.settings,
        }
    }

    /// Opens the circuit for a cooldown, whatever the calls say.
    pub fn trip(&self) {
        let now = self.0.clock.now();
        let mut inside = self.0.lock();
        let change = inside.machine.open(now, Reason::Asked);
        self.0.follow(&mut inside, Some(change));
    }

    /// Closes the circuit and forgets the failures there were.
    pub fn reset(&self) {
        let mut inside = self.0.lock();
        let change = inside.machine.close(Reason::Asked);
        self.0.follow(&mut inside, Some(change));
    }

    fn record(&self, generation: u64, judgement: Judgement) {
        let now = self.0.clock.now();
        let mut inside = self.0.lock();
        match judgement {
            Judgement::Success => inside.totals.successes += 1,
            Judgement::Failure => inside.totals.failures += 1,
            Judgement::None => inside.totals.unjudged += 1,
        }
        let change = inside.machine.record(generation, judgement, now);
        self.0.follow(&mut inside, change);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inside> {
        // Nothing in there can be left half changed: what is done under the lock does not panic.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a change, and lets calls that take no lock see it.
    fn follow(&self, inside: &mut Inside, change: Option<Change>) {
        self.stamp.store(stamp(&inside.machine), Ordering::Release);
        let Some(Change { from, to, reason }) = change.filter(|change| change.from != change.to)
        else {
            return;
        };
        let at = self.clock.wall();
        inside.since = at;
        inside.totals.opened += u64::from(to == State::Open);
        if inside.history.len() == HISTORY {
            inside.history.pop_front();
        }
        inside.history.push_back(Transition { from, to, at, reason });
    }
}

const CLOSED: u64 = 1;

fn stamp(machine: &Machine) -> u64 {
    machine.generation() << 1 | if machine.state() == State::Closed { CLOSED } else { 0 }
}

pub(crate) fn span<S: serde::Serializer>(
    time: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    Span(*time).serialize(serializer)
}

/// A call that was let through. Dropped without a word, it says nothing of the dependency.
#[derive(Debug)]
#[must_use = "dropped at once, the call is over before it was made"]
pub struct Permit {
    breaker: Breaker,
    generation: u64,
    heard: bool,
}

impl Permit {
    /// The dependency answered.
    pub fn succeeded(self) {
        self.hear(Judgement::Success);
    }

    /// The dependency failed.
    pub fn failed(self) {
        self.hear(Judgement::Failure);
    }

    /// How the call ended.
    pub fn ended(self, outcome: Outcome) {
        self.hear(match outcome {
            Outcome::Success | Outcome::Busy { .. } => Judgement::Success,
            Outcome::Failed | Outcome::NeverSent | Outcome::Broken => Judgement::Failure,
            Outcome::Unjudged => Judgement::None,
        });
    }

    fn hear(mut self, judgement: Judgement) {
        self.heard = true;
        self.breaker.record(self.generation, judgement);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.heard {
            self.breaker.record(self.generation, Judgement::None);
        }
    }
}
