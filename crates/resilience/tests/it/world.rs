//! What the tests share: paused time inside property tests, and services that do as they are told.

use std::time::Duration;

/// Runs `work` on a clock that only moves when it is told to, or when nothing else is left to do.
pub(crate) fn paused<F: Future>(work: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(work)
}

pub(crate) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Lets time pass.
pub(crate) async fn pass(time: Duration) {
    tokio::time::advance(time).await;
}
