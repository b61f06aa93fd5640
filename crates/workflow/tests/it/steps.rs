//! Steps that fail: tried again, given up, cut off, and resumed after a crash.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use seaworthy_workflow::{Failure, Registry, Retry, Run, State};
use serde_json::json;

use crate::harness::{Counter, House, result, told};

fn fast(attempts: u32) -> Retry {
    Retry { first: Duration::from_millis(1), ..Retry::times(attempts) }
}

/// A workflow of one step, whose attempts are counted and whose outcome depends on the count.
fn counted(
    attempts: &Counter,
    retry: Retry,
    outcome: impl Fn(u32) -> Result<u32, Failure> + Clone + Send + Sync + 'static,
) -> Registry {
    let attempts = attempts.clone();
    Registry::new().with("try", move |run: Run, (): ()| {
        let (attempts, outcome) = (attempts.clone(), outcome.clone());
        async move {
            let effect = move |_| {
                let outcome = outcome(attempts.more());
                async move { outcome }
            };
            run.step("try", retry, effect).await
        }
    })
}

#[tokio::test]
async fn a_step_is_tried_until_it_succeeds() {
    let (house, attempts) = (House::new().await, Counter::default());
    let outcome =
        |number| if number < 3 { Err(Failure::new("busy", "come back")) } else { Ok(number) };
    let node = house.start(counted(&attempts, fast(5), outcome)).await;
    node.begin("try", "t", &()).await;
    assert_eq!(result(&node.ended("t", State::Completed).await), json!(3));
    let wanted = ["started try", "attempt 1 try", "attempt 2 try", "step try", "closed completed"];
    assert_eq!(told(&node.history("t").await), wanted);
}

#[tokio::test]
async fn what_is_put_off_is_no_attempt() {
    let (house, attempts) = (House::new().await, Counter::default());
    let outcome = |number| match number {
        ..4 => Err(Failure::later("not_yet", "come back", Duration::from_millis(1))),
        _ => Ok(number),
    };
    let node = house.start(counted(&attempts, Retry::never(), outcome)).await;
    node.begin("try", "t", &()).await;
    assert_eq!(result(&node.ended("t", State::Completed).await), json!(4));
    let put_off = "attempt 0 try";
    let wanted = ["started try", put_off, put_off, put_off, "step try", "closed completed"];
    assert_eq!(told(&node.history("t").await), wanted);
}

#[tokio::test]
async fn a_step_is_given_up_after_its_attempts() {
    let (house, attempts) = (House::new().await, Counter::default());
    let node = house.start(counted(&attempts, fast(3), |_| Err(Failure::new("busy", "no")))).await;
    node.begin("try", "t", &()).await;
    let ended = node.ended("t", State::Failed).await;
    assert_eq!(ended.failure.unwrap().code, "busy");
    assert_eq!(attempts.get(), 3);
    assert_eq!(told(&node.history("t").await)[3..], ["failed try after 3", "closed failed"]);
}

#[tokio::test]
async fn what_cannot_help_is_not_tried_again() {
    let (house, attempts) = (House::new().await, Counter::default());
    let outcome = |_| Err(Failure::lasting("denied", "never"));
    let node = house.start(counted(&attempts, fast(5), outcome)).await;
    node.begin("try", "t", &()).await;
    let ended = node.ended("t", State::Failed).await;
    assert!(ended.failure.unwrap().lasting);
    assert_eq!(attempts.get(), 1);
}

#[tokio::test]
async fn an_attempt_that_hangs_is_cut_off_and_made_again() {
    let (house, attempts) = (House::new().await, Counter::default());
    let inner = attempts.clone();
    let registry = Registry::new().with("hang", move |run: Run, (): ()| {
        let attempts = inner.clone();
        async move {
            let effect = move |_| {
                let number = attempts.more();
                async move {
                    if number == 1 {
                        std::future::pending::<()>().await;
                    }
                    Ok(number)
                }
            };
            run.step("hang", fast(2).within(Duration::from_millis(20)), effect).await
        }
    });
    let node = house.start(registry).await;
    node.begin("hang", "h", &()).await;
    assert_eq!(result(&node.ended("h", State::Completed).await), json!(2));
}

#[tokio::test]
async fn a_panic_in_a_step_is_a_failed_attempt() {
    let (house, attempts) = (House::new().await, Counter::default());
    let outcome = |number| if number == 1 { panic!("the mast is gone") } else { Ok(number) };
    let node = house.start(counted(&attempts, fast(1), outcome)).await;
    node.begin("try", "t", &()).await;
    // The closure itself panics here, not its future: both are the step's.
    let ended = node.ended("t", State::Failed).await;
    let failure = ended.failure.unwrap();
    assert_eq!(failure.code, "panicked");
    assert!(failure.message.contains("the mast is gone"), "{failure}");
}

#[tokio::test]
async fn attempts_are_counted_across_a_crash() {
    let (mut house, attempts) = (House::new().await, Counter::default());
    let retry = Retry { first: Duration::from_secs(2), jitter: 0.0, ..Retry::times(2) };
    let fails = |_| Err(Failure::new("busy", "no"));
    let node = house.start(counted(&attempts, retry, fails)).await;
    node.begin("try", "t", &()).await;
    node.until("t", |found| found.history_length == 2).await;
    node.crash().await;
    house.reopen().await;
    let node = house.start(counted(&attempts, retry, fails)).await;
    node.ended("t", State::Failed).await;
    assert_eq!(attempts.get(), 2, "not two more");
}

#[tokio::test]
async fn every_attempt_at_a_step_has_the_same_key_and_every_step_another() {
    let mut house = House::new().await;
    let keys: Arc<Mutex<Vec<(String, u32, u64)>>> = Arc::default();
    let begun = Counter::default();
    let registry = |hang: bool| {
        let (keys, begun) = (keys.clone(), begun.clone());
        Registry::new().with("keys", move |run: Run, (): ()| {
            let (keys, begun) = (keys.clone(), begun.clone());
            async move {
                for _ in 0..2 {
                    let (keys, begun) = (keys.clone(), begun.clone());
                    let effect = move |attempt: seaworthy_workflow::Attempt| {
                        let key = (attempt.key, attempt.number, attempt.fence);
                        keys.lock().unwrap().push(key);
                        begun.more();
                        async move {
                            if hang {
                                std::future::pending::<()>().await;
                            }
                            Ok(())
                        }
                    };
                    run.step("same", fast(3), effect).await?;
                }
                Ok(())
            }
        })
    };
    let node = house.start(registry(true)).await;
    node.begin("keys", "k", &()).await;
    begun.reaches(1).await;
    node.crash().await;
    house.reopen().await;
    let node = house.start(registry(false)).await;
    node.ended("k", State::Completed).await;
    let keys = keys.lock().unwrap();
    let [first, again, second] = &keys[..] else { panic!("{keys:?}") };
    assert_eq!(first.0, again.0);
    assert_eq!((first.1, again.1), (1, 1), "an attempt nobody knows the end of is no failed one");
    assert!(again.2 > first.2, "the fence grows with each change of hands");
    assert_ne!(first.0, second.0, "two steps of one name are two steps");
}

#[tokio::test]
async fn a_value_too_long_for_the_journal_fails_its_step() {
    let house = House::new().await;
    let registry = Registry::new().with("long", |run: Run, (): ()| async move {
        run.step("long", fast(3), |_| async { Ok("x".repeat(2 << 20)) })
            .await
            .map(|text| text.len())
    });
    let node = house.start(registry).await;
    node.begin("long", "l", &()).await;
    assert_eq!(node.ended("l", State::Failed).await.failure.unwrap().code, "value_too_long");
}
