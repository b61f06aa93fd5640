//! Targets' resources, sampled beside the load: what the system says of their processes and logs,
//! what they say of themselves, and what the machine and the load generator use.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use seaworthy_base::{Clock, Instant};
use seaworthy_load::SharedTimeline;
use seaworthy_process::{Established, Exit, Limits, Resources, Target};
use seaworthy_report::outcome::ResourceSample;
use seaworthy_stats::Key;
use tokio_util::sync::CancellationToken;

use crate::gauge::{Bound, Kind, Level, Track, Tracks};
use crate::host::{self, Work};
use crate::logtail::LogTail;
use crate::meter::Measured;
use crate::scrape::{self, Asked, Scrape};

/// How often each target is sampled.
const EVERY: Duration = Duration::from_secs(1);
/// The most resources that are followed: a target that names a pool anew at each request must not
/// fill our memory.
const MOST_TRACKS: usize = 500;
/// What the machine and the generator are called where a target's name stands.
pub(crate) const MACHINE: &str = "this machine";
pub(crate) const GENERATOR: &str = "the load generator";

/// Samples every watched target until it is finished.
pub(crate) struct Sampler {
    clock: Clock,
    began: Instant,
    processes: Arc<Mutex<Processes>>,
    shared: Shared,
    stop: CancellationToken,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

/// The processes, and the machine they run on.
#[derive(Default)]
struct Processes {
    watched: BTreeMap<String, Watched>,
    machine: Option<(Instant, Work)>,
    /// When connections are to be counted again.
    connections: Option<Instant>,
}

struct Watched {
    process: Arc<Target>,
    limits: Limits,
    log: LogTail,
    samples: Samples,
    before: Option<Resources>,
    told: bool,
}

/// What was sampled of one target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    pub(crate) seen: Vec<ResourceSample>,
    pub(crate) cpu_seconds: Option<f64>,
    last: Option<Instant>,
}

/// Everything that was seen of all resources.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) tracks: Vec<Track>,
    /// How asking each target for its metrics went.
    pub(crate) asked: BTreeMap<String, Asked>,
    /// Targets whose process was sampled.
    pub(crate) processes: Vec<String>,
    /// Bytes of logs that grew faster than they could be read, by target.
    pub(crate) unread: BTreeMap<String, u64>,
    /// Resources that were not followed because there were too many.
    pub(crate) ignored: u64,
}

/// Where levels are noted; cheap to clone. Its lock is held for an instant only.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    tracks: Tracks,
    asked: BTreeMap<String, Asked>,
    timeline: Option<SharedTimeline>,
    ignored: u64,
}

impl Sampler {
    /// `began` is when the timeline's second 0 begins.
    pub(crate) fn new(clock: Clock, began: Instant) -> Self {
        Self {
            clock,
            began,
            processes: Arc::default(),
            shared: Shared::default(),
            stop: CancellationToken::new(),
            tasks: Vec::new(),
        }
    }

    /// Writes every level into this timeline too, from now on, and begins to sample.
    pub(crate) fn record_to(&mut self, timeline: SharedTimeline) {
        self.shared.book().timeline = Some(timeline);
        self.begin();
    }

    /// Watches one more target.
    pub(crate) fn watch(&mut self, name: &str, process: Arc<Target>) {
        let (limits, log) = (process.limits(), LogTail::new(process.log()));
        let samples = Samples::default();
        let watched = Watched { process, limits, log, samples, before: None, told: false };
        lock(&self.processes).watched.insert(name.to_owned(), watched);
        self.begin();
    }

    /// Asks a target for its own metrics, from now on.
    pub(crate) fn scrape(&mut self, scrape: Scrape) {
        let (clock, shared, stop) = (self.clock.clone(), self.shared.clone(), self.stop.clone());
        self.tasks.push(tokio::spawn(scrape::run(scrape, clock, self.began, shared, stop)));
    }

    fn begin(&mut self) {
        if self.tasks.is_empty() {
            let (clock, processes) = (self.clock.clone(), Arc::clone(&self.processes));
            let (shared, stop) = (self.shared.clone(), self.stop.clone());
            let sampling = sample_until(clock, self.began, processes, shared, stop);
            self.tasks.push(tokio::spawn(sampling));
        }
    }

