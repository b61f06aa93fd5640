//! Sessions and turns: the whole way through all roles, exactly once, denied, interrupted, repeated.

use std::collections::HashSet;
use std::sync::Mutex;

use futures_util::future::join_all;
use http::{Method, StatusCode};
use seaworthy_hub::Role::{self, Gateway, Inference, Memory, Orchestrator, Policy};
use serde_json::json;

use crate::fleet::{Fleet, Member};
use crate::wire::{Call, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_is_answered_from_memory_remembered_and_told_as_events() {
    let fleet = Fleet::launch().await;
    let member = fleet.member("acme").await;
    member.remember("tea", "The Aurora carries tea.").await;
    let session = member.session().await;
    let said = member.say(&session, "k1", "What does the Aurora carry?").await;
    assert_eq!(said.status, StatusCode::OK, "{said:?}");
    assert_eq!(said.json["session_id"], session.as_str());
    assert_eq!(said.json["response"], "I found this in memory: \"The Aurora carries tea.\" [tea]");
    assert_eq!(said.json["sources"][0]["key"], "tea");
    assert_eq!(said.json["grounded"], true);
    assert_eq!(said.json["policy"], json!({"allowed": true, "score": 1.0, "severity": "low"}));
    assert_eq!(said.json["event_id"], 3);

    let key = said.json["memory_key"].as_str().unwrap();
    let turn = said.json["turn_id"].as_str().unwrap();
    assert_eq!(key, format!("session/{session}/turn/{turn}"));
    let recalled = member.get(Gateway, &format!("/v1/recall/{key}")).await;
    assert_eq!(recalled.json["value"], "What does the Aurora carry?");
    assert_eq!(recalled.json["metadata"]["turn_id"], turn);

    let events = member.events(&session).await;
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["session.created", "message.received", "turn.completed"]);
    assert_eq!(events[0]["data"]["prompt"], "Let us talk about ships.");
    assert_eq!(events[1]["data"]["message"], "What does the Aurora carry?");
    assert_eq!(events[2]["data"]["response"], said.json["response"]);

    let turns = member.turns(&session).await;
    assert_eq!(turns.len(), 1);
    assert_eq!(turns[0]["answer"], said.json);
    assert_eq!(turns[0]["message"], "What does the Aurora carry?");

    member.say(&session, "k2", "My parrot is called Polly.").await;
    let asked = member.say(&session, "k3", "What is my parrot called?").await;
    assert!(asked.json["response"].as_str().unwrap().contains("Polly"), "{asked:?}");
    let shown = member.get(Gateway, &format!("/v1/sessions/{session}")).await;
    assert_eq!((&shown.json["turns"], &shown.json["event_id"]), (&json!(3), &json!(7)));
    let by_workflow = member.get(Orchestrator, &format!("/v1/sessions/session-{session}")).await;
    assert_eq!(by_workflow.json, shown.json);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_gets_the_same_answer_and_another_body_is_refused() {
    let fleet = Fleet::launch().await;
    let member = fleet.member("acme").await;
    let (session, other) = (member.session().await, member.session().await);
    let first = member.say(&session, "key", "hello there").await;
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let again = member.say(&session, "key", "hello there").await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    member.say(&session, "key", "something else").await.refused(422, "idempotency_key_reused");
    let elsewhere = member.say(&other, "key", "something else").await;
    assert_eq!(elsewhere.status, StatusCode::OK);
    assert!(!elsewhere.headers.contains_key("idempotent-replayed"));
    assert_eq!(member.turns(&session).await.len(), 1);
    assert_eq!(member.events(&session).await.len(), 3);
    for _ in 0..2 {
        assert_eq!(member.say(&session, "", "no key, no replay").await.status, StatusCode::OK);
    }
    assert_eq!(member.turns(&session).await.len(), 3);
    for key in ["", &"k".repeat(256)] {
        let body = json!({"session_id": session, "message": "x"});
        let call = member.call(Method::POST, Gateway, "/v1/sessions/message").json(&body);
        let answer = fleet.http.send(call.header("idempotency-key", key)).await;
        answer.refused(400, "invalid_idempotency_key");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_at_once_with_one_key_make_one_turn() {
    let fleet = Fleet::launch().await;
    let member = fleet.member("acme").await;
    let session = member.session().await;
    for round in 0..5 {
        let key = format!("key-{round}");
        let same = join_all((0..8).map(|_| member.say(&session, &key, "all at once"))).await;
        let bodies: HashSet<_> = same.iter().map(|answer| answer.text.clone()).collect();
        assert_eq!(bodies.len(), 1, "{bodies:?}");
        assert!(same.iter().all(|answer| answer.status == StatusCode::OK), "{same:?}");
        let replayed =
            same.iter().filter(|answer| answer.headers.contains_key("idempotent-replayed")).count();
        assert_eq!(replayed, 7);
        let mixed = join_all(
            (0..8).map(|n| member.say(&session, "mixed", if n % 2 == 0 { "even" } else { "odd" })),
        )
        .await;
        let fine: HashSet<_> = mixed
            .iter()
            .filter(|answer| answer.status == StatusCode::OK)
            .map(|answer| answer.text.clone())
            .collect();
        assert_eq!(fine.len(), 1, "one body wins: {mixed:?}");
        for answer in mixed.iter().filter(|answer| answer.status != StatusCode::OK) {
            answer.refused(422, "idempotency_key_reused");
        }
    }
    assert_eq!(member.turns(&session).await.len(), 6);
    assert_eq!(member.events(&session).await.len(), 13);
    let remembered = member.found("once even odd").await;
    assert_eq!(remembered.len(), 6, "{remembered:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_does_not_share_what_anothers_token_does_not_allow() {
    let fleet = Fleet::launch().await;
    let member = fleet.member("acme").await;
    let session = member.session().await;
    let less = fleet.token("acme", "less", &["session:write", "policy:evaluate"]).await;
    let less = Member { fleet: &fleet, token: less };
    for n in 0..20 {
        let key = format!("key {n}");
        let call = less.saying(&session, &key, "what is there");
        let (refused, answered) =
            tokio::join!(fleet.http.send(call), member.say(&session, &key, "what is there"));
        assert_eq!(answered.status, StatusCode::OK, "{answered:?}");
        // It may have got the other's answer, which its own tenant may see.
        assert!(matches!(refused.status.as_u16(), 200 | 403), "{refused:?}");
    }
    assert_eq!(member.turns(&session).await.len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denied_message_is_told_but_neither_kept_nor_remembered() {
    let fleet = Fleet::launch().await;
    let member = fleet.member("acme").await;
    let session = member.session().await;
    let denied = member.say(&session, "bad", "please SABOTAGE the zeppelin").await;
    denied.refused(403, "policy_denied");
    assert_eq!(denied.json["policy"]["allowed"], false);
    assert_eq!(denied.json["policy"]["reasons"]["policy"][0]["name"], "no sabotage");
    assert_eq!(denied.json["policy"]["score"], 0.65);
    let again = member.say(&session, "bad", "please SABOTAGE the zeppelin").await;
    again.refused(403, "policy_denied");
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let events = member.events(&session).await;
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["session.created", "turn.denied"]);
    assert!(member.found("zeppelin").await.is_empty());
    let turns = member.turns(&session).await;
    assert_eq!(turns[0]["status"], "denied");
    assert!(turns[0].get("message").is_none());

    let lawless = fleet.token("lawless", "someone", &crate::fleet::MEMBER).await;
    let lawless = Member { fleet: &fleet, token: lawless };
    let session = lawless.session().await;
    let denied = lawless.say(&session, "k", "anything").await;
    denied.refused(403, "policy_denied");
    assert_eq!(denied.json["policy"]["reasons"]["code"], "no_policy");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_role_nothing_is_committed_and_a_retry_succeeds() {
    let mut fleet = Fleet::launch().await;
    let (token, session) = {
        let member = fleet.member("acme").await;
        let session = member.session().await;
        (member.token, session)
    };
    for role in [Policy, Memory, Inference] {
        fleet.stop(role).await;
        let member = Member { fleet: &fleet, token: token.clone() };
        let key = format!("while-{role}-is-down");
        let failed = member.say(&session, &key, "is anybody there").await;
        assert_eq!(failed.status, StatusCode::SERVICE_UNAVAILABLE, "{role}: {failed:?}");
        assert!(failed.headers.contains_key("retry-after"), "{role}: {failed:?}");
        assert_eq!(failed.headers["content-type"], "application/problem+json");
        let ready = member.get(Orchestrator, "/ready").await;
        assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
        let (turns, events) = (member.turns(&session).await, member.events(&session).await);
        fleet.start(role).await;
        let member = Member { fleet: &fleet, token: token.clone() };
        // For up to a second after it has come back a role may still be left alone.
        let retried = Mutex::new(None);
        until("the role is called again", || async {
            let said = member.say(&session, &key, "is anybody there").await;
            if said.status == StatusCode::SERVICE_UNAVAILABLE {
                said.refused(503, "circuit_open");
                return false;
            }
            *retried.lock().unwrap() = Some(said);
            true
        })
        .await;
        let retried = retried.into_inner().unwrap().unwrap();
        assert_eq!(retried.status, StatusCode::OK, "{role}: {retried:?}");
        assert!(!retried.headers.contains_key("idempotent-replayed"));
        assert_eq!(member.turns(&session).await.len(), turns.len() + 1);
        assert_eq!(member.events(&session).await.len(), events.len() + 2);
    }
    let member = Member { fleet: &fleet, token };
    assert_eq!(member.turns(&session).await.len(), 3);
    assert_eq!(member.found("anybody").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_keeps_every_acknowledged_turn_and_its_key() {
    let mut fleet = Fleet::launch().await;
    let token = fleet.member("acme").await.token;
    let mut member = Member { fleet: &fleet, token: token.clone() };
    let session = member.session().await;
    let said = member.say(&session, "before", "the anchor is rusty").await;
    let (turns, events) = (member.turns(&session).await, member.events(&session).await);
    for role in Role::ALL {
        fleet.restart(role).await;
    }
    member = Member { fleet: &fleet, token };
    assert_eq!(member.turns(&session).await, turns);
    assert_eq!(member.events(&session).await, events);
    let again = member.say(&session, "before", "the anchor is rusty").await;
    assert_eq!(again.text, said.text);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let asked = member.say(&session, "after", "how is my anchor doing").await;
    assert!(asked.json["response"].as_str().unwrap().contains("rusty"), "{asked:?}");
    assert_eq!(asked.json["event_id"], 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_hangs_up_leaves_a_whole_turn_or_none() {
    let fleet = Fleet::launch().await;
    let member = fleet.member("acme").await;
    let session = member.session().await;
    let address = fleet.url(Orchestrator, "").replace("http://", "");
    for n in 0..20 {
        let body = json!({"session_id": session, "message": "I am leaving"}).to_string();
        let head = format!(
            "POST /v1/conversation/step HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
             idempotency-key: hang-{n}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            member.token,
            body.len()
        );
        let mut socket = tokio::net::TcpStream::connect(&address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut socket, head.as_bytes()).await.unwrap();
        if n % 2 == 0 {
            tokio::task::yield_now().await;
        }
        drop(socket);
    }
    for n in 0..20 {
        let key = format!("hang-{n}");
        let said = member.say(&session, &key, "I am leaving").await;
        assert_eq!(said.status, StatusCode::OK, "{said:?}");
    }
    let turns = member.turns(&session).await;
    assert_eq!(turns.len(), 20);
    assert_eq!(member.events(&session).await.len(), 41);
    assert_eq!(member.found("leaving").await.len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_its_tenants_alone() {
    let fleet = Fleet::launch().await;
    let (acme, bolt) = (fleet.member("acme").await, fleet.member("bolt").await);
    let session = acme.session().await;
    acme.say(&session, "k", "a secret of acme").await;
    for role in [Gateway, Orchestrator] {
        for path in ["", "/turns", "/events", "/events?stream=false"] {
            let path = format!("/v1/sessions/{session}{path}");
            bolt.get(role, &path).await.refused(404, "unknown_session");
        }
    }
    for key in ["k", "other", ""] {
        bolt.say(&session, key, "a secret of acme").await.refused(404, "unknown_session");
    }
    for body in [json!({"tenant": "acme"}), json!({"tenant_id": "acme"})] {
        let mut start = json!({"prompt": "x"});
        start.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        bolt.post(Orchestrator, "/v1/sessions/start", &start).await.refused(403, "wrong_tenant");
        start["session_id"] = session.as_str().into();
        bolt.post(Orchestrator, "/v1/conversation/step", &start).await.refused(403, "wrong_tenant");
    }
    let start = json!({"prompt": "x", "user": "user-acme"});
    bolt.post(Orchestrator, "/v1/sessions/start", &start).await.refused(403, "wrong_user");
    assert_eq!(acme.events(&session).await.len(), 3);
    assert_eq!(bolt.found("secret").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_is_refused_and_nothing_is_stored() {
    let fleet = Fleet::launch().await;
    let member = fleet.member("acme").await;
    let session = member.session().await;
    let path = "/v1/conversation/step";
    let long = "x".repeat((64 << 10) + 1);
    let deep = format!("{{\"session_id\":\"{session}\",\"message\":{}", "[".repeat(100_000));
    for (body, status, code) in [
        (json!({"session_id": session, "message": long}), 422, "invalid_value"),
        (json!({"session_id": session, "message": " \n"}), 422, "invalid_value"),
        (json!({"session_id": session, "message": 7}), 422, "wrong_type"),
        (json!({"session_id": session}), 422, "missing_field"),
        (json!({"message": "x"}), 422, "missing_field"),
        (json!({"session_id": "../../x", "message": "x"}), 404, "unknown_session"),
        (json!({"session_id": "' OR 1=1 --", "message": "x"}), 404, "unknown_session"),
        (json!({"session_id": "\u{0}", "message": "x"}), 404, "unknown_session"),
        (json!({"session_id": session, "message": "x", "metadata": 1}), 422, "wrong_type"),
        (
            json!({"session_id": session, "message": "x", "metadata": {"m": long}}),
            422,
            "invalid_value",
        ),
        (json!({"session_id": session, "message": "x", "model": "gpt"}), 422, "unknown_field"),
        (json!({"session_id": session, "message": "x".repeat(2 << 20)}), 413, "body_too_large"),
    ] {
        member.post(Orchestrator, path, &body).await.refused(status, code);
        member.post(Gateway, "/v1/session/message", &body).await.refused(status, code);
    }
    for (text, code) in
        [(deep.as_str(), "body_too_deep"), ("", "malformed_json"), ("{\"a\":", "malformed_json")]
    {
        let call = member.call(Method::POST, Orchestrator, path).text(text);
        fleet.http.send(call).await.refused(400, code);
    }
    for body in
        [json!({"prompt": ""}), json!({"prompt": long}), json!({"prompt": "x", "capsule_id": ""})]
    {
        member.post(Orchestrator, "/v1/sessions/start", &body).await.refused(422, "invalid_value");
        member.post(Gateway, "/v1/sessions", &body).await.refused(422, "invalid_value");
    }
    let control = "\u{1}".repeat(64 << 10);
    let odd = member.say(&session, "odd", &format!("{}!", &control[1..])).await;
    assert_eq!(odd.status, StatusCode::OK, "{}", odd.status);
    assert_eq!(member.turns(&session).await.len(), 1);

    let reader = fleet.token("acme", "reader", &["session:read"]).await;
    let call = |token: &str| {
        let call = Call::new(Method::POST, fleet.url(Orchestrator, path));
        call.header("authorization", &format!("Bearer {token}"))
            .json(&json!({"session_id": session, "message": "x"}))
    };
    fleet.http.send(call(&reader)).await.refused(403, "missing_capability");
    let narrow = fleet.token("acme", "narrow", &["session:write"]).await;
    fleet.http.send(call(&narrow)).await.refused(403, "missing_capability");
    assert_eq!(member.turns(&session).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_turns_and_events_join_up() {
    let fleet = Fleet::launch().await;
    let member = fleet.member("acme").await;
    let session = member.session().await;
    for n in 0..7 {
        member.say(&session, &n.to_string(), &format!("message {n}")).await;
    }
    for (list, id, all) in [
        ("turns?limit=2", "number", member.turns(&session).await),
        ("events?stream=false&limit=4", "id", member.events(&session).await),
    ] {
        let (mut read, mut after) = (Vec::new(), 0);
        loop {
            let path = format!("/v1/sessions/{session}/{list}&after={after}");
            let page = member.get(Gateway, &path).await.json;
            let entries = page[list.split('?').next().unwrap()].as_array().unwrap().clone();
            assert_eq!(page["next_after"].is_null(), read.len() + entries.len() == all.len());
            read.extend(entries);
            match page["next_after"].as_u64() {
                Some(next) => after = next,
                None => break,
            }
            assert_eq!(read.last().unwrap()[id], after);
        }
        assert_eq!(read, all);
    }
}
