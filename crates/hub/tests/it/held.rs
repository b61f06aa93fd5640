//! Workflows that may not go on for now: they wait, and fail at nothing.

use std::time::Duration;

use seaworthy_base::{Clock, Timestamp};
use seaworthy_hub::Role::{Gateway, Identity};
use serde_json::{Value, json};

use crate::harness::Hub;
use crate::wire::until;
use crate::workflows::{Ada, hub};

async fn turn(hub: &Hub, engaged: bool) {
    let body = json!({"engaged": engaged, "reason": "drill"});
    let turned = hub.put(Gateway, "/v1/kill-switch", body).admin(&hub.credential()).send().await;
    assert_eq!(turned.ok(200)["engaged"], engaged);
}

async fn events(ada: Ada<'_>, id: &str) -> Vec<Value> {
    let history = ada.get(&format!("/workflows/{id}/history")).await;
    history.ok(200)["events"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_launch_under_the_kill_switch_waits_until_it_is_off() {
    let (hub, token) = hub().await;
    let ada = Ada(&hub, &token);
    // Long enough to get there.
    let launch = Clock::system().wall().plus(Duration::from_secs(8));
    let order = json!({"campaign_name": "Tall ships", "schedule_time": launch});
    let id = ada.start("/workflows/marketing", order).await;
    ada.until(&id, |found| found["phase"] == "distribution").await;
    turn(&hub, true).await;
    until("the time of the launch has come", || async {
        events(ada, &id).await.iter().any(|entry| entry["event"].get("slept").is_some())
    })
    .await;
    let off = Clock::system().wall();
    turn(&hub, false).await;
    ada.ends(&id, "completed").await;
    let made = ada.get(&format!("/workflows/{id}/artifacts")).await;
    let made = made.ok(200)["artifacts"].as_array().unwrap();
    let launched = made.iter().filter(|one| one["name"].as_str().unwrap().starts_with("distri"));
    let times: Vec<Timestamp> =
        launched.map(|one| one["made_at"].as_str().unwrap().parse().unwrap()).collect();
    assert!(!times.is_empty());
    assert!(times.iter().all(|time| *time >= off), "{times:?} before {off}");
}

#[tokio::test]
async fn a_spent_budget_puts_a_step_off() {
    let (hub, token) = hub().await;
    let ada = Ada(&hub, &token);
    let limits = json!({"name": "Acme", "limits": {"tokens": 1}});
    hub.put(Identity, "/v1/tenants/acme", limits).admin(&hub.credential()).send().await.ok(200);
    let id = ada.start("/workflows/session", json!({"prompt": "What does she carry?"})).await;
    let put_off = |entry: &Value| {
        let attempt = &entry["event"]["attempt"];
        attempt["failure"]["code"] == "hub.budget_spent" && attempt["attempt"] == 0
    };
    until("it is put off", || async { events(ada, &id).await.iter().any(put_off) }).await;
    ada.until(&id, |found| found["status"] == "running").await;
    ada.post(&format!("/workflows/{id}/cancel"), json!({})).await.ok(202);
    ada.ends(&id, "canceled").await;
}
