//! The bulkhead: never more than there is room for, and nothing waits for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use proptest::prelude::*;
use seaworthy_base::Clock;
use seaworthy_resilience::bulkhead::{Bulkhead, Settings};
use seaworthy_resilience::{Deadline, Error};

use crate::world::{millis, paused, seconds};

fn bulkhead(concurrent: usize, waiting: usize) -> Bulkhead {
    let settings = Settings { concurrent, waiting, wait: seconds(1) };
    Bulkhead::new("billing", settings, Clock::system())
}

#[tokio::test(start_paused = true)]
async fn some_go_in_some_wait_and_the_rest_is_refused_at_once() {
    let (bulkhead, clock) = (bulkhead(1, 1), Clock::system());
    let start = clock.now();
    let inside = bulkhead.try_enter().unwrap();
    let waiting = tokio::spawn({
        let bulkhead = bulkhead.clone();
        async move { bulkhead.enter(None).await }
    });
    tokio::task::yield_now().await;
    assert_eq!((bulkhead.snapshot().in_use, bulkhead.snapshot().waiting), (1, 1));
    let refused = bulkhead.enter(None).await.unwrap_err();
    assert_eq!(refused, Error::BulkheadFull { dependency: Arc::from("billing") });
    assert_eq!(clock.now(), start, "nobody waited for that");
    drop(inside);
    let place = waiting.await.unwrap().unwrap();
    assert!(matches!(bulkhead.enter(None).await, Err(Error::BulkheadFull { .. })));
    assert_eq!(clock.now() - start, seconds(1), "it waits a second, and no longer");
    let hurried = bulkhead.enter(Some(Deadline::after(&clock, millis(10)))).await;
    assert_eq!(hurried.unwrap_err(), Error::DeadlinePassed);
    drop(place);
    let snapshot = bulkhead.snapshot();
    assert_eq!((snapshot.in_use, snapshot.waiting, snapshot.refused), (0, 0, 2));
}

proptest! {
    #[test]
    fn never_more_at_once_than_there_is_room_for(
        concurrent in 1_usize..6, waiting in 0_usize..6,
        calls in proptest::collection::vec((0_u64..500, 0_u64..500, any::<bool>()), 1..60),
    ) {
        paused(async {
            let bulkhead = bulkhead(concurrent, waiting);
            let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let call = async |(begins, lasts, given_up): (u64, u64, bool)| {
                tokio::time::sleep(millis(begins)).await;
                let work = bulkhead.call(None, async || {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    assert!(bulkhead.snapshot().waiting <= waiting);
                    // Also when it is given up.
                    let _leaves = Leaves(&now);
                    tokio::time::sleep(millis(lasts)).await;
                    Ok::<_, Error>(())
                });
                let patience = millis(if given_up { lasts / 2 } else { 10_000 });
                tokio::time::timeout(patience, work).await
            };
            let ended = join_all(calls.iter().copied().map(call)).await;
            assert!(most.load(Ordering::SeqCst) <= concurrent);
            let snapshot = bulkhead.snapshot();
            assert_eq!((snapshot.in_use, snapshot.waiting), (0, 0), "all places are given back");
            let refused = ended.iter().filter(|ended| matches!(ended, Ok(Err(_)))).count();
            assert_eq!(snapshot.refused, refused as u64);
        });
    }
}

struct Leaves<'a>(&'a AtomicUsize);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
