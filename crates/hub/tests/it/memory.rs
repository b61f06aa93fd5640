//! The memory role over HTTP: remembering, recalling, forgetting, searching, and what it refuses.

use http::{Method, StatusCode};
use seaworthy_hub::Role::{Gateway, Memory};
use serde_json::json;

use crate::fleet::Fleet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_is_kept_overwritten_and_forgotten() {
    let fleet = Fleet::launch().await;
    let member = fleet.member("acme").await;
    for role in [Memory, Gateway] {
        let body =
            json!({"key": "a/ä 1", "value": "The Aurora carries tea.", "metadata": {"n": 1}});
        let made = member.post(role, "/v1/remember", &body).await;
        assert_eq!((made.status, &made.json), (StatusCode::CREATED, &body));
        let body = json!({"key": "a/ä 1", "value": "coal"});
        let again = member.post(role, "/v1/remember", &body).await;
        assert_eq!(again.status, StatusCode::OK);
        for path in ["/v1/recall/a/%C3%A4%201", "/v1/recall/a%2F%C3%A4%201"] {
            let recalled = member.get(role, path).await;
            assert_eq!(recalled.status, StatusCode::OK, "{recalled:?}");
            assert_eq!(recalled.json["key"], "a/ä 1");
            assert_eq!(recalled.json["value"], "coal");
            assert!(recalled.json.get("metadata").is_none());
        }
        assert!(member.found("Aurora").await.is_empty());
        assert_eq!(member.found("coal").await, ["a/ä 1"]);
        let gone = member.delete(role, "/v1/recall/a%2F%C3%A4%201").await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
        member.delete(role, "/v1/recall/a%2F%C3%A4%201").await.refused(404, "unknown_key");
        member.get(role, "/v1/recall/a%2F%C3%A4%201").await.refused(404, "unknown_key");
        assert!(member.found("coal").await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_ranks_quotes_and_says_when_nothing_was_found() {
    let fleet = Fleet::launch().await;
    let member = fleet.member("acme").await;
    for n in 0..30 {
        member.remember(&format!("ship-{n}"), &format!("Ship {n} of the line carries coal.")).await;
    }
    member.remember("aurora", "The Aurora carries tea. She sails at dawn.").await;
    let ask = |query: &'static str, limit: usize| {
        let body = json!({"query": query, "limit": limit});
        async { member.post(Memory, "/v1/rag/retrieve", &{ body }).await.json }
    };
    let found = ask("What does the Aurora carry, tea?", 5).await;
    assert_eq!(found["sources"][0]["key"], "aurora");
    assert!(found["sources"][0]["score"].as_f64().unwrap() > 0.0);
    assert_eq!(found["answer"], "I found this in memory: \"The Aurora carries tea.\" [aurora]");
    let exact = ask("ship 17", 3).await;
    let keys: Vec<_> = exact["sources"].as_array().unwrap().iter().map(|s| &s["key"]).collect();
    assert_eq!(keys, ["ship-17", "ship-0", "ship-1"], "of equal scores the older come first");
    let nothing = ask("quantum chromodynamics", 5).await;
    assert_eq!(nothing["sources"], json!([]));
    assert_eq!(nothing["answer"], "I found nothing in memory about this.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_keeps_the_rows_and_rebuilds_the_index() {
    let mut fleet = Fleet::launch().await;
    {
        let member = fleet.member("acme").await;
        member.remember("keep", "a lighthouse").await;
        member.remember("drop", "a lighthouse").await;
        assert_eq!(member.found("lighthouse").await, ["keep", "drop"]);
        member.delete(Memory, "/v1/recall/drop").await;
    }
    fleet.restart(Memory).await;
    let member = fleet.member("acme").await;
    assert_eq!(member.found("lighthouse").await, ["keep"]);
    assert_eq!(member.get(Memory, "/v1/recall/keep").await.json["value"], "a lighthouse");
    let metrics = member.get(Memory, "/metrics").await.text;
    assert!(metrics.contains("memory_index_tenants 1"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_at_once_leave_one_value_that_the_search_agrees_with() {
    let fleet = Fleet::launch().await;
    let member = fleet.member("acme").await;
    let all = (0..40).map(|n| {
        let member = &member;
        async move {
            let body = json!({"key": format!("k{}", n % 4), "value": format!("word{n}")});
            assert!(member.post(Memory, "/v1/remember", &body).await.status.is_success());
            member.found("word1").await;
            if n % 8 == 7 {
                member.delete(Memory, &format!("/v1/recall/k{}", n % 4)).await;
            }
        }
    });
    futures_util::future::join_all(all).await;
    for key in ["k0", "k1", "k2", "k3"] {
        let recalled = member.get(Memory, &format!("/v1/recall/{key}")).await;
        for n in 0..40 {
            let word = format!("word{n}");
            let held = recalled.json["value"] == word.as_str();
            assert_eq!(member.found(&word).await.contains(&key.to_owned()), held, "{key} {word}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_see_nothing_of_each_other() {
    let fleet = Fleet::launch().await;
    let (acme, bolt) = (fleet.member("acme").await, fleet.member("bolt").await);
    acme.remember("secret", "the harbour code is 4711").await;
    assert_eq!(acme.found("harbour code").await, ["secret"]);
    for role in [Memory, Gateway] {
        bolt.get(role, "/v1/recall/secret").await.refused(404, "unknown_key");
        bolt.delete(role, "/v1/recall/secret").await.refused(404, "unknown_key");
        let found = bolt.post(role, "/v1/rag/retrieve", &json!({"query": "harbour code"})).await;
        assert_eq!(found.json["sources"], json!([]));
        assert!(!found.text.contains("4711"));
        let body = json!({"key": "k", "value": "v", "tenant": "acme"});
        bolt.post(role, "/v1/remember", &body).await.refused(422, "unknown_field");
    }
    bolt.remember("secret", "a parrot").await;
    assert_eq!(
        acme.get(Memory, "/v1/recall/secret").await.json["value"],
        "the harbour code is 4711"
    );
    assert_eq!(acme.found("parrot").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn capabilities_and_bad_input_are_refused_and_store_nothing() {
    let fleet = Fleet::launch().await;
    let member = fleet.member("acme").await;
    let reader = fleet.token("acme", "reader", &["memory:read"]).await;
    let writer = fleet.token("acme", "writer", &["memory:write"]).await;
    let bearer = |method: Method, path: &str, token: &str| {
        let call = crate::wire::Call::new(method, fleet.url(Memory, path));
        call.header("authorization", &format!("Bearer {token}"))
    };
    let body = json!({"key": "k", "value": "v"});
    let send = |call| fleet.http.send(call);
    send(bearer(Method::POST, "/v1/remember", &reader).json(&body))
        .await
        .refused(403, "missing_capability");
    send(bearer(Method::DELETE, "/v1/recall/k", &reader)).await.refused(403, "missing_capability");
    send(bearer(Method::GET, "/v1/recall/k", &writer)).await.refused(403, "missing_capability");
    send(bearer(Method::POST, "/v1/rag/retrieve", &writer).json(&json!({"query": "v"})))
        .await
        .refused(403, "missing_capability");
    send(bearer(Method::POST, "/v1/remember", "forged.to.ken").json(&body))
        .await
        .refused(401, "token_malformed");

    let long = "x".repeat((64 << 10) + 1);
    let cases = [
        (json!({"key": "", "value": "v"}), 422, "invalid_key"),
        (json!({"key": "k\u{0}", "value": "v"}), 422, "invalid_key"),
        (json!({"key": "k".repeat(513), "value": "v"}), 422, "invalid_key"),
        (json!({"key": "k", "value": long}), 422, "invalid_value"),
        (
            json!({"key": "k", "value": "v", "metadata": {"m": "x".repeat(16 << 10)}}),
            422,
            "invalid_value",
        ),
        (json!({"key": "k", "value": "v", "metadata": []}), 422, "wrong_type"),
        (json!({"key": "k", "value": 1}), 422, "wrong_type"),
        (json!({"key": "k"}), 422, "missing_field"),
        (json!({"key": "k", "value": "x".repeat(2 << 20)}), 413, "body_too_large"),
    ];
    for role in [Memory, Gateway] {
        for (body, status, code) in &cases {
            member.post(role, "/v1/remember", body).await.refused(*status, code);
        }
        for text in ["", "{", "[[[[", "{\"key\":\"k\",\"key\":\"k\",\"value\":\"v\"}", "\u{1}"] {
            let call = member.call(Method::POST, role, "/v1/remember").text(text);
            assert_eq!(send(call).await.status.as_u16(), 400, "{text}");
        }
        for body in [
            json!({"query": " "}),
            json!({"query": "x", "limit": 0}),
            json!({"query": "x", "limit": 51}),
        ] {
            member.post(role, "/v1/rag/retrieve", &body).await.refused(422, "invalid_value");
        }
        member.get(role, "/v1/recall/k").await.refused(404, "unknown_key");
        let huge = format!("/v1/recall/{}", "k".repeat(600));
        member.get(role, &huge).await.refused(422, "invalid_key");
        assert_eq!(member.get(role, "/v1/recall/%FF").await.status.as_u16(), 400);
        assert_eq!(member.get(role, "/v1/recall/").await.status.as_u16(), 404);
    }
    assert!(member.found("v").await.is_empty());
}
