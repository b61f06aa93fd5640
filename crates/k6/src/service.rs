//! A run's whole life: virtual users, `setup`, scenarios side by side, `teardown`, what it came to.

use std::num::NonZeroUsize;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use seaworthy_load::{Counters, Crew, Drive, Handle, PhaseReport, Scene, SharedTimeline, Timer};
use seaworthy_metrics::{Collector, Snapshot, Submetric, Thresholds};
use seaworthy_script::Error as ScriptError;
use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;

use crate::cast::{Players, Pool};
use crate::client;
use crate::machine::{Command, Machine};
use crate::options::{Consolidated, SummaryMode};
use crate::output::Outlet;
use crate::rounds::Rounds;
use crate::script::{Error, Script};
use crate::shared::{Ended, Settled, Shared, SystemTags};
use crate::vu::Scenario;
use crate::watching::Watching;

/// The most arrivals that wait for a virtual user with `--queue`.
pub const BACKLOG: u32 = 1_000_000;

/// What a run needs beside its script.
pub struct Options {
    /// The options, checked.
    pub consolidated: Consolidated,
    /// The phase's name in the timeline.
    pub phase: String,
    /// Where measurements go, second by second.
    pub timeline: SharedTimeline,
    /// Where whole samples go, if anywhere.
    pub outlet: Option<Outlet>,
    /// Whether arrivals that find no virtual user wait.
    pub queue: bool,
    /// How many threads virtual users run on; one for each core when not given.
    pub workers: Option<NonZeroUsize>,
}

/// A run, ready to begin.
pub struct Service {
    shared: Arc<Shared>,
    consolidated: Consolidated,
    thresholds: Thresholds,
    scenarios: Vec<Arc<Scenario>>,
    functions: std::collections::BTreeSet<String>,
    pool: Arc<Pool>,
    workers: usize,
    stop: CancellationToken,
    watching: Watching,
}

/// What a run came to.
#[derive(Debug)]
pub struct Report {
    /// What the load did; `None` when it never began.
    pub phase: Option<PhaseReport>,
    /// All that was measured. Its length is as k6 counts it: with `setup` and `teardown`.
    pub snapshot: Snapshot,
    /// How the script wanted it to end.
    pub ended: Ended,
    /// Thresholds because of which it ended early.
    pub crossed: Vec<String>,
    /// What went wrong outside of iterations.
    pub fault: Option<Fault>,
    /// What `setup` returned.
    pub setup: Option<Json>,
}

/// What went wrong outside of iterations.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// An init context of a virtual user threw.
    #[error("{0}")]
    Init(ScriptError),
    /// `setup` threw.
    #[error("{0}")]
    Setup(ScriptError),
    /// `setup` took too long.
    #[error("setup() execution timed out after {} seconds", .0.as_secs_f64())]
    SetupTimeout(Duration),
    /// `teardown` threw.
    #[error("{0}")]
    Teardown(ScriptError),
    /// `teardown` took too long.
    #[error("teardown() execution timed out after {} seconds", .0.as_secs_f64())]
    TeardownTimeout(Duration),
    /// The generator itself broke.
    #[error("{0}")]
    Load(#[from] seaworthy_load::Error),
}

