//! Plans that are approved: what is carried out, once, and by whom.

use std::collections::BTreeSet;

use super::*;

/// Whoever may start workflows, and do what their steps do.
pub(super) const STARTER: [&str; 8] = [
    "wizard:use",
    "workflow:start",
    "workflow:read",
    "memory:read",
    "memory:write",
    "policy:evaluate",
    "policy:write",
    "inference:use",
];

pub(super) async fn starter<'h>(hub: &'h Hub) -> User<'h> {
    let user = User { hub, token: hub.token("acme", "ada", &STARTER).await };
    let rules = hub.put(Policy, "/v1/policies/acme", json!({"rules": []})).bearer(&user.token);
    assert!(rules.send().await.status.is_success());
    user
}

impl User<'_> {
    /// A walk through the short wizard to its plan.
    pub(super) async fn planned(&self) -> (String, Value) {
        let session = self.start(QUICK).await;
        for value in [json!("Tall ships"), json!("Sailors"), json!("They are fast."), json!(false)]
        {
            self.answer(&session, value).await.ok(200);
        }
        let shown = self.get(&format!("/v1/wizards/{session}")).await;
        (session, shown.ok(200)["execution_plan"].clone())
    }

    pub(super) async fn approve(&self, session: &str, body: Value) -> Answer {
        self.post(&format!("/v1/wizards/{session}/approve"), body).await
    }

    /// A walk through the long wizard to its plan, with these channels, budget and need of approval.
    pub(super) async fn marketing(
        &self,
        channels: Value,
        budget: u32,
        approval: bool,
    ) -> (String, Value) {
        let session = self.start(MARKETING).await;
        for value in [
            json!("Spring launch"),
            json!("lead_generation"),
            json!("Sailors"),
            channels,
            json!(null),
            json!(budget),
            json!("Tall ships are fast."),
            json!(["leads"]),
            json!(null),
            json!(approval),
        ] {
            self.answer(&session, value).await.ok(200);
        }
        let shown = self.get(&format!("/v1/wizards/{session}")).await;
        (session, shown.ok(200)["execution_plan"].clone())
    }

    /// Approves of a plan and waits until its workflow has ended, or for a decision.
    pub(super) async fn carried_out(&self, session: &str, status: &'static str) -> Value {
        let approved = self.approve(session, json!({})).await;
        let id = approved.ok(200)["workflow_id"].as_str().unwrap().to_owned();
        self.ended(&id, status).await
    }

    pub(super) async fn ended(&self, id: &str, status: &'static str) -> Value {
        until("the workflow has ended", async || self.workflow(id).await["status"] != "running")
            .await;
        let ended = self.workflow(id).await;
        assert_eq!(ended["status"], status, "{ended:#}");
        ended
    }

    pub(super) async fn artifacts(&self, id: &str) -> BTreeSet<String> {
        let path = format!("/workflows/{id}/artifacts");
        let made = self.hub.get(Orchestrator, &path).bearer(&self.token).send().await;
        let made = made.ok(200)["artifacts"].as_array().unwrap().clone();
        made.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    }

    pub(super) async fn artifact(&self, id: &str, name: &str) -> Answer {
        let path = format!("/workflows/{id}/artifacts/{name}");
        self.hub.get(Orchestrator, &path).bearer(&self.token).send().await
    }

    pub(super) async fn workflow(&self, id: &str) -> Value {
        let path = format!("/workflows/{id}");
        self.hub.get(Orchestrator, &path).bearer(&self.token).send().await.ok(200).clone()
    }
}

