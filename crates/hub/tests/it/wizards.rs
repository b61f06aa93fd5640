//! Wizards over HTTP: walked to the plan under both spellings, refused with a place, durable across restarts.

use std::path::Path;

use seaworthy_base::Clock;
use seaworthy_hub::Role::{Gateway, Orchestrator, Policy};
use seaworthy_hub::options::{Anonymous, Options};
use seaworthy_hub::{Error, Role, Service};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Answer, Hub};
use crate::wire::until;

mod approval;
mod review;

const ROLES: [Role; 3] = [Role::Identity, Role::Orchestrator, Role::Gateway];
const START: &str = "/v1/wizards/start";
const MARKETING: &str = "marketing_campaign_v1";
const QUICK: &str = "quick_campaign_v1";

/// A small wizard of an operator's own.
const OWN: &str = "\
wizard_id: own
title: Own
version: \"1\"
questions:
  - {id: first, prompt: First?, type: text, required: true}
  - {id: second, prompt: Second?, type: number, required: true}
";

async fn hub(change: impl FnOnce(Options) -> Options) -> Hub {
    hub_on(tempfile::tempdir().unwrap(), change).await
}

async fn hub_on(data: TempDir, change: impl FnOnce(Options) -> Options) -> Hub {
    Hub::with(data, |options| change(options.roles(ROLES))).await
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn own(options: Options, folder: &Path) -> Options {
    let mut options = options;
    options.wizards.folder = Some(folder.to_owned());
    options
}

/// A user of a hub.
struct User<'h> {
    hub: &'h Hub,
    token: String,
}

impl<'h> User<'h> {
    async fn of(hub: &'h Hub, tenant: &str, name: &str) -> Self {
        Self { hub, token: hub.token(tenant, name, &["wizard:use"]).await }
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.hub.post(Gateway, path, body).bearer(&self.token).send().await
    }

    async fn get(&self, path: &str) -> Answer {
        self.hub.get(Gateway, path).bearer(&self.token).send().await
    }

    async fn start(&self, wizard: &str) -> String {
        let started = self.post(START, json!({"wizard_id": wizard})).await;
        started.ok(200)["session_id"].as_str().unwrap().to_owned()
    }

    async fn answer(&self, session: &str, value: Value) -> Answer {
        self.post(&format!("/v1/wizards/{session}/answer"), json!({"value": value})).await
    }

