//! Deadlines: read, kept, and smaller with every hop.

use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use seaworthy_base::Clock;
use seaworthy_resilience::deadline::{ALLOWANCE, HEADER};
use seaworthy_resilience::{Deadline, Error};

use crate::world::{millis, pass, paused, seconds};

#[tokio::test(start_paused = true)]
async fn work_ends_with_it() {
    let clock = Clock::system();
    let deadline = Deadline::after(&clock, seconds(2));
    assert_eq!(deadline.bound(&clock, async { 7 }).await, Ok(7));
    pass(millis(500)).await;
    let late = deadline.bound(&clock, std::future::pending::<()>()).await;
    assert_eq!(late, Err(Error::TimedOut { after: millis(1_500) }));
    let begun = deadline.bound(&clock, async { panic!("there is no time for it") }).await;
    assert_eq!(begun, Err(Error::DeadlinePassed));
}

#[tokio::test(start_paused = true)]
async fn only_one_whole_number_is_a_deadline() {
    let clock = Clock::system();
    let read = |values: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, value.parse().unwrap());
        }
        Deadline::of(&headers, &clock).map(|deadline| deadline.remaining(&clock))
    };
    assert_eq!(read(&["250"]), Some(millis(250)));
    assert_eq!(read(&["0"]), Some(millis(0)));
    for wrong in ["", "-1", "1.5", "1e3", "+5", " ", "5s", "0x10"] {
        assert_eq!(read(&[wrong]), None, "{wrong}");
    }
    assert_eq!(read(&[]), None);
    assert_eq!(read(&["1", "2"]), None, "nobody guesses which is meant");
    for far in ["999999999999", "99999999999999999999999999999999"] {
        assert_eq!(read(&[far]), Some(seconds(86_400)), "a day is as good as none");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        paused(async {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                headers.insert(HEADER, value);
            }
            let _ = Deadline::of(&headers, &Clock::system());
        });
    }

    /// From hop to hop it shrinks, by more than nothing and by the allowance at most, until no time is
    /// left to call anyone.
    #[test]
    fn it_shrinks_from_hop_to_hop(start in 1_u64..100_000, works in proptest::collection::vec(0_u64..200, 1..50)) {
        paused(async {
            let clock = Clock::system();
            let mut here = Deadline::after(&clock, millis(start));
            for work in works {
                pass(millis(work)).await;
                let left = here.remaining(&clock);
                let mut headers = HeaderMap::new();
                match here.hand_on(&clock, &mut headers) {
                    Ok(()) => {
                        let there = Deadline::of(&headers, &clock).unwrap();
                        assert!(there < here && !there.passed(&clock));
                        assert!(left - there.remaining(&clock) <= ALLOWANCE + millis(1));
                        here = there;
                    }
                    Err(error) => {
                        assert_eq!(error, Error::DeadlinePassed);
                        assert!(left < millis(2) && headers.is_empty(), "{left:?}");
                        return;
                    }
                }
            }
        });
    }
}
