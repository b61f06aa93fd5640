//! A phase's load: all its entries side by side, the watch beside them, and a report at the end.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use seaworthy_base::{Clock, Instant};
use seaworthy_net::Url;
use seaworthy_net::url::Scheme;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::crew::Crew;
use crate::descriptors::{self, Shortage};
use crate::error::Error;
use crate::executor;
use crate::flow::Flow;
use crate::load::Load;
use crate::pacer::Timer;
use crate::program::Program;
use crate::recorder::Recorder;
use crate::recruit::{Lane, Recruit};
use crate::report::{Handle, PhaseReport, reports};
use crate::tags::Tags;
use crate::timeline::SharedTimeline;
use crate::watch::{Lag, Levels, Watch};

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
    /// How many threads virtual users run on; one for each core when not given. On
    /// [`Timer::Runtime`] all run in the caller's runtime.
    pub workers: Option<NonZeroUsize>,
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
    entries: Vec<(Load, Arc<Recruit>)>,
    notes: Vec<String>,
    workers: usize,
    timer: Timer,
    phase: String,
    clock: Clock,
    timeline: SharedTimeline,
    stop: CancellationToken,
}

/// A flow's lanes in the entries that drive it.
type Driven = Vec<(Arc<Recruit>, usize)>;

/// A flow, compiled, and what all entries that drive it share.
struct Compiled {
    program: Arc<Program>,
    index: Arc<AtomicU64>,
    tags: Arc<Tags>,
    seed: u64,
}

impl Service {
    /// Compiles the flows, finds their targets, and makes room for the connections' file
    /// descriptors, as far as the system allows.
    ///
    /// # Errors
    /// A flow, target or value that is not there; a trust store that cannot be read.
    pub fn new(options: Options) -> Result<Self, Error> {
        let mut compiled: BTreeMap<&str, Compiled> = BTreeMap::new();
        for share in options.loads.iter().flat_map(|load| &load.flows) {
            if !compiled.contains_key(share.flow.as_str()) {
                compiled.insert(&share.flow, compile(&options, &share.flow)?);
            }
        }
        for url in options.targets.values().filter(|url| url.scheme() == Scheme::Https) {
            options.client.tls_with(url).prepare()?;
        }
        let users: u64 = options.loads.iter().map(|load| u64::from(load.max_vus())).sum();
        let connections = options.loads.iter().map(|load| {
            let driven = options.flows.iter().filter(|flow| load.drives(flow.name()));
            let each = descriptors::per_user(driven.flat_map(Flow::lines));
            u64::from(load.max_vus()).saturating_mul(each)
        });
        let connections = connections.fold(0, u64::saturating_add);
        // Not all may be needed at a time: the load runs, and its report says so.
        let shortage = descriptors::make_room(connections).err();
        let notes = shortage.map(|Shortage { needed, most }| {
            format!(
                "{users} virtual users with {connections} connections may need {needed} file \
                 descriptors, but this process may have {most} at most: raise the hard limit \
                 (`ulimit -Hn`), or use fewer virtual users"
            )
        });
        let notes = notes.into_iter().collect();
        let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let workers = options.workers.unwrap_or_else(cores).get();
        // A worker without a virtual user would only be watched.
        let workers = workers.min(usize::try_from(users).unwrap_or(usize::MAX)).max(1);
        let (client, phase) = (Arc::new(options.client.clone()), Arc::from(&*options.phase));
        let mut entries = Vec::new();
        let mut first = 0;
        for (position, load) in options.loads.iter().enumerate() {
            let mut end = 0.0;
            let lanes = load.flows.iter().map(|share| {
                end += load.part(&share.flow);
                lane(&options, &phase, &compiled[share.flow.as_str()], load, end, workers)
            });
            let recruit = Recruit {
                client: Arc::clone(&client),
                clock: options.clock.clone(),
                timer: Timer::default(),
                timeline: options.timeline.clone(),
                phase: Arc::clone(&phase),
                lanes: lanes.collect(),
                backlogs: load.flows.iter().map(|_| AtomicU64::new(0)).collect(),
                seed: options.seed ^ (position as u64 + 1).wrapping_mul(0xa076_1d64_78bd_642f),
                turns: AtomicU64::new(0),
                first,
            };
            first += u64::from(load.max_vus());
            entries.push((load.clone(), Arc::new(recruit)));
        }
        let Options { phase, clock, timeline, stop, .. } = options;
        Ok(Self { entries, notes, workers, timer: Timer::default(), phase, clock, timeline, stop })
    }

