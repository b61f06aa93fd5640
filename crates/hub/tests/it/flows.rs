//! Sessions, projects and directives as workflows, and workflows whose roles are killed.

use std::collections::BTreeSet;

use seaworthy_hub::Role::{Gateway, Memory, Orchestrator};
use serde_json::{Value, json};

use crate::fleet::{Fleet, MEMBER, Member};
use crate::wire::until;
use crate::workflows::{Ada, hub};

#[tokio::test]
async fn a_session_as_a_workflow_answers_or_is_rejected() {
    let (hub, token) = hub().await;
    let ada = Ada(&hub, &token);
    let fact = json!({"key": "aurora", "value": "The Aurora carries tea."});
    hub.post(Memory, "/v1/remember", fact).bearer(&token).send().await.ok(201);
    let id =
        ada.start("/workflows/session", json!({"prompt": "What does the Aurora carry?"})).await;
    let opened = ada.ends(&id, "completed").await["result"].clone();
    assert_eq!(
        (&opened["status"], &opened["response"]["sources"]),
        (&json!("completed"), &json!(["aurora"]))
    );
    let id = ada.start("/v1/workflows/session", json!({"prompt": "Plan sabotage"})).await;
    let opened = ada.ends(&id, "completed").await["result"].clone();
    assert_eq!((&opened["status"], &opened["response"]), (&json!("rejected"), &Value::Null));
    let record = ada.artifact(&id, "record.json").await;
    assert_eq!(
        (&record.body["opened"]["status"], &record.body["prompt"]),
        (&json!("rejected"), &Value::Null)
    );
    let record = record.text;
    for secret in [&token[..], "Bearer"] {
        let history = ada.get(&format!("/workflows/{id}/history")).await.text;
        assert!(!record.contains(secret) && !history.contains(secret), "a token was written down");
    }
}

