//! Every operation of every role's API document, called as it says: one that no example calls fails
//! here, as does one that the reference does not name.

use std::collections::BTreeSet;

use seaworthy_hub::Role;
use seaworthy_hub::Role::{Gateway, Identity, Orchestrator};
use serde_json::{Value, json};

use crate::harness::{Answer, Hub, on_postgres};
use crate::wire::until;

mod examples;

use examples::{Example, PROBES, examples};

/// What the examples are filled in with.
struct Setting {
    hub: Hub,
    member: String,
    nobody: String,
    spare: String,
    session: String,
    wizard: String,
    workflow: String,
    constitution: Value,
}

impl Setting {
    async fn new() -> Self {
        let hub = Hub::start(&Role::ALL).await;
        let member = hub.token("acme", "ada", &["*"]).await;
        let nobody = hub.token("acme", "nobody", &[]).await;
        let spare = hub.token("acme", "spare", &[]).await;
        let made = hub.post(Gateway, "/v1/sessions", json!({"prompt": "Ships"}));
        let made = made.bearer(&member).send().await;
        let session = made.ok(201)["session_id"].as_str().unwrap().to_owned();
        let begun =
            hub.post(Gateway, "/v1/wizards/start", json!({"wizard_id": "quick_campaign_v1"}));
        let begun = begun.bearer(&member).send().await;
        let wizard = begun.ok(200)["session_id"].as_str().unwrap().to_owned();
        let path = format!("/v1/wizards/{wizard}/answer");
        let named = hub.post(Gateway, &path, json!({"value": "Autumn"})).bearer(&member);
        named.send().await.ok(200);
        let begun = hub.post(Orchestrator, "/workflows/session", json!({"prompt": "Ships"}));
        let begun = begun.bearer(&member).send().await;
        let workflow = begun.ok(202)["workflow_id"].as_str().unwrap().to_owned();
        let path = format!("/workflows/{workflow}");
        until("the workflow has ended", async || {
            let found = hub.get(Orchestrator, &path).bearer(&member).send().await;
            found.ok(200)["status"] == "completed"
        })
        .await;
        let held = hub.get(Identity, "/.well-known/constitution.json").send().await;
        let constitution = held.ok(200)["bundle"].clone();
        Self { hub, member, nobody, spare, session, wizard, workflow, constitution }
    }

    async fn send(&self, example: &Example, as_whom: As<'_>) -> Answer {
        let (method, _) = example.operation.split_once(' ').unwrap();
        let path = example.path.replace("{session}", &self.session);
        let path = path.replace("{wizard}", &self.wizard);
        let path = path.replace("{workflow}", &self.workflow);
        let mut call = self.hub.call(example.role, method, &path);
        if let Some(body) = &example.body {
            let text = body
                .to_string()
                .replace("\"{constitution}\"", &self.constitution.to_string())
                .replace("{session}", &self.session)
                .replace("{token}", &self.member)
                .replace("{spare}", &self.spare);
            call = call.body("application/json", text);
        }
        match as_whom {
            As::NoOne => call.send().await,
            As::Token(token) => call.bearer(token).send().await,
            As::Administrator => call.admin(&self.hub.credential()).send().await,
        }
    }
}

#[derive(Clone, Copy)]
enum As<'a> {
    NoOne,
    Token(&'a str),
    Administrator,
}

#[tokio::test]
async fn every_operation_is_called_and_keeps_to_its_entry() {
    let setting = Setting::new().await;
    let examples = examples();
    let mut missing = Vec::new();
    for role in Role::ALL {
        let document = setting.hub.get(role, "/openapi.json").send().await;
        let document = document.ok(200);
        assert_eq!(document["openapi"], "3.1.0");
        let known: BTreeSet<&str> = examples
            .iter()
            .filter(|example| example.role == role)
            .map(|example| example.operation)
            .collect();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                let operation = format!("{} {path}", method.to_uppercase());
                if !known.contains(operation.as_str()) && !PROBES.contains(&path.as_str()) {
                    missing.push(format!("{role}: {operation}"));
                }
            }
        }
        for probe in PROBES {
            let answer = setting.hub.get(role, probe).send().await;
            assert_eq!(answer.status, 200, "{role} {probe}: {answer:?}");
        }
    }
    assert!(missing.is_empty(), "no example calls {missing:#?}");
    for example in &examples {
        check(&setting, example).await;
    }
}

