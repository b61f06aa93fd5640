//! A phase's load: all its entries side by side, the watch beside them, and a report at the end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use seaworthy_base::{Clock, Instant};
use seaworthy_net::Url;
use seaworthy_net::url::Scheme;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::executor;
use crate::flow::Flow;
use crate::load::Load;
use crate::pacer::{Pacer, Timer};
use crate::program::Program;
use crate::recorder::{Counters, Failures};
use crate::series::Register;
use crate::timeline::SharedTimeline;
use crate::user::Recruit;
use crate::watch::{Lag, Levels, watch};

/// What a phase's load needs.
#[derive(Debug)]
pub struct Options {
    /// The phase's name; the tag `phase`.
    pub phase: String,
    /// The entries that run side by side.
    pub loads: Vec<Load>,
    /// The plan's flows.
    pub flows: Vec<Flow>,
    /// The targets' URLs, by name.
    pub targets: BTreeMap<String, Url>,
    /// What templates may use: the plan's variables and secrets, and what setup extracted.
    pub variables: BTreeMap<String, Value>,
    /// How requests are sent.
    pub client: seaworthy_net::Options,
    /// What draws are made from; the same seed gives the same draws for the same iteration.
    pub seed: u64,
    /// Where the time comes from.
    pub clock: Clock,
    /// Where measurements go.
    pub timeline: SharedTimeline,
    /// Ends the phase at once: nothing more begins, what is in flight is cut off.
    pub stop: CancellationToken,
}

/// A phase's load, ready to run.
#[derive(Debug)]
pub struct Service {
    options: Options,
    entries: Vec<(Load, Recruit)>,
    timer: Timer,
}

/// What a phase's load did.
#[derive(Clone, Debug)]
pub struct PhaseReport {
    /// When the phase began.
    pub started: Instant,
    /// When its last iteration had ended or was cut off.
    pub ended: Instant,
    /// Each entry, in the order of the plan.
    pub loads: Vec<LoadReport>,
}

/// What one load entry did.
#[derive(Clone, Debug)]
pub struct LoadReport {
    /// The flow.
    pub flow: String,
    /// Whether iterations began at their own pace. Then response times count from when an
    /// iteration was due; otherwise they are service times.
    pub open_model: bool,
    /// Iterations per second that were to begin; `None` in a closed model.
    pub offered_per_second: Option<f64>,
    /// Iterations that were due (open models).
    pub arrivals: u64,
    /// Iterations that began.
    pub started: u64,
    /// Iterations that ran to their end.
    pub completed: u64,
    /// Iterations that a failed step ended early.
    pub failed_iterations: u64,
    /// Arrivals that overflowed the backlog and never began.
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
    /// Arrivals that were dropped.
    pub dropped: u64,
    /// Virtual users.
    pub vus: u64,
    /// The 95th percentile of the response times of the last five seconds, in nanoseconds.
    pub recent_p95: Option<u64>,
}

/// Reads a running phase's numbers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    counters: Vec<Arc<Counters>>,
    timeline: SharedTimeline,
    clock: Clock,
    indexes: BTreeMap<String, Arc<AtomicU64>>,
    flows: Vec<String>,
}

/// A flow's numbers while its phase runs, over all entries that drive it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveFlow {
    /// The next iteration's index.
    pub next_index: u64,
    /// Iterations under way, and arrivals that wait for a virtual user.
    pub unfinished: u64,
    /// Arrivals that were dropped.
    pub dropped: u64,
}

impl Handle {
    /// The numbers of each flow now, by its name.
    pub fn flows(&self) -> BTreeMap<String, LiveFlow> {
        let mut flows: BTreeMap<String, LiveFlow> = BTreeMap::new();
        for (flow, counters) in self.flows.iter().zip(&self.counters) {
            let live = flows.entry(flow.clone()).or_default();
            let in_flight = counters.in_flight.load(Ordering::Relaxed);
            live.unfinished +=
                u64::try_from(in_flight).unwrap_or(0) + counters.backlog.load(Ordering::Relaxed);
            live.dropped += counters.dropped.load(Ordering::Relaxed);
        }
        for (flow, index) in &self.indexes {
            flows.entry(flow.clone()).or_default().next_index = index.load(Ordering::Relaxed);
        }
        flows
    }

    /// The numbers now.
    pub fn live(&self) -> Live {
        let sum =
            |of: fn(&Counters) -> u64| self.counters.iter().map(|counters| of(counters)).sum();
        Live {
            completed: sum(|counters| counters.completed.load(Ordering::Relaxed)),
            requests: sum(|counters| counters.requests.load(Ordering::Relaxed)),
            failed: sum(|counters| counters.failed.load(Ordering::Relaxed)),
            in_flight: sum(|counters| {
                u64::try_from(counters.in_flight.load(Ordering::Relaxed)).unwrap_or(0)
            }),
            backlog: sum(|counters| counters.backlog.load(Ordering::Relaxed)),
            dropped: sum(|counters| counters.dropped.load(Ordering::Relaxed)),
            vus: sum(|counters| u64::try_from(counters.vus.load(Ordering::Relaxed)).unwrap_or(0)),
            recent_p95: self.timeline.recent_response_time(0.95, self.clock.now()),
        }
    }
}

