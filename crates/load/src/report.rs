//! What a phase's load did, in the end and while it runs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use seaworthy_base::Instant;

use crate::counters::{self, Counters, Failures};
use crate::load::Load;
use crate::tags::Exploded;

/// What a phase's load did.
#[derive(Clone, Debug)]
pub struct PhaseReport {
    /// When the phase began.
    pub started: Instant,
    /// When its last iteration had ended or was cut off.
    pub ended: Instant,
    /// Each flow of each entry, in the order of the plan.
    pub loads: Vec<LoadReport>,
    /// What whoever reads the numbers must know of the generator: file descriptors it may not have.
    pub notes: Vec<String>,
}

/// What one load entry did with one of its flows.
#[derive(Clone, Debug)]
pub struct LoadReport {
    /// The flow.
    pub flow: String,
    /// Whether iterations began at their own pace. Then response times count from when an
    /// iteration was due; otherwise they are service times.
    pub open_model: bool,
    /// Iterations of the flow per second that were to begin; `None` in a closed model.
    pub offered_per_second: Option<f64>,
    /// Iterations that were due (open models).
    pub arrivals: u64,
    /// Iterations that began.
    pub started: u64,
    /// Iterations that ran to their end.
    pub completed: u64,
    /// Iterations that a failed step ended early.
    pub failed_iterations: u64,
    /// Iterations that were to be made and never began: arrivals that overflowed the backlog, or
    /// what was left of a fixed number when its time was over. The latter stands with an entry's
    /// first flow.
    pub dropped: u64,
    /// Iterations that were waiting or in flight when the graceful stop was over.
    pub interrupted: u64,
    /// Age of the youngest step that was cut off, in nanoseconds. Objectives with a bound below it
    /// lose nothing: everything that was cut off was already over the bound.
    pub youngest_cut: Option<u64>,
    /// Requests that ended, well or not.
    pub requests: u64,
    /// Requests without an answer or with an unexpected status.
    pub failed: u64,
    /// What failed, most frequent first, each with an example (which may hold parts of a body).
    pub failures: Vec<Failures>,
    /// Tags that took more values than are kept apart.
    pub exploded: Vec<Exploded>,
}

/// A phase's numbers while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// Iterations that ran to their end.
    pub completed: u64,
    /// Requests that ended.
    pub requests: u64,
    /// Of these, how many failed.
    pub failed: u64,
    /// Iterations under way.
    pub in_flight: u64,
    /// Arrivals that wait for a virtual user.
    pub backlog: u64,
    /// Iterations that never began.
    pub dropped: u64,
    /// Virtual users.
    pub vus: u64,
    /// The 95th percentile of the response times of the last five seconds, in nanoseconds.
    pub recent_p95: Option<u64>,
}

/// A flow's numbers while its phase runs, over all entries that drive it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveFlow {
    /// The next iteration's index.
    pub next_index: u64,
    /// Iterations under way, and arrivals that wait for a virtual user.
    pub unfinished: u64,
    /// Iterations that never began.
    pub dropped: u64,
}

/// Reads a running phase's numbers. Cheap to clone.
#[derive(Clone)]
pub struct Handle(Arc<dyn Observed>);

/// What has a phase's numbers while it runs.
pub trait Observed: Send + Sync {
    /// The numbers of each flow now, by its name.
    fn flows(&self) -> BTreeMap<String, LiveFlow>;

    /// The numbers now.
    fn live(&self) -> Live;
}

impl Handle {
    /// A handle of whatever has the numbers.
    pub fn new(observed: impl Observed + 'static) -> Self {
        Self(Arc::new(observed))
    }

    /// The numbers of each flow now, by its name.
    pub fn flows(&self) -> BTreeMap<String, LiveFlow> {
        self.0.flows()
    }

    /// The numbers now.
    pub fn live(&self) -> Live {
        self.0.live()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Handle").field(&self.live()).finish()
    }
}

impl LoadReport {
    /// What every worker counted for flow number `lane` of a load entry, added up.
    pub fn counted<'c>(
        load: &Load,
        lane: usize,
        counters: impl Iterator<Item = &'c Counters> + Clone,
    ) -> Self {
        let flow = load.flows[lane].flow.clone();
        let count = |of: fn(&Counters) -> &AtomicU64| -> u64 {
            counters.clone().map(|counters| of(counters).load(Ordering::Relaxed)).sum()
        };
        Self {
            open_model: load.is_open_model(),
            offered_per_second: load.offered_per_second().map(|all| all * load.part(&flow)),
            flow,
            arrivals: count(|counters| &counters.arrivals),
            started: count(|counters| &counters.started),
            completed: count(|counters| &counters.completed),
            dropped: count(|counters| &counters.dropped),
            failed_iterations: count(|counters| &counters.failed_iterations),
            interrupted: count(|counters| &counters.cut) + count(|counters| &counters.expired),
            youngest_cut: counters.clone().filter_map(Counters::youngest_cut).min(),
            requests: count(|counters| &counters.requests),
            failed: count(|counters| &counters.failed),
            failures: counters::failures(counters),
            exploded: Vec::new(),
        }
    }
}
