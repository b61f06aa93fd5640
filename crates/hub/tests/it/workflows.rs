//! Durable workflows through the orchestrator's routes: campaigns from their order to their report.

use std::collections::BTreeSet;
use std::time::Duration;

use seaworthy_hub::options::Anonymous;
use seaworthy_hub::{Options, Role};
use serde_json::{Value, json};

use Role::{Memory, Orchestrator, Policy};

use crate::harness::{Answer, DEADLINE, Hub};
use crate::wire::until;

/// What whoever works with workflows holds.
pub(crate) const WORKER: [&str; 10] = [
    "session:read",
    "memory:read",
    "memory:write",
    "policy:evaluate",
    "policy:write",
    "inference:use",
    "workflow:read",
    "workflow:start",
    "workflow:approve",
    "workflow:terminate",
];

/// A hub, and a token of someone in `acme`, whose policy forbids the word `sabotage`.
pub(crate) async fn hub() -> (Hub, String) {
    let hub = Hub::start(&Role::ALL).await;
    let token = worker(&hub, "ada").await;
    let rules = json!({"rules": [{"name": "no sabotage", "pattern": "sabotage"}]});
    hub.put(Policy, "/v1/policies/acme", rules).bearer(&token).send().await.ok(201);
    (hub, token)
}

pub(crate) async fn worker(hub: &Hub, user: &str) -> String {
    hub.token("acme", user, &WORKER).await
}

/// A caller of the orchestrator.
#[derive(Clone, Copy)]
pub(crate) struct Ada<'a>(pub(crate) &'a Hub, pub(crate) &'a str);

