//! Rules and verdicts over HTTP.

use seaworthy_hub::Role::{Identity, Policy};
use serde_json::{Value, json};

use crate::harness::{Answer, Hub};

const ALL: [&str; 3] = ["policy:read", "policy:write", "policy:evaluate"];

async fn evaluate(hub: &Hub, token: &str, tenant: &str, prompt: &str) -> Answer {
    let body = json!({
        "session_id": "s", "tenant": tenant, "user": "ada", "prompt": prompt, "role": "user",
        "metadata": {"channel": "test"}
    });
    hub.post(Policy, "/v1/evaluate", body).bearer(token).send().await
}

fn rule(name: &str, pattern: &str, weight: f64) -> Value {
    json!({"name": name, "pattern": pattern, "weight": weight, "severity": "high",
           "description": "d"})
}

#[tokio::test]
async fn a_tenant_without_policy_is_denied() {
    let hub = Hub::start(&[Identity, Policy]).await;
    let token = hub.token("acme", "ada", &ALL).await;
    let denied = evaluate(&hub, &token, "acme", "hello").await;
    let hash = hub.verify(&token).await.body["constitution_hash"].clone();
    assert_eq!(
        denied.ok(200),
        &json!({"allowed": false, "score": 0.0, "severity": "critical",
                "reasons": {"code": "no_policy", "constitution_hash": hash, "policy": []}})
    );
    let read = hub.get(Policy, "/v1/policies/acme").bearer(&token).send().await;
    read.refused(404, "no_policy");
    let empty = hub.put(Policy, "/v1/policies/acme", json!({"rules": []}));
    assert_eq!(empty.bearer(&token).send().await.ok(201)["version"], 1);
    assert_eq!(evaluate(&hub, &token, "acme", "hello").await.ok(200)["allowed"], true);
}

#[tokio::test]
async fn rules_decide_and_a_change_holds_at_once_and_after_a_restart() {
    let hub = Hub::start(&[Identity, Policy]).await;
    let token = hub.token("acme", "ada", &ALL).await;
    let rules = json!({"rules": [rule("z", "Jailbreak", 0.35), rule("a", "straße", 0.35)]});
    hub.put(Policy, "/v1/policies/acme", rules).bearer(&token).send().await.ok(201);

    let allowed = evaluate(&hub, &token, "acme", "how is the weather?").await;
    let hash = hub.verify(&token).await.body["constitution_hash"].clone();
    assert_eq!(
        allowed.ok(200),
        &json!({"allowed": true, "score": 1.0, "severity": "low",
                "reasons": {"constitution_hash": hash, "policy": []}})
    );
    let denied = evaluate(&hub, &token, "acme", "JAILBREAK in the STRASSE").await;
    let denied = denied.ok(200);
    assert_eq!(denied["allowed"], false);
    assert_eq!(denied["severity"], "high");
    assert!((denied["score"].as_f64().unwrap() - 0.3).abs() < 1e-9);
    let violation = &denied["reasons"]["policy"][0];
    assert_eq!(violation["name"], "z");
    assert_eq!(violation["pattern"], "Jailbreak");
    assert_eq!(violation["excerpt"], "JAILBREAK in the STRASSE");
    assert_eq!(denied["reasons"]["policy"][1]["name"], "a");

    let add = |body: Value| hub.post(Policy, "/v1/policies/acme/rules", body).bearer(&token).send();
    add(json!({"name": "w", "pattern": "weather"})).await.ok(201);
    add(json!({"name": "w", "pattern": "other"})).await.refused(409, "duplicate_rule");
    let now_denied = evaluate(&hub, &token, "acme", "how is the weather?").await;
    assert_eq!(now_denied.ok(200)["severity"], "medium");

    let open = hub.put(Policy, "/v1/policies/acme", json!({"rules": []}));
    open.bearer(&token).send().await.ok(200);
    assert_eq!(evaluate(&hub, &token, "acme", "weather").await.ok(200)["allowed"], true);
    let rules = json!({"rules": [
        rule("z", "Jailbreak", 0.35), rule("a", "straße", 0.35),
        {"name": "w", "pattern": "weather"},
    ]});
    hub.put(Policy, "/v1/policies/acme", rules).bearer(&token).send().await.ok(200);

    let data = hub.stop().await;
    let hub = Hub::with(data, |options| options.roles([Identity, Policy])).await;
    let read = hub.get(Policy, "/v1/policies/acme").bearer(&token).send().await;
    assert_eq!(read.ok(200)["version"], 4);
    let names: Vec<_> =
        read.body["rules"].as_array().unwrap().iter().map(|rule| rule["name"].clone()).collect();
    assert_eq!(names, ["z", "a", "w"]);
    let denied = evaluate(&hub, &token, "acme", "weather").await;
    assert_eq!(denied.ok(200)["allowed"], false);
    let deny = r#"policy_evaluations_total{decision="deny",severity="medium"}"#;
    assert_eq!(hub.counter(Policy, deny).await, 1.0);
    assert_eq!(hub.counter(Policy, "policy_evaluation_latency_seconds_count").await, 1.0);
}

