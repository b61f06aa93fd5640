//! How many durable steps a second: `cargo run --release -p seaworthy-workflow --example steps`.
//!
//! Workflows of steps that do nothing run side by side on an SQLite file, each step synced to disk
//! before the next begins. Arguments: workflows at once (64), steps in each (20), seconds (10).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use seaworthy_base::Clock;
use seaworthy_store::{Metrics, Store};
use seaworthy_workflow::{Failure, Options, PART, Registry, Retry, Run, Service, Start, State};
use tokio_util::sync::CancellationToken;

async fn chain(run: Run, steps: u32) -> Result<u32, Failure> {
    for step in 0..steps {
        run.step(&format!("step {step}"), Retry::default(), move |_| async move { Ok(step) })
            .await?;
    }
    Ok(steps)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let mut given = std::env::args().skip(1).map(|text| text.parse::<u32>());
    let mut next = |fallback| given.next().transpose().map(|given| given.unwrap_or(fallback));
    let (at_once, steps, seconds) = (next(64)?, next(20)?, next(10)?);
    let folder = tempfile::tempdir()?;
    let options = seaworthy_store::Options::file(folder.path(), [PART]);
    let store = Store::open(&options, &Metrics::default())?;
    let registry = Registry::new().with("chain", chain);
    let service = Service::open(store.clone(), registry, Options::default()).await?;
    let (engine, stop) = (service.engine(), CancellationToken::new());
    let running = tokio::spawn(service.run(stop.clone()));
    let done = Arc::new(AtomicU64::new(0));
    let clock = Clock::system();
    let start = clock.now();
    let until = start + Duration::from_secs(seconds.into());
    let workers: Vec<_> = (0..at_once)
        .map(|worker| {
            let (engine, done, clock) = (engine.clone(), Arc::clone(&done), clock.clone());
            tokio::spawn(async move {
                for round in 0.. {
                    if clock.now() >= until {
                        break;
                    }
                    let id = format!("{worker}-{round}");
                    let order = Start {
                        kind: "chain".to_owned(),
                        tenant: "bench".to_owned(),
                        subject: "bench".to_owned(),
                        id: Some(id.clone()),
                        input: steps.into(),
                        within: None,
                    };
                    engine.start(order).await?;
                    let ended = engine.closed("bench", &id).await?;
                    anyhow::ensure!(ended.status == State::Completed, "{ended:?}");
                    done.fetch_add(u64::from(steps), Ordering::Relaxed);
                }
                Ok(())
            })
        })
        .collect();
    for worker in workers {
        worker.await??;
    }
    let elapsed = (clock.now() - start).as_secs_f64();
    let done = done.load(Ordering::Relaxed) as f64;
    println!(
        "{:.0} steps/s ({done} steps, {at_once} workflows of {steps} at once, {elapsed:.1} s)",
        done / elapsed
    );
    stop.cancel();
    running.await?;
    store.close().await;
    Ok(())
}
