//! What a guarded call costs over the bare one.
//!
//! `cost` measures every part and prints nanoseconds for a call; it fails when everything together costs
//! more than a microsecond. `cost PART N` makes N calls and prints nothing, to be counted:
//! `valgrind --tool=callgrind target/release/examples/call_cost everything 100000`.
//! `cargo xtask bench resilience` does both.

use std::hint::black_box;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use seaworthy_base::Clock;
use seaworthy_base::chance::Chance;
use seaworthy_resilience::breaker::{self, Breaker};
use seaworthy_resilience::bulkhead::{self, Bulkhead};
use seaworthy_resilience::cache::{self, Cache};
use seaworthy_resilience::outcome::{ByResult, Safety};
use seaworthy_resilience::rate::{Limiter, Rate};
use seaworthy_resilience::retry::{self, Budget, Retry};
use seaworthy_resilience::shed::{self, Priority, Shedder};
use seaworthy_resilience::{Deadline, Dependency, Error, dependency};
use tower::{Service as _, ServiceBuilder, service_fn};

/// The most that everything around a call may cost.
const MOST: Duration = Duration::from_micros(1);

const PARTS: [&str; 10] = [
    "bare",
    "breaker",
    "retry",
    "bulkhead",
    "deadline",
    "shedder",
    "rate",
    "cache",
    "everything",
    "layers",
];

/// The call itself: it gives way once, as one that waits for a socket does, so that what is done only for
/// calls that do not end at once (a timer, say) is counted.
async fn bare(number: u64) -> Result<u64, Error> {
    tokio::task::yield_now().await;
    Ok(black_box(number))
}

async fn run(part: &str, calls: u64) -> Result<()> {
    let clock = Clock::system();
    let breaker = || Breaker::new("x", breaker::Settings::default(), clock.clone());
    let bulkhead = || Bulkhead::new("x", bulkhead::Settings::default(), clock.clone());
    match part {
        "bare" => {
            for number in 0..calls {
                bare(number).await?;
            }
        }
        "breaker" => {
            let breaker = breaker();
            for number in 0..calls {
                breaker.call(ByResult, || bare(number)).await?;
            }
        }
        "retry" => {
            let budget = Budget::new(retry::Deposits::default(), &clock);
            let retry = Retry::new(retry::Policy::default(), budget, clock, Chance::seeded(1));
            for number in 0..calls {
                retry.call(Safety::Idempotent, None, ByResult, || bare(number)).await?;
            }
        }
        "bulkhead" => {
            let bulkhead = bulkhead();
            for number in 0..calls {
                bulkhead.call(None, || bare(number)).await?;
            }
        }
        "deadline" => {
            for number in 0..calls {
                let deadline = Deadline::after(&clock, Duration::from_secs(10));
                deadline.bound(&clock, bare(number)).await??;
            }
        }
        "shedder" => {
            let shedder = Shedder::new(shed::Settings::default(), clock);
            for number in 0..calls {
                shedder.call(Priority::Normal, || bare(number)).await?;
            }
        }
        "rate" => {
            let limiter = Limiter::new(Rate::per_second(1_000_000_000), clock);
            for number in 0..calls {
                limiter.take(&"tenant")?;
                bare(number).await?;
            }
        }
        "cache" => {
            let cache: Cache<u64, u64, Error> = Cache::new(cache::Settings::default(), clock);
            for number in 0..calls {
                cache.get_or_load(&(number % 64), || bare(number)).await?;
            }
        }
        "everything" => {
            let settings = dependency::Settings::default();
            let dependency = Dependency::new("x", settings, clock, Chance::seeded(1));
            for number in 0..calls {
                dependency.call(Safety::Idempotent, None, ByResult, |_| bare(number)).await?;
            }
        }
        "layers" => {
            let mut service = ServiceBuilder::new()
                .layer(bulkhead::Layer::new(bulkhead()))
                .layer(breaker::Layer::new(breaker()))
                .service(service_fn(bare));
            for number in 0..calls {
                std::future::poll_fn(|context| service.poll_ready(context)).await.ok();
                service.call(number).await.ok().context("a layer refused")?;
            }
        }
        _ => bail!("there is no `{part}`; there are {}", PARTS.join(", ")),
    }
    Ok(())
}

/// Nanoseconds for a call: the best of several rounds, since what disturbs a round only adds to it.
async fn measure(part: &str) -> Result<f64> {
    const CALLS: u32 = 200_000;
    let clock = Clock::system();
    let mut best = f64::INFINITY;
    for _ in 0..7 {
        let start = clock.now();
        run(part, CALLS.into()).await?;
        best = best.min((clock.now() - start).as_secs_f64() * 1e9 / f64::from(CALLS));
    }
    Ok(best)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.as_slice() {
        [part, calls] => return run(part, calls.parse()?).await,
        [] => {}
        _ => bail!("usage: cost [PART N]"),
    }
    println!("| around a call | ns a call | over the bare one |\n|---|---:|---:|");
    let mut base = 0.0;
    for part in PARTS {
        let took = measure(part).await?;
        if part == "bare" {
            base = took;
        }
        println!("| {part} | {took:.0} | {:.0} |", took - base);
        if part == "everything" && took - base > MOST.as_secs_f64() * 1e9 {
            bail!("a guarded call costs {:.0} ns over the bare one: more than 1 µs", took - base);
        }
    }
    Ok(())
}