    async fn modify(&self, session: &str, body: Value) -> Answer {
        self.post(&format!("/v1/wizards/{session}/modify"), body).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_without_a_token_walks_into_the_default_wizard() {
    let hub = hub(|mut options| {
        options.anonymous = Some(Anonymous::new("demo"));
        options.wizards.default = Some(QUICK.to_owned());
        options
    })
    .await;
    for user in 0..3 {
        let body = json!({"wizard_id": format!("test-wizard-{user}-0"), "user_id": format!("test-user-{user}")});
        let started = hub.post(Gateway, "/wizard/start", body).send().await;
        let shown = started.ok(200);
        assert_eq!(
            (&shown["wizard_id"], &shown["question"]["type"]),
            (&json!(QUICK), &json!("text"))
        );
        assert_eq!(shown["requested_wizard_id"], format!("test-wizard-{user}-0"));
        assert_eq!(shown["user"], format!("test-user-{user}"));
        let session = shown["session_id"].as_str().unwrap();
        let path = format!("/wizard/{session}/answer");
        let answered = hub.post(Gateway, &path, json!({"value": "test-answer"})).send().await;
        assert_eq!(answered.ok(200)["answers"]["campaign_name"], "test-answer");
        assert_eq!(answered.body["question"]["id"], "target_audience");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_ends_with_a_plan_and_counts_right() {
    let hub = hub(|options| options).await;
    let user = User::of(&hub, "acme", "ada").await;
    let listed = user.get("/v1/wizards").await;
    let ids: Vec<&str> = listed.ok(200)["wizards"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["wizard_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, [MARKETING, QUICK]);
    let started = user.post(START, json!({"wizard_id": MARKETING, "metadata": {"a": [1]}})).await;
    let session = started.ok(200)["session_id"].as_str().unwrap().to_owned();
    assert!(session.starts_with("wiz-"), "{session}");
    assert_eq!(started.body["question"]["id"], "campaign_name");
    assert_eq!(
        started.body["progress"],
        json!({"completed_steps": 0, "total_steps": 10, "percentage": 0})
    );
    let answers = [
        json!("Spring launch"),
        json!("lead_generation"),
        json!("Engineers, Managers"),
        json!(["email"]),
        json!(null),
        json!(0),
        json!("We are ten times faster."),
        json!(["leads"]),
        json!(null),
        json!(false),
    ];
    for (number, answer) in answers.iter().enumerate() {
        // Both spellings are one session.
        let path = match number % 2 {
            0 => format!("/wizard/{session}/answer"),
            _ => format!("/v1/wizards/{session}/answer"),
        };
        let shown = user.post(&path, json!({"value": answer})).await;
        shown.ok(200);
        let done = number + 1;
        assert_eq!(shown.body["progress"]["completed_steps"], done);
        assert_eq!(shown.body["current_step"], (done + 1).min(10));
        assert_eq!(shown.body["completed"], done == 10);
        assert_eq!(shown.body["question"].is_null(), done == 10);
    }
    let shown = user.get(&format!("/v1/wizards/{session}")).await;
    let shown = shown.ok(200);
    assert_eq!(shown["status"], "completed");
    assert_eq!(
        shown["progress"],
        json!({"completed_steps": 10, "total_steps": 10, "percentage": 100})
    );
    assert_eq!(shown["answers"]["approval_required"], false);
    assert_eq!(shown["answers"]["budget"], 0);
    assert_eq!(shown["metadata"], json!({"a": [1]}));
    let plan = &shown["execution_plan"];
    assert!(plan["plan_id"].as_str().unwrap().starts_with("plan-"));
    assert_eq!(plan["campaign_name"], "Spring launch");
    assert_eq!(plan["modules"].as_array().unwrap().len(), 5);
    assert_eq!(plan["launch_date"], shown["answers"]["launch_date"]);
    assert_eq!(shown["summary"]["answers"], shown["answers"]);
    assert!(shown["summary"]["completed_at"].is_string());
    user.answer(&session, json!("more")).await.refused(409, "wizard_complete");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wizard_nobody_knows_is_not_begun() {
    let hub = hub(|options| options).await;
    let user = User::of(&hub, "acme", "ada").await;
    let refused = user.post("/wizard/start", json!({"wizard_id": "marketing_campaing_v1"})).await;
    refused.refused(404, "unknown_wizard");
    assert_eq!(refused.body["instance"], "/wizard/start");
    assert_eq!(refused.body["hint"], "did you mean `marketing_campaign_v1`?");
    user.get("/v1/wizards/wiz-0").await.refused(404, "unknown_wizard_session");
    user.answer("wiz-0", json!(1)).await.refused(404, "unknown_wizard_session");
    user.post(START, json!({})).await.refused(422, "missing_field");
    user.post(START, json!({"wizard_id": QUICK, "colour": 1})).await.refused(422, "unknown_field");
    let large = json!({"wizard_id": QUICK, "metadata": {"a": "x".repeat(20 << 10)}});
    user.post(START, large).await.refused(422, "invalid_value");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_answer_says_why_and_changes_nothing() {
    let hub = hub(|options| options).await;
    let user = User::of(&hub, "acme", "ada").await;
    let session = user.start(MARKETING).await;
    for (value, code) in [
        (json!("ab"), "wizard_too_short"),
        (json!(7), "wizard_wrong_kind"),
        (json!(null), "wizard_missing"),
        (json!("x".repeat(101)), "wizard_too_long"),
        (json!("two\nlines"), "wizard_control_character"),
    ] {
        let refused = user.answer(&session, value).await;
        refused.refused(422, code);
        assert_eq!(refused.body["pointer"], "/value");
    }
    user.answer(&session, json!("Spring")).await.ok(200);
    let refused = user.answer(&session, json!("product")).await;
    refused.refused(422, "wizard_not_an_option");
    assert!(refused.body["hint"].as_str().unwrap().contains("product_launch"), "{refused:?}");
    let shown = user.get(&format!("/v1/wizards/{session}")).await;
    assert_eq!(shown.ok(200)["answers"], json!({"campaign_name": "Spring"}));
    let path = format!("/v1/wizards/{session}/answer");
    let again = user.post(&path, json!({"value": "Spring", "question_id": "campaign_name"})).await;
    again.refused(409, "wizard_not_current");
    let unknown = user.post(&path, json!({"value": "x", "question_id": "campaign_tipe"})).await;
    unknown.refused(422, "wizard_unknown_question");
    user.post(&path, json!({"answer": "x"})).await.refused(422, "unknown_field");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn earlier_answers_change_together_and_make_another_plan() {
    let hub = hub(|options| options).await;
    let user = User::of(&hub, "acme", "ada").await;
    let session = user.start(MARKETING).await;
    for value in [json!("Spring"), json!(null), json!("All"), json!(["paid_ads"]), json!(null)] {
        user.answer(&session, value).await.ok(200);
    }
    let refused = user.answer(&session, json!(0)).await;
    refused.refused(422, "wizard_rule_broken");
    assert_eq!(refused.body["hint"], "change one of channels, budget");
    user.modify(&session, json!({"question_id": "budget", "value": 1}))
        .await
        .refused(409, "wizard_not_yet_answered");
    user.answer(&session, json!(100)).await.ok(200);
    for value in [json!("What people remember"), json!(["leads"]), json!(null), json!(true)] {
        user.answer(&session, value).await.ok(200);
    }
    let before = user.get(&format!("/v1/wizards/{session}")).await.body["execution_plan"].clone();
    assert_eq!(before["modules"].as_array().unwrap().len(), 6);
    let refused =
        user.modify(&session, json!({"answers": {"campaign_name": "New", "budget": -1}})).await;
    refused.refused(422, "wizard_too_small");
    assert_eq!(refused.body["pointer"], "/answers/budget");
    let shown = user.get(&format!("/v1/wizards/{session}")).await;
    assert_eq!(shown.ok(200)["execution_plan"], before);
    let changes = json!({"answers": {"budget": 0, "channels": ["blog"]}, "question_id": "approval_required", "value": false});
    let changed = user.modify(&session, changes).await;
    let plan = &changed.ok(200)["execution_plan"];
    assert_ne!(plan["plan_id"], before["plan_id"]);
    assert_eq!(plan["answers"]["channels"], json!(["blog"]));
    assert_eq!(plan["modules"].as_array().unwrap().len(), 5);
    assert_eq!(changed.body["status"], "completed");
    user.modify(&session, json!({})).await.refused(422, "invalid_value");
    user.modify(&session, json!({"answers": {"x": 1}, "question_id": "x"}))
        .await
        .refused(422, "invalid_value");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_belongs_to_its_user_alone() {
    let hub = hub(|options| options).await;
    let ada = User::of(&hub, "acme", "ada").await;
    let session = ada.start(QUICK).await;
    for (tenant, name) in [("acme", "bob"), ("bolt", "eve")] {
        let other = User::of(&hub, tenant, name).await;
        other.get(&format!("/v1/wizards/{session}")).await.refused(404, "unknown_wizard_session");
        other.answer(&session, json!("x")).await.refused(404, "unknown_wizard_session");
        let changes = json!({"question_id": "campaign_name", "value": "x"});
        other.modify(&session, changes).await.refused(404, "unknown_wizard_session");
    }
    let named = |user: &str| json!({"wizard_id": QUICK, "user_id": user});
    ada.post(START, named("bob")).await.refused(403, "wrong_user");
    assert_eq!(ada.post(START, named("ada")).await.ok(200)["user"], "ada");
    let token = hub.token("acme", "carl", &["session:read", "session:write"]).await;
    let carl = User { hub: &hub, token };
    for role in [Gateway, Orchestrator] {
        for path in ["/v1/wizards".to_owned(), format!("/v1/wizards/{session}")] {
            let refused = hub.get(role, &path).bearer(&carl.token).send().await;
            refused.refused(403, "missing_capability");
            hub.get(role, &path).send().await.refused(401, "no_token");
        }
        for path in [
            START.to_owned(),
            format!("/v1/wizards/{session}/answer"),
            format!("/v1/wizards/{session}/modify"),
        ] {
            let body = if path == START {
                json!({"wizard_id": QUICK})
            } else {
                json!({"question_id": "campaign_name"})
            };
            let refused = hub.post(role, &path, body.clone()).bearer(&carl.token).send().await;
            refused.refused(403, "missing_capability");
            hub.post(role, &path, body).send().await.refused(401, "no_token");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_answers_at_the_same_time_one_is_taken() {
    let hub = hub(|options| options).await;
    let user = User::of(&hub, "acme", "ada").await;
    let session = user.start(QUICK).await;
    let path = format!("/v1/wizards/{session}/answer");
    let answers = (0..16).map(|number| {
        let body = json!({"value": format!("name {number}"), "question_id": "campaign_name"});
        user.post(&path, body)
    });
    let answered = futures_util::future::join_all(answers).await;
    let taken: Vec<&Answer> = answered.iter().filter(|one| one.status == 200).collect();
    assert_eq!(taken.len(), 1);
    answered
        .iter()
        .filter(|one| one.status != 200)
        .for_each(|one| one.refused(409, "wizard_not_current"));
    let shown = user.get(&format!("/v1/wizards/{session}")).await;
    assert_eq!(shown.ok(200)["answers"], taken[0].body["answers"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_go_on_after_a_restart_with_the_questions_they_began_with() {
    let wizards = folder(&[("own.yaml", OWN), ("notes.txt", "not a wizard")]);
    let first = hub(|options| own(options, wizards.path())).await;
    let user = User::of(&first, "acme", "ada").await;
    let session = user.start("own").await;
    let done = user.start("own").await;
    user.answer(&session, json!("one")).await.ok(200);
    user.answer(&done, json!("one")).await.ok(200);
    let before = user.answer(&done, json!(0)).await.ok(200).clone();
    let token = user.token.clone();
    let data = first.stop().await;
    // The wizard asks something else by now; then it is gone.
    let changed = OWN.replace("id: second, prompt: Second?", "id: third, prompt: Third?");
    std::fs::write(wizards.path().join("own.yaml"), changed).unwrap();
    let second = hub_on(data, |options| own(options, wizards.path())).await;
    let user = User { hub: &second, token: token.clone() };
    let shown = user.get(&format!("/v1/wizards/{session}")).await;
    assert_eq!(shown.ok(200)["question"]["id"], "second");
    assert_eq!(user.get(&format!("/v1/wizards/{done}")).await.ok(200), &before);
    let anew = user.start("own").await;
    user.answer(&anew, json!("x")).await.ok(200);
    assert_eq!(user.get(&format!("/v1/wizards/{anew}")).await.body["question"]["id"], "third");
    let data = second.stop().await;
    let third = hub_on(data, |options| options).await;
    let user = User { hub: &third, token };
    user.post(START, json!({"wizard_id": "own"})).await.refused(404, "unknown_wizard");
    let answered = user.answer(&session, json!(5)).await;
    assert_eq!(answered.ok(200)["execution_plan"]["answers"], json!({"first": "one", "second": 5}));
}

/// What an operator is told when the hub does not start.
async fn refused(change: impl FnOnce(Options) -> Options) -> Error {
    let data = tempfile::tempdir().unwrap();
    let options = Options::new(data.path()).any_ports().roles(ROLES);
    Service::bind(change(options)).await.err().expect("the hub started")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definitions_that_are_not_sound_keep_the_hub_from_starting() {
    let broken = OWN.replace("type: number", "type: nubmer");
    let unsound = "wizard_id: other\ntitle: Other\nversion: \"1\"\nquestions:\n  - {id: a, prompt: A?, type: text, default: 7}\n";
    let wizards = folder(&[("a.yaml", &broken), ("b.yml", unsound), ("c.yaml", OWN)]);
    let error = refused(|options| own(options, wizards.path())).await;
    assert_eq!(error.code(), "hub.wizards");
    let told = error.to_string();
    for part in ["a.yaml:6:", "nubmer", "b.yml:5:", "wizard-default"] {
        assert!(told.contains(part), "{told}");
    }
    assert!(!told.contains("c.yaml"), "{told}");
    let wizards = folder(&[("a.yaml", OWN), ("b.yaml", OWN)]);
    let told = refused(|options| own(options, wizards.path())).await.to_string();
    assert!(told.contains("wizard-duplicate"), "{told}");
    let empty = folder(&[("notes.txt", "")]);
    let told = refused(|options| own(options, empty.path())).await.to_string();
    assert!(told.contains("no .yaml file"), "{told}");
    let told = refused(|options| own(options, &empty.path().join("gone"))).await.to_string();
    assert!(told.contains("gone"), "{told}");
    let error = refused(|mut options| {
        options.wizards.default = Some("nobody".to_owned());
        options
    })
    .await;
    assert_eq!(error.code(), "hub.wizards");
    assert!(error.to_string().contains("nobody") && error.to_string().contains(QUICK), "{error}");
}