impl Service {
    /// Binds the script's thresholds and scenarios.
    ///
    /// # Errors
    /// Thresholds on what does not exist, scenarios that cannot be driven, options that cannot be
    /// followed.
    pub fn new(script: &Script, options: Options) -> Result<Self, Error> {
        let Options { consolidated, phase, timeline, outlet, queue, workers } = options;
        let shared = Arc::clone(&script.shared);
        let told = consolidated.options();
        let thresholds = script.thresholds(&consolidated)?;
        let entries = consolidated.loads(if queue { BACKLOG } else { 0 });
        let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let most = usize::try_from(consolidated.requirements().max_vus).unwrap_or(usize::MAX);
        let workers = workers.unwrap_or_else(cores).get().min(most).max(1);
        let scenarios = entries.into_iter().enumerate().map(|(position, entry)| {
            let known = &consolidated.scenarios()[&entry.scenario];
            Arc::new(Scenario {
                name: entry.scenario,
                exec: known.exec().to_owned(),
                executor: known.executor.name(),
                environment: known.env.clone().unwrap_or_default(),
                tags: known.tags.clone().unwrap_or_default().into_iter().collect(),
                load: entry.load,
                stripes: entry.stripes,
                position,
                began: AtomicU64::new(0),
                iterations: AtomicU64::new(0),
                counters: (0..workers).map(|_| Counters::default()).collect(),
            })
        });
        let scenarios = scenarios.collect();
        let system_tags = SystemTags::of(told);
        let collector = Collector::new(
            &shared.registry,
            &thresholds,
            &seaworthy_metrics::Options {
                workers,
                full: consolidated.settings().summary_mode == Some(SummaryMode::Full),
                expected_response: system_tags.expected_response,
                ..seaworthy_metrics::Options::default()
            },
        );
        let client =
            Arc::new(client::options(told, &shared.environment, &shared.clock, shared.seed)?);
        shared.settle(Settled {
            options: told.clone(),
            partition: consolidated.partition().clone(),
            system_tags,
            collector,
            timeline,
            phase,
            client,
            outlet,
            began: OnceLock::new(),
            queue,
            workers,
            sources: client::sources(told)?,
            next_request: AtomicU64::new(0),
        });
        let pool = Arc::new(Pool::new(Arc::clone(&shared), workers));
        let stop = shared.stop.clone();
        let functions = script.functions.clone();
        let scenarios: Vec<Arc<Scenario>> = scenarios;
        let watching = Watching {
            shared: Arc::clone(&shared),
            scenarios: scenarios.clone(),
            load: Arc::default(),
        };
        Ok(Self {
            shared,
            consolidated,
            thresholds,
            scenarios,
            functions,
            pool,
            workers,
            stop,
            watching,
        })
    }

    /// The thresholds, bound to metrics.
    pub fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// The parts of metrics that are kept by themselves.
    pub fn submetrics(&self) -> Vec<Submetric> {
        let settled = self.shared.settled();
        settled.map(|settled| settled.collector.submetrics().to_vec()).unwrap_or_default()
    }

    /// What is measured while it runs.
    pub fn watch(&self) -> Watching {
        self.watching.clone()
    }

    /// A handle to watch the phase with, as any load's.
    pub fn handle(&self) -> Handle {
        Handle::new(self.watch())
    }

    /// Runs all of it.
    pub async fn run(self) -> Report {
        let crew = match Crew::threads(self.workers) {
            Ok(crew) => Arc::new(crew),
            Err(error) => {
                return self.report(None, None, Vec::new(), Some(error.into()), Duration::ZERO);
            }
        };
        let (phase, setup, crossed, mut fault) = self.act(&crew).await;
        let run = self.shared.elapsed();
        let pool = &self.pool;
        let leaving = crew.run_on_each(|worker| {
            let pool = Arc::clone(pool);
            async move { pool.leave(worker) }
        });
        if let Err(error) = leaving.await {
            fault = fault.or(Some(error.into()));
        }
        if let Some(crew) = Arc::into_inner(crew) {
            crew.dismiss().await;
        }
        self.report(phase, setup, crossed, fault, run)
    }

    /// All of it on its crew: what the load did, what `setup` returned, the thresholds it was ended
    /// for, and what broke.
    async fn act(
        &self,
        crew: &Arc<Crew>,
    ) -> (Option<PhaseReport>, Option<Json>, Vec<String>, Option<Fault>) {
        if let Err(fault) = self.fill(crew).await {
            return (None, None, Vec::new(), Some(fault));
        }
        self.shared.begin();
        let mut rounds = Rounds::begin(&self.shared, &self.thresholds);
        let setup = match rounds.until_crossed(self.setup(crew)).await {
            Some(Ok(setup)) => setup,
            Some(Err(fault)) => return (None, None, rounds.crossed, Some(fault)),
            None => None,
        };
        let in_setup = !rounds.crossed.is_empty();
        let data = setup.clone().map(Arc::new);
        let load = rounds.around(self.load(crew, data.clone())).await;
        let (phase, mut fault) = match load {
            Ok(phase) => (phase, None),
            Err(fault) => (None, Some(fault)),
        };
        // As k6: a run that a threshold ended in `setup` has nothing to be torn down.
        if phase.is_some() && !in_setup {
            fault = rounds.around(self.end(crew, data)).await.err();
        }
        (phase, setup, rounds.crossed, fault)
    }

    /// Makes the virtual users.
    async fn fill(&self, crew: &Arc<Crew>) -> Result<(), Fault> {
        let planned = self.consolidated.requirements().planned_vus;
        let pool = &self.pool;
        let filled = crew.run_on_each(|worker| {
            let pool = Arc::clone(pool);
            async move { pool.fill(worker, planned).await }
        });
        for filled in filled.await? {
            filled.map_err(Fault::Init)?;
        }
        Ok(())
    }

