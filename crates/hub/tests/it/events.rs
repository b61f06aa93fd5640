//! Event streams: resumed without a gap, live, slow, refused, ended.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use http::{Method, StatusCode};
use seaworthy_hub::Role::{self, Gateway, Orchestrator};
use serde_json::{Value, json};

use crate::fleet::{Fleet, Member};
use crate::wire::{Event, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_resumed_again_and_again_under_load_has_no_gap_and_no_double() {
    let fleet = Fleet::launch().await;
    let member = fleet.member("acme").await;
    let session = member.session().await;
    let total = 1 + 2 * 60;
    let talk = async {
        for round in 0..6 {
            join_all((0..10).map(|n| {
                let key = format!("{round}-{n}");
                let (member, session) = (&member, &session);
                async move {
                    let said = member.say(session, &key, "tell me about the sea").await;
                    assert_eq!(said.status, StatusCode::OK, "{said:?}");
                }
            }))
            .await;
        }
    };
    // Hangs up after every seven events and resumes where it was.
    let hopping = async {
        let (mut seen, mut last) = (Vec::<Event>::new(), None);
        while seen.len() < total {
            let role = if seen.len() % 2 == 0 { Gateway } else { Orchestrator };
            let mut stream = member.listen(role, &session, last).await;
            let take = 7.min(total - seen.len());
            seen.extend(stream.take(take).await);
            last = seen.last().map(|event| event.id);
        }
        seen
    };
    let staying = async { member.listen(Gateway, &session, None).await.take(total).await };
    let ((), hopped, stayed) = tokio::join!(talk, hopping, staying);
    let ids: Vec<u64> = hopped.iter().map(|event| event.id).collect();
    assert_eq!(ids, (1..=total as u64).collect::<Vec<_>>());
    assert_eq!(hopped, stayed);
    let stored: Vec<Value> = member.events(&session).await;
    assert_eq!(stored.len(), total);
    for (event, stored) in hopped.iter().zip(&stored) {
        assert_eq!(
            (&event.data, event.kind.as_str()),
            (&stored["data"], stored["type"].as_str().unwrap())
        );
    }
    let mut by_turn = BTreeMap::<String, Vec<String>>::new();
    for event in &hopped[1..] {
        let turn = event.data["turn_id"].as_str().unwrap().to_owned();
        by_turn.entry(turn).or_default().push(event.kind.clone());
    }
    assert_eq!(by_turn.len(), 60);
    assert!(by_turn.values().all(|kinds| kinds == &["message.received", "turn.completed"]));
    until("all streams are closed", || async {
        member.get(Orchestrator, "/metrics").await.text.contains("\nevent_streams 0\n")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_event_id_is_refused() {
    let fleet = Fleet::launch().await;
    let member = fleet.member("acme").await;
    let session = member.session().await;
    for role in [Gateway, Orchestrator] {
        let path = format!("/v1/sessions/{session}/events");
        for id in ["x", "-1", "1.5", "2", "99999999999999999999", "9223372036854775807", ""] {
            let call = member.call(Method::GET, role, &path).header("last-event-id", id);
            fleet.http.send(call).await.refused(400, "invalid_event_id");
            let call = member.call(Method::GET, role, &format!("{path}?stream=false&after={id}"));
            fleet.http.send(call).await.refused(400, "invalid_event_id");
        }
        for query in ["limit=0", "limit=501", "limit=x", "stream=perhaps", "what=1"] {
            let answer = member.get(role, &format!("{path}?{query}")).await;
            assert_eq!(answer.status.as_u16(), 400, "{query}: {answer:?}");
        }
    }
    let mut stream = member.listen(Gateway, &session, Some(0)).await;
    assert_eq!(stream.next().await.unwrap().kind, "session.created");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_end_cleanly_when_the_service_stops() {
    let mut fleet = Fleet::launch().await;
    let token = fleet.member("acme").await.token;
    let member = Member { fleet: &fleet, token };
    let session = member.session().await;
    let mut direct = member.listen(Orchestrator, &session, None).await;
    let mut through = member.listen(Gateway, &session, None).await;
    direct.take(1).await;
    through.take(1).await;
    fleet.stop(Gateway).await;
    assert_eq!(through.next().await, None);
    fleet.stop(Orchestrator).await;
    assert_eq!(direct.next().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_falls_far_behind_still_gets_everything() {
    let fleet = Fleet::launch().await;
    let member = fleet.member("acme").await;
    let session = member.session().await;
    let mut slow = member.listen(Gateway, &session, None).await;
    slow.take(1).await;
    let long = "x".repeat(60_000);
    for n in 0..60 {
        let said = member.say(&session, &n.to_string(), &format!("{n} {long}")).await;
        assert_eq!(said.status, StatusCode::OK, "{}", said.status);
    }
    let read = slow.take(120).await;
    let ids: Vec<u64> = read.iter().map(|event| event.id).collect();
    assert_eq!(ids, (2..=121).collect::<Vec<_>>());
    for (n, event) in read.iter().step_by(2).enumerate() {
        assert!(event.data["message"].as_str().unwrap().starts_with(&format!("{n} x")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_whose_token_is_revoked_ends_before_the_next_event() {
    let fleet = Fleet::launch().await;
    let member = fleet.member("acme").await;
    let session = member.session().await;
    let reader =
        Member { fleet: &fleet, token: fleet.token("acme", "reader", &["session:read"]).await };
    let mut kept = member.listen(Gateway, &session, None).await;
    let mut revoked = reader.listen(Gateway, &session, None).await;
    kept.take(1).await;
    revoked.take(1).await;
    member.say(&session, "seen", "a word before").await;
    assert_eq!(revoked.take(2).await, kept.take(2).await);
    let body = json!({"token": reader.token});
    let done = member.post(Role::Identity, "/v1/tokens/revoke", &body).await;
    assert_eq!(done.status, StatusCode::OK, "{done:?}");
    member.say(&session, "unseen", "a word after").await;
    assert_eq!(revoked.next().await, None);
    assert_eq!(kept.take(2).await[0].data["message"], "a word after");
}