#[tokio::test]
async fn a_project_is_done_in_waves_and_what_lacks_its_basis_is_not() {
    let (hub, token) = hub().await;
    let ada = Ada(&hub, &token);
    let tasks = json!([
        {"task_id": "keel", "description": "Lay the keel"},
        {"task_id": "trap", "description": "Prepare sabotage"},
        {"task_id": "hull", "description": "Plank the hull", "dependencies": ["keel"]},
        {"task_id": "mine", "description": "Lay a mine", "dependencies": ["trap"]},
    ]);
    let begun = ada
        .post(
            "/v1/projects",
            json!({"project_name": "Ship", "tasks": tasks,
        "notify_webhooks": ["http://example.com/hook"]}),
        )
        .await;
    let id = begun.ok(202)["project_id"].as_str().unwrap().to_owned();
    ada.ends(&id, "completed").await;
    let found = ada.get(&format!("/v1/projects/{id}")).await;
    let result = &found.ok(200)["result"];
    let statuses: Vec<_> = result["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["completed", "blocked", "completed", "cancelled"]);
    assert_eq!(
        (&result["status"], &result["quality_score"]),
        (&json!("needs_review"), &json!(50.0))
    );
    let waves: Vec<_> = result["waves"]
        .as_array()
        .unwrap()
        .iter()
        .map(|wave| (&wave["tasks"], &wave["score"], &wave["review"]))
        .collect();
    let half = |tasks: Value| (tasks, json!(50.0), json!("needs_review"));
    let wanted = [half(json!(["keel", "trap"])), half(json!(["hull", "mine"]))];
    assert_eq!(waves, wanted.iter().map(|(a, b, c)| (a, b, c)).collect::<Vec<_>>());
    let told = ada.artifact(&id, "notification.json").await;
    assert_eq!(told.body["status"], "prepared, not sent");

    let words = json!({"project_name": "Voyage", "description": "1. Load tea\n2. Sail\n3. Land", "execution_mode": "sequential"});
    let begun = ada.post("/v1/projects", words).await;
    let id = begun.ok(202)["project_id"].as_str().unwrap().to_owned();
    let ended = ada.ends(&id, "completed").await;
    assert_eq!(
        (&ended["result"]["status"], &ended["result"]["task_count"]),
        (&json!("completed"), &json!(3))
    );
    assert_eq!(ended["result"]["waves"].as_array().unwrap().len(), 3);
    ada.post(&format!("/v1/projects/{id}/cancel"), json!({})).await.refused(409, "workflow_closed");
}

#[tokio::test]
async fn agents_follow_directives_until_one_is_denied() {
    let (hub, token) = hub().await;
    let ada = Ada(&hub, &token);
    let orders = json!({"tenant": "acme", "initiator": "ada", "notification_channel": "#deck", "directives": [
        {"agent_id": "scout", "goal": "Look for land", "capabilities": ["memory:read"]},
        {"agent_id": "pirate", "goal": "Plan sabotage"},
        {"agent_id": "cook", "goal": "Make tea"}]});
    let begun = ada.post("/v1/mao/start", orders).await;
    let orchestration = begun.ok(202)["orchestration_id"].as_str().unwrap();
    let id = format!("mao-{orchestration}");
    assert_eq!(begun.body["workflow_id"], id);
    ada.ends(&id, "completed").await;
    let found = ada.get(&format!("/v1/mao/{id}")).await;
    let result = &found.ok(200)["result"];
    assert_eq!(
        (&result["status"], &result["completed"], &result["total"]),
        (&json!("rejected"), &json!(1), &json!(3))
    );
    let agents: Vec<_> = result["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["agent_id"].as_str().unwrap())
        .collect();
    assert_eq!(agents, ["scout", "pirate"], "what comes after a denial is not begun");
    let note = ada.artifact(&id, "notification.json").await;
    assert_eq!(
        (&note.body["channel"], &note.body["status"]),
        (&json!("#deck"), &json!("prepared, not sent"))
    );
}

#[tokio::test]
async fn a_session_started_as_before_is_no_workflow() {
    let (hub, _) = hub().await;
    let member = hub.token("acme", "mia", &MEMBER).await;
    let made =
        hub.post(Gateway, "/v1/sessions", json!({"prompt": "Ships"})).bearer(&member).send().await;
    made.ok(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaigns_whose_roles_are_killed_are_all_completed_once() {
    let mut fleet = Fleet::launch_apart().await;
    let token = {
        fleet.member("acme").await;
        let capabilities: Vec<&str> =
            MEMBER.into_iter().chain(["workflow:read", "workflow:start"]).collect();
        fleet.token("acme", "worker", &capabilities).await
    };
    let mut ids = Vec::new();
    for round in 0..4 {
        let worker = Member { fleet: &fleet, token: token.clone() };
        for number in 0..5 {
            let order = json!({"campaign_name": format!("fleet {round} {number}")});
            let begun = worker.post(Orchestrator, "/workflows/marketing", &order).await;
            assert_eq!(begun.status, 202, "{begun:?}");
            ids.push(begun.json["workflow_id"].as_str().unwrap().to_owned());
        }
        let role = if round == 2 { Memory } else { Orchestrator };
        fleet.kill(role).await;
        fleet.start(role).await;
    }
    let worker = Member { fleet: &fleet, token };
    for id in &ids {
        until("the campaign has ended", || async {
            let found = worker.get(Orchestrator, &format!("/workflows/{id}")).await;
            found.status == 200 && found.json["status"] != "running"
        })
        .await;
        let found = worker.get(Orchestrator, &format!("/workflows/{id}")).await;
        assert_eq!(found.json["status"], "completed", "{found:?}");
        let events = worker.get(Orchestrator, &format!("/workflows/{id}/history")).await;
        let events = events.json["events"].as_array().unwrap().clone();
        let steps: Vec<_> =
            events.iter().filter_map(|one| one["event"]["step"]["command"].as_u64()).collect();
        assert_eq!(
            steps.iter().collect::<BTreeSet<_>>().len(),
            steps.len(),
            "a step counted twice"
        );
        assert_eq!(steps.len(), 9);
        let made = worker.get(Orchestrator, &format!("/workflows/{id}/artifacts")).await;
        assert_eq!(made.json["artifacts"].as_array().unwrap().len(), 13);
    }
}
