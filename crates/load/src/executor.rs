//! Executors: what makes iterations begin, and how they end.

mod arrivals;
mod iterations;
mod meeting;
mod ramp;
mod vus;

use std::sync::Arc;
use std::time::Duration;

use seaworthy_base::Instant;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::crew::Crew;
use crate::error::Error;
use crate::length::after;
use crate::load::{Executor, Load};
use crate::recruit::Recruit;

/// Runs one load entry from its start until its last iteration has ended or was cut off.
pub(crate) async fn run(
    load: &Load,
    recruit: Arc<Recruit>,
    crew: Arc<Crew>,
    phase_start: Instant,
    stop: CancellationToken,
) -> Result<(), Error> {
    let start = after(phase_start, load.start);
    tokio::select! {
        biased;
        () = stop.cancelled() => return Ok(()),
        () = tokio::time::sleep_until(start) => {}
    }
    let run = Run { recruit, crew, start, grace: load.graceful_stop, stop };
    match &load.executor {
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
struct Run {
    recruit: Arc<Recruit>,
    crew: Arc<Crew>,
    /// When the entry begins.
    start: Instant,
    /// How long iterations may go on after the entry's end.
    grace: Duration,
    /// Ends everything at once.
    stop: CancellationToken,
}

/// Waits for the virtual users to end by themselves until `deadline`, then cuts them off. A stop
/// cuts them off at once. To cut a user off is to drop it: what it had under way is recorded then.
async fn wind_down<T: 'static>(
    users: &mut [JoinSet<T>],
    deadline: Instant,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let mut broken = None;
    tokio::select! {
        biased;
        () = all_home(users, &mut broken) => return broken.map_or(Ok(()), Err),
        () = stop.cancelled() => {}
        () = tokio::time::sleep_until(deadline) => {}
    }
    users.iter_mut().for_each(JoinSet::abort_all);
    all_home(users, &mut broken).await;
    broken.map_or(Ok(()), Err)
}

async fn all_home<T: 'static>(users: &mut [JoinSet<T>], broken: &mut Option<Error>) {
    for users in users {
        while let Some(ended) = users.join_next().await {
            if let Err(error) = ended {
                *broken = worker(error).or(broken.take());
            }
        }
    }
}

/// What is wrong with a worker whose task has not come to its end; nothing, if it was cut off.
fn worker(error: JoinError) -> Option<Error> {
    let panic = error.try_into_panic().ok()?;
    let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
    Some(Error::Worker(message.unwrap_or_else(|| "it panicked".to_owned())))
}
