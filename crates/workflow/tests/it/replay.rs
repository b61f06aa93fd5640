//! Code that does not fit its journal is refused, with what differs; mended code goes on.

use std::time::Duration;

use seaworthy_workflow::{Failure, Options, Registry, Retry, Run, State};
use serde_json::json;

use crate::harness::{Counter, House, TENANT, quick, result};

const LONG: Duration = Duration::from_secs(3_600);

async fn step(run: &Run, name: &str) -> Result<String, Failure> {
    let value = name.to_owned();
    let effect = move |_| {
        let value = value.clone();
        async move { Ok(value) }
    };
    run.step(name, Retry::never(), effect).await
}

/// Two steps, then a long wait: what all the others below are held against.
async fn original(run: Run, (): ()) -> Result<String, Failure> {
    let first = step(&run, "first").await?;
    let second = step(&run, "second").await?;
    let word: Option<String> = run.signal("word", LONG).await?;
    Ok(format!("{first} {second} {}", word.unwrap_or_default()))
}

/// Runs that wait are kept in memory, and so resumed by the next start.
fn keeping() -> Options {
    Options { park_after: 2 * LONG, ..quick() }
}

/// Runs the original up to its wait, goes on with `code`, and returns why that was refused; then goes on
/// with the original again.
async fn refused<F, Fut>(code: F) -> String
where
    F: Fn(Run, ()) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, Failure>> + Send + 'static,
{
    let mut house = House::new().await;
    let node = house.start_with(Registry::new().with("story", original), keeping()).await;
    node.begin("story", "s", &()).await;
    node.until("s", |found| found.history_length == 3).await;
    node.crash().await;
    house.reopen().await;
    let node = house.start(Registry::new().with("story", code)).await;
    let found = node.until("s", |found| found.blocked.is_some()).await;
    assert_eq!(found.status, State::Running, "it is not lost");
    assert_eq!(found.history_length, 3, "nothing was added to its journal");
    let reason = found.blocked.unwrap();
    // What comes meanwhile is kept.
    node.engine.signal(TENANT, "s", "word", &"third").await.unwrap();
    node.stop().await;
    house.reopen().await;
    let node = house.start(Registry::new().with("story", original)).await;
    let ended = node.ended("s", State::Completed).await;
    assert_eq!(result(&ended), json!("first second third"));
    assert_eq!(ended.blocked, None);
    reason
}

#[tokio::test]
async fn a_renamed_step_is_refused() {
    let reason = refused(|run, ()| async move {
        step(&run, "first").await?;
        step(&run, "zweiter").await
    })
    .await;
    assert!(reason.contains("command 1 was the step `second`"), "{reason}");
    assert!(reason.contains("it is the step `zweiter` now"), "{reason}");
}

#[tokio::test]
async fn a_step_put_in_between_is_refused() {
    let reason = refused(|run, ()| async move {
        step(&run, "first").await?;
        run.sleep(Duration::from_millis(1)).await?;
        step(&run, "second").await
    })
    .await;
    assert!(reason.contains("command 1 was the step `second`, but it is a sleep now"), "{reason}");
}

#[tokio::test]
async fn code_that_ends_before_its_journal_does_is_refused() {
    let reason = refused(|run, ()| async move { step(&run, "first").await }).await;
    assert!(reason.contains("command 1 was the step `second`, but it ends before"), "{reason}");
}

#[tokio::test]
async fn code_that_fails_where_its_journal_goes_on_is_refused() {
    let reason = refused(|run, ()| async move {
        step(&run, "first").await?;
        Err(Failure::lasting("no", "not today"))
    })
    .await;
    assert!(reason.contains("command 1 was the step `second`, but it ends before"), "{reason}");
}

#[tokio::test]
async fn a_value_that_cannot_be_read_any_more_is_refused() {
    let reason = refused(|run, ()| async move {
        let number: u32 = run.step("first", Retry::never(), |_| async { Ok(1) }).await?;
        step(&run, "second").await?;
        Ok(number.to_string())
    })
    .await;
    assert!(reason.contains("the step `first` returned something"), "{reason}");
}

#[tokio::test]
async fn code_that_waits_before_it_comes_to_a_command_is_refused() {
    let reason = refused(|run, ()| async move {
        let _: Option<String> = run.signal("never", LONG).await?;
        step(&run, "second").await
    })
    .await;
    assert!(reason.contains("command 0 was the step `first`"), "{reason}");
    assert!(reason.contains("it is the wait for the signal `never` now"), "{reason}");
}

#[tokio::test]
async fn code_that_panics_is_laid_aside() {
    let reason = refused(|run, ()| async move {
        step(&run, "first").await?;
        panic!("man overboard")
    })
    .await;
    assert!(reason.contains("man overboard"), "{reason}");
}

#[tokio::test]
async fn code_that_waits_for_something_else_is_laid_aside() {
    let reason = refused(|run, ()| async move {
        step(&run, "first").await?;
        step(&run, "second").await?;
        std::future::pending().await
    })
    .await;
    assert!(reason.contains("something that is not its run's"), "{reason}");
}

#[tokio::test]
async fn code_that_wakes_itself_without_end_is_laid_aside() {
    let reason = refused(|run, ()| async move {
        step(&run, "first").await?;
        step(&run, "second").await?;
        loop {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(reason.contains("without end") || reason.contains("not its run's"), "{reason}");
}

#[tokio::test]
async fn steps_at_the_end_may_be_added() {
    let mut house = House::new().await;
    let done = Counter::default();
    let node = house.start_with(Registry::new().with("story", original), keeping()).await;
    node.begin("story", "s", &()).await;
    node.until("s", |found| found.history_length == 3).await;
    node.crash().await;
    house.reopen().await;
    let inner = done.clone();
    let longer = Registry::new().with("story", move |run: Run, (): ()| {
        let done = inner.clone();
        async move {
            step(&run, "first").await?;
            step(&run, "second").await?;
            let count = move |_| {
                let number = done.more();
                async move { Ok(number) }
            };
            run.step("third", Retry::never(), count).await
        }
    });
    let node = house.start(longer).await;
    assert_eq!(result(&node.ended("s", State::Completed).await), json!(1));
    assert_eq!(done.get(), 1);
}

#[tokio::test]
async fn a_workflow_laid_aside_still_runs_out_of_time_and_can_be_ended() {
    let mut house = House::new().await;
    let node = house.start_with(Registry::new().with("story", original), keeping()).await;
    let within = Some(Duration::from_secs(1));
    node.begin_within("story", "timed", &(), within).await;
    node.begin("story", "ended", &()).await;
    for id in ["timed", "ended"] {
        node.until(id, |found| found.history_length == 3).await;
    }
    node.crash().await;
    house.reopen().await;
    let other = |run: Run, (): ()| async move { step(&run, "other").await };
    let node = house.start(Registry::new().with("story", other)).await;
    node.until("ended", |found| found.blocked.is_some()).await;
    node.engine.terminate(TENANT, "ended", "enough").await.unwrap();
    node.ended("ended", State::Terminated).await;
    node.ended("timed", State::TimedOut).await;
}
