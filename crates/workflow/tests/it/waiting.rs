//! Sleeping, signals, being asked to stop, being ended, running out of time.

use std::time::Duration;

use seaworthy_workflow::{Error, Failure, Options, Registry, Retry, Run, State};
use serde_json::{Value, json};

use crate::harness::{Counter, House, TENANT, quick, result, told};

const LONG: Duration = Duration::from_secs(3_600);

/// Waits for a word, and says which other words came before.
async fn listen(run: Run, within: Duration) -> Result<Value, Failure> {
    let word: Option<String> = run.signal("word", within).await?;
    let notes: Vec<u32> = run.received("note")?;
    Ok(json!({"word": word, "notes": notes}))
}

fn registry() -> Registry {
    Registry::new().with("listen", listen)
}

/// Runs that wait are given up at once.
fn parking() -> Options {
    Options { park_after: Duration::ZERO, ..quick() }
}

#[tokio::test]
async fn a_signal_is_waited_for_across_restarts() {
    let mut house = House::new().await;
    let node = house.start(registry()).await;
    node.begin("listen", "l", &LONG).await;
    for note in [1, 2] {
        node.engine.signal(TENANT, "l", "note", &note).await.unwrap();
    }
    node.until("l", |found| found.history_length == 3).await;
    node.crash().await;
    house.reopen().await;
    let node = house.start(registry()).await;
    node.engine.signal(TENANT, "l", "note", &3).await.unwrap();
    node.engine.signal(TENANT, "l", "word", &"go").await.unwrap();
    let ended = node.ended("l", State::Completed).await;
    assert_eq!(result(&ended), json!({"word": "go", "notes": [1, 2, 3]}));
    let refused = node.engine.signal(TENANT, "l", "word", &"late").await.unwrap_err();
    assert!(matches!(refused, Error::Closed { state: State::Completed, .. }), "{refused:?}");
}

#[tokio::test]
async fn a_signal_sent_while_nothing_runs_is_there_when_something_does() {
    let house = House::new().await;
    let node = house.start_with(registry(), parking()).await;
    node.begin("listen", "l", &LONG).await;
    let engine = node.engine.clone();
    node.crash().await;
    engine.signal(TENANT, "l", "word", &"go").await.unwrap();
    let node = house.start(registry()).await;
    assert_eq!(result(&node.ended("l", State::Completed).await)["word"], "go");
}

#[tokio::test]
async fn runs_that_wait_are_given_up_and_woken_by_signal_or_time() {
    let house = House::new().await;
    let node = house.start_with(registry(), Options { resident: 1, ..parking() }).await;
    node.begin("listen", "signaled", &LONG).await;
    node.begin("listen", "timed", &Duration::from_millis(50)).await;
    // There is one place in memory: the second would never be run did the first not make room.
    assert_eq!(result(&node.ended("timed", State::Completed).await)["word"], Value::Null);
    node.engine.signal(TENANT, "signaled", "word", &"go").await.unwrap();
    assert_eq!(result(&node.ended("signaled", State::Completed).await)["word"], "go");
}

#[tokio::test]
async fn silence_is_an_answer_too() {
    let house = House::new().await;
    let node = house.start(registry()).await;
    node.begin("listen", "l", &Duration::from_millis(10)).await;
    let ended = node.ended("l", State::Completed).await;
    assert_eq!(result(&ended), json!({"word": null, "notes": []}));
    assert_eq!(told(&node.history("l").await)[1..], ["silence word", "closed completed"]);
}

#[tokio::test]
async fn a_signal_that_is_not_understood_fails_the_workflow_with_its_name() {
    let house = House::new().await;
    let node = house.start(registry()).await;
    node.begin("listen", "l", &LONG).await;
    node.engine.signal(TENANT, "l", "word", &[1, 2]).await.unwrap();
    let failure = node.ended("l", State::Failed).await.failure.unwrap();
    assert_eq!(failure.code, "invalid_signal");
    assert!(failure.message.contains("`word`"), "{failure}");
}

#[tokio::test]
async fn too_many_signals_are_refused_and_a_request_to_stop_is_not() {
    let house = House::new().await;
    let node = house.start(registry()).await;
    let engine = node.engine.clone();
    node.begin("listen", "l", &LONG).await;
    node.crash().await;
    for number in 0..seaworthy_workflow::MOST_MAIL {
        engine.signal(TENANT, "l", "note", &number).await.unwrap();
    }
    let refused = engine.signal(TENANT, "l", "note", &1).await.unwrap_err();
    assert_eq!(refused.code(), "workflow.crowded");
    engine.cancel(TENANT, "l", "enough").await.unwrap();
    let node = house.start(registry()).await;
    node.ended("l", State::Canceled).await;
}

