//! `constant-vus`: a fixed number of virtual users, each as fast as the service lets it.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Run, wind_down};
use crate::error::Error;

pub(super) async fn run(run: Run, vus: u32, duration: Duration) -> Result<(), Error> {
    let cut = CancellationToken::new();
    let end = run.start + duration;
    let mut users = JoinSet::new();
    for number in 0..vus {
        let (recruit, cut) = (Arc::clone(&run.recruit), cut.clone());
        users.spawn(async move {
            let mut user = recruit.user(u64::from(number));
            while recruit.clock.now() < end && !cut.is_cancelled() {
                user.iterate(recruit.next_index(), None, &cut).await;
            }
        });
    }
    wind_down(&mut users, end + run.grace, &run.stop, &cut).await
}
