//! Rate limits: no more than the rate, told exactly, in bounded memory.

use http::HeaderMap;
use proptest::prelude::*;
use seaworthy_base::Clock;
use seaworthy_resilience::Error;
use seaworthy_resilience::rate::{Left, Limiter, Rate};

use crate::world::{millis, pass, paused, seconds};

#[tokio::test(start_paused = true)]
async fn it_says_what_is_left_and_when_to_come_back() {
    let limiter = Limiter::new(Rate::per_second(10).with_burst(3), Clock::system());
    let left = |remaining, reset| Ok(Left { limit: 3, remaining, reset: millis(reset) });
    assert_eq!(limiter.take(&"a"), left(2, 100));
    assert_eq!(limiter.take_many(&"a", 2), left(0, 300));
    let refused = Error::RateLimited { limit: 3, remaining: 0, retry_after: Some(millis(100)) };
    assert_eq!(limiter.take(&"a"), Err(refused));
    assert_eq!(limiter.take(&"b"), left(2, 100), "each key has its own");
    pass(millis(250)).await;
    let refused = Error::RateLimited { limit: 3, remaining: 2, retry_after: Some(millis(50)) };
    assert_eq!(limiter.take_many(&"a", 3), Err(refused));
    assert_eq!(limiter.take_many(&"a", 2), left(0, 250), "a refusal takes nothing");
    let never = limiter.take_many(&"a", 4).unwrap_err();
    assert_eq!(never.retry_after(), None, "more at once than there ever is");
    let generous = Rate::per_second(1_000);
    assert!(limiter.take_at(generous, &"a", 500).is_ok(), "a key's own rate");
    let mut headers = HeaderMap::new();
    Left { limit: 3, remaining: 1, reset: millis(1_001) }.write(&mut headers);
    assert_eq!(headers["ratelimit-limit"], "3");
    assert_eq!(
        (&headers["ratelimit-remaining"], &headers["ratelimit-reset"]),
        (&"1".parse().unwrap(), &"2".parse().unwrap())
    );
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_made_up_neither_grow_the_table_nor_lift_the_limit() {
    let limiter = Limiter::with_keys(Rate::per_second(1), 160, Clock::system());
    let taken = (0..100_000).filter(|key| limiter.take(key).is_ok()).count();
    assert!(limiter.keys() <= 160, "{}", limiter.keys());
    assert!(taken <= 160 + 16, "{taken}: those beyond share a bucket for each part of the table");
    // Once their buckets are full they are as good as never seen: few enough that no part overflows.
    pass(seconds(2)).await;
    let again = (200_000..200_020).filter(|key| limiter.take(key).is_ok()).count();
    assert_eq!(again, 20);
}

proptest! {
    /// In no stretch of time is more taken than the burst and what came back in it.
    #[test]
    fn never_more_than_the_rate(
        amount in 1_u64..50, per in 1_u64..2_000, burst in 0_u64..20,
        steps in proptest::collection::vec((0_u64..200, 0_u64..4), 1..150),
    ) {
        paused(async {
            let rate = Rate { amount, per: millis(per), burst };
            let limiter = Limiter::new(rate, Clock::system());
            let (mut now, mut taken) = (0, Vec::new());
            for (wait, count) in steps {
                pass(millis(wait)).await;
                now += wait;
                match limiter.take_many(&(), count) {
                    Ok(left) => {
                        taken.push((now, count));
                        assert!(left.remaining <= burst);
                        if left.remaining > 0 {
                            // What is said to be left is left.
                            let more = limiter.clone().take_many(&(), left.remaining);
                            assert!(more.is_ok());
                            taken.push((now, left.remaining));
                        }
                    }
                    Err(error) => match error.retry_after() {
                        Some(after) => {
                            // Who comes back when told to gets what they asked for, and not earlier.
                            let after = after.as_millis() as u64 + 1;
                            pass(millis(after)).await;
                            now += after;
                            assert!(limiter.take_many(&(), count).is_ok());
                            taken.push((now, count));
                        }
                        None => assert!(count > burst),
                    },
                }
            }
            for (start, (from, _)) in taken.iter().enumerate() {
                let mut sum = 0;
                for (to, count) in &taken[start..] {
                    sum += count;
                    let back = (to - from) as f64 * amount as f64 / per as f64;
                    assert!(sum as f64 <= burst as f64 + back + 1e-6, "{sum} in {} ms", to - from);
                }
            }
        });
    }
}