    /// Runs `setup`.
    async fn setup(&self, crew: &Arc<Crew>) -> Result<Option<Json>, Fault> {
        let options = self.consolidated.options();
        if !self.functions.contains("setup") || options.no_setup == Some(true) {
            return Ok(None);
        }
        let limit = options.setup_timeout();
        // Whoever ends the run does not wait for it; teardown, they do.
        match self.once(crew, Command::Setup, limit, self.stop.clone()).await? {
            Some(result) => result.map_err(Fault::Setup),
            None => Err(Fault::SetupTimeout(limit)),
        }
    }

    /// Runs `teardown`.
    async fn end(&self, crew: &Arc<Crew>, data: Option<Arc<Json>>) -> Result<(), Fault> {
        let options = self.consolidated.options();
        if !self.functions.contains("teardown") || options.no_teardown == Some(true) {
            return Ok(());
        }
        let limit = options.teardown_timeout();
        let never = CancellationToken::new();
        match self.once(crew, Command::Teardown(data), limit, never).await? {
            Some(result) => result.map(drop).map_err(Fault::Teardown),
            None => Err(Fault::TeardownTimeout(limit)),
        }
    }

    /// Does one thing in a virtual user of its own, number 0, until it is stopped; `None` when it took
    /// too long.
    async fn once(
        &self,
        crew: &Arc<Crew>,
        command: Command,
        limit: Duration,
        stop: CancellationToken,
    ) -> Result<Option<Result<Option<Json>, ScriptError>>, seaworthy_load::Error> {
        let shared = Arc::clone(&self.shared);
        crew.run_on(0, async move {
            let work = async {
                let mut machine = Machine::new(Arc::clone(&shared), Some(0), 0)?;
                machine.init().await?;
                machine.run(command).await
            };
            let work = stop.run_until_cancelled(work);
            let done = tokio::time::timeout(limit, work).await.ok();
            done.map(|done| done.unwrap_or(Err(ScriptError::Cut)))
        })
        .await
    }

    /// Runs the scenarios; what the load did.
    async fn load(
        &self,
        crew: &Arc<Crew>,
        data: Option<Arc<Json>>,
    ) -> Result<Option<PhaseReport>, Fault> {
        let Some(settled) = self.shared.settled() else { return Ok(None) };
        let scene = Scene {
            phase: settled.phase.clone(),
            clock: self.shared.clock.clone(),
            timer: Timer::Kernel,
            timeline: settled.timeline.clone(),
            stop: self.stop.clone(),
        };
        let entries = self.scenarios.iter().map(|scenario| {
            let players = Players {
                shared: Arc::clone(&self.shared),
                scenario: Arc::clone(scenario),
                pool: Arc::clone(&self.pool),
                data: data.clone(),
                workers: self.workers,
            };
            (scenario.load.clone(), Arc::new(players))
        });
        let drive = Drive::new(scene, entries.collect::<Vec<_>>());
        self.watching.load.get_or_init(|| drive.handle());
        Ok(Some(drive.run(crew).await?))
    }

    fn report(
        &self,
        phase: Option<PhaseReport>,
        setup: Option<Json>,
        crossed: Vec<String>,
        fault: Option<Fault>,
        run: Duration,
    ) -> Report {
        let snapshot = match self.shared.settled() {
            Some(settled) => settled.collector.snapshot(run),
            // It is settled when a service is made.
            None => Collector::new(
                &self.shared.registry,
                &self.thresholds,
                &seaworthy_metrics::Options::default(),
            )
            .snapshot(run),
        };
        let ended = self.shared.ended();
        Report { phase, snapshot, ended, crossed, fault, setup }
    }
}

/// Calls the script's `handleSummary`; what it returned.
///
/// # Errors
/// What it threw; `None` inside means that it took too long.
pub async fn handle_summary(
    script: &Script,
    data: Json,
    limit: Duration,
) -> Option<Result<Option<Json>, ScriptError>> {
    let work = async {
        let mut machine = Machine::new(Arc::clone(&script.shared), Some(0), 0)?;
        machine.init().await?;
        machine.run(Command::Summary(data)).await
    };
    tokio::time::timeout(limit, work).await.ok()
}

impl std::fmt::Debug for Watching {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Watching").field("vus", &self.vus()).finish_non_exhaustive()
    }
}
