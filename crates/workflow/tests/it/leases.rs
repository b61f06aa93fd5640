//! Several nodes on one store: what one holds no other runs, what the dead held the living take.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use seaworthy_store::{Error as StoreError, values};
use seaworthy_workflow::{Failure, Options, Registry, Retry, Run, State};
use serde_json::json;

use crate::harness::{Counter, House, TENANT, quick, result, told};

fn shared() -> Options {
    Options { alone: false, lease: Duration::from_millis(600), ..quick() }
}

/// One step that hangs while `hold` says so; `begun` counts how often it was begun.
fn hanging(name: &'static str, hold: &Arc<AtomicBool>, begun: &Counter) -> Registry {
    let (hold, begun) = (hold.clone(), begun.clone());
    Registry::new().with("hang", move |run: Run, (): ()| {
        let (hold, begun) = (hold.clone(), begun.clone());
        async move {
            let effect = move |_| {
                begun.more();
                let hold = hold.clone();
                async move {
                    while hold.load(Ordering::SeqCst) {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                    Ok(name.to_owned())
                }
            };
            run.step("hang", Retry::never(), effect).await
        }
    })
}

fn held() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(true))
}

#[tokio::test]
async fn what_a_dead_node_held_is_taken_over_and_not_before() {
    let house = House::new().await;
    let (first, second) = (Counter::default(), Counter::default());
    let one = house.start_with(hanging("one", &held(), &first), shared()).await;
    let free = Arc::new(AtomicBool::new(false));
    let next = house.neighbour().await;
    let two = next.start_with(hanging("two", &free, &second), shared()).await;
    one.begin("hang", "h", &()).await;
    first.reaches(1).await;
    // The first lives: however often the second looks, it does not get it.
    let mut looks = 0;
    while looks < 20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(second.get(), 0, "one step on two nodes");
        looks += 1;
    }
    one.crash().await;
    assert_eq!(result(&two.ended("h", State::Completed).await), json!("two"));
    assert_eq!((first.get(), second.get()), (1, 1));
}

#[tokio::test]
async fn a_node_that_leaves_hands_over_at_once() {
    let house = House::new().await;
    let (first, second) = (Counter::default(), Counter::default());
    let long = Options { lease: Duration::from_secs(3_600), ..shared() };
    let one = house.start_with(hanging("one", &held(), &first), long.clone()).await;
    let free = Arc::new(AtomicBool::new(false));
    let next = house.neighbour().await;
    let two = next.start_with(hanging("two", &free, &second), long).await;
    one.begin("hang", "h", &()).await;
    first.reaches(1).await;
    one.stop().await;
    assert_eq!(result(&two.ended("h", State::Completed).await), json!("two"));
}

#[tokio::test]
async fn a_node_taken_for_dead_writes_nothing_any_more() {
    let house = House::new().await;
    let (hold, begun) = (held(), Counter::default());
    let node = house.start(hanging("one", &hold, &begun)).await;
    node.begin("hang", "h", &()).await;
    begun.reaches(1).await;
    // As if another had taken the run while this node was frozen.
    let take = |tx: &mut seaworthy_store::Tx<'_>| {
        tx.execute("UPDATE workflow_runs SET fence = fence + 1, owner = ?1", &values!["other"])
    };
    house.store.write::<_, StoreError, _>(take).await.unwrap();
    hold.store(false, Ordering::SeqCst);
    // Time enough for the step to end and for its outcome to be written, were it.
    let mut writes = 0;
    while writes < 100 {
        tokio::time::sleep(Duration::from_millis(2)).await;
        house.store.write::<_, StoreError, _>(|_| Ok(())).await.unwrap();
        writes += 1;
    }
    let count: Option<i64> = house
        .store
        .read::<_, StoreError, _>(|tx| {
            tx.first("SELECT count(*) FROM workflow_journal", &[], |row| row.get(0))
        })
        .await
        .unwrap();
    assert_eq!(count, Some(1), "only its start");
}

#[tokio::test]
async fn a_node_that_cannot_show_that_it_lives_drops_its_work_and_begins_anew() {
    let house = House::new().await;
    let (hold, begun) = (held(), Counter::default());
    let node = house.start_with(hanging("one", &hold, &begun), shared()).await;
    node.begin("hang", "h", &()).await;
    begun.reaches(1).await;
    // Another node has buried this one, though it took nothing yet.
    let bury = |tx: &mut seaworthy_store::Tx<'_>| tx.execute("DELETE FROM workflow_nodes", &[]);
    house.store.write::<_, StoreError, _>(bury).await.unwrap();
    begun.reaches(2).await;
    hold.store(false, Ordering::SeqCst);
    node.ended("h", State::Completed).await;
    assert_eq!(told(&node.history("h").await)[1..], ["step hang", "closed completed"]);
}

#[tokio::test]
async fn two_nodes_share_the_work_and_double_nothing() {
    let house = House::new().await;
    let done = Counter::default();
    let registry = || {
        let done = done.clone();
        Registry::new().with("count", move |run: Run, steps: u32| {
            let done = done.clone();
            async move {
                for step in 0..steps {
                    let done = done.clone();
                    let count = move |_| {
                        done.more();
                        async { Ok(()) }
                    };
                    run.step(&format!("s{step}"), Retry::never(), count).await?;
                    run.sleep(Duration::from_millis(1)).await?;
                }
                Ok::<_, Failure>(())
            }
        })
    };
    let options = Options { park_after: Duration::ZERO, ..shared() };
    let one = house.start_with(registry(), options.clone()).await;
    let next = house.neighbour().await;
    let two = next.start_with(registry(), options).await;
    for number in 0..20 {
        let node = if number % 2 == 0 { &one } else { &two };
        node.begin("count", &format!("w{number}"), &5_u32).await;
    }
    for number in 0..20 {
        // Asked of the other one.
        let node = if number % 2 == 0 { &two } else { &one };
        node.ended(&format!("w{number}"), State::Completed).await;
        assert_eq!(
            node.engine.describe(TENANT, &format!("w{number}")).await.unwrap().history_length,
            12
        );
    }
    assert_eq!(done.get(), 100);
}
