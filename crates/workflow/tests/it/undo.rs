//! Undoing: in reverse, past failures, each recorded; on failure, on request, out of time, after a crash.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use seaworthy_workflow::{Description, Failure, Registry, Retry, Run, State};
use serde_json::json;

use crate::harness::{House, TENANT, result, told};

/// What was done and undone, in order.
type Log = Arc<Mutex<Vec<String>>>;

fn note(log: &Log, what: impl Into<String>) {
    log.lock().unwrap().push(what.into());
}

fn once() -> Retry {
    Retry { first: Duration::from_millis(1), ..Retry::times(2) }
}

async fn order(run: &Run, log: &Log, what: &'static str) -> Result<(), Failure> {
    let (doing, undoing) = (log.clone(), log.clone());
    let step = move |_| {
        note(&doing, what);
        async { Ok(()) }
    };
    run.step(what, once(), step).await?;
    run.undo_with(what, once(), move |_| {
        note(&undoing, format!("undo {what}"));
        async move {
            if what == "hotel" {
                Err(Failure::new("closed", "the hotel is closed"))
            } else {
                Ok(())
            }
        }
    });
    Ok(())
}

/// Orders three things, then does what `end` says.
fn journey(log: &Log, end: &'static str) -> Registry {
    let log = log.clone();
    Registry::new().with("journey", move |run: Run, (): ()| {
        let log = log.clone();
        async move {
            for what in ["flight", "hotel", "car"] {
                order(&run, &log, what).await?;
            }
            match end {
                "fails" => Err(Failure::lasting("broke", "no money left")),
                "waits" => run.sleep(Duration::from_secs(3_600)).await,
                _ => Ok(()),
            }
        }
    })
}

const BACK: [&str; 4] = ["undo car", "undo hotel", "undo hotel", "undo flight"];

fn check(ended: &Description, log: &Log) {
    let log = log.lock().unwrap();
    assert_eq!(log[3..], BACK, "the last first, and past the hotel's two failures");
    let undone: Vec<_> = ended
        .undone
        .iter()
        .map(|one| (one.name.as_str(), one.failure.as_ref().map(|failure| failure.code.as_str())))
        .collect();
    assert_eq!(undone, [("car", None), ("hotel", Some("closed")), ("flight", None)]);
}

#[tokio::test]
async fn a_failure_is_followed_by_undoing_in_reverse_past_failures() {
    let (house, log) = (House::new().await, Log::default());
    let node = house.start(journey(&log, "fails")).await;
    node.begin("journey", "j", &()).await;
    let ended = node.ended("j", State::Failed).await;
    check(&ended, &log);
    assert_eq!(ended.failure.unwrap().code, "broke");
    let wanted = [
        "step undo car",
        "attempt 1 undo hotel",
        "failed undo hotel after 2",
        "step undo flight",
        "closed failed",
    ];
    assert_eq!(told(&node.history("j").await)[4..], wanted);
}

#[tokio::test]
async fn a_request_to_stop_is_followed_by_undoing_and_a_second_one_does_not_disturb_it() {
    let (house, log) = (House::new().await, Log::default());
    let node = house.start(journey(&log, "waits")).await;
    node.begin("journey", "j", &()).await;
    node.until("j", |found| found.history_length == 4).await;
    node.engine.cancel(TENANT, "j", "storm").await.unwrap();
    let _ = node.engine.cancel(TENANT, "j", "more storm").await;
    check(&node.ended("j", State::Canceled).await, &log);
}

#[tokio::test]
async fn a_workflow_out_of_time_undoes_what_it_did() {
    let (house, log) = (House::new().await, Log::default());
    let node = house.start(journey(&log, "waits")).await;
    let within = Some(Duration::from_millis(300));
    node.begin_within("journey", "j", &(), within).await;
    check(&node.ended("j", State::TimedOut).await, &log);
}

#[tokio::test]
async fn what_completed_is_not_undone() {
    let (house, log) = (House::new().await, Log::default());
    let node = house.start(journey(&log, "completes")).await;
    node.begin("journey", "j", &()).await;
    let ended = node.ended("j", State::Completed).await;
    assert!(ended.undone.is_empty());
    assert_eq!(log.lock().unwrap()[..], ["flight", "hotel", "car"]);
}

#[tokio::test]
async fn code_may_undo_by_itself_and_go_on() {
    let (house, log) = (House::new().await, Log::default());
    let inner = log.clone();
    let registry = Registry::new().with("rejected", move |run: Run, (): ()| {
        let log = inner.clone();
        async move {
            order(&run, &log, "flight").await?;
            let undone = run.undo().await;
            order(&run, &log, "car").await?;
            Ok(json!({"status": "rejected", "undone": undone}))
        }
    });
    let node = house.start(registry).await;
    node.begin("rejected", "r", &()).await;
    let ended = node.ended("r", State::Completed).await;
    assert_eq!(result(&ended), json!({"status": "rejected", "undone": [{"name": "flight"}]}));
    assert_eq!(log.lock().unwrap()[..], ["flight", "undo flight", "car"]);
}

#[tokio::test]
async fn undoing_goes_on_after_a_crash_in_its_middle() {
    let (mut house, log) = (House::new().await, Log::default());
    let slow = Retry { first: Duration::from_secs(2), jitter: 0.0, ..Retry::times(2) };
    let registry = |log: &Log| {
        let log = log.clone();
        Registry::new().with("journey", move |run: Run, (): ()| {
            let log = log.clone();
            async move {
                for what in ["flight", "hotel", "car"] {
                    let log = log.clone();
                    run.undo_with(what, slow, move |attempt| {
                        note(&log, format!("undo {what}"));
                        async move {
                            if what == "hotel" && attempt.number == 1 {
                                return Err(Failure::new("closed", "try later"));
                            }
                            Ok(())
                        }
                    });
                }
                Err::<(), _>(Failure::lasting("broke", "no money left"))
            }
        })
    };
    let node = house.start(registry(&log)).await;
    node.begin("journey", "j", &()).await;
    // The car is undone and the hotel's first attempt has failed.
    node.until("j", |found| found.history_length == 3).await;
    node.crash().await;
    house.reopen().await;
    let node = house.start(registry(&log)).await;
    let ended = node.ended("j", State::Failed).await;
    assert_eq!(log.lock().unwrap()[..], BACK, "the car was not undone twice");
    let names: Vec<_> = ended.undone.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["car", "hotel", "flight"]);
    assert!(ended.undone.iter().all(|one| one.failure.is_none()));
}