#[tokio::test]
async fn each_capability_opens_its_own_door_and_no_other_tenants() {
    let hub = Hub::start(&[Identity, Policy]).await;
    let evaluator = hub.token("acme", "ada", &["policy:evaluate"]).await;
    let writer = hub.token("acme", "wim", &["policy:write"]).await;
    let foreign = hub.token("other", "eve", &["*"]).await;
    let put = |token: &str| {
        let rules = json!({"rules": [rule("a", "a", 0.1)]});
        hub.put(Policy, "/v1/policies/acme", rules).bearer(token).send()
    };
    put(&evaluator).await.refused(403, "missing_capability");
    put(&foreign).await.refused(403, "wrong_tenant");
    put(&writer).await.ok(201);
    evaluate(&hub, &writer, "acme", "a").await.refused(403, "missing_capability");
    evaluate(&hub, &foreign, "acme", "a").await.refused(403, "wrong_tenant");
    evaluate(&hub, &evaluator, "acme", "a").await.ok(200);
    let read = hub.get(Policy, "/v1/policies/acme").bearer(&writer).send().await;
    read.refused(403, "missing_capability");
}

#[tokio::test]
async fn a_policy_out_of_bounds_is_refused_whole() {
    let hub = Hub::start(&[Identity, Policy]).await;
    let token = hub.token("acme", "ada", &ALL).await;
    let put = |body: Value| hub.put(Policy, "/v1/policies/acme", body).bearer(&token).send();
    for (bad, code, pointer) in [
        (rule("a", "a", 1.5), "invalid_value", "/rules/1/weight"),
        (rule("a", "  ", 0.5), "invalid_value", "/rules/1/pattern"),
        (
            json!({"name": "a", "pattern": "a", "severity": "mild"}),
            "wrong_type",
            "/rules/1/severity",
        ),
        (json!({"name": "a", "pattern": 7}), "wrong_type", "/rules/1/pattern"),
        (json!({"name": "a"}), "missing_field", "/rules/1"),
        (json!({"name": "a", "pattern": "a", "regex": true}), "unknown_field", "/rules/1"),
    ] {
        let refused = put(json!({"rules": [rule("good", "good", 0.5), bad]})).await;
        refused.refused(422, code);
        let place = refused.body["pointer"].as_str().unwrap();
        assert!(place.starts_with(pointer), "{place} {pointer}");
    }
    let twice = put(json!({"rules": [rule("a", "a", 0.1), rule("a", "b", 0.1)]})).await;
    twice.refused(409, "duplicate_rule");
    let read = hub.get(Policy, "/v1/policies/acme").bearer(&token).send().await;
    read.refused(404, "no_policy");
}

#[tokio::test]
async fn ten_thousand_rules_are_taken_and_one_more_is_not() {
    let hub = Hub::start(&[Identity, Policy]).await;
    let token = hub.token("acme", "ada", &ALL).await;
    let rules: Vec<Value> = (0..10_000)
        .map(|index| json!({"name": format!("r{index}"), "pattern": format!("word-{index}-")}))
        .collect();
    let put = hub.put(Policy, "/v1/policies/acme", json!({"rules": rules}));
    put.bearer(&token).send().await.ok(201);
    let denied = evaluate(&hub, &token, "acme", "one WORD-9999- and word-1-").await;
    assert_eq!(denied.ok(200)["reasons"]["policy"].as_array().unwrap().len(), 2);
    let more = json!({"name": "one-more", "pattern": "x"});
    let add = hub.post(Policy, "/v1/policies/acme/rules", more).bearer(&token).send().await;
    add.refused(422, "policy_too_large");
}
