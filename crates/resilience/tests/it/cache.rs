//! The cache: one load at a time, nothing older than an invalidation, and never too much of it.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use proptest::prelude::*;
use seaworthy_base::Clock;
use seaworthy_base::chance::Chance;
use seaworthy_resilience::Error;
use seaworthy_resilience::breaker::{self, Breaker};
use seaworthy_resilience::cache::{Cache, Found, Settings};
use seaworthy_resilience::outcome::ByResult;

use crate::world::{millis, pass, paused, seconds};

fn cache(stale: u64) -> Cache<&'static str, u64, &'static str> {
    let settings = Settings { most: 100, fresh: seconds(10), stale: seconds(stale) };
    Cache::new(settings, Clock::system())
}

#[tokio::test(start_paused = true)]
async fn many_who_ask_at_once_share_one_load_and_its_error() {
    let (cache, loads) = (cache(0), Cell::new(0));
    let load = async |result| {
        loads.set(loads.get() + 1);
        tokio::time::sleep(millis(50)).await;
        result
    };
    let all = join_all((0..100).map(|_| cache.get_or_load(&"a", || load(Ok(7))))).await;
    assert!(all.iter().all(|one| *one == Ok(7)) && loads.get() == 1);
    assert_eq!(cache.get(&"a"), Some(7));
    let all = join_all((0..100).map(|_| cache.get_or_load(&"b", || load(Err("no"))))).await;
    assert!(all.iter().all(|one| *one == Err("no")) && loads.get() == 2);
    assert_eq!(cache.get_or_load(&"b", || load(Ok(8))).await, Ok(8), "an error is not kept");
    let snapshot = cache.snapshot();
    assert_eq!((snapshot.entries, snapshot.hits, snapshot.shared), (2, 1, 198));
    pass(seconds(10)).await;
    assert_eq!(cache.get(&"a"), None, "not fresh any more");
}

#[tokio::test(start_paused = true)]
async fn when_the_one_who_loads_goes_away_another_takes_over() {
    let cache = cache(0);
    let never = tokio::spawn({
        let cache = cache.clone();
        async move { cache.get_or_load(&"a", std::future::pending).await }
    });
    tokio::task::yield_now().await;
    let others = tokio::spawn({
        let cache = cache.clone();
        async move { join_all((0..10).map(|n| cache.get_or_load(&"a", async move || Ok(n)))).await }
    });
    tokio::task::yield_now().await;
    never.abort();
    let others = others.await.unwrap();
    assert!(others.iter().all(|one| *one == others[0] && one.is_ok()), "{others:?}");
    let panics = tokio::spawn({
        let cache = cache.clone();
        async move { cache.get_or_load(&"b", async || panic!("while loading")).await }
    });
    assert!(panics.await.unwrap_err().is_panic());
    assert_eq!(cache.get_or_load(&"b", async || Ok(3)).await, Ok(3));
}

#[tokio::test(start_paused = true)]
async fn a_load_that_was_invalidated_is_not_kept() {
    let cache = cache(0);
    let old = tokio::spawn({
        let cache = cache.clone();
        async move {
            let load = async || {
                tokio::time::sleep(seconds(1)).await;
                Ok(1)
            };
            cache.get_or_load(&"a", load).await
        }
    });
    tokio::task::yield_now().await;
    cache.invalidate(&"a");
    assert_eq!(
        cache.get_or_load(&"a", async || Ok(2)).await,
        Ok(2),
        "it does not join the old load"
    );
    assert_eq!(old.await.unwrap(), Ok(1), "who waited before is answered");
    assert_eq!(cache.get(&"a"), Some(2));
    cache.insert("b", 5);
    cache.invalidate_if(|key| *key == "a");
    assert_eq!((cache.get(&"a"), cache.get(&"b")), (None, Some(5)));
    cache.clear();
    assert_eq!(cache.snapshot().entries, 0);
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_is_answered_from_what_is_kept_and_says_so() {
    let settings = Settings { most: 10, fresh: seconds(1), stale: seconds(600) };
    let cache: Cache<&str, u64, Error> = Cache::new(settings, Clock::system());
    let breaker = Breaker::new("prices", breaker::Settings::default(), Clock::system());
    let ask = |up: bool| {
        let ended = if up { Ok(42) } else { Err(Error::DeadlinePassed) };
        cache.get_or_stale(&"tea", || breaker.call(ByResult, async move || ended))
    };
    assert_eq!(ask(true).await, Ok(Found::Fresh(42)));
    for minute in 1..=9 {
        pass(seconds(60)).await;
        let age = seconds(60 * minute);
        for _ in 0..9 {
            assert_eq!(ask(false).await, Ok(Found::Stale { value: 42, age }));
        }
    }
    assert_eq!(breaker.state(), breaker::State::Open);
    pass(seconds(61)).await;
    assert!(ask(false).await.is_err(), "older than it may be kept");
    assert_eq!(cache.snapshot().stale, 81);
}

#[tokio::test(start_paused = true)]
async fn what_is_used_outlives_what_is_not() {
    let settings = Settings { most: 100, ..Settings::default() };
    let cache: Cache<u64, u64, ()> = Cache::new(settings, Clock::system());
    for key in 0..10_000 {
        cache.insert(key, key);
        assert_eq!(cache.get(&0), Some(0));
        assert!(cache.snapshot().entries <= 100);
    }
    assert_eq!(cache.get(&1), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_is_whole_under_many_threads() {
    let settings = Settings { most: 2_048, fresh: seconds(3_600), ..Settings::default() };
    let cache: Cache<u64, u64, ()> = Cache::new(settings, Clock::system());
    let tasks = (0..8).map(|task| {
        let cache = cache.clone();
        tokio::spawn(async move {
            let mut chance = Chance::seeded(task);
            for _ in 0..5_000 {
                let key = chance.bits() % 4_096;
                if chance.index(10) == 0 {
                    cache.invalidate(&key);
                }
                assert_eq!(cache.get_or_load(&key, async || Ok(key * 3)).await, Ok(key * 3));
            }
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    assert!(cache.snapshot().entries <= 2_048);
}

proptest! {
    /// A truth that only grows, changed and then invalidated: nobody who asks afterwards sees less than
    /// it was at the last invalidation before they asked.
    #[test]
    fn nobody_is_given_what_was_invalidated_before_they_asked(
        steps in proptest::collection::vec((0_u8..4, 0_u64..50, 0_u64..3), 1..80)
    ) {
        paused(async {
            let cache: Cache<u64, u64, ()> =
                Cache::new(Settings { most: 4, fresh: seconds(60), ..Settings::default() }, Clock::system());
            let truth: [AtomicU64; 3] = Default::default();
            let (truth, cache) = (&truth, &cache);
            let mut work = Vec::new();
            let mut at = 0;
            for (kind, wait, key) in steps {
                at += wait;
                work.push(async move {
                    tokio::time::sleep(millis(at)).await;
                    let now = || truth[key as usize].load(Ordering::SeqCst);
                    if kind == 0 {
                        truth[key as usize].fetch_add(1, Ordering::SeqCst);
                        cache.invalidate(&key);
                        return;
                    }
                    let least = now();
                    let load = async || {
                        let read = now();
                        tokio::time::sleep(millis(u64::from(kind) * 20)).await;
                        Ok(read)
                    };
                    assert!(cache.get_or_load(&key, load).await.unwrap() >= least);
                });
            }
            join_all(work).await;
            assert!(cache.snapshot().entries <= 4);
        });
    }
}