/// What carrying a plan out makes: of each action of each task, and nothing else.
pub(super) fn promised(plan: &Value) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = ["plan.json", "report.md"].map(str::to_owned).into();
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|one| one.as_str().unwrap().to_owned()).collect()
    };
    let channels = texts(&plan["answers"]["channels"]);
    for module in plan["modules"].as_array().unwrap() {
        for (at, task) in module["tasks"].as_array().unwrap().iter().enumerate() {
            let further = texts(&task["then"]);
            for action in [task["action"].as_str().unwrap().to_owned()].iter().chain(&further) {
                let name = format!("{}/{}-{action}", module["id"].as_str().unwrap(), at + 1);
                let each = |end: &str| -> Vec<String> {
                    channels.iter().map(|channel| format!("{name}-{channel}.{end}")).collect()
                };
                let made = match action.as_str() {
                    "inference.complete" if task["params"]["channels"].is_array() => each("md"),
                    "design.prepare" => each("svg"),
                    "memory.retrieve" | "inference.complete" => vec![format!("{name}.md")],
                    _ => vec![format!("{name}.json")],
                };
                names.extend(made);
            }
        }
    }
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_module_of_a_plan_is_carried_out_and_no_other() {
    let hub = Hub::start(&Role::ALL).await;
    let user = starter(&hub).await;
    let fact = json!({"key": "berths", "value": "Sailors want berths on tall ships in spring."});
    hub.post(Role::Memory, "/v1/remember", fact).bearer(&user.token).send().await.ok(201);
    let (session, plan) = user.marketing(json!(["email", "paid_ads"]), 100, false).await;
    let ended = user.carried_out(&session, "completed").await;
    let id = plan["plan_id"].as_str().unwrap();
    assert_eq!((&ended["workflow_id"], &ended["kind"]), (&json!(id), &json!("plan")));
    assert_eq!(user.artifacts(id).await, promised(&plan));
    let result = &ended["result"];
    let told: Vec<&Value> =
        result["modules"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    let shown: Vec<&Value> =
        plan["modules"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(told, shown);
    assert_eq!(result["skipped_modules"], plan["skipped_modules"]);
    assert_eq!(result["skipped_modules"][0]["id"], "review");
    // Nothing outside is configured: what would be sent is prepared, and says so.
    assert_eq!(result["prepared_count"], 3);
    let letter = user.artifact(id, "distribution/1-email.create_campaign.json").await;
    let letter = letter.ok(200);
    assert_eq!(
        (&letter["status"], &letter["reason"]),
        (&json!("prepared, not sent"), &json!("no `email` is configured"))
    );
    assert_eq!(letter["launch_date"], plan["launch_date"]);
    // What a module names of those before it is what they made.
    let drafts = letter["params"]["drafts"].as_array().unwrap();
    assert_eq!(drafts[0]["channel"], "email");
    assert!(drafts[0]["text"].as_str().unwrap().contains("[berths]"), "{drafts:?}");
    assert_eq!(letter["params"]["assets"][1]["artifact"], "design/1-design.prepare-paid_ads.svg");
    let brief = user.artifact(id, "research/2-inference.complete.md").await.text;
    assert!(brief.contains("> A brief for a lead_generation campaign for Sailors"), "{brief}");
    let text = user.artifact(id, "content_creation/1-inference.complete-email.md").await.text;
    assert!(text.contains("Tall ships are fast.") && text.contains("Channel: email"), "{text}");
    let recalled = hub.get(Role::Memory, "/v1/recall/workflow%2Fcampaign%2FSpring%20launch");
    let recalled = recalled.bearer(&user.token).send().await;
    assert_eq!(recalled.ok(200)["metadata"]["metrics"], json!(["leads"]));
    // What nothing here can tell is not said to have come.
    let criteria = result["success_criteria"].as_array().unwrap();
    let met =
        |name: &str| criteria.iter().find(|one| one["name"] == name).map(|one| one["met"].clone());
    assert_eq!(met("all_modules_completed"), Some(json!(false)));
    assert_eq!(met("content_published"), Some(json!(null)));
    assert_eq!(met("approval_received"), None);
    let ended = r#"workflows_ended_total{kind="plan",status="completed"}"#;
    assert_eq!(hub.counter(Orchestrator, ended).await, 1.0);
    let steps =
        hub.get(Orchestrator, &format!("/workflows/{id}/history")).bearer(&user.token).send().await;
    let steps = steps.ok(200)["events"].as_array().unwrap().iter();
    let steps = steps.filter(|one| one["event"]["step"].is_object()).count();
    assert_eq!(hub.counter(Orchestrator, "workflow_steps_total").await, steps as f64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_policy_denies_of_a_plan_is_not_carried_out() {
    let hub = Hub::start(&Role::ALL).await;
    let user = starter(&hub).await;
    let rules = json!({"rules": [{"name": "no sabotage", "pattern": "sabotage"}]});
    hub.put(Policy, "/v1/policies/acme", rules).bearer(&user.token).send().await.ok(200);
    let session = user.start(QUICK).await;
    for value in [json!("Tall ships"), json!(["Sailors"]), json!("Plan sabotage."), json!(false)] {
        user.answer(&session, value).await.ok(200);
    }
    let ended = user.carried_out(&session, "failed").await;
    assert_eq!(ended["failure"]["code"], "policy_denied");
    assert_eq!(user.artifacts(ended["workflow_id"].as_str().unwrap()).await, BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_answers_make_together_is_judged_too() {
    let module = "agents: [{role: writer, responsibility: Texts}]\nmodules:\n  - {id: send, title: Send, agent: writer, tasks: [{action: mail.send, params: {text: '{first}{second}'}}]}\n";
    let wizards = folder(&[("own.yaml", &format!("{OWN}{module}"))]);
    let hub = Hub::with(tempfile::tempdir().unwrap(), |options| own(options, wizards.path())).await;
    let user = starter(&hub).await;
    let rules = json!({"rules": [{"name": "no agents", "pattern": "agent7"}]});
    hub.put(Policy, "/v1/policies/acme", rules).bearer(&user.token).send().await.ok(200);
    let session = user.start("own").await;
    user.answer(&session, json!("agent")).await.ok(200);
    user.answer(&session, json!(7)).await.ok(200);
    let ended = user.carried_out(&session, "failed").await;
    assert_eq!(ended["failure"]["code"], "policy_denied");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_would_be_too_large_is_not_made() {
    let hub = hub(|options| options).await;
    let user = User::of(&hub, "acme", "ada").await;
    let session = user.start(QUICK).await;
    user.answer(&session, json!("Ships")).await.ok(200);
    let entry = "\u{1d11e}".repeat(990);
    let all: Vec<String> = (0..100).map(|number| format!("{number} {entry}")).collect();
    user.answer(&session, json!(all)).await.ok(200);
    user.answer(&session, json!(null)).await.ok(200);
    user.answer(&session, json!(false)).await.refused(422, "wizard_plan_too_large");
    let changed = json!({"question_id": "target_audience", "value": "Sailors"});
    user.modify(&session, changed).await.ok(200);
    user.answer(&session, json!(false)).await.ok(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_definition_that_asks_the_platform_for_what_it_does_not_do_is_refused() {
    let module = "agents: [{role: writer, responsibility: Texts}]\nmodules:\n  - {id: write, title: Write, agent: writer, tasks: [TASK]}\n";
    for (task, told) in [
        ("{action: memory.retreive, params: {query: x}}", "did you mean `memory.retrieve`?"),
        ("{action: inference.complete, params: {promt: x}}", "needs a text `prompt`"),
        (
            "{action: mail.send, logic: [{if: answered(first), then: memory.remember}]}",
            "needs a text `key`",
        ),
    ] {
        let text = format!("{OWN}{}", module.replace("TASK", task));
        let wizards = folder(&[("own.yaml", &text)]);
        let error = refused(|options| own(options, wizards.path())).await.to_string();
        assert!(error.contains(told) && error.contains("wizard-action"), "{error}");
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
    let ended = user.ended(workflow, "completed").await;
    assert_eq!(ended["result"]["campaign_name"], "Tall ships");
    assert_eq!(user.artifacts(workflow).await, promised(&plan));
    let asked = user.artifact(workflow, "research/1-memory.retrieve.md").await.text;
    assert!(asked.contains("Asked of memory: Sailors\n"), "{asked}");
    let kept = user.artifact(workflow, "plan.json").await;
    assert_eq!(kept.ok(200), &plan);
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
                assert_eq!(shown["workflow_id"], plan);
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