    /// The same load on another timer; for a service that nobody has a handle of yet.
    #[must_use]
    pub fn on(mut self, timer: Timer) -> Self {
        self.timer = timer;
        for (_, recruit) in &mut self.entries {
            if let Some(recruit) = Arc::get_mut(recruit) {
                recruit.timer = timer;
            }
        }
        self
    }

    /// A handle to watch the phase with.
    pub fn handle(&self) -> Handle {
        Handle {
            entries: self.entries.iter().map(|(_, entry)| Arc::clone(entry)).collect(),
            timeline: self.timeline.clone(),
            clock: self.clock.clone(),
        }
    }

    /// The same load, with the iterations of each flow numbered from here on: what goes on after an
    /// interruption uses no index twice.
    #[must_use]
    pub fn numbered_from(self, next: &BTreeMap<String, u64>) -> Self {
        for lane in self.entries.iter().flat_map(|(_, recruit)| &recruit.lanes) {
            let first = next.get(&lane.program.flow).copied().unwrap_or(0);
            lane.index.store(first, Ordering::Relaxed);
        }
        self
    }

    /// Runs every entry to its end. The phase begins now.
    ///
    /// # Errors
    /// Only when the generator itself breaks; failing requests are measurements.
    pub async fn run(self) -> Result<PhaseReport, Error> {
        let crew = match self.timer {
            Timer::Runtime => Crew::here(),
            Timer::Kernel => Crew::threads(self.workers)?,
        };
        let crew = Arc::new(crew);
        let started = self.clock.now();
        let mut watching = JoinSet::new();
        for worker in 0..crew.len() {
            crew.spawn(worker, &mut watching, self.watch(worker, started).run());
        }
        let mut running = JoinSet::new();
        for (load, recruit) in &self.entries {
            let (load, recruit) = (load.clone(), Arc::clone(recruit));
            let (crew, stop) = (Arc::clone(&crew), self.stop.clone());
            running.spawn(async move { executor::run(&load, recruit, crew, started, stop).await });
        }
        let mut result = Ok(());
        while let Some(ended) = running.join_next().await {
            let ended = ended.unwrap_or_else(|error| Err(Error::Worker(error.to_string())));
            result = result.and(ended);
        }
        let ended = self.clock.now();
        watching.shutdown().await;
        if let Some(crew) = Arc::into_inner(crew) {
            crew.dismiss().await;
        }
        result?;
        let loads = self.entries.iter().flat_map(|(load, recruit)| reports(load, recruit));
        let loads = loads.collect();
        Ok(PhaseReport { started, ended, loads, notes: self.notes })
    }

    fn watch(&self, worker: usize, start: Instant) -> Watch {
        let mut flows: BTreeMap<&str, (bool, Driven)> = BTreeMap::new();
        for (load, recruit) in self.entries.iter().filter(|_| worker == 0) {
            for (lane, share) in load.flows.iter().enumerate() {
                let (open, lanes) = flows.entry(&share.flow).or_default();
                *open |= load.is_open_model();
                lanes.push((Arc::clone(recruit), lane));
            }
        }
        let levels = flows.into_iter().map(|(flow, (open, lanes))| {
            Levels::new(&self.timeline, worker, &self.phase, flow, open, lanes)
        });
        Watch {
            timeline: self.timeline.clone(),
            worker,
            lag: Lag::new(&self.timeline, worker, &self.phase),
            levels: levels.collect(),
            timer: self.timer,
            clock: self.clock.clone(),
            start,
        }
    }
}

fn compile(options: &Options, name: &str) -> Result<Compiled, Error> {
    let position = options.flows.iter().position(|flow| flow.name() == name);
    let position = position.ok_or_else(|| Error::NoFlow { flow: name.to_owned() })?;
    let flow = &options.flows[position];
    let program = Program::compile(flow, &options.targets, &options.variables)?;
    // Flows draw independently of each other.
    let seed = options.seed ^ (position as u64 + 1).wrapping_mul(0xd134_2543_de82_ef95);
    Ok(Compiled { program, index: Arc::default(), tags: Arc::default(), seed })
}

fn lane(
    options: &Options,
    phase: &Arc<str>,
    compiled: &Compiled,
    load: &Load,
    end: f64,
    workers: usize,
) -> Lane {
    let recorder = |worker| {
        Arc::new(Recorder::new(
            options.timeline.clone(),
            worker,
            Arc::clone(phase),
            Arc::clone(&compiled.program),
            load.is_open_model(),
            Arc::clone(&compiled.tags),
        ))
    };
    Lane {
        program: Arc::clone(&compiled.program),
        seed: compiled.seed,
        index: Arc::clone(&compiled.index),
        end,
        recorders: (0..workers).map(recorder).collect(),
        tags: Arc::clone(&compiled.tags),
    }
}
