//! A phase's load: all its entries side by side, the watch beside them, and a report at the end.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use seaworthy_base::Clock;
use seaworthy_net::Url;
use seaworthy_net::url::Scheme;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::crew::Crew;
use crate::descriptors::{self, Shortage};
use crate::drive::{Drive, Scene};
use crate::error::Error;
use crate::flow::Flow;
use crate::load::Load;
use crate::pacer::Timer;
use crate::program::Program;
use crate::recorder::Recorder;
use crate::recruit::{Lane, Recruit};
use crate::report::{Handle, PhaseReport};
use crate::tags::Tags;
use crate::timeline::SharedTimeline;

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
    drive: Drive<Recruit>,
    notes: Vec<String>,
    workers: usize,
}

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
                lanes: lanes.collect(),
                seed: options.seed ^ (position as u64 + 1).wrapping_mul(0xa076_1d64_78bd_642f),
                turns: AtomicU64::new(0),
                first,
            };
            first += u64::from(load.max_vus());
            entries.push((load.clone(), Arc::new(recruit)));
        }
        let Options { phase, clock, timeline, stop, .. } = options;
        let scene = Scene { phase, clock, timer: Timer::default(), timeline, stop };
        Ok(Self { drive: Drive::new(scene, entries), notes, workers })
    }

    /// The same load on another timer.
    #[must_use]
    pub fn on(mut self, timer: Timer) -> Self {
        self.drive.scene.timer = timer;
        self
    }

    /// A handle to watch the phase with.
    pub fn handle(&self) -> Handle {
        self.drive.handle()
    }

    /// The same load, with the iterations of each flow numbered from here on: what goes on after an
    /// interruption uses no index twice.
    #[must_use]
    pub fn numbered_from(self, next: &BTreeMap<String, u64>) -> Self {
        for lane in self.drive.entries.iter().flat_map(|entry| &entry.cast.lanes) {
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
        let crew = match self.drive.scene.timer {
            Timer::Runtime => Crew::here(),
            Timer::Kernel => Crew::threads(self.workers)?,
        };
        let crew = Arc::new(crew);
        let report = self.drive.run(&crew).await;
        if let Some(crew) = Arc::into_inner(crew) {
            crew.dismiss().await;
        }
        Ok(PhaseReport { notes: self.notes, ..report? })
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
