//! Plans that are approved: what is carried out, once, and by whom.

use super::*;

/// Whoever may start workflows, and do what their steps do.
const STARTER: [&str; 8] = [
    "wizard:use",
    "workflow:start",
    "workflow:read",
    "memory:read",
    "memory:write",
    "policy:evaluate",
    "policy:write",
    "inference:use",
];

async fn starter<'h>(hub: &'h Hub) -> User<'h> {
    let user = User { hub, token: hub.token("acme", "ada", &STARTER).await };
    let rules = hub.put(Policy, "/v1/policies/acme", json!({"rules": []})).bearer(&user.token);
    assert!(rules.send().await.status.is_success());
    user
}

impl User<'_> {
    /// A walk through the short wizard to its plan.
    async fn planned(&self) -> (String, Value) {
        let session = self.start(QUICK).await;
        for value in [json!("Tall ships"), json!("Sailors"), json!("They are fast."), json!(false)]
        {
            self.answer(&session, value).await.ok(200);
        }
        let shown = self.get(&format!("/v1/wizards/{session}")).await;
        (session, shown.ok(200)["execution_plan"].clone())
    }

    async fn approve(&self, session: &str, body: Value) -> Answer {
        self.post(&format!("/v1/wizards/{session}/approve"), body).await
    }

    async fn workflow(&self, id: &str) -> Value {
        let path = format!("/workflows/{id}");
        self.hub.get(Orchestrator, &path).bearer(&self.token).send().await.ok(200).clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approved_plan_is_carried_out_once_and_as_it_was_shown() {
    let hub = Hub::start(&Role::ALL).await;
    let user = starter(&hub).await;
    let (session, plan) = user.planned().await;
    let shown = user.get(&format!("/v1/wizards/{session}")).await.body;
    assert_eq!(
        shown["next_steps"]["endpoints"]["approve"],
        format!("/v1/wizards/{session}/approve")
    );
    let other = json!({"plan_id": "plan-of-yesterday"});
    user.approve(&session, other).await.refused(409, "wizard_plan_changed");
    let approved = user.approve(&session, json!({"plan_id": plan["plan_id"]})).await;
    let approved = approved.ok(200);
    assert_eq!(
        (&approved["status"], &approved["execution_status"]),
        (&json!("approved"), &json!("queued"))
    );
    assert_eq!(approved["execution_plan"], plan);
    let workflow = approved["workflow_id"].as_str().unwrap();
    // Also without a body, and under the other spelling.
    let path = format!("/wizard/{session}/approve");
    let again = hub.call(Gateway, "POST", &path).bearer(&user.token).send().await;
    assert_eq!(again.ok(200)["workflow_id"], workflow);
    user.modify(&session, json!({"question_id": "campaign_name", "value": "x"}))
        .await
        .refused(409, "wizard_approved");
    user.answer(&session, json!("x")).await.refused(409, "wizard_approved");
    until("the campaign is completed", async || {
        user.workflow(workflow).await["status"] == "completed"
    })
    .await;
    let ended = user.workflow(workflow).await;
    assert_eq!(ended["result"]["campaign_name"], "Tall ships");
    let record = format!("/workflows/{workflow}/artifacts");
    let made = hub.get(Orchestrator, &record).bearer(&user.token).send().await;
    assert!(made.ok(200)["artifacts"].as_array().is_some_and(|all| !all.is_empty()), "{made:?}");
    let token = user.token.clone();
    let data = hub.stop().await;
    let hub = hub_on(data, |options| options).await;
    let user = User { hub: &hub, token };
    assert_eq!(user.get(&format!("/v1/wizards/{session}")).await.ok(200)["workflow_id"], workflow);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_whole_plan_is_approved_by_who_may_start_it() {
    let hub = Hub::start(&Role::ALL).await;
    let user = starter(&hub).await;
    let open = user.start(QUICK).await;
    user.approve(&open, json!({})).await.refused(409, "wizard_incomplete");
    user.approve("wiz-0", json!({})).await.refused(404, "unknown_wizard_session");
    let (session, _) = user.planned().await;
    user.approve(&session, json!({"plan": "x"})).await.refused(422, "unknown_field");
    for lacking in &STARTER[..2] {
        let held: Vec<&str> = STARTER.into_iter().filter(|one| one != lacking).collect();
        let less = User { hub: &hub, token: hub.token("acme", "ada", &held).await };
        less.approve(&session, json!({})).await.refused(403, "missing_capability");
    }
    let user = User { hub: &hub, token: hub.token("acme", "ada", &STARTER).await };
    let shown = user.get(&format!("/v1/wizards/{session}")).await;
    assert_eq!(shown.ok(200)["status"], "completed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_approved_while_it_is_changed_is_the_plan_that_is_shown() {
    let hub = Hub::start(&Role::ALL).await;
    let user = starter(&hub).await;
    for round in 0..6 {
        let (session, _) = user.planned().await;
        let change = json!({"question_id": "campaign_name", "value": format!("Round {round}")});
        let (changed, approved) =
            tokio::join!(user.modify(&session, change), user.approve(&session, json!({})));
        let shown = user.get(&format!("/v1/wizards/{session}")).await.ok(200).clone();
        match approved.status.as_u16() {
            200 => {
                let plan = shown["execution_plan"]["plan_id"].as_str().unwrap();
                assert_eq!(shown["workflow_id"], format!("marketing-{plan}"));
                assert_eq!(approved.body["execution_plan"], shown["execution_plan"]);
            }
            _ => {
                approved.refused(409, "wizard_plan_changed");
                assert_eq!(shown["status"], "completed");
            }
        }
        let name =
            if changed.status == 200 { format!("Round {round}") } else { "Tall ships".to_owned() };
        assert_eq!(shown["execution_plan"]["campaign_name"], name.as_str());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_has_become_too_late_is_not_approved() {
    let clock = Clock::manual("2026-11-29T12:00:00Z".parse().unwrap());
    let inner = clock.clone();
    let hub = Hub::with(tempfile::tempdir().unwrap(), |mut options| {
        options.clock = inner;
        options
    })
    .await;
    let user = starter(&hub).await;
    let session = user.start(MARKETING).await;
    let answers = [
        json!("Spring"),
        json!(null),
        json!("All"),
        json!(["email"]),
        json!("2026-12-06"),
        json!(0),
        json!("What people remember"),
        json!(["leads"]),
        json!(null),
        json!(true),
    ];
    for value in answers {
        user.answer(&session, value).await.ok(200);
    }
    clock.set_wall("2026-11-30T00:00:01Z".parse().unwrap());
    let user = User { hub: &hub, token: hub.token("acme", "ada", &STARTER).await };
    let refused = user.approve(&session, json!({})).await;
    refused.refused(409, "wizard_plan_outdated");
    assert!(refused.body["detail"].as_str().unwrap().contains("7 days"), "{refused:?}");
    user.modify(&session, json!({"question_id": "launch_date", "value": "2026-12-07"}))
        .await
        .ok(200);
    assert_eq!(user.approve(&session, json!({})).await.ok(200)["status"], "approved");
}