impl Service {
    /// Compiles the flows and finds their targets.
    ///
    /// # Errors
    /// A flow, target or value that is not there; a trust store that cannot be read.
    pub fn new(options: Options) -> Result<Self, Error> {
        let mut programs: BTreeMap<&str, (Arc<Program>, Arc<AtomicU64>, u64)> = BTreeMap::new();
        let mut entries = Vec::new();
        let client = Arc::new(options.client.clone());
        let mut first = 0;
        for load in &options.loads {
            if !programs.contains_key(load.flow.as_str()) {
                let known = options.flows.iter().position(|flow| flow.name() == load.flow);
                let position = known.ok_or_else(|| Error::NoFlow { flow: load.flow.clone() })?;
                let flow = &options.flows[position];
                let program = Program::compile(flow, &options.targets, &options.variables)?;
                programs.insert(&load.flow, (program, Arc::default(), position as u64));
            }
            let (program, index, position) = &programs[load.flow.as_str()];
            entries.push((
                load.clone(),
                Recruit {
                    register: Arc::new(Register::new(
                        options.timeline.clone(),
                        &options.phase,
                        Arc::clone(program),
                    )),
                    client: Arc::clone(&client),
                    clock: options.clock.clone(),
                    // Flows draw independently of each other.
                    seed: options.seed ^ (position + 1).wrapping_mul(0xd134_2543_de82_ef95),
                    counters: Arc::default(),
                    index: Arc::clone(index),
                    first,
                    open: load.is_open_model(),
                    timer: Timer::default(),
                },
            ));
            first += u64::from(load.max_vus());
        }
        if options.targets.values().any(|url| url.scheme() == Scheme::Https) {
            options.client.tls.prepare()?;
        }
        Ok(Self { options, entries, timer: Timer::default() })
    }

    /// The same load on another timer.
    #[must_use]
    pub fn on(mut self, timer: Timer) -> Self {
        self.timer = timer;
        for (_, recruit) in &mut self.entries {
            recruit.timer = timer;
        }
        self
    }

    /// A handle to watch the phase with.
    pub fn handle(&self) -> Handle {
        Handle {
            counters: self.entries.iter().map(|(_, entry)| Arc::clone(&entry.counters)).collect(),
            timeline: self.options.timeline.clone(),
            clock: self.options.clock.clone(),
            indexes: self
                .indexes()
                .map(|(flow, index)| (flow.to_owned(), Arc::clone(index)))
                .collect(),
            flows: self.entries.iter().map(|(load, _)| load.flow.clone()).collect(),
        }
    }

    /// The same load, with the iterations of each flow numbered from here on: what goes on after an
    /// interruption uses no index twice.
    #[must_use]
    pub fn numbered_from(self, next: &BTreeMap<String, u64>) -> Self {
        for (flow, index) in self.indexes() {
            index.store(next.get(flow).copied().unwrap_or(0), Ordering::Relaxed);
        }
        self
    }

    fn indexes(&self) -> impl Iterator<Item = (&str, &Arc<AtomicU64>)> {
        self.entries.iter().map(|(load, recruit)| (load.flow.as_str(), &recruit.index))
    }

    /// Runs every entry to its end. The phase begins now.
    ///
    /// # Errors
    /// Only when the generator itself breaks; failing requests are measurements.
    pub async fn run(self) -> Result<PhaseReport, Error> {
        let Self { options, entries, timer } = self;
        let entries: Vec<(Load, Arc<Recruit>)> =
            entries.into_iter().map(|(load, recruit)| (load, Arc::new(recruit))).collect();
        let Options { phase, clock, timeline, stop, .. } = options;
        let started = clock.now();
        // The watch writes to a shard of its own kind: the last one, which users reach last.
        let worker = timeline.shards() - 1;
        let mut flows: BTreeMap<&str, (bool, Vec<Arc<Counters>>)> = BTreeMap::new();
        for (load, entry) in &entries {
            let (open, counters) = flows.entry(&load.flow).or_default();
            *open |= load.is_open_model();
            counters.push(Arc::clone(&entry.counters));
        }
        let levels = flows.into_iter().map(|(flow, (open, counters))| {
            Levels::new(&timeline, worker, &phase, flow, open, counters)
        });
        let levels: Vec<Levels> = levels.collect();
        let lag = Lag::new(&timeline, worker, &phase);
        let pacer = Pacer::new(timer, clock.clone());
        let ticker = watch(timeline.clone(), worker, lag, levels, pacer, clock.clone(), started);
        let mut running = JoinSet::new();
        for (position, (load, recruit)) in entries.iter().enumerate() {
            let (load, recruit) = (load.clone(), Arc::clone(recruit));
            let lag = Lag::new(&timeline, position, &phase);
            let stop = stop.clone();
            running.spawn(async move { executor::run(&load, recruit, started, stop, lag).await });
        }
        let ended = async {
            let mut result = Ok(());
            while let Some(ended) = running.join_next().await {
                let ended = ended.unwrap_or_else(|error| Err(Error::Worker(error.to_string())));
                result = result.and(ended);
            }
            result
        };
        let mut watching = JoinSet::new();
        watching.spawn(ticker);
        ended.await?;
        watching.abort_all();
        while watching.join_next().await.is_some() {}
        let ended = clock.now();
        let loads = entries.iter().map(|(load, entry)| report(load, &entry.counters)).collect();
        Ok(PhaseReport { started, ended, loads })
    }
}

fn report(load: &Load, counters: &Counters) -> LoadReport {
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let failures = counters.failures.lock().unwrap_or_else(PoisonError::into_inner);
    let mut failures: Vec<Failures> = failures.values().cloned().collect();
    failures.sort_by_key(|failure| std::cmp::Reverse(failure.count));
    LoadReport {
        flow: load.flow.clone(),
        open_model: load.is_open_model(),
        offered_per_second: load.offered_per_second(),
        arrivals: count(&counters.arrivals),
        started: count(&counters.started),
        completed: count(&counters.completed),
        dropped: count(&counters.dropped),
        failed_iterations: count(&counters.failed_iterations),
        interrupted: count(&counters.interrupted),
        youngest_cut: count(&counters.youngest_cut).checked_sub(1),
        requests: count(&counters.requests),
        failed: count(&counters.failed),
        failures,
    }
}
