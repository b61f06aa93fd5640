//! Starting workflows, asking about them, and what others may not see.

use std::time::Duration;

use seaworthy_workflow::{Error, Failure, Listing, Registry, Retry, Run, State};
use serde_json::{Value, json};

use crate::harness::{Counter, House, Node, TENANT, result, start, told};

async fn add(run: Run, numbers: Vec<i64>) -> Result<i64, Failure> {
    let mut sum = 0;
    for (at, number) in numbers.iter().copied().enumerate() {
        let before = sum;
        sum =
            run.step(&format!("add {at}"), Retry::default(), move |_| async move {
                Ok(before + number)
            })
            .await?;
        run.progress(u32::try_from((at + 1) * 100 / numbers.len()).unwrap(), "adding");
        run.show("sum", &sum);
    }
    Ok(sum)
}

fn registry() -> Registry {
    Registry::new().with("add", add)
}

#[tokio::test]
async fn a_workflow_goes_through_its_steps_and_shows_how_far_it_is() {
    let house = House::new().await;
    let node = house.start(registry()).await;
    node.begin("add", "sum", &[1, 2, 3]).await;
    let ended = node.ended("sum", State::Completed).await;
    assert_eq!(result(&ended), json!(6));
    assert_eq!((ended.progress, ended.phase.as_deref()), (100, Some("adding")));
    assert_eq!(ended.history_length, 5);
    assert!(ended.closed_at.unwrap() >= ended.started_at);
    assert_eq!(node.engine.query(TENANT, "sum", "sum").await.unwrap(), json!(6));
    let history = node.history("sum").await;
    let wanted = ["started add", "step add 0", "step add 1", "step add 2", "closed completed"];
    assert_eq!(told(&history), wanted);
    let sequences: Vec<u64> = history.iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, [0, 1, 2, 3, 4]);
    node.stop().await;
}

#[tokio::test]
async fn what_is_ended_is_still_known_after_a_restart() {
    let mut house = House::new().await;
    let node = house.start(registry()).await;
    node.begin("add", "sum", &[1, 2, 3]).await;
    node.ended("sum", State::Completed).await;
    node.stop().await;
    house.reopen().await;
    let node = house.start(registry()).await;
    assert_eq!(result(&node.ended("sum", State::Completed).await), json!(6));
    assert_eq!(node.engine.query(TENANT, "sum", "sum").await.unwrap(), json!(6));
}

#[tokio::test]
async fn starting_twice_starts_once() {
    let house = House::new().await;
    let node = house.start(registry()).await;
    let first = node.engine.start(start("add", "one", &[1])).await.unwrap();
    let again = node.engine.start(start("add", "one", &[1])).await.unwrap();
    assert!(!first.repeated && again.repeated);
    assert_eq!(first.run_id, again.run_id);
    let other = node.engine.start(start("add", "one", &[2])).await;
    assert!(matches!(other, Err(Error::Exists(_))), "{other:?}");
    node.ended("one", State::Completed).await;
    let late = node.engine.start(start("add", "one", &[1])).await.unwrap();
    assert!(late.repeated, "also when it has ended");
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_at_the_start() {
    let house = House::new().await;
    let node = house.start(registry()).await;
    let refused = node.engine.start(start("subtract", "x", &[1])).await.unwrap_err();
    assert_eq!(refused.code(), "workflow.unknown_kind");
    let refused = node.engine.start(start("add", "x", &"words")).await.unwrap_err();
    assert_eq!(refused.code(), "workflow.input");
    let long = vec![1_i64; 1 << 20];
    let refused = node.engine.start(start("add", "x", &long)).await.unwrap_err();
    assert_eq!(refused.code(), "workflow.too_long");
    let unknown = node.engine.describe(TENANT, "x").await.unwrap_err();
    assert_eq!(unknown.code(), "workflow.unknown", "nothing was stored");
}

#[tokio::test]
async fn another_tenant_sees_and_steers_nothing() {
    let house = House::new().await;
    let node = house.start(registry()).await;
    node.begin("add", "mine", &[1]).await;
    node.ended("mine", State::Completed).await;
    let engine = &node.engine;
    let refusals = [
        engine.describe("other", "mine").await.map(drop),
        engine.history("other", "mine", 0, 10).await.map(drop),
        engine.query("other", "mine", "sum").await.map(drop),
        engine.signal("other", "mine", "x", &1).await,
        engine.cancel("other", "mine", "x").await,
        engine.terminate("other", "mine", "x").await,
    ];
    for refusal in refusals {
        assert!(matches!(refusal, Err(Error::Unknown(_))), "{refusal:?}");
    }
    assert!(engine.list("other", all(10)).await.unwrap().is_empty());
    let mut theirs = start("add", "mine", &[5]);
    theirs.tenant = "other".to_owned();
    assert!(!engine.start(theirs).await.unwrap().repeated, "ids are the tenant's own");
}

#[tokio::test]
async fn the_list_goes_page_by_page_from_the_latest() {
    let house = House::new().await;
    let node = house.start(registry()).await;
    for number in 0..5 {
        node.begin("add", &format!("w{number}"), &[number]).await;
        node.ended(&format!("w{number}"), State::Completed).await;
    }
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = node.engine.list(TENANT, Listing { before, ..all(2) }).await.unwrap();
        seen.extend(page.iter().map(|one| one.workflow_id.clone()));
        let Some(last) = page.last() else { break };
        before = Some(last.run_id.clone());
    }
    assert_eq!(seen, ["w4", "w3", "w2", "w1", "w0"]);
    let count = async |kind: Option<&str>, state| {
        let listing = Listing { kind: kind.map(str::to_owned), state, ..all(10) };
        node.engine.list(TENANT, listing).await.unwrap().len()
    };
    assert_eq!(count(Some("add"), Some(State::Completed)).await, 5);
    assert_eq!(count(Some("other"), None).await, 0);
    assert_eq!(count(None, Some(State::Failed)).await, 0);
}

