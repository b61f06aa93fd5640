//! A dependency with everything around it: what fails, what is repeated, and who is to blame.

use std::cell::Cell;

use seaworthy_base::Clock;
use seaworthy_base::chance::Chance;
use seaworthy_resilience::breaker::State;
use seaworthy_resilience::dependency::Settings;
use seaworthy_resilience::outcome::{ByResult, Outcome, Safety};
use seaworthy_resilience::{Deadline, Dependency, Error, breaker, bulkhead};

use crate::world::{millis, pass, seconds};

fn dependency(settings: Settings) -> Dependency {
    Dependency::new("billing", settings, Clock::system(), Chance::seeded(3))
}

#[tokio::test(start_paused = true)]
async fn a_passing_failure_is_not_seen_by_the_caller() {
    let (billing, tries) = (dependency(Settings::default()), Cell::new(0));
    let ended = billing
        .call(Safety::Idempotent, None, ByResult, async |_| {
            tries.set(tries.get() + 1);
            if tries.get() < 4 { Err(Error::DeadlinePassed) } else { Ok(tries.get()) }
        })
        .await;
    assert_eq!(ended, Ok(4));
    let snapshot = billing.snapshot();
    assert_eq!((snapshot.retry.retries, snapshot.circuit.totals.failures), (3, 3));
    assert_eq!(snapshot.circuit.state, State::Closed);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_answered_at_once_and_ends_by_itself() {
    let (billing, clock) = (dependency(Settings::default()), Clock::system());
    let call = |up: bool| {
        let ended = if up { Ok(()) } else { Err(Error::DeadlinePassed) };
        billing.call(Safety::Once, None, ByResult, move |_| std::future::ready(ended.clone()))
    };
    for _ in 0..5 {
        assert_eq!(call(false).await, Err(Error::DeadlinePassed));
    }
    let start = clock.now();
    for _ in 0..100 {
        let refused = call(true).await.unwrap_err();
        assert!(
            matches!(refused, Error::CircuitOpen { .. })
                && refused.retry_after() <= Some(seconds(60))
        );
    }
    assert_eq!(clock.now(), start, "nobody waited, and nobody knocked at an open circuit again");
    pass(seconds(60)).await;
    assert_eq!((call(true).await, call(true).await), (Ok(()), Ok(())));
    assert_eq!(billing.breaker().state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_hangs_is_to_blame_and_a_caller_in_a_hurry_is_not() {
    let billing = dependency(Settings::default());
    let hang = |time| {
        let deadline = Deadline::after(&Clock::system(), millis(time));
        billing.call(Safety::Once, Some(deadline), ByResult, async |_| {
            std::future::pending::<Result<(), Error>>().await
        })
    };
    for _ in 0..20 {
        assert_eq!(hang(10).await, Err(Error::TimedOut { after: millis(10) }));
    }
    assert_eq!(billing.breaker().state(), State::Closed);
    assert_eq!(hang(0).await, Err(Error::DeadlinePassed));
    for _ in 0..5 {
        assert_eq!(hang(1_000).await, Err(Error::TimedOut { after: seconds(1) }));
    }
    assert_eq!(billing.breaker().state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn its_own_time_limit_holds_whatever_the_caller_grants() {
    let (billing, clock) = (dependency(Settings::default()), Clock::system());
    let start = clock.now();
    let late = Deadline::after(&clock, seconds(100));
    let ended = billing
        .call(Safety::Idempotent, Some(late), ByResult, async |deadline| {
            assert_eq!(deadline.remaining(&Clock::system()), seconds(10));
            std::future::pending::<Result<(), Error>>().await
        })
        .await;
    assert_eq!(ended, Err(Error::TimedOut { after: seconds(10) }));
    assert_eq!(clock.now() - start, seconds(10));
}

#[tokio::test(start_paused = true)]
async fn a_full_bulkhead_refuses_and_says_nothing_of_the_dependency() {
    let room = bulkhead::Settings { concurrent: 1, waiting: 0, wait: seconds(1) };
    let billing = dependency(Settings { bulkhead: room, ..Settings::default() });
    let slow = tokio::spawn({
        let billing = billing.clone();
        async move {
            let wait = async |_| {
                tokio::time::sleep(seconds(1)).await;
                Ok::<_, Error>(())
            };
            billing.call(Safety::Once, None, ByResult, wait).await
        }
    });
    tokio::task::yield_now().await;
    for _ in 0..20 {
        let refused = billing.call(Safety::Idempotent, None, ByResult, async |_| Ok(())).await;
        assert!(matches!(refused, Err(Error::BulkheadFull { .. })), "{refused:?}");
    }
    assert_eq!(slow.await.unwrap(), Ok(()));
    let snapshot = billing.snapshot();
    assert_eq!((snapshot.bulkhead.refused, snapshot.bulkhead.in_use), (20, 0));
    assert_eq!((snapshot.circuit.state, snapshot.retry.retries), (State::Closed, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_gives_everything_back() {
    let quick =
        breaker::Settings { failure_threshold: 1, probes: 1, ..breaker::Settings::default() };
    let billing = dependency(Settings { breaker: quick, ..Settings::default() });
    let judge = |_: &Result<(), Error>| Outcome::Broken;
    let _ = billing.call(Safety::Once, None, judge, async |_| Ok(())).await;
    pass(seconds(60)).await;
    for _ in 0..10 {
        let hang = async |_| std::future::pending::<Result<(), Error>>().await;
        let call = billing.call(Safety::Once, None, ByResult, hang);
        assert!(tokio::time::timeout(millis(5), call).await.is_err());
    }
    let snapshot = billing.snapshot();
    assert_eq!((snapshot.circuit.state, snapshot.bulkhead.in_use), (State::HalfOpen, 0));
    assert_eq!(snapshot.circuit.totals.unjudged, 10, "each of them was the one probe");
    let document = serde_json::to_value(snapshot).unwrap();
    assert_eq!(document["name"], "billing");
    assert_eq!(document["bulkhead"]["settings"]["concurrent"], 64);
}