async fn check(setting: &Setting, example: &Example) {
    let document = setting.hub.get(example.role, "/openapi.json").send().await.body;
    let (method, path) = example.operation.split_once(' ').unwrap();
    let entry = &document["paths"][path][method.to_lowercase()];
    let what = format!("{}: {}", example.role, example.operation);
    assert!(entry.is_object(), "{what} is in no document");
    let security = entry["security"].as_array().unwrap();
    let as_whom = match security.first() {
        None => As::NoOne,
        Some(first) if first.get("administrator").is_some() => As::Administrator,
        Some(_) => As::Token(&setting.member),
    };
    if !security.is_empty() {
        setting.send(example, As::NoOne).await.refused(401, "no_token");
    }
    let needs = |one: &Value| one["token"].as_array().is_some_and(|list| !list.is_empty());
    // Everyone may read oneself, so that one needs no capability for it.
    if security.iter().any(needs) && example.operation != "GET /v1/users/{id}" {
        let refused = setting.send(example, As::Token(&setting.nobody)).await;
        refused.refused(403, "missing_capability");
        let named = security.iter().filter_map(|one| one["token"][0].as_str());
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(named.into_iter().any(|name| detail.contains(name)), "{what}: {detail}");
    }
    let answer = setting.send(example, as_whom).await;
    assert_eq!(answer.status.as_u16(), example.status, "{what}: {answer:?}");
    let told = &entry["responses"][example.status.to_string()];
    assert!(told.is_object() || example.status >= 400, "{what} does not tell of {answer:?}");
    let media = answer.headers.get("content-type").map(|media| media.to_str().unwrap());
    if let (Some(content), Some(media)) = (told["content"].as_object(), media) {
        let known = content.keys().any(|known| media.starts_with(known.as_str()));
        // Events come as a page when that is asked for.
        assert!(known || example.path.contains("stream=false"), "{what}: {media}");
    }
}

/// What has been made durable so far, over all roles. An orchestrator on a server does not count: it
/// writes all the time that it is alive.
async fn written(hub: &Hub) -> f64 {
    let mut sum = 0.0;
    for role in Role::ALL.into_iter().filter(|role| *role != Orchestrator || !on_postgres()) {
        sum += hub.counter(role, "store_transactions_total").await;
    }
    sum
}

#[tokio::test]
async fn every_operation_refuses_broken_bodies_and_paths_and_stores_nothing() {
    let setting = Setting::new().await;
    let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
    let long = format!("{{\"x\":\"{}\"}}", "x".repeat(1 << 20));
    let bodies: [(&str, &str); 8] = [
        ("application/json", ""),
        ("application/json", "{"),
        ("application/json", "[]"),
        ("application/json", "{\"zz\":1}"),
        ("application/json", "{\"zz\":1,\"zz\":2}"),
        ("application/json", &deep),
        ("application/json", &long),
        ("text/plain", "{}"),
    ];
    let names = ["%27%20OR%201%3D1--", "..%2F..%2Fetc", "%0d%0aset-cookie%3a%20a", "%00", "%FF"];
    let before = written(&setting.hub).await;
    for example in examples() {
        let (method, path) = example.operation.split_once(' ').unwrap();
        let what = format!("{} {}", example.role, example.operation);
        let sent = async |path: &str, media: &str, body: &str| {
            let call = setting.hub.call(example.role, method, path);
            // Operators' routes take the admin credential, and others whoever may do anything.
            let operators = ["/v1/tenants", "/v1/users", "/v1/tokens/issue", "/v1/kill-switch"];
            let operators = operators.iter().any(|one| path.starts_with(one))
                || example.operation == "PUT /v1/constitution";
            let call = if operators && method != "GET" {
                call.admin(&setting.hub.credential())
            } else {
                call.bearer(&setting.member)
            };
            let answer = call.body(media, body.to_owned()).send().await;
            assert!(answer.status.is_client_error(), "{what} {path} {body:.20}: {answer:?}");
            let code = answer.body["code"].as_str().expect("a problem").replacen("hub.", "", 1);
            answer.refused(answer.status.as_u16(), &code);
            assert!(!answer.headers.contains_key("set-cookie"), "{what}");
        };
        if example.body.is_some() {
            let place = example.path.replace("{session}", &setting.session);
            let place = place.replace("{wizard}", &setting.wizard);
            let place = place.replace("{workflow}", &setting.workflow);
            for (media, body) in bodies {
                sent(&place, media, body).await;
            }
        }
        if path.contains('{') {
            let body = example.body.as_ref().map(ToString::to_string).unwrap_or_default();
            // Any text may be forgotten, and is looked for in a transaction of its own.
            let names = if method == "DELETE" { &names[3..] } else { &names[..] };
            for name in names {
                // Those who may name a tenant or user of their choice still may not name it so.
                let place: Vec<&str> = path
                    .split('/')
                    .map(|part| if part.starts_with('{') { *name } else { part })
                    .collect();
                sent(&place.join("/"), "application/json", &body).await;
            }
        }
    }
    let after = written(&setting.hub).await;
    assert_eq!(before, after, "something was written");
}

#[tokio::test]
async fn every_operation_stands_in_the_reference() {
    let hub = Hub::start(&Role::ALL).await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference");
    let mut reference = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "md") {
            reference.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
    let mut missing = BTreeSet::new();
    for role in Role::ALL {
        let document = hub.get(role, "/openapi.json").send().await;
        for (path, methods) in document.ok(200)["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                let operation = format!("`{} {path}`", method.to_uppercase());
                if !reference.contains(&operation) {
                    missing.insert(operation);
                }
            }
        }
    }
    assert!(missing.is_empty(), "no page of the reference names {missing:#?}");
}