fn all(limit: u32) -> Listing {
    Listing { limit, ..Listing::default() }
}

#[tokio::test]
async fn steps_side_by_side_are_done_at_the_same_time() {
    let house = House::new().await;
    let meeting = std::sync::Arc::new(tokio::sync::Barrier::new(3));
    let registry = Registry::new().with("meet", move |run: Run, (): ()| {
        let meeting = meeting.clone();
        async move {
            let guests = (0..3).map(|guest| {
                let meeting = meeting.clone();
                let run = run.clone();
                async move {
                    let meet = move |_| {
                        let meeting = meeting.clone();
                        async move {
                            meeting.wait().await;
                            Ok(guest)
                        }
                    };
                    run.step(&format!("guest {guest}"), Retry::never(), meet).await
                }
            });
            futures_util::future::try_join_all(guests).await
        }
    });
    let node = house.start(registry).await;
    node.begin("meet", "all", &()).await;
    let ended = node.ended("all", State::Completed).await;
    assert_eq!(result(&ended), json!([0, 1, 2]), "alone, each would wait for ever");
}

#[tokio::test]
async fn more_workflows_than_places_are_all_run() {
    let house = House::new().await;
    let done = Counter::default();
    let counted = done.clone();
    let registry = Registry::new().with("wait", move |run: Run, (): ()| {
        let counted = counted.clone();
        async move {
            run.sleep(Duration::from_millis(20)).await?;
            let count = move |_| {
                let number = counted.more();
                async move { Ok(number) }
            };
            run.step("count", Retry::never(), count).await
        }
    });
    let options =
        seaworthy_workflow::Options { resident: 3, effects: 1, ..crate::harness::quick() };
    let node = house.start_with(registry, options).await;
    for number in 0..20 {
        node.begin("wait", &format!("w{number}"), &()).await;
    }
    for number in 0..20 {
        node.ended(&format!("w{number}"), State::Completed).await;
    }
    assert_eq!(done.get(), 20);
}

#[tokio::test]
async fn what_is_shown_is_seen_while_a_step_takes_its_time() {
    let house = House::new().await;
    let gate = std::sync::Arc::new(tokio::sync::Notify::new());
    let inner = gate.clone();
    let registry = Registry::new().with("slow", move |run: Run, (): ()| {
        let gate = inner.clone();
        async move {
            run.progress(20, "waiting at the gate");
            let wait = move |_| {
                let gate = gate.clone();
                async move {
                    gate.notified().await;
                    Ok(())
                }
            };
            run.step("pass", Retry::never(), wait).await
        }
    });
    let node: Node = house.start(registry).await;
    node.begin("slow", "s", &()).await;
    let seen = node.until("s", |found| found.progress == 20).await;
    assert_eq!(seen.status, State::Running);
    assert_eq!(seen.phase.as_deref(), Some("waiting at the gate"));
    let missing: Result<Value, Error> = node.engine.query(TENANT, "s", "nothing").await;
    assert_eq!(missing.unwrap_err().code(), "workflow.unknown_query");
    gate.notify_one();
    node.ended("s", State::Completed).await;
}
