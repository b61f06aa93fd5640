//! Executors: what makes iterations begin, and how they end.

mod arrivals;
mod iterations;
mod meeting;
mod ramp;
mod vus;

use std::sync::Arc;

pub(crate) use ramp::table;
use seaworthy_base::Instant;
use tokio::task::JoinSet;

use crate::cast::Cast;
use crate::crew::{Crew, broken};
use crate::drive::{Entry, Scene};
use crate::error::Error;
use crate::length::after;
use crate::load::Executor;

/// Runs one load entry from its start until its last iteration has ended or was cut off.
pub(crate) async fn run<C: Cast>(
    entry: Arc<Entry<C>>,
    scene: Scene,
    crew: Arc<Crew>,
    phase_start: Instant,
) -> Result<(), Error> {
    let start = after(phase_start, entry.load.start);
    tokio::select! {
        biased;
        () = scene.stop.cancelled() => return Ok(()),
        () = tokio::time::sleep_until(start) => {}
    }
    let run = Run { entry, scene, crew, start };
    // Only the entry is shared: the executor's numbers are read while it runs.
    let entry = Arc::clone(&run.entry);
    match &entry.load.executor {
        Executor::ConstantVus { vus, duration } => vus::run(run, *vus, *duration).await,
        Executor::RampingVus { start_vus, stages, graceful_ramp_down } => {
            ramp::run(run, *start_vus, stages, *graceful_ramp_down).await
        }
        Executor::PerVuIterations { vus, iterations, max_duration } => {
            iterations::per_vu(run, *vus, *iterations, *max_duration).await
        }
        Executor::SharedIterations { vus, iterations, max_duration } => {
            iterations::shared(run, *vus, *iterations, *max_duration).await
        }
        Executor::Arrivals(arrivals) => arrivals::run(run, arrivals).await,
    }
}

/// What every executor needs.
struct Run<C> {
    entry: Arc<Entry<C>>,
    scene: Scene,
    crew: Arc<Crew>,
    /// When the entry begins.
    start: Instant,
}

impl<C: Cast> Run<C> {
    /// The cast that makes the virtual users, once more.
    fn cast(&self) -> Arc<C> {
        Arc::clone(&self.entry.cast)
    }

    /// Where virtual user `number` is to live.
    fn worker_of(&self, number: u64) -> usize {
        self.entry.cast.worker_of(number, self.crew.len()) % self.crew.len()
    }

    /// The entry's first `count` virtual users, each with its worker. All are asked for before any
    /// begins: one that had ended meanwhile would be idle, and be taken once more.
    fn users(
        &self,
        count: u32,
    ) -> Vec<(usize, impl Future<Output = Option<C::User>> + Send + 'static + use<C>)> {
        let ask = |number: u64| {
            let worker = self.worker_of(number);
            (worker, self.cast().user(number, worker))
        };
        (0..u64::from(count)).map(ask).collect()
    }

    /// Waits for the virtual users to end by themselves: until the entry's `end`, then until the
    /// graceful stop is over, and then cuts them off. A stop cuts them off at once. To cut a user off
    /// is to drop it: what it had under way is recorded then.
    async fn wind_down<T: 'static>(
        &self,
        users: &mut [JoinSet<T>],
        end: Instant,
    ) -> Result<(), Error> {
        let mut broken = None;
        let deadline = after(end, self.entry.load.graceful_stop);
        for (moment, is_over) in [(end, false), (deadline, true)] {
            tokio::select! {
                biased;
                () = all_home(users, &mut broken) => return broken.map_or(Ok(()), Err),
                () = self.scene.stop.cancelled() => break,
                () = tokio::time::sleep_until(moment) => {}
            }
            if !is_over {
                self.entry.cast.over(deadline);
            }
        }
        users.iter_mut().for_each(JoinSet::abort_all);
        all_home(users, &mut broken).await;
        broken.map_or(Ok(()), Err)
    }
}

async fn all_home<T: 'static>(users: &mut [JoinSet<T>], broken_by: &mut Option<Error>) {
    for users in users {
        while let Some(ended) = users.join_next().await {
            if let Err(error) = ended {
                *broken_by = broken(error).or(broken_by.take());
            }
        }
    }
}