#[tokio::test]
async fn a_sleep_is_as_long_as_it_was_to_be_whatever_happens_meanwhile() {
    let mut house = House::new().await;
    let registry = || {
        Registry::new().with("sleep", |run: Run, (): ()| async move {
            let before = run.now();
            run.sleep(Duration::from_millis(400)).await?;
            Ok(u64::try_from(run.now().since(before).as_millis()).unwrap())
        })
    };
    let node = house.start_with(registry(), parking()).await;
    node.begin("sleep", "s", &()).await;
    node.crash().await;
    house.reopen().await;
    let node = house.start_with(registry(), parking()).await;
    let slept = result(&node.ended("s", State::Completed).await).as_u64().unwrap();
    assert!(slept >= 400, "{slept} ms");
}

#[tokio::test]
async fn a_workflow_asked_to_stop_stops_wherever_it_waits() {
    let house = House::new().await;
    let begun = Counter::default();
    let inner = begun.clone();
    let registry = registry()
        .with("sleep", |run: Run, (): ()| async move { run.sleep(LONG).await })
        .with("hang", move |run: Run, (): ()| {
            let begun = inner.clone();
            async move {
                let hang = move |_| {
                    begun.more();
                    std::future::pending::<Result<(), Failure>>()
                };
                run.step("hang", Retry::default(), hang).await
            }
        });
    let node = house.start(registry).await;
    node.begin("listen", "listen", &LONG).await;
    node.begin("sleep", "sleep", &()).await;
    node.begin("hang", "hang", &()).await;
    begun.reaches(1).await;
    for id in ["listen", "sleep", "hang"] {
        node.engine.cancel(TENANT, id, "storm").await.unwrap();
        let ended = node.ended(id, State::Canceled).await;
        let failure = ended.failure.unwrap();
        assert_eq!((failure.code.as_str(), failure.message.as_str()), ("canceled", "storm"));
        let refused = node.engine.cancel(TENANT, id, "again").await.unwrap_err();
        assert_eq!(refused.code(), "workflow.closed");
    }
}

#[tokio::test]
async fn code_that_finishes_although_it_was_asked_to_stop_has_finished() {
    let house = House::new().await;
    let registry = Registry::new().with("stubborn", |run: Run, (): ()| async move {
        let asked = run.sleep(LONG).await;
        let again = run.sleep(LONG).await;
        Ok(json!([asked.is_err(), again.is_err()]))
    });
    let node = house.start(registry).await;
    node.begin("stubborn", "s", &()).await;
    node.engine.cancel(TENANT, "s", "storm").await.unwrap();
    assert_eq!(result(&node.ended("s", State::Completed).await), json!([true, true]));
}

#[tokio::test]
async fn a_terminated_workflow_ends_on_the_spot() {
    let house = House::new().await;
    let (begun, undone) = (Counter::default(), Counter::default());
    let (inner, undo) = (begun.clone(), undone.clone());
    let registry = Registry::new().with("hang", move |run: Run, (): ()| {
        let (begun, undone) = (inner.clone(), undo.clone());
        async move {
            run.undo_with("it", Retry::never(), move |_| {
                undone.more();
                async { Ok(()) }
            });
            let hang = move |_| {
                begun.more();
                std::future::pending::<Result<(), Failure>>()
            };
            run.step("hang", Retry::default(), hang).await
        }
    });
    let node = house.start(registry).await;
    node.begin("hang", "h", &()).await;
    begun.reaches(1).await;
    node.engine.terminate(TENANT, "h", "fire").await.unwrap();
    let ended = node.ended("h", State::Terminated).await;
    assert_eq!(ended.failure.unwrap().message, "fire");
    assert_eq!(told(&node.history("h").await)[1..], ["closed terminated"]);
    assert_eq!(undone.get(), 0, "nothing is undone");
    node.stop().await;
}

#[tokio::test]
async fn a_workflow_out_of_time_is_stopped_and_says_so() {
    let house = House::new().await;
    let within = Some(Duration::from_millis(30));
    for options in [quick(), parking()] {
        let node = house.start_with(registry(), options.clone()).await;
        let id = format!("l{:?}", options.park_after);
        node.begin_within("listen", &id, &LONG, within).await;
        let ended = node.ended(&id, State::TimedOut).await;
        assert!(ended.closed_at.unwrap() >= ended.deadline.unwrap());
        assert_eq!(told(&node.history(&id).await)[1..], ["overdue", "closed timed_out"]);
        node.stop().await;
    }
}