impl Ada<'_> {
    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.0.post(Orchestrator, path, body).bearer(self.1).send().await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.0.get(Orchestrator, path).bearer(self.1).send().await
    }

    pub(crate) async fn start(&self, path: &str, body: Value) -> String {
        let begun = self.post(path, body).await;
        assert_eq!(begun.ok(202)["status"], "running");
        let id = begun.body["workflow_id"].as_str().unwrap().to_owned();
        assert_eq!(begun.headers["location"], format!("/workflows/{id}"));
        assert!(!begun.body["run_id"].as_str().unwrap().is_empty());
        id
    }

    /// Waits until the workflow's description is as wanted.
    pub(crate) async fn until(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let looking = async {
            loop {
                let found = self.get(&format!("/workflows/{id}")).await;
                if wanted(found.ok(200)) {
                    return found.body;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(DEADLINE, looking).await.expect("it does not come to that")
    }

    #[track_caller]
    pub(crate) fn ends(
        &self,
        id: &str,
        status: &'static str,
    ) -> impl Future<Output = Value> + use<'_> {
        let id = id.to_owned();
        async move {
            let found = self.until(&id, |found| found["status"] != "running").await;
            assert_eq!(found["status"], status, "{found:#}");
            found
        }
    }

    pub(crate) async fn artifact(&self, id: &str, name: &str) -> Answer {
        self.get(&format!("/workflows/{id}/artifacts/{name}")).await
    }

    pub(crate) async fn artifacts(&self, id: &str) -> BTreeSet<String> {
        let listed = self.get(&format!("/workflows/{id}/artifacts")).await;
        let listed = listed.ok(200)["artifacts"].as_array().unwrap().clone();
        listed.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    }
}

fn campaign() -> Value {
    json!({"campaign_name": "Tall ships", "target_audience": "sailors", "budget": 900,
        "campaign_goals": ["sell berths"]})
}

#[tokio::test]
async fn a_campaign_goes_from_research_to_its_report() {
    let (hub, token) = hub().await;
    let ada = Ada(&hub, &token);
    let fact =
        json!({"key": "berths", "value": "Sailors buy berths in spring, when tall ships sail."});
    hub.post(Memory, "/v1/remember", fact).bearer(&token).send().await.ok(201);
    let id = ada.start("/workflows/marketing", campaign()).await;
    let ended = ada.ends(&id, "completed").await;
    assert_eq!((&ended["progress"], &ended["phase"]), (&json!(100), &json!("analytics")));
    let result = &ended["result"];
    assert_eq!(result["status"], "success");
    assert_eq!((&result["content_count"], &result["design_count"]), (&json!(3), &json!(3)));
    assert_eq!((&result["prepared_count"], &result["sent_count"]), (&json!(3), &json!(0)));
    assert!(result["research_count"].as_u64().unwrap() >= 1);
    let email = &result["deliveries"][0];
    assert_eq!(email["status"], "prepared, not sent");
    assert_eq!(email["reason"], "no e-mail gateway is configured");

    let wanted = [
        "analytics.json",
        "content/blog.md",
        "content/email.md",
        "content/social.md",
        "design/blog.svg",
        "design/email.svg",
        "design/social.svg",
        "distribution/blog.json",
        "distribution/email.json",
        "distribution/social.json",
        "report.md",
        "research.md",
        "review.json",
    ];
    assert_eq!(ada.artifacts(&id).await, wanted.map(str::to_owned).into());
    let text = ada.artifact(&id, "content/email.md").await;
    assert_eq!(text.headers["content-type"], "text/markdown; charset=utf-8");
    assert!(text.text.contains("For sailors.") && text.text.contains("[berths]"), "{}", text.text);
    let drawing = ada.artifact(&id, "design/email.svg").await;
    assert_eq!(drawing.headers["content-type"], "image/svg+xml");
    assert!(drawing.text.contains("Tall ships"));
    let numbers = ada.artifact(&id, "analytics.json").await;
    assert_eq!(
        (&numbers.body["budget_per_channel"], &numbers.body["reach"]),
        (&json!(300.0), &Value::Null)
    );
    ada.artifact(&id, "content/radio.md").await.refused(404, "unknown_artifact");

    let key = result["report_key"].as_str().unwrap();
    let report = hub.get(Memory, &format!("/v1/recall/{key}")).bearer(&token).send().await;
    assert!(report.ok(200)["value"].as_str().unwrap().contains("Tall ships"));
    // The next campaign does not take this one's report for research.
    let next = ada.start("/v1/workflows/marketing", campaign()).await;
    let again = ada.ends(&next, "completed").await;
    assert_eq!(again["result"]["research_count"], result["research_count"]);

    let progress = ada.get(&format!("/workflows/{id}/query/get_progress")).await;
    let progress = progress.ok(200);
    assert_eq!(
        (&progress["progress_percentage"], &progress["approval_received"]),
        (&json!(100), &json!(false))
    );
    assert_eq!(
        (&progress["current_phase"], &progress["content_updates"]),
        (&json!("analytics"), &json!(0))
    );
    assert!(progress["elapsed_seconds"].as_f64().unwrap() > 0.0);
    let history = ada.get(&format!("/v1/workflows/{id}/history")).await;
    let events = history.ok(200)["events"].as_array().unwrap();
    let steps: Vec<&str> =
        events.iter().filter_map(|one| one["event"]["step"]["name"].as_str()).collect();
    assert_eq!(steps[..2], ["policy", "research"]);
    assert_eq!(steps[5..], ["design", "review", "distribution", "analytics"]);
    assert_eq!(events.len(), usize::try_from(ended["history_length"].as_u64().unwrap()).unwrap());
    let listed = ada.get("/workflows?kind=marketing&status=completed&limit=1").await;
    assert_eq!(listed.ok(200)["workflows"][0]["workflow_id"], next);
    let before = listed.body["next_before"].as_str().unwrap();
    let rest = ada.get(&format!("/v1/workflows?before={before}")).await;
    assert_eq!(rest.ok(200)["workflows"][0]["workflow_id"], id);
}

#[tokio::test]
async fn a_script_without_a_token_starts_and_polls_a_campaign() {
    let hub = Hub::with(tempfile::tempdir().unwrap(), |mut options: Options| {
        options.anonymous = Some(Anonymous::new("demo"));
        options
    })
    .await;
    let body =
        json!({"campaign_name": "load-test-1-0", "target_audience": "e-commerce", "budget": 5000});
    let begun = hub.post(Orchestrator, "/workflows/marketing", body).send().await;
    let path = format!("/workflows/{}", begun.ok(202)["workflow_id"].as_str().unwrap());
    let ended = async || hub.get(Orchestrator, &path).send().await.ok(200)["status"] == "completed";
    until("the campaign is completed", ended).await;
    let cancel = format!("{path}/terminate");
    let refused = hub.post(Orchestrator, &cancel, json!({})).send().await;
    refused.refused(403, "missing_capability");
}

#[tokio::test]
async fn a_campaign_waits_for_approval_across_a_restart_and_takes_over_corrections() {
    let (hub, token) = hub().await;
    let reviewer = worker(&hub, "rita").await;
    let stranger = worker(&hub, "sam").await;
    let ada = Ada(&hub, &token);
    let mut order = campaign();
    order["reviewers"] = json!(["rita"]);
    let id = ada.start("/workflows/marketing", order).await;
    ada.until(&id, |found| found["phase"] == "review").await;
    let approve = format!("/workflows/{id}/signal/approve_campaign");
    for who in [&token, &stranger] {
        Ada(&hub, who)
            .post(&approve, json!({"approved": true}))
            .await
            .refused(403, "not_a_reviewer");
    }
    let update = json!({"name": "update_content", "payload": {"content_id": "email-1", "new_content": "Come aboard!"}});
    let sent = ada.post(&format!("/v1/workflows/{id}/signal"), update).await;
    assert_eq!(sent.ok(202)["status"], "accepted");
    let broken = json!({"content_id": 1});
    let refused = ada.post(&format!("/workflows/{id}/signal/update_content"), broken).await;
    refused.refused(422, "invalid_value");
    let unheard = ada.post(&format!("/workflows/{id}/signal/approve_campagne"), json!({})).await;
    unheard.refused(422, "invalid_value");

    let data = hub.stop().await;
    let hub = Hub::with(data, |options| options).await;
    let ada = Ada(&hub, &token);
    let waits = ada.until(&id, |found| found["phase"] == "review").await;
    assert_eq!((&waits["status"], &waits["progress"]), (&json!("running"), &json!(60)));
    let decided = json!({"approved": true, "notes": "Fair winds"});
    Ada(&hub, &reviewer).post(&approve, decided).await.ok(202);
    let ended = ada.ends(&id, "completed").await;
    assert_eq!(
        ended["result"]["review"],
        json!({"approved": true, "by": "rita", "notes": "Fair winds"})
    );
    assert!(ada.artifact(&id, "content/email.md").await.text.contains("Come aboard!"));
    assert_eq!(ada.artifact(&id, "distribution/email.json").await.body["body"], "Come aboard!");
    let progress = ada.get(&format!("/workflows/{id}/query/get_progress")).await;
    let progress = progress.ok(200);
    assert_eq!(
        (&progress["approval_received"], &progress["content_updates"]),
        (&json!(true), &json!(1))
    );
    Ada(&hub, &reviewer).post(&approve, json!({})).await.refused(409, "workflow_closed");
}

#[tokio::test]
async fn what_is_rejected_or_canceled_is_thrown_away() {
    let (hub, token) = hub().await;
    let reviewer = worker(&hub, "rita").await;
    let ada = Ada(&hub, &token);
    let mut order = campaign();
    order["approval_required"] = json!(true);
    let (rejected, canceled) = (
        ada.start("/workflows/marketing", order.clone()).await,
        ada.start("/workflows/marketing", order).await,
    );
    for id in [&rejected, &canceled] {
        ada.until(id, |found| found["phase"] == "review").await;
        assert!(ada.artifacts(id).await.contains("content/email.md"));
    }
    let no = json!({"approved": false, "notes": "Too loud"});
    let reject = format!("/workflows/{rejected}/signal/approve_campaign");
    Ada(&hub, &reviewer).post(&reject, no).await.ok(202);
    let ended = ada.ends(&rejected, "completed").await;
    assert_eq!(
        (&ended["result"]["status"], &ended["result"]["review"]["notes"]),
        (&json!("rejected"), &json!("Too loud"))
    );
    let cancel = hub.call(Orchestrator, "POST", &format!("/workflows/{canceled}/cancel"));
    cancel.bearer(&token).send().await.ok(202);
    let ended = ada.ends(&canceled, "canceled").await;
    assert_eq!(ended["failure"]["message"], "asked for by ada");
    for id in [&rejected, &canceled] {
        assert_eq!(
            ada.artifacts(id).await,
            ["research.md".to_owned()].into(),
            "only the notes are left"
        );
    }
    let names: Vec<_> =
        ended["undone"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["design", "content"]);
}

#[tokio::test]
async fn what_the_policy_denies_ends_a_campaign() {
    let (hub, token) = hub().await;
    let ada = Ada(&hub, &token);
    let mut order = campaign();
    order["campaign_goals"] = json!(["Sabotage the rival's fleet"]);
    let id = ada.start("/workflows/marketing", order).await;
    let ended = ada.ends(&id, "failed").await;
    assert_eq!(ended["failure"]["code"], "policy_denied");
    assert!(ada.artifacts(&id).await.is_empty());
    // So does what somebody wrote in between.
    let mut order = campaign();
    order["approval_required"] = json!(true);
    let id = ada.start("/workflows/marketing", order).await;
    ada.until(&id, |found| found["phase"] == "review").await;
    let update = json!({"content_id": "blog-1", "new_content": "Some sabotage"});
    ada.post(&format!("/workflows/{id}/signal/update_content"), update).await.ok(202);
    let reviewer = worker(&hub, "rita").await;
    let approve = format!("/workflows/{id}/signal/approve_campaign");
    Ada(&hub, &reviewer).post(&approve, json!({})).await.ok(202);
    assert_eq!(ada.ends(&id, "failed").await["failure"]["code"], "content_denied");
}

#[tokio::test]
async fn a_terminated_workflow_is_over_and_another_tenant_never_saw_it() {
    let (hub, token) = hub().await;
    let other = hub.token("bolt", "bob", &WORKER).await;
    let ada = Ada(&hub, &token);
    let mut order = campaign();
    order["approval_required"] = json!(true);
    let id = ada.start("/workflows/marketing", order).await;
    let bob = Ada(&hub, &other);
    for path in ["", "/history", "/artifacts", "/artifacts/research.md", "/query/get_progress"] {
        bob.get(&format!("/workflows/{id}{path}")).await.refused(404, "unknown_workflow");
    }
    for path in ["cancel", "terminate", "signal/update_content", "signal/approve_campaign"] {
        let body = if path.starts_with("signal/u") {
            json!({"content_id": "a", "new_content": "b"})
        } else {
            json!({})
        };
        bob.post(&format!("/workflows/{id}/{path}"), body).await.refused(404, "unknown_workflow");
    }
    assert_eq!(bob.get("/workflows").await.ok(200)["workflows"], json!([]));
    let ended = ada.post(&format!("/workflows/{id}/terminate"), json!({"reason": "fire"})).await;
    assert_eq!(ended.ok(200)["status"], "terminated");
    assert_eq!(ada.ends(&id, "terminated").await["failure"]["message"], "fire");
    ada.post(&format!("/workflows/{id}/cancel"), json!({})).await.refused(409, "workflow_closed");
}

#[tokio::test]
async fn a_repeated_start_under_its_key_starts_once() {
    let (hub, token) = hub().await;
    let start = |body: Value| {
        hub.post(Orchestrator, "/workflows/marketing", body)
            .bearer(&token)
            .header("idempotency-key", "k")
            .send()
    };
    let (first, again) = (start(campaign()).await, start(campaign()).await);
    assert_eq!(first.ok(202), again.ok(202));
    assert!(!first.headers.contains_key("idempotent-replayed"));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let mut other = campaign();
    other["budget"] = json!(1);
    start(other).await.refused(422, "idempotency_key_reused");
    let rival = worker(&hub, "rita").await;
    let theirs = hub.post(Orchestrator, "/workflows/marketing", campaign()).bearer(&rival);
    let theirs = theirs.header("idempotency-key", "k").send().await;
    assert_ne!(theirs.ok(202)["workflow_id"], first.body["workflow_id"]);
}

#[tokio::test]
async fn orders_that_make_no_sense_are_refused_with_their_place() {
    let (hub, token) = hub().await;
    let ada = Ada(&hub, &token);
    let with = |name: &str, value: Value| {
        let mut order = campaign();
        order[name] = value;
        order
    };
    // After the end of the token, which lasts an hour.
    let tomorrow = seaworthy_base::Clock::system().wall().plus(Duration::from_secs(86_400));
    let wrong = [
        (with("campaign_name", json!(" ")), "/campaign_name"),
        (with("budget", json!(-1)), "/budget"),
        (with("channels", json!(["email", "../etc"])), "/channels/1"),
        (with("campaign_goals", json!([""])), "/campaign_goals/0"),
        (with("reviewers", json!(vec!["x"; 21])), "/reviewers"),
        (with("schedule_time", json!("2400-01-01T00:00:00Z")), "/schedule_time"),
        (with("schedule_time", json!(tomorrow)), "/schedule_time"),
        (with("reviewers", json!(["ada"])), "/reviewers"),
        (with("tone", json!("x".repeat(1_001))), "/tone"),
    ];
    for (order, pointer) in wrong {
        let refused = ada.post("/workflows/marketing", order).await;
        refused.refused(422, "invalid_value");
        assert_eq!(refused.body["pointer"], pointer);
    }
    ada.post("/workflows/marketing", with("tenant_id", json!("bolt")))
        .await
        .refused(403, "wrong_tenant");
    ada.post("/workflows/marketing", with("user_id", json!("bob")))
        .await
        .refused(403, "wrong_user");
    let weak = hub.token("acme", "weak", &["workflow:start"]).await;
    Ada(&hub, &weak)
        .post("/workflows/marketing", campaign())
        .await
        .refused(403, "missing_capability");
    let session = json!({"prompt": "x", "metadata": {"a\u{0}": 1}});
    ada.post("/workflows/session", session).await.refused(422, "unstorable_value");
    ada.get("/workflows?status=asleep").await.refused(400, "invalid_status");
    ada.get("/workflows/nothing").await.refused(404, "unknown_workflow");
    let circle = json!({"project_name": "p", "tasks": [
        {"task_id": "a", "description": "a", "dependencies": ["b"]},
        {"task_id": "b", "description": "b", "dependencies": ["a"]}]});
    ada.post("/v1/projects", circle).await.refused(422, "dependency_cycle");
    let greedy =
        json!({"directives": [{"agent_id": "a", "goal": "g", "capabilities": ["identity:admin"]}]});
    ada.post("/v1/mao/start", greedy).await.refused(403, "missing_capability");
    assert_eq!(ada.get("/workflows").await.ok(200)["workflows"], json!([]), "nothing was started");
}

#[tokio::test]
async fn a_launch_in_the_future_is_waited_for() {
    let (hub, token) = hub().await;
    let ada = Ada(&hub, &token);
    let launch = seaworthy_base::Clock::system().wall().plus(Duration::from_millis(600));
    let mut order = campaign();
    order["schedule_time"] = json!(launch);
    let id = ada.start("/workflows/marketing", order).await;
    let ended = ada.ends(&id, "completed").await;
    let closed: seaworthy_base::Timestamp = ended["closed_at"].as_str().unwrap().parse().unwrap();
    assert!(closed >= launch, "{closed} before {launch}");
}
