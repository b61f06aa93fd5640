//! What a phase's load did, in the end and while it runs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use seaworthy_base::{Clock, Instant};

use crate::counters::{Counters, Failures};
use crate::load::Load;
use crate::recruit::{Lane, Recruit};
use crate::tags::Exploded;
use crate::timeline::SharedTimeline;

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
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) entries: Vec<Arc<Recruit>>,
    pub(crate) timeline: SharedTimeline,
    pub(crate) clock: Clock,
}

impl Handle {
    /// The numbers of each flow now, by its name.
    pub fn flows(&self) -> BTreeMap<String, LiveFlow> {
        let mut flows: BTreeMap<String, LiveFlow> = BTreeMap::new();
        for entry in &self.entries {
            for (lane, backlog) in entry.lanes.iter().zip(&*entry.backlogs) {
                let live = flows.entry(lane.program.flow.clone()).or_default();
                let in_flight = lane.recorders.iter().map(|recorder| recorder.counters.in_flight());
                live.unfinished += in_flight.sum::<u64>() + backlog.load(Ordering::Relaxed);
                live.dropped += total(lane, |counters| &counters.dropped);
                // One count, whichever entry makes the iteration.
                live.next_index = lane.index.load(Ordering::Relaxed);
            }
        }
        flows
    }

    /// The numbers now.
    pub fn live(&self) -> Live {
        let lanes = || self.entries.iter().flat_map(|entry| &entry.lanes);
        let sum = |of: fn(&Counters) -> &AtomicU64| lanes().map(|lane| total(lane, of)).sum();
        let all = || lanes().flat_map(|lane| &lane.recorders);
        let backlogs = self.entries.iter().flat_map(|entry| &*entry.backlogs);
        // An entry's virtual users count for each of its flows.
        let vus: i64 = self.entries.iter().map(|entry| entry.lanes[0].vus()).sum();
        Live {
            completed: sum(|counters| &counters.completed),
            requests: sum(|counters| &counters.requests),
            failed: sum(|counters| &counters.failed),
            in_flight: all().map(|recorder| recorder.counters.in_flight()).sum(),
            backlog: backlogs.map(|waiting| waiting.load(Ordering::Relaxed)).sum(),
            dropped: sum(|counters| &counters.dropped),
            vus: u64::try_from(vus).unwrap_or(0),
            recent_p95: self.timeline.recent_response_time(0.95, self.clock.now()),
        }
    }
}

/// The report of each of an entry's flows.
pub(crate) fn reports(load: &Load, recruit: &Recruit) -> Vec<LoadReport> {
    let one = |(share, lane): (&crate::load::Share, &Lane)| {
        let count = |of: fn(&Counters) -> &AtomicU64| total(lane, of);
        let steps = &lane.program.steps;
        let cuts = lane.recorders.iter().filter_map(|recorder| {
            recorder.counters.youngest_cut.load(Ordering::Relaxed).checked_sub(1)
        });
        LoadReport {
            flow: share.flow.clone(),
            open_model: load.is_open_model(),
            offered_per_second: load.offered_per_second().map(|all| all * load.part(&share.flow)),
            arrivals: count(|counters| &counters.arrivals),
            started: count(|counters| &counters.started),
            completed: count(|counters| &counters.completed),
            dropped: count(|counters| &counters.dropped),
            failed_iterations: count(|counters| &counters.failed_iterations),
            interrupted: count(|counters| &counters.cut) + count(|counters| &counters.expired),
            youngest_cut: cuts.min(),
            requests: count(|counters| &counters.requests),
            failed: count(|counters| &counters.failed),
            failures: failures(lane),
            exploded: lane.tags.exploded(|position| steps[position].name.clone()),
        }
    };
    load.flows.iter().zip(&recruit.lanes).map(one).collect()
}

fn total(lane: &Lane, of: fn(&Counters) -> &AtomicU64) -> u64 {
    lane.recorders.iter().map(|recorder| of(&recorder.counters).load(Ordering::Relaxed)).sum()
}

/// Of all workers, the most frequent first.
fn failures(lane: &Lane) -> Vec<Failures> {
    let mut all: BTreeMap<(String, String), Failures> = BTreeMap::new();
    for recorder in &lane.recorders {
        let failures = &recorder.counters.failures;
        for (key, more) in failures.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            all.entry(key.clone())
                .and_modify(|known| known.count += more.count)
                .or_insert_with(|| more.clone());
        }
    }
    let mut all: Vec<Failures> = all.into_values().collect();
    all.sort_by_key(|failure| std::cmp::Reverse(failure.count));
    all
}
