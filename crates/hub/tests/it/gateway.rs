//! The gateway over HTTP: authentication before anything else, answers passed on as they are, streams that close.

use http::{Method, StatusCode};
use seaworthy_hub::Role::{Gateway, Orchestrator, Policy};
use serde_json::json;

use crate::fleet::{Fleet, Member};
use crate::wire::{Call, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_wants_a_token_and_its_capability() {
    let fleet = Fleet::launch().await;
    let routes = [
        (Method::GET, "/v1/status", ""),
        (Method::POST, "/v1/sessions", "session:write"),
        (Method::POST, "/v1/sessions/message", "session:write"),
        (Method::POST, "/v1/session/message", "session:write"),
        (Method::GET, "/v1/sessions/x", "session:read"),
        (Method::GET, "/v1/sessions/x/turns", "session:read"),
        (Method::GET, "/v1/sessions/x/events", "session:read"),
        (Method::POST, "/v1/remember", "memory:write"),
        (Method::GET, "/v1/recall/x", "memory:read"),
        (Method::DELETE, "/v1/recall/x", "memory:write"),
        (Method::POST, "/v1/rag/retrieve", "memory:read"),
        (Method::POST, "/v1/evaluate", "policy:evaluate"),
    ];
    let all = routes.clone().map(|(_, _, capability)| capability);
    for (method, path, capability) in routes {
        let body = match path {
            "/v1/sessions" => json!({"prompt": "x"}),
            "/v1/remember" => json!({"key": "x", "value": "x"}),
            "/v1/rag/retrieve" => json!({"query": "x"}),
            "/v1/evaluate" => {
                json!({"session_id": "x", "tenant": "acme", "user": "x", "prompt": "x"})
            }
            _ => json!({"session_id": "x", "message": "x"}),
        };
        let call = |token: &str| {
            let call = Call::new(method.clone(), fleet.url(Gateway, path)).json(&body);
            if token.is_empty() { call } else { call.header("authorization", token) }
        };
        fleet.http.send(call("")).await.refused(401, "no_token");
        fleet.http.send(call("Basic YWRtaW46eA==")).await.refused(401, "no_token");
        fleet.http.send(call("Bearer nonsense")).await.refused(401, "token_malformed");
        if capability.is_empty() {
            continue;
        }
        let others: std::collections::BTreeSet<&str> =
            all.into_iter().filter(|one| !one.is_empty() && *one != capability).collect();
        let token = fleet.token("acme", "almost", &others.into_iter().collect::<Vec<_>>()).await;
        let refused = fleet.http.send(call(&format!("Bearer {token}"))).await;
        refused.refused(403, "missing_capability");
        assert!(refused.json["detail"].as_str().unwrap().contains(capability), "{refused:?}");
        assert_eq!(refused.json["instance"], path);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_names_the_caller_and_the_state() {
    let mut fleet = Fleet::launch().await;
    let token = fleet.member("acme").await.token;
    let member = Member { fleet: &fleet, token: token.clone() };
    let status = member.get(Gateway, "/v1/status").await.json;
    assert_eq!((&status["service"], &status["state"]), (&json!("gateway-api"), &json!("ready")));
    assert_eq!((&status["tenant"], &status["user"]), (&json!("acme"), &json!("user-acme")));
    fleet.stop(Orchestrator).await;
    let member = Member { fleet: &fleet, token };
    assert_eq!(member.get(Gateway, "/v1/status").await.json["state"], "degraded");
    let failed = member.post(Gateway, "/v1/sessions", &json!({"prompt": "x"})).await;
    assert_eq!(failed.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(failed.headers.contains_key("retry-after"));
    let failed = member.get(Gateway, "/v1/sessions/x").await;
    assert_eq!(failed.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_made_with_what_was_sent_along() {
    let fleet = Fleet::launch().await;
    let member = fleet.member("acme").await;
    let body = json!({"prompt": "Plan a voyage.", "capsule_id": "voyage", "metadata": {"a": [1]}});
    let made = member.post(Gateway, "/v1/sessions", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(made.json["status"], "running");
    let payload = &made.json["payload"];
    assert_eq!(
        payload["workflow_id"],
        format!("session-{}", made.json["session_id"].as_str().unwrap())
    );
    assert_eq!((&payload["tenant"], &payload["user"]), (&json!("acme"), &json!("user-acme")));
    let path = format!("/v1/sessions/{}", made.json["session_id"].as_str().unwrap());
    let shown = member.get(Gateway, &path).await.json;
    assert_eq!(shown, *payload);
    assert_eq!(
        (&shown["capsule_id"], &shown["metadata"]),
        (&body["capsule_id"], &body["metadata"])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_pass_as_the_roles_give_them() {
    let fleet = Fleet::launch().await;
    let member = fleet.member("acme").await;
    let body = json!({"session_id": "s", "tenant": "acme", "user": "u", "prompt": "no sabotage"});
    let direct = member.post(Policy, "/v1/evaluate", &body).await;
    let through = member.post(Gateway, "/v1/evaluate", &body).await;
    assert_eq!(direct.status, StatusCode::OK, "{direct:?}");
    assert_eq!((through.status, &through.json), (direct.status, &direct.json));
    let other = json!({"session_id": "s", "tenant": "bolt", "user": "u", "prompt": "x"});
    member.post(Gateway, "/v1/evaluate", &other).await.refused(403, "wrong_tenant");
    // A number beyond a double's precision goes through untouched.
    let text = r#"{"key":"big","value":"v","metadata":{"n":123456789012345678}}"#;
    let call = member.call(Method::POST, Gateway, "/v1/remember").text(text);
    assert_eq!(fleet.http.send(call).await.json["metadata"]["n"], 123_456_789_012_345_678_i64);
    let call = member.call(Method::GET, Gateway, "/v1/status").header("x-request-id", "trace-me");
    assert_eq!(fleet.http.send(call).await.headers["x-request-id"], "trace-me");
    member.get(Gateway, "/v1/nowhere").await.refused(404, "no_route");
    member.delete(Gateway, "/v1/sessions").await.refused(405, "no_method");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_closes_the_stream_behind_the_gateway() {
    let fleet = Fleet::launch().await;
    let member = fleet.member("acme").await;
    let session = member.session().await;
    let streams = |wanted: usize| {
        let line = format!("\nevent_streams {wanted}\n");
        let member = &member;
        async move { member.get(Orchestrator, "/metrics").await.text.contains(&line) }
    };
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut stream = member.listen(Gateway, &session, None).await;
        stream.take(1).await;
        open.push(stream);
    }
    assert!(streams(3).await);
    drop(open);
    until("the orchestrator's streams are closed", || streams(0)).await;
}
