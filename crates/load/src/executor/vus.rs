//! `constant-vus`: a fixed number of virtual users, each as fast as the service lets it.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{Run, wind_down};
use crate::error::Error;
use crate::length::after;

pub(super) async fn run(run: Run, vus: u32, duration: Duration) -> Result<(), Error> {
    let end = after(run.start, duration);
    let mut users = JoinSet::new();
    for number in 0..u64::from(vus) {
        let (recruit, worker) = (Arc::clone(&run.recruit), run.crew.worker_of(number));
        run.crew.spawn(worker, &mut users, async move {
            let mut user = recruit.user(number, worker);
            while user.now() < end {
                let turn = recruit.turn();
                if !user.iterate(turn, None).await {
                    break;
                }
            }
        });
    }
    wind_down(std::slice::from_mut(&mut users), after(end, run.grace), &run.stop).await
}
