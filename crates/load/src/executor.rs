//! Executors: what makes iterations begin, and how they end.

mod arrivals;
mod ramp;
mod vus;

use std::sync::Arc;
use std::time::Duration;

use seaworthy_base::Instant;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::load::{Executor, Load};
use crate::user::Recruit;
use crate::watch::Lag;

/// Runs one load entry from its start until its last iteration has ended or was cut off.
pub(crate) async fn run(
    load: &Load,
    recruit: Arc<Recruit>,
    phase_start: Instant,
    stop: CancellationToken,
    lag: Lag,
) -> Result<(), Error> {
    let start = phase_start + load.start;
    tokio::select! {
        biased;
        () = stop.cancelled() => return Ok(()),
        () = tokio::time::sleep_until(start) => {}
    }
    let run = Run { recruit, start, grace: load.graceful_stop, stop };
    match &load.executor {
        Executor::ConstantVus { vus, duration } => vus::run(run, *vus, *duration).await,
        Executor::RampingVus { start_vus, stages, graceful_ramp_down } => {
            ramp::run(run, *start_vus, stages, *graceful_ramp_down).await
        }
        Executor::ConstantArrivalRate(arrivals) => arrivals::run(run, arrivals, lag).await,
    }
}

/// What every executor needs.
struct Run {
    recruit: Arc<Recruit>,
    /// When the entry begins.
    start: Instant,
    /// How long iterations may go on after the entry's end.
    grace: Duration,
    /// Ends everything at once.
    stop: CancellationToken,
}

/// Waits for the virtual users to end by themselves until `deadline`, then cuts them off. A stop
/// cuts them off at once.
async fn wind_down<T: 'static>(
    users: &mut JoinSet<T>,
    deadline: Instant,
    stop: &CancellationToken,
    cut: &CancellationToken,
) -> Result<(), Error> {
    let mut broken = None;
    loop {
        tokio::select! {
            biased;
            ended = users.join_next() => match ended {
                None => return broken.map_or(Ok(()), Err),
                Some(Err(error)) => broken = Some(worker(&error)),
                Some(Ok(_)) => {}
            },
            () = stop.cancelled(), if !cut.is_cancelled() => cut.cancel(),
            () = tokio::time::sleep_until(deadline), if !cut.is_cancelled() => cut.cancel(),
        }
    }
}

fn worker(error: &JoinError) -> Error {
    Error::Worker(error.to_string())
}
