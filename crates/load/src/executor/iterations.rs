//! `per-vu-iterations` and `shared-iterations`: a fixed number of iterations.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use super::Run;
use crate::cast::{Cast, VirtualUser};
use crate::error::Error;
use crate::length::after;

/// Each virtual user makes the same number of iterations.
pub(super) async fn per_vu<C: Cast>(
    run: Run<C>,
    vus: u32,
    iterations: u64,
    max_duration: Duration,
) -> Result<(), Error> {
    let own = move || {
        let mut left = iterations;
        move || {
            let more = left > 0;
            left = left.saturating_sub(1);
            more
        }
    };
    fixed(run, vus, u64::from(vus).saturating_mul(iterations), max_duration, own).await
}

/// The virtual users make the iterations together: whoever is free makes the next one.
pub(super) async fn shared<C: Cast>(
    run: Run<C>,
    vus: u32,
    iterations: u64,
    max_duration: Duration,
) -> Result<(), Error> {
    let taken = Arc::new(AtomicU64::new(0));
    let common = move || {
        let taken = Arc::clone(&taken);
        move || taken.fetch_add(1, Ordering::Relaxed) < iterations
    };
    fixed(run, vus, iterations, max_duration, common).await
}

/// `more` makes what tells one user whether there is another iteration for it.
async fn fixed<C: Cast, M: FnMut() -> bool + Send + 'static>(
    run: Run<C>,
    vus: u32,
    total: u64,
    max_duration: Duration,
    more: impl Fn() -> M,
) -> Result<(), Error> {
    let end = after(run.start, max_duration);
    let mut users = JoinSet::new();
    for (worker, user) in run.users(vus) {
        let (cast, mut more) = (run.cast(), more());
        run.crew.spawn(worker, &mut users, async move {
            let Some(mut user) = user.await else { return };
            while user.now() < end && more() {
                let turn = cast.turn();
                if !user.iterate(turn, None).await {
                    break;
                }
            }
        });
    }
    let ended = run.wind_down(std::slice::from_mut(&mut users), end).await;
    // What was to be made and never began, as k6 counts it; not when somebody stopped the run.
    let never = total.saturating_sub(run.entry.started());
    if never > 0 && !run.scene.stop.is_cancelled() {
        run.entry.cast.dropped(0, 0, never, run.scene.clock.now());
    }
    ended
}
