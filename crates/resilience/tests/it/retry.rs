//! Retries: what is repeated, how far apart, and what it may cost at most.

use std::cell::Cell;
use std::time::Duration;

use proptest::prelude::*;
use seaworthy_base::Clock;
use seaworthy_base::chance::Chance;
use seaworthy_resilience::Deadline;
use seaworthy_resilience::outcome::{ByResult, Outcome, Safety};
use seaworthy_resilience::retry::{Budget, Deposits, Policy, Retry};

use crate::world::{millis, pass, paused, seconds};

fn retry(policy: Policy) -> Retry {
    let clock = Clock::system();
    let rich = Deposits { reserve: 1_000_000, most: 1_000_000, ..Deposits::default() };
    Retry::new(policy, Budget::new(rich, &clock), clock, Chance::seeded(7))
}

#[tokio::test(start_paused = true)]
async fn five_tries_ever_further_apart() {
    let (clock, tries) = (Clock::system(), Cell::new(0));
    let start = clock.now();
    let times = Cell::new(Vec::new());
    let ended = retry(Policy::default())
        .call(Safety::Idempotent, None, ByResult, async || {
            tries.set(tries.get() + 1);
            let mut all = times.take();
            all.push(clock.now() - start);
            times.set(all);
            Err::<(), _>(())
        })
        .await;
    assert_eq!((ended, tries.get()), (Err(()), 5));
    let times = times.take();
    for (pair, base) in times.windows(2).zip([100, 200, 400, 800]) {
        let (gap, base) = (pair[1] - pair[0], f64::from(base) / 1e3);
        let (low, high) = (base * 0.75, base * 1.25 + 0.002);
        assert!((low..=high).contains(&gap.as_secs_f64()), "{gap:?} is not {base} ± a quarter");
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_is_safe_is_repeated() {
    let ends = |safety: Safety, outcome: Outcome| {
        retry(Policy::default()).begin(safety, None).ended(outcome).is_none()
    };
    let busy = Outcome::Busy { retry_after: None };
    for (safety, outcome, last) in [
        (Safety::Idempotent, Outcome::Failed, false),
        (Safety::Idempotent, busy, false),
        (Safety::Idempotent, Outcome::NeverSent, false),
        (Safety::Once, Outcome::NeverSent, false),
        (Safety::Once, Outcome::Failed, true),
        (Safety::Once, busy, true),
        (Safety::Idempotent, Outcome::Success, true),
        (Safety::Idempotent, Outcome::Broken, true),
        (Safety::Idempotent, Outcome::Unjudged, true),
    ] {
        assert_eq!(ends(safety, outcome), last, "{safety:?} {outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_comes_back_before_the_dependency_asked_for_it() {
    let clock = Clock::system();
    let after = |seconds| Outcome::Busy { retry_after: Some(Duration::from_secs(seconds)) };
    let begin = |deadline| retry(Policy::default()).begin(Safety::Idempotent, deadline);
    assert_eq!(begin(None).ended(after(7)), Some(seconds(7)));
    assert!(
        begin(None).ended(after(0)).unwrap() >= millis(75),
        "its own delay, when that is longer"
    );
    assert_eq!(begin(None).ended(after(31)), None, "longer than it waits at all");
    let deadline = Deadline::after(&clock, seconds(5));
    assert_eq!(begin(Some(deadline)).ended(after(7)), None, "past the deadline");
    assert_eq!(begin(Some(deadline)).ended(after(4)), Some(seconds(4)));
}

#[tokio::test(start_paused = true)]
async fn the_budget_bounds_what_retries_add_to_an_outage() {
    let clock = Clock::system();
    let budget = Budget::new(Deposits::default(), &clock);
    let retry = Retry::new(Policy::default(), budget, clock, Chance::seeded(1));
    let calls = 1_000;
    for _ in 0..calls {
        let mut attempts = retry.begin(Safety::Idempotent, None);
        while attempts.ended(Outcome::Failed).is_some() {}
    }
    let snapshot = retry.snapshot();
    assert_eq!(snapshot.retries, 10 + calls / 5, "the reserve, and a fifth of all calls");
    assert!(snapshot.unaffordable > 0);
    // With time there is a little again, but the reserve and no more.
    pass(seconds(3_600)).await;
    assert!((retry.snapshot().budget - 10.0).abs() < 1e-9);
}

proptest! {
    #[test]
    fn delays_keep_to_their_bounds(
        attempt in 0_u32..200, seed: u64, base in 0_u64..10_000, cap in 0_u64..100_000, jitter in 0.0..1.0_f64,
    ) {
        let policy = Policy { attempts: 5, base: millis(base), cap: millis(cap), jitter };
        let delay = policy.delay(attempt, &mut Chance::seeded(seed)).as_secs_f64();
        let doubled = base as f64 / 1e3 * 2_f64.powi(attempt.saturating_sub(1).min(63) as i32);
        let middle = doubled.min(cap as f64 / 1e3);
        prop_assert!(delay >= middle * (1.0 - jitter) - 1e-6, "{delay} {middle}");
        prop_assert!(delay <= (middle * (1.0 + jitter)).min(cap as f64 / 1e3) + 1e-6, "{delay} {middle}");
    }

    #[test]
    fn no_call_is_made_too_often_nor_waits_past_its_deadline(
        attempts in 0_u32..8, seed: u64, left in 0_u64..5_000,
        outcomes in proptest::collection::vec(0_u64..6, 1..20),
    ) {
        paused(async {
            let clock = Clock::system();
            let deadline = Deadline::after(&clock, millis(left));
            let budget = Budget::new(Deposits::default(), &clock);
            let policy = Policy { attempts, ..Policy::default() };
            let retry = Retry::new(policy, budget, clock.clone(), Chance::seeded(seed));
            let mut tries = retry.begin(Safety::Idempotent, Some(deadline));
            for outcome in outcomes {
                let outcome = match outcome {
                    0 => Outcome::NeverSent,
                    1 => Outcome::Failed,
                    seconds => Outcome::Busy { retry_after: Some(Duration::from_secs(seconds - 2)) },
                };
                let Some(delay) = tries.ended(outcome) else { break };
                if let Outcome::Busy { retry_after: Some(asked) } = outcome {
                    assert!(delay >= asked);
                }
                pass(delay).await;
                assert!(!deadline.passed(&clock));
            }
            assert!(tries.made() <= attempts.max(1));
        });
    }

    /// What is taken out was paid in, whatever the order.
    #[test]
    fn a_budget_gives_no_more_than_it_was_given(
        steps in proptest::collection::vec((0_u8..3, 0_u64..3_000), 1..300),
        share in 0.0..1.0_f64, reserve in 0_u32..20, per_second in 0.0..5.0_f64,
    ) {
        paused(async {
            let clock = Clock::system();
            let deposits = Deposits { share, reserve, per_second, most: 50 };
            let budget = Budget::new(deposits, &clock);
            let (mut calls, mut retries, mut time) = (0_u32, 0_u32, 0_u64);
            for (step, length) in steps {
                match step {
                    0 => { budget.deposit(); calls += 1; }
                    1 => retries += u32::from(budget.withdraw(&clock)),
                    _ => { pass(millis(length)).await; time += length; }
                }
                assert!(budget.left(&clock) <= f64::from(50.max(reserve)));
            }
            let given = f64::from(reserve) + f64::from(calls) * share + time as f64 / 1e3 * per_second;
            assert!(f64::from(retries) <= given + 1e-6, "{retries} of {given}");
        });
    }
}
