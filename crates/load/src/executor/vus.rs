//! `constant-vus`: a fixed number of virtual users, each as fast as the service lets it.

use std::time::Duration;

use tokio::task::JoinSet;

use super::Run;
use crate::cast::{Cast, VirtualUser};
use crate::error::Error;
use crate::length::after;

pub(super) async fn run<C: Cast>(run: Run<C>, vus: u32, duration: Duration) -> Result<(), Error> {
    let end = after(run.start, duration);
    let mut users = JoinSet::new();
    for (worker, user) in run.users(vus) {
        let cast = run.cast();
        run.crew.spawn(worker, &mut users, async move {
            let Some(mut user) = user.await else { return };
            while user.now() < end {
                let turn = cast.turn();
                if !user.iterate(turn, None).await {
                    break;
                }
            }
        });
    }
    run.wind_down(std::slice::from_mut(&mut users), end).await
}