    /// Processor time all targets used so far, as last sampled, in seconds.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let processes = lock(&self.processes);
        processes.watched.values().filter_map(|watched| watched.samples.cpu_seconds).sum()
    }

    /// Targets that ended by themselves since the last call.
    pub(crate) fn newly_exited(&self) -> Vec<(String, Exit)> {
        let mut exited = Vec::new();
        for (name, watched) in &mut lock(&self.processes).watched {
            if watched.told {
                continue;
            }
            if let Ok(Some(exit)) = watched.process.exited() {
                watched.told = true;
                exited.push((name.clone(), exit));
            }
        }
        exited
    }

    /// Takes a last sample, stops, and gives what was seen of each target.
    pub(crate) async fn finish(&mut self) -> (BTreeMap<String, Samples>, Seen) {
        self.stop.cancel();
        for task in self.tasks.drain(..) {
            // The tasks only sample; were one to panic, what it saw before is still good.
            let _ = task.await;
        }
        let watched = std::mem::take(&mut lock(&self.processes).watched);
        let book = std::mem::take(&mut *self.shared.book());
        let unread = watched.iter().map(|(name, watched)| (name.clone(), watched.log.unread));
        let seen = Seen {
            tracks: book.tracks.into_list(),
            asked: book.asked,
            processes: watched.keys().cloned().collect(),
            unread: unread.filter(|(_, bytes)| *bytes > 0).collect(),
            ignored: book.ignored,
        };
        let samples = watched.into_iter().map(|(name, watched)| (name, watched.samples)).collect();
        (samples, seen)
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.0)
    }

    /// Notes what a page of metrics said.
    pub(crate) fn measured(&self, target: &str, now: Instant, measured: Vec<Measured>) {
        let mut book = self.book();
        for Measured { kind, name, bound, level } in measured {
            book.note(now, target, kind, &name, bound, level, "");
        }
    }

    /// Changes what is known of asking a target for metrics.
    pub(crate) fn asked<T>(&self, target: &str, change: impl FnOnce(&mut Asked) -> T) -> T {
        change(self.book().asked.entry(target.to_owned()).or_default())
    }
}

impl Book {
    #[expect(
        clippy::too_many_arguments,
        reason = "a track's identity, a level, and what limits it"
    )]
    fn note(
        &mut self,
        now: Instant,
        target: &str,
        kind: Kind,
        name: &str,
        bound: Option<Bound>,
        level: Level,
        limit_by: &str,
    ) {
        if self.tracks.len() >= MOST_TRACKS && !self.tracks.has(target, kind, name) {
            self.ignored += 1;
            return;
        }
        let track = self.tracks.of(target, kind, name, bound);
        if track.limit_by.is_empty() {
            limit_by.clone_into(&mut track.limit_by);
        }
        track.push(level);
        let Some(timeline) = &self.timeline else { return };
        for (metric, of) in kind.metrics() {
            // What is not a number is not known, and the timeline leaves it out.
            let tags = match kind {
                Kind::Machine | Kind::Generator => Vec::new(),
                _ => vec![("target", target), ("resource", name)],
            };
            timeline.record_gauge(&Key::new(*metric, tags), now, of(&level));
        }
    }
}

async fn sample_until(
    clock: Clock,
    began: Instant,
    processes: Arc<Mutex<Processes>>,
    shared: Shared,
    stop: CancellationToken,
) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let last = tokio::select! {
            _ = ticks.tick() => false,
            () = stop.cancelled() => true,
        };
        let (clock, processes, shared) = (clock.clone(), Arc::clone(&processes), shared.clone());
        // Reading /proc blocks; on a worker thread it would make the load itself late.
        let read = tokio::task::spawn_blocking(move || {
            let mut processes = lock(&processes);
            let mut levels = processes.machine(clock.now(), began);
            let established = processes.established(&clock);
            for (name, watched) in &mut processes.watched {
                let by = watched.limits.clone();
                let sampled = watched.sample(clock.now(), began, established.as_ref());
                levels.extend(sampled.into_iter().map(|(kind, level)| {
                    let limit_by = match kind {
                        Kind::Cpu => by.cpus_by.clone(),
                        Kind::Memory => by.memory_by.clone(),
                        _ => String::new(),
                    };
                    (name.clone(), kind, level, limit_by)
                }));
            }
            drop(processes);
            let mut book = shared.book();
            for (target, kind, level, limit_by) in levels {
                let (name, bound) = (called(kind), kind.bound());
                book.note(clock.now(), &target, kind, name, bound, level, &limit_by);
            }
        });
        // It only samples; were it to panic, what was seen before is still good.
        let _ = read.await;
        if last {
            return;
        }
    }
}

/// What a resource the system tells of is called.
fn called(kind: Kind) -> &'static str {
    match kind {
        Kind::Cpu | Kind::Machine | Kind::Generator => "CPU",
        Kind::Memory => "memory",
        Kind::Descriptors => "file descriptors",
        Kind::ErrorLogs => "error logs",
        Kind::Threads => "threads",
        Kind::Connections => "TCP connections",
        Kind::ReadBytes => "bytes read",
        Kind::WrittenBytes => "bytes written",
        Kind::LogBytes => "log",
        Kind::Pool | Kind::Queue | Kind::Query | Kind::Cache | Kind::Gauge => "metrics",
    }
}

