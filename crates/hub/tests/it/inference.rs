//! The inference role over HTTP: quotes, honesty about what it is, and what it refuses.

use http::StatusCode;
use seaworthy_hub::Role::Inference;
use serde_json::json;

use crate::fleet::Fleet;
use crate::wire::Call;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_answers_from_the_sources_or_says_that_it_cannot() {
    let fleet = Fleet::launch().await;
    let member = fleet.member("acme").await;
    let sources = json!([
        {"key": "coal", "value": "The Borealis carries coal."},
        {"key": "tea", "value": "The Aurora carries tea."},
    ]);
    let body = json!({"prompt": "Where is the Aurora?", "sources": sources, "max_tokens": 64});
    let answer = member.post(Inference, "/v1/infer/sync", &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.json["model"], "seaworthy-memory-quotes");
    assert_eq!(
        answer.json["completion"],
        "I found this in memory: \"The Aurora carries tea.\" [tea]"
    );
    assert_eq!(answer.json["sources"], json!([sources[1]]));
    assert_eq!(answer.json["grounded"], true);
    assert_eq!(
        answer.json["usage"],
        json!({"unit": "words", "prompt": 4, "completion": 10, "total": 14})
    );
    let nothing = member
        .post(Inference, "/v1/infer/sync", &json!({"prompt": "Who are you?", "sources": sources}))
        .await;
    assert_eq!(nothing.json["grounded"], false);
    assert_eq!(nothing.json["completion"], "I found nothing in memory about this.");
    let models = member.get(Inference, "/models").await;
    assert_eq!(models.json["models"][0]["id"], "seaworthy-memory-quotes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_refuses_strangers_and_bad_input() {
    let fleet = Fleet::launch().await;
    let member = fleet.member("acme").await;
    let reader = fleet.token("acme", "reader", &["memory:read"]).await;
    for path in ["/v1/infer/sync", "/models"] {
        let method = if path == "/models" { http::Method::GET } else { http::Method::POST };
        let call = || {
            let call = Call::new(method.clone(), fleet.url(Inference, path));
            call.json(&json!({"prompt": "x"}))
        };
        fleet.http.send(call()).await.refused(401, "no_token");
        let call = call().header("authorization", &format!("Bearer {reader}"));
        fleet.http.send(call).await.refused(403, "missing_capability");
    }
    let many: Vec<_> = (0..51).map(|n| json!({"key": n.to_string(), "value": "x"})).collect();
    for (body, code) in [
        (json!({"prompt": " "}), "invalid_value"),
        (json!({"prompt": "x".repeat((64 << 10) + 1)}), "invalid_value"),
        (json!({"prompt": "x", "max_tokens": 0}), "invalid_value"),
        (json!({"prompt": "x", "max_tokens": 257}), "invalid_value"),
        (json!({"prompt": "x", "sources": many}), "invalid_value"),
        (json!({"prompt": "x", "sources": [{"key": "k"}]}), "missing_field"),
        (json!({"prompt": "x", "temperature": 0.8}), "unknown_field"),
    ] {
        member.post(Inference, "/v1/infer/sync", &body).await.refused(422, code);
    }
}
