//! Quotas: reserved before, settled after, and never more used than there is.

use proptest::prelude::*;
use seaworthy_base::{Clock, Timestamp};
use seaworthy_resilience::Error;
use seaworthy_resilience::quota::{Allowance, Left, Quota};

use crate::world::{millis, seconds};

const MINUTE: u64 = 60_000_000_000;

/// Half a minute into a minute.
fn clock() -> Clock {
    Clock::manual(Timestamp::from_nanos(1_000 * MINUTE + MINUTE / 2))
}

#[test]
fn what_was_reserved_is_settled_and_what_is_left_is_told() {
    let clock = clock();
    let quota = Quota::new(Allowance::per_minute(100), clock.clone());
    let first = quota.reserve(&"acme", 60).unwrap();
    let left = Left { limit: 100, remaining: 40, reset: seconds(30) };
    assert_eq!(quota.left(&"acme"), left);
    let refused = quota.reserve(&"acme", 41).unwrap_err();
    let expect = Error::QuotaSpent { limit: 100, remaining: 40, retry_after: Some(seconds(30)) };
    assert_eq!(refused, expect);
    assert_eq!(quota.left(&"other").remaining, 100);
    assert_eq!(first.settle(10).remaining, 90);
    quota.reserve(&"acme", 90).unwrap().cancel();
    assert_eq!(quota.left(&"acme").remaining, 90);
    drop(quota.reserve(&"acme", 50).unwrap());
    assert_eq!(quota.left(&"acme").remaining, 40, "what was not settled counts as used");
    // It cost more than was thought: the rest is owed.
    assert_eq!(quota.reserve(&"acme", 1).unwrap().settle(500).remaining, 0);
    assert!(quota.reserve(&"acme", 0).is_err(), "nothing is left for anything");
    clock.set_wall(clock.wall().plus(seconds(30)));
    assert_eq!(quota.left(&"acme"), Left { limit: 100, remaining: 100, reset: seconds(60) });
    assert_eq!(quota.reserve(&"acme", 101).unwrap_err().retry_after(), None, "no window has that");
    assert!(quota.reserve_from(Allowance::per_minute(500), &"acme", 101).is_ok());
    assert!(quota.reserve_from(Allowance::per_minute(0), &"none", 0).is_err());
    assert_eq!(quota.charge(&"late", 30).remaining, 70);
}

#[test]
fn a_clock_that_is_set_back_forgives_nothing() {
    let clock = clock();
    let quota = Quota::new(Allowance::per_minute(100), clock.clone());
    drop(quota.reserve(&"acme", 100).unwrap());
    let now = clock.wall();
    clock.set_wall(Timestamp::from_nanos(now.as_nanos() - 2 * MINUTE));
    assert!(quota.reserve(&"acme", 1).is_err());
    clock.set_wall(now);
    assert!(quota.reserve(&"acme", 1).is_err());
    // What began in an earlier window is not given back in a later one.
    clock.set_wall(now.plus(seconds(60)));
    let old = quota.reserve(&"acme", 50).unwrap();
    clock.set_wall(now.plus(seconds(120)));
    drop(quota.reserve(&"acme", 100).unwrap());
    assert_eq!(old.cancel().remaining, 0);
}

#[test]
fn without_room_for_another_account_a_key_is_refused() {
    let clock = clock();
    let quota = Quota::with_keys(Allowance::per_minute(100), 10, clock.clone());
    let served = (0..1_000).filter(|key| quota.reserve(key, 1).is_ok()).count();
    assert_eq!(served, 10);
    assert!(quota.reserve(&3, 1).is_ok());
    clock.set_wall(clock.wall().plus(millis(60_000)));
    assert!(quota.reserve(&999, 1).is_ok(), "accounts of windows that are over make room");
}

proptest! {
    /// Whoever is never told less than the truth never uses more than there is, but for what one call
    /// cost more than was thought.
    #[test]
    fn no_window_gives_more_than_its_amount(
        steps in proptest::collection::vec((0_u64..20, 0_u64..40, 0_u64..3), 1..200)
    ) {
        let clock = clock();
        let quota = Quota::new(Allowance::per_minute(100), clock.clone());
        let (mut open, mut used) = (Vec::new(), 0_u64);
        let mut window = clock.wall().as_nanos() / MINUTE;
        for (wait, amount, end) in steps {
            clock.set_wall(clock.wall().plus(seconds(wait)));
            let now = clock.wall().as_nanos() / MINUTE;
            if now != window {
                // Reservations of the old window are its own affair.
                (window, used) = (now, 0);
                open.clear();
            }
            let remaining = quota.left(&()).remaining;
            prop_assert_eq!(remaining, 100 - used);
            match quota.reserve(&(), amount) {
                Ok(reservation) => {
                    prop_assert!(amount <= remaining && remaining > 0);
                    used += amount;
                    open.push((reservation, amount));
                }
                Err(_) => prop_assert!(amount > remaining || remaining == 0),
            }
            if end > 0 && let Some((reservation, amount)) = open.pop() {
                let actual = if end == 1 { amount / 2 } else { 0 };
                let left = if end == 1 { reservation.settle(actual) } else { reservation.cancel() };
                used -= amount - actual;
                prop_assert_eq!(left.remaining, 100 - used);
            }
        }
    }
}