impl Processes {
    /// The machine's connections, when it is time to count them: where there are thousands, reading
    /// them takes long, and may take one part in a hundred of a processor's time.
    fn established(&mut self, clock: &Clock) -> Option<Established> {
        let now = clock.now();
        if self.connections.is_some_and(|due| now < due) {
            return None;
        }
        let mut established = Established::default();
        self.watched.values().for_each(|watched| established.read(watched.process.pid()));
        let took = clock.now().duration_since(now);
        self.connections = Some(now + took * 100);
        Some(established)
    }

    /// What the machine and this process used since the look before.
    fn machine(&mut self, now: Instant, start: Instant) -> Vec<(String, Kind, Level, String)> {
        let Some(work) = host::work() else { return Vec::new() };
        let Some((before, then)) = self.machine.replace((now, work)) else { return Vec::new() };
        let elapsed = now.duration_since(before).as_secs_f64().max(1e-3);
        let second = now.duration_since(start).as_secs_f64();
        let cores = |then: f64, now: f64| (now - then).max(0.0) / elapsed;
        // What the hypervisor gave to others was not there to be used.
        let machine = cores(then.busy + then.stolen, work.busy + work.stolen);
        let ours = f64::from(host::describe().cpus);
        // Clocks that are not read at the same moment may tell of more than there is.
        let level = |used: f64, of| Level::of(second, used.min(of), of);
        vec![
            (MACHINE.to_owned(), Kind::Machine, level(machine, work.processors), String::new()),
            (
                GENERATOR.to_owned(),
                Kind::Generator,
                level(cores(then.own, work.own), ours),
                String::new(),
            ),
        ]
    }
}

impl Watched {
    fn sample(
        &mut self,
        now: Instant,
        start: Instant,
        established: Option<&Established>,
    ) -> Vec<(Kind, Level)> {
        let second = now.duration_since(start).as_secs_f64();
        let mut levels = Vec::new();
        if !matches!(self.process.exited(), Ok(None)) {
            return levels;
        }
        // A log that is not there yet, or cannot be read, has no level: it is not measured.
        if let Ok(growth) = self.log.look(second) {
            levels.push((Kind::ErrorLogs, Level::plain(second, growth.errors as f64)));
            if let Some(pace) = growth.per_second {
                let size = growth.size as f64;
                levels.push((Kind::LogBytes, Level { used: size, ..Level::plain(second, pace) }));
            }
        }
        // A target that ends while it is sampled has nothing more to tell: that sample is left out.
        let used = match established {
            Some(established) => self.process.sample_with(established),
            None => self.process.sample(),
        };
        let Ok(used) = used else { return levels };
        let samples = &mut self.samples;
        // The first sample has no predecessor to take a share of a processor from.
        if let (Some(last), Some(before)) = (samples.last, self.before) {
            let elapsed = now.duration_since(last).as_secs_f64().max(1e-3);
            let cpu_cores = (used.cpu_seconds - before.cpu_seconds).max(0.0) / elapsed;
            samples.seen.push(ResourceSample {
                second,
                cpu_cores,
                rss_bytes: used.rss_bytes,
                threads: u32::try_from(used.threads).unwrap_or(u32::MAX),
                fds: used.fds.and_then(|fds| u32::try_from(fds).ok()),
                read_bytes: used.read_bytes,
                write_bytes: used.write_bytes,
            });
            let cpus = self.limits.cpus;
            levels.push((Kind::Cpu, Level::of(second, cpu_cores.min(cpus), cpus)));
            let paces = [
                (Kind::ReadBytes, before.read_bytes, used.read_bytes),
                (Kind::WrittenBytes, before.write_bytes, used.write_bytes),
            ];
            for (kind, then, now) in paces {
                if let (Some(then), Some(now)) = (then, now) {
                    let pace = now.saturating_sub(then) as f64 / elapsed;
                    levels.push((kind, Level::plain(second, pace)));
                }
            }
        }
        let limit = self.limits.memory_bytes.map_or(f64::NAN, |bytes| bytes as f64);
        levels.push((Kind::Memory, Level::of(second, used.rss_bytes as f64, limit)));
        levels.push((Kind::Threads, Level::plain(second, used.threads as f64)));
        if let Some((open, limit)) = used.fullest {
            levels.push((Kind::Descriptors, Level::of(second, open as f64, limit as f64)));
        }
        if let Some(connections) = used.connections {
            levels.push((Kind::Connections, Level::plain(second, connections as f64)));
        }
        samples.last = Some(now);
        samples.cpu_seconds = Some(used.cpu_seconds);
        self.before = Some(used);
        levels
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
