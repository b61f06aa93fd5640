//! A run while it goes on: how many users and iterations, how far each scenario is.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use seaworthy_load::{Counters, Handle, Live, LiveFlow, Observed};
use seaworthy_metrics::Snapshot;

use crate::shared::Shared;
use crate::vu::Scenario;

/// A run as others see it while it goes on. Cheap to clone.
#[derive(Clone)]
pub struct Watching {
    pub(crate) shared: Arc<Shared>,
    pub(crate) scenarios: Vec<Arc<Scenario>>,
    /// Of the load, once it has begun.
    pub(crate) load: Arc<OnceLock<Handle>>,
}

/// A scenario while it runs.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Its name.
    pub name: String,
    /// Its executor, as k6 names it.
    pub executor: &'static str,
    /// How much of it is over: 0 to 1.
    pub done: f64,
    /// Virtual users at work in it.
    pub vus: i64,
    /// Iterations that came to their end.
    pub iterations: u64,
    /// Its planned length, from the run's start on.
    pub length: Duration,
}

impl Watching {
    /// Since the run began.
    pub fn elapsed(&self) -> Duration {
        self.shared.elapsed()
    }

    /// Virtual users at work, and all that were made.
    pub fn vus(&self) -> (i64, u64) {
        let counts = &self.shared.counts;
        (counts.active.load(Ordering::Relaxed), counts.initialised.load(Ordering::Relaxed))
    }

    /// Iterations that came to their end, and that were cut off.
    pub fn iterations(&self) -> (u64, u64) {
        let counts = &self.shared.counts;
        (counts.completed.load(Ordering::Relaxed), counts.interrupted.load(Ordering::Relaxed))
    }

    /// Each scenario.
    pub fn scenarios(&self) -> Vec<Progress> {
        let elapsed = self.shared.elapsed();
        let sum = |scenario: &Scenario, of: fn(&Counters) -> u64| -> u64 {
            scenario.counters.iter().map(of).sum()
        };
        let one = |scenario: &Arc<Scenario>| Progress {
            name: scenario.name.clone(),
            executor: scenario.executor,
            done: scenario.progress(elapsed),
            vus: scenario.counters.iter().map(|it| it.vus.load(Ordering::Relaxed)).sum(),
            iterations: sum(scenario, |it| {
                it.completed.load(Ordering::Relaxed) + it.failed_iterations.load(Ordering::Relaxed)
            }),
            length: scenario.load.start + scenario.load.duration(),
        };
        self.scenarios.iter().map(one).collect()
    }

    /// All that was measured so far.
    pub fn snapshot(&self) -> Option<Snapshot> {
        let settled = self.shared.settled()?;
        Some(settled.collector.snapshot(self.shared.elapsed()))
    }
}

impl Observed for Watching {
    fn flows(&self) -> BTreeMap<String, LiveFlow> {
        self.load.get().map(Handle::flows).unwrap_or_default()
    }

    fn live(&self) -> Live {
        self.load.get().map(Handle::live).unwrap_or_default()
    }
}
