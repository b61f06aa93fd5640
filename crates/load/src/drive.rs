//! Load entries side by side, whoever their virtual users are: executors, the watch beside them, and
//! what it came to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use seaworthy_base::{Clock, Instant};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cast::Cast;
use crate::counters::Counters;
use crate::crew::Crew;
use crate::error::Error;
use crate::executor;
use crate::load::Load;
use crate::pacer::Timer;
use crate::report::{Handle, Live, LiveFlow, Observed, PhaseReport};
use crate::timeline::SharedTimeline;
use crate::watch::{Lag, Levels, Watch};

/// What a drive needs beside its entries.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The phase's name; the tag `phase`.
    pub phase: String,
    /// Where the time comes from.
    pub clock: Clock,
    /// Which timer makes arrivals begin.
    pub timer: Timer,
    /// Where the watch and the executors record.
    pub timeline: SharedTimeline,
    /// Ends the phase at once: nothing more begins, what is in flight is cut off.
    pub stop: CancellationToken,
}

/// Load entries, each with the cast that makes its virtual users, ready to run.
#[derive(Debug)]
pub struct Drive<C> {
    pub(crate) scene: Scene,
    pub(crate) entries: Vec<Arc<Entry<C>>>,
}

/// A flow's lanes in the entries that drive it.
type Driven<C> = Vec<(Arc<Entry<C>>, usize)>;

/// A load entry with its cast.
#[derive(Debug)]
pub(crate) struct Entry<C> {
    pub(crate) load: Load,
    pub(crate) cast: Arc<C>,
    /// Arrivals that wait, by lane.
    pub(crate) backlogs: Arc<[AtomicU64]>,
}

impl<C: Cast> Drive<C> {
    /// Entries that will run side by side.
    pub fn new(scene: Scene, entries: impl IntoIterator<Item = (Load, Arc<C>)>) -> Self {
        let entry = |(load, cast): (Load, Arc<C>)| {
            let backlogs = load.flows.iter().map(|_| AtomicU64::new(0)).collect();
            Arc::new(Entry { load, cast, backlogs })
        };
        Self { scene, entries: entries.into_iter().map(entry).collect() }
    }

    /// A handle to watch the phase with.
    pub fn handle(&self) -> Handle {
        let Scene { timeline, clock, .. } = &self.scene;
        let (timeline, clock) = (timeline.clone(), clock.clone());
        Handle::new(Watched { entries: self.entries.clone(), timeline, clock })
    }

    /// Runs every entry to its end on the crew's threads. The phase begins now.
    ///
    /// # Errors
    /// Only when the generator itself breaks; failing requests are measurements.
    pub async fn run(self, crew: &Arc<Crew>) -> Result<PhaseReport, Error> {
        let most = self.entries.iter().map(|entry| entry.cast.workers()).min();
        if most.is_some_and(|most| most < crew.len()) {
            let reason = format!("a crew of {} is larger than what it runs", crew.len());
            return Err(Error::Worker(reason));
        }
        let started = self.scene.clock.now();
        let (mut watching, done) = (JoinSet::new(), CancellationToken::new());
        for worker in 0..crew.len() {
            let watch = self.watch(worker, started, done.clone());
            crew.spawn(worker, &mut watching, watch.run());
        }
        let mut running = JoinSet::new();
        for entry in &self.entries {
            let (entry, scene, crew) = (Arc::clone(entry), self.scene.clone(), Arc::clone(crew));
            running.spawn(executor::run(entry, scene, crew, started));
        }
        let mut result = Ok(());
        while let Some(ended) = running.join_next().await {
            let ended = ended.unwrap_or_else(|error| Err(Error::Worker(error.to_string())));
            result = result.and(ended);
        }
        let ended = self.scene.clock.now();
        done.cancel();
        while watching.join_next().await.is_some() {}
        result?;
        let loads = lanes(&self.entries).map(|(entry, lane)| entry.cast.report(&entry.load, lane));
        Ok(PhaseReport { started, ended, loads: loads.collect(), notes: Vec::new() })
    }

