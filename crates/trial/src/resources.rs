//! Targets' resources, sampled beside the load: CPU, memory, threads, descriptors, I/O.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use seaworthy_base::{Clock, Instant};
use seaworthy_process::{Exit, Target};
use seaworthy_report::outcome::ResourceSample;
use tokio_util::sync::CancellationToken;

/// How often each target is sampled.
const EVERY: Duration = Duration::from_secs(1);

/// Samples every watched target once a second until it is finished.
pub(crate) struct Sampler {
    clock: Clock,
    began: Instant,
    state: Arc<Mutex<BTreeMap<String, Watched>>>,
    stop: CancellationToken,
    task: Option<tokio::task::JoinHandle<()>>,
}

struct Watched {
    process: Arc<Target>,
    samples: Samples,
    told: bool,
}

/// What was sampled of one target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    pub(crate) seen: Vec<ResourceSample>,
    pub(crate) cpu_seconds: Option<f64>,
    last: Option<Instant>,
}

impl Sampler {
    /// `began` is when the timeline's second 0 begins.
    pub(crate) fn new(clock: Clock, began: Instant) -> Self {
        Self { clock, began, state: Arc::default(), stop: CancellationToken::new(), task: None }
    }

    /// Watches one more target.
    pub(crate) fn watch(&mut self, name: &str, process: Arc<Target>) {
        let watched = Watched { process, samples: Samples::default(), told: false };
        lock(&self.state).insert(name.to_owned(), watched);
        if self.task.is_none() {
            let (clock, state, stop) =
                (self.clock.clone(), Arc::clone(&self.state), self.stop.clone());
            self.task = Some(tokio::spawn(sample_until(clock, self.began, state, stop)));
        }
    }

    /// Processor time all targets used so far, as last sampled, in seconds.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        lock(&self.state).values().filter_map(|watched| watched.samples.cpu_seconds).sum()
    }

    /// Targets that ended by themselves since the last call.
    pub(crate) fn newly_exited(&self) -> Vec<(String, Exit)> {
        let mut exited = Vec::new();
        for (name, watched) in lock(&self.state).iter_mut() {
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
    pub(crate) async fn finish(&mut self) -> BTreeMap<String, Samples> {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            // The task only samples; were it to panic, what it saw before is still good.
            let _ = task.await;
        }
        std::mem::take(&mut *lock(&self.state))
            .into_iter()
            .map(|(name, watched)| (name, watched.samples))
            .collect()
    }
}

async fn sample_until(
    clock: Clock,
    began: Instant,
    state: Arc<Mutex<BTreeMap<String, Watched>>>,
    stop: CancellationToken,
) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let last = tokio::select! {
            _ = ticks.tick() => false,
            () = stop.cancelled() => true,
        };
        let (clock, state) = (clock.clone(), Arc::clone(&state));
        // Reading /proc blocks; on a worker thread it would make the load itself late.
        let read = tokio::task::spawn_blocking(move || {
            for watched in lock(&state).values_mut() {
                watched.sample(clock.now(), began);
            }
        });
        // It only samples; were it to panic, what was seen before is still good.
        let _ = read.await;
        if last {
            return;
        }
    }
}

impl Watched {
    fn sample(&mut self, now: Instant, start: Instant) {
        if !matches!(self.process.exited(), Ok(None)) {
            return;
        }
        // A target that ends while it is sampled has nothing more to tell: that sample is left out.
        let Ok(used) = self.process.sample() else { return };
        let samples = &mut self.samples;
        let cpu_cores = match (samples.last, samples.cpu_seconds) {
            (Some(before), Some(cpu)) => {
                let elapsed = now.duration_since(before).as_secs_f64().max(1e-3);
                (used.cpu_seconds - cpu).max(0.0) / elapsed
            }
            _ => 0.0,
        };
        // The first sample has no predecessor to take a share of a processor from.
        if samples.last.is_some() {
            samples.seen.push(ResourceSample {
                second: now.duration_since(start).as_secs_f64(),
                cpu_cores,
                rss_bytes: used.rss_bytes,
                threads: u32::try_from(used.threads).unwrap_or(u32::MAX),
                fds: used.fds.and_then(|fds| u32::try_from(fds).ok()),
                read_bytes: used.read_bytes,
                write_bytes: used.write_bytes,
            });
        }
        samples.last = Some(now);
        samples.cpu_seconds = Some(used.cpu_seconds);
    }
}

fn lock(
    state: &Mutex<BTreeMap<String, Watched>>,
) -> std::sync::MutexGuard<'_, BTreeMap<String, Watched>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