    fn watch(&self, worker: usize, start: Instant, done: CancellationToken) -> Watch<C> {
        let Scene { phase, clock, timer, timeline, .. } = &self.scene;
        let mut flows: BTreeMap<&str, (bool, Driven<C>)> = BTreeMap::new();
        for entry in self.entries.iter().filter(|_| worker == 0) {
            for (lane, share) in entry.load.flows.iter().enumerate() {
                let (open, of) = flows.entry(&share.flow).or_default();
                *open |= entry.load.is_open_model();
                of.push((Arc::clone(entry), lane));
            }
        }
        let levels = flows
            .into_iter()
            .map(|(flow, (open, lanes))| Levels::new(timeline, worker, phase, flow, open, lanes));
        Watch {
            timeline: timeline.clone(),
            worker,
            lag: Lag::new(timeline, worker, phase),
            levels: levels.collect(),
            timer: *timer,
            clock: clock.clone(),
            start,
            done,
        }
    }
}

impl<C: Cast> Entry<C> {
    /// How many flows it has.
    pub(crate) fn lanes(&self) -> usize {
        self.load.flows.len()
    }

    /// Virtual users that count for one of the flows.
    pub(crate) fn vus(&self, lane: usize) -> i64 {
        let of = |counters: &Counters| counters.vus.load(Ordering::Relaxed);
        self.cast.every_counters(lane).map(of).sum()
    }

    /// Arrivals for one of the flows that wait.
    pub(crate) fn backlog(&self, lane: usize) -> u64 {
        self.backlogs[lane].load(Ordering::Relaxed)
    }

    /// Iterations that have begun.
    pub(crate) fn started(&self) -> u64 {
        (0..self.lanes()).map(|lane| self.total(lane, |counters| &counters.started)).sum()
    }

    /// A count of all workers.
    fn total(&self, lane: usize, of: fn(&Counters) -> &AtomicU64) -> u64 {
        self.cast.every_counters(lane).map(|counters| of(counters).load(Ordering::Relaxed)).sum()
    }

    /// Iterations under way.
    fn in_flight(&self, lane: usize) -> u64 {
        self.cast.every_counters(lane).map(Counters::in_flight).sum()
    }
}

/// Each flow of each entry, in the order of the plan.
fn lanes<C: Cast>(entries: &[Arc<Entry<C>>]) -> impl Iterator<Item = (&Entry<C>, usize)> {
    entries.iter().flat_map(|entry| (0..entry.lanes()).map(move |lane| (&**entry, lane)))
}

/// What a handle reads.
struct Watched<C> {
    entries: Vec<Arc<Entry<C>>>,
    timeline: SharedTimeline,
    clock: Clock,
}

impl<C: Cast> Observed for Watched<C> {
    fn flows(&self) -> BTreeMap<String, LiveFlow> {
        let mut flows: BTreeMap<String, LiveFlow> = BTreeMap::new();
        for (entry, lane) in lanes(&self.entries) {
            let live = flows.entry(entry.load.flows[lane].flow.clone()).or_default();
            live.unfinished += entry.in_flight(lane) + entry.backlog(lane);
            live.dropped += entry.total(lane, |counters| &counters.dropped);
            // One count, whichever entry makes the iteration.
            live.next_index = entry.cast.next_index(lane);
        }
        flows
    }

    fn live(&self) -> Live {
        let lanes = || lanes(&self.entries);
        let sum = |of: fn(&Counters) -> &AtomicU64| {
            lanes().map(|(entry, lane)| entry.total(lane, of)).sum()
        };
        // An entry's virtual users count for each of its flows.
        let vus: i64 = self.entries.iter().map(|entry| entry.vus(0)).sum();
        Live {
            completed: sum(|counters| &counters.completed),
            requests: sum(|counters| &counters.requests),
            failed: sum(|counters| &counters.failed),
            in_flight: lanes().map(|(entry, lane)| entry.in_flight(lane)).sum(),
            backlog: lanes().map(|(entry, lane)| entry.backlog(lane)).sum(),
            dropped: sum(|counters| &counters.dropped),
            vus: u64::try_from(vus).unwrap_or(0),
            recent_p95: self.timeline.recent_response_time(0.95, self.clock.now()),
        }
    }
}
